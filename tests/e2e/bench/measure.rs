//! One file in two browsers side by side: the product's page, and a plain page that inflates and no more.
//!
//! The two take turns, so that whatever else the machine does hits both. The first run of each is cold: a
//! browser runs WebAssembly by a quick compiler first and by a good one after some tenths of a second.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use stepscope::protocol::engine::{Answer, Reply};
use stepscope::protocol::wire;
use stepscope_e2e::Page;
use xtask::root;

use crate::table::Row;

/// Runs after the cold one.
const WARM: usize = 2;
/// How long a page stands before its reader has found the file, in the run that is neither cold nor warm.
const STOOD: Duration = Duration::from_secs(3);
/// A JavaScript string holds no more (V8: 2^29 - 24 UTF-16 units), and `JSON.parse` takes a string.
const MAX_STRING: f64 = 536_870_888.0;

/// In the product's page: notes when a file is chosen, when the first findings are shown, when all are there,
/// and how long the timeline's questions wait for an answer. Times in ms. `SUMMARY` and `ANSWER`: see [`watch`].
const WATCH: &str = r#"
    window.bench = { timeline: [] };
    const asked = new Map();
    document.addEventListener('change', event => {
        if (event.target.type !== 'file') return;
        const start = performance.now();
        bench.first = null;
        bench.ready = new Promise((done, failed) => {
            const watch = new MutationObserver(() => {
                const state = document.documentElement.dataset.state;
                if (state !== 'ready' && state !== 'failed') return;
                watch.disconnect();
                const ms = performance.now() - start;
                state === 'ready' ? done({ ms, first: bench.first ?? ms }) : failed(document.body.innerText);
            });
            watch.observe(document.documentElement, { attributeFilter: ['data-state'] });
        });
        bench.start = start;
    }, true);
    const painted = then => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => then(performance.now());
        channel.port2.postMessage(0);
    });
    window.Worker = class extends Worker {
        constructor(...how) {
            super(...how);
            let first = true;
            this.addEventListener('message', ({ data }) => {
                const head = data?.head;
                if (!(head instanceof Uint8Array)) return;
                if (head[0] === SUMMARY && first) {
                    first = false;
                    painted(now => bench.first = now - bench.start);
                }
                if (head[0] !== ANSWER) return;
                // Seven bits a byte, the lowest first.
                let id = 0, at = 1;
                do id += (head[at] & 127) * 128 ** (at - 1); while (head[at++] & 128);
                if (asked.has(id)) bench.timeline.push(performance.now() - asked.get(id));
            });
        }
        postMessage(message, ...more) {
            const ask = message?.head?.Ask;
            if (ask?.question?.Timeline) asked.set(ask.id, performance.now());
            super.postMessage(message, ...more);
        }
    };
"#;

/// [`WATCH`], told by what byte such replies of a worker begin.
fn watch() -> String {
    let first_byte = |reply: &Reply| {
        let bytes = wire::bytes_of(reply).expect("a reply has bytes");
        *bytes.first().expect("it is not empty")
    };
    // A summary takes a trace; its kind is declared before that of `Loaded`.
    let summary = first_byte(&Reply::Loaded) - 1;
    let nothing = Answer::Nothing { why: String::new() };
    let answer = first_byte(&Reply::Answer {
        id: 0,
        answer: nothing,
    });
    format!("const SUMMARY = {summary}, ANSWER = {answer};\n{WATCH}")
}

/// Moves over the whole trace for `ms`, a step in each frame. Gives `interval`: times between frames; `work`:
/// from a frame's first script to the end of its painting, in the page's thread; `timeline`: from a question
/// for bars to its answer; all ms, and `drawn`: how often the timeline was drawn.
const FRAMES: &str = r#"
    const canvas = document.querySelector('.tl-canvas');
    const box = canvas.getBoundingClientRect();
    const at = (x, more) => ({ bubbles: true, cancelable: true, clientX: box.left + box.width * x,
        clientY: box.top + box.height / 2, ...more });
    const key = name => window.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true }));
    const wheel = (x, more) => canvas.dispatchEvent(new WheelEvent('wheel', at(x, more)));
    const pointer = (kind, x, more) => canvas.dispatchEvent(new PointerEvent(kind, at(x, { pointerId: 1, ...more })));
    // Whole trace, then in at one end, along, out again, and so on from place to place.
    const keys = ['0', ...'wwwwwwaaaaaa', ...'dddddddddddd'.repeat(3), ...'ssss', ...'dddddddd', ...'wwwwdddd', ...'ssssssss'];
    const byKeys = n => key(keys[n % keys.length]);
    const byPointer = n => {
        const turn = n % 120, x = 0.3 + 0.6 * ((n / 120 * 7) % 1);
        if (turn === 0) key('0');
        if (turn < 20) return wheel(x, { deltaY: -120, ctrlKey: true });
        if (turn < 50) return wheel(x, { deltaY: 200, shiftKey: true });
        if (turn === 50) return pointer('pointerdown', 0.8, { button: 0, buttons: 1 });
        if (turn < 90) return pointer('pointermove', 0.8 - (turn - 50) / 40 * 0.5, { buttons: 1 });
        if (turn === 90) return pointer('pointerup', 0.3, { button: 0 });
        return wheel(x, { deltaY: 120, ctrlKey: true });
    };
    const step = HOW === 'keys' ? byKeys : byPointer;
    const interval = [], work = [], drawn = () => Number(document.documentElement.dataset.frames ?? 0);
    const drawnBefore = drawn();
    bench.timeline = [];
    const channel = new MessageChannel();
    let began = 0, last = null, n = 0;
    channel.port1.onmessage = () => work.push(performance.now() - began);
    await new Promise(done => {
        const end = performance.now() + 4000;
        const frame = now => {
            began = performance.now();
            if (last !== null) interval.push(now - last);
            last = now;
            if (began > end) return done();
            // First of all: so the next frame's first script is this one.
            requestAnimationFrame(frame);
            step(n++);
            channel.port2.postMessage(0);
        };
        requestAnimationFrame(frame);
    });
    return { interval: interval.slice(2), work: work.slice(2), timeline: bench.timeline, drawn: drawn() - drawnBefore };
"#;

impl Row {
    /// Sets wall and processor time of the cold run, the first; of the warm ones (median); and of the quickest.
    fn runs(&mut self, name: &str, runs: impl Iterator<Item = (f64, Option<f64>)>) {
        let runs: Vec<_> = runs.collect();
        let wall: Vec<f64> = runs.iter().map(|run| run.0).collect();
        let cpu: Vec<f64> = runs.iter().filter_map(|run| run.1).collect();
        for (list, unit) in [(wall, "ms"), (cpu, "cpu_ms")] {
            let Some((cold, warm)) = list.split_first() else {
                continue;
            };
            self.set(&format!("{name}_cold_{unit}"), Some(*cold));
            self.set(&format!("{name}_warm_{unit}"), median(warm));
            self.set(
                &format!("{name}_least_{unit}"),
                list.iter().copied().reduce(f64::min),
            );
        }
    }
}

/// The two pages, each in a browser of its own.
struct Pages {
    product: Page,
    plain: Page,
}

/// The product's page in a fresh browser.
fn product() -> Page {
    let mut product = Page::blank();
    product.before_its_scripts(&watch());
    product.go_to("");
    product
}

impl Pages {
    fn open() -> Pages {
        let mut plain = Page::serving(&root().join("target/bench/plain"));
        plain.go_to("");
        Pages {
            product: product(),
            plain,
        }
    }

    /// Calls one of the plain page's functions.
    fn alone(&self, call: &str) -> Option<Alone> {
        let before = self.plain.cpu_ms();
        let found = self.plain.eval_async(&format!("return {call};"));
        let cpu_ms = spent(before, self.plain.cpu_ms());
        if found["rejected"].is_string() {
            eprintln!("{call} failed: {}", found["rejected"]);
        }
        Some(Alone {
            ms: found["ms"].as_f64()?,
            cpu_ms,
            bytes: found["bytes"].as_f64()?,
        })
    }
}

struct Alone {
    ms: f64,
    /// Of all the browser's processes.
    cpu_ms: Option<f64>,
    /// Of text.
    bytes: f64,
}

fn spent(before: Option<f64>, after: Option<f64>) -> Option<f64> {
    Some(after? - before?)
}

/// Measures one file.
pub fn measure(file: &Path) -> Row {
    let mut row = Row::new(name_of(file));
    {
        let page = product();
        std::thread::sleep(STOOD);
        let open = open(&page, file);
        row.set("open_stood_ms", Some(open.ms));
        row.set("first_stood_ms", Some(open.first_ms));
    }
    let pages = Pages::open();
    pages.plain.choose_files(&[file]);
    let mut inflate = Vec::new();
    let mut opens = Vec::new();
    let mut memory = 0.0_f64;
    for run in 0..=WARM {
        inflate.extend(pages.alone("inflate('Alone')"));
        opens.push(open(&pages.product, file));
        let facts = facts(&pages.product);
        memory = memory.max(number(&facts["memoryBytes"]).unwrap_or(0.0));
        if run == 0 {
            row.set("events", number(&facts["events"]));
            row.set("inflated_bytes", number(&facts["inflatedBytes"]));
        }
        row.set("engine_open_ms", number(&facts["openMs"]));
    }
    let engine: Vec<Alone> = (0..=WARM)
        .filter_map(|_| pages.alone("inflate('Engine')"))
        .collect();
    let text = inflate.first().map(|run: &Alone| run.bytes);
    assert!(
        text == row.get("inflated_bytes"),
        "{}: inflating alone gives {text:?} bytes, opening {:?}",
        row.file,
        row.get("inflated_bytes")
    );
    row.runs("inflate", inflate.iter().map(|run| (run.ms, run.cpu_ms)));
    // Of a file that is not zipped, or has several members, it reads less: then it says nothing.
    if engine.iter().all(|run| Some(run.bytes) == text) {
        row.runs("engine", engine.iter().map(|run| (run.ms, run.cpu_ms)));
    }
    row.runs("open", opens.iter().map(|open| (open.ms, open.cpu_ms)));
    row.runs("first", opens.iter().map(|open| (open.first_ms, None)));
    row.set("memory_bytes", Some(memory));
    let stream: Vec<f64> = (0..WARM)
        .filter_map(|_| Some(pages.alone("decompressionStream()")?.ms))
        .collect();
    row.set("stream_ms", median(&stream));
    if text.is_some_and(|bytes| bytes <= MAX_STRING) {
        row.set("parse_ms", pages.alone("jsonParse()").map(|run| run.ms));
    }

    pages.product.eval("location.hash = 'view=timeline';");
    pages.product.wait_until("the timeline draws", || {
        number(
            &pages
                .product
                .eval("return document.documentElement.dataset.frames ?? '0';"),
        )
        .is_some_and(|n| n > 0.0)
    });
    for how in ["keys", "pointer"] {
        let found = pages
            .product
            .eval_async(&format!("const HOW = '{how}'; {FRAMES}"));
        assert!(found["rejected"].is_null(), "{how}: {}", found["rejected"]);
        for what in ["interval", "work", "timeline"] {
            let times = sorted(&found[what]);
            for (q, suffix) in [(0.5, "p50"), (0.99, "p99")] {
                row.set(&format!("{how}_{what}_{suffix}_ms"), nearest_rank(&times, q));
            }
        }
        row.set(&format!("{how}_drawn"), found["drawn"].as_f64());
    }
    row
}

struct Opened {
    /// From the choice of the file to all findings on the page.
    ms: f64,
    /// Of all the browser's processes, in that time.
    cpu_ms: Option<f64>,
    /// … to the first findings on the page, of a part of the file or of all.
    first_ms: f64,
}

fn open(page: &Page, file: &Path) -> Opened {
    let before = page.cpu_ms();
    page.choose_files(&[file]);
    let found = page.eval_async("return bench.ready;");
    let cpu_ms = spent(before, page.cpu_ms());
    match (found["ms"].as_f64(), found["first"].as_f64()) {
        (Some(ms), Some(first_ms)) => Opened { ms, cpu_ms, first_ms },
        _ => panic!("{} did not open: {found}", file.display()),
    }
}

/// What the overview says of the file.
fn facts(page: &Page) -> Value {
    page.eval("location.hash = 'view=overview';");
    page.wait_until("the overview has facts", || page.count(".facts-list") == 1);
    page.eval("return {...document.querySelector('.facts-list').dataset};")
}

fn name_of(file: &Path) -> String {
    let name = PathBuf::from(file.file_name().unwrap_or_default());
    let name = name.to_string_lossy();
    name.trim_end_matches(".gz")
        .trim_end_matches(".json")
        .trim_end_matches(".trace")
        .trim_end_matches(".pt")
        .to_owned()
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn sorted(list: &Value) -> Vec<f64> {
    let mut list: Vec<f64> = list.as_array().into_iter().flatten().filter_map(number).collect();
    list.sort_by(f64::total_cmp);
    list
}

/// The mean of the two middle values of an even number of them.
fn median(list: &[f64]) -> Option<f64> {
    let mut list = list.to_vec();
    list.sort_by(f64::total_cmp);
    let (low, high) = (list.len().checked_sub(1)? / 2, list.len() / 2);
    Some((list[low] + list[high]) / 2.0)
}

/// The value that `q` of all values do not exceed.
fn nearest_rank(sorted: &[f64], q: f64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

//! `cargo xtask bench FILE…`: what opening costs, in the real browser.
//!
//! For each file, in a fresh Chromium: the browser's own `DecompressionStream` and `JSON.parse` on it (where it
//! can at all), then Stepscope, on the same page in the same run; then the timeline, panned and zoomed by
//! keyboard for three seconds while frame times are taken.

use std::path::Path;

use serde_json::Value;
use stepscope_e2e::Page;

/// Reads the file that a dialog of its own gives, with what browsers bring along. Gives
/// `[inflate ms, inflate + JSON.parse ms or null]`.
const BROWSERS_OWN: &str = r#"
    const file = document.getElementById('bench').files[0];
    const gz = file.name.endsWith('.gz');
    const text = () => gz ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream();
    let start = performance.now();
    const reader = text().getReader();
    while (!(await reader.read()).done) {}
    const inflate = performance.now() - start;
    let parse = null;
    try {
        start = performance.now();
        JSON.parse(await new Response(text()).text());
        parse = performance.now() - start;
    } catch (why) { console.debug('no JSON.parse: ' + why); }
    return [inflate, parse];
"#;

/// Pans and zooms for three seconds. Gives the times between animation frames, ms.
const FRAMES: &str = r#"
    const keys = ['w','w','d','d','d','w','a','s','d','s','s','a','d','s'];
    const times = [];
    let last = performance.now(), n = 0;
    const end = last + 3000;
    await new Promise(done => {
        const frame = now => {
            times.push(now - last);
            last = now;
            window.dispatchEvent(new KeyboardEvent('keydown', { key: keys[n++ % keys.length], bubbles: true }));
            performance.now() < end ? requestAnimationFrame(frame) : done();
        };
        requestAnimationFrame(frame);
    });
    return times.slice(2);
"#;

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn ms(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |ms| format!("{ms:.0} ms"))
}

fn ratio(a: Option<f64>, b: Option<f64>) -> String {
    a.zip(b)
        .map_or_else(|| "–".into(), |(a, b)| format!("{:.2}", a / b))
}

fn measure(file: &Path) {
    let page = Page::open();
    page.eval("const i = document.createElement('input'); i.type = 'file'; i.id = 'bench'; document.body.prepend(i);");
    // The page's own input is the second one now; the first is the bench's.
    page.choose_files(&[file]);
    let own = page.eval_async(BROWSERS_OWN);
    page.eval("document.getElementById('bench').remove();");
    let (inflate, parse) = (number(&own[0]), number(&own[1]));
    page.choose_files(&[file]);
    page.wait_for("ready");
    let facts = page.eval("return {...document.querySelector('.facts-list').dataset};");
    let fact = |name: &str| number(&facts[name]);
    let (open, first) = (fact("openMs"), fact("firstMs"));
    let (memory, events, inflated) = (fact("memoryBytes"), fact("events"), fact("inflatedBytes"));
    page.eval("location.hash = 'view=timeline';");
    page.wait_until("the timeline draws", || {
        number(&page.eval("return document.documentElement.dataset.frames ?? '0';")).is_some_and(|n| n > 0.0)
    });
    let frames = page.eval_async(FRAMES);
    let mut frames: Vec<f64> = frames
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(number)
        .collect();
    frames.sort_by(f64::total_cmp);
    let quantile = |q: f64| nearest_rank(&frames, q);
    println!(
        "| {} | {:.1} MB | {:.0} | {} | {} | {} | {} | {:.0} MB | {} | {} / {} |",
        file.file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        inflated.unwrap_or(0.0) / 1e6,
        events.unwrap_or(0.0),
        ms(open),
        ms(first),
        ratio(open, inflate),
        ratio(parse, open),
        memory.unwrap_or(0.0) / 1e6,
        ratio(memory, events),
        ms(quantile(0.5)),
        ms(quantile(0.99)),
    );
}

/// The value that `q` of all values do not exceed.
fn nearest_rank(sorted: &[f64], q: f64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

fn main() {
    println!(
        "| file | inflated | events | open | first answer | open ÷ DecompressionStream | (DecompressionStream + JSON.parse) ÷ open | peak memory | bytes an event | frame p50 / p99 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for file in std::env::args_os().skip(1) {
        measure(Path::new(&file));
    }
}

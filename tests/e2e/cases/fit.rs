//! A trace that does not fit into memory: the page says so before it fails, and each offer works. `#memory=` lowers
//! what there is room for, so that a small trace will do.

use std::fmt::Write as _;

use stepscope::protocol::engine::{Progress, Reply};
use stepscope::protocol::wire;
use stepscope_e2e::{Look, Page, key};
use tempfile::NamedTempFile;

use crate::real::{click_text, texts};

/// Three events of four are python frames; in order of time, 10 µs apart.
const EVENTS: usize = 200_000;

/// 2 s that take about 10 MB; the program itself counts as 16.
fn trace() -> NamedTempFile {
    let mut text = String::from("{\"traceEvents\":[\n");
    for i in 0..EVENTS {
        let (category, tid) = match i % 20 {
            0..15 => ("python_function", 1),
            15..18 => ("cpu_op", 2),
            _ => ("kernel", 3),
        };
        let comma = if i == 0 { "" } else { ",\n" };
        write!(
            text,
            "{comma}{{\"ph\": \"X\", \"cat\": \"{category}\", \"name\": \"work {}\", \"pid\": 1, \"tid\": {tid}, \"ts\": {}, \"dur\": 9.5}}",
            i % 100,
            i * 10
        )
        .expect("a text");
    }
    text.push_str("\n]}");
    let file = tempfile::Builder::new()
        .prefix("large-")
        .suffix(".json")
        .tempfile()
        .expect("a file");
    std::fs::write(file.path(), text).expect("a file written");
    file
}

const DIALOG: &str = "dialog.fit[open]";

/// As torch's profiler writes them: all operators, in order of time, then all python frames.
fn python_last() -> NamedTempFile {
    let file = trace();
    let text = std::fs::read_to_string(file.path()).expect("the trace");
    let lines: Vec<&str> = text.lines().collect();
    let events = lines[1..lines.len() - 1]
        .iter()
        .map(|line| line.trim_end_matches(','));
    let (python, others): (Vec<&str>, Vec<&str>) = events.partition(|line| line.contains("python"));
    let events = [others, python].concat().join(",\n");
    std::fs::write(file.path(), format!("{{\"traceEvents\":[\n{events}\n]}}")).expect("a file written");
    file
}

#[test]
fn python_stacks_that_are_still_to_come_can_be_left_out() {
    let file = python_last();
    let page = asked(&file);
    let python = page.text(".choice");
    assert!(
        python.contains("Leave out python stacks") && python.contains("not known yet"),
        "{python}"
    );
    page.screenshot("fit-python-last", Look::LAPTOP);
    // Not asked again: what that saves is seen at the end only.
    choose(&page, "Leave out python stacks");
    assert_eq!(events(&page), EVENTS as u64 / 4);
    assert_eq!(page.count(".stopped"), 0);
    page.must_be_clean();
}

/// The page that asks what to load of the trace.
fn asked(file: &NamedTempFile) -> Page {
    let page = Page::open_at("#memory=20");
    page.choose_files(&[file.path()]);
    page.wait_for("asking");
    page.wait_until("the dialog is open", || page.count(DIALOG) == 1);
    page
}

fn choose(page: &Page, label: &str) {
    click_text(page, ".choices button", label);
    page.wait_for("ready");
}

/// Events of the trace that is open.
fn events(page: &Page) -> u64 {
    let n = page.eval("return document.querySelector('[data-events]').dataset.events");
    n.as_str().and_then(|n| n.parse().ok()).expect("a number")
}

#[test]
fn the_page_asks_before_it_fails() {
    let file = trace();
    let page = asked(&file);
    let says = page.text(".fit-says");
    assert!(says.contains("there is room for 20.0 MB"), "{says}");
    let labels = texts(&page, ".choices button");
    assert_eq!(
        labels,
        [
            "Leave out python stacks",
            "Leave out “cpu_op”",
            "Leave out “kernel”",
            "Load this stretch of time",
            "Load the first part that fits",
            "Load all of it anyway"
        ]
    );
    let python = page.text(".choice");
    assert!(python.contains("75 % of the events so far"), "{python}");
    let focus = || page.eval("return document.activeElement.innerText");
    assert_eq!(focus(), "Leave out python stacks");
    page.press(&key(fantoccini::key::Key::Tab));
    assert_eq!(focus(), "Leave out “cpu_op”");
    let wide = Look {
        width_px: 1440,
        height_px: 1000,
        dark: false,
    };
    page.screenshot("fit-wide", wide);
    page.screenshot("fit-dark", Look { dark: true, ..wide });
    page.screenshot("fit-narrow", Look::PHONE);
    let over = page.eval(
        "const body = document.querySelector('dialog.fit .dialog-body');
         return body.scrollWidth - body.clientWidth",
    );
    assert_eq!(over, 0, "the dialog is wider than the window");
    page.press(&key(fantoccini::key::Key::Escape));
    page.wait_for("empty");
    assert_eq!(page.count(DIALOG), 0);
    page.must_be_clean();
}

#[test]
fn python_stacks_are_left_out() {
    let file = trace();
    let page = asked(&file);
    choose(&page, "Leave out python stacks");
    assert_eq!(events(&page), EVENTS as u64 / 4);
    let says = page.text(".note.warn");
    assert_eq!(says, "150,000 python_function events were left out on request.");
    assert_eq!(page.count(".stopped"), 0);
    assert!(page.text("#facts-head ~ p").contains("Repaired 0, lost 0"));
    // The limit is the page's, not the trace's.
    assert_eq!(page.eval("return location.hash"), "#memory=20");
    page.must_be_clean();
}

#[test]
fn a_stretch_of_time_is_loaded() {
    let file = trace();
    let page = asked(&file);
    let value = |nth: usize| {
        let script = format!("return Number(document.querySelectorAll('.stretch input')[{nth}].value)");
        page.eval(&script).as_f64().expect("a number")
    };
    // 4 of about 10 MB, and a margin.
    assert_eq!(value(0), 0.0);
    assert!((500.0..900.0).contains(&value(1)), "{}", value(1));
    let size = || page.text(".choice:has(.stretch) .choice-size");
    let before = size();
    page.eval(
        "const input = document.querySelectorAll('.stretch input')[1];
         input.focus();
         input.select()",
    );
    page.press("100");
    page.wait_until("the size follows", || size() != before);
    page.press(&key(fantoccini::key::Key::Enter));
    page.wait_for("ready");
    assert_eq!(events(&page), 10_000);
    let says = page.text(".note.warn");
    assert_eq!(
        says,
        "190,000 events outside 0 ns to 100 ms from the start of the trace were left out on request."
    );
    page.must_be_clean();
}

#[test]
fn reading_stops_where_memory_is_full_and_more_can_be_chosen_then() {
    let file = trace();
    let page = asked(&file);
    choose(&page, "Load the first part that fits");
    let says = page.text(".stopped");
    assert!(
        says.contains("Reading stopped at 3") || says.contains("Reading stopped at 4"),
        "{says}"
    );
    let read = events(&page);
    assert!((EVENTS as u64 / 4..EVENTS as u64 / 2).contains(&read), "{read}");
    assert!(page.text("#facts-head ~ p").contains("Repaired 0, lost 0"));
    page.screenshot("fit-stopped", Look::LAPTOP);
    page.click(".stopped button");
    page.wait_until("the dialog is open", || page.count(DIALOG) == 1);
    assert!(!texts(&page, ".choices button").contains(&"Load the first part that fits".to_owned()));
    page.press(&key(fantoccini::key::Key::Escape));
    page.wait_until("it is closed, and what was read is still there", || {
        page.count(DIALOG) == 0 && page.state() == "ready"
    });
    page.click(".stopped button");
    page.wait_until("the dialog is open", || page.count(DIALOG) == 1);
    click_text(&page, ".choices button", "Leave out python stacks");
    page.wait_until("the rest is read", || {
        page.state() == "ready" && page.count(".stopped") == 0 && events(&page) == EVENTS as u64 / 4
    });
    page.must_be_clean();
}

#[test]
fn another_category_is_left_out_and_the_page_asks_again() {
    let file = trace();
    let page = asked(&file);
    click_text(&page, ".choices button", "Leave out “kernel”");
    page.wait_until("it still does not fit", || {
        page.state() == "asking"
            && !texts(&page, ".choices button").contains(&"Leave out “kernel”".to_owned())
    });
    choose(&page, "Leave out python stacks");
    assert_eq!(events(&page), EVENTS as u64 * 3 / 20);
    assert_eq!(page.count(".note.warn"), 2);
    page.must_be_clean();
}

#[test]
fn all_of_it_is_tried() {
    let file = trace();
    let page = asked(&file);
    choose(&page, "Load all of it anyway");
    assert_eq!(events(&page), EVENTS as u64);
    assert_eq!((page.count(".stopped"), page.count(".note.warn")), (0, 0));
    page.must_be_clean();
}

#[test]
fn a_worker_that_dies_with_much_memory_is_told_of() {
    let file = trace();
    let mut page = Page::blank();
    // Another pair may have read the generated trace before (web/workers.rs): the last to have loaded one is meant.
    let loaded = wire::bytes_of(&Reply::Loaded).expect("bytes");
    page.before_its_scripts(&format!(
        "window.Worker = class extends Worker {{
             constructor(...how) {{
                 super(...how);
                 this.addEventListener('message', ({{ data }}) => {{
                     if (String(data?.head) === String({loaded:?})) window.serving = this;
                 }});
             }}
         }};",
    ));
    page.go_to("");
    page.choose_files(&[file.path()]);
    page.wait_for("ready");
    // The workers of this page are as small as the trace; what a large one would say is said for it.
    let progress = wire::bytes_of(&Reply::Progress(Progress {
        memory_bytes: 1 << 31,
        ..Progress::default()
    }));
    let progress = progress.expect("bytes");
    page.eval(&format!(
        "const head = new Uint8Array({progress:?});
         serving.dispatchEvent(new MessageEvent('message', {{ data: {{ head }} }}));
         serving.dispatchEvent(new ErrorEvent('error', {{ message: 'RuntimeError: unreachable' }}))",
    ));
    page.wait_for("failed");
    let says = page.text(".trouble");
    assert!(
        says.contains("Probably out of memory") && says.contains("2.15 GB"),
        "{says}"
    );
    page.wait_until("the offers are there", || page.count(DIALOG) == 1);
    choose(&page, "Leave out python stacks");
    assert_eq!(events(&page), EVENTS as u64 / 4);
}

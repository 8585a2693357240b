//! A file is opened by dialog or drop; one that cannot be read says so, and the page stays usable.

use std::path::Path;

use stepscope_e2e::{Look, Page, corpus};
use tempfile::NamedTempFile;

pub fn file(text: &str) -> NamedTempFile {
    let file = tempfile::Builder::new()
        .prefix("trace-")
        .suffix(".json")
        .tempfile()
        .expect("a file");
    std::fs::write(file.path(), text).expect("a file written");
    file
}

pub const ONE_EVENT: &str =
    r#"{"traceEvents":[{"ph":"X","name":"execute","cat":"cpu_op","pid":1,"tid":1,"ts":1.5,"dur":2}]}"#;

fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .expect("a name in UTF-8")
}

#[test]
fn the_sample_opens() {
    let page = Page::open();
    page.click("button.sample");
    page.wait_for("ready");
    page.screenshot("sample-light", Look::LAPTOP);
    page.screenshot(
        "sample-dark",
        Look {
            dark: true,
            ..Look::LAPTOP
        },
    );
    page.must_be_clean();
}

#[test]
fn how_to_record_is_folded_and_its_commands_can_be_copied() {
    let page = Page::open();
    let names = page.eval(
        "const copies = [...document.querySelectorAll('.record details .copyable button')];
         return copies.map(button => button.getAttribute('aria-label'))",
    );
    let names: Vec<&str> = names
        .as_array()
        .expect("names")
        .iter()
        .filter_map(|n| n.as_str())
        .collect();
    for family in ["Gaudi, vLLM: End to end", "CUDA, ROCm", "SGLang", "Ascend"] {
        assert!(
            names
                .iter()
                .any(|name| name.starts_with(&format!("Copy: {family}"))),
            "{family}: {names:?}"
        );
    }
    assert_eq!(page.count(".record details[open]"), 0);
    page.click(".record details summary");
    page.click(".record details[open] .copyable button");
    page.wait_until("it says so", || {
        page.text(".record details[open] [role=status]") == "Copied"
    });
    page.screenshot("record", Look::LAPTOP);
    page.must_be_clean();
}

#[test]
fn a_dropped_file_opens() {
    let page = Page::open();
    let trace = file(ONE_EVENT);
    page.drop_file(trace.path());
    page.wait_for("ready");
    assert!(
        page.text("body").contains(name(trace.path())),
        "{}",
        page.text("body")
    );
    page.must_be_clean();
}

#[test]
fn what_is_no_trace_says_so_and_the_next_file_opens() {
    let page = Page::open();
    for nothing in ["", "hi", "This is a letter."] {
        let letter = file(nothing);
        page.choose_files(&[letter.path()]);
        let says = || page.text("body");
        page.wait_until("the page names the file", || {
            page.state() == "failed" && says().contains(name(letter.path()))
        });
    }
    let trace = file(ONE_EVENT);
    page.choose_files(&[trace.path()]);
    // Not wait_for: the page may still show the last failure for a moment.
    page.wait_until("the next file opens", || page.state() == "ready");
    page.must_be_clean();
}

#[test]
fn a_profile_of_gaudi_opens_with_its_metrics_file() {
    let dir = "gaudi/driven_v1_full";
    let Some(trace) = corpus(&format!("{dir}/vllm.1795316005590859281.pt.trace.json.gz")) else {
        return;
    };
    let Some(metrics) = corpus(&format!("{dir}/metrics.json")) else {
        return;
    };
    let page = Page::open();
    page.choose_files(&[&trace, &metrics]);
    page.wait_for("ready");
    page.screenshot("gaudi-overview-light", Look::LAPTOP);
    page.screenshot("gaudi-overview-phone", Look::PHONE);
    page.must_be_clean();
}

#[test]
fn the_second_trace_of_a_file_opens_in_place_of_the_first_and_back() {
    let page = Page::open();
    let second = ONE_EVENT.replace("execute", "another").replace(
        "}]}",
        r#"},{"ph":"X","name":"third","cat":"cpu_op","pid":1,"tid":1,"ts":9,"dur":2}]}"#,
    );
    let trace = file(&format!("{ONE_EVENT}\n{second}"));
    page.drop_file(trace.path());
    page.wait_for("ready");
    let offered = || page.text(".other-traces");
    assert!(offered().contains("2 events"), "{}", offered());
    page.click(".other-traces button");
    page.wait_until("the second is open", || {
        page.state() == "ready" && offered().contains("1 event")
    });
    assert!(!offered().contains("2 events"), "{}", offered());
    page.click(".other-traces button");
    page.wait_until("the first is open again", || {
        page.state() == "ready" && offered().contains("2 events")
    });
    page.must_be_clean();
}

#[test]
fn a_second_file_that_cannot_be_opened_leaves_the_first_as_it_was() {
    let page = Page::open();
    let trace = file(ONE_EVENT);
    page.drop_file(trace.path());
    page.wait_for("ready");
    page.eval("location.hash = 'view=operators'");
    page.wait_until("operators are shown", || page.count(".view-operators") == 1);
    let letter = file("This is a letter.");
    page.drop_file(letter.path());
    // It asks before it takes the place of what is open.
    page.click(".ask .buttons button:last-child");
    page.wait_until("the page names the letter", || {
        page.text("body").contains(name(letter.path()))
    });
    page.wait_for("ready");
    assert_eq!(page.count(".view-operators"), 1);
    assert!(page.text("body").contains(name(trace.path())));
    assert!(page.text("main").contains("execute"), "{}", page.text("main"));
    page.click(".trouble button");
    page.wait_until("the trouble is gone", || page.count(".trouble") == 0);
    page.must_be_clean();
}

#[test]
fn another_file_asks_before_it_takes_the_place_of_the_open_one() {
    let page = Page::open();
    let (first, second) = (file(ONE_EVENT), file(&ONE_EVENT.replace("execute", "another")));
    page.drop_file(first.path());
    page.wait_for("ready");
    let title = || page.eval("return document.title");
    assert_eq!(title(), format!("{} · Stepscope", name(first.path())));
    page.drop_file(second.path());
    page.wait_until("it asks", || page.count(".ask .buttons button") == 4);
    page.click(".ask .buttons button:first-child");
    page.wait_until("the question is gone", || page.count(".ask .buttons") == 0);
    assert!(page.text(".head").contains(name(first.path())));
    page.drop_file(second.path());
    page.wait_until("it asks again", || page.count(".ask .buttons button") == 4);
    page.click(".ask .buttons button:last-child");
    page.wait_until("the second is open", || {
        page.text("body").contains(name(second.path()))
    });
    page.wait_for("ready");
    // The page's name closes nothing without asking, either.
    page.click("button.brand");
    page.wait_until("it asks before it closes", || {
        page.count(".ask .buttons button") == 2
    });
    page.click(".ask .buttons button:first-child");
    assert_eq!(page.state(), "ready");
    page.click("button.brand");
    page.click(".ask .buttons button:last-child");
    page.wait_for("empty");
    assert_eq!(title(), "Stepscope");
    page.must_be_clean();
}

#[test]
fn json_that_is_pasted_as_text_opens() {
    let page = Page::open();
    let paste = |text: &str| {
        page.eval_with(
            "const data = new DataTransfer();
             data.setData('text/plain', arguments[0]);
             document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))",
            vec![text.into()],
        )
    };
    paste("a letter");
    assert_eq!(page.state(), "empty");
    paste(ONE_EVENT);
    page.wait_for("ready");
    assert!(page.text(".head").contains("pasted.json"));
    page.must_be_clean();
}

//! The open trace and another, compared: the same numbers as the command line's, and nothing that was open is lost.

use std::path::{Path, PathBuf};

use stepscope::analyze::compare::compare;
use stepscope::analyze::report::Profile;
use stepscope_e2e::Page;

use crate::looks::{DARK, NARROW, STICKS_OUT, WIDE};
use crate::real::opened;

/// Of our own making, see tests/data/README.md.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data").join(name)
}

const OTHER: &str = "input[aria-label='Trace to compare with']";

fn says(a: &Path, b: &Path) -> Vec<String> {
    let profile = |file: &Path| Profile::of(&opened(file).unwrap().report);
    compare(&profile(a), &profile(b)).sentences
}

fn shown(page: &Page) -> Vec<String> {
    let n = page.count(".view-compare .verdict-line");
    (1..=n)
        .map(|i| page.text(&format!(".view-compare .verdict-line:nth-of-type({i})")))
        .collect()
}

#[test]
fn the_open_trace_is_compared_with_another() {
    let (a, b) = (data("cuda_graphs.json.gz"), data("cuda_eager.json.gz"));
    let page = Page::open();
    page.choose_files(&[&a]);
    page.wait_for("ready");
    page.choose_in(OTHER, &[&b]);
    page.wait_until("the comparison is shown", || {
        page.count(".view-compare .verdict-line") > 0
    });
    assert_eq!(shown(&page), says(&a, &b));
    assert!(page.text(".tabs .here").starts_with("Compare"));
    page.wait_until("its tables have rows", || {
        page.count(".view-compare tbody tr") > 10
    });
    for (word, look) in [("wide", WIDE), ("narrow", NARROW), ("dark", DARK)] {
        page.look(look);
        page.eval_async("await new Promise(done => setTimeout(done, 300))");
        page.screenshot(&format!("compare-{word}"), look);
        assert_eq!(page.eval(STICKS_OUT), serde_json::json!([]), "{word}");
    }
    page.look(WIDE);
    page.click(".view-compare .verdict button:last-of-type");
    let handed_on = String::from_utf8(page.downloaded("cuda_graphs.compared.html")).expect("UTF-8");
    assert!(
        handed_on.contains("<h1>A and B compared</h1>"),
        "{}",
        &handed_on[..300]
    );
    page.click(".view-compare .swap");
    page.wait_until("A and B are swapped", || shown(&page) == says(&b, &a));
    page.must_be_clean();
}

#[test]
fn another_trace_that_cannot_be_read_leaves_the_open_one() {
    let page = Page::open();
    page.choose_files(&[&data("rocm.json.gz")]);
    page.wait_for("ready");
    page.choose_in(OTHER, &[&data("README.md")]);
    page.wait_until("why is said", || page.count(".trouble[role=alert]") == 1);
    assert!(page.text(".trouble[role=alert]").contains("Not compared: "));
    assert_eq!(page.state(), "ready");
    assert_eq!(page.count(".view-overview"), 1);
    page.must_be_clean();
}

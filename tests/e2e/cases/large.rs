//! A recording of 457 MB: it opens, it can be given up, and the page is as usable after.

use stepscope::table::PAGE_ROWS;
use stepscope::view::route::View;
use stepscope_e2e::{Page, corpus};

use crate::real::{Gaudi, frames, go, table, texts};

const LARGE: &str = "kineto/torch_cpu/large-2.9.1/full_1000steps.pt.trace.json.gz";

#[test]
fn a_trace_of_457_mb_opens() {
    let Some(large) = corpus(LARGE) else { return };
    let page = Page::open();
    page.choose_files(&[&large]);
    page.wait_for("ready");
    assert!(
        page.text("section[aria-labelledby=facts-head]")
            .contains("inflated 458 MB"),
        "{}",
        page.text("section[aria-labelledby=facts-head]")
    );
    assert_eq!(
        texts(&page, "nav.tabs .tab-count").first().map(String::as_str),
        Some("1,001")
    );
    go(&page, View::Steps);
    let steps = table(&page, "steps");
    steps.wait_for_size("1,001 rows");
    assert_eq!(steps.rows().len(), PAGE_ROWS as usize);
    page.eval_with(
        "const scroller = document.querySelector(arguments[0]); scroller.scrollTop = scroller.scrollHeight",
        vec![steps.css(".data-table").into()],
    );
    page.wait_until("the last step is listed", || {
        steps.drawn("step").last().is_some_and(|step| step == "1000")
    });
    go(&page, View::Timeline);
    page.wait_until("the timeline is drawn", || frames(&page) > 0);
    let before = frames(&page);
    page.press("w");
    page.wait_until("it is drawn again", || frames(&page) > before);
    page.must_be_clean();
}

#[test]
fn loading_can_be_given_up_and_another_file_opened() {
    let Some(large) = corpus(LARGE) else { return };
    let Some(gaudi) = Gaudi::find() else { return };
    let page = Page::open();
    page.choose_files(&[&large]);
    page.wait_until("some of it is read", || {
        page.state() == "loading" && page.count(".loading progress") == 1 && {
            let value = page.eval("return document.querySelector('.loading progress')?.value ?? 0");
            value.as_f64().is_some_and(|part| part > 0.0)
        }
    });
    page.click(".loading button");
    page.wait_for("empty");
    assert!(
        page.text("h1")
            .contains("Find out where your decode steps spend their time")
    );
    gaudi.open_in(&page);
    assert_eq!(texts(&page, "nav.tabs .tab-count"), ["52", "12"]);
    // Nothing of the other file comes late.
    page.eval_async("await new Promise(done => setTimeout(done, 2000))");
    assert_eq!(page.state(), "ready");
    assert_eq!(texts(&page, "nav.tabs .tab-count"), ["52", "12"]);
    page.must_be_clean();
}

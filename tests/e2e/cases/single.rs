//! The page as one file, from a disk.

use std::fs;

use serde_json::Value;
use stepscope::view::route::View;
use stepscope_e2e::{Look, Page};
use tempfile::TempDir;
use xtask::{pack, page};

use crate::opening::{ONE_EVENT, file};
use crate::real::{FILLS_OF_GAUDI, Gaudi, go};

/// A browser at a copy of the file, in a folder where nothing else is.
fn alone(tail: &str) -> (Page, TempDir) {
    let place = tempfile::tempdir().expect("a directory");
    let copy = place.path().join("with a name.html");
    fs::copy(page::dist().join(pack::SINGLE), &copy).expect("the page as one file");
    let mut page = Page::blank();
    page.go_to_file(&copy, tail);
    page.wait_for("empty");
    (page, place)
}

#[test]
fn it_opens_a_trace_and_asks_for_nothing() {
    let (page, _place) = alone("");
    assert_eq!(page.offline(), "none");
    page.screenshot("single-start", Look::LAPTOP);
    let trace = file(ONE_EVENT);
    page.choose_files(&[trace.path()]);
    page.wait_for("ready");
    page.click("details.menu summary");
    page.click("details.menu button");
    let wanted = trace
        .path()
        .file_stem()
        .and_then(|name| name.to_str())
        .expect("a name");
    page.wait_until("the report says that it was saved", || {
        page.saved().iter().any(|name| name.starts_with(wanted))
    });
    page.must_be_clean();
    assert_eq!(page.asked(), [""; 0]);
}

#[test]
fn every_view_of_a_real_trace_works() {
    let Some(gaudi) = Gaudi::find() else { return };
    let (page, _place) = alone("#view=timeline&slice=3466");
    gaudi.open_in(&page);
    // Its args are read again from the file, by the other worker.
    page.wait_until("the linked slice is shown", || {
        page.text("main").contains("HabanaFusedOpLazy_sampler_topk")
    });
    for view in View::of_trace(FILLS_OF_GAUDI) {
        go(&page, view);
    }
    page.screenshot("single-timeline", Look::LAPTOP);
    page.must_be_clean();
    assert_eq!(page.asked(), [""; 0]);
}

#[test]
fn it_is_locked_as_the_other_page_is() {
    let (page, _place) = alone("");
    let address = format!("{}?secret", page.origin());
    let tries = "
        const rejected = [];
        const attempt = async (what, how) => { try { await how(); } catch { rejected.push(what); } };
        await attempt('fetch', () => fetch(address));
        await attempt('worker', async () => {
            const source = `fetch(${JSON.stringify(address)}).then(() => postMessage('ok'), () => postMessage('no'))`;
            const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
            if (await new Promise(done => { worker.onmessage = event => done(event.data) }) === 'no') throw 'no';
        });
        await attempt('image', () => new Promise((done, fail) => {
            Object.assign(new Image(), { onload: done, onerror: fail, src: address });
        }));
        await attempt('script', () => new Promise((done, fail) => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.head.append(script);
            window.ran ? done() : fail();
        }));
        return rejected";
    let rejected = page.eval_async(&format!("const address = {:?}; {tries}", address));
    let all: Value = serde_json::json!(["fetch", "worker", "image", "script"]);
    assert_eq!(rejected, all);
    assert_eq!(page.asked(), [""; 0]);
}

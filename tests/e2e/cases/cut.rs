//! A cut-out saved from the page is, byte for byte, what the native engine writes.

use fantoccini::key::Key;
use stepscope::base::{Span, show};
use stepscope::ingest::Inflater;
use stepscope::session::Opened;
use stepscope::view::CutRequest;
use stepscope::view::route::{Route, View};
use stepscope_e2e::{Look, Page, corpus, key};

use crate::real::{Gaudi, click_text, frames, go, opened, place, text};

/// What the native engine writes of the text of a trace.
fn native(opened: &Opened, text: &[u8], request: &CutRequest) -> (Vec<u8>, u64, String) {
    let mut cut = opened.cut(request, &[], Vec::new()).expect("a cut-out");
    cut.feed(opened, text).expect("written");
    let (facts, _, out) = cut.finish(opened).expect("written");
    (out, facts.events, facts.file_name)
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    Inflater::default().feed(bytes, &mut |piece| text.extend_from_slice(piece));
    text
}

/// Presses Save, and gives what the dialog says when it is done.
fn save(page: &Page) -> String {
    page.click(".dialog.cut .cut-buttons button.main");
    page.wait_until("the cut-out is saved", || {
        page.text(".dialog.cut .cut-says").starts_with("Saved") || page.count(".dialog.cut .trouble") == 1
    });
    assert_eq!(
        page.count(".dialog.cut .trouble"),
        0,
        "{}",
        page.text(".dialog.cut")
    );
    page.text(".dialog.cut .cut-says")
}

#[test]
fn what_the_timeline_shows_is_saved_as_the_native_engine_writes_it() {
    let Some(gaudi) = Gaudi::find() else { return };
    let extent = gaudi.native.index.extent().expect("events");
    let steps = &gaudi.native.report.steps;
    let serving = Route {
        view: View::Timeline,
        window: Some(Span::new(steps[20].start_ns, steps[40].start_ns)),
        ..Route::default()
    };
    let page = Page::open_at(&format!("#{}", serving.to_hash()));
    gaudi.open_in(&page);
    page.wait_until("the timeline is drawn", || frames(&page) > 0);
    page.press("s");
    page.wait_until("the address names another window", || {
        place(&page).window != serving.window
    });
    click_text(&page, ".tl-tools button", "Save this stretch…");
    page.screenshot("cut-dialog", Look::LAPTOP);
    // The window of the address follows the last move.
    page.wait_until("the window rests", || {
        let before = place(&page).window;
        std::thread::sleep(std::time::Duration::from_millis(400));
        place(&page).window == before
    });
    let says = save(&page);
    let window = place(&page).window.expect("a window").intersect(extent);
    let request = CutRequest {
        window: Some(window),
        own_tracks: true,
        gzip: true,
        ..CutRequest::default()
    };
    let (expected, events, name) = native(&gaudi.native, &text(&gaudi.trace), &request);
    assert!(says.contains(&name), "{says} names {name}");
    let saved = inflated(&page.downloaded(&name));
    assert!(saved == inflated(&expected), "{says}");
    // By a reader that is not ours.
    let document: serde_json::Value = serde_json::from_slice(&saved).expect("JSON");
    let n = document["traceEvents"].as_array().expect("a list").len() as u64;
    assert_eq!(n, events);
    let own = document["traceEvents"].as_array().map_or(0, |all| {
        all.iter().filter(|e| e["cat"] == "stepscope").count() as u64
    });
    assert!(
        own > 20 && n - own > 50 && n - own < gaudi.native.report.events,
        "{n}, {own}"
    );
    page.must_be_clean();
}

#[test]
fn the_menu_saves_all_of_it_plain_and_without_a_category() {
    let Some((page, gaudi)) = Gaudi::at("") else {
        return;
    };
    page.click("header details.menu summary");
    click_text(&page, "header details.menu button", "Download a cut-out…");
    page.wait_until("the dialog is open", || page.count("dialog.cut[open]") == 1);
    // The first field has the focus of the keyboard; Escape closes, the menu opens it again.
    page.press(&key(Key::Escape));
    page.wait_until("the dialog is closed", || page.count("dialog.cut") == 0);
    page.click("header details.menu summary");
    click_text(&page, "header details.menu button", "Download a cut-out…");
    click_text(&page, ".dialog.cut label", "compressed (.gz)");
    click_text(
        &page,
        ".dialog.cut label",
        "with tracks of our own: steps, gaps with their causes, compiles, findings",
    );
    page.click(".dialog.cut .cut-categories summary");
    page.click(".dialog.cut .cut-categories input");
    page.screenshot("cut-dialog-categories", Look::LAPTOP);
    page.screenshot(
        "cut-dialog-narrow",
        Look {
            dark: true,
            ..Look::PHONE
        },
    );
    let says = save(&page);
    let summary = gaudi.native.summary();
    let request = CutRequest {
        left_out: vec![summary.tally[0].category.clone()],
        ..CutRequest::default()
    };
    let (expected, events, name) = native(&gaudi.native, &text(&gaudi.trace), &request);
    assert!(
        says.contains(&format!("{} of", show::count(events))),
        "{says}: {events}"
    );
    assert!(page.downloaded(&name) == expected);
    page.must_be_clean();
}

#[test]
fn a_cut_out_of_a_large_trace_says_how_far_it_is_and_can_be_cancelled() {
    let Some(trace) = corpus("kineto/torch_cpu/large-2.9.1/full_1000steps.pt.trace.json.gz") else {
        return;
    };
    let page = Page::open();
    page.choose_files(&[&trace]);
    page.wait_for("ready");
    go(&page, View::Overview);
    let open = || {
        page.click("header details.menu summary");
        click_text(&page, "header details.menu button", "Download a cut-out…");
    };
    open();
    page.click(".dialog.cut .cut-buttons button.main");
    page.wait_until("it says how far it is", || {
        page.text(".dialog.cut .cut-says")
            .starts_with("The file is read again: ")
            && page.count(".dialog.cut progress") == 1
    });
    click_text(&page, ".dialog.cut .cut-buttons button", "Cancel");
    page.wait_until("it was cancelled", || {
        page.text(".dialog.cut")
            .contains("Nothing was saved: it was cancelled.")
    });
    // The same dialog then writes a part.
    let from = "const [from, to] = document.querySelectorAll('.dialog.cut .stretch input');
                const set = (input, value) => { input.value = value; input.dispatchEvent(new InputEvent('input', { bubbles: true })) };
                set(from, '1000'); set(to, '1200')";
    page.eval(from);
    let says = save(&page);
    let native_trace = opened(&trace).expect("a trace");
    let start = native_trace.report.start_ns.expect("a start");
    let request = CutRequest {
        window: Some(Span::new(start + 1_000_000_000, start + 1_200_000_000)),
        own_tracks: true,
        gzip: true,
        ..CutRequest::default()
    };
    let (expected, _, name) = native(&native_trace, &text(&trace), &request);
    assert!(says.contains(&name), "{says} names {name}");
    assert!(inflated(&page.downloaded(&name)) == inflated(&expected));
    // The page still answers.
    page.press(&key(Key::Escape));
    go(&page, View::Timeline);
    page.wait_until("the timeline is drawn", || frames(&page) > 0);
    page.must_be_clean();
}

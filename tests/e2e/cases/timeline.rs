//! The Timeline: drawn, moved by keyboard, and every slice told in full.

use fantoccini::key::Key;
use serde_json::Value;
use stepscope::base::{SliceId, show};
use stepscope::view::Span;
use stepscope::view::route::View;
use stepscope_e2e::{Page, key};

use crate::real::{Gaudi, frames, go, place, rows, text};

/// The window in the address, which follows 250 ms after the last move.
fn window_after(page: &Page, before: Option<Span>) -> Span {
    page.wait_until("the address names another window", || {
        place(page).window.is_some_and(|w| Some(w) != before)
    });
    place(page).window.expect("a window")
}

fn drawn(page: &Page) {
    page.wait_until("the timeline is drawn", || frames(page) > 0);
}

#[test]
fn keys_zoom_and_move_the_window() {
    let Some((page, gaudi)) = Gaudi::at("#view=timeline") else {
        return;
    };
    drawn(&page);
    let before = frames(&page);
    page.press("0");
    let whole = window_after(&page, None);
    let report = &gaudi.native.report;
    let extent = Span::new(report.start_ns.expect("a start"), report.end_ns.expect("an end"));
    assert!(
        whole.start <= extent.start && extent.end <= whole.end,
        "{whole:?} shows {extent:?}"
    );

    page.press("w");
    let near = window_after(&page, Some(whole));
    // Zooming in shows three fifths, around the middle as long as no pointer is there.
    let expected = whole.len_ns() * 3 / 5;
    assert!(
        (near.len_ns() - expected).abs() <= 2,
        "{} is not {expected}",
        near.len_ns()
    );
    let middle = |w: Span| w.start + w.len_ns() / 2;
    let pixel = whole.len_ns() / 500;
    assert!(
        (middle(near) - middle(whole)).abs() <= pixel,
        "{near:?} in {whole:?}"
    );

    page.press("d");
    let right = window_after(&page, Some(near));
    assert_eq!(right.start - near.start, near.len_ns() / 6);
    assert_eq!(right.len_ns(), near.len_ns());
    page.press("a");
    assert_eq!(window_after(&page, Some(right)), near);
    page.press("s");
    let far = window_after(&page, Some(near));
    assert!(
        (far.len_ns() - whole.len_ns()).abs() <= 4,
        "{far:?} is not {whole:?}"
    );
    page.press(&key(Key::Right));
    page.wait_until("it is drawn again", || frames(&page) > before + 4);
    page.must_be_clean();
}

#[test]
fn a_window_in_the_address_is_shown() {
    let Some(gaudi) = Gaudi::find() else { return };
    let step = &gaudi.native.report.steps[37];
    let window = Span::new(step.start_ns, step.start_ns + step.dur_ns);
    let hash = format!("#view=timeline&t={},{}", window.start, window.end);
    let page = Page::open_at(&hash);
    gaudi.open_in(&page);
    drawn(&page);
    assert_eq!(place(&page).window, Some(window));
    page.press("d");
    let moved = window_after(&page, Some(window));
    assert_eq!(moved.start - window.start, window.len_ns() / 6);
    page.must_be_clean();
}

#[test]
fn a_name_is_found_and_its_slice_told_with_what_the_file_says() {
    let Some((page, gaudi)) = Gaudi::at("") else {
        return;
    };
    page.press("/");
    page.wait_until("the search is open", || page.count(".dialog.search input") == 1);
    page.press("enqueueWith");
    page.wait_until("it is found", || page.count(".dialog.search table") == 1);
    let found = rows(&page, ".dialog.search table");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0][0], "enqueueWithExternalEventsExt (accel0)");
    assert_eq!(found[0][2], "136");
    page.click(".dialog.search tbody a");
    page.wait_until("the slice is told with its arguments", || {
        page.count(".tl-details table.args") == 1
    });
    assert_eq!(page.count(".dialog"), 0, "the search has closed");
    assert_eq!(
        page.text(".tl-details .tl-name"),
        "enqueueWithExternalEventsExt (accel0)"
    );
    let slice = place(&page).slice.expect("a slice in the address");
    told_as_in_the_file(&page, &gaudi, slice);

    // The next one on the same track, by keyboard.
    page.press(".");
    page.wait_until("the next slice is selected", || {
        place(&page).slice.is_some_and(|s| s != slice) && page.count(".tl-details table.args") == 1
    });
    let next = place(&page).slice.expect("a slice");
    let at = |slice: u32| gaudi.native.index.slices.start(SliceId(slice));
    assert!(at(next) >= at(slice));
    page.wait_until("the next slice is told", || {
        page.text(".tl-details .tl-name") == gaudi.native.index.name_of(SliceId(next))
    });
    page.press(&key(Key::Escape));
    page.wait_until("nothing is selected", || {
        place(&page).slice.is_none() && page.count(".tl-details") == 0
    });
    page.must_be_clean();
}

/// The panel's arguments against the event's own text, read by serde_json.
fn told_as_in_the_file(page: &Page, gaudi: &Gaudi, slice: u32) {
    let slices = &gaudi.native.index.slices;
    let at = slices.at(SliceId(slice));
    let text = text(&gaudi.trace);
    let event: Value = serde_json::Deserializer::from_slice(&text[usize::try_from(at).expect("an offset")..])
        .into_iter()
        .next()
        .expect("an event")
        .unwrap_or_else(|why| panic!("at {at}: {why}"));
    assert_eq!(event["name"], page.text(".tl-details .tl-name"));
    let details = page.text(".tl-details");
    assert!(
        details.contains(&show::duration(slices.span(SliceId(slice)).len_ns())),
        "{details}"
    );
    let shown: Vec<(String, String)> = args(page);
    let in_file = event["args"].as_object().expect("args");
    assert!(!in_file.is_empty());
    assert_eq!(shown.len(), in_file.len(), "{shown:?} against {in_file:?}");
    for (name, value) in &shown {
        let expected = match &in_file[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        assert_eq!(*value, expected, "argument {name}");
    }
}

fn args(page: &Page) -> Vec<(String, String)> {
    rows(page, ".tl-details table.args")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect()
}

#[test]
fn a_click_selects_what_is_under_the_pointer() {
    let Some((page, gaudi)) = Gaudi::at("") else {
        return;
    };
    go(&page, View::Timeline);
    drawn(&page);
    let field = page.eval(
        "const box = document.querySelector('.tl-canvas').getBoundingClientRect();
         return [box.left, box.top, box.right, box.bottom]",
    );
    let edge = |i: usize| field[i].as_f64().expect("a number");
    // Down the middle of what is right of the labels, until the tooltip names something.
    let x = (edge(0) + 196.0 + edge(2)) / 2.0;
    let mut y = edge(1) + 30.0;
    let tip = loop {
        assert!(y < edge(3), "nothing lies in the middle of the timeline");
        page.point_at(x, y);
        page.eval_async("for (let i = 0; i < 3; i += 1) await new Promise(requestAnimationFrame)");
        if page.count(".tl-tip") == 1 {
            break page.text(".tl-tip");
        }
        y += 6.0;
    };
    page.click_at(x, y);
    page.wait_until("the slice is told", || page.count(".tl-details .tl-name") == 1);
    let name = page.text(".tl-details .tl-name");
    assert!(
        tip.contains(&name),
        "the tooltip says {tip:?}, the panel {name:?}"
    );
    let slice = place(&page).slice.expect("a slice in the address");
    assert_eq!(gaudi.native.index.name_of(SliceId(slice)), name);
    page.must_be_clean();
}

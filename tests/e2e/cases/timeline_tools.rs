//! The Timeline's tools: arranging tracks, hits of a search, marks, menus, arrows, and the list of all commands.

use std::path::Path;

use fantoccini::key::Key;
use serde_json::json;
use stepscope::base::SliceId;
use stepscope::protocol::engine::{Answer, Question};
use stepscope::view::commands::{Command, GESTURES};
use stepscope::view::route::View;
use stepscope::view::{SliceDetail, Span};
use stepscope_e2e::{Look, Page, key};

use crate::real::{Gaudi, frames, go, opened, place};

fn drawn(page: &Page) {
    page.wait_until("the timeline is drawn", || frames(page) > 0);
}

fn texts(page: &Page, css: &str) -> Vec<String> {
    let texts = page.eval_with(
        "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText.trim())",
        vec![json!(css)],
    );
    serde_json::from_value(texts).expect("texts")
}

fn click_labelled(page: &Page, label: &str) {
    page.click(&format!("[aria-label='{label}']"));
}

/// The slices of a name, in order of start.
fn slices_named(gaudi: &Gaudi, part: &str) -> Vec<u32> {
    let index = &gaudi.native.index;
    let mut found: Vec<u32> = index
        .slices
        .ids()
        .filter(|&id| index.name_of(id).contains(part))
        .map(|id| id.0)
        .collect();
    found.sort_by_key(|&slice| (index.slices.start(SliceId(slice)).as_ns(), slice));
    found
}

fn told(gaudi: &Gaudi, slice: u32) -> SliceDetail {
    match gaudi
        .native
        .answer(&gaudi.native.scene(), &Question::Slice { slice })
    {
        Answer::Slice(detail) => *detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn tracks_are_grouped_filtered_pinned_hidden_and_moved() {
    let Some((page, _)) = Gaudi::at("#view=timeline") else {
        return;
    };
    drawn(&page);
    page.click(".tl-tools [aria-expanded]");
    let groups = || texts(&page, ".tl-tracks .track-group");
    let names = || texts(&page, ".tl-tracks .track-name");
    page.wait_until("the tracks are listed", || !names().is_empty());
    assert_eq!(groups()[..2], ["Engine", "Device 0"]);
    let at = |name: &str| {
        names()
            .iter()
            .position(|n| n == name)
            .unwrap_or_else(|| panic!("{name} in {:?}", names()))
    };
    assert_eq!(
        at("TPC, 8 lanes") + 1,
        at("[HD0] TPC 0"),
        "lanes follow the row that stands for them"
    );
    assert_eq!(at("MME, 2 lanes") + 1, at("[HD0] MME"));

    click_labelled(&page, "Pin TPC, 8 lanes on top");
    page.wait_until("it is pinned", || groups()[0] == "Pinned");
    assert_eq!(names()[0], "TPC, 8 lanes");
    click_labelled(&page, "Pin MME, 2 lanes on top");
    page.wait_until("both are pinned", || names()[1] == "MME, 2 lanes");
    click_labelled(&page, "Move MME, 2 lanes up");
    page.wait_until("it has moved", || names()[0] == "MME, 2 lanes");

    assert_eq!(page.count(".tl-hidden"), 0);
    click_labelled(&page, "Hide TPC, 8 lanes");
    page.wait_until("one is hidden", || page.text(".tl-hidden") == "Show hidden (1)");

    // What is arranged stays while the trace is open.
    go(&page, View::Overview);
    go(&page, View::Timeline);
    page.wait_until("it is as it was", || page.count(".tl-hidden") == 1);

    page.press("t");
    page.press("tpc");
    page.click(".tl-tools [aria-expanded]");
    page.wait_until("only these are listed", || names().len() == 9);
    assert!(names().iter().all(|name| name.contains("TPC")), "{:?}", names());
    page.must_be_clean();
}

#[test]
fn all_groups_fold_and_open_by_key() {
    let Some((page, _)) = Gaudi::at("#view=timeline") else {
        return;
    };
    // So low that the tracks do not fit.
    page.look(Look {
        width_px: 1280,
        height_px: 420,
        dark: false,
    });
    drawn(&page);
    let overflow = || {
        page.eval("return document.querySelector('.tl-spacer').offsetHeight")
            .as_u64()
    };
    page.wait_until("the tracks need more than the screen", || overflow() > Some(0));
    let before = overflow();
    page.press("-");
    page.wait_until("all are folded", || overflow() == Some(0));
    page.press("+");
    page.wait_until("all are open", || overflow() >= before);
    page.must_be_clean();
}

/// Pixels of a canvas in the colour of hits.
fn hit_pixels(page: &Page, css: &str) -> u64 {
    let n = page.eval_with(
        "const canvas = document.querySelector(arguments[0]);
         const hex = getComputedStyle(document.documentElement).getPropertyValue('--hit').trim();
         const want = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
         const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
         let n = 0;
         for (let i = 0; i < data.length; i += 4) n += want.every((c, k) => Math.abs(data[i + k] - c) < 3) ? 1 : 0;
         return n",
        vec![json!(css)],
    );
    n.as_u64().expect("a count")
}

#[test]
fn a_search_marks_counts_and_steps_through_its_hits() {
    let Some((page, gaudi)) = Gaudi::at("#view=timeline") else {
        return;
    };
    drawn(&page);
    assert_eq!(
        (hit_pixels(&page, ".tl-map"), hit_pixels(&page, ".tl-canvas")),
        (0, 0)
    );
    page.press("/");
    page.wait_until("the search is open", || page.count(".dialog.search input") == 1);
    page.press("enqueueWith");
    page.wait_until("it is found", || page.count(".dialog.search table") == 1);
    page.press(&key(Key::Enter));
    let all = slices_named(&gaudi, "enqueueWith");
    let count = || page.text(".tl-hits .num");
    page.wait_until("the hits are counted", || {
        page.count(".tl-hits") == 1 && count() == "136 hits"
    });
    assert_eq!(all.len(), 136);
    assert_eq!(place(&page).find.as_deref(), Some("enqueueWith"));
    page.wait_until("the hits are marked in the map", || {
        hit_pixels(&page, ".tl-map") > 0
    });

    let first = place(&page).slice.expect("the longest is selected");
    let at = all.iter().position(|&slice| slice == first).expect("a hit");
    let next = (at + 1) % all.len();
    page.press("n");
    page.wait_until("the next hit is selected", || {
        place(&page).slice == Some(all[next])
    });
    page.wait_until("it is numbered", || {
        count() == format!("{} of 136 hits", next + 1)
    });
    page.press("N");
    page.wait_until("the hit before is selected", || place(&page).slice == Some(first));
    // All have one name.
    page.wait_until("its name is known", || page.count(".tl-details .tl-name") == 1);
    page.press(">");
    page.wait_until("the next of the name is selected", || {
        place(&page).slice == Some(all[next])
    });
    click_labelled(&page, "End the search");
    page.wait_until("the search has ended", || {
        page.count(".tl-hits") == 0 && place(&page).find.is_none()
    });
    page.wait_until("nothing is marked", || hit_pixels(&page, ".tl-map") == 0);
    page.must_be_clean();

    // Of the whole trace, with no slice selected, whose outline would lie over its mark.
    let Some((page, _)) = Gaudi::at("#view=timeline&find=enqueueWith") else {
        return;
    };
    page.wait_until("the hits are marked on the tracks", || {
        hit_pixels(&page, ".tl-canvas") > 0
    });
    page.must_be_clean();
}

#[test]
fn marks_with_notes_are_in_the_link() {
    let Some(gaudi) = Gaudi::find() else { return };
    let slice = slices_named(&gaudi, "enqueueWith")[20];
    let span = told(&gaudi, slice).place().span;
    let page = Page::open_at(&format!("#view=timeline&slice={slice}"));
    gaudi.open_in(&page);
    page.wait_until("the slice is told", || page.count(".tl-details .tl-name") == 1);
    page.press("m");
    page.wait_until("it is marked", || page.count(".tl-notes li") == 1);
    page.press("slow, 50 %?");
    page.press(&key(Key::Enter));
    page.wait_until("the note is in the link", || {
        place(&page).notes.iter().any(|n| n.text == "slow, 50 %?")
    });
    assert_eq!(place(&page).notes[0].span, span);
    page.press("m");
    page.wait_until("it is marked twice", || page.count(".tl-notes li") == 2);
    let hash = page
        .eval("return location.hash")
        .as_str()
        .expect("a hash")
        .to_owned();

    let other = Page::open_at(&hash);
    gaudi.open_in(&other);
    other.wait_until("both marks are there", || other.count(".tl-notes li") == 2);
    assert_eq!(
        other.eval("return document.querySelector('.tl-notes input').value"),
        "slow, 50 %?"
    );
    click_labelled(&other, "Remove mark 1");
    other.wait_until("one is gone", || place(&other).notes.len() == 1);
    assert_eq!(place(&other).notes[0].text, "");
    other.must_be_clean();
    page.must_be_clean();
}

/// A place of the canvas at which there is a slice, down the middle of what is right of the labels.
fn a_slice_under(page: &Page) -> (f64, f64) {
    let field = page.eval(
        "const box = document.querySelector('.tl-canvas').getBoundingClientRect();
         return [box.left, box.top, box.right, box.bottom]",
    );
    let edge = |i: usize| field[i].as_f64().expect("a number");
    let x = (edge(0) + 196.0 + edge(2)) / 2.0;
    let mut y = edge(1) + 30.0;
    loop {
        assert!(y < edge(3), "nothing lies in the middle of the timeline");
        page.point_at(x, y);
        page.eval_async("for (let i = 0; i < 3; i += 1) await new Promise(requestAnimationFrame)");
        if page.count(".tl-tip") == 1 {
            return (x, y);
        }
        y += 6.0;
    }
}

#[test]
fn a_double_click_zooms_to_a_slice() {
    let Some((page, gaudi)) = Gaudi::at("#view=timeline") else {
        return;
    };
    drawn(&page);
    let (x, y) = a_slice_under(&page);
    page.double_click_at(x, y);
    page.wait_until("a slice is selected", || place(&page).slice.is_some());
    let span = told(&gaudi, place(&page).slice.expect("a slice")).place().span;
    // A third of it on both sides.
    let fits = |window: Span| {
        window.start < span.start && span.end < window.end && window.len_ns() < span.len_ns() * 2 + 300
    };
    page.wait_until("it fills the window", || place(&page).window.is_some_and(fits));
    page.must_be_clean();
}

#[test]
fn a_slice_and_a_track_have_a_menu() {
    let Some((page, gaudi)) = Gaudi::at("#view=timeline") else {
        return;
    };
    drawn(&page);
    let (x, y) = a_slice_under(&page);
    page.right_click_at(x, y);
    page.wait_until("the menu is open", || {
        page.count(".context-menu[role='menu']") == 1
    });
    let slice = place(&page).slice.expect("the slice is selected");
    let name = gaudi.native.index.name_of(SliceId(slice));
    let words = texts(&page, ".context-menu button span");
    for word in [
        "Copy name",
        "Copy link",
        "Copy arguments",
        "Find slices of the same name",
        "Cut it out…",
        "Open in Perfetto",
    ] {
        assert!(words.iter().any(|w| w == word), "{word} in {words:?}");
    }
    let focused = || {
        page.eval("return document.activeElement.innerText")
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(focused().starts_with("Copy name"), "{}", focused());
    page.press(&key(Key::Down));
    assert!(focused().starts_with("Copy link"), "{}", focused());
    page.press(&key(Key::Escape));
    page.wait_until("the menu is closed", || page.count(".context-menu") == 0);
    assert_eq!(
        place(&page).slice,
        Some(slice),
        "Esc closed the menu and nothing else"
    );

    // The same by keyboard.
    page.press(&format!("{}{}", key(Key::Shift), key(Key::F10)));
    page.wait_until("the menu is open again", || page.count(".context-menu") == 1);
    let same = texts(&page, ".context-menu button span")
        .iter()
        .position(|w| w.starts_with("Find slices"));
    page.click(&format!(
        ".context-menu button:nth-of-type({})",
        same.expect("a line") + 1
    ));
    page.wait_until("slices of its name are searched for", || {
        place(&page).find.as_deref() == Some(&format!("\"{name}\""))
    });

    let left = page.eval("return document.querySelector('.tl-canvas').getBoundingClientRect().left");
    page.right_click_at(left.as_f64().expect("a number") + 30.0, y);
    page.wait_until("the menu of the track is open", || {
        texts(&page, ".context-menu button span")
            .iter()
            .any(|w| w == "Pin on top")
    });
    page.must_be_clean();
}

#[test]
fn arrows_are_followed_by_key() {
    // A trace of high-level events has no arrows; this one is made by the project.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/cuda_eager.json.gz");
    let native = opened(&file).expect("a trace");
    let scene = native.scene();
    let told = |slice: u32| match native.answer(&scene, &Question::Slice { slice }) {
        Answer::Slice(detail) => *detail,
        other => panic!("no slice {slice}: {other:?}"),
    };
    let mut calls = native.index.slices.ids().map(|id| told(id.0));
    let Some(call) = calls.find(|detail| detail.follow(true).is_some()) else {
        panic!("no slice of the trace leads to another");
    };
    let work = call.follow(true).expect("what it leads to");
    let back = told(work).follow(false).expect("what led to it");
    let page = Page::open_at(&format!("#view=timeline&slice={}", call.slice));
    page.choose_files(&[&file]);
    page.wait_until("the slice is told", || page.count(".tl-details .tl-name") == 1);
    page.press("]");
    page.wait_until("what it leads to is selected", || {
        place(&page).slice == Some(work)
    });
    page.wait_until("that is told", || {
        page.text(".tl-details .tl-name") == told(work).name
    });
    page.press("[");
    page.wait_until("what led to it is selected", || place(&page).slice == Some(back));
    page.must_be_clean();
}

#[test]
fn one_list_has_all_commands_and_does_them() {
    let Some((page, _)) = Gaudi::at("") else { return };
    let open = || {
        page.press(&format!("{}k", key(Key::Control)));
        page.wait_until("the list is open", || page.count(".dialog.palette input") == 1);
    };
    open();
    let lines = texts(&page, ".dialog.palette li span");
    for command in Command::ALL
        .into_iter()
        .filter(|command| *command != Command::Palette)
    {
        assert!(lines.contains(&command.says()), "{command:?}");
    }
    page.press("whole tr");
    page.wait_until("one is left", || page.count(".dialog.palette li") == 1);
    page.press(&key(Key::Enter));
    page.wait_until("the timeline shows the whole trace", || {
        page.count("main.view-timeline") == 1 && place(&page).window.is_some()
    });
    open();
    page.press("go to recomp");
    page.press(&key(Key::Enter));
    page.wait_until("the view is there", || page.count("main.view-recompiles") == 1);

    page.press("?");
    page.wait_until("the help is open", || page.count(".dialog table.plain") == 1);
    let with_keys = Command::ALL
        .iter()
        .filter(|command| !command.keys().is_empty())
        .count();
    let help = page.count(".dialog table.plain tbody tr");
    assert_eq!(help, (with_keys + GESTURES.len()) as u64);
    page.press(&key(Key::Escape));
    page.must_be_clean();
}

/// Pictures of all of it in `target/e2e`, and nothing that sticks out.
#[test]
fn the_tools_fit_wide_and_narrow() {
    let Some((page, gaudi)) = Gaudi::at("#view=timeline") else {
        return;
    };
    drawn(&page);
    let slice = slices_named(&gaudi, "enqueueWith")[20];
    page.eval(&format!(
        "location.hash = 'view=timeline&find=enqueueWith&slice={slice}'"
    ));
    page.wait_until("the slice is told", || page.count(".tl-details .tl-name") == 1);
    page.press("f");
    page.press("m");
    page.wait_until("it is marked", || page.count(".tl-notes li") == 1);
    page.press("a slow launch");
    page.press(&key(Key::Enter));
    page.click(".tl-tools [aria-expanded]");
    click_labelled(&page, "Pin TPC, 8 lanes on top");
    let mut wide = Vec::new();
    for (word, width_px) in [("wide", 1440), ("1280", 1280), ("390", 390)] {
        for dark in [false, true] {
            let look = Look {
                width_px,
                height_px: 900,
                dark,
            };
            page.look(look);
            page.eval_async("await new Promise(done => setTimeout(done, 400))");
            let theme = if dark { "dark" } else { "light" };
            page.screenshot(&format!("timeline-tools-{word}-{theme}"), look);
            let out = page.eval(crate::looks::STICKS_OUT);
            wide.extend(
                out.as_array()
                    .expect("elements")
                    .iter()
                    .map(|e| format!("{word}: {e}")),
            );
        }
    }
    page.must_be_clean();
    assert_eq!(wide, [""; 0]);
}

//! The trace that is open here, in a Perfetto of its own window; and the way back, from a Perfetto tab or a page that
//! shows both. The Perfetto is a stand-in of this site: it speaks the same contract, on another origin.

use serde_json::json;
use stepscope::view::route::{Route, View};
use stepscope::view::{CutRequest, GapKind, Span};
use stepscope_e2e::{Look, Page, corpus};

use crate::real::{FILLS_OF_GAUDI, Gaudi, click_text, frames, go, name, place, read, scroll_to, text};

/// Where the stand-in is: another origin than the page's.
fn stand_in(page: &Page, tail: &str) -> String {
    format!("{}host/viewer.html{tail}", page.url_as("127.0.0.1"))
}

/// Sets the address by the dialog, as a reader does.
fn set_address(page: &Page, address: &str) {
    page.click(".perfetto-menu > summary");
    click_text(page, ".perfetto-menu button", "Address of Perfetto…");
    page.wait_until("the dialog is there", || page.count("#perfetto-address") == 1);
    page.eval_with(
        "document.getElementById('perfetto-address').value = arguments[0]",
        vec![json!(address)],
    );
    page.click("dialog button[type=submit]");
}

fn menu(page: &Page, item: &str) {
    page.click(".perfetto-menu > summary");
    click_text(page, ".perfetto-menu button", item);
}

/// A number that the stand-in shows of itself.
fn shown(page: &Page, key: &str) -> Option<f64> {
    let value = page.eval_with(
        "return document.documentElement.dataset[arguments[0]] ?? null",
        vec![json!(key)],
    );
    value.as_str().and_then(|text| text.parse().ok())
}

/// The stretch that the stand-in shows, in seconds.
fn range(page: &Page) -> Option<(f64, f64)> {
    let range = page.eval("return document.documentElement.dataset.range ?? null");
    let (start, end) = range.as_str()?.split_once(',')?;
    Some((start.parse().ok()?, end.parse().ok()?))
}

/// Near the epoch, an `f64` of seconds steps by 240 ns.
fn near(seconds: f64, ns: i64) -> bool {
    (seconds - ns as f64 / 1e9).abs() < 1e-6
}

#[test]
fn the_whole_trace_goes_to_perfetto_and_later_clicks_move_its_view() {
    let Some((page, gaudi)) = Gaudi::at("") else {
        return;
    };
    set_address(&page, &stand_in(&page, ""));
    menu(&page, "Open the whole trace in Perfetto");
    page.in_window(1);
    page.wait_until("the stand-in has the trace", || shown(&page, "events").is_some());
    // The file as it is on the disk, still zipped, and no metrics file.
    assert_eq!(shown(&page, "bytes"), Some(read(&gaudi.trace).len() as f64));
    assert_eq!(
        page.eval("return document.documentElement.dataset.fileName"),
        name(&gaudi.trace)
    );
    let json: serde_json::Value = serde_json::from_slice(&text(&gaudi.trace)).expect("JSON");
    let events = json["traceEvents"].as_array().expect("events").len();
    assert_eq!(shown(&page, "events"), Some(events as f64));
    let commands =
        page.eval("return new URLSearchParams(location.hash.replace('#!/?', '')).get('startupCommands')");
    let commands: Vec<serde_json::Value> =
        serde_json::from_str(commands.as_str().expect("commands")).expect("commands");
    let n = |id: &str| commands.iter().filter(|command| command["id"] == id).count();
    assert_eq!(n("dev.perfetto.PinTracksByRegex"), 1);
    assert!(n("dev.perfetto.AddNoteAtTimestamp") > 0, "{commands:?}");

    // A gap: no second window, no second trace, another range.
    page.in_window(0);
    page.wait_until("there is nothing to say any more", || {
        page.count(".perfetto-says") == 0
    });
    page.eval("location.hash = 'view=gaps&gaps=device'");
    scroll_to(&page, "tbody .in-perfetto");
    page.click("tbody .in-perfetto");
    let report = &gaudi.native.report;
    let gaps = report
        .gaps
        .iter()
        .find(|g| g.kind == GapKind::Device)
        .expect("gaps");
    let gap = &gaps.longest[0];
    page.in_window(1);
    page.wait_until("the stand-in shows the gap", || {
        range(&page)
            .is_some_and(|(start, end)| near(start, gap.start_ns) && near(end, gap.start_ns + gap.dur_ns))
    });
    assert_eq!(shown(&page, "traces"), Some(1.0));

    // A step, a compile and a finding.
    page.in_window(0);
    for (view, css) in [
        ("view=steps&step=10", ".panel .in-perfetto"),
        ("view=recompiles", "tbody .in-perfetto"),
        ("view=overview", ".finding-side .in-perfetto"),
    ] {
        page.eval_with("location.hash = arguments[0]", vec![json!(view)]);
        page.wait_until(&format!("{view} has it"), || page.count(css) > 0);
        page.in_window(1);
        let before = shown(&page, "ranges");
        page.in_window(0);
        page.click(css);
        page.in_window(1);
        page.wait_until(&format!("{view} moves the view"), || {
            shown(&page, "ranges") > before
        });
        page.in_window(0);
    }
    // What the timeline shows.
    go(&page, View::Timeline);
    page.wait_until("the timeline is drawn", || frames(&page) > 0);
    let (start, end) = (report.start_ns.expect("a start"), report.end_ns.expect("an end"));
    let window = Span::new(start + (end - start) / 4, start + (end - start) / 3);
    page.eval_with(
        "location.hash = arguments[0]",
        vec![json!(format!("view=timeline&t={},{}", window.start, window.end))],
    );
    page.wait_until("the timeline is there", || place(&page).window == Some(window));
    menu(&page, "Show the timeline's window in Perfetto");
    page.in_window(1);
    page.wait_until("the stand-in shows the window", || {
        range(&page).is_some_and(|(start, end)| near(start, window.start) && near(end, window.end))
    });
    page.in_window(0);
    assert_eq!(page.n_windows(), 2);
    assert_eq!(page.console_errors(), [""; 0]);
    for view in View::of_trace(FILLS_OF_GAUDI) {
        go(&page, view);
        page.screenshot(&format!("perfetto-{}", view.id()), Look::LAPTOP);
    }
    page.click(".perfetto-menu > summary");
    page.screenshot("perfetto-menu", Look::LAPTOP);
    page.screenshot(
        "perfetto-menu-phone",
        Look {
            dark: true,
            ..Look::PHONE
        },
    );
}

#[test]
fn the_first_click_opens_perfetto_at_its_place() {
    let Some((page, gaudi)) = Gaudi::at("#view=recompiles") else {
        return;
    };
    set_address(&page, &stand_in(&page, ""));
    page.click("tbody .in-perfetto");
    page.in_window(1);
    page.wait_until("the stand-in has the trace", || shown(&page, "events").is_some());
    page.wait_until("it shows a stretch", || range(&page).is_some());
    let hash = page.eval("return location.hash");
    let at = Route::from_hash(hash.as_str().expect("a hash"));
    let window = at.window.expect("a window");
    let report = &gaudi.native.report;
    let (start, end) = (report.start_ns.expect("a start"), report.end_ns.expect("an end"));
    assert!(
        start <= window.start && window.end <= end,
        "{window:?} in {start} to {end}"
    );
    assert!(
        report
            .recompiles
            .iter()
            .any(|r| window.start <= r.start_ns && r.start_ns <= window.end)
    );
    // Another file, in the window that is there.
    page.in_window(0);
    page.choose_files(&[&gaudi.trace]);
    page.wait_for("ready");
    menu(&page, "Open the whole trace in Perfetto");
    page.in_window(1);
    page.wait_until("the stand-in has it", || shown(&page, "traces") == Some(2.0));
    assert_eq!(page.n_windows(), 2);
}

/// Puts `window.instead` in the place of the browser's way to open a window. The page holds on to what it finds at its
/// start (`shut` in www/boot.js).
const OPENED_INSTEAD: &str = "
    const real = window.open.bind(window);
    window.instead = real;
    window.real = real;
    window.open = (...given) => window.instead(...given);";

#[test]
fn what_does_not_go_well_is_said() {
    let Some(gaudi) = Gaudi::find() else { return };
    let mut page = Page::blank();
    page.before_its_scripts(OPENED_INSTEAD);
    page.go_to("");
    gaudi.open_in(&page);
    // No address at all.
    page.click(".perfetto-menu > summary");
    click_text(&page, ".perfetto-menu button", "Address of Perfetto…");
    page.wait_until("the dialog is there", || page.count("#perfetto-address") == 1);
    assert_eq!(
        page.eval("return document.getElementById('perfetto-address').value"),
        "https://ui.perfetto.dev/"
    );
    page.screenshot("perfetto-address", Look::LAPTOP);
    page.eval("document.getElementById('perfetto-address').value = 'javascript:alert(1)'");
    page.click("dialog button[type=submit]");
    page.wait_until("it is refused", || {
        page.text("#perfetto-says").contains("https://")
    });
    page.press(&stepscope_e2e::key(fantoccini::key::Key::Escape));
    page.wait_until("the dialog is gone", || page.count("dialog") == 0);

    // The browser opens no window.
    set_address(&page, &stand_in(&page, "?silent"));
    page.eval("window.instead = () => null");
    menu(&page, "Open the whole trace in Perfetto");
    page.wait_until("it is said", || page.count(".perfetto-says") == 1);
    assert!(
        page.text(".perfetto-says")
            .contains("did not let this page open a window")
    );
    page.screenshot("perfetto-blocked", Look::LAPTOP);
    // Then it does, and nobody answers. (The clock is put forward.)
    page.eval("window.instead = real");
    page.click(".perfetto-says button");
    page.in_window(1);
    page.wait_until("it is asked", || shown(&page, "pings") > Some(2.0));
    page.in_window(0);
    assert!(
        page.text(".perfetto-says")
            .contains("Waiting for http://127.0.0.1")
    );
    page.eval("const now = Date.now; Date.now = () => now() + 9000");
    page.wait_until("that is said", || {
        page.text(".perfetto-says").contains("has not answered for 8 s")
    });
    page.screenshot("perfetto-silent", Look::LAPTOP);
    // It is still asked, and gets the trace when it answers.
    page.in_window(1);
    page.eval("history.replaceState(null, '', location.pathname)");
    page.wait_until("the stand-in has the trace", || shown(&page, "events").is_some());
    page.in_window(0);
    page.wait_until("there is nothing to say any more", || {
        page.count(".perfetto-says") == 0
    });

    // Another page stands there than the address says: it gets nothing.
    let elsewhere = page.url_as("127.0.0.1");
    let stranger = page.url_as("stranger.test");
    page.eval_with(
        "const [from, to] = arguments;
         window.instead = (url, ...rest) => real(url.replace(from, to), ...rest)",
        vec![json!(elsewhere), json!(stranger)],
    );
    set_address(&page, &stand_in(&page, "?other"));
    menu(&page, "Open the whole trace in Perfetto");
    page.wait_until("it is said", || {
        page.count(".perfetto-says") == 1 && page.text(".perfetto-says").contains("The trace was not sent")
    });
    page.in_window(2);
    assert_eq!(shown(&page, "bytes"), None);
}

#[test]
fn what_has_no_file_goes_as_a_cut_out() {
    let page = Page::open();
    page.click("button.sample");
    page.wait_for("ready");
    set_address(&page, &stand_in(&page, ""));
    page.click(".perfetto-menu > summary");
    assert!(page.text(".perfetto-menu .hint").contains("no file of its own"));
    assert_eq!(
        page.eval(
            "const { scrollWidth, clientWidth } = document.documentElement; return scrollWidth - clientWidth"
        ),
        0,
        "the hint is as wide as the menu"
    );
    page.screenshot("perfetto-menu-sample", Look::LAPTOP);
    page.screenshot(
        "perfetto-menu-sample-phone",
        Look {
            dark: true,
            ..Look::PHONE
        },
    );
    page.look(Look::LAPTOP);
    click_text(&page, ".perfetto-menu button", "Open the whole trace in Perfetto");
    page.in_window(1);
    page.wait_until("the stand-in has the trace", || shown(&page, "events").is_some());
    // As the native engine cuts it out: all of it, and tracks of our own.
    let (name, text) = stepscope::session::sample();
    let native = stepscope::session::open_bytes(&name, &text).expect("the sample");
    let request = CutRequest {
        own_tracks: true,
        gzip: true,
        ..CutRequest::default()
    };
    let mut cut = native.cut(&request, &[], Vec::new()).expect("a cut-out");
    cut.feed(&native, &text).expect("written");
    let (facts, _, out) = cut.finish(&native).expect("written");
    assert!(
        facts.own_events > 0 && facts.events > facts.events_of,
        "{facts:?}"
    );
    assert_eq!(shown(&page, "events"), Some(facts.events as f64));
    assert_eq!(shown(&page, "bytes"), Some(out.len() as f64));
    assert_eq!(
        page.eval("return document.documentElement.dataset.fileName"),
        facts.file_name
    );
    page.in_window(0);
    page.wait_until("there is nothing to say any more", || {
        page.count(".perfetto-says") == 0
    });
    assert_eq!(page.console_errors(), [""; 0]);
}

#[test]
fn a_stretch_alone_is_less_and_a_place_outside_of_it_is_sent_anew() {
    let Some((page, gaudi)) = Gaudi::at("") else {
        return;
    };
    set_address(&page, &stand_in(&page, ""));
    let report = &gaudi.native.report;
    let compile = report.recompiles.last().expect("a compile");
    let window = Span::new(compile.start_ns - 1_000_000, compile.start_ns + 1_000_000);
    page.eval_with(
        "location.hash = arguments[0]",
        vec![json!(format!("view=timeline&t={},{}", window.start, window.end))],
    );
    page.wait_until("the timeline is there", || place(&page).window == Some(window));
    menu(&page, "Open the timeline's window alone");
    page.in_window(1);
    page.wait_until("the stand-in has the stretch", || {
        shown(&page, "events").is_some()
    });
    let events = shown(&page, "events");
    assert!(
        events < Some(report.events as f64 / 2.0),
        "{events:?} of {}",
        report.events
    );
    page.wait_until("it shows the window", || {
        range(&page).is_some_and(|(start, end)| near(start, window.start) && near(end, window.end))
    });
    page.in_window(0);
    page.eval("location.hash = 'view=gaps&gaps=device'");
    scroll_to(&page, "tbody .in-perfetto");
    let gaps = report
        .gaps
        .iter()
        .find(|g| g.kind == GapKind::Device)
        .expect("gaps");
    let inside = |g: &stepscope::analyze::report::Gap| {
        window.start <= g.start_ns && g.start_ns + g.dur_ns <= window.end
    };
    assert!(!inside(&gaps.longest[0]), "the first gap is elsewhere");
    page.click("tbody .in-perfetto");
    page.in_window(1);
    page.wait_until("the whole is there now", || shown(&page, "traces") == Some(2.0));
    page.wait_until("and more of it", || shown(&page, "events") > events);
    page.in_window(0);
    assert_eq!(page.n_windows(), 2);
    assert_eq!(page.console_errors(), [""; 0]);
}

#[test]
fn of_an_archive_the_trace_goes_and_not_the_archive() {
    let Some(archive) = corpus("gaudi/synthetic_hltv/SYNTHETIC_zip_variant.hltv") else {
        return;
    };
    let page = Page::open();
    page.choose_files(&[&archive]);
    page.wait_for("ready");
    set_address(&page, &stand_in(&page, ""));
    menu(&page, "Open the whole trace in Perfetto");
    page.in_window(1);
    page.wait_until("the stand-in has it", || shown(&page, "events").is_some());
    assert!(shown(&page, "events") > Some(0.0));
    let name = page.eval("return document.documentElement.dataset.fileName");
    assert!(
        name.as_str().is_some_and(|name| name.ends_with(".cut.json.gz")),
        "{name}"
    );
}

#[test]
fn a_stretch_of_the_timeline_is_shown_from_its_panel() {
    let Some((page, gaudi)) = Gaudi::at("#view=timeline") else {
        return;
    };
    page.wait_until("the timeline is drawn", || frames(&page) > 0);
    set_address(&page, &stand_in(&page, ""));
    let start = gaudi.native.report.start_ns.expect("a start");
    let mark = Span::new(start + 1_000_000, start + 3_000_000);
    page.eval_with(
        "location.hash = arguments[0]",
        vec![json!(format!("view=timeline&mark={},{}", mark.start, mark.end))],
    );
    page.wait_until("it is marked", || page.count(".tl-details .in-perfetto") == 1);
    page.click(".tl-details .in-perfetto");
    page.in_window(1);
    page.wait_until("the stand-in shows it", || {
        range(&page).is_some_and(|(start, end)| near(start, mark.start) && near(end, mark.end))
    });
    page.in_window(0);
    let canvas = page.eval(
        "const { left, top } = document.querySelector('.tl-canvas').getBoundingClientRect(); return [left, top]",
    );
    let at = |x: f64, y: f64| {
        let corner = |i: usize| canvas[i].as_f64().expect("a place");
        (corner(0) + x, corner(1) + y)
    };
    page.drag_with_shift(at(300.0, 30.0), at(500.0, 45.0));
    page.wait_until("the area is there", || page.count(".tl-area .in-perfetto") == 1);
    page.screenshot("perfetto-stretches", Look::LAPTOP);
    page.screenshot(
        "perfetto-stretches-phone",
        Look {
            dark: true,
            ..Look::PHONE
        },
    );
    page.look(Look::LAPTOP);
    page.in_window(1);
    let before = shown(&page, "ranges");
    page.in_window(0);
    page.click(".tl-area .in-perfetto");
    page.in_window(1);
    page.wait_until("the view moves", || shown(&page, "ranges") > before);
    assert_eq!(shown(&page, "traces"), Some(1.0));
    page.in_window(0);
    assert_eq!(page.console_errors(), [""; 0]);
}

#[test]
fn a_cut_out_for_perfetto_says_how_far_it_is_and_can_be_cancelled() {
    let Some(trace) = corpus("kineto/torch_cpu/large-2.9.1/full_1000steps.pt.trace.json.gz") else {
        return;
    };
    let page = Page::open();
    page.choose_files(&[&trace]);
    page.wait_for("ready");
    set_address(&page, &stand_in(&page, ""));
    go(&page, View::Timeline);
    page.wait_until("the timeline is drawn", || frames(&page) > 0);
    page.press("d");
    page.wait_until("the address names a window", || place(&page).window.is_some());
    let start = place(&page).window.expect("a window").start;
    let alone = |from_ms: i64| {
        let from = start + from_ms * 1_000_000;
        let window = Span::new(from, from + 100_000_000);
        page.eval_with(
            "location.hash = arguments[0]",
            vec![json!(format!("view=timeline&t={},{}", window.start, window.end))],
        );
        page.wait_until("the timeline is there", || place(&page).window == Some(window));
        menu(&page, "Open the timeline's window alone");
        // A tab in the background draws nothing, and a picture of it never comes.
        page.in_window(0);
        window
    };
    alone(1000);
    page.wait_until("it says how far it is", || {
        let says = page.text(".perfetto-says");
        says.contains("Cutting out what") && says.contains('%') && !says.contains(": 0 %")
    });
    page.screenshot("perfetto-cutting", Look::LAPTOP);
    click_text(&page, ".perfetto-says button", "Cancel");
    page.wait_until("nothing is said any more", || page.count(".perfetto-says") == 0);
    // At once two others: what was clicked last arrives, and nothing else.
    alone(1200);
    let last = alone(1400);
    page.in_window(1);
    page.wait_until("the stand-in has it", || shown(&page, "events").is_some());
    page.wait_until("it shows the last", || {
        range(&page).is_some_and(|(start, end)| near(start, last.start) && near(end, last.end))
    });
    assert_eq!(shown(&page, "traces"), Some(1.0));
    page.in_window(0);
    page.wait_until("there is nothing to say any more", || {
        page.count(".perfetto-says") == 0
    });
    // A trace that is closed takes its cut-out along, and the next one is sent as ever.
    alone(1600);
    page.wait_until("it is cut out", || page.count(".perfetto-says") == 1);
    let Some(gaudi) = Gaudi::find() else { return };
    gaudi.open_in(&page);
    assert_eq!(page.count(".perfetto-says"), 0);
    menu(&page, "Open the whole trace in Perfetto");
    page.in_window(1);
    page.wait_until("the stand-in has the other", || {
        shown(&page, "bytes") == Some(read(&gaudi.trace).len() as f64)
    });
    assert_eq!(shown(&page, "traces"), Some(2.0));
    page.in_window(0);
    assert_eq!(page.n_windows(), 2);
    assert_eq!(page.console_errors(), [""; 0]);
}

#[test]
fn a_page_that_shows_both_keeps_them_in_step() {
    let Some(gaudi) = Gaudi::find() else { return };
    let page = Page::blank();
    page.load(&format!("{}host/companion.html", page.url_as("localhost")));
    page.choose_files(&[&gaudi.trace]);
    page.wait_until("both have it", || {
        page.text("#says").contains("events. What you select")
    });
    page.in_frame("#perfetto");
    page.wait_until("the stand-in has it", || shown(&page, "events").is_some());
    page.out_of_frame();
    page.in_frame("#stepscope");
    assert_eq!(page.text("header .file"), name(&gaudi.trace));
    page.eval("location.hash = 'view=gaps&gaps=device'");
    scroll_to(&page, "tbody a[href*=mark]");
    // A person's click: Firefox follows none of a script in a frame that has not the focus.
    page.click("tbody a[href*=mark]");
    page.wait_until("it is marked", || place(&page).mark.is_some());
    let mark = place(&page).mark.expect("a mark");
    page.out_of_frame();
    page.in_frame("#perfetto");
    page.wait_until("the stand-in shows the gap", || {
        range(&page).is_some_and(|(start, end)| near(start, mark.start) && near(end, mark.end))
    });
    page.out_of_frame();
    page.screenshot(
        "both",
        Look {
            width_px: 1440,
            height_px: 900,
            dark: false,
        },
    );
    page.screenshot(
        "both-phone",
        Look {
            dark: true,
            ..Look::PHONE
        },
    );
    // The host's script refuses what is no stretch, and moves Stepscope.
    let refused = page.eval_async("scope.select(NaN, 2)");
    assert!(
        refused["rejected"]
            .as_str()
            .is_some_and(|why| why.contains("no stretch")),
        "{refused}"
    );
    let (start, end) = (
        gaudi.native.report.start_ns.expect("a start"),
        gaudi.native.report.end_ns.expect("an end"),
    );
    let middle = (start + (end - start) / 2) as f64 / 1e9;
    page.eval_with(
        "scope.select(arguments[0], arguments[0] + 0.001)",
        vec![json!(middle)],
    );
    page.in_frame("#stepscope");
    page.wait_until("Stepscope shows it", || {
        place(&page).mark.is_some_and(|mark| near(middle, mark.start))
    });
    page.out_of_frame();
    assert_eq!(page.console_errors(), [""; 0]);
}

#[test]
fn a_perfetto_tab_hands_its_trace_over_by_the_bookmarklet() {
    let page = Page::blank();
    page.load(&format!("{}host/bookmarklet.html", page.url_as("localhost")));
    let href = page.eval("return document.getElementById('bookmarklet').href");
    let source = page.text("#source");
    assert!(
        href.as_str().is_some_and(|href| href.starts_with("javascript:")),
        "{href}"
    );
    page.screenshot("bookmarklet", Look::LAPTOP);
    page.load(&stand_in(&page, ""));
    // Without a trace, it says so and opens nothing.
    page.eval("window.alert = says => { window.alerted = says }");
    page.eval(&source);
    assert!(
        page.eval("return alerted")
            .as_str()
            .is_some_and(|says| says.contains("no trace open"))
    );
    page.eval(
        "window.ctx = { getTraceFile: async () => new File(
             ['[{\"ph\":\"X\",\"name\":\"decode\",\"pid\":1,\"tid\":1,\"ts\":5,\"dur\":2}]'], 'from-perfetto.json') };
         document.title = 'a trace'",
    );
    page.eval(&source);
    page.in_window(1);
    page.wait_for("ready");
    assert_eq!(page.text("header .file"), "from-perfetto.json");
    assert_eq!(page.console_errors(), [""; 0]);
}

//! The Steps view: all steps, their groups, and one of them.

use fantoccini::key::Key;
use stepscope::analyze::report::{Basis, Phase, Step, StepGroup};
use stepscope::base::show;
use stepscope::view::route::View;

use stepscope_e2e::{Page, key};

use crate::real::{Gaudi, click_text, go, place, rows, table, texts};

const COLUMNS: [&str; 4] = ["step", "phase", "bucket", "model call"];

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Prefill => "prefill",
        Phase::Decode => "decode",
        other => panic!("{other:?} in this trace"),
    }
}

/// Number, phase, bucket and duration, as the table shows them.
fn cells(step: &Step) -> [String; 4] {
    [
        step.index.to_string(),
        phase(step.phase).into(),
        step.bucket.expect("every step has a bucket").to_string(),
        show::duration(step.dur_ns),
    ]
}

fn group(g: &StepGroup, basis: Basis) -> [String; 3] {
    [
        g.bucket.expect("every group has a bucket").to_string(),
        show::count(g.count),
        g.times(basis).max_ns.map_or("–".to_owned(), show::duration),
    ]
}

#[test]
fn every_step_has_its_row_and_every_group_its_quantiles() {
    let Some((page, gaudi)) = Gaudi::at("#view=steps") else {
        return;
    };
    let report = &gaudi.native.report;
    let steps = table(&page, "steps");
    steps.wait_for_size("46 of 52 rows");
    assert_eq!(steps.column("step").len(), 46);
    click_text(&page, ".filters button", "Show all steps");
    steps.wait_for_size("52 rows");
    let expected: Vec<_> = report.steps.iter().map(cells).collect();
    assert_eq!(steps.columns(COLUMNS), expected);

    let basis = report.step_time.as_ref().expect("it has steps").basis;
    let by_bucket = table(&page, "step_groups");
    let groups = by_bucket.columns(["bucket", "steps", "longest"]);
    let expected: Vec<_> = report.step_groups.iter().map(|g| group(g, basis)).collect();
    assert_eq!(groups.len(), 11);
    assert_eq!(groups, expected);

    // Decode (4, 1, 256) while serving: 20 steps.
    let wanted = by_bucket
        .columns(["bucket", "period"])
        .iter()
        .position(|row| *row == ["(4, 1, 256)", "serving"])
        .expect("the group");
    page.eval_with(
        "document.querySelectorAll(arguments[0])[arguments[1]].click()",
        vec![by_bucket.css("tbody button.link").into(), wanted.into()],
    );
    steps.wait_for_size("20 of 52 rows");
    assert!(
        steps
            .column("bucket")
            .iter()
            .all(|bucket| bucket == "(4, 1, 256)")
    );
    page.must_be_clean();
}

#[test]
fn sorting_by_duration_brings_the_longest_first() {
    let Some((page, gaudi)) = Gaudi::at("#view=steps") else {
        return;
    };
    let steps = table(&page, "steps");
    assert_eq!(steps.sort("model call"), "descending");
    let longest = &gaudi.native.report.steps[10];
    assert_eq!(longest.dur_ns, 412_484_000);
    assert_eq!(steps.columns(COLUMNS)[0], cells(longest));
    page.must_be_clean();
}

#[test]
fn a_click_on_a_step_shows_what_it_is_made_of() {
    let Some((page, gaudi)) = Gaudi::at("") else {
        return;
    };
    go(&page, View::Steps);
    let steps = table(&page, "steps");
    page.click(&steps.in_row("step", "10", "a[href='#view=steps&step=10']"));
    page.wait_until("step 10 is described", || {
        page.count("section.panel[aria-label='Step 10'] table") > 0
    });
    assert_eq!(place(&page).step, Some(10));
    let panel = page.text("section.panel");
    let parts = &gaudi.native.report.steps[10].parts;
    assert_eq!(parts.compile_ns, Some(412_345_000));
    let step_ns = gaudi.native.report.steps[10].step_ns.expect("it is not the last");
    for says in [
        "Step 10",
        &format!("{} · serving", show::duration(step_ns)),
        "(1, 128, 2)",
        "Graphs compiled in it",
    ] {
        assert!(panel.contains(says), "{says:?} is not in: {panel}");
    }
    let compile = rows(&page, "section.panel .columns table")
        .into_iter()
        .find(|row| row[0].contains("compile"))
        .expect("a row for compiling");
    assert_eq!(compile[1], "412 ms");

    page.press("]");
    page.wait_until("the next step is described", || {
        page.count("section.panel[aria-label='Step 11'] table") > 0
    });
    assert_eq!(place(&page).step, Some(11));
    page.wait_until("its row is marked", || {
        texts(&page, &steps.css("tr.here a[href*='view=steps']")) == ["11"]
    });
    page.must_be_clean();
}

#[test]
fn the_step_time_stands_on_top_and_another_can_be_chosen() {
    let Some((page, gaudi)) = Gaudi::at("#view=overview") else {
        return;
    };
    let report = &gaudi.native.report;
    let says = texts(&page, ".verdict-line");
    assert_eq!(says[0], report.verdict.as_ref().expect("it has steps").says);
    let time = report.step_time.as_ref().expect("it has steps");
    assert!(texts(&page, ".step-time .hint")[0].contains(&time.why));
    click_text(&page, ".step-time button", "model call");
    page.wait_until("the model call is the step time", || {
        texts(&page, ".step-time .hint")[0].starts_with("Step time here is the model call.")
    });
    assert!(texts(&page, ".verdict-line")[0].contains("in the model call alone"));
    page.must_be_clean();
}

/// How many steps the page says are chosen.
fn chosen(page: &Page) -> String {
    let says = texts(page, "main p[role=status].hint");
    says.into_iter()
        .find(|says| says.contains("chosen"))
        .unwrap_or_default()
}

#[test]
fn dots_are_picked_and_brushed_by_keyboard_and_the_link_holds_the_brush() {
    let Some((page, gaudi)) = Gaudi::at("#view=steps&period=all") else {
        return;
    };
    let timed = gaudi.native.report.steps.iter().filter(|s| s.step_ns.is_some());
    let first = timed.min_by_key(|s| s.start_ns).expect("a step time");
    let field = "[role=group][aria-label='Steps over time']";
    page.wait_until("the picture is drawn", || {
        page.count(&format!("{field} svg[role=img]")) == 1
    });
    page.eval(&format!("document.querySelector(\"{field}\").focus()"));
    page.press(&key(Key::Right));
    let tip = ".picture:first-of-type .plot-tip";
    page.wait_until("the first step is said", || {
        page.text(tip).starts_with(&format!("step {}: ", first.index))
    });
    page.press(&key(Key::Enter));
    page.wait_until("its detail is shown", || {
        page.count(&format!("section.panel[aria-label='Step {}'] table", first.index)) > 0
    });
    let top =
        page.eval("return document.querySelector('section.panel').getBoundingClientRect().top / innerHeight");
    assert!(
        (0.0..0.9).contains(&top.as_f64().expect("a place")),
        "in sight: {top}"
    );
    page.wait_until("what runs in it is listed", || {
        page.count("#table-step_work") == 1
    });

    page.eval(&format!(
        "const field = document.querySelector(\"{field}\"); field.focus();
         field.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'Home', bubbles: true }}));"
    ));
    for _ in 0..5 {
        page.eval(&format!(
            "document.querySelector(\"{field}\").dispatchEvent(
                 new KeyboardEvent('keydown', {{ key: 'ArrowRight', shiftKey: true, bubbles: true }}))"
        ));
    }
    page.wait_until("a stretch is chosen", || {
        place(&page).steps.is_some_and(|s| s.window.is_some())
    });
    let window = place(&page).steps.and_then(|s| s.window).expect("a stretch");
    let inside = gaudi
        .native
        .report
        .steps
        .iter()
        .filter(|s| window.contains(s.start_ns))
        .count();
    assert!(inside > 1 && inside < 52, "{inside}");
    table(&page, "steps").wait_for_size(&format!("{inside} of 52 rows"));
    let hash = page.eval("return location.hash");
    let hash = hash.as_str().expect("a hash").to_owned();
    assert!(hash.contains("&at="), "{hash}");
    page.must_be_clean();

    let Some((again, _)) = Gaudi::at(&hash) else {
        return;
    };
    table(&again, "steps").wait_for_size(&format!("{inside} of 52 rows"));
    click_text(&again, ".filters button", "Show all steps");
    table(&again, "steps").wait_for_size("52 rows");
    again.must_be_clean();
}

#[test]
fn the_slowest_hundredth_is_one_click_away() {
    let Some((page, _)) = Gaudi::at("#view=steps&period=all") else {
        return;
    };
    page.wait_until("all are chosen", || chosen(&page).starts_with("52 steps"));
    click_text(&page, ".filters button", "Slowest 1 %");
    page.wait_until("one is chosen", || chosen(&page).starts_with("1 step "));
    assert!(place(&page).steps.is_some_and(|steps| steps.slowest));
    table(&page, "steps").wait_for_size("1 of 52 rows");
    page.must_be_clean();
}

#[test]
fn a_bar_of_the_distribution_filters_and_pictures_are_saved() {
    let Some((page, _)) = Gaudi::at("#view=steps&period=all") else {
        return;
    };
    let field = "[role=group][aria-label='Distribution of step times']";
    page.wait_until("it is drawn", || page.count(&format!("{field} .quantile")) == 3);
    page.eval(&format!("document.querySelector(\"{field}\").focus()"));
    page.press(&key(Key::End));
    page.press(&key(Key::Enter));
    page.wait_until("the longest are chosen", || {
        place(&page).steps.is_some_and(|steps| steps.length.is_some())
    });
    page.wait_until("they are few", || chosen(&page).starts_with("1 step "));
    for format in ["SVG", "PNG"] {
        page.eval(&format!(
            "document.querySelector(\"button[aria-label='Save as {format}: Distribution of step times']\").click()"
        ));
        let ending = format!(".step-times.{}", format.to_lowercase());
        page.wait_until(&format!("it is saved as {format}"), || {
            let said = texts(&page, ".picture-tools [role=status]");
            said.iter()
                .any(|said| said.starts_with("Saved as ") && said.ends_with(&ending))
        });
    }
    page.must_be_clean();
}

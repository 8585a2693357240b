//! The Steps view: all steps, their groups, and one of them.

use stepscope::analyze::report::{Basis, Phase, Step, StepGroup};
use stepscope::base::show;
use stepscope::view::route::View;

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
    page.eval(
        "const select = document.querySelector('.step-time select'); select.value = 'call'; \
         select.dispatchEvent(new Event('change', { bubbles: true }))",
    );
    page.wait_until("the model call is the step time", || {
        texts(&page, ".step-time .hint")[0].starts_with("Step time here is the model call.")
    });
    assert!(texts(&page, ".verdict-line")[0].contains("in the model call alone"));
    page.must_be_clean();
}

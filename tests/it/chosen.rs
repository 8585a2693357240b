//! Steps and gaps that a reader chooses: tables and pictures are of them alone.

use stepscope::protocol::engine::{Answer, Question};
use stepscope::session::{Opened, open_bytes};
use stepscope::synth::{self, Options};
use stepscope::table::{Ask, Cell, GapsAsk, Page, SelectedAsk};
use stepscope::view::{GapFilter, Period, Phase, Picked, Span, StepFilter};

fn sample() -> Opened {
    let mut bytes = Vec::new();
    synth::write(&Options::sample(), &mut bytes).unwrap();
    open_bytes("sample.json", &bytes).unwrap()
}

fn rows(opened: &Opened, key: &str, selected: SelectedAsk) -> Option<Page> {
    let question = Question::Table {
        key: key.to_owned(),
        ask: Ask {
            n_rows: 1_000,
            selected: Some(selected),
            ..Ask::default()
        },
    };
    match opened.answer(&opened.scene(), &question) {
        Answer::Table(page) => Some(*page),
        _ => None,
    }
}

fn ints(page: &Page, key: &str) -> Vec<i64> {
    let at = page.columns.iter().position(|column| column.key == key).unwrap();
    let ints = page.rows.iter().filter_map(|row| match row[at] {
        Cell::Int(n) => Some(n),
        _ => None,
    });
    ints.collect()
}

#[test]
fn tables_of_steps_are_of_the_steps_that_are_chosen() {
    let opened = sample();
    let steps = &opened.report.steps;
    let served: Vec<_> = steps.iter().filter(|s| s.period == Period::Serving).collect();
    let (first, last) = (served[2].start_ns, served[served.len() / 2].start_ns);
    let filter = StepFilter {
        phase: Some(Phase::Decode),
        window: Some(Span::new(first, last)),
        ..StepFilter::default()
    };
    let expected: Vec<i64> = steps
        .iter()
        .filter(|s| s.phase == Phase::Decode && (first..last).contains(&s.start_ns))
        .map(|s| i64::from(s.index))
        .collect();
    assert!(!expected.is_empty() && expected.len() < steps.len());
    let page = rows(&opened, "steps", SelectedAsk::Steps(filter.clone())).unwrap();
    assert_eq!(ints(&page, "index"), expected);
    assert_eq!(page.n_all as usize, steps.len(), "the table says of how many");
    let groups = rows(&opened, "step_groups", SelectedAsk::Steps(filter)).unwrap();
    assert_eq!(ints(&groups, "count").iter().sum::<i64>(), expected.len() as i64);

    let slowest = StepFilter {
        slowest: true,
        ..StepFilter::default()
    };
    let longest = steps.iter().filter_map(|s| s.step_ns).max().unwrap();
    let page = rows(&opened, "steps", SelectedAsk::Steps(slowest)).unwrap();
    let times = ints(&page, "step_ns");
    assert!(times.contains(&longest));
    assert_eq!(
        times.len(),
        steps.iter().filter(|s| s.step_ns.is_some()).count().div_ceil(100)
    );

    let whole = rows(&opened, "step_groups", SelectedAsk::Steps(StepFilter::default())).unwrap();
    let counts: Vec<i64> = opened.report.step_groups.iter().map(|g| g.count as i64).collect();
    assert_eq!(ints(&whole, "count"), counts, "all steps are the report's groups");
}

#[test]
fn gaps_are_listed_by_length_and_place_among_the_steps() {
    let opened = sample();
    for gaps in &opened.report.gaps {
        let of = Some((gaps.kind, gaps.r#where.clone()));
        let ask = |filter: GapFilter| GapsAsk {
            window: None,
            filter,
            of: of.clone(),
        };
        let count =
            |filter: GapFilter| match opened.answer(&opened.scene(), &Question::Gaps { ask: ask(filter) }) {
                Answer::Gaps(chosen) => chosen.count,
                _ => 0,
            };
        let inside = |inside: bool| GapFilter {
            inside: Some(inside),
            ..GapFilter::default()
        };
        assert_eq!(count(GapFilter::default()), gaps.count);
        assert_eq!(
            count(inside(true)) + count(inside(false)),
            gaps.count,
            "{}",
            gaps.r#where
        );
        let Some(bin) = gaps.histogram.iter().find(|bin| (1..=200).contains(&bin.count)) else {
            continue;
        };
        let length = Span::new(bin.from_ns, bin.to_ns.unwrap_or(i64::MAX));
        let of_bin = GapFilter {
            length: Some(length),
            ..GapFilter::default()
        };
        assert_eq!(count(of_bin.clone()), gaps.count, "pictures are of all lengths");
        let page = rows(&opened, "longest_gaps", SelectedAsk::Gaps(ask(of_bin))).unwrap();
        let lengths = ints(&page, "dur_ns");
        assert_eq!(lengths.len() as u64, bin.count, "{}", gaps.r#where);
        assert!(lengths.iter().all(|&ns| length.contains(ns)));
        assert!(
            gaps.histogram
                .iter()
                .all(|bin| bin.count == 0 || bin.to_ns.is_none_or(|to| to > 2))
        );
    }
}

#[test]
fn what_runs_in_a_step_stands_beside_the_median_of_like_steps() {
    let opened = sample();
    let step = opened
        .report
        .steps
        .iter()
        .filter(|s| s.period == Period::Serving && !s.compiled && s.phase == Phase::Decode)
        .max_by_key(|s| s.device.as_ref().map_or(0, |d| d.busy_ns))
        .unwrap();
    let page = rows(&opened, "step_work", SelectedAsk::Step(step.index)).unwrap();
    assert!(
        page.says.iter().any(|says| says.starts_with("Compared with ")),
        "{:?}",
        page.says
    );
    let kind = page
        .columns
        .iter()
        .position(|column| column.key == "kind")
        .unwrap();
    let total = page
        .columns
        .iter()
        .position(|column| column.key == "total_ns")
        .unwrap();
    let kernels = page
        .rows
        .iter()
        .filter_map(|row| match (&row[kind], &row[total]) {
            (Cell::Term(term), Cell::Int(ns)) if term.key == "kernel" => Some(*ns),
            _ => None,
        });
    // Work side by side counts for each.
    let busy = step.device.as_ref().map_or(0, |d| d.busy_ns);
    assert!(kernels.sum::<i64>() >= busy && busy > 0);
    assert_eq!(rows(&opened, "step_work", SelectedAsk::Step(u32::MAX)), None);
}

#[test]
fn a_picture_leads_to_steps_that_are_there() {
    let opened = sample();
    let question = Question::Steps {
        filter: StepFilter::default(),
        plot_window: None,
        log: true,
        width_px: 0,
    };
    let Answer::Steps(view) = opened.answer(&opened.scene(), &question) else {
        panic!("no steps");
    };
    let picture = view.over_time.unwrap();
    let timed = opened.report.steps.iter().filter(|s| s.step_ns.is_some()).count();
    assert_eq!(picture.picks.len(), timed, "a dot each");
    let is_timed = |pick: &Picked| match pick {
        Picked::Step(step) => opened.report.steps[*step as usize].step_ns.is_some(),
        _ => false,
    };
    assert!(picture.picks.iter().all(|pick| is_timed(&pick.of)));
    let all = view.distribution.unwrap();
    assert_eq!(all.plot.says.split(' ').next(), Some(timed.to_string().as_str()));
}

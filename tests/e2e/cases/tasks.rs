//! What people open a profile for, each in three clicks or keys at most from the drop. The slowest steps are in `steps`,
//! a stretch that goes to Perfetto in `perfetto`.

use stepscope::analyze::report::{GapKind, Phase};
use stepscope::view::route::View;
use stepscope_e2e::{Page, corpus};

use crate::real::{Gaudi, opened, place, table};

/// How many clicks or keys a task may take.
const MOST_ACTS: u32 = 3;

/// A reader with a trace open, and what he did so far.
struct Visit {
    page: Page,
    acts: u32,
}

impl Visit {
    fn act(&mut self, what: &str) -> &Page {
        self.acts += 1;
        assert!(self.acts <= MOST_ACTS, "{what} is one click too many");
        &self.page
    }

    fn tab(&mut self, view: View) {
        self.act("a tab")
            .click(&format!("nav.tabs a[href='#view={}']", view.id()));
        self.page.wait_until(&format!("the view {view:?} is shown"), || {
            self.page.count(&format!("main.view-{}", view.id())) == 1
        });
    }

    fn click(&mut self, css: &str) {
        self.act(css).click(css);
    }

    /// Chooses in the list that a label names.
    fn choose(&mut self, label: &str, value: &str) {
        let chosen = self.act(label).eval_with(
            "const found = [...document.querySelectorAll('label')].find(e => e.innerText.trim().startsWith(arguments[0]));
             const list = found?.querySelector('select');
             if (!list) { return false; }
             list.value = arguments[1];
             list.dispatchEvent(new Event('change', { bubbles: true }));
             return list.value === arguments[1]",
            vec![label.into(), value.into()],
        );
        assert_eq!(chosen, true, "there is no {value} in {label}");
    }
}

/// A Gaudi trace and a CUDA one, just dropped.
fn visits() -> Vec<(&'static str, Visit, stepscope::session::Opened)> {
    let mut visits = Vec::new();
    if let Some((page, gaudi)) = Gaudi::at("") {
        visits.push(("gaudi", Visit { page, acts: 0 }, gaudi.native));
    }
    if let Some(file) = corpus(CUDA) {
        let page = Page::open();
        page.drop_file(&file);
        page.wait_for("ready");
        let native = opened(&file).expect("a trace");
        visits.push(("cuda", Visit { page, acts: 0 }, native));
    }
    visits
}

const CUDA: &str = "kineto/vllm_cuda/1765516811841277604-rank-0.1765516854917831845.pt.trace.json.gz";

/// The number that a duration's words begin with, in ns.
fn ns(words: &str) -> f64 {
    let (number, unit) = words.split_once(' ').expect("a number and a unit");
    let unit = match unit {
        "ns" => 1.0,
        "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        other => panic!("{other} is no unit"),
    };
    number.replace(',', "").parse::<f64>().expect("a number") * unit
}

#[test]
fn the_longest_gap_of_the_device_in_decode() {
    for (name, mut visit, native) in visits() {
        visit.tab(View::Gaps);
        visit.click(".switches a[href='#view=gaps&gaps=device']");
        visit.choose("Phase", "decode");
        let gaps = table(&visit.page, "longest_gaps");
        visit.page.wait_until("gaps of decode steps are listed", || {
            place(&visit.page).gap.phase == Some(Phase::Decode) && !gaps.rows().is_empty()
        });
        let lengths: Vec<f64> = gaps.drawn("length").iter().map(|words| ns(words)).collect();
        assert!(lengths.is_sorted_by(|a, b| a >= b), "{name}: {lengths:?}");
        // The steps in which, or before which, they lie are decode steps.
        let is_decode = |step: &String| {
            let step: usize = step.parse().expect("a number of a step");
            native.report.steps[step].phase == Phase::Decode
        };
        assert!(gaps.drawn("step").iter().all(is_decode), "{name}");
        assert!(native.report.gaps.iter().any(|gaps| gaps.kind == GapKind::Device));
        visit.page.must_be_clean();
    }
}

#[test]
fn what_compiled_while_serving_and_where() {
    for (name, mut visit, native) in visits() {
        visit.tab(View::Recompiles);
        let compiles = table(&visit.page, "recompiles");
        assert!(!compiles.rows().is_empty(), "{name}");
        visit.click(&compiles.css("tbody tr:first-child a[href*='view=timeline']"));
        visit.page.wait_until("the longest compile is described", || {
            visit.page.count(".tl-details .tl-name") == 1
        });
        let slice = place(&visit.page).slice.expect("a slice");
        assert!(
            native
                .report
                .recompiles
                .iter()
                .any(|compile| compile.slice == Some(slice)),
            "{name}: {slice}"
        );
        visit.page.must_be_clean();
    }
}

#[test]
fn the_bucket_that_wastes_most_device_time_by_padding() {
    for (name, mut visit, native) in visits() {
        // The CUDA trace records no buckets.
        let Some(most) = native.report.padding.first() else {
            assert_eq!(name, "cuda");
            continue;
        };
        visit.tab(View::Steps);
        let padding = table(&visit.page, "padding");
        assert_eq!(padding.drawn("bucket")[0], most.bucket.to_string());
        visit.page.must_be_clean();
    }
}

#[test]
fn the_top_kernels_inside_one_step() {
    for (name, mut visit, native) in visits() {
        let with_device = native.report.steps.iter().find(|step| step.device.is_some());
        let step = with_device.expect("a step with device work").index;
        visit.tab(View::Steps);
        let steps = table(&visit.page, "steps");
        let shown: Vec<String> = steps.drawn("step");
        let first = shown
            .first()
            .unwrap_or_else(|| panic!("{name} shows no step, {step}"));
        let link = steps.in_row("step", first, "a[href*='step=']");
        visit.click(&link);
        let work = table(&visit.page, "step_work");
        visit
            .page
            .wait_until("the step's work is listed", || !work.rows().is_empty());
        let kinds = work.column("what");
        assert!(
            kinds.iter().any(|kind| kind.contains("kernel")),
            "{name}: {kinds:?}"
        );
        visit.page.must_be_clean();
    }
}

//! What engineers come for, from the drop of a file on: at most three clicks or keys each, on a Gaudi and on a CUDA
//! trace. What the page shows is compared with the native engine's report.

use std::cell::Cell;

use serde_json::json;
use stepscope::analyze;
use stepscope::analyze::report::{DifferenceKind, GapKind, Period, Phase, Step, TraceReport};
use stepscope::base::show;
use stepscope::session::Opened;
use stepscope::view::route::View;
use stepscope_e2e::{Page, corpus};

use crate::perfetto::{near, range, set_address, stand_in};
use crate::real::{Gaudi, click_text, go, opened, place, scroll_to, table};

/// More is no answer at hand.
const MOST_ACTS: u32 = 3;

/// A page on which a trace was dropped, and who counts what is clicked and typed since.
struct Visit {
    page: Page,
    native: Opened,
    acts: Cell<u32>,
}

impl Visit {
    fn gaudi() -> Option<Visit> {
        let gaudi = Gaudi::find()?;
        let page = Page::open();
        gaudi.open_in(&page);
        Some(Visit::of(page, gaudi.native))
    }

    fn cuda() -> Option<Visit> {
        let file = "kineto/vllm_cuda/1765516811841277604-rank-0.1765516854917831845.pt.trace.json.gz";
        let file = corpus(file)?;
        let page = Page::open();
        page.drop_file(&file);
        page.wait_for("ready");
        let native = opened(&file).unwrap_or_else(|why| panic!("{why}"));
        Some(Visit::of(page, native))
    }

    fn of(page: Page, native: Opened) -> Visit {
        Visit {
            page,
            native,
            acts: Cell::new(0),
        }
    }

    fn report(&self) -> &TraceReport {
        &self.native.report
    }

    fn act(&self) {
        self.acts.set(self.acts.get() + 1);
        assert!(self.acts.get() <= MOST_ACTS, "a fourth click");
    }

    fn go(&self, view: View) {
        self.act();
        go(&self.page, view);
    }

    fn click(&self, css: &str) {
        self.act();
        self.page.click(css);
    }

    fn click_text(&self, css: &str, text: &str) {
        self.act();
        click_text(&self.page, css, text);
    }

    /// Chooses of a list of choices beside a word.
    fn choose(&self, word: &str, value: &str) {
        self.act();
        let found = self.page.eval_with(
            "const select = [...document.querySelectorAll('.filters label')]
                 .find(label => label.textContent.startsWith(arguments[0]))?.querySelector('select');
             if (!select) return false;
             select.value = arguments[1];
             select.dispatchEvent(new Event('change', { bubbles: true }));
             return select.value === arguments[1]",
            vec![json!(word), json!(value)],
        );
        assert_eq!(found, json!(true), "{value} can be chosen beside {word}");
    }
}

/// Does a task on both traces; how many were there.
fn on_both(task: impl Fn(&Visit)) {
    for visit in [Visit::gaudi(), Visit::cuda()].into_iter().flatten() {
        task(&visit);
        visit.page.must_be_clean();
    }
}

fn decode_steps(report: &TraceReport) -> impl Iterator<Item = &Step> {
    report.steps.iter().filter(|step| step.phase == Phase::Decode)
}

#[test]
fn the_longest_host_gap_in_decode() {
    on_both(|visit| {
        visit.go(View::Gaps);
        visit.click(".switches a[href='#view=gaps&gaps=device']");
        visit.choose("Phase", "decode");
        let (page, report) = (&visit.page, visit.report());
        page.wait_until("gaps of decode steps are asked for", || {
            place(page).gap.phase == Some(Phase::Decode)
        });
        let of_decode = |step: u32| report.steps[step as usize].phase == Phase::Decode;
        let gaps = report.gaps.iter().find(|gaps| gaps.kind == GapKind::Device);
        let longest = gaps.unwrap().longest.iter();
        let longest = longest.clone().find(|gap| gap.step.is_some_and(of_decode));
        let expected = show::duration(longest.expect("a gap in decode").dur_ns);
        let listed = table(page, "longest_gaps");
        page.wait_until("the longest stands first", || {
            listed.column("length").first() == Some(&expected)
        });
    });
}

#[test]
fn what_compiled_while_serving_and_where() {
    on_both(|visit| {
        let serving = visit
            .report()
            .recompiles
            .iter()
            .filter(|compile| compile.period == Period::Serving && !compile.beside);
        let mut serving: Vec<_> = serving.collect();
        serving.sort_by_key(|compile| std::cmp::Reverse(compile.dur_ns));
        let page = &visit.page;
        visit.go(View::Recompiles);
        let Some(first) = serving.first() else {
            // This trace has none, and says so at once.
            assert!(page.text("main").contains("No graph"), "{}", page.text("main"));
            return;
        };
        let compiles = table(page, "recompiles");
        let costs: Vec<String> = serving.iter().map(|compile| compile.cost_says()).collect();
        assert_eq!(compiles.column("cost"), costs);
        visit.click(&compiles.in_row("cost", &costs[0], "a[href*='view=timeline']"));
        page.wait_until("the timeline shows it", || {
            place(page).view == View::Timeline
                && place(page).mark.is_some_and(|at| at.start == first.start_ns)
        });
    });
}

#[test]
fn which_bucket_wastes_most_device_time_on_padding() {
    on_both(|visit| {
        let page = &visit.page;
        visit.go(View::Steps);
        let most = visit.report().padding.iter();
        let Some(most) = most.max_by_key(|row| row.padding_device_ns) else {
            // Steps of a CUDA trace name no buckets.
            assert_eq!(page.count("#table-padding"), 0);
            assert!(visit.report().steps.iter().all(|step| step.bucket.is_none()));
            return;
        };
        let padding = table(page, "padding");
        let [bucket, wasted] = padding.columns(["bucket", "on padding"])[0].clone();
        assert_eq!(bucket, most.bucket.to_string());
        assert_eq!(
            wasted,
            show::duration(most.padding_device_ns.expect("device time"))
        );
    });
}

#[test]
fn the_slowest_hundredth_of_decode_and_what_differs() {
    on_both(|visit| {
        let page = &visit.page;
        visit.go(View::Steps);
        visit.choose("Phase", "decode");
        visit.click_text(".filters button", "Slowest 1 %");
        page.wait_until("they are chosen", || {
            place(page)
                .steps
                .is_some_and(|steps| steps.slowest && steps.phase == Some(Phase::Decode))
        });
        let shown = |step: &&Step| step.period == Period::Serving && !step.compiled;
        let slowest = decode_steps(visit.report())
            .filter(shown)
            .filter_map(|step| step.step_ns)
            .max();
        let steps = table(page, "steps");
        page.wait_until("the slowest is among them", || {
            let times = steps.column("step time");
            times.contains(&show::duration(slowest.expect("a step time")))
        });
    });
}

#[test]
fn the_top_kernels_inside_one_step() {
    on_both(|visit| {
        let (page, native) = (&visit.page, &visit.native);
        visit.go(View::Steps);
        let steps = table(page, "steps");
        let first = steps.drawn("step")[0].clone();
        visit.click(&steps.in_row("step", &first, &format!("a[href='#view=steps&step={first}']")));
        let step = first.parse().expect("a number");
        let work = analyze::step_work(&native.index, &native.vocabulary, &native.report, step);
        let work = work.expect("a step");
        let kernels = work.rows.iter().filter(|row| row.kind == DifferenceKind::Kernel);
        let longest = kernels.max_by_key(|row| row.ns).expect("kernels");
        let listed = table(page, "step_work");
        visit.act();
        assert_eq!(listed.sort("in this step"), "descending");
        let rows = listed.columns(["what", "in this step"]);
        let of_kernels: Vec<&String> = rows
            .iter()
            .filter(|[what, _]| what == "kernel")
            .map(|[_, ns]| ns)
            .collect();
        assert_eq!(of_kernels.first(), Some(&&show::duration(longest.ns)), "{rows:?}");
    });
}

#[test]
fn a_range_goes_to_perfetto() {
    on_both(|visit| {
        let (page, report) = (&visit.page, visit.report());
        set_address(page, &stand_in(page, ""));
        visit.go(View::Gaps);
        visit.click(".switches a[href='#view=gaps&gaps=device']");
        let gaps = report.gaps.iter().find(|gaps| gaps.kind == GapKind::Device);
        let longest = &gaps.unwrap().longest[0];
        scroll_to(page, "tbody .in-perfetto");
        visit.click("tbody .in-perfetto");
        page.in_window(1);
        page.wait_until("it shows the range", || {
            range(page).is_some_and(|(start, end)| {
                near(start, longest.start_ns) && near(end, longest.start_ns + longest.dur_ns)
            })
        });
        page.in_window(0);
    });
}

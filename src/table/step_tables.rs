//! Steps, one by one and in groups.

use rustc_hash::FxHashMap;

use crate::analyze::report::{
    Basis, Difference, Durations, Parts, Period, SlowStep, Step, StepTime, device_name,
};
use crate::analyze::steps::like::{LikeSize, by_like_size};
use crate::analyze::steps::times::{device_span_ns, durations};
use crate::base::log_bins::LogBins;
use crate::base::{order, show};

use super::cell::{Cell, Kind, Part, Place, Term};
use super::table_rows::Rows;
use super::{Answers, Selected, Table, Topic, shown_terms};

/// Bins of a distribution in a line of a table.
const SMALL_BINS: usize = 32;

pub const STEP_GROUPS: Table = Table {
    key: "step_groups",
    title: "Steps by phase, bucket and period",
    definition: "Step times of one phase, bucket and period. Steps into which a compile falls are left out of them.",
    topic: Topic::Steps,
    rows: step_groups,
};

fn step_groups<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let basis = basis(answers);
    let groups = &answers.report.step_groups;
    let has_compiled = groups.iter().any(|g| g.compiled_count > 0);
    let curves = Curves::of(&answers.report.steps, |s| (s.period, s.phase, s.bucket));
    Rows::of(groups)
        .term("phase", "phase", "", |g| shown_terms::phase(g.phase))
        .bucket(|g| g.bucket)
        .term("period", "period", "", |g| shown_terms::period(g.period))
        .count("count", "steps", "All steps, also those that compiled.", |g| {
            g.count
        })
        .duration(
            "step_p50_ns",
            "p50",
            "Half of the step times are no longer than this.",
            move |g| g.times(basis).p50_ns,
        )
        .duration(
            "step_p90_ns",
            "p90",
            "Nine of ten are no longer than this.",
            move |g| g.times(basis).p90_ns,
        )
        .duration(
            "step_p99_ns",
            "p99",
            "Ninety-nine of a hundred are no longer than this.",
            move |g| g.times(basis).p99_ns,
        )
        .duration("step_max_ns", "longest", "", move |g| g.times(basis).max_ns)
        .column(Kind::Curve, "distribution", "distribution", CURVE, move |g| {
            curves.cell(&(g.period, g.phase, g.bucket))
        })
        .count(
            "step_count",
            "with a step time",
            "Steps that these are the quantiles of.",
            move |g| g.times(basis).count,
        )
        .on_request()
        .duration("interval_p50_ns", "interval p50", Basis::Interval.means(), |g| {
            g.interval.p50_ns
        })
        .on_request()
        .duration("host_p50_ns", "host time p50", Basis::Host.means(), |g| {
            g.host.p50_ns
        })
        .on_request()
        .duration("call_p50_ns", "model call p50", Basis::Call.means(), |g| {
            g.call.p50_ns
        })
        .on_request()
        .duration("device_p50_ns", "device span p50", Basis::Device.means(), |g| {
            g.device.p50_ns
        })
        .on_request()
        .when(has_compiled, |rows| {
            rows.count(
                "compiled_count",
                "compiled",
                "Steps into which a graph compile falls.",
                |g| g.compiled_count,
            )
        })
        .duration(
            "total_ns",
            "model calls, total",
            "All model calls, also of steps that compiled.",
            |g| g.total_ns,
        )
        .on_request()
        .duration(
            "p50_ns",
            "model calls p50",
            "Of all steps, also those that compiled.",
            |g| g.p50_ns,
        )
        .on_request()
        .duration(
            "p90_ns",
            "model calls p90",
            "Of all steps, also those that compiled.",
            |g| g.p90_ns,
        )
        .on_request()
        .duration(
            "p99_ns",
            "model calls p99",
            "Of all steps, also those that compiled.",
            |g| g.p99_ns,
        )
        .on_request()
        .duration(
            "max_ns",
            "longest model call",
            "Of all steps, also those that compiled.",
            |g| g.max_ns,
        )
        .on_request()
        .share(
            "padding",
            "padding",
            "the rows of the padded batches; these held no request",
            |g| {
                let (real, padded) = (signed(g.real_batch?), signed(g.padded_batch?));
                Some((padded.saturating_sub(real), padded))
            },
        )
        .says(basis_says(answers))
        .done()
}

const CURVE: &str =
    "How many steps took how long, short ones on the left; one logarithmic axis for all rows.";

/// Step times of groups, as histograms over one axis.
struct Curves<K> {
    of: FxHashMap<K, Vec<u64>>,
    least_ns: i64,
    longest_ns: i64,
}

impl<K: Eq + std::hash::Hash> Curves<K> {
    /// Of steps that did not compile.
    fn of(steps: &[Step], key: impl Fn(&Step) -> K) -> Curves<K> {
        let times = || steps.iter().filter(|s| !s.compiled).filter_map(|s| s.step_ns);
        let mut by_key: FxHashMap<K, Vec<i64>> = FxHashMap::default();
        for step in steps.iter().filter(|s| !s.compiled) {
            by_key.entry(key(step)).or_default().extend(step.step_ns);
        }
        let bins = LogBins::of(SMALL_BINS, times());
        let counted = |times: Vec<i64>| bins.map_or(Vec::new(), |bins| bins.counted(times.into_iter()));
        Curves {
            least_ns: times().min().unwrap_or(0),
            longest_ns: times().max().unwrap_or(0),
            of: by_key
                .into_iter()
                .map(|(key, times)| (key, counted(times)))
                .collect(),
        }
    }

    fn cell(&self, key: &K) -> Cell {
        let values = self.of.get(key).filter(|values| values.iter().any(|&n| n > 0));
        values.map_or(Cell::Unknown, |values| Cell::Curve {
            says: format!(
                "{} from {} on the left to {} on the right",
                show::counted(values.iter().sum(), "step"),
                show::duration(self.least_ns),
                show::duration(self.longest_ns)
            ),
            values: values.clone(),
        })
    }
}

pub const STEP_SIZES: Table = Table {
    key: "step_sizes",
    title: "Steps by size",
    definition: "Step times of steps without a bucket, by phase, period and class of size: a class reaches from one \
                 power of two to the next. Steps into which a compile falls are left out.",
    topic: Topic::Steps,
    rows: step_sizes,
};

/// Steps of one class of size.
struct OfSize {
    like: LikeSize,
    times: Durations,
}

fn step_sizes<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let steps = &answers.report.steps;
    let classed = steps
        .iter()
        .filter(|s| !s.compiled && LikeSize::of(s).class_key().is_some());
    let mut rows: Vec<OfSize> = by_like_size(classed.filter(|s| s.bucket.is_none()))
        .into_iter()
        .map(|(like, steps)| OfSize {
            like,
            times: durations(steps.iter().filter_map(|s| s.step_ns)),
        })
        .collect();
    order::sort_by_key(&mut rows, |row| (row.like.period != Period::Serving, row.like));
    let curves = Curves::of(steps, LikeSize::of);
    Rows::made(rows)
        .term("phase", "phase", "", |row| shown_terms::phase(row.like.phase))
        .term(
            "class",
            "size",
            "Requests in the batch or tokens, and tokens of context.",
            |row| Term {
                key: row.like.class_key().unwrap_or_default().into(),
                ..Term::word(row.like.class_says().unwrap_or_default())
            },
        )
        .term("period", "period", "", |row| shown_terms::period(row.like.period))
        .count("count", "steps", "Steps with a step time.", |row| row.times.count)
        .duration("step_p50_ns", "p50", "", |row| row.times.p50_ns)
        .duration("step_p90_ns", "p90", "", |row| row.times.p90_ns)
        .duration("step_p99_ns", "p99", "", |row| row.times.p99_ns)
        .duration("step_max_ns", "longest", "", |row| row.times.max_ns)
        .column(Kind::Curve, "distribution", "distribution", CURVE, move |row| {
            curves.cell(&row.like)
        })
        .done()
}

pub const STEP_WORK: Table = Table {
    key: "step_work",
    title: "What runs in the step",
    definition: "Operators, calls and frames by self time, kernels by device time, and the parts of the step, beside \
                 the median of up to 20 steps of its phase and size, nearest first, that did not compile. Kinds \
                 overlap: they do not add up.",
    topic: Topic::Steps,
    rows: step_work,
};

fn step_work<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let work = answers.selected.and_then(Selected::step_work);
    let says = work.map(|work| match work.compared {
        0 => "Too few steps of its phase and size to compare with.".to_owned(),
        n => format!("Compared with {}.", show::counted(n, "other step")),
    });
    Rows::of(work.map_or(&[][..], |work| &work.rows))
        .term("kind", "what", "", |row| shown_terms::difference(row.kind))
        .name("name", "name", "", |row| row.name.clone())
        .duration("total_ns", "in this step", "", |row| row.ns)
        .duration("others_ns", "in the others", "The median of the others.", |row| {
            row.median_ns
        })
        .duration(
            "more_ns",
            "extra",
            "How much longer than in the median of the others.",
            |row| Some(row.ns.saturating_sub(row.median_ns?)),
        )
        .text("ratio", "times", "", |row| {
            let median = row.median_ns.filter(|&ns| ns > 0)?;
            Some(format!("{:.1} ×", row.ns as f64 / median as f64))
        })
        .count("count", "calls", "", |row| row.count)
        .count("median_count", "calls in the others", "", |row| row.median_count)
        .place("The longest of it in the timeline.", |row| {
            Some(Place {
                slice: Some(row.slice?),
                word: "timeline".into(),
                ..Place::default()
            })
        })
        .says(says.unwrap_or_default())
        .done()
}

/// Which time of a step is its step time.
fn basis(answers: &Answers<'_>) -> Basis {
    answers
        .report
        .step_time
        .as_ref()
        .map_or(Basis::Host, |time| time.basis)
}

/// What the step time is, and why it is that.
fn basis_says(answers: &Answers<'_>) -> String {
    answers
        .report
        .step_time
        .as_ref()
        .map_or(String::new(), step_time_says)
}

/// What the step time is, and why it is that.
pub fn step_time_says(time: &StepTime) -> String {
    format!(
        "Step time here is the {}. {} {}",
        time.basis.word(),
        time.means(),
        time.why
    )
}

pub const COMPILED_STEPS: Table = Table {
    key: "compiled_steps",
    title: "Steps that compiled",
    definition: "Steps into which a graph compile falls, recorded or suspected, beside the others of their phase, \
                 bucket and period. They are left out of step times and parts.",
    topic: Topic::Steps,
    rows: compiled_steps,
};

fn compiled_steps<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let groups = answers.report.step_groups.iter();
    Rows::made(groups.filter(|g| g.compiled_count > 0).collect())
        .term("phase", "phase", "", |g| shown_terms::phase(g.phase))
        .bucket(|g| g.bucket)
        .term("period", "period", "", |g| shown_terms::period(g.period))
        .count("compiled_count", "steps that compiled", "", |g| g.compiled_count)
        .duration(
            "compiled_extra_ns",
            "their extra time",
            "How much longer they took than the median of the others, in all: on the host, or, where the step time is that \
             from device end to device end, by that.",
            |g| g.compiled_extra_ns,
        )
        .count("others", "other steps", "", |g| {
            g.count.saturating_sub(g.compiled_count)
        })
        .duration(
            "host_p50_ns",
            "host time p50 of the others",
            Basis::Host.means(),
            |g| g.host.p50_ns,
        )
        .done()
}

pub const VERDICTS: Table = Table {
    key: "verdicts",
    title: "What bounds a step",
    definition: "Shares of the time between the starts of steps that did not compile, or, of an asynchronous engine \
                 whose work is linked, between the ends of their device work; compiles and waits for requests are \
                 shares of serving time. The largest share names the bound if it is at least 50 % and leads by 10 \
                 points.",
    topic: Topic::Steps,
    rows: verdicts,
};

fn verdicts<'a>(answers: &Answers<'a>) -> Rows<'a> {
    #[expect(clippy::cast_possible_truncation, reason = "a share of a million")]
    let millionths = |share: Option<f64>| share.map(|share| ((share * 1e6).round() as i64, 1_000_000));
    let rows = &answers.report.verdicts;
    let of = "the time from step to step";
    let serving = "serving time";
    Rows::of(rows)
        .term("phase", "phase", "", |v| shown_terms::phase(v.phase))
        .when(rows.iter().any(|v| v.device.is_some()), |rows| {
            rows.name("device", "device", "", |v| {
                Some(device_name(v.device?, v.rank.as_deref()))
            })
        })
        .number(
            "batch",
            "batch",
            "Requests in a step, where all steps have as many.",
            |v| v.batch,
        )
        .count(
            "steps",
            "steps",
            "Steps with a step time that did not compile.",
            |v| v.steps,
        )
        .duration("step_ns", "step time", "Their median.", |v| v.step_ns)
        .text("bound", "bound by", "", |v| v.bound.word())
        .share("device_share", "device works", of, move |v| {
            millionths(v.shares.device)
        })
        .share("communication_share", "only communicates", of, move |v| {
            millionths(v.shares.communication)
        })
        .share("host_share", "idle, next work not launched", of, move |v| {
            millionths(v.shares.host)
        })
        .share(
            "launched_not_started_share",
            "idle, next work launched",
            of,
            move |v| millionths(v.shares.launched_not_started),
        )
        .when(
            rows.iter()
                .any(|v| v.shares.launch_unknown.is_some_and(|share| share > 0.0)),
            |rows| {
                rows.share("launch_unknown_share", "idle, launch unknown", of, move |v| {
                    millionths(v.shares.launch_unknown)
                })
            },
        )
        .share("compile_share", "compiles", serving, move |v| {
            millionths(v.shares.compile)
        })
        .share("requests_share", "waits for requests", serving, move |v| {
            millionths(v.shares.requests)
        })
        .done()
}

pub const SLOW_STEPS: Table = Table {
    key: "slow_steps",
    title: "What differs in slow steps",
    definition: "Steps that took more than 3 × the median of other steps of their phase and size, and what takes \
                 longer in them than in the median of up to 20 of these, nearest first. Kinds overlap: they do not add up. Only \
                 differences of at least 5 % of the extra time, the five largest of each kind.",
    topic: Topic::Steps,
    rows: slow_steps,
};

/// A difference, and the step that it is in; `None` where nothing that is recorded differs.
struct Differs<'a> {
    of: &'a SlowStep,
    difference: Option<&'a Difference>,
}

fn slow_steps<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let each = |of: &'a SlowStep| {
        let none = of.differences.is_empty().then_some(None);
        let all = of.differences.iter().map(Some).chain(none);
        all.map(move |difference| Differs { of, difference })
    };
    Rows::made(answers.report.slow_steps.iter().flat_map(each).collect())
        .step("step", "step", "", |d: &Differs<'_>| d.of.step)
        .duration("step_ns", "step time", "By the basis of the steps.", |d| {
            d.of.step_ns
        })
        .duration(
            "median_ns",
            "median",
            "Of the steps of its phase and size.",
            |d| d.of.median_ns,
        )
        .term("kind", "what", "", |d| {
            d.difference.map_or_else(
                || Term::word("nothing that is recorded"),
                |d| shown_terms::difference(d.kind),
            )
        })
        .name("name", "name", "", |d| Some(d.difference?.name.clone()))
        .duration(
            "more_ns",
            "extra",
            "How much longer than in the median of the others.",
            |d| Some(d.difference?.more_ns),
        )
        .duration("others_ns", "in the others", "The median of the others.", |d| {
            Some(d.difference?.median_ns)
        })
        .text("ratio", "times", "", |d| {
            Some(format!("{:.1} ×", d.difference?.ratio?))
        })
        .count("count", "calls", "", |d| {
            d.difference.map(|d| d.count).filter(|&n| n > 0)
        })
        .count("median_count", "calls in the others", "", |d| {
            let d = d.difference.filter(|d| d.count > 0)?;
            Some(d.median_count)
        })
        .count(
            "compared",
            "other steps",
            "How many the step is compared with.",
            |d| d.of.compared,
        )
        .on_request()
        .place("The longest of it in the timeline.", |d| {
            Some(Place {
                start_ns: None,
                end_ns: None,
                slice: Some(d.difference?.slice?),
                word: "timeline".into(),
            })
        })
        .done()
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub const PADDING: Table = Table {
    key: "padding",
    title: "Padding by bucket",
    definition: "Served steps without a compile whose batch and bucket are known: requests against rows of the bucket \
                 (decode), tokens against positions (prefill). Device time on padding is the share of padded rows of the \
                 steps' device time: an upper bound where a kernel takes less for a padded row. Most of it first.",
    topic: Topic::Steps,
    rows: padding,
};

fn padding<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let part = |part: u64, whole: u64| Some((i64::try_from(part).ok()?, i64::try_from(whole).ok()?));
    Rows::of(&answers.report.padding)
        .term("phase", "phase", "", |r| shown_terms::phase(r.phase))
        .bucket(|r| Some(r.bucket))
        .count("steps", "steps", "Steps of this phase and bucket.", |r| r.steps)
        .count(
            "real",
            "used",
            "Requests (decode) or tokens (prefill) in all of them.",
            |r| r.real,
        )
        .count("padded", "computed", "Rows or positions in all of them.", |r| {
            r.padded
        })
        .share(
            "padding_share",
            "padding",
            "the rows or positions computed",
            move |r| part(r.padded - r.real, r.padded),
        )
        .duration(
            "device_ns",
            "device time",
            "Device busy time of these steps.",
            |r| r.device_ns,
        )
        .duration(
            "padding_device_ns",
            "on padding",
            "Device time on padding, at most.",
            |r| r.padding_device_ns,
        )
        .done()
}

pub const STEPS: Table = Table {
    key: "steps",
    title: "Steps",
    definition: "Every prefill or decode pass that the trace records.",
    topic: Topic::Steps,
    rows: steps,
};

fn steps<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let steps = &answers.report.steps;
    let has = |what: fn(&Step) -> bool| steps.iter().any(what);
    Rows::of(steps)
        .step("index", "step", "Its number in this trace, from 0.", |s| s.index)
        .number(
            "engine_step",
            "engine step",
            "Several passes of one engine step carry the same number.",
            |s| s.engine_step,
        )
        .on_request()
        .when(has(|s| s.rank_label.is_some()), |rows| {
            rows.text("rank", "rank", "What the file calls its rank.", |s| {
                s.rank_label.clone().unwrap_or_default()
            })
        })
        .term("phase", "phase", "", |s| shown_terms::phase(s.phase))
        .term("period", "period", "", |s| shown_terms::period(s.period))
        .on_request()
        .bucket(|s| s.bucket)
        .number("bucket_batch", "bucket: batch", "", |s| s.bucket.map(|b| b.batch))
        .on_request()
        .number("bucket_seq", "bucket: query length", "", |s| s.bucket.and_then(|b| b.seq))
        .on_request()
        .number("bucket_ctx", "bucket: context blocks", "", |s| s.bucket.and_then(|b| b.ctx))
        .on_request()
        .number("batch", "batch", "Requests in the batch, without padding.", |s| s.batch)
        .count("tokens", "tokens", "", |s| s.tokens)
        .flag("graphs", "graphs", "Whether captured graphs were replayed.", |s| s.graphs)
        .on_request()
        .instant("start_ns", "start", "", |s| s.start_ns)
        .duration("step_ns", "step time", "By the basis that is named above the table.", |s| s.step_ns)
        .duration("interval_ns", "interval", Basis::Interval.means(), |s| s.interval_ns)
        .duration("host_ns", "host time", Basis::Host.means(), |s| s.host_ns)
        .duration("dur_ns", "model call", Basis::Call.means(), |s| s.dur_ns)
        .duration(
            "gap_before_ns",
            "gap before",
            "Host time from the end of the step before to the start of this one, 0 where they overlap. It is no idle \
             time of the device, which may still be working.",
            |s| s.gap_before_ns,
        )
        .duration("compile_ns", "compile", "Graph compiles inside the step.", |s| s.parts.compile_ns)
        .when(has(|s| s.device.is_some()), |rows| {
            rows.duration("device_busy_ns", "device busy", "Compute, communication or copies run.", |s| {
                Some(s.device.as_ref()?.busy_ns)
            })
            .duration("device_idle_ns", "device idle", "The span of the step's device work less the busy time.", |s| {
                Some(s.device.as_ref()?.idle_ns)
            })
            .on_request()
            .duration("device_compute_ns", "device compute", "", |s| Some(s.device.as_ref()?.compute_ns))
            .on_request()
            .duration("device_comm_exposed_ns", "exposed communication", "Not overlapped by compute.", |s| {
                Some(s.device.as_ref()?.comm_exposed_ns)
            })
            .on_request()
            .duration(
                "device_copy_exposed_ns",
                "exposed copies",
                "Overlapped by neither compute nor communication.",
                |s| Some(s.device.as_ref()?.copy_exposed_ns),
            )
            .on_request()
        })
        .when(has(|s| device_span_ns(s).is_some()), |rows| {
            rows.duration("device_span_ns", "device span", Basis::Device.means(), device_span_ns)
            .duration(
                "device_gap_before_ns",
                "device gap",
                "From the end of the device work of the steps before to the start of this step's, on the device's own \
                 clock; 0 where they overlap.",
                |s| s.device.as_ref()?.gap_before_ns,
            )
            .instant("device_start_ns", "device start", "", |s| s.device.as_ref()?.start_ns)
            .on_request()
            .instant("device_end_ns", "device end", "", |s| s.device.as_ref()?.end_ns)
            .on_request()
        })
        .duration("schedule_ns", "scheduling", "", |s| s.parts.schedule_ns)
        .on_request()
        .duration("prepare_ns", "input preparation", "", |s| s.parts.prepare_ns)
        .on_request()
        .duration("forward_ns", "forward (host)", "", |s| s.parts.forward_ns)
        .on_request()
        .duration("logits_ns", "logits", "", |s| s.parts.logits_ns)
        .on_request()
        .duration("sample_ns", "sampling", "", |s| s.parts.sample_ns)
        .on_request()
        .duration("draft_ns", "drafting", "The draft model of speculative decoding.", |s| s.parts.draft_ns)
        .on_request()
        .duration("wait_ns", "wait for device", "", |s| s.parts.wait_ns)
        .on_request()
        .duration("post_ns", "after sampling", "", |s| s.parts.post_ns)
        .on_request()
        .duration("other_ns", "other", "", |s| s.parts.other_ns)
        .on_request()
        .flag(
            "parts_derived",
            "parts derived",
            "Some parts are not recorded: they follow from python frames, or from the order of operators and calls.",
            |s| Some(s.parts.derived),
        )
        .on_request()
        .term(
            "sure",
            "known by",
            "Recorded: a marker of the engine says that this is a step. Derived: told by python frames, or by parts.",
            |s| shown_terms::sure(s.sure),
        )
        .on_request()
        .parts("Host time by what was done.", |s| (s.host_ns.max(s.parts.total_ns()), host_parts(&s.parts)))
        .place("The step in the timeline.", |s| {
            Some(Place {
                start_ns: Some(s.start_ns),
                end_ns: Some(s.start_ns.saturating_add(s.dur_ns)),
                slice: Some(s.slice),
                word: "timeline".into(),
            })
        })
        .sorted("start_ns", false)
        .says(basis_says(answers))
        .done()
}

/// Host parts of a step that are known, in order of time.
fn host_parts(parts: &Parts) -> Vec<Part> {
    let known = parts.known().map(|(part, ns)| Part {
        word: part.word().into(),
        colour: part.colour(),
        ns,
    });
    known.collect()
}

//! Two traces compared. A is the one before, B the one after; ratios are B over A, differences B less A.

use crate::analyze::report::{Change, Comparison, Family, WorkRow};

use super::cell::{Cell, Kind, Term};
use super::table_rows::Rows;
use super::{Answers, Table, Topic, shown_terms};

const RATIO: &str = "B over A: above 1, B takes longer.";

fn items<'a, T>(answers: &Answers<'a>, of: impl Fn(&'a Comparison) -> &'a [T]) -> &'a [T] {
    answers.comparison.map_or(&[], of)
}

fn change(change: Change) -> Term {
    Term {
        key: change.key().into(),
        ..Term::word(change.says().to_owned())
    }
}

fn ratio(ratio: Option<f64>) -> Cell {
    ratio.map_or(Cell::Unknown, Cell::Real)
}

pub const STEP_TIME: Table = Table {
    key: "compare_step_time",
    title: "Step times compared",
    definition: "Served steps in which nothing compiled. Medians, their ratio, and the interval in which the ratio \
                 lies with 95 % confidence (blocks of neighbouring steps drawn anew). Fewer than five steps on a side \
                 are not judged.",
    topic: Topic::Compare,
    rows: step_time,
};

fn step_time<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let rows = items(answers, |c| &c.step_time);
    Rows::of(rows)
        .term("phase", "phase", "", |r| shown_terms::phase(r.phase))
        .when(rows.iter().any(|r| r.bucket.is_some()), |table| table.bucket(|r| r.bucket))
        .when(rows.iter().any(|r| r.class.is_some()), |table| {
            table.text(
                "class",
                "size",
                "Class of size, where there are no buckets; class by class: the medians of those that both have, \
                 weighted alike.",
                |r| r.class.clone(),
            )
        })
        .text("basis", "time", "Which of a step's four times.", |r| {
            r.basis.word()
        })
        .flag(
            "is_step_time",
            "step time",
            "Whether this is the step time of both traces.",
            |r| r.is_step_time,
        )
        .on_request()
        .count("a_count", "A steps", "Steps in A with this time.", |r| r.a_count)
        .count("b_count", "B steps", "Steps in B with this time.", |r| r.b_count)
        .duration("a_p50_ns", "A p50", "Median in A.", |r| r.a_p50_ns)
        .duration("b_p50_ns", "B p50", "Median in B.", |r| r.b_p50_ns)
        .duration("a_p99_ns", "A p99", "99 % of A's steps take at most this.", |r| {
            r.a_p99_ns
        })
        .on_request()
        .duration("b_p99_ns", "B p99", "99 % of B's steps take at most this.", |r| {
            r.b_p99_ns
        })
        .on_request()
        .column(Kind::Ratio, "ratio", "B ÷ A", RATIO, |r| ratio(r.ratio))
        .column(
            Kind::Ratio,
            "low",
            "from",
            "Lower bound of the ratio (95 %).",
            |r| ratio(r.low),
        )
        .column(
            Kind::Ratio,
            "high",
            "to",
            "Upper bound of the ratio (95 %).",
            |r| ratio(r.high),
        )
        .flag("significant", "differs", "Whether the bounds exclude 1.", |r| {
            r.significant
        })
        .done()
}

pub const CAUSES: Table = Table {
    key: "compare_causes",
    title: "What explains the difference",
    definition: "The mean time from step to step of each phase, divided into what the device does and why it is \
                 idle (without a device, into parts of the host time); the causes add up to it. Excluding steps that \
                 compiled, waits for requests, and steps that the device's recording does not cover.",
    topic: Topic::Compare,
    rows: causes,
};

fn causes<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(items(answers, |c| &c.causes))
        .term("phase", "phase", "", |r| shown_terms::phase(r.phase))
        .term("cause", "cause", "", |r| Term {
            key: r.cause.key().into(),
            ..Term::word(r.cause.says())
        })
        .duration("a_per_step_ns", "A a step", "In A, mean of a step.", |r| {
            r.a_per_step_ns
        })
        .duration("b_per_step_ns", "B a step", "In B, mean of a step.", |r| {
            r.b_per_step_ns
        })
        .duration("per_step_ns", "difference", "B less A.", |r| r.per_step_ns)
        .column(
            Kind::Share {
                of: "the difference of the mean time from step to step".into(),
            },
            "share",
            "share",
            "Negative: it works against the difference.",
            |r| ratio(r.share),
        )
        .done()
}

pub const COMPILES: Table = Table {
    key: "compare_recompiles",
    title: "Graph compiles while serving, compared",
    definition: "Compiles outside warm-up, by name, phase and bucket.",
    topic: Topic::Compare,
    rows: compiles,
};

fn compiles<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(items(answers, |c| &c.recompiles))
        .name("name", "graph", "", |r| r.name.clone())
        .term("phase", "phase", "", |r| shown_terms::phase(r.phase))
        .bucket(|r| r.bucket)
        .term("change", "change", "", |r| change(r.change))
        .count("a_count", "A count", "Compiles in A.", |r| r.a_count)
        .count("b_count", "B count", "Compiles in B.", |r| r.b_count)
        .duration(
            "a_total_ns",
            "A total",
            "What is known of their cost in A.",
            |r| r.a_total_ns,
        )
        .duration(
            "b_total_ns",
            "B total",
            "What is known of their cost in B.",
            |r| r.b_total_ns,
        )
        .done()
}

const WORK: &str = "Matched by name; what one side lacks, by name without addresses, numbers, template arguments and \
                    parameter lists. Slower and faster: the mean call differs by at least 3 % and by more than chance \
                    (Welch's test, false discoveries held at 5 %). Most difference a step first.";

fn work<'a>(rows: &'a [WorkRow], word: fn(&str) -> String) -> Rows<'a> {
    Rows::of(rows)
        .name("name", "name", "In B, else in A.", move |r| word(&r.name))
        .name("a_name", "name in A", "Where it is another.", |r| {
            r.a_name.clone()
        })
        .on_request()
        .when(rows.iter().any(|r| !r.kind.is_empty()), |table| {
            table.term("kind", "kind", "", |r| shown_terms::work_kind(&r.kind))
        })
        .term("change", "change", "", |r| change(r.change))
        .count("a_count", "A calls", "Calls in A.", |r| r.a_count)
        .count("b_count", "B calls", "Calls in B.", |r| r.b_count)
        .duration("a_total_ns", "A total", "Time of all calls in A.", |r| {
            r.a_total_ns
        })
        .on_request()
        .duration("b_total_ns", "B total", "Time of all calls in B.", |r| {
            r.b_total_ns
        })
        .on_request()
        .duration("a_per_step_ns", "A a step", "Total in A over its steps.", |r| {
            r.a_per_step_ns
        })
        .duration("b_per_step_ns", "B a step", "Total in B over its steps.", |r| {
            r.b_per_step_ns
        })
        .duration("a_per_call_ns", "A a call", "Mean call in A.", |r| {
            r.a_per_call_ns
        })
        .duration("b_per_call_ns", "B a call", "Mean call in B.", |r| {
            r.b_per_call_ns
        })
        .column(
            Kind::Ratio,
            "ratio",
            "B ÷ A",
            "Mean call of B over that of A.",
            |r| ratio(r.ratio),
        )
        .says(WORK)
        .done()
}

pub const KERNELS: Table = Table {
    key: "compare_kernels",
    title: "Kernels compared",
    definition: "Device work by name; durations are summed over all lanes.",
    topic: Topic::Compare,
    rows: |answers| work(items(answers, |c| &c.kernels), str::to_owned),
};

pub const FAMILIES: Table = Table {
    key: "compare_families",
    title: "Kernel families compared",
    definition: "Device work by what it computes, told by names.",
    topic: Topic::Compare,
    rows: |answers| {
        let word = |key: &str| Family::from_key(key).map_or_else(|| key.to_owned(), |f| f.word().to_owned());
        work(items(answers, |c| &c.families), word)
    },
};

pub const OPERATORS: Table = Table {
    key: "compare_operators",
    title: "Operators compared",
    definition: "Operators on the host by name; times are self times.",
    topic: Topic::Compare,
    rows: |answers| work(items(answers, |c| &c.operators), str::to_owned),
};

pub const DEVICE_TIME: Table = Table {
    key: "compare_device_time",
    title: "Device time compared",
    definition: "All of a device's time between its first and last work, over all steps of the trace; compute, exposed \
                 communication and exposed copies add up to busy.",
    topic: Topic::Compare,
    rows: device_time,
};

fn device_time<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(items(answers, |c| &c.device_time))
        .number("device", "device", "", |r| r.device)
        .text("state", "state", "", |r| r.state.clone())
        .duration("a_ns", "A", "In A, in all.", |r| r.a_ns)
        .duration("b_ns", "B", "In B, in all.", |r| r.b_ns)
        .duration("a_per_step_ns", "A a step", "Over A's steps.", |r| {
            r.a_per_step_ns
        })
        .duration("b_per_step_ns", "B a step", "Over B's steps.", |r| {
            r.b_per_step_ns
        })
        .done()
}

pub const MEMORY: Table = Table {
    key: "compare_memory",
    title: "Memory compared",
    definition: "The most memory in use on each device, where allocations are recorded.",
    topic: Topic::Compare,
    rows: memory,
};

fn memory<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(items(answers, |c| &c.memory))
        .text("device", "device", "", |r| r.device.clone())
        .bytes("a_peak_bytes", "A peak", "In A.", |r| r.a_peak_bytes)
        .bytes("b_peak_bytes", "B peak", "In B.", |r| r.b_peak_bytes)
        .done()
}

//! Several workers of one run.

use crate::analyze::report::WorkerRow;
use crate::base::Colour;

use super::cell::{Part, Place, Term};
use super::table_rows::Rows;
use super::{Answers, Table, Topic};

pub const WORKERS: Table = Table {
    key: "workers",
    title: "Workers compared",
    definition: "Sums over the steps and devices that each worker's own table or lanes divide. Computing, exposed \
                 communication (not overlapped by computing) and free time fill the whole; overlapped communication \
                 lies inside computing. The wait for other ranks in collective operations is a part of the \
                 communication; the worker that waits least probably arrives last.",
    topic: Topic::Ranks,
    rows: workers,
};

fn workers<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let workers = answers.workers;
    let slow = workers.and_then(|w| w.slow);
    let rows = workers.map_or(&[][..], |w| &w.rows);
    let slow = slow.and_then(|slow| rows.get(slow as usize));
    let mut table = times(rows, move |row| slow.is_some_and(|slow| std::ptr::eq(slow, row)));
    if let Some(workers) = workers {
        table.says.push(workers.says.clone());
        table.says.extend(workers.links_say.iter().cloned());
    }
    table
}

pub const RANKS: Table = Table {
    key: "ranks",
    title: "Ranks of the run",
    definition: "One row a rank. Step times are of decode steps while serving that did not compile (of all steps \
                 where there are none). Device times are sums over its devices: busy, exposed communication (not \
                 overlapped by computing) and idle. Waiting is from a rank's arrival in a collective to the last \
                 rank's; awaited is the time in which all other ranks of the group have arrived and wait for this \
                 one alone.",
    topic: Topic::Ranks,
    rows: ranks,
};

fn ranks<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let found = answers.ranks;
    let straggler = found.and_then(|r| r.straggler.as_ref());
    let mut table = Rows::of(found.map_or(&[][..], |r| &r.ranks))
        .number("rank", "rank", "", |r| r.rank)
        .name("name", "name", "As its file says.", |r| r.name.clone())
        .on_request()
        .name("file", "file", "The trace that it is recorded in.", |r| {
            r.file.clone()
        })
        .on_request()
        .term(
            "straggler",
            "straggler",
            "The one for which the others wait.",
            move |r| {
                let is_it = straggler.is_some_and(|s| s.name == r.name);
                Term::word(if is_it { "straggler" } else { "" })
            },
        )
        .count("steps", "steps", "Those whose times are shown.", |r| r.steps)
        .duration("step_p50_ns", "step p50", "Median step time.", |r| r.step_p50_ns)
        .duration("step_p99_ns", "step p99", "", |r| r.step_p99_ns)
        .text("bound", "bound by", "What bounds its decode steps.", |r| {
            r.bound.clone()
        })
        .on_request()
        .duration("busy_ns", "busy", "", |r| r.busy_ns)
        .share("busy", "busy, of all", "the device's span", |r| {
            Some((r.busy_ns?, r.span_ns?))
        })
        .on_request()
        .duration("compute_ns", "compute", "", |r| r.compute_ns)
        .duration(
            "comm_exposed_ns",
            "exposed communication",
            "Not overlapped by computing.",
            |r| r.comm_exposed_ns,
        )
        .duration("idle_ns", "idle", "", |r| r.idle_ns)
        .count("compiles", "compiles", "Graphs compiled while serving.", |r| {
            r.compiles
        })
        .duration("compile_ns", "compile time", "", |r| r.compile_ns)
        .on_request()
        .count(
            "matched",
            "matched collectives",
            "Found on all of their ranks.",
            |r| r.matched,
        )
        .count("last", "arrives last", "In so many of them.", |r| r.last)
        .duration(
            "waits_ns",
            "waits for others",
            "From its arrival to the last rank's.",
            |r| r.waits_ns,
        )
        .duration("awaited_ns", "awaited", "All others wait for it alone.", |r| {
            r.awaited_ns
        })
        .done();
    table
        .says
        .extend(found.iter().flat_map(|r| r.says.iter().cloned()));
    table
}

pub const COLLECTIVES_MATCHED: Table = Table {
    key: "collectives_matched",
    title: "Collectives matched across ranks",
    definition: "The same collective on every rank of its group that is here, by group and order within it; a row is \
                 one operation of one size, most time first. Skew is from the first rank's arrival to the last \
                 one's, transfer from the last arrival to the last end. Algorithm bandwidth is bytes over the median \
                 transfer; bus bandwidth is that times the operation's known factor (all-reduce 2(n-1)/n; all-gather, \
                 reduce-scatter and all-to-all (n-1)/n), to be compared with the speed of a link. Arrivals are \
                 unknown where the ranks' clocks cannot be aligned.",
    topic: Topic::Ranks,
    rows: collectives_matched,
};

fn collectives_matched<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(answers.ranks.map_or(&[][..], |r| &r.collectives))
        .name("operation", "operation", "", |c| c.operation.clone())
        .text(
            "group",
            "group",
            "Its name, or the number in the names of its work.",
            |c| c.group.clone(),
        )
        .text("ranks", "which", "Ranks of the group, as written.", |c| {
            c.ranks.clone()
        })
        .on_request()
        .number("group_size", "ranks", "Ranks of the group.", |c| c.group_size)
        .count("ranks_here", "ranks here", "Those whose traces are here.", |c| {
            c.ranks_here
        })
        .on_request()
        .text("data_type", "data type", "", |c| c.data_type.clone())
        .bytes(
            "bytes",
            "bytes",
            "Of one: the larger of what goes in and out.",
            |c| c.bytes,
        )
        .count("count", "count", "", |c| c.count)
        .duration("skew_p50_ns", "skew p50", "From first to last arrival.", |c| {
            c.skew_p50_ns
        })
        .duration("skew_p99_ns", "skew p99", "", |c| c.skew_p99_ns)
        .share("wait", "waiting", "the collectives' time on all ranks", |c| {
            Some((c.wait_ns?, c.elapsed_ns))
        })
        .duration("elapsed_ns", "time on all ranks", "Waiting included.", |c| {
            c.elapsed_ns
        })
        .on_request()
        .duration(
            "transfer_p50_ns",
            "transfer p50",
            "From the last arrival to the end.",
            |c| c.transfer_p50_ns,
        )
        .rate(
            "algorithm_gb_per_s",
            "algorithm GB/s",
            "Bytes over the median transfer.",
            |c| c.algorithm_gb_per_s,
        )
        .rate("bus_gb_per_s", "bus GB/s", "Times the operation's factor.", |c| {
            c.bus_gb_per_s
        })
        .text(
            "last",
            "mostly last",
            "The rank that comes last in at least half of them.",
            |c| c.last.clone(),
        )
        .count("last_count", "last in", "In so many of them.", |c| c.last_count)
        .done()
}

pub const COLLECTIVES_RECORDED: Table = Table {
    key: "collectives_recorded",
    title: "Collective operations by group and size",
    definition: "Communication of the devices that says which collective operation it is, or whose operator does; a \
                 row is one operation in one group on one data type and size, most time first. Times are those of \
                 the device work, waiting for other ranks included, summed over all devices in the file. Bytes are \
                 the larger of what goes in and what comes out; algorithmic bandwidth is bytes over time: what a \
                 program sees, not what goes over a link.",
    topic: Topic::Ranks,
    rows: collectives_recorded,
};

fn collectives_recorded<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(&answers.report.collectives_recorded)
        .name("name", "operation", "", |c| c.name.clone())
        .text("group", "group", "Its name.", |c| c.group.clone())
        .text(
            "description",
            "called",
            "What the program calls the group.",
            |c| c.description.clone(),
        )
        .number("group_size", "ranks", "Ranks of the group.", |c| c.group_size)
        .text("ranks", "which", "Ranks of the group, as written.", |c| {
            c.ranks.clone()
        })
        .on_request()
        .text("data_type", "data type", "", |c| c.data_type.clone())
        .number("elements_in", "elements in", "Of one operation.", |c| {
            c.elements_in
        })
        .number("elements_out", "elements out", "Of one operation.", |c| {
            c.elements_out
        })
        .count("count", "count", "", |c| c.count)
        .duration("total_ns", "total", "", |c| c.total_ns)
        .duration("mean_ns", "mean", "", |c| c.mean_ns)
        .duration("max_ns", "longest", "", |c| c.max_ns)
        .on_request()
        .bytes(
            "each_bytes",
            "bytes of one",
            "The larger of what goes in and what comes out.",
            |c| c.bytes_each,
        )
        .bytes("bytes", "bytes", "Of all.", |c| c.bytes)
        .on_request()
        .rate(
            "gb_per_s",
            "GB/s",
            "Algorithmic bandwidth: all bytes over all time, 10⁹ bytes a second.",
            |c| c.gb_per_s,
        )
        .place("The longest in the timeline.", |c| {
            Some(Place {
                slice: Some(c.longest_slice),
                word: "longest".into(),
                ..Place::default()
            })
        })
        .done()
}

pub const STAGES: Table = Table {
    key: "stages",
    title: "Stages of the pipeline",
    definition: "Of each part, the longest of the stage's ranks, as the vendor's tool wrote it.",
    topic: Topic::Ranks,
    rows: |answers| times(answers.workers.map_or(&[], |w| &w.stages), |_| false),
};

fn times<'a>(rows: &'a [WorkerRow], is_slow: impl Fn(&WorkerRow) -> bool + 'a) -> Rows<'a> {
    Rows::of(rows)
        .number("rank", "rank", "", |w| w.rank)
        .name("worker", "worker", "", |w| w.name.clone())
        .term("slow", "slow", "The one that holds up the others.", move |w| {
            Term::word(if is_slow(w) { "slow" } else { "" })
        })
        .count("steps", "steps", "", |w| w.steps)
        .duration("computing_ns", "computing", "", |w| w.computing_ns)
        .duration(
            "communication_not_overlapped_ns",
            "exposed communication",
            "Not overlapped by computing.",
            |w| w.communication_not_overlapped_ns,
        )
        .duration(
            "overlapped_ns",
            "overlapped",
            "Communication inside computing.",
            |w| w.overlapped_ns,
        )
        .duration("free_ns", "free", "", |w| w.free_ns)
        .share("free", "free, of all", "the worker's time", |w| {
            Some((w.free_ns?, w.total_ns?))
        })
        .duration(
            "collective_ns",
            "collectives",
            "Elapsed time of its collective operations.",
            |w| w.collective_ns,
        )
        .on_request()
        .duration(
            "collective_wait_ns",
            "wait in collectives",
            "Waiting for other ranks.",
            |w| w.collective_wait_ns,
        )
        .duration(
            "collective_transit_ns",
            "transit in collectives",
            "Bytes were on their way.",
            |w| w.collective_transit_ns,
        )
        .on_request()
        .parts("The worker's time.", |w| {
            let part = |word: &'static str, colour: Colour, ns: Option<i64>| Part {
                word: word.into(),
                colour,
                ns: ns.unwrap_or(0),
            };
            let parts = vec![
                part("computing", Colour::Mme, w.computing_ns),
                part(
                    "exposed communication",
                    Colour::Nic,
                    w.communication_not_overlapped_ns,
                ),
                part("free", Colour::NoLoad, w.free_ns),
            ];
            (w.total_ns.unwrap_or(0), parts)
        })
        .done()
}

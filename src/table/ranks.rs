//! Several workers of one run.

use crate::analyze::report::WorkerRow;
use crate::base::Colour;

use super::cell::{Part, Place, Term};
use super::rows::Rows;
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

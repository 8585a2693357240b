//! What devices did: their time, work by name, launches, streams.

use crate::analyze::report::{
    DeviceIdle, DeviceTime, Engine, Engines, GapSum, IdleGap, IdleShare, LaunchCall, LaunchDelay, NodeRow,
    NodeWork, RecipeWork, StreamGaps, WorkKind, device_name,
};
use crate::base::{Colour, show, stats};

use super::cell::{Cell, Kind, Part, Place, Term};
use super::table_rows::{Builder, Rows};
use super::{Answers, Table, Topic, shown_terms};

fn slice(slice: u32, word: &'static str) -> Place {
    Place {
        slice: Some(slice),
        word: word.into(),
        ..Place::default()
    }
}

fn stretch(start_ns: i64, end_ns: i64, word: &'static str) -> Place {
    Place {
        start_ns: Some(start_ns),
        end_ns: Some(end_ns),
        word: word.into(),
        ..Place::default()
    }
}

fn part(word: &'static str, colour: Colour, ns: i64) -> Part {
    Part {
        word: word.into(),
        colour,
        ns,
    }
}

/// The device's number, and its rank where the file holds several.
fn of_device<'a, T: 'a>(
    rows: Builder<'a, T>,
    device: impl Fn(&T) -> (i64, Option<&str>) + 'a,
) -> Builder<'a, T> {
    rows.text(
        "device",
        "device",
        "Its number; devices are numbered within a rank.",
        move |item| {
            let (number, rank) = device(item);
            device_name(number, rank)
        },
    )
}

pub const DEVICE_TIME: Table = Table {
    key: "device_time",
    title: "How devices spent their time",
    definition: "From the first start to the last end of a device's work. Compute is all that is neither communication \
                 nor copy, memsets included; exposed communication is not overlapped by compute, an exposed copy by \
                 neither. With idle time they add up to the span.",
    topic: Topic::Device,
    rows: device_time,
};

fn device_time<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let times = &answers.report.device_time;
    let has = |kind: WorkKind| answers.report.kernels.iter().any(|k| k.kind == kind.key());
    let (has_comm, has_copy) = (has(WorkKind::Comm), has(WorkKind::Copy));
    let rows = of_device(Rows::of(times), |t: &DeviceTime| (t.device, t.rank.as_deref()))
        .term(
            "scope",
            "work",
            "All of it, or only work whose launch is in the trace: what was launched before the recording began is \
             left out.",
            |t| match &*t.scope {
                "linked" => Term {
                    key: "linked".into(),
                    ..Term::word("linked only")
                },
                other => Term::word(other.to_owned()),
            },
        )
        .duration("span_ns", "span", "From the first start to the last end.", |t| t.span_ns)
        .share("busy", "busy", "the span in which any work runs", |t| Some((t.busy_ns, t.span_ns)))
        .duration("busy_ns", "busy time", "", |t| t.busy_ns)
        .on_request()
        .duration("compute_ns", "compute", "", |t| t.compute_ns)
        .duration(
            "comm_exposed_ns",
            "exposed communication",
            "Not overlapped by compute; unknown where the trace has no communication.",
            move |t| {
                (t.comm_exposed_ns > 0 || has_comm || t.engines[Engine::Nic].is_some())
                    .then_some(t.comm_exposed_ns)
            },
        )
        .duration(
            "copy_exposed_ns",
            "exposed copies",
            "Overlapped by neither compute nor communication; unknown where the trace has no copies.",
            move |t| {
                let known = t.copy_exposed_ns > 0 || has_copy || t.engines[Engine::Dma].is_some();
                known.then_some(t.copy_exposed_ns)
            },
        )
        .duration("idle_ns", "idle", "", |t| t.idle_ns);
    engines(rows, times)
        .parts("The span by what the device did.", |t| {
            let parts = vec![
                part("compute", Colour::Mme, t.compute_ns),
                part("exposed communication", Colour::Nic, t.comm_exposed_ns),
                part("exposed copies", Colour::Dma, t.copy_exposed_ns),
                part("idle", Colour::NoLoad, t.idle_ns),
            ];
            (t.span_ns, parts)
        })
        .place("The device's span in the timeline.", |t| {
            Some(stretch(t.start_ns, t.end_ns, "timeline"))
        })
        .done()
}

/// A column for each engine that any of the devices has.
fn engines<'a>(mut rows: Builder<'a, DeviceTime>, times: &'a [DeviceTime]) -> Builder<'a, DeviceTime> {
    for engine in Engines::present_apart(times.iter().map(|t| &t.engines)) {
        let means = format!(
            "{} Time in which at least one lane of it is busy; engines overlap.",
            engine.means()
        );
        let key = format!("{}_ns", engine.key());
        rows = rows.column(
            Kind::Duration,
            key,
            engine.word(),
            means,
            move |t: &DeviceTime| t.engines[engine].map_or(Cell::Unknown, Cell::Int),
        );
    }
    rows
}

pub const IDLE: Table = Table {
    key: "idle",
    title: "Why devices were idle",
    definition: "Idle time between a device's first and last work, by what kept the next work from starting.",
    topic: Topic::Device,
    rows: idle,
};

struct IdleOf<'a, T>(&'a DeviceIdle, &'a T);

fn idle<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let all: Vec<IdleOf<'a, IdleShare>> = answers
        .report
        .idle
        .iter()
        .flat_map(|idle| idle.causes.iter().map(move |share| IdleOf(idle, share)))
        .collect();
    let rows = of_device(Rows::made(all), |of| (of.0.device, of.0.rank.as_deref()))
        .term("cause", "cause", "", |of| shown_terms::idle_cause(of.1.cause))
        .duration("total_ns", "time", "", |of| of.1.total_ns)
        .share("share", "of idle time", "the device's idle time", |of| {
            Some((of.1.total_ns, of.0.idle_ns))
        })
        .count(
            "gaps",
            "gaps",
            "Gaps that have most of their time from this cause.",
            |of| of.1.count,
        );
    let definition = answers.report.idle.first().map(|idle| idle.definition.clone());
    rows.says(definition.unwrap_or_default()).done()
}

pub const LONGEST_IDLE: Table = Table {
    key: "longest_idle",
    title: "Longest idle times of devices",
    definition: "The longest, at most 50 of each device.",
    topic: Topic::Device,
    rows: longest_idle,
};

fn longest_idle<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let all: Vec<IdleOf<'a, IdleGap>> = answers
        .report
        .idle
        .iter()
        .flat_map(|idle| idle.longest.iter().map(move |gap| IdleOf(idle, gap)))
        .collect();
    of_device(Rows::made(all), |of| (of.0.device, of.0.rank.as_deref()))
        .duration("dur_ns", "length", "", |of| of.1.dur_ns)
        .instant("start_ns", "start", "", |of| of.1.start_ns)
        .term("cause", "cause", "The cause with most of it.", |of| {
            shown_terms::idle_cause(of.1.cause)
        })
        .name("says", "what happened", "", |of| of.1.says.clone())
        .step("step", "step", "The step in which it ends.", |of| of.1.step)
        .place("The gap in the timeline, before the work that follows.", |of| {
            Some(Place {
                slice: Some(of.1.next_slice),
                ..stretch(of.1.start_ns, of.1.start_ns.saturating_add(of.1.dur_ns), "gap")
            })
        })
        .place("The call that launched what follows.", |of| {
            Some(slice(of.1.launch_slice?, "launch"))
        })
        .headed("launched by")
        .done()
}

pub const KERNELS: Table = Table {
    key: "kernels",
    title: "Device work by name",
    definition: "Kernels, copies and memsets by name, longest busy first. Busy: at least one call runs. Total: summed \
                 over all streams and engines, so a kernel that runs on 8 engines at once counts 8 times.",
    topic: Topic::Device,
    rows: kernels,
};

fn kernels<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let kernels = &answers.report.kernels;
    let all = stats::sum(kernels.iter().map(|k| k.total_ns));
    Rows::of(kernels)
        .name("name", "name", "", |k| k.name.clone())
        .term("kind", "kind", "", |k| shown_terms::work_kind(&k.kind))
        .text(
            "rule",
            "known by",
            "The rule that fits its name; recorded: the tracer says so; unknown: no rule fits, so that it computes.",
            |k| k.rule.clone(),
        )
        .duration("busy_ns", "busy", "At least one of its calls runs on a device.", |k| k.busy_ns)
        .duration("total_ns", "total", "Summed over all streams and engines.", |k| k.total_ns)
        .share("share", "of all", "the device work of this table, summed", move |k| Some((k.total_ns, all)))
        .count("count", "count", "", |k| k.count)
        .duration("mean_ns", "mean", "", |k| k.mean_ns)
        .duration("min_ns", "shortest", "", |k| k.min_ns)
        .duration("max_ns", "longest", "", |k| k.max_ns)
        .place("Its longest call in the timeline.", |k| Some(slice(k.longest_slice, "longest")))
        .sorted("busy_ns", true)
        .done()
}

pub const RECIPES: Table = Table {
    key: "recipes",
    title: "Device work by recipe",
    definition: "A recipe is a graph that was compiled for the device. Totals sum over all lanes of an engine; busy is \
                 the time in which at least one lane works. Shares are of all device work.",
    topic: Topic::Device,
    rows: recipes,
};

fn recipes<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let work = answers.report.nodes.as_ref();
    let all = work.map_or(0, |work| work.total_ns);
    let mut rows = Rows::of(work.map_or(&[][..], |work| &work.recipes))
        .number("device", "device", "", |r: &RecipeWork| r.device)
        .name("recipe", "recipe", "", RecipeWork::label)
        .number("recipe_id", "id", "As recorded; numbers recur.", |r| r.id)
        .on_request()
        .duration("total_ns", "total", "Summed over lanes.", |r| r.total_ns)
        .share("share", "share", "all device work", move |r| {
            Some((r.total_ns, all))
        })
        .duration("busy_ns", "busy", "At least one lane works at it.", |r| r.busy_ns)
        .count("count", "slices", "", |r| r.count)
        .count("nodes", "nodes", "Pairs of node and engine.", |r| r.n_rows)
        .sorted("total_ns", true);
    if let Some(work) = work {
        rows = rows.says(left_out(work));
    }
    rows.done()
}

/// Work that no row has.
fn left_out(work: &NodeWork) -> String {
    let mut says = Vec::new();
    if work.rest_recipes > 0 {
        says.push(format!(
            "{} more with {} of work.",
            show::counted(work.rest_recipes, "recipe"),
            show::duration(work.rest_ns)
        ));
    }
    if work.without_recipe > 0 {
        says.push(format!(
            "Work that names no recipe: {}, {}.",
            show::counted(work.without_recipe, "slice"),
            show::duration(work.without_recipe_ns)
        ));
    }
    says.join(" ")
}

pub const NODES: Table = Table {
    key: "nodes",
    title: "Device work by recipe and node",
    definition: "A node is one operation in a recipe, or several that the compiler fused. Totals sum over all lanes of \
                 an engine; busy is the time in which at least one lane works. Shares are of all device work.",
    topic: Topic::Device,
    rows: nodes,
};

struct NodeOf<'a>(&'a RecipeWork, &'a NodeRow);

fn nodes<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let work = answers.report.nodes.as_ref();
    let recipes = work.into_iter().flat_map(|work| &work.recipes);
    let all: Vec<NodeOf<'a>> = recipes
        .flat_map(|recipe| recipe.rows.iter().map(move |row| NodeOf(recipe, row)))
        .collect();
    Rows::made(all)
        .number("device", "device", "", |of| of.0.device)
        .on_request()
        .name("recipe", "recipe", "", |of| of.0.label())
        .number("recipe_id", "recipe id", "", |of| of.0.id)
        .on_request()
        .name("node", "node", "", |of| of.1.node.clone())
        .number("node_id", "node id", "", |of| of.1.node_id)
        .on_request()
        .text(
            "operation",
            "operation",
            "What it computes, of its first slice.",
            |of| of.1.operation.clone(),
        )
        .name(
            "fused",
            "fused",
            "The operations that were fused into it, as recorded.",
            |of| of.1.fused.clone(),
        )
        .number(
            "bundle",
            "bundle",
            "The bundle that it was cut into pieces with.",
            |of| of.1.bundle,
        )
        .on_request()
        .term("engine", "engine", "", |of| shown_terms::work_kind(&of.1.engine))
        .duration("total_ns", "total", "Summed over lanes.", |of| of.1.total_ns)
        .column(
            Kind::Share {
                of: "all device work".into(),
            },
            "share",
            "share",
            "Share of all device work.",
            |of| Cell::Real(of.1.share),
        )
        .duration("busy_ns", "busy", "At least one lane works at it.", |of| {
            of.1.busy_ns
        })
        .count("count", "count", "", |of| of.1.count)
        .duration("mean_ns", "mean", "", |of| of.1.mean_ns)
        .duration("max_ns", "longest", "", |of| of.1.max_ns)
        .place("Its longest slice in the timeline.", |of| {
            Some(slice(of.1.longest_slice, "longest"))
        })
        .done()
}

/// Where launches are not known, behind the tables of what devices did.
pub const NO_LAUNCHES: &str = "Device work in this trace does not carry the number of the call that launched it, so \
                               launch analysis is not available.";

pub const LAUNCHES: Table = Table {
    key: "launches",
    title: "Launches",
    definition: "Host calls that hand work to devices, by name.",
    topic: Topic::Device,
    rows: launches,
};

fn launches<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let launches = answers.report.launches.as_ref();
    let mut rows = Rows::of(launches.map_or(&[][..], |l| &l.calls))
        .name("name", "call", "", |c: &LaunchCall| c.name.clone())
        .count("count", "calls", "", |c| c.count)
        .count("with_work", "with work", "Calls that have work in the trace.", |c| c.with_work)
        .on_request()
        .count(
            "work",
            "work",
            "Pieces of device work that these calls launched. One call of a captured graph launches all of the graph.",
            |c| c.work,
        )
        .count("most_work", "most of one call", "", |c| c.most_work)
        .duration("call_total_ns", "calls, total", "", |c| c.call_total_ns)
        .on_request()
        .duration("call_p50_ns", "call, p50", "", |c| c.call_p50_ns)
        .duration("call_max_ns", "call, longest", "", |c| c.call_max_ns)
        .duration(
            "delay_p50_ns",
            "delay, p50",
            "From the end of the call to the start of its first work. Long delays are healthy where the queue is deep: \
             the device has enough to do.",
            |c| c.delay_p50_ns,
        )
        .duration("delay_p99_ns", "delay, p99", "", |c| c.delay_p99_ns)
        .duration("delay_max_ns", "delay, longest", "", |c| c.delay_max_ns)
        .duration("delay_total_ns", "delays, total", "", |c| c.delay_total_ns)
        .on_request()
        .place("The call with most work.", |c| Some(slice(c.slice, "the largest")))
        .sorted("count", true);
    if let Some(launches) = launches {
        let short = &launches.short;
        rows = rows.says(launches.definition.clone()).says(format!(
            "{} of {} pieces of device work ({} of {}) have their launch in the trace. {} of {} kernels are shorter \
             than {}, {} of {}.",
            show::count(launches.linked_work),
            show::count(launches.work),
            show::duration(launches.linked_work_ns),
            show::duration(launches.work_ns),
            show::count(short.count),
            show::count(short.of_count),
            show::duration(short.below_ns),
            show::duration(short.total_ns),
            show::duration(short.of_total_ns)
        ));
        if launches.skewed > 0 {
            rows = rows.says(format!(
                "Work of {} starts before the call does: the clocks of host and device disagree.",
                show::counted(launches.skewed, "call")
            ));
        }
    }
    rows.done()
}

pub const LAUNCH_DELAYS: Table = Table {
    key: "launch_delays",
    title: "Longest delays from launch to start",
    definition: "Launches whose work started latest after the call.",
    topic: Topic::Device,
    rows: launch_delays,
};

fn launch_delays<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let launches = answers.report.launches.as_ref();
    Rows::of(launches.map_or(&[][..], |l| &l.longest_delays))
        .duration("delay_ns", "delay", "", |d: &LaunchDelay| d.delay_ns)
        .instant("call_start_ns", "call at", "", |d| d.call_start_ns)
        .name("name", "call", "", |d| d.name.clone())
        .name("work", "first work", "", |d| d.work.clone())
        .place("The call in the timeline.", |d| Some(slice(d.slice, "call")))
        .place("Its first work in the timeline.", |d| {
            Some(slice(d.work_slice, "work"))
        })
        .headed("first work")
        .sorted("delay_ns", true)
        .done()
}

pub const QUEUE_DEPTH: Table = Table {
    key: "queue_depth",
    title: "Launches that wait for a stream",
    definition: "One more when a call starts, one less when the first of its work starts; a captured graph is one \
                 launch. Where nothing waits, the device takes up work as it comes, and idles when the host is late.",
    topic: Topic::Device,
    rows: queue_depth,
};

fn queue_depth<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let origin = answers.origin_ns();
    of_device(Rows::of(&answers.report.queue_depth), |q| {
        (q.device, q.rank.as_deref())
    })
    .text("stream", "stream", "", |q| q.stream.clone())
    .count("launches", "launches", "", |q| q.launches)
    .count("max", "deepest", "", |q| q.max)
    .instant("max_at_ns", "deepest at", "", |q| q.max_at_ns)
    .on_request()
    .column(
        Kind::Mean,
        "mean",
        "mean",
        "Mean over time, from the first call to the last start of work.",
        |q| Cell::Real(q.mean),
    )
    .column(
        Kind::Mean,
        "mean_of_changes",
        "mean of changes",
        "Mean of the values after each change.",
        |q| Cell::Real(q.mean_of_changes),
    )
    .on_request()
    .share("empty", "empty", "that time in which no launch waits", |q| {
        Some((q.empty_ns, q.span_ns))
    })
    .column(
        Kind::Curve,
        "series",
        "over time",
        "The deepest queue in each of equal parts of the time.",
        {
            move |q| Cell::Curve {
                values: q.series.clone(),
                says: format!(
                    "Up to {} launches, at {} from the start of the trace",
                    show::count(q.max),
                    show::duration(q.max_at_ns.saturating_sub(origin))
                ),
            }
        },
    )
    .place("The deepest point in the timeline.", |q| {
        // One pixel of time around it is enough to see.
        let around = q.span_ns / 200;
        let end = q.max_at_ns.saturating_add(around.max(1));
        Some(stretch(q.max_at_ns.saturating_sub(around), end, "deepest"))
    })
    .done()
}

pub const STREAM_GAPS: Table = Table {
    key: "stream_gaps",
    title: "Gaps on each stream",
    definition: "Time of each stream from its first work to its last: busy time and the kinds of gaps add up to it.",
    topic: Topic::Device,
    rows: stream_gaps,
};

fn stream_gaps<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let report = answers.report;
    of_device(Rows::of(&report.stream_gaps), |s| (s.device, s.rank.as_deref()))
        .text("stream", "stream", "", |s| s.stream.clone())
        .count("work", "work", "Pieces of work that take time.", |s| s.work)
        .duration(
            "span_ns",
            "span",
            "From the first start to the last end of the stream's work.",
            StreamGaps::span_ns,
        )
        .share("busy", "busy", "the span", |s| Some((s.busy_ns, s.span_ns())))
        .duration("busy_ns", "busy time", "", |s| s.busy_ns)
        .on_request()
        .duration("launched_late_ns", "launched late", LATE, |s| {
            s.launched_late.total_ns
        })
        .count("launched_late_gaps", "gaps, launched late", LATE, |s| {
            s.launched_late.count
        })
        .on_request()
        .duration("short_ns", "short", SHORT, |s| s.short.total_ns)
        .count("short_gaps", "gaps, short", SHORT, |s| s.short.count)
        .on_request()
        .duration("waited_ns", "waited", WAITED, |s| s.waited.total_ns)
        .count("waited_gaps", "gaps, waited", WAITED, |s| s.waited.count)
        .on_request()
        .duration("unlinked_ns", "not known", UNLINKED, |s| s.unlinked.total_ns)
        .count("unlinked_gaps", "gaps, not known", UNLINKED, |s| s.unlinked.count)
        .on_request()
        .parts("The span by busy time and kinds of gaps.", |s| {
            let parts = vec![
                part("busy", Colour::Mme, s.busy_ns),
                part("launched late", Colour::HostOp, s.launched_late.total_ns),
                part("short", Colour::Launch, s.short.total_ns),
                part("waited", Colour::DeviceOther, s.waited.total_ns),
                part("launch not in the trace", Colour::Warmup, s.unlinked.total_ns),
            ];
            (s.span_ns(), parts)
        })
        .place("The longest gap of all kinds.", longest_gap)
        .says(report.stream_gaps_definition.clone().unwrap_or_default())
        .done()
}

const LATE: &str = "The call that launched the next work began after all earlier work had ended.";
const SHORT: &str = "No longer than a device takes from one piece of work to the next.";
const WAITED: &str = "The next work was launched in time, and waited for something else.";
const UNLINKED: &str = "The call that launched the next work is not in the trace, and the gap is not short.";

fn longest_gap(of: &StreamGaps) -> Option<Place> {
    let all: [&GapSum; 4] = [&of.launched_late, &of.short, &of.waited, &of.unlinked];
    let longest = all.into_iter().max_by_key(|gaps| gaps.max_ns)?;
    let start = longest.longest_start_ns?;
    Some(Place {
        slice: longest.longest_next_slice,
        ..stretch(start, start.saturating_add(longest.max_ns), "longest")
    })
}

pub const COPIES: Table = Table {
    key: "copies",
    title: "Copies and memsets",
    definition: "Copies and memsets of devices, by name and direction.",
    topic: Topic::Device,
    rows: copies,
};

fn copies<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(&answers.report.copies)
        .name("name", "name", "", |c| c.name.clone())
        .text(
            "direction",
            "direction",
            "H: host, D: device; unknown: neither the name nor an arg says.",
            |c| c.direction.clone(),
        )
        .count("count", "count", "", |c| c.count)
        .duration("total_ns", "total", "", |c| c.total_ns)
        .duration("p50_ns", "p50", "", |c| c.p50_ns)
        .duration("max_ns", "longest", "", |c| c.max_ns)
        .bytes("bytes", "bytes", "Summed over those that say.", |c| c.bytes)
        .duration(
            "bytes_ns",
            "time of these",
            "The time of the copies that say how many bytes they moved.",
            |c| c.bytes_ns,
        )
        .on_request()
        .rate(
            "gb_per_s",
            "GB/s",
            "All bytes over all time of the copies that say how many bytes they moved: 10⁹ bytes a second.",
            |c| c.gb_per_s,
        )
        .place("The longest in the timeline.", |c| {
            Some(slice(c.longest_slice, "longest"))
        })
        .done()
}

pub const SYNCS: Table = Table {
    key: "syncs",
    title: "Synchronisations",
    definition: "Calls in which a host thread waits for a device, and the records that the device's side of a \
                 synchronisation leaves. Both may describe the same wait: they are not added.",
    topic: Topic::Device,
    rows: syncs,
};

fn syncs<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(&answers.report.syncs)
        .name("name", "name", "", |s| s.name.clone())
        .text("place", "recorded on", "", |s| s.place.clone())
        .count("count", "count", "", |s| s.count)
        .duration("total_ns", "total", "", |s| s.total_ns)
        .duration("p50_ns", "p50", "", |s| s.p50_ns)
        .duration("max_ns", "longest", "", |s| s.max_ns)
        .place("The longest in the timeline.", |s| {
            Some(slice(s.longest_slice, "longest"))
        })
        .done()
}

//! Devices at a terminal: how their time was spent, kernels, launches, why they were idle, copies, waits, queues.

use super::*;
use crate::analyze::report::{
    Copy, DeviceIdle, Engines, GapSum, Launches, NodeWork, QueueDepth, Sync, device_name,
};

pub(super) fn device(out: &mut String, trace: &TraceReport) {
    times(out, &trace.device_time);
    idle(out, trace, &trace.idle);
    kernels(out, &trace.kernels);
    if let Some(work) = &trace.nodes {
        nodes(out, work);
    }
    if let Some(launches) = &trace.launches {
        calls(out, launches);
    }
    queues(out, trace, &trace.queue_depth);
    stream_gaps(out, trace);
    copies(out, &trace.copies);
    // Where nothing is launched by number, waits are told with the gaps.
    if trace.launches.is_some() {
        syncs(out, &trace.syncs);
    }
}

fn times(out: &mut String, devices: &[DeviceTime]) {
    if !devices.is_empty() {
        heading(out, "Device time");
        let engines = Engines::present_apart(devices.iter().map(|d| &d.engines));
        let mut heads = vec![
            "device",
            "scope",
            "span",
            "busy",
            "compute",
            "comm only",
            "copy only",
            "idle",
        ];
        heads.extend(engines.iter().map(|engine| engine.word()));
        let mut table = Table::new(2, &heads);
        for device in devices {
            let mut row = vec![
                device_name(device.device, device.rank.as_deref()),
                plain(&device.scope),
                show::duration(device.span_ns),
                show::percent(device.busy_ns, device.span_ns),
                show::duration(device.compute_ns),
                show::duration(device.comm_exposed_ns),
                show::duration(device.copy_exposed_ns),
                show::duration(device.idle_ns),
            ];
            row.extend(
                engines
                    .iter()
                    .map(|&engine| engine_share(device.engines[engine], device)),
            );
            table.row(row);
        }
        table.write(out);
        if !engines.is_empty() {
            out.push_str("  Engines: share of the span in which at least one lane is busy; they overlap.\n");
        }
    }
}

fn engine_share(busy_ns: Option<i64>, device: &DeviceTime) -> String {
    busy_ns.map_or_else(|| UNKNOWN.to_owned(), |ns| show::percent(ns, device.span_ns))
}

fn kernels(out: &mut String, kernels: &[Kernel]) {
    if kernels.is_empty() {
        return;
    }
    heading(out, "Kernels, by total device time");
    let mut table = Table::new(0, &["total", "count", "mean", "max", "kind", "name"]);
    for kernel in kernels {
        table.row(vec![
            show::duration(kernel.total_ns),
            show::count(kernel.count),
            show::duration(kernel.mean_ns),
            show::duration(kernel.max_ns),
            plain(&kernel.kind),
            plain(&kernel.name),
        ]);
    }
    table.write(out);
    let mut rules: Vec<&str> = kernels.iter().filter_map(|k| k.rule.as_deref()).collect();
    rules.retain(|&rule| rule != "recorded");
    rules.sort_unstable();
    rules.dedup();
    if !rules.is_empty() {
        let says = format!(
            "Kinds by rule where the tracer does not say: {}.",
            rules.join("; ")
        );
        wrapped(out, "  ", &plain(&says));
    }
}

/// Recipes of which the nodes are listed, and how many of each; JSON and CSV have all.
const RECIPES: usize = 5;
const NODES: usize = 8;

fn nodes(out: &mut String, work: &NodeWork) {
    heading(out, "Device work by recipe (compiled graph) and node");
    wrapped(
        out,
        "  ",
        "Totals are summed over all lanes of an engine; busy is the time on the clock. Shares are of the total of all \
         device work.",
    );
    for recipe in work.recipes.iter().take(RECIPES) {
        let lead = format!(
            "  {:>8}{:>8}  ",
            show::duration(recipe.total_ns),
            show::percent(recipe.total_ns, work.total_ns)
        );
        let says = format!(
            "{}: {}, busy {}",
            recipe.label(),
            show::counted(recipe.count, "slice"),
            show::duration(recipe.busy_ns)
        );
        out.push('\n');
        wrapped(out, &lead, &says);
        let mut table = named(&["total", "share", "busy", "count", "mean", "max", "engine", "name"]);
        for row in recipe.rows.iter().take(NODES) {
            let fused = row.fused.as_ref().map(|fused| format!(" (fused: {fused})"));
            let operation = row.operation.as_ref().map(|operation| format!(": {operation}"));
            table.row(vec![
                show::duration(row.total_ns),
                show::percent(row.total_ns, work.total_ns),
                show::duration(row.busy_ns),
                show::count(row.count),
                show::duration(row.mean_ns),
                show::duration(row.max_ns),
                row.engine.to_uppercase(),
                plain(&format!(
                    "{}{}",
                    row.node,
                    fused.or(operation).unwrap_or_default()
                )),
            ]);
        }
        table.write(out);
        let more = recipe.n_rows.saturating_sub(recipe.rows.len().min(NODES) as u64);
        if more > 0 {
            out.push_str(&format!("  … and {more} more: see --csv\n"));
        }
    }
    let more = work.rest_recipes + work.recipes.len().saturating_sub(RECIPES) as u64;
    if more > 0 {
        out.push_str(&format!(
            "\n  … and {} more: see --format json\n",
            show::counted(more, "recipe")
        ));
    }
    if work.without_recipe > 0 {
        let says = format!(
            "{} of device work, {}, {} no recipe.",
            show::counted(work.without_recipe, "slice"),
            show::duration(work.without_recipe_ns),
            if work.without_recipe == 1 { "names" } else { "name" }
        );
        wrapped(out, "  ", &says);
    }
}

/// Columns of a table of which the last holds names.
fn named(heads: &[&'static str]) -> Table<'static> {
    Table::new(0, heads)
}

fn idle(out: &mut String, trace: &TraceReport, all: &[DeviceIdle]) {
    for idle in all {
        heading(
            out,
            &format!(
                "Why device {} was idle ({} in {} gaps)",
                device_name(idle.device, idle.rank.as_deref()),
                show::duration(idle.idle_ns),
                show::count(idle.gaps)
            ),
        );
        wrapped(out, "  ", &idle.definition);
        let mut table = named(&["time", "of idle", "gaps", "cause"]);
        for share in &idle.causes {
            table.row(vec![
                show::duration(share.total_ns),
                show::percent(share.total_ns, idle.idle_ns),
                show::count(share.count),
                share.cause.says().to_owned(),
            ]);
        }
        table.write(out);
        for gap in idle.longest.iter().take(3) {
            let at = words::since_start(trace, gap.start_ns);
            wrapped(out, "  - ", &plain(&format!("{} (at {at})", gap.says)));
        }
    }
}

fn calls(out: &mut String, launches: &Launches) {
    heading(out, "Launches");
    wrapped(out, "  ", &launches.definition);
    let mut table = named(&[
        "calls",
        "work",
        "most",
        "call p50",
        "longest",
        "delay p50",
        "p99",
        "longest",
        "name",
    ]);
    let known = |ns: Option<i64>| ns.map_or_else(|| UNKNOWN.to_owned(), show::duration);
    for call in &launches.calls {
        table.row(vec![
            show::count(call.count),
            show::count(call.work),
            show::count(call.most_work),
            show::duration(call.call_p50_ns),
            show::duration(call.call_max_ns),
            known(call.delay_p50_ns),
            known(call.delay_p99_ns),
            known(call.delay_max_ns),
            plain(&call.name),
        ]);
    }
    table.write(out);
    let short = &launches.short;
    let says = format!(
        "{} of {} pieces of device work ({} of {}) have their launch in the trace. {} of {} kernels are shorter than \
         {}, {} of {}.",
        show::count(launches.linked_work),
        show::count(launches.work),
        show::duration(launches.linked_work_ns),
        show::duration(launches.work_ns),
        show::count(short.count),
        show::count(short.of_count),
        show::duration(short.below_ns),
        show::duration(short.total_ns),
        show::duration(short.of_total_ns)
    );
    wrapped(out, "  ", &says);
}

fn queues(out: &mut String, trace: &TraceReport, queues: &[QueueDepth]) {
    if queues.is_empty() {
        return;
    }
    heading(out, "Launches that wait for a stream");
    let mut table = named(&[
        "device",
        "launches",
        "deepest",
        "mean",
        "empty",
        "deepest at",
        "stream",
    ]);
    for queue in queues {
        table.row(vec![
            device_name(queue.device, queue.rank.as_deref()),
            show::count(queue.launches),
            show::count(queue.max),
            format!("{:.1}", queue.mean),
            show::percent(queue.empty_ns, queue.span_ns),
            words::since_start(trace, queue.max_at_ns),
            plain(&queue.stream),
        ]);
    }
    table.write(out);
}

fn stream_gaps(out: &mut String, trace: &TraceReport) {
    let Some(definition) = &trace.stream_gaps_definition else {
        return;
    };
    heading(out, "Gaps on each stream");
    wrapped(out, "  ", definition);
    let mut table = named(&[
        "device",
        "work",
        "span",
        "busy",
        "launched late",
        "short",
        "waited",
        "not known",
        "stream",
    ]);
    for of in &trace.stream_gaps {
        let sum = |gaps: &GapSum| match gaps.count {
            0 => "0".to_owned(),
            n => format!("{} in {}", show::duration(gaps.total_ns), show::count(n)),
        };
        table.row(vec![
            device_name(of.device, of.rank.as_deref()),
            show::count(of.work),
            show::duration(of.span_ns()),
            show::percent(of.busy_ns, of.span_ns()),
            sum(&of.launched_late),
            sum(&of.short),
            sum(&of.waited),
            sum(&of.unlinked),
            plain(&of.stream),
        ]);
    }
    table.write(out);
}

fn copies(out: &mut String, copies: &[Copy]) {
    if copies.is_empty() {
        return;
    }
    heading(out, "Copies and memsets");
    let mut table = named(&["total", "count", "p50", "longest", "bytes", "GB/s", "name"]);
    for copy in copies {
        table.row(vec![
            show::duration(copy.total_ns),
            show::count(copy.count),
            show::duration(copy.p50_ns),
            show::duration(copy.max_ns),
            copy.bytes.map_or_else(|| UNKNOWN.to_owned(), show::bytes),
            copy.gb_per_s.map_or_else(|| UNKNOWN.to_owned(), show::rate),
            plain(&copy.name),
        ]);
    }
    table.write(out);
}

fn syncs(out: &mut String, syncs: &[Sync]) {
    if syncs.is_empty() {
        return;
    }
    heading(out, "Synchronisations");
    let mut table = named(&["total", "count", "p50", "longest", "on", "name"]);
    for sync in syncs {
        table.row(vec![
            show::duration(sync.total_ns),
            show::count(sync.count),
            show::duration(sync.p50_ns),
            show::duration(sync.max_ns),
            plain(&sync.place),
            plain(&sync.name),
        ]);
    }
    table.write(out);
}

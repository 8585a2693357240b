//! Sums that the clock cannot hold.

use crate::analyze::report::{Operator, ProfilerTables, TraceReport};

/// How many sums of a report stopped at the clock's end. No single time reaches it: times lie within ±2^62 ns.
pub fn stopped(report: &TraceReport) -> u64 {
    let kernels = report.kernels.iter().map(|of| of.total_ns);
    let families = report.kernel_families.iter().map(|of| of.total_ns);
    let of_nodes = report.nodes.iter();
    let nodes = of_nodes.flat_map(|of| {
        let recipes = of.recipes.iter().map(|of| of.total_ns);
        let rows = of.recipes.iter().flat_map(|of| &of.rows).map(|of| of.total_ns);
        [of.total_ns, of.rest_ns, of.without_recipe_ns]
            .into_iter()
            .chain(recipes)
            .chain(rows)
    });
    let between = report.copies.iter().map(|of| of.total_ns);
    let between = between.chain(report.syncs.iter().map(|of| of.total_ns));
    let between = between.chain(report.collectives_recorded.iter().map(|of| of.total_ns));
    let modules = report.modules.iter().map(|of| of.total_ns);
    let calls = report
        .operators
        .iter()
        .chain(&report.python)
        .flat_map(of_operator);
    let gaps = report.gaps.iter().map(|of| of.total_ns);
    let beside = report.beside.iter().flat_map(of_tables);
    let all = kernels.chain(families).chain(nodes).chain(between).chain(modules);
    let all = all.chain(calls).chain(gaps).chain(beside);
    all.filter(|&ns| ns == i64::MAX).count() as u64
}

/// How many numbers of bytes of a report stopped at the end of what 64 bits hold.
pub fn stopped_bytes(report: &TraceReport) -> u64 {
    let collectives = report.collectives_recorded.iter();
    let collectives = collectives.filter_map(|of| of.bytes.max(of.bytes_each));
    let operators = report.operators.iter();
    let operators = operators
        .flat_map(|of| [of.self_device_bytes, of.total_device_bytes])
        .flatten();
    let devices = report.memory.iter().flat_map(|of| &of.devices).flat_map(|of| {
        [
            of.allocated_bytes,
            of.freed_bytes,
            of.start_bytes,
            of.end_bytes,
            of.peak_bytes,
        ]
    });
    let signed = operators.chain(devices);
    (collectives.filter(|&bytes| bytes == u64::MAX).count()
        + signed
            .filter(|&bytes| bytes == i64::MAX || bytes == i64::MIN)
            .count()) as u64
}

fn of_operator(of: &Operator) -> impl Iterator<Item = i64> {
    let device = [of.self_device_ns, of.total_device_ns].into_iter().flatten();
    [of.self_cpu_ns, of.total_cpu_ns].into_iter().chain(device)
}

fn of_tables(beside: &ProfilerTables) -> impl Iterator<Item = i64> {
    let steps = beside.step_breakdown.iter().map(|of| of.total_ns);
    let kinds = beside.operator_statistics.iter().map(|of| of.total_ns);
    let calls = beside.api_statistics.iter().map(|of| of.total_ns);
    let kernels = beside.kernel_details.iter();
    let kernels = kernels.flat_map(|of| [of.kernel_ns, of.collective_ns]);
    let overall = beside.overall.iter();
    let overall = overall.flat_map(|of| of.rows()).map(|(_, of)| of.total_ns);
    let links = beside.links.iter().map(|of| of.transit_ns);
    let operators = beside.operator_calls.iter();
    let operators = operators
        .flat_map(|of| [of.host_self_ns, of.device_self_ns])
        .flatten();
    let all = steps.chain(kinds).chain(calls).chain(kernels);
    all.chain(overall).chain(links).chain(operators)
}

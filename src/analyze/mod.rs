//! `pure fn(&Index, &Vocabulary, …) -> answer`. A folder a question; no vendor's name appears here.

pub mod compare;
pub mod compiles;
pub mod device;
pub mod findings;
pub mod gaps;
mod groups;
pub mod host;
pub mod memory;
mod merge;
pub mod ranks;
pub mod report;
pub mod sentence_words;
pub mod steps;
pub mod trust;

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::base::{DefectKind, Defects, SliceId, Union};
use crate::dialect::key_averages::KeyAverages;
use crate::dialect::tables_beside::Tables;
use crate::dialect::{Evidence, MetricsFile, Role, Vocabulary};
use crate::index::Index;

use compiles::{coverage, metrics, uses};
use device::{
    device_time, kernel_table, launch_index, launches, overall, transfers, work_by_family, work_by_name,
    work_by_node,
};
use gaps::activity::held_up_by;
use gaps::held_up::Compiles;
use gaps::{idle, streams, time_budget};
use host::{collectives_on_host, modules, operators_by_name, profiler_overhead, python};
use memory::allocations;
use ranks::{links, peers, recorded_collectives};
use report::{DefectRow, Operator, ProfilerTables, TraceReport};
use steps::{breakdown, bucket_padding, differences, times, verdict};
use trust::{categories, sums, table_check};

/// What is known of the file itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileFacts {
    pub name: String,
    /// As it lies on disk.
    pub bytes: u64,
    pub inflated_bytes: u64,
    /// A metrics file of the same process, with its name: it gives compiles their true clock.
    pub metrics: Option<(String, MetricsFile)>,
    /// torch's own operator table of the same recording, with its name.
    pub table: Option<(String, KeyAverages)>,
    /// Tables of the same worker.
    pub tables: Option<Arc<WorkerTables>>,
    /// The step time that the reader asked for; else the trace's own basis.
    pub step_time: Option<report::Basis>,
}

/// Tables that stand beside a trace, and whose they are.
#[derive(Debug, Default, PartialEq)]
pub struct WorkerTables {
    /// The worker's folder.
    pub worker: String,
    pub tables: Tables,
    /// What is not there, and what would record it.
    pub missing: Vec<String>,
}

/// How much is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Steps, compiles and what follows from them: for the first answers while a file is still read.
    Steps,
    /// All of it.
    Everything,
}

/// Everything about one trace.
pub fn analyze(index: &Index, vocabulary: &Vocabulary, file: &FileFacts, defects: &Defects) -> TraceReport {
    analyze_to(Depth::Everything, index, vocabulary, file, defects)
}

/// As much about one trace as `depth` asks for; what is not asked for is left empty.
pub fn analyze_to(
    depth: Depth,
    index: &Index,
    vocabulary: &Vocabulary,
    file: &FileFacts,
    defects: &Defects,
) -> TraceReport {
    let mut report = facts(index, vocabulary, file);
    report.recompiles = compiles::recompiles(index, vocabulary);
    report.dynamo = compiles::dynamo_use(index, vocabulary, &report.recompiles);
    if let Some((name, metrics_file)) = &file.metrics {
        let mut metrics = metrics::metrics(metrics_file, name);
        let base = vocabulary.base_time_ns;
        metrics::apply(&mut report.recompiles, &mut metrics, metrics_file, base);
        report.metrics = Some(metrics);
    }
    let runs = steps::MatchedRuns::of(index, vocabulary);
    let runs = runs.as_ref();
    let compiles = Compiles::of(index, vocabulary, &report.recompiles);
    report.steps = steps::steps(index, vocabulary, &report.recompiles, &compiles, runs);
    let warmups = coverage::WarmUps::of(index, vocabulary, &report.steps);
    uses::set_uses(&mut report.recompiles, &report.steps, &warmups);
    let waiting = gaps::requests::waiting(index, vocabulary);
    report.step_time = times::set_times(index, vocabulary, &mut report.steps, &waiting, file.step_time);
    if vocabulary.steps_inferred {
        let compiling = held_up_by(&report.recompiles);
        times::set_compiled_by_interval(&mut report.steps, &compiling);
    }
    report
        .notes
        .extend(steps::given_by_time(vocabulary, &report.steps));
    report.step_groups = steps::step_groups(index, &report.steps, report.step_time.as_ref());
    report.bucket_coverage = coverage::coverage(&report.steps, &warmups);
    report.padding = bucket_padding::padding(&report.steps);
    let devices = device_time::device_work(index, vocabulary);
    let launched = launch_index::LaunchIndex::of(index, vocabulary);
    let found = gaps::found_links(index, vocabulary, runs);
    let found = found
        .as_ref()
        .map(|l| launch_index::LaunchIndex::by_links(index, vocabulary, l));
    let host = gaps::Host::of(
        index,
        vocabulary,
        &report.steps,
        (&report.recompiles, compiles),
        &devices,
        launched.as_ref().or(found.as_ref()),
        &waiting,
    );
    let budget = time_budget::budget(&host);
    let gaps = gaps::gaps(&host);
    let step_idle = gaps::step_idle(&host);
    let shares = gaps::device_shares::device_shares(&host);
    let held_up = host.compiles.of_rank(None);
    let serving = time_budget::serving_time(&host);
    let compiling = held_up_by(&report.recompiles);
    let from_device_ends = report
        .step_time
        .as_ref()
        .is_some_and(|time| time.from_device_ends);
    let idle_for_compiles = from_device_ends.then(|| time_budget::idle_for_compiles(&host));
    let recorded = host.busy().extent();
    let is_asked = depth == Depth::Everything;
    if is_asked {
        report.step_causes = gaps::step_causes::step_causes(&host);
        report.idle = idle::idle(&host);
        report.idle_unknown = idle::unknown(vocabulary);
    }
    drop(host);
    if let Some((idle, recorded)) = idle_for_compiles.as_ref().zip(recorded) {
        compiles::set_delays_of_device(&mut report.recompiles, idle, recorded);
    }
    report.launches_unknown = launches::unknown(vocabulary);
    let counted = launched.as_ref().or(found.as_ref());
    let counted = counted.filter(|_| report.launches_unknown.is_none());
    let trailing_launches = counted.and_then(|l| l.trailing_without_work(vocabulary));
    let links_launches = launched.is_some();
    report.budget = budget;
    report.gaps = gaps;
    if is_asked {
        let dynamo = report.dynamo.as_ref();
        report.slow_steps = differences::slow_steps(
            index,
            vocabulary,
            &report.steps,
            &devices,
            runs,
            dynamo,
            from_device_ends,
        );
    }
    report.out_of_memory = memory::out_of_memory(vocabulary);
    report.out_of_memory_total = index.memory.n_failures;
    let host_collectives = collectives_on_host::host_collectives(index, vocabulary, &report.steps);
    let overhead = profiler_overhead::overhead(index, vocabulary, &report.steps, &devices);
    let recorded_groups = file
        .tables
        .as_ref()
        .map_or(&[][..], |of| &of.tables.process_groups);
    let peer_waits = peers::peer_waits(index, vocabulary, &devices, recorded_groups);
    report.device_time = devices.into_iter().flat_map(|d| d.times).collect();
    let mut earlier_work = (0, 0);
    if depth == Depth::Everything {
        report.kernels = work_by_name::kernels(index, vocabulary);
        report.kernel_families = {
            let linked = launched.as_ref().or(found.as_ref());
            let in_forward = work_by_family::InForward::of(index, vocabulary, linked);
            let earlier = work_by_family::Earlier::of(index, vocabulary);
            earlier_work = (earlier.count, earlier.total_ns);
            work_by_family::families(&report.kernels, &in_forward, &earlier)
        };
        report.nodes = work_by_node::node_work(index, vocabulary);
        if let Some(launched) = &launched {
            report.launches = launches::launches(index, vocabulary, launched);
        }
        if let Some(launched) = counted {
            let (total, without_work) = launches::without_work(index, vocabulary, launched);
            report.launches_total = Some(total);
            report.launches_without_work = without_work;
        }
        if let Some(launched) = launched.filter(|_| vocabulary.clock_offset_ns.is_none()) {
            report.queue_depth = launches::queue_depth(index, vocabulary, &launched);
            report.stream_gaps = streams::stream_gaps(index, vocabulary, &launched);
            if !report.stream_gaps.is_empty() {
                report.stream_gaps_definition = Some(streams::definition());
            }
        }
        report.copies = transfers::copies(index, vocabulary);
        report.syncs = transfers::syncs(index, vocabulary);
        report.collectives_recorded = recorded_collectives::recorded(index, vocabulary);
        report.operators = operators_by_name::operators(index, vocabulary);
        report.python = python::python(index, vocabulary);
        report.memory = memory::memory(index, vocabulary);
        report.modules = modules::modules(index, vocabulary);
        let outside = report.memory.as_ref().map(|m| m.outside_events);
        report.table = file.table.as_ref().map(|(name, table)| {
            let trace = table_check::Trace {
                index,
                vocabulary,
                kernels: &report.kernels,
                outside,
            };
            table_check::table_check(table, name, &trace)
        });
    }
    let without_requests = gaps::requests::WithoutRequests::of(index, vocabulary, &waiting).all;
    let without_requests = without_requests.without(&held_up);
    let waited = verdict::longest_waited(&report.steps, &serving, &without_requests, &shares);
    if let Some(time) = &report.step_time {
        let grounds = verdict::Grounds {
            steps: &report.steps,
            time,
            serving: &serving,
            compiling: &held_up,
            idle_for_compiles: idle_for_compiles.as_ref(),
            compiles_suspected: report
                .recompiles
                .iter()
                .all(|r| r.evidence == Evidence::Suspected),
            waiting: &without_requests,
            devices: &shares,
            unlinked: report.launches_without_work.zip(report.launches_total),
        };
        report.verdicts = verdict::verdicts(&grounds);
        report.verdict = report.verdicts.first().cloned();
    }
    report.beside = beside_trace(index, vocabulary, file.tables.as_ref());
    let mut all_defects = with_overruns(index, vocabulary, defects);
    add_repeated_work(&mut all_defects, index, vocabulary);
    all_defects.add_many(DefectKind::OversizedSum, sums::stopped(&report), None);
    all_defects.add_many(DefectKind::OversizedBytes, sums::stopped_bytes(&report), None);
    report.defects = defect_rows(&all_defects);
    let facts = findings::Facts {
        report: &report,
        vocabulary,
        step_idle,
        last_launch_ns: last_launch_ns(index, vocabulary),
        links_launches,
        trailing_launches,
        waited,
        waits: waiting,
        not_operators: not_operators(index, vocabulary, &report.operators, &compiling),
        host_collectives,
        overhead,
        peer_waits,
        earlier_work,
        calls_with_shapes: calls_with_shapes(index, vocabulary),
    };
    report.findings = findings::findings(&facts, depth);
    report
}

/// Of operators, by their longest call: stretches that a program named, and parts of a compile.
fn not_operators(
    index: &Index,
    vocabulary: &Vocabulary,
    operators: &[Operator],
    compiling: &Union,
) -> FxHashSet<u32> {
    let is_none = |&slice: &u32| {
        let id = SliceId(slice);
        let role = vocabulary.role(id);
        matches!(role, Role::Annotation | Role::Container)
            || (Role::Pass..=Role::GraphCapture).contains(&role)
            || compiling.contains(index.slices.start(id).as_ns())
    };
    operators
        .iter()
        .map(|o| o.longest_slice)
        .filter(is_none)
        .collect()
}

/// The gaps that are asked for, of a trace whose report is known.
pub fn gaps_in(
    index: &Index,
    vocabulary: &Vocabulary,
    report: &TraceReport,
    asked: gaps::Asked<'_>,
) -> Vec<report::Gaps> {
    let devices = device_time::device_work(index, vocabulary);
    let launched = launch_index::LaunchIndex::of(index, vocabulary);
    let runs = steps::MatchedRuns::of(index, vocabulary);
    let found = gaps::found_links(index, vocabulary, runs.as_ref());
    let found = found
        .as_ref()
        .map(|l| launch_index::LaunchIndex::by_links(index, vocabulary, l));
    let waiting = gaps::requests::waiting(index, vocabulary);
    let host = gaps::Host::of(
        index,
        vocabulary,
        &report.steps,
        (
            &report.recompiles,
            Compiles::of(index, vocabulary, &report.recompiles),
        ),
        &devices,
        launched.as_ref().or(found.as_ref()),
        &waiting,
    );
    gaps::asked(&host, asked)
}

/// What runs in a step, beside others of like size, of a trace whose report is known. `None`: there is no such step.
pub fn step_work(
    index: &Index,
    vocabulary: &Vocabulary,
    report: &TraceReport,
    step: u32,
) -> Option<report::StepWork> {
    let devices = device_time::device_work(index, vocabulary);
    let from_device_ends = report
        .step_time
        .as_ref()
        .is_some_and(|time| time.from_device_ends);
    differences::step_work(index, vocabulary, &report.steps, &devices, from_device_ends, step)
}

/// What the profiler's tables and lanes say; `None` where there are none.
fn beside_trace(
    index: &Index,
    vocabulary: &Vocabulary,
    of_worker: Option<&Arc<WorkerTables>>,
) -> Option<ProfilerTables> {
    let tables = of_worker.map(|of| &of.tables);
    let step_breakdown = breakdown::breakdown(index, vocabulary, tables);
    if step_breakdown.is_empty() && of_worker.is_none() {
        return None;
    }
    let mut beside = ProfilerTables {
        step_breakdown,
        ..ProfilerTables::default()
    };
    if let (Some(of), Some(tables)) = (of_worker, tables) {
        beside.worker = Some(of.worker.clone());
        beside.missing.clone_from(&of.missing);
        beside.level.clone_from(&tables.level);
        beside.operator_statistics_source = "table".to_owned();
        beside.operator_statistics.clone_from(&tables.operator_statistics);
        if tables.operator_statistics.is_empty() {
            beside.operator_statistics_source = "kernels".to_owned();
            beside.operator_statistics = kernel_table::statistics(&tables.kernels);
        }
        beside.overall = overall::overall(&tables.kernels, &beside.step_breakdown);
        let slices = kernel_table::slices_of(&tables.kernels, index, vocabulary);
        beside.kernel_details = kernel_table::details(&tables.kernels, &slices);
        if !tables.kernels.rows.is_empty() {
            let of = of.clone();
            beside.kernel_rows = Some(Arc::new(report::KernelRows { of, slices }));
        }
        beside.api_statistics.clone_from(&tables.api_statistics);
        beside.collectives.clone_from(&tables.collectives);
        beside.memory_peaks.clone_from(&tables.memory);
        beside.module_memory_peaks.clone_from(&tables.module_memory);
        beside.allocations = allocations::allocations(&tables.allocations);
        beside.links = links::links(&tables.links);
        beside.links_say = links::compared(&beside.links);
        beside.operator_calls = tables.operator_calls;
        beside.tables.clone_from(&tables.read);
        beside.plain_tables.clone_from(&tables.plain);
        beside.files.clone_from(&tables.files);
    }
    Some(beside)
}

/// How many calls have the shapes of their inputs recorded.
fn calls_with_shapes(index: &Index, vocabulary: &Vocabulary) -> u64 {
    let column = vocabulary.shapes_arg.and_then(|arg| index.arg_column(arg));
    column.map_or(0, |column| column.ints().count() as u64)
}

/// The end of the last host call that hands work to a device.
fn last_launch_ns(index: &Index, vocabulary: &Vocabulary) -> Option<i64> {
    let launches = index
        .slices
        .ids()
        .filter(|&id| vocabulary.role(id) == Role::Launch);
    launches.map(|id| index.slices.end(id).as_ns()).max()
}

/// What the trace says of itself, before anything is computed.
fn facts(index: &Index, vocabulary: &Vocabulary, file: &FileFacts) -> TraceReport {
    let extent = vocabulary.extent(index);
    let tables = file.tables.as_ref().map(|of| &of.tables);
    let mut notes = vocabulary.notes.clone();
    notes.extend(tables.into_iter().flat_map(|t| t.notes.iter().cloned()));
    TraceReport {
        file: file.name.clone(),
        format: tables
            .and_then(|t| t.format)
            .unwrap_or(vocabulary.format)
            .to_owned(),
        bytes: file.bytes,
        inflated_bytes: file.inflated_bytes,
        events: index.n_events,
        rank: vocabulary.rank.or(tables.and_then(|t| t.rank)),
        world_size: vocabulary.world_size.or(tables.and_then(|t| t.world_size)),
        device_kind: vocabulary.device_kind.to_owned(),
        device_name: vocabulary.device_name.clone(),
        engine: vocabulary.engine.clone(),
        start_ns: extent.map(|e| e.start),
        end_ns: extent.map(|e| e.end),
        base_time_ns: vocabulary.base_time_ns,
        capture_start_ns: vocabulary.capture.map(|c| c.start),
        capture_end_ns: vocabulary.capture.map(|c| c.end),
        synchronised_capture: vocabulary.synchronised_capture,
        notes,
        clock_offset_ns: vocabulary.clock_offset_ns,
        kernel_rules: vocabulary.classifier.as_ref().map(|c| c.text().to_owned()),
        bytes_by_category: categories::bytes_by_category(index, vocabulary),
        ..TraceReport::default()
    }
}

/// What reading found, and device work whose end cannot be right.
fn with_overruns(index: &Index, vocabulary: &Vocabulary, defects: &Defects) -> Defects {
    let mut all = defects.clone();
    let overruns = &vocabulary.overruns;
    let first = overruns.keys().map(|&id| index.slices.at(id)).min();
    all.add_many(DefectKind::OverrunningWork, overruns.len() as u64, first);
    all
}

/// Counts device work that is recorded again on its queue with equal name, times and args. Where the recorder puts
/// queues, which do one thing at a time; a lane of an engine may hold several equal pieces of one moment.
fn add_repeated_work(defects: &mut Defects, index: &Index, vocabulary: &Vocabulary) {
    let slices = &index.slices;
    let is_repeated = |before: SliceId, id: SliceId| {
        slices.start(before) == slices.start(id)
            && slices.end(before) == slices.end(id)
            && slices.start(id) < slices.end(id)
            && slices.name(before) == slices.name(id)
            && vocabulary.role(id).is_device()
            && index.args.are_alike(before, id)
    };
    for &track in vocabulary.devices.iter().flat_map(|d| &d.tracks) {
        let mut before = None;
        for id in index.rows(track) {
            if before.is_some_and(|before| is_repeated(before, id)) {
                defects.add(DefectKind::RepeatedWork, Some(slices.at(id)));
            }
            before = Some(id);
        }
    }
}

fn defect_rows(defects: &Defects) -> Vec<DefectRow> {
    defects
        .iter()
        .map(|(kind, count, first_at_byte)| DefectRow {
            kind: kind.key().to_owned(),
            severity: kind.severity(),
            count,
            first_at_byte,
            events_lost: if kind.loses_events() { count } else { 0 },
            ends_early: kind.ends_early(),
            says: kind.says().to_owned(),
        })
        .collect()
}

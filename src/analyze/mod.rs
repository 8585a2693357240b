//! `pure fn(&Index, &Vocabulary, …) -> answer`. A file a question; no vendor's name appears here.

pub mod activity;
pub mod budget;
pub mod coverage;
pub mod device_time;
pub mod findings;
pub mod gaps;
pub mod kernels;
pub mod metrics;
pub mod operators;
pub mod python;
pub mod recompiles;
pub mod report;
mod step_device;
pub mod steps;
pub mod words;

use crate::base::Defects;
use crate::dialect::gaudi_metrics::MetricsFile;
use crate::dialect::{Role, Vocabulary};
use crate::index::Index;

use report::{DefectRow, Recompile, Step, TraceReport};

/// What is known of the file itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileFacts {
    pub name: String,
    /// As it lies on disk.
    pub bytes: u64,
    pub inflated_bytes: u64,
    /// A metrics file of the same process, with its name: it gives compiles their true clock.
    pub metrics: Option<(String, MetricsFile)>,
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
    let mut report = facts(index, vocabulary, file, defects);
    // steps, step_groups, recompiles, bucket_coverage go here
    let steps: Vec<Step> = std::mem::take(&mut report.steps);
    let recompiles: Vec<Recompile> = std::mem::take(&mut report.recompiles);
    let host = gaps::Host::of(index, vocabulary, &steps, &recompiles);
    report.budget = budget::budget(&host);
    report.gaps = gaps::gaps(&host);
    report.device_time = device_time::device_time(index, vocabulary);
    let decode_idle = gaps::decode_idle(&host);
    drop(host);
    report.steps = steps;
    report.recompiles = recompiles;
    if depth == Depth::Everything {
        report.kernels = kernels::kernels(index, vocabulary);
        report.operators = operators::operators(index, vocabulary);
        report.python = python::python(index, vocabulary);
    }
    let beside = findings::Facts {
        vocabulary,
        decode_idle,
        last_launch_ns: last_launch_ns(index, vocabulary),
    };
    report.findings = findings::findings(&report, &beside);
    report
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
fn facts(index: &Index, vocabulary: &Vocabulary, file: &FileFacts, defects: &Defects) -> TraceReport {
    let extent = index.extent();
    let mut recompiles = recompiles::recompiles(index, vocabulary);
    let metrics = file.metrics.as_ref().map(|(name, file)| {
        let mut metrics = metrics::metrics(file, name);
        metrics::apply(&mut recompiles, &mut metrics, file, vocabulary.base_time_ns);
        metrics
    });
    let steps = steps::steps(index, vocabulary, &recompiles);
    TraceReport {
        file: file.name.clone(),
        format: vocabulary.format.to_owned(),
        bytes: file.bytes,
        inflated_bytes: file.inflated_bytes,
        events: index.n_events,
        rank: vocabulary.rank,
        world_size: vocabulary.world_size,
        device_kind: vocabulary.device_kind.to_owned(),
        device_name: vocabulary.device_name.clone(),
        engine: vocabulary.engine.clone(),
        start_ns: extent.map(|e| e.start),
        end_ns: extent.map(|e| e.end),
        base_time_ns: vocabulary.base_time_ns,
        capture_start_ns: vocabulary.capture.map(|c| c.start),
        capture_end_ns: vocabulary.capture.map(|c| c.end),
        synchronised_capture: vocabulary.synchronised_capture,
        notes: vocabulary.notes.clone(),
        defects: defect_rows(defects),
        step_groups: steps::step_groups(&steps),
        bucket_coverage: coverage::coverage(&steps, vocabulary.has_warmup),
        steps,
        recompiles,
        gaps: Vec::new(),
        device_time: Vec::new(),
        kernels: Vec::new(),
        operators: Vec::new(),
        python: Vec::new(),
        budget: None,
        metrics,
        findings: Vec::new(),
    }
}

fn defect_rows(defects: &Defects) -> Vec<DefectRow> {
    defects
        .iter()
        .map(|(kind, count, first_at_byte)| DefectRow {
            kind: kind.name().to_owned(),
            severity: kind.severity(),
            count,
            first_at_byte,
            says: kind.says().to_owned(),
        })
        .collect()
}

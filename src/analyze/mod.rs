//! `pure fn(&Index, &Vocabulary, …) -> answer`. A file a question; no vendor's name appears here.

pub mod report;

/// What is known of the file itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    pub name: String,
    /// As it lies on disk.
    pub bytes: u64,
    pub inflated_bytes: u64,
}

/// Everything about one trace.
pub fn analyze(
    index: &crate::index::Index,
    vocabulary: &crate::dialect::Vocabulary,
    file: &FileFacts,
    defects: &crate::base::Defects,
) -> report::TraceReport {
    let extent = index.extent();
    report::TraceReport {
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
        steps: Vec::new(),
        step_groups: Vec::new(),
        recompiles: Vec::new(),
        bucket_coverage: None,
        gaps: Vec::new(),
        device_time: Vec::new(),
        kernels: Vec::new(),
        operators: Vec::new(),
        python: Vec::new(),
        budget: None,
        metrics: None,
        findings: Vec::new(),
    }
}

fn defect_rows(defects: &crate::base::Defects) -> Vec<report::DefectRow> {
    defects
        .iter()
        .map(|(kind, count, first_at_byte)| report::DefectRow {
            kind: kind.name().to_owned(),
            severity: kind.severity(),
            count,
            first_at_byte,
            says: kind.says().to_owned(),
        })
        .collect()
}

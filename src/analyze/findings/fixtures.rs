//! Reports made for the tests of findings.

use super::super::{FileFacts, analyze};
use super::*;
use crate::analyze::report::{
    Bucket, DeviceIdle, Evidence, IdleCause, IdleGap, IdleShare, Period, Phase, Recompile, Step, TimeBudget,
};
use crate::base::Defects;
use crate::index::Index;

pub const MS: i64 = 1_000_000;

pub fn blank() -> TraceReport {
    let (index, defects) = (Index::default(), Defects::default());
    analyze(&index, &Vocabulary::default(), &FileFacts::default(), &defects)
}

pub fn step(index: u32, start_ms: i64, dur_ms: i64) -> Step {
    Step {
        index,
        engine_step: Some(index),
        phase: Phase::Decode,
        period: Period::Serving,
        start_ns: start_ms * MS,
        dur_ns: dur_ms * MS,
        host_ns: dur_ms * MS,
        call_ns: dur_ms * MS,
        step_ns: Some(dur_ms * MS),
        bucket: Some(Bucket {
            batch: 4,
            seq: Some(1),
            ctx: Some(128),
        }),
        batch: Some(3),
        tokens: Some(3),
        graphs: Some(true),
        slice: 100 + index,
        ..Step::default()
    }
}

pub fn compile(step: u32, start_ms: i64, dur_ms: i64) -> Recompile {
    Recompile {
        evidence: Evidence::Recorded,
        name: format!("graph_{step}"),
        start_ns: start_ms * MS,
        dur_ns: Some(dur_ms * MS),
        start_is_exact: true,
        step: Some(step),
        phase: Phase::Decode,
        bucket: Some(Bucket {
            batch: 4,
            seq: Some(1),
            ctx: Some(128),
        }),
        period: Period::Serving,
        region: None,
        region_start_ns: None,
        region_end_ns: None,
        also: None,
        slice: Some(7),
        ..Recompile::default()
    }
}

pub fn budget(total_ms: i64) -> Option<TimeBudget> {
    Some(TimeBudget {
        total_ns: total_ms * MS,
        shares: Vec::new(),
        definition: String::new(),
    })
}

/// Nothing is known beside the report.
pub fn facts<'a>(report: &'a TraceReport, vocabulary: &'a Vocabulary) -> Facts<'a> {
    Facts::of(report, vocabulary)
}

pub fn of_facts(facts: &Facts<'_>) -> Vec<Finding> {
    findings(facts, Depth::Everything)
}

pub fn of(report: &TraceReport) -> Vec<Finding> {
    of_facts(&facts(report, &Vocabulary::default()))
}

/// Of device 0, over a second.
pub fn idle(causes: &[(IdleCause, i64)]) -> DeviceIdle {
    DeviceIdle {
        device: 0,
        rank: None,
        span_ns: 1000 * MS,
        idle_ns: causes.iter().map(|c| c.1 * MS).sum(),
        gaps: 3,
        causes: causes
            .iter()
            .map(|&(cause, ms)| IdleShare {
                cause,
                count: 1,
                total_ns: ms * MS,
                drained_ns: 0,
            })
            .collect(),
        drained_by: Vec::new(),
        skewed: 2,
        queued_ns: 0,
        longest: vec![IdleGap {
            start_ns: 5,
            dur_ns: 7,
            cause: IdleCause::HostOp,
            says: "Longest.".into(),
            launch_slice: Some(1),
            next_slice: 2,
            step: Some(3),
            call: None,
        }],
        launches_known: true,
        definition: String::new(),
    }
}

pub fn get<'f>(all: &'f [Finding], id: &str) -> &'f Finding {
    all.iter()
        .find(|f| f.id == id)
        .unwrap_or_else(|| panic!("{id} is missing in {all:#?}"))
}

pub fn has(all: &[Finding], id: &str) -> bool {
    all.iter().any(|f| f.id == id)
}

//! Words that reports for people share.

use crate::analyze::report::{Finding, TraceReport, headlines};
use crate::base::show;
pub use crate::base::show::plain;

/// One line of facts: what the file is.
pub fn facts_line(trace: &TraceReport) -> String {
    let mut parts = vec![trace.format.clone()];
    parts.extend(trace.engine.clone());
    if trace.device_kind != "unknown" || trace.device_name.is_some() {
        let kind = trace.device_kind.to_uppercase();
        parts.push(match &trace.device_name {
            Some(name) => format!("{kind} {name}"),
            None => kind,
        });
    }
    if let Some(rank) = trace.rank {
        parts.push(match trace.world_size {
            Some(size) => format!("rank {rank} of {size}"),
            None => format!("rank {rank}"),
        });
    }
    parts.push(if trace.inflated_bytes == trace.bytes {
        show::bytes(trace.bytes)
    } else {
        format!(
            "{} ({} inflated)",
            show::bytes(trace.bytes),
            show::bytes(trace.inflated_bytes)
        )
    });
    parts.push(show::counted(trace.events, "event"));
    if let (Some(start), Some(end)) = (trace.start_ns, trace.end_ns) {
        parts.push(format!("{} long", show::duration(end.saturating_sub(start))));
    }
    if let (Some(start), Some(end)) = (trace.capture_start_ns, trace.capture_end_ns) {
        parts.push(format!(
            "torch profiler on for {}",
            show::duration(end.saturating_sub(start))
        ));
    }
    parts.join(" · ")
}

/// What a step takes and what bounds it: a line a phase, of the first device.
pub fn verdict_lines(trace: &TraceReport) -> Vec<String> {
    headlines(&trace.verdicts)
        .into_iter()
        .map(|verdict| verdict.says.clone())
        .collect()
}

/// How long after the trace's start.
pub fn since_start(trace: &TraceReport, at_ns: i64) -> String {
    let start = trace.start_ns.unwrap_or(0);
    format!("+{}", show::duration(at_ns.saturating_sub(start)))
}

/// Evidence of a finding in reports for people, a line each.
const EVIDENCE: usize = 5;

/// The first pieces of evidence, with their places, and how many more there are.
pub fn evidence_lines(trace: &TraceReport, finding: &Finding) -> Vec<String> {
    let shown = finding.evidence.iter().take(EVIDENCE);
    let mut lines: Vec<String> = shown
        .map(|evidence| match evidence.start_ns {
            Some(start) => format!("{} (at {})", evidence.says, since_start(trace, start)),
            None => evidence.says.clone(),
        })
        .collect();
    if let Some(more) = finding.evidence.len().checked_sub(EVIDENCE).filter(|&n| n > 0) {
        lines.push(format!("… and {more} more: see --format json"));
    }
    lines
}

/// At most `width` characters, the middle left out: a name's end tells as much as its start.
pub fn clipped(text: &str, width: usize) -> String {
    let n = text.chars().count();
    if n <= width {
        return text.to_owned();
    }
    let keep = width.saturating_sub(1);
    let tail = keep / 3;
    let head: String = text.chars().take(keep - tail).collect();
    let end: String = text.chars().skip(n - tail).collect();
    format!("{head}…{end}")
}

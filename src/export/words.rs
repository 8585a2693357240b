//! Words for the reader in place of the names of enums.

use crate::analyze::report::{
    Bucket, Cause, Evidence, GapBin, GapKind, Gaps, Level, Period, Phase, Recompile, Sure, TraceReport,
};
use crate::base::{order, show};

/// Where a value is unknown.
pub const UNKNOWN: &str = "–";

pub fn or_unknown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |v| v.to_string())
}

pub fn duration(ns: Option<i64>) -> String {
    ns.map_or_else(|| UNKNOWN.to_owned(), show::duration)
}

pub fn phase(phase: Phase) -> &'static str {
    phase.key()
}

/// What users waited for comes first.
pub const PERIODS: [Period; Period::COUNT] = Period::AS_SHOWN;

/// Compiles in the order of [`PERIODS`], then of time.
pub fn in_order(recompiles: &[Recompile]) -> Vec<&Recompile> {
    let mut order: Vec<_> = recompiles.iter().collect();
    order::sort_by_key(&mut order, |r| {
        (PERIODS.iter().position(|p| *p == r.period), r.start_ns)
    });
    order
}

/// When a compile started; `≈` where only its region is known.
pub fn compile_start(trace: &TraceReport, compile: &Recompile) -> String {
    let about = if compile.start_is_exact { "" } else { "≈" };
    format!("{about}{}", since_start(trace, compile.start_ns))
}

pub fn evidence(evidence: Evidence) -> &'static str {
    evidence.word()
}

pub fn level(level: Level) -> &'static str {
    level.key()
}

pub fn sure(sure: Sure) -> &'static str {
    sure.key()
}

pub fn gap_kind(kind: GapKind) -> &'static str {
    kind.title()
}

/// A cause as it is named in a report, with spaces.
pub fn cause(cause: Cause) -> String {
    cause.key().replace('_', " ")
}

pub fn bucket(bucket: Option<Bucket>) -> String {
    or_unknown(bucket)
}

/// Real batch over padded batch, the part that is padding: `"31 %"`.
pub fn padding(real: Option<u64>, padded: Option<u64>) -> String {
    match (real, padded) {
        (Some(real), Some(padded)) if padded > 0 => {
            let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            show::percent(signed(padded.saturating_sub(real)), signed(padded))
        }
        _ => UNKNOWN.to_owned(),
    }
}

/// `"10.0 µs – 50.0 µs"`.
pub fn bin(bin: &GapBin) -> String {
    match bin.to_ns {
        Some(to) => format!("{} – {}", show::duration(bin.from_ns), show::duration(to)),
        None => format!("from {}", show::duration(bin.from_ns)),
    }
}

/// One line of numbers about gaps.
pub fn gaps_line(gaps: &Gaps) -> String {
    let mut line = format!(
        "{}, {} in all; p50 {}, p99 {}, longest {}",
        show::counted(gaps.count, "gap"),
        show::duration(gaps.total_ns),
        duration(gaps.p50_ns),
        duration(gaps.p99_ns),
        duration(gaps.max_ns),
    );
    if let Some(coverage) = gaps.coverage {
        line += &format!("; covers {:.0} % of the host's recording", coverage * 100.0);
    }
    line
}

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

/// How long after the trace's start.
pub fn since_start(trace: &TraceReport, at_ns: i64) -> String {
    let start = trace.start_ns.unwrap_or(0);
    format!("+{}", show::duration(at_ns.saturating_sub(start)))
}

/// A name without characters that would command the terminal or turn the line around.
pub fn plain(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control()
            || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
        {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
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

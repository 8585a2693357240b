//! What is said of the longest gaps.

use crate::analyze::gaps::Host;
use crate::analyze::gaps::activity::{Activity, Whose, compile_span, most_of};
use crate::analyze::gaps::gap_statistics::Measured;
use crate::analyze::report::{Cause, Gap, Recompile, Step};
use crate::base::{SliceId, Span, show};
use crate::dialect::{Evidence, Vocabulary};

/// The compiles that hold these up.
pub(super) fn of_compiles<'h>(host: &'h Host<'_>, whose: &Whose) -> impl Iterator<Item = &'h Recompile> {
    let held = whose.compiles(host.vocabulary, &host.compiles);
    let is_held = move |r: &&Recompile| held.covered_ns(compile_span(r)) > 0;
    host.recompiles.iter().filter(is_held)
}

/// The longest gaps in words.
pub(super) fn longest(
    host: &Host<'_>,
    gaps: &[Measured],
    says: impl Fn(&Measured, Cause) -> String,
) -> Vec<Gap> {
    let gap = |measured: &Measured| {
        let span = measured.span;
        let cause = Activity::main_cause(&measured.by_cause);
        let (step, inside_step) = step_at(host, span);
        Gap {
            start_ns: span.start,
            dur_ns: span.len_ns(),
            cause,
            says: says(measured, cause),
            step,
            inside_step,
        }
    };
    gaps.iter().map(gap).collect()
}

/// The step in which a gap lies, and true; else the next step after its start, and false.
pub(super) fn step_at(host: &Host<'_>, gap: Span) -> (Option<u32>, bool) {
    let end = |step: &Step| step.start_ns.saturating_add(step.dur_ns);
    let next = host.steps.partition_point(|s| s.start_ns <= gap.start);
    if let Some(last) = next.checked_sub(1).map(|i| &host.steps[i])
        && gap.start < end(last)
    {
        return (Some(last.index), gap.end <= end(last));
    }
    (host.steps.get(next).map(|s| s.index), false)
}

/// The step whose pass is row `pass` of [`Vocabulary::passes`].
pub(super) fn step_of_pass<'h>(host: &'h Host<'_>, pass: u32) -> Option<&'h Step> {
    // A step is a pass.
    host.steps.get(pass as usize)
}

/// `"step 12 (decode, bucket (4, 1, 128))"`.
pub fn step_label(step: &Step) -> String {
    let phase = step.phase.noun();
    match step.bucket {
        Some(bucket) => format!("step {} ({phase}, bucket {bucket})", step.index),
        None => format!("step {} ({phase})", step.index),
    }
}

/// A sentence: what the host did in a gap, and where among the steps it lies.
pub(super) fn says_with_place(host: &Host<'_>, measured: &Measured, cause: Cause, whose: &Whose) -> String {
    let what = what_the_host_did(host, measured, cause, whose);
    let gap = measured.span;
    let step = |index: u32| host.steps.get(index as usize);
    match step_at(host, gap) {
        (Some(index), true) => format!("{what}; in {}.", step(index).map_or(String::new(), step_label)),
        (Some(index), false) if step(index).is_some_and(|s| s.start_ns >= gap.end) => {
            format!(
                "{what}; between two passes, before {}.",
                step(index).map_or(String::new(), step_label)
            )
        }
        (Some(index), false) => {
            format!(
                "{what}; it begins in {}.",
                step(index).map_or(String::new(), step_label)
            )
        }
        (None, _) => format!("{what}."),
    }
}

/// Half a sentence: what the host did in a gap of a rank, or of the only one, for how much of it.
pub(super) fn what_the_host_did(host: &Host<'_>, measured: &Measured, cause: Cause, whose: &Whose) -> String {
    let gap = measured.span;
    let of = |ns: i64| format!("{} of {}", show::duration(ns), show::duration(gap.len_ns()));
    match cause {
        Cause::Recompile => {
            if let Some(compile) = of_compiles(host, whose)
                .filter(|r| !compile_span(r).intersect(gap).is_empty())
                .max_by_key(|r| r.dur_ns)
            {
                let took = match compile.dur_ns {
                    Some(ns) => format!(", which took {}", show::duration(ns)),
                    None => " (cost not recorded)".to_owned(),
                };
                return match compile.evidence {
                    Evidence::GraphCapture => format!("The device graph {} was captured{took}", compile.name),
                    Evidence::Dynamo => format!("The host compiled: {}{took}", compile.name),
                    _ => format!("The graph {} was compiled{took}", compile.name),
                };
            }
        }
        Cause::NoLoad => {
            let ns = measured.by_cause[Cause::NoLoad as usize];
            let waits = host.waiting.iter().filter(|w| !w.span.intersect(gap).is_empty());
            let why = waits.map(|w| w.why).next();
            return match why {
                Some(why) => format!(
                    "The engine waited for requests for {}. {}",
                    of(ns),
                    why.trim_end_matches('.')
                ),
                None => format!("The engine waited for requests for {}", of(ns)),
            };
        }
        Cause::Device => return "Scheduling on the device".into(),
        Cause::Dependency => return "The next work was launched in time and waited for other work".into(),
        Cause::Unlinked => return "The call that launched the next work is not in the trace".into(),
        Cause::Unaccounted => {
            let ns = measured.by_cause[Cause::Unaccounted as usize];
            return format!("Nothing is recorded on the host for {}", of(ns));
        }
        _ => {}
    }
    let threads = (&host.threads, whose);
    let named: Option<(SliceId, i64)> = most_of(host.index, host.vocabulary, threads, gap, cause);
    let did = cause.verb();
    match named {
        Some((id, ns)) => format!("The host {did}: {}, {}", host.index.name_of(id), of(ns)),
        None => format!("The host {did}"),
    }
}

/// `vLLM` of `vLLM V1`.
pub(super) fn engine_name(vocabulary: &Vocabulary) -> String {
    let engine = vocabulary
        .engine
        .as_deref()
        .and_then(|e| e.split_whitespace().next());
    engine.unwrap_or("engine").to_owned()
}

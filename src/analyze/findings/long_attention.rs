//! How much of the device's compute is attention, by the names of its kernels.

use super::shared::{fact, finding, reaches};
use super::{Facts, Rule};
use crate::analyze::report::{Family, Finding, FindingEvidence, Kernel, Level, Sure};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["long-attention"],
    judge,
    rests_on_absence: false,
};

/// Attention is long if it takes at least this share of all compute, in percent; at contexts of a few thousand tokens
/// the matrix products of a model take most of it.
const LONG_ATTENTION_PERCENT: i64 = 40;

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let sum = |total: i64, kernel: &&Kernel| total.saturating_add(kernel.total_ns);
    let compute: Vec<&Kernel> = report.kernels.iter().filter(|k| k.kind == "compute").collect();
    let attention: Vec<&Kernel> = compute
        .iter()
        .copied()
        .filter(|k| Family::of_name(&k.name) == Family::Attention)
        .collect();
    let (all_ns, mine_ns) = (compute.iter().fold(0, sum), attention.iter().fold(0, sum));
    if mine_ns == 0 {
        return None;
    }
    let share = show::percent(mine_ns, all_ns);
    // Where launches are numbered, kernels stand in a view of their own.
    let view = if report.launches.is_some() {
        "device"
    } else {
        "operators"
    };
    // Below this its share is one of those by family.
    if !reaches(mine_ns, LONG_ATTENTION_PERCENT, all_ns) {
        return None;
    }
    let says = format!(
        "Attention takes {share} of the time of all compute kernels, {} of {}: {LONG_ATTENTION_PERCENT} % and more is long.",
        show::duration(mine_ns),
        show::duration(all_ns)
    );
    let evidence = attention.iter().take(3).map(|kernel| FindingEvidence {
        slice: Some(kernel.longest_slice),
        ..fact(format!(
            "{}: {} in {}",
            kernel.name,
            show::duration(kernel.total_ns),
            show::counted(kernel.count, "kernel")
        ))
    });
    Some(Finding {
        cost_ns: Some(mine_ns),
        evidence: evidence.collect(),
        advice: "Contexts are long, or the backend is slow at them: try another attention backend, a KV cache of fewer \
                 bits, and chunked prefill, so that long prompts do not delay decode steps."
            .into(),
        ..finding("long-attention", Level::Hint, Sure::Suspected, view, says)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::fixtures::*;
    use crate::analyze::report::TraceReport;
    use crate::dialect::Vocabulary;

    fn kernel(name: &str, kind: &str, ms: i64) -> Kernel {
        Kernel {
            name: name.into(),
            kind: kind.into(),
            count: 2,
            total_ns: ms * MS,
            min_ns: 0,
            max_ns: ms * MS,
            mean_ns: ms * MS / 2,
            longest_slice: 7,
            ..Kernel::default()
        }
    }

    #[test]
    fn attention_is_long_from_its_share_of_compute_on() {
        let of = |attention: i64| {
            let mut report: TraceReport = blank();
            report.kernels = vec![
                kernel("void Paged_Attention_v2<bf16>", "compute", attention),
                kernel("gemm", "compute", 100 - attention),
                // Neither counts: it computes nothing.
                kernel("nccl_attention", "comm", 500),
            ];
            judge(&facts(&report, &Vocabulary::default()))
        };
        assert_eq!(of(0), None);
        assert_eq!(of(39), None, "its share is told with the other families");
        let long = of(40).expect("a finding");
        assert_eq!((long.level, long.cost_ns), (Level::Hint, Some(40 * MS)));
        assert_eq!(
            long.says,
            "Attention takes 40 % of the time of all compute kernels, 40.0 ms of 100 ms: 40 % and more is long."
        );
        assert_eq!(long.evidence[0].slice, Some(7));
    }
}

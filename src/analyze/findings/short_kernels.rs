//! Kernels so short that launching each takes the host about as long; where graphs launch them, that costs nothing.

use super::shared::{
    fact, finding, host_bound_ns, is_launched_one_by_one, is_too_much_unlinked, reaches, slower_host,
};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, Level, Sure};
use crate::base::{show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["short-kernels"],
    judge,
    rests_on_absence: false,
};

/// Kernels are judged as too short over this many or more …
const SHORT_KERNELS: u64 = 100;
/// … if at least this share of them is short, in percent.
const SHORT_PERCENT: i64 = 50;

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let launches = report.launches.as_ref()?;
    let short = &launches.short;
    let (count, of) = (
        i64::try_from(short.count).ok()?,
        i64::try_from(short.of_count).ok()?,
    );
    let calls: u64 = launches.calls.iter().map(|c| c.with_work).sum();
    let one_by_one = is_launched_one_by_one(launches);
    if report.clock_offset_ns.is_some() || is_too_much_unlinked(report) {
        return None;
    }
    let host_ns = stats::sum(report.idle.iter().map(host_bound_ns));
    let span_ns = stats::sum(report.idle.iter().map(|i| i.span_ns));
    if short.of_count < SHORT_KERNELS
        || !reaches(count, SHORT_PERCENT, of)
        || !one_by_one
        || !reaches(host_ns, 5, span_ns)
    {
        return None;
    }
    let says = format!(
        "{} of {} kernels ({}) are shorter than {}, and most are launched one by one, while the device often waits \
         for the host: launching a kernel costs about that time.",
        show::count(short.count),
        show::count(short.of_count),
        show::percent(count, of),
        show::duration(short.below_ns)
    );
    let evidence = vec![
        fact(format!(
            "They run for {} of {} that all kernels run",
            show::duration(short.total_ns),
            show::duration(short.of_total_ns)
        )),
        fact(format!(
            "{} launch {}",
            show::counted(calls, "call"),
            if launches.linked_work == 1 {
                "1 piece of work".to_owned()
            } else {
                format!("{} pieces of work", show::count(launches.linked_work))
            }
        )),
    ];
    Some(Finding {
        evidence,
        advice: format!("Fuse operators, or make batches larger. {}", slower_host(facts))
            .trim()
            .to_owned(),
        ..finding("short-kernels", Level::Hint, Sure::Derived, "device", says)
    })
}

#[cfg(test)]
mod tests {
    use crate::analyze::findings::fixtures::*;
    use crate::analyze::report::{IdleCause, LaunchCall, Launches, ShortKernels};

    #[test]
    fn short_kernels_do_not_matter_where_a_graph_launches_them() {
        let call = |with_work: u64, work: u64| LaunchCall {
            name: "launch".into(),
            count: with_work,
            with_work,
            work,
            most_work: 1,
            call_total_ns: 0,
            call_p50_ns: 0,
            call_max_ns: 0,
            delay_p50_ns: None,
            delay_p99_ns: None,
            delay_max_ns: None,
            delay_total_ns: 0,
            slice: 0,
        };
        let launches = |calls: u64| Launches {
            calls: vec![call(calls, 200)],
            work: 200,
            linked_work: 200,
            short: ShortKernels {
                below_ns: 10_000,
                count: 120,
                total_ns: MS,
                of_count: 200,
                of_total_ns: 4 * MS,
            },
            ..Launches::default()
        };
        let mut report = blank();
        report.idle = vec![idle(&[(IdleCause::Python, 100)])];
        report.launches = Some(launches(150));
        assert!(
            get(&of(&report), "short-kernels")
                .says
                .starts_with("120 of 200 kernels (60 %) are shorter than 10.0 µs")
        );
        report.launches = Some(launches(1));
        assert!(!has(&of(&report), "short-kernels"));
    }
}

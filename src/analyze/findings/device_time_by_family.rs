//! What the device computes, by family: the trace's largest facts. A hint where single, unfused operators take much.
//! Where the device's work bounds the steps, its largest family is what they spend their time on: that is the cost,
//! which gives the finding its place among the others, although nothing is wrong with it.

use super::shared::{fact, finding, reaches};
use super::{Facts, Rule};
use crate::analyze::report::{Bound, Family, Finding, FindingEvidence, KernelFamily, Level, Sure};
use crate::analyze::sentence_words;
use crate::base::{show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["device-time-by-family"],
    judge,
    rests_on_absence: false,
};

/// Fewer kernels are no picture of what the device does.
const LEAST_KERNELS: u64 = 20;
/// Families with less than this share, in percent, are not named.
const NAMED_PERCENT: i64 = 5;
/// Where so much of the names tells nothing, in percent, nothing is said.
const UNKNOWN_PERCENT: i64 = 50;
/// Single, unfused operators are worth a hint from this share on, in percent.
const UNFUSED_PERCENT: i64 = 25;

/// `"30 kernels"`, or with the copies that are among them.
fn pieces(count: u64, families: &[KernelFamily]) -> String {
    let copies = families
        .iter()
        .filter(|f| f.family == Family::Copy)
        .map(|f| f.count)
        .sum();
    match copies {
        0 => show::counted(count, "kernel"),
        _ => format!("{} kernels and copies", show::count(count)),
    }
}

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let families = &facts.report.kernel_families;
    let total = stats::sum(families.iter().map(|f| f.total_ns));
    let count: u64 = families.iter().map(|f| f.count).sum();
    let of = |family: Family| {
        families
            .iter()
            .find(|f| f.family == family)
            .map_or(0, |f| f.total_ns)
    };
    if count < LEAST_KERNELS || total <= 0 || reaches(of(Family::Other), UNKNOWN_PERCENT, total) {
        return None;
    }
    let named: Vec<&KernelFamily> = families
        .iter()
        .filter(|f| reaches(f.total_ns, NAMED_PERCENT, total))
        .collect();
    let parts: Vec<String> = named
        .iter()
        .map(|f| format!("{} {}", f.family.word(), show::percent(f.total_ns, total)))
        .collect();
    let earlier = match facts.earlier_work {
        (0, _) => String::new(),
        (n, ns) => format!(
            "; without {} in {} launched before the recording",
            show::duration(ns),
            show::counted(n, "kernel")
        ),
    };
    // A finding's cost is time of the trace: devices that work at the same time are not added.
    let all = facts.report.device_time.iter().filter(|d| d.scope == "all");
    let n_devices = i64::try_from(all.count()).unwrap_or(1).max(1);
    let (whose, on) = match n_devices {
        1 => ("The device's work", String::new()),
        n => (
            "The devices' work",
            format!(
                " on {n} devices, {} on each on average",
                show::duration(total / n)
            ),
        ),
    };
    let says = format!(
        "{whose} by family: {} (of {} in {}{on}{earlier}).",
        parts.join(", "),
        show::duration(total),
        pieces(count, families)
    );
    let evidence = named
        .iter()
        .map(|f| FindingEvidence {
            slice: Some(f.largest_slice),
            ..fact(format!(
                "{}: {} in {}, most of it {}",
                f.family.word(),
                show::duration(f.total_ns),
                show::counted(f.count, "kernel"),
                sentence_words::shortened(&f.largest)
            ))
        })
        .collect();
    let is_unfused = reaches(of(Family::Elementwise), UNFUSED_PERCENT, total);
    let is_device_bound = facts
        .report
        .verdict
        .as_ref()
        .is_some_and(|verdict| verdict.bound == Bound::Device);
    let largest_ns = named.iter().map(|f| f.total_ns).max().unwrap_or(0);
    let cost_ns = match (is_device_bound, is_unfused) {
        (_, true) => Some(of(Family::Elementwise) / n_devices),
        (true, false) => Some(largest_ns / n_devices),
        (false, false) => None,
    };
    Some(Finding {
        evidence,
        advice: if is_unfused {
            "Single operators on each element and copies take much of the time: fuse them with a compiler, or use \
             kernels that hold several of them."
                .into()
        } else {
            String::new()
        },
        cost_ns,
        ..finding(
            "device-time-by-family",
            if is_unfused { Level::Hint } else { Level::Fine },
            Sure::Derived,
            "device",
            says,
        )
    })
}

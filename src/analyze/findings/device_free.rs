//! Whether devices wait for the host, where the profiler itself divides their time.

use super::shared::{fact, finding, most};
use super::{Facts, Rule, device_idle, exposed_communication};
use crate::analyze::report::{Finding, FindingEvidence, Level, Sure, device_words};
use crate::analyze::steps::breakdown;
use crate::base::{show, stats};
use crate::dialect::tables_beside::BreakdownRow;

pub(super) const RULE: Rule = Rule {
    ids: &["device-free"],
    judge,
    rests_on_absence: false,
};

/// Above this the host hands out work more slowly than the device does it; the vendor's rule of thumb.
const FREE_PART: f64 = 0.1;

pub(super) fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let says_communication = exposed_communication::judge(facts).is_none();
    let mut found = device_free(&facts.report.beside.as_ref()?.step_breakdown, says_communication)?;
    let free_ns = free_ns(&facts.report.beside.as_ref()?.step_breakdown);
    if let Some(device) = most(facts.report, |d| d.idle_ns).filter(|d| d.idle_ns != free_ns) {
        let of_device = device_idle::most_idle(facts.report).filter(|idle| idle.device == device.device);
        let largest = of_device.and_then(|idle| {
            let causes = idle.causes.iter().filter(|c| c.total_ns > 0);
            causes.max_by_key(|c| (c.total_ns, std::cmp::Reverse(c.cause)))
        });
        let whose = match facts.vocabulary.devices.len() {
            0 | 1 => String::new(),
            _ => format!("Of {}: ", device_words(device.device, device.rank.as_deref())),
        };
        let mut says = format!(
            "The profiler's idle time: neither computing nor communication, from the first of these to the last; \
             copies count as idle. {whose}No work of any kind, from the first work to the last, copies included: {} of {}",
            show::duration(device.idle_ns),
            show::duration(device.span_ns)
        );
        if let Some(share) = largest {
            says += &format!(
                ". Largest cause of the latter: {}, {}",
                share.cause.says(),
                show::duration(share.total_ns)
            );
        }
        found.evidence.insert(0, fact(says));
    }
    Some(found)
}

/// Exposed communication is left out where a finding of its own says it: of another total, it would be a second number.
fn free_ns(rows: &[BreakdownRow]) -> i64 {
    stats::sum(breakdown::whole(rows).iter().map(|row| row.free_ns))
}

fn device_free(rows: &[BreakdownRow], says_communication: bool) -> Option<Finding> {
    let rows = breakdown::whole(rows);
    let sum =
        |part: fn(&BreakdownRow) -> i64| rows.iter().fold(0_i64, |sum, row| sum.saturating_add(part(row)));
    let (free, total) = (sum(|r| r.free_ns), sum(|r| r.total_ns));
    let exposed = sum(|r| r.communication_not_overlapped_ns);
    if total <= 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let is_host_bound = free as f64 > total as f64 * FREE_PART;
    let communication = match says_communication && exposed > 0 {
        true => format!(
            "; {} of it is exposed communication (not overlapped by compute)",
            show::percent(exposed, total)
        ),
        false => String::new(),
    };
    let says = format!(
        "The device is idle for {} of its recorded time ({}){communication}.",
        show::percent(free, total),
        show::duration(free)
    );
    let evidence = rows
        .iter()
        .filter(|row| row.start_ns.is_some())
        .take(8)
        .map(|row| FindingEvidence {
            start_ns: row.start_ns,
            end_ns: row.end_ns,
            ..fact(format!(
                "Device {}: computing {}, communication not overlapped {}, idle {}.",
                row.device.unwrap_or(0),
                show::duration(row.computing_ns),
                show::duration(row.communication_not_overlapped_ns),
                show::duration(row.free_ns)
            ))
        });
    let level = if is_host_bound { Level::Hint } else { Level::Fine };
    Some(Finding {
        cost_ns: is_host_bound.then_some(free),
        evidence: evidence.collect(),
        advice: if is_host_bound {
            "More than 10 % idle is the vendor's sign that the host hands out work too slowly: look at the longest \
             gaps, and at graph mode or fewer, larger kernels."
                .to_owned()
        } else {
            String::new()
        },
        ..finding("device-free", level, Sure::Recorded, "gaps", says)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_a_tenth_free_is_fine() {
        let row = |free_ns: i64| BreakdownRow {
            source: "table".to_owned(),
            computing_ns: 1000 - free_ns,
            free_ns,
            total_ns: 1000,
            ..BreakdownRow::default()
        };
        let found = |free: i64| device_free(&[row(free)], true).map(|f| (f.level, f.cost_ns));
        assert_eq!(found(100), Some((Level::Fine, None)));
        assert_eq!(found(101), Some((Level::Hint, Some(101))));
        assert_eq!(device_free(&[], true), None);
    }
}

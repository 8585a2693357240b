//! The file itself is damaged or ends early.

use super::shared::{defects, finding};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, Level, Sure};
use crate::base::Severity;

pub(super) const RULE: Rule = Rule {
    ids: &["input-damaged"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let evidence = defects(facts.report, Severity::Error);
    if evidence.is_empty() {
        return None;
    }
    let says = "The file is damaged or ends early. Every number here covers only what could be read.".into();
    Some(Finding {
        evidence,
        advice: "Let the profiler finish writing before the server stops, and copy the file again.".into(),
        ..finding("input-damaged", Level::Problem, Sure::Recorded, "overview", says)
    })
}

#[cfg(test)]
mod tests {
    use crate::analyze::findings::fixtures::*;
    use crate::analyze::report::DefectRow;
    use crate::analyze::steps::verdict::Waited;
    use crate::base::Severity;
    use crate::dialect::Vocabulary;

    #[test]
    fn a_damaged_file_is_a_problem_and_problems_come_first() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        report.defects = vec![DefectRow {
            kind: "truncated_gzip".into(),
            severity: Severity::Error,
            count: 1,
            first_at_byte: Some(90_000),
            events_lost: 0,
            ends_early: false,
            says: "The gzip stream ends in the middle.".into(),
        }];
        report.budget = budget(1000);
        report.recompiles = vec![compile(0, 10, 50)];
        let vocabulary = Vocabulary::default();
        let mut known = facts(&report, &vocabulary);
        known.waited = Some(Waited {
            ns: 300 * MS,
            serving_ns: 1000 * MS,
            rank: None,
        });
        let all = of_facts(&known);
        let ids: Vec<&str> = all.iter().map(|f| f.id.as_str()).collect();
        assert_eq!(ids[..2], ["compiles-while-serving", "input-damaged"]);
        assert!(all.windows(2).all(|w| w[0].level <= w[1].level));
        assert_eq!(
            get(&all, "input-damaged").evidence[0].says,
            "The gzip stream ends in the middle. (1×) First at byte 90,000 of the inflated text."
        );
        assert!(
            get(&all, "no-load")
                .says
                .starts_with("For 300 ms (30 % of serving time)")
        );
    }
}

//! A trace with events in which no step is recognised.

use super::shared::finding;
use super::{Facts, Rule};
use crate::analyze::report::{Finding, Level, Sure};

pub(super) const RULE: Rule = Rule {
    ids: &["no-steps"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    if !report.steps.is_empty() || report.events == 0 {
        return None;
    }
    // What kind of recording it is has been said then.
    if facts.vocabulary.recording.is_some() {
        return None;
    }
    let says = "No prefill or decode step is recognised in this trace, so Stepscope cannot show steps, gaps between \
                them, or compiles per step."
        .into();
    Some(Finding {
        advice: "Record with the engine's own step markers, or with python stacks.".into(),
        ..finding("no-steps", Level::Hint, Sure::Derived, "timeline", says)
    })
}

#[cfg(test)]
mod tests {
    use crate::analyze::findings::fixtures::*;

    #[test]
    fn nothing_is_said_of_nothing() {
        assert_eq!(of(&blank()), Vec::new());
        let mut report = blank();
        report.events = 5;
        let all = of(&report);
        assert_eq!(
            all.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(),
            ["no-steps"]
        );
    }
}

//! Which gaps a reader asks for.

use serde::{Deserialize, Serialize};

use crate::analyze::gaps::Host;
use crate::analyze::gaps::gap_words::step_at;
use crate::analyze::report::Bucket;
use crate::base::Span;
use crate::dialect::Phase;

/// Ends are rounded to whole ns: work without a pause between may seem to have one of this length.
const ROUNDING_NS: i64 = 1;

/// Which gaps a reader asks for. What is not named is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapFilter {
    /// Of the step in which a gap lies, or before which it lies.
    pub phase: Option<Phase>,
    /// Of the same step.
    pub bucket: Option<Bucket>,
    /// Whether it lies inside a step.
    pub inside: Option<bool>,
    /// Gaps of so many ns.
    pub length: Option<Span>,
}

impl GapFilter {
    fn takes(&self, host: &Host<'_>, gap: Span) -> bool {
        if self.length.is_some_and(|length| !length.contains(gap.len_ns())) {
            return false;
        }
        if self.phase.is_none() && self.bucket.is_none() && self.inside.is_none() {
            return true;
        }
        let (step, inside) = step_at(host, gap);
        let step = step.and_then(|step| host.steps.get(step as usize));
        self.inside.is_none_or(|wanted| wanted == inside)
            && self
                .phase
                .is_none_or(|phase| step.is_some_and(|step| step.phase == phase))
            && self
                .bucket
                .is_none_or(|bucket| step.is_some_and(|step| step.bucket == Some(bucket)))
    }
}

/// Which gaps are counted, and how many of the longest are named.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Those that lie in it, in part or whole.
    pub window: Option<Span>,
    pub filter: Option<&'a GapFilter>,
    pub n_longest: usize,
}

impl Asked<'_> {
    pub(super) fn has(self, host: &Host<'_>, gap: Span) -> bool {
        gap.len_ns() > ROUNDING_NS
            && self.window.is_none_or(|w| !w.intersect(gap).is_empty())
            && self.filter.is_none_or(|filter| filter.takes(host, gap))
    }
}

//! What a profiler calls overhead: code that is loaded at its first use, and the profiler's own work. How much of a
//! step and of a device's idle time it covers.

use crate::analyze::device::time::DeviceWork;
use crate::analyze::groups::{Group, Groups};
use crate::analyze::report::Step;
use crate::base::{NameId, SliceId, Span, Union, order};
use crate::dialect::Vocabulary;
use crate::dialect::vocabulary::OverheadKind;
use crate::index::Index;

/// Overhead of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overhead {
    pub kind: OverheadKind,
    pub count: u64,
    /// When any of it runs.
    pub total_ns: i64,
    /// By name: how often, when any of it runs, and the longest.
    pub by_name: Vec<(String, u64, i64, SliceId, Span)>,
    /// The step of whose host time it covers the largest share: its number, what it covers, the host time.
    pub step: Option<(u32, i64, i64)>,
    /// Of the device of whose idle time it covers most: what it covers, the idle time.
    pub idle: Option<(i64, i64)>,
}

/// Of each kind that is recorded.
pub fn overhead(
    index: &Index,
    vocabulary: &Vocabulary,
    steps: &[Step],
    devices: &[DeviceWork],
) -> Vec<Overhead> {
    if vocabulary.overhead_categories.is_empty() {
        return Vec::new();
    }
    let mut found: Groups<'_, NameId> = Groups::new(index);
    for id in index.slices.ids() {
        let (category, name) = (index.slices.category(id), index.slices.name(id));
        if !vocabulary.overhead_categories.contains(&category)
            || !vocabulary.overhead_kinds.contains_key(&name)
        {
            continue;
        }
        found.add(name, id);
    }
    let kinds = [OverheadKind::FirstUse, OverheadKind::Recording];
    kinds
        .into_iter()
        .filter_map(|kind| {
            let of_kind = || {
                found
                    .by_key
                    .iter()
                    .filter(|(name, _)| vocabulary.overhead_kinds[*name] == kind)
            };
            let all = Union::of(of_kind().flat_map(|(_, of)| of.spans.iter().copied()));
            if all.total_ns() == 0 {
                return None;
            }
            let mut by_name: Vec<_> = of_kind()
                .map(|(&name, Group { spans, longest })| {
                    let ns = Union::of(spans.iter().copied()).total_ns();
                    let text = index.text(name).to_owned();
                    (
                        text,
                        spans.len() as u64,
                        ns,
                        *longest,
                        index.slices.span(*longest),
                    )
                })
                .collect();
            order::sort_by(&mut by_name, |a, b| (b.2, &a.0).cmp(&(a.2, &b.0)));
            Some(Overhead {
                kind,
                count: by_name.iter().map(|row| row.1).sum(),
                total_ns: all.total_ns(),
                by_name,
                step: largest_share(steps, &all),
                idle: devices
                    .iter()
                    .map(|d| Union::of(d.busy.gaps()))
                    .map(|idle| (idle.intersection_ns(&all), idle.total_ns()))
                    .max(),
            })
        })
        .collect()
}

/// The step of whose host time `all` covers the largest share.
fn largest_share(steps: &[Step], all: &Union) -> Option<(u32, i64, i64)> {
    let covered = steps.iter().filter(|s| s.host_ns > 0).map(|s| {
        let span = Span::new(s.host_start_ns, s.host_start_ns.saturating_add(s.host_ns));
        (s.index, all.covered_ns(span), s.host_ns)
    });
    covered.filter(|&(_, ns, _)| ns > 0).max_by(|a, b| {
        let share = |x: &(u32, i64, i64), of: &(u32, i64, i64)| i128::from(x.1) * i128::from(of.2);
        share(a, b).cmp(&share(b, a)).then(b.0.cmp(&a.0))
    })
}

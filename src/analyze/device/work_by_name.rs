//! Device work by name.

use crate::base::{SliceId, order, stats};
use rustc_hash::FxHashMap;

use crate::dialect::Vocabulary;
use crate::index::Index;

use crate::analyze::merge::{Running, merge_tracks};
use crate::analyze::report::{Kernel, WorkKind};

/// Every kind of device work by name, longest on the clock first. Durations are summed over all lanes, so the total of
/// a kernel that runs on eight engines at once is eight times its time on the clock.
pub fn kernels(index: &Index, vocabulary: &Vocabulary) -> Vec<Kernel> {
    let mut by_name: FxHashMap<(u32, &'static str), (Kernel, f64)> = FxHashMap::default();
    for device in &vocabulary.devices {
        let mut busy: FxHashMap<(u32, &'static str), Running> = FxHashMap::default();
        merge_tracks(index, &device.tracks, |_, id| {
            let Some(kind) = WorkKind::of(vocabulary.role(id)).map(WorkKind::key) else {
                return;
            };
            let span = vocabulary.span(index, id);
            let ns = span.len_ns();
            let name = index.slices.name(id);
            busy.entry((name.0, kind)).or_default().add(span);
            let new = || Kernel {
                name: index.text(name).to_owned(),
                kind: kind.into(),
                rule: rule_of(index, vocabulary, id),
                min_ns: ns,
                max_ns: ns,
                longest_slice: id.0,
                ..Kernel::default()
            };
            let (kernel, squares) = by_name.entry((name.0, kind)).or_insert_with(|| (new(), 0.0));
            *squares += ns as f64 * ns as f64;
            if ns > kernel.max_ns {
                kernel.longest_slice = id.0;
            }
            kernel.count += 1;
            kernel.total_ns = kernel.total_ns.saturating_add(ns);
            kernel.min_ns = kernel.min_ns.min(ns);
            kernel.max_ns = kernel.max_ns.max(ns);
            kernel.bounded += u64::from(vocabulary.overruns.contains_key(&id));
        });
        for (key, of_device) in busy {
            if let Some((kernel, _)) = by_name.get_mut(&key) {
                kernel.busy_ns = kernel.busy_ns.saturating_add(of_device.total_ns);
            }
        }
    }
    let with_means = |(kernel, squares): (Kernel, f64)| Kernel {
        mean_ns: stats::mean(kernel.total_ns, kernel.count).unwrap_or(0),
        deviation_ns: stats::deviation(kernel.count, kernel.total_ns, squares),
        ..kernel
    };
    let mut kernels: Vec<Kernel> = by_name.into_values().map(with_means).collect();
    order::sort_by(&mut kernels, |a, b| {
        let most = (b.busy_ns, b.total_ns).cmp(&(a.busy_ns, a.total_ns));
        most.then_with(|| (&a.name, &a.kind).cmp(&(&b.name, &b.kind)))
    });
    kernels
}

/// What says of which kind a piece of work is, where kernels are told apart by rules.
fn rule_of(index: &Index, vocabulary: &Vocabulary, id: SliceId) -> Option<String> {
    let classifier = vocabulary.classifier.as_ref()?;
    if !index.category_of(id).eq_ignore_ascii_case("kernel") {
        return Some("recorded".to_owned());
    }
    classifier.rule(index.name_of(id)).map(str::to_owned)
}

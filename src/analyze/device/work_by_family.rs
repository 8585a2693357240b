//! What the device computes: its work by family.
//!
//! By names, and of those that say sampling by who launched them, too: softmax, sorting and random numbers are sampling
//! unless the forward pass of a step launched them.

use rustc_hash::FxHashMap;

use crate::analyze::device::launch_index::LaunchIndex;
use crate::analyze::gaps::innermost::{Thread, thread_of};
use crate::analyze::report::{Kernel, KernelFamily, WorkKind};
use crate::base::{NameId, SliceId, Span, Union, order};
use crate::dialect::kernel_families::Family;
use crate::dialect::{LaunchLink, Part, Pass, Phase, Role, Vocabulary};
use crate::index::Index;

/// Work of one name.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    count: u64,
    total_ns: i64,
    longest_ns: i64,
    longest_slice: u32,
}

/// What forward passes launched of kernels whose names say sampling, by name and kind; nothing where launches are
/// unknown. Where nothing is served, such a name says no more than which operator it is: that of attention and
/// of a loss, too.
#[derive(Default)]
pub struct InForward {
    /// No pass serves requests, so every such kernel counts as launched by a model.
    is_all: bool,
    work: FxHashMap<(String, &'static str), Work>,
}

impl InForward {
    pub fn of(index: &Index, vocabulary: &Vocabulary, launched: Option<&LaunchIndex<'_>>) -> InForward {
        let serves = |pass: &Pass| matches!(pass.phase, Phase::Prefill | Phase::Decode | Phase::Mixed);
        let is_all = !vocabulary.passes.iter().any(serves);
        let Some(launched) = launched.filter(|_| !is_all) else {
            return InForward {
                is_all,
                ..InForward::default()
            };
        };
        let forward = forward_passes(index, vocabulary);
        let mut is_asked: FxHashMap<NameId, bool> = FxHashMap::default();
        let mut found: FxHashMap<(NameId, &'static str), Work> = FxHashMap::default();
        for device in &vocabulary.devices {
            launched.work_in_order(vocabulary, &device.tracks, |id, role, launch| {
                let name = index.slices.name(id);
                let kind =
                    WorkKind::of(role).filter(|kind| matches!(kind, WorkKind::Compute | WorkKind::Other));
                let Some(kind) = kind else { return };
                let by_name = || {
                    let of_name = Family::of_name(index.text(name));
                    of_name != of_name.in_forward()
                };
                if !*is_asked.entry(name).or_insert_with(by_name) {
                    return;
                }
                let Some(launch) = launch else { return };
                let thread = thread_of(index, index.track_of(launch.call));
                let at = index.slices.start(launch.call).as_ns();
                if forward.get(&thread).is_some_and(|of| of.contains(at)) {
                    let ns = vocabulary.span(index, id).len_ns();
                    let work = found.entry((name, kind.key())).or_default();
                    if work.count == 0 || ns > work.longest_ns {
                        (work.longest_ns, work.longest_slice) = (ns, id.0);
                    }
                    work.count += 1;
                    work.total_ns = work.total_ns.saturating_add(ns);
                }
            });
        }
        let named = found.into_iter();
        let named = named.map(|((name, kind), work)| ((index.text(name).to_owned(), kind), work));
        InForward {
            is_all,
            work: named.collect(),
        }
    }
}

/// Work that was launched before the recording, by name and kind: it belongs to none of its steps. Tracers number calls
/// one after the other, so what bears a smaller number than every call that is recorded was launched before them. None
/// where numbers were given anew, or several processes number their own calls.
#[derive(Default)]
pub struct Earlier {
    by_name: FxHashMap<(String, &'static str), Work>,
    pub count: u64,
    pub total_ns: i64,
}

impl Earlier {
    pub fn of(index: &Index, vocabulary: &Vocabulary) -> Earlier {
        let LaunchLink::Correlation(_) = vocabulary.launch_link else {
            return Earlier::default();
        };
        let Some(column) = vocabulary
            .links(index)
            .filter(|_| vocabulary.ranks.labels.len() < 2)
        else {
            return Earlier::default();
        };
        let is_call = |id: SliceId| matches!(vocabulary.role(id), Role::Launch | Role::Wait);
        let calls = column.ints().filter(|&(id, _)| is_call(id));
        let Some(first_call) = calls.map(|(_, number)| number).min() else {
            return Earlier::default();
        };
        let mut found: FxHashMap<(NameId, &'static str), Work> = FxHashMap::default();
        for (id, _) in column.ints().filter(|&(_, number)| number < first_call) {
            if let Some(kind) = WorkKind::of(vocabulary.role(id)) {
                let work = found.entry((index.slices.name(id), kind.key())).or_default();
                work.count += 1;
                work.total_ns = work.total_ns.saturating_add(vocabulary.span(index, id).len_ns());
            }
        }
        let mut earlier = Earlier::default();
        for ((name, kind), work) in found {
            earlier.count += work.count;
            earlier.total_ns = earlier.total_ns.saturating_add(work.total_ns);
            earlier.by_name.insert((index.text(name).to_owned(), kind), work);
        }
        earlier
    }

    fn of_kernel(&self, kernel: &Kernel, kind: Option<WorkKind>) -> Work {
        let key = kind.map(|kind| (kernel.name.clone(), kind.key()));
        key.and_then(|key| self.by_name.get(&key))
            .copied()
            .unwrap_or_default()
    }
}

/// When the forward passes of steps run on each thread, without what samples inside them.
fn forward_passes(index: &Index, vocabulary: &Vocabulary) -> FxHashMap<Thread, Union> {
    let mut spans: FxHashMap<Thread, [Vec<Span>; 2]> = FxHashMap::default();
    for pass in &vocabulary.passes {
        let of = spans
            .entry(thread_of(index, index.track_of(pass.slice)))
            .or_default();
        let recorded = pass.parts.iter().map(|&(part, id)| (part, index.slices.span(id)));
        for (part, span) in recorded.chain(pass.derived_parts.iter().copied()) {
            match part {
                Part::Forward => of[0].push(span),
                Part::Sample => of[1].push(span),
                _ => {}
            }
        }
    }
    spans
        .into_iter()
        .map(|(thread, [forward, sample])| (thread, Union::of(forward).without(&Union::of(sample))))
        .collect()
}

/// Work by family, without that launched before the recording, most time first.
pub fn families(kernels: &[Kernel], in_forward: &InForward, earlier: &Earlier) -> Vec<KernelFamily> {
    let mut found = Found::default();
    for kernel in kernels {
        let kind = WorkKind::from_key(&kernel.kind);
        let before = earlier.of_kernel(kernel, kind);
        let all = Work {
            count: kernel.count.saturating_sub(before.count),
            total_ns: kernel.total_ns.saturating_sub(before.total_ns),
            longest_ns: kernel.max_ns,
            longest_slice: kernel.longest_slice,
        };
        let family = match kind {
            Some(WorkKind::Comm) => Family::Communication,
            Some(WorkKind::Copy | WorkKind::Set) => Family::Copy,
            _ => Family::of_name(&kernel.name),
        };
        let key = kind.filter(|_| family != family.in_forward()).map(WorkKind::key);
        let inside = key.and_then(|key| match in_forward.is_all {
            true => (!names_sampling(&kernel.name)).then_some(all),
            false => in_forward.work.get(&(kernel.name.clone(), key)).copied(),
        });
        let inside = inside.unwrap_or_default();
        found.add(family.in_forward(), kernel, inside);
        let rest = Work {
            count: all.count.saturating_sub(inside.count),
            total_ns: all.total_ns.saturating_sub(inside.total_ns),
            ..all
        };
        found.add(family, kernel, rest);
    }
    let mut families: Vec<KernelFamily> = found.0.into_iter().map(|(family, _)| family).collect();
    order::sort_by_key(&mut families, |f| (std::cmp::Reverse(f.total_ns), f.family));
    families
}

/// Whether a name says sampling itself, and not an operator that samplers use, too.
fn names_sampling(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.contains("sampl") || lower.contains("multinomial")
}

/// Families, each with the time of its largest kernel.
#[derive(Default)]
struct Found(Vec<(KernelFamily, i64)>);

impl Found {
    fn add(&mut self, family: Family, kernel: &Kernel, work: Work) {
        if work.count == 0 {
            return;
        }
        let at = self
            .0
            .iter()
            .position(|(f, _)| f.family == family)
            .unwrap_or_else(|| {
                let new = KernelFamily {
                    family,
                    count: 0,
                    total_ns: 0,
                    names: 0,
                    largest: String::new(),
                    largest_slice: 0,
                };
                self.0.push((new, i64::MIN));
                self.0.len() - 1
            });
        let (of, largest_ns) = &mut self.0[at];
        of.count += work.count;
        of.names += 1;
        of.total_ns = of.total_ns.saturating_add(work.total_ns);
        if work.total_ns > *largest_ns {
            *largest_ns = work.total_ns;
            kernel.name.clone_into(&mut of.largest);
            of.largest_slice = work.longest_slice;
        }
    }
}

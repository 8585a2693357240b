//! How each device spent the time from its first to its last recorded work.
//!
//! Compute is the union of everything on the device that is neither communication nor a copy (memsets and work
//! of unknown kind included); exposed communication is the time of collectives that no compute hides; exposed
//! copies the time of copies that neither hides; the rest is idle. So the four add up to the span, as in
//! TraceLens' `gpu_timeline`.
//!
//! Scope `all` takes all work of the device. Scope `linked` only that whose launch is in the trace: what was
//! launched before the recording began, or by calls that were not recorded, is left out.

use rustc_hash::FxHashMap;

use crate::base::{SliceId, Span, Union};
use crate::dialect::{Device, LaunchLink, Role, Vocabulary};
use crate::index::Index;

use crate::analyze::device::link_map::LinkMap;
use crate::analyze::merge::{Growing, Running, merge_tracks};
use crate::analyze::report::{DeviceTime, Engine, Engines, WorkKind};

/// What one walk over a device's work, in order of start, gives. Nothing but unions is held meanwhile.
pub struct DeviceWork {
    pub device: i64,
    pub rank: Option<String>,
    /// When at least one piece of work of any kind runs.
    pub busy: Union,
    /// When it computes, communicates, copies; these overlap.
    pub compute: Union,
    pub comm: Union,
    pub copy: Union,
    /// In every scope that the trace allows.
    pub times: Vec<DeviceTime>,
}

impl DeviceWork {
    /// When it computes or copies: what of its work is no communication.
    pub fn works(&self) -> Union {
        Union::of(self.compute.spans().iter().chain(self.copy.spans()).copied())
    }
}

/// All devices of a trace.
pub fn device_work(index: &Index, vocabulary: &Vocabulary) -> Vec<DeviceWork> {
    let launches = Launches::of(index, vocabulary);
    let devices = vocabulary.devices.iter();
    devices
        .map(|device| work_of(index, vocabulary, launches.as_ref(), device))
        .collect()
}

fn work_of(
    index: &Index,
    vocabulary: &Vocabulary,
    launches: Option<&Launches>,
    device: &Device,
) -> DeviceWork {
    let (mut all, mut linked) = (Scope::default(), Scope::default());
    let mut busy = Growing::default();
    let (mut compute, mut comm, mut copy) = (Growing::default(), Growing::default(), Growing::default());
    merge_tracks(index, &device.tracks, |_, id| {
        let role = vocabulary.role(id);
        if !role.is_device() {
            return;
        }
        let span = vocabulary.span(index, id);
        all.add(role, span);
        if launches.is_some_and(|l| l.has(id)) {
            linked.add(role, span);
        }
        busy.add(span);
        match WorkKind::of(role) {
            Some(WorkKind::Comm) => comm.add(span),
            Some(WorkKind::Copy) => copy.add(span),
            _ => compute.add(span),
        }
    });
    let rank = vocabulary.ranks.label(device.rank);
    let of_rank = |time: DeviceTime| DeviceTime {
        rank: rank.clone(),
        ..time
    };
    DeviceWork {
        device: device.device,
        rank: rank.clone(),
        busy: busy.union(),
        compute: compute.union(),
        comm: comm.union(),
        copy: copy.union(),
        times: [(all, "all"), (linked, "linked")]
            .into_iter()
            .filter_map(|(scope, name)| scope.time(device.device, name).map(of_rank))
            .collect(),
    }
}

/// How much work of each kind there is, added in order of start.
#[derive(Clone, Copy, Default)]
pub struct ByKind {
    compute: Running,
    /// Compute and communication.
    both: Running,
    /// All work.
    busy: Running,
}

impl ByKind {
    pub fn add(&mut self, role: Role, span: Span) {
        self.busy.add(span);
        let kind = WorkKind::of(role);
        if kind != Some(WorkKind::Copy) {
            self.both.add(span);
            if kind != Some(WorkKind::Comm) {
                self.compute.add(span);
            }
        }
    }

    /// At least one piece of work of any kind runs.
    pub fn busy_ns(&self) -> i64 {
        self.busy.total_ns
    }

    pub fn compute_ns(&self) -> i64 {
        self.compute.total_ns
    }

    /// Communication without compute beside it.
    pub fn comm_exposed_ns(&self) -> i64 {
        self.both.total_ns - self.compute.total_ns
    }

    /// Copies with neither beside them.
    pub fn copy_exposed_ns(&self) -> i64 {
        self.busy.total_ns - self.both.total_ns
    }
}

/// Work of one scope, added in order of start.
#[derive(Default)]
struct Scope {
    kinds: ByKind,
    extent: Option<Span>,
    by_engine: [Running; Engine::COUNT],
}

impl Scope {
    fn add(&mut self, role: Role, span: Span) {
        if span.is_empty() {
            return;
        }
        let extent = self.extent.get_or_insert(span);
        extent.end = extent.end.max(span.end);
        self.kinds.add(role, span);
        if let Some(engine) = Engine::of(role) {
            self.by_engine[engine as usize].add(span);
        }
    }

    /// Divides the time from the first start to the last end; `None` for no work.
    fn time(&self, device: i64, scope: &str) -> Option<DeviceTime> {
        let extent = self.extent?;
        Some(DeviceTime {
            device,
            rank: None,
            scope: scope.into(),
            span_ns: extent.len_ns(),
            busy_ns: self.kinds.busy_ns(),
            compute_ns: self.kinds.compute_ns(),
            comm_exposed_ns: self.kinds.comm_exposed_ns(),
            copy_exposed_ns: self.kinds.copy_exposed_ns(),
            idle_ns: extent.len_ns() - self.kinds.busy_ns(),
            engines: Engines::of(|engine| {
                Some(self.by_engine[engine as usize].total_ns).filter(|&ns| ns > 0)
            }),
            start_ns: extent.start,
            end_ns: extent.end,
        })
    }
}

/// The time of a device that did this.
#[cfg(test)]
pub fn time_of(mut work: Vec<(Role, Span)>) -> Option<DeviceTime> {
    work.sort_by_key(|&(_, span)| span.start);
    let mut scope = Scope::default();
    for (role, span) in work {
        scope.add(role, span);
    }
    scope.time(0, "")
}

/// The device work whose launch is in the trace: a bit a slice.
struct Launches(Vec<u64>);

impl Launches {
    /// `None` where nothing links device work to host calls.
    fn of(index: &Index, vocabulary: &Vocabulary) -> Option<Launches> {
        let column = match vocabulary.launch_link {
            LaunchLink::Recurring(key) => index.arg_column(key)?,
            _ => vocabulary.links(index)?,
        };
        let of = |device: bool| {
            let is_device = |id: SliceId| vocabulary.role(id).is_device();
            column.ints().filter(move |&(id, _)| is_device(id) == device)
        };
        let mut linked = vec![0; index.slices.len().div_ceil(64)];
        let mut set = |id: SliceId| linked[id.index() / 64] |= 1 << (id.index() % 64);
        if !matches!(vocabulary.launch_link, LaunchLink::Recurring(_)) {
            let mut known: LinkMap<bool> = LinkMap::for_links(of(false).map(|(_, link)| link));
            for (_, link) in of(false) {
                if let Some(known) = known.at(link) {
                    *known = true;
                }
            }
            of(true)
                .filter(|&(_, link)| known.get(link))
                .for_each(|(id, _)| set(id));
        } else {
            // Of each recurring number the earliest host call: the launch must start before the work.
            let start = |id: SliceId| index.slices.start(id).as_ns();
            let mut first: FxHashMap<i64, i64> = FxHashMap::default();
            for (id, link) in of(false) {
                let earliest = first.entry(link).or_insert(i64::MAX);
                *earliest = start(id).min(*earliest);
            }
            of(true)
                .filter(|(id, link)| first.get(link).is_some_and(|&launch| launch <= start(*id)))
                .for_each(|(id, _)| set(id));
        }
        Some(Launches(linked))
    }

    fn has(&self, work: SliceId) -> bool {
        self.0[work.index() / 64] >> (work.index() % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn work(role: Role, spans: &[(i64, i64)]) -> Vec<(Role, Span)> {
        let span = |&(start, dur): &(i64, i64)| (role, Span::new(start, start + dur));
        spans.iter().map(span).collect()
    }

    #[test]
    fn only_exposed_communication_and_copies_count() {
        let time = time_of(
            [
                work(Role::DeviceMatrix, &[(0, 10)]),
                work(Role::DeviceNic, &[(5, 10)]),
                work(Role::DeviceCopy, &[(12, 8), (30, 5)]),
            ]
            .concat(),
        )
        .unwrap();
        assert_eq!(
            (
                time.compute_ns,
                time.comm_exposed_ns,
                time.copy_exposed_ns,
                time.idle_ns
            ),
            (10, 5, 10, 10)
        );
        assert_eq!(
            (time.span_ns, time.busy_ns, time.start_ns, time.end_ns),
            (35, 25, 0, 35)
        );
        assert_eq!(
            (
                time.engines[Engine::Mme],
                time.engines[Engine::Nic],
                time.engines[Engine::Dma]
            ),
            (Some(10), Some(10), None)
        );
        assert!(time_of(vec![]).is_none());
    }

    proptest! {
        #[test]
        fn the_parts_are_those_of_unions(
            a in proptest::collection::vec((0i64..90, 0i64..20), 0..9),
            b in proptest::collection::vec((0i64..90, 0i64..20), 0..9),
            c in proptest::collection::vec((0i64..90, 0i64..20), 0..9),
        ) {
            let all = [
                work(Role::DeviceVector, &a),
                work(Role::DeviceComm, &b),
                work(Role::DeviceDma, &c),
            ];
            let union_ns = |n: usize| Union::of(all[..n].iter().flatten().map(|&(_, span)| span)).total_ns();
            if let Some(t) = time_of(all.concat()) {
                prop_assert_eq!(t.compute_ns + t.comm_exposed_ns + t.copy_exposed_ns + t.idle_ns, t.span_ns);
                prop_assert_eq!(t.compute_ns, union_ns(1));
                prop_assert_eq!(t.compute_ns + t.comm_exposed_ns, union_ns(2));
                prop_assert_eq!((t.busy_ns, t.busy_ns + t.idle_ns), (union_ns(3), t.span_ns));
            } else {
                prop_assert_eq!(union_ns(3), 0);
            }
        }
    }
}

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

use super::activity::Joined;
use super::report::{DeviceTime, Engines};

/// Device time in every scope that the trace allows, device by device.
pub fn device_time(index: &Index, vocabulary: &Vocabulary) -> Vec<DeviceTime> {
    let launches = Launches::of(index, vocabulary);
    let mut all = Vec::new();
    for device in &vocabulary.devices {
        all.extend(in_scope(index, vocabulary, device, "all", |_| true));
        if let Some(launches) = &launches {
            all.extend(in_scope(index, vocabulary, device, "linked", |id| {
                launches.has(id)
            }));
        }
    }
    all
}

fn in_scope(
    index: &Index,
    vocabulary: &Vocabulary,
    device: &Device,
    scope: &str,
    wanted: impl Fn(SliceId) -> bool,
) -> Option<DeviceTime> {
    let work = || {
        let rows = device.tracks.iter().flat_map(|&track| index.rows(track));
        rows.map(|id| (id, vocabulary.role(id)))
            .filter(|&(id, role)| role.is_device() && wanted(id))
            .map(|(id, role)| (role, index.slices.span(id)))
    };
    let union = |of: fn(Role) -> bool| Joined::of(work().filter(|&(role, _)| of(role)).map(|(_, span)| span));
    let comm = union(is_comm);
    let copy = union(is_copy);
    let compute = union(|role| !is_comm(role) && !is_copy(role));
    let engine = |of: fn(Role) -> bool| Some(union(of).total_ns()).filter(|&ns| ns > 0);
    Some(DeviceTime {
        device: device.device,
        scope: scope.into(),
        engines: Engines {
            mme: engine(|role| role == Role::DeviceMatrix),
            tpc: engine(|role| role == Role::DeviceVector),
            dma: engine(|role| role == Role::DeviceDma),
            nic: engine(|role| role == Role::DeviceNic),
            compute: engine(|role| role == Role::DeviceCompute),
        },
        ..divide(&compute, &comm, &copy)?
    })
}

fn is_comm(role: Role) -> bool {
    matches!(role, Role::DeviceComm | Role::DeviceNic)
}

fn is_copy(role: Role) -> bool {
    matches!(role, Role::DeviceCopy | Role::DeviceDma)
}

/// Divides the time from the first start to the last end; `None` for no work.
pub fn divide(compute: &Union, comm: &Union, copy: &Union) -> Option<DeviceTime> {
    let both = Union::of(compute.spans().iter().chain(comm.spans()).copied());
    let busy = Union::of(both.spans().iter().chain(copy.spans()).copied());
    let extent: Span = busy.extent()?;
    Some(DeviceTime {
        device: 0,
        scope: String::new(),
        span_ns: extent.len_ns(),
        busy_ns: busy.total_ns(),
        compute_ns: compute.total_ns(),
        comm_exposed_ns: both.total_ns() - compute.total_ns(),
        copy_exposed_ns: busy.total_ns() - both.total_ns(),
        idle_ns: extent.len_ns() - busy.total_ns(),
        engines: Engines::default(),
        start_ns: extent.start,
        end_ns: extent.end,
    })
}

/// The host calls that launched device work, by the number that links them.
pub struct Launches {
    /// A bit a slice: its launch is in the trace. Asked once for every piece of work and engine.
    linked: Vec<u64>,
}

impl Launches {
    /// `None` where nothing links device work to host calls.
    pub fn of(index: &Index, vocabulary: &Vocabulary) -> Option<Launches> {
        let (key, recurs) = match vocabulary.launch_link {
            LaunchLink::Correlation(key) => (key, false),
            LaunchLink::Recurring(key) => (key, true),
            LaunchLink::None => return None,
        };
        let column = index.arg_column(key)?;
        // Of each link number the earliest host call.
        let mut first: FxHashMap<i64, i64> = FxHashMap::default();
        for (id, value) in column.ints().filter(|&(id, _)| !vocabulary.role(id).is_device()) {
            let start = index.slices.start(id).as_ns();
            let earliest = first.entry(value).or_insert(start);
            *earliest = start.min(*earliest);
        }
        let mut linked = vec![0; index.slices.len().div_ceil(64)];
        for (id, value) in column.ints().filter(|&(id, _)| vocabulary.role(id).is_device()) {
            // Where link numbers recur, the launch must start before the work.
            let start = index.slices.start(id).as_ns();
            if first
                .get(&value)
                .is_some_and(|&launch| !recurs || launch <= start)
            {
                linked[id.index() / 64] |= 1 << (id.index() % 64);
            }
        }
        Some(Launches { linked })
    }

    /// Whether the launch of a piece of device work is in the trace.
    pub fn has(&self, work: SliceId) -> bool {
        self.linked[work.index() / 64] >> (work.index() % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn union(spans: &[(i64, i64)]) -> Union {
        Union::of(spans.iter().map(|&(start, dur)| Span::new(start, start + dur)))
    }

    #[test]
    fn only_exposed_communication_and_copies_count() {
        let time = divide(
            &union(&[(0, 10)]),
            &union(&[(5, 10)]),
            &union(&[(12, 8), (30, 5)]),
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
        assert!(divide(&union(&[]), &union(&[]), &union(&[])).is_none());
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_span(
            a in proptest::collection::vec((0i64..90, 0i64..20), 0..9),
            b in proptest::collection::vec((0i64..90, 0i64..20), 0..9),
            c in proptest::collection::vec((0i64..90, 0i64..20), 0..9),
        ) {
            if let Some(t) = divide(&union(&a), &union(&b), &union(&c)) {
                prop_assert_eq!(t.compute_ns + t.comm_exposed_ns + t.copy_exposed_ns + t.idle_ns, t.span_ns);
                prop_assert_eq!(t.busy_ns + t.idle_ns, t.span_ns);
                prop_assert!([t.compute_ns, t.comm_exposed_ns, t.copy_exposed_ns, t.idle_ns].iter().all(|&x| x >= 0));
            }
        }
    }
}

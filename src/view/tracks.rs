//! Which tracks the timeline has: by process and device, lanes of one engine together.

use std::borrow::Cow;
use std::cmp::Reverse;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::analyze::report::{Engine, device_name};
use crate::base::{NameId, SliceId, TrackId, order, show};
use crate::dialect::{Role, Vocabulary};
use crate::index::trace_columns::Process;
use crate::index::{Family, Index, Key};

use super::model::{GroupKind, MAX_TRACKS, TimelineTracks, TrackGroup, TrackHead, TrackKind};

/// Slices of a track that are looked at to tell what it is.
const LOOKED_AT: u32 = 1_000;

/// What tracks belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Owner {
    /// The engine: its steps, and the threads that drive it.
    Engine,
    /// Place in [`Vocabulary::devices`].
    Device(usize),
    Process(Key),
    Counters,
}

impl Owner {
    fn kind(self) -> GroupKind {
        match self {
            Owner::Engine => GroupKind::Engine,
            Owner::Device(_) => GroupKind::Device,
            Owner::Process(_) => GroupKind::Process,
            Owner::Counters => GroupKind::Counter,
        }
    }
}

/// A track with what decides its place.
struct Found {
    head: TrackHead,
    owner: Owner,
    among_main: usize,
    engine: Option<Engine>,
    sort: i64,
}

pub fn tracks(index: &Index, vocabulary: &Vocabulary) -> TimelineTracks {
    let processes: FxHashMap<Key, &Process> = index.processes.iter().rev().map(|p| (p.pid, p)).collect();
    let mut found = slice_tracks(index, vocabulary, &processes);
    found.extend(counters(index));
    let n_left_out = found.len().saturating_sub(MAX_TRACKS);
    if n_left_out > 0 {
        found.select_nth_unstable_by_key(MAX_TRACKS, |it| (Reverse(it.head.n_slices), it.head.id));
        found.truncate(MAX_TRACKS);
    }
    let groups = owners(&found);
    let place: FxHashMap<Owner, u32> = groups.iter().copied().zip(0..).collect();
    for it in &mut found {
        it.head.group = place.get(&it.owner).copied().unwrap_or_default();
    }
    order::sort_by_key(&mut found, |it| {
        let head = &it.head;
        let engine = it.engine.map_or(Engine::COUNT, |engine| engine as usize);
        (
            head.group,
            it.among_main,
            head.only_waits,
            head.kind,
            engine,
            it.sort,
            head.id,
        )
    });
    let first_row = u32::try_from(index.tracks.len() + index.counters.len()).unwrap_or(u32::MAX);
    TimelineTracks {
        extent: vocabulary.extent(index).unwrap_or_default(),
        groups: groups
            .into_iter()
            .map(|owner| group(index, vocabulary, &processes, owner))
            .collect(),
        tracks: with_rows_of_lanes(found, first_row),
        n_left_out: u32::try_from(n_left_out).unwrap_or(u32::MAX),
    }
}

/// All owners in order: what only waits comes last among processes, else what the most telling kind of track says.
fn owners(found: &[Found]) -> Vec<Owner> {
    let mut keys: FxHashMap<Owner, (bool, TrackKind, u32)> = FxHashMap::default();
    for it in found {
        let mine = (it.head.only_waits, it.head.kind, it.head.id);
        let key = keys.entry(it.owner).or_insert(mine);
        *key = (key.0 && mine.0, key.1.min(mine.1), key.2.min(mine.2));
    }
    let mut owners: Vec<(Owner, (bool, TrackKind, u32))> = keys.into_iter().collect();
    order::sort_by_key(&mut owners, |&(owner, key)| match owner {
        Owner::Device(_) => (owner.kind(), (false, TrackKind::Device, 0), Some(owner)),
        _ => (owner.kind(), key, None),
    });
    owners.into_iter().map(|(owner, _)| owner).collect()
}

fn group(
    index: &Index,
    vocabulary: &Vocabulary,
    processes: &FxHashMap<Key, &Process>,
    owner: Owner,
) -> TrackGroup {
    let title = match owner {
        Owner::Engine => "Engine".to_owned(),
        Owner::Counters => "Counters".to_owned(),
        Owner::Device(place) => {
            let device = vocabulary.devices.get(place);
            let rank = device.and_then(|device| vocabulary.ranks.label(device.rank));
            let name = device.map(|device| device_name(device.device, rank.as_deref()));
            format!("Device {}", name.unwrap_or_default())
        }
        Owner::Process(pid) => {
            let number = format!("pid {}", pid.show(&index.names));
            let process = processes.get(&pid);
            match process
                .and_then(|p| p.name.or(p.labels))
                .map(|name| show::clipped(index.text(name)))
            {
                Some(name) if !name.is_empty() => format!("{name}, {number}"),
                _ => number,
            }
        }
    };
    TrackGroup {
        kind: owner.kind(),
        title,
    }
}

/// Puts a row before the lanes of each engine of a device that has several. Numbers of rows begin at `first_row`.
fn with_rows_of_lanes(found: Vec<Found>, first_row: u32) -> Vec<TrackHead> {
    let mut heads = Vec::with_capacity(found.len());
    let mut row = first_row;
    let together = |a: &Found, b: &Found| {
        a.owner == b.owner && a.engine.is_some() && a.engine == b.engine && a.among_main == b.among_main
    };
    for lanes in found.chunk_by(together) {
        let [first, .., last] = lanes else {
            heads.extend(lanes.iter().map(|it| it.head.clone()));
            continue;
        };
        let engine = first.engine.map_or("", Engine::word);
        let n_slices = lanes
            .iter()
            .fold(0u32, |n, it| n.saturating_add(it.head.n_slices));
        heads.push(TrackHead {
            id: row,
            title: format!("{engine}, {} lanes", show::count(lanes.len() as u64)),
            subtitle: format!("{} to {}", first.head.title, last.head.title),
            n_depths: 1,
            n_slices,
            lanes: lanes.iter().map(|it| it.head.id).collect(),
            ..first.head.clone()
        });
        heads.extend(lanes.iter().map(|it| TrackHead {
            lane_of: Some(row),
            ..it.head.clone()
        }));
        row = row.saturating_add(1);
    }
    heads
}

/// Tracks that have slices.
fn slice_tracks(index: &Index, vocabulary: &Vocabulary, processes: &FxHashMap<Key, &Process>) -> Vec<Found> {
    let mut found = Vec::new();
    // Looked up: a trace may have a million tracks and processes.
    let on_device: FxHashMap<TrackId, usize> = (0..)
        .zip(&vocabulary.devices)
        .flat_map(|(place, device)| device.tracks.iter().map(move |&track| (track, place)))
        .collect();
    let main_ids: FxHashSet<TrackId> = vocabulary.main_threads.iter().copied().collect();
    // Of a thread that drives the engine, python frames are a track of their own.
    let main: FxHashMap<(Key, Key), usize> = vocabulary
        .main_threads
        .iter()
        .map(|&id| (index.track(id).pid, index.track(id).tid))
        .zip(0..)
        .collect();
    // A long name of a process would be in the head of each of its threads.
    let text = |name: NameId| show::clipped(index.text(name));
    for id in index.track_ids() {
        let track = index.track(id);
        if track.rows.is_empty() {
            continue;
        }
        let kind = kind_of(
            index,
            vocabulary,
            id,
            on_device.contains_key(&id),
            main_ids.contains(&id),
        );
        let drives = main
            .get(&(track.pid, track.tid))
            .filter(|_| track.family != Family::Asynchronous);
        let owner = match (on_device.get(&id), drives) {
            _ if kind == TrackKind::Steps => Owner::Engine,
            (Some(&device), _) => Owner::Device(device),
            (None, Some(_)) if kind != TrackKind::Device => Owner::Engine,
            _ => Owner::Process(track.pid),
        };
        let among_main = match (kind, drives) {
            (TrackKind::Steps, _) => 0,
            (_, Some(place)) if owner == Owner::Engine => place + 1,
            _ => usize::MAX,
        };
        let process = processes.get(&track.pid);
        let process_name = process.and_then(|p| p.name.or(p.labels)).map(text);
        let thread_name = track.name.map(text).filter(|n| !n.is_empty());
        let numbers = format!(
            "pid {}, {} {}",
            track.pid.show(&index.names),
            match track.family {
                Family::Asynchronous => "asynchronous:",
                Family::Main | Family::Python => "tid",
            },
            track.tid.show(&index.names)
        );
        let title = match (kind, thread_name, &process_name) {
            (TrackKind::Steps, ..) => "Engine steps".to_owned(),
            (TrackKind::Python, name, _) => {
                format!(
                    "Python: {}",
                    name.map_or_else(|| numbers.clone(), Cow::into_owned)
                )
            }
            (_, Some(name), _) => name.into_owned(),
            (_, None, Some(process)) => format!("{process} {}", track.tid.show(&index.names)),
            (_, None, None) => numbers.clone(),
        };
        let subtitle = match process_name {
            Some(process) => format!("{process}, {numbers}"),
            None => numbers,
        };
        let head = TrackHead {
            id: id.0,
            kind,
            title,
            subtitle,
            n_depths: track.n_depths,
            n_slices: track.rows.end - track.rows.start,
            min: None,
            max: None,
            group: 0,
            only_waits: owner != Owner::Engine && only_waits(index, vocabulary, id),
            lanes: Vec::new(),
            lane_of: None,
        };
        let sort = track.sort_index.or(match track.tid {
            Key::Int(n) => Some(n),
            Key::Text(_) => None,
        });
        found.push(Found {
            head,
            owner,
            among_main,
            engine: (kind == TrackKind::Device)
                .then(|| engine_of(index, vocabulary, id))
                .flatten(),
            sort: sort.unwrap_or(i64::MAX),
        });
    }
    found
}

fn counters(index: &Index) -> impl Iterator<Item = Found> + '_ {
    let counters = index.counters.iter().enumerate();
    counters.map(move |(i, series)| {
        let id = u32::try_from(index.tracks.len() + i).unwrap_or(u32::MAX);
        let range = series
            .value
            .iter()
            .copied()
            .fold(None, |range: Option<(f64, f64)>, v| {
                Some(range.map_or((v, v), |(a, b)| (a.min(v), b.max(v))))
            });
        let head = TrackHead {
            id,
            kind: TrackKind::Counter,
            title: show_text(index, series.key).into_owned(),
            subtitle: format!(
                "counter {}{}, pid {}, {} samples",
                show_text(index, series.name),
                series
                    .id
                    .map_or_else(String::new, |id| format!(" [{}]", id.show(&index.names))),
                series.pid.show(&index.names),
                series.ts.len()
            ),
            n_depths: 1,
            n_slices: 0,
            min: range.map(|r| r.0),
            max: range.map(|r| r.1),
            group: 0,
            only_waits: false,
            lanes: Vec::new(),
            lane_of: None,
        };
        Found {
            head,
            owner: Owner::Counters,
            among_main: 0,
            engine: None,
            sort: 0,
        }
    })
}

fn show_text(index: &Index, name: NameId) -> Cow<'_, str> {
    show::clipped(index.text(name))
}

/// Rows of a track, at most about [`LOOKED_AT`] of them, evenly spread.
fn sampled(index: &Index, id: TrackId) -> impl Iterator<Item = u32> + use<> {
    let rows = index.track(id).rows.clone();
    let stride = ((rows.end - rows.start) / LOOKED_AT).max(1);
    rows.step_by(stride as usize)
}

/// Whether the slices of a track that hold no others are waits, but for a hundredth of their time.
fn only_waits(index: &Index, vocabulary: &Vocabulary, id: TrackId) -> bool {
    let end = index.track(id).rows.end;
    let (mut waits_ns, mut all_ns) = (0i64, 0i64);
    for row in sampled(index, id) {
        let holds_next = row + 1 < end && index.slices.parent(SliceId(row + 1)) == Some(SliceId(row));
        if holds_next {
            continue;
        }
        let dur_ns = index.slices.dur(SliceId(row)).as_ns();
        all_ns = all_ns.saturating_add(dur_ns);
        if vocabulary.role(SliceId(row)) == Role::Wait {
            waits_ns = waits_ns.saturating_add(dur_ns);
        }
    }
    all_ns > 0 && waits_ns >= all_ns - all_ns / 100
}

/// The engine of which a track is a lane: of all its slices the same, on a device that records its engines apart.
fn engine_of(index: &Index, vocabulary: &Vocabulary, id: TrackId) -> Option<Engine> {
    let mut engines = sampled(index, id).map(|row| Engine::of(vocabulary.role(SliceId(row))));
    let first = engines.next()??;
    (first != Engine::Compute && engines.all(|engine| engine == Some(first))).then_some(first)
}

fn kind_of(index: &Index, vocabulary: &Vocabulary, id: TrackId, on_device: bool, is_main: bool) -> TrackKind {
    let track = index.track(id);
    if vocabulary.step_track == Some(id) {
        return TrackKind::Steps;
    }
    if track.family == Family::Python {
        return TrackKind::Python;
    }
    if on_device {
        return TrackKind::Device;
    }
    let (mut launches, mut host) = (0, 0);
    for row in sampled(index, id) {
        match vocabulary.role(SliceId(row)) {
            Role::Launch | Role::Submit => launches += 1,
            Role::HostOp
            | Role::HostOther
            | Role::Pass
            | Role::Wait
            | Role::Collective
            | Role::Forward
            | Role::CompileDynamo => host += 1,
            role if role.is_device() => return TrackKind::Device,
            _ => {}
        }
    }
    if launches > host {
        TrackKind::Launch
    } else if host > 0 || is_main {
        TrackKind::Host
    } else {
        TrackKind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::open_bytes;

    #[test]
    fn of_very_many_tracks_the_fullest_are_given_in_their_order() {
        let event = |i: usize| {
            let tid = i % (MAX_TRACKS + 50);
            format!(r#"{{"ph":"X","name":"n","pid":1,"tid":{tid},"ts":{i},"dur":1}}"#)
        };
        // The first tracks have two slices, the last ones have one.
        let events: Vec<String> = (0..2 * MAX_TRACKS).map(event).collect();
        let trace = open_bytes("t", format!("[{}]", events.join(",")).as_bytes()).unwrap();
        let got = tracks(&trace.index, &trace.vocabulary);
        assert_eq!((got.tracks.len(), got.n_left_out), (MAX_TRACKS, 50));
        let ids: Vec<u32> = got.tracks.iter().map(|t| t.id).collect();
        assert!(ids.is_sorted());
        let one = got.tracks.iter().filter(|t| t.n_slices == 1).count();
        assert_eq!(one, 50, "of 100 tracks with one slice");
    }

    /// A thread with an operator and python frames, one that waits, two lanes of the vector engine and one of the
    /// matrix engine of a device, and a counter.
    const DEVICE: &str = r#"{"deviceProperties":[{"id":0,"name":"HPU"}],"traceEvents":[
        {"ph":"M","name":"process_name","pid":0,"args":{"name":"/device:HPU:0"}},
        {"ph":"M","name":"thread_name","pid":0,"tid":7006,"args":{"name":"[HD0] TPC 0"}},
        {"ph":"M","name":"thread_name","pid":0,"tid":7007,"args":{"name":"[HD0] TPC 1"}},
        {"ph":"M","name":"thread_name","pid":0,"tid":6004,"args":{"name":"[HD0] MME"}},
        {"ph":"X","cat":"kernel","name":"add","pid":0,"tid":7006,"ts":10,"dur":5},
        {"ph":"X","cat":"kernel","name":"add","pid":0,"tid":7007,"ts":11,"dur":5},
        {"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":6004,"ts":20,"dur":5},
        {"ph":"X","cat":"cpu_op","name":"aten::add","pid":9,"tid":9,"ts":1,"dur":5},
        {"ph":"C","name":"queue","pid":9,"ts":1,"args":{"n":3}}]}"#;

    #[test]
    fn lanes_of_one_engine_follow_the_row_that_stands_for_them() {
        let trace = open_bytes("t", DEVICE.as_bytes()).unwrap();
        let got = tracks(&trace.index, &trace.vocabulary);
        let shown = |head: &TrackHead| {
            let group = got.groups[head.group as usize].title.clone();
            (
                group,
                head.title.clone(),
                head.lanes.len(),
                head.lane_of.is_some(),
            )
        };
        let got: Vec<_> = got.tracks.iter().map(shown).collect();
        let line = |group: &str, title: &str, n: usize, is_lane: bool| {
            (group.to_owned(), title.to_owned(), n, is_lane)
        };
        let expected = [
            line("Device 0", "[HD0] MME", 0, false),
            line("Device 0", "TPC, 2 lanes", 2, false),
            line("Device 0", "[HD0] TPC 0", 0, true),
            line("Device 0", "[HD0] TPC 1", 0, true),
            line("Counters", "n", 0, false),
        ];
        let without_host: Vec<_> = got.iter().filter(|it| !it.1.contains('9')).cloned().collect();
        assert_eq!(without_host, expected);
        assert_eq!(got.len(), 6, "{got:?}");
    }

    /// A thread that launches, one that waits but for 5 of 905 µs, and one that waits for 900 of 1000 µs.
    const THREADS: &str = r#"{"deviceProperties":[{"id":0,"name":"NVIDIA"}],"traceEvents":[
        {"ph":"X","cat":"cpu_op","name":"aten::add","pid":9,"tid":1,"ts":1,"dur":50},
        {"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":9,"tid":1,"ts":2,"dur":5},
        {"ph":"X","cat":"cuda_runtime","name":"cudaDeviceSynchronize","pid":9,"tid":2,"ts":1,"dur":900},
        {"ph":"X","cat":"cpu_op","name":"aten::mul","pid":9,"tid":2,"ts":902,"dur":5},
        {"ph":"X","cat":"cuda_runtime","name":"cudaDeviceSynchronize","pid":9,"tid":3,"ts":1,"dur":900},
        {"ph":"X","cat":"cpu_op","name":"aten::mul","pid":9,"tid":3,"ts":902,"dur":100}]}"#;

    #[test]
    fn threads_that_only_wait_are_known_and_last() {
        let trace = open_bytes("t", THREADS.as_bytes()).unwrap();
        let (index, vocabulary) = (&trace.index, &trace.vocabulary);
        let waits: Vec<bool> = index
            .track_ids()
            .map(|id| only_waits(index, vocabulary, id))
            .collect();
        assert_eq!(waits, [false, true, false]);
        let got = tracks(index, vocabulary);
        let last = got.tracks.iter().filter(|head| head.only_waits).count();
        assert!(got.tracks.iter().rev().take(last).all(|head| head.only_waits));
    }
}

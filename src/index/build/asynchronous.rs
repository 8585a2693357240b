//! Asynchronous events (`b n e`, and the older `S T p F`): slices that belong to no thread.
//!
//! Those of one process (or of none: `id2.global`), category, id and scope are one line of events, within which begins
//! and ends are matched like a thread's. Lines of a process and category share as few tracks as they can without
//! lying on top of one another: writers number each of a million operations anew (NCCL's profiler plugin).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::Builder;
use crate::base::{CategoryId, NameId, Names};
use crate::index::trace_columns::{Family, Key};
use crate::ingest::event::args;
use crate::ingest::{Event, Field, Phase, Scalar};

/// In place of a track: the other bits are the number of a line.
const ASYNCHRONOUS: u32 = 1 << 31;
/// More tracks than these has no process and category; what is left over shares the last one.
const MAX_TRACKS: usize = 256;
/// A line with its key, and its place in the hash table.
const LINE_BYTES: u64 = 64;

pub fn is_asynchronous(track: u32) -> bool {
    track & ASYNCHRONOUS != 0
}

/// What events that belong together have in common, beside their category and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    Missing,
    /// `id`.
    Plain(Key),
    /// `id2.local`: within a process.
    Local(Key),
    /// `id2.global`.
    Global(Key),
}

impl Identity {
    /// `key` makes a key of a value.
    pub fn of(event: &Event<'_>, mut key: impl FnMut(Scalar<'_>) -> Option<Key>) -> Option<Identity> {
        if !event.has_uncommon() {
            return match event.id() {
                Scalar::Missing | Scalar::Null => Some(Identity::Missing),
                id => key(id).map(Identity::Plain),
            };
        }
        if let Scalar::Nested(id2) = event.uncommon(Field::Id2) {
            for (name, value, _) in args(id2) {
                match name.raw {
                    b"local" => return key(value).map(Identity::Local),
                    b"global" => return key(value).map(Identity::Global),
                    _ => {}
                }
            }
        }
        match event.id() {
            Scalar::Missing | Scalar::Null => match event.uncommon(Field::Id2) {
                // Some writers take id2 for another id.
                id2 @ (Scalar::Bare(_) | Scalar::Text(_)) => key(id2).map(Identity::Plain),
                _ => Some(Identity::Missing),
            },
            id => key(id).map(Identity::Plain),
        }
    }
}

/// A process and a category.
type Group = (Key, u16);

#[derive(Clone, Default)]
pub struct Lines {
    by_key: FxHashMap<(Option<Key>, u16, Identity, NameId), u32>,
    /// By number.
    groups: Vec<Group>,
}

impl Lines {
    pub fn bytes(&self) -> u64 {
        self.groups.len() as u64 * LINE_BYTES
    }
}

/// A stretch of a line in which something is open, or an instant of it.
struct Stretch {
    group: Group,
    start: i64,
    end: i64,
    /// In the order of lines and time.
    rows: std::ops::Range<usize>,
}

impl Builder {
    /// What stands for the line of an event until the tracks are known. `None`: there are 2^31 lines.
    pub(super) fn asynchronous_track(&mut self, event: &Event<'_>, category: u16) -> Option<u32> {
        let pid = self.key(event.pid(), event.at);
        let identity = Identity::of(event, |id| Some(self.identity_key(id, event.at)))?;
        let scope = match event.has_uncommon() {
            true => self.name(event.uncommon(Field::Scope), event.at),
            false => Names::EMPTY,
        };
        let process = (!matches!(identity, Identity::Global(_))).then_some(pid);
        let next = u32::try_from(self.lines.groups.len()).ok()?;
        if next >= ASYNCHRONOUS {
            return None;
        }
        let key = (process, category, identity, scope);
        let line = *self.lines.by_key.entry(key).or_insert(next);
        if line == next {
            self.lines.groups.push((pid, category));
        }
        Some(line | ASYNCHRONOUS)
    }

    /// The key of an identity: `"0x10"`, `16` and `"16"` are one.
    pub(super) fn identity_key(&mut self, id: Scalar<'_>, at: u64) -> Key {
        match id.identity_number() {
            Some(n) => Key::Int(n),
            None => Key::Text(self.name(id, at)),
        }
    }

    /// A step of the older kind has a name of its own, in its args.
    pub(super) fn asynchronous_name(&mut self, event: &Event<'_>) -> NameId {
        let name = self.name_of(event);
        if event.phase() != Phase::AsyncInstant {
            return name;
        }
        let step = args(event.args()).find(|(key, ..)| key.raw == b"step");
        let Some((_, step @ Scalar::Text(_), _)) = step else {
            return name;
        };
        let step = self.name(step, event.at);
        let text = format!("{}: {}", self.names.get(name), self.names.get(step));
        self.names.intern(&text)
    }

    /// Puts the slices of all lines on tracks.
    pub(super) fn place_asynchronous(&mut self) {
        let tracks = (0u32..).zip(self.rows.track.iter());
        let mut rows: Vec<(u32, u32)> = tracks
            .filter(|&(_, track)| is_asynchronous(track))
            .map(|(row, track)| (track, row))
            .collect();
        if rows.is_empty() {
            return;
        }
        let span = |row: u32| {
            let start = self.rows.start.get(row as usize);
            (start, start.saturating_add(self.rows.dur.get(row as usize)))
        };
        rows.sort_unstable_by_key(|&(track, row)| {
            let (start, end) = span(row);
            (track, start, Reverse(end), row)
        });
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut last_line = None;
        for (i, &(track, row)) in rows.iter().enumerate() {
            let (start, end) = span(row);
            match stretches.last_mut() {
                Some(open) if last_line == Some(track) && (start < open.end || start == open.start) => {
                    open.end = open.end.max(end);
                    open.rows.end = i + 1;
                }
                _ => stretches.push(Stretch {
                    group: self.lines.groups[(track & !ASYNCHRONOUS) as usize],
                    start,
                    end,
                    rows: i..i + 1,
                }),
            }
            last_line = Some(track);
        }
        stretches.sort_by_key(|s| (s.group, s.start));
        let mut track_of: FxHashMap<u32, u32> = FxHashMap::default();
        for group in stretches.chunk_by(|a, b| a.group == b.group) {
            let mut tracks: Vec<u32> = Vec::new();
            let mut busy: BinaryHeap<Reverse<(i64, u32)>> = BinaryHeap::new();
            let mut free: BinaryHeap<Reverse<u32>> = BinaryHeap::new();
            for stretch in group {
                while let Some(&Reverse((end, track))) = busy.peek()
                    && end <= stretch.start
                {
                    busy.pop();
                    free.push(Reverse(track));
                }
                let track = match free.pop() {
                    Some(Reverse(track)) => track,
                    None if tracks.len() < MAX_TRACKS => {
                        let track = self.new_asynchronous_track(stretch.group, tracks.len());
                        tracks.push(track);
                        track
                    }
                    None => tracks[MAX_TRACKS - 1],
                };
                if tracks.len() < MAX_TRACKS || track != tracks[MAX_TRACKS - 1] {
                    busy.push(Reverse((stretch.end, track)));
                }
                track_of.extend(rows[stretch.rows.clone()].iter().map(|&(_, row)| (row, track)));
            }
        }
        let tracks = (0u32..).zip(self.rows.track.iter());
        self.rows.track = tracks
            .map(|(row, track)| track_of.get(&row).copied().unwrap_or(track))
            .collect();
    }

    fn new_asynchronous_track(&mut self, (pid, category): Group, before: usize) -> u32 {
        let name = match self.category_text(CategoryId(category)) {
            "" => "asynchronous".to_owned(),
            category => category.to_owned(),
        };
        let name = match before {
            0 => name,
            _ => format!("{name} ({})", before + 1),
        };
        let tid = Key::Text(self.names.intern(&name));
        let track = u32::try_from(self.tracks.list.len()).unwrap_or(u32::MAX);
        self.tracks.list.push((pid, tid, Family::Asynchronous));
        track
    }
}

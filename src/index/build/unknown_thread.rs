//! Python frames of threads that the tracer does not know. torch writes them all under tid 0, and each frame with its
//! number and that of the frame that called it.
//!
//! Frames that call one another are of one thread, and of a thread two first frames are never open at a time. Of
//! frames that were open when recording began, torch takes the first of a thread as called by the last of the thread
//! before: where python starts a thread, a thread starts, whatever is recorded.

use rustc_hash::FxHashMap;

use super::Builder;
use crate::base::NameId;
use crate::index::column::Column;
use crate::index::nest::NEST_SLACK;
use crate::index::trace_columns::{Family, Key};
use crate::ingest::event::args;
use crate::ingest::{Event, Scalar};

const ID: &[u8] = b"Python id";
const PARENT: &[u8] = b"Python parent id";
/// More threads than these are not told apart.
const MAX_THREADS: usize = 64;
/// So many callers up it is asked whose thread is known: a caller may come behind what it called, where clocks
/// disagree.
const MAX_CALLERS: usize = 16;

/// Who called a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Caller {
    /// Nobody: it is the first of its thread.
    Nobody,
    Frame(i64),
    #[default]
    NotRecorded,
}

/// Frames under tid 0, in the order of the file.
#[derive(Clone, Default)]
pub struct UnknownFrames {
    row: Column<u32>,
    id: Column<Option<i64>>,
    caller: Column<Caller>,
}

/// About so many bytes a frame.
const FRAME_BYTES: u64 = 36;
/// As it is put to its thread, with its place by number.
const FINISHING_BYTES: u64 = 150;

impl UnknownFrames {
    pub fn bytes(&self) -> u64 {
        self.row.len() as u64 * FRAME_BYTES
    }

    /// What telling threads apart takes on top.
    pub fn finishing_bytes(&self) -> u64 {
        self.row.len() as u64 * FINISHING_BYTES
    }

    /// Keeps those of these rows, ascending; `rows[i]` becomes row `i`.
    pub fn keep_rows(&mut self, rows: &[u32]) {
        let mut kept = UnknownFrames::default();
        for (i, row) in self.row.iter().enumerate() {
            if let Ok(place) = rows.binary_search(&row) {
                kept.row.push(u32::try_from(place).unwrap_or(u32::MAX));
                kept.id.push(self.id.get(i));
                kept.caller.push(self.caller.get(i));
            }
        }
        *self = kept;
    }

    fn push(&mut self, row: u32, event: &Event<'_>) {
        let (mut id, mut caller) = (None, Caller::NotRecorded);
        for (key, value, _) in args(event.args()) {
            if key.raw.eq_ignore_ascii_case(ID) {
                id = value.id();
            } else if key.raw.eq_ignore_ascii_case(PARENT) {
                caller = match value {
                    Scalar::Missing => Caller::NotRecorded,
                    value => value.id().map_or(Caller::Nobody, Caller::Frame),
                };
            }
        }
        self.row.push(row);
        self.id.push(id);
        self.caller.push(caller);
    }
}

/// A frame as it is put to its thread.
#[derive(Clone, Copy)]
struct Frame {
    row: u32,
    start: i64,
    end: i64,
    id: Option<i64>,
    caller: Caller,
    is_start: bool,
}

/// What is open on a thread, outermost first, by ends.
#[derive(Default)]
struct Thread {
    open: Vec<(i64, i64)>,
}

impl Thread {
    fn close_before(&mut self, start: i64) {
        while let Some(&(_, end)) = self.open.last()
            && end <= start.saturating_add(NEST_SLACK)
        {
            self.open.pop();
        }
    }

    fn encloses(&self, end: i64) -> bool {
        let innermost = self.open.last();
        innermost.is_some_and(|&(_, open)| end <= open.saturating_add(NEST_SLACK))
    }
}

impl Builder {
    /// Notes a frame of a thread that the tracer does not know.
    pub(super) fn note_frame(&mut self, row: u32, track: u32, event: &Event<'_>) {
        let (_, tid, family) = self.tracks.list[track as usize];
        let is_unknown = match tid {
            Key::Int(tid) => tid == 0,
            Key::Text(name) => self.names.get(name) == "0",
        };
        if family == Family::Python && is_unknown {
            self.unknown_frames.push(row, event);
        }
    }

    /// Gives each of these threads a track of its own.
    pub(super) fn tell_threads_apart(&mut self) {
        let noted = std::mem::take(&mut self.unknown_frames);
        let mut by_track: FxHashMap<u32, Vec<Frame>> = FxHashMap::default();
        let mut starts: FxHashMap<u32, bool> = FxHashMap::default();
        for (i, row) in noted.row.iter().enumerate() {
            let at = row as usize;
            let name = self.rows.name.get(at);
            let is_start = *starts
                .entry(name)
                .or_insert_with(|| starts_a_thread(self.names.get(NameId(name))));
            let start = self.rows.start.get(at);
            by_track.entry(self.rows.track.get(at)).or_default().push(Frame {
                row,
                start,
                end: start.saturating_add(self.rows.dur.get(at)),
                id: noted.id.get(i),
                caller: noted.caller.get(i),
                is_start,
            });
        }
        let mut tracks: Vec<u32> = by_track.keys().copied().collect();
        tracks.sort_unstable();
        let mut moved: FxHashMap<u32, u32> = FxHashMap::default();
        for track in tracks {
            let Some(frames) = by_track.remove(&track) else {
                continue;
            };
            let of = threads(frames);
            let n_threads = of.iter().map(|&(_, thread)| thread + 1).max().unwrap_or(0);
            if n_threads < 2 {
                continue;
            }
            let own = self.own_tracks(track, n_threads);
            moved.extend(of.into_iter().map(|(row, thread)| (row, own[thread])));
        }
        if moved.is_empty() {
            return;
        }
        let rows = (0u32..).zip(self.rows.track.iter());
        self.rows.track = rows
            .map(|(row, track)| moved.get(&row).copied().unwrap_or(track))
            .collect();
    }

    /// The first keeps the track; all have numbers in their names.
    fn own_tracks(&mut self, track: u32, n_threads: usize) -> Vec<u32> {
        let (pid, tid, family) = self.tracks.list[track as usize];
        let shown = tid.show(&self.names);
        let meta = self.tracks.threads.get(&(pid, tid)).cloned().unwrap_or_default();
        let name = meta.name.map(|name| self.names.get(name).to_owned());
        let mut own = Vec::with_capacity(n_threads);
        for n in 1..=n_threads {
            let tid = Key::Text(self.names.intern(&format!("{shown} ({n})")));
            let numbered = name
                .as_ref()
                .map(|name| self.names.intern(&format!("{name} ({n})")));
            let of_thread = self.tracks.threads.entry((pid, tid)).or_default();
            of_thread.name = numbered;
            of_thread.sort_index = meta.sort_index;
            let key = (pid, tid, family);
            if n == 1 {
                self.tracks.list[track as usize] = key;
                own.push(track);
            } else {
                own.push(u32::try_from(self.tracks.list.len()).unwrap_or(u32::MAX));
                self.tracks.list.push(key);
            }
        }
        own
    }
}

/// `threading.py(1002): _bootstrap`: the outermost frame of every thread that python starts.
fn starts_a_thread(name: &str) -> bool {
    let Some((file, function)) = name.rsplit_once("): ") else {
        return false;
    };
    let path = file.rsplit_once('(').map_or(file, |(path, _)| path);
    function == "_bootstrap" && path.rsplit(['/', '\\']).next() == Some("threading.py")
}

/// Each row with the number of its thread.
fn threads(mut frames: Vec<Frame>) -> Vec<(u32, usize)> {
    let n_starts = frames.iter().filter(|f| f.is_start).count();
    if n_starts < 2 && frames.iter().all(|f| f.caller == Caller::NotRecorded) {
        return Vec::new();
    }
    frames.sort_by_key(|f| (f.start, std::cmp::Reverse(f.end), f.id));
    let caller_of: FxHashMap<i64, Caller> = frames
        .iter()
        .filter_map(|f| Some((f.id?, if f.is_start { Caller::Nobody } else { f.caller })))
        .collect();
    let mut threads: Vec<Thread> = Vec::new();
    let mut by_id: FxHashMap<i64, usize> = FxHashMap::default();
    // Callers that are not in the trace: what they called is of one thread.
    let mut by_caller: FxHashMap<i64, usize> = FxHashMap::default();
    let mut of: Vec<(u32, usize)> = Vec::with_capacity(frames.len());
    for frame in frames {
        for thread in &mut threads {
            thread.close_before(frame.start);
        }
        let first = if frame.is_start {
            Caller::Nobody
        } else {
            frame.caller
        };
        let callers = std::iter::successors(Some(first), |caller| match caller {
            Caller::Frame(id) => caller_of.get(id).copied(),
            _ => None,
        });
        let recorded = callers.take(MAX_CALLERS).find_map(|caller| match caller {
            Caller::Frame(id) => by_id.get(&id).or_else(|| by_caller.get(&id)).copied(),
            _ => None,
        });
        let is_child = !frame.is_start && frame.caller == Caller::NotRecorded;
        let enclosing = || {
            let fits = threads.iter().enumerate().filter(|(_, t)| t.encloses(frame.end));
            let latest = fits.max_by_key(|(_, t)| t.open.last().map(|&(start, _)| start));
            latest.map(|(i, _)| i)
        };
        let free = || threads.iter().position(|t| t.open.is_empty());
        let thread = recorded
            .or_else(|| is_child.then(enclosing).flatten())
            .or_else(free)
            .unwrap_or_else(|| {
                if threads.len() < MAX_THREADS {
                    threads.push(Thread::default());
                }
                threads.len() - 1
            });
        threads[thread].open.push((frame.start, frame.end));
        if let Some(id) = frame.id {
            by_id.insert(id, thread);
        }
        if let Caller::Frame(id) = frame.caller
            && !frame.is_start
            && !caller_of.contains_key(&id)
        {
            by_caller.insert(id, thread);
        }
        of.push((frame.row, thread));
    }
    of
}

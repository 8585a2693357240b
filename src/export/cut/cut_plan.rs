//! What of a trace is kept, decided from the columns before the text is read again.
//!
//! An event that stands for itself (`X`, instants, samples) is judged by what it says. What belongs together is
//! decided here: begins and ends go as pairs, arrows as wholes, metadata with what it names.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{CategoryId, NameId, Names, SliceId, Span, TrackId};
use crate::dialect::OWN_CATEGORY;
use crate::index::select::is_in;
use crate::index::{Family, FlowKind, Identity, Index, Key, PYTHON, counter_sample, flow_id};
use crate::ingest::event::{Raw, args, elements};
use crate::ingest::{Event, Field, Phase, Scalar};

/// What is asked for. The default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Slices that overlap it stay whole; everything else is kept if its time lies in it. ns on the trace's clock.
    pub window: Option<Span>,
    /// Tracks by number, counters numbered after them; empty: all.
    pub tracks: Vec<u32>,
    /// Only events of these categories; empty: all. Metadata has none, and stays with what it names.
    pub only: Vec<String>,
    /// No events of these categories; `""` for events without one.
    pub left_out: Vec<String>,
}

impl Wanted {
    fn is_everything(&self) -> bool {
        *self == Wanted::default()
    }

    fn has_category(&self, category: &str) -> bool {
        let among = |list: &[String]| list.iter().any(|c| c == category);
        (self.only.is_empty() || among(&self.only)) && !among(&self.left_out)
    }
}

/// Why an event is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its time lies outside of the window, or is not stated.
    Time,
    Category,
    Track,
    /// An arrow, one end of which is not kept.
    Arrow,
    /// An end without a begin.
    NoBegin,
    /// It names or sorts what is not kept.
    Metadata,
    /// Of tracks that an earlier cut-out brought along, which are written anew.
    Own,
}

/// Arrows with one category and id, as far as both ends are kept, and the times of the first and the last event.
struct Chain {
    category: u16,
    id: u64,
    span: Span,
}

/// See the module.
pub struct Plan {
    wanted: Wanted,
    /// Tracks of an earlier cut-out go.
    renew_own: bool,
    /// Processes of such tracks.
    pub old_own: FxHashSet<Key>,
    /// Of a part of a process, the process as the text calls it.
    parts_of: FxHashMap<Key, Key>,
    tracks: FxHashMap<(Key, Key, Family), u32>,
    /// By the number of the track, then of the counter.
    selected: Vec<bool>,
    /// Where the begins and ends stand that are kept, ascending.
    pair_at: Vec<u64>,
    threads: FxHashSet<(Key, Key)>,
    processes: FxHashSet<Key>,
    /// Processes of which the index holds a row.
    known: FxHashSet<Key>,
    /// The trace has events that the index does not draw, so a process without a row may have some.
    has_undrawn: bool,
    categories: FxHashMap<NameId, u16>,
    /// Places (track, time) at which an arrow may begin or end, ascending.
    anchors: Vec<(u32, i64)>,
    chains: Vec<Chain>,
    counters: FxHashMap<(Key, Option<Key>, NameId, NameId), u32>,
    /// By counter: the time of its last sample before the window.
    before: Vec<Option<i64>>,
    before_any: FxHashSet<i64>,
}

impl Plan {
    /// `renew_own`: tracks that an earlier cut-out brought along are left out. `has_undrawn`: the trace has events
    /// that the index does not draw.
    pub fn new(index: &Index, wanted: Wanted, renew_own: bool, has_undrawn: bool) -> Plan {
        let n_tracks = index.tracks.len();
        let mut selected = vec![wanted.tracks.is_empty(); n_tracks + index.counters.len()];
        for &track in &wanted.tracks {
            if let Some(slot) = selected.get_mut(track as usize) {
                *slot = true;
            }
        }
        let numbered = (0u32..).zip(&index.tracks);
        let numbers: FxHashMap<(Key, Key, Family), u32> =
            numbered.map(|(n, t)| ((t.pid, t.tid, t.family), n)).collect();
        // The text knows no parts of processes: where one is selected, the events of its thread are.
        for track in index.tracks.iter().filter(|_| !index.parts_of.is_empty()) {
            let whole = index.parts_of.get(&track.pid);
            let whole = whole.and_then(|&pid| numbers.get(&(pid, track.tid, track.family)));
            let part = numbers.get(&(track.pid, track.tid, track.family));
            if let (Some(&whole), Some(&part)) = (whole, part) {
                selected[whole as usize] |= selected[part as usize];
            }
        }
        let mut plan = Plan {
            wanted,
            renew_own,
            old_own: FxHashSet::default(),
            tracks: numbers,
            parts_of: index.parts_of.clone(),
            selected,
            pair_at: Vec::new(),
            threads: FxHashSet::default(),
            processes: FxHashSet::default(),
            has_undrawn,
            known: index.tracks.iter().map(|t| t.pid).collect(),
            categories: (0..=u16::MAX)
                .zip(&index.categories)
                .map(|(n, &c)| (c, n))
                .collect(),
            anchors: Vec::new(),
            chains: Vec::new(),
            counters: FxHashMap::default(),
            before: Vec::new(),
            before_any: FxHashSet::default(),
        };
        plan.known.extend(index.counters.iter().map(|c| c.pid));
        if renew_own {
            let is_own = |id: SliceId| index.category_of(id) == OWN_CATEGORY;
            let own = index
                .track_ids()
                .filter(|&t| index.rows(t).next().is_some_and(is_own));
            plan.old_own = own.map(|t| index.track(t).pid).collect();
        }
        if plan.keeps_all() {
            return plan;
        }
        let has_category: Vec<bool> = (0..index.categories.len())
            .map(|c| plan.keeps_category(index.category_text(CategoryId::from_index(c))))
            .collect();
        plan.slices(index, &has_category);
        plan.allocations(index);
        plan.counters(index);
        plan.arrows(index, &has_category);
        plan
    }

    /// Whether nothing is left out but what is written anew.
    fn keeps_all(&self) -> bool {
        self.wanted.is_everything()
    }

    /// Whether a slice, an instant or a sample of the columns is kept; arrows aside.
    pub fn has_rows(&self) -> bool {
        self.keeps_all() || !self.processes.is_empty()
    }

    fn keeps_category(&self, category: &str) -> bool {
        self.wanted.has_category(category) && !(self.renew_own && category == OWN_CATEGORY)
    }

    fn in_window(&self, span: Span) -> bool {
        self.wanted.window.is_none_or(|window| is_in(window, span))
    }

    fn is_selected(&self, track: usize) -> bool {
        self.selected.get(track).is_none_or(|&is| is)
    }

    fn keep_thread(&mut self, pid: Key, tid: Key) {
        let pid = self.parts_of.get(&pid).copied().unwrap_or(pid);
        self.threads.insert((pid, tid));
        self.processes.insert(pid);
    }

    fn keeps_slice(&self, index: &Index, track: usize, id: SliceId, has_category: &[bool]) -> bool {
        self.is_selected(track)
            && has_category
                .get(index.slices.category(id).index())
                .is_none_or(|&has| has)
            && self.in_window(index.slices.span(id))
    }

    /// Slices: which threads have one, and where pairs stand. Instants, too.
    fn slices(&mut self, index: &Index, has_category: &[bool]) {
        for track in index.track_ids() {
            let mut rows = index.rows(track);
            if rows.any(|id| self.keeps_slice(index, track.index(), id, has_category)) {
                let Track { pid, tid } = place(index, track);
                self.keep_thread(pid, tid);
            }
        }
        let mut track = 0;
        for (id, end_at) in index.pairs.iter() {
            while index.tracks[track].rows.end <= id.0 {
                track += 1;
            }
            if self.keeps_slice(index, track, id, has_category) {
                self.pair_at.push(index.slices.at(id));
                self.pair_at.extend(end_at);
            }
        }
        self.pair_at.sort_unstable();
        let instants = &index.instants;
        for ((ts, track), category) in instants
            .ts
            .iter()
            .zip(instants.track.iter())
            .zip(instants.category.iter())
        {
            let is_kept = self.in_window(Span::new(ts, ts))
                && self.is_selected(track as usize)
                && has_category.get(usize::from(category)).is_none_or(|&has| has);
            if is_kept {
                let Track { pid, tid } = place(index, TrackId(track));
                self.keep_thread(pid, tid);
            }
        }
    }

    /// Threads that allocate. Rows have no category: a thread may be kept for what is left out.
    fn allocations(&mut self, index: &Index) {
        let memory = &index.memory;
        let mut last = None;
        for (ts, track) in memory.ts.iter().zip(memory.track.iter()) {
            let is_kept = self.in_window(Span::new(ts, ts)) && self.is_selected(track as usize);
            if is_kept && last != Some(track) {
                last = Some(track);
                let Track { pid, tid } = place(index, TrackId(track));
                self.keep_thread(pid, tid);
            }
        }
    }

    fn counters(&mut self, index: &Index) {
        for (n, series) in (0u32..).zip(&index.counters) {
            let mut last = None;
            if let Some(window) = self.wanted.window {
                let from = series.ts.partition_point(|&ts| ts < window.start);
                last = from.checked_sub(1).map(|i| series.ts[i]);
                let any = series.ts.get(from).is_some_and(|&ts| ts < window.end);
                if !any && last.is_none() {
                    self.before.push(None);
                    self.counters
                        .insert((series.pid, series.id, series.name, series.key), n);
                    continue;
                }
            }
            if self.is_selected(index.tracks.len() + n as usize) {
                self.processes.insert(series.pid);
                self.before_any.extend(last);
            } else {
                last = None;
            }
            self.before.push(last);
            self.counters
                .insert((series.pid, series.id, series.name, series.key), n);
        }
    }

    /// An arrow may begin or end at a place if the innermost slice there is kept; where there is none, if the place
    /// lies in the window.
    fn arrows(&mut self, index: &Index, has_category: &[bool]) {
        let flows = &index.flows;
        let mut by_place: Vec<u32> = (0u32..).take(flows.ts.len()).collect();
        by_place.sort_by_key(|&i| (flows.track.get(i as usize), flows.ts.get(i as usize)));
        let mut is_anchored = vec![false; by_place.len()];
        for group in by_place.chunk_by(|&a, &b| flows.track.get(a as usize) == flows.track.get(b as usize)) {
            let track = flows.track.get(group[0] as usize);
            let mut rows = index.rows(TrackId(track)).peekable();
            // What has begun; what ended lies under what has not, or is gone.
            let mut open: Vec<SliceId> = Vec::new();
            for &i in group {
                let ts = flows.ts.get(i as usize);
                while let Some(id) = rows.next_if(|&id| index.slices.start(id).as_ns() <= ts) {
                    open.push(id);
                }
                while open.last().is_some_and(|&id| index.slices.end(id).as_ns() < ts) {
                    open.pop();
                }
                let anchored = match open.last() {
                    Some(&id) => self.keeps_slice(index, track as usize, id, has_category),
                    None => self.is_selected(track as usize) && self.in_window(Span::new(ts, ts)),
                };
                is_anchored[i as usize] = anchored;
                if anchored && self.anchors.last() != Some(&(track, ts)) {
                    self.anchors.push((track, ts));
                }
            }
        }
        let key = |i: u32| (flows.category.get(i as usize), flows.id.get(i as usize));
        let mut by_id = by_place;
        by_id.sort_by_key(|&i| (key(i), i));
        for group in by_id.chunk_by(|&a, &b| key(a) == key(b)) {
            let (category, id) = key(group[0]);
            if !has_category.get(usize::from(category)).is_none_or(|&has| has) {
                continue;
            }
            let kind = |i: u32| flows.kind.get(i as usize);
            let n_starts = group.iter().filter(|&&i| kind(i) == FlowKind::Start).count();
            // A number that is used again begins a new arrow.
            let begins = |i: u32| n_starts > 1 && kind(i) == FlowKind::Start;
            for chain in group.chunk_by(|_, &next| !begins(next)) {
                let has = |wanted: FlowKind| {
                    chain
                        .iter()
                        .any(|&i| kind(i) == wanted && is_anchored[i as usize])
                };
                if has(FlowKind::Start) && has(FlowKind::End) {
                    let (first, last) = (chain[0] as usize, chain[chain.len() - 1] as usize);
                    let span = Span::new(flows.ts.get(first), flows.ts.get(last));
                    self.chains.push(Chain { category, id, span });
                }
            }
        }
        // An arrow's ends name their threads, too.
        let anchors = std::mem::take(&mut self.anchors);
        if !self.chains.is_empty() {
            for &(track, _) in anchors.iter() {
                let Track { pid, tid } = place(index, TrackId(track));
                self.keep_thread(pid, tid);
            }
        }
        self.anchors = anchors;
    }

    /// Why an event is left out; `Ok`: it is not.
    pub fn judge(&self, names: &Names, scratch: &mut Vec<u8>, event: &Event<'_>) -> Result<(), Why> {
        let mut words = Words { names, scratch };
        let phase = event.phase();
        if phase == Phase::Metadata {
            return self.metadata(&mut words, event);
        }
        if phase.is_edge() && !self.keeps_all() {
            return self.pair(&mut words, event, phase);
        }
        self.category(&mut words, event)?;
        if self.keeps_all() {
            return Ok(());
        }
        let ts = event.ts().micros();
        match (phase, ts) {
            (Phase::Counter, None) => return self.entries(&mut words, event),
            (_, None) if self.wanted.window.is_some() => return Err(Why::Time),
            (Phase::FlowStart | Phase::FlowStep | Phase::FlowEnd, Some(ts)) => {
                return self.arrow(&mut words, event, ts);
            }
            (Phase::Counter, Some(ts)) => return self.sample(&mut words, event, ts),
            (_, Some(ts)) => {
                let dur = match phase {
                    Phase::Complete => event.dur().micros().filter(|&ns| ns >= 0).unwrap_or(0),
                    _ => 0,
                };
                if !self.in_window(Span::new(ts, ts.saturating_add(dur))) {
                    return Err(Why::Time);
                }
            }
            (_, None) => {}
        }
        if self.wanted.tracks.is_empty() {
            return Ok(());
        }
        let families: &[Family] = match phase {
            Phase::Complete => &[words.family(event)],
            Phase::Instant => &[Family::Main],
            // What is not drawn has no row of its own.
            _ => &[Family::Main, Family::Python],
        };
        let thread = words.thread(event);
        let is_selected = |&family: &Family| {
            let (pid, tid) = thread?;
            let track = *self.tracks.get(&(pid, tid, family))?;
            Some(self.is_selected(track as usize))
        };
        if families.iter().any(|family| is_selected(family) == Some(true)) {
            Ok(())
        } else {
            Err(Why::Track)
        }
    }

    fn category(&self, words: &mut Words<'_>, event: &Event<'_>) -> Result<(), Why> {
        let raw = event.raw(Field::Category);
        if self.renew_own
            && raw.len() == OWN_CATEGORY.len() + 2
            && raw[1..].starts_with(OWN_CATEGORY.as_bytes())
        {
            return Err(Why::Own);
        }
        let any = self.wanted.only.is_empty() && self.wanted.left_out.is_empty();
        if any || words.with_text(event.category(), |category| self.wanted.has_category(category)) {
            Ok(())
        } else {
            Err(Why::Category)
        }
    }

    /// A begin or an end: both of a pair, or none.
    fn pair(&self, words: &mut Words<'_>, event: &Event<'_>, phase: Phase) -> Result<(), Why> {
        if self.pair_at.binary_search(&event.at).is_ok() {
            return Ok(());
        }
        self.category(words, event)?;
        let in_window = event
            .ts()
            .micros()
            .is_some_and(|ts| self.in_window(Span::new(ts, ts)));
        Err(match phase {
            Phase::End | Phase::AsyncEnd if in_window && self.wanted.tracks.is_empty() => Why::NoBegin,
            _ if in_window => Why::Track,
            _ => Why::Time,
        })
    }

    fn metadata(&self, words: &mut Words<'_>, event: &Event<'_>) -> Result<(), Why> {
        let pid = match event.pid() {
            Scalar::Missing | Scalar::Null => return Ok(()),
            pid => words.key(pid),
        };
        if pid.is_some_and(|pid| self.old_own.contains(&pid)) {
            return Err(Why::Own);
        }
        let is_unknown = pid.is_none_or(|pid| !self.known.contains(&pid));
        let is_thread = words.with_text(event.name(), |name| name.starts_with("thread_"));
        let is_kept = match pid {
            _ if self.keeps_all() => true,
            _ if is_unknown => self.has_undrawn && self.wanted.tracks.is_empty(),
            Some(pid) if is_thread => {
                let tid = words.thread(event).map(|(_, tid)| tid);
                tid.is_some_and(|tid| self.threads.contains(&(pid, tid)))
            }
            pid => pid.is_some_and(|pid| self.processes.contains(&pid)),
        };
        if is_kept { Ok(()) } else { Err(Why::Metadata) }
    }

    fn arrow(&self, words: &mut Words<'_>, event: &Event<'_>, ts: i64) -> Result<(), Why> {
        let mut is_kept = || {
            let (pid, tid) = words.thread(event)?;
            let track = *self.tracks.get(&(pid, tid, Family::Main))?;
            self.anchors.binary_search(&(track, ts)).ok()?;
            let category = *self.categories.get(&words.name(event.category())?)?;
            let identity = Identity::of(event, |id| words.identity_key(id))?;
            let id = flow_id(words.name(event.name())?, identity, pid);
            let after = self
                .chains
                .partition_point(|c| (c.category, c.id, c.span.start) <= (category, id, ts));
            let chain = self.chains.get(after.checked_sub(1)?)?;
            (chain.category == category && chain.id == id && ts <= chain.span.end).then_some(())
        };
        is_kept().ok_or(Why::Arrow)
    }

    /// A counter's sample: in the window, or the last before it of one of its series.
    fn sample(&self, words: &mut Words<'_>, event: &Event<'_>, ts: i64) -> Result<(), Why> {
        let inside = self.in_window(Span::new(ts, ts));
        if !inside && !self.before_any.contains(&ts) {
            return Err(Why::Time);
        }
        if inside && self.wanted.tracks.is_empty() {
            return Ok(());
        }
        let Some((pid, id, name)) = words.counter(event) else {
            return Err(Why::Track);
        };
        let n_tracks = self.tracks.len();
        let is_kept = args(event.args()).any(|(key, _, _)| {
            let key = words.name(Scalar::Text(key));
            let number = key.and_then(|key| self.counters.get(&(pid, id, name, key)));
            number.is_some_and(|&n| {
                let n = n as usize;
                if inside {
                    self.is_selected(n_tracks + n)
                } else {
                    self.before.get(n).copied().flatten() == Some(ts)
                }
            })
        });
        match (is_kept, inside) {
            (true, _) => Ok(()),
            (false, true) => Err(Why::Track),
            (false, false) => Err(Why::Time),
        }
    }
}

impl Plan {
    /// A counter whose samples are all in one event: whole, if one of them is kept.
    fn entries(&self, words: &mut Words<'_>, event: &Event<'_>) -> Result<(), Why> {
        let Scalar::Nested(entries) = event.uncommon(Field::Entries) else {
            return match self.wanted.window {
                Some(_) => Err(Why::Time),
                None => Ok(()),
            };
        };
        let times = || elements(entries).filter_map(|entry| Some(counter_sample(entry)?.0));
        let Some((pid, id, name)) = words.counter(event) else {
            return Err(Why::Track);
        };
        let stats = match event.uncommon(Field::EventStats) {
            stats @ Scalar::Text(_) => words.name(stats),
            _ => words.names.lookup("value"),
        };
        let counter = stats.and_then(|key| self.counters.get(&(pid, id, name, key)));
        let is_selected = |n: &u32| self.is_selected(self.tracks.len() + *n as usize);
        let Some(n) = counter.copied().filter(is_selected) else {
            return Err(Why::Track);
        };
        let before = self.before.get(n as usize).copied().flatten();
        match before.is_some() || times().any(|ts| self.in_window(Span::new(ts, ts))) {
            true => Ok(()),
            false => Err(Why::Time),
        }
    }
}

/// The thread of a track.
struct Track {
    pid: Key,
    tid: Key,
}

fn place(index: &Index, id: TrackId) -> Track {
    let track = index.track(id);
    Track {
        pid: track.pid,
        tid: track.tid,
    }
}

/// An event's texts and numbers in the numbering of the index, as its builder reads them.
struct Words<'a> {
    names: &'a Names,
    scratch: &'a mut Vec<u8>,
}

impl Words<'_> {
    fn with_text<T>(&mut self, scalar: Scalar<'_>, then: impl FnOnce(&str) -> T) -> T {
        let bytes = match scalar {
            Scalar::Text(raw) => raw.text(self.scratch).0,
            Scalar::Bare(text) => text,
            _ => b"",
        };
        then(&String::from_utf8_lossy(bytes))
    }

    /// `None`: the trace has no such name.
    fn name(&mut self, scalar: Scalar<'_>) -> Option<NameId> {
        let names = self.names;
        self.with_text(scalar, |text| names.lookup(text))
    }

    fn key(&mut self, scalar: Scalar<'_>) -> Option<Key> {
        let number = scalar.key_number().map(Key::Int);
        number.or_else(|| self.name(scalar).map(Key::Text))
    }

    fn identity_key(&mut self, scalar: Scalar<'_>) -> Option<Key> {
        let number = scalar.identity_number().map(Key::Int);
        number.or_else(|| self.name(scalar).map(Key::Text))
    }

    fn thread(&mut self, event: &Event<'_>) -> Option<(Key, Key)> {
        let pid = self.key(event.pid())?;
        match event.tid() {
            Scalar::Missing | Scalar::Null => Some((pid, pid)),
            tid => Some((pid, self.key(tid)?)),
        }
    }

    /// Process, id and name of a counter.
    fn counter(&mut self, event: &Event<'_>) -> Option<(Key, Option<Key>, NameId)> {
        let id = match event.id() {
            Scalar::Missing | Scalar::Null => None,
            id => Some(self.identity_key(id)?),
        };
        Some((self.key(event.pid())?, id, self.name(event.name())?))
    }

    fn family(&mut self, event: &Event<'_>) -> Family {
        match event.category() {
            Scalar::Text(Raw { raw }) if raw == PYTHON.as_bytes() => Family::Python,
            _ => Family::Main,
        }
    }
}

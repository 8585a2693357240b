//! Device work and the host calls that launched it, where both carry one number that is unique in the file.
//!
//! One call may have many pieces of work: a captured graph is one launch. Twelve bytes a number.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, Span, TrackId, Union};
use crate::dialect::{Evidence, LaunchLink, Role, Vocabulary};
use crate::index::Index;
use crate::index::args::{ArgColumn, Links};

use crate::analyze::device::link_map::LinkMap;
use crate::analyze::gaps::innermost::{Thread, thread_of};
use crate::analyze::merge::merge_tracks;

/// The call of a number, its first work and how much work there is. Rows are counted from 1; 0 is none.
#[derive(Clone, Copy, Default)]
struct Entry {
    call: u32,
    first: u32,
    n_work: u32,
}

/// Launches behind the last one that has recorded work, in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailingLaunches {
    pub count: u64,
    /// The start of the first and the end of the last.
    pub span: Span,
}

/// Which call launched what.
pub struct LaunchIndex<'a> {
    index: &'a Index,
    column: ArgColumn<'a>,
    by_link: LinkMap<Entry>,
    lost: FxHashMap<Thread, LostLaunches>,
    /// Whether any work of any device has its launch.
    links_any: bool,
}

/// Of calls of one name fewer have work than this, in per cent: such a call launches nothing that is recorded.
pub const LEAST_WITH_WORK_PERCENT: u64 = 10;

/// Launches of a thread whose work is not recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LostLaunches {
    /// Their starts, ascending.
    pub starts: Vec<i64>,
    /// Whether work of other launches of the thread is.
    pub has_work: bool,
}

/// When graphs are captured: what is launched then runs later.
pub fn captures(vocabulary: &Vocabulary) -> Union {
    let captures = vocabulary.compiles.iter();
    let captures = captures.filter(|mark| mark.evidence == Evidence::GraphCapture);
    Union::of(captures.map(|mark| mark.span))
}

/// A call with work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    pub call: SliceId,
    /// Of its work, what starts first; of equals the first row.
    pub first: Option<SliceId>,
    pub n_work: u32,
}

impl<'a> LaunchIndex<'a> {
    /// `None` where nothing links device work to host calls one by one.
    pub fn of(index: &'a Index, vocabulary: &'a Vocabulary) -> Option<LaunchIndex<'a>> {
        let (LaunchLink::Correlation(_) | LaunchLink::Renumbered(_)) = vocabulary.launch_link else {
            return None;
        };
        let is_call = |role: Role| !role.is_device() && role != Role::SyncRecord;
        let mut launched = LaunchIndex::by_column(index, vocabulary, vocabulary.links(index)?, is_call);
        launched.lost = launched.find_lost(vocabulary);
        Some(launched)
    }

    /// By numbers that no arg of both holds: only calls that launch or wait launch anything.
    pub fn by_links(index: &'a Index, vocabulary: &Vocabulary, links: &'a Links) -> LaunchIndex<'a> {
        let is_call = |role: Role| matches!(role, Role::Launch | Role::Wait | Role::Submit);
        LaunchIndex::by_column(index, vocabulary, links.column(), is_call)
    }

    fn by_column(
        index: &'a Index,
        vocabulary: &Vocabulary,
        column: ArgColumn<'a>,
        is_call: impl Fn(Role) -> bool,
    ) -> LaunchIndex<'a> {
        let is_call = |id: SliceId| is_call(vocabulary.role(id));
        let calls = || column.ints().filter(|&(id, _)| is_call(id));
        let mut by_link: LinkMap<Entry> = LinkMap::for_links(calls().map(|(_, link)| link));
        for (id, link) in calls() {
            if let Some(entry) = by_link.at(link)
                && (entry.call == 0 || is_earlier(index, id, entry.call))
            {
                entry.call = id.0 + 1;
            }
        }
        let mut links_any = false;
        for (id, link) in column.ints().filter(|&(id, _)| vocabulary.role(id).is_device()) {
            if by_link.get(link).call == 0 {
                continue;
            }
            if let Some(entry) = by_link.at(link) {
                entry.n_work += 1;
                links_any = true;
                if entry.first == 0 || is_earlier(index, id, entry.first) {
                    entry.first = id.0 + 1;
                }
            }
        }
        LaunchIndex {
            index,
            column,
            by_link,
            lost: FxHashMap::default(),
            links_any,
        }
    }

    /// Whether any work of any device has its launch.
    pub fn links_any(&self) -> bool {
        self.links_any
    }

    /// Launches without recorded work, by thread.
    pub fn lost(&self) -> &FxHashMap<Thread, LostLaunches> {
        &self.lost
    }

    /// None where as much work carries no number of a call: it may be theirs.
    fn find_lost(&self, vocabulary: &Vocabulary) -> FxHashMap<Thread, LostLaunches> {
        let captures = captures(vocabulary);
        let start = |launch: &Launch| self.index.slices.start(launch.call).as_ns();
        // With work, and all.
        let mut by_name: FxHashMap<NameId, (u64, u64)> = FxHashMap::default();
        let mut with_work: FxHashSet<TrackId> = FxHashSet::default();
        let mut without: Vec<Launch> = Vec::new();
        for launch in self.calls(vocabulary) {
            let of_name = by_name.entry(self.index.slices.name(launch.call)).or_default();
            if launch.n_work > 0 {
                of_name.0 += 1;
                with_work.insert(self.index.track_of(launch.call));
            } else if captures.contains(start(&launch)) {
                continue;
            } else {
                without.push(launch);
            }
            of_name.1 += 1;
        }
        without.retain(|launch| {
            let (with, all) = by_name[&self.index.slices.name(launch.call)];
            with.saturating_mul(100) >= all.saturating_mul(LEAST_WITH_WORK_PERCENT)
        });
        if without.is_empty() {
            return FxHashMap::default();
        }
        let work = vocabulary.devices.iter().flat_map(|d| &d.tracks);
        let work = work.flat_map(|&track| self.index.rows(track));
        let n_work = work.filter(|&id| vocabulary.role(id).is_device()).count() as u64;
        if n_work.saturating_sub(self.n_numbered_work(vocabulary)) >= without.len() as u64 {
            return FxHashMap::default();
        }
        let working: FxHashSet<Thread> = with_work.into_iter().map(|t| thread_of(self.index, t)).collect();
        let mut lost: FxHashMap<Thread, LostLaunches> = FxHashMap::default();
        for launch in &without {
            let thread = thread_of(self.index, self.index.track_of(launch.call));
            let of = lost.entry(thread).or_default();
            of.starts.push(start(launch));
            of.has_work = working.contains(&thread);
        }
        for of in lost.values_mut() {
            of.starts.sort_unstable();
        }
        lost
    }

    /// How much device work carries a number.
    pub fn n_numbered_work(&self, vocabulary: &Vocabulary) -> u64 {
        let is_device = |&(id, _): &(SliceId, i64)| vocabulary.role(id).is_device();
        self.column.ints().filter(is_device).count() as u64
    }

    /// The launch with this number.
    fn get(&self, link: i64) -> Option<Launch> {
        let entry = self.by_link.get(link);
        Some(Launch {
            call: SliceId(entry.call.checked_sub(1)?),
            first: entry.first.checked_sub(1).map(SliceId),
            n_work: entry.n_work,
        })
    }

    /// Every call that can launch (by its role or by having work), in order of rows, with its launch.
    pub fn calls<'s>(&'s self, vocabulary: &'s Vocabulary) -> impl Iterator<Item = Launch> + 's {
        self.column.ints().filter_map(move |(id, link)| {
            let launch = self.get(link).filter(|launch| launch.call == id)?;
            (launch.n_work > 0 || vocabulary.role(id) == Role::Launch).then_some(launch)
        })
    }

    /// The launches at the end of the trace that have no work in it, if there are any.
    pub fn trailing_without_work(&self, vocabulary: &Vocabulary) -> Option<TrailingLaunches> {
        let span = |launch: &Launch| self.index.slices.span(launch.call);
        let with_work = self.calls(vocabulary).filter(|l| l.n_work > 0);
        let last = with_work.map(|l| span(&l).start).max()?;
        let behind = self
            .calls(vocabulary)
            .map(|l| span(&l))
            .filter(|s| s.start > last);
        let mut found: Option<TrailingLaunches> = None;
        for span in behind {
            let of = found.get_or_insert(TrailingLaunches { count: 0, span });
            of.count += 1;
            of.span = Span::new(of.span.start.min(span.start), of.span.end.max(span.end));
        }
        found
    }

    /// Calls `see` with all work of these tracks, in order of start, and its launch.
    pub fn work_in_order(
        &self,
        vocabulary: &Vocabulary,
        tracks: &[TrackId],
        mut see: impl FnMut(SliceId, Role, Option<Launch>),
    ) {
        let mut links: Vec<_> = tracks
            .iter()
            .map(|&track| {
                let first = SliceId(self.index.track(track).rows.start);
                self.column.ints_from(first).peekable()
            })
            .collect();
        merge_tracks(self.index, tracks, |place, id| {
            let role = vocabulary.role(id);
            if !role.is_device() {
                return;
            }
            let values = &mut links[place];
            while values.next_if(|&(row, _)| row < id).is_some() {}
            let link = values.next_if(|&(row, _)| row == id).map(|(_, link)| link);
            see(id, role, link.and_then(|link| self.get(link)));
        });
    }
}

/// Whether slice `id` starts before that of `row`, which is counted from 1.
fn is_earlier(index: &Index, id: SliceId, row: u32) -> bool {
    index.slices.start(id) < index.slices.start(SliceId(row - 1))
}

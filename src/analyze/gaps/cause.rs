//! Why a device is idle at an instant. One rule, for gaps and idle time alike.
//!
//! What the thread does that launches the device's next work, in its process, at that instant:
//!
//! - *Not launched yet*: the innermost slice that is recorded of that thread decides: a compile or capture, a launch
//!   or other call, a wait for the device or for others, an operator, a python frame, a part of a step; else nothing
//!   is recorded.
//!   Of slices that start and end together, the first in the order of causes. A slice around whole steps says
//!   nothing. A compile of the thread and a wait for requests come before; a compile of another thread of its process
//!   counts while nothing else is recorded of it and the device is idle, or it waits for others, for as long as its
//!   step has more of that than other steps; not at all where it launches or begins steps all the while.
//! - *Inside the launch call* the instant is the call's, however long it takes.
//! - *Launched, not started*, once the call has ended or other work of it has begun: on its way for up to
//!   [`LATENCY_NS`], then waiting for something else.
//! - No call is known, or the work of a launch before it is not recorded and may have run in the gap: unlinked.
//!
//! Where calls are recorded on lanes of their own, what the threads that run the model did lies beneath them. Of a
//! device most of whose launches are unknown, the innermost slice of all these threads decides.
//!
//! Work of a helper thread, which only copies, is not asked as long as other work follows. That a wait for the device
//! had emptied the queue is no cause but a second fact about the same time: see [`Rule::drained_at`].
//!
//! The clocks of host and device may disagree: work that starts before its call has no way to go, and no time is
//! counted twice or negative by it.

use crate::analyze::device::launch_index::LaunchIndex;
use crate::analyze::gaps::activity::{Activity, HostThreads, Piece};
use crate::analyze::gaps::device_gap::{DeviceGap, Seen, each_gap};
use crate::analyze::gaps::held_up::Compiles;
use crate::analyze::gaps::innermost::{Thread, cause_of, innermost, thread_of};
use crate::analyze::gaps::requests::Waiting;
use crate::analyze::report::{Cause, Sure};
use crate::base::{SliceId, Span, TrackId, Union, order};
use crate::dialect::{Device, LaunchLink, Role, Vocabulary, enclosing};
use crate::index::Index;
use rustc_hash::{FxHashMap, FxHashSet};

/// From a launch to the start of its work, on an idle device, it takes about 5 to 15 µs.
pub const LATENCY_NS: i64 = 20_000;

/// Host and device clocks agree to about this.
const CLOCK_SLACK_NS: i64 = 10_000;

/// Whether each launch names its work: what it hands over was compiled before.
pub fn hands_over_compiled(vocabulary: &Vocabulary) -> bool {
    !matches!(
        vocabulary.launch_link,
        LaunchLink::Recurring(_) | LaunchLink::None
    )
}

/// What a thread that launches did.
#[derive(Default)]
struct Timeline {
    tracks: Vec<TrackId>,
    did: Activity,
    /// Its waits for the device, in order of start.
    waits: Vec<(Span, SliceId)>,
}

/// What the causes of idle instants are told by.
pub struct Rule<'a> {
    index: &'a Index,
    threads: FxHashMap<Thread, Timeline>,
}

impl<'a> Rule<'a> {
    pub fn of(
        index: &'a Index,
        vocabulary: &Vocabulary,
        host: &HostThreads,
        compiles: &Compiles,
        waiting: &[Waiting],
    ) -> Rule<'a> {
        let containers = host.containers();
        // Where calls are recorded on lanes of their own, what lies beneath them is on the threads that run the model.
        let has_own_lanes = !matches!(
            vocabulary.launch_link,
            LaunchLink::Correlation(_) | LaunchLink::Renumbered(_)
        );
        let beneath = has_own_lanes.then(|| {
            let main = index.track_ids().filter(|&track| host.is_main(track));
            innermost(index, vocabulary, containers, &main.collect::<Vec<_>>())
        });

        let launches = |role| matches!(role, Role::Launch | Role::Wait | Role::Submit);
        let launching: FxHashSet<Thread> = index
            .track_ids()
            .filter(|&track| index.rows(track).any(|id| launches(vocabulary.role(id))))
            .map(|track| thread_of(index, track))
            .collect();
        let mut tracks: FxHashMap<Thread, Vec<TrackId>> = FxHashMap::default();
        for track in index.track_ids() {
            let thread = thread_of(index, track);
            if launching.contains(&thread) {
                tracks.entry(thread).or_default().push(track);
            }
        }
        let threads = tracks.into_iter().map(|(thread, tracks)| {
            let rank = tracks.first().and_then(|&t| vocabulary.ranks.of(index, t));
            let (innermost, mut waits) = innermost(index, vocabulary, containers, &tracks);
            let waiting_of = |is_sure: bool| {
                let of = waiting.iter().filter(|w| has_own_lanes || w.engine.has(thread));
                let of = of.filter(|w| (w.sure != Sure::Suspected) == is_sure);
                Union::of(of.map(|w| w.span))
            };
            let mut layers = vec![
                (Cause::Recompile, compiles.of_thread(thread, rank).all()),
                (Cause::NoLoad, waiting_of(true)),
            ];
            let suspected = waiting_of(false);
            layers.extend(with_suspected(innermost, &suspected));
            if let Some((beneath, others)) = &beneath {
                layers.extend(with_suspected(beneath.clone(), &suspected));
                waits.extend(others);
                order::sort(&mut waits);
                waits.dedup();
            }
            layers.push((Cause::NoLoad, suspected));
            let did = Activity::of(layers);
            (thread, Timeline { tracks, did, waits })
        });
        Rule {
            index,
            threads: threads.collect(),
        }
    }

    /// Calls `see` with every stretch of the gap and its cause, in order of time. The stretches make up the gap.
    pub fn each(&self, gap: &DeviceGap, mut see: impl FnMut(Span, Cause)) {
        let mut see = |span: Span, cause: Cause| {
            if !span.is_empty() {
                see(span, cause);
            }
        };
        let Some(launch) = gap.asked else {
            see(gap.span, Cause::Unlinked);
            return;
        };
        let known_until = gap.lost_from.unwrap_or(gap.span.end);
        let mut see = |span: Span, cause: Cause| {
            see(
                Span::new(span.start.min(known_until), span.end.min(known_until)),
                cause,
            );
            see(
                Span::new(span.start.max(known_until), span.end.max(known_until)),
                Cause::Unlinked,
            );
        };
        let whole = gap.span;
        let call = self.index.slices.span(launch.call);
        let first = launch.first.map(|id| self.index.slices.start(id).as_ns());
        let has_begun = first.is_some_and(|at| at < whole.end);
        // Until `called` nothing is launched, until `launched` the call lasts.
        let (called, launched) = if has_begun {
            (whole.start, whole.start)
        } else {
            let called = call.start.clamp(whole.start, whole.end);
            (called, call.end.clamp(called, whole.end))
        };
        let empty = Timeline::default();
        let thread = self.index.track_of(launch.call);
        let timeline = self.threads.get(&thread_of(self.index, thread)).unwrap_or(&empty);
        each_piece(&timeline.did, Span::new(whole.start, called), &mut see);
        each_piece(&timeline.did, Span::new(called, launched), &mut |span, cause| {
            let is_compile = cause == Cause::Recompile;
            see(span, if is_compile { cause } else { Cause::Submit });
        });
        let was_launched = has_begun || call.end <= whole.start;
        let arrived = match was_launched && whole.len_ns() <= LATENCY_NS {
            true => whole.end,
            false => call.end.saturating_add(LATENCY_NS).clamp(launched, whole.end),
        };
        see(Span::new(launched, arrived), Cause::Device);
        see(Span::new(arrived, whole.end), Cause::Dependency);
    }

    /// The wait of the launching thread that was open when the device ran empty: it had drained the queue.
    pub fn drained_at(&self, gap: &DeviceGap) -> Option<SliceId> {
        let thread = thread_of(self.index, self.index.track_of(gap.asked?.call));
        let waits = &self.threads.get(&thread)?.waits;
        let at = gap.span.start;
        let before = waits.partition_point(|(span, _)| span.start <= at);
        // Waits of a thread follow each other; a few may lie within another.
        let mut latest = waits[..before].iter().rev().take(8);
        let drained = latest.find(|(span, _)| span.end.saturating_add(CLOCK_SLACK_NS) > at);
        drained.map(|&(_, id)| id)
    }

    /// The innermost call of the launching thread that takes most of the gap and has most of its own time there, and
    /// how much of the gap it takes. A loop around all work is none, nor is what only names a part of a step.
    pub fn call_in_most_of(&self, vocabulary: &Vocabulary, gap: &DeviceGap) -> Option<(SliceId, i64)> {
        let index = self.index;
        let thread = thread_of(index, index.track_of(gap.asked?.call));
        let is_call = |id: SliceId| match vocabulary.role(id) {
            Role::Prepare
            | Role::Encoder
            | Role::Forward
            | Role::Logits
            | Role::Sample
            | Role::Post
            | Role::Annotation => false,
            role => cause_of(role).is_some(),
        };
        let taken = |id: SliceId| index.slices.span(id).intersect(gap.span).len_ns();
        let takes_most = |id: SliceId| {
            let most = taken(id).saturating_mul(2);
            most > gap.span.len_ns() && most > index.slices.span(id).len_ns()
        };
        // What takes more than half of the gap is open in its middle.
        let middle = gap.span.start + gap.span.len_ns() / 2;
        let tracks = self.threads.get(&thread)?.tracks.iter();
        let calls = tracks.filter_map(|&track| {
            let last = enclosing::last_started(index, track, middle)?;
            enclosing::chain(index, last).find(|&id| is_call(id) && takes_most(id))
        });
        calls
            .min_by_key(|&id| (index.slices.span(id).len_ns(), id))
            .map(|id| (id, taken(id)))
    }

    /// The causes of all idle instants of a device, `None` where less than half of its work has its launch in the
    /// trace, so that little is known of who launches it; where none has, and work of other devices has, all causes are
    /// unknown. How much of its work has none; and when work may have run
    /// that is not recorded.
    pub fn of_device(
        &self,
        vocabulary: &Vocabulary,
        launched: &LaunchIndex<'_>,
        device: &Device,
    ) -> OfDevice {
        let (mut n_work, mut n_linked) = (0u64, 0u64);
        let mut pieces: Vec<Piece> = Vec::new();
        let mut lost: Vec<Span> = Vec::new();
        each_gap(self.index, vocabulary, launched, device, |seen| match seen {
            Seen::Work(launch) => {
                n_work += 1;
                n_linked += u64::from(launch.is_some());
            }
            Seen::Gap(gap) => {
                lost.extend(gap.lost_from.map(|from| Span::new(from, gap.span.end)));
                self.each(&gap, |span, cause| match pieces.last_mut() {
                    Some(last) if last.cause == cause && last.span.end == span.start => {
                        last.span.end = span.end;
                    }
                    _ => pieces.push(Piece { span, cause }),
                });
            }
        });
        // Where work of other devices has its launch, the host of this one is not recorded.
        let is_of_others = n_linked == 0 && launched.links_any();
        let idle = (is_of_others || n_linked > 0 && n_linked * 2 >= n_work).then(|| {
            pieces.shrink_to_fit();
            Activity::of_pieces(pieces)
        });
        OfDevice {
            unlinked: Some(Unlinked {
                n: n_work - n_linked,
                of: n_work,
            }),
            lost: Union::of(lost),
            idle,
        }
    }
}

/// What is known of a device's idle time.
#[derive(Clone, Debug, Default)]
pub struct OfDevice {
    pub idle: Option<Activity>,
    /// `None` where the clocks of host and device disagree.
    pub unlinked: Option<Unlinked>,
    /// When it seems idle and may run work that is not recorded.
    pub lost: Union,
}

impl OfDevice {
    /// Where the trace links no work with calls at all, none of any device's has a launch.
    pub fn without_links(index: &Index, vocabulary: &Vocabulary, device: &Device) -> OfDevice {
        let rows = device.tracks.iter().flat_map(|&track| index.rows(track));
        let n = rows.filter(|&id| vocabulary.role(id).is_device()).count() as u64;
        OfDevice {
            unlinked: Some(Unlinked { n, of: n }),
            ..OfDevice::default()
        }
    }
}

/// How much of a device's work has no launch in the trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unlinked {
    pub n: u64,
    pub of: u64,
}

/// Calls `see` with the parts of `window` and their causes; where nothing is recorded, that.
fn each_piece(did: &Activity, window: Span, see: &mut impl FnMut(Span, Cause)) {
    let mut at = window.start;
    for piece in did.overlapping(window) {
        let span = piece.span.intersect(window);
        see(Span::new(at, span.start), Cause::Unaccounted);
        see(span, piece.cause);
        at = span.end;
    }
    see(Span::new(at, window.end), Cause::Unaccounted);
}

/// What the host of a device did whose launches are unknown: by the innermost slice of the threads that run the model
/// or launch.
pub fn of_threads(
    index: &Index,
    vocabulary: &Vocabulary,
    host: &HostThreads,
    compiles: &Compiles,
    waiting: &[Waiting],
) -> Activity {
    let calls = |id| matches!(vocabulary.role(id), Role::Launch | Role::Submit);
    let is_asked =
        |&track: &TrackId| host.is_main(track) || !host.is_device(track) && index.rows(track).any(calls);
    let tracks: Vec<TrackId> = index.track_ids().filter(is_asked).collect();
    let (innermost, _) = innermost(index, vocabulary, host.containers(), &tracks);
    let waiting_of = |is_sure: bool| {
        let of = waiting.iter().filter(|w| (w.sure != Sure::Suspected) == is_sure);
        Union::of(of.map(|w| w.span))
    };
    let suspected = waiting_of(false);
    let mut layers = vec![
        (Cause::Recompile, compiles.of_rank(None)),
        (Cause::NoLoad, waiting_of(true)),
    ];
    layers.extend(with_suspected(innermost, &suspected));
    layers.push((Cause::NoLoad, suspected));
    Activity::of(layers)
}

/// What a thread did by its innermost slice, as layers: in a suspected wait for requests it does not wait for others.
fn with_suspected(
    innermost: [Union; Cause::COUNT],
    suspected: &Union,
) -> impl Iterator<Item = (Cause, Union)> {
    let waited = innermost[Cause::OtherThread as usize].clone();
    let for_requests = waited.without(&waited.without(suspected));
    [(Cause::NoLoad, for_requests)]
        .into_iter()
        .chain(Cause::ALL.into_iter().zip(innermost))
}

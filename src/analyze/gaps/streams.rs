//! What lies between one piece of work and the next on each stream.
//!
//! The question of HTA's idle time breakdown: was the next work launched only after the stream had run empty, or was it
//! there in time? Time of a stream on which nothing runs says nothing about the device, which may run other streams
//! (see `idle` for that). Work of one stream that overlaps, as programmatic dependent launches make it, leaves no gap:
//! a gap begins where all earlier work of the stream has ended, so none is negative.

use crate::base::{Span, TrackId, order, show};
use crate::dialect::Vocabulary;
use crate::index::Index;

use crate::analyze::device::launch_index::LaunchIndex;
use crate::analyze::device::launches::{MAX_STREAMS, stream};
use crate::analyze::gaps::idle::LATENCY_NS;
use crate::analyze::report::{GapSum, StreamGaps};

/// Up to this length a gap before work that was launched in time is what a device takes from one piece to the next.
pub const SHORT_GAP_NS: i64 = LATENCY_NS;

/// From the end of a call to the start of its work, on a stream that was empty when the call began: up to this it is on
/// its way. HTA calls launches above it outliers (`launch_delay_cutoff`).
pub const SLOW_START_NS: i64 = 100_000;

/// Gaps of every stream, by device, busiest stream first; at most [`MAX_STREAMS`] streams.
pub fn stream_gaps(index: &Index, vocabulary: &Vocabulary, launched: &LaunchIndex<'_>) -> Vec<StreamGaps> {
    let mut all: Vec<StreamGaps> = Vec::new();
    for device in &vocabulary.devices {
        for &track in &device.tracks {
            let of = gaps_of(index, vocabulary, launched, device.device, track);
            all.extend(of.map(|of| StreamGaps {
                rank: vocabulary.ranks.label(device.rank),
                ..of
            }));
        }
    }
    order::sort_by(&mut all, |a, b| {
        (b.work, &a.rank, a.device, &a.stream).cmp(&(a.work, &b.rank, b.device, &b.stream))
    });
    all.truncate(MAX_STREAMS);
    order::sort_by(&mut all, |a, b| {
        (&a.rank, a.device, b.busy_ns, &a.stream).cmp(&(&b.rank, b.device, a.busy_ns, &b.stream))
    });
    all
}

/// In two sentences: what is counted.
pub fn definition() -> String {
    format!(
        "Between one piece of work and the next on a stream: launched late where the call began after all earlier work of \
         the stream had ended; short up to {} where it began before; the rest waited, for other streams, events or \
         devices. The device may run other streams meanwhile, so this is no idle time of the device.",
        show::duration(SHORT_GAP_NS)
    )
}

/// `None` for a track without work that takes time.
fn gaps_of(
    index: &Index,
    vocabulary: &Vocabulary,
    launched: &LaunchIndex<'_>,
    device: i64,
    track: TrackId,
) -> Option<StreamGaps> {
    let mut of: Option<StreamGaps> = None;
    let mut end = i64::MIN;
    launched.work_in_order(vocabulary, &[track], |id, _, launch| {
        let span = vocabulary.span(index, id);
        if span.is_empty() {
            return;
        }
        let gaps = of.get_or_insert_with(|| {
            end = span.start;
            StreamGaps {
                device,
                stream: stream(index, track),
                start_ns: span.start,
                end_ns: span.start,
                ..StreamGaps::default()
            }
        });
        gaps.work += 1;
        let gap = Span::new(end.min(span.start), span.start);
        if !gap.is_empty() {
            let sum = match launch {
                Some(launch) if index.slices.start(launch.call).as_ns() > end => &mut gaps.launched_late,
                _ if gap.len_ns() <= SHORT_GAP_NS => &mut gaps.short,
                Some(_) => &mut gaps.waited,
                None => &mut gaps.unlinked,
            };
            let is_late = launch
                .filter(|launch| launch.first == Some(id) && index.slices.start(launch.call).as_ns() > end);
            add(sum, gap, id.0);
            if let Some(launch) = is_late {
                let call_end = index.slices.end(launch.call).as_ns();
                let delay = Span::new(call_end.min(span.start), span.start);
                if delay.len_ns() > SLOW_START_NS {
                    add(&mut gaps.slow_starts, delay, id.0);
                }
            }
        }
        gaps.busy_ns += (span.end - end.max(span.start)).max(0);
        end = end.max(span.end);
        gaps.end_ns = end;
    });
    of
}

fn add(sum: &mut GapSum, gap: Span, next: u32) {
    sum.count += 1;
    sum.total_ns = sum.total_ns.saturating_add(gap.len_ns());
    if gap.len_ns() > sum.max_ns {
        sum.max_ns = gap.len_ns();
        sum.longest_start_ns = Some(gap.start);
        sum.longest_next_slice = Some(next);
    }
}

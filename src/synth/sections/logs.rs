//! "Synapse Logger" and "Bridge Logs": pairs of a begin and an end, beside what torch recorded.

use super::events::{inside, pair, waits};
use super::section_tracks::{BRIDGE_PID, LAUNCH_TID, SYNAPSE_PID, WAIT_TID};
use crate::base::Span;
use crate::synth::invented_server::{Iteration, PID, Pass};
use crate::synth::python_json::Text;

pub fn synapse(text: &mut Text, iteration: &Iteration) {
    for region in iteration.passes.iter().flat_map(Pass::regions) {
        let span = Span::new(region.launch_ns + 2_000, region.launch_ns + 15_000);
        let args = "\"args\": {\"numberTensors\": \"412\", \"streamHandle\": \"0x54f0\"}, ";
        pair(
            text,
            SYNAPSE_PID,
            LAUNCH_TID,
            "synLaunchWithExternalEvents",
            args,
            span,
        );
    }
    for wait in waits(iteration) {
        pair(
            text,
            SYNAPSE_PID,
            WAIT_TID,
            "synEventSynchronize",
            "",
            inside(wait, 1_000),
        );
    }
}

pub fn bridge(text: &mut Text, iteration: &Iteration) {
    for region in iteration.passes.iter().flat_map(Pass::regions) {
        // Gathering the graph takes the region's host time, up to the launch.
        let from = region
            .compile
            .as_ref()
            .map_or(region.span.start, |c| c.span.start - 8_000);
        let from = from
            .max(region.launch_ns - 400_000)
            .max(region.span.start + 2_000);
        let sync = Span::new(
            region.compile.as_ref().map_or(from, |c| c.span.start - 8_000),
            region.launch_ns + 18_000,
        );
        pair(text, BRIDGE_PID, PID, "SyncTensorsGraphInternal", "", sync);
        let span = Span::new(region.launch_ns, region.launch_ns + 17_000);
        pair(text, BRIDGE_PID, LAUNCH_TID, "LaunchSyncTensorsGraph", "", span);
    }
    let copy = inside(iteration.wait, 500);
    pair(text, BRIDGE_PID, PID, "copy_hpu_lazy_D2H_internal", "", copy);
}

//! What each device did, as far as a verdict asks.

use crate::analyze::device::device_time::DeviceWork;
use crate::analyze::gaps::activity::Activity;
use crate::analyze::gaps::requests::WithoutRequests;
use crate::analyze::gaps::step_idle::is_not_launched;
use crate::analyze::gaps::{DEVICE_FLOOR_NS, Host, rank_of};
use crate::analyze::report::Cause;
use crate::analyze::steps::verdict::DeviceShares;
use crate::base::{Union, show};

/// What each device did, as far as a verdict asks.
pub fn device_shares(host: &Host<'_>) -> Vec<DeviceShares> {
    let without = WithoutRequests::of(host.index, host.vocabulary, host.waiting);
    let devices = host.devices.iter().zip(&host.idle).enumerate();
    devices
        .map(|(place, (device, idle))| {
            let of_rank = rank_of(host, place);
            let compiling = host.compiles.of_rank(of_rank);
            let unknown = host.vocabulary.clock_offset_ns.map(|offset| {
                format!(
                    "the clocks of host and device disagree by about {}",
                    show::about(offset)
                )
            });
            DeviceShares {
                device: device.device,
                rank: device.rank.clone(),
                of_rank,
                // A compile waits for locks and workers of its own: that is the compile's time.
                waiting: without.of_rank(of_rank).without(&compiling),
                compiling,
                works: device.works(),
                busy: device.busy.clone(),
                launch_unknown: Union::of(
                    idle.iter()
                        .flat_map(|idle| idle.pieces())
                        .filter(|p| p.cause == Cause::Unlinked)
                        .map(|p| p.span),
                ),
                lost: host.lost[place].clone(),
                unlinked: host.unlinked[place],
                not_launched: unknown
                    .is_none()
                    .then(|| not_launched(host, device, idle.as_ref())),
                unknown,
            }
        })
        .collect()
}

/// When a device is idle and its next work is not launched yet. Where launches are not linked one by one: in gaps that
/// are longer than the device's own, by what the host did.
pub(super) fn not_launched(host: &Host<'_>, device: &DeviceWork, idle: Option<&Activity>) -> Union {
    if let Some(idle) = idle {
        let pieces = idle.pieces().iter();
        let of_host = pieces.filter(|p| is_not_launched(p.cause));
        return Union::of(of_host.map(|p| p.span));
    }
    let gaps = Union::of(device.busy.gaps().filter(|g| g.len_ns() >= DEVICE_FLOOR_NS));
    let others = host
        .of_threads
        .pieces()
        .iter()
        .filter(|p| p.cause == Cause::NoLoad);
    gaps.without(&Union::of(others.map(|p| p.span)))
}

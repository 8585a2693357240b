//! Gaps of a device, and how they are divided by cause.

use crate::analyze::gaps::activity::{Activity, ByCause, Divider, Whose};
use crate::analyze::gaps::gap_statistics::summarise;
use crate::analyze::gaps::gap_words::{longest, says_with_place};
use crate::analyze::gaps::{Asked, DEVICE_FLOOR_NS, Host, capture_window, rank_of, share};
use crate::analyze::report::{Cause, GapKind, Gaps, device_name};
use crate::base::{Span, show};

pub(super) fn device_gaps(host: &Host<'_>, asked: Asked<'_>, place: usize) -> Option<Gaps> {
    let device = host.devices.get(place)?;
    let idle = host.idle.get(place)?.as_ref();
    let rank = rank_of(host, place);
    let busy = &device.busy;
    let extent = busy.extent()?;
    let mut divider = GapDivider::of(host, idle);
    let (mut gaps, measured) = summarise(
        asked.n_longest,
        busy.gaps().filter(|&g| asked.has(host, g)),
        |gap| {
            // What the host did meanwhile cannot be told where the clocks disagree.
            match host.vocabulary.clock_offset_ns {
                Some(_) if gap.len_ns() >= DEVICE_FLOOR_NS => unaccounted(gap),
                _ => divider.divide(gap, gap),
            }
        },
    );
    gaps.kind = GapKind::Device;
    gaps.r#where = format!("device {}", device_name(device.device, device.rank.as_deref()));
    gaps.coverage = capture_window(host).map(|window| share(extent.intersect(window), window));
    gaps.definition = format!(
        "Time in which no work of the device runs (compute, communication, copies), between its first and its last \
         recorded work. Gaps shorter than {} are scheduling on the device itself.",
        show::duration(DEVICE_FLOOR_NS)
    );
    gaps.longest = longest(host, &measured, |gap, cause| {
        says_with_place(host, gap, cause, &Whose::Rank(rank))
    });
    Some(gaps)
}

/// Divides gaps of a device, in order of start, by cause.
pub struct GapDivider<'h> {
    pub(super) divider: Divider<'h>,
    /// Whether launches are known.
    pub(super) is_linked: bool,
}

impl<'h> GapDivider<'h> {
    /// By why the device is idle; where that is not known, by what the host did.
    pub fn of(host: &'h Host<'_>, idle: Option<&'h Activity>) -> GapDivider<'h> {
        GapDivider {
            divider: idle.unwrap_or(&host.of_threads).divider(),
            is_linked: idle.is_some(),
        }
    }

    /// Divides the part `inside` of `gap`.
    pub fn divide(&mut self, gap: Span, inside: Span) -> ByCause {
        match self.is_linked {
            // Where it is not idle it works on what does not end the gap.
            true => self.divider.divide_else(inside, Cause::Device),
            // Whether a gap is the device's own is judged by all of it.
            false if gap.len_ns() < DEVICE_FLOOR_NS => divide_device_gap(&mut self.divider, inside),
            false => self.divider.divide(inside),
        }
    }
}

/// A gap below the floor is the device's own; of a longer one each instant has the host's cause.
pub(super) fn divide_device_gap(divider: &mut Divider<'_>, gap: Span) -> ByCause {
    if gap.len_ns() >= DEVICE_FLOOR_NS {
        return divider.divide(gap);
    }
    let mut by_cause = ByCause::default();
    by_cause[Cause::Device as usize] = gap.len_ns();
    by_cause
}

pub(super) fn unaccounted(gap: Span) -> ByCause {
    let mut by_cause = ByCause::default();
    by_cause[Cause::Unaccounted as usize] = gap.len_ns();
    by_cause
}

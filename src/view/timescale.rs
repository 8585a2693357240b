//! The window of time on screen: zoom and pan. How time lies along an axis is [`crate::plot::axis`]'s business.

use crate::base::Span;

pub use crate::plot::axis::{
    DurationScale, Tick, Ticks, TimeScale, fitting, round_duration, seconds, ticks, whole_ns,
};

/// The shortest window: at 1000 px, a tenth of a nanosecond a pixel.
pub const MIN_WINDOW_NS: i64 = 100;

/// The nearest whole number of pixels; 0 for negative ones.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates; negative and past 2^32 are no widths"
)]
pub fn whole_px(px: f64) -> u32 {
    px.round() as u32
}

/// `window` moved and cut so that it lies in `bounds`, no shorter than [`MIN_WINDOW_NS`].
pub fn kept_in(window: Span, bounds: Span) -> Span {
    let longest = bounds.len_ns().max(MIN_WINDOW_NS);
    let len = window.len_ns().clamp(MIN_WINDOW_NS, longest);
    let start = window
        .start
        .clamp(bounds.start, bounds.start.saturating_add(longest - len));
    Span::new(start, start.saturating_add(len))
}

/// `window` made `factor` times as long; the instant `about_ns` stays at its place on screen.
pub fn zoomed(window: Span, about_ns: i64, factor: f64, bounds: Span) -> Span {
    let old = window.len_ns().max(1) as f64;
    let longest = bounds.len_ns().max(MIN_WINDOW_NS);
    let len = whole_ns(old * factor).clamp(MIN_WINDOW_NS, longest);
    let before = about_ns.saturating_sub(window.start) as f64 / old;
    let start = about_ns.saturating_sub(whole_ns(len as f64 * before));
    kept_in(Span::new(start, start.saturating_add(len)), bounds)
}

/// `window` moved by `by_ns`, as far as `bounds` allow.
pub fn panned(window: Span, by_ns: i64, bounds: Span) -> Span {
    let start = window.start.saturating_add(by_ns);
    kept_in(Span::new(start, start.saturating_add(window.len_ns())), bounds)
}

/// `span` with some room on both sides, as a window.
pub fn around(span: Span, bounds: Span) -> Span {
    let room = (span.len_ns() / 3).max(MIN_WINDOW_NS);
    kept_in(
        Span::new(span.start.saturating_sub(room), span.end.saturating_add(room)),
        bounds,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 1_795_316_000_005_283_000;

    #[test]
    fn zooming_keeps_the_instant_under_the_pointer() {
        let bounds = Span::new(DAY, DAY + 1_000_000);
        let before = Span::new(DAY + 100_000, DAY + 500_000);
        let after = zoomed(before, DAY + 200_000, 0.5, bounds);
        assert_eq!(after, Span::new(DAY + 150_000, DAY + 350_000));
        assert_eq!(zoomed(after, DAY + 200_000, 2.0, bounds), before);
    }

    #[test]
    fn a_window_never_leaves_its_bounds_nor_shrinks_to_nothing() {
        let bounds = Span::new(0, 1_000_000);
        assert_eq!(
            zoomed(Span::new(0, 500), 250, 1e-9, bounds).len_ns(),
            MIN_WINDOW_NS
        );
        assert_eq!(zoomed(Span::new(0, 500_000), 1, 1e9, bounds), bounds);
        assert_eq!(panned(Span::new(0, 500_000), -70, bounds), Span::new(0, 500_000));
        assert_eq!(
            panned(Span::new(0, 400_000), 999_999, bounds),
            Span::new(600_000, 1_000_000)
        );
        assert_eq!(kept_in(Span::new(5, 5), Span::new(5, 5)), Span::new(5, 105));
    }
}

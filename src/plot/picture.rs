//! A plot that a reader works with: what its places stand for, to be picked or brushed.

use serde::{Deserialize, Serialize};

use crate::base::Span;

use super::Plot;
use super::axis::whole_ns;

/// A brush of the keyboard is so wide at least, as a part of the width: dots have no width.
const LEAST_BRUSH: f64 = 1e-4;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    pub plot: Plot,
    /// From left to right: in this order the keyboard goes through them.
    pub picks: Vec<Pick>,
    pub across: Across,
}

/// What lies along the horizontal axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Across {
    /// Instants of this window.
    Time(Span),
    /// Durations, in the bins that [`Picture::picks`] are.
    #[default]
    Lengths,
}

/// Something to be picked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pick {
    /// Its left and right edge; of a dot the same.
    pub x: (f64, f64),
    pub y: f64,
    pub says: String,
    pub of: Picked,
}

/// What a [`Pick`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Picked {
    /// A step, or the longest of those that are drawn at this place.
    Step(u32),
    /// Durations in `[from, to)`, ns.
    Lengths(Span),
    /// A stretch of time.
    Time(Span),
}

impl Picture {
    /// What lies between two places along the axis, in ns: instants, or the durations of the bins that are touched.
    /// `None`: nothing does.
    pub fn brushed(&self, a: f64, b: f64) -> Option<Span> {
        let (from, to) = (a.min(b).clamp(0.0, 1.0), a.max(b).clamp(0.0, 1.0));
        let span = match self.across {
            Across::Time(window) => {
                let at = |part: f64| {
                    window
                        .start
                        .saturating_add(whole_ns(part * window.len_ns() as f64))
                };
                Span::new(at(from), at(to))
            }
            Across::Lengths => {
                let touched = self.picks.iter().filter(|pick| pick.x.0 < to && from < pick.x.1);
                let spans = touched.filter_map(|pick| match pick.of {
                    Picked::Lengths(span) => Some(span),
                    _ => None,
                });
                spans.reduce(|a, b| Span::new(a.start.min(b.start), a.end.max(b.end)))?
            }
        };
        (!span.is_empty()).then_some(span)
    }

    /// Where a stretch of the axis lies; `None` where it is outside.
    pub fn place_of(&self, span: Span) -> Option<(f64, f64)> {
        match self.across {
            Across::Time(window) => {
                let inside = span.intersect(window);
                let part = |at: i64| at.saturating_sub(window.start) as f64 / window.len_ns().max(1) as f64;
                (!inside.is_empty()).then(|| (part(inside.start), part(inside.end)))
            }
            Across::Lengths => {
                let overlaps = |pick: &&Pick| match pick.of {
                    Picked::Lengths(bin) => !bin.intersect(span).is_empty(),
                    _ => false,
                };
                let inside = self.picks.iter().filter(overlaps).map(|pick| pick.x);
                inside.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            }
        }
    }

    /// A brush after a step of the keyboard with shift, from one pick to another: it begins there, grows, or shrinks.
    pub fn stretched(&self, brush: Option<Span>, from: usize, to: usize) -> Option<Span> {
        let place = |i: usize| self.picks.get(i).map(|pick| pick.x);
        let (from, to) = (place(from)?, place(to)?);
        let now = brush.and_then(|span| self.place_of(span));
        let least = LEAST_BRUSH;
        match now {
            // The brush ends where the reader is: that end moves.
            Some((start, end)) if (end - from.1).abs() < least && start <= to.0 + least => {
                self.brushed(start, to.1.max(start + least))
            }
            Some((start, end)) if (start - from.0).abs() < least && to.1 <= end + least => {
                self.brushed(to.0.min(end - least), end)
            }
            _ => self.brushed(from.0.min(to.0), from.1.max(to.1).max(from.0.min(to.0) + least)),
        }
    }

    /// The number of the pick nearest to a place; `None`: nothing is so near. `reach` is a part of the width and of the
    /// height: bars are hit anywhere above the axis.
    pub fn nearest(&self, at: (f64, f64), reach: (f64, f64)) -> Option<usize> {
        let far = |pick: &Pick| match pick.of {
            Picked::Lengths(_) | Picked::Time(_) => {
                let outside = (pick.x.0 - at.0).max(at.0 - pick.x.1).max(0.0);
                outside / reach.0.max(1e-9)
            }
            Picked::Step(_) => {
                let (dx, dy) = (pick.x.0 - at.0, pick.y - at.1);
                (dx / reach.0.max(1e-9)).hypot(dy / reach.1.max(1e-9))
            }
        };
        let all = self.picks.iter().enumerate().map(|(i, pick)| (i, far(pick)));
        let (i, far) = all.min_by(|a, b| a.1.total_cmp(&b.1))?;
        (far <= 1.0).then_some(i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins() -> Picture {
        let bin = |n: i64, x: f64| Pick {
            x: (x, x + 0.25),
            y: 0.5,
            says: String::new(),
            of: Picked::Lengths(Span::new(n * 10, n * 10 + 10)),
        };
        Picture {
            picks: vec![bin(0, 0.0), bin(1, 0.25), bin(3, 0.75)],
            ..Picture::default()
        }
    }

    #[test]
    fn a_brush_over_bins_takes_all_of_each_bin_that_it_touches() {
        let picture = bins();
        assert_eq!(picture.brushed(0.1, 0.3), Some(Span::new(0, 20)));
        assert_eq!(
            picture.brushed(0.3, 0.1),
            Some(Span::new(0, 20)),
            "in either direction"
        );
        assert_eq!(
            picture.brushed(0.25, 0.5),
            Some(Span::new(10, 20)),
            "not the neighbours"
        );
        assert_eq!(picture.brushed(0.55, 0.7), None, "no bin is there");
        assert_eq!(picture.place_of(Span::new(5, 11)), Some((0.0, 0.5)));
        assert_eq!(picture.place_of(Span::new(50, 60)), None);
        assert_eq!(picture.nearest((0.3, 0.0), (0.01, 0.01)), Some(1));
        assert_eq!(picture.nearest((0.6, 0.0), (0.01, 0.01)), None);
    }

    #[test]
    fn the_keyboard_grows_and_shrinks_a_brush() {
        let picture = bins();
        let first = picture.stretched(None, 0, 1);
        assert_eq!(first, Some(Span::new(0, 20)));
        let more = picture.stretched(first, 1, 2);
        assert_eq!(more, Some(Span::new(0, 40)));
        assert_eq!(picture.stretched(more, 2, 1), Some(Span::new(0, 20)));
        assert_eq!(picture.stretched(None, 9, 1), None);
    }

    #[test]
    fn a_brush_over_time_comes_back_from_its_place() {
        const DAY: i64 = 1_795_316_000_005_283_000;
        let picture = Picture {
            across: Across::Time(Span::new(DAY, DAY + 1_000)),
            ..Picture::default()
        };
        let brush = picture.brushed(0.25, 0.5);
        assert_eq!(brush, Some(Span::new(DAY + 250, DAY + 500)));
        assert_eq!(
            picture.place_of(Span::new(DAY + 250, DAY + 500)),
            Some((0.25, 0.5))
        );
        assert_eq!(picture.place_of(Span::new(DAY - 10, DAY + 500)), Some((0.0, 0.5)));
        assert_eq!(picture.brushed(0.5, 0.5), None);
    }

    #[test]
    fn of_dots_the_nearest_in_reach_is_picked() {
        let dot = |x: f64, y: f64, step: u32| Pick {
            x: (x, x),
            y,
            says: String::new(),
            of: Picked::Step(step),
        };
        let picture = Picture {
            picks: vec![dot(0.5, 0.1, 0), dot(0.5, 0.9, 1)],
            ..Picture::default()
        };
        assert_eq!(picture.nearest((0.505, 0.88), (0.02, 0.05)), Some(1));
        assert_eq!(picture.nearest((0.5, 0.5), (0.02, 0.05)), None);
    }
}

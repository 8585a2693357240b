//! Axes: instants and durations to places along a line, and the round values (1, 2 or 5 times a power of ten) that
//! are written at it.
//!
//! Absolute times stay integers: today's wall clock in ns does not fit an `f64`. The window's start goes off
//! first; only what is left is a float.

pub use crate::base::log_bins::whole_ns;
use crate::base::{Span, show};

use super::{Axis, AxisTick};

/// A stretch of time laid over a width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeScale {
    pub window: Span,
    pub width_px: f64,
}

impl TimeScale {
    /// Nanoseconds that one pixel stands for.
    pub fn ns_per_px(self) -> f64 {
        self.window.len_ns().max(1) as f64 / self.width_px.max(1.0)
    }

    /// Where an instant lies, in px from the left edge; outside the window it is outside `0..width_px`.
    pub fn x(self, at_ns: i64) -> f64 {
        at_ns.saturating_sub(self.window.start) as f64 / self.ns_per_px()
    }

    /// The instant at a place, in px from the left edge.
    pub fn at(self, x_px: f64) -> i64 {
        self.window
            .start
            .saturating_add(whole_ns(x_px * self.ns_per_px()))
    }
}

/// One labelled instant of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    pub at_ns: i64,
    pub label: String,
}

/// The ticks of a time axis. Labels count from `base`, which is written once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// What every label is to be added to, from the trace's start: `"12.345 s"`; `None` for zero.
    pub base: Option<String>,
    pub step_ns: i64,
    pub ticks: Vec<Tick>,
}

/// Ticks of 1, 2 or 5 times a power of ten, at least `min_gap_px` apart, counted from `origin_ns`.
pub fn ticks(scale: TimeScale, origin_ns: i64, min_gap_px: f64) -> Ticks {
    let step_ns = round_up(whole_ns((scale.ns_per_px() * min_gap_px).max(1.0)));
    // The unit is chosen so that a step is at least a hundredth of it: two decimals say every tick.
    let (unit_ns, unit) = match step_ns {
        10_000_000.. => (1_000_000_000, "s"),
        10_000.. => (1_000_000, "ms"),
        10.. => (1_000, "µs"),
        _ => (1, "ns"),
    };
    let from = scale.window.start.saturating_sub(origin_ns);
    let base_ns = if unit_ns == 1_000_000_000 {
        0
    } else {
        // Towards zero: a window that begins a little before the origin counts from the origin.
        from / (unit_ns * 1000) * unit_ns * 1000
    };
    let mut ticks = Vec::new();
    let mut at = from.div_euclid(step_ns).saturating_mul(step_ns);
    while at <= from.saturating_add(scale.window.len_ns()) {
        if at >= from {
            let label = in_unit(at - base_ns, unit_ns, step_ns);
            ticks.push(Tick {
                at_ns: origin_ns.saturating_add(at),
                label: format!("{label} {unit}"),
            });
        }
        at = at.saturating_add(step_ns);
        if ticks.len() > 1000 {
            break;
        }
    }
    Ticks {
        base: (base_ns != 0).then(|| seconds(base_ns)),
        step_ns,
        ticks,
    }
}

fn in_unit(ns: i64, unit_ns: i64, step_ns: i64) -> String {
    let value = ns as f64 / unit_ns as f64;
    if step_ns >= unit_ns {
        format!("{value:.0}")
    } else if step_ns * 10 >= unit_ns {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// Exact seconds, without trailing zeros: `"12.345 s"`.
pub fn seconds(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let text = format!("{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The next 1, 2 or 5 times a power of ten.
fn round_up(ns: i64) -> i64 {
    let mut power = 1;
    loop {
        for digit in [1, 2, 5] {
            if power * digit >= ns {
                return power * digit;
            }
        }
        if power > i64::MAX / 100 {
            return power;
        }
        power *= 10;
    }
}

/// The last 1, 2 or 5 times a power of ten that is not more.
fn round_down(ns: i64) -> i64 {
    let power = 10_i64.pow(ns.max(1).ilog10());
    match ns / power {
        5.. => 5 * power,
        2.. => 2 * power,
        _ => power,
    }
}

/// Whether a duration is 1, 10, 100 … ns.
fn is_power_of_ten(ns: i64) -> bool {
    ns > 0 && ns == 10_i64.pow(ns.ilog10())
}

/// Room for a label along a vertical axis, as a part of its height.
const LABEL_ROOM: f64 = 0.12;

/// A round duration of a logarithmic axis.
#[derive(Clone, Debug, PartialEq)]
pub struct LogTick {
    pub ns: i64,
    /// 0 at the low end, 1 at the high end.
    pub at: f64,
    /// Empty where it would run into a neighbour's.
    pub label: String,
}

/// The durations of 1, 2 and 5 times a power of ten between two logarithms. They are labelled as far as each label has
/// `room`, a part of the axis; powers of ten go first.
pub fn log_ticks(low_log10: f64, high_log10: f64, room: f64) -> Vec<LogTick> {
    // So that a power of ten at an end is inside it.
    const SLACK: f64 = 1e-9;
    let decades = (0..=18).map(|decade| 10_i64.pow(decade));
    let rounds = decades.flat_map(|decade| [1, 2, 5].map(|digit| decade.saturating_mul(digit)));
    let tick = |ns: i64| LogTick {
        ns,
        at: ((ns as f64).log10() - low_log10) / (high_log10 - low_log10).max(SLACK),
        label: String::new(),
    };
    let is_inside = |tick: &LogTick| (-SLACK..=1.0 + SLACK).contains(&tick.at);
    let mut ticks: Vec<LogTick> = rounds.map(tick).filter(is_inside).collect();
    let mut taken: Vec<f64> = Vec::new();
    for powers in [true, false] {
        for tick in &mut ticks {
            let has_room = taken.iter().all(|other| (other - tick.at).abs() >= room);
            if is_power_of_ten(tick.ns) == powers && has_room {
                taken.push(tick.at);
                tick.label = round_duration(tick.ns);
            }
        }
    }
    ticks
}

/// A round duration for an axis: `"1 µs"`, `"50 ms"`, `"10 s"`.
pub fn round_duration(ns: i64) -> String {
    for (unit_ns, unit) in [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")] {
        if ns >= unit_ns {
            let value = ns as f64 / unit_ns as f64;
            return if ns % unit_ns == 0 {
                format!("{value:.0} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
    }
    format!("{ns} ns")
}

/// Which labels have room along an axis of this width, from the left: `character_px` wide a character, `gap_px` apart.
pub fn fitting(ticks: &[AxisTick], width_px: f64, character_px: f64, gap_px: f64) -> Vec<bool> {
    let mut taken_px = f64::NEG_INFINITY;
    let fits = |tick: &AxisTick| {
        let half_px = tick.label.chars().count() as f64 * character_px / 2.0;
        let at_px = tick.at * width_px;
        let has_room = at_px - half_px >= taken_px;
        if has_room {
            taken_px = at_px + half_px + gap_px;
        }
        has_room
    };
    ticks.iter().map(fits).collect()
}

/// An axis of durations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DurationScale {
    pub log: bool,
    pub min_ns: i64,
    pub max_ns: i64,
}

impl DurationScale {
    /// Holds `min_ns..=max_ns`: from 0 if linear; if logarithmic, from a power of ten that is at least a decade
    /// below, so that the shortest bar has a height.
    pub fn of(min_ns: i64, max_ns: i64, log: bool) -> DurationScale {
        let max_ns = max_ns.max(1);
        if log {
            let mut low = 1;
            while low <= min_ns.max(1) / 100 {
                low *= 10;
            }
            let mut high = low;
            while high < max_ns && high < i64::MAX / 10 {
                high *= 10;
            }
            DurationScale {
                log,
                min_ns: low,
                max_ns: high.max(low * 10),
            }
        } else {
            DurationScale {
                log,
                min_ns: 0,
                max_ns: max_ns.saturating_add(max_ns / 20),
            }
        }
    }

    /// Logarithmic, and no wider than the round durations around `min_ns..=max_ns`: for dots, which need no height.
    pub fn around(min_ns: i64, max_ns: i64) -> DurationScale {
        let low = round_down(min_ns.max(1));
        let high = round_up(max_ns.max(1));
        DurationScale {
            log: true,
            min_ns: low,
            max_ns: if high > low {
                high
            } else {
                round_up(low.saturating_add(1))
            },
        }
    }

    /// Where a duration lies: 0 at the low end, 1 at the high end.
    pub fn part(self, ns: i64) -> f64 {
        if self.log {
            let of = |ns: i64| (ns.max(1) as f64).log10();
            ((of(ns) - of(self.min_ns)) / (of(self.max_ns) - of(self.min_ns)).max(1e-9)).clamp(0.0, 1.0)
        } else {
            (ns as f64 / self.max_ns as f64).clamp(0.0, 1.0)
        }
    }

    /// Round durations along it.
    pub fn ticks(self) -> Vec<(i64, String)> {
        let mut ticks = Vec::new();
        if self.log {
            let log = |ns: i64| (ns.max(1) as f64).log10();
            let all = log_ticks(log(self.min_ns), log(self.max_ns), LABEL_ROOM);
            let labelled = all.into_iter().filter(|tick| !tick.label.is_empty());
            ticks.extend(labelled.map(|tick| (tick.ns, tick.label)));
        } else {
            let step = round_up((self.max_ns / 4).max(1));
            let mut at = 0;
            while at <= self.max_ns {
                ticks.push((at, if at == 0 { "0".into() } else { round_duration(at) }));
                match at.checked_add(step) {
                    Some(next) => at = next,
                    None => break,
                }
            }
        }
        ticks
    }
}

/// An axis of counts from 0 to the highest, with round ticks.
pub fn count_axis(label: &str, most: u64) -> Axis {
    let most = i64::try_from(most).unwrap_or(i64::MAX).max(1);
    let step = round_up(most / 4 + i64::from(most % 4 > 0));
    let counts = (0..=4).filter_map(|n| step.checked_mul(n));
    let ticks = counts.take_while(|&n| n <= most).map(|n| AxisTick {
        at: n as f64 / most as f64,
        label: show::count(n.unsigned_abs()),
    });
    Axis {
        label: label.to_owned(),
        ticks: ticks.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 1_795_316_000_005_283_000;

    #[test]
    fn an_instant_comes_back_from_its_pixel() {
        let scale = TimeScale {
            window: Span::new(DAY, DAY + 4_000),
            width_px: 1000.0,
        };
        assert_eq!(scale.x(DAY + 1_000), 250.0);
        assert_eq!(scale.at(250.0), DAY + 1_000);
        assert_eq!(scale.at(scale.x(DAY + 3_333)), DAY + 3_333);
    }

    #[test]
    fn counts_have_round_ticks() {
        let labels = |most: u64| -> Vec<String> {
            let axis = count_axis("steps", most);
            axis.ticks.into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(labels(1), ["0", "1"]);
        assert_eq!(labels(3), ["0", "1", "2", "3"]);
        assert_eq!(labels(92), ["0", "50"]);
        assert_eq!(labels(400), ["0", "100", "200", "300", "400"]);
        assert_eq!(labels(0), ["0", "1"]);
        assert!(count_axis("steps", u64::MAX).ticks.len() > 1);
        assert_eq!(count_axis("steps", 92).ticks[1].at, 50.0 / 92.0);
    }

    #[test]
    fn ticks_are_round_and_count_from_the_start_of_the_trace() {
        let scale = TimeScale {
            window: Span::new(DAY, DAY + 2_000_000_000),
            width_px: 800.0,
        };
        let got = ticks(scale, DAY, 100.0);
        assert_eq!(got.step_ns, 500_000_000);
        assert_eq!(got.base, None);
        let labels: Vec<&str> = got.ticks.iter().map(|t| t.label.as_str()).collect();
        assert_eq!(labels, ["0.0 s", "0.5 s", "1.0 s", "1.5 s", "2.0 s"]);
    }

    #[test]
    fn deep_in_a_trace_the_long_part_of_a_label_is_written_once() {
        let start = DAY + 12_345_678_000;
        let scale = TimeScale {
            window: Span::new(start, start + 2_000),
            width_px: 1000.0,
        };
        let got = ticks(scale, DAY, 100.0);
        assert_eq!(got.step_ns, 200);
        assert_eq!(got.base.as_deref(), Some("12.345 s"));
        assert_eq!(
            got.ticks[0],
            Tick {
                at_ns: start,
                label: "678.0 µs".into()
            }
        );
        assert_eq!(got.ticks.len(), 11);
    }

    #[test]
    fn a_window_that_begins_a_little_early_counts_from_the_start_of_the_trace() {
        let scale = TimeScale {
            window: Span::new(DAY - 1_000, DAY + 2_400_000),
            width_px: 500.0,
        };
        let got = ticks(scale, DAY, 100.0);
        assert_eq!(got.base, None);
        let labels: Vec<&str> = got.ticks.iter().map(|t| t.label.as_str()).collect();
        assert_eq!(labels, ["0.0 ms", "0.5 ms", "1.0 ms", "1.5 ms", "2.0 ms"]);
    }

    #[test]
    fn labels_that_would_touch_are_left_out() {
        let tick = |at: f64| AxisTick {
            at,
            label: "10 ms".to_owned(),
        };
        let ticks = [0.0, 0.1, 0.5, 0.8].map(tick);
        // 30 px a label and 10 between.
        assert_eq!(fitting(&ticks, 100.0, 6.0, 10.0), [true, false, true, false]);
        assert_eq!(fitting(&ticks, 1_000.0, 6.0, 10.0), [true; 4]);
    }

    #[test]
    fn durations_on_an_axis_are_round() {
        assert_eq!(round_duration(50_000_000), "50 ms");
        assert_eq!(round_duration(1_500), "1.5 µs");
        assert_eq!(seconds(12_000_000_000), "12 s");
        assert_eq!(seconds(-1_500_000_000), "-1.5 s");
        let log = DurationScale::of(3_000, 40_000, true);
        assert_eq!((log.min_ns, log.max_ns), (100, 100_000));
        assert_eq!(DurationScale::of(1_000, 40_000, true).min_ns, 100);
        assert!((log.part(10_000) - 2.0 / 3.0).abs() < 1e-12);
        let labels: Vec<String> = log.ticks().into_iter().map(|t| t.1).collect();
        assert_eq!(labels, ["100 ns", "1 µs", "10 µs", "100 µs"]);
        let dots = DurationScale::around(1_620_000, 14_000_000);
        let labels: Vec<String> = dots.ticks().into_iter().map(|t| t.1).collect();
        assert_eq!(labels, ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms"]);
        let one = DurationScale::around(2_000, 2_000);
        assert_eq!((one.min_ns, one.max_ns), (2_000, 5_000));
        let linear = DurationScale::of(3_000, 40_000, false);
        assert_eq!(linear.max_ns, 42_000);
        assert_eq!(linear.part(21_000), 0.5);
    }

    #[test]
    fn labels_of_a_logarithmic_axis_do_not_collide_and_powers_of_ten_go_first() {
        let labels = |low: f64, high: f64, room: f64| -> Vec<String> {
            log_ticks(low, high, room)
                .into_iter()
                .map(|tick| tick.label)
                .collect()
        };
        // 2 and 5 µs lie 0.15 from a power of ten.
        assert_eq!(labels(3.0, 5.0, 0.2), ["1 µs", "", "", "10 µs", "", "", "100 µs"]);
        assert_eq!(labels(3.0, 4.0, 0.2), ["1 µs", "2 µs", "5 µs", "10 µs"]);
        let places: Vec<f64> = log_ticks(3.0, 4.0, 0.2).into_iter().map(|tick| tick.at).collect();
        assert_eq!((places[0], places[3]), (0.0, 1.0));
    }

    proptest::proptest! {
        #[test]
        fn labels_of_a_logarithmic_axis_keep_their_room(low in 0f64..9.0, len in 0.1f64..6.0, room in 0.05f64..0.3) {
            let ticks = log_ticks(low, low + len, room);
            let places: Vec<f64> = ticks.iter().filter(|t| !t.label.is_empty()).map(|t| t.at).collect();
            for pair in places.windows(2) {
                proptest::prop_assert!(pair[1] - pair[0] >= room);
            }
        }

        #[test]
        fn ticks_lie_in_the_window_and_are_few(
            start in 0i64..2_000_000_000_000_000_000,
            len in 100i64..1_000_000_000_000,
            width in 50f64..4000.0,
        ) {
            let scale = TimeScale { window: Span::new(start, start + len), width_px: width };
            let got = ticks(scale, 0, 90.0);
            proptest::prop_assert!(got.ticks.iter().all(|t| start <= t.at_ns && t.at_ns <= start + len));
            proptest::prop_assert!(got.ticks.len() as f64 <= width / 90.0 + 2.0);
        }
    }
}

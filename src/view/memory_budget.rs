//! Whether a trace fits into memory, judged by its first part; and what would fit.
//!
//! A WebAssembly memory ends at 4 GiB, and a tab that needs more dies. So while a file is read, what its whole is
//! going to take is predicted: what is held for the part that is read, as many times as that part goes into the
//! file, and [`FIXED_BYTES`]. What the first part cannot know is bounded beside it ([`Estimate::most_bytes`]): torch's
//! profiler writes python frames and arrows behind all operators, and they are shorter, so that a byte of their text
//! takes up to four times the memory.

use serde::{Deserialize, Serialize};

use super::model::Span;
use crate::base::show;
use crate::base::time::CLOCK_END_NS;

/// What the engine takes for any trace: its program, buffers, answers.
pub const FIXED_BYTES: u64 = 16_000_000;
/// What a trace may take where nobody said otherwise. The rest of 4 GiB is for what a prediction cannot know.
pub const LIMIT_BYTES: u64 = 3 << 30;
/// What it may take where the reader wants to try: 256 MiB less than there is.
pub const MOST_BYTES: u64 = 15 << 28;
/// A worker that dies with so much memory probably died of that.
pub const SUSPICIOUS_BYTES: u64 = 1 << 30;
/// A part of a file is not taken for typical before it is so large.
const TELLING_PART: f64 = 0.05;
/// Past this part, what is read is worth more than being asked.
const TOO_LATE_TO_ASK: f64 = 0.5;
/// A stretch is offered a little shorter than what should fit.
const MARGIN: f64 = 0.9;
/// The category of python frames.
pub const PYTHON: &str = "python_function";
/// The category of torch's operators, which come first in its files.
pub const OPERATORS: &str = "cpu_op";
/// Bytes of memory a byte of text of python frames and arrows, at most: 50 of 200 and 31 of 122 bytes an event.
/// Operators with shapes take 0.06.
const FRAMES_PER_TEXT: f64 = 0.25;
/// An upper bound that is so much higher than what was predicted is worth saying.
const WORTH_SAYING: f64 = 1.05;
/// Bound of [`Estimate::categories`].
pub const MAX_CATEGORIES: usize = 12;

/// What the first part of a file says about its whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Bytes of the file, and how many are read.
    pub file_bytes: u64,
    pub read_bytes: u64,
    pub limit_bytes: u64,
    /// Bytes that the part takes, finishing included.
    pub part_bytes: u64,
    /// Bytes of text that the part is.
    pub text_bytes: u64,
    /// Of the last half of the part, about: bytes of the file, and bytes that they take.
    pub late_read_bytes: u64,
    pub late_part_bytes: u64,
    /// Operators of torch and no python frame so far, and frames are wanted.
    pub frames_may_follow: bool,
    /// Events of the part.
    pub events: u64,
    /// The largest, by memory; at most [`MAX_CATEGORIES`].
    pub categories: Vec<CategoryShare>,
    /// From the first time of the part to the last.
    pub times: Option<Span>,
    /// The file goes through time as it is read; otherwise each part of it spans all of the time.
    pub in_time_order: bool,
    /// The stretch of time that was asked for already.
    pub window: Option<Span>,
}

/// A category's share in the part that is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CategoryShare {
    /// `""` for events without one.
    pub category: String,
    pub events: u64,
    /// Bytes of memory.
    pub bytes: u64,
}

impl CategoryShare {
    /// Whether it is the frames of a python stack, which most readers can do without.
    pub fn is_python(&self) -> bool {
        self.category == PYTHON
    }
}

const CLOCK: Span = Span {
    start: -CLOCK_END_NS,
    end: CLOCK_END_NS,
};

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes below 2^53; a cast from float saturates"
)]
fn scaled(bytes: u64, factor: f64) -> u64 {
    (bytes as f64 * factor) as u64
}

#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn scaled_ns(ns: i64, factor: f64) -> i64 {
    (ns as f64 * factor) as i64
}

impl Estimate {
    /// How much of the file is read, 0 to 1.
    pub fn part(&self) -> f64 {
        (self.read_bytes as f64 / self.file_bytes.max(1) as f64).clamp(0.0, 1.0)
    }

    /// How much of what was asked for is read, 0 to 1.
    fn seen(&self) -> f64 {
        let in_window = |window: Span| {
            let times = self.times?;
            let seen = window.intersect(times).len_ns() as f64;
            Some(seen / window.intersect(CLOCK).len_ns().max(1) as f64)
        };
        let seen = match self.window {
            Some(window) if self.in_time_order => in_window(window).unwrap_or(0.0),
            _ => self.part(),
        };
        seen.max(1e-6)
    }

    fn whole(&self, part_bytes: u64) -> u64 {
        FIXED_BYTES.saturating_add(scaled(part_bytes, 1.0 / self.seen()))
    }

    /// Predicted peak of memory for the whole file, bytes.
    pub fn predicted_bytes(&self) -> u64 {
        self.whole(self.part_bytes)
    }

    /// The same if the rest is of the dearest kind: as the last half of the part, or as python frames where they may
    /// follow.
    pub fn most_bytes(&self) -> u64 {
        let part = self.part_bytes.max(1) as f64;
        let late = match self.late_read_bytes {
            0 => 1.0,
            read => self.late_part_bytes as f64 / read as f64 * self.read_bytes as f64 / part,
        };
        let frames = match self.frames_may_follow {
            true => self.text_bytes as f64 * FRAMES_PER_TEXT / part,
            false => 1.0,
        };
        let rest = self
            .predicted_bytes()
            .saturating_sub(FIXED_BYTES + self.part_bytes);
        let dearest = scaled(rest, late.max(frames).max(1.0));
        FIXED_BYTES
            .saturating_add(self.part_bytes)
            .saturating_add(dearest)
    }

    /// How much memory the whole takes, and how sure that is: `about 3.00 GB`, `at least 3.00 GB and up to 5.00 GB`.
    pub fn predicted_says(&self) -> String {
        let (predicted, most) = (self.predicted_bytes(), self.most_bytes());
        if most as f64 <= predicted as f64 * WORTH_SAYING {
            return format!("about {}", show::bytes(predicted));
        }
        let follow = match self.frames_may_follow {
            true => ", if python stacks follow",
            false => "",
        };
        format!(
            "at least {} (and up to {}{follow})",
            show::bytes(predicted),
            show::bytes(most)
        )
    }

    /// The same without a category.
    pub fn without_bytes(&self, share: &CategoryShare) -> u64 {
        self.whole(self.part_bytes.saturating_sub(share.bytes))
    }

    /// Whether it is time to ask what to load.
    pub fn asks(&self) -> bool {
        let telling = self.part() >= TELLING_PART || self.part_bytes >= self.limit_bytes / 2;
        let early = self.part() < TOO_LATE_TO_ASK;
        telling && early && self.window.is_none() && self.most_bytes() > self.limit_bytes
    }

    /// Whether no more can be read: what is there, finished, takes what there is.
    pub fn is_full(&self) -> bool {
        FIXED_BYTES.saturating_add(self.part_bytes) >= self.limit_bytes
    }

    /// How much of the file fits in any case, 0 to 1.
    pub fn fitting_part(&self) -> f64 {
        let room = self.limit_bytes.saturating_sub(FIXED_BYTES) as f64;
        let needed = (self.most_bytes() - FIXED_BYTES).max(1) as f64;
        (room / needed).clamp(0.0, 1.0)
    }

    /// From the first time of the trace to the last, as far as the part tells; or of what was asked for.
    pub fn whole_times(&self) -> Option<Span> {
        if self.window.is_some() {
            return self.window;
        }
        let times = self.times?;
        let len = if self.in_time_order {
            scaled_ns(times.len_ns(), 1.0 / self.part().max(1e-6))
        } else {
            times.len_ns()
        };
        Some(Span::new(times.start, times.start.saturating_add(len))).filter(|s| !s.is_empty())
    }

    /// A stretch from the start that should fit.
    pub fn fitting_times(&self) -> Option<Span> {
        let whole = self.whole_times()?;
        let part = (self.fitting_part() * MARGIN).min(1.0);
        let end = whole.start.saturating_add(scaled_ns(whole.len_ns(), part));
        Some(Span::new(whole.start, end))
    }

    /// Predicted peak of memory for a stretch, bytes, at most.
    pub fn window_bytes(&self, window: Span) -> u64 {
        let Some(whole) = self.whole_times() else {
            return self.most_bytes();
        };
        let share = window.intersect(whole).len_ns() as f64 / whole.len_ns() as f64;
        FIXED_BYTES.saturating_add(scaled(self.most_bytes() - FIXED_BYTES, share))
    }
}

/// What becomes of a trace that does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Over {
    /// Reading ends as soon as that is known, and the reader is asked what to load.
    #[default]
    Ask,
    /// As much is read as fits.
    Stop,
    /// The reader wants to try: as much is read as there can be memory.
    Try,
}

/// How much memory a trace may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryRule {
    pub limit_bytes: u64,
    pub over: Over,
}

impl Default for MemoryRule {
    fn default() -> MemoryRule {
        MemoryRule {
            limit_bytes: LIMIT_BYTES,
            over: Over::default(),
        }
    }
}

impl MemoryRule {
    /// Where reading stops.
    pub fn stop_bytes(self) -> u64 {
        match self.over {
            Over::Ask | Over::Stop => self.limit_bytes,
            Over::Try => self.limit_bytes.max(MOST_BYTES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tenth of 1 GB that takes 100 MB, 60 of them by python frames, in its first second.
    fn tenth() -> Estimate {
        Estimate {
            file_bytes: 1_000_000_000,
            read_bytes: 100_000_000,
            limit_bytes: 516_000_000,
            part_bytes: 100_000_000,
            text_bytes: 100_000_000,
            late_read_bytes: 50_000_000,
            late_part_bytes: 50_000_000,
            frames_may_follow: false,
            events: 2_000_000,
            categories: vec![CategoryShare {
                category: "python_function".into(),
                events: 1_200_000,
                bytes: 60_000_000,
            }],
            times: Some(Span::new(5_000_000_000, 6_000_000_000)),
            in_time_order: true,
            window: None,
        }
    }

    #[test]
    fn a_tenth_tells_of_the_whole() {
        let estimate = tenth();
        assert_eq!(estimate.predicted_bytes(), 1_016_000_000);
        assert_eq!(estimate.without_bytes(&estimate.categories[0]), 416_000_000);
        assert_eq!(
            estimate.whole_times(),
            Some(Span::new(5_000_000_000, 15_000_000_000))
        );
        assert_eq!(estimate.fitting_part(), 0.5);
        let fits = estimate.fitting_times().expect("there are times");
        assert_eq!(fits, Span::new(5_000_000_000, 9_500_000_000));
        assert_eq!(estimate.window_bytes(fits), 466_000_000);
        assert!(estimate.asks() && !estimate.is_full());
    }

    /// 22.4 GB of text of a torch trace, 5 % of it read: operators, 0.14 bytes of memory a byte of text.
    fn operators_first() -> Estimate {
        Estimate {
            file_bytes: 22_400_000_000,
            read_bytes: 1_120_000_000,
            limit_bytes: LIMIT_BYTES,
            part_bytes: 156_800_000,
            text_bytes: 1_120_000_000,
            late_read_bytes: 560_000_000,
            late_part_bytes: 78_400_000,
            frames_may_follow: true,
            ..Estimate::default()
        }
    }

    #[test]
    fn python_frames_behind_the_operators_are_reckoned_with() {
        let estimate = operators_first();
        // 20 times 156.8 MB, and 16 MB.
        assert_eq!(estimate.predicted_bytes(), 3_152_000_000);
        assert!(estimate.predicted_bytes() < LIMIT_BYTES);
        // The 21.28 GB to come at a quarter: 5,320 MB; 156.8 MB that are there, and 16 MB.
        let most = estimate.most_bytes();
        assert!(most.abs_diff(5_492_800_000) < 1_000, "{most}");
        assert!(estimate.asks());
        assert_eq!(
            estimate.predicted_says(),
            "at least 3.15 GB (and up to 5.49 GB, if python stacks follow)"
        );
        let seen = Estimate {
            frames_may_follow: false,
            ..estimate
        };
        assert_eq!(seen.most_bytes(), seen.predicted_bytes());
        assert_eq!(seen.predicted_says(), "about 3.15 GB");
        assert!(!seen.asks());
    }

    #[test]
    fn a_part_that_grows_dearer_is_followed() {
        // The last half takes 70 % of what the part does: the rest is 1.4 times as dear as the mean.
        let estimate = Estimate {
            late_part_bytes: 109_760_000,
            frames_may_follow: false,
            ..operators_first()
        };
        // 19 × 156.8 MB × 1.4, and 156.8 MB, and 16 MB.
        let most = estimate.most_bytes();
        assert!(most.abs_diff(4_343_680_000) < 1_000, "{most}");
        assert_eq!(estimate.predicted_says(), "at least 3.15 GB (and up to 4.34 GB)");
        // Where it grows cheaper, what was predicted is the most.
        let cheaper = Estimate {
            late_part_bytes: 1_000_000,
            ..estimate
        };
        assert_eq!(cheaper.most_bytes(), cheaper.predicted_bytes());
    }

    #[test]
    fn a_file_that_jumps_in_time_has_no_more_of_it_than_was_seen() {
        let estimate = Estimate {
            in_time_order: false,
            ..tenth()
        };
        assert_eq!(estimate.whole_times(), estimate.times);
        let fits = estimate.fitting_times().expect("there are times");
        assert_eq!(fits, Span::new(5_000_000_000, 5_450_000_000));
        assert_eq!(estimate.window_bytes(fits), 466_000_000);
    }

    #[test]
    fn it_asks_neither_too_early_nor_too_late_nor_twice() {
        let at = |read_bytes: u64| Estimate {
            read_bytes,
            part_bytes: read_bytes,
            late_read_bytes: 0,
            ..tenth()
        };
        assert!(!at(10_000_000).asks(), "a hundredth tells nothing");
        assert!(at(50_000_000).asks());
        assert!(!at(500_000_000).asks() && at(500_000_000).is_full());
        let windowed = Estimate {
            window: Some(Span::new(0, 1)),
            ..at(50_000_000)
        };
        assert!(!windowed.asks());
        let small = Estimate {
            limit_bytes: LIMIT_BYTES,
            ..at(50_000_000)
        };
        assert!(!small.asks());
    }

    #[test]
    fn of_a_stretch_so_much_is_read_as_its_time_has_passed() {
        let estimate = Estimate {
            window: Some(Span::new(5_000_000_000, 7_000_000_000)),
            ..tenth()
        };
        assert_eq!(estimate.predicted_bytes(), 216_000_000);
        assert_eq!(estimate.whole_times(), estimate.window);
        // A file that goes back in time has more of it, to its end.
        let jumps = Estimate {
            in_time_order: false,
            ..estimate
        };
        assert_eq!(jumps.predicted_bytes(), 1_016_000_000);
        let fits = jumps.fitting_times().expect("there are times");
        assert_eq!(fits, Span::new(5_000_000_000, 5_900_000_000));
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        let nothing = Estimate::default();
        assert_eq!(nothing.predicted_bytes(), FIXED_BYTES);
        assert_eq!(nothing.whole_times(), None);
        assert_eq!(nothing.window_bytes(Span::new(0, 5)), FIXED_BYTES);
    }
}

//! What of a trace is loaded: all of it, or some categories less, or a stretch of time.
//!
//! The [`Builder`](super::Builder) asks before an event becomes a row, so what is left out costs no memory. Begins
//! and ends are the exception: an end often has neither name nor category, so they are matched first, and the pair
//! stays or goes as a whole.

use serde::{Deserialize, Serialize};

use crate::base::time::CLOCK_END_NS;
use crate::base::{CategoryId, Span, show};

/// What is asked for. The default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Categories, as events spell them, whose events are left out; `""` for events without one. Metadata stays.
    pub leave_out: Vec<String>,
    /// Keeps slices that overlap it, and everything else whose time lies in it; ns on the trace's clock.
    pub window: Option<Span>,
}

impl Selection {
    /// Whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        *self == Selection::default()
    }
}

/// How many events were left out, each for one reason: its category if that is unwanted, else its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Events by category, in the order in which the categories first appeared.
    pub by_category: Vec<(String, u64)>,
    pub outside_window: u64,
    /// The window that was asked for, ns after the first time that any event of the trace has. `None` as its end:
    /// it has none.
    pub window: Option<(i64, Option<i64>)>,
}

impl LeftOut {
    /// Events, for whatever reason.
    pub fn events(&self) -> u64 {
        self.outside_window + self.by_category.iter().map(|(_, n)| n).sum::<u64>()
    }

    /// A sentence a reason.
    pub fn notes(&self) -> Vec<String> {
        let were = |n: u64| if n == 1 { "was" } else { "were" };
        let of_category = |(category, n): &(String, u64)| {
            let what = if category.is_empty() {
                "event without category".to_owned()
            } else {
                format!("{category} event")
            };
            let plural = if *n == 1 { "" } else { "s" };
            let what = match what.split_once(" without") {
                Some((event, rest)) => format!("{event}{plural} without{rest}"),
                None => format!("{what}{plural}"),
            };
            format!("{} {what} {} {ON_REQUEST}.", show::count(*n), were(*n))
        };
        let mut notes: Vec<String> = self.by_category.iter().map(of_category).collect();
        if let Some((from, to)) = self.window {
            let n = self.outside_window;
            let from = show::duration(from);
            let stretch = match to {
                Some(to) => format!("outside {from} to {}", show::duration(to)),
                None => format!("before {from}"),
            };
            notes.push(format!(
                "{} {stretch} from the start of the trace {} {ON_REQUEST}.",
                show::counted(n, "event"),
                were(n)
            ));
        }
        notes
    }
}

/// How a note about what was left out ends, but for the full stop.
pub const ON_REQUEST: &str = "left out on request";

/// Whether a slice or a moment (of no length) belongs to a window.
pub fn is_in(window: Span, span: Span) -> bool {
    span.start < window.end && (span.end > window.start || span.start >= window.start)
}

/// A selection at work.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    selection: Selection,
    /// By category: whether it is unwanted, and how many events that cost.
    categories: Vec<(bool, u64)>,
    outside_window: u64,
}

impl Selector {
    /// `None`: everything is wanted.
    pub fn new(selection: &Selection) -> Option<Box<Selector>> {
        (!selection.is_everything()).then(|| {
            Box::new(Selector {
                selection: selection.clone(),
                categories: Vec::new(),
                outside_window: 0,
            })
        })
    }

    /// Whether `n` events that make one row, with this category and from start to end, stay. `text` gives the
    /// category's text; it is asked once a category.
    pub fn keeps<'a>(
        &mut self,
        category: CategoryId,
        span: Span,
        n: u64,
        text: impl Fn(CategoryId) -> &'a str,
    ) -> bool {
        while self.categories.len() <= category.index() {
            let text = text(CategoryId(
                u16::try_from(self.categories.len()).unwrap_or(u16::MAX),
            ));
            self.categories
                .push((self.selection.leave_out.iter().any(|c| c == text), 0));
        }
        let (unwanted, left_out) = &mut self.categories[category.index()];
        if *unwanted {
            *left_out += n;
            return false;
        }
        let inside = self.selection.window.is_none_or(|window| is_in(window, span));
        if !inside {
            self.outside_window += n;
        }
        inside
    }

    /// What was left out of a trace whose first time is `first_ns`.
    pub fn left_out<'a>(&self, first_ns: i64, text: impl Fn(CategoryId) -> &'a str) -> LeftOut {
        let numbered = (0..=u16::MAX).map(CategoryId).zip(&self.categories);
        LeftOut {
            by_category: numbered
                .filter(|(_, (unwanted, _))| *unwanted)
                .map(|(id, (_, n))| (text(id).to_owned(), *n))
                .collect(),
            outside_window: self.outside_window,
            window: self.selection.window.map(|w| {
                let to = (w.end < CLOCK_END_NS).then(|| w.end.saturating_sub(first_ns));
                (w.start.saturating_sub(first_ns), to)
            }),
        }
    }
}

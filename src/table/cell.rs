//! What a table is made of: columns with a kind, cells with a value.
//!
//! A cell holds the value, never its words: how a kind is written stands in one `match` of each renderer, and for
//! people in [`Cell::words`].

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::base::{Colour, show};
use crate::dialect::terms::Bucket;

/// Where a value is unknown.
pub const UNKNOWN: &str = "–";

/// What the values of a column are, and in which unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// Nanoseconds.
    Duration,
    /// Nanoseconds on the trace's own clock; people read it from the trace's start.
    Instant,
    Count,
    /// A number that names something: a device, a rank, a step. Digits are not grouped.
    Number,
    /// The number of a step.
    Step,
    /// Bytes; may be negative.
    Bytes,
    /// 0 to 1, of what is stated.
    Share {
        of: Cow<'static, str>,
    },
    /// 10^9 bytes a second.
    Rate,
    /// A mean of counts.
    Mean,
    /// One value over another of the same unit.
    Ratio,
    Flag,
    /// A few words.
    Text,
    /// A name of the trace's own, which may be long.
    Name,
    /// A value of a closed set: phase, period, cause, evidence, kind of work.
    Term,
    Bucket,
    /// The way to a stretch of the timeline, or to a slice. It repeats other columns, so files leave it out.
    Place,
    /// A whole divided into parts, drawn as a bar; the parts are columns, too, so files leave it out.
    Parts,
    /// A value over time, drawn; files leave it out.
    Curve,
}

impl Kind {
    /// Whether it is set flush right.
    pub fn is_number(&self) -> bool {
        !matches!(
            self,
            Kind::Text | Kind::Name | Kind::Term | Kind::Flag | Kind::Place | Kind::Parts | Kind::Curve
        ) && *self != Kind::Bucket
    }

    /// Whether it is drawn and says nothing that another column does not.
    pub fn is_drawn(&self) -> bool {
        matches!(self, Kind::Place | Kind::Parts | Kind::Curve)
    }

    /// Whether rows are found by it.
    fn is_searched(&self) -> bool {
        matches!(self, Kind::Text | Kind::Name | Kind::Term | Kind::Bucket)
    }
}

/// Whether a column is shown before the reader asks for it. Files hold all columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visibility {
    ByDefault,
    OnRequest,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in JSON and CSV, with the unit: `self_cpu_ns`.
    pub key: Cow<'static, str>,
    /// `self CPU`
    pub head: Cow<'static, str>,
    /// One sentence; empty where the head says it all.
    pub means: Cow<'static, str>,
    pub kind: Kind,
    pub visibility: Visibility,
}

/// A value of a closed set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// As reports for programs name it.
    pub key: Cow<'static, str>,
    /// For people.
    pub word: Cow<'static, str>,
    /// Its colour's key; empty for none.
    pub colour: Cow<'static, str>,
    /// One sentence; empty where the word says it all.
    pub means: Cow<'static, str>,
}

impl Term {
    /// A word that is its own key.
    pub fn word(word: impl Into<Cow<'static, str>>) -> Term {
        let word = word.into();
        Term {
            key: word.clone(),
            word,
            colour: "".into(),
            means: "".into(),
        }
    }
}

/// A place that a row leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub start_ns: Option<i64>,
    pub end_ns: Option<i64>,
    pub slice: Option<u32>,
    /// What is there: `longest`.
    pub word: Cow<'static, str>,
}

/// One part of a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub word: Cow<'static, str>,
    pub colour: Colour,
    pub ns: i64,
}

/// One value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Cell {
    #[default]
    Unknown,
    /// In the unit of the column's kind.
    Int(i64),
    Real(f64),
    Flag(bool),
    Text(String),
    Term(Term),
    Bucket(Bucket),
    Place(Place),
    Parts {
        whole_ns: i64,
        parts: Vec<Part>,
    },
    /// Values of equal parts of time, and what to say of them.
    Curve {
        values: Vec<u64>,
        says: String,
    },
}

impl Cell {
    /// For people: with unit, counts grouped, `–` for unknown. Drawn kinds have no words.
    /// `origin_ns` is where the trace starts.
    pub fn words(&self, kind: &Kind, origin_ns: i64) -> String {
        match (self, kind) {
            (Cell::Unknown, _) => UNKNOWN.to_owned(),
            (Cell::Int(ns), Kind::Duration) => show::duration(*ns),
            (Cell::Int(ns), Kind::Instant) => format!("+{}", show::duration(ns.saturating_sub(origin_ns))),
            (Cell::Int(n), Kind::Bytes) if *n < 0 => format!("−{}", show::bytes(n.unsigned_abs())),
            (Cell::Int(n), Kind::Bytes) => show::bytes(n.unsigned_abs()),
            (Cell::Int(n), Kind::Count) if *n >= 0 => show::count(n.unsigned_abs()),
            (Cell::Int(n), _) => n.to_string(),
            (Cell::Real(part), Kind::Share { .. }) => show::share(*part),
            (Cell::Real(rate), Kind::Rate) => show::rate(*rate),
            (Cell::Real(ratio), Kind::Ratio) => format!("{ratio:.3}"),
            (Cell::Real(mean), _) => format!("{mean:.1}"),
            (Cell::Flag(true), _) => "yes".to_owned(),
            (Cell::Flag(false), _) => "no".to_owned(),
            (Cell::Text(text), _) => text.clone(),
            (Cell::Term(term), _) => term.word.to_string(),
            (Cell::Bucket(bucket), _) => bucket.to_string(),
            (Cell::Place(_) | Cell::Parts { .. } | Cell::Curve { .. }, _) => String::new(),
        }
    }

    /// Whether its words contain `wanted`, which is in lower case.
    pub(super) fn contains(&self, kind: &Kind, wanted: &str) -> bool {
        kind.is_searched() && self.words(kind, 0).to_lowercase().contains(wanted)
    }

    /// The value that a choice names: a term's key, else its words.
    pub(super) fn is(&self, wanted: &str) -> bool {
        match self {
            Cell::Term(term) => term.key == wanted,
            Cell::Int(n) => wanted.parse() == Ok(*n),
            Cell::Unknown => wanted.is_empty(),
            other => {
                let words = other.words(&Kind::Text, 0);
                // The page knows a long name only as far as it was told.
                words == wanted || show::clipped(&words) == wanted
            }
        }
    }

    /// Unknown is less than everything.
    pub(super) fn order(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Unknown, Cell::Unknown) => Ordering::Equal,
            (Cell::Unknown, _) => Ordering::Less,
            (_, Cell::Unknown) => Ordering::Greater,
            (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
            (Cell::Real(a), Cell::Real(b)) => a.total_cmp(b),
            (Cell::Flag(a), Cell::Flag(b)) => a.cmp(b),
            (Cell::Bucket(a), Cell::Bucket(b)) => a.cmp(b),
            (Cell::Text(a), Cell::Text(b)) => by_number_or_text(a, b),
            (Cell::Term(a), Cell::Term(b)) => a.word.cmp(&b.word),
            _ => Ordering::Equal,
        }
    }
}

/// Numbers as numbers, and before texts: columns of files are texts.
fn by_number_or_text(a: &str, b: &str) -> Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.to_lowercase().cmp(&b.to_lowercase()).then_with(|| a.cmp(b)),
    }
}

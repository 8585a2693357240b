//! Pictures as data: axes with units and round ticks, marks that mean something. Built from the report; what draws them
//! (SVG in `export`, canvases of the page) decides sizes and fonts only.
//!
//! Places are parts of the plot's width and height, 0 to 1, from the left and from the bottom.

pub mod axis;
mod budget;
mod comparison;
pub mod distribution;
pub mod gaps;
pub mod histogram;
mod picture;
pub mod steps;

use serde::{Deserialize, Serialize};

use crate::analyze::report::{Comparison, TraceReport};
use crate::base::{Colour, show};

pub use picture::{Across, Pick, Picked, Picture};

/// One picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plot {
    pub title: String,
    /// What there is to see, in words and numbers: for those who see no picture.
    pub says: String,
    pub shape: Shape,
    pub x: Axis,
    pub y: Axis,
    pub marks: Vec<Mark>,
    pub legend: Vec<Entry>,
}

impl Plot {
    /// Whether its words repeat what is written in it and in its legend: for those alone who see no picture.
    pub fn says_what_is_written(&self) -> bool {
        self.shape != Shape::Field
    }
}

/// How much room a plot takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// A field with two axes.
    #[default]
    Field,
    /// Rows of bars, as many as this.
    Rows(usize),
    /// One bar.
    Strip,
}

/// What is written along one side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// What is measured; empty where the ticks say it.
    pub label: String,
    pub ticks: Vec<AxisTick>,
}

/// A place with a label, which has its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AxisTick {
    pub at: f64,
    pub label: String,
}

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Mark {
    /// Dots of one meaning: `(x, y)`.
    Dots {
        colour: Colour,
        /// Less important than others: warm-up beside serving.
        is_pale: bool,
        at: Vec<(f64, f64)>,
    },
    /// Diamonds of one meaning.
    Diamonds {
        colour: Colour,
        /// What they stand for is recorded; else suspected, and they are hollow.
        is_filled: bool,
        at: Vec<(f64, f64)>,
    },
    /// A bar, or a part of a stacked one, between two corners.
    Bar {
        colour: Colour,
        is_pale: bool,
        from: (f64, f64),
        to: (f64, f64),
        /// What it is, with its value.
        says: String,
        /// Written in it or beside it; may be empty.
        label: String,
    },
    /// A line across the field at a value of the horizontal axis, with its label on top.
    Rule { x: f64, label: String },
    /// A line through these places, in steps: each height holds up to the next place.
    Curve { at: Vec<(f64, f64)> },
}

/// What a mark stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub sign: Sign,
    pub colour: Colour,
    pub word: String,
    /// Empty where the picture alone has it.
    pub value: String,
}

/// The form of a mark in a legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sign {
    Dot,
    PaleDot,
    Diamond,
    HollowDiamond,
    Square,
    Line,
}

/// Pixel columns of a plot's field: marks that fall into one are thinned.
pub const COLUMNS: u32 = 640;

/// The pictures of one trace, those that it has data for.
pub fn of_trace(trace: &TraceReport) -> Vec<Plot> {
    steps::steps(trace)
        .into_iter()
        .chain(gaps::gaps(trace))
        .chain(budget::budget(trace))
        .collect()
}

/// The pictures of a comparison.
pub fn of_comparison(comparison: &Comparison) -> Vec<Plot> {
    let times = comparison::step_times(comparison);
    times.into_iter().chain(comparison::causes(comparison)).collect()
}

/// An axis of durations.
fn duration_axis(label: &str, scale: axis::DurationScale) -> Axis {
    let tick = |(ns, label): (i64, String)| AxisTick {
        at: scale.part(ns),
        label,
    };
    Axis {
        label: label.to_owned(),
        ticks: scale.ticks().into_iter().map(tick).collect(),
    }
}

/// `"1.62 ms (22 %)"`
fn with_share(ns: i64, whole_ns: i64) -> String {
    format!("{} ({})", show::duration(ns), show::percent(ns, whole_ns))
}

//! What is inside an area of the timeline.

use crate::base::Span;

use super::cell::{Place, Term};
use super::table_rows::Rows;
use super::{Answers, Selected, Table, Topic};

/// Slices of some tracks that share time with a window, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    pub window: Span,
    pub n_slices: u64,
    /// Most time inside the window first.
    pub names: Vec<NamedSlices>,
}

/// See [`Area`].
#[derive(Clone, Debug, PartialEq)]
pub struct NamedSlices {
    pub name: String,
    pub class: Term,
    pub count: u64,
    /// Inside the window.
    pub total_ns: i64,
    pub self_ns: i64,
    /// Of whole slices.
    pub min_ns: i64,
    pub max_ns: i64,
    pub longest_slice: u32,
}

pub const AREA: Table = Table {
    key: "area",
    title: "Slices by name",
    definition: "Totals count only the time inside the area. Slices that contain one another count for each.",
    topic: Topic::File,
    rows: area,
};

fn area<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let (names, window, n_slices) = match answers.selected.and_then(Selected::area) {
        Some(area) => (&area.names[..], area.window.len_ns(), area.n_slices),
        None => (&[][..], 0, 0),
    };
    Rows::of(names)
        .name("name", "name", "", |of: &NamedSlices| of.name.clone())
        .term("class", "what", "", |of| of.class.clone())
        .count("count", "count", "", |of| of.count)
        .duration("total_ns", "total", "Inside the area.", |of| of.total_ns)
        .share("share", "of the area", "the area's length", move |of| {
            Some((of.total_ns, window))
        })
        .duration(
            "self_ns",
            "self",
            "Inside the area, without the slices within.",
            |of| of.self_ns,
        )
        .duration("min_ns", "shortest", "Of whole slices.", |of| of.min_ns)
        .duration("max_ns", "longest", "Of whole slices.", |of| of.max_ns)
        .place("The longest in the timeline.", |of| {
            Some(Place {
                slice: Some(of.longest_slice),
                word: "longest".into(),
                ..Place::default()
            })
        })
        .says(crate::base::show::counted(n_slices, "slice") + ".")
        .done()
}

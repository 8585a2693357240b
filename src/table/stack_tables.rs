//! Calls of stacks, by name.

use super::cell::Place;
use super::table_rows::Rows;
use super::{Answers, Selected, Table, Topic};

/// Calls of some threads inside a window, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct StackCalls {
    /// Time in which anything was open, summed over the threads.
    pub total_ns: i64,
    /// Most self time first.
    pub names: Vec<NamedCalls>,
}

/// See [`StackCalls`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamedCalls {
    pub name: String,
    pub count: u64,
    pub self_ns: i64,
    /// Of calls that are not inside a call of the same name.
    pub total_ns: i64,
    pub longest_slice: u32,
}

pub const STACKS: Table = Table {
    key: "stacks",
    title: "Calls by name",
    definition: "Calls of the stacks that are selected. Total counts calls that are not inside a call of the same \
                 name.",
    topic: Topic::Host,
    rows: stacks,
};

fn stacks<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let (names, total_ns) = match answers.selected.and_then(Selected::stacks) {
        Some(calls) => (&calls.names[..], calls.total_ns),
        None => (&[][..], 0),
    };
    let whole = "the time in which anything was open";
    Rows::of(names)
        .name("name", "name", "", |of: &NamedCalls| of.name.clone())
        .duration("self_ns", "self", "Without the calls within.", |of| of.self_ns)
        .share("self_share", "self, of all", whole, move |of| {
            Some((of.self_ns, total_ns))
        })
        .duration("total_ns", "total", "From call to return.", |of| of.total_ns)
        .share("total_share", "total, of all", whole, move |of| {
            Some((of.total_ns, total_ns))
        })
        .count("count", "calls", "", |of| of.count)
        .place("The longest in the timeline.", |of| {
            Some(Place {
                slice: Some(of.longest_slice),
                word: "longest".into(),
                ..Place::default()
            })
        })
        .sorted("self_ns", true)
        .done()
}

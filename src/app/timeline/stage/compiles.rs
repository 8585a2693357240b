//! Stretches of time in which graphs were compiled, as bands behind the tracks.

use crate::base::order;
use crate::view::{Evidence, Recompile, Span, Summary};

pub struct Compiles {
    /// Recorded compiles.
    pub recorded: Vec<Span>,
    /// Stretches that only look like a compile.
    pub suspected: Vec<Span>,
}

impl Compiles {
    pub fn of(summary: &Summary) -> Compiles {
        let spans = |suspected: bool| {
            let of = summary
                .recompiles
                .iter()
                .filter(|r| (r.evidence == Evidence::Suspected) == suspected);
            joined(of.map(Recompile::place).collect())
        };
        Compiles {
            recorded: spans(false),
            suspected: spans(true),
        }
    }
}

/// The union of spans: overlapping bands would look darker than one compile.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    order::sort(&mut spans);
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

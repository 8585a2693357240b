//! Which category of events makes the file large.

use crate::base::order;
use crate::dialect::Vocabulary;
use crate::index::Index;

use crate::analyze::report::CategoryBytes;

/// What counters, metadata and skipped events are called together.
pub const OTHER: &str = "(counters, metadata, skipped)";

/// Largest first.
pub fn bytes_by_category(index: &Index, vocabulary: &Vocabulary) -> Vec<CategoryBytes> {
    let left_out_by = |category: &str| {
        let switch = vocabulary.left_out_by.iter().find(|(of, _)| *of == category);
        switch.map(|(_, says)| (*says).to_owned())
    };
    let other = (OTHER, index.tally.other);
    let mut rows: Vec<CategoryBytes> = index
        .shares()
        .chain([other])
        .filter(|(_, share)| share.events > 0)
        .map(|(category, share)| CategoryBytes {
            category: category.to_owned(),
            events: share.events,
            text_bytes: share.text_bytes,
            left_out_by: left_out_by(category),
        })
        .collect();
    order::sort_by(&mut rows, |a, b| {
        (b.text_bytes.cmp(&a.text_bytes)).then_with(|| a.category.cmp(&b.category))
    });
    rows
}

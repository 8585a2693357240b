//! Collective work of the devices by what it says of itself: which operation, in which group, how much.

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, order};
use crate::dialect::{Role, Vocabulary};
use crate::index::Index;

use crate::analyze::report::RecordedCollective;

use super::collective_says::{CollectiveOperators, CollectiveSays};

/// Rows, most time first; more are left out.
pub const MAX_ROWS: usize = 2_000;

#[derive(Default)]
struct Sums {
    count: u64,
    total_ns: i64,
    longest: Option<(i64, SliceId)>,
}

/// Over all devices, most time first; empty where no collective work says what it is, itself or by its operator.
pub fn recorded(index: &Index, vocabulary: &Vocabulary) -> Vec<RecordedCollective> {
    let Some(operators) = CollectiveOperators::of(index, vocabulary) else {
        return Vec::new();
    };
    let mut sums: FxHashMap<CollectiveSays, Sums> = FxHashMap::default();
    for &track in vocabulary.devices.iter().flat_map(|d| &d.tracks) {
        for id in index.rows(track) {
            if vocabulary.role(id) != Role::DeviceComm {
                continue;
            }
            let Some(key) = operators.says(id) else {
                continue;
            };
            let ns = vocabulary.span(index, id).len_ns();
            let sum = sums.entry(key).or_default();
            sum.count += 1;
            sum.total_ns = sum.total_ns.saturating_add(ns);
            if sum.longest.is_none_or(|(most, _)| ns > most) {
                sum.longest = Some((ns, id));
            }
        }
    }
    let row = |(key, sum): (CollectiveSays, Sums)| -> Option<RecordedCollective> {
        let text = |name: NameId| index.text(name).to_owned();
        let (max_ns, longest) = sum.longest?;
        let count = i64::try_from(sum.count).unwrap_or(i64::MAX);
        let bytes = key.bytes.map(|bytes| bytes.saturating_mul(sum.count));
        Some(RecordedCollective {
            name: text(key.name),
            group: key.group.map(text).unwrap_or_default(),
            description: key.description.map(text).unwrap_or_default(),
            ranks: key.ranks.map(text).unwrap_or_default(),
            group_size: key.group_size,
            data_type: key.data_type.map(text),
            elements_in: key.elements_in,
            elements_out: key.elements_out,
            count: sum.count,
            total_ns: sum.total_ns,
            mean_ns: sum.total_ns / count.max(1),
            max_ns,
            bytes_each: key.bytes,
            bytes,
            gb_per_s: bytes
                .filter(|_| sum.total_ns > 0)
                .map(|bytes| bytes as f64 / sum.total_ns as f64),
            longest_slice: longest.0,
        })
    };
    let mut rows: Vec<RecordedCollective> = sums.into_iter().filter_map(row).collect();
    order::sort_by(&mut rows, |a, b| {
        let key = |r: &RecordedCollective| (std::cmp::Reverse(r.total_ns), r.longest_slice);
        key(a).cmp(&key(b))
    });
    rows.truncate(MAX_ROWS);
    rows
}

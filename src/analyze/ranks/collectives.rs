//! Collective work of the devices by what it says of itself: which operation, in which group, how much.

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, order};
use crate::dialect::vocabulary::CollectiveArgs;
use crate::dialect::{Role, Vocabulary};
use crate::index::Index;

use crate::analyze::report::RecordedCollective;

/// Rows, most time first; more are left out.
pub const MAX_ROWS: usize = 2_000;

/// What is counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    name: NameId,
    data_type: Option<NameId>,
    group: Option<NameId>,
    description: Option<NameId>,
    ranks: Option<NameId>,
    group_size: Option<i64>,
    elements_in: Option<i64>,
    elements_out: Option<i64>,
}

impl Key {
    fn of(index: &Index, args: &CollectiveArgs, id: SliceId) -> Option<Key> {
        let text = |key: &str| index.args.text(key, id);
        let whole = |key: &str| index.arg_int(key, id).filter(|&n| n >= 0);
        Some(Key {
            name: text(args.name)?,
            data_type: text(args.data_type),
            group: text(args.group),
            description: text(args.description),
            ranks: text(args.ranks),
            group_size: whole(args.group_size),
            elements_in: whole(args.elements_in),
            elements_out: whole(args.elements_out),
        })
    }
}

#[derive(Default)]
struct Sums {
    count: u64,
    total_ns: i64,
    longest: Option<(i64, SliceId)>,
}

/// Over all devices, most time first; empty where no collective work says what it is, itself or by its operator.
pub fn recorded(index: &Index, vocabulary: &Vocabulary) -> Vec<RecordedCollective> {
    let Some(args) = &vocabulary.collective_args else {
        return Vec::new();
    };
    let Some(names) = index.arg_column(args.name) else {
        return Vec::new();
    };
    // Numbers of operators come again in every rank.
    let is_one_rank = vocabulary.ranks.labels.len() < 2;
    let by_operator: FxHashMap<i64, SliceId> = names
        .ints()
        .filter(|&(id, _)| is_one_rank && !vocabulary.role(id).is_device())
        .filter_map(|(id, _)| Some((index.arg_int(args.operator, id).filter(|&n| n != 0)?, id)))
        .collect();
    let mut sums: FxHashMap<Key, Sums> = FxHashMap::default();
    for &track in vocabulary.devices.iter().flat_map(|d| &d.tracks) {
        for id in index.rows(track) {
            if vocabulary.role(id) != Role::DeviceComm {
                continue;
            }
            let operator = || {
                let number = index.arg_int(args.operator, id)?;
                Key::of(index, args, *by_operator.get(&number)?)
            };
            let Some(key) = Key::of(index, args, id).or_else(operator) else {
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
    let row = |(key, sum): (Key, Sums)| -> Option<RecordedCollective> {
        let text = |name: NameId| index.text(name).to_owned();
        let (max_ns, longest) = sum.longest?;
        let element = key.data_type.and_then(|t| (args.element_bytes)(index.text(t)));
        let count = i64::try_from(sum.count).unwrap_or(i64::MAX);
        let elements = key.elements_in.max(key.elements_out);
        let bytes_each = elements
            .and_then(|n| u64::try_from(n).ok())
            .zip(element)
            .map(|(n, bytes)| n.saturating_mul(bytes));
        let bytes = bytes_each.map(|bytes| bytes.saturating_mul(sum.count));
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
            bytes_each,
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

//! Args of slices, where an analysis asked for them.
//!
//! A number that differs from event to event has a column of its own: row 4 bytes, value 8. The others (device,
//! stream, names of a graph) come in a few hundred combinations, however long the trace is; a slice keeps the number
//! of its combination: row 4 bytes, number 4, for all of them together.

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;
use std::rc::Rc;

use super::column::Column;
use crate::base::{NameId, SliceId, order};
use crate::ingest::{ArgKind, ArgSpec};

/// Bytes of a value in a column of its own, with its row.
const OWN_BYTES: usize = 12;
/// Bytes of the number of a combination, with its row.
const SHARED_BYTES: usize = 8;

/// An arg of an event: row in the table of specs; the number, or for [`ArgKind::Text`] a [`NameId`].
pub type Value = (u16, i64);

/// Args in the order of the file, until the slices have their final order.
#[derive(Clone)]
pub struct ArgRows {
    specs: &'static [ArgSpec],
    own: Vec<(Column<u32>, Column<i64>)>,
    shared_row: Column<u32>,
    shared_set: Column<u32>,
    sets: Vec<Box<[Value]>>,
    /// Bytes of `sets` and `by_values`.
    set_bytes: usize,
    by_values: HashTable<u32>,
    /// The combination that was used last: events of a kind come in crowds.
    last: usize,
    scratch: Vec<Value>,
}

impl ArgRows {
    pub fn new(specs: &'static [ArgSpec]) -> ArgRows {
        ArgRows {
            specs,
            own: specs.iter().map(|_| Default::default()).collect(),
            shared_row: Column::default(),
            shared_set: Column::default(),
            sets: Vec::new(),
            set_bytes: 0,
            by_values: HashTable::new(),
            last: usize::MAX,
            scratch: Vec::new(),
        }
    }

    /// The args of slice `row`; once a row. Gives how many bytes they take.
    pub fn push(&mut self, row: u32, values: &[Value]) -> usize {
        self.scratch.clear();
        let mut bytes = 0;
        for &(spec, value) in values {
            if self.specs[usize::from(spec)].own_column {
                let (rows, values) = &mut self.own[usize::from(spec)];
                rows.push(row);
                values.push(value);
                bytes += OWN_BYTES;
            } else {
                self.scratch.push((spec, value));
            }
        }
        if self.scratch.is_empty() {
            return bytes;
        }
        self.scratch.sort_unstable_by_key(|v| v.0);
        if self.sets.get(self.last).is_none_or(|set| **set != *self.scratch) {
            let before = self.set_bytes;
            self.last = self.set();
            bytes += self.set_bytes - before;
        }
        self.shared_row.push(row);
        self.shared_set.push(u32::try_from(self.last).unwrap_or(u32::MAX));
        bytes + SHARED_BYTES
    }

    /// Bytes held by the columns and the combinations.
    pub fn bytes(&self) -> usize {
        column_bytes(&self.own, &self.shared_row) + self.set_bytes
    }

    /// The int arg `key` of all rows that have it.
    pub fn ints(&self, key: &str) -> impl Iterator<Item = (u32, i64)> + '_ {
        let spec = self
            .specs
            .iter()
            .position(|s| s.key == key && s.kind == ArgKind::Int);
        let own = spec.map(|spec| &self.own[spec]).into_iter();
        let own = own.flat_map(|(rows, values)| rows.iter().zip(values.iter()));
        let in_set = move |set: &[Value]| set.iter().find(|v| Some(usize::from(v.0)) == spec).map(|v| v.1);
        let by_set: Vec<Option<i64>> = self.sets.iter().map(|set| in_set(set)).collect();
        let n_shared = match by_set.iter().any(Option::is_some) {
            true => self.shared_row.len(),
            false => 0,
        };
        let shared = self
            .shared_row
            .range(0..n_shared)
            .zip(self.shared_set.range(0..n_shared));
        own.chain(shared.filter_map(move |(row, set)| Some((row, (*by_set.get(set as usize)?)?))))
    }

    /// What a row has in the columns of their own.
    pub fn own_values(&self, row: u32) -> Vec<Option<i64>> {
        let value =
            |(rows, values): &(Column<u32>, Column<i64>)| at_row(rows, SliceId(row)).map(|i| values.get(i));
        self.own.iter().map(value).collect()
    }

    /// The number of the combination in `scratch`.
    fn set(&mut self) -> usize {
        let hash = |values: &[Value]| FxBuildHasher.hash_one(values);
        let found = self.by_values.find(hash(&self.scratch), |&set| {
            *self.sets[set as usize] == *self.scratch
        });
        if let Some(&set) = found {
            return set as usize;
        }
        let set = self.sets.len();
        self.sets.push(self.scratch.as_slice().into());
        self.set_bytes += set_bytes(&self.scratch);
        let sets = &self.sets;
        self.by_values.insert_unique(
            hash(&self.scratch),
            u32::try_from(set).unwrap_or(u32::MAX),
            |&set| hash(&sets[set as usize]),
        );
        set
    }

    /// Keeps the args of these rows, ascending; `rows[i]` becomes row `i`.
    pub fn keep_rows(&mut self, rows: &[u32]) {
        let place = |row: u32| rows.binary_search(&row).ok().and_then(|i| u32::try_from(i).ok());
        for (rows, values) in &mut self.own {
            (*rows, *values) = kept(rows, values, place);
        }
        (self.shared_row, self.shared_set) = kept(&self.shared_row, &self.shared_set, place);
    }

    /// The same in the numbering of `order`: slice `order[i]` of the file is slice `i`.
    pub fn finish(self, order: &[u32]) -> Args {
        let mut place = Vec::new();
        if !self.shared_row.is_empty() || self.own.iter().any(|(rows, _)| !rows.is_empty()) {
            place = vec![0u32; order.len()];
            for (new, &old) in (0u32..).zip(order) {
                place[old as usize] = new;
            }
        }
        let (shared_row, shared_set) = placed(self.shared_row, self.shared_set, &place);
        Args {
            specs: self.specs,
            own: self
                .own
                .into_iter()
                .map(|(rows, values)| placed(rows, values, &place))
                .collect(),
            shared_row,
            shared_set,
            sets: self.sets,
            set_bytes: self.set_bytes,
        }
    }
}

/// Rows that have a new number, and their values.
pub(super) fn kept<T: Copy>(
    rows: &Column<u32>,
    values: &Column<T>,
    place: impl Fn(u32) -> Option<u32>,
) -> (Column<u32>, Column<T>) {
    let (mut to_rows, mut to_values) = (Column::default(), Column::default());
    for (row, value) in rows.iter().zip(values.iter()) {
        if let Some(row) = place(row) {
            to_rows.push(row);
            to_values.push(value);
        }
    }
    (to_rows, to_values)
}

/// Rows by their new numbers, ascending, and their values.
pub(super) fn placed<T: Copy>(
    rows: Column<u32>,
    values: Column<T>,
    place: &[u32],
) -> (Column<u32>, Column<T>) {
    let rows: Column<u32> = rows.iter().map(|row| place[row as usize]).collect();
    if rows.iter().is_sorted() {
        return (rows, values);
    }
    let mut order: Vec<u32> = (0u32..).take(rows.len()).collect();
    // Stable, because that is quick where the rows are a few ascending runs: threads that took turns.
    order.sort_by_key(|&i| rows.get(i as usize));
    (rows.gather(&order), values.gather(&order))
}

/// A combination of shared args, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Combination(u32);

/// The wanted args of all slices.
#[derive(Debug, Default)]
pub struct Args {
    specs: &'static [ArgSpec],
    own: Vec<(Column<u32>, Column<i64>)>,
    shared_row: Column<u32>,
    shared_set: Column<u32>,
    sets: Vec<Box<[Value]>>,
    set_bytes: usize,
}

impl Args {
    fn spec(&self, key: &str, kind: ArgKind) -> Option<usize> {
        self.specs.iter().position(|s| s.key == key && s.kind == kind)
    }

    /// The arg `key` (as declared) of all slices, if any slice has it.
    pub fn column(&self, key: &str) -> Option<ArgColumn<'_>> {
        let spec = self.specs.iter().position(|s| s.key == key)?;
        let (rows, own) = &self.own[spec];
        let has = |set: &[Value]| set.iter().find(|v| usize::from(v.0) == spec).map(|v| v.1);
        let by_set: Rc<[Option<i64>]> = self.sets.iter().map(|set| has(set)).collect();
        let values = if !rows.is_empty() {
            Values::Own(rows, own)
        } else if by_set.iter().any(Option::is_some) {
            Values::Shared(&self.shared_row, &self.shared_set, by_set)
        } else {
            return None;
        };
        Some(ArgColumn {
            values,
            has_zero: true,
        })
    }

    fn value(&self, spec: usize, id: SliceId) -> Option<i64> {
        let (rows, values) = &self.own[spec];
        if !rows.is_empty() {
            return at_row(rows, id).map(|i| values.get(i));
        }
        let set = self.shared_set.get(at_row(&self.shared_row, id)?);
        let set = &self.sets[set as usize];
        set.iter().find(|v| usize::from(v.0) == spec).map(|v| v.1)
    }

    /// Which combination of shared args slices have, in order of rows, from slice `first` on. Args with a column of
    /// their own are in none.
    pub fn combinations_from(&self, first: SliceId) -> impl Iterator<Item = (SliceId, Combination)> + '_ {
        let n = self.shared_row.len();
        let from = self.shared_row.partition_point(0..n, |row| row < first.0);
        let rows = self.shared_row.range(from..n).map(SliceId);
        rows.zip(self.shared_set.range(from..n).map(Combination))
    }

    /// The combination of a slice.
    pub fn combination(&self, id: SliceId) -> Option<Combination> {
        let i = at_row(&self.shared_row, id)?;
        Some(Combination(self.shared_set.get(i)))
    }

    fn value_in(&self, set: Combination, spec: usize) -> Option<i64> {
        let set = self.sets.get(set.0 as usize)?;
        set.iter().find(|v| usize::from(v.0) == spec).map(|v| v.1)
    }

    /// A whole-number arg of a combination.
    pub fn int_in(&self, set: Combination, key: &str) -> Option<i64> {
        self.value_in(set, self.spec(key, ArgKind::Int)?)
    }

    /// A text arg of a combination.
    pub fn text_in(&self, set: Combination, key: &str) -> Option<NameId> {
        let name = self.value_in(set, self.spec(key, ArgKind::Text)?)?;
        u32::try_from(name).ok().map(NameId)
    }

    /// A whole-number arg of a slice.
    pub fn int(&self, key: &str, id: SliceId) -> Option<i64> {
        self.value(self.spec(key, ArgKind::Int)?, id)
    }

    /// A text arg of a slice.
    pub fn text(&self, key: &str, id: SliceId) -> Option<NameId> {
        let texts = [ArgKind::Text, ArgKind::Json, ArgKind::Written];
        let name = self.value(texts.iter().find_map(|&kind| self.spec(key, kind))?, id)?;
        u32::try_from(name).ok().map(NameId)
    }

    /// Whether two slices have equal args, as far as they are kept.
    pub fn are_alike(&self, a: SliceId, b: SliceId) -> bool {
        let own = |id: SliceId, (rows, values): &(Column<u32>, Column<i64>)| {
            at_row(rows, id).map(|i| values.get(i))
        };
        self.combination(a) == self.combination(b)
            && self.own.iter().all(|column| own(a, column) == own(b, column))
    }

    /// Bytes held by the columns and the combinations.
    pub fn bytes(&self) -> usize {
        column_bytes(&self.own, &self.shared_row) + self.set_bytes
    }
}

/// Bytes of a combination: its values, where they are, its number by its values.
fn set_bytes(set: &[Value]) -> usize {
    size_of_val(set) + size_of::<Box<[Value]>>() + size_of::<u32>()
}

fn column_bytes(own: &[(Column<u32>, Column<i64>)], shared_row: &Column<u32>) -> usize {
    let own: usize = own.iter().map(|(rows, _)| rows.len()).sum();
    own * OWN_BYTES + shared_row.len() * SHARED_BYTES
}

pub(super) fn at_row(rows: &Column<u32>, id: SliceId) -> Option<usize> {
    let i = rows.partition_point(0..rows.len(), |row| row < id.0);
    (i < rows.len() && rows.get(i) == id.0).then_some(i)
}

/// Numbers of slices that no arg holds: a dialect found them. In order of rows.
#[derive(Clone, Default)]
pub struct Links {
    rows: Column<u32>,
    numbers: Column<i64>,
}

impl Links {
    /// Of each slice the first number counts.
    pub fn of(mut numbers: Vec<(SliceId, i64)>) -> Links {
        if !numbers.is_sorted_by_key(|&(id, _)| id) {
            order::sort_by_key(&mut numbers, |&(id, _)| id);
        }
        numbers.dedup_by_key(|&mut (id, _)| id);
        let mut links = Links::default();
        for (id, number) in numbers {
            links.rows.push(id.0);
            links.numbers.push(number);
        }
        links
    }

    pub fn column(&self) -> ArgColumn<'_> {
        ArgColumn {
            values: Values::Own(&self.rows, &self.numbers),
            has_zero: true,
        }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl PartialEq for Links {
    fn eq(&self, other: &Links) -> bool {
        self.rows.iter().eq(other.rows.iter()) && self.numbers.iter().eq(other.numbers.iter())
    }
}

impl Eq for Links {}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} links", self.len())
    }
}

#[derive(Clone)]
enum Values<'a> {
    Own(&'a Column<u32>, &'a Column<i64>),
    /// Rows, combinations, and what each combination has.
    Shared(&'a Column<u32>, &'a Column<u32>, Rc<[Option<i64>]>),
}

/// One arg of the slices that have it.
#[derive(Clone)]
pub struct ArgColumn<'a> {
    values: Values<'a>,
    has_zero: bool,
}

impl<'a> ArgColumn<'a> {
    /// The same without the slices whose value is 0.
    pub fn without_zero(self) -> ArgColumn<'a> {
        ArgColumn {
            has_zero: false,
            ..self
        }
    }

    /// Every slice that has it with its value (for texts, a [`NameId`]), in order of rows.
    pub fn ints(&self) -> impl Iterator<Item = (SliceId, i64)> + use<'a> {
        self.ints_from(SliceId(0))
    }

    /// The same, from slice `first` on.
    pub fn ints_from(&self, first: SliceId) -> impl Iterator<Item = (SliceId, i64)> + use<'a> {
        let values = self.values.clone();
        let rows = match values {
            Values::Own(rows, _) | Values::Shared(rows, ..) => rows,
        };
        let from = rows.partition_point(0..rows.len(), |row| row < first.0);
        let has_zero = self.has_zero;
        (from..)
            .zip(rows.range(from..rows.len()))
            .filter_map(move |(i, row)| {
                let value = match &values {
                    Values::Own(_, values) => values.get(i),
                    Values::Shared(_, sets, by_set) => by_set[sets.get(i) as usize]?,
                };
                (has_zero || value != 0).then_some((SliceId(row), value))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[ArgSpec] = &[
        ArgSpec {
            key: "link",
            kind: ArgKind::Int,
            own_column: true,
        },
        ArgSpec {
            key: "device",
            kind: ArgKind::Int,
            own_column: false,
        },
        ArgSpec {
            key: "stream",
            kind: ArgKind::Text,
            own_column: false,
        },
    ];

    #[test]
    fn values_follow_their_slices_into_another_order() {
        let mut rows = ArgRows::new(SPECS);
        rows.push(0, &[(0, 100), (1, 7)]);
        rows.push(1, &[]);
        rows.push(2, &[(2, 5), (1, 7)]);
        rows.push(3, &[(1, 7), (0, 103)]);
        // The file's slices 3, 2, 0, 1 become 0, 1, 2, 3.
        let args = rows.finish(&[3, 2, 0, 1]);
        let of = |key: &str| -> Vec<(u32, i64)> {
            let column = args.column(key).expect("some have it");
            column.ints().map(|(id, value)| (id.0, value)).collect()
        };
        assert_eq!(of("link"), [(0, 103), (2, 100)]);
        assert_eq!(of("device"), [(0, 7), (1, 7), (2, 7)]);
        assert_eq!(of("stream"), [(1, 5)]);
        assert_eq!(args.column("device").unwrap().ints_from(SliceId(1)).count(), 2);
        assert!(args.column("nothing").is_none());
        assert_eq!(args.int("device", SliceId(1)), Some(7));
        assert_eq!(args.int("device", SliceId(3)), None);
        assert_eq!(args.int("link", SliceId(2)), Some(100));
        assert_eq!(args.int("stream", SliceId(1)), None, "it is a text");
        assert_eq!(args.text("stream", SliceId(1)), Some(NameId(5)));
        let both = args.combination(SliceId(1)).unwrap();
        assert_eq!(
            (
                args.int_in(both, "device"),
                args.text_in(both, "stream"),
                args.int_in(both, "link")
            ),
            (Some(7), Some(NameId(5)), None)
        );
        let rows: Vec<u32> = args.combinations_from(SliceId(1)).map(|(id, _)| id.0).collect();
        assert_eq!(rows, [1, 2]);
        assert_eq!(args.combination(SliceId(3)), None);
        assert_eq!(
            args.sets.len(),
            2,
            "the order of keys does not make a combination"
        );
    }
}

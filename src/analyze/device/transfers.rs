//! Copies with their bandwidth, and synchronisations.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, order, stats};
use crate::dialect::{Role, Vocabulary};
use crate::index::Index;

use crate::analyze::report::{Copy, Sync};

#[derive(Default)]
struct Lengths {
    ns: Vec<i64>,
    longest: Option<(i64, SliceId)>,
    bytes: Option<u64>,
    bytes_ns: i64,
}

impl Lengths {
    fn add(&mut self, id: SliceId, ns: i64) {
        self.ns.push(ns);
        if self.longest.is_none_or(|(most, _)| ns > most) {
            self.longest = Some((ns, id));
        }
    }
}

fn add_to<K: Eq + Hash>(all: &mut FxHashMap<K, Lengths>, key: K, id: SliceId, ns: i64) -> &mut Lengths {
    let lengths = all.entry(key).or_default();
    lengths.add(id, ns);
    lengths
}

/// Copies and memsets of all devices by name and direction, most time first.
pub fn copies(index: &Index, vocabulary: &Vocabulary) -> Vec<Copy> {
    let mut by_name: FxHashMap<(NameId, Option<&'static str>), Lengths> = FxHashMap::default();
    let said = |id: SliceId| direction(index.arg_text(vocabulary.copy_kind_arg?, id)?);
    for &track in vocabulary.devices.iter().flat_map(|d| &d.tracks) {
        for id in index.rows(track) {
            if !matches!(vocabulary.role(id), Role::DeviceCopy | Role::DeviceSet) {
                continue;
            }
            let ns = vocabulary.span(index, id).len_ns();
            let name = index.slices.name(id);
            let direction = direction(index.text(name)).or_else(|| said(id));
            let lengths = add_to(&mut by_name, (name, direction), id, ns);
            if let Some(bytes) = index.arg_int("bytes", id).and_then(|n| u64::try_from(n).ok()) {
                lengths.bytes = Some(lengths.bytes.unwrap_or(0).saturating_add(bytes));
                lengths.bytes_ns = lengths.bytes_ns.saturating_add(ns);
            }
        }
    }
    let mut copies: Vec<Copy> = by_name
        .into_iter()
        .filter_map(|((name, direction), mut lengths)| {
            let name = index.text(name);
            let (max_ns, longest) = lengths.longest?;
            Some(Copy {
                name: name.to_owned(),
                direction: direction.map(str::to_owned),
                count: lengths.ns.len() as u64,
                total_ns: stats::sum(lengths.ns.iter().copied()),
                p50_ns: stats::quantile_of(&mut lengths.ns, 0.5)?,
                max_ns,
                bytes: lengths.bytes,
                bytes_ns: lengths.bytes_ns,
                gb_per_s: lengths
                    .bytes
                    .filter(|_| lengths.bytes_ns > 0)
                    .map(|bytes| bytes as f64 / lengths.bytes_ns as f64),
                longest_slice: longest.0,
            })
        })
        .collect();
    order::sort_by(&mut copies, |a, b| {
        (b.total_ns, &a.name, &a.direction).cmp(&(a.total_ns, &b.name, &b.direction))
    });
    copies
}

/// `HtoD` of `Memcpy HtoD (Pageable -> Device)`, of `MemcpyHtoD`, and of `HTOD`.
fn direction(says: &str) -> Option<&'static str> {
    let known = [
        "HtoD", "DtoH", "DtoD", "PtoP", "HtoH", "HtoA", "AtoH", "AtoA", "AtoD", "DtoA",
    ];
    let found = known.into_iter().find(|d| says.contains(d));
    found.or_else(|| known.into_iter().find(|d| says.eq_ignore_ascii_case(d)))
}

/// Waits of the host, and the device's records of synchronisations, by name, most time first.
pub fn syncs(index: &Index, vocabulary: &Vocabulary) -> Vec<Sync> {
    let mut by_name: FxHashMap<(NameId, &'static str), Lengths> = FxHashMap::default();
    for id in index.slices.ids() {
        let place = match vocabulary.role(id) {
            Role::Wait => "host",
            Role::SyncRecord => "device",
            _ => continue,
        };
        let ns = index.slices.dur(id).as_ns();
        add_to(&mut by_name, (index.slices.name(id), place), id, ns);
    }
    let mut syncs: Vec<Sync> = by_name
        .into_iter()
        .filter_map(|((name, place), mut lengths)| {
            let (max_ns, longest) = lengths.longest?;
            Some(Sync {
                name: index.text(name).to_owned(),
                place: place.to_owned(),
                count: lengths.ns.len() as u64,
                total_ns: stats::sum(lengths.ns.iter().copied()),
                p50_ns: stats::quantile_of(&mut lengths.ns, 0.5)?,
                max_ns,
                longest_slice: longest.0,
            })
        })
        .collect();
    order::sort_by(&mut syncs, |a, b| {
        (b.total_ns, &a.name, &a.place).cmp(&(a.total_ns, &b.name, &b.place))
    });
    syncs
}

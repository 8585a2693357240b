//! The profiler's own table of kernels beside the timeline.

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, order};
use crate::dialect::Vocabulary;
use crate::dialect::tables_beside::{KernelTable, OperatorStatistic};
use crate::index::Index;

use crate::analyze::report::KernelDetails;

/// Table and timeline round a start apart by at most this.
const SAME_START_NS: i64 = 2;

/// The slice of each row: device work that starts at the same time, by name; of several the nearest. `None` where the
/// timeline has none, or is not there.
pub fn slices_of(table: &KernelTable, index: &Index, vocabulary: &Vocabulary) -> Vec<Option<SliceId>> {
    if table.rows.is_empty() {
        return Vec::new();
    }
    let mut work: Vec<(i64, SliceId)> = Vec::new();
    for &track in vocabulary.devices.iter().flat_map(|d| &d.tracks) {
        let rows = index.rows(track);
        work.extend(rows.map(|id| (index.slices.start(id).as_ns(), id)));
    }
    order::sort_by_key(&mut work, |&work| work);
    let mut same_name: FxHashMap<NameId, Option<NameId>> = FxHashMap::default();
    table
        .rows
        .iter()
        .map(|row| {
            let name = *same_name
                .entry(row.name)
                .or_insert_with(|| index.names.lookup(table.text(row.name)));
            let name = name?;
            let from = work.partition_point(|w| w.0 < row.start_ns.saturating_sub(SAME_START_NS));
            let near = work[from..]
                .iter()
                .take_while(|w| w.0 <= row.start_ns.saturating_add(SAME_START_NS));
            // Many slices may start at one time; a kernel's own is among the first of its name.
            let same = near.take(64).filter(|w| index.slices.name(w.1) == name);
            same.min_by_key(|w| (w.0.abs_diff(row.start_ns), w.1))
                .map(|w| w.1)
        })
        .collect()
}

/// What the table holds in all.
pub fn details(table: &KernelTable, slices: &[Option<SliceId>]) -> Option<KernelDetails> {
    if table.rows.is_empty() {
        return None;
    }
    let of = |collective: bool| {
        table
            .rows
            .iter()
            .filter(move |row| row.is_collective == collective)
    };
    let sum = |collective| of(collective).fold(0_i64, |sum, row| sum.saturating_add(row.dur_ns));
    Some(KernelDetails {
        rows: table.rows.len() as u64,
        kernels: of(false).count() as u64,
        collectives: of(true).count() as u64,
        kernel_ns: sum(false),
        collective_ns: sum(true),
        in_timeline: slices.iter().flatten().count() as u64,
    })
}

/// Kernels by kind, core and device, most time first; collectives and rows without a kind are left out, as the
/// profiler's own table leaves them out.
pub fn statistics(table: &KernelTable) -> Vec<OperatorStatistic> {
    let mut by_kind: FxHashMap<(Option<i64>, NameId, NameId), OperatorStatistic> = FxHashMap::default();
    let mut total: FxHashMap<Option<i64>, i64> = FxHashMap::default();
    for row in &table.rows {
        if row.is_collective || table.text(row.kind).is_empty() {
            continue;
        }
        let statistic = by_kind
            .entry((row.device, row.kind, row.core))
            .or_insert_with(|| OperatorStatistic {
                device: row.device,
                kind: table.text(row.kind).to_owned(),
                core: table.text(row.core).to_owned(),
                count: 0,
                total_ns: 0,
                min_ns: row.dur_ns,
                mean_ns: 0,
                max_ns: row.dur_ns,
                part: 0.0,
            });
        statistic.count += 1;
        statistic.total_ns = statistic.total_ns.saturating_add(row.dur_ns);
        statistic.min_ns = statistic.min_ns.min(row.dur_ns);
        statistic.max_ns = statistic.max_ns.max(row.dur_ns);
        let total = total.entry(row.device).or_default();
        *total = total.saturating_add(row.dur_ns);
    }
    let mut rows: Vec<OperatorStatistic> = by_kind.into_values().collect();
    for row in &mut rows {
        let n = i64::try_from(row.count).unwrap_or(i64::MAX);
        // A sum that stopped at the clock's end makes a mean that lies outside.
        row.mean_ns = (row.total_ns.saturating_add(n / 2) / n).clamp(row.min_ns, row.max_ns);
        let all = total.get(&row.device).copied().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        if all > 0 {
            row.part = row.total_ns as f64 / all as f64;
        }
    }
    order::sort_by(&mut rows, |a, b| {
        let key = |r: &OperatorStatistic| (r.device, std::cmp::Reverse(r.total_ns));
        key(a)
            .cmp(&key(b))
            .then_with(|| (&a.kind, &a.core).cmp(&(&b.kind, &b.core)))
    });
    rows
}

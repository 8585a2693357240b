//! The grid of bucket coverage.

use rustc_hash::FxHashSet;

use crate::base::order;
use crate::view::model::{BucketCoverage, Phase};

/// What became of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Neither warmed nor served.
    Absent,
    /// Warmed up, never served; runs while warming up.
    Warmed(u64),
    /// Served by so many steps, and warmed up before.
    Served(u64),
    /// Served by so many steps, never warmed up.
    NotWarmed(u64),
}

/// Buckets of one phase: batch by length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverageGrid {
    pub phase: Phase,
    /// Padded batch sizes, ascending.
    pub batches: Vec<u32>,
    /// `(seq, ctx)`, ascending.
    pub columns: Vec<(Option<u32>, Option<u32>)>,
    /// A row a batch.
    pub cells: Vec<Vec<Cell>>,
}

/// Cells of [`coverage_grids`], without making them: each batch size beside each length of its phase.
pub fn grid_cells(coverage: &BucketCoverage) -> usize {
    let all = coverage.warmed.iter().chain(&coverage.served);
    let mut batches: FxHashSet<(Phase, u32)> = FxHashSet::default();
    let mut columns: FxHashSet<(Phase, Option<u32>, Option<u32>)> = FxHashSet::default();
    for b in all.chain(&coverage.served_not_warmed) {
        batches.insert((b.phase, b.bucket.batch));
        columns.insert((b.phase, b.bucket.seq, b.bucket.ctx));
    }
    let cells = |phase: &Phase| {
        let rows = batches.iter().filter(|row| row.0 == *phase).count();
        rows * columns.iter().filter(|column| column.0 == *phase).count()
    };
    Phase::ALL.iter().map(cells).sum()
}

/// The coverage as grids, a phase each.
pub fn coverage_grids(coverage: &BucketCoverage) -> Vec<CoverageGrid> {
    let all = || {
        coverage
            .warmed
            .iter()
            .chain(&coverage.served)
            .chain(&coverage.served_not_warmed)
    };
    let mut phases: Vec<Phase> = all().map(|b| b.phase).collect();
    order::sort(&mut phases);
    phases.dedup();
    phases
        .into_iter()
        .map(|phase| {
            let mut batches: Vec<u32> = Vec::new();
            let mut columns: Vec<(Option<u32>, Option<u32>)> = Vec::new();
            for b in all().filter(|b| b.phase == phase) {
                batches.push(b.bucket.batch);
                columns.push((b.bucket.seq, b.bucket.ctx));
            }
            order::sort(&mut batches);
            batches.dedup();
            order::sort(&mut columns);
            columns.dedup();
            let mut cells = vec![vec![Cell::Absent; columns.len()]; batches.len()];
            let mut put = |list: &[crate::view::model::PhaseBucket], cell: fn(u64) -> Cell| {
                for b in list.iter().filter(|b| b.phase == phase) {
                    let row = batches.binary_search(&b.bucket.batch);
                    let column = columns.binary_search(&(b.bucket.seq, b.bucket.ctx));
                    if let (Ok(row), Ok(column)) = (row, column) {
                        cells[row][column] = cell(b.count);
                    }
                }
            };
            // Later ones override: a served bucket is in `warmed`, and a not warmed one in `served`, too.
            put(&coverage.warmed, Cell::Warmed);
            put(&coverage.served, Cell::Served);
            put(&coverage.served_not_warmed, Cell::NotWarmed);
            CoverageGrid {
                phase,
                batches,
                columns,
                cells,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::model::{Bucket, PhaseBucket};

    #[test]
    fn a_bucket_served_without_warm_up_stands_out() {
        let at = |batch, ctx, count| PhaseBucket {
            phase: Phase::Decode,
            bucket: Bucket {
                batch,
                seq: Some(1),
                ctx: Some(ctx),
            },
            count,
        };
        let coverage = BucketCoverage {
            warmed: vec![at(4, 128, 2), at(8, 128, 2)],
            served: vec![at(4, 128, 40), at(4, 256, 5)],
            served_not_warmed: vec![at(4, 256, 5)],
            ..BucketCoverage::default()
        };
        let grids = coverage_grids(&coverage);
        assert_eq!(grids.len(), 1);
        assert_eq!(grids[0].batches, [4, 8]);
        assert_eq!(grids[0].columns, [(Some(1), Some(128)), (Some(1), Some(256))]);
        assert_eq!(grids[0].cells[0], [Cell::Served(40), Cell::NotWarmed(5)]);
        assert_eq!(grids[0].cells[1], [Cell::Warmed(2), Cell::Absent]);
        // Batches 4 and 8, contexts 128 and 256.
        assert_eq!(grid_cells(&coverage), 4);
    }
}

//! From rows in the order of the file to the finished [`Index`]: matched, sorted, nested.

use super::Builder;
use super::rows::{by_track_and_start, layer_of, sorted_instants};
use super::unreturned::end_unreturned;
use crate::base::{CategoryId, DefectKind, Defects};
use crate::index::column::Column;
use crate::index::nest::{Nesting, nest};
use crate::index::pyramid::Lanes;
use crate::index::trace_columns::{Container, Family, Index, NO_PARENT, Pairs, Slices, Track};

impl Builder {
    /// Rows as slices stand in the index. Of slices of equal extent the outermost is first: by category, then by the
    /// numbers that tracers give to calls as they start (those with columns of their own), then by place in the file.
    /// Of begins and ends, which are the rows from `first_pair` on, the place in the file says it.
    fn order(&self, first_pair: u32) -> Vec<u32> {
        let layers: Vec<u8> = (0..=u16::MAX)
            .take(self.categories.names.len())
            .map(|id| layer_of(&self.category_text(CategoryId(id)).to_ascii_lowercase()))
            .collect();
        let layer = |row: u32| match row < first_pair {
            true => layers.get(usize::from(self.rows.category.get(row as usize))),
            false => None,
        };
        let mut outermost = |rows: &mut [u32]| {
            let numbers = |row: u32| match row < first_pair {
                true => self.args.own_values(row),
                false => Vec::new(),
            };
            // Stable: the order of the file is left where nothing else decides.
            rows.sort_by_cached_key(|&row| (layer(row).copied().unwrap_or_default(), numbers(row)));
        };
        by_track_and_start(&self.rows, self.tracks.list.len(), &mut outermost)
    }

    /// The index of all events so far, and what was wrong with them.
    pub fn finish(mut self, bare_array: bool) -> (Index, Defects) {
        self.counters.count_not_finite(&mut self.defects);
        self.leave_out_strays();
        self.tell_threads_apart();
        let first_pair = self.rows.start.len();
        let end_at = self.match_edges();
        let divided = self.tell_ranks_apart();
        let order = self.order(u32::try_from(first_pair).unwrap_or(u32::MAX));
        let left_out = self.left_out();
        let mut index = Index {
            container: if bare_array {
                Container::Array
            } else {
                Container::Object
            },
            categories: self.categories.names,
            header: self.header,
            n_events: self.n_events,
            tally: self.tally,
            left_out,
            parts_of: divided.parts_of,
            launched_by: divided.launched_by,
            ..Index::default()
        };
        let mut ends = vec![0u32; self.tracks.list.len()];
        for track in self.rows.track.iter() {
            ends[track as usize] += 1;
        }
        drop(std::mem::take(&mut self.rows.track));
        index.slices = Slices {
            start: self.rows.start.gather(&order),
            dur: self.rows.dur.gather(&order),
            at: self.rows.at.gather(&order),
            name: self.rows.name.gather(&order),
            category: self.rows.category.gather(&order),
            parent: Column::default(),
            depth: Column::default(),
            end_rounding: self.end_rounding.finish(&order),
        };
        let families = self.tracks.list.iter().map(|&(.., family)| family);
        end_unreturned(
            &mut index.slices,
            families.zip(ends.iter().copied()),
            &mut self.defects,
        );
        index.args = self.args.finish(&order);
        index.cpu_times = self.cpu_times.finish(&order);
        index.pairs = Pairs::placed(first_pair, &end_at, &order);
        drop(end_at);
        drop(order);
        let mut from = 0u32;
        for (&(pid, tid, family), count) in self.tracks.list.iter().zip(ends) {
            let rows = from..from + count;
            let range = rows.start as usize..rows.end as usize;
            let slices = &index.slices;
            let nesting = nest(slices.start.range(range.clone()).zip(slices.dur.range(range)));
            // What runs at the same time for itself may overlap.
            let n_overlaps = match family {
                Family::Asynchronous => 0,
                _ => nesting.n_overlaps,
            };
            self.defects.add_many(
                DefectKind::PartialOverlap,
                n_overlaps,
                nesting.first_overlap.map(|i| index.slices.at[from as usize + i]),
            );
            self.defects.add_many(
                DefectKind::TooDeep,
                nesting.n_too_deep,
                nesting.first_too_deep.map(|i| index.slices.at[from as usize + i]),
            );
            let Nesting {
                depth,
                parent,
                n_depths,
                ..
            } = nesting;
            index.slices.depth.extend(depth);
            index
                .slices
                .parent
                .extend(parent.iter().map(|&p| if p == NO_PARENT { p } else { p + from }));
            let meta = self.tracks.threads.get(&(pid, tid));
            index.tracks.push(Track {
                pid,
                tid,
                family,
                rows,
                n_depths,
                name: meta.and_then(|m| m.name),
                sort_index: meta.and_then(|m| m.sort_index),
            });
            from += count;
        }
        index.lanes = Lanes::build(&index.slices, &index.tracks);
        index.instants = sorted_instants(self.instants);
        index.memory = self.memory.sorted();
        index.flows = self.flows.sorted();
        index.counters = self.counters.sorted();
        index.processes = self.tracks.processes;
        index.process_by_pid = self.tracks.process_by_pid;
        index.names = self.names;
        (index, self.defects)
    }
}

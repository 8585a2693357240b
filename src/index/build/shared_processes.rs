//! Processes that several ranks share, because whoever put their traces into one file left the process ids alone. Each
//! rank gets a process of its own, before anything is nested or asked for.
//!
//! - Where nearly all events of a process say a rank (the arg `rank`, as TraceLens' TraceFusion writes it) and not all
//!   the same one, by that.
//! - Where several processes launched work of one device's process (every rank may call its device 0), by the call that
//!   launched it: of calls with the number of the work the one of the same operator, or the only one that is early
//!   enough. Work of which that does not tell is of the rank that all other work of its stream is of, if there is one,
//!   and else stays where it is: [`Index::launched_by`] says so.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::Builder;
use crate::base::{CategoryId, order};
use crate::index::trace_columns::{Family, Key};

#[cfg(doc)]
use crate::index::trace_columns::Index;

const RANK: &str = "rank";
const NUMBER: &str = "correlation";
const OPERATOR: &str = "External id";
const DEVICE: &str = "device";

/// More ranks than these in one process are not told apart.
const MAX_RANKS: usize = 1_024;

/// Host and device clocks agree to about this.
const CLOCK_SLACK_NS: i64 = 10_000;

/// A call of the runtime or driver.
#[derive(Clone, Copy)]
struct Call {
    pid: Key,
    start: i64,
    operator: Option<i64>,
}

/// Whose a piece of device work is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Process(Key),
    /// No call with its number is recorded.
    NoCall,
    /// Calls of several processes fit alike.
    Untold,
}

/// A piece of device work.
struct Work {
    row: u32,
    track: u32,
    owner: Owner,
}

/// Whether nearly all of `all` are `n`.
fn is_nearly_all(n: usize, all: usize) -> bool {
    n.saturating_mul(10) >= all.saturating_mul(9)
}

/// See the fields of [`Index`] with these names.
pub struct Divided {
    pub parts_of: FxHashMap<Key, Key>,
    pub launched_by: FxHashMap<Key, Option<Key>>,
}

impl Builder {
    /// Gives each rank processes of its own.
    pub(super) fn tell_ranks_apart(&mut self) -> Divided {
        let mut parts_of = FxHashMap::default();
        self.divide_by_rank(&mut parts_of);
        let launched_by = self.divide_by_launches(&mut parts_of);
        Divided {
            parts_of,
            launched_by,
        }
    }

    fn pid_of(&self, track: u32) -> Key {
        self.tracks.list[track as usize].0
    }

    fn divide_by_rank(&mut self, parts_of: &mut FxHashMap<Key, Key>) {
        let mut ranks: BTreeSet<i64> = BTreeSet::new();
        for (_, rank) in self.args.ints(RANK) {
            if ranks.len() < 2 {
                ranks.insert(rank);
            } else {
                break;
            }
        }
        if ranks.len() < 2 {
            return;
        }
        let mut events: FxHashMap<Key, usize> = FxHashMap::default();
        for track in self.rows.track.iter() {
            *events.entry(self.pid_of(track)).or_default() += 1;
        }
        let mut said: FxHashMap<Key, (BTreeSet<i64>, usize)> = FxHashMap::default();
        for (row, rank) in self.args.ints(RANK) {
            let of = said
                .entry(self.pid_of(self.rows.track.get(row as usize)))
                .or_default();
            if of.0.len() <= MAX_RANKS {
                of.0.insert(rank);
            }
            of.1 += 1;
        }
        said.retain(|pid, (ranks, n)| {
            (2..=MAX_RANKS).contains(&ranks.len()) && is_nearly_all(*n, events.get(pid).copied().unwrap_or(0))
        });
        if said.is_empty() {
            return;
        }
        let rows: Vec<(u32, i64)> = self
            .args
            .ints(RANK)
            .filter(|&(row, _)| said.contains_key(&self.pid_of(self.rows.track.get(row as usize))))
            .collect();
        let own = self.move_rows(rows, |rank| format!("rank {rank}"));
        parts_of.extend(own.into_iter().map(|((whole, _), part)| (part, whole)));
    }

    /// Puts each row into a process that is its owner's alone, named as `says`.
    fn move_rows<T: Copy + Ord + std::hash::Hash>(
        &mut self,
        rows: Vec<(u32, T)>,
        says: impl Fn(T) -> String,
    ) -> BTreeMap<(Key, T), Key> {
        let mut processes: BTreeMap<(Key, T), Key> = BTreeMap::new();
        let mut tracks: FxHashMap<(u32, T), u32> = FxHashMap::default();
        let wanted: BTreeSet<(u32, T)> = order::inserted(
            rows.iter()
                .map(|&(row, owner)| (self.rows.track.get(row as usize), owner)),
        );
        for (track, owner) in wanted {
            let (pid, tid, family) = self.tracks.list[track as usize];
            let own = match processes.get(&(pid, owner)) {
                Some(&own) => own,
                None => {
                    let own = self.own_process(pid, &says(owner));
                    processes.insert((pid, owner), own);
                    own
                }
            };
            let key: (Key, Key, Family) = (own, tid, family);
            tracks.insert(
                (track, owner),
                u32::try_from(self.tracks.list.len()).unwrap_or(u32::MAX),
            );
            self.tracks.list.push(key);
            if let Some(meta) = self.tracks.threads.get(&(pid, tid)).cloned() {
                self.tracks.threads.insert((own, tid), meta);
            }
        }
        let moved: FxHashMap<u32, u32> = rows
            .into_iter()
            .filter_map(|(row, owner)| Some((row, *tracks.get(&(self.rows.track.get(row as usize), owner))?)))
            .collect();
        let rows = (0u32..).zip(self.rows.track.iter());
        self.rows.track = rows
            .map(|(row, track)| moved.get(&row).copied().unwrap_or(track))
            .collect();
        processes
    }

    /// A process with the metadata of `pid`.
    fn own_process(&mut self, pid: Key, says: &str) -> Key {
        let own = Key::Text(self.names.intern(&format!("{} ({says})", pid.show(&self.names))));
        let like = self.tracks.process_by_pid.get(&pid);
        if let Some(mut process) = like.map(|&at| self.tracks.processes[at].clone()) {
            process.pid = own;
            self.tracks
                .process_by_pid
                .insert(own, self.tracks.processes.len());
            self.tracks.processes.push(process);
        }
        own
    }

    fn divide_by_launches(&mut self, parts_of: &mut FxHashMap<Key, Key>) -> FxHashMap<Key, Option<Key>> {
        let Some(is_call) = self.calls_of_several_processes() else {
            return FxHashMap::default();
        };
        let mut work = self.owned_work(&is_call);
        by_stream(&mut work);
        let mut by_device: BTreeMap<Key, Vec<Work>> = BTreeMap::new();
        for piece in work {
            by_device.entry(self.pid_of(piece.track)).or_default().push(piece);
        }
        let mut rows: Vec<(u32, Key)> = Vec::new();
        let mut launched_by: FxHashMap<Key, Option<Key>> = FxHashMap::default();
        for (device, work) in by_device {
            let mut n_of: BTreeMap<Key, usize> = BTreeMap::new();
            let mut n_untold = 0;
            for piece in &work {
                match piece.owner {
                    Owner::Process(pid) => *n_of.entry(pid).or_default() += 1,
                    Owner::Untold => n_untold += 1,
                    Owner::NoCall => {}
                }
            }
            let n_told: usize = n_of.values().sum();
            // Who launched a little of it is no rank.
            n_of.retain(|_, n| n.saturating_mul(10) >= n_told);
            if n_of.len() < 2 || n_untold > n_told {
                continue;
            }
            if n_untold > 0 {
                launched_by.insert(device, None);
            }
            rows.extend(work.iter().filter_map(|piece| match piece.owner {
                Owner::Process(pid) if n_of.contains_key(&pid) => Some((piece.row, pid)),
                _ => None,
            }));
        }
        if rows.is_empty() {
            return launched_by;
        }
        let shown: FxHashMap<Key, String> = rows
            .iter()
            .map(|&(_, pid)| pid)
            .collect::<FxHashSet<_>>()
            .into_iter()
            .map(|pid| (pid, pid.show(&self.names)))
            .collect();
        let own = self.move_rows(rows, |pid| format!("process {}", shown[&pid]));
        // A part may be divided again.
        let whole = |pid: Key| parts_of.get(&pid).copied().unwrap_or(pid);
        let parts: Vec<(Key, Key)> = own.iter().map(|(&(pid, _), &part)| (part, whole(pid))).collect();
        parts_of.extend(parts);
        launched_by.extend(
            own.into_iter()
                .map(|((_, launcher), device)| (device, Some(launcher))),
        );
        launched_by
    }

    /// Of each category whether it is that of calls of the runtime or driver, where several processes make such calls:
    /// a tracer records one process.
    fn calls_of_several_processes(&self) -> Option<Vec<bool>> {
        let is_call: Vec<bool> = (0..self.categories.names.len())
            .map(|id| {
                let text = self
                    .category_text(CategoryId::from_index(id))
                    .to_ascii_lowercase();
                text == "runtime" || text.ends_with("_runtime") || text.ends_with("_driver")
            })
            .collect();
        if !is_call.contains(&true) {
            return None;
        }
        let mut calls_on = vec![false; self.tracks.list.len()];
        for (track, category) in self.rows.track.iter().zip(self.rows.category.iter()) {
            calls_on[track as usize] |= is_call.get(usize::from(category)).copied().unwrap_or(false);
        }
        let processes: FxHashSet<Key> = self
            .tracks
            .list
            .iter()
            .zip(calls_on)
            .filter(|(_, has)| *has)
            .map(|(&(pid, ..), _)| pid)
            .collect();
        (processes.len() > 1).then_some(is_call)
    }

    /// Numbered work of devices, with the process that each piece's call tells.
    fn owned_work(&self, is_call: &[bool]) -> Vec<Work> {
        let is_call = |row: u32| {
            let category = self.rows.category.get(row as usize);
            is_call.get(usize::from(category)).copied().unwrap_or(false)
        };
        let mut operators: Vec<(u32, i64)> = self.args.ints(OPERATOR).collect();
        operators.sort_unstable();
        let operator_of = |row: u32| {
            let at = operators.binary_search_by_key(&row, |&(row, _)| row).ok()?;
            Some(operators[at].1).filter(|&n| n != 0)
        };
        let numbered = || self.args.ints(NUMBER).filter(|&(_, number)| number != 0);
        let mut calls: FxHashMap<i64, Vec<Call>> = FxHashMap::default();
        for (row, number) in numbered().filter(|&(row, _)| is_call(row)) {
            calls.entry(number).or_default().push(Call {
                pid: self.pid_of(self.rows.track.get(row as usize)),
                start: self.rows.start.get(row as usize),
                operator: operator_of(row),
            });
        }
        let on_device: FxHashSet<u32> = self.args.ints(DEVICE).map(|(row, _)| row).collect();
        let work = || numbered().filter(|&(row, _)| !is_call(row) && on_device.contains(&row));
        let is_before_calls = |&(row, number): &(u32, i64)| {
            let start = self.rows.start.get(row as usize);
            let of = calls.get(&number);
            of.is_some_and(|of| !of.iter().any(|call| is_early(call, start)))
        };
        // Where clocks disagree, the order of calls and work tells nothing.
        let n_before = work().filter(is_before_calls).count();
        let clocks_agree = n_before.saturating_mul(100) <= work().count();
        work()
            .map(|(row, number)| {
                let start = self.rows.start.get(row as usize);
                let of = calls.get(&number).map_or(&[][..], Vec::as_slice);
                Work {
                    row,
                    track: self.rows.track.get(row as usize),
                    owner: owner(of, start, operator_of(row), clocks_agree),
                }
            })
            .collect()
    }
}

/// Whether work that starts at `start` may be this call's.
fn is_early(call: &Call, start: i64) -> bool {
    call.start <= start.saturating_add(CLOCK_SLACK_NS)
}

/// Whose work is that starts at `start` and belongs to `operator`, by the calls with its number.
fn owner(calls: &[Call], start: i64, operator: Option<i64>, clocks_agree: bool) -> Owner {
    let only = |fits: &dyn Fn(&Call) -> bool| -> Option<Key> {
        let mut pids = calls.iter().filter(|call| fits(call)).map(|call| call.pid);
        let first = pids.next()?;
        pids.all(|pid| pid == first).then_some(first)
    };
    let is_same = |call: &Call| operator.is_some() && call.operator == operator;
    let is_early = |call: &Call| clocks_agree && is_early(call, start);
    if calls.is_empty() {
        return Owner::NoCall;
    }
    let told = only(&|_| true)
        .or_else(|| only(&is_same))
        .or_else(|| only(&|call| is_same(call) && is_early(call)))
        .or_else(|| only(&is_early));
    told.map_or(Owner::Untold, Owner::Process)
}

/// Gives what is not told of a stream to the process that launched nearly all that is told.
fn by_stream(work: &mut [Work]) {
    let mut told: FxHashMap<u32, BTreeMap<Key, usize>> = FxHashMap::default();
    for piece in work.iter() {
        if let Owner::Process(pid) = piece.owner {
            *told.entry(piece.track).or_default().entry(pid).or_default() += 1;
        }
    }
    for piece in work
        .iter_mut()
        .filter(|piece| !matches!(piece.owner, Owner::Process(_)))
    {
        let Some(of) = told.get(&piece.track) else {
            continue;
        };
        let all: usize = of.values().sum();
        let most = of.iter().max_by_key(|&(&pid, &n)| (n, std::cmp::Reverse(pid)));
        if let Some((&pid, &n)) = most
            && is_nearly_all(n, all)
        {
            piece.owner = Owner::Process(pid);
        }
    }
}

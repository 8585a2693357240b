//! Several ranks in one file, as SGLang merges them (`sglang/srt/utils/profile_merger.py`, 0.5.9).
//!
//! The pid of every event is led by its rank: `[TP00-DP01-PP00-EP00] 4711`; parts that the run does not have are left
//! out. Everything else stays as each rank wrote it, so numbers that link a call to its work, and numbers of devices,
//! come again in every rank.

use rustc_hash::FxHashMap;

use crate::index::args::Links;
use crate::index::tables::{Index, Key};

use super::pattern::Rest;
use super::vocabulary::{LaunchLink, Ranks};

/// The rank and what stands behind it.
pub fn labelled(pid: &str) -> Option<(&str, &str)> {
    let (label, rest) = pid.strip_prefix('[')?.split_once("] ")?;
    let is_part = |part: &str| {
        let mut rest = Rest(part);
        rest.eat_any(&[("TP", ()), ("DP", ()), ("PP", ()), ("EP", ())])
            .and_then(|()| rest.number::<u32>())
            .is_some_and(|_| rest.done().is_some())
    };
    label.split('-').all(is_part).then_some((label, rest))
}

/// More ranks than these are not told apart: the first by label are.
const MAX_RANKS: usize = 1_024;

/// The ranks of a merged file in order of their labels; none for other files, and where only some processes have one.
pub fn ranks(index: &Index) -> Ranks {
    let mut ranks = Ranks::default();
    let mut of: FxHashMap<Key, &str> = FxHashMap::default();
    for track in index.track_ids() {
        let pid = index.track(track).pid;
        let Key::Text(name) = pid else {
            return Ranks::default();
        };
        let Some((label, _)) = labelled(index.text(name)) else {
            return Ranks::default();
        };
        of.insert(pid, label);
    }
    let mut labels: Vec<&str> = of.values().copied().collect();
    labels.sort_unstable();
    labels.dedup();
    labels.truncate(MAX_RANKS);
    for (pid, label) in of {
        if let Ok(rank) = labels.binary_search(&label) {
            ranks.by_process.insert(pid, rank);
        }
    }
    ranks.labels = labels.into_iter().map(str::to_owned).collect();
    ranks
}

/// Numbers that are unique in the file instead of in a rank: counted up in order of rows.
pub fn launch_link(index: &Index, ranks: &Ranks, key: &str) -> Option<LaunchLink> {
    let column = index.arg_column(key)?;
    let mut numbers: FxHashMap<(usize, i64), i64> = FxHashMap::default();
    let mut next = 0;
    let links = column.ints().map(|(id, link)| {
        let rank = ranks.of(index, index.track_of(id)).unwrap_or(usize::MAX);
        let number = *numbers.entry((rank, link)).or_insert_with(|| {
            next += 1;
            next
        });
        (id, number)
    });
    Some(LaunchLink::ByRank(Links::of(links.collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_ranks_and_nothing_else() {
        for (pid, want) in [
            (
                "[TP00-DP01-PP00-EP00] 4711",
                Some(("TP00-DP01-PP00-EP00", "4711")),
            ),
            ("[TP03] GPU 0 Counters", Some(("TP03", "GPU 0 Counters"))),
            ("[Unknown] 3", None),
            ("[TP] 3", None),
            ("TP00 3", None),
            ("[TP00-x] 3", None),
        ] {
            assert_eq!(labelled(pid), want, "{pid}");
        }
    }
}

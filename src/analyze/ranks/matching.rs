//! The same collective on several ranks: by process group, and by its order within the group.
//!
//! Ranks of a group do its collectives in one order. A recording may start later on one rank than on another: the
//! orders are then moved against each other until operations, sizes and ends fit best.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::stats;
use crate::dialect::collective_words::Operation;

use super::extract::{GroupName, RankCollective, RankExtract};

/// By how many collectives one rank's recording may start later than another's.
const MAX_SHIFT: i64 = 64;
/// Pairs that are looked at for one shift.
const MAX_PAIRS: usize = 1_000;
/// Of the pairs, so many are of one operation and size.
const SAME_PART: f64 = 0.98;

/// One rank's part of a matched collective, as places in the list of ranks and in that rank's collectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub rank: usize,
    pub place: usize,
}

impl Member {
    pub fn of<'a>(&self, ranks: &[&'a RankExtract]) -> &'a RankCollective {
        &ranks[self.rank].collectives[self.place]
    }
}

/// A collective that all ranks of its group have that are here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Collectives with one number are of one group and in one order.
    pub sequence: u32,
    /// Whether the traces say which group it is.
    pub has_group: bool,
    pub operation: Operation,
    /// The most of any rank; `None` where one does not say.
    pub bytes: Option<u64>,
    /// By rank.
    pub members: Vec<Member>,
}

#[derive(Debug, Default)]
pub struct Matching {
    /// In the order of each group.
    pub all: Vec<Matched>,
    /// Collectives that another rank of their group lacks, on the rank that has most of them.
    pub unmatched: u64,
}

/// Groups; where they are not recorded, operations, since those of several groups are not in one order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    group: GroupName,
    operation: Option<Operation>,
}

pub fn matched(ranks: &[&RankExtract]) -> Matching {
    let mut sequences: BTreeMap<Key, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
    for (rank, extract) in ranks.iter().enumerate() {
        let mut by_key: BTreeMap<(u32, Option<Operation>), Vec<usize>> = BTreeMap::new();
        for (place, event) in extract.collectives.iter().enumerate() {
            let group = extract.groups.get(event.group as usize);
            let operation = Some(event.operation).filter(|_| !group.is_some_and(GroupName::is_recorded));
            by_key.entry((event.group, operation)).or_default().push(place);
        }
        for ((group, operation), places) in by_key {
            let group = extract.groups.get(group as usize).cloned().unwrap_or_default();
            let key = Key { group, operation };
            sequences
                .entry(key)
                .or_default()
                .entry(rank)
                .or_default()
                .extend(places);
        }
    }
    let mut found = Matching::default();
    for (number, (key, by_rank)) in (0..).zip(sequences) {
        // One rank that is here has none to be compared with, and lacks nothing.
        if by_rank.len() > 1 {
            add(&mut found, number, key.group.is_recorded(), by_rank, ranks);
        }
    }
    found
}

fn add(
    found: &mut Matching,
    sequence: u32,
    has_group: bool,
    mut by_rank: BTreeMap<usize, Vec<usize>>,
    ranks: &[&RankExtract],
) {
    for (&rank, places) in &mut by_rank {
        // Several groups of one rank may have become one key.
        places.sort_by_key(|&place| (ranks[rank].collectives[place].start, place));
    }
    let most = by_rank.values().map(Vec::len).max().unwrap_or(0);
    let mut all: Vec<(usize, Vec<usize>, i64)> = Vec::new();
    for (rank, places) in by_rank {
        let shift = match all.first() {
            None => Some(0),
            Some((first, of_first, _)) => shift(ranks, (*first, of_first), (rank, &places)),
        };
        let Some(shift) = shift else {
            found.unmatched += most as u64;
            return;
        };
        all.push((rank, places, shift));
    }
    let n_first = all.first().map_or(0, |(_, places, _)| places.len());
    let mut n_matched = 0;
    for number in (0_i64..).take(n_first) {
        let member = |(rank, places, shift): &(usize, Vec<usize>, i64)| {
            let place = *places.get(usize::try_from(number + shift).ok()?)?;
            Some(Member { rank: *rank, place })
        };
        let Some(members) = all.iter().map(member).collect::<Option<Vec<Member>>>() else {
            continue;
        };
        let events = || members.iter().map(|member| member.of(ranks));
        let operations: BTreeSet<Operation> = events().map(|event| event.operation).collect();
        let (Some(&operation), 1) = (operations.first(), operations.len()) else {
            continue;
        };
        let bytes: Option<Vec<u64>> = events().map(|event| event.bytes).collect();
        n_matched += 1;
        found.all.push(Matched {
            sequence,
            has_group,
            operation,
            bytes: bytes.and_then(|bytes| bytes.into_iter().max()),
            members,
        });
    }
    found.unmatched += (most as u64).saturating_sub(n_matched);
}

/// How many collectives the other rank has before the first rank's first (negative: lacks), by the least distance of
/// ends; where clocks are the traces' own, by the least spread of that distance. `None`: nothing fits.
fn shift(ranks: &[&RankExtract], first: (usize, &[usize]), other: (usize, &[usize])) -> Option<i64> {
    let bases = ranks[first.0].base_time_ns.zip(ranks[other.0].base_time_ns);
    let candidates = match first.1.len() == other.1.len() {
        true => 0..=0,
        false => -MAX_SHIFT..=MAX_SHIFT,
    };
    let least = first.1.len().min(other.1.len()).div_ceil(2);
    let score = |shift: i64| -> Option<(i64, i64, i64)> {
        let mut same = 0_usize;
        let mut distances = Vec::new();
        let mut pairs = 0_usize;
        for (at, &place) in (0_i64..).zip(first.1) {
            let Some(&beside) = usize::try_from(at + shift).ok().and_then(|at| other.1.get(at)) else {
                continue;
            };
            pairs += 1;
            if distances.len() >= MAX_PAIRS {
                continue;
            }
            let (a, b) = (
                &ranks[first.0].collectives[place],
                &ranks[other.0].collectives[beside],
            );
            let is_same_size = a.bytes == b.bytes || a.operation != Operation::AllReduce;
            same += usize::from(a.operation == b.operation && is_same_size);
            let base = bases.map_or(0, |(a, b)| b.saturating_sub(a));
            distances.push(b.end.saturating_sub(a.end).saturating_add(base));
        }
        #[expect(clippy::cast_precision_loss, reason = "a comparison of shares")]
        if pairs < least || (same as f64) < distances.len() as f64 * SAME_PART {
            return None;
        }
        let of = match bases {
            Some(_) => {
                distances.iter_mut().for_each(|ns| *ns = ns.saturating_abs());
                stats::quantile_of(&mut distances, 0.5)?
            }
            None => spread(&mut distances)?,
        };
        Some((of, shift.abs(), shift))
    };
    candidates.filter_map(score).min().map(|(.., shift)| shift)
}

/// From the 10th to the 90th percentile.
pub fn spread(values: &mut [i64]) -> Option<i64> {
    let high = stats::quantile_of(values, 0.9)?;
    Some(high.saturating_sub(stats::quantile_of(values, 0.1)?))
}

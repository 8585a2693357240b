//! One answer over all ranks of a run: who waits for whom in the collectives that they do together.
//!
//! Collectives are matched by group and order within it, clocks aligned ([`clocks`]), and arrivals compared. What ends
//! before the last rank has come was matched wrongly: such a group is left out, and that is said.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::report::{ClockMethod, MatchedCollectives, RankClocks, RankOfRun, RunRanks};
use crate::base::{order, show, stats};
use crate::dialect::collective_words::Operation;

use super::clocks_of_ranks::{Clocks, clocks};
use super::extract::RankExtract;
use super::matching::{Matched, Matching, matched};
use super::straggler;

/// Of a group's collectives, so many must overlap on all ranks; else they are not the same collectives.
const OVERLAP_PART: f64 = 0.95;
/// Ranks whose first and last arrival are no further apart arrive together, whatever the clocks' error.
const TOGETHER_NS: i64 = 2_000;
/// Rows of collectives, most time first; more are left out.
pub const MAX_ROWS: usize = 2_000;

/// A collective whose ranks' times are on one clock. In the order of its members.
pub struct Arrivals<'a> {
    pub of: &'a Matched,
    pub starts: Vec<i64>,
    pub first: i64,
    pub last: i64,
    pub end: i64,
    /// The member that comes last and by how much after all others; `None` where two come at one time.
    pub latest: Option<(usize, i64)>,
}

impl Arrivals<'_> {
    fn of<'a>(of: &'a Matched, ranks: &[&RankExtract], clocks: &Clocks) -> Option<Arrivals<'a>> {
        let mut starts = Vec::with_capacity(of.members.len());
        let mut end = i64::MIN;
        for member in &of.members {
            let offset = clocks.offsets.get(member.rank).copied().flatten()?;
            let event = member.of(ranks);
            starts.push(event.start.saturating_add(offset));
            end = end.max(event.end.saturating_add(offset));
        }
        let mut sorted = starts.clone();
        order::sort(&mut sorted);
        let (&first, &last) = (sorted.first()?, sorted.last()?);
        let second = sorted.get(sorted.len().checked_sub(2)?)?;
        let place = starts.iter().position(|&start| start == last)?;
        Some(Arrivals {
            of,
            starts,
            first,
            last,
            end,
            latest: (last > *second).then_some((place, last - second)),
        })
    }

    pub fn skew_ns(&self) -> i64 {
        self.last - self.first
    }
}

/// The comparison; `None` where these are not two ranks or more of one run.
pub fn compare(extracts: &[RankExtract]) -> Option<RunRanks> {
    let mut ranks: Vec<&RankExtract> = extracts.iter().collect();
    order::sort_by(&mut ranks, |a, b| {
        let key = |r: &RankExtract| (r.rank.is_none(), r.rank);
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    if !are_one_run(&ranks) {
        return None;
    }
    let Matching { all, unmatched } = matched(&ranks);
    let (clocks, mut says) = (clocks(&ranks, &all), Vec::new());
    says.push(head(&ranks, &clocks.found));
    let aligned = clocks.found.method != ClockMethod::None;
    let mut arrivals: Vec<Arrivals<'_>> = Vec::new();
    if aligned {
        let found = all.iter().filter_map(|of| Arrivals::of(of, &ranks, &clocks));
        arrivals.extend(found);
    }
    let error = clocks.found.error_ns.unwrap_or(0);
    let wrong = wrongly_matched(&arrivals, &ranks, error);
    arrivals.retain(|a| !wrong.contains(&a.of.sequence));
    let is_kept = |of: &&Matched| match aligned {
        true => !wrong.contains(&of.sequence),
        // Nothing shows that an order is the same where the group is not recorded.
        false => of.has_group,
    };
    let kept: Vec<&Matched> = all.iter().filter(is_kept).collect();
    let n_left_out = unmatched + (all.len() - kept.len()) as u64;
    if kept.is_empty() {
        says.push("No collective was found on all of its ranks.".to_owned());
    }
    if n_left_out > 0 {
        says.push(format!(
            "{} left out: the other ranks of the group lack them, or the traces do not say which ranks do them \
             together.",
            show::counted(n_left_out, "collective"),
        ));
    }
    let apart_ns = error.max(TOGETHER_NS);
    let mut rows: Vec<RankOfRun> = ranks.iter().map(|of| row(of)).collect();
    for of in &kept {
        for member in &of.members {
            rows[member.rank].matched += 1;
        }
    }
    if aligned && !kept.is_empty() {
        add_arrivals(&mut rows, &arrivals, &ranks);
    }
    let awaited =
        (!arrivals.is_empty()).then(|| stats::sum(arrivals.iter().filter_map(|a| Some(a.latest?.1))));
    let straggler = straggler::find(&ranks, &rows, &arrivals, apart_ns);
    match (&straggler, awaited) {
        (Some(straggler), _) => says.push(straggler.says.clone()),
        (None, Some(awaited)) if awaited > 0 => says.push(format!(
            "In {}, all ranks but one waited {} in total for the last one. No rank is last often and late enough \
             to be named the straggler.",
            show::counted(arrivals.len() as u64, "matched collective"),
            show::duration(awaited),
        )),
        (None, Some(_)) => says.push(format!(
            "In {} no rank waits for one rank alone.",
            show::counted(arrivals.len() as u64, "matched collective"),
        )),
        (None, None) => says.extend(straggler::by_durations(&ranks, &kept)),
    }
    Some(RunRanks {
        collectives: collectives(&kept, &arrivals, &ranks),
        ranks: rows,
        clocks: clocks.found,
        awaited_ns: awaited,
        straggler,
        says,
    })
}

/// Two or more, each another, on devices of one kind, of a run of one size.
fn are_one_run(ranks: &[&RankExtract]) -> bool {
    let names: BTreeSet<&str> = ranks.iter().map(|r| r.name.as_str()).collect();
    let kinds: BTreeSet<&str> = ranks.iter().map(|r| r.device_kind.as_str()).collect();
    let sizes: BTreeSet<i64> = ranks.iter().filter_map(|r| r.world_size).collect();
    ranks.len() > 1 && names.len() == ranks.len() && kinds.len() == 1 && sizes.len() < 2
}

fn head(ranks: &[&RankExtract], clocks: &RankClocks) -> String {
    let here = ranks.len() as u64;
    let world = ranks.iter().find_map(|r| r.world_size);
    let of = match world {
        Some(world) if u64::try_from(world).is_ok_and(|world| world > here) => {
            format!("{here} of {world} ranks")
        }
        _ => show::counted(here, "rank"),
    };
    format!("{of} of one run. {}", clocks.says)
}

/// Sequences of which too many end on one rank before they start on another.
fn wrongly_matched(arrivals: &[Arrivals<'_>], ranks: &[&RankExtract], error_ns: i64) -> BTreeSet<u32> {
    let mut counts: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for arrival in arrivals {
        // The root of a broadcast may be done before the others come.
        if arrival.of.has_group && !arrival.of.operation.joins() {
            continue;
        }
        let members = arrival.of.members.iter().zip(&arrival.starts);
        let overlap = members.into_iter().all(|(member, &start)| {
            let event = member.of(ranks);
            let end = start.saturating_add(event.end - event.start);
            end.saturating_add(error_ns.max(TOGETHER_NS)) >= arrival.last
        });
        let count = counts.entry(arrival.of.sequence).or_default();
        count.0 += 1;
        count.1 += u64::from(overlap);
    }
    #[expect(clippy::cast_precision_loss, reason = "a comparison of shares")]
    let is_wrong = |&(_, (all, overlap)): &(u32, (u64, u64))| (overlap as f64) < all as f64 * OVERLAP_PART;
    counts
        .into_iter()
        .filter(is_wrong)
        .map(|(sequence, _)| sequence)
        .collect()
}

fn row(of: &RankExtract) -> RankOfRun {
    let mut times = of.step_ns.clone();
    RankOfRun {
        rank: of.rank,
        name: of.name.clone(),
        file: of.file.clone(),
        steps: times.len() as u64,
        step_p50_ns: stats::quantile_of(&mut times, 0.5),
        step_p99_ns: stats::quantile_of(&mut times, 0.99),
        bound: of.bound.clone(),
        span_ns: of.span_ns,
        busy_ns: of.busy_ns,
        compute_ns: of.compute_ns,
        comm_exposed_ns: of.comm_exposed_ns,
        idle_ns: of.idle_ns,
        compiles: of.compiles,
        compile_ns: of.compile_ns,
        ..RankOfRun::default()
    }
}

/// How long a member waits for the last: not beyond its own end.
fn wait_ns(arrival: &Arrivals<'_>, member: usize, ranks: &[&RankExtract]) -> i64 {
    let event = arrival.of.members[member].of(ranks);
    (arrival.last - arrival.starts[member]).min(event.end - event.start)
}

fn add_arrivals(rows: &mut [RankOfRun], arrivals: &[Arrivals<'_>], ranks: &[&RankExtract]) {
    for row in rows.iter_mut().filter(|row| row.matched > 0) {
        (row.last, row.waits_ns, row.awaited_ns) = (Some(0), Some(0), Some(0));
    }
    let add = |sum: &mut Option<i64>, ns: i64| *sum = Some(sum.unwrap_or(0).saturating_add(ns));
    for arrival in arrivals {
        for (place, member) in arrival.of.members.iter().enumerate() {
            add(&mut rows[member.rank].waits_ns, wait_ns(arrival, place, ranks));
        }
        if let Some((place, ns)) = arrival.latest {
            let row = &mut rows[arrival.of.members[place].rank];
            row.last = Some(row.last.unwrap_or(0) + 1);
            add(&mut row.awaited_ns, ns);
        }
    }
}

/// What is counted together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    sequence: u32,
    operation: Operation,
    bytes: Option<u64>,
}

#[derive(Default)]
struct Sums<'a> {
    first: Option<&'a Matched>,
    count: u64,
    elapsed_ns: i64,
    wait_ns: i64,
    skews: Vec<i64>,
    transfers: Vec<i64>,
    last: BTreeMap<usize, u64>,
}

fn collectives(
    kept: &[&Matched],
    arrivals: &[Arrivals<'_>],
    ranks: &[&RankExtract],
) -> Vec<MatchedCollectives> {
    let key = |of: &Matched| Key {
        sequence: of.sequence,
        operation: of.operation,
        bytes: of.bytes,
    };
    let mut sums: BTreeMap<Key, Sums<'_>> = BTreeMap::new();
    for &of in kept {
        let sum = sums.entry(key(of)).or_default();
        sum.first.get_or_insert(of);
        sum.count += 1;
        for event in of.members.iter().map(|member| member.of(ranks)) {
            sum.elapsed_ns = sum.elapsed_ns.saturating_add(event.end - event.start);
        }
    }
    for arrival in arrivals {
        let Some(sum) = sums.get_mut(&key(arrival.of)) else {
            continue;
        };
        sum.skews.push(arrival.skew_ns());
        sum.transfers.push((arrival.end - arrival.last).max(0));
        for place in 0..arrival.of.members.len() {
            sum.wait_ns = sum.wait_ns.saturating_add(wait_ns(arrival, place, ranks));
        }
        if let Some((place, _)) = arrival.latest {
            *sum.last.entry(arrival.of.members[place].rank).or_default() += 1;
        }
    }
    let mut rows: Vec<MatchedCollectives> = sums
        .into_values()
        .filter_map(|sum| Some(matched_row(sum.first?, sum, ranks)))
        .collect();
    order::sort_by_key(&mut rows, |row| std::cmp::Reverse(row.elapsed_ns));
    rows.truncate(MAX_ROWS);
    rows
}

#[expect(clippy::cast_precision_loss, reason = "shares and rates for people")]
fn matched_row(of: &Matched, mut sum: Sums<'_>, ranks: &[&RankExtract]) -> MatchedCollectives {
    let here = of.members.len() as u64;
    let first = &of.members[0];
    let extract = ranks[first.rank];
    let group = extract.groups.get(first.of(ranks).group as usize);
    let size = group.and_then(|g| g.size).filter(|&n| n > 0);
    let size = size.unwrap_or(i64::try_from(here).unwrap_or(i64::MAX));
    let data_type = first.of(ranks).data_type;
    let is_aligned = sum.skews.len() as u64 == sum.count;
    let transfer = stats::quantile_of(&mut sum.transfers, 0.5).filter(|_| is_aligned);
    let algorithm = of.bytes.zip(transfer).filter(|&(_, ns)| ns > 0);
    let algorithm = algorithm.map(|(bytes, ns)| bytes as f64 / ns as f64);
    let last = sum
        .last
        .iter()
        .max_by_key(|&(&rank, &n)| (n, std::cmp::Reverse(rank)))
        .filter(|&(_, &n)| n.saturating_mul(2) >= sum.count);
    MatchedCollectives {
        group: group.map(|g| g.name.clone()).unwrap_or_default(),
        ranks: group.map(|g| g.ranks.clone()).unwrap_or_default(),
        group_size: size,
        ranks_here: here,
        operation: of.operation.key().to_owned(),
        data_type: data_type.and_then(|t| extract.data_types.get(t as usize).cloned()),
        bytes: of.bytes,
        count: sum.count,
        skew_p50_ns: stats::quantile_of(&mut sum.skews, 0.5).filter(|_| is_aligned),
        skew_p99_ns: stats::quantile_of(&mut sum.skews, 0.99).filter(|_| is_aligned),
        elapsed_ns: sum.elapsed_ns,
        wait_ns: is_aligned.then_some(sum.wait_ns),
        wait_share: (is_aligned && sum.elapsed_ns > 0).then(|| sum.wait_ns as f64 / sum.elapsed_ns as f64),
        transfer_p50_ns: transfer,
        algorithm_gb_per_s: algorithm,
        bus_gb_per_s: algorithm
            .zip(of.operation.bus())
            .map(|(rate, factor)| rate * factor(size as f64)),
        last: last.map(|(&rank, _)| ranks[rank].name.clone()),
        last_count: last.map(|(_, &n)| n),
    }
}

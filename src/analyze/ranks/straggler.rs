//! The rank for which the others wait.
//!
//! It comes last in at least half of the collectives to which ranks come apart (in runs of two or three ranks, more:
//! [`ABOVE_CHANCE`]), its median lateness is above the others' spread, and the others wait for it alone for
//! [`AWAITED_PART`] of the time or more. These rules are ours.

use std::collections::BTreeSet;

use crate::analyze::report::{RankOfRun, Straggler, Sure};
use crate::base::{order, show, stats};

use super::extract::{Before, RankExtract};
use super::matching::{Matched, Member};
use super::run::Arrivals;

/// Fewer collectives to which ranks come apart name nobody.
const MIN_APART: usize = 5;
/// Of the time from the first matched collective to the last.
const AWAITED_PART: f64 = 0.01;
/// In at least so many of the collectives.
const LAST_PART: f64 = 0.5;
/// So much more often than each rank would be last by chance, as a part of the collectives.
const ABOVE_CHANCE: f64 = 0.25;

/// Of one rank, over the collectives to which ranks come apart.
#[derive(Default)]
struct Lateness {
    late: Vec<i64>,
    others_spread: Vec<i64>,
    last: u64,
    /// In those in which it is last, and of which it is known what all ranks did before: by how much, and how much more
    /// it computed and idled before than the others.
    late_when_last_ns: i64,
    compute_ns: i64,
    idle_ns: i64,
}

/// In how many of a rank's steps there are collectives, of all of which it is known what all ranks did before.
fn steps_with_known(ranks: &[&RankExtract], rank: usize, arrivals: &[Arrivals<'_>]) -> i64 {
    let starts = &ranks[rank].step_starts;
    let (mut known, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for members in arrivals.iter().map(|a| &a.of.members) {
        let Some(own) = members.iter().find(|m| m.rank == rank) else {
            continue;
        };
        let step = starts.partition_point(|&start| start <= own.of(ranks).start);
        match knows_before(members, ranks) {
            _ if step == 0 => false,
            true => known.insert(step),
            false => unknown.insert(step),
        };
    }
    i64::try_from(known.difference(&unknown).count()).unwrap_or(i64::MAX)
}

/// Of the first collective of a recording nobody knows it, whichever rank's recording starts last.
fn knows_before(members: &[Member], ranks: &[&RankExtract]) -> bool {
    members.iter().all(|member| member.of(ranks).before.is_some())
}

pub fn find(
    ranks: &[&RankExtract],
    rows: &[RankOfRun],
    arrivals: &[Arrivals<'_>],
    apart_ns: i64,
) -> Option<Straggler> {
    let first = arrivals.iter().map(|a| a.first).min()?;
    let end = arrivals.iter().map(|a| a.end).max()?;
    let time_ns = end.saturating_sub(first);
    let mut all: Vec<Lateness> = ranks.iter().map(|_| Lateness::default()).collect();
    for arrival in arrivals.iter().filter(|a| a.skew_ns() > apart_ns) {
        add(&mut all, arrival, ranks);
    }
    let mut named: Option<(i64, Straggler)> = None;
    for (rank, of) in all.iter_mut().enumerate() {
        let steps = || steps_with_known(ranks, rank, arrivals);
        let found = judge(ranks, &rows[rank], rank, of, (time_ns, apart_ns), steps);
        if let Some(found) = found
            && named.as_ref().is_none_or(|(most, _)| found.awaited_ns > *most)
        {
            named = Some((found.awaited_ns, found));
        }
    }
    named.map(|(_, found)| found)
}

fn add(all: &mut [Lateness], arrival: &Arrivals<'_>, ranks: &[&RankExtract]) {
    let members = &arrival.of.members;
    let mut sorted: Vec<(i64, usize)> = arrival.starts.iter().copied().zip(0..).collect();
    order::sort(&mut sorted);
    let n = sorted.len();
    let last = arrival.latest.map(|(place, _)| place);
    for (at, &(start, place)) in sorted.iter().enumerate() {
        // What the others' median, first and last are without this one.
        let other = |i: usize| sorted[if i < at { i } else { i + 1 }].0;
        let late = start - other((n - 1) / 2);
        let of = &mut all[members[place].rank];
        of.late.push(late);
        of.others_spread.push(other(n - 2) - other(0));
        if last != Some(place) {
            continue;
        }
        of.last += 1;
        let Some(before) = members
            .iter()
            .map(|m| m.of(ranks).before)
            .collect::<Option<Vec<Before>>>()
        else {
            continue;
        };
        of.late_when_last_ns = of.late_when_last_ns.saturating_add(late);
        let more = |part: fn(&Before) -> i64| {
            let others = before.iter().enumerate().filter(|&(other, _)| other != place);
            let mut others: Vec<i64> = others.map(|(_, before)| part(before)).collect();
            part(&before[place]) - stats::quantile_of(&mut others, 0.5).unwrap_or(0)
        };
        of.compute_ns = of.compute_ns.saturating_add(more(|b| b.compute_ns));
        of.idle_ns = of.idle_ns.saturating_add(more(|b| b.idle_ns));
    }
}

#[expect(clippy::cast_precision_loss, reason = "comparisons of shares")]
fn judge(
    ranks: &[&RankExtract],
    row: &RankOfRun,
    rank: usize,
    of: &mut Lateness,
    (time_ns, apart_ns): (i64, i64),
    steps: impl FnOnce() -> i64,
) -> Option<Straggler> {
    let apart = of.late.len();
    let awaited_ns = row.awaited_ns?;
    let late = stats::quantile_of(&mut of.late, 0.5)?;
    let others = stats::quantile_of(&mut of.others_spread, 0.5)?;
    let needed = LAST_PART.max(1.0 / ranks.len() as f64 + ABOVE_CHANCE);
    if apart < MIN_APART
        || (of.last as f64) < apart as f64 * needed
        || late <= others.max(apart_ns)
        || (awaited_ns as f64) < time_ns as f64 * AWAITED_PART
    {
        return None;
    }
    let rest = of.late_when_last_ns - of.compute_ns - of.idle_ns;
    let (because, because_ns) = [("compute", of.compute_ns), ("idle", of.idle_ns), ("other", rest)]
        .into_iter()
        .max_by_key(|&(_, ns)| ns)?;
    let explains = because_ns > 0 && because_ns.saturating_mul(2) >= of.late_when_last_ns;
    let name = &row.name;
    let a_step = match steps() {
        steps if steps > 0 => format!("{} a step", show::duration(because_ns / steps)),
        _ => format!("{} in all", show::duration(because_ns)),
    };
    let why = match because {
        "compute" => format!("Before them it computes longer than the median of the others ({a_step})."),
        "idle" => format!(
            "Before them its device is idle longer than the median of the others ({a_step}): its work is submitted \
             or started later."
        ),
        _ => {
            format!("Before them it copies or communicates longer than the median of the others ({a_step}).")
        }
    };
    let why = match explains {
        true => why,
        false => "Neither compute nor idle time explains half of that.".to_owned(),
    };
    Some(Straggler {
        rank: ranks[rank].rank,
        name: name.clone(),
        last_count: of.last,
        apart_count: apart as u64,
        late_p50_ns: late,
        awaited_ns,
        because: explains.then(|| because.to_owned()),
        because_ns: explains.then_some(because_ns),
        sure: Sure::Derived,
        says: format!(
            "{name} is the straggler: it arrives last in {} of {} collectives to which ranks do not come together, {} \
             late in the median; the others wait {} for it alone ({} of the time). {why}",
            show::count(of.last),
            show::count(apart as u64),
            show::duration(late),
            show::duration(awaited_ns),
            show::percent(awaited_ns, time_ns),
        ),
    })
}

/// Without a common clock: the rank whose collectives are shortest waits least in them.
#[expect(clippy::cast_precision_loss, reason = "comparisons of shares")]
pub fn by_durations(ranks: &[&RankExtract], matched: &[&Matched]) -> Option<String> {
    let mut shortest = vec![0_u64; ranks.len()];
    let mut elapsed = vec![0_i64; ranks.len()];
    let mut count = 0_u64;
    for of in matched.iter().filter(|of| of.operation.joins()) {
        let lengths = of.members.iter().map(|member| {
            let event = member.of(ranks);
            (event.end - event.start, member.rank)
        });
        let lengths: Vec<(i64, usize)> = lengths.collect();
        for &(ns, rank) in &lengths {
            elapsed[rank] = elapsed[rank].saturating_add(ns);
        }
        if let Some(&(_, rank)) = lengths.iter().min() {
            shortest[rank] += 1;
        }
        count += 1;
    }
    let (rank, &n) = shortest.iter().enumerate().max_by_key(|&(_, &n)| n)?;
    let mut others: Vec<i64> = elapsed
        .iter()
        .enumerate()
        .filter(|&(r, _)| r != rank)
        .map(|(_, &ns)| ns)
        .collect();
    let median = stats::quantile_of(&mut others, 0.5)?;
    let needed = LAST_PART.max(1.0 / ranks.len() as f64 + ABOVE_CHANCE);
    let is_apart = median.saturating_sub(elapsed[rank]).saturating_mul(10) > median;
    ((n as f64) >= count as f64 * needed && count >= MIN_APART as u64 && is_apart).then(|| {
        format!(
            "{} is the shortest in {} of {} collectives ({} in all, {} for the median of the others), so it probably \
             arrives last, and the others wait for it (suspected).",
            ranks[rank].name,
            show::count(n),
            show::count(count),
            show::duration(elapsed[rank]),
            show::duration(median),
        )
    })
}

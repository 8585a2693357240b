//! Kernels, families and operators of two traces, matched by name and judged by their calls.
//!
//! A call is slower or faster where the means of the calls differ by at least 3 % and by more than chance allows:
//! Welch's test on mean, deviation and count, with the share of false discoveries among all that are called different
//! held at 5 % (Benjamini and Hochberg 1995), since there are hundreds of names. Calls that depend on each other count
//! as fewer ([`Grounds::worth`]).

use rustc_hash::FxHashMap;

use super::stable_names::stripped;
use crate::analyze::report::{Change, Work, WorkRow};
use crate::base::{order, stats};

/// Differences below this are not worth a word.
const LEAST_EFFECT: f64 = 0.03;
const FALSE_DISCOVERIES: f64 = 0.05;
/// Fewer calls have no deviation to speak of.
const LEAST_CALLS: u64 = 5;
/// Fewer steps do not say how many calls a step has.
const LEAST_STEPS: u64 = 5;

/// One or several things that are compared as one.
struct Pair<'w> {
    a: Vec<&'w Work>,
    b: Vec<&'w Work>,
}

/// What a judgement of calls rests on.
#[derive(Clone, Copy)]
pub struct Grounds {
    /// Calls of one side may be missing: only how long a call takes is judged.
    pub loses_work: bool,
    /// Of A and of B, all of the trace.
    pub steps: [u64; 2],
    /// The two served other batches: a call takes longer for a larger one, so no call is judged.
    pub batches_differ: bool,
    /// How much a step is like the one before it, 0 to 1.
    pub likeness: f64,
}

impl Grounds {
    /// How many independent calls these are worth: calls of one step, and of steps that are like their neighbours, say
    /// little more than one of them (the effective number of an autoregressive series).
    fn worth(&self, calls: u64, side: usize) -> f64 {
        const INDEPENDENT: f64 = 0.3;
        if self.likeness < INDEPENDENT {
            return calls as f64;
        }
        calls.min(self.steps[side]) as f64 * (1.0 - self.likeness) / (1.0 + self.likeness)
    }
}

/// Every name of the two, most difference first.
pub fn rows(a: &[Work], b: &[Work], grounds: &Grounds) -> Vec<WorkRow> {
    let steps = grounds.steps;
    let pairs = matched(a, b);
    let mut rows: Vec<WorkRow> = pairs.iter().map(|pair| row(pair, steps)).collect();
    let chance = |pair: &Pair<'_>| chance(pair, grounds).filter(|_| !grounds.batches_differ);
    let chances: Vec<Option<f64>> = pairs.iter().map(chance).collect();
    for ((row, differs), chance) in rows.iter_mut().zip(discoveries(&chances)).zip(&chances) {
        row.change = match change(row, differs, steps) {
            Change::Same if chance.is_none() => Change::NotJudged,
            Change::Added | Change::Gone | Change::More | Change::Fewer if grounds.loses_work => {
                Change::NotJudged
            }
            change => change,
        };
    }
    order::sort_by_key(&mut rows, |row| {
        let [a, b] = [
            row.a_per_step_ns.unwrap_or(row.a_total_ns),
            row.b_per_step_ns.unwrap_or(row.b_total_ns),
        ];
        (
            std::cmp::Reverse(a.abs_diff(b)),
            row.name.clone(),
            row.kind.clone(),
        )
    });
    rows
}

fn matched<'w>(a: &'w [Work], b: &'w [Work]) -> Vec<Pair<'w>> {
    let key = |w: &'w Work| (w.name.as_str(), w.kind.as_str());
    let mut by_name: FxHashMap<_, &Work> = a.iter().map(|w| (key(w), w)).collect();
    let mut pairs = Vec::new();
    let mut without = Vec::new();
    for one in b {
        match by_name.remove(&key(one)) {
            Some(other) => pairs.push(Pair {
                a: vec![other],
                b: vec![one],
            }),
            None => without.push(one),
        }
    }
    let mut places: FxHashMap<(String, &str), usize> = FxHashMap::default();
    for one in without {
        let place = *places
            .entry((stripped(&one.name), one.kind.as_str()))
            .or_insert_with(|| {
                pairs.push(Pair {
                    a: Vec::new(),
                    b: Vec::new(),
                });
                pairs.len() - 1
            });
        pairs[place].b.push(one);
    }
    // In A's order, so that equal traces give equal rows.
    for one in a.iter().filter(|w| by_name.contains_key(&key(w))) {
        match places.get(&(stripped(&one.name), one.kind.as_str())) {
            Some(&place) => pairs[place].a.push(one),
            None => pairs.push(Pair {
                a: vec![one],
                b: Vec::new(),
            }),
        }
    }
    pairs
}

fn count(side: &[&Work]) -> u64 {
    side.iter().map(|w| w.count).sum()
}

fn total(side: &[&Work]) -> i64 {
    side.iter().fold(0, |sum, w| sum.saturating_add(w.total_ns))
}

/// The mean of the calls; as a float, so that short calls are not rounded.
fn mean(side: &[&Work]) -> Option<f64> {
    let n = count(side);
    (n > 0).then(|| total(side) as f64 / n as f64)
}

fn row(pair: &Pair<'_>, [a_steps, b_steps]: [u64; 2]) -> WorkRow {
    let most = |side: &[&Work]| side.iter().max_by_key(|w| w.total_ns).map(|w| w.name.clone());
    let (a_name, b_name) = (most(&pair.a), most(&pair.b));
    let kind = pair.b.iter().chain(&pair.a).next().map(|w| w.kind.clone());
    let [a_count, b_count] = [count(&pair.a), count(&pair.b)];
    let [a_total, b_total] = [total(&pair.a), total(&pair.b)];
    let ratio = mean(&pair.a).zip(mean(&pair.b)).filter(|&(a, _)| a > 0.0);
    WorkRow {
        a_name: a_name.clone().filter(|a| b_name.as_ref().is_some_and(|b| b != a)),
        name: b_name.or(a_name).unwrap_or_default(),
        kind: kind.unwrap_or_default(),
        change: Change::Same,
        a_count,
        b_count,
        a_total_ns: a_total,
        b_total_ns: b_total,
        a_per_step_ns: stats::mean(a_total, a_steps),
        b_per_step_ns: stats::mean(b_total, b_steps),
        a_per_call_ns: stats::mean(a_total, a_count),
        b_per_call_ns: stats::mean(b_total, b_count),
        ratio: ratio.map(|(a, b)| b / a),
    }
}

/// How likely so large a difference of the means is by chance; `None` where too little is known.
fn chance(pair: &Pair<'_>, grounds: &Grounds) -> Option<f64> {
    let ([a], [b]) = (&pair.a[..], &pair.b[..]) else {
        return None;
    };
    if a.count.min(b.count) < LEAST_CALLS {
        return None;
    }
    let off = mean(&[b])? - mean(&[a])?;
    let variance = |w: &Work, side| Some((w.deviation_ns? as f64).powi(2) / grounds.worth(w.count, side));
    let error = (variance(a, 0)? + variance(b, 1)?).sqrt();
    if error == 0.0 {
        return Some(if off == 0.0 { 1.0 } else { 0.0 });
    }
    // Both sides of a normal distribution.
    Some(libm::erfc((off / error).abs() / std::f64::consts::SQRT_2))
}

/// Which of these are discoveries.
pub fn discoveries(chances: &[Option<f64>]) -> Vec<bool> {
    let mut known: Vec<f64> = chances.iter().flatten().copied().collect();
    known.sort_unstable_by(f64::total_cmp);
    let n = known.len() as f64;
    let is_below = |(i, &p): (usize, &f64)| p <= FALSE_DISCOVERIES * (i + 1) as f64 / n;
    let limit = known
        .iter()
        .enumerate()
        .rev()
        .find(|&(i, p)| is_below((i, p)))
        .map(|(_, &p)| p);
    let is_one = |p: &Option<f64>| p.zip(limit).is_some_and(|(p, limit)| p <= limit);
    chances.iter().map(is_one).collect()
}

fn change(row: &WorkRow, differs: bool, [a_steps, b_steps]: [u64; 2]) -> Change {
    if row.a_count == 0 {
        return Change::Added;
    }
    if row.b_count == 0 {
        return Change::Gone;
    }
    if let Some(ratio) = row.ratio.filter(|_| differs) {
        if ratio >= 1.0 + LEAST_EFFECT {
            return Change::Slower;
        }
        if ratio <= 1.0 / (1.0 + LEAST_EFFECT) {
            return Change::Faster;
        }
    }
    if a_steps.min(b_steps) < LEAST_STEPS {
        return Change::Same;
    }
    let [a, b] = [
        row.a_count as f64 / a_steps as f64,
        row.b_count as f64 / b_steps as f64,
    ];
    // At both ends of a recording a step may be cut.
    let cut = 1.0 / a_steps.min(b_steps) as f64;
    match b / a {
        more if more > 1.0 + LEAST_EFFECT.max(cut) => Change::More,
        fewer if fewer < 1.0 / (1.0 + LEAST_EFFECT.max(cut)) => Change::Fewer,
        _ => Change::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUNDS: Grounds = Grounds {
        loses_work: false,
        steps: [10, 10],
        batches_differ: false,
        likeness: 0.0,
    };

    fn work(name: &str, count: u64, mean_ns: i64, deviation_ns: i64) -> Work {
        Work {
            name: name.to_owned(),
            kind: "compute".to_owned(),
            count,
            total_ns: mean_ns * i64::try_from(count).unwrap(),
            deviation_ns: Some(deviation_ns),
        }
    }

    fn changes(a: &[Work], b: &[Work]) -> Vec<(String, Change)> {
        let mut all: Vec<_> = rows(a, b, &GROUNDS)
            .into_iter()
            .map(|r| (r.name, r.change))
            .collect();
        all.sort();
        all
    }

    #[test]
    fn a_kernel_is_slower_only_by_more_than_chance_and_three_per_cent() {
        let a = [
            work("much", 100, 1_000, 50),
            work("little", 100, 1_000, 5),
            work("noisy", 10, 1_000, 900),
        ];
        let b = [
            work("much", 100, 1_200, 50),
            work("little", 100, 1_020, 5),
            work("noisy", 10, 1_300, 900),
        ];
        let expected = [
            ("little", Change::Same),
            ("much", Change::Slower),
            ("noisy", Change::Same),
        ];
        assert_eq!(
            changes(&a, &b),
            expected.map(|(name, change)| (name.to_owned(), change))
        );
    }

    #[test]
    fn names_are_matched_without_what_changes_from_build_to_build() {
        let a = [work("gemm<128>(float)", 10, 100, 1), work("old", 10, 100, 1)];
        let b = [work("gemm<256>(float)", 10, 100, 1), work("new", 10, 100, 1)];
        let found = rows(&a, &b, &GROUNDS);
        let gemm = found.iter().find(|r| r.name.starts_with("gemm")).unwrap();
        assert_eq!(gemm.a_name.as_deref(), Some("gemm<128>(float)"));
        assert_eq!(gemm.change, Change::Same);
        assert!(changes(&a, &b).contains(&("new".to_owned(), Change::Added)));
        assert!(changes(&a, &b).contains(&("old".to_owned(), Change::Gone)));
    }

    #[test]
    fn more_calls_in_a_step_are_told_from_slower_ones() {
        let found = changes(&[work("copy", 100, 500, 2)], &[work("copy", 200, 500, 2)]);
        assert_eq!(found, [("copy".to_owned(), Change::More)]);
    }

    #[test]
    fn few_of_hundreds_of_equal_names_seem_to_differ() {
        // Means off by up to two errors, as chance has it.
        let of = |i: i64| {
            work(
                &format!("kernel {}", (b'a' + u8::try_from(i % 26).unwrap()) as char),
                100,
                1_000,
                100,
            )
        };
        let a: Vec<Work> = (0..26).map(of).collect();
        let mut b = a.clone();
        for (i, one) in b.iter_mut().enumerate() {
            one.total_ns += (i64::try_from(i).unwrap() - 13) * 200;
        }
        assert!(changes(&a, &b).iter().all(|(_, change)| *change == Change::Same));
    }
}

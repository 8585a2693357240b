//! Several ranks in one file.
//!
//! - SGLang's merger (`sglang/srt/utils/profile_merger.py`, 0.5.9) puts the rank in front of the pid of every event:
//!   `[TP00-DP01-PP00-EP00] 4711`; parts that the run does not have are left out. Processes without one are of no rank.
//! - TraceLens' TraceFusion adds the arg `rank` to every event, and moves the pids of a rank apart from the others'.
//!   Where a merger leaves the pids as they were, the index has divided the processes by that arg.
//! - Files joined by hand say nothing, but two of their processes launch work: a tracer records one process. Their
//!   numbers mostly come again; where all differ, each piece of work names its process. A device's process that both
//!   launched work of was divided by the index as far as numbers, operators and streams tell ([`Index::launched_by`]);
//!   what they do not tell is of no rank, and that is said.
//!
//! Everything else stays as each rank wrote it, so numbers that link a call to its work, and numbers of devices, come
//! again in every rank.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, Span, Union, order};
use crate::index::args::Links;
use crate::index::trace_columns::{Index, Key};

use super::kineto::EXTERNAL_ID;
use super::pattern::{Rest, python_frame};
use super::vocabulary::{Ranks, Role};

/// The arg by which a merged file says whose an event is.
pub const RANK: &str = "rank";

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

/// The rank that a label or a file's name says: its number, where it says one alone, and the words that say it.
/// `vllm-rank-3.pt.trace.json`, `rank3_4711_ascend_pt/…`, `1759-TP-3-DP-0-DECODE.trace.json.gz`, `TP03-DP00`.
pub fn in_name(name: &str) -> Option<(Option<i64>, String)> {
    let is_end = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    let mut found: Vec<(&str, i64)> = Vec::new();
    let lower = name.to_ascii_lowercase();
    for word in ["rank", "tp", "dp", "pp", "ep"] {
        for (at, _) in lower.match_indices(word) {
            let rest = lower[at + word.len()..].trim_start_matches(['-', '_', ' ']);
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            if is_end(lower[..at].chars().next_back())
                && is_end(after.chars().next())
                && let Ok(number) = number.parse()
            {
                found.retain(|(known, _)| *known != word);
                found.push((word, number));
            }
        }
    }
    let words = |(word, n): &(&str, i64)| match *word {
        "rank" => format!("rank {n}"),
        word => format!("{}{n}", word.to_uppercase()),
    };
    match found.as_slice() {
        [] => None,
        [("rank", n), ..] => Some((Some(*n), format!("rank {n}"))),
        [(_, n)] => Some((Some(*n), words(&found[0]))),
        // Which of the parts differ from rank to rank, one name does not say.
        several => Some((None, several.iter().map(words).collect::<Vec<_>>().join("-"))),
    }
}

/// How many stages of a pipeline the labels of ranks name (`TP00-PP01`); `None` for fewer than two.
pub fn pipeline_stages(labels: &[String]) -> Option<u32> {
    let stage = |label: &str| -> Option<u32> {
        label
            .split('-')
            .find_map(|part| part.strip_prefix("PP")?.parse().ok())
    };
    let stages: BTreeSet<u32> = labels.iter().filter_map(|label| stage(label)).collect();
    u32::try_from(stages.len()).ok().filter(|&n| n > 1)
}

/// More ranks than these are not told apart: the first by label are.
const MAX_RANKS: usize = 1_024;

/// Exchanges end by themselves after a round or two.
const MAX_ROUNDS: usize = 8;

/// Host and device clocks agree to about this.
const CLOCK_SLACK_NS: i64 = 10_000;

/// The ranks of a merged file in order of their labels, and a sentence that says what tells them apart; none for
/// other files.
pub fn ranks(index: &Index, roles: &[Role]) -> (Ranks, Option<String>) {
    type Labels = fn(&Index, &[Role]) -> Found;
    let ways: [(Labels, bool, &str); 5] = [
        (by_label, false, "merged by SGLang"),
        (by_arg, false, "told apart by the arg rank of their events"),
        (
            by_collision,
            false,
            "told apart by process, because several processes launch work under the same correlation ids",
        ),
        (
            by_launching_process,
            true,
            "told apart by process, because several processes launch device work",
        ),
        (
            by_steps,
            false,
            "told apart by process, because several processes run steps",
        ),
    ];
    first_of(&ways.map(|(way, are_unique, says)| (way(index, roles), are_unique, says)))
}

/// The same for a trace whose work names the compiled graph (`recipe` holds its number) instead of the call; beside
/// each process that launches those at `beside` belong to it.
pub fn ranks_by_recipe(
    index: &Index,
    roles: &[Role],
    recipe: &str,
    beside: impl Fn(Key) -> Option<Key>,
) -> (Ranks, Option<String>) {
    let by_recipe = || by_recipe(index, roles, recipe, beside);
    first_of(&[
        (by_label(index, roles), false, "merged by SGLang"),
        (
            by_arg(index, roles),
            false,
            "told apart by the arg rank of their events",
        ),
        (
            by_recipe(),
            false,
            "told apart by process, because several processes launch graphs",
        ),
    ])
}

/// That a file holds several ranks, in words.
pub fn several_say(ranks: &Ranks, told_apart: &str) -> String {
    format!(
        "This file holds several ranks, {told_apart}: {}. Calls and the work that they launch belong together within \
         a rank, and so do steps and the gaps before them; operators, kernels and gaps between steps are counted over \
         all ranks.",
        ranks.labels.join(", ")
    )
}

/// The label of each process's rank, and processes of devices that are of several.
#[derive(Default)]
struct Found {
    of: BTreeMap<Key, String>,
    untold: Vec<Key>,
}

impl From<BTreeMap<Key, String>> for Found {
    fn from(of: BTreeMap<Key, String>) -> Found {
        Found {
            of,
            untold: Vec::new(),
        }
    }
}

/// The ranks that the first way finds which finds any.
fn first_of(ways: &[(Found, bool, &str)]) -> (Ranks, Option<String>) {
    for (Found { of, untold }, ids_are_unique, says) in ways {
        if of.is_empty() {
            continue;
        }
        let mut labels: Vec<&String> = of.values().collect();
        order::sort_by_key(&mut labels, |label| (label.len(), label.as_str()));
        labels.dedup();
        labels.truncate(MAX_RANKS);
        let place: FxHashMap<&str, usize> = labels.iter().enumerate().map(|(i, l)| (l.as_str(), i)).collect();
        let by_process = of
            .iter()
            .filter_map(|(&pid, label)| Some((pid, *place.get(label.as_str())?)))
            .collect();
        let ranks = Ranks {
            labels: labels.into_iter().cloned().collect(),
            by_process,
            ids_are_unique: *ids_are_unique,
            untold: untold.clone(),
        };
        return (ranks, Some((*says).to_owned()));
    }
    (Ranks::default(), None)
}

fn by_label(index: &Index, _: &[Role]) -> Found {
    let mut of: BTreeMap<Key, String> = BTreeMap::new();
    for track in index.track_ids() {
        let pid = index.track(track).pid;
        if let Key::Text(name) = pid
            && let Some((label, _)) = labelled(index.text(name))
        {
            of.insert(pid, label.to_owned());
        }
    }
    of.into()
}

/// Which ranks the events of each process name, where nearly all of its events name one: a collective's own event says
/// a rank as well, and is not of that rank for it.
fn ranks_in_args(index: &Index) -> BTreeMap<Key, BTreeSet<i64>> {
    let Some(column) = index.arg_column(RANK) else {
        return BTreeMap::new();
    };
    let mut events: FxHashMap<Key, usize> = FxHashMap::default();
    for track in index.track_ids() {
        *events.entry(index.track(track).pid).or_default() += index.track(track).rows.len();
    }
    let mut said: BTreeMap<Key, (BTreeSet<i64>, usize)> = BTreeMap::new();
    for (id, rank) in column.ints() {
        let of = said.entry(index.track(index.track_of(id)).pid).or_default();
        of.0.insert(rank);
        of.1 += 1;
    }
    said.retain(|pid, &mut (_, n)| n.saturating_mul(10) >= events[pid].saturating_mul(9));
    order::inserted(said.into_iter().map(|(pid, (ranks, _))| (pid, ranks)))
}

/// Each process is of the one rank that its events name; of none where a process has events of several.
fn by_arg(index: &Index, _: &[Role]) -> Found {
    let said = ranks_in_args(index);
    let several: BTreeSet<i64> = order::inserted(said.values().flatten().copied());
    if several.len() < 2 || said.values().any(|ranks| ranks.len() > 1) {
        return Found::default();
    }
    let only = |ranks: BTreeSet<i64>| ranks.into_iter().next();
    let of: BTreeMap<Key, String> = order::inserted(
        said.into_iter()
            .filter_map(|(pid, ranks)| Some((pid, format!("rank {}", only(ranks)?)))),
    );
    of.into()
}

/// How many ranks and processes are named at most.
const N_NAMED: usize = 8;

/// That events of several ranks have the same process ids, in one sentence; `None` where they do not.
pub fn shared_processes(index: &Index) -> Option<String> {
    let said = ranks_in_args(index);
    let shared: Vec<(&Key, &BTreeSet<i64>)> = said.iter().filter(|(_, ranks)| ranks.len() > 1).collect();
    if shared.is_empty() {
        return None;
    }
    let ranks: BTreeSet<i64> = shared
        .iter()
        .flat_map(|(_, ranks)| ranks.iter().copied())
        .collect();
    let pids = shared.iter().map(|(pid, _)| pid.show(&index.names).to_string());
    Some(format!(
        "Events of several ranks (arg rank: {}) have the same process ids ({}): Stepscope cannot show these ranks \
         separately. Steps, device time and gaps are those of all of them together. Open the ranks' own files together, \
         or merge them with process ids that differ.",
        named(ranks.iter().map(i64::to_string)),
        named(pids)
    ))
}

/// The first of them, and how many more.
fn named(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    let shown = items[..items.len().min(N_NAMED)].join(", ");
    match items.len().saturating_sub(N_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Processes that launch work.
fn launching(index: &Index, roles: &[Role]) -> FxHashSet<Key> {
    index
        .track_ids()
        .filter(|&track| index.rows(track).any(|id| roles[id.index()] == Role::Launch))
        .map(|track| index.track(track).pid)
        .collect()
}

fn label_of_process(index: &Index, pid: Key) -> String {
    format!("process {}", pid.show(&index.names))
}

/// Of each device's process, how much of its work each process launched.
fn launchers(index: &Index, roles: &[Role]) -> BTreeMap<Key, BTreeMap<Key, u64>> {
    let mut work: BTreeMap<Key, BTreeMap<Key, u64>> = BTreeMap::new();
    let Some(column) = index.arg_column("correlation").map(|c| c.without_zero()) else {
        return work;
    };
    let pid_of = |id: SliceId| index.track(index.track_of(id)).pid;
    let is_call = |id: SliceId| matches!(roles[id.index()], Role::Launch | Role::Wait);
    let calls: FxHashMap<i64, Key> = column
        .ints()
        .filter(|&(id, _)| is_call(id))
        .map(|(id, number)| (number, pid_of(id)))
        .collect();
    for (id, number) in column.ints().filter(|&(id, _)| roles[id.index()].is_device()) {
        if let Some(&pid) = calls.get(&number) {
            *work.entry(pid_of(id)).or_default().entry(pid).or_default() += 1;
        }
    }
    work
}

/// That device work of several ranks is not told apart, in one sentence; `None` where it is.
pub fn untold_work(index: &Index, ranks: &Ranks) -> Option<String> {
    if ranks.untold.is_empty() {
        return None;
    }
    let processes = ranks.untold.iter().map(|pid| pid.show(&index.names));
    Some(format!(
        "Several ranks launched device work of the same device process ({}), and which rank launched which work is not \
         recorded for all of it: that work belongs to no rank and no step, its device's times are those of the ranks \
         together, and launches without work are not counted. Open the ranks' own files together, or merge them with \
         process ids that differ.",
        named(processes)
    ))
}

/// A device's process is of the process that launched nearly all of its work; of none where several share it.
fn by_launching_process(index: &Index, roles: &[Role]) -> Found {
    let processes = launching(index, roles);
    if processes.len() < 2 || shared_processes(index).is_some() {
        return Found::default();
    }
    let work = launchers(index, roles);
    let mut found = divided(index);
    for (device, by) in work {
        if index.launched_by.contains_key(&device) {
            continue;
        }
        let all: u64 = by.values().sum();
        let owner = by
            .into_iter()
            .find(|&(_, n)| n.saturating_mul(10) >= all.saturating_mul(9));
        if let Some((pid, _)) = owner {
            found.of.insert(device, label_of_process(index, pid));
        }
    }
    // A helper that copies to the device of another process is no rank.
    if found.of.values().collect::<BTreeSet<_>>().len() < 2 {
        return Found::default();
    }
    for pid in processes {
        found.of.insert(pid, label_of_process(index, pid));
    }
    found
}

/// Without device work: each process that runs steps and their operators, or their python frames, is a rank.
fn by_steps(index: &Index, roles: &[Role]) -> Found {
    if roles.iter().any(|role| role.is_device()) {
        return Found::default();
    }
    let is_step = |text: &str| {
        let steps = ["execute_model", "forward_batch_generation", "run_batch"];
        python_frame(text).is_some_and(|(_, function)| steps.contains(&function))
    };
    let frames: FxHashSet<NameId> = index
        .names
        .iter()
        .filter(|(_, text)| is_step(text))
        .map(|(id, _)| id)
        .collect();
    // Whether each process has steps, and what they consist of.
    let mut runs: BTreeMap<Key, (bool, bool)> = BTreeMap::new();
    for track in index.track_ids() {
        let (has_steps, has_operators) = runs.entry(index.track(track).pid).or_default();
        for id in index.rows(track) {
            match roles[id.index()] {
                Role::Pass => *has_steps = true,
                Role::HostOp => *has_operators = true,
                Role::PythonFrame if frames.contains(&index.slices.name(id)) => {
                    (*has_steps, *has_operators) = (true, true);
                }
                _ => {}
            }
        }
    }
    let with_both = runs.into_iter().filter(|&(_, run)| run == (true, true));
    let of: BTreeMap<Key, String> =
        order::inserted(with_both.map(|(pid, _)| (pid, label_of_process(index, pid))));
    if of.len() < 2 {
        return Found::default();
    }
    of.into()
}

/// Processes of devices that the index has divided by the process that launched their work.
fn divided(index: &Index) -> Found {
    let mut found = Found::default();
    for (&device, &launcher) in &index.launched_by {
        match launcher {
            Some(pid) => {
                found.of.insert(device, label_of_process(index, pid));
            }
            None => found.untold.push(device),
        }
    }
    found.untold.sort_unstable();
    found
}

/// A device's process is of the process whose launches of its graphs fit best.
fn by_recipe(index: &Index, roles: &[Role], recipe: &str, beside: impl Fn(Key) -> Option<Key>) -> Found {
    let Some(column) = index.arg_column(recipe) else {
        return Found::default();
    };
    if shared_processes(index).is_some() {
        return Found::default();
    }
    let own_of = |pid: Key| beside(pid).unwrap_or(pid);
    let pid_of = |id: SliceId| index.track(index.track_of(id)).pid;
    // When each process first launched each graph; several may bear one number.
    let mut first: FxHashMap<i64, BTreeMap<Key, i64>> = FxHashMap::default();
    let mut processes: BTreeSet<Key> = BTreeSet::new();
    for (id, number) in column.ints().filter(|&(id, _)| roles[id.index()] == Role::Launch) {
        let pid = own_of(pid_of(id));
        processes.insert(pid);
        let start = index.slices.start(id).as_ns();
        let known = first.entry(number).or_default().entry(pid).or_insert(start);
        *known = start.min(*known);
    }
    if processes.len() < 2 {
        return Found::default();
    }
    let mut fits: BTreeMap<(Key, Key), Fit> = BTreeMap::new();
    for (id, number) in column.ints().filter(|&(id, _)| roles[id.index()].is_device()) {
        let start = index.slices.start(id).as_ns().saturating_add(CLOCK_SLACK_NS);
        for (&pid, &launched) in first.get(&number).into_iter().flatten() {
            let fit = fits.entry((pid_of(id), pid)).or_default();
            fit.0 += 1;
            fit.1 += u64::from(launched <= start);
        }
    }
    let Owners { of: owners, untold } = owners(&fits);
    // Two processes that launch other graphs of one device are two of one rank.
    if untold.is_empty() && owners.values().collect::<BTreeSet<_>>().len() < 2 {
        return Found::default();
    }
    let mut of: BTreeMap<Key, String> = BTreeMap::new();
    for track in index.track_ids() {
        let pid = index.track(track).pid;
        if processes.contains(&own_of(pid)) {
            of.insert(pid, label_of_process(index, own_of(pid)));
        }
    }
    for (device, pid) in owners {
        of.insert(device, label_of_process(index, pid));
    }
    for (process, pid) in drivers(index, roles, &of, own_of) {
        of.insert(process, label_of_process(index, pid));
    }
    Found { of, untold }
}

/// More processes that run steps and launch nothing are not joined to those that launch.
const MAX_DRIVERS: usize = 64;

/// Processes with steps that launch nothing themselves, because an engine's events bear another process id than the
/// calls below them: each is of the process whose launches lie in its steps.
fn drivers(
    index: &Index,
    roles: &[Role],
    known: &BTreeMap<Key, String>,
    own_of: impl Fn(Key) -> Key,
) -> BTreeMap<Key, Key> {
    let is_of_step = |role: Role| matches!(role, Role::Pass | Role::Prepare | Role::Forward | Role::Sample);
    let mut steps: BTreeMap<Key, Vec<Span>> = BTreeMap::new();
    let mut launches: BTreeMap<Key, Vec<i64>> = BTreeMap::new();
    for track in index.track_ids() {
        let pid = index.track(track).pid;
        for id in index.rows(track) {
            let role = roles[id.index()];
            if role == Role::Launch {
                let of = launches.entry(own_of(pid)).or_default();
                of.push(index.slices.start(id).as_ns());
            } else if is_of_step(role) && !known.contains_key(&pid) {
                steps.entry(pid).or_default().push(index.slices.span(id));
            }
        }
    }
    if steps.len() > MAX_DRIVERS {
        return BTreeMap::new();
    }
    let mut fits: BTreeMap<(Key, Key), Fit> = BTreeMap::new();
    for (process, spans) in steps {
        let steps = Union::of(spans);
        for (&pid, starts) in &launches {
            let inside = starts.iter().filter(|&&at| steps.contains(at)).count() as u64;
            if inside > 0 {
                fits.insert((process, pid), (inside, inside));
            }
        }
    }
    owners(&fits).of
}

/// A call, or work: when it starts, and the operator that it belongs to.
#[derive(Clone, Copy)]
struct Linked {
    start: i64,
    operator: Option<i64>,
}

fn by_collision(index: &Index, roles: &[Role]) -> Found {
    // Its processes are no ranks.
    if shared_processes(index).is_some() {
        return Found::default();
    }
    let Some(column) = index.arg_column("correlation").map(|c| c.without_zero()) else {
        return Found::default();
    };
    let pid_of = |id: SliceId| index.track(index.track_of(id)).pid;
    let is_call = |id: SliceId| matches!(roles[id.index()], Role::Launch | Role::Wait);
    // A process that only waits launches no work: MTIA writes such calls below the device.
    let processes = launching(index, roles);
    if processes.len() < 2 {
        return Found::default();
    }
    let linked = |id: SliceId| Linked {
        start: index.slices.start(id).as_ns(),
        operator: index.arg_int(EXTERNAL_ID, id),
    };
    let mut calls: FxHashMap<i64, Vec<(Key, Linked)>> = FxHashMap::default();
    for (id, number) in column.ints().filter(|&(id, _)| is_call(id)) {
        calls.entry(number).or_default().push((pid_of(id), linked(id)));
    }
    let collide: BTreeSet<Key> = calls
        .values()
        .filter(|of| of.iter().any(|(pid, _)| *pid != of[0].0))
        .flat_map(|of| of.iter().map(|(pid, _)| *pid))
        .collect();
    if collide.is_empty() {
        return Found::default();
    }
    let mut found = divided(index);
    // Whose work a device's process holds: that of the process whose calls fit best.
    let mut fits: BTreeMap<(Key, Key), Fit> = BTreeMap::new();
    for (id, number) in column.ints().filter(|&(id, _)| roles[id.index()].is_device()) {
        let device = pid_of(id);
        if index.launched_by.contains_key(&device) {
            continue;
        }
        let work = linked(id);
        for (pid, call) in calls.get(&number).into_iter().flatten() {
            let (same_operator, in_time) = fits.entry((device, *pid)).or_default();
            *same_operator += u64::from(work.operator.is_some() && work.operator == call.operator);
            *in_time += u64::from(call.start <= work.start.saturating_add(CLOCK_SLACK_NS));
        }
    }
    let Owners { of: owners, untold } = owners(&fits);
    found.untold.extend(untold);
    for (device, pid) in owners {
        found.of.insert(device, label_of_process(index, pid));
    }
    for pid in processes {
        found.of.insert(pid, label_of_process(index, pid));
    }
    found
}

/// How well work fits a process's calls: pieces of the same operator, and pieces that do not start before their call.
type Fit = (u64, u64);

/// Whose each device's process is.
struct Owners {
    of: BTreeMap<Key, Key>,
    /// Those that fit more processes than there are such devices: of several.
    untold: Vec<Key>,
}

/// Whose each device's process is. Ranks in step fit each other's devices as well as their own: those are given out in
/// order, one after the other, and exchanged where that fits better. How long work waits does not help: over all ranks
/// it is the same whoever is whose.
fn owners(fits: &BTreeMap<(Key, Key), Fit>) -> Owners {
    let mut by_device: BTreeMap<Key, Vec<(Key, Fit)>> = BTreeMap::new();
    for (&(device, pid), &fit) in fits {
        by_device.entry(device).or_default().push((pid, fit));
    }
    let mut of: BTreeMap<Key, Key> = BTreeMap::new();
    let mut in_step: Vec<Key> = Vec::new();
    let mut candidates: BTreeSet<Key> = BTreeSet::new();
    for (&device, of_device) in &mut by_device {
        let best = of_device.iter().map(|c| c.1).max().unwrap_or_default();
        // What fits half as well as the best is no rank in step.
        of_device.retain(|(_, fit)| fit.0 * 2 >= best.0 && fit.1 * 2 >= best.1);
        match of_device.as_slice() {
            [(only, _)] => {
                of.insert(device, *only);
            }
            several => {
                in_step.push(device);
                candidates.extend(several.iter().map(|c| c.0));
            }
        }
    }
    let without: Vec<Key> = candidates
        .iter()
        .copied()
        .filter(|pid| !of.values().any(|o| o == pid))
        .collect();
    if without.len() > in_step.len() {
        return Owners { of, untold: in_step };
    }
    let pids = match without.len() == in_step.len() {
        true => without,
        false => candidates.into_iter().collect(),
    };
    // With fewer processes than devices each gets as many, one after the other.
    let n = in_step.len().max(1);
    let at = |i: usize| if pids.len() >= n { i } else { i * pids.len() / n };
    let mut owner: Vec<Key> = (0..in_step.len()).map(|i| pids[at(i)]).collect();
    let fit = |device: usize, pid: Key| fits.get(&(in_step[device], pid)).copied().unwrap_or_default();
    let sum = |a: Fit, b: Fit| (a.0 + b.0, a.1 + b.1);
    let n_exchanged = if owner.len() <= MAX_RANKS { owner.len() } else { 0 };
    for _ in 0..MAX_ROUNDS {
        let before = owner.clone();
        for a in 0..n_exchanged {
            for b in 0..a {
                let now = sum(fit(a, owner[a]), fit(b, owner[b]));
                if sum(fit(a, owner[b]), fit(b, owner[a])) > now {
                    owner.swap(a, b);
                }
            }
        }
        if owner == before {
            break;
        }
    }
    of.extend(in_step.into_iter().zip(owner));
    Owners {
        of,
        untold: Vec::new(),
    }
}

/// Values of an int arg that are unique in the file instead of in a rank: counted up in order of rows. 0 is none.
pub fn numbered(
    index: &Index,
    ranks: &Ranks,
    key: &str,
    is_linked: impl Fn(SliceId) -> bool,
) -> Option<Links> {
    let column = index.arg_column(key)?.without_zero();
    let mut numbers: FxHashMap<(usize, i64), i64> = FxHashMap::default();
    let mut next = 0;
    let links = column.ints().filter(|&(id, _)| is_linked(id)).map(|(id, link)| {
        let rank = ranks.of_id(index, index.track_of(id));
        let number = *numbers.entry((rank, link)).or_insert_with(|| {
            next += 1;
            next
        });
        (id, number)
    });
    Some(Links::of(links.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_rank() {
        for (name, want) in [
            ("vllm-rank-3.1795.pt.trace.json", Some((Some(3), "rank 3"))),
            ("rank1_4000_ascend_pt/trace_view.json", Some((Some(1), "rank 1"))),
            ("1759-TP-2.trace.json.gz", Some((Some(2), "TP2"))),
            ("1759-TP-2-DP-1-DECODE.trace.json.gz", Some((None, "TP2-DP1"))),
            ("TP03", Some((Some(3), "TP3"))),
            ("rank 5", Some((Some(5), "rank 5"))),
            ("http-2.json", None),
            ("franked-1.json", None),
            ("ranks.json", None),
        ] {
            let want = want.map(|(n, words): (Option<i64>, &str)| (n, words.to_owned()));
            assert_eq!(in_name(name), want, "{name}");
        }
    }

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

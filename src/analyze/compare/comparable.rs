//! How far two traces measure the same thing. The score is the product of what they share: 1 says that nothing known
//! stands between them.

use std::collections::BTreeMap;

use super::explained;
use crate::analyze::report::{Comparable, LimitKind, Phase, Profile, StepClass, WorkRow};
use crate::analyze::steps::verdict::PHASES;
use crate::base::show;

/// What a difference that cannot be measured takes of the score.
const OTHER_DEVICE: f64 = 0.5;
const OTHER_RECORDING: f64 = 0.8;
/// Of each side whose device may have done more than is recorded.
const LOST_WORK: f64 = 0.5;
/// Shares below this are told.
pub const ALIKE: f64 = 0.95;

pub fn comparable(a: &Profile, b: &Profile, kernels: &[WorkRow]) -> Comparable {
    let mut found = Comparable {
        score: 1.0,
        reasons: Vec::new(),
    };
    let mut differ = |weight: f64, says: String| {
        found.score *= weight;
        found.reasons.push(says);
    };
    for (p, name) in [(a, 'A'), (b, 'B')] {
        if p.steps.is_empty() {
            differ(0.0, format!("{name} has no served steps without a compile."));
        }
    }
    let is_known = |p: &Profile| p.device_name.is_some() || p.device_kind != "unknown";
    let devices = [a, b].map(|p| {
        let kind = || p.device_kind.to_uppercase();
        p.device_name.clone().unwrap_or_else(kind)
    });
    if is_known(a) && is_known(b) && devices[0] != devices[1] {
        let [a, b] = &devices;
        differ(OTHER_DEVICE, format!("The devices differ: {a} and {b}."));
    }
    if a.world_size.is_some() && b.world_size.is_some() && a.world_size != b.world_size {
        let [a, b] = [a, b].map(|p| p.world_size.unwrap_or_default());
        differ(OTHER_DEVICE, format!("The runs have {a} and {b} ranks."));
    }
    if a.recording != b.recording {
        let only = |a: &Profile, b: &Profile| -> Vec<String> {
            a.recording
                .iter()
                .filter(|what| !b.recording.contains(what))
                .cloned()
                .collect()
        };
        for (name, only) in [("A", only(a, b)), ("B", only(b, a))]
            .into_iter()
            .filter(|(_, only)| !only.is_empty())
        {
            differ(
                OTHER_RECORDING,
                format!(
                    "Only {name} records {}: recording slows the host.",
                    only.join(", ")
                ),
            );
        }
    }
    let no_device = |p: &Profile| p.limit(|kind| kind == LimitKind::NoDevice).is_some();
    for (p, other, [name, with]) in [(a, b, ["A", "B"]), (b, a, ["B", "A"])] {
        if no_device(p) && !no_device(other) && !other.steps.is_empty() {
            differ(
                OTHER_DEVICE,
                format!(
                    "Only {with} records the device: what the device does in {name} is unknown, so the steps are \
                     explained by the host's parts."
                ),
            );
        }
        if let Some(limit) = p.limit(LimitKind::loses_work) {
            differ(
                LOST_WORK,
                format!(
                    "In {name} {}: what its device did is a lower bound, and explains no difference.",
                    limit.says
                ),
            );
        }
        let hidden = p.limit(LimitKind::hides_causes);
        if let Some(limit) = hidden.filter(|_| explained::idle_differs(a, b)) {
            differ(
                OTHER_RECORDING,
                format!(
                    "In {name} {}: why the devices are idle is not compared.",
                    limit.says
                ),
            );
        }
        if p.events_lost > 0 {
            let all = p.events.saturating_add(p.events_lost);
            let lost = p.events_lost as f64 / all as f64;
            let lost_events = show::counted(p.events_lost, "event");
            differ(
                1.0 - lost,
                format!("In {name} {lost_events} could not be read: its counts and sums are lower bounds."),
            );
        }
    }
    if super::common_basis(a, b).is_none() && !a.steps.is_empty() && !b.steps.is_empty() {
        differ(
            1.0,
            "The step time is measured differently in A and B: see each of the four times.".to_owned(),
        );
    }
    for phase in PHASES {
        let [of_a, of_b] = [a, b].map(|p| classes(p, phase));
        let noun = phase.noun();
        match (of_a.is_empty(), of_b.is_empty()) {
            (true, true) => {}
            (false, false) => {
                let alike = shared(&of_a, &of_b);
                if alike < ALIKE {
                    differ(
                        alike,
                        format!("The batches of {noun} steps are {} alike.", show::share(alike)),
                    );
                }
            }
            (true, false) => differ(1.0, format!("Only B has {noun} steps.")),
            (false, true) => differ(1.0, format!("Only A has {noun} steps.")),
        }
    }
    if let Some(alike) = kernels_shared(kernels).filter(|&alike| alike < ALIKE) {
        let says = format!(
            "Kernels of the same names take {} of the device's time.",
            show::share(alike)
        );
        differ(alike.max(0.1), says);
    }
    found
}

/// How far the batches of a phase are alike, 0 to 1; `None` where one side has no steps of it.
pub fn batches_alike(a: &Profile, b: &Profile, phase: Phase) -> Option<f64> {
    let [a, b] = [a, b].map(|p| classes(p, phase));
    (!a.is_empty() && !b.is_empty()).then(|| shared(&a, &b))
}

/// How many steps each class of a phase has.
fn classes(profile: &Profile, phase: Phase) -> BTreeMap<&StepClass, u64> {
    let mut found = BTreeMap::new();
    let classes = profile.steps.iter().filter_map(|s| profile.classes.get(s.class));
    for class in classes.filter(|c| c.phase == phase) {
        *found.entry(class).or_default() += 1;
    }
    found
}

/// What the two distributions have in common.
fn shared(a: &BTreeMap<&StepClass, u64>, b: &BTreeMap<&StepClass, u64>) -> f64 {
    let [of_a, of_b] = [a, b].map(|of| of.values().sum::<u64>() as f64);
    let in_both = a.iter().filter_map(|(class, &n)| Some((n, *b.get(class)?)));
    // Not `sum`: that of nothing is -0.
    in_both
        .map(|(a, b)| (a as f64 / of_a).min(b as f64 / of_b))
        .fold(0.0, |sum, part| sum + part)
}

/// Of the device's time of the side with less in common, what lies in kernels that both have.
fn kernels_shared(kernels: &[WorkRow]) -> Option<f64> {
    let sum = |of: fn(&WorkRow) -> i64, both: bool| -> f64 {
        let rows = kernels
            .iter()
            .filter(|k| !both || (k.a_count > 0 && k.b_count > 0));
        rows.fold(0.0, |sum, k| sum + of(k) as f64)
    };
    let share = |of: fn(&WorkRow) -> i64| {
        let all = sum(of, false);
        (all > 0.0).then(|| sum(of, true) / all)
    };
    Some(share(|k| k.a_total_ns)?.min(share(|k| k.b_total_ns)?))
}

//! Where the time between the first and the last serving step went.
//!
//! Every instant belongs to one share: the first in the list of shares that covers it. So they add up exactly.

use rustc_hash::FxHashMap;

use crate::base::{Span, Union};
use crate::dialect::{EngineStep, Period, Phase, Vocabulary};
use crate::index::{Index, Key};

use crate::analyze::device::device_time::DeviceWork;
use crate::analyze::device::link_map::LinkMap;
use crate::analyze::gaps::{DEVICE_FLOOR_NS, Host};
use crate::analyze::merge::first_of;
use crate::analyze::report::{BudgetShare, Cause, DevicePart, StepPart, TimeBudget, host_gap_key};

/// One share before it is measured: instants that an earlier layer covers are not counted.
pub struct Layer<'a> {
    pub id: String,
    pub says: String,
    /// Disjoint, in order of time.
    pub when: Box<dyn Iterator<Item = Span> + 'a>,
}

/// The engine steps that count as serving: of each process a stretch from the first start to the last end, so that the
/// time from one start of the engine to the next is none of it. Where none is serving, those before the capture. Empty
/// for no such step: of a step whose period is unknown, not even that it was served is known.
pub fn serving_windows(index: &Index, vocabulary: &Vocabulary) -> Union {
    let process = |step: &EngineStep| {
        let first = vocabulary.passes.get(step.passes.start as usize);
        first.map(|pass| index.track(index.track_of(pass.slice)).pid)
    };
    windows_of(&vocabulary.engine_steps, process)
}

fn windows_of(steps: &[EngineStep], process: impl Fn(&EngineStep) -> Option<Key>) -> Union {
    let of = |wanted: Period| {
        let mut windows: FxHashMap<Option<Key>, Span> = FxHashMap::default();
        for step in steps.iter().filter(|s| s.period == wanted) {
            let window = windows.entry(process(step)).or_insert(step.span);
            *window = Span::new(window.start.min(step.span.start), window.end.max(step.span.end));
        }
        Union::of(windows.into_values())
    };
    let serving = of(Period::Serving);
    match serving.spans() {
        [] => of(Period::BeforeCapture),
        _ => serving,
    }
}

/// Divides `windows` among `layers`; what none covers is the last share. Shares of no time are left out.
pub fn divide(windows: &Union, layers: Vec<Layer<'_>>, rest: (&str, &str)) -> Vec<BudgetShare> {
    let mut shares = Vec::new();
    let mut spans = Vec::new();
    for layer in layers {
        shares.push(BudgetShare {
            id: layer.id,
            says: layer.says,
            total_ns: 0,
        });
        let within = |s: Span| windows.overlapping(s).map(move |w| w.intersect(s));
        spans.push(layer.when.flat_map(within));
    }
    let mut covered_ns = 0;
    first_of(spans, |layer, span| {
        shares[layer].total_ns += span.len_ns();
        covered_ns += span.len_ns();
    });
    shares.push(BudgetShare {
        id: rest.0.into(),
        says: rest.1.into(),
        total_ns: windows.total_ns() - covered_ns,
    });
    shares.retain(|s| s.total_ns > 0);
    shares
}

/// The budget of serving time; `None` where no step is known. By the device where its recording covers at least
/// half of serving time and its clock agrees with the host's, by steps on the host otherwise.
pub fn budget(host: &Host<'_>) -> Option<TimeBudget> {
    let windows = serving_time(host);
    if windows.spans().is_empty() {
        return None;
    }
    let busy = host.busy();
    let recorded = busy.extent().map_or(0, |e| windows.covered_ns(e));
    let agrees = host.vocabulary.clock_offset_ns.is_none();
    let mut budget = if agrees && recorded.saturating_mul(2) >= windows.total_ns() && recorded > 0 {
        by_device(host, &windows, busy)
    } else {
        by_steps(host, &windows)
    };
    if windows.spans().len() > 1 {
        budget.definition +=
            " The time from the last step of one process to the first of the next is not counted.";
    }
    Some(budget)
}

/// Serving time: from the start of the first to the end of the last serving step of each process, or of the device work
/// that was launched in it.
pub fn serving_time(host: &Host<'_>) -> Union {
    let windows = serving_windows(host.index, host.vocabulary);
    // The last start of the engine: before another one begins, all that was launched has ended.
    let Some(&last) = windows.spans().last() else {
        return windows;
    };
    let until = Span::new(last.start, last.end.max(launched_until(host, last)));
    Union::of(windows.spans().iter().copied().chain([until]))
}

/// The end of the last device work that was launched in `window`, where launches carry numbers of their own: a
/// captured graph is launched by one short call and runs long after the step has ended on the host.
fn launched_until(host: &Host<'_>, window: Span) -> i64 {
    let Some(column) = host.vocabulary.links(host.index) else {
        return window.end;
    };
    if host.vocabulary.clock_offset_ns.is_some() {
        return window.end;
    }
    let is_device = |id| host.vocabulary.role(id).is_device();
    let launches = || {
        let is_launch = |id| !is_device(id) && window.contains(host.index.slices.start(id).as_ns());
        column.ints().filter(move |&(id, _)| is_launch(id))
    };
    let mut launched: LinkMap<bool> = LinkMap::for_links(launches().map(|(_, link)| link));
    for (_, link) in launches() {
        if let Some(launched) = launched.at(link) {
            *launched = true;
        }
    }
    let work = column
        .ints()
        .filter(|&(id, link)| is_device(id) && launched.get(link));
    work.map(|(id, _)| host.vocabulary.span(host.index, id).end)
        .max()
        .unwrap_or(window.end)
}

fn by_device(host: &Host<'_>, windows: &Union, busy: &Union) -> TimeBudget {
    let window = windows.extent().unwrap_or_default();
    let extent = busy.extent().unwrap_or_default();
    let outside = [
        Span::new(window.start, extent.start),
        Span::new(extent.end, window.end),
    ];
    let mut layers: Vec<Layer<'_>> = Vec::new();
    for part in DevicePart::ALL {
        let when: Box<dyn Iterator<Item = Span>> = match part {
            DevicePart::Compute => of_any(host, |d| &d.compute),
            DevicePart::Communication => of_any(host, |d| &d.comm),
            DevicePart::Copy => of_any(host, |d| &d.copy),
            DevicePart::Scheduling => Box::new(busy.gaps().filter(|g| g.len_ns() < DEVICE_FLOOR_NS)),
            DevicePart::Compile => Box::new(while_idle(host, Cause::Recompile)),
            DevicePart::NoLoad => Box::new(while_idle(host, Cause::NoLoad)),
            DevicePart::NotRecorded => Box::new(outside.into_iter()),
        };
        layers.push(layer(part.key(), part.says(), when));
    }
    for cause in Cause::ALL {
        let is_host = !matches!(cause, Cause::Recompile | Cause::NoLoad | Cause::Unaccounted);
        if is_host {
            let says = format!("Device idle: {}", cause.noun());
            layers.push(layer(&host_gap_key(cause), &says, while_idle(host, cause)));
        }
    }
    let unaccounted = host_gap_key(Cause::Unaccounted);
    let rest = (
        &*unaccounted,
        "The device is idle, and no host activity is recorded.",
    );
    TimeBudget {
        total_ns: windows.total_ns(),
        shares: divide(windows, layers, rest),
        definition: "The time from the start of the first to the end of the last serving step, or of the device \
                     work that was launched in it, divided by what the device did; where it did nothing, by the \
                     causes of its gaps. Every moment is counted once, in the first row that applies."
            .into(),
    }
}

/// What the devices do, any of them.
fn of_any<'a>(
    host: &'a Host<'_>,
    what: impl Fn(&'a DeviceWork) -> &'a Union,
) -> Box<dyn Iterator<Item = Span> + 'a> {
    match host.devices {
        [one] => Box::new(what(one).spans().iter().copied()),
        several => {
            let any = Union::of(several.iter().flat_map(|d| what(d).spans().iter().copied()));
            Box::new(any.spans().to_vec().into_iter())
        }
    }
}

fn by_steps(host: &Host<'_>, windows: &Union) -> TimeBudget {
    let steps = &host.vocabulary.engine_steps;
    let of_phase = |wanted: Phase| {
        let of_phase = steps.iter().filter(|s| phase_of(host.vocabulary, s) == wanted);
        Union::of(of_phase.map(|s| s.span)).spans().to_vec().into_iter()
    };
    let mut layers: Vec<Layer<'_>> = Vec::new();
    for part in StepPart::ALL {
        let when: Box<dyn Iterator<Item = Span>> = match part {
            StepPart::Compile => Box::new(while_host(host, Cause::Recompile)),
            StepPart::NoLoad => {
                let waits = Union::of(host.waiting.iter().map(|w| w.span));
                Box::new(waits.spans().to_vec().into_iter())
            }
            StepPart::Prefill => Box::new(of_phase(Phase::Prefill)),
            StepPart::Decode => Box::new(of_phase(Phase::Decode)),
            StepPart::Mixed => Box::new(of_phase(Phase::Mixed)),
            StepPart::Idle => Box::new(of_phase(Phase::Idle)),
            StepPart::UnknownPhase => Box::new(of_phase(Phase::Unknown)),
            // What is left.
            StepPart::BetweenSteps => continue,
        };
        layers.push(layer(part.key(), part.says(), when));
    }
    let rest = (StepPart::BetweenSteps.key(), StepPart::BetweenSteps.says());
    TimeBudget {
        total_ns: windows.total_ns(),
        shares: divide(windows, layers, rest),
        definition:
            "The time from the start of the first to the end of the last serving step, divided by what \
                     the host recorded, because no device recording covers it. A step's time on the host \
                     includes waiting for the device where the engine waits in the step. Every moment is counted \
                     once, in the first row that applies."
                .into(),
    }
}

/// When devices are idle because a graph is compiled, and none works.
pub fn idle_for_compiles(host: &Host<'_>) -> Union {
    let short = host.busy().gaps().filter(|g| g.len_ns() < DEVICE_FLOOR_NS);
    let idle = Union::of(while_idle(host, Cause::Recompile));
    idle.without(host.busy()).without(&Union::of(short))
}

/// When devices are idle for this cause, as their gaps have it; where launches are unknown, by the innermost slices of
/// the host.
fn while_idle<'a>(host: &'a Host<'_>, cause: Cause) -> impl Iterator<Item = Span> + 'a {
    let of_devices = host
        .idle
        .iter()
        .map(|idle| idle.as_ref().unwrap_or(&host.of_threads));
    let pieces = of_devices.flat_map(|activity| activity.pieces());
    let idle = pieces.filter(|p| p.cause == cause).map(|p| p.span);
    Union::of(idle).spans().to_vec().into_iter()
}

/// When the host's activity has this cause.
fn while_host<'a>(host: &'a Host<'_>, cause: Cause) -> impl Iterator<Item = Span> + 'a {
    let pieces = host.activity.pieces().iter();
    pieces.filter(move |p| p.cause == cause).map(|p| p.span)
}

fn layer<'a>(id: &str, says: &str, when: impl Iterator<Item = Span> + 'a) -> Layer<'a> {
    Layer {
        id: id.into(),
        says: says.into(),
        when: Box::new(when),
    }
}

/// The phase that all passes of a step share; mixed if they differ.
fn phase_of(vocabulary: &Vocabulary, step: &EngineStep) -> Phase {
    let rows = step.passes.start as usize..step.passes.end as usize;
    let mut phases = vocabulary
        .passes
        .get(rows)
        .unwrap_or_default()
        .iter()
        .map(|p| p.phase);
    let Some(first) = phases.next() else {
        return Phase::Unknown;
    };
    if phases.all(|p| p == first) {
        first
    } else {
        Phase::Mixed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layer(id: &str, spans: &[(i64, i64)]) -> Layer<'static> {
        let when = Union::of(spans.iter().map(|&(start, dur)| Span::new(start, start + dur)));
        super::layer(id, "", when.spans().to_vec().into_iter())
    }

    #[test]
    fn an_instant_counts_for_the_first_share_that_covers_it() {
        let layers = vec![
            layer("a", &[(0, 10)]),
            layer("b", &[(5, 10), (95, 20)]),
            layer("c", &[(200, 9)]),
        ];
        let windows = Union::of([Span::new(2, 100)]);
        let got: Vec<_> = divide(&windows, layers, ("rest", ""))
            .into_iter()
            .map(|s| (s.id, s.total_ns))
            .collect();
        assert_eq!(got, vec![("a".into(), 8), ("b".into(), 10), ("rest".into(), 80)]);
    }

    #[test]
    fn the_serving_windows_leave_warmup_and_restarts_out() {
        let step = |start, end, period| EngineStep {
            span: Span::new(start, end),
            passes: 0..0,
            period,
        };
        let steps = [
            step(0, 5, Period::Warmup),
            step(10, 20, Period::Serving),
            step(30, 40, Period::Serving),
            step(50, 60, Period::Dummy),
        ];
        let of_one = |steps: &[EngineStep]| windows_of(steps, |_| None);
        assert_eq!(of_one(&steps), Union::of([Span::new(10, 40)]));
        assert_eq!(of_one(&steps[..1]), Union::default());
        // The second step is of another start of the engine.
        let of_two = windows_of(&steps, |s| Some(Key::Int(i64::from(s.span.start >= 30))));
        assert_eq!(of_two, Union::of([Span::new(10, 20), Span::new(30, 40)]));
        // Nobody knows whether it was served: a rank that does not drive the engine records such steps.
        assert_eq!(of_one(&[step(1, 2, Period::Unknown)]), Union::default());
        assert_eq!(
            of_one(&[step(1, 2, Period::BeforeCapture)]),
            Union::of([Span::new(1, 2)])
        );
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_window(
            lists in proptest::collection::vec(proptest::collection::vec((0i64..90, 0i64..30), 0..6), 0..6),
            from in 0i64..60, len in 1i64..60,
        ) {
            let layers = lists.iter().map(|l| layer("x", l)).collect();
            let windows = Union::of([Span::new(from, from + len), Span::new(from + len + 9, from + len + 20)]);
            let shares = divide(&windows, layers, ("rest", ""));
            prop_assert_eq!(shares.iter().map(|s| s.total_ns).sum::<i64>(), len + 11);
            prop_assert!(shares.iter().all(|s| s.total_ns > 0));
        }
    }
}

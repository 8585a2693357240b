//! Where the time between the first and the last serving step went.
//!
//! Every instant belongs to one share: the first in the list of shares that covers it. So they add up exactly.

use crate::base::{Span, Union};
use crate::dialect::{EngineStep, Period, Phase, Vocabulary};

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

/// The engine steps that count as serving, as one stretch from the first start to the last end; where none is
/// serving, those before the capture. `None` for no such step: of a step whose period is unknown, not even
/// that it was served is known.
pub fn serving_window(steps: &[EngineStep]) -> Option<Span> {
    let of = |wanted: fn(Period) -> bool| {
        Union::of(steps.iter().filter(|s| wanted(s.period)).map(|s| s.span)).extent()
    };
    of(|p| p == Period::Serving).or_else(|| of(|p| p == Period::BeforeCapture))
}

/// Divides `window` among `layers`; what none covers is the last share. Shares of no time are left out.
pub fn divide(window: Span, layers: Vec<Layer<'_>>, rest: (&str, &str)) -> Vec<BudgetShare> {
    let mut shares = Vec::new();
    let mut spans = Vec::new();
    for layer in layers {
        shares.push(BudgetShare {
            id: layer.id,
            says: layer.says,
            total_ns: 0,
        });
        spans.push(layer.when.map(|s| s.intersect(window)));
    }
    let mut covered_ns = 0;
    first_of(spans, |layer, span| {
        shares[layer].total_ns += span.len_ns();
        covered_ns += span.len_ns();
    });
    shares.push(BudgetShare {
        id: rest.0.into(),
        says: rest.1.into(),
        total_ns: window.len_ns() - covered_ns,
    });
    shares.retain(|s| s.total_ns > 0);
    shares
}

/// The budget of serving time; `None` where no step is known. By the device where its recording covers at least
/// half of serving time and its clock agrees with the host's, by steps on the host otherwise.
pub fn budget(host: &Host<'_>) -> Option<TimeBudget> {
    let window = serving_window(&host.vocabulary.engine_steps).filter(|w| !w.is_empty())?;
    let window = Span::new(window.start, window.end.max(launched_until(host, window)));
    let busy = host.busy();
    let recorded = busy.extent().map_or(0, |e| e.intersect(window).len_ns());
    let agrees = host.vocabulary.clock_offset_ns.is_none();
    Some(
        if agrees && recorded.saturating_mul(2) >= window.len_ns() && recorded > 0 {
            by_device(host, window, busy)
        } else {
            by_steps(host, window)
        },
    )
}

/// The end of the last device work that was launched in `window`, where launches carry numbers of their own: a
/// captured graph is launched by one short call and runs long after the step has ended on the host.
fn launched_until(host: &Host<'_>, window: Span) -> i64 {
    let Some(column) = host.vocabulary.links(host.index) else {
        return window.end;
    };
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

fn by_device(host: &Host<'_>, window: Span, busy: &Union) -> TimeBudget {
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
        total_ns: window.len_ns(),
        shares: divide(window, layers, rest),
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

fn by_steps(host: &Host<'_>, window: Span) -> TimeBudget {
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
        total_ns: window.len_ns(),
        shares: divide(window, layers, rest),
        definition:
            "The time from the start of the first to the end of the last serving step, divided by what \
                     the host recorded, because no device recording covers it. A step's time on the host \
                     includes waiting for the device where the engine waits in the step. Every moment is counted \
                     once, in the first row that applies."
                .into(),
    }
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
        let got: Vec<_> = divide(Span::new(2, 100), layers, ("rest", ""))
            .into_iter()
            .map(|s| (s.id, s.total_ns))
            .collect();
        assert_eq!(got, vec![("a".into(), 8), ("b".into(), 10), ("rest".into(), 80)]);
    }

    #[test]
    fn the_serving_window_leaves_warmup_out() {
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
        assert_eq!(serving_window(&steps), Some(Span::new(10, 40)));
        assert_eq!(serving_window(&steps[..1]), None);
        // Nobody knows whether it was served: a rank that does not drive the engine records such steps.
        assert_eq!(serving_window(&[step(1, 2, Period::Unknown)]), None);
        assert_eq!(
            serving_window(&[step(1, 2, Period::BeforeCapture)]),
            Some(Span::new(1, 2))
        );
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_window(
            lists in proptest::collection::vec(proptest::collection::vec((0i64..90, 0i64..30), 0..6), 0..6),
            from in 0i64..60, len in 1i64..60,
        ) {
            let layers = lists.iter().map(|l| layer("x", l)).collect();
            let shares = divide(Span::new(from, from + len), layers, ("rest", ""));
            prop_assert_eq!(shares.iter().map(|s| s.total_ns).sum::<i64>(), len);
            prop_assert!(shares.iter().all(|s| s.total_ns > 0));
        }
    }
}

//! Ground truth by injection: the simulator ([`stepscope::synth::simulator`]) knows what is true of every instant; one
//! thing is delayed by a known time, and the report must move by that in that quantity and in no other. A table of
//! it: `cargo test --test it injection -- --nocapture`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stepscope::session::open_bytes;
use stepscope::synth::simulator::{Cause, Engine, Family, Files, Injection, RankTruth, Simulated, simulate};

const MS: i64 = 1_000_000;

/// What is injected, and the quantities that it moves by all of it where the engine is not asynchronous.
const INJECTIONS: [(&str, Injection, &[&str]); 11] = [
    ("python", Injection::Python(5 * MS), &["idle", "python"]),
    ("operator", Injection::Operator(5 * MS), &["idle", "operator"]),
    (
        "launch_call",
        Injection::LaunchCall(5 * MS),
        &["idle", "launch_call"],
    ),
    (
        "input_preparation",
        Injection::InputPreparation(5 * MS),
        &["idle", "input_preparation"],
    ),
    ("sampler", Injection::Sampler(5 * MS), &["idle", "sampling"]),
    ("compile", Injection::Compile(400 * MS), &["idle", "compile"]),
    (
        "synchronous_copy",
        Injection::SynchronousCopy(5 * MS),
        &["busy", "copy_exposed"],
    ),
    (
        "no_requests",
        Injection::NoRequests(300 * MS),
        &["idle", "requests"],
    ),
    (
        "slow_peer",
        Injection::SlowPeer(5 * MS),
        &["busy", "comm_exposed"],
    ),
    ("slow_kernel", Injection::SlowKernel(5 * MS), &["busy", "compute"]),
    ("queue_full", Injection::QueueFull, &[]),
];

/// What fails as yet, by family and injection (`-`: nothing is injected). It is a failure if one of these passes.
const EXPECTED_TO_FAIL: &[(&str, &str, &str)] = &[];

fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Compile => "compile",
        Cause::Synchronisation => "synchronisation",
        Cause::LaunchCall => "launch_call",
        Cause::InputPreparation => "input_preparation",
        Cause::Sampling => "sampling",
        Cause::Operator => "operator",
        Cause::Requests => "requests",
        Cause::Python => "python",
        Cause::NotStarted => "not_started",
        Cause::NotRecorded => "not_recorded",
    }
}

/// The report's names of a cause, in `gaps`.
fn cause_in_gaps(name: &str) -> &'static str {
    match name {
        "recompile" => "compile",
        "wait" => "synchronisation",
        "submit" => "launch_call",
        "input_prep" => "input_preparation",
        "sampler" => "sampling",
        "host_op" | "collective" => "operator",
        "no_load" => "requests",
        "python" => "python",
        "device" | "dependency" | "launch_latency" => "not_started",
        "unaccounted" => "not_recorded",
        _ => "unlinked",
    }
}

/// Causes as `idle` divides them.
fn cause_in_idle(name: &str) -> &'static str {
    match name {
        "compile" => "idle.compile",
        "scheduler_idle" => "idle.requests",
        "dependency" | "launch_latency" => "idle.not_started",
        "unlinked" => "idle.unlinked",
        _ => "idle.host",
    }
}

/// Quantities by name, ns; of steps one for each.
type Numbers = BTreeMap<String, Vec<Option<i64>>>;

fn add(numbers: &mut Numbers, name: &str, ns: i64) {
    let one = numbers.entry(name.to_owned()).or_insert_with(|| vec![Some(0)]);
    one[0] = one[0].map(|sum| sum + ns);
}

fn truth_of(rank: &RankTruth) -> Numbers {
    let mut numbers = Numbers::new();
    for (name, ns) in [
        ("span", rank.span_ns),
        ("busy", rank.busy_ns),
        ("compute", rank.compute_ns),
        ("comm_exposed", rank.comm_exposed_ns),
        ("copy_exposed", rank.copy_exposed_ns),
        ("idle", rank.idle_ns),
    ] {
        add(&mut numbers, name, ns);
    }
    for cause in Cause::ALL {
        let ns = rank.cause(cause);
        add(&mut numbers, cause_name(cause), ns);
        let coarse = match cause {
            Cause::Compile => "idle.compile",
            Cause::Requests => "idle.requests",
            Cause::NotStarted => "idle.not_started",
            _ => "idle.host",
        };
        add(&mut numbers, coarse, ns);
    }
    let steps = |f: &dyn Fn(usize) -> Option<i64>| (0..rank.steps.len()).map(f).collect();
    let step = |i: usize| &rank.steps[i];
    numbers.insert("step.interval".to_owned(), steps(&|i| step(i).interval_ns));
    numbers.insert("step.call".to_owned(), steps(&|i| Some(step(i).call.len_ns())));
    numbers.insert("step.host".to_owned(), steps(&|i| Some(step(i).host.len_ns())));
    numbers.insert(
        "step.device".to_owned(),
        steps(&|i| Some(step(i).device.len_ns())),
    );
    numbers.insert("step.busy".to_owned(), steps(&|i| Some(step(i).busy_ns)));
    numbers
}

/// The same of a report; of a merged file by device.
fn measured(report: &Value, device: usize) -> Numbers {
    let mut numbers = Numbers::new();
    let rows = |list: &'static str| report[list].as_array().into_iter().flatten();
    let time = rows("device_time").filter(|d| d["scope"] == "all").nth(device);
    for name in ["span", "busy", "compute", "comm_exposed", "copy_exposed", "idle"] {
        let ns = time.and_then(|d| d[format!("{name}_ns")].as_i64());
        numbers.insert(name.to_owned(), vec![ns]);
    }
    for cause in Cause::ALL {
        add(&mut numbers, cause_name(cause), 0);
    }
    let gaps = rows("gaps").filter(|g| g["kind"] == "device").nth(device);
    for share in gaps.and_then(|g| g["causes"].as_array()).into_iter().flatten() {
        let ns = share["total_ns"].as_i64().unwrap();
        add(&mut numbers, cause_in_gaps(share["cause"].as_str().unwrap()), ns);
    }
    if let Some(idle) = rows("idle").nth(device) {
        for name in ["idle.compile", "idle.requests", "idle.not_started", "idle.host"] {
            add(&mut numbers, name, 0);
        }
        for share in idle["causes"].as_array().into_iter().flatten() {
            let ns = share["total_ns"].as_i64().unwrap();
            add(&mut numbers, cause_in_idle(share["cause"].as_str().unwrap()), ns);
        }
    }
    // In a merged file the steps of all ranks follow each other in time.
    let devices = rows("device_time").filter(|d| d["scope"] == "all").count().max(1);
    let mut by_start: Vec<&Value> = rows("steps").collect();
    by_start.sort_by_key(|s| (s["start_ns"].as_i64(), s["slice"].as_u64()));
    let own: Vec<&Value> = by_start.into_iter().skip(device).step_by(devices).collect();
    let each = |f: &dyn Fn(&Value) -> Option<i64>| own.iter().map(|step| f(step)).collect();
    numbers.insert("step.interval".to_owned(), each(&|s| s["interval_ns"].as_i64()));
    numbers.insert("step.call".to_owned(), each(&|s| s["dur_ns"].as_i64()));
    numbers.insert("step.host".to_owned(), each(&|s| s["host_ns"].as_i64()));
    numbers.insert(
        "step.device".to_owned(),
        each(&|s| {
            let device = &s["device"];
            let bounds = || Some(device["end_ns"].as_i64()? - device["start_ns"].as_i64()?);
            device["span_ns"].as_i64().or_else(bounds)
        }),
    );
    numbers.insert("step.busy".to_owned(), each(&|s| s["device"]["busy_ns"].as_i64()));
    numbers
}

/// Of each rank of a run, what is true and what is reported.
fn run(engine: Engine) -> Vec<(Numbers, Numbers)> {
    let Simulated { traces, truth } = simulate(engine);
    let reports: Vec<Value> = traces
        .iter()
        .map(|(name, text)| {
            let opened = open_bytes(name, text.as_bytes()).unwrap_or_else(|e| panic!("{engine:?}: {e}"));
            serde_json::to_value(&opened.report).unwrap()
        })
        .collect();
    let ranks = truth.iter().enumerate().map(|(i, truth)| {
        let (report, device) = match engine.files {
            Files::Several => (&reports[i], 0),
            Files::Merged => (&reports[0], i),
        };
        (truth_of(truth), measured(report, device))
    });
    ranks.collect()
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::CudaEager => "cuda-eager",
        Family::CudaGraphs => "cuda-graphs",
        Family::Rocm => "rocm",
        Family::GaudiLazy => "gaudi-lazy",
        Family::GaudiCompile => "gaudi-compile",
        Family::Ascend => "ascend",
    }
}

/// The largest of how far `is` lies from `should`; `None` where it is unknown.
fn furthest(is: &[Option<i64>], should: &[Option<i64>]) -> Option<i64> {
    if is.len() != should.len() {
        return None;
    }
    let each = is.iter().zip(should).map(|pair| match pair {
        (Some(is), Some(should)) => Some((is - should).abs()),
        (None, None) => Some(0),
        _ => None,
    });
    each.collect::<Option<Vec<_>>>()
        .map(|all| all.into_iter().max().unwrap_or(0))
}

fn difference(a: &[Option<i64>], b: &[Option<i64>]) -> Vec<Option<i64>> {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| Some(a.as_ref()? - b.as_ref()?)).collect()
}

/// Failures by family, injection and quantity, each with what was worst.
#[derive(Default)]
struct Failures(BTreeMap<(&'static str, &'static str), BTreeMap<String, String>>);

impl Failures {
    fn add(&mut self, family: Family, injection: &'static str, quantity: &str, says: String) {
        let here = self.0.entry((family_name(family), injection)).or_default();
        here.entry(quantity.to_owned()).or_insert(says);
    }

    /// Compares with [`EXPECTED_TO_FAIL`]; prints both ways in which they differ.
    fn settle(self) {
        let listed = EXPECTED_TO_FAIL
            .iter()
            .flat_map(|(family, injection, quantities)| {
                quantities
                    .split(' ')
                    .map(move |q| (*family, *injection, q.to_owned()))
            });
        let expected: BTreeSet<(&str, &str, String)> = listed.collect();
        let mut got = BTreeSet::new();
        println!("\nexpected to fail, as yet:");
        for ((family, injection), quantities) in &self.0 {
            for (quantity, says) in quantities {
                let key = (*family, *injection, quantity.clone());
                if expected.contains(&key) {
                    println!("  {family} {injection} {quantity}: {says}");
                }
                got.insert(key);
            }
        }
        for ((family, injection), quantities) in &self.0 {
            let new = quantities
                .iter()
                .filter(|(q, _)| !expected.contains(&(*family, *injection, (*q).clone())));
            for (quantity, says) in new {
                println!("FAILS: {family} {injection} {quantity}: {says}");
            }
        }
        let new: Vec<_> = got.difference(&expected).collect();
        let passes: Vec<_> = expected.difference(&got).collect();
        if std::env::var_os("LIST_FAILURES").is_some() {
            for ((family, injection), quantities) in &self.0 {
                let names: Vec<_> = quantities.keys().map(String::as_str).collect();
                println!("    (\"{family}\", \"{injection}\", \"{}\"),", names.join(" "));
            }
        }
        assert!(new.is_empty(), "{} that should hold do not: {new:?}", new.len());
        assert!(
            passes.is_empty(),
            "these pass now, take them out of EXPECTED_TO_FAIL: {passes:?}"
        );
    }
}

fn engines(family: Family, injection: Injection) -> Vec<Engine> {
    let mut engines = Vec::new();
    for asynchronous in [false, true] {
        let one = Engine::of(family, asynchronous);
        if !matches!(injection, Injection::SlowPeer(_)) {
            engines.push(one);
        }
        if matches!(
            injection,
            Injection::SlowPeer(_) | Injection::None | Injection::Python(_)
        ) {
            let several = Engine { ranks: 2, ..one };
            engines.push(several);
            if matches!(family, Family::CudaEager | Family::CudaGraphs | Family::Rocm) {
                engines.push(Engine {
                    ranks: 4,
                    files: Files::Merged,
                    ..one
                });
            }
        }
    }
    engines
}

/// What may differ without anything injected: device times are exact, causes agree within 1 % of the idle time, and
/// steps within 1 %.
fn check_absolute(failures: &mut Failures, engine: Engine, (truth, report): &(Numbers, Numbers)) {
    for (name, should) in truth {
        let Some(is) = report.get(name) else { continue };
        let largest = should.iter().flatten().max().copied().unwrap_or(0);
        let allowed = match name.as_str() {
            "span" | "busy" | "compute" | "comm_exposed" | "copy_exposed" | "idle" => 0,
            name if name.starts_with("step.") => largest / 100,
            _ => truth["idle"][0].unwrap_or(0) / 100,
        };
        if furthest(is, should).is_none_or(|off| off > allowed) {
            let says = format!("{}: {is:?}, should be {should:?}", engine_name(engine));
            failures.add(engine.family, "-", name, says);
        }
    }
}

fn engine_name(engine: Engine) -> String {
    let kind = if engine.asynchronous {
        "asynchronous"
    } else {
        "synchronous"
    };
    match (engine.ranks, engine.files) {
        (1, _) => kind.to_owned(),
        (n, Files::Several) => format!("{kind}, {n} ranks"),
        (n, Files::Merged) => format!("{kind}, {n} ranks in one file"),
    }
}

/// A delay moves what it should by as much, within 1 %, and nothing else by more than 1 % of it.
#[test]
fn what_is_injected_is_found_there_and_nowhere_else() {
    let mut failures = Failures::default();
    for family in Family::ALL {
        println!("\n{}", family_name(family));
        println!(
            "  {:<18} {:<30} {:<18} {:>9} {:>9} {:>8}",
            "injected", "engine", "moves", "by, ms", "found", "error"
        );
        for engine in engines(family, Injection::None) {
            for numbers in run(engine) {
                check_absolute(&mut failures, engine, &numbers);
            }
        }
        for (name, injection, whole) in INJECTIONS {
            for engine in engines(family, injection) {
                let before = run(engine);
                let after = run(engine.with(injection));
                for (before, after) in before.iter().zip(&after) {
                    check_moves(&mut failures, engine, (name, injection, whole), before, after);
                }
            }
        }
    }
    failures.settle();
}

fn size(injection: Injection) -> i64 {
    match injection {
        Injection::Python(ns)
        | Injection::Operator(ns)
        | Injection::LaunchCall(ns)
        | Injection::InputPreparation(ns)
        | Injection::Sampler(ns)
        | Injection::Compile(ns)
        | Injection::SynchronousCopy(ns)
        | Injection::NoRequests(ns)
        | Injection::SlowPeer(ns)
        | Injection::SlowKernel(ns)
        | Injection::SkewedClock(ns) => ns,
        _ => MS,
    }
}

fn check_moves(
    failures: &mut Failures,
    engine: Engine,
    (name, injection, whole): (&'static str, Injection, &[&str]),
    (truth_before, before): &(Numbers, Numbers),
    (truth_after, after): &(Numbers, Numbers),
) {
    let injected = size(injection);
    for (quantity, was) in truth_before {
        let should = difference(&truth_after[quantity], was);
        let (Some(is), Some(was)) = (after.get(quantity), before.get(quantity)) else {
            continue;
        };
        let moved = difference(is, was);
        let off = furthest(&moved, &should);
        let largest = should
            .iter()
            .flatten()
            .copied()
            .max_by_key(|ns| ns.abs())
            .unwrap_or(0);
        if largest.abs() > injected / 100 {
            let found = moved
                .iter()
                .flatten()
                .copied()
                .max_by_key(|ns| ns.abs())
                .unwrap_or(0);
            let error = off.map_or("unknown".to_owned(), |off| {
                format!("{:.2} %", off as f64 * 100.0 / injected as f64)
            });
            let (by, found) = (largest as f64 / 1e6, found as f64 / 1e6);
            println!(
                "  {name:<18} {:<30} {quantity:<18} {by:>9.3} {found:>9.3} {error:>8}",
                engine_name(engine)
            );
        }
        if off.is_none_or(|off| off > injected / 100) {
            let says = format!(
                "{}: moves by {moved:?}, should by {should:?}",
                engine_name(engine)
            );
            failures.add(engine.family, name, quantity, says);
        }
        // The simulator itself: with one rank and nothing hidden by work in flight, all of the delay is there.
        let is_plain = !engine.asynchronous && engine.ranks == 1;
        if is_plain && whole.contains(&quantity.as_str()) {
            assert!(
                (largest - injected).abs() * 100 <= injected,
                "{engine:?} {name} {quantity}: {largest}"
            );
        }
    }
}

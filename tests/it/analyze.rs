//! Analyses on small traces made by hand, and against reference results on the corpus.

use stepscope::analyze::device::device_time::device_work;
use stepscope::analyze::gaps::held_up::Compiles;
use stepscope::analyze::gaps::{BIN_EDGES_NS, Host, gaps, requests};
use stepscope::analyze::host::python::python;
use stepscope::analyze::report::{Cause, DeviceTime, Finding, GapKind, Gaps, Level};
use stepscope::base::{Span, TrackId, Union, show};
use stepscope::dialect::{Device, EngineStep, Period, Phase, Role, Vocabulary};
use stepscope::index::{Index, Key};
use stepscope::session::{Loader, Opened, open_bytes};
use stepscope::synth::{self, Options};

use crate::corpus;

fn open(path: &str) -> Option<Opened> {
    let bytes = corpus::read(path)?;
    Some(open_bytes(path, &bytes).unwrap_or_else(|e| panic!("{path}: {e}")))
}

/// The only trace in a folder of the corpus.
fn open_only(folder: &str, ending: &str) -> Option<Opened> {
    let file = corpus::files(folder)
        .into_iter()
        .find(|f| f.to_string_lossy().ends_with(ending))?;
    let name = file.to_string_lossy().into_owned();
    let bytes = std::fs::read(&file).unwrap();
    Some(open_bytes(&name, &bytes).unwrap_or_else(|e| panic!("{name}: {e}")))
}

// ---- made by hand -------------------------------------------------------------------------------------------

/// A trace of complete events `(pid, tid, category, name, start µs, duration µs)`; the name says the role.
fn by_hand(events: &[(i64, i64, &str, &str, i64, i64)]) -> (Index, Vocabulary) {
    let rows: Vec<String> = events
        .iter()
        .map(|(pid, tid, cat, name, ts, dur)| {
            format!(
                r#"{{"ph":"X","pid":{pid},"tid":{tid},"cat":"{cat}","name":"{name}","ts":{ts},"dur":{dur}}}"#
            )
        })
        .collect();
    let text = format!(r#"{{"traceEvents":[{}]}}"#, rows.join(","));
    let index = open_bytes("by_hand.json", text.as_bytes()).unwrap().index;
    let role = |name: &str| match name.split(' ').next().unwrap() {
        "prepare" => Role::Prepare,
        "launch" => Role::Launch,
        "wait" => Role::Wait,
        "sample" => Role::Sample,
        "op" => Role::HostOp,
        "frame" => Role::PythonFrame,
        "matrix" => Role::DeviceMatrix,
        "vector" => Role::DeviceVector,
        "copy" => Role::DeviceDma,
        "pass" => Role::Pass,
        _ => Role::Other,
    };
    let roles: Vec<Role> = index.slices.ids().map(|id| role(index.name_of(id))).collect();
    let tracks: Vec<TrackId> = index
        .track_ids()
        .filter(|&t| index.rows(t).any(|id| roles[id.index()].is_device()))
        .collect();
    let devices = if tracks.is_empty() {
        Vec::new()
    } else {
        vec![Device {
            device: 0,
            rank: None,
            tracks,
        }]
    };
    let vocabulary = Vocabulary {
        roles,
        devices,
        ..Vocabulary::default()
    };
    (index, vocabulary)
}

fn all_gaps(index: &Index, vocabulary: &Vocabulary) -> Vec<Gaps> {
    let devices = device_work(index, vocabulary);
    let waiting = requests::waiting(index, vocabulary);
    let compiles = Compiles::of(index, vocabulary, &[]);
    gaps(&Host::of(
        index,
        vocabulary,
        (&[], false),
        (&[], compiles),
        &devices,
        None,
        &waiting,
    ))
}

fn of_kind(all: &[Gaps], kind: GapKind) -> &Gaps {
    all.iter()
        .find(|g| g.kind == kind)
        .unwrap_or_else(|| panic!("no gaps of kind {kind:?}"))
}

fn causes(gaps: &Gaps) -> Vec<(Cause, u64, i64)> {
    gaps.causes
        .iter()
        .map(|c| (c.cause, c.count, c.total_ns))
        .collect()
}

/// Busy is any work: until now a copy did not end a gap, though the device table called the same time busy.
#[test]
fn a_device_gap_is_a_hole_of_all_work_copies_included() {
    let (index, vocabulary) = by_hand(&[
        (0, 1, "k", "matrix a", 0, 100),
        (0, 2, "k", "vector b", 90, 20),
        (0, 3, "k", "copy c", 110, 5),
        (0, 1, "k", "matrix d", 150, 10),
        (0, 2, "k", "vector e", 165, 10),
        (9, 9, "c", "prepare x", 120, 60),
        (9, 9, "c", "op inside", 125, 10),
    ]);
    let all = all_gaps(&index, &vocabulary);
    let device = of_kind(&all, GapKind::Device);
    assert_eq!(device.r#where, "device 0");
    assert_eq!((device.count, device.total_ns), (2, 40_000));
    assert_eq!(
        causes(device),
        vec![
            // The innermost slice decides.
            (Cause::InputPrep, 1, 20_000),
            (Cause::HostOp, 0, 10_000),
            (Cause::Device, 1, 5_000),
            (Cause::Unaccounted, 0, 5_000)
        ]
    );
    assert_eq!(device.longest[0].start_ns, 115_000);
    assert_eq!(
        device.longest[0].says,
        "The host prepared inputs: prepare x, 30.0 µs of 35.0 µs."
    );
    assert_eq!(device.longest[1].cause, Cause::Device);
    // The host records until 180 µs, the device until 175 µs.
    assert!((device.coverage.unwrap() - 175.0 / 180.0).abs() < 1e-12);
    assert!(
        !all.iter().any(|g| g.kind == GapKind::Launch),
        "one launch would be no gap, none is none"
    );
}

#[test]
fn waiting_on_another_thread_explains_nothing_while_the_main_thread_waits_itself() {
    let events = [
        (0, 1, "k", "matrix a", 0, 100),
        (0, 1, "k", "matrix b", 300, 100),
        (9, 9, "c", "op main", 100, 80),
        (9, 9, "c", "wait main", 180, 20),
        (9, 8, "c", "wait elsewhere", 100, 200),
    ];
    let (index, mut vocabulary) = by_hand(&events);
    let main = index
        .track_ids()
        .find(|&t| index.track(t).tid == Key::Int(9))
        .unwrap();
    vocabulary.main_threads = vec![main];
    let all = all_gaps(&index, &vocabulary);
    assert_eq!(
        causes(of_kind(&all, GapKind::Device)),
        vec![
            (Cause::Wait, 0, 20_000),
            (Cause::HostOp, 0, 80_000),
            (Cause::Unaccounted, 1, 100_000)
        ]
    );
    let (index, mut vocabulary) = by_hand(&[events[0], events[1], events[2], events[4]]);
    vocabulary.main_threads = vec![
        index
            .track_ids()
            .find(|&t| index.track(t).tid == Key::Int(9))
            .unwrap(),
    ];
    let all = all_gaps(&index, &vocabulary);
    assert_eq!(
        causes(of_kind(&all, GapKind::Device)),
        // What another thread waits for says nothing of the one that launches.
        vec![(Cause::HostOp, 0, 80_000), (Cause::Unaccounted, 1, 120_000)]
    );
}

#[test]
fn a_long_pause_between_steps_is_no_load_unless_the_host_works() {
    let (index, mut vocabulary) = by_hand(&[
        (9, 9, "c", "pass a", 0, 1_000),
        (9, 9, "c", "op between", 500_000, 100_000),
        (9, 9, "c", "pass b", 2_001_000, 1_000),
        (9, 9, "c", "pass c", 2_003_000, 1_000),
    ]);
    let step = |start_us: i64| EngineStep {
        span: Span::new(start_us * 1000, (start_us + 1_000) * 1000),
        passes: 0..0,
        period: Period::Serving,
    };
    vocabulary.engine_steps = vec![step(0), step(2_001_000), step(2_003_000)];
    let all = all_gaps(&index, &vocabulary);
    let steps = of_kind(&all, GapKind::Step);
    assert_eq!(
        causes(steps),
        vec![
            (Cause::HostOp, 0, 100_000_000),
            (Cause::NoLoad, 1, 1_900_000_000),
            (Cause::Unaccounted, 1, 1_000_000)
        ]
    );
    assert_eq!(
        (steps.p50_ns, steps.max_ns),
        (Some(1_000_000), Some(2_000_000_000))
    );
    assert_eq!(steps.bins.last().unwrap().count, 1);
}

#[test]
fn launch_gaps_lie_on_the_thread_with_most_launches() {
    let (index, vocabulary) = by_hand(&[
        (9, 1, "c", "launch a", 0, 10),
        (9, 2, "c", "launch b", 0, 10),
        (9, 2, "c", "launch c", 30, 10),
        (9, 2, "c", "launch d", 35, 20),
        (9, 2, "c", "launch e", 100, 10),
    ]);
    let all = all_gaps(&index, &vocabulary);
    let launch = of_kind(&all, GapKind::Launch);
    assert_eq!(
        (launch.r#where.as_str(), launch.count, launch.total_ns),
        ("thread 2", 2, 20_000 + 45_000)
    );
}

#[test]
fn a_recursive_frame_counts_its_time_once() {
    let (index, vocabulary) = by_hand(&[
        (9, 9, "python_function", "frame f", 0, 100),
        (9, 9, "python_function", "frame g", 10, 80),
        (9, 9, "python_function", "frame f", 20, 50),
        (9, 9, "python_function", "frame f", 200, 7),
    ]);
    let got: Vec<_> = python(&index, &vocabulary)
        .into_iter()
        .map(|f| (f.name, f.count, f.self_cpu_ns, f.total_cpu_ns))
        .collect();
    assert_eq!(
        got,
        vec![
            ("frame f".into(), 3, 77_000, 107_000),
            ("frame g".into(), 1, 30_000, 80_000)
        ]
    );
}

// ---- invented traces, whose facts are known -----------------------------------------------------------------

fn open_invented(options: &Options) -> (Opened, synth::Facts) {
    let mut bytes = Vec::new();
    let written = synth::write(options, &mut bytes).unwrap();
    (open_bytes("invented.json", &bytes).unwrap(), written.facts)
}

#[test]
fn the_sample_shows_what_was_put_into_it() {
    let (opened, facts) = open_invented(&Options::sample());
    check_sums("sample", &opened);
    let report = &opened.report;
    let finding = |id: &str| {
        report
            .findings
            .iter()
            .find(|f| f.id == id)
            .unwrap_or_else(|| panic!("no {id}"))
    };

    let compiles: Vec<i64> = facts
        .compiles
        .iter()
        .filter(|c| !c.warmup)
        .map(|c| c.dur_ns)
        .collect();
    assert_eq!(
        finding("compiles-while-serving").cost_ns,
        Some(compiles.iter().sum())
    );
    assert_eq!(finding("compiles-while-serving").evidence.len(), compiles.len());
    assert_eq!(
        finding("buckets-not-warmed").evidence.len(),
        facts.served_not_warmed.len()
    );
    let outlier = facts.outlier.unwrap();
    let slow = &finding("slow-steps").evidence;
    assert_eq!(slow.len(), 1);
    assert!(slow[0].start_ns.unwrap() >= outlier.start && slow[0].end_ns.unwrap() <= outlier.end);
    assert!(slow[0].says.contains("; sampling +217 ms"), "{}", slow[0].says);
    let padding = format!(
        "{} of {} rows",
        show::count(facts.real_batch),
        show::count(facts.padded_batch)
    );
    assert!(finding("decode-padding").says.contains(&padding), "{padding}");

    assert_eq!(report.device_time[0].compute_ns, facts.device_compute_ns);
    let gaps = of_kind(&report.gaps, GapKind::Device);
    assert_eq!(gaps.longest[0].cause, Cause::Recompile);
    assert!(gaps.longest[0].dur_ns >= *compiles.iter().max().unwrap());
}

#[test]
fn where_nothing_is_wrong_that_is_said() {
    let (opened, _) = open_invented(&Options {
        serving_compiles: 0,
        unwarmed_buckets: 0,
        outlier: false,
        ..Options::sample()
    });
    let fine: Vec<(&str, &str)> = opened
        .report
        .findings
        .iter()
        .filter(|f| f.level == Level::Fine)
        .map(|f| (f.id.as_str(), f.says.as_str()))
        .collect();
    let says = |id: &str| {
        fine.iter()
            .find(|f| f.0 == id)
            .unwrap_or_else(|| panic!("no {id} in {fine:?}"))
            .1
    };
    assert_eq!(
        says("no-compiles-while-serving"),
        "No graph was compiled while serving."
    );
    assert!(says("no-slow-steps").contains("3 × the median"), "{fine:?}");
    assert!(says("buckets-warmed").starts_with("Every served bucket was warmed up"));
}

// ---- against references -------------------------------------------------------------------------------------

/// Of each row to the next in order of start, the time between; 0 where they overlap. The quantity of the
/// corpus' golden numbers: rows are prefill and decode passes, so input preparation lies in the gap, and several
/// passes of one engine step have a gap each. The product's step gaps lie between engine steps instead.
fn row_gaps(rows: &[Span]) -> Vec<i64> {
    rows.windows(2).map(|w| (w[1].start - w[0].end).max(0)).collect()
}

/// Counts below 10 µs, 50 µs, 100 µs, 500 µs, 1 ms, 5 ms, 10 ms, and above.
fn reference_histogram(gaps: impl Iterator<Item = i64>) -> [u64; 8] {
    let mut counts = [0; 8];
    for gap in gaps {
        counts[BIN_EDGES_NS[1..8].partition_point(|&edge| edge <= gap)] += 1;
    }
    counts
}

/// The reference's choice of device work: on pid 0, of category kernel or with a hardware event's name, whatever
/// the engine. The product leaves DMA and NIC out, which these traces do not use, so both agree here.
fn reference_device(index: &Index) -> Union {
    let tracks = index.track_ids().filter(|&t| index.track(t).pid == Key::Int(0));
    let rows = tracks.flat_map(|t| index.rows(t)).filter(|&id| {
        index.category_of(id).eq_ignore_ascii_case("kernel") || index.arg_text("HW event name", id).is_some()
    });
    Union::of(rows.map(|id| index.slices.span(id)))
}

#[test]
fn device_gaps_of_the_driven_traces_agree_with_the_reference() {
    // The corpus' own list gives busy µs to one decimal, summed as floats near 2^42: up to 0.06 µs off.
    for (folder, n_spans, busy_ns, histogram) in [
        (
            "gaudi/driven_v1_full",
            456,
            33_964_544,
            [137, 276, 0, 4, 17, 18, 1, 2],
        ),
        (
            "gaudi/driven_v1_full_async",
            456,
            33_962_752,
            [160, 278, 2, 9, 2, 1, 1, 2],
        ),
        (
            "gaudi/driven_v1_full_rank1",
            456,
            33_964_544,
            [137, 276, 0, 4, 17, 18, 1, 2],
        ),
        (
            "gaudi/driven_v0_full",
            320,
            21_131_776,
            [96, 192, 0, 1, 17, 11, 1, 1],
        ),
    ] {
        let Some(opened) = open_only(folder, ".json.gz") else {
            return;
        };
        let (index, vocabulary) = (&opened.index, &opened.vocabulary);
        let reference = reference_device(index);
        assert_eq!(vocabulary.devices.len(), 1, "{folder}");
        let product = &device_work(index, vocabulary)[0].compute;
        for (who, union) in [("reference", &reference), ("product", product)] {
            assert_eq!(union.spans().len(), n_spans, "{folder} {who}");
            assert_eq!(union.total_ns(), busy_ns, "{folder} {who}");
            assert_eq!(
                reference_histogram(union.gaps().map(|g| g.len_ns())),
                histogram,
                "{folder} {who}"
            );
        }
        let gaps = of_kind(&opened.report.gaps, GapKind::Device);
        assert_eq!(gaps.count, n_spans as u64 - 1, "{folder}");
        let mut bins: Vec<u64> = gaps.bins.iter().map(|b| b.count).collect();
        let above: u64 = bins.drain(7..).sum();
        bins.push(above);
        assert_eq!(bins, histogram, "{folder}");
        assert_eq!(
            gaps.total_ns + product.total_ns(),
            product.extent().unwrap().len_ns(),
            "{folder}"
        );
        let coverage = gaps.coverage.unwrap();
        assert!(coverage > 0.0 && coverage <= 1.0, "{folder}: {coverage}");
    }
}

#[test]
fn row_to_row_gaps_of_the_driven_traces_agree_with_the_reference() {
    for (folder, ending, n, median_us, max_us) in [
        ("gaudi/driven_v1_true", ".json", 45, 1656.8, 7851.8),
        ("gaudi/driven_v1_full", ".json.gz", 45, 1656.8, 7851.8),
        ("gaudi/driven_v1_full_async", ".json.gz", 45, 753.8, 7027.8),
        ("gaudi/driven_v0_full", ".json.gz", 31, 471.0, 7340.8),
    ] {
        let files = corpus::files(folder);
        let Some(file) = files.iter().find(|f| {
            let name = f.to_string_lossy();
            name.ends_with(ending) && !name.contains("metrics")
        }) else {
            return;
        };
        let opened = open_bytes(&file.to_string_lossy(), &std::fs::read(file).unwrap()).unwrap();
        let rows: Vec<Span> = opened
            .report
            .steps
            .iter()
            .filter(|s| s.period == Period::Serving && matches!(s.phase, Phase::Prefill | Phase::Decode))
            .map(|s| Span::new(s.start_ns, s.start_ns + s.dur_ns))
            .collect();
        let mut gaps = row_gaps(&rows);
        gaps.sort_unstable();
        assert_eq!(gaps.len(), n, "{folder}");
        // The reference takes the upper of two middle values.
        let us = |ns: i64| ns as f64 / 1e3;
        assert!(
            (us(gaps[n / 2]) - median_us).abs() < 0.06,
            "{folder}: {}",
            gaps[n / 2]
        );
        assert!(
            (us(gaps[n - 1]) - max_us).abs() < 0.06,
            "{folder}: {}",
            gaps[n - 1]
        );
    }
}

#[test]
fn step_gaps_of_the_driven_traces_lie_between_engine_steps() {
    // Worked out from the files: a step runs from input preparation to what follows sampling (V0: the outer
    // `prepare_input_tensors`). 43 steps of 46 passes: three steps had a prefill and a decode pass.
    for (folder, n, total_ns, p50_ns, max_ns) in [
        ("gaudi/driven_v1_full", 42, 30_997_500, 543_750, 6_640_500),
        ("gaudi/driven_v1_full_async", 42, 30_998_250, 544_000, 6_640_750),
        ("gaudi/driven_v0_full", 31, 21_760_750, 471_000, 7_340_750),
    ] {
        let Some(opened) = open_only(folder, ".json.gz") else {
            return;
        };
        let gaps = of_kind(&opened.report.gaps, GapKind::Step);
        assert_eq!(gaps.r#where, "vLLM", "{folder}");
        assert_eq!(
            (gaps.count, gaps.total_ns, gaps.p50_ns, gaps.max_ns),
            (n, total_ns, Some(p50_ns), Some(max_ns)),
            "{folder}"
        );
    }
}

/// The findings of a trace as `(id, level, cost in ns)`, in order.
fn found(opened: &Opened) -> Vec<(&str, Level, Option<i64>)> {
    opened
        .report
        .findings
        .iter()
        .map(|f| (f.id.as_str(), f.level, f.cost_ns))
        .collect()
}

#[test]
fn findings_of_the_driven_traces() {
    use Level::{Fine, Hint, Problem};
    let Some(opened) = open_only("gaudi/driven_v1_full", ".json.gz") else {
        return;
    };
    assert_eq!(
        found(&opened),
        vec![
            ("compiles-while-serving", Problem, Some(623_345_000)),
            // The host's share of the verdict.
            ("decode-waits-for-host", Problem, Some(38_608_396)),
            // Its compiles are charged above.
            ("buckets-not-warmed", Problem, None),
            ("slow-steps", Hint, Some(6_157_000)),
            ("decode-padding", Hint, None),
            ("prefill-padding", Hint, None),
            // Compiles were tracked, but the device works across the ends of most passes: no synchronised capture.
        ]
    );
    let compiles = &opened.report.findings[0];
    assert_eq!(
        compiles.says,
        "3 graphs were compiled while serving. They delayed 2 steps for 623 ms (88 % of serving time). Of these, 1 for \
         buckets that warm-up did not run and 2 for what had run before (compiled again)."
    );
    // The more frequent use first.
    assert!(
        compiles
            .advice
            .starts_with("What had run before was compiled again"),
        "{}",
        compiles.advice
    );
    assert!(
        compiles.advice.ends_with("Let warm-up run these buckets."),
        "{}",
        compiles.advice
    );
    let shares: i64 = opened
        .report
        .budget
        .as_ref()
        .unwrap()
        .shares
        .iter()
        .map(|s| s.total_ns)
        .sum();
    assert_eq!(
        shares, 710_188_750,
        "from the first serving step's start to the last one's end"
    );

    // V0 records no compiles: one step looks like one, and nothing is claimed. Two prefills are too few to
    // judge their padding.
    let opened = open_only("gaudi/driven_v0_full", ".json.gz").unwrap();
    assert_eq!(
        found(&opened),
        vec![
            // The suspected compile, 188 ms, is a compile here as anywhere.
            ("decode-waits-for-host", Problem, Some(30_454_618)),
            ("suspected-compiles", Hint, Some(188_000_000)),
            ("warmup-not-recorded", Hint, None),
            ("decode-padding", Hint, None),
            ("no-slow-steps", Fine, None),
        ]
    );
    let measured = &opened.report.findings[0].evidence;
    assert!(measured.iter().any(|e| {
        e.says
            .contains("excluding intervals in which a graph was compiled")
    }));

    // A rank that does not drive the engine never says when it warms up.
    let opened = open_only("gaudi/driven_v1_full_rank1", ".json.gz").unwrap();
    let ids: Vec<&str> = found(&opened).iter().map(|f| f.0).collect();
    assert!(ids.contains(&"compiles-in-unknown-period"), "{ids:?}");
    assert!(
        !ids.contains(&"compiles-while-serving") && !ids.contains(&"no-compiles-while-serving"),
        "{ids:?}"
    );
}

#[test]
fn reports_of_the_corpus_add_up() {
    let mut seen = 0;
    let folders = [
        "gaudi",
        "malformed",
        "ascend",
        "kineto/hta/amd_trace",
        "kineto/hta/critical_path",
        "kineto/hta/mtia_inference_trace",
        "kineto/hta/trace_filter",
    ];
    for file in folders.into_iter().flat_map(corpus::files) {
        let name = file.to_string_lossy().into_owned();
        if !(name.ends_with(".json") || name.ends_with(".gz")) {
            continue;
        }
        let Ok(opened) = open_bytes(&name, &std::fs::read(&file).unwrap()) else {
            continue;
        };
        check_sums(&name, &opened);
        seen += 1;
    }
    assert!(seen > 15 || corpus::root().is_none(), "only {seen} traces opened");
}

fn check_sums(name: &str, opened: &Opened) {
    let report = &opened.report;
    for gaps in &report.gaps {
        assert_eq!(
            gaps.causes.iter().map(|c| c.total_ns).sum::<i64>(),
            gaps.total_ns,
            "{name}"
        );
        assert_eq!(
            gaps.causes.iter().map(|c| c.count).sum::<u64>(),
            gaps.count,
            "{name}"
        );
        assert_eq!(
            gaps.bins.iter().map(|b| b.total_ns).sum::<i64>(),
            gaps.total_ns,
            "{name}"
        );
        assert_eq!(
            gaps.bins.iter().map(|b| b.count).sum::<u64>(),
            gaps.count,
            "{name}"
        );
        assert!(
            gaps.longest.windows(2).all(|w| w[0].dur_ns >= w[1].dur_ns),
            "{name}"
        );
        assert_eq!(gaps.longest.len() as u64, gaps.count.min(50), "{name}");
        assert!(gaps.longest.iter().all(|g| g.says.ends_with('.')), "{name}");
    }
    for t in &report.device_time {
        assert_eq!(
            t.compute_ns + t.comm_exposed_ns + t.copy_exposed_ns + t.idle_ns,
            t.span_ns,
            "{name}"
        );
    }
    if let Some(budget) = &report.budget {
        assert_eq!(
            budget.shares.iter().map(|s| s.total_ns).sum::<i64>(),
            budget.total_ns,
            "{name}"
        );
        assert!(budget.shares.iter().all(|s| s.total_ns > 0), "{name}");
    }
    for finding in &report.findings {
        assert!(finding.says.ends_with('.'), "{name}: {}", finding.says);
        assert!(
            finding.advice.is_empty() || finding.advice.ends_with(['.', '?']),
            "{name}: {}",
            finding.advice
        );
        assert!(finding.cost_ns.is_none_or(|ns| ns >= 0), "{name}: {finding:?}");
    }
    // What is fine and takes much of serving time stands among the hints.
    let place = |f: &Finding| match f.level {
        Level::Fine if f.cost_ns.is_some() => Level::Hint,
        level => level,
    };
    let is_in_order = |w: &[Finding]| w[0].level <= w[1].level || place(&w[0]) <= w[1].level;
    assert!(report.findings.windows(2).all(is_in_order), "{name}");
}

#[test]
fn device_time_agrees_with_tracelens() {
    // (trace, scope that the reference took, printed values in ms)
    for (trace, scope, [compute, comm, copy, busy, idle, span]) in [
        (
            "gaunernst_bert-small-uncased__1016001",
            "all",
            [
                0.307_197_753_906_25,
                0.0,
                0.002_239_990_234_375,
                0.309_437_744_140_625,
                3.598_387_207_031_25,
                3.907_824_951_171_875,
            ],
        ),
        (
            "Qwen_Qwen1.5-0.5B-Chat__1016005",
            "linked",
            [
                31.903_115_234_375,
                0.0,
                0.002_367_919_921_875,
                31.905_483_154_296_875,
                2.986_935_791_015_625,
                34.892_418_945_312_5,
            ],
        ),
        (
            "facebook_timesformer-base-finetuned-k400__1016002",
            "linked",
            [
                154.969_031_25,
                0.0,
                3.464_141_845_703_125,
                158.433_173_095_703_12,
                1.559_253_662_109_375,
                159.992_426_757_812_5,
            ],
        ),
    ] {
        let Some(opened) = open(&format!("kineto/tracelens/h100/{trace}.json.gz")) else {
            return;
        };
        let time: Vec<&DeviceTime> = opened
            .report
            .device_time
            .iter()
            .filter(|t| t.scope == scope)
            .collect();
        assert_eq!(time.len(), 1, "{trace}");
        let got = [
            time[0].compute_ns,
            time[0].comm_exposed_ns,
            time[0].copy_exposed_ns,
            time[0].busy_ns,
            time[0].idle_ns,
            time[0].span_ns,
        ];
        // The reference adds floats of microseconds near 2^42, which step by 0.5 ns.
        for (got, want) in got.into_iter().zip([compute, comm, copy, busy, idle, span]) {
            assert!(
                (got as f64 / 1e6 - want).abs() < 1e-4,
                "{trace}: {got} ns, reference {want} ms"
            );
        }
    }
}

/// Launches stand before their work in this file: at the end of the first half the device seems to have stopped early.
#[test]
fn the_first_part_of_a_file_says_nothing_of_what_is_missing() {
    let launch = |i: i64| {
        let ts = 1_000 * i;
        format!(
            r#"{{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":1,"ts":{ts},"dur":10,
            "args":{{"correlation":{i}}}}},"#
        )
    };
    let kernel = |i: i64| {
        let ts = 1_000 * i + 20;
        format!(
            r#"{{"ph":"X","cat":"kernel","name":"k","pid":0,"tid":7,"ts":{ts},"dur":500,
            "args":{{"device":0,"stream":7,"correlation":{i}}}}},"#
        )
    };
    let first: String = (1..=40).map(launch).chain((1..=20).map(kernel)).collect();
    let half = format!(r#"{{"schemaVersion":1,"deviceProperties":[],"traceEvents":[{first}"#);
    let says = |findings: &[Finding]| findings.iter().any(|f| f.id == "device-recording-ends-early");
    let mut loader = Loader::new("x.pt.trace.json");
    loader.feed(half.as_bytes());
    assert!(
        !says(&loader.partial().findings),
        "the rest of the file may hold the work"
    );
    let ended = open_bytes("x.pt.trace.json", half.as_bytes()).unwrap();
    assert!(says(&ended.report.findings), "a file that ends there does say it");
}

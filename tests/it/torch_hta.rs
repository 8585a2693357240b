//! Our columns against the numbers that HTA 0.5.0 (Holistic Trace Analysis) prints for the same traces, all of them.
//!
//! HTA reads whole microseconds, drops the last profiler step and decides what is device work by the arg `stream`. All
//! of that is done here, as `hta/common/trace.py` and `hta/analyzers/*.py` do it, and none of it in the product: what is
//! tested is that times, names, streams and links of every event are the tracer's.
//!
//! Not compared: `frequent_cuda_kernel_patterns` and `potential_stragglers` (no numbers are held), and
//! `gpu_kernel_breakdown_default10`, which folds the rows of `gpu_kernel_breakdown` into "others".
//!
//! HTA sorts with a sort that is not stable, so wherever two events begin within the same microsecond its order is chance.
//! What depends on that (queues, bandwidths over time) is held between the two extremes, which are the same number where
//! nothing ties.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stepscope::base::{SliceId, Span};
use stepscope::session::{Inflater, Opened, open_bytes};

use crate::corpus;

/// Sets of reference numbers, with the traces of their ranks.
const SETS: [(&str, &[&str]); 7] = [
    (
        "mtia_trace_single_rank",
        &["hta/mtia_trace_single_rank/mtia_rank_0.json.gz"],
    ),
    (
        "ns_resolution_trace",
        &["hta/ns_resolution_trace/rank-0.Apr_03_18_51_38.1102.pt.trace.json.gz"],
    ),
    (
        "sglang_decode_mi300",
        &["tracelens/inference/sglang_decode/sglang_Qwen3-8B_decode.json.gz"],
    ),
    (
        "torch_h100_qwen",
        &["tracelens/h100/Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz"],
    ),
    ("trace_diff_control", &["hta/trace_diff/control/control.json.gz"]),
    (
        "trace_filter",
        &[
            "hta/trace_filter/sampled_rank-0.json.gz",
            "hta/trace_filter/sampled_rank-1.json.gz",
        ],
    ),
    ("vllm_b200_eager", &["tracelens/b200/eager_trace.json.gz"]),
];

/// One event as HTA holds it.
#[derive(Clone, Copy)]
struct Event<'a> {
    /// Place among the slices of the file.
    index: usize,
    category: &'a str,
    name: &'a str,
    /// Whole µs.
    ts: i64,
    end: i64,
    /// -1 for none, as for `correlation`.
    stream: i64,
    correlation: i64,
    bandwidth: f64,
}

impl Event<'_> {
    fn dur(&self) -> i64 {
        self.end - self.ts
    }

    /// `GPUKernelFilter`: synchronisation records count as device work.
    fn is_gpu(&self) -> bool {
        (self.stream >= 0 && self.correlation >= 0) || matches!(self.name, "Event Sync" | "Context Sync")
    }

    /// What most analyses take for device work: anything that names a stream. In the B200's trace that is one operator
    /// as well, Triton's, which names the stream that it launches to: 73 µs more compute.
    fn has_stream(&self) -> bool {
        self.stream != -1
    }

    fn kind(&self) -> &'static str {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|p| self.name.starts_with(p));
        if self.name.starts_with("nccl") && self.name.contains("Kernel") {
            "COMMUNICATION"
        } else if starts(&["Memcpy", "Memset", "dma"]) {
            "MEMORY"
        } else if self.name.contains("Memcpy") || self.name.contains("Sync") {
            "OTHER"
        } else {
            "COMPUTATION"
        }
    }
}

/// A trace as HTA has it after loading.
struct Rank<'a> {
    events: Vec<Event<'a>>,
    /// `index_correlation`: the place of the event linked to it, made before anything is dropped. 0 where there is no
    /// such event, which HTA then takes for the first event of the file.
    linked: BTreeMap<usize, usize>,
    first: Option<Event<'a>>,
}

/// Whole µs: starts are rounded up, ends down, after start and duration were added as floats. Near the Unix epoch these
/// step by 0.25 µs, near 2^40 µs by 0.0002: of an end of 101.000 they may make 100.9998.
fn in_whole_us(span: Span) -> (i64, i64) {
    let us = |ns: i64| -> f64 {
        format!("{}.{:03}", ns.div_euclid(1000), ns.rem_euclid(1000))
            .parse()
            .unwrap()
    };
    let (start, dur) = (us(span.start), us(span.len_ns()));
    #[expect(clippy::cast_possible_truncation, reason = "µs since the epoch fit")]
    let whole = (start.ceil() as i64, (start + dur).floor() as i64);
    whole
}

/// What our columns do not hold: the place of the first event, and the recorded rates of copies in order of the file.
fn text_of(path: &str) -> (u64, Vec<f64>) {
    let mut text = Vec::new();
    Inflater::default().feed(&corpus::read(&format!("kineto/{path}")).unwrap(), &mut |piece| {
        text.extend_from_slice(piece);
    });
    let key = b"\"traceEvents\"";
    let list = text.windows(key.len()).position(|w| w == key).unwrap();
    let first = list + text[list..].iter().position(|&b| b == b'{').unwrap();
    let text = String::from_utf8_lossy(&text);
    let rates = text
        .split("memory bandwidth (GB/s)\":")
        .skip(1)
        .map(|rest| {
            rest.split([',', '}', '\n'])
                .next()
                .unwrap()
                .trim()
                .parse()
                .unwrap()
        })
        .collect();
    (first as u64, rates)
}

fn all_events<'a>(opened: &'a Opened, path: &str) -> (Vec<Event<'a>>, bool) {
    let index = &opened.index;
    let (first_at, rates) = text_of(path);
    let mut ids: Vec<SliceId> = index.slices.ids().collect();
    ids.sort_by_key(|&id| index.slices.at(id));
    let starts_with_slice = ids.first().is_some_and(|&id| index.slices.at(id) == first_at);
    let mut rates = rates.into_iter();
    let mut events = Vec::new();
    for (place, &id) in ids.iter().enumerate() {
        let category = index.category_of(id);
        let (ts, end) = in_whole_us(index.slices.span(id));
        let stream = index.arg_text("stream", id).and_then(|s| s.parse().ok());
        let is_copy = ["gpu_memcpy", "gpu_memset", "Memcpy", "Memset"].contains(&category);
        // MTIA's copies have no rate.
        let bandwidth = if is_copy { rates.next().unwrap_or(0.0) } else { 0.0 };
        if category.is_empty() || category == "Trace" {
            continue;
        }
        events.push(Event {
            index: place,
            category,
            name: index.name_of(id),
            ts,
            end,
            stream: stream.unwrap_or(-1),
            correlation: index.arg_int("correlation", id).unwrap_or(-1),
            bandwidth,
        });
    }
    assert!(rates.next().is_none(), "{path}: a rate for each copy");
    (events, starts_with_slice)
}

/// All ranks of a set: they share their names, so that a step of one counts for the others.
fn load<'a>(opened: &'a [(&str, Opened)]) -> Vec<Rank<'a>> {
    let all: Vec<_> = opened.iter().map(|(path, o)| all_events(o, path)).collect();
    let is_step = |e: &Event<'_>| e.name.contains("ProfilerStep");
    let steps: BTreeSet<&str> = all
        .iter()
        .flat_map(|(events, _)| events.iter().filter(|e| is_step(e)).map(|e| e.name))
        .collect();
    let rank = |(events, starts_with_slice): (Vec<Event<'a>>, bool)| {
        let mut linked: BTreeMap<usize, usize> = BTreeMap::new();
        let mut gpu: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for e in events.iter().filter(|e| e.correlation != -1 && e.is_gpu()) {
            gpu.entry(e.correlation).or_default().push(e.index);
        }
        for e in events.iter().filter(|e| e.correlation != -1 && !e.is_gpu()) {
            for &work in gpu.get(&e.correlation).into_iter().flatten() {
                linked.insert(e.index, work);
                linked.insert(work, e.index);
            }
        }
        let first = events.first().copied().filter(|_| starts_with_slice);
        let events = if steps.len() > 1 {
            let host = || events.iter().filter(|e| !e.is_gpu());
            let last = host().filter(|e| is_step(e)).map(|e| e.ts).max().unwrap();
            let host: Vec<Event<'_>> = host().filter(|e| e.ts < last).copied().collect();
            let mut calls: BTreeMap<i64, usize> = BTreeMap::new();
            for e in &host {
                *calls.entry(e.correlation).or_default() += 1;
            }
            let gpu = events.iter().filter(|e| e.is_gpu());
            gpu.flat_map(|&e| std::iter::repeat_n(e, calls.get(&e.correlation).copied().unwrap_or(0)))
                .chain(host.iter().copied())
                .collect()
        } else {
            events
        };
        Rank {
            events,
            linked,
            first,
        }
    };
    all.into_iter().map(rank).collect()
}

#[test]
fn every_set_of_references_is_compared() {
    let Some(root) = corpus::root() else { return };
    let held: BTreeSet<String> = std::fs::read_dir(root.join("kineto/hta_expected"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(held, SETS.map(|(set, _)| set.to_owned()).into());
}

#[test]
fn mtia() {
    check("mtia_trace_single_rank");
}

#[test]
fn a_training_of_five_steps() {
    check("ns_resolution_trace");
}

#[test]
fn decode_of_sglang_on_mi300() {
    check("sglang_decode_mi300");
}

#[test]
fn qwen_on_h100() {
    check("torch_h100_qwen");
}

#[test]
fn training_of_a_recommender() {
    check("trace_diff_control");
}

#[test]
fn two_ranks() {
    check("trace_filter");
}

#[test]
fn vllm_on_b200() {
    check("vllm_b200_eager");
}

/// What a file of the reference holds.
type Reference<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// All numbers of a set.
fn check(set: &str) {
    let Some(root) = corpus::root() else { return };
    let traces = SETS.iter().find(|s| s.0 == set).unwrap().1;
    let open = |path: &&'static str| {
        let file = format!("kineto/{path}");
        let bytes = corpus::read(&file).unwrap();
        (*path, open_bytes(&file, &bytes).unwrap())
    };
    let opened: Vec<(&str, Opened)> = traces.iter().map(open).collect();
    let reference = |what: &str| {
        let file = root.join(format!("kineto/hta_expected/{set}/{what}.json"));
        let text = std::fs::read_to_string(file).ok()?;
        // Python writes NaN, which JSON has not.
        Some(serde_json::from_str(&text.replace("NaN", "null")).unwrap())
    };
    let ranks = load(&opened);
    temporal_breakdown(set, &ranks, &reference);
    idle_time_breakdown(set, &ranks, &reference);
    gpu_kernel_breakdown(set, &ranks, &reference);
    user_annotation_breakdown(set, &ranks, &reference);
    comm_comp_overlap(set, &ranks, &reference);
    launch_stats(set, &ranks, &reference);
    queue_length_summary(set, &ranks, &reference);
    memory_bw_summary(set, &ranks, &reference);
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// References are printed with ten decimals.
#[track_caller]
fn close(got: f64, want: &Value, what: &str) {
    match want.as_f64() {
        Some(want) => assert!(
            (got - want).abs() <= 1e-9 * want.abs().max(1.0),
            "{what}: {got}, reference {want}"
        ),
        None => assert!(got.is_nan(), "{what}: {got}, reference none"),
    }
}

/// A number that was printed with two decimals.
#[track_caller]
fn rounded(got: f64, want: &Value, what: &str) {
    let Some(want) = want.as_f64() else {
        assert!(got.is_nan(), "{what}: {got}, reference none");
        return;
    };
    assert!(
        (got - want).abs() <= 0.005 + 1e-9 * want.abs(),
        "{what}: {got}, reference {want}"
    );
}

/// `DataFrame.describe`: count, mean, standard deviation of a sample, minimum, quartiles (between neighbours in
/// proportion), maximum.
fn describe(values: &[f64]) -> Vec<(&'static str, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let std = if values.len() > 1 {
        (squares / (n - 1.0)).sqrt()
    } else {
        f64::NAN
    };
    let quantile = |q: f64| {
        if sorted.is_empty() {
            return f64::NAN;
        }
        let at = q * (n - 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in the list"
        )]
        let below = at.floor() as usize;
        let above = (below + 1).min(sorted.len() - 1);
        sorted[below] + (sorted[above] - sorted[below]) * at.fract()
    };
    vec![
        ("count", n),
        ("mean", mean),
        ("std", std),
        ("min", quantile(0.0)),
        ("25%", quantile(0.25)),
        ("50%", quantile(0.5)),
        ("75%", quantile(0.75)),
        ("max", quantile(1.0)),
    ]
}

/// `merge_kernel_intervals`. A span that the rounding turned over (its end before its start) stays one.
fn merged<'a>(events: impl Iterator<Item = &'a Event<'a>>) -> Vec<(i64, i64)> {
    let mut spans: Vec<(i64, i64)> = events.map(|e| (e.ts, e.end)).collect();
    spans.sort_by_key(|s| s.0);
    let mut groups: Vec<(i64, i64)> = Vec::new();
    let mut latest = i64::MAX;
    for (ts, end) in spans {
        match groups.last_mut() {
            Some(group) if ts <= latest => group.1 = group.1.max(end),
            _ => groups.push((ts, end)),
        }
        latest = if latest == i64::MAX { end } else { latest.max(end) };
    }
    groups
}

fn total(spans: &[(i64, i64)]) -> i64 {
    spans.iter().map(|s| s.1 - s.0).sum()
}

fn temporal_breakdown(set: &str, ranks: &[Rank<'_>], reference: Reference<'_>) {
    let want = reference("temporal_breakdown");
    for (rank, of) in ranks.iter().enumerate() {
        let gpu = || of.events.iter().filter(|e| e.has_stream());
        let all = merged(gpu());
        let kernel = all.last().unwrap().1 - all[0].0;
        let idle = kernel - total(&all);
        let compute = total(&merged(gpu().filter(|e| e.kind() == "COMPUTATION")));
        let other = kernel - compute - idle;
        let Some(want) = &want else {
            // HTA stops here at an assertion of its own: rounding made kernels of -1 µs, so that computation
            // seems longer than all work.
            assert_eq!(set, "torch_h100_qwen");
            assert!(other < 0, "{set}: {other}");
            continue;
        };
        let row = &rows(want)[rank];
        for (what, us) in [
            ("idle_time", idle),
            ("compute_time", compute),
            ("non_compute_time", other),
        ] {
            close(us as f64, &row[format!("{what}(us)")], set);
            let percent = 100.0 * us as f64 / kernel as f64;
            rounded(percent, &row[format!("{what}_pctg")], set);
        }
        close(kernel as f64, &row["kernel_time(us)"], set);
    }
}

fn idle_time_breakdown(set: &str, ranks: &[Rank<'_>], reference: Reference<'_>) {
    const CATEGORIES: [&str; 7] = [
        "kernel",
        "Kernel",
        "gpu_memset",
        "Memset",
        "gpu_memcpy",
        "Memcpy",
        "mtia_ccp_events",
    ];
    /// `consecutive_kernel_delay`; its documentation says ns, and it is compared with µs.
    const DELAY: i64 = 30;
    let want = reference("idle_time_breakdown").unwrap();
    let (mut sums, mut stats) = (rows(&want[0]).iter(), rows(&want[1]).iter());
    for (rank, of) in ranks.iter().enumerate() {
        let by_index: BTreeMap<usize, i64> = of.events.iter().map(|e| (e.index, e.ts)).collect();
        let mut streams: Vec<i64> = Vec::new();
        let mut by_stream: BTreeMap<i64, Vec<(Event<'_>, Option<i64>)>> = BTreeMap::new();
        let kept = |e: &Event<'_>| e.has_stream() && CATEGORIES.contains(&e.category);
        for e in of.events.iter().filter(|e| kept(e)) {
            if !streams.contains(&e.stream) {
                streams.push(e.stream);
            }
            let launched = match of.linked.get(&e.index) {
                Some(call) => by_index.get(call).copied(),
                // What has a number and no call gets index 0, the first event of the file.
                None => of
                    .first
                    .filter(|f| e.correlation >= 0 && by_index.contains_key(&f.index))
                    .map(|f| f.ts),
            };
            by_stream.entry(e.stream).or_default().push((*e, launched));
        }
        for stream in streams {
            let mut work = by_stream.remove(&stream).unwrap();
            work.sort_by_key(|(e, _)| e.ts);
            // The first has no gap before it, and HTA counts it among the others: with nothing.
            let mut gaps: [(bool, Vec<f64>); 3] = [(false, vec![]), (false, vec![]), (true, vec![])];
            for pair in work.windows(2) {
                let (before, (e, launched)) = (pair[0].0.end, pair[1]);
                let gap = e.ts - before;
                let cause = if launched.is_some_and(|call| call > before) {
                    0
                } else if gap < DELAY {
                    1
                } else {
                    2
                };
                gaps[cause].0 = true;
                gaps[cause].1.push(gap as f64);
            }
            let sum = |gaps: &[f64]| gaps.iter().sum::<f64>();
            let idle: f64 = gaps.iter().map(|g| sum(&g.1)).sum();
            let words = ["host_wait", "kernel_wait", "other"];
            for (word, (_, gaps)) in words.iter().zip(&gaps).filter(|(_, g)| g.0) {
                let row = sums.next().unwrap();
                let what = format!("{set} rank {rank} stream {stream} {word}");
                assert_eq!(
                    (row["stream"].as_i64(), row["idle_category"].as_str()),
                    (Some(stream), Some(*word)),
                    "{what}"
                );
                close(sum(gaps), &row["idle_time"], &what);
                rounded(sum(gaps) / idle, &row["idle_time_ratio"], &what);
                let row = stats.next().unwrap();
                for (key, value) in describe(gaps) {
                    rounded(value, &row[key], &what);
                }
            }
        }
    }
    assert!(sums.next().is_none() && stats.next().is_none(), "{set}");
}

/// Rows of `_aggr_gpu_kernel_time`: durations by name.
fn durations_by_name<'a>(events: impl Iterator<Item = &'a Event<'a>>) -> BTreeMap<&'a str, Vec<f64>> {
    let mut by_name: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for e in events {
        by_name.entry(e.name).or_default().push(e.dur() as f64);
    }
    by_name
}

#[track_caller]
fn durations_are(durations: &[f64], row: &Value, what: &str) {
    let stats: BTreeMap<&str, f64> = describe(durations).into_iter().collect();
    close(durations.iter().sum(), &row["sum (us)"], what);
    close(stats["max"], &row["max (us)"], what);
    close(stats["min"], &row["min (us)"], what);
    close(stats["mean"], &row["mean (us)"], what);
    let std = stats["std"];
    close(if std.is_nan() { 0.0 } else { std }, &row["stddev"], what);
}

fn gpu_kernel_breakdown(set: &str, ranks: &[Rank<'_>], reference: Reference<'_>) {
    const KINDS: [&str; 3] = ["COMPUTATION", "COMMUNICATION", "MEMORY"];
    let want = reference("gpu_kernel_breakdown").unwrap();
    let mut ours: BTreeMap<(&str, &str, usize), Vec<f64>> = BTreeMap::new();
    let mut together: BTreeMap<String, i64> = BTreeMap::new();
    for (rank, of) in ranks.iter().enumerate() {
        let mut edges: Vec<(i64, i64)> = Vec::new();
        for (i, kind) in KINDS.into_iter().enumerate() {
            let work = || {
                of.events
                    .iter()
                    .filter(move |e| e.has_stream() && e.kind() == kind)
            };
            for (name, durations) in durations_by_name(work()) {
                ours.insert((kind, name, rank), durations);
            }
            for (ts, end) in merged(work()) {
                edges.extend([(ts, 1 << i), (end, -(1 << i))]);
            }
        }
        edges.sort_by_key(|e| e.0);
        let mut running = 0;
        for pair in edges.windows(2) {
            running += pair[0].1;
            if running > 0 {
                let open = KINDS.iter().enumerate().filter(|(i, _)| running >> i & 1 == 1);
                let open: Vec<&str> = open.map(|(_, kind)| *kind).collect();
                *together.entry(open.join(" overlapping ")).or_default() += pair[1].0 - pair[0].0;
            }
        }
    }
    together.retain(|_, us| *us != 0);
    let all: i64 = together.values().sum();
    assert_eq!(together.len(), rows(&want[0]).len(), "{set}: {together:?}");
    for row in rows(&want[0]) {
        let us = together[row["kernel_type"].as_str().unwrap()];
        assert_eq!(Some(us), row["sum"].as_i64(), "{set}: {row}");
        let percent = 100.0 * us as f64 / all as f64;
        assert!(
            (percent - row["percentage"].as_f64().unwrap()).abs() < 0.0501,
            "{set}: {row}"
        );
    }
    assert_eq!(ours.len(), rows(&want[1]).len(), "{set}");
    for row in rows(&want[1]) {
        let text = |key: &str| row[key].as_str().unwrap();
        let rank = usize::try_from(row["rank"].as_u64().unwrap()).unwrap();
        durations_are(
            &ours[&(text("kernel_type"), text("name"), rank)],
            row,
            text("name"),
        );
    }
}

fn user_annotation_breakdown(set: &str, ranks: &[Rank<'_>], reference: Reference<'_>) {
    for (what, category) in [("cpu", "user_annotation"), ("gpu", "gpu_user_annotation")] {
        let want = reference(&format!("user_annotation_breakdown_{what}")).unwrap();
        let mut want = rows(&want).iter();
        for (rank, of) in ranks.iter().enumerate() {
            let annotations = of.events.iter().filter(|e| e.category == category);
            for (name, durations) in durations_by_name(annotations) {
                let row = want.next().unwrap();
                assert_eq!(
                    (row["name"].as_str(), row["rank"].as_u64()),
                    (Some(name), Some(rank as u64))
                );
                durations_are(&durations, row, name);
            }
        }
        assert!(want.next().is_none(), "{set} {what}");
    }
}

fn comm_comp_overlap(set: &str, ranks: &[Rank<'_>], reference: Reference<'_>) {
    let want = reference("comm_comp_overlap").unwrap();
    for (rank, of) in ranks.iter().enumerate() {
        let of_kind = |kind: &'static str| {
            let work = of.events.iter().filter(|e| e.has_stream());
            merged(work.filter(move |e| e.kind() == kind))
        };
        let (comm, comp) = (of_kind("COMMUNICATION"), of_kind("COMPUTATION"));
        let mut edges: Vec<(i64, i64)> = Vec::new();
        for (spans, n) in [(&comm, 1), (&comp, 2)] {
            edges.extend(spans.iter().flat_map(|&(ts, end)| [(ts, n), (end, -n)]));
        }
        edges.sort_by_key(|e| e.0);
        let (mut running, mut overlap) = (0, 0);
        for pair in edges.windows(2) {
            running += pair[0].1;
            if running == 3 {
                overlap += pair[1].0 - pair[0].0;
            }
        }
        let percent = 100.0 * overlap as f64 / total(&comm) as f64;
        rounded(percent, &rows(&want)[rank]["comp_comm_overlap_pctg"], set);
    }
}

fn launch_stats(set: &str, ranks: &[Rank<'_>], reference: Reference<'_>) {
    const CALLS: [&str; 5] = [
        "cudaLaunchKernel",
        "cudaLaunchKernelExC",
        "runFunction - job_prep_and_submit_for_execution",
        "cudaMemsetAsync",
        "cudaMemcpyAsync",
    ];
    let want = reference("launch_stats").unwrap();
    for (rank, of) in ranks.iter().enumerate() {
        let launches = of.events.iter().filter(|e| CALLS.contains(&e.name));
        let links: BTreeSet<i64> = launches.map(|e| e.correlation).collect();
        let mut work: BTreeMap<i64, Vec<&Event<'_>>> = BTreeMap::new();
        for e in of
            .events
            .iter()
            .filter(|e| e.has_stream() && links.contains(&e.correlation))
        {
            work.entry(e.correlation).or_default().push(e);
        }
        let calls = of
            .events
            .iter()
            .filter(|e| !e.has_stream() && links.contains(&e.correlation));
        // Correlation, duration of the call and of the work, delay.
        let joined: Vec<[f64; 4]> = calls
            .flat_map(|call| {
                let work = work.get(&call.correlation).into_iter().flatten();
                work.map(|w| {
                    let delay = (w.ts - call.ts - call.dur()).max(0);
                    [call.correlation, call.dur(), w.dur(), delay].map(|n| n as f64)
                })
            })
            .collect();
        let want = &want[rank.to_string()];
        assert_eq!(want["rows"].as_u64(), Some(joined.len() as u64), "{set}");
        let columns = ["correlation", "cpu_duration", "gpu_duration", "launch_delay"];
        for (i, column) in columns.iter().enumerate() {
            let values: Vec<f64> = joined.iter().map(|row| row[i]).collect();
            for (key, value) in describe(&values) {
                let what = format!("{set} {column} {key}");
                close(value, &want["summary"][column][key], &what);
            }
        }
        for (ours, row) in joined.iter().zip(rows(&want["head200"])) {
            assert_eq!(columns.map(|c| row[c].as_f64().unwrap()), *ours, "{set}");
        }
    }
}

/// Values after each change, in order of time; what happens in one µs in the order that keeps them lowest or highest.
fn after_changes<T: Copy + std::ops::Add<Output = T> + Default>(
    changes: &[(i64, T)],
    is_up: impl Fn(T) -> bool,
    ups_first: bool,
) -> Vec<T> {
    let mut changes = changes.to_vec();
    changes.sort_by_key(|&(ts, n)| (ts, is_up(n) != ups_first));
    let mut sum = T::default();
    let add = |(_, n)| {
        sum = sum + n;
        sum
    };
    changes.into_iter().map(add).collect()
}

fn queue_length_summary(set: &str, ranks: &[Rank<'_>], reference: Reference<'_>) {
    const CALLS: [&str; 11] = [
        "cudaMemsetAsync",
        "cudaMemcpyAsync",
        "cudaLaunchKernel",
        "cudaLaunchKernelExC",
        "cuLaunchKernel",
        "runFunction - job_prep_and_submit_for_execution",
        "hipLaunchKernel",
        "hipExtModuleLaunchKernel",
        "hipMemcpyAsync",
        "hipMemsetAsync",
        "hipMemcpyWithStream",
    ];
    let want = reference("queue_length_summary").unwrap();
    let mut want = rows(&want).iter();
    for (rank, of) in ranks.iter().enumerate() {
        let calls = || {
            let known = of.events.iter().filter(|e| CALLS.contains(&e.name));
            known.filter(|e| of.linked.contains_key(&e.index))
        };
        let links: BTreeSet<i64> = calls().map(|e| e.correlation).collect();
        let work = || {
            let work = of.events.iter().filter(|e| e.has_stream());
            work.filter(|e| links.contains(&e.correlation))
        };
        let stream_of: BTreeMap<i64, i64> = work().map(|e| (e.correlation, e.stream)).collect();
        let mut by_stream: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
        for e in calls() {
            by_stream
                .entry(stream_of[&e.correlation])
                .or_default()
                .push((e.ts, 1));
        }
        for e in work() {
            by_stream.entry(e.stream).or_default().push((e.ts, -1));
        }
        for (stream, changes) in by_stream {
            let row = want.next().unwrap();
            let of = |key: &str| row[format!("('queue_length', '{key}')")].as_f64().unwrap();
            let stats = |ups_first: bool| {
                let depths = after_changes(&changes, |n| n > 0, ups_first);
                let depths: Vec<f64> = depths.into_iter().map(|n| n as f64).collect();
                describe(&depths)
            };
            for ((key, low), (_, high)) in stats(false).into_iter().zip(stats(true)) {
                let what = format!(
                    "{set} rank {rank} stream {stream} {key}: {low} {high} {}",
                    of(key)
                );
                // Spread is no sum of depths: the extremes are no bounds to it.
                if key == "std" && low != high {
                    continue;
                }
                assert!(low - 1e-9 <= of(key) && of(key) <= high + 1e-9, "{what}");
            }
        }
    }
    assert!(want.next().is_none(), "{set}");
}

fn memory_bw_summary(set: &str, ranks: &[Rank<'_>], reference: Reference<'_>) {
    let want = reference("memory_bw_summary").unwrap();
    let mut want = rows(&want).iter();
    for of in ranks {
        let mut by_kind: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
        let copies = of
            .events
            .iter()
            .filter(|e| e.has_stream() && e.kind() == "MEMORY");
        for e in copies {
            let kind = match e.name {
                name if name.starts_with("Memset") => "Memset",
                name if name.starts_with("Memcpy") => name.get(..11).unwrap_or(name),
                _ => "Memcpy Unknown",
            };
            let end = e.ts + if e.dur() == 0 { 1 } else { e.dur() };
            let changes = by_kind.entry(kind).or_default();
            changes.extend([(e.ts, e.bandwidth), (end, -e.bandwidth)]);
        }
        for (kind, changes) in by_kind {
            let rates = |ups_first: bool| -> Vec<f64> {
                let rates = after_changes(&changes, |n| n > 0.0, ups_first);
                rates.into_iter().filter(|&r| r > 0.0).collect()
            };
            let (low, high) = (rates(false), rates(true));
            if high.is_empty() {
                continue;
            }
            let row = want.next().unwrap();
            let what = format!("{set} {kind}");
            let of = |key: &str| &row[format!("('memory_bw_gbps', '{key}')")];
            if low == high {
                for (key, value) in describe(&low) {
                    close(value, of(key), &format!("{what} {key}"));
                }
                continue;
            }
            // A copy that begins in the microsecond in which another ends: HTA sees both, or nothing in between.
            let number = |key: &str| of(key).as_f64().unwrap();
            let all = |rates: &[f64]| rates.iter().sum::<f64>();
            let is_between = |low: f64, got: f64, high: f64| low - 1e-6 <= got && got <= high + 1e-6;
            assert!(
                is_between(low.len() as f64, number("count"), high.len() as f64),
                "{what}"
            );
            assert!(
                is_between(all(&low), number("count") * number("mean"), all(&high)),
                "{what}"
            );
            assert_eq!(what, "ns_resolution_trace Memcpy DtoD");
        }
    }
    assert!(want.next().is_none(), "{set}");
}

//! What the engine counts, against a count that shares no code with it but the inflating: serde_json over the
//! inflated text of every real trace.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use expect_test::expect;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use stepscope::ingest::Inflater;
use stepscope::session::open_bytes;

use crate::corpus;

/// A larger file takes longer than this test may; the file of 31 MB is opened by the browser's tests.
const LARGEST_BYTES: u64 = 20_000_000;

/// Only the list is taken as it stands; its events are parsed one by one and dropped, so that the text of
/// 100 MB does not become 1 GB of values.
#[derive(Deserialize)]
struct Trace<'a> {
    #[serde(borrow, rename = "traceEvents")]
    events: Vec<&'a RawValue>,
}

#[derive(Debug, Default, PartialEq)]
struct Counts {
    events: u64,
    /// `ph` X or B, or of an asynchronous operation a begin or an instant, with a timestamp: each is a slice, a B without
    /// its E up to the end of its track.
    slices: u64,
}

/// `None`: serde_json cannot read it, or no event of it has a phase.
fn counted_by_serde_json(text: &[u8]) -> Option<Counts> {
    // The high-level profiler of Gaudi ends its list with ",\n" and leaves it open; the rest is plain JSON.
    let mut closed = text.trim_ascii_end().to_vec();
    if closed.ends_with(b",") {
        closed.pop();
        closed.push(b']');
    }
    let events = serde_json::from_slice::<Trace<'_>>(text)
        .map(|trace| trace.events)
        .or_else(|_| serde_json::from_slice::<Vec<&RawValue>>(&closed))
        .ok()?;
    let mut counts = Counts::default();
    let mut has_phase = false;
    // Slices at time 0 without length, and the earliest start of the others, µs: times that were not recorded, where
    // that is more than an hour away.
    let (mut without_time, mut earliest) = (0, f64::INFINITY);
    for event in events {
        let event: Value = serde_json::from_str(event.get()).ok()?;
        // A bare array of something else is no trace.
        let fields = event.as_object()?;
        // Writers end their lists with it.
        if fields.is_empty() {
            continue;
        }
        counts.events += 1;
        has_phase |= event["ph"].is_string();
        let is_slice = matches!(
            event["ph"].as_str(),
            Some("X" | "B" | "b" | "n" | "S" | "T" | "p")
        );
        if is_slice && (event["ts"].is_number() || event["ts"].is_string()) {
            counts.slices += 1;
            match (event["ts"].as_f64(), event["dur"].as_f64()) {
                (Some(0.0), Some(0.0)) => without_time += 1,
                (Some(ts), _) => earliest = earliest.min(ts),
                _ => {}
            }
        }
    }
    if earliest.is_finite() && earliest > 3.6e9 {
        counts.slices -= without_time;
    }
    has_phase.then_some(counts)
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut inflater = Inflater::default();
    inflater.feed(bytes, &mut |piece| text.extend_from_slice(piece));
    text
}

/// Does `f` for every file, on as many threads as there are cores; what it gives comes back in order.
fn each<T: Send>(files: &[PathBuf], f: impl Fn(&Path, &[u8]) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((i, file)) = {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    files.get(i).map(|file| (i, file))
                } {
                    let bytes = std::fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
                    let result = f(file, &bytes);
                    done.lock().unwrap().push((i, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Every file but the damaged ones, which `malformed.rs` pins one by one; and those that are too large.
fn real_files() -> (Vec<PathBuf>, Vec<PathBuf>) {
    corpus::files("")
        .into_iter()
        .filter(|file| !folder(file).starts_with("malformed"))
        .partition(|file| std::fs::metadata(file).is_ok_and(|m| m.len() <= LARGEST_BYTES))
}

/// The path inside the corpus.
fn place(file: &Path) -> String {
    let root = corpus::root().unwrap_or_default();
    let inside = file.strip_prefix(&root).unwrap_or(file);
    inside.to_string_lossy().into_owned()
}

/// Where a file comes from: the first two folders of its path.
fn folder(file: &Path) -> String {
    let place = place(file);
    let parts: Vec<&str> = place.split('/').collect();
    parts[..parts.len().saturating_sub(1).min(2)].join("/")
}

enum Compared {
    Equal(Counts),
    Refused,
    /// It opens, and serde_json cannot read it.
    OnlyHere(Counts),
    Wrong(String),
}

fn compare(file: &Path, bytes: &[u8]) -> Compared {
    let expected = counted_by_serde_json(&inflated(bytes));
    let found = open_bytes(&file.to_string_lossy(), bytes).map(|opened| Counts {
        events: opened.report.events,
        slices: opened.index.slices.len() as u64,
    });
    match (found, expected) {
        (Ok(found), Some(expected)) if found == expected => Compared::Equal(expected),
        (Ok(found), None) => Compared::OnlyHere(found),
        (Err(_), None) => Compared::Refused,
        (found, Some(expected)) => Compared::Wrong(format!(
            "{}: {found:?}, but serde_json counts {expected:?}",
            place(file)
        )),
    }
}

/// By folder: how many files opened and how many events and slices they hold, as serde_json counts them.
#[test]
fn every_trace_has_as_many_events_and_slices_as_serde_json_counts() {
    let (files, too_large) = real_files();
    if files.is_empty() {
        return;
    }
    let compared = each(&files, compare);
    let mut table: BTreeMap<String, [u64; 4]> = BTreeMap::new();
    let (mut wrong, mut only_here) = (Vec::new(), String::new());
    for (file, compared) in files.iter().zip(compared) {
        let row = table.entry(folder(file)).or_default();
        match compared {
            Compared::Equal(counts) => {
                row[0] += 1;
                row[1] += counts.events;
                row[2] += counts.slices;
            }
            Compared::Refused => row[3] += 1,
            Compared::OnlyHere(counts) => {
                writeln!(
                    only_here,
                    "{}: {} events, {} slices",
                    place(file),
                    counts.events,
                    counts.slices
                )
                .unwrap();
            }
            Compared::Wrong(why) => wrong.push(why),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut out = String::new();
    for (folder, [opened, events, slices, refused]) in table {
        writeln!(
            out,
            "{folder}: {opened} opened, {events} events, {slices} slices; {refused} refused"
        )
        .unwrap();
    }
    expect![[r#"
        : 0 opened, 0 events, 0 slices; 1 refused
        ascend/GENERATED_mindspore-2.10.0-cpu-run: 4 opened, 1696 events, 1654 slices; 24 refused
        ascend/GENERATED_mindspore-2.10.0-writer: 4 opened, 32376 events, 9944 slices; 32 refused
        ascend/msinsight: 3 opened, 29184 events, 12579 slices; 90 refused
        ascend/msprof_timeline_advice: 1 opened, 3670 events, 2212 slices; 0 refused
        gaudi: 0 opened, 0 events, 0 slices; 1 refused
        gaudi/doc_screenshots: 0 opened, 0 events, 0 slices; 6 refused
        gaudi/driven_torch_only_G1: 1 opened, 3789 events, 3236 slices; 0 refused
        gaudi/driven_v0_full: 1 opened, 2875 events, 2435 slices; 0 refused
        gaudi/driven_v0_true: 1 opened, 221 events, 185 slices; 0 refused
        gaudi/driven_v1_full: 1 opened, 4171 events, 3553 slices; 0 refused
        gaudi/driven_v1_full_async: 1 opened, 3853 events, 3336 slices; 0 refused
        gaudi/driven_v1_full_rank1: 1 opened, 4067 events, 3501 slices; 0 refused
        gaudi/driven_v1_true: 1 opened, 381 events, 317 slices; 0 refused
        gaudi/edge: 1 opened, 6 events, 4 slices; 0 refused
        gaudi/handshaped_kineto_sink: 1 opened, 3300 events, 3202 slices; 0 refused
        gaudi/real_synapse_csv: 0 opened, 0 events, 0 slices; 1 refused
        gaudi/synthetic_hltv: 0 opened, 0 events, 0 slices; 2 refused
        hostile: 6 opened, 286 events, 190 slices; 7 refused
        kineto/hta: 30 opened, 1007474 events, 495840 slices; 2 refused
        kineto/hta_expected: 0 opened, 0 events, 0 slices; 90 refused
        kineto/param_dlrm: 0 opened, 0 events, 0 slices; 1 refused
        kineto/tb_plugin: 4 opened, 152194 events, 89840 slices; 0 refused
        kineto/torch_cpu: 6 opened, 175382 events, 159846 slices; 16 refused
        kineto/torch_made: 6 opened, 7263 events, 6280 slices; 4 refused
        kineto/tracelens: 17 opened, 917546 events, 790051 slices; 299 refused
        kineto/vllm_cuda: 1 opened, 70676 events, 61320 slices; 0 refused
        meaning: 35 opened, 3462 events, 2167 slices; 7 refused
        suites: 8 opened, 27 events, 12 slices; 1 refused
    "#]]
    .assert_eq(&out);
    // What opens and is no JSON, or has no phases: nothing to compare with.
    expect![[r#"
        gaudi/driven_v0_full/metrics.json: 0 events, 0 slices
        gaudi/driven_v0_true/metrics.json: 0 events, 0 slices
        gaudi/driven_v1_full/metrics.json: 0 events, 0 slices
        gaudi/driven_v1_full_async/metrics.json: 0 events, 0 slices
        gaudi/driven_v1_full_rank1/metrics-rank1.json: 0 events, 0 slices
        gaudi/driven_v1_true/metrics.json: 0 events, 0 slices
        gaudi/edge/server_events_only_bracket.json: 0 events, 0 slices
        gaudi/edge/server_events_truncated_mid_object.json: 190 events, 155 slices
        gaudi/edge/truncated.pt.trace.json.gz: 1912 events, 1864 slices
        gaudi/real_synapse_csv/debug_hw_prof_accel0_001.csv: 342 events, 56 slices
        gaudi/real_synapse_csv/debug_hw_prof_accel0_001_analyzed_nodes.csv: 10 events, 4 slices
        hostile/concat.json.gz: 1 events, 1 slices
        hostile/cut_invariance.json: 3 events, 3 slices
        kineto/hta_expected/mtia_trace_single_rank/memory_bw_summary.json: 0 events, 0 slices
        kineto/torch_cpu/torch-2.15.0/plain.table.txt: 0 events, 0 slices
        kineto/torch_cpu/torch-2.9.1/full.table.txt: 0 events, 0 slices
        kineto/torch_cpu/torch-2.9.1/plain.table.txt: 0 events, 0 slices
        kineto/torch_cpu/torch-2.9.1/shapes_mem.table.txt: 0 events, 0 slices
        kineto/torch_made/tables_2.15/default10.txt: 0 events, 0 slices
        kineto/torch_made/tables_2.15/header.txt: 0 events, 0 slices
        kineto/torch_made/tables_2.15/limit5.txt: 0 events, 0 slices
        kineto/torch_made/tables_2.15/narrow.txt: 0 events, 0 slices
        kineto/torch_made/tables_2.15/profiler_out_0.txt: 0 events, 0 slices
        kineto/torch_made/tables_2.15/shapes.txt: 0 events, 0 slices
        kineto/torch_made/tables_2.15/top.txt: 0 events, 0 slices
        kineto/vllm_cuda/profiler_out_0.txt: 0 events, 0 slices
        meaning/c04a_dict_repr.json: 53 events, 31 slices
        meaning/c05_02_string_unescaped.json: 52 events, 30 slices
        meaning/c20d_twice.json: 68 events, 40 slices
        meaning/s6c_nul_replaces.json: 128 events, 77 slices
        meaning/v3b_hl_two_files_concatenated.json: 16 events, 16 slices
    "#]]
    .assert_eq(&only_here);
    // The browser's tests open these.
    let too_large: Vec<String> = too_large.iter().map(|file| place(file)).collect();
    expect!["kineto/torch_cpu/large-2.9.1/full_1000steps.pt.trace.json.gz"].assert_eq(&too_large.join("\n"));
}

/// What the refused files are told, and how many of which kind are told so. What of the file is shown differs.
#[test]
fn every_other_file_is_refused_with_a_sentence() {
    let (files, _) = real_files();
    if files.is_empty() {
        return;
    }
    let outcomes = each(&files, |file, bytes| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            open_bytes(&file.to_string_lossy(), bytes)
                .map(|_| ())
                .map_err(|why| why.to_string())
        }));
        match result {
            Err(_) => panic!("{} panics", place(file)),
            Ok(Ok(())) => None,
            Ok(Err(why)) => {
                assert!(is_a_sentence(&why), "{}: says {why:?}", place(file));
                let kind = file
                    .extension()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let shown = why
                    .find("found text: ")
                    .map_or(&why[..], |at| &why[..at + "found text".len()]);
                Some((kind, shown.to_owned()))
            }
        }
    });
    let mut table: BTreeMap<(String, String), u64> = BTreeMap::new();
    for outcome in outcomes.into_iter().flatten() {
        *table.entry(outcome).or_default() += 1;
    }
    let mut out = String::new();
    for ((kind, why), n) in table {
        writeln!(out, "{n} {kind}: {why}").unwrap();
    }
    expect![[r#"
        1 MIT: this is no trace: expected a JSON object or array at byte 0, found text
        12 csv: this is no trace: expected a JSON object or array at byte 0, found only blanks
        368 csv: this is no trace: expected a JSON object or array at byte 0, found text
        4 db: this is an SQLite database, not a trace; Nsight Systems, rocprofv3 and Ascend's profiler write such: record with torch.profiler instead (on Ascend, export as text), or export the database as a Chrome trace
        1 gz: this is a PyTorch execution trace (Chakra: operators and what depends on what, without times), inside the gzip file, not a trace; record with torch.profiler and open the file that export_chrome_trace writes
        1 gz: this is a list, but none of its 16845 values is a trace event
        1 gz: this is a list, but none of its 21 values is a trace event
        1 gz: this is a tar archive, inside the gzip file, not a trace; unpack it first: tar xf FILE
        1 hltv: this is a tar archive, inside the gzip file, not a trace; unpack it first: tar xf FILE
        1 hltv: this is a zip archive, not a trace; unpack it first: unzip FILE
        1 json: this is JSON lines (one object a line), not a trace; put the lines into one list: jq -s . FILE > trace.json
        12 json: this is JSON, but no trace: an object without "traceEvents" (its keys: 0)
        2 json: this is JSON, but no trace: an object without "traceEvents" (its keys: 0, 1)
        3 json: this is JSON, but no trace: an object without "traceEvents" (its keys: ENV_VARIABLES)
        2 json: this is JSON, but no trace: an object without "traceEvents" (its keys: config, end_info, rank_id)
        3 json: this is JSON, but no trace: an object without "traceEvents" (its keys: config, start_info, end_info, rank_id)
        4 json: this is JSON, but no trace: an object without "traceEvents" (its keys: config, start_info, end_info, torch_npu_version, cann_version, rank_id)
        4 json: this is JSON, but no trace: an object without "traceEvents" (its keys: distributed_args, ENV_VARIABLES, parallel_group_info)
        1 json: this is JSON, but no trace: an object without "traceEvents" (its keys: name, rows, rows_shape, rows_stack)
        2 json: this is JSON, but no trace: an object without "traceEvents" (its keys: name, torch, rows, rows_shape, rows_stack, counters, compile_times, metrics)
        6 json: this is JSON, but no trace: an object without "traceEvents" (its keys: parse_wall_s, parse_maxrss_kb, hta, ranks, timing_s, errors, total_wall_s, maxrss_kb)
        1 json: this is JSON, but no trace: an object without "traceEvents" (its keys: parse_wall_s, parse_maxrss_kb, hta, ranks, timing_s, total_wall_s, maxrss_kb)
        10 json: this is JSON, but no trace: an object without "traceEvents" (its keys: self_cpu_time_total, rows)
        8 json: this is JSON, but no trace: an object without "traceEvents" (its keys: step13)
        4 json: this is JSON, but no trace: an object without "traceEvents" (its keys: step2)
        12 json: this is JSON, but no trace: an object without "traceEvents" (its keys: step50)
        1 json: this is JSON, but no trace: an object without "traceEvents" (its keys: torch, python, model)
        1 json: this is UTF-16 text without a byte order mark, not a trace; convert it first: iconv -f UTF-16LE -t UTF-8 FILE > trace.json
        1 json: this is a PyTorch execution trace (Chakra: operators and what depends on what, without times), not a trace; record with torch.profiler and open the file that export_chrome_trace writes
        1 json: this is a Python object as print shows it (single quotes), not a trace; write it with json.dump, or convert it: python3 -c "import ast, json, sys; json.dump(ast.literal_eval(sys.stdin.read()), sys.stdout)" < FILE > trace.json
        18 json: this is a list, but none of its 1 values is a trace event
        1 json: this is a list, but none of its 10 values is a trace event
        1 json: this is a list, but none of its 12 values is a trace event
        32 json: this is a list, but none of its 2 values is a trace event
        3 json: this is a list, but none of its 3 values is a trace event
        2 json: this is a list, but none of its 4 values is a trace event
        1 json: this is a list, but none of its 40 values is a trace event
        1 json: this is a list, but none of its 55 values is a trace event
        1 json: this is a list, but none of its 61 values is a trace event
        1 json: this is a list, but none of its 8 values is a trace event
        11 json: this is no trace: expected a JSON object or array at byte 0, found text
        4 log: this is a list, but none of its 2 values is a trace event
        6 md: this is no trace: expected a JSON object or array at byte 0, found text
        2 pb: this is an XPlane profile of TensorFlow or JAX (xplane.pb), not a trace; open the trace.json.gz that stands beside it, or convert it with XProf (tool trace_viewer)
        1 pftrace: this is a Perfetto trace (protobuf), not a trace; convert it first: traceconv json FILE trace.json (perfetto.dev), or have the profiler write JSON
        1 pickle: this is a PyTorch memory snapshot (pickle), not a trace; open it at pytorch.org/memory_viz, or, for a trace with memory, record with torch.profiler.profile(profile_memory=True) and open the file that export_chrome_trace writes
        6 png: this is a PNG picture, not a trace; open the trace that it shows, not a picture of it
        4 py: this is no trace: expected a JSON object or array at byte 0, found text
        1 sh: this is no trace: expected a JSON object or array at byte 0, found text
        1 tar: this is a tar archive, not a trace; unpack it first: tar xf FILE
        1 txt: the file is empty (0 bytes)
        13 txt: this is no trace: expected a JSON object or array at byte 0, found text
        2 zip: this is a zip archive, not a trace; unpack it first: unzip FILE
    "#]].assert_eq(&out);
}

/// Words in one line, short enough to be read.
fn is_a_sentence(text: &str) -> bool {
    text.split(' ').count() >= 4 && !text.chars().any(char::is_control) && text.len() <= 300
}

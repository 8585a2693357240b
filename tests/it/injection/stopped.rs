//! The same on real traces: all clocks stop for a while at an instant. What spans it grows by that, what follows moves
//! by it, and of each device's time one cause or one kind of work grows by it, and nothing else.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;
use stepscope::session::{Inflater, open_bytes};

use crate::corpus;

/// Small traces of different families.
const TRACES: [&str; 10] = [
    "kineto/tracelens/inference/vllm_decode_full/graph_execution.json.gz",
    "kineto/tracelens/inference/sglang_decode/sglang_Qwen3-8B_decode.json.gz",
    "kineto/tracelens/h100/gaunernst_bert-small-uncased__1016001.json.gz",
    "kineto/tracelens/mi300/Falconsai_nsfw_image_detection__1016002.json.gz",
    "kineto/hta/trace_filter/sampled_rank-0.json.gz",
    "kineto/hta/critical_path/alexnet/benchmark_result_2869224_1695835535_trace.json.gz",
    "gaudi/driven_v1_full/vllm.1795316005590859281.pt.trace.json.gz",
    "gaudi/driven_torch_only_G1/gaudihost_5717.1795316005590859281.pt.trace.json.gz",
    "gaudi/handshaped_kineto_sink/gaudihost_10285.1795316005634378929.pt.trace.json.gz",
    "ascend/msprof_timeline_advice/trace_view.json",
];
const INSTANTS: usize = 10;
/// Shorter than what thresholds of the analyses stand apart.
const STOP_US: i128 = 2;

/// Traces in which it does not hold as yet, with how often it should fail. It is a failure if this is not so.
const EXPECTED_TO_FAIL: &[(&str, usize)] = &[];

type Event<'a> = BTreeMap<String, &'a RawValue>;

/// A decimal number of µs as text: whole µs, and what is behind the point with it.
fn whole_micros(text: &str) -> Option<(i128, &str)> {
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    Some((whole.parse().ok()?, rest))
}

fn number<'a>(event: &Event<'a>, key: &str) -> Option<&'a str> {
    event.get(key).map(|raw| raw.get().trim_matches('"'))
}

/// Whole ns; what is finer is cut.
fn nanos(text: &str) -> Option<i128> {
    let (whole, rest) = whole_micros(text)?;
    let digits: String = rest.chars().skip(1).chain("000".chars()).take(3).collect();
    Some(whole * 1_000 + digits.parse::<i128>().ok()?)
}

/// Start and end of an event that has a time.
fn span(event: &Event<'_>) -> Option<(i128, i128)> {
    if number(event, "ph") == Some("M") {
        return None;
    }
    let start = nanos(number(event, "ts")?)?;
    Some((start, start + number(event, "dur").and_then(nanos).unwrap_or(0)))
}

/// The trace with its clocks stopped at `at`.
fn stopped(header: &Event<'_>, events: &[Event<'_>], at: i128) -> String {
    let longer = |event: &Event<'_>, key: &str| {
        let raw = event[key].get();
        let (whole, rest) = whole_micros(raw.trim_matches('"')).unwrap();
        let quote = if raw.starts_with('"') { "\"" } else { "" };
        format!("{quote}{}{rest}{quote}", whole + STOP_US)
    };
    let written = events.iter().map(|event| {
        let changed = match span(event) {
            Some((start, _)) if start >= at => Some("ts"),
            Some((_, end)) if end > at => Some("dur"),
            _ => None,
        };
        let fields = event.iter().map(|(key, raw)| match changed {
            Some(changed) if key == changed => format!("\"{key}\":{}", longer(event, key)),
            _ => format!("\"{key}\":{}", raw.get()),
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    });
    let list = format!("[{}]", written.collect::<Vec<_>>().join(",\n"));
    if header.is_empty() {
        return list;
    }
    let header = header
        .iter()
        .map(|(key, raw)| format!("\"{key}\":{},", raw.get()));
    format!("{{{}\"traceEvents\":{list}}}", header.collect::<String>())
}

/// Of each device: its span, then by name all that this is made of.
fn numbers(name: &str, text: &str) -> Vec<(i64, BTreeMap<String, i64>)> {
    let opened = open_bytes(name, text.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let report: Value = serde_json::to_value(&opened.report).unwrap();
    let rows = |list: &'static str| report[list].as_array().into_iter().flatten();
    let times = rows("device_time").filter(|d| d["scope"] == "all");
    let each = times.enumerate().map(|(i, time)| {
        let mut parts = BTreeMap::new();
        for part in ["compute", "comm_exposed", "copy_exposed"] {
            parts.insert(part.to_owned(), time[format!("{part}_ns")].as_i64().unwrap());
        }
        let gaps = rows("gaps").filter(|g| g["kind"] == "device").nth(i);
        let causes = rows("idle")
            .nth(i)
            .or(gaps)
            .and_then(|of| of["causes"].as_array());
        for share in causes.into_iter().flatten() {
            let cause = share["cause"].as_str().unwrap().to_owned();
            parts.insert(cause, share["total_ns"].as_i64().unwrap());
        }
        (time["span_ns"].as_i64().unwrap(), parts)
    });
    each.collect()
}

/// What is wrong with how the numbers of a device moved.
fn wrong(before: &(i64, BTreeMap<String, i64>), after: &(i64, BTreeMap<String, i64>)) -> Option<String> {
    let longer = after.0 - before.0;
    let names = before.1.keys().chain(after.1.keys());
    let moved: BTreeMap<&String, i64> = names
        .map(|name| {
            (
                name,
                after.1.get(name).unwrap_or(&0) - before.1.get(name).unwrap_or(&0),
            )
        })
        // Ends are rounded.
        .filter(|(_, ns)| ns.abs() > 2)
        .collect();
    let near = |ns: i64| (ns - longer).abs() <= 2;
    let is_right = match longer {
        0 => moved.is_empty(),
        _ => moved.len() == 1 && moved.values().all(|&ns| near(ns)) && i128::from(longer) == STOP_US * 1_000,
    };
    (!is_right).then(|| format!("span by {longer}, {moved:?}"))
}

#[test]
fn when_all_clocks_stop_one_quantity_grows() {
    let mut failed: Vec<(&str, usize)> = Vec::new();
    for path in TRACES {
        let Some(bytes) = corpus::read(path) else { return };
        let mut text = Vec::new();
        let mut inflater = Inflater::default();
        inflater.feed(&bytes, &mut |piece| text.extend_from_slice(piece));
        let text = String::from_utf8(text).unwrap();
        let mut header: Event<'_> = BTreeMap::new();
        let list = match text.trim_start().starts_with('[') {
            true => text.as_str(),
            false => {
                header = serde_json::from_str(&text).unwrap();
                header.remove("traceEvents").unwrap().get()
            }
        };
        let raw: Vec<&RawValue> = serde_json::from_str(list).unwrap();
        let events: Vec<Event<'_>> = raw
            .iter()
            .map(|e| serde_json::from_str(e.get()).unwrap())
            .collect();
        let mut edges: Vec<i128> = events.iter().filter_map(span).flat_map(|(a, b)| [a, b]).collect();
        edges.sort_unstable();
        edges.dedup();
        let before = numbers(path, &stopped(&header, &events, i128::MAX));
        let (mut n_failed, mut n_inside) = (0, 0);
        for at in instants(&edges) {
            let after = numbers(path, &stopped(&header, &events, at));
            n_inside += usize::from(before.iter().zip(&after).any(|(b, a)| a.0 != b.0));
            let wrongs = before.iter().zip(&after).filter_map(|(b, a)| wrong(b, a));
            let wrongs: Vec<String> = wrongs.collect();
            n_failed += usize::from(!wrongs.is_empty());
            wrongs.iter().for_each(|w| eprintln!("{path} at {at} ns: {w}"));
        }
        eprintln!("{path}: {n_failed} of {INSTANTS} fail, {n_inside} lie in a device's time");
        if n_failed > 0 {
            failed.push((path, n_failed));
        }
    }
    assert_eq!(failed, EXPECTED_TO_FAIL);
}

/// Instants among the trace's edges, but the first and last tenth, of those that are far enough apart to stop between them.
fn instants(edges: &[i128]) -> Vec<i128> {
    let middle = &edges[edges.len() / 10..edges.len() * 9 / 10];
    let apart: Vec<i128> = middle
        .windows(2)
        .filter(|pair| pair[1] - pair[0] > 600)
        .map(|pair| pair[0] + (pair[1] - pair[0]) / 2)
        .collect();
    // Multiples of the golden ratio lie evenly, and are as good as random.
    let place = |i: usize| i * 618_034 % 1_000_000 * apart.len() / 1_000_000;
    (1..=INSTANTS).map(|i| apart[place(i)]).collect()
}

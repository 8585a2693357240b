//! What the engine counts, against a count that shares no code with it but the inflating: serde_json over the
//! inflated text of every real trace.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    /// `ph` X or B, with a timestamp: each is a slice, a B without its E up to the end of its track.
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
    for event in events {
        let event: Value = serde_json::from_str(event.get()).ok()?;
        // A bare array of something else is no trace.
        event.as_object()?;
        counts.events += 1;
        has_phase |= event["ph"].is_string();
        let is_slice = matches!(event["ph"].as_str(), Some("X" | "B"));
        if is_slice && (event["ts"].is_number() || event["ts"].is_string()) {
            counts.slices += 1;
        }
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

fn real_files() -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut files = corpus::files("kineto");
    files.extend(corpus::files("gaudi"));
    files
        .into_iter()
        .partition(|file| std::fs::metadata(file).is_ok_and(|m| m.len() <= LARGEST_BYTES))
}

fn is_json(file: &Path) -> bool {
    let name = file.to_string_lossy();
    name.ends_with(".json") || name.ends_with(".json.gz")
}

#[test]
fn every_trace_has_as_many_events_and_slices_as_serde_json_counts() {
    let (files, too_large) = real_files();
    let files: Vec<PathBuf> = files.into_iter().filter(|file| is_json(file)).collect();
    if files.is_empty() {
        return;
    }
    for file in &too_large {
        eprintln!("NOT COUNTED, over {LARGEST_BYTES} bytes: {}", file.display());
    }
    let compared = each(&files, |file, bytes| {
        let text = inflated(bytes);
        let Some(expected) = counted_by_serde_json(&text) else {
            if memchr::memmem::find(&text, b"\"ph\":").is_some() {
                eprintln!("NOT COUNTED, serde_json cannot read it: {}", file.display());
            }
            return None;
        };
        let found = match open_bytes(&file.to_string_lossy(), bytes) {
            Ok(opened) => Counts {
                events: opened.report.events,
                slices: opened.index.slices.len() as u64,
            },
            Err(why) => return Some(Err(format!("{}: does not open: {why}", file.display()))),
        };
        Some(if found == expected {
            Ok(expected)
        } else {
            Err(format!(
                "{}: {found:?}, but serde_json counts {expected:?}",
                file.display()
            ))
        })
    });
    let compared: Vec<_> = compared.into_iter().flatten().collect();
    let wrong: Vec<&String> = compared.iter().filter_map(|c| c.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let events: u64 = compared.iter().flatten().map(|c| c.events).sum();
    let slices: u64 = compared.iter().flatten().map(|c| c.slices).sum();
    eprintln!(
        "{} traces compared: {events} events, {slices} slices",
        compared.len()
    );
    // As many as the corpus has: if it shrinks, or serde_json refuses all of it, the test proves nothing.
    assert!(
        compared.len() >= 60,
        "only {} traces were compared",
        compared.len()
    );
}

#[test]
fn every_other_file_opens_or_says_why_not() {
    let (files, _) = real_files();
    let outcomes = each(&files, |file, bytes| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            open_bytes(&file.to_string_lossy(), bytes)
                .map(|_| ())
                .map_err(|why| why.to_string())
        }));
        let name = file.display();
        match result {
            Err(_) => Some(format!("{name}: panicked")),
            Ok(Err(why)) if !is_a_sentence(&why) => Some(format!("{name}: says {why:?}")),
            Ok(_) => None,
        }
    });
    let wrong: Vec<String> = outcomes.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Words in one line, short enough to be read.
fn is_a_sentence(text: &str) -> bool {
    text.split(' ').count() >= 4 && !text.chars().any(char::is_control) && text.len() <= 300
}

//! Cut-outs of real traces, and of traces that real profilers' code made.

use super::*;
use crate::corpus;

/// The obvious way to choose among complete events and instants.
fn overlaps(event: &str, window: Span) -> Option<bool> {
    let event: BTreeMap<String, Box<RawValue>> = serde_json::from_str(event).ok()?;
    let phase = event.get("ph")?.get();
    if !matches!(phase, "\"X\"" | "\"i\"" | "\"I\"") {
        return None;
    }
    let Some(start) = ns(&event, "ts") else {
        return Some(false);
    };
    let dur = match phase {
        "\"X\"" => ns(&event, "dur").unwrap_or(0).max(0),
        _ => 0,
    };
    Some(start < window.end && (start + dur > window.start || start >= window.start))
}

/// The real traces, and those made by real profilers' code: name, bytes of the file.
fn real_traces() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for folder in ["gaudi", "kineto", "ascend", "malformed"] {
        for path in corpus::files(folder) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let len = std::fs::metadata(&path).unwrap().len();
            // The largest is measured by the benchmarks.
            if (name.ends_with(".json") || name.ends_with(".gz")) && len < 3_000_000 {
                all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
    }
    all
}

#[test]
fn every_real_trace_cut_whole_is_json_with_the_same_answers() {
    let (mut n, mut n_repaired, mut n_whole) = (0, 0, 0);
    for (name, bytes) in real_traces() {
        let Ok(opened) = open_bytes(&name, &bytes) else {
            continue;
        };
        if matches!(&*opened.report.format, "gaudi-metrics" | "torch-table") {
            continue;
        }
        let text = inflated(&bytes);
        let request = CutRequest {
            own_tracks: true,
            ..everything()
        };
        let (out, counts, _) = cut_text(&opened, &text, &request, &[], 1 << 20).unwrap();
        n += 1;
        n_repaired += counts.repaired;
        assert_eq!(
            (counts.left_out(), events(&out).len() as u64),
            (0, counts.events),
            "{name}"
        );
        let original = serde_json::from_slice::<serde::de::IgnoredAny>(&text);
        if original.is_ok() && std::str::from_utf8(&text).is_ok() {
            n_whole += 1;
            assert_eq!(counts.repaired, 0, "{name}");
            assert!(events(&out)[..size(counts.events_of)] == events(&text), "{name}");
        }
        assert_same_answers(&name, &opened, &out, counts.own_events);
    }
    eprintln!("{n} traces, {n_whole} of them valid; {n_repaired} events repaired");
    assert!(n == 0 || n_whole > 40 && n_repaired > 0);
}

#[test]
fn a_third_of_every_real_trace_is_what_overlaps_it() {
    let mut n = 0;
    for (name, bytes) in real_traces() {
        let Ok(opened) = open_bytes(&name, &bytes) else {
            continue;
        };
        let Some(extent) = opened.index.extent().filter(|e| e.len_ns() > 3) else {
            continue;
        };
        let text = inflated(&bytes);
        let third = extent.len_ns() / 3;
        let window = Span::new(extent.start + third, extent.start + 2 * third);
        let request = CutRequest {
            own_tracks: true,
            ..stretch(window.start, window.end)
        };
        let (out, counts, _) = match cut_text(&opened, &text, &request, &[], 1 << 20) {
            Ok(written) => written,
            Err(CutError::Nothing) => continue,
            Err(error) => panic!("{name}: {error}"),
        };
        n += 1;
        let kept = events(&out);
        assert_eq!(kept.len() as u64, counts.events, "{name}");
        let again = open_bytes(&name, &out).unwrap();
        assert_eq!(again.report.events, counts.events, "{name}");
        let own = kept.len() - size(counts.own_events);
        let no_end = opened
            .report
            .defects
            .iter()
            .any(|d| d.kind == "begin_without_end");
        assert_nothing_dangles(&name, &kept[..own], !no_end);
        if serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok()
            && std::str::from_utf8(&text).is_ok()
        {
            let all = events(&text);
            let known: HashSet<&String> = all.iter().collect();
            assert!(
                kept[..own].iter().all(|event| known.contains(event)),
                "{name}: byte for byte"
            );
            let expected: Vec<&String> = all.iter().filter(|e| overlaps(e, window) == Some(true)).collect();
            let found: Vec<&String> = kept[..own]
                .iter()
                .filter(|e| overlaps(e, window).is_some())
                .collect();
            assert!(
                found == expected,
                "{name}: {} for {}",
                found.len(),
                expected.len()
            );
        }
        // Slices in the window, nested as they were.
        let slices = |opened: &Opened| {
            let index = &opened.index;
            let inside = index.slices.ids().filter(|&id| {
                let span = index.slices.span(id);
                index.category_of(id) != "stepscope"
                    && span.start < window.end
                    && (span.end > window.start || span.start >= window.start)
            });
            let mut found: Vec<_> = inside
                .map(|id| {
                    let track = index.track(index.track_of(id));
                    let thread = (track.pid.show(&index.names), track.tid.show(&index.names));
                    (index.slices.span(id), index.name_of(id).to_owned(), thread)
                })
                .collect();
            found.sort();
            found
        };
        if !no_end {
            assert!(slices(&opened) == slices(&again), "{name}");
        }
    }
    assert!(n == 0 || n > 60, "{n}");
}

/// What a step is, without its place in the list.
fn step_facts(report: &TraceReport, window: Span) -> Vec<String> {
    let inside = report
        .steps
        .iter()
        .filter(|s| s.start_ns >= window.start && s.start_ns + s.dur_ns <= window.end);
    inside
        .map(|s| {
            format!(
                "{:?} {} {} {:?} {:?} {:?}",
                s.phase, s.start_ns, s.dur_ns, s.bucket, s.batch, s.tokens
            )
        })
        .collect()
}

#[test]
fn a_cut_out_has_the_steps_of_its_stretch() {
    let mut n_steps = 0;
    for path in [
        "gaudi/driven_v1_full",
        "gaudi/driven_v1_true",
        "kineto/tracelens/inference/vllm_decode_full",
        "kineto/torch_cpu/torch-2.9.1",
    ] {
        for file in corpus::files(path) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let Ok(opened) = open_bytes(&name, &std::fs::read(&file).unwrap()) else {
                continue;
            };
            if opened.report.steps.len() < 6 {
                continue;
            }
            let text = inflated(&std::fs::read(&file).unwrap());
            let steps = &opened.report.steps;
            let (first, last) = (&steps[steps.len() / 3], &steps[steps.len() * 2 / 3]);
            let window = Span::new(first.start_ns, last.start_ns + last.dur_ns);
            let (out, ..) =
                cut_text(&opened, &text, &stretch(window.start, window.end), &[], 1 << 20).unwrap();
            let again = open_bytes(&name, &out).unwrap();
            let expected = step_facts(&opened.report, window);
            assert_eq!(step_facts(&again.report, window), expected, "{name}");
            n_steps += expected.len();
        }
    }
    assert!(corpus::root().is_none() || n_steps > 90, "{n_steps}");
}

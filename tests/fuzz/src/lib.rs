//! What must hold for any bytes at all. Each function takes bytes and panics if they break a promise; libFuzzer
//! looks for such bytes (`src/bin`, run by `cargo xtask test fuzz`), and the tests below try the seeds.

#![allow(clippy::disallowed_types, reason = "native: maps as they come")]

mod archives;
mod opening;
mod oracle;

use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use archives::{Packed, tar_of, zip_of};
pub use opening::opening;
use oracle::{Seen, WANTED};
use serde::Deserialize;
use serde_json::value::RawValue;
use stepscope::analyze::report::StackSource;
use stepscope::base::Span;
use stepscope::ingest::{Inflater, Scanner};
use stepscope::protocol::engine::{Answer, Question, Reply, Request};
use stepscope::protocol::wire;
use stepscope::session::archive::{Kind, Members, Tar, ZipListing};
use stepscope::session::bundle::{self, Given};
use stepscope::session::{self, CutError, LoadError, Loader, Opened, hltv_archive};
use stepscope::synth::Gzip;
use stepscope::table::{self, Answers, AreaAsk, Ask, Order, SelectedAsk, StacksAsk, Table};
use stepscope::view::timeline::Scene;
use stepscope::view::{CutRequest, FlameOrder, FlameQuestion, Selection, StepFilter, TrackPart};

/// Numbers and choices, taken off the front of the fuzzer's bytes; zeros when there are none left.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// The first `n` bytes are choices, the rest is the file.
    fn split(data: &'a [u8], n: usize) -> (Choices<'a>, &'a [u8]) {
        let (choices, file) = data.split_at(n.min(data.len()));
        (Choices(choices), file)
    }

    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    fn u32(&mut self) -> u32 {
        match self.byte() {
            255 => u32::MAX,
            254 => u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()]),
            small => u32::from(small),
        }
    }

    /// Times that a trace may hold, and those that it may not.
    fn time(&mut self, near: Span) -> i64 {
        match self.byte() % 8 {
            0 => near.start,
            1 => near.end,
            2 => near.start.midpoint(near.end),
            3 => i64::MIN,
            4 => i64::MAX,
            5 => near.start.saturating_add(i64::from(self.byte())),
            6 => near.end.saturating_add(i64::from(self.byte())),
            _ => i64::from(self.u32()) * 1_000 - 1_000_000,
        }
    }

    /// `file` in pieces: of one byte, of a few, or of what the choices say.
    fn pieces<'f>(&mut self, mut file: &'f [u8]) -> Vec<&'f [u8]> {
        let sizes = [self.byte(), self.byte(), self.byte()];
        let mut pieces = Vec::new();
        while !file.is_empty() {
            let size = usize::from(sizes[pieces.len() % 3]).clamp(1, file.len());
            let (piece, rest) = file.split_at(size);
            pieces.push(piece);
            file = rest;
        }
        pieces
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Gzip::new(Vec::new(), 1).expect("memory takes any bytes");
    gzip.write_all(bytes).expect("memory takes any bytes");
    gzip.finish().expect("memory takes any bytes")
}

/// Inflating never panics, and where the input is cut changes nothing; any byte of the output can be read again.
pub fn inflate(data: &[u8]) {
    let (mut choices, file) = Choices::split(data, 8);
    let mut packed = Vec::new();
    // What the fuzzer makes up is rarely gzip: let it damage a file that is.
    let file = match choices.byte() % 4 {
        0 => file,
        how => {
            let (first, second) = file.split_at(file.len() / 2);
            packed.extend(gzipped(first));
            if how > 1 {
                packed.extend(gzipped(second));
            }
            let at = usize::from(choices.byte()) * packed.len() / 256;
            if how == 3 {
                packed[at] ^= choices.byte();
            } else {
                packed.truncate(packed.len() - usize::from(choices.byte()) % packed.len());
            }
            &packed
        }
    };
    let read = |pieces: &[&[u8]]| {
        let mut inflater = Inflater::default();
        let mut out = Vec::new();
        for piece in pieces {
            inflater.feed(piece, &mut |piece| out.extend_from_slice(piece));
        }
        assert_eq!(
            inflater.read(),
            file.len() as u64,
            "all input is used or passed over"
        );
        assert_eq!(inflater.written(), out.len() as u64);
        let (inflated, checkpoints) = inflater.finish();
        (out, inflated, checkpoints)
    };
    let whole = read(&[file]);
    let cut = read(&choices.pieces(file));
    assert!(whole.0 == cut.0, "the output depends on where the input was cut");
    assert_eq!(whole.1, cut.1, "what is said depends on where the input was cut");

    let at = usize::from(choices.byte()) * whole.0.len() / 256;
    let mut reader = cut.2.reader(at as u64);
    let from = usize::try_from(reader.wants())
        .unwrap_or(usize::MAX)
        .min(file.len());
    let mut again = Vec::new();
    reader.feed(&file[from..], &mut again);
    assert!(
        again == whole.0[at..],
        "reading from byte {at} gives something else"
    );
}

/// Scanning never panics, where the text is cut changes nothing, and a valid document means what serde_json says.
pub fn scan(data: &[u8]) {
    let (mut choices, text) = Choices::split(data, 3);
    let read = |pieces: &[&[u8]]| {
        let mut scanner = Scanner::new(WANTED);
        let mut seen = Seen::default();
        for piece in pieces {
            scanner.feed(piece, &mut seen);
        }
        let result = scanner.finish(&mut seen);
        (seen, result)
    };
    let (whole, result) = read(&[text]);
    let (cut, cut_result) = read(&choices.pieces(text));
    assert_eq!(
        whole.events, cut.events,
        "events depend on where the text was cut"
    );
    assert_eq!(
        whole.headers, cut.headers,
        "headers depend on where the text was cut"
    );
    let said = |result: &Result<stepscope::ingest::scan::Scanned, _>| match result {
        Ok(scanned) => format!(
            "{} {} {:?}",
            scanned.bytes,
            scanned.n_events,
            scanned.defects.iter().collect::<Vec<_>>()
        ),
        Err(why) => format!("{why}"),
    };
    assert_eq!(
        said(&result),
        said(&cut_result),
        "what is said depends on where the text was cut"
    );

    whole.must_agree_with_serde_json(text, result.ok().as_ref());
}

/// A whole session: a file comes in pieces, is looked at while it loads, and every question is put to it. The same text
/// whole and packed has the same events and the same report, and its events are those that serde_json finds.
pub fn session(data: &[u8]) {
    let (mut choices, file) = Choices::split(data, 96);
    let how = choices.byte();
    let packed;
    let file = if how & 1 == 1 {
        packed = gzipped(file);
        &packed[..]
    } else {
        file
    };
    let name = ["a.json", "b.json.gz", "", "…/\u{0}"][usize::from(how >> 1 & 3)];
    let loader_of = |selection: &Selection| {
        let mut loader = Loader::selecting(name, selection);
        if how & 8 != 0 {
            loader.attach_metrics("metrics", METRICS.as_bytes());
        }
        if how & 16 != 0 {
            loader.attach_metrics("the file", file);
        }
        loader
    };
    let _ = session::is_metrics(file);
    let _ = session::open_metrics("the file", file);
    let mut loader = loader_of(&Selection::default());
    let pieces = choices.pieces(file);
    let look_at = usize::from(choices.byte());
    for (i, piece) in pieces.iter().enumerate() {
        loader.feed(piece);
        if i == look_at {
            let _ = serde_json::to_string(&loader.partial());
        }
    }
    assert_eq!(loader.bytes(), file.len() as u64);
    let early = loader.error();
    let opened = loader.finish();
    let selection = selection(&opened, &mut choices);
    every_way(&opened, file, &selection, &loader_of, &mut choices);
    match opened {
        Ok(opened) => {
            assert_eq!(early, None, "an error is for good");
            ask(&opened, &mut choices, file);
        }
        Err(why) => {
            let says = why.to_string();
            assert!(
                says.len() < 1_000 && !says.chars().any(char::is_control),
                "{says:?}"
            );
        }
    }
}

/// What of a trace may be asked for: everything as often as not.
fn selection(opened: &Result<Opened, LoadError>, choices: &mut Choices<'_>) -> Selection {
    let how = choices.byte();
    let Ok(opened) = opened else {
        return Selection::default();
    };
    let extent = opened.index.extent().unwrap_or_default();
    let window = Span {
        start: choices.time(extent),
        end: choices.time(extent),
    };
    let leave_out = [&["cpu_op", ""][..], &["no such category"], &[], &[]][usize::from(how >> 2 & 3)];
    Selection {
        leave_out: leave_out.iter().map(|&category| category.to_owned()).collect(),
        window: Some(window).filter(|window| how & 3 == 1 && window.start <= window.end),
    }
}

/// What was opened, as text: everything that does not depend on how the file was packed.
fn told(opened: &Result<Opened, LoadError>) -> Vec<String> {
    let opened = match opened {
        Ok(opened) => opened,
        Err(why) => return vec![why.to_string().replace(", inside the gzip file", "")],
    };
    let mut lines = Vec::new();
    for one in std::iter::once(opened).chain(&opened.further) {
        let index = &one.index;
        for id in index.slices.ids() {
            let (track, slices) = (index.track(index.track_of(id)), &index.slices);
            lines.push(format!(
                "{} {:?} {} {:?} {} {} {:?} {:?}",
                slices.at(id),
                slices.span(id),
                slices.depth(id),
                slices.parent(id),
                index.name_of(id),
                index.category_of(id),
                track.pid,
                track.tid,
            ));
        }
        lines.push(format!("{:?} {:?}", index.instants.at, index.instants.ts));
        lines.push(format!("{:?} {:?}", index.flows.ts, index.flows.id));
        lines.push(format!("{:?} {:?}", index.counters, index.args));
        lines.push(format!("{:?} {:?}", index.header, index.left_out));
        let mut report = one.whole_report();
        report.bytes = 0;
        lines.push(serde_json::to_string(&report).expect("a report is plain data"));
    }
    lines
}

/// The same text in one piece, in pieces, and as several members of gzip, all of it or a selection.
fn every_way(
    opened: &Result<Opened, LoadError>,
    file: &[u8],
    selection: &Selection,
    loader_of: &dyn Fn(&Selection) -> Loader,
    choices: &mut Choices<'_>,
) {
    let mut inflater = Inflater::default();
    let mut text = Vec::new();
    inflater.feed(file, &mut |piece| text.extend_from_slice(piece));
    let (inflated, _) = inflater.finish();
    let has_holes = !inflated.defects.is_empty();
    let read = |selection: &Selection, pieces: &[&[u8]]| {
        let mut loader = loader_of(selection);
        pieces.iter().for_each(|piece| loader.feed(piece));
        loader.finish()
    };

    let mut scanner = Scanner::new(WANTED);
    let mut seen = Seen::default();
    scanner.feed(&text, &mut seen);
    let scanned = scanner.finish(&mut seen);
    seen.must_agree_with_serde_json(&text, scanned.ok().as_ref());
    assert_eq!(
        told(opened),
        told(&read(&Selection::default(), &[file])),
        "where the file is cut changes what is said"
    );

    let whole = read(selection, &[file]);
    if let (Ok(all), Ok(part)) = (opened, &whole) {
        assert_eq!(
            part.index.n_events + part.index.left_out.events(),
            all.index.n_events,
            "an event is loaded or counted as left out"
        );
    }
    let whole = told(&whole);
    if !selection.is_everything() {
        let cut = told(&read(selection, &choices.pieces(file)));
        assert_eq!(whole, cut, "where the file is cut changes a selection");
    }
    // What is damaged as gzip, or is gzip once more inside, is another file; one of no text has another error.
    if has_holes || text.is_empty() || session::is_gzip(&text) {
        return;
    }
    let (mut members, mut rest) = (Vec::new(), &text[..]);
    for _ in 0..choices.byte() % 4 {
        let (member, left) = rest.split_at(usize::from(choices.byte()) * rest.len() / 255);
        members.extend(gzipped(member));
        rest = left;
    }
    members.extend(gzipped(rest));
    let members = told(&read(selection, &choices.pieces(&members)));
    assert_eq!(whole, members, "how the text is packed changes what is said");
}

/// Some rows of a table, in some order.
fn table_ask(table: &Table, opened: &Opened, choices: &mut Choices<'_>) -> Ask {
    let columns = (table.rows)(&Answers::of_report(&opened.report)).columns;
    let column = columns[usize::from(choices.byte()) % columns.len()].key.clone();
    let how = choices.byte();
    Ask {
        first_row: choices.u32(),
        n_rows: choices.u32(),
        order: (how & 1 == 1).then(|| Order {
            column: column.clone(),
            descending: how & 2 == 2,
        }),
        contains: ["", "a", "é", "0"][usize::from(how >> 6)].into(),
        only: if how & 4 == 4 {
            vec![(column.to_string(), String::new())]
        } else {
            Vec::new()
        },
        within: (how & 8 == 8).then(|| (column.into_owned(), i64::MIN, i64::from(choices.u32()))),
        selected: None,
    }
}

fn ask(opened: &Opened, choices: &mut Choices<'_>, file: &[u8]) {
    let index = &opened.index;
    let n = index.slices.len();
    for id in index.slices.ids() {
        let parent = index.slices.parent(id);
        assert!(parent.is_none_or(|p| p < id && index.track_of(p) == index.track_of(id)));
        assert!(index.slices.depth(id) < index.track(index.track_of(id)).n_depths);
    }
    assert!(
        index.tracks.iter().map(|t| t.rows.len()).sum::<usize>() == n,
        "every slice lies on one track"
    );
    let scene = opened.scene();
    let extent = index.extent().unwrap_or_default();
    for _ in 0..12 {
        let window = Span {
            start: choices.time(extent),
            end: choices.time(extent),
        };
        let width_px = choices.u32() % 4_000;
        let flame = |choices: &mut Choices<'_>| FlameQuestion {
            source: [StackSource::Python, StackSource::Operators, StackSource::Modules]
                [usize::from(choices.byte() % 3)],
            order: [FlameOrder::Heavy, FlameOrder::Time][usize::from(choices.byte() % 2)],
            window: Some(window).filter(|_| width_px.is_multiple_of(2)),
            thread: Some(choices.u32()).filter(|&thread| thread < 200),
            zoom: Some(choices.u32()).filter(|&zoom| zoom < 200),
            width_px,
        };
        let question = match choices.byte() % 18 {
            0 => Question::Steps {
                filter: StepFilter {
                    window: Some(window).filter(|_| width_px.is_multiple_of(2)),
                    ..StepFilter::default()
                },
                plot_window: Some(window).filter(|_| width_px.is_multiple_of(3)),
                log: true,
                width_px,
            },
            1 => Question::Step { index: choices.u32() },
            2 => Question::Tracks,
            3 | 4 => Question::Timeline {
                window,
                width_px,
                find: Some("n".to_owned()).filter(|_| width_px.is_multiple_of(5)),
                parts: (0..8)
                    .map(|track| TrackPart {
                        track: if track == 7 { choices.u32() } else { track },
                        first_depth: u16::from(choices.byte() % 4),
                        n_depths: 100,
                    })
                    .collect(),
            },
            5 => Question::Slice { slice: choices.u32() },
            6 => Question::Table {
                key: "area".into(),
                ask: Ask {
                    n_rows: 100,
                    selected: Some(SelectedAsk::Area(AreaAsk {
                        window,
                        tracks: vec![0, 1, 2, choices.u32()],
                    })),
                    ..Ask::default()
                },
            },
            14 => Question::Table {
                key: "stacks".into(),
                ask: Ask {
                    n_rows: 100,
                    selected: Some(SelectedAsk::Stacks(StacksAsk {
                        source: StackSource::ALL[usize::from(choices.byte() % 3)],
                        window,
                        thread: Some(choices.u32()).filter(|&thread| thread < 200),
                    })),
                    ..Ask::default()
                },
            },
            15 => Question::Hits {
                text: "a".to_owned(),
                window,
                width_px,
            },
            16 => Question::NextHit {
                text: "n".to_owned(),
                from: Some(choices.u32()).filter(|slice| slice.is_multiple_of(2)),
                at_ns: window.start,
                forward: width_px.is_multiple_of(2),
            },
            17 => Question::NextAlike {
                slice: choices.u32(),
                forward: width_px.is_multiple_of(2),
            },
            7 => Question::Search {
                text: ["", "a", "t", "::"][usize::from(choices.byte() % 4)].into(),
            },
            8 => Question::Report {
                format: ["json", "text", "markdown", ""][usize::from(choices.byte() % 4)].into(),
            },
            11 => Question::Flame(flame(choices)),
            12 => Question::Folded(flame(choices)),
            13 => Question::Memory {
                device: choices.u32(),
                window: Some(window).filter(|_| width_px.is_multiple_of(2)),
                width_px,
            },
            choice => {
                let table = &table::TABLES[usize::from(choices.byte()) % table::TABLES.len()];
                let ask = table_ask(table, opened, choices);
                let key = table.key.to_owned();
                match choice {
                    9 => Question::Table { key, ask },
                    _ => Question::TableFile {
                        key,
                        ask,
                        format: ["csv", "tsv", "json", "md", "txt"][usize::from(choices.byte() % 5)].into(),
                    },
                }
            }
        };
        let request = Request::Ask {
            id: choices.u32(),
            question,
        };
        let message = serde_json::to_string(&request).expect("a message is plain data");
        assert_eq!(
            serde_json::from_str::<Request>(&message).ok().as_ref(),
            Some(&request)
        );
        let Request::Ask { question, .. } = request else {
            continue;
        };
        let answer = opened.answer(&scene, &question);
        if let Answer::Timeline {
            frame: Some(frame), ..
        } = &answer
        {
            let most = 3 * width_px as usize + 3;
            assert!(
                frame.rows.iter().all(|row| row.bars.len() <= most),
                "a lane has no more than {most} bars"
            );
            frame.to_words();
        }
        let sent = wire::bytes_of(&Reply::Answer { id: 0, answer }).expect("every answer has bytes");
        wire::reply_of(&sent).expect("the page reads what the worker said");
    }
    every_table(opened, &scene);
    let slice = choices.u32();
    if let Some(at) = opened.text_at(slice) {
        let mut inflater = Inflater::default();
        inflater.feed(file, &mut |_| {});
        let checkpoints = inflater.finish().1;
        let texts = [Some(at), opened.end_text_at(slice)].map(|at| {
            let text = checkpoints.read(file, at?, usize::MAX);
            let event = session::event_text(&text, true);
            Some(event.expect("the end of the file ends the event").to_vec())
        });
        let events: Vec<&[u8]> = texts.iter().flatten().map(Vec::as_slice).collect();
        opened.args(slice, &events);
    }
    let summary = opened.summary();
    assert_eq!(summary.events, opened.report.events);
    serde_json::to_string(&summary).expect("a message is plain data");
    cut(opened, choices, file);
}

/// The tables that are listed are those that have rows, and each is given whole, page by page and as a file.
fn every_table(opened: &Opened, scene: &Scene) {
    let listed = opened.summary().tables;
    let own = listed.iter().map(|table| &*table.key);
    let mut keys: Vec<&str> = table::TABLES.iter().map(|table| table.key).collect();
    keys.extend(own.filter(|key| !table::TABLES.iter().any(|table| table.key == *key)));
    for key in keys {
        let ask = Ask {
            n_rows: 3,
            ..Ask::default()
        };
        let is_listed = listed.iter().any(|table| table.key == key);
        let question = Question::Table {
            key: key.to_owned(),
            ask: ask.clone(),
        };
        match opened.answer(scene, &question) {
            Answer::Table(page) => assert!(is_listed && page.n_rows > 0, "{key} has rows and is not listed"),
            _ => assert!(!is_listed, "{key} is listed and has no rows"),
        }
        let question = Question::TableFile {
            key: key.to_owned(),
            ask,
            format: "csv".into(),
        };
        let is_file = matches!(opened.answer(scene, &question), Answer::Report { .. });
        assert_eq!(is_file, is_listed, "{key} is a file if it is listed");
    }
}

/// A cut-out is a trace that any JSON reader takes, and every event is accounted for.
fn cut(opened: &Opened, choices: &mut Choices<'_>, file: &[u8]) {
    let extent = opened.index.extent().unwrap_or_default();
    let how = choices.byte();
    let window = Span {
        start: choices.time(extent),
        end: choices.time(extent),
    };
    let request = CutRequest {
        window: Some(window).filter(|_| how & 1 == 1),
        tracks: if how & 2 == 2 {
            vec![0, choices.u32()]
        } else {
            Vec::new()
        },
        left_out: if how & 4 == 4 {
            vec!["cpu_op".into(), String::new()]
        } else {
            Vec::new()
        },
        own_tracks: how & 8 == 8,
        gzip: false,
    };
    let Ok(mut cut) = opened.cut(&request, &[], Vec::new()) else {
        return;
    };
    Inflater::default().feed(file, &mut |text| {
        cut.feed(opened, text).expect("memory takes everything")
    });
    let (facts, counts, out) = match cut.finish(opened) {
        Ok(written) => written,
        Err(CutError::Nothing) => return,
        Err(why) => panic!("{why}"),
    };
    assert_eq!(
        counts.events - counts.own_events + counts.left_out(),
        counts.events_of
    );
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a> {
        #[serde(borrow)]
        trace_events: Vec<&'a RawValue>,
    }
    let document: Document<'_> = serde_json::from_slice(&out).expect("a cut-out is JSON");
    assert_eq!(document.trace_events.len() as u64, facts.events);
}

/// Names that files of a bundle get, of workers and of others.
const PATHS: &[&str] = &[
    "run/a_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json",
    "run/a_ascend_pt/ASCEND_PROFILER_OUTPUT/kernel_details.csv",
    "run/a_ascend_pt/ASCEND_PROFILER_OUTPUT/step_trace_time.csv",
    "run/a_ascend_pt/ASCEND_PROFILER_OUTPUT/operator_memory.csv",
    "run/a_ascend_pt/ASCEND_PROFILER_OUTPUT/communication.json",
    "run/a_ascend_pt/ASCEND_PROFILER_OUTPUT/communication_matrix.json",
    "run/a_ascend_pt/profiler_info_0.json",
    "run/a_ascend_pt/PROF_1/device_0/data",
    "run/b_1_ascend_ms/ASCEND_PROFILER_OUTPUT/op_statistic.csv",
    "run/b_1_ascend_ms/ASCEND_PROFILER_OUTPUT/api_statistic.csv",
    "run/b_1_ascend_ms/ASCEND_PROFILER_OUTPUT/step_trace_time.csv",
    "run/b_1_ascend_ms/ASCEND_PROFILER_OUTPUT/memory_record.csv",
    "run/b_1_ascend_ms/ASCEND_PROFILER_OUTPUT/npu_module_mem.csv",
    "run/b_1_ascend_ms/ASCEND_PROFILER_OUTPUT/l2_cache.csv",
    "run/b_1_ascend_ms/ASCEND_PROFILER_OUTPUT/static_op_mem.csv",
    "run/b_1_ascend_ms/ASCEND_PROFILER_OUTPUT/operator_details.csv",
    "run/cluster_analysis_output/cluster_step_trace_time.csv",
    "run/b_1_ascend_ms/profiler_metadata.json",
    "trace_view.json.gz",
    "../x/\u{0}",
    "",
];

/// The bytes of a stretch that may lie outside.
fn within(bytes: &[u8], stretch: Range<u64>) -> &[u8] {
    let clamped = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
    let (start, end) = (clamped(stretch.start), clamped(stretch.end));
    &bytes[start..end.max(start)]
}

/// The members of a tar and what the listing handed out of each.
fn tar_members(pieces: &[&[u8]]) -> (Members, HashMap<usize, Vec<u8>>) {
    let (mut tar, mut held) = (Tar::default(), HashMap::<usize, Vec<u8>>::new());
    for piece in pieces {
        tar.feed(piece, &mut |i, _, bytes| held.entry(i).or_default().extend(bytes));
    }
    (tar.finish(), held)
}

/// What lies in an archive, and the bytes of each member that can be read.
fn unpacked(archive: &[u8], choices: &mut Choices<'_>) -> Vec<(String, Vec<u8>)> {
    let mut text = Vec::new();
    if session::is_gzip(archive) {
        Inflater::default().feed(archive, &mut |piece| text.extend_from_slice(piece));
    } else {
        text.extend_from_slice(archive);
    }
    match session::archive_kind(archive) {
        Some(Kind::Zip) => {
            let mut listing = ZipListing::new(archive.len() as u64);
            let members = loop {
                let wants = listing.wants();
                assert!(
                    wants.start <= wants.end && wants.end <= archive.len() as u64,
                    "the listing wants bytes {wants:?} of {}",
                    archive.len()
                );
                match listing.feed(within(archive, wants)) {
                    Ok(Some(members)) => break members,
                    Ok(None) => {}
                    Err(why) => {
                        assert!(!why.to_string().is_empty());
                        return Vec::new();
                    }
                }
            };
            let member = |member: session::archive::Member| {
                let mut bytes = Vec::new();
                if let Ok(parts) = member.parts(within(archive, member.wants())) {
                    let file = [&parts.before, within(archive, parts.middle.clone()), &parts.after].concat();
                    Inflater::default().feed(&file, &mut |piece| {
                        // A few bytes may inflate to a thousand times as many.
                        if bytes.len() < 1 << 20 {
                            bytes.extend_from_slice(piece);
                        }
                    });
                }
                (member.path, bytes)
            };
            members.list.into_iter().map(member).collect()
        }
        Some(Kind::Tar) => {
            let (members, mut held) = tar_members(&[&text]);
            let cut = tar_members(&choices.pieces(&text));
            assert_eq!(
                (&members, &held),
                (&cut.0, &cut.1),
                "what a tar holds depends on where it was cut"
            );
            let bytes = |(i, member): (usize, session::archive::Member)| {
                let bytes = held.remove(&i).unwrap_or_default();
                assert!(bytes.len() as u64 <= member.size);
                (member.path, bytes)
            };
            members.list.into_iter().enumerate().map(bytes).collect()
        }
        None => Vec::new(),
    }
}

/// Folders and archives: any list of files is sorted, each file goes to one place, and every table, alone and beside the
/// trace of its worker, is read or refused.
pub fn bundle(data: &[u8]) {
    let (mut choices, rest) = Choices::split(data, 48);
    let how = choices.byte();
    // The rest in as many files as the choices say.
    let n_files = usize::from(choices.byte() % 8) + 1;
    let size = rest.len().div_ceil(n_files).max(1);
    let files: Vec<(&str, &[u8])> = rest
        .chunks(size)
        .map(|bytes| (PATHS[usize::from(choices.byte()) % PATHS.len()], bytes))
        .collect();
    let mut archive = match how % 4 {
        0 => Vec::new(),
        1 => tar_of(&Packed::files(&files)),
        2 => zip_of(&Packed::files(&files)),
        _ => rest.to_vec(),
    };
    if how & 8 != 0 {
        archive = gzipped(&archive);
    }
    if how & 16 != 0 && !archive.is_empty() {
        let at = usize::from(choices.byte()) * archive.len() / 256;
        archive[at] ^= choices.byte();
        archive.truncate(archive.len() - usize::from(choices.byte()) % archive.len());
    }
    let held: Vec<(String, Vec<u8>)> = if how.is_multiple_of(4) {
        let own = |(path, bytes): &(&str, &[u8])| ((*path).to_owned(), bytes.to_vec());
        files.iter().map(own).collect()
    } else {
        unpacked(&archive, &mut choices)
    };
    for (path, bytes) in &held {
        let _ = bundle::lone_table(path, bytes);
    }
    let given: Vec<Given> = held
        .iter()
        .map(|(path, bytes)| Given {
            path: path.clone(),
            bytes: bytes.len() as u64,
        })
        .collect();
    if let Some(found) = hltv_archive::sort(&given) {
        let mut bytes = |i: usize| Ok(held[i].1.clone());
        let (_, tables) = found.read("a.hltv", &given, &mut bytes);
        let opened = session::open_tables("a.hltv", 0, tables);
        serde_json::to_string(&opened.summary()).expect("a message is plain data");
    }
    let sorted = bundle::sort(&given);
    let mut places: Vec<usize> = sorted.others.clone();
    let mut compared = Vec::new();
    for worker in &sorted.workers {
        places.extend(worker.trace.iter().chain(worker.tables.iter().map(|(_, i)| i)));
        let read = || {
            let tables = worker.tables.iter();
            worker.read(tables.map(|&(table, i)| (table, &*given[i].path, &held[i].1[..])))
        };
        let tables = Arc::new(read());
        assert!(*tables == read(), "a table is read alike each time");
        let opened = worker.trace.and_then(|i| {
            let mut loader = Loader::new("trace_view.json");
            loader.attach_tables(tables.clone());
            loader.feed(&held[i].1);
            loader.finish().ok().map(|opened| (opened, i))
        });
        match opened {
            Some((opened, i)) => {
                compared.push(worker.compared(&tables, Some(&opened.report), Some("trace")));
                ask(&opened, &mut choices, &held[i].1);
            }
            None => {
                let opened = session::open_tables(&worker.name, 0, tables.clone());
                compared.push(worker.compared(&tables, Some(&opened.report), None));
                ask(&opened, &mut choices, &[]);
            }
        }
    }
    let n = places.len();
    places.sort_unstable();
    places.dedup();
    assert_eq!(n, places.len(), "a file is in one place");
    assert!(places.iter().all(|&i| i < given.len()));
    if let Some(workers) = bundle::compare(compared) {
        assert!(
            workers
                .slow
                .is_none_or(|slow| (slow as usize) < workers.rows.len())
        );
        serde_json::to_string(&workers).expect("a report is plain data");
    }
}

/// Small tables of every kind; made up, not taken from anywhere.
const TABLES: &[&str] = &[
    "Step Id,Name,Type,Accelerator Core,Start Time(us),Duration(us),Wait Time(us),Block Dim,aic_mac_time(us),aiv_vec_time(us)\n1,mm,MatMulV3,AI_CORE,1.5\t,40.5,0,8,3,0\n1,hcom_allReduce__1_0_1,N/A,HCCL,50,9,0,0,N/A,N/A\n",
    "Device_id,Step,Computing,Communication(Not Overlapped),Overlapped,Communication,Free,Stage,Bubble\n0,1,50,20,5,25,30.0000004,150,0\n",
    "Step,Type,Index,Computing,Communication(Not Overlapped),Overlapped,Communication,Free\n1,rank,0,50,20,5,25,30\n1,rank,1,70,9,5,25,30\n1,stage,\"(0, 1)\",70,20,5,25,30\n",
    "Name,Size(KB),Allocation Time(us),Release Time(us),Duration(us),Device Type\naten::empty,0.5,10.25\t,12.5\t,2.250\t,NPU:0\naten::empty,8,11,N/A,N/A,NPU:0\n",
    "Component,Timestamp(us),Total Allocated(MB),Total Reserved(MB),Total Active(MB),Stream Ptr,Device Type\nPTA,1,2.5,3,2,7,NPU:0\n",
    "Component,Timestamp(us),Total Reserved(KB),Device\nHCCL,1,1e300,NPU:0\nHCCL,2,-1,NPU:0\n",
    "Stream Id,Task Id,Hit Rate,Victim Rate,Op Name\n2,11,N/A,0.25,mm\n2\n",
    "Device_id,Op Name,Model Name,Graph ID,Node Index Start,Node Index End,Size(KB)\nhost,a,0,0,1,2,3.5\n",
    "OP Type,Core Type,Count,Total Time(us),Min Time(us),Avg Time(us),Max Time(us),Ratio(%)\nMatMulV3,AI_CORE,1,40.5,40.5,40.5,40.5,100\n",
    "Level,API Name,Time(us),Count,Avg(us),Min(us),Max(us),Variance\nacl,aclrtMemcpy,9,1,9,9,9,0\n",
    r#"{"step1":{"p2p":{},"collective":{"hcom_allReduce__1_0_1@9":{"Communication Time Info":{"Start Timestamp(us)":50,"Elapse Time(ms)":0.009,"Transit Time(ms)":0.004,"Wait Time(ms)":"0.001","Synchronization Time(ms)":0,"Idle Time(ms)":0.004}},"Total Op Info":{}}}}"#,
    r#"{"step1":{"p2p":{},"collective":{"allreduce-top1@9":{"0-1":{"Transport Type":"HCCS","Transit Size(MB)":4.5,"Transit Time(ms)":0.25}},"allreduce-total@9":{"0-1":{"Transport Type":"HCCS","Transit Size(MB)":4.5,"Transit Time(ms)":0.25},"0-2":{"Transport Type":"HCCS","Transit Size(MB)":9e9,"Transit Time(ms)":1e-6}}}}}"#,
    r#"{"config":{"experimental_config":{"_profiler_level":"Level1"}},"rank_id":"3"}"#,
    r#"{"distributed_args":{"world_size":2,"rank":1}}"#,
    r#"[{"ph":"M","name":"process_name","pid":1024,"tid":0,"args":{"name":"Ascend Hardware"}},{"ph":"M","name":"process_name","pid":1025,"tid":0,"args":{"name":"Overlap Analysis"}},{"ph":"M","name":"thread_name","pid":1025,"tid":3,"args":{"name":"Free"}},{"ph":"X","name":"mm","pid":1024,"tid":2,"ts":"1.500","dur":40.5,"args":{}},{"ph":"X","name":"Free","pid":1025,"tid":3,"ts":"41.5","dur":"9"}]"#,
];

const METRICS: &str = r#"[{"metric_name": "graph_compilation", "triggered_by": "metric_change", "generated_on": "2026-11-22T02:53:20.315283", "statistics": {"TotalNumber": 1, "TotalTime": 310000, "recipe": [["g1", 310000]]}},
{"metric_name": "recipe_cache", "triggered_by": "process_exit", "generated_on": "2026-11-22T03:53:20", "statistics": {"TotalHit": 3, "TotalMiss": 1}}]"#;

/// Small traces of every kind; made up, not taken from anywhere.
const TEXTS: &[&str] = &[
    r#"{"schemaVersion":1,"deviceProperties":[{"id":0,"name":"X"}],"distributedInfo":{"rank":1,"world_size":2},"baseTimeNanoseconds":1795316000000000000,"traceEvents":[{"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":1.5,"dur":10,"args":{"External id":7}},{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":1,"ts":2,"dur":1,"args":{"correlation":9}},{"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":5,"dur":4,"args":{"correlation":9,"device":0}},{"ph":"s","id":9,"pid":1,"tid":1,"ts":2,"cat":"ac2g","name":"ac2g"},{"ph":"f","id":9,"pid":0,"tid":7,"ts":5,"cat":"ac2g","name":"ac2g","bp":"e"}]}"#,
    r#"[{"ph":"M","name":"process_name","pid":1,"args":{"name":"python"}},{"ph":"M","name":"thread_name","pid":1,"tid":1,"args":{"name":"main"}},{"ph":"X","cat":"user_annotation","name":"execute_context_1(64)_generation_0(0)","pid":1,"tid":1,"ts":0,"dur":90},{"ph":"X","cat":"user_annotation","name":"gpu_model_runner: forward","pid":1,"tid":1,"ts":5,"dur":50},{"ph":"X","cat":"user_annotation","name":"execute_context_0(0)_generation_4(4)","pid":1,"tid":1,"ts":100,"dur":30},{"ph":"X","cat":"cpu_op","name":"_compile.compile_inner (dynamo_timed)","pid":1,"tid":1,"ts":101,"dur":9}]"#,
    r#"[{"ph":"X","name":"warmup","pid":1,"tid":2,"ts":0,"dur":50},{"ph":"X","name":"prepare_input_tensors","pid":1,"tid":2,"ts":60,"dur":5},{"ph":"X","name":"decode","pid":1,"tid":2,"ts":70,"dur":40},{"ph":"X","name":"model_forward_bs4_seq1_ctx128_graphsT","pid":1,"tid":2,"ts":71,"dur":30},{"ph":"X","name":"GRAPH COMPILE: g1","pid":1,"tid":2,"ts":72,"dur":20},{"ph":"C","name":"utils","pid":1,"ts":70,"args":{"decode_batch_size":3,"decode_bucket_batch_size":4,"cumulative_graph_compilations":1}},{"ph":"X","name":"sampler","pid":1,"tid":2,"ts":102,"dur":3},
"#,
    r#"[{"ph":"B","name":"a","pid":"p","tid":"t","ts":1},{"ph":"B","name":"b","pid":"p","tid":"t","ts":2},{"ph":"E","pid":"p","tid":"t","ts":"3"},{"ph":"E","name":"a","pid":"p","tid":"t","ts":4},{"ph":"E","ts":5},{"ph":"i","name":"i","ts":6,"s":"g"}]"#,
    r#"[{"ph":"X","name":"enqueueWithExternalEventsExt","cat":"hpu_op","pid":1,"tid":1,"ts":1,"dur":1,"args":{"recipeId":5}},{"ph":"X","name":"synEventSynchronize","cat":"runtime","pid":1,"tid":1,"ts":9,"dur":4},{"ph":"X","name":"gemm","cat":"kernel","pid":7,"tid":6001,"ts":3,"dur":5,"args":{"recipeId":5,"HW event name":"MME"}},{"ph":"X","name":"compileGraph","cat":"hpu_op","pid":1,"tid":1,"ts":20,"dur":9000,"args":{"recipeName":"g"}}]"#,
    r#"[{"ph":"X","cat":"python_function","name":"vllm/gpu_model_runner.py(9): execute_model","pid":1,"tid":1,"ts":1,"dur":9},{"ph":"X","cat":"python_function","name":"a.py(1): f","pid":1,"tid":1,"ts":2,"dur":3},{"ph":"X","cat":"python_function","name":"a.py(1): f","pid":1,"tid":1,"ts":3,"dur":1},{"ph":"X","cat":"cpu_op","name":"ProfilerStep#3","pid":1,"tid":1,"ts":1,"dur":9}]"#,
    r#"[{"ph":"X","name":"f({"device": "cpu"}): g","ts":1,"dur":-1},{"ph":"X","name":"a\u00e9\ud83d\ude00\q","ts":1e3,"dur":NaN},{"ph":"C","name":"c","ts":2,"args":{"v":inf,"w":-1.5e-3}},17,"x",{"ph":"X","name":"\"#,
    r#"{"traceEvents":[{"ph":"X","name":"overlap","ts":0,"dur":10},{"ph":"X","name":"overlap","ts":5,"dur":10},{"ph":"X","ts":4611686018427387.9,"dur":1},{"ph":"X","ts":-4611686018427387.9,"dur":4611686018427387.9}],"displayTimeUnit":"ms"}"#,
    r#"[{"ph":"X","cat":"user_annotation","name":"step[DECODE bs=2 toks=2]","ts":0,"dur":5},{"ph":"X","cat":"user_annotation","name":"decode[bs=117/128 tok=117]","ts":9,"dur":5},{"ph":"X","cat":"user_annotation","name":"execute_new_1_cached_2","ts":20,"dur":5},{"ph":"X","cat":"cpu_op","name":"Torch-Compiled Region: 0/1","ts":21,"dur":1},{"ph":"X","cat":"cpu_op","name":"Torch-Compiled Region: 0/2","ts":23,"dur":1}]"#,
    r#"[{"traceEvents":[{"ph":"X","name":"a","ts":1,"dur":2}]},{"traceEvents":[{"ph":"X","name":"b","ts":3,"dur":4},{"ph":"X","name":"cut{"schemaVersion":1,"traceEvents":[{"ph":"X","name":"c","ts":5,"dur":6}],"traceName":"x[{"ph":"X","name":"d","ts":7,"dur":8}]"#,
    METRICS,
    "",
    "[",
    "{\"a\":[{}]}",
];

/// The seeds of each target.
pub fn seeds() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let with = |n: usize, step: u8| -> Vec<Vec<u8>> {
        let choices = |i: usize| {
            (0..n)
                .map(move |at| (at as u8).wrapping_mul(step).wrapping_add(i as u8))
                .collect::<Vec<u8>>()
        };
        TEXTS
            .iter()
            .enumerate()
            .map(|(i, text)| [&choices(i)[..], text.as_bytes()].concat())
            .collect()
    };
    let mut inflate = with(8, 3);
    inflate.extend(
        TEXTS
            .iter()
            .map(|text| [&[0, 7, 1, 90, 3, 0, 9, 200][..], &gzipped(text.as_bytes())].concat()),
    );
    // A file of each name, alone, and a worker of several files; as they are, in a tar, in a zip, damaged.
    let mut bundles = Vec::new();
    for (i, text) in TABLES.iter().enumerate() {
        for how in [0, 1, 2, 8 + 1, 16 + 1, 16 + 2] {
            for path in 0..PATHS.len() as u8 {
                if usize::from(path) % TABLES.len() == i {
                    let choices = [how, 0, path]
                        .into_iter()
                        .chain((3..48u8).map(|n| n.wrapping_mul(37)));
                    bundles.push([&choices.collect::<Vec<u8>>()[..], text.as_bytes()].concat());
                }
            }
        }
    }
    for how in [0, 1, 2, 1 + 8] {
        let choices = (0..48).map(|n| if n < 2 { [how, 7][usize::from(n)] } else { n - 2 });
        let longest = TABLES.iter().map(|t| t.len()).max().unwrap_or(0);
        let padded = TABLES.iter().take(8).flat_map(|text| {
            let blank = std::iter::repeat_n(b'\n', longest - text.len());
            text.bytes().chain(blank)
        });
        bundles.push(choices.chain(padded).collect());
    }
    vec![
        ("inflate", inflate),
        ("scan", with(3, 5)),
        ("session", with(96, 37)),
        ("bundle", bundles),
        ("opening", opening::seeds()),
    ]
}

/// libFuzzer's dictionary: the words that a trace is made of.
pub fn words() -> String {
    let mut words: Vec<&str> = TEXTS
        .iter()
        .chain(TABLES)
        .flat_map(|text| text.split(['"', ',', '\n', '\t']))
        .filter(|word| {
            (1..=40).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        })
        .filter(|word| !word.contains('\\'))
        .collect();
    words.extend([
        "},{",
        "NaN",
        "-inf",
        "null",
        "1e300",
        "9223372036854775.807",
        "4611686018427387.903",
    ]);
    words.sort_unstable();
    words.dedup();
    words.iter().map(|word| format!("\"{word}\"\n")).collect()
}

/// What kinds of events the seeds hold is part of what they are for.
#[cfg(test)]
mod tests {
    use stepscope::ingest::{Event, Phase, Sink};

    use super::*;

    #[test]
    fn every_promise_holds_for_the_seeds_and_for_what_is_left_when_they_are_cut() {
        for (target, seeds) in seeds() {
            let run: fn(&[u8]) = match target {
                "inflate" => inflate,
                "scan" => scan,
                "bundle" => bundle,
                "opening" => opening,
                _ => session,
            };
            for seed in seeds {
                run(&seed);
                for cut in (0..seed.len()).step_by(29) {
                    run(&seed[..cut]);
                }
            }
        }
    }

    #[test]
    fn the_seeds_hold_every_kind_of_event() {
        struct Kinds(Vec<Phase>);
        impl Sink for Kinds {
            fn event(&mut self, event: &Event<'_>) {
                self.0.push(event.phase());
            }
            fn header(&mut self, _: &[u8], _: &[u8]) {}
        }
        let mut kinds = Kinds(Vec::new());
        for text in TEXTS {
            let mut scanner = Scanner::new(WANTED);
            scanner.feed(text.as_bytes(), &mut kinds);
            let _ = scanner.finish(&mut kinds);
        }
        for wanted in [
            Phase::Complete,
            Phase::Begin,
            Phase::End,
            Phase::Instant,
            Phase::Counter,
            Phase::FlowStart,
            Phase::FlowEnd,
            Phase::Metadata,
        ] {
            assert!(kinds.0.contains(&wanted), "{wanted:?}");
        }
    }
}

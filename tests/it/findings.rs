//! Every finding on traces on which it must speak, and on traces on which it must be silent:
//! `tests/findings/<id>/{speaks,silent}/`. How to add one stands in `src/analyze/findings/mod.rs`.
//!
//! A fixture is a trace, or a folder with a trace and the tables beside it. In front of its events stand, a line each:
//! - `"comment"`: why it is what it is;
//! - `"level"`, where wanted: the level at which the finding speaks, of ids that say "fine" as well;
//! - `"says"`, where wanted: a part of what it says; `"shows"`: of a piece of its evidence; `"advice"`: of its advice;
//! - `"times"`, where the size of the text matters: as often the events are read one after another.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use stepscope::analyze::findings::FINDINGS;
use stepscope::analyze::report::{Finding, Report, SCHEMA};
use stepscope::export::{report_markdown, report_text};
use stepscope::session::bundle::{self, Given};
use stepscope::session::{Loader, Opened};
use stepscope::view::route::View;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let list = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = list.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// What stands in front of a fixture's events, and the events.
fn parts(text: &str) -> (Map<String, Value>, &str, &str) {
    let start = "\"traceEvents\": [\n";
    let at = text.find(start).expect("a line that opens the list of events") + start.len();
    let (head, events) = text.split_at(at);
    let fields = format!("{}\"\": 0}}", head.strip_suffix(start).unwrap());
    (
        serde_json::from_str(&fields).expect("the head is JSON"),
        head,
        events,
    )
}

struct Fixture {
    /// From the folder of all fixtures.
    path: String,
    comment: String,
    level: Option<String>,
    says: Option<String>,
    shows: Option<String>,
    advice: Option<String>,
    opened: Opened,
}

impl Fixture {
    fn open(path: &Path) -> Fixture {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        let trace = if path.is_dir() {
            path.join("trace_view.json")
        } else {
            path.to_owned()
        };
        let text = fs::read_to_string(&trace).unwrap_or_else(|e| panic!("{shown}: {e}"));
        let (fields, head, events) = parts(&text);
        let mut loader = Loader::new(&name(&trace));
        if path.is_dir() {
            attach_tables(&mut loader, path);
        }
        loader.feed(head.as_bytes());
        let times = fields.get("times").map_or(1, |n| n.as_u64().expect("a number"));
        if times > 1 {
            let repeated = format!("{},\n", events.rsplit_once("\n]}").expect("the end").0);
            // Few large pieces are read faster than many small ones.
            let piece = repeated.repeat(100);
            for _ in 0..times / 100 {
                loader.feed(piece.as_bytes());
            }
        }
        loader.feed(events.as_bytes());
        let says = |key: &str| Some(fields.get(key)?.as_str().expect("a text").to_owned());
        Fixture {
            comment: says("comment").unwrap_or_default(),
            level: says("level"),
            says: says("says"),
            shows: says("shows"),
            advice: says("advice"),
            opened: loader.finish().unwrap_or_else(|e| panic!("{shown}: {e}")),
            path: shown,
        }
    }

    fn found(&self, id: &str) -> Vec<&Finding> {
        let all = self.opened.report.findings.iter();
        all.filter(|finding| finding.id == id).collect()
    }
}

/// The tables of the one worker whose folder this is.
fn attach_tables(loader: &mut Loader, folder: &Path) {
    let files = entries(folder);
    let given: Vec<Given> = files
        .iter()
        .map(|file| Given {
            path: format!("worker/{}", name(file)),
            bytes: fs::metadata(file).unwrap().len(),
        })
        .collect();
    let bundle = bundle::sort(&given);
    let [worker] = &bundle.workers[..] else {
        panic!("{}: the files of one worker", folder.display());
    };
    let tables: Vec<_> = worker
        .tables
        .iter()
        .map(|&(table, i)| (table, given[i].path.as_str(), fs::read(&files[i]).unwrap()))
        .collect();
    let read = worker.read(
        tables
            .iter()
            .map(|(table, name, bytes)| (*table, *name, &bytes[..])),
    );
    loader.attach_tables(Arc::new(read));
}

#[test]
fn every_finding_speaks_and_is_silent_where_it_should() {
    let mut wrong = Vec::new();
    for folder in entries(&root()) {
        let id = name(&folder);
        for half in ["speaks", "silent"] {
            let fixtures = entries(&folder.join(half));
            assert!(!fixtures.is_empty(), "{id}/{half} holds no fixture");
            for fixture in fixtures.iter().map(|path| Fixture::open(path)) {
                let found = fixture.found(&id);
                let expected = usize::from(half == "speaks");
                if found.len() != expected {
                    let ids: Vec<&str> = fixture
                        .opened
                        .report
                        .findings
                        .iter()
                        .map(|f| f.id.as_str())
                        .collect();
                    wrong.push(format!(
                        "{}: {} It speaks {} times; all findings: {ids:?}",
                        fixture.path,
                        fixture.comment,
                        found.len()
                    ));
                }
                for (finding, level) in found.iter().zip(&fixture.level) {
                    let says = serde_json::to_value(finding.level).unwrap();
                    if says != level.as_str() {
                        wrong.push(format!("{}: speaks as {says}: {}", fixture.path, finding.says));
                    }
                }
                for (finding, part) in found.iter().zip(&fixture.says) {
                    if !finding.says.contains(part) {
                        wrong.push(format!("{}: without {part:?}: {}", fixture.path, finding.says));
                    }
                }
                for (finding, part) in found.iter().zip(&fixture.advice) {
                    if !finding.advice.contains(part) {
                        wrong.push(format!("{}: without {part:?}: {}", fixture.path, finding.advice));
                    }
                }
                for (finding, part) in found.iter().zip(&fixture.shows) {
                    if !finding.evidence.iter().any(|e| e.says.contains(part)) {
                        wrong.push(format!(
                            "{}: without {part:?}: {:?}",
                            fixture.path, finding.evidence
                        ));
                    }
                }
                if fixture.comment.is_empty() {
                    wrong.push(format!("{}: no comment says why", fixture.path));
                }
                wrong.extend(unknown_views(&fixture.opened).map(|says| format!("{}: {says}", fixture.path)));
                wrong.extend(out_of_order(&fixture.opened).map(|says| format!("{}: {says}", fixture.path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Problems, hints, what is fine; of each the largest cost first. What the device spends its time on has a cost where it
/// bounds the steps, and from a quarter of serving time on its place among the hints, although it is fine; a limit of
/// torch.compile without steps is no problem, as compiles are none there.
#[test]
fn the_largest_fact_stands_first() {
    let first_of = |path: &str| {
        let fixture = Fixture::open(&root().join(path));
        let findings = fixture.opened.report.findings.iter();
        findings.map(|f| f.id.clone()).take(2).collect::<Vec<String>>()
    };
    // 9.30 ms of 18.9 ms, and 1.53 ms.
    assert_eq!(
        first_of("device-time-by-family/speaks/more_than_the_wait_for_the_host.json"),
        ["device-time-by-family", "decode-waits-for-host"]
    );
    // The device is idle for 86 % of the time of steps.
    assert_eq!(
        first_of("device-time-by-family/speaks/most_of_little.json")[0],
        "decode-waits-for-host"
    );
    // 1.00 ms of compiles, and a limit of unknown cost.
    assert_eq!(
        first_of("dynamo-limit/speaks/third_attempt.json")[0],
        "compiles-while-serving"
    );
}

#[test]
fn every_finding_has_fixtures_and_every_fixture_a_finding() {
    let with_rule: BTreeSet<String> = FINDINGS
        .iter()
        .flat_map(|rule| rule.ids)
        .map(|&id| id.to_owned())
        .collect();
    let with_fixtures: BTreeSet<String> = entries(&root()).iter().map(|path| name(path)).collect();
    assert_eq!(
        with_rule, with_fixtures,
        "FINDINGS, and the folders of tests/findings"
    );
}

/// The first finding whose link leads to a view that the page does not have, or not for this trace.
fn unknown_views(opened: &Opened) -> Option<String> {
    let views: Vec<View> = View::of_trace(opened.summary().fills()).collect();
    let leads_nowhere = |f: &&Finding| !View::of_id(&f.view).is_some_and(|view| views.contains(&view));
    let finding = opened.report.findings.iter().find(leads_nowhere)?;
    Some(format!("{} leads to the view {:?}", finding.id, finding.view))
}

/// Text, Markdown and page show findings as the JSON does. The first that does not.
fn out_of_order(opened: &Opened) -> Option<String> {
    let findings = &opened.report.findings;
    assert_eq!(&opened.summary().findings, findings, "the page");
    let report = Report {
        schema: SCHEMA.to_owned(),
        traces: vec![opened.report.clone()],
        workers: None,
        ranks: None,
    };
    let words = |text: &str| {
        let plain = text.replace('\\', "");
        plain.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for (outlet, shown) in [
        ("text", report_text(&report)),
        ("Markdown", report_markdown(&report)),
    ] {
        let shown = words(&shown);
        let mut from = 0;
        for finding in findings {
            // No further than the first character that Markdown writes otherwise.
            let says = words(
                finding
                    .says
                    .split(['<', '>', '&', '@', '#'])
                    .next()
                    .unwrap_or_default(),
            );
            match shown[from..].find(&says) {
                Some(at) => from += at + says.len(),
                None => return Some(format!("not where the JSON has it in {outlet}: {says}")),
            }
        }
    }
    None
}

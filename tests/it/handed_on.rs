//! The report as one page: what it looks like as a snapshot, that it is well formed and of a bounded size, that nothing
//! of a trace is markup, and that `--strip` keeps names out of every format.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use expect_test::expect_file;

use stepscope::analyze::compare::compare;
use stepscope::analyze::report::{Phase, Profile, Report, SCHEMA, Step, TraceReport};
use stepscope::export::{Made, comparison_html, report_html};
use stepscope::session::open_bytes;

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(file)
}

fn trace(file: &str) -> TraceReport {
    open_bytes(file, &fs::read(data(file)).unwrap()).unwrap().report
}

/// Of a day and a version that do not change.
fn made() -> Made {
    Made {
        version: "0.0.0".to_owned(),
        date: "2026-12-01 (UTC)".to_owned(),
        command: "stepscope report FILE --format html".to_owned(),
    }
}

fn page(traces: Vec<TraceReport>) -> String {
    let report = Report {
        schema: SCHEMA.to_owned(),
        traces,
        workers: None,
        ranks: None,
    };
    report_html(&report, &made())
}

/// Every tag that is opened is closed, in order; attributes are quoted; ids come once and what refers to one finds it.
fn assert_well_formed(page: &str) {
    let body = page.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
    let mut open: Vec<&str> = Vec::new();
    let (mut ids, mut references) = (Vec::new(), Vec::new());
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        assert!(
            !rest[..start].contains('>') || open.last() == Some(&"style"),
            "a stray >"
        );
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "near {}", &rest[..rest.len().min(80)]);
            continue;
        }
        let name = tag.split([' ', '/']).next().expect("a name");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{tag}");
        let parts: Vec<&str> = tag.split('"').collect();
        assert_eq!(parts.len() % 2, 1, "{tag}");
        for pair in parts.chunks_exact(2) {
            let key = pair[0].rsplit(' ').next().expect("a key");
            assert!(key.ends_with('='), "{tag}");
            match key {
                "id=" => ids.push(pair[1]),
                "aria-labelledby=" | "aria-describedby=" => references.push(pair[1]),
                _ => assert!(!key.starts_with("on"), "{tag}"),
            }
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
        assert!(
            !["script", "iframe", "img", "link", "object"].contains(&name),
            "{tag}"
        );
    }
    assert_eq!(open, [""; 0]);
    let n = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), n, "an id comes twice");
    for reference in references {
        assert!(ids.binary_search(&reference).is_ok(), "{reference}");
    }
}

#[test]
fn a_small_trace_is_the_page_of_its_snapshot() {
    let page = page(vec![trace("gaudi_lazy_compile.json.gz")]);
    assert_well_formed(&page);
    // The style is in its own files.
    let (head, rest) = page.split_once("<style>").unwrap();
    let (style, rest) = rest.split_once("</style>").unwrap();
    assert!(style.contains("prefers-color-scheme: dark") && style.contains("forced-colors: active"));
    for colour in stepscope::base::Colour::ALL {
        assert!(
            style.contains(&format!("  {}: #", colour.property())),
            "{colour:?}"
        );
    }
    expect_file![data("gaudi_lazy_compile.html")].assert_eq(&format!("{head}{rest}"));
}

#[test]
fn the_verdict_comes_first_and_each_finding_once() {
    let trace = trace("cuda_eager.json.gz");
    let page = page(vec![trace.clone()]);
    let at = |what: &str| page.find(what).unwrap_or_else(|| panic!("{what}"));
    let verdict = at("A decode step of batch 4 takes 1.62 ms");
    assert!(verdict < at("<h2>Findings</h2>") && at("<h2>Findings</h2>") < at("<figure>"));
    assert!(at("<figure>") < at("<details>") && at("<details>") < at("Notes and defects"));
    for finding in &trace.findings {
        let says = finding.says.replace('&', "&amp;").replace('\'', "&#39;");
        assert_eq!(page.matches(&says).count(), 1, "{says}");
    }
}

#[test]
fn pages_of_all_recordings_and_of_comparisons_are_well_formed() {
    let mut all = Vec::new();
    for entry in fs::read_dir(data("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".json") || name.ends_with(".json.gz") {
            all.push(trace(&name));
        }
    }
    for pair in all.windows(2) {
        let found = compare(&Profile::of(&pair[0]), &Profile::of(&pair[1]));
        assert_well_formed(&comparison_html(&found, &made()));
    }
    assert!(all.len() > 8);
    assert_well_formed(&page(all));
    assert_well_formed(&page(Vec::new()));
    assert_well_formed(&page(vec![TraceReport::default()]));
}

#[test]
fn a_hundred_thousand_steps_are_a_page_of_less_than_two_megabytes() {
    let mut long = trace("cuda_eager.json.gz");
    let step = |index: u32| Step {
        index,
        phase: [Phase::Prefill, Phase::Decode, Phase::Mixed][index as usize % 3],
        start_ns: i64::from(index) * 7_000_000,
        step_ns: Some(1_000_000 + i64::from(index % 977) * 10_000),
        ..Step::default()
    };
    long.steps = (0..100_000).map(step).collect();
    let page = page(vec![long]);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("The first 100 of 100,000 rows; all of them: --csv FOLDER, as steps.csv."));
    assert_well_formed(&page);
}

#[test]
fn names_of_a_trace_are_text_in_the_page() {
    const HOSTILE: &str = "</title><script>alert(1)</script>\" onload='x' &amp; \u{202e}\u{1b}[2J<!-- ]]>";
    let mut hostile = trace("cuda_eager.json.gz");
    hostile.file = HOSTILE.to_owned();
    hostile.notes.push(HOSTILE.to_owned());
    for gaps in &mut hostile.gaps {
        gaps.r#where = HOSTILE.to_owned();
    }
    for kernel in &mut hostile.kernels {
        kernel.name = HOSTILE.to_owned();
    }
    for finding in &mut hostile.findings {
        finding.says = HOSTILE.to_owned();
        finding.advice = HOSTILE.to_owned();
        finding
            .evidence
            .iter_mut()
            .for_each(|one| one.says = HOSTILE.to_owned());
    }
    for share in hostile.budget.iter_mut().flat_map(|budget| &mut budget.shares) {
        share.says = HOSTILE.to_owned();
    }
    let made = Made {
        command: format!("stepscope report {HOSTILE}"),
        ..made()
    };
    let report = Report {
        schema: SCHEMA.to_owned(),
        traces: vec![hostile.clone()],
        workers: None,
        ranks: None,
    };
    let mut found = compare(&Profile::of(&hostile), &Profile::of(&hostile));
    found.says = HOSTILE.to_owned();
    for page in [report_html(&report, &made), comparison_html(&found, &made)] {
        assert_well_formed(&page);
        assert!(!page.contains(['\u{202e}', '\u{1b}']));
        assert!(!page.contains("<script") && !page.contains("<!--"));
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;amp;"));
    }
}

fn run(folder: &Path, args: &[&str]) -> String {
    let out = Command::new(assert_cmd::cargo::cargo_bin!("stepscope"))
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

/// A trace in whose file's name stands a host, and in it folders, a user and classes of a model.
#[test]
fn the_command_line_leaves_names_out_of_every_format() {
    const NAME: &str = "gandalf_4711.1700000000.pt.trace.json";
    let mut events = Vec::new();
    for n in 0..40 {
        let at = n * 2_000;
        let event = |cat: &str, name: &str, ts: i32, dur: i32| {
            serde_json::json!({"ph": "X", "cat": cat, "name": name, "pid": 4711, "tid": 4711, "ts": ts, "dur": dur,
                "args": {"Python id": ts + 1}})
        };
        events.push(event(
            "user_annotation",
            "execute_context_0(0)_generation_4(4)",
            at,
            1_500,
        ));
        events.push(event(
            "python_function",
            "/home/alice/acme/vllm/models/palantir.py(7): step",
            at + 10,
            1_480,
        ));
        events.push(event(
            "python_function",
            "nn.Module: PalantirForCausalLM_0",
            at + 20,
            1_400,
        ));
        events.push(event("python_function", "nn.Module: PalantirMLP_3", at + 30, 900));
        events.push(event("cpu_op", "aten::mm", at + 40, 700));
    }
    let text = serde_json::json!({"schemaVersion": 1, "traceName": "/home/alice/acme/trace.json",
        "distributedInfo": {"rank": 0, "world_size": 1}, "traceEvents": events})
    .to_string();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(NAME), text).unwrap();
    let secrets = [
        "gandalf",
        "alice",
        "acme",
        "Palantir",
        "palantir",
        "4711.1700000000",
    ];
    let whole = run(folder.path(), &["report", NAME, "--format", "html"]);
    for secret in secrets {
        assert!(whole.contains(secret), "the test shows nothing of {secret}");
    }
    for format in ["html", "markdown", "text", "json"] {
        let report = run(folder.path(), &["report", NAME, "--strip", "--format", format]);
        let compared = run(
            folder.path(),
            &["compare", NAME, NAME, "--strip", "--format", format],
        );
        for text in [&report, &compared] {
            let plain = text.replace('\\', "");
            for secret in secrets {
                assert!(!plain.contains(secret), "{secret} as {format}");
            }
            assert!(
                plain
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
                    .contains("Left in: names of kernels")
            );
        }
        assert!(
            report.contains("aten::mm") && report.contains("trace 1"),
            "{format}"
        );
    }
}

//! Files, folders and archives that cannot be read whole, as the command line says it.

use std::io::Write;
use std::path::Path;

use assert_cmd::Command;
use stepscope::session::open_bytes;
use stepscope::synth::Gzip;

const TRACE: &str = r#"{"traceEvents":[{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":2}]}"#;

/// What a command says on standard output and standard error, and how it ends.
pub fn run(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("stepscope"))
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().expect("ended by itself");
    (code, text(output.stdout), text(output.stderr))
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    dir
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Gzip::new(Vec::new(), 1).unwrap();
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[cfg(unix)]
#[test]
fn links_of_a_folder_are_followed_to_files_and_named_where_they_are_not_followed() {
    use std::os::unix::fs::symlink;
    let dir = folder(&[
        ("d/r0.json", TRACE.as_bytes()),
        ("other/r1.json", TRACE.as_bytes()),
    ]);
    let inside = dir.path().join("d");
    symlink("../other/r1.json", inside.join("r2.json")).unwrap();
    symlink("/nonexistent", inside.join("r3.json")).unwrap();
    symlink("../other", inside.join("out")).unwrap();
    symlink("..", inside.join("up")).unwrap();
    symlink(".", inside.join("round")).unwrap();
    let (code, out, err) = run(&["check", text(&inside)]);
    assert_eq!(code, 2);
    for opened in ["d/r0.json\n", "d/r2.json\n"] {
        assert!(out.contains(opened), "{opened} in {out}");
    }
    for said in [
        "d/r3.json: a link to /nonexistent: ",
        "d/out: a link to another folder",
        "d/up: ",
        "d/round: ",
    ] {
        assert!(err.contains(said), "{said} in {err}");
    }
    assert_eq!(err.lines().count(), 4, "{err}");
    // A link round the folder itself alone leaves nothing out.
    for name in ["r3.json", "out"] {
        std::fs::remove_file(inside.join(name)).unwrap();
    }
    assert_eq!(run(&["check", text(&inside)]).0, 0);
}

#[test]
fn folders_are_read_to_a_depth_and_what_lies_deeper_is_a_failure() {
    let at = |n: usize| format!("d{}/t.json", "/x".repeat(n));
    let (in_reach, too_deep) = (at(12), at(13));
    let dir = folder(&[(&in_reach, TRACE.as_bytes())]);
    let given = dir.path().join("d");
    assert_eq!(run(&["check", text(&given)]).0, 0);
    std::fs::create_dir_all(dir.path().join(&too_deep).parent().unwrap()).unwrap();
    let (code, out, err) = run(&["check", text(&given)]);
    assert_eq!((code, out.contains(&in_reach)), (2, true), "{out}");
    assert!(err.contains("12 folders deep"), "{err}");
}

#[test]
fn slice_and_stacks_open_what_the_report_opens() {
    let frames = r#"[
        {"ph":"X","cat":"python_function","name":"f","pid":1,"tid":1,"ts":1,"dur":9},
        {"ph":"X","cat":"python_function","name":"g","pid":1,"tid":1,"ts":2,"dur":3}
    ]"#;
    let dir = folder(&[
        ("d/a.json", frames.as_bytes()),
        ("d/b.JSON.GZ", &gzipped(b"{}")),
        ("e/x.json", b"{}"),
    ]);
    let (given, out) = (dir.path().join("d"), dir.path().join("cut.json"));
    let (code, said, err) = run(&["slice", text(&given), "--out", text(&out)]);
    assert_eq!(code, 0, "{said}{err}");
    assert!(said.contains("2 of 2 events kept"), "{said}");
    assert!(
        err.contains("d: 1 other JSON file in it holds no trace (b.JSON.GZ)"),
        "{err}"
    );
    // g runs 3 of the 9 us of f.
    let (code, folded, _) = run(&["stacks", text(&given)]);
    assert_eq!(code, 0);
    assert!(
        folded.contains("f 6000\n") && folded.contains("f;g 3000\n"),
        "{folded}"
    );
    for command in [&["stacks"][..], &["slice", "--out", text(&out)]] {
        let (code, _, err) = run(&[command, &[text(&dir.path().join("e"))]].concat());
        assert_eq!((code, err.lines().count()), (2, 1), "{err}");
        assert!(err.contains("no trace"), "{err}");
    }
}

#[test]
fn a_document_that_lacks_its_last_brace_loses_nothing() {
    let unclosed = &TRACE[..TRACE.len() - 1];
    let other = TRACE.replace("\"a\"", "\"b\"");
    let both = format!("{unclosed}{other}");
    let dir = folder(&[
        ("one.json", unclosed.as_bytes()),
        ("two.json", both.as_bytes()),
        ("same.json", format!("{TRACE}\n{TRACE}").as_bytes()),
    ]);
    let check = |name: &str| run(&["check", text(&dir.path().join(name))]);
    let (code, out, _) = check("one.json");
    assert_eq!(
        (code, out.contains("unclosed_object"), out.contains("1 event ")),
        (0, true, true),
        "{out}"
    );
    let (code, out, _) = check("two.json");
    assert_eq!((code, out.contains("two.json (2)\n")), (0, true), "{out}");
    // The same twice is a loss, not two traces.
    let (code, out, _) = check("same.json");
    assert_eq!(
        (code, out.contains("repeated_trace"), out.contains("(2)")),
        (1, true, false),
        "{out}"
    );
}

#[test]
fn of_a_trace_and_a_copy_that_was_cut_the_longer_is_read() {
    let trace = |n: usize| {
        let event = |i: usize| {
            format!(
                r#"{{"ph":"X","name":"e{i}","pid":1,"tid":1,"ts":{},"dur":4}}"#,
                9 * i
            )
        };
        let events: Vec<String> = (0..n).map(event).collect();
        format!("{{\"traceEvents\":[{}]}}", events.join(",\n"))
    };
    let other = trace(9).replace("\"e", "\"f");
    // Fewer and more events than are compared.
    for n in [9, 1_500] {
        let whole = trace(n);
        let cuts = [whole.len() / 3, whole.len() - 80, whole.len() - 2];
        for cut in cuts.map(|at| &whole[..at]) {
            for (text, n_further) in [
                (format!("{cut}\n{whole}"), 0),
                (format!("{whole}\n{cut}"), 0),
                (format!("[{cut},{whole}]"), 0),
                (format!("{other}\n{cut}\n{whole}"), 1),
            ] {
                let opened = open_bytes("t.json", text.as_bytes()).unwrap();
                let one = opened.further.first().unwrap_or(&opened);
                assert_eq!((opened.further.len(), one.report.events), (n_further, n as u64));
                let defects = &opened.report.defects;
                let is_said = defects.iter().any(|d| d.kind == "repeated_trace");
                assert!(is_said, "{n} {}: {defects:?}", cut.len());
            }
        }
    }
    // A trace of its own, though both start alike and neither was cut.
    let both = format!("{}\n{}", trace(4), trace(9));
    assert_eq!(open_bytes("t.json", both.as_bytes()).unwrap().further.len(), 1);
}

#[test]
fn a_further_trace_of_a_file_is_cut_and_folded_by_its_number() {
    let first = r#"{"traceEvents":[
        {"ph":"X","cat":"python_function","name":"f","pid":1,"tid":1,"ts":1,"dur":9}]}"#;
    let second = r#"{"traceEvents":[
        {"ph":"X","cat":"python_function","name":"g","pid":1,"tid":1,"ts":5000,"dur":4},
        {"ph":"X","cat":"python_function","name":"h","pid":1,"tid":1,"ts":9000,"dur":3}]}"#;
    let both = format!("{first}\n{second}");
    let zip_name = "both.json.gz";
    let dir = folder(&[
        ("both.json", both.as_bytes()),
        (zip_name, &gzipped(both.as_bytes())),
    ]);
    let out = dir.path().join("cut.json");
    for name in ["both.json", zip_name] {
        let given = dir.path().join(name);
        let (code, said, _) = run(&["report", text(&given)]);
        assert_eq!((code, said.contains("--document N")), (0, true), "{said}");
        let (code, folded, err) = run(&["stacks", text(&given)]);
        assert_eq!((code, &*folded), (0, "f 9000\n"));
        assert!(err.contains("only the first of 2 traces"), "{err}");
        let (code, folded, err) = run(&["stacks", text(&given), "--document", "2"]);
        assert_eq!((code, &*folded, &*err), (0, "g 4000\nh 3000\n", ""));
        // A stretch counts from the start of the trace that is asked for.
        let (code, folded, _) = run(&["stacks", text(&given), "--document", "2", "--to", "1"]);
        assert_eq!((code, &*folded), (0, "g 4000\n"));
        let (code, said, err) = run(&["slice", text(&given), "--document", "2", "--out", text(&out)]);
        assert_eq!(code, 0, "{err}");
        assert!(said.contains("2 of 2 events kept"), "{said}");
        let cut = std::fs::read_to_string(&out).unwrap();
        assert!(cut.contains("\"g\"") && !cut.contains("\"f\""), "{cut}");
        let (code, _, err) = run(&["stacks", text(&given), "--document", "3"]);
        assert_eq!(code, 2);
        assert!(
            err.contains("no trace number 3 in it: it holds 2 traces"),
            "{err}"
        );
    }
}

#[test]
fn only_what_cannot_be_read_changes_the_exit_status() {
    let dir = folder(&[
        ("t.json", TRACE.as_bytes()),
        ("d/p.json", b"\x80\x04."),
        ("e/p.json", b"\x80\x04."),
        ("e/t.json", TRACE.as_bytes()),
        ("zeros.json", &[0; 4096]),
        ("text.json", b"hello"),
        ("empty.json", b""),
        ("config.json", b"{\"a\": 1}"),
        ("cut.json", &TRACE.as_bytes()[..TRACE.len() - 8]),
    ]);
    let path = |name: &str| text(&dir.path().join(name)).to_owned();
    let (good, other) = (path("t.json"), path("d/p.json"));
    let (code, _, err) = run(&["check", &good, &other]);
    assert_eq!(
        (code, err.contains("this is a Python pickle, not a trace")),
        // It was given by name.
        (2, true),
        "{err}"
    );
    let (code, _, err) = run(&["check", &path("e")]);
    assert_eq!(
        (code, err.contains("this is a Python pickle, not a trace")),
        (0, true),
        "{err}"
    );
    for other in ["zeros.json", "text.json", "empty.json", "config.json"] {
        for command in ["check", "report"] {
            let (code, out, err) = run(&[command, &good, &path(other)]);
            assert_eq!((code, out.contains("t.json\n")), (2, true), "{other}: {err}");
            assert!(err.contains(other), "{err}");
        }
    }
    // A lossy trace does not hide it.
    assert_eq!(run(&["check", &path("cut.json")]).0, 1);
    assert_eq!(run(&["check", &path("cut.json"), &path("zeros.json")]).0, 2);
    // Nothing was opened.
    assert_eq!(run(&["check", &other]).0, 2);
    assert_eq!(run(&["check", &path("d")]).0, 2);
    assert_eq!(run(&["check", &good, &path("none.json")]).0, 2);
}

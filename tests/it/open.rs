//! Files, folders and archives that cannot be read whole, as the command line says it.

use std::io::Write;
use std::path::Path;

use assert_cmd::Command;
use stepscope::synth::Gzip;

const TRACE: &str = r#"{"traceEvents":[{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":2}]}"#;

/// What a command says on standard output and standard error, and how it ends.
fn run(args: &[&str]) -> (i32, String, String) {
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
    assert!(err.contains("d: 1 other JSON file in it holds no trace"), "{err}");
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

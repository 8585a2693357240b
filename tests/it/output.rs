//! What the command line writes, and over what it does not; and what it reads that can be read only once.
#![cfg(unix)]

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const TRACE: &str =
    r#"{"traceEvents":[{"ph":"X","name":"a","cat":"cpu_op","pid":1,"tid":1,"ts":1,"dur":2}]}"#;

/// In a folder with a trace, `in.json`.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.put("in.json", TRACE);
        place
    }

    fn at(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.at().join(name), text).unwrap();
    }

    fn get(&self, name: &str) -> String {
        std::fs::read_to_string(self.at().join(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let found = std::fs::read_dir(self.at()).unwrap();
        let mut names: Vec<String> = found
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("stepscope"));
        command.args(args).current_dir(self.at());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// By a shell, for what takes one: `$S` is the program.
    fn shell(&self, script: &str) -> Output {
        Command::new("bash")
            .args(["-c", script])
            .current_dir(self.at())
            .env("S", assert_cmd::cargo::cargo_bin!("stepscope"))
            .output()
            .unwrap()
    }
}

fn err(ran: &Output) -> String {
    String::from_utf8(ran.stderr.clone()).unwrap()
}

fn out(ran: &Output) -> String {
    String::from_utf8(ran.stdout.clone()).unwrap()
}

#[test]
fn nothing_is_written_over_what_is_read() {
    let place = Place::new();
    let at = |name: &str| place.at().join(name);
    std::fs::hard_link(at("in.json"), at("hard.json")).unwrap();
    symlink("in.json", at("link.json")).unwrap();
    symlink("link.json", at("link2.json")).unwrap();
    std::fs::create_dir(at("d")).unwrap();
    place.put("d/x.json", TRACE);
    std::fs::create_dir(at("tables")).unwrap();
    symlink("../in.json", at("tables/in.json.operators.csv")).unwrap();
    place.put("rules", "copy: a\n");
    let before = place.names();
    for args in [
        &["slice", "in.json", "--out", "in.json"][..],
        &["slice", "in.json", "--out", "hard.json"],
        &["slice", "link2.json", "--out", "in.json"],
        &["report", "in.json", "-o", "./d/../in.json"],
        &["report", "in.json", "-o", "link2.json"],
        &["stacks", "in.json", "-o", "link.json"],
        &["report", "d", "-o", "d/x.json"],
        &["report", "in.json", "--csv", "tables"],
        &["report", "in.json", "--kernel-rules", "rules", "-o", "rules"],
    ] {
        let ran = place.run(args);
        assert_eq!(ran.status.code(), Some(2), "{args:?}");
        assert!(err(&ran).contains("this is the trace itself, or another file that is read"));
        assert_eq!(
            (err(&ran).lines().count(), out(&ran).as_str()),
            (1, ""),
            "{args:?}"
        );
    }
    let ran = place.shell("$S slice - --out in.json < in.json");
    assert_eq!(ran.status.code(), Some(2), "{}", err(&ran));
    for name in ["in.json", "hard.json", "d/x.json", "tables/in.json.operators.csv"] {
        assert_eq!(place.get(name), TRACE);
    }
    assert_eq!(place.get("rules"), "copy: a\n");
    assert_eq!(place.names(), before);
}

#[test]
fn an_archive_in_a_folder_is_not_written_over() {
    let place = Place::new();
    std::fs::create_dir(place.at().join("d")).unwrap();
    assert!(place.shell("tar cf d/t.tar in.json").status.success());
    let before = std::fs::read(place.at().join("d/t.tar")).unwrap();
    let ran = place.run(&["report", "d", "-o", "d/t.tar"]);
    assert_eq!(ran.status.code(), Some(2), "{}", out(&ran));
    assert!(std::fs::read(place.at().join("d/t.tar")).unwrap() == before);
    // What is new there may be written, and then lies in a folder that is read.
    for (n, code) in [(0, 0), (1, 2)] {
        let ran = place.run(&["report", "d", "-o", "d/report.txt"]);
        assert_eq!(ran.status.code(), Some(code), "{n}: {}", err(&ran));
    }
    assert!(place.get("d/report.txt").starts_with("in.json\n"));
}

#[test]
fn nothing_in_a_folder_that_is_read_is_written_over() {
    let place = Place::new();
    std::fs::create_dir(place.at().join("d")).unwrap();
    place.put("d/a.json", TRACE);
    let others = ["d/b.json", "d/cut.json.gz", "d/x.zip", "d/x.db", "d/notes.md"];
    for other in others {
        place.put(other, if other == "d/b.json" { TRACE } else { "kept" });
    }
    let commands: [&[&str]; 4] = [
        &["slice", "d", "-o"],
        &["stacks", "d", "--source", "operators", "-o"],
        &["report", "d", "-o"],
        &["compare", "in.json", "d", "--save-baseline"],
    ];
    for command in commands {
        for other in others {
            let ran = place.run(&[command, &[other]].concat());
            assert_eq!(ran.status.code(), Some(2), "{command:?} {other}");
            let said = err(&ran);
            let why = ["lies in a folder that is read", "another file that is read"];
            assert!(why.iter().any(|why| said.contains(why)), "{said}");
            let kept = if other == "d/b.json" { TRACE } else { "kept" };
            assert_eq!(place.get(other), kept, "{command:?} {other}");
        }
    }
    // A file that a shell makes for the output is no part of the folder; what is added to one of its files is refused.
    std::fs::remove_file(place.at().join("d/x.zip")).unwrap();
    let ran = place.shell("$S report d --format json > d/out.json");
    assert!(!err(&ran).contains("out.json"), "{}", err(&ran));
    assert!(place.get("d/out.json").contains("stepscope.report/1"));
    let ran = place.shell("$S report d >> d/notes.md");
    assert_eq!(
        (ran.status.code(), &*place.get("d/notes.md")),
        (Some(2), "kept"),
        "{}",
        err(&ran)
    );
}

#[test]
fn standard_output_is_no_input() {
    let place = Place::new();
    for script in [
        "$S report in.json >> in.json",
        "$S check in.json >> in.json",
        "$S stacks in.json >> in.json",
        "$S compare in.json in.json 1<> in.json",
        "$S slice in.json --plain --out - 1<> in.json",
        "$S slice in.json --plain --out cut.json >> in.json",
        "$S report in.json -o /dev/stdout 1<> in.json",
        "cat in.json > copy; $S report - < copy >> copy; cmp copy in.json && exit 2",
    ] {
        let ran = place.shell(script);
        assert_eq!(ran.status.code(), Some(2), "{script}: {}", err(&ran));
        assert!(
            err(&ran).contains("standard output: this is the trace itself"),
            "{script}: {}",
            err(&ran)
        );
        assert_eq!(place.get("in.json"), TRACE, "{script}");
    }
}

#[test]
fn no_output_is_another_output_of_the_command() {
    let place = Place::new();
    std::fs::create_dir(place.at().join("c")).unwrap();
    symlink("b", place.at().join("link")).unwrap();
    for script in [
        "$S report in.json --csv c -o c/in.json.categories.csv",
        "$S report in.json --csv c > c/in.json.categories.csv",
        "$S compare in.json in.json --save-baseline b -o b",
        "$S compare in.json in.json --save-baseline b -o link",
        "$S compare in.json in.json --save-baseline -",
        "$S compare in.json in.json --csv c -o c/in.json.compare_operators.csv",
        "$S slice in.json --out cut.json > cut.json",
    ] {
        let ran = place.shell(script);
        assert_eq!(ran.status.code(), Some(2), "{script}: {}", err(&ran));
        assert!(
            err(&ran).contains("are the same file: give each"),
            "{script}: {}",
            err(&ran)
        );
        assert_eq!(out(&ran), "", "{script}");
        assert!(!place.at().join("b").exists(), "{script}");
    }
    let ran = place.shell("$S compare in.json in.json --save-baseline b -o c/report");
    assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
    symlink("gone", place.at().join("tables")).unwrap();
    let ran = place.run(&["report", "in.json", "--csv", "tables"]);
    assert!(
        err(&ran).contains("a link to gone, which does not exist"),
        "{}",
        err(&ran)
    );
}

#[test]
fn a_damaged_trace_that_is_cut_folded_or_compared_says_what_was_lost() {
    let place = Place::new();
    let events = r#"{"ph":"X","name":"a","cat":"cpu_op","pid":1,"tid":1,"ts":1,"dur":2},"#;
    place.put("cut.json", &format!(r#"{{"traceEvents":[{events}{{"ph":"X","na"#));
    for args in [
        &["slice", "cut.json", "-o", "out.json"][..],
        &["stacks", "cut.json", "--source", "operators"],
        &["compare", "in.json", "cut.json"],
        &["compare", "cut.json", "in.json"],
    ] {
        let ran = place.run(args);
        assert_eq!(ran.status.code(), Some(1), "{args:?}: {}", err(&ran));
        assert!(
            err(&ran).starts_with("stepscope: cut.json: truncated_json (1 ×, first at byte "),
            "{}",
            err(&ran)
        );
        let clean: Vec<&str> = args
            .iter()
            .map(|arg| if *arg == "cut.json" { "in.json" } else { arg })
            .collect();
        let ran = place.run(&clean);
        assert_eq!((ran.status.code(), &*err(&ran)), (Some(0), ""), "{clean:?}");
    }
}

#[test]
fn a_cut_out_of_a_damaged_trace_says_that_it_is_one() {
    let place = Place::new();
    place.put(
        "cut.json",
        &format!("{},{{\"ph\":\"X\",\"na", &TRACE[..TRACE.len() - 2]),
    );
    for (from, to, code) in [("cut.json", "one.json", 1), ("one.json", "two.json", 0)] {
        let ran = place.run(&["slice", from, "-o", to]);
        assert_eq!(ran.status.code(), Some(code), "{}", err(&ran));
        let ran = place.run(&["check", to]);
        assert!(out(&ran).contains("cut_of_damaged"), "{}", out(&ran));
        assert_eq!(ran.status.code(), Some(0));
    }
    place.run(&["slice", "in.json", "-o", "three.json"]);
    assert!(out(&place.run(&["check", "three.json"])).contains("none, everything in it was read"));
}

#[test]
fn rules_are_a_small_file_and_not_the_trace() {
    let place = Place::new();
    let ran = place.run(&["report", "in.json", "--kernel-rules", "/dev/zero"]);
    assert_eq!(ran.status.code(), Some(2));
    assert!(err(&ran).contains("rules are at most"), "{}", err(&ran));
    let ran = place.shell("cat in.json | $S report - --kernel-rules -");
    assert_eq!(ran.status.code(), Some(2));
    assert!(
        err(&ran).contains("standard input is the trace already"),
        "{}",
        err(&ran)
    );
}

#[test]
fn a_folder_that_takes_no_new_file_is_named_without_the_name_of_that_file() {
    let place = Place::new();
    let ran = place.run(&["report", "in.json", "-o", "/proc/sys/x"]);
    assert_eq!(ran.status.code(), Some(2));
    assert!(!err(&ran).contains(".stepscope-"), "{}", err(&ran));
}

#[test]
fn a_name_beside_the_output_is_nobodys_business() {
    let place = Place::new();
    place.put("cut.json.part", TRACE);
    symlink("cut.json.part", place.at().join("c2.json.part")).unwrap();
    for args in [
        ["slice", "cut.json.part", "--out", "cut.json"],
        ["slice", "in.json", "--out", "c2.json"],
    ] {
        let ran = place.run(&args);
        assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
        assert_eq!(place.get("cut.json.part"), TRACE);
    }
    let names = ["c2.json", "c2.json.part", "cut.json", "cut.json.part", "in.json"];
    assert_eq!(place.names(), names);
}

#[test]
fn links_are_written_through_and_modes_are_kept() {
    let place = Place::new();
    let at = |name: &str| place.at().join(name);
    let mode = |name: &str| std::fs::symlink_metadata(at(name)).unwrap().mode() & 0o777;
    place.put("old.txt", "old");
    std::fs::set_permissions(at("old.txt"), std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("old.txt", at("link")).unwrap();
    symlink("new.txt", at("dangling")).unwrap();
    let ran = place.shell("umask 027; $S report in.json -o link && $S report in.json -o dangling");
    assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
    assert!(at("link").is_symlink() && at("dangling").is_symlink());
    assert!(place.get("old.txt").starts_with("in.json\n"));
    assert!(place.get("new.txt").starts_with("in.json\n"));
    // 0666 without the umask's bits.
    assert_eq!((mode("old.txt"), mode("new.txt")), (0o640, 0o640));
    symlink("round", at("round")).unwrap();
    let ran = place.run(&["report", "in.json", "-o", "round"]);
    assert_eq!(ran.status.code(), Some(2));
}

#[test]
fn a_file_that_cannot_be_written_whole_leaves_what_was_there() {
    let place = Place::new();
    place.put("old.json", "old");
    std::fs::create_dir(place.at().join("d")).unwrap();
    // Blocks of 1024 bytes; 40 turns of the engine are far more.
    for script in [
        "ulimit -f 8; $S synth --steps 40 --out old.json",
        "ulimit -f 8; $S synth --steps 40 --out new.json",
        "$S slice in.json --out d",
        "$S report in.json -o d",
        "$S report in.json -o new/",
        "$S report in.json -o /dev/full",
        "$S report in.json > /dev/full",
    ] {
        let ran = place.shell(script);
        assert_eq!(ran.status.code(), Some(2), "{script}: {}", err(&ran));
        assert!(
            err(&ran).starts_with("stepscope: writing "),
            "{script}: {}",
            err(&ran)
        );
        assert_eq!(err(&ran).lines().count(), 1);
        assert_eq!(
            (place.get("old.json").as_str(), place.names().len()),
            ("old", 3),
            "{script}"
        );
    }
}

/// A program that is writing `big.json`.
fn writing(place: &Place) -> Child {
    let args = ["synth", "--size", "4GB", "--out", "big.json"];
    let child = place.command(&args).stdout(Stdio::null()).spawn().unwrap();
    while !place.names().iter().any(|name| name.ends_with(".part")) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child
}

/// Whether a program that is started now ignores a signal.
pub fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[test]
fn an_interrupted_program_leaves_nothing() {
    const SIGNALS: [(&str, i32); 3] = [("INT", 2), ("TERM", 15), ("HUP", 1)];
    // A program that is started to ignore a signal (`nohup`, `&` in a script) goes on ignoring it.
    for (name, number) in SIGNALS.into_iter().filter(|(_, number)| !is_ignored(*number)) {
        let place = Place::new();
        place.put("big.json", "old");
        let mut child = writing(&place);
        let kill = format!("kill -{name} {}", child.id());
        assert!(place.shell(&kill).status.success());
        assert_eq!(child.wait().unwrap().signal(), Some(number), "{name}");
        assert_eq!(place.names(), ["big.json", "in.json"], "{name}");
        assert_eq!(place.get("big.json"), "old");
    }
}

#[test]
fn what_is_no_regular_file_is_written_directly() {
    let place = Place::new();
    let ran = place.run(&["report", "in.json", "-o", "/dev/null"]);
    assert_eq!(ran.status.code(), Some(0));
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    let script = "echo kept > log; $S report in.json -o /dev/stdout >> log; mkfifo pipe
        cat pipe > read & $S report in.json -o pipe; wait; $S report in.json -o - > dash";
    let ran = place.shell(script);
    assert_eq!((ran.status.code(), err(&ran).as_str()), (Some(0), ""));
    let report = place.get("dash");
    assert_eq!(place.get("log"), format!("kept\n{report}"));
    assert_eq!(place.get("read"), report);
    // Bytes alone go there; what is said of them goes to standard error.
    let ran = place.run(&["slice", "in.json", "--out", "-", "--plain"]);
    assert!(serde_json::from_slice::<serde_json::Value>(&ran.stdout).is_ok());
    assert!(err(&ran).contains("1 of 1 event kept"), "{}", err(&ran));
}

#[test]
fn pipes_are_read() {
    let place = Place::new();
    for (script, name) in [
        ("cat in.json | $S check -", "stdin\n"),
        ("cat in.json | $S check /dev/stdin", "stdin\n"),
        ("$S check - < in.json", "stdin\n"),
        (
            "mkfifo pipe; cat in.json > pipe & timeout 20 $S check pipe",
            "pipe\n",
        ),
        ("gzip -c in.json | $S report - --from 0 --to 1", "stdin\n"),
        ("tar c in.json | $S check -", "in.json\n"),
        ("cat in.json | $S stacks -", "a 2000\n"),
        (
            "cat in.json | $S slice - --out cut.json",
            "cut.json: 1 of 1 event kept",
        ),
        (
            "$S report in.json in.json --kernel-rules <(echo copy: a)",
            "in.json\n",
        ),
    ] {
        let ran = place.shell(script);
        assert_eq!((ran.status.code(), err(&ran).as_str()), (Some(0), ""), "{script}");
        assert!(out(&ran).starts_with(name), "{script}: {}", out(&ran));
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    const SIGPIPE: i32 = 13;
    let place = Place::new();
    for args in [
        &["report", "in.json"][..],
        &["check", "in.json"],
        &["stacks", "in.json"],
        &["slice", "in.json", "--out", "-"],
        &["slice", "in.json", "--out", "cut.json"],
        &["synth", "--steps", "2", "--out", "-"],
        &["synth", "--steps", "2", "--out", "s.json"],
    ] {
        let (reads, writes) = std::io::pipe().unwrap();
        drop(reads);
        let ran = place.command(args).stdout(writes).output().unwrap();
        assert_eq!(
            (ran.status.signal(), err(&ran).as_str()),
            (Some(SIGPIPE), ""),
            "{args:?}"
        );
    }
    // Nobody reads on while the trace is being cut: more than a pipe and the buffers hold.
    assert!(
        place
            .run(&["synth", "--size", "8MB", "--out", "big.json"])
            .status
            .success()
    );
    let ran = place.shell("$S slice big.json --plain --out - | head -c 5 > head; exit ${PIPESTATUS[0]}");
    assert_eq!((ran.status.code(), &*err(&ran)), (Some(128 + SIGPIPE), ""));
    // Nobody reads what is wrong: the status says it still.
    let (reads, writes) = std::io::pipe().unwrap();
    drop(reads);
    let ran = place
        .command(&["check", "missing"])
        .stderr(writes)
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(2));
}

#[test]
fn names_command_no_terminal() {
    let place = Place::new();
    // ESC [2J clears the screen, U+202E turns the line around, U+061C and U+009B have no glyph.
    let name = "\\u001b[2J\\u202eb\\u061c\\u009b";
    place.put("e.json", &TRACE.replace("\"a\"", &format!("\"{name}\"")));
    let ran = place.run(&["stacks", "e.json"]);
    assert_eq!(out(&ran), "\\u{1b}[2J\\u{202e}b\\u{61c}\\u{9b} 2000\n");
    let ran = place.run(&["report", "e.json", "--format", "json"]);
    assert!(out(&ran).contains(name), "{}", out(&ran));
    let ran = place.run(&["check", "x\u{1b}[31m\n\u{202e}.json"]);
    assert!(
        err(&ran).starts_with("stepscope: x\\u{1b}[31m\\n\\u{202e}.json: "),
        "{}",
        err(&ran)
    );
}

#[test]
fn long_names_fit_a_folder() {
    let place = Place::new();
    // 246 bytes each; with the name of a table more than 255.
    let names: Vec<String> = ["x", "y"]
        .map(|end| format!("{}{end}.json", "é".repeat(120)))
        .into();
    for name in &names {
        place.put(name, TRACE);
        let ran = place.run(&["report", name, "--csv", "tables"]);
        assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
    }
    let found = std::fs::read_dir(place.at().join("tables")).unwrap();
    let found: Vec<String> = found
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    // Two tables of each: operators, and categories of text.
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(
        found
            .iter()
            .all(|name| name.len() <= 255 && name.ends_with(".csv")),
        "{found:?}"
    );
}

#[test]
fn a_cell_is_no_formula_behind_any_separator() {
    let place = Place::new();
    let names = [
        ("a;=cmd", "\"a;'=cmd\""),
        ("x,\\t@f", "\"x,\\t@f\""),
        ("|+1a", "\"|'+1a\""),
        ("\u{a0}=1", "'\u{a0}=1"),
        ("\u{ff1d}1", "'\u{ff1d}1"),
        ("Shape<8, -1>", "\"Shape<8, -1>\""),
        ("a - b", "a - b"),
    ];
    let events = names.map(|(name, _)| {
        format!(r#"{{"ph":"X","name":"{name}","cat":"cpu_op","pid":1,"tid":1,"ts":1,"dur":2}}"#)
    });
    place.put("n.json", &format!("[{}]", events.join(",")));
    let ran = place.run(&["report", "n.json", "--csv", "."]);
    assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
    let table = place.get("n.json.operators.csv");
    for (name, cell) in names {
        assert!(table.contains(&format!("\n{cell},")), "{name}: {table}");
    }
}

#[test]
fn a_sum_beyond_the_clock_is_a_defect() {
    let place = Place::new();
    // 2^62 ns less 88 ns each: three are more than 2^63.
    let row = |n: u32| format!("1,mm{n},MatMul,AI_CORE,{n},4611686018427387.8,0,8\n");
    let head = "Step Id,Name,Type,Accelerator Core,Start Time(us),Duration(us),Wait Time(us),Block Dim\n";
    place.put(
        "kernel_details.csv",
        &format!("{head}{}{}{}", row(0), row(1), row(2)),
    );
    let ran = place.run(&["report", "kernel_details.csv", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let trace = &report["traces"][0];
    let kind = &trace["beside"]["operator_statistics"][0];
    // The mean of three equal durations is each of them.
    assert_eq!(kind["total_ns"], i64::MAX);
    assert_eq!(kind["mean_ns"], kind["max_ns"]);
    assert_eq!(trace["defects"][0]["kind"], "oversized_sum");
    let findings = trace["findings"].as_array().unwrap();
    assert!(findings.iter().all(|f| f["id"] != "events-lost"));
    let mut said = String::new();
    let mut child = place
        .command(&["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(TRACE.as_bytes()).unwrap();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success() && !said.contains("oversized_sum"));
}

#[test]
fn a_name_of_a_folder_for_a_file_is_refused_with_what_is_wrong() {
    let place = Place::new();
    place.put("old.json", "old");
    std::fs::create_dir(place.at().join("folder")).unwrap();
    for (out, says) in [
        ("old.json/", "leave out the /"),
        ("new.json/", "leave out the /"),
        ("folder/", "this is a folder"),
        ("folder", "this is a folder"),
    ] {
        let output = place.run(&["slice", "in.json", "--out", out]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says), "{out}: {said}");
    }
    assert_eq!(place.get("old.json"), "old");
    assert_eq!(place.names(), ["folder", "in.json", "old.json"]);
}

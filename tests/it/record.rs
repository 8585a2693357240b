//! `record` against stand-ins for vLLM and SGLang, which speak HTTP and write traces as these do: slowly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

use serde_json::{Value, json};

use stepscope::synth::Gzip;

use crate::small_trace::drawn;

/// A request as it came.
#[derive(Clone, Debug)]
struct Asked {
    /// `POST /start_profile`
    what: String,
    /// In small letters.
    head: String,
    body: String,
}

/// What a stand-in answers: a status and a text; `None`: it closes the connection without a word.
type Answer = Option<(u16, String)>;

struct StandIn {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StandIn {
    fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (all, answer) = (asked.clone(), Arc::new(answer));
        spawn(move || {
            for stream in listener.incoming() {
                let (all, answer) = (all.clone(), answer.clone());
                spawn(move || {
                    let mut stream = stream.unwrap();
                    let asked = read(&stream);
                    all.lock().unwrap().push(asked.clone());
                    if let Some((status, text)) = answer(&asked) {
                        let head = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: ");
                        // The program may have ended.
                        drop(write!(stream, "{head}{}\r\n\r\n{text}", text.len()));
                    }
                });
            }
        });
        StandIn { url, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn all_whats(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.what).collect()
    }

    fn count(&self, what: &str) -> usize {
        self.all_whats().iter().filter(|asked| *asked == what).count()
    }

    /// Waits until this is asked; a test that waits for ever is ended by the one that runs it.
    fn wait_for(&self, what: &str) {
        while self.count(what) == 0 {
            sleep(Duration::from_millis(5));
        }
    }
}

fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let (mut first, mut head) = (String::new(), String::new());
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line.to_lowercase());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (what, _) = first.rsplit_once(' ').unwrap();
    Asked {
        what: what.to_owned(),
        head,
        body: String::from_utf8(body).unwrap(),
    }
}

const MODELS: &str = "GET /v1/models";
const START: &str = "POST /start_profile";
const STOP: &str = "POST /stop_profile";
const COMPLETE: &str = "POST /v1/completions";

fn fine(text: &str) -> Answer {
    Some((200, text.to_owned()))
}

fn models(owner: &str) -> Answer {
    let model = json!({"id": "tiny", "object": "model", "owned_by": owner});
    fine(&json!({"object": "list", "data": [model]}).to_string())
}

/// As vLLM with a profiler, or as SGLang: where its `on_stop` returns, the stop is answered.
fn server(owner: &'static str, on_stop: impl Fn() + Send + Sync + 'static) -> StandIn {
    StandIn::new(move |asked| match &*asked.what {
        MODELS => models(owner),
        START => fine(""),
        STOP => {
            on_stop();
            fine("")
        }
        COMPLETE => fine(r#"{"choices":[{"text":"a"}]}"#),
        _ => Some((404, r#"{"detail":"Not Found"}"#.to_owned())),
    })
}

/// A trace with this many decode steps.
fn trace(n_steps: usize) -> String {
    let host = "s---- ".repeat(n_steps);
    drawn(10, &format!("host | {host}\n"), &[]).text()
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = Gzip::new(Vec::new(), 1).unwrap();
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// In five pieces, with pauses that are longer than the tests' `--settle`.
fn write_slowly(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::File::create(path).unwrap();
    for piece in bytes.chunks(bytes.len().div_ceil(5)) {
        file.write_all(piece).unwrap();
        sleep(Duration::from_millis(220));
    }
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// What was reported: file and events.
    fn files(&self) -> Vec<(String, u64)> {
        let report = self.json();
        let traces = report["traces"].as_array().unwrap().iter();
        traces
            .map(|trace| {
                (
                    trace["file"].as_str().unwrap().to_owned(),
                    trace["steps"].as_array().unwrap().len() as u64,
                )
            })
            .collect()
    }

    /// It failed, with nothing on standard output, and says each of these on one line.
    fn failed(&self, says: &[&str]) {
        assert_eq!((self.code, &*self.out), (Some(2), ""), "{}", self.err);
        let is_said = |line: &str| says.iter().all(|part| line.contains(part));
        assert!(self.err.lines().any(is_said), "{says:?} in {}", self.err);
    }
}

fn command(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("stepscope"));
    command
        .arg("record")
        .arg(url)
        .args(["--settle", "100ms"])
        .args(args);
    command.stdin(Stdio::null());
    for name in ["VLLM_TORCH_PROFILER_DIR", "SGLANG_TORCH_PROFILER_DIR"] {
        command.env_remove(name);
    }
    command
}

fn ran(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(url: &str, args: &[&str]) -> Ran {
    ran(command(url, args))
}

/// A folder with a trace of an earlier recording in it, as a path and as text.
fn folder() -> (tempfile::TempDir, PathBuf, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("old.pt.trace.json.gz"), gzipped(&trace(9))).unwrap();
    let path = dir.path().to_owned();
    let text = path.to_str().unwrap().to_owned();
    (dir, path, text)
}

const JSON: [&str; 3] = ["report", "--format", "json"];

#[test]
fn vllm_is_started_and_stopped_and_its_new_trace_alone_is_reported() {
    let (_dir, path, dir) = folder();
    let new = path.join("rank0.pt.trace.json.gz");
    let server = server("vllm", move || write_slowly(&new, &gzipped(&trace(3))));
    let mut args = vec!["--dir", &dir, "--for", "50ms"];
    args.extend(JSON);
    let ran = run(&server.url, &args);
    assert_eq!(ran.files(), [("rank0.pt.trace.json.gz".to_owned(), 3)]);
    assert_eq!(server.all_whats(), [MODELS, START, STOP]);
    // vLLM's own folder is a matter of its start.
    assert_eq!(server.asked()[1].body, "");
    assert!(ran.err.contains("1 new trace"), "{}", ran.err);
}

#[test]
fn sglang_is_told_where_to_write_and_all_its_ranks_are_waited_for() {
    let (_dir, path, dir) = folder();
    // It answers at once and writes behind that: one rank compressed, one not.
    let server = server("sglang", move || {
        let path = path.clone();
        spawn(move || {
            let other = path.join("1-TP-1.trace.json");
            let thread = spawn(move || write_slowly(&other, trace(5).as_bytes()));
            write_slowly(&path.join("1-TP-0.trace.json.gz"), &gzipped(&trace(4)));
            thread.join().unwrap();
        });
    });
    let mut args = vec!["--dir", &dir, "--for", "50ms"];
    args.extend(JSON);
    let ran = run(&server.url, &args);
    let want = [("1-TP-0.trace.json.gz", 4), ("1-TP-1.trace.json", 5)];
    assert_eq!(ran.files(), want.map(|(name, n)| (name.to_owned(), n)));
    assert_eq!(server.all_whats(), [MODELS, START, STOP]);
    let body: Value = serde_json::from_str(&server.asked()[1].body).unwrap();
    assert_eq!(body, json!({"output_dir": dir, "activities": ["CPU", "GPU"]}));
}

#[test]
fn a_server_that_lists_no_models_is_known_by_its_own_paths() {
    let (_dir, path, dir) = folder();
    let server = StandIn::new(move |asked| match &*asked.what {
        "GET /get_server_info" => fine(r#"{"model_path":"m"}"#),
        START => fine(""),
        STOP => {
            std::fs::write(path.join("new.trace.json"), trace(2)).unwrap();
            fine("")
        }
        _ => Some((404, String::new())),
    });
    let args = ["--dir", &dir, "--server-dir", "/in/container", "--for", "10ms"];
    let ran = run(&server.url, &args);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("new.trace.json"), "{}", ran.out);
    let start = server.asked().into_iter().find(|asked| asked.what == START);
    let body: Value = serde_json::from_str(&start.unwrap().body).unwrap();
    assert_eq!(body["output_dir"], "/in/container");
}

#[test]
fn requests_are_sent_while_it_records() {
    let (_dir, path, dir) = folder();
    let server = server("vllm", move || {
        std::fs::write(path.join("new.json"), trace(2)).unwrap();
    });
    let mut command = command(
        &server.url,
        &["--requests", "3", "--prompt", "Say a", "--max-tokens", "7"],
    );
    // Without --dir the environment names the folder.
    command.env("VLLM_TORCH_PROFILER_DIR", &dir).args(JSON);
    assert_eq!(ran(command).files(), [("new.json".to_owned(), 2)]);
    let whats = server.all_whats();
    assert_eq!(whats, [MODELS, START, COMPLETE, COMPLETE, COMPLETE, STOP]);
    for asked in &server.asked()[2..5] {
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        let want = json!({"model": "tiny", "prompt": "Say a", "max_tokens": 7, "temperature": 0, "ignore_eos": true});
        assert_eq!(body, want);
    }
}

#[test]
fn a_refused_request_ends_the_recording_and_stops_the_profile() {
    let (_dir, _, dir) = folder();
    let server = StandIn::new(|asked| match &*asked.what {
        MODELS => models("vllm"),
        COMPLETE => Some((400, "max_tokens is too\nlarge".to_owned())),
        _ => fine(""),
    });
    let args = [
        "--dir",
        &dir,
        "--requests",
        "2",
        "--concurrency",
        "1",
        "--model",
        "other",
    ];
    run(&server.url, &args).failed(&["400", "/v1/completions", "max_tokens is too large"]);
    assert_eq!(server.all_whats(), [MODELS, START, COMPLETE, STOP]);
    assert!(server.asked()[2].body.contains(r#""model":"other""#));
}

#[test]
fn a_server_without_a_profiler_is_told_how_to_get_one() {
    let (_dir, _, dir) = folder();
    for (owner, says) in [
        (
            "vllm",
            vec![
                "404",
                "--profiler-config '{\"profiler\":\"torch\"",
                "VLLM_TORCH_PROFILER_DIR",
            ],
        ),
        ("sglang", vec!["404", "router"]),
        (
            "someone",
            vec!["404", "router", "--profiler-config", "VLLM_TORCH_PROFILER_DIR"],
        ),
    ] {
        let server = StandIn::new(move |asked| match &*asked.what {
            MODELS => models(owner),
            _ => Some((404, r#"{"detail":"Not Found"}"#.to_owned())),
        });
        run(&server.url, &["--dir", &dir, "--for", "10ms"]).failed(&says);
        assert_eq!(
            (server.count(START), server.count(STOP)),
            (1, 0),
            "nothing was started"
        );
    }
}

#[test]
fn a_server_that_wants_a_key_gets_it_from_the_environment() {
    let (_dir, path, dir) = folder();
    let server = StandIn::new(move |asked| {
        if !asked.head.contains("authorization: bearer k3y") {
            return Some((401, r#"{"error":"Unauthorized"}"#.to_owned()));
        }
        match &*asked.what {
            MODELS => models("vllm"),
            STOP => {
                std::fs::write(path.join("new.json"), trace(2)).unwrap();
                fine("")
            }
            _ => fine(""),
        }
    });
    let args = ["--dir", &dir, "--for", "10ms"];
    run(&server.url, &args).failed(&["401", "--api-key-env", "--header"]);
    assert_eq!(server.all_whats(), [MODELS]);
    let mut with_key = command(&server.url, &args);
    with_key.args(["--api-key-env", "A_KEY"]).env("A_KEY", "k3y");
    let with_header = command(
        &server.url,
        &[&args[..], &["--header", "Authorization: Bearer k3y"]].concat(),
    );
    for command in [with_key, with_header] {
        let ran = ran(command);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.contains("new.json"), "{}", ran.out);
    }
    let args = [&args[..], &["--api-key-env", "NOT_THERE"]].concat();
    run(&server.url, &args).failed(&["NOT_THERE", "not set"]);
}

#[test]
fn a_redirect_is_not_followed() {
    let (_dir, _, dir) = folder();
    let server = StandIn::new(|_| Some((308, String::new())));
    run(&server.url, &["--dir", &dir, "--for", "10ms"]).failed(&["308", "/start_profile"]);
    assert_eq!(server.count(STOP), 0);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let (_dir, _, dir) = folder();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    run(&url, &["--dir", &dir, "--for", "10ms"]).failed(&[&url, "no connection", "port"]);
}

#[test]
fn a_trace_that_is_never_finished_is_not_reported() {
    for (name, bytes) in [
        ("new.json.gz", gzipped(&trace(3))),
        ("new.json", trace(3).into_bytes()),
    ] {
        let (_dir, path, dir) = folder();
        let server = server("vllm", move || {
            std::fs::write(path.join(name), &bytes[..bytes.len() - 1]).unwrap();
        });
        let args = ["--dir", &dir, "--for", "10ms", "--wait", "500ms"];
        run(&server.url, &args).failed(&["not whole after 500 ms", name, "--wait"]);
        assert_eq!(server.count(STOP), 1);
    }
}

#[test]
fn that_nothing_new_is_written_is_said() {
    let (_dir, path, dir) = folder();
    let server = server("vllm", move || {
        std::fs::write(path.join("profiler_out_0.txt"), "a table").unwrap();
    });
    let args = ["--dir", &dir, "--for", "10ms", "--wait", "300ms"];
    run(&server.url, &args).failed(&[
        "no new trace after 300 ms",
        "1 new file of other kinds",
        "--dir",
        &dir,
    ]);
}

#[test]
fn a_stop_that_is_not_answered_in_time_says_how_far_it_is() {
    let (_dir, path, dir) = folder();
    let server = server("vllm", move || {
        std::fs::write(path.join("new.json"), "{").unwrap();
        sleep(Duration::from_secs(4));
    });
    let args = ["--dir", &dir, "--for", "10ms", "--wait", "400ms"];
    run(&server.url, &args).failed(&[
        "no answer to /stop_profile after 400 ms",
        "1 new trace, 1 B",
        "--wait",
    ]);
}

#[test]
fn a_profile_that_had_ended_by_itself_is_reported() {
    let (_dir, path, dir) = folder();
    let server = StandIn::new(move |asked| match &*asked.what {
        MODELS => models("sglang"),
        STOP => Some((500, "Profiling is not in progress".to_owned())),
        _ => {
            std::fs::write(path.join("new.json"), trace(2)).unwrap();
            fine("")
        }
    });
    let ran = run(&server.url, &["--dir", &dir, "--for", "10ms"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        ran.err.contains("500") && ran.err.contains("not in progress"),
        "{}",
        ran.err
    );
    assert!(ran.out.contains("new.json"), "{}", ran.out);
}

#[test]
fn a_start_that_breaks_off_is_stopped() {
    let (_dir, _, dir) = folder();
    let server = StandIn::new(|asked| match &*asked.what {
        MODELS => models("vllm"),
        START => None,
        _ => fine(""),
    });
    run(&server.url, &["--dir", &dir, "--for", "10ms"]).failed(&["no answer to /start_profile"]);
    assert_eq!(server.all_whats(), [MODELS, START, STOP]);
}

#[test]
fn what_is_missing_is_said_before_anything_is_started() {
    let (_dir, _, dir) = folder();
    let server = server("vllm", || {});
    for (args, says) in [
        (vec!["--dir", &dir], vec!["--for", "--requests"]),
        (vec!["--for", "1s"], vec!["--dir", "VLLM_TORCH_PROFILER_DIR"]),
        (
            vec!["--dir", &dir, "--for", "1s", "compare", "--with", "missing.json"],
            vec!["missing.json"],
        ),
        (
            vec!["--dir", &dir, "--for", "1s", "report", "-o", "missing/report.txt"],
            vec!["missing"],
        ),
    ] {
        run(&server.url, &args).failed(&says);
    }
    assert_eq!(server.count(START), 0);
}

#[test]
fn a_new_trace_is_compared_with_one_before() {
    let (_dir, path, dir) = folder();
    let before = path.join("old.pt.trace.json.gz");
    let server = server("vllm", move || {
        std::fs::write(path.join("rank0.json"), trace(8)).unwrap();
        std::fs::write(path.join("a.async_llm.json"), trace(1)).unwrap();
    });
    let args = [
        "--dir",
        &dir,
        "--for",
        "10ms",
        "compare",
        "--with",
        before.to_str().unwrap(),
        "--format",
        "json",
    ];
    let ran = run(&server.url, &args);
    let compared = ran.json();
    assert_eq!(compared["schema"], "stepscope.compare/1");
    assert_eq!(compared["a"]["file"], "old.pt.trace.json.gz");
    assert_eq!(compared["b"]["file"], "rank0.json");
    assert!(ran.err.contains("left out: a.async_llm.json"), "{}", ran.err);
}

#[cfg(unix)]
fn interrupt(mut child: Child) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    child.wait().unwrap().signal()
}

#[cfg(unix)]
#[test]
fn an_interrupted_recording_stops_its_profile() {
    if crate::output::is_ignored(2) {
        return;
    }
    let (_dir, _, dir) = folder();
    // While it records, and while the server still starts.
    for start_takes in [Duration::ZERO, Duration::from_millis(300)] {
        let server = StandIn::new(move |asked| match &*asked.what {
            MODELS => models("vllm"),
            START => {
                sleep(start_takes);
                fine("")
            }
            _ => fine(""),
        });
        let mut command = command(&server.url, &["--dir", &dir, "--for", "60s"]);
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        server.wait_for(START);
        assert_eq!(server.count(STOP), 0);
        assert_eq!(interrupt(child), Some(2));
        assert_eq!(server.count(STOP), 1);
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_wait_for_traces() {
    if crate::output::is_ignored(2) {
        return;
    }
    let (_dir, path, dir) = folder();
    let server = server("vllm", move || {
        std::fs::write(path.join("new.json"), "{").unwrap()
    });
    let mut command = command(&server.url, &["--dir", &dir, "--for", "10ms"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // It is told once the stop is answered, and while it is not: either way the program ends.
    let told = lines
        .map_while(Result::ok)
        .find(|line| line.contains("waiting for traces"));
    assert!(told.is_some());
    assert_eq!(interrupt(child), Some(2));
    assert_eq!(server.count(STOP), 1);
}

//! The command line: the same engine, without a browser.
#![allow(clippy::print_stdout)]

#[path = "stepscope/given.rs"]
mod given;
#[path = "stepscope/slice.rs"]
mod slice;

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

use stepscope::analyze::report::{Report, SCHEMA, StackSource, TraceReport, WorkerRow, Workers};
use stepscope::base::time::CLOCK_END_NS;
use stepscope::base::{Severity, Span, show};
use stepscope::export;
use stepscope::index::select::Selection;
use stepscope::session::bundle::{self, SharedTables, WorkerFiles};
use stepscope::session::{self, Loader, Opened, hltv, synprof};
use stepscope::synth::{self, Engine, Gzip, Options, Target};

/// Reads the profile of an LLM-inference server and says where a step's time goes.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say where the time goes: findings, steps by bucket, gaps, graph compiles, device time.
    Report(ReportArgs),
    /// Say what the files are and what is wrong with them.
    ///
    /// Ends with 0 if nothing is lost, 1 if a file has defects that lose something, 2 if a file could not be
    /// read.
    Check {
        /// Traces, folders and archives of workers; gzip and archives are seen by content.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Write a smaller trace: a stretch of time, some tracks or categories, for any viewer.
    ///
    /// Events are kept as they are, with the metadata they need; tracks of Stepscope's own are added: steps, gaps with
    /// their causes, graph compiles, findings.
    Slice(slice::SliceArgs),
    /// Write call stacks folded, a line each, for flame graph programs: frames between semicolons, self time in ns.
    Stacks(StacksArgs),
    /// Write an invented trace in the shape of vLLM's on Intel Gaudi, for tests and benchmarks.
    Synth(SynthArgs),
}

#[derive(Args)]
struct ReportArgs {
    /// Traces, and metrics files or torch's operator tables that stand beside them; folders of workers (*_ascend_pt,
    /// *_ascend_ms), zip and tar archives of them, tables alone. gzip and archives are seen by content.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write here in place of standard output.
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Also write steps, compiles, gaps, kernels and operators as CSV into this folder.
    #[arg(long, value_name = "FOLDER")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    part: PartArgs,
}

#[derive(Args)]
struct StacksArgs {
    /// A trace; gzip is seen by content.
    file: PathBuf,
    /// Whose stacks; python frames where the trace has them, else operators.
    #[arg(long, value_enum)]
    source: Option<Source>,
    /// Write here in place of standard output.
    #[arg(long, short)]
    output: Option<PathBuf>,
    #[command(flatten)]
    part: PartArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Source {
    /// Python frames, and the operators that they call.
    Python,
    /// Operators and annotations.
    Operators,
    /// Modules of the model.
    Modules,
}

/// What of each trace is loaded.
#[derive(Args, Default)]
struct PartArgs {
    /// Leave out the events of a category, `python_function` say; may be given several times.
    #[arg(long, value_name = "CATEGORY")]
    leave_out: Vec<String>,
    /// Load from here on, in milliseconds from the start of the trace, as the page's timeline shows them. Slices
    /// that overlap the stretch are kept whole.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    from: Option<i64>,
    /// Load up to here, in milliseconds from the start of the trace.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    to: Option<i64>,
    /// Tell kernels apart by the rules in this file, one a line: `communication: nccl`, `copy: ^memcpy`. Kinds:
    /// compute, communication, copy, set. The first that fits decides; `^` stands for the start of the name.
    #[arg(long, value_name = "FILE")]
    kernel_rules: Option<PathBuf>,
}

impl PartArgs {
    /// With a stretch on the trace's own clock, which takes reading the file once to find its start.
    fn selection(&self, path: &Path) -> Result<Selection> {
        let mut window = None;
        if self.from.is_some() || self.to.is_some() {
            let start = session::first_time(pieces(path)?)?.unwrap_or(0);
            let at = |ns: i64| start.saturating_add(ns);
            window = Some(Span::new(
                at(self.from.unwrap_or(0)),
                self.to.map_or(CLOCK_END_NS, at),
            ));
        }
        Ok(Selection {
            leave_out: self.leave_out.clone(),
            window,
        })
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For a terminal.
    Text,
    /// For programs: all numbers, times in whole nanoseconds.
    Json,
    /// For a pull request.
    Markdown,
}

#[derive(Args)]
struct SynthArgs {
    /// Write here.
    #[arg(long, short)]
    out: PathBuf,
    /// Bytes of JSON, before compression: 200MB, 2GB (powers of 1000).
    #[arg(long, value_parser = size, conflicts_with = "steps")]
    size: Option<u64>,
    /// Turns of the engine while serving.
    #[arg(long)]
    steps: Option<u32>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Compress; also if the name ends in .gz.
    #[arg(long)]
    gz: bool,
    #[arg(long, value_enum, default_value_t = EngineName::V1)]
    engine: EngineName,
    /// Leave warm-up out.
    #[arg(long)]
    no_warmup: bool,
    /// Graphs compiled while serving.
    #[arg(long, default_value_t = 4)]
    compiles: u32,
    /// Buckets that are served and were not warmed up.
    #[arg(long, default_value_t = 2)]
    unwarmed: u32,
    /// Without compile blocks, and without the synchronisation that recording them brings.
    #[arg(long)]
    no_tracking: bool,
    /// Without device lanes.
    #[arg(long)]
    no_device: bool,
    /// Without python frames.
    #[arg(long)]
    no_python: bool,
    /// With arrows from launches to device work.
    #[arg(long)]
    flows: bool,
    /// Kernel groups in a forward pass.
    #[arg(long)]
    layers: Option<u32>,
    /// Only vLLM's own events, as in server_events_*.json.
    #[arg(long)]
    high_level: bool,
    /// Exactly the sample that the page offers.
    #[arg(long, conflicts_with_all = ["size", "steps"])]
    sample: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineName {
    V0,
    V1,
}

/// Reads `1500` or `0.25` as ns.
fn milliseconds(text: &str) -> Result<i64, String> {
    let expected = || "expected milliseconds, such as 1500 or 0.25".to_owned();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if !part.bytes().all(|b| b.is_ascii_digit()) || part.len() > 6 {
        return Err(expected());
    }
    let ns: i64 = format!("{part:0<6}").parse().map_err(|_| expected())?;
    let ms: u32 = whole.parse().map_err(|_| expected())?;
    Ok(i64::from(ms) * 1_000_000 + ns)
}

/// Reads `200MB`, `2GB`, `500kB`, `1000`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        _ => return Err("expected bytes, kB, MB or GB".to_owned()),
    };
    let n: u64 = digits
        .trim()
        .parse()
        .map_err(|_| "expected a number, such as 200MB".to_owned())?;
    n.checked_mul(unit).ok_or_else(|| "too large".to_owned())
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Report(args) => report(&args),
        Command::Check { files } => check(&files),
        Command::Slice(args) => slice::slice(&args),
        Command::Stacks(args) => stacks(&args),
        Command::Synth(args) => synthesise(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("stepscope: {error:#}");
        ExitCode::from(2)
    })
}

/// One line on standard error that is written over, where that is a terminal.
struct Progress {
    shown: bool,
    on: bool,
    total: u64,
    label: String,
}

impl Progress {
    fn new(label: String, total: u64) -> Progress {
        Progress {
            shown: false,
            on: std::io::stderr().is_terminal(),
            total,
            label,
        }
    }

    fn show(&mut self, done: u64, events: u64) {
        if self.on {
            self.shown = true;
            let percent = (done.saturating_mul(100) / self.total.max(1)).min(100);
            eprint!(
                "\r\x1b[2K{}: {percent} % of {}, {}",
                self.label,
                show::bytes(self.total),
                show::counted(events, "event")
            );
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[2K");
        }
    }
}

/// Bytes that are read from a file at once.
const CHUNK: usize = 1 << 20;

/// A file's name without its folder.
fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

fn open_file(path: &Path) -> Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        bail!("this is a folder, not a file");
    }
    Ok(file)
}

/// Whether it is a metrics file. A file that cannot be read is none; opening it says why.
fn is_metrics(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = open_file(path).and_then(|file| Ok(file.take(512).read_to_end(&mut head)?));
    read.is_ok() && session::is_metrics(&head)
}

/// All of a metrics file.
fn read_metrics(path: &Path) -> Result<Vec<u8>> {
    let file = open_file(path)?;
    let len = file.metadata()?.len();
    if len > session::MAX_METRICS_BYTES {
        bail!(
            "a metrics file of {}; at most {} are read",
            show::bytes(len),
            show::bytes(session::MAX_METRICS_BYTES)
        );
    }
    let mut bytes = Vec::new();
    file.take(session::MAX_METRICS_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn open_metrics(path: &Path) -> Result<TraceReport> {
    Ok(session::open_metrics(&name_of(path), &read_metrics(path)?)?.report)
}

/// The bytes of a file, piece by piece.
fn pieces(path: &Path) -> Result<impl Iterator<Item = std::io::Result<Vec<u8>>>> {
    let file = open_file(path)?;
    Ok(std::iter::from_fn(move || {
        let mut piece = Vec::with_capacity(CHUNK);
        match (&file).take(CHUNK as u64).read_to_end(&mut piece) {
            Ok(0) => None,
            Ok(_) => Some(Ok(piece)),
            Err(error) => Some(Err(error)),
        }
    }))
}

fn open_trace(path: &Path, metrics: Option<&Path>, part: &PartArgs) -> Result<Opened> {
    let mut opened = open_selected(path, metrics, &part.selection(path)?)?;
    if let Some(rules) = &part.kernel_rules {
        let text = std::fs::read_to_string(rules).with_context(|| format!("reading {}", rules.display()))?;
        opened
            .classify(&text)
            .map_err(|why| anyhow::anyhow!("{}: {why}", rules.display()))?;
    }
    Ok(opened)
}

/// Reads a trace, never holding the file.
fn open_selected(path: &Path, metrics: Option<&Path>, selection: &Selection) -> Result<Opened> {
    let name = name_of(path);
    let mut loader = Loader::selecting(&name, selection);
    if let Some(metrics) = metrics {
        let bytes = read_metrics(metrics).with_context(|| format!("with {}", metrics.display()))?;
        loader.attach_metrics(&name_of(metrics), &bytes);
    }
    let mut progress = Progress::new(name, open_file(path)?.metadata()?.len());
    for piece in pieces(path)? {
        loader.feed(&piece?);
        if let Some(error) = loader.error() {
            return Err(error.into());
        }
        progress.show(loader.bytes(), loader.events());
    }
    Ok(loader.finish()?)
}

/// Bytes of a CSV of Synapse's profiler; `None`: it is another file.
fn read_synprof(path: &Path, wanted: synprof::Kind) -> Result<Option<Vec<u8>>> {
    if synprof::looks_like(&head_of(path)) != Some(wanted) {
        return Ok(None);
    }
    let mut csv = Vec::new();
    open_file(path)?
        .take(synprof::MAX_BYTES + 1)
        .read_to_end(&mut csv)?;
    if csv.len() as u64 > synprof::MAX_BYTES {
        bail!(
            "a CSV of more than {}, which is read whole",
            show::bytes(synprof::MAX_BYTES)
        );
    }
    Ok(Some(csv))
}

/// Opens those of the files that are CSVs of Synapse's profiler, and gives the others.
fn open_synprof(paths: Vec<PathBuf>, opened: &mut OpenedAll) -> Vec<PathBuf> {
    let kind = |path: &PathBuf| synprof::looks_like(&head_of(path));
    let (tables, others): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(|p| kind(p).is_some());
    let (hardware, nodes): (Vec<PathBuf>, Vec<PathBuf>) = tables
        .into_iter()
        .partition(|p| kind(p) == Some(synprof::Kind::Hardware));
    let mut alone = nodes.clone();
    let mut open = |path: &Path, which: synprof::Kind, beside: Option<&Path>| -> Result<()> {
        let csv = read_synprof(path, which)?.context("the file changed while it was read")?;
        let nodes = match beside {
            Some(beside) => read_synprof(beside, synprof::Kind::Nodes)?,
            None => None,
        };
        let named = beside.map(name_of).unwrap_or_default();
        let nodes = nodes.as_deref().map(|csv| (&*named, csv));
        if let Some(found) = synprof::open(&name_of(path), &csv, nodes) {
            opened.traces.push(found?.report);
        }
        Ok(())
    };
    let mut failed = 0;
    let mut tried = |path: &Path, done: Result<()>| {
        if let Err(error) = done {
            failed += 1;
            say(&path.display().to_string(), &error);
        }
    };
    for path in &hardware {
        let is_beside =
            |n: &&PathBuf| n.parent() == path.parent() && synprof::belongs_to(&name_of(n), &name_of(path));
        let beside = nodes.iter().find(is_beside);
        alone.retain(|n| Some(n) != beside);
        tried(path, open(path, synprof::Kind::Hardware, beside.map(|p| &**p)));
    }
    for path in &alone {
        tried(path, open(path, synprof::Kind::Nodes, None));
    }
    opened.failed += failed;
    others
}

/// What is reported, each trace with its metrics file: the only one given, or the only one in its folder. A
/// metrics file that belongs to no trace is reported for itself.
fn pair(files: &[PathBuf]) -> Vec<(&Path, Option<&Path>)> {
    let (metrics, traces): (Vec<&PathBuf>, Vec<&PathBuf>) = files.iter().partition(|path| is_metrics(path));
    let beside = |trace: &Path| {
        let mut near = metrics
            .iter()
            .filter(|m| (metrics.len() == 1 && traces.len() == 1) || m.parent() == trace.parent());
        match (near.next(), near.next()) {
            (Some(only), None) => Some(only.as_path()),
            _ => None,
        }
    };
    let used: Vec<&Path> = traces.iter().filter_map(|trace| beside(trace)).collect();
    files
        .iter()
        .map(PathBuf::as_path)
        .filter(|path| !used.contains(path))
        .map(|path| (path, beside(path).filter(|m| *m != path)))
        .collect()
}

/// What becomes of what was given.
#[derive(Default)]
struct OpenedAll {
    traces: Vec<TraceReport>,
    /// What could not be opened.
    failed: usize,
    workers: Option<Workers>,
}

fn say(path: &str, error: &anyhow::Error) {
    eprintln!("stepscope: {path}: {error:#}");
}

/// The first bytes of a file; a file that cannot be read has none, and opening it says why.
fn head_of(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    let read = open_file(path).and_then(|file| Ok(file.take(64 << 10).read_to_end(&mut head)?));
    read.map_or_else(|_| Vec::new(), |_| head)
}

/// Opens folders, archives and tables as workers, and every other file as before.
fn open_all(paths: &[PathBuf], part: &PartArgs) -> OpenedAll {
    let (mut all, mut plain, mut opened) = (given::All::default(), Vec::new(), OpenedAll::default());
    let mut archives = Vec::new();
    for path in paths {
        let shown = path.display().to_string();
        let before = all.given.len();
        let added = if path.is_dir() {
            let name = path
                .canonicalize()
                .map_or_else(|_| name_of(path), |whole| name_of(&whole));
            all.add_folder(path, &name, 0).map(|()| true)
        } else {
            let head = head_of(path);
            if let Some(kind) = session::archive_kind(&head) {
                all.add_archive(path, kind).map(|()| true)
            } else if let Some(table) = bundle::lone_table(&name_of(path), &head) {
                add_file(&mut all, path, Some(table.file_name()));
                Ok(false)
            } else if paths.len() > 1 && name_of(path).starts_with("trace_view.json") {
                add_file(&mut all, path, None);
                Ok(false)
            } else {
                plain.push(path.clone());
                Ok(false)
            }
        };
        match added {
            Ok(true) => archives.push((shown, before..all.given.len())),
            Ok(false) => {}
            Err(error) => {
                opened.failed += 1;
                say(&shown, &error);
            }
        }
    }
    for note in &all.notes {
        eprintln!("stepscope: {note}");
    }
    let sorted = bundle::sort(&all.given);
    let mut rows = Vec::new();
    let mut taken: Vec<usize> = Vec::new();
    for worker in &sorted.workers {
        taken.extend(worker.trace.iter().chain(worker.tables.iter().map(|(_, i)| i)));
        match open_worker(&all, worker, part) {
            Ok((row, report)) => {
                rows.push(row);
                opened.traces.extend(report);
            }
            Err(error) => {
                opened.failed += 1;
                say(&worker.name, &error);
            }
        }
    }
    if sorted.n_left_out > 0 {
        eprintln!("stepscope: {} more workers are left out", sorted.n_left_out);
    }
    opened.workers = bundle::compare(rows);
    for (shown, files) in archives {
        let is_worker = taken.iter().any(|i| files.contains(i)) || sorted.workers.iter().any(|w| w.has_raw);
        if is_worker {
            continue;
        }
        if let Some(found) = hltv::sort(&all.given[files.clone()]) {
            match open_hltv(&all, &found, files, &shown, part) {
                Ok(report) => opened.traces.push(report),
                Err(error) => {
                    opened.failed += 1;
                    say(&shown, &error);
                }
            }
            continue;
        }
        // A folder or an archive of traces that are no worker's. Other JSON lies in most of them, so what is no trace is
        // counted, and no failure.
        let traces: Vec<usize> = files.filter(|&i| is_trace_name(&all.given[i].path)).collect();
        let tried: Vec<_> = traces
            .iter()
            .map(|&i| (i, open_member(&all, i, None, part)))
            .collect();
        if !tried.iter().any(|(_, found)| found.is_ok()) {
            opened.failed += 1;
            let what = if Path::new(&shown).is_dir() {
                "folder"
            } else {
                "archive"
            };
            let why = anyhow::anyhow!("no trace and no table of a profiler is in this {what}");
            say(&shown, &why);
            continue;
        }
        let n_tried = tried.len();
        let found: Vec<TraceReport> = tried.into_iter().filter_map(|(_, found)| found.ok()).collect();
        if found.len() < n_tried {
            let n = show::counted((n_tried - found.len()) as u64, "other JSON file");
            eprintln!("stepscope: {shown}: {n} in it, which hold no trace");
        }
        opened.traces.extend(found);
    }
    let plain = open_synprof(plain, &mut opened);
    let (traces, failed) = open_files(&plain, part);
    opened.traces.extend(traces);
    opened.failed += failed;
    opened
}

/// A file of a worker that was given by itself; those of one folder belong together.
fn add_file(all: &mut given::All, path: &Path, known_as: Option<&str>) {
    let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = whole
        .parent()
        .map(|p| p.to_string_lossy().into_owned())
        .unwrap_or_default();
    let own = name_of(path);
    let name = known_as.filter(|_| !bundle::is_table(&own)).unwrap_or(&own);
    all.add(
        format!("{folder}/{name}"),
        bytes,
        given::Place::Disk(path.to_owned()),
    );
}

fn is_trace_name(path: &str) -> bool {
    path.ends_with(".json") || path.ends_with(".json.gz")
}

/// A file of a folder or an archive as a trace.
fn open_member(
    all: &given::All,
    i: usize,
    tables: Option<&SharedTables>,
    part: &PartArgs,
) -> Result<TraceReport> {
    let file = &all.given[i];
    let short = match tables {
        // A worker's name and its file's: whose it is and what.
        Some(of) if !of.worker.is_empty() => {
            format!(
                "{}/{}",
                of.worker,
                file.path.rsplit('/').next().unwrap_or_default()
            )
        }
        _ => file.path.clone(),
    };
    if part.from.is_some() || part.to.is_some() {
        bail!("--from and --to are for files that are given by themselves");
    }
    let selection = Selection {
        leave_out: part.leave_out.clone(),
        window: None,
    };
    let mut loader = Loader::selecting(&short, &selection);
    if let Some(tables) = tables {
        loader.attach_tables(tables.clone());
    }
    let mut progress = Progress::new(short, file.bytes);
    all.pieces(i, &mut |piece| {
        loader.feed(piece);
        if let Some(error) = loader.error() {
            return Err(error.into());
        }
        progress.show(loader.bytes(), loader.events());
        Ok(true)
    })?;
    Ok(loader.finish()?.report)
}

/// An `.hltv`, whose files are these.
fn open_hltv(
    all: &given::All,
    found: &hltv::Hltv,
    files: std::ops::Range<usize>,
    shown: &str,
    part: &PartArgs,
) -> Result<TraceReport> {
    let name = name_of(Path::new(shown));
    let first = files.start;
    let mut bytes = |i: usize| all.read_table(first + i).map_err(|why| format!("{why:#}"));
    let (trace, tables) = found.read(&name, &all.given[files], &mut bytes);
    match trace {
        Some(i) => open_member(all, first + i, Some(&tables), part),
        None => Ok(session::open_tables(&name, 0, tables).report),
    }
}

/// One worker: its tables, and its trace if it has one. Its row of the comparison, and its report.
fn open_worker(
    all: &given::All,
    worker: &WorkerFiles,
    part: &PartArgs,
) -> Result<(WorkerRow, Option<TraceReport>)> {
    let mut files = Vec::new();
    for &(table, i) in &worker.tables {
        let name = all.given[i].path.rsplit('/').next().unwrap_or_default();
        match all.read_table(i) {
            Ok(bytes) => files.push((table, name, bytes)),
            Err(error) => say(&all.given[i].path, &error),
        }
    }
    let bytes: u64 = files.iter().map(|(.., bytes)| bytes.len() as u64).sum();
    let tables = SharedTables::new(
        worker.read(
            files
                .iter()
                .map(|(table, name, bytes)| (*table, *name, &bytes[..])),
        ),
    );
    drop(files);
    let report = match worker.trace {
        Some(i) => open_member(all, i, Some(&tables), part)?,
        None => session::open_tables(&worker.name, bytes, tables.clone()).report,
    };
    let trace = worker.trace.map(|_| report.file.as_str());
    let row = worker.row(&tables, Some(&report), trace);
    Ok((row, Some(report)))
}

/// Opens each file, says on standard error which could not be opened and why, and gives the others.
fn open_files(files: &[PathBuf], part: &PartArgs) -> (Vec<TraceReport>, usize) {
    let mut failed = 0;
    let mut reports = Vec::new();
    for (path, metrics) in pair(files) {
        let opened = if is_metrics(path) {
            open_metrics(path)
        } else {
            open_trace(path, metrics, part).map(|opened| opened.whole_report())
        };
        match opened {
            Ok(report) => reports.push(report),
            Err(error) => {
                failed += 1;
                eprintln!("stepscope: {}: {error:#}", path.display());
            }
        }
    }
    (reports, failed)
}

/// Writes to a file or to standard output; a reader that has had enough (`| head`) is no error.
fn deliver(text: &str, output: Option<&Path>) -> Result<()> {
    match output {
        Some(path) => std::fs::write(path, text).with_context(|| format!("writing {}", path.display())),
        None => match std::io::stdout().lock().write_all(text.as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.context("writing to standard output"),
        },
    }
}

fn report(args: &ReportArgs) -> Result<ExitCode> {
    let OpenedAll {
        traces,
        failed,
        workers,
    } = open_all(&args.files, &args.part);
    let report = Report {
        schema: SCHEMA.to_owned(),
        traces,
        workers,
    };
    if !report.traces.is_empty() {
        let text = match args.format {
            Format::Text => export::report_text(&report),
            Format::Json => export::report_json(&report),
            Format::Markdown => export::report_markdown(&report),
        };
        deliver(&text, args.output.as_deref())?;
        if let Some(folder) = &args.csv {
            write_tables(&report, folder)?;
        }
    }
    Ok(ExitCode::from(if failed > 0 { 2 } else { 0 }))
}

/// `<trace>.steps.csv` and so on; numbered where several traces are reported.
fn write_tables(report: &Report, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for (n, trace) in (1..).zip(&report.traces) {
        let number = if report.traces.len() > 1 {
            format!("{n}.")
        } else {
            String::new()
        };
        let tables = [
            ("steps", export::steps_csv(trace)),
            ("compiles", export::recompiles_csv(trace)),
            ("gaps", export::gaps_csv(trace)),
            ("kernels", export::kernels_csv(trace)),
            ("operators", export::operators_csv(trace)),
            ("launches", export::launches_csv(trace)),
            ("copies", export::copies_csv(trace)),
            ("idle", export::idle_csv(trace)),
            ("operator_statistics", export::operator_statistics_csv(trace)),
            ("api_statistics", export::api_statistics_csv(trace)),
        ];
        // The last two are of few profilers.
        let of_tables = |name: &str| name.ends_with("_statistics");
        for (name, table) in tables
            .into_iter()
            .filter(|(name, table)| !of_tables(name) || !table.is_empty())
        {
            // A worker's trace is called by folder and file.
            let file = trace.file.replace('/', ".");
            let path = folder.join(format!("{number}{file}.{name}.csv"));
            deliver(&table, Some(&path))?;
        }
    }
    Ok(())
}

fn stacks(args: &StacksArgs) -> Result<ExitCode> {
    let opened = open_trace(&args.file, None, &args.part).with_context(|| args.file.display().to_string())?;
    let source = match args.source {
        Some(Source::Python) => StackSource::Python,
        Some(Source::Operators) => StackSource::Operators,
        Some(Source::Modules) => StackSource::Modules,
        None if opened.report.python.is_empty() => StackSource::Operators,
        None => StackSource::Python,
    };
    let text = opened.folded(source, None, None);
    if text.is_empty() {
        bail!("{}: this trace records no such stacks", args.file.display());
    }
    deliver(&text, args.output.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

fn check(files: &[PathBuf]) -> Result<ExitCode> {
    let OpenedAll { traces, failed, .. } = open_all(files, &PartArgs::default());
    let texts: Vec<String> = traces.iter().map(export::checked_text).collect();
    deliver(&texts.join("\n"), None)?;
    let lossy = traces
        .iter()
        .flat_map(|t| &t.defects)
        .any(|d| d.severity >= Severity::Loss);
    Ok(ExitCode::from(match (failed > 0, lossy) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    }))
}

fn synthesise(args: &SynthArgs) -> Result<ExitCode> {
    let target = match (args.size, args.steps) {
        (Some(bytes), _) => Target::Bytes(bytes),
        (None, Some(steps)) => Target::Steps(steps),
        (None, None) => Target::Bytes(20_000_000),
    };
    let wide = if args.sample {
        Options::sample()
    } else {
        Options::wide(target)
    };
    let options = Options {
        seed: args.seed,
        engine: match args.engine {
            EngineName::V0 => Engine::V0,
            EngineName::V1 => Engine::V1,
        },
        warmup: !args.no_warmup,
        serving_compiles: args.compiles,
        unwarmed_buckets: args.unwarmed,
        compile_tracking: !args.no_tracking,
        with_device: !args.no_device,
        with_python: !args.no_python,
        with_flows: args.flows,
        layers: args.layers.unwrap_or(wide.layers),
        high_level_only: args.high_level,
        ..wide
    };
    let writing = || format!("writing {}", args.out.display());
    let mut file = BufWriter::with_capacity(CHUNK, File::create(&args.out).with_context(writing)?);
    let gz = args.gz || args.out.extension().is_some_and(|e| e == "gz");
    let written = if gz {
        let mut gzip = Gzip::new(file, 1).with_context(writing)?;
        let written = synth::write(&options, &mut gzip).with_context(writing)?;
        gzip.finish().with_context(writing)?;
        written
    } else {
        let written = synth::write(&options, &mut file).with_context(writing)?;
        file.flush().with_context(writing)?;
        written
    };
    let facts = &written.facts;
    let serving = facts.compiles.iter().filter(|c| !c.warmup);
    println!(
        "{}: {} of JSON, {}; while serving {}, {}, {} costing {}, {} not warmed up",
        args.out.display(),
        show::bytes(written.bytes),
        show::counted(written.events, "event"),
        show::counted(facts.serving_prefill, "prefill"),
        show::counted(facts.serving_decode, "decode step"),
        show::counted(serving.clone().count() as u64, "compile"),
        show::duration(serving.map(|c| c.dur_ns).sum()),
        show::counted(facts.served_not_warmed.len() as u64, "bucket"),
    );
    Ok(ExitCode::SUCCESS)
}

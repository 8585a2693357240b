//! What becomes of the files that were given: traces with what stands beside them, workers of folders and archives,
//! tables that are opened as traces. What cannot be opened is said on standard error, and the rest goes on.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use stepscope::analyze::report::{TraceReport, Workers};
use stepscope::base::show;
use stepscope::session::bundle::{self, Compared, SharedTables, WorkerFiles};
use stepscope::session::{self, FirstEvent, Loader, hltv, synprof};

use super::{PartArgs, Progress, given, is_metrics, name_of, open_file, open_metrics, open_trace};

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
pub struct OpenedAll {
    pub traces: Vec<TraceReport>,
    /// What could not be opened.
    pub failed: usize,
    pub workers: Option<Workers>,
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
pub fn open_all(paths: &[PathBuf], part: &PartArgs) -> OpenedAll {
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
    let mut compared = Vec::new();
    let mut taken: Vec<usize> = Vec::new();
    for worker in &sorted.workers {
        taken.extend(worker.trace.iter().chain(worker.tables.iter().map(|(_, i)| i)));
        match open_worker(&all, worker, part) {
            Ok((of, report)) => {
                compared.push(of);
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
    opened.workers = bundle::compare(compared);
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
        // A folder or an archive of traces that are no worker's. Other JSON lies in most of them, so what is no trace
        // is counted, and no failure.
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
    let start = match part.has_window() {
        true => first_time(all, i)?,
        false => 0,
    };
    let selection = part.selection_from(start);
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
    Ok(part.classified(loader.finish()?)?.whole_report())
}

/// When the trace of a member starts, on its own clock, which takes reading it once.
fn first_time(all: &given::All, i: usize) -> Result<i64> {
    let mut first = FirstEvent::default();
    all.pieces(i, &mut |piece| {
        first.feed(piece);
        Ok(true)
    })?;
    Ok(first.finish().unwrap_or(0))
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

/// One worker: its tables, and its trace if it has one. What it brings into the comparison, and its report.
fn open_worker(
    all: &given::All,
    worker: &WorkerFiles,
    part: &PartArgs,
) -> Result<(Compared, Option<TraceReport>)> {
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
    let of = worker.compared(&tables, Some(&report), trace);
    Ok((of, Some(report)))
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

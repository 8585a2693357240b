//! Which of the files that were given is the trace, and what stands beside it.

use std::sync::Arc;

use js_sys::Uint8Array;
use rustc_hash::FxHashMap;
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

use super::unpack::{self, Packed};
use super::{read, size, unreadable};
use crate::base::show;
use crate::protocol::engine::FileHead;
use crate::session;
use crate::session::bundle::{self, Compared, Given, MAX_TABLE_BYTES, SharedTables, WorkerFiles};
use crate::session::{hltv, synprof};

/// What is opened.
#[derive(Default)]
pub struct Chosen {
    pub trace: Option<(FileHead, Blob)>,
    pub is_gzip: bool,
    /// Bytes of the table that the trace was made of.
    pub table_bytes: Option<u64>,
    pub metrics: Option<(String, Vec<u8>)>,
    pub left_out: Vec<String>,
    /// What to know of it, one sentence each.
    pub notes: Vec<String>,
    pub of_worker: Option<OfWorker>,
    /// Tables that stand beside the trace and are no worker's.
    pub beside: Option<SharedTables>,
}

/// The worker that is opened, and the others beside it.
pub struct OfWorker {
    pub files: WorkerFiles,
    pub tables: SharedTables,
    /// Bytes of its tables.
    pub bytes: u64,
    /// What every worker brings into the comparison; this one's is made again once its trace is read.
    pub compared: Vec<Compared>,
    pub place: usize,
}

pub async fn bytes_of(file: &Blob, at: u64, len: u64) -> Result<Vec<u8>, String> {
    let Some(promise) = read(file, at, len)? else {
        return Ok(Vec::new());
    };
    let got = JsFuture::from(promise)
        .await
        .map_err(|why| unreadable(file, why))?;
    Ok(Uint8Array::new(&got).to_vec())
}

/// Opens archives, sorts what is there, and reads what stands beside the trace of `worker`.
pub async fn choose(files: Vec<(FileHead, Blob)>, worker: Option<&str>) -> Result<Chosen, String> {
    let mut chosen = Chosen::default();
    let mut given = Vec::new();
    let mut places = Vec::new();
    let mut archive = None;
    // Heads are read of what may be anything; of a folder's files the names are enough.
    let is_folder = files.iter().any(|(head, _)| head.name.contains('/'));
    for (head, file) in files {
        let start = if is_folder {
            Vec::new()
        } else {
            bytes_of(&file, 0, 64 << 10).await?
        };
        if let Some(kind) = session::archive_kind(&start) {
            archive = Some(head.name.clone());
            unpack::list(&file, kind, &mut given, &mut places, &mut chosen.notes)
                .await
                .map_err(|why| format!("{}: {why}", head.name))?;
            continue;
        }
        let table = if is_folder {
            None
        } else {
            bundle::lone_table(&head.name, &start)
        };
        let path = match table {
            Some(table) if !bundle::is_table(&head.name) => table.file_name().to_owned(),
            _ => head.name,
        };
        given.push(Given {
            path,
            bytes: head.bytes,
        });
        places.push(Packed::Plain(file));
    }
    if let Some(name) = &archive
        && let Some(found) = hltv::sort(&given)
    {
        of_hltv(name, &found, &given, &places, &mut chosen).await?;
        return Ok(chosen);
    }
    if !is_folder && of_synprof(&given, &places, &mut chosen).await? {
        return Ok(chosen);
    }
    let sorted = bundle::sort(&given);
    let is_lone_trace =
        given.len() == 1 && archive.is_none() && sorted.workers.iter().all(|w| w.tables.is_empty());
    if !sorted.workers.is_empty() && !is_lone_trace {
        of_workers(&sorted, &given, &places, worker, &mut chosen).await?;
        return Ok(chosen);
    }
    if let Some(name) = &archive {
        places_of_traces(name, &given, &mut places)?;
    }
    for (file, place) in given.into_iter().zip(places) {
        let Some(blob) = place.blob().await? else { continue };
        let start = bytes_of(&blob, 0, 512).await?;
        let is_metrics = session::is_metrics(&start);
        if is_metrics && chosen.metrics.is_none() && size(&blob) <= session::MAX_METRICS_BYTES {
            chosen.metrics = Some((file.path, bytes_of(&blob, 0, u64::MAX).await?));
        } else if !is_metrics && chosen.trace.is_none() {
            let head = FileHead {
                name: file.path,
                bytes: size(&blob),
            };
            chosen.trace = Some((head, blob));
            chosen.is_gzip = session::is_gzip(&start);
        } else {
            chosen.left_out.push(file.path);
        }
    }
    Ok(chosen)
}

/// Of an archive without workers only what is named as a trace is looked at.
fn places_of_traces(archive: &str, given: &[Given], places: &mut [Packed]) -> Result<(), String> {
    let is_trace = |path: &str| path.ends_with(".json") || path.ends_with(".json.gz");
    if !given.iter().any(|file| is_trace(&file.path)) {
        return Err(format!(
            "{archive}: no trace and no table of a profiler is in it."
        ));
    }
    for (file, place) in given.iter().zip(places) {
        if !is_trace(&file.path) {
            *place = Packed::Ignored;
        }
    }
    Ok(())
}

/// An `.hltv`: what of it is read, and what is opened.
async fn of_hltv(
    archive: &str,
    found: &hltv::Hltv,
    given: &[Given],
    places: &[Packed],
    chosen: &mut Chosen,
) -> Result<(), String> {
    let mut held: FxHashMap<usize, Result<Vec<u8>, String>> = FxHashMap::default();
    let mut room = MAX_TABLE_BYTES;
    for i in found.wants() {
        let bytes = match room.checked_sub(given[i].bytes) {
            Some(left) => {
                room = left;
                places[i].bytes().await
            }
            None => Err("the tables of the archive are too large together".to_owned()),
        };
        held.insert(i, bytes);
    }
    let mut take = |i: usize| {
        held.remove(&i)
            .unwrap_or_else(|| Err("it was not looked for".to_owned()))
    };
    let (trace, tables) = found.read(archive, given, &mut take);
    if let Some(i) = trace
        && let Some(blob) = places[i].blob().await?
    {
        let file = given[i].path.rsplit('/').next().unwrap_or_default();
        let head = FileHead {
            name: format!("{archive}/{file}"),
            bytes: size(&blob),
        };
        chosen.is_gzip = session::is_gzip(&bytes_of(&blob, 0, 2).await?);
        chosen.trace = Some((head, blob));
    }
    chosen.beside = Some(tables);
    Ok(())
}

/// CSVs of Synapse's profiler: the hardware trace with the table of nodes of its name, or one of them. `false`: there
/// is none.
async fn of_synprof(given: &[Given], places: &[Packed], chosen: &mut Chosen) -> Result<bool, String> {
    let mut kinds = Vec::new();
    for (i, place) in places.iter().enumerate() {
        if let Packed::Plain(file) = place
            && let Some(kind) = synprof::looks_like(&bytes_of(file, 0, 4096).await?)
        {
            kinds.push((kind, i));
        }
    }
    let first = |wanted: synprof::Kind| kinds.iter().find(|(kind, _)| *kind == wanted).map(|&(_, i)| i);
    let hardware = first(synprof::Kind::Hardware);
    let Some(main) = hardware.or(first(synprof::Kind::Nodes)) else {
        return Ok(false);
    };
    let name = &given[main].path;
    let is_beside = |&&(kind, i): &&(synprof::Kind, usize)| {
        kind == synprof::Kind::Nodes && i != main && synprof::belongs_to(&given[i].path, name)
    };
    let nodes = kinds.iter().find(is_beside).map(|&(_, i)| i);
    for i in [Some(main), nodes].into_iter().flatten() {
        if given[i].bytes > synprof::MAX_BYTES {
            return Err(format!(
                "{}: a CSV of {}; at most {} are read.",
                given[i].path,
                show::bytes(given[i].bytes),
                show::bytes(synprof::MAX_BYTES)
            ));
        }
    }
    let csv = places[main].bytes().await?;
    let beside = match nodes {
        Some(i) => Some((&*given[i].path, places[i].bytes().await?)),
        None => None,
    };
    let beside = beside.as_ref().map(|(name, csv)| (*name, &csv[..]));
    let Some(made) = synprof::trace_of_table(name, &csv, beside) else {
        return Ok(false);
    };
    let blob = unpack::in_memory(&made.text)?;
    let head = FileHead {
        name: name.clone(),
        bytes: size(&blob),
    };
    chosen.trace = Some((head, blob));
    chosen.table_bytes = Some(given[main].bytes);
    chosen.beside = made.beside;
    let others = (0..given.len()).filter(|&i| i != main && Some(i) != nodes);
    chosen.left_out.extend(others.map(|i| given[i].path.clone()));
    Ok(true)
}

async fn of_workers(
    sorted: &bundle::Bundle,
    given: &[Given],
    places: &[Packed],
    wanted: Option<&str>,
    chosen: &mut Chosen,
) -> Result<(), String> {
    let by_name = wanted.and_then(|name| sorted.workers.iter().position(|w| w.name == name));
    let place = by_name
        .or_else(|| sorted.workers.iter().position(|w| w.trace.is_some()))
        .unwrap_or(0);
    let mut compared = Vec::new();
    let mut of_chosen = None;
    for (i, files) in sorted.workers.iter().enumerate() {
        let mut read = Vec::new();
        for &(table, file) in &files.tables {
            if i != place && !table.is_compared() {
                continue;
            }
            let name = given[file].path.rsplit('/').next().unwrap_or_default();
            if given[file].bytes > MAX_TABLE_BYTES {
                chosen.notes.push(format!(
                    "{name} is larger than a table that is read: it is left out."
                ));
                continue;
            }
            read.push((table, name, places[file].bytes().await?));
        }
        let bytes = read.iter().map(|(.., bytes)| bytes.len() as u64).sum();
        let tables = Arc::new(
            files.read(
                read.iter()
                    .map(|(table, name, bytes)| (*table, *name, &bytes[..])),
            ),
        );
        let trace = files.trace.map(|t| &*given[t].path);
        compared.push(files.compared(&tables, None, trace));
        if i == place {
            of_chosen = Some((tables, bytes));
        }
    }
    let files = sorted.workers[place].clone();
    if let Some(i) = files.trace
        && let Some(blob) = places[i].blob().await?
    {
        let name = given[i].path.rsplit('/').next().unwrap_or_default();
        let name = if files.name.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", files.name)
        };
        let head = FileHead {
            name,
            bytes: size(&blob),
        };
        chosen.is_gzip = session::is_gzip(&bytes_of(&blob, 0, 2).await?);
        chosen.trace = Some((head, blob));
    }
    if !sorted.others.is_empty() {
        let n = show::counted(sorted.others.len() as u64, "file");
        chosen.notes.push(format!(
            "{n} beside, no result of the profiler that is read here."
        ));
    }
    if sorted.n_left_out > 0 {
        chosen
            .notes
            .push(format!("{} more workers are not compared.", sorted.n_left_out));
    }
    if let Some((tables, bytes)) = of_chosen {
        chosen.of_worker = Some(OfWorker {
            files,
            tables,
            bytes,
            compared,
            place,
        });
    }
    Ok(())
}

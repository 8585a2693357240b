//! What is opened, in order, and what is read beside each.

use std::collections::VecDeque;
use std::ops::Range;

use rustc_hash::FxHashMap;

use super::{Container, Looks, Loose, Opening, Place, Said, file_name};
use crate::analyze::report::TraceReport;
use crate::base::show;
use crate::ingest::LoadError;
use crate::session::bundle::{Compared, Given, MAX_TABLE_BYTES, SharedTables, WorkerFiles};
use crate::session::hltv::Hltv;
use crate::session::{self, MAX_METRICS_BYTES, Opened, TextLoader, synprof};
use crate::view::Selection;

#[derive(Clone, Debug)]
enum What {
    Worker(WorkerFiles),
    Hltv {
        found: Hltv,
        files: Range<usize>,
    },
    /// A CSV of Synapse's profiler, and the table of nodes of its name.
    Synprof {
        csv: usize,
        nodes: Option<usize>,
    },
    Trace {
        file: usize,
        /// Metrics files and torch's own tables.
        beside: Vec<usize>,
        looks: Looks,
    },
    Metrics(usize),
}

/// What makes one report.
#[derive(Clone, Debug)]
pub struct Recording {
    /// As the report calls it.
    pub name: String,
    what: What,
    /// Place of the folder or archive that it lies in.
    container: Option<usize>,
}

impl Recording {
    pub(super) fn of_worker(files: WorkerFiles, container: Option<usize>) -> Recording {
        Recording {
            name: files.name.clone(),
            what: What::Worker(files),
            container,
        }
    }

    pub(super) fn of_hltv(shown: &str, found: Hltv, files: Range<usize>, container: usize) -> Recording {
        Recording {
            name: file_name(shown).to_owned(),
            what: What::Hltv { found, files },
            container: Some(container),
        }
    }

    pub(super) fn is_metrics(&self) -> bool {
        matches!(self.what, What::Metrics(_))
    }

    fn is_worker(&self) -> bool {
        matches!(self.what, What::Worker(_))
    }

    /// A page that holds one shows the one with the lowest.
    fn rank(&self) -> u8 {
        match &self.what {
            What::Worker(files) if files.trace.is_some() => 0,
            What::Worker(_) => 1,
            What::Hltv { .. } | What::Synprof { .. } => 2,
            What::Trace { looks, .. } => match looks {
                Looks::Trace => 2,
                Looks::Unknown => 3,
                _ => 5,
            },
            What::Metrics(_) => 4,
        }
    }
}

/// Each trace with what stands beside it: of each kind of metrics file the only one given, or the only one in its
/// folder. One that belongs to no trace is opened for itself.
pub(super) fn paired(
    all: &[Loose],
    name_of: impl Fn(usize) -> String,
    container: Option<usize>,
) -> Vec<Recording> {
    let kinds = [Looks::Metrics, Looks::OperatorTable];
    let n_traces = all.iter().filter(|one| !kinds.contains(&one.looks)).count();
    let beside = |trace: &Loose| -> Vec<usize> {
        let only = |kind: &Looks| {
            let of_kind = || all.iter().filter(|one| one.looks == *kind);
            let is_only = of_kind().count() == 1 && n_traces == 1;
            let mut near = of_kind().filter(|one| is_only || one.folder == trace.folder);
            near.next().filter(|_| near.next().is_none()).map(|one| one.file)
        };
        kinds.iter().filter_map(only).collect()
    };
    let mut used = Vec::new();
    let mut made = Vec::new();
    for one in all {
        let what = if kinds.contains(&one.looks) {
            What::Metrics(one.file)
        } else {
            let beside = beside(one);
            used.extend_from_slice(&beside);
            What::Trace {
                file: one.file,
                beside,
                looks: one.looks,
            }
        };
        made.push(Recording {
            name: name_of(one.file),
            what,
            container,
        });
    }
    made.retain(|recording| !matches!(recording.what, What::Metrics(file) if used.contains(&file)));
    made
}

/// CSVs of Synapse's profiler: hardware traces with the table of nodes of their name and folder, then other tables.
pub(super) fn synprof_tables(loose: &[Loose], files: &[Given]) -> Vec<Recording> {
    let of_kind = |wanted: synprof::Kind| {
        loose
            .iter()
            .filter(move |one| one.looks == Looks::Synprof(wanted))
    };
    let mut used = Vec::new();
    let mut made: Vec<(usize, Option<usize>)> = Vec::new();
    for one in of_kind(synprof::Kind::Hardware) {
        let nodes = of_kind(synprof::Kind::Nodes).find(|nodes| {
            nodes.folder == one.folder && synprof::belongs_to(&files[nodes.file].path, &files[one.file].path)
        });
        used.extend(nodes.map(|nodes| nodes.file));
        made.push((one.file, nodes.map(|nodes| nodes.file)));
    }
    let alone = of_kind(synprof::Kind::Nodes).filter(|nodes| !used.contains(&nodes.file));
    made.extend(alone.map(|nodes| (nodes.file, None)));
    let recording = |(csv, nodes): (usize, Option<usize>)| Recording {
        name: files[csv].path.clone(),
        what: What::Synprof { csv, nodes },
        container: None,
    };
    made.into_iter().map(recording).collect()
}

/// What messages call a file.
pub(super) fn called(
    file: usize,
    files: &[Given],
    shown: &FxHashMap<usize, String>,
    containers: &[Container],
) -> String {
    if let Some(shown) = shown.get(&file) {
        return shown.clone();
    }
    let path = &files[file].path;
    match containers
        .iter()
        .rfind(|c| c.is_archive && c.files.contains(&file))
    {
        Some(archive) => format!("{}: {path}", archive.shown),
        None => path.clone(),
    }
}

/// Why something that was to be opened was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It could not be read.
    Unreadable(String),
    /// It was read, and is no trace.
    NoTrace(String),
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Failure {
        let says = error.to_string();
        match error {
            LoadError::CorruptGzip { .. } | LoadError::NoContent { .. } => Failure::Unreadable(says),
            LoadError::Empty
            | LoadError::NotATrace { .. }
            | LoadError::NoTraceEvents { .. }
            | LoadError::NoEvents { .. } => Failure::NoTrace(says),
        }
    }
}

/// What is opened, and what is said of the rest.
pub struct Plan<S> {
    pub recordings: Vec<Recording>,
    /// What was found out before anything was opened.
    pub said: Vec<Said>,
    files: Vec<Given>,
    places: Vec<Place<S>>,
    containers: Vec<Container>,
    shown: FxHashMap<usize, String>,
}

impl<S: Clone> Plan<S> {
    pub(super) fn new(opening: Opening<S>, recordings: Vec<Recording>) -> Plan<S> {
        Plan {
            recordings,
            said: opening.said,
            files: opening.files,
            places: opening.places,
            containers: opening.containers,
            shown: opening.shown,
        }
    }

    pub fn place(&self, file: usize) -> &Place<S> {
        &self.places[file]
    }

    /// Bytes of a file, as its archive states them.
    pub fn bytes(&self, file: usize) -> u64 {
        self.files[file].bytes
    }

    /// The one recording that a page shows: the worker of that name, else the first that is most certainly one. What
    /// was tried and could not be opened is passed over.
    pub fn choose(&self, worker: Option<&str>, tried: &[usize]) -> Option<usize> {
        let left = || (0..self.recordings.len()).filter(|i| !tried.contains(i));
        let is_wanted = |&i: &usize| {
            let recording = &self.recordings[i];
            recording.is_worker() && Some(&*recording.name) == worker
        };
        let first = || left().min_by_key(|&i| self.recordings[i].rank());
        left().find(is_wanted).or_else(first)
    }

    /// What a page that shows `chosen` leaves out, apart from what was tried: workers are compared.
    pub fn left_out(&self, chosen: usize, tried: &[usize]) -> Vec<String> {
        let is_left = |(i, r): &(usize, &Recording)| *i != chosen && !tried.contains(i) && !r.is_worker();
        let left = self.recordings.iter().enumerate().filter(is_left);
        left.map(|(_, recording)| recording.name.clone()).collect()
    }

    /// The workers, which are compared.
    pub fn workers(&self) -> impl Iterator<Item = usize> + use<'_, S> {
        (0..self.recordings.len()).filter(|&i| self.recordings[i].is_worker())
    }

    /// Reads what [`Plan::ready`] wants of a recording; of a worker that is compared and not opened, less.
    pub fn gather(&self, recording: usize, is_opened: bool) -> Gathering {
        let mut limit = MAX_TABLE_BYTES;
        let mut together = u64::MAX;
        let wanted = match &self.recordings[recording].what {
            What::Worker(files) => {
                let tables = files.tables.iter();
                let wanted = tables.filter(|(table, _)| is_opened || table.is_compared());
                wanted.map(|&(_, file)| file).collect()
            }
            What::Hltv { found, files } => {
                together = MAX_TABLE_BYTES;
                found.wants().into_iter().map(|i| files.start + i).collect()
            }
            What::Synprof { csv, nodes } => {
                limit = synprof::MAX_BYTES;
                [Some(*csv), *nodes].into_iter().flatten().collect()
            }
            What::Trace { beside, .. } => {
                limit = MAX_METRICS_BYTES;
                beside.iter().copied().collect()
            }
            What::Metrics(file) => {
                limit = MAX_METRICS_BYTES;
                VecDeque::from([*file])
            }
        };
        Gathering {
            wanted,
            limit,
            together,
            read: FxHashMap::default(),
        }
    }

    /// What is opened, once all that stands beside it is read.
    pub fn ready(&self, recording: usize, mut gathered: Gathering) -> Result<Ready, Failure> {
        let Recording { name, what, .. } = &self.recordings[recording];
        let mut ready = Ready {
            name: name.clone(),
            text: Text::Nothing,
            metrics: Vec::new(),
            tables: None,
            table_bytes: 0,
            made_of_bytes: None,
            says: Vec::new(),
        };
        match what {
            What::Worker(files) => {
                if let Some(trace) = files.trace {
                    let file = file_name(&self.files[trace].path);
                    ready.text = Text::File(trace);
                    ready.name = match &*files.name {
                        "" => file.to_owned(),
                        folder => format!("{folder}/{file}"),
                    };
                }
                let mut read = Vec::new();
                for &(table, file) in &files.tables {
                    match gathered.take(file) {
                        Some(Ok(bytes)) => read.push((table, file_name(&self.files[file].path), bytes)),
                        Some(Err(why)) => ready.says.push(self.said_of(file, why, false)),
                        None => {}
                    }
                }
                ready.table_bytes = read.iter().map(|(.., bytes)| bytes.len() as u64).sum();
                let of_worker = files.read(
                    read.iter()
                        .map(|(table, name, bytes)| (*table, *name, &bytes[..])),
                );
                ready.tables = Some(SharedTables::new(of_worker));
            }
            What::Hltv { found, files } => {
                let not_wanted = || Err("it was not looked for".to_owned());
                let mut take = |i: usize| gathered.take(files.start + i).unwrap_or_else(not_wanted);
                let (trace, tables) = found.read(name, &self.files[files.clone()], &mut take);
                if let Some(trace) = trace {
                    let trace = files.start + trace;
                    ready.text = Text::File(trace);
                    ready.name = format!("{name}/{}", file_name(&self.files[trace].path));
                }
                ready.tables = Some(tables);
            }
            What::Synprof { csv, nodes } => {
                let table = self.wanted(*csv, &mut gathered)?;
                let beside = nodes.and_then(|nodes| match gathered.take(nodes)? {
                    Ok(bytes) => Some((&*self.files[nodes].path, bytes)),
                    Err(why) => {
                        ready.says.push(self.said_of(nodes, why, true));
                        None
                    }
                });
                let beside = beside.as_ref().map(|(name, bytes)| (*name, &bytes[..]));
                let changed = || Failure::Unreadable("the file changed while it was read".to_owned());
                let made = synprof::trace_of_table(name, &table, beside).ok_or_else(changed)?;
                ready.text = Text::Made(made.text);
                ready.tables = made.beside;
                ready.made_of_bytes = Some(table.len() as u64);
            }
            What::Trace { file, beside, .. } => {
                ready.text = Text::File(*file);
                for &file in beside {
                    match gathered.take(file) {
                        Some(Ok(bytes)) => {
                            let name = file_name(&self.files[file].path).to_owned();
                            ready.metrics.push((name, bytes));
                        }
                        Some(Err(why)) => ready.says.push(self.said_of(file, why, true)),
                        None => {}
                    }
                }
            }
            What::Metrics(file) => ready
                .metrics
                .push((name.clone(), self.wanted(*file, &mut gathered)?)),
        }
        Ok(ready)
    }

    fn wanted(&self, file: usize, gathered: &mut Gathering) -> Result<Vec<u8>, Failure> {
        let not_wanted = || Err("it was not looked for".to_owned());
        gathered
            .take(file)
            .unwrap_or_else(not_wanted)
            .map_err(Failure::Unreadable)
    }

    /// What is compared of a worker.
    pub fn of_worker(&self, recording: usize, ready: &Ready) -> Option<OfWorker> {
        let What::Worker(files) = &self.recordings[recording].what else {
            return None;
        };
        Some(OfWorker {
            files: files.clone(),
            tables: ready.tables.clone()?,
            trace: files.trace.map(|_| ready.name.clone()),
        })
    }

    fn said_of(&self, file: usize, says: String, is_failure: bool) -> Said {
        Said {
            about: called(file, &self.files, &self.shown, &self.containers),
            says,
            is_failure,
        }
    }

    /// Whether a recording was opened. Gives what is to be said of it at once.
    pub fn tell(&mut self, recording: usize, outcome: Result<(), Failure>) -> Option<Said> {
        let Recording {
            name,
            what,
            container,
        } = &self.recordings[recording];
        let mut container = container.and_then(|c| self.containers.get_mut(c));
        let why = match outcome {
            Ok(()) => {
                if let Some(container) = container {
                    container.n_opened += 1;
                }
                return None;
            }
            Err(why) => why,
        };
        let is_sought = matches!(what, What::Trace { .. });
        let says = match (why, &mut container) {
            // Other JSON lies in most folders, and is no failure.
            (Failure::NoTrace(_), Some(container)) if is_sought => {
                container.n_no_trace += 1;
                return None;
            }
            (Failure::NoTrace(why) | Failure::Unreadable(why), container) => {
                if let Some(container) = container {
                    container.n_unreadable += 1;
                }
                why
            }
        };
        let about = match what {
            What::Worker(_) => name.clone(),
            What::Hltv { .. } => container.map_or_else(|| name.clone(), |archive| archive.shown.clone()),
            What::Synprof { csv: file, .. } | What::Trace { file, .. } | What::Metrics(file) => {
                called(*file, &self.files, &self.shown, &self.containers)
            }
        };
        Some(Said {
            about,
            says,
            is_failure: true,
        })
    }

    /// What is said of folders and archives once everything in them was tried.
    pub fn conclude(&self) -> Vec<Said> {
        let mut said = Vec::new();
        for container in &self.containers {
            let about = container.shown.clone();
            if container.n_opened == 0 && container.n_unreadable == 0 && !container.opens_archives {
                said.push(Said {
                    about,
                    says: format!(
                        "no trace and no table of a profiler is in this {}",
                        container.what()
                    ),
                    is_failure: true,
                });
            } else if container.n_no_trace > 0 {
                let n = show::counted(container.n_no_trace, "other JSON file");
                said.push(Said {
                    about,
                    says: format!("{n} in it, which hold no trace"),
                    is_failure: false,
                });
            }
        }
        said
    }
}

/// A worker beside others.
pub struct OfWorker {
    files: WorkerFiles,
    tables: SharedTables,
    trace: Option<String>,
}

impl OfWorker {
    /// What it brings into the comparison; the report of its trace says more than its tables do.
    pub fn compared(&self, report: Option<&TraceReport>) -> Compared {
        self.files.compared(&self.tables, report, self.trace.as_deref())
    }
}

/// Files that are read whole before a recording is opened.
pub struct Gathering {
    wanted: VecDeque<usize>,
    /// Bytes of one, and of all.
    limit: u64,
    together: u64,
    read: FxHashMap<usize, Result<Vec<u8>, String>>,
}

impl Gathering {
    /// The next file to read whole, and most bytes of it; `None`: there is no other.
    pub fn poll<S: Clone>(&mut self, plan: &Plan<S>) -> Option<(usize, u64)> {
        while let Some(&file) = self.wanted.front() {
            let bytes = plan.bytes(file);
            let at_hand = match plan.place(file) {
                _ if bytes > self.limit => {
                    let [bytes, limit] = [bytes, self.limit].map(show::bytes);
                    Err(format!("it is {bytes} long, and at most {limit} are read whole"))
                }
                _ if bytes > self.together => {
                    Err("the tables of the archive are too large together".to_owned())
                }
                Place::Held(bytes) => Ok(bytes.clone()),
                Place::Unreadable(why) => Err(why.clone()),
                _ => return Some((file, self.limit)),
            };
            self.provide(at_hand);
        }
        None
    }

    /// The file that was asked for.
    pub fn provide(&mut self, bytes: Result<Vec<u8>, String>) {
        if let Some(file) = self.wanted.pop_front() {
            let n = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
            self.together = self.together.saturating_sub(n);
            self.read.insert(file, bytes);
        }
    }

    fn take(&mut self, file: usize) -> Option<Result<Vec<u8>, String>> {
        self.read.remove(&file)
    }
}

/// Where the text of a trace comes from.
pub enum Text {
    /// A file of the plan, compressed or not.
    File(usize),
    /// Made of a table.
    Made(Vec<u8>),
    /// There is none: see [`Ready::open`].
    Nothing,
}

/// What is opened, with all that stands beside it.
pub struct Ready {
    /// As the report calls it.
    pub name: String,
    pub text: Text,
    pub metrics: Vec<(String, Vec<u8>)>,
    pub tables: Option<SharedTables>,
    /// Bytes of the tables.
    pub table_bytes: u64,
    /// Bytes of the table that the text was made of: they are the recording's.
    pub made_of_bytes: Option<u64>,
    /// What was to stand beside it, and does not.
    pub says: Vec<Said>,
}

impl Ready {
    /// Reads its text, with what stands beside it.
    pub fn loader(&self, selection: &Selection) -> TextLoader {
        let mut loader = TextLoader::selecting(&self.name, selection);
        for (name, bytes) in &self.metrics {
            loader.attach_metrics(name, bytes);
        }
        if let Some(tables) = &self.tables {
            loader.attach_tables(tables.clone());
        }
        loader
    }

    /// Opens what has no text.
    pub fn open(&self) -> Result<Opened, LoadError> {
        match (&self.tables, self.metrics.first()) {
            (None, Some((name, bytes))) => session::open_metrics(name, bytes),
            (tables, _) => {
                let tables = tables.clone().unwrap_or_default();
                Ok(session::open_tables(&self.name, self.table_bytes, tables))
            }
        }
    }
}

//! What is opened, in order, and what is read beside each.

use std::collections::VecDeque;
use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Container, Location, Looks, Loose, Said, Whole, WholeFile, file_name};
use crate::analyze::report::TraceReport;
use crate::base::order;
use crate::base::show;
use crate::ingest::{LoadError, detect};
use crate::session::bundle::{Compared, Given, MAX_TABLE_BYTES, SharedTables, WorkerFiles};
use crate::session::hltv_archive::Hltv;
use crate::session::{self, MAX_METRICS_BYTES, Opened, TextLoader, synprof_files};
use crate::view::Selection;

#[derive(Clone, Debug)]
pub(super) enum What {
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
    pub(super) what: What,
    /// Place of the folder or archive that it lies in.
    pub(super) container: Option<usize>,
}

impl Recording {
    pub(super) fn of_worker(files: WorkerFiles, container: Option<usize>) -> Recording {
        Recording {
            name: files.name.clone(),
            what: What::Worker(files),
            container,
        }
    }

    pub(super) fn is_metrics(&self) -> bool {
        matches!(self.what, What::Metrics(_))
    }

    fn is_worker(&self) -> bool {
        matches!(self.what, What::Worker(_))
    }

    /// Where one is shown, the one with the lowest is. Tables alone have no timeline.
    fn rank(&self) -> u8 {
        match &self.what {
            What::Worker(files) if files.trace.is_some() => 0,
            What::Hltv { .. } | What::Synprof { .. } => 1,
            What::Worker(_) => 2,
            What::Trace { looks, .. } => match looks {
                Looks::Trace => 1,
                Looks::Unknown => 3,
                _ => 5,
            },
            What::Metrics(_) => 4,
        }
    }
}

/// Each trace with what stands beside it: of each kind of metrics file the only one given, or the only one in its
/// folder. One that belongs to no trace is opened for itself.
pub(super) fn paired(all: &[Loose], files: &[Given], container: Option<usize>) -> Vec<Recording> {
    let kinds = [Looks::Metrics, Looks::OperatorTable];
    let n_traces = all.iter().filter(|one| !kinds.contains(&one.looks)).count();
    // The only one of a kind in each folder; `None`: there are several.
    let only_of = |kind: &Looks| {
        let mut only: FxHashMap<&str, Option<usize>> = FxHashMap::default();
        for one in all.iter().filter(|one| one.looks == *kind) {
            let file = Some(one.file);
            only.entry(&one.folder)
                .and_modify(|file| *file = None)
                .or_insert(file);
        }
        only
    };
    let only = kinds.each_ref().map(only_of);
    let beside = |trace: &Loose| -> Vec<usize> {
        let of_kind = |only: &FxHashMap<&str, Option<usize>>| match only.len() {
            1 if n_traces == 1 => only.values().next().copied().flatten(),
            _ => only.get(&*trace.folder).copied().flatten(),
        };
        only.iter().filter_map(of_kind).collect()
    };
    let mut used = FxHashSet::default();
    let mut made = Vec::new();
    for one in all {
        let what = if kinds.contains(&one.looks) {
            What::Metrics(one.file)
        } else {
            let beside = beside(one);
            used.extend(beside.iter().copied());
            What::Trace {
                file: one.file,
                beside,
                looks: one.looks,
            }
        };
        made.push(Recording {
            name: files[one.file].path.clone(),
            what,
            container,
        });
    }
    made.retain(|recording| !matches!(recording.what, What::Metrics(file) if used.contains(&file)));
    made
}

/// CSVs of Synapse's profiler: hardware traces with the table of nodes of their name and folder, then other tables.
pub(super) fn synprof_tables(loose: &[Loose], files: &[Given]) -> Vec<Recording> {
    let path = |one: &Loose| &*files[one.file].path;
    let is_of = |kind| move |one: &&Loose| one.looks == Looks::Synprof(kind);
    let all_nodes: Vec<&Loose> = loose.iter().filter(is_of(synprof_files::Kind::Nodes)).collect();
    let with_nodes = |one: &Loose| {
        let mut near = all_nodes.iter().filter(|nodes| nodes.folder == one.folder);
        let nodes = near.find(|nodes| synprof_files::belongs_to(path(nodes), path(one)));
        (one.file, nodes.map(|nodes| nodes.file))
    };
    let hardware = loose.iter().filter(is_of(synprof_files::Kind::Hardware));
    let mut made: Vec<(usize, Option<usize>)> = hardware.map(with_nodes).collect();
    let used: Vec<usize> = made.iter().filter_map(|&(_, nodes)| nodes).collect();
    let alone = all_nodes.iter().filter(|nodes| !used.contains(&nodes.file));
    made.extend(alone.map(|nodes| (nodes.file, None)));
    let recording = |(csv, nodes): (usize, Option<usize>)| Recording {
        name: files[csv].path.clone(),
        what: What::Synprof { csv, nodes },
        container: None,
    };
    made.into_iter().map(recording).collect()
}

/// Why something that was to be opened was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It could not be read.
    Unreadable(String),
    /// It was read, and is no trace.
    NoTrace(String),
    /// It was read, and is of a known other kind: with the way to a trace.
    WrongFile(String),
    /// There is nothing in it: whatever was to write it did not.
    Empty(String),
}

impl Failure {
    pub fn says(&self) -> &str {
        match self {
            Failure::Unreadable(why)
            | Failure::NoTrace(why)
            | Failure::WrongFile(why)
            | Failure::Empty(why) => why,
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Failure {
        let says = error.to_string();
        match error {
            LoadError::CorruptGzip { .. }
            | LoadError::WrongChecksum
            | LoadError::NoContent { .. }
            | LoadError::OversizedEvents { .. }
            | LoadError::EventsWithoutList
            | LoadError::CutBeforeEvents => Failure::Unreadable(says),
            LoadError::NotATrace { ref found, .. } if !detect::is_of_text(found) => Failure::Unreadable(says),
            LoadError::WrongFile { .. } => Failure::WrongFile(says),
            LoadError::Empty | LoadError::EmptyContent => Failure::Empty(says),
            LoadError::NotATrace { .. }
            | LoadError::EventsNoList { .. }
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
    pub(super) files: Vec<Given>,
    pub(super) places: Vec<Location<S>>,
    pub(super) containers: Vec<Container>,
    /// What messages call the files that were given by name.
    pub(super) shown: FxHashMap<usize, String>,
    /// Files that were given by name and are no traces.
    pub(super) n_wrong: u64,
    pub(super) naming: Naming,
}

/// How many of the files that are not opened are named; the others are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    #[default]
    Some,
    All,
}

/// Says where the others are named.
const ALL_NAMED: &str = "stepscope check names all";

impl Naming {
    /// Names that a sentence lists.
    pub(super) fn in_sentence(self) -> usize {
        match self {
            Naming::Some => 4,
            Naming::All => usize::MAX,
        }
    }

    /// Files that have a sentence each: of a folder or an archive, and of those that were given by name, damaged ones
    /// and those of another kind.
    pub(super) fn sentences(self) -> u64 {
        match self {
            Naming::Some => 10,
            Naming::All => u64::MAX,
        }
    }

    /// Of `n` names the first ones.
    pub(super) fn listed(names: &[&str], n: u64) -> String {
        let listed = names.join(", ");
        match n.saturating_sub(names.len() as u64) {
            0 => listed,
            more => format!("{listed} and {} more; {ALL_NAMED}", show::count(more)),
        }
    }
}

impl<S: Clone> Plan<S> {
    /// A file of a folder or an archive that could not be read: each one is counted, and so many are named.
    pub(super) fn unreadable(&mut self, container: usize, file: usize, why: String) -> Option<Said> {
        let of = self.containers.get_mut(container)?;
        of.n_unreadable += 1;
        (of.n_unreadable <= self.naming.sentences()).then(|| self.said_of(file, why, true))
    }

    pub fn place(&self, file: usize) -> &Location<S> {
        &self.places[file]
    }

    /// Bytes of a file, as its archive states them.
    pub fn bytes(&self, file: usize) -> u64 {
        self.files[file].bytes
    }

    /// Bytes of all files that are streamed: of tables beside a trace, which are read whole, there are few.
    pub fn bytes_in_all(&self) -> u64 {
        let is_streamed = |i: &usize| {
            let what = &self.recordings[*i].what;
            matches!(what, What::Worker(_) | What::Trace { .. })
        };
        let streamed = (0..self.recordings.len()).filter(is_streamed);
        let texts = streamed.filter_map(|i| self.first_file(i));
        texts.fold(0, |all: u64, file| all.saturating_add(self.bytes(file)))
    }

    /// The file that a recording is made of, or the first of several.
    pub fn first_file(&self, recording: usize) -> Option<usize> {
        match &self.recordings[recording].what {
            What::Worker(files) => files
                .trace
                .or_else(|| files.tables.first().map(|&(_, file)| file)),
            What::Trace { file, .. } | What::Metrics(file) => Some(*file),
            What::Hltv { files, .. } => files.clone().next(),
            What::Synprof { csv, .. } => Some(*csv),
        }
    }

    /// Where one recording is shown: in which order they are tried. The one of that name is the first, else the
    /// one that is most certainly a trace.
    pub fn order(&self, wanted: Option<&str>) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.recordings.len()).collect();
        let is_wanted = |recording: &Recording| Some(&*recording.name) == wanted;
        order::sort_by_key(&mut order, |&i| {
            (!is_wanted(&self.recordings[i]), self.recordings[i].rank())
        });
        order
    }

    /// What is left out where `chosen` alone is shown, of those that were not tried: workers are compared with workers.
    pub fn left_out(&self, chosen: usize, not_tried: &[usize]) -> Vec<String> {
        let is_worker = self.recordings[chosen].is_worker();
        let left = not_tried.iter().map(|&i| &self.recordings[i]);
        let left = left.filter(|recording| !(is_worker && recording.is_worker()));
        left.map(|recording| recording.name.clone()).collect()
    }

    /// The workers, which are compared.
    pub fn workers(&self) -> impl Iterator<Item = usize> + use<'_, S> {
        (0..self.recordings.len()).filter(|&i| self.recordings[i].is_worker())
    }

    /// Reads what [`Plan::ready`] wants of a recording; of a worker that is compared and not opened, less.
    pub fn gather(&self, recording: usize, is_opened: bool) -> Gathering {
        let mut together = u64::MAX;
        let (wanted, limit): (Vec<usize>, u64) = match &self.recordings[recording].what {
            What::Worker(files) => {
                let tables = files.tables.iter();
                let wanted = tables.filter(|(table, _)| is_opened || table.is_compared());
                (wanted.map(|&(_, file)| file).collect(), MAX_TABLE_BYTES)
            }
            What::Hltv { found, files } => {
                together = MAX_TABLE_BYTES;
                let wanted = found.wants().into_iter().map(|i| files.start + i);
                (wanted.collect(), MAX_TABLE_BYTES)
            }
            What::Synprof { csv, nodes } => (
                [*csv].into_iter().chain(*nodes).collect(),
                synprof_files::MAX_BYTES,
            ),
            What::Trace { beside, .. } => (beside.clone(), MAX_METRICS_BYTES),
            What::Metrics(file) => (vec![*file], MAX_METRICS_BYTES),
        };
        Gathering {
            wanted: wanted.into(),
            limit,
            together,
            read: FxHashMap::default(),
            damaged: Vec::new(),
        }
    }

    /// What is opened, once all that stands beside it is read.
    pub fn ready(&self, recording: usize, mut gathered: Gathering) -> Result<Ready, Failure> {
        let Recording { name, what, .. } = &self.recordings[recording];
        let mut ready = Ready {
            name: name.clone(),
            ..Ready::default()
        };
        // What was read of a file beside it, with its name; what could not be is said.
        for (file, why) in std::mem::take(&mut gathered.damaged) {
            ready.says.push(self.said_of(file, why, true));
        }
        let mut beside = |file: usize| match gathered.read.remove(&file)? {
            Ok(bytes) => Some((file_name(&self.files[file].path), bytes)),
            Err(why) => {
                ready.says.push(self.said_of(file, why, true));
                None
            }
        };
        match what {
            What::Worker(files) => {
                let read = files.tables.iter().filter_map(|&(table, file)| {
                    let (name, bytes) = beside(file)?;
                    Some((table, name, bytes))
                });
                let read: Vec<_> = read.collect();
                ready.table_bytes = read.iter().map(|(.., bytes)| bytes.len() as u64).sum();
                let read = read
                    .iter()
                    .map(|(table, name, bytes)| (*table, *name, &bytes[..]));
                ready.tables = Some(SharedTables::new(files.read(read)));
                if let Some(trace) = files.trace {
                    ready.text = Text::File(trace);
                    ready.name = self.name_within(&files.name, trace);
                }
            }
            What::Hltv { found, files } => {
                let mut take = |i: usize| {
                    let file = files.start + i;
                    let taken = gathered.take(file);
                    if let Err(why) = &taken {
                        ready.says.push(self.said_of(file, why.clone(), true));
                    }
                    taken
                };
                let (trace, tables) = found.read(name, &self.files[files.clone()], &mut take);
                ready.tables = Some(tables);
                if let Some(trace) = trace {
                    ready.text = Text::File(files.start + trace);
                    ready.name = self.name_within(name, files.start + trace);
                }
            }
            What::Synprof { csv, nodes } => {
                let nodes = nodes.and_then(&mut beside);
                let nodes = nodes.as_ref().map(|(name, bytes)| (*name, &bytes[..]));
                let table = gathered.take(*csv).map_err(Failure::Unreadable)?;
                let changed = || Failure::Unreadable("the file changed while it was read".to_owned());
                let made = synprof_files::trace_of_table(name, &table, nodes).ok_or_else(changed)?;
                ready.text = Text::Made(made.text);
                ready.tables = made.beside;
                ready.made_of_bytes = Some(table.len() as u64);
            }
            What::Trace {
                file, beside: files, ..
            } => {
                let read = files.iter().filter_map(|&file| beside(file));
                ready.metrics = read.map(|(name, bytes)| (name.to_owned(), bytes)).collect();
                ready.text = Text::File(*file);
            }
            What::Metrics(file) => {
                let bytes = gathered.take(*file).map_err(Failure::Unreadable)?;
                ready.metrics.push((name.clone(), bytes));
            }
        }
        Ok(ready)
    }

    /// Makes of a worker whose trace cannot be read its tables alone, as if the trace were missing, and says why.
    /// `false`:
    /// it has no tables.
    pub fn opens_tables_alone(&self, recording: usize, ready: &mut Ready, why: &Failure) -> bool {
        let Recording { name, what, .. } = &self.recordings[recording];
        let What::Worker(WorkerFiles {
            trace: Some(trace), ..
        }) = what
        else {
            return false;
        };
        let Some(tables) = ready.tables.as_mut().and_then(SharedTables::get_mut) else {
            return false;
        };
        if tables.tables.read.is_empty() {
            return false;
        }
        tables.missing.insert(
            0,
            "The trace (trace_view.json) could not be read: tables are shown, and no timeline.".to_owned(),
        );
        ready.says.push(self.said_of(*trace, why.says().to_owned(), true));
        ready.name.clone_from(name);
        ready.text = Text::Nothing;
        ready.is_without_trace = true;
        true
    }

    /// What the report calls a trace in a folder or an archive.
    fn name_within(&self, folder: &str, trace: usize) -> String {
        let file = file_name(&self.files[trace].path);
        match folder {
            "" => file.to_owned(),
            folder => format!("{folder}/{file}"),
        }
    }

    /// What is compared of a worker.
    pub fn of_worker(&self, recording: usize, ready: &Ready) -> Option<OfWorker> {
        let What::Worker(files) = &self.recordings[recording].what else {
            return None;
        };
        Some(OfWorker {
            files: files.clone(),
            tables: ready.tables.clone()?,
            trace: files
                .trace
                .filter(|_| !ready.is_without_trace)
                .map(|_| ready.name.clone()),
        })
    }

    /// What messages call a file.
    fn called(&self, file: usize) -> String {
        let path = &self.files[file].path;
        let holds = |c: &&Container| c.is_archive && c.files.contains(&file);
        match (self.shown.get(&file), self.containers.iter().rfind(holds)) {
            (Some(shown), _) => shown.clone(),
            (None, Some(archive)) => format!("{}: {path}", archive.shown),
            (None, None) => path.clone(),
        }
    }

    pub(super) fn said_of(&self, file: usize, says: String, is_failure: bool) -> Said {
        Said::new(&self.called(file), says, is_failure)
    }

    /// Whether a recording was opened. Gives what is to be said of it at once.
    pub fn tell(&mut self, recording: usize, outcome: Result<(), Failure>) -> Option<Said> {
        let Recording {
            name,
            what,
            container,
        } = self.recordings[recording].clone();
        let of = container.and_then(|c| self.containers.get_mut(c));
        let why = match (outcome, &what, of) {
            (Ok(()), _, of) => {
                of?.n_opened += 1;
                return None;
            }
            // Other JSON lies in most folders, and is no failure.
            (Err(Failure::NoTrace(_)), What::Trace { file, .. }, Some(of)) => {
                of.holds_none(&self.files[*file].path, self.naming);
                return None;
            }
            (Err(Failure::WrongFile(why)), What::Trace { file, .. }, Some(of)) => {
                of.n_wrong += 1;
                return (of.n_wrong <= self.naming.sentences()).then(|| self.said_of(*file, why, false));
            }
            (Err(Failure::NoTrace(why) | Failure::WrongFile(why)), What::Trace { file, .. }, None) => {
                self.n_wrong += 1;
                return (self.n_wrong <= self.naming.sentences()).then(|| self.said_of(*file, why, true));
            }
            (
                Err(
                    Failure::NoTrace(why)
                    | Failure::WrongFile(why)
                    | Failure::Empty(why)
                    | Failure::Unreadable(why),
                ),
                ..,
            ) => why,
        };
        let file = match &what {
            What::Synprof { csv: file, .. }
            | What::Trace { file, .. }
            | What::Metrics(file)
            | What::Worker(WorkerFiles {
                trace: Some(file), ..
            }) => Some(*file),
            What::Worker(_) | What::Hltv { .. } => None,
        };
        match (file, container) {
            (Some(file), Some(container)) => self.unreadable(container, file, why),
            (Some(file), None) => Some(self.said_of(file, why, true)),
            (None, container) => {
                let of = container.and_then(|c| self.containers.get_mut(c));
                let of = of.map(|of| {
                    of.n_unreadable += 1;
                    &*of.shown
                });
                Some(match (&what, of) {
                    (What::Hltv { .. }, Some(shown)) => Said::new(shown, why, true),
                    _ => Said::new(&name, why, true),
                })
            }
        }
    }

    /// What is said of folders and archives once everything in them was tried.
    pub fn conclude(&self) -> Vec<Said> {
        let mut said = Vec::new();
        for container in &self.containers {
            let mut say = |says: String, is_failure| said.push(Said::new(&container.shown, says, is_failure));
            let kind = if container.is_archive { "archive" } else { "folder" };
            let not_named = |n: u64| {
                let more = n.saturating_sub(self.naming.sentences());
                (more > 0).then(|| show::counted(more, "more file"))
            };
            if let Some(n) = not_named(container.n_unreadable) {
                say(
                    format!("and {n} in it that could not be read ({ALL_NAMED})"),
                    true,
                );
            }
            if let Some(n) = not_named(container.n_wrong) {
                say(format!("and {n} in it of other kinds ({ALL_NAMED})"), false);
            }
            if container.n_not_looked_at > 0 {
                let n = show::counted(container.n_not_looked_at, "more file");
                say(
                    format!("{n} in it, not looked at: their names are not those of traces"),
                    false,
                );
            }
            if container.n_opened + container.n_unreadable == 0 && !container.opens_archives {
                say(
                    format!("no trace and no table of a profiler is in this {kind}"),
                    true,
                );
            } else if container.n_no_trace > 0 {
                let hold = if container.n_no_trace == 1 {
                    "holds"
                } else {
                    "hold"
                };
                let n = show::counted(container.n_no_trace, "other JSON file");
                let names: Vec<&str> = container.no_trace.iter().map(|name| &**name).collect();
                let names = Naming::listed(&names, container.n_no_trace);
                say(format!("{n} in it {hold} no trace ({names})"), false);
            }
            if container.n_opened > 0 && container.n_beside > 0 {
                let n = show::counted(container.n_beside, "other file");
                say(format!("{n} in it, not opened (tables, text, pictures)"), false);
            }
        }
        let more = self.n_wrong.saturating_sub(self.naming.sentences());
        if more > 0 {
            let n = show::counted(more, "more file");
            let says = format!("and {n} of those that were given hold no trace ({ALL_NAMED})");
            said.push(Said::new("all that was given", says, true));
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
    /// What is wrong with files of which something was read.
    damaged: Vec<(usize, String)>,
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
                Location::Held(bytes) => {
                    let mut whole = Whole::new(self.limit);
                    whole.feed(bytes);
                    whole.finish()
                }
                Location::Unreadable(why) => Err(why.clone()),
                _ => return Some((file, self.limit)),
            };
            self.provide(at_hand);
        }
        None
    }

    /// The file that was asked for.
    pub fn provide(&mut self, whole: Result<WholeFile, String>) {
        if let Some(file) = self.wanted.pop_front() {
            let bytes = whole.map(|whole| {
                self.damaged.extend(whole.damage.map(|why| (file, why)));
                whole.bytes
            });
            let n = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
            self.together = self.together.saturating_sub(n);
            self.read.insert(file, bytes);
        }
    }

    fn take(&mut self, file: usize) -> Result<Vec<u8>, String> {
        let not_wanted = || Err("it was not looked for".to_owned());
        self.read.remove(&file).unwrap_or_else(not_wanted)
    }
}

/// Where the text of a trace comes from.
#[derive(Default)]
pub enum Text {
    /// A file of the plan, compressed or not.
    File(usize),
    /// Made of a table.
    Made(Vec<u8>),
    /// There is none: see [`Ready::open`].
    #[default]
    Nothing,
}

/// What is opened, with all that stands beside it.
#[derive(Default)]
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
    /// Its trace cannot be read: the tables are opened without it.
    is_without_trace: bool,
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

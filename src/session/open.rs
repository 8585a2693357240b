//! What becomes of the files, folders and archives that were given: which of them open as what, in which order, what
//! stands beside what, and what is said of the rest.
//!
//! Does no I/O: [`Opening::poll`] says what it needs next and is provided with it; the [`Plan`] that comes of it says
//! which files are read whole before a trace ([`Gathering`]), and what is opened then ([`Ready`]). The command line and
//! the page's worker fetch bytes and decide nothing.

mod place;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;

pub use place::{Place, Stream, Unpacker, Whole};
use plan::What;
pub use plan::{Failure, Gathering, OfWorker, Plan, Ready, Recording, Text};
use rustc_hash::FxHashMap;

use super::archive::{Kind, Member, Members, Tar, ZipListing};
use super::bundle::{self, Given, MAX_TABLE_BYTES};
use super::{Inflater, Loader, archive_kind, hltv, is_gzip, synprof};
use crate::base::show;
use crate::dialect::{gaudi_metrics, key_averages};

/// Folders below the one that was given.
const MAX_DEPTH: usize = 12;
/// More files of a folder are not looked at.
const MAX_FILES: usize = 200_000;
/// First bytes that tell what a file is: a compressed tar wants so many.
const HEAD: u64 = 64 << 10;
/// First bytes of a file in a folder or an archive.
const MEMBER_HEAD: u64 = 16 << 10;

/// A file or a folder; `S` is how whoever has it finds it again.
#[derive(Clone, Debug)]
pub struct Entry<S> {
    /// Below the folder that was listed, with `/` between folders.
    pub path: String,
    pub source: S,
    pub kind: EntryKind,
}

#[derive(Clone, Debug)]
pub enum EntryKind {
    File { bytes: u64 },
    Folder,
    Unreadable(String),
}

/// What was given by name. A file whose path has folders in it is one of a folder that was given whole.
#[derive(Clone, Debug)]
pub struct Input<S> {
    /// As messages call it.
    pub shown: String,
    /// Files of one folder belong together; empty where it is not known.
    pub folder: String,
    pub entry: Entry<S>,
}

/// What is needed next.
#[derive(Clone, Debug)]
pub enum Need<S> {
    /// [`Provided::Entries`] of a folder.
    List(S),
    /// [`Provided::Bytes`]: this stretch of a file.
    Read { source: S, range: Range<u64> },
    /// [`Provided::Bytes`]: so many first bytes, or all there are.
    Head { place: Place<S>, len: u64 },
    /// All bytes of a file, by [`Opening::feed`], then [`Provided::End`].
    Stream(S),
    /// Nothing: see [`Opening::finish`].
    Done,
}

#[derive(Debug)]
pub enum Provided<S> {
    Entries(Vec<Entry<S>>),
    Bytes(Vec<u8>),
    End,
}

/// A sentence about something that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub about: String,
    /// Without a full stop.
    pub says: String,
    /// It was not opened, and should have been.
    pub is_failure: bool,
}

impl Said {
    fn new(about: &str, says: String, is_failure: bool) -> Said {
        let about = about.to_owned();
        Said {
            about,
            says,
            is_failure,
        }
    }
}

/// A folder or an archive.
#[derive(Debug, Default)]
struct Container {
    shown: String,
    is_archive: bool,
    files: Range<usize>,
    /// Files that were read and hold no trace.
    n_no_trace: u64,
    n_unreadable: u64,
    n_opened: u64,
    /// Archives in it are opened as if they had been given.
    opens_archives: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    Trace,
    /// It may be one; its first bytes do not say.
    Unknown,
    NoTrace,
    Metrics,
    OperatorTable,
    Synprof(synprof::Kind),
}

/// A file that was given by name and is no table of a worker.
#[derive(Clone, Debug)]
struct Loose {
    file: usize,
    folder: String,
    looks: Looks,
}

/// A file that was found in a folder or an archive, with the first bytes if they were seen.
struct Found<S> {
    path: String,
    bytes: u64,
    place: Place<S>,
    head: Option<Vec<u8>>,
}

impl<S: Clone> Found<S> {
    /// `kept` and `is_compressed` are of a tar's.
    fn of_member(source: &S, member: Member, kept: Option<Vec<u8>>, is_compressed: Option<bool>) -> Found<S> {
        let (path, bytes) = (member.path.clone(), member.size);
        let (place, head) = match kept {
            Some(all) if all.len() as u64 == bytes => (Place::Held(all), None),
            head => (Place::of_member(source.clone(), member, is_compressed), head),
        };
        Found {
            path,
            bytes,
            place,
            head,
        }
    }
}

/// A folder while it is listed.
struct Folder<S> {
    shown: String,
    /// Files and folders in it, each with its depth.
    left: VecDeque<(Entry<S>, usize)>,
    found: Vec<Found<S>>,
}

impl<S> Folder<S> {
    fn new(shown: String, first: Entry<S>) -> Folder<S> {
        Folder {
            shown,
            left: VecDeque::from([(first, 0)]),
            found: Vec::new(),
        }
    }
}

/// What is to be done; an archive with what messages call it.
enum Task<S> {
    /// What was given by name, and whether it is an archive in a folder, by its name.
    Given(Input<S>, bool),
    Folder(Folder<S>),
    Zip(String, S, ZipListing),
    Tar(String, S, Box<TarReading>),
    /// Files of the last folder or archive of which the first bytes are to be seen, and those of which they were.
    Heads(VecDeque<usize>, Vec<Loose>),
}

/// A tar while it streams by. What is read whole later is kept: finding it again would mean inflating all of it.
#[derive(Default)]
struct TarReading {
    tar: Tar,
    inflater: Inflater,
    is_compressed: bool,
    kept: FxHashMap<usize, Vec<u8>>,
    n_kept: u64,
}

impl TarReading {
    fn feed(&mut self, raw: &[u8]) {
        self.is_compressed |= self.inflater.read() == 0 && is_gzip(raw);
        let (tar, kept, n_kept) = (&mut self.tar, &mut self.kept, &mut self.n_kept);
        let mut keep = |i: usize, member: &Member, bytes: &[u8]| {
            let is_whole = bundle::is_table(&member.path) || hltv::is_wanted(&member.path);
            let limit = match member.size {
                size if is_whole && size <= MAX_TABLE_BYTES => size,
                _ if is_looked_at(&member.path) => MEMBER_HEAD,
                _ => 0,
            };
            if limit > 0 && *n_kept < MAX_TABLE_BYTES {
                let held = kept.entry(i).or_default();
                let room = usize::try_from(limit).unwrap_or(usize::MAX) - held.len();
                let taken = &bytes[..bytes.len().min(room)];
                held.extend_from_slice(taken);
                *n_kept += taken.len() as u64;
            }
        };
        for part in raw.chunks(64 << 10) {
            self.inflater.feed(part, &mut |text| tar.feed(text, &mut keep));
        }
    }

    /// What lies in it.
    fn found<S: Clone>(mut self, source: &S) -> (Members, Vec<Found<S>>) {
        let mut members = self.tar.finish();
        let list = std::mem::take(&mut members.list).into_iter().enumerate();
        let found = list.map(|(i, member)| {
            Found::of_member(source, member, self.kept.remove(&i), Some(self.is_compressed))
        });
        let found = found.collect();
        (members, found)
    }
}

/// A trace is looked for under these names alone: in folders lies much else.
fn is_trace_name(path: &str) -> bool {
    path.ends_with(".json") || path.ends_with(".json.gz")
}

/// Whether the first bytes of a file in a folder or an archive are looked at. Torch's own table is text.
fn is_looked_at(path: &str) -> bool {
    is_trace_name(path) || path.ends_with(".txt")
}

fn is_archive_name(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let endings = [".zip", ".tar", ".tar.gz", ".tgz", ".hltv"];
    endings.iter().any(|ending| path.ends_with(ending))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What the first bytes say; `is_all`: there are no more.
fn looks_of(head: &[u8], is_all: bool) -> Looks {
    if let Some(kind) = synprof::looks_like(head) {
        return Looks::Synprof(kind);
    }
    if gaudi_metrics::looks_like(head) {
        return Looks::Metrics;
    }
    if key_averages::looks_like(&head[..head.len().min(512)]) {
        return Looks::OperatorTable;
    }
    let mut loader = Loader::new("");
    loader.feed(head);
    if loader.error().is_some() {
        return Looks::NoTrace;
    }
    let has_events = loader.events() > 0;
    let is_no_trace = || matches!(loader.finish().map_err(Failure::from), Err(Failure::NoTrace(_)));
    match is_all {
        true if is_no_trace() => Looks::NoTrace,
        _ if has_events => Looks::Trace,
        _ => Looks::Unknown,
    }
}

/// See [`Opening::poll`].
pub struct Opening<S> {
    tasks: VecDeque<Task<S>>,
    /// First bytes that were seen while a tar was listed.
    heads: FxHashMap<usize, Vec<u8>>,
    /// Tables, and traces called as one of a worker, that were given by name.
    loose_of_workers: Vec<usize>,
    loose: Vec<Loose>,
    workers: Vec<Recording>,
    opens: Vec<Recording>,
    plan: Plan<S>,
    n_given: usize,
}

impl<S: Clone> Opening<S> {
    pub fn new(given: Vec<Input<S>>) -> Opening<S> {
        let n_given = given.len();
        let mut tasks = VecDeque::new();
        let mut folders: Vec<Folder<S>> = Vec::new();
        for input in given {
            let Some((top, _)) = input.entry.path.split_once('/') else {
                tasks.push_back(Task::Given(input, false));
                continue;
            };
            match folders.iter_mut().find(|folder| folder.shown == top) {
                Some(folder) => folder.left.push_back((input.entry, 0)),
                None => folders.push(Folder::new(top.to_owned(), input.entry)),
            }
        }
        tasks.extend(folders.into_iter().map(Task::Folder));
        Opening {
            tasks,
            heads: FxHashMap::default(),
            loose_of_workers: Vec::new(),
            loose: Vec::new(),
            workers: Vec::new(),
            opens: Vec::new(),
            plan: Plan {
                recordings: Vec::new(),
                said: Vec::new(),
                files: Vec::new(),
                places: Vec::new(),
                containers: Vec::new(),
                shown: FxHashMap::default(),
            },
            n_given,
        }
    }

    /// What is needed now. The same, until it is provided.
    pub fn poll(&mut self) -> Need<S> {
        while let Some(task) = self.tasks.front() {
            if let Some(need) = self.need_of(task) {
                return need;
            }
            self.go_on();
        }
        Need::Done
    }

    /// What a task needs before it goes on.
    fn need_of(&self, task: &Task<S>) -> Option<Need<S>> {
        match task {
            Task::Given(input, _) => {
                let is_file = matches!(input.entry.kind, EntryKind::File { .. });
                let place = Place::File(input.entry.source.clone());
                is_file.then_some(Need::Head { place, len: HEAD })
            }
            Task::Folder(folder) => match folder.left.front()? {
                (entry, ..=MAX_DEPTH) if matches!(entry.kind, EntryKind::Folder) => {
                    Some(Need::List(entry.source.clone()))
                }
                _ => None,
            },
            Task::Zip(_, source, listing) => Some(Need::Read {
                source: source.clone(),
                range: listing.wants(),
            }),
            Task::Tar(_, source, _) => Some(Need::Stream(source.clone())),
            Task::Heads(left, _) => match &self.plan.places[*left.front()?] {
                _ if self.heads.contains_key(left.front()?) => None,
                place @ (Place::File(_) | Place::Part(..) | Place::Zip(..)) => Some(Need::Head {
                    place: place.clone(),
                    len: MEMBER_HEAD,
                }),
                // Of a compressed tar's member, finding the first bytes again means inflating all before them.
                Place::Text(..) | Place::Held(_) | Place::Unreadable(_) => None,
            },
        }
    }

    /// Goes on with the first task, which needs nothing.
    fn go_on(&mut self) {
        match self.tasks.pop_front() {
            Some(Task::Given(input, _)) => match input.entry.kind {
                EntryKind::Unreadable(why) => self.fail(&input.shown, why),
                EntryKind::Folder | EntryKind::File { .. } => {
                    let folder = Folder::new(input.shown, input.entry);
                    self.tasks.push_front(Task::Folder(folder));
                }
            },
            Some(Task::Folder(mut folder)) => {
                let Some((entry, _)) = folder.left.pop_front() else {
                    return self.listed(folder.shown, false, folder.found);
                };
                self.found_in(&mut folder, entry);
                self.tasks.push_front(Task::Folder(folder));
            }
            Some(Task::Heads(mut left, mut seen)) => {
                let Some(file) = left.pop_front() else {
                    return self.all_seen(seen);
                };
                let head = match (self.heads.remove(&file), &self.plan.places[file]) {
                    (Some(head), _) => Ok(Some(head)),
                    (None, Place::Held(bytes)) => Ok(Some(bytes.clone())),
                    (None, Place::Unreadable(why)) => Err(why.clone()),
                    (None, _) => Ok(None),
                };
                seen.extend(self.head_seen(file, head));
                self.tasks.push_front(Task::Heads(left, seen));
            }
            Some(Task::Zip(..) | Task::Tar(..)) | None => {}
        }
    }

    /// The next bytes of [`Need::Stream`].
    pub fn feed(&mut self, raw: &[u8]) {
        if let Some(Task::Tar(_, _, reading)) = self.tasks.front_mut() {
            reading.feed(raw);
        }
    }

    /// What [`Opening::poll`] needed, or why it is not to be had. That refuses nothing else.
    pub fn provide(&mut self, provided: Result<Provided<S>, String>) {
        let Some(task) = self.tasks.pop_front() else {
            return;
        };
        match (task, provided) {
            (Task::Given(input, in_folder), Ok(Provided::Bytes(head))) => {
                self.given_seen(input, in_folder, &head);
            }
            (Task::Given(input, _), Err(why)) => self.fail(&input.shown, why),
            (Task::Folder(mut folder), provided) => {
                let Some((inner, depth)) = folder.left.pop_front() else {
                    return;
                };
                match provided {
                    Ok(Provided::Entries(mut entries)) => {
                        entries.sort_by(|a, b| b.path.cmp(&a.path));
                        for mut entry in entries {
                            entry.path = format!("{}/{}", inner.path, entry.path);
                            folder.left.push_front((entry, depth + 1));
                        }
                    }
                    Err(why) if depth == 0 => return self.fail(&folder.shown, why),
                    Err(why) => self.fail(&inner.path, why),
                    Ok(_) => debug_assert!(false, "that was not needed"),
                }
                self.tasks.push_front(Task::Folder(folder));
            }
            (Task::Zip(shown, source, mut listing), Ok(Provided::Bytes(bytes))) => match listing.feed(&bytes)
            {
                Ok(None) => self.tasks.push_front(Task::Zip(shown, source, listing)),
                Ok(Some(mut members)) => {
                    let list = std::mem::take(&mut members.list).into_iter();
                    let found = list.map(|member| Found::of_member(&source, member, None, None));
                    self.archive_listed(shown, &members, found.collect());
                }
                Err(why) => self.fail(&shown, why.to_string()),
            },
            (Task::Tar(shown, source, reading), Ok(Provided::End)) => {
                let (members, found) = reading.found(&source);
                self.archive_listed(shown, &members, found);
            }
            (Task::Zip(shown, ..) | Task::Tar(shown, ..), Err(why)) => self.fail(&shown, why),
            (Task::Heads(mut left, mut seen), provided) => {
                let head = match provided {
                    Ok(Provided::Bytes(head)) => Ok(Some(head)),
                    Ok(Provided::Entries(_) | Provided::End) => Ok(None),
                    Err(why) => Err(why),
                };
                seen.extend(left.pop_front().and_then(|file| self.head_seen(file, head)));
                self.tasks.push_front(Task::Heads(left, seen));
            }
            _ => debug_assert!(false, "that was not needed"),
        }
    }

    fn note(&mut self, about: &str, says: impl Into<String>) {
        self.plan.said.push(Said::new(about, says.into(), false));
    }

    fn fail(&mut self, about: &str, why: impl Into<String>) {
        self.plan.said.push(Said::new(about, why.into(), true));
    }

    fn add(&mut self, path: String, bytes: u64, place: Place<S>) -> usize {
        self.plan.files.push(Given { path, bytes });
        self.plan.places.push(place);
        self.plan.files.len() - 1
    }

    /// The first bytes of a file that was given by name say what it is; where they do not, its name does.
    fn given_seen(&mut self, input: Input<S>, in_folder: bool, head: &[u8]) {
        let Input { shown, folder, entry } = input;
        let Entry {
            path: name,
            source,
            kind,
        } = entry;
        let EntryKind::File { bytes } = kind else {
            return;
        };
        match archive_kind(head) {
            Some(Kind::Zip) => {
                return self
                    .tasks
                    .push_front(Task::Zip(shown, source, ZipListing::new(bytes)));
            }
            Some(Kind::Tar) => return self.tasks.push_front(Task::Tar(shown, source, Box::default())),
            None if in_folder => return self.note(&shown, "this is no archive"),
            None => {}
        }
        let table = bundle::lone_table(&name, head).filter(|_| synprof::looks_like(head).is_none());
        let called = match table {
            Some(table) if !bundle::is_table(&name) => Some(table.file_name()),
            Some(_) => Some(&*name),
            None => (self.n_given > 1 && bundle::is_worker_trace(&name)).then_some(&*name),
        };
        let path = match (called, &*folder) {
            (Some(called), "") => called.to_owned(),
            (Some(called), folder) => format!("{folder}/{called}"),
            (None, _) => name.clone(),
        };
        let is_of_worker = called.is_some();
        let file = self.add(path, bytes, Place::File(source));
        self.plan.shown.insert(file, shown);
        if is_of_worker {
            self.loose_of_workers.push(file);
        } else {
            let looks = looks_of(head, false);
            self.loose.push(Loose { file, folder, looks });
        }
    }

    fn found_in(&mut self, folder: &mut Folder<S>, entry: Entry<S>) {
        let path = entry.path;
        match entry.kind {
            EntryKind::File { .. } if folder.found.len() >= MAX_FILES => {
                folder.left.clear();
                self.note(
                    &folder.shown,
                    format!("only the first {MAX_FILES} files are looked at"),
                );
            }
            EntryKind::File { bytes } => folder.found.push(Found {
                path,
                bytes,
                place: Place::File(entry.source),
                head: None,
            }),
            EntryKind::Folder => self.note(&path, "not looked at: it lies too deep"),
            EntryKind::Unreadable(why)
                if is_looked_at(&path) || bundle::is_table(&path) || is_archive_name(&path) =>
            {
                self.fail(&path, why);
            }
            EntryKind::Unreadable(_) => {}
        }
    }

    fn archive_listed(&mut self, shown: String, members: &Members, found: Vec<Found<S>>) {
        if members.ends_early {
            self.note(&shown, "the archive breaks off; what is listed is read");
        }
        if members.n_not_listed > 0 {
            let n = show::counted(members.n_not_listed, "more file");
            self.note(&shown, format!("{n} not looked at"));
        }
        self.listed(shown, true, found);
    }

    /// What a folder or an archive is by the names in it: an hltv, or results of workers; else the first bytes of its
    /// files say what they are.
    fn listed(&mut self, shown: String, is_archive: bool, found: Vec<Found<S>>) {
        let container = self.plan.containers.len();
        let start = self.plan.files.len();
        for found in found {
            let file = self.add(found.path, found.bytes, found.place);
            self.heads.extend(found.head.map(|head| (file, head)));
        }
        let files = start..self.plan.files.len();
        self.plan.containers.push(Container {
            shown: shown.clone(),
            is_archive,
            files: files.clone(),
            ..Container::default()
        });
        let given = &self.plan.files[files.clone()];
        let sorted = bundle::sort(given);
        let hltv = hltv::sort(given).filter(|_| is_archive || sorted.workers.is_empty());
        if let Some(found) = hltv {
            let name = file_name(&shown).to_owned();
            let what = What::Hltv { found, files };
            self.opens.push(Recording {
                name,
                what,
                container: Some(container),
            });
        } else if sorted.workers.is_empty() {
            let left = files
                .filter(|&i| is_looked_at(&self.plan.files[i].path))
                .collect();
            let seen = Vec::new();
            return self.tasks.push_front(Task::Heads(left, seen));
        } else {
            let workers = sorted.workers.into_iter().map(|w| w.mapped(&|i| start + i));
            let workers = workers.map(|w| Recording::of_worker(w, Some(container)));
            self.workers.extend(workers);
            if !sorted.others.is_empty() {
                let n = show::counted(sorted.others.len() as u64, "file");
                self.note(
                    &shown,
                    format!("{n} in it, no result of the profiler that is read here"),
                );
            }
            self.leave_out(&shown, sorted.n_left_out);
        }
        self.archives_within(true);
    }

    fn leave_out(&mut self, about: &str, n_workers: usize) {
        if n_workers > 0 {
            self.note(about, format!("{n_workers} more workers are left out"));
        }
    }

    /// What a file in the last folder or archive looks like; `None` of the first bytes: they are not known.
    fn head_seen(&mut self, file: usize, head: Result<Option<Vec<u8>>, String>) -> Option<Loose> {
        let Given { path, bytes } = &self.plan.files[file];
        let looks = match head {
            Ok(Some(head)) => looks_of(&head, head.len() as u64 >= *bytes),
            Ok(None) => Looks::Unknown,
            Err(why) => {
                let said = self.plan.said_of(file, why, true);
                self.plan.said.push(said);
                self.plan.containers.last_mut()?.n_unreadable += 1;
                return None;
            }
        };
        let folder = folder_of(path).to_owned();
        Some(Loose { file, folder, looks })
    }

    /// Of the last folder or archive: what is a trace, what stands beside one, and what is neither.
    fn all_seen(&mut self, seen: Vec<Loose>) {
        let Some(last) = self.plan.containers.last_mut() else {
            return;
        };
        let (mut traces, mut beside) = (Vec::new(), Vec::new());
        for one in seen {
            match one.looks {
                Looks::Metrics | Looks::OperatorTable => beside.push(one),
                // Torch's table is looked for in text; a trace is not.
                _ if !is_trace_name(&self.plan.files[one.file].path) => {}
                Looks::Trace | Looks::Unknown => traces.push(one),
                Looks::NoTrace | Looks::Synprof(_) => last.n_no_trace += 1,
            }
        }
        let about = last.shown.clone();
        let has_traces = !traces.is_empty();
        traces.append(&mut beside);
        let container = self.plan.containers.len() - 1;
        let mut opens = plan::paired(&traces, &self.plan.files, Some(container));
        let n_before = opens.len();
        // Beside traces of others, a metrics file says nothing that was asked for.
        opens.retain(|recording| !has_traces || !recording.is_metrics());
        if opens.len() < n_before {
            let n = show::counted((n_before - opens.len()) as u64, "metrics file or operator table");
            self.note(
                &about,
                format!("{n} in it, not opened: whose it is, is not known"),
            );
        }
        let has_opened = !opens.is_empty();
        self.opens.append(&mut opens);
        self.archives_within(has_opened);
    }

    /// Archives in the last folder are opened where it opens as nothing else.
    fn archives_within(&mut self, has_opened: bool) {
        let Some(last) = self.plan.containers.last_mut() else {
            return;
        };
        let files = last.files.clone();
        let archives: Vec<usize> = files
            .filter(|&i| is_archive_name(&self.plan.files[i].path))
            .collect();
        if archives.is_empty() {
            return;
        }
        last.opens_archives = !has_opened && !last.is_archive;
        if !last.opens_archives {
            let about = last.shown.clone();
            let n = show::counted(archives.len() as u64, "archive");
            return self.note(&about, format!("{n} in it, not opened: give them by name"));
        }
        for file in archives.into_iter().rev() {
            let Given { path, bytes } = self.plan.files[file].clone();
            if let Place::File(source) = self.plan.places[file].clone() {
                let kind = EntryKind::File { bytes };
                let shown = path.clone();
                let entry = Entry { path, source, kind };
                let folder = String::new();
                self.tasks
                    .push_front(Task::Given(Input { shown, folder, entry }, true));
            }
        }
    }

    /// What is opened, and what is said; once nothing is needed any more.
    pub fn finish(mut self) -> Plan<S> {
        let of_workers = self.loose_of_workers.iter().map(|&i| self.plan.files[i].clone());
        let loose = bundle::sort(&of_workers.collect::<Vec<_>>()).workers.into_iter();
        let loose = loose.map(|w| Recording::of_worker(w.mapped(&|i| self.loose_of_workers[i]), None));
        let mut recordings: Vec<Recording> = loose.chain(std::mem::take(&mut self.workers)).collect();
        let n_left_out = recordings.len().saturating_sub(bundle::MAX_WORKERS);
        recordings.truncate(bundle::MAX_WORKERS);
        self.leave_out("", n_left_out);
        recordings.append(&mut self.opens);
        recordings.extend(plan::synprof_tables(&self.loose, &self.plan.files));
        self.loose
            .retain(|loose| !matches!(loose.looks, Looks::Synprof(_)));
        recordings.extend(plan::paired(&self.loose, &self.plan.files, None));
        self.plan.recordings = recordings;
        self.plan
    }
}

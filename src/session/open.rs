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
pub use plan::{Failure, Gathering, OfWorker, Plan, Ready, Recording, Text};
use rustc_hash::FxHashMap;

use super::archive::{Kind, Members, Tar, ZipListing};
use super::bundle::{self, Given, MAX_TABLE_BYTES, WorkerFiles};
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

/// A folder or an archive.
#[derive(Debug)]
struct Container {
    shown: String,
    is_archive: bool,
    files: Range<usize>,
    /// Files that were read and hold no trace.
    n_no_trace: u64,
    n_unreadable: u64,
    n_opened: u64,
    /// What it opens as, apart from workers.
    opens: Vec<Recording>,
    workers: Vec<WorkerFiles>,
    /// Archives in it are opened as if they had been given.
    opens_archives: bool,
}

impl Container {
    fn what(&self) -> &'static str {
        if self.is_archive { "archive" } else { "folder" }
    }
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

/// Files and folders in order, each with its depth.
type Left<S> = VecDeque<(Entry<S>, usize)>;

#[derive(Debug)]
enum Task<S> {
    Loose(Input<S>),
    /// A folder that is listed already.
    Listed(String, Left<S>),
    /// What is left of a folder.
    Folder(Left<S>),
    Zip(S, Listing),
    Tar(S, Box<TarReading>),
    /// A file in the last folder or archive, of which the first bytes are to be seen.
    Member(usize),
    /// All first bytes were seen.
    EndOfContainer,
    /// A file in a folder that is called as an archive.
    Inside(usize),
}

struct Listing(ZipListing);

impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listing")
    }
}

/// A tar while it streams by. What is read whole later is kept: finding it again would mean inflating all of it.
#[derive(Default)]
struct TarReading {
    tar: Tar,
    inflater: Inflater,
    is_compressed: Option<bool>,
    /// Most bytes of each member that are kept.
    limits: Vec<u64>,
    kept: FxHashMap<usize, Vec<u8>>,
    n_kept: u64,
}

impl std::fmt::Debug for TarReading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TarReading")
    }
}

impl TarReading {
    fn feed(&mut self, raw: &[u8]) {
        self.is_compressed.get_or_insert(is_gzip(raw));
        let (tar, limits, kept, n_kept) = (&mut self.tar, &mut self.limits, &mut self.kept, &mut self.n_kept);
        for part in raw.chunks(64 << 10) {
            self.inflater.feed(part, &mut |text| {
                let mut pieces = Vec::new();
                let known: &[u64] = limits;
                tar.feed(text, &mut |i, bytes| {
                    if known.get(i) != Some(&0) {
                        pieces.push((i, bytes.to_vec()));
                    }
                });
                for member in tar.members().iter().skip(limits.len()) {
                    let is_whole = (bundle::is_table(&member.path) || hltv::is_wanted(&member.path))
                        && member.size <= MAX_TABLE_BYTES;
                    limits.push(match is_whole {
                        true => member.size,
                        false if is_looked_at(&member.path) => MEMBER_HEAD,
                        false => 0,
                    });
                }
                for (i, bytes) in pieces {
                    let limit = limits.get(i).copied().unwrap_or(0);
                    if limit == 0 || *n_kept >= MAX_TABLE_BYTES {
                        continue;
                    }
                    let held = kept.entry(i).or_default();
                    let room = usize::try_from(limit).unwrap_or(usize::MAX) - held.len();
                    let taken = &bytes[..bytes.len().min(room)];
                    held.extend_from_slice(taken);
                    *n_kept += taken.len() as u64;
                }
            });
        }
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
    files: Vec<Given>,
    places: Vec<Place<S>>,
    /// First bytes that were seen while a tar was listed.
    heads: FxHashMap<usize, Vec<u8>>,
    /// Looks of the files of the last folder or archive.
    seen: Vec<(usize, Looks)>,
    containers: Vec<Container>,
    /// Tables, and traces called as one of a worker, that were given by name.
    loose_of_workers: Vec<usize>,
    loose: Vec<Loose>,
    /// What messages call the files that were given by name.
    shown: FxHashMap<usize, String>,
    said: Vec<Said>,
    n_given: usize,
}

impl<S: Clone> Opening<S> {
    pub fn new(given: Vec<Input<S>>) -> Opening<S> {
        let mut opening = Opening {
            tasks: VecDeque::new(),
            files: Vec::new(),
            places: Vec::new(),
            heads: FxHashMap::default(),
            seen: Vec::new(),
            containers: Vec::new(),
            loose_of_workers: Vec::new(),
            loose: Vec::new(),
            shown: FxHashMap::default(),
            said: Vec::new(),
            n_given: given.len(),
        };
        let mut folders: Vec<(String, Left<S>)> = Vec::new();
        for input in given {
            if let Some((top, _)) = input.entry.path.split_once('/') {
                let place = folders.iter().position(|(name, _)| name == top);
                let place = place.unwrap_or_else(|| {
                    folders.push((top.to_owned(), VecDeque::new()));
                    folders.len() - 1
                });
                folders[place].1.push_back((input.entry, 0));
            } else {
                opening.tasks.push_back(Task::Loose(input));
            }
        }
        let listed = folders
            .into_iter()
            .map(|(name, entries)| Task::Listed(name, entries));
        opening.tasks.extend(listed);
        opening
    }

    /// What is needed now. The same, until it is provided.
    pub fn poll(&mut self) -> Need<S> {
        loop {
            let Some(task) = self.tasks.front_mut() else {
                return Need::Done;
            };
            match task {
                Task::Loose(input) => match &input.entry.kind {
                    EntryKind::File { .. } => {
                        return Need::Head {
                            place: Place::File(input.entry.source.clone()),
                            len: HEAD,
                        };
                    }
                    EntryKind::Folder | EntryKind::Unreadable(_) => self.begin_other(),
                },
                Task::Listed(..) => self.begin_other(),
                Task::Folder(entries) => match entries.front() {
                    Some((entry, depth))
                        if matches!(entry.kind, EntryKind::Folder) && *depth <= MAX_DEPTH =>
                    {
                        return Need::List(entry.source.clone());
                    }
                    Some(_) => self.next_of_folder(),
                    None => self.end_of_list(),
                },
                Task::Zip(source, listing) => {
                    return Need::Read {
                        source: source.clone(),
                        range: listing.0.wants(),
                    };
                }
                Task::Tar(source, _) => return Need::Stream(source.clone()),
                &mut Task::Member(file) => match (self.heads.remove(&file), &self.places[file]) {
                    (Some(head), _) => self.member_seen(file, &head),
                    (None, Place::Held(bytes)) => {
                        let head = bytes.clone();
                        self.member_seen(file, &head);
                    }
                    (None, Place::Unreadable(why)) => {
                        let why = why.clone();
                        self.not_to_be_had(why);
                    }
                    // Its first bytes were not kept, and finding them means inflating all before them.
                    (None, Place::Text(..)) => {
                        self.tasks.pop_front();
                        self.seen.push((file, Looks::Unknown));
                    }
                    (None, place) => {
                        return Need::Head {
                            place: place.clone(),
                            len: MEMBER_HEAD,
                        };
                    }
                },
                Task::EndOfContainer => self.end_of_container(),
                &mut Task::Inside(file) => {
                    return Need::Head {
                        place: self.places[file].clone(),
                        len: HEAD,
                    };
                }
            }
        }
    }

    /// The next bytes of [`Need::Stream`].
    pub fn feed(&mut self, raw: &[u8]) {
        if let Some(Task::Tar(_, reading)) = self.tasks.front_mut() {
            reading.feed(raw);
        }
    }

    /// What [`Opening::poll`] needed, or why it is not to be had. That refuses nothing else.
    pub fn provide(&mut self, provided: Result<Provided<S>, String>) {
        let provided = match provided {
            Ok(provided) => provided,
            Err(why) => return self.not_to_be_had(why),
        };
        match (self.tasks.front_mut(), provided) {
            (Some(Task::Loose(_)), Provided::Bytes(head)) => self.loose_seen(&head),
            (Some(Task::Folder(left)), Provided::Entries(mut entries)) => {
                entries.sort_by(|a, b| a.path.cmp(&b.path));
                let Some((folder, depth)) = left.pop_front() else {
                    return;
                };
                for mut entry in entries.into_iter().rev() {
                    entry.path = format!("{}/{}", folder.path, entry.path);
                    left.push_front((entry, depth + 1));
                }
            }
            (Some(Task::Zip(_, listing)), Provided::Bytes(bytes)) => match listing.0.feed(&bytes) {
                Ok(None) => {}
                Ok(Some(members)) => self.members(members, None),
                Err(why) => self.not_to_be_had(why.to_string()),
            },
            (Some(Task::Tar(_, reading)), Provided::End) => {
                let mut reading = std::mem::take(&mut **reading);
                let members = std::mem::take(&mut reading.tar).finish();
                self.members(members, Some(reading));
            }
            (Some(&mut Task::Member(file)), Provided::Bytes(head)) => self.member_seen(file, &head),
            (Some(&mut Task::Inside(file)), Provided::Bytes(head)) => self.inside_seen(file, &head),
            _ => debug_assert!(false, "that was not needed"),
        }
    }

    fn say(&mut self, about: &str, says: String, is_failure: bool) {
        self.said.push(Said {
            about: about.to_owned(),
            says,
            is_failure,
        });
    }

    fn not_to_be_had(&mut self, why: String) {
        match self.tasks.pop_front() {
            Some(Task::Loose(input)) => self.say(&input.shown, why, true),
            Some(Task::Folder(mut left)) => {
                let Some((entry, depth)) = left.pop_front() else {
                    return;
                };
                if depth > 0 {
                    self.say(&entry.path, why, true);
                    self.tasks.push_front(Task::Folder(left));
                } else if let Some(folder) = self.containers.pop() {
                    self.say(&folder.shown, why, true);
                }
            }
            Some(Task::Zip(..) | Task::Tar(..)) => {
                if let Some(archive) = self.containers.pop() {
                    self.say(&archive.shown, why, true);
                }
            }
            Some(Task::Member(file) | Task::Inside(file)) => {
                let about = plan::called(file, &self.files, &self.shown, &self.containers);
                if let Some(last) = self.containers.last_mut() {
                    last.n_unreadable += 1;
                }
                self.say(&about, why, true);
            }
            Some(Task::Listed(..) | Task::EndOfContainer) | None => {}
        }
    }

    fn begin(&mut self, shown: String, is_archive: bool, task: Task<S>) {
        let at = self.files.len();
        self.containers.push(Container {
            shown,
            is_archive,
            files: at..at,
            n_no_trace: 0,
            n_unreadable: 0,
            n_opened: 0,
            opens: Vec::new(),
            workers: Vec::new(),
            opens_archives: false,
        });
        self.tasks.push_front(task);
    }

    fn begin_archive(&mut self, shown: String, kind: Kind, source: S, bytes: u64) {
        let task = match kind {
            Kind::Zip => Task::Zip(source, Listing(ZipListing::new(bytes))),
            Kind::Tar => Task::Tar(source, Box::default()),
        };
        self.begin(shown, true, task);
    }

    fn add(&mut self, path: String, bytes: u64, place: Place<S>) -> usize {
        self.files.push(Given { path, bytes });
        self.places.push(place);
        self.files.len() - 1
    }

    /// Something that was given by name, and is no file.
    fn begin_other(&mut self) {
        match self.tasks.pop_front() {
            Some(Task::Loose(input)) => match input.entry.kind {
                EntryKind::Unreadable(why) => self.say(&input.shown, why, true),
                _ => {
                    let whole = VecDeque::from([(input.entry, 0)]);
                    self.begin(input.shown, false, Task::Folder(whole));
                }
            },
            Some(Task::Listed(name, entries)) => self.begin(name, false, Task::Folder(entries)),
            _ => {}
        }
    }

    /// The first bytes of a file that was given by name say what it is; where they do not, its name does.
    fn loose_seen(&mut self, head: &[u8]) {
        let Some(Task::Loose(input)) = self.tasks.pop_front() else {
            return;
        };
        let bytes = match input.entry.kind {
            EntryKind::File { bytes } => bytes,
            _ => 0,
        };
        let source = input.entry.source;
        let name = input.entry.path;
        if let Some(kind) = archive_kind(head) {
            return self.begin_archive(input.shown, kind, source, bytes);
        }
        let is_synprof = synprof::looks_like(head).is_some();
        let table = bundle::lone_table(&name, head).filter(|_| !is_synprof);
        let is_trace_of_worker = self.n_given > 1 && bundle::is_worker_trace(&name);
        let of_worker = match table {
            Some(table) if !bundle::is_table(&name) => Some(table.file_name().to_owned()),
            Some(_) => Some(name.clone()),
            None => is_trace_of_worker.then(|| name.clone()),
        };
        if let Some(name) = of_worker {
            let path = match &*input.folder {
                "" => name,
                folder => format!("{folder}/{name}"),
            };
            let file = self.add(path, bytes, Place::File(source));
            self.shown.insert(file, input.shown);
            self.loose_of_workers.push(file);
            return;
        }
        let file = self.add(name, bytes, Place::File(source));
        self.shown.insert(file, input.shown);
        self.loose.push(Loose {
            file,
            folder: input.folder,
            looks: looks_of(head, false),
        });
    }

    fn next_of_folder(&mut self) {
        let Some(Task::Folder(left)) = self.tasks.front_mut() else {
            return;
        };
        let Some((entry, _)) = left.pop_front() else {
            return;
        };
        let is_known = |path: &str| is_looked_at(path) || bundle::is_table(path) || is_archive_name(path);
        match entry.kind {
            EntryKind::File { .. } if self.files_of_last() >= MAX_FILES => {
                if let Some(Task::Folder(left)) = self.tasks.front_mut() {
                    left.clear();
                }
                let about = self
                    .containers
                    .last()
                    .map_or_else(String::new, |c| c.shown.clone());
                self.say(
                    &about,
                    format!("only the first {MAX_FILES} files are looked at"),
                    false,
                );
            }
            EntryKind::File { bytes } => {
                self.add(entry.path, bytes, Place::File(entry.source));
            }
            EntryKind::Folder => {
                self.say(&entry.path, "not looked at: it lies too deep".to_owned(), false);
            }
            EntryKind::Unreadable(why) if is_known(&entry.path) => self.say(&entry.path, why, true),
            EntryKind::Unreadable(_) => {}
        }
    }

    fn files_of_last(&self) -> usize {
        self.containers
            .last()
            .map_or(0, |c| self.files.len() - c.files.start)
    }

    /// What lies in the archive that was listed.
    fn members(&mut self, members: Members, mut tar: Option<TarReading>) {
        let Some(Task::Zip(source, _) | Task::Tar(source, _)) = self.tasks.front() else {
            return;
        };
        let source = source.clone();
        let about = self
            .containers
            .last()
            .map_or_else(String::new, |c| c.shown.clone());
        if members.ends_early {
            self.say(
                &about,
                "the archive breaks off; what is listed is read".to_owned(),
                false,
            );
        }
        if members.n_not_listed > 0 {
            let n = show::counted(members.n_not_listed, "more file");
            self.say(&about, format!("{n} not looked at"), false);
        }
        for (i, member) in members.list.into_iter().enumerate() {
            let (path, size) = (member.path.clone(), member.size);
            let kept = tar.as_mut().and_then(|tar| tar.kept.remove(&i));
            let is_whole = kept.as_ref().is_some_and(|bytes| bytes.len() as u64 == size);
            let is_compressed = tar.as_ref().map(|tar| tar.is_compressed.unwrap_or(false));
            let mut head = None;
            let place = match kept {
                Some(bytes) if is_whole => Place::Held(bytes),
                kept => {
                    head = kept;
                    Place::of_member(source.clone(), member, is_compressed)
                }
            };
            let file = self.add(path, size, place);
            if let Some(head) = head {
                self.heads.insert(file, head);
            }
        }
        self.end_of_list();
    }

    /// The last folder or archive is listed: what it is by the names in it, and whose first bytes are to be seen.
    fn end_of_list(&mut self) {
        self.tasks.pop_front();
        let end = self.files.len();
        let Some(last) = self.containers.last_mut() else {
            return;
        };
        last.files.end = end;
        let start = last.files.start;
        let given = &self.files[last.files.clone()];
        let sorted = bundle::sort(given);
        let found = hltv::sort(given).filter(|_| last.is_archive || sorted.workers.is_empty());
        self.seen.clear();
        self.tasks.push_front(Task::EndOfContainer);
        if let Some(found) = found {
            let files = last.files.clone();
            let shown = last.shown.clone();
            let container = self.containers.len() - 1;
            let last = &mut self.containers[container];
            last.opens
                .push(Recording::of_hltv(&shown, found, files, container));
        } else if sorted.workers.is_empty() {
            let looked_at = last.files.clone().filter(|&i| is_looked_at(&self.files[i].path));
            for file in looked_at.rev().collect::<Vec<_>>() {
                self.tasks.push_front(Task::Member(file));
            }
        } else {
            let about = last.shown.clone();
            last.workers = sorted
                .workers
                .into_iter()
                .map(|w| w.mapped(&|i| start + i))
                .collect();
            if !sorted.others.is_empty() {
                let n = show::counted(sorted.others.len() as u64, "file");
                self.say(
                    &about,
                    format!("{n} in it, no result of the profiler that is read here"),
                    false,
                );
            }
            if sorted.n_left_out > 0 {
                self.say(
                    &about,
                    format!("{} more workers are left out", sorted.n_left_out),
                    false,
                );
            }
        }
    }

    fn member_seen(&mut self, file: usize, head: &[u8]) {
        self.tasks.pop_front();
        let is_all = (head.len() as u64) >= self.files[file].bytes;
        self.seen.push((file, looks_of(head, is_all)));
    }

    fn end_of_container(&mut self) {
        self.tasks.pop_front();
        let seen = std::mem::take(&mut self.seen);
        let Some(c) = self.containers.len().checked_sub(1) else {
            return;
        };
        let is_trace = |&&(file, looks): &&(usize, Looks)| {
            is_trace_name(&self.files[file].path) && matches!(looks, Looks::Trace | Looks::Unknown)
        };
        let as_loose = |&(file, looks): &(usize, Looks)| Loose {
            file,
            folder: folder_of(&self.files[file].path).to_owned(),
            looks,
        };
        let is_beside = |looks| matches!(looks, Looks::Metrics | Looks::OperatorTable);
        let traces: Vec<Loose> = seen.iter().filter(is_trace).map(as_loose).collect();
        let beside: Vec<Loose> = seen
            .iter()
            .filter(|(_, looks)| is_beside(*looks))
            .map(as_loose)
            .collect();
        let is_other = |(file, looks): &&(usize, Looks)| {
            let is_used = matches!(looks, Looks::Trace | Looks::Unknown) || is_beside(*looks);
            is_trace_name(&self.files[*file].path) && !is_used
        };
        let n_no_trace = seen.iter().filter(is_other).count() as u64;
        let has_traces = !traces.is_empty();
        let all: Vec<Loose> = traces.into_iter().chain(beside).collect();
        let mut opens = plan::paired(&all, |file| self.files[file].path.clone(), Some(c));
        let n_before = opens.len();
        // Beside traces of others, a metrics file says nothing that was asked for.
        opens.retain(|recording| !has_traces || !recording.is_metrics());
        let n_unpaired = (n_before - opens.len()) as u64;
        let last = &mut self.containers[c];
        last.n_no_trace = n_no_trace;
        last.opens.extend(opens);
        let (about, files) = (last.shown.clone(), last.files.clone());
        let opens_nothing = last.opens.is_empty() && last.workers.is_empty();
        if n_unpaired > 0 {
            let n = show::counted(n_unpaired, "metrics file or operator table");
            self.say(
                &about,
                format!("{n} in it, not opened: whose it is, is not known"),
                false,
            );
        }
        let archives: Vec<usize> = files.filter(|&i| is_archive_name(&self.files[i].path)).collect();
        if archives.is_empty() {
            return;
        }
        if opens_nothing && !self.containers[c].is_archive {
            self.containers[c].opens_archives = true;
            for file in archives.into_iter().rev() {
                self.tasks.push_front(Task::Inside(file));
            }
        } else {
            let n = show::counted(archives.len() as u64, "archive");
            self.say(&about, format!("{n} in it, not opened: give them by name"), false);
        }
    }

    /// The first bytes of a file in a folder that is called as an archive.
    fn inside_seen(&mut self, file: usize, head: &[u8]) {
        self.tasks.pop_front();
        let Place::File(source) = &self.places[file] else {
            return;
        };
        let (source, Given { path, bytes }) = (source.clone(), self.files[file].clone());
        match archive_kind(head) {
            Some(kind) => self.begin_archive(path, kind, source, bytes),
            None => self.say(&path, "this is no archive".to_owned(), false),
        }
    }

    /// What is opened, and what is said; once nothing is needed any more.
    pub fn finish(mut self) -> Plan<S> {
        let of_workers: Vec<Given> = self
            .loose_of_workers
            .iter()
            .map(|&i| self.files[i].clone())
            .collect();
        let sorted = bundle::sort(&of_workers);
        let mut recordings: Vec<Recording> = Vec::new();
        let back = |worker: WorkerFiles| worker.mapped(&|i| self.loose_of_workers[i]);
        recordings.extend(
            sorted
                .workers
                .into_iter()
                .map(|w| Recording::of_worker(back(w), None)),
        );
        for (c, container) in self.containers.iter_mut().enumerate() {
            let workers = std::mem::take(&mut container.workers);
            recordings.extend(workers.into_iter().map(|w| Recording::of_worker(w, Some(c))));
        }
        if recordings.len() > bundle::MAX_WORKERS {
            let n = recordings.len() - bundle::MAX_WORKERS;
            recordings.truncate(bundle::MAX_WORKERS);
            self.say("", format!("{n} more workers are left out"), false);
        }
        for container in &mut self.containers {
            recordings.append(&mut container.opens);
        }
        recordings.extend(plan::synprof_tables(&self.loose, &self.files));
        let plain: Vec<Loose> = self
            .loose
            .iter()
            .filter(|loose| !matches!(loose.looks, Looks::Synprof(_)))
            .cloned()
            .collect();
        recordings.extend(plan::paired(&plain, |file| self.files[file].path.clone(), None));
        Plan::new(self, recordings)
    }
}

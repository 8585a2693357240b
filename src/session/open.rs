//! What becomes of the files, folders and archives that were given: which of them open as what, in which order, what
//! stands beside what, and what is said of the rest.
//!
//! Does no I/O: [`Opening::poll`] says what it needs next and is provided with it; the [`Plan`] that comes of it says
//! which files are read whole before a trace ([`Gathering`]), and what is opened then ([`Ready`]). The command line and
//! the page's worker fetch bytes and decide nothing.

mod location;
mod opening_plan;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

pub use location::{Location, Stream, Unpacker, Whole, WholeFile};
use location::{Of, Packed};
use opening_plan::What;
pub use opening_plan::{Failure, Gathering, Naming, OfWorker, Plan, Ready, Recording, Text};
use rustc_hash::FxHashMap;

use super::archive::{Kind, Link, Member, Members, Tar, ZipListing};
use super::bundle::{self, Given, MAX_TABLE_BYTES};
use super::{Inflated, Inflater, Loader, archive_kind, hltv_archive, is_gzip, synprof_files};
use crate::base::{DefectKind, show};
use crate::dialect::{gaudi_metrics, key_averages};

/// Folders below the one that was given.
const MAX_DEPTH: usize = 12;
/// More files of a folder are not looked at.
const MAX_FILES: usize = 200_000;
/// First bytes that tell what a file is: a compressed tar wants so many.
pub const HEAD: u64 = 64 << 10;
/// First bytes of a file in a folder or an archive.
const MEMBER_HEAD: u64 = 16 << 10;
/// Members of a zip that lie within so many bytes are looked at with one read.
const AHEAD: u64 = 1 << 20;
/// Files of a folder or an archive that may be of other kinds: more are not looked at.
const MAX_WRONG_HEADS: usize = 1000;

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
    File {
        bytes: u64,
    },
    Folder,
    /// A link in a folder that leads to a folder: where that is.
    FolderLink(String),
    /// A pipe, a socket or a device in a folder.
    Special,
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
    Head { place: Location<S>, len: u64 },
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
    /// Their names, as many as a sentence lists.
    no_trace: Vec<String>,
    /// Files of a known other kind.
    n_wrong: u64,
    /// Tables and pictures.
    n_beside: u64,
    n_unreadable: u64,
    /// Files that may be of other kinds, too many to look at.
    n_not_looked_at: u64,
    n_opened: u64,
    /// It opens as workers; the rest of it is looked at all the same.
    has_workers: bool,
    /// Archives in it are opened as if they had been given.
    opens_archives: bool,
}

impl Container {
    fn holds_none(&mut self, path: &str, naming: Naming) {
        self.n_no_trace += 1;
        if self.no_trace.len() < naming.in_sentence() {
            // Below the folder that is named before them.
            let below = path.split_once('/').filter(|_| !self.is_archive);
            self.no_trace
                .push(below.map_or(path, |(_, below)| below).to_owned());
        }
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
    Synprof(synprof_files::Kind),
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
    place: Location<S>,
    head: Option<Vec<u8>>,
}

impl<S: Clone> Found<S> {
    /// `kept` is a tar's; of a member that cannot be read, it is not the file's content.
    fn of_member(source: &S, member: Member, kept: Option<Vec<u8>>, of: &Of) -> Found<S> {
        let (path, bytes) = (member.path.clone(), member.size);
        let (place, head) = match (Location::of_member(source.clone(), member, of), kept) {
            (place @ Location::Unreadable(_), _) => (place, None),
            (_, Some(all)) if all.len() as u64 == bytes => (Location::Held(all), None),
            found => found,
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
    /// Where it is, as links are stated.
    whole: String,
    /// Files and folders in it, each with its depth.
    left: VecDeque<(Entry<S>, usize)>,
    found: Vec<Found<S>>,
}

impl<S> Folder<S> {
    fn new(shown: String, within: &str, first: Entry<S>) -> Folder<S> {
        Folder {
            shown,
            whole: Path::new(within).join(&first.path).to_string_lossy().into_owned(),
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
    /// With the file as it was given, where its first bytes are not those of an archive.
    Zip(String, S, Box<ZipListing>, Option<Box<NoArchive<S>>>),
    Tar(String, S, Box<TarReading>, Option<Box<NoArchive<S>>>),
    /// Files of the last folder or archive of which the first bytes are to be seen, and those of which they were.
    Heads(Heads),
}

/// A file that is no archive, if no list of files is at its end, or no header of a file in it: its first bytes, and
/// whether a folder holds it.
struct NoArchive<S> {
    input: Input<S>,
    in_folder: bool,
    head: Vec<u8>,
}

impl<S> NoArchive<S> {
    fn new(input: Input<S>, in_folder: bool, head: &[u8]) -> Box<NoArchive<S>> {
        let head = head.to_vec();
        Box::new(NoArchive {
            input,
            in_folder,
            head,
        })
    }
}

#[derive(Default)]
struct Heads {
    left: VecDeque<usize>,
    seen: Vec<Loose>,
    ahead: Option<Ahead>,
}

/// Bytes of a zip that were read for the first bytes of a member, with those of the next members.
struct Ahead {
    /// It was read for this one.
    file: usize,
    at: u64,
    bytes: Vec<u8>,
}

impl Ahead {
    /// The first bytes of a member, if they are all here. Where they are not, its local header is longer than usual, or
    /// it is damaged.
    fn head<S: Clone>(&self, place: &Location<S>) -> Option<Vec<u8>> {
        let stretch = |range: Range<u64>| {
            let at = |n: u64| usize::try_from(n.checked_sub(self.at)?).ok();
            self.bytes.get(at(range.start)?..at(range.end)?)
        };
        let stream = place.stream(stretch(place.wants()?.1)?).ok()?;
        let Range { start, end } = stream.middle;
        let middle = stretch(start..end.min(start + MEMBER_HEAD))?;
        let mut head = [&stream.before, middle].concat();
        if end - start <= MEMBER_HEAD {
            head.extend(stream.after);
        }
        head.truncate(usize::try_from(MEMBER_HEAD).unwrap_or(usize::MAX));
        Some(head)
    }
}

/// A tar while it streams by. What is read whole later is kept: finding it again would mean inflating all of it.
#[derive(Default)]
struct TarReading {
    tar: Tar,
    inflater: Inflater,
    kept: FxHashMap<usize, Vec<u8>>,
    n_kept: u64,
}

impl TarReading {
    fn feed(&mut self, raw: &[u8]) {
        let (tar, kept, n_kept) = (&mut self.tar, &mut self.kept, &mut self.n_kept);
        let mut keep = |i: usize, member: &Member, bytes: &[u8]| {
            let is_whole = bundle::is_table(&member.path) || hltv_archive::is_wanted(&member.path);
            let limit = match member.size {
                size if is_whole && size <= MAX_TABLE_BYTES => size,
                _ if is_looked_at(&member.path) || may_be_other(&member.path) => MEMBER_HEAD,
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

    /// What lies in it, and how it was compressed.
    fn found<S: Clone>(mut self, source: &S) -> (Members, Vec<Found<S>>, Inflated) {
        let mut members = self.tar.finish();
        let is_compressed = self.inflater.is_gzip();
        let (inflated, checkpoints) = self.inflater.finish();
        let of = match is_compressed {
            true => Of::Packed(Arc::new(Packed::new(checkpoints))),
            false => Of::Tar,
        };
        let list = std::mem::take(&mut members.list).into_iter().enumerate();
        let found = list.map(|(i, member)| Found::of_member(source, member, self.kept.remove(&i), &of));
        let found = found.collect();
        (members, found, inflated)
    }
}

/// Whether a path ends in one of these, in whatever case.
fn ends_in(path: &str, endings: &[&str]) -> bool {
    let path = path.as_bytes();
    let is_end = |ending: &&str| {
        let end = path.len().checked_sub(ending.len()).map(|at| &path[at..]);
        end.is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
    };
    endings.iter().any(is_end)
}

/// A trace is looked for under these names alone: in folders lies much else.
fn is_trace_name(path: &str) -> bool {
    ends_in(path, &[".json", ".json.gz"])
}

/// Whether the first bytes of a file in a folder or an archive are looked at. Torch's own table is text.
fn is_looked_at(path: &str) -> bool {
    is_trace_name(path) || ends_in(path, &[".txt"])
}

/// Files of tools that are taken for traces, and traces that are packed in ways that are not read: they are named by
/// their first bytes.
fn is_wrong_name(path: &str) -> bool {
    const ENDINGS: &[&str] = &[
        ".nsys-rep",
        ".qdrep",
        ".ncu-rep",
        ".sqlite",
        ".sqlite3",
        ".db",
        ".pb",
        ".pftrace",
        ".perfetto-trace",
        ".pickle",
        ".pkl",
        ".hatchet",
        ".jsonl",
        ".ndjson",
        ".msgpack",
        ".html",
        ".htm",
        ".xml",
        ".data",
        ".npy",
        ".parquet",
        ".feather",
        ".arrow",
        ".h5",
        ".hdf5",
        ".zst",
        ".bz2",
        ".xz",
        ".lz4",
        ".7z",
        ".rar",
        ".z",
    ];
    ends_in(path, ENDINGS)
}

/// Names of traces that something was put behind (`.json.tmp`, `.json.1`, `.json.gz.part`) or that lost their ending:
/// whether they are traces, their first bytes say.
fn is_nearly_trace_name(path: &str) -> bool {
    const ENDINGS: &[&str] = &[
        ".trace",
        ".gz",
        ".tmp",
        ".temp",
        ".part",
        ".partial",
        ".crdownload",
        ".download",
        ".bak",
        ".old",
        ".orig",
        ".copy",
        ".save",
    ];
    let name = file_name(path);
    let is_number = |ending: &str| !ending.is_empty() && ending.bytes().all(|b| b.is_ascii_digit());
    let has_json = name.to_ascii_lowercase().contains("json");
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    !is_archive_name(path) && (has_json || ends_in(path, ENDINGS) || ending.is_none_or(is_number))
}

/// What is not called as a trace, and is looked at all the same, to be named.
fn may_be_other(path: &str) -> bool {
    is_wrong_name(path) || is_nearly_trace_name(path)
}

/// Tables and pictures lie beside traces in most folders: they are counted.
fn is_table_or_picture(path: &str) -> bool {
    const ENDINGS: &[&str] = &[
        ".csv", ".tsv", ".xlsx", ".txt", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".pdf",
    ];
    ends_in(path, ENDINGS)
}

fn is_archive_name(path: &str) -> bool {
    ends_in(path, &[".zip", ".tar", ".tar.gz", ".tgz", ".hltv"])
}

/// Whether a file of this name may be opened.
fn is_wanted_name(path: &str) -> bool {
    is_looked_at(path) || is_archive_name(path) || bundle::is_table(path)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether the list of a zip is looked for at the end of a file that does not start as one.
fn is_perhaps_zip(path: &str, head: &[u8]) -> bool {
    let is_json = matches!(head.trim_ascii_start(), [b'{' | b'[', ..]);
    let has_member = || memchr::memmem::find(head, b"PK\x03\x04").is_some();
    !is_json && !is_gzip(head) && (ends_in(path, &[".zip", ".hltv"]) || has_member())
}

/// Whether headers of a tar are looked for in a file that does not start with one.
fn is_perhaps_tar(path: &str, head: &[u8]) -> bool {
    let is_json = matches!(head.trim_ascii_start(), [b'{' | b'[', ..]);
    !is_json && !head.is_empty() && ends_in(path, &[".tar", ".tar.gz", ".tgz"])
}

/// What the first bytes say; `is_all`: there are no more. An error where they are damaged, or no trace.
fn looks_of(head: &[u8], is_all: bool) -> Result<Looks, Failure> {
    if let Some(kind) = synprof_files::looks_like(head) {
        return Ok(Looks::Synprof(kind));
    }
    if gaudi_metrics::looks_like(head) {
        return Ok(Looks::Metrics);
    }
    if key_averages::looks_like(&head[..head.len().min(512)]) {
        return Ok(Looks::OperatorTable);
    }
    let mut loader = Loader::new("");
    loader.feed(head);
    let is_certain = loader.error().is_some();
    let has_events = loader.events() > 0;
    match loader.finish().map_err(Failure::from) {
        Err(why) if is_all || is_certain => Err(why),
        _ if has_events => Ok(Looks::Trace),
        _ => Ok(Looks::Unknown),
    }
}

/// Whether a trace may be read that starts with `head`; `is_all`: there are no more bytes.
pub fn is_readable(head: &[u8], is_all: bool) -> Result<(), Failure> {
    looks_of(head, is_all).map(drop)
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

impl<S: Clone + PartialEq> Opening<S> {
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
                None => folders.push(Folder::new(top.to_owned(), "", input.entry)),
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
                n_wrong: 0,
                naming: Naming::default(),
            },
            n_given,
        }
    }

    /// How many of the files that are not opened are named.
    pub fn naming(mut self, naming: Naming) -> Opening<S> {
        self.plan.naming = naming;
        self
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
                let place = Location::File(input.entry.source.clone());
                is_file.then_some(Need::Head { place, len: HEAD })
            }
            Task::Folder(folder) => match folder.left.front()? {
                (entry, ..=MAX_DEPTH) if matches!(entry.kind, EntryKind::Folder) => {
                    Some(Need::List(entry.source.clone()))
                }
                _ => None,
            },
            Task::Zip(_, source, listing, _) => Some(Need::Read {
                source: source.clone(),
                range: listing.wants(),
            }),
            Task::Tar(_, source, ..) => Some(Need::Stream(source.clone())),
            Task::Heads(heads) => self.need_of_heads(heads),
        }
    }

    fn need_of_heads(&self, heads: &Heads) -> Option<Need<S>> {
        let file = heads.left.front()?;
        if self.heads.contains_key(file) {
            return None;
        }
        let place = &self.plan.places[*file];
        match (place, &heads.ahead) {
            (Location::Zip(..), Some(ahead)) if ahead.head(place).is_some() => None,
            (Location::Zip(source, member), ahead)
                if ahead.as_ref().is_none_or(|ahead| ahead.file != *file) =>
            {
                let mut range = member.head(MEMBER_HEAD);
                let places = heads.left.iter().skip(1).map(|&file| &self.plan.places[file]);
                for place in places {
                    let Location::Zip(_, next) = place else { break };
                    let next = next.head(MEMBER_HEAD);
                    if next.start < range.start || next.end > range.start + AHEAD {
                        break;
                    }
                    range.end = range.end.max(next.end);
                }
                let source = source.clone();
                Some(Need::Read { source, range })
            }
            (Location::File(_) | Location::Part(..) | Location::Zip(..), _) => Some(Need::Head {
                place: place.clone(),
                len: MEMBER_HEAD,
            }),
            // Of a compressed tar's member, finding the first bytes again means inflating what lies before them.
            (Location::Text(..) | Location::Held(_) | Location::Unreadable(_), _) => None,
        }
    }

    /// Goes on with the first task, which needs nothing.
    fn go_on(&mut self) {
        match self.tasks.pop_front() {
            Some(Task::Given(input, _)) => match input.entry.kind {
                EntryKind::Unreadable(why) => self.fail(&input.shown, why),
                _ => {
                    let folder = Folder::new(input.shown, &input.folder, input.entry);
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
            Some(Task::Heads(mut heads)) => {
                let Some(file) = heads.left.pop_front() else {
                    return self.all_seen(heads.seen);
                };
                let place = &self.plan.places[file];
                let head = match (self.heads.remove(&file), place) {
                    (Some(head), _) => Ok(Some(head)),
                    (None, Location::Held(bytes)) => Ok(Some(bytes.clone())),
                    (None, Location::Unreadable(why)) => Err(why.clone()),
                    (None, _) => Ok(heads.ahead.as_ref().and_then(|ahead| ahead.head(place))),
                };
                heads.seen.extend(self.head_seen(file, head));
                self.tasks.push_front(Task::Heads(heads));
            }
            Some(Task::Zip(..) | Task::Tar(..)) | None => {}
        }
    }

    /// The next bytes of [`Need::Stream`].
    pub fn feed(&mut self, raw: &[u8]) {
        if let Some(Task::Tar(_, _, reading, _)) = self.tasks.front_mut() {
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
            (Task::Zip(shown, source, mut listing, no_archive), Ok(Provided::Bytes(bytes))) => {
                match listing.feed(&bytes) {
                    Ok(None) => self
                        .tasks
                        .push_front(Task::Zip(shown, source, listing, no_archive)),
                    Ok(Some(members)) => {
                        let list = members.list.iter().cloned();
                        let found = list.map(|member| Found::of_member(&source, member, None, &Of::Zip));
                        self.archive_listed(shown, &members, found.collect());
                    }
                    Err(why) => match no_archive {
                        Some(no_archive) => {
                            self.file_seen(no_archive.input, no_archive.in_folder, &no_archive.head)
                        }
                        None => self.fail(&shown, why.to_string()),
                    },
                }
            }
            (Task::Tar(shown, source, reading, no_archive), Ok(Provided::End)) => {
                let (members, found, inflated) = reading.found(&source);
                if let Some(no_archive) = no_archive.filter(|_| members.is_empty()) {
                    return self.file_seen(no_archive.input, no_archive.in_folder, &no_archive.head);
                }
                match inflated.damage {
                    Some((at, why)) => self.fail(
                        &shown,
                        format!("the archive is damaged at byte {at} ({why}): files before that are read"),
                    ),
                    None if inflated.defects.has(DefectKind::is_wrong_checksum) => self.fail(
                        &shown,
                        "the archive is damaged: its checksum is wrong, and any file in it may be damaged",
                    ),
                    None => {}
                }
                self.archive_listed(shown, &members, found);
            }
            (Task::Zip(shown, ..) | Task::Tar(shown, ..), Err(why)) => self.fail(&shown, why),
            (Task::Heads(mut heads), provided) => {
                let asked = heads.left.front().copied();
                let was_tried = heads.ahead.as_ref().map(|ahead| ahead.file) == asked;
                match (asked, provided) {
                    (Some(file), Ok(Provided::Bytes(bytes)))
                        if !was_tried && matches!(self.plan.places[file], Location::Zip(..)) =>
                    {
                        let at = self.plan.places[file].wants().map_or(0, |(_, range)| range.start);
                        heads.ahead = Some(Ahead { file, at, bytes });
                    }
                    (Some(file), provided) => {
                        heads.left.pop_front();
                        let head = provided.map(|provided| match provided {
                            Provided::Bytes(head) => Some(head),
                            Provided::Entries(_) | Provided::End => None,
                        });
                        heads.seen.extend(self.head_seen(file, head));
                    }
                    (None, _) => {}
                }
                self.tasks.push_front(Task::Heads(heads));
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

    fn add(&mut self, path: String, bytes: u64, place: Location<S>) -> usize {
        self.plan.files.push(Given { path, bytes });
        self.plan.places.push(place);
        self.plan.files.len() - 1
    }

    /// The first bytes of a file that was given by name say what it is; where they do not, its name does.
    fn given_seen(&mut self, input: Input<S>, in_folder: bool, head: &[u8]) {
        let EntryKind::File { bytes } = input.entry.kind else {
            return;
        };
        let (shown, source) = (input.shown.clone(), input.entry.source.clone());
        let listing = || Box::new(ZipListing::new(bytes));
        match archive_kind(head) {
            Some(Kind::Zip) => self.tasks.push_front(Task::Zip(shown, source, listing(), None)),
            Some(Kind::Tar) => {
                self.tasks
                    .push_front(Task::Tar(shown, source, Box::default(), None));
            }
            // The list of a zip is at its end: something may stand before it, or its first bytes be damaged.
            None if is_perhaps_zip(&input.entry.path, head) => {
                let no_archive = NoArchive::new(input, in_folder, head);
                self.tasks
                    .push_front(Task::Zip(shown, source, listing(), Some(no_archive)));
            }
            // Its first header may be overwritten, and the next one lie further on.
            None if is_perhaps_tar(&input.entry.path, head) => {
                let no_archive = NoArchive::new(input, in_folder, head);
                self.tasks
                    .push_front(Task::Tar(shown, source, Box::default(), Some(no_archive)));
            }
            None => self.file_seen(input, in_folder, head),
        }
    }

    /// Of a file that is no archive.
    fn file_seen(&mut self, input: Input<S>, in_folder: bool, head: &[u8]) {
        let Input { shown, folder, entry } = input;
        let Entry {
            path: name,
            source,
            kind,
        } = entry;
        let EntryKind::File { bytes } = kind else {
            return;
        };
        if in_folder {
            return match looks_of(head, head.len() as u64 >= bytes) {
                Err(Failure::Unreadable(why) | Failure::Empty(why)) => self.fail(&shown, why),
                Err(Failure::WrongFile(why)) => self.note(&shown, why),
                Ok(_) | Err(Failure::NoTrace(_)) => self.note(&shown, "this is no archive"),
            };
        }
        let table = bundle::lone_table(&name, head).filter(|_| synprof_files::looks_like(head).is_none());
        let called = match table {
            Some(table) if !bundle::is_table(&name) => Some(table.file_name()),
            Some(_) => Some(&*name),
            None => (self.n_given > 1 && bundle::is_worker_trace(&name)).then_some(&*name),
        };
        let path = match (called, &*folder) {
            (Some(called), "") => called.to_owned(),
            (Some(called), folder) => bundle::asked_for(format!("{folder}/{called}")),
            (None, _) => name.clone(),
        };
        let is_of_worker = called.is_some();
        let file = self.add(path, bytes, Location::File(source));
        self.plan.shown.insert(file, shown);
        if is_of_worker {
            self.loose_of_workers.push(file);
        } else {
            // What is damaged is tried, and says so then.
            let looks = match looks_of(head, false) {
                Err(Failure::NoTrace(_) | Failure::WrongFile(_) | Failure::Empty(_)) => Looks::NoTrace,
                looks => looks.unwrap_or(Looks::Unknown),
            };
            self.loose.push(Loose { file, folder, looks });
        }
    }

    fn found_in(&mut self, folder: &mut Folder<S>, entry: Entry<S>) {
        let path = entry.path;
        match entry.kind {
            EntryKind::File { .. } if folder.found.len() >= MAX_FILES => {
                folder.left.clear();
                self.fail(
                    &folder.shown,
                    format!("only the first {MAX_FILES} files are looked at"),
                );
            }
            EntryKind::File { bytes } => folder.found.push(Found {
                path,
                bytes,
                place: Location::File(entry.source),
                head: None,
            }),
            EntryKind::Folder => self.fail(
                &path,
                format!("not read: it is more than {MAX_DEPTH} folders deep"),
            ),
            EntryKind::FolderLink(to) => {
                let [to_path, whole] = [&to, &folder.whole].map(Path::new);
                if to_path.starts_with(whole) {
                    self.note(&path, format!("a link to {to}, which is read under its own name"));
                } else if whole.starts_with(to_path) {
                    self.note(
                        &path,
                        format!("a link to {to}, which holds this folder: not followed"),
                    );
                } else {
                    self.fail(
                        &path,
                        format!("a link to another folder, not followed: give {to} by name"),
                    );
                }
            }
            EntryKind::Special if is_wanted_name(&path) => {
                self.fail(&path, "it is a pipe, a socket or a device, and no file");
            }
            EntryKind::Special => {}
            EntryKind::Unreadable(why) => self.fail(&path, why),
        }
    }

    fn archive_listed(&mut self, shown: String, members: &Members, found: Vec<Found<S>>) {
        match &members.cut {
            _ if members.has_no_list => {
                let n = show::counted(members.list.len() as u64 + members.n_not_listed, "file");
                let cut = members
                    .cut
                    .as_ref()
                    .map(|path| format!(", of which {path} is cut"));
                self.fail(
                    &shown,
                    format!(
                        "the zip archive is cut off, or still being written: its list of files is missing or \
                         damaged; {n} found without it{}",
                        cut.unwrap_or_default()
                    ),
                );
            }
            Some(path) => self.fail(
                &shown,
                format!("the archive breaks off in {path}: what comes before that is read"),
            ),
            None if members.ends_early => {
                self.fail(&shown, "the archive breaks off: what is listed is read");
            }
            None => {}
        }
        if members.has_damage {
            self.fail(
                &shown,
                "the archive is damaged where a file's header should be: that file, and perhaps others, are not \
                 read; the files behind it are",
            );
        } else if members.has_no_end {
            self.fail(
                &shown,
                "the archive has no end mark: it may be cut between two files, and others be missing",
            );
        }
        if members.n_unlisted > 0 {
            let n = show::counted(members.n_unlisted, "file");
            self.note(
                &shown,
                format!(
                    "{n} in it that its list of files does not name, read all the same: two archives may be joined, or \
                     the list damaged"
                ),
            );
        }
        if members.n_not_searched > 0 {
            let n = show::counted(members.n_not_searched, "stretch between its files");
            self.fail(
                &shown,
                format!("{n} not searched: they may hold files that its list does not name"),
            );
        }
        if members.n_behind_end > 0 {
            let n = show::counted(members.n_behind_end, "file");
            self.note(
                &shown,
                format!(
                    "{n} behind the end mark of the archive, read all the same: two archives may be joined"
                ),
            );
        }
        if members.n_not_listed > 0 {
            let n = show::counted(members.n_not_listed, "more file");
            self.fail(&shown, format!("{n} not looked at"));
        }
        for Link {
            path,
            to,
            is_folder_here,
            is_round,
        } in &members.links
        {
            let about = format!("{shown}: {path}");
            match &**to {
                _ if *is_folder_here => {
                    self.note(
                        &about,
                        format!("a link to {to}, which is read under its own name"),
                    );
                }
                "" => self.fail(
                    &about,
                    "a symbolic link, not followed: pack the file in its place",
                ),
                to if *is_round => {
                    self.fail(&about, format!("a link to {to}, which leads back to this link"))
                }
                to => self.fail(&about, format!("a link to {to}, which is not in the archive")),
            }
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
        let hltv = hltv_archive::sort(given).filter(|_| is_archive || sorted.workers.is_empty());
        if let Some(found) = hltv {
            let name = file_name(&shown).to_owned();
            let what = What::Hltv { found, files };
            self.opens.push(Recording {
                name,
                what,
                container: Some(container),
            });
            return self.archives_within(true);
        }
        // Files beside workers' results are looked at like all others.
        let others = sorted.others.into_iter().map(|i| start + i);
        let (mut left, rest): (Vec<usize>, Vec<usize>) =
            others.partition(|&i| is_looked_at(&self.plan.files[i].path));
        let has_workers = !sorted.workers.is_empty();
        let workers = sorted.workers.into_iter().map(|w| w.mapped(&|i| start + i));
        let workers = workers.map(|w| Recording::of_worker(w, Some(container)));
        self.workers.extend(workers);
        if has_workers && !rest.is_empty() {
            let n = show::counted(rest.len() as u64, "file");
            self.note(
                &shown,
                format!("{n} in it, no result of the profiler that is read here"),
            );
        }
        if !has_workers {
            let path = |i: &usize| &*self.plan.files[*i].path;
            let tables = files.clone().filter(|i| is_table_or_picture(path(i)));
            self.plan.containers[container].n_beside = tables.count() as u64;
            let other: Vec<usize> = rest.into_iter().filter(|i| may_be_other(path(i))).collect();
            let n_looked_at = other.len().min(MAX_WRONG_HEADS);
            left.extend(&other[..n_looked_at]);
            self.plan.containers[container].n_not_looked_at = (other.len() - n_looked_at) as u64;
        }
        self.leave_out(&shown, sorted.n_left_out);
        self.plan.containers[container].has_workers = has_workers;
        self.tasks.push_front(Task::Heads(Heads {
            left: left.into(),
            ..Heads::default()
        }));
    }

    fn leave_out(&mut self, about: &str, n_workers: usize) {
        if n_workers > 0 {
            let n = show::counted(n_workers as u64, "more worker");
            self.fail(about, format!("{n} not read"));
        }
    }

    /// What a file in the last folder or archive looks like; `None` of the first bytes: they are not known.
    fn head_seen(&mut self, file: usize, head: Result<Option<Vec<u8>>, String>) -> Option<Loose> {
        let Given { path, bytes } = &self.plan.files[file];
        let is_all = |head: &[u8]| match self.plan.places[file] {
            // Compressed: how many bytes there are of it is not stated.
            Location::Zip(..) => (head.len() as u64) < MEMBER_HEAD,
            _ => head.len() as u64 >= *bytes,
        };
        let is_unread = head.is_err();
        let looks = match head {
            Ok(Some(head)) => looks_of(&head, is_all(&head)),
            Ok(None) => Ok(Looks::Unknown),
            Err(why) => Err(Failure::Unreadable(why)),
        };
        let of_other_kind = !is_looked_at(path);
        let container = self.plan.containers.len().checked_sub(1)?;
        let why = match looks {
            // Links may lead to it from the name of a trace.
            Ok(Looks::Trace) if of_other_kind && self.is_read_elsewhere(container, file) => return None,
            Ok(Looks::Trace) if of_other_kind => {
                let by_name = "it looks like a trace, but its name does not end in .json or .json.gz";
                let todo = match self.plan.containers[container].is_archive {
                    true => "unpack the archive and give it by name",
                    false => "give it by name",
                };
                let said = self
                    .plan
                    .unreadable(container, file, format!("{by_name}: {todo}"));
                self.plan.said.extend(said);
                return None;
            }
            // What is not called as a trace is looked at for this alone.
            _ if of_other_kind && !matches!(looks, Err(Failure::WrongFile(_))) => return None,
            Ok(looks) => {
                let folder = folder_of(path).to_owned();
                return Some(Loose { file, folder, looks });
            }
            // Torch's table is looked for in text, and much text is empty.
            Err(Failure::Unreadable(_) | Failure::Empty(_)) if !is_trace_name(path) && !is_unread => {
                return None;
            }
            Err(Failure::Unreadable(why) | Failure::Empty(why)) => {
                let said = self.plan.unreadable(container, file, why);
                self.plan.said.extend(said);
                return None;
            }
            Err(Failure::NoTrace(_)) => {
                if is_trace_name(path) {
                    self.plan.containers[container].holds_none(path, self.plan.naming);
                }
                return None;
            }
            Err(Failure::WrongFile(_)) if is_table_or_picture(path) => return None,
            Err(Failure::WrongFile(why)) => {
                let last = self.plan.containers.last_mut()?;
                last.n_wrong += 1;
                if last.n_wrong > self.plan.naming.sentences() {
                    return None;
                }
                why
            }
        };
        let said = self.plan.said_of(file, why, false);
        self.plan.said.push(said);
        None
    }

    /// Whether a file of a folder or an archive is in it under the name of a trace, too.
    fn is_read_elsewhere(&self, container: usize, file: usize) -> bool {
        let place = &self.plan.places[file];
        let mut others = self.plan.containers[container].files.clone();
        others.any(|i| i != file && is_trace_name(&self.plan.files[i].path) && self.plan.places[i].is(place))
    }

    /// Of the last folder or archive: what is a trace, what stands beside one, and what is neither.
    fn all_seen(&mut self, seen: Vec<Loose>) {
        let Some(last) = self.plan.containers.last_mut() else {
            return;
        };
        let (mut traces, mut beside) = (Vec::new(), Vec::new());
        for one in seen {
            match one.looks {
                Looks::Metrics | Looks::OperatorTable => {
                    let is_counted = is_table_or_picture(&self.plan.files[one.file].path);
                    last.n_beside = last.n_beside.saturating_sub(u64::from(is_counted));
                    beside.push(one);
                }
                // Torch's table is looked for in text; a trace is not.
                _ if !is_trace_name(&self.plan.files[one.file].path) => {}
                Looks::Trace | Looks::Unknown => traces.push(one),
                Looks::NoTrace | Looks::Synprof(_) => {
                    last.holds_none(&self.plan.files[one.file].path, self.plan.naming)
                }
            }
        }
        let (about, has_workers) = (last.shown.clone(), last.has_workers);
        let has_traces = !traces.is_empty() || has_workers;
        traces.append(&mut beside);
        let container = self.plan.containers.len() - 1;
        let mut opens = opening_plan::paired(&traces, &self.plan.files, Some(container));
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
        let has_opened = !opens.is_empty() || has_workers;
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
            let (about, is_archive) = (last.shown.clone(), last.is_archive);
            let n = show::counted(archives.len() as u64, "archive");
            let named = archives.iter().take(self.plan.naming.in_sentence());
            let names: Vec<&str> = named.map(|&i| &*self.plan.files[i].path).collect();
            let names = Naming::listed(&names, archives.len() as u64);
            let says = |todo: &str| format!("{n} in it, not opened ({names}): {todo}");
            // It may be a copy of the traces beside it; whether it is was not looked at.
            return self.fail(
                &about,
                says(match is_archive {
                    true => "unpack this one first",
                    false => "give them by name",
                }),
            );
        }
        for file in archives.into_iter().rev() {
            let Given { path, bytes } = self.plan.files[file].clone();
            if let Location::File(source) = self.plan.places[file].clone() {
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
        let sorted = bundle::sort(&of_workers.collect::<Vec<_>>());
        let others = sorted.others.iter().map(|&i| self.loose_of_workers[i]);
        self.loose.extend(others.map(|file| Loose {
            file,
            folder: folder_of(&self.plan.files[file].path).to_owned(),
            looks: Looks::Unknown,
        }));
        let loose = sorted.workers.into_iter();
        let loose = loose.map(|w| Recording::of_worker(w.mapped(&|i| self.loose_of_workers[i]), None));
        let mut recordings: Vec<Recording> = loose.chain(std::mem::take(&mut self.workers)).collect();
        let n_left_out = recordings.len().saturating_sub(bundle::MAX_WORKERS);
        recordings.truncate(bundle::MAX_WORKERS);
        self.leave_out("all that was given", n_left_out);
        recordings.append(&mut self.opens);
        recordings.extend(opening_plan::synprof_tables(&self.loose, &self.plan.files));
        self.loose
            .retain(|loose| !matches!(loose.looks, Looks::Synprof(_)));
        recordings.extend(opening_plan::paired(&self.loose, &self.plan.files, None));
        self.plan.recordings = recordings;
        self.plan
    }
}

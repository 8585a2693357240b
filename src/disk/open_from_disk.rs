//! Opens what was given: fetches what the state machine of `session::open` needs from the disk, and opens each
//! recording of its plan. What cannot be opened is said, and the rest goes on.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Error, Result, bail};

use stepscope_engine::analyze::ranks::extract::RankExtract;
use stepscope_engine::analyze::ranks::run;
use stepscope_engine::analyze::report::{Report, RunRanks, SCHEMA, TraceReport, Workers};
use stepscope_engine::base::show;
use stepscope_engine::export::cut::Counts;
use stepscope_engine::session::bundle::{self, Compared};
use stepscope_engine::session::open::{
    Entry, EntryKind, Failure, Input, Location, Naming, Need, Opening, Plan, Provided, Ready, Said, Text,
    Whole, WholeFile,
};
use stepscope_engine::session::{CutError, FirstEvent, Inflater, Loader, Opened};
use stepscope_engine::view::CutRequest;

use crate::given::Given;
use crate::jobs;
use crate::progress::{OfAll, Progress};
use crate::{Asked, CHUNK, Part, WasRead, is_new_stdout, name_of, open_file};

/// Takes what there is to say, in its order.
pub type Say<'a> = dyn FnMut(&Said) + 'a;

/// What becomes of what was given.
#[derive(Default)]
pub struct OpenedAll {
    pub traces: Vec<TraceReport>,
    /// Of each trace the folder or archive in which it lies: the traces of one run lie in one.
    pub runs: Vec<String>,
    /// What could not be opened.
    pub failed: usize,
    pub workers: Option<Workers>,
    pub ranks: Option<RunRanks>,
    pub was_read: WasRead,
}

/// What is found out while a recording is opened, and said when those before it are done.
#[derive(Default)]
struct Noted {
    said: Vec<Said>,
    read: Vec<PathBuf>,
}

impl Noted {
    fn is_read(&mut self, place: &Location<PathBuf>) {
        self.read.extend(place.source().cloned());
    }
}

/// What was said and read so far.
struct SoFar<'a> {
    say: &'a mut Say<'a>,
    failed: usize,
    was_read: WasRead,
}

impl<'a> SoFar<'a> {
    fn new(say: &'a mut Say<'a>) -> SoFar<'a> {
        SoFar {
            say,
            failed: 0,
            was_read: WasRead::default(),
        }
    }

    fn take(&mut self, noted: Noted) {
        self.was_read.files.extend(noted.read);
        self.say(noted.said);
    }

    fn say(&mut self, said: impl IntoIterator<Item = Said>) {
        for said in said {
            self.failed += usize::from(said.is_failure);
            (self.say)(&said);
        }
    }

    /// Says what fails nothing.
    fn mention(&mut self, about: &str, says: String) {
        (self.say)(&Said {
            about: about.to_owned(),
            says,
            is_failure: false,
        });
    }
}

/// The one trace of what was given, for commands that work on one.
pub struct OpenedOne {
    pub opened: Opened,
    pub was_read: WasRead,
    /// Something that was given with it could not be read.
    pub has_failed: bool,
    /// Bytes of what the trace was made of, where it is no file.
    made_of_bytes: Option<u64>,
    plan: Plan<PathBuf>,
    text: Text,
    _given: Given,
}

impl OpenedOne {
    /// Bytes that [`OpenedOne::pieces`] gives, as far as they are known.
    pub fn bytes(&self) -> u64 {
        match &self.text {
            Text::File(file) => self.plan.bytes(*file),
            Text::Made(text) => text.len() as u64,
            Text::Nothing => 0,
        }
    }

    /// The trace's bytes, once more from their start.
    pub fn pieces(&self, more: &mut More<'_>) -> Result<()> {
        match &self.text {
            Text::File(file) => pieces(self.plan.place(*file), more),
            Text::Made(text) => more(text).map(drop),
            Text::Nothing => bail!("only tables of a profiler are here, and no trace"),
        }
    }

    /// Everything that is said of it, and of its ranks if it holds several.
    pub fn report(&self) -> Report {
        let opened = &self.opened;
        let mut trace = opened.whole_report();
        trace.bytes = self.made_of_bytes.unwrap_or(trace.bytes);
        let ranks = (opened.vocabulary.ranks.labels.len() > 1).then(|| opened.rank_extracts());
        Report {
            schema: SCHEMA.to_owned(),
            traces: vec![trace],
            workers: None,
            ranks: ranks.and_then(|extracts| run::compare(&extracts)),
        }
    }

    /// Writes a smaller trace; `only` are the categories that are kept, empty: all. `progress` takes bytes and events
    /// that were read. The error is itself where writing failed.
    pub fn cut(
        &self,
        request: &CutRequest,
        only: &[String],
        out: &mut dyn Write,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Counts> {
        let opened = &self.opened;
        let mut cut = opened.cut(request, only, out).map_err(failed)?;
        let mut inflater = Inflater::default();
        self.pieces(&mut |piece| {
            let mut stopped = None;
            inflater.feed(piece, &mut |text| {
                if stopped.is_none() {
                    stopped = cut.feed(opened, text).err();
                }
            });
            if let Some(error) = stopped {
                return Err(failed(error));
            }
            progress(inflater.read(), cut.events());
            Ok(true)
        })?;
        drop(inflater.finish());
        let (_, counts, _) = cut.finish(opened).map_err(failed)?;
        Ok(counts)
    }
}

/// An error of writing as itself: of which kind it is, is looked at.
fn failed(error: CutError) -> Error {
    match error {
        CutError::Io(error) => error.into(),
        other => other.into(),
    }
}

/// Opens the trace that a page would show; what else was given is said. `None`: there is none, and why was said.
/// Of several traces in one file, `document` is the number of the one that is opened. With `tables_will_do`, tables of
/// a profiler open where the trace beside them cannot be read.
pub fn open_first<'a>(
    shown: &Path,
    given: Result<Given>,
    document: Option<NonZeroU32>,
    asked: Asked<'_>,
    tables_will_do: bool,
    say: &'a mut Say<'a>,
) -> Option<OpenedOne> {
    let mut so_far = SoFar::new(say);
    let mut plan = plan_of(vec![input(shown, &given)], asked.naming, &mut so_far.was_read);
    so_far.say(std::mem::take(&mut plan.said));
    let mut left = plan.order(None).into_iter();
    for i in left.by_ref() {
        let mut noted = Noted::default();
        let reading = Reading { asked, of_all: None };
        let opened = open_texts(&plan, i, document, &reading, tables_will_do, &mut noted);
        so_far.take(noted);
        match opened {
            Ok((mut ready, opened)) => {
                let n_documents = 1 + opened.further.len();
                let Some(mut opened) = numbered(opened, document) else {
                    let n = show::counted(n_documents as u64, "trace");
                    let wanted = document.map_or(1, NonZeroU32::get);
                    let says = format!("there is no trace number {wanted} in it: it holds {n}");
                    so_far.mention(&ready.name, says);
                    return None;
                };
                opened.further.clear();
                if n_documents > 1 && document.is_none() {
                    let says = format!(
                        "only the first of {n_documents} traces in it is used; for another give --document N"
                    );
                    so_far.mention(&ready.name, says);
                }
                let left: Vec<usize> = left.collect();
                let others = plan.left_out(i, &left).join(", ");
                if !others.is_empty() {
                    so_far.mention(&ready.name, format!("one trace is used; left out: {others}"));
                }
                for i in [i].into_iter().chain(left) {
                    so_far.say(plan.tell(i, Ok(())));
                }
                so_far.say(plan.conclude());
                return Some(OpenedOne {
                    opened,
                    was_read: so_far.was_read,
                    _given: given.ok()?,
                    has_failed: so_far.failed > 0,
                    made_of_bytes: ready.made_of_bytes,
                    plan,
                    text: std::mem::take(&mut ready.text),
                });
            }
            Err(why) => so_far.say(plan.tell(i, Err(why))),
        }
    }
    so_far.say(plan.conclude());
    None
}

/// Of the traces of one file the one of this number, as the report gives it behind the name: `FILE (2)`.
fn numbered(mut opened: Opened, document: Option<NonZeroU32>) -> Option<Opened> {
    let number = document.map_or(1, NonZeroU32::get);
    if number == 1 {
        return Some(opened);
    }
    let name = format!("{} ({number})", opened.report.file);
    let place = opened
        .further
        .iter()
        .position(|other| other.report.file == name)?;
    Some(opened.further.swap_remove(place))
}

/// Opens all of it, so many at once, and says what there is to say in the order of the plan.
pub fn open_all<'a>(
    paths: &[PathBuf],
    asked: Asked<'_>,
    jobs: NonZeroUsize,
    say: &'a mut Say<'a>,
) -> OpenedAll {
    let mut so_far = SoFar::new(say);
    let mut opened = OpenedAll::default();
    let given: Vec<Result<Given>> = paths.iter().map(|path| Given::of(path)).collect();
    let given = paths.iter().zip(&given).map(|(path, given)| input(path, given));
    let mut plan = plan_of(given.collect(), asked.naming, &mut so_far.was_read);
    so_far.say(std::mem::take(&mut plan.said));
    let n = plan.recordings.len();
    let is_shown = asked.shows_progress && jobs.get() > 1 && n > 1;
    let of_all = is_shown.then(|| OfAll::new(n as u64, plan.bytes_in_all()));
    let reading = Reading {
        asked,
        of_all: of_all.as_ref(),
    };
    let work = |i| {
        let one = open_one(&plan, i, &reading);
        of_all.iter().for_each(OfAll::done);
        one
    };
    let all = jobs::in_order(n, jobs, work);
    drop(of_all);
    let (mut compared, mut extracts) = (Vec::new(), Vec::new());
    for (i, one) in all.into_iter().enumerate() {
        so_far.take(one.noted);
        let outcome = one.outcome.map(|reports| {
            compared.extend(one.compared);
            extracts.extend(one.extracts);
            let run = run_of(&plan, i);
            opened.runs.extend(reports.iter().map(|_| run.clone()));
            opened.traces.extend(reports);
        });
        so_far.say(plan.tell(i, outcome));
    }
    so_far.say(plan.conclude());
    opened.failed = so_far.failed;
    // Files of other kinds in a folder are no failure where there is a trace.
    opened.failed += usize::from(opened.failed == 0 && opened.traces.is_empty());
    opened.workers = bundle::compare(compared);
    opened.ranks = run::compare(&extracts);
    opened.was_read = so_far.was_read;
    opened
}

/// The folder in which a recording lies, from what was given; else the folder or archive that was given.
fn run_of(plan: &Plan<PathBuf>, recording: usize) -> String {
    let name = Path::new(&plan.recordings[recording].name);
    if let Some(folder) = name.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        return folder.display().to_string();
    }
    let Some(place) = plan.first_file(recording).map(|file| plan.place(file)) else {
        return String::new();
    };
    let source = place.source().and_then(|source| source.canonicalize().ok());
    let of = match (place, &source) {
        (Location::File(_), Some(source)) => source.parent(),
        (_, archive) => archive.as_deref(),
    };
    of.map(name_of).unwrap_or_default()
}

fn plan_of(given: Vec<Input<PathBuf>>, naming: Naming, was_read: &mut WasRead) -> Plan<PathBuf> {
    let mut opening = Opening::new(given).naming(naming);
    loop {
        let provided = match opening.poll() {
            Need::Done => return opening.finish(),
            Need::List(folder) => list(&folder).map(|entries| {
                was_read
                    .in_folders
                    .extend(entries.iter().map(|entry| entry.source.clone()));
                Provided::Entries(entries)
            }),
            Need::Read { source, range } => {
                was_read.files.push(source.clone());
                bytes_of(&source, range).map(Provided::Bytes)
            }
            Need::Head { place, len } => head_of(&place, len).map(Provided::Bytes),
            Need::Stream(path) => {
                was_read.files.push(path.clone());
                let mut feed = |piece: &[u8]| {
                    opening.feed(piece);
                    Ok(true)
                };
                stretch(&path, 0..u64::MAX, &mut feed).map(|_| Provided::End)
            }
        };
        opening.provide(provided.map_err(|why| format!("{why:#}")));
    }
}

fn input(shown: &Path, given: &Result<Given>) -> Input<PathBuf> {
    let path = given.as_ref().map_or(shown, |given| &given.path);
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = whole.parent().map(|folder| folder.to_string_lossy().into_owned());
    // A folder may be given as `.`.
    let name = if path.is_dir() {
        name_of(&whole)
    } else {
        name_of(path)
    };
    Input {
        shown: shown.display().to_string(),
        folder: folder.unwrap_or_default(),
        entry: match given {
            Ok(given) => entry(name, given.source.clone()),
            Err(why) => Entry {
                path: name,
                source: path.to_owned(),
                kind: EntryKind::Unreadable(format!("{why:#}")),
            },
        },
    }
}

/// A file or folder, through any links.
fn entry(path: String, source: PathBuf) -> Entry<PathBuf> {
    let kind = match std::fs::metadata(&source) {
        Ok(found) if found.is_dir() => EntryKind::Folder,
        Ok(found) => EntryKind::File { bytes: found.len() },
        Err(why) => EntryKind::Unreadable(why.to_string()),
    };
    Entry { path, source, kind }
}

/// What a folder holds. Links to folders may lead round; of a file that a link leads to the source is the file itself.
fn list(folder: &Path) -> Result<Vec<Entry<PathBuf>>> {
    let mut entries = Vec::new();
    for found in std::fs::read_dir(folder.canonicalize()?)? {
        let path = found?.path();
        if is_new_stdout(&path) {
            continue;
        }
        let is_link = path.is_symlink();
        let mut entry = entry(name_of(&path), path);
        entry.kind = match (entry.kind, std::fs::metadata(&entry.source)) {
            (EntryKind::Folder, _) if is_link => match entry.source.canonicalize() {
                Ok(to) => EntryKind::FolderLink(to.to_string_lossy().into_owned()),
                Err(why) => EntryKind::Unreadable(why.to_string()),
            },
            (EntryKind::Unreadable(why), _) if is_link => {
                let to = std::fs::read_link(&entry.source).unwrap_or_default();
                EntryKind::Unreadable(format!("a link to {}: {why}", to.display()))
            }
            (EntryKind::File { .. }, Ok(found)) if !found.is_file() => EntryKind::Special,
            (EntryKind::File { bytes }, _) if is_link => {
                entry.source = entry.source.canonicalize().unwrap_or(entry.source);
                EntryKind::File { bytes }
            }
            (kind, _) => kind,
        };
        entries.push(entry);
    }
    Ok(entries)
}

/// What is read of each trace, and how far all are.
struct Reading<'a> {
    asked: Asked<'a>,
    of_all: Option<&'a OfAll>,
}

/// What came of one recording: its reports, more than one where a file holds more traces.
struct OneOpened {
    noted: Noted,
    outcome: Result<Vec<TraceReport>, Failure>,
    compared: Option<Compared>,
    extracts: Vec<RankExtract>,
}

fn open_one(plan: &Plan<PathBuf>, recording: usize, reading: &Reading<'_>) -> OneOpened {
    let (mut noted, mut compared, mut extracts) = (Noted::default(), None, Vec::new());
    let mut reports_of = || {
        let (ready, mut found) = open_texts(plan, recording, None, reading, true, &mut noted)?;
        let further = std::mem::take(&mut found.further);
        if !further.is_empty() {
            found.note(
                "The commands slice and stacks use the first of them; --document N gives another.".to_owned(),
            );
        }
        let mut reports = Vec::new();
        let several = plan.recordings.len() > 1 || !further.is_empty();
        for found in std::iter::once(found).chain(further) {
            let found = reading.asked.part.classified(found).map_err(unreadable)?;
            if several || found.vocabulary.ranks.labels.len() > 1 {
                extracts.extend(found.rank_extracts());
            }
            let mut report = found.whole_report();
            report.bytes = ready.made_of_bytes.unwrap_or(report.bytes);
            reports.push(report);
        }
        let of_worker = plan.of_worker(recording, &ready);
        compared = of_worker.map(|of| of.compared(reports.first()));
        Ok(reports)
    };
    let outcome = reports_of();
    OneOpened {
        noted,
        outcome,
        compared,
        extracts,
    }
}

/// Opens a recording, with what stands beside it; where the trace cannot be read and `tables_will_do`, that alone.
fn open_texts(
    plan: &Plan<PathBuf>,
    recording: usize,
    document: Option<NonZeroU32>,
    reading: &Reading<'_>,
    tables_will_do: bool,
    noted: &mut Noted,
) -> Result<(Ready, Opened), Failure> {
    let mut gathering = plan.gather(recording, true);
    while let Some((file, limit)) = gathering.poll(plan) {
        noted.is_read(plan.place(file));
        let whole = read_whole(plan.place(file), limit);
        gathering.provide(whole.map_err(|why| format!("{why:#}")));
    }
    let mut ready = plan.ready(recording, gathering)?;
    noted.said.append(&mut ready.says);
    let found = match open_ready(plan, &ready, document, reading, noted) {
        Err(why) if tables_will_do && plan.opens_tables_alone(recording, &mut ready, &why) => {
            noted.said.append(&mut ready.says);
            ready.open()?
        }
        found => found?,
    };
    Ok((ready, found))
}

fn open_ready(
    plan: &Plan<PathBuf>,
    ready: &Ready,
    document: Option<NonZeroU32>,
    reading: &Reading<'_>,
    noted: &mut Noted,
) -> Result<Opened, Failure> {
    match &ready.text {
        Text::Nothing => Ok(ready.open()?),
        Text::File(file) => {
            noted.is_read(plan.place(*file));
            let mut pieces = |more: &mut More<'_>| pieces(plan.place(*file), more);
            open_text(ready, plan.bytes(*file), &mut pieces, document, reading)
        }
        Text::Made(text) => {
            let mut pieces = |more: &mut More<'_>| more(text).map(drop);
            open_text(ready, text.len() as u64, &mut pieces, document, reading)
        }
    }
}

/// Takes a piece, and says whether to go on.
pub type More<'a> = dyn FnMut(&[u8]) -> Result<bool> + 'a;

/// Reads a text, which `pieces` gives from its start each time, never holding it.
fn open_text(
    ready: &Ready,
    bytes: u64,
    pieces: &mut dyn FnMut(&mut More<'_>) -> Result<()>,
    document: Option<NonZeroU32>,
    reading: &Reading<'_>,
) -> Result<Opened, Failure> {
    let part = reading.asked.part;
    let mut start = 0;
    if part.has_window() && document.is_some_and(|n| n.get() > 1) {
        let whole = Reading {
            asked: Asked {
                part: &Part::default(),
                ..reading.asked
            },
            of_all: None,
        };
        let all = open_text(ready, bytes, pieces, None, &whole)?;
        let wanted = numbered(all, document);
        start = wanted.and_then(|opened| opened.report.start_ns).unwrap_or(0);
    } else if part.has_window() {
        // A stretch counts from the start of the trace, which takes reading it once.
        let mut first = FirstEvent::default();
        let mut feed = |piece: &[u8]| {
            first.feed(piece);
            Ok(true)
        };
        pieces(&mut feed).map_err(unreadable)?;
        start = first.finish().unwrap_or(0);
    }
    let mut loader = Loader::of_text(ready.loader(&part.selection_from(start)));
    let mut progress = Progress::within(reading.of_all, reading.asked.shows_progress, &ready.name, bytes);
    let mut feed = |piece: &[u8]| {
        loader.feed(piece);
        progress.show(loader.bytes(), loader.events());
        Ok(loader.error().is_none())
    };
    pieces(&mut feed).map_err(unreadable)?;
    drop(progress);
    match loader.error() {
        Some(error) => Err(error.into()),
        None => Ok(loader.finish()?),
    }
}

/// The bytes of a file, wherever it lies.
fn pieces(place: &Location<PathBuf>, more: &mut More<'_>) -> Result<()> {
    if let Location::Held(bytes) = place {
        return more(bytes).map(drop);
    }
    let header = match place.wants() {
        Some((path, wanted)) => bytes_of(path, wanted)?,
        None => Vec::new(),
    };
    let stream = place.stream(&header).map_err(Error::msg)?;
    let mut unpacker = stream.unpack;
    let mut feed = |piece: &[u8]| -> Result<bool> {
        let Some(unpacker) = &mut unpacker else {
            return more(piece);
        };
        let mut goes_on = Ok(true);
        let is_wanted = unpacker.feed(piece, &mut |text| {
            if matches!(goes_on, Ok(true)) {
                goes_on = more(text);
            }
        });
        Ok(goes_on? && is_wanted)
    };
    if feed(&stream.before)? && stretch(&stream.source, stream.middle, &mut feed)? {
        feed(&stream.after)?;
    }
    unpacker.map_or(Ok(()), |unpacker| unpacker.finish().map_err(Error::msg))
}

/// Bytes of a file on the disk; whether all of them were wanted.
fn stretch(path: &Path, wanted: Range<u64>, more: &mut More<'_>) -> Result<bool> {
    let mut file: File = open_file(path)?;
    if wanted.start > 0 {
        file.seek(SeekFrom::Start(wanted.start))?;
    }
    let mut left = file.take(wanted.end - wanted.start);
    let mut piece = Vec::new();
    // Of a member of a compressed archive, a little may be enough.
    let mut len = CHUNK / 16;
    loop {
        piece.clear();
        if left.by_ref().take(len as u64).read_to_end(&mut piece)? == 0 {
            return Ok(true);
        }
        if !more(&piece)? {
            return Ok(false);
        }
        len = CHUNK.min(len * 2);
    }
}

fn bytes_of(path: &Path, wanted: Range<u64>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut all = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(true)
    };
    stretch(path, wanted, &mut all)?;
    Ok(bytes)
}

fn head_of(place: &Location<PathBuf>, len: u64) -> Result<Vec<u8>> {
    if let Location::File(path) = place {
        return bytes_of(path, 0..len);
    }
    let len = usize::try_from(len)?;
    let mut head = Vec::new();
    pieces(place, &mut |piece| {
        let room = len - head.len();
        head.extend_from_slice(&piece[..piece.len().min(room)]);
        Ok(head.len() < len)
    })?;
    Ok(head)
}

fn read_whole(place: &Location<PathBuf>, limit: u64) -> Result<WholeFile> {
    let mut whole = Whole::new(limit);
    pieces(place, &mut |piece| Ok(whole.feed(piece)))?;
    whole.finish().map_err(Error::msg)
}

fn unreadable(why: Error) -> Failure {
    Failure::Unreadable(format!("{why:#}"))
}

//! Files, folders and archives as they are given to the command line: everything is opened or named, and nothing that
//! is bad refuses the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use stepscope::session::bundle::{self, Given};
use stepscope::session::open::{
    Entry, EntryKind, Failure, Input, Location, Need, Opening, Plan, Provided, Ready, Said, Text, Whole,
};
use stepscope::session::{self, Loader, Opened};
use stepscope::view::Selection;

use super::archives::{Kind, Packed, tar_of, zip_of};
use super::{Choices, METRICS, PATHS, TABLES, TEXTS, gzipped, within};

const GOOD: &str = r#"[{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":2}]"#;
const GOOD_NAME: &str = "good.json";
const OPERATORS: &str = "-------  -------\n   Name  # of Calls\n-------  -------\n";
/// The folder that all files lie in.
const TOP: &str = "d";
/// A link to this leads nowhere.
const NOWHERE: &str = "/nowhere.json";

/// Names of files beside [`PATHS`].
const NAMES: &[&str] = &[
    "t.json",
    "t.json.gz",
    "u.JSON",
    "n/t.json",
    "n/m.json",
    "m.json",
    "ops.txt",
    "n/ops.txt",
    "a.zip",
    "b.tar",
    "c.tar.gz",
    "n/e.tgz",
    "f.hltv",
    "notes.md",
    "steps.csv",
    "a/b/c/e/f/g/h/i/j/k/l/o/p/deep.json",
    "prof-data/host/host_trace.json",
    "views/trace_analyzer.json",
    "post-graph/g.json",
];

fn is_json(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.ends_with(".json") || path.ends_with(".json.gz")
}

fn is_archive(path: &str) -> bool {
    let endings = [".zip", ".tar", ".tar.gz", ".tgz", ".hltv"];
    endings.iter().any(|ending| path.ends_with(ending))
}

fn is_hltv(path: &str) -> bool {
    path.contains("prof-data/") || path.ends_with("views/trace_analyzer.json")
}

/// Whether a file of this name, alone, is one of a worker's results.
fn is_of_worker(path: &str) -> bool {
    let given = [Given {
        path: path.to_owned(),
        bytes: 0,
    }];
    !bundle::sort(&given).workers.is_empty()
}

enum Node {
    File {
        bytes: Vec<u8>,
        /// What must be said of its members where it is an archive that was given by name; `None`: it is none, or is
        /// damaged, or all of it is one recording.
        must_be_named: Option<Vec<String>>,
    },
    FolderLink,
    Special,
    Unreadable,
}

/// Makes files of what the fuzzer made up.
struct Maker<'a> {
    choices: Choices<'a>,
    rest: &'a [u8],
}

impl Maker<'_> {
    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.choices.byte()) % all.len()]
    }

    fn name(&mut self) -> &'static str {
        let at = usize::from(self.choices.byte()) % (NAMES.len() + PATHS.len());
        NAMES.iter().chain(PATHS).nth(at).copied().unwrap_or_default()
    }

    fn piece(&mut self) -> Vec<u8> {
        let at = usize::from(self.choices.byte()) * self.rest.len() / 255;
        let (piece, rest) = self.rest.split_at(at);
        self.rest = rest;
        piece.to_vec()
    }

    /// An archive that is not damaged always holds a good trace.
    fn file(&mut self, depth: u8) -> Node {
        let how = self.choices.byte();
        let alone = |bytes: Vec<u8>| Node::File {
            bytes,
            must_be_named: None,
        };
        match how % 8 {
            0 => alone(self.piece()),
            1 => alone(gzipped(&self.piece())),
            2 => alone(self.one_of(TEXTS).as_bytes().to_vec()),
            3 => alone(self.one_of(TABLES).as_bytes().to_vec()),
            4 => alone(self.one_of(&[GOOD, METRICS, OPERATORS]).as_bytes().to_vec()),
            kind if depth < 2 => self.archive(kind, depth, how & 128 != 0),
            _ => alone(GOOD.as_bytes().to_vec()),
        }
    }

    /// 5: a zip, 6: a tar, 7: a compressed tar.
    fn archive(&mut self, kind: u8, depth: u8, is_damaged: bool) -> Node {
        let mut members: Vec<(&str, Kind, Vec<u8>)> = Vec::new();
        for _ in 0..self.choices.byte() % 6 {
            let name = self.name();
            let to = self.one_of(&[GOOD_NAME, "t.json", "../t.json", NOWHERE, "n", "m.json", ""]);
            let kind = match self.choices.byte() % 8 {
                4 => Kind::Symlink(to),
                5 => Kind::HardLink(to),
                6 => Kind::Unreadable,
                7 => Kind::Broken,
                _ => Kind::File,
            };
            let Node::File { bytes, .. } = self.file(depth + 1) else {
                continue;
            };
            if members.iter().all(|(of, ..)| *of != name) {
                members.push((name, kind, bytes));
            }
        }
        // The first member says what the file is, so it is a good one.
        members.insert(0, (GOOD_NAME, Kind::File, GOOD.as_bytes().to_vec()));
        let packed: Vec<Packed> = members
            .iter()
            .map(|(name, kind, bytes)| Packed {
                name,
                bytes,
                kind: *kind,
            })
            .collect();
        let mut bytes = match kind {
            5 => zip_of(&packed),
            6 => tar_of(&packed),
            _ => gzipped(&tar_of(&packed)),
        };
        let must_be_named = |packed: &&Packed| match packed.kind {
            Kind::File => false,
            Kind::Symlink(_) | Kind::HardLink(_) if kind == 5 => true,
            Kind::Symlink(to) | Kind::HardLink(to) => to == NOWHERE,
            Kind::Unreadable | Kind::Broken => is_json(packed.name) && !is_of_worker(packed.name),
        };
        let is_one = packed.iter().any(|packed| is_hltv(packed.name));
        let named = packed.iter().filter(must_be_named);
        // Of names that lead out, another is shown.
        let named = named.filter(|packed| !packed.name.is_empty() && !packed.name.starts_with(".."));
        let named = named.map(|packed| packed.name.to_owned()).collect();
        if is_damaged {
            let at = usize::from(self.choices.byte()) * bytes.len() / 256;
            bytes[at] ^= self.choices.byte();
            bytes.truncate(bytes.len() - usize::from(self.choices.byte()) % bytes.len());
        }
        Node::File {
            bytes,
            must_be_named: (!is_damaged && !is_one).then_some(named),
        }
    }

    fn tree(&mut self) -> Tree {
        let mut nodes = BTreeMap::new();
        for _ in 0..self.choices.byte() % 6 + 1 {
            let path = format!("{TOP}/{}", self.name());
            let node = match self.choices.byte() {
                250 => Node::FolderLink,
                251 => Node::Special,
                252 => Node::Unreadable,
                _ => self.file(0),
            };
            if !path.ends_with('/') {
                nodes.insert(path, node);
            }
        }
        if self.choices.byte() & 1 == 1 {
            let node = Node::File {
                bytes: GOOD.as_bytes().to_vec(),
                must_be_named: Some(Vec::new()),
            };
            nodes.insert(format!("{TOP}/{GOOD_NAME}"), node);
        }
        Tree(nodes)
    }
}

/// What came of what was given.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// As JSON; the last is the comparison of workers.
    reports: Vec<String>,
    /// Those of a good trace.
    n_good: usize,
    said: Vec<Said>,
    /// Files that were read for a recording, by path.
    used: BTreeSet<String>,
}

impl Outcome {
    /// Something is said of it, or of a folder that it lies in.
    fn names(&self, path: &str) -> bool {
        let is_about = |said: &Said| {
            let below = path.strip_prefix(&*said.about);
            said.about.contains(path) || said.about != TOP && below.is_some_and(|rest| rest.starts_with('/'))
        };
        self.said.iter().any(is_about)
    }

    /// Files of the folder that sentences about it count without a name; as many as there may be where a sentence has
    /// no number.
    fn counted(&self) -> usize {
        let about = self.said.iter().filter(|said| said.about == TOP);
        let number = |said: &Said| {
            let digits = said.says.split(|c: char| !c.is_ascii_digit()).next();
            digits
                .and_then(|digits| digits.parse().ok())
                .unwrap_or(usize::MAX)
        };
        about.map(number).fold(0, usize::saturating_add)
    }
}

/// Files by path.
struct Tree(BTreeMap<String, Node>);

impl Tree {
    fn bytes(&self, path: &str) -> Result<&[u8], String> {
        match self.0.get(path) {
            Some(Node::File { bytes, .. }) => Ok(bytes),
            _ => Err("it cannot be read".to_owned()),
        }
    }

    fn range(&self, path: &str, range: Range<u64>) -> Result<Vec<u8>, String> {
        assert!(range.start <= range.end, "{path}: bytes {range:?}");
        Ok(within(self.bytes(path)?, range).to_vec())
    }

    fn entry(&self, path: &str, source: &str) -> Entry<String> {
        let kind = match self.0.get(source) {
            Some(Node::File { bytes, .. }) => EntryKind::File {
                bytes: bytes.len() as u64,
            },
            Some(Node::FolderLink) => EntryKind::FolderLink("/elsewhere".to_owned()),
            Some(Node::Special) => EntryKind::Special,
            Some(Node::Unreadable) => EntryKind::Unreadable("permission denied".to_owned()),
            None => EntryKind::Folder,
        };
        Entry {
            path: path.to_owned(),
            source: source.to_owned(),
            kind,
        }
    }

    fn list(&self, folder: &str) -> Vec<Entry<String>> {
        let above = format!("{folder}/");
        let below = self.0.keys().filter_map(|path| path.strip_prefix(&above));
        let names: BTreeSet<&str> = below.filter_map(|path| path.split('/').next()).collect();
        let entry = |name: &&str| self.entry(name, &format!("{folder}/{name}"));
        names.iter().map(entry).collect()
    }

    fn at(&self, place: &Location<String>) -> Result<Vec<u8>, String> {
        if let Location::Held(bytes) = place {
            return Ok(bytes.clone());
        }
        let header = match place.wants() {
            Some((path, range)) => self.range(path, range)?,
            None => Vec::new(),
        };
        let stream = place.stream(&header)?;
        let raw = [
            stream.before,
            self.range(&stream.source, stream.middle)?,
            stream.after,
        ]
        .concat();
        let Some(mut unpacker) = stream.unpack else {
            return Ok(raw);
        };
        let mut out = Vec::new();
        unpacker.feed(&raw, &mut |text| out.extend_from_slice(text));
        assert!(out.len() as u64 <= unpacker.wanted_bytes());
        unpacker.finish().map(|()| out)
    }

    /// Tars come in pieces of so many bytes.
    fn plan(&self, given: Vec<Input<String>>, piece: usize) -> Plan<String> {
        let mut opening = Opening::new(given);
        for _ in 0..10_000 {
            let provided = match opening.poll() {
                Need::Done => return opening.finish(),
                Need::List(folder) => Ok(Provided::Entries(self.list(&folder))),
                Need::Read { source, range } => self.range(&source, range).map(Provided::Bytes),
                Need::Head { place, len } => self.at(&place).map(|mut bytes| {
                    bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
                    Provided::Bytes(bytes)
                }),
                Need::Stream(path) => self.bytes(&path).map(|bytes| {
                    bytes.chunks(piece).for_each(|piece| opening.feed(piece));
                    Provided::End
                }),
            };
            opening.provide(provided);
        }
        panic!("it asks for ever");
    }

    fn outcome(&self, given: Vec<Input<String>>, piece: usize) -> Outcome {
        let mut plan = self.plan(given, piece);
        let mut outcome = Outcome {
            said: std::mem::take(&mut plan.said),
            ..Outcome::default()
        };
        let mut compared = Vec::new();
        for i in 0..plan.recordings.len() {
            let opened = self.open(&plan, i, &mut outcome);
            let opened = opened.map(|(opened, mut ready)| {
                outcome.said.append(&mut ready.says);
                let report = opened.whole_report();
                let is_good = report.file.ends_with(GOOD_NAME) && report.events == 1;
                outcome.n_good += usize::from(is_good);
                outcome
                    .reports
                    .push(serde_json::to_string(&report).expect("a report is plain data"));
                let of_worker = plan.of_worker(i, &ready);
                compared.extend(of_worker.map(|of| of.compared(Some(&report))));
            });
            outcome.said.extend(plan.tell(i, opened));
        }
        outcome.said.extend(plan.conclude());
        let order = plan.order(None);
        if let Some((first, rest)) = order.split_first() {
            let _ = plan.left_out(*first, rest);
        }
        assert_eq!(order.len(), plan.recordings.len());
        assert!(plan.workers().all(|i| i < order.len()));
        let workers = bundle::compare(compared);
        outcome
            .reports
            .push(serde_json::to_string(&workers).expect("a report is plain data"));
        for said in &outcome.said {
            assert!(!said.says.is_empty() && !said.says.ends_with('.'), "{said:?}");
        }
        outcome
    }

    fn open(&self, plan: &Plan<String>, i: usize, outcome: &mut Outcome) -> Result<(Opened, Ready), Failure> {
        let mut gathering = plan.gather(i, true);
        while let Some((file, limit)) = gathering.poll(plan) {
            outcome.used.extend(plan.place(file).source().cloned());
            gathering.provide(self.at(plan.place(file)).and_then(|bytes| {
                let mut whole = Whole::new(limit);
                whole.feed(&bytes);
                whole.finish()
            }));
        }
        let ready = plan.ready(i, gathering)?;
        let bytes = match &ready.text {
            Text::Nothing => return Ok((ready.open()?, ready)),
            Text::Made(text) => text.clone(),
            Text::File(file) => {
                outcome.used.extend(plan.place(*file).source().cloned());
                self.at(plan.place(*file)).map_err(Failure::Unreadable)?
            }
        };
        let mut loader = Loader::of_text(ready.loader(&Selection::default()));
        loader.feed(&bytes);
        Ok((loader.finish()?, ready))
    }

    fn given_by_name(&self) -> Vec<Input<String>> {
        let input = |path: &String| {
            let (folder, name) = path.rsplit_once('/').unwrap_or_default();
            Input {
                shown: path.clone(),
                folder: folder.to_owned(),
                entry: self.entry(name, path),
            }
        };
        let is_file =
            |(path, node): (&'_ String, &Node)| matches!(node, Node::File { .. }).then(|| input(path));
        self.0.iter().filter_map(is_file).collect()
    }

    /// As the page has a folder: all its files from the start.
    fn given_by_path(&self) -> Vec<Input<String>> {
        let input = |path: &String| Input {
            shown: path.clone(),
            folder: String::new(),
            entry: self.entry(path, path),
        };
        self.0.keys().map(input).collect()
    }

    fn given_as_folder(&self) -> Vec<Input<String>> {
        vec![Input {
            shown: TOP.to_owned(),
            folder: String::new(),
            entry: self.entry(TOP, TOP),
        }]
    }

    /// Every file that was given by name was read or is named; archives open as far as they can be read.
    fn must_be_told_by_name(&self, outcome: &Outcome) {
        let mut n_good = 0;
        for (path, node) in &self.0 {
            let Node::File { bytes, must_be_named } = node else {
                continue;
            };
            // Members that were kept while an archive was listed do not say where they lie.
            let is_archive = session::archive_kind(bytes).is_some() && outcome.reports.len() > 1;
            assert!(
                is_archive || outcome.used.contains(path) || outcome.names(path),
                "{path} is neither opened nor named: {:?}",
                outcome.said
            );
            n_good += usize::from(must_be_named.is_some());
            for member in must_be_named.iter().flatten() {
                let about = format!("{path}: {member}");
                assert!(
                    outcome.said.iter().any(|said| said.about == about),
                    "{about} is not named: {:?}",
                    outcome.said
                );
            }
        }
        assert!(
            outcome.n_good >= n_good,
            "{} of {n_good} good traces are opened: {:?}",
            outcome.n_good,
            outcome.said
        );
    }

    /// Of a folder: every file that may be a trace was read, or is named, or is counted in what is said of the folder.
    fn must_be_told_of_folder(&self, outcome: &Outcome) {
        if self.0.keys().any(|path| is_hltv(path)) {
            return;
        }
        let mut n_left = 0;
        for (path, node) in &self.0 {
            let is_raw = path.contains("/PROF_");
            let is_wanted = match node {
                Node::File { bytes, .. } if is_archive(path) => {
                    outcome.reports.len() < 2 || session::archive_kind(bytes).is_none()
                }
                Node::File { .. } => is_json(path) && !is_raw,
                Node::Special => is_json(path) || is_archive(path),
                Node::FolderLink | Node::Unreadable => true,
            };
            n_left += usize::from(is_wanted && !outcome.used.contains(path) && !outcome.names(path));
        }
        assert!(
            n_left <= outcome.counted(),
            "{n_left} files are neither opened nor named: {:?}",
            outcome.said
        );
        if self.0.contains_key(&format!("{TOP}/{GOOD_NAME}")) {
            assert!(
                outcome.n_good > 0,
                "a good trace is not opened: {:?}",
                outcome.said
            );
        }
    }
}

/// Whatever is given is opened or named, a bad one never refuses the rest, and where a tar is cut changes nothing.
pub fn opening(data: &[u8]) {
    let (choices, rest) = Choices::split(data, 128);
    let mut maker = Maker { choices, rest };
    let how = maker.choices.byte();
    let piece = usize::from(maker.choices.byte()) + 1;
    let tree = maker.tree();
    let given = match how % 3 {
        0 => tree.given_by_name(),
        1 => tree.given_as_folder(),
        _ => tree.given_by_path(),
    };
    let outcome = tree.outcome(given.clone(), usize::MAX);
    let cut = tree.outcome(given, piece);
    // What of a tar is held and what is read again may differ: what is held has no source that is `used`.
    let told = |of: &Outcome| (of.reports.clone(), of.n_good, of.said.clone());
    assert_eq!(
        told(&outcome),
        told(&cut),
        "where a tar is cut changes what is opened"
    );
    match how % 3 {
        0 => tree.must_be_told_by_name(&outcome),
        _ => tree.must_be_told_of_folder(&outcome),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |i: usize| {
        let step = [1, 3, 7, 37, 101][i % 5];
        let choices = (0..128usize).map(move |at| ((at * step + i * 11) % 256) as u8);
        let text = TEXTS[i % TEXTS.len()].bytes();
        [i as u8].into_iter().chain(choices.skip(1)).chain(text).collect()
    };
    (0..60).map(seed).collect()
}

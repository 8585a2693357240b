//! What becomes of small invented inputs: files by path, and what was given by name.

use std::collections::BTreeMap;
use std::io::Write;

use super::*;
use crate::synth::Gzip;

const TRACE: &str = r#"{"traceEvents":[{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":2}]}"#;
const METRICS: &str = concat!(
    r#"[{"metric_name": "graph_compilation", "triggered_by": "process_exit","#,
    r#" "statistics": {"TotalNumber": 7, "TotalTime": 310000}}]"#
);
const OPERATORS: &str = "-------  -------\n   Name  # of Calls\n-------  -------\n";
const STEPS: &str =
    "Device_id,Step,Computing,Communication(Not Overlapped),Overlapped,Communication,Free,Stage,Bubble\n";
const WORKER_TRACE: &str = r#"[{"ph":"X","name":"mm","pid":1,"tid":2,"ts":"1.125","dur":40.5,"args":{}}]"#;

/// Files by path; a file whose text starts with `!` cannot be read, for the reason behind it.
struct Disk(BTreeMap<String, Vec<u8>>);

impl Disk {
    fn new(files: &[(&str, &[u8])]) -> Disk {
        Disk(
            files
                .iter()
                .map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()))
                .collect(),
        )
    }

    fn bytes(&self, path: &str) -> Result<&[u8], String> {
        let bytes = self.0.get(path).ok_or("there is no such file")?;
        match bytes.strip_prefix(b"!") {
            Some(why) => Err(String::from_utf8_lossy(why).into_owned()),
            None => Ok(bytes),
        }
    }

    fn entry(&self, path: &str, source: &str) -> Entry<String> {
        let kind = match self.0.get(source) {
            Some(bytes) => EntryKind::File {
                bytes: bytes.len() as u64,
            },
            None if self.0.keys().any(|p| p.starts_with(&format!("{source}/"))) || source == "empty" => {
                EntryKind::Folder
            }
            None => EntryKind::Unreadable("there is no such file".to_owned()),
        };
        Entry {
            path: path.to_owned(),
            source: source.to_owned(),
            kind,
        }
    }

    fn list(&self, folder: &str) -> Vec<Entry<String>> {
        let below = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix(&format!("{folder}/")));
        let mut names: Vec<&str> = below.filter_map(|path| path.split('/').next()).collect();
        names.dedup();
        let entry = |name: &&str| self.entry(name, &format!("{folder}/{name}"));
        // Whatever order a disk has.
        names.iter().rev().map(entry).collect()
    }

    fn range(&self, path: &str, range: Range<u64>) -> Result<Vec<u8>, String> {
        let bytes = self.bytes(path)?;
        let within = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
        Ok(bytes[within(range.start)..within(range.end)].to_vec())
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
        let middle = self.range(&stream.source, stream.middle)?;
        let raw = [stream.before, middle, stream.after].concat();
        let Some(mut unpacker) = stream.unpack else {
            return Ok(raw);
        };
        let mut out = Vec::new();
        unpacker.feed(&raw, &mut |text| out.extend_from_slice(text));
        unpacker.finish().map(|()| out)
    }

    fn plan(&self, given: Vec<Input<String>>) -> Plan<String> {
        self.plan_naming(given, Naming::Some)
    }

    fn plan_naming(&self, given: Vec<Input<String>>, naming: Naming) -> Plan<String> {
        let mut opening = Opening::new(given).naming(naming);
        loop {
            let provided = match opening.poll() {
                Need::Done => return opening.finish(),
                Need::List(folder) => Ok(Provided::Entries(self.list(&folder))),
                Need::Read { source, range } => self.range(&source, range).map(Provided::Bytes),
                Need::Head { place, len } => self.at(&place).map(|mut bytes| {
                    bytes.truncate(usize::try_from(len).unwrap());
                    Provided::Bytes(bytes)
                }),
                Need::Stream(path) => self.bytes(&path).map(|bytes| {
                    for piece in bytes.chunks(100) {
                        opening.feed(piece);
                    }
                    Provided::End
                }),
            };
            opening.provide(provided);
        }
    }

    /// What was given by name, opened as the command line does: a line a report, a line a sentence.
    fn opens(&self, given: &[&str]) -> Vec<String> {
        self.opens_naming(given, Naming::Some)
    }

    fn opens_naming(&self, given: &[&str], naming: Naming) -> Vec<String> {
        let input = |path: &&str| Input {
            shown: (*path).to_owned(),
            folder: folder_of(path).to_owned(),
            entry: self.entry(file_name(path), path),
        };
        let mut plan = self.plan_naming(given.iter().map(input).collect(), naming);
        let mut lines = Vec::new();
        let mut say = |said: Said| {
            let mark = if said.is_failure { "FAILED" } else { "note" };
            lines.push(format!("{mark} {}: {}", said.about, said.says));
        };
        std::mem::take(&mut plan.said).into_iter().for_each(&mut say);
        let mut reports = Vec::new();
        for i in 0..plan.recordings.len() {
            let mut gathering = plan.gather(i, true);
            while let Some((file, limit)) = gathering.poll(&plan) {
                let whole = self.at(plan.place(file)).and_then(|bytes| {
                    let mut whole = Whole::new(limit);
                    whole.feed(&bytes);
                    whole.finish()
                });
                gathering.provide(whole);
            }
            let opened = plan.ready(i, gathering).and_then(|ready| {
                let bytes = match &ready.text {
                    Text::Nothing => return Ok((ready.open()?, ready)),
                    Text::Made(text) => text.clone(),
                    Text::File(file) => self.at(plan.place(*file)).map_err(Failure::Unreadable)?,
                };
                let mut loader = Loader::of_text(ready.loader(&crate::view::Selection::default()));
                loader.feed(&bytes);
                Ok((loader.finish()?, ready))
            });
            let outcome = opened.map(|(opened, mut ready)| {
                std::mem::take(&mut ready.says).into_iter().for_each(&mut say);
                let beside: Vec<&str> = ready.metrics.iter().map(|(name, _)| &**name).collect();
                let tables = ready.tables.as_ref().map_or(0, |t| t.tables.read.len());
                let report = opened.report;
                reports.push(format!(
                    "{} {} events={} beside={beside:?} tables={tables}",
                    report.file, report.format, report.events
                ));
            });
            plan.tell(i, outcome).into_iter().for_each(&mut say);
        }
        plan.conclude().into_iter().for_each(&mut say);
        reports.extend(lines);
        reports
    }
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    tar_with_links(files, &[])
}

/// Links: name, kind (`1`: hard, `2`: symbolic), where it leads.
fn tar_with_links(files: &[(&str, &[u8])], links: &[(&str, u8, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    let no_bytes: &[u8] = b"";
    let files = files.iter().map(|&(name, bytes)| (name, b'0', "", bytes));
    let links = links.iter().map(|&(name, kind, to)| (name, kind, to, no_bytes));
    for (name, kind, to, bytes) in files.chain(links) {
        let mut block = vec![0u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        block[148..156].fill(b' ');
        block[156] = kind;
        block[157..157 + to.len()].copy_from_slice(to.as_bytes());
        let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend(block);
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.extend([0; 1024]);
    out
}

/// A member of a zip, as its heads describe it.
struct ZipMember<'a> {
    name: &'a str,
    body: &'a [u8],
    /// Unpacked.
    size: usize,
    crc: u32,
    is_encrypted: bool,
    /// 0: stored, 8: deflated.
    method: u8,
}

fn zip(members: &[ZipMember<'_>]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    let bytes_of = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    for member in members {
        let name = member.name.as_bytes();
        let told = [
            &[u8::from(member.is_encrypted), 0, member.method, 0, 0, 0, 0, 0][..],
            &member.crc.to_le_bytes(),
            &bytes_of(member.body.len()),
            &bytes_of(member.size),
            &bytes_of(name.len())[..2],
        ]
        .concat();
        let at = bytes_of(out.len());
        out.extend([b"PK\x03\x04\x14\0", &told[..], &[0; 2], name, member.body].concat());
        list.extend([b"PK\x01\x02\x14\0\x14\0", &told[..], &[0; 12], &at, name].concat());
    }
    let n = &bytes_of(members.len())[..2];
    let (at, len) = (bytes_of(out.len()), bytes_of(list.len()));
    out.extend(list);
    out.extend([b"PK\x05\x06\0\0\0\0", n, n, &len, &at, &[0; 2]].concat());
    out
}

/// A zip of stored files; those named in `encrypted` say that they are.
fn zip_of(files: &[(&str, &[u8])], encrypted: &[&str]) -> Vec<u8> {
    let members = files.iter().map(|&(name, body)| ZipMember {
        name,
        body,
        size: body.len(),
        crc: crc32fast::hash(body),
        is_encrypted: encrypted.contains(&name),
        method: 0,
    });
    zip(&members.collect::<Vec<_>>())
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Gzip::new(Vec::new(), 1).unwrap();
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

const TABLE_OF_A: &str = "run/a_ascend_pt/ASCEND_PROFILER_OUTPUT/step_trace_time.csv";
const TRACE_OF_A: &str = "run/a_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json";
const TABLE_OF_B: &str = "run/b_ascend_ms/ASCEND_PROFILER_OUTPUT/step_trace_time.csv";

fn workers() -> Vec<(&'static str, &'static [u8])> {
    vec![
        (TABLE_OF_A, STEPS.as_bytes()),
        (TRACE_OF_A, WORKER_TRACE.as_bytes()),
        (TABLE_OF_B, STEPS.as_bytes()),
        ("run/notes.md", b"x"),
    ]
}

#[test]
fn traces_open_in_order_with_what_stands_beside_them() {
    let disk = Disk::new(&[
        ("d/t.json", TRACE.as_bytes()),
        ("d/m.json", METRICS.as_bytes()),
        ("d/ops.txt", OPERATORS.as_bytes()),
        ("e/u.json", TRACE.as_bytes()),
        ("f/bad.json", b"hello"),
    ]);
    let alone = "t.json chrome events=1 beside=[] tables=0";
    assert_eq!(disk.opens(&["d/t.json"]), [alone]);
    assert_eq!(
        disk.opens(&["d/m.json", "d/t.json", "d/ops.txt"]),
        [r#"t.json chrome events=1 beside=["m.json", "ops.txt"] tables=0"#]
    );
    // Whose metrics they are is known by the folder; where it is not, they are a report of their own.
    let two = disk.opens(&["d/t.json", "e/u.json", "d/m.json"]);
    assert_eq!(two[0], r#"t.json chrome events=1 beside=["m.json"] tables=0"#);
    assert_eq!(
        (two.len(), &*two[1]),
        (2, "u.json chrome events=1 beside=[] tables=0")
    );
    let bad = disk.opens(&["f/bad.json", "d/t.json", "none.json"]);
    assert_eq!((bad.len(), &*bad[0]), (3, alone));
    assert_eq!(bad[1], "FAILED none.json: there is no such file");
    assert!(
        bad[2].starts_with("FAILED f/bad.json: this is no trace"),
        "{}",
        bad[2]
    );
    assert_eq!(disk.opens(&["d/m.json"]).len(), 1);
}

#[test]
fn workers_are_the_same_in_a_folder_and_in_every_archive() {
    let files = workers();
    let tar = tar_of(&files);
    let packed = gzipped(&tar);
    let zip = zip_of(&files, &[]);
    let mut all: Vec<(&str, &[u8])> = files.clone();
    all.extend([("x.tar", &tar[..]), ("x.tgz", &packed), ("x.zip", &zip)]);
    let disk = Disk::new(&all);
    for given in ["run", "x.tar", "x.tgz", "x.zip"] {
        assert_eq!(
            disk.opens(&[given]),
            [
                "a_ascend_pt/trace_view.json chrome events=1 beside=[] tables=1",
                "b_ascend_ms ascend events=0 beside=[] tables=1",
                &format!("note {given}: 1 file in it, no result of the profiler that is read here"),
            ],
            "{given}"
        );
    }
    // The page has the list of a folder from the start, and opens the worker that has a trace, or the one asked for.
    let whole = |(path, _): &(&str, &[u8])| Input {
        shown: (*path).to_owned(),
        folder: String::new(),
        entry: disk.entry(path, path),
    };
    let plan = disk.plan(files.iter().map(whole).collect());
    assert_eq!(
        (plan.order(None), plan.order(Some("b_ascend_ms"))),
        (vec![0, 1], vec![1, 0])
    );
    assert_eq!((plan.workers().count(), plan.left_out(0, &[1]).len()), (2, 0));
}

#[test]
fn tables_alone_are_those_of_their_folder() {
    let disk = Disk::new(&[("d/mine.txt", STEPS.as_bytes()), (TABLE_OF_A, STEPS.as_bytes())]);
    assert_eq!(
        disk.opens(&["d/mine.txt"]),
        ["d ascend events=0 beside=[] tables=1"]
    );
    assert_eq!(
        disk.opens(&[TABLE_OF_A]),
        ["a_ascend_pt ascend events=0 beside=[] tables=1"]
    );
}

#[test]
fn a_result_given_by_name_is_opened_where_it_lies_among_raw_data() {
    let table = "run/a_ascend_pt/PROF_1/out/mine.txt";
    let trace = "run/a_ascend_pt/PROF_1/out/trace_view.json";
    let disk = Disk::new(&[(table, STEPS.as_bytes()), (trace, WORKER_TRACE.as_bytes())]);
    assert_eq!(
        disk.opens(&[table]),
        ["a_ascend_pt ascend events=0 beside=[] tables=1"]
    );
    assert_eq!(
        disk.opens(&[table, trace]),
        ["a_ascend_pt/trace_view.json chrome events=1 beside=[] tables=1"]
    );
}

#[test]
fn a_workers_trace_that_cannot_be_read_is_named() {
    let disk = Disk::new(&[
        (TABLE_OF_A, STEPS.as_bytes()),
        (TRACE_OF_A, b"!permission denied"),
    ]);
    assert_eq!(
        disk.opens(&["run"]),
        [format!("FAILED {TRACE_OF_A}: permission denied")]
    );
}

#[test]
fn one_bad_member_refuses_nothing() {
    let good: &[u8] = TRACE.as_bytes();
    let zip = zip_of(
        &[
            ("a/secret.json", good),
            ("a/t.json", good),
            ("a/list.json", b"{}"),
        ],
        &["a/secret.json"],
    );
    let only = zip_of(&[("secret.json", good)], &["secret.json"]);
    let disk = Disk::new(&[
        ("x.zip", &zip),
        ("only.zip", &only),
        ("d/t.json", good),
        ("d/locked.json", b"!permission denied"),
    ]);
    assert_eq!(
        disk.opens(&["x.zip"]),
        [
            "a/t.json chrome events=1 beside=[] tables=0",
            "FAILED x.zip: a/secret.json: it cannot be read from the archive: it is encrypted",
            "note x.zip: 1 other JSON file in it holds no trace (a/list.json)",
        ]
    );
    assert_eq!(
        disk.opens(&["only.zip"]),
        ["FAILED only.zip: secret.json: it cannot be read from the archive: it is encrypted"]
    );
    assert_eq!(
        disk.opens(&["d"]),
        [
            "d/t.json chrome events=1 beside=[] tables=0",
            "FAILED d/locked.json: permission denied",
        ]
    );
}

/// What a tar stores of a sparse file (`S`, GNU) is not the file; neither is the rest of one that began in another
/// volume (`M`).
#[test]
fn stored_parts_of_a_file_are_not_taken_for_the_file() {
    let mut all: Vec<(&str, Vec<u8>)> = Vec::new();
    let whole = tar_of(&[("t.json", TRACE.as_bytes())]);
    for (kind, name) in [(b'S', "s.tar"), (b'M', "m.tar")] {
        let mut tar = tar_of(&[("part.json", TRACE.as_bytes())]);
        tar[156] = kind;
        tar[148..156].fill(b' ');
        let sum: u32 = tar[..512].iter().map(|&b| u32::from(b)).sum();
        tar[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        // Without the two blocks that end it.
        tar.truncate(1024);
        tar.extend(&whole);
        all.push((name, tar));
    }
    let files: Vec<(&str, &[u8])> = all.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    let disk = Disk::new(&files);
    for (given, why) in [
        ("s.tar", "it is stored as a sparse file"),
        ("m.tar", "it began in another volume of the archive"),
    ] {
        assert_eq!(
            disk.opens(&[given]),
            [
                "t.json chrome events=1 beside=[] tables=0".to_owned(),
                format!("FAILED {given}: part.json: it cannot be read from the archive: {why}"),
            ]
        );
    }
}

#[test]
fn an_archive_that_breaks_off_is_read_up_to_there() {
    let good = TRACE.as_bytes();
    let events: Vec<String> = (0..400)
        .map(|i| format!(r#"{{"ph":"X","name":"n{i}","pid":1,"tid":1,"ts":{i},"dur":1}}"#))
        .collect();
    let long = format!("[{}]", events.join(","));
    let files: [(&str, &[u8]); 2] = [("a/t.json", good), ("a/long.json", long.as_bytes())];
    let zip = zip_of(&files, &[]);
    let list_at = zip.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let tar = tar_of(&files);
    let packed = gzipped(&tar);
    let disk = Disk::new(&[
        ("list.zip", &zip[..list_at + 10]),
        ("cut.zip", &zip[..list_at - long.len() / 2]),
        ("head.zip", &zip[..20]),
        ("cut.tar", &tar[..tar.len() - 1024 - long.len() / 2]),
        ("cut.tgz", &packed[..packed.len() * 3 / 4]),
    ]);
    let lists = "the zip archive is cut off, or still being written: its list of files is missing or damaged";
    assert_eq!(
        disk.opens(&["list.zip"]),
        [
            "a/t.json chrome events=1 beside=[] tables=0".to_owned(),
            "a/long.json chrome events=400 beside=[] tables=0".to_owned(),
            format!("FAILED list.zip: {lists}; 2 files found without it"),
        ]
    );
    let opened = disk.opens(&["head.zip"]);
    assert!(
        opened.len() == 1 && opened[0].starts_with("FAILED head.zip: the zip archive has no list"),
        "{opened:?}"
    );
    let breaks_off = "the archive breaks off in a/long.json: what comes before that is read";
    for (given, says) in [
        (
            "cut.zip",
            format!("{lists}; 2 files found without it, of which a/long.json is cut"),
        ),
        ("cut.tar", breaks_off.to_owned()),
        ("cut.tgz", breaks_off.to_owned()),
    ] {
        let opened = disk.opens(&[given]);
        assert_eq!(opened[0], "a/t.json chrome events=1 beside=[] tables=0");
        assert_eq!(opened[2..], [format!("FAILED {given}: {says}")]);
        let n: usize = opened[1]
            .strip_prefix("a/long.json chrome events=")
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
            .unwrap_or_else(|| panic!("{opened:?}"));
        assert!((100..350).contains(&n), "{given} {n}");
    }
}

#[test]
fn files_of_other_kinds_are_named_and_are_a_failure_where_they_were_given_by_name() {
    let pickle: &[u8] = b"\x80\x04\x95device_traces";
    let mut files: Vec<(&str, &[u8])> = vec![
        ("d/t.json", TRACE.as_bytes()),
        ("d/memory.pickle", pickle),
        ("d/page.json", b"<!doctype html><title>Sign in"),
        ("d/r1.json.zst", b"\x28\xb5\x2f\xfd\x04"),
        ("d/model.pb", b"nothing that is known"),
        ("d/config.json", b"{\"a\":1}"),
        ("d/times.csv", b"a,b\n1,2\n"),
        ("d/plot.png", b"\x89PNG\r\n\x1a\n"),
        ("d/notes.txt", b"text"),
        ("d/run.py", b"import os"),
        ("memory.pickle", pickle),
        ("list.json", b"{\"a\":1}"),
        ("t.json", TRACE.as_bytes()),
    ];
    let paths: Vec<String> = (0..14).map(|i| format!("many/{i:02}.pkl")).collect();
    files.extend(paths.iter().map(|path| (&**path, pickle)));
    files.push(("many/t.json", TRACE.as_bytes()));
    let disk = Disk::new(&files);
    let opened = disk.opens(&["d"]);
    let [trace, named @ .., json, beside] = &opened[..] else {
        panic!("{opened:?}");
    };
    assert_eq!(trace, "d/t.json chrome events=1 beside=[] tables=0");
    assert_eq!(
        json,
        "note d: 1 other JSON file in it holds no trace (config.json)"
    );
    assert_eq!(
        beside,
        "note d: 3 other files in it, not opened (tables, text, pictures)"
    );
    let starts = [
        "note d/page.json: this is an HTML page, not a trace; ",
        "note d/memory.pickle: this is a PyTorch memory snapshot (pickle), not a trace; ",
        "note d/r1.json.zst: this is a zstd file, not a trace; unpack it first",
    ];
    assert_eq!(named.len(), starts.len(), "{named:?}");
    for (said, start) in named.iter().zip(starts) {
        assert!(said.starts_with(start), "{said}");
    }
    // Given by name.
    let opened = disk.opens(&["memory.pickle", "list.json", "t.json"]);
    assert_eq!(opened[0], "t.json chrome events=1 beside=[] tables=0");
    assert!(opened[1].starts_with("FAILED memory.pickle: this is a PyTorch memory snapshot"));
    assert!(opened[2].starts_with("FAILED list.json: this is JSON, but no trace"));
    assert_eq!(opened.len(), 3, "{opened:?}");
    // Not more of them than one reads.
    let opened = disk.opens(&["many"]);
    assert_eq!(
        (opened.len(), &*opened[11]),
        (
            12,
            "note many: and 4 more files in it of other kinds (stepscope check names all)"
        )
    );
}

#[test]
fn damaged_ranks_of_a_folder_or_an_archive_are_named_with_the_reason() {
    let text = TRACE.as_bytes();
    let header = TRACE.replacen('{', "{\"schemaVersion\":1,\"deviceProperties\":[],", 1);
    // The header of gzip and of a stored block (RFC 1951, 3.2.4), and the first bytes of the content.
    let stored = miniz_oxide::deflate::compress_to_vec(header.as_bytes(), 0);
    let cut = [&b"\x1f\x8b\x08\0\0\0\0\0\0\xff"[..], &stored[..5 + 20]].concat();
    let zeros = [0; 4096];
    let files: [(&str, &[u8]); 7] = [
        ("d/rank0.json", text),
        ("d/rank1.json", b""),
        ("d/rank2.json.gz", &cut),
        ("d/rank3.json", &zeros),
        ("d/rank4.json", br#"{"schemaVersion": 1, "devic"#),
        ("d/config.json", b"{\"a\": 1}\n"),
        ("d/notes.json", b"notes of the run"),
    ];
    let reasons = [
        ("rank1.json", "the file is empty (0 bytes"),
        (
            "rank2.json.gz",
            "the file ends in the middle, before its first event",
        ),
        (
            "rank3.json",
            "this is no trace: expected a JSON object or array at byte 0, found only zeros",
        ),
        (
            "rank4.json",
            "the file ends in the middle, before its first event",
        ),
    ];
    let (zip, tar) = (zip_of(&files, &[]), tar_of(&files));
    let mut on_disk = files.to_vec();
    let packed = gzipped(&tar);
    on_disk.extend([("x.zip", &*zip), ("x.tar", &*tar), ("x.tgz", &*packed)]);
    let disk = Disk::new(&on_disk);
    for (given, before) in [
        ("d", ""),
        ("x.zip", "x.zip: "),
        ("x.tar", "x.tar: "),
        ("x.tgz", "x.tgz: "),
    ] {
        let opened = disk.opens(&[given]);
        assert_eq!(opened[0], "d/rank0.json chrome events=1 beside=[] tables=0");
        for (name, why) in reasons {
            let start = format!("FAILED {before}d/{name}: ");
            let said = opened.iter().find(|line| line.starts_with(&start));
            let is_said = said.is_some_and(|said| said[start.len()..].starts_with(why));
            assert!(is_said, "{given}, {name}: {opened:#?}");
        }
        // Read, and no trace: another sentence, and no failure.
        assert!(
            opened.iter().any(
                |line| line.starts_with(&format!("note {given}: 2 other JSON files in it hold no trace"))
            ),
            "{opened:#?}"
        );
        assert_eq!(opened.len(), 6, "{opened:#?}");
    }
}

#[test]
fn many_files_that_are_not_read_are_counted_and_all_are_named_on_demand() {
    let (damaged, others): (Vec<String>, Vec<String>) = (0..13)
        .map(|i| (format!("d/rank{i:02}.json"), format!("d/config{i:02}.json")))
        .unzip();
    let mut files: Vec<(&str, &[u8])> = vec![("d/t.json", TRACE.as_bytes())];
    files.extend(damaged.iter().map(|path| (&**path, &b""[..])));
    files.extend(others.iter().map(|path| (&**path, &b"{}"[..])));
    let disk = Disk::new(&files);
    let opened = disk.opens(&["d"]);
    let is_named = |opened: &[String], path: &String| opened.iter().any(|line| line.contains(&**path));
    assert_eq!(damaged.iter().filter(|path| is_named(&opened, path)).count(), 10);
    for said in [
        "FAILED d: and 3 more files in it that could not be read (stepscope check names all)",
        "note d: 13 other JSON files in it hold no trace (config00.json, config01.json, config02.json, config03.json \
         and 9 more; stepscope check names all)",
    ] {
        assert!(opened.iter().any(|line| line == said), "{opened:#?}");
    }
    let all = disk.opens_naming(&["d"], Naming::All);
    assert!(damaged.iter().all(|path| is_named(&all, path)), "{all:#?}");
    assert!(
        all.iter()
            .any(|line| line.ends_with("config11.json, config12.json)")),
        "{all:#?}"
    );
}

#[test]
fn traces_under_other_names_are_named() {
    let text = TRACE.as_bytes();
    let twice = gzipped(&gzipped(text));
    let names = [
        "rank1.pt.trace.json.tmp",
        "rank2.trace",
        "rank3",
        "rank4.json.1",
        "rank5.json.gz.part",
    ];
    let paths = names.map(|name| format!("d/{name}"));
    let mut files: Vec<(&str, &[u8])> = vec![
        ("d/rank0.json", text),
        ("d/rank6.json.gz.gz", &twice),
        ("d/LICENSE", b"text"),
        ("d/empty.tmp", b""),
        ("d/run.py", b"import json"),
        ("d/config.json.bak", b"{\"a\": 1}"),
    ];
    files.extend(paths.iter().map(|path| (&**path, text)));
    let zip = zip_of(&files, &[]);
    files.push(("x.zip", &zip));
    let disk = Disk::new(&files);
    for (given, before, todo) in [
        ("d", "", "give it by name"),
        ("x.zip", "x.zip: ", "unpack the archive and give it by name"),
    ] {
        let opened = disk.opens(&[given]);
        for path in &paths {
            let said = format!(
                "FAILED {before}{path}: it looks like a trace, but its name does not end in .json or .json.gz: {todo}"
            );
            assert!(opened.contains(&said), "{opened:#?}");
        }
        let packed = format!("note {before}d/rank6.json.gz.gz: this is another gzip stream");
        assert!(opened.iter().any(|line| line.starts_with(&packed)), "{opened:#?}");
        assert_eq!(opened.len(), 1 + paths.len() + 1, "{opened:#?}");
    }
}

#[test]
fn joined_archives_are_read_whole() {
    let text = TRACE.as_bytes();
    let first: [(&str, &[u8]); 2] = [("r0.json", text), ("r1.json", text)];
    let second: [(&str, &[u8]); 1] = [("r2.json", text)];
    let zips = [zip_of(&first, &[]), zip_of(&second, &[])].concat();
    let tars = [tar_of(&first), tar_of(&second)].concat();
    let packed = [gzipped(&tar_of(&first)), gzipped(&tar_of(&second))].concat();
    let disk = Disk::new(&[("a.zip", &zips), ("a.tar", &tars), ("a.tgz", &packed)]);
    for (given, said) in [
        (
            "a.zip",
            "2 files in it that its list of files does not name, read all the same",
        ),
        (
            "a.tar",
            "1 file behind the end mark of the archive, read all the same",
        ),
        (
            "a.tgz",
            "1 file behind the end mark of the archive, read all the same",
        ),
    ] {
        let opened = disk.opens(&[given]);
        for n in 0..3 {
            let trace = format!("r{n}.json chrome events=1 beside=[] tables=0");
            assert!(opened.contains(&trace), "{opened:#?}");
        }
        assert!(
            opened[3].starts_with(&format!("note {given}: {said}")),
            "{opened:#?}"
        );
        assert_eq!(opened.len(), 4, "{opened:#?}");
    }
}

#[test]
fn a_zip_is_found_by_the_list_at_its_end() {
    let zip = zip_of(
        &[("r0.json", TRACE.as_bytes()), ("r1.json", TRACE.as_bytes())],
        &[],
    );
    let behind = [b"#!/bin/sh\nexit\n", &*zip].concat();
    let mut broken = zip.clone();
    broken[0] = 0xaf;
    // A comment that holds what looks like an end record, of an archive without files.
    let fake = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let mut with_comment = zip.clone();
    let len = with_comment.len();
    with_comment[len - 2] = u8::try_from(fake.len()).unwrap();
    with_comment.extend(&fake);
    let disk = Disk::new(&[
        ("behind.zip", &behind),
        ("run.bin", &behind),
        ("broken.zip", &broken),
        ("comment.zip", &with_comment),
        ("page.zip", b"<!doctype html><title>Sign in"),
    ]);
    let opened = |n| format!("r{n}.json chrome events=1 beside=[] tables=0");
    for given in ["behind.zip", "run.bin", "comment.zip"] {
        assert_eq!(disk.opens(&[given]), [opened(0), opened(1)], "{given}");
    }
    let broken = disk.opens(&["broken.zip"]);
    assert_eq!((broken.len(), &broken[0]), (2, &opened(1)), "{broken:?}");
    assert!(
        broken[1].starts_with("FAILED broken.zip: r0.json: "),
        "{broken:?}"
    );
    let page = disk.opens(&["page.zip"]);
    assert!(
        page[0].starts_with("FAILED page.zip: this is an HTML page"),
        "{page:?}"
    );
}

#[test]
fn pipes_and_devices_in_a_tar_are_named() {
    let files: [(&str, &[u8]); 1] = [("r0.json", TRACE.as_bytes())];
    let tar = tar_with_links(
        &files,
        &[("r1.json", b'6', ""), ("r2.json", b'3', ""), ("d", b'5', "")],
    );
    let disk = Disk::new(&[("x.tar", &tar)]);
    let why = "it cannot be read from the archive: it is a pipe or a device, and no file";
    assert_eq!(
        disk.opens(&["x.tar"]),
        [
            "r0.json chrome events=1 beside=[] tables=0".to_owned(),
            format!("FAILED x.tar: r1.json: {why}"),
            format!("FAILED x.tar: r2.json: {why}"),
        ]
    );
}

#[test]
fn what_holds_nothing_says_so() {
    let tar = tar_of(&[("a/b.txt", b"text")]);
    let disk = Disk::new(&[("x.tar", &tar), ("d/list.json", b"{\"a\":1}")]);
    let nothing = |what: &str, kind: &str| {
        vec![format!(
            "FAILED {what}: no trace and no table of a profiler is in this {kind}"
        )]
    };
    assert_eq!(disk.opens(&["x.tar"]), nothing("x.tar", "archive"));
    assert_eq!(disk.opens(&["empty"]), nothing("empty", "folder"));
    assert_eq!(disk.opens(&["d"]), nothing("d", "folder"));
    assert!(disk.plan(Vec::new()).order(None).is_empty());
}

#[test]
fn metrics_in_a_folder_stand_beside_its_trace_and_not_beside_others() {
    let disk = Disk::new(&[
        ("d/one/m.json", METRICS.as_bytes()),
        ("d/one/t.json", TRACE.as_bytes()),
        ("d/two/t.json", TRACE.as_bytes()),
        ("d/two/three/m.json", METRICS.as_bytes()),
    ]);
    assert_eq!(
        disk.opens(&["d"]),
        [
            r#"d/one/t.json chrome events=1 beside=["m.json"] tables=0"#,
            "d/two/t.json chrome events=1 beside=[] tables=0",
            "note d: 1 metrics file or operator table in it, not opened: whose it is, is not known",
        ]
    );
}

#[test]
fn an_archive_in_a_folder_opens_where_nothing_else_does() {
    let tar = gzipped(&tar_of(&[("t.json", TRACE.as_bytes())]));
    let disk = Disk::new(&[
        ("d/x.tar.gz", &tar),
        ("e/x.tar.gz", &tar),
        ("e/t.json", TRACE.as_bytes()),
    ]);
    assert_eq!(disk.opens(&["d"]), ["t.json chrome events=1 beside=[] tables=0"]);
    assert_eq!(
        disk.opens(&["e"]),
        [
            "e/t.json chrome events=1 beside=[] tables=0",
            // It holds traces that were not read, as one in an archive does.
            "FAILED e: 1 archive in it, not opened (e/x.tar.gz): give them by name",
        ]
    );
}

#[test]
fn an_archive_in_an_archive_is_a_part_that_was_not_read() {
    let inner = gzipped(&tar_of(&[("u.json", TRACE.as_bytes())]));
    let files: [(&str, &[u8]); 2] = [("t.json", TRACE.as_bytes()), ("more/x.tar.gz", &inner)];
    let (zip, tar) = (zip_of(&files, &[]), tar_of(&files));
    let disk = Disk::new(&[("a.zip", &zip), ("a.tar", &tar)]);
    for given in ["a.zip", "a.tar"] {
        let opens = disk.opens(&[given]);
        let failed =
            format!("FAILED {given}: 1 archive in it, not opened (more/x.tar.gz): unpack this one first");
        assert!(opens.contains(&failed), "{opens:?}");
        assert_eq!(opens.len(), 2, "{opens:?}");
    }
}

#[test]
fn an_hltv_opens_whatever_packs_it() {
    let files: [(&str, &[u8]); 2] = [
        ("prof-data/host/host_trace.json", TRACE.as_bytes()),
        ("prof-data/bin/x.bin", b"raw"),
    ];
    let (tar, zip) = (tar_of(&files), zip_of(&files, &[]));
    let packed = gzipped(&tar);
    let disk = Disk::new(&[("a.hltv", &tar), ("b.hltv", &zip), ("c.hltv", &packed)]);
    for given in ["a.hltv", "b.hltv", "c.hltv"] {
        let opened = disk.opens(&[given]);
        assert_eq!(
            opened,
            [format!(
                "{given}/host_trace.json hltv events=1 beside=[] tables=0"
            )]
        );
    }
}

#[test]
fn the_page_shows_the_most_certain_trace() {
    let disk = Disk::new(&[
        ("m.json", METRICS.as_bytes()),
        ("picture", b"\x89PNG\r\n"),
        ("t.json", TRACE.as_bytes()),
    ]);
    let input = |path: &str| Input {
        shown: path.to_owned(),
        folder: String::new(),
        entry: disk.entry(path, path),
    };
    let plan = disk.plan(["picture", "t.json"].map(input).into());
    let names = |order: &[usize]| -> Vec<&str> { order.iter().map(|&i| &*plan.recordings[i].name).collect() };
    let order = plan.order(None);
    // What could not be opened is passed over.
    assert_eq!(names(&order), ["t.json", "picture"]);
    assert_eq!(plan.left_out(order[0], &order[1..]), ["picture"]);
    // Any of those left out is tried first where the reader asks for it.
    assert_eq!(names(&plan.order(Some("picture"))), ["picture", "t.json"]);
}

#[test]
fn a_link_in_an_archive_is_read_as_what_it_leads_to_or_named() {
    let files: [(&str, &[u8]); 2] = [("a/rank0.json", TRACE.as_bytes()), ("blobs/x", TRACE.as_bytes())];
    let links = [
        ("a/rank1.json", b'1', "a/rank0.json"),
        ("a/rank2.json", b'2', "rank3.json"),
        ("a/rank3.json", b'2', "../blobs/x"),
        ("a/rank4.json", b'2', "/data/rank4.json"),
        ("a/rank5.json", b'2', "rank6.json"),
        ("a/rank6.json", b'2', "rank5.json"),
        ("latest", b'2', "a"),
    ];
    let tar = tar_with_links(&files, &links);
    let packed = gzipped(&tar);
    let disk = Disk::new(&[("x.tar", &tar), ("x.tgz", &packed)]);
    for given in ["x.tar", "x.tgz"] {
        let opened = |n| format!("a/rank{n}.json chrome events=1 beside=[] tables=0");
        let link = |n, to, which| format!("FAILED {given}: a/rank{n}.json: a link to {to}, which {which}");
        assert_eq!(
            disk.opens(&[given]),
            [
                opened(0),
                opened(1),
                opened(2),
                opened(3),
                link(4, "/data/rank4.json", "is not in the archive"),
                // They lead to each other.
                link(5, "rank6.json", "leads back to this link"),
                link(6, "rank5.json", "leads back to this link"),
                format!("note {given}: latest: a link to a, which is read under its own name"),
            ]
        );
    }
}

#[test]
fn traces_beside_results_of_workers_open_too() {
    let disk = Disk::new(&[
        ("raw/h_ascend_pt/PROF_1/device_0/data", b"raw"),
        ("raw/plain/R0.JSON", TRACE.as_bytes()),
        ("mix/step_trace_time.csv", STEPS.as_bytes()),
        ("mix/rank0.pt.trace.json", TRACE.as_bytes()),
        (TRACE_OF_A, WORKER_TRACE.as_bytes()),
        ("run/a_ascend_pt/trace_view.json.gz", &gzipped(TRACE.as_bytes())),
    ]);
    assert_eq!(
        disk.opens(&["raw"]),
        [
            "h_ascend_pt ascend events=0 beside=[] tables=0",
            "raw/plain/R0.JSON chrome events=1 beside=[] tables=0",
        ]
    );
    assert_eq!(
        disk.opens(&["mix"]),
        [
            "mix ascend events=0 beside=[] tables=1",
            "mix/rank0.pt.trace.json chrome events=1 beside=[] tables=0",
        ]
    );
    // A page shows what has a timeline.
    let plan = disk.plan(vec![Input {
        shown: "mix".to_owned(),
        folder: String::new(),
        entry: disk.entry("mix", "mix"),
    }]);
    assert_eq!(plan.order(None), [1, 0]);
    assert_eq!(plan.left_out(1, &[0]), ["mix"]);
    // The second trace of a worker.
    let given = disk.opens(&["run"]);
    let second = "run/a_ascend_pt/trace_view.json.gz chrome events=1 beside=[] tables=0";
    assert_eq!(
        given,
        [
            "a_ascend_pt/trace_view.json chrome events=1 beside=[] tables=0",
            second
        ]
    );
}

#[test]
fn a_damaged_member_is_not_one_that_holds_no_trace() {
    let text = TRACE.as_bytes();
    // Seven bytes of a stored block are overwritten, so the checksum is wrong and the text is no JSON.
    let mut packed = miniz_oxide::deflate::compress_to_vec(text, 0);
    packed[5..12].fill(b'#');
    let crc = crc32fast::hash(text);
    let zip = zip_of_packed(&[
        (
            "good.json",
            &miniz_oxide::deflate::compress_to_vec(text, 6),
            text.len(),
            crc,
        ),
        ("bad.json", &packed, text.len(), crc),
        (
            "list.json",
            &miniz_oxide::deflate::compress_to_vec(b"{}", 6),
            2,
            crc32fast::hash(b"{}"),
        ),
    ]);
    let mut broken = gzipped(text);
    broken.truncate(12);
    broken.extend([0xff; 40]);
    let disk = Disk::new(&[("x.zip", &zip), ("d/r0.json", text), ("d/r1.json.gz", &broken)]);
    let zip = disk.opens(&["x.zip"]);
    assert_eq!(
        (zip.len(), &*zip[0]),
        (3, "good.json chrome events=1 beside=[] tables=0")
    );
    assert!(
        zip[1].starts_with("FAILED x.zip: bad.json: ") && zip[1].contains("damaged"),
        "{zip:?}"
    );
    assert!(
        zip[2].starts_with("note x.zip: 1 other JSON file in it holds no trace ("),
        "{zip:?}"
    );
    let folder = disk.opens(&["d"]);
    assert_eq!(
        (folder.len(), &*folder[0]),
        (2, "d/r0.json chrome events=1 beside=[] tables=0")
    );
    assert!(
        folder[1].starts_with("FAILED d/r1.json.gz: ") && folder[1].contains("damaged"),
        "{folder:?}"
    );
}

/// A zip of deflated files: name, deflated bytes, length and checksum of what they are.
fn zip_of_packed(files: &[(&str, &[u8], usize, u32)]) -> Vec<u8> {
    let members = files.iter().map(|&(name, body, size, crc)| ZipMember {
        name,
        body,
        size,
        crc,
        is_encrypted: false,
        method: 8,
    });
    zip(&members.collect::<Vec<_>>())
}

#[test]
fn what_lies_too_deep_leads_nowhere_or_is_no_file_is_named() {
    let entry = |path: &str, kind: EntryKind| Entry {
        path: path.to_owned(),
        source: path.to_owned(),
        kind,
    };
    let mut opening = Opening::new(vec![Input {
        shown: "d".to_owned(),
        folder: "/data".to_owned(),
        entry: entry("d", EntryKind::Folder),
    }]);
    let link = |to: &str| EntryKind::FolderLink(to.to_owned());
    let mut depth = 0;
    while let Need::List(_) = opening.poll() {
        depth += 1;
        opening.provide(Ok(Provided::Entries(match depth {
            1 => vec![
                entry("a", EntryKind::Folder),
                entry("b", link("/data/d/a")),
                entry("c", link("/data")),
                entry("e", link("/data/dd")),
                entry("f", EntryKind::Unreadable("no such file".to_owned())),
                entry("g.json", EntryKind::Special),
                entry("g.sock", EntryKind::Special),
            ],
            _ => vec![entry("a", EntryKind::Folder)],
        })));
    }
    // The folder that was given, and 12 below it.
    assert_eq!(depth, 13);
    let said: Vec<String> = opening
        .plan
        .said
        .iter()
        .map(|s| format!("{} {}", s.is_failure, s.about))
        .collect();
    let deep = format!("true d{}", "/a".repeat(13));
    assert_eq!(
        said,
        [
            &*deep,
            "false d/b",
            "false d/c",
            "true d/e",
            "true d/f",
            "true d/g.json"
        ]
    );
}

#[test]
fn members_of_a_compressed_tar_are_inflated_once() {
    // Texts that compress to about a third, so that many lie in one piece of the archive.
    let text = |n: u32| -> Vec<u8> {
        (0..4_000u32)
            .map(|i| b'a' + u8::try_from((i ^ n).wrapping_mul(2_654_435_761) >> 29).unwrap())
            .collect()
    };
    let names: Vec<String> = (0..500).map(|n| format!("{n}.bin")).collect();
    let texts: Vec<Vec<u8>> = (0..500).map(text).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|n| &**n)
        .zip(texts.iter().map(|t| &**t))
        .collect();
    let packed = gzipped(&tar_of(&files));
    let mut reading = TarReading::default();
    reading.feed(&packed);
    let (_, found, _) = reading.found(&());
    let mut n_read = 0;
    for (found, text) in found.iter().zip(&texts) {
        let stream = found.place.stream(&[]).unwrap();
        let start = usize::try_from(stream.middle.start).unwrap();
        let (mut unpacker, mut out) = (stream.unpack.unwrap(), Vec::new());
        for piece in packed[start..].chunks(1_000) {
            n_read += piece.len();
            if !unpacker.feed(piece, &mut |text| out.extend_from_slice(text)) {
                break;
            }
        }
        unpacker.finish().unwrap();
        assert!(out == *text, "{}", found.path);
    }
    // Each read takes at most one piece that was not needed.
    assert!(
        n_read < packed.len() + 501 * 1_000,
        "{n_read} of {}",
        packed.len()
    );
    // From the end to the start, from checkpoints.
    for (found, text) in found.iter().zip(&texts).rev().step_by(100) {
        let stream = found.place.stream(&[]).unwrap();
        let start = usize::try_from(stream.middle.start).unwrap();
        let (mut unpacker, mut out) = (stream.unpack.unwrap(), Vec::new());
        unpacker.feed(&packed[start..], &mut |text| out.extend_from_slice(text));
        assert!(out == *text, "{}", found.path);
    }
}

#[test]
fn members_of_a_zip_are_looked_at_with_few_reads() {
    let names: Vec<String> = (0..2_000).map(|n| format!("{n}.json")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|n| (&**n, TRACE.as_bytes())).collect();
    let zip = zip_of(&files, &[]);
    let disk = Disk::new(&[("x.zip", &zip)]);
    let mut opening = Opening::new(vec![Input {
        shown: "x.zip".to_owned(),
        folder: String::new(),
        entry: disk.entry("x.zip", "x.zip"),
    }]);
    let mut n_needs = 0;
    let plan = loop {
        n_needs += 1;
        let provided = match opening.poll() {
            Need::Done => break opening.finish(),
            Need::Read { source, range } => disk.range(&source, range),
            Need::Head { place, .. } => disk.at(&place),
            other => panic!("{other:?}"),
        };
        opening.provide(provided.map(Provided::Bytes));
    };
    assert_eq!((plan.recordings.len(), plan.said.len()), (2_000, 0));
    // Its first bytes, its list twice, and 2,000 × 110 bytes at once.
    assert!(n_needs <= 6, "{n_needs}");
}

#[test]
fn a_compressed_tar_is_known_as_one_however_it_comes() {
    let packed = gzipped(&tar_of(&[("a/other.bin", b"not kept while it streams by")]));
    for piece in [1, packed.len()] {
        let mut reading = TarReading::default();
        packed.chunks(piece).for_each(|raw| reading.feed(raw));
        let (_, found, _) = reading.found(&"x");
        assert!(
            matches!(found[0].place, Location::Text(..)),
            "{piece}: {:?}",
            found[0].place
        );
    }
}

/// Stored and deflated in a zip, in a tar, in a compressed tar, in a folder: what was given, each with what messages
/// put before the names in it.
fn everywhere(files: &[(&str, &[u8])]) -> (Disk, [(&'static str, &'static str); 5]) {
    let deflated: Vec<Vec<u8>> = files
        .iter()
        .map(|(_, body)| miniz_oxide::deflate::compress_to_vec(body, 6))
        .collect();
    let members: Vec<(&str, &[u8], usize, u32)> = files
        .iter()
        .zip(&deflated)
        .map(|(&(name, body), deflated)| (name, &deflated[..], body.len(), crc32fast::hash(body)))
        .collect();
    let tar = tar_of(files);
    let archives = [
        ("x.zip", zip_of(files, &[])),
        ("y.zip", zip_of_packed(&members)),
        ("x.tgz", gzipped(&tar)),
        ("x.tar", tar),
    ];
    let mut on_disk: Vec<(&str, &[u8])> = files.to_vec();
    on_disk.extend(archives.iter().map(|(name, bytes)| (*name, &bytes[..])));
    let given = [
        ("d", ""),
        ("x.zip", "x.zip: "),
        ("y.zip", "y.zip: "),
        ("x.tar", "x.tar: "),
        ("x.tgz", "x.tgz: "),
    ];
    (Disk::new(&on_disk), given)
}

#[test]
fn sizes_and_checksums_of_a_zip_are_checked_alike_whatever_a_member_holds() {
    let (trace, gz) = (TRACE.as_bytes(), gzipped(TRACE.as_bytes()));
    for body in [trace, &gz[..]] {
        let deflated = miniz_oxide::deflate::compress_to_vec(body, 6);
        let sum = crc32fast::hash(body);
        for (method, packed) in [(0, body), (8, &deflated[..])] {
            for name in ["a.json", "a.json.gz"] {
                for (size, crc, n_wrong) in [(body.len(), sum, 0), (7, sum, 1), (body.len(), sum ^ 1, 1)] {
                    let member = ZipMember {
                        name,
                        body: packed,
                        size,
                        crc,
                        is_encrypted: false,
                        method,
                    };
                    let disk = Disk::new(&[("x.zip", &zip(&[member]))]);
                    let bytes = {
                        let input = Input {
                            shown: "x.zip".to_owned(),
                            folder: String::new(),
                            entry: disk.entry("x.zip", "x.zip"),
                        };
                        let plan = disk.plan(vec![input]);
                        disk.at(plan.place(0)).unwrap()
                    };
                    let mut loader = Loader::new(name);
                    loader.feed(&bytes);
                    let opened = loader.finish().unwrap();
                    assert_eq!(opened.report.events, 1);
                    let n = opened.defects.count(DefectKind::MemberChecksum);
                    assert_eq!(n, n_wrong, "{name} {method} {size} {crc}");
                }
            }
        }
    }
}

#[test]
fn a_wrong_checksum_is_said_of_whatever_a_damaged_file_seems_to_hold() {
    let with_wrong_sum = |text: &str| {
        let mut file = gzipped(text.as_bytes());
        let n = file.len();
        file[n - 8] ^= 1;
        file
    };
    let mut state = 1u32;
    // Longer than the first bytes that are looked at.
    let long: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("{state:x} ")
    })
    .take(30_000)
    .collect();
    for text in [
        r#"[{"7u":"X","name":"a"},{"7u":"X","name":"b"}]"#,
        "[1, 2, 3]",
        r#"{"config": [1, 2]}"#,
        r#"{"traceEvents": null}"#,
        "no JSON at all",
        &long,
        &format!("[\"{long}\"]"),
    ] {
        let damaged = with_wrong_sum(text);
        let (disk, all) = everywhere(&[("d/rank0.json", TRACE.as_bytes()), ("d/rank1.json.gz", &damaged)]);
        for (given, before) in all.into_iter().chain([("d/rank1.json.gz", "")]) {
            let opened = disk.opens(&[given]);
            let said = format!(
                "FAILED {before}d/rank1.json.gz: the compressed data is damaged: its checksum is wrong"
            );
            assert!(
                opened.iter().any(|line| line.starts_with(&said)),
                "{given} {opened:#?}"
            );
        }
    }
}

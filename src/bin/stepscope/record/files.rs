//! The traces that a server writes into a folder: which are new, and whether they are whole.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};

use stepscope::base::{DefectKind, show};
use stepscope::session::Inflater;

use super::super::CHUNK;
use super::{Clock, say};

/// Folders in folders that are looked through.
const MAX_DEPTH: usize = 8;
/// Bytes at the start and at the end of a JSON file in which its first and last bracket are looked for.
const ENDS_BYTES: u64 = 4096;
/// A folder of one worker, in which a profiler of Ascend keeps all that belongs together.
const WORKER_FOLDERS: [&str; 2] = ["_ascend_pt", "_ascend_ms"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    bytes: u64,
    modified: Option<SystemTime>,
}

type Files = BTreeMap<PathBuf, Seen>;

pub struct Folder {
    pub path: PathBuf,
    before: Files,
}

/// New traces, all together.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub files: usize,
    pub bytes: u64,
}

impl Sum {
    pub fn words(self) -> String {
        match self.files {
            0 => "no new trace yet".to_owned(),
            n => format!(
                "{}, {}",
                show::counted(n as u64, "new trace"),
                show::bytes(self.bytes)
            ),
        }
    }
}

fn sum(files: &Files) -> Sum {
    Sum {
        files: files.len(),
        bytes: files.values().map(|seen| seen.bytes).sum(),
    }
}

impl Folder {
    /// As it is before the profile starts; the server may make it later.
    pub fn look(path: &Path) -> Folder {
        let mut before = Files::new();
        list(path, MAX_DEPTH, &mut before);
        Folder {
            path: path.to_owned(),
            before,
        }
    }

    fn new_files(&self) -> Files {
        let mut files = Files::new();
        list(&self.path, MAX_DEPTH, &mut files);
        files.retain(|path, seen| self.before.get(path) != Some(&*seen));
        files
    }

    fn new_traces(&self) -> Files {
        let mut files = self.new_files();
        files.retain(|path, _| is_trace_name(path));
        files
    }

    pub fn sum(&self) -> Sum {
        sum(&self.new_traces())
    }

    /// Waits until new traces are whole, and none of them has changed for `settle`; until the clock runs out at most.
    /// Of a profiler of Ascend, gives folders.
    pub fn wait(&self, clock: &mut Clock, settle: Duration) -> Result<Vec<PathBuf>> {
        let pause = (settle / 4).clamp(Duration::from_millis(20), Duration::from_secs(1));
        let (mut last, mut changed) = (Files::new(), Instant::now());
        let mut looked_at: BTreeMap<PathBuf, (Seen, bool)> = BTreeMap::new();
        loop {
            let now = self.new_traces();
            if now != last {
                changed = Instant::now();
                last = now;
            }
            clock.tell(sum(&last));
            if !last.is_empty() && changed.elapsed() >= settle {
                let mut unfinished = Vec::new();
                for (path, seen) in &last {
                    let known = looked_at.get(path).filter(|(at, _)| at == seen);
                    let whole = known.map_or_else(|| is_whole(path), |&(_, whole)| whole);
                    looked_at.insert(path.clone(), (*seen, whole));
                    if !whole {
                        unfinished.push(path);
                    }
                }
                if unfinished.is_empty() {
                    return Ok(self.given(last.into_keys()));
                }
            }
            if clock.is_over() {
                return self.given_up(&last, &looked_at, clock, changed);
            }
            std::thread::sleep(pause);
        }
    }

    fn given_up(
        &self,
        files: &Files,
        looked_at: &BTreeMap<PathBuf, (Seen, bool)>,
        clock: &Clock,
        changed: Instant,
    ) -> Result<Vec<PathBuf>> {
        let (folder, waited) = (self.path.display(), super::words(clock.limit));
        if files.is_empty() {
            let others = match self.new_files().len() as u64 {
                0 => String::new(),
                n => format!(" ({} of other kinds)", show::counted(n, "new file")),
            };
            bail!(
                "{folder}: no new trace after {waited}{others}. Give in --dir the folder that the server writes to, as \
                 this machine sees it (vLLM: torch_profiler_dir of --profiler-config, or VLLM_TORCH_PROFILER_DIR; \
                 SGLang: --server-dir if its name differs there); if the server still writes, give a longer --wait"
            );
        }
        let whole = |path: &PathBuf, seen: &Seen| looked_at.get(path) == Some(&(*seen, true));
        let unfinished: Vec<String> = files
            .iter()
            .filter(|(path, seen)| !whole(path, seen))
            .map(|(path, seen)| format!("{} ({})", path.display(), show::bytes(seen.bytes)))
            .collect();
        bail!(
            "not whole after {waited}: {}; last change {} ago. If the server still writes, give a longer --wait; \
             `stepscope report FILE` reads what is there",
            show::listed(&unfinished, 5),
            super::words(changed.elapsed()),
        )
    }

    /// What is opened; traces of the API server alone, which have no steps, last.
    fn given(&self, files: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
        let mut given: Vec<PathBuf> = files
            .map(|file| self.worker_folder(&file).unwrap_or(file))
            .collect();
        given.sort_by_key(|path| (path.to_string_lossy().contains("async_llm"), path.clone()));
        given.dedup();
        given
    }

    fn worker_folder(&self, file: &Path) -> Option<PathBuf> {
        let inside = file.ancestors().take_while(|at| *at != self.path);
        let is_of_worker = |at: &Path| {
            let name = at.file_name().unwrap_or_default().to_string_lossy().into_owned();
            WORKER_FOLDERS.iter().any(|end| name.ends_with(end))
        };
        inside.skip(1).find(|at| is_of_worker(at)).map(Path::to_owned)
    }
}

fn is_trace_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".json") || name.ends_with(".json.gz")
}

/// What cannot be listed has no files.
fn list(folder: &Path, depth: usize, files: &mut Files) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() {
            if depth > 0 {
                list(&path, depth - 1, files);
            }
        } else if let Ok(found) = std::fs::metadata(&path)
            && found.is_file()
        {
            let seen = Seen {
                bytes: found.len(),
                modified: found.modified().ok(),
            };
            files.insert(path, seen);
        }
    }
}

/// Whether a trace ends as it should: gzip with its trailer, JSON with the bracket that it began with.
fn is_whole(path: &Path) -> bool {
    ends(path).unwrap_or_else(|error| {
        // It may have been renamed meanwhile.
        if error.kind() != std::io::ErrorKind::NotFound {
            say(&format!("{}: {error}", path.display()));
        }
        false
    })
}

fn ends(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    file.by_ref().take(ENDS_BYTES).read_to_end(&mut start)?;
    if start.starts_with(&[0x1f, 0x8b]) {
        file.rewind()?;
        let (mut inflater, mut piece) = (Inflater::default(), vec![0; CHUNK]);
        loop {
            match file.read(&mut piece)? {
                0 => {
                    let inflated = inflater.finish().0;
                    let cut = [DefectKind::TruncatedGzip, DefectKind::TruncatedMember];
                    let is_cut = cut.iter().any(|&kind| inflated.defects.count(kind) > 0);
                    return Ok(inflated.damage.is_none() && !is_cut);
                }
                n => inflater.feed(&piece[..n], &mut |_| {}),
            }
        }
    }
    let bytes = file.metadata()?.len();
    file.seek(SeekFrom::Start(bytes.saturating_sub(ENDS_BYTES)))?;
    let mut end = Vec::new();
    file.take(ENDS_BYTES).read_to_end(&mut end)?;
    let first = start.trim_ascii_start().first();
    let last = end.trim_ascii_end().last();
    Ok(matches!(
        (first, last),
        (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']'))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_break_off_are_not_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.json");
        let is = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            is_whole(&path)
        };
        for whole in ["{\"traceEvents\":[{}]}", " [\n{}\n]\n"] {
            assert!(is(whole.as_bytes()), "{whole}");
        }
        for cut in ["", " ", "{\"traceEvents\":[{},", "{\"traceEvents\":[{}]", "[{}"] {
            assert!(!is(cut.as_bytes()), "{cut}");
        }
        let mut gzip = stepscope::synth::Gzip::new(Vec::new(), 1).unwrap();
        std::io::Write::write_all(&mut gzip, &[b'x'; 10_000]).unwrap();
        let gzip = gzip.finish().unwrap();
        assert!(is(&gzip));
        for len in [2, 9, 12, gzip.len() - 8, gzip.len() - 1] {
            assert!(!is(&gzip[..len]), "{len} of {}", gzip.len());
        }
    }

    #[test]
    fn new_is_what_was_not_there_and_what_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        std::fs::create_dir_all(dir.path().join("a/host_ascend_pt/out")).unwrap();
        put("old.json", "{}");
        put("a/changed.json", "{}");
        let folder = Folder::look(dir.path());
        assert!(folder.new_traces().is_empty());
        put("a/changed.json", "{} ");
        put("a/new.json.gz", "");
        put("a/new.txt", "");
        put("a/host_ascend_pt/out/trace_view.json", "{}");
        let new = folder.new_traces();
        assert_eq!(folder.new_files().len(), new.len() + 1);
        let shown: Vec<PathBuf> = folder.given(new.into_keys());
        let want = ["a/changed.json", "a/host_ascend_pt", "a/new.json.gz"];
        assert_eq!(shown, want.map(|name| dir.path().join(name)));
    }
}

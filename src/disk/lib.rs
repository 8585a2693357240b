//! Opens what lies on the disk: files, folders and archives alike. Natively only, for the command line and for Python.
//!
//! Prints nothing but how far reading has come, and that only where it is asked for: what there is to say is handed to
//! the caller.

pub mod fresh;
pub mod given;
pub mod jobs;
pub mod open_from_disk;
pub mod progress;

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use stepscope_engine::analyze::report::Basis;
use stepscope_engine::base::Span;
use stepscope_engine::base::time::CLOCK_END_NS;
use stepscope_engine::index::select::Selection;
use stepscope_engine::session::Opened;
use stepscope_engine::session::open::Naming;

/// Bytes that are read from a file at once.
pub const CHUNK: usize = 1 << 20;

/// What of each trace is loaded, and how it is read.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Categories.
    pub leave_out: Vec<String>,
    /// In ns from the start of the trace.
    pub from: Option<i64>,
    pub to: Option<i64>,
    pub kernel_rules: Option<KernelRules>,
    /// Which time of a step is its step time; by default the trace decides.
    pub step_time: Option<Basis>,
}

/// The reader's own rules for kernels.
#[derive(Clone, Debug)]
pub struct KernelRules {
    /// What messages call them.
    pub name: String,
    /// Why they could not be read is said of each trace.
    pub text: Result<String, String>,
}

impl Part {
    fn has_window(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// Of a trace that starts at `start` on its own clock.
    fn selection_from(&self, start: i64) -> Selection {
        let at = |ns: i64| start.saturating_add(ns);
        let window = self
            .has_window()
            .then(|| Span::new(at(self.from.unwrap_or(0)), self.to.map_or(CLOCK_END_NS, at)));
        Selection {
            leave_out: self.leave_out.clone(),
            window,
        }
    }

    /// The trace with the reader's own rules for kernels and step time, if there are any.
    ///
    /// # Errors
    /// Which line is no rule, or why the rules could not be read.
    pub fn classified(&self, mut opened: Opened) -> Result<Opened> {
        if let Some(rules) = &self.kernel_rules {
            let text = rules.text.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
            opened
                .classify(text)
                .map_err(|why| anyhow::anyhow!("{}: {why}", rules.name))?;
        }
        if self.step_time.is_some() {
            opened.set_step_time(self.step_time);
        }
        Ok(opened)
    }
}

/// How everything that was given is opened.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub part: &'a Part,
    pub naming: Naming,
    /// How far reading has come is shown on standard error, where that is a terminal.
    pub shows_progress: bool,
}

/// Files that were read: nothing is to be written over them.
#[derive(Debug, Default)]
pub struct WasRead {
    pub files: Vec<PathBuf>,
    /// What lies in folders that were read, whatever it is.
    pub in_folders: Vec<PathBuf>,
}

/// A file's name without its folder.
#[must_use]
pub fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Opens a file, and no folder.
///
/// # Errors
/// Why it cannot be opened.
pub fn open_file(path: &Path) -> Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        bail!("this is a folder, not a file");
    }
    Ok(file)
}

/// One file under all its names.
#[cfg(unix)]
pub type FileId = (u64, u64);
#[cfg(not(unix))]
pub type FileId = PathBuf;

#[cfg(unix)]
fn id_of(found: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

/// Of a regular file, through links; what else there is can be read and written at once.
#[must_use]
pub fn file_id(path: &Path) -> Option<FileId> {
    let found = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
    #[cfg(unix)]
    return Some(id_of(&found));
    #[cfg(not(unix))]
    {
        let _ = found;
        path.canonicalize().ok()
    }
}

/// The file that standard output is (`> FILE`, `>> FILE`), and its bytes, if it is a regular one.
#[cfg(unix)]
#[must_use]
pub fn stdout_file() -> Option<(FileId, u64)> {
    use std::os::fd::AsFd;
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().ok()?;
    let found = File::from(stdout).metadata().ok().filter(Metadata::is_file)?;
    Some((id_of(&found), found.len()))
}

#[cfg(not(unix))]
#[must_use]
pub fn stdout_file() -> Option<(FileId, u64)> {
    None
}

/// Whether this is the file that standard output goes to, which the shell has just made or emptied.
fn is_new_stdout(path: &Path) -> bool {
    stdout_file().is_some_and(|(id, bytes)| bytes == 0 && file_id(path) == Some(id))
}

/// The names that are most like the one that is wanted, at most five.
#[must_use]
pub fn nearest(wanted: &str, mut all: Vec<String>) -> Vec<String> {
    all.sort_by(|a, b| {
        let like = |name: &str| strsim::jaro_winkler(wanted, name);
        like(b).total_cmp(&like(a)).then_with(|| a.cmp(b))
    });
    all.dedup();
    all.truncate(5);
    all
}

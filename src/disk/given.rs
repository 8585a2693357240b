//! A file as it was given. Traces are read more than once; what can be read only once (standard input, a pipe) is put
//! into a file first, which is removed at the end.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::fresh::Fresh;

pub struct Given {
    /// As it was given; `-` by its other name.
    pub path: PathBuf,
    /// Where its bytes are read.
    pub source: PathBuf,
    _kept: Option<Fresh>,
}

impl Given {
    pub fn of(path: &Path) -> Result<Given> {
        let path = named(path);
        let kept = match once(&path)? {
            Some(mut from) => Some(keep(&mut *from).with_context(keeping)?),
            None => None,
        };
        let source = kept
            .as_ref()
            .map_or_else(|| path.clone(), |fresh| fresh.file.path().to_owned());
        Ok(Given {
            path,
            source,
            _kept: kept,
        })
    }

    /// What is no file: bytes that come from `from`, by a name.
    pub fn kept(name: &str, from: &mut dyn Read) -> Result<Given> {
        let kept = keep(from).with_context(keeping)?;
        Ok(Given {
            path: PathBuf::from(name),
            source: kept.file.path().to_owned(),
            _kept: Some(kept),
        })
    }
}

fn keeping() -> String {
    let folder = tempfile::env::temp_dir();
    format!("keeping what is read in {} (TMPDIR)", folder.display())
}

/// The path that a file is known by.
pub fn named(path: &Path) -> PathBuf {
    let is_dash = path == Path::new("-");
    PathBuf::from(if is_dash { Path::new("/dev/stdin") } else { path })
}

/// What can be read only once.
fn once(path: &Path) -> io::Result<Option<Box<dyn Read>>> {
    let names = ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];
    let is_stdin = names.iter().any(|name| path == Path::new(name));
    let found = match std::fs::metadata(path) {
        Ok(found) => found,
        // Elsewhere than on Unix, standard input is no file.
        Err(_) if is_stdin => return Ok(Some(Box::new(io::stdin()))),
        // Said where it is opened.
        Err(_) => return Ok(None),
    };
    let is_terminal = || is_stdin && io::stdin().is_terminal();
    if !is_pipe(&found) && !is_terminal() {
        return Ok(None);
    }
    Ok(Some(match is_stdin {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(path)?),
    }))
}

#[cfg(unix)]
fn is_pipe(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    found.file_type().is_fifo() || found.file_type().is_socket()
}

#[cfg(not(unix))]
fn is_pipe(_: &std::fs::Metadata) -> bool {
    false
}

fn keep(from: &mut dyn Read) -> io::Result<Fresh> {
    let mut fresh = Fresh::in_folder(&tempfile::env::temp_dir(), None)?;
    io::copy(from, fresh.file.as_file_mut())?;
    Ok(fresh)
}

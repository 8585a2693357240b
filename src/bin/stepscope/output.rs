//! What the program writes. A file is written whole or not at all, and never over what was read: every file goes
//! through [`write`].

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Error, Result, bail};
use rustc_hash::FxHashMap;

use stepscope::analyze::report::TraceReport;
use stepscope::base::{Severity, show};

use stepscope_disk::{FileId, WasRead, file_id, stdout_file};

use super::fresh::Fresh;
use super::{CHUNK, named};

/// Why nothing is written over a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Because {
    IsRead,
    /// It lies in a folder that is read, whatever is in it.
    IsInFolder,
}

/// Files that are read, over which nothing is written.
#[derive(Default)]
pub struct Inputs(FxHashMap<FileId, Because>);

/// One output under all its names.
#[derive(PartialEq, Eq, Hash)]
enum Place {
    Stdout,
    Old(FileId),
    New(PathBuf),
}

impl Inputs {
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Inputs {
        let mut inputs = Inputs::default();
        for path in paths {
            inputs.add(&named(path));
        }
        inputs
    }

    /// What is read.
    pub fn add(&mut self, path: &Path) {
        if let Some(id) = file_id(path) {
            self.0.insert(id, Because::IsRead);
        }
    }

    /// What lies in a folder that is read.
    fn add_of_folder(&mut self, path: &Path) {
        if let Some(id) = file_id(path) {
            self.0.entry(id).or_insert(Because::IsInFolder);
        }
    }

    /// What was read while traces were opened.
    pub fn add_read(&mut self, read: &WasRead) {
        read.in_folders.iter().for_each(|path| self.add_of_folder(path));
        read.files.iter().for_each(|path| self.add(path));
    }

    /// Fails where nothing can be written at `path`, to standard output without one: it is an input or lies in a folder
    /// that is read, it is a folder, or in none.
    fn refuse(&self, path: Option<&Path>) -> Result<Option<Place>> {
        let path = path.filter(|path| !is_stdout(path));
        let shown = path.map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
        let id = match path {
            Some(path) => file_id(path),
            // What a shell has emptied is lost already; what is added to a file changes it.
            None => stdout_file().and_then(|(id, bytes)| (bytes > 0).then_some(id)),
        };
        match id.as_ref().and_then(|id| self.0.get(id)) {
            Some(Because::IsRead) => bail!(
                "{shown}: this is the trace itself, or another file that is read; give the output another name"
            ),
            Some(Because::IsInFolder) => bail!(
                "{shown}: this file lies in a folder that is read, and nothing there is replaced; give the output \
                 another name, or remove the file first"
            ),
            None => {}
        }
        let Some(path) = path else {
            let file = stdout_file().map(|(id, _)| Place::Old(id));
            return Ok(Some(file.unwrap_or(Place::Stdout)));
        };
        Ok(match Target::of(path).with_context(|| writing(path))? {
            Target::Stdout => Some(Place::Stdout),
            // A device takes any number of outputs.
            Target::Direct(_) => id.map(Place::Old),
            Target::File(at, _) => Some(id.map_or(Place::New(at), Place::Old)),
        })
    }

    /// Fails where one of these outputs of one command cannot be written (`None`: standard output), or where two are
    /// the same file. Asked before anything is written.
    pub fn refuse_any<'a>(&self, outputs: impl IntoIterator<Item = Option<&'a Path>>) -> Result<()> {
        let mut taken: FxHashMap<Place, &Path> = FxHashMap::default();
        for path in outputs {
            let Some(place) = self.refuse(path)? else {
                continue;
            };
            let path = path.unwrap_or(Path::new("standard output"));
            if let Some(other) = taken.insert(place, path) {
                if other == path {
                    bail!(
                        "{}: two outputs are the same file: give each a name of its own",
                        path.display()
                    );
                }
                bail!(
                    "{} and {} are the same file: give each output a name of its own",
                    other.display(),
                    path.display()
                );
            }
        }
        Ok(())
    }
}

fn writing(path: &Path) -> String {
    format!("writing {}", path.display())
}

/// Where bytes for a path go.
enum Target {
    Stdout,
    /// What is no regular file: a device, a pipe.
    Direct(PathBuf),
    /// Behind all links, with what is there.
    File(PathBuf, Option<Metadata>),
}

/// As deep as Linux follows links.
const MAX_LINKS: usize = 40;

pub fn is_stdout(path: &Path) -> bool {
    let names = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
    names.iter().any(|name| path == Path::new(name))
}

impl Target {
    fn of(path: &Path) -> io::Result<Target> {
        if is_stdout(path) {
            return Ok(Target::Stdout);
        }
        let is_folder = || Err(io::Error::new(ErrorKind::IsADirectory, "this is a folder"));
        let mut at = path.to_owned();
        for _ in 0..MAX_LINKS {
            let Some(name) = at.file_name() else {
                return is_folder();
            };
            if at.as_os_str().as_encoded_bytes().ends_with(b"/") {
                if at.is_dir() {
                    return is_folder();
                }
                let says = "a name that ends in / is a folder's: leave out the / to write a file";
                return Err(io::Error::new(ErrorKind::InvalidInput, says));
            }
            let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
            let whole = folder.join(name);
            // Links there name what is open already: opening the name again would begin at its start.
            if whole.starts_with("/proc") {
                return Ok(Target::Direct(whole));
            }
            match std::fs::symlink_metadata(&whole) {
                Ok(found) if found.is_symlink() => at = folder.join(std::fs::read_link(&whole)?),
                Ok(found) if found.is_dir() => return is_folder(),
                Ok(found) if found.is_file() => return Ok(Target::File(whole, Some(found))),
                Ok(_) => return Ok(Target::Direct(whole)),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Target::File(whole, None)),
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("too many links, one to the next"))
    }
}

/// Says of what an error is; see [`is_closed_pipe`] for why the kind is kept.
struct Named<W> {
    out: W,
    to: String,
}

impl<W> Named<W> {
    fn named<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.to)))
    }
}

impl<W: Write> Write for Named<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.named(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.named(flushed)
    }
}

/// Writes what `content` gives, to standard output without a path. A regular file is written under a new name beside
/// it, which is renamed when all is written, through links; what was there stays if that fails.
pub fn write<T>(
    path: Option<&Path>,
    inputs: &Inputs,
    content: impl FnOnce(&mut dyn Write) -> Result<T>,
) -> Result<T> {
    let to = path.map_or_else(|| "writing to standard output".to_owned(), writing);
    let through = |out: &mut dyn Write| {
        let named = Named { out, to: to.clone() };
        let mut buffered = BufWriter::with_capacity(CHUNK, named);
        let done = content(&mut buffered);
        // Nothing more goes out after an error.
        match done {
            Ok(done) => buffered.flush().map(|()| done).map_err(Error::from),
            Err(error) => {
                drop(buffered.into_parts());
                Err(error)
            }
        }
    };
    inputs.refuse(path)?;
    let Some(path) = path else {
        return through(&mut io::stdout().lock());
    };
    match Target::of(path).with_context(|| to.clone())? {
        Target::Stdout => through(&mut io::stdout().lock()),
        Target::Direct(at) => {
            let mut file = OpenOptions::new()
                .append(true)
                .open(at)
                .with_context(|| to.clone())?;
            through(&mut file)
        }
        Target::File(at, found) => {
            let mut fresh = beside(&at, found.as_ref()).with_context(|| to.clone())?;
            let done = through(fresh.file.as_file_mut())?;
            fresh.rename(&at).with_context(|| to.clone())?;
            Ok(done)
        }
    }
}

/// A new file in the folder of `at`, with the owner and the mode of what is there, or the usual ones.
fn beside(at: &Path, found: Option<&Metadata>) -> io::Result<Fresh> {
    if found.is_some() {
        // What may not be written is not replaced either.
        OpenOptions::new().write(true).open(at)?;
    }
    let folder = at.parent().unwrap_or(Path::new("/"));
    // The name of the new file is nobody's business.
    let unmade = |error: io::Error| {
        let kind = error.kind();
        let why = format!("no new file can be made in {}: {kind}", folder.display());
        io::Error::new(kind, why)
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        let usual = std::fs::Permissions::from_mode(0o666); // less the umask
        let fresh = Fresh::in_folder(folder, Some(usual)).map_err(unmade)?;
        if let Some(found) = found {
            let file: &File = fresh.file.as_file();
            // Only root may give files away.
            drop(fchown(file, Some(found.uid()), Some(found.gid())));
            file.set_permissions(found.permissions())?;
        }
        Ok(fresh)
    }
    #[cfg(not(unix))]
    Fresh::in_folder(folder, None).map_err(unmade)
}

/// Makes the folder of an output, where there is none.
pub fn make_folder(folder: &Path) -> Result<()> {
    let making = || format!("making {}", folder.display());
    if folder.is_symlink() && !folder.exists() {
        let to = std::fs::read_link(folder).unwrap_or_default();
        bail!("{}: a link to {}, which does not exist", making(), to.display());
    }
    std::fs::create_dir_all(folder).with_context(making)
}

/// Writes a text to a file or to standard output.
pub fn deliver(text: &str, path: Option<&Path>, inputs: &Inputs) -> Result<()> {
    write(path, inputs, |out| Ok(out.write_all(text.as_bytes())?))
}

/// What was written to `path`: on standard error where the bytes themselves are on standard output.
pub fn say_of(path: &Path, says: &str) -> Result<()> {
    let text = format!("{}: {says}\n", show::plain(&path.display().to_string()));
    if is_stdout(path) {
        drop(io::stderr().write_all(text.as_bytes()));
        return Ok(());
    }
    deliver(&text, None, &Inputs::default())
}

/// What was lost in reading a trace, on standard error, for commands whose output does not say it; whether there is
/// anything.
pub fn complain_of_losses(report: &TraceReport) -> bool {
    let lost = report
        .defects
        .iter()
        .filter(|defect| defect.severity >= Severity::Loss);
    let mut has_losses = false;
    for defect in lost {
        has_losses = true;
        let at = defect
            .first_at_byte
            .map_or_else(String::new, |at| format!(", first at byte {at}"));
        complain(&format!(
            "stepscope: {}: {} ({} ×{at}): {}",
            report.file, defect.kind, defect.count, defect.says
        ));
    }
    has_losses
}

/// A line on standard error; that nobody reads it is no reason to stop.
pub fn complain(says: &str) {
    drop(writeln!(io::stderr(), "{}", show::plain(says)));
}

/// Whether whoever reads the output has had enough (`| head`).
pub fn is_closed_pipe(error: &Error) -> bool {
    let errors = error
        .chain()
        .filter_map(|error| error.downcast_ref::<io::Error>());
    errors
        .into_iter()
        .any(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Ends as other programs do whose output is closed: by the signal, which a shell shows as status 141.
pub fn end_of_closed_pipe() -> ExitCode {
    #[cfg(unix)]
    drop(signal_hook::low_level::emulate_default_handler(
        signal_hook::consts::SIGPIPE,
    ));
    ExitCode::from(141)
}

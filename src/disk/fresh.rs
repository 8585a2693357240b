//! Files that are not whole yet: each under a name of its own, removed on every error, and if the program is ended.

use std::fs::Permissions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

/// What is to be removed if the program is ended.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a signal that ends the program removes them.
static BY_SIGNALS: AtomicBool = AtomicBool::new(false);

/// From the first unfinished file on, a signal that ends the program removes such files first. For programs alone: of
/// another's process (Python's, say) the signals are not ours.
pub fn remove_on_signals() {
    BY_SIGNALS.store(true, Ordering::Relaxed);
}

/// Fields are dropped in this order: removed first, forgotten then.
pub struct Fresh {
    pub file: NamedTempFile,
    _listed: Listed,
}

struct Listed(PathBuf);

impl Drop for Listed {
    fn drop(&mut self) {
        unfinished().retain(|path| *path != self.0);
    }
}

impl Fresh {
    /// A new file in `folder`; without `permissions` for nobody else to read.
    pub fn in_folder(folder: &Path, permissions: Option<Permissions>) -> io::Result<Fresh> {
        #[cfg(unix)]
        if BY_SIGNALS.load(Ordering::Relaxed) {
            signals::watch();
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".stepscope-").suffix(".part");
        if let Some(permissions) = permissions {
            builder.permissions(permissions);
        }
        // Held while the file is made: a signal between making and listing it would leave it.
        let mut unfinished = unfinished();
        let file = builder.tempfile_in(folder)?;
        unfinished.push(file.path().to_owned());
        let _listed = Listed(file.path().to_owned());
        Ok(Fresh { file, _listed })
    }

    /// Gives the file its name, in place of what has it.
    pub fn rename(self, name: &Path) -> io::Result<()> {
        self.file.persist(name)?;
        Ok(())
    }
}

#[cfg(unix)]
pub mod signals {
    use std::ffi::c_int;
    use std::sync::Once;
    use std::sync::atomic::AtomicBool;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::{flag, low_level};

    /// From now on, a signal that ends the program removes what is unfinished first.
    pub fn watch() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // By default the limit on a file's size ends the program; with any handler, writing fails instead.
            drop(flag::register(SIGXFSZ, AtomicBool::new(false).into()));
            let Ok(mut signals) = Signals::new(ending()) else {
                return;
            };
            std::thread::spawn(move || {
                for signal in signals.forever() {
                    let mut unfinished = super::unfinished();
                    for path in unfinished.drain(..) {
                        drop(std::fs::remove_file(path));
                    }
                    drop(low_level::emulate_default_handler(signal));
                }
            });
        });
    }

    /// Signals that end the program and can be heard.
    pub fn ending() -> impl Iterator<Item = c_int> {
        let ignored = ignored();
        let all = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter();
        all.filter(move |signal| ignored >> (signal - 1) & 1 == 0)
    }

    /// Signals that whoever started the program had it ignore (`nohup`, a script's `&`), a bit each from 1, as Linux
    /// tells them; nothing elsewhere.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or(0)
    }
}

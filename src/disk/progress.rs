//! How far reading has come: one line on standard error that is written over, where that is a terminal.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use stepscope_engine::base::show;

/// Of one file.
pub struct Progress<'a> {
    shown: bool,
    on: bool,
    total: u64,
    label: String,
    of_all: Option<&'a OfAll>,
    told: u64,
}

impl<'a> Progress<'a> {
    pub fn new(label: &str, total: u64) -> Progress<'a> {
        Progress::within(None, true, label, total)
    }

    /// Of one of several files that are read at once: the line is that of all. Nothing is shown unless it `is_wanted`.
    pub fn within(of_all: Option<&'a OfAll>, is_wanted: bool, label: &str, total: u64) -> Progress<'a> {
        Progress {
            shown: false,
            on: is_wanted && std::io::stderr().is_terminal(),
            total,
            label: show::plain(label),
            of_all,
            told: 0,
        }
    }

    pub fn show(&mut self, done: u64, events: u64) {
        if !self.on {
            return;
        }
        if let Some(of_all) = self.of_all {
            of_all.read(done.saturating_sub(self.told));
            self.told = done;
            return;
        }
        self.shown = true;
        let percent = (done.saturating_mul(100) / self.total.max(1)).min(100);
        let (total, events) = (show::bytes(self.total), show::counted(events, "event"));
        write_over(&format!("{}: {percent} % of {total}, {events}", self.label));
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.shown {
            write_over("");
        }
    }
}

/// Of all files that are read together.
pub struct OfAll {
    files: u64,
    total: u64,
    since: SystemTime,
    so_far: Mutex<SoFar>,
}

#[derive(Default)]
struct SoFar {
    files: u64,
    bytes: u64,
    /// Seconds from the start to the line that stands there.
    shown_at: Option<u64>,
}

impl OfAll {
    pub fn new(files: u64, total: u64) -> OfAll {
        OfAll {
            files,
            total,
            since: SystemTime::now(),
            so_far: Mutex::default(),
        }
    }

    fn read(&self, bytes: u64) {
        self.change(|so_far| so_far.bytes += bytes);
    }

    /// One file is done.
    pub fn done(&self) {
        if std::io::stderr().is_terminal() {
            self.change(|so_far| so_far.files += 1);
        }
    }

    fn change(&self, change: impl FnOnce(&mut SoFar)) {
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut so_far);
        // A clock that was set back stops the line, and nothing else.
        let seconds = self.since.elapsed().map_or(0, |since| since.as_secs());
        if so_far.shown_at < Some(seconds) {
            so_far.shown_at = Some(seconds);
            write_over(&line(so_far.files, self.files, so_far.bytes, self.total, seconds));
        }
    }
}

impl Drop for OfAll {
    fn drop(&mut self) {
        let so_far = self.so_far.get_mut().unwrap_or_else(PoisonError::into_inner);
        if so_far.shown_at.is_some() {
            write_over("");
        }
    }
}

/// `12 of 64 files, 18 % of 4.10 GB, 210 MB a second, 16 s left`; rate and time once a second has passed.
fn line(files: u64, all_files: u64, bytes: u64, total: u64, seconds: u64) -> String {
    let percent = (bytes.saturating_mul(100) / total.max(1)).min(100);
    let mut line = format!(
        "{} of {}, {percent} % of {}",
        show::count(files),
        show::counted(all_files, "file"),
        show::bytes(total)
    );
    if let Some(rate) = bytes.checked_div(seconds).filter(|&rate| rate > 0) {
        let left = total.saturating_sub(bytes) / rate;
        line += &format!(", {} a second, {left} s left", show::bytes(rate));
    }
    line
}

fn write_over(line: &str) {
    // The terminal may be gone.
    drop(write!(std::io::stderr(), "\r\x1b[2K{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_rate_and_time_left_once_they_are_known() {
        assert_eq!(line(0, 64, 0, 4_000_000_000, 0), "0 of 64 files, 0 % of 4.00 GB");
        assert_eq!(
            line(12, 64, 1_000_000_000, 4_000_000_000, 5),
            "12 of 64 files, 25 % of 4.00 GB, 200 MB a second, 15 s left"
        );
        assert_eq!(line(1, 1, 5, 3, 0), "1 of 1 file, 100 % of 3 B");
    }
}

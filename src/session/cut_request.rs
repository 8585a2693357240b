//! A cut-out of an opened trace: the request against what is open, and the words for what came of it.

use std::io::{self, Write};

use super::Opened;
use crate::analyze;
use crate::analyze::gaps::Asked;
use crate::base::{Span, TrackId, show};
use crate::export::cut::{Counts, Cutter, N_GAPS, Wanted};
use crate::view::{CutFacts, CutRequest};

/// Why there is no cut-out.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    #[error("the stretch is empty: it ends where it begins, or before")]
    EmptyWindow,
    #[error("nothing of the trace lies in this stretch: it asks for {asked}, and the trace is {len} long")]
    Outside { asked: String, len: String },
    #[error("nothing of the trace is left with this stretch, these tracks and these categories")]
    Nothing,
    #[error("the file has changed since it was opened: {found} events in place of {expected}")]
    Changed { found: u64, expected: u64 },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A cut-out while it is written. Fed with the text of the trace, from its start.
pub struct Cut<W: Write> {
    cutter: Cutter<W>,
    window: Option<Span>,
    own_tracks: bool,
    file_name: String,
}

impl Opened {
    /// Starts a cut-out; `only` are the categories that are kept, empty: all. What was left out when the trace was
    /// opened stays left out.
    pub fn cut<W: Write>(&self, request: &CutRequest, only: &[String], out: W) -> Result<Cut<W>, CutError> {
        // A metrics file has no events, and its text is not a trace's.
        if self.index.n_events == 0 && self.report.metrics.is_some() {
            return Err(CutError::Nothing);
        }
        let opened_with = &self.selection;
        if request.window.is_some_and(Span::is_empty) {
            return Err(CutError::EmptyWindow);
        }
        let window = match (request.window, opened_with.window) {
            (Some(asked), Some(loaded)) => Some(asked.intersect(loaded)),
            (asked, loaded) => asked.or(loaded),
        };
        let extent = self.vocabulary.extent(&self.index).unwrap_or_default();
        if let Some(asked) = request.window
            && (asked.end <= extent.start || asked.start > extent.end)
        {
            let after = |ns: i64| show::duration(ns.saturating_sub(extent.start));
            return Err(CutError::Outside {
                asked: format!("{} to {}", after(asked.start), after(asked.end)),
                len: show::duration(extent.len_ns()),
            });
        }
        let left_out = request.left_out.iter().chain(&opened_with.leave_out);
        let wanted = Wanted {
            window,
            tracks: request.tracks.clone(),
            only: only.to_vec(),
            left_out: left_out.cloned().collect(),
        };
        let own_tracks = request.own_tracks;
        let text = self.text_starts_at..self.report.inflated_bytes;
        let cutter = Cutter::new(
            out,
            request.gzip,
            &self.index,
            &self.report,
            text,
            wanted,
            own_tracks,
        )?;
        if !cutter.has_rows() {
            return Err(CutError::Nothing);
        }
        Ok(Cut {
            cutter,
            window,
            own_tracks,
            file_name: self.cut_name(request),
        })
    }

    /// `vllm.pt.trace.1200-1350ms.json.gz`: from and to in whole milliseconds from the start of the trace.
    fn cut_name(&self, request: &CutRequest) -> String {
        let stem = self.report.file.trim_end_matches(".gz").trim_end_matches(".json");
        let start = self.report.start_ns.unwrap_or(0);
        let ms = |ns: i64| ns.saturating_sub(start).max(0) / 1_000_000;
        let part = match request.window {
            Some(w) => format!(
                "{}-{}ms",
                ms(w.start),
                ms(w.end.min(self.report.end_ns.unwrap_or(w.end)))
            ),
            None => "cut".to_owned(),
        };
        let gz = if request.gzip { ".gz" } else { "" };
        format!("{stem}.{part}.json{gz}")
    }

    /// The tracks, counters included, whose process or thread has `text` in its name, or is called `text` by number:
    /// `python`, `stream 7`, `1234`, `1234/7`.
    pub fn tracks_like(&self, text: &str) -> Vec<u32> {
        let index = &self.index;
        let text = text.to_lowercase();
        let fits = |name: &str| name.to_lowercase().contains(&text);
        let is_thread = |pid: crate::index::Key, tid: crate::index::Key, thread: Option<&str>| {
            let (shown_pid, shown_tid) = (pid.show(&index.names), tid.show(&index.names));
            let process = index
                .process(pid)
                .and_then(|p| p.name)
                .map(|name| index.text(name));
            text == shown_pid
                || text == shown_tid
                || text == format!("{shown_pid}/{shown_tid}")
                || process.is_some_and(fits)
                || thread.is_some_and(fits)
        };
        let mut found = Vec::new();
        for track in index.track_ids() {
            let TrackId(number) = track;
            let track = index.track(track);
            if is_thread(track.pid, track.tid, track.name.map(|name| index.text(name))) {
                found.push(number);
            }
        }
        for (n, series) in (index.tracks.len()..).zip(&index.counters) {
            let name = index.text(series.name);
            if is_thread(series.pid, series.id.unwrap_or(series.pid), Some(name)) {
                found.extend(u32::try_from(n));
            }
        }
        found
    }
}

impl<W: Write> Cut<W> {
    /// The next bytes of the text. `opened` is what the cut-out was started of.
    pub fn feed(&mut self, opened: &Opened, text: &[u8]) -> Result<(), CutError> {
        Ok(self.cutter.feed(&opened.index, text)?)
    }

    /// Events read so far.
    pub fn events(&self) -> u64 {
        self.cutter.events()
    }

    /// No more text will come.
    pub fn finish(self, opened: &Opened) -> Result<(CutFacts, Counts, W), CutError> {
        let report = &opened.report;
        let gaps = if self.own_tracks {
            {
                let asked = Asked {
                    window: self.window,
                    filter: None,
                    n_longest: N_GAPS,
                };
                analyze::gaps_in(&opened.index, &opened.vocabulary, report, asked)
            }
        } else {
            Vec::new()
        };
        let own = self.own_tracks.then_some((report, &gaps[..], self.window));
        let (counts, out) = self.cutter.finish(&opened.index, own)?;
        let expected = opened.index.n_events + opened.index.left_out.events();
        if counts.events_of != expected {
            return Err(CutError::Changed {
                found: counts.events_of,
                expected,
            });
        }
        if counts.recorded() == 0 && expected > 0 {
            return Err(CutError::Nothing);
        }
        let facts = CutFacts {
            file_name: self.file_name,
            events: counts.events,
            events_of: counts.events_of,
            bytes: counts.bytes,
            own_events: counts.own_events,
            repaired: counts.repaired,
            unwritable: counts.unwritable,
            members_left_out: counts.members_left_out,
        };
        Ok((facts, counts, out))
    }
}

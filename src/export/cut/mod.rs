//! A cut-out: a smaller valid trace of a stretch of time, of some tracks or categories, for any viewer of the Trace
//! Event Format.
//!
//! Does no I/O: whoever has the text of the trace feeds it a second time, in pieces of any size, and what is kept goes
//! out as it comes. Nothing of the file's size is held but what [`cut_plan`] made of the columns.
//!
//! What is kept:
//! - slices that overlap the window, whole; `B` and `E`, `b` and `e`, `S` and `F` as pairs, also those that begin
//!   before it and end after. A begin that is never ended stays so. An end without a begin is left out;
//! - instants in the window, counters' samples in the window and for each counter the last before it;
//! - an arrow (`s t f` of one category, name and id) where both ends are kept. An end belongs to the innermost slice
//!   around it, also outside of the window, if that slice is kept. Of an arrow with several ends, those that are kept;
//! - events that Stepscope does not draw (objects, samples) in the window, by their own time;
//! - metadata of processes and threads that have something left, and the members of the object beside the events,
//!   wherever they stood, so that times still line up.
//!
//! Events are written byte for byte. What was no JSON is [repaired](repair), or left out and counted. Where nothing is
//! left out on request, nothing is at all: dangling arrows, ends without begins and events without a time stay.

mod annotation_tracks;
mod cut_plan;
mod document;
mod repair;

use std::io::{self, Write};
use std::ops::Range;

use serde_json::{Value, json};

use crate::analyze::report::{Gaps, TraceReport};
use crate::base::{DefectKind, Severity, Span};
use crate::index::{Header, Index};
use crate::ingest::{Event, Scanner, Sink};

pub use annotation_tracks::N_GAPS;
pub use cut_plan::Wanted;
use cut_plan::{Plan, Why};
use document::Document;

/// The member of the object that says where a cut-out is from.
const OWN_KEY: &str = "stepscope";
/// Its member that counts what was lost in reading the trace that the cut-out is from.
const LOST_KEY: &str = "lost_in_reading";

/// Of a cut-out, how much was lost in reading the trace that it is from; 0 of other traces.
pub fn lost_before(header: &Header) -> u64 {
    let own = header.entries.iter().find(|(key, _)| key == OWN_KEY);
    let own: Option<Value> = own.and_then(|(_, value)| serde_json::from_str(value).ok());
    let lost = own.and_then(|own| own.get(LOST_KEY)?.as_u64()).unwrap_or(0);
    // Whatever a file claims, counts can be added.
    lost.min(u64::from(u32::MAX))
}

/// What was written, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events of the trace, and bytes of its text.
    pub events_of: u64,
    pub bytes_of: u64,
    /// Events in the file that was written, and bytes of its text.
    pub events: u64,
    pub text_bytes: u64,
    /// Bytes of the file that was written.
    pub bytes: u64,
    /// Of `events`, those of our own tracks, their metadata included.
    pub own_events: u64,
    /// Of `events`, metadata of the trace.
    pub metadata: u64,
    /// Of `events`, those that were no JSON as they stood.
    pub repaired: u64,
    /// Wanted, but no JSON and beyond repair.
    pub unwritable: u64,
    /// Members of the object beside the events that were no JSON and beyond repair.
    pub members_left_out: u64,
    pub outside_window: u64,
    pub of_other_categories: u64,
    pub of_other_tracks: u64,
    /// Ends of arrows whose other end is not kept.
    pub arrow_ends: u64,
    pub ends_without_begin: u64,
    pub metadata_left_out: u64,
    /// Of the tracks of an earlier cut-out, which are written anew.
    pub old_own_events: u64,
}

impl Counts {
    fn leave_out(&mut self, why: Why) {
        *match why {
            Why::Time => &mut self.outside_window,
            Why::Category => &mut self.of_other_categories,
            Why::Track => &mut self.of_other_tracks,
            Why::Arrow => &mut self.arrow_ends,
            Why::NoBegin => &mut self.ends_without_begin,
            Why::Metadata => &mut self.metadata_left_out,
            Why::Own => &mut self.old_own_events,
        } += 1;
    }

    /// Events of the trace that were not written.
    pub fn left_out(&self) -> u64 {
        self.unwritable
            + self.outside_window
            + self.of_other_categories
            + self.of_other_tracks
            + self.arrow_ends
            + self.ends_without_begin
            + self.metadata_left_out
            + self.old_own_events
    }

    /// Events of the trace that were written, metadata aside.
    pub fn recorded(&self) -> u64 {
        self.events - self.own_events - self.metadata
    }
}

/// Writes a cut-out of a trace while its text is read again. See the module.
pub struct Cutter<W: Write> {
    scanner: Scanner,
    plan: Plan,
    document: Document<W>,
    /// Bytes of the text that are still to be passed over, and that are to be read then.
    skip: u64,
    left: u64,
    counts: Counts,
    scratch: Vec<u8>,
}

impl<W: Write> Cutter<W> {
    /// Of the trace that `index` and `report` are of, and that lies in these bytes of the `text`.
    /// `renew_own`: tracks that an earlier cut-out brought along are
    /// left out, because [`Cutter::finish`] writes new ones.
    pub fn new(
        out: W,
        gzip: bool,
        index: &Index,
        report: &TraceReport,
        text: Range<u64>,
        wanted: Wanted,
        renew_own: bool,
    ) -> io::Result<Cutter<W>> {
        let mut counts = Counts::default();
        let members = members(index, report, wanted.window, &mut counts);
        let undrawn = [DefectKind::UndrawnPhase.key(), DefectKind::UnknownPhase.key()];
        let has_undrawn = report.defects.iter().any(|d| undrawn.contains(&&*d.kind));
        Ok(Cutter {
            // With the args of the first reading: what is damaged in them decides what an event is.
            scanner: Scanner::starting_at(text.start, crate::dialect::WANTED_ARGS),
            plan: Plan::new(index, wanted, renew_own, has_undrawn),
            document: Document::new(out, gzip, &members)?,
            // Where reading was stopped for want of memory, the columns end there, too.
            skip: text.start,
            left: text.end.saturating_sub(text.start),
            counts,
            scratch: Vec::new(),
        })
    }

    /// Whether anything that the columns hold will be kept.
    pub fn has_rows(&self) -> bool {
        self.plan.has_rows()
    }

    /// The next bytes of the text. `index` is always the same.
    pub fn feed(&mut self, index: &Index, text: &[u8]) -> io::Result<()> {
        let at_most = |bytes: u64, text: &[u8]| usize::try_from(bytes).unwrap_or(usize::MAX).min(text.len());
        let skipped = at_most(self.skip, text);
        self.skip -= skipped as u64;
        let text = &text[skipped..];
        let n = at_most(self.left, text);
        self.left -= n as u64;
        let mut sink = Kept {
            plan: &self.plan,
            index,
            document: &mut self.document,
            counts: &mut self.counts,
            scratch: &mut self.scratch,
        };
        self.scanner.feed(&text[..n], &mut sink);
        self.document.checked()
    }

    /// Events read so far.
    pub fn events(&self) -> u64 {
        self.scanner.n_events()
    }

    /// No more text will come: writes our own tracks, if there are to be any, with the gaps in the window.
    pub fn finish(
        mut self,
        index: &Index,
        own: Option<(&TraceReport, &[Gaps], Option<Span>)>,
    ) -> io::Result<(Counts, W)> {
        let mut sink = Kept {
            plan: &self.plan,
            index,
            document: &mut self.document,
            counts: &mut self.counts,
            scratch: &mut self.scratch,
        };
        // What was wrong with the text was said when it was read first.
        if let Ok(scanned) = self.scanner.finish(&mut sink) {
            self.counts.events_of = scanned.n_events;
            self.counts.bytes_of = scanned.bytes;
        }
        let before = self.document.n_events();
        if let Some((report, gaps, window)) = own {
            annotation_tracks::write(
                &mut self.document,
                index,
                &self.plan.old_own,
                report,
                gaps,
                window,
            );
        }
        self.counts.events = self.document.n_events();
        self.counts.own_events = self.counts.events - before;
        let (text_bytes, bytes, out) = self.document.finish()?;
        self.counts.text_bytes = text_bytes;
        self.counts.bytes = bytes;
        Ok((self.counts, out))
    }
}

/// Writes what the plan keeps.
struct Kept<'a, W: Write> {
    plan: &'a Plan,
    index: &'a Index,
    document: &'a mut Document<W>,
    counts: &'a mut Counts,
    scratch: &'a mut Vec<u8>,
}

impl<W: Write> Sink for Kept<'_, W> {
    fn event(&mut self, event: &Event<'_>) {
        if let Err(why) = self.plan.judge(&self.index.names, self.scratch, event) {
            return self.counts.leave_out(why);
        }
        let Some(text) = repair::json_of(event.text()) else {
            self.counts.unwritable += 1;
            return;
        };
        self.counts.repaired += u64::from(matches!(text, std::borrow::Cow::Owned(_)));
        self.counts.metadata += u64::from(event.phase() == crate::ingest::Phase::Metadata);
        self.document.event(&text);
    }

    /// The index has them all.
    fn header(&mut self, _: &[u8], _: &[u8]) {}
}

/// The members beside the events: the trace's own, and where the cut-out is from.
fn members(index: &Index, report: &TraceReport, window: Option<Span>, counts: &mut Counts) -> Vec<Vec<u8>> {
    let mut members = Vec::new();
    let Header { entries } = &index.header;
    for (key, value) in entries
        .iter()
        .filter(|(key, _)| key != "traceEvents" && key != OWN_KEY)
    {
        let key = format!("\"{key}\"");
        match (repair::json_of(key.as_bytes()), repair::json_of(value.as_bytes())) {
            (Some(key), Some(value)) => members.push([&key, &b":"[..], &value].concat()),
            _ => counts.members_left_out += 1,
        }
    }
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|f| json!({"id": f.id, "level": f.level, "sure": f.sure, "says": f.says}))
        .collect();
    let before = DefectKind::CutOfDamaged.key();
    let lost = report.defects.iter();
    let lost = lost.filter(|d| d.severity >= Severity::Loss || d.kind == before);
    let lost: u64 = lost.map(|d| d.count).fold(0, u64::saturating_add);
    let from = json!({
        LOST_KEY: lost,
        "cut_out_of": report.file,
        "from_ns": window.map(|w| w.start),
        "to_ns": window.map(|w| w.end),
        "findings": findings,
    });
    members.push(format!("\"{OWN_KEY}\":{from}").into_bytes());
    members
}

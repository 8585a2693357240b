//! What was wrong with a trace that could still be read.
//!
//! Reading never stops at a bad event and never drops one in silence: it adds to a counter here, and every
//! counter that is not zero is shown.

use super::closed_set::closed_set;
use super::order;
use serde::{Deserialize, Serialize};

closed_set! {
    /// How bad a defect is for the reader of the numbers.
    pub enum Severity {}
    /// Repaired; no number suffers.
    Info "info" {}
    /// Something is missing or was replaced by a guess.
    Loss "loss" {}
    /// The input ended or broke before its end.
    Error "error" {}
}

macro_rules! defects {
    ($($kind:ident $key:literal $severity:ident $says:literal;)*) => {
        closed_set! {
            /// Every kind of defect, in the order in which they are shown.
            pub enum DefectKind {
                severity: Severity,
                /// One sentence: what it is and what was done.
                says: &'static str,
            }
            $($kind $key { severity: Severity::$severity, says: $says })*
        }
    };
}

defects! {
    TruncatedGzip "truncated_gzip" Error "The gzip stream ends in the middle; everything before that was read.";
    TruncatedMember "truncated_member" Error
        "The data of this file in the zip archive ends in the middle: the archive is cut there, or damaged; everything \
         before that was read.";
    CorruptMember "corrupt_member" Error
        "The compressed data (deflate) of this file in the zip archive is damaged; everything before the damage was read.";
    MemberChecksum "member_checksum" Error
        "The checksum or the length that the zip archive states for this file does not match its contents; the events may \
         hold wrong values.";
    CorruptGzip "corrupt_gzip" Error "The gzip stream is damaged; everything before the damage was read.";
    GzipChecksum "gzip_checksum" Error "A gzip checksum does not match its contents; the events may hold wrong values.";
    TrailingGarbage "trailing_garbage" Info "Bytes after the end of the gzip stream were ignored.";
    HiddenGzipMember "hidden_gzip_member" Loss
        "A part of the gzip file (a member) is cut or damaged; another part starts in it or behind it and was not read.";
    TruncatedJson "truncated_json" Error "The JSON ends in the middle of an event; that event is lost.";
    CutArray "cut_array" Error
        "The list of events is never closed, and the writer of this trace closes it: the trace is cut behind an event, and \
         what came after it is missing.";
    UnclosedArray "unclosed_array" Info
        "The list of events is never closed; writers that are killed, and vLLM's high-level profiler, leave it so.";
    UnclosedObject "unclosed_object" Info
        "The last brace of the document is missing; nothing before it is lost.";
    CutOfDamaged "cut_of_damaged" Info
        "This file was cut out of a damaged trace: what was lost in reading that one is missing here, too.";
    AfterTrace "after_trace" Info "Text after the end of the trace was ignored.";
    BadEvent "bad_event" Loss
        "An event could not be read as JSON, or is two that run into each other, and was lost; reading went on at the \
         next one. Where zeros stand in place of text, as many are counted as fit.";
    StrayBracket "stray_bracket" Loss
        "A bracket stands in the list of events where none belongs, or the list is closed and events follow; they were \
         read, and what the bracket belonged to may be missing.";
    DamagedHeader "damaged_header" Loss
        "The header beside the list of events is damaged: some of its values may be missing. The events were read.";
    RepeatedTrace "repeated_trace" Loss
        "The file holds the same trace again (its first 1,000 events, or all of one that was cut, have equal names \
         and times); only the copy with the most events was read.";
    DocumentLeftOut "document_left_out" Loss
        "The file holds more traces than are opened from one file; the events of the others were left out.";
    RepeatedList "repeated_list" Loss
        "The document holds a second list of events (traceEvents) that starts with the events of the first; as many as the \
         first has were left out of it.";
    SecondList "second_list" Info
        "The document holds more than one list of events (traceEvents); they were read as one.";
    OversizedEvent "oversized_event" Loss "An event is larger than 64 MiB and was skipped.";
    NotAnEvent "not_an_event" Loss
        "A value in the list of events is no event (no object, or a header alone) and was skipped.";
    UnescapedQuote "unescaped_quote" Info
        "A quote inside a name was not escaped; the name was read up to the quote that ends it.";
    DamagedKey "damaged_key" Loss
        "A key of an event lacks its colon or a quote: what stands up to the next colon, perhaps more than one event, is \
         lost.";
    UnreadableName "unreadable_name" Loss
        "The name or the category of an event is no text (null, true, a list, an object); it is kept without one.";
    UnreadableNumber "unreadable_number" Loss
        "An argument that counts or names something (correlation, stream, device, …) is no whole number (NaN, 7.5); it was \
         left out.";
    BadEscape "bad_escape" Info "A backslash in a name starts no JSON escape; it was kept as it stands.";
    ControlCharacter "control_character" Info
        "A name holds a raw control character or line break, which JSON forbids; it was kept.";
    InvalidUtf8 "invalid_utf8" Info "A name is not valid UTF-8; the bytes in question were replaced.";
    UnreadableThread "unreadable_thread" Info
        "A process or thread (pid, tid) is neither number nor text (a list, an object, true); its events are kept on a track \
         of that name.";
    FlowWithoutId "flow_without_id" Loss
        "An end of an arrow (s, t, f) has no id; what it belongs to is unknown, and it joins nothing that has one.";
    NotANumber "not_a_number" Info "NaN or infinity stands where JSON allows none; such counter samples are left out.";
    DuplicateKey "duplicate_key" Info "A key stands twice in one event; the last one counts.";
    CounterWithoutValue "counter_without_value" Loss
        "A counter's value is missing or no number (a text, null, an object, or NaN at all times); it was left out.";
    SamplesNotRead "samples_not_read" Loss
        "Samples of call stacks (samples, stackFrames, events P) were not read; Stepscope shows stacks of recorded calls.";
    SystemTraceNotRead "system_trace_not_read" Loss
        "Records of the operating system or of power (systemTraceEvents, powerTraceAsString) stand beside the events and \
         were not read.";
    StackNotRead "stack_not_read" Loss
        "An event holds a call stack (stack, estack), or refers to one beside the events (sf, esf); the stack was not read.";
    ColourName "colour_name" Info
        "An event names a colour (cname); Stepscope colours slices by what they are.";
    MissingPhase "missing_phase" Loss "An event has no phase (ph) and was skipped.";
    UnknownPhase "unknown_phase" Loss
        "An event's phase (ph) is none of the letters of the trace event format; what the event records is unknown, and it \
         was skipped.";
    UndrawnPhase "undrawn_phase" Info
        "An event of a phase that is not drawn (object snapshots, memory dumps, …) was skipped; it records no time.";
    MissingTimestamp "missing_timestamp" Loss "An event has no readable time (ts) and was skipped.";
    OversizedTimestamp "oversized_timestamp" Loss
        "An event's time (ts) lies more than 146 years from 0 and does not fit the clock; the event was skipped.";
    MissingDuration "missing_duration" Loss
        "A complete event has no duration; it is kept with length 0 and counts as no time.";
    NegativeDuration "negative_duration" Loss "A complete event has a negative duration; it is kept with length 0.";
    UnreadableDuration "unreadable_duration" Loss
        "A complete event's duration is no number (a text, true, a list); it is kept with length 0 and counts as no time.";
    OversizedDuration "oversized_duration" Loss "A duration does not fit the clock; the event is kept with length 0.";
    UnreadableThreadTime "unreadable_thread_time" Loss
        "A time of a thread's own clock (tts, tdur) is negative or no number; the CPU time of its slice is unknown.";
    LongThreadTime "long_thread_time" Loss
        "The thread of a slice ran longer (tdur, tts) than the slice lasted, by more than 1 µs, which cannot be: how long \
         it waited is unknown.";
    OversizedSum "oversized_sum" Loss
        "A sum of durations does not fit the clock (292 years): it stops there, and what is made of it is wrong.";
    OversizedBytes "oversized_bytes" Loss
        "A number of bytes, or a sum of them, does not fit 64 bits: it stops there, and what is made of it is wrong.";
    OverrunningWork "overrunning_work" Loss
        "Device work is recorded as ending long after the work behind it on the same queue, or after all else, and \
         takes far longer than others of its name, which cannot be: its duration is unknown and counts as the median \
         of its name, at most up to the start of the work behind it.";
    RepeatedWork "repeated_work" Loss
        "Device work is recorded again with equal name, times and args on the same queue, which does one thing at a time: \
         the trace holds events twice, and counts and sums have them twice.";
    ZeroTime "zero_time" Loss
        "An event has time 0 and no duration, and nearly all others lie more than an hour away from that: \
         its time was not recorded. It was left out.";
    StrayTime "stray_time" Loss
        "An event lies further away from the other events than 100 times the time that 99 % of them take; \
         it was left out.";
    StrayEnd "stray_end" Loss
        "An event ends further away from the other events than 100 times the time that 99 % of them take; \
         it was ended with the last of the others.";
    UnreturnedFrame "unreturned_frame" Info
        "The return of a Python call was not recorded; the call was ended where the next call of the same function \
         on its level starts.";
    EndWithoutBegin "end_without_begin" Loss
        "An end (E, e, F) has no open begin (B on its thread; b, S of its id) and was dropped.";
    BeginWithoutEnd "begin_without_end" Loss
        "A begin (B, b, S) is never ended; it is kept and drawn up to the last time seen on its thread, an asynchronous \
         one up to the last time of the trace.";
    PartialOverlap "partial_overlap" Info
        "Slices of one thread overlap without one containing the other; they are drawn in extra lanes.";
    TooDeep "too_deep" Info "Slices of one thread lie more than 65 535 deep; the deepest are drawn on one row.";
    TooManyCategories "too_many_categories" Loss
        "There are more than 65 535 categories; the category of these events was replaced by (other).";
    DeviceLeftOut "device_left_out" Loss
        "The trace has work of more devices than are told apart; this work of the others is in the timeline, and in no table.";
    TooManyRows "too_many_rows" Loss "The table is full (2^32 rows); further events were dropped.";
    ClampedMetadata "oversized_metadata" Info "A header value is larger than 1 MiB and was not kept.";
    EventRow "event_row" Loss
        "A row of the CSV file, which is an event, could not be read (a stray quote, no readable time, an unknown event \
         type) and was lost; reading went on at the next line.";
    TableRow "table_row" Loss
        "A row of a table (of a metrics file: a dump) could not be read and was left out.";
    TableTime "table_time" Loss "A time in a row of a table is negative or no number; it is unknown.";
    CutTable "cut_table" Error
        "A table ends in the middle: it is cut, its last row may be lost, and what came after that is missing.";
    TableNotRead "table_not_read" Error
        "A table beside the trace is not what its name says, or breaks off; it was left out.";
    UnendedTable "unended_table" Info
        "The last row of a table has no line end: if the table is cut there, its last value is cut, too.";
}

impl DefectKind {
    /// Whether each one is an event that is not in the trace; the others were repaired, or are about the file.
    pub fn loses_events(self) -> bool {
        matches!(
            self,
            DefectKind::TruncatedJson
                | DefectKind::BadEvent
                | DefectKind::DocumentLeftOut
                | DefectKind::OversizedEvent
                | DefectKind::NotAnEvent
                | DefectKind::MissingPhase
                | DefectKind::UnknownPhase
                | DefectKind::MissingTimestamp
                | DefectKind::OversizedTimestamp
                | DefectKind::ZeroTime
                | DefectKind::StrayTime
                | DefectKind::EndWithoutBegin
                | DefectKind::EventRow
                | DefectKind::TooManyRows
        )
    }

    /// Whether it is about something else than single events: their list, what stands beside it, a sum of many, a
    /// table.
    pub fn is_of_no_event(self) -> bool {
        matches!(
            self,
            DefectKind::StrayBracket
                | DefectKind::SystemTraceNotRead
                | DefectKind::OversizedSum
                | DefectKind::OversizedBytes
                | DefectKind::RepeatedWork
                | DefectKind::TableRow
                | DefectKind::TableTime
                | DefectKind::CutTable
                | DefectKind::TableNotRead
                | DefectKind::UnendedTable
        )
    }

    /// Whether what was unpacked is not what was packed.
    pub fn is_wrong_checksum(self) -> bool {
        matches!(self, DefectKind::GzipChecksum | DefectKind::MemberChecksum)
    }

    /// Whether the input ends or breaks off, so that what came after is unknown.
    pub fn ends_early(self) -> bool {
        matches!(
            self,
            DefectKind::TruncatedGzip
                | DefectKind::TruncatedMember
                | DefectKind::CorruptGzip
                | DefectKind::CorruptMember
                | DefectKind::TruncatedJson
                | DefectKind::CutArray
        )
    }
}

/// A counter a kind, and where the first of each stood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defects {
    counts: Vec<(DefectKind, u64, Option<u64>)>,
}

impl Defects {
    /// Counts one defect, first seen at byte `at` of the inflated trace.
    pub fn add(&mut self, kind: DefectKind, at: Option<u64>) {
        self.add_many(kind, 1, at);
    }

    /// Takes away the kinds that are none after all.
    pub fn forget(&mut self, kinds: impl Fn(DefectKind) -> bool) {
        self.counts.retain(|(kind, ..)| !kinds(*kind));
    }

    /// Counts `n` defects of a kind.
    pub fn add_many(&mut self, kind: DefectKind, n: u64, at: Option<u64>) {
        if n == 0 {
            return;
        }
        match self.counts.iter_mut().find(|(k, ..)| *k == kind) {
            Some((_, count, first)) => {
                *count += n;
                *first = match (*first, at) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
            None => self.counts.push((kind, n, at)),
        }
    }

    /// Adds all of `other`'s.
    pub fn merge(&mut self, other: &Defects) {
        for &(kind, n, at) in &other.counts {
            self.add_many(kind, n, at);
        }
    }

    /// How many of `kind`.
    pub fn count(&self, kind: DefectKind) -> u64 {
        self.counts.iter().find(|(k, ..)| *k == kind).map_or(0, |c| c.1)
    }

    /// Every kind that occurred, worst first: kind, count, byte of the first.
    pub fn iter(&self) -> impl Iterator<Item = (DefectKind, u64, Option<u64>)> {
        let mut all = self.counts.clone();
        order::sort_by_key(&mut all, |&(kind, ..)| (std::cmp::Reverse(kind.severity()), kind));
        all.into_iter()
    }

    /// Whether there is one of these kinds.
    pub fn has(&self, kinds: impl Fn(DefectKind) -> bool) -> bool {
        self.counts.iter().any(|(kind, ..)| kinds(*kind))
    }

    /// Whether nothing was wrong.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_an_unknown_phase_is_lost_and_one_that_is_not_drawn_is_not() {
        assert_eq!(DefectKind::UnknownPhase.severity(), Severity::Loss);
        assert!(DefectKind::UnknownPhase.loses_events());
        assert_eq!(DefectKind::UndrawnPhase.severity(), Severity::Info);
        assert!(!DefectKind::UndrawnPhase.loses_events());
    }

    #[test]
    fn defects_count_and_keep_the_first_place() {
        let mut d = Defects::default();
        d.add(DefectKind::BadEvent, Some(90));
        d.add(DefectKind::BadEvent, Some(20));
        d.add(DefectKind::TruncatedGzip, None);
        let all: Vec<_> = d.iter().collect();
        assert_eq!(
            all,
            vec![
                (DefectKind::TruncatedGzip, 1, None),
                (DefectKind::BadEvent, 2, Some(20))
            ]
        );
    }
}

//! Page and worker. Messages are small and plain; bulk bytes travel beside them, moved and not copied.
//!
//! Two workers live for one trace: one turns the file into text ([`super::worker_messages`]), the other turns text
//! into a trace and talks to the page. Cancelling, and opening the next file, replace both, so their memory is freed
//! whole. The page sends [`Request::Hello`] and connects the two, then asks at any time; the trace worker answers
//! in order, between two pieces of text while it still loads.
//!
//! A request crosses as a plain object, its 64-bit integers as `BigInt`, exactly; a reply as bytes ([`super::wire`]).

use serde::{Deserialize, Serialize};

use crate::base::Span;
use crate::table::{Ask, GapsAsk, Page};
use crate::view::{
    Basis, CutFacts, CutRequest, Estimate, FlameQuestion, FlameView, Frame, GapsChosen, HitsMap, MemoryCurve,
    MemoryRule, NextSlice, SearchResult, Selection, SliceArgs, SliceDetail, StepDetail, StepFilter,
    StepsView, Summary, TimelineTracks, TrackPart, Which,
};

/// Raised with every change of a message: a worker kept in a cache may be older than the page.
pub const PROTOCOL: u32 = 17;

/// Formats of [`Question::Report`] that are pages to hand on: of the report, of the comparison.
pub const PAGE: &str = "html";
pub const COMPARISON_PAGE: &str = "comparison";
/// The format of [`Question::Report`] that holds what [`Question::Ranks`] needs of each trace.
pub const RANKS: &str = "ranks";

/// Page to worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// The first message.
    Hello {
        protocol: u32,
    },
    /// To the text worker: serve the trace worker at the other end of the channel whose `port` travels beside.
    ServeText,
    /// To the trace worker: the other end.
    Connect,
    /// To the trace worker: read a generated trace, answer [`Reply::Warm`], forget it.
    WarmUp,
    /// Open these files (paths and sizes; the `File`s travel beside). One is the trace; a metrics file may stand
    /// beside it. Or they are folders of workers, or archives.
    Open {
        files: Vec<FileHead>,
        /// What of the trace is loaded.
        selection: Selection,
        memory: MemoryRule,
        /// Which trace, of several.
        which: Which,
    },
    /// Open the built-in sample, which the worker generates.
    OpenSample,
    Ask {
        id: u32,
        question: Question,
    },
    /// To either worker: answer [`Reply::Alive`].
    Ping,
    /// Give up the cut-out that is being written; it is then answered with [`Answer::Nothing`].
    CancelCut,
}

/// A file, before it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHead {
    pub name: String,
    pub bytes: u64,
}

/// What the page may ask at any time. Every question is answered once, by [`Reply::Answer`] with its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Question {
    /// The plot of the steps, and their mean parts.
    Steps {
        filter: StepFilter,
        plot_window: Option<Span>,
        /// Whether step times are drawn on a logarithmic axis.
        log: bool,
        width_px: u32,
    },
    /// Pictures of the gaps of one kind in one place; the table `longest_gaps` lists them.
    Gaps {
        ask: GapsAsk,
    },
    Step {
        index: u32,
    },
    Tracks,
    /// One frame of the timeline.
    Timeline {
        window: Span,
        width_px: u32,
        parts: Vec<TrackPart>,
        /// What is searched for: its slices are marked.
        find: Option<String>,
    },
    /// How the slices that a search finds lie along `window`. Answered by [`Answer::Hits`].
    Hits {
        text: String,
        window: Span,
        width_px: u32,
    },
    /// The next of the slices that a search finds, from a slice or else an instant on. Answered by [`Answer::Next`].
    NextHit {
        text: String,
        from: Option<u32>,
        at_ns: i64,
        forward: bool,
    },
    /// The next slice of the same name. Answered by [`Answer::Next`].
    NextAlike {
        slice: u32,
        forward: bool,
    },
    /// What is known of a slice without reading the file again.
    Slice {
        slice: u32,
    },
    /// Its args, read from the file.
    Args {
        slice: u32,
    },
    Search {
        text: String,
    },
    /// A stretch of a table's rows.
    Table {
        key: String,
        ask: Ask,
    },
    Flame(FlameQuestion),
    /// Bytes in use on an allocator's device.
    Memory {
        device: u32,
        window: Option<Span>,
        width_px: u32,
    },
    /// Stacks for download, folded.
    Folded(FlameQuestion),
    /// Tell kernels apart by these rules (see `DEFAULT_RULES`) from now on. What is no rule is answered by
    /// [`Answer::Nothing`], and nothing has changed.
    Classify {
        rules: String,
    },
    /// Take this time of a step for its step time; `None`: the trace's own. Answered by [`Answer::Anew`].
    StepTime {
        basis: Option<Basis>,
    },
    /// Compare with what a report of format `baseline` holds, from now on; `None`: with the one before. Answered by
    /// [`Answer::Anew`], or by [`Answer::Nothing`] where that is no baseline.
    Compare {
        with: Option<String>,
        /// Whether the other trace is A, the one before.
        other_is_before: bool,
    },
    /// Compare the ranks of one run from now on: of this trace and of the others, each as its report of format
    /// [`RANKS`]. Answered by [`Answer::Anew`], or by [`Answer::Nothing`] where they are not ranks of one run.
    Ranks {
        others: Vec<String>,
    },
    /// The rows of a table that are asked for, all of them and with all columns, as a file: `csv`, `tsv`, `json`, `md`,
    /// `txt`. Answered by [`Answer::Report`].
    TableFile {
        key: String,
        ask: Ask,
        format: String,
    },
    /// A report for download: `json`, `markdown`, `text`; `baseline`: what comparing needs of the trace; [`PAGE`],
    /// [`COMPARISON_PAGE`]: a page to hand on.
    Report {
        format: String,
    },
    /// A cut-out of the trace, for which the file is read again. Its bytes travel beside the answer, as `blob`.
    Cut(CutRequest),
}

/// Worker to page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// Answers [`Request::Hello`].
    Ready {
        protocol: u32,
    },
    /// Answers [`Request::WarmUp`].
    Warm,
    /// Answers [`Request::Ping`].
    Alive,
    /// What comes next may take long, and no question is answered meanwhile.
    Computing,
    /// That is over, and more work follows.
    Computed,
    Progress(Progress),
    /// Findings so far (`partial`) or all of them. Sent again and again while loading.
    Summary(Box<Summary>),
    /// The file is read; the last `Summary` is whole.
    Loaded,
    /// What the whole file is going to take. Sent now and then while it is read.
    Estimate(Box<Estimate>),
    /// It is not going to fit, and reading has ended: what shall be loaded?
    TooLarge(Box<Estimate>),
    /// Nothing could be read; one sentence.
    Failed {
        message: String,
    },
    Answer {
        id: u32,
        answer: Answer,
    },
    /// How far the file has been read again for the cut-out that was asked for by this number.
    CutProgress {
        id: u32,
        bytes_read: u64,
        bytes_total: u64,
    },
}

/// Where loading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    pub stage: Stage,
    pub bytes_read: u64,
    pub bytes_total: u64,
    pub inflated_bytes: u64,
    pub events: u64,
    /// Since the start of loading.
    pub elapsed_ms: f64,
    /// Size of the worker's WebAssembly memory.
    pub memory_bytes: u64,
}

/// What loading does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    #[default]
    Reading,
    Indexing,
    Analysing,
}

/// See [`Question`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    Steps(Box<StepsView>),
    Step(Box<StepDetail>),
    Gaps(Box<GapsChosen>),
    Tracks(TimelineTracks),
    /// The frame's words travel beside the message (see [`Frame::to_words`]); its names here.
    Timeline {
        names: Vec<String>,
        #[serde(skip)]
        frame: Option<Box<Frame>>,
    },
    Slice(Box<SliceDetail>),
    Args(SliceArgs),
    Search(SearchResult),
    Hits(HitsMap),
    Next(NextSlice),
    Table(Box<Page>),
    Flame(Box<FlameView>),
    Memory(MemoryCurve),
    /// The Overview after all answers were computed anew; what opening cost is not in it.
    Anew(Box<Summary>),
    Report {
        file_name: String,
        text: String,
    },
    Cut(CutFacts),
    /// There is no such step, slice or track, or the file can no longer be read; one sentence.
    Nothing {
        why: String,
    },
}

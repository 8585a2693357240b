//! View models: what crosses from the worker to the page. Plain data, bounded in size.

use serde::{Deserialize, Serialize};

pub use super::classes::{BarClass, GroupKind, TrackKind};
pub use super::memory_budget::{CategoryShare, Estimate, MemoryRule, Over};
use super::route::Fills;
pub use crate::analyze::gaps::GapFilter;
pub use crate::analyze::report::{
    Basis, Bound, Bucket, BucketCoverage, BudgetShare, CategoryBytes, Cause, CompileDetail, CompilePhase,
    DefectRow, DeviceIdle, DeviceMemory, Engine, Engines, Evidence, Finding, FindingEvidence, Gap, GapBin,
    GapCause, GapKind, Gaps, Grouping, IdleCause, Level, MemoryUse, Parts, Period, Phase, PhaseBucket,
    Recompile, Side, StackSource, Step, StepDevice, StepGroup, StepTime, Sure, TimeBudget, Verdict, WorkKind,
    device_name, headlines, share_colour,
};
pub use crate::analyze::steps::filter::StepFilter;
pub use crate::base::{Severity, Span};
pub use crate::dialect::classifier::DEFAULT_RULES;
pub use crate::index::select::{ON_REQUEST, Selection};
pub use crate::plot::{Across, Entry, Mark, Pick, Picked, Picture, Plot, Sign};
pub use crate::table::{TableName, Topic};

/// The Overview, and what every view's head shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub file: String,
    pub format: String,
    pub bytes: u64,
    pub inflated_bytes: u64,
    pub events: u64,
    pub rank: Option<i64>,
    pub world_size: Option<i64>,
    pub device_kind: String,
    pub device_name: Option<String>,
    pub engine: Option<String>,
    /// First start and last end of anything in the trace, ns.
    pub extent: Option<Span>,
    /// What the timeline shows first: the torch profiler's window, or serving, or all.
    pub home: Option<Span>,
    pub base_time_ns: Option<i64>,
    pub synchronised_capture: bool,
    /// True while more of the file is being read: the numbers are those of its first part.
    pub partial: bool,
    pub notes: Vec<String>,
    pub defects: Vec<DefectRow>,
    pub findings: Vec<Finding>,
    /// What a step takes and what bounds it, by phase and device.
    pub verdicts: Vec<Verdict>,
    /// Which time of a step is its step time, and why.
    pub step_time: Option<StepTime>,
    pub budget: Option<TimeBudget>,
    pub n_steps: u32,
    /// Passes a phase and period, in order: `(phase, period, count)`.
    pub step_counts: Vec<(Phase, Period, u64)>,
    /// At most [`MAX_RECOMPILES`], in order of time.
    pub recompiles: Vec<Recompile>,
    pub n_recompiles: u32,
    /// `None`, too, where it has more than [`MAX_GRID_CELLS`] cells: the table has it then.
    pub bucket_coverage: Option<BucketCoverage>,
    /// Of each kind the places with most time, at most [`MAX_PLACES`].
    pub gaps: Vec<Gaps>,
    /// Further places by kind; the table `gap_kinds` has them.
    pub gaps_left_out: Vec<(GapKind, u64)>,
    /// Engines that any of the devices has, and kinds of its work.
    pub engines: Vec<Engine>,
    pub work_kinds: Vec<WorkKind>,
    /// Where device work carries the number of its launch: how idle time divides, without the list of gaps.
    /// Those with most idle time, at most [`MAX_DEVICES`].
    pub idle: Vec<DeviceIdle>,
    /// Devices beyond that; the table `idle` has them.
    pub idle_left_out: u64,
    /// The rules by which kernels are told apart; `None` where the trace itself says what each is.
    pub kernel_rules: Option<String>,
    /// Without operators.
    pub memory: Option<MemoryUse>,
    /// Compiles that the metrics file gave their time, and its name.
    pub metrics: Option<(String, u64)>,
    /// The worker's folder, and what its profiler did not write; a sentence each.
    pub worker: Option<String>,
    pub missing: Vec<String>,
    /// The trace that this one is compared with.
    pub compared: Option<Box<Compared>>,
    /// The workers that were given together.
    pub workers: Option<Box<WorkersGiven>>,
    /// Other traces of what was given, which can be opened in place of this one; at most [`MAX_OPERATORS`].
    pub others: Vec<OtherTrace>,
    /// The tables that the trace fills, in the order of a report.
    pub tables: Vec<TableName>,
    /// Events and bytes of text by category, largest first; at most [`MAX_TALLY`].
    pub tally: Vec<CategoryText>,
    /// Where reading stopped because memory is full; `None`: the whole file is read.
    pub stopped: Option<Box<Estimate>>,
    /// Bytes that the index holds.
    pub index_bytes: u64,
    /// Filled in by whoever has a clock.
    pub cost: Option<Cost>,
}

/// Which trace of what was given is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Which {
    /// Its file, or the folder of its worker; `None`: the first that has a timeline.
    pub recording: Option<String>,
    /// Of several traces in one file its number, from 1; 0, and where there is none of that number: the first.
    pub document: u32,
}

/// A trace that can be opened in place of the one that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherTrace {
    pub name: String,
    /// `None`: it was not read.
    pub events: Option<u64>,
    pub which: Which,
}

/// What differs between the open trace and another; tables have the numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    pub a: Side,
    pub b: Side,
    /// Whether the open trace is B.
    pub other_is_before: bool,
    /// How far the two measure the same thing, 0 to 1.
    pub score: f64,
    /// One sentence each.
    pub says: Vec<String>,
    pub differences: u64,
}

/// Several workers that were given together. Tables compare them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkersGiven {
    pub count: u64,
    /// Folders of those that can be opened; at most [`MAX_OPERATORS`].
    pub can_open: Vec<String>,
    /// What a worker lacks, under what people call it; at most [`MAX_LISTED`].
    pub missing: Vec<(String, String)>,
    /// Workers that lack something beyond that.
    pub missing_left_out: u64,
}

impl Summary {
    /// Whether the trace fills the table of this key.
    pub fn has(&self, key: &str) -> bool {
        self.tables.iter().any(|table| table.key == key)
    }

    /// Why there is no table of launches, where a device is recorded.
    pub fn no_launches(&self) -> Option<&'static str> {
        (!self.has("launches") && self.fills().device).then_some(crate::table::NO_LAUNCHES)
    }

    /// Which of the views that few traces fill it fills.
    pub fn fills(&self) -> Fills {
        let of_profiler = |t: &TableName| t.topic == Topic::Profiler || t.key == "files";
        Fills {
            device: ["launches", "device_time", "idle"]
                .iter()
                .any(|key| self.has(key)),
            workers: self.workers.is_some() || self.has("ranks") || !self.others.is_empty(),
            compared: self.compared.is_some(),
            tables: !self.missing.is_empty() || self.tables.iter().any(of_profiler),
            stacks: self.has("operators") || self.has("python"),
            memory: self.memory.is_some() || self.has("operators"),
        }
    }
}

/// How much of a trace one category is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CategoryText {
    /// `""` for events without one.
    pub category: String,
    pub events: u64,
    /// Bytes of the events' text.
    pub text_bytes: u64,
    /// What the profiler is told to leave it out, and what is lost then.
    pub left_out_by: Option<String>,
}

/// What opening cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// From the request to these answers, ms.
    pub open_ms: f64,
    /// From the request to the first answers about a part of the file, ms; `None` if the whole came first.
    pub first_ms: Option<f64>,
    /// Memory of the engine; it never shrinks, so this is the peak.
    pub memory_bytes: u64,
}

/// Bound of [`Summary::recompiles`].
pub const MAX_RECOMPILES: usize = 5_000;
/// Bound of [`Summary::tally`].
pub const MAX_TALLY: usize = 50;
/// Verdicts that a summary holds; the table has all.
pub const MAX_VERDICTS: usize = 16;
/// Bound of [`Summary::notes`], [`Summary::missing`] and other lists of sentences.
pub const MAX_LISTED: usize = 100;
/// Bound of a finding's evidence.
pub const MAX_EVIDENCE: usize = 10;
/// Bound of [`Summary::gaps`], a kind: each takes some 500 elements with its charts and tables.
pub const MAX_PLACES: usize = 5;
/// Bound of [`Summary::idle`].
pub const MAX_DEVICES: usize = 16;
/// Cells of the grids of [`Summary::bucket_coverage`], all phases together.
pub const MAX_GRID_CELLS: usize = 600;
/// Bound of [`StepsView::parts`]: each takes some 40 elements.
pub const MAX_PARTS: usize = 30;
/// Bound of [`SliceArgs::args`].
pub const MAX_ARGS: usize = 200;
/// Bound of the operator tables.
pub const MAX_OPERATORS: usize = 500;

/// The order of a flame graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlameOrder {
    /// Merged by frame, heaviest first.
    #[default]
    Heavy,
    /// As time goes.
    Time,
}

/// What a flame graph is to show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlameQuestion {
    pub source: StackSource,
    pub order: FlameOrder,
    /// `None`: all of the trace.
    pub window: Option<Span>,
    /// `None`: all of them, merged.
    pub thread: Option<u32>,
    /// A node of the merged tree of the same question, which then spans the width.
    pub zoom: Option<u32>,
    pub width_px: u32,
}

/// A frame, or several of less than a pixel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlameBox {
    pub x0: f32,
    pub x1: f32,
    pub depth: u16,
    /// Its node in the merged tree; `None` for merged boxes and in order of time.
    pub node: Option<u32>,
    /// Row in [`FlameView::names`]; `None`: several, or the root.
    pub name: Option<u32>,
    /// A python frame; else an operator.
    pub is_frame: bool,
    pub total_ns: i64,
    pub self_ns: i64,
    pub count: u64,
    /// How many further frames are in it because they are narrower than a pixel.
    pub merged: u32,
    /// Its longest call.
    pub slice: Option<u32>,
}

/// A thread that has stacks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlameThread {
    pub id: u32,
    pub title: String,
}

/// Bound of [`FlameView::threads`].
pub const MAX_FLAME_THREADS: usize = 100;

/// The Stacks view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlameView {
    pub order: FlameOrder,
    pub source: StackSource,
    /// What the trace has stacks of.
    pub sources: Vec<StackSource>,
    pub window: Span,
    pub width_px: u32,
    /// Time in which anything was open, summed over the threads.
    pub total_ns: i64,
    pub zoom: Option<u32>,
    pub boxes: Vec<FlameBox>,
    pub names: Vec<String>,
    pub n_rows: u16,
    /// Frames whose rows are too deep to be drawn.
    pub n_rows_left_out: u32,
    /// Calls counted into the frame around them.
    pub folded: u64,
    /// Time of calls that was cut because they overlap.
    pub cut_ns: i64,
    pub thread: Option<u32>,
    /// Those with most calls first, at most [`MAX_FLAME_THREADS`].
    pub threads: Vec<FlameThread>,
}

/// Bytes in use in one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryPoint {
    pub x: u32,
    pub min_bytes: i64,
    pub max_bytes: i64,
    /// After the pixel's last event.
    pub end_bytes: i64,
    pub reserved_bytes: Option<i64>,
}

/// Bytes in use over time; pixels without an event have no point, and what the one before ended with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryCurve {
    pub device: u32,
    pub window: Span,
    pub width_px: u32,
    /// At most one a pixel.
    pub points: Vec<MemoryPoint>,
    /// In use when the window begins; `None`: not known.
    pub before_bytes: Option<i64>,
}

/// One mark of the steps plot: all passes of one phase whose start falls into one pixel column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMark {
    pub x: f32,
    pub phase: Phase,
    pub period: Period,
    /// Longest of the merged passes, ns.
    pub max_ns: i64,
    /// Shortest of the merged passes, ns.
    pub min_ns: i64,
    pub count: u32,
    /// The longest one.
    pub step: u32,
    /// Whether the trace records a graph compile in one of them.
    pub compiled: bool,
    /// Whether one of them looks like a compile by its duration alone.
    pub suspected: bool,
}

/// Duration of steps over time, at most four marks (one a phase) a pixel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepsPlot {
    pub window: Span,
    pub width_px: u32,
    pub marks: Vec<StepMark>,
    /// For the vertical axis: the longest step in the window.
    pub max_ns: i64,
    pub min_ns: i64,
}

/// Mean parts of the steps of one group: what one stacked bar shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupParts {
    pub phase: Phase,
    pub bucket: Option<Bucket>,
    pub period: Period,
    pub count: u64,
    /// Means, ns.
    pub mean: Parts,
    pub mean_total_ns: i64,
    pub mean_device_busy_ns: Option<i64>,
    pub mean_device_idle_ns: Option<i64>,
    pub mean_engines: Option<Engines>,
}

/// The Steps view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepsView {
    pub plot: StepsPlot,
    /// Steps over time; `None` where no step time is known. It is of all stretches of time, whatever the filter's.
    pub over_time: Option<Picture>,
    /// How the step times are distributed, whatever lengths the filter asks for.
    pub distribution: Option<Picture>,
    /// The class of size that is asked for, in words.
    pub class: Option<String>,
    /// Steps that the filter lets through.
    pub n_steps: u32,
    /// Those with most time, at most [`MAX_PARTS`].
    pub parts: Vec<GroupParts>,
    /// Groups beyond that; the table `step_groups` has them.
    pub parts_left_out: u64,
}

/// One step in detail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepDetail {
    pub step: Step,
    /// One sentence: its step time beside those of like size; `None` where they are too few to judge by.
    pub like: Option<String>,
    pub group_parts: Option<GroupParts>,
    /// Of the steps that `like` is about; `None` where they are too few to judge by.
    pub medians: Option<StepMedians>,
    /// At most [`MAX_LISTED`].
    pub recompiles: Vec<Recompile>,
    /// Compiles beyond that; the table `recompiles` has them.
    pub recompiles_left_out: u64,
    pub previous: Option<u32>,
    pub next: Option<u32>,
}

/// Medians of steps of like size that did not compile, ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepMedians {
    pub step: Option<i64>,
    pub interval: Option<i64>,
    pub host: Option<i64>,
    pub call: Option<i64>,
    pub device_span: Option<i64>,
    pub gap_before: Option<i64>,
    pub device_gap_before: Option<i64>,
}

/// The gaps of one kind in one place that a filter asks for, whatever lengths it asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GapsChosen {
    pub count: u64,
    pub total_ns: i64,
    pub p50_ns: Option<i64>,
    pub p99_ns: Option<i64>,
    pub max_ns: Option<i64>,
    /// Those of the trace's steps, for the choice of one.
    pub buckets: Vec<Bucket>,
    pub by_count: Option<Picture>,
    pub by_time: Option<Picture>,
}

/// One row group of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackHead {
    /// Its number in questions and frames; counters are numbered after the tracks, rows of several lanes after those.
    pub id: u32,
    /// Place in [`TimelineTracks::groups`].
    pub group: u32,
    pub kind: TrackKind,
    pub title: String,
    /// Process and thread, as recorded.
    pub subtitle: String,
    /// Rows high; 1 for counters.
    pub n_depths: u16,
    pub n_slices: u32,
    /// For counters: the range of values.
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// All that its thread is seen to do is wait.
    pub only_waits: bool,
    /// The lanes of one engine of a device that this row stands for, their outermost slices on one line.
    pub lanes: Vec<u32>,
    /// The row that stands for it.
    pub lane_of: Option<u32>,
}

/// Tracks of one process or device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackGroup {
    pub kind: GroupKind,
    pub title: String,
}

/// The timeline's tracks, group by group: the engine with the thread that drives it, devices, processes, counters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimelineTracks {
    pub extent: Span,
    pub groups: Vec<TrackGroup>,
    /// At most [`MAX_TRACKS`], and the rows of lanes, each before its lanes.
    pub tracks: Vec<TrackHead>,
    /// Tracks beyond that: those with fewest slices.
    pub n_left_out: u32,
}

/// Bound of [`TimelineTracks::tracks`].
pub const MAX_TRACKS: usize = 10_000;

/// What of one track is on screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackPart {
    pub track: u32,
    pub first_depth: u16,
    pub n_depths: u16,
}

/// A bar: slices of one track and depth that fall together at this zoom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Left and right edge in px from the window's left edge, clamped to it.
    pub x0: f32,
    pub x1: f32,
    /// The longest of the merged slices.
    pub slice: u32,
    /// How many slices it stands for.
    pub count: u32,
    pub class: BarClass,
    /// Row in [`Frame::names`], for bars wide enough to be labelled.
    pub name: Option<u32>,
    /// One of its slices is what is searched for.
    pub is_hit: bool,
}

/// Set in a bar's class among a frame's words where the bar is a hit.
const HIT_BIT: u32 = 1 << 31;

/// One depth of one track in a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameRow {
    pub track: u32,
    pub depth: u16,
    pub bars: Vec<Bar>,
}

/// A counter in a frame: the last value in each pixel column that has one, and the value before the window.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameCounter {
    pub track: u32,
    /// `(x, value)`, in order of x; a value holds until the next.
    pub points: Vec<(f32, f32)>,
}

/// What the timeline shows of a window. Crosses to the page as words ([`Frame::to_words`]), because a
/// transferred buffer costs nothing and objects cost a microsecond each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    pub window: Span,
    pub width_px: u32,
    pub rows: Vec<FrameRow>,
    pub counters: Vec<FrameCounter>,
    pub names: Vec<String>,
}

impl Frame {
    /// The frame without its names, as little words: header `[width, start lo, start hi, end lo, end hi, rows,
    /// counters]`; a row is `[track, depth, bars, then 6 words a bar: x0, x1 (f32 bits), slice, count, class (with
    /// [`HIT_BIT`]), name or u32::MAX]`; a counter is `[track, points, then x, value (f32 bits) a point]`.
    pub fn to_words(&self) -> Vec<u32> {
        let halves = |v: i64| {
            let v = v.cast_unsigned();
            [
                u32::try_from(v & 0xffff_ffff).unwrap_or(0),
                u32::try_from(v >> 32).unwrap_or(0),
            ]
        };
        let len = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut words = vec![self.width_px];
        words.extend(halves(self.window.start));
        words.extend(halves(self.window.end));
        words.extend([len(self.rows.len()), len(self.counters.len())]);
        for row in &self.rows {
            words.extend([row.track, u32::from(row.depth), len(row.bars.len())]);
            for bar in &row.bars {
                let name = bar.name.unwrap_or(u32::MAX);
                words.extend([
                    bar.x0.to_bits(),
                    bar.x1.to_bits(),
                    bar.slice,
                    bar.count,
                    bar.class as u32 | if bar.is_hit { HIT_BIT } else { 0 },
                    name,
                ]);
            }
        }
        for counter in &self.counters {
            words.extend([counter.track, len(counter.points.len())]);
            words.extend(
                counter
                    .points
                    .iter()
                    .flat_map(|(x, value)| [x.to_bits(), value.to_bits()]),
            );
        }
        words
    }

    /// The inverse of [`Frame::to_words`]; `None` for words that it did not write.
    pub fn from_words(words: &[u32], names: Vec<String>) -> Option<Frame> {
        let mut words = words.iter().copied();
        let mut next = || words.next();
        let width_px = next()?;
        let mut wide = || Some(i64::from(next()?) | (i64::from(next()?.cast_signed()) << 32));
        let window = Span {
            start: wide()?,
            end: wide()?,
        };
        let (n_rows, n_counters) = (next()?, next()?);
        let mut rows = Vec::new();
        for _ in 0..n_rows {
            let (track, depth, n_bars) = (next()?, u16::try_from(next()?).ok()?, next()?);
            let mut bars = Vec::new();
            for _ in 0..n_bars {
                let (x0, x1) = (f32::from_bits(next()?), f32::from_bits(next()?));
                let (slice, count) = (next()?, next()?);
                let word = next()?;
                let class = *BarClass::ALL.get((word & !HIT_BIT) as usize)?;
                let name = next().map(|n| (n != u32::MAX).then_some(n))?;
                bars.push(Bar {
                    x0,
                    x1,
                    slice,
                    count,
                    class,
                    name,
                    is_hit: word & HIT_BIT != 0,
                });
            }
            rows.push(FrameRow { track, depth, bars });
        }
        let mut counters = Vec::new();
        for _ in 0..n_counters {
            let (track, n_points) = (next()?, next()?);
            let mut points = Vec::new();
            for _ in 0..n_points {
                points.push((f32::from_bits(next()?), f32::from_bits(next()?)));
            }
            counters.push(FrameCounter { track, points });
        }
        Some(Frame {
            window,
            width_px,
            rows,
            counters,
            names,
        })
    }
}

/// A selected slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceDetail {
    pub slice: u32,
    pub name: String,
    pub category: String,
    pub class: BarClass,
    pub process: String,
    pub thread: String,
    pub track: u32,
    pub depth: u16,
    pub start_ns: i64,
    pub dur_ns: i64,
    /// Duration less that of its direct children.
    pub self_ns: i64,
    /// Where recorded: how long its thread ran on a processor, and the rest of its duration.
    pub cpu_ns: Option<i64>,
    pub waiting_ns: Option<i64>,
    pub n_children: u32,
    pub parent: Option<u32>,
    pub previous: Option<u32>,
    pub next: Option<u32>,
    pub step: Option<u32>,
    /// The host call that launched it.
    pub launched_by: Option<LinkedSlice>,
    /// What it launched on a device, the first [`MAX_LAUNCHED`].
    pub launched: Vec<LinkedSlice>,
    pub n_launched: u32,
    /// Other arrows from and to it, the first [`MAX_ARROWS`].
    pub arrows: Vec<Arrow>,
    pub n_arrows: u32,
    /// What it says that it is part of: a compiled graph's node.
    pub part_of: Option<Box<PartOf>>,
    /// Byte of the event in the inflated trace.
    pub at_byte: u64,
    /// Slices of this name in the whole trace, and their total, shortest, longest.
    pub same_name_count: u64,
    pub same_name_total_ns: i64,
    pub same_name_min_ns: i64,
    pub same_name_max_ns: i64,
}

impl SliceDetail {
    pub fn place(&self) -> SlicePlace {
        SlicePlace {
            track: self.track,
            depth: self.depth,
            span: Span::new(self.start_ns, self.start_ns.saturating_add(self.dur_ns)),
        }
    }

    /// The slices at the other ends of its arrows, and whether the arrow leads there: launches first.
    pub fn ends(&self) -> impl Iterator<Item = (u32, SlicePlace, bool)> + '_ {
        let call = self.launched_by.iter().map(|call| (call.slice, call.at, false));
        let work = self.launched.iter().map(|work| (work.slice, work.at, true));
        let arrows = self.arrows.iter();
        call.chain(work)
            .chain(arrows.map(|arrow| (arrow.slice, arrow.at, arrow.is_outgoing)))
    }

    /// The slice that the first arrow leads to, or comes from.
    pub fn follow(&self, is_outgoing: bool) -> Option<u32> {
        self.ends().find(|end| end.2 == is_outgoing).map(|end| end.0)
    }
}

/// The node of a recipe (compiled graph) that device work is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartOf {
    pub recipe: String,
    pub node: String,
    pub operation: Option<String>,
    /// The operations that the compiler fused into the node, the first [`MAX_FUSED`].
    pub fused: Vec<String>,
    pub n_fused: u32,
    pub bundle: Option<i64>,
}

/// Bound of [`PartOf::fused`].
pub const MAX_FUSED: usize = 50;

/// The other end of a launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedSlice {
    pub slice: u32,
    pub name: String,
    /// From the start of the call to the start of the work; negative where the two clocks disagree.
    pub latency_ns: i64,
    pub at: SlicePlace,
}

/// Where on the timeline a slice lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlicePlace {
    pub track: u32,
    pub depth: u16,
    pub span: Span,
}

/// An arrow that the trace draws from a slice to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrow {
    /// The slice at the other end.
    pub slice: u32,
    pub name: String,
    pub category: String,
    /// It leads to the other slice, not from it.
    pub is_outgoing: bool,
    /// From one end of the arrow to the other; negative where two clocks disagree.
    pub len_ns: i64,
    pub at: SlicePlace,
}

/// Bound of [`SliceDetail::arrows`].
pub const MAX_ARROWS: usize = 20;

/// Bound of [`SliceDetail::launched`].
pub const MAX_LAUNCHED: usize = 20;

/// The event's own text, read again from the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceArgs {
    pub slice: u32,
    /// `(key, value)` of `args`, nested values as JSON; at most [`MAX_ARGS`].
    pub args: Vec<(String, String)>,
    pub n_left_out: u64,
}

/// Slices whose name contains a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchResult {
    pub text: String,
    /// Names that contain it, most time first, at most 100: name, count, total, longest slice.
    pub names: Vec<SearchRow>,
    /// Matching slices in all.
    pub n_slices: u64,
}

/// See [`SearchResult`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchRow {
    pub name: String,
    pub class: BarClass,
    pub count: u64,
    pub total_ns: i64,
    pub longest_slice: u32,
    pub first_slice: u32,
}

/// All slices that are searched for, along the trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HitsMap {
    pub text: String,
    pub n_slices: u64,
    /// Of them, those that are marked: at most [`MAX_HITS`].
    pub n_marked: u64,
    /// How many start in each pixel; at most [`MAX_COLUMNS`].
    pub columns: Vec<u32>,
}

/// Slices that a search marks: 4 bytes each.
pub const MAX_HITS: usize = 4_000_000;
/// Bound of [`HitsMap::columns`].
pub const MAX_COLUMNS: u32 = 10_000;

/// The next slice of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextSlice {
    /// `None`: there is none at all.
    pub slice: Option<u32>,
    /// Which it is of them in order of time, from 1.
    pub number: u64,
    pub of: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_from_its_words() {
        let bar = |x0, name| Bar {
            x0,
            x1: x0 + 1.5,
            slice: 7,
            count: 3,
            class: BarClass::DeviceNic,
            name,
            is_hit: name.is_some(),
        };
        let frame = Frame {
            window: Span {
                start: -5,
                end: 4_458_978_880_414_314,
            },
            width_px: 1_400,
            rows: vec![
                FrameRow {
                    track: 2,
                    depth: 1,
                    bars: vec![bar(0.25, None), bar(9.0, Some(0))],
                },
                FrameRow {
                    track: 3,
                    depth: 0,
                    bars: vec![],
                },
            ],
            counters: vec![FrameCounter {
                track: 9,
                points: vec![(1.0, -2.5)],
            }],
            names: vec!["BatchGemm".into()],
        };
        let words = frame.to_words();
        assert_eq!(
            Frame::from_words(&words, frame.names.clone()),
            Some(frame.clone())
        );
        for cut in 0..words.len() {
            assert_eq!(Frame::from_words(&words[..cut], Vec::new()), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_bar_class_is_its_own_number() {
        for (i, class) in BarClass::ALL.iter().enumerate() {
            assert_eq!(*class as usize, i);
        }
    }
}

//! The common words into which a dialect translates a trace. Analyses know these and no vendor.

use crate::index::args::{ArgColumn, Links};
use crate::index::trace_columns::{Index, Key};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{CategoryId, NameId, SliceId, Span, TrackId};

use super::classifier::Classifier;
use super::dynamo::Dynamo;
use super::recording_kind::RecordingKind;
use super::terms::{Bucket, Evidence, Period, Phase};

/// What a slice is to the analyses. One byte a slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// Nothing that an analysis asks for.
    #[default]
    Other,
    /// A prefill or decode pass.
    Pass,
    /// Input preparation of a step.
    Prepare,
    /// The model's forward pass on the host (it launches the device's work).
    Forward,
    Logits,
    Sample,
    /// After sampling; where the engine is synchronous it waits for the device here.
    Post,
    /// Preparation of encoder inputs (multimodal).
    Encoder,
    /// Contains all warm-up passes.
    Warmup,
    /// A pass on invented data, outside any step.
    Dummy,
    /// A graph compile, as the serving engine recorded it.
    CompileRecorded,
    /// A graph compile, as the graph compiler's host events show it.
    CompileEngine,
    /// A new compiled graph was stored.
    NewRecipe,
    /// torch.compile at work.
    CompileDynamo,
    /// A device graph being captured.
    GraphCapture,
    /// Host work is handed to the device queue.
    Launch,
    /// The host waits for the device.
    Wait,
    /// Other submission work on the way to a launch.
    Submit,
    Collective,
    /// A framework operator on the host.
    HostOp,
    /// Other host activity that is recorded (runtime calls, bridge functions).
    HostOther,
    /// A stretch that the program named, with no meaning to us.
    Annotation,
    /// Holds whole steps (a profiler's schedule, an annotation around them): says when, not why.
    Container,
    PythonFrame,
    /// What the device's side of a synchronisation lasted, recorded on the device's lane. No work.
    SyncRecord,
    /// Matrix engine.
    DeviceMatrix,
    /// Vector engine (TPC).
    DeviceVector,
    DeviceDma,
    DeviceNic,
    /// Compute of a device without engine split.
    DeviceCompute,
    DeviceComm,
    DeviceCopy,
    DeviceSet,
    /// On a device lane, kind unknown.
    DeviceOther,
}

impl Role {
    /// Whether the slice is work of a device.
    pub fn is_device(self) -> bool {
        self >= Role::DeviceMatrix
    }

    /// Whether the slice is device work that computes (not copies, communication or memsets).
    pub fn is_device_compute(self) -> bool {
        matches!(
            self,
            Role::DeviceMatrix | Role::DeviceVector | Role::DeviceCompute
        )
    }
}

/// A part of a step's host time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Schedule,
    Prepare,
    Forward,
    Logits,
    Sample,
    /// Speculative decoding: the draft model at work.
    Draft,
    /// The host waits for the device.
    Wait,
    Post,
}

/// One prefill or decode pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// The slice that marks it.
    pub slice: SliceId,
    /// The pass itself, without the input preparation that stands before it.
    pub span: Span,
    /// Its row in [`Vocabulary::engine_steps`].
    pub engine_step: Option<u32>,
    pub phase: Phase,
    pub period: Period,
    /// Whether a marker of the engine says that this is a step; else it was told by something else (a python frame).
    pub is_marked: bool,
    pub bucket: Option<Bucket>,
    pub graphs: Option<bool>,
    /// Requests really in the batch.
    pub batch: Option<u32>,
    pub tokens: Option<u64>,
    pub context_requests: Option<u32>,
    pub context_tokens: Option<u64>,
    pub generation_requests: Option<u32>,
    pub generation_tokens: Option<u64>,
    /// Tokens attended to (the length of KV), summed over requests.
    pub context_kv_tokens: Option<u64>,
    pub generation_kv_tokens: Option<u64>,
    /// Slices that are parts of it; they do not overlap. Input preparation of the engine step belongs to its
    /// first pass, what follows sampling to its last.
    pub parts: Vec<(Part, SliceId)>,
    /// Stretches beside them whose part is derived, from python frames and the order of calls. Neither these nor
    /// those overlap.
    pub derived_parts: Vec<(Part, Span)>,
}

impl Pass {
    /// A pass of which no more is known.
    pub fn new(slice: SliceId, span: Span, phase: Phase, period: Period) -> Pass {
        Pass {
            slice,
            span,
            engine_step: None,
            phase,
            period,
            is_marked: true,
            bucket: None,
            graphs: None,
            batch: None,
            tokens: None,
            context_requests: None,
            context_tokens: None,
            generation_requests: None,
            generation_tokens: None,
            context_kv_tokens: None,
            generation_kv_tokens: None,
            parts: Vec::new(),
            derived_parts: Vec::new(),
        }
    }
}

/// One iteration of the engine: input preparation, its passes, what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineStep {
    pub span: Span,
    /// Its rows in [`Vocabulary::passes`].
    pub passes: std::ops::Range<u32>,
    pub period: Period,
}

/// A compile at one level of evidence, before levels are matched.
#[derive(Clone, Debug, PartialEq)]
pub struct CompileMark {
    pub evidence: Evidence,
    pub name: String,
    pub slice: SliceId,
    pub span: Span,
    /// False where only duration and region are facts.
    pub start_is_exact: bool,
    /// The recorded region in which it happened.
    pub region: Option<SliceId>,
    /// An eager operator's own graph, not a model graph: shown apart.
    pub eager: bool,
    /// When its region ran.
    pub period: Period,
}

/// The lanes of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Unique within its rank.
    pub device: i64,
    /// Its rank's place among those of [`Vocabulary::ranks`]; `None` where the file is of one rank.
    pub rank: Option<usize>,
    pub tracks: Vec<TrackId>,
}

/// An allocator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryDevice {
    /// `"cpu"`, `"cuda"`, …
    pub kind: &'static str,
    /// `None` for the host's.
    pub id: Option<i64>,
    pub is_host: bool,
    /// Whose it is, where the file holds several ranks.
    pub rank: Option<String>,
}

/// An allocator could not hand out what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    pub at_ns: i64,
    /// `None`: not recorded.
    pub device: Option<MemoryDevice>,
    pub bytes: Option<i64>,
    pub allocated: Option<i64>,
    pub reserved: Option<i64>,
}

/// How device work finds the host call that launched it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaunchLink {
    /// Equal values of an int arg, one launch to many pieces of work, unique in the file; 0 is none.
    Correlation(&'static str),
    /// The same where such values come again, in another rank or later: numbered anew.
    Renumbered(Links),
    /// Equal values of an int arg that recurs: the nearest launch before the work.
    Recurring(&'static str),
    /// Equal numbers that no arg holds: the trace's arrows were followed. One launch to many pieces of work.
    Numbered(Links),
    /// Nothing links them: by time only.
    None,
}

/// The args by which device work says which compiled graph (recipe) it is part of, and which of its nodes. Of a list
/// the first arg counts that a slice has and that is not empty. All are declared without a column of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeArgs {
    /// The recipe's name.
    pub recipe: &'static [&'static str],
    /// Its number, which recurs; 0 without a name is none.
    pub recipe_id: &'static str,
    /// The node's name. Where a slice has none of these, its own name is the node's.
    pub node: &'static [&'static str],
    pub node_id: &'static str,
    /// What the node computes, where the slice's own name is the node's.
    pub operation: &'static str,
    /// Names of the operations that the compiler fused into the node, with commas between.
    pub fused: &'static str,
    /// Number of the bundle: nodes that the compiler cut into pieces together.
    pub bundle: &'static str,
    /// With this and digits a node's name ends where it is that of a piece.
    pub piece: &'static str,
}

/// What is drawn on the lanes in which a trace itself says how a device's time divides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Division {
    Computing,
    Communication,
    /// The part of it that no computing hides.
    Exposed,
    Free,
}

/// The ranks of a file that several were merged into; empty for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranks {
    /// What the file calls them, in order.
    pub labels: Vec<String>,
    pub by_process: FxHashMap<Key, usize>,
    /// Whether ids that link a call to its work are unique over all ranks.
    pub ids_are_unique: bool,
    /// Processes of devices whose work several ranks launched, and it is not told which piece is whose. They are of
    /// no rank, and launches without recorded work may have some there.
    pub untold: Vec<Key>,
}

impl Ranks {
    /// The rank of a track.
    pub fn of(&self, index: &Index, track: TrackId) -> Option<usize> {
        if self.labels.is_empty() {
            return None;
        }
        self.by_process.get(&index.track(track).pid).copied()
    }

    /// Whether several ranks launched the work of a device, and it is not told whose is whose.
    pub fn is_untold(&self, index: &Index, device: &Device) -> bool {
        let of = |&track: &TrackId| self.untold.contains(&index.track(track).pid);
        device.rank.is_none() && !self.untold.is_empty() && device.tracks.iter().any(of)
    }

    /// Within what an id on a track is unique.
    pub fn of_id(&self, index: &Index, track: TrackId) -> usize {
        if self.ids_are_unique {
            return usize::MAX;
        }
        self.of(index, track).unwrap_or(usize::MAX)
    }

    /// How many stages of a pipeline they are; `None` for fewer than two, or where the file does not say.
    pub fn pipeline_stages(&self) -> Option<u32> {
        super::ranks_in_one_file::pipeline_stages(&self.labels)
    }

    /// What the file calls a rank.
    pub fn label(&self, rank: Option<usize>) -> Option<String> {
        self.labels.get(rank?).cloned()
    }
}

/// Args of collective work.
#[derive(Clone, Copy, Debug)]
pub struct CollectiveArgs {
    pub name: &'static str,
    pub elements_in: &'static str,
    pub elements_out: &'static str,
    pub data_type: &'static str,
    pub group_size: &'static str,
    pub group: &'static str,
    pub description: &'static str,
    pub ranks: &'static str,
    /// The arg by which work and the operator that started it belong together.
    pub operator: &'static str,
    /// Bytes of an element of a data type.
    pub element_bytes: fn(&str) -> Option<u64>,
}

/// What a profiler calls overhead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OverheadKind {
    /// Code is loaded or compiled by the driver at its first use: without the profiler, too.
    FirstUse,
    /// The profiler's own work.
    Recording,
}

/// Pieces of collectives in which this rank waits for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerWaits {
    pub names: FxHashSet<NameId>,
    /// The arg that holds the other's number, within the ranks of the collective's group.
    pub peer: &'static str,
    /// The groups whose operations are recorded.
    pub groups: Vec<PeerGroup>,
    /// The ranks of groups, where the trace says them.
    pub ranks: Vec<ProcessGroup>,
}

/// A group of ranks whose whole operations lie on a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerGroup {
    pub name: String,
    pub track: TrackId,
}

/// Which ranks of the run a group of them has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessGroup {
    /// What it is called, in the words of whoever writes of it.
    pub names: Vec<String>,
    /// In the order in which they are counted within the group.
    pub ranks: Vec<i64>,
}

/// Names of calls in which a thread waits for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitNames {
    /// Sockets, queues, locks, sleep: for anything.
    pub for_others: FxHashSet<NameId>,
    /// Of these, the ones that requests come through: a queue, a socket of ZeroMQ.
    pub for_messages: FxHashSet<NameId>,
    /// A worker's wait for the scheduler's next step, which may come late for any reason.
    pub for_scheduler: FxHashSet<NameId>,
    /// Looks for new requests that do not wait: once in every iteration of the engine's loop.
    pub looks_for_requests: FxHashSet<NameId>,
}

/// A trace in common words.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// As in the report: `gaudi-highlevel`, `gaudi-e2e`, `torch`, `chrome`, …
    pub format: &'static str,
    pub device_kind: &'static str,
    pub device_name: Option<String>,
    /// `"vLLM V1"`.
    pub engine: Option<String>,
    pub rank: Option<i64>,
    pub world_size: Option<i64>,
    /// Unix time of the trace clock's zero, ns.
    pub base_time_ns: Option<i64>,
    /// What the torch profiler covers.
    pub capture: Option<Span>,
    /// Every region ended with a device synchronisation while recording.
    pub synchronised_capture: bool,
    /// Steps are inferred from launches and waits for the device: nothing marks them, so what lies between two is not
    /// known to lie between steps of the engine.
    pub steps_inferred: bool,
    /// Whether the file holds warm-up, so that "not warmed" means something.
    pub has_warmup: bool,
    /// Forward passes of warm-up that belong to no step, with their processes.
    pub warmup_forwards: Vec<(Key, Phase, Bucket)>,
    /// When a counter counted a compile while serving that is not among the compiles.
    pub compiles_not_recorded: Vec<i64>,
    /// What to know when reading the numbers, one sentence each.
    pub notes: Vec<String>,
    /// One a slice.
    pub roles: Vec<Role>,
    /// In order of start.
    pub passes: Vec<Pass>,
    /// In order of start.
    pub engine_steps: Vec<EngineStep>,
    /// In order of start.
    pub compiles: Vec<CompileMark>,
    /// What torch.compile did, where it left a mark.
    pub dynamo: Option<Dynamo>,
    pub devices: Vec<Device>,
    /// Device work whose recorded end cannot be right, with the end that counts instead.
    pub overruns: FxHashMap<SliceId, i64>,
    pub launch_link: LaunchLink,
    /// Whether ids of launches come again while they still count up, so that launches without work may have some.
    pub ids_are_mixed: bool,
    /// Whether compiles, steps or calls lie on lanes of their own kind, and not with the thread that made them.
    pub has_lanes_of_kinds: bool,
    /// Where that names operators and not the calls that launch: these calls, with their work.
    pub call_links: Option<Links>,
    /// By how much the device's clock is behind the host's (negative) or ahead of it, where that is known to disturb.
    pub clock_offset_ns: Option<i64>,
    /// How device work says which node of which recipe it is; `None` where it does not.
    pub node_args: Option<NodeArgs>,
    /// How collective work says what it moves; `None` where it does not.
    pub collective_args: Option<CollectiveArgs>,
    /// The arg by which a copy says its direction, where its name does not.
    pub copy_kind_arg: Option<&'static str>,
    /// Whose processes these are, where the file holds several ranks.
    pub ranks: Ranks,
    /// The rules by which kernels are told apart; `None` where lanes or categories say all.
    pub classifier: Option<Classifier>,
    /// Names of calls in which a thread waits for others.
    pub waits: WaitNames,
    /// Lanes in which the trace itself divides a device's time, with the device's number.
    pub divisions: Vec<(i64, Division, TrackId)>,
    /// The track on which the engine's steps are recorded, for the name of its gaps.
    pub step_track: Option<TrackId>,
    /// Tracks of the host threads that run the model, most busy first.
    pub main_threads: Vec<TrackId>,
    /// Categories whose slices are framework operators or annotations: the rows of the operator table.
    pub operator_categories: Vec<CategoryId>,
    /// Categories of calls into the runtime and driver, which take time from the operator around them.
    pub call_categories: Vec<CategoryId>,
    /// Categories of the profiler's own work, which takes time from the operator around it on whatever track it is.
    pub overhead_categories: Vec<CategoryId>,
    /// Of the profiler's own work and what it calls so, by name, what it is; what is neither is not here.
    pub overhead_kinds: FxHashMap<NameId, OverheadKind>,
    /// Operators that communicate or wait for what does, by name.
    pub collective_operators: FxHashSet<NameId>,
    /// Pieces of collectives in which this rank waits for another; `None` where none are recorded.
    pub peer_waits: Option<PeerWaits>,
    /// Categories of annotations repeated on devices.
    pub device_annotation_categories: Vec<CategoryId>,
    /// How the names of annotations begin that may end on another thread: they lie in no operator, and none in them.
    pub asynchronous_operators: &'static [&'static str],
    /// Names that are no rows of the operator table although their category is.
    pub unlisted_operators: &'static [&'static str],
    /// Beginnings of names that end in a number; such calls count as one operator.
    pub numbered_operators: &'static [&'static str],
    /// The arg that holds the shapes of an operator's inputs.
    pub shapes_arg: Option<&'static str>,
    /// How the names of python frames begin that are modules of the model.
    pub module_prefix: Option<&'static str>,
    /// By category, what the profiler is told to leave it out.
    pub left_out_by: &'static [(&'static str, &'static str)],
    /// What the allocators are, in the order of the index.
    pub memory_devices: Vec<MemoryDevice>,
    /// In order of time.
    pub out_of_memory: Vec<OutOfMemory>,
    /// `None`: it may show a server at work.
    pub recording: Option<RecordingKind>,
    /// By a finding's id, a sentence of advice that names this engine's own switches; by `slower-host`, what this
    /// device has against a host that is slower than it.
    pub advice: &'static [(&'static str, &'static str)],
}

impl Default for Vocabulary {
    fn default() -> Self {
        Vocabulary {
            format: "chrome",
            device_kind: "unknown",
            device_name: None,
            engine: None,
            rank: None,
            world_size: None,
            base_time_ns: None,
            capture: None,
            synchronised_capture: false,
            steps_inferred: false,
            has_warmup: false,
            warmup_forwards: Vec::new(),
            compiles_not_recorded: Vec::new(),
            notes: Vec::new(),
            roles: Vec::new(),
            passes: Vec::new(),
            engine_steps: Vec::new(),
            compiles: Vec::new(),
            dynamo: None,
            devices: Vec::new(),
            overruns: FxHashMap::default(),
            launch_link: LaunchLink::None,
            ids_are_mixed: false,
            has_lanes_of_kinds: false,
            call_links: None,
            clock_offset_ns: None,
            node_args: None,
            collective_args: None,
            copy_kind_arg: None,
            ranks: Ranks::default(),
            classifier: None,
            waits: WaitNames::default(),
            divisions: Vec::new(),
            step_track: None,
            main_threads: Vec::new(),
            operator_categories: Vec::new(),
            call_categories: Vec::new(),
            overhead_categories: Vec::new(),
            overhead_kinds: FxHashMap::default(),
            collective_operators: FxHashSet::default(),
            peer_waits: None,
            device_annotation_categories: Vec::new(),
            asynchronous_operators: &[],
            unlisted_operators: &[],
            numbered_operators: &[],
            shapes_arg: None,
            module_prefix: None,
            left_out_by: &[],
            memory_devices: Vec::new(),
            out_of_memory: Vec::new(),
            recording: None,
            advice: &[],
        }
    }
}

impl Vocabulary {
    /// The numbers by which device work finds the one host call that launched it.
    pub fn links<'a>(&'a self, index: &'a Index) -> Option<ArgColumn<'a>> {
        match &self.launch_link {
            LaunchLink::Correlation(key) => index.arg_column(key).map(ArgColumn::without_zero),
            LaunchLink::Numbered(links) | LaunchLink::Renumbered(links) => Some(links.column()),
            LaunchLink::Recurring(_) | LaunchLink::None => None,
        }
    }

    /// When a slice ran: as recorded, but for device work whose recorded end cannot be right.
    pub fn span(&self, index: &Index, id: SliceId) -> Span {
        let recorded = index.slices.span(id);
        if self.overruns.is_empty() {
            return recorded;
        }
        match self.overruns.get(&id) {
            Some(&end) => Span::new(recorded.start, end),
            None => recorded,
        }
    }

    /// From the first start to the last end of everything that has a time and was not left out of it: an end that
    /// cannot be right does not make the trace longer.
    pub fn extent(&self, index: &Index) -> Option<Span> {
        if self.overruns.is_empty() {
            return index.extent();
        }
        index.extent_by(|id, end| self.overruns.get(&id).copied().unwrap_or(end))
    }

    /// The host time of a pass: of the several of an engine step each has the time up to the next.
    pub fn host_span(&self, row: usize) -> Option<Span> {
        let pass = self.passes.get(row)?;
        let step = pass
            .engine_step
            .and_then(|step| self.engine_steps.get(step as usize));
        let Some(step) = step else {
            return Some(pass.span);
        };
        let is_of_step = |row: usize| step.passes.contains(&u32::try_from(row).unwrap_or(u32::MAX));
        let start = match row.checked_sub(1) {
            Some(before) if is_of_step(before) => pass.span.start,
            _ => step.span.start.min(pass.span.start),
        };
        let end = match self.passes.get(row + 1) {
            Some(next) if is_of_step(row + 1) => next.span.start,
            _ => step.span.end.max(pass.span.end),
        };
        Some(Span::new(start, end))
    }

    /// The role of a slice.
    pub fn role(&self, id: SliceId) -> Role {
        self.roles.get(id.index()).copied().unwrap_or_default()
    }
}

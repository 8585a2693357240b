//! Names and categories of one vendor, in the common words of [`vocabulary`]. One file a dialect: adding a
//! vendor, or a new release of one, is adding or editing one file and its table of tests.

pub mod ascend;
pub mod classifier;
mod clock_agreement;
pub mod collective_words;
pub mod csv_rows;
mod derived_parts;
pub mod dynamo;
pub mod enclosing;
mod extent;
mod facts;
pub use facts::MAX_DEVICES;
pub mod gaudi;
pub mod gaudi_metrics;
pub mod kernel_families;
pub mod key_averages;
pub mod kineto;
pub mod markers;
mod overruns;
mod pattern;
pub mod plain_table;
pub mod ranks_in_one_file;
pub mod recording_kind;
mod repeated_ids;
mod roles;
mod speculation;
mod step_tokens;
mod step_words;
pub mod tables_beside;
pub mod terms;
mod thread;
pub mod vllm;
pub mod vocabulary;
mod wait_names;

use crate::index::trace_columns::{ArgKind, ArgSpec, Index};

pub use classifier::Classifier;
pub use gaudi_metrics::{DumpedCompile, HOW_TO_DATE_COMPILES, MetricsFile};
pub use recording_kind::RecordingKind;
pub use roles::OWN_CATEGORY;
pub use terms::{Bucket, Evidence, Period, Phase};
pub use vocabulary::{
    CompileMark, Device, Division, EngineStep, LaunchLink, MemoryDevice, NodeArgs, OutOfMemory, Part, Pass,
    Role, Vocabulary,
};
pub use wait_names::is_long as waits_long;

/// A number that many events share.
const fn int(key: &'static str) -> ArgSpec {
    ArgSpec {
        key,
        kind: ArgKind::Int,
        own_column: false,
    }
}

/// A number of each event's own.
const fn own_int(key: &'static str) -> ArgSpec {
    ArgSpec {
        key,
        kind: ArgKind::Int,
        own_column: true,
    }
}

const fn text(key: &'static str) -> ArgSpec {
    ArgSpec {
        key,
        kind: ArgKind::Text,
        own_column: false,
    }
}

/// An array that many events share.
const fn json(key: &'static str) -> ArgSpec {
    ArgSpec {
        key,
        kind: ArgKind::Json,
        own_column: false,
    }
}

/// A text, or an array, that many events share.
const fn written(key: &'static str) -> ArgSpec {
    ArgSpec {
        key,
        kind: ArgKind::Written,
        own_column: false,
    }
}

/// Shapes of an operator's inputs, as torch writes them: `[[4, 64], []]`.
pub const SHAPES: &str = "Input Dims";

/// Args of slices that become typed columns; all others are read again from the file when asked for.
pub const WANTED_ARGS: &[ArgSpec] = &[
    own_int("correlation"),
    own_int(kineto::EXTERNAL_ID),
    int(ranks_in_one_file::RANK),
    int("device"),
    text("stream"),
    own_int("bytes"),
    int("recipeId"),
    text("recipeHandle"),
    text("recipeName"),
    text(gaudi::lanes::HW_EVENT),
    text("Recipe name"),
    text("EventName"),
    text("Operation"),
    text("Original Nodes"),
    int("Unique Node ID"),
    int("Bundle Index"),
    int("real_batch_size"),
    json(SHAPES),
    text(kineto::COPY_KIND),
    text(collective_words::ARGS.name),
    own_int(collective_words::ARGS.elements_in),
    own_int(collective_words::ARGS.elements_out),
    text(collective_words::ARGS.data_type),
    int(collective_words::ARGS.group_size),
    text(collective_words::ARGS.group),
    text(collective_words::ARGS.description),
    written(collective_words::ARGS.ranks),
    own_int(ascend::CONNECTION),
    int(ascend::PEER),
];

/// The rank that a value of a trace's header states.
pub fn stated_rank(key: &[u8], value: &[u8]) -> Option<String> {
    if key != b"distributedInfo" {
        return None;
    }
    let info: serde_json::Value = serde_json::from_slice(value).ok()?;
    let rank = info.get("rank").filter(|rank| !rank.is_null())?;
    Some(rank.to_string().trim_matches('"').to_owned())
}

/// Categories of python frames, which nest among themselves.
pub const PYTHON_CATEGORIES: &[&str] = &["python_function"];

/// A trace in common words. Content decides; the file's name is asked only where the content says nothing.
pub fn recognise(index: &Index, file_name: &str) -> Vocabulary {
    recognise_with(index, file_name, Classifier::default())
}

/// The same, with a reader's own rules of what kernels do. Dialects whose lanes say it have no use for them.
pub fn recognise_with(index: &Index, file_name: &str, classifier: Classifier) -> Vocabulary {
    let mut v = by_dialect(index, file_name, classifier);
    v.recording = recording_kind::recording_kind(index, file_name, &v);
    v.out_of_memory = kineto::out_of_memory(index, &v.ranks);
    v
}

fn by_dialect(index: &Index, file_name: &str, classifier: Classifier) -> Vocabulary {
    let gaudi = gaudi::traits(index);
    if gaudi.has_engine || gaudi.has_hpu {
        return gaudi::recognise(index);
    }
    if ascend::is_ascend(index) {
        return ascend::recognise(index, file_name);
    }
    if is_torch(index) {
        return kineto::recognise(index, file_name, classifier);
    }
    let mut v = kineto::recognise(index, file_name, classifier);
    v.format = "chrome";
    v.device_kind = "unknown";
    if index.slices.is_empty() && index.counters.is_empty() && is_server_events(file_name) {
        v.format = "gaudi-highlevel";
        v.device_kind = "hpu";
        v.notes.push(
            "The file is named like vLLM's high-level profile for Gaudi and holds no event: the server stopped \
             before the first was written."
                .to_owned(),
        );
    }
    v
}

/// torch's header, or the name of its own span, or a category that only torch writes.
fn is_torch(index: &Index) -> bool {
    let header = index
        .header
        .entries
        .iter()
        .any(|(key, _)| matches!(key.as_str(), "schemaVersion" | "baseTimeNanoseconds"));
    header
        || index
            .names
            .iter()
            .any(|(_, text)| text.starts_with("PyTorch Profiler"))
        || index.categories.iter().any(|&c| {
            matches!(
                index.text(c).to_ascii_lowercase().as_str(),
                "cpu_op" | "operator" | "user_annotation" | "python_function" | "cuda_runtime" | "gpu_memcpy"
            )
        })
}

fn is_server_events(file_name: &str) -> bool {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    name.starts_with("server_events_")
}

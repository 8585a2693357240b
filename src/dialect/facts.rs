//! What torch's own profiler records about itself, whatever the device: header, capture window, devices,
//! threads.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{CategoryId, SliceId, Span, TrackId, order, time};
use crate::index::trace_columns::{Family, Index, Key};

use super::pattern::{has, starts};
use super::ranks_in_one_file;
use super::vocabulary::{Device, Ranks, Role, Vocabulary};

/// `distributedInfo`, `deviceProperties`, `baseTimeNanoseconds`.
pub fn read_header(index: &Index, vocabulary: &mut Vocabulary) {
    if let Some(info) = index.header.get("distributedInfo") {
        vocabulary.rank = info.get("rank").and_then(number);
        vocabulary.world_size = info.get("world_size").and_then(number);
    }
    vocabulary.device_name = index.header.get("deviceProperties").and_then(|devices| {
        let name = devices.get(0)?.get("name")?.as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    });
    vocabulary.base_time_ns = index
        .header
        .text("baseTimeNanoseconds")
        .and_then(number_text)
        .or_else(|| starts_at_the_epoch(index).then_some(0));
}

/// A whole number, also as a float or a text.
fn number(value: &serde_json::Value) -> Option<i64> {
    number_text(&value.to_string())
}

/// The same of the number's JSON.
fn number_text(json: &str) -> Option<i64> {
    let digits = json.trim_matches('"').as_bytes();
    time::whole_number(digits)?.try_into().ok()
}

/// Whether the trace's clock counts from 1970: torch before 2.4 and Gaudi's high-level profiler write so.
/// Clocks that count from boot or from torch's base (at most three months back) stay far below 2001.
fn starts_at_the_epoch(index: &Index) -> bool {
    const YEAR_2001_NS: i64 = 978_307_200_000_000_000;
    const YEAR_2100_NS: i64 = 4_102_444_800_000_000_000;
    index
        .extent()
        .is_some_and(|e| e.start > YEAR_2001_NS && e.end < YEAR_2100_NS)
}

/// The categories that `fits`.
pub fn categories(index: &Index, fits: impl Fn(&str) -> bool) -> Vec<CategoryId> {
    (0..index.categories.len())
        .map(CategoryId::from_index)
        .filter(|&id| fits(index.category_text(id)))
        .collect()
}

/// What torch's profiler covers: its own span where it wrote one, else from the first operator to the last.
pub fn capture(index: &Index) -> Option<Span> {
    let extent_of = |wanted: &[CategoryId]| {
        let mut extent: Option<Span> = None;
        if wanted.is_empty() {
            return None;
        }
        for id in index.slices.ids() {
            if wanted.contains(&index.slices.category(id)) {
                let span = index.slices.span(id);
                let e = extent.get_or_insert(span);
                e.start = e.start.min(span.start);
                e.end = e.end.max(span.end);
            }
        }
        extent
    };
    extent_of(&categories(index, |c| c.eq_ignore_ascii_case("trace")))
        .or_else(|| extent_of(&categories(index, is_operator)))
}

/// Category of framework operators.
pub fn is_operator(category: &str) -> bool {
    category.eq_ignore_ascii_case("cpu_op") || category.eq_ignore_ascii_case("operator")
}

/// Categories of the rows of an operator table: operators, and annotations by the program.
pub fn operator_categories(index: &Index) -> Vec<CategoryId> {
    categories(index, |c| {
        is_operator(c) || c.eq_ignore_ascii_case("user_annotation")
    })
}

/// Categories of calls into the runtime and driver.
pub fn call_categories(index: &Index) -> Vec<CategoryId> {
    categories(index, |c| {
        let c = c.to_ascii_lowercase();
        c == "runtime" || c.ends_with("_runtime") || c.ends_with("_driver")
    })
}

/// The profiler's own work.
pub fn overhead_categories(index: &Index) -> Vec<CategoryId> {
    categories(index, |c| c.eq_ignore_ascii_case("overhead"))
}

/// Annotations as the profiler repeats them on devices.
pub fn device_annotation_categories(index: &Index) -> Vec<CategoryId> {
    categories(index, |c| c.eq_ignore_ascii_case("gpu_user_annotation"))
}

/// More devices than these are not analysed one by one: every answer has a part for each of them.
pub const MAX_DEVICES: usize = 128;

/// Tracks with device work, by rank and device: the arg `device`, else the number in the process's name, else the pid.
///
/// At most [`MAX_DEVICES`]: those that come first in the file.
pub fn devices(index: &Index, roles: &[Role], ranks: &Ranks) -> Vec<Device> {
    let mut by_device: Vec<Device> = Vec::new();
    let mut place: FxHashMap<(Option<usize>, i64), usize> = FxHashMap::default();
    for track in index.track_ids() {
        let Some(first) = index.rows(track).find(|id| roles[id.index()].is_device()) else {
            continue;
        };
        let device = index
            .arg_int("device", first)
            .or_else(|| device_in_process_name(index, track))
            .or(match index.track(track).pid {
                Key::Int(pid) => Some(pid),
                Key::Text(pid) => number_of_process(index.text(pid)),
            })
            .unwrap_or(0);
        let rank = ranks.of(index, track);
        let at = *place.entry((rank, device)).or_insert(by_device.len());
        if at == by_device.len() && at < MAX_DEVICES {
            by_device.push(Device {
                device,
                rank,
                tracks: Vec::new(),
            });
        }
        if let Some(known) = by_device.get_mut(at) {
            known.tracks.push(track);
        }
    }
    order::sort_by_key(&mut by_device, |d| (d.rank, d.device));
    by_device
}

/// `[TP00] 3` is 3, and so is `3 (rank 1)`, as the index calls the part of a process that is one rank's.
fn number_of_process(pid: &str) -> Option<i64> {
    let number = match ranks_in_one_file::labelled(pid) {
        Some((_, number)) => number,
        None => pid.split_once(" (")?.0,
    };
    number.parse().ok()
}

/// `/device:HPU:3` is 3, and so is `*MME (accel3)`.
fn device_in_process_name(index: &Index, track: TrackId) -> Option<i64> {
    let name = process_name(index, track)?;
    match name.strip_prefix("/device:") {
        Some(rest) => rest.rsplit(':').next()?.parse().ok(),
        None => super::gaudi::lanes::device_of_engine_process(name),
    }
}

/// The name of the process of a track.
pub fn process_name(index: &Index, track: TrackId) -> Option<&str> {
    let process = index.process(index.track(track).pid)?;
    process.name.map(|name| index.text(name))
}

/// Tracks of host threads that work for the model, most busy first: those that launch, wait, or run its steps;
/// where nothing does, or `with_operators` (a thread may be several tracks), those with operators too. Busy is
/// the sum of their outermost slices.
pub fn main_threads(index: &Index, roles: &[Role], with_operators: bool) -> Vec<TrackId> {
    let drives = |role: Role| {
        matches!(
            role,
            Role::Launch | Role::Wait | Role::Submit | Role::Pass | Role::Forward | Role::Prepare
        )
    };
    let busy_of = |wanted: &dyn Fn(Role) -> bool| {
        let mut busy: Vec<(i64, TrackId)> = Vec::new();
        for track in index.track_ids() {
            if index.track(track).family != Family::Main {
                continue;
            }
            let (mut sum, mut takes_part) = (0_i64, false);
            for id in index.rows(track) {
                let role = roles[id.index()];
                if role.is_device() || role == Role::Warmup {
                    continue;
                }
                takes_part |= wanted(role);
                if index.slices.parent(id).is_none() {
                    sum = sum.saturating_add(index.slices.dur(id).as_ns());
                }
            }
            if takes_part {
                busy.push((sum, track));
            }
        }
        order::sort_by_key(&mut busy, |&(sum, track)| (std::cmp::Reverse(sum), track));
        busy.into_iter().map(|(_, track)| track).collect::<Vec<_>>()
    };
    let with_any = || busy_of(&|role| role == Role::HostOp || drives(role));
    if with_operators {
        return with_any();
    }
    let driving = busy_of(&drives);
    if driving.is_empty() { with_any() } else { driving }
}

/// The track that most passes lie on.
pub fn step_track(index: &Index, passes: impl Iterator<Item = SliceId>) -> Option<TrackId> {
    let mut count: FxHashMap<TrackId, usize> = FxHashMap::default();
    for slice in passes {
        *count.entry(index.track_of(slice)).or_default() += 1;
    }
    count
        .into_iter()
        .max_by_key(|&(track, n)| (n, std::cmp::Reverse(track)))
        .map(|(track, _)| track)
}

/// Which kind of device the trace is about, by what its runtime calls and its header say.
pub fn device_kind(index: &Index, has_device_work: bool) -> &'static str {
    let header_has = |prefix: &str| {
        index
            .header
            .entries
            .iter()
            .any(|(key, _)| key.starts_with(prefix))
    };
    let has_category = |word: &str| index.categories.iter().any(|&c| has(index.text(c), word));
    if header_has("roctracer") || header_has("hip_") {
        return "rocm";
    }
    if header_has("cuda_") || header_has("cupti_") {
        return "cuda";
    }
    for (prefix, kind) in [("mtia_", "mtia"), ("xpu_", "xpu")] {
        if has_category(prefix) {
            return kind;
        }
    }
    if index
        .processes
        .iter()
        .any(|p| p.name.is_some_and(|name| index.text(name) == "Ascend Hardware"))
    {
        return "npu";
    }
    let runtime: FxHashSet<CategoryId> = categories(index, is_runtime).into_iter().collect();
    for id in index.slices.ids() {
        if runtime.contains(&index.slices.category(id)) {
            let name = index.name_of(id);
            if starts(name, "hip") {
                return "rocm";
            }
            if starts(name, "cu") {
                return "cuda";
            }
        }
    }
    let has_operators = !categories(index, is_operator).is_empty();
    if has_operators && !has_device_work {
        "cpu"
    } else {
        "unknown"
    }
}

/// Categories of runtime and driver calls: `cuda_runtime`, `xpu_driver`, and torch 1.8's `Runtime`.
pub fn is_runtime(category: &str) -> bool {
    let n = category.len();
    category.eq_ignore_ascii_case("runtime")
        || (n >= 7 && category.is_char_boundary(n - 7) && category[n - 7..].eq_ignore_ascii_case("_driver"))
        || (n >= 8 && category.is_char_boundary(n - 8) && category[n - 8..].eq_ignore_ascii_case("_runtime"))
}

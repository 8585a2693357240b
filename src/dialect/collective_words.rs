//! What torch writes to collective work (`ParamCommsUtils.hpp`, `kernel` and `record_param_comms` events).

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;
use serde_json::Value;

use super::kineto::EXTERNAL_ID;
use super::vocabulary::{CollectiveArgs, ProcessGroup};
use crate::base::closed_set::closed_set;
use crate::base::{NameId, order};
use crate::index::trace_columns::Index;

closed_set! {
    /// What the ranks of a group do together. `joins`: no rank ends before the last has come, so all end together.
    /// `bus`: bandwidth of a link over that which the program sees, for `n` ranks (PERFORMANCE.md of nccl-tests);
    /// `None` where there is none.
    pub enum Operation {
        joins: bool,
        bus: Option<fn(f64) -> f64>,
    }
    AllReduce "all_reduce" { joins: true, bus: Some(|n| 2.0 * (n - 1.0) / n) }
    ReduceScatter "reduce_scatter" { joins: true, bus: Some(|n| (n - 1.0) / n) }
    AllGather "all_gather" { joins: true, bus: Some(|n| (n - 1.0) / n) }
    AllToAll "all_to_all" { joins: true, bus: Some(|n| (n - 1.0) / n) }
    Barrier "barrier" { joins: true, bus: None }
    /// The root may end before others come.
    Broadcast "broadcast" { joins: false, bus: None }
    /// Sends and receives in one kernel: an all-to-all, or one stage of a pipeline to the next.
    SendRecv "send_recv" { joins: false, bus: None }
}

/// In names of operations, kernels and tasks, without case and what is neither letter nor digit.
const OPERATIONS: [(&str, Operation); 10] = [
    ("allreduce", Operation::AllReduce),
    // vLLM's own kernels.
    ("crossdevicereduce", Operation::AllReduce),
    ("reducescatter", Operation::ReduceScatter),
    ("allgather", Operation::AllGather),
    ("alltoall", Operation::AllToAll),
    ("all2all", Operation::AllToAll),
    ("barrier", Operation::Barrier),
    ("broadcast", Operation::Broadcast),
    ("bcast", Operation::Broadcast),
    ("sendrecv", Operation::SendRecv),
];

impl Operation {
    /// `None` for what is between two ranks, and for names that do not say.
    pub fn of_name(name: &str) -> Option<Operation> {
        let letters: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        OPERATIONS
            .iter()
            .find(|(word, _)| letters.contains(word))
            .map(|&(_, operation)| operation)
    }
}

/// The number of the group in `hcom_allReduce__868_0_1`, the same on all its ranks.
pub fn group_in_name(name: &str) -> Option<&str> {
    let (_, rest) = name.strip_prefix("hcom_")?.split_once("__")?;
    let group = rest.split('_').next()?;
    (!group.is_empty() && group.bytes().all(|b| b.is_ascii_digit())).then_some(group)
}

pub const ARGS: CollectiveArgs = CollectiveArgs {
    name: "Collective name",
    elements_in: "In msg nelems",
    elements_out: "Out msg nelems",
    data_type: "dtype",
    group_size: "Group size",
    group: "Process Group Name",
    description: "Process Group Description",
    ranks: "Process Group Ranks",
    operator: EXTERNAL_ID,
    element_bytes,
};

/// The ranks of groups as a trace says them: in its header (`distributedInfo.pg_config` of torch's profiler,
/// `parallel_group_info` as in `profiler_metadata.json`), and in the args of collective operations.
pub fn process_groups(index: &Index) -> Vec<ProcessGroup> {
    let mut groups = Vec::new();
    let configured = index.header.get("distributedInfo");
    let configured = configured
        .as_ref()
        .and_then(|info| info.get("pg_config")?.as_array());
    for group in configured.into_iter().flatten() {
        let names = ["pg_name", "pg_desc"].iter().filter_map(|key| group.get(key));
        groups.extend(process_group(names, group.get("ranks")));
    }
    if let Some(info) = index.header.get("parallel_group_info") {
        groups.extend(parallel_groups(&info));
    }
    let events = index
        .arg_column(ARGS.ranks)
        .into_iter()
        .flat_map(|column| column.ints());
    let said: BTreeSet<(Option<NameId>, Option<NameId>)> = order::inserted(
        events.map(|(id, _)| (index.args.text(ARGS.group, id), index.args.text(ARGS.ranks, id))),
    );
    for (group, ranks) in said {
        let text = |name: NameId| Value::from(index.text(name));
        let (group, ranks) = (group.map(text), ranks.map(text));
        groups.extend(process_group(group.iter(), ranks.as_ref()));
    }
    groups
}

/// `{comm_name: {"group_name": "tp", "group_rank": 0, "global_ranks": [0, 1]}}`
pub fn parallel_groups(info: &Value) -> Vec<ProcessGroup> {
    let groups = info.as_object().into_iter().flatten();
    let group = |(comm_name, group): (&String, &Value)| {
        let name = Value::from(comm_name.as_str());
        let names = std::iter::once(&name).chain(group.get("group_name"));
        process_group(names, group.get("global_ranks"))
    };
    groups.filter_map(group).collect()
}

/// `None` without the whole list: torch leaves out the middle of a long one (`[0, 1, ..., 63]`).
fn process_group<'v>(names: impl Iterator<Item = &'v Value>, ranks: Option<&Value>) -> Option<ProcessGroup> {
    let parsed = match ranks? {
        Value::String(text) => serde_json::from_str(text).ok()?,
        list => list.clone(),
    };
    let ranks: Option<Vec<i64>> = parsed.as_array()?.iter().map(Value::as_i64).collect();
    let text = |name: &Value| match name {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let names: Vec<String> = names.map(text).filter(|name| !name.is_empty()).collect();
    Some(ProcessGroup { names, ranks: ranks? }).filter(|group| !group.names.is_empty())
}

/// The operators of a trace that communicate, by name.
pub fn operators(index: &Index) -> FxHashSet<NameId> {
    let names = index.names.iter();
    names
        .filter_map(|(id, text)| is_operator(text).then_some(id))
        .collect()
}

/// Whether an operator communicates: all of torch's own namespaces of collectives do (`c10d/Ops.cpp`,
/// `Functional.cpp`); of a library's (`_C::shm_allreduce`, `vllm::all_reduce`) those that are named after one.
/// `aten` and `prims` have none.
fn is_operator(name: &str) -> bool {
    const COLLECTIVES: [&str; 5] = ["allreduce", "allgather", "reducescatter", "alltoall", "all2all"];
    let Some((namespace, operator)) = name.split_once("::") else {
        return false;
    };
    // An operator's name is two identifiers; a C++ function's has more.
    let is_identifier = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
    };
    if !is_identifier(namespace) || !is_identifier(operator) {
        return false;
    }
    match namespace {
        "c10d" | "_c10d_functional" | "c10d_functional" | "_dtensor" => true,
        "aten" | "prims" => false,
        _ => {
            let plain: String = operator.chars().filter(|&c| c != '_').collect();
            let plain = plain.to_ascii_lowercase();
            COLLECTIVES.iter().any(|word| plain.contains(word))
        }
    }
}

/// By `c10/core/ScalarType.h`.
fn element_bytes(data_type: &str) -> Option<u64> {
    let name = data_type.trim_start_matches("c10::").to_ascii_lowercase();
    Some(match name.as_str() {
        "byte" | "char" | "bool" | "uint8" | "int8" => 1,
        "short" | "half" | "bfloat16" | "float16" | "uint16" | "int16" => 2,
        "int" | "float" | "uint32" | "int32" | "float32" | "complexhalf" => 4,
        "long" | "double" | "uint64" | "int64" | "float64" | "complexfloat" => 8,
        "complexdouble" => 16,
        // `Float8_e4m3fn`, `Float8_e5m2` and what else comes.
        name if name.starts_with("float8") => 1,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_operation() {
        for (name, want) in [
            (
                "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
                Some(Operation::AllReduce),
            ),
            (
                "ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t",
                Some(Operation::SendRecv),
            ),
            ("_reduce_scatter_base", Some(Operation::ReduceScatter)),
            ("_allgather_base", Some(Operation::AllGather)),
            ("all_to_allv", Some(Operation::AllToAll)),
            ("hcom_allReduce__868_0_1", Some(Operation::AllReduce)),
            ("hcclAllReduce", Some(Operation::AllReduce)),
            (
                "vllm::cross_device_reduce_1stage<__nv_bfloat16, 2>",
                Some(Operation::AllReduce),
            ),
            ("send", None),
            ("Notify_Wait", None),
        ] {
            assert_eq!(Operation::of_name(name), want, "{name}");
        }
        assert_eq!(group_in_name("hcom_allReduce__868_0_1"), Some("868"));
        assert_eq!(group_in_name("hcom_allReduce_"), None);
    }

    #[test]
    fn operators_that_communicate_are_known_by_a_rule() {
        for (name, communicates) in [
            ("c10d::allreduce_", true),
            ("c10d::_allgather_base_", true),
            ("c10d::barrier", true),
            ("_c10d_functional::wait_tensor", true),
            ("_C::shm_allreduce", true),
            ("_C_custom_ar::all_reduce", true),
            ("sgl_kernel::shm_allgather", true),
            ("vllm::reduce_scatter", true),
            ("mylib::AllToAll.default", true),
            ("_C_custom_ar::register_buffer", false),
            ("_C::rms_norm", false),
            ("aten::all", false),
            ("prims::broadcast_in_dim", false),
            ("all_reduce", false),
            ("void ns::all_reduce<float>(float*)", false),
            ("std::ns::all_reduce", false),
        ] {
            assert_eq!(is_operator(name), communicates, "{name}");
        }
    }

    #[test]
    fn types_have_their_sizes() {
        for (name, bytes) in [
            ("Float", Some(4)),
            ("BFloat16", Some(2)),
            ("c10::BFloat16", Some(2)),
            ("Long", Some(8)),
            ("Float8_e4m3fn", Some(1)),
            ("Undefined", None),
        ] {
            assert_eq!(element_bytes(name), bytes, "{name}");
        }
    }
}

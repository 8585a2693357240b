//! What torch writes to collective work (`ParamCommsUtils.hpp`, `kernel` and `record_param_comms` events).

use crate::base::closed_set::closed_set;

use super::kineto::EXTERNAL_ID;
use super::vocabulary::CollectiveArgs;

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

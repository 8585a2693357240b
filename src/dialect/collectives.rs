//! What torch writes to collective work (`ParamCommsUtils.hpp`, `kernel` and `record_param_comms` events).

use rustc_hash::FxHashSet;

use crate::base::NameId;
use crate::index::tables::Index;

use super::kineto::EXTERNAL_ID;
use super::vocabulary::CollectiveArgs;

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

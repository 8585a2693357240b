//! What torch writes to collective work (`ParamCommsUtils.hpp`, `kernel` and `record_param_comms` events).

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

//! `profiler_info*.json` and `profiler_metadata.json`: which rank of how many, and how much the profiler was asked for.

use crate::dialect::collective_words;
use crate::dialect::tables_beside::{RowsRead, Tables};

/// A number, also written as a string.
fn whole(value: &serde_json::Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

pub fn profiler_info(file: &str, bytes: &[u8], tables: &mut Tables) -> Option<RowsRead> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    value.as_object()?;
    // MindSpore tells the rank in the file's name alone.
    let in_name = file.rsplit('/').next().and_then(|name| {
        name.strip_prefix("profiler_info_")?
            .strip_suffix(".json")?
            .parse()
            .ok()
    });
    tables.rank = value.get("rank_id").and_then(whole).or(in_name).or(tables.rank);
    let level = value
        .pointer("/config/experimental_config/_profiler_level")
        .or_else(|| value.pointer("/profiler_parameters/profiler_level"));
    let level = level.and_then(serde_json::Value::as_str);
    tables.level = level.map(|text| text.rsplit('.').next().unwrap_or(text).to_owned());
    Some(RowsRead::new(1, 0))
}

pub fn metadata(bytes: &[u8], tables: &mut Tables) -> Option<RowsRead> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    value.as_object()?;
    let of = |key: &str| value.get("distributed_args")?.get(key).and_then(whole);
    tables.world_size = of("world_size").or(tables.world_size);
    tables.rank = tables.rank.or(of("rank"));
    let groups = value
        .get("parallel_group_info")
        .map(collective_words::parallel_groups);
    tables.process_groups.extend(groups.into_iter().flatten());
    Some(RowsRead::new(1, 0))
}

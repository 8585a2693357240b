//! Which table a file is: by its name, or by its first line or keys whatever its name.

/// A table by what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    Kernels,
    OperatorStatistic,
    ApiStatistic,
    StepTime,
    ClusterStepTime,
    Communication,
    CommunicationMatrix,
    OperatorDetails,
    OperatorMemory,
    MemoryRecord,
    ModuleMemory,
    StaticMemory,
    L2Cache,
    /// Tasks of the device one by one, where level 0 writes no kernels.
    TaskTime,
    /// Counters of the chip's address translation.
    SocCounters,
    ProfilerInfo,
    Metadata,
}

/// Files whose name says what they are.
const BY_NAME: [(&str, Table); 16] = [
    ("kernel_details.csv", Table::Kernels),
    ("op_statistic.csv", Table::OperatorStatistic),
    ("api_statistic.csv", Table::ApiStatistic),
    ("step_trace_time.csv", Table::StepTime),
    ("cluster_step_trace_time.csv", Table::ClusterStepTime),
    ("communication.json", Table::Communication),
    ("communication_matrix.json", Table::CommunicationMatrix),
    ("operator_details.csv", Table::OperatorDetails),
    ("operator_memory.csv", Table::OperatorMemory),
    ("memory_record.csv", Table::MemoryRecord),
    ("npu_module_mem.csv", Table::ModuleMemory),
    ("static_op_mem.csv", Table::StaticMemory),
    ("l2_cache.csv", Table::L2Cache),
    ("task_time.csv", Table::TaskTime),
    ("soc_pmu.csv", Table::SocCounters),
    ("profiler_metadata.json", Table::Metadata),
];

/// Columns that tell a table, all of them; the first that fits.
const BY_HEADER: [(&[&str], Table); 13] = [
    (&["accelerator core", "start time(us)"], Table::Kernels),
    (&["op type", "core type"], Table::OperatorStatistic),
    (&["api name", "variance"], Table::ApiStatistic),
    (&["type", "index", "computing", "free"], Table::ClusterStepTime),
    (&["computing", "free"], Table::StepTime),
    (&["name", "host self duration(us)"], Table::OperatorDetails),
    (
        &["component", "timestamp(us)", "total allocated(mb)"],
        Table::MemoryRecord,
    ),
    (
        &["component", "timestamp(us)", "total reserved(mb)"],
        Table::ModuleMemory,
    ),
    (
        &["component", "timestamp(us)", "total reserved(kb)"],
        Table::ModuleMemory,
    ),
    (
        &["name", "size(kb)", "allocation time(us)"],
        Table::OperatorMemory,
    ),
    (&["op name", "graph id", "size(kb)"], Table::StaticMemory),
    (&["hit rate", "victim rate"], Table::L2Cache),
    (&["kernel_name", "task_time(us)"], Table::TaskTime),
];

impl Table {
    /// By the name of a file.
    pub fn of_name(name: &str) -> Option<Table> {
        let name = name.rsplit('/').next().unwrap_or(name);
        if name.starts_with("profiler_info") && name.ends_with(".json") {
            return Some(Table::ProfilerInfo);
        }
        BY_NAME
            .iter()
            .find(|(known, _)| *known == name)
            .map(|&(_, table)| table)
    }

    /// What the profilers call it.
    pub fn file_name(self) -> &'static str {
        let known = BY_NAME.iter().find(|(_, table)| *table == self);
        known.map_or("profiler_info_.json", |(name, _)| name)
    }

    /// By the first bytes of a file, whatever its name.
    pub fn of_head(head: &[u8]) -> Option<Table> {
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('{') {
            let has = |key: &str| text.contains(key);
            return if has("\"Communication Time Info\"") {
                Some(Table::Communication)
            } else if has("\"Transport Type\"") {
                Some(Table::CommunicationMatrix)
            } else if has("\"profiler_parameters\"") || has("\"common_config\"") {
                Some(Table::ProfilerInfo)
            } else if has("\"distributed_args\"") || has("\"parallel_group_info\"") {
                Some(Table::Metadata)
            } else {
                None
            };
        }
        let line = text.lines().next()?.to_ascii_lowercase();
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let fits = |wanted: &[&str]| wanted.iter().all(|w| fields.contains(w));
        BY_HEADER
            .iter()
            .find(|(wanted, _)| fits(wanted))
            .map(|&(_, table)| table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_versions_are_known() {
        for (header, expected) in [
            (
                "Step Id,Name,Type,Accelerator Core,Start Time(us),Duration(us),Wait Time(us),Block Dim",
                Table::Kernels,
            ),
            (
                "\u{feff}Step ID,Device_id,Name,Type,Accelerator Core,Start Time(us),Duration(us),Block Num",
                Table::Kernels,
            ),
            (
                "Device_id,OP Type,Core Type,Count,Total Time(us)",
                Table::OperatorStatistic,
            ),
            (
                "Level,API Name,Time(us),Count,Avg(us),Min(us),Max(us),Variance",
                Table::ApiStatistic,
            ),
            (
                "Step,Computing,Communication(Not Overlapped),Overlapped,Communication,Free,Stage",
                Table::StepTime,
            ),
            (
                "Step,Type,Index,Computing,Communication(Not Overlapped),Overlapped,Communication,Free,Stage,Bubble",
                Table::ClusterStepTime,
            ),
            (
                "{\"step\": {\"collective\": {\"a@b\": {\"Communication Time Info\": {}}}}}",
                Table::Communication,
            ),
            (
                "Name,Size(KB),Allocation Time(us),Release Time(us),Duration(us),Device Type",
                Table::OperatorMemory,
            ),
            (
                "Component,Timestamp(us),Total Reserved(MB),Device",
                Table::ModuleMemory,
            ),
            (
                "Device_id,Component,Timestamp(us),Total Reserved(KB),Device",
                Table::ModuleMemory,
            ),
            (
                "Component,Timestamp(us),Total Allocated(MB),Total Reserved(MB),Device Type",
                Table::MemoryRecord,
            ),
            (
                "Device_id,Op Name,Model Name,Graph ID,Node Index Start,Node Index End,Size(KB)",
                Table::StaticMemory,
            ),
            (
                "Device_id,Stream Id,Task Id,Hit Rate,Victim Rate,Op Name",
                Table::L2Cache,
            ),
            (
                "{\"step\": {\"p2p\": {\"a@b\": {\"0-1\": {\"Transport Type\": \"HCCS\"}}}}}",
                Table::CommunicationMatrix,
            ),
            ("{\"distributed_args\": {}}", Table::Metadata),
            (
                "Device_id,kernel_name,kernel_type,stream_id,task_id,task_time(us),task_start(us),task_stop(us)",
                Table::TaskTime,
            ),
        ] {
            assert_eq!(Table::of_head(header.as_bytes()), Some(expected), "{header}");
        }
        assert_eq!(Table::of_head(b"a,b,c\n1,2,3"), None);
        assert_eq!(
            Table::of_name("x/profiler_info_3.json"),
            Some(Table::ProfilerInfo)
        );
    }
}

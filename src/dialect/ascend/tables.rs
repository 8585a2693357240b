//! The tables beside `trace_view.json`, in the header names of all versions.
//!
//! Sources: Ascend/msprof (`docs/en/user_guide/profile_data_file_references.md`), Ascend/pytorch
//! (`analysis/prof_parse/_csv_headers.py`), MindSpore 2.10 (`profiler/analysis/viewer`).
//!
//! - Times in fields end in a tab; files saved again by a spreadsheet hold `1.69512E+15`.
//! - Fields may be `N/A` or empty, and quoted fields hold line ends.
//! - Headers are compared without regard to case; newer CANN puts `Device_id` in front.
//! - Durations are rounded to what the table writes, half up; binary noise (`8873.756000000001`) goes with it.
//! - Kernels of MindSpore are called `<operator>/<kernel>`, where the operator starts with `Module::Event::`.

mod communication;
mod memory;

use csv::{ByteRecord, ReaderBuilder};
use rustc_hash::FxHashMap;

use crate::base::NameId;
use crate::dialect::plain_table::PlainTable;
use crate::dialect::tables::{
    ApiStatistic, BreakdownRow, ClusterRow, KernelClass, KernelRow, MAX_ROWS, OperatorCalls,
    OperatorStatistic, TableRead, Tables,
};

/// More columns of a table that is shown as it stands are left out; the widest has seven.
const MAX_PLAIN_COLUMNS: usize = 64;

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
    ProfilerInfo,
    Metadata,
}

/// Files whose name says what they are.
const BY_NAME: [(&str, Table); 14] = [
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
    ("profiler_metadata.json", Table::Metadata),
];

/// Columns that tell a table, all of them; the first that fits.
const BY_HEADER: [(&[&str], Table); 12] = [
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

/// Reads a table into `tables`. `file` is its name, for people.
pub fn read(table: Table, file: &str, bytes: &[u8], tables: &mut Tables) {
    let read = match table {
        Table::Communication => communication::operations(bytes, tables),
        Table::CommunicationMatrix => communication::matrix(bytes, tables),
        Table::ProfilerInfo => profiler_info(file, bytes, tables),
        Table::Metadata => metadata(bytes, tables),
        _ => csv_table(table, file, bytes, tables),
    };
    let Some((rows, rows_lost)) = read else {
        tables.notes.push(format!(
            "{file} is not what its name says, or breaks off: it is left out."
        ));
        return;
    };
    if rows_lost > 0 {
        tables.notes.push(format!(
            "{file}: {rows_lost} of {} rows could not be read.",
            rows + rows_lost
        ));
    }
    tables.read.push(TableRead {
        file: file.to_owned(),
        rows,
        rows_lost,
    });
}

/// Decimal digits times 10^`places`, rounded half up; exponents are honoured. `None`: no number, or out of range.
pub fn scaled(text: &str, places: i32) -> Option<i64> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // The digit after the last that counts decides the rounding.
    let counts = i32::try_from(whole.len())
        .ok()?
        .checked_add(exponent)?
        .checked_add(places)?;
    let mut value: i64 = 0;
    let mut all = whole.bytes().chain(fraction.bytes());
    for _ in 0..counts.clamp(-1, 40) {
        let digit = all.next().unwrap_or(b'0');
        value = value.checked_mul(10)?.checked_add(i64::from(digit_of(digit)?))?;
    }
    if counts >= 0 {
        value = value.checked_add(i64::from(digit_of(all.next().unwrap_or(b'0'))? >= 5))?;
    }
    all.all(|b| b.is_ascii_digit())
        .then_some(if negative { -value } else { value })
}

fn digit_of(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

/// The columns of a table by name.
struct Header(FxHashMap<String, usize>);

impl Header {
    fn of(record: &ByteRecord) -> Header {
        let names = record.iter().enumerate().map(|(i, name)| {
            let name = String::from_utf8_lossy(name);
            (name.trim_start_matches('\u{feff}').trim().to_ascii_lowercase(), i)
        });
        // Of two columns with one name, the first.
        let mut columns = FxHashMap::default();
        for (name, i) in names {
            columns.entry(name).or_insert(i);
        }
        Header(columns)
    }

    /// The first of these names that is there.
    fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.0.get(*name).copied())
    }
}

/// One row; `N/A` and nothing are nothing.
struct Row<'a>(&'a ByteRecord);

impl<'a> Row<'a> {
    fn text(&self, column: Option<usize>) -> Option<&'a str> {
        let text = std::str::from_utf8(self.0.get(column?)?).ok()?.trim();
        (!text.is_empty() && text != "N/A").then_some(text)
    }

    fn micros(&self, column: Option<usize>) -> Option<i64> {
        scaled(self.text(column)?, 3)
    }

    fn int(&self, column: Option<usize>) -> Option<i64> {
        self.text(column)?.parse().ok()
    }
}

fn csv_table(table: Table, file: &str, bytes: &[u8], tables: &mut Tables) -> Option<(u64, u64)> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).ok()? {
        return None;
    }
    let header = Header::of(&record);
    let mut rows: Rows = match table {
        Table::Kernels => kernels(&header)?,
        Table::OperatorStatistic => operator_statistic(&header)?,
        Table::ApiStatistic => api_statistic(&header)?,
        Table::StepTime => step_time(&header)?,
        Table::ClusterStepTime => cluster_step_time(&header)?,
        Table::OperatorDetails => operator_details(&header)?,
        Table::OperatorMemory => memory::of_operators(&header)?,
        Table::MemoryRecord => memory::record(&header)?,
        Table::ModuleMemory => memory::of_modules(&header)?,
        Table::StaticMemory | Table::L2Cache => as_it_stands(table, file, &header, &record, tables)?,
        Table::Communication | Table::CommunicationMatrix | Table::ProfilerInfo | Table::Metadata => {
            return None;
        }
    };
    let (mut read, mut lost) = (0, 0);
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) if record.iter().all(|field| field.trim_ascii().is_empty()) => {}
            Ok(true) => match rows(Row(&record), tables) {
                Some(()) => read += 1,
                None => lost += 1,
            },
            Err(_) => {
                lost += 1;
                break;
            }
        }
    }
    Some((read, lost))
}

type Rows = Box<dyn FnMut(Row<'_>, &mut Tables) -> Option<()>>;

fn kernels(header: &Header) -> Option<Rows> {
    let name = header.column(&["name", "op name"])?;
    let start = header.column(&["start time(us)", "task start time(us)"])?;
    let dur = header.column(&["duration(us)", "task duration(us)"])?;
    let of = |names: &[&str]| header.column(names);
    let (kind, core) = (of(&["type", "op type"]), of(&["accelerator core", "task type"]));
    let (wait, blocks) = (
        of(&["wait time(us)", "task wait time(us)"]),
        of(&["block num", "block dim"]),
    );
    let (shapes, stream) = (of(&["input shapes"]), of(&["stream id"]));
    let (step, device) = (of(&["step id"]), of(&["device_id"]));
    let vector = of(&["aiv_vec_time(us)", "vec_time(us)"]);
    let matrix = of(&["aic_mac_time(us)", "mac_time(us)"]);
    Some(Box::new(move |row, tables| {
        let table = &mut tables.kernels;
        if table.rows.len() >= MAX_ROWS {
            return None;
        }
        let (start_ns, dur_ns) = (row.micros(Some(start))?, row.micros(Some(dur))?);
        let (operator, kernel) = operator_and_kernel(row.text(Some(name))?);
        let core_text = row.text(core).unwrap_or_default();
        let kind_text = row.text(kind).unwrap_or_default();
        // The table holds a time of 0 where the unit did nothing.
        let time = |column: Option<usize>| column.map(|_| row.micros(column).unwrap_or(0));
        let class = class_of(kernel, kind_text, core_text, time(vector).zip(time(matrix)));
        let names = &mut table.names;
        let mut intern = |text: &str| -> NameId { names.intern(text) };
        table.rows.push(KernelRow {
            name: intern(kernel),
            operator: intern(operator),
            kind: intern(kind_text),
            core: intern(core_text),
            shapes: intern(row.text(shapes).unwrap_or_default()),
            stream: intern(row.text(stream).unwrap_or_default()),
            step: intern(row.text(step).unwrap_or_default()),
            start_ns,
            dur_ns,
            wait_ns: row.micros(wait),
            blocks: row.text(blocks).and_then(|text| text.parse().ok()),
            device: row.int(device),
            is_collective: is_collective(core_text, kernel),
            class,
        });
        Some(())
    }))
}

/// The classes of msprof-analyze (`compare`, `kernel_details_bean.py`), by the type: attention, convolution, matrix
/// multiplication; by the kernel's name: copies of tensors; the rest by the time of vector and matrix units (`units`, ns).
/// Where the profiler measured no units (`AiCoreNone`, Level0), the kind of core tells; that part is ours.
fn class_of(kernel: &str, kind: &str, core: &str, units: Option<(i64, i64)>) -> KernelClass {
    let lower = kind.to_ascii_lowercase();
    let has = |word: &str| lower.contains(word);
    if has("flashattention") || has("fusedinferattention") {
        return KernelClass::FlashAttention;
    }
    if has("pagedattention") {
        return KernelClass::PagedAttention;
    }
    if lower.starts_with("conv") {
        return KernelClass::Convolution;
    }
    if has("matmul") {
        return KernelClass::Matmul;
    }
    let kernel = kernel.to_ascii_lowercase();
    if kernel.starts_with("aclnninplacecopy") && kernel.contains("tensormove") {
        return KernelClass::TensorMove;
    }
    match (units, core) {
        (Some((vector, matrix)), _) if vector > 0 || matrix == 0 => KernelClass::Vector,
        (Some(_), _) | (None, "AI_CORE" | "MIX_AIC") => KernelClass::Cube,
        (None, "AI_VECTOR_CORE" | "MIX_AIV") => KernelClass::Vector,
        (None, _) => KernelClass::Other,
    }
}

/// Level0 has no kind of core; there the name tells.
fn is_collective(core: &str, kernel: &str) -> bool {
    matches!(core, "HCCL" | "COMMUNICATION") || (core.is_empty() && kernel.starts_with("hcom_"))
}

/// `Kernel::KernelLaunch::Default/net/MatMul-op12/aclnnMatmul` is operator and kernel; torch writes kernels alone.
fn operator_and_kernel(name: &str) -> (&str, &str) {
    match (name.split_once('/'), name.rsplit_once('/')) {
        (Some((first, _)), Some((operator, kernel))) if first.contains("::") => (operator, kernel),
        _ => ("", name),
    }
}

fn operator_statistic(header: &Header) -> Option<Rows> {
    let kind = header.column(&["op type"])?;
    let total = header.column(&["total time(us)"])?;
    let of = |names: &[&str]| header.column(names);
    let (core, count) = (of(&["core type"]), of(&["count"]));
    let (min, mean, max) = (
        of(&["min time(us)"]),
        of(&["avg time(us)"]),
        of(&["max time(us)"]),
    );
    let (ratio, device) = (of(&["ratio(%)"]), of(&["device_id"]));
    Some(Box::new(move |row, tables| {
        if tables.operator_statistics.len() >= MAX_ROWS {
            return None;
        }
        tables.operator_statistics.push(OperatorStatistic {
            device: row.int(device),
            kind: row.text(Some(kind))?.to_owned(),
            core: row.text(core).unwrap_or_default().to_owned(),
            count: row.text(count)?.parse().ok()?,
            total_ns: row.micros(Some(total))?,
            min_ns: row.micros(min)?,
            mean_ns: row.micros(mean)?,
            max_ns: row.micros(max)?,
            part: row.text(ratio)?.parse::<f64>().ok()? / 100.0,
        });
        Some(())
    }))
}

fn api_statistic(header: &Header) -> Option<Rows> {
    let name = header.column(&["api name"])?;
    let total = header.column(&["time(us)"])?;
    let of = |names: &[&str]| header.column(names);
    let (level, count) = (of(&["level"]), of(&["count"]));
    let (min, mean, max) = (of(&["min(us)"]), of(&["avg(us)"]), of(&["max(us)"]));
    Some(Box::new(move |row, tables| {
        if tables.api_statistics.len() >= MAX_ROWS {
            return None;
        }
        tables.api_statistics.push(ApiStatistic {
            level: row.text(level).unwrap_or_default().to_owned(),
            name: row.text(Some(name))?.to_owned(),
            count: row.text(count)?.parse().ok()?,
            total_ns: row.micros(Some(total))?,
            min_ns: row.micros(min)?,
            mean_ns: row.micros(mean)?,
            max_ns: row.micros(max)?,
        });
        Some(())
    }))
}

fn step_time(header: &Header) -> Option<Rows> {
    let breakdown = breakdown(header)?;
    Some(Box::new(move |row, tables| {
        if tables.breakdown.len() >= MAX_ROWS {
            return None;
        }
        tables.breakdown.push(breakdown(&row)?);
        Some(())
    }))
}

/// `cluster_step_trace_time.csv` of msprof-analyze: a row a rank and step, and a row a stage of the pipeline and step,
/// whose index is the tuple of its ranks.
fn cluster_step_time(header: &Header) -> Option<Rows> {
    let (kind, index) = (header.column(&["type"])?, header.column(&["index"])?);
    let breakdown = breakdown(header)?;
    Some(Box::new(move |row, tables| {
        if tables.cluster.len() >= MAX_ROWS {
            return None;
        }
        let is_stage = match row.text(Some(kind))? {
            "rank" => false,
            "stage" => true,
            _ => return None,
        };
        tables.cluster.push(ClusterRow {
            is_stage,
            index: row.text(Some(index))?.to_owned(),
            time: breakdown(&row)?,
        });
        Some(())
    }))
}

/// The columns of a row that divides the time of a step.
fn breakdown(header: &Header) -> Option<impl Fn(&Row<'_>) -> Option<BreakdownRow> + use<>> {
    let computing = header.column(&["computing"])?;
    let free = header.column(&["free"])?;
    let exposed = header.column(&["communication(not overlapped)"])?;
    let of = |names: &[&str]| header.column(names);
    let (step, device) = (of(&["step"]), of(&["device_id"]));
    let (overlapped, communication) = (of(&["overlapped"]), of(&["communication"]));
    let (stage, bubble, preparing) = (of(&["stage"]), of(&["bubble"]), of(&["preparing"]));
    Some(move |row: &Row<'_>| {
        let computing_ns = row.micros(Some(computing))?;
        let free_ns = row.micros(Some(free))?;
        let exposed_ns = row.micros(Some(exposed))?;
        let communication_ns = row.micros(communication).unwrap_or(exposed_ns);
        Some(BreakdownRow {
            step: row.text(step).map(str::to_owned),
            device: row.int(device).filter(|&device| device >= 0),
            source: "table".to_owned(),
            computing_ns,
            communication_ns,
            communication_not_overlapped_ns: exposed_ns,
            overlapped_ns: row
                .micros(overlapped)
                .unwrap_or_else(|| communication_ns.saturating_sub(exposed_ns)),
            free_ns,
            total_ns: computing_ns.saturating_add(exposed_ns).saturating_add(free_ns),
            stage_ns: row.micros(stage),
            bubble_ns: row.micros(bubble),
            preparing_ns: row.micros(preparing),
            start_ns: None,
            end_ns: None,
        })
    })
}

fn operator_details(header: &Header) -> Option<Rows> {
    let name = header.column(&["name"])?;
    let host = header.column(&["host self duration(us)"]);
    let device = header.column(&["device self duration(us)"]);
    Some(Box::new(move |row, tables| {
        row.text(Some(name))?;
        let calls = tables.operator_calls.get_or_insert_with(|| OperatorCalls {
            calls: 0,
            host_self_ns: host.map(|_| 0),
            device_self_ns: device.map(|_| 0),
        });
        calls.calls += 1;
        let add = |sum: Option<i64>, column| Some(sum?.saturating_add(row.micros(column).unwrap_or(0)));
        calls.host_self_ns = add(calls.host_self_ns, host);
        calls.device_self_ns = add(calls.device_self_ns, device);
        Some(())
    }))
}

/// Tables of which nothing is computed: their own columns and values, without the padding.
fn as_it_stands(
    table: Table,
    file: &str,
    header: &Header,
    record: &ByteRecord,
    tables: &mut Tables,
) -> Option<Rows> {
    let (wanted, title, says): (&[&str], &str, &str) = match table {
        Table::L2Cache => (
            &["hit rate", "victim rate"],
            "L2 cache by task",
            "A row is a task of the device: which part of its accesses the L2 cache answered (hit rate), and which part \
             pushed something else out of it (victim rate). The profiler's numbers.",
        ),
        _ => (
            &["op name", "size(kb)"],
            "Memory reserved by graphs",
            "A row is an operator of a static graph and the memory that the graph reserves for it from node to node. The \
             profiler's numbers.",
        ),
    };
    wanted
        .iter()
        .try_for_each(|name| header.column(&[name]).map(drop))?;
    let text = |field: &[u8]| String::from_utf8_lossy(field.trim_ascii()).into_owned();
    let columns = record.iter().map(text);
    let columns: Vec<String> = columns
        .map(|name| name.trim_start_matches('\u{feff}').to_owned())
        .collect();
    let at = tables.plain.len();
    tables.plain.push(PlainTable {
        title: title.to_owned(),
        source: file.rsplit('/').next().unwrap_or(file).to_owned(),
        says: says.to_owned(),
        columns: columns.into_iter().take(MAX_PLAIN_COLUMNS).collect(),
        ..PlainTable::default()
    });
    Some(Box::new(move |row, tables| {
        let plain = tables.plain.get_mut(at)?;
        plain.push(row.0.iter().map(text));
        if let Some(last) = plain.rows.last_mut() {
            last.resize(plain.columns.len(), String::new());
        }
        Some(())
    }))
}

/// A number, also written as a string.
fn whole(value: &serde_json::Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn profiler_info(file: &str, bytes: &[u8], tables: &mut Tables) -> Option<(u64, u64)> {
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
    Some((1, 0))
}

fn metadata(bytes: &[u8], tables: &mut Tables) -> Option<(u64, u64)> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    value.as_object()?;
    let of = |key: &str| value.get("distributed_args")?.get(key).and_then(whole);
    tables.world_size = of("world_size").or(tables.world_size);
    tables.rank = tables.rank.or(of("rank"));
    Some((1, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_as_the_table_writes_them() {
        for (text, places, expected) in [
            ("1736408883704643.212\t", 3, Some(1_736_408_883_704_643_212)),
            ("8873.756000000001", 3, Some(8_873_756)),
            ("231290.09999999995", 3, Some(231_290_100)),
            ("106003.5380312500000000159872", 3, Some(106_003_538)),
            ("1.69512E+15", 3, Some(1_695_120_000_000_000_000)),
            ("105.99187771875", 6, Some(105_991_878)),
            ("6.54", 3, Some(6_540)),
            ("0.0004", 3, Some(0)),
            ("0.0005", 3, Some(1)),
            ("9.9999", 3, Some(10_000)),
            ("-2.5", 3, Some(-2_500)),
            ("0", 3, Some(0)),
            ("1695115378713661", 3, Some(1_695_115_378_713_661_000)),
            ("N/A", 3, None),
            ("", 3, None),
            ("1x", 3, None),
            ("99999999999999999999", 3, None),
        ] {
            assert_eq!(scaled(text, places), expected, "{text:?}");
        }
    }

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
        ] {
            assert_eq!(Table::of_head(header.as_bytes()), Some(expected), "{header}");
        }
        assert_eq!(Table::of_head(b"a,b,c\n1,2,3"), None);
        assert_eq!(
            Table::of_name("x/profiler_info_3.json"),
            Some(Table::ProfilerInfo)
        );
    }

    #[test]
    fn classes_are_those_of_the_vendors_comparison() {
        use KernelClass::{
            Convolution, Cube, FlashAttention, Matmul, Other, PagedAttention, TensorMove, Vector,
        };
        for (kernel, kind, core, units, expected) in [
            (
                "k",
                "FlashAttentionScoreGrad",
                "MIX_AIC",
                Some((0, 5)),
                FlashAttention,
            ),
            ("k", "FusedInferAttentionScore", "MIX_AIC", None, FlashAttention),
            ("k", "PagedAttentionMaskNdKernel", "MIX_AIC", None, PagedAttention),
            ("k", "Conv2D", "AI_CORE", None, Convolution),
            ("k", "MatMulV3", "AI_CORE", Some((0, 5)), Matmul),
            ("k", "GroupedMatmul", "MIX_AIC", Some((3, 5)), Matmul),
            (
                "aclnnInplaceCopy_TensorMoveAiCore_TensorMove",
                "TensorMove",
                "AI_VECTOR_CORE",
                Some((1, 0)),
                TensorMove,
            ),
            ("k", "Add", "AI_VECTOR_CORE", Some((1, 0)), Vector),
            ("k", "Swish", "MIX_AIV", Some((1, 9)), Vector),
            ("k", "x", "AI_CORE", Some((0, 9)), Cube),
            // Their rule: what used no matrix unit is vector, whatever ran it.
            ("k", "RandomUniform", "AI_CPU", Some((0, 0)), Vector),
            ("k", "RandomUniform", "AI_CPU", None, Other),
            ("k", "Add", "AI_VECTOR_CORE", None, Vector),
            ("k", "x", "AI_CORE", None, Cube),
        ] {
            assert_eq!(
                class_of(kernel, kind, core, units),
                expected,
                "{kind} {core} {units:?}"
            );
        }
    }

    #[test]
    fn a_row_of_mindspore_is_operator_and_kernel() {
        let csv = "Step ID,Name,Type,Accelerator Core,Start Time(us),Duration(us),Wait Time(us),Block Num,Input Shapes\n\
            7,Kernel::KernelLaunch::Default/n/MatMul-op12/aclnnMm,MatMul,AI_CORE,10.5\t,\"2.25\t\",0,8,\"\"\"1,2\"\";\n\"\"3\"\"\"\n\
            ,hcom_allReduce__1_0_1,N/A,COMMUNICATION,12,1,N/A,N/A,N/A\n\
            ,broken,N/A,AI_CORE,,,,,\n";
        let mut tables = Tables::default();
        read(Table::Kernels, "kernel_details.csv", csv.as_bytes(), &mut tables);
        let table = &tables.kernels;
        let rows: Vec<(&str, &str, i64, i64, bool)> = table
            .rows
            .iter()
            .map(|r| {
                (
                    table.text(r.operator),
                    table.text(r.name),
                    r.start_ns,
                    r.dur_ns,
                    r.is_collective,
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                (
                    "Kernel::KernelLaunch::Default/n/MatMul-op12",
                    "aclnnMm",
                    10_500,
                    2_250,
                    false
                ),
                ("", "hcom_allReduce__1_0_1", 12_000, 1_000, true),
            ]
        );
        assert_eq!(table.text(table.rows[0].shapes), "\"1,2\";\n\"3\"");
        assert_eq!((tables.read[0].rows, tables.read[0].rows_lost), (2, 1));
        assert_eq!(
            tables.notes,
            ["kernel_details.csv: 1 of 3 rows could not be read."]
        );
    }
}

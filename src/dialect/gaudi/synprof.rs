//! The CSV files of Synapse's own profiler (synprof), as the text of a trace.
//!
//! ```text
//! *_hw_prof_accel0_001.csv             one row an event of an engine; 23 columns in 2024, more since
//!   Name,Trace Source,Engine,Event type,Timestamp[usec],…,Recipe ID,…,Context ID,Device,…,SPMU value,…
//! *_hw_prof_accel0_001_analyzed_nodes.csv   one row a node of the graph, as the vendor's trace analyzer sums it up
//!   Unit,Unique node id,Node Name,Op Type,Start time of node,End time of node,Duration (us),Active (us),…
//! ```
//!
//! Columns are found by their names, so that older and newer files are read alike. Times are decimal µs of the
//! device's clock with six decimals; what lies below the nanosecond is cut.
//!
//! A BEGIN and an END belong together by engine, recipe, context and node, first in, first out (not by name). What
//! stays alone is written as a begin or an end, and so counted as one. Instants and counters keep their kind.
//! Left out: NIC packets and BMON columns have no unit in the file; they stand among the args of their event.

use std::collections::VecDeque;

use csv::ByteRecord;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value, json};

use crate::base::order;
use crate::base::time::ns_from_micros_text;
use crate::dialect::csv_rows::{TableRows, without_byte_order_mark};
use crate::dialect::plain_table::PlainTable;
use crate::dialect::tables_beside::RowsRead;

use super::lanes::HW_EVENT;

/// Which of the files it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Events of the hardware trace.
    Hardware,
    /// Nodes, summed up by the vendor's trace analyzer.
    Nodes,
}

/// A header key of the texts made here; its value says what was read.
pub const HEADER_KEY: &str = "synprof";

/// Whether a file that starts with `head` is one of them, by the columns that no other table has.
pub fn looks_like(head: &[u8]) -> Option<Kind> {
    let line = without_byte_order_mark(head).split(|&b| b == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut columns = line.split(',').map(|c| c.trim().trim_matches('"'));
    let (first, second, third) = (columns.next()?, columns.next()?, columns.next()?);
    match (first, second, third) {
        ("Name", "Trace Source", "Engine") => Some(Kind::Hardware),
        ("Unit", "Unique node id", "Node Name") => Some(Kind::Nodes),
        _ => None,
    }
}

/// Columns of a CSV, by name.
struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// The columns of a table, and the rows below them.
    fn of(csv: &[u8]) -> Option<(Columns, TableRows<'_>)> {
        let (header, rows) = TableRows::of(csv)?;
        let name = |name: &[u8]| String::from_utf8_lossy(name).trim().to_owned();
        let names = header.iter().map(name).collect();
        Some((Columns { names }, rows))
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n.eq_ignore_ascii_case(name))
    }
}

/// A field as text; empty where the row ends before it.
fn field(row: &ByteRecord, place: Option<usize>) -> String {
    let bytes = place.and_then(|place| row.get(place)).unwrap_or_default();
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// What ties a BEGIN to its END: device, engine, recipe, context, node.
type Pairing = [String; 5];

/// One BEGIN that waits for its END.
struct Waiting {
    name: String,
    ts: String,
    args: Map<String, Value>,
}

/// Args that the rest of the dialect knows by another name.
const RENAMED: [(&str, &str); 4] = [
    ("HW Event description", HW_EVENT),
    ("Recipe ID", "recipeId"),
    ("recipeHandle", "recipeHandle"),
    ("Recipe name", "recipeName"),
];

/// The text of a trace that says what the hardware trace says, and what came of its rows: one without a readable time
/// or
/// with an event type that is none of these is lost. `None`: there is no header.
pub fn hardware_trace(csv: &[u8]) -> Option<(Vec<u8>, RowsRead)> {
    let (columns, rows) = Columns::of(csv)?;
    let place = |name| columns.place(name);
    let (name, engine, kind, time) = (
        place("Name"),
        place("Engine"),
        place("Event type"),
        place("Timestamp[usec]"),
    );
    let (recipe, context, node) = (place("Recipe ID"), place("Context ID"), place("Unique Node ID"));
    let (device, value) = (place("Device"), place("SPMU value"));
    // What has a place of its own in an event, and so does not stand among its args.
    let taken: Vec<Option<usize>> = vec![name, engine, kind, time, device];

    let mut writer = Writer::default();
    let mut waiting: FxHashMap<Pairing, VecDeque<Waiting>> = FxHashMap::default();
    let read = rows.read(|row| {
        let field = |place| field(row, place);
        let (title, ts) = (field(name), field(time));
        ns_from_micros_text(ts.as_bytes())?;
        let args = || {
            let mut args = Map::new();
            for (at, column) in columns.names.iter().enumerate() {
                let text = field(Some(at));
                if !text.is_empty() && !taken.contains(&Some(at)) {
                    let key = RENAMED.iter().find(|(from, _)| column.eq_ignore_ascii_case(from));
                    args.insert(key.map_or(column.as_str(), |(_, to)| to).to_owned(), text.into());
                }
            }
            args
        };
        let kind = field(kind).to_ascii_uppercase();
        if !matches!(&*kind, "BEGIN" | "END" | "INSTANT" | "COUNTER") {
            return None;
        }
        let lane = writer.lane(&field(device), &field(engine));
        let key = || [device, engine, recipe, context, node].map(field);
        match &*kind {
            "BEGIN" => waiting.entry(key()).or_default().push_back(Waiting {
                name: title,
                ts,
                args: args(),
            }),
            "END" => match waiting.get_mut(&key()).and_then(VecDeque::pop_front) {
                Some(begin) => {
                    let mut both = begin.args;
                    if let Some(last) = args().remove(HW_EVENT) {
                        both.insert("HW end event name".into(), last);
                    }
                    writer.complete(&lane, &begin.name, &begin.ts, &ts, both);
                }
                None => writer.event(&lane, "E", &title, &ts, args()),
            },
            "INSTANT" => writer.event(&lane, "i", &title, &ts, args()),
            _ => {
                let series = Map::from_iter([("value".to_owned(), counted(&field(value)))]);
                writer.event(&lane, "C", &format!("{} {title}", lane.engine), &ts, series);
            }
        }
        Some(())
    });
    let mut left: Vec<(Pairing, VecDeque<Waiting>)> = waiting.into_iter().collect();
    order::sort_by(&mut left, |a, b| a.0.cmp(&b.0));
    for ([device, engine, ..], begins) in left {
        for begin in begins {
            let lane = writer.lane(&device, &engine);
            writer.event(&lane, "B", &begin.name, &begin.ts, begin.args);
        }
    }
    Some((writer.finish("hardware trace"), read))
}

/// A counter's value. A count that fell below zero stands as its 64-bit two's complement.
fn counted(text: &str) -> Value {
    match text.parse::<u64>() {
        Ok(n) => json!(n.cast_signed()),
        Err(_) => text.parse::<f64>().map_or(Value::Null, |n| json!(n)),
    }
}

/// The text of a trace with one slice a node, one thread a unit. These are no device work of their own: the
/// hardware trace beside it holds what ran.
pub fn nodes_trace(csv: &[u8]) -> Option<(Vec<u8>, RowsRead)> {
    let (columns, rows) = Columns::of(csv)?;
    let (unit, name) = (columns.place("Unit"), columns.place("Node Name"));
    let (from, to) = (
        columns.place("Start time of node"),
        columns.place("End time of node"),
    );
    let mut writer = Writer::default();
    let read = rows.read(|row| {
        let field = |place| field(row, place);
        let (start, end) = (field(from), field(to));
        ns_from_micros_text(start.as_bytes()).zip(ns_from_micros_text(end.as_bytes()))?;
        let mut args = Map::new();
        for (at, column) in columns.names.iter().enumerate() {
            let text = field(Some(at));
            if !text.is_empty() && text != "nan" && ![unit, name].contains(&Some(at)) {
                args.insert(column.clone(), text.into());
            }
        }
        let lane = writer.node_lane(&field(unit));
        writer.complete(&lane, &field(name), &start, &end, args);
        Some(())
    });
    Some((writer.finish("analyzed nodes"), read))
}

/// The nodes as a table, with the columns of the file, and what came of its rows: one without a name or a unit is lost.
pub fn nodes_table(source: &str, csv: &[u8]) -> Option<(PlainTable, RowsRead)> {
    let (columns, rows) = Columns::of(csv)?;
    let (unit, name) = (columns.place("Unit"), columns.place("Node Name"));
    let n_columns = columns.names.len();
    let mut table = PlainTable::of_columns(
        "Nodes, by the vendor's trace analyzer",
        source,
        "One row a node of the graph, with the columns and units of the vendor's trace analyzer; nothing is computed here.",
        columns.names.into_iter(),
    );
    let read = rows.read(|row| {
        if field(row, unit).is_empty() || field(row, name).is_empty() {
            return None;
        }
        // The file's word for a number that it does not have.
        let cells = (0..n_columns).map(|at| field(row, Some(at)));
        table.push(cells.map(|text| if text == "nan" { String::new() } else { text }));
        Some(())
    });
    Some((table, read))
}

/// Where an event lies.
struct Lane {
    pid: Value,
    engine: String,
    category: &'static str,
}

/// Writes the text of a trace.
#[derive(Default)]
struct Writer {
    text: Vec<u8>,
    known: FxHashSet<(String, String)>,
    /// Pid and name of each thread.
    threads: Vec<(Value, String)>,
}

impl Writer {
    fn push(&mut self, event: &Value) {
        self.text
            .extend_from_slice(if self.text.is_empty() { b"\n" } else { b",\n" });
        self.text.extend_from_slice(event.to_string().as_bytes());
    }

    /// A lane of a device: `accel5` is device 5.
    fn lane(&mut self, device: &str, engine: &str) -> Lane {
        let digits = device.trim_start_matches(|c: char| !c.is_ascii_digit());
        let number: Option<i64> = digits.parse().ok();
        let pid = number.map_or_else(|| json!(device), |n| json!(n));
        let process = format!("/device:HPU:{}", number.unwrap_or(0));
        self.name(&pid, &process, device, engine);
        Lane {
            pid,
            engine: engine.to_owned(),
            category: "kernel",
        }
    }

    fn node_lane(&mut self, unit: &str) -> Lane {
        let pid = json!("nodes");
        let engine = format!("{unit} nodes");
        self.name(&pid, "Analyzed nodes", "", &engine);
        Lane {
            pid,
            engine,
            category: "node",
        }
    }

    /// Names process and thread, once.
    fn name(&mut self, pid: &Value, process: &str, labels: &str, thread: &str) {
        if self.known.insert((process.to_owned(), String::new())) {
            self.push(&json!({"ph": "M", "name": "process_name", "pid": pid, "args": {"name": process}}));
            self.push(&json!({"ph": "M", "name": "process_labels", "pid": pid, "args": {"labels": labels}}));
        }
        if self.known.insert((process.to_owned(), thread.to_owned())) {
            self.threads.push((pid.clone(), thread.to_owned()));
            self.push(&json!({"ph": "M", "name": "thread_name", "pid": pid, "tid": thread, "args": {"name": thread}}));
        }
    }

    fn event(&mut self, lane: &Lane, phase: &str, name: &str, ts: &str, args: Map<String, Value>) {
        let mut event = json!({
            "ph": phase, "cat": lane.category, "name": name, "pid": lane.pid, "tid": lane.engine, "args": args,
        });
        if phase == "C" {
            event["cat"] = json!("counter");
        }
        // Digits as they stand; as a string, which serde_json leaves alone.
        event["ts"] = json!(ts);
        self.push(&event);
    }

    fn complete(&mut self, lane: &Lane, name: &str, from: &str, to: &str, args: Map<String, Value>) {
        let mut event = json!({
            "ph": "X", "cat": lane.category, "name": name, "pid": lane.pid, "tid": lane.engine, "args": args,
        });
        let ns = |text: &str| ns_from_micros_text(text.as_bytes());
        if let Some(start) = ns(from) {
            event["ts"] = json!(from);
            if let Some(end) = ns(to) {
                let dur = end.saturating_sub(start);
                let sign = if dur < 0 { "-" } else { "" };
                let dur = dur.unsigned_abs();
                event["dur"] = json!(format!("{sign}{}.{:03}", dur / 1000, dur % 1000));
            }
        }
        self.push(&event);
    }

    fn finish(mut self, what: &str) -> Vec<u8> {
        let mut threads = std::mem::take(&mut self.threads);
        order::sort_by_key(&mut threads, |(_, name)| in_numeric_order(name));
        for (i, (pid, name)) in threads.iter().enumerate() {
            self.push(&json!({
                "ph": "M", "name": "thread_sort_index", "pid": pid, "tid": name, "args": {"sort_index": i},
            }));
        }
        let mut text = format!("{{\"{HEADER_KEY}\": \"{what}\", \"traceEvents\": [").into_bytes();
        text.extend_from_slice(&self.text);
        text.extend_from_slice(b"\n]}\n");
        text
    }
}

/// `[HD0] TPC 10` comes after `[HD0] TPC 9`.
fn in_numeric_order(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest[text..]
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len() - text);
        let number = rest[text..text + digits].parse().unwrap_or(u64::MAX);
        parts.push((rest[..text].to_owned(), number));
        rest = &rest[text + digits..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::csv_rows::TableEnd;

    const HEAD: &str = "Name,Trace Source,Engine,Event type,Timestamp[usec],recipeHandle,streamHandle,Recipe ID,\
        Recipe name,Context ID,Device,Operation,Data Type,HW Event port,HW Event description,SPMU value,Misc\n";

    fn events(rows: &str) -> Vec<Value> {
        let (text, _) = hardware_trace(format!("{HEAD}{rows}").as_bytes()).expect("a header");
        let whole: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(whole[HEADER_KEY], "hardware trace");
        let events = whole["traceEvents"].as_array().expect("events").clone();
        events.into_iter().filter(|e| e["ph"] != "M").collect()
    }

    #[test]
    fn the_files_are_known_by_their_columns() {
        assert_eq!(looks_like(HEAD.as_bytes()), Some(Kind::Hardware));
        assert_eq!(
            looks_like(b"\xef\xbb\xbfUnit,Unique node id,Node Name,Op Type\n"),
            Some(Kind::Nodes)
        );
        assert_eq!(looks_like(b"Name,Type,Duration\n"), None);
        assert_eq!(looks_like(b"{\"traceEvents\":[]}"), None);
        assert_eq!(looks_like(b""), None);
    }

    #[test]
    fn begin_and_end_pair_first_in_first_out_on_one_engine_and_recipe() {
        // Two of one node run one after the other, and their ends come in the same order; names differ.
        let events = events(
            "a,HW,[HD0] TPC 0,BEGIN,10.000500,0x1,0x2,7,r,0,accel3,add,float32,1,TPC_SPU_START,,\n\
             a,HW,[HD0] TPC 0,BEGIN,20.0,0x1,0x2,7,r,0,accel3,add,float32,1,TPC_SPU_START,,\n\
             b,HW,[HD0] TPC 0,END,30.001,0x1,0x2,7,r,0,accel3,add,float32,2,TPC_SPU_HALT,,\n\
             b,HW,[HD0] TPC 0,END,40.0,0x1,0x2,7,r,0,accel3,add,float32,2,TPC_SPU_HALT,,\n",
        );
        assert_eq!(events.len(), 2);
        // Start and end are rounded half up: the end is that which is recorded.
        assert_eq!(
            (&events[0]["ts"], &events[0]["dur"], &events[0]["pid"]),
            (&json!("10.000500"), &json!("20.000"), &json!(3))
        );
        assert_eq!(
            (&events[1]["ts"], &events[1]["dur"]),
            (&json!("20.0"), &json!("20.000"))
        );
        assert_eq!(events[0]["args"][HW_EVENT], "TPC_SPU_START");
        assert_eq!(events[0]["args"]["HW end event name"], "TPC_SPU_HALT");
        assert_eq!(events[0]["args"]["recipeId"], "7");
    }

    #[test]
    fn lanes_stand_in_the_order_of_their_numbers() {
        let mut names = ["[HD1] MME", "[HD0] TPC 10", "[HD0] TPC 9", "[HD0] MME", ""];
        names.sort_by_key(|name| in_numeric_order(name));
        assert_eq!(
            names,
            ["", "[HD0] MME", "[HD0] TPC 9", "[HD0] TPC 10", "[HD1] MME"]
        );
    }

    #[test]
    fn what_has_no_partner_is_written_as_what_it_is() {
        let events = events(
            "a,HW,MME,END,1,,,7,,0,accel0,,,,x,,\na,HW,MME,BEGIN,2,,,7,,0,accel0,,,,x,,\n\
             c,HW,MME,COUNTER,3,,,,,,accel0,,,,SPMU,18446744073709551415,\na,HW,MME,WHAT,4\nb,HW\n",
        );
        let phases: Vec<&str> = events.iter().filter_map(|e| e["ph"].as_str()).collect();
        assert_eq!(phases, ["E", "C", "B"]);
        assert_eq!(events[1]["args"]["value"], -201, "two's complement");
    }

    #[test]
    fn a_row_that_is_no_event_is_lost_and_reading_goes_on() {
        let row = |n: usize| format!("a,HW,MME,INSTANT,{n},,,7,,0,accel0,,,,x,,\n");
        let mut lines: Vec<String> = (0..40).map(row).collect();
        lines[4].insert(0, '"');
        lines[20] = "a,HW,MME,WHAT,4,,,7,,0,accel0,,,,x,,\n".into();
        lines[30] = "a,HW,MME,INSTANT,soon,,,7,,0,accel0,,,,x,,\n".into();
        let csv = format!("{HEAD}{}b,HW", lines.concat());
        let (_, read) = hardware_trace(csv.as_bytes()).expect("a header");
        assert_eq!((read.rows, read.rows_lost, read.ends), (37, 4, TableEnd::InRow));
    }
}

//! Runs of torch beside what torch itself counted: compiles, limits, operators, tables.

use std::collections::BTreeMap;

use serde_json::Value;
use stepscope::analyze::host::operators_by_name::grouped;
use stepscope::analyze::report::{DynamoUse, Grouping, Operator, TableCheck, TraceReport};
use stepscope::session::{Loader, Opened, is_metrics, open_bytes};

use crate::corpus;

fn open(case: &str) -> Option<Opened> {
    let path = format!("kineto/torch_made/{case}.pt.trace.json.gz");
    let bytes = corpus::read(&path)?;
    Some(open_bytes(&path, &bytes).unwrap_or_else(|e| panic!("{path}: {e}")))
}

fn truth(case: &str) -> Value {
    let bytes = corpus::read(&format!("kineto/torch_made/{case}.truth.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn dynamo(report: &TraceReport) -> &DynamoUse {
    report.dynamo.as_ref().unwrap()
}

fn has(report: &TraceReport, id: &str) -> bool {
    report.findings.iter().any(|f| f.id == id)
}

#[expect(clippy::cast_possible_truncation, reason = "minutes in ns fit")]
fn ns(micros: &Value) -> i64 {
    (micros.as_f64().unwrap() * 1e3).round() as i64
}

// ---- torch.compile ------------------------------------------------------------------------------------------

#[test]
fn compiles_are_those_that_torch_counted() {
    for (case, has_ids) in [("t26_dynamo_eager", false), ("t215_dynamo_eager", true)] {
        let Some(opened) = open(case) else { return };
        let truth = truth(case);
        let used = dynamo(&opened.report);
        let frames = &truth["counters"]["frames"];
        assert_eq!(Some(used.compiles), frames["ok"].as_u64(), "{case}");
        // An attempt that gave up left a slice in 2.15 and none in 2.6, where the limit stands for it.
        let total = used.compiles + used.limits.len() as u64;
        assert_eq!(Some(total), frames["total"].as_u64(), "{case}");
        assert_eq!(used.gave_up, u64::from(has_ids), "{case}");
        let metrics = truth["metrics"].as_array().unwrap();
        let ok: Vec<&Value> = metrics.iter().filter(|m| m["fail"].is_null()).collect();
        assert_eq!(ok.len() as u64, used.compiles, "{case}");
        let id = |m: &Value| m["id"].as_str().unwrap().to_owned();
        let again = ok.iter().filter(|m| !id(m).ends_with("/0")).count();
        assert_eq!(used.recompiles, again as u64, "{case}");
        // Each compile with its frame, attempt and time; torch's clock is read around the slice, so the slice is
        // shorter by less than 100 us.
        let compiles = &opened.report.recompiles;
        assert_eq!(compiles.len(), ok.len(), "{case}");
        for (ours, theirs) in compiles.iter().zip(&ok) {
            let detail = ours.dynamo.as_ref().unwrap();
            let which = detail.frame.zip(detail.attempt).map(|(f, a)| format!("{f}/{a}"));
            assert_eq!(which, Some(id(theirs)), "{case}");
            assert!(detail.ran && !detail.gave_up, "{case}");
            let torch_ns = ns(&theirs["entire"].as_f64().map(|s| s * 1e6).into());
            assert!(
                (ours.known_ns() - torch_ns).abs() < 100_000,
                "{case}: {} {torch_ns}",
                ours.known_ns()
            );
        }
    }
}

#[test]
fn the_limit_is_found_in_every_release() {
    // 2.6: the attempt 0/8 leaves a lookup of 5.398 us and no slice; seven calls look and find nothing.
    let Some(opened) = open("t26_dynamo_eager") else {
        return;
    };
    let limits = &dynamo(&opened.report).limits;
    assert_eq!(limits.len(), 1);
    assert_eq!(
        (limits[0].lookups_after, limits[0].compile_id.as_deref()),
        (7, None)
    );
    assert!(has(&opened.report, "dynamo-limit"));

    // 2.15: the attempt has a slice and a number.
    let opened = open("t215_dynamo_eager").unwrap();
    let limits = &dynamo(&opened.report).limits;
    assert_eq!(limits.len(), 1);
    assert_eq!(
        (limits[0].lookups_after, limits[0].compile_id.as_deref()),
        (6, Some("0/8"))
    );
    assert!(has(&opened.report, "dynamo-limit"));

    // Another frame goes on running what it has: one of two lookups a step finds nothing, from step 9 to 30.
    let opened = open("t215_limit_two").unwrap();
    let used = dynamo(&opened.report);
    assert_eq!((used.compiles, used.recompiles, used.gave_up), (9, 7, 1));
    assert_eq!(used.limits.len(), 1);
    let limit = &used.limits[0];
    assert_eq!(limit.compile_id.as_deref(), Some("0/8"));
    assert_eq!((limit.lookups_after, limit.steps_after), (21, 21));
    assert!(has(&opened.report, "dynamo-limit"));
}

#[test]
fn compiles_of_torch_2_4_are_recognised_and_their_limit_is_found() {
    let Some(opened) = open("t24_limit_alone") else {
        return;
    };
    let report = &opened.report;
    let used = dynamo(report);
    assert_eq!(
        (used.lookups, used.regions, used.compiles, used.gave_up),
        (10, 8, 8, 0)
    );
    assert_eq!(used.limits.len(), 1);
    // In step 9 of 30; the frame is not looked for again.
    assert_eq!(
        (used.limits[0].lookups_after, used.limits[0].steps_after),
        (0, 21)
    );
    assert_eq!(report.recompiles.len(), 8);
    assert_eq!(report.recompiles[0].dur_ns, Some(12_115_580));
    assert!(has(report, "dynamo-limit") && has(report, "compiles-while-serving"));
    assert!(!has(report, "no-compiles-while-serving"));
}

// ---- operators ----------------------------------------------------------------------------------------------

type Numbers = (u64, i64, i64);

fn add(rows: impl Iterator<Item = (String, Numbers)>) -> BTreeMap<String, Numbers> {
    let mut all: BTreeMap<String, Numbers> = BTreeMap::new();
    for (key, n) in rows {
        let sum = all.entry(key).or_default();
        *sum = (sum.0 + n.0, sum.1 + n.1, sum.2 + n.2);
    }
    all
}

fn ours(opened: &Opened, by: Grouping) -> BTreeMap<String, Numbers> {
    let key = |o: &Operator| match by {
        Grouping::Shape => format!("{} {}", o.name, folded(o.shapes.as_deref())),
        _ => o.name.clone(),
    };
    let operators = grouped(&opened.index, &opened.vocabulary, by);
    add(operators
        .iter()
        .map(|o| (key(o), (o.count, o.self_cpu_ns, o.total_cpu_ns))))
}

/// torch writes a list of tensors as `[]`.
fn folded(shapes: Option<&str>) -> String {
    let mut dims: Value = serde_json::from_str(shapes.unwrap_or("[]")).unwrap();
    for dim in dims.as_array_mut().unwrap() {
        if dim.as_array().is_some_and(|d| d.iter().any(Value::is_array)) {
            *dim = Value::Array(Vec::new());
        }
    }
    dims.to_string()
}

fn theirs(rows: &Value, by: Grouping) -> BTreeMap<String, Numbers> {
    let key = |row: &Value| {
        let name = row["key"].as_str().unwrap();
        match by {
            Grouping::Shape => {
                let shapes: Value = match &row["shapes"] {
                    Value::String(text) => serde_json::from_str(text).unwrap(),
                    Value::Null => Value::Array(Vec::new()),
                    other => other.clone(),
                };
                format!("{name} {shapes}")
            }
            _ => name.to_owned(),
        }
    };
    let rows = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["key"] != "[memory]");
    add(rows.map(|row| {
        let n = (
            row["count"].as_u64().unwrap(),
            ns(&row["self_cpu"]),
            ns(&row["cpu"]),
        );
        (key(row), n)
    }))
}

#[test]
fn operators_are_torchs_to_the_nanosecond() {
    for case in ["t26_dynamo_eager", "t215_dynamo_eager", "t215_gloo_rank0"] {
        let Some(opened) = open(case) else { return };
        let truth = truth(case);
        assert_eq!(
            ours(&opened, Grouping::Name),
            theirs(&truth["rows"], Grouping::Name),
            "{case}"
        );
        if truth["rows_shape"]
            .as_array()
            .is_some_and(|rows| !rows.is_empty())
        {
            assert_eq!(
                ours(&opened, Grouping::Shape),
                theirs(&truth["rows_shape"], Grouping::Shape),
                "{case}"
            );
        }
    }
}

#[test]
fn asynchronous_annotations_have_no_self_time() {
    let Some(opened) = open("t215_gloo_rank0") else {
        return;
    };
    let row = |name: &str| {
        let row = opened.report.operators.iter().find(|o| o.name == name).unwrap();
        (row.count, row.self_cpu_ns, row.total_cpu_ns)
    };
    assert_eq!(row("gloo:all_reduce"), (4, 0, 89_566_538));
    assert_eq!(row("gloo:barrier"), (4, 0, 1_412_416));
    assert_eq!(row("c10d::barrier"), (4, 335_791, 335_791));
}

// ---- torch's table as text ----------------------------------------------------------------------------------

fn check_text(table: &[u8]) -> Option<TableCheck> {
    let trace = corpus::read("kineto/torch_made/tables_2.15/t.pt.trace.json.gz")?;
    assert!(is_metrics(&table[..512.min(table.len())]));
    let mut loader = Loader::new("t.json");
    assert!(loader.attach_metrics("profiler_out_0.txt", table));
    loader.feed(&trace);
    loader.finish().unwrap().report.table
}

fn check(name: &str) -> Option<TableCheck> {
    check_text(&corpus::read(&format!(
        "kineto/torch_made/tables_2.15/{name}.txt"
    ))?)
}

#[test]
fn every_table_that_torch_prints_is_read_and_equal() {
    for (name, rows, not_listed, left_out) in [
        ("profiler_out_0", 21, 0, None),
        ("default10", 21, 0, None),
        ("header", 21, 0, None),
        // Names are cut after 17 letters.
        ("narrow", 21, 0, None),
        ("shapes", 36, 0, None),
        ("limit5", 5, 16, Some(722_518)),
        ("top", 1, 20, Some(1_863_000)),
    ] {
        let Some(check) = check(name) else { return };
        let odd: Vec<_> = check.rows.iter().filter(|r| !r.why.is_empty()).collect();
        assert_eq!(
            (
                check.equal,
                check.by_definition,
                check.differ,
                check.only_in_table
            ),
            (rows, 0, 0, 0),
            "{name}: {odd:#?}"
        );
        assert_eq!(
            (check.unread_lines, check.self_cpu_ns),
            (0, Some(3_107_000)),
            "{name}"
        );
        assert_eq!(
            (check.not_listed, check.left_out_self_cpu_ns),
            (Some(not_listed), left_out),
            "{name}"
        );
        // Alone.
        let table = corpus::read(&format!("kineto/torch_made/tables_2.15/{name}.txt")).unwrap();
        let alone = open_bytes("profiler_out_0.txt", &table).unwrap().report;
        assert_eq!(alone.format, "torch-table", "{name}");
        let alone = alone.table.unwrap();
        assert_eq!(
            (alone.only_in_table, alone.differ, alone.not_listed),
            (rows, 0, None),
            "{name}"
        );
        assert_eq!(alone.left_out_self_cpu_ns, left_out, "{name}");
    }
}

#[test]
fn a_table_says_what_is_special_about_it() {
    let Some(header) = check("header") else { return };
    assert_eq!(header.notes, ["Its header: My header"]);
    let top = check("top").unwrap();
    assert!(
        top.notes[0].contains("outermost operators only"),
        "{:?}",
        top.notes
    );
    assert!(!top.notes[1].contains("row_limit"), "{:?}", top.notes);
    let cut = check("limit5").unwrap();
    assert_eq!(
        cut.notes,
        [
            "It lists 5 rows with 2.38 ms of 3.11 ms self CPU time; rows with the other 723 µs are not in it (row_limit).",
            "16 rows of the trace are not in the table, with 722 µs self CPU time; by self time: aten::transpose, \
             aten::empty, aten::argmax, aten::expand, aten::view."
        ]
    );
}

#[test]
fn one_changed_number_is_found_and_nothing_else() {
    let Some(table) = corpus::read("kineto/torch_made/tables_2.15/narrow.txt") else {
        return;
    };
    let text = String::from_utf8(table).unwrap();
    for (from, to) in [
        ("1.312ms", "1.313ms"),
        ("260.721us", "260.722us"),
        ("           120            --", "           121            --"),
    ] {
        assert!(text.contains(from), "{from}");
        let check = check_text(text.replacen(from, to, 1).as_bytes()).unwrap();
        assert_eq!(
            (check.equal, check.differ, check.only_in_table),
            (20, 1, 0),
            "{from}"
        );
    }
    // Another rounding of the end of lines, and text around the table.
    let dos = format!("\u{feff}{}", text.replace("  \n", "\r\n"));
    let check = check_text(dos.as_bytes()).unwrap();
    assert_eq!((check.equal, check.unread_lines), (21, 0));
}

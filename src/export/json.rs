//! The report for programs: `stepscope.report/1`, as DESIGN.md fixes its names.

use crate::analyze::report::Report;

/// One JSON object, indented, keys in the order of the struct's fields, ending with a line break.
pub fn report_json(report: &Report) -> String {
    let mut json = serde_json::to_string_pretty(report)
        .expect("a report has only string keys, and a number that is none becomes null");
    json.push('\n');
    json
}

//! Cases that read well and are easily understood wrongly (`meaning/` of the corpus): what is right in each stands in
//! its README, and here as assertions. A file a question; variants made from a case stand beside it.

mod causes;
mod device;
mod drifts;
mod engines;
mod reading;
mod sentences;
mod slow_steps;
mod step_time;
mod steps;

use serde_json::{Value, json};
use stepscope::session::open_bytes;

use crate::corpus;
use crate::small_trace::{Event, Trace};

/// The report of a case as JSON; `None` without the corpus.
fn case(name: &str) -> Option<Value> {
    let bytes = corpus::read(&format!("meaning/{name}"))?;
    Some(report(name, &bytes))
}

/// The report of a trace as JSON.
fn report(name: &str, bytes: &[u8]) -> Value {
    let opened = open_bytes(name, bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::to_value(&opened.report).unwrap()
}

/// The report of a trace of these events, as torch's profiler writes them of one device.
fn read(events: &[Event]) -> Value {
    let device = json!([{"id": 0, "name": "made"}]);
    let trace = Trace::torch().head("deviceProperties", device);
    report(
        "made.pt.trace.json",
        trace.with(events.iter().cloned()).text().as_bytes(),
    )
}

/// Milliseconds as integer nanoseconds.
fn ms(ms: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "small numbers of a test")]
    let ns = (ms * 1e6).round() as i64;
    ns
}

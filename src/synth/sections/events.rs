//! Shapes of events, and stretches of an iteration, that several parts write.

use crate::base::Span;
use crate::synth::invented_server::{Iteration, Pass};
use crate::synth::python_json::Text;

/// The rest of a torch event, from `cat` on.
pub fn rest(text: &mut Text, category: &str, name: &str, pid: i64, tid: i64, span: Span) {
    text.raw(", \"cat\": \"")
        .raw(category)
        .raw("\", \"dur\": ")
        .thousandths(span.len_ns())
        .raw(", \"name\": \"")
        .raw(name)
        .raw("\", \"ph\": \"X\", \"pid\": ")
        .int(pid)
        .raw(", \"tid\": ")
        .int(tid)
        .raw(", \"ts\": ")
        .thousandths(span.start)
        .end();
}

pub fn process_name(text: &mut Text, pid: i64, name: &str, ts: i64) {
    named(text, "process_name", name, pid, 0, ts);
}

pub fn named(text: &mut Text, what: &str, name: &str, pid: i64, tid: i64, ts: i64) {
    text.begin()
        .raw("{\"args\": {\"name\": \"")
        .raw(name)
        .raw("\"}, \"name\": \"")
        .raw(what)
        .raw("\", \"ph\": \"M\", \"pid\": ")
        .int(pid)
        .raw(", \"tid\": ")
        .int(tid)
        .raw(", \"ts\": ")
        .thousandths(ts)
        .end();
}

/// A pair of B and E.
pub fn pair(text: &mut Text, pid: i64, tid: i64, name: &str, args: &str, span: Span) {
    for (phase, ts) in [("B", span.start), ("E", span.end)] {
        text.begin()
            .raw("{")
            .raw(args)
            .raw("\"cat\": \"Runtime\", \"name\": \"")
            .raw(name)
            .raw("\", \"ph\": \"")
            .raw(phase)
            .raw("\", \"pid\": ")
            .int(pid)
            .raw(", \"tid\": ")
            .int(tid)
            .raw(", \"ts\": ")
            .thousandths(ts)
            .end();
    }
}

/// `by` ns off each end.
pub fn inside(span: Span, by: i64) -> Span {
    Span::new(span.start + by, span.end - by)
}

/// All waiting for the device in an iteration, in order.
pub fn waits(iteration: &Iteration) -> impl Iterator<Item = Span> + '_ {
    iteration
        .passes
        .iter()
        .flat_map(Pass::regions)
        .filter_map(|region| region.wait)
        .chain([iteration.wait])
}

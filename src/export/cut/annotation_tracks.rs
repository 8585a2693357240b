//! What Stepscope says of a trace, as events that any viewer draws: a process of its own with steps, gaps, graph
//! compiles and findings as its threads.
//!
//! Times are exact: nanoseconds as decimal microseconds, digit by digit. Every event has [`OWN_CATEGORY`], so that
//! nobody, and not Stepscope itself, takes it for something that was recorded.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;

use rustc_hash::FxHashSet;
use serde_json::{Map, Value, json};

use super::document::Document;
use crate::analyze::report::{GapKind, Gaps, TraceReport};
use crate::analyze::sentence_words;
use crate::base::time::{push_digits, push_micros};
use crate::base::{Span, order, show};
use crate::dialect::OWN_CATEGORY;
use crate::index::select::is_in;
use crate::index::{Index, Key};

/// Gaps that are named, of each kind and place.
pub const N_GAPS: usize = 500;
/// Where the numbers of our process and its threads are looked for, downwards. Linux has none above 4 194 304, and
/// viewers keep them in 32 bits.
const FIRST_PID: i64 = 2_000_000_000;

/// Writes them. `gaps` are those in the window. `without`: processes of the trace that are not written.
pub fn write<W: Write>(
    out: &mut Document<W>,
    index: &Index,
    without: &FxHashSet<Key>,
    report: &TraceReport,
    gaps: &[Gaps],
    window: Option<Span>,
) {
    let mut numbers = Numbers::of(index, without);
    let pid = numbers.next();
    let mut own = Own {
        out,
        pid,
        numbers,
        window,
        n_threads: 0,
    };
    own.steps(report);
    for gaps in gaps {
        own.gaps(gaps);
    }
    own.compiles(report);
    own.findings(report);
}

/// Numbers that no process or thread of the trace has.
struct Numbers {
    used: FxHashSet<i64>,
    next: i64,
}

impl Numbers {
    fn of(index: &Index, without: &FxHashSet<Key>) -> Numbers {
        let number = |key: Key| match key {
            Key::Int(n) => Some(n),
            Key::Text(text) => index.text(text).trim().parse().ok(),
        };
        let written = index.tracks.iter().filter(|t| !without.contains(&t.pid));
        let tracks = written.flat_map(|t| [t.pid, t.tid]);
        let counters = index.counters.iter().map(|c| c.pid);
        let processes = index
            .processes
            .iter()
            .map(|p| p.pid)
            .filter(|pid| !without.contains(pid));
        Numbers {
            used: tracks
                .chain(counters)
                .chain(processes)
                .filter_map(number)
                .collect(),
            next: FIRST_PID,
        }
    }

    fn next(&mut self) -> i64 {
        while self.used.contains(&self.next) {
            self.next -= 1;
        }
        self.next -= 1;
        self.next + 1
    }
}

struct Own<'a, W: Write> {
    out: &'a mut Document<W>,
    pid: i64,
    numbers: Numbers,
    window: Option<Span>,
    n_threads: i64,
}

/// Something to draw: where, and its row in the report.
type Item = (Span, usize);

impl<W: Write> Own<'_, W> {
    fn metadata(&mut self, what: &str, tid: i64, args: &Value) {
        let event =
            json!({"ph": "M", "cat": OWN_CATEGORY, "name": what, "pid": self.pid, "tid": tid, "args": args});
        self.out.event(event.to_string().as_bytes());
    }

    /// The process is named with its first thread: where there is nothing to say, nothing is written.
    fn thread(&mut self, name: &str) -> i64 {
        if self.n_threads == 0 {
            self.metadata("process_name", self.pid, &json!({"name": "Stepscope"}));
            self.metadata(
                "process_labels",
                self.pid,
                &json!({"labels": "derived, not recorded"}),
            );
            self.metadata("process_sort_index", self.pid, &json!({"sort_index": -1_000}));
        }
        let tid = self.numbers.next();
        self.metadata("thread_name", tid, &json!({ "name": name }));
        self.metadata("thread_sort_index", tid, &json!({"sort_index": self.n_threads}));
        self.n_threads += 1;
        tid
    }

    /// Writes the items that lie in the window, those that overlap on threads of their own. `describe` gives name and
    /// args.
    fn items(
        &mut self,
        title: &str,
        items: impl Iterator<Item = Item>,
        describe: impl Fn(usize) -> (String, Map<String, Value>),
    ) {
        let window = self.window;
        let mut items: Vec<Item> = items
            .filter(|&(span, _)| window.is_none_or(|w| is_in(w, span)))
            .collect();
        order::sort_by_key(&mut items, |&(span, row)| (span.start, Reverse(span.end), row));
        // Lanes that are free, lowest first; and when the others are.
        let mut free: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
        let mut busy: BinaryHeap<Reverse<(i64, usize)>> = BinaryHeap::new();
        let mut tids: Vec<i64> = Vec::new();
        for (span, row) in items {
            while let Some(&Reverse((end, lane))) = busy.peek()
                && end <= span.start
            {
                busy.pop();
                free.push(Reverse(lane));
            }
            let lane = free.pop().map_or(tids.len(), |Reverse(lane)| lane);
            busy.push(Reverse((span.end, lane)));
            if lane == tids.len() {
                let title = match lane {
                    0 => title.to_owned(),
                    n => format!("{title} ({})", n + 1),
                };
                tids.push(self.thread(&title));
            }
            let (name, args) = describe(row);
            self.item(tids[lane], span, &name, args);
        }
    }

    /// A slice; an instant, if it has no length that is known.
    fn item(&mut self, tid: i64, span: Span, name: &str, args: Map<String, Value>) {
        let mut text = br#"{"ph":""#.to_vec();
        text.extend_from_slice(if span.is_empty() { br#"i","s":"t"# } else { b"X" });
        text.extend_from_slice(br#"","cat":""#);
        text.extend_from_slice(OWN_CATEGORY.as_bytes());
        text.extend_from_slice(br#"","name":"#);
        text.extend_from_slice(Value::from(name).to_string().as_bytes());
        for (key, number) in [(&br#","pid":"#[..], self.pid), (br#","tid":"#, tid)] {
            text.extend_from_slice(key);
            push_digits(&mut text, number.unsigned_abs(), 1);
        }
        text.extend_from_slice(br#","ts":"#);
        push_micros(&mut text, span.start);
        if !span.is_empty() {
            text.extend_from_slice(br#","dur":"#);
            push_micros(&mut text, span.len_ns());
        }
        text.extend_from_slice(br#","args":"#);
        text.extend_from_slice(Value::Object(args).to_string().as_bytes());
        text.push(b'}');
        self.out.event(&text);
    }

    fn steps(&mut self, report: &TraceReport) {
        let steps = &report.steps;
        let items = (0..)
            .zip(steps)
            .map(|(row, s)| (stretch(s.start_ns, s.dur_ns), row));
        self.items("Steps", items, |row| {
            let step = &steps[row];
            let phase = sentence_words::phase(step.phase);
            let name = match step.bucket {
                Some(bucket) => format!("{phase} {bucket}"),
                None => phase.to_owned(),
            };
            let args = known([
                ("step", Some(step.index.into())),
                ("engine step", step.engine_step.map(Value::from)),
                ("phase", Some(phase.into())),
                ("period", Some(step.period.word().into())),
                ("bucket", step.bucket.map(|b| b.to_string().into())),
                ("batch", step.batch.map(Value::from)),
                ("tokens", step.tokens.map(Value::from)),
                ("context requests", step.context_requests.map(Value::from)),
                ("context tokens", step.context_tokens.map(Value::from)),
                ("generation requests", step.generation_requests.map(Value::from)),
                ("generation tokens", step.generation_tokens.map(Value::from)),
                ("gap before (ns)", step.gap_before_ns.map(Value::from)),
            ]);
            (name, args)
        });
    }

    fn gaps(&mut self, gaps: &Gaps) {
        let place = match gaps.kind {
            GapKind::Step => format!("Gaps between steps, {}", gaps.r#where),
            GapKind::Device => format!("Gaps of {}", gaps.r#where),
            GapKind::Launch => format!("Gaps between launches, {}", gaps.r#where),
        };
        let n_named = gaps.longest.len() as u64;
        let title = if n_named < gaps.count {
            format!(
                "{place} (the longest {} of {})",
                show::count(n_named),
                show::count(gaps.count)
            )
        } else {
            place
        };
        let items = (0..)
            .zip(&gaps.longest)
            .map(|(row, g)| (stretch(g.start_ns, g.dur_ns), row));
        self.items(&title, items, |row| {
            let gap = &gaps.longest[row];
            let args = known([
                ("says", Some(gap.says.clone().into())),
                ("ns", Some(gap.dur_ns.into())),
                ("step", gap.step.map(Value::from)),
                ("inside the step", Some(gap.inside_step.into())),
            ]);
            (gap.cause.key().to_owned(), args)
        });
    }

    fn compiles(&mut self, report: &TraceReport) {
        let compiles = &report.recompiles;
        let items = (0..)
            .zip(compiles)
            .map(|(row, r)| (stretch(r.start_ns, r.known_ns()), row));
        self.items("Graph compiles", items, |row| {
            let compile = &compiles[row];
            let evidence = serde_json::to_value(compile.evidence).unwrap_or_default();
            let args = known([
                ("evidence", Some(evidence)),
                ("cost (ns)", compile.dur_ns.map(Value::from)),
                ("start is exact", Some(compile.start_is_exact.into())),
                ("step", compile.step.map(Value::from)),
                ("bucket", compile.bucket.map(|b| b.to_string().into())),
                ("period", Some(compile.period.word().into())),
                ("region", compile.region.clone().map(Value::from)),
            ]);
            (compile.name.clone(), args)
        });
    }

    /// A finding stands where its evidence does; those without a place are in the file's header only.
    fn findings(&mut self, report: &TraceReport) {
        let all: Vec<(usize, usize)> = (0..)
            .zip(&report.findings)
            .flat_map(|(f, finding)| (0..finding.evidence.len()).map(move |e| (f, e)))
            .collect();
        let items = (0..).zip(&all).filter_map(|(row, &(f, e))| {
            let evidence = &report.findings[f].evidence[e];
            let start = evidence.start_ns?;
            Some((Span::new(start, evidence.end_ns.unwrap_or(start)), row))
        });
        self.items("Findings", items, |row| {
            let (f, e) = all[row];
            let finding = &report.findings[f];
            let args = known([
                ("says", Some(finding.says.clone().into())),
                ("here", Some(finding.evidence[e].says.clone().into())),
                ("level", serde_json::to_value(finding.level).ok()),
                ("sure", serde_json::to_value(finding.sure).ok()),
                ("cost (ns)", finding.cost_ns.map(Value::from)),
                ("advice", Some(finding.advice.clone().into())),
            ]);
            (finding.id.clone(), args)
        });
    }
}

fn stretch(start: i64, dur: i64) -> Span {
    Span::new(start, start.saturating_add(dur))
}

/// Args, without those that are unknown.
fn known<const N: usize>(args: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let mut known = Map::new();
    for (key, value) in args {
        if let Some(value) = value {
            known.insert(key.to_owned(), value);
        }
    }
    known
}

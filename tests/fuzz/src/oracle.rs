//! The scanner against serde_json: the same events, field by field, of every text that is valid JSON.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use stepscope::base::DefectKind;
use stepscope::ingest::scan::Scanned;
use stepscope::ingest::{ArgKind, ArgSpec, Event, Phase, Scalar, Sink};

pub const WANTED: &[ArgSpec] = &[
    ArgSpec {
        key: "External id",
        kind: ArgKind::Int,
        own_column: false,
    },
    ArgSpec {
        key: "HW event name",
        kind: ArgKind::Text,
        own_column: false,
    },
];

const KEYS: [&str; 7] = ["name", "cat", "pid", "tid", "ts", "dur", "id"];

/// What a scan found, as text.
#[derive(Default)]
pub struct Seen {
    pub events: Vec<String>,
    fields: Vec<Fields>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
}

struct Fields {
    /// By the row in [`KEYS`], as the text has it.
    raw: [Option<Vec<u8>>; KEYS.len()],
    /// Of those, what strings say.
    texts: [Option<Vec<u8>>; KEYS.len()],
    phase: Phase,
    text: Vec<u8>,
    args: Vec<u8>,
    wanted: Vec<(usize, Vec<u8>)>,
}

fn written(value: Scalar<'_>) -> Option<Vec<u8>> {
    match value {
        Scalar::Missing => None,
        Scalar::Null => Some(b"null".to_vec()),
        Scalar::Bare(text) | Scalar::Nested(text) => Some(text.to_vec()),
        Scalar::Text(raw) => Some([b"\"", raw.raw, b"\""].concat()),
    }
}

impl Sink for Seen {
    fn event(&mut self, e: &Event<'_>) {
        let fields = [e.name(), e.category(), e.pid(), e.tid(), e.ts(), e.dur(), e.id()];
        // Every way to read a value must do with any text.
        for field in fields.into_iter().chain(e.wanted_args().map(|(_, value)| value)) {
            let _ = (field.micros(), field.int(), field.float());
            let _ = (field.id(), field.key_number(), field.identity_number());
        }
        let wanted: Vec<_> = e.wanted_args().collect();
        let text = String::from_utf8_lossy(e.text());
        self.events
            .push(format!("{} {:?} {fields:?} {wanted:?} {text}", e.at, e.phase()));
        self.fields.push(Fields {
            raw: fields.map(written),
            texts: fields.map(|field| match field {
                Scalar::Text(raw) => Some(raw.text(&mut Vec::new()).0.to_vec()),
                _ => None,
            }),
            phase: e.phase(),
            text: e.text().to_vec(),
            args: e.args().to_vec(),
            wanted: wanted
                .into_iter()
                .filter_map(|(row, value)| Some((row, written(value)?)))
                .collect(),
        });
    }

    fn header(&mut self, key: &[u8], value: &[u8]) {
        self.headers.push((key.to_vec(), value.to_vec()));
    }
}

impl Seen {
    /// A valid document means what serde_json says. `scanned`: how the scan of `text` ended, if it could be read.
    pub fn must_agree_with_serde_json(&self, text: &[u8], scanned: Option<&Scanned>) {
        let Some(mut values) = values(text) else { return };
        // Writers that put a comma behind each event end their list with an empty object: it is nothing.
        let is_nothing = |value: &RawValue| {
            let inside = value.get().strip_prefix('{');
            inside.is_some_and(|inside| inside.trim_ascii_start() == "}")
        };
        values.retain(|value| !is_nothing(value));
        // In a list of documents one that is a header alone may be first: an object without a phase.
        let first = values.iter().find(|value| value.get().starts_with('{'));
        if first.is_some_and(|first| !first.get().contains("\"ph\"")) {
            return;
        }
        // No tracer writes a phase twice: of two events a hole took what stood between them, and both count as lost. What
        // is left may be an object of JSON by chance.
        if values
            .iter()
            .any(|value| value.get().matches("\"ph\"").count() > 1)
        {
            return;
        }
        let is_object = |value: &&&RawValue| value.get().starts_with('{');
        let events: Vec<_> = values.iter().filter(is_object).collect();
        assert_eq!(self.events.len(), events.len(), "serde_json finds other events");
        if let Some(scanned) = scanned {
            let others = (values.len() - events.len()) as u64;
            assert_eq!(scanned.n_events, events.len() as u64);
            assert_eq!(scanned.defects.count(DefectKind::NotAnEvent), others);
            assert_eq!(
                scanned.defects.count(DefectKind::BadEvent),
                0,
                "nothing is wrong here"
            );
        }
        for (event, fields) in events.into_iter().zip(&self.fields) {
            fields.must_be(event.get());
        }
    }
}

impl Fields {
    fn must_be(&self, event: &str) {
        assert_eq!(self.text, event.as_bytes(), "an event ends where its brace does");
        // A key may be spelled with escapes; no tracer does it, and the scanner does not see it.
        let Ok(expected) = serde_json::from_str::<HashMap<&str, &RawValue>>(event) else {
            return;
        };
        let value = |key: &str| expected.get(key).map(|value| value.get());
        for ((key, found), says) in KEYS.into_iter().zip(&self.raw).zip(&self.texts) {
            assert_eq!(
                found.as_deref(),
                value(key).map(str::as_bytes),
                "{key} of {event}"
            );
            // Half of a surrogate pair is no text for serde_json.
            let text = value(key).and_then(|value| serde_json::from_str::<String>(value).ok());
            if let Some(text) = text {
                assert_eq!(says.as_deref(), Some(text.as_bytes()), "{key} of {event}");
            }
        }
        let phase = value("ph").and_then(|value| serde_json::from_str::<String>(value).ok());
        let letter = phase.as_deref().unwrap_or_default();
        assert_eq!(letter == "X", self.phase == Phase::Complete, "ph of {event}");
        assert_eq!(letter == "M", self.phase == Phase::Metadata, "ph of {event}");

        let args = value("args").filter(|args| args.starts_with('{'));
        assert_eq!(self.args, args.unwrap_or_default().as_bytes(), "args of {event}");
        let Some(args) = args else {
            assert!(self.wanted.is_empty(), "args of {event}");
            return;
        };
        let Ok(args) = serde_json::from_str::<HashMap<&str, &RawValue>>(args) else {
            return;
        };
        for (row, spec) in WANTED.iter().enumerate() {
            let mut spelled = args.iter().filter(|(key, _)| key.eq_ignore_ascii_case(spec.key));
            let (first, is_only) = (spelled.next(), spelled.next().is_none());
            // Of two spellings of one key the last counts, and a map has lost which it was.
            if is_only {
                let found = self.wanted.iter().find(|(of, _)| *of == row);
                assert_eq!(
                    found.map(|(_, value)| &value[..]),
                    first.map(|(_, value)| value.get().as_bytes()),
                    "{} of {event}",
                    spec.key
                );
            }
        }
    }
}

/// Whether an element of a list is a document of its own, written as tracers do.
fn is_document(value: &str) -> bool {
    let starts = [
        "{\"traceEvents\":[{\"ph\":",
        "{\"displayTimeUnit\":",
        "{\"schemaVersion\":",
    ];
    starts.iter().any(|start| value.starts_with(start)) && value.contains("\"traceEvents\":[{\"ph\":")
}

/// The values of the list of events, if `text` is valid JSON and says once what they are.
fn values(text: &[u8]) -> Option<Vec<&RawValue>> {
    #[derive(Deserialize)]
    struct Trace<'a> {
        #[serde(borrow, rename = "traceEvents")]
        events: Vec<&'a RawValue>,
    }
    if let Ok(values) = serde_json::from_slice::<Vec<&RawValue>>(text) {
        // Documents may be elements of a list: the first of them is read here. Behind events, the list ends for us where
        // one starts, and what else holds such a key says nothing of the scanner.
        if let Some(first) = values.first().filter(|value| is_document(value.get())) {
            let document: Trace<'_> = serde_json::from_str(first.get()).ok()?;
            return Some(document.events);
        }
        let holds_list = |value: &&RawValue| value.get().contains("traceEvents\"");
        return (!values.iter().any(holds_list)).then_some(values);
    }
    // An escaped key: `Trace` takes it, and the scanner does not.
    let whole: HashMap<&str, &RawValue> = serde_json::from_slice(text).ok()?;
    whole.get("traceEvents")?;
    let trace: Trace<'_> = serde_json::from_slice(text).ok()?;
    Some(trace.events)
}

//! A report without the names that say whose machine, model and files it is about, to be handed to others.
//!
//! Works on every text of the report, whatever its field: a field that is added later is covered. Paths, files and
//! hosts in a text are told by their form; names of the files read, of hosts in these, and of modules are looked for
//! everywhere.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::analyze::report::{Comparison, Report};

/// What a reader of the stripped report is told.
pub const LEFT_IN: &str = "Names are left out of this report: files, folders, hosts, paths, models and modules, and \
                           tables that a file shows as they stand. Left in: names of kernels, operators, graphs, \
                           threads, python functions and source files; shapes; the device's name; the engine; all \
                           times and counts.";

/// Fields whose values are terms of closed sets: no names.
const TERMS: [&str; 21] = [
    "also",
    "basis",
    "bound",
    "cause",
    "change",
    "device_kind",
    "engine",
    "evidence",
    "family",
    "format",
    "id",
    "kind",
    "level",
    "period",
    "phase",
    "schema",
    "severity",
    "sure",
    "use",
    "verdict",
    "view",
];

/// Words of sentences of ours: a file of such a name is renamed where it stands alone only.
const OWN_WORDS: [&str; 24] = [
    "batch", "calls", "compile", "decode", "device", "graph", "host", "idle", "kernel", "kernels", "launch",
    "mixed", "operator", "phase", "prefill", "profile", "rank", "report", "serving", "step", "steps",
    "table", "trace", "worker",
];

/// Shorter names are those of much else.
const SHORTEST: usize = 3;

/// Files of programs: their names are left in.
const SOURCES: [&str; 14] = [
    "c", "cc", "cpp", "cu", "cuh", "cxx", "go", "h", "hpp", "py", "pyi", "pyx", "rs", "so",
];

/// Files of data: their names are left out.
const DATA: [&str; 22] = [
    "bin",
    "csv",
    "db",
    "gz",
    "hltv",
    "html",
    "json",
    "jsonl",
    "log",
    "md",
    "onnx",
    "pb",
    "pickle",
    "pkl",
    "pt",
    "pth",
    "safetensors",
    "tar",
    "tgz",
    "txt",
    "yaml",
    "zip",
];

/// The last part of a host's name.
const DOMAINS: [&str; 16] = [
    "ai", "cloud", "cluster", "cn", "com", "corp", "de", "edu", "gov", "internal", "intra", "io", "lan",
    "local", "net", "org",
];

/// How architectures of models are called in Python.
const MODEL_CLASSES: [&str; 5] = [
    "ForCausalLM",
    "ForConditionalGeneration",
    "ForSequenceClassification",
    "LMHeadModel",
    "DecoderLayer",
];

const MODULE: &str = "nn.Module: ";

/// The report without names. Fails where it cannot be read back, and gives nothing then.
pub fn stripped(mut report: Report) -> Result<Report, serde_json::Error> {
    let mut names = Names::default();
    // Steps are many, and hold no text of the trace.
    let steps: Vec<_> = report
        .traces
        .iter_mut()
        .map(|trace| std::mem::take(&mut trace.steps))
        .collect();
    for (n, trace) in (1..).zip(&mut report.traces) {
        names.file(&mut trace.file, format!("trace {n}"));
        if let Some(metrics) = &mut trace.metrics {
            names.file(&mut metrics.file, "metrics file".to_owned());
        }
        if let Some(table) = &mut trace.table {
            names.file(&mut table.file, "operator table".to_owned());
        }
        for module in &trace.modules {
            names.module(&module.name);
        }
        let Some(beside) = &mut trace.beside else { continue };
        if let Some(worker) = &mut beside.worker {
            names.file(worker, format!("worker {n}"));
        }
        for (n, table) in (1..).zip(&mut beside.tables) {
            names.file(&mut table.file, format!("table {n}"));
        }
        for (n, file) in (1..).zip(&mut beside.files) {
            names.file(&mut file.path, format!("file {n}"));
        }
        beside.plain_tables.clear();
        beside.kernel_rows = None;
    }
    if let Some(workers) = &mut report.workers {
        for (n, row) in (1..).zip(&mut workers.rows) {
            let other = names.known.get(&row.name).cloned();
            names.file(&mut row.name, other.unwrap_or_else(|| format!("worker {n}")));
            if let Some(trace) = &mut row.trace {
                names.file(trace, format!("trace {n}"));
            }
        }
    }
    let mut report: Report = without(&report, names)?;
    for (trace, steps) in report.traces.iter_mut().zip(steps) {
        trace.steps = steps;
    }
    if let Some(first) = report.traces.first_mut() {
        first.notes.insert(0, LEFT_IN.to_owned());
    }
    Ok(report)
}

/// The same of two traces.
pub fn stripped_comparison(mut of: Comparison) -> Result<Comparison, serde_json::Error> {
    let mut names = Names::default();
    names.file(&mut of.a.file, "trace 1".to_owned());
    names.file(&mut of.b.file, "trace 2".to_owned());
    let mut of: Comparison = without(&of, names)?;
    of.says = format!("{} {LEFT_IN}", of.says);
    Ok(of)
}

fn without<T: Serialize + DeserializeOwned>(of: &T, mut names: Names) -> Result<T, serde_json::Error> {
    let mut value = serde_json::to_value(of)?;
    each_text(&mut value, "", &mut |_, text| names.learn(text));
    names.done();
    each_text(&mut value, "", &mut |key, text| {
        if !TERMS.contains(&key) {
            *text = names.without(key, text);
        }
    });
    serde_json::from_value(value)
}

/// Every text with the key that it stands under, or its list.
fn each_text(value: &mut Value, key: &str, with: &mut dyn FnMut(&str, &mut String)) {
    match value {
        Value::String(text) => with(key, text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, key, with)),
        Value::Object(fields) => fields
            .iter_mut()
            .for_each(|(key, item)| each_text(item, key, with)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

const NUMBERED: &str = "module ";

/// Names that are left out, and what stands in their place.
#[derive(Default)]
struct Names {
    known: FxHashMap<String, String>,
    /// Classes of modules, by what stands in their place.
    modules: FxHashMap<String, String>,
    /// How long the known names are, in bytes, longest first.
    lengths: Vec<usize>,
    models: FxHashMap<String, String>,
    paths: FxHashMap<String, String>,
    files: FxHashMap<String, String>,
}

impl Names {
    /// A file, folder or archive; its name becomes `other`.
    fn file(&mut self, name: &mut String, other: String) {
        let whole = std::mem::replace(name, other.clone());
        for part in whole.split(is_separator).chain([&*whole]) {
            self.known_name(part, &other);
            self.known_name(stem(part), &other);
            if let Some(host) = host_of(part) {
                self.known_name(host, "host");
            }
        }
    }

    fn known_name(&mut self, name: &str, other: &str) {
        let is_plain = name.bytes().all(|b| b.is_ascii_lowercase());
        if name.len() < SHORTEST || is_plain && OWN_WORDS.contains(&name) || is_number(name) {
            return;
        }
        match self.known.get_mut(name) {
            // Of several files of one name, no text says which.
            Some(first) if first != other => {
                *first = other
                    .trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ')
                    .to_owned();
            }
            Some(_) => {}
            None => drop(self.known.insert(name.to_owned(), other.to_owned())),
        }
    }

    /// A module as recorded, `Linear_3`; gives what stands in its place.
    fn module(&mut self, name: &str) -> String {
        let (class, instance) = instance(name);
        let next = self.modules.len() + 1;
        let other = self
            .modules
            .entry(class.to_owned())
            .or_insert_with(|| format!("{NUMBERED}{next}"));
        format!("{other}{instance}")
    }

    /// Takes note of modules and models that a text names.
    fn learn(&mut self, text: &str) {
        if let Some((_, module)) = text.split_once(MODULE) {
            self.module(module);
        }
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            let is_class = |end: &str| word.len() > end.len() && word.ends_with(end);
            if MODEL_CLASSES.iter().any(|end| is_class(end)) {
                self.module(word);
            }
        }
        for word in text.split(is_delimiter).map(bare) {
            // `organisation/Model-7B`
            let Some((_, model)) = word.split_once('/') else {
                continue;
            };
            let is_model = |text: &str| text.contains(|c: char| c.is_ascii_digit()) && text.contains('-');
            if !model.contains('/') && ending(model, &SOURCES).is_none() && is_model(model) {
                self.known_name(model, "model");
            }
        }
    }

    /// Before texts are gone through: classes are looked for everywhere, too, where they are no words of ours.
    fn done(&mut self) {
        for (class, other) in &self.modules {
            if class.len() >= SHORTEST && class.contains(|c: char| c.is_uppercase()) {
                self.known.insert(class.clone(), other.clone());
            }
        }
        let lengths: BTreeSet<usize> = self.known.keys().map(String::len).collect();
        self.lengths = lengths.into_iter().rev().collect();
    }

    fn without(&mut self, key: &str, text: &str) -> String {
        if let Some((before, module)) = text.split_once(MODULE) {
            let before = self.without(key, before);
            return format!("{before}{MODULE}{}", self.module(module));
        }
        if key == "name" && self.modules.contains_key(instance(text).0) {
            return self.module(text);
        }
        // A python frame, `folder/file.py(12): function`: whatever the folder is called.
        let path = text.find(".py(").filter(|_| ["name", "stack"].contains(&key));
        let text = match path.map(|at| text.split_at(at + ".py".len())) {
            Some((path, function)) if path.contains(is_separator) => {
                format!("{}{function}", self.source(path))
            }
            _ => text.to_owned(),
        };
        let text = self.without_known(&text);
        let mut out = String::with_capacity(text.len());
        let mut rest = &*text;
        while !rest.is_empty() {
            let end = rest.find(is_delimiter).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            out.push_str(&self.word(word));
            let delimiter = after.chars().next().map_or(0, char::len_utf8);
            out.push_str(&after[..delimiter]);
            rest = &after[delimiter..];
        }
        out
    }

    fn without_known(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        let mut may_start = true;
        while let Some(c) = text[at..].chars().next() {
            let found = self.lengths.iter().filter(|_| may_start).find_map(|&length| {
                let name = text.get(at..at + length)?;
                let ends = !text[at + length..].starts_with(|c: char| c.is_alphanumeric());
                self.known.get(name).filter(|_| ends).map(|other| (length, other))
            });
            match found {
                Some((length, other)) => {
                    out.push_str(other);
                    at += length;
                    may_start = false;
                }
                None => {
                    out.push(c);
                    at += c.len_utf8();
                    may_start = !c.is_alphanumeric();
                }
            }
        }
        out
    }

    /// A program's file without its folder; one that is called by a model, without that name.
    fn source(&mut self, path: &str) -> String {
        let mut folders: Vec<&str> = path.split(is_separator).collect();
        let file = folders.pop().unwrap_or_default();
        if !folders.iter().any(|folder| OF_MODELS.contains(folder)) {
            return file.to_owned();
        }
        let (name, ending) = file.split_once('.').unwrap_or((file, ""));
        format!("{}.{ending}", numbered(&mut self.models, name, "model"))
    }

    /// A word without blanks: a path, a file of data, a host, or as it is.
    fn word(&mut self, word: &str) -> String {
        let inner = bare(word);
        let Some(start) = word.find(inner).filter(|_| !inner.is_empty()) else {
            return word.to_owned();
        };
        let other = if inner.contains(is_separator) {
            if is_ratio(inner) {
                return word.to_owned();
            }
            let last = inner.rsplit(is_separator).next().unwrap_or_default();
            match ending(last, &SOURCES) {
                Some(_) => self.source(inner),
                None => numbered(&mut self.paths, inner, "path"),
            }
        } else if ending(inner, &DATA).is_some() {
            numbered(&mut self.files, inner, "file")
        } else if is_host(inner) {
            "host".to_owned()
        } else {
            return word.to_owned();
        };
        format!("{}{other}{}", &word[..start], &word[start + inner.len()..])
    }
}

/// Folders whose files are called by the models in them.
const OF_MODELS: [&str; 2] = ["models", "transformers_modules"];

fn numbered(of: &mut FxHashMap<String, String>, name: &str, noun: &str) -> String {
    let next = of.len() + 1;
    of.entry(name.to_owned())
        .or_insert_with(|| format!("{noun} {next}"))
        .clone()
}

fn is_separator(c: char) -> bool {
    c == '/' || c == '\\'
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || "\"'`,;()[]{}<>=|".contains(c)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Without the marks that end a sentence.
fn bare(word: &str) -> &str {
    word.trim_end_matches(['.', ':', '!', '?'])
}

/// `GB/s`, `0/2`: no path. One slash, and it does not stand first.
fn is_ratio(word: &str) -> bool {
    let Some((over, under)) = word.split_once('/') else {
        return false;
    };
    // `Synapse/*Host Profiler` is a thread.
    is_number(over) && is_number(under)
        || under.starts_with('*') && !over.is_empty()
        || ["s", "step", "call", "token"].contains(&under) && over.len() <= 6
}

/// The ending of a file's name, if it is one of these; a line may stand behind it: `a.py:12`.
fn ending<'a>(file: &'a str, of: &[&str]) -> Option<&'a str> {
    let file = match file.rsplit_once(':') {
        Some((file, line)) if is_number(line) => file,
        _ => file,
    };
    let (name, ending) = file.rsplit_once('.')?;
    (!name.is_empty() && of.contains(&&*ending.to_ascii_lowercase())).then_some(ending)
}

/// `Linear_3` -> `Linear`, `_3`.
fn instance(module: &str) -> (&str, &str) {
    match module.rsplit_once('_') {
        Some((class, number)) if is_number(number) && !class.is_empty() => module.split_at(class.len()),
        _ => (module, ""),
    }
}

/// A file's name without its endings.
fn stem(file: &str) -> &str {
    let mut stem = file;
    for ending in [
        ".gz", ".json", ".trace", ".pt", ".csv", ".txt", ".zip", ".tar", ".hltv",
    ] {
        stem = stem.strip_suffix(ending).unwrap_or(stem);
    }
    stem
}

/// The host in the name that a profiler gives: `host_4711.1700000000.pt.trace.json`, `host_4711_2024_ascend_pt`.
fn host_of(file: &str) -> Option<&str> {
    let is_profiler = [".pt.trace.json", "_ascend_pt", "_ascend_ms"];
    if !is_profiler.iter().any(|mark| file.contains(mark)) {
        return None;
    }
    file.match_indices('_').find_map(|(at, _)| {
        let rest = &file[at + 1..];
        let pid = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let ends = rest[pid..].starts_with(['.', '_']);
        (pid >= 2 && ends && at > 0).then(|| &file[..at])
    })
}

/// An address, or a name with a domain.
fn is_host(word: &str) -> bool {
    let name = match word.rsplit_once(':') {
        Some((name, port)) if is_number(port) => name,
        _ => word,
    };
    let name = name.rsplit_once('@').map_or(name, |(_, host)| host);
    let parts: Vec<&str> = name.split('.').collect();
    if parts.len() == 4 && parts.iter().all(|part| part.parse::<u8>().is_ok()) {
        return true;
    }
    let is_label =
        |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    let last = parts.last().copied().unwrap_or_default();
    parts.len() >= 2 && DOMAINS.contains(&last) && parts.iter().all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::report::{Finding, ModuleRow, Operator, Phase, SCHEMA, Step, StepGroup, TraceReport};
    use crate::analyze::report::{Level, Sure};
    use crate::export::{Made, report_html, report_json, report_markdown, report_text};

    /// All that must not be told.
    const SECRETS: [&str; 12] = [
        "gandalf",
        "alice",
        "acme",
        "Llama",
        "Falcon-7B",
        "MixtralForCausalLM",
        "Rotary",
        "node17",
        "10.1.2.3",
        "secret",
        "weights",
        "palantir",
    ];

    fn operator(name: &str) -> Operator {
        Operator {
            name: name.to_owned(),
            count: 1,
            stack: vec![
                "/home/alice (x)/acme/vllm/worker.py(12): execute".to_owned(),
                "nn.Module: LlamaMLP_7".to_owned(),
            ],
            ..Operator::default()
        }
    }

    fn report() -> Report {
        let trace = TraceReport {
            file: "gandalf_4711.170000.pt.trace.json.gz".to_owned(),
            format: "torch".to_owned(),
            notes: vec![
                "The second of 2 traces in gandalf_4711.170000.pt.trace.json.gz on gandalf.".to_owned(),
                "See secret-notes.txt, C:\\acme\\weights.bin and https://node17.acme.com/weights.".to_owned(),
                "node17.acme.internal (10.1.2.3:8000) served tiiuae/Falcon-7B: Falcon-7B at 3 GB/s, 0/2."
                    .to_owned(),
            ],
            steps: vec![Step {
                step_ns: Some(5),
                ..Step::default()
            }],
            step_groups: vec![StepGroup {
                phase: Phase::Decode,
                ..StepGroup::default()
            }],
            python: vec![
                operator("/opt/acme/llm/engine.py(9): step"),
                operator("nn.Module: Rotary_12"),
                operator("/opt/vllm/model_executor/models/palantir.py(588): forward"),
            ],
            operators: vec![operator("aten::mm"), operator("MixtralForCausalLM.forward")],
            operators_by_stack: vec![operator("aten::add_")],
            modules: vec![ModuleRow {
                name: "LlamaMLP_7".to_owned(),
                parent: None,
                depth: 0,
                count: 1,
                total_ns: 5,
                self_ns: 5,
                total_device_ns: None,
                self_device_ns: None,
                longest_slice: 0,
            }],
            findings: vec![Finding {
                id: "largest-operator".to_owned(),
                level: Level::Hint,
                sure: Sure::Derived,
                says: "LlamaMLP takes most, by vllm/models/palantir.py(588), in /home/alice/secret/run.sh."
                    .to_owned(),
                cost_ns: None,
                evidence: Vec::new(),
                advice: String::new(),
                view: "python".to_owned(),
            }],
            ..TraceReport::default()
        };
        Report {
            schema: SCHEMA.to_owned(),
            traces: vec![trace],
            workers: None,
            ranks: None,
        }
    }

    #[test]
    fn no_name_of_a_file_host_path_model_or_module_is_in_any_output() {
        let whole = report();
        let stripped = stripped(whole.clone()).unwrap();
        let outputs = |report: &Report| {
            [
                report_html(report, &Made::default()),
                report_markdown(report).replace('\\', ""),
                report_text(report),
                report_json(report),
            ]
        };
        let all = outputs(&whole).join("\n");
        for secret in SECRETS {
            assert!(all.contains(secret), "the test shows nothing of {secret}");
        }
        for output in outputs(&stripped) {
            for secret in SECRETS {
                assert!(!output.contains(secret), "{secret} in {output}");
            }
            assert!(output.contains("Left in: names of kernels"), "{output}");
        }
    }

    #[test]
    fn what_is_no_name_stays() {
        let stripped = stripped(report()).unwrap();
        let trace = &stripped.traces[0];
        assert_eq!(trace.file, "trace 1");
        assert_eq!(trace.steps.len(), 1);
        assert_eq!(trace.step_groups[0].phase, Phase::Decode);
        assert_eq!(trace.python[0].name, "engine.py(9): step");
        assert_eq!(trace.python[2].name, "model 1.py(588): forward");
        assert_eq!(trace.operators[0].name, "aten::mm");
        assert_eq!(trace.operators[0].stack[0], "worker.py(12): execute");
        let module = &trace.modules[0].name;
        assert_eq!(trace.operators[0].stack[1], format!("nn.Module: {module}"));
        assert!(trace.notes[3].ends_with("at 3 GB/s, 0/2."), "{}", trace.notes[3]);
    }

    #[test]
    fn files_of_one_name_are_told_apart_by_their_place_alone() {
        let mut report = report();
        let mut second = report.traces[0].clone();
        second.notes = vec!["In gandalf_4711.170000.pt.trace.json.gz.".to_owned()];
        report.traces.push(second);
        let stripped = stripped(report).unwrap();
        assert_eq!(
            [&*stripped.traces[0].file, &*stripped.traces[1].file],
            ["trace 1", "trace 2"]
        );
        assert_eq!(stripped.traces[1].notes, ["In trace."]);
    }

    #[test]
    fn a_file_that_is_called_as_a_word_of_ours_changes_no_sentence() {
        let mut report = report();
        report.traces[0].file = "decode".to_owned();
        report.traces[0].format = "torch".to_owned();
        report.traces[0].modules[0].name = "decode".to_owned();
        report.traces[0].findings[0].says = "A decode step takes 5 ns.".to_owned();
        let stripped = stripped(report).unwrap();
        assert_eq!(stripped.traces[0].file, "trace 1");
        assert_eq!(stripped.traces[0].findings[0].says, "A decode step takes 5 ns.");
    }
}

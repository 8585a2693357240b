//! The rules of ARCHITECTURE.md that a machine can check: who imports whom, who names the browser, who names
//! a vendor, what lies at the top, how long a line is.
//!
//! Sources are read as tokens, so neither a comment nor a line break hides an import. What stands under
//! `#[cfg(test)]`, and files called `tests.rs`, are left out, except where lines are measured.

use std::fs;
use std::path::{Path, PathBuf};

/// A module, and which others it may import beside itself.
const MAY_IMPORT: [(&str, &[&str]); 20] = [
    ("base", &[]),
    ("ingest", &["base"]),
    ("index", &["base", "ingest"]),
    ("dialect", &["base", "ingest", "index"]),
    ("analyze", &["base", "ingest", "index", "dialect"]),
    ("table", &["base", "dialect", "analyze"]),
    ("plot", &["base", "dialect", "analyze"]),
    (
        "view",
        &["base", "ingest", "index", "dialect", "analyze", "table", "plot"],
    ),
    // A cut-out reads the file's text again, beside what the index knows of it.
    (
        "export",
        &[
            "base", "ingest", "index", "dialect", "analyze", "table", "plot", "view",
        ],
    ),
    ("synth", &["base"]),
    // Of `ingest` it uses what one worker tells the other of a file.
    ("protocol", &["base", "ingest", "table", "view"]),
    (
        "session",
        &[
            "base", "ingest", "index", "dialect", "analyze", "table", "view", "export", "synth", "protocol",
        ],
    ),
    // The worker's half of `web` drives a session; the page's half and `app` see none of the engine.
    ("web/worker", &["base", "view", "synth", "protocol", "session"]),
    ("web", &["base", "table", "view", "protocol"]),
    ("app", &["base", "table", "view", "protocol", "web"]),
    // The packages' own files, which name their modules.
    ("lib", &[]),
    ("engine", &[]),
    ("reading", &[]),
    // Packages of their own, natively only.
    ("columnar", &[]),
    ("disk", &[]),
];

/// Files that run in the browser, and may name it.
const BROWSER: [&str; 4] = ["src/web/", "src/app/", "src/bin/app.rs", "src/bin/worker.rs"];
const BROWSER_CRATES: [&str; 8] = [
    "gloo",
    "js_sys",
    "serde_wasm_bindgen",
    "wasm_bindgen",
    "wasm_bindgen_futures",
    "web_sys",
    "web_time",
    "yew",
];

/// Words that belong in a dialect. The engines' names `mme`, `tpc`, `dma`, `nic` are fixed names of the report.
const VENDOR_WORDS: [&str; 19] = [
    "ascend", "cann", "cuda", "gaudi", "habana", "hccl", "hpu", "huawei", "intel", "nccl", "npu", "nvidia",
    "rccl", "rocm", "sglang", "synapse", "vllm", "xccl", "xpu",
];
/// Values of the report's fields that scripts rely on (`device_kind`, `format`).
const FIXED_VALUES: [&str; 6] = ["cuda", "hpu", "npu", "rocm", "xpu", "gaudi-highlevel"];

/// Columns. The formatter keeps code within 110, but leaves macros, comments and what holds a long text alone.
const LONGEST_LINE: usize = 120;

const TOP: [&str; 25] = [
    ".cargo",
    ".ci",
    ".github",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "Trunk.toml",
    "benches",
    "clippy.toml",
    "deny.toml",
    "docs",
    "index.html",
    "python",
    "rustfmt.toml",
    "src",
    "tests",
    "webdriver.json",
    "www",
    "xtask",
];

#[test]
fn imports_point_the_way_of_the_data() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some((module, may)) = module_of(&source.path) else {
            continue;
        };
        for (imported, line) in imports(&source.tokens) {
            let known = MAY_IMPORT.iter().any(|(name, _)| *name == imported);
            if known && imported != module && !may.contains(&&*imported) {
                wrong.push(format!("{}:{line}: {module} imports {imported}", source.path));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_module_has_its_place_in_the_order() {
    let mut unplaced = Vec::new();
    for source in sources() {
        if !source.path.starts_with("src/bin/") && module_of(&source.path).is_none() {
            unplaced.push(source.path);
        }
    }
    assert_eq!(unplaced, [""; 0], "add the module to MAY_IMPORT");
}

#[test]
fn the_page_never_sees_the_engine() {
    for source in sources().iter().filter(|source| source.path == "src/bin/app.rs") {
        for (imported, line) in paths_from("stepscope", &source.tokens) {
            let fine = ["app", "base", "protocol", "view", "web"].contains(&&*imported);
            assert!(fine, "{}:{line}: the page imports {imported}", source.path);
        }
    }
}

#[test]
fn only_the_shell_names_the_browser() {
    let mut wrong = Vec::new();
    for source in sources() {
        if BROWSER.iter().any(|shell| source.path.starts_with(shell)) {
            continue;
        }
        for token in &source.tokens {
            if token.kind == Kind::Word && BROWSER_CRATES.contains(&&*token.text) {
                wrong.push(format!("{}:{}: {}", source.path, token.line, token.text));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn an_analysis_names_no_vendor() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.path.starts_with("src/analyze/") {
            continue;
        }
        for token in &source.tokens {
            // `Evidence::Synapse` is the fixed value `"synapse"` of the report, as a variant.
            let fixed_variant = token.kind == Kind::Word && token.text == "Synapse";
            if fixed_variant || token.kind == Kind::Text && FIXED_VALUES.contains(&&*token.text) {
                continue;
            }
            for word in words(&token.text) {
                if VENDOR_WORDS.contains(&&*word) {
                    wrong.push(format!(
                        "{}:{}: {word} in {:?}",
                        source.path, token.line, token.text
                    ));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0], "a vendor's word belongs in src/dialect");
}

#[test]
fn lines_are_broken_where_the_formatter_does_not_reach() {
    let mut wrong = Vec::new();
    for (path, text) in texts() {
        let lines = long_lines(&text);
        wrong.extend(lines.into_iter().map(|line| format!("{path}:{line}")));
    }
    assert_eq!(wrong, [""; 0], "longer than {LONGEST_LINE} columns");
}

#[test]
fn the_top_holds_what_is_expected() {
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap();
    let ignored: Vec<_> = ignored
        .lines()
        .map(|line| line.trim_end_matches('/'))
        .chain([".git"])
        .collect();
    let mut unexpected = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !TOP.contains(&&*name) && !ignored.contains(&&*name) {
            unexpected.push(name);
        }
    }
    assert_eq!(unexpected, [""; 0], "the top level is given; see TOP");
}

// The checks above would pass on anything if the reading were wrong: so this is checked, too.

#[test]
fn imports_are_found_however_they_are_written() {
    let tokens = tokens(
        "use crate::base::Ts;
         use crate::{index::Slices, dialect::{Term, crate_like}, view};
         // use crate::app::App;
         fn f() { let text = \"crate::web\"; crate :: session\n::open(r#\"crate::web\"#, 'a', '\\'', x::<'a>()); }
         #[cfg(test)]
         mod tests { use crate::protocol::engine; }
         pub(crate) struct After;
         use crate::export::csv;",
    );
    let found: Vec<_> = imports(&without_tests(tokens))
        .into_iter()
        .map(|(name, line)| format!("{line} {name}"))
        .collect();
    assert_eq!(
        found,
        [
            "1 base",
            "2 index",
            "2 dialect",
            "2 view",
            "4 session",
            "9 export"
        ]
    );
}

#[test]
fn long_lines_are_found_and_texts_let_be() {
    let long = "x".repeat(LONGEST_LINE);
    let lines = [
        format!("let {long} = 1;"),
        format!("// {long}"),
        format!("/// | a table's row | {long} |"),
        format!("    \"{long}\","),
        format!("    {{ \"{long}\" }}"),
        format!("    r#\"{long}\"#;"),
        format!("let a = \"{long}\";"),
        format!("f(\"a\", \"{long}\")"),
        "let text = \"starts here".to_owned(),
        format!("{long} and goes on"),
        format!("{long} to its end\");"),
        "ä".repeat(LONGEST_LINE),
    ];
    assert_eq!(long_lines(&lines.join("\n")), [1, 2, 7, 8]);
}

#[test]
fn words_are_found_in_any_case() {
    assert_eq!(words("HpuGraph"), ["hpu", "graph"]);
    assert_eq!(words("is_vLLM"), ["is", "v", "llm", "vllm"]);
    assert_eq!(words("vllm:e2e"), ["vllm", "e2e"]);
    assert_eq!(words("VLLM_PT"), ["vllm", "pt"]);
    assert_eq!(words("intellect"), ["intellect"]);
}

struct Source {
    /// From the top, with `/`.
    path: String,
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq)]
struct Token {
    kind: Kind,
    text: String,
    line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// An identifier, a keyword or a number.
    Word,
    /// What a string literal says.
    Text,
    /// One character of punctuation.
    Mark,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source of the package, without its tests.
fn sources() -> Vec<Source> {
    texts()
        .into_iter()
        .filter(|(path, _)| !path.ends_with("/tests.rs"))
        .map(|(path, text)| Source {
            path,
            tokens: without_tests(tokens(&text)),
        })
        .collect()
}

/// Path, from the top and with `/`, and text of every source of the package.
fn texts() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    assert!(files.len() > 20, "the sources are not where this test looks");
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let path = file.strip_prefix(root()).unwrap().to_str().unwrap();
            (path.replace('\\', "/"), text)
        })
        .collect()
}

/// Lines that are too long, counted from 1. What cannot be broken may be: a row of a table in a comment, and a line
/// that is nothing but one text, or a part of it, with the punctuation around it.
fn long_lines(source: &str) -> Vec<usize> {
    let is_long = |line: &str| line.chars().count() > LONGEST_LINE;
    if !source.lines().any(is_long) {
        return Vec::new();
    }
    let tokens = tokens(source);
    let is_one_text = |number: usize| {
        let mut texts = 0;
        let only_punctuation = tokens.iter().all(|token| match token.kind {
            Kind::Text => {
                let last = token.line + token.text.matches('\n').count();
                texts += usize::from((token.line..=last).contains(&number));
                true
            }
            Kind::Word => token.line != number,
            Kind::Mark => token.line != number || "(){}[],;".contains(&token.text),
        });
        only_punctuation && texts == 1
    };
    let is_row = |line: &str| {
        let line = line.trim_start();
        line.starts_with("//! |") || line.starts_with("/// |")
    };
    let numbered = (1..).zip(source.lines());
    let long = numbered.filter(|(number, line)| is_long(line) && !is_row(line) && !is_one_text(*number));
    long.map(|(number, _)| number).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// `src/index/trace_columns.rs` -> `index` and what it may import. `None`: a program, or a module without a place.
fn module_of(path: &str) -> Option<(&'static str, &'static [&'static str])> {
    let path = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let holds = |module: &str| {
        path.strip_prefix(module)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    MAY_IMPORT.into_iter().find(|(module, _)| holds(module))
}

fn imports(tokens: &[Token]) -> Vec<(String, usize)> {
    paths_from("crate", tokens)
}

/// The first names behind `start::`, with their lines; of `start::{a::b, c}`, both.
fn paths_from(start: &str, tokens: &[Token]) -> Vec<(String, usize)> {
    let is = |i: usize, text: &str| {
        tokens
            .get(i)
            .is_some_and(|token| token.kind != Kind::Text && token.text == text)
    };
    let mut found = Vec::new();
    for i in 0..tokens.len() {
        if !(is(i, start) && is(i + 1, ":") && is(i + 2, ":")) {
            continue;
        }
        let mut names = vec![i + 3];
        if is(i + 3, "{") {
            names.clear();
            let (mut depth, mut j) = (1, i + 4);
            while depth > 0 && j < tokens.len() {
                if depth == 1 && (is(j - 1, "{") || is(j - 1, ",")) {
                    names.push(j);
                }
                depth += i32::from(is(j, "{")) - i32::from(is(j, "}"));
                j += 1;
            }
        }
        let words = names
            .into_iter()
            .filter_map(|j| tokens.get(j))
            .filter(|token| token.kind == Kind::Word);
        found.extend(words.map(|token| (token.text.clone(), token.line)));
    }
    found
}

/// Leaves out each item under `#[cfg(test)]` or `#[cfg(all(test, …))]`: all up to its `;` or closing brace.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let is = |i: usize, text: &str| {
        tokens
            .get(i)
            .is_some_and(|token| token.kind != Kind::Text && token.text == text)
    };
    let mut kept = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let all = usize::from(is(i + 4, "all")) * 2;
        let is_test =
            is(i, "#") && is(i + 1, "[") && is(i + 2, "cfg") && is(i + 3, "(") && is(i + 4 + all, "test");
        if !is_test {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        while i < tokens.len() && !is(i, "]") {
            i += 1;
        }
        let mut depth = 0;
        while i < tokens.len() {
            depth += i32::from(is(i, "{")) - i32::from(is(i, "}"));
            let ends = depth == 0 && (is(i, "}") || is(i, ";"));
            i += 1;
            if ends {
                break;
            }
        }
    }
    kept
}

/// As much of Rust's lexing as is needed: comments go, string literals keep what they say.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let (mut i, mut line) = (0, 1);
    while i < chars.len() {
        let start = i;
        let c = chars[i];
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            loop {
                depth +=
                    i32::from(at(i) == '/' && at(i + 1) == '*') - i32::from(at(i) == '*' && at(i + 1) == '/');
                i += 1;
                if depth == 0 || i >= chars.len() {
                    i += 1;
                    break;
                }
            }
        } else if c == 'b'
            && (matches!(at(i + 1), '"' | '\'') || (at(i + 1) == 'r' && matches!(at(i + 2), '"' | '#')))
        {
            // b"…", br"…" and b'…' are like others without the b.
            i += 1;
        } else if c == '"' {
            i += 1;
            while i < chars.len() && chars[i] != '"' {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            let end = i.min(chars.len());
            tokens.push(Token {
                kind: Kind::Text,
                text: chars[start + 1..end].iter().collect(),
                line,
            });
            i += 1;
        } else if c == 'r' && (at(i + 1) == '"' || (at(i + 1) == '#' && matches!(at(i + 2), '#' | '"'))) {
            let hashes = chars[i + 1..].iter().take_while(|c| **c == '#').count();
            let text = i + hashes + 2;
            i = text;
            let ends = |i: usize| at(i) == '"' && (1..=hashes).all(|n| at(i + n) == '#');
            while i < chars.len() && !ends(i) {
                i += 1;
            }
            tokens.push(Token {
                kind: Kind::Text,
                text: chars[text..i.min(chars.len())].iter().collect(),
                line,
            });
            i += hashes + 1;
        } else if c == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            i += 2 + usize::from(at(i + 1) == '\\');
            while i < chars.len() && chars[i] != '\'' {
                i += 1;
            }
            i += 1;
        } else if c.is_alphanumeric() || c == '_' {
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            tokens.push(Token {
                kind: Kind::Word,
                text: chars[start..i].iter().collect(),
                line,
            });
        } else {
            if !c.is_whitespace() {
                tokens.push(Token {
                    kind: Kind::Mark,
                    text: c.to_string(),
                    line,
                });
            }
            i += 1;
        }
        line += chars[start..i.min(chars.len())]
            .iter()
            .filter(|c| **c == '\n')
            .count();
    }
    tokens
}

/// The words of an identifier or a sentence, in small letters: `HpuGraph` has `hpu` and `graph`. A part that
/// mixes its cases within (`vLLM`) counts whole as well.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
    {
        let mut humps = vec![String::new()];
        let mut previous_small = false;
        for c in part.chars() {
            if c.is_uppercase() && previous_small {
                humps.push(String::new());
            }
            previous_small = !c.is_uppercase();
            if let Some(hump) = humps.last_mut() {
                hump.extend(c.to_lowercase());
            }
        }
        let whole = part.to_lowercase();
        let starts_small = part.starts_with(char::is_lowercase);
        if humps.len() > 1 && starts_small {
            humps.push(whole);
        }
        words.extend(humps);
    }
    words
}

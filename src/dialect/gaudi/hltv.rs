//! `.hltv`, what Gaudi's profiler leaves for the vendor's viewer: an archive of which no description is public.
//!
//! What is known, and from where: it is a zip (Intel's `slicing_analyzer.py` and `trace_analyzer.py` read it as one)
//! or a tar.gz (seen by others), and holds the files below. Nothing else about it is claimed here: every file is
//! listed with its size, JSON is shown and analysed, and what needs Intel's own parser is said to.
//!
//! | file | what it is | what is done |
//! |---|---|---|
//! | `prof-data/host/host_trace.json` | host calls as trace events, µs of a clock of their own | opened as the trace |
//! | `views/trace_analyzer.json` | `analyzer_metadata`: one object a node | a table |
//! | `prof-data/post-graph/*.json` | recipes: nodes and tensors of each graph | two tables |
//! | `prof-data/bin/*.bin` | raw device trace | named; `synprof_parser` reads it |
//! | any JSON with `traceEvents` | a trace | opened, if there is no host trace |

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::dialect::plain_table::PlainTable;

/// What a file in the archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    HostTrace,
    Analyzer,
    PostGraph,
    /// JSON of unknown content: a trace, perhaps.
    Json,
    RawDeviceTrace,
    Other,
}

impl Part {
    /// By its path in the archive.
    pub fn of(path: &str) -> Part {
        let is_json = path.ends_with(".json");
        if path.ends_with("prof-data/host/host_trace.json") {
            Part::HostTrace
        } else if path.ends_with("views/trace_analyzer.json") {
            Part::Analyzer
        } else if path.contains("prof-data/post-graph/") && is_json {
            Part::PostGraph
        } else if path.contains("prof-data/bin/") {
            Part::RawDeviceTrace
        } else if is_json {
            Part::Json
        } else {
            Part::Other
        }
    }

    /// For people: what it is, and what became of it.
    pub fn says(self) -> &'static str {
        match self {
            Part::HostTrace => "host calls as trace events: opened as the trace",
            Part::Analyzer => "the vendor's trace analyzer: shown as a table",
            Part::PostGraph => "graphs after compiling: shown as tables",
            Part::Json => "JSON",
            Part::RawDeviceTrace => {
                "raw device trace: needs Intel's synprof_parser (--csv or --json), nothing is decoded here"
            }
            Part::Other => "not described in public; not read",
        }
    }
}

/// Whether these paths are those of an `.hltv`, whatever the archive is called.
pub fn is_one<'a>(mut paths: impl Iterator<Item = &'a str>) -> bool {
    paths.any(|path| {
        path.starts_with("prof-data/")
            || path.contains("/prof-data/")
            || path.ends_with("views/trace_analyzer.json")
    })
}

/// Tables of `views/trace_analyzer.json`; `None`: it holds no such list.
pub fn analyzer_table(source: &str, text: &[u8]) -> Option<PlainTable> {
    let whole: Value = serde_json::from_slice(text).ok()?;
    let nodes = whole.get("analyzer_metadata")?.as_array()?;
    Some(PlainTable::of_objects(
        "Nodes, by the vendor's trace analyzer",
        source,
        "One row a node of the graph, with the columns and units of the vendor's trace analyzer; nothing is computed here.",
        nodes.iter(),
    ))
}

/// Recipes, and their nodes, of `post-graph/*.json`. A file that is none adds nothing and says `false`.
pub fn add_post_graph(text: &[u8], recipes: &mut PlainTable, nodes: &mut PlainTable) -> bool {
    let Some(whole) = serde_json::from_slice::<Value>(text).ok() else {
        return false;
    };
    let Some(graphs) = whole.get("graphs").and_then(Value::as_array) else {
        return false;
    };
    let plain = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    for graph in graphs {
        let list = |key: &str| graph.get(key).and_then(Value::as_array);
        let of_graph = |key: &str| plain(graph.get(key));
        let (recipe, name) = (of_graph("recipe_debug_id"), of_graph("name"));
        let count = |key: &str| list(key).map_or(String::new(), |l| l.len().to_string());
        recipes.push([recipe.clone(), name.clone(), count("nodes"), count("tensors")].into_iter());
        let by_name: FxHashMap<&str, &Value> = list("tensors")
            .into_iter()
            .flatten()
            .filter_map(|t| Some((t.get("name")?.as_str()?, t)))
            .collect();
        let tensor = |name: &Value| {
            let found = name.as_str().and_then(|name| by_name.get(name));
            let of = |key: &str| plain(found.and_then(|t| t.get(key)));
            let text = format!("{} {}{}", plain(Some(name)), of("dtype"), of("max_shape"));
            text.trim_end().to_owned()
        };
        let tensors = |node: &Value, key: &str| {
            let names = node.get(key).and_then(Value::as_array);
            // A node of a model has a handful; a hostile file may name any number.
            let texts: Vec<String> = names.into_iter().flatten().take(16).map(tensor).collect();
            texts.join(", ")
        };
        for node in list("nodes").into_iter().flatten() {
            let of = |key: &str| plain(node.get(key));
            nodes.push(
                [
                    recipe.clone(),
                    of("id"),
                    of("name"),
                    of("guid"),
                    of("engine"),
                    of("is_logical"),
                    tensors(node, "input_tensors"),
                    tensors(node, "output_tensors"),
                ]
                .into_iter(),
            );
        }
    }
    true
}

/// The two empty tables for [`add_post_graph`].
pub fn post_graph_tables() -> (PlainTable, PlainTable) {
    let table = |title: &str, says: &str, columns: &[&str]| PlainTable {
        title: title.into(),
        source: "prof-data/post-graph".into(),
        says: says.into(),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        ..PlainTable::default()
    };
    (
        table(
            "Recipes",
            "One row a compiled graph, as the archive describes it.",
            &["recipe id", "name", "nodes", "tensors"],
        ),
        table(
            "Nodes of the recipes",
            "One row a node of a compiled graph. Shapes stand as in the file, fastest dimension first.",
            &[
                "recipe id",
                "node id",
                "name",
                "guid",
                "engine",
                "logical",
                "inputs",
                "outputs",
            ],
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_place() {
        let of = |path| Part::of(path);
        assert_eq!(of("prof-data/host/host_trace.json"), Part::HostTrace);
        assert_eq!(of("run1/prof-data/host/host_trace.json"), Part::HostTrace);
        assert_eq!(of("views/trace_analyzer.json"), Part::Analyzer);
        assert_eq!(of("prof-data/post-graph/g0.json"), Part::PostGraph);
        assert_eq!(
            of("prof-data/bin/default_hw_prof_accel0_001.bin"),
            Part::RawDeviceTrace
        );
        assert_eq!(of("prof-data/config/prof_config.json"), Part::Json);
        assert_eq!(of("prof-data/gcfg/gcfg_1.txt"), Part::Other);
        assert!(is_one(["a", "prof-data/x"].into_iter()) && !is_one(["data/prof.json"].into_iter()));
    }

    #[test]
    fn a_graph_becomes_a_recipe_and_its_nodes() {
        let text =
            br#"{"graphs":[{"recipe_debug_id":61055,"name":"g","tensors":[{"name":"t0","max_shape":[128,4],
            "dtype":"bf16"}],"nodes":[{"id":20465,"name":"fused","guid":"k","engine":"TPC","is_logical":false,
            "input_tensors":["t0"],"output_tensors":["t9"]}]}]}"#;
        let (mut recipes, mut nodes) = post_graph_tables();
        assert!(add_post_graph(text, &mut recipes, &mut nodes));
        assert_eq!(recipes.rows, [["61055", "g", "1", "1"]]);
        assert_eq!(
            nodes.rows,
            [[
                "61055",
                "20465",
                "fused",
                "k",
                "TPC",
                "false",
                "t0 bf16[128,4]",
                "t9"
            ]]
        );
        assert!(!add_post_graph(b"{}", &mut recipes, &mut nodes));
        assert!(!add_post_graph(b"nonsense", &mut recipes, &mut nodes));
    }
}

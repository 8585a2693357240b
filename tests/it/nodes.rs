//! Device work by recipe, node and engine: sums against the files' own lines, and a made capture with fused nodes.

use std::collections::BTreeMap;

use stepscope::analyze::report::Engine;
use stepscope::base::{SliceId, Span};
use stepscope::ingest::Inflater;
use stepscope::session::{Opened, open_bytes};

use crate::corpus;

fn open(bytes: &[u8]) -> Opened {
    open_bytes("x", bytes).expect("a trace")
}

#[test]
fn work_by_recipe_and_node_of_the_hardware_trace() {
    let files = corpus::files("gaudi/real_synapse_csv");
    let Some(file) = files.iter().find(|f| f.ends_with("debug_hw_prof_accel0_001.csv")) else {
        return;
    };
    let trace = open(&std::fs::read(file).unwrap());
    let work = trace.report.nodes.as_ref().expect("nodes");
    assert_eq!(work.recipes.len(), 1);
    let recipe = &work.recipes[0];
    assert!(recipe.name.ends_with("/recipes/debug.g_1"), "{}", recipe.name);
    assert_eq!((recipe.id, recipe.device, recipe.n_rows), (Some(61_055), 0, 2));
    let rows: Vec<_> = recipe
        .rows
        .iter()
        .map(|r| {
            (
                r.node.as_str(),
                r.operation.as_deref(),
                r.engine.as_str(),
                r.count,
                r.total_ns,
                r.max_ns,
                r.busy_ns,
            )
        })
        .collect();
    // Of the file's lines, BEGIN and END paired by another program; busy is what the trace analyzer's file says, too.
    assert_eq!(
        rows,
        [
            (
                "g_1_conv_0",
                Some("Convolution"),
                "mme",
                8,
                141_978,
                18_444,
                18_814
            ),
            (
                "g_1_conv_0_tpc_packing",
                Some("conv_weight_packing_fwd_f32"),
                "tpc",
                48,
                7_782,
                240,
                1_131 + 1_878 + 713
            ),
        ]
    );
    assert_eq!((work.total_ns, work.without_recipe), (recipe.total_ns, 0));
    assert_eq!(
        recipe.total_ns,
        recipe.rows.iter().map(|r| r.total_ns).sum::<i64>()
    );
}

/// µs with at most three decimals, as the file writes them.
fn ns(micros: &serde_json::Value) -> i64 {
    let text = micros.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{decimals:0<3}").parse().unwrap()
}

/// Recipe, its number, node, operation; and count and sum of ns, in order.
type NodeSums = BTreeMap<(String, i64, String, String), (u64, i64)>;

#[test]
fn work_by_recipe_and_node_of_torch_traces_is_the_sum_of_their_events() {
    for folder in ["driven_v1_full", "driven_v0_full", "handshaped_kineto_sink"] {
        let files = corpus::files(&format!("gaudi/{folder}"));
        let Some(file) = files
            .iter()
            .find(|f| f.to_string_lossy().ends_with(".pt.trace.json.gz"))
        else {
            return;
        };
        let bytes = std::fs::read(file).unwrap();
        let mut text = Vec::new();
        Inflater::default().feed(&bytes, &mut |piece| text.extend_from_slice(piece));
        let whole: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let mut expected = NodeSums::new();
        for event in whole["traceEvents"].as_array().unwrap() {
            let is_kernel = event["cat"]
                .as_str()
                .is_some_and(|c| c.eq_ignore_ascii_case("kernel"));
            let args = &event["args"];
            let text = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
            if is_kernel && !text(&args["recipeName"]).is_empty() {
                let key = (
                    text(&args["recipeName"]),
                    args["recipeId"].as_i64().unwrap(),
                    text(&args["EventName"]),
                    text(&event["name"]),
                );
                let sum = expected.entry(key).or_default();
                sum.0 += 1;
                sum.1 += ns(&event["dur"]);
            }
        }
        let trace = open(&bytes);
        let work = trace.report.nodes.as_ref().expect("nodes");
        let mut found = NodeSums::new();
        for recipe in &work.recipes {
            for row in &recipe.rows {
                let key = (
                    recipe.name.clone(),
                    recipe.id.unwrap(),
                    row.node.clone(),
                    row.operation.clone().unwrap_or_default(),
                );
                assert_eq!(
                    found.insert(key, (row.count, row.total_ns)),
                    None,
                    "{folder}: one engine a node"
                );
            }
        }
        assert_eq!(found.len(), expected.len(), "{folder}");
        assert_eq!(found, expected, "{folder}");
    }
}

/// A detailed capture as vLLM's documentation shows one: a process for each kind of engine, a lane for each engine, pieces
/// of nodes, and the args `Original Nodes`, `Recipe name`, `Unique Node ID`, `Bundle Index`.
fn detailed_capture() -> Vec<u8> {
    let mut events = vec![
        serde_json::json!({"ph":"M","name":"process_name","pid":5024,"args":{"name":"*TPC (accel5)"}}),
        serde_json::json!({"ph":"M","name":"process_name","pid":5008,"args":{"name":"*MME (accel5)"}}),
        serde_json::json!({"ph":"M","name":"process_name","pid":5012,"args":{"name":"*PDMA (accel5)"}}),
    ];
    let mut lane = |pid: u32, tid: u32, name: &str| {
        events.push(
            serde_json::json!({"ph":"M","name":"thread_name","pid":pid,"tid":tid,"args":{"name":name}}),
        );
    };
    lane(5024, 19, "[HD0] TPC 0");
    lane(5024, 20, "[HD0] TPC 1");
    lane(5008, 3, "[HD0] MME");
    let args = |recipe: &str, id: u32, original: Option<&str>, event: &str| {
        let mut args = serde_json::json!({"Bundle Index": 32, "Device": "accel5", "HW event name": event,
            "Recipe name": recipe, "Unique Node ID": id});
        if let Some(original) = original {
            args["Original Nodes"] = original.into();
        }
        args
    };
    let mut slice = |pid: u32, tid: u32, name: &str, ts: f64, dur: f64, args: serde_json::Value| {
        events.push(serde_json::json!({"ph":"X","cat":"SP 1","name":name,"pid":pid,"tid":tid,"ts":ts,"dur":dur,"args":args}));
    };
    let first = ".graph_dumps/HabanaFusedOpLazy_To_15";
    let fused = Some("add_fwd_bf16, exp_fwd_bf16, sub_fwd_bf16");
    let node = "lb_bundle_32/fusedTPCNode_8_2";
    // Two pieces of a node on two lanes that overlap by 1 µs, then both again.
    for (tid, piece, ts, dur) in [
        (19, 0, 100.0, 2.0),
        (20, 1, 101.0, 3.0),
        (19, 0, 200.0, 2.5),
        (20, 1, 200.0, 2.5),
    ] {
        let name = format!("{node}/op_0_0_0_{piece}_0");
        slice(
            5024,
            tid,
            &name,
            ts,
            dur,
            args(first, 20_465, fused, "TPC_SPU_START"),
        );
    }
    let gemm = "lb_bundle_32/0/self_attn/attn/matmul_qk/batch_gemm/144/op_0_0_0_0_0_0_0_0";
    slice(
        5008,
        3,
        gemm,
        90.0,
        12.25,
        args(first, 20_460, None, "MMEH_WB_STORE"),
    );
    // The same node's name in another recipe.
    slice(
        5024,
        19,
        node,
        300.0,
        7.0,
        args(".graph_dumps/other", 7, None, "TPC_SPU_START"),
    );
    // A copy that is part of no recipe, on a lane without a name.
    slice(
        5012,
        1,
        "memcpy",
        400.0,
        0.5,
        serde_json::json!({"HW event name": "PDMA_START"}),
    );
    serde_json::to_vec(&serde_json::json!({ "traceEvents": events })).unwrap()
}

#[test]
fn a_detailed_capture_is_grouped_by_recipe_node_and_engine() {
    let trace = open(&detailed_capture());
    let work = trace.report.nodes.as_ref().expect("nodes");
    assert_eq!(
        (work.total_ns, work.without_recipe, work.without_recipe_ns),
        (10_000 + 12_250 + 7_000 + 500, 1, 500)
    );
    let recipes: Vec<_> = work
        .recipes
        .iter()
        .map(|r| (r.device, r.name.as_str(), r.count, r.total_ns, r.busy_ns))
        .collect();
    assert_eq!(
        recipes,
        [
            // 90 to 104 µs, and 2.5 µs.
            (
                5,
                ".graph_dumps/HabanaFusedOpLazy_To_15",
                5,
                22_250,
                14_000 + 2_500
            ),
            (5, ".graph_dumps/other", 1, 7_000, 7_000),
        ]
    );
    let rows: Vec<_> = work.recipes[0]
        .rows
        .iter()
        .map(|r| {
            (
                r.node.as_str(),
                r.node_id,
                r.engine.as_str(),
                r.count,
                r.total_ns,
                r.busy_ns,
                r.mean_ns,
                r.max_ns,
            )
        })
        .collect();
    let gemm = "lb_bundle_32/0/self_attn/attn/matmul_qk/batch_gemm/144";
    assert_eq!(
        rows,
        [
            (gemm, Some(20_460), "mme", 1, 12_250, 12_250, 12_250, 12_250),
            (
                "lb_bundle_32/fusedTPCNode_8_2",
                Some(20_465),
                "tpc",
                4,
                10_000,
                6_500,
                2_500,
                3_000
            ),
        ]
    );
    let fused = &work.recipes[0].rows[1];
    assert_eq!(
        (fused.fused.as_deref(), fused.bundle, fused.share),
        (
            Some("add_fwd_bf16, exp_fwd_bf16, sub_fwd_bf16"),
            Some(32),
            10_000.0 / 29_750.0
        )
    );
    let longest = SliceId(fused.longest_slice);
    assert_eq!(trace.index.slices.span(longest), Span::new(101_000, 104_000));
    let engines = trace.report.device_time[0].engines;
    assert_eq!(
        (
            trace.report.device_time[0].device,
            engines[Engine::Mme],
            engines[Engine::Tpc],
            engines[Engine::Dma]
        ),
        (5, Some(12_250), Some(13_500), Some(500))
    );
    assert_eq!(trace.report.device_kind, "hpu");
}

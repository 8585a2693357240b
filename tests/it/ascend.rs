//! The Ascend family: known answers of real worker folders, what the writers of MindSpore make, and invented traces of
//! vLLM MindSpore. The references are the profilers' own tables beside each trace.

use std::path::Path;
use std::sync::Arc;

use stepscope::analyze::WorkerTables;
use stepscope::analyze::device::kernel_table;
use stepscope::analyze::report::{BreakdownRow, KernelRows, Phase, ProfilerTables, Sure};
use stepscope::base::{SliceId, Union};
use stepscope::dialect::ascend::ascend_tables::{Table, read};
use stepscope::dialect::tables_beside::{KernelTable, Tables};
use stepscope::dialect::{LaunchLink, Role};
use stepscope::index::FlowKind;
use stepscope::protocol::engine::{Answer, Question};
use stepscope::session::bundle::{self, Given};
use stepscope::session::{Loader, Opened, open_bytes};

use crate::corpus;

pub const LEVELS: [&str; 3] = [
    "ascend/msinsight/level0/rank0_ascend_pt",
    "ascend/msinsight/level1/rank0_ascend_pt",
    "ascend/msinsight/level2/rank1_ascend_pt",
];
const MINDSPORE: &str = "ascend/GENERATED_mindspore-2.10.0-writer";

/// A worker's tables, read from its folder.
fn tables_of(folder: &str) -> Option<Arc<WorkerTables>> {
    let root = corpus::root()?;
    let files = corpus::files(folder);
    let given: Vec<Given> = files
        .iter()
        .map(|path| Given {
            path: path.strip_prefix(&root).unwrap().to_string_lossy().into_owned(),
            bytes: 0,
        })
        .collect();
    let sorted = bundle::sort(&given);
    let worker = &sorted.workers[0];
    let bytes: Vec<(Table, &str, Vec<u8>)> = worker
        .tables
        .iter()
        .map(|&(table, i)| (table, &*given[i].path, std::fs::read(&files[i]).unwrap()))
        .collect();
    Some(Arc::new(
        worker.read(bytes.iter().map(|(t, name, b)| (*t, *name, &b[..]))),
    ))
}

/// A worker with its trace.
pub fn open(folder: &str) -> Option<Opened> {
    let tables = tables_of(folder)?;
    let trace = corpus::read(&format!("{folder}/ASCEND_PROFILER_OUTPUT/trace_view.json"))?;
    let mut loader = Loader::new("trace_view.json");
    loader.attach_tables(tables);
    for piece in trace.chunks(1 << 20) {
        loader.feed(piece);
    }
    Some(loader.finish().unwrap())
}

fn beside(opened: &Opened) -> &ProfilerTables {
    opened.report.beside.as_ref().unwrap()
}

fn parts(row: &BreakdownRow) -> [i64; 5] {
    [
        row.computing_ns,
        row.communication_not_overlapped_ns,
        row.overlapped_ns,
        row.communication_ns,
        row.free_ns,
    ]
}

/// T1. Both are the profiler's own: its lanes, and its table with the float noise rounded away.
#[test]
fn lanes_and_table_divide_the_time_alike_to_the_nanosecond() {
    let known = [
        (
            [8_827_473, 81_515_607, 4_001_282, 85_516_889, 25_908_102],
            116_251_182,
            116_251_250,
            19_358_000,
        ),
        (
            [8_873_756, 101_963_203, 4_028_675, 105_991_878, 25_744_050],
            136_581_009,
            136_581_000,
            17_902_500,
        ),
        (
            [8_902_301, 93_411_782, 4_043_544, 97_455_326, 26_441_689],
            128_755_772,
            128_755_750,
            18_325_500,
        ),
    ];
    for (folder, (expected, span, stage, preparing)) in LEVELS.into_iter().zip(known) {
        let Some(opened) = open(folder) else { return };
        let [lanes, table] = &beside(&opened).step_breakdown[..] else {
            panic!("{folder}: {:?}", beside(&opened).step_breakdown);
        };
        assert_eq!((parts(lanes), parts(table)), (expected, expected), "{folder}");
        assert_eq!((lanes.total_ns, table.total_ns), (span, span), "{folder}");
        assert_eq!(
            lanes.end_ns.unwrap() - lanes.start_ns.unwrap(),
            span,
            "the parts fill the span"
        );
        // The profiler computes these two in an f64 of µs, which steps by 0.25 µs there.
        assert_eq!(
            (table.stage_ns, table.preparing_ns),
            (Some(stage), Some(preparing))
        );
        assert!((table.stage_ns.unwrap() - span).abs() <= 250);
        assert_eq!(table.bubble_ns, Some(0));
        assert_eq!(table.step.as_deref(), Some("50"));
    }
}

/// The profiler's table of kernels, with the slice of each row.
fn rows(opened: &Opened) -> &KernelRows {
    beside(opened).kernel_rows.as_ref().unwrap()
}

fn kernels(opened: &Opened) -> &KernelTable {
    &rows(opened).of.tables.kernels
}

/// T2. Kernel by kernel the table rounds to ns, so each row may be half a ns off.
#[test]
fn the_union_of_kernels_is_computing() {
    for folder in LEVELS {
        let Some(opened) = open(folder) else { return };
        let lanes = &beside(&opened).step_breakdown[0];
        let table = kernels(&opened);
        let of = |collective: bool| {
            let rows = table.rows.iter().filter(|r| r.is_collective == collective);
            let spans: Vec<_> = rows
                .map(|r| stepscope::base::Span::new(r.start_ns, r.start_ns + r.dur_ns))
                .collect();
            (
                spans.len(),
                Union::of(spans).spans().iter().map(|s| s.len_ns()).sum::<i64>(),
            )
        };
        let ((n_kernels, kernels), (n_collectives, collectives)) = (of(false), of(true));
        assert_eq!((n_kernels, n_collectives), (187, 4), "{folder}");
        assert!(
            (kernels - lanes.computing_ns).abs() <= 187 / 2,
            "{folder}: {kernels}"
        );
        assert!(
            // Starts of collectives are a ns off in three of four rows.
            (collectives - lanes.communication_ns).abs() <= 4,
            "{folder}: {collectives}"
        );
        // The timeline's durations have more digits than ns, and are cut: at most one ns a kernel.
        let device = &opened.report.device_time[0];
        assert!(
            (0..=187).contains(&(lanes.computing_ns - device.compute_ns)),
            "{folder}: {device:?}"
        );
    }
}

/// T3.
#[test]
fn statistics_of_operators_follow_from_the_kernels() {
    for (folder, n, total) in [
        (LEVELS[1], 33, 8_873_751),
        (LEVELS[2], 33, 8_902_294),
        ("ascend/msinsight/st/level2/rank_0_ascend_pt", 35, 231_290_100),
        ("ascend/msinsight/st/level2/rank_2_ascend_pt", 46, 400_448_260),
    ] {
        let Some(tables) = tables_of(folder) else { return };
        let written = &tables.tables.operator_statistics;
        let computed = kernel_table::statistics(&tables.tables.kernels);
        assert_eq!((written.len(), computed.len()), (n, n), "{folder}");
        // The profiler sums before it rounds, we sum what it rounded: 10 ns for the longest sum.
        let sum: i64 = written.iter().map(|r| r.total_ns).sum();
        assert!((sum - total).abs() <= 10, "{folder}: {sum}");
        for row in written {
            let same = computed
                .iter()
                .find(|c| (&c.kind, &c.core) == (&row.kind, &row.core))
                .unwrap();
            assert_eq!(same.count, row.count, "{folder}: {row:?}");
            assert!((same.total_ns - row.total_ns).abs() <= 10, "{row:?} {same:?}");
            assert!(
                (same.min_ns - row.min_ns).abs() <= 1 && (same.max_ns - row.max_ns).abs() <= 1,
                "{row:?}"
            );
            assert!((same.mean_ns - row.mean_ns).abs() <= 1, "{row:?} {same:?}");
            assert!((same.part - row.part).abs() <= 1e-5, "{row:?} {same:?}");
        }
    }
    let Some(tables) = tables_of(LEVELS[1]) else {
        return;
    };
    let first = &tables.tables.operator_statistics[0];
    assert_eq!(
        (&*first.kind, &*first.core, first.count, first.total_ns),
        ("ForeachAddList", "AI_VECTOR_CORE", 3, 1_959_079)
    );
    let mut by_core = std::collections::BTreeMap::new();
    for row in &tables.tables.kernels.rows {
        *by_core.entry(tables.tables.kernels.text(row.core)).or_insert(0) += row.dur_ns;
    }
    let known = [
        ("AI_CORE", 2_805_855),
        ("AI_VECTOR_CORE", 5_823_400),
        ("DSA_SQE", 5_520),
        ("HCCL", 105_991_876),
        ("MIX_AIV", 238_962),
    ];
    assert!(by_core.into_iter().eq(known));
}

/// T4. Each operation is rounded to ns.
#[test]
fn collectives_add_up_to_the_step() {
    for (folder, n, elapse) in [
        (LEVELS[1], 4, 105_991_878),
        (LEVELS[2], 4, 97_455_325),
        ("ascend/msinsight/st/level2/rank_0_ascend_pt", 15, 420_174_260),
        ("ascend/msinsight/st/level2/rank_1_ascend_pt", 15, 441_708_380),
        ("ascend/msinsight/st/level2/rank_2_ascend_pt", 23, 277_649_660),
        ("ascend/msinsight/st/level2/rank_3_ascend_pt", 23, 261_498_440),
    ] {
        let Some(tables) = tables_of(folder) else { return };
        let collectives = &tables.tables.collectives;
        let sum: i64 = collectives.iter().map(|c| c.elapse_ns).sum();
        assert!((sum - elapse).abs() <= n / 2, "{folder}: {sum}");
        assert_eq!(collectives.len() as i64, n, "{folder}");
        let row = &tables.tables.breakdown[0];
        assert!((sum - row.communication_ns).abs() <= n, "{folder}: {row:?}");
    }
}

/// T5. The driver's calls in the timeline give the table of calls.
#[test]
fn statistics_of_driver_calls_follow_from_the_timeline() {
    for (folder, n) in [(LEVELS[1], 57), (LEVELS[2], 75)] {
        let Some(opened) = open(folder) else { return };
        let written = &beside(&opened).api_statistics;
        assert_eq!(written.len(), n);
        for row in written {
            // Layers of the name: the table calls `AscendCL` acl and so on.
            let layer = match &*row.level {
                "acl" => "AscendCL",
                "runtime" => "Runtime",
                "node" => "Node",
                "model" => "Model",
                "hccl" | "communication" => "Hccl",
                other => panic!("{other}"),
            };
            let name = format!("{layer}@{}", row.name);
            let index = &opened.index;
            let id = index
                .names
                .lookup(&name)
                .unwrap_or_else(|| panic!("{folder}: {name}"));
            let calls: Vec<i64> = index
                .slices
                .ids()
                .filter(|&s| index.slices.name(s) == id)
                .map(|s| index.slices.dur(s).as_ns())
                .collect();
            assert_eq!(calls.len() as u64, row.count, "{name}");
            let sum: i64 = calls.iter().sum();
            assert!(
                (sum - row.total_ns).unsigned_abs() <= row.count + 10,
                "{name}: {sum}"
            );
            // The timeline holds some durations as 23.669999…, which are cut to ns.
            assert!((calls.iter().max().unwrap() - row.max_ns).abs() <= 1, "{name}");
        }
    }
}

/// T6. The wait of a row is what lies between the end of the row before and its start.
#[test]
fn waits_follow_from_starts_and_durations() {
    for folder in LEVELS {
        let Some(tables) = tables_of(folder) else { return };
        let mut end: Option<i64> = None;
        for row in &tables.tables.kernels.rows {
            let wait = end.map_or(0, |end| (row.start_ns - end).max(0));
            // The profiler subtracts before it rounds: half a ns for each of start, end and wait.
            assert!((row.wait_ns.unwrap() - wait).abs() <= 1, "{folder}: {row:?}");
            end = Some(row.start_ns + row.dur_ns);
        }
        assert_eq!(tables.tables.kernels.rows.len(), 191);
    }
}

/// T7.
#[test]
fn every_row_of_the_table_has_its_slice() {
    for folder in LEVELS {
        let Some(opened) = open(folder) else { return };
        let table = kernels(&opened);
        for (row, slice) in table.rows.iter().zip(&rows(&opened).slices) {
            let slice = slice.unwrap_or_else(|| panic!("{folder}: {}", table.text(row.name)));
            assert_eq!(opened.index.name_of(slice), table.text(row.name));
            let off = opened.index.slices.start(slice).as_ns() - row.start_ns;
            assert!(
                if row.is_collective {
                    off.abs() <= 1
                } else {
                    off == 0
                },
                "{off}"
            );
            assert!((opened.index.slices.dur(slice).as_ns() - row.dur_ns).abs() <= 1);
        }
        assert_eq!(beside(&opened).kernel_details.unwrap().in_timeline, 191);
    }
}

fn flows(opened: &Opened, category: &str, kind: FlowKind) -> Vec<(u64, i64)> {
    let flows = &opened.index.flows;
    (0..flows.ts.len())
        .filter(|&i| {
            let id = stepscope::base::CategoryId(flows.category.get(i));
            flows.kind.get(i) == kind && opened.index.category_text(id) == category
        })
        .map(|i| (flows.id.get(i), flows.ts.get(i)))
        .collect()
}

/// T8. Ids have up to 20 digits, and some have a decimal point.
#[test]
fn arrows_keep_their_ids_apart_and_their_times_exact() {
    let known = [
        (LEVELS[0], 3_999, 668_274, 76_695_151),
        (LEVELS[1], -13_565, 661_220, 94_033_435),
        (LEVELS[2], -83_655, 380_479, 84_929_278),
    ];
    for (folder, least, median, most) in known {
        let Some(opened) = open(folder) else { return };
        for (category, starts, ends, ids) in [
            ("HostToDevice", 210, 215, 210),
            ("async_npu", 210, 210, 210),
            ("async_task_queue", 159, 159, 159),
            ("fwdbwd", 27, 27, 27),
        ] {
            let (s, f) = (
                flows(&opened, category, FlowKind::Start),
                flows(&opened, category, FlowKind::End),
            );
            assert_eq!((s.len(), f.len()), (starts, ends), "{folder} {category}");
            let mut distinct: Vec<u64> = s.iter().chain(&f).map(|e| e.0).collect();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), ids, "{folder} {category}");
        }
        // Launch latency, an arrow each: some tasks start before their call, by the two clocks.
        let ends = flows(&opened, "HostToDevice", FlowKind::End);
        let mut latency: Vec<i64> = flows(&opened, "HostToDevice", FlowKind::Start)
            .iter()
            .map(|(id, at)| ends.iter().find(|end| end.0 == *id).unwrap().1 - at)
            .collect();
        latency.sort_unstable();
        assert_eq!(
            (latency[0], latency[105], latency[209]),
            (least, median, most),
            "{folder}"
        );
    }
}

/// T9. The profiler's own lanes of what is free.
#[test]
fn the_longest_gaps_are_those_of_the_reference() {
    let Some(opened) = open(LEVELS[1]) else { return };
    let free = opened
        .vocabulary
        .divisions
        .iter()
        .find(|d| d.1 == stepscope::dialect::Division::Free);
    let mut gaps: Vec<(i64, i64)> = opened
        .index
        .rows(free.unwrap().2)
        .map(|id| opened.index.slices.span(id))
        .map(|span| (span.len_ns(), span.start))
        .collect();
    gaps.sort_unstable_by_key(|gap| std::cmp::Reverse(*gap));
    assert_eq!(
        (gaps.len(), gaps.iter().map(|g| g.0).sum::<i64>()),
        (90, 25_744_050)
    );
    assert_eq!(
        gaps[..3],
        [
            (1_318_826, 1_736_408_883_707_769_235),
            (1_240_464, 1_736_408_883_714_956_899),
            (1_225_765, 1_736_408_883_718_189_283),
        ]
    );
    let long: Vec<i64> = gaps.iter().map(|g| g.0).filter(|&ns| ns > 100_000).collect();
    assert_eq!((long.len(), long.iter().sum::<i64>()), (38, 21_320_602));
    // The profiler's lanes leave copies out: ours ends gaps at copies, too, and reaches from the first copy to the
    // last. It is the idle time of the device table.
    let ours = &opened.report.gaps[0];
    assert_eq!((&*ours.r#where, ours.count), ("device 0", 103));
    assert_eq!(ours.total_ns, opened.report.device_time[0].idle_ns);
}

/// T10. Through the arrows every operator has the device time that the profiler gives it.
#[test]
fn operators_have_the_device_time_that_the_table_gives_them() {
    let Some(opened) = open(LEVELS[1]) else { return };
    let calls = beside(&opened).operator_calls.unwrap();
    assert_eq!(calls.calls, 859);
    assert_eq!(calls.host_self_ns, Some(148_925_220));
    // Rounded row by row: the sum of the exact durations is 115 730 772 ns.
    assert_eq!(calls.device_self_ns, Some(115_730_766));
    let ours: i64 = opened
        .report
        .operators
        .iter()
        .filter_map(|o| o.self_device_ns)
        .sum();
    assert!(
        (ours - 115_730_772).abs() <= 210,
        "{ours}: one ns for each of 210 tasks"
    );
    let index = &opened.index;
    let operators = index
        .slices
        .ids()
        .filter(|&id| index.category_of(id) == "cpu_op" && !index.name_of(id).starts_with("ProfilerStep"));
    assert_eq!(operators.count(), 859);
}

/// T11.
#[test]
fn tasks_carry_the_number_of_the_call_that_launched_them() {
    for folder in &LEVELS[1..] {
        let Some(opened) = open(folder) else { return };
        let index = &opened.index;
        let column = index.arg_column("connection_id").unwrap();
        let process = |id: SliceId| {
            let track = index.track(index.track_of(id));
            let name = index.process(track.pid).and_then(|p| p.name);
            name.map_or("", |name| index.text(name))
        };
        let calls: std::collections::BTreeSet<i64> = column
            .ints()
            .filter(|&(id, _)| process(id) == "CANN")
            .map(|(_, link)| link)
            .collect();
        let tasks: Vec<i64> = column
            .ints()
            .filter(|&(id, _)| process(id) == "Ascend Hardware")
            .map(|(_, link)| link)
            .collect();
        let linked = tasks.iter().filter(|link| calls.contains(link)).count();
        assert_eq!((linked, tasks.len()), (533, 535), "{folder}");
    }
}

/// T12. MindSpore's own writers, over the device's half of a real recording.
#[test]
fn mindspore_links_each_launch_with_its_task() {
    let Some(opened) = open(&format!("{MINDSPORE}/schedule/vm_1000_20250109074803_ascend_ms")) else {
        return;
    };
    let row = beside(&opened)
        .step_breakdown
        .iter()
        .find(|row| row.source == "table")
        .unwrap();
    assert_eq!(
        parts(row),
        [8_873_756, 101_963_203, 4_028_675, 105_991_878, 25_744_050]
    );
    assert_eq!(
        (row.stage_ns, row.preparing_ns),
        (Some(106_003_538), Some(17_902_502))
    );
    assert_eq!(flows(&opened, "async_npu", FlowKind::Start).len(), 210);
    assert_eq!(flows(&opened, "async_npu", FlowKind::End).len(), 210);
    assert_eq!(flows(&opened, "async_mindspore", FlowKind::Start).len(), 159);
    let index = &opened.index;
    let count = |wanted: &str| {
        let ids = index.slices.ids();
        ids.filter(|&id| index.name_of(id).contains(wanted)).count()
    };
    assert_eq!(
        (
            count("::RunOp::"),
            count("::PyNativeLaunchTask::"),
            count("ProfilerStep#")
        ),
        (400, 159, 1)
    );
    let LaunchLink::Numbered(links) = &opened.vocabulary.launch_link else {
        panic!("arrows");
    };
    let v = &opened.vocabulary;
    let tasks: Vec<SliceId> = links
        .column()
        .ints()
        .map(|l| l.0)
        .filter(|&id| v.role(id).is_device())
        .collect();
    let launches: Vec<SliceId> = links
        .column()
        .ints()
        .map(|l| l.0)
        .filter(|&id| !v.role(id).is_device())
        .collect();
    // Every arrow leads from a launch to a task; a launch may hand over several.
    assert_eq!((launches.len(), tasks.len()), (127, 210));
    assert!(
        launches
            .iter()
            .all(|&id| index.name_of(id).contains("LaunchTask"))
    );
    // Both ends of an arrow lead to one another.
    let scene = opened.scene();
    let detail = |slice: SliceId| match opened.answer(&scene, &Question::Slice { slice: slice.0 }) {
        Answer::Slice(detail) => detail,
        other => panic!("{other:?}"),
    };
    let call = detail(tasks[0]).launched_by.unwrap();
    assert!(call.name.contains("LaunchTask"), "{call:?}");
    let launched = detail(SliceId(call.slice)).launched;
    assert!(
        launched
            .iter()
            .any(|work| work.slice == tasks[0].0 && work.latency_ns == call.latency_ns)
    );
    let step = &opened.report.steps[0];
    assert_eq!((opened.report.steps.len(), step.phase), (1, Phase::Unknown));
    assert_eq!(step.device.as_ref().unwrap().method, "launch");
    let kernels = kernels(&opened);
    assert!(
        kernels
            .text(kernels.rows[0].operator)
            .starts_with("PynativeFramework::PyNativeLaunchTask::")
    );
    assert_eq!(beside(&opened).kernel_details.unwrap().in_timeline, 191);

    let without = format!("{MINDSPORE}/noschedule/vm_1000_20250109074803_ascend_ms");
    let opened = open(&without).unwrap();
    let row = beside(&opened)
        .step_breakdown
        .iter()
        .find(|row| row.source == "table")
        .unwrap();
    assert_eq!(
        (row.step.as_deref(), row.preparing_ns),
        (Some("0"), Some(17_611_752))
    );
}

/// T13.
#[test]
fn the_slow_worker_is_named() {
    let mut rows = Vec::new();
    for rank in 0..4 {
        let folder = format!("ascend/msinsight/st/level2/rank_{rank}_ascend_pt");
        let Some(tables) = tables_of(&folder) else { return };
        rows.push(bundle::WorkerFiles::default().compared(&tables, None, None));
    }
    rows.reverse();
    let workers = bundle::compare(rows).unwrap();
    let of = |part: fn(&stepscope::analyze::report::WorkerRow) -> Option<i64>| -> Vec<i64> {
        workers.rows.iter().filter_map(part).collect()
    };
    assert_eq!(of(|r| r.rank), [0, 1, 2, 3]);
    assert_eq!(
        of(|r| r.computing_ns),
        [231_290_100, 230_903_720, 400_448_260, 401_131_700]
    );
    assert_eq!(
        of(|r| r.free_ns),
        [158_558_000, 136_819_560, 131_705_280, 147_520_200]
    );
    assert_eq!((workers.slow, workers.sure), (Some(3), Sure::Derived));
    assert_eq!(
        workers.says,
        "rank 3 is the slow one: it computes for 401 ms, rank 1 for 231 ms. The others wait for it, which shows as \
         their communication."
    );
}

/// Both compute for 8.9 ms; rank 0 waits 5.9 ms for rank 1.
#[test]
fn who_waits_least_comes_last() {
    let mut of = Vec::new();
    for rank in 0..2 {
        let folder = format!("{MINDSPORE}/schedule/vm_100{rank}_20250109074803_ascend_ms");
        let Some(tables) = tables_of(&folder) else { return };
        let files = bundle::WorkerFiles {
            name: tables.worker.clone(),
            ..Default::default()
        };
        of.push(files.compared(&tables, None, None));
    }
    let workers = bundle::compare(of).unwrap();
    let waits: Vec<Option<i64>> = workers.rows.iter().map(|r| r.collective_wait_ns).collect();
    // communication.json: 5.941 and 0.191 ms, of 105.992 and 100.375 elapsed.
    assert!(
        waits[0].unwrap().abs_diff(5_941_000) < 1000 && waits[1].unwrap().abs_diff(191_000) < 1000,
        "{waits:?}"
    );
    assert_eq!((workers.slow, workers.sure), (Some(1), Sure::Suspected));
    assert_eq!(
        workers.says,
        "Compute times agree within 5 %. vm_1001_20250109074803_ascend_ms waits least for the others in collective \
         operations (191 µs, 5.94 ms for vm_1000_20250109074803_ascend_ms), so it probably arrives last, and the \
         others wait for it. Their devices are idle for about as long: that is not why."
    );
    assert_eq!(
        workers.links_say,
        ["Slowest of 14 links by HCCS: 1 to 7 with 15.1 GB/s; the median is 15.6 GB/s."]
    );
}

/// Every file opens, or is told why not.
#[test]
fn every_file_of_the_family_opens_or_is_refused_with_a_sentence() {
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for path in corpus::files("ascend") {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let kind = match bundle::lone_table(&name, &bytes[..bytes.len().min(64 << 10)]) {
            Some(table) => {
                let mut tables = Tables::default();
                read(table, &name, &bytes, &mut tables);
                let lost: u64 = tables.read.iter().map(|t| t.rows_lost).sum();
                assert_eq!(
                    (tables.read.len(), lost),
                    (1, 0),
                    "{}: {:?}",
                    path.display(),
                    tables.notes
                );
                format!("table {}", table.file_name())
            }
            None => match open_bytes(&name, &bytes) {
                Ok(opened) => format!("trace {}", opened.report.format),
                Err(error) => {
                    let says = error.to_string();
                    let says = says.split([':', '(']).next().unwrap_or_default();
                    format!("{}: {}", extension(&path), says.trim())
                }
            },
        };
        *seen.entry(kind).or_default() += 1;
    }
    if seen.is_empty() {
        return;
    }
    let shown: String = seen.iter().map(|(kind, n)| format!("{n} {kind}\n")).collect();
    expect_test::expect![[r#"
        8 csv: this is no trace
        4 db: this is an SQLite database, not a trace; Nsight Systems, rocprofv3 and Ascend's profiler write such
        4 log: this is a list, but none of its 2 values is a trace event
        1 md: this is no trace
        8 table api_statistic.csv
        12 table communication.json
        12 table communication_matrix.json
        11 table kernel_details.csv
        7 table l2_cache.csv
        7 table memory_record.csv
        10 table npu_module_mem.csv
        8 table op_statistic.csv
        5 table operator_details.csv
        7 table operator_memory.csv
        9 table profiler_info_.json
        7 table profiler_metadata.json
        1 table static_op_mem.csv
        13 table step_trace_time.csv
        12 trace ascend
        12 txt: this is no trace
    "#]]
    .assert_eq(&shown);
}

fn extension(path: &Path) -> String {
    path.extension()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Invented: vLLM MindSpore in graph mode. One prefill and two decode steps, each with a launch and a task.
fn graph_mode(phases: &[&str]) -> Vec<u8> {
    let mut events = vec![
        r#"{"ph":"M","name":"process_name","pid":1,"tid":0,"args":{"name":"MindSpore"}}"#.to_owned(),
        r#"{"ph":"M","name":"process_name","pid":1024,"tid":0,"args":{"name":"Ascend Hardware"}}"#.to_owned(),
        r#"{"ph":"M","name":"process_labels","pid":1024,"tid":0,"args":{"labels":"NPU 3"}}"#.to_owned(),
        r#"{"ph":"M","name":"thread_name","pid":1024,"tid":2,"args":{"name":"Stream 2"}}"#.to_owned(),
    ];
    for (i, phase) in phases.iter().enumerate() {
        let at = |us: usize| format!("17364088836{:05}.250", i * 1000 + us);
        let x = |name: &str, at: String, dur: &str| {
            format!(
                r#"{{"ph":"X","name":"{name}","pid":1,"tid":7,"ts":"{at}","dur":"{dur}","cat":"","args":{{}}}}"#
            )
        };
        let input = if phase.is_empty() {
            String::new()
        } else {
            format!("GraphExecutorPy::InputProcess::{phase}")
        };
        if phase.is_empty() {
            events.push(x("RunGraph", at(0), "500.000"));
        } else {
            events.push(x(&input, at(0), "20.500"));
        }
        events.push(x(
            "Kernel::KernelLaunch::Default/PagedAttention-op1",
            at(100),
            "30.000",
        ));
        events.push(x(
            "GraphExecutorPy::OutputProcess::BaseRefToPyData",
            at(400),
            "50.000",
        ));
        let kernel = if i == 0 {
            "FlashAttentionScore_1"
        } else {
            "PagedAttention_2"
        };
        let task = at(150);
        events.push(format!(
            r#"{{"ph":"X","name":"{kernel}","pid":1024,"tid":2,"ts":"{task}","dur":200.5,"args":{{"Task Type":"AI_CORE"}}}}"#
        ));
        let launch = at(100);
        events.push(format!(
            r#"{{"ph":"s","bp":"e","name":"mindspore_to_npu","id":"{task}","pid":1,"tid":7,"ts":"{launch}","cat":"async_npu"}}"#
        ));
        events.push(format!(
            r#"{{"ph":"f","bp":"e","name":"mindspore_to_npu","id":"{task}","pid":1024,"tid":2,"ts":"{task}","cat":"async_npu"}}"#
        ));
    }
    format!("[{}]", events.join(",\n")).into_bytes()
}

#[test]
fn phases_of_a_graph_are_steps() {
    let phases = [
        "prefill.1736.7.key",
        "increment.1736.7.key",
        "increment.1736.7.key",
        "chunked",
    ];
    let opened = open_bytes("trace_view.json", &graph_mode(&phases)).unwrap();
    assert_eq!(
        (&*opened.report.format, &*opened.report.device_kind),
        ("ascend", "npu")
    );
    let steps: Vec<(Phase, i64, Option<i64>)> = opened
        .report
        .steps
        .iter()
        .map(|s| (s.phase, s.dur_ns, s.device.as_ref().map(|d| d.busy_ns)))
        .collect();
    let step = |phase| (phase, 450_000, Some(200_500));
    use Phase::{Decode, Prefill};
    assert_eq!(steps, [step(Prefill), step(Decode), step(Decode), step(Prefill)]);
    assert!(
        opened
            .report
            .notes
            .iter()
            .any(|note| note.starts_with("Phases of steps are derived"))
    );
    assert_eq!(
        opened.report.device_time[0].device, 3,
        "the label names the device"
    );
    assert_eq!(opened.report.steps[1].start_ns, 1_736_408_883_601_000_250);
}

#[test]
fn without_a_phase_in_the_name_attention_kernels_tell() {
    let opened = open_bytes("trace_view.json", &graph_mode(&["", "", ""])).unwrap();
    let phases: Vec<Phase> = opened.report.steps.iter().map(|s| s.phase).collect();
    assert_eq!(phases, [Phase::Prefill, Phase::Decode, Phase::Decode]);
    assert!(
        opened
            .report
            .notes
            .iter()
            .any(|note| note.contains("PagedAttention for decode"))
    );
}

#[test]
fn several_devices_of_one_process_are_told_by_label() {
    let mut events = Vec::new();
    for (pid, label) in [(1024, "NPU 0"), (1025, "NPU 1")] {
        events.push(format!(
            r#"{{"ph":"M","name":"process_name","pid":{pid},"tid":0,"args":{{"name":"Ascend Hardware"}}}}"#
        ));
        events.push(format!(
            r#"{{"ph":"M","name":"process_labels","pid":{pid},"tid":0,"args":{{"labels":"{label}"}}}}"#
        ));
        events.push(format!(
            r#"{{"ph":"X","name":"MatMul","pid":{pid},"tid":2,"ts":"100.000","dur":5,"args":{{}}}}"#
        ));
    }
    let opened = open_bytes("trace_view.json", format!("[{}]", events.join(",")).as_bytes()).unwrap();
    let devices: Vec<(i64, i64)> = opened
        .report
        .device_time
        .iter()
        .map(|d| (d.device, d.compute_ns))
        .collect();
    assert_eq!(devices, [(0, 5_000), (1, 5_000)]);
    let roles = opened.index.slices.ids().map(|id| opened.vocabulary.role(id));
    assert!(roles.eq([Role::DeviceCompute, Role::DeviceCompute]));
}

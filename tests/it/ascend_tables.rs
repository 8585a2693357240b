//! The Ascend profilers' tables of memory, cache and links: counts and sums of every such file, computed beside us by a
//! few lines of Python's csv and json modules.

use assert_cmd::Command;
use serde_json::Value;
use stepscope::analyze::memory::allocations;
use stepscope::analyze::ranks::links as rank_links;
use stepscope::analyze::report::Link;
use stepscope::dialect::ascend::ascend_tables::{Table, read};
use stepscope::dialect::tables_beside::Tables;
use stepscope::session::bundle;

use crate::corpus;

const REAL: &str = "ascend/msinsight";
const MINDSPORE: &str = "ascend/GENERATED_mindspore-2.10.0-writer";

/// Every file of that name, read by its header alone where it has one: folder from the corpus's `ascend`, tables.
fn all_of(table: Table) -> Vec<(String, Tables)> {
    let Some(root) = corpus::root() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for folder in [REAL, MINDSPORE] {
        for path in corpus::files(folder) {
            if path.file_name().is_none_or(|name| name != table.file_name()) {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let head = &bytes[..bytes.len().min(64 << 10)];
            assert_eq!(bundle::lone_table("x", head), Some(table), "{}", path.display());
            let mut tables = Tables::default();
            read(table, table.file_name(), &bytes, &mut tables);
            assert_eq!(tables.read.len(), 1, "{}: {:?}", path.display(), tables.notes);
            assert_eq!(tables.read[0].rows_lost, 0, "{}", path.display());
            let folder = path.parent().unwrap().parent().unwrap();
            let folder = folder.strip_prefix(root.join("ascend")).unwrap();
            found.push((folder.to_string_lossy().into_owned(), tables));
        }
    }
    found
}

/// The known answer of a folder, of a list of ends of folders.
fn of<'a, T>(known: &'a [(&str, T)], folder: &str) -> &'a T {
    let fits = known.iter().find(|(end, _)| folder.contains(end));
    fits.map(|(_, answer)| answer)
        .unwrap_or_else(|| panic!("{folder} has no known answer"))
}

#[test]
fn allocations_have_the_sums_of_the_table() {
    // Allocations, bytes; not released, bytes; the operator with most, its count and bytes; operators.
    let small = (
        184,
        1_495_289_344,
        24,
        264_920_064,
        "aten::mm",
        7,
        258_591_744,
        58,
    );
    let known = [
        ("msinsight/level", small),
        (
            "st/level2/rank_0",
            (
                3103,
                40_332_059_136,
                1,
                512,
                "aten::matmul",
                616,
                11_216_027_648,
                30,
            ),
        ),
        (
            "st/level2/rank_2",
            (
                3226,
                54_780_771_840,
                5,
                16_779_776,
                "aten::matmul",
                628,
                20_079_651_840,
                40,
            ),
        ),
        (
            "test_rank_0",
            (28, 349_306_880, 0, 0, "cann::Graph_95", 4, 335_806_464, 9),
        ),
        (
            "test_rank_1",
            (
                21,
                3_739_040_768,
                2,
                308_284_416,
                "aten::_convolution",
                3,
                1_233_126_912,
                7,
            ),
        ),
    ];
    for (folder, tables) in all_of(Table::OperatorMemory) {
        let all = allocations::allocations(&tables.allocations).unwrap();
        let most = &all.by_operator[0];
        let found = (
            all.count,
            all.bytes,
            all.not_released,
            all.not_released_bytes,
            &*most.operator,
            most.count,
            most.bytes,
            all.by_operator.len(),
        );
        assert_eq!(found, *of(&known, &folder), "{folder}");
        assert_eq!(all.kept.len() as u64, all.not_released.min(50), "{folder}");
        assert!(
            all.kept
                .iter()
                .all(|a| a.release_ns.is_none() && a.held_ns.is_none())
        );
        assert!(all.largest.is_sorted_by(|a, b| a.bytes >= b.bytes));
        assert_eq!(
            all.largest[0].bytes,
            all.by_operator.iter().map(|o| o.max_bytes).max().unwrap()
        );
        for row in &tables.allocations.rows {
            // The table subtracts before it rounds.
            if let (Some(start), Some(end), Some(held)) = (row.start_ns, row.release_ns, row.held_ns) {
                // In 2023 it subtracts in an f64 of µs, which steps by 0.25 µs there, and writes starts with one decimal.
                let off = if folder.contains("test_rank_0") { 300 } else { 1 };
                assert!((end - start - held).abs() <= off, "{folder}: {row:?}");
            }
        }
    }
}

#[test]
fn peaks_of_components_are_the_highest_readings() {
    let level = &[
        ("HCCL", 423_690_240),
        ("RUNTIME", 96_714_752),
        ("APP", 1_522_532_352),
        ("GE", 79_691_776),
    ][..];
    let st_0 = &[
        ("SLOG", 166_359_040),
        ("HCCL", 1_302_016_000),
        ("RUNTIME", 61_075_456),
        ("APP", 10_875_830_272),
    ][..];
    let st_2 = &[
        ("SLOG", 169_177_088),
        ("HCCL", 1_561_288_704),
        ("RUNTIME", 63_176_704),
        ("APP", 11_395_923_968),
    ][..];
    let old = &[
        ("HCCL", 855_764_992),
        ("RUNTIME", 88_338_432),
        ("ROS", 11_313_152),
        ("APP", 27_000_832_000),
        ("LP", 86_355_968),
    ][..];
    let known = [
        ("msinsight/level0", (1001, 77, level)),
        ("msinsight/level", (1078, 77, level)),
        ("writer", (1078, 77, level)),
        ("st/level2/rank_0", (3465, 77, st_0)),
        ("st/level2/rank_2", (3465, 77, st_2)),
        ("test_rank_0", (78, 23, old)),
    ];
    for (folder, tables) in all_of(Table::ModuleMemory) {
        let peaks = &tables.module_memory;
        let held: Vec<(&str, u64)> = peaks
            .iter()
            .filter_map(|p| Some((&*p.component, p.reserved_bytes?)))
            .filter(|(_, bytes)| *bytes > 0)
            .collect();
        let (rows, components, expected) = *of(&known, &folder);
        assert_eq!((tables.read[0].rows, peaks.len()), (rows, components), "{folder}");
        assert_eq!(peaks.iter().map(|p| p.readings).sum::<u64>(), rows, "{folder}");
        assert_eq!(held, expected, "{folder}");
    }
}

#[test]
fn links_have_the_sums_of_the_matrix() {
    // Rows that do not overlap, bytes, ns of transit; links. Older files state the sum of bytes themselves.
    let known = [
        ("writer/noschedule/vm_1000", (8, 488_806_752, 27_461_509, 8)),
        ("writer/noschedule/vm_1001", (8, 488_806_752, 27_726_774, 8)),
        ("writer/schedule/vm_1000", (8, 488_806_752, 27_461_509, 8)),
        ("writer/schedule/vm_1001", (8, 488_806_752, 27_726_774, 8)),
        ("msinsight/level1/rank0", (8, 488_806_752, 27_461_509, 8)),
        ("msinsight/level2/rank1", (8, 488_806_752, 28_490_329, 8)),
        ("st/level2/rank_0", (14, 4_677_333_200, 119_970_120, 11)),
        ("st/level2/rank_1", (15, 4_677_333_200, 119_958_880, 11)),
        ("st/level2/rank_2", (18, 4_677_342_512, 120_346_760, 14)),
        ("st/level2/rank_3", (19, 4_677_342_512, 120_294_320, 15)),
        ("test_rank_0", (111, 6_714_652_892, 92_231_246, 20)),
        ("test_rank_1", (112, 6_714_177_912, 92_515_180, 20)),
    ];
    for (folder, tables) in all_of(Table::CommunicationMatrix) {
        let links = rank_links::links(&tables.links);
        let (rows, bytes, transit_ns, n) = *of(&known, &folder);
        let sum = |of: fn(&Link) -> i64| links.iter().map(of).sum::<i64>();
        assert_eq!((tables.links.len(), links.len()), (rows, n), "{folder}");
        assert_eq!(links.iter().map(|l| l.bytes).sum::<u64>(), bytes, "{folder}");
        // Python rounds a half to even, we round it up: at most one ns a row.
        assert!(
            (sum(|l| l.transit_ns) - transit_ns).unsigned_abs() <= rows as u64,
            "{folder}"
        );
        assert!(
            rank_links::slow(&links).is_none(),
            "{folder}: all links are alike"
        );
    }
}

#[test]
fn the_slowest_link_is_named_beside_the_median() {
    let known: [(&str, &[&str]); 3] = [
        (
            "msinsight/level1/rank0",
            &["Slowest of 7 links by HCCS: 0 to 6 with 15.4 GB/s; the median is 15.6 GB/s."],
        ),
        (
            "msinsight/level2/rank1",
            &["Slowest of 7 links by HCCS: 1 to 7 with 14.9 GB/s; the median is 15.1 GB/s."],
        ),
        (
            "test_rank_0",
            &[
                "Slowest of 7 links by HCCS: 0 to 4 with 18.1 GB/s; the median is 19.1 GB/s.",
                "Slowest of 2 links by RDMA: 0 to 8 with 23.2 GB/s; the median is 23.2 GB/s.",
            ],
        ),
    ];
    let mut n = 0;
    for (folder, tables) in all_of(Table::CommunicationMatrix) {
        if let Some((_, says)) = known.iter().find(|(end, _)| folder.contains(end)) {
            assert_eq!(
                rank_links::compared(&rank_links::links(&tables.links)),
                *says,
                "{folder}"
            );
            n += 1;
        }
    }
    assert!(n == 3 || n == 0);
}

/// Sum of a column of numbers; what is no number counts for nothing.
fn column(tables: &Tables, name: &str) -> f64 {
    let table = &tables.plain[0];
    let at = table.columns.iter().position(|c| c == name).unwrap();
    table
        .rows
        .iter()
        .filter_map(|row| row[at].parse::<f64>().ok())
        .sum()
}

#[test]
fn tables_shown_as_they_stand_are_whole() {
    let rates = [
        ("level0/rank0", 20.731_023),
        ("vm_1000", 22.300_258),
        ("vm_1001", 20.670_048),
        ("level1/rank0", 22.300_258),
        ("level2/rank1", 21.217_131),
    ];
    for (folder, tables) in all_of(Table::L2Cache) {
        let table = &tables.plain[0];
        assert_eq!((table.n_rows, table.rows.len()), (179, 179), "{folder}");
        assert_eq!(
            table.columns,
            ["Stream Id", "Task Id", "Hit Rate", "Victim Rate", "Op Name"]
        );
        assert!(
            (column(&tables, "Victim Rate") - of(&rates, &folder)).abs() < 1e-9,
            "{folder}"
        );
        assert!(
            table.rows.iter().all(|row| row[2] == "N/A"),
            "as the profiler wrote it"
        );
    }
    for (folder, tables) in all_of(Table::StaticMemory) {
        assert_eq!(tables.plain[0].n_rows, 56, "{folder}");
        assert!(
            (column(&tables, "Size(KB)") - 76_690.423_828_126).abs() < 1e-6,
            "{folder}"
        );
    }
}

/// Kernels of each kind and their time, by a few lines of Python on the table; computing, communication, free and their
/// sum as the profiler's lanes have them.
#[test]
fn the_overall_tree_adds_up() {
    let Some(root) = corpus::root() else { return };
    type Kinds<'a> = &'a [(&'a str, u64, i64)];
    let known: [(&str, Kinds<'_>, [i64; 4]); 5] = [
        (
            "msinsight/level1/rank0_ascend_pt",
            &[
                ("convolution", 14, 1_808_456),
                ("matmul", 9, 997_399),
                ("vector, other", 153, 5_494_092),
                ("tensor move", 11, 573_790),
            ],
            [8_873_756, 101_963_203, 25_744_050, 136_581_009],
        ),
        (
            "msinsight/level2/rank1_ascend_pt",
            &[
                ("convolution", 14, 1_823_557),
                ("matmul", 9, 1_035_781),
                ("vector, other", 153, 5_469_608),
                ("tensor move", 11, 573_330),
            ],
            [8_902_301, 93_411_782, 26_441_689, 128_755_772],
        ),
        // Level0 knows neither types nor cores; a copy is known by its name.
        (
            "msinsight/level0/rank0_ascend_pt",
            &[("tensor move", 11, 577_290), ("other", 176, 8_250_164)],
            [8_827_473, 81_515_607, 25_908_102, 116_251_182],
        ),
        (
            "msinsight/st/level2/rank_0_ascend_pt",
            &[
                ("flash attention", 56, 87_847_320),
                ("matmul", 336, 58_022_860),
                ("vector, other", 2027, 84_118_780),
                ("tensor move", 29, 1_301_140),
            ],
            [231_290_100, 420_174_260, 158_558_000, 810_022_360],
        ),
        (
            "msinsight/st/level2/rank_2_ascend_pt",
            &[
                ("flash attention", 56, 87_468_740),
                ("matmul", 342, 121_234_180),
                ("vector, other", 2137, 190_447_720),
                ("tensor move", 29, 1_297_620),
            ],
            [400_448_260, 277_649_660, 131_705_280, 809_803_200],
        ),
    ];
    for (folder, kinds, times) in known {
        let path = root.join("ascend").join(folder);
        let json: Value = serde_json::from_str(&report(&path, "json")).unwrap();
        let overall = &json["traces"][0]["beside"]["overall"];
        let found: Vec<(&str, u64, i64)> = overall["kernels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|k| {
                let (count, ns) = (k["count"].as_u64(), k["total_ns"].as_i64());
                (k["kind"].as_str().unwrap(), count.unwrap(), ns.unwrap())
            })
            .collect();
        assert_eq!(found, kinds, "{folder}");
        let parts = ["computing", "communication_not_overlapped", "free", "total"];
        let ns = parts.map(|part| overall[part]["total_ns"].as_i64().unwrap());
        assert_eq!(ns, times, "{folder}");
        assert_eq!(ns[0] + ns[1] + ns[2], ns[3], "{folder}");
        let n: u64 = kinds.iter().map(|k| k.1).sum();
        assert_eq!(overall["computing"]["count"], n, "{folder}");
        assert!((overall["total"]["part"].as_f64().unwrap() - 1.0).abs() < 1e-12);
        if folder.contains("st/level2") {
            // One stream: no kernel runs beside another.
            assert_eq!(kinds.iter().map(|k| k.2).sum::<i64>(), times[0], "{folder}");
        }
    }
}

/// More than 10 % idle is the vendor's sign of a host that is too slow; and what a lower level leaves out is said.
#[test]
fn what_is_free_and_what_is_missing_is_said() {
    let Some(root) = corpus::root() else { return };
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().unwrap().iter();
        list.map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    let open = |folder: &str| -> Value {
        let json: Value = serde_json::from_str(&report(&root.join("ascend").join(folder), "json")).unwrap();
        json["traces"][0].clone()
    };
    for (folder, says, free) in [
        ("msinsight/level0/rank0_ascend_pt", "22 %", 25_908_102),
        ("msinsight/level1/rank0_ascend_pt", "19 %", 25_744_050),
        ("msinsight/level2/rank1_ascend_pt", "21 %", 26_441_689),
        ("msinsight/st/level2/rank_2_ascend_pt", "16 %", 131_705_280),
    ] {
        let trace = open(folder);
        let findings = trace["findings"].as_array().unwrap();
        let found = findings.iter().find(|f| f["id"] == "device-free").unwrap();
        assert_eq!(
            (&found["level"], &found["cost_ns"]),
            (&"hint".into(), &free.into()),
            "{folder}"
        );
        let wanted = format!("The device is idle for {says} of its recorded time");
        assert!(
            found["says"].as_str().unwrap().starts_with(&wanted),
            "{folder}: {found}"
        );
    }
    let missing = |folder: &str| texts(&open(folder)["beside"]["missing"]);
    assert_eq!(
        missing("msinsight/level0/rank0_ascend_pt"),
        [
            "The profiler level is Level0: kinds of cores, statistics of operators and of driver calls need Level1 or more.",
            "There is no communication.json: collective operations one by one need Level1 and several devices.",
        ]
    );
    assert_eq!(missing("msinsight/level1/rank0_ascend_pt"), [""; 0]);
    let level0 = texts(&open("msinsight/level0/rank0_ascend_pt")["notes"]);
    assert!(
        level0
            .iter()
            .any(|n| n.starts_with("This trace has no CANN layer (profiler level Level0)"))
    );
    let cpu = "GENERATED_mindspore-2.10.0-cpu-run/out_py_nosched/vm_26600_20261122025819831_ascend_ms";
    assert!(missing(cpu)[0].starts_with("There is no kernel_details.csv and no step_trace_time.csv"));
    let cpu = texts(&open(cpu)["notes"]);
    assert!(
        cpu.iter()
            .any(|n| n.starts_with("This trace holds no task of a device")),
        "{cpu:?}"
    );
}

fn report(path: &std::path::Path, format: &str) -> String {
    let run = Command::new(assert_cmd::cargo::cargo_bin!("stepscope"))
        .args(["report", "--format", format])
        .arg(path)
        .assert()
        .success();
    String::from_utf8(run.get_output().stdout.clone()).unwrap()
}

/// Beside a trace, in every format.
#[test]
fn they_stand_beside_the_trace() {
    let Some(root) = corpus::root() else { return };
    let folder = root.join("ascend/msinsight/level1/rank0_ascend_pt");
    let json: Value = serde_json::from_str(&report(&folder, "json")).unwrap();
    let beside = &json["traces"][0]["beside"];
    assert_eq!(beside["allocations"]["not_released_bytes"], 264_920_064);
    assert_eq!(beside["module_memory_peaks"].as_array().unwrap().len(), 77);
    assert_eq!(beside["links"].as_array().unwrap().len(), 8);
    assert_eq!(beside["links"][0]["transport"], "HCCS");
    assert_eq!(beside["plain_tables"][0]["title"], "L2 cache by task");
    for format in ["text", "markdown"] {
        let text = report(&folder, format);
        for wanted in [
            "Memory allocated by operators",
            "Links between ranks",
            "Highest memory of the driver's components",
            "Collective operations one by one",
            "L2 cache by task",
            "aten::mm",
        ] {
            assert!(text.contains(wanted), "{format}: {wanted} is not in\n{text}");
        }
    }
}

/// Each alone, under a name that says nothing.
#[test]
fn each_opens_alone() {
    let Some(root) = corpus::root() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (file, key, n) in [
        (
            "level1/rank0_ascend_pt/ASCEND_PROFILER_OUTPUT/operator_memory.csv",
            "/allocations/by_operator",
            58,
        ),
        (
            "level1/rank0_ascend_pt/ASCEND_PROFILER_OUTPUT/npu_module_mem.csv",
            "/module_memory_peaks",
            77,
        ),
        (
            "level1/rank0_ascend_pt/ASCEND_PROFILER_OUTPUT/communication_matrix.json",
            "/links",
            8,
        ),
        (
            "level1/rank0_ascend_pt/ASCEND_PROFILER_OUTPUT/l2_cache.csv",
            "/plain_tables/0/rows",
            179,
        ),
        (
            "test_rank_1/ASCEND_PROFILER_OUTPUT/static_op_mem.csv",
            "/plain_tables/0/rows",
            56,
        ),
    ] {
        let path = dir.path().join("mine.txt");
        std::fs::copy(root.join("ascend/msinsight").join(file), &path).unwrap();
        let json: Value = serde_json::from_str(&report(&path, "json")).unwrap();
        let beside = &json["traces"][0]["beside"];
        let rows = beside.pointer(key).and_then(Value::as_array).map(Vec::len);
        assert_eq!(rows, Some(n), "{file}");
    }
}

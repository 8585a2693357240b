//! The ranks of one run that were given together: compared as the command line compares them, and opened by their rows.

use std::path::PathBuf;

use stepscope::analyze::ranks::run;
use stepscope::analyze::report::RunRanks;
use stepscope::session::open_bytes;
use stepscope::synth::simulator::{Engine, Family, Injection, simulate};
use stepscope::view::route::View;
use stepscope_e2e::Page;

use crate::looks::{DARK, NARROW, STICKS_OUT, WIDE};
use crate::real::{click_text, go, table};

/// A run of three ranks, the last of which is late in every step: a file each, and the command line's answer.
fn run_of_three() -> (tempfile::TempDir, Vec<PathBuf>, RunRanks) {
    let engine = Engine {
        ranks: 3,
        every: true,
        ..Engine::of(Family::CudaEager, false).with(Injection::SlowPeer, 2_000_000)
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (mut files, mut extracts) = (Vec::new(), Vec::new());
    for (name, text) in simulate(engine).traces {
        let file = folder.path().join(&name);
        std::fs::write(&file, &text).expect("it can be written");
        files.push(file);
        let opened = open_bytes(&name, text.as_bytes()).expect("a trace");
        extracts.extend(opened.rank_extracts());
    }
    let found = run::compare(&extracts).expect("ranks of one run");
    (folder, files, found)
}

#[test]
fn ranks_that_are_given_together_are_compared() {
    let (_folder, files, found) = run_of_three();
    let page = Page::open();
    let files: Vec<_> = files.iter().map(|file| &**file).collect();
    page.choose_files(&files);
    page.wait_for("ready");
    go(&page, View::Workers);
    click_text(&page, "main button", "Compare all ranks");
    page.wait_until("the ranks are compared", || {
        page.count("section[aria-labelledby=table-ranks]") == 1
    });
    let ranks = table(&page, "ranks");
    ranks.wait_for_size("3 rows");
    assert_eq!(ranks.column("rank"), ["0", "1", "2"]);
    let straggler = found.straggler.as_ref().expect("one is late");
    assert_eq!(straggler.rank, Some(2));
    assert_eq!(ranks.column("straggler"), ["", "", "straggler"]);
    for says in &found.says {
        assert!(
            page.text("main").contains(says),
            "{says:?} is not in: {}",
            page.text("main")
        );
    }
    for (word, look) in [("wide", WIDE), ("narrow", NARROW), ("dark", DARK)] {
        page.look(look);
        page.screenshot(&format!("ranks-{word}"), look);
        assert_eq!(page.eval(STICKS_OUT), serde_json::json!([]), "{word}");
    }
    page.look(WIDE);

    // Another rank is opened by its row.
    let before = page.text("header .file");
    page.click(&ranks.css("tbody tr:last-child button.link"));
    page.wait_until("another rank is open", || {
        page.state() == "ready" && page.text("header .file") != before
    });
    page.must_be_clean();
}

#[test]
fn traces_of_several_runs_are_said_not_to_be_ranks_of_one() {
    let data = |name: &str| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../data")
            .join(name)
    };
    let page = Page::open();
    page.choose_files(&[&data("cuda_eager.json.gz"), &data("rocm.json.gz")]);
    page.wait_for("ready");
    go(&page, View::Workers);
    click_text(&page, "main button", "Compare all ranks");
    page.wait_until("why is said", || page.count(".trouble[role=alert]") == 1);
    let says = page.text(".trouble[role=alert]");
    assert!(says.contains("not ranks of one run"), "{says}");
    page.must_be_clean();
}

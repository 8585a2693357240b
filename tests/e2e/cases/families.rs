//! A trace of each family on a narrow page: no view is to be scrolled sideways.

use std::path::{Path, PathBuf};

use stepscope_e2e::{Look, Page, corpus};

use crate::looks::STICKS_OUT;
use crate::real::texts;
use crate::workers::tar_of;

const PHONE: Look = Look {
    width_px: 390,
    height_px: 844,
    dark: false,
};

/// Opens a file and goes through all views that the page offers for it; what sticks out of any of them.
fn look_through(page: &Page, file: &Path, family: &str) -> Vec<String> {
    page.choose_files(&[file]);
    page.wait_for("ready");
    let mut out = Vec::new();
    let hrefs =
        page.eval("return [...document.querySelectorAll('nav.tabs a')].map(a => a.getAttribute('href'))");
    let hrefs: Vec<String> = serde_json::from_value(hrefs).expect("addresses");
    assert!(hrefs.len() > 4, "{family}: {hrefs:?}");
    for href in hrefs {
        let view = href.trim_start_matches("#view=").to_owned();
        page.eval(&format!("location.hash = '{href}'"));
        page.wait_until(&format!("{family}: {view} is shown"), || {
            page.count(&format!("main.view-{view}")) == 1
        });
        // Plots and tables ask for what the width needs.
        page.eval_async("await new Promise(done => setTimeout(done, 300))");
        page.screenshot(&format!("family-{family}-{view}"), PHONE);
        let sideways = page.eval(
            "const root = document.scrollingElement;
             return root.scrollWidth > root.clientWidth",
        );
        if sideways == true {
            out.push(format!("{family}, {view}: {}", page.eval(STICKS_OUT)));
        }
    }
    out
}

#[test]
fn no_family_has_a_view_that_is_wider_than_a_phone() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut files: Vec<(&str, PathBuf)> = Vec::new();
    for (family, file) in [
        ("cuda", "kineto/tracelens/b200/eager_trace.json.gz"),
        (
            "rocm",
            "kineto/tracelens/inference/sglang_decode/sglang_Qwen3-8B_decode.json.gz",
        ),
        ("cpu", "kineto/torch_cpu/torch-2.9.1/plain.pt.trace.json.gz"),
        (
            "gaudi",
            "gaudi/driven_v1_full/vllm.1795316005590859281.pt.trace.json.gz",
        ),
        ("synprof", "gaudi/real_synapse_csv/debug_hw_prof_accel0_001.csv"),
    ] {
        files.extend(corpus(file).map(|path| (family, path)));
    }
    if let Some(folder) = corpus("ascend/msinsight/level1/rank0_ascend_pt") {
        let archive = dir.path().join("worker.tar.gz");
        tar_of(&folder, &archive);
        files.push(("ascend", archive));
    }
    let page = Page::open();
    page.look(PHONE);
    let mut wide: Vec<String> = Vec::new();
    for (family, file) in &files {
        wide.extend(look_through(&page, file, family));
    }
    page.must_be_clean();
    assert_eq!(wide, [""; 0]);
}

/// The head's facts are not squeezed: beside the file's name they take a line, or two of a long one.
#[test]
fn the_facts_of_the_head_are_not_squeezed() {
    let mut squeezed = Vec::new();
    let page = Page::open();
    for file in [
        "kineto/tracelens/b200/eager_trace.json.gz",
        "gaudi/driven_v1_full/vllm.1795316005590859281.pt.trace.json.gz",
        "gaudi/driven_v1_true/server_events_vllm-instance-10148-3699572f1b674f8098a5ff2bd6f9b6e9.json",
    ] {
        let Some(path) = corpus(file) else { return };
        page.choose_files(&[&path]);
        page.wait_for("ready");
        for width_px in [1280, 1440] {
            page.look(Look {
                width_px,
                ..Look::LAPTOP
            });
            let lines = page.eval(
                "const facts = document.querySelector('.head .facts');
                 const line = parseFloat(getComputedStyle(facts).lineHeight);
                 return Math.round(facts.getBoundingClientRect().height / line)",
            );
            if lines.as_u64().is_none_or(|n| n > 2) {
                squeezed.push(format!(
                    "{file} at {width_px}: {lines} lines, {:?}",
                    texts(&page, ".head .facts")
                ));
            }
        }
    }
    page.must_be_clean();
    assert_eq!(squeezed, [""; 0]);
}

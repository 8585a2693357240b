//! Folders and archives of workers: a folder picked, an archive dropped, one worker after the other.

use std::path::{Path, PathBuf};

use serde_json::json;
use stepscope::table::PAGE_ROWS;
use stepscope_e2e::{Look, Page};

use crate::real::{click_text, table};

/// Two invented workers; the second computes twice as long. Both have a trace and tables.
pub fn make_run(dir: &Path) -> PathBuf {
    let run = dir.join("run");
    for (rank, computing) in [(0, 100), (1, 200)] {
        let worker = run.join(format!("w{rank}_1_ascend_pt"));
        let output = worker.join("ASCEND_PROFILER_OUTPUT");
        std::fs::create_dir_all(&output).expect("a folder");
        let write = |path: PathBuf, text: String| std::fs::write(path, text).expect("a file");
        write(
            worker.join(format!("profiler_info_{rank}.json")),
            format!(
                r#"{{"config":{{"common_config":{{}},"experimental_config":{{"_profiler_level":"Level1"}}}},"rank_id":{rank}}}"#
            ),
        );
        write(
            output.join("step_trace_time.csv"),
            format!(
                "Step,Computing,Communication(Not Overlapped),Overlapped,Communication,Free,Stage,Bubble\n\
                 1,{computing}.5,50,10,60,40,{computing},0\n"
            ),
        );
        write(
            output.join("op_statistic.csv"),
            "OP Type,Core Type,Count,Total Time(us),Min Time(us),Avg Time(us),Max Time(us),Ratio(%)\n\
             MatMulV3,AI_CORE,2,100.5,40,50.25,60.5,100.000\n"
                .to_owned(),
        );
        write(
            output.join("api_statistic.csv"),
            "Level,API Name,Time(us),Count,Avg(us),Min(us),Max(us),Variance\nnode,launch,7.5,2,3.75,3,4.5,0.1\n"
                .to_owned(),
        );
        let mut kernels = "Step Id,Name,Type,Accelerator Core,Start Time(us),Duration(us),Wait Time(us),Block Dim,Input Shapes\n".to_owned();
        let mut events = vec![
            r#"{"ph":"M","name":"process_name","pid":1024,"tid":0,"args":{"name":"Ascend Hardware"}}"#
                .to_owned(),
            r#"{"ph":"M","name":"thread_name","pid":1024,"tid":2,"args":{"name":"Stream 2"}}"#.to_owned(),
        ];
        for i in 0..300 {
            let start = format!("1736408883{:06}.125", i * 100);
            kernels.push_str(&format!(
                "1,k{i},MatMulV3,AI_CORE,{start}\t,60.500,0,8,\"\"\"1,{i}\"\"\"\n"
            ));
            events.push(format!(
                r#"{{"ph":"X","name":"k{i}","pid":1024,"tid":2,"ts":"{start}","dur":60.5,"args":{{"Task Type":"AI_CORE"}}}}"#
            ));
        }
        write(output.join("kernel_details.csv"), kernels);
        write(
            output.join("trace_view.json"),
            format!("[{}]", events.join(",\n")),
        );
    }
    run
}

/// Opens a folder in the page's second file dialog.
pub fn choose_folder(page: &Page, folder: &Path) {
    page.choose_in("input.folder-input", &[folder]);
    page.wait_for("ready");
}

pub fn tar_of(folder: &Path, out: &Path) {
    let status = std::process::Command::new("tar")
        .args(["-czf"])
        .arg(out)
        .arg("-C")
        .arg(folder.parent().expect("a parent"))
        .arg(folder.file_name().expect("a name"))
        .status()
        .expect("tar runs");
    assert!(status.success());
}

fn check_workers(page: &Page) {
    page.eval("location.hash = 'view=workers'");
    let workers = table(page, "workers");
    workers.wait_for_size("2 rows");
    let says = workers.says();
    assert!(says.contains("rank 1 is the slow one"), "{says}");
}

#[test]
fn a_folder_shows_its_workers_and_tables() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = make_run(dir.path());
    let page = Page::open();
    choose_folder(&page, &run);
    assert!(
        page.text(".head .file")
            .contains("w0_1_ascend_pt/trace_view.json")
    );
    check_workers(&page);
    page.screenshot("workers-light", Look::LAPTOP);

    page.eval("location.hash = 'view=tables'");
    let kernels = table(&page, "kernel_details");
    kernels.wait_for_size("300 rows");
    assert_eq!(kernels.rows().len(), PAGE_ROWS as usize);
    page.screenshot("tables-light", Look::LAPTOP);
    let narrow = Look {
        width_px: 480,
        dark: true,
        ..Look::LAPTOP
    };
    page.screenshot("tables-narrow-dark", narrow);
    page.eval("location.hash = 'view=workers'");
    page.screenshot("workers-narrow-dark", narrow);
    page.look(Look::LAPTOP);
    page.eval("location.hash = 'view=tables'");
    table(&page, "kernel_details").wait_for_size("300 rows");
    click_text(&page, &kernels.css("tbody a"), "slice");
    page.wait_until("the row's slice is shown", || {
        page.eval("return location.hash")
            .as_str()
            .unwrap_or_default()
            .contains("slice=")
    });

    // The other worker, with its own trace.
    page.eval("location.hash = 'view=workers'");
    page.click(&table(&page, "workers").in_row("rank", "1", "button.link"));
    page.wait_until("the other worker is open", || {
        page.state() == "ready" && page.text(".head .file").contains("w1_1_ascend_pt")
    });
    check_workers(&page);
    page.must_be_clean();
}

#[test]
fn an_archive_that_is_dropped_is_a_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = make_run(dir.path());
    let archive = dir.path().join("run.tar.gz");
    tar_of(&run, &archive);
    let page = Page::open();
    page.drop_file(&archive);
    page.wait_for("ready");
    check_workers(&page);
    assert_eq!(
        page.eval("return document.querySelectorAll('.trouble').length"),
        json!(0)
    );
    page.must_be_clean();
}

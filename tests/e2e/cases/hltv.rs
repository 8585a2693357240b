//! Archives and tables of Gaudi's own profiler in the page.

use stepscope::base::show;
use stepscope_e2e::{Look, Page, corpus};

use crate::real::{Gaudi, click_text, place, table};

const DARK_PHONE: Look = Look {
    dark: true,
    ..Look::PHONE
};

#[test]
fn an_archive_lists_its_files_and_shows_its_tables() {
    let page = Page::open_at("#view=tables");
    for (file, n_files, n_tables) in [
        ("SYNTHETIC_zip_variant.hltv", 8, 3),
        ("SYNTHETIC_targz_variant.hltv", 7, 2),
    ] {
        let Some(path) = corpus(&format!("gaudi/synthetic_hltv/{file}")) else {
            return;
        };
        page.choose_files(&[&path]);
        page.wait_until(&format!("{file} is open"), || {
            page.state() == "ready" && page.text(".head").contains(file)
        });
        page.eval("location.hash = 'view=tables'");
        table(&page, "files").wait_for_size(&show::counted(n_files, "row"));
        page.wait_until(&format!("{file} has {n_tables} tables of its own"), || {
            page.count("section[aria-labelledby^='table-raw_']") == n_tables
        });
        assert!(page.text("main").contains("needs Intel's synprof_parser"));
    }
    page.screenshot("hltv-wide", Look::LAPTOP);
    page.screenshot("hltv-phone-dark", DARK_PHONE);
    page.must_be_clean();
}

#[test]
fn a_hardware_trace_and_its_nodes_open_together() {
    let name = |suffix: &str| {
        corpus(&format!(
            "gaudi/real_synapse_csv/debug_hw_prof_accel0_001{suffix}.csv"
        ))
    };
    let (Some(hardware), Some(nodes)) = (name(""), name("_analyzed_nodes")) else {
        return;
    };
    let page = Page::open();
    page.choose_files(&[&nodes, &hardware]);
    page.wait_for("ready");
    assert!(page.text(".head").contains("debug_hw_prof_accel0_001.csv"));
    page.eval("location.hash = 'view=tables'");
    table(&page, "raw_1").wait_for_size("4 rows");
    page.screenshot("synprof-nodes", Look::LAPTOP);
    page.eval("location.hash = 'view=timeline'");
    page.wait_until("the timeline is there", || {
        page.count("main.view-timeline canvas") > 0
    });
    page.screenshot("synprof-timeline", Look::LAPTOP);
    page.must_be_clean();
}

#[test]
fn device_work_by_recipe_and_node_leads_to_its_place() {
    let Some((page, gaudi)) = Gaudi::at("#view=operators") else {
        return;
    };
    let work = gaudi.native.report.nodes.as_ref().expect("nodes");
    let recipes: Vec<[String; 3]> = work
        .recipes
        .iter()
        .map(|r| {
            [
                r.label(),
                show::duration(r.total_ns),
                show::percent(r.total_ns, work.total_ns),
            ]
        })
        .collect();
    let shown = table(&page, "recipes").columns(["recipe", "total", "share"]);
    assert_eq!(shown, recipes);
    let nodes = table(&page, "nodes");
    let shown = nodes.columns([
        "node",
        "operation",
        "engine",
        "total",
        "share",
        "busy",
        "count",
        "mean",
        "longest",
        "show",
    ]);
    let recipe = &work.recipes[0];
    let expected: Vec<[String; 10]> = recipe
        .rows
        .iter()
        .map(|row| {
            [
                row.node.clone(),
                row.operation.clone().unwrap_or_else(|| "–".into()),
                row.engine.to_uppercase(),
                show::duration(row.total_ns),
                show::percent(row.total_ns, work.total_ns),
                show::duration(row.busy_ns),
                show::count(row.count),
                show::duration(row.mean_ns),
                show::duration(row.max_ns),
                "longest".to_owned(),
            ]
        })
        .collect();
    assert_eq!(shown[..expected.len()], expected);
    click_text(&page, &nodes.css("tbody tr:not([aria-hidden]) a"), "longest");
    page.wait_until("the slice is selected", || {
        place(&page).slice == Some(work.recipes[0].rows[0].longest_slice)
    });
    page.wait_until("its recipe is named", || {
        page.text(".tl-details").contains(&work.recipes[0].name)
    });
    page.screenshot("node-in-timeline", Look::LAPTOP);
    page.must_be_clean();
}

//! What every table of the page can do: sorted by mouse and keys, filtered, with other columns, copied, saved, and of
//! any length.

use std::fmt::Write as _;

use fantoccini::key::Key;
use serde_json::{Value, json};
use stepscope::analyze::report::{Period, Phase};
use stepscope::base::show;
use stepscope::table::PAGE_ROWS;
use stepscope::view::route::View;
use stepscope_e2e::{Page, corpus, key};

use crate::memory::trace;
use crate::real::{Gaudi, Table, click_text, go, opened, table, texts};
use crate::workers::{choose_folder, make_run};

/// Durations of the steps of this phase that served, longest first, as the page writes them.
fn longest_first(gaudi: &Gaudi) -> Vec<String> {
    let steps = gaudi.native.report.steps.iter();
    let mut ns: Vec<i64> = steps
        .filter(|s| s.period == Period::Serving)
        .map(|s| s.dur_ns)
        .collect();
    ns.sort_unstable_by(|a, b| b.cmp(a));
    ns.into_iter().map(show::duration).collect()
}

/// Scrolls to a part of the whole height: 0 is the start, 1 the end.
fn scroll(page: &Page, table: &Table<'_>, part: f64) {
    page.eval_with(
        "const scroller = document.querySelector(arguments[0]);
         scroller.scrollTop = arguments[1] * (scroller.scrollHeight - scroller.clientHeight)",
        vec![table.css(".data-table").into(), part.into()],
    );
}

/// `aria-rowindex` of the last row that is seen, whole or in part; the head is row 1.
fn last_in_sight(page: &Page, table: &Table<'_>) -> u64 {
    let index = page.eval_with(
        "const scroller = document.querySelector(arguments[0]);
         const end = scroller.getBoundingClientRect().bottom;
         const rows = [...scroller.querySelectorAll('tbody tr:not([aria-hidden])')];
         const last = rows.findLast(row => row.getBoundingClientRect().top < end - 1);
         return Number(last?.getAttribute('aria-rowindex'))",
        vec![table.css(".data-table").into()],
    );
    index.as_u64().unwrap_or(0)
}

#[test]
fn a_column_is_sorted_by_mouse() {
    let Some((page, gaudi)) = Gaudi::at("#view=steps") else {
        return;
    };
    let steps = table(&page, "steps");
    let mut expected = longest_first(&gaudi);
    assert_eq!(steps.order("start"), "ascending");
    assert_eq!(steps.sort("model call"), "descending");
    assert_eq!(steps.column("model call"), expected);
    assert_eq!(steps.order("start"), "");
    assert_eq!(steps.sort("model call"), "ascending");
    expected.reverse();
    assert_eq!(steps.column("model call"), expected);
    // The third click leaves the rows as they lay.
    assert_eq!(steps.sort("model call"), "");
    assert_eq!(steps.order("start"), "ascending");
    page.must_be_clean();
}

#[test]
fn a_column_is_sorted_by_keys() {
    let Some((page, gaudi)) = Gaudi::at("#view=steps") else {
        return;
    };
    let steps = table(&page, "steps");
    let has_focus = |css: &str| {
        page.eval_with(
            "return document.activeElement === document.querySelector(arguments[0])",
            vec![json!(css)],
        ) == Value::Bool(true)
    };
    let sorter = steps.sorter("model call");
    page.eval_with(
        "document.querySelector(arguments[0]).focus()",
        vec![steps.css("input[type=search]").into()],
    );
    for _ in 0..30 {
        if has_focus(&sorter) {
            break;
        }
        page.press_tab();
    }
    assert!(has_focus(&sorter), "Tab leads to the head's button");
    let mut expected = longest_first(&gaudi);
    page.press(&key(Key::Enter));
    page.wait_until("it is sorted", || steps.order("model call") == "descending");
    assert_eq!(steps.column("model call"), expected);
    assert!(has_focus(&sorter), "the focus stays");
    page.press(" ");
    page.wait_until("it is sorted the other way", || {
        steps.order("model call") == "ascending"
    });
    expected.reverse();
    assert_eq!(steps.column("model call"), expected);
    assert!(has_focus(&sorter), "the focus stays");
    page.must_be_clean();
}

#[test]
fn a_filter_narrows_what_is_shown_and_saved() {
    let Some((page, gaudi)) = Gaudi::at("#view=steps") else {
        return;
    };
    let prefills = gaudi.native.report.steps.iter();
    let n = prefills
        .filter(|s| s.period == Period::Serving && s.phase == Phase::Prefill)
        .count();
    assert!((1..46).contains(&n), "{n}");
    let steps = table(&page, "steps");
    steps.filter("PREFILL");
    steps.wait_for_size(&format!("{n} of 52 rows"));
    assert_eq!(steps.column("phase"), vec!["prefill"; n]);
    let focus = page.eval("return document.activeElement.type");
    assert_eq!(focus, "search", "the filter keeps the focus");

    page.click(&steps.css("button[aria-label='Download as CSV']"));
    let name = page.text("header .file");
    let stem = name.split(".json").next().expect("a stem");
    let csv = page.downloaded(&format!("{stem}.steps.csv"));
    let csv = String::from_utf8(csv).expect("UTF-8");
    // Names of steps hold no line ends.
    assert_eq!(csv.lines().count(), n + 1, "{csv}");
    page.wait_until("it says so", || {
        page.text(&steps.css("[role=status]")).starts_with("Saved")
    });

    steps.filter(" of nothing");
    steps.wait_for_size("0 of 52 rows");
    assert_eq!(page.text(&steps.css(".empty")), "No row fits the filter.");
    page.must_be_clean();
}

#[test]
fn a_column_is_shown_on_request() {
    let Some((page, _)) = Gaudi::at("#view=steps") else {
        return;
    };
    let steps = table(&page, "steps");
    assert!(!steps.heads().contains(&"sampling".to_owned()));
    page.click(&steps.css("details.menu summary"));
    for shown in [true, false] {
        click_text(&page, &steps.css(".columns-menu label"), "sampling");
        page.wait_until(&format!("the column is shown: {shown}"), || {
            steps.heads().contains(&"sampling".to_owned()) == shown
        });
    }
    click_text(&page, &steps.css(".columns-menu label"), "tokens");
    page.wait_until("the column is hidden", || {
        !steps.heads().contains(&"tokens".to_owned())
    });
    page.must_be_clean();
}

#[test]
fn rows_are_copied_as_text_with_tabs() {
    let Some((page, gaudi)) = Gaudi::at("#view=recompiles") else {
        return;
    };
    let origin = page.origin();
    page.cdp(
        "Browser.grantPermissions",
        json!({ "origin": origin.trim_end_matches('/'),
                "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] }),
    );
    // Only a page with the focus may use the clipboard, and a browser without a window may have none.
    page.cdp("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
    click_text(&page, ".switches button", "all (12)");
    let compiles = table(&page, "recompiles");
    compiles.wait_for_size("12 rows");
    click_text(&page, &compiles.css(".table-tools button"), "Copy");
    page.wait_until("it says so", || {
        page.text(&compiles.css("[role=status]")) == "Copied"
    });
    let copied = page.eval_async("return await navigator.clipboard.readText()");
    let copied = copied.as_str().unwrap_or_else(|| panic!("not read: {copied}"));
    let lines: Vec<&str> = copied.lines().collect();
    assert_eq!(lines.len(), 13, "{copied}");
    let heads: Vec<&str> = lines[0].split('\t').collect();
    let at = heads.iter().position(|head| *head == "cost").expect("a column");
    let costs: Vec<&str> = lines[1..]
        .iter()
        .filter_map(|line| line.split('\t').nth(at))
        .collect();
    assert_eq!(costs, compiles.column("cost"), "as the page has them");
    let longest = gaudi.native.report.recompiles.iter().map(|r| r.known_ns()).max();
    assert_eq!(Some(costs[0]), longest.map(show::duration).as_deref());
    page.must_be_clean();
}

#[test]
fn a_long_table_scrolls_to_its_end() {
    let file = trace(20_000_000);
    let native = opened(file.path()).expect("the trace");
    let n = native.report.steps.len();
    assert!(n > 400, "{n} steps");
    let page = Page::open_at("#view=steps&period=all");
    page.choose_files(&[file.path()]);
    page.wait_for("ready");
    let steps = table(&page, "steps");
    steps.wait_for_size(&show::counted(n as u64, "row"));
    assert_eq!(
        steps.rows().len(),
        PAGE_ROWS as usize,
        "only what is near is drawn"
    );
    scroll(&page, &steps, 1.0);
    page.wait_until("the last row is seen", || {
        last_in_sight(&page, &steps) == n as u64 + 1
    });
    assert_eq!(steps.drawn("step").last(), Some(&(n - 1).to_string()));
    scroll(&page, &steps, 0.5);
    let middle = n as u64 / 2;
    page.wait_until("the middle is seen", || {
        last_in_sight(&page, &steps).abs_diff(middle) < 40
    });
    // Sorted anew, it starts from the top.
    steps.sort("model call");
    page.wait_until("the longest is seen", || {
        let longest = native.report.steps.iter().map(|s| s.dur_ns).max();
        steps.drawn("model call").first() == longest.map(show::duration).as_ref()
    });
    page.must_be_clean();
}

#[test]
fn a_table_higher_than_an_element_can_be_scrolls_to_its_end() {
    const ROWS: usize = 400_000;
    let dir = tempfile::tempdir().expect("a folder");
    let run = make_run(dir.path());
    let mut kernels = String::from("Step Id,Name,Type,Accelerator Core,Start Time(us),Duration(us)\n");
    for i in 0..ROWS {
        writeln!(kernels, "1,k{i},Add,AI_CORE,1736408883{i:06}.125,0.500").expect("a text");
    }
    let output = run.join("w0_1_ascend_pt/ASCEND_PROFILER_OUTPUT");
    std::fs::write(output.join("kernel_details.csv"), kernels).expect("a file");
    let page = Page::open();
    choose_folder(&page, &run);
    page.eval("location.hash = 'view=tables'");
    let kernels = table(&page, "kernel_details");
    kernels.wait_for_size("400,000 rows");
    for (part, row) in [(1.0, ROWS), (0.5, ROWS / 2), (0.0, 1)] {
        scroll(&page, &kernels, part);
        page.wait_until(&format!("{part} of the rows are passed"), || {
            last_in_sight(&page, &kernels).abs_diff(row as u64) < 60
        });
    }
    scroll(&page, &kernels, 1.0);
    page.wait_until("the last row is seen", || {
        last_in_sight(&page, &kernels) == ROWS as u64 + 1
    });
    assert_eq!(
        kernels.drawn("kernel").last().map(String::as_str),
        Some("k399999")
    );
    page.must_be_clean();
}

#[test]
fn a_table_without_rows_is_not_there() {
    let Some((page, gaudi)) = Gaudi::at("") else {
        return;
    };
    let filled: Vec<String> = gaudi.native.summary().tables.into_iter().map(|t| t.key).collect();
    for absent in ["dynamo", "torch_table", "copies"] {
        assert!(!filled.iter().any(|key| key == absent), "{filled:?}");
    }
    for view in [
        View::Overview,
        View::Steps,
        View::Gaps,
        View::Recompiles,
        View::Operators,
    ] {
        go(&page, view);
        page.eval_async("await new Promise(done => setTimeout(done, 500))");
        let shown = page.eval(
            "return [...document.querySelectorAll('[aria-labelledby^=table-]')].map(e => [
                e.getAttribute('aria-labelledby').slice(6), e.querySelectorAll('tbody tr').length])",
        );
        let shown: Vec<(String, u64)> = serde_json::from_value(shown).expect("tables");
        let unfilled = shown.iter().find(|(key, _)| !filled.contains(key));
        assert_eq!(
            unfilled, None,
            "{view:?} shows a table that the trace does not fill"
        );
    }
    page.must_be_clean();
}

#[test]
fn no_table_of_a_cuda_trace_has_engines_of_gaudi() {
    let Some(file) = corpus("kineto/tracelens/b200/eager_trace.json.gz") else {
        return;
    };
    let page = Page::open();
    page.choose_files(&[&file]);
    page.wait_for("ready");
    let hrefs =
        page.eval("return [...document.querySelectorAll('nav.tabs a')].map(a => a.getAttribute('href'))");
    let hrefs: Vec<String> = serde_json::from_value(hrefs).expect("addresses");
    let mut heads = Vec::new();
    for href in hrefs {
        page.eval(&format!("location.hash = '{href}'"));
        let view = href.trim_start_matches("#view=");
        page.wait_until("the view is shown", || {
            page.count(&format!("main.view-{view}")) == 1
        });
        page.eval_async("await new Promise(done => setTimeout(done, 400))");
        heads.extend(texts(&page, "main th, main .columns-menu label"));
    }
    assert!(heads.len() > 40, "{heads:?}");
    for engine in ["MME", "TPC", "DMA", "NIC"] {
        assert!(!heads.iter().any(|head| head == engine), "{engine} in {heads:?}");
    }
    page.must_be_clean();
}

#[test]
fn the_report_menu_offers_the_tables_that_the_trace_fills() {
    let Some((page, gaudi)) = Gaudi::at("") else {
        return;
    };
    let expected: Vec<String> = gaudi
        .native
        .summary()
        .tables
        .into_iter()
        .map(|t| t.title)
        .collect();
    page.click("header details.menu summary");
    page.click("details.tables-menu summary");
    assert_eq!(texts(&page, "details.tables-menu button"), expected);
    click_text(&page, "details.tables-menu button", "Graph compiles");
    page.wait_until("the file is saved", || {
        page.saved().iter().any(|name| name.ends_with(".recompiles.csv"))
    });
    page.must_be_clean();
}

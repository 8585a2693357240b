//! The Recompiles view: each compile, the buckets that warm-up missed, and the way to the timeline.

use fantoccini::key::Key;
use stepscope::view::Span;
use stepscope::view::route::{Route, View};
use stepscope_e2e::{Page, key};

use crate::real::{Gaudi, click_text, go, place, table, texts};

fn links(page: &Page) -> Vec<String> {
    let links = page.eval(
        "return [...document.querySelectorAll('section[aria-labelledby=table-recompiles] a[href*=\"view=timeline\"]')]
            .map(a => a.getAttribute('href'))",
    );
    serde_json::from_value(links).expect("links")
}

#[test]
fn every_compile_has_its_row() {
    let Some((page, gaudi)) = Gaudi::at("#view=recompiles") else {
        return;
    };
    let compiles = table(&page, "recompiles");
    assert_eq!(
        compiles.columns(["cost", "step"]),
        [["412 ms", "10"], ["188 ms", "37"], ["23.0 ms", "37"]]
    );
    click_text(&page, ".switches button", "all (12)");
    compiles.wait_for_size("12 rows");
    let mut expected: Vec<&_> = gaudi.native.report.recompiles.iter().collect();
    expected.sort_by_key(|r| std::cmp::Reverse(r.dur_ns));
    let costs: Vec<String> = expected.iter().map(|r| r.cost_says()).collect();
    assert_eq!(compiles.column("cost"), costs);
    page.must_be_clean();
}

#[test]
fn the_grid_marks_the_bucket_that_warm_up_missed() {
    let Some((page, _)) = Gaudi::at("#view=recompiles") else {
        return;
    };
    assert_eq!(texts(&page, "table.grid td.missed"), ["! 1"]);
    // Served after warm-up: prefill (1, 128, 0) once and (1, 256, 0) twice; decode (4, 1, 128) and (4, 1, 256).
    assert_eq!(
        texts(&page, "table.grid td.served"),
        ["✓ 1", "✓ 2", "✓ 22", "✓ 20"]
    );
    // Warmed up and not served: prefill (4, 256, 0), decode (8, 1, 256).
    assert_eq!(texts(&page, "table.grid td.warmed"), ["· 1", "· 1"]);
    let column = page.eval(
        "const missed = document.querySelector('table.grid td.missed');
         return [missed.parentElement.cells[0].innerText, missed.closest('table').tHead.rows[0].cells[missed.cellIndex].innerText]",
    );
    assert_eq!(column, serde_json::json!(["1", "128 × 2"]));
    page.must_be_clean();
}

#[test]
fn every_compile_leads_to_its_place_in_the_timeline() {
    let Some((page, gaudi)) = Gaudi::at("#view=recompiles") else {
        return;
    };
    click_text(&page, ".switches button", "all (12)");
    page.wait_until("all compiles are listed", || links(&page).len() == 12);
    let mut expected: Vec<&_> = gaudi.native.report.recompiles.iter().collect();
    expected.sort_by_key(|r| std::cmp::Reverse(r.dur_ns));
    let places: Vec<(Option<Span>, Option<u32>)> = expected
        .iter()
        .map(|r| (Some(Span::new(r.start_ns, r.start_ns + r.known_ns())), r.slice))
        .collect();
    assert!(expected.iter().all(|r| r.start_is_exact));
    let linked: Vec<(Option<Span>, Option<u32>)> = links(&page)
        .iter()
        .map(|href| Route::from_hash(href))
        .map(|place| (place.mark, place.slice))
        .collect();
    assert_eq!(linked, places);

    for (href, compile) in links(&page).iter().zip(&expected).take(3) {
        page.eval_with(
            "document.querySelector(`main a[href='${arguments[0]}']`).click()",
            vec![href.as_str().into()],
        );
        page.wait_until("the compile is described", || {
            page.count(".tl-details .tl-name") == 1
                && page.text(".tl-details .tl-name").contains(&compile.name)
        });
        let compile = Span::new(compile.start_ns, compile.start_ns + compile.known_ns());
        page.wait_until("the address names the window around the compile", || {
            place(&page)
                .window
                .is_some_and(|w| w.start <= compile.start && compile.end <= w.end)
        });
        let at = place(&page);
        assert_eq!((at.view, at.mark), (View::Timeline, Some(compile)));
        // Around it, not the whole trace.
        let window = at.window.expect("a window");
        assert!(
            window.len_ns() < 10 * compile.len_ns(),
            "{window:?} around {compile:?}"
        );
        go(&page, View::Recompiles);
        click_text(&page, ".switches button", "all (12)");
        page.wait_until("all compiles are listed", || links(&page).len() == 12);
    }
    page.must_be_clean();
}

#[test]
fn cells_of_the_grid_and_bars_of_time_filter_the_table() {
    let Some((page, _)) = Gaudi::at("#view=recompiles") else {
        return;
    };
    let compiles = table(&page, "recompiles");
    assert_eq!(compiles.column("step"), ["10", "37", "37"]);
    page.click("table.grid td.missed button");
    page.wait_until("the compile of the missed bucket is left", || {
        compiles.column("step") == ["10"]
    });
    click_text(&page, ".chip", "prefill (1, 128, 2) ×");
    page.wait_until("all are listed", || compiles.column("step") == ["10", "37", "37"]);

    let field = "[role=group][aria-label='When graphs were compiled']";
    page.eval(&format!("document.querySelector(\"{field}\").focus()"));
    page.press(&key(Key::Home));
    page.press(&key(Key::Enter));
    page.wait_until("the first is left", || compiles.column("step") == ["10"]);
    page.press(&key(Key::Escape));
    page.wait_until("all are listed", || compiles.column("step") == ["10", "37", "37"]);
    page.must_be_clean();
}

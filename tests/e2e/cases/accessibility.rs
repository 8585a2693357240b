//! A smoke test, view by view: everything that can be used has a name, and the keyboard reaches it.

use serde_json::{Value, json};
use stepscope::view::route::View;
use stepscope_e2e::{Look, Page};

use crate::real::{FILLS_OF_GAUDI, Gaudi, go};

/// Roles that a reader acts on, and pictures, which are heard by their name alone.
const NAMED: [&str; 9] = [
    "button",
    "link",
    "textbox",
    "searchbox",
    "checkbox",
    "combobox",
    "image",
    "navigation",
    "dialog",
];

/// What the browser tells a screen reader: `(role, name)` of everything that is not hidden from it.
fn heard(page: &Page) -> Vec<(String, String)> {
    let tree = page.cdp("Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().expect("nodes");
    let word = |value: &Value| value["value"].as_str().unwrap_or_default().trim().to_owned();
    nodes
        .iter()
        .filter(|node| node["ignored"] != true)
        .map(|node| (word(&node["role"]), word(&node["name"])))
        .collect()
}

fn must_be_named(page: &Page, place: &str) {
    let heard = heard(page);
    let count = |role: &str| heard.iter().filter(|(r, _)| r == role).count();
    assert!(count("button") > 0, "{place}: the tree has no button at all");
    let nameless: Vec<&str> = heard
        .iter()
        .filter(|(role, name)| NAMED.contains(&role.as_str()) && name.is_empty())
        .map(|(role, _)| role.as_str())
        .collect();
    assert_eq!(nameless, [""; 0], "{place}: without a name");
    // Behind an open dialog, nothing of the page is heard.
    let mains = usize::from(count("dialog") == 0);
    assert_eq!(count("main"), mains, "{place}: main landmarks");
    let headless = page.eval(
        "return [...document.querySelectorAll('table')].filter(t => !t.querySelector('th')).map(t => t.outerHTML.slice(0, 200))",
    );
    assert_eq!(headless, json!([]), "{place}: tables without headers");
    let ids = page.eval(
        "const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
         const lost = [...document.querySelectorAll('[aria-labelledby]')].map(e => e.getAttribute('aria-labelledby')).filter(id => !ids.includes(id));
         return [...ids.filter((id, i) => ids.indexOf(id) !== i), ...lost]",
    );
    assert_eq!(ids, json!([]), "{place}: ids twice, or not there");
}

#[test]
fn everything_that_can_be_used_has_a_name() {
    let Some((page, _)) = Gaudi::at("") else { return };
    for view in View::of_trace(FILLS_OF_GAUDI) {
        go(&page, view);
        page.eval_async("await new Promise(done => setTimeout(done, 300))");
        must_be_named(&page, &format!("{view:?}"));
    }
    go(&page, View::Overview);
    page.press("?");
    page.wait_until("help is open", || page.count(".dialog") == 1);
    must_be_named(&page, "help");
    page.must_be_clean();
}

#[test]
fn the_start_page_has_names_and_one_heading() {
    let page = Page::open();
    must_be_named(&page, "the start page");
    assert_eq!(page.count("h1"), 1);
    page.must_be_clean();
}

#[test]
fn each_view_has_one_first_heading() {
    let Some((page, _)) = Gaudi::at("") else { return };
    let mut wrong = Vec::new();
    for view in View::of_trace(FILLS_OF_GAUDI) {
        go(&page, view);
        let n = page.count("h1");
        if n != 1 {
            wrong.push(format!("{view:?} has {n}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// Elements that tables may draw while the Tab key goes through them.
const MOST_DRAWN_ON_THE_WAY: u64 = 300;

#[test]
fn the_tab_key_reaches_everything_that_can_be_used() {
    let Some((page, _)) = Gaudi::at("") else { return };
    page.look(Look::LAPTOP);
    for view in [View::Overview, View::Recompiles, View::Timeline] {
        go(&page, view);
        page.eval_async("await new Promise(done => setTimeout(done, 300))");
        let usable = page.eval(
            "const usable = [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]')]
                .filter(e => e.checkVisibility() && !e.disabled && e.tabIndex >= 0);
             usable.forEach((e, i) => e.dataset.e2e = i);
             document.activeElement?.blur();
             window.reached = new Set();
             document.addEventListener('focusin', event => reached.add(event.target.dataset.e2e));
             return usable.length",
        );
        let n = usable.as_u64().expect("a count");
        assert!(n > 10, "{view:?}: {n} usable elements");
        // A table draws its rows when it comes near: more can be reached on the way than was there at the start.
        let missed = || {
            page.eval(
                "return [...document.querySelectorAll('[data-e2e]')].filter(e => !reached.has(e.dataset.e2e)).map(e => e.outerHTML.slice(0, 150))",
            )
        };
        let most = 2 * n + MOST_DRAWN_ON_THE_WAY;
        let mut n_pressed = 0;
        while n_pressed < most && missed() != json!([]) {
            for _ in 0..10 {
                page.press_tab();
            }
            n_pressed += 10;
        }
        let missed = missed();
        assert_eq!(missed, json!([]), "{view:?}: not reached by Tab");
        page.eval("document.querySelectorAll('[data-e2e]').forEach(e => delete e.dataset.e2e)");
    }
    page.must_be_clean();
}

//! Real traces, opened twice: in the page, and by the native engine, which says what the page must show.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stepscope::ingest::Inflater;
use stepscope::session::{Loader, Opened, open_bytes};
use stepscope::view::place::{Place, View};
use stepscope_e2e::{Page, corpus};

pub fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .expect("a name in UTF-8")
}

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The text of a trace, for a look that does not go through the engine.
pub fn text(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    Inflater::default().feed(&read(path), &mut |piece| text.extend_from_slice(piece));
    text
}

/// End to end on Gaudi: 52 steps, 12 compiles, one device, with its metrics file.
pub struct Gaudi {
    pub trace: PathBuf,
    pub metrics: PathBuf,
    pub native: Opened,
}

impl Gaudi {
    pub fn find() -> Option<Gaudi> {
        let dir = "gaudi/driven_v1_full";
        let trace = corpus(&format!("{dir}/vllm.1795316005590859281.pt.trace.json.gz"))?;
        let metrics = corpus(&format!("{dir}/metrics.json"))?;
        let mut loader = Loader::new(name(&trace));
        assert!(loader.attach_metrics(name(&metrics), &read(&metrics)));
        loader.feed(&read(&trace));
        let native = loader.finish().unwrap_or_else(|why| panic!("{why}"));
        Some(Gaudi {
            trace,
            metrics,
            native,
        })
    }

    pub fn open_in(&self, page: &Page) {
        page.choose_files(&[&self.trace, &self.metrics]);
        page.wait_for("ready");
    }

    /// A page with the trace open, at this hash.
    pub fn at(hash: &str) -> Option<(Page, Gaudi)> {
        let gaudi = Gaudi::find()?;
        let page = Page::open_at(hash);
        gaudi.open_in(&page);
        Some((page, gaudi))
    }
}

/// What the native engine makes of a file.
pub fn opened(path: &Path) -> Result<Opened, String> {
    open_bytes(name(path), &read(path)).map_err(|why| why.to_string())
}

/// Goes to a view by its tab.
pub fn go(page: &Page, view: View) {
    page.click(&format!("nav.tabs a[href='#view={}']", view.id()));
    page.wait_until(&format!("the view {view:?} is shown"), || {
        page.count(&format!("main.view-{}", view.id())) == 1
    });
}

/// The page's place, as its address says.
pub fn place(page: &Page) -> Place {
    let hash = page.eval("return location.hash");
    Place::from_hash(hash.as_str().expect("a hash"))
}

/// The cells of a table's body, row by row, as a reader sees them.
pub fn rows(page: &Page, table: &str) -> Vec<Vec<String>> {
    let rows = page.eval_with(
        "const table = document.querySelector(arguments[0]);
         return table && [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.innerText.trim()))",
        vec![json!(table)],
    );
    serde_json::from_value(rows).unwrap_or_else(|_| panic!("there is no table {table}"))
}

/// The texts of all elements that match.
pub fn texts(page: &Page, css: &str) -> Vec<String> {
    let texts = page.eval_with(
        "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText.trim())",
        vec![json!(css)],
    );
    serde_json::from_value(texts).expect("texts")
}

/// Clicks the first element that matches and whose text is this.
pub fn click_text(page: &Page, css: &str, text: &str) {
    let clicked = page.eval_with(
        "const found = [...document.querySelectorAll(arguments[0])].find(e => e.innerText.trim() === arguments[1]);
         found?.scrollIntoView({ block: 'center' });
         found?.click();
         return Boolean(found)",
        vec![json!(css), json!(text)],
    );
    assert_eq!(clicked, Value::Bool(true), "there is no {css} that says {text:?}");
}

/// How often the timeline has drawn.
pub fn frames(page: &Page) -> u64 {
    page.eval("return Number(document.documentElement.dataset.frames ?? 0)")
        .as_u64()
        .expect("a count")
}

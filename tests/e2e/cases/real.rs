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

/// A table of the page by its key, see `src/table`. Cells are found by their column's head.
pub struct Table<'a> {
    page: &'a Page,
    key: String,
}

/// The table of this key, once it is there.
pub fn table<'a>(page: &'a Page, key: &str) -> Table<'a> {
    let table = Table {
        page,
        key: key.to_owned(),
    };
    page.wait_until(&format!("the table {key} is there"), || {
        table.bring_into_sight();
        table.is_there()
    });
    table
}

impl Table<'_> {
    /// What lies in its section: `css` below it, or the section itself.
    pub fn css(&self, css: &str) -> String {
        format!("section[aria-labelledby='table-{}'] {css}", self.key)
    }

    /// Only tables in sight are drawn.
    fn bring_into_sight(&self) {
        self.page.eval_with(
            "document.querySelector(arguments[0])?.scrollIntoView({ block: 'nearest' })",
            vec![json!(self.css(""))],
        );
    }

    pub fn is_there(&self) -> bool {
        self.page.count(&self.css("table")) == 1
    }

    /// The columns' heads, without the mark of the order.
    pub fn heads(&self) -> Vec<String> {
        let heads = texts(self.page, &self.css("thead th"));
        heads
            .iter()
            .map(|head| head.trim_end_matches(['▲', '▼']).trim().to_owned())
            .collect()
    }

    fn at(&self, head: &str) -> usize {
        let heads = self.heads();
        let at = heads.iter().position(|h| h == head);
        at.unwrap_or_else(|| panic!("{}: no column {head:?} in {heads:?}", self.key))
    }

    /// The cells of the rows that are drawn.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let rows = self.page.eval_with(
            "return [...document.querySelectorAll(arguments[0])]
                .map(row => [...row.cells].map(cell => cell.innerText.trim()))",
            vec![json!(self.css("tbody tr:not([aria-hidden])"))],
        );
        serde_json::from_value(rows).expect("rows")
    }

    /// One column's cells.
    pub fn column(&self, head: &str) -> Vec<String> {
        let at = self.at(head);
        self.rows()
            .into_iter()
            .map(|mut row| row.swap_remove(at))
            .collect()
    }

    /// Some of the columns, row by row.
    pub fn columns<const N: usize>(&self, heads: [&str; N]) -> Vec<[String; N]> {
        let at = heads.map(|head| self.at(head));
        let rows = self.rows();
        rows.iter().map(|row| at.map(|at| row[at].clone())).collect()
    }

    /// The selector of the row whose cell below `head` says this, and of what lies in it.
    pub fn in_row(&self, head: &str, says: &str, css: &str) -> String {
        let rows = self.column(head);
        let nth = rows.iter().position(|cell| cell == says);
        let nth = nth.unwrap_or_else(|| panic!("{}: no {head} {says:?} in {rows:?}", self.key));
        // The spacer above is a row, too.
        let spacer = self.page.count(&self.css("tbody tr[aria-hidden]:first-child"));
        self.css(&format!("tbody tr:nth-child({}) {css}", nth as u64 + spacer + 1))
    }

    /// How many rows there are, as its heading says.
    pub fn size(&self) -> String {
        self.page.text(&self.css("h2 .aside"))
    }

    pub fn wait_for_size(&self, size: &str) {
        let what = format!("the table {} has {size}", self.key);
        self.page
            .wait_until(&what, || self.is_there() && self.size() == size);
    }

    /// What it says above its rows: the definition, and sentences on this trace.
    pub fn says(&self) -> String {
        texts(self.page, &self.css(".definition")).join(" ")
    }

    /// `ascending`, `descending` or nothing.
    pub fn order(&self, head: &str) -> String {
        let css = self.css(&format!("thead th:nth-child({})", self.at(head) + 1));
        let order = self.page.eval_with(
            "return document.querySelector(arguments[0]).getAttribute('aria-sort') ?? ''",
            vec![json!(css)],
        );
        order.as_str().unwrap_or_default().to_owned()
    }

    /// The selector of the button that sorts.
    pub fn sorter(&self, head: &str) -> String {
        self.css(&format!("thead th:nth-child({}) button", self.at(head) + 1))
    }

    /// Clicks a head, and waits until the rows lie in another order.
    pub fn sort(&self, head: &str) -> String {
        let before = self.order(head);
        self.page.click(&self.sorter(head));
        let what = format!("{} is sorted by {head}", self.key);
        self.page.wait_until(&what, || self.order(head) != before);
        self.order(head)
    }

    /// Types into its filter.
    pub fn filter(&self, text: &str) {
        self.page.click(&self.css("input[type=search]"));
        self.page.press(text);
    }
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

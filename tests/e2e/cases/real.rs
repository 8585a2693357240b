//! Real traces, opened twice: in the page, and by the native engine, which says what the page must show.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stepscope::ingest::Inflater;
use stepscope::session::{Loader, Opened, open_bytes};
use stepscope::table::PAGE_ROWS;
use stepscope::view::route::{Fills, Route, View};
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

/// The views of a Gaudi trace that few traces fill.
pub const FILLS_OF_GAUDI: Fills = Fills {
    device: true,
    compared: false,
    workers: false,
    tables: false,
    stacks: false,
    memory: false,
};

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
pub fn place(page: &Page) -> Route {
    let hash = page.eval("return location.hash");
    Route::from_hash(hash.as_str().expect("a hash"))
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

/// Rows of a table that a test reads at most.
const MANY_ROWS: usize = 200;

/// Scrolls down until there is such an element: tables are drawn when they come into sight.
pub fn scroll_to(page: &Page, css: &str) {
    page.wait_until(&format!("{css} is there"), || {
        let there = page.count(css) > 0;
        if !there {
            page.eval("scrollBy(0, innerHeight / 2)");
        }
        there
    });
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
    table.see();
    table
}

impl Table<'_> {
    /// What lies in its section: `css` below it, or the section itself.
    pub fn css(&self, css: &str) -> String {
        format!("section[aria-labelledby='table-{}'] {css}", self.key)
    }

    /// Brings it into sight: only tables in sight are drawn.
    fn see(&self) {
        self.page
            .wait_until(&format!("the table {} is there", self.key), || {
                self.page.eval_with(
                    "document.querySelector(arguments[0])?.scrollIntoView({ block: 'nearest' })",
                    vec![json!(self.css(""))],
                );
                self.is_there()
            });
    }

    pub fn is_there(&self) -> bool {
        self.page.count(&self.css("table")) == 1
    }

    /// The columns' heads, without the mark of the order.
    pub fn heads(&self) -> Vec<String> {
        self.see();
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
        self.see();
        let rows = self.page.eval_with(
            "return [...document.querySelectorAll(arguments[0])]
                .map(row => [...row.cells].map(cell => cell.innerText.trim()))",
            vec![json!(self.css("tbody tr:not([aria-hidden])"))],
        );
        serde_json::from_value(rows).expect("rows")
    }

    /// One column's cells, of the rows that are drawn.
    pub fn drawn(&self, head: &str) -> Vec<String> {
        let at = self.at(head);
        self.rows()
            .into_iter()
            .map(|mut row| row.swap_remove(at))
            .collect()
    }

    /// The cells of all rows of a table that is not long: of those that are not drawn, too.
    fn all_rows(&self) -> Vec<Vec<String>> {
        self.see();
        let scroll = |row: usize| {
            let script = "const scroller = document.querySelector(arguments[0]).parentElement;
                scroller.scrollTop = arguments[1] * 27";
            self.page
                .eval_with(script, vec![json!(self.css("table")), json!(row)]);
        };
        let drawn = || {
            let rows = self.page.eval_with(
                "return [...document.querySelectorAll(arguments[0])]
                    .map(row => [row.ariaRowIndex, ...[...row.cells].map(cell => cell.innerText.trim())])",
                vec![json!(self.css("tbody tr:not([aria-hidden])"))],
            );
            let rows: Vec<Vec<String>> = serde_json::from_value(rows).expect("rows");
            rows.into_iter().map(|mut row| (row.remove(0), row))
        };
        let n = self
            .page
            .eval_with(
                "return document.querySelector(arguments[0]).ariaRowCount - 1",
                vec![json!(self.css("table"))],
            )
            .as_u64();
        let n = usize::try_from(n.expect("a number of rows")).expect("not many");
        let mut all: Vec<Option<Vec<String>>> = vec![None; n.min(MANY_ROWS)];
        while let Some(missing) = all.iter().position(Option::is_none) {
            scroll(missing);
            self.page
                .wait_until(&format!("row {missing} of {} is drawn", self.key), || {
                    for (number, row) in drawn() {
                        // The head is row 1.
                        let at = number.parse::<usize>().expect("a number") - 2;
                        if let Some(slot) = all.get_mut(at) {
                            *slot = Some(row);
                        }
                    }
                    all[missing].is_some()
                });
        }
        if n > PAGE_ROWS as usize {
            scroll(0);
            self.page.wait_until("it is drawn from its first row again", || {
                drawn().next().is_some_and(|(number, _)| number == "2")
            });
        }
        all.into_iter().flatten().collect()
    }

    /// One column's cells, of the first [`MANY_ROWS`] rows.
    pub fn column(&self, head: &str) -> Vec<String> {
        let at = self.at(head);
        self.all_rows()
            .into_iter()
            .map(|mut row| row.swap_remove(at))
            .collect()
    }

    /// Some of the columns, row by row.
    pub fn columns<const N: usize>(&self, heads: [&str; N]) -> Vec<[String; N]> {
        let at = heads.map(|head| self.at(head));
        let rows = self.all_rows();
        rows.iter().map(|row| at.map(|at| row[at].clone())).collect()
    }

    /// The selector of the row whose cell below `head` says this, and of what lies in it.
    pub fn in_row(&self, head: &str, says: &str, css: &str) -> String {
        let rows = self.drawn(head);
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
        self.see();
        let what = format!("the table {} has {size}", self.key);
        self.page
            .wait_until(&what, || self.is_there() && self.size() == size);
    }

    /// What it says above its rows: the definition, and sentences on this trace.
    pub fn says(&self) -> String {
        self.see();
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

//! One table of the registry, whatever it holds: sorted by any column, filtered, with the columns that the reader
//! chooses, copied or saved, and of any length.
//!
//! Only the rows in sight are asked for and drawn, and only of tables in sight: a view may have hundreds of them.
//! Browsers cap an element's height, so past [`MAX_HEIGHT_PX`] the scroll distance stands for a proportion of the rows.

use web_sys::{Element, HtmlElement, HtmlInputElement};
use yew::prelude::*;

use crate::app::companion::perfetto::InPerfetto;
use crate::app::components::ask::{About, use_answer, use_sight};
use crate::app::components::parts::{Part, Stack, Term, To, step_place, swatch, timeline_at};
use crate::app::components::same_rc::SameRc;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::table::{Ask, Cell, Column, Kind, Order, PAGE_ROWS, Page, Place, SelectedAsk};
use crate::view::Span;
use crate::web::download;
use crate::web::engine::Engine;

/// A page starts at a multiple of this, so that scrolling a little asks for nothing.
const STEP_ROWS: u32 = 4;
/// Height of a row of a long table, as style.css sets it.
const ROW_PX: f64 = 27.0;
/// Browsers cut elements higher than some 17 to 33 million px.
const MAX_HEIGHT_PX: f64 = 8e6;
/// Height of a table that was not drawn yet.
const UNSEEN_PX: i32 = 300;
/// A table with fewer rows needs no tools to be read.
const FEW_ROWS: u32 = 8;

/// What can be made of a table's rows: the format in [`Question::TableFile`], its word, its type.
const FILES: [(&str, &str, &str); 3] = [
    ("csv", "CSV", "text/csv"),
    ("json", "JSON", "application/json"),
    ("md", "Markdown", "text/markdown"),
];

/// A button in each row.
#[derive(Clone, PartialEq)]
pub struct RowAction {
    pub head: AttrValue,
    /// The button's word for a row; `None`: this row has none.
    pub word: Callback<Row, Option<String>>,
    pub on_click: Callback<Row>,
}

/// The cells of a row under their columns' keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    cells: Vec<(String, Cell)>,
}

impl Row {
    pub fn cell(&self, key: &str) -> &Cell {
        let found = self.cells.iter().find(|(of, _)| of == key);
        found.map_or(&Cell::Unknown, |(_, cell)| cell)
    }

    /// The key of a closed set's value, or a text; empty where unknown.
    pub fn key(&self, key: &str) -> &str {
        match self.cell(key) {
            Cell::Term(term) => &term.key,
            Cell::Text(text) => text,
            _ => "",
        }
    }
}

#[derive(Properties, PartialEq)]
pub struct DataTableProps {
    /// Key of the table.
    pub table: AttrValue,
    pub engine: Engine,
    /// In place of the table's own title.
    #[prop_or_default]
    pub title: Option<AttrValue>,
    /// Only rows with these values; see [`Ask::only`].
    #[prop_or_default]
    pub only: Vec<(String, String)>,
    #[prop_or_default]
    pub within: Option<(String, i64, i64)>,
    /// What of the trace the rows are of; see [`Ask::selected`].
    #[prop_or_default]
    pub selected: Option<SelectedAsk>,
    /// The order at first; else as the table lies.
    #[prop_or_default]
    pub order: Option<Order>,
    /// Columns that are shown on request only, in this place.
    #[prop_or_default]
    pub without: &'static [&'static str],
    #[prop_or_default]
    pub action: Option<RowAction>,
    /// The row that is chosen elsewhere: a column and its value in words.
    #[prop_or_default]
    pub here: Option<(AttrValue, String)>,
    /// Said in place of the table if the trace does not fill it; else nothing is.
    #[prop_or_default]
    pub absent: Option<AttrValue>,
}

#[component]
pub fn DataTable(props: &DataTableProps) -> Html {
    let order = use_state_eq(|| props.order.clone());
    let contains = use_state_eq(String::new);
    let toggled = use_state_eq(Vec::<String>::new);
    let first_row = use_state_eq(|| 0u32);
    let scrolled_px = use_state_eq(|| 0.0f64);
    let scroller = use_node_ref();
    let section = use_node_ref();
    // A place that the reader has scrolled to is not lost.
    let is_near = use_sight(&section, *first_row > 0);
    let about = use_context::<About>();
    let height_px = use_mut_ref(|| UNSEEN_PX);
    let ask = Ask {
        first_row: *first_row,
        n_rows: PAGE_ROWS,
        order: (*order).clone(),
        contains: (*contains).clone(),
        only: props.only.clone(),
        within: props.within.clone(),
        selected: props.selected.clone(),
    };
    use_effect_with(
        (
            (*order).clone(),
            (*contains).clone(),
            props.only.clone(),
            props.within.clone(),
            props.selected.clone(),
        ),
        {
            let (first_row, scroller) = (first_row.clone(), scroller.clone());
            move |_| {
                first_row.set(0);
                if let Some(scroller) = scroller.cast::<Element>() {
                    scroller.set_scroll_top(0);
                }
            }
        },
    );
    let question = Question::Table {
        key: props.table.to_string(),
        ask: ask.clone(),
    };
    let answer = use_answer(&props.engine, is_near.then_some(question));
    use_effect_with((is_near, answer.clone()), {
        let (section, height_px) = (section.clone(), height_px.clone());
        move |(_, answer)| {
            if let Some(section) = section.cast::<HtmlElement>().filter(|_| answer.is_some()) {
                *height_px.borrow_mut() = section.offset_height();
            }
        }
    });
    let id = format!("table-{}", props.table);
    let page = match answer.as_deref().filter(|_| is_near) {
        Some(Answer::Table(page)) => &**page,
        Some(Answer::Nothing { .. }) => {
            return match &props.absent {
                Some(absent) => html! { <p class="empty">{ absent.clone() }</p> },
                None => html! {},
            };
        }
        _ => {
            let summary = about.and_then(|about| about.0);
            let mut listed = summary.iter().flat_map(|summary| &summary.tables);
            let title = listed
                .find(|table| table.key == props.table.as_str())
                .map(|table| &table.title);
            // Of a table that the trace may not fill, nothing is said yet.
            let Some(title) = props.title.clone().or(title.map(|title| title.clone().into())) else {
                return html! { <section ref={section}></section> };
            };
            let style = format!("min-height: {}px", *height_px.borrow());
            return html! {
                <section class="table-section" ref={section} aria-labelledby={id.clone()} {style}>
                    <div class="table-head"><h2 {id}>{ title }</h2></div>
                </section>
            };
        }
    };
    let title = props.title.clone().unwrap_or_else(|| page.title.clone().into());
    let columns = page.shown(props.without, &toggled);
    let is_long = page.n_rows > PAGE_ROWS;
    let height_px = (f64::from(page.n_rows) * ROW_PX).min(MAX_HEIGHT_PX);
    let on_scroll = {
        let (scrolled_px, first_row, n_rows) = (scrolled_px.clone(), first_row.clone(), page.n_rows);
        move |event: Event| {
            let scroller: Element = event.target_unchecked_into();
            let px = f64::from(scroller.scroll_top());
            let room = (height_px - f64::from(scroller.client_height())).max(1.0);
            let in_sight = f64::from(scroller.client_height()) / ROW_PX;
            let first = (px / room).clamp(0.0, 1.0) * (f64::from(n_rows) - in_sight).max(0.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative, and no more than n_rows"
            )]
            let first = first as u32;
            let start = first.saturating_sub(STEP_ROWS) / STEP_ROWS * STEP_ROWS;
            if n_rows > PAGE_ROWS {
                first_row.set(start);
                // Where the rows are squeezed, the page moves with the scroller.
                if f64::from(n_rows) * ROW_PX > MAX_HEIGHT_PX {
                    // At the end the last row lies at the bottom: the head takes room, too.
                    let drawn = f64::from((n_rows - start).min(PAGE_ROWS)) * ROW_PX;
                    let above = px - f64::from(first - start) * ROW_PX;
                    scrolled_px.set(above.min(height_px - drawn).max(0.0));
                }
            }
        }
    };
    let above_px = match f64::from(page.n_rows) * ROW_PX > MAX_HEIGHT_PX {
        true => *scrolled_px,
        false => f64::from(page.first_row) * ROW_PX,
    };
    let drawn_px = page.rows.len() as f64 * ROW_PX;
    let below_px = (height_px - above_px - drawn_px).max(0.0);
    let on_sort = {
        let (order, usual) = (order.clone(), props.order.clone());
        Callback::from(move |(key, first_descending): (String, bool)| {
            let next = match &*order {
                Some(now) if now.column == key && now.descending == first_descending => Some(Order {
                    column: key.into(),
                    descending: !first_descending,
                }),
                Some(now) if now.column == key => usual.clone(),
                _ => Some(Order {
                    column: key.into(),
                    descending: first_descending,
                }),
            };
            order.set(next);
        })
    };
    // Where the view shows one part of a table, the reader has chosen nothing yet.
    let is_part = !props.without.is_empty() && contains.is_empty();
    let n = match page.n_rows == page.n_all || is_part {
        true => show::counted(page.n_rows.into(), "row"),
        false => format!(
            "{} of {}",
            show::count(page.n_rows.into()),
            show::counted(page.n_all.into(), "row")
        ),
    };
    let class = classes!(
        "scrolled",
        "data-table",
        (page.n_rows > FEW_ROWS * 2).then_some("tall"),
        is_long.then_some("long")
    );
    html! {
        <section class="table-section" ref={section} aria-labelledby={id.clone()}>
            <div class="table-head">
                <h2 id={id.clone()}>{ title }<span class="aside num">{ n }</span></h2>
                if page.n_rows > FEW_ROWS || page.n_all > FEW_ROWS && !is_part {
                    <Tools
                        engine={props.engine.clone()} table={props.table.clone()} ask={ask}
                        columns={SameRc::new(page.columns.clone())} shown={columns.clone()}
                        contains={contains.clone()} toggled={toggled.clone()} />
                }
            </div>
            if !page.definition.is_empty() { <p class="definition">{ &page.definition }</p> }
            { for page.says.iter().map(|sentence| html! { <p class="definition">{ sentence }</p> }) }
            <div class={class} ref={scroller} onscroll={on_scroll} role="group" tabindex="0"
                 aria-labelledby={id.clone()}>
                <table aria-labelledby={id} aria-rowcount={(page.n_rows + 1).to_string()}>
                    <thead><tr>
                        { for columns.iter().map(|&at| head(&page.columns[at], page.order.as_ref(), &on_sort)) }
                        if let Some(action) = &props.action { <th>{ action.head.clone() }</th> }
                    </tr></thead>
                    <tbody>
                        if is_long { <tr aria-hidden="true" style={format!("height:{above_px}px")}></tr> }
                        { for page.rows.iter().enumerate().map(|(i, cells)| row(props, page, &columns, i, cells)) }
                        if is_long { <tr aria-hidden="true" style={format!("height:{below_px}px")}></tr> }
                    </tbody>
                </table>
            </div>
            if page.n_rows == 0 { <p class="empty">{ "No row fits the filter." }</p> }
        </section>
    }
}

fn head(column: &Column, order: Option<&Order>, on_sort: &Callback<(String, bool)>) -> Html {
    let class = classes!(
        column.kind.is_number().then_some("num"),
        (column.head.len() > 14).then_some("wrapped")
    );
    if column.kind.is_drawn() {
        return html! { <th {class}>{ with_meaning(&column.head, &column.means) }</th> };
    }
    let here = order.filter(|order| order.column == column.key);
    let (sort, mark) = match here {
        Some(order) if order.descending => (Some("descending"), " ▼"),
        Some(_) => (Some("ascending"), " ▲"),
        None => (None, ""),
    };
    let (key, descending) = (column.key.to_string(), column.kind.is_number());
    let onclick = on_sort.reform(move |_: MouseEvent| (key.clone(), descending));
    let means = (!column.means.is_empty()).then(|| column.means.to_string());
    let class_of_button = classes!("sort", means.is_some().then_some("term"));
    html! {
        <th {class} aria-sort={sort}>
            <button type="button" class={class_of_button} {onclick} data-means={means.clone()} aria-description={means}>
                { &column.head }<span aria-hidden="true">{ mark }</span>
            </button>
        </th>
    }
}

fn with_meaning(word: &str, means: &str) -> Html {
    match means {
        "" => word.to_owned().into(),
        _ => html! { <Term word={word.to_owned()} means={means.to_owned()} /> },
    }
}

fn row(props: &DataTableProps, page: &Page, columns: &[usize], i: usize, cells: &[Cell]) -> Html {
    let number = page.first_row as usize + i;
    let is_here = props.here.as_ref().is_some_and(|(key, value)| {
        let at = page.columns.iter().position(|column| column.key == key.as_str());
        at.is_some_and(|at| cells[at].words(&Kind::Text, 0) == *value)
    });
    let has_bar = columns
        .iter()
        .any(|&at| matches!(page.columns[at].kind, Kind::Parts | Kind::Curve));
    let class = classes!(has_bar.then_some("middle"), is_here.then_some("here"));
    html! {
        <tr {class} key={number} aria-rowindex={(number + 2).to_string()}>
            { for columns.iter().map(|&at| cell(&cells[at], &page.columns[at], page, number)) }
            if let Some(action) = &props.action { <td>{ action_of(action, page, cells) }</td> }
        </tr>
    }
}

fn action_of(action: &RowAction, page: &Page, cells: &[Cell]) -> Html {
    let keys = page.columns.iter().map(|column| column.key.to_string());
    let row = Row {
        cells: keys.zip(cells.iter().cloned()).collect(),
    };
    match action.word.emit(row.clone()) {
        Some(word) => {
            let onclick = action.on_click.reform(move |_: MouseEvent| row.clone());
            html! { <button type="button" class="link" {onclick}>{ word }</button> }
        }
        None => html! {},
    }
}

fn cell(cell: &Cell, column: &Column, page: &Page, number: usize) -> Html {
    let words = || cell.words(&column.kind, page.origin_ns);
    match (cell, &column.kind) {
        (Cell::Place(place), _) => html! { <td class="nowrap">{ link(place, page, number) }</td> },
        (Cell::Parts { whole_ns, parts }, _) => {
            let parts = parts.iter().map(|part| Part {
                key: part.colour.key(),
                word: part.word.to_string(),
                ns: part.ns,
            });
            let parts: Vec<Part> = parts.collect();
            html! { <td class="bars"><Stack class="thin" {parts} whole_ns={*whole_ns} /></td> }
        }
        (Cell::Curve { values, says }, _) => html! { <td class="bars">{ curve(values, says) }</td> },
        (Cell::Term(term), _) if term.word.is_empty() => html! { <td></td> },
        (Cell::Term(term), _) => html! {
            <td class="nowrap">
                if term.colour.is_empty() { { with_meaning(&term.word, &term.means) } }
                else if term.means.is_empty() { { swatch(&term.colour, &term.word) } }
                else {
                    <i class={format!("swatch k-{}", term.colour)} aria-hidden="true"></i>
                    { with_meaning(&term.word, &term.means) }
                }
            </td>
        },
        (Cell::Int(step), Kind::Step) => match u32::try_from(*step) {
            Ok(step) => html! { <td class="num"><To place={step_place(step)}>{ step }</To></td> },
            Err(_) => html! { <td class="num">{ words() }</td> },
        },
        (Cell::Real(share), Kind::Share { .. }) => {
            let style = format!("--share:{:.1}%", share.clamp(0.0, 1.0) * 100.0);
            html! { <td class="num share" {style}>{ words() }</td> }
        }
        (_, Kind::Name) => {
            let words = words();
            html! { <td class="name" title={words.clone()}><span class="clamped">{ words }</span></td> }
        }
        (Cell::Bucket(_), _) => html! { <td class="num-left">{ words() }</td> },
        (Cell::Int(0), Kind::Duration) => html! { <td class="num"><span class="soft">{ "0" }</span></td> },
        (_, kind) => html! { <td class={kind.is_number().then_some("num")}>{ words() }</td> },
    }
}

fn link(place: &Place, page: &Page, number: usize) -> Html {
    let span = place
        .start_ns
        .zip(place.end_ns)
        .map(|(start, end)| Span::new(start, end));
    let what = format!("row {} of {}", number + 1, page.title);
    html! {
        <>
            <To place={timeline_at(span, place.slice)}>{ place.word.to_string() }</To>
            if let Some(span) = span.filter(|span| !span.is_empty()) { <InPerfetto {span} {what} /> }
        </>
    }
}

/// A value over time as bars; other columns say the same in numbers.
fn curve(values: &[u64], says: &str) -> Html {
    let width = 1000.0 / values.len().max(1) as f64;
    let most = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    html! {
        <svg class="stack curve" viewBox="0 0 1000 40" preserveAspectRatio="none" role="img"
             aria-label={says.to_owned()}>
            <title>{ says.to_owned() }</title>
            { for values.iter().enumerate().filter(|(_, value)| **value > 0).map(|(i, value)| {
                let height = (*value as f64 / most * 40.0).max(1.0);
                html! {
                    <rect class="k-launch" x={format!("{:.2}", i as f64 * width)} width={format!("{width:.2}")}
                          y={format!("{:.2}", 40.0 - height)} height={format!("{height:.2}")} />
                }
            }) }
        </svg>
    }
}

#[derive(Properties, PartialEq)]
struct ToolsProps {
    engine: Engine,
    table: AttrValue,
    ask: Ask,
    columns: SameRc<Vec<Column>>,
    shown: Vec<usize>,
    contains: UseStateHandle<String>,
    toggled: UseStateHandle<Vec<String>>,
}

/// Filter, choice of columns, copy and download.
#[component]
fn Tools(props: &ToolsProps) -> Html {
    let said = use_state_eq(String::new);
    let oninput = {
        let contains = props.contains.clone();
        move |event: InputEvent| contains.set(event.target_unchecked_into::<HtmlInputElement>().value())
    };
    let toggle = {
        let toggled = props.toggled.clone();
        Callback::from(move |key: String| {
            let mut next = (*toggled).clone();
            match next.iter().position(|k| *k == key) {
                Some(at) => drop(next.remove(at)),
                None => next.push(key),
            }
            toggled.set(next);
        })
    };
    let make = {
        let (engine, table, ask, said) = (
            props.engine.clone(),
            props.table.clone(),
            props.ask.clone(),
            said.clone(),
        );
        Callback::from(move |(format, kind): (&'static str, Option<&'static str>)| {
            let question = Question::TableFile {
                key: table.to_string(),
                ask: ask.clone(),
                format: format.to_owned(),
            };
            let said = said.clone();
            engine.ask(question, move |answer| match (answer, kind) {
                (Answer::Report { file_name, text }, Some(kind)) => {
                    said.set(match download::save(&file_name, kind, &text) {
                        Ok(()) => format!("Saved as {file_name}"),
                        Err(why) => format!("Not saved: {why:?}"),
                    });
                }
                (Answer::Report { text, .. }, None) => download::copy(&text, move |is_copied| {
                    let words = if is_copied {
                        "Copied"
                    } else {
                        "The browser did not allow copying"
                    };
                    said.set(words.to_owned());
                }),
                (Answer::Nothing { why }, _) => said.set(why),
                _ => {}
            });
        })
    };
    html! {
        <div class="table-tools">
            <label>{ "Filter " }<input type="search" value={(*props.contains).clone()} {oninput} /></label>
            <details class="menu">
                <summary>{ "Columns" }</summary>
                <div class="menu-items columns-menu">
                    { for props.columns.iter().enumerate().map(|(at, column)| {
                        let key = column.key.to_string();
                        let checked = props.shown.contains(&at);
                        html! {
                            <label title={column.means.to_string()}>
                                <input type="checkbox" {checked} onchange={toggle.reform(move |_| key.clone())} />
                                { " " }{ &column.head }
                            </label>
                        }
                    }) }
                </div>
            </details>
            <button type="button" onclick={make.reform(|_| ("tsv", None))}>{ "Copy" }</button>
            { for FILES.map(|(format, word, kind)| html! {
                <button type="button" onclick={make.reform(move |_| (format, Some(kind)))}
                        aria-label={format!("Download as {word}")}>{ word }</button>
            }) }
            <span class="soft" role="status">{ &*said }</span>
        </div>
    }
}

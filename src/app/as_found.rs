//! Tables that a file holds ready-made, and the list of an archive's files.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::shown::Shown;
use crate::base::show;
use crate::view::{Beside, FileListed, PlainTable, Summary};

#[derive(Properties, PartialEq)]
pub struct AsFoundProps {
    pub summary: Shown<Summary>,
}

/// Whether there is nothing of a profiler's own tables but these.
pub fn is_as_found(beside: &Beside) -> bool {
    let is_all = beside.tables.is_empty() && beside.step_breakdown.is_empty();
    (is_all || !beside.files.is_empty()) && has_as_found(beside)
}

/// Whether there is anything of these.
pub fn has_as_found(beside: &Beside) -> bool {
    !beside.files.is_empty() || !beside.plain_tables.is_empty()
}

#[component]
pub fn AsFound(props: &AsFoundProps) -> Html {
    let text = use_state_eq(String::new);
    let oninput = {
        let text = text.clone();
        move |event: InputEvent| text.set(event.target_unchecked_into::<HtmlInputElement>().value())
    };
    let Some(beside) = &props.summary.beside else {
        return html! {};
    };
    html! {
        <>
            if !beside.plain_tables.is_empty() {
                <div class="filters"><label>{ "Only rows that contain " }<input type="search" {oninput} /></label></div>
            }
            { for beside.plain_tables.iter().enumerate().map(|(i, t)| table(i, t, &text)) }
            if !beside.files.is_empty() { { files(&beside.files) } }
        </>
    }
}

fn table(nth: usize, table: &PlainTable, text: &str) -> Html {
    let id = format!("found-{nth}");
    let wanted = text.to_lowercase();
    let fits =
        |row: &&Vec<String>| wanted.is_empty() || row.iter().any(|c| c.to_lowercase().contains(&wanted));
    // What no row fills would only push the others out of sight.
    let is_filled = |at: &usize| {
        table
            .rows
            .iter()
            .any(|row| row.get(*at).is_some_and(|c| !c.is_empty()))
    };
    let columns: Vec<usize> = (0..table.columns.len()).filter(is_filled).collect();
    let empty = table.columns.len() - columns.len();
    let is_number = |at: usize| {
        let cells = || {
            table
                .rows
                .iter()
                .filter_map(|row| row.get(at))
                .filter(|c| !c.is_empty())
        };
        cells().all(|c| c.parse::<f64>().is_ok())
    };
    let class = |at: usize| if is_number(at) { "num" } else { "name" };
    let classes: Vec<&str> = columns.iter().map(|&at| class(at)).collect();
    let rows: Vec<&Vec<String>> = table.rows.iter().filter(fits).collect();
    let kept = table.rows.len() as u64;
    html! {
        <section aria-labelledby={id.clone()}>
            <h2 {id}>{ &table.title }</h2>
            <p class="definition">
                { &table.says }{ format!(" From {}: {}", table.source, show::counted(table.n_rows, "row")) }
                if table.n_rows > kept { { format!(", of which the first {} are here and more in the JSON report", show::count(kept)) } }
                if empty > 0 { { format!("; {} without any value not shown", show::counted(empty as u64, "column")) } }
                { "." }
            </p>
            <div class="scrolled tall"><table>
                <thead><tr>{ for columns.iter().zip(&classes).map(|(&at, &class)| html! { <th class={classes!(class, "wrapped")}>{ &table.columns[at] }</th> }) }</tr></thead>
                <tbody>{ for rows.iter().map(|row| html! {
                    <tr>{ for columns.iter().zip(&classes).map(|(&at, &class)| html! { <td {class}>{ row.get(at).cloned().unwrap_or_default() }</td> }) }</tr>
                }) }</tbody>
            </table></div>
            if rows.is_empty() { <p class="empty">{ "No row contains that." }</p> }
        </section>
    }
}

fn files(list: &[FileListed]) -> Html {
    html! {
        <section aria-labelledby="files-head">
            <h2 id="files-head">{ "Files in the archive" }</h2>
            <p class="definition">{ "The format is not described in public: what is not named here as read was not looked into." }</p>
            <div class="scrolled tall"><table>
                <thead><tr><th>{ "File" }</th><th class="num">{ "Size" }</th><th>{ "What it is" }</th></tr></thead>
                <tbody>{ for list.iter().map(|file| html! {
                    <tr><td class="name">{ &file.path }</td><td class="num">{ show::bytes(file.bytes) }</td><td>{ &file.says }</td></tr>
                }) }</tbody>
            </table></div>
        </section>
    }
}

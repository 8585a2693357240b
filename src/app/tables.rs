//! The profiler's own tables: as it divides the device's time, operators by kind, kernel by kernel, driver calls,
//! links, memory, and tables that are shown as they stand.

use yew::prelude::*;

use crate::app::components::data_table::DataTable;
use crate::app::components::same_rc::SameRc;
use crate::table::Topic;
use crate::view::Summary;
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct TablesProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
}

#[component]
pub fn Tables(props: &TablesProps) -> Html {
    let summary = &props.summary;
    let of_profiler = |topic: Topic, key: &str| topic == Topic::Profiler || key == "files";
    let mut tables = summary
        .tables
        .iter()
        .filter(|table| of_profiler(table.topic, &table.key))
        .peekable();
    html! {
        <>
            if !summary.missing.is_empty() {
                <ul class="note missing">{ for summary.missing.iter().map(|m| html! { <li>{ m }</li> }) }</ul>
            }
            if tables.peek().is_none() {
                <p class="empty">{ "This profiler wrote no tables beside the trace." }</p>
            }
            { for tables.map(|table| html! {
                <DataTable key={table.key.clone()} table={table.key.clone()} engine={props.engine.clone()} />
            }) }
        </>
    }
}

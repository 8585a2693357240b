//! Workers of one run, compared.

use yew::prelude::*;

use crate::app::components::data_table::{DataTable, Row, RowAction};
use crate::app::components::same_rc::SameRc;
use crate::base::show;
use crate::view::Summary;
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct WorkersProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub on_worker: Callback<String>,
}

#[component]
pub fn WorkersView(props: &WorkersProps) -> Html {
    let Some(workers) = &props.summary.workers else {
        return html! { <p class="empty">{ "One worker alone: open the folder that holds several." }</p> };
    };
    let open = props.summary.worker.clone();
    let can_open = workers.can_open.clone();
    let action = RowAction {
        head: "show".into(),
        word: {
            let open = open.clone();
            Callback::from(move |row: Row| match row.key("worker") {
                worker if open.as_deref() == Some(worker) => Some("open".to_owned()),
                worker => can_open
                    .iter()
                    .any(|name| name == worker)
                    .then(|| "Open".to_owned()),
            })
        },
        on_click: props.on_worker.reform(|row: Row| row.key("worker").to_owned()),
    };
    html! {
        <>
            <DataTable table="workers" engine={props.engine.clone()} {action}
                       here={open.map(|worker| (AttrValue::from("worker"), worker))} />
            <DataTable table="stages" engine={props.engine.clone()} />
            <section aria-labelledby="missing-head">
                <h2 id="missing-head">{ "Missing data" }</h2>
                if workers.missing.is_empty() {
                    <p class="empty">{ "Nothing is missing: every worker has its trace and its tables." }</p>
                } else {
                    <>
                    <ul>{ for workers.missing.iter().map(|(worker, says)| html! {
                        <li><b>{ worker }</b>{ ": " }{ says }</li>
                    }) }</ul>
                    if workers.missing_left_out > 0 {
                        <p class="note">
                            { format!("{} more lack something; the report lists all.",
                                      show::counted(workers.missing_left_out, "worker")) }
                        </p>
                    }
                    </>
                }
            </section>
        </>
    }
}

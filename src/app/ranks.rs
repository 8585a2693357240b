//! The ranks of one run, compared: workers with their profiler's tables, or traces that were given together.

use yew::prelude::*;

use crate::app::components::data_table::{DataTable, Row, RowAction};
use crate::app::components::same_rc::SameRc;
use crate::base::show;
use crate::view::{OtherTrace, Summary, Which};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct RanksProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    /// Opens another trace of what was given.
    pub on_which: Callback<Which>,
    /// Reads these traces to compare their ranks with this one's.
    pub on_compare: Callback<Vec<OtherTrace>>,
    /// How far that is.
    pub reading: Option<Html>,
}

#[component]
pub fn RanksView(props: &RanksProps) -> Html {
    let summary = &props.summary;
    html! {
        <>
            if let Some(reading) = &props.reading {
                { reading.clone() }
            } else if !summary.others.is_empty() && !summary.has("ranks") {
                { offer(props) }
            }
            if summary.has("ranks") {
                <DataTable table="ranks" engine={props.engine.clone()} action={open_rank(props)}
                           here={Some((AttrValue::from("file"), summary.file.clone()))} />
                <DataTable table="collectives_matched" engine={props.engine.clone()} />
            }
            { workers(props) }
            if summary.workers.is_none() && summary.others.is_empty() && !summary.has("ranks") {
                <p class="empty">{ "One rank alone: open the traces of all ranks together, or their folder." }</p>
            }
        </>
    }
}

/// The way to compare all traces that were given together.
fn offer(props: &RanksProps) -> Html {
    let others = props.summary.others.clone();
    let n = show::counted(others.len() as u64, "other trace");
    let onclick = props.on_compare.reform(move |_: MouseEvent| others.clone());
    html! {
        <section aria-labelledby="ranks-head">
            <h2 id="ranks-head">{ format!("{n} of what was given") }</h2>
            <p>
                { "If they are the ranks of one run: their steps, device time, compiles and collectives side by side, \
                   and the rank for which the others wait. They are read one after the other; of each only what \
                   comparing needs is kept. " }
                <button type="button" class="main" {onclick}>{ "Compare all ranks" }</button>
            </p>
        </section>
    }
}

/// Opens the trace of a rank in place of this one.
fn open_rank(props: &RanksProps) -> RowAction {
    let (open, others) = (props.summary.file.clone(), props.summary.others.clone());
    let which = move |row: &Row| {
        let other = others.iter().find(|other| other.name == row.key("file"));
        other.map(|other| other.which.clone())
    };
    RowAction {
        head: "show".into(),
        word: {
            let which = which.clone();
            Callback::from(move |row: Row| match row.key("file") == open {
                true => Some("open".to_owned()),
                false => which(&row).map(|_| "Open".to_owned()),
            })
        },
        on_click: {
            let on_which = props.on_which.clone();
            Callback::from(move |row: Row| {
                if let Some(which) = which(&row) {
                    on_which.emit(which);
                }
            })
        },
    }
}

/// Workers with the tables of their profiler.
fn workers(props: &RanksProps) -> Html {
    let Some(workers) = &props.summary.workers else {
        return html! {};
    };
    let on_worker = props.on_which.reform(|worker| Which {
        recording: Some(worker),
        document: 0,
    });
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
        on_click: on_worker.reform(|row: Row| row.key("worker").to_owned()),
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

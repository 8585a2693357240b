//! The open trace and another, compared.

use yew::prelude::*;

use crate::app::components::data_table::DataTable;
use crate::app::components::same_rc::SameRc;
use crate::base::show;
use crate::protocol::engine::{Answer, COMPARISON_PAGE, Question};
use crate::table::Topic;
use crate::view::{Side, Summary};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct CompareProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub on_anew: Callback<Box<Summary>>,
    pub on_report: Callback<Question>,
}

#[component]
pub fn Compare(props: &CompareProps) -> Html {
    let Some(compared) = &props.summary.compared else {
        return html! { <p class="empty">{ "Choose another trace with “Compare…” above." }</p> };
    };
    let on_swap = {
        let (engine, on_anew) = (props.engine.clone(), props.on_anew.clone());
        let other_is_before = !compared.other_is_before;
        move |_: MouseEvent| {
            let on_anew = on_anew.clone();
            let question = Question::Compare {
                with: None,
                other_is_before,
            };
            engine.ask(question, move |answer| {
                if let Answer::Anew(summary) = answer {
                    on_anew.emit(summary);
                }
            });
        }
    };
    let on_page = props.on_report.reform(|_: MouseEvent| Question::Report {
        format: COMPARISON_PAGE.to_owned(),
    });
    let [open, other] = ["the open trace", "the other trace"];
    let (a, b) = if compared.other_is_before {
        (other, open)
    } else {
        (open, other)
    };
    let tables = props
        .summary
        .tables
        .iter()
        .filter(|table| table.topic == Topic::Compare);
    html! {
        <>
            <section class="verdict" aria-labelledby="compare-head">
                <h2 id="compare-head">{ "A and B compared" }</h2>
                <dl class="facts-list">
                    { side("A (before)", &compared.a, a) }
                    { side("B (after)", &compared.b, b) }
                    <div>
                        <dt>{ "Comparable" }</dt>
                        <dd>{ format!("{:.2} of 1", compared.score) }</dd>
                    </div>
                    <div>
                        <dt>{ "Differences beyond chance" }</dt>
                        <dd>{ show::count(compared.differences) }</dd>
                    </div>
                </dl>
                { for compared.says.iter().map(|says| html! { <p class="verdict-line">{ show::plain(says) }</p> }) }
                <p>
                    <button type="button" class="swap" onclick={on_swap}>{ "Swap A and B" }</button>{ " " }
                    <button type="button" onclick={on_page}>{ "Download as HTML" }</button>
                </p>
            </section>
            { for tables.map(|table| html! {
                <DataTable key={table.key.clone()} table={table.key.clone()} engine={props.engine.clone()} />
            }) }
        </>
    }
}

fn side(name: &str, side: &Side, which: &str) -> Html {
    html! {
        <div>
            <dt>{ format!("{name}, {which}") }</dt>
            <dd>{ format!("{} ({})", show::plain(&side.file), show::counted(side.steps, "served step")) }</dd>
        </div>
    }
}

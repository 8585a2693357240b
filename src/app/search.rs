//! Search for names of events.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::ask::use_answer;
use super::parts::{To, swatch, timeline_at};
use super::words;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct SearchProps {
    pub engine: Engine,
    pub on_close: Callback<()>,
}

#[component]
pub fn Search(props: &SearchProps) -> Html {
    let text = use_state_eq(String::new);
    let input = use_node_ref();
    super::use_focus(&input);
    let question = (!text.trim().is_empty()).then(|| Question::Search {
        text: text.trim().to_owned(),
    });
    let answer = use_answer(&props.engine, question);
    let oninput = {
        let text = text.clone();
        move |event: InputEvent| text.set(event.target_unchecked_into::<HtmlInputElement>().value())
    };
    let on_close = props.on_close.reform(|_: MouseEvent| ());
    let result = match answer.as_deref() {
        Some(Answer::Search(found)) if found.names.is_empty() => {
            html! { <p class="empty">{ format!("No event's name contains “{}”.", found.text) }</p> }
        }
        Some(Answer::Search(found)) => html! {
            <div onclick={on_close.clone()} class="scrolled">
                <table>
                    <caption>{ format!("{} in {} contain “{}”; most time first", show::counted(found.n_slices, "event"),
                        show::counted(found.names.len() as u64, "name"), found.text) }</caption>
                    <thead><tr><th>{ "Name" }</th><th>{ "What" }</th><th class="num">{ "Count" }</th><th class="num">{ "Total" }</th><th>{ "Show" }</th></tr></thead>
                    <tbody>
                        { for found.names.iter().map(|row| html! {
                            <tr>
                                <td class="name">{ &row.name }</td>
                                <td>{ swatch(words::class_key(row.class), row.class.word()) }</td>
                                <td class="num">{ show::count(row.count) }</td>
                                <td class="num">{ show::duration(row.total_ns) }</td>
                                <td class="nowrap">
                                    <To place={timeline_at(None, Some(row.longest_slice))}>{ "longest" }</To>{ " " }
                                    <To place={timeline_at(None, Some(row.first_slice))}>{ "first" }</To>
                                </td>
                            </tr>
                        }) }
                    </tbody>
                </table>
            </div>
        },
        Some(Answer::Nothing { why }) => html! { <p class="empty">{ why }</p> },
        _ => html! {},
    };
    html! {
        <div class="backdrop" onkeydown={super::on_escape(&props.on_close)}>
            <div class="dialog search" role="dialog" aria-modal="true" aria-label="Search">
                <div class="search-line">
                    <input ref={input} type="search" placeholder="part of a name" aria-label="Part of an event's name" {oninput} />
                    <button type="button" onclick={on_close}>{ "Close" }</button>
                </div>
                <div aria-live="polite">{ result }</div>
            </div>
        </div>
    }
}

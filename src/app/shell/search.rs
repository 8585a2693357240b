//! Search for names of events.

use web_sys::{HtmlInputElement, ScrollIntoViewOptions, ScrollLogicalPosition};
use yew::prelude::*;

use crate::app::components::ask::use_answer;
use crate::app::components::dialog::Dialog;
use crate::app::components::parts::{To, swatch, timeline_at};
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::route::Route;
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct SearchProps {
    pub engine: Engine,
    pub on_close: Callback<()>,
}

#[component]
pub fn Search(props: &SearchProps) -> Html {
    let text = use_state_eq(String::new);
    let chosen = use_state_eq(|| 0usize);
    let question = (!text.trim().is_empty()).then(|| Question::Search {
        text: text.trim().to_owned(),
    });
    let answer = use_answer(&props.engine, question);
    let oninput = {
        let (text, chosen) = (text.clone(), chosen.clone());
        move |event: InputEvent| {
            text.set(event.target_unchecked_into::<HtmlInputElement>().value());
            chosen.set(0);
        }
    };
    let names = match answer.as_deref() {
        Some(Answer::Search(found)) => found.names.as_slice(),
        _ => &[],
    };
    let at = (*chosen).min(names.len().saturating_sub(1));
    use_effect_with(at, |at| bring_into_view(*at));
    let onkeydown = {
        let (chosen, n, on_close) = (chosen.clone(), names.len(), props.on_close.clone());
        let place = names.get(at).map(|row| marked(&text, row.longest_slice));
        move |event: KeyboardEvent| {
            match event.key().as_str() {
                "ArrowDown" => chosen.set((at + 1).min(n.saturating_sub(1))),
                "ArrowUp" => chosen.set(at.saturating_sub(1)),
                "Enter" => {
                    if let (Some(place), Some(window)) = (&place, web_sys::window()) {
                        // A hash that cannot be set leaves the page where it is.
                        drop(window.location().set_hash(&place.to_hash()));
                        on_close.emit(());
                    }
                }
                _ => return,
            }
            event.prevent_default();
        }
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
                    <thead>
                        <tr>
                            <th>{ "Name" }</th><th>{ "What" }</th><th class="num">{ "Count" }</th>
                            <th class="num">{ "Total" }</th><th>{ "Show" }</th>
                        </tr>
                    </thead>
                    <tbody>
                        { for found.names.iter().enumerate().map(|(i, row)| html! {
                            <tr id={row_id(i)} class={classes!((i == at).then_some("here"))}>
                                <td class="name">{ &row.name }</td>
                                <td>{ swatch(row.class.colour().key(), row.class.word()) }</td>
                                <td class="num">{ show::count(row.count) }</td>
                                <td class="num">{ show::duration(row.total_ns) }</td>
                                <td class="nowrap">
                                    <To place={marked(&found.text, row.longest_slice)}>{ "longest" }</To>{ " " }
                                    <To place={marked(&found.text, row.first_slice)}>{ "first" }</To>
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
        <Dialog class="search" label="Search" on_close={props.on_close.clone()}>
                <div class="search-line">
                    <input
                        type="search" autofocus=true placeholder="part of a name"
                        aria-label="Part of an event's name" {oninput} {onkeydown} />
                    <button type="button" onclick={on_close}>{ "Close" }</button>
                </div>
                if let Some(row) = names.get(at) {
                    <p class="hint" aria-live="polite">
                        { format!(
                            "Enter shows the longest “{}” in the timeline; ↑ and ↓ choose another name.",
                            row.name
                        ) }
                    </p>
                }
                <div aria-live="polite">{ result }</div>
        </Dialog>
    }
}

/// A slice in the timeline, where all that the search finds is marked.
fn marked(text: &str, slice: u32) -> Route {
    Route {
        find: Some(text.trim().to_owned()),
        ..timeline_at(None, Some(slice))
    }
}

fn row_id(i: usize) -> String {
    format!("found-{i}")
}

/// Scrolls to a row of the result, if it is out of sight.
fn bring_into_view(i: usize) {
    let row = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id(&row_id(i)));
    if let Some(row) = row {
        let options = ScrollIntoViewOptions::new();
        options.set_block(ScrollLogicalPosition::Nearest);
        row.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

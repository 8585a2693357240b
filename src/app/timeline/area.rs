//! What is inside an area of the timeline: slices by name.

use yew::prelude::*;

use crate::app::companion::perfetto::InPerfetto;
use crate::app::components::ask::use_answer;
use crate::app::components::parts::{To, swatch, timeline_at};
use crate::app::components::words;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::Span;
use crate::web::engine::Engine;

/// An area that the reader has drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    pub window: Span,
    pub tracks: Vec<u32>,
}

#[derive(Properties, PartialEq)]
pub struct AreaPanelProps {
    pub engine: Engine,
    pub chosen: Chosen,
    pub on_save: Callback<Chosen>,
    pub on_close: Callback<()>,
}

#[component]
pub fn AreaPanel(props: &AreaPanelProps) -> Html {
    let Chosen { window, tracks } = &props.chosen;
    let answer = use_answer(
        &props.engine,
        Some(Question::Area {
            window: *window,
            tracks: tracks.clone(),
        }),
    );
    let length = window.len_ns();
    let save = {
        let (chosen, on_save) = (props.chosen.clone(), props.on_save.clone());
        move |_: MouseEvent| on_save.emit(chosen.clone())
    };
    let body = match answer.as_deref() {
        Some(Answer::Area(area)) => html! {
            <div class="scrolled tall">
            <table>
                <thead>
                    <tr>
                        <th>{ "Name" }</th><th>{ "What" }</th><th class="num">{ "Count" }</th>
                        <th class="num">{ "Total" }</th><th class="num">{ "Of the area" }</th>
                        <th class="num">{ "Self" }</th><th class="num">{ "Shortest" }</th>
                        <th class="num">{ "Longest" }</th><th>{ "Show" }</th>
                    </tr>
                </thead>
                <tbody>
                    { for area.rows.iter().map(|row| html! {
                        <tr>
                            <td class="name">{ &row.name }</td>
                            <td>{ swatch(words::class_key(row.class), row.class.word()) }</td>
                            <td class="num">{ show::count(row.count) }</td>
                            <td class="num">{ show::duration(row.total_ns) }</td>
                            <td class="num">{ show::percent(row.total_ns, length) }</td>
                            <td class="num">{ show::duration(row.self_ns) }</td>
                            <td class="num">{ show::duration(row.min_ns) }</td>
                            <td class="num">{ show::duration(row.max_ns) }</td>
                            <td><To place={timeline_at(None, Some(row.longest_slice))}>{ "longest" }</To></td>
                        </tr>
                    }) }
                </tbody>
            </table>
            </div>
        },
        Some(Answer::Nothing { why }) => html! { <p class="empty">{ why }</p> },
        _ => html! { <p class="empty">{ "…" }</p> },
    };
    let n = match answer.as_deref() {
        Some(Answer::Area(area)) => show::counted(area.n_slices, "slice"),
        _ => String::new(),
    };
    let n_tracks = show::counted(tracks.len() as u64, "track");
    let size = format!("{} · {n_tracks} · {n}", show::duration(length));
    html! {
        <section class="tl-area" aria-label="Area statistics">
            <div class="panel-head">
                <h2>{ "Area" }<span class="aside num">{ size }</span></h2>
                <span class="buttons">
                    <InPerfetto span={*window} what={format!("the area of {}", show::duration(length))} />
                    <button type="button" onclick={save}>{ "Save this stretch…" }</button>
                    <button type="button" onclick={props.on_close.reform(|_| ())}>{ "Close" }</button>
                </span>
            </div>
            <p class="hint">{ "Totals are cut to the area. Slices that contain one another count for each." }</p>
            { body }
        </section>
    }
}

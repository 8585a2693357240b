//! What is inside an area of the timeline: slices by name.

use yew::prelude::*;

use crate::app::companion::perfetto::InPerfetto;
use crate::app::components::data_table::DataTable;
use crate::base::show;
use crate::table::{AreaAsk, SelectedAsk};
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
    let length = window.len_ns();
    let save = {
        let (chosen, on_save) = (props.chosen.clone(), props.on_save.clone());
        move |_: MouseEvent| on_save.emit(chosen.clone())
    };
    let n_tracks = show::counted(tracks.len() as u64, "track");
    let size = format!("{} · {n_tracks}", show::duration(length));
    let selected = SelectedAsk::Area(AreaAsk {
        window: *window,
        tracks: tracks.clone(),
    });
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
            <DataTable
                table="area" engine={props.engine.clone()} {selected} absent="No slice lies in this area." />
        </section>
    }
}

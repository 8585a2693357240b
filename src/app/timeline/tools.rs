//! What stands above the tracks: the filter, the list of tracks, the hits of the search.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::base::show;
use crate::view::arrangement::Arrangement;
use crate::view::commands::Command;
use crate::view::{HitsMap, NextSlice};

#[derive(Properties, PartialEq)]
pub struct ToolsProps {
    pub arrangement: Arrangement,
    /// The box that filters tracks.
    pub filter: NodeRef,
    pub lists_tracks: bool,
    pub find: Option<String>,
    pub hits: Option<HitsMap>,
    /// Which of the hits is selected.
    pub at_hit: Option<NextSlice>,
    /// What was done last.
    pub said: AttrValue,
    pub on_arranged: Callback<Arrangement>,
    pub on_list: Callback<bool>,
    pub on_command: Callback<Command>,
    pub on_find: Callback<Option<String>>,
    pub on_save: Callback<()>,
}

#[component]
pub fn Tools(props: &ToolsProps) -> Html {
    let arrangement = &props.arrangement;
    let with_filter = {
        let (arrangement, on_arranged) = (arrangement.clone(), props.on_arranged.clone());
        move |filter: String| {
            on_arranged.emit(Arrangement {
                filter,
                ..arrangement.clone()
            });
        }
    };
    let oninput = {
        let with_filter = with_filter.clone();
        move |event: InputEvent| with_filter(event.target_unchecked_into::<HtmlInputElement>().value())
    };
    let onkeydown = move |event: KeyboardEvent| match event.key().as_str() {
        "Escape" => {
            event.stop_propagation();
            with_filter(String::new());
            drop(event.target_unchecked_into::<HtmlInputElement>().blur());
        }
        "Enter" => drop(event.target_unchecked_into::<HtmlInputElement>().blur()),
        _ => {}
    };
    let command = |command: Command, word: &'static str| {
        let on_command = props.on_command.clone();
        let title = format!("{} ({})", command.word(), command.shown_keys());
        html! {
            <button type="button" {title} onclick={move |_: MouseEvent| on_command.emit(command)}>{ word }</button>
        }
    };
    let n_hidden = arrangement.n_hidden();
    let show_hidden = {
        let (arrangement, on_arranged) = (arrangement.clone(), props.on_arranged.clone());
        move |_: MouseEvent| {
            on_arranged.emit(Arrangement {
                shows_hidden: !arrangement.shows_hidden,
                ..arrangement.clone()
            });
        }
    };
    let lists = props.lists_tracks;
    html! {
        <div class="tl-tools">
            <input type="search" ref={props.filter.clone()} class="tl-filter" placeholder="Filter tracks"
                aria-label="Filter tracks by name" title="Key T" value={arrangement.filter.clone()}
                {oninput} {onkeydown} />
            <button type="button" aria-expanded={lists.to_string()}
                onclick={props.on_list.reform(move |_: MouseEvent| !lists)}>{ "Tracks…" }</button>
            { command(Command::FoldAll, "Fold all") }
            { command(Command::UnfoldAll, "Open all") }
            if n_hidden > 0 {
                <button type="button" class="tl-hidden" aria-pressed={arrangement.shows_hidden.to_string()}
                    onclick={show_hidden}>
                    { format!("Show hidden ({})", show::count(n_hidden as u64)) }
                </button>
            }
            if let Some(text) = &props.find { { hits(props, text) } }
            <span class="tl-said" role="status">{ &props.said }</span>
            <button type="button" onclick={props.on_save.reform(|_: MouseEvent| ())}
                title="A smaller trace of what is shown, for any viewer">{ "Save this stretch…" }</button>
        </div>
    }
}

/// How many slices the search finds, and the way from one to the next.
fn hits(props: &ToolsProps, text: &str) -> Html {
    let hits = props.hits.as_ref().filter(|hits| hits.text == text);
    let count = match (hits, props.at_hit) {
        (None, _) => "…".to_owned(),
        (Some(hits), _) if hits.n_slices == 0 => "no hit".to_owned(),
        (Some(hits), Some(at)) if hits.n_marked == hits.n_slices => {
            format!(
                "{} of {}",
                show::count(at.number),
                show::counted(hits.n_slices, "hit")
            )
        }
        (Some(hits), _) if hits.n_marked < hits.n_slices => {
            let marked = show::count(hits.n_marked);
            format!(
                "{} (the first {marked} are marked)",
                show::counted(hits.n_slices, "hit")
            )
        }
        (Some(hits), _) => show::counted(hits.n_slices, "hit"),
    };
    let step = |command: Command, word: &'static str| {
        let on_command = props.on_command.clone();
        let label = command.word();
        html! {
            <button type="button" aria-label={label} title={format!("{label} ({})", command.shown_keys())}
                onclick={move |_: MouseEvent| on_command.emit(command)}>{ word }</button>
        }
    };
    html! {
        <span class="tl-hits">
            <span class="tl-hit-text" title={text.to_owned()}>{ text.to_owned() }</span>
            <span class="num" role="status">{ count }</span>
            { step(Command::PreviousHit, "‹") }
            { step(Command::NextHit, "›") }
            <button type="button" aria-label="End the search" title="End the search"
                onclick={props.on_find.reform(|_: MouseEvent| None)}>{ "✕" }</button>
        </span>
    }
}

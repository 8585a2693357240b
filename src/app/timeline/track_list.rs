//! All tracks as a list, to arrange them without a pointer.

use yew::prelude::*;

use crate::base::show;
use crate::view::arrangement::Arrangement;
use crate::view::{TimelineTracks, TrackHead};

/// So many tracks are listed: each takes eight elements.
const LISTED: usize = 150;

#[derive(Properties, PartialEq)]
pub struct TrackListProps {
    pub tracks: TimelineTracks,
    pub arrangement: Arrangement,
    pub on_arranged: Callback<Arrangement>,
    pub on_close: Callback<()>,
}

#[component]
pub fn TrackList(props: &TrackListProps) -> Html {
    let (tracks, arrangement) = (&props.tracks, &props.arrangement);
    let place_of = |id: u32| tracks.tracks.iter().position(|head| head.id == id);
    let pinned = arrangement.pinned.iter().filter_map(|&id| place_of(id));
    let is_pinned = |place: &usize| arrangement.pinned.contains(&tracks.tracks[*place].id);
    let mut rest: Vec<usize> = arrangement.in_order(tracks);
    rest.retain(|place| !is_pinned(place));
    let all: Vec<&TrackHead> = pinned
        .chain(rest)
        .map(|place| &tracks.tracks[place])
        .filter(|head| arrangement.is_found(head))
        .collect();
    let more = all.len().saturating_sub(LISTED);
    let mut group = None;
    let rows = all.iter().take(LISTED).map(|head| {
        let title = match arrangement.pinned.contains(&head.id) {
            true => "Pinned",
            false => usize::try_from(head.group)
                .ok()
                .and_then(|place| tracks.groups.get(place))
                .map_or("", |group| &group.title),
        };
        let is_new = group.replace(title) != Some(title);
        html! {
            <>
                if is_new { <li class="track-group">{ title.to_owned() }</li> }
                { row(head, props) }
            </>
        }
    });
    html! {
        <aside class="tl-tracks" aria-label="Tracks">
            <div class="panel-head">
                <h2>{ "Tracks" }<span class="aside num">{ show::count(all.len() as u64) }</span></h2>
                <button type="button" onclick={props.on_close.reform(|_: MouseEvent| ())}>{ "Close" }</button>
            </div>
            <ul>{ for rows }</ul>
            if more > 0 {
                <p class="hint">{ format!("{} more: filter them by name.", show::counted(more as u64, "track")) }</p>
            }
        </aside>
    }
}

fn row(head: &TrackHead, props: &TrackListProps) -> Html {
    let id = head.id;
    let arrangement = &props.arrangement;
    let button = |word: &'static str, what: String, pressed: Option<bool>, next: Option<Arrangement>| {
        let on_arranged = props.on_arranged.clone();
        let disabled = next.is_none();
        html! {
            <button type="button" {disabled} aria-label={what.clone()} title={what}
                aria-pressed={pressed.map(|pressed| pressed.to_string())}
                onclick={move |_: MouseEvent| if let Some(next) = &next { on_arranged.emit(next.clone()) }}>
                { word }
            </button>
        }
    };
    let with = |change: &dyn Fn(&mut Arrangement) -> bool| {
        let mut next = arrangement.clone();
        change(&mut next).then_some(next)
    };
    let name = show::clipped(&head.title);
    let (is_pinned, is_hidden) = (arrangement.pinned.contains(&id), arrangement.hidden.contains(&id));
    let moved = |down: bool| with(&|next| next.move_by(&props.tracks, id, down));
    html! {
        <li class={classes!(is_hidden.then_some("is-hidden"), head.lane_of.map(|_| "is-lane"))}>
            <span class="track-name" title={head.subtitle.clone()}>{ &head.title }</span>
            { button("pin", format!("Pin {name} on top"), Some(is_pinned), with(&|next| { next.pin(id); true })) }
            { button("hide", format!("Hide {name}"), Some(is_hidden), with(&|next| { next.hide(id); true })) }
            { button("↑", format!("Move {name} up"), None, moved(false)) }
            { button("↓", format!("Move {name} down"), None, moved(true)) }
        </li>
    }
}

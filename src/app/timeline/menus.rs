//! The menus of a slice, a track and a group.

use yew::prelude::*;

use super::stage::{MenuAt, Stage, Target};
use crate::app::companion::perfetto::Perfetto;
use crate::app::components::menu::{Item, Menu};
use crate::app::shell::cut::Offer;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::arrangement::Arrangement;
use crate::view::commands::Command;
use crate::view::{SliceDetail, TimelineTracks};
use crate::web::download;
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct MenusProps {
    pub at: MenuAt,
    pub stage: Stage,
    pub engine: Engine,
    /// The selected slice, once it is known.
    pub detail: Option<SliceDetail>,
    pub tracks: TimelineTracks,
    pub arrangement: Arrangement,
    pub on_arranged: Callback<Arrangement>,
    pub on_command: Callback<Command>,
    pub on_cut: Callback<Offer>,
    /// One sentence of what was done.
    pub on_said: Callback<AttrValue>,
    pub on_close: Callback<()>,
}

#[component]
pub fn Menus(props: &MenusProps) -> Html {
    let perfetto = use_context::<Perfetto>().filter(Perfetto::is_there);
    let (label, items) = match props.at.target {
        Target::Slice(slice) => {
            let Some(detail) = props.detail.as_ref().filter(|detail| detail.slice == slice) else {
                return html! {};
            };
            (
                show::clipped(&detail.name).into_owned(),
                of_slice(props, detail, perfetto),
            )
        }
        Target::Track(track) => {
            let head = props.tracks.tracks.iter().find(|head| head.id == track);
            let title = head.map(|head| head.title.clone()).unwrap_or_default();
            (title, of_track(props, track))
        }
        Target::Group(group) => {
            let place = usize::try_from(group).ok();
            let title = place
                .and_then(|place| props.tracks.groups.get(place))
                .map(|group| group.title.clone());
            (title.unwrap_or_default(), of_group(props, group))
        }
    };
    html! { <Menu {label} x={props.at.x} y={props.at.y} {items} on_close={props.on_close.clone()} /> }
}

fn copy(text: &str, what: &'static str, on_said: &Callback<AttrValue>) {
    let on_said = on_said.clone();
    download::copy(text, move |is_copied| {
        on_said.emit(match is_copied {
            true => format!("{what} copied").into(),
            false => "Copying is not allowed by the browser".into(),
        });
    });
}

fn of_slice(props: &MenusProps, detail: &SliceDetail, perfetto: Option<Perfetto>) -> Vec<Item> {
    let said = props.on_said.clone();
    let copy_name = {
        let (name, said) = (detail.name.clone(), said.clone());
        move || copy(&name, "Name", &said)
    };
    let copy_link = {
        let said = said.clone();
        move || {
            let address = web_sys::window().and_then(|window| window.location().href().ok());
            copy(&address.unwrap_or_default(), "Link", &said);
        }
    };
    let copy_args = {
        let (engine, slice) = (props.engine.clone(), detail.slice);
        move || {
            let said = said.clone();
            engine.ask(Question::Args { slice }, move |answer| match answer {
                Answer::Args(args) => {
                    let lines = args.args.iter().map(|(key, value)| format!("{key}: {value}\n"));
                    copy(&lines.collect::<String>(), "Arguments", &said);
                }
                Answer::Nothing { why } => said.emit(why.into()),
                _ => {}
            });
        }
    };
    let span = detail.place().span;
    let cut_out = {
        let on_cut = props.on_cut.clone();
        move || {
            on_cut.emit(Offer {
                window: Some(span),
                tracks: None,
            });
        }
    };
    let command = |command: Command, word: &'static str| {
        let on_command = props.on_command.clone();
        Item::new(word, move || on_command.emit(command)).with_key(command.shown_keys())
    };
    let is_shared = detail.same_name_count > 1;
    let mut items = vec![
        Item::new("Copy name", copy_name),
        Item::new("Copy link", copy_link),
        Item::new("Copy arguments", copy_args),
        command(Command::FindSame, "Find slices of the same name"),
        command(Command::NextAlike, "Next of the same name").only_if(is_shared),
        command(Command::FollowOn, "Follow the arrow on").only_if(detail.follow(true).is_some()),
        command(Command::FollowBack, "Follow the arrow back").only_if(detail.follow(false).is_some()),
        command(Command::Fit, "Zoom to it"),
        command(Command::Mark, "Mark it"),
        Item::new("Cut it out…", cut_out),
    ];
    if let Some(perfetto) = perfetto {
        items.push(Item::new("Open in Perfetto", move || perfetto.show_place(span)));
    }
    items
}

fn arranged(props: &MenusProps, word: &'static str, change: impl Fn(&mut Arrangement) -> bool) -> Item {
    let mut next = props.arrangement.clone();
    let can = change(&mut next);
    let on_arranged = props.on_arranged.clone();
    Item::new(word, move || on_arranged.emit(next.clone())).only_if(can)
}

fn of_track(props: &MenusProps, track: u32) -> Vec<Item> {
    let (arrangement, tracks) = (&props.arrangement, &props.tracks);
    let head = tracks.tracks.iter().find(|head| head.id == track);
    let can_fold = head.is_some_and(|head| head.n_depths > 1 || !head.lanes.is_empty());
    let word = |is: bool, yes, no| if is { yes } else { no };
    let mut items = vec![
        arranged(
            props,
            word(arrangement.folded.contains(&track), "Unfold", "Fold"),
            |next| {
                next.fold(track);
                can_fold
            },
        ),
        arranged(
            props,
            word(arrangement.pinned.contains(&track), "Unpin", "Pin on top"),
            |next| {
                next.pin(track);
                true
            },
        ),
        arranged(
            props,
            word(arrangement.hidden.contains(&track), "Show again", "Hide"),
            |next| {
                next.hide(track);
                true
            },
        ),
        arranged(props, "Move up", |next| next.move_by(tracks, track, false)),
        arranged(props, "Move down", |next| next.move_by(tracks, track, true)),
    ];
    items.extend(of_all(props));
    items
}

fn of_group(props: &MenusProps, group: u32) -> Vec<Item> {
    let is_folded = props.arrangement.folded_groups.contains(&group);
    let mut items = vec![arranged(props, if is_folded { "Open" } else { "Fold" }, |next| {
        next.fold_group(group);
        true
    })];
    items.extend(of_all(props));
    items
}

fn of_all(props: &MenusProps) -> [Item; 2] {
    [Command::FoldAll, Command::UnfoldAll].map(|command| {
        let stage = props.stage.clone();
        let word = if command == Command::FoldAll {
            "Fold all groups"
        } else {
            "Open all groups"
        };
        Item::new(word, move || stage.perform(command)).with_key(command.shown_keys())
    })
}

//! The timeline's keys.

use web_sys::KeyboardEvent;

use super::{Ask, Inner, MenuAt, Target, Weak, change, tell};
use crate::app::shell::keyboard::pressed;
use crate::view::commands::{Command, Place};
use crate::view::layout::ROW_PX;
use crate::web::listener::is_typing;

pub fn on_key(weak: &Weak, event: &KeyboardEvent) {
    if is_typing(event) {
        return;
    }
    let key = event.key();
    let Some(command) = Command::of_key(pressed(event, &key), |place| place == Place::Timeline) else {
        return;
    };
    event.prevent_default();
    let by_page = key.starts_with("Page");
    perform(weak, command, by_page);
}

/// Does what a command says; `by_page`: as far as the screen is high.
pub fn perform(weak: &Weak, command: Command, by_page: bool) {
    let mut ask = Ask::Nothing;
    change(weak, |inner| ask = performed(inner, command, by_page));
    tell(weak, ask);
}

fn performed(inner: &mut Inner, command: Command, by_page: bool) -> Ask {
    let viewport = &mut inner.viewport;
    let at_ns = viewport.instant_under(inner.pointer.x());
    let len = viewport.window.len_ns();
    let scroll = viewport.scroll;
    let lines = if by_page {
        viewport.height * 0.8
    } else {
        3.0 * ROW_PX
    };
    match command {
        Command::ZoomIn => viewport.zoom(at_ns, 0.6),
        Command::ZoomOut => viewport.zoom(at_ns, 1.0 / 0.6),
        Command::Left => viewport.pan(-(len / 6).max(1)),
        Command::Right => viewport.pan((len / 6).max(1)),
        Command::Up => viewport.scroll_to(scroll - lines),
        Command::Down => viewport.scroll_to(scroll + lines),
        Command::Whole => viewport.show(inner.tracks.known.extent),
        Command::Fit => {
            if let Some(span) = inner.selection.span() {
                viewport.show_around(span);
            }
        }
        Command::Next => return Ask::Pick(inner.neighbour(|d| d.next)),
        Command::Previous => return Ask::Pick(inner.neighbour(|d| d.previous)),
        Command::Parent => return Ask::Pick(inner.neighbour(|d| d.parent)),
        Command::FollowOn => return Ask::Pick(inner.neighbour(|d| d.follow(true))),
        Command::FollowBack => return Ask::Pick(inner.neighbour(|d| d.follow(false))),
        Command::FoldAll | Command::UnfoldAll => {
            let mut next = inner.tracks.arrangement.clone();
            next.fold_all(&inner.tracks.known, command == Command::FoldAll);
            return Ask::Arrange(next);
        }
        Command::Menu => {
            let place = inner
                .selection
                .slice
                .as_ref()
                .map(|detail| detail.slice)
                .zip(inner.place_of_selection());
            let Some((slice, (x, y))) = place else {
                return Ask::Nothing;
            };
            let around = inner.viewport.nodes.canvas.get_bounding_client_rect();
            return Ask::Menu(MenuAt {
                x: around.left() + x,
                y: around.top() + y,
                target: Target::Slice(slice),
            });
        }
        Command::Clear => {
            inner.pointer.let_go();
            inner.map.let_go();
            return match inner.selection.area.take() {
                Some(_) => Ask::Area(None),
                None => Ask::Pick(None),
            };
        }
        other => return Ask::Command(other),
    }
    Ask::Nothing
}

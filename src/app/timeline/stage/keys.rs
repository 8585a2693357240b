//! The timeline's keys.

use web_sys::KeyboardEvent;

use super::{Ask, Inner, Weak, change, tell};
use crate::view::layout::ROW_PX;
use crate::web::listener::is_typing;

pub fn on_key(weak: &Weak, event: &KeyboardEvent) {
    if is_typing(event) || event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let mut ask = None;
    change(weak, |inner| ask = pressed(inner, &event.key()));
    if let Some(ask) = ask {
        event.prevent_default();
        tell(weak, ask);
    }
}

/// Does what a key stands for. `None`: it stands for nothing.
fn pressed(inner: &mut Inner, key: &str) -> Option<Ask> {
    let viewport = &mut inner.viewport;
    let at_ns = viewport.instant_under(inner.pointer.x());
    let len = viewport.window.len_ns();
    let (scroll, page) = (viewport.scroll, viewport.height * 0.8);
    match key {
        "w" | "W" => viewport.zoom(at_ns, 0.6),
        "s" | "S" => viewport.zoom(at_ns, 1.0 / 0.6),
        "a" | "A" | "ArrowLeft" => viewport.pan(-(len / 6).max(1)),
        "d" | "D" | "ArrowRight" => viewport.pan((len / 6).max(1)),
        "ArrowUp" => viewport.scroll_to(scroll - 3.0 * ROW_PX),
        "ArrowDown" => viewport.scroll_to(scroll + 3.0 * ROW_PX),
        "PageUp" => viewport.scroll_to(scroll - page),
        "PageDown" => viewport.scroll_to(scroll + page),
        "0" | "Home" => viewport.show(inner.tracks.known.extent),
        "f" | "F" => {
            if let Some(span) = inner.selection.span() {
                viewport.show_around(span);
            }
        }
        "." => return Some(Ask::Pick(inner.neighbour(|d| d.next))),
        "," => return Some(Ask::Pick(inner.neighbour(|d| d.previous))),
        "p" | "P" => {
            let slice = inner.selection.slice.as_ref();
            return Some(Ask::Pick(slice.and_then(|d| d.parent.or(Some(d.slice)))));
        }
        "Escape" => {
            inner.pointer.let_go();
            inner.map.let_go();
            return Some(match inner.selection.area.take() {
                Some(_) => Ask::Area(None),
                None => Ask::Pick(None),
            });
        }
        _ => return None,
    }
    Some(Ask::Nothing)
}

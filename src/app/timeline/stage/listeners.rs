//! What the browser tells the stage: scrolling, wheel, pointer, keys, another size.

use web_sys::{Event, KeyboardEvent, MouseEvent, PointerEvent, WheelEvent};

use super::keys::on_key;
use super::map;
use super::pointer::{on_context_menu, on_double_click, on_pointer};
use super::viewport::Nodes;
use super::{Weak, change};
use crate::web::canvas::SizeWatch;
use crate::web::listener::Listener;

/// Kept for as long as the stage listens.
pub struct Listeners {
    _listeners: Vec<Listener>,
    _watch: Option<SizeWatch>,
}

impl Listeners {
    pub fn on(nodes: &Nodes, stage: &Weak) -> Listeners {
        let mut on = Vec::new();
        on.push(Listener::new(&nodes.scroll, "scroll", {
            let weak = stage.clone();
            move |_: Event| change(&weak, |inner| inner.viewport.scrolled())
        }));
        on.push(Listener::new(&nodes.scroll, "wheel", {
            let weak = stage.clone();
            move |event: WheelEvent| change(&weak, |inner| inner.on_wheel(&event))
        }));
        on.push(Listener::new(&nodes.map, "wheel", {
            let weak = stage.clone();
            move |event: WheelEvent| change(&weak, |inner| map::on_wheel(&event, &mut inner.viewport))
        }));
        for kind in [
            "pointerdown",
            "pointermove",
            "pointerup",
            "pointerleave",
            "pointercancel",
        ] {
            let weak = stage.clone();
            on.push(Listener::new(&nodes.canvas, kind, move |event: PointerEvent| {
                on_pointer(&weak, kind, &event)
            }));
        }
        for kind in ["pointerdown", "pointermove", "pointerup", "pointercancel"] {
            let weak = stage.clone();
            on.push(Listener::new(&nodes.map, kind, move |event: PointerEvent| {
                change(&weak, |inner| {
                    inner.map.on_pointer(kind, &event, &mut inner.viewport)
                });
            }));
        }
        let weak = stage.clone();
        on.push(Listener::new(
            &nodes.canvas,
            "dblclick",
            move |event: MouseEvent| on_double_click(&weak, &event),
        ));
        let weak = stage.clone();
        on.push(Listener::new(
            &nodes.canvas,
            "contextmenu",
            move |event: MouseEvent| on_context_menu(&weak, &event),
        ));
        if let Some(window) = web_sys::window() {
            let weak = stage.clone();
            on.push(Listener::new(&window, "keydown", move |event: KeyboardEvent| {
                on_key(&weak, &event)
            }));
        }
        let weak = stage.clone();
        Listeners {
            _listeners: on,
            _watch: Some(SizeWatch::new(&nodes.scroll, move || change(&weak, |_| {}))),
        }
    }
}

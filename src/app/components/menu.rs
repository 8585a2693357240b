//! A menu that opens at a place of the page, over what it is about.

use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, Node, PointerEvent};
use yew::prelude::*;

use crate::web::listener::Listener;

/// A line of a menu.
#[derive(Clone, PartialEq)]
pub struct Item {
    pub word: AttrValue,
    /// Its key, where it has one.
    pub key: AttrValue,
    /// `None`: it cannot be done here.
    pub on_pick: Option<Callback<()>>,
}

impl Item {
    pub fn new(word: impl Into<AttrValue>, on_pick: impl Fn() + 'static) -> Item {
        Item {
            word: word.into(),
            key: AttrValue::default(),
            on_pick: Some(Callback::from(move |()| on_pick())),
        }
    }

    pub fn with_key(self, key: impl Into<AttrValue>) -> Item {
        Item {
            key: key.into(),
            ..self
        }
    }

    pub fn only_if(self, can: bool) -> Item {
        Item {
            on_pick: self.on_pick.filter(|_| can),
            ..self
        }
    }
}

#[derive(Properties, PartialEq)]
pub struct MenuProps {
    /// What it is about.
    pub label: AttrValue,
    /// In the browser's view, px.
    pub x: f64,
    pub y: f64,
    pub items: Vec<Item>,
    pub on_close: Callback<()>,
}

/// Height of a line, and the width, as the style sheet has them.
const LINE_PX: f64 = 30.0;
const WIDTH_PX: f64 = 270.0;

#[component]
pub fn Menu(props: &MenuProps) -> Html {
    let node = use_node_ref();
    use_effect_with(node.clone(), {
        let on_close = props.on_close.clone();
        move |node| {
            let before = focused();
            let menu = node.cast::<HtmlElement>();
            if let Some(menu) = &menu {
                step(menu, Step::First);
            }
            let outside = web_sys::window().zip(menu).map(|(window, menu)| {
                Listener::new(&window, "pointerdown", move |event: PointerEvent| {
                    let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
                    if !menu.contains(target.as_ref()) {
                        on_close.emit(());
                    }
                })
            });
            move || {
                drop(outside);
                give_back(before);
            }
        }
    });
    let onkeydown = {
        let (node, on_close) = (node.clone(), props.on_close.clone());
        move |event: KeyboardEvent| {
            let Some(menu) = node.cast::<HtmlElement>() else {
                return;
            };
            event.stop_propagation();
            match event.key().as_str() {
                "ArrowDown" => step(&menu, Step::By(1)),
                "ArrowUp" => step(&menu, Step::By(-1)),
                "Home" => step(&menu, Step::First),
                "End" => step(&menu, Step::Last),
                "Escape" | "Tab" => on_close.emit(()),
                _ => return,
            }
            event.prevent_default();
        }
    };
    let (width, height) = view_size();
    let x = props.x.min(width - WIDTH_PX - 8.0).max(4.0);
    let y = props
        .y
        .min(height - props.items.len() as f64 * LINE_PX - 20.0)
        .max(4.0);
    html! {
        <div ref={node} class="context-menu" role="menu" aria-label={props.label.clone()}
             style={format!("left:{x:.0}px;top:{y:.0}px")} {onkeydown}>
            { for props.items.iter().map(|item| {
                let (on_pick, on_close) = (item.on_pick.clone(), props.on_close.clone());
                html! {
                    <button type="button" role="menuitem" tabindex="-1" disabled={item.on_pick.is_none()}
                        onclick={move |_: MouseEvent| {
                            on_close.emit(());
                            if let Some(on_pick) = &on_pick { on_pick.emit(()); }
                        }}>
                        <span>{ &item.word }</span>
                        if !item.key.is_empty() { <kbd>{ &item.key }</kbd> }
                    </button>
                }
            }) }
        </div>
    }
}

#[derive(Clone, Copy)]
enum Step {
    First,
    Last,
    By(isize),
}

/// Moves the focus among the lines that can be picked.
fn step(menu: &HtmlElement, to: Step) {
    let Ok(list) = menu.query_selector_all("button:not([disabled])") else {
        return;
    };
    let items: Vec<HtmlElement> = (0..list.length())
        .filter_map(|i| list.get(i)?.dyn_into::<HtmlElement>().ok())
        .collect();
    let here = focused();
    let at = items.iter().position(|item| here.as_ref() == Some(item));
    let next = match (to, at) {
        (Step::Last, _) => items.last(),
        (Step::By(by), Some(at)) => {
            let n = items.len().cast_signed().max(1);
            let next = (at.cast_signed() + by).rem_euclid(n).cast_unsigned();
            items.get(next)
        }
        _ => items.first(),
    };
    give_back(next.cloned());
}

fn focused() -> Option<HtmlElement> {
    let document = web_sys::window()?.document()?;
    document.active_element()?.dyn_into::<HtmlElement>().ok()
}

fn give_back(to: Option<HtmlElement>) {
    if let Some(to) = to {
        // What is gone meanwhile takes no focus.
        drop(to.focus());
    }
}

fn view_size() -> (f64, f64) {
    let size =
        |value: Result<wasm_bindgen::JsValue, wasm_bindgen::JsValue>| value.ok().and_then(|v| v.as_f64());
    let window = web_sys::window();
    let of = |window: &web_sys::Window| Some((size(window.inner_width())?, size(window.inner_height())?));
    window.as_ref().and_then(of).unwrap_or((1000.0, 700.0))
}

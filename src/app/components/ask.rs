//! Hooks: an answer of the engine, and an element's width.

use yew::prelude::*;

use crate::app::components::same_rc::SameRc;
use crate::protocol::engine::{Answer, Question};
use crate::view::Summary;
use crate::web::canvas::SizeWatch;
use crate::web::engine::Engine;
use crate::web::sight::SightWatch;

/// What answers are about. Another one, as after a change of the kernels' rules, makes every answer stale.
#[derive(Clone, PartialEq)]
pub struct About(pub Option<SameRc<Summary>>);

/// The answer to `question`, asked again whenever it changes, or what it is about does. Until the new answer is there,
/// the old one is given: what is on screen does not jump. An answer to an older question is dropped.
#[hook]
pub fn use_answer(engine: &Engine, question: Option<Question>) -> Option<SameRc<Answer>> {
    let answer = use_state(|| None);
    let newest = use_mut_ref(|| 0u32);
    let about = use_context::<About>();
    use_effect_with((engine.clone(), question, about), {
        let answer = answer.clone();
        move |(engine, question, _)| {
            let mine = {
                let mut newest = newest.borrow_mut();
                *newest = newest.wrapping_add(1);
                *newest
            };
            match question {
                None => answer.set(None),
                Some(question) => engine.ask(question.clone(), move |got| {
                    if *newest.borrow() == mine {
                        answer.set(Some(SameRc::new(got)));
                    }
                }),
            }
        }
    });
    (*answer).clone()
}

/// Whether the element at `node` is in sight or near it. It stays so while it holds the focus, or `keep` says so.
/// The element must be the same from the first drawing on.
#[hook]
pub fn use_sight(node: &NodeRef, keep: bool) -> bool {
    let near = use_state_eq(|| false);
    let keeps = use_mut_ref(|| keep);
    *keeps.borrow_mut() = keep;
    use_effect_with(node.clone(), {
        let near = near.clone();
        move |node| {
            let watch = node.cast::<web_sys::Element>().map(|element| {
                let seen = element.clone();
                SightWatch::new(&element, move |is_near| {
                    let focus = web_sys::window()
                        .and_then(|window| window.document())
                        .and_then(|document| document.active_element());
                    let is_held = *keeps.borrow() || focus.is_some_and(|focus| seen.contains(Some(&focus)));
                    near.set(is_near || is_held);
                })
            });
            move || drop(watch)
        }
    });
    *near
}

/// The width of the element at `node` in whole px; 0 until it is known.
#[hook]
pub fn use_width(node: &NodeRef) -> u32 {
    let width = use_state_eq(|| 0);
    use_effect_with(node.clone(), {
        let width = width.clone();
        move |node| {
            let watch = node.cast::<web_sys::Element>().map(|element| {
                let seen = element.clone();
                SizeWatch::new(&element, move || {
                    width.set(u32::try_from(seen.client_width()).unwrap_or(0))
                })
            });
            move || drop(watch)
        }
    });
    *width
}

//! What was dropped or pasted while a trace is open: it asks before it takes that one's place. And closing, which asks,
//! too.

use std::cell::Cell;
use std::rc::Rc;

use yew::prelude::*;

use crate::app::components::confirm::Confirm;
use crate::app::shell::comparing::Comparing;
use crate::app::shell::open_inputs::Opening;
use crate::app::shell::state::{Stage, State};
use crate::base::show;
use crate::web::files::Picked;

#[derive(Clone, Debug)]
enum Asked {
    Another(Picked),
    Close,
}

/// What the reader is asked, if anything.
#[derive(Clone)]
pub struct Offered {
    asked: UseStateHandle<Option<Asked>>,
    /// Whether a trace is open now: what listens to the window was made before it was.
    is_open: Rc<Cell<bool>>,
}

#[hook]
pub fn use_offered(state: &UseReducerHandle<State>) -> Offered {
    let offered = Offered {
        asked: use_state(|| None),
        is_open: use_memo((), |()| Cell::new(false)),
    };
    offered.is_open.set(state.stage == Stage::Ready);
    offered
}

impl Offered {
    /// Opens what is dropped where nothing is open, and asks where something is.
    pub fn on_drop(&self, on_open: Callback<Picked>) -> Callback<Picked> {
        let offered = self.clone();
        Callback::from(move |picked| match offered.is_open.get() {
            true => offered.asked.set(Some(Asked::Another(picked))),
            false => on_open.emit(picked),
        })
    }

    /// Asks before a trace that is open whole is closed.
    pub fn on_close(&self, on_close: Callback<()>) -> Callback<()> {
        let offered = self.clone();
        Callback::from(move |()| match offered.is_open.get() {
            true => offered.asked.set(Some(Asked::Close)),
            false => on_close.emit(()),
        })
    }

    /// The question.
    pub fn show(&self, state: &State, opening: &Opening, comparing: &Comparing) -> Html {
        let Some(asked) = (*self.asked).clone().filter(|_| state.stage == Stage::Ready) else {
            return html! {};
        };
        let file = state
            .summary
            .as_ref()
            .map(|s| show::plain(&s.file))
            .unwrap_or_default();
        let answer = |then: Callback<()>| {
            let asked = self.asked.clone();
            Callback::from(move |()| {
                asked.set(None);
                then.emit(());
            })
        };
        match asked {
            Asked::Close => {
                let answers = vec![
                    ("Keep it open".into(), answer(Callback::noop())),
                    ("Close".into(), answer(opening.on_close())),
                ];
                html! {
                    <Confirm question={format!("Close {file}?")} {answers}>
                        <p class="soft">{ "The file stays where it is on this machine; only the page forgets it." }</p>
                    </Confirm>
                }
            }
            Asked::Another(picked) => {
                let name = picked
                    .heads()
                    .first()
                    .map(|head| show::plain(&head.name))
                    .unwrap_or_default();
                let with = |on: Callback<Picked>, picked: Picked| {
                    answer(Callback::from(move |()| on.emit(picked.clone())))
                };
                let mut answers = vec![
                    ("Cancel".into(), answer(Callback::noop())),
                    (
                        "Compare with it".into(),
                        with(comparing.on_pick(), picked.clone()),
                    ),
                ];
                if let Some(last) = opening.last() {
                    answers.push((
                        "Open both together".into(),
                        with(opening.on_open(), last.and(picked.clone())),
                    ));
                }
                answers.push(("Open it instead".into(), with(opening.on_open(), picked)));
                html! {
                    <Confirm question={format!("{name}: what shall become of it?")} {answers}>
                        <p class="soft">{ format!(
                            "{file} is open. A metrics file or a table of the same run is opened together with it."
                        ) }</p>
                    </Confirm>
                }
            }
        }
    }
}

//! Opening files, the sample, or the same file with another choice, and closing what is open.

use std::cell::RefCell;
use std::rc::Rc;

use yew::prelude::*;

use crate::app::companion::host_page::Host;
use crate::app::components::confirm::Confirm;
use crate::app::shell::fit::Choice;
use crate::app::shell::state::{Action, Stage, State};
use crate::base::show;
use crate::protocol::engine::FileHead;
use crate::view::place::Place;
use crate::view::{LIMIT_BYTES, MemoryRule, Which};
use crate::web::engine::{Engine, Told};
use crate::web::files::Picked;
use crate::web::installed::From;
use crate::web::workers::Workers;
use crate::web::{hash, installed};

/// Of files that are asked about, so many are named.
const MOST_NAMED: usize = 8;

/// What the reader is told where the system started the page with files that cannot be read.
const NOT_HANDED_OVER: &str =
    "The browser did not hand over the file that the page was started with. Open it with the button.";

/// The worker of the file that is open, and what it takes to start the next one.
#[derive(Clone)]
pub struct Opening {
    workers: Workers,
    dispatch: UseReducerDispatcher<State>,
    host: Host,
    /// Counts the files: what a worker says after another file was opened is passed over.
    run: Rc<RefCell<u32>>,
    engine: Rc<RefCell<Option<Engine>>>,
    /// What was opened last, for opening it again with another choice.
    last: Rc<RefCell<Option<Picked>>>,
    /// Of several traces the one that was chosen last; a choice of another kind keeps it.
    chosen: Rc<RefCell<Which>>,
}

#[hook]
pub fn use_opening(workers: &Workers, state: &UseReducerHandle<State>, host: &Host) -> Opening {
    let opening = Opening {
        workers: workers.clone(),
        dispatch: state.dispatcher(),
        host: host.clone(),
        run: use_mut_ref(|| 0),
        engine: use_mut_ref(|| None),
        last: use_mut_ref(|| None),
        chosen: use_mut_ref(Which::default),
    };
    // A trace that is too large leaves the page with an offer; its workers hold memory for nothing.
    use_effect_with(state.stage.clone(), {
        let opening = opening.clone();
        move |stage| {
            if *stage == Stage::Asking {
                opening.stop();
            }
        }
    });
    opening
}

/// Opens the files that the system started the page with. Gives the question that the reader is asked, if any: what was
/// shared may come from any site.
#[hook]
pub fn use_files_of_the_system(opening: &Opening) -> Html {
    let shared = use_state(|| None::<Picked>);
    use_effect_with((), {
        let (on_open, dispatch, shared) = (opening.on_open(), opening.dispatch.clone(), shared.clone());
        move |()| {
            installed::on_files(move |picked, from| match (picked, from) {
                (Some(picked), From::System) => on_open.emit(picked),
                (Some(picked), From::Shared) => shared.set(Some(picked)),
                (None, _) => dispatch.dispatch(Action::Trouble(Some(NOT_HANDED_OVER.into()))),
            })
        }
    });
    let Some(picked) = (*shared).clone() else {
        return html! {};
    };
    let file = |head: FileHead| {
        let (name, bytes) = (show::plain(&head.name), show::bytes(head.bytes));
        html! { <p><span class="name">{ name }</span>{ format!(", {bytes}") }</p> }
    };
    let files: Html = picked.heads().into_iter().take(MOST_NAMED).map(file).collect();
    let answer = |opens: bool| {
        let (shared, on_open, picked) = (shared.clone(), opening.on_open(), picked.clone());
        Callback::from(move |()| {
            shared.set(None);
            if opens {
                on_open.emit(picked.clone());
            }
        })
    };
    let answers = vec![("No".into(), answer(false)), ("Open".into(), answer(true))];
    html! {
        <Confirm question="Open what was shared with Stepscope?" {answers}>
            { files }
            <p class="soft">{ "An app or a web page sent it. It is read here, on this machine." }</p>
        </Confirm>
    }
}

impl Opening {
    /// Files of the reader.
    pub fn on_open(&self) -> Callback<Picked> {
        let opening = self.clone();
        Callback::from(move |picked| {
            opening.host.left(true);
            *opening.chosen.borrow_mut() = Which::default();
            opening.begin(Some(picked), Choice::default());
        })
    }

    /// Files of the page around this one.
    pub fn on_posted(&self) -> Callback<Picked> {
        let opening = self.clone();
        Callback::from(move |picked| opening.begin(Some(picked), Choice::default()))
    }

    pub fn on_sample(&self) -> Callback<()> {
        let opening = self.clone();
        Callback::from(move |()| {
            opening.host.left(true);
            opening.begin(None, Choice::default());
        })
    }

    /// What was opened last, by another choice.
    pub fn on_choice(&self) -> Callback<Choice> {
        let opening = self.clone();
        Callback::from(move |choice| {
            let last = opening.last();
            opening.begin(last, choice);
        })
    }

    /// Another trace of what was opened last.
    pub fn on_which(&self) -> Callback<Which> {
        self.on_choice().reform(|which| Choice {
            which: Some(which),
            ..Choice::default()
        })
    }

    pub fn on_close(&self) -> Callback<()> {
        let opening = self.clone();
        Callback::from(move |()| {
            opening.host.left(false);
            opening.stop();
            *opening.run.borrow_mut() += 1;
            opening.dispatch.dispatch(Action::Closed);
        })
    }

    pub fn last(&self) -> Option<Picked> {
        self.last.borrow().clone()
    }

    fn stop(&self) {
        if let Some(old) = self.engine.borrow_mut().take() {
            old.stop();
        }
    }

    /// Starts a worker for the next file, or for the sample; the one before is stopped and its memory freed.
    fn begin(&self, picked: Option<Picked>, choice: Choice) {
        self.stop();
        let mine = {
            let mut run = self.run.borrow_mut();
            *run += 1;
            *run
        };
        self.last.borrow_mut().clone_from(&picked);
        let which = choice
            .which
            .clone()
            .unwrap_or_else(|| self.chosen.borrow().clone());
        self.chosen.borrow_mut().clone_from(&which);
        let told = {
            let (dispatch, run) = (self.dispatch.clone(), self.run.clone());
            move |told: Told| {
                if *run.borrow() == mine {
                    dispatch.dispatch(Action::Told(told));
                }
            }
        };
        let memory = MemoryRule {
            limit_bytes: limit_bytes(),
            over: choice.over,
        };
        let started = Engine::start(&self.workers, told).and_then(|new| {
            match &picked {
                Some(picked) => new.open(picked, &choice.selection, memory, which)?,
                None => new.open_sample()?,
            }
            Ok(new)
        });
        match started {
            Ok(new) => {
                *self.engine.borrow_mut() = Some(new.clone());
                let files: Vec<FileHead> = picked.as_ref().map(Picked::heads).unwrap_or_default();
                self.dispatch.dispatch(Action::Opening {
                    engine: new,
                    files,
                    selection: choice.selection,
                });
            }
            Err(why) => self.dispatch.dispatch(Action::Told(Told::Failed(why))),
        }
    }
}

/// What a trace may take, where the hash does not say otherwise.
fn limit_bytes() -> u64 {
    let place = Place::from_hash(&hash::get());
    place
        .memory_mb
        .map_or(LIMIT_BYTES, |mb| u64::from(mb) * 1_000_000)
}

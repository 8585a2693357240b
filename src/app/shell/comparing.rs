//! Another trace to compare with: read by workers of its own, which end when what comparing needs is known.

use std::cell::RefCell;
use std::rc::Rc;

use yew::prelude::*;

use crate::app::shell::open_inputs::limit_bytes;
use crate::app::shell::state::{Action, State};
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::{MemoryRule, Over, Selection, Which};
use crate::web::engine::{Engine, Told};
use crate::web::files::Picked;
use crate::web::workers::Workers;

/// The other trace, while it is read.
#[derive(Clone, Debug, PartialEq)]
struct Reading {
    name: String,
    /// 0 to 1.
    part: f64,
}

type Other = Rc<RefCell<Option<Engine>>>;

/// What the page needs to compare.
#[derive(Clone)]
pub struct Comparing {
    reading: UseStateHandle<Option<Reading>>,
    other: Other,
    workers: Workers,
    open: Option<Engine>,
    dispatch: UseReducerDispatcher<State>,
}

#[hook]
pub fn use_comparing(workers: &Workers, state: &UseReducerHandle<State>) -> Comparing {
    let comparing = Comparing {
        reading: use_state(|| None),
        other: use_mut_ref(|| None),
        workers: workers.clone(),
        open: state.engine.clone(),
        dispatch: state.dispatcher(),
    };
    // What is read for a trace that is open no longer is of no use.
    use_effect_with(state.engine.clone(), {
        let comparing = comparing.clone();
        move |_| comparing.stop()
    });
    comparing
}

impl Comparing {
    pub fn on_pick(&self) -> Callback<Picked> {
        let comparing = self.clone();
        Callback::from(move |picked| comparing.begin(&picked))
    }

    /// How far reading is, with a way to stop it.
    pub fn show(&self) -> Html {
        let Some(reading) = &*self.reading else {
            return html! {};
        };
        let on_cancel = {
            let comparing = self.clone();
            move |_: MouseEvent| comparing.stop()
        };
        html! {
            <p class="trouble stopped" role="status">
                { format!("Reading {} to compare with: {:.0} %. ", show::plain(&reading.name), 100.0 * reading.part) }
                <button type="button" onclick={on_cancel}>{ "Cancel" }</button>
            </p>
        }
    }

    fn stop(&self) {
        if let Some(other) = self.other.borrow_mut().take() {
            other.stop();
        }
        self.reading.set(None);
    }

    fn failed(&self, why: &str) {
        self.stop();
        let says = format!("Not compared: {}", show::plain(why));
        self.dispatch.dispatch(Action::Trouble(Some(says.into())));
    }

    fn begin(&self, picked: &Picked) {
        self.stop();
        let Some(open) = self.open.clone() else { return };
        let name = picked
            .heads()
            .first()
            .map(|head| head.name.clone())
            .unwrap_or_default();
        self.reading.set(Some(Reading {
            name: name.clone(),
            part: 0.0,
        }));
        let told = {
            let comparing = self.clone();
            move |told: Told| {
                match told {
                Told::Progress(progress) => comparing.reading.set(Some(Reading {
                    name: name.clone(),
                    part: progress.bytes_read as f64 / progress.bytes_total.max(1) as f64,
                })),
                Told::Loaded => comparing.loaded(&open),
                Told::TooLarge(_) => comparing.failed(
                    "the other trace does not fit into memory beside the open one; the command line compares them",
                ),
                Told::Failed(why) | Told::OtherVersion(why) | Told::Trapped(why) => comparing.failed(&why),
                Told::Summary(_) | Told::Estimate(_) | Told::Silent(_) => {}
            }
            }
        };
        let memory = MemoryRule {
            limit_bytes: limit_bytes(),
            over: Over::default(),
        };
        let started = Engine::start(&self.workers, told).and_then(|other| {
            other.open(picked, &Selection::default(), memory, Which::default())?;
            Ok(other)
        });
        match started {
            Ok(other) => *self.other.borrow_mut() = Some(other),
            Err(why) => self.failed(&why),
        }
    }

    /// The other trace is read: what comparing needs of it goes to the workers of the open one.
    fn loaded(&self, open: &Engine) {
        let other = self.other.borrow().clone();
        let Some(other) = other else { return };
        let (comparing, open) = (self.clone(), open.clone());
        let question = Question::Report {
            format: "baseline".to_owned(),
        };
        other.ask(question, move |answer| match answer {
            Answer::Report { text, .. } => {
                comparing.stop();
                let question = Question::Compare {
                    with: Some(text),
                    other_is_before: false,
                };
                let of = open.clone();
                open.ask(question, move |answer| match answer {
                    Answer::Anew(summary) => comparing.dispatch.dispatch(Action::Compared(of, summary)),
                    Answer::Nothing { why } => comparing.failed(&why),
                    _ => {}
                });
            }
            Answer::Nothing { why } => comparing.failed(&why),
            _ => comparing.failed("the worker answered something else"),
        });
    }
}

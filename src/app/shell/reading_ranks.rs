//! The other ranks of the run: each is read by workers of its own, one after the other, which end when what comparing
//! needs is known.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use yew::prelude::*;

use crate::app::shell::open_inputs::limit_bytes;
use crate::app::shell::state::{Action, State};
use crate::base::show;
use crate::protocol::engine::{Answer, Question, RANKS};
use crate::view::{MemoryRule, OtherTrace, Over, Selection};
use crate::web::engine::{Engine, Told};
use crate::web::files::Picked;
use crate::web::workers::Workers;

/// What is being read.
#[derive(Clone, Debug, PartialEq)]
struct Now {
    name: String,
    number: usize,
    of: usize,
    /// 0 to 1.
    part: f64,
}

/// The traces that are still to be read, and what is known of those before.
#[derive(Default)]
struct Work {
    reading: Option<Engine>,
    left: VecDeque<OtherTrace>,
    n_all: usize,
    texts: Vec<String>,
    /// Why some could not be read.
    troubles: Vec<String>,
}

/// What the page needs to compare ranks.
#[derive(Clone)]
pub struct ReadingRanks {
    now: UseStateHandle<Option<Now>>,
    work: Rc<RefCell<Work>>,
    workers: Workers,
    open: Option<Engine>,
    picked: Option<Picked>,
    dispatch: UseReducerDispatcher<State>,
}

#[hook]
pub fn use_reading_ranks(
    workers: &Workers,
    state: &UseReducerHandle<State>,
    picked: Option<Picked>,
) -> ReadingRanks {
    let reading = ReadingRanks {
        now: use_state(|| None),
        work: use_mut_ref(Work::default),
        workers: workers.clone(),
        open: state.engine.clone(),
        picked,
        dispatch: state.dispatcher(),
    };
    // What is read for a trace that is open no longer is of no use.
    use_effect_with(state.engine.clone(), {
        let reading = reading.clone();
        move |_| reading.stop()
    });
    reading
}

impl ReadingRanks {
    /// Reads these beside the open trace.
    pub fn on_ask(&self) -> Callback<Vec<OtherTrace>> {
        let reading = self.clone();
        Callback::from(move |others: Vec<OtherTrace>| {
            reading.stop();
            *reading.work.borrow_mut() = Work {
                n_all: others.len(),
                left: others.into(),
                ..Work::default()
            };
            reading.next();
        })
    }

    /// How far reading is, with a way to stop it; `None`: nothing is read.
    pub fn show(&self) -> Option<Html> {
        let now = (*self.now).clone()?;
        let on_cancel = {
            let reading = self.clone();
            move |_: MouseEvent| reading.stop()
        };
        let name = show::plain(&now.name);
        let says = format!(
            "Reading {name} ({} of {}): {:.0} %. ",
            now.number,
            now.of,
            100.0 * now.part
        );
        Some(html! {
            <p class="trouble stopped" role="status">
                { says }
                <button type="button" onclick={on_cancel}>{ "Cancel" }</button>
            </p>
        })
    }

    fn stop(&self) {
        let work = self.work.take();
        if let Some(engine) = work.reading {
            engine.stop();
        }
        self.now.set(None);
    }

    /// Begins with the next trace; after the last one, compares.
    fn next(&self) {
        let next = self.work.borrow_mut().left.pop_front();
        let (Some(open), Some(picked)) = (self.open.clone(), self.picked.clone()) else {
            return self.stop();
        };
        let Some(other) = next else {
            return self.compare(&open);
        };
        let now = {
            let work = self.work.borrow();
            Now {
                name: other.name.clone(),
                number: work.n_all - work.left.len(),
                of: work.n_all,
                part: 0.0,
            }
        };
        self.now.set(Some(now.clone()));
        let told = {
            let reading = self.clone();
            move |told: Told| match told {
                Told::Progress(progress) => reading.now.set(Some(Now {
                    part: progress.bytes_read as f64 / progress.bytes_total.max(1) as f64,
                    ..now.clone()
                })),
                Told::Loaded => reading.loaded(&now.name),
                Told::TooLarge(_) => {
                    reading.failed(&now.name, "it does not fit into memory beside the open trace")
                }
                Told::Failed(why) | Told::OtherVersion(why) | Told::Trapped(why) => {
                    reading.failed(&now.name, &why);
                }
                Told::Summary(_) | Told::Estimate(_) | Told::Silent(_) => {}
            }
        };
        let memory = MemoryRule {
            limit_bytes: limit_bytes(),
            over: Over::default(),
        };
        let started = Engine::start(&self.workers, told).and_then(|engine| {
            engine.open(&picked, &Selection::default(), memory, other.which)?;
            Ok(engine)
        });
        match started {
            Ok(engine) => self.work.borrow_mut().reading = Some(engine),
            Err(why) => self.failed(&other.name, &why),
        }
    }

    fn end_one(&self) {
        if let Some(engine) = self.work.borrow_mut().reading.take() {
            engine.stop();
        }
    }

    fn failed(&self, name: &str, why: &str) {
        self.end_one();
        let trouble = format!("{}: {}", show::plain(name), show::plain(why));
        self.work.borrow_mut().troubles.push(trouble);
        self.next();
    }

    fn loaded(&self, name: &str) {
        let engine = self.work.borrow().reading.clone();
        let Some(engine) = engine else { return };
        let question = Question::Report {
            format: RANKS.to_owned(),
        };
        let (reading, name) = (self.clone(), name.to_owned());
        engine.ask(question, move |answer| match answer {
            Answer::Report { text, .. } => {
                reading.end_one();
                reading.work.borrow_mut().texts.push(text);
                reading.next();
            }
            Answer::Nothing { why } => reading.failed(&name, &why),
            _ => reading.failed(&name, "the worker answered something else"),
        });
    }

    fn compare(&self, open: &Engine) {
        let work = self.work.take();
        self.now.set(None);
        let say = |trouble: String| self.dispatch.dispatch(Action::Trouble(Some(trouble.into())));
        if !work.troubles.is_empty() {
            say(format!("Not compared: {}", work.troubles.join("; ")));
        }
        let (dispatch, of) = (self.dispatch.clone(), open.clone());
        let question = Question::Ranks { others: work.texts };
        open.ask(question, move |answer| match answer {
            Answer::Anew(summary) => dispatch.dispatch(Action::Ranks(of, summary)),
            Answer::Nothing { why } => {
                let says = format!("Ranks are not compared: {}", show::plain(&why));
                dispatch.dispatch(Action::Trouble(Some(says.into())));
            }
            _ => {}
        });
    }
}

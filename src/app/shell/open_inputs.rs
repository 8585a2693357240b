//! Opening files, the sample, or the same file with another choice, and closing what is open.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use yew::prelude::*;

use crate::app::companion::host_page::Host;
use crate::app::components::confirm::Confirm;
use crate::app::shell::memory_budget::Choice;
use crate::app::shell::state::{Action, Stage, State};
use crate::base::show;
use crate::protocol::engine::FileHead;
use crate::view::route::Route;
use crate::view::{LIMIT_BYTES, MemoryRule, Which};
use crate::web::engine::{Engine, Told};
use crate::web::files::Picked;
use crate::web::installed::From;
use crate::web::workers::Workers;
use crate::web::{hash, installed, opened_last};

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
    runs: Rc<Cell<u32>>,
    open: Rc<RefCell<Open>>,
    /// What was open and whole when the next file was chosen: kept until that one can be read.
    before: Rc<RefCell<Option<Open>>>,
}

/// What is open, or being opened.
#[derive(Clone, Default)]
struct Open {
    run: u32,
    engine: Option<Engine>,
    /// What was opened, for opening it again with another choice.
    picked: Option<Picked>,
    /// Of several traces the one that was chosen last; a choice of another kind keeps it.
    which: Which,
    is_whole: bool,
}

#[hook]
pub fn use_opening(workers: &Workers, state: &UseReducerHandle<State>, host: &Host) -> Opening {
    let opening = Opening {
        workers: workers.clone(),
        dispatch: state.dispatcher(),
        host: host.clone(),
        runs: use_memo((), |()| Cell::new(0)),
        open: use_mut_ref(Open::default),
        before: use_mut_ref(|| None),
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
            opening.begin(Some(picked), Choice::of_new_file());
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
            opened_last::closed();
            opening.stop();
            *opening.open.borrow_mut() = Open {
                run: opening.next_run(),
                ..Open::default()
            };
            opening.dispatch.dispatch(Action::Closed);
        })
    }

    pub fn last(&self) -> Option<Picked> {
        self.open.borrow().picked.clone()
    }

    fn next_run(&self) -> u32 {
        self.runs.set(self.runs.get().wrapping_add(1));
        self.runs.get()
    }

    /// Ends all workers, which frees their memory.
    fn stop(&self) {
        self.forget_before();
        if let Some(old) = self.open.borrow_mut().engine.take() {
            old.stop();
        }
    }

    /// The trace that was open before has lost its place.
    fn forget_before(&self) {
        if let Some(old) = self.before.borrow_mut().take().and_then(|before| before.engine) {
            old.stop();
        }
    }

    /// The next file cannot be read: what was open before is open again.
    fn return_to_before(&self) {
        if let Some(before) = self.before.borrow_mut().take() {
            let failed = self.open.replace(before);
            if let Some(engine) = failed.engine {
                engine.stop();
            }
        }
    }

    /// Follows what a worker says, ahead of the page.
    fn heard(&self, told: &Told) {
        match told {
            Told::Summary(_) | Told::TooLarge(_) | Told::Trapped(_) => self.forget_before(),
            Told::Loaded => self.open.borrow_mut().is_whole = true,
            Told::Failed(_) | Told::OtherVersion(_) => self.return_to_before(),
            Told::Progress(_) | Told::Estimate(_) | Told::Silent(_) => {}
        }
    }

    /// Starts a worker for the next file, or for the sample. A trace that is open stays until the first part of the
    /// next one has been read; then its worker is stopped and its memory freed.
    fn begin(&self, picked: Option<Picked>, choice: Choice) {
        let old = self.open.take();
        if old.is_whole {
            self.forget_before();
            *self.before.borrow_mut() = Some(old.clone());
        } else if let Some(engine) = old.engine {
            engine.stop();
        }
        let mine = self.next_run();
        let which = choice.which.clone().unwrap_or(old.which);
        *self.open.borrow_mut() = Open {
            run: mine,
            engine: None,
            picked: picked.clone(),
            which: which.clone(),
            is_whole: false,
        };
        let told = {
            let opening = self.clone();
            move |told: Told| {
                let is_mine = opening.open.borrow().run == mine;
                if is_mine {
                    opening.heard(&told);
                    opening.dispatch.dispatch(Action::Told(told));
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
                self.open.borrow_mut().engine = Some(new.clone());
                let files: Vec<FileHead> = picked.as_ref().map(Picked::heads).unwrap_or_default();
                self.dispatch.dispatch(Action::Opening {
                    engine: new,
                    files,
                    selection: choice.selection,
                });
            }
            Err(why) => {
                let told = Told::Failed(why);
                self.heard(&told);
                self.dispatch.dispatch(Action::Told(told));
            }
        }
    }
}

/// What a trace may take, where the hash does not say otherwise.
pub fn limit_bytes() -> u64 {
    let place = Route::from_hash(&hash::get());
    place
        .memory_mb
        .map_or(LIMIT_BYTES, |mb| u64::from(mb) * 1_000_000)
}

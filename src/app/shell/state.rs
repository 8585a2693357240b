//! The page's state, and what changes it.

use std::rc::Rc;

use yew::prelude::*;

use crate::app::components::same_rc::SameRc;
use crate::app::shell::memory_budget::Why;
use crate::base::show;
use crate::protocol::engine::{FileHead, Progress};
use crate::view::arrangement::Arrangement;
use crate::view::commands::Command;
use crate::view::memory_budget::SUSPICIOUS_BYTES;
use crate::view::route::{Chrome, Note, Route, Theme, View};
use crate::view::{Estimate, GapFilter, Selection, Span, StepFilter, Summary};
use crate::web::engine::{Engine, Told};
use crate::web::{hash, theme};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    Empty,
    Loading,
    /// The trace does not fit; the reader is asked what to load.
    Asking,
    Ready,
    Failed,
}

pub struct State {
    pub stage: Stage,
    pub engine: Option<Engine>,
    pub files: Vec<FileHead>,
    pub progress: Option<Progress>,
    pub summary: Option<SameRc<Summary>>,
    /// One sentence about what went wrong last.
    pub trouble: Option<AttrValue>,
    /// Whether loading the page again would help against it.
    pub reload_helps: bool,
    pub place: Route,
    /// What the file is going to take, as it was told last.
    pub estimate: Option<SameRc<Estimate>>,
    /// Whether the reader is asked what to load.
    pub asking: Option<Why>,
    /// What was asked for.
    pub selection: Selection,
    /// Rules for kernels, where the reader has made some: kept as long as the page is open.
    pub rules: Option<String>,
    /// Counts the selections that came from a link: the timeline then moves to what is selected.
    pub reveal: u32,
    /// The last of them that the timeline has moved to: coming back to it later does not move it again.
    pub revealed: u32,
    /// How the timeline's tracks are arranged, where the reader has.
    pub arrangement: Option<SameRc<Arrangement>>,
    /// What the timeline is to do as soon as it can.
    pub command: Option<Command>,
    /// Whether a file was opened before: its place in the hash is not the next file's.
    opened_before: bool,
    /// The trace that was open when the next file was chosen, until that one can be read.
    before: Option<Rc<State>>,
}

pub enum Action {
    Opening {
        engine: Engine,
        files: Vec<FileHead>,
        selection: Selection,
    },
    Told(Told),
    Closed,
    /// What to load, or no longer.
    Ask(Option<Why>),
    Hash(Route),
    /// The view of a tab, counted from 0.
    NthView(usize),
    /// The trace by new rules for kernels.
    Classified(String, Box<Summary>),
    /// All answers anew, as by another step time.
    Anew(Box<Summary>),
    /// The trace of these workers, compared with another.
    Compared(Engine, Box<Summary>),
    /// The trace of these workers, with the ranks of its run.
    Ranks(Engine, Box<Summary>),
    Theme(Theme),
    /// The timeline shows this window now.
    Moved(Span),
    /// The Steps view shows these steps now.
    Steps(StepFilter),
    /// The Gaps view lists these gaps now.
    Gaps(GapFilter),
    /// A slice was clicked in the timeline, or the selection was cleared.
    Picked(Option<u32>),
    /// A view, by its name.
    Go(View),
    /// So many steps on, in the view of steps.
    StepBy(i32),
    /// What the timeline is to do, in its view; `None`: it is done.
    Command(Option<Command>),
    Arranged(Arrangement),
    /// The stretches that are marked.
    Notes(Vec<Note>),
    /// What is searched for in the timeline, or nothing any more.
    Find(Option<String>),
    /// What went wrong beside the file, or nothing any more.
    Trouble(Option<AttrValue>),
}

impl State {
    /// Before a file; the hash may already say where to go.
    pub fn at_start() -> State {
        State {
            stage: Stage::Empty,
            engine: None,
            files: Vec::new(),
            progress: None,
            summary: None,
            trouble: None,
            reload_helps: false,
            place: {
                let place = Route::from_hash(&hash::get());
                Route {
                    theme: place.theme.or_else(theme::remembered),
                    ..place
                }
            },
            estimate: None,
            asking: None,
            selection: Selection::default(),
            rules: None,
            reveal: 0,
            revealed: 0,
            arrangement: None,
            command: None,
            opened_before: false,
            before: None,
        }
    }

    fn with_place(&self, place: Route) -> State {
        State { place, ..self.copy() }
    }

    /// A summary of the open trace that was computed anew, with what is known of its opening.
    fn opened_as_before(&self, summary: Box<Summary>) -> SameRc<Summary> {
        let before = self.summary.as_ref();
        SameRc::new(Summary {
            cost: before.and_then(|s| s.cost),
            stopped: before.and_then(|s| s.stopped.clone()),
            ..*summary
        })
    }

    fn copy(&self) -> State {
        State {
            stage: self.stage.clone(),
            engine: self.engine.clone(),
            files: self.files.clone(),
            progress: self.progress,
            summary: self.summary.clone(),
            trouble: self.trouble.clone(),
            reload_helps: self.reload_helps,
            place: self.place.clone(),
            estimate: self.estimate.clone(),
            asking: self.asking,
            selection: self.selection.clone(),
            rules: self.rules.clone(),
            reveal: self.reveal,
            revealed: self.revealed,
            arrangement: self.arrangement.clone(),
            command: self.command,
            opened_before: self.opened_before,
            before: self.before.clone(),
        }
    }

    fn told(&self, told: Told) -> State {
        let mut next = self.copy();
        next.reload_helps |= matches!(told, Told::OtherVersion(_));
        match told {
            Told::Progress(progress) => next.progress = Some(progress),
            Told::Summary(summary) => {
                if let Some(stopped) = &summary.stopped {
                    next.estimate = Some(SameRc::new((**stopped).clone()));
                }
                next.summary = Some(SameRc::new(*summary));
                next.before = None;
            }
            Told::Estimate(estimate) => next.estimate = Some(SameRc::new(*estimate)),
            Told::TooLarge(estimate) => {
                next.estimate = Some(SameRc::new(*estimate));
                next.asking = Some(Why::TooLarge);
                next.stage = Stage::Asking;
                next.engine = None;
                next.summary = None;
                next.before = None;
            }
            Told::Silent(why) => next.trouble = why.map(AttrValue::from),
            Told::Loaded => next.stage = Stage::Ready,
            Told::Failed(why) | Told::OtherVersion(why) if self.before.is_some() => {
                let trouble = format!("Not opened: {}", show::plain(&why));
                return self.returned(trouble.into(), next.reload_helps);
            }
            Told::Failed(why) | Told::OtherVersion(why) => {
                next.stage = Stage::Failed;
                next.engine = None;
                next.summary = None;
                next.trouble = Some(show::plain(&why).into());
            }
            Told::Trapped(why) => {
                let held = self.progress.map_or(0, |p| p.memory_bytes);
                let out_of_memory = held > SUSPICIOUS_BYTES;
                next.trouble = Some(if out_of_memory {
                    let held = show::bytes(held);
                    format!(
                        "Probably out of memory: the worker that read this file held {held} when it stopped ({why})"
                    )
                    .into()
                } else {
                    why.into()
                });
                next.asking = out_of_memory.then_some(Why::Died);
                next.before = None;
                next.stage = Stage::Failed;
                next.engine = None;
                next.summary = None;
            }
        }
        next
    }

    /// The trace that was open before the file that could not be opened, as it was.
    fn returned(&self, trouble: AttrValue, reload_helps: bool) -> State {
        let before = self.before.as_deref().unwrap_or(self);
        let theme = self.place.theme;
        State {
            trouble: Some(trouble),
            reload_helps,
            place: Route {
                theme,
                ..before.place.clone()
            },
            before: None,
            ..before.copy()
        }
    }

    /// A link was followed. What it does not name stays, except what it would contradict.
    fn followed(&self, to: Route) -> State {
        let mut place = to;
        place.theme = place.theme.or(self.place.theme);
        place.memory_mb = place.memory_mb.or(self.place.memory_mb);
        if place.chrome == Chrome::Full {
            place.chrome = self.place.chrome;
        }
        // Lengths of one kind of gaps say nothing of another's.
        if place.gaps.is_none() && place.gap == GapFilter::default() {
            place.gap = self.place.gap.clone();
        }
        place.gaps = place.gaps.or(self.place.gaps);
        place.find = place.find.or_else(|| self.place.find.clone());
        if place.notes.is_empty() {
            place.notes = self.place.notes.clone();
        }
        place.steps = place.steps.or_else(|| self.place.steps.clone());
        let points = place.mark.is_some() || place.slice.is_some();
        let mut reveal = self.reveal;
        if points {
            if place.window.is_none() {
                reveal += 1;
                place.window = self.place.window;
            }
        } else {
            place.window = place.window.or(self.place.window);
            place.slice = self.place.slice;
            place.mark = self.place.mark;
        }
        place.step = place.step.or(self.place.step);
        State {
            place,
            reveal,
            ..self.copy()
        }
    }
}

impl Reducible for State {
    type Action = Action;

    fn reduce(self: Rc<State>, action: Action) -> Rc<State> {
        let place = self.place.clone();
        Rc::new(match action {
            Action::Opening {
                engine,
                files,
                selection,
            } => State {
                stage: Stage::Loading,
                engine: Some(engine),
                files,
                progress: None,
                summary: None,
                trouble: None,
                reload_helps: false,
                place: if self.opened_before {
                    place.of_page()
                } else {
                    place
                },
                estimate: None,
                asking: None,
                selection,
                rules: self.rules.clone(),
                reveal: self.reveal,
                revealed: self.reveal,
                arrangement: None,
                command: None,
                opened_before: true,
                before: match self.stage {
                    Stage::Ready => Some(Rc::new(State {
                        before: None,
                        ..self.copy()
                    })),
                    _ => self.before.clone(),
                },
            },
            Action::Told(told) => self.told(told),
            Action::Closed => State {
                place: place.of_page(),
                opened_before: self.opened_before,
                rules: self.rules.clone(),
                reveal: self.reveal,
                revealed: self.reveal,
                ..State::at_start()
            },
            Action::Ask(asking) => State {
                asking,
                ..self.copy()
            },
            Action::Hash(to) => self.followed(to),
            Action::NthView(nth) => {
                let fills = self.summary.as_ref().map(|s| s.fills()).unwrap_or_default();
                match View::of_trace(fills).nth(nth) {
                    Some(view) => self.with_place(Route { view, ..place }),
                    None => self.copy(),
                }
            }
            Action::Classified(rules, summary) => State {
                rules: Some(rules),
                summary: Some(self.opened_as_before(summary)),
                ..self.copy()
            },
            Action::Anew(summary) => State {
                summary: Some(self.opened_as_before(summary)),
                ..self.copy()
            },
            Action::Compared(engine, summary) if self.engine.as_ref() == Some(&engine) => State {
                summary: Some(self.opened_as_before(summary)),
                place: Route {
                    view: View::Compare,
                    ..place
                },
                ..self.copy()
            },
            Action::Ranks(engine, summary) if self.engine.as_ref() == Some(&engine) => State {
                summary: Some(self.opened_as_before(summary)),
                ..self.copy()
            },
            Action::Compared(..) | Action::Ranks(..) => self.copy(),
            Action::Theme(theme) => self.with_place(Route {
                theme: Some(theme),
                ..place
            }),
            Action::Moved(window) => State {
                revealed: self.reveal,
                ..self.with_place(Route {
                    window: Some(window),
                    ..place
                })
            },
            Action::Steps(steps) => self.with_place(Route {
                steps: Some(steps),
                ..place
            }),
            Action::Gaps(gap) => self.with_place(Route { gap, ..place }),
            Action::Picked(slice) => self.with_place(Route {
                slice,
                mark: None,
                ..place
            }),
            Action::Go(view) => self.with_place(Route { view, ..place }),
            Action::StepBy(by) => {
                let n_steps = self.summary.as_ref().map_or(0, |summary| summary.n_steps);
                let step = place.step.map_or(0, |step| step.saturating_add_signed(by));
                self.with_place(Route {
                    view: View::Steps,
                    step: Some(step.min(n_steps.saturating_sub(1))).filter(|_| n_steps > 0),
                    ..place
                })
            }
            Action::Command(command) => State {
                command,
                ..match command {
                    Some(_) => self.with_place(Route {
                        view: View::Timeline,
                        ..place
                    }),
                    None => self.copy(),
                }
            },
            Action::Arranged(arrangement) => State {
                arrangement: Some(SameRc::new(arrangement)),
                ..self.copy()
            },
            Action::Notes(notes) => self.with_place(Route { notes, ..place }),
            Action::Find(find) => self.with_place(Route { find, ..place }),
            Action::Trouble(trouble) => State {
                trouble,
                ..self.copy()
            },
        })
    }
}

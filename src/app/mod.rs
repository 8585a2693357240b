//! The page. Components draw what they are given. They know pixels and colours; they know no trace.
//! Anything worth a unit test belongs in [`view`](crate::view).
//!
//! ```text
//! App            state by reducer: which file, how far, what is known, where the reader is
//!   Start        before a file
//!   Loading      while it is read; the Overview grows below
//!   Head         file, tabs, search, theme, help, reports
//!   Overview     Steps  Gaps  Device  Recompiles  Operators  Timeline  Stacks  Memory  Workers  Tables
//! ```
//! Links are plain `#hash` links (see [`Place`]); the hash is where the reader is.

mod as_found;
mod ask;
mod cut;
mod device;
mod dialog;
mod fit;
mod gaps;
mod head;
mod help;
mod host;
mod installed;
mod loading;
mod memory;
mod nodes;
mod operators;
mod overview;
mod parts;
mod perfetto;
mod plot;
mod recompiles;
mod record;
mod search;
mod shown;
mod sizes;
mod stacks;
mod start;
mod state;
mod step_detail;
mod steps;
mod tables;
mod timeline;
mod words;
mod workers;

use web_sys::{ClipboardEvent, DragEvent, KeyboardEvent};
use yew::prelude::*;

use crate::protocol::engine::{Answer, Question};
use crate::view::place::{Chrome, Place, Theme, View};
use crate::view::{LIMIT_BYTES, MemoryRule};
use crate::web::boot::{PageState, set_page_state};
use crate::web::engine::{Engine, Told};
use crate::web::files::{self, Picked, carries_files};
use crate::web::listener::{Listener, is_typing};
use crate::web::workers::Workers;
use crate::web::{download, hash, installed as outside, theme};
use fit::Choice;
use state::{Action, Stage, State};

#[derive(Properties, PartialEq)]
pub struct AppProps {
    pub workers: Workers,
}

/// What the reader is told where the system started the page with files that cannot be read.
const NOT_HANDED_OVER: &str =
    "The browser did not hand over the file that the page was started with. Open it with the button.";

/// The whole page.
#[component]
pub fn App(props: &AppProps) -> Html {
    let state = use_reducer(State::at_start);
    let dropping = use_state_eq(|| false);
    let help = use_state_eq(|| false);
    let searching = use_state_eq(|| false);
    let cutting = use_state_eq(|| None::<cut::Offer>);
    let run = use_mut_ref(|| 0u32);
    let engine = use_mut_ref(|| None::<Engine>);
    // What was opened last, for opening it again with another choice.
    let last = use_mut_ref(|| None::<Picked>);
    // Of several workers the one that was chosen last; a choice of another kind keeps it.
    let chosen_worker = use_mut_ref(|| None::<String>);

    // Starts a worker for the next file; the one before is stopped and its memory freed.
    let begin: Callback<(Option<Picked>, Choice)> = {
        let (workers, dispatch, run, engine, last, chosen_worker) = (
            props.workers.clone(),
            state.dispatcher(),
            run.clone(),
            engine.clone(),
            last.clone(),
            chosen_worker.clone(),
        );
        Callback::from(move |(picked, choice): (Option<Picked>, Choice)| {
            if let Some(old) = engine.borrow_mut().take() {
                old.stop();
            }
            let mine = {
                let mut run = run.borrow_mut();
                *run += 1;
                *run
            };
            let heads = picked.as_ref().map(Picked::heads).unwrap_or_default();
            last.borrow_mut().clone_from(&picked);
            let worker = choice.worker.clone().or_else(|| chosen_worker.borrow().clone());
            chosen_worker.borrow_mut().clone_from(&worker);
            let memory = MemoryRule {
                limit_bytes: limit_bytes(),
                over: choice.over,
            };
            let told = {
                let (dispatch, run) = (dispatch.clone(), run.clone());
                move |told: Told| {
                    if *run.borrow() == mine {
                        dispatch.dispatch(Action::Told(told));
                    }
                }
            };
            let started = Engine::start(&workers, told).and_then(|new| {
                match &picked {
                    Some(picked) => new.open(picked, &choice.selection, memory, worker)?,
                    None => new.open_sample()?,
                }
                Ok(new)
            });
            match started {
                Ok(new) => {
                    *engine.borrow_mut() = Some(new.clone());
                    dispatch.dispatch(Action::Opening {
                        engine: new,
                        files: heads,
                        selection: choice.selection,
                    });
                }
                Err(why) => dispatch.dispatch(Action::Told(Told::Failed(why))),
            }
        })
    };
    let host = use_state(host::Host::new);
    let close: Callback<()> = {
        let (dispatch, run, engine, host) = (state.dispatcher(), run, engine.clone(), host.clone());
        Callback::from(move |()| {
            host.left(false);
            if let Some(old) = engine.borrow_mut().take() {
                old.stop();
            }
            *run.borrow_mut() += 1;
            dispatch.dispatch(Action::Closed);
        })
    };
    let open_posted = begin.reform(|picked| (Some(picked), Choice::default()));
    let on_open = open_posted.reform({
        let host = host.clone();
        let chosen_worker = chosen_worker.clone();
        move |picked| {
            host.left(true);
            *chosen_worker.borrow_mut() = None;
            picked
        }
    });
    let on_sample = begin.reform({
        let host = host.clone();
        move |()| {
            host.left(true);
            (None, Choice::default())
        }
    });
    let on_choice = begin.reform({
        let last = last.clone();
        move |choice| (last.borrow().clone(), choice)
    });
    let chrome = state.place.chrome;
    let perfetto = perfetto::use_perfetto(match (&state.summary, &state.engine) {
        (Some(summary), Some(engine))
            if state.stage == Stage::Ready && chrome != Chrome::Embedded && summary.extent.is_some() =>
        {
            Some(perfetto::Sent {
                file: last
                    .borrow()
                    .as_ref()
                    .and_then(|picked| picked.at(&summary.file))
                    // A table that was made a trace of is none for others.
                    .filter(|file| !file.name().ends_with(".csv")),
                summary: summary.clone(),
                engine: engine.clone(),
            })
        }
        _ => None,
    });
    let consent = host::use_host(&host, &state, &open_posted, {
        let talk = perfetto.talk();
        move |windows, peer| talk.answered(windows, peer)
    });
    let on_worker = {
        let last = last.clone();
        begin.reform(move |worker: String| {
            let worker = Some(worker);
            (
                last.borrow().clone(),
                Choice {
                    worker,
                    ..Choice::default()
                },
            )
        })
    };
    let on_asked_enough = {
        let (close, dispatch, stage) = (close.clone(), state.dispatcher(), state.stage.clone());
        Callback::from(move |()| match stage {
            Stage::Asking => close.emit(()),
            _ => dispatch.dispatch(Action::Ask(None)),
        })
    };
    let on_ask = {
        let dispatch = state.dispatcher();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Ask(Some(fit::Why::Stopped))))
    };

    // Files that the system opened the page with.
    use_effect_with((), {
        let on_open = on_open.clone();
        let dispatch = state.dispatcher();
        move |()| {
            outside::on_files(move |picked| match picked {
                Some(picked) => on_open.emit(picked),
                None => dispatch.dispatch(Action::Trouble(Some(NOT_HANDED_OVER.into()))),
            })
        }
    });

    // A trace that is too large leaves the page with an offer; its workers hold memory for nothing.
    use_effect_with(state.stage.clone(), {
        let engine = engine.clone();
        move |stage| {
            if *stage == Stage::Asking
                && let Some(old) = engine.borrow_mut().take()
            {
                old.stop();
            }
        }
    });

    use_effect_with(state.stage.clone(), |stage| {
        set_page_state(match stage {
            Stage::Empty => PageState::Empty,
            Stage::Loading => PageState::Loading,
            Stage::Asking => PageState::Asking,
            Stage::Ready => PageState::Ready,
            Stage::Failed => PageState::Failed,
        });
    });
    use_effect_with(state.place.clone(), |place| {
        hash::replace(&place.to_hash());
        theme::apply(place.theme);
    });

    let redraw = use_force_update();
    use_effect_with((), move |()| {
        let listener = theme::system_dark()
            .map(|query| Listener::new(&query, "change", move |_: Event| redraw.force_update()));
        move || drop(listener)
    });

    // Listeners of the whole window: drop and paste anywhere, links, keys.
    use_effect_with((), {
        let (dispatch, dropping, on_open) = (state.dispatcher(), dropping.clone(), on_open.clone());
        let (help, searching) = (help.clone(), searching.clone());
        move |()| {
            let mut listeners = Vec::new();
            if let Some(window) = web_sys::window() {
                for kind in ["dragenter", "dragover"] {
                    let dropping = dropping.clone();
                    listeners.push(Listener::new(&window, kind, move |event: DragEvent| {
                        if carries_files(event.data_transfer()) {
                            event.prevent_default();
                            dropping.set(takes_files());
                        }
                    }));
                }
                listeners.push(Listener::new(&window, "dragleave", {
                    let dropping = dropping.clone();
                    // Leaving the window has no element to go to.
                    move |event: DragEvent| {
                        if event.related_target().is_none() {
                            dropping.set(false);
                        }
                    }
                }));
                listeners.push(Listener::new(&window, "drop", {
                    let on_open = on_open.clone();
                    move |event: DragEvent| {
                        event.prevent_default();
                        dropping.set(false);
                        if let Some(entries) = Picked::folders_of(event.data_transfer().as_ref()) {
                            let on_open = on_open.clone();
                            files::walk(entries, move |picked| on_open.emit(picked));
                            return;
                        }
                        let picked = Picked::of_transfer(event.data_transfer());
                        if !picked.is_empty() && takes_files() {
                            on_open.emit(picked);
                        }
                    }
                }));
                listeners.push(Listener::new(&window, "paste", move |event: ClipboardEvent| {
                    let picked = Picked::of_transfer(event.clipboard_data());
                    if !picked.is_empty() && takes_files() {
                        event.prevent_default();
                        on_open.emit(picked);
                    }
                }));
                listeners.push(Listener::new(&window, "hashchange", {
                    let dispatch = dispatch.clone();
                    move |_: Event| dispatch.dispatch(Action::Hash(Place::from_hash(&hash::get())))
                }));
                listeners.push(Listener::new(&window, "keydown", move |event: KeyboardEvent| {
                    if is_typing(&event) || event.ctrl_key() || event.meta_key() || event.alt_key() {
                        return;
                    }
                    match event.key().as_str() {
                        "/" => {
                            event.prevent_default();
                            searching.set(true);
                        }
                        "?" => help.set(true),
                        key => {
                            // From 1 on: the views, in the order of their tabs.
                            if let Some(nth) = key.parse::<usize>().ok().and_then(|n| n.checked_sub(1)) {
                                dispatch.dispatch(Action::NthView(nth));
                            }
                        }
                    }
                }));
            }
            move || drop(listeners)
        }
    });

    let on_theme = {
        let dispatch = state.dispatcher();
        let chosen = state.place.theme;
        Callback::from(move |()| {
            dispatch.dispatch(Action::Theme(match theme::shown(chosen) {
                Theme::Dark => Theme::Light,
                Theme::Light => Theme::Dark,
            }));
        })
    };
    let on_help = {
        let help = help.clone();
        Callback::from(move |open: bool| help.set(open))
    };
    let on_search = {
        let searching = searching.clone();
        Callback::from(move |open: bool| searching.set(open))
    };
    let on_report = {
        let (engine, dispatch) = (state.engine.clone(), state.dispatcher());
        Callback::from(move |format: &'static str| {
            let Some(engine) = &engine else { return };
            let dispatch = dispatch.clone();
            engine.ask(
                Question::Report {
                    format: format.into(),
                },
                move |answer| {
                    dispatch.dispatch(Action::Trouble(saved(format, answer)));
                },
            );
        })
    };
    let on_cut = {
        let cutting = cutting.clone();
        Callback::from(move |offer: Option<cut::Offer>| cutting.set(offer))
    };
    let on_moved = {
        let dispatch = state.dispatcher();
        Callback::from(move |window| dispatch.dispatch(Action::Moved(window)))
    };
    let on_picked = {
        let dispatch = state.dispatcher();
        Callback::from(move |slice| dispatch.dispatch(Action::Picked(slice)))
    };

    let on_classified = {
        let dispatch = state.dispatcher();
        Callback::from(move |(rules, summary)| dispatch.dispatch(Action::Classified(rules, summary)))
    };
    // Rules that the reader has made hold for the files opened after, too.
    use_effect_with(state.stage.clone(), {
        let (engine, rules, dispatch) = (state.engine.clone(), state.rules.clone(), state.dispatcher());
        move |stage| {
            if let (Stage::Ready, Some(engine), Some(rules)) = (stage, engine, rules) {
                let asked = rules.clone();
                engine.ask(Question::Classify { rules }, move |answer| {
                    if let Answer::Classified(summary) = answer {
                        dispatch.dispatch(Action::Classified(asked, summary));
                    }
                });
            }
        }
    });

    let ready = state.stage == Stage::Ready;
    let dark = theme::shown(state.place.theme) == Theme::Dark;
    let view = match (&state.summary, &state.engine) {
        (Some(summary), Some(engine)) => {
            let summary = summary.clone();
            let engine = engine.clone();
            let place = &state.place;
            match place.view {
                View::Overview => html! { <overview::Overview {summary} {engine} {ready} {dark} /> },
                View::Gaps => html! { <gaps::GapsView {summary} kind={place.gaps} /> },
                View::Device => {
                    html! { <device::Device {summary} {engine} {ready} {on_classified} /> }
                }
                View::Recompiles => html! { <recompiles::Recompiles {summary} /> },
                View::Operators => html! { <operators::Operators {summary} {engine} {ready} /> },
                View::Memory if ready => html! { <memory::Memory {summary} {engine} {dark} /> },
                View::Stacks if ready => html! {
                    <stacks::Stacks {summary} {engine} window={place.window} step={place.step} {dark} />
                },
                View::Workers if ready => html! { <workers::WorkersView {summary} {on_worker} /> },
                View::Tables if ready => html! { <tables::Tables {summary} {engine} /> },
                View::Steps if ready => {
                    html! { <steps::Steps {summary} {engine} selected={place.step} {dark} /> }
                }
                View::Timeline if ready => html! {
                    <timeline::Timeline {summary} {engine} window={place.window} mark={place.mark} slice={place.slice}
                        reveal={state.reveal} revealed={state.revealed} {dark} {on_moved} {on_picked} on_cut={on_cut.reform(Some)} />
                },
                View::Steps | View::Timeline | View::Stacks | View::Memory | View::Workers | View::Tables => {
                    html! { <p class="empty">{ "This view opens when the whole file has been read." }</p> }
                }
            }
        }
        _ => html! {},
    };
    let on_start = matches!(state.stage, Stage::Empty | Stage::Failed | Stage::Asking);
    // Until the reader moves it, the timeline shows what it starts with.
    let home = state.summary.as_ref().and_then(|s| s.home.or(s.extent));
    let shown_window = state.place.window.or(home);
    let stopped = state.summary.as_ref().and_then(|s| s.stopped.clone());
    let file = state.files.iter().map(|f| f.name.as_str()).collect::<Vec<_>>();
    let file = words::files(&file);
    html! {
        <ContextProvider<host::Host> context={(*host).clone()}>
        <ContextProvider<perfetto::Perfetto> context={perfetto}>
            <installed::Update open={!on_start} />
            <head::Head summary={state.summary.clone()} view={state.place.view} window={shown_window} {chrome} {ready} sample={state.files.is_empty()} on_open={on_open.clone()}
                on_theme={on_theme} on_help={on_help.clone()} on_search={on_search.clone()} {on_report} on_cut={on_cut.reform(|()| Some(cut::Offer::default()))} on_close={close.clone()} />
            if let Some(trouble) = state.trouble.clone().filter(|_| !on_start) {
                <p class="trouble" role="alert"><b>{ "✕ " }</b>{ trouble }</p>
            }
            if ready { <perfetto::PerfettoSays /> }
            if state.stage == Stage::Loading {
                <loading::Loading files={state.files.clone()} progress={state.progress} on_cancel={close} />
            }
            if on_start && chrome == Chrome::Embedded {
                <start::Waiting trouble={state.trouble.clone()} reload_helps={state.reload_helps} />
            } else if on_start {
                <start::Start trouble={state.trouble.clone()} reload_helps={state.reload_helps} {on_open} {on_sample} />
            } else {
                if let Some(stopped) = &stopped {
                    <p class="trouble stopped" role="status">
                        <b>{ "Not all of it. " }</b>{ fit::stopped(stopped) }{ " " }
                        <button type="button" onclick={on_ask}>{ "Choose what to load…" }</button>
                    </p>
                }
                <main class={classes!("view", format!("view-{}", state.place.view.id()))}>
                    <h1 class="heard">{ head::title(state.place.view) }</h1>
                    { view }
                </main>
            }
            if let (Some(why), Some(estimate)) = (state.asking, state.estimate.clone()) {
                <fit::Fit {why} {file} {estimate} selection={state.selection.clone()} {on_choice} on_close={on_asked_enough} />
            }
            if *searching {
                if let (Some(engine), true) = (&state.engine, ready) {
                    <search::Search engine={engine.clone()} on_close={on_search.reform(|()| false)} />
                }
            }
            if let (Some(offer), Some(engine), Some(summary), true) = (&*cutting, &state.engine, &state.summary, ready) {
                <cut::CutDialog summary={summary.clone()} engine={engine.clone()} offer={offer.clone()} on_close={on_cut.reform(|()| None)} />
            }
            if *help {
                <help::Help summary={state.summary.clone()} on_close={on_help.reform(|()| false)} />
            }
            if *dropping {
                <div class="drop-overlay" aria-hidden="true"><p>{ "Drop to open" }</p></div>
            }
            { consent }
        </ContextProvider<perfetto::Perfetto>>
        </ContextProvider<host::Host>>
    }
}

/// Whether the reader may drop and paste files: in a frame, they are its host's business.
fn takes_files() -> bool {
    Place::from_hash(&hash::get()).chrome != Chrome::Embedded
}

/// What a trace may take, where the hash does not say otherwise.
fn limit_bytes() -> u64 {
    let place = Place::from_hash(&hash::get());
    place
        .memory_mb
        .map_or(LIMIT_BYTES, |mb| u64::from(mb) * 1_000_000)
}

/// Saves a report as a file; else says why not.
fn saved(format: &str, answer: Answer) -> Option<AttrValue> {
    match answer {
        Answer::Report { file_name, text } => {
            let kind = match format {
                "json" => "application/json",
                "markdown" => "text/markdown",
                "text" => "text/plain",
                _ => "text/csv",
            };
            let why = download::save(&file_name, kind, &text).err()?;
            Some(format!("The report could not be saved: {why:?}.").into())
        }
        Answer::Nothing { why } => Some(format!("The report could not be made: {why}.").into()),
        _ => None,
    }
}

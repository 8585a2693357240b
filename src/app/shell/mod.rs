//! The whole page: what listens to the reader and to other windows, and the parts that are shown.

mod comparing;
pub mod cut;
mod dialogs;
mod drop_and_paste;
pub mod head;
pub mod help;
pub mod installed;
pub mod keyboard;
pub mod loading;
pub mod memory_budget;
mod offered;
mod open_again;
mod open_inputs;
pub mod palette;
mod reading_ranks;
pub mod recording_help;
mod reports;
mod route;
mod rules;
pub mod search;
mod sent_to_perfetto;
pub mod start;
pub mod state;
mod views;

use yew::prelude::*;

use crate::app::companion::host_page::{Host, use_host};
use crate::app::companion::perfetto::{Perfetto, PerfettoSays, use_perfetto};
use crate::app::components::ask::About;
use crate::app::shell::cut::Offer;
use crate::app::shell::memory_budget::Why;
use crate::app::shell::start::{Start, Waiting};
use crate::app::shell::state::{Action, Stage, State};
use crate::protocol::engine::{PAGE, Question};
use crate::view::commands::{Command, Place};
use crate::view::route::Chrome;
use crate::web::workers::Workers;
use comparing::{Comparing, use_comparing};
use dialogs::{Dialogs, use_dialogs};
use drop_and_paste::use_drop_and_paste;
use keyboard::use_keyboard;
use offered::{Offered, use_offered};
use open_again::use_opened_last;
use open_inputs::{Opening, use_files_of_the_system, use_opening};
use palette::Choice;
use reading_ranks::{ReadingRanks, use_reading_ranks};
use route::{use_page_state, use_route, use_title};
use rules::use_rules;

#[derive(Properties, PartialEq)]
pub struct AppProps {
    pub workers: Workers,
}

#[component]
pub fn App(props: &AppProps) -> Html {
    let state = use_reducer(State::at_start);
    let dialogs = use_dialogs();
    let host = use_state(Host::new);
    let opening = use_opening(&props.workers, &state, &host);
    let comparing = use_comparing(&props.workers, &state);
    let ranks = use_reading_ranks(&props.workers, &state, opening.last());
    let perfetto = use_perfetto(sent_to_perfetto::sent(&state, opening.last()));
    let consent = use_host(&host, &state, &opening.on_posted(), {
        let talk = perfetto.talk();
        move |windows, peer| talk.answered(windows, peer)
    });
    let shared = use_files_of_the_system(&opening);
    use_page_state(&state.stage);
    use_opened_last(&state.stage, opening.last());
    use_route(&state);
    let offered = use_offered(&state);
    let dropping = use_drop_and_paste(&offered.on_drop(opening.on_open()));
    use_title(state.summary.as_ref().map(|summary| summary.file.clone()));
    let on_close = offered.on_close(opening.on_close());
    let on_choice = on_choice(&state, &dialogs, &on_close);
    use_keyboard(&state.dispatcher(), &on_choice.reform(Choice::Command));
    use_rules(&state);
    html! {
        <ContextProvider<Host> context={(*host).clone()}>
        <ContextProvider<Perfetto> context={perfetto}>
        <ContextProvider<About> context={About(state.summary.clone())}>
            { top(&state, &opening, &comparing, &offered, &dialogs) }
            { body(&state, &opening, &ranks, &dialogs) }
            { dialogs.show(&state, &opening, &on_choice) }
            if dropping {
                <div class="drop-overlay" aria-hidden="true"><p>{ "Drop to open" }</p></div>
            }
            { consent }
            { shared }
            { offered.show(&state, &opening, &comparing) }
        </ContextProvider<About>>
        </ContextProvider<Perfetto>>
        </ContextProvider<Host>>
    }
}

/// Does what is chosen, by its key or in the list of all commands.
fn on_choice(
    state: &UseReducerHandle<State>,
    dialogs: &Dialogs,
    on_close: &Callback<()>,
) -> Callback<Choice> {
    let (state, dialogs, on_close) = (state.clone(), dialogs.clone(), on_close.clone());
    Callback::from(move |choice| {
        let command = match choice {
            Choice::View(view) => {
                return state.dispatch(Action::Go(view));
            }
            Choice::Command(command) => command,
        };
        let is_open = state.stage == Stage::Ready;
        if command.place() != Place::Page && !is_open {
            return;
        }
        let report = |format: &str| {
            reports::on_report(&state).emit(Question::Report {
                format: format.to_owned(),
            });
        };
        match command {
            Command::Palette => dialogs.on_palette().emit(true),
            Command::Search => dialogs.on_search().emit(true),
            Command::Help => dialogs.on_help().emit(true),
            Command::Theme => route::on_theme(&state).emit(()),
            Command::CutOut => dialogs.on_cut().emit(Some(Offer::default())),
            Command::ReportHtml => report(PAGE),
            Command::ReportJson => report("json"),
            Command::ReportMarkdown => report("markdown"),
            Command::ReportText => report("text"),
            Command::CloseFile => on_close.emit(()),
            Command::PreviousStep => state.dispatch(Action::StepBy(-1)),
            Command::NextStep => state.dispatch(Action::StepBy(1)),
            of_timeline => state.dispatch(Action::Command(Some(of_timeline))),
        }
    })
}

/// Whether the page stands as it does before a file.
fn is_on_start(state: &State) -> bool {
    matches!(state.stage, Stage::Empty | Stage::Failed | Stage::Asking)
}

/// The head, what went wrong, and how far loading is.
fn top(
    state: &UseReducerHandle<State>,
    opening: &Opening,
    comparing: &Comparing,
    offered: &Offered,
    dialogs: &Dialogs,
) -> Html {
    let on_start = is_on_start(state);
    let ready = state.stage == Stage::Ready;
    let on_read = {
        let dispatch = state.dispatcher();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Trouble(None)))
    };
    // Until the reader moves it, the timeline shows what it starts with.
    let home = state.summary.as_ref().and_then(|s| s.home.or(s.extent));
    html! {
        <>
        <installed::Update open={!on_start} />
        <head::Head
            summary={state.summary.clone()} view={state.place.view} window={state.place.window.or(home)}
            chrome={state.place.chrome} {ready} sample={state.files.is_empty()}
            on_open={opening.on_open()} on_compare={comparing.on_pick()}
            on_theme={route::on_theme(state)} on_help={dialogs.on_help()}
            on_search={dialogs.on_search()} on_report={reports::on_report(state)}
            on_cut={dialogs.on_cut().reform(|()| Some(Offer::default()))}
            on_close={offered.on_close(opening.on_close())} />
        if let Some(trouble) = state.trouble.clone().filter(|_| !on_start) {
            <p class="trouble" role="alert">
                <b>{ "✕ " }</b>{ trouble }{ " " }
                <button type="button" onclick={on_read}>{ "Dismiss" }</button>
            </p>
        }
        { comparing.show() }
        if ready { <PerfettoSays /> }
        if state.stage == Stage::Loading {
            <loading::Loading
                files={state.files.clone()} progress={state.progress} on_cancel={opening.on_close()} />
        }
        </>
    }
}

/// The start page, or the view that the reader is in.
fn body(state: &UseReducerHandle<State>, opening: &Opening, ranks: &ReadingRanks, dialogs: &Dialogs) -> Html {
    let (trouble, reload_helps) = (state.trouble.clone(), state.reload_helps);
    if is_on_start(state) {
        if state.place.chrome == Chrome::Embedded {
            return html! { <Waiting {trouble} {reload_helps} /> };
        }
        let (on_open, on_sample) = (opening.on_open(), opening.on_sample());
        return html! { <Start {trouble} {reload_helps} {on_open} {on_sample} /> };
    }
    let view = state.place.view;
    html! {
        <>
        { stopped(state) }
        <main class={classes!("view", format!("view-{}", view.id()))}>
            <h1 class="heard">{ head::title(view) }</h1>
            { views::view(state, &opening.on_which(), ranks, &dialogs.on_cut()) }
        </main>
        </>
    }
}

/// That reading stopped before the end of the file.
fn stopped(state: &UseReducerHandle<State>) -> Html {
    let Some(estimate) = state.summary.as_ref().and_then(|s| s.stopped.as_ref()) else {
        return html! {};
    };
    let on_ask = {
        let dispatch = state.dispatcher();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Ask(Some(Why::Stopped))))
    };
    html! {
        <p class="trouble stopped" role="status">
            <b>{ "Not all of it. " }</b>{ memory_budget::stopped(estimate) }{ " " }
            <button type="button" onclick={on_ask}>{ "Choose what to load…" }</button>
        </p>
    }
}

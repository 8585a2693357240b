//! The view that the reader is in.

use yew::prelude::*;

use crate::app::compare;
use crate::app::compiles;
use crate::app::device;
use crate::app::gaps;
use crate::app::host::operators;
use crate::app::host::stacks;
use crate::app::memory;
use crate::app::overview;
use crate::app::ranks;
use crate::app::shell::cut::Offer;
use crate::app::shell::reading_ranks::ReadingRanks;
use crate::app::shell::reports;
use crate::app::shell::state::{Action, Stage, State};
use crate::app::steps;
use crate::app::tables;
use crate::app::timeline;
use crate::view::Which;
use crate::view::route::{Theme, View};
use crate::web::theme;

/// The view, as far as it can be shown yet.
pub fn view(
    state: &UseReducerHandle<State>,
    on_which: &Callback<Which>,
    reading_ranks: &ReadingRanks,
    on_cut: &Callback<Option<Offer>>,
) -> Html {
    let (Some(summary), Some(engine)) = (state.summary.clone(), state.engine.clone()) else {
        return html! {};
    };
    let place = &state.place;
    let ready = state.stage == Stage::Ready;
    let dark = theme::shown(place.theme) == Theme::Dark;
    let dispatch = state.dispatcher();
    let on_anew = Callback::from(move |summary| dispatch.dispatch(Action::Anew(summary)));
    match place.view {
        View::Overview => {
            html! { <overview::Overview {summary} {engine} {ready} {on_anew} on_which={on_which.clone()} /> }
        }
        View::Gaps => {
            let dispatch = state.dispatcher();
            let on_filter = Callback::from(move |filter| dispatch.dispatch(Action::Gaps(filter)));
            html! {
                <gaps::GapsView {summary} {engine} {ready} kind={place.gaps} filter={place.gap.clone()} {on_filter} />
            }
        }
        View::Device => {
            let dispatch = state.dispatcher();
            let on_classified = Callback::from(move |(rules, summary)| {
                dispatch.dispatch(Action::Classified(rules, summary));
            });
            html! { <device::Device {summary} {engine} {ready} {on_classified} /> }
        }
        View::Recompiles => html! { <compiles::Recompiles {summary} {engine} {ready} /> },
        View::Operators if ready => html! { <operators::Operators {summary} {engine} /> },
        View::Memory if ready => html! { <memory::Memory {summary} {engine} {dark} /> },
        View::Stacks if ready => html! {
            <stacks::Stacks {summary} {engine} window={place.window} step={place.step} {dark} />
        },
        View::Compare if ready => {
            html! { <compare::Compare {summary} {engine} {on_anew} on_report={reports::on_report(state)} /> }
        }
        View::Workers if ready => {
            html! {
                <ranks::RanksView {summary} {engine} on_which={on_which.clone()} on_compare={reading_ranks.on_ask()}
                                  reading={reading_ranks.show()} />
            }
        }
        View::Tables if ready => html! { <tables::Tables {summary} {engine} /> },
        View::Steps if ready => {
            let dispatch = state.dispatcher();
            let on_filter = Callback::from(move |filter| dispatch.dispatch(Action::Steps(filter)));
            html! {
                <steps::Steps {summary} {engine} selected={place.step} filter={place.steps.clone()} {on_filter}
                              {on_anew} />
            }
        }
        View::Timeline if ready => {
            let dispatch = state.dispatcher();
            let on_moved = Callback::from(move |window| dispatch.dispatch(Action::Moved(window)));
            let dispatch = state.dispatcher();
            let on_picked = Callback::from(move |slice| dispatch.dispatch(Action::Picked(slice)));
            let dispatch = state.dispatcher();
            let on_arranged = Callback::from(move |a| dispatch.dispatch(Action::Arranged(a)));
            let dispatch = state.dispatcher();
            let on_notes = Callback::from(move |notes| dispatch.dispatch(Action::Notes(notes)));
            let dispatch = state.dispatcher();
            let on_find = Callback::from(move |find| dispatch.dispatch(Action::Find(find)));
            let dispatch = state.dispatcher();
            let on_commanded = Callback::from(move |()| dispatch.dispatch(Action::Command(None)));
            html! {
                <timeline::Timeline
                    {summary} {engine} window={place.window} mark={place.mark} slice={place.slice}
                    reveal={state.reveal} revealed={state.revealed}
                    notes={place.notes.clone()} find={place.find.clone()} arrangement={state.arrangement.clone()}
                    command={state.command} {on_arranged} {on_notes} {on_find} {on_commanded}
                    {dark} {on_moved} {on_picked} on_cut={on_cut.reform(Some)} />
            }
        }
        View::Steps
        | View::Operators
        | View::Timeline
        | View::Stacks
        | View::Memory
        | View::Compare
        | View::Workers
        | View::Tables => {
            html! { <p class="empty">{ "This view opens when the whole file has been read." }</p> }
        }
    }
}

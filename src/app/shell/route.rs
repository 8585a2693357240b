//! Where the reader is, in the hash and back from it; light or dark, which is a part of it.

use web_sys::HashChangeEvent;
use yew::prelude::*;

use crate::app::shell::state::{Action, Stage, State};
use crate::base::show;
use crate::view::route::{Chrome, Route, Theme};
use crate::web::boot::{PageState, set_page_state};
use crate::web::listener::Listener;
use crate::web::{hash, theme};

/// Keeps the hash and the theme as the state has them, and follows links.
#[hook]
pub fn use_route(state: &UseReducerHandle<State>) {
    use_effect_with(state.place.clone(), |place| {
        // The theme is the reader's, not the link's; a host that set it keeps it.
        let theme = place.theme.filter(|_| place.chrome != Chrome::Full);
        let shared = Route {
            theme,
            ..place.clone()
        };
        hash::replace(&shared.to_hash());
        theme::apply(place.theme);
    });
    // Another view starts at its top, wherever the one before was scrolled to.
    use_effect_with(state.place.view, |_| {
        if let Some(window) = web_sys::window() {
            window.scroll_to_with_x_and_y(0.0, 0.0);
        }
    });
    let redraw = use_force_update();
    use_effect_with((), move |()| {
        let listener = theme::system_dark()
            .map(|query| Listener::new(&query, "change", move |_: Event| redraw.force_update()));
        move || drop(listener)
    });
    use_effect_with((), {
        let dispatch = state.dispatcher();
        move |()| {
            let listener = web_sys::window().map(|window| {
                // The event's own address: what the page wrote meanwhile, such as the timeline's window, is not
                // where the link leads.
                Listener::new(&window, "hashchange", move |event: HashChangeEvent| {
                    dispatch.dispatch(Action::Hash(Route::from_hash(hash::of(&event.new_url()))));
                })
            });
            move || drop(listener)
        }
    });
}

/// Names the window or tab after the open file.
#[hook]
pub fn use_title(file: Option<String>) {
    use_effect_with(file, |file| {
        if let Some(document) = web_sys::window().and_then(|window| window.document()) {
            document.set_title(&match file {
                Some(file) => format!("{} · Stepscope", show::plain(file)),
                None => "Stepscope".to_owned(),
            });
        }
    });
}

/// Says on the page itself how far it is, for other programs.
#[hook]
pub fn use_page_state(stage: &Stage) {
    use_effect_with(stage.clone(), |stage| {
        set_page_state(match stage {
            Stage::Empty => PageState::Empty,
            Stage::Loading => PageState::Loading,
            Stage::Asking => PageState::Asking,
            Stage::Ready => PageState::Ready,
            Stage::Failed => PageState::Failed,
        });
    });
}

/// From light to dark, or back.
pub fn on_theme(state: &UseReducerHandle<State>) -> Callback<()> {
    let (dispatch, chosen) = (state.dispatcher(), state.place.theme);
    Callback::from(move |()| {
        let other = match theme::shown(chosen) {
            Theme::Dark => Theme::Light,
            Theme::Light => Theme::Dark,
        };
        theme::remember(other);
        dispatch.dispatch(Action::Theme(other));
    })
}

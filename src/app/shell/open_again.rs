//! After the page was loaded again: which file it showed, and the way back to it, at the same place.

use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::app::shell::start::OpenButton;
use crate::app::shell::state::Stage;
use crate::base::show;
use crate::web::files::Picked;
use crate::web::opened_last::{self, Permits};

/// Notes what is shown, as long as it is.
#[hook]
pub fn use_opened_last(stage: &Stage, picked: Option<Picked>) {
    use_effect_with(stage.clone(), move |stage| {
        match (stage, picked) {
            (Stage::Ready, Some(picked)) => opened_last::keep(&picked),
            // The sample.
            (Stage::Ready, None) => opened_last::closed(),
            _ => {}
        }
    });
}

#[derive(Properties, PartialEq)]
pub struct OpenAgainProps {
    pub on_open: Callback<Picked>,
}

/// Nothing where the page showed no file before.
#[component]
pub fn OpenAgain(props: &OpenAgainProps) -> Html {
    let names = use_memo((), |()| opened_last::names().filter(|names| !names.is_empty()));
    let permits = use_state(|| None::<Permits>);
    let refused = use_state(|| false);
    use_effect_with((), {
        let (names, permits) = (names.clone(), permits.clone());
        move |()| {
            if let Some(names) = (*names).clone() {
                spawn_local(async move { permits.set(opened_last::permits(&names).await) });
            }
        }
    });
    let Some(names) = &*names else {
        return html! {};
    };
    let shown = match names.split_first() {
        Some((first, [])) => show::plain(first),
        Some((first, more)) => format!("{} and {} more", show::plain(first), more.len()),
        None => String::new(),
    };
    let button = match (*permits).clone().filter(|_| !*refused) {
        Some(permits) => {
            let (on_open, refused) = (props.on_open.clone(), refused.clone());
            let onclick = move |_: MouseEvent| {
                let (permits, on_open, refused) = (permits.clone(), on_open.clone(), refused.clone());
                spawn_local(async move {
                    match permits.open().await {
                        Some(picked) => on_open.emit(picked),
                        None => refused.set(true),
                    }
                });
            };
            html! { <button type="button" class="main" {onclick}>{ "Open it again" }</button> }
        }
        None => html! { <OpenButton label="Choose it again…" main=true on_open={props.on_open.clone()} /> },
    };
    html! {
        <p class="again" role="status">
            { "Before it was loaded again, this page showed " }<b class="name">{ shown }</b>{ ". " }
            { button }
            if *refused {
                { " The browser did not give it: it was moved, or reading it was not allowed." }
            }
        </p>
    }
}

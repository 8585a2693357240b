//! The offline copy: a notice when a newer version waits, and what the help says of it.

use yew::prelude::*;

use crate::web::installed::{self, Offline};

/// How the offline copy stands, followed.
#[hook]
pub fn use_offline() -> Offline {
    let now = use_state_eq(installed::offline);
    use_effect_with((), {
        let now = now.clone();
        move |()| {
            now.set(installed::offline());
            let watching = installed::watch(move |offline| now.set(offline));
            move || drop(watching)
        }
    });
    (*now).clone()
}

#[derive(Properties, PartialEq)]
pub struct UpdateProps {
    /// Whether a trace is open, which an update closes.
    pub open: bool,
}

/// A line that offers the newer version. It never comes by itself.
#[component]
pub fn Update(props: &UpdateProps) -> Html {
    let later = use_state_eq(|| false);
    if use_offline() != Offline::Update || *later {
        return html! {};
    }
    let on_later = Callback::from(move |_: MouseEvent| later.set(true));
    html! {
        <div class="notice" role="status" data-test="update">
            <span>
                <b>{ "A new version of Stepscope is ready. " }</b>
                { "It starts when all tabs of this one are closed, or now" }
                if props.open { { "; a file that is open is then closed" } }
                { "." }
            </span>
            <button type="button" class="main" onclick={|_| installed::update()}>{ "Reload now" }</button>
            <button type="button" onclick={on_later}>{ "Later" }</button>
        </div>
    }
}

/// What the help says about it.
#[component]
pub fn OfflineHelp() -> Html {
    let offline = use_offline();
    let version = installed::version().unwrap_or_default();
    let says = match &offline {
        Offline::Fetching => {
            "This version is being copied into the browser, so that it starts without a network.".to_owned()
        }
        Offline::Ready => "This version is kept in the browser and starts without a network.".to_owned(),
        Offline::Update => "A newer version waits until all tabs of this one are closed.".to_owned(),
        Offline::No(why) => format!("This page is not kept for times without a network: {why}."),
    };
    let kept = matches!(offline, Offline::Ready | Offline::Update);
    html! {
        <>
            <h2>{ "Without a network" }</h2>
            <p data-test="offline">{ says }{ " " }
                if kept {
                    <button type="button" onclick={|_| installed::forget()}>{ "Forget the copy" }</button>
                    { " " }
                    <a href="install.html" target="_blank" rel="noopener">{ "Install as an app…" }</a>
                }
            </p>
            <p class="soft">{ format!("Stepscope {}, build {version}", env!("CARGO_PKG_VERSION")) }</p>
        </>
    }
}

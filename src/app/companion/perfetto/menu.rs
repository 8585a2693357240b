//! The menu in the head, the line that says how it goes, and the word beside a place.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::{Doing, KEPT, Perfetto};
use crate::app::components::dialog::Dialog;
use crate::protocol::companion::message::Range;
use crate::protocol::companion::sender::{ADDRESS, Address, TOLD_MS, all_of};
use crate::view::Span;
use crate::web::kept;

const OWN_TRACKS: &str =
    "A cut-out of the window, with Stepscope's steps, gaps, compiles and findings as tracks of their own";

#[derive(Properties, PartialEq)]
pub struct PerfettoMenuProps {
    /// What the timeline shows.
    pub window: Option<Span>,
}

/// The menu in the head.
#[component]
pub fn PerfettoMenu(props: &PerfettoMenuProps) -> Html {
    let menu = use_node_ref();
    let setting = use_state_eq(|| false);
    let Some(perfetto) = use_context::<Perfetto>().filter(Perfetto::is_there) else {
        return html! {};
    };
    let close = {
        let menu = menu.clone();
        move || {
            if let Some(menu) = menu.cast::<web_sys::Element>() {
                // A menu that stays open is only untidy.
                drop(menu.remove_attribute("open"));
            }
        }
    };
    let show = |range: Option<Range>, alone: bool| {
        let (perfetto, close) = (perfetto.clone(), close.clone());
        move |_: MouseEvent| {
            close();
            perfetto.show(range, alone);
        }
    };
    let on_setting = {
        let (setting, close) = (setting.clone(), close.clone());
        move |_: MouseEvent| {
            close();
            setting.set(true);
        }
    };
    let on_close = {
        let setting = setting.clone();
        Callback::from(move |()| setting.set(false))
    };
    html! {
        <>
            <details ref={menu} class="menu perfetto-menu">
                <summary>{ "Perfetto" }</summary>
                <div class="menu-items">
                    <button type="button" onclick={show(None, false)}>{ "Open the whole trace in Perfetto" }</button>
                    if let Some(window) = props.window {
                        <button type="button" onclick={show(Some(all_of(window)), false)}>
                            { "Show the timeline's window in Perfetto" }
                        </button>
                        <button type="button" onclick={show(Some(all_of(window)), true)} title={OWN_TRACKS}>
                            { "Open the timeline's window alone" }
                        </button>
                    }
                    <button type="button" onclick={on_setting}>{ "Address of Perfetto…" }</button>
                    if let Some(told) = perfetto.told_before() {
                        <p class="hint">{ told }</p>
                    }
                </div>
            </details>
            if *setting {
                <Setting perfetto={perfetto.clone()} {on_close} />
            }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct SettingProps {
    perfetto: Perfetto,
    on_close: Callback<()>,
}

#[component]
fn Setting(props: &SettingProps) -> Html {
    let input = use_node_ref();
    let wrong = use_state_eq(|| None::<&'static str>);
    let address = props.perfetto.address();
    let onsubmit = {
        let (input, wrong) = (input.clone(), wrong.clone());
        let (perfetto, on_close) = (props.perfetto.clone(), props.on_close.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            let text = input
                .cast::<HtmlInputElement>()
                .map(|input| input.value())
                .unwrap_or_default();
            let text = if text.trim().is_empty() {
                ADDRESS.to_owned()
            } else {
                text
            };
            match Address::parse(&text) {
                Ok(address) => {
                    kept::set(KEPT, address.page());
                    perfetto.0.talk.borrow_mut().chosen = Some(address.page().to_owned());
                    on_close.emit(());
                }
                Err(why) => wrong.set(Some(why)),
            }
        }
    };
    html! {
        <Dialog class="ask" label="Address of Perfetto" on_close={props.on_close.clone()}>
            <h2>{ "Address of Perfetto" }</h2>
            <form {onsubmit}>
                <p>
                    <label for="perfetto-address">
                        { "Perfetto itself, a vendor's version of it, or your own:" }
                    </label>
                </p>
                <p>
                    <input
                        id="perfetto-address" ref={input} type="text" inputmode="url" class="address"
                        value={address.page().to_owned()}
                        aria-invalid={wrong.is_some().to_string()} aria-describedby="perfetto-says" />
                </p>
                <p id="perfetto-says" class="soft" role="status">{ wrong.map_or_else(
                    || format!("Empty is {ADDRESS}. The trace is sent to the page at this address, and to no other."),
                    |why| format!("✕ {why}.")) }</p>
                <div class="buttons">
                    <button type="submit" class="main">{ "Keep" }</button>
                    <button type="button" onclick={props.on_close.reform(|_: MouseEvent| ())}>{ "Cancel" }</button>
                </div>
            </form>
        </Dialog>
    }
}

/// How it goes with Perfetto, while there is something to say.
#[component]
pub fn PerfettoSays() -> Html {
    let Some(perfetto) = use_context::<Perfetto>() else {
        return html! {};
    };
    let end = {
        let perfetto = perfetto.clone();
        move |_: MouseEvent| perfetto.end()
    };
    let again = {
        let perfetto = perfetto.clone();
        move |_: MouseEvent| perfetto.again()
    };
    let save = {
        let perfetto = perfetto.clone();
        move |_: MouseEvent| perfetto.save_instead()
    };
    let host = perfetto.address().origin().to_owned();
    let (says, word) = match &*perfetto.0.doing {
        Doing::Nothing | Doing::Sent => return html! {},
        Doing::Calling => (format!("Waiting for {host} to answer…"), None),
        Doing::Cutting(part) => (format!("Cutting out what {host} is sent: {part} %."), None),
        Doing::Sending => (format!("Sending the trace to {host}…"), None),
        Doing::Blocked => (
            "The browser did not let this page open a window.".to_owned(),
            Some("Open Perfetto"),
        ),
        Doing::Silent => (
            format!(
                "{host} has not answered for {:.0} s. It may still be loading, ask for a sign-in, keep other pages \
                 out, or be no Perfetto. When it answers, it gets the trace; or save the file, and open it there.",
                TOLD_MS / 1000.0
            ),
            Some("Ask again"),
        ),
        Doing::Failed(why) => (why.clone(), None),
    };
    html! {
        <p class="trouble stopped perfetto-says" role="status">
            <b>{ "Perfetto. " }</b>{ says }{ " " }
            if let Some(word) = word { <button type="button" onclick={again}>{ word }</button>{ " " } }
            if *perfetto.0.doing == Doing::Silent {
                <button type="button" onclick={save}>{ "Save the file" }</button>{ " " }
            }
            <button type="button" onclick={end}>
                { match *perfetto.0.doing {
                    Doing::Calling | Doing::Cutting(_) | Doing::Sending => "Cancel",
                    _ => "Close",
                } }
            </button>
        </p>
    }
}

#[derive(Properties, PartialEq)]
pub struct InPerfettoProps {
    pub span: Span,
    /// What is shown there: `the gap of 3.1 ms`.
    pub what: AttrValue,
}

/// A quiet word beside a place of the trace: shows it in Perfetto.
#[component]
pub fn InPerfetto(props: &InPerfettoProps) -> Html {
    let Some(perfetto) = use_context::<Perfetto>().filter(Perfetto::is_there) else {
        return html! {};
    };
    let range = Range {
        span: props.span,
        share: Range::SHARE,
    };
    let label = format!("Show {} in Perfetto", props.what);
    html! {
        <button type="button" class="in-perfetto" aria-label={label.clone()} title={label}
            onclick={move |_: MouseEvent| perfetto.show(Some(range), false)}>{ "Perfetto" }</button>
    }
}

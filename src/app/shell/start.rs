//! Before a file: where to drop one, what becomes of it, how to record one.

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::app::shell::open_again::OpenAgain;
use crate::app::shell::recording_help::record;
use crate::web::files::Picked;
use crate::web::{installed, kept, opened_last};

#[derive(Properties, PartialEq)]
pub struct StartProps {
    /// Why the last file could not be read.
    pub trouble: Option<AttrValue>,
    pub reload_helps: bool,
    pub on_open: Callback<Picked>,
    pub on_sample: Callback<()>,
}

#[component]
pub fn Start(props: &StartProps) -> Html {
    let on_sample = props.on_sample.reform(|_: MouseEvent| ());
    html! {
        <main class="start">
            { not_opened(&props.trouble, props.reload_helps) }
            <OpenAgain on_open={props.on_open.clone()} />
            <section class="dropzone" aria-labelledby="drop-head">
                <h1 id="drop-head">{ "Find out where your decode steps spend their time" }</h1>
                <p>
                    { "Drop a profile of vLLM here, paste it, or " }
                    <OpenButton label="Open a file…" main=true on_open={props.on_open.clone()} />
                    { " or " }
                    <OpenButton label="a folder…" folder=true on_open={props.on_open.clone()} />
                </p>
                <p class="kinds">
                    <code>{ "vllm.*.pt.trace.json.gz" }</code>{ " " }<code>{ "server_events_*.json" }</code>{ " " }
                    <code>{ "*.pt.trace.json[.gz]" }</code>{ " " }
                    <code>{ "*_ascend_pt/" }</code>{ " " }<code>{ "*_ascend_ms/" }</code>{ " " }
                    <code>{ ".hltv" }</code>{ " " }
                    <span>{ "Folders of workers may come as they are, or as a zip or tar archive. " }</span>
                    <span>{ "A " }<code>{ "PT_HPU_METRICS_FILE" }</code>{ " may be opened beside the trace." }</span>
                </p>
                <p>
                    { "No file at hand? " }
                    <button type="button" class="sample" onclick={on_sample}>{ "Try it with a sample trace" }</button>
                </p>
            </section>
            <section class="privacy">
                <p>
                    { "Nothing is uploaded. The file is read by this page, on this machine, and the browser blocks the \
                       page from the network." }
                </p>
                <details>
                    <summary>{ "How?" }</summary>
                    <p>
                        { "When the page has started, it sets itself a content security policy that forbids every \
                           connection, for the page and for the workers that read the file. The browser holds to it; \
                           the page cannot take it back. To see it: open the developer tools, choose Network, open a \
                           file. Or start the page, disconnect from the network and keep working." }
                    </p>
                    <p>
                        { "On this machine the page keeps light or dark, the hosts that you allowed to hand it traces, and \
                           the address of your Perfetto, where you set one; of files their names, as long as the tab \
                           is open, and the browser's permit to read them again, where it gives one; nothing of what \
                           is in them. " }
                        <button type="button" onclick={|_: MouseEvent| kept::forget()}>{ "Forget these" }</button>
                    </p>
                </details>
            </section>
            { record() }
        </main>
    }
}

#[derive(Properties, PartialEq)]
pub struct WaitingProps {
    /// Why the last trace could not be read.
    pub trouble: Option<AttrValue>,
    pub reload_helps: bool,
}

/// In a frame, before its host has posted a trace.
#[component]
pub fn Waiting(props: &WaitingProps) -> Html {
    html! {
        <main class="start">
            { not_opened(&props.trouble, props.reload_helps) }
            <h1 class="heard">{ "Stepscope" }</h1>
            <p class="empty">
                { "Waiting for a trace of the page around this one. It is read here, on this machine." }
            </p>
        </main>
    }
}

/// Why the last file could not be read, and what helps.
fn not_opened(trouble: &Option<AttrValue>, reload_helps: bool) -> Html {
    let Some(trouble) = trouble else { return html! {} };
    html! {
        <p class="trouble" role="alert">
            <b>{ "✕ Not opened. " }</b>{ trouble.clone() }
            if reload_helps {
                { " " }<button type="button" class="main" onclick={|_| installed::update()}>{ "Reload" }</button>
            }
        </p>
    }
}

/// A button that opens the browser's file dialog.
#[derive(Properties, PartialEq)]
pub struct OpenButtonProps {
    pub label: AttrValue,
    #[prop_or_default]
    pub main: bool,
    /// Opens a folder with all that is in it.
    #[prop_or_default]
    pub folder: bool,
    /// What is chosen, where it is not the trace to open.
    #[prop_or_default]
    pub what: Option<AttrValue>,
    pub on_open: Callback<Picked>,
}

#[component]
pub fn OpenButton(props: &OpenButtonProps) -> Html {
    let input = use_node_ref();
    let onchange = {
        let on_open = props.on_open.clone();
        move |event: Event| {
            let picked = Picked::of_input(&event.target_unchecked_into());
            if !picked.is_empty() {
                on_open.emit(picked);
            }
        }
    };
    let onclick = {
        let (input, folder, on_open) = (input.clone(), props.folder, props.on_open.clone());
        move |_: MouseEvent| {
            let (input, on_open) = (input.clone(), on_open.clone());
            spawn_local(async move {
                // The browser's other dialog gives permits, too, where it has one.
                let picked = match folder {
                    true => Err(JsValue::NULL),
                    false => opened_last::ask().await,
                };
                match picked {
                    Ok(Some(picked)) => on_open.emit(picked),
                    Ok(None) => {}
                    Err(_) => {
                        if let Some(input) = input.cast::<web_sys::HtmlElement>() {
                            input.click();
                        }
                    }
                }
            });
        }
    };
    let label = match (&props.what, props.folder) {
        (Some(what), _) => what.clone(),
        (None, true) => "Folder of workers".into(),
        (None, false) => "Trace, and metrics file; archive".into(),
    };
    html! {
        <>
            <button type="button" class={classes!(props.main.then_some("main"))} {onclick}>
                { props.label.clone() }
            </button>
            <input
                ref={input} class={classes!("file-input", props.folder.then_some("folder-input"))}
                type="file" multiple=true webkitdirectory={props.folder} tabindex="-1"
                aria-label={label}
                {onchange} />
        </>
    }
}

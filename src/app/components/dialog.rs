//! A window over the page. The browser keeps the keyboard inside and gives it back afterwards.

use web_sys::HtmlDialogElement;
use yew::prelude::*;

use crate::web::listener::Listener;

#[derive(Properties, PartialEq)]
pub struct DialogProps {
    #[prop_or_default]
    pub class: Classes,
    /// What it is called to those who do not see it.
    pub label: AttrValue,
    pub on_close: Callback<()>,
    pub children: Html,
}

/// Open as long as it is there; Escape and a click beside it ask to close it.
#[component]
pub fn Dialog(props: &DialogProps) -> Html {
    let node = use_node_ref();
    use_effect_with(node.clone(), {
        let on_close = props.on_close.clone();
        move |node| {
            let dialog = node.cast::<HtmlDialogElement>();
            let mut listeners = Vec::new();
            if let Some(dialog) = &dialog {
                if let Err(why) = dialog.show_modal() {
                    web_sys::console::error_2(&"a dialog does not open".into(), &why);
                }
                for kind in ["cancel", "close"] {
                    let on_close = on_close.clone();
                    listeners.push(Listener::new(dialog, kind, move |_: Event| on_close.emit(())));
                }
            }
            move || {
                drop(listeners);
                // Closing gives the focus back to where it was; taking the element away would not.
                if let Some(dialog) = dialog {
                    dialog.close();
                }
            }
        }
    });
    let onkeydown = {
        let on_close = props.on_close.clone();
        move |event: KeyboardEvent| {
            if event.key() == "Escape" {
                event.prevent_default();
                event.stop_propagation();
                on_close.emit(());
            }
        }
    };
    let onclick = {
        let (node, on_close) = (node.clone(), props.on_close.clone());
        move |event: MouseEvent| {
            // The body covers all of the dialog: what hits the dialog itself hits its backdrop.
            let target = event.target_dyn_into::<HtmlDialogElement>();
            if target.is_some() && target == node.cast::<HtmlDialogElement>() {
                on_close.emit(());
            }
        }
    };
    html! {
        <dialog
            ref={node} class={classes!("dialog", props.class.clone())} aria-label={props.label.clone()}
            {onkeydown} {onclick}>
            <div class="dialog-body">{ props.children.clone() }</div>
        </dialog>
    }
}

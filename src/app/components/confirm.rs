//! A question that the reader answers by a button.

use yew::prelude::*;

use crate::app::components::dialog::Dialog;

#[derive(Properties, PartialEq)]
pub struct ConfirmProps {
    pub question: AttrValue,
    /// What is asked about, as paragraphs.
    pub children: Html,
    /// The answers, by their words. The first has the focus, and is what Escape says: the one that changes nothing.
    pub answers: Vec<(AttrValue, Callback<()>)>,
}

#[component]
pub fn Confirm(props: &ConfirmProps) -> Html {
    let first = use_node_ref();
    use_effect_with(first.clone(), |first| {
        if let Some(button) = first.cast::<web_sys::HtmlElement>() {
            // Without the focus it is a button as any other.
            drop(button.focus());
        }
    });
    let on_close = props
        .answers
        .first()
        .map(|(_, answer)| answer.clone())
        .unwrap_or_default();
    let button = |(n, (words, answer)): (usize, &(AttrValue, Callback<()>))| {
        let node = if n == 0 { first.clone() } else { NodeRef::default() };
        html! {
            <button type="button" ref={node} onclick={answer.reform(|_: MouseEvent| ())}>{ words.clone() }</button>
        }
    };
    html! {
        <Dialog class="ask" label={props.question.clone()} {on_close}>
            <h2>{ props.question.clone() }</h2>
            { props.children.clone() }
            <div class="buttons">{ for props.answers.iter().enumerate().map(button) }</div>
        </Dialog>
    }
}

//! The stretches that the reader has marked, with a note each. They are part of the link.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::base::show;
use crate::view::Span;
use crate::view::route::{MAX_NOTE_CHARS, Note};
use crate::view::timescale::seconds;

#[derive(Properties, PartialEq)]
pub struct NotesProps {
    pub notes: Vec<Note>,
    /// What shown times count from.
    pub origin_ns: i64,
    pub on_notes: Callback<Vec<Note>>,
    pub on_show: Callback<Span>,
}

#[component]
pub fn Notes(props: &NotesProps) -> Html {
    let last = use_node_ref();
    let n_before = use_mut_ref(|| props.notes.len());
    // A mark that was just made waits for its note.
    use_effect_with(props.notes.len(), {
        let last = last.clone();
        move |&n| {
            if n > n_before.replace(n)
                && let Some(input) = last.cast::<HtmlInputElement>()
            {
                drop(input.focus());
            }
        }
    });
    if props.notes.is_empty() {
        return html! {};
    }
    let n = props.notes.len();
    html! {
        <ol class="tl-notes" aria-label="Marks">
            { for props.notes.iter().enumerate().map(|(i, note)| {
                let node = if i + 1 == n { last.clone() } else { NodeRef::default() };
                one(props, i, note, node)
            }) }
        </ol>
    }
}

fn one(props: &NotesProps, i: usize, note: &Note, node: NodeRef) -> Html {
    let number = i + 1;
    let on_show = {
        let (on_show, span) = (props.on_show.clone(), note.span);
        move |_: MouseEvent| on_show.emit(span)
    };
    let onchange = {
        let (notes, on_notes) = (props.notes.clone(), props.on_notes.clone());
        move |event: Event| {
            let mut notes = notes.clone();
            notes[i].text = event.target_unchecked_into::<HtmlInputElement>().value();
            on_notes.emit(notes);
        }
    };
    let onkeydown = move |event: KeyboardEvent| {
        if matches!(event.key().as_str(), "Enter" | "Escape") {
            event.stop_propagation();
            drop(event.target_unchecked_into::<HtmlInputElement>().blur());
        }
    };
    let remove = {
        let (notes, on_notes) = (props.notes.clone(), props.on_notes.clone());
        move |_: MouseEvent| {
            let mut notes = notes.clone();
            notes.remove(i);
            on_notes.emit(notes);
        }
    };
    let start = seconds(note.span.start.saturating_sub(props.origin_ns));
    let length = show::duration(note.span.len_ns());
    html! {
        <li>
            <button type="button" class="note-number" onclick={on_show} title={format!("{length} from {start}")}
                aria-label={format!("Show mark {number}: {length} from {start}")}>{ number }</button>
            <input type="text" ref={node} value={note.text.clone()} maxlength={MAX_NOTE_CHARS.to_string()}
                placeholder="note" aria-label={format!("Note of mark {number}")} {onchange} {onkeydown} />
            <span class="num soft">{ length.clone() }</span>
            <button type="button" class="plain-button" onclick={remove}
                aria-label={format!("Remove mark {number}")}>{ "✕" }</button>
        </li>
    }
}

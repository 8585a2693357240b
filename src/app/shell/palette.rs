//! All commands and views in one list: type, choose, done.

use web_sys::{HtmlInputElement, ScrollIntoViewOptions, ScrollLogicalPosition};
use yew::prelude::*;

use crate::app::components::dialog::Dialog;
use crate::app::shell::head::title;
use crate::view::commands::{Command, Place, matching};
use crate::view::route::{Fills, View};

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    View(View),
    Command(Command),
}

#[derive(Properties, PartialEq)]
pub struct PaletteProps {
    /// What the open trace fills; `None`: none is open.
    pub fills: Option<Fills>,
    pub on_choice: Callback<Choice>,
    pub on_close: Callback<()>,
}

/// All choices with what each says and its key.
fn choices(fills: Option<Fills>) -> Vec<(Choice, String, String)> {
    let mut all = Vec::new();
    if let Some(fills) = fills {
        for (view, number) in View::of_trace(fills).zip(1u32..) {
            // Behind the ninth there is no key.
            let key = if number <= 9 {
                number.to_string()
            } else {
                String::new()
            };
            all.push((Choice::View(view), format!("go to {}", title(view)), key));
        }
    }
    let can = |command: &Command| command.place() == Place::Page || fills.is_some();
    let commands = Command::ALL
        .into_iter()
        .filter(|command| *command != Command::Palette);
    all.extend(
        commands
            .filter(can)
            .map(|command| (Choice::Command(command), command.says(), command.shown_keys())),
    );
    all
}

#[component]
pub fn Palette(props: &PaletteProps) -> Html {
    let typed = use_state_eq(String::new);
    let chosen = use_state_eq(|| 0usize);
    let choices = choices(props.fills);
    let texts: Vec<String> = choices.iter().map(|(_, says, _)| says.clone()).collect();
    let found = matching(&texts, &typed);
    let at = (*chosen).min(found.len().saturating_sub(1));
    use_effect_with((at, (*typed).clone()), |(at, _)| bring_into_view(*at));
    let pick = |place: usize| {
        let choice = choices[place].0;
        let (on_choice, on_close) = (props.on_choice.clone(), props.on_close.clone());
        Callback::from(move |()| {
            on_close.emit(());
            on_choice.emit(choice);
        })
    };
    let oninput = {
        let (typed, chosen) = (typed.clone(), chosen.clone());
        move |event: InputEvent| {
            typed.set(event.target_unchecked_into::<HtmlInputElement>().value());
            chosen.set(0);
        }
    };
    let onkeydown = {
        let (chosen, n) = (chosen.clone(), found.len());
        let enter = found.get(at).map(|&place| pick(place));
        move |event: KeyboardEvent| {
            match event.key().as_str() {
                "ArrowDown" => chosen.set((at + 1).min(n.saturating_sub(1))),
                "ArrowUp" => chosen.set(at.saturating_sub(1)),
                "Enter" => {
                    if let Some(enter) = &enter {
                        enter.emit(());
                    }
                }
                _ => return,
            }
            event.prevent_default();
        }
    };
    html! {
        <Dialog class="palette" label="Commands" on_close={props.on_close.clone()}>
            <input
                type="text" autofocus=true placeholder="what to do" role="combobox" aria-expanded="true"
                aria-controls="palette-list" aria-autocomplete="list" aria-label="Command"
                aria-activedescendant={(!found.is_empty()).then(|| row_id(at))} {oninput} {onkeydown} />
            <ul id="palette-list" role="listbox" aria-label="Commands">
                { for found.iter().enumerate().map(|(i, &place)| {
                    let (_, says, key) = &choices[place];
                    let pick = pick(place);
                    html! {
                        <li id={row_id(i)} role="option" aria-selected={(i == at).to_string()}
                            class={classes!((i == at).then_some("here"))} onclick={move |_: MouseEvent| pick.emit(())}>
                            <span>{ says }</span>
                            if !key.is_empty() { <kbd>{ key }</kbd> }
                        </li>
                    }
                }) }
            </ul>
            if found.is_empty() { <p class="empty" role="status">{ "No command is called so." }</p> }
        </Dialog>
    }
}

fn row_id(i: usize) -> String {
    format!("command-{i}")
}

/// Scrolls to a line, if it is out of sight.
fn bring_into_view(i: usize) {
    let row = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id(&row_id(i)));
    if let Some(row) = row {
        let options = ScrollIntoViewOptions::new();
        options.set_block(ScrollLogicalPosition::Nearest);
        row.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

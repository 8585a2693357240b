//! A trace that does not fit into memory: what can be loaded instead.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::app::components::dialog::Dialog;
use crate::app::components::same_rc::SameRc;
use crate::base::show;
use crate::view::timescale::whole_ns;
use crate::view::{CategoryShare, Estimate, Over, PYTHON, Selection, Span, Which};

/// Why the reader is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is not going to fit.
    TooLarge,
    /// Reading stopped where memory was full.
    Stopped,
    /// The worker died with much memory.
    Died,
}

/// What to load.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    pub selection: Selection,
    pub over: Over,
    /// Of several traces the one to open; `None`: the one that is open, else the first.
    pub which: Option<Which>,
}

impl Choice {
    /// For a file that was not open before.
    pub fn of_new_file() -> Choice {
        Choice {
            which: Some(Which::default()),
            ..Choice::default()
        }
    }
}

#[derive(Properties, PartialEq)]
pub struct FitProps {
    pub why: Why,
    /// The file's name.
    pub file: AttrValue,
    pub estimate: SameRc<Estimate>,
    /// What was asked for so far.
    pub selection: Selection,
    pub on_choice: Callback<Choice>,
    pub on_close: Callback<()>,
}

/// Besides python stacks, so many categories are offered …
const OFFERED: usize = 3;
/// … of at least this part of the memory.
const LARGE: f64 = 0.05;

#[component]
pub fn MemoryBudget(props: &FitProps) -> Html {
    let estimate = &props.estimate;
    let choose = |selection: Selection, over: Over| {
        let choice = Choice {
            selection,
            over,
            which: None,
        };
        props.on_choice.reform(move |_: MouseEvent| choice.clone())
    };
    let without = |share: &CategoryShare| {
        let mut selection = props.selection.clone();
        selection.leave_out.push(share.category.clone());
        // Where the part cannot tell what the choice saves, reading goes on as far as memory does.
        let over = if selection.window.is_some() || share.events == 0 {
            Over::Stop
        } else {
            Over::Ask
        };
        choose(selection, over)
    };
    let large = estimate
        .categories
        .iter()
        .filter(|share| share.bytes as f64 >= LARGE * estimate.part_bytes as f64);
    let (python, others): (Vec<_>, Vec<_>) = large.partition(|share| share.is_python());
    // Torch's profiler writes python frames behind all operators, so that the first part may have none yet.
    let no_python_yet = python.is_empty() && !props.selection.leave_out.iter().any(|c| c == PYTHON);
    let leave_out = python.into_iter().chain(others.into_iter().take(OFFERED));
    let first_part = show_part(estimate.fitting_part());
    let read_again = props.why == Why::Stopped;
    html! {
        <Dialog class="fit" label={title(props.why)} on_close={props.on_close.clone()}>
            <div class="panel-head">
                <h2>{ title(props.why) }</h2>
                <button type="button" onclick={props.on_close.reform(|_| ())}>
                    { if props.why == Why::TooLarge { "Open nothing" } else { "Close" } }
                </button>
            </div>
            <p class="fit-says">{ says(props.why, &props.file, estimate) }</p>
            <ul class="choices">
                if no_python_yet {
                    { choice(
                        "Leave out python stacks",
                        "None or few so far, but profilers write them behind other events. Python functions will be \
                         missing from tables and timeline, and steps that only they mark.",
                        None,
                        estimate,
                        without(&CategoryShare { category: PYTHON.to_owned(), ..CategoryShare::default() }),
                        true,
                    ) }
                }
                { for leave_out.enumerate().map(|(i, share)| {
                    let (label, means) = offer(share, estimate);
                    let bytes = Some(estimate.without_bytes(share));
                    choice(&label, &means, bytes, estimate, without(share), i == 0 && !no_python_yet)
                }) }
                if let Some(fits) = estimate.fitting_times() {
                    <Stretch
                        estimate={estimate.clone()} {fits}
                        selection={props.selection.clone()} on_choice={props.on_choice.clone()} />
                }
                if !read_again {
                    { choice(
                        "Load the first part that fits",
                        &format!("Reading stops when memory is full, after about {first_part} of the file."),
                        Some(estimate.limit_bytes.min(estimate.most_bytes())),
                        estimate,
                        choose(props.selection.clone(), Over::Stop),
                        false,
                    ) }
                }
                { choice(
                    "Load all of it anyway",
                    "The page may run out of memory. It then says so, and nothing else is lost.",
                    Some(estimate.predicted_bytes()),
                    estimate,
                    choose(props.selection.clone(), Over::Try),
                    false,
                ) }
            </ul>
        </Dialog>
    }
}

fn title(why: Why) -> &'static str {
    match why {
        Why::TooLarge => "This trace is larger than memory",
        Why::Stopped => "Not all of this trace fits",
        Why::Died => "Probably out of memory",
    }
}

fn says(why: Why, file: &str, estimate: &Estimate) -> String {
    let part = show_part(estimate.part());
    let predicted = estimate.predicted_says();
    let limit = show::bytes(estimate.limit_bytes);
    match why {
        Why::TooLarge => format!(
            "Going by its first {part}, {file} would take {predicted} of memory; there is room for {limit}. What shall be loaded?"
        ),
        Why::Stopped => format!(
            "{file} was read up to {part}, where the {limit} that there is room for were full. What was asked for would take {predicted}."
        ),
        Why::Died => format!(
            "Going by its first {part}, {file} would take {predicted} of memory. What shall be loaded?"
        ),
    }
}

/// How far a trace was read that stopped there.
pub fn stopped(estimate: &Estimate) -> String {
    let until = match estimate.times {
        Some(times) => format!(", {} from the start", show::duration(times.len_ns())),
        None => String::new(),
    };
    format!(
        "Reading stopped at {} of the file{until}, where the {} that there is room for were full; the rest of the trace is missing.",
        show_part(estimate.part()),
        show::bytes(estimate.limit_bytes)
    )
}

/// What an offer to leave a category out is called, and what that means.
fn offer(share: &CategoryShare, estimate: &Estimate) -> (String, String) {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let events = show::percent(signed(share.events), signed(estimate.events));
    let of_events = format!("{events} of the events so far.");
    if share.is_python() {
        let means = format!(
            "{of_events} Python functions will be missing from tables and timeline, and steps that only they mark."
        );
        return ("Leave out python stacks".to_owned(), means);
    }
    let label = if share.category.is_empty() {
        "Leave out events without category".to_owned()
    } else {
        format!("Leave out “{}”", share.category)
    };
    let means = format!("{of_events} What rests on them will be missing.");
    (label, means)
}

fn show_part(part: f64) -> String {
    show::percent(whole_ns(part * 1e6), 1_000_000)
}

fn size(bytes: Option<u64>, estimate: &Estimate) -> Html {
    let Some(bytes) = bytes else {
        return html! { <span class="choice-size">{ "not known yet" }</span> };
    };
    html! {
        <span class="choice-size num">
            { format!("about {}", show::bytes(bytes)) }
            if bytes > estimate.limit_bytes { <small class="choice-over">{ "more than there is" }</small> }
        </span>
    }
}

fn choice(
    label: &str,
    means: &str,
    bytes: Option<u64>,
    estimate: &Estimate,
    onclick: Callback<MouseEvent>,
    main: bool,
) -> Html {
    html! {
        <li class="choice">
            <button type="button" class={classes!(main.then_some("main"))} autofocus={main} {onclick}>
                { label.to_owned() }
            </button>
            { size(bytes, estimate) }
            <p class="hint">{ means.to_owned() }</p>
        </li>
    }
}

#[derive(Properties, PartialEq)]
struct StretchProps {
    estimate: SameRc<Estimate>,
    /// What is offered at first.
    fits: Span,
    selection: Selection,
    on_choice: Callback<Choice>,
}

/// A stretch of time, in ms from the start of the trace.
#[component]
fn Stretch(props: &StretchProps) -> Html {
    let StretchProps { estimate, fits, .. } = props;
    let origin = fits.start;
    let from = use_state_eq(|| "0".to_owned());
    let to = use_state_eq(|| (fits.len_ns() / 1_000_000).max(1).to_string());
    let at = |text: &str| text.trim().parse::<f64>().ok().filter(|ms| *ms >= 0.0);
    let window = at(&from)
        .zip(at(&to))
        .map(|(from, to)| {
            let time = |ms: f64| origin.saturating_add(whole_ns(ms * 1e6));
            Span::new(time(from), time(to))
        })
        .filter(|window| !window.is_empty());
    let load = {
        let (selection, on_choice) = (props.selection.clone(), props.on_choice.clone());
        move || {
            if window.is_some() {
                on_choice.emit(Choice {
                    selection: Selection {
                        window,
                        ..selection.clone()
                    },
                    over: Over::Stop,
                    which: None,
                });
            }
        }
    };
    let onclick = {
        let load = load.clone();
        move |_: MouseEvent| load()
    };
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        if event.key() == "Enter" {
            event.prevent_default();
            load();
        }
    });
    let input = |label: &'static str, text: &UseStateHandle<String>| {
        let value = (**text).clone();
        let text = text.clone();
        let oninput = move |event: InputEvent| {
            text.set(event.target_unchecked_into::<HtmlInputElement>().value());
        };
        html! {
            <label>
                { label }{ " " }
                <input type="number" min="0" step="any" {value} {oninput} onkeydown={onkeydown.clone()} />{ " ms" }
            </label>
        }
    };
    let whole = estimate.whole_times().map_or(0, Span::len_ns);
    let covers = if estimate.window.is_some() {
        format!("{} were asked for. ", show::duration(whole))
    } else if estimate.in_time_order {
        format!(
            "The trace seems to last {}, if it goes on in order of time. ",
            show::duration(whole)
        )
    } else {
        format!("The events so far cover {}. ", show::duration(whole))
    };
    html! {
        <li class="choice">
            <div class="stretch">
                <button type="button" disabled={window.is_none()} {onclick}>{ "Load this stretch of time" }</button>
                { input("from", &from) }
                { input("to", &to) }
            </div>
            if let Some(window) = window { { size(Some(estimate.window_bytes(window)), estimate) } }
            <p class="hint">
                { covers }
                { "Times count from the earliest event so far; slices that overlap the stretch are kept whole." }
            </p>
        </li>
    }
}

//! Saving a cut-out: which stretch, which tracks, which categories; then how far it is.

use rustc_hash::FxHashSet;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::app::components::dialog::Dialog;
use crate::app::components::same_rc::SameRc;
use crate::base::order;
use crate::base::show;
use crate::view::timescale::whole_ns;
use crate::view::{CutFacts, CutRequest, Span, Summary};
use crate::web::download;
use crate::web::engine::Engine;

/// What the dialog offers at first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offer {
    /// `None`: the whole trace.
    pub window: Option<Span>,
    /// Tracks that may be chosen in place of all, and what they are called: `"the 3 tracks of the area"`.
    pub tracks: Option<(Vec<u32>, AttrValue)>,
}

/// So many categories can be left out one by one, the largest.
const OFFERED: usize = 12;

#[derive(Clone, Debug, PartialEq)]
enum Doing {
    Choosing,
    /// The part of the file that has been read again.
    Writing(f64),
    Written(CutFacts),
    Failed(AttrValue),
}

#[derive(Properties, PartialEq)]
pub struct CutProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub offer: Offer,
    pub on_close: Callback<()>,
}

#[component]
pub fn CutDialog(props: &CutProps) -> Html {
    let extent = props.summary.extent.unwrap_or_default();
    let asked = props.offer.window.unwrap_or(extent).intersect(extent);
    let ms = |ns: i64| format!("{}", ns as f64 / 1e6);
    let from = use_state_eq(|| ms(asked.start - extent.start));
    let to = use_state_eq(|| ms(asked.end - extent.start));
    let only_tracks = use_state_eq(|| false);
    let own_tracks = use_state_eq(|| true);
    let gzip = use_state_eq(|| true);
    let left_out = use_state_eq(FxHashSet::<String>::default);
    let doing = use_state_eq(|| Doing::Choosing);

    let writing = matches!(*doing, Doing::Writing(_));
    // A dialog that goes while a cut-out is written takes it along.
    let is_writing = use_mut_ref(|| false);
    use_effect_with((), {
        let (engine, is_writing) = (props.engine.clone(), is_writing.clone());
        move |()| {
            move || {
                if *is_writing.borrow() {
                    engine.cancel_cut();
                }
            }
        }
    });

    let window = window_of(&from, &to, extent);
    let save = {
        let (engine, doing, is_writing) = (props.engine.clone(), doing.clone(), is_writing);
        let tracks = match &props.offer.tracks {
            Some((tracks, _)) if *only_tracks => tracks.clone(),
            _ => Vec::new(),
        };
        let mut left_out: Vec<String> = left_out.iter().cloned().collect();
        order::sort(&mut left_out);
        let (own_tracks, gzip) = (*own_tracks, *gzip);
        Callback::from(move |_: MouseEvent| {
            let Some(window) = window else { return };
            let request = CutRequest {
                // From start to end means all, also what is recorded at the very end.
                window: (window != extent).then_some(window),
                tracks: tracks.clone(),
                left_out: left_out.clone(),
                own_tracks,
                gzip,
            };
            *is_writing.borrow_mut() = true;
            doing.set(Doing::Writing(0.0));
            let progress = {
                let doing = doing.clone();
                move |part: f64| doing.set(Doing::Writing(part.min(1.0)))
            };
            let (doing, is_writing) = (doing.clone(), is_writing.clone());
            engine.cut_telling(request, progress, move |written| {
                *is_writing.borrow_mut() = false;
                let saved = written.and_then(|cut| {
                    let facts = cut.facts;
                    match download::save_blob(&facts.file_name, &cut.blob) {
                        Ok(()) => Ok(facts),
                        Err(why) => Err(format!("the browser did not save it: {why:?}")),
                    }
                });
                doing.set(match saved {
                    Ok(facts) => Doing::Written(facts),
                    Err(why) => Doing::Failed(why.into()),
                });
            });
        })
    };
    let cancel = {
        let engine = props.engine.clone();
        move |_: MouseEvent| engine.cancel_cut()
    };
    let time = |label: &'static str, text: &UseStateHandle<String>| {
        let value = (**text).clone();
        let text = text.clone();
        let oninput =
            move |event: InputEvent| text.set(event.target_unchecked_into::<HtmlInputElement>().value());
        html! {
            <label>
                { label }{ " " }
                <input type="number" min="0" step="any" disabled={writing} {value} {oninput} />{ " ms" }
            </label>
        }
    };
    let check = |label: Html, on: &UseStateHandle<bool>| {
        let checked = **on;
        let on = on.clone();
        let onchange = move |_: Event| on.set(!checked);
        html! {
            <label class="check">
                <input type="checkbox" {checked} disabled={writing} {onchange} />{ " " }{ label }
            </label>
        }
    };
    let category = |name: &str, events: u64| {
        let kept = !left_out.contains(name);
        let onchange = {
            let (left_out, name) = (left_out.clone(), name.to_owned());
            move |_: Event| {
                let mut next = (*left_out).clone();
                if !next.remove(&name) {
                    next.insert(name.clone());
                }
                left_out.set(next);
            }
        };
        let label = if name.is_empty() { "without category" } else { name };
        html! {
            <label class="check"><input type="checkbox" checked={kept} disabled={writing} {onchange} />
                { " " }{ label.to_owned() }{ " " }<span class="soft num">{ show::count(events) }</span></label>
        }
    };
    let tally = &props.summary.tally;
    html! {
        <Dialog class="cut" label="Save a cut-out" on_close={props.on_close.clone()}>
            <div class="panel-head">
                <h2>{ "Save a cut-out" }</h2>
                <button type="button" onclick={props.on_close.reform(|_| ())}>{ "Close" }</button>
            </div>
            <p class="hint">
                { "A smaller trace for any viewer. Events are kept as they are, with the metadata, arrows and counters \
                   they need; slices that overlap the stretch stay whole." }
            </p>
            <div class="stretch" role="group" aria-label="Stretch, from the start of the trace">
                { time("from", &from) }
                { time("to", &to) }
            </div>
            if let Some((_, label)) = &props.offer.tracks {
                { check(html! { <>{ "only " }{ label }</> }, &only_tracks) }
            }
            { check(
                html! { "with tracks of our own: steps, gaps with their causes, compiles, findings" },
                &own_tracks,
            ) }
            { check(html! { "compressed (.gz)" }, &gzip) }
            if tally.len() > 1 {
                <details class="cut-categories">
                    <summary>{ match left_out.len() {
                        0 => "All categories".to_owned(),
                        n if tally.len() == 1 => format!("{n} of 1 category left out"),
                        n => format!("{n} of {} categories left out", tally.len()),
                    } }</summary>
                    <div class="checks">
                        { for tally.iter().take(OFFERED).map(|share| category(&share.category, share.events)) }
                    </div>
                </details>
            }
            <p class="cut-says" role="status">{ says(&doing, window, extent) }</p>
            if let Doing::Writing(part) = *doing {
                <progress class="cut-progress" aria-label="Read again" max="1" value={part.to_string()}></progress>
            }
            if let Doing::Failed(why) = &*doing {
                <p class="trouble" role="alert"><b>{ "✕ " }</b>{ format!("Nothing was saved: {why}.") }</p>
            }
            <div class="cut-buttons">
                <button
                    type="button" class="main" autofocus={true}
                    disabled={writing || window.is_none()} onclick={save}>{ "Save" }</button>
                if writing {
                    <button type="button" onclick={cancel}>{ "Cancel" }</button>
                }
            </div>
        </Dialog>
    }
}

/// The stretch that the texts name, in ms from the start of the trace; `None`: none.
fn window_of(from: &str, to: &str, extent: Span) -> Option<Span> {
    let at = |text: &str| {
        let ms = text.trim().parse::<f64>().ok().filter(|ms| *ms >= 0.0)?;
        Some(extent.start.saturating_add(whole_ns((ms * 1e6).round())))
    };
    Some(Span::new(at(from)?, at(to)?)).filter(|window| !window.is_empty())
}

/// What is about to be written, is being, or was.
fn says(doing: &Doing, window: Option<Span>, extent: Span) -> String {
    match (doing, window) {
        (Doing::Written(facts), _) => {
            let kept = facts.events - facts.own_events;
            let mut says = format!(
                "Saved {}: {} of {}, {} of our own; {}.",
                facts.file_name,
                show::count(kept),
                show::counted(facts.events_of, "event"),
                show::count(facts.own_events),
                show::bytes(facts.bytes)
            );
            if facts.repaired > 0 {
                says += &format!(
                    " {} were damaged and are written in a repaired form.",
                    show::count(facts.repaired)
                );
            }
            if facts.unwritable > 0 {
                says += &format!(
                    " {} are damaged beyond repair and left out.",
                    show::count(facts.unwritable)
                );
            }
            if facts.members_left_out > 0 {
                says += &format!(
                    " Of what the file says beside its events, {} damaged beyond repair and left out.",
                    match facts.members_left_out {
                        1 => "one member is".to_owned(),
                        n => format!("{} members are", show::count(n)),
                    }
                );
            }
            says
        }
        (Doing::Writing(part), _) => format!("The file is read again: {:.0} %.", part * 100.0),
        (_, None) => "Where does the stretch begin, and where does it end?".to_owned(),
        (_, Some(window)) if window == extent => {
            format!("All {} of the trace.", show::duration(extent.len_ns()))
        }
        (_, Some(window)) => format!(
            "{} of {}, from {} on.",
            show::duration(window.intersect(extent).len_ns()),
            show::duration(extent.len_ns()),
            show::duration(window.start - extent.start)
        ),
    }
}

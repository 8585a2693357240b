//! The pictures of the Steps view, and which steps are shown: all of it stands in the link.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::app::components::plot::PictureView;
use crate::app::components::same_rc::SameRc;
use crate::base::{order, show};
use crate::view::{Period, Phase, Picked, Picture, Span, StepFilter, StepsView, Summary};

#[derive(Clone, Properties, PartialEq)]
pub struct OverTimeProps {
    pub summary: SameRc<Summary>,
    pub filter: StepFilter,
    pub on_filter: Callback<StepFilter>,
    pub over_time: Option<SameRc<Picture>>,
    pub distribution: Option<SameRc<Picture>>,
    /// The class of size that is asked for, in words.
    pub class: Option<AttrValue>,
    pub selected: Option<u32>,
    pub on_step: Callback<u32>,
    pub log: bool,
    pub on_log: Callback<bool>,
    /// The stretch that is drawn.
    pub zoom: Option<Span>,
    pub on_zoom: Callback<Option<Span>>,
}

#[component]
pub fn OverTime(props: &OverTimeProps) -> Html {
    let file = &props.summary.file;
    let on_time = {
        let (filter, on_filter) = (props.filter.clone(), props.on_filter.clone());
        Callback::from(move |window| {
            on_filter.emit(StepFilter {
                window,
                ..filter.clone()
            });
        })
    };
    let on_length = {
        let (filter, on_filter) = (props.filter.clone(), props.on_filter.clone());
        Callback::from(move |length| {
            on_filter.emit(StepFilter {
                length,
                ..filter.clone()
            });
        })
    };
    let on_picked = {
        let (on_step, on_length, length) = (props.on_step.clone(), on_length.clone(), props.filter.length);
        Callback::from(move |of: Picked| match of {
            Picked::Step(step) => on_step.emit(step),
            // A second click takes the filter away.
            Picked::Lengths(bin) | Picked::Time(bin) => on_length.emit((length != Some(bin)).then_some(bin)),
        })
    };
    html! {
        <div class="columns steps-pictures">
            if let Some(picture) = &props.over_time {
                <PictureView picture={picture.clone()} file={format!("{file}.steps-over-time")}
                             brush={props.filter.window} on_brush={on_time}
                             selected={props.selected.map(Picked::Step)} on_pick={on_picked.clone()} />
            } else {
                <p class="empty">{ "No step that is chosen has a known step time." }</p>
            }
            if let Some(picture) = &props.distribution {
                <PictureView picture={picture.clone()} file={format!("{file}.step-times")}
                             brush={props.filter.length} on_brush={on_length} on_pick={on_picked} />
            }
        </div>
    }
}

/// A filter that can be taken away.
#[derive(Properties, PartialEq)]
pub struct ChipProps {
    pub word: AttrValue,
    pub on_clear: Callback<()>,
}

#[component]
pub fn Chip(props: &ChipProps) -> Html {
    html! {
        <button type="button" class="chip num" aria-label={format!("Clear the filter: {}", props.word)}
                onclick={props.on_clear.reform(|_: MouseEvent| ())}>
            { props.word.clone() }<span aria-hidden="true">{ " ×" }</span>
        </button>
    }
}

/// A choice of a few, side by side.
pub fn switch(word: &'static str, here: bool, onclick: Callback<MouseEvent>) -> Html {
    html! {
        <button type="button" class={classes!("switch", here.then_some("here"))} aria-pressed={here.to_string()}
                {onclick}>{ word }</button>
    }
}

/// The filters above the pictures.
#[component]
pub fn Filters(props: &OverTimeProps) -> Html {
    let (filter, on_filter) = (&props.filter, &props.on_filter);
    let counts = &props.summary.step_counts;
    let mut phases: Vec<Phase> = counts.iter().map(|c| c.0).collect();
    order::sort(&mut phases);
    phases.dedup();
    let mut periods: Vec<Period> = counts.iter().map(|c| c.1).collect();
    order::sort(&mut periods);
    periods.dedup();
    let chosen = |event: &Event| event.target_unchecked_into::<HtmlSelectElement>().value();
    let on_phase = {
        let (filter, on_filter) = (filter.clone(), on_filter.clone());
        move |event: Event| {
            on_filter.emit(StepFilter {
                phase: Phase::from_key(&chosen(&event)),
                bucket: None,
                class: None,
                ..filter.clone()
            });
        }
    };
    let on_period = {
        let (filter, on_filter) = (filter.clone(), on_filter.clone());
        move |event: Event| {
            on_filter.emit(StepFilter {
                period: Period::from_key(&chosen(&event)),
                ..filter.clone()
            });
        }
    };
    let next = |next: StepFilter| on_filter.reform(move |_: MouseEvent| next.clone());
    let chip = |word: String, next: StepFilter| {
        let on_clear = on_filter.reform(move |()| next.clone());
        html! { <Chip {word} {on_clear} /> }
    };
    let with = |change: fn(&mut StepFilter)| {
        let mut next = filter.clone();
        change(&mut next);
        next
    };
    let log = |log: bool| props.on_log.reform(move |_: MouseEvent| log);
    html! {
        <div class="filters">
            <label>{ "Phase " }<select onchange={on_phase}>
                <option value="" selected={filter.phase.is_none()}>{ "all" }</option>
                { for phases.iter().map(|p| html! {
                    <option value={p.key()} selected={filter.phase == Some(*p)}>{ p.word() }</option>
                }) }
            </select></label>
            <label>{ "Period " }<select onchange={on_period}>
                <option value="" selected={filter.period.is_none()}>{ "all" }</option>
                { for periods.iter().map(|p| html! {
                    <option value={p.key()} selected={filter.period == Some(*p)}>{ p.word() }</option>
                }) }
            </select></label>
            <div class="switches" role="group" aria-label="Scale of step times">
                { switch("log", props.log, log(true)) }
                { switch("linear", !props.log, log(false)) }
            </div>
            <button type="button" aria-pressed={filter.slowest.to_string()}
                    class={filter.slowest.then_some("here")}
                    title="The longest hundredth of the steps that are chosen otherwise, at least one."
                    onclick={next(StepFilter { slowest: !filter.slowest, length: None, ..filter.clone() })}>
                { "Slowest 1 %" }
            </button>
            if let Some(bucket) = filter.bucket {
                { chip(format!("bucket {bucket}"), with(|f| f.bucket = None)) }
            }
            if filter.class.is_some() {
                { chip(props.class.as_ref().map_or_else(|| "size".to_owned(), |class| format!("size: {class}")),
                       with(|f| f.class = None)) }
            }
            if let Some(length) = filter.length {
                { chip(format!("{} to {}", show::duration(length.start), show::duration(length.end)),
                       with(|f| f.length = None)) }
            }
            if let Some(window) = filter.window {
                { chip(format!("{} of time", show::duration(window.len_ns())), with(|f| f.window = None)) }
                if props.zoom != filter.window {
                    <button type="button" onclick={props.on_zoom.reform(move |_: MouseEvent| Some(window))}>
                        { "Zoom in" }
                    </button>
                }
            }
            if props.zoom.is_some() {
                <button type="button" onclick={props.on_zoom.reform(|_: MouseEvent| None)}>{ "Zoom out" }</button>
            }
            if *filter != StepFilter::default() {
                <button type="button" onclick={next(StepFilter::default())}>{ "Show all steps" }</button>
            }
        </div>
    }
}

/// How many steps are chosen, for who hears the page.
pub fn chosen_says(view: &StepsView) -> Html {
    html! {
        <p class="hint" role="status">
            { format!("{} chosen; the tables below are of them.", show::counted(view.n_steps.into(), "step")) }
        </p>
    }
}

//! Small parts that every view is made of.

use yew::prelude::*;

use crate::base::show;
use crate::view::route::{Route, View};
use crate::view::{Span, Step};
use crate::web::download;

/// A link to a place of the page. What its hash does not say (theme, window) stays as it is.
#[derive(Properties, PartialEq)]
pub struct ToProps {
    pub place: Route,
    #[prop_or_default]
    pub class: Classes,
    #[prop_or_default]
    pub label: Option<AttrValue>,
    pub children: Html,
}

#[component]
pub fn To(props: &ToProps) -> Html {
    // An empty hash would scroll to the top and tell nobody: the first view is named, too.
    let mut hash = props.place.to_hash();
    if hash.is_empty() {
        hash = format!("view={}", View::default().id());
    }
    html! {
        <a class={props.class.clone()} href={format!("#{hash}")} aria-label={props.label.clone()}>
            { props.children.clone() }
        </a>
    }
}

/// A place in the timeline: a stretch, and a slice to select.
pub fn timeline_at(mark: Option<Span>, slice: Option<u32>) -> Route {
    Route {
        view: View::Timeline,
        mark,
        slice,
        ..Route::default()
    }
}

pub fn step_place(index: u32) -> Route {
    Route {
        view: View::Steps,
        step: Some(index),
        ..Route::default()
    }
}

pub fn step_span(step: &Step) -> Span {
    Span::new(step.start_ns, step.start_ns.saturating_add(step.dur_ns))
}

/// The definition of a word, one hover or focus away.
#[derive(Properties, PartialEq)]
pub struct TermProps {
    pub word: AttrValue,
    pub means: AttrValue,
    #[prop_or_default]
    pub class: Classes,
}

#[component]
pub fn Term(props: &TermProps) -> Html {
    html! {
        <span class={classes!("term", props.class.clone())} tabindex="0" data-means={props.means.clone()}
              aria-label={format!("{}: {}", props.word, props.means)}>{ props.word.clone() }</span>
    }
}

/// A colour with its word.
pub fn swatch(key: &str, word: &str) -> Html {
    html! { <span class="keyed"><i class={format!("swatch k-{key}")} aria-hidden="true"></i>{ word.to_owned() }</span> }
}

/// `–` for what is not known.
pub fn maybe_duration(ns: Option<i64>) -> String {
    ns.map_or_else(|| "–".into(), show::duration)
}

pub fn maybe_count<N: Into<u64>>(n: Option<N>) -> String {
    n.map_or_else(|| "–".into(), |n| show::count(n.into()))
}

/// One part of a whole, for a stacked bar.
#[derive(Clone, PartialEq)]
pub struct Part {
    pub key: &'static str,
    pub word: String,
    pub ns: i64,
}

/// A stacked bar: parts of `whole_ns` side by side. The table beside it says the same in numbers.
#[derive(Properties, PartialEq)]
pub struct StackProps {
    pub parts: Vec<Part>,
    pub whole_ns: i64,
    #[prop_or_default]
    pub class: Classes,
}

#[component]
pub fn Stack(props: &StackProps) -> Html {
    let whole = props.whole_ns.max(1) as f64;
    let mut at = 0.0;
    let bars = props.parts.iter().filter(|part| part.ns > 0).map(|part| {
        let (x, width) = (at, part.ns as f64 * 1000.0 / whole);
        at += width;
        let says = format!(
            "{}: {} ({})",
            part.word,
            show::duration(part.ns),
            show::percent(part.ns, props.whole_ns)
        );
        html! {
            <rect class={format!("k-{}", part.key)} x={format!("{x:.2}")} y="0" height="10"
                  width={format!("{:.2}", (width - 1.0).max(0.6))}><title>{ says }</title></rect>
        }
    });
    let bars: Html = bars.collect();
    let says: Vec<String> = props
        .parts
        .iter()
        .filter(|part| part.ns > 0)
        .map(|part| format!("{} {}", part.word, show::percent(part.ns, props.whole_ns)))
        .collect();
    html! {
        <svg class={classes!("stack", props.class.clone())} viewBox="0 0 1000 10" preserveAspectRatio="none"
             role="img" aria-label={says.join(", ")}>{ bars }</svg>
    }
}

/// Text that can be copied with a button.
#[derive(Properties, PartialEq)]
pub struct CopyableProps {
    pub text: AttrValue,
    /// What it is, for whoever hears the button and does not see what stands beside it.
    pub what: AttrValue,
}

#[component]
pub fn Copyable(props: &CopyableProps) -> Html {
    let said = use_state(|| None::<&str>);
    let onclick = {
        let (text, said) = (props.text.clone(), said.clone());
        move |_| {
            let said = said.clone();
            download::copy(&text, move |is_copied| {
                said.set(Some(if is_copied {
                    "Copied"
                } else {
                    "Not allowed by the browser"
                }));
            });
        }
    };
    html! {
        <div class="copyable">
            <pre>{ props.text.clone() }</pre>
            <button type="button" {onclick} aria-label={format!("Copy: {}", props.what)}>
                { said.unwrap_or("Copy") }
            </button>
            <span class="heard" role="status">{ said.unwrap_or_default() }</span>
        </div>
    }
}

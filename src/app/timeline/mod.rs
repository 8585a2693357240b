use yew::prelude::*;
use super::shown::Shown;
use crate::view::{Span, Summary};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct TimelineProps {
    pub summary: Shown<Summary>,
    pub engine: Engine,
    pub window: Option<Span>,
    pub mark: Option<Span>,
    pub slice: Option<u32>,
    pub reveal: u32,
    pub theme: bool,
    pub on_moved: Callback<Span>,
    pub on_picked: Callback<Option<u32>>,
}

#[component]
pub fn Timeline(_props: &TimelineProps) -> Html { html! {} }

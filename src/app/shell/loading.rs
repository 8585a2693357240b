//! While a file is read: how far, how fast, how long still.

use yew::prelude::*;

use crate::base::show;
use crate::protocol::engine::{FileHead, Progress, Stage};
use crate::view::timescale::whole_ns;

#[derive(Properties, PartialEq)]
pub struct LoadingProps {
    pub files: Vec<FileHead>,
    pub progress: Option<Progress>,
    pub on_cancel: Callback<()>,
}

#[component]
pub fn Loading(props: &LoadingProps) -> Html {
    let names: Vec<&str> = props.files.iter().map(|f| f.name.as_str()).collect();
    let name = if names.is_empty() {
        "the sample".to_owned()
    } else {
        named(&names)
    };
    let progress = props.progress.unwrap_or_default();
    let total = progress.bytes_total.max(1);
    let part = (progress.bytes_read as f64 / total as f64).clamp(0.0, 1.0);
    let stage = match progress.stage {
        Stage::Reading => "Reading",
        Stage::Indexing => "Ordering the events of",
        Stage::Analysing => "Looking for causes in",
    };
    let seconds = progress.elapsed_ms / 1e3;
    let rate = (seconds > 0.05 && progress.bytes_read > 0).then(|| progress.bytes_read as f64 / seconds);
    let says = match rate {
        Some(rate) => {
            let left = (total.saturating_sub(progress.bytes_read)) as f64 / rate;
            let mut says = format!(
                "{} of {} · {}/s · {} inflated · {}",
                show::bytes(progress.bytes_read),
                show::bytes(progress.bytes_total),
                show::bytes(u64::try_from(whole_ns(rate)).unwrap_or(0)),
                show::bytes(progress.inflated_bytes),
                show::counted(progress.events, "event"),
            );
            if progress.stage == Stage::Reading && left >= 0.5 {
                let left = if left < 100.0 {
                    format!("{:.0} s", left.ceil())
                } else {
                    show::duration(whole_ns(left * 1e9))
                };
                says.push_str(&format!(" · about {left} left"));
            }
            says
        }
        None => "starting".to_owned(),
    };
    // A screen reader hears tenths, not every message.
    let heard = format!("{stage} {name}: {:.0} %", (part * 10.0).floor() * 10.0);
    html! {
        <section class="loading" aria-label="Progress">
            <div class="loading-line">
                <b>{ format!("{stage} {name} …") }</b>
                <button type="button" onclick={props.on_cancel.reform(|_| ())}>{ "Cancel" }</button>
            </div>
            <progress max="1" value={format!("{part:.4}")} aria-label={stage}></progress>
            <p class="num">{ says }</p>
            <p class="heard" aria-live="polite">{ heard }</p>
        </section>
    }
}

/// What was given to open, for people: names, or how many files of which folder.
pub fn named(names: &[&str]) -> String {
    match names {
        [first, _, _, _, ..] => {
            let folder = first.split_once('/').map_or("", |(folder, _)| folder);
            let of = if folder.is_empty() {
                String::new()
            } else {
                format!(" of {}", show::plain(folder))
            };
            format!("{} files{of}", names.len())
        }
        few => show::plain(&few.join(", ")),
    }
}

//! The Stacks view: a flame graph, and the same as a table.

use web_sys::{Element, HtmlCanvasElement, HtmlInputElement, HtmlSelectElement, KeyboardEvent, PointerEvent};
use yew::prelude::*;

use crate::app::components::ask::{use_answer, use_width};
use crate::app::components::data_table::DataTable;
use crate::app::components::parts::{To, timeline_at};
use crate::app::components::same_rc::SameRc;
use crate::base::{Colour, show};
use crate::protocol::engine::{Answer, Question};
use crate::table::{SelectedAsk, StacksAsk};
use crate::view::{FlameBox, FlameOrder, FlameQuestion, FlameView, Span, StackSource, Summary};
use crate::web::canvas::{Palette, Pen, SizeWatch};
use crate::web::download;
use crate::web::engine::Engine;

/// Height of a row.
const ROW_PX: f64 = 19.0;
/// Width of a letter, about.
const LETTER_PX: f64 = 6.3;

#[derive(Properties, PartialEq)]
pub struct StacksProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    /// The timeline's window.
    pub window: Option<Span>,
    /// The step that was chosen last.
    pub step: Option<u32>,
    pub dark: bool,
}

/// Which stretch of the trace.
#[derive(Clone, Copy, PartialEq)]
enum Range {
    Whole,
    Serving,
    Step,
    Window,
}

fn source_word(source: StackSource) -> &'static str {
    match source {
        StackSource::Python => "Python and operators",
        StackSource::Operators => "Operators and annotations",
        StackSource::Modules => "Modules",
    }
}

#[component]
pub fn Stacks(props: &StacksProps) -> Html {
    let frame = use_node_ref();
    let width_px = use_width(&frame);
    let source = use_state_eq(StackSource::default);
    let order = use_state_eq(FlameOrder::default);
    let range = use_state_eq(|| Range::Whole);
    let thread = use_state_eq(|| None::<u32>);
    let zoom = use_state_eq(|| None::<u32>);
    let text = use_state_eq(String::new);
    let trouble = use_state_eq(|| None::<AttrValue>);
    let step = use_answer(&props.engine, props.step.map(|index| Question::Step { index }));
    let step = match step.as_deref() {
        Some(Answer::Step(detail)) => {
            let start = detail.step.start_ns;
            Some(Span::new(start, start.saturating_add(detail.step.dur_ns)))
        }
        _ => None,
    };
    let window = match *range {
        Range::Whole => None,
        Range::Serving => props.summary.home,
        Range::Step => step,
        Range::Window => props.window,
    };
    let question = FlameQuestion {
        source: *source,
        order: *order,
        window,
        thread: *thread,
        zoom: *zoom,
        width_px,
    };
    let asked = (width_px > 0).then(|| Question::Flame(question.clone()));
    let answer = use_answer(&props.engine, asked);
    let switch = |here: bool, word: String, onclick: Callback<MouseEvent>| {
        html! {
            <button type="button" class={classes!("switch", here.then_some("here"))} aria-pressed={here.to_string()}
                    {onclick}>{ word }</button>
        }
    };
    let view = match answer.as_deref() {
        Some(Answer::Flame(view)) => Some(view),
        _ => None,
    };
    let to_source = |s: StackSource| {
        let (source, zoom, thread) = (source.clone(), zoom.clone(), thread.clone());
        Callback::from(move |_: MouseEvent| {
            source.set(s);
            zoom.set(None);
            thread.set(None);
        })
    };
    let to_order = |o: FlameOrder| {
        let (order, zoom) = (order.clone(), zoom.clone());
        Callback::from(move |_: MouseEvent| {
            order.set(o);
            zoom.set(None);
        })
    };
    let to_range = |r: Range| {
        let (range, zoom) = (range.clone(), zoom.clone());
        Callback::from(move |_: MouseEvent| {
            range.set(r);
            zoom.set(None);
        })
    };
    let on_thread = {
        let (thread, zoom) = (thread.clone(), zoom.clone());
        move |event: Event| {
            thread.set(
                event
                    .target_unchecked_into::<HtmlSelectElement>()
                    .value()
                    .parse()
                    .ok(),
            );
            zoom.set(None);
        }
    };
    let on_text = {
        let text = text.clone();
        move |event: InputEvent| text.set(event.target_unchecked_into::<HtmlInputElement>().value())
    };
    let on_zoom = {
        let zoom = zoom.clone();
        Callback::from(move |node: Option<u32>| zoom.set(node))
    };
    let on_save = {
        let (engine, question, trouble) = (props.engine.clone(), question.clone(), trouble.clone());
        move |_: MouseEvent| {
            let trouble = trouble.clone();
            engine.ask(Question::Folded(question.clone()), move |answer| {
                let why = match answer {
                    Answer::Report { text, .. } if text.is_empty() => {
                        Some("There are no stacks here.".into())
                    }
                    Answer::Report { file_name, text } => download::save(&file_name, "text/plain", &text)
                        .err()
                        .map(|why| format!("The stacks could not be saved: {why:?}.").into()),
                    _ => Some("The stacks could not be made.".into()),
                };
                trouble.set(why);
            });
        }
    };
    let has_python = props.summary.has("python");
    html! {
        <section aria-labelledby="stacks-head">
            <h2 id="stacks-head">{ "Stacks" }</h2>
            if !has_python {
                <p class="hint">
                    { "This trace has no python stacks; the torch profiler records them with with_stack=True (and \
                       modules with with_modules=True). What is here are operators and annotations." }
                </p>
            }
            <div class="filters">
                if let Some(view) = view {
                    <div class="switches" role="group" aria-label="Whose stacks">
                        { for view.sources.iter().map(|&s| {
                            switch(s == view.source, source_word(s).into(), to_source(s))
                        }) }
                    </div>
                }
                <div class="switches" role="group" aria-label="Order">
                    { switch(*order == FlameOrder::Heavy, "Heaviest first".into(), to_order(FlameOrder::Heavy)) }
                    { switch(*order == FlameOrder::Time, "In order of time".into(), to_order(FlameOrder::Time)) }
                </div>
                <div class="switches" role="group" aria-label="Range">
                    { switch(*range == Range::Whole, "Whole trace".into(), to_range(Range::Whole)) }
                    if props.summary.home.is_some() {
                        { switch(*range == Range::Serving, "Serving".into(), to_range(Range::Serving)) }
                    }
                    if let (Some(_), Some(index)) = (step, props.step) {
                        { switch(*range == Range::Step, format!("Step {index}"), to_range(Range::Step)) }
                    }
                    if props.window.is_some() {
                        { switch(*range == Range::Window, "The timeline's window".into(), to_range(Range::Window)) }
                    }
                </div>
                if let Some(view) = view.filter(|view| view.threads.len() > 1) {
                    <label>{ "Thread " }
                        <select onchange={on_thread}>
                            <option value="" selected={thread.is_none()}>
                                { if *order == FlameOrder::Time { "the one with most calls" } else { "all, merged" } }
                            </option>
                            { for view.threads.iter().map(|t| html! {
                                <option value={t.id.to_string()} selected={*thread == Some(t.id)}>{ &t.title }</option>
                            }) }
                        </select>
                    </label>
                }
                <label>{ "Highlight " }<input type="search" oninput={on_text} /></label>
                <button type="button" onclick={on_save}>{ "Download folded stacks" }</button>
            </div>
            if let Some(trouble) = &*trouble { <p class="trouble" role="alert">{ trouble }</p> }
            <div ref={frame} class="flame-frame">
                if let (Some(_), Some(answer)) = (view, &answer) {
                    <Flame answer={answer.clone()} text={(*text).clone()} dark={props.dark} {on_zoom} />
                }
            </div>
            if let Some(view) = view {
                <p class="definition">{ definition(view) }</p>
                <ByName engine={props.engine.clone()} stacks={shown_stacks(view)} />
            }
        </section>
    }
}

/// What is shown, and what is not.
fn definition(view: &FlameView) -> String {
    let mut says = format!(
        "Width is time from call to return, {} in all. What overlaps without lying inside is cut where the next begins ({}).",
        show::duration(view.total_ns),
        show::duration(view.cut_ns)
    );
    if view.order == FlameOrder::Heavy {
        says += " Calls of one stack are one box; threads are added.";
    }
    if view.n_rows_left_out > 0 {
        says += &format!(
            " {} deeper down are not drawn.",
            show::counted(view.n_rows_left_out.into(), "frame")
        );
    }
    if view.folded > 0 {
        says += &format!(
            " {} of further stacks are counted into the frame around them.",
            show::counted(view.folded, "call")
        );
    }
    says
}

#[derive(Properties, PartialEq)]
struct ByNameProps {
    engine: Engine,
    stacks: StacksAsk,
}

/// The same calls by name, also for those who see no canvas. They are counted when the reader opens it.
#[component]
fn ByName(props: &ByNameProps) -> Html {
    let open = use_state_eq(|| false);
    let ontoggle = {
        let open = open.clone();
        move |event: Event| open.set(event.target_unchecked_into::<Element>().has_attribute("open"))
    };
    html! {
        <details {ontoggle}>
            <summary>{ "The same as a table, by name" }</summary>
            if *open {
                <DataTable
                    table="stacks" engine={props.engine.clone()}
                    selected={SelectedAsk::Stacks(props.stacks.clone())} absent="No call lies here." />
            }
        </details>
    }
}

/// The stacks that a flame graph shows.
fn shown_stacks(view: &FlameView) -> StacksAsk {
    let first = view.threads.first().map(|thread| thread.id);
    StacksAsk {
        source: view.source,
        window: view.window,
        thread: view.thread.or(first.filter(|_| view.order == FlameOrder::Time)),
    }
}

fn matches(name: &str, text: &str) -> bool {
    text.is_empty() || name.to_lowercase().contains(&text.to_lowercase())
}

#[derive(Properties, PartialEq)]
struct FlameProps {
    /// An [`Answer::Flame`].
    answer: SameRc<Answer>,
    text: String,
    dark: bool,
    on_zoom: Callback<Option<u32>>,
}

fn view_of(answer: &Answer) -> Option<&FlameView> {
    match answer {
        Answer::Flame(view) => Some(view),
        _ => None,
    }
}

#[component]
fn Flame(props: &FlameProps) -> Html {
    let canvas = use_node_ref();
    let at = use_state_eq(|| None::<usize>);
    // A box of the view before means nothing in the next.
    use_effect_with(props.answer.clone(), {
        let at = at.clone();
        move |_| at.set(None)
    });
    use_effect_with(
        (
            canvas.clone(),
            props.answer.clone(),
            props.text.clone(),
            props.dark,
            *at,
        ),
        |(canvas, answer, text, _, at)| {
            let (answer, text, at) = (answer.clone(), text.clone(), *at);
            let watch = canvas.cast::<HtmlCanvasElement>().map(|canvas| {
                let rows = view_of(&answer).map_or(1, |view| view.n_rows.max(1));
                let height = format!("{}px", f64::from(rows) * ROW_PX);
                // A canvas that keeps its height is only too short.
                drop(canvas.style().set_property("height", &height));
                let seen = canvas.clone();
                SizeWatch::new(&canvas, move || {
                    if let (Some(pen), Some(view)) = (Pen::on(&seen), view_of(&answer)) {
                        paint(&pen, view, &text, at);
                    }
                })
            });
            move || drop(watch)
        },
    );
    let Some(view) = view_of(&props.answer) else {
        return html! {};
    };
    let hit = {
        let (answer, canvas) = (props.answer.clone(), canvas.clone());
        move |event: &PointerEvent| -> Option<usize> {
            let view = view_of(&answer)?;
            let shown = f64::from(canvas.cast::<HtmlCanvasElement>()?.client_width());
            let x = f64::from(event.offset_x()) * f64::from(view.width_px) / shown.max(1.0);
            let row = f64::from(event.offset_y()) / ROW_PX;
            let on_row = |b: &FlameBox| row >= f64::from(b.depth) && row < f64::from(b.depth) + 1.0;
            // Boxes of less than a pixel are met half a pixel beside.
            view.boxes
                .iter()
                .position(|b| on_row(b) && x >= f64::from(b.x0) - 0.5 && x <= f64::from(b.x1.max(b.x0 + 0.5)))
        }
    };
    let onpointermove = {
        let (at, hit) = (at.clone(), hit.clone());
        move |event: PointerEvent| at.set(hit(&event))
    };
    let onpointerleave = {
        let at = at.clone();
        move |_: PointerEvent| at.set(None)
    };
    let zoom_to = {
        let (answer, on_zoom) = (props.answer.clone(), props.on_zoom.clone());
        move |i: usize| {
            let node = view_of(&answer).and_then(|view| view.boxes.get(i)?.node);
            if let Some(node) = node {
                on_zoom.emit((node > 0).then_some(node));
            }
        }
    };
    let onpointerup = {
        let (hit, zoom_to) = (hit.clone(), zoom_to.clone());
        move |event: PointerEvent| {
            if let Some(i) = hit(&event) {
                zoom_to(i);
            }
        }
    };
    let onkeydown = {
        let (at, answer, on_zoom) = (at.clone(), props.answer.clone(), props.on_zoom.clone());
        move |event: KeyboardEvent| {
            let Some(view) = view_of(&answer) else { return };
            let key = event.key();
            match key.as_str() {
                "Enter" => {
                    if let Some(i) = *at {
                        zoom_to(i);
                    }
                }
                "Escape" => on_zoom.emit(None),
                "ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight" => {
                    at.set(next(&view.boxes, *at, &key));
                }
                _ => return,
            }
            event.prevent_default();
        }
    };
    let tip = at.and_then(|i| view.boxes.get(i)).map(|b| says(view, b));
    let label = format!(
        "Flame graph of {}: {} in {}. Arrow keys go from frame to frame, Enter zooms in, Escape out; the table below lists the frames.",
        show::duration(view.total_ns),
        show::counted(view.boxes.len() as u64, "box"),
        show::counted(view.n_rows.into(), "row"),
    );
    html! {
        <>
            <p class="plot-tip num" role="status">
                { tip.unwrap_or_else(|| "Point at a frame; a click zooms in, a click on the first row out.".into()) }
                if let Some(slice) = at.and_then(|i| view.boxes.get(i)?.slice) {
                    { " " }<To place={timeline_at(None, Some(slice))}>{ "in the timeline" }</To>
                }
            </p>
            <div class="flame-scroll">
                <canvas ref={canvas} class="flame" tabindex="0" role="img" aria-label={label}
                        {onpointermove} {onpointerleave} {onpointerup} {onkeydown} />
            </div>
        </>
    }
}

fn name_of<'a>(view: &'a FlameView, b: &FlameBox) -> &'a str {
    match b.name.and_then(|n| view.names.get(n as usize)) {
        Some(name) => name,
        None if b.node == Some(0) => "all",
        None => "several",
    }
}

/// A box in words.
fn says(view: &FlameView, b: &FlameBox) -> String {
    let name = match (b.name, b.merged) {
        (None, n) if n > 0 => format!("{} of less than a pixel", show::counted(n.into(), "frame")),
        _ => name_of(view, b).to_owned(),
    };
    format!(
        "{name} · total {} ({}) · self {} · {}",
        show::duration(b.total_ns),
        show::percent(b.total_ns, view.total_ns),
        show::duration(b.self_ns),
        show::counted(b.count, "call")
    )
}

/// The box that an arrow key leads to.
fn next(boxes: &[FlameBox], at: Option<usize>, key: &str) -> Option<usize> {
    let Some(from) = at.and_then(|i| boxes.get(i)) else {
        return (!boxes.is_empty()).then_some(0);
    };
    let middle = |b: &FlameBox| (b.x0 + b.x1) / 2.0;
    let on = |depth: Option<u16>| {
        boxes
            .iter()
            .enumerate()
            .filter(move |(_, b)| Some(b.depth) == depth)
    };
    let found = match key {
        "ArrowUp" => {
            on(from.depth.checked_sub(1)).find(|(_, b)| b.x0 <= middle(from) && middle(from) <= b.x1)
        }
        "ArrowDown" => on(from.depth.checked_add(1))
            .filter(|(_, b)| b.x0 >= from.x0 - 0.01 && b.x1 <= from.x1 + 1.0)
            .min_by(|a, b| a.1.x0.total_cmp(&b.1.x0)),
        "ArrowLeft" => on(Some(from.depth))
            .filter(|(_, b)| b.x0 < from.x0)
            .max_by(|a, b| a.1.x0.total_cmp(&b.1.x0)),
        _ => on(Some(from.depth))
            .filter(|(_, b)| b.x0 > from.x0)
            .min_by(|a, b| a.1.x0.total_cmp(&b.1.x0)),
    };
    found.map(|(i, _)| i).or(at)
}

fn paint(pen: &Pen, view: &FlameView, text: &str, at: Option<usize>) {
    let colors = Palette::read([
        "--ink",
        "--ink-soft",
        "--bg",
        "--sunk",
        "--accent",
        "--on-bar",
        Colour::Python.property(),
        Colour::HostOp.property(),
        Colour::Other.property(),
    ]);
    pen.context.set_font("11px system-ui, sans-serif");
    let scale = pen.width / f64::from(view.width_px.max(1));
    for (i, b) in view.boxes.iter().enumerate() {
        let x = f64::from(b.x0) * scale;
        let width = (f64::from(b.x1 - b.x0) * scale).max(0.5);
        let y = f64::from(b.depth) * ROW_PX;
        let is_root = b.node == Some(0);
        let color = match (b.name, b.is_frame) {
            _ if is_root => "--sunk",
            (None, _) => Colour::Other.property(),
            (_, true) => Colour::Python.property(),
            (_, false) => Colour::HostOp.property(),
        };
        let hit = !text.is_empty() && b.name.is_some() && matches(name_of(view, b), text);
        pen.context
            .set_global_alpha(if text.is_empty() || hit { 1.0 } else { 0.3 });
        // A gap between neighbours, where there is room for one.
        let gap = if width > 3.0 { 1.0 } else { 0.0 };
        pen.fill(colors.get(color), x, y, width - gap, ROW_PX - 1.0);
        pen.context.set_global_alpha(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "letters")]
        let letters = ((width - 8.0) / LETTER_PX).max(0.0) as usize;
        if letters >= 3 {
            let name = name_of(view, b);
            let ink = if is_root { "--ink" } else { "--on-bar" };
            let shown: String = if name.chars().count() > letters {
                name.chars().take(letters - 1).chain(['…']).collect()
            } else {
                name.to_owned()
            };
            pen.text(colors.get(ink), &shown, x + 4.0, y + ROW_PX - 6.0);
        }
        if Some(i) == at || hit {
            let line = if Some(i) == at { 2.0 } else { 1.0 };
            let ink = if Some(i) == at { "--ink" } else { "--accent" };
            pen.outline(colors.get(ink), line, x, y, width, ROW_PX - 1.0);
        }
    }
}

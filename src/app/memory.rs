//! The Memory view: bytes in use over time, the peak, and which operators allocate.

use web_sys::{HtmlCanvasElement, HtmlSelectElement};
use yew::prelude::*;

use crate::app::components::ask::{use_answer, use_width};
use crate::app::components::data_table::DataTable;
use crate::app::components::parts::{To, step_place, timeline_at};
use crate::app::components::same_rc::SameRc;
use crate::base::{Colour, show};
use crate::protocol::engine::{Answer, Question};
use crate::view::{DeviceMemory, MAX_LISTED, MemoryCurve, Span, Summary};
use crate::web::canvas::{Palette, Pen, SizeWatch};
use crate::web::engine::Engine;

/// What the heading says already.
const PLACED: &[&str] = &["allocator"];

const LEFT: f64 = 64.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 8.0;

#[derive(Properties, PartialEq)]
pub struct MemoryProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub dark: bool,
}

/// Bytes with their sign.
pub fn bytes(n: i64) -> String {
    let sign = if n < 0 { "−" } else { "" };
    format!("{sign}{}", show::bytes(n.unsigned_abs()))
}

fn title(device: &DeviceMemory) -> String {
    device.label()
}

#[component]
pub fn Memory(props: &MemoryProps) -> Html {
    let frame = use_node_ref();
    let width_px = use_width(&frame);
    let chosen = use_state_eq(|| None::<u32>);
    let devices = props.summary.memory.as_ref().map_or(&[][..], |m| &m.devices);
    let most = (0u32..).zip(devices).max_by_key(|(_, d)| d.peak_bytes);
    let number = chosen.or(most.map(|(i, _)| i)).unwrap_or(0);
    let inner = f64::from(width_px) - LEFT - 4.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a width in px"
    )]
    let asked = (inner >= 1.0 && !devices.is_empty()).then_some(Question::Memory {
        device: number,
        window: None,
        width_px: inner as u32,
    });
    let answer = use_answer(&props.engine, asked);
    let Some(device) = devices.get(number as usize) else {
        return html! {
            <section aria-labelledby="memory-head">
                <h2 id="memory-head">{ "Memory" }</h2>
                <p class="empty">
                    { "This trace records no allocations. The torch profiler records them with profile_memory=True \
                       (vLLM: torch_profiler_with_memory in --profiler-config, or \
                       VLLM_TORCH_PROFILER_WITH_PROFILE_MEMORY=1)." }
                </p>
            </section>
        };
    };
    let on_device = {
        let chosen = chosen.clone();
        move |event: Event| {
            chosen.set(
                event
                    .target_unchecked_into::<HtmlSelectElement>()
                    .value()
                    .parse()
                    .ok(),
            )
        }
    };
    let offered = |(i, _): &(u32, &DeviceMemory)| (*i as usize) < MAX_LISTED || *i == number;
    let origin = props.summary.extent.map_or(0, |e| e.start);
    let outside = props
        .summary
        .memory
        .as_ref()
        .map(|m| (m.outside_events, m.outside_bytes));
    html! {
        <>
            <section aria-labelledby="memory-head">
                <h2 id="memory-head">{ "Memory in use" }<span class="aside">{ title(device) }</span></h2>
                if devices.len() > 1 {
                    <div class="filters"><label>{ "Allocator " }<select onchange={on_device}>
                        { for (0u32..).zip(devices).filter(offered).map(|(i, d)| html! {
                            <option value={i.to_string()} selected={i == number}>{ title(d) }</option>
                        }) }
                    </select></label></div>
                    if devices.len() > MAX_LISTED {
                        <p class="note">
                            { format!("The first {MAX_LISTED} of {} can be chosen; the report has all.",
                                      show::counted(devices.len() as u64, "allocator")) }
                        </p>
                    }
                }
                <p class="definition">
                    { if device.in_use_is_recorded {
                        "Bytes in use as the allocator counts them after each allocation and free; the band shows \
                         minimum and maximum per pixel."
                    } else {
                        "The allocator gives no total: this is the sum of allocations and frees since the recording \
                         began, so 0 is what was in use then."
                    } }
                    { if device.reserved_peak_bytes.is_some() {
                        " The line above is what it holds reserved."
                    } else {
                        ""
                    } }
                </p>
                <div ref={frame} class="plot">
                    if let Some(answer) = &answer {
                        <Curve answer={answer.clone()} dark={props.dark} says={says(device)}
                               peak={device.peak_bytes.max(device.reserved_peak_bytes.unwrap_or(0))} />
                    }
                </div>
                { peak(device, origin) }
            </section>
            <DataTable table="memory_operators" engine={props.engine.clone()} without={PLACED}
                       only={vec![("allocator".to_owned(), title(device))]} />
            if let Some((n, sum)) = outside {
                <p class="note">
                    { format!("{} lie inside no operator of any thread, {} in all: the row [memory] of torch's own \
                               table.", show::counted(n, "event"), bytes(sum)) }
                </p>
            }
        </>
    }
}

fn says(device: &DeviceMemory) -> String {
    format!(
        "Memory in use on {}: {} at the start, {} at most, {} at the end",
        title(device),
        bytes(device.start_bytes),
        bytes(device.peak_bytes),
        bytes(device.end_bytes)
    )
}

fn peak(device: &DeviceMemory, origin: i64) -> Html {
    let at = device.peak_at_ns;
    html! {
        <dl class="facts-list">
            <div><dt>{ "Peak in use" }</dt><dd class="num">{ bytes(device.peak_bytes) }</dd></div>
            <div>
                <dt>{ "At" }</dt>
                <dd>
                    <To place={timeline_at(Some(Span::new(at, at)), device.peak_slice)}>
                        { show::duration(at.saturating_sub(origin)) }
                    </To>
                    if let Some(step) = device.peak_step {
                        { ", in " }<To place={step_place(step)}>{ format!("step {step}") }</To>
                    }
                </dd>
            </div>
            if !device.peak_operators.is_empty() {
                <div>
                    <dt>{ "Open then, innermost first" }</dt>
                    <dd>{ device.peak_operators.join(" ← ") }</dd>
                </div>
            }
            if let Some(reserved) = device.reserved_peak_bytes {
                <div><dt>{ "Peak reserved" }</dt><dd class="num">{ bytes(reserved) }</dd></div>
            }
            <div>
                <dt>{ "At the start / at the end" }</dt>
                <dd class="num">{ format!("{} / {}", bytes(device.start_bytes), bytes(device.end_bytes)) }</dd>
            </div>
            <div>
                <dt>{ "Allocated" }</dt>
                <dd class="num">
                    { format!("{} in {}", bytes(device.allocated_bytes),
                              show::counted(device.allocations, "allocation")) }
                </dd>
            </div>
            <div>
                <dt>{ "Freed" }</dt>
                <dd class="num">
                    { format!("{} in {}", bytes(device.freed_bytes), show::counted(device.frees, "free")) }
                </dd>
            </div>
            if let Some(step) = device.decode_step_allocated_bytes {
                <div>
                    <dt>{ "Allocated in a decode step (median)" }</dt>
                    <dd class="num">{ bytes(step) }</dd>
                </div>
            }
        </dl>
    }
}

#[derive(Properties, PartialEq)]
struct CurveProps {
    /// An [`Answer::Memory`].
    answer: SameRc<Answer>,
    peak: i64,
    says: String,
    dark: bool,
}

#[component]
fn Curve(props: &CurveProps) -> Html {
    let canvas = use_node_ref();
    use_effect_with(
        (canvas.clone(), props.answer.clone(), props.peak, props.dark),
        |(canvas, answer, peak, _)| {
            let (answer, peak) = (answer.clone(), *peak);
            let watch = canvas.cast::<HtmlCanvasElement>().map(|canvas| {
                let seen = canvas.clone();
                SizeWatch::new(&canvas, move || {
                    if let (Some(pen), Answer::Memory(curve)) = (Pen::on(&seen), &*answer) {
                        paint(&pen, curve, peak);
                    }
                })
            });
            move || drop(watch)
        },
    );
    html! { <canvas ref={canvas} role="img" aria-label={props.says.clone()} /> }
}

fn paint(pen: &Pen, curve: &MemoryCurve, peak: i64) {
    let colors = Palette::read([
        "--ink-soft",
        "--line",
        Colour::HostOp.property(),
        "--accent",
        Colour::Other.property(),
    ]);
    let height = (pen.height - TOP - BOTTOM).max(1.0);
    let floor = TOP + height;
    let lowest = curve.points.iter().map(|p| p.min_bytes).min().unwrap_or(0).min(0);
    let whole = peak.saturating_sub(lowest).max(1) as f64;
    let y = |bytes: i64| floor - bytes.saturating_sub(lowest) as f64 / whole * height;
    pen.context.set_font("11px system-ui, sans-serif");
    pen.context.set_text_align("right");
    for quarter in 0..=4 {
        let at = lowest.saturating_add(peak.saturating_sub(lowest) / 4 * quarter);
        pen.fill(colors.get("--line"), LEFT, y(at).round(), pen.width - LEFT, 1.0);
        pen.text(colors.get("--ink-soft"), &bytes(at), LEFT - 6.0, y(at) + 4.0);
    }
    pen.context.set_text_align("left");
    let scale = (pen.width - LEFT - 4.0) / f64::from(curve.width_px.max(1));
    let mut level = curve.before_bytes;
    let mut from = 0;
    let column = |x: u32, n: u32, low: i64, high: i64, color: &str| {
        let left = LEFT + f64::from(x) * scale;
        pen.fill(
            colors.get(color),
            left,
            y(high),
            f64::from(n) * scale + 0.3,
            (y(low) - y(high)).max(1.0),
        );
    };
    for point in &curve.points {
        if let Some(level) = level
            && point.x > from
        {
            column(from, point.x - from, lowest, level, Colour::HostOp.property());
        }
        column(point.x, 1, lowest, point.min_bytes, Colour::HostOp.property());
        column(point.x, 1, point.min_bytes, point.max_bytes, "--accent");
        if let Some(reserved) = point.reserved_bytes {
            column(point.x, 1, reserved, reserved, Colour::Other.property());
        }
        level = Some(point.end_bytes);
        from = point.x + 1;
    }
    if let Some(level) = level
        && from < curve.width_px
    {
        column(
            from,
            curve.width_px - from,
            lowest,
            level,
            Colour::HostOp.property(),
        );
    }
}

//! Steps over time: a bar a pixel column, its height the longest duration in it.

use std::rc::Rc;

use web_sys::{HtmlCanvasElement, PointerEvent};
use yew::prelude::*;

use crate::app::components::same_rc::SameRc;
use crate::base::{Colour, order, show};
use crate::view::timescale::{DurationScale, TimeScale, ticks};
use crate::view::{Phase, Span, StepMark, StepsPlot};
use crate::web::canvas::{Palette, Pen, SizeWatch};

const LEFT: f64 = 56.0;
const BOTTOM: f64 = 20.0;
const TOP: f64 = 12.0;

#[derive(Properties, PartialEq)]
pub struct StepsPlotCanvasProps {
    pub plot: SameRc<StepsPlot>,
    pub log: bool,
    /// What times on the axis count from.
    pub origin_ns: i64,
    /// The theme: when it changes, the canvas is drawn again.
    pub dark: bool,
    #[prop_or_default]
    pub selected: Option<u32>,
    #[prop_or_default]
    pub on_brush: Option<Callback<Option<Span>>>,
    #[prop_or_default]
    pub on_step: Option<Callback<u32>>,
}

/// Where the plot lies inside its canvas.
#[derive(Clone, Copy)]
struct Area {
    time: TimeScale,
    width: f64,
    height: f64,
}

impl Area {
    fn of(plot: &StepsPlot, width: f64, height: f64) -> Area {
        let inner = (width - LEFT - 4.0).max(1.0);
        Area {
            time: TimeScale {
                window: plot.window,
                width_px: inner,
            },
            width: inner,
            height: height - TOP - BOTTOM,
        }
    }

    /// Marks are laid out for the width that was asked; the canvas may be narrower.
    fn x(self, plot: &StepsPlot, mark: &StepMark) -> f64 {
        LEFT + f64::from(mark.x) * self.width / f64::from(plot.width_px.max(1))
    }
}

#[component]
pub fn StepsPlotCanvas(props: &StepsPlotCanvasProps) -> Html {
    let canvas = use_node_ref();
    let hover = use_state_eq(|| None::<usize>);
    let drag = use_state_eq(|| None::<(f64, f64)>);

    use_effect_with(
        (
            canvas.clone(),
            (
                props.plot.clone(),
                props.log,
                props.dark,
                props.selected,
                props.origin_ns,
            ),
            *hover,
            *drag,
        ),
        |(canvas, (plot, log, _, selected, origin_ns), hover, drag)| {
            let canvas = canvas.cast::<HtmlCanvasElement>();
            let (plot, log, selected, origin_ns, hover, drag) =
                (plot.clone(), *log, *selected, *origin_ns, *hover, *drag);
            let watch = canvas.map(|canvas| {
                let seen = canvas.clone();
                SizeWatch::new(&canvas, move || {
                    if let Some(pen) = Pen::on(&seen) {
                        paint(&pen, &plot, log, origin_ns, selected, hover, drag);
                    }
                })
            });
            move || drop(watch)
        },
    );

    let nearest = {
        let (plot, canvas) = (props.plot.clone(), canvas.clone());
        Rc::new(move |x: f64| -> Option<usize> {
            let width = f64::from(canvas.cast::<HtmlCanvasElement>()?.client_width());
            let area = Area::of(&plot, width, 100.0);
            let far = |mark: &StepMark| (area.x(&plot, mark) - x).abs();
            let (i, mark) = plot
                .marks
                .iter()
                .enumerate()
                .min_by(|a, b| far(a.1).total_cmp(&far(b.1)))?;
            (far(mark) < 8.0).then_some(i)
        })
    };
    let at = |event: &PointerEvent| f64::from(event.offset_x());
    let onpointermove = {
        let (hover, drag, nearest) = (hover.clone(), drag.clone(), nearest.clone());
        move |event: PointerEvent| {
            if let Some((from, _)) = *drag {
                drag.set(Some((from, at(&event))));
            } else {
                hover.set(nearest(at(&event)));
            }
        }
    };
    let onpointerleave = {
        let hover = hover.clone();
        move |_: PointerEvent| hover.set(None)
    };
    let onpointerdown = {
        let (drag, can_brush) = (drag.clone(), props.on_brush.is_some() || props.on_step.is_some());
        move |event: PointerEvent| {
            if can_brush && event.button() == 0 {
                let target: web_sys::Element = event.target_unchecked_into();
                // Without capture, a drag that leaves the plot ends there.
                drop(target.set_pointer_capture(event.pointer_id()));
                drag.set(Some((at(&event), at(&event))));
            }
        }
    };
    let onpointerup = {
        let (drag, nearest, plot, canvas) =
            (drag.clone(), nearest.clone(), props.plot.clone(), canvas.clone());
        let (on_brush, on_step) = (props.on_brush.clone(), props.on_step.clone());
        move |event: PointerEvent| {
            let Some((from, _)) = *drag else { return };
            drag.set(None);
            let to = at(&event);
            let width = canvas
                .cast::<HtmlCanvasElement>()
                .map_or(1.0, |c| f64::from(c.client_width()));
            let time = Area::of(&plot, width, 100.0).time;
            if (to - from).abs() < 4.0 {
                let mark = nearest(to).and_then(|i| plot.marks.get(i));
                match (mark, &on_step, &on_brush) {
                    (Some(mark), Some(on_step), _) => on_step.emit(mark.step),
                    (None, _, Some(on_brush)) => on_brush.emit(None),
                    _ => {}
                }
            } else if let Some(on_brush) = &on_brush {
                let (a, b) = (time.at(from.min(to) - LEFT), time.at(from.max(to) - LEFT));
                on_brush.emit(Some(Span::new(a, b).intersect(plot.window)));
            }
        }
    };
    let tip = hover.and_then(|i| props.plot.marks.get(i)).map(|mark| {
        let from = show::duration(mark.min_ns);
        let length = if mark.count > 1 {
            format!(
                "{} steps, {from} to {}",
                show::count(u64::from(mark.count)),
                show::duration(mark.max_ns)
            )
        } else {
            format!("step {}, {}", mark.step, show::duration(mark.max_ns))
        };
        format!(
            "{} · {} · {length}{}",
            mark.phase.word(),
            mark.period.word(),
            match (mark.compiled, mark.suspected) {
                (true, _) => " · ◆ a graph was compiled",
                (false, true) => " · ◇ looks like a compile (suspected)",
                _ => "",
            }
        )
    });
    let says = format!(
        "Duration of steps over time: {} marks, {} to {}. The table below lists the steps.",
        props.plot.marks.len(),
        show::duration(props.plot.min_ns),
        show::duration(props.plot.max_ns)
    );
    html! {
        <>
            <canvas
                ref={canvas} role="img" aria-label={says}
                {onpointermove} {onpointerleave} {onpointerdown} {onpointerup} />
            <p class="plot-tip num">{ tip.unwrap_or_else(|| "\u{a0}".into()) }</p>
        </>
    }
}

fn paint(
    pen: &Pen,
    plot: &StepsPlot,
    log: bool,
    origin_ns: i64,
    selected: Option<u32>,
    hover: Option<usize>,
    drag: Option<(f64, f64)>,
) {
    let colors = Palette::read([
        "--ink",
        "--ink-soft",
        "--line",
        "--accent",
        "--brush",
        Colour::Prefill.property(),
        Colour::Decode.property(),
        Colour::Mixed.property(),
        Colour::Other.property(),
        Colour::Compile.property(),
        Colour::Warmup.property(),
    ]);
    let area = Area::of(plot, pen.width, pen.height);
    let scale = DurationScale::of(plot.min_ns, plot.max_ns, log);
    let floor = TOP + area.height;
    let y = |ns: i64| floor - scale.part(ns) * area.height;
    pen.context.set_font("11px system-ui, sans-serif");

    for (ns, label) in scale.ticks() {
        let at = y(ns).round();
        pen.fill(colors.get("--line"), LEFT, at, area.width, 1.0);
        pen.context.set_text_align("right");
        pen.text(colors.get("--ink-soft"), &label, LEFT - 6.0, at + 4.0);
    }
    pen.context.set_text_align("center");
    let axis = ticks(area.time, origin_ns, 90.0);
    for tick in &axis.ticks {
        let at = LEFT + area.time.x(tick.at_ns);
        pen.fill(colors.get("--line"), at.round(), floor, 1.0, 4.0);
        if at > LEFT + 12.0 && at < LEFT + area.width - 16.0 {
            pen.text(colors.get("--ink-soft"), &tick.label, at, floor + 15.0);
        }
    }
    pen.context.set_text_align("left");
    if let Some(base) = &axis.base {
        pen.text(colors.get("--ink-soft"), &format!("{base} +"), 2.0, floor + 15.0);
    }

    // Few steps may be wide; the closest neighbours decide.
    let mut xs: Vec<f64> = plot.marks.iter().map(|m| area.x(plot, m)).collect();
    order::sort_by(&mut xs, f64::total_cmp);
    let closest = xs
        .windows(2)
        .map(|w| w[1] - w[0])
        .filter(|d| *d > 0.5)
        .fold(8.0, f64::min);
    let bar = (closest - 1.0).clamp(1.5, 6.0);
    // Decodes are short and many: drawn last, they stand before what they would else hide behind.
    for phase in [
        Phase::Unknown,
        Phase::Idle,
        Phase::Mixed,
        Phase::Prefill,
        Phase::Decode,
    ] {
        pen.context
            .set_fill_style_str(colors.get(phase.colour().property()));
        for mark in plot.marks.iter().filter(|m| m.phase == phase) {
            let served = matches!(
                mark.period,
                crate::view::Period::Serving | crate::view::Period::Unknown
            );
            pen.context.set_global_alpha(if served { 1.0 } else { 0.4 });
            let (x, top) = (area.x(plot, mark), y(mark.max_ns));
            pen.context.fill_rect(x, top, bar, (floor - top).max(1.0));
        }
    }
    pen.context.set_global_alpha(1.0);
    for mark in plot.marks.iter().filter(|m| m.compiled) {
        diamond(
            pen,
            colors.get(Colour::Compile.property()),
            area.x(plot, mark) + bar / 2.0,
            y(mark.max_ns) - 4.0,
        );
    }
    for mark in plot.marks.iter().filter(|m| m.suspected && !m.compiled) {
        hollow_diamond(
            pen,
            colors.get(Colour::Compile.property()),
            area.x(plot, mark) + bar / 2.0,
            y(mark.max_ns) - 4.0,
        );
    }
    for (i, mark) in plot.marks.iter().enumerate() {
        if Some(mark.step) == selected || Some(i) == hover {
            let x = area.x(plot, mark);
            pen.outline(
                colors.get("--ink"),
                1.5,
                x - 2.0,
                y(mark.max_ns) - 2.0,
                bar + 4.0,
                floor - y(mark.max_ns) + 3.0,
            );
        }
    }
    let stretch = drag
        .filter(|(a, b)| (a - b).abs() >= 4.0)
        .map(|(a, b)| (a.min(b).max(LEFT), a.max(b).min(LEFT + area.width)));
    if let Some((from, to)) = stretch {
        pen.fill(colors.get("--brush"), from, TOP, to - from, area.height);
        pen.fill(colors.get("--accent"), from, TOP, 1.0, area.height);
        pen.fill(colors.get("--accent"), to - 1.0, TOP, 1.0, area.height);
    }
}

/// The mark of a compile that the trace records.
fn diamond(pen: &Pen, color: &str, x: f64, y: f64) {
    pen.context.set_fill_style_str(color);
    diamond_path(pen, x, y);
    pen.context.fill();
}

/// The mark of a compile that only a step's duration suggests.
fn hollow_diamond(pen: &Pen, color: &str, x: f64, y: f64) {
    pen.context.set_stroke_style_str(color);
    pen.context.set_line_width(1.5);
    diamond_path(pen, x, y);
    pen.context.stroke();
}

fn diamond_path(pen: &Pen, x: f64, y: f64) {
    pen.context.begin_path();
    pen.context.move_to(x, y - 4.5);
    pen.context.line_to(x + 4.5, y);
    pen.context.line_to(x, y + 4.5);
    pen.context.line_to(x - 4.5, y);
    pen.context.close_path();
}

//! A picture: drawn as SVG, picked with the pointer or the keyboard, brushed, saved.

use web_sys::{Element, KeyboardEvent, PointerEvent};
use yew::prelude::*;

use crate::app::components::ask::use_width;
use crate::app::components::same_rc::SameRc;
use crate::base::Colour;
use crate::view::timescale::fitting;
use crate::view::{Entry, Mark, Picked, Picture, Sign, Span};
use crate::web::picture;

const LEFT: f64 = 66.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 38.0;
/// A row of labels above the field: of quantiles.
const RULE_ROW: f64 = 14.0;
/// How near a pointer must be to a dot.
const REACH_PX: f64 = 12.0;
/// What is dragged further is no click.
const CLICK_PX: f64 = 4.0;
/// Half of a diamond.
const DIAMOND: f64 = 5.0;
/// Width of a character of a label, and the room between two.
const CHARACTER_PX: f64 = 6.6;
const LABEL_GAP_PX: f64 = 10.0;

#[derive(Properties, PartialEq)]
pub struct PictureProps {
    pub picture: SameRc<Picture>,
    /// What the file is named that it is saved as, without ending.
    pub file: AttrValue,
    /// In place of the plot's own title.
    #[prop_or_default]
    pub title: Option<AttrValue>,
    /// Of the field.
    #[prop_or(220.0)]
    pub height_px: f64,
    #[prop_or_default]
    pub selected: Option<Picked>,
    /// The stretch of the horizontal axis that is chosen, ns.
    #[prop_or_default]
    pub brush: Option<Span>,
    #[prop_or_default]
    pub on_brush: Option<Callback<Option<Span>>>,
    #[prop_or_default]
    pub on_pick: Option<Callback<Picked>>,
}

/// Where the field lies in its picture, px.
#[derive(Clone, Copy, PartialEq)]
struct Area {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Area {
    fn x(self, part: f64) -> f64 {
        self.left + part * self.width
    }

    fn y(self, part: f64) -> f64 {
        self.top + (1.0 - part) * self.height
    }

    fn part(self, x: f64, y: f64) -> (f64, f64) {
        ((x - self.left) / self.width, 1.0 - (y - self.top) / self.height)
    }

    fn reach(self) -> (f64, f64) {
        (REACH_PX / self.width, REACH_PX / self.height)
    }
}

#[component]
pub fn PictureView(props: &PictureProps) -> Html {
    let node = use_node_ref();
    let svg = use_node_ref();
    let width_px = use_width(&node);
    // The pick under the pointer, or that the keyboard is at; of a picture that is no longer shown none.
    let at = use_state_eq(|| None::<usize>);
    let drag = use_state_eq(|| None::<(f64, f64)>);
    let said = use_state_eq(String::new);
    let plot = &props.picture.plot;
    let n_rules = plot
        .marks
        .iter()
        .filter(|mark| matches!(mark, Mark::Rule { .. }))
        .count();
    let has_heights = !plot.y.ticks.is_empty();
    let left = if has_heights { LEFT } else { 1.0 };
    let area = Area {
        left,
        top: TOP + RULE_ROW * n_rules as f64 + if has_heights { RULE_ROW } else { 0.0 },
        width: (f64::from(width_px) - left - RIGHT).max(1.0),
        height: props.height_px,
    };
    let place = {
        let node = node.clone();
        move |event: &PointerEvent| -> Option<(f64, f64)> {
            let rect = node.cast::<Element>()?.get_bounding_client_rect();
            let (x, y) = (f64::from(event.client_x()), f64::from(event.client_y()));
            Some((x - rect.left(), y - rect.top()))
        }
    };
    let nearest = {
        let picture = props.picture.clone();
        move |(x, y): (f64, f64)| picture.nearest(area.part(x, y), area.reach())
    };
    let can_brush = props.on_brush.is_some();
    let onpointermove = {
        let (at, drag, place, nearest) = (at.clone(), drag.clone(), place.clone(), nearest.clone());
        move |event: PointerEvent| {
            let Some(here) = place(&event) else { return };
            match *drag {
                Some((from, _)) if can_brush => drag.set(Some((from, here.0))),
                _ => at.set(nearest(here)),
            }
        }
    };
    let onpointerleave = {
        let at = at.clone();
        move |_: PointerEvent| at.set(None)
    };
    let onpointerdown = {
        let (drag, place, node) = (drag.clone(), place.clone(), node.clone());
        move |event: PointerEvent| {
            if event.button() != 0 {
                return;
            }
            if let (Some(here), Some(element)) = (place(&event), node.cast::<Element>()) {
                // Without capture, a drag that leaves the picture ends there.
                drop(element.set_pointer_capture(event.pointer_id()));
                drag.set(Some((here.0, here.0)));
            }
        }
    };
    let onpointerup = {
        let (drag, picture) = (drag.clone(), props.picture.clone());
        let (on_brush, on_pick) = (props.on_brush.clone(), props.on_pick.clone());
        move |event: PointerEvent| {
            let Some((from, _)) = *drag else { return };
            drag.set(None);
            let Some(here) = place(&event) else { return };
            if (here.0 - from).abs() < CLICK_PX {
                let pick = nearest(here).and_then(|i| picture.picks.get(i));
                match (pick, &on_pick, &on_brush) {
                    (Some(pick), Some(on_pick), _) => on_pick.emit(pick.of),
                    (None, _, Some(on_brush)) => on_brush.emit(None),
                    _ => {}
                }
            } else if let Some(on_brush) = &on_brush {
                let part = |x: f64| area.part(x, 0.0).0;
                on_brush.emit(picture.brushed(part(from), part(here.0)));
            }
        }
    };
    let onkeydown = {
        let (at, picture, brush) = (at.clone(), props.picture.clone(), props.brush);
        let (on_brush, on_pick) = (props.on_brush.clone(), props.on_pick.clone());
        move |event: KeyboardEvent| {
            let last = picture.picks.len().checked_sub(1);
            let Some(last) = last else { return };
            if event.ctrl_key() || event.alt_key() || event.meta_key() {
                return;
            }
            let now = at.filter(|&i| i <= last);
            let next = match event.key().as_str() {
                "ArrowRight" => now.map_or(0, |i| (i + 1).min(last)),
                "ArrowLeft" => now.map_or(last, |i| i.saturating_sub(1)),
                "Home" => 0,
                "End" => last,
                "Enter" | " " => {
                    if let (Some(pick), Some(on_pick)) = (now.and_then(|i| picture.picks.get(i)), &on_pick) {
                        event.prevent_default();
                        on_pick.emit(pick.of);
                    }
                    return;
                }
                "Escape" => {
                    if let Some(on_brush) = on_brush.as_ref().filter(|_| brush.is_some()) {
                        event.stop_propagation();
                        on_brush.emit(None);
                    }
                    return;
                }
                _ => return,
            };
            event.prevent_default();
            event.stop_propagation();
            at.set(Some(next));
            if let Some(on_brush) = on_brush.as_ref().filter(|_| event.shift_key()) {
                on_brush.emit(picture.stretched(brush, now.unwrap_or(next), next));
            }
        }
    };
    let onblur = {
        let at = at.clone();
        move |_: FocusEvent| at.set(None)
    };
    let here = at.and_then(|i| props.picture.picks.get(i));
    let selected = props
        .selected
        .and_then(|of| props.picture.picks.iter().find(|pick| pick.of == of));
    let stretch = match *drag {
        Some((a, b)) if (a - b).abs() >= CLICK_PX => {
            Some((a.min(b).max(area.left), a.max(b).min(area.left + area.width)))
        }
        _ => {
            let place = props.brush.and_then(|span| props.picture.place_of(span));
            place.map(|(from, to)| (area.x(from), area.x(to)))
        }
    };
    let title = props.title.clone().unwrap_or_else(|| plot.title.clone().into());
    let save = |is_png: bool| {
        let (svg, file, said) = (svg.clone(), props.file.clone(), said.clone());
        move |_: MouseEvent| {
            let Some(element) = svg.cast::<Element>() else {
                return;
            };
            let said = said.clone();
            let told = move |of: Result<String, String>| {
                said.set(match of {
                    Ok(file) => format!("Saved as {file}"),
                    Err(why) => format!("Not saved: {why}"),
                });
            };
            match is_png {
                true => picture::save_png(&element, &file, told),
                false => told(picture::save_svg(&element, &file)),
            }
        }
    };
    let height = area.top + area.height + BOTTOM;
    let mut help = String::new();
    if !props.picture.picks.is_empty() {
        help += "Arrow keys go from one to the next.";
        help += if props.on_pick.is_some() {
            " Enter chooses it."
        } else {
            ""
        };
        help += if can_brush {
            " Shift and arrow keys choose a stretch, Esc clears it."
        } else {
            ""
        };
    }
    html! {
        <figure class="picture">
            <figcaption>
                <span>{ title.clone() }</span>
                <span class="picture-tools">
                    <span class="soft" role="status">{ &*said }</span>
                    <button type="button" class="link" onclick={save(false)}
                            aria-label={format!("Save as SVG: {title}")}>{ "SVG" }</button>
                    <button type="button" class="link" onclick={save(true)}
                            aria-label={format!("Save as PNG: {title}")}>{ "PNG" }</button>
                </span>
            </figcaption>
            <div class={classes!("picture-field", can_brush.then_some("brushed"))} ref={node} tabindex="0"
                 role="group" aria-label={title.clone()} aria-description={help}
                 style={format!("height: {height}px")}
                 {onpointermove} {onpointerleave} {onpointerdown} {onpointerup} {onkeydown} {onblur}>
                if width_px > 0 {
                    <svg ref={svg} class="chart" role="img" aria-label={format!("{title}. {}", plot.says)}
                         width={width_px.to_string()} height={px(height)}
                         viewBox={format!("0 0 {width_px} {height}")}>
                        { axes(&props.picture, area) }
                        if let Some((from, to)) = stretch {
                            <rect class="brush" x={px(from)} y={px(area.top)} width={px((to - from).max(1.0))}
                                  height={px(area.height)} />
                        }
                        { for plot.marks.iter().map(|mark| drawn(mark, area)) }
                        { rules(&props.picture, area) }
                        { for [selected.map(|pick| ("chosen", pick)), here.map(|pick| ("pointed", pick))]
                            .into_iter().flatten().map(|(class, pick)| ring(class, pick.x, pick.y, area)) }
                    </svg>
                }
            </div>
            <p class="plot-tip num" role="status">
                { here.map_or_else(|| "\u{a0}".to_owned(), |pick| pick.says.clone()) }
            </p>
            if !plot.legend.is_empty() {
                <ul class="picture-legend">{ for plot.legend.iter().map(entry) }</ul>
            }
        </figure>
    }
}

/// Where the text of a tick stands: nothing of it lies beside the picture.
fn anchor(x: f64, right: f64) -> &'static str {
    match x {
        _ if x < 20.0 => "start",
        _ if x > right - 20.0 => "end",
        _ => "middle",
    }
}

/// A place to a tenth of a pixel.
fn px(at: f64) -> String {
    format!("{at:.1}")
}

fn axes(picture: &Picture, area: Area) -> Html {
    let plot = &picture.plot;
    let (right, floor) = (area.left + area.width, area.top + area.height);
    let shown = fitting(&plot.x.ticks, area.width, CHARACTER_PX, LABEL_GAP_PX);
    html! {
        <>
            { for plot.y.ticks.iter().map(|tick| html! {
                <>
                    <line class="grid" x1={px(area.left)} x2={px(right)} y1={px(area.y(tick.at))}
                          y2={px(area.y(tick.at))} />
                    <text class="label end" x={px(area.left - 6.0)} y={px(area.y(tick.at) + 4.0)}>
                        { &tick.label }
                    </text>
                </>
            }) }
            if !plot.y.ticks.is_empty() {
                <text class="label start" x="0" y={px(area.top - 10.0)}>{ &plot.y.label }</text>
            }
            { for plot.x.ticks.iter().zip(shown).map(|(tick, is_shown)| html! {
                <>
                    <line class="axis" x1={px(area.x(tick.at))} x2={px(area.x(tick.at))} y1={px(floor)}
                          y2={px(floor + 4.0)} />
                    if is_shown {
                        <text class={classes!("label", anchor(area.x(tick.at), right))}
                              x={px(area.x(tick.at))} y={px(floor + 16.0)}>{ &tick.label }</text>
                    }
                </>
            }) }
            <line class="axis" x1={px(area.left)} x2={px(right)} y1={px(floor)} y2={px(floor)} />
            <text class="label end" x={px(right)} y={px(floor + 32.0)}>{ &plot.x.label }</text>
        </>
    }
}

fn drawn(mark: &Mark, area: Area) -> Html {
    match mark {
        Mark::Dots { colour, is_pale, at } => {
            // A line without length has round ends: a dot, and all of one meaning are one element.
            let path: String = at
                .iter()
                .map(|(x, y)| format!("M{} {}h0", px(area.x(*x)), px(area.y(*y))))
                .collect();
            html! { <path class={classes!("dots", colour.class(), is_pale.then_some("pale"))} d={path} /> }
        }
        Mark::Diamonds {
            colour,
            is_filled,
            at,
        } => {
            let path: String = at.iter().map(|(x, y)| diamond(area.x(*x), area.y(*y))).collect();
            let class = if *is_filled { "diamond" } else { "hollow" };
            html! { <path class={classes!(class, colour.class())} d={path} /> }
        }
        Mark::Bar {
            colour,
            is_pale,
            from,
            to,
            says,
            ..
        } => html! {
            <rect class={classes!(colour.class(), is_pale.then_some("pale"))}
                  x={px(area.x(from.0) + 0.25)} width={px((area.x(to.0) - area.x(from.0) - 0.5).max(1.0))}
                  y={px(area.y(to.1))} height={px((area.y(from.1) - area.y(to.1)).max(0.5))}>
                <title>{ says }</title>
            </rect>
        },
        Mark::Curve { at } => {
            let mut path = String::new();
            for (i, (x, y)) in at.iter().enumerate() {
                let (x, y) = (px(area.x(*x)), px(area.y(*y)));
                path += &if i == 0 {
                    format!("M{x} {y}")
                } else {
                    format!("H{x}V{y}")
                };
            }
            html! { <path class="steps-curve" d={path} /> }
        }
        Mark::Rule { .. } => html! {},
    }
}

/// Quantiles: their labels stand above the field, each in a row of its own.
fn rules(picture: &Picture, area: Area) -> Html {
    let rules = picture.plot.marks.iter().filter_map(|mark| match mark {
        Mark::Rule { x, label } => Some((*x, label)),
        _ => None,
    });
    let rule = |(row, (x, label)): (usize, (f64, &String))| {
        let at = area.x(x);
        // Below the axis' own label.
        let top = TOP + RULE_ROW * row as f64;
        let is_right = x > 0.6;
        html! {
            <>
                <line class="quantile" x1={px(at)} x2={px(at)} y1={px(top)} y2={px(area.top + area.height)} />
                <text class={classes!("label", if is_right { "end" } else { "start" })}
                      x={px(at + if is_right { -4.0 } else { 4.0 })} y={px(top + 6.0)}>{ label }</text>
            </>
        }
    };
    rules.enumerate().map(rule).collect()
}

/// Around what is pointed at, or chosen.
fn ring(class: &'static str, x: (f64, f64), y: f64, area: Area) -> Html {
    let (left, right) = (area.x(x.0), area.x(x.1));
    if right - left < 0.5 {
        return html! { <circle class={class} cx={px(left)} cy={px(area.y(y))} r="6" /> };
    }
    html! {
        <rect class={class} x={px(left)} width={px(right - left)} y={px(area.y(y) - 2.0)}
              height={px(area.top + area.height - area.y(y) + 2.0)} />
    }
}

fn diamond(x: f64, y: f64) -> String {
    format!(
        "M{} {}l{DIAMOND} {DIAMOND} -{DIAMOND} {DIAMOND} -{DIAMOND} -{DIAMOND}z",
        px(x),
        px(y - DIAMOND)
    )
}

fn entry(entry: &Entry) -> Html {
    html! {
        <li>
            <svg class="sign" aria-hidden="true" width="14" height="14">{ sign(entry.sign, entry.colour) }</svg>
            { &entry.word }
            if !entry.value.is_empty() { <span class="soft num">{ format!(" {}", entry.value) }</span> }
        </li>
    }
}

fn sign(sign: Sign, colour: Colour) -> Html {
    let class = colour.class();
    match sign {
        Sign::Dot => html! { <path class={classes!("dots", class)} d="M7 7h0" /> },
        Sign::PaleDot => html! { <path class={classes!("dots", class, "pale")} d="M7 7h0" /> },
        Sign::Diamond => html! { <path class={classes!("diamond", class)} d={diamond(7.0, 7.0)} /> },
        Sign::HollowDiamond => html! { <path class={classes!("hollow", class)} d={diamond(7.0, 7.0)} /> },
        Sign::Line => html! { <path class="steps-curve" d="M1 12H5V7H9V2H13" /> },
        Sign::Square => html! { <rect class={class} x="1" y="1" width="12" height="12" /> },
    }
}

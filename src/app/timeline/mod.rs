//! The Timeline: one canvas over all tracks, a map above it, details beside it, area statistics below.
//!
//! What moves at the pace of the pointer is kept out of Yew, in [`Stage`]; here is what changes now and then.

mod area;
mod details;
mod hits;
mod paint;
mod stage;

use web_sys::{Element, HtmlCanvasElement, HtmlElement};
use yew::prelude::*;

use crate::app::companion::host_page::Host;
use crate::app::components::ask::use_answer;
use crate::app::components::same_rc::SameRc;
use crate::app::shell::cut::Offer;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::{Span, Summary};
use crate::web::engine::Engine;
use area::{AreaPanel, Chosen};
use details::Details;
use stage::{Nodes, Stage, Tip};

#[derive(Properties, PartialEq)]
pub struct TimelineProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub window: Option<Span>,
    pub mark: Option<Span>,
    pub slice: Option<u32>,
    /// Raised by every link that leads here: the timeline then moves to what is selected.
    pub reveal: u32,
    /// The last of them that it has moved to.
    pub revealed: u32,
    pub dark: bool,
    pub on_moved: Callback<Span>,
    pub on_picked: Callback<Option<u32>>,
    /// A stretch shall be saved.
    pub on_cut: Callback<Offer>,
}

#[component]
pub fn Timeline(props: &TimelineProps) -> Html {
    let (scroll, spacer, canvas, map) = (use_node_ref(), use_node_ref(), use_node_ref(), use_node_ref());
    let stage = use_state(|| None::<Stage>);
    let tip = use_state_eq(|| None::<Tip>);
    let area = use_state_eq(|| None::<Chosen>);
    let tracks = use_answer(&props.engine, Some(Question::Tracks));
    let detail = use_answer(&props.engine, props.slice.map(|slice| Question::Slice { slice }));

    // The stage stands as soon as the tracks are known.
    use_effect_with((props.engine.clone(), props.summary.clone(), tracks.clone()), {
        let nodes = (scroll.clone(), spacer.clone(), canvas.clone(), map.clone());
        let (stage, tip, area) = (stage.clone(), tip.clone(), area.clone());
        let (on_moved, on_picked) = (props.on_moved.clone(), props.on_picked.clone());
        let (window, revealed) = (props.window, props.revealed);
        move |(engine, summary, tracks)| {
            let nodes = (|| {
                Some(Nodes {
                    scroll: nodes.0.cast::<Element>()?,
                    spacer: nodes.1.cast::<HtmlElement>()?,
                    canvas: nodes.2.cast::<HtmlCanvasElement>()?,
                    map: nodes.3.cast::<HtmlCanvasElement>()?,
                })
            })();
            if let (Some(nodes), Some(Answer::Tracks(tracks))) = (nodes, tracks.as_deref()) {
                let told = stage::Told {
                    moved: on_moved,
                    picked: on_picked,
                    tip: Callback::from(move |t| tip.set(t)),
                    area: Callback::from(move |a| area.set(a)),
                };
                stage.set(Some(Stage::new(
                    nodes,
                    engine.clone(),
                    summary.clone(),
                    tracks.clone(),
                    window,
                    revealed,
                    told,
                )));
            }
        }
    });
    let current = (*stage).clone();
    use_effect_with((current.clone(), props.dark), |(stage, _)| {
        if let Some(stage) = stage {
            stage.theme();
        }
    });
    use_effect_with((current.clone(), props.window), |(stage, window)| {
        if let (Some(stage), Some(window)) = (stage, window) {
            stage.go(*window);
        }
    });
    use_effect_with(
        (current.clone(), props.mark, props.reveal),
        |(stage, mark, reveal)| {
            if let Some(stage) = stage {
                stage.mark(*mark, *reveal);
            }
        },
    );
    use_effect_with(
        (current.clone(), detail.clone(), props.slice, props.reveal),
        |(stage, detail, slice, reveal)| {
            if let Some(stage) = stage {
                match (detail.as_deref(), slice) {
                    (Some(Answer::Slice(detail)), Some(slice)) if detail.slice == *slice => {
                        stage.select(Some((**detail).clone()), *reveal);
                    }
                    (_, None) => stage.select(None, *reveal),
                    _ => {}
                }
            }
        },
    );
    use_effect_with((current, area.is_some()), |(stage, has_area)| {
        if let (Some(stage), false) = (stage, has_area) {
            stage.clear_area();
        }
    });

    let host = use_context::<Host>();
    use_effect_with((*area).clone(), move |area| {
        if let (Some(host), Some(area)) = (host, area) {
            host.drawn(area.window);
        }
    });

    let (n_tracks, left_out) = match tracks.as_deref() {
        Some(Answer::Tracks(tracks)) => (tracks.tracks.len(), tracks.n_left_out),
        _ => (0, 0),
    };
    let says = format!(
        "Timeline of {n_tracks} tracks. Keys: W and S zoom, A and D move, full stop and comma select the next and the previous slice. \
         What is selected is described in the panel after it; the other views list steps, gaps and compiles as tables."
    );
    let save_shown = {
        let (stage, on_cut) = (stage.clone(), props.on_cut.clone());
        move |_: MouseEvent| {
            if let Some(stage) = &*stage {
                let Chosen { window, tracks } = stage.on_screen();
                let label = format!("the {} on screen", show::counted(tracks.len() as u64, "track"));
                on_cut.emit(Offer {
                    window: Some(window),
                    tracks: Some((tracks, label.into())),
                });
            }
        }
    };
    let on_save_area = props.on_cut.reform(|Chosen { window, tracks }: Chosen| {
        let label = format!("the {} of the area", show::counted(tracks.len() as u64, "track"));
        Offer {
            window: Some(window),
            tracks: Some((tracks, label.into())),
        }
    });
    let close_area = {
        let area = area.clone();
        Callback::from(move |()| area.set(None))
    };
    html! {
        <div class="tl">
            <canvas
                ref={map} class="tl-map" role="img"
                aria-label="Map of the whole trace: steps, compiles, and the window that is shown" />
            <div class="tl-tools">
                <button type="button" onclick={save_shown} title="A smaller trace of what is shown, for any viewer">
                    { "Save this stretch…" }
                </button>
            </div>
            if left_out > 0 {
                <p class="hint">
                    { format!("Not shown: {} with fewest slices.", show::counted(left_out.into(), "track")) }
                </p>
            }
            <div class="tl-body">
                <div class="tl-main">
                    <div ref={scroll} class="tl-scroll" tabindex="0" role="group" aria-label="Timeline">
                        <canvas ref={canvas} class="tl-canvas" role="img" aria-label={says} />
                        <div ref={spacer} class="tl-spacer"></div>
                    </div>
                    if let Some(tip) = &*tip {
                        <div class="tl-tip" style={format!("left:{:.0}px;top:{:.0}px", tip.x, tip.y)}>
                            { for tip.lines.iter().map(|line| html! { <div>{ line }</div> }) }
                        </div>
                    }
                    if let Some(chosen) = &*area {
                        <AreaPanel
                            engine={props.engine.clone()} chosen={chosen.clone()}
                            on_save={on_save_area} on_close={close_area} />
                    }
                </div>
                <Details engine={props.engine.clone()} {detail} slice={props.slice} mark={props.mark}
                    origin_ns={props.summary.extent.map_or(0, |e| e.start)} on_picked={props.on_picked.clone()} />
            </div>
        </div>
    }
}

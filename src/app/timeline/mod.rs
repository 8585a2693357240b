//! The Timeline: one canvas over all tracks, a map above it, details beside it, area statistics below.
//!
//! What moves at the pace of the pointer is kept out of Yew, in [`Stage`]; here is what changes now and then.

mod area;
mod details;
mod hits;
mod menus;
mod notes;
mod paint;
mod stage;
mod tools;
mod track_list;

use web_sys::{Element, HtmlCanvasElement, HtmlElement};
use yew::prelude::*;

use crate::app::companion::host_page::Host;
use crate::app::components::ask::use_answer;
use crate::app::components::same_rc::SameRc;
use crate::app::shell::cut::Offer;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::arrangement::Arrangement;
use crate::view::commands::Command;
use crate::view::route::{MAX_NOTES, Note};
use crate::view::{HitsMap, NextSlice, Span, Summary, TimelineTracks};
use crate::web::engine::Engine;
use area::{AreaPanel, Chosen};
use details::Details;
use menus::Menus;
use notes::Notes;
use stage::{MenuAt, Nodes, Stage, Target, Tip};
use tools::Tools;
use track_list::TrackList;

/// Columns of the map that hits are counted in.
const HIT_COLUMNS: u32 = 2_000;

fn hits_question(find: Option<&String>, tracks: Option<&TimelineTracks>) -> Option<Question> {
    Some(Question::Hits {
        text: find?.clone(),
        window: tracks?.extent,
        width_px: HIT_COLUMNS,
    })
}

/// The hits of what is searched for, once they are known.
fn hits_of(answer: Option<&SameRc<Answer>>, find: Option<&String>) -> Option<HitsMap> {
    match &**answer? {
        Answer::Hits(hits) if Some(&hits.text) == find => Some(hits.clone()),
        _ => None,
    }
}

/// Commands that the stage leaves to the page, and what they need.
struct OfPage {
    engine: Engine,
    stage: Option<Stage>,
    slice: Option<u32>,
    name: Option<String>,
    find: Option<String>,
    notes: Vec<Note>,
    filter: NodeRef,
    at_hit: UseStateHandle<Option<NextSlice>>,
    on_picked: Callback<Option<u32>>,
    on_find: Callback<Option<String>>,
    on_notes: Callback<Vec<Note>>,
}

impl OfPage {
    fn perform(&self, command: Command) {
        let Some(stage) = &self.stage else { return };
        match command {
            Command::NextHit | Command::PreviousHit => {
                let Some(text) = self.find.clone() else { return };
                self.go_to(Question::NextHit {
                    text,
                    from: self.slice,
                    at_ns: stage.on_screen().window.start,
                    forward: command == Command::NextHit,
                });
            }
            Command::NextAlike | Command::PreviousAlike => {
                let Some(slice) = self.slice else { return };
                self.go_to(Question::NextAlike {
                    slice,
                    forward: command == Command::NextAlike,
                });
            }
            Command::FindSame => {
                if let Some(name) = &self.name {
                    self.on_find.emit(Some(format!("\"{name}\"")));
                }
            }
            Command::Mark if self.notes.len() < MAX_NOTES => {
                let mut notes = self.notes.clone();
                let span = stage.span();
                // What takes no time is marked by a nanosecond.
                let end = span.end.max(span.start.saturating_add(1));
                notes.push(Note {
                    span: Span::new(span.start, end),
                    text: String::new(),
                });
                self.on_notes.emit(notes);
            }
            Command::FilterTracks => {
                if let Some(input) = self.filter.cast::<HtmlElement>() {
                    drop(input.focus());
                }
            }
            _ => {}
        }
    }

    /// Selects the slice that is the answer.
    fn go_to(&self, question: Question) {
        let (at_hit, on_picked) = (self.at_hit.clone(), self.on_picked.clone());
        self.engine.ask(question, move |answer| {
            if let Answer::Next(next) = answer
                && next.slice.is_some()
            {
                at_hit.set(Some(next));
                on_picked.emit(next.slice);
            }
        });
    }
}

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
    /// Stretches that the reader has marked.
    pub notes: Vec<Note>,
    pub find: Option<String>,
    /// `None`: as the tracks stand at first.
    pub arrangement: Option<SameRc<Arrangement>>,
    /// What is to be done as soon as it can.
    pub command: Option<Command>,
    pub on_arranged: Callback<Arrangement>,
    pub on_notes: Callback<Vec<Note>>,
    pub on_find: Callback<Option<String>>,
    pub on_commanded: Callback<()>,
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
    let menu = use_state_eq(|| None::<MenuAt>);
    let lists_tracks = use_state_eq(|| false);
    let at_hit = use_state_eq(|| None::<NextSlice>);
    let said = use_state_eq(AttrValue::default);
    let filter = use_node_ref();
    let newest_command = use_mut_ref(Callback::<Command>::noop);
    let tracks = use_answer(&props.engine, Some(Question::Tracks));
    let detail = use_answer(&props.engine, props.slice.map(|slice| Question::Slice { slice }));
    let known = match tracks.as_deref() {
        Some(Answer::Tracks(tracks)) => Some(tracks),
        _ => None,
    };
    let hits = use_answer(&props.engine, hits_question(props.find.as_ref(), known));
    let arrangement = match (&props.arrangement, known) {
        (Some(arrangement), _) => (**arrangement).clone(),
        (None, Some(tracks)) => Arrangement::at_first(tracks),
        (None, None) => Arrangement::default(),
    };
    let selected = match detail.as_deref() {
        Some(Answer::Slice(detail)) if Some(detail.slice) == props.slice => Some((**detail).clone()),
        _ => None,
    };

    // The stage stands as soon as the tracks are known.
    use_effect_with((props.engine.clone(), props.summary.clone(), tracks.clone()), {
        let nodes = (scroll.clone(), spacer.clone(), canvas.clone(), map.clone());
        let (stage, tip, area) = (stage.clone(), tip.clone(), area.clone());
        let (on_moved, on_picked) = (props.on_moved.clone(), props.on_picked.clone());
        let (window, revealed) = (props.window, props.revealed);
        let (on_arranged, arrangement, menu) = (props.on_arranged.clone(), arrangement.clone(), menu.clone());
        let newest_command = newest_command.clone();
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
                    picked: on_picked.clone(),
                    tip: Callback::from(move |t| tip.set(t)),
                    area: Callback::from(move |a| area.set(a)),
                    arranged: on_arranged,
                    menu: Callback::from(move |at: MenuAt| {
                        if let Target::Slice(slice) = at.target {
                            on_picked.emit(Some(slice));
                        }
                        menu.set(Some(at));
                    }),
                    command: Callback::from(move |command| {
                        let on_command = newest_command.borrow().clone();
                        on_command.emit(command);
                    }),
                };
                stage.set(Some(Stage::new(
                    nodes,
                    engine.clone(),
                    summary.clone(),
                    (tracks.clone(), arrangement),
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
    use_effect_with((current.clone(), area.is_some()), |(stage, has_area)| {
        if let (Some(stage), false) = (stage, has_area) {
            stage.clear_area();
        }
    });
    use_effect_with((current.clone(), arrangement.clone()), |(stage, arrangement)| {
        if let Some(stage) = stage {
            stage.arrange(arrangement.clone());
        }
    });
    use_effect_with((current.clone(), props.notes.clone()), |(stage, notes)| {
        if let Some(stage) = stage {
            stage.set_notes(notes.clone());
        }
    });
    use_effect_with(
        (current.clone(), props.find.clone(), hits.clone()),
        |(stage, find, hits)| {
            if let Some(stage) = stage {
                stage.mark_hits(find.clone(), hits_of(hits.as_ref(), find.as_ref()));
            }
        },
    );
    let on_command = {
        let of_page = OfPage {
            engine: props.engine.clone(),
            stage: current.clone(),
            slice: props.slice,
            name: selected.as_ref().map(|detail| detail.name.clone()),
            find: props.find.clone(),
            notes: props.notes.clone(),
            filter: filter.clone(),
            at_hit: at_hit.clone(),
            on_picked: props.on_picked.clone(),
            on_find: props.on_find.clone(),
            on_notes: props.on_notes.clone(),
        };
        Callback::from(move |command| of_page.perform(command))
    };
    newest_command.replace(on_command.clone());
    use_effect_with((current.clone(), props.command), {
        let on_commanded = props.on_commanded.clone();
        move |(stage, command)| {
            if let (Some(stage), Some(command)) = (stage, command) {
                on_commanded.emit(());
                stage.perform(*command);
            }
        }
    });

    let host = use_context::<Host>();
    use_effect_with((*area).clone(), move |area| {
        if let (Some(host), Some(area)) = (host, area) {
            host.drawn(area.window);
        }
    });

    let (n_tracks, left_out) = match tracks.as_deref() {
        Some(Answer::Tracks(tracks)) => {
            let recorded = tracks.tracks.iter().filter(|track| track.lanes.is_empty());
            (recorded.count(), tracks.n_left_out)
        }
        _ => (0, 0),
    };
    let says = format!(
        "Timeline of {n_tracks} tracks. Keys: W and S zoom, A and D move, full stop and comma select the next and the previous slice, \
         Shift and F10 open its menu, Control and K list all commands. \
         What is selected is described in the panel after it; the other views list steps, gaps and compiles as tables."
    );
    let save_shown = {
        let (stage, on_cut) = (stage.clone(), props.on_cut.clone());
        Callback::from(move |()| {
            if let Some(stage) = &*stage {
                let Chosen { window, tracks } = stage.on_screen();
                let label = format!("the {} on screen", show::counted(tracks.len() as u64, "track"));
                on_cut.emit(Offer {
                    window: Some(window),
                    tracks: Some((tracks, label.into())),
                });
            }
        })
    };
    // Buttons do what keys do.
    let on_key_command = {
        let stage = current.clone();
        Callback::from(move |command| {
            if let Some(stage) = &stage {
                stage.perform(command);
            }
        })
    };
    let on_show = {
        let stage = current.clone();
        Callback::from(move |span| {
            if let Some(stage) = &stage {
                stage.show(span);
            }
        })
    };
    let set = |state: &UseStateHandle<bool>| {
        let state = state.clone();
        Callback::from(move |on| state.set(on))
    };
    let on_said = {
        let said = said.clone();
        Callback::from(move |text| said.set(text))
    };
    let close_menu = {
        let menu = menu.clone();
        Callback::from(move |()| menu.set(None))
    };
    let at_hit = (*at_hit).filter(|at| at.slice == props.slice);
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
            <Tools
                arrangement={arrangement.clone()} {filter} lists_tracks={*lists_tracks} find={props.find.clone()}
                hits={hits_of(hits.as_ref(), props.find.as_ref())} {at_hit} said={(*said).clone()}
                on_arranged={props.on_arranged.clone()} on_list={set(&lists_tracks)} on_command={on_key_command.clone()}
                on_find={props.on_find.clone()} on_save={save_shown} />
            <Notes
                notes={props.notes.clone()} origin_ns={props.summary.extent.map_or(0, |e| e.start)}
                on_notes={props.on_notes.clone()} {on_show} />
            if left_out > 0 {
                <p class="hint">
                    { format!("Not shown: {} with fewest slices.", show::counted(left_out.into(), "track")) }
                </p>
            }
            if let (Some(at), Some(stage), Some(known)) = (*menu, current, known) {
                <Menus
                    {at} {stage} engine={props.engine.clone()} detail={selected} tracks={known.clone()}
                    arrangement={arrangement.clone()} on_arranged={props.on_arranged.clone()}
                    on_command={on_key_command} on_cut={props.on_cut.clone()} {on_said} on_close={close_menu} />
            }
            <div class="tl-body">
                if let (true, Some(known)) = (*lists_tracks, known) {
                    <TrackList
                        tracks={known.clone()} {arrangement} on_arranged={props.on_arranged.clone()}
                        on_close={set(&lists_tracks).reform(|()| false)} />
                }
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

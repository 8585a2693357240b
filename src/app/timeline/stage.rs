//! What moves at the pace of the pointer: the window, the scroll, the hover, the frame on screen.
//!
//! At most one question for a frame is under way. Until its answer is there, the frame before is drawn in
//! its new place, so moving is immediate and never queues up. At most one drawing a browser frame.

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::FxHashSet;
use web_sys::{Element, HtmlCanvasElement, HtmlElement, KeyboardEvent, PointerEvent, WheelEvent};
use yew::Callback;

use super::area::Chosen;
use super::paint::{self, AXIS_PX, Look, bar_at, label_px};
use crate::app::parts::recompile_span;
use crate::app::shown::Shown;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::layout::{Layout, ROW_PX};
use crate::view::timescale::{TimeScale, around, kept_in, panned, whole_ns, whole_px, zoomed};
use crate::view::{
    Bar, Evidence, Frame, SliceDetail, Span, StepFilter, StepOrder, StepsPlot, Summary, TimelineTracks,
    TrackKind, TrackPart,
};
use crate::web::canvas::{FrameClock, SizeWatch, count_frame};
use crate::web::engine::Engine;
use crate::web::listener::{Listener, is_typing};
use crate::web::timer::Timer;

/// A press that moved less than this is a click.
const CLICK_PX: f64 = 4.0;

/// Elements that the stage draws on and listens to.
pub struct Nodes {
    pub scroll: Element,
    pub spacer: HtmlElement,
    pub canvas: HtmlCanvasElement,
    pub map: HtmlCanvasElement,
}

/// What the stage tells the component.
pub struct Told {
    pub moved: Callback<Span>,
    pub picked: Callback<Option<u32>>,
    pub tip: Callback<Option<Tip>>,
    pub area: Callback<Option<Chosen>>,
}

/// What stands beside the pointer.
#[derive(Clone, Debug, PartialEq)]
pub struct Tip {
    pub x: f64,
    pub y: f64,
    pub lines: Vec<String>,
}

/// A frame's question, to tell whether the one on screen is the one that is needed.
#[derive(Clone, PartialEq)]
struct Asked {
    window: Span,
    width_px: u32,
    parts: Vec<TrackPart>,
}

impl Asked {
    /// Whether its frame still serves where `now` is seen: the same zoom, moved by no more than half of the room
    /// beside the window, and all rows that are `needed`.
    fn serves(&self, now: &Asked, needed: &[TrackPart]) -> bool {
        let near = self.window.start.abs_diff(now.window.start) <= now.window.len_ns().unsigned_abs() / 8;
        let holds = |part: &TrackPart| {
            self.parts.iter().any(|mine| {
                mine.track == part.track
                    && mine.first_depth <= part.first_depth
                    && mine.first_depth.saturating_add(mine.n_depths)
                        >= part.first_depth.saturating_add(part.n_depths)
            })
        };
        self.width_px == now.width_px
            && self.window.len_ns() == now.window.len_ns()
            && near
            && needed.iter().all(holds)
    }
}

/// What a press does.
#[derive(Clone, Copy)]
enum Drag {
    Pan {
        x: f64,
        y: f64,
        window: Span,
        scroll: f64,
        moved: bool,
    },
    Area {
        x: f64,
        y: f64,
    },
    MapWindow {
        x: f64,
        window: Span,
    },
    MapNew {
        at_ns: i64,
        x: f64,
    },
}

pub struct Inner {
    nodes: Nodes,
    engine: Engine,
    pub summary: Shown<Summary>,
    pub tracks: TimelineTracks,
    /// Recorded compiles.
    pub compiles: Vec<Span>,
    /// Stretches that only look like a compile.
    pub suspected: Vec<Span>,
    told: Told,
    clock: Option<FrameClock>,
    pub layout: Layout,
    pub folded: FxHashSet<u32>,
    pub bounds: Span,
    pub window: Span,
    pub scroll: f64,
    pub width: f64,
    height: f64,
    pub frame: Option<Rc<Frame>>,
    shown: Option<Asked>,
    in_flight: bool,
    pub plot: Option<StepsPlot>,
    plot_width: u32,
    pointer: Option<(f64, f64)>,
    drag: Option<Drag>,
    pub hover: Option<(u32, u16, Bar)>,
    tip_slice: Option<SliceDetail>,
    tip_asked: Option<u32>,
    /// The window and the scroll when the pointer's place was last looked at.
    hovered_in: Option<(Span, i64)>,
    pub selected: Option<SliceDetail>,
    pub mark: Option<Span>,
    /// An area, and the heights it spans (in the layout).
    pub area: Option<(Span, f64, f64)>,
    seen_reveal: u32,
    seen_mark: u32,
    /// The window that the page was told last.
    told_window: Option<Span>,
    me: Weak,
    look: Option<Look>,
    sheets: paint::Sheets,
    /// Raised when tracks are folded.
    pub layout_no: u32,
    frames: u32,
    tell_later: Option<Timer>,
    _listeners: Vec<Listener>,
    _watch: Option<SizeWatch>,
}

/// The moving part of the timeline. Equal means the same one.
#[derive(Clone)]
pub struct Stage(Rc<RefCell<Inner>>);

impl PartialEq for Stage {
    fn eq(&self, other: &Stage) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

type Weak = std::rc::Weak<RefCell<Inner>>;

impl Stage {
    pub fn new(
        nodes: Nodes,
        engine: Engine,
        summary: Shown<Summary>,
        tracks: TimelineTracks,
        window: Option<Span>,
        revealed: u32,
        told: Told,
    ) -> Stage {
        let room = tracks.extent.len_ns() / 100;
        let bounds = Span::new(
            tracks.extent.start.saturating_sub(room),
            tracks
                .extent
                .end
                .saturating_add(room)
                .max(tracks.extent.start.saturating_add(100)),
        );
        let home = window.or(summary.home).unwrap_or(tracks.extent);
        let spans = |suspected: bool| {
            let of = summary
                .recompiles
                .iter()
                .filter(|r| (r.evidence == Evidence::Suspected) == suspected);
            joined(of.map(recompile_span).collect())
        };
        let (compiles, suspected) = (spans(false), spans(true));
        // Stacks are deep: python tracks stand folded where they would push all else off the screen.
        let folded: FxHashSet<u32> = tracks
            .tracks
            .iter()
            .filter(|t| t.kind == TrackKind::Python && t.n_depths > 40)
            .map(|t| t.id)
            .collect();
        let layout = Layout::of(&tracks.tracks, &folded);
        let stage = Stage(Rc::new(RefCell::new(Inner {
            nodes,
            engine,
            summary,
            compiles,
            suspected,
            told,
            clock: None,
            layout,
            folded,
            window: kept_in(home, bounds),
            bounds,
            scroll: 0.0,
            width: 0.0,
            height: 0.0,
            frame: None,
            shown: None,
            in_flight: false,
            plot: None,
            plot_width: 0,
            pointer: None,
            drag: None,
            hover: None,
            tip_slice: None,
            tip_asked: None,
            hovered_in: None,
            selected: None,
            mark: None,
            area: None,
            seen_reveal: revealed,
            seen_mark: revealed,
            told_window: window,
            me: Weak::new(),
            look: None,
            sheets: paint::Sheets::default(),
            layout_no: 0,
            frames: 0,
            tell_later: None,
            tracks,
            _listeners: Vec::new(),
            _watch: None,
        })));
        stage.listen();
        stage
    }

    fn listen(&self) {
        let weak = Rc::downgrade(&self.0);
        let mut inner = self.0.borrow_mut();
        inner.me = weak.clone();
        inner.clock = Some(FrameClock::new({
            let weak = weak.clone();
            move || draw(&weak)
        }));
        let scroll = inner.nodes.scroll.clone();
        let canvas = inner.nodes.canvas.clone();
        let map = inner.nodes.map.clone();
        let mut on = Vec::new();
        let with = |weak: &Weak| weak.clone();
        on.push(Listener::new(&scroll, "scroll", {
            let weak = with(&weak);
            move |_: web_sys::Event| {
                change(&weak, |inner| {
                    inner.scroll = f64::from(inner.nodes.scroll.scroll_top())
                })
            }
        }));
        on.push(Listener::new(&scroll, "wheel", {
            let weak = with(&weak);
            move |event: WheelEvent| change(&weak, |inner| inner.on_wheel(&event))
        }));
        on.push(Listener::new(&map, "wheel", {
            let weak = with(&weak);
            move |event: WheelEvent| {
                change(&weak, |inner| {
                    event.prevent_default();
                    let at = inner.map_scale().at(f64::from(event.offset_x()));
                    inner.zoom(at, wheel_factor(&event));
                });
            }
        }));
        for kind in [
            "pointerdown",
            "pointermove",
            "pointerup",
            "pointerleave",
            "pointercancel",
        ] {
            let weak = with(&weak);
            on.push(Listener::new(&canvas, kind, move |event: PointerEvent| {
                on_pointer(&weak, kind, &event)
            }));
        }
        for kind in ["pointerdown", "pointermove", "pointerup", "pointercancel"] {
            let weak = with(&weak);
            on.push(Listener::new(&map, kind, move |event: PointerEvent| {
                change(&weak, |inner| inner.on_map(kind, &event));
            }));
        }
        if let Some(window) = web_sys::window() {
            let weak = with(&weak);
            on.push(Listener::new(&window, "keydown", move |event: KeyboardEvent| {
                on_key(&weak, &event)
            }));
        }
        inner._listeners = on;
        inner._watch = Some(SizeWatch::new(&scroll, {
            let weak = with(&weak);
            move || change(&weak, |_| {})
        }));
        inner.fit_spacer();
    }

    /// Colours are read again with the next drawing.
    pub fn theme(&self) {
        self.0.borrow_mut().look = None;
        self.ask();
    }

    /// Points out a stretch, and moves to it if a link has led here.
    pub fn mark(&self, mark: Option<Span>, reveal: u32) {
        {
            let mut inner = self.0.borrow_mut();
            inner.mark = mark;
            if inner.seen_mark != reveal
                && let Some(mark) = mark
            {
                inner.window = around(mark, inner.bounds);
                inner.moved();
            }
            inner.seen_mark = reveal;
        }
        self.ask();
    }

    /// Selects a slice, and moves to it if a link has led here.
    pub fn select(&self, detail: Option<SliceDetail>, reveal: u32) {
        {
            let mut inner = self.0.borrow_mut();
            let led = inner.seen_reveal != reveal;
            if let Some(detail) = &detail {
                inner.show_slice(detail, led);
                inner.seen_reveal = reveal;
            }
            inner.selected = detail;
        }
        self.ask();
    }

    /// Shows the window that the address names, unless it came from here.
    pub fn go(&self, window: Span) {
        {
            let mut inner = self.0.borrow_mut();
            if inner.told_window == Some(window) {
                return;
            }
            inner.told_window = Some(window);
            inner.window = kept_in(window, inner.bounds);
        }
        self.ask();
    }

    /// The window, and the tracks that lie in it.
    pub fn on_screen(&self) -> Chosen {
        let inner = self.0.borrow();
        let (top_px, bottom_px) = inner.seen();
        let shown = inner.layout.between(top_px, bottom_px);
        Chosen {
            window: inner.window,
            tracks: shown.iter().map(|placed| placed.track).collect(),
        }
    }

    /// The area's panel was closed.
    pub fn clear_area(&self) {
        self.0.borrow_mut().area = None;
        self.ask();
    }

    fn ask(&self) {
        if let Some(clock) = &self.0.borrow().clock {
            clock.ask();
        }
    }
}

/// The union of spans: overlapping bands would look darker than one compile.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

/// Changes the stage and asks for a drawing.
fn change(weak: &Weak, f: impl FnOnce(&mut Inner)) {
    if let Some(cell) = weak.upgrade() {
        let mut inner = cell.borrow_mut();
        f(&mut inner);
        if let Some(clock) = &inner.clock {
            clock.ask();
        }
    }
}

fn draw(weak: &Weak) {
    let Some(cell) = weak.upgrade() else { return };
    let mut inner = cell.borrow_mut();
    inner.measure();
    let mut sheets = std::mem::take(&mut inner.sheets);
    if inner.look.is_none() {
        sheets = paint::Sheets::default();
    }
    let look = inner.look.get_or_insert_with(Look::read).clone();
    paint::main(&inner.nodes.canvas, &inner, &look, &mut sheets);
    paint::map(&inner.nodes.map, &inner, &look, &mut sheets);
    inner.sheets = sheets;
    inner.frames = inner.frames.wrapping_add(1);
    count_frame(inner.frames);
    // What is under a resting pointer changes with the window.
    let view = (inner.window, whole_ns(inner.scroll));
    if inner.hovered_in != Some(view) && inner.pointer.is_some() {
        inner.hovered_in = Some(view);
        inner.hover(weak);
    }
    inner.ask_frame(weak);
    inner.ask_plot(weak);
}

fn on_pointer(weak: &Weak, kind: &'static str, event: &PointerEvent) {
    let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
    let mut picked = None;
    let mut area = None;
    change(weak, |inner| match kind {
        "pointerdown" if event.button() == 0 => {
            // Without capture, a drag that leaves the canvas ends there.
            drop(inner.nodes.canvas.set_pointer_capture(event.pointer_id()));
            inner.drag = Some(if event.shift_key() && x > inner.label() {
                Drag::Area { x, y }
            } else {
                Drag::Pan {
                    x,
                    y,
                    window: inner.window,
                    scroll: inner.scroll,
                    moved: false,
                }
            });
        }
        "pointermove" => {
            inner.pointer = Some((x, y));
            inner.dragged(x, y);
            inner.hover(weak);
        }
        "pointerup" => match inner.drag.take() {
            Some(Drag::Pan { moved: false, .. }) => {
                if x < inner.label() {
                    inner.fold_at(y);
                } else {
                    picked = Some(inner.bar(x, y).map(|(_, _, bar)| bar.slice));
                }
            }
            Some(Drag::Area { .. }) => area = inner.chosen(),
            _ => {}
        },
        "pointerleave" | "pointercancel" => {
            if kind == "pointercancel" {
                inner.drag = None;
            }
            inner.pointer = None;
            inner.hover(weak);
        }
        _ => {}
    });
    // Told outside of the borrow: the component may answer at once.
    let Some(cell) = weak.upgrade() else { return };
    let (on_picked, on_area) = {
        let inner = cell.borrow();
        (inner.told.picked.clone(), inner.told.area.clone())
    };
    if let Some(slice) = picked {
        on_picked.emit(slice);
    }
    if area.is_some() {
        on_area.emit(area);
    }
}

fn on_key(weak: &Weak, event: &KeyboardEvent) {
    if is_typing(event) || event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let mut picked = None;
    let mut clear_area = false;
    let mut known = true;
    change(weak, |inner| {
        let len = inner.window.len_ns();
        match event.key().as_str() {
            "w" | "W" => inner.zoom(inner.pointed(), 0.6),
            "s" | "S" => inner.zoom(inner.pointed(), 1.0 / 0.6),
            "a" | "A" | "ArrowLeft" => inner.pan(-(len / 6).max(1)),
            "d" | "D" | "ArrowRight" => inner.pan((len / 6).max(1)),
            "ArrowUp" => inner.scroll_to(inner.scroll - 3.0 * ROW_PX),
            "ArrowDown" => inner.scroll_to(inner.scroll + 3.0 * ROW_PX),
            "PageUp" => inner.scroll_to(inner.scroll - inner.height * 0.8),
            "PageDown" => inner.scroll_to(inner.scroll + inner.height * 0.8),
            "0" | "Home" => inner.show_window(inner.tracks.extent),
            "f" | "F" => {
                let selected = inner
                    .selected
                    .as_ref()
                    .map(|d| Span::new(d.start_ns, d.start_ns.saturating_add(d.dur_ns)));
                if let Some(span) = selected.or(inner.mark).or(inner.area.map(|a| a.0)) {
                    inner.show_window(around(span, inner.bounds));
                }
            }
            "." => picked = Some(inner.neighbour(|d| d.next)),
            "," => picked = Some(inner.neighbour(|d| d.previous)),
            "p" | "P" => picked = Some(inner.selected.as_ref().and_then(|d| d.parent.or(Some(d.slice)))),
            "Escape" => {
                clear_area = inner.area.take().is_some();
                inner.drag = None;
                if !clear_area {
                    picked = Some(None);
                }
            }
            _ => known = false,
        }
    });
    if !known {
        return;
    }
    event.prevent_default();
    let Some(cell) = weak.upgrade() else { return };
    let (on_picked, on_area) = {
        let inner = cell.borrow();
        (inner.told.picked.clone(), inner.told.area.clone())
    };
    if clear_area {
        on_area.emit(None);
    }
    if let Some(slice) = picked {
        on_picked.emit(slice);
    }
}

/// Zoom of one turn of the wheel; a trackpad's pinch comes in small steps.
fn wheel_factor(event: &WheelEvent) -> f64 {
    let lines = if event.delta_mode() == WheelEvent::DOM_DELTA_LINE {
        16.0
    } else {
        1.0
    };
    (event.delta_y() * lines * 0.003).clamp(-0.7, 0.7).exp()
}

impl Inner {
    pub fn label(&self) -> f64 {
        label_px(self.width)
    }

    /// The time scale right of the labels.
    pub fn scale(&self) -> TimeScale {
        TimeScale {
            window: self.window,
            width_px: (self.width - self.label()).max(1.0),
        }
    }

    pub fn map_scale(&self) -> TimeScale {
        TimeScale {
            window: self.bounds,
            width_px: f64::from(self.nodes.map.client_width()).max(1.0),
        }
    }

    /// The instant under the pointer, or in the middle.
    fn pointed(&self) -> i64 {
        let scale = self.scale();
        let x = self
            .pointer
            .map(|(x, _)| x - self.label())
            .filter(|x| (0.0..=scale.width_px).contains(x));
        scale.at(x.unwrap_or(scale.width_px / 2.0))
    }

    fn measure(&mut self) {
        self.width = f64::from(self.nodes.canvas.client_width());
        let height = f64::from(self.nodes.scroll.client_height());
        if (height - self.height).abs() > 0.5 {
            self.height = height;
            let style = self.nodes.canvas.style();
            // The canvas is as high as what is seen of the scrolled area, and stays in place.
            drop(style.set_property("height", &format!("{height}px")));
            self.fit_spacer();
        }
    }

    fn fit_spacer(&self) {
        let height = (self.layout.height_px + AXIS_PX + 24.0 - self.height).max(0.0);
        drop(
            self.nodes
                .spacer
                .style()
                .set_property("height", &format!("{height}px")),
        );
    }

    /// What of the layout is on screen.
    pub fn seen(&self) -> (f64, f64) {
        (self.scroll, self.scroll + (self.height - AXIS_PX).max(0.0))
    }

    fn zoom(&mut self, at_ns: i64, factor: f64) {
        self.window = zoomed(self.window, at_ns, factor, self.bounds);
        self.moved();
    }

    fn pan(&mut self, by_ns: i64) {
        self.window = panned(self.window, by_ns, self.bounds);
        self.moved();
    }

    fn show_window(&mut self, window: Span) {
        self.window = kept_in(window, self.bounds);
        self.moved();
    }

    fn scroll_to(&mut self, px: f64) {
        let px = px.max(0.0);
        // Asking where it is scrolled to makes the browser lay out the page.
        if whole_px(px) == whole_px(self.scroll) {
            return;
        }
        self.nodes
            .scroll
            .set_scroll_top(i32::try_from(whole_px(px)).unwrap_or(0));
        self.scroll = f64::from(self.nodes.scroll.scroll_top());
    }

    /// The address follows when the reader rests.
    fn moved(&mut self) {
        let (moved, window) = (self.told.moved.clone(), self.window);
        let me = self.me.clone();
        self.tell_later = Some(Timer::after(250, move || {
            if let Some(inner) = me.upgrade() {
                inner.borrow_mut().told_window = Some(window);
            }
            moved.emit(window);
        }));
    }

    /// Scrolls to a slice's row; moves the window if asked, or if the slice could not be seen else.
    fn show_slice(&mut self, detail: &SliceDetail, led: bool) {
        self.measure();
        if self.folded.contains(&detail.track) && detail.depth > 0 {
            self.folded.remove(&detail.track);
            self.fold();
        }
        if let Some(placed) = self.layout.place_of(detail.track) {
            let top = placed.top_px + f64::from(detail.depth) * ROW_PX;
            let (from, to) = self.seen();
            if self.height > 0.0 && (top < from || top + ROW_PX > to) {
                self.scroll_to(top - (to - from) / 3.0);
            }
        }
        let span = Span::new(detail.start_ns, detail.start_ns.saturating_add(detail.dur_ns));
        let hidden = span.start >= self.window.end || span.end <= self.window.start;
        if led && self.mark.is_none() {
            self.window = around(span, self.bounds);
            self.moved();
        } else if hidden {
            // Same zoom, the slice in the middle.
            let middle = span.start.saturating_add(span.len_ns() / 2);
            let half = self.window.len_ns() / 2;
            let start = middle.saturating_sub(half);
            self.window = kept_in(
                Span::new(start, start.saturating_add(self.window.len_ns())),
                self.bounds,
            );
            self.moved();
        }
    }

    fn neighbour(&self, to: impl Fn(&SliceDetail) -> Option<u32>) -> Option<u32> {
        match &self.selected {
            Some(detail) => to(detail).or(Some(detail.slice)),
            // Nothing selected: the first slice on screen.
            None => paint::first_in_sight(self, self.frame.as_ref()?),
        }
    }

    fn fold_at(&mut self, y: f64) {
        let Some((placed, _)) = self.layout.at(y - AXIS_PX + self.scroll) else {
            return;
        };
        if !self.folded.remove(&placed.track) {
            self.folded.insert(placed.track);
        }
        self.fold();
    }

    /// Lays the tracks out as they are folded now.
    fn fold(&mut self) {
        self.layout = Layout::of(&self.tracks.tracks, &self.folded);
        self.layout_no = self.layout_no.wrapping_add(1);
        self.fit_spacer();
    }

    fn on_wheel(&mut self, event: &WheelEvent) {
        if event.ctrl_key() || event.meta_key() {
            event.prevent_default();
            self.zoom(self.pointed(), wheel_factor(event));
        } else {
            let sideways = event.delta_x().abs() > event.delta_y().abs();
            let by = match (event.shift_key(), sideways) {
                (_, true) => event.delta_x(),
                (true, false) => event.delta_y(),
                (false, false) => return,
            };
            event.prevent_default();
            self.pan(whole_ns(by * self.scale().ns_per_px()));
        }
    }

    fn dragged(&mut self, x: f64, y: f64) {
        match self.drag {
            Some(Drag::Pan {
                x: x0,
                y: y0,
                window,
                scroll,
                moved,
            }) if moved || (x - x0).hypot(y - y0) >= CLICK_PX => {
                let by = whole_ns((x0 - x) * self.scale().ns_per_px());
                self.window = panned(window, by, self.bounds);
                self.scroll_to(scroll - (y - y0));
                self.drag = Some(Drag::Pan {
                    x: x0,
                    y: y0,
                    window,
                    scroll,
                    moved: true,
                });
                self.moved();
            }
            Some(Drag::Area { x: x0, y: y0 }) => {
                let scale = self.scale();
                let left = self.label();
                let at = |x: f64| scale.at((x - left).clamp(0.0, scale.width_px));
                let down = |y: f64| (y - AXIS_PX).max(0.0) + self.scroll;
                self.area = Some((
                    Span::new(at(x0.min(x)), at(x0.max(x))),
                    down(y0.min(y)),
                    down(y0.max(y)),
                ));
            }
            _ => {}
        }
    }

    /// The drawn area as a question, if it is more than a slip of the hand.
    fn chosen(&mut self) -> Option<Chosen> {
        let (window, top, bottom) = self.area?;
        if self.scale().x(window.end) - self.scale().x(window.start) < CLICK_PX {
            self.area = None;
            return None;
        }
        let tracks = self.layout.between(top, bottom).iter().map(|p| p.track).collect();
        Some(Chosen { window, tracks })
    }

    fn on_map(&mut self, kind: &'static str, event: &PointerEvent) {
        let scale = self.map_scale();
        let x = f64::from(event.offset_x());
        match kind {
            "pointerdown" => {
                drop(self.nodes.map.set_pointer_capture(event.pointer_id()));
                let (from, to) = (scale.x(self.window.start) - 4.0, scale.x(self.window.end) + 4.0);
                let whole = self.window.len_ns() >= self.bounds.len_ns() - self.bounds.len_ns() / 20;
                self.drag = Some(if (from..=to).contains(&x) && !whole {
                    Drag::MapWindow {
                        x,
                        window: self.window,
                    }
                } else {
                    Drag::MapNew {
                        at_ns: scale.at(x),
                        x,
                    }
                });
            }
            "pointermove" => match self.drag {
                Some(Drag::MapWindow { x: x0, window }) => {
                    self.window = panned(window, whole_ns((x - x0) * scale.ns_per_px()), self.bounds);
                    self.moved();
                }
                Some(Drag::MapNew { at_ns, x: x0 }) if (x - x0).abs() >= CLICK_PX => {
                    let to = scale.at(x.clamp(0.0, scale.width_px));
                    self.show_window(Span::new(at_ns.min(to), at_ns.max(to)));
                }
                _ => {}
            },
            _ => {
                if let Some(Drag::MapNew { at_ns, x: x0 }) = self.drag.take()
                    && (x - x0).abs() < CLICK_PX
                {
                    let half = self.window.len_ns() / 2;
                    let start = at_ns.saturating_sub(half);
                    self.show_window(Span::new(start, start.saturating_add(half * 2)));
                }
            }
        }
    }

    /// The bar under a place of the canvas.
    fn bar(&self, x: f64, y: f64) -> Option<(u32, u16, Bar)> {
        if y < AXIS_PX || x < self.label() {
            return None;
        }
        let (placed, depth) = self.layout.at(y - AXIS_PX + self.scroll)?;
        let frame = self.frame.as_ref()?;
        let row = frame
            .rows
            .iter()
            .find(|r| r.track == placed.track && r.depth == depth)?;
        let bar = bar_at(self, frame, row, x)?;
        Some((placed.track, depth, bar))
    }

    /// Finds what is under the pointer, and asks for its name.
    fn hover(&mut self, weak: &Weak) {
        let dragging = matches!(self.drag, Some(Drag::Pan { moved: true, .. } | Drag::Area { .. }));
        let found = self
            .pointer
            .filter(|_| !dragging)
            .and_then(|(x, y)| self.bar(x, y));
        self.hover = found;
        let Some((_, _, bar)) = found else {
            self.told.tip.emit(None);
            return;
        };
        self.show_tip();
        if self.tip_slice.as_ref().is_none_or(|d| d.slice != bar.slice) && self.tip_asked.is_none() {
            self.tip_asked = Some(bar.slice);
            let weak = weak.clone();
            self.engine
                .ask(Question::Slice { slice: bar.slice }, move |answer| {
                    let again = weak.clone();
                    change(&weak, |inner| {
                        inner.tip_asked = None;
                        if let Answer::Slice(detail) = answer {
                            inner.tip_slice = Some(*detail);
                        } else {
                            inner.tip_slice = None;
                            return;
                        }
                        let now = inner.hover.map(|(_, _, bar)| bar.slice);
                        let got = inner.tip_slice.as_ref().map(|d| d.slice);
                        if now == got {
                            inner.show_tip();
                        } else if now.is_some() {
                            inner.hover(&again);
                        }
                    });
                });
        }
    }

    fn show_tip(&self) {
        let (Some((x, y)), Some((_, _, bar))) = (self.pointer, self.hover) else {
            return;
        };
        let mut lines = Vec::new();
        match self.tip_slice.as_ref().filter(|d| d.slice == bar.slice) {
            Some(detail) => {
                lines.push(detail.name.clone());
                lines.push(format!(
                    "{} · self {} · {}",
                    show::duration(detail.dur_ns),
                    show::duration(detail.self_ns),
                    bar.class.word()
                ));
            }
            None => {
                let name = bar
                    .name
                    .and_then(|n| self.frame.as_ref()?.names.get(usize::try_from(n).ok()?).cloned());
                lines.push(name.unwrap_or_else(|| "…".into()));
                lines.push(bar.class.word().into());
            }
        }
        if bar.count > 1 {
            lines.push(format!(
                "{} at this zoom; the longest is named",
                show::counted(bar.count.into(), "slice")
            ));
        }
        self.told.tip.emit(Some(Tip {
            x: (x + 14.0).min((self.width - 330.0).max(0.0)),
            y: if y + 80.0 > self.height {
                y - 64.0
            } else {
                y + 16.0
            },
            lines,
        }));
    }

    fn ask_frame(&mut self, weak: &Weak) {
        if self.in_flight || self.width < 1.0 || self.height < 1.0 {
            return;
        }
        let (top, bottom) = self.seen();
        let scale = self.scale();
        let asked = Asked {
            window: self.window,
            width_px: whole_px(scale.width_px),
            parts: self.layout.parts(top - 10.0 * ROW_PX, bottom + 10.0 * ROW_PX),
        };
        let needed = self.layout.parts(top - 2.0 * ROW_PX, bottom + 2.0 * ROW_PX);
        if self
            .shown
            .as_ref()
            .is_some_and(|shown| shown.serves(&asked, &needed))
        {
            return;
        }
        self.in_flight = true;
        // A quarter more on both sides: a drag has something to pull in.
        let room = self.window.len_ns() / 4;
        let window = Span::new(
            self.window.start.saturating_sub(room),
            self.window.end.saturating_add(room),
        );
        let width_px = whole_px(scale.width_px * window.len_ns() as f64 / self.window.len_ns().max(1) as f64);
        let weak = weak.clone();
        let parts = asked.parts.clone();
        self.engine.ask(
            Question::Timeline {
                window,
                width_px,
                parts,
            },
            move |answer| {
                change(&weak, |inner| {
                    inner.in_flight = false;
                    inner.shown = Some(asked);
                    if let Answer::Timeline {
                        frame: Some(frame), ..
                    } = answer
                    {
                        inner.hovered_in = None;
                        inner.frame = Some(Rc::from(frame));
                    }
                });
            },
        );
    }

    fn ask_plot(&mut self, weak: &Weak) {
        let width_px = whole_px(self.map_scale().width_px);
        if self.summary.n_steps == 0 || width_px == self.plot_width || width_px < 2 {
            return;
        }
        self.plot_width = width_px;
        let weak = weak.clone();
        let question = Question::Steps {
            filter: StepFilter::default(),
            order: StepOrder::Time,
            first_row: 0,
            n_rows: 0,
            plot_window: Some(self.bounds),
            width_px,
        };
        self.engine.ask(question, move |answer| {
            change(&weak, |inner| {
                if let Answer::Steps(view) = answer {
                    inner.plot = Some(view.plot);
                }
            });
        });
    }
}

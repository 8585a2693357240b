//! What moves at the pace of the pointer: the window, the scroll, the hover, the frame on screen.
//!
//! [`Inner`] holds the parts, each with the file of its name; what takes more than one of them is a method of it.

mod compiles;
mod frames;
mod keys;
mod listeners;
mod map;
mod picture;
mod pointer;
mod selection;
mod tracks;
mod viewport;

use std::cell::RefCell;
use std::rc::Rc;

use yew::Callback;

use super::area::Chosen;
use crate::app::components::same_rc::SameRc;
use crate::view::{SliceDetail, Span, Summary, TimelineTracks};
use crate::web::engine::Engine;
use compiles::Compiles;
use frames::Frames;
use listeners::Listeners;
use map::Map;
use picture::Picture;
use pointer::Pointer;
use selection::Selection;
use tracks::Tracks;
pub use viewport::{Nodes, Viewport};

/// A press that moved less than this is a click.
const CLICK_PX: f64 = 4.0;

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

pub struct Inner {
    engine: Engine,
    summary: SameRc<Summary>,
    told: Told,
    pub compiles: Compiles,
    pub tracks: Tracks,
    pub viewport: Viewport,
    pub frames: Frames,
    pub pointer: Pointer,
    pub selection: Selection,
    map: Map,
    picture: Picture,
    _listeners: Listeners,
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
        summary: SameRc<Summary>,
        tracks: TimelineTracks,
        window: Option<Span>,
        revealed: u32,
        told: Told,
    ) -> Stage {
        Stage(Rc::new_cyclic(|weak: &Weak| {
            let listeners = Listeners::on(&nodes, weak);
            let viewport = Viewport::new(nodes, tracks.extent, window, summary.home, told.moved.clone());
            let inner = Inner {
                engine,
                compiles: Compiles::of(&summary),
                summary,
                told,
                tracks: Tracks::new(tracks),
                viewport,
                frames: Frames::default(),
                pointer: Pointer::default(),
                selection: Selection::new(revealed),
                map: Map::default(),
                picture: Picture::of(weak),
                _listeners: listeners,
            };
            inner.fit_spacer();
            RefCell::new(inner)
        }))
    }

    /// Colours are read again with the next drawing.
    pub fn theme(&self) {
        self.change(|inner| inner.picture.forget_colours());
    }

    /// Points out a stretch, and moves to it if a link has led here.
    pub fn mark(&self, mark: Option<Span>, reveal: u32) {
        self.change(|inner| inner.set_mark(mark, reveal));
    }

    /// Selects a slice, and moves to it if a link has led here.
    pub fn select(&self, detail: Option<SliceDetail>, reveal: u32) {
        self.change(|inner| inner.set_slice(detail, reveal));
    }

    /// Shows the window that the address names, unless it came from here.
    pub fn go(&self, window: Span) {
        let mut inner = self.0.borrow_mut();
        if inner.viewport.go(window) {
            inner.picture.ask();
        }
    }

    /// The window, and the tracks that lie in it.
    pub fn on_screen(&self) -> Chosen {
        let inner = self.0.borrow();
        let (top_px, bottom_px) = inner.viewport.seen();
        let shown = inner.tracks.layout.between(top_px, bottom_px);
        Chosen {
            window: inner.viewport.window,
            tracks: shown.iter().map(|placed| placed.track).collect(),
        }
    }

    /// The area's panel was closed.
    pub fn clear_area(&self) {
        self.change(|inner| inner.selection.area = None);
    }

    fn change(&self, f: impl FnOnce(&mut Inner)) {
        change(&Rc::downgrade(&self.0), f);
    }
}

/// Changes the stage and asks for a drawing.
fn change(weak: &Weak, f: impl FnOnce(&mut Inner)) {
    if let Some(cell) = weak.upgrade() {
        let mut inner = cell.borrow_mut();
        f(&mut inner);
        inner.picture.ask();
    }
}

/// What a press or a key asks of the page.
enum Ask {
    Nothing,
    Pick(Option<u32>),
    Area(Option<Chosen>),
}

/// Asks the page, outside of any borrow: the component may answer at once.
fn tell(weak: &Weak, ask: Ask) {
    let Some(cell) = weak.upgrade() else { return };
    let (on_picked, on_area) = {
        let told = &cell.borrow().told;
        (told.picked.clone(), told.area.clone())
    };
    match ask {
        Ask::Nothing => {}
        Ask::Pick(slice) => on_picked.emit(slice),
        Ask::Area(area) => on_area.emit(area),
    }
}

impl Inner {
    fn measure(&mut self) {
        self.viewport.measure(self.tracks.layout.height_px);
    }

    fn fit_spacer(&self) {
        self.viewport.fit_spacer(self.tracks.layout.height_px);
    }
}

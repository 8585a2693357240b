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
use crate::view::arrangement::Arrangement;
use crate::view::commands::Command;
use crate::view::route::Note;
use crate::view::{HitsMap, SliceDetail, Span, Summary, TimelineTracks};
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
#[derive(Clone)]
pub struct Told {
    pub moved: Callback<Span>,
    pub picked: Callback<Option<u32>>,
    pub tip: Callback<Option<Tip>>,
    pub area: Callback<Option<Chosen>>,
    pub arranged: Callback<Arrangement>,
    pub menu: Callback<MenuAt>,
    /// A command that is the page's business.
    pub command: Callback<Command>,
}

/// Whose menu opens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    Slice(u32),
    Track(u32),
    Group(u32),
}

/// A menu, and where in the browser's view it opens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MenuAt {
    pub x: f64,
    pub y: f64,
    pub target: Target,
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
        (tracks, arrangement): (TimelineTracks, Arrangement),
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
                tracks: Tracks::new(tracks, arrangement),
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
        let mut arranged = None;
        self.change(|inner| {
            let before = inner.tracks.layout_no;
            inner.set_slice(detail, reveal);
            arranged = (inner.tracks.layout_no != before).then(|| inner.tracks.arrangement.clone());
        });
        // What kept the slice from being seen is undone.
        if let Some(arrangement) = arranged {
            tell(&Rc::downgrade(&self.0), Ask::Arrange(arrangement));
        }
    }

    /// Arranges the tracks.
    pub fn arrange(&self, arrangement: Arrangement) {
        self.change(|inner| inner.arrange(arrangement));
    }

    /// Marks what is searched for.
    pub fn mark_hits(&self, find: Option<String>, hits: Option<HitsMap>) {
        self.change(|inner| inner.frames.mark_hits(find, hits));
    }

    /// Shows the stretches that the reader has marked.
    pub fn set_notes(&self, notes: Vec<Note>) {
        self.change(|inner| inner.selection.notes = notes);
    }

    /// Moves the window to a stretch.
    pub fn show(&self, span: Span) {
        self.change(|inner| inner.viewport.show_around(span));
    }

    /// Does what a command says.
    pub fn perform(&self, command: Command) {
        keys::perform(&Rc::downgrade(&self.0), command, false);
    }

    /// The stretch of what is chosen, else the window.
    pub fn span(&self) -> Span {
        let inner = self.0.borrow();
        inner.selection.span().unwrap_or(inner.viewport.window)
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
        let shown = inner
            .tracks
            .layout
            .seen(inner.viewport.scroll, inner.viewport.room());
        Chosen {
            window: inner.viewport.window,
            tracks: inner.tracks.recorded(&shown),
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
    Arrange(Arrangement),
    Menu(MenuAt),
    Command(Command),
}

/// Asks the page, outside of any borrow: the component may answer at once.
fn tell(weak: &Weak, ask: Ask) {
    let Some(cell) = weak.upgrade() else { return };
    let told = cell.borrow().told.clone();
    match ask {
        Ask::Nothing => {}
        Ask::Pick(slice) => told.picked.emit(slice),
        Ask::Area(area) => told.area.emit(area),
        Ask::Arrange(arrangement) => told.arranged.emit(arrangement),
        Ask::Menu(menu) => told.menu.emit(menu),
        Ask::Command(command) => told.command.emit(command),
    }
}

impl Inner {
    fn measure(&mut self) {
        self.viewport.measure(self.tracks.layout.height_px);
    }

    fn arrange(&mut self, arrangement: Arrangement) {
        if self.tracks.arrange(arrangement) {
            self.tracks.layout.stick_within(self.viewport.room());
            self.fit_spacer();
        }
    }

    fn fit_spacer(&self) {
        self.viewport.fit_spacer(self.tracks.layout.height_px);
    }
}

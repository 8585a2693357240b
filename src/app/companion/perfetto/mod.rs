//! The same trace in Perfetto, at the same place: a window of its own, which is moved by later clicks.
//!
//! ```text
//! click --> the window opens at once (only a click may open one) --PING every 100 ms--> PONG
//!       --> the file's bytes as they are, or a cut-out, moved there --> later clicks: a range, or another cut-out
//! ```

mod menu;

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, File};
use yew::prelude::*;

use crate::app::components::same_rc::SameRc;
use crate::base::show;
use crate::protocol::companion::Peer;
use crate::protocol::companion::message::Range;
use crate::protocol::companion::sender::{
    self, ADDRESS, Address, Content, EVERY_MS, Look, MOST_BYTES, MOST_NOTES, MOST_PINS, Next, content, next,
    view_message,
};
use crate::protocol::engine::{Answer, Question};
use crate::view::cut::CutRequest;
use crate::view::{Level, Span, Summary, TrackKind};
use crate::web::companion::{Opened, Windows, bytes_of, now_ms};
use crate::web::download;
use crate::web::engine::{CutFile, Engine};
use crate::web::kept;
use crate::web::timer::Timer;
pub use menu::{InPerfetto, PerfettoMenu, PerfettoSays};

/// Where the reader's Perfetto is.
const KEPT: &str = "stepscope.perfettoAddress";

/// What is between us and Perfetto.
#[derive(Clone, Debug, Default, PartialEq)]
enum Doing {
    #[default]
    Nothing,
    Calling,
    /// Writing a cut-out; so many per cent of the trace have been read again.
    Cutting(u32),
    Sending,
    /// It has the trace.
    Sent,
    /// The browser did not open the window.
    Blocked,
    /// Nobody has answered yet.
    Silent,
    Failed(String),
}

/// What is sent.
#[derive(Clone, PartialEq)]
pub struct Sent {
    /// `None`: there is no file that is a trace by itself: the sample, an archive, a worker of several.
    pub file: Option<File>,
    pub summary: SameRc<Summary>,
    pub engine: Engine,
}

/// What Perfetto is to have, and to show then.
#[derive(Clone, PartialEq)]
struct Wish {
    sent: Sent,
    content: Content,
    range: Option<Range>,
    /// The content was asked for, and not just the range.
    alone: bool,
}

impl Wish {
    /// Whether a Perfetto that has this of a trace can show what is wished for.
    fn is_served_by(&self, engine: &Engine, has: Content) -> bool {
        let holds = || has.holds(self.range.map(|range| range.span));
        self.sent.engine == *engine && (has == self.content || (!self.alone && holds()))
    }
}

/// What is being cut out or sent.
struct UnderWay {
    wish: Wish,
    is_cut: bool,
    /// Its end is awaited, and nothing comes of it.
    given_up: bool,
}

/// Perfetto, as every view can reach it.
#[derive(Clone)]
pub struct Perfetto(Rc<Inner>);

struct Inner {
    doing: UseStateHandle<Doing>,
    talk: Rc<RefCell<Talk>>,
    sent: Option<Sent>,
}

/// The window that we opened, and what was said.
#[derive(Default)]
struct Talk {
    window: Option<Opened>,
    address: Option<Address>,
    /// The trace that Perfetto has, and what of it.
    has: Option<(Engine, Content)>,
    next: Option<Wish>,
    under_way: Option<UnderWay>,
    since_ms: f64,
    timer: Option<Timer>,
    /// What is pinned there.
    pins: Vec<String>,
    pins_of: Option<Engine>,
    /// Where Perfetto is, if there is no storage to keep it in.
    chosen: Option<String>,
}

impl PartialEq for Perfetto {
    fn eq(&self, other: &Perfetto) -> bool {
        Rc::ptr_eq(&self.0.talk, &other.0.talk)
            && self.0.doing == other.0.doing
            && self.0.sent == other.0.sent
    }
}

impl Talk {
    /// Gives up what is under way. What comes next has to wait for its end: an engine writes one cut-out at a time.
    fn give_up(&mut self) {
        if let Some(it) = &mut self.under_way
            && !it.given_up
        {
            it.given_up = true;
            if it.is_cut {
                it.wish.sent.engine.cancel_cut();
            }
        }
    }

    /// The engine is gone, with the cut-out that it was writing. What is on its way to Perfetto arrives.
    fn forget(&mut self) {
        self.timer = None;
        self.next = None;
        self.under_way.take_if(|it| it.is_cut);
    }
}

/// `sent`: what is open, if it is read to its end and there is a way out of this page.
#[hook]
pub fn use_perfetto(sent: Option<Sent>) -> Perfetto {
    let doing = use_state_eq(Doing::default);
    let talk = use_mut_ref(Talk::default);
    use_effect_with(sent.as_ref().map(|sent| sent.engine.clone()), {
        let (talk, doing) = (talk.clone(), doing.clone());
        move |engine| {
            talk.borrow_mut().pins.clear();
            if let Some(engine) = engine {
                talk.borrow_mut().pins_of = Some(engine.clone());
                let (talk, asked) = (talk.clone(), engine.clone());
                engine.ask(Question::Tracks, move |answer| {
                    if let Answer::Tracks(tracks) = answer
                        && talk.borrow().pins_of.as_ref() == Some(&asked)
                    {
                        let of_interest = |kind| matches!(kind, TrackKind::Steps | TrackKind::Device);
                        // Rows of several lanes are ours alone.
                        let recorded = tracks.tracks.iter().filter(|track| track.lanes.is_empty());
                        let names = recorded.filter(|track| of_interest(track.kind));
                        talk.borrow_mut().pins =
                            names.take(MOST_PINS).map(|track| track.title.clone()).collect();
                    }
                });
            }
            // A trace that is closed takes along what was asked for of it; its engine does not say so.
            move || {
                talk.borrow_mut().forget();
                doing.set(Doing::Nothing);
            }
        }
    });
    Perfetto(Rc::new(Inner { doing, talk, sent }))
}

impl Perfetto {
    /// Whether there is something to show there.
    pub fn is_there(&self) -> bool {
        self.0.sent.is_some()
    }

    /// Shows a place of the trace there. To be called on a click.
    pub fn show_place(&self, span: Span) {
        let share = Range::SHARE;
        self.show(Some(Range { span, share }), false);
    }

    /// What hears Perfetto's answers, for the life of the page.
    pub fn talk(&self) -> PerfettoTalk {
        PerfettoTalk {
            doing: self.0.doing.clone(),
            talk: self.0.talk.clone(),
        }
    }

    /// Shows a range of the trace there, or just the trace; `alone`: the range and no more is sent. To be called on a
    /// click.
    fn show(&self, range: Option<Range>, alone: bool) {
        let Some(sent) = &self.0.sent else { return };
        let place = range.map(|range| range.span);
        let wish = Wish {
            sent: sent.clone(),
            content: content(sent.summary.bytes, sent.summary.extent, place, alone),
            range,
            alone,
        };
        let address = self.address();
        let mut talk = self.0.talk.borrow_mut();
        let is_there = talk.address.as_ref() == Some(&address)
            && talk.window.as_ref().is_some_and(|window| !window.is_closed());
        if let (true, Some(window)) = (is_there, talk.window.clone()) {
            window.focus();
            let serves = |(engine, has): &(Engine, Content)| wish.is_served_by(engine, *has);
            if talk.has.as_ref().is_some_and(serves) {
                talk.next = None;
                talk.give_up();
                drop(talk);
                if let Some(range) = range {
                    window.post_view(address.origin(), view_message(&range));
                }
                return self.say(Doing::Sent);
            }
        } else {
            let look = self.look(&talk.pins, range);
            talk.has = None;
            talk.give_up();
            talk.window = Opened::open(&address.url(&look));
            talk.address = Some(address);
            if talk.window.is_none() {
                talk.next = Some(wish);
                talk.timer = None;
                drop(talk);
                return self.say(Doing::Blocked);
            }
        }
        let serves = |it: &UnderWay| wish.is_served_by(&it.wish.sent.engine, it.wish.content);
        if !talk.under_way.as_ref().is_some_and(serves) {
            talk.give_up();
        }
        // The end of what is under way goes on with this one.
        let goes_on = talk.under_way.as_ref().map(|it| it.given_up);
        talk.next = Some(wish);
        drop(talk);
        match goes_on {
            Some(true) => self.say(Doing::Calling),
            Some(false) => {}
            None => call_now(&self.talk()),
        }
    }

    /// Asks again whether Perfetto is there.
    fn again(&self) {
        let wish = self.0.talk.borrow().next.clone();
        let (range, alone) = wish.map_or((None, false), |wish| (wish.range, wish.alone));
        self.show(range, alone);
    }

    /// Saves as a file what nobody answers for.
    fn save_instead(&self) {
        let mut talk = self.0.talk.borrow_mut();
        talk.timer = None;
        let wish = talk.next.take();
        drop(talk);
        match wish {
            Some(wish) => self.talk().save(wish),
            None => self.say(Doing::Nothing),
        }
    }

    /// What the menu says of what is sent, if it is not the file.
    fn told_before(&self) -> Option<String> {
        let sent = self.0.sent.as_ref()?;
        let bytes = sent.summary.bytes;
        sender::told_before(sent.file.as_ref().map(|_| bytes), bytes)
    }

    fn say(&self, doing: Doing) {
        self.0.doing.set(doing);
    }

    /// Sends nothing any more.
    fn end(&self) {
        let mut talk = self.0.talk.borrow_mut();
        talk.timer = None;
        talk.next = None;
        talk.give_up();
        drop(talk);
        self.say(Doing::Nothing);
    }

    fn address(&self) -> Address {
        let chosen = self.0.talk.borrow().chosen.clone().or_else(|| kept::get(KEPT));
        chosen
            .and_then(|text| Address::parse(&text).ok())
            .unwrap_or_else(|| Address::parse(ADDRESS).expect("a well-formed address"))
    }

    /// What Perfetto shows first: the range, steps and devices on top, a note at what each finding rests on.
    fn look(&self, pins: &[String], range: Option<Range>) -> Look {
        let Some(sent) = &self.0.sent else {
            return Look::default();
        };
        let summary = &sent.summary;
        let window = range
            .zip(summary.extent)
            .map(|(range, extent)| range.window().intersect(extent));
        let findings = summary.findings.iter().filter(|f| f.level != Level::Fine);
        let notes = findings.filter_map(|f| {
            let at = f.evidence.iter().find_map(|e| e.start_ns)?;
            Some((at, f.says.clone()))
        });
        Look {
            window: window.filter(|window| !window.is_empty()),
            pins: pins.to_vec(),
            notes: notes.take(MOST_NOTES).collect(),
        }
    }
}

/// See [`Perfetto::talk`].
#[derive(Clone)]
pub struct PerfettoTalk {
    doing: UseStateHandle<Doing>,
    talk: Rc<RefCell<Talk>>,
}

impl PerfettoTalk {
    /// A window that we opened says that it is there.
    pub fn answered(&self, windows: &Windows, peer: &Peer) {
        let (window, address, wish) = {
            let mut it = self.talk.borrow_mut();
            let (Some(window), Some(address)) = (it.window.clone(), it.address.clone()) else {
                return;
            };
            if !window.is(windows, peer) {
                return;
            }
            // A second answer to what is under way already, or nobody asked.
            if it.under_way.is_some() {
                return;
            }
            let Some(wish) = it.next.take() else { return };
            it.timer = None;
            (window, address, wish)
        };
        if peer.origin != address.origin() {
            self.doing.set(Doing::Failed(format!(
                "At {} stands a page of {}. The trace was not sent; if that page is right, make it the address.",
                address.page(),
                peer.origin
            )));
            return;
        }
        let summary = &wish.sent.summary;
        let file = wish.sent.file.clone();
        let file = file.filter(|_| wish.content.is_file(Some(summary.bytes)));
        self.talk.borrow_mut().under_way = Some(UnderWay {
            wish: wish.clone(),
            is_cut: file.is_none(),
            given_up: false,
        });
        match file {
            Some(file) => {
                let name = file.name();
                self.clone().send(window, address, wish, file.into(), name);
            }
            None => self.clone().cut(window, address, wish),
        }
    }

    /// Has a cut-out written, and sends it.
    fn cut(self, window: Opened, address: Address, wish: Wish) {
        let of = wish.clone();
        self.write_cut(&of, move |to, cut| {
            if cut.facts.bytes > MOST_BYTES {
                return to.failed(format!(
                    "The cut-out has {}, and a browser moves at most {} between pages. Show a place of the trace: it is sent \
                     with what surrounds it.",
                    show::bytes(cut.facts.bytes),
                    show::bytes(MOST_BYTES)
                ));
            }
            if let Some(it) = &mut to.talk.borrow_mut().under_way {
                it.is_cut = false;
            }
            to.send(window, address, wish, cut.blob, cut.facts.file_name);
        });
    }

    /// Has a cut-out written, tells how far it is, and goes on with it, unless it is given up meanwhile.
    fn write_cut(self, wish: &Wish, then: impl FnOnce(PerfettoTalk, CutFile) + 'static) {
        self.doing.set(Doing::Cutting(0));
        let to = self.clone();
        let progress = move |part: f64| {
            if to.is_wanted() {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
                to.doing
                    .set(Doing::Cutting((part.clamp(0.0, 1.0) * 100.0) as u32));
            }
        };
        let engine = &wish.sent.engine;
        engine.cut_telling(
            cut_request(wish.content),
            progress,
            move |written| match written {
                _ if !self.is_wanted() => self.go_on(),
                Ok(cut) => then(self, cut),
                Err(why) => self.failed(format!("The cut-out could not be written: {why}.")),
            },
        );
    }

    /// Saves what was to be sent, for the reader to open there.
    fn save(self, wish: Wish) {
        let file = wish.sent.file.clone();
        let is_file = |_: &File| wish.content.is_file(Some(wish.sent.summary.bytes));
        if let Some(file) = file.filter(is_file) {
            return self.saved(&file.name(), &file);
        }
        self.talk.borrow_mut().under_way = Some(UnderWay {
            wish: wish.clone(),
            is_cut: true,
            given_up: false,
        });
        self.write_cut(&wish, |to, cut| {
            to.talk.borrow_mut().under_way = None;
            to.saved(&cut.facts.file_name, &cut.blob);
        });
    }

    fn saved(&self, name: &str, blob: &Blob) {
        match download::save_blob(name, blob) {
            Ok(()) => self.doing.set(Doing::Nothing),
            Err(_) => self.failed(format!("{} could not be saved.", show::plain(name))),
        }
    }

    /// Sends a file, and shows there what was wished for, or what was clicked meanwhile.
    fn send(self, window: Opened, address: Address, wish: Wish, file: Blob, name: String) {
        self.doing.set(Doing::Sending);
        spawn_local(async move {
            let buffer = bytes_of(&file).await;
            if !self.is_wanted() || window.is_closed() {
                return self.go_on();
            }
            let posted = buffer.and_then(|buffer| window.post_trace(address.origin(), &buffer, &name));
            if let Err(why) = posted {
                return self.failed(format!("The trace could not be sent: {why}."));
            }
            let later = {
                let mut talk = self.talk.borrow_mut();
                talk.under_way = None;
                talk.has = Some((wish.sent.engine.clone(), wish.content));
                talk.next.take()
            };
            self.doing.set(Doing::Sent);
            let range = match later {
                Some(other) if !other.is_served_by(&wish.sent.engine, wish.content) => {
                    self.talk.borrow_mut().next = Some(other);
                    return call_now(&self);
                }
                Some(other) => other.range,
                None => wish.range,
            };
            if let Some(range) = range {
                window.post_view(address.origin(), view_message(&range));
            }
        });
    }

    /// Whether what is under way has not been given up.
    fn is_wanted(&self) -> bool {
        let talk = self.talk.borrow();
        talk.under_way.as_ref().is_some_and(|it| !it.given_up)
    }

    fn failed(&self, why: String) {
        self.talk.borrow_mut().under_way = None;
        self.doing.set(Doing::Failed(why));
    }

    /// Nothing is under way any more; what was clicked last comes next.
    fn go_on(&self) {
        let mut talk = self.talk.borrow_mut();
        talk.under_way = None;
        let (has_next, has_window) = (talk.next.is_some(), talk.window.is_some());
        drop(talk);
        if has_next && has_window {
            call_now(self);
        } else if !has_next {
            self.doing.set(Doing::Nothing);
        }
    }
}

fn cut_request(content: Content) -> CutRequest {
    CutRequest {
        window: match content {
            Content::Whole => None,
            Content::Stretch(span) => Some(span),
        },
        own_tracks: true,
        gzip: true,
        ..CutRequest::default()
    }
}

/// Starts to ask whether Perfetto is there.
fn call_now(to: &PerfettoTalk) {
    to.talk.borrow_mut().since_ms = now_ms();
    to.doing.set(Doing::Calling);
    call(to);
}

/// Asks whether Perfetto is there, and again in a while.
fn call(to: &PerfettoTalk) {
    let mut talk = to.talk.borrow_mut();
    let Some(window) = talk.window.clone() else { return };
    let next = next(now_ms() - talk.since_ms, window.is_closed());
    match next {
        Next::Ping | Next::PingAndTell => {
            if next == Next::PingAndTell && *to.doing != Doing::Silent {
                to.doing.set(Doing::Silent);
            }
            window.ping();
            let again = to.clone();
            talk.timer = Some(Timer::after(EVERY_MS, move || call(&again)));
        }
        Next::Gone => {
            talk.window = None;
            talk.next = None;
            to.doing.set(Doing::Nothing);
        }
        Next::GiveUp => to.doing.set(Doing::Silent),
    }
}

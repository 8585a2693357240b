//! The same trace in Perfetto, at the same place: a window of its own, which is moved by later clicks.
//!
//! ```text
//! click --> the window opens at once (only a click may open one) --PING every 100 ms--> PONG
//!       --> the file's bytes as they are, or a cut-out, moved there --> later clicks: a range, or another cut-out
//! ```

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, File, HtmlInputElement};
use yew::prelude::*;

use super::dialog::Dialog;
use super::shown::Shown;
use crate::base::show;
use crate::protocol::companion::Peer;
use crate::protocol::companion::message::Range;
use crate::protocol::companion::sender::{
    ADDRESS, Address, Content, EVERY_MS, LIMIT_MS, Look, MOST_BYTES, MOST_NOTES, MOST_PINS, Next, all_of,
    content, next, view_message,
};
use crate::protocol::engine::{Answer, Question};
use crate::view::cut::CutRequest;
use crate::view::{Level, Span, Summary, TrackKind};
use crate::web::companion::{Opened, Windows, bytes_of, kept, now_ms};
use crate::web::engine::Engine;
use crate::web::timer::Timer;

/// Where the reader's Perfetto is.
const KEPT: &str = "stepscope.perfettoAddress";

/// What is between us and Perfetto.
#[derive(Clone, Debug, Default, PartialEq)]
enum Doing {
    #[default]
    Nothing,
    Calling,
    /// Writing a cut-out.
    Cutting,
    Sending,
    /// It has the trace.
    Sent,
    /// The browser did not open the window.
    Blocked,
    /// Nobody answered.
    Silent,
    Failed(String),
}

/// What is sent.
#[derive(Clone, PartialEq)]
pub struct Sent {
    /// `None`: there is no file that is a trace by itself: the sample, an archive, a worker of several.
    pub file: Option<File>,
    pub summary: Shown<Summary>,
    pub engine: Engine,
}

/// What Perfetto is to have, and to show then.
#[derive(Clone, PartialEq)]
struct Wish {
    sent: Sent,
    content: Content,
    range: Option<Range>,
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
    /// Whose cut-out is being written.
    cutting: Option<Engine>,
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

/// `sent`: what is open, if it is read to its end and there is a way out of this page.
#[hook]
pub fn use_perfetto(sent: Option<Sent>) -> Perfetto {
    let doing = use_state_eq(Doing::default);
    let talk = use_mut_ref(Talk::default);
    use_effect_with(sent.as_ref().map(|sent| sent.engine.clone()), {
        let talk = talk.clone();
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
                        let names = tracks.tracks.iter().filter(|track| of_interest(track.kind));
                        talk.borrow_mut().pins =
                            names.take(MOST_PINS).map(|track| track.title.clone()).collect();
                    }
                });
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
        let file_bytes = sent.file.as_ref().map(|_| sent.summary.bytes);
        let place = range.map(|range| range.span);
        let Some(content) = content(file_bytes, sent.summary.extent, place, alone) else {
            self.say(Doing::Failed(format!(
                "The file has {}. A browser moves at most {} between pages; show a place of it, which sends its surroundings \
                 alone, or open the file in Perfetto from the disk.",
                show::bytes(sent.summary.bytes),
                show::bytes(MOST_BYTES)
            )));
            return;
        };
        let address = self.address();
        let mut talk = self.0.talk.borrow_mut();
        let is_there = talk.address.as_ref() == Some(&address)
            && talk.window.as_ref().is_some_and(|window| !window.is_closed());
        if let (true, Some(window)) = (is_there, talk.window.clone()) {
            window.focus();
            let has = talk.has.as_ref().filter(|(engine, _)| *engine == sent.engine);
            if has.is_some_and(|(_, has)| *has == content || (!alone && has.holds(place))) {
                if let Some(range) = range {
                    window.post_view(address.origin(), view_message(&range));
                }
                return;
            }
        } else {
            let look = self.look(&talk.pins, range);
            talk.has = None;
            talk.window = Opened::open(&address.url(&look));
            talk.address = Some(address);
            if talk.window.is_none() {
                talk.next = None;
                talk.timer = None;
                drop(talk);
                self.say(Doing::Blocked);
                return;
            }
        }
        talk.next = Some(Wish {
            sent: sent.clone(),
            content,
            range,
        });
        if matches!(*self.0.doing, Doing::Sending | Doing::Cutting) {
            return;
        }
        talk.since_ms = now_ms();
        drop(talk);
        self.say(Doing::Calling);
        call(&self.talk());
    }

    /// Asks again whether Perfetto is there.
    fn again(&self) {
        let wish = self.0.talk.borrow().next.clone();
        let range = wish.as_ref().and_then(|wish| wish.range);
        let alone =
            wish.is_some_and(|wish| Some(wish.content) == range.map(|range| Content::Stretch(range.span)));
        self.show(range, alone);
    }

    fn say(&self, doing: Doing) {
        self.0.doing.set(doing);
    }

    /// Sends nothing any more.
    fn end(&self) {
        let mut talk = self.0.talk.borrow_mut();
        talk.timer = None;
        talk.next = None;
        let cutting = talk.cutting.take();
        drop(talk);
        if let Some(engine) = cutting {
            engine.cancel_cut();
        }
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
            let Some(wish) = it.next.take() else {
                return;
            };
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
        let file = wish.sent.file.clone().filter(|_| wish.content == Content::Whole);
        if let Some(file) = file {
            let name = file.name();
            return self.clone().send(window, address, wish, file.into(), name);
        }
        let request = CutRequest {
            window: match wish.content {
                Content::Whole => None,
                Content::Stretch(span) => Some(span),
            },
            own_tracks: true,
            gzip: true,
            ..CutRequest::default()
        };
        self.doing.set(Doing::Cutting);
        self.talk.borrow_mut().cutting = Some(wish.sent.engine.clone());
        let to = self.clone();
        wish.sent.engine.clone().cut(request, move |written| {
            // It was given up meanwhile.
            if to.talk.borrow_mut().cutting.take().is_none() {
                return;
            }
            match written {
                Ok(cut) => to.send(window, address, wish, cut.blob, cut.facts.file_name),
                Err(why) => to
                    .doing
                    .set(Doing::Failed(format!("The stretch could not be cut out: {why}."))),
            }
        });
    }

    /// Sends a file, and shows there what was wished for, or what was clicked meanwhile.
    fn send(self, window: Opened, address: Address, wish: Wish, file: Blob, name: String) {
        self.doing.set(Doing::Sending);
        spawn_local(async move {
            let posted = match bytes_of(&file).await {
                Ok(buffer) => window.post_trace(address.origin(), &buffer, &name),
                Err(why) => Err(why),
            };
            if let Err(why) = posted {
                return self
                    .doing
                    .set(Doing::Failed(format!("The trace could not be sent: {why}.")));
            }
            let later = self.talk.borrow_mut().next.take();
            self.talk.borrow_mut().has = Some((wish.sent.engine.clone(), wish.content));
            self.doing.set(Doing::Sent);
            let range = match later {
                Some(other) if other.sent != wish.sent || other.content != wish.content => {
                    self.talk.borrow_mut().next = Some(other);
                    self.talk.borrow_mut().since_ms = now_ms();
                    self.doing.set(Doing::Calling);
                    return call(&self);
                }
                Some(other) => other.range,
                None => wish.range,
            };
            if let Some(range) = range {
                window.post_view(address.origin(), view_message(&range));
            }
        });
    }
}

/// Asks whether Perfetto is there, and again in a while.
fn call(to: &PerfettoTalk) {
    let mut talk = to.talk.borrow_mut();
    let Some(window) = talk.window.clone() else { return };
    match next(now_ms() - talk.since_ms, window.is_closed()) {
        Next::Ping => {
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

#[derive(Properties, PartialEq)]
pub struct PerfettoMenuProps {
    /// What the timeline shows.
    pub window: Option<Span>,
}

/// The menu in the head.
#[component]
pub fn PerfettoMenu(props: &PerfettoMenuProps) -> Html {
    let menu = use_node_ref();
    let setting = use_state_eq(|| false);
    let Some(perfetto) = use_context::<Perfetto>().filter(Perfetto::is_there) else {
        return html! {};
    };
    let close = {
        let menu = menu.clone();
        move || {
            if let Some(menu) = menu.cast::<web_sys::Element>() {
                // A menu that stays open is only untidy.
                drop(menu.remove_attribute("open"));
            }
        }
    };
    let show = |range: Option<Range>, alone: bool| {
        let (perfetto, close) = (perfetto.clone(), close.clone());
        move |_: MouseEvent| {
            close();
            perfetto.show(range, alone);
        }
    };
    let on_setting = {
        let (setting, close) = (setting.clone(), close.clone());
        move |_: MouseEvent| {
            close();
            setting.set(true);
        }
    };
    let on_close = {
        let setting = setting.clone();
        Callback::from(move |()| setting.set(false))
    };
    html! {
        <>
            <details ref={menu} class="menu perfetto-menu">
                <summary>{ "Perfetto" }</summary>
                <div class="menu-items">
                    <button type="button" onclick={show(None, false)}>{ "Open the whole trace in Perfetto" }</button>
                    if let Some(window) = props.window {
                        <button type="button" onclick={show(Some(all_of(window)), false)}>{ "Show the timeline's window in Perfetto" }</button>
                        <button type="button" onclick={show(Some(all_of(window)), true)}
                            title="A cut-out of the window, with Stepscope's steps, gaps, compiles and findings as tracks of their own">{ "Open the timeline's window alone" }</button>
                    }
                    <button type="button" onclick={on_setting}>{ "Address of Perfetto…" }</button>
                </div>
            </details>
            if *setting {
                <Setting perfetto={perfetto.clone()} {on_close} />
            }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct SettingProps {
    perfetto: Perfetto,
    on_close: Callback<()>,
}

#[component]
fn Setting(props: &SettingProps) -> Html {
    let input = use_node_ref();
    let wrong = use_state_eq(|| None::<&'static str>);
    let address = props.perfetto.address();
    let onsubmit = {
        let (input, wrong) = (input.clone(), wrong.clone());
        let (perfetto, on_close) = (props.perfetto.clone(), props.on_close.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            let text = input
                .cast::<HtmlInputElement>()
                .map(|input| input.value())
                .unwrap_or_default();
            let text = if text.trim().is_empty() {
                ADDRESS.to_owned()
            } else {
                text
            };
            match Address::parse(&text) {
                Ok(address) => {
                    kept::set(KEPT, address.page());
                    perfetto.0.talk.borrow_mut().chosen = Some(address.page().to_owned());
                    on_close.emit(());
                }
                Err(why) => wrong.set(Some(why)),
            }
        }
    };
    html! {
        <Dialog class="ask" label="Address of Perfetto" on_close={props.on_close.clone()}>
            <h2>{ "Address of Perfetto" }</h2>
            <form {onsubmit}>
                <p><label for="perfetto-address">{ "Perfetto itself, a vendor's version of it, or your own:" }</label></p>
                <p><input id="perfetto-address" ref={input} type="text" inputmode="url" class="address" value={address.page().to_owned()}
                    aria-invalid={wrong.is_some().to_string()} aria-describedby="perfetto-says" /></p>
                <p id="perfetto-says" class="soft" role="status">{ wrong.map_or_else(
                    || format!("Empty is {ADDRESS}. The trace is sent to the page at this address, and to no other."),
                    |why| format!("✕ {why}.")) }</p>
                <div class="buttons">
                    <button type="submit" class="main">{ "Keep" }</button>
                    <button type="button" onclick={props.on_close.reform(|_: MouseEvent| ())}>{ "Cancel" }</button>
                </div>
            </form>
        </Dialog>
    }
}

/// How it goes with Perfetto, while there is something to say.
#[component]
pub fn PerfettoSays() -> Html {
    let Some(perfetto) = use_context::<Perfetto>() else {
        return html! {};
    };
    let end = {
        let perfetto = perfetto.clone();
        move |_: MouseEvent| perfetto.end()
    };
    let again = {
        let perfetto = perfetto.clone();
        move |_: MouseEvent| perfetto.again()
    };
    let host = perfetto.address().origin().to_owned();
    let (says, word) = match &*perfetto.0.doing {
        Doing::Nothing | Doing::Sent => return html! {},
        Doing::Calling => (format!("Waiting for {host} to answer…"), None),
        Doing::Cutting => (format!("Cutting out what {host} is sent…"), None),
        Doing::Sending => (format!("Sending the trace to {host}…"), None),
        Doing::Blocked => (
            "The browser did not let this page open a window.".to_owned(),
            Some("Open Perfetto"),
        ),
        Doing::Silent => (
            format!(
                "{host} did not answer within {:.0} s. It may still be loading, or be no Perfetto.",
                LIMIT_MS / 1000.0
            ),
            Some("Ask again"),
        ),
        Doing::Failed(why) => (why.clone(), None),
    };
    html! {
        <p class="trouble stopped perfetto-says" role="status">
            <b>{ "Perfetto. " }</b>{ says }{ " " }
            if let Some(word) = word { <button type="button" onclick={again}>{ word }</button>{ " " } }
            <button type="button" onclick={end}>{ if matches!(*perfetto.0.doing, Doing::Calling | Doing::Cutting | Doing::Sending) { "Cancel" } else { "Close" } }</button>
        </p>
    }
}

#[derive(Properties, PartialEq)]
pub struct InPerfettoProps {
    pub span: Span,
    /// What is shown there: `the gap of 3.1 ms`.
    pub what: AttrValue,
}

/// A quiet word beside a place of the trace: shows it in Perfetto.
#[component]
pub fn InPerfetto(props: &InPerfettoProps) -> Html {
    let Some(perfetto) = use_context::<Perfetto>().filter(Perfetto::is_there) else {
        return html! {};
    };
    let range = Range {
        span: props.span,
        share: Range::SHARE,
    };
    let label = format!("Show {} in Perfetto", props.what);
    html! {
        <button type="button" class="in-perfetto" aria-label={label.clone()} title={label}
            onclick={move |_: MouseEvent| perfetto.show(Some(range), false)}>{ "Perfetto" }</button>
    }
}

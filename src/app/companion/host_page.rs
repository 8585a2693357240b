//! A host page: what it posts is opened and shown, and it hears what became of it. What is allowed is judged in
//! [`protocol::companion`](crate::protocol::companion).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::MessageEvent;
use yew::prelude::*;

use crate::app::components::confirm::Confirm;
use crate::app::shell::state::{Action, Stage, State};
use crate::base::show;
use crate::protocol::companion::message::{Range, judge};
use crate::protocol::companion::receiver::{Act, Consent, Decision, Event as Heard, Receiver};
use crate::protocol::companion::{Peer, receiver::Times};
use crate::protocol::engine::{Answer, Question};
use crate::view::Span;
use crate::view::route::{Route, View};
use crate::web::companion::{self, Windows};
use crate::web::files::Picked;

/// The other pages, as long as this one lives.
#[derive(Clone)]
pub struct Host(Rc<Inner>);

struct Inner {
    windows: RefCell<Windows>,
    receiver: RefCell<Receiver<JsValue>>,
    /// Counts what was opened, so that bytes that come late do not replace what was opened since.
    opened: Cell<u32>,
    /// What a host asked to be shown last: it is not told of that.
    shown: Cell<Option<Span>>,
    told: RefCell<Option<Told>>,
}

/// Who is told of what the receiver wants done.
struct Told {
    open: Callback<Picked>,
    ask: Callback<Consent>,
    dispatch: UseReducerDispatcher<State>,
}

impl PartialEq for Host {
    fn eq(&self, other: &Host) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Host {
    pub fn new() -> Host {
        let receiver = Receiver::new(companion::own_origin(), companion::allowed_origins());
        Host(Rc::new(Inner {
            windows: RefCell::default(),
            receiver: RefCell::new(receiver),
            opened: Cell::new(0),
            shown: Cell::new(None),
            told: RefCell::new(None),
        }))
    }

    /// Takes messages from now on. `answered`: a window that we opened says that it is there.
    fn listen(&self, told: Told, answered: impl Fn(&Windows, &Peer) + 'static) {
        *self.0.told.borrow_mut() = Some(told);
        let host = self.clone();
        companion::listen(move |event: MessageEvent| {
            let Some(incoming) = host.0.windows.borrow_mut().read(&event) else {
                return;
            };
            if incoming.pong {
                answered(&host.0.windows.borrow(), &incoming.peer);
                return;
            }
            let acts = {
                let mut receiver = host.0.receiver.borrow_mut();
                receiver.posted(&incoming.peer, judge(&incoming.raw), incoming.bytes)
            };
            host.perform(acts);
        });
    }

    /// The reader closed what was open, or opens something himself.
    pub fn left(&self, opens: bool) {
        self.0.opened.set(self.0.opened.get() + 1);
        self.0.receiver.borrow_mut().left(opens);
    }

    /// The reader has drawn an area in the timeline.
    pub fn drawn(&self, window: Span) {
        if self.0.receiver.borrow().is_heard() {
            self.tell(Heard::Selection {
                name: String::new(),
                times: Times::from(window),
            });
        }
    }

    fn decided(&self, decision: Decision) {
        let acts = self.0.receiver.borrow_mut().decided(decision);
        self.perform(acts);
    }

    fn tell(&self, event: Heard) {
        let acts = self.0.receiver.borrow().tell(event);
        self.perform(acts);
    }

    fn perform(&self, acts: Vec<Act<JsValue>>) {
        for act in acts {
            match act {
                Act::Open { bytes, head } => self.open(bytes, head.name),
                Act::Ask(consent) => {
                    if let Some(told) = &*self.0.told.borrow() {
                        told.ask.emit(consent);
                    }
                }
                Act::Remember(origin) => companion::allow_origin(&origin),
                Act::Show(range) => self.show(&range),
                Act::Tell(peer, event) => self.0.windows.borrow().tell(&peer, event),
            }
        }
    }

    fn open(&self, bytes: JsValue, name: String) {
        let mine = self.0.opened.get() + 1;
        self.0.opened.set(mine);
        let host = self.clone();
        spawn_local(async move {
            let picked = companion::picked(bytes, &name).await;
            if host.0.opened.get() != mine {
                return;
            }
            let told = host.0.told.borrow();
            match (picked, &*told) {
                (Ok(picked), Some(told)) => told.open.emit(picked),
                (Err(why), Some(told)) => {
                    told.dispatch.dispatch(Action::Trouble(Some(why.clone().into())));
                    host.tell(Heard::Error { says: why });
                }
                (_, None) => {}
            }
        });
    }

    fn show(&self, range: &Range) {
        let span = range.span;
        let mark = Span::new(span.start, span.end.max(span.start.saturating_add(1)));
        self.0.shown.set(Some(mark));
        if let Some(told) = &*self.0.told.borrow() {
            told.dispatch.dispatch(Action::Hash(Route {
                view: View::Timeline,
                window: Some(range.window()),
                mark: Some(mark),
                ..Route::default()
            }));
        }
    }
}

/// What the reader selected last, so that what changed can be told.
type Selected = (Option<Span>, Option<u32>, Option<u32>);

/// The host's side of the page. Gives the question that the reader is asked, if any.
#[hook]
pub fn use_host(
    host: &Host,
    state: &UseReducerHandle<State>,
    open: &Callback<Picked>,
    answered: impl Fn(&Windows, &Peer) + 'static,
) -> Html {
    let consent = use_state_eq(|| None::<Consent>);
    use_effect_with((), {
        let (host, consent) = (host.clone(), consent.clone());
        let told = Told {
            open: open.clone(),
            ask: Callback::from(move |asked| consent.set(Some(asked))),
            dispatch: state.dispatcher(),
        };
        move |()| host.listen(told, answered)
    });
    use_effect_with(state.stage.clone(), {
        let (host, state) = (host.clone(), state.clone());
        move |stage| match stage {
            Stage::Ready => {
                let (events, extent) = match &state.summary {
                    Some(summary) => (summary.events, summary.extent),
                    None => (0, None),
                };
                let acts = host.0.receiver.borrow_mut().loaded(events, extent);
                host.perform(acts);
            }
            Stage::Asking => host.tell(Heard::Error {
                says: "The trace does not fit into memory; the reader is asked what to load.".into(),
            }),
            Stage::Failed => host.tell(Heard::Error {
                says: state.trouble.as_deref().unwrap_or("It could not be read.").into(),
            }),
            Stage::Empty | Stage::Loading => {}
        }
    });
    use_effect_with(state.progress, {
        let host = host.clone();
        move |progress| {
            if let Some(progress) = progress {
                host.tell(Heard::Progress {
                    bytes_read: progress.bytes_read,
                    bytes_total: progress.bytes_total,
                    events: progress.events,
                });
            }
        }
    });
    let before = use_mut_ref(Selected::default);
    let place = &state.place;
    use_effect_with((place.mark, place.slice, place.step), {
        let (host, state) = (host.clone(), state.clone());
        move |now: &Selected| {
            let was = before.replace(*now);
            tell_selection(&host, &state, was, *now);
        }
    });

    let Some(asked) = (*consent).clone() else {
        return html! {};
    };
    let on_decision = {
        let (host, consent) = (host.clone(), consent.clone());
        Callback::from(move |decision| {
            consent.set(None);
            host.decided(decision);
        })
    };
    html! { <Ask {asked} {on_decision} /> }
}

/// Tells the host what is selected now, unless the host selected it.
fn tell_selection(host: &Host, state: &State, was: Selected, now: Selected) {
    let Some(engine) = &state.engine else { return };
    if state.stage != Stage::Ready || !host.0.receiver.borrow().is_heard() {
        return;
    }
    let (mark, slice, step) = now;
    let tell = |host: &Host, name: String, span: Span| {
        host.tell(Heard::Selection {
            name,
            times: Times::from(span),
        });
    };
    let host = host.clone();
    let span_of = |start_ns: i64, dur_ns: i64| Span::new(start_ns, start_ns.saturating_add(dur_ns));
    if let Some(slice) = slice.filter(|_| was.1 != slice) {
        engine.ask(Question::Slice { slice }, move |answer| {
            if let Answer::Slice(it) = answer {
                tell(&host, it.name, mark.unwrap_or(span_of(it.start_ns, it.dur_ns)));
            }
        });
    } else if let Some(mark) = mark.filter(|_| was.0 != mark) {
        if host.0.shown.take() != Some(mark) {
            tell(&host, String::new(), mark);
        }
    } else if let Some(index) = step.filter(|_| was.2 != step) {
        engine.ask(Question::Step { index }, move |answer| {
            if let Answer::Step(it) = answer {
                let span = span_of(it.step.start_ns, it.step.dur_ns);
                tell(&host, format!("step {index}"), span);
            }
        });
    }
}

#[derive(Properties, PartialEq)]
struct AskProps {
    asked: Consent,
    on_decision: Callback<Decision>,
}

/// Asks whether a trace of another page is opened.
#[component]
fn Ask(props: &AskProps) -> Html {
    let Consent {
        origin,
        name,
        bytes,
        may_remember,
        replaces,
    } = &props.asked;
    let decide = |decision| props.on_decision.reform(move |()| decision);
    let size = bytes.map(|n| format!(", {}", show::bytes(n))).unwrap_or_default();
    let mut answers = vec![
        ("No".into(), decide(Decision::No)),
        ("Open it".into(), decide(Decision::Yes)),
    ];
    if *may_remember {
        answers.push(("Always open traces of this page".into(), decide(Decision::Always)));
    }
    html! {
        <Confirm question="Open a trace of another page?" {answers}>
            if origin == "null" {
                <p>
                    { "A page that does not say where it is from (a local file, or one in a sandbox) sends a trace:" }
                </p>
            } else {
                <p><b class="origin">{ origin.clone() }</b>{ " sends a trace:" }</p>
            }
            <p><span class="name">{ name.clone() }</span>{ size }</p>
            if *replaces {
                <p>{ "It would replace the trace that you opened." }</p>
            }
            <p class="soft">
                { "It is read here, on this machine. The page that sent it may move the timeline, and it hears what you \
                   select in this trace if it asks to." }
            </p>
        </Confirm>
    }
}

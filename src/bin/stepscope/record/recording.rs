//! One recording: start, wait, stop, wait for the traces. A profile that was started is stopped, whatever happens in
//! between.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

use anyhow::{Error, Result, bail};

use stepscope::base::show;

use super::files::Folder;
use super::interrupts::{Interrupts, end_by};
use super::server::{Answer, START, STOP, Server, was_sent};
use super::{Clock, RecordArgs, say, words};

/// A server starts its profiler within seconds.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long the stop of a profile is waited for where nobody waits for its traces.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Where the server refused to stop, traces are there already or never will be.
const REFUSED_STOP_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at the folder.
const TICK: Duration = Duration::from_secs(1);
/// A wait that is only ended by an event looks up this often.
const LOOK_UP: Duration = Duration::from_secs(10);

/// What happens while the program waits.
pub enum Event {
    Started(Result<Answer, ureq::Error>),
    Enter,
    /// All requests are answered, or one was refused.
    Requested(Result<()>),
    Stopped(Result<Answer, ureq::Error>),
    /// A signal that would end the program.
    #[cfg_attr(not(unix), expect(dead_code, reason = "signals are heard on Unix"))]
    Signal(i32),
}

/// A profile that runs. However this is left, the server is asked to stop it.
struct Running {
    server: Server,
    is_stopped: bool,
}

impl Running {
    /// Asks the server to stop; the answer is an event.
    fn stop(&mut self, tell: &Sender<Event>) {
        self.is_stopped = true;
        let (server, tell) = (self.server.clone(), tell.clone());
        spawn(move || drop(tell.send(Event::Stopped(server.stop_profile()))));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_stopped {
            let (tell, events) = channel();
            self.stop(&tell);
            say_how_it_stopped(&self.server, &events, STOP_LIMIT);
        }
    }
}

/// Says what becomes of a profile whose traces are not waited for.
fn say_how_it_stopped(server: &Server, events: &Receiver<Event>, limit: Duration) {
    let deadline = Instant::now() + limit;
    loop {
        match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Stopped(answer)) => match server.fine(STOP, answer) {
                Ok(()) => return say("the profile is stopped"),
                Err(error) => return say(&format!("stopping the profile: {error:#}")),
            },
            Ok(_) => {}
            Err(_) => {
                return say(
                    "the server was asked to stop the profile and goes on writing what it has recorded",
                );
            }
        }
    }
}

/// Why a recording ended.
enum End {
    InTime,
    Failed(Error),
    Signal(i32),
}

/// Records, and gives the traces when they are whole.
pub fn recorded(
    args: &RecordArgs,
    server: &Server,
    model: Option<String>,
    folder: &Folder,
) -> Result<Vec<PathBuf>> {
    let (tell, events) = channel();
    let interrupts = Interrupts::watch(tell.clone());
    let mut running = start(args, server, folder, &tell, &events)?;
    let until = match (args.requests, args.duration) {
        (Some(n), _) => format!("until {} answered", are(n)),
        (None, Some(time)) => format!("for {}", words(time)),
        (None, None) => "until you press Enter".to_owned(),
    };
    let (name, url, at) = (server.kind.name(), &server.url, folder.path.display());
    say(&format!(
        "{name} at {url} records {until}; new traces are looked for in {at}"
    ));
    match (model, args.requests) {
        (Some(model), Some(n)) => request(args, server, &model, n, &tell),
        _ if args.duration.is_none() => {
            let tell = tell.clone();
            spawn(move || {
                drop(std::io::stdin().read_line(&mut String::new()));
                drop(tell.send(Event::Enter));
            });
        }
        _ => {}
    }
    let end = wait_for_the_end(args.duration, &events);
    running.stop(&tell);
    match end {
        End::InTime => {}
        End::Failed(error) => {
            say_how_it_stopped(server, &events, STOP_LIMIT);
            return Err(error);
        }
        End::Signal(signal) => {
            say_how_it_stopped(server, &events, STOP_LIMIT);
            end_by(signal);
            bail!("interrupted");
        }
    }
    say("stopping the profile; a server may write its traces for many minutes");
    let mut clock = Clock::new(args.wait);
    let answer = wait_for_the_stop(server, folder, &mut clock, &events)?;
    let (is_refused, is_sent) = match &answer {
        Ok(answer) => (answer.is_refusal(), true),
        Err(error) => (false, was_sent(error)),
    };
    match server.fine(STOP, answer) {
        Ok(()) => {}
        Err(error) if !is_sent => return Err(error.context("the profile could not be stopped")),
        // It may have ended by a limit of the server, or a proxy has not waited for the answer.
        Err(error) => say(&format!("{error:#}. Looking for traces nevertheless")),
    }
    if is_refused {
        clock.limit = clock.limit.min(clock.started.elapsed() + REFUSED_STOP_LIMIT);
    }
    drop(interrupts);
    folder.wait(&mut clock, args.settle)
}

fn are(n: NonZeroU32) -> String {
    let verb = if n.get() == 1 { "is" } else { "are" };
    format!("{} {verb}", show::counted(n.get().into(), "request"))
}

/// Starts the profiler, or says why it does not start.
fn start(
    args: &RecordArgs,
    server: &Server,
    folder: &Folder,
    tell: &Sender<Event>,
    events: &Receiver<Event>,
) -> Result<Running> {
    let at: &Path = args.server_dir.as_deref().unwrap_or(&folder.path);
    let (asked, at, told) = (server.clone(), at.to_owned(), tell.clone());
    spawn(move || drop(told.send(Event::Started(asked.start_profile(&at)))));
    let mut running = Running {
        server: server.clone(),
        is_stopped: false,
    };
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Started(answer)) => {
                // A server that refuses has not started; one that breaks off may have.
                running.is_stopped = match &answer {
                    Ok(_) => true,
                    Err(error) => !was_sent(error),
                };
                server.fine(START, answer)?;
                running.is_stopped = false;
                return Ok(running);
            }
            Ok(Event::Signal(signal)) => {
                drop(running);
                end_by(signal);
                bail!("interrupted");
            }
            Ok(_) => {}
            Err(_) => bail!(
                "{}: no answer to {START} for {}; see the server's log",
                server.url,
                words(START_LIMIT)
            ),
        }
    }
}

/// Sends the requests, several at a time; that all are answered, or that one is refused, is an event.
fn request(args: &RecordArgs, server: &Server, model: &str, n: NonZeroU32, tell: &Sender<Event>) {
    let taken = Arc::new(AtomicU32::new(0));
    let ask = || {
        let (server, taken, tell) = (server.clone(), taken.clone(), tell.clone());
        let (model, prompt, max_tokens) = (model.to_owned(), args.prompt.clone(), args.max_tokens);
        spawn(move || {
            while taken.fetch_add(1, Ordering::Relaxed) < n.get() {
                if let Err(error) = server.complete(&model, &prompt, max_tokens) {
                    taken.store(n.get(), Ordering::Relaxed);
                    drop(tell.send(Event::Requested(Err(error))));
                }
            }
        })
    };
    let threads: Vec<_> = (0..n.min(args.concurrency).get()).map(|_| ask()).collect();
    let tell = tell.clone();
    spawn(move || {
        for thread in threads {
            drop(thread.join());
        }
        drop(tell.send(Event::Requested(Ok(()))));
    });
}

fn wait_for_the_end(duration: Option<Duration>, events: &Receiver<Event>) -> End {
    let deadline = duration.map(|duration| Instant::now() + duration);
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match events.recv_timeout(left.unwrap_or(LOOK_UP)) {
            Ok(Event::Enter | Event::Requested(Ok(()))) => return End::InTime,
            Ok(Event::Requested(Err(error))) => return End::Failed(error),
            Ok(Event::Signal(signal)) => return End::Signal(signal),
            Ok(Event::Started(_) | Event::Stopped(_)) => {}
            Err(RecvTimeoutError::Timeout) if deadline.is_none() => {}
            Err(_) => return End::InTime,
        }
    }
}

/// Waits for the answer to a stop, whatever it says.
fn wait_for_the_stop(
    server: &Server,
    folder: &Folder,
    clock: &mut Clock,
    events: &Receiver<Event>,
) -> Result<Result<Answer, ureq::Error>> {
    loop {
        match events.recv_timeout(TICK.min(clock.left())) {
            Ok(Event::Stopped(answer)) => return Ok(answer),
            Ok(Event::Signal(signal)) => {
                say_how_it_stopped(server, events, Duration::from_secs(1));
                end_by(signal);
                bail!("interrupted");
            }
            _ => {}
        }
        let sum = folder.sum();
        clock.tell(sum);
        if clock.is_over() {
            bail!(
                "{}: no answer to {STOP} after {} ({}). If the server still writes, give a longer --wait",
                server.url,
                words(clock.limit),
                sum.words()
            );
        }
    }
}

//! Ctrl-C while a server records: heard, so that the profile is stopped first.

use std::sync::mpsc::Sender;

use super::recording::Event;

/// While this is kept, a signal that would end the program is an event.
pub struct Interrupts {
    #[cfg(unix)]
    handle: Option<signal_hook::iterator::Handle>,
}

impl Interrupts {
    #[cfg(unix)]
    pub fn watch(tell: Sender<Event>) -> Interrupts {
        use super::super::fresh::signals::ending;
        let signals = signal_hook::iterator::Signals::new(ending()).ok();
        let handle = signals.as_ref().map(signal_hook::iterator::Signals::handle);
        if let Some(mut signals) = signals {
            std::thread::spawn(move || {
                for signal in signals.forever() {
                    drop(tell.send(Event::Signal(signal)));
                }
            });
        }
        Interrupts { handle }
    }

    #[cfg(not(unix))]
    pub fn watch(_: Sender<Event>) -> Interrupts {
        Interrupts {}
    }
}

impl Drop for Interrupts {
    /// From now on, signals end the program again.
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(handle) = &self.handle {
            // First: without any handler of its own the program would ignore them.
            super::super::fresh::signals::watch();
            handle.close();
        }
    }
}

/// Ends as the signal would have ended the program.
#[cfg(unix)]
pub fn end_by(signal: i32) {
    drop(signal_hook::low_level::emulate_default_handler(signal));
}

#[cfg(not(unix))]
pub fn end_by(_: i32) {}

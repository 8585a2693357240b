//! Whether a worker that unpacks or reads a file is still there. The page asks it once a beat; a worker answers
//! between two pieces of work, and says so before it computes for long.
//!
//! Silence is counted in beats, not by a clock: after a sleep of the machine no beat has passed.

/// Between two beats, ms.
pub const BEAT_MS: i32 = 1_000;
/// Beats without a word until the reader is told. Between two pieces of text lie some ms.
const SILENT: u32 = 4;
/// Beats until the worker is given up: a machine that swaps may stop it for seconds.
const GONE: u32 = 20;

/// What a beat shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Alive,
    /// For the first time it does not answer.
    FallsSilent,
    /// It did not answer before, either.
    Silent,
    Gone,
}

/// What was heard of a worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pulse {
    /// Before it has started, it cannot answer.
    started: bool,
    /// It said that it computes, and has said nothing of what came of it.
    computes: bool,
    missed: u32,
}

impl Pulse {
    /// It answered. Whether it had been silent.
    pub fn answered(&mut self) -> bool {
        let was_silent = self.missed >= SILENT;
        self.started = true;
        self.missed = 0;
        was_silent
    }

    /// It told of its work by itself. Whether it had been silent.
    pub fn told(&mut self, computes: bool) -> bool {
        self.computes = computes;
        self.answered()
    }

    /// A beat has passed.
    pub fn beat(&mut self) -> State {
        if !self.started || self.computes {
            return State::Alive;
        }
        self.missed += 1;
        match self.missed {
            0..SILENT => State::Alive,
            SILENT => State::FallsSilent,
            GONE.. => State::Gone,
            _ => State::Silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beats(pulse: &mut Pulse, n: u32) -> Vec<State> {
        (0..n).map(|_| pulse.beat()).collect()
    }

    #[test]
    fn a_worker_that_ends_is_noticed_within_five_seconds_and_given_up_after_twenty() {
        let mut pulse = Pulse::default();
        assert_eq!(beats(&mut pulse, 30), [State::Alive; 30], "it is being started");
        pulse.answered();
        let states = beats(&mut pulse, 20);
        let at = states.iter().position(|state| *state == State::FallsSilent);
        assert_eq!(
            at,
            Some(3),
            "the fourth beat; the end was up to a beat before the first"
        );
        assert_eq!(states[4..19], [State::Silent; 15]);
        assert_eq!(states[19], State::Gone);
    }

    #[test]
    fn a_worker_that_said_that_it_computes_may_take_its_time() {
        let mut pulse = Pulse::default();
        pulse.told(true);
        // An answer to a question of before says nothing of the computation.
        pulse.answered();
        assert_eq!(beats(&mut pulse, 300), [State::Alive; 300]);
        pulse.told(false);
        assert_eq!(beats(&mut pulse, 4)[3], State::FallsSilent);
        assert!(pulse.answered(), "it had been silent");
        assert!(!pulse.answered());
        assert_eq!(pulse.beat(), State::Alive);
    }
}

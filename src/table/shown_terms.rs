//! Values of closed sets as tables show them.

use crate::analyze::report::{
    Cause, CompileUse, DifferenceKind, Engine, Evidence, GapKind, IdleCause, Period, Phase, Sure, WorkKind,
};
use crate::base::Colour;

use super::cell::Term;

fn term(key: &'static str, word: &'static str, colour: Option<Colour>, means: &'static str) -> Term {
    Term {
        key: key.into(),
        word: word.into(),
        colour: colour.map_or("", Colour::key).into(),
        means: means.into(),
    }
}

pub fn phase(phase: Phase) -> Term {
    term(phase.key(), phase.word(), Some(phase.colour()), "")
}

pub fn period(period: Period) -> Term {
    term(period.key(), period.word(), None, period.means())
}

pub fn difference(kind: DifferenceKind) -> Term {
    term(kind.key(), kind.word(), None, kind.means())
}

pub fn sure(sure: Sure) -> Term {
    term(sure.key(), sure.key(), None, sure.means())
}

pub fn evidence(evidence: Evidence) -> Term {
    term(evidence.key(), evidence.word(), None, evidence.means())
}

pub fn gap_kind(kind: GapKind) -> Term {
    term(kind.key(), kind.word(), None, "")
}

pub fn cause(cause: Cause) -> Term {
    term(cause.key(), cause.word(), Some(cause.colour()), cause.means())
}

pub fn idle_cause(cause: IdleCause) -> Term {
    term(cause.key(), cause.says(), Some(cause.colour()), cause.means())
}

/// A kind of device work, or a device's engine, by the key that the report has for it.
pub fn work_kind(key: &str) -> Term {
    if let Some(engine) = Engine::from_key(key) {
        return term(engine.key(), engine.word(), Some(engine.colour()), "");
    }
    let colour = WorkKind::from_key(key).map_or(Colour::DeviceOther, WorkKind::colour);
    Term {
        colour: colour.key().into(),
        ..Term::word(key.to_owned())
    }
}

/// Which use of its bucket a compile was for.
pub fn compile_use(of: CompileUse) -> Term {
    term(of.key(), of.word(), None, of.means())
}

//! The words and the colour keys of the page, as the declarations of each set have them. A colour is never alone: its
//! word stands beside it.

use crate::base::show;
use crate::view::{BarClass, Cause, Evidence, GapKind, Level, Phase, Sure, TrackKind, share_colour};

pub fn phase(phase: Phase) -> &'static str {
    phase.word()
}

pub fn phase_key(phase: Phase) -> &'static str {
    phase.colour().key()
}

pub fn sure(sure: Sure) -> (&'static str, &'static str) {
    (sure.key(), sure.means())
}

pub fn level(level: Level) -> (&'static str, &'static str) {
    (level.icon(), level.word())
}

pub fn evidence(evidence: Evidence) -> (&'static str, &'static str) {
    (evidence.word(), evidence.means())
}

pub fn cause(cause: Cause) -> (&'static str, &'static str) {
    (cause.word(), cause.means())
}

pub fn cause_key(cause: Cause) -> &'static str {
    cause.colour().key()
}

pub fn gap_kind(kind: GapKind) -> &'static str {
    kind.word()
}

/// The colour of a share of the time budget.
pub fn budget_key(id: &str) -> &'static str {
    share_colour(id).key()
}

pub fn class_key(class: BarClass) -> &'static str {
    class.colour().key()
}

pub fn track_kind(kind: TrackKind) -> &'static str {
    kind.word()
}

/// What was given to open, for people: names, or how many files of which folder.
pub fn files(names: &[&str]) -> String {
    match names {
        [first, _, _, _, ..] => {
            let folder = first.split_once('/').map_or("", |(folder, _)| folder);
            let of = if folder.is_empty() {
                String::new()
            } else {
                format!(" of {}", show::plain(folder))
            };
            format!("{} files{of}", names.len())
        }
        few => show::plain(&few.join(", ")),
    }
}

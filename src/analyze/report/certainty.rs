//! How much a finding matters, and how sure it is.

use crate::base::closed_set::closed_set;

closed_set! {
    /// How sure a statement is.
    #[derive(Default)]
    pub enum Sure {
        means: &'static str,
    }
    #[default]
    Recorded "recorded" { means: "The trace says so." }
    Derived "derived" { means: "Computed from what the trace says, by the definition shown." }
    Suspected "suspected" { means: "A rule of thumb: look at the evidence before you act." }
}

closed_set! {
    /// How bad a finding is.
    pub enum Level {
        word: &'static str,
        icon: &'static str,
    }
    Problem "problem" { word: "Problem", icon: "▲" }
    Hint "hint" { word: "Hint", icon: "△" }
    Fine "fine" { word: "Fine", icon: "✓" }
}

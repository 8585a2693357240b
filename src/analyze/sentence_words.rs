//! The words that sentences are made of.

use crate::analyze::report::{Cause, LongCall, Phase};
use crate::base::show;

/// A phase inside a sentence: `"decode"`.
pub fn phase(phase: Phase) -> &'static str {
    phase.noun()
}

/// A cause as a noun: "Largest cause: …".
pub fn cause_noun(cause: Cause) -> &'static str {
    cause.noun()
}

/// `"298 ms of it in one call of cudaFree"`.
pub fn in_one_call(call: &LongCall) -> String {
    format!(
        "{} of it in one call of {}",
        show::duration(call.ns),
        shortened(&call.name)
    )
}

/// A name of at most 60 characters: those of kernels are as long as their templates.
pub fn shortened(name: &str) -> String {
    const MOST: usize = 60;
    match name.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// With a capital, at the start of a sentence.
pub fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>());
    format!("{}{}", first.unwrap_or_default(), chars.as_str())
}

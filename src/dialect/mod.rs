//! Names and categories of one vendor, in the common words of [`vocabulary`]. One file a dialect: adding a
//! vendor, or a new release of one, is adding or editing one file and its table of tests.

pub mod terms;
pub mod vocabulary;

pub use terms::{Bucket, Evidence, Period, Phase};
pub use vocabulary::{CompileMark, Device, EngineStep, LaunchLink, Part, Pass, Role, Vocabulary};

/// The args that become columns.
pub const WANTED_ARGS: &[crate::ingest::ArgSpec] = &[];

/// A trace in common words.
pub fn recognise(index: &crate::index::Index, _file_name: &str) -> Vocabulary {
    Vocabulary {
        roles: vec![Role::Other; index.slices.len()],
        ..Vocabulary::default()
    }
}

//! Names and categories of one vendor, in the common words of [`vocabulary`]. One file a dialect: adding a
//! vendor, or a new release of one, is adding or editing one file and its table of tests.

pub mod terms;
pub mod vocabulary;

pub use terms::{Bucket, Evidence, Period, Phase};
pub use vocabulary::{CompileMark, Device, EngineStep, LaunchLink, Part, Pass, Role, Vocabulary};

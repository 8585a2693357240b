//! Vocabulary of our own: time, ids, names, closed sets, colours, defects, spans, and numbers for people.
//!
//! Imports nothing else of this crate.

pub mod bytes;
pub mod closed_set;
pub mod colour;
pub mod defects;
pub mod gzip;
pub mod ids;
pub mod log_bins;
pub mod names;
pub mod order;
pub mod random;
pub mod show;
pub mod spans;
pub mod stats;
pub mod time;

pub use colour::Colour;
pub use defects::{DefectKind, Defects, Severity};
pub use gzip::Gzip;
pub use ids::{CategoryId, NameId, SliceId, TrackId};
pub use names::Names;
pub use random::Random;
pub use spans::{Span, Union};
pub use time::{Dur, Ts};

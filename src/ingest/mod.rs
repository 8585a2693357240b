//! Bytes to events. Does no I/O: whoever has bytes feeds them; where one chunk ends and the next begins
//! changes nothing.
//!
//! [`inflate`] turns bytes into bytes, [`scan`] turns bytes into [`event::Event`]s, [`detect`] says what a
//! file is that is no trace, [`archive`] finds the files in a zip or a tar.

pub mod archive;
mod block;
pub mod detect;
pub mod error;
pub mod event;
mod event_fields;
pub mod inflate;
pub mod json_walk;
mod resync;
pub mod scan;

pub use error::LoadError;
pub use event::{ArgKind, ArgSpec, Event, Phase, Scalar, Word};
pub use event_fields::Field;
pub use inflate::{Checkpoints, Inflated, Inflater};
pub use scan::{Scanner, Sink};

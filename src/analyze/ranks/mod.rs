//! Several workers of one run, compared, and the links between them.

pub mod collectives;
pub mod links;
pub mod peers;
pub mod workers;

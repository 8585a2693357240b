//! Several workers or ranks of one run, compared, and the links between them.

mod clocks;
mod collective_says;
pub mod collectives;
pub mod extract;
pub mod links;
mod matching;
pub mod peers;
pub mod run;
mod straggler;
pub mod workers;

//! Several workers or ranks of one run, compared, and the links between them.

mod clocks_of_ranks;
mod collective_says;
pub mod extract;
pub mod links;
mod matching;
pub mod peers;
pub mod recorded_collectives;
pub mod run;
mod straggler;
pub mod workers_of_run;

//! What must hold of the page in a real browser; one file a topic. How to add one: `tests/e2e/harness/lib.rs`.

mod accessibility;
mod boot;
mod companion;
mod cut;
mod device;
mod families;
mod files;
mod fit;
mod gaps;
mod hltv;
mod large;
mod links;
mod looks;
mod memory;
mod offline;
mod opening;
mod overview;
mod perfetto;
mod privacy;
mod real;
mod recompiles;
mod single;
mod steps;
mod timeline;
mod torch;
mod workers;

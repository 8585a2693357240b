//! What devices did: their time, kernels, recipes and nodes, copies, and the launches behind them.

pub mod families;
pub mod kernel_table;
pub mod kernels;
pub(in crate::analyze) mod launched;
pub mod launches;
pub(in crate::analyze) mod links;
pub mod nodes;
pub mod overall;
pub mod time;
pub mod transfers;

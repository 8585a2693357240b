//! What devices did: their time, kernels, recipes and nodes, copies, and the launches behind them.

pub mod families;
pub mod kernel_table;
pub mod kernels;
pub(in crate::analyze) mod launch_index;
pub mod launches;
pub(in crate::analyze) mod link_map;
pub mod nodes;
pub mod overall;
pub mod time;
pub mod transfers;

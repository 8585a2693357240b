//! What devices did: their time, kernels, recipes and nodes, copies, and the launches behind them.

pub mod device_time;
pub mod kernel_table;
pub(in crate::analyze) mod launch_index;
pub mod launches;
pub(in crate::analyze) mod link_map;
pub mod overall;
pub mod transfers;
pub mod work_by_family;
pub mod work_by_name;
pub mod work_by_node;

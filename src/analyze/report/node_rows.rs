//! Device work by what the graph compiler made of the model: recipes (compiled graphs), their nodes, the engines.

use serde::{Deserialize, Serialize};

/// Device work by recipe, node and engine, most time first. Totals sum over all lanes; `busy_ns` is the union of the
/// same slices, the time on the clock. Shares (0 to 1) are of `total_ns`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeWork {
    /// Sum of the durations of all device work, that without a recipe included.
    pub total_ns: i64,
    /// At most [`MAX_RECIPES`](crate::analyze::device::work_by_node::MAX_RECIPES), and of their rows the
    /// [`MAX_ROWS`](crate::analyze::device::work_by_node::MAX_ROWS) with most time.
    pub recipes: Vec<RecipeWork>,
    /// Recipes that have no room, their slices and the sum of these.
    pub rest_recipes: u64,
    pub rest_count: u64,
    pub rest_ns: i64,
    /// Slices that name no recipe.
    pub without_recipe: u64,
    pub without_recipe_ns: i64,
}

/// The work of one recipe on one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecipeWork {
    pub device: i64,
    /// Empty where only the number is recorded.
    pub name: String,
    /// As recorded; numbers recur, so one with another name is another recipe.
    pub id: Option<i64>,
    /// Pairs of node and engine that there are; `rows` may be fewer.
    pub n_rows: u64,
    pub count: u64,
    pub total_ns: i64,
    pub busy_ns: i64,
    pub share: f64,
    pub rows: Vec<NodeRow>,
}

/// The work of one node on one kind of engine. Pieces of a node are counted as the node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeRow {
    pub node: String,
    /// `None` where none is recorded, or several are.
    pub node_id: Option<i64>,
    /// What it computes, of its first slice.
    pub operation: Option<String>,
    /// The operations that were fused into it, as recorded: names with commas between.
    pub fused: Option<String>,
    /// Number of the bundle that it was cut into pieces with.
    pub bundle: Option<i64>,
    /// `mme|tpc|dma|nic|compute|comm|copy|set|other`
    pub engine: String,
    pub count: u64,
    pub total_ns: i64,
    pub busy_ns: i64,
    pub mean_ns: i64,
    pub max_ns: i64,
    pub share: f64,
    /// Row of its longest slice, for the timeline.
    pub longest_slice: u32,
}

impl RecipeWork {
    /// What people call it.
    pub fn label(&self) -> String {
        match (self.name.is_empty(), self.id) {
            (true, Some(id)) => format!("recipe {id}"),
            _ => self.name.clone(),
        }
    }
}

//! Device work by compiled graph (recipe), node and engine, where the work says which it is part of.
//!
//! Sums are over all lanes, so that a node on eight engines at once counts eight times; `busy_ns` is the union, the
//! time on the clock.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use crate::base::{SliceId, order};
use crate::dialect::{NodeArgs, Role, Vocabulary};
use crate::index::Index;
use crate::index::args::Combination;

use crate::analyze::merge::{Running, merge_tracks};
use crate::analyze::report::{Engine, NodeRow, NodeWork, RecipeWork, WorkKind};

/// Bound of [`NodeWork::recipes`].
pub const MAX_RECIPES: usize = 1_000;
/// Bound of the rows of all recipes together.
pub const MAX_ROWS: usize = 5_000;

/// What a slice says that it is part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartOf {
    /// Empty where only the number is recorded.
    pub recipe: String,
    pub recipe_id: Option<i64>,
    pub node: String,
    pub node_id: Option<i64>,
    pub operation: Option<String>,
    /// As recorded: names with commas between.
    pub fused: Option<String>,
    pub bundle: Option<i64>,
}

/// What a piece of device work says that it is part of; `None` where it names no recipe.
pub fn part_of(index: &Index, vocabulary: &Vocabulary, id: SliceId) -> Option<PartOf> {
    let keys = vocabulary.node_args.as_ref()?;
    if !vocabulary.role(id).is_device() {
        return None;
    }
    said(index, keys, index.args.combination(id)?, index.name_of(id))
}

/// What work of this name says by its args.
fn said(index: &Index, keys: &NodeArgs, set: Combination, name: &str) -> Option<PartOf> {
    let text = |key: &str| {
        let text = index.text(index.args.text_in(set, key)?);
        (!text.is_empty()).then(|| text.to_owned())
    };
    let recipe = keys.recipe.iter().find_map(|key| text(key));
    // 0 is what stands in the place of no recipe.
    let recipe_id = index.args.int_in(set, keys.recipe_id);
    let recipe_id = recipe_id.filter(|&id| id != 0 || recipe.is_some());
    if recipe.is_none() && recipe_id.is_none() {
        return None;
    }
    let of_arg = keys.node.iter().find_map(|key| text(key));
    let operation = match &of_arg {
        Some(node) => (node != name).then(|| name.to_owned()),
        None => text(keys.operation),
    };
    let node = of_arg.unwrap_or_else(|| name.to_owned());
    Some(PartOf {
        recipe: recipe.unwrap_or_default(),
        recipe_id,
        node: without_piece(&node, keys.piece).to_owned(),
        node_id: index.args.int_in(set, keys.node_id),
        operation,
        fused: text(keys.fused),
        bundle: index.args.int_in(set, keys.bundle),
    })
}

/// `a/op_0_1` is a piece of `a`.
fn without_piece<'a>(node: &'a str, piece: &str) -> &'a str {
    match node.rsplit_once(piece) {
        Some((whole, digits))
            if !whole.is_empty()
                && digits.starts_with(|c: char| c.is_ascii_digit())
                && digits.chars().all(|c| c.is_ascii_digit() || c == '_') =>
        {
            whole
        }
        _ => node,
    }
}

/// The engine of a role, as the report names it.
fn engine(role: Role) -> &'static str {
    let kind = || WorkKind::of(role).unwrap_or(WorkKind::Other).key();
    Engine::of(role).map_or_else(kind, Engine::key)
}

struct Sum {
    recipe: u32,
    part: PartOf,
    engine: &'static str,
    count: u64,
    total_ns: i64,
    clock: Running,
    longest: SliceId,
    max_ns: i64,
}

#[derive(Default)]
struct OfRecipe {
    clock: Running,
    count: u64,
    total_ns: i64,
}

type RecipeKey = (i64, String, Option<i64>);
type RowKey = (u32, String, &'static str);

/// See [`NodeWork`]; `None` where no device work names a recipe.
pub fn node_work(index: &Index, vocabulary: &Vocabulary) -> Option<NodeWork> {
    let keys = vocabulary.node_args.as_ref()?;
    let recorded = keys.recipe.iter().chain([&keys.recipe_id]);
    if recorded.filter(|key| index.arg_column(key).is_some()).count() == 0 {
        return None;
    }
    let mut recipes: Vec<(RecipeKey, OfRecipe)> = Vec::new();
    let mut recipe_at: FxHashMap<RecipeKey, u32> = FxHashMap::default();
    let mut rows: Vec<Sum> = Vec::new();
    let mut row_at: FxHashMap<RowKey, u32> = FxHashMap::default();
    let mut work = NodeWork::default();

    for device in &vocabulary.devices {
        // By args, name and role: what they say is the same for crowds of slices.
        let mut known: FxHashMap<(Option<Combination>, u32, Role), Option<u32>> = FxHashMap::default();
        let mut sets: Vec<_> = device
            .tracks
            .iter()
            .map(|&track| {
                let first = SliceId(index.track(track).rows.start);
                index.args.combinations_from(first).peekable()
            })
            .collect();
        merge_tracks(index, &device.tracks, |place, id| {
            let role = vocabulary.role(id);
            if !role.is_device() {
                return;
            }
            while sets[place].next_if(|(row, _)| *row < id).is_some() {}
            let set = sets[place]
                .peek()
                .filter(|(row, _)| *row == id)
                .map(|&(_, set)| set);
            let span = index.slices.span(id);
            let ns = span.len_ns();
            work.total_ns = work.total_ns.saturating_add(ns);
            let name = index.slices.name(id);
            let row = *known.entry((set, name.0, role)).or_insert_with(|| {
                let part = said(index, keys, set?, index.text(name))?;
                let key = (device.device, part.recipe.clone(), part.recipe_id);
                let recipe = *recipe_at.entry(key.clone()).or_insert_with(|| {
                    recipes.push((key, OfRecipe::default()));
                    last(recipes.len())
                });
                let engine = engine(role);
                let row = row_at
                    .entry((recipe, part.node.clone(), engine))
                    .or_insert_with(|| {
                        rows.push(Sum {
                            recipe,
                            part: part.clone(),
                            engine,
                            count: 0,
                            total_ns: 0,
                            clock: Running::default(),
                            longest: id,
                            max_ns: ns,
                        });
                        last(rows.len())
                    });
                let of = &mut rows[*row as usize].part;
                if of.node_id != part.node_id {
                    of.node_id = None;
                }
                Some(*row)
            });
            let Some(row) = row else {
                work.without_recipe += 1;
                work.without_recipe_ns = work.without_recipe_ns.saturating_add(ns);
                return;
            };
            let row = &mut rows[row as usize];
            row.count += 1;
            row.total_ns = row.total_ns.saturating_add(ns);
            row.clock.add(span);
            if ns > row.max_ns {
                (row.max_ns, row.longest) = (ns, id);
            }
            let recipe = &mut recipes[row.recipe as usize].1;
            recipe.count += 1;
            recipe.total_ns = recipe.total_ns.saturating_add(ns);
            recipe.clock.add(span);
        });
    }
    if recipes.is_empty() {
        return None;
    }
    work.recipes = in_tables(recipes, rows, work.total_ns);
    Some(work.bounded(MAX_RECIPES, MAX_ROWS))
}

/// The place of the last of `n`.
fn last(n: usize) -> u32 {
    u32::try_from(n - 1).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn share(part: i64, whole: i64) -> f64 {
    if whole > 0 {
        part as f64 / whole as f64
    } else {
        0.0
    }
}

/// Recipes and their rows, most time first.
fn in_tables(recipes: Vec<(RecipeKey, OfRecipe)>, rows: Vec<Sum>, whole_ns: i64) -> Vec<RecipeWork> {
    let mut tables: Vec<RecipeWork> = recipes
        .into_iter()
        .map(|((device, name, id), of)| RecipeWork {
            device,
            name,
            id,
            n_rows: 0,
            count: of.count,
            total_ns: of.total_ns,
            busy_ns: of.clock.total_ns,
            share: share(of.total_ns, whole_ns),
            rows: Vec::new(),
        })
        .collect();
    for row in rows {
        let table = &mut tables[row.recipe as usize];
        table.n_rows += 1;
        table.rows.push(NodeRow {
            node: row.part.node,
            node_id: row.part.node_id,
            operation: row.part.operation,
            fused: row.part.fused,
            bundle: row.part.bundle,
            engine: row.engine.to_owned(),
            count: row.count,
            total_ns: row.total_ns,
            busy_ns: row.clock.total_ns,
            mean_ns: row.total_ns / i64::try_from(row.count).unwrap_or(i64::MAX).max(1),
            max_ns: row.max_ns,
            share: share(row.total_ns, whole_ns),
            longest_slice: row.longest.0,
        });
    }
    for table in &mut tables {
        order::sort_by(&mut table.rows, |a, b| {
            let key = |r: &NodeRow| Reverse(r.total_ns);
            key(a)
                .cmp(&key(b))
                .then_with(|| (&a.node, &a.engine).cmp(&(&b.node, &b.engine)))
        });
    }
    order::sort_by(&mut tables, |a, b| {
        let key = |r: &RecipeWork| (Reverse(r.total_ns), r.device);
        key(a)
            .cmp(&key(b))
            .then_with(|| (&a.name, a.id).cmp(&(&b.name, b.id)))
    });
    tables
}

impl NodeWork {
    /// The first recipes, and of their rows those with most time; what is left out is counted.
    pub fn bounded(mut self, max_recipes: usize, max_rows: usize) -> NodeWork {
        if self.recipes.len() > max_recipes {
            for recipe in self.recipes.drain(max_recipes..) {
                self.rest_recipes += 1;
                self.rest_count += recipe.count;
                self.rest_ns = self.rest_ns.saturating_add(recipe.total_ns);
            }
        }
        let n: usize = self.recipes.iter().map(|r| r.rows.len()).sum();
        if n > max_rows {
            let mut times: Vec<(Reverse<i64>, usize)> = Vec::with_capacity(n);
            for (place, recipe) in self.recipes.iter().enumerate() {
                times.extend(recipe.rows.iter().map(|row| (Reverse(row.total_ns), place)));
            }
            order::sort_by_key(&mut times, |&time| time);
            // What a recipe keeps is the beginning of its rows.
            let mut kept = vec![0; self.recipes.len()];
            for &(_, place) in &times[..max_rows] {
                kept[place] += 1;
            }
            for (recipe, kept) in self.recipes.iter_mut().zip(kept) {
                recipe.rows.truncate(kept);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_part_of_its_node() {
        let of = |node| without_piece(node, "/op_");
        assert_eq!(
            of("lb_bundle_32/fusedTPCNode_8_2/op_0_0_0_1_0"),
            "lb_bundle_32/fusedTPCNode_8_2"
        );
        assert_eq!(of("a/op_b"), "a/op_b");
        assert_eq!(of("/op_1"), "/op_1");
        assert_eq!(of("a/op_"), "a/op_");
        assert_eq!(of("g_1_conv_0"), "g_1_conv_0");
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let row = |total_ns| NodeRow {
            total_ns,
            ..NodeRow::default()
        };
        let recipe = |rows: &[i64]| RecipeWork {
            n_rows: rows.len() as u64,
            count: 2,
            total_ns: rows.iter().sum(),
            rows: rows.iter().map(|&ns| row(ns)).collect(),
            ..RecipeWork::default()
        };
        let work = NodeWork {
            recipes: vec![recipe(&[9, 4, 4]), recipe(&[5, 4]), recipe(&[3])],
            ..NodeWork::default()
        };
        let bounded = work.bounded(2, 3);
        assert_eq!(
            (bounded.rest_recipes, bounded.rest_count, bounded.rest_ns),
            (1, 2, 3)
        );
        let kept: Vec<Vec<i64>> = bounded
            .recipes
            .iter()
            .map(|r| r.rows.iter().map(|row| row.total_ns).collect())
            .collect();
        assert_eq!(kept, [vec![9, 4], vec![5]]);
        assert_eq!(bounded.recipes[0].n_rows, 3);
    }
}

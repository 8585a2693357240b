//! Device work by recipe and node, in the view of operators.

use yew::prelude::*;

use super::parts::{Term, To, swatch, timeline_at};
use crate::base::show;
use crate::view::{Engine, NodeRow, NodeWork, RecipeWork, WorkKind};

/// The table of each recipe; those with most time first.
pub fn nodes(work: &NodeWork, text: &str) -> Html {
    let wanted = text.to_lowercase();
    let found: Vec<(&RecipeWork, Vec<&NodeRow>)> = work
        .recipes
        .iter()
        .map(|recipe| {
            let all = recipe.name.to_lowercase().contains(&wanted);
            let rows = recipe
                .rows
                .iter()
                .filter(|row| all || fits(row, &wanted))
                .collect();
            (recipe, rows)
        })
        .filter(|(recipe, rows): &(&RecipeWork, Vec<&NodeRow>)| {
            !rows.is_empty() || recipe.name.to_lowercase().contains(&wanted)
        })
        .collect();
    let several_devices = work.recipes.iter().any(|r| r.device != work.recipes[0].device);
    html! {
        <section aria-labelledby="nodes-head">
            <h2 id="nodes-head">{ "Device work by recipe and node" }<span class="aside num">{ format!("{} of work", show::duration(work.total_ns)) }</span></h2>
            <p class="definition">{ "A recipe is a graph that was compiled for the device, a node one operation in it, or several that the compiler fused. Totals sum over all lanes of an engine; busy is the time on the clock, in which at least one lane works at it. Shares are of all device work." }</p>
            if found.is_empty() { <p class="empty">{ "No recipe and no node has such a name." }</p> }
            { for found.iter().enumerate().map(|(i, (recipe, rows))| html! {
                <details class="recipe" open={i == 0 || !wanted.is_empty()} key={format!("{} {} {:?}", recipe.device, recipe.name, recipe.id)}>
                    <summary><span class="recipe-name">{ recipe.label() }</span>
                        <span class="aside num">
                            if several_devices { <span>{ format!("device {}", recipe.device) }</span> }
                            <span>{ format!("{} ({})", show::duration(recipe.total_ns), show::percent(recipe.total_ns, work.total_ns)) }</span>
                            <span>{ format!("busy {}", show::duration(recipe.busy_ns)) }</span>
                            <span>{ show::counted(recipe.count, "slice") }</span>
                        </span></summary>
                    { table(work, rows) }
                    { left_out(recipe) }
                </details>
            }) }
            if work.rest_recipes > 0 {
                <p class="note">{ format!("{} more with {} of work; the report as JSON has up to 1,000.", show::counted(work.rest_recipes, "recipe"), show::duration(work.rest_ns)) }</p>
            }
            if work.without_recipe > 0 {
                <p class="note">{ format!("Work that names no recipe: {}, {}.", show::counted(work.without_recipe, "slice"), show::duration(work.without_recipe_ns)) }</p>
            }
        </section>
    }
}

fn fits(row: &NodeRow, wanted: &str) -> bool {
    let more = [row.operation.as_deref(), row.fused.as_deref()];
    let names = more.into_iter().flatten().chain([&*row.node, &*row.engine]);
    names.into_iter().any(|name| name.to_lowercase().contains(wanted))
}

fn left_out(recipe: &RecipeWork) -> Html {
    match recipe.n_rows.saturating_sub(recipe.rows.len() as u64) {
        0 => html! {},
        n => {
            html! { <p class="note">{ format!("{} more with less time; the report as CSV or JSON has up to 5,000.", show::counted(n, "row")) }</p> }
        }
    }
}

fn table(work: &NodeWork, rows: &[&NodeRow]) -> Html {
    html! {
        <div class="scrolled tall">
        <table>
            <thead><tr><th>{ "Node" }</th><th>{ "Engine" }</th><th class="num">{ "Total" }</th><th class="num">{ "Share" }</th>
                <th class="num"><Term word="Busy" means="The time on the clock in which at least one lane works at it." /></th>
                <th class="num">{ "Count" }</th><th class="num">{ "Mean" }</th><th class="num">{ "Longest" }</th><th>{ "Show" }</th></tr></thead>
            <tbody>{ for rows.iter().map(|row| html! {
                <tr><td class="name">{ &row.node }
                        if let Some(operation) = &row.operation { <div class="soft">{ operation }</div> }
                        if let Some(fused) = &row.fused { <div class="soft">{ format!("fused: {fused}") }</div> }</td>
                    <td>{ swatch(engine_key(&row.engine), engine_word(&row.engine)) }</td>
                    <td class="num">{ show::duration(row.total_ns) }</td><td class="num">{ show::percent(row.total_ns, work.total_ns) }</td>
                    <td class="num">{ show::duration(row.busy_ns) }</td><td class="num">{ show::count(row.count) }</td>
                    <td class="num">{ show::duration(row.mean_ns) }</td><td class="num">{ show::duration(row.max_ns) }</td>
                    <td><To place={timeline_at(None, Some(row.longest_slice))}>{ "longest" }</To></td></tr>
            }) }</tbody>
        </table>
        </div>
    }
}

fn engine_key(key: &str) -> &'static str {
    let of_kind = || WorkKind::from_key(key).map(WorkKind::colour);
    let colour = Engine::from_key(key).map(Engine::colour).or_else(of_kind);
    colour.unwrap_or(WorkKind::Other.colour()).key()
}

fn engine_word(key: &str) -> &str {
    Engine::from_key(key).map_or(key, |engine| engine.word())
}

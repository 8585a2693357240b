//! What makes the file large: bytes of text by category.

use yew::prelude::*;

use super::shown::Shown;
use crate::base::show;
use crate::view::Summary;

#[derive(Properties, PartialEq)]
pub struct SizesProps {
    pub summary: Shown<Summary>,
}

#[component]
pub fn Sizes(props: &SizesProps) -> Html {
    let rows = &props.summary.tally;
    if rows.is_empty() {
        return html! {};
    }
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let all = rows.iter().map(|row| row.text_bytes).sum::<u64>();
    html! {
        <details class="sizes">
            <summary>{ "What makes the file large" }</summary>
            <div class="scrolled"><table>
                <caption>{ "Text of the events by category, inflated; the file has a header and separators beside." }</caption>
                <thead><tr><th>{ "Category" }</th><th class="num">{ "Text" }</th><th class="num">{ "Of all" }</th><th class="num">{ "Events" }</th><th>{ "Left out by" }</th></tr></thead>
                <tbody>{ for rows.iter().map(|row| html! {
                    <tr><td class="name">{ if row.category.is_empty() { "(none)" } else { &row.category } }</td><td class="num">{ show::bytes(row.text_bytes) }</td>
                        <td class="num">{ show::percent(signed(row.text_bytes), signed(all)) }</td><td class="num">{ show::count(row.events) }</td>
                        <td>{ row.left_out_by.as_deref().unwrap_or("–") }</td></tr>
                }) }</tbody>
            </table></div>
        </details>
    }
}

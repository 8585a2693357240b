//! From places of the canvas to slices, and from a frame's pixels to the canvas.

use super::stage::Viewport;
use crate::base::order;
use crate::view::layout::{Layout, ROW_PX};
use crate::view::{Bar, Frame, FrameRow};

/// From a frame's pixels to the canvas's, as the window is now: `x * factor + shift`.
pub fn to_canvas(viewport: &Viewport, frame: &Frame) -> (f64, f64) {
    let scale = viewport.scale();
    let frame_ns_per_px = frame.window.len_ns().max(1) as f64 / f64::from(frame.width_px.max(1));
    let factor = frame_ns_per_px / scale.ns_per_px();
    (factor, viewport.label() + scale.x(frame.window.start))
}

/// The bar of a row at `x`; the nearest within 2 px, because bars of a pixel are hard to meet.
pub fn bar_at(viewport: &Viewport, frame: &Frame, row: &FrameRow, x: f64) -> Option<Bar> {
    let (factor, shift) = to_canvas(viewport, frame);
    let mut nearest: Option<(f64, Bar)> = None;
    for bar in &row.bars {
        let x0 = f64::from(bar.x0) * factor + shift;
        let x1 = (f64::from(bar.x1) * factor + shift).max(x0 + 1.0);
        let far = if x < x0 { x0 - x } else { (x - x1).max(0.0) };
        if far <= 2.0 && nearest.is_none_or(|(best, _)| far < best) {
            nearest = Some((far, *bar));
        }
    }
    nearest.map(|(_, bar)| bar)
}

/// The first slice that begins in sight, on the first row in sight that has one; else one that reaches into sight.
pub fn first_in_sight(viewport: &Viewport, layout: &Layout, frame: &Frame) -> Option<u32> {
    let (factor, shift) = to_canvas(viewport, frame);
    let (left, right) = (viewport.label(), viewport.width);
    let (sticky, room) = (layout.sticky_px(), viewport.room());
    let mut rows: Vec<(f64, &FrameRow)> = frame
        .rows
        .iter()
        .filter_map(|row| {
            let placed = layout.place_of(row.track)?;
            let y = layout.on_screen(placed.top_px + f64::from(row.depth) * ROW_PX, viewport.scroll);
            let from = if layout.is_sticky(placed.top_px) {
                0.0
            } else {
                sticky
            };
            let in_sight = row.depth < placed.n_depths && y >= from && y + ROW_PX <= room;
            in_sight.then_some((y, row))
        })
        .collect();
    order::sort_by(&mut rows, |a, b| a.0.total_cmp(&b.0));
    rows.into_iter().find_map(|(_, row)| {
        let edges = |bar: &Bar| {
            (
                f64::from(bar.x0) * factor + shift,
                f64::from(bar.x1) * factor + shift,
            )
        };
        let begins = row.bars.iter().find(|bar| {
            let (x0, _) = edges(bar);
            (left..right).contains(&x0)
        });
        let reaches = || {
            row.bars.iter().find(|bar| {
                let (x0, x1) = edges(bar);
                x1 > left && x0 < right
            })
        };
        begins.or_else(reaches).map(|bar| bar.slice)
    })
}

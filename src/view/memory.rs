//! Bytes in use over time, the lowest and the highest of each pixel.

use crate::analyze::memory::levels;
use crate::base::Span;
use crate::dialect::Vocabulary;
use crate::index::Index;

use super::model::{MemoryCurve, MemoryPoint};

/// What `device` (its row in [`MemoryUse::devices`](super::model::MemoryUse)) had in use in `window`, at most a point a
/// pixel.
pub fn curve(
    index: &Index,
    vocabulary: &Vocabulary,
    device: u32,
    window: Option<Span>,
    width_px: u32,
) -> MemoryCurve {
    let memory = &index.memory;
    let extent = vocabulary.extent(index).unwrap_or(Span::new(0, 0));
    let window = window.unwrap_or(extent).intersect(extent);
    let width = width_px.clamp(1, 10_000);
    let ns_per_px = window.len_ns().max(1) as f64 / f64::from(width);
    let mut curve = MemoryCurve {
        device,
        window,
        width_px: width,
        points: Vec::new(),
        before_bytes: None,
    };
    let mut level_before = None;
    for (row, of, level) in levels(index) {
        let at = memory.ts.get(row);
        if u32::from(of) != device {
            continue;
        }
        if at < window.start {
            curve.before_bytes = Some(level);
            level_before = Some(level);
            continue;
        }
        if at > window.end {
            break;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a pixel")]
        let x = ((at - window.start) as f64 / ns_per_px) as u32;
        let x = x.min(width - 1);
        let reserved = memory.reserved(row).filter(|&n| n > 0);
        match curve.points.last_mut() {
            Some(last) if last.x == x => {
                last.min_bytes = last.min_bytes.min(level);
                last.max_bytes = last.max_bytes.max(level);
                last.end_bytes = level;
                last.reserved_bytes = last.reserved_bytes.max(reserved);
            }
            _ => {
                // What was in use when the pixel began counts, too.
                let first = level_before.unwrap_or(level.saturating_sub(memory.bytes.get(row)));
                curve.points.push(MemoryPoint {
                    x,
                    min_bytes: level.min(first),
                    max_bytes: level.max(first),
                    end_bytes: level,
                    reserved_bytes: reserved,
                });
            }
        }
        level_before = Some(level);
    }
    curve
}

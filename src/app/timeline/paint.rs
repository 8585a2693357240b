//! Drawing the timeline.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use web_sys::HtmlCanvasElement;

use super::hits::to_canvas;
use super::stage::Inner;
use crate::base::{Colour, show};
use crate::view::layout::{COUNTER_PX, HEAD_PX, Placed, ROW_PX};
use crate::view::raster::{self, Inks};
use crate::view::timescale::{DurationScale, ticks, whole_px};
use crate::view::{Frame, FrameRow, SliceDetail, SlicePlace, Span, TrackHead, TrackKind};
use crate::web::canvas::{Palette, Pen, Sheet};

/// Height of the time axis.
pub const AXIS_PX: f64 = 26.0;
/// A bar's height, in a row of [`ROW_PX`].
const BAR_PX: f64 = 16.0;
/// Mean width of a letter of the bars' font.
const LETTER_PX: f64 = 6.1;

/// Width of the label column.
pub fn label_px(width_px: f64) -> f64 {
    if width_px < 700.0 { 92.0 } else { 196.0 }
}

/// The colours.
#[derive(Clone)]
pub struct Look {
    palette: Palette,
    inks: Rc<Inks>,
}

/// What is drawn once and shown in many frames. Made anew with the colours.
#[derive(Default)]
pub struct Sheets {
    /// A line of pixels for each row of bars.
    rows: Option<Sheet>,
    pixels: Vec<u8>,
    labels: Kept,
    map: Kept,
    /// Widths of names in the bars' font, px.
    widths: FxHashMap<String, f64>,
}

/// A sheet and what was true when it was drawn.
#[derive(Default)]
struct Kept {
    sheet: Option<Sheet>,
    drawn_for: Option<[u64; 6]>,
}

impl Kept {
    /// Shows the sheet at the top left, `width` x `height`; draws it first if it was drawn for something else.
    fn show(&mut self, pen: &Pen, width: f64, height: f64, now: [u64; 4], draw: impl FnOnce(&Pen)) {
        if self.sheet.is_none() {
            self.sheet = Sheet::new();
        }
        let Some(sheet) = &self.sheet else { return };
        let [a, b, c, d] = now;
        let now = [
            a,
            b,
            c,
            d,
            pen.ratio.to_bits(),
            width.to_bits() ^ height.to_bits().rotate_left(32),
        ];
        if self.drawn_for != Some(now) {
            let Some(pen) = sheet.pen(pen, width, height) else {
                return;
            };
            pen.context.set_font(FONT);
            draw(&pen);
            self.drawn_for = Some(now);
        }
        pen.sheet(sheet, 0.0, 0.0, width, height);
    }
}

const FONT: &str = "11px system-ui, sans-serif";

impl Look {
    /// From the style sheet, as the theme is now.
    pub fn read() -> Look {
        let names = [
            "--bg",
            "--raised",
            "--sunk",
            "--ink",
            "--ink-soft",
            "--line",
            "--accent",
            "--brush",
            "--mark",
            "--on-bar",
            "--problem",
            "--hit",
        ];
        let palette = Palette::read(names.into_iter().chain(Colour::ALL.map(Colour::property)));
        let inks = Rc::new(Inks::of(|class| palette.get(class.colour().property())));
        Look { palette, inks }
    }

    fn get(&self, name: &str) -> &str {
        self.palette.get(name)
    }

    fn colour(&self, colour: Colour) -> &str {
        self.palette.get(colour.property())
    }
}

/// Where a height of the layout is on the canvas.
fn y_of(inner: &Inner, top_px: f64) -> f64 {
    AXIS_PX + inner.tracks.layout.on_screen(top_px, inner.viewport.scroll)
}

/// The tracks, the axis and the labels.
pub fn main(canvas: &HtmlCanvasElement, inner: &Inner, look: &Look, sheets: &mut Sheets) {
    let Some(pen) = Pen::on(canvas) else { return };
    let left = inner.viewport.label();
    let layout = &inner.tracks.layout;
    let placed = layout.seen(inner.viewport.scroll, inner.viewport.room());
    let below = AXIS_PX + layout.sticky_px();
    pen.context.set_font(FONT);

    // What is scrolled, then what stays in place.
    for is_sticky in [false, true] {
        let (top, height) = match is_sticky {
            false => (below, pen.height - below),
            true => (AXIS_PX, layout.sticky_px()),
        };
        if height <= 0.0 {
            continue;
        }
        clipped(&pen, left, top, pen.width - left, height, || {
            bands(&pen, inner, look);
            for p in placed.iter().filter(|p| layout.is_sticky(p.top_px) == is_sticky) {
                let y = (y_of(inner, p.top_px) + p.height_px + 3.0).round();
                pen.fill(look.get("--line"), left, y, pen.width - left, 1.0);
            }
            if let Some(frame) = &inner.frames.frame {
                bars(&pen, inner, look, frame, sheets, is_sticky);
                counters(&pen, inner, look, frame, is_sticky);
            }
            highlights(&pen, inner, look, is_sticky);
        });
    }
    let now = [
        inner.viewport.scroll.to_bits(),
        inner.tracks.layout_no.into(),
        left.to_bits(),
        layout.sticky_px().to_bits(),
    ];
    sheets.labels.show(&pen, left, pen.height, now, |pen| {
        pen.fill(look.get("--bg"), 0.0, 0.0, left, pen.height);
        for is_sticky in [false, true] {
            if is_sticky {
                pen.fill(look.get("--bg"), 0.0, 0.0, left, below);
            }
            for p in placed.iter().filter(|p| layout.is_sticky(p.top_px) == is_sticky) {
                if let Some(head) = inner.tracks.head(p) {
                    let least = if is_sticky { AXIS_PX } else { below };
                    label(pen, inner, look, head, p, y_of(inner, p.top_px), least);
                }
            }
        }
    });
    clipped(&pen, 0.0, below, pen.width, pen.height - below, || {
        group_heads(&pen, inner, look);
    });
    if layout.sticky_px() > 0.0 {
        pen.fill(look.get("--ink-soft"), 0.0, below - 3.0, pen.width, 2.0);
    }
    clipped(
        &pen,
        left,
        AXIS_PX,
        pen.width - left,
        pen.height - AXIS_PX,
        || {
            flows(&pen, inner, look);
        },
    );
    axis(&pen, inner, look);
    pen.fill(look.get("--line"), left - 1.0, 0.0, 1.0, pen.height);
}

/// The heads of groups, over the whole width.
fn group_heads(pen: &Pen, inner: &Inner, look: &Look) {
    let layout = &inner.tracks.layout;
    for head in &layout.heads {
        let y = y_of(inner, head.top_px);
        let group = usize::try_from(head.group).ok();
        let Some(group) = group.and_then(|place| inner.tracks.known.groups.get(place)) else {
            continue;
        };
        if y > pen.height || y + HEAD_PX < AXIS_PX {
            continue;
        }
        let folded = inner.tracks.arrangement.folded_groups.contains(&head.group);
        let sign = if folded { "▸" } else { "▾" };
        pen.fill(look.get("--sunk"), 0.0, y, pen.width, HEAD_PX);
        pen.fill(look.get("--line"), 0.0, y, pen.width, 1.0);
        pen.text(
            look.get("--ink"),
            &format!("{sign} {}", group.title),
            10.0,
            y + 14.0,
        );
    }
}

/// So many arrows of a slice are drawn.
const DRAWN_ARROWS: usize = 40;

/// Arrows of the slice under the pointer and of the selected one.
fn flows(pen: &Pen, inner: &Inner, look: &Look) {
    let hovered = inner.pointer.hover.and_then(|(.., bar)| {
        let detail = inner.pointer.tip_slice.as_ref();
        detail.filter(|detail| detail.slice == bar.slice)
    });
    let selected = inner.selection.slice.as_ref();
    let is_other = |detail: &&SliceDetail| hovered.is_none_or(|it| it.slice != detail.slice);
    let details = selected.filter(is_other).into_iter().chain(hovered);
    let scale = inner.viewport.scale();
    let left = inner.viewport.label();
    let middle = |place: SlicePlace| {
        let y = y_of(inner, inner.tracks.layout.row_of(place)?) + BAR_PX / 2.0;
        Some(y.clamp(-40.0, pen.height + 40.0))
    };
    let x = |at_ns: i64| left + scale.x(at_ns).clamp(-60.0, scale.width_px + 60.0);
    pen.context.set_stroke_style_str(look.get("--ink"));
    pen.context.set_fill_style_str(look.get("--ink"));
    pen.context.set_line_width(1.5);
    for detail in details {
        for (_, other, leads_there) in detail.ends().take(DRAWN_ARROWS) {
            let own = detail.place();
            let (from, to) = if leads_there { (own, other) } else { (other, own) };
            let (Some(y0), Some(y1)) = (middle(from), middle(to)) else {
                continue;
            };
            // From where the earlier slice ends, or from its start where the later one starts before that.
            let leaves = if from.span.end <= to.span.start {
                from.span.end
            } else {
                from.span.start
            };
            let (x0, x1) = (x(leaves), x(to.span.start));
            let bend = ((x1 - x0).abs() / 2.0).clamp(16.0, 90.0);
            pen.context.begin_path();
            pen.context.move_to(x0, y0);
            pen.context
                .bezier_curve_to(x0 + bend, y0, x1 - bend, y1, x1 - 5.0, y1);
            pen.context.stroke();
            pen.context.begin_path();
            pen.context.move_to(x1, y1);
            pen.context.line_to(x1 - 7.0, y1 - 4.0);
            pen.context.line_to(x1 - 7.0, y1 + 4.0);
            pen.context.close_path();
            pen.context.fill();
        }
    }
}

fn clipped(pen: &Pen, x: f64, y: f64, width: f64, height: f64, draw: impl FnOnce()) {
    pen.context.save();
    pen.context.begin_path();
    pen.context.rect(x, y, width, height);
    pen.context.clip();
    draw();
    pen.context.restore();
}

/// Rows of a frame that are on screen, and how high.
fn rows_in_sight<'a>(
    pen: &'a Pen,
    inner: &'a Inner,
    frame: &'a Frame,
    is_sticky: bool,
) -> impl Iterator<Item = (&'a FrameRow, f64)> {
    let layout = &inner.tracks.layout;
    frame.rows.iter().filter_map(move |row| {
        let placed = layout.place_of(row.track)?;
        let y = y_of(inner, placed.top_px + f64::from(row.depth) * ROW_PX);
        let in_sight = row.depth < placed.n_depths && y <= pen.height && y + ROW_PX >= AXIS_PX;
        (in_sight && layout.is_sticky(placed.top_px) == is_sticky).then_some((row, y))
    })
}

fn bars(pen: &Pen, inner: &Inner, look: &Look, frame: &Frame, sheets: &mut Sheets, is_sticky: bool) {
    let (factor, shift) = to_canvas(&inner.viewport, frame);
    let (left, right) = (inner.viewport.label(), pen.width);
    let hovered = inner
        .pointer
        .hover
        .map(|(track, depth, bar)| (track, depth, bar.slice));
    let rows: Vec<(&FrameRow, f64)> = rows_in_sight(pen, inner, frame, is_sticky).collect();
    let length = whole_px((right - left) * pen.ratio);
    let line = usize::try_from(length).unwrap_or(0) * 4;
    sheets.pixels.clear();
    sheets.pixels.resize(line * rows.len(), 0);
    let place = raster::Place {
        factor: factor * pen.ratio,
        shift: (shift - left) * pen.ratio,
        ratio: pen.ratio,
    };
    for ((row, _), pixels) in rows.iter().zip(sheets.pixels.chunks_exact_mut(line.max(4))) {
        raster::paint(pixels, &row.bars, place, &look.inks);
    }
    if sheets.rows.is_none() {
        sheets.rows = Sheet::new();
    }
    if let Some(picture) = &sheets.rows
        && !rows.is_empty()
        && picture.put(&sheets.pixels, length).is_some()
    {
        for ((_, y), number) in rows.iter().zip(0..) {
            pen.strip(picture, number, length, (left, *y), (right - left, BAR_PX));
        }
    }
    if frame.rows.iter().any(|row| row.bars.iter().any(|bar| bar.is_hit)) {
        for &(row, y) in &rows {
            row_hits(pen, look, row, y, |x| f64::from(x) * factor + shift);
        }
    }
    pen.context.set_fill_style_str(look.get("--on-bar"));
    for &(row, y) in &rows {
        // The frame names all bars that are wide enough at its own zoom.
        for bar in &row.bars {
            let Some(name) = bar.name.and_then(|n| frame.names.get(usize::try_from(n).ok()?)) else {
                continue;
            };
            let x0 = (f64::from(bar.x0) * factor + shift).max(left);
            let x1 = (f64::from(bar.x1) * factor + shift).min(right);
            if x1 - x0 >= 26.0 {
                sheets.name_in(pen, name, x0 + 4.0, y + 12.0, x1 - x0 - 7.0);
            }
        }
    }
    if let Some((track, depth, slice)) = hovered
        && let Some(placed) = inner.tracks.layout.place_of(track)
        && let Some(row) = frame.rows.iter().find(|r| r.track == track && r.depth == depth)
        && let Some(bar) = row.bars.iter().find(|b| b.slice == slice)
    {
        let y = y_of(inner, placed.top_px + f64::from(depth) * ROW_PX);
        let x0 = f64::from(bar.x0) * factor + shift;
        let x1 = (f64::from(bar.x1) * factor + shift).max(x0 + 2.0);
        pen.outline(look.get("--ink"), 1.0, x0, y, x1 - x0, BAR_PX);
    }
}

/// Lines below and above what is searched for; hits that touch share one.
fn row_hits(pen: &Pen, look: &Look, row: &FrameRow, y: f64, x: impl Fn(f32) -> f64) {
    let mut run: Option<(f64, f64)> = None;
    let draw = |run: Option<(f64, f64)>| {
        if let Some((from, to)) = run {
            let width = (to - from).max(3.0);
            pen.fill(look.get("--hit"), from, y - 1.0, width, 2.0);
            pen.fill(look.get("--hit"), from, y + BAR_PX - 2.0, width, 3.0);
        }
    };
    for bar in row.bars.iter().filter(|bar| bar.is_hit) {
        let (from, to) = (x(bar.x0), x(bar.x1));
        if to < -10.0 || from > pen.width + 10.0 {
            continue;
        }
        match &mut run {
            Some((_, end)) if from <= *end + 1.0 => *end = end.max(to),
            _ => {
                draw(run);
                run = Some((from, to));
            }
        }
    }
    draw(run);
}

impl Sheets {
    /// Writes as much of a name as fits into `room`.
    fn name_in(&mut self, pen: &Pen, name: &str, x: f64, y: f64, room: f64) {
        let known = self.widths.get(name).copied();
        let width = known.unwrap_or_else(|| {
            let measured = pen
                .context
                .measure_text(name)
                .map_or(f64::INFINITY, |m| m.width());
            // Of a trace in which every slice has its own name, the latest are kept.
            if self.widths.len() >= 20_000 {
                self.widths.clear();
            }
            self.widths.insert(name.to_owned(), measured);
            measured
        });
        if width <= room {
            drop(pen.context.fill_text(name, x, y));
            return;
        }
        let letters = name.chars().count() as f64 * room / width;
        let text = cut(name, usize::try_from(whole(letters.floor())).unwrap_or(0));
        if !text.is_empty() {
            // Wide letters are squeezed rather than run into the next bar.
            drop(pen.context.fill_text_with_max_width(&text, x, y, room));
        }
    }
}

fn whole(v: f64) -> i64 {
    crate::view::timescale::whole_ns(v)
}

/// As much of a name as fits.
fn cut(name: &str, letters: usize) -> String {
    if name.len() <= letters {
        return name.to_owned();
    }
    match letters {
        0..=2 => String::new(),
        _ => name.chars().take(letters - 1).chain(['…']).collect(),
    }
}

fn counters(pen: &Pen, inner: &Inner, look: &Look, frame: &Frame, is_sticky: bool) {
    let (factor, shift) = to_canvas(&inner.viewport, frame);
    for counter in &frame.counters {
        let Some(placed) = inner.tracks.layout.place_of(counter.track) else {
            continue;
        };
        let Some(head) = inner.tracks.head(&placed) else {
            continue;
        };
        let y0 = y_of(inner, placed.top_px);
        let in_part = inner.tracks.layout.is_sticky(placed.top_px) == is_sticky;
        if !in_part || y0 > pen.height || y0 + COUNTER_PX < AXIS_PX {
            continue;
        }
        let (low, high) = (head.min.unwrap_or(0.0).min(0.0), head.max.unwrap_or(1.0));
        let range = (high - low).max(1e-12);
        let y = |v: f32| y0 + COUNTER_PX - 2.0 - (f64::from(v) - low) / range * (COUNTER_PX - 6.0);
        pen.context.set_fill_style_str(look.colour(Colour::HostOp));
        for (i, (x, value)) in counter.points.iter().enumerate() {
            let from = f64::from(*x) * factor + shift;
            let to = counter
                .points
                .get(i + 1)
                .map_or(pen.width, |(next, _)| f64::from(*next) * factor + shift);
            let from = from.max(inner.viewport.label());
            if to > from {
                let top = y(*value);
                pen.context
                    .fill_rect(from, top, (to - from).max(1.0), (y0 + COUNTER_PX - top).max(1.0));
            }
        }
    }
}

/// Compiles, behind all tracks.
fn bands(pen: &Pen, inner: &Inner, look: &Look) {
    let scale = inner.viewport.scale();
    let left = inner.viewport.label();
    pen.context.set_fill_style_str(look.colour(Colour::Compile));
    pen.context.set_global_alpha(0.13);
    for span in visible(&inner.compiles.recorded, inner.viewport.window) {
        let x = left + scale.x(span.start).max(0.0);
        let to = left + scale.x(span.end).min(scale.width_px);
        pen.context.fill_rect(x, AXIS_PX, (to - x).max(1.0), pen.height);
    }
    pen.context.set_global_alpha(1.0);
    // What is pointed out lies behind the bars, too: their names stay readable.
    let notes = inner.selection.notes.iter().map(|note| note.span);
    let window = inner.viewport.window;
    let marks = notes.chain(inner.selection.mark);
    for mark in marks.filter(|mark| mark.end > window.start && mark.start < window.end) {
        let x = left + scale.x(mark.start).max(0.0);
        let to = left + scale.x(mark.end).min(scale.width_px);
        pen.fill(look.get("--mark"), x, AXIS_PX, (to - x).max(1.0), pen.height);
    }
}

fn visible(spans: &[Span], window: Span) -> impl Iterator<Item = Span> + '_ {
    spans
        .iter()
        .copied()
        .filter(move |s| s.end > window.start && s.start < window.end)
}

fn highlights(pen: &Pen, inner: &Inner, look: &Look, is_sticky: bool) {
    let scale = inner.viewport.scale();
    let left = inner.viewport.label();
    let edges = |span: Span| {
        (
            left + scale.x(span.start).clamp(-4.0, scale.width_px),
            left + scale.x(span.end).clamp(0.0, scale.width_px + 4.0),
        )
    };
    let notes = inner.selection.notes.iter().map(|note| note.span);
    for mark in notes.chain(inner.selection.mark) {
        let (x, to) = edges(mark);
        for at in [x, to] {
            pen.fill(look.get("--ink"), at.round(), AXIS_PX, 1.0, pen.height);
        }
    }
    let layout = &inner.tracks.layout;
    if let Some(detail) = &inner.selection.slice
        && let Some(top_px) = layout.row_of(detail.place())
        && layout.is_sticky(top_px) == is_sticky
    {
        let (x, to) = edges(detail.place().span);
        let y = y_of(inner, top_px);
        let width = (to - x).max(3.0);
        pen.outline(look.get("--bg"), 3.0, x - 2.0, y - 2.0, width + 4.0, BAR_PX + 4.0);
        pen.outline(
            look.get("--ink"),
            2.0,
            x - 1.0,
            y - 1.0,
            width + 2.0,
            BAR_PX + 2.0,
        );
    }
    if let Some((span, top, bottom)) = inner.selection.area {
        let (x, to) = edges(span);
        let (y, end) = (y_of(inner, top), y_of(inner, bottom));
        let height = (end - y).max(0.0);
        pen.fill(look.get("--brush"), x, y, to - x, height);
        pen.outline(look.get("--accent"), 1.0, x, y, to - x, height);
        let length = show::duration(span.len_ns());
        pen.text(look.get("--ink"), &length, x + 4.0, (y - 4.0).max(AXIS_PX + 12.0));
    }
}

/// `least_y`: above it there are other labels.
fn label(pen: &Pen, inner: &Inner, look: &Look, head: &TrackHead, placed: &Placed, y: f64, least_y: f64) {
    let width = inner.viewport.label();
    pen.fill(look.colour(head.kind.colour()), 0.0, y, 4.0, placed.height_px);
    let can_fold = (head.n_depths > 1 && head.kind != TrackKind::Counter) || !head.lanes.is_empty();
    let fold = match (can_fold, inner.tracks.arrangement.folded.contains(&head.id)) {
        (false, _) => "",
        (true, true) => "▸ ",
        (true, false) => "▾ ",
    };
    let letters = usize::try_from(whole(((width - 16.0) / LETTER_PX).floor())).unwrap_or(4);
    // The label of a high track stays in sight while the track is.
    let at = y.max(least_y).min((y + placed.height_px - ROW_PX).max(y));
    let is_hidden = inner.tracks.arrangement.hidden.contains(&head.id);
    pen.text(
        look.get(if is_hidden { "--ink-soft" } else { "--ink" }),
        &cut(&format!("{fold}{}", head.title), letters),
        10.0,
        at + 12.0,
    );
    let below = match head.kind {
        TrackKind::Counter => format!(
            "{} to {}",
            head.min.map_or_else(|| "–".into(), value),
            head.max.map_or_else(|| "–".into(), value)
        ),
        kind => {
            if is_hidden {
                "hidden".to_owned()
            } else if head.subtitle.is_empty() {
                kind.word().to_owned()
            } else {
                head.subtitle.clone()
            }
        }
    };
    if placed.height_px >= 2.0 * ROW_PX {
        pen.text(look.get("--ink-soft"), &cut(&below, letters), 10.0, at + 26.0);
    }
}

/// A counter's value.
fn value(v: f64) -> String {
    if v == v.trunc() && v.abs() < 1e15 {
        let n = show::count(whole(v.abs()).unsigned_abs());
        if v < 0.0 { format!("-{n}") } else { n }
    } else {
        format!("{v:.3}")
    }
}

fn axis(pen: &Pen, inner: &Inner, look: &Look) {
    let left = inner.viewport.label();
    let scale = inner.viewport.scale();
    pen.fill(look.get("--raised"), 0.0, 0.0, pen.width, AXIS_PX);
    pen.fill(look.get("--line"), 0.0, AXIS_PX - 1.0, pen.width, 1.0);
    let axis = ticks(scale, inner.tracks.known.extent.start, 96.0);
    for tick in &axis.ticks {
        let x = (left + scale.x(tick.at_ns)).round();
        pen.fill(look.get("--line"), x, AXIS_PX - 7.0, 1.0, 7.0);
        pen.text(look.get("--ink-soft"), &tick.label, x + 4.0, AXIS_PX - 9.0);
    }
    for span in visible(&inner.compiles.recorded, inner.viewport.window) {
        let x = left + scale.x(span.start).max(0.0);
        let to = left + scale.x(span.end).min(scale.width_px);
        pen.fill(
            look.colour(Colour::Compile),
            x,
            AXIS_PX - 4.0,
            (to - x).max(2.0),
            3.0,
        );
    }
    for span in visible(&inner.compiles.suspected, inner.viewport.window) {
        let x = left + scale.x(span.start).max(0.0);
        let to = left + scale.x(span.end).min(scale.width_px);
        pen.outline(
            look.colour(Colour::Compile),
            1.0,
            x,
            AXIS_PX - 5.0,
            (to - x).max(4.0),
            4.0,
        );
    }
    for (note, number) in inner.selection.notes.iter().zip(1..) {
        let x = left + scale.x(note.span.start);
        if x >= left && x < pen.width {
            flag(pen, look, x.round(), number);
        }
    }
    pen.fill(look.get("--raised"), 0.0, 0.0, left - 1.0, AXIS_PX - 1.0);
    let shown = show::duration(inner.viewport.window.len_ns());
    let base = match axis.base {
        Some(base) => format!("{base} +"),
        None => format!("{shown} shown"),
    };
    pen.text(look.get("--ink"), &base, 10.0, AXIS_PX - 9.0);
    if left > 150.0 && !base.ends_with("shown") {
        pen.context.set_text_align("right");
        pen.text(
            look.get("--ink-soft"),
            &format!("{shown} shown"),
            left - 8.0,
            AXIS_PX - 9.0,
        );
        pen.context.set_text_align("left");
    }
}

/// The number of a mark, at the axis.
fn flag(pen: &Pen, look: &Look, x: f64, number: usize) {
    let text = number.to_string();
    let width = text.len() as f64 * LETTER_PX + 7.0;
    pen.fill(look.get("--ink"), x, AXIS_PX - 15.0, width, 14.0);
    pen.text(look.get("--bg"), &text, x + 3.0, AXIS_PX - 4.0);
}

/// The whole trace, and the window in it.
pub fn map(canvas: &HtmlCanvasElement, inner: &Inner, look: &Look, sheets: &mut Sheets) {
    let Some(pen) = Pen::on(canvas) else { return };
    let scale = inner.viewport.map_scale();
    let plot = inner
        .frames
        .plot
        .as_ref()
        .map_or(0, |plot| u64::from(plot.width_px) + 1);
    sheets
        .map
        .show(&pen, pen.width, pen.height, [plot, 0, 0, 0], |pen| {
            whole_trace(pen, inner, look);
        });
    for note in &inner.selection.notes {
        let (x, to) = (scale.x(note.span.start), scale.x(note.span.end));
        pen.fill(look.get("--mark"), x, 0.0, (to - x).max(1.0), pen.height);
        pen.fill(look.get("--ink"), x.round(), 0.0, 2.0, 9.0);
    }
    let (x, to) = (
        scale.x(inner.viewport.window.start),
        scale.x(inner.viewport.window.end),
    );
    let (x, to) = (x.max(0.0), to.min(pen.width).max(x + 2.0));
    pen.context.set_global_alpha(0.55);
    pen.fill(look.get("--bg"), 0.0, 0.0, x, pen.height);
    pen.fill(look.get("--bg"), to, 0.0, pen.width - to, pen.height);
    pen.context.set_global_alpha(1.0);
    map_hits(&pen, inner, look);
    pen.outline(look.get("--accent"), 1.5, x, 0.0, to - x, pen.height);
    pen.fill(look.get("--line"), 0.0, pen.height - 1.0, pen.width, 1.0);
}

/// Where hits of the search lie: the taller, the more of them.
fn map_hits(pen: &Pen, inner: &Inner, look: &Look) {
    let Some(hits) = &inner.frames.hits else { return };
    let scale = inner.viewport.map_scale();
    let extent = inner.tracks.known.extent;
    let most = hits.columns.iter().copied().max().unwrap_or(0).max(1);
    let (from, to) = (scale.x(extent.start), scale.x(extent.end));
    let width = (to - from) / (hits.columns.len().max(1) as f64);
    for (n, x) in hits.columns.iter().zip(0u32..).filter(|(n, _)| **n > 0) {
        let height = 5.0 + 9.0 * f64::from(*n) / f64::from(most);
        let at = from + f64::from(x) * width;
        pen.fill(
            look.get("--hit"),
            at,
            pen.height - 14.0 - height,
            width.max(1.5),
            height,
        );
    }
}

/// The map without the window.
fn whole_trace(pen: &Pen, inner: &Inner, look: &Look) {
    let scale = inner.viewport.map_scale();
    pen.fill(look.get("--sunk"), 0.0, 0.0, pen.width, pen.height);
    let floor = pen.height - 14.0;
    if let Some(plot) = &inner.frames.plot {
        let heights = DurationScale::of(plot.min_ns, plot.max_ns, true);
        let squeeze = pen.width / f64::from(plot.width_px.max(1));
        for mark in &plot.marks {
            let height = (heights.part(mark.max_ns) * (floor - 6.0)).max(2.0);
            pen.fill(
                look.colour(mark.phase.colour()),
                f64::from(mark.x) * squeeze,
                floor - height,
                1.5,
                height,
            );
        }
    }
    for span in &inner.compiles.recorded {
        let (x, to) = (scale.x(span.start), scale.x(span.end));
        pen.fill(look.colour(Colour::Compile), x, 0.0, (to - x).max(1.5), 4.0);
    }
    for span in &inner.compiles.suspected {
        let (x, to) = (scale.x(span.start), scale.x(span.end));
        pen.outline(look.colour(Colour::Compile), 1.0, x, 0.0, (to - x).max(4.0), 4.0);
    }
    let axis = ticks(scale, inner.tracks.known.extent.start, 110.0);
    for tick in &axis.ticks {
        let x = scale.x(tick.at_ns);
        pen.fill(look.get("--line"), x.round(), floor, 1.0, 4.0);
        // The last label stands left of its tick where it would else be cut.
        let width = tick.label.chars().count() as f64 * LETTER_PX;
        let at = if x + 3.0 + width > pen.width {
            x - 3.0 - width
        } else {
            x + 3.0
        };
        pen.text(look.get("--ink-soft"), &tick.label, at, pen.height - 3.0);
    }
}

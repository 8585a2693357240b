//! A plot as SVG, to stand in a page that gives colours by class (`k-decode`) and the classes used here.

use std::fmt::Write;

use crate::plot::{COLUMNS, Entry, Mark, Plot, Shape, Sign};

use super::html::escaped;

/// Writing to a `String` cannot fail.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {
        let _ = write!($out, $($format)*);
    };
}

/// Room for the ticks, px.
const BELOW: f64 = 40.0;
const ABOVE: f64 = 10.0;
const RIGHT: f64 = 24.0;
/// Room for labels left of the field: durations, or names.
const BESIDE: f64 = 70.0;
const BESIDE_NAMES: f64 = 275.0;
/// Heights.
const FIELD: f64 = 240.0;
const ROW: f64 = 40.0;
const STRIP: f64 = 40.0;
/// Characters of a name that stand left of its bars.
const NAME: usize = 42;
/// From the label of a rule to the next.
const RULE_ROW: f64 = 13.0;
/// Half of a diamond.
const DIAMOND: f64 = 5.0;
/// What a label of a bar needs beside it.
const LABEL: f64 = 90.0;

/// Where the field of a plot lies in its picture.
struct Area {
    left: f64,
    above: f64,
    width: f64,
    height: f64,
}

impl Area {
    fn of(plot: &Plot) -> Area {
        let shape = plot.shape;
        // Labels of rules stand above the field: over a bar they could not be read.
        let n_rules = plot
            .marks
            .iter()
            .filter(|mark| matches!(mark, Mark::Rule { .. }))
            .count();
        let all = f64::from(COLUMNS) + BESIDE;
        let (left, height) = match shape {
            Shape::Field => (BESIDE, FIELD),
            Shape::Rows(n) => (BESIDE_NAMES, ROW * n as f64),
            Shape::Strip => (1.0, STRIP),
        };
        let beside = match shape {
            Shape::Rows(_) => LABEL,
            _ => 0.0,
        };
        Area {
            left,
            above: ABOVE + RULE_ROW * n_rules as f64,
            width: all - left - beside,
            height,
        }
    }

    fn x(&self, part: f64) -> f64 {
        self.left + part * self.width
    }

    fn y(&self, part: f64) -> f64 {
        self.above + (1.0 - part) * self.height
    }
}

/// A place to a tenth of a pixel.
fn px(at: f64) -> String {
    let text = format!("{at:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// The picture alone: its title and its words stand in the page. `id` is unique in the page.
pub fn svg(plot: &Plot, id: &str) -> String {
    let area = Area::of(plot);
    let below = if plot.shape == Shape::Strip { ABOVE } else { BELOW };
    let (width, height) = (
        f64::from(COLUMNS) + BESIDE + RIGHT,
        area.above + area.height + below,
    );
    let mut out = format!(
        "<svg role=\"img\" aria-labelledby=\"{id}-title\" aria-describedby=\"{id}-says\" viewBox=\"0 0 {} {}\" \
         width=\"{0}\" height=\"{1}\">\n",
        px(width),
        px(height)
    );
    if plot.says_what_is_written() {
        let says = escaped(&crate::base::show::clipped(&plot.says));
        put!(out, "<desc id=\"{id}-says\">{says}</desc>\n");
    }
    axes(&mut out, plot, &area);
    let mut n_rules = 0;
    for mark in &plot.marks {
        match mark {
            Mark::Rule { x, label } => {
                rule(&mut out, *x, label, n_rules, &area);
                n_rules += 1;
            }
            _ => draw(&mut out, mark, &area, plot.shape),
        }
    }
    out.push_str("</svg>\n");
    out
}

fn axes(out: &mut String, plot: &Plot, area: &Area) {
    let (left, right) = (px(area.left), px(area.left + area.width));
    let floor = area.above + area.height;
    match plot.shape {
        Shape::Strip => return,
        Shape::Field => {
            for tick in &plot.y.ticks {
                let y = area.y(tick.at);
                let label = escaped(&tick.label);
                put!(out, "<path class=\"grid\" d=\"M{left} {}H{right}\"/>", px(y));
                put!(
                    out,
                    "<text class=\"end\" x=\"{}\" y=\"{}\">{label}</text>\n",
                    px(area.left - 6.0),
                    px(y + 4.0)
                );
            }
            let middle = px(area.above + area.height / 2.0);
            let label = escaped(&plot.y.label);
            put!(
                out,
                "<text class=\"mid soft\" transform=\"translate(12 {middle}) rotate(-90)\">{label}</text>\n"
            );
        }
        Shape::Rows(_) => {
            for tick in &plot.y.ticks {
                let label = escaped(&super::report_words::clipped(&tick.label, NAME));
                put!(
                    out,
                    "<text class=\"end\" x=\"{}\" y=\"{}\">{label}</text>\n",
                    px(area.left - 8.0),
                    px(area.y(tick.at) + 4.0)
                );
            }
        }
    }
    for tick in &plot.x.ticks {
        let x = px(area.x(tick.at));
        match plot.shape {
            Shape::Rows(_) => {
                put!(
                    out,
                    "<path class=\"grid\" d=\"M{x} {}V{}\"/>",
                    px(area.above),
                    px(floor + 4.0)
                );
            }
            _ => {
                put!(
                    out,
                    "<path class=\"axis\" d=\"M{x} {}V{}\"/>",
                    px(floor),
                    px(floor + 4.0)
                );
            }
        }
        let label = escaped(&tick.label);
        put!(
            out,
            "<text class=\"mid\" x=\"{x}\" y=\"{}\">{label}</text>\n",
            px(floor + 17.0)
        );
    }
    put!(out, "<path class=\"axis\" d=\"M{left} {}H{right}\"/>", px(floor));
    put!(
        out,
        "<text class=\"end soft\" x=\"{right}\" y=\"{}\">{}</text>\n",
        px(floor + 34.0),
        escaped(&plot.x.label)
    );
}

fn draw(out: &mut String, mark: &Mark, area: &Area, shape: Shape) {
    match mark {
        Mark::Rule { .. } => {}
        Mark::Curve { at } => curve(out, at, area),
        Mark::Dots { colour, is_pale, at } => {
            // A line without length has round ends: a dot in a few bytes.
            let mut path = String::new();
            for (x, y) in at {
                put!(path, "M{} {}h0", px(area.x(*x)), px(area.y(*y)));
            }
            let pale = if *is_pale { " pale" } else { "" };
            put!(
                out,
                "<path class=\"dots {}{pale}\" d=\"{path}\"/>\n",
                colour.class()
            );
        }
        Mark::Diamonds {
            colour,
            is_filled,
            at,
        } => {
            let mut path = String::new();
            for (x, y) in at {
                put!(path, "{}", diamond(area.x(*x), area.y(*y)));
            }
            let class = if *is_filled { "diamond" } else { "hollow" };
            put!(out, "<path class=\"{class} {}\" d=\"{path}\"/>\n", colour.class());
        }
        Mark::Bar {
            colour,
            is_pale,
            from,
            to,
            says,
            label,
        } => {
            let (x0, x1) = (area.x(from.0), area.x(to.0));
            let (y0, y1) = (area.y(to.1), area.y(from.1));
            let pale = if *is_pale { " pale" } else { "" };
            put!(
                out,
                "<rect class=\"{}{pale}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>\n",
                colour.class(),
                px(x0),
                px(y0),
                px((x1 - x0).max(0.0)),
                px((y1 - y0).max(0.0)),
                escaped(says)
            );
            if label.is_empty() {
                return;
            }
            let middle = px(f64::midpoint(y0, y1) + 4.0);
            let label = escaped(label);
            match shape {
                Shape::Strip => {
                    let x = px(f64::midpoint(x0, x1));
                    put!(
                        out,
                        "<text class=\"mid on\" x=\"{x}\" y=\"{middle}\">{label}</text>\n"
                    );
                }
                _ => {
                    put!(
                        out,
                        "<text x=\"{}\" y=\"{middle}\">{label}</text>\n",
                        px(x1 + 6.0)
                    );
                }
            }
        }
    }
}

/// A rule, its label in a row of its own above the field.
fn rule(out: &mut String, x: f64, label: &str, row: usize, area: &Area) {
    let is_right = x > 0.7;
    let at = area.x(x);
    let top = ABOVE + RULE_ROW * row as f64;
    put!(
        out,
        "<path class=\"rule\" d=\"M{} {}V{}\"/><text{} x=\"{}\" y=\"{}\">{}</text>\n",
        px(at),
        px(top),
        px(area.above + area.height),
        if is_right { " class=\"end\"" } else { "" },
        px(at + if is_right { -4.0 } else { 4.0 }),
        px(top + 8.0),
        escaped(label)
    );
}

fn curve(out: &mut String, at: &[(f64, f64)], area: &Area) {
    let mut path = String::new();
    for (i, (x, y)) in at.iter().enumerate() {
        let (x, y) = (px(area.x(*x)), px(area.y(*y)));
        match i {
            0 => {
                put!(path, "M{x} {y}");
            }
            _ => {
                put!(path, "H{x}V{y}");
            }
        }
    }
    put!(out, "<path class=\"curve\" d=\"{path}\"/>\n");
}

fn diamond(x: f64, y: f64) -> String {
    let (x, top) = (px(x), px(y - DIAMOND));
    format!("M{x} {top}l{DIAMOND} {DIAMOND} -{DIAMOND} {DIAMOND} -{DIAMOND} -{DIAMOND}z")
}

/// The sign of a legend's entry.
pub fn sign(entry: &Entry) -> String {
    let class = entry.colour.class();
    let inner = match entry.sign {
        Sign::Dot => format!("<path class=\"dots {class}\" d=\"M7 7h0\"/>"),
        Sign::PaleDot => format!("<path class=\"dots {class} pale\" d=\"M7 7h0\"/>"),
        Sign::Diamond => format!("<path class=\"diamond {class}\" d=\"{}\"/>", diamond(7.0, 7.0)),
        Sign::HollowDiamond => format!("<path class=\"hollow {class}\" d=\"{}\"/>", diamond(7.0, 7.0)),
        Sign::Line => "<path class=\"curve\" d=\"M1 12H5V7H9V2H13\"/>".to_owned(),
        Sign::Square => format!("<rect class=\"{class}\" x=\"1\" y=\"1\" width=\"12\" height=\"12\"/>"),
    };
    format!("<svg class=\"sign\" aria-hidden=\"true\" width=\"14\" height=\"14\">{inner}</svg>")
}

//! Bars of a row as one line of pixels. Thousands of rectangles a pixel wide would cost a canvas several times
//! what a picture of them costs, and a picture costs the same however many there are.

use super::model::{Bar, BarClass};

/// Red, green, blue and alpha of each class, by its number: of slices that stand alone, and of merged ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Inks {
    alone: [[u8; 4]; BarClass::ALL.len()],
    merged: [[u8; 4]; BarClass::ALL.len()],
}

/// Merged slices are paler: what is drawn is not one of them. A part of 255.
pub const MERGED_ALPHA: u8 = 158;

impl Inks {
    /// `color` gives a class's colour as `#rrggbb`; what is none is grey.
    pub fn of<'a>(color: impl Fn(BarClass) -> &'a str) -> Inks {
        let inks = |alpha: u8| {
            BarClass::ALL.map(|class| {
                let [r, g, b] = rgb(color(class)).unwrap_or([0x88; 3]);
                [r, g, b, alpha]
            })
        };
        Inks {
            alone: inks(255),
            merged: inks(MERGED_ALPHA),
        }
    }

    fn of_bar(&self, bar: &Bar) -> [u8; 4] {
        let inks = if bar.count > 1 { &self.merged } else { &self.alone };
        inks[bar.class as usize]
    }
}

fn rgb(color: &str) -> Option<[u8; 3]> {
    let hex = color.trim().strip_prefix('#').filter(|hex| hex.len() == 6)?;
    let part = |i: usize| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok();
    Some([part(0)?, part(2)?, part(4)?])
}

/// From a bar's pixels to the line's: `x * factor + shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub factor: f64,
    pub shift: f64,
    /// Pixels of the line to one of the screen's measure.
    pub ratio: f64,
}

/// A bar at least this wide, on the screen's measure, ends a pixel early, so that the next one shows.
const WIDE_PX: f64 = 2.5;

/// Paints `bars`, in order of time, into `line`: four bytes a pixel. A bar is never narrower than a pixel of the
/// screen's measure. What no bar covers is left as it is.
pub fn paint(line: &mut [u8], bars: &[Bar], place: Place, inks: &Inks) {
    let width = line.len() / 4;
    let x = |x: f32| f64::from(x) * place.factor + place.shift;
    let first = bars.partition_point(|bar| x(bar.x1) < -place.ratio);
    for bar in &bars[first..] {
        let (x0, x1) = (x(bar.x0), x(bar.x1));
        if x0 >= width as f64 {
            break;
        }
        let (from, to) = if x1 - x0 >= WIDE_PX * place.ratio {
            (
                column(x0.round(), width),
                column((x1 - place.ratio).round(), width),
            )
        } else {
            let from = x0.floor();
            let to = x1.round().max(from + place.ratio.round().max(1.0));
            (column(from, width), column(to, width))
        };
        if from >= to {
            continue;
        }
        let ink = inks.of_bar(bar);
        for pixel in line[from * 4..to * 4].chunks_exact_mut(4) {
            pixel.copy_from_slice(&ink);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cut to the line"
)]
fn column(x: f64, width: usize) -> usize {
    x.clamp(0.0, width as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(x0: f32, x1: f32, count: u32, class: BarClass) -> Bar {
        Bar {
            x0,
            x1,
            slice: 0,
            count,
            class,
            name: None,
            is_hit: false,
        }
    }

    fn inks() -> Inks {
        Inks::of(|class| match class {
            BarClass::Decode => "#0000d0",
            BarClass::Wait => "#0000e0",
            _ => "red",
        })
    }

    /// The line's pixels: `.` nothing, `D` and `W` alone, `d` and `w` merged, `?` grey.
    fn painted(bars: &[Bar], place: Place, width: usize) -> String {
        let mut line = vec![0; width * 4];
        paint(&mut line, bars, place, &inks());
        let letter = |p: &[u8]| match (p[2], p[3]) {
            (_, 0) => '.',
            (0xd0, 255) => 'D',
            (0xe0, 255) => 'W',
            (0xd0, MERGED_ALPHA) => 'd',
            (0xe0, MERGED_ALPHA) => 'w',
            _ => '?',
        };
        line.chunks(4).map(letter).collect()
    }

    const AS_IS: Place = Place {
        factor: 1.0,
        shift: 0.0,
        ratio: 1.0,
    };

    #[test]
    fn wide_bars_leave_a_pixel_and_narrow_ones_have_one() {
        let bars = [
            bar(0.0, 4.0, 1, BarClass::Decode),
            bar(4.0, 9.0, 1, BarClass::Wait),
            bar(9.2, 9.3, 5, BarClass::Decode),
            bar(11.0, 13.0, 2, BarClass::Wait),
            bar(15.0, 15.0, 1, BarClass::Other),
        ];
        assert_eq!(painted(&bars, AS_IS, 18), "DDD.WWWW.d.ww..?..");
    }

    #[test]
    fn bars_are_moved_stretched_and_cut() {
        let bars = [
            bar(0.0, 4.0, 1, BarClass::Decode),
            bar(4.0, 9.0, 1, BarClass::Wait),
            bar(20.0, 30.0, 1, BarClass::Decode),
        ];
        let at = |factor, shift, ratio| Place { factor, shift, ratio };
        assert_eq!(painted(&bars, at(1.0, -2.0, 1.0), 8), "D.WWWW..");
        assert_eq!(painted(&bars, at(1.0, -22.0, 1.0), 4), "DDDD");
        assert_eq!(painted(&bars, at(2.0, 0.0, 2.0), 20), "DDDDDD..WWWWWWWW....");
        assert_eq!(painted(&bars, at(1.0, 100.0, 1.0), 4), "....");
        assert_eq!(painted(&[], AS_IS, 2), "..");
        assert_eq!(painted(&bars, AS_IS, 0), "");
    }
}

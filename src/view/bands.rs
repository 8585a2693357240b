//! When graphs were compiled: bands over the whole trace.

use crate::analyze::report::Recompile;
use crate::base::{Colour, Span, order, show};
use crate::dialect::Evidence;
use crate::plot::axis::{TimeScale, ticks};
use crate::plot::{Across, Axis, AxisTick, COLUMNS, Mark, Pick, Picked, Picture, Plot};

/// Bands of one kind are at least this part of the width apart from start to start.
const MOST_BANDS: f64 = 300.0;
/// Pixels between two labels of the axis of time, at least.
const LABEL_PX: f64 = 90.0;

/// The least width of a band in a picture.
const LEAST_WIDTH: f64 = 0.0015;

/// The bands as a picture that can be picked and brushed.
pub fn compile_picture(compiles: &[&Recompile], extent: Span) -> Picture {
    let mut bands = compile_bands(compiles, extent);
    let scale = TimeScale {
        window: extent,
        width_px: 1.0,
    };
    let axis = ticks(
        TimeScale {
            width_px: f64::from(COLUMNS),
            ..scale
        },
        extent.start,
        LABEL_PX,
    );
    let end = |band: &Band| band.x1.max(band.x0 + LEAST_WIDTH).min(1.0);
    let marks = bands.iter().map(|band| Mark::Bar {
        colour: Colour::Compile,
        is_pale: band.suspected,
        from: (band.x0, 0.0),
        to: (end(band), 1.0),
        says: band.says.clone(),
        label: String::new(),
    });
    let plot = Plot {
        title: "When graphs were compiled".to_owned(),
        says: show::counted(compiles.len() as u64, "compile") + "; the table lists them.",
        x: Axis {
            label: "time from the start of the trace".to_owned(),
            ticks: axis
                .ticks
                .into_iter()
                .map(|tick| AxisTick {
                    at: scale.x(tick.at_ns),
                    label: tick.label,
                })
                .collect(),
        },
        marks: marks.collect(),
        ..Plot::default()
    };
    order::sort_by(&mut bands, |a, b| a.x0.total_cmp(&b.x0));
    let pick = |band: &Band| Pick {
        x: (band.x0, end(band)),
        y: 1.0,
        says: band.says.clone(),
        of: Picked::Time(band.starts),
    };
    Picture {
        plot,
        picks: bands.iter().map(pick).collect(),
        across: Across::Time(extent),
    }
}

/// Compiles that start in one stretch of the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// From 0, the start of the trace, to 1, its end.
    pub x0: f64,
    pub x1: f64,
    /// Only durations of steps suggest them.
    pub suspected: bool,
    pub count: u64,
    /// From the start of the first to behind the start of the last, as their table has them.
    pub starts: Span,
    /// What they are, for people.
    pub says: String,
}

impl Recompile {
    /// Where it is to be looked for: itself, or the region that encloses it.
    pub fn place(&self) -> Span {
        match (self.start_is_exact, self.region_start_ns, self.region_end_ns) {
            (false, Some(start), Some(end)) => Span::new(start, end),
            _ => self.span(),
        }
    }
}

/// The compiles as bands of `extent`: recorded and suspected ones apart, those of one stretch in one.
pub fn compile_bands(compiles: &[&Recompile], extent: Span) -> Vec<Band> {
    let whole = extent.len_ns().max(1) as f64;
    let stretch = |compile: &Recompile| {
        let from = compile.place().start.saturating_sub(extent.start) as f64;
        (from * MOST_BANDS / whole).floor()
    };
    let is_suspected = |compile: &Recompile| compile.evidence == Evidence::Suspected;
    let mut sorted = compiles.to_vec();
    order::sort_by_key(&mut sorted, |compile| {
        (is_suspected(compile), compile.place().start)
    });
    let like =
        |a: &&Recompile, b: &&Recompile| is_suspected(a) == is_suspected(b) && stretch(a) == stretch(b);
    sorted
        .chunk_by(like)
        .filter_map(|of_one| band(of_one, extent))
        .collect()
}

fn band(compiles: &[&Recompile], extent: Span) -> Option<Band> {
    let longest = compiles.iter().max_by_key(|compile| compile.dur_ns)?;
    let suspected = longest.evidence == Evidence::Suspected;
    let whole = extent.len_ns().max(1) as f64;
    let start = compiles.iter().map(|compile| compile.place().start).min()?;
    // A compile is as wide as it is long, wherever in its region it lies.
    let ends = compiles
        .iter()
        .map(|compile| compile.place().start.saturating_add(compile.known_ns()));
    let x = |at: i64| (at.saturating_sub(extent.start) as f64 / whole).clamp(0.0, 1.0);
    let what = match suspected {
        true => "looks like a compile (suspected)".to_owned(),
        false => show::clipped(&longest.name).into_owned(),
    };
    let longest_says = format!("{} {what}", longest.cost_says());
    Some(Band {
        x0: x(start),
        x1: x(ends.max()?),
        suspected,
        count: compiles.len() as u64,
        starts: Span::new(
            compiles.iter().map(|compile| compile.start_ns).min()?,
            compiles
                .iter()
                .map(|compile| compile.start_ns)
                .max()?
                .saturating_add(1),
        ),
        says: match compiles.len() {
            1 => longest_says,
            n => format!(
                "{}; the longest: {longest_says}",
                show::counted(n as u64, "compile")
            ),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(start_ns: i64, dur_ns: i64, evidence: Evidence) -> Recompile {
        Recompile {
            name: "recipe".into(),
            start_ns,
            dur_ns: Some(dur_ns),
            start_is_exact: true,
            evidence,
            ..Recompile::default()
        }
    }

    #[test]
    fn compiles_of_one_stretch_are_one_band_that_counts_them() {
        // A stretch is 1,000,000 / 300 = 3,333 ns.
        let all = [
            compile(0, 1_000, Evidence::Recorded),
            compile(1_500, 500_000, Evidence::Recorded),
            compile(2_000, 3_000, Evidence::Suspected),
            compile(900_000, 100_000, Evidence::Recorded),
        ];
        let all: Vec<&Recompile> = all.iter().collect();
        let bands = compile_bands(&all, Span::new(0, 1_000_000));
        let got: Vec<_> = bands
            .iter()
            .map(|band| (band.x0, band.x1, band.suspected, band.count, &*band.says))
            .collect();
        assert_eq!(
            got,
            [
                (0.0, 0.5015, false, 2, "2 compiles; the longest: 500 µs recipe"),
                (0.9, 1.0, false, 1, "100 µs recipe"),
                (0.002, 0.005, true, 1, "3.00 µs looks like a compile (suspected)"),
            ]
        );
        let picture = compile_picture(&all, Span::new(0, 1_000_000));
        let picks: Vec<Picked> = picture.picks.iter().map(|pick| pick.of).collect();
        let starts = [
            Span::new(0, 1_501),
            Span::new(2_000, 2_001),
            Span::new(900_000, 900_001),
        ];
        assert_eq!(picks, starts.map(Picked::Time), "from left to right");
    }
}

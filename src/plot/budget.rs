//! Where serving time went, as one bar.

use crate::analyze::report::{TraceReport, share_colour};
use crate::base::show;

use super::{Entry, Mark, Plot, Shape, Sign, with_share};

/// A part at least this wide holds its share as a number.
const LABELLED: f64 = 0.055;

pub fn budget(trace: &TraceReport) -> Option<Plot> {
    let budget = trace.budget.as_ref().filter(|budget| budget.total_ns > 0)?;
    let mut plot = Plot {
        title: "Where serving time went".to_owned(),
        shape: Shape::Strip,
        ..Plot::default()
    };
    let whole = budget.total_ns;
    let mut at_ns = 0_i64;
    for share in budget.shares.iter().filter(|share| share.total_ns > 0) {
        let colour = share_colour(&share.id);
        let place = |ns: i64| (ns as f64 / whole as f64).clamp(0.0, 1.0);
        let (from, to) = (place(at_ns), place(at_ns.saturating_add(share.total_ns)));
        at_ns = at_ns.saturating_add(share.total_ns);
        let value = with_share(share.total_ns, whole);
        plot.marks.push(Mark::Bar {
            colour,
            is_pale: false,
            from: (from, 0.0),
            to: (to, 1.0),
            says: format!("{}: {value}", share.says),
            label: match to - from >= LABELLED {
                true => show::percent(share.total_ns, whole),
                false => String::new(),
            },
        });
        plot.legend.push(Entry {
            sign: Sign::Square,
            colour,
            word: share.says.clone(),
            value,
        });
    }
    let largest = budget.shares.iter().max_by_key(|share| share.total_ns)?;
    plot.says = format!(
        "One bar of {}, divided into {}. The largest: {}, {}. The legend lists all, from left to right.",
        show::duration(whole),
        show::counted(plot.marks.len() as u64, "part"),
        largest.says,
        with_share(largest.total_ns, whole)
    );
    Some(plot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::report::{BudgetShare, TimeBudget};

    #[test]
    fn parts_lie_beside_each_other_and_fill_the_bar() {
        let share = |id: &str, total_ns: i64| BudgetShare {
            id: id.to_owned(),
            says: id.to_owned(),
            total_ns,
        };
        let trace = TraceReport {
            budget: Some(TimeBudget {
                total_ns: 1_000,
                shares: vec![
                    share("decode", 600),
                    share("prefill", 0),
                    share("compile", 390),
                    share("idle", 10),
                ],
                definition: String::new(),
            }),
            ..TraceReport::default()
        };
        let plot = budget(&trace).unwrap();
        let bars = plot.marks.iter().filter_map(|mark| match mark {
            Mark::Bar { from, to, label, .. } => Some((from.0, to.0, label.as_str())),
            _ => None,
        });
        let bars: Vec<_> = bars.collect();
        assert_eq!(bars, [(0.0, 0.6, "60 %"), (0.6, 0.99, "39 %"), (0.99, 1.0, "")]);
        assert_eq!(
            plot.legend.len(),
            3,
            "what takes no time has no place in the legend"
        );
        assert!(
            plot.says.contains("The largest: decode, 600 ns (60 %)."),
            "{}",
            plot.says
        );
        assert_eq!(budget(&TraceReport::default()), None);
    }
}

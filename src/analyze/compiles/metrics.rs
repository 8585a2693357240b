//! What a metrics file says, and the true times that it gives to recompiles.
//!
//! The file's times are local, without a zone. A dump that a compile triggered was written when the compile had
//! ended; so the zone is the whole quarter of an hour that puts most ends into the regions in which the trace
//! recorded the same compiles (same name, same duration).

use std::collections::BTreeMap;

use crate::dialect::{DumpedCompile, MetricsFile};

use crate::analyze::report::{Evidence, MetricCompile, Metrics, Recompile};

/// Every zone is a multiple of this away from UTC.
const QUARTER_NS: i64 = 15 * 60 * 1_000_000_000;
/// Zones reach from UTC−12 to UTC+14.
const ZONE_QUARTERS: std::ops::RangeInclusive<i64> = -48..=56;
/// A dump is written within this of the compile's end.
const SLACK_NS: i64 = 5_000_000;

/// The file's counters at its end, and its compiles.
pub fn metrics(file: &MetricsFile, name: &str) -> Metrics {
    let total = |metric: &str, key: &str| file.total(metric, key);
    let mut notes = Vec::new();
    if file.unclosed {
        notes.push(
            "The list in the metrics file is not closed: the process was still running or did not exit by itself, \
             so the counters are those of its last dump."
                .to_owned(),
        );
    }
    if file.n_unreadable > 0 {
        notes.push(format!(
            "{} of the metrics file could not be read.",
            crate::base::show::counted(file.n_unreadable, "dump")
        ));
    }
    if file.is_cut {
        notes.push(
            "The metrics file ends in the middle of a dump: it is cut, and what came after that is missing."
                .to_owned(),
        );
    }
    Metrics {
        file: name.to_owned(),
        graph_compilations: total("graph_compilation", "TotalNumber"),
        graph_compilation_ns: file.total_ns("graph_compilation", "TotalTime"),
        cpu_fallbacks: total("cpu_fallback", "TotalNumber"),
        recipe_cache_hits: total("recipe_cache", "TotalHit"),
        recipe_cache_misses: total("recipe_cache", "TotalMiss"),
        defragmentations: total("memory_defragmentation", "TotalNumber"),
        compiles: file
            .compiles()
            .into_iter()
            .map(|c| MetricCompile {
                recipe: c.recipe,
                dur_ns: c.dur_ns,
                generated_on: c.ended.map(|(written, _)| written),
            })
            .collect(),
        matched: 0,
        notes,
    }
}

/// Gives recorded compiles their true start from a metrics file of the same process, and says in
/// `metrics.notes` what was done. A suspected compile that the file confirms (it ended in that step and cost
/// about as much) becomes a recorded one. `base_time_ns` is the Unix time of the trace clock's zero.
pub fn apply(
    recompiles: &mut [Recompile],
    metrics: &mut Metrics,
    file: &MetricsFile,
    base_time_ns: Option<i64>,
) {
    let recorded: Vec<usize> = (0..recompiles.len())
        .filter(|&i| matches!(recompiles[i].evidence, Evidence::Recorded | Evidence::Suspected))
        .collect();
    if recorded.is_empty() {
        return;
    }
    let dated: Vec<(DumpedCompile, i64)> = file
        .compiles()
        .into_iter()
        .filter_map(|c| {
            let ended = c.ended.as_ref()?.1;
            Some((c, ended))
        })
        .collect();
    let Some(base) = base_time_ns else {
        metrics.notes.push(
            "The trace does not say how its clock stands to the time of day, so the metrics file dates no compile."
                .to_owned(),
        );
        return;
    };
    if dated.is_empty() {
        metrics.notes.push(format!(
            "The metrics file was written at exit only, so it dates no compile. {}",
            crate::dialect::HOW_TO_DATE_COMPILES
        ));
        return;
    }
    let Some(quarters) = zone(recompiles, &recorded, &dated, base) else {
        metrics.notes.push(
            "No time zone brings the times of the metrics file into the regions of the trace's compiles: it belongs \
             to another process or run, or its clock is not the trace's. Compiles keep their region only."
                .to_owned(),
        );
        return;
    };
    let mut free = recorded;
    let (mut dated_by_file, mut already_exact, mut confirmed) = (0_usize, 0_usize, 0_u64);
    for (compile, ended) in &dated {
        let end = ended - quarters * QUARTER_NS - base;
        let fits = |&i: &usize| fits(&recompiles[i], compile, end);
        let Some(at) = free.iter().position(fits) else {
            continue;
        };
        let row = &mut recompiles[free.remove(at)];
        metrics.matched += 1;
        if row.evidence == Evidence::Suspected {
            row.evidence = Evidence::Recorded;
            row.name.clone_from(&compile.recipe);
            row.dur_ns = Some(compile.dur_ns);
            row.start_ns = end - compile.dur_ns;
            row.start_is_exact = true;
            confirmed += 1;
        } else if row.start_is_exact {
            already_exact += 1;
        } else {
            row.start_ns = end - compile.dur_ns;
            row.start_is_exact = true;
            dated_by_file += 1;
        }
    }
    let n_recorded = dated_by_file
        + already_exact
        + free
            .iter()
            .filter(|&&i| recompiles[i].evidence == Evidence::Recorded)
            .count();
    let clock = show_zone(quarters);
    if n_recorded > 0 {
        metrics.notes.push(format!(
            "{dated_by_file} of {n_recorded} recorded compiles got their time from the metrics file, whose clock is \
             UTC{clock}."
        ));
    }
    if already_exact > 0 {
        metrics.notes.push(format!(
            "{already_exact} compiles of the metrics file are in the trace as the graph compiler's own events, which \
             date them better."
        ));
    }
    if confirmed > 0 {
        metrics.notes.push(format!(
            "{} only suspected from the trace; the metrics file, whose clock is UTC{clock}, recorded what was \
             compiled and when.",
            if confirmed == 1 {
                "1 compile was".to_owned()
            } else {
                format!("{} were", crate::base::show::counted(confirmed, "compile"))
            }
        ));
    }
}

/// Whether a dated compile is this row: same recipe and duration, and it ended in the row's region. A suspected
/// row has no recipe and its cost is an estimate.
fn fits(row: &Recompile, compile: &DumpedCompile, end_ns: i64) -> bool {
    let is_guess = row.evidence == Evidence::Suspected;
    // Both are whole µs of the same measurement; a row dated by the compiler's event may differ by 1 %.
    let tolerance = compile.dur_ns.unsigned_abs() / if is_guess { 5 } else { 100 };
    let same_cost = row
        .dur_ns
        .is_some_and(|ns| ns.abs_diff(compile.dur_ns) <= tolerance);
    let (Some(from), Some(to)) = (row.region_start_ns, row.region_end_ns) else {
        return false;
    };
    (is_guess || row.name == compile.recipe)
        && same_cost
        && from.saturating_add(compile.dur_ns) <= end_ns.saturating_add(SLACK_NS)
        && end_ns <= to.saturating_add(SLACK_NS)
}

/// Quarters of an hour that local time is ahead of UTC: those under which most compiles fit.
fn zone(
    recompiles: &[Recompile],
    recorded: &[usize],
    dated: &[(DumpedCompile, i64)],
    base: i64,
) -> Option<i64> {
    let mut votes: BTreeMap<i64, u64> = BTreeMap::new();
    for (compile, ended) in dated {
        for &i in recorded {
            let row = &recompiles[i];
            let Some(region_end) = row.region_end_ns else {
                continue;
            };
            let ahead = ended - base - region_end;
            let quarters = (ahead + QUARTER_NS / 2).div_euclid(QUARTER_NS);
            let end = ended - quarters * QUARTER_NS - base;
            if ZONE_QUARTERS.contains(&quarters) && fits(row, compile, end) {
                *votes.entry(quarters).or_default() += 1;
            }
        }
    }
    let most = votes.iter().max_by_key(|&(&quarters, &n)| (n, -quarters.abs()))?;
    Some(*most.0)
}

/// `+02:00`; nothing for UTC itself.
fn show_zone(quarters: i64) -> String {
    if quarters == 0 {
        return String::new();
    }
    let sign = if quarters < 0 { '-' } else { '+' };
    let minutes = quarters.abs() * 15;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

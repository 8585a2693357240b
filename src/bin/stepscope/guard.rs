//! Rules that end a build: `NAME OP NUMBER`, several joined by `and`.
//!
//! `NAME` is `PHASE.STATISTIC` or `PHASE[BUCKET].STATISTIC` of the step time (served steps in which nothing compiled),
//! or a number of a table: `TABLE[ROW].COLUMN`, `TABLE.rows`, or `TABLE.VALUE`, the number of rows of which a term is
//! `VALUE` (`recompiles.serving`). `ROW` is the row's first cell, as `--csv` writes it. `OP` is `>`, `>=`, `<`, `<=`,
//! `==` or `!=`. Durations are nanoseconds; `us`, `ms` and `s` may stand behind a number.

use anyhow::{Result, bail};

use stepscope::analyze::report::{Phase, Profile, StepTimes, TraceReport};
use stepscope::base::{show, stats};
use stepscope::table::{self, Answers, Cell, Filled, Kind};
use stepscope_disk::nearest;

/// What a rule can ask of one trace.
pub struct Measured<'a> {
    pub profile: &'a Profile,
    /// Of a baseline there are no tables.
    pub report: Option<&'a TraceReport>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
}

/// Longer ones first, since they begin as the shorter ones do.
const COMPARISONS: [(&str, Comparison); 6] = [
    (">=", Comparison::GreaterOrEqual),
    ("<=", Comparison::LessOrEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    (">", Comparison::Greater),
    ("<", Comparison::Less),
];

impl Comparison {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Comparison::Greater => value > limit,
            Comparison::GreaterOrEqual => value >= limit,
            Comparison::Less => value < limit,
            Comparison::LessOrEqual => value <= limit,
            Comparison::Equal => value == limit,
            Comparison::NotEqual => value != limit,
        }
    }
}

/// `of[key].number`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    of: String,
    key: Option<String>,
    number: String,
}

/// What a value is measured in, and what stands behind a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// ns, of values; `us`, `ms`, `s` in a rule.
    Time,
    /// 0 to 1, of values; `%` in a rule.
    Share,
    None,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    name: Name,
    comparison: Comparison,
    limit: f64,
    unit: Unit,
    text: String,
}

impl Condition {
    /// A unit that the value does not have is a mistake.
    fn must_fit(&self, unit: Unit, what: &str) -> Result<()> {
        let fits = self.unit == Unit::None || self.unit == unit;
        if !fits {
            bail!("{}: {what}", self.text);
        }
        Ok(())
    }
}

/// It is broken if all of its conditions hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule(Vec<Condition>);

const STATISTICS: [&str; 6] = ["p50", "p90", "p99", "max", "mean", "count"];
const EXPECTED: &str = "expected NAME OP NUMBER, such as `decode.p50 > 1.05` or `recompiles.serving > 0`, several \
                        joined by `and`";

impl Rule {
    pub fn parse(text: &str) -> Result<Rule, String> {
        conditions(text)
            .into_iter()
            .map(condition)
            .collect::<Result<_, _>>()
            .map(Rule)
    }

    /// Says how the values of one trace break the rule; `None`: it is kept.
    pub fn value_breaks(&self, of: &Measured<'_>) -> Result<Option<String>> {
        self.breaks(|condition| {
            let (value, unit) = value(&condition.name, of)?;
            condition.must_fit(
                unit,
                match unit {
                    Unit::Time => "the value is a time: ns, us, ms or s may stand behind the number",
                    Unit::Share => "the value is a share: % may stand behind the number",
                    Unit::None => "the value has no unit",
                },
            )?;
            Ok((value, format!("it is {}", short(value))))
        })
    }

    /// The same of values of B over those of A.
    pub fn ratio_breaks(&self, a: &Measured<'_>, b: &Measured<'_>) -> Result<Option<String>> {
        self.breaks(|condition| {
            condition.must_fit(
                Unit::None,
                "in a comparison names mean B over A, which has no unit",
            )?;
            let [(a, _), (b, _)] = [value(&condition.name, a)?, value(&condition.name, b)?];
            // Nothing over nothing is no change.
            let ratio = if a == b { 1.0 } else { b / a };
            let says = format!("B over A is {}: {} and {}", short(ratio), short(b), short(a));
            Ok((ratio, says))
        })
    }

    fn breaks(&self, value: impl Fn(&Condition) -> Result<(f64, String)>) -> Result<Option<String>> {
        let mut says = Vec::new();
        let mut all_hold = true;
        for condition in &self.0 {
            let (value, is) = value(condition)?;
            all_hold &= condition.comparison.holds(value, condition.limit);
            says.push(format!("{} ({is})", condition.text));
        }
        Ok(all_hold.then(|| format!("the rule is broken: {}", says.join(" and "))))
    }
}

fn short(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0}")
    } else {
        format!("{value:.4}")
    }
}

/// Splits at `and` outside of brackets: a row's name may hold the word.
fn conditions(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    let mut start = 0;
    let mut found = Vec::new();
    for (i, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 && text[i..].starts_with(" and ") => {
                found.push(&text[start..i]);
                start = i + " and ".len();
            }
            _ => {}
        }
    }
    found.push(&text[start.min(text.len())..]);
    found
}

fn condition(text: &str) -> Result<Condition, String> {
    let text = text.trim();
    // A row's name may hold an operator, too.
    let behind = text.rfind(']').map_or(0, |at| at + 1);
    let found = COMPARISONS
        .iter()
        .filter_map(|&(word, comparison)| Some((behind + text[behind..].find(word)?, word, comparison)))
        .min_by_key(|&(at, word, _)| (at, std::cmp::Reverse(word.len())));
    let (at, word, comparison) = found.ok_or(EXPECTED)?;
    let (limit, unit) = number(text[at + word.len()..].trim())?;
    Ok(Condition {
        name: name(text[..at].trim())?,
        comparison,
        limit,
        unit,
        text: text.to_owned(),
    })
}

fn name(text: &str) -> Result<Name, String> {
    let (of, number) = text.rsplit_once('.').ok_or(EXPECTED)?;
    let (of, key) = match of.split_once('[') {
        Some((of, key)) => (of, Some(key.strip_suffix(']').ok_or("a bracket is not closed")?)),
        None => (of, None),
    };
    if of.is_empty() || number.is_empty() {
        return Err(EXPECTED.to_owned());
    }
    Ok(Name {
        of: of.to_owned(),
        key: key.map(|key| key.trim().to_owned()),
        number: number.to_owned(),
    })
}

fn number(text: &str) -> Result<(f64, Unit), String> {
    const UNITS: [(&str, f64, Unit); 5] = [
        ("ns", 1.0, Unit::Time),
        ("us", 1e3, Unit::Time),
        ("ms", 1e6, Unit::Time),
        ("s", 1e9, Unit::Time),
        ("%", 0.01, Unit::Share),
    ];
    let of_unit = UNITS.iter().find(|(word, ..)| text.ends_with(word));
    let (digits, factor, unit) = of_unit.map_or((text, 1.0, Unit::None), |&(word, factor, unit)| {
        (&text[..text.len() - word.len()], factor, unit)
    });
    let number: f64 = digits.trim().parse().map_err(|_| EXPECTED.to_owned())?;
    if !number.is_finite() {
        return Err(EXPECTED.to_owned());
    }
    Ok((number * factor, unit))
}

/// The words of `decode[16,1,1024]`, with or without brackets and blanks.
fn bucket_key(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '(' | ')' | ' ')).collect()
}

fn value(name: &Name, of: &Measured<'_>) -> Result<(f64, Unit)> {
    match Phase::from_key(&name.of) {
        Some(phase) if STATISTICS.contains(&&*name.number) => {
            let unit = if name.number == "count" {
                Unit::None
            } else {
                Unit::Time
            };
            Ok((of_phase(phase, name, of.profile)?, unit))
        }
        Some(_) => bail!(
            "there is no statistic {:?} of step times; there are {}",
            name.number,
            STATISTICS.join(", ")
        ),
        None => of_table(name, of),
    }
}

fn of_phase(phase: Phase, name: &Name, profile: &Profile) -> Result<f64> {
    let is_in = |step: &&StepTimes| {
        let class = profile.classes.get(step.class).filter(|c| c.phase == phase);
        class.is_some_and(|class| {
            let Some(key) = &name.key else { return true };
            let bucket = class.bucket.map(|b| bucket_key(&b.to_string()));
            bucket == Some(bucket_key(key)) || class.class.as_deref() == Some(key)
        })
    };
    let steps: Vec<&StepTimes> = profile.steps.iter().filter(is_in).collect();
    if let (Some(key), true) = (&name.key, steps.is_empty()) {
        let of_phase = profile.classes.iter().filter(|c| c.phase == phase);
        let known = of_phase.filter_map(|c| c.bucket.map(|b| b.to_string()).or(c.class.clone()));
        bail!(
            "{}: no {} step of {key:?}; there are {}",
            profile.file,
            phase.noun(),
            listed(&nearest(key, known.collect()))
        );
    }
    let mut times: Vec<i64> = steps.iter().filter_map(|s| s.step_ns).collect();
    let quantile = match &*name.number {
        "count" => return Ok(steps.len() as f64),
        "mean" => {
            let sum = stats::sum(times.iter().copied()) as f64;
            return known(
                name,
                profile,
                (!times.is_empty()).then(|| sum / times.len() as f64),
            );
        }
        "p90" => 0.9,
        "p99" => 0.99,
        "max" => 1.0,
        _ => 0.5,
    };
    let value = stats::quantile_of(&mut times, quantile);
    known(name, profile, value.map(|ns| ns as f64))
}

fn known(name: &Name, profile: &Profile, value: Option<f64>) -> Result<f64> {
    match value {
        Some(value) => Ok(value),
        None => bail!(
            "{}: {}.{} is unknown in this trace",
            profile.file,
            name.of,
            name.number
        ),
    }
}

fn of_table(name: &Name, of: &Measured<'_>) -> Result<(f64, Unit)> {
    let file = &of.profile.file;
    let Some(report) = of.report else {
        bail!(
            "{file} is a baseline, which keeps step times and what is compared, and no tables of the trace: {}.{} is \
             unknown",
            name.of,
            name.number
        );
    };
    let answers = Answers::of_report(report);
    let Some(table) = table::find(&name.of, &answers) else {
        // An empty table has no rows, which is a number.
        if table::TABLES.iter().any(|table| table.key == name.of) && name.key.is_none() {
            return Ok((0.0, Unit::None));
        }
        let phases = Phase::ALL.iter().map(|phase| phase.key().to_owned());
        let all = table::TABLES
            .iter()
            .map(|table| table.key.to_owned())
            .chain(phases);
        bail!(
            "there is no table or phase {:?}; the nearest: {}",
            name.of,
            listed(&nearest(&name.of, all.collect()))
        );
    };
    match &name.key {
        Some(key) => cell(name, key, &table, file),
        None if name.number == "rows" => Ok((table.rows.len() as f64, Unit::None)),
        None => Ok((counted(name, &table)?, Unit::None)),
    }
}

/// Rows one of whose terms has this key.
fn counted(name: &Name, table: &Filled<'_>) -> Result<f64> {
    let terms: Vec<Vec<String>> = (0..table.rows.len())
        .map(|row| {
            let cells = table.rows.row(row);
            cells
                .into_iter()
                .filter_map(|cell| match cell {
                    Cell::Term(term) => Some(term.key.into_owned()),
                    _ => None,
                })
                .collect()
        })
        .collect();
    let n = terms.iter().filter(|keys| keys.contains(&name.number)).count();
    let is_column = table.rows.column(&name.number).is_some();
    if is_column {
        bail!(
            "{}.{} needs a row: {}[ROW].{}",
            name.of,
            name.number,
            name.of,
            name.number
        );
    }
    Ok(n as f64)
}

fn cell(name: &Name, key: &str, table: &Filled<'_>, file: &str) -> Result<(f64, Unit)> {
    let rows = &table.rows;
    let Some(column) = rows.column(&name.number) else {
        let all = rows.columns.iter().map(|c| c.key.to_string());
        bail!(
            "{} has no column {:?}; the nearest: {}",
            name.of,
            name.number,
            listed(&nearest(&name.number, all.collect()))
        );
    };
    let first = |row: usize| match rows.cell(row, 0) {
        Cell::Term(term) => term.key.into_owned(),
        cell => cell.words(&rows.columns[0].kind, 0),
    };
    let Some(row) = (0..rows.len()).find(|&row| first(row) == key) else {
        let all = (0..rows.len()).map(first).collect();
        bail!(
            "{file}: {} has no row {key:?}; the nearest: {}",
            name.of,
            listed(&nearest(key, all))
        );
    };
    let unit = match rows.columns[column].kind {
        Kind::Duration | Kind::Instant => Unit::Time,
        Kind::Share { .. } => Unit::Share,
        _ => Unit::None,
    };
    match rows.cell(row, column) {
        Cell::Int(n) => Ok((n as f64, unit)),
        Cell::Real(x) => Ok((x, unit)),
        Cell::Flag(is) => Ok((f64::from(u8::from(is)), Unit::None)),
        Cell::Unknown => bail!(
            "{file}: {}[{key}].{} is unknown in this trace",
            name.of,
            name.number
        ),
        _ => bail!("{}.{} is no number", name.of, name.number),
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names
            .iter()
            .map(|name| show::plain(name))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read() {
        let rule = Rule::parse("decode[16,1,1024].p99 > 15ms and recompiles.serving >= 1").unwrap();
        let [first, second] = &rule.0[..] else { panic!() };
        assert_eq!(first.name.of, "decode");
        assert_eq!(first.name.key.as_deref(), Some("16,1,1024"));
        assert_eq!((first.comparison, first.limit), (Comparison::Greater, 15e6));
        assert_eq!(second.name.number, "serving");
        assert_eq!(second.comparison, Comparison::GreaterOrEqual);
    }

    #[test]
    fn a_rows_name_may_hold_what_else_is_a_word_of_the_grammar() {
        let rule = Rule::parse("kernels[a > b and c.d].total_ns < 3").unwrap();
        assert_eq!(rule.0.len(), 1);
        assert_eq!(rule.0[0].name.key.as_deref(), Some("a > b and c.d"));
        assert_eq!(rule.0[0].name.number, "total_ns");
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "decode",
            "decode.p50",
            "decode.p50 > ",
            "decode.p50 > much",
            "decode[1.p50 > 2",
            "a.b > 1 and",
        ] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
    }
}

//! torch's own operator table compared with our numbers.
//!
//! The table has operators, annotations, calls into the runtime, the profiler's own work, device work, annotations
//! repeated on devices, and `[memory]`. Each of its rows is compared with those of ours that have its name (or begin
//! so, where the table cuts names) and, where it tells calls apart by shape, its shapes; one that is equal is taken.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::base::{order, show};
use crate::dialect::Vocabulary;
use crate::dialect::csv_rows::TableEnd;
use crate::dialect::key_averages::{KeyAverages, Rounded, Row, TellsApart};
use crate::index::{Family, Index};

use crate::analyze::host::operators_by_name::{Kind, PythonFrames, counted};
use crate::analyze::report::{Grouping, Kernel, Operator, TableCheck, TableRow, TableVerdict};

/// What the trace has that the table may have.
pub struct Trace<'a> {
    pub index: &'a Index,
    pub vocabulary: &'a Vocabulary,
    pub kernels: &'a [Kernel],
    /// Allocations outside of operators, which the table counts as `[memory]`.
    pub outside: Option<u64>,
}

/// Names of rows that the table leaves out, in a note.
const N_NAMES: usize = 5;

/// See the module.
pub fn table_check(table: &KeyAverages, file: &str, trace: &Trace<'_>) -> TableCheck {
    let compare = |frames: PythonFrames| {
        let ours = Ours::of(trace, table, frames);
        let rows = ours.compare(table);
        (ours, rows)
    };
    let n = |rows: &[Held], verdict: TableVerdict| {
        rows.iter().filter(|r| r.row.verdict == verdict).count() as u64
    };
    let (mut ours, mut rows) = compare(PythonFrames::TakeNothing);
    let mut notes: Vec<String> = table.header.iter().map(|h| format!("Its header: {h}")).collect();
    let has_frames = |index: &Index| index.track_ids().any(|t| index.track(t).family == Family::Python);
    if n(&rows, TableVerdict::Differs) > 0 && has_frames(trace.index) {
        let (with, with_rows) = compare(PythonFrames::TakeTime);
        if n(&with_rows, TableVerdict::Equal) > n(&rows, TableVerdict::Equal) {
            (ours, rows) = (with, with_rows);
            notes.push(
                "This table takes the time of python frames from the operator around them, as torch 2.15 does where \
                 stacks are recorded; self times are compared by that rule. The table of operators does not follow \
                 it: there only operators and calls take time from operators."
                    .to_owned(),
            );
        }
    }
    if table.top_level_only {
        notes.push("It lists outermost operators only (top_level_events_only).".to_owned());
    }
    if table.read.rows_lost > 0 {
        let all = show::count(table.read.rows.saturating_add(table.read.rows_lost));
        let lost = show::count(table.read.rows_lost);
        notes.push(format!("{lost} of its {all} rows could not be read."));
    }
    if table.read.ends == TableEnd::InRow {
        notes.push("It has no closing lines: it is cut, and what came after that is missing.".to_owned());
    }
    let left_out_self_cpu_ns = left_out(table);
    if let (Some(ns), Some(all)) = (left_out_self_cpu_ns, table.self_cpu) {
        notes.push(format!(
            "It lists {} with {} of {} self CPU time; rows with the other {} are not in it{}.",
            show::counted(table.rows.len() as u64, "row"),
            show::duration(all.ns.saturating_sub(ns)),
            show::duration(all.ns),
            show::duration(ns),
            match table.top_level_only {
                true => "",
                false => " (row_limit)",
            }
        ));
    }
    let unlisted = ours.unlisted(&rows);
    if !unlisted.is_empty() {
        let names: Vec<&str> = unlisted
            .iter()
            .take(N_NAMES)
            .map(|one| one.name.as_str())
            .collect();
        notes.push(format!(
            "{} of the trace {} not in the table, with {} self CPU time; by self time: {}.",
            show::counted(unlisted.len() as u64, "row"),
            if unlisted.len() == 1 { "is" } else { "are" },
            show::duration(sum(unlisted.iter().map(|one| one.self_cpu_ns))),
            names.join(", "),
        ));
    }
    let rows: Vec<TableRow> = {
        let equal = n(&rows, TableVerdict::Equal) + n(&rows, TableVerdict::ByDefinition);
        rows.into_iter().map(|held| held.explained(equal)).collect()
    };
    let n = |verdict: TableVerdict| rows.iter().filter(|r| r.verdict == verdict).count() as u64;
    TableCheck {
        file: file.to_owned(),
        equal: n(TableVerdict::Equal),
        by_definition: n(TableVerdict::ByDefinition),
        differ: n(TableVerdict::Differs),
        only_in_table: n(TableVerdict::OnlyInTable),
        unread_lines: table.read.rows_lost,
        self_cpu_ns: table.self_cpu.map(|t| t.ns),
        self_device_ns: table.self_device.map(|t| t.ns),
        left_out_self_cpu_ns,
        not_listed: (!ours.all.is_empty()).then_some(unlisted.len() as u64),
        notes,
        rows,
    }
}

fn sum(ns: impl Iterator<Item = i64>) -> i64 {
    ns.fold(0, i64::saturating_add)
}

/// Self time of the rows that the table leaves out, by its own sum of all; `None` where it leaves out none.
fn left_out(table: &KeyAverages) -> Option<i64> {
    let all = table.self_cpu?;
    let listed = Rounded::sum(table.rows.iter().filter_map(|row| row.self_cpu));
    let left = all.ns.saturating_sub(listed.ns);
    (left > all.within_ns.saturating_add(listed.within_ns)).then_some(left)
}

/// What a row of ours is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Host(Kind),
    Device,
    Outside,
}

/// A row of ours.
#[derive(Clone)]
struct One {
    name: String,
    /// Where the table tells calls apart by it.
    shapes: Option<String>,
    of: Of,
    holds_calls: bool,
    calls: u64,
    self_cpu_ns: i64,
    total_cpu_ns: i64,
    self_device_ns: Option<i64>,
    total_device_ns: Option<i64>,
    /// The rows that this one is the sum of: one name in several categories, which older releases do not tell apart.
    parts: Vec<usize>,
}

impl One {
    fn new(name: &str, of: Of) -> One {
        One {
            name: name.to_owned(),
            shapes: None,
            of,
            holds_calls: false,
            calls: 0,
            self_cpu_ns: 0,
            total_cpu_ns: 0,
            self_device_ns: None,
            total_device_ns: None,
            parts: Vec::new(),
        }
    }

    fn add(&mut self, other: &One) {
        let plus = |a: Option<i64>, b: Option<i64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        self.calls += other.calls;
        self.holds_calls |= other.holds_calls;
        self.self_cpu_ns = self.self_cpu_ns.saturating_add(other.self_cpu_ns);
        self.total_cpu_ns = self.total_cpu_ns.saturating_add(other.total_cpu_ns);
        self.self_device_ns = plus(self.self_device_ns, other.self_device_ns);
        self.total_device_ns = plus(self.total_device_ns, other.total_device_ns);
    }

    fn of_operator(row: &Operator, kind: Kind, holds_calls: bool) -> One {
        One {
            holds_calls,
            calls: row.count,
            self_cpu_ns: row.self_cpu_ns,
            total_cpu_ns: row.total_cpu_ns,
            self_device_ns: row.self_device_ns,
            total_device_ns: row.total_device_ns,
            ..One::new(&row.name, Of::Host(kind))
        }
    }

    fn on_device(name: &str, calls: u64, ns: i64) -> One {
        One {
            calls,
            self_device_ns: Some(ns),
            total_device_ns: Some(ns),
            ..One::new(name, Of::Device)
        }
    }
}

/// All rows of ours.
struct Ours {
    all: Vec<One>,
    by_name: BTreeMap<String, Vec<usize>>,
}

/// A row of the table with the row of ours that it was compared with.
struct Held {
    row: TableRow,
    ours: Option<usize>,
    agrees: Agrees,
}

/// In what a row of the table agrees with one of ours.
#[derive(Clone, Copy, Default)]
struct Agrees {
    calls: bool,
    total: bool,
    own: bool,
    self_device: bool,
    total_device: bool,
}

impl Ours {
    fn of(trace: &Trace<'_>, table: &KeyAverages, frames: PythonFrames) -> Ours {
        let by_shape = table.tells_apart == Some(TellsApart::Shapes);
        let by = match by_shape {
            true => Grouping::Shape,
            false => Grouping::Name,
        };
        let mut all: Vec<One> = Vec::new();
        let mut folded: BTreeMap<(String, u8, String), usize> = BTreeMap::new();
        for row in counted(trace.index, trace.vocabulary, by, frames) {
            let one = One {
                shapes: by_shape.then(|| table_shapes(row.operator.shapes.as_deref())),
                ..One::of_operator(&row.operator, row.kind, row.holds_calls)
            };
            // The trace tells lists of tensors apart, the table does not.
            let key = one
                .shapes
                .clone()
                .map(|shapes| (one.name.clone(), row.kind as u8, shapes));
            match key.map(|key| folded.entry(key)) {
                Some(Entry::Occupied(at)) => all[*at.get()].add(&one),
                Some(Entry::Vacant(free)) => {
                    free.insert(all.len());
                    all.push(one);
                }
                None => all.push(one),
            }
        }
        let kernels = trace.kernels.iter();
        all.extend(kernels.map(|k| One::on_device(&k.name, k.count, k.total_ns)));
        all.extend(device_annotations(trace.index, trace.vocabulary));
        if let Some(calls) = trace.outside {
            all.push(One {
                calls,
                ..One::new("[memory]", Of::Outside)
            });
        }
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (i, one) in all.iter().enumerate() {
            by_name.entry(one.name.clone()).or_default().push(i);
        }
        for same in by_name.values_mut() {
            let on_host = |&&i: &&usize| matches!(all[i].of, Of::Host(_));
            let parts: Vec<usize> = same.iter().filter(on_host).copied().collect();
            if parts.len() < 2 || by_shape {
                continue;
            }
            let mut together = One::new(&all[parts[0]].name, all[parts[0]].of);
            for &i in &parts {
                together.add(&all[i]);
            }
            together.parts = parts;
            same.push(all.len());
            all.push(together);
        }
        Ours { all, by_name }
    }

    /// Those that a row of the table may be.
    fn like(&self, row: &Row) -> Vec<usize> {
        let fits = |i: &usize| match (&row.shapes, &self.all[*i].shapes) {
            (Some(theirs), Some(ours)) => match theirs.strip_suffix("...") {
                Some(start) => ours.starts_with(start),
                None => ours == theirs,
            },
            _ => true,
        };
        if let Some(same) = self.by_name.get(&row.name) {
            return same.iter().copied().filter(fits).collect();
        }
        let Some(start) = row.is_cut() else {
            return Vec::new();
        };
        let from = self.by_name.range(start.to_owned()..);
        from.take_while(|(name, _)| name.starts_with(start))
            .flat_map(|(_, same)| same.iter().copied())
            .filter(fits)
            .collect()
    }

    fn compare(&self, table: &KeyAverages) -> Vec<Held> {
        if let Some(by @ (TellsApart::Overloads | TellsApart::Sources)) = table.tells_apart {
            return self.compare_sums(table, by);
        }
        let mut taken = vec![false; self.all.len()];
        let mut found: Vec<Option<(usize, Agrees)>> = vec![None; table.rows.len()];
        let like: Vec<Vec<usize>> = table.rows.iter().map(|row| self.like(row)).collect();
        // Those that are equal first, then those that differ by definition only, then those of the same side.
        for wanted in [
            TableVerdict::Equal,
            TableVerdict::ByDefinition,
            TableVerdict::Differs,
        ] {
            for (at, row) in table.rows.iter().enumerate() {
                if found[at].is_some() {
                    continue;
                }
                let free = |i: usize| {
                    let one = &self.all[i];
                    !taken[i] && !one.parts.iter().any(|&part| taken[part])
                };
                let mut fits = like[at].iter().copied().filter(|&i| free(i)).filter(|&i| {
                    let one = &self.all[i];
                    match wanted {
                        TableVerdict::Differs => {
                            row.is_of_device() == (one.of == Of::Device) && one.parts.is_empty()
                        }
                        _ => Agrees::of(row, one).verdict(one) == wanted,
                    }
                });
                let first = fits.next();
                let Some(mut i) = first else { continue };
                if wanted == TableVerdict::Differs {
                    let all: Vec<usize> = first.into_iter().chain(fits).collect();
                    let calls = |i: &&usize| self.all[**i].calls == row.calls;
                    match (all.len(), all.iter().find(calls)) {
                        (1, _) => {}
                        (_, Some(&same)) => i = same,
                        (_, None) => continue,
                    }
                }
                taken[i] = true;
                for &part in &self.all[i].parts {
                    taken[part] = true;
                }
                found[at] = Some((i, Agrees::of(row, &self.all[i])));
            }
        }
        let rows = table.rows.iter().zip(found).zip(like);
        rows.map(|((row, found), like)| self.held(row, found, like.len()))
            .collect()
    }

    /// Of a table that tells calls of one name apart by what the trace does not say: the sum of each name.
    fn compare_sums(&self, table: &KeyAverages, by: TellsApart) -> Vec<Held> {
        let mut groups: BTreeMap<(&str, bool), Vec<&Row>> = BTreeMap::new();
        for row in &table.rows {
            groups
                .entry((&row.name, row.is_of_device()))
                .or_default()
                .push(row);
        }
        let is_cut = left_out(table).is_some();
        let of_group = |rows: &Vec<&Row>| {
            let all = Row::sum(rows);
            let like = self.like(&all);
            let fits = |&&i: &&usize| (self.all[i].of == Of::Device) == all.is_of_device();
            let like: Vec<usize> = like.iter().filter(fits).copied().collect();
            let best = like.iter().find(|&&i| {
                let verdict = Agrees::of(&all, &self.all[i]).verdict(&self.all[i]);
                verdict == TableVerdict::Equal
            });
            let found = best
                .or(like.first())
                .map(|&i| (i, Agrees::of(&all, &self.all[i])));
            (found, like.len(), all)
        };
        let judged: BTreeMap<(&str, bool), _> =
            order::inserted(groups.iter().map(|(key, rows)| (*key, of_group(rows))));
        let held = |row: &Row| {
            let key = (row.name.as_str(), row.is_of_device());
            let (found, n_like, all) = judged.get(&key)?;
            let n = groups.get(&key).map_or(1, Vec::len);
            let mut held = self.held(row, *found, *n_like);
            if n > 1 && held.row.verdict == TableVerdict::Equal {
                held.row.why = format!(
                    "The {n} rows of this name, apart by {}, add up to ours.",
                    by.says()
                );
            } else if let Some((i, _)) = found
                && held.row.verdict == TableVerdict::Differs
                && is_cut
                && all.calls < self.all[*i].calls
            {
                held.row.verdict = TableVerdict::ByDefinition;
                held.row.why = format!(
                    "The table tells calls of this name apart by {} and lists {} of {}.",
                    by.says(),
                    show::count(all.calls),
                    show::counted(self.all[*i].calls, "call")
                );
            }
            Some(held)
        };
        table.rows.iter().filter_map(held).collect()
    }

    fn held(&self, row: &Row, found: Option<(usize, Agrees)>, n_like: usize) -> Held {
        let ours = found.and_then(|(i, _)| self.all.get(i));
        let agrees = found.map(|(_, agrees)| agrees).unwrap_or_default();
        let verdict = ours.map_or(TableVerdict::OnlyInTable, |ours| agrees.verdict(ours));
        let why = match (verdict, ours) {
            (TableVerdict::OnlyInTable, _) => match n_like {
                _ if self.all.is_empty() => "",
                0 => "Not in this trace.",
                _ => "The table cuts names; several of ours begin so, and none has these numbers.",
            },
            (TableVerdict::ByDefinition, Some(ours)) => by_definition(row, ours, agrees),
            _ => "",
        };
        Held {
            row: TableRow {
                name: row.name.clone(),
                shapes: row.shapes.clone(),
                calls: row.calls,
                self_cpu_ns: row.self_cpu.map(|t| t.ns),
                total_cpu_ns: row.total_cpu.map(|t| t.ns),
                self_device_ns: row.self_device.map(|t| t.ns),
                total_device_ns: row.total_device.map(|t| t.ns),
                our_calls: ours.map(|o| o.calls),
                our_self_cpu_ns: ours.map(|o| o.self_cpu_ns),
                our_total_cpu_ns: ours.map(|o| o.total_cpu_ns),
                our_self_device_ns: ours.and_then(|o| o.self_device_ns),
                our_total_device_ns: ours.and_then(|o| o.total_device_ns),
                verdict,
                why: why.to_owned(),
            },
            ours: found.map(|(i, _)| i),
            agrees,
        }
    }

    /// Rows of ours that no row of the table was compared with, most self time first.
    fn unlisted(&self, rows: &[Held]) -> Vec<&One> {
        let mut listed = vec![false; self.all.len()];
        for i in rows.iter().filter_map(|held| held.ours) {
            listed[i] = true;
            for &part in &self.all[i].parts {
                listed[part] = true;
            }
        }
        let free = |(one, listed): (_, bool)| (!listed).then_some(one);
        let mut unlisted: Vec<&One> = self.all.iter().zip(listed).filter_map(free).collect();
        unlisted.retain(|one| one.parts.is_empty() && one.calls > 0);
        order::sort_by(&mut unlisted, |a, b| {
            (b.self_cpu_ns.cmp(&a.self_cpu_ns)).then_with(|| a.name.cmp(&b.name))
        });
        unlisted
    }
}

/// Annotations as the profiler repeats them on devices.
fn device_annotations(index: &Index, vocabulary: &Vocabulary) -> Vec<One> {
    let mut by_name: BTreeMap<_, One> = BTreeMap::new();
    let wanted = &vocabulary.device_annotation_categories;
    if wanted.is_empty() {
        return Vec::new();
    }
    for id in index.slices.ids() {
        if wanted.contains(&index.slices.category(id)) {
            let name = index.slices.name(id);
            let one = by_name
                .entry(name)
                .or_insert_with(|| One::on_device(index.text(name), 0, 0));
            one.add(&One::on_device("", 1, index.slices.dur(id).as_ns()));
        }
    }
    by_name.into_values().collect()
}

/// Shapes as the table writes them: a list of tensors as `[]`, a blank after each comma.
fn table_shapes(json: Option<&str>) -> String {
    let mut dims: serde_json::Value = json
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(serde_json::Value::Array(Vec::new()));
    for dim in dims.as_array_mut().into_iter().flatten() {
        let is_list = dim
            .as_array()
            .is_some_and(|d| d.iter().any(serde_json::Value::is_array));
        if is_list {
            *dim = serde_json::Value::Array(Vec::new());
        }
    }
    dims.to_string().replace(',', ", ")
}

impl Agrees {
    fn of(row: &Row, ours: &One) -> Agrees {
        let same = |theirs: Option<Rounded>, ours: Option<i64>| match (theirs, ours) {
            (Some(theirs), Some(ours)) => theirs.is(ours),
            _ => true,
        };
        Agrees {
            calls: row.calls == ours.calls,
            total: same(row.total_cpu, Some(ours.total_cpu_ns)),
            own: same(row.self_cpu, Some(ours.self_cpu_ns)),
            self_device: same(row.self_device, ours.self_device_ns),
            total_device: same(row.total_device, ours.total_device_ns),
        }
    }

    fn verdict(self, ours: &One) -> TableVerdict {
        match (
            self.calls && self.total && self.own,
            self.self_device && self.total_device,
        ) {
            (true, true) => TableVerdict::Equal,
            (true, false) if matches!(ours.of, Of::Host(_)) => TableVerdict::ByDefinition,
            _ => TableVerdict::Differs,
        }
    }
}

/// Why device time of a row differs whose time on the host is equal.
fn by_definition(row: &Row, ours: &One, agrees: Agrees) -> &'static str {
    let theirs = |time: Option<Rounded>| time.map_or(0, |t| t.ns);
    let more = theirs(row.total_device) > ours.total_device_ns.unwrap_or(0);
    match ours.of {
        Of::Host(Kind::Call) => {
            "Equal on the host. A call has no device time here; torch gives it the work of whatever operator has the \
             number that the call has."
        }
        _ if agrees.self_device && more && ours.holds_calls => {
            "Equal but for total device time: torch counts in it what it gives to calls into the runtime, the work of \
             whatever operators have their numbers."
        }
        _ if more => {
            "Equal on the host. Device time here is that of the work whose launch lies inside the operator; torch gives \
             it the work that names it by its external id."
        }
        _ => {
            "Equal on the host. Device time here is that of all work whose launch lies inside the operator; torch leaves \
             out work that does not name an operator, such as that of graphs."
        }
    }
}

impl Held {
    /// With the reason of a difference; `n_equal` rows of the table are equal to ours.
    fn explained(self, n_equal: u64) -> TableRow {
        let mut row = self.row;
        if row.verdict != TableVerdict::Differs || !row.why.is_empty() {
            return row;
        }
        let Agrees { calls, total, .. } = self.agrees;
        row.why = match (calls, total) {
            (false, _) => {
                "The number of calls differs: the trace and the table do not cover the same recording, or events were \
                 left out of the trace."
            }
            (true, false) if n_equal == 0 => "The same calls last otherwise: the table is of another recording.",
            (true, false) => "The same calls last otherwise here.",
            (true, true) => {
                "Only self time differs: this release of torch counts other things as inside the operator. Here \
                 operators, calls into the runtime and the profiler's own work take time from operators."
            }
        }
        .to_owned();
        row
    }
}

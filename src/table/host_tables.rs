//! What the host did: python frames, operators, modules, and torch's own table of operators.

use crate::analyze::report::{Grouping, ModuleRow, Operator, TableRow, TableVerdict};
use crate::base::{show, stats};

use super::cell::{Place, Term};
use super::table_rows::{Builder, Rows};
use super::{Answers, Table, Topic};

fn longest(slice: u32) -> Option<Place> {
    Some(Place {
        slice: Some(slice),
        word: "longest".into(),
        ..Place::default()
    })
}

pub const PYTHON: Table = Table {
    key: "python",
    title: "Python functions",
    definition: "Total counts a frame once per outermost call: calls nested in a call of the same name are not counted \
                 again. Self is the time in none of the frames below it.",
    topic: Topic::Host,
    rows: |answers| times(Rows::of(&answers.report.python), &answers.report.python).done(),
};

pub const OPERATORS: Table = Table {
    key: "operators",
    title: "Operators",
    definition: "Total sums the time of all calls. A call inside another of the same name counts again, so a total may \
                 exceed the time that passed; where it is the only call directly inside that one, the two count as one. \
                 Self leaves out the operators called. torch's key_averages (2.9) counts the same, to the nanosecond. \
                 Bytes are those allocated less those freed between start and end of the calls, on any thread.",
    topic: Topic::Host,
    rows: |answers| times(Rows::of(&answers.report.operators), &answers.report.operators).done(),
};

pub const OPERATORS_BY_SHAPE: Table = Table {
    key: "operators_by_shape",
    title: "Operators by input shapes",
    definition: "Operators, counted by name and the shapes of their inputs as the trace writes them.",
    topic: Topic::Host,
    rows: |answers| {
        let with_shapes = answers
            .operators_by(Grouping::Shape)
            .name("name", "name", "", |o: &Operator| o.name.clone())
            .name("input_shapes", "input shapes", "", |o| o.shapes.clone());
        numbers(with_shapes, &answers.report.operators).done()
    },
};

pub const OPERATORS_BY_STACK: Table = Table {
    key: "operators_by_stack",
    title: "Operators by python stack",
    definition: "Operators, counted by name and the python frames around the call, innermost first, at most 5.",
    topic: Topic::Host,
    rows: |answers| {
        let with_stack = answers
            .operators_by(Grouping::Stack)
            .name("name", "name", "", |o: &Operator| o.name.clone())
            .name("stack", "stack", "", |o| o.stack.join("; "));
        numbers(with_stack, &answers.report.operators).done()
    },
};

fn times<'a>(rows: Builder<'a, Operator>, all: &'a [Operator]) -> Builder<'a, Operator> {
    numbers(rows.name("name", "name", "", |o| o.name.clone()), all)
}

/// The columns of every table of operators or frames; which there are is seen in `all`.
fn numbers<'a>(rows: Builder<'a, Operator>, all: &'a [Operator]) -> Builder<'a, Operator> {
    let has = |what: fn(&Operator) -> bool| all.iter().any(what);
    rows.count("count", "calls", "", |o| o.count)
        .duration(
            "self_cpu_ns",
            "self",
            "Host time in none of what it calls.",
            |o| o.self_cpu_ns,
        )
        .duration("total_cpu_ns", "total", "Host time from call to return.", |o| {
            o.total_cpu_ns
        })
        .when(has(|o| o.on_cpu_ns.is_some()), |rows| {
            rows.duration(
                "on_cpu_ns",
                "CPU time",
                "Its thread ran on a processor (thread clock: tdur, tts); calls inside it included.",
                |o| o.on_cpu_ns,
            )
            .duration(
                "waiting_ns",
                "waiting",
                "Host time less CPU time: its thread waited, or was not scheduled.",
                |o| o.waiting_ns,
            )
        })
        .when(has(|o| o.total_device_ns.is_some()), |rows| {
            rows.duration(
                "self_device_ns",
                "device, self",
                "Device work that it launched itself.",
                |o| o.self_device_ns,
            )
            .duration(
                "total_device_ns",
                "device, total",
                "Device work launched inside it.",
                |o| o.total_device_ns,
            )
        })
        .when(has(|o| o.total_cpu_bytes.is_some()), |rows| {
            rows.bytes("self_cpu_bytes", "host bytes, self", "", |o| o.self_cpu_bytes)
                .bytes("total_cpu_bytes", "host bytes, total", "", |o| o.total_cpu_bytes)
                .on_request()
                .bytes("self_device_bytes", "device bytes, self", "", |o| {
                    o.self_device_bytes
                })
                .bytes("total_device_bytes", "device bytes, total", "", |o| {
                    o.total_device_bytes
                })
                .on_request()
        })
        .place("Its longest call in the timeline.", |o| longest(o.longest_slice))
        .sorted("self_cpu_ns", true)
}

pub const MODULES: Table = Table {
    key: "modules",
    title: "Modules",
    definition: "Host time from a module's call to its return; self leaves out the modules that it calls. Each stands \
                 below the one that calls it. Device time is that of the work launched meanwhile on the same thread, \
                 summed over streams; it runs later, and may take longer.",
    topic: Topic::Host,
    rows: modules,
};

/// Deeper than this is no model: the innermost say where.
const DEEPEST: usize = 50;

fn modules<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let modules = &answers.report.modules;
    let outermost = modules.iter().filter(|m| m.parent.is_none());
    let left_out = answers.report.modules_left_out;
    let all = stats::sum(
        outermost
            .map(|m| m.total_ns)
            .chain(left_out.map(|of| of.total_ns)),
    );
    let says = left_out.map(|of| of.says(modules.len(), "time"));
    let path = |module: &ModuleRow| {
        let mut names = vec![module.name.as_str()];
        let mut parent = module.parent;
        while let Some(outer) = parent.and_then(|at| modules.get(at as usize))
            && names.len() < DEEPEST
        {
            names.push(&outer.name);
            parent = outer.parent;
        }
        names.reverse();
        names.join("/")
    };
    Rows::of(modules)
        .name("module", "module", "", |m| {
            format!("{}{}", "\u{2003}".repeat(m.depth.min(40) as usize), m.name)
        })
        .name("path", "path", "The modules around it, outermost first.", path)
        .on_request()
        .number("depth", "depth", "", |m| m.depth)
        .on_request()
        .duration("total_ns", "total", "", |m| m.total_ns)
        .share("share", "of all", "the outermost modules' time", move |m| {
            Some((m.total_ns, all))
        })
        .duration("self_ns", "self", "", |m| m.self_ns)
        .when(modules.iter().any(|m| m.total_device_ns.is_some()), |rows| {
            rows.duration("total_device_ns", "device", "Work launched meanwhile.", |m| {
                m.total_device_ns
            })
            .duration(
                "self_device_ns",
                "device, self",
                "Less that of the modules called.",
                |m| m.self_device_ns,
            )
        })
        .count("count", "calls", "", |m| m.count)
        .place("Its longest call in the timeline.", |m| longest(m.longest_slice))
        .says(says.unwrap_or_default())
        .done()
}

pub const TORCH_TABLE: Table = Table {
    key: "torch_table",
    title: "torch's own table",
    definition: "torch's own table of operators beside Stepscope's numbers of the same names. Its times are rounded to \
                 the last digit that it shows.",
    topic: Topic::Host,
    rows: torch_table,
};

fn torch_table<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let table = answers.report.table.as_ref();
    let compared = table.is_some_and(|t| t.equal + t.by_definition + t.differ > 0);
    let by_shape = table.is_some_and(|t| t.rows.iter().any(|r| r.shapes.is_some()));
    let mut rows = Rows::of(table.map_or(&[][..], |t| &t.rows))
        .name("name", "name", "", |r: &TableRow| r.name.clone())
        .when(by_shape, |rows| {
            rows.text("shapes", "shapes", "", |r| r.shapes.clone().unwrap_or_default())
        })
        .duration("self_cpu_ns", "self", "", |r| r.self_cpu_ns)
        .duration("total_cpu_ns", "total", "", |r| r.total_cpu_ns)
        .count("calls", "calls", "", |r| r.calls)
        .duration("self_device_ns", "device, self", "", |r| r.self_device_ns)
        .duration("total_device_ns", "device, total", "", |r| r.total_device_ns)
        .on_request()
        .when(compared, |rows| {
            rows.duration("our_self_cpu_ns", "ours: self", "", |r| r.our_self_cpu_ns)
                .duration("our_total_cpu_ns", "ours: total", "", |r| r.our_total_cpu_ns)
                .count("our_calls", "ours: calls", "", |r| r.our_calls)
                .duration("our_self_device_ns", "ours: device, self", "", |r| {
                    r.our_self_device_ns
                })
                .on_request()
                .duration("our_total_device_ns", "ours: device, total", "", |r| {
                    r.our_total_device_ns
                })
                .on_request()
                .term("verdict", "compared with ours", "", |r| verdict(r.verdict))
                .text("why", "why it differs", "", |r| r.why.clone())
        });
    if let Some(table) = table {
        rows = rows.says(if compared {
            format!(
                "{}: {} round to what the table says, {} differ by definition only, {} differ, {} are in the table \
                 only.",
                table.file,
                show::counted(table.equal, "row"),
                show::count(table.by_definition),
                show::count(table.differ),
                show::count(table.only_in_table)
            )
        } else {
            table.file.clone()
        });
        for note in &table.notes {
            rows = rows.says(note.clone());
        }
    }
    rows.done()
}

fn verdict(verdict: TableVerdict) -> Term {
    let (key, word) = match verdict {
        TableVerdict::Equal => ("equal", "✓ equal"),
        TableVerdict::ByDefinition => ("by_definition", "≈ differs by definition"),
        TableVerdict::Differs => ("differs", "≠ differs"),
        TableVerdict::OnlyInTable => ("only_in_table", "only in the table"),
    };
    Term {
        key: key.into(),
        ..Term::word(word)
    }
}

//! Tables for a spreadsheet. Durations and instants in whole nanoseconds, as the column's name says; an empty
//! cell is an unknown value.

use serde::Serialize;

use crate::analyze::report::{Operator, TraceReport};

/// A field that a spreadsheet would take for a formula is led by an apostrophe.
fn cell(text: &str) -> String {
    let text = super::words::plain(text);
    if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text
    }
}

fn table<R: Serialize>(rows: impl Iterator<Item = R>) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).expect("flat rows into memory");
    }
    let bytes = writer.into_inner().expect("a flush into memory");
    String::from_utf8(bytes).expect("made of strings")
}

/// One row a step.
pub fn steps_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        index: u32,
        engine_step: Option<u32>,
        phase: &'static str,
        period: &'static str,
        start_ns: i64,
        dur_ns: i64,
        gap_before_ns: Option<i64>,
        bucket_batch: Option<u32>,
        bucket_seq: Option<u32>,
        bucket_ctx: Option<u32>,
        batch: Option<u32>,
        tokens: Option<u64>,
        graphs: Option<bool>,
        prepare_ns: Option<i64>,
        forward_ns: Option<i64>,
        logits_ns: Option<i64>,
        sample_ns: Option<i64>,
        post_ns: Option<i64>,
        compile_ns: Option<i64>,
        other_ns: Option<i64>,
        device_busy_ns: Option<i64>,
        device_idle_ns: Option<i64>,
        interval_ns: Option<i64>,
        device_start_ns: Option<i64>,
        device_end_ns: Option<i64>,
        device_gap_before_ns: Option<i64>,
        sure: &'static str,
    }
    table(trace.steps.iter().map(|s| Row {
        index: s.index,
        engine_step: s.engine_step,
        phase: super::words::phase(s.phase),
        period: s.period.word(),
        start_ns: s.start_ns,
        dur_ns: s.dur_ns,
        gap_before_ns: s.gap_before_ns,
        bucket_batch: s.bucket.map(|b| b.batch),
        bucket_seq: s.bucket.and_then(|b| b.seq),
        bucket_ctx: s.bucket.and_then(|b| b.ctx),
        batch: s.batch,
        tokens: s.tokens,
        graphs: s.graphs,
        prepare_ns: s.parts.prepare_ns,
        forward_ns: s.parts.forward_ns,
        logits_ns: s.parts.logits_ns,
        sample_ns: s.parts.sample_ns,
        post_ns: s.parts.post_ns,
        compile_ns: s.parts.compile_ns,
        other_ns: s.parts.other_ns,
        device_busy_ns: s.device.as_ref().map(|d| d.busy_ns),
        device_idle_ns: s.device.as_ref().map(|d| d.idle_ns),
        interval_ns: s.interval_ns,
        device_start_ns: s.device.as_ref().and_then(|d| d.start_ns),
        device_end_ns: s.device.as_ref().and_then(|d| d.end_ns),
        device_gap_before_ns: s.device.as_ref().and_then(|d| d.gap_before_ns),
        sure: super::words::sure(s.sure),
    }))
}

/// One row a graph compile.
pub fn recompiles_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        evidence: &'static str,
        period: &'static str,
        phase: &'static str,
        bucket: Option<String>,
        start_ns: i64,
        start_is_exact: bool,
        dur_ns: i64,
        step: Option<u32>,
        name: String,
    }
    table(trace.recompiles.iter().map(|r| Row {
        evidence: super::words::evidence(r.evidence),
        period: r.period.word(),
        phase: super::words::phase(r.phase),
        bucket: r.bucket.map(|b| b.to_string()),
        start_ns: r.start_ns,
        start_is_exact: r.start_is_exact,
        dur_ns: r.dur_ns,
        step: r.step,
        name: cell(&r.name),
    }))
}

/// One row a class of a gap histogram.
pub fn gaps_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        kind: &'static str,
        r#where: String,
        from_ns: i64,
        to_ns: Option<i64>,
        count: u64,
        total_ns: i64,
    }
    table(trace.gaps.iter().flat_map(|g| {
        g.bins.iter().map(|b| Row {
            kind: super::words::gap_kind(g.kind),
            r#where: cell(&g.r#where),
            from_ns: b.from_ns,
            to_ns: b.to_ns,
            count: b.count,
            total_ns: b.total_ns,
        })
    }))
}

/// One row a kernel.
pub fn kernels_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        name: String,
        kind: String,
        count: u64,
        total_ns: i64,
        min_ns: i64,
        max_ns: i64,
        mean_ns: i64,
        rule: Option<String>,
    }
    table(trace.kernels.iter().map(|k| Row {
        name: cell(&k.name),
        kind: k.kind.clone(),
        count: k.count,
        total_ns: k.total_ns,
        min_ns: k.min_ns,
        max_ns: k.max_ns,
        mean_ns: k.mean_ns,
        rule: k.rule.as_deref().map(cell),
    }))
}

/// One row a recipe, node and engine.
pub fn nodes_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        device: i64,
        recipe: String,
        recipe_id: Option<i64>,
        node: String,
        node_id: Option<i64>,
        operation: Option<String>,
        fused: Option<String>,
        bundle: Option<i64>,
        engine: String,
        count: u64,
        total_ns: i64,
        busy_ns: i64,
        mean_ns: i64,
        max_ns: i64,
        share: f64,
    }
    let recipes = trace.nodes.iter().flat_map(|n| &n.recipes);
    table(recipes.flat_map(|recipe| {
        recipe.rows.iter().map(|n| Row {
            device: recipe.device,
            recipe: cell(&recipe.name),
            recipe_id: recipe.id,
            node: cell(&n.node),
            node_id: n.node_id,
            operation: n.operation.as_deref().map(cell),
            fused: n.fused.as_deref().map(cell),
            bundle: n.bundle,
            engine: n.engine.clone(),
            count: n.count,
            total_ns: n.total_ns,
            busy_ns: n.busy_ns,
            mean_ns: n.mean_ns,
            max_ns: n.max_ns,
            share: n.share,
        })
    }))
}

/// One row a name of launching calls.
pub fn launches_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        name: String,
        count: u64,
        with_work: u64,
        work: u64,
        most_work: u64,
        call_total_ns: i64,
        call_p50_ns: i64,
        call_max_ns: i64,
        delay_p50_ns: Option<i64>,
        delay_p99_ns: Option<i64>,
        delay_max_ns: Option<i64>,
        delay_total_ns: i64,
    }
    table(trace.launches.iter().flat_map(|l| &l.calls).map(|c| Row {
        name: cell(&c.name),
        count: c.count,
        with_work: c.with_work,
        work: c.work,
        most_work: c.most_work,
        call_total_ns: c.call_total_ns,
        call_p50_ns: c.call_p50_ns,
        call_max_ns: c.call_max_ns,
        delay_p50_ns: c.delay_p50_ns,
        delay_p99_ns: c.delay_p99_ns,
        delay_max_ns: c.delay_max_ns,
        delay_total_ns: c.delay_total_ns,
    }))
}

/// One row a name of copies and memsets.
pub fn copies_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        name: String,
        direction: Option<String>,
        count: u64,
        total_ns: i64,
        p50_ns: i64,
        max_ns: i64,
        bytes: Option<u64>,
        bytes_ns: i64,
        gb_per_s: Option<f64>,
    }
    table(trace.copies.iter().map(|c| Row {
        name: cell(&c.name),
        direction: c.direction.clone(),
        count: c.count,
        total_ns: c.total_ns,
        p50_ns: c.p50_ns,
        max_ns: c.max_ns,
        bytes: c.bytes,
        bytes_ns: c.bytes_ns,
        gb_per_s: c.gb_per_s,
    }))
}

/// One row a device and cause of idle time.
pub fn idle_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        device: i64,
        rank: Option<String>,
        cause: &'static str,
        gaps: u64,
        total_ns: i64,
    }
    table(trace.idle.iter().flat_map(|idle| {
        idle.causes.iter().map(|c| Row {
            device: idle.device,
            rank: idle.rank.as_deref().map(cell),
            cause: c.cause.key(),
            gaps: c.count,
            total_ns: c.total_ns,
        })
    }))
}

/// One row an operator or python function.
pub fn operators_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        kind: &'static str,
        name: String,
        count: u64,
        self_cpu_ns: i64,
        total_cpu_ns: i64,
        self_device_ns: Option<i64>,
        total_device_ns: Option<i64>,
    }
    let operators = trace.operators.iter().map(|o| ("operator", o));
    let all = operators.chain(trace.python.iter().map(|o| ("python", o)));
    table(all.map(|(kind, o)| Row {
        kind,
        name: cell(&o.name),
        count: o.count,
        self_cpu_ns: o.self_cpu_ns,
        total_cpu_ns: o.total_cpu_ns,
        self_device_ns: o.self_device_ns,
        total_device_ns: o.total_device_ns,
    }))
}

#[derive(Serialize)]
struct GroupRow {
    name: String,
    group: String,
    count: u64,
    self_cpu_ns: i64,
    total_cpu_ns: i64,
    self_device_ns: Option<i64>,
    total_device_ns: Option<i64>,
    self_cpu_bytes: Option<i64>,
    total_cpu_bytes: Option<i64>,
    self_device_bytes: Option<i64>,
    total_device_bytes: Option<i64>,
}

/// Operators with what else they are counted by, as a column of this name.
fn grouped(rows: &[Operator], column: &str, group: impl Fn(&Operator) -> String) -> String {
    let rows = table(rows.iter().map(|o| GroupRow {
        name: cell(&o.name),
        group: cell(&group(o)),
        count: o.count,
        self_cpu_ns: o.self_cpu_ns,
        total_cpu_ns: o.total_cpu_ns,
        self_device_ns: o.self_device_ns,
        total_device_ns: o.total_device_ns,
        self_cpu_bytes: o.self_cpu_bytes,
        total_cpu_bytes: o.total_cpu_bytes,
        self_device_bytes: o.self_device_bytes,
        total_device_bytes: o.total_device_bytes,
    }));
    // The heading comes first: no cell before it holds the word.
    rows.replacen(",group,", &format!(",{column},"), 1)
}

/// One row an operator and the shapes of its inputs, as the trace writes them; an empty cell where it does not say.
/// Empty where no shapes are recorded.
pub fn operators_by_shape_csv(trace: &TraceReport) -> String {
    grouped(&trace.operators_by_shape, "input_shapes", |o| {
        o.shapes.clone().unwrap_or_default()
    })
}

/// One row an operator and the python frames around its calls, innermost first, with `; ` between them. Empty where no
/// stacks are recorded.
pub fn operators_by_stack_csv(trace: &TraceReport) -> String {
    grouped(&trace.operators_by_stack, "stack", |o| o.stack.join("; "))
}

/// One row a module by way of the modules around it, each after the one around it.
pub fn modules_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        path: String,
        depth: u32,
        count: u64,
        total_ns: i64,
        self_ns: i64,
        total_device_ns: Option<i64>,
        self_device_ns: Option<i64>,
    }
    // The modules that are open, one a depth.
    let mut path: Vec<&str> = Vec::new();
    table(trace.modules.iter().map(|m| {
        path.truncate(m.depth as usize);
        path.push(&m.name);
        // Deeper than this is no model: the innermost say where.
        let shown = &path[path.len().saturating_sub(50)..];
        Row {
            path: cell(&shown.join("/")),
            depth: m.depth,
            count: m.count,
            total_ns: m.total_ns,
            self_ns: m.self_ns,
            total_device_ns: m.total_device_ns,
            self_device_ns: m.self_device_ns,
        }
    }))
}

/// One row a stream: what lies between one piece of work and the next.
pub fn stream_gaps_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        device: i64,
        rank: Option<String>,
        stream: String,
        work: u64,
        span_ns: i64,
        busy_ns: i64,
        launched_late_gaps: u64,
        launched_late_ns: i64,
        short_gaps: u64,
        short_ns: i64,
        waited_gaps: u64,
        waited_ns: i64,
        unlinked_gaps: u64,
        unlinked_ns: i64,
    }
    table(trace.stream_gaps.iter().map(|s| Row {
        device: s.device,
        rank: s.rank.as_deref().map(cell),
        stream: cell(&s.stream),
        work: s.work,
        span_ns: s.span_ns(),
        busy_ns: s.busy_ns,
        launched_late_gaps: s.launched_late.count,
        launched_late_ns: s.launched_late.total_ns,
        short_gaps: s.short.count,
        short_ns: s.short.total_ns,
        waited_gaps: s.waited.count,
        waited_ns: s.waited.total_ns,
        unlinked_gaps: s.unlinked.count,
        unlinked_ns: s.unlinked.total_ns,
    }))
}

/// One row a kind of kernel and core, by the profiler's own table.
pub fn operator_statistics_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        device: Option<i64>,
        kind: String,
        core: String,
        count: u64,
        total_ns: i64,
        min_ns: i64,
        mean_ns: i64,
        max_ns: i64,
        part: f64,
    }
    let rows = trace.beside.iter().flat_map(|b| &b.operator_statistics);
    table(rows.map(|r| Row {
        device: r.device,
        kind: cell(&r.kind),
        core: cell(&r.core),
        count: r.count,
        total_ns: r.total_ns,
        min_ns: r.min_ns,
        mean_ns: r.mean_ns,
        max_ns: r.max_ns,
        part: r.part,
    }))
}

/// One row a call into the driver stack, by the profiler's own table.
pub fn api_statistics_csv(trace: &TraceReport) -> String {
    #[derive(Serialize)]
    struct Row {
        level: String,
        name: String,
        count: u64,
        total_ns: i64,
        min_ns: i64,
        mean_ns: i64,
        max_ns: i64,
    }
    let rows = trace.beside.iter().flat_map(|b| &b.api_statistics);
    table(rows.map(|r| Row {
        level: cell(&r.level),
        name: cell(&r.name),
        count: r.count,
        total_ns: r.total_ns,
        min_ns: r.min_ns,
        mean_ns: r.mean_ns,
        max_ns: r.max_ns,
    }))
}

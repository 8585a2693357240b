//! The Device view: how devices spent their time, why they were idle, kernels and the rules that tell them apart,
//! launches, queues, copies, synchronisations. Shown where device work carries the number of its launch.

use web_sys::{HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

use super::parts::{Part, Stack, Term, To, maybe_duration, step_place, swatch, timeline_at};
use super::shown::Shown;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::{
    Copy, DEFAULT_RULES, DeviceIdle, DeviceTime, GapSum, IdleCause, IdleGap, Kernel, Launches, QueueDepth,
    Span, StreamGaps, Summary, Sync, WorkKind, device_name,
};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct DeviceProps {
    pub summary: Shown<Summary>,
    pub engine: Engine,
    /// Whether the whole file is read, so that the rules can be changed.
    pub ready: bool,
    pub on_classified: Callback<(String, Box<Summary>)>,
}

#[component]
pub fn Device(props: &DeviceProps) -> Html {
    let summary = &props.summary;
    let Some(device) = &summary.device else {
        return html! { <p class="empty">{ "Device work in this trace does not carry the number of the call that launched it: launches and what follows from them cannot be told. Gaps of the device stand under Gaps." }</p> };
    };
    html! {
        <>
            { times(&summary.device_time) }
            { for device.idle.iter().map(idle) }
            <section aria-labelledby="kernels-head">
                <h2 id="kernels-head">{ "Kernels, copies and memsets by name" }</h2>
                <Kernels summary={summary.clone()} />
                if let Some(rules) = &device.rules {
                    <Rules rules={rules.clone()} engine={props.engine.clone()} ready={props.ready} on_classified={props.on_classified.clone()} />
                }
            </section>
            { launches(&device.launches) }
            { queues(&device.queues, summary.extent.map_or(0, |e| e.start)) }
            { stream_gaps(&device.stream_gaps, &device.stream_gaps_definition) }
            { copies(&device.copies) }
            { syncs(&device.syncs) }
        </>
    }
}

fn shows(slice: u32, word: &'static str) -> Html {
    html! { <To place={timeline_at(None, Some(slice))}>{ word }</To> }
}

fn part(key: &'static str, word: &str, ns: i64) -> Part {
    Part {
        key,
        word: word.to_owned(),
        ns,
    }
}

fn times(times: &[DeviceTime]) -> Html {
    html! {
        <section aria-labelledby="times-head">
            <h2 id="times-head">{ "How devices spent their time" }</h2>
            <p class="definition">{ "From the first start to the last end of a device's work. Compute is all that is neither communication nor copy, memsets included; exposed communication is what no compute hides, an exposed copy what neither hides. With idle time they add up to the span." }</p>
            <p class="legend">{ for [("mme", "compute"), ("nic", "exposed communication"), ("dma", "exposed copies"), ("noload", "idle")].map(|(key, word)| swatch(key, word)) }</p>
            <div class="scrolled">
            <table>
                <thead><tr><th class="num">{ "Device" }</th>
                    <th><Term word="Work" means="All of it, or only work whose launch is in the trace: what was launched before the recording began is left out." /></th>
                    <th class="num">{ "Span" }</th><th class="num">{ "Busy" }</th><th class="num">{ "Compute" }</th><th class="num wrapped">{ "Exposed communication" }</th>
                    <th class="num wrapped">{ "Exposed copies" }</th><th class="num">{ "Idle" }</th><th>{ "Parts" }</th><th>{ "Show" }</th></tr></thead>
                <tbody>{ for times.iter().map(|t| html! {
                    <tr class="middle">
                        <td class="num">{ device_name(t.device, t.rank.as_deref()) }</td><td>{ if t.scope == "linked" { "linked only" } else { "all" } }</td>
                        <td class="num">{ show::duration(t.span_ns) }</td><td class="num">{ show::percent(t.busy_ns, t.span_ns) }</td>
                        <td class="num">{ show::duration(t.compute_ns) }</td><td class="num">{ show::duration(t.comm_exposed_ns) }</td>
                        <td class="num">{ show::duration(t.copy_exposed_ns) }</td><td class="num">{ show::duration(t.idle_ns) }</td>
                        <td class="bars"><Stack whole_ns={t.span_ns} parts={vec![
                            part("mme", "compute", t.compute_ns), part("nic", "exposed communication", t.comm_exposed_ns),
                            part("dma", "exposed copies", t.copy_exposed_ns), part("noload", "idle", t.idle_ns)]} /></td>
                        <td><To place={timeline_at(Some(Span::new(t.start_ns, t.end_ns)), None)}>{ "timeline" }</To></td>
                    </tr>
                }) }</tbody>
            </table>
            </div>
        </section>
    }
}

fn cause_key(cause: IdleCause) -> &'static str {
    cause.colour().key()
}

fn idle(idle: &DeviceIdle) -> Html {
    let device = device_name(idle.device, idle.rank.as_deref());
    let id = format!("idle-{}", device.replace(' ', "-"));
    let parts: Vec<Part> = idle
        .causes
        .iter()
        .map(|c| part(cause_key(c.cause), c.cause.says(), c.total_ns))
        .collect();
    html! {
        <section aria-labelledby={id.clone()}>
            <h2 {id}>{ format!("Why device {device} was idle") }
                <span class="aside num">{ format!("{} of {} ({}), {}", show::duration(idle.idle_ns), show::duration(idle.span_ns), show::percent(idle.idle_ns, idle.span_ns), show::counted(idle.gaps, "gap")) }</span></h2>
            <p class="definition">{ &idle.definition }</p>
            if idle.gaps == 0 {
                <p class="empty">{ "It was never idle." }</p>
            } else {
                <Stack class="big" {parts} whole_ns={idle.idle_ns} />
                <div class="scrolled">
                <table class="fit">
                    <thead><tr><th>{ "Cause" }</th><th class="num">{ "Time" }</th><th class="num">{ "Of the idle time" }</th>
                        <th class="num"><Term word="Gaps" means="Gaps that have most of their time from this cause." /></th></tr></thead>
                    <tbody>{ for idle.causes.iter().map(|c| html! {
                        <tr><td><i class={format!("swatch k-{}", cause_key(c.cause))} aria-hidden="true"></i><Term word={c.cause.says()} means={c.cause.means()} /></td>
                            <td class="num">{ show::duration(c.total_ns) }</td><td class="num">{ show::percent(c.total_ns, idle.idle_ns) }</td><td class="num">{ show::count(c.count) }</td></tr>
                    }) }</tbody>
                </table>
                </div>
                if idle.skewed > 0 {
                    <p class="note">{ format!("{} before the call that launched what follows: the clocks of host and device disagree. No time is counted for the way to the device there.",
                        if idle.skewed == 1 { "1 gap ends".to_owned() } else { format!("{} gaps end", show::count(idle.skewed)) }) }</p>
                }
                <p class="box-head">{ format!("The longest {}", idle.longest.len()) }</p>
                <div class="scrolled tall boxed">
                <table>
                    <thead><tr><th class="num">{ "Length" }</th><th>{ "Cause" }</th><th>{ "What happened" }</th><th>{ "Step" }</th><th>{ "Show" }</th></tr></thead>
                    <tbody>{ for idle.longest.iter().map(gap_row) }</tbody>
                </table>
                </div>
            }
        </section>
    }
}

fn gap_row(gap: &IdleGap) -> Html {
    let span = Span::new(gap.start_ns, gap.start_ns.saturating_add(gap.dur_ns));
    html! {
        <tr>
            <td class="num">{ show::duration(gap.dur_ns) }</td>
            <td><i class={format!("swatch k-{}", cause_key(gap.cause))} aria-hidden="true"></i>{ gap.cause.key().replace('_', " ") }</td>
            <td class="name">{ &gap.says }</td>
            <td>if let Some(step) = gap.step { <To place={step_place(step)}>{ format!("step {step}") }</To> } else { { "–" } }</td>
            <td><To place={timeline_at(Some(span), Some(gap.next_slice))}>{ "gap" }</To>
                if let Some(call) = gap.launch_slice { { " " }{ shows(call, "launch") } }</td>
        </tr>
    }
}

#[derive(Properties, PartialEq)]
struct KernelsProps {
    summary: Shown<Summary>,
}

#[component]
fn Kernels(props: &KernelsProps) -> Html {
    let text = use_state_eq(String::new);
    let oninput = {
        let text = text.clone();
        move |event: InputEvent| text.set(event.target_unchecked_into::<HtmlInputElement>().value())
    };
    let rows = &props.summary.kernels;
    let all: i64 = rows.iter().map(|k| k.total_ns).sum();
    let wanted = text.to_lowercase();
    let fits = |k: &&Kernel| {
        wanted.is_empty() || k.name.to_lowercase().contains(&wanted) || k.kind.contains(&wanted)
    };
    html! {
        <>
            <div class="filters"><label>{ "Only names or kinds that contain " }<input type="search" {oninput} /></label></div>
            <div class="scrolled tall">
            <table>
                <caption>{ "By total time. Work that runs at the same time on several streams counts for each." }</caption>
                <thead><tr><th>{ "Name" }</th><th>{ "Kind" }</th>
                    <th><Term word="Known by" means="The rule that fits its name; recorded: the tracer says so; a dash: no rule fits, so that it computes." /></th>
                    <th class="num">{ "Total" }</th><th class="num">{ "Of all listed" }</th><th class="num">{ "Count" }</th><th class="num">{ "Mean" }</th>
                    <th class="num">{ "Shortest" }</th><th class="num">{ "Longest" }</th><th>{ "Show" }</th></tr></thead>
                <tbody>{ for rows.iter().filter(fits).map(|k| html! {
                    <tr><td class="name">{ &k.name }</td><td>{ swatch(kind_key(&k.kind), &k.kind) }</td><td>{ k.rule.clone().unwrap_or_else(|| "–".into()) }</td>
                        <td class="num">{ show::duration(k.total_ns) }</td><td class="num">{ show::percent(k.total_ns, all) }</td>
                        <td class="num">{ show::count(k.count) }</td><td class="num">{ show::duration(k.mean_ns) }</td><td class="num">{ show::duration(k.min_ns) }</td>
                        <td class="num">{ show::duration(k.max_ns) }</td><td>{ shows(k.longest_slice, "longest") }</td></tr>
                }) }</tbody>
            </table>
            </div>
        </>
    }
}

fn kind_key(kind: &str) -> &'static str {
    WorkKind::from_key(kind).unwrap_or(WorkKind::Other).colour().key()
}

#[derive(Properties, PartialEq)]
struct RulesProps {
    rules: String,
    engine: Engine,
    ready: bool,
    on_classified: Callback<(String, Box<Summary>)>,
}

/// The rules as text that the reader may change; the worker computes all answers anew.
#[component]
fn Rules(props: &RulesProps) -> Html {
    let area = use_node_ref();
    let said = use_state_eq(|| None::<Result<(), String>>);
    let busy = use_state_eq(|| false);
    let apply = {
        let (engine, on_classified, said, busy) = (
            props.engine.clone(),
            props.on_classified.clone(),
            said.clone(),
            busy.clone(),
        );
        move |rules: String| {
            let (on_classified, said, busy) = (on_classified.clone(), said.clone(), busy.clone());
            busy.set(true);
            let asked = rules.clone();
            engine.ask(Question::Classify { rules }, move |answer| {
                busy.set(false);
                match answer {
                    Answer::Classified(summary) => {
                        said.set(Some(Ok(())));
                        on_classified.emit((asked, summary));
                    }
                    Answer::Nothing { why } => said.set(Some(Err(why))),
                    _ => {}
                }
            });
        }
    };
    let on_apply = {
        let (area, apply) = (area.clone(), apply.clone());
        move |_: MouseEvent| {
            if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                apply(area.value());
            }
        }
    };
    let on_default = {
        let area = area.clone();
        move |_: MouseEvent| {
            if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                area.set_value(DEFAULT_RULES);
            }
            apply(DEFAULT_RULES.to_owned());
        }
    };
    let off = !props.ready || *busy;
    html! {
        <details class="rules">
            <summary>{ "Rules that tell kernels apart" }{ if props.rules == DEFAULT_RULES { "" } else { " (changed)" } }</summary>
            <p class="definition" id="rules-means">{ "One rule a line: a kind (compute, communication, copy or set), a colon, and what the name contains, or starts with after ^, whatever the case. The first rule that fits decides; what none fits computes. What the tracer recorded as a copy or a memset stays what it is. Changed rules hold for every file that you open until the page is closed." }</p>
            <textarea ref={area} rows="12" spellcheck="false" aria-label="Rules that tell kernels apart" aria-describedby="rules-means" defaultvalue={props.rules.clone()} />
            <p>
                <button type="button" disabled={off} onclick={on_apply}>{ "Apply" }</button>{ " " }
                <button type="button" disabled={off} onclick={on_default}>{ "Default rules" }</button>{ " " }
                <span role="status">{ match &*said {
                    _ if *busy => "Computing…".to_owned(),
                    Some(Ok(())) => "All numbers are computed by these rules.".to_owned(),
                    Some(Err(why)) => format!("Not applied – {why}."),
                    None => String::new(),
                } }</span>
            </p>
        </details>
    }
}

fn launches(launches: &Launches) -> Html {
    let short = &launches.short;
    html! {
        <section aria-labelledby="launches-head">
            <h2 id="launches-head">{ "Launches" }</h2>
            <p class="definition">{ &launches.definition }</p>
            <dl class="facts-list">
                { fact("Device work with its launch in the trace", format!("{} of {}", show::count(launches.linked_work), show::count(launches.work))) }
                { fact("Of its time", format!("{} of {}", show::duration(launches.linked_work_ns), show::duration(launches.work_ns))) }
                { fact(&format!("Kernels shorter than {}", show::duration(short.below_ns)), format!("{} of {}", show::count(short.count), show::count(short.of_count))) }
                { fact("Of their time", format!("{} of {}", show::duration(short.total_ns), show::duration(short.of_total_ns))) }
                if launches.skewed > 0 { { fact("Work that starts before its call", show::count(launches.skewed)) } }
            </dl>
            <div class="scrolled">
            <table>
                <thead><tr><th>{ "Call" }</th><th class="num">{ "Calls" }</th>
                    <th class="num"><Term word="Work" means="Pieces of device work that these calls launched. One call of a captured graph launches all of the graph." /></th>
                    <th class="num wrapped">{ "Most of one call" }</th><th class="num">{ "Call, p50" }</th><th class="num wrapped">{ "Longest call" }</th>
                    <th class="num"><Term word="Delay, p50" means="From the end of the call to the start of its first work. Long delays are healthy where the queue is deep: the device has enough to do." /></th>
                    <th class="num">{ "p99" }</th><th class="num">{ "Longest" }</th><th>{ "Show" }</th></tr></thead>
                <tbody>{ for launches.calls.iter().map(|c| html! {
                    <tr><td class="name">{ &c.name }</td><td class="num">{ show::count(c.count) }</td><td class="num">{ show::count(c.work) }</td>
                        <td class="num">{ show::count(c.most_work) }</td><td class="num">{ show::duration(c.call_p50_ns) }</td><td class="num">{ show::duration(c.call_max_ns) }</td>
                        <td class="num">{ maybe_duration(c.delay_p50_ns) }</td><td class="num">{ maybe_duration(c.delay_p99_ns) }</td><td class="num">{ maybe_duration(c.delay_max_ns) }</td>
                        <td>{ shows(c.slice, "the largest") }</td></tr>
                }) }</tbody>
            </table>
            </div>
            if !launches.longest_delays.is_empty() {
                <p class="box-head">{ format!("The longest {} delays", launches.longest_delays.len()) }</p>
                <div class="scrolled tall boxed">
                <table>
                    <thead><tr><th class="num">{ "Delay" }</th><th>{ "Call" }</th><th>{ "First work" }</th><th>{ "Show" }</th></tr></thead>
                    <tbody>{ for launches.longest_delays.iter().map(|d| html! {
                        <tr><td class="num">{ show::duration(d.delay_ns) }</td><td>{ &d.name }</td><td class="name">{ &d.work }</td>
                            <td>{ shows(d.slice, "call") }{ " " }{ shows(d.work_slice, "work") }</td></tr>
                    }) }</tbody>
                </table>
                </div>
            }
        </section>
    }
}

fn fact(name: &str, value: String) -> Html {
    html! { <div><dt>{ name.to_owned() }</dt><dd class="num">{ value }</dd></div> }
}

fn queues(queues: &[QueueDepth], origin_ns: i64) -> Html {
    if queues.is_empty() {
        return html! {};
    }
    html! {
        <section aria-labelledby="queues-head">
            <h2 id="queues-head">{ "Launches that wait for a stream" }</h2>
            <p class="definition">{ "One more when a call starts, one less when the first of its work starts; a captured graph is one launch. Where nothing waits, the device takes up work as it comes, and idles when the host is late. The curve is the deepest queue in each of equal parts of the time." }</p>
            <div class="scrolled">
            <table>
                <thead><tr><th class="num">{ "Device" }</th><th>{ "Stream" }</th><th class="num">{ "Launches" }</th><th class="num">{ "Deepest" }</th>
                    <th class="num"><Term word="Mean" means="Mean over time, from the first call to the last start of work." /></th>
                    <th class="num"><Term word="Empty" means="Part of that time in which no launch waits." /></th><th>{ "Over time" }</th><th>{ "Show" }</th></tr></thead>
                <tbody>{ for queues.iter().map(|q| {
                    // One pixel of time around the deepest point is enough to see.
                    let around = q.span_ns / 200;
                    let span = Span::new(q.max_at_ns.saturating_sub(around), q.max_at_ns.saturating_add(around.max(1)));
                    html! {
                        <tr class="middle"><td class="num">{ device_name(q.device, q.rank.as_deref()) }</td><td>{ &q.stream }</td><td class="num">{ show::count(q.launches) }</td><td class="num">{ show::count(q.max) }</td>
                            <td class="num">{ format!("{:.1}", q.mean) }</td><td class="num">{ show::percent(q.empty_ns, q.span_ns) }</td>
                            <td class="bars">{ curve(q, origin_ns) }</td>
                            <td><To place={timeline_at(Some(span), None)}>{ "deepest" }</To></td></tr>
                    }
                }) }</tbody>
            </table>
            </div>
        </section>
    }
}

/// The queue over time as bars; the table beside it says the same in numbers.
fn curve(queue: &QueueDepth, origin_ns: i64) -> Html {
    let n = queue.series.len().max(1);
    let width = 1000.0 / n as f64;
    let most = queue.max.max(1) as f64;
    let says = format!(
        "Up to {} launches, at {} from the start of the trace",
        show::count(queue.max),
        show::duration(queue.max_at_ns.saturating_sub(origin_ns))
    );
    html! {
        <svg class="stack curve" viewBox="0 0 1000 40" preserveAspectRatio="none" role="img" aria-label={says.clone()}>
            <title>{ says }</title>
            { for queue.series.iter().enumerate().filter(|(_, depth)| **depth > 0).map(|(i, depth)| {
                let height = (*depth as f64 / most * 40.0).max(1.0);
                html! { <rect class="k-launch" x={format!("{:.2}", i as f64 * width)} width={format!("{width:.2}")} y={format!("{:.2}", 40.0 - height)} height={format!("{height:.2}")} /> }
            }) }
        </svg>
    }
}

fn stream_gaps(streams: &[StreamGaps], definition: &str) -> Html {
    if streams.is_empty() {
        return html! {};
    }
    html! {
        <section aria-labelledby="stream-gaps-head">
            <h2 id="stream-gaps-head">{ "Gaps on each stream" }</h2>
            <p class="definition">{ definition }</p>
            <p class="legend">{ for [("mme", "busy"), ("hostop", "launched late"), ("launch", "short"), ("deviceother", "waited"), ("warmup", "launch not in the trace")].map(|(key, word)| swatch(key, word)) }</p>
            <div class="scrolled">
            <table>
                <thead><tr><th class="num">{ "Device" }</th><th>{ "Stream" }</th><th class="num">{ "Work" }</th>
                    <th class="num"><Term word="Span" means="From the first start to the last end of the stream's work." /></th><th class="num">{ "Busy" }</th>
                    <th class="num wrapped">{ "Launched late" }</th><th class="num">{ "Short" }</th><th class="num">{ "Waited" }</th>
                    <th class="num wrapped"><Term word="Not known" means="The call that launched the next work is not in the trace, and the gap is not short." /></th>
                    <th>{ "Parts" }</th><th>{ "Longest" }</th></tr></thead>
                <tbody>{ for streams.iter().map(|s| html! {
                    <tr class="middle"><td class="num">{ device_name(s.device, s.rank.as_deref()) }</td><td>{ &s.stream }</td><td class="num">{ show::count(s.work) }</td>
                        <td class="num">{ show::duration(s.span_ns()) }</td><td class="num">{ show::percent(s.busy_ns, s.span_ns()) }</td>
                        { gap_sum(&s.launched_late) }{ gap_sum(&s.short) }{ gap_sum(&s.waited) }{ gap_sum(&s.unlinked) }
                        <td class="bars"><Stack whole_ns={s.span_ns()} parts={vec![
                            part("mme", "busy", s.busy_ns), part("hostop", "launched late", s.launched_late.total_ns), part("launch", "short", s.short.total_ns),
                            part("deviceother", "waited", s.waited.total_ns), part("warmup", "launch not in the trace", s.unlinked.total_ns)]} /></td>
                        <td>{ longest_gap(s) }</td></tr>
                }) }</tbody>
            </table>
            </div>
        </section>
    }
}

fn gap_sum(gaps: &GapSum) -> Html {
    if gaps.count == 0 {
        return html! { <td class="num">{ "0" }</td> };
    }
    html! { <td class="num">{ show::duration(gaps.total_ns) }<span class="aside">{ format!(" {} ×", show::count(gaps.count)) }</span></td> }
}

/// The way to the longest gap of all kinds.
fn longest_gap(of: &StreamGaps) -> Html {
    let all = [&of.launched_late, &of.short, &of.waited, &of.unlinked];
    let longest = all.into_iter().max_by_key(|gaps| gaps.max_ns);
    let place = longest.and_then(|gaps| {
        let start = gaps.longest_start_ns?;
        Some((
            gaps.max_ns,
            Span::new(start, start.saturating_add(gaps.max_ns)),
            gaps.longest_next_slice,
        ))
    });
    match place {
        Some((ns, span, next)) => {
            html! { <To place={timeline_at(Some(span), next)}>{ show::duration(ns) }</To> }
        }
        None => html! { "–" },
    }
}

fn copies(copies: &[Copy]) -> Html {
    if copies.is_empty() {
        return html! {};
    }
    html! {
        <section aria-labelledby="copies-head">
            <h2 id="copies-head">{ "Copies and memsets" }</h2>
            <div class="scrolled">
            <table>
                <thead><tr><th>{ "Name" }</th>
                    <th><Term word="Direction" means="H: host, D: device. A dash: the name does not say." /></th>
                    <th class="num">{ "Count" }</th><th class="num">{ "Total" }</th><th class="num">{ "p50" }</th><th class="num">{ "Longest" }</th><th class="num">{ "Bytes" }</th>
                    <th class="num"><Term word="GB/s" means="All bytes over all time of the copies that say how many bytes they moved: 10⁹ bytes a second." /></th><th>{ "Show" }</th></tr></thead>
                <tbody>{ for copies.iter().map(|c| html! {
                    <tr><td class="name">{ &c.name }</td><td>{ c.direction.clone().unwrap_or_else(|| "–".into()) }</td><td class="num">{ show::count(c.count) }</td>
                        <td class="num">{ show::duration(c.total_ns) }</td><td class="num">{ show::duration(c.p50_ns) }</td><td class="num">{ show::duration(c.max_ns) }</td>
                        <td class="num">{ c.bytes.map_or_else(|| "–".into(), show::bytes) }</td><td class="num">{ c.gb_per_s.map_or_else(|| "–".into(), show::rate) }</td>
                        <td>{ shows(c.longest_slice, "longest") }</td></tr>
                }) }</tbody>
            </table>
            </div>
        </section>
    }
}

fn syncs(syncs: &[Sync]) -> Html {
    if syncs.is_empty() {
        return html! {};
    }
    html! {
        <section aria-labelledby="syncs-head">
            <h2 id="syncs-head">{ "Synchronisations" }</h2>
            <p class="definition">{ "Calls in which a host thread waits for a device, and the records that the device's side of a synchronisation leaves. Both may tell of the same wait: they are not added." }</p>
            <div class="scrolled">
            <table class="fit">
                <thead><tr><th>{ "Name" }</th><th>{ "Recorded on" }</th><th class="num">{ "Count" }</th><th class="num">{ "Total" }</th><th class="num">{ "p50" }</th><th class="num">{ "Longest" }</th><th>{ "Show" }</th></tr></thead>
                <tbody>{ for syncs.iter().map(|s| html! {
                    <tr><td class="name">{ &s.name }</td><td>{ &s.place }</td><td class="num">{ show::count(s.count) }</td><td class="num">{ show::duration(s.total_ns) }</td>
                        <td class="num">{ show::duration(s.p50_ns) }</td><td class="num">{ show::duration(s.max_ns) }</td><td>{ shows(s.longest_slice, "longest") }</td></tr>
                }) }</tbody>
            </table>
            </div>
        </section>
    }
}

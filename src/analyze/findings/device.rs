//! What the devices' own time says: idle and why, communication and copies that nothing hides, kernels too short for
//! their launches. Only where device work carries the number of its launch are causes of idle time told here.

use crate::base::{order, show};

use super::{fact, finding, reaches};
use crate::analyze::gaps::streams::SLOW_START_NS;
use crate::analyze::report::{
    Copy, DeviceIdle, DeviceTime, Finding, FindingEvidence, IdleCause, IdleShare, Kernel, Level, StreamGaps,
    Sure, TraceReport, device_name,
};
use crate::analyze::words;

/// Kernels are judged as too short over this many or more …
const SHORT_KERNELS: u64 = 100;
/// … if at least this share of them is short, in percent.
const SHORT_PERCENT: i64 = 50;

/// A copy between host and device of this many bytes is long enough for its bandwidth to mean something …
const LARGE_COPY_BYTES: u64 = 1 << 20;
/// … and is slow below this: PCIe 4 carries about 25 GB/s.
const SLOW_GB_PER_S: f64 = 8.0;

/// Attention is long if it takes at least this share of all compute, in percent; at contexts of a few thousand tokens the
/// matrix products of a model take most of it.
const LONG_ATTENTION_PERCENT: i64 = 40;

/// How much of the device's compute is attention, by the names of its kernels.
pub(super) fn long_attention(report: &TraceReport, words: &[&str]) -> Option<Finding> {
    let is_attention = |name: &str| {
        let name = name.to_lowercase();
        words.iter().any(|word| name.contains(word))
    };
    let sum = |total: i64, kernel: &&Kernel| total.saturating_add(kernel.total_ns);
    let compute: Vec<&Kernel> = report.kernels.iter().filter(|k| k.kind == "compute").collect();
    let attention: Vec<&Kernel> = compute
        .iter()
        .copied()
        .filter(|k| is_attention(&k.name))
        .collect();
    let (all_ns, mine_ns) = (compute.iter().fold(0, sum), attention.iter().fold(0, sum));
    if mine_ns == 0 {
        return None;
    }
    let share = show::percent(mine_ns, all_ns);
    // Where launches are numbered, kernels stand in a view of their own.
    let view = if report.launches.is_some() {
        "device"
    } else {
        "operators"
    };
    if !reaches(mine_ns, LONG_ATTENTION_PERCENT, all_ns) {
        let says = format!(
            "Attention takes {share} of the time of all compute kernels, {}.",
            show::duration(mine_ns)
        );
        return Some(finding(
            "long-attention",
            Level::Fine,
            Sure::Suspected,
            "device",
            says,
        ));
    }
    let says = format!(
        "Attention takes {share} of the time of all compute kernels, {} of {}: {LONG_ATTENTION_PERCENT} % and more is long.",
        show::duration(mine_ns),
        show::duration(all_ns)
    );
    let evidence = attention.iter().take(3).map(|kernel| FindingEvidence {
        slice: Some(kernel.longest_slice),
        ..fact(format!(
            "{}: {} in {}",
            kernel.name,
            show::duration(kernel.total_ns),
            show::counted(kernel.count, "kernel")
        ))
    });
    Some(Finding {
        cost_ns: Some(mine_ns),
        evidence: evidence.collect(),
        advice: "Contexts are long, or the backend is slow at them: try another attention backend, a KV cache of fewer bits, \
                 and chunked prefill, so that long prompts do not hold up decode steps."
            .into(),
        ..finding("long-attention", Level::Hint, Sure::Suspected, view, says)
    })
}

/// The device with most idle time, by cause. `is_told`: the same time is told already, step by step.
pub(super) fn idle_causes(report: &TraceReport, is_told: bool) -> Option<Finding> {
    let idle = report.idle.iter().max_by_key(|i| (i.idle_ns, -i.device))?;
    let device = show_device(report, idle);
    let share = show::percent(idle.idle_ns, idle.span_ns);
    if !reaches(idle.idle_ns, 5, idle.span_ns) {
        let says = format!("{device} is kept busy: it is idle for {share} of its recording.");
        return Some(finding("device-idle", Level::Fine, Sure::Derived, "device", says));
    }
    let mut causes: Vec<&IdleShare> = idle.causes.iter().filter(|c| c.total_ns > 0).collect();
    order::sort_by_key(&mut causes, |c| (std::cmp::Reverse(c.total_ns), c.cause));
    let largest = causes.first()?;
    let says = format!(
        "{device} is idle for {share} of its recording, {}. Largest cause: {}, {}.",
        show::duration(idle.idle_ns),
        largest.cause.says(),
        show::duration(largest.total_ns)
    );
    let mut evidence: Vec<FindingEvidence> = causes
        .iter()
        .map(|c| {
            fact(format!(
                "{}: {} ({})",
                c.cause.says(),
                show::duration(c.total_ns),
                show::percent(c.total_ns, idle.idle_ns)
            ))
        })
        .collect();
    if idle.skewed > 0 {
        evidence.push(fact(format!(
            "{} before the call that launched what follows: the clocks of host and device disagree.",
            match idle.skewed {
                1 => "1 gap ends".to_owned(),
                n => format!("{} gaps end", show::count(n)),
            }
        )));
    }
    evidence.extend(idle.longest.iter().take(3).map(|gap| FindingEvidence {
        start_ns: Some(gap.start_ns),
        end_ns: Some(gap.start_ns.saturating_add(gap.dur_ns)),
        step: gap.step,
        slice: Some(gap.next_slice),
        ..fact(gap.says.clone())
    }));
    let level = if reaches(host_bound_ns(idle), 20, idle.span_ns) && !is_told {
        Level::Problem
    } else {
        Level::Hint
    };
    Some(Finding {
        cost_ns: Some(idle.idle_ns),
        evidence,
        advice: advice(largest.cause).into(),
        ..finding("device-idle", level, Sure::Derived, "device", says)
    })
}

fn host_bound_ns(idle: &DeviceIdle) -> i64 {
    let host = idle.causes.iter().filter(|c| c.cause.is_host_bound());
    host.map(|c| c.total_ns).sum()
}

fn show_device(report: &TraceReport, idle: &DeviceIdle) -> String {
    match report.idle.len() {
        1 => "The device".to_owned(),
        _ => format!("Device {}", device_name(idle.device, idle.rank.as_deref())),
    }
}

fn advice(cause: IdleCause) -> &'static str {
    match cause {
        IdleCause::Compile => "Compile and capture before serving: warm up every shape that is served.",
        IdleCause::SyncThenLaunch => {
            "Each of these waits empties the device's queue: see which code waits, and let it launch the next work \
             first (asynchronous scheduling, copies that do not block)."
        }
        IdleCause::HostOp | IdleCause::Python => {
            "The host is slower than the device: capture graphs, so that one call launches many kernels, fuse \
             operators, or make batches larger."
        }
        IdleCause::SchedulerIdle => {
            "No work was asked for: record under load if you look for what limits it."
        }
        IdleCause::NotRecorded => {
            "Record operators and python stacks to see what the launching thread did meanwhile."
        }
        IdleCause::Dependency => {
            "The work was launched in time and waited for something else: see in the timeline what ends just before."
        }
        IdleCause::LaunchLatency => {
            "The device is empty when work is launched, or takes its time between pieces of work: launch ahead, or \
             capture graphs."
        }
        IdleCause::Unlinked => "The launches before the recording began are missing: record for longer.",
    }
}

/// Kernels so short that launching each takes the host about as long; where graphs launch them, that costs nothing.
pub(super) fn short_kernels(report: &TraceReport) -> Option<Finding> {
    let launches = report.launches.as_ref()?;
    let short = &launches.short;
    let (count, of) = (
        i64::try_from(short.count).ok()?,
        i64::try_from(short.of_count).ok()?,
    );
    let calls: u64 = launches.calls.iter().map(|c| c.with_work).sum();
    let one_by_one = calls.saturating_mul(2) >= launches.linked_work;
    let host_ns: i64 = report.idle.iter().map(host_bound_ns).sum();
    let span_ns: i64 = report.idle.iter().map(|i| i.span_ns).sum();
    if short.of_count < SHORT_KERNELS
        || !reaches(count, SHORT_PERCENT, of)
        || !one_by_one
        || !reaches(host_ns, 5, span_ns)
    {
        return None;
    }
    let says = format!(
        "{} of {} kernels ({}) are shorter than {}, and most are launched one by one while the device waits for the host: \
         launching them takes about as long as they run.",
        show::count(short.count),
        show::count(short.of_count),
        show::percent(count, of),
        show::duration(short.below_ns)
    );
    let evidence = vec![
        fact(format!(
            "They run for {} of {} that all kernels run",
            show::duration(short.total_ns),
            show::duration(short.of_total_ns)
        )),
        fact(format!(
            "{} launch {}",
            show::counted(calls, "call"),
            if launches.linked_work == 1 {
                "1 piece of work".to_owned()
            } else {
                format!("{} pieces of work", show::count(launches.linked_work))
            }
        )),
    ];
    Some(Finding {
        evidence,
        advice: "Capture graphs, fuse operators (torch.compile), or make batches larger.".into(),
        ..finding("short-kernels", Level::Hint, Sure::Derived, "device", says)
    })
}

/// Launches are judged as slow to start if what passes between their calls and their work, on streams that were empty,
/// takes at least this share of the streams' time, in percent.
const SLOW_START_PERCENT: i64 = 5;

/// Work that starts late although nothing was before it on its stream.
pub(super) fn slow_starts(report: &TraceReport) -> Option<Finding> {
    let streams = || report.stream_gaps.iter();
    let (count, slow_ns) = streams().fold((0, 0i64), |(n, ns), s| {
        (n + s.slow_starts.count, ns.saturating_add(s.slow_starts.total_ns))
    });
    // Streams run side by side: the one that lost most is what a reader waits for.
    let most = streams().max_by_key(|s| s.slow_starts.total_ns)?;
    if count == 0 || !reaches(most.slow_starts.total_ns, SLOW_START_PERCENT, most.span_ns()) {
        return None;
    }
    let late: u64 = streams().map(|s| s.launched_late.count).sum();
    let device = device_name(most.device, most.rank.as_deref());
    let says = format!(
        "{} of {} to an empty stream ({}) took more than {} to start; on stream {} of device {device} that adds up to {}, \
         {} of its time.",
        show::count(count),
        match late {
            1 => "1 launch".to_owned(),
            n => format!("{} launches", show::count(n)),
        },
        show::percent(
            i64::try_from(count).unwrap_or(i64::MAX),
            i64::try_from(late).unwrap_or(i64::MAX)
        ),
        show::duration(SLOW_START_NS),
        words::shortened(&most.stream),
        show::duration(most.slow_starts.total_ns),
        show::percent(most.slow_starts.total_ns, most.span_ns()),
    );
    let mut worst: Vec<&StreamGaps> = streams().filter(|s| s.slow_starts.count > 0).collect();
    order::sort_by_key(&mut worst, |s| std::cmp::Reverse(s.slow_starts.max_ns));
    let evidence = worst.iter().take(3).map(|s| FindingEvidence {
        start_ns: s.slow_starts.longest_start_ns,
        end_ns: s
            .slow_starts
            .longest_start_ns
            .map(|start| start.saturating_add(s.slow_starts.max_ns)),
        slice: s.slow_starts.longest_next_slice,
        ..fact(format!(
            "Stream {} of device {}: {} in {}, longest {}",
            words::shortened(&s.stream),
            device_name(s.device, s.rank.as_deref()),
            show::duration(s.slow_starts.total_ns),
            show::count(s.slow_starts.count),
            show::duration(s.slow_starts.max_ns)
        ))
    });
    Some(Finding {
        cost_ns: Some(slow_ns),
        evidence: evidence.collect(),
        advice: "The work may wait for another stream, an event or a device (see in the timeline what ends just before), or \
                 its code is loaded at its first launch: warm up."
            .into(),
        ..finding("slow-starts", Level::Hint, Sure::Derived, "device", says)
    })
}

/// Of the devices in the widest scope, the one with most time of `part`.
fn most(report: &TraceReport, part: impl Fn(&DeviceTime) -> i64) -> Option<&DeviceTime> {
    let all = report.device_time.iter().filter(|d| d.scope == "all");
    all.max_by_key(|d| (part(d), -d.device))
}

/// Collectives that no compute hides.
pub(super) fn exposed_communication(report: &TraceReport) -> Option<Finding> {
    let device = most(report, |d| d.comm_exposed_ns)?;
    let (ns, span) = (device.comm_exposed_ns, device.span_ns);
    if !reaches(ns, 5, span) {
        return None;
    }
    let says = format!(
        "Communication that no compute hides takes {} of device {} ({} of its recording).",
        show::duration(ns),
        device_name(device.device, device.rank.as_deref()),
        show::percent(ns, span)
    );
    let level = if reaches(ns, 20, span) {
        Level::Problem
    } else {
        Level::Hint
    };
    Some(Finding {
        cost_ns: Some(ns),
        evidence: of_kind(report, "comm"),
        advice: "Waiting for a slower rank counts as communication too: compare the ranks before blaming the network."
            .into(),
        ..finding("exposed-communication", level, Sure::Derived, "device", says)
    })
}

/// The three kernels of a kind with most time.
fn of_kind(report: &TraceReport, kind: &str) -> Vec<FindingEvidence> {
    let kernels = report.kernels.iter().filter(|k| k.kind == kind).take(3);
    kernels
        .map(|k| FindingEvidence {
            slice: Some(k.longest_slice),
            ..fact(format!(
                "{}: {} in {}, longest {}",
                words::shortened(&k.name),
                show::duration(k.total_ns),
                show::counted(k.count, "call"),
                show::duration(k.max_ns)
            ))
        })
        .collect()
}

/// Copies that nothing hides, and large ones between host and device that are slow.
pub(super) fn copies(report: &TraceReport) -> Vec<Finding> {
    let mut all = Vec::new();
    if let Some(device) = most(report, |d| d.copy_exposed_ns)
        && reaches(device.copy_exposed_ns, 5, device.span_ns)
    {
        let says = format!(
            "Copies that neither compute nor communication hides take {} of device {} ({} of its recording).",
            show::duration(device.copy_exposed_ns),
            device_name(device.device, device.rank.as_deref()),
            show::percent(device.copy_exposed_ns, device.span_ns)
        );
        all.push(Finding {
            cost_ns: Some(device.copy_exposed_ns),
            evidence: of_kind(report, "copy"),
            advice: "Copy beside compute on a stream of its own, or leave the data on the device.".into(),
            ..finding("exposed-copies", Level::Hint, Sure::Derived, "device", says)
        });
    }
    let is_slow = |c: &&Copy| {
        let between = matches!(c.direction.as_deref(), Some("HtoD" | "DtoH"));
        let mean = c.bytes.unwrap_or(0) / c.count.max(1);
        between && mean >= LARGE_COPY_BYTES && c.gb_per_s.is_some_and(|rate| rate < SLOW_GB_PER_S)
    };
    let slow: Vec<&Copy> = report.copies.iter().filter(is_slow).collect();
    if let Some(worst) = slow.first() {
        let says = format!(
            "{} between host and device: {:.1} GB/s, {} in {}.",
            if worst.count == 1 {
                "1 large copy".to_owned()
            } else {
                format!("{} large copies", show::count(worst.count))
            },
            worst.gb_per_s.unwrap_or(0.0),
            show::bytes(worst.bytes.unwrap_or(0)),
            show::duration(worst.bytes_ns)
        );
        all.push(Finding {
            cost_ns: Some(slow.iter().map(|c| c.total_ns).sum()),
            evidence: slow
                .iter()
                .map(|c| FindingEvidence {
                    slice: Some(c.longest_slice),
                    ..fact(format!(
                        "{}: {:.1} GB/s, {}",
                        c.name,
                        c.gb_per_s.unwrap_or(0.0),
                        show::duration(c.total_ns)
                    ))
                })
                .collect(),
            advice: "Memory that is not pinned is copied twice: pin it, or make it on the device.".into(),
            ..finding("slow-copies", Level::Hint, Sure::Derived, "device", says)
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::made::*;
    use crate::analyze::report::{Engines, GapSum, IdleGap, LaunchCall, Launches, ShortKernels};

    fn kernel(name: &str, kind: &str, ms: i64) -> Kernel {
        Kernel {
            name: name.into(),
            kind: kind.into(),
            count: 2,
            total_ns: ms * MS,
            min_ns: 0,
            max_ns: ms * MS,
            mean_ns: ms * MS / 2,
            longest_slice: 7,
            rule: None,
        }
    }

    #[test]
    fn attention_is_long_from_its_share_of_compute_on() {
        let words = &["attention", "fmha"];
        let of = |attention: i64| {
            let mut report = blank();
            report.kernels = vec![
                kernel("void Paged_Attention_v2<bf16>", "compute", attention),
                kernel("gemm", "compute", 100 - attention),
                // Neither counts: it computes nothing.
                kernel("nccl_attention", "comm", 500),
            ];
            long_attention(&report, words)
        };
        assert_eq!(of(0), None);
        assert_eq!(of(39).map(|f| f.level), Some(Level::Fine));
        let long = of(40).expect("a finding");
        assert_eq!((long.level, long.cost_ns), (Level::Hint, Some(40 * MS)));
        assert_eq!(
            long.says,
            "Attention takes 40 % of the time of all compute kernels, 40.0 ms of 100 ms: 40 % and more is long."
        );
        assert_eq!(long.evidence[0].slice, Some(7));
        let mut nameless = blank();
        nameless.kernels = vec![kernel("attention", "compute", 5)];
        assert_eq!(long_attention(&nameless, &[]), None, "where names do not tell");
    }

    fn idle(causes: &[(IdleCause, i64)]) -> DeviceIdle {
        DeviceIdle {
            device: 0,
            rank: None,
            span_ns: 1000 * MS,
            idle_ns: causes.iter().map(|c| c.1 * MS).sum(),
            gaps: 3,
            causes: causes
                .iter()
                .map(|&(cause, ms)| IdleShare {
                    cause,
                    count: 1,
                    total_ns: ms * MS,
                })
                .collect(),
            skewed: 2,
            longest: vec![IdleGap {
                start_ns: 5,
                dur_ns: 7,
                cause: IdleCause::HostOp,
                says: "Longest.".into(),
                launch_slice: Some(1),
                next_slice: 2,
                step: Some(3),
            }],
            definition: String::new(),
        }
    }

    #[test]
    fn idle_time_names_its_largest_cause_and_is_a_problem_where_the_host_is_behind() {
        let mut report = blank();
        report.idle = vec![idle(&[(IdleCause::HostOp, 210), (IdleCause::LaunchLatency, 40)])];
        let all = of(&report);
        let found = get(&all, "device-idle");
        assert_eq!(
            found.says,
            "The device is idle for 25 % of its recording, 250 ms. Largest cause: operators and runtime calls on the \
             launching thread, 210 ms."
        );
        assert_eq!((found.level, found.cost_ns), (Level::Problem, Some(250 * MS)));
        assert_eq!(found.evidence.len(), 4);
        assert_eq!(found.evidence[3].slice, Some(2));
        report.idle = vec![idle(&[(IdleCause::Dependency, 250)])];
        assert_eq!(get(&of(&report), "device-idle").level, Level::Hint);
        report.idle = vec![idle(&[(IdleCause::HostOp, 49)])];
        let all = of(&report);
        assert_eq!(get(&all, "device-idle").level, Level::Fine);
        assert_eq!(
            get(&all, "device-idle").says,
            "The device is kept busy: it is idle for 4.9 % of its recording."
        );
    }

    #[test]
    fn short_kernels_do_not_matter_where_a_graph_launches_them() {
        let call = |with_work: u64, work: u64| LaunchCall {
            name: "launch".into(),
            count: with_work,
            with_work,
            work,
            most_work: 1,
            call_total_ns: 0,
            call_p50_ns: 0,
            call_max_ns: 0,
            delay_p50_ns: None,
            delay_p99_ns: None,
            delay_max_ns: None,
            delay_total_ns: 0,
            slice: 0,
        };
        let launches = |calls: u64| Launches {
            calls: vec![call(calls, 200)],
            work: 200,
            linked_work: 200,
            short: ShortKernels {
                below_ns: 10_000,
                count: 120,
                total_ns: MS,
                of_count: 200,
                of_total_ns: 4 * MS,
            },
            ..Launches::default()
        };
        let mut report = blank();
        report.idle = vec![idle(&[(IdleCause::Python, 100)])];
        report.launches = Some(launches(150));
        assert!(
            get(&of(&report), "short-kernels")
                .says
                .starts_with("120 of 200 kernels (60 %) are shorter than 10.0 µs")
        );
        report.launches = Some(launches(1));
        assert!(!has(&of(&report), "short-kernels"));
    }

    #[test]
    fn work_that_starts_late_on_an_empty_stream_is_told_from_its_share_on() {
        let of_share = |percent: i64| {
            let mut report = blank();
            let slow = GapSum {
                count: 3,
                total_ns: percent * MS,
                max_ns: percent * MS / 2,
                longest_start_ns: Some(5 * MS),
                longest_next_slice: Some(7),
            };
            report.stream_gaps = vec![StreamGaps {
                stream: "7".into(),
                work: 100,
                launched_late: GapSum { count: 12, ..slow },
                slow_starts: slow,
                end_ns: 100 * MS,
                ..StreamGaps::default()
            }];
            of(&report)
        };
        assert!(!has(&of_share(4), "slow-starts"));
        let all = of_share(6);
        let found = get(&all, "slow-starts");
        assert_eq!(
            found.says,
            "3 of 12 launches to an empty stream (25 %) took more than 100 µs to start; on stream 7 of device 0 that adds \
             up to 6.00 ms, 6.0 % of its time."
        );
        assert_eq!((found.level, found.cost_ns), (Level::Hint, Some(6 * MS)));
        assert_eq!(
            (found.evidence[0].slice, found.evidence[0].end_ns),
            (Some(7), Some(8 * MS))
        );
    }

    #[test]
    fn exposed_communication_and_slow_copies_are_told() {
        let mut report = blank();
        report.device_time = vec![DeviceTime {
            device: 3,
            rank: None,
            scope: "all".into(),
            span_ns: 100 * MS,
            busy_ns: 100 * MS,
            compute_ns: 70 * MS,
            comm_exposed_ns: 20 * MS,
            copy_exposed_ns: 10 * MS,
            idle_ns: 0,
            engines: Engines::default(),
            start_ns: 0,
            end_ns: 100 * MS,
        }];
        let copy = |bytes: u64, ns: i64| Copy {
            name: "Memcpy HtoD (Pageable -> Device)".into(),
            direction: Some("HtoD".into()),
            count: 1,
            total_ns: ns,
            p50_ns: ns,
            max_ns: ns,
            bytes: Some(bytes),
            bytes_ns: ns,
            gb_per_s: Some(bytes as f64 / ns as f64),
            longest_slice: 9,
        };
        report.copies = vec![copy(40 << 20, 10 * MS), copy(100, MS)];
        let all = of(&report);
        assert_eq!(
            get(&all, "exposed-communication").says,
            "Communication that no compute hides takes 20.0 ms of device 3 (20 % of its recording)."
        );
        assert_eq!(get(&all, "exposed-communication").level, Level::Problem);
        assert_eq!(get(&all, "exposed-copies").cost_ns, Some(10 * MS));
        assert_eq!(get(&all, "slow-copies").evidence.len(), 1);
        assert!(
            get(&all, "slow-copies")
                .says
                .starts_with("1 large copy between host and device")
        );
        report.copies = vec![copy(400 << 20, 10 * MS)];
        assert!(!has(&of(&report), "slow-copies"));
    }
}

//! One small report by hand, with unknown values and names that are up to mischief, in every format.

use expect_test::{Expect, expect};

use super::*;
use crate::analyze::report::*;
use crate::base::Severity;
use crate::table::{Answers, find};

fn nasty() -> String {
    "pipe|star*tick` <b> @all #12 \u{1b}[2J\u{202e}end".to_owned()
}

fn decode(ctx: u32) -> Bucket {
    Bucket {
        batch: 16,
        seq: Some(1),
        ctx: Some(ctx),
    }
}

/// 1,042 steps that share a bucket, and one of which nothing is known.
fn step_groups() -> Vec<StepGroup> {
    let known = StepGroup {
        phase: Phase::Decode,
        bucket: Some(decode(128)),
        period: Period::Serving,
        count: 1_042,
        total_ns: 29_300_000_000,
        p50_ns: 28_100_000,
        p90_ns: 29_000_000,
        p99_ns: 31_200_000,
        max_ns: 240_000_000,
        real_batch: Some(11_462),
        padded_batch: Some(16_672),
        interval: Durations {
            count: 1_030,
            p50_ns: Some(30_000_000),
            p90_ns: Some(31_000_000),
            p99_ns: Some(33_000_000),
            max_ns: Some(35_000_000),
        },
        compiled_count: 2,
        compiled_extra_ns: Some(1_500_000_000),
        ..StepGroup::default()
    };
    let unknown = StepGroup {
        period: Period::BeforeCapture,
        count: 1,
        total_ns: 1_000,
        p50_ns: 1_000,
        p90_ns: 1_000,
        p99_ns: 1_000,
        max_ns: 1_000,
        ..StepGroup::default()
    };
    vec![known, unknown]
}

fn gaps() -> Gaps {
    let bin = |from_ns, to_ns, count, total_ns| GapBin {
        from_ns,
        to_ns,
        count,
        total_ns,
        by_cause_ns: vec![total_ns],
        by_cause_count: vec![count],
    };
    Gaps {
        kind: GapKind::Step,
        r#where: "vLLM".to_owned(),
        count: 45,
        total_ns: 75_300_000,
        p50_ns: Some(1_656_800),
        p99_ns: None,
        max_ns: Some(7_851_800),
        coverage: None,
        histogram: Vec::new(),
        bins: vec![
            bin(1_000_000, Some(5_000_000), 44, 67_448_200),
            bin(5_000_000, None, 1, 7_851_800),
        ],
        causes: vec![GapCause {
            cause: Cause::InputPrep,
            count: 45,
            total_ns: 75_300_000,
        }],
        longest: Vec::new(),
        definition: "From the end of one engine step to the start of the next.".to_owned(),
        steps_ns: 0,
    }
}

fn finding() -> Finding {
    Finding {
        id: "compiles-while-serving".to_owned(),
        level: Level::Problem,
        sure: Sure::Recorded,
        says: "1 graph was compiled while serving, which cost 412 ms, that is 1.4 % of the time between the first and \
               the last step."
            .to_owned(),
        cost_ns: Some(412_345_000),
        evidence: vec![FindingEvidence {
            says: nasty(),
            start_ns: Some(2_500_000_000),
            ..FindingEvidence::default()
        }],
        advice: "Warm up the bucket (16, 1, 256).".to_owned(),
        view: "recompiles".to_owned(),
    }
}

fn report() -> Report {
    let served = PhaseBucket {
        phase: Phase::Decode,
        bucket: decode(256),
        count: 3,
    };
    let trace = TraceReport {
        file: "vllm.1|2.pt.trace.json.gz".to_owned(),
        format: "gaudi-e2e".to_owned(),
        bytes: 33_027,
        inflated_bytes: 1_234_567,
        events: 4_171,
        rank: Some(0),
        device_kind: "hpu".to_owned(),
        device_name: Some("GAUDI3".to_owned()),
        engine: Some("vLLM V1".to_owned()),
        start_ns: Some(0),
        end_ns: Some(5_590_000_000),
        synchronised_capture: true,
        notes: vec!["Every region was synchronised.".to_owned()],
        defects: vec![DefectRow {
            kind: "truncated_gzip".to_owned(),
            severity: Severity::Error,
            count: 1,
            first_at_byte: Some(33_000),
            events_lost: 0,
            ends_early: true,
            says: "The gzip stream ends in the middle; everything before that was read.".to_owned(),
        }],
        steps: vec![Step {
            engine_step: Some(4),
            phase: Phase::Decode,
            period: Period::Serving,
            start_ns: 1_000_000,
            dur_ns: 28_100_000,
            call_ns: 28_100_000,
            host_ns: 28_100_000,
            interval_ns: Some(30_000_000),
            step_ns: Some(30_000_000),
            bucket: Some(decode(128)),
            batch: Some(11),
            graphs: Some(true),
            parts: Parts {
                forward_ns: Some(20_000_000),
                other_ns: Some(8_100_000),
                ..Parts::default()
            },
            slice: 7,
            ..Step::default()
        }],
        step_groups: step_groups(),
        step_time: Some(StepTime {
            basis: Basis::Interval,
            asynchronous: false,
            from_device_ends: false,
            inferred: false,
            why: "In 6 of 7 steps the device works on after the model call has returned.".to_owned(),
            pipeline_stages: None,
        }),
        verdicts: vec![Verdict {
            phase: Phase::Decode,
            device: Some(0),
            batch: Some(8),
            steps: 1_030,
            step_ns: Some(30_000_000),
            bound: Bound::Host,
            share: Some(0.625),
            shares: BoundShares {
                device: Some(0.25),
                host: Some(0.625),
                ..BoundShares::default()
            },
            says: "A decode step of batch 8 takes 30.0 ms.".to_owned(),
            ..Verdict::default()
        }],
        recompiles: vec![Recompile {
            name: nasty(),
            start_ns: 2_500_000_000,
            dur_ns: Some(412_345_000),
            phase: Phase::Decode,
            period: Period::Serving,
            ..Recompile::default()
        }],
        bucket_coverage: Some(BucketCoverage {
            served: vec![served],
            served_not_warmed: vec![served],
            ..BucketCoverage::default()
        }),
        gaps: vec![gaps()],
        device_time: vec![DeviceTime {
            scope: "all".to_owned(),
            span_ns: 1_000_000,
            busy_ns: 640_000,
            compute_ns: 600_000,
            comm_exposed_ns: 40_000,
            idle_ns: 360_000,
            engines: Engines::of(|engine| (engine == Engine::Mme).then_some(410_000)),
            end_ns: 1_000_000,
            ..DeviceTime::default()
        }],
        kernels: vec![Kernel {
            name: format!("{}{}", nasty(), "x".repeat(90)),
            kind: "compute".to_owned(),
            count: 3,
            total_ns: 300,
            min_ns: 100,
            max_ns: 100,
            longest_slice: 9,
            mean_ns: 100,
            ..Kernel::default()
        }],
        operators: vec![Operator {
            name: "=aten::copy_".to_owned(),
            count: 2,
            self_cpu_ns: 5_000,
            total_cpu_ns: 9_000,
            longest_slice: 1,
            ..Operator::default()
        }],
        budget: Some(TimeBudget {
            total_ns: 1_000_000,
            shares: vec![BudgetShare {
                id: "compile".to_owned(),
                says: "compiling graphs".to_owned(),
                total_ns: 410_000,
            }],
            definition: "From the first to the last serving step.".to_owned(),
        }),
        findings: vec![finding()],
        ..TraceReport::default()
    };
    Report {
        schema: SCHEMA.to_owned(),
        traces: vec![trace],
        workers: None,
        ranks: None,
    }
}

fn check(actual: &str, expected: &Expect) {
    expected.assert_eq(actual);
}

#[test]
fn text_puts_findings_first_and_shows_odd_names_harmlessly() {
    let text = report_text(&report());
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    check(
        &text,
        &expect![[r#"
            vllm.1|2.pt.trace.json.gz
              gaudi-e2e · vLLM V1 · HPU GAUDI3 · rank 0 · 33.0 KB (1.23 MB inflated) · 4,171 events · 5.59 s
              long
              A decode step of batch 8 takes 30.0 ms.
              Note: Every region was synchronised.

            Findings
              problem  1 graph was compiled while serving, which cost 412 ms, that is 1.4 % of the time between
                       the first and the last step. (recorded, 412 ms)
                       - pipe|star*tick` <b> @all #12 \u{1b}[2J\u{202e}end (at +2.50 s)
                       → Warm up the bucket (16, 1, 256).

            What bounds a step
              Shares of the time between the starts of steps that did not compile, or, of an asynchronous engine
              whose work is linked, between the ends of their device work; compiles and waits for requests are
              shares of serving time. The largest share names the bound if it is at least 50 % and leads by 10
              points.
              phase   batch  steps  step time  bound by    device works  idle, next work not launched  device
              decode      8  1,030    30.0 ms  host-bound          25 %                          62 %  0

            Steps by phase, bucket and period (2)
              Step times of one phase, bucket and period. Steps into which a compile falls are left out of them.
              Step time here is the interval. From a step's start on the host to the start of the next step of
              the same engine, where no wait for requests lies between. In 6 of 7 steps the device works on
              after the model call has returned.
              phase   bucket        period          steps      p50      p90      p99  longest  compiled  padding
              decode  (16, 1, 128)  serving         1,042  30.0 ms  31.0 ms  33.0 ms  35.0 ms         2     31 %
              step    –             before capture      1        –        –        –        –         0        –

            Steps that compiled
              Steps into which a graph compile falls, recorded or suspected, beside the others of their phase,
              bucket and period. They are left out of step times and parts.
              phase   bucket        period   steps that compiled  their extra time  other steps
              decode  (16, 1, 128)  serving                    2            1.50 s        1,040

            Steps
              Every prefill or decode pass that the trace records.
              Step time here is the interval. From a step's start on the host to the start of the next step of
              the same engine, where no wait for requests lies between. In 6 of 7 steps the device works on
              after the model call has returned.
              step  phase   bucket        batch     start  step time  interval  host time  model call
                 0  decode  (16, 1, 128)     11  +1.00 ms    30.0 ms   30.0 ms    28.1 ms     28.1 ms

            Graph compiles
              Every graph compile that the trace records or suggests. Markers that rest on different evidence
              are never added up: one compile may be listed under each.
                cost    start  start is exact  phase   use of its bucket  graph
              412 ms  +2.50 s  no              decode  unknown            pipe|star*tick` <b> @all #12
                                                                          \u{1b}[2J\u{202e}end
              … and 2 more columns

            Bucket coverage
              Which buckets warm-up ran and which were served.
              phase   bucket        state                  steps served
              decode  (16, 1, 256)  served, not warmed up             3

            Where serving time went
              Every moment between the first and the last serving step is counted once.
              From the first to the last serving step.
                time  share  what
              410 µs   41 %  compiling graphs

            Gaps by kind and place
              Three different quantities, which are never added up.
              kind           where  gaps    total      p50  longest
              Between steps  vLLM     45  75.3 ms  1.66 ms  7.85 ms

            Gaps by length (2)
              A histogram of each kind of gaps: how many there are of a length, and how much time they take.
              kind           where     from       to  gaps    total  of the time
              Between steps  vLLM   1.00 ms  5.00 ms    44  67.4 ms         90 %
              Between steps  vLLM   5.00 ms        –     1  7.85 ms         10 %

            Gaps by cause
              Gaps are counted by their main cause, what the host did for most of the gap; a gap's time is split
              among causes moment by moment.
              kind           where  cause              gaps    total  of the time
              Between steps  vLLM   input preparation    45  75.3 ms        100 %

            How devices spent their time
              From the first start to the last end of a device's work. Compute is all that is neither
              communication nor copy, memsets included; exposed communication is not overlapped by compute, an
              exposed copy by neither. With idle time they add up to the span.
              device  work     span  busy  compute  exposed communication    idle     MME
              0       all   1.00 ms  64 %   600 µs                40.0 µs  360 µs  410 µs

            Device work by name
              Kernels, copies and memsets by name, longest busy first. Busy: at least one call runs. Total:
              summed over all streams and engines, so a kernel that runs on 8 engines at once counts 8 times.
              kind     busy   total  of all  count    mean  shortest  longest  name
              compute  0 ns  300 ns   100 %      3  100 ns    100 ns   100 ns  pipe|star*tick` <b> @all #12
                                                                               \u{1b}[2J\u{202…xxxxxxxxxxxxxxxxx
                                                                               xxxx

            Operators
              Total sums the time of all calls. A call inside another of the same name counts again, so a total
              may exceed the time that passed; where it is the only call directly inside that one, the two count
              as one. Self leaves out the operators called. torch's key_averages (2.9) counts the same, to the
              nanosecond. Bytes are those allocated less those freed between start and end of the calls, on any
              thread.
              calls     self    total  name
                  2  5.00 µs  9.00 µs  =aten::copy_

            Defects of the file
              What was repaired, replaced or lost while reading.
              severity  kind            count  first at byte  what
              error     truncated_gzip      1          33000  The gzip stream ends in the middle; everything
                                                              before that was read.

            Tables are cut to fit a terminal: --csv FOLDER writes each of them with all rows, columns and names.
        "#]],
    );
}

#[test]
fn markdown_is_short_and_its_cells_hold() {
    let markdown = report_markdown(&report());
    assert!(!markdown.contains("<b>") && !markdown.contains("@all"));
    check(
        &markdown,
        &expect![[r#"
            ### vllm.1\|2.pt.trace.json.gz

            gaudi-e2e · vLLM V1 · HPU GAUDI3 · rank 0 · 33.0 KB (1.23 MB inflated) · 4,171 events · 5.59 s long

            **A decode step of batch 8 takes 30.0 ms.**

            > Every region was synchronised.

            - **Problem:** 1 graph was compiled while serving, which cost 412 ms, that is 1.4 % of the time between the first and the last step. _(recorded)_ Warm up the bucket (16, 1, 256).
              - pipe\|star\*tick\` &lt;b&gt; &#64;all &#35;12 \\u{1b}\[2J\\u{202e}end (at +2.50 s)

            <details><summary>What bounds a step (1 row)</summary>

            Shares of the time between the starts of steps that did not compile, or, of an asynchronous engine whose work is linked, between the ends of their device work; compiles and waits for requests are shares of serving time. The largest share names the bound if it is at least 50 % and leads by 10 points.

            | phase | device | batch | steps | step time | bound by | device works | idle, next work not launched |
            | --- | --- | ---: | ---: | ---: | --- | ---: | ---: |
            | decode | 0 | 8 | 1,030 | 30.0 ms | host-bound | 25 % | 62 % |

            </details>

            <details><summary>Steps by phase, bucket and period (2 rows)</summary>

            Step times of one phase, bucket and period. Steps into which a compile falls are left out of them.

            Step time here is the interval. From a step's start on the host to the start of the next step of the same engine, where no wait for requests lies between. In 6 of 7 steps the device works on after the model call has returned.

            | phase | bucket | period | steps | p50 | p90 | p99 | longest | compiled | padding |
            | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
            | decode | (16, 1, 128) | serving | 1,042 | 30.0 ms | 31.0 ms | 33.0 ms | 35.0 ms | 2 | 31 % |
            | step | – | before capture | 1 | – | – | – | – | 0 | – |

            </details>

            <details><summary>Steps that compiled (1 row)</summary>

            Steps into which a graph compile falls, recorded or suspected, beside the others of their phase, bucket and period. They are left out of step times and parts.

            | phase | bucket | period | steps that compiled | their extra time | other steps |
            | --- | --- | --- | ---: | ---: | ---: |
            | decode | (16, 1, 128) | serving | 2 | 1.50 s | 1,040 |

            </details>

            <details><summary>Steps (1 row)</summary>

            Every prefill or decode pass that the trace records.

            Step time here is the interval. From a step's start on the host to the start of the next step of the same engine, where no wait for requests lies between. In 6 of 7 steps the device works on after the model call has returned.

            | step | phase | bucket | batch | start | step time | interval | host time | model call |
            | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
            | 0 | decode | (16, 1, 128) | 11 | +1.00 ms | 30.0 ms | 30.0 ms | 28.1 ms | 28.1 ms |

            </details>

            <details><summary>Graph compiles (1 row)</summary>

            Every graph compile that the trace records or suggests. Markers that rest on different evidence are never added up: one compile may be listed under each.

            | cost | start | start is exact | graph | phase | use of its bucket | known by | period |
            | ---: | ---: | --- | --- | --- | --- | --- | --- |
            | 412 ms | +2.50 s | no | pipe\|star\*tick\` &lt;b&gt; &#64;all &#35;12 \\u{1b}\[2J\\u{202e}end | decode | unknown | recorded | serving |

            </details>

            <details><summary>Bucket coverage (1 row)</summary>

            Which buckets warm-up ran and which were served.

            | phase | bucket | state | steps served |
            | --- | --- | --- | ---: |
            | decode | (16, 1, 256) | served, not warmed up | 3 |

            </details>

            <details><summary>Where serving time went (1 row)</summary>

            Every moment between the first and the last serving step is counted once.

            From the first to the last serving step.

            | time | share | what |
            | ---: | ---: | --- |
            | 410 µs | 41 % | compiling graphs |

            </details>

            <details><summary>Gaps by kind and place (1 row)</summary>

            Three different quantities, which are never added up.

            | kind | where | gaps | total | p50 | longest |
            | --- | --- | ---: | ---: | ---: | ---: |
            | Between steps | vLLM | 45 | 75.3 ms | 1.66 ms | 7.85 ms |

            </details>

            <details><summary>Gaps by length (2 rows)</summary>

            A histogram of each kind of gaps: how many there are of a length, and how much time they take.

            | kind | where | from | to | gaps | total | of the time |
            | --- | --- | ---: | ---: | ---: | ---: | ---: |
            | Between steps | vLLM | 1.00 ms | 5.00 ms | 44 | 67.4 ms | 90 % |
            | Between steps | vLLM | 5.00 ms | – | 1 | 7.85 ms | 10 % |

            </details>

            <details><summary>Gaps by cause (1 row)</summary>

            Gaps are counted by their main cause, what the host did for most of the gap; a gap's time is split among causes moment by moment.

            | kind | where | cause | gaps | total | of the time |
            | --- | --- | --- | ---: | ---: | ---: |
            | Between steps | vLLM | input preparation | 45 | 75.3 ms | 100 % |

            </details>

            <details><summary>How devices spent their time (1 row)</summary>

            From the first start to the last end of a device's work. Compute is all that is neither communication nor copy, memsets included; exposed communication is not overlapped by compute, an exposed copy by neither. With idle time they add up to the span.

            | device | work | span | busy | compute | exposed communication | idle | MME |
            | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
            | 0 | all | 1.00 ms | 64 % | 600 µs | 40.0 µs | 360 µs | 410 µs |

            </details>

            <details><summary>Device work by name (1 row)</summary>

            Kernels, copies and memsets by name, longest busy first. Busy: at least one call runs. Total: summed over all streams and engines, so a kernel that runs on 8 engines at once counts 8 times.

            | name | kind | busy | total | of all | count | mean | shortest | longest |
            | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
            | pipe\|star\*tick\` &lt;b&gt; &#64;all &#35;12 \\u{1b}\[2J\\u{202e}endxxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxxxxxxxxxxxxx | compute | 0 ns | 300 ns | 100 % | 3 | 100 ns | 100 ns | 100 ns |

            </details>

            <details><summary>Operators (1 row)</summary>

            Total sums the time of all calls. A call inside another of the same name counts again, so a total may exceed the time that passed; where it is the only call directly inside that one, the two count as one. Self leaves out the operators called. torch's key\_averages (2.9) counts the same, to the nanosecond. Bytes are those allocated less those freed between start and end of the calls, on any thread.

            | name | calls | self | total |
            | --- | ---: | ---: | ---: |
            | =aten::copy\_ | 2 | 5.00 µs | 9.00 µs |

            </details>

            <details><summary>Defects of the file (1 row)</summary>

            What was repaired, replaced or lost while reading.

            | severity | kind | count | first at byte | what |
            | --- | --- | ---: | ---: | --- |
            | error | truncated\_gzip | 1 | 33000 | The gzip stream ends in the middle; everything before that was read. |

            </details>
        "#]],
    );
}

#[test]
fn json_has_the_names_in_order_and_null_where_unknown() {
    let json = report_json(&report());
    let start: String = json.lines().take(20).collect::<Vec<_>>().join("\n");
    check(
        &start,
        &expect![[r#"
        {
          "schema": "stepscope.report/1",
          "traces": [
            {
              "file": "vllm.1|2.pt.trace.json.gz",
              "format": "gaudi-e2e",
              "bytes": 33027,
              "inflated_bytes": 1234567,
              "events": 4171,
              "rank": 0,
              "world_size": null,
              "device_kind": "hpu",
              "device_name": "GAUDI3",
              "engine": "vLLM V1",
              "start_ns": 0,
              "end_ns": 5590000000,
              "base_time_ns": null,
              "capture_start_ns": null,
              "capture_end_ns": null,
              "synchronised_capture": true,"#]],
    );
    let back: Report = serde_json::from_str(&json).expect("its own output");
    assert_eq!(back, report());
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let step = &value["traces"][0]["steps"][0];
    assert!(step["gap_before_ns"].is_null() && step.get("gap_before_ns").is_some());
    assert_eq!(step["parts"]["prepare_ns"], serde_json::Value::Null);
    assert_eq!(step["phase"], "decode");
    assert_eq!(value["traces"][0]["step_groups"][1]["period"], "before_capture");
}

#[test]
fn csv_leaves_unknown_cells_empty_and_defuses_formulas() {
    let report = report();
    let trace = &report.traces[0];
    let answers = Answers::of_report(trace);
    let keys = ["steps", "recompiles", "gaps", "kernels", "operators"];
    let all = keys
        .map(|key| table_csv(&find(key, &answers).expect(key)))
        .join("\n");
    check(
        &all,
        &expect![[r#"
            index,engine_step,phase,period,bucket,bucket_batch,bucket_seq,bucket_ctx,batch,tokens,graphs,start_ns,step_ns,interval_ns,host_ns,dur_ns,gap_before_ns,compile_ns,schedule_ns,prepare_ns,forward_ns,logits_ns,sample_ns,draft_ns,wait_ns,post_ns,other_ns,parts_derived,sure
            0,4,decode,serving,"(16, 1, 128)",16,1,128,11,,true,1000000,30000000,30000000,28100000,28100000,,,,,20000000,,,,,,8100000,false,recorded

            dur_ns,start_ns,start_is_exact,name,region,step,phase,bucket,use,evidence,also,period
            412345000,2500000000,false,pipe|star*tick` <b> @all #12 \u{1b}[2J\u{202e}end,,,decode,,unknown,recorded,,serving

            kind,where,from_ns,to_ns,count,total_ns,share
            step,vLLM,1000000,5000000,44,67448200,0.8957264276228419
            step,vLLM,5000000,,1,7851800,0.10427357237715804

            name,kind,rule,busy_ns,total_ns,share,count,mean_ns,min_ns,max_ns
            pipe|star*tick` <b> @all #12 \u{1b}[2J\u{202e}endxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,compute,,0,300,1,3,100,100,100

            name,count,self_cpu_ns,total_cpu_ns
            '=aten::copy_,2,5000,9000
        "#]],
    );
}

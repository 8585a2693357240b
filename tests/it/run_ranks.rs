//! One answer over all ranks of a run: who waits for whom.

use stepscope::analyze::ranks::extract::RankExtract;
use stepscope::analyze::ranks::run;
use stepscope::analyze::report::{ClockMethod, MatchedCollectives, RunRanks};
use stepscope::session::open_bytes;
use stepscope::synth::simulator::{Engine, Family, Files, Injection, simulate};

use crate::corpus;

const MS: i64 = 1_000_000;

fn extracts(traces: &[(String, String)]) -> Vec<RankExtract> {
    let of = |(name, text): &(String, String)| open_bytes(name, text.as_bytes()).unwrap().rank_extracts();
    traces.iter().flat_map(of).collect()
}

/// A server whose last rank's python takes so much longer in every step.
fn slow_peer(family: Family, ranks: usize, by: i64) -> Engine {
    Engine {
        ranks,
        every: true,
        ..Engine::of(family, false).with(Injection::SlowPeer, by)
    }
}

fn ran(engine: Engine) -> RunRanks {
    run::compare(&extracts(&simulate(engine).traces)).expect("several ranks of one run")
}

fn skew_p99(found: &RunRanks) -> Vec<Option<i64>> {
    found.collectives.iter().map(|c| c.skew_p99_ns).collect()
}

/// The simulator's python is the same on all ranks but the last, its exchanges end at one instant, and an engine that
/// is not asynchronous starts each step with empty devices: the first all-reduce of a step is apart by what was
/// injected, the others by nothing.
#[test]
fn the_injected_rank_is_the_straggler() {
    for family in Family::ALL {
        for ranks in 2..=4 {
            let found = ran(slow_peer(family, ranks, 2 * MS));
            let about = format!("{} with {ranks} ranks: {found:?}", family.key());
            let straggler = found.straggler.as_ref().expect(&about);
            assert_eq!(straggler.rank, Some(ranks as i64 - 1), "{about}");
            // One exchange of each of 12 steps.
            assert_eq!((straggler.last_count, straggler.apart_count), (12, 12), "{about}");
            for ns in [Some(straggler.late_p50_ns), found.collectives[0].skew_p99_ns] {
                assert!((ns.unwrap() - 2 * MS).abs() <= 2 * MS / 100, "{about}");
            }
            assert!((straggler.awaited_ns - 24 * MS).abs() <= 24 * MS / 100, "{about}");
            assert_eq!(straggler.because.as_deref(), Some("idle"), "{about}");
            assert_eq!(found.ranks.len(), ranks, "{about}");
            assert_eq!(found.clocks.method, ClockMethod::Base, "{about}");
        }
    }
}

/// What the last rank does before it comes says why it is late: here it computes where it was idle.
#[test]
fn a_rank_that_computes_longer_is_late_for_that() {
    let mut extracts = extracts(&simulate(slow_peer(Family::CudaEager, 3, 2 * MS)).traces);
    compute_longer(&mut extracts);
    let straggler = run::compare(&extracts).unwrap().straggler.unwrap();
    assert_eq!(straggler.because.as_deref(), Some("compute"));
    // What was before the first exchange is unknown: 11 of 12.
    let more = straggler.because_ns.unwrap();
    assert!((more - 22 * MS).abs() < MS / 5, "{more}");
    assert!(straggler.says.contains("(2.00 ms a step)"), "{}", straggler.says);
}

/// The last rank does what the first does, and computes for 2 ms more before the first of a step's four exchanges.
fn compute_longer(extracts: &mut [RankExtract]) {
    let of_first: Vec<_> = extracts[0].collectives.iter().map(|c| c.before).collect();
    for (n, (event, before)) in extracts[2].collectives.iter_mut().zip(of_first).enumerate() {
        event.before = before;
        if let Some(before) = event.before.as_mut().filter(|_| n % 4 == 0) {
            before.compute_ns += 2 * MS;
        }
    }
}

/// Whichever rank is recorded later, by one step of four exchanges or by two: what was done before its first exchange
/// is unknown, not nothing, and changes neither the cause nor the time a step.
#[test]
fn a_recording_that_starts_later_changes_no_cause() {
    for late in 0..3 {
        for n in [4, 8] {
            let mut extracts = extracts(&simulate(slow_peer(Family::CudaEager, 3, 2 * MS)).traces);
            compute_longer(&mut extracts);
            assert_eq!(extracts[late].collectives[0].before, None);
            extracts[late].collectives.drain(..n);
            extracts[late].collectives[0].before = None;
            let straggler = run::compare(&extracts).unwrap().straggler.unwrap();
            let about = format!("rank {late}, {n} exchanges later: {}", straggler.says);
            assert_eq!(straggler.rank, Some(2), "{about}");
            assert_eq!(straggler.because.as_deref(), Some("compute"), "{about}");
            assert!(straggler.says.contains("(2.00 ms a step)"), "{about}");
        }
    }
}

#[test]
fn without_a_slow_rank_nobody_is_named() {
    for family in Family::ALL {
        let found = ran(slow_peer(family, 3, 0));
        let about = format!("{}: {found:?}", family.key());
        assert_eq!(found.straggler, None, "{about}");
        assert_eq!(found.awaited_ns, Some(0), "{about}");
        // Four layers in 12 steps, one all-reduce each.
        let count: u64 = found.collectives.iter().map(|c| c.count).sum();
        assert_eq!(count, 48, "{about}");
        assert_eq!(skew_p99(&found), [Some(0)], "{about}");
    }
}

#[test]
fn a_merged_file_says_what_the_files_say() {
    let several = slow_peer(Family::CudaEager, 4, 2 * MS);
    let merged = Engine {
        files: Files::Merged,
        ..several
    };
    let (several, merged) = (ran(several), ran(merged));
    assert_eq!(several.collectives.len(), merged.collectives.len());
    for (a, b) in several.collectives.iter().zip(&merged.collectives) {
        assert_eq!(
            (a.count, a.skew_p50_ns, a.skew_p99_ns),
            (b.count, b.skew_p50_ns, b.skew_p99_ns)
        );
    }
    assert_eq!(merged.straggler.unwrap().rank, Some(3));
    for (a, b) in several.ranks.iter().zip(&merged.ranks) {
        assert_eq!((a.rank, a.busy_ns, a.waits_ns), (b.rank, b.busy_ns, b.waits_ns));
    }
}

/// Without Unix times, and with a clock of its own on each rank, the ends of the exchanges align them: the simulator
/// ends each at one instant, so without any error.
#[test]
fn clocks_of_their_own_are_aligned_by_collectives() {
    let mut extracts = extracts(&simulate(slow_peer(Family::CudaEager, 3, 2 * MS)).traces);
    for (rank, extract) in (0..).zip(&mut extracts) {
        extract.base_time_ns = None;
        for event in &mut extract.collectives {
            event.start += rank * 1_234_567_891;
            event.end += rank * 1_234_567_891;
        }
    }
    let found = run::compare(&extracts).unwrap();
    assert_eq!(
        (found.clocks.method, found.clocks.error_ns),
        (ClockMethod::Collectives, Some(0))
    );
    assert_eq!(found.straggler.unwrap().rank, Some(2));
    // A recording that starts later lacks the first exchanges: the others are matched all the same.
    extracts[1].collectives.drain(..5);
    let found = run::compare(&extracts).unwrap();
    assert_eq!(found.collectives.iter().map(|c| c.count).sum::<u64>(), 43);
    assert_eq!(found.straggler.unwrap().rank, Some(2));
    // Unix times that are wrong by 30 ms, more than any exchange takes, do not align.
    for (rank, extract) in (0..).zip(&mut extracts) {
        extract.base_time_ns = Some(rank * (30 * MS - 1_234_567_891));
    }
    let found = run::compare(&extracts).unwrap();
    assert_eq!(found.clocks.method, ClockMethod::Collectives);
}

/// Exchanges whose ends scatter align nothing: then no skew is said, and what is short waits least.
#[test]
fn without_a_common_clock_no_skew_is_said() {
    let mut extracts = extracts(&simulate(slow_peer(Family::Ascend, 3, 2 * MS)).traces);
    for (rank, extract) in (0..).zip(&mut extracts) {
        extract.base_time_ns = None;
        for (n, event) in (0..).zip(&mut extract.collectives) {
            let scatter = n % 7 * rank * 20 * MS;
            event.start += scatter;
            event.end += scatter;
        }
    }
    let found = run::compare(&extracts).unwrap();
    assert_eq!(
        (found.clocks.method, found.clocks.error_ns),
        (ClockMethod::None, None)
    );
    assert!(found.straggler.is_none() && found.awaited_ns.is_none());
    let unknown = |c: &MatchedCollectives| c.skew_p50_ns.is_none() && c.transfer_p50_ns.is_none();
    assert!(!found.collectives.is_empty() && found.collectives.iter().all(unknown));
}

/// Two pairs that exchange within themselves, at other times: without a recorded group that is no exchange of four.
#[test]
fn what_does_not_overlap_is_not_matched() {
    let mut extracts = extracts(&simulate(slow_peer(Family::CudaEager, 4, 0)).traces);
    for extract in &mut extracts[2..] {
        for (n, event) in (0..).zip(&mut extract.collectives) {
            event.start += n / 4 % 3 * 700_000;
            event.end += n / 4 % 3 * 700_000;
        }
    }
    let found = run::compare(&extracts).unwrap();
    assert!(found.collectives.is_empty(), "{found:?}");
    assert!(
        found.says.iter().any(|s| s.contains("do not say which ranks")),
        "{found:?}"
    );
    // With recorded groups each pair is one.
    for (rank, extract) in extracts.iter_mut().enumerate() {
        extract.groups.iter_mut().for_each(|group| {
            group.name = "5".to_owned();
            group.ranks = if rank < 2 { "[0, 1]" } else { "[2, 3]" }.to_owned();
            group.size = Some(2);
        });
    }
    let found = run::compare(&extracts).unwrap();
    let counts: Vec<(u64, i64)> = found
        .collectives
        .iter()
        .map(|c| (c.count, c.group_size))
        .collect();
    assert_eq!(counts, [(48, 2), (48, 2)]);
}

#[test]
fn traces_that_are_not_of_one_run_are_not_compared() {
    let two = simulate(slow_peer(Family::CudaEager, 2, 0)).traces;
    let twice = [two[0].clone(), two[0].clone()];
    assert!(run::compare(&extracts(&twice)).is_none(), "the same rank twice");
    assert!(run::compare(&extracts(&two[..1])).is_none(), "one rank");
    let of_three = simulate(slow_peer(Family::CudaEager, 3, 0)).traces;
    let mixed = [two[0].clone(), of_three[1].clone()];
    assert!(run::compare(&extracts(&mixed)).is_none(), "two sizes of world");
}

/// Bandwidth by the factors of nccl-tests: 4 ranks reduce 60 MB in 60 µs, which is 1,000 GB/s of the algorithm and
/// 2 × 3 / 4 of that on the bus.
#[test]
fn bandwidth_has_the_known_factor() {
    let mut extracts = extracts(&simulate(slow_peer(Family::CudaEager, 4, 0)).traces);
    for event in extracts.iter_mut().flat_map(|e| &mut e.collectives) {
        event.bytes = Some(60_000_000);
    }
    let found = run::compare(&extracts).unwrap();
    let row = &found.collectives[0];
    assert_eq!(row.transfer_p50_ns, Some(60_000));
    assert_eq!(
        (row.algorithm_gb_per_s, row.bus_gb_per_s),
        (Some(1_000.0), Some(1_500.0))
    );
}

/// Eight ranks of torch 1.14 on one host, with times since 1970. The numbers are those of a script that sorts each
/// rank's NCCL kernels by start and takes the latest start less the earliest, by place: skews of the five sends and
/// receives 7,624, 1,101, 168, 125 and 534 µs, of the three all-reduces 223, 584 and 885 µs; ends agree within 7 µs.
/// Rank 7 is last five times, but only 130 µs late in the median where the others lie 550 µs apart: nobody is named.
#[test]
fn eight_real_ranks_have_the_counted_skews() {
    let Some(archive) = corpus::read("kineto/param_dlrm/dlrm_kineto.tar.gz") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dlrm.tar.gz");
    std::fs::write(&path, archive).unwrap();
    let mut command = assert_cmd::Command::cargo_bin("stepscope").unwrap();
    let out = command
        .arg("report")
        .arg(&path)
        .args(["--format", "json"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let found = &report["ranks"];
    assert_eq!(found["clocks"]["method"], "base");
    assert_eq!(found["clocks"]["error_ns"], 7_000);
    let rows: Vec<[&serde_json::Value; 4]> = found["collectives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| ["operation", "count", "skew_p50_ns", "skew_p99_ns"].map(|key| &c[key]))
        .collect();
    assert_eq!(
        serde_json::to_string(&rows).unwrap(),
        r#"[["send_recv",5,534000,7624000],["all_reduce",3,584000,885000]]"#
    );
    let last: Vec<i64> = found["ranks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["last"].as_i64().unwrap())
        .collect();
    assert_eq!(last, [0, 0, 0, 0, 1, 2, 0, 5]);
    // 505 + 509 + 162 + 124 + 9 + 52 + 49 + 14 µs between the last and the one before.
    assert_eq!(found["awaited_ns"], 1_424_000);
    assert!(found["straggler"].is_null());
}

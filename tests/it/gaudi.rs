//! The Gaudi traces of the corpus against the golden numbers of its README, and each rule on a tiny trace.

use stepscope::analyze::report::{Bucket, Evidence, Period, Phase, Recompile, Step};
use stepscope::session::{Opened, open_bytes};

use crate::corpus;

/// The one trace of a corpus folder.
fn open_folder(folder: &str) -> Option<Opened> {
    let is_trace = |name: &str| name.starts_with("server_events") || name.ends_with(".pt.trace.json.gz");
    let file = corpus::files(folder)
        .into_iter()
        .find(|f| is_trace(&f.file_name().unwrap().to_string_lossy()))?;
    open_file(&file)
}

fn open_file(file: &std::path::Path) -> Option<Opened> {
    let bytes = std::fs::read(file).unwrap();
    // The name is taken away: content alone must decide.
    Some(open_bytes("x", &bytes).unwrap_or_else(|e| panic!("{}: {e}", file.display())))
}

#[test]
#[ignore]
fn dump() {
    for folder in std::env::var("DUMP").unwrap().split(',') {
        let t = if folder.ends_with("json") || folder.ends_with(".gz") {
            open_bytes("x", &corpus::read(folder).unwrap()).unwrap()
        } else {
            open_folder(folder).unwrap()
        };
        let r = &t.report;
        println!(
            "=== {folder} {} {} {:?} {:?} rank {:?}/{:?} base {:?} cap {:?}-{:?} sync {}",
            r.format,
            r.device_kind,
            r.device_name,
            r.engine,
            r.rank,
            r.world_size,
            r.base_time_ns,
            r.capture_start_ns,
            r.capture_end_ns,
            r.synchronised_capture
        );
        for n in &r.notes {
            println!("  note: {n}")
        }
        for d in &r.defects {
            println!("  defect: {} {}", d.kind, d.count)
        }
        println!(
            "  {} steps {} engine steps",
            r.steps.len(),
            t.vocabulary.engine_steps.len()
        );
        for g in &r.step_groups {
            println!(
                "  {:?} {:?} {:?} n={} p50={} p90={} p99={} max={} real {:?}/{:?}",
                g.period,
                g.phase,
                g.bucket.map(|b| b.to_string()),
                g.count,
                g.p50_ns,
                g.p90_ns,
                g.p99_ns,
                g.max_ns,
                g.real_batch,
                g.padded_batch
            )
        }
        for c in &r.recompiles {
            println!(
                "  {:?} {} start {} dur {} exact {} step {:?} {:?} {:?} {:?} region {:?} also {:?}",
                c.evidence,
                c.name,
                c.start_ns,
                c.dur_ns,
                c.start_is_exact,
                c.step,
                c.phase,
                c.bucket.map(|b| b.to_string()),
                c.period,
                c.region,
                c.also
            )
        }
        println!(
            "  coverage {:?}",
            r.bucket_coverage
                .as_ref()
                .map(|c| (c.warmed.len(), c.served.len(), &c.served_not_warmed))
        );
        for s in r.steps.iter().take(12) {
            println!(
                "  {:?} {:?} es {:?} start {} dur {} gap {:?} {:?} batch {:?} tok {:?} {:?} dev {:?}",
                s.phase,
                s.period,
                s.engine_step,
                s.start_ns,
                s.dur_ns,
                s.gap_before_ns,
                s.bucket.map(|b| b.to_string()),
                s.batch,
                s.tokens,
                s.parts,
                s.device
            )
        }
        for d in &t.vocabulary.devices {
            println!("  device {} tracks {}", d.device, d.tracks.len())
        }
        println!(
            "  main {:?} step track {:?} link {:?}",
            t.vocabulary
                .main_threads
                .iter()
                .map(|&x| {
                    let k = t.index.track(x);
                    format!("{}/{}", k.pid.show(&t.index.names), k.tid.show(&t.index.names))
                })
                .collect::<Vec<_>>(),
            t.vocabulary.step_track,
            t.vocabulary.launch_link
        );
        let mut c = std::collections::BTreeMap::new();
        for (i, role) in t.vocabulary.roles.iter().enumerate() {
            *c.entry(format!("{role:?}")).or_insert(0) += 1;
            let _ = i;
        }
        println!("  roles {c:?}");
    }
}

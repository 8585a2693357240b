//! What each stage of opening costs, natively, on a generated trace of about 50 MB: `cargo bench`.
//!
//! Each stage takes the output of the one before it, made once. Throughput is of inflated text. Wall times of a
//! shared machine vary: compare the stages of one run.

use std::sync::OnceLock;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};

use stepscope::analyze::compiles::{self, coverage};
use stepscope::analyze::device::{device_time, work_by_name};
use stepscope::analyze::gaps::held_up::Compiles;
use stepscope::analyze::gaps::time_budget;
use stepscope::analyze::host::{operators_by_name, python};
use stepscope::analyze::{self, FileFacts, findings, gaps, steps};
use stepscope::base::{Defects, Span};
use stepscope::dialect::{self, Role};
use stepscope::index::Builder;
use stepscope::ingest::{Event, Inflater, Scanner, Sink};
use stepscope::session::{self, Opened};
use stepscope::synth::{self, Gzip, Options, Target};
use stepscope::view::TrackPart;

const BYTES: u64 = 50 << 20;
const NAME: &str = "synth.pt.trace.json.gz";

fn main() {
    // Before the first clock runs.
    made();
    divan::main();
}

/// The trace, and all that opening makes of it.
struct Made {
    text: Vec<u8>,
    zipped: Vec<u8>,
    opened: Opened,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let options = Options::wide(Target::Bytes(BYTES));
        let text: Vec<u8> = synth::chunks(&options).flatten().collect();
        let mut zipped = Gzip::new(Vec::new(), 6).expect("memory");
        std::io::Write::write_all(&mut zipped, &text).expect("memory");
        let zipped = zipped.finish().expect("memory");
        let opened = session::open_bytes(NAME, &zipped).expect("a trace");
        Made { text, zipped, opened }
    })
}

fn file() -> FileFacts {
    FileFacts {
        name: NAME.to_owned(),
        ..FileFacts::default()
    }
}

/// Counts events and looks at nothing.
#[derive(Default)]
struct Count {
    events: u64,
}

impl Sink for Count {
    fn event(&mut self, _: &Event<'_>) {
        self.events += 1;
    }

    fn header(&mut self, _: &[u8], _: &[u8]) {}
}

/// As the inflater hands it over.
const PIECE: usize = 256 << 10;

#[divan::bench_group(sample_count = 10, sample_size = 1)]
mod read {
    use super::*;

    #[divan::bench]
    fn inflate(bencher: Bencher<'_, '_>) {
        let made = made();
        let bencher = bencher.counter(BytesCount::of_slice(&made.text));
        bencher.bench(|| {
            let mut inflater = Inflater::default();
            let mut written = 0;
            for slice in made.zipped.chunks(4 << 20) {
                inflater.feed(slice, &mut |piece| written += piece.len());
            }
            assert_eq!(written, made.text.len());
        });
    }

    #[divan::bench]
    fn scan(bencher: Bencher<'_, '_>) {
        let made = made();
        let bencher = bencher.counter(BytesCount::of_slice(&made.text));
        bencher.bench(|| {
            let mut count = Count::default();
            let mut scanner = Scanner::new(dialect::WANTED_ARGS);
            for piece in made.text.chunks(PIECE) {
                scanner.feed(piece, &mut count);
            }
            scanner.finish(&mut count).expect("a trace");
            black_box(count.events)
        });
    }

    #[divan::bench]
    fn scan_and_build(bencher: Bencher<'_, '_>) {
        let made = made();
        let bencher = bencher.counter(BytesCount::of_slice(&made.text));
        bencher.bench(built);
    }

    #[divan::bench]
    fn finish(bencher: Bencher<'_, '_>) {
        let bencher = bencher.counter(BytesCount::of_slice(&made().text));
        bencher
            .with_inputs(built)
            .bench_values(|builder| builder.finish(false));
    }

    fn built() -> Builder {
        let mut builder = Builder::new(dialect::WANTED_ARGS);
        let mut scanner = Scanner::new(dialect::WANTED_ARGS);
        for piece in made().text.chunks(PIECE) {
            scanner.feed(piece, &mut builder);
        }
        scanner.finish(&mut builder).expect("a trace");
        builder
    }
}

#[divan::bench_group(sample_count = 20, sample_size = 1)]
mod understand {
    use super::*;

    fn opened() -> &'static Opened {
        &made().opened
    }

    fn devices() -> &'static [device_time::DeviceWork] {
        static DEVICES: OnceLock<Vec<device_time::DeviceWork>> = OnceLock::new();
        DEVICES.get_or_init(|| device_time::device_work(&opened().index, &opened().vocabulary))
    }

    fn waiting() -> &'static [gaps::requests::Waiting] {
        static WAITING: OnceLock<Vec<gaps::requests::Waiting>> = OnceLock::new();
        WAITING.get_or_init(|| gaps::requests::waiting(&opened().index, &opened().vocabulary))
    }

    fn host() -> gaps::Host<'static> {
        let o = opened();
        let report = &o.report;
        gaps::Host::of(
            &o.index,
            &o.vocabulary,
            (&report.steps, false),
            (
                &report.recompiles,
                Compiles::of(&o.index, &o.vocabulary, &report.recompiles),
            ),
            devices(),
            None,
            waiting(),
        )
    }

    #[divan::bench]
    fn recognise() -> dialect::Vocabulary {
        dialect::recognise(&opened().index, NAME)
    }

    #[divan::bench]
    fn recompiles() -> Vec<analyze::report::Recompile> {
        compiles::recompiles(&opened().index, &opened().vocabulary)
    }

    #[divan::bench]
    fn steps() -> Vec<analyze::report::Step> {
        let o = opened();
        let compiles = Compiles::of(&o.index, &o.vocabulary, &o.report.recompiles);
        let runs = steps::MatchedRuns::of(&o.index, &o.vocabulary);
        steps::steps(
            &o.index,
            &o.vocabulary,
            &o.report.recompiles,
            &compiles,
            runs.as_ref(),
        )
    }

    #[divan::bench]
    fn step_groups() -> usize {
        let o = opened();
        steps::step_groups(&o.index, &o.report.steps, o.report.step_time.as_ref()).len()
    }

    #[divan::bench]
    fn bucket_coverage() -> bool {
        let o = opened();
        let warmups = coverage::WarmUps::of(&o.index, &o.vocabulary, &o.report.steps);
        coverage::coverage(&o.report.steps, &warmups).is_some()
    }

    #[divan::bench]
    fn host_activity(bencher: Bencher<'_, '_>) {
        devices();
        bencher.bench(host);
    }

    #[divan::bench]
    fn budget(bencher: Bencher<'_, '_>) {
        let host = host();
        bencher.bench_local(|| time_budget::budget(&host));
    }

    #[divan::bench]
    fn gaps(bencher: Bencher<'_, '_>) {
        let host = host();
        bencher.bench_local(|| gaps::gaps(&host));
    }

    #[divan::bench]
    fn step_idle(bencher: Bencher<'_, '_>) {
        let host = host();
        bencher.bench_local(|| gaps::step_idle(&host).len());
    }

    #[divan::bench]
    fn device_work() -> usize {
        device_time::device_work(&opened().index, &opened().vocabulary).len()
    }

    #[divan::bench]
    fn kernels() -> usize {
        work_by_name::kernels(&opened().index, &opened().vocabulary).len()
    }

    #[divan::bench]
    fn operators() -> usize {
        operators_by_name::operators(&opened().index, &opened().vocabulary).len()
    }

    #[divan::bench]
    fn python() -> usize {
        python::python(&opened().index, &opened().vocabulary).len()
    }

    #[divan::bench]
    fn findings(bencher: Bencher<'_, '_>) {
        let o = opened();
        let launches = o
            .index
            .slices
            .ids()
            .filter(|&id| o.vocabulary.role(id) == Role::Launch);
        let last_launch_ns = launches.map(|id| o.index.slices.end(id).as_ns()).max();
        let facts = || findings::Facts {
            step_idle: gaps::step_idle(&host()),
            last_launch_ns,
            waits: waiting().to_vec(),
            ..findings::Facts::of(&o.report, &o.vocabulary)
        };
        bencher
            .with_inputs(facts)
            .bench_local_values(|facts| findings::findings(&facts, analyze::Depth::Everything));
    }

    #[divan::bench]
    fn all_analyses() -> usize {
        let o = opened();
        let report = analyze::analyze(&o.index, &o.vocabulary, &file(), &Defects::default());
        report.findings.len()
    }
}

#[divan::bench_group(sample_count = 50, sample_size = 1)]
mod look {
    use super::*;

    const WIDTH_PX: u32 = 1200;

    #[divan::bench]
    fn scene() -> stepscope::view::timeline::Scene {
        made().opened.scene()
    }

    /// Every track with all its rows, at zooms from the whole trace on: more than a screen holds.
    #[divan::bench(args = [1, 10, 100, 1000])]
    fn timeline_frame(bencher: Bencher<'_, '_>, zoom: i64) {
        let opened = &made().opened;
        let scene = opened.scene();
        let all = scene.tracks().extent;
        let parts: Vec<TrackPart> = (0..scene.tracks().tracks.len())
            .map(|track| TrackPart {
                track: u32::try_from(track).expect("a few tracks"),
                first_depth: 0,
                n_depths: u16::MAX,
            })
            .collect();
        let middle = all.start + all.len_ns() / 2;
        let window = Span::new(middle, middle + all.len_ns() / zoom / 2);
        let window = if zoom == 1 { all } else { window };
        bencher
            .bench_local(|| scene.frame(&opened.index, &opened.vocabulary, window, WIDTH_PX, &parts, None));
    }

    #[divan::bench]
    fn overview() -> usize {
        made().opened.summary().findings.len()
    }
}

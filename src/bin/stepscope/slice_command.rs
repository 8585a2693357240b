//! `stepscope slice`: a smaller trace, for any viewer.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use stepscope::analyze::report::{Gap, GapKind};
use stepscope::base::{Span, show};
use stepscope::export::cut::Counts;
use stepscope::session::Opened;
use stepscope::view::CutRequest;

use super::output::{self, Inputs};
use super::progress::Progress;
use super::{Part, milliseconds, name_of, open_first};

#[derive(Args)]
pub struct SliceArgs {
    /// A trace, or a folder or archive that holds one; gzip and archives are seen by content. `-` is standard input.
    file: PathBuf,
    /// Write here, compressed unless the name ends in .json or --plain is given; `-` is standard output. A file is
    /// replaced once all is written, through links, and never if it is the trace.
    #[arg(long, short)]
    out: PathBuf,
    /// Of several traces in one file, one after the other, the one of this number, from 1, as the report gives it.
    #[arg(long, value_name = "N")]
    document: Option<NonZeroU32>,
    /// From here on, in milliseconds from the start of the trace, as the page's timeline shows them. Slices that
    /// overlap the stretch are kept whole.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    from: Option<i64>,
    /// Up to here, in milliseconds from the start of the trace.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    to: Option<i64>,
    /// The stretch of a step, by the number that the report gives it, or of several: 12, or 12..15 (both included).
    /// It has the host time of the step and all of its device work.
    #[arg(long, value_name = "N[..M]", value_parser = numbers, conflicts_with_all = ["from", "to", "compile", "gap"])]
    step: Option<RangeInclusive<u32>>,
    /// The stretch of the report's Nth graph compile, from 1.
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "to", "gap"])]
    compile: Option<usize>,
    /// The stretch of the Nth longest gap, from 1: of the device; where none is recorded, between steps, else between
    /// launches.
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "to"])]
    gap: Option<usize>,
    /// Widen the stretch on both sides. Around a gap or a compile it is a fifth of it, at least 1, unless given.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    margin: Option<i64>,
    /// Only tracks whose process or thread has this in its name, or this number (pid, tid, or pid/tid); may be given
    /// several times.
    #[arg(long, value_name = "TEXT")]
    tracks: Vec<String>,
    /// Only events of this category; may be given several times.
    #[arg(long, value_name = "CATEGORY")]
    keep_category: Vec<String>,
    /// No events of this category, `python_function` say; may be given several times.
    #[arg(long, value_name = "CATEGORY")]
    leave_out: Vec<String>,
    /// Without Stepscope's own tracks.
    #[arg(long)]
    no_own_tracks: bool,
    /// Not compressed.
    #[arg(long)]
    plain: bool,
}

/// Reads `12` or `12..15`.
fn numbers(text: &str) -> Result<RangeInclusive<u32>, String> {
    let number = |text: &str| {
        text.parse::<u32>()
            .map_err(|_| "expected a number, or two: 12..15".to_owned())
    };
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let range = number(first)?..=number(last)?;
    if range.is_empty() {
        return Err("the last step comes before the first".to_owned());
    }
    Ok(range)
}

pub fn slice(args: &SliceArgs) -> Result<ExitCode> {
    let mut inputs = Inputs::of([&args.file]);
    let said_on = (!output::is_stdout(&args.out)).then_some(None);
    inputs.refuse_any([Some(&*args.out)].into_iter().chain(said_on))?;
    let Some(first) = open_first(&args.file, args.document, &Part::default(), &mut inputs) else {
        return Ok(ExitCode::from(2));
    };
    let opened = &first.opened;
    let request = CutRequest {
        window: window(args, opened)?,
        tracks: tracks(args, opened)?,
        left_out: args.leave_out.clone(),
        own_tracks: !args.no_own_tracks,
        gzip: !args.plain && args.out.extension().is_none_or(|e| e != "json"),
    };
    let counts = output::write(Some(&args.out), &inputs, |out| {
        let label = format!("cutting {}", name_of(&args.file));
        let mut progress = Progress::new(&label, first.bytes());
        let mut show = |bytes, events| progress.show(bytes, events);
        first.cut(&request, &args.keep_category, out, &mut show)
    })?;
    output::say_of(&args.out, &said(&counts))?;
    let has_losses =
        output::complain_of_losses(&opened.report) || counts.unwritable + counts.members_left_out > 0;
    Ok(super::ended(first.has_failed, false, has_losses))
}

/// The stretch that is asked for, on the trace's own clock.
fn window(args: &SliceArgs, opened: &Opened) -> Result<Option<Span>> {
    let report = &opened.report;
    let start = report.start_ns.unwrap_or(0);
    let stretch = |start: i64, dur: i64| Span::new(start, start.saturating_add(dur));
    let around = |span: Span| (span, args.margin.unwrap_or((span.len_ns() / 5).max(1_000_000)));
    let (span, margin) = if let Some(steps) = &args.step {
        let wanted = report.steps.iter().filter(|s| steps.contains(&s.index));
        let spans: Vec<Span> = wanted.map(|s| s.extent()).collect();
        let (Some(first), Some(last)) = (
            spans.iter().map(|s| s.start).min(),
            spans.iter().map(|s| s.end).max(),
        ) else {
            bail!(
                "there is no such step: the trace has {}",
                show::counted(report.steps.len() as u64, "step")
            );
        };
        (Span::new(first, last), args.margin.unwrap_or(0))
    } else if let Some(n) = args.compile {
        let Some(compile) = n.checked_sub(1).and_then(|n| report.recompiles.get(n)) else {
            let n = show::counted(report.recompiles.len() as u64, "graph compile");
            bail!("there is no such compile: the trace has {n}");
        };
        around(stretch(compile.start_ns, compile.known_ns()))
    } else if let Some(n) = args.gap {
        let gaps = longest_gaps(opened);
        let Some(gap) = n.checked_sub(1).and_then(|n| gaps.get(n)) else {
            bail!("there is no such gap: {} are known by name", gaps.len());
        };
        around(stretch(gap.start_ns, gap.dur_ns))
    } else if args.from.is_some() || args.to.is_some() {
        let at = |ns: i64| start.saturating_add(ns);
        let from = at(args.from.unwrap_or(0));
        // Behind the last time, so that what is recorded then is in; never before the start.
        let last = report.end_ns.unwrap_or(start).max(from).saturating_add(1);
        (
            Span::new(from, args.to.map_or(last, at)),
            args.margin.unwrap_or(0),
        )
    } else {
        return Ok(None);
    };
    Ok(Some(Span::new(
        span.start.saturating_sub(margin),
        span.end.saturating_add(margin),
    )))
}

/// Of the kind that says most, longest first.
fn longest_gaps(opened: &Opened) -> Vec<&Gap> {
    for kind in [GapKind::Device, GapKind::Step, GapKind::Launch] {
        let here = opened.report.gaps.iter().filter(|gaps| gaps.kind == kind);
        let mut gaps: Vec<&Gap> = here.flat_map(|gaps| &gaps.longest).collect();
        if !gaps.is_empty() {
            gaps.sort_by_key(|gap| std::cmp::Reverse(gap.dur_ns));
            return gaps;
        }
    }
    Vec::new()
}

fn tracks(args: &SliceArgs, opened: &Opened) -> Result<Vec<u32>> {
    let mut tracks = Vec::new();
    for text in &args.tracks {
        let found = opened.tracks_like(text);
        if found.is_empty() {
            bail!("no process or thread of the trace is called {text}");
        }
        tracks.extend(found);
    }
    Ok(tracks)
}

/// What was written, in and out, and why the rest was not.
fn said(counts: &Counts) -> String {
    let kept = counts.events - counts.own_events;
    let mut said = format!(
        "{} of {} kept, {} of our own added; {} of {} of JSON, {} written",
        show::count(kept),
        show::counted(counts.events_of, "event"),
        show::count(counts.own_events),
        show::bytes(counts.text_bytes),
        show::bytes(counts.bytes_of),
        show::bytes(counts.bytes),
    );
    for (n, why) in [
        (counts.outside_window, "outside of the stretch"),
        (counts.of_other_categories, "of other categories"),
        (counts.of_other_tracks, "of other tracks"),
        (counts.arrow_ends, "ends of arrows whose other end is not kept"),
        (counts.ends_without_begin, "ends without a begin"),
        (counts.metadata_left_out, "metadata of what is not kept"),
        (
            counts.old_own_events,
            "of the tracks of an earlier cut-out, written anew",
        ),
        (counts.unwritable, "damaged beyond repair"),
        (
            counts.members_left_out,
            "damaged beyond repair beside the events, in what the file says of itself",
        ),
        (counts.repaired, "kept in a repaired form"),
    ] {
        if n > 0 {
            said.push_str(&format!("\n  {} {why}", show::count(n)));
        }
    }
    said
}

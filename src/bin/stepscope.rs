//! The command line: the same engine, without a browser.

#[path = "stepscope/compare_command.rs"]
mod compare_command;
#[path = "stepscope/guard.rs"]
mod guard;
#[path = "stepscope/handed_on.rs"]
mod handed_on;
#[path = "stepscope/output.rs"]
mod output;
#[path = "stepscope/parquet_files.rs"]
mod parquet_files;
#[path = "stepscope/record/mod.rs"]
mod record;
#[path = "stepscope/slice_command.rs"]
mod slice_command;

use std::io::Read;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use guard::{Measured, Rule};
use output::{Inputs, complain, complain_of_losses, deliver};
use stepscope::analyze::host::merged_stacks::{MAX_FRAMES, MAX_NODES};
use stepscope::analyze::report::{Basis, Profile, Report, SCHEMA, StackSource};
use stepscope::base::time::ns_from_micros_text;
use stepscope::base::{Severity, show};
use stepscope::export;
use stepscope::session::open::{Naming, Said};
use stepscope::synth::{self, Engine, Gzip, Options, Target};
use stepscope::table::{self, Answers, Filled};
use stepscope_disk::given::{Given, named};
use stepscope_disk::open_from_disk::{self, OpenedAll, OpenedOne};
use stepscope_disk::{Asked, CHUNK, KernelRules, Part, fresh, jobs, name_of, open_file, progress};

/// Reads the profile of an LLM-inference server and says where a step's time goes.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say where the time goes: findings, steps by bucket, gaps, graph compiles, device time.
    ///
    /// Ends with 0; 2 if a file could not be read. What was lost in reading a trace stands in the report.
    Report(ReportArgs),
    /// Record a profile on a running server (vLLM, SGLang), wait for its traces, and report them.
    ///
    /// Starts the server's profiler, records for a while or while it sends requests, stops the profiler, and reports
    /// the traces that are new in --dir, or compares them. Ends as `report` or `compare` does; 2 if there is no trace.
    Record(Box<record::RecordArgs>),
    /// Say what the files are and what is wrong with them.
    ///
    /// Names every file that could not be read or is no trace, where other commands name the first ones. Ends with 0
    /// if nothing is lost, 1 if a file has defects that lose something, 2 if a file could not be read or a name in a
    /// rule is unknown, 3 if a rule is broken.
    Check {
        /// Traces, folders and archives of workers; gzip and archives are seen by content. `-` is standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// End with 3 if this holds of any trace: `recompiles.serving > 0`, several joined by `and`. Names are
        /// `PHASE.STATISTIC` (`decode.p99`, in ns; `ms` may follow the number), `TABLE[ROW].COLUMN`, `TABLE.rows`.
        #[arg(long, value_name = "RULE", value_parser = Rule::parse)]
        fail_if: Vec<Rule>,
    },
    /// Say what differs between two traces, and why.
    ///
    /// Ends with 0; 1 if something was lost in reading; 2 if a file could not be read or a name in a rule is unknown; 3
    /// if a rule is broken.
    Compare(compare_command::CompareArgs),
    /// Write a smaller trace: a stretch of time, some tracks or categories, for any viewer.
    ///
    /// Events are kept as they are, with the metadata they need; tracks of Stepscope's own are added: steps, gaps with
    /// their causes, graph compiles, findings. Ends with 0, 1 if something was lost in reading, 2 if a file could not
    /// be read.
    Slice(slice_command::SliceArgs),
    /// Write call stacks folded, a line each, for flame graph programs: frames between semicolons, self time in ns.
    ///
    /// Ends with 0, 1 if something was lost in reading, 2 if a file could not be read.
    Stacks(StacksArgs),
    /// Write a script that completes this program's arguments in a shell.
    Completions { shell: clap_complete::Shell },
    /// Write the manual page, in roff.
    Man,
    /// Write an invented trace in the shape of vLLM's on Intel Gaudi, for tests and benchmarks.
    Synth(SynthArgs),
}

#[derive(Args)]
struct ReportArgs {
    /// Traces, and metrics files or torch's operator tables that stand beside them; folders of workers (*_ascend_pt,
    /// *_ascend_ms), zip and tar archives of them, tables alone. gzip and archives are seen by content. `-` is standard
    /// input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    how: ReportHow,
}

/// What of a report is written, and where.
#[derive(Args, Default)]
struct ReportHow {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Leave out names of files, hosts, paths, models and modules; the report says what is left in.
    #[arg(long)]
    strip: bool,
    /// Write here in place of standard output. A file is replaced once all is written, through links, and never if it
    /// is read here.
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Also write every table that the trace fills as CSV into this folder.
    #[arg(long, value_name = "FOLDER")]
    csv: Option<PathBuf>,
    /// Also write every table as Parquet into this folder, for DuckDB, Polars, Spark: TABLE/run=RUN/rank=RANK/FILE.
    #[arg(long, value_name = "FOLDER")]
    parquet: Option<PathBuf>,
    /// Read so many traces at once, each of which takes memory; by default one for each core, and 4 at most.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    part: PartArgs,
}

#[derive(Args)]
struct StacksArgs {
    /// A trace, or a folder or archive that holds one; gzip and archives are seen by content. `-` is standard input.
    file: PathBuf,
    /// Whose stacks; python frames where the trace has them, else operators.
    #[arg(long, value_enum)]
    source: Option<Source>,
    /// Of several traces in one file, one after the other, the one of this number, from 1, as the report gives it.
    #[arg(long, value_name = "N")]
    document: Option<NonZeroU32>,
    /// Write here in place of standard output. A file is replaced once all is written, through links, and never if it
    /// is read here.
    #[arg(long, short)]
    output: Option<PathBuf>,
    #[command(flatten)]
    part: PartArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Source {
    /// Python frames, and the operators that they call.
    Python,
    /// Operators and annotations.
    Operators,
    /// Modules of the model.
    Modules,
}

/// What of each trace is loaded.
#[derive(Args, Default)]
struct PartArgs {
    /// Leave out the events of a category, `python_function` say; may be given several times.
    #[arg(long, value_name = "CATEGORY")]
    leave_out: Vec<String>,
    /// Load from here on, in milliseconds from the start of the trace, as the page's timeline shows them. Slices
    /// that overlap the stretch are kept whole.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    from: Option<i64>,
    /// Load up to here, in milliseconds from the start of the trace.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    to: Option<i64>,
    /// Tell kernels apart by the rules in this file, one a line: `communication: nccl`, `copy: ^memcpy`. Kinds:
    /// compute, communication, copy, set. The first that fits decides; `^` stands for the start of the name.
    #[arg(long, value_name = "FILE")]
    kernel_rules: Option<PathBuf>,
    /// Take this time of a step for its step time; by default the trace decides, and the report says why.
    #[arg(long, value_enum, value_name = "TIME")]
    step_time: Option<StepTimeName>,
}

#[derive(Clone, Copy, ValueEnum)]
enum StepTimeName {
    /// From a step's start to the start of the next step.
    Interval,
    /// The engine step on the host.
    Host,
    /// The marker of the step alone.
    Call,
    /// First start to last end of its device work.
    Device,
}

impl StepTimeName {
    fn basis(self) -> Basis {
        match self {
            StepTimeName::Interval => Basis::Interval,
            StepTimeName::Host => Basis::Host,
            StepTimeName::Call => Basis::Call,
            StepTimeName::Device => Basis::Device,
        }
    }
}

impl PartArgs {
    /// Standard input is read once.
    fn refuse_shared_stdin<'a>(&self, files: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
        let is_stdin = |path: &PathBuf| named(path) == Path::new("/dev/stdin");
        if self.kernel_rules.as_ref().is_some_and(is_stdin) && files.into_iter().any(is_stdin) {
            bail!("--kernel-rules -: standard input is the trace already; put the rules into a file");
        }
        Ok(())
    }

    /// With the text of the rules: a pipe can be read only once.
    fn part(&self) -> Part {
        let rules = |rules: &PathBuf| {
            let text = read_rules(&named(rules)).with_context(|| format!("reading {}", rules.display()));
            KernelRules {
                name: rules.display().to_string(),
                text: text.map_err(|why| format!("{why:#}")),
            }
        };
        Part {
            leave_out: self.leave_out.clone(),
            from: self.from,
            to: self.to,
            kernel_rules: self.kernel_rules.as_ref().map(rules),
            step_time: self.step_time.map(StepTimeName::basis),
        }
    }
}

fn say(said: &Said) {
    complain(&format!("stepscope: {}: {}", said.about, said.says));
}

/// Opens all of it, so many at once; what is read is added to the inputs.
fn open_all(
    paths: &[PathBuf],
    part: &Part,
    naming: Naming,
    inputs: &mut Inputs,
    jobs: NonZeroUsize,
) -> OpenedAll {
    let asked = Asked {
        part,
        naming,
        shows_progress: true,
    };
    let opened = open_from_disk::open_all(paths, asked, jobs, &mut say);
    inputs.add_read(&opened.was_read);
    opened
}

/// Opens one trace, for commands that work on one; what is read is added to the inputs.
fn open_first(
    path: &Path,
    document: Option<NonZeroU32>,
    part: &Part,
    inputs: &mut Inputs,
) -> Option<OpenedOne> {
    let asked = Asked {
        part,
        naming: Naming::Some,
        shows_progress: true,
    };
    let first = open_from_disk::open_first(path, Given::of(path), document, asked, false, &mut say)?;
    inputs.add_read(&first.was_read);
    Some(first)
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// For programs: all numbers, times in whole nanoseconds.
    Json,
    /// For a pull request.
    Markdown,
    /// To hand on: one page with pictures and all tables, that loads and runs nothing.
    Html,
}

#[derive(Args)]
struct SynthArgs {
    /// Write here; `-` is standard output. A file is replaced once all is written, through links.
    #[arg(long, short)]
    out: PathBuf,
    /// Bytes of JSON, before compression: 200MB, 2GB (powers of 1000).
    #[arg(long, value_parser = size, conflicts_with = "steps")]
    size: Option<u64>,
    /// Iterations of the engine while serving.
    #[arg(long)]
    steps: Option<u32>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Compress; also if the name ends in .gz.
    #[arg(long)]
    gz: bool,
    #[arg(long, value_enum, default_value_t = EngineName::V1)]
    engine: EngineName,
    /// Leave warm-up out.
    #[arg(long)]
    no_warmup: bool,
    /// Graphs compiled while serving.
    #[arg(long, default_value_t = 4)]
    compiles: u32,
    /// Buckets that are served and were not warmed up.
    #[arg(long, default_value_t = 2)]
    unwarmed: u32,
    /// Without compile blocks, and without the synchronisation that recording them brings.
    #[arg(long)]
    no_tracking: bool,
    /// Without device lanes.
    #[arg(long)]
    no_device: bool,
    /// Without python frames.
    #[arg(long)]
    no_python: bool,
    /// With arrows from launches to device work.
    #[arg(long)]
    flows: bool,
    /// Kernel groups in a forward pass.
    #[arg(long)]
    layers: Option<u32>,
    /// Only vLLM's own events, as in server_events_*.json.
    #[arg(long)]
    high_level: bool,
    /// Exactly the sample that the page offers.
    #[arg(long, conflicts_with_all = ["size", "steps"])]
    sample: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineName {
    V0,
    V1,
}

/// Reads `1500` or `0.25` as ns.
fn milliseconds(text: &str) -> Result<i64, String> {
    let expected = || "expected milliseconds, such as 1500 or 0.25".to_owned();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(expected());
    }
    // As microseconds, which are read to the nanosecond, however many digits there are.
    let (more, rest) = part.split_at(part.len().min(3));
    ns_from_micros_text(format!("{whole}{more:0<3}.{rest}").as_bytes())
        .filter(|_| !text.is_empty())
        .ok_or_else(expected)
}

/// Reads `200MB`, `2GB`, `500kB`, `1000`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        _ => return Err("expected bytes, kB, MB or GB".to_owned()),
    };
    let n: u64 = digits
        .trim()
        .parse()
        .map_err(|_| "expected a number, such as 200MB".to_owned())?;
    n.checked_mul(unit).ok_or_else(|| "too large".to_owned())
}

fn main() -> ExitCode {
    fresh::remove_on_signals();
    let outcome = match Cli::parse().command {
        Command::Report(args) => report(&args.files, &args.how, "report FILE..."),
        Command::Record(args) => record::record(&args),
        Command::Check { files, fail_if } => check(&files, &fail_if),
        Command::Compare(args) => compare_command::compare_files(&args),
        Command::Slice(args) => slice_command::slice(&args),
        Command::Stacks(args) => stacks(&args),
        Command::Completions { shell } => manual(|out| {
            clap_complete::generate(shell, &mut Cli::command(), "stepscope", out);
            Ok(())
        }),
        Command::Man => manual(|out| clap_mangen::Man::new(Cli::command()).render(out)),
        Command::Synth(args) => synthesise(&args),
    };
    outcome.unwrap_or_else(|error| {
        if output::is_closed_pipe(&error) {
            return output::end_of_closed_pipe();
        }
        complain(&format!("stepscope: {error:#}"));
        ExitCode::from(2)
    })
}

/// A longer file holds no rules for kernels.
const MAX_RULES_BYTES: u64 = 1 << 20;

fn read_rules(path: &Path) -> Result<String> {
    let mut text = String::new();
    open_file(path)?
        .take(MAX_RULES_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_RULES_BYTES {
        bail!("rules are at most {} long", show::bytes(MAX_RULES_BYTES));
    }
    Ok(text)
}

/// `command` is the command without names.
fn report(files: &[PathBuf], how: &ReportHow, command: &str) -> Result<ExitCode> {
    how.part.refuse_shared_stdin(files.iter())?;
    let mut inputs = Inputs::of(files.iter().chain(&how.part.kernel_rules));
    inputs.refuse_any([how.output.as_deref()])?;
    let jobs = how.jobs.unwrap_or_else(jobs::unasked);
    let OpenedAll {
        traces,
        mut runs,
        failed,
        workers,
        ranks,
        ..
    } = open_all(files, &how.part.part(), Naming::Some, &mut inputs, jobs);
    let mut report = Report {
        schema: SCHEMA.to_owned(),
        traces,
        workers,
        ranks,
    };
    if how.strip {
        report = export::strip::stripped(report).context("leaving out names")?;
        parquet_files::number(&mut runs);
    }
    if !report.traces.is_empty() {
        let text = match how.format {
            Format::Text => export::report_text(&report),
            Format::Json => export::report_json(&report),
            Format::Markdown => export::report_markdown(&report),
            Format::Html => export::report_html(&report, &handed_on::made(command, how.strip)),
        };
        let tables = match &how.csv {
            Some(folder) => tables(&report, folder)?,
            None => Vec::new(),
        };
        let parquet = match &how.parquet {
            Some(folder) => parquet_files::of_report(&report, &runs, folder)?,
            None => Vec::new(),
        };
        let of_tables = tables.iter().chain(&parquet).map(|(path, _)| Some(&**path));
        inputs.refuse_any([how.output.as_deref()].into_iter().chain(of_tables))?;
        deliver(&text, how.output.as_deref(), &inputs)?;
        for (path, table) in &parquet {
            output::write(Some(path), &inputs, |out| parquet_files::write(table, out))?;
        }
        for (path, table) in tables {
            deliver(&export::table_csv(&table), Some(&path), &inputs)?;
        }
    }
    Ok(ExitCode::from(if failed > 0 { 2 } else { 0 }))
}

/// `<trace>.steps.csv` and so on, a file for each table that the trace fills; numbered where several traces are
/// reported.
fn tables<'a>(report: &'a Report, folder: &Path) -> Result<Vec<(PathBuf, Filled<'a>)>> {
    output::make_folder(folder)?;
    let mut tables = Vec::new();
    for (n, trace) in (1..).zip(&report.traces) {
        let number = if report.traces.len() > 1 {
            format!("{n}.")
        } else {
            String::new()
        };
        for table in table::filled(&Answers::of_report(trace)) {
            tables.push((folder.join(table_name(&number, &trace.file, &table.key)), table));
        }
    }
    let of_workers = Answers {
        workers: report.workers.as_ref(),
        ranks: report.ranks.as_ref(),
        ..Answers::without_trace()
    };
    for table in table::filled(&of_workers) {
        tables.push((folder.join(format!("{}.csv", table.key)), table));
    }
    Ok(tables)
}

/// What most file systems take as a name.
const MAX_NAME_BYTES: usize = 255;

/// A name that is too long is cut, and told from others that begin alike by a checksum.
fn table_name(number: &str, file: &str, key: &str) -> String {
    // A worker's trace is called by folder and file.
    let file = show::plain(&file.replace('/', "."));
    let name = format!("{number}{file}.{key}.csv");
    if name.len() <= MAX_NAME_BYTES {
        return name;
    }
    let end = format!("~{:08x}.{key}.csv", crc32fast::hash(file.as_bytes()));
    let room = MAX_NAME_BYTES.saturating_sub(number.len() + end.len());
    format!("{number}{}{end}", &file[..file.floor_char_boundary(room)])
}

fn stacks(args: &StacksArgs) -> Result<ExitCode> {
    args.part.refuse_shared_stdin([&args.file])?;
    let mut inputs = Inputs::of([&args.file].into_iter().chain(&args.part.kernel_rules));
    inputs.refuse_any([args.output.as_deref()])?;
    let part = args.part.part();
    let Some(first) = open_first(&args.file, args.document, &part, &mut inputs) else {
        return Ok(ExitCode::from(2));
    };
    let has_failed = first.has_failed;
    let has_losses = complain_of_losses(&first.opened.report);
    let opened = part.classified(first.opened)?;
    let source = match args.source {
        Some(Source::Python) => StackSource::Python,
        Some(Source::Operators) => StackSource::Operators,
        Some(Source::Modules) => StackSource::Modules,
        None if opened.report.python.is_empty() => StackSource::Operators,
        None => StackSource::Python,
    };
    let (text, n_folded) = opened.folded(source, None, None);
    if text.is_empty() {
        bail!("{}: this trace records no such stacks", args.file.display());
    }
    if n_folded > 0 {
        complain(&format!(
            "stepscope: {}: {} in no stack of their own: there are more than {} stacks, or one is deeper than {} frames. \
             Their time is in the frame around them, or in (further_stacks)",
            args.file.display(),
            match n_folded {
                1 => "1 call is".to_owned(),
                n => format!("{} calls are", show::count(n)),
            },
            show::count(MAX_NODES as u64),
            show::count(MAX_FRAMES as u64)
        ));
    }
    deliver(&text, args.output.as_deref(), &inputs)?;
    Ok(ended(has_failed, false, has_losses))
}

/// How a command ends, worst first: a file could not be read, a rule is broken, something was lost in reading.
fn ended(has_failed: bool, is_broken: bool, has_losses: bool) -> ExitCode {
    ExitCode::from(match (has_failed, is_broken, has_losses) {
        (true, ..) => 2,
        (_, true, _) => 3,
        (.., true) => 1,
        _ => 0,
    })
}

fn check(files: &[PathBuf], fail_if: &[Rule]) -> Result<ExitCode> {
    let mut inputs = Inputs::of(files);
    inputs.refuse_any([None])?;
    let (part, jobs) = (Part::default(), jobs::unasked());
    let OpenedAll { traces, failed, .. } = open_all(files, &part, Naming::All, &mut inputs, jobs);
    let texts: Vec<String> = traces.iter().map(export::checked_text).collect();
    deliver(&texts.join("\n"), None, &inputs)?;
    let mut is_broken = false;
    for trace in &traces {
        let measured = Measured {
            profile: &Profile::of(trace),
            report: Some(trace),
        };
        for rule in fail_if {
            if let Some(says) = rule.value_breaks(&measured)? {
                is_broken = true;
                complain(&format!("stepscope: {}: {says}", trace.file));
            }
        }
    }
    let lossy = traces
        .iter()
        .flat_map(|t| &t.defects)
        .any(|d| d.severity >= Severity::Loss);
    Ok(ended(failed > 0, is_broken, lossy))
}

/// Prints what is made of the program's own arguments.
fn manual(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Result<ExitCode> {
    let mut text = Vec::new();
    write(&mut text)?;
    deliver(&String::from_utf8(text)?, None, &Inputs::default())?;
    Ok(ExitCode::SUCCESS)
}

fn synthesise(args: &SynthArgs) -> Result<ExitCode> {
    let target = match (args.size, args.steps) {
        (Some(bytes), _) => Target::Bytes(bytes),
        (None, Some(steps)) => Target::Steps(steps),
        (None, None) => Target::Bytes(20_000_000),
    };
    let wide = if args.sample {
        Options::sample()
    } else {
        Options::wide(target)
    };
    let options = Options {
        seed: args.seed,
        engine: match args.engine {
            EngineName::V0 => Engine::V0,
            EngineName::V1 => Engine::V1,
        },
        warmup: !args.no_warmup,
        serving_compiles: args.compiles,
        unwarmed_buckets: args.unwarmed,
        compile_tracking: !args.no_tracking,
        with_device: !args.no_device,
        with_python: !args.no_python,
        with_flows: args.flows,
        layers: args.layers.unwrap_or(wide.layers),
        high_level_only: args.high_level,
        ..wide
    };
    let said_on = (!output::is_stdout(&args.out)).then_some(None);
    Inputs::default().refuse_any([Some(&*args.out)].into_iter().chain(said_on))?;
    let gz = args.gz || args.out.extension().is_some_and(|e| e == "gz");
    let written = output::write(Some(&args.out), &Inputs::default(), |mut out| {
        if !gz {
            return Ok(synth::write(&options, &mut out)?);
        }
        let mut gzip = Gzip::new(out, 1)?;
        let written = synth::write(&options, &mut gzip)?;
        gzip.finish()?;
        Ok(written)
    })?;
    let facts = &written.facts;
    let serving = facts.compiles.iter().filter(|c| !c.warmup);
    let said = format!(
        "{} of JSON, {}; while serving {}, {}, {} costing {}, {} not warmed up",
        show::bytes(written.bytes),
        show::counted(written.events, "event"),
        show::counted(facts.serving_prefill, "prefill"),
        show::counted(facts.serving_decode, "decode step"),
        show::counted(serving.clone().count() as u64, "compile"),
        show::duration(serving.map(|c| c.dur_ns).sum()),
        show::counted(facts.served_not_warmed.len() as u64, "bucket"),
    );
    output::say_of(&args.out, &said)?;
    Ok(ExitCode::SUCCESS)
}

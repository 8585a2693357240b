//! `stepscope compare`: two traces, or a trace and a baseline.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use stepscope::analyze::compare;
use stepscope::analyze::report::{BASELINE_SCHEMA, Profile, TraceReport};
use stepscope::base::show;
use stepscope::dialect::csv_rows::without_byte_order_mark;
use stepscope::export;
use stepscope::session::Inflater;
use stepscope::session::open::Naming;
use stepscope::table::{self, Answers};

use super::guard::{Measured, Rule};
use super::handed_on::made;
use super::jobs;
use super::output::{Inputs, complain, complain_of_losses, deliver, make_folder};
use super::{Format, Part, PartArgs, ended, open_all, table_name};

#[derive(Args)]
pub struct CompareArgs {
    /// The trace before: a file, folder or archive as for `report`, or a baseline.
    a: PathBuf,
    /// The trace after.
    b: PathBuf,
    #[command(flatten)]
    how: CompareHow,
}

/// What of a comparison is written, and where.
#[derive(Args)]
pub struct CompareHow {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Leave out names of files, hosts, paths, models and modules; the report says what is left in.
    #[arg(long)]
    strip: bool,
    /// Write here in place of standard output. A file is replaced once all is written, through links, and never if it
    /// is read here.
    #[arg(long, short)]
    pub output: Option<PathBuf>,
    /// Also write every table of the comparison as CSV into this folder.
    #[arg(long, value_name = "FOLDER")]
    csv: Option<PathBuf>,
    /// End with 3 if this holds: `decode.p50 > 1.05`, several joined by `and`. Names mean B over A.
    #[arg(long, value_name = "RULE", value_parser = Rule::parse)]
    fail_if: Vec<Rule>,
    /// Keep what comparing needs of B in this file, small, to be given as A later.
    #[arg(long, value_name = "FILE")]
    save_baseline: Option<PathBuf>,
    #[command(flatten)]
    part: PartArgs,
}

/// What all versions of [`BASELINE_SCHEMA`] start with.
const BASELINE_NAME: &str = "stepscope.baseline/";

/// One side: a trace, or what was kept of one.
struct Side {
    profile: Profile,
    /// `None` of a baseline.
    report: Option<TraceReport>,
    has_failed: bool,
}

impl Side {
    fn measured(&self) -> Measured<'_> {
        Measured {
            profile: &self.profile,
            report: self.report.as_ref(),
        }
    }

    /// Says what was lost in reading it; of a baseline that is not known.
    fn has_losses(&self) -> bool {
        self.report.as_ref().is_some_and(complain_of_losses)
    }
}

/// What a baseline says that it is, in its first member.
fn baseline_schema(head: &str) -> Option<&str> {
    let rest = head
        .trim_start_matches('\u{feff}')
        .trim_start()
        .strip_prefix('{')?
        .trim_start();
    let value = rest.strip_prefix("\"schema\"")?.trim_start().strip_prefix(':')?;
    let (schema, _) = value.trim_start().strip_prefix('"')?.split_once('"')?;
    schema.starts_with(BASELINE_NAME).then_some(schema)
}

/// The bytes of a file, inflated if it is compressed, and whether all of them are whole.
fn inflated(raw: &[u8]) -> (Vec<u8>, bool) {
    let (mut inflater, mut text) = (Inflater::default(), Vec::new());
    inflater.feed(raw, &mut |piece| text.extend_from_slice(piece));
    let inflated = inflater.finish().0;
    let is_whole = inflated.damage.is_none() && inflated.defects.is_empty();
    (text, is_whole)
}

/// What is kept of a trace; `None`: the file is something else.
fn baseline(path: &Path) -> Result<Option<Profile>> {
    // A pipe can be read only once, and no baseline is expected from one.
    if !std::fs::metadata(path).is_ok_and(|m| m.is_file()) {
        return Ok(None);
    }
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(4096).read_to_end(&mut start)?;
    let head = inflated(&start).0;
    match baseline_schema(&String::from_utf8_lossy(&head)) {
        None => return Ok(None),
        Some(schema) if schema != BASELINE_SCHEMA => bail!(
            "{}: a baseline of another version of Stepscope ({schema}); this one reads {BASELINE_SCHEMA}: save it again \
             with --save-baseline",
            path.display()
        ),
        Some(_) => {}
    }
    let (text, is_whole) = inflated(&std::fs::read(path)?);
    if !is_whole {
        bail!(
            "{}: this baseline is compressed, and damaged or cut",
            path.display()
        );
    }
    let profile = serde_json::from_slice(without_byte_order_mark(&text))
        .with_context(|| format!("{} is no whole baseline", path.display()))?;
    Ok(Some(profile))
}

/// The first trace of these files, or a baseline.
fn side(paths: &[PathBuf], part: &Part, inputs: &mut Inputs) -> Result<Side> {
    if let [path] = paths
        && let Some(profile) = baseline(path)?
    {
        inputs.add(path);
        return Ok(Side {
            profile,
            report: None,
            has_failed: false,
        });
    }
    let mut opened = open_all(paths, part, Naming::Some, inputs, jobs::unasked());
    let named: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let named = show::listed(&named, 3);
    if opened.traces.is_empty() {
        bail!("{named}: no trace in it could be read");
    }
    let report = opened.traces.remove(0);
    if !opened.traces.is_empty() {
        let others: Vec<&str> = opened.traces.iter().map(|t| t.file.as_str()).collect();
        complain(&format!(
            "stepscope: {named}: {} is compared; left out: {}",
            report.file,
            others.join(", ")
        ));
    }
    Ok(Side {
        profile: Profile::of(&report),
        report: Some(report),
        has_failed: opened.failed > 0,
    })
}

pub fn compare_files(args: &CompareArgs) -> Result<ExitCode> {
    let b = std::slice::from_ref(&args.b);
    compare(&args.a, b, &args.how, "compare A B")
}

/// Of several traces in `b` the first is compared; `command` is the command without names.
pub fn compare(a: &PathBuf, b: &[PathBuf], how: &CompareHow, command: &str) -> Result<ExitCode> {
    let files = || std::iter::once(a).chain(b);
    let mut inputs = Inputs::of(files().chain(&how.part.kernel_rules));
    how.part.refuse_shared_stdin(files())?;
    let outputs = || {
        [how.output.as_deref()]
            .into_iter()
            .chain(how.save_baseline.as_deref().map(Some))
    };
    inputs.refuse_any(outputs())?;
    let part = how.part.part();
    let a = side(std::slice::from_ref(a), &part, &mut inputs)?;
    let b = side(b, &part, &mut inputs)?;
    let mut found = compare::compare(&a.profile, &b.profile);
    if how.strip {
        found = export::strip::stripped_comparison(found).context("leaving out names")?;
    }
    let text = match how.format {
        Format::Text => export::comparison_text(&found),
        Format::Json => export::comparison_json(&found),
        Format::Markdown => export::comparison_markdown(&found),
        Format::Html => export::comparison_html(&found, &made(command, how.strip)),
    };
    // Rules are read before anything is written: an unknown name is a mistake of the caller.
    let mut broken = Vec::new();
    for rule in &how.fail_if {
        broken.extend(rule.ratio_breaks(&a.measured(), &b.measured())?);
    }
    let answers = Answers {
        comparison: Some(&found),
        ..Answers::without_trace()
    };
    let tables = match &how.csv {
        Some(folder) => {
            make_folder(folder)?;
            let filled = table::filled(&answers).into_iter();
            let name = |key: &str| folder.join(table_name("", &found.b.file, key));
            filled.map(|table| (name(&table.key), table)).collect()
        }
        None => Vec::new(),
    };
    let of_tables = tables.iter().map(|(path, _): &(PathBuf, _)| Some(&**path));
    inputs.refuse_any(outputs().chain(of_tables))?;
    deliver(&text, how.output.as_deref(), &inputs)?;
    for (path, table) in &tables {
        deliver(&export::table_csv(table), Some(path), &inputs)?;
    }
    if let Some(path) = &how.save_baseline {
        let text = serde_json::to_string(&b.profile)? + "\n";
        deliver(&text, Some(path), &inputs)?;
    }
    for says in &broken {
        complain(&format!("stepscope: {says}"));
    }
    // Both say what was lost.
    let lossy = a.has_losses() | b.has_losses();
    Ok(ended(a.has_failed || b.has_failed, !broken.is_empty(), lossy))
}

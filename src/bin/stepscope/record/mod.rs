//! `stepscope record`: from a running server to the answer. Starts the server's profiler, waits, stops it, and reports
//! the traces that it has written.

#![expect(
    clippy::disallowed_types,
    reason = "native: it waits for a server and for files"
)]

mod files;
mod interrupts;
mod recording;
mod server;

use std::io::{IsTerminal, Write};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};

use stepscope::base::show;

use super::compare_command::{self, CompareHow};
use super::output::{Inputs, complain};
use super::{ReportHow, report};
use files::{Folder, Sum};
use recording::recorded;
use server::{Kind, Server, header};

/// Between two lines that say how far it is.
const TELL_EVERY: Duration = Duration::from_secs(10);

#[derive(Args)]
#[command(subcommand_value_name = "THEN", subcommand_help_heading = "Then")]
pub struct RecordArgs {
    /// The server's address: http://localhost:8000.
    url: String,
    /// Record for this long: 5s, 500ms, 2m. With --requests, at most this long. Without both, until Enter is pressed.
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    duration: Option<Duration>,
    /// Send this many requests while recording, and stop when all are answered.
    #[arg(long, value_name = "N")]
    requests: Option<NonZeroU32>,
    /// What the requests ask.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "Tell a long story.",
        requires = "requests"
    )]
    prompt: String,
    /// Tokens that each request generates.
    #[arg(long, value_name = "N", default_value_t = 64, requires = "requests")]
    max_tokens: u32,
    /// Requests at the same time.
    #[arg(long, value_name = "N", default_value = "8", requires = "requests")]
    concurrency: NonZeroU32,
    /// The model that is asked; by default the first one that the server names.
    #[arg(long, value_name = "NAME", requires = "requests")]
    model: Option<String>,
    /// The folder into which the server writes traces, as this machine sees it. By default the environment variable
    /// VLLM_TORCH_PROFILER_DIR or SGLANG_TORCH_PROFILER_DIR names it.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// The same folder as the server sees it, where that differs (a container): an SGLang server is told to write
    /// there.
    #[arg(long, value_name = "FOLDER")]
    server_dir: Option<PathBuf>,
    /// Wait at most this long for the server to stop the profile and to write its traces.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "20m")]
    wait: Duration,
    /// Traces are complete when they are whole and none has appeared or changed for this long.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "2s")]
    settle: Duration,
    /// Send this header with each request: 'Authorization: Bearer KEY'; may be given several times.
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// Send `Authorization: Bearer` with the key in this environment variable, VLLM_API_KEY say.
    #[arg(long, value_name = "NAME")]
    api_key_env: Option<String>,
    #[command(subcommand)]
    then: Option<Then>,
}

#[derive(Subcommand)]
enum Then {
    /// Report the new traces (this is also done if nothing is given).
    Report(ReportHow),
    /// Compare the new trace with one before.
    Compare {
        /// The trace before: a file, folder or archive as for `report`, or a baseline.
        #[arg(long, value_name = "BASELINE")]
        with: PathBuf,
        #[command(flatten)]
        how: CompareHow,
    },
}

/// Reads `5s`, `500ms`, `2m`, `1h`.
fn time(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time above 0, such as 5s, 500ms or 2m".to_owned();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let n: u64 = digits.parse().map_err(|_| expected())?;
    let per_unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(expected()),
    };
    let ms = n.checked_mul(per_unit).filter(|&ms| ms > 0 && ms < 1 << 40);
    ms.map(Duration::from_millis).ok_or_else(expected)
}

fn say(says: &str) {
    complain(&format!("stepscope: {says}"));
}

fn words(time: Duration) -> String {
    show::duration(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

/// Counts the time for which traces are waited for, and says now and then how far they are.
struct Clock {
    started: Instant,
    limit: Duration,
    told: Instant,
    last: Sum,
}

impl Clock {
    fn new(limit: Duration) -> Clock {
        let now = Instant::now();
        Clock {
            started: now,
            limit,
            told: now,
            last: Sum::default(),
        }
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }

    fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    fn tell(&mut self, sum: Sum) {
        if sum.files != self.last.files || self.told.elapsed() >= TELL_EVERY {
            say(&format!(
                "waiting for traces: {}, {}",
                words(self.started.elapsed()),
                sum.words()
            ));
            (self.told, self.last) = (Instant::now(), sum);
        }
    }
}

pub fn record(args: &RecordArgs) -> Result<ExitCode> {
    refuse_early(args)?;
    let server = Server::find(&args.url, headers(args)?)?;
    let model = match args.requests {
        Some(_) => Some(
            args.model
                .clone()
                .or_else(|| server.model.clone())
                .ok_or_else(|| {
                    anyhow!(
                        "{}: the server names no model in /v1/models: give --model",
                        server.url
                    )
                })?,
        ),
        None => None,
    };
    let dir = folder(args, server.kind)?;
    let folder = Folder::look(&dir);
    let traces = recorded(args, &server, model, &folder)?;
    let named: Vec<String> = traces.iter().map(|path| path.display().to_string()).collect();
    say(&format!("new: {}", show::listed(&named, 8)));
    match &args.then {
        None => report(&traces, &ReportHow::default(), COMMAND),
        Some(Then::Report(how)) => report(&traces, how, COMMAND),
        Some(Then::Compare { with, how }) => compare_command::compare(with, &traces, how, COMMAND),
    }
}

const COMMAND: &str = "record URL";

/// What is wrong with the arguments, before a server records for nothing.
fn refuse_early(args: &RecordArgs) -> Result<()> {
    if args.duration.is_none() && args.requests.is_none() && !std::io::stdin().is_terminal() {
        bail!("say how long to record: --for 5s, or --requests N (there is no terminal to press Enter on)");
    }
    let output = match &args.then {
        None => None,
        Some(Then::Report(how)) => how.output.as_deref(),
        Some(Then::Compare { with, how }) => {
            std::fs::metadata(with).with_context(|| with.display().to_string())?;
            how.output.as_deref()
        }
    };
    Inputs::default().refuse_any([output])
}

fn headers(args: &RecordArgs) -> Result<Vec<(String, String)>> {
    let mut headers = args.header.clone();
    if let Some(name) = &args.api_key_env {
        let key = std::env::var(name).ok().filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| anyhow!("--api-key-env {name}: this environment variable is not set"))?;
        let authorization = header(&format!("Authorization: Bearer {key}"));
        headers.push(authorization.map_err(|why| anyhow!("--api-key-env {name}: {why}"))?);
    }
    Ok(headers)
}

/// Where traces will be, whole from the root: an SGLang server is told it.
fn folder(args: &RecordArgs, kind: Kind) -> Result<PathBuf> {
    let named = |name: &&str| std::env::var_os(name).filter(|value| !value.is_empty());
    let of_environment = || kind.folder_variables().iter().find_map(named).map(PathBuf::from);
    let dir = match args.dir.clone().or_else(of_environment) {
        Some(dir) => dir,
        None => asked_folder(kind)?,
    };
    if dir.is_file() {
        bail!(
            "{}: this is a file; give the folder into which the server writes traces",
            dir.display()
        );
    }
    std::path::absolute(&dir).with_context(|| dir.display().to_string())
}

fn asked_folder(kind: Kind) -> Result<PathBuf> {
    let missing = || {
        anyhow!(
            "give in --dir the folder into which {} writes traces ({} names none)",
            kind.name(),
            kind.folder_variables().join(" or ")
        )
    };
    if !std::io::stdin().is_terminal() {
        return Err(missing());
    }
    let mut err = std::io::stderr();
    drop(write!(err, "Folder into which the server writes traces: ").and_then(|()| err.flush()));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    match line.trim() {
        "" => Err(missing()),
        dir => Ok(PathBuf::from(dir)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        for (text, ms) in [("5s", 5_000), ("500ms", 500), ("2m", 120_000), ("1h", 3_600_000)] {
            assert_eq!(time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "s", "0s", "-1s", "1.5s", "5 s", "9999999999999h"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}

//! Every table as Parquet, in folders that DuckDB, Polars and Spark take for columns (Hive partitions):
//! `steps/run=nightly/rank=3/rank3.pt.trace.json.gz.parquet`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustc_hash::{FxHashMap, FxHashSet};

use stepscope::analyze::ranks::extract::rank_of;
use stepscope::analyze::report::Report;
use stepscope::base::show;
use stepscope::table::{self, Answers, Filled};

use super::output;

/// As Hive writes the value that is null.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// What a partition's value is written with; everything else stands as `%2F`.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The tables of all traces and where each goes, a folder for each table; `runs` are those of the traces. What all
/// traces say together has a folder of its own table, without partitions.
pub fn of_report<'a>(
    report: &'a Report,
    runs: &[String],
    folder: &Path,
) -> Result<Vec<(PathBuf, Filled<'a>)>> {
    let mut made = Vec::new();
    let mut taken = FxHashSet::default();
    for (trace, run) in report.traces.iter().zip(runs) {
        let rank = rank_of(trace).map_or_else(|| NO_VALUE.to_owned(), |rank| rank.to_string());
        let partition = format!("run={}/rank={rank}", value(run));
        let file = show::plain(&trace.file.replace('/', "."));
        for table in table::filled(&Answers::of_report(trace)) {
            let folder = folder.join(&table.key).join(&partition);
            output::make_folder(&folder)?;
            let mut path = folder.join(format!("{file}.parquet"));
            // Two traces of one name, or of one file.
            for n in 2.. {
                if taken.insert(path.clone()) {
                    break;
                }
                path = folder.join(format!("{file}.{n}.parquet"));
            }
            made.push((path, table));
        }
    }
    let of_all = Answers {
        workers: report.workers.as_ref(),
        ranks: report.ranks.as_ref(),
        ..Answers::without_trace()
    };
    for table in table::filled(&of_all) {
        let folder = folder.join(&table.key);
        output::make_folder(&folder)?;
        made.push((folder.join("all.parquet"), table));
    }
    Ok(made)
}

/// Numbers, from 1, in place of the names of runs.
pub fn number(runs: &mut [String]) {
    let mut numbers: FxHashMap<String, usize> = FxHashMap::default();
    for run in runs {
        let next = numbers.len() + 1;
        *run = numbers.entry(std::mem::take(run)).or_insert(next).to_string();
    }
}

fn value(text: &str) -> String {
    match text {
        "" => NO_VALUE.to_owned(),
        text => utf8_percent_encode(text, PLAIN).to_string(),
    }
}

/// One table, whole.
pub fn write(table: &Filled<'_>, out: &mut dyn Write) -> Result<()> {
    let made = || format!("making the table {}", table.key);
    let batch = stepscope_columnar::record_batch(table).with_context(made)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    // The writer wants to be sent between threads, which standard output's lock is not.
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).with_context(made)?;
    writer.write(&batch).with_context(made)?;
    writer.close().with_context(made)?;
    out.write_all(&bytes)?;
    Ok(())
}

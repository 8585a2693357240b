//! An `.hltv` archive: which of its files is the trace, which are tables, and what of it is not read.
//!
//! Does no I/O: it is told paths and sizes, and whoever has bytes reads what it names.

use super::bundle::{Given, MAX_TABLE_BYTES, SharedTables};
use crate::analyze::WorkerTables;
use crate::dialect::gaudi::hltv::{self, Part};
use crate::dialect::tables_beside::{FileListed, TableRead, Tables};

/// Files of JSON that are looked at for a trace, where the host's is not there.
const MAX_LOOKED_AT: usize = 64;
/// Graphs that are read: a server compiles some hundreds.
const MAX_GRAPHS: usize = 5_000;

/// What is in an archive, as places in the list of its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hltv {
    parts: Vec<Part>,
}

/// `None`: it is no `.hltv`.
pub fn sort(given: &[Given]) -> Option<Hltv> {
    hltv::is_one(given.iter().map(|file| &*file.path)).then(|| Hltv {
        parts: given.iter().map(|file| Part::of(&file.path)).collect(),
    })
}

/// Whether a file of an archive is one that [`Hltv::read`] may ask for, and worth keeping while the archive is listed.
pub fn is_wanted(path: &str) -> bool {
    matches!(Part::of(path), Part::Analyzer | Part::PostGraph | Part::Json)
        && hltv::is_one(std::iter::once(path))
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

impl Hltv {
    fn of(&self, part: Part) -> impl Iterator<Item = usize> + '_ {
        let is = move |&(_, p): &(usize, &Part)| *p == part;
        self.parts.iter().enumerate().filter(is).map(|(i, _)| i)
    }

    /// The files that [`Hltv::read`] asks for.
    pub fn wants(&self) -> Vec<usize> {
        let json = self.of(Part::Json).take(MAX_LOOKED_AT);
        let json = json.filter(|_| self.of(Part::HostTrace).next().is_none());
        let tables = self
            .of(Part::Analyzer)
            .take(1)
            .chain(self.of(Part::PostGraph).take(MAX_GRAPHS));
        tables.chain(json).collect()
    }

    /// Reads what is to be read. Gives the file that is opened as the trace, and all that stands beside it. `bytes`
    /// gives all bytes of a file of at most [`MAX_TABLE_BYTES`].
    pub fn read(
        &self,
        name: &str,
        given: &[Given],
        bytes: &mut dyn FnMut(usize) -> Result<Vec<u8>, String>,
    ) -> (Option<usize>, SharedTables) {
        let mut tables = Tables {
            format: Some("hltv"),
            ..Tables::default()
        };
        let mut says: Vec<String> = self.parts.iter().map(|p| p.says().to_owned()).collect();
        let mut take = |i: usize, says: &mut Vec<String>| -> Option<Vec<u8>> {
            let taken = match given[i].bytes {
                n if n > MAX_TABLE_BYTES => Err("too large to be read at once".to_owned()),
                _ => bytes(i),
            };
            taken.map_err(|why| says[i] = format!("not read: {why}")).ok()
        };
        let read_as = |i: usize, rows: u64| TableRead {
            file: given[i].path.clone(),
            rows,
            rows_lost: 0,
        };

        for i in self.of(Part::Analyzer).take(1) {
            let Some(text) = take(i, &mut says) else { continue };
            match hltv::analyzer_table(&given[i].path, &text) {
                Some(table) => {
                    tables.read.push(read_as(i, table.n_rows));
                    tables.plain.push(table);
                }
                None if !is_json(&text) => {
                    "damaged JSON: not shown".clone_into(&mut says[i]);
                    tables.has_left_out(&given[i].path);
                }
                None => "JSON without analyzer_metadata: not shown".clone_into(&mut says[i]),
            }
        }
        let (mut recipes, mut nodes) = hltv::post_graph_tables();
        for (n, i) in self.of(Part::PostGraph).enumerate() {
            if n >= MAX_GRAPHS {
                says[i] = format!("not read: only the first {MAX_GRAPHS} graphs are");
                continue;
            }
            let Some(text) = take(i, &mut says) else { continue };
            let before = nodes.n_rows;
            if hltv::add_post_graph(&text, &mut recipes, &mut nodes) {
                tables.read.push(read_as(i, nodes.n_rows - before));
            } else if !is_json(&text) {
                "damaged JSON: not shown".clone_into(&mut says[i]);
                tables.has_left_out(&given[i].path);
            } else {
                "JSON without graphs: not shown".clone_into(&mut says[i]);
            }
        }
        tables
            .plain
            .extend([recipes, nodes].into_iter().filter(|t| t.n_rows > 0));

        let mut trace = self.of(Part::HostTrace).next();
        if trace.is_none() {
            for i in self.of(Part::Json).take(MAX_LOOKED_AT) {
                let Some(text) = take(i, &mut says) else { continue };
                if has_events(&text) {
                    "a trace: opened".clone_into(&mut says[i]);
                    trace = Some(i);
                    break;
                }
            }
        }
        if self.of(Part::RawDeviceTrace).next().is_some() {
            tables.notes.push(
                "The archive holds the device's trace in raw form only. Intel's synprof_parser turns it into a CSV \
                 (--csv), which opens here."
                    .to_owned(),
            );
        }
        if trace.is_some() {
            tables.notes.push(
                "Times are those of the host's clock in the archive (raw monotonic or Synapse's own), not torch's: do not \
                 lay them beside another trace's."
                    .to_owned(),
            );
        }
        let mut missing = Vec::new();
        if trace.is_none() {
            missing.push(
                "There is no host trace in the archive: its files are listed, and no timeline is shown."
                    .into(),
            );
        }
        tables.files = given
            .iter()
            .zip(says)
            .map(|(file, says)| FileListed {
                path: file.path.clone(),
                bytes: file.bytes,
                says,
            })
            .collect();
        let worker = name.to_owned();
        (
            trace,
            SharedTables::new(WorkerTables {
                worker,
                tables,
                missing,
            }),
        )
    }
}

/// Whether JSON is a trace: it says so near its start.
fn has_events(text: &[u8]) -> bool {
    let head = &text[..text.len().min(64 << 10)];
    memchr::memmem::find(head, b"\"traceEvents\"").is_some()
}

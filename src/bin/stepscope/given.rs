//! Folders and archives: what is in them, and how a file of them is read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use stepscope::base::show;
use stepscope::session::archive::{Kind, Member, Members, Tar, ZipListing};
use stepscope::session::bundle::{Given, MAX_TABLE_BYTES};
use stepscope::session::{self, Inflater};

use super::{CHUNK, open_file};

/// Folders below the one that was given.
const MAX_DEPTH: usize = 12;
/// More files of a folder are not looked at.
const MAX_FILES: usize = 200_000;

/// Where a file's bytes are.
pub enum Place {
    Disk(PathBuf),
    Zip(PathBuf, Box<Member>),
    /// Bytes of a tar's text, which may be compressed.
    Tar(PathBuf, Range<u64>),
    /// A table of a tar, kept while it was listed: finding it again would mean inflating all of it.
    Held(Vec<u8>),
}

/// Files, and where they are.
#[derive(Default)]
pub struct All {
    pub given: Vec<Given>,
    pub places: Vec<Place>,
    /// What to know of them, one sentence each.
    pub notes: Vec<String>,
}

impl All {
    pub fn add(&mut self, path: String, bytes: u64, place: Place) {
        self.given.push(Given { path, bytes });
        self.places.push(place);
    }

    /// Every file of a folder, `name` in front.
    pub fn add_folder(&mut self, folder: &Path, name: &str, depth: usize) -> Result<()> {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
            .with_context(|| folder.display().to_string())?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        entries.sort();
        for path in entries {
            let below = format!("{name}/{}", super::name_of(&path));
            let kind = std::fs::symlink_metadata(&path)?;
            if kind.is_dir() && depth < MAX_DEPTH {
                self.add_folder(&path, &below, depth + 1)?;
            } else if path.is_file() && self.given.len() < MAX_FILES {
                let bytes = std::fs::metadata(&path)?.len();
                self.add(below, bytes, Place::Disk(path));
            } else if self.given.len() == MAX_FILES {
                self.notes.push(format!(
                    "{}: only the first {MAX_FILES} files are looked at.",
                    folder.display()
                ));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Every file of an archive.
    pub fn add_archive(&mut self, path: &Path, kind: Kind) -> Result<()> {
        let (members, mut held) = match kind {
            Kind::Zip => (zip_members(path)?, Vec::new()),
            Kind::Tar => tar_members(path)?,
        };
        held.resize_with(members.list.len(), || None);
        if members.ends_early {
            self.notes.push(format!(
                "{}: the archive breaks off; what is listed is read.",
                path.display()
            ));
        }
        if members.n_not_listed > 0 {
            let n = show::counted(members.n_not_listed, "more file");
            self.notes.push(format!("{}: {n} not looked at.", path.display()));
        }
        for (member, held) in members.list.into_iter().zip(held) {
            let place = match (held, kind) {
                (Some(bytes), _) => Place::Held(bytes),
                (None, Kind::Zip) => Place::Zip(path.to_owned(), Box::new(member.clone())),
                (None, Kind::Tar) => Place::Tar(path.to_owned(), member.parts(&[])?.middle),
            };
            self.add(member.path, member.size, place);
        }
        Ok(())
    }

    /// All bytes of a table.
    pub fn read_table(&self, i: usize) -> Result<Vec<u8>> {
        let bytes = self.given[i].bytes;
        if bytes > MAX_TABLE_BYTES {
            bail!(
                "a table of {}; at most {} are read",
                show::bytes(bytes),
                show::bytes(MAX_TABLE_BYTES)
            );
        }
        let mut all = Vec::new();
        let mut inflater = Inflater::default();
        let limit = usize::try_from(MAX_TABLE_BYTES).unwrap_or(usize::MAX);
        self.pieces(i, &mut |piece| {
            inflater.feed(piece, &mut |text| {
                let room = limit.saturating_sub(all.len());
                all.extend_from_slice(&text[..text.len().min(room)]);
            });
            Ok(all.len() < limit)
        })?;
        Ok(all)
    }

    /// The bytes of a file, as one that a trace is read from; `more` says whether to go on.
    pub fn pieces(&self, i: usize, more: &mut dyn FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        match &self.places[i] {
            Place::Held(bytes) => more(bytes).map(drop),
            Place::Disk(path) => {
                let len = open_file(path)?.metadata()?.len();
                range(&mut open_file(path)?, 0..len, more).map(drop)
            }
            Place::Zip(path, member) => {
                let mut file = open_file(path)?;
                let parts = member.parts(&bytes_of(&mut file, member.wants())?)?;
                // What is compressed in itself, and again in the archive.
                let is_twice = !parts.before.is_empty() && member.path.ends_with(".gz");
                let mut outer = Inflater::default();
                let mut feed = |piece: &[u8]| -> Result<bool> {
                    if !is_twice {
                        return more(piece);
                    }
                    let mut goes_on = Ok(true);
                    outer.feed(piece, &mut |inner| {
                        if matches!(goes_on, Ok(true)) {
                            goes_on = more(inner);
                        }
                    });
                    goes_on
                };
                if feed(&parts.before)? && range(&mut file, parts.middle, &mut feed)? {
                    feed(&parts.after)?;
                }
                let (found, _) = outer.finish();
                if is_twice && !found.defects.is_empty() {
                    bail!("{} is damaged in the archive", member.path);
                }
                Ok(())
            }
            Place::Tar(path, wanted) => {
                let mut at = 0;
                each_piece_of_text(path, &mut |text| {
                    let end = at + text.len() as u64;
                    let from = wanted.start.clamp(at, end) - at;
                    let to = wanted.end.clamp(at, end) - at;
                    at = end;
                    let within = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
                    let piece = &text[within(from)..within(to)];
                    Ok((piece.is_empty() || more(piece)?) && at < wanted.end)
                })
            }
        }
    }
}

/// Whether all was wanted.
fn range(file: &mut File, wanted: Range<u64>, more: &mut dyn FnMut(&[u8]) -> Result<bool>) -> Result<bool> {
    file.seek(SeekFrom::Start(wanted.start))?;
    let mut left = file.take(wanted.end - wanted.start);
    let mut piece = Vec::with_capacity(CHUNK);
    loop {
        piece.clear();
        if left.by_ref().take(CHUNK as u64).read_to_end(&mut piece)? == 0 {
            return Ok(true);
        }
        if !more(&piece)? {
            return Ok(false);
        }
    }
}

fn bytes_of(file: &mut File, wanted: Range<u64>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    range(file, wanted, &mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(true)
    })?;
    Ok(bytes)
}

fn each_piece_of_text(path: &Path, more: &mut dyn FnMut(&[u8]) -> Result<bool>) -> Result<()> {
    let mut file = open_file(path)?;
    let len = file.metadata()?.len();
    let mut inflater = Inflater::default();
    range(&mut file, 0..len, &mut |piece| {
        let mut goes_on = Ok(true);
        for part in piece.chunks(64 << 10) {
            inflater.feed(part, &mut |text| {
                if matches!(goes_on, Ok(true)) {
                    goes_on = more(text);
                }
            });
            if !matches!(goes_on, Ok(true)) {
                break;
            }
        }
        goes_on
    })
    .map(drop)
}

fn zip_members(path: &Path) -> Result<Members> {
    let mut file = open_file(path)?;
    let mut listing = ZipListing::new(file.metadata()?.len());
    loop {
        let bytes = bytes_of(&mut file, listing.wants())?;
        if let Some(members) = listing.feed(&bytes)? {
            return Ok(members);
        }
    }
}

/// The files, and the bytes of those that are tables.
fn tar_members(path: &Path) -> Result<(Members, Vec<Option<Vec<u8>>>)> {
    let (mut tar, mut held) = (Tar::default(), Vec::<(usize, Vec<u8>)>::new());
    let mut wanted: Vec<bool> = Vec::new();
    let mut n_held = 0;
    each_piece_of_text(path, &mut |text| {
        let mut sizes = Vec::new();
        tar.feed(text, &mut |i, bytes| sizes.push((i, bytes.to_vec())));
        for member in tar.members().iter().skip(wanted.len()) {
            let is_wanted = session::bundle::is_table(&member.path) || session::hltv::is_wanted(&member.path);
            wanted.push(is_wanted && member.size <= MAX_TABLE_BYTES);
        }
        for (i, bytes) in sizes {
            if wanted.get(i).copied().unwrap_or(false) && n_held < MAX_TABLE_BYTES {
                n_held += bytes.len() as u64;
                match held.last_mut() {
                    Some((last, all)) if *last == i => all.extend(bytes),
                    _ => held.push((i, bytes)),
                }
            }
        }
        Ok(true)
    })?;
    let members = tar.finish();
    let mut by_member: Vec<Option<Vec<u8>>> = Vec::new();
    by_member.resize_with(members.list.len(), || None);
    for (i, bytes) in held {
        // What was not kept whole is read again.
        if members.list.get(i).is_some_and(|m| m.size == bytes.len() as u64) {
            by_member[i] = Some(bytes);
        }
    }
    Ok((members, by_member))
}

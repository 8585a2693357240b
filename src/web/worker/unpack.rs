//! Files in an archive, as files of their own.
//!
//! A member of a zip is a stretch of the archive with a gzip header in front: nothing is copied. A member of a
//! compressed tar has no place in the file: tables are kept while it is listed, the trace that is opened is inflated
//! into a blob, which the browser keeps on disk where it is large.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag};

use super::choose::bytes_of;
use super::{read, size, unreadable};
use crate::session::archive::{Kind, Member, Tar, ZipListing};
use crate::session::bundle::{Given, MAX_TABLE_BYTES, is_table};
use crate::session::{self, Inflater, hltv};

const SLICE: u64 = 4 << 20;
/// A larger trace of a compressed tar is not unpacked here.
const MAX_UNPACKED: u64 = 2 << 30;

/// Where a file is.
pub enum Packed {
    Plain(Blob),
    Zip(Blob, Box<Member>),
    /// A member of a compressed tar.
    Tar(Blob, Box<Member>),
    Held(Vec<u8>),
    Ignored,
}

fn failed(why: JsValue) -> String {
    format!("a file of the archive could not be read: {why:?}")
}

fn blob_of(parts: &Array) -> Result<Blob, String> {
    Blob::new_with_blob_sequence_and_options(parts, &BlobPropertyBag::new()).map_err(failed)
}

#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
fn part(file: &Blob, from: u64, to: u64) -> Result<Blob, String> {
    file.slice_with_f64_and_f64(from as f64, to as f64)
        .map_err(failed)
}

impl Packed {
    /// As a file of its own; `None` for what is ignored.
    pub async fn blob(&self) -> Result<Option<Blob>, String> {
        Ok(Some(match self {
            Packed::Ignored => return Ok(None),
            Packed::Plain(file) => file.clone(),
            Packed::Held(bytes) => in_memory(bytes)?,
            Packed::Zip(file, member) => {
                let wants = member.wants();
                let header = bytes_of(file, wants.start, wants.end - wants.start).await?;
                let parts = member.parts(&header).map_err(|why| why.to_string())?;
                let middle = part(file, parts.middle.start, parts.middle.end)?;
                let bytes = |bytes: &[u8]| Uint8Array::from(bytes);
                let whole = Array::of3(&bytes(&parts.before), &middle, &bytes(&parts.after));
                let whole = blob_of(&whole)?;
                if !parts.before.is_empty() && member.path.ends_with(".gz") {
                    // Compressed in itself, and again in the archive.
                    unpacked(&whole, 0, member.size).await?
                } else {
                    whole
                }
            }
            Packed::Tar(file, member) => {
                let at = member.parts(&[]).map_err(|why| why.to_string())?.middle;
                unpacked(file, at.start, member.size).await?
            }
        }))
    }

    /// All bytes of a table.
    pub async fn bytes(&self) -> Result<Vec<u8>, String> {
        if let Packed::Held(bytes) = self {
            return Ok(bytes.clone());
        }
        let Some(blob) = self.blob().await? else {
            return Ok(Vec::new());
        };
        let packed = bytes_of(&blob, 0, MAX_TABLE_BYTES).await?;
        if !session::is_gzip(&packed) {
            return Ok(packed);
        }
        let (mut inflater, mut out) = (Inflater::default(), Vec::new());
        let limit = usize::try_from(MAX_TABLE_BYTES).unwrap_or(usize::MAX);
        for piece in packed.chunks(64 << 10) {
            inflater.feed(piece, &mut |text| {
                let room = limit.saturating_sub(out.len());
                out.extend_from_slice(&text[..text.len().min(room)]);
            });
        }
        Ok(out)
    }
}

/// Bytes as a file.
pub fn in_memory(bytes: &[u8]) -> Result<Blob, String> {
    blob_of(&Array::of1(&Uint8Array::from(bytes)))
}

/// Feeds the text of a file, compressed or not, until `more` says that it is enough.
async fn each_text(file: &Blob, mut more: impl FnMut(&[u8]) -> bool) -> Result<(), String> {
    let mut inflater = Inflater::default();
    let mut at = 0;
    let mut goes_on = true;
    while let Some(promise) = read(file, at, SLICE)?.filter(|_| goes_on) {
        let got = JsFuture::from(promise)
            .await
            .map_err(|why| unreadable(file, why))?;
        let slice = Uint8Array::new(&got).to_vec();
        at += slice.len() as u64;
        for piece in slice.chunks(64 << 10) {
            inflater.feed(piece, &mut |text| goes_on = goes_on && more(text));
            if !goes_on {
                break;
            }
        }
    }
    Ok(())
}

/// A stretch of a file's text as a file.
async fn unpacked(file: &Blob, from: u64, len: u64) -> Result<Blob, String> {
    if len > MAX_UNPACKED {
        return Err(
            "a trace of more than 2 GB in a compressed archive: unpack it first, and open the folder".into(),
        );
    }
    let to = from + len;
    let parts = Array::new();
    let mut at = 0;
    each_text(file, |text| {
        let end = at + text.len() as u64;
        let within = |n: u64| usize::try_from(n.clamp(at, end) - at).unwrap_or(0);
        let piece = &text[within(from)..within(to)];
        if !piece.is_empty() {
            parts.push(&Uint8Array::from(piece));
        }
        at = end;
        at < to
    })
    .await?;
    blob_of(&parts)
}

/// Adds the files of an archive.
pub async fn list(
    file: &Blob,
    kind: Kind,
    given: &mut Vec<Given>,
    places: &mut Vec<Packed>,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let mut held: Vec<(usize, Vec<u8>)> = Vec::new();
    let members = match kind {
        Kind::Zip => {
            let mut listing = ZipListing::new(size(file));
            loop {
                let wants = listing.wants();
                let bytes = bytes_of(file, wants.start, wants.end - wants.start).await?;
                if let Some(members) = listing.feed(&bytes).map_err(|why| why.to_string())? {
                    break members;
                }
            }
        }
        Kind::Tar => {
            let mut tar = Tar::default();
            let mut n_held = 0;
            each_text(file, |text| {
                let mut pieces: Vec<(usize, Vec<u8>)> = Vec::new();
                tar.feed(text, &mut |i, bytes| pieces.push((i, bytes.to_vec())));
                for (i, bytes) in pieces {
                    let is_kept = |path: &str| is_table(path) || hltv::is_wanted(path);
                    if !tar.members().get(i).is_some_and(|m| is_kept(&m.path)) || n_held > MAX_TABLE_BYTES {
                        continue;
                    }
                    n_held += bytes.len() as u64;
                    match held.last_mut() {
                        Some((last, all)) if *last == i => all.extend(bytes),
                        _ => held.push((i, bytes)),
                    }
                }
                true
            })
            .await?;
            tar.finish()
        }
    };
    if members.ends_early {
        notes.push("The archive breaks off; what is listed is read.".to_owned());
    }
    if members.n_not_listed > 0 {
        notes.push(format!(
            "{} more files of the archive are not looked at.",
            members.n_not_listed
        ));
    }
    let mut held = held.into_iter().peekable();
    for (i, member) in members.list.into_iter().enumerate() {
        let kept = held.next_if(|(of, _)| *of == i).map(|(_, bytes)| bytes);
        given.push(Given {
            path: member.path.clone(),
            bytes: member.size,
        });
        places.push(match (kept, kind) {
            (Some(bytes), _) if bytes.len() as u64 == member.size => Packed::Held(bytes),
            (_, Kind::Zip) => Packed::Zip(file.clone(), Box::new(member)),
            (_, Kind::Tar) => Packed::Tar(file.clone(), Box::new(member)),
        });
    }
    Ok(())
}

//! Bytes of what was given, wherever they lie.
//!
//! A member of a zip or of a tar is a stretch of the archive, a gzip header in front where it is compressed: nothing is
//! copied. A member of a compressed tar is inflated into a blob, which the browser keeps on disk where it is large.

use std::ops::Range;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag};

use super::{read, size, unreadable};
use crate::session::open::{Location, Unpacker, Whole, WholeFile};

const SLICE: u64 = 4 << 20;
/// A larger trace of a compressed tar is not unpacked here.
const MAX_UNPACKED: u64 = 2 << 30;

fn failed(why: JsValue) -> String {
    format!("a file of the archive could not be read: {why:?}")
}

fn blob_of(parts: &Array) -> Result<Blob, String> {
    Blob::new_with_blob_sequence_and_options(parts, &BlobPropertyBag::new()).map_err(failed)
}

/// Bytes as a file.
pub fn in_memory(bytes: &[u8]) -> Result<Blob, String> {
    blob_of(&Array::of1(&Uint8Array::from(bytes)))
}

pub async fn bytes_of(file: &Blob, wanted: Range<u64>) -> Result<Vec<u8>, String> {
    let Some(promise) = read(file, wanted.start, wanted.end.saturating_sub(wanted.start))? else {
        return Ok(Vec::new());
    };
    let got = JsFuture::from(promise)
        .await
        .map_err(|why| unreadable(file, why))?;
    Ok(Uint8Array::new(&got).to_vec())
}

/// Feeds the bytes of a file, until `more` says that it is enough.
pub async fn each_piece(file: &Blob, mut more: impl FnMut(&[u8]) -> bool) -> Result<(), String> {
    let mut at = 0;
    // Of a member of a compressed archive, a little may be enough.
    let mut len = SLICE / 16;
    loop {
        let piece = bytes_of(file, at..at + len).await?;
        if piece.is_empty() || !more(&piece) {
            return Ok(());
        }
        at += piece.len() as u64;
        len = SLICE.min(len * 2);
    }
}

/// What a file is made of, and how it is inflated, if it is to be.
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
async fn raw(place: &Location<Blob>) -> Result<(Blob, Option<Unpacker>), String> {
    if let Location::Held(bytes) = place {
        return Ok((in_memory(bytes)?, None));
    }
    let header = match place.wants() {
        Some((file, wanted)) => bytes_of(file, wanted).await?,
        None => Vec::new(),
    };
    let stream = place.stream(&header)?;
    let end = stream.middle.end.min(size(&stream.source));
    if stream.middle.start == 0 && end == size(&stream.source) && stream.before.is_empty() {
        return Ok((stream.source, stream.unpack));
    }
    let middle = stream
        .source
        .slice_with_f64_and_f64(stream.middle.start as f64, end as f64)
        .map_err(failed)?;
    let bytes = |bytes: &[u8]| Uint8Array::from(bytes);
    let parts = Array::of3(&bytes(&stream.before), &middle, &bytes(&stream.after));
    Ok((blob_of(&parts)?, stream.unpack))
}

/// Feeds a file from its start, until `more` says that it is enough.
async fn each_piece_of(place: &Location<Blob>, more: impl FnMut(&[u8]) -> bool) -> Result<(), String> {
    let (raw, unpacker) = raw(place).await?;
    match unpacker {
        None => each_piece(&raw, more).await,
        Some(unpacker) => each_unpacked(&raw, unpacker, more).await,
    }
}

async fn each_unpacked(
    raw: &Blob,
    mut unpacker: Unpacker,
    mut more: impl FnMut(&[u8]) -> bool,
) -> Result<(), String> {
    let mut goes_on = true;
    each_piece(raw, |piece| {
        unpacker.feed(piece, &mut |text| goes_on = goes_on && more(text)) && goes_on
    })
    .await?;
    unpacker.finish()
}

/// A file of its own.
pub async fn blob(place: &Location<Blob>) -> Result<Blob, String> {
    let (raw, unpacker) = raw(place).await?;
    let Some(unpacker) = unpacker else {
        return Ok(raw);
    };
    if unpacker.wanted_bytes() > MAX_UNPACKED {
        return Err(
            "a trace of more than 2 GB in a compressed archive: unpack it first, and open the folder".into(),
        );
    }
    let parts = Array::new();
    each_unpacked(&raw, unpacker, |text| {
        parts.push(&Uint8Array::from(text));
        true
    })
    .await?;
    blob_of(&parts)
}

pub async fn head_of(place: &Location<Blob>, len: u64) -> Result<Vec<u8>, String> {
    let (raw, unpacker) = raw(place).await?;
    let Some(unpacker) = unpacker else {
        return bytes_of(&raw, 0..len).await;
    };
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let mut head = Vec::new();
    each_unpacked(&raw, unpacker, |text| {
        let room = len - head.len();
        head.extend_from_slice(&text[..text.len().min(room)]);
        head.len() < len
    })
    .await?;
    Ok(head)
}

pub async fn read_whole(place: &Location<Blob>, limit: u64) -> Result<WholeFile, String> {
    let mut whole = Whole::new(limit);
    each_piece_of(place, |piece| whole.feed(piece)).await?;
    whole.finish()
}

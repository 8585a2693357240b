//! Where the bytes of a file are, and how they are read from there.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::DefectKind;
use crate::ingest::archive::{ArchiveError, Member};
use crate::ingest::{Checkpoints, Inflater};

/// Where a file's bytes are; `S` is the file, or the archive that it lies in.
#[derive(Clone, Debug)]
pub enum Location<S> {
    File(S),
    /// A member of a tar: bytes of the archive.
    Part(S, Range<u64>),
    Zip(S, Box<Member>),
    /// A member of a compressed tar: bytes of its text.
    Text(S, Range<u64>, Arc<Packed>),
    /// Kept while its archive was listed.
    Held(Vec<u8>),
    Unreadable(String),
}

/// What an archive is that a member lies in.
#[derive(Clone, Debug)]
pub(super) enum Of {
    Zip,
    Tar,
    /// A compressed tar.
    Packed(Arc<Packed>),
}

/// A compressed tar that was listed. Its members are read one after the other as a rule, so each read goes on where the
/// last one ended: inflating from a checkpoint for each of 20 000 small members would take minutes.
pub struct Packed {
    checkpoints: Checkpoints,
    last: Mutex<Option<Cursor>>,
}

impl Packed {
    pub(super) fn new(checkpoints: Checkpoints) -> Packed {
        Packed {
            checkpoints,
            last: Mutex::new(None),
        }
    }

    fn last_read(&self) -> MutexGuard<'_, Option<Cursor>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cursor(&self, at: u64) -> Cursor {
        let near = |last: &Cursor| (last.at..last.at.saturating_add(NEAR)).contains(&at);
        let last = self.last_read().take().filter(near);
        last.unwrap_or_else(|| Cursor::of(self.checkpoints.inflater(at)))
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Packed")
    }
}

/// What lies so far behind the last read is inflated to; what lies further off, from a checkpoint.
const NEAR: u64 = 4 << 20;
/// So much is inflated at once; of the text that comes of it, what lies behind the wanted bytes is kept.
const PART: usize = 16 << 10;

/// A text while it is inflated.
struct Cursor {
    inflater: Inflater,
    /// Byte of the text that comes next: the first of `rest`, from `rest_from` on, if there is any.
    at: u64,
    rest: Vec<u8>,
    rest_from: usize,
}

impl Cursor {
    fn of(inflater: Inflater) -> Cursor {
        Cursor {
            at: inflater.written(),
            inflater,
            rest: Vec::new(),
            rest_from: 0,
        }
    }

    /// Passes over `text`, the next of it; gives how much of it lies before the end of `wanted`.
    fn pass(at: &mut u64, text: &[u8], wanted: &Range<u64>, sink: &mut dyn FnMut(&[u8])) -> usize {
        let within = |n: u64| {
            usize::try_from(n.saturating_sub(*at))
                .unwrap_or(usize::MAX)
                .min(text.len())
        };
        let (start, end) = (within(wanted.start), within(wanted.end));
        if start < end {
            sink(&text[start..end]);
        }
        *at += end as u64;
        end
    }

    fn feed(&mut self, raw: &[u8], wanted: &Range<u64>, sink: &mut dyn FnMut(&[u8])) {
        let Cursor {
            inflater,
            at,
            rest,
            rest_from,
        } = self;
        *rest_from += Cursor::pass(at, &rest[*rest_from..], wanted, sink);
        for part in raw.chunks(PART) {
            if *at >= wanted.end {
                return;
            }
            rest.clear();
            *rest_from = 0;
            inflater.feed(part, &mut |text| {
                let passed = Cursor::pass(at, text, wanted, sink);
                rest.extend_from_slice(&text[passed..]);
            });
        }
    }
}

/// What, read from one file and laid end to end, is another.
pub struct Stream<S> {
    pub source: S,
    pub before: Vec<u8>,
    /// Bytes of the source; the end may lie behind its own.
    pub middle: Range<u64>,
    pub after: Vec<u8>,
    /// The bytes are to be inflated first.
    pub unpack: Option<Unpacker>,
}

impl<S: PartialEq> Location<S> {
    /// Whether the bytes are the same ones.
    pub(super) fn is(&self, other: &Location<S>) -> bool {
        match (self, other) {
            (Location::File(a), Location::File(b)) => a == b,
            (Location::Part(_, a), Location::Part(_, b))
            | (Location::Text(_, a, _), Location::Text(_, b, _)) => a == b,
            (Location::Zip(_, a), Location::Zip(_, b)) => a.is_at(b),
            (Location::Held(a), Location::Held(b)) => a == b,
            _ => false,
        }
    }
}

impl<S: Clone> Location<S> {
    pub(super) fn of_member(source: S, member: Member, of: &Of) -> Location<S> {
        match (member.parts(&[]), of) {
            (Err(ArchiveError::Unreadable { why, .. }), _) => {
                Location::Unreadable(format!("it cannot be read from the archive: {why}"))
            }
            (Ok(parts), Of::Packed(packed)) => Location::Text(source, parts.middle, packed.clone()),
            (Ok(parts), Of::Tar) => Location::Part(source, parts.middle),
            _ => Location::Zip(source, Box::new(member)),
        }
    }

    /// The file that the bytes lie in.
    pub fn source(&self) -> Option<&S> {
        match self {
            Location::File(source)
            | Location::Part(source, _)
            | Location::Zip(source, _)
            | Location::Text(source, ..) => Some(source),
            Location::Held(_) | Location::Unreadable(_) => None,
        }
    }

    /// Bytes of the source that [`Location::stream`] wants to see, if any.
    pub fn wants(&self) -> Option<(&S, Range<u64>)> {
        match self {
            Location::Zip(source, member) => Some((source, member.wants())),
            _ => None,
        }
    }

    /// How the file is read; `header` is what [`Location::wants`]. A held file has no source: see [`Location::Held`].
    pub fn stream(&self, header: &[u8]) -> Result<Stream<S>, String> {
        let plain = |source: &S, middle: Range<u64>, unpack| Stream {
            source: source.clone(),
            before: Vec::new(),
            middle,
            after: Vec::new(),
            unpack,
        };
        match self {
            Location::File(source) => Ok(plain(source, 0..u64::MAX, None)),
            Location::Part(source, at) => Ok(plain(source, at.clone(), None)),
            Location::Text(source, at, packed) => {
                let unpacker = Unpacker::new(at.clone(), packed.clone());
                Ok(plain(source, unpacker.wants()..u64::MAX, Some(unpacker)))
            }
            Location::Zip(source, member) => {
                let parts = member.parts(header).map_err(|why| why.to_string())?;
                Ok(Stream {
                    source: source.clone(),
                    before: parts.before,
                    middle: parts.middle,
                    after: parts.after,
                    unpack: None,
                })
            }
            Location::Held(_) => Err("its bytes are at hand".to_owned()),
            Location::Unreadable(why) => Err(why.clone()),
        }
    }
}

/// Finds a stretch of the text of a compressed file while it streams by.
pub struct Unpacker {
    cursor: Option<Cursor>,
    wanted: Range<u64>,
    /// Where the next read goes on.
    of: Arc<Packed>,
}

impl Unpacker {
    fn new(wanted: Range<u64>, of: Arc<Packed>) -> Unpacker {
        Unpacker {
            cursor: Some(of.cursor(wanted.start)),
            wanted,
            of,
        }
    }

    /// Byte of the compressed file that comes first.
    fn wants(&self) -> u64 {
        self.cursor.as_ref().map_or(0, |cursor| cursor.inflater.read())
    }

    /// Bytes of the stretch.
    pub fn wanted_bytes(&self) -> u64 {
        self.wanted.end - self.wanted.start
    }

    /// The next bytes; `false`: no more are wanted.
    pub fn feed(&mut self, raw: &[u8], sink: &mut dyn FnMut(&[u8])) -> bool {
        let Some(cursor) = &mut self.cursor else {
            return false;
        };
        cursor.feed(raw, &self.wanted, sink);
        cursor.at < self.wanted.end
    }

    /// An error where it is not there at all: what there is of a file that breaks off is read.
    pub fn finish(self) -> Result<(), String> {
        let Some(cursor) = &self.cursor else {
            return Ok(());
        };
        if cursor.at > self.wanted.start || self.wanted.is_empty() {
            return Ok(());
        }
        match cursor.inflater.damage() {
            Some((at, why)) => Err(format!(
                "the archive is damaged at byte {at} ({why}), before this file"
            )),
            None => Err("the archive ends before this file".to_owned()),
        }
    }
}

impl Drop for Unpacker {
    fn drop(&mut self) {
        *self.of.last_read() = self.cursor.take();
    }
}

/// All bytes of a file that is not large, inflated if it is compressed.
pub struct Whole {
    inflater: Inflater,
    bytes: Vec<u8>,
    limit: usize,
}

impl Whole {
    pub fn new(limit: u64) -> Whole {
        Whole {
            inflater: Inflater::default(),
            bytes: Vec::new(),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        }
    }

    /// The next bytes; `false`: no more are wanted.
    pub fn feed(&mut self, raw: &[u8]) -> bool {
        let (bytes, limit) = (&mut self.bytes, self.limit);
        self.inflater.feed(raw, &mut |text| {
            let room = limit.saturating_sub(bytes.len());
            bytes.extend_from_slice(&text[..text.len().min(room)]);
        });
        bytes.len() < limit
    }

    /// What there is, also of a file that breaks off; an error where nothing could be read.
    pub fn finish(self) -> Result<WholeFile, String> {
        let inflated = self.inflater.finish().0;
        let damage = match inflated.damage {
            Some((at, why)) if self.bytes.is_empty() => {
                return Err(format!(
                    "it is damaged at byte {at} ({why}), and nothing could be read before that"
                ));
            }
            Some((at, why)) => Some(format!(
                "it is damaged at byte {at} ({why}): what comes before is read"
            )),
            None if inflated.defects.has(DefectKind::is_wrong_checksum) => {
                Some("it is damaged: its checksum is wrong".to_owned())
            }
            None if [DefectKind::TruncatedGzip, DefectKind::TruncatedMember]
                .iter()
                .any(|&kind| inflated.defects.count(kind) > 0)
                && self.bytes.len() < self.limit =>
            {
                Some("it ends in the middle: what is there is read".to_owned())
            }
            None => None,
        };
        Ok(WholeFile {
            bytes: self.bytes,
            damage,
        })
    }
}

/// A file that was read whole.
pub struct WholeFile {
    pub bytes: Vec<u8>,
    /// What is wrong with them.
    pub damage: Option<String>,
}

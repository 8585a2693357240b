//! Where the bytes of a file are, and how they are read from there.

use std::ops::Range;

use crate::ingest::Inflater;
use crate::ingest::archive::{ArchiveError, Member};

/// Where a file's bytes are; `S` is the file, or the archive that it lies in.
#[derive(Clone, Debug)]
pub enum Place<S> {
    File(S),
    /// A member of a tar: bytes of the archive.
    Part(S, Range<u64>),
    Zip(S, Box<Member>),
    /// A member of a compressed tar: bytes of its text.
    Text(S, Range<u64>),
    /// Kept while its archive was listed.
    Held(Vec<u8>),
    Unreadable(String),
}

/// What, read from one file and laid end to end, is another.
#[derive(Clone, Debug)]
pub struct Stream<S> {
    pub source: S,
    pub before: Vec<u8>,
    /// Bytes of the source; the end may lie behind its own.
    pub middle: Range<u64>,
    pub after: Vec<u8>,
    /// The bytes are to be inflated first, and these of their text are the file: see [`Unpacker`].
    pub unpack: Option<Range<u64>>,
}

impl<S: Clone> Place<S> {
    /// `is_compressed`: the archive is a tar, compressed or not.
    pub(super) fn of_member(source: S, member: Member, is_compressed: Option<bool>) -> Place<S> {
        match (member.parts(&[]), is_compressed) {
            (Err(ArchiveError::Unreadable { why, .. }), _) => {
                Place::Unreadable(format!("it cannot be read from the archive: {why}"))
            }
            (Ok(parts), Some(true)) => Place::Text(source, parts.middle),
            (Ok(parts), Some(false)) => Place::Part(source, parts.middle),
            _ => Place::Zip(source, Box::new(member)),
        }
    }

    /// The file that the bytes lie in.
    pub fn source(&self) -> Option<&S> {
        match self {
            Place::File(source) | Place::Part(source, _) | Place::Zip(source, _) | Place::Text(source, _) => {
                Some(source)
            }
            Place::Held(_) | Place::Unreadable(_) => None,
        }
    }

    /// Bytes of the source that [`Place::stream`] wants to see, if any.
    pub fn wants(&self) -> Option<(&S, Range<u64>)> {
        match self {
            Place::Zip(source, member) => Some((source, member.wants())),
            _ => None,
        }
    }

    /// How the file is read; `header` is what [`Place::wants`]. A held file has no source: see [`Place::Held`].
    pub fn stream(&self, header: &[u8]) -> Result<Stream<S>, String> {
        let plain = |source: &S, middle: Range<u64>, unpack| Stream {
            source: source.clone(),
            before: Vec::new(),
            middle,
            after: Vec::new(),
            unpack,
        };
        match self {
            Place::File(source) => Ok(plain(source, 0..u64::MAX, None)),
            Place::Part(source, at) => Ok(plain(source, at.clone(), None)),
            Place::Text(source, at) => Ok(plain(source, 0..u64::MAX, Some(at.clone()))),
            Place::Zip(source, member) => {
                let parts = member.parts(header).map_err(|why| why.to_string())?;
                // Compressed in itself, and again in the archive.
                let is_twice = !parts.before.is_empty() && member.path.ends_with(".gz");
                Ok(Stream {
                    source: source.clone(),
                    before: parts.before,
                    middle: parts.middle,
                    after: parts.after,
                    unpack: is_twice.then_some(0..member.size),
                })
            }
            Place::Held(_) => Err("its bytes are at hand".to_owned()),
            Place::Unreadable(why) => Err(why.clone()),
        }
    }
}

/// Finds a stretch of the text of a compressed file while it streams by.
pub struct Unpacker {
    inflater: Inflater,
    at: u64,
    wanted: Range<u64>,
}

impl Unpacker {
    pub fn new(wanted: Range<u64>) -> Unpacker {
        Unpacker {
            inflater: Inflater::default(),
            at: 0,
            wanted,
        }
    }

    /// The next bytes; `false`: no more are wanted.
    pub fn feed(&mut self, raw: &[u8], sink: &mut dyn FnMut(&[u8])) -> bool {
        for part in raw.chunks(64 << 10) {
            if self.at >= self.wanted.end {
                break;
            }
            self.inflater.feed(part, &mut |text| {
                let end = self.at + text.len() as u64;
                let within = |n: u64| usize::try_from(n.clamp(self.at, end) - self.at).unwrap_or(0);
                let piece = &text[within(self.wanted.start)..within(self.wanted.end)];
                if !piece.is_empty() {
                    sink(piece);
                }
                self.at = end;
            });
        }
        self.at < self.wanted.end
    }

    /// An error where it is not there at all: what there is of a file that breaks off is read.
    pub fn finish(self) -> Result<(), String> {
        if self.at > self.wanted.start || self.wanted.is_empty() {
            return Ok(());
        }
        match self.inflater.finish().0.damage {
            Some((at, why)) => Err(format!(
                "the archive is damaged at byte {at} ({why}), before this file"
            )),
            None => Err("the archive ends before this file".to_owned()),
        }
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

    /// An error where nothing could be read: what there is of a file that breaks off is read.
    pub fn finish(self) -> Result<Vec<u8>, String> {
        match self.inflater.finish().0.damage {
            Some((at, why)) if self.bytes.is_empty() => Err(format!(
                "it is damaged at byte {at} ({why}), and nothing could be read before that"
            )),
            _ => Ok(self.bytes),
        }
    }
}

//! A zip without a list: its members by their local headers, one after the other.
//!
//! Where the sizes of a member stand behind it (APPNOTE 4.3.9: a data descriptor, with or without its signature, of
//! 4-byte or 8-byte sizes), its end is where a descriptor states just the bytes that lie before it.

use std::ops::Range;

use memchr::memmem;

use super::zip::{LOCAL_HEADER, u16_at, u32_at, u64_at, zip64};
use super::{Member, Members, Place, clean};

/// Bytes of one read: more than the longest header (30 and twice 65 535).
const WINDOW: u64 = 256 << 10;
/// Bytes of a descriptor of 8-byte sizes without its signature, and with it and the next signature.
const BEFORE: u64 = 20;
const BEHIND: usize = 28;

pub(super) struct Walk {
    file_bytes: u64,
    /// Byte of the next header; within a member, where the search for its end goes on.
    at: u64,
    within: Option<Within>,
    members: Members,
}

/// A member whose end is looked for.
struct Within {
    header: Header,
    data_at: u64,
}

struct Header {
    path: String,
    is_folder: bool,
    header_at: u64,
    size: u64,
    packed: u64,
    crc: u32,
    deflated: bool,
    unreadable: Option<String>,
}

/// What a descriptor states, and the byte behind it.
struct Descriptor {
    packed: u64,
    size: u64,
    crc: u32,
    next: u64,
}

impl Walk {
    pub(super) fn new(file_bytes: u64) -> Walk {
        Walk {
            file_bytes,
            at: 0,
            within: None,
            members: Members {
                ends_early: true,
                has_no_list: true,
                ..Members::default()
            },
        }
    }

    /// Of files that lie in this stretch of the archive.
    pub(super) fn within(stretch: Range<u64>) -> Walk {
        Walk {
            at: stretch.start,
            ..Walk::new(stretch.end)
        }
    }

    /// Byte where the search ended, or goes on.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn wants(&self) -> Range<u64> {
        let start = match self.within {
            Some(_) => self.at.saturating_sub(BEFORE),
            None => self.at,
        };
        start..start.saturating_add(WINDOW).min(self.file_bytes)
    }

    /// `None`: more bytes are wanted.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<Members> {
        let wanted = self.wants();
        let (from, end) = (wanted.start, wanted.start + bytes.len() as u64);
        let is_last = end >= self.file_bytes || end < wanted.end;
        loop {
            let here = usize::try_from(self.at - from).unwrap_or(usize::MAX);
            let Some(rest) = bytes.get(here..).filter(|rest| !rest.is_empty()) else {
                // A header behind what was read, or nothing.
                return match is_last {
                    true => Some(self.ends(end)),
                    false => None,
                };
            };
            if let Some(within) = &self.within {
                match descriptor(bytes, from, here, within.data_at, is_last) {
                    Ok(found) => self.closed(&found),
                    Err(_) if is_last => return Some(self.ends(end)),
                    Err(at) => {
                        self.at = at;
                        return None;
                    }
                }
                continue;
            }
            let Some((header, len, has_descriptor)) = header(rest, self.at) else {
                // A whole window holds a whole header.
                let is_cut = here > 0 && !is_last;
                return match is_cut {
                    true => None,
                    false => Some(self.ends(self.at)),
                };
            };
            let data_at = self.at + len;
            let next = data_at.saturating_add(header.packed);
            if has_descriptor || next > self.file_bytes {
                self.at = next.min(end.max(data_at));
                self.within = Some(Within { header, data_at });
                if next > self.file_bytes {
                    return Some(self.ends(self.file_bytes));
                }
                continue;
            }
            self.add(header, true);
            self.at = next;
        }
    }

    fn closed(&mut self, found: &Descriptor) {
        if let Some(Within { mut header, .. }) = self.within.take() {
            (header.packed, header.size, header.crc) = (found.packed, found.size, found.crc);
            self.add(header, true);
        }
        self.at = found.next;
    }

    /// The member that the archive breaks off in, if there is one, reaches to byte `end`.
    fn ends(&mut self, end: u64) -> Members {
        if let Some(Within { mut header, data_at }) = self.within.take() {
            header.packed = end.saturating_sub(data_at);
            header.size = header.size.max(header.packed);
            if header.packed == 0 && header.unreadable.is_none() {
                header.unreadable = Some("the archive breaks off before its first byte".to_owned());
            }
            if !header.is_folder {
                self.members.cut = Some(header.path.clone());
            }
            self.add(header, false);
        }
        std::mem::take(&mut self.members)
    }

    fn add(&mut self, header: Header, is_whole: bool) {
        if header.is_folder {
            return;
        }
        let place = match header.unreadable {
            Some(why) => Place::Unreadable(why),
            None => Place::Zip {
                header_at: header.header_at,
                packed: header.packed,
                deflated: header.deflated,
                crc: header.crc,
                is_whole,
            },
        };
        self.members.add(Member {
            path: header.path,
            size: header.size,
            place,
        });
    }
}

/// Bytes of the longest header.
const MAX_HEADER: usize = 30 + 2 * 65_535;

/// Where a file starts in `bytes`. An error says where the search goes on, if it does: a header may be cut there.
pub(super) fn header_in(bytes: &[u8], is_end: bool) -> Result<usize, Option<usize>> {
    for place in memmem::find_iter(bytes, b"PK\x03\x04") {
        if is_header(&bytes[place..]) {
            return Ok(place);
        }
        if !is_end && place > 0 && bytes.len() - place < MAX_HEADER {
            return Err(Some(place));
        }
    }
    // The last bytes may be the first of a signature.
    Err((!is_end).then(|| bytes.len().saturating_sub(3).max(1)))
}

/// Whether a file starts here: a header with a name, of a version and a method that exist.
fn is_header(bytes: &[u8]) -> bool {
    let version = u16_at(bytes, 4).is_some_and(|version| version & 0xff < 100);
    let method = u16_at(bytes, 8).is_some_and(|method| method < 100);
    let is_named = header(bytes, 0).is_some_and(|(header, ..)| !header.path.is_empty());
    version && method && is_named
}

/// A local header, its bytes, and whether a descriptor follows on the member. `None`: it is none, or cut.
fn header(bytes: &[u8], header_at: u64) -> Option<(Header, u64, bool)> {
    if !bytes.starts_with(b"PK\x03\x04") {
        return None;
    }
    let (flags, method) = (u16_at(bytes, 6)?, u16_at(bytes, 8)?);
    let [name, extra] = [26, 28].map(|at| u16_at(bytes, at).map(usize::from));
    let (name, extra) = (name?, extra?);
    let start = usize::try_from(LOCAL_HEADER).ok()?;
    let name_bytes = bytes.get(start..start + name)?;
    let mut wide_part = zip64(bytes.get(start + name..start + name + extra)?);
    let mut wide = |narrow: u32| {
        if narrow < u32::MAX {
            return Some(u64::from(narrow));
        }
        let value = u64_at(wide_part, 0);
        wide_part = wide_part.get(8..).unwrap_or_default();
        value
    };
    let (packed, size) = (u32_at(bytes, 18)?, u32_at(bytes, 22)?);
    let (size, packed) = (wide(size).unwrap_or(0), wide(packed).unwrap_or(0));
    let unreadable = super::zip::unreadable(flags, method);
    let header = Header {
        path: clean(name_bytes),
        is_folder: name_bytes.ends_with(b"/"),
        header_at,
        size,
        packed,
        crc: u32_at(bytes, 14)?,
        deflated: method == 8,
        unreadable,
    };
    Some((header, (start + name + extra) as u64, flags & 8 != 0))
}

/// The descriptor of the member whose data starts at byte `data_at`, at byte `here` of `bytes` or behind it; `bytes`
/// lie at byte `from` of the file. An error says where the search goes on with more bytes.
fn descriptor(bytes: &[u8], from: u64, here: usize, data_at: u64, is_last: bool) -> Result<Descriptor, u64> {
    for place in memmem::find_iter(&bytes[here..], b"PK") {
        let p = here + place;
        let at = from + p as u64;
        if p + BEHIND > bytes.len() && !is_last {
            return Err(at);
        }
        let found = match bytes.get(p..p + 4) {
            Some(b"PK\x07\x08") => signed(bytes, p, at, data_at),
            Some(b"PK\x03\x04" | b"PK\x01\x02") => unsigned(bytes, p, at, data_at),
            _ => None,
        };
        if let Some(found) = found {
            return Ok(found);
        }
    }
    // The last byte may be the first of a signature.
    Err(from + bytes.len().saturating_sub(1).max(here) as u64)
}

fn signed(bytes: &[u8], p: usize, at: u64, data_at: u64) -> Option<Descriptor> {
    let packed = at.checked_sub(data_at)?;
    let crc = u32_at(bytes, p + 4)?;
    let follows = |p: usize| bytes.get(p..p + 2).is_none_or(|next| next == b"PK");
    let narrow = u32_at(bytes, p + 8).map(u64::from) == Some(packed);
    let wide = u64_at(bytes, p + 8) == Some(packed);
    if wide && !(narrow && follows(p + 16)) {
        let size = u64_at(bytes, p + 16)?;
        let next = at + 24;
        return Some(Descriptor {
            packed,
            size,
            crc,
            next,
        });
    }
    let size = u32_at(bytes, p + 12).filter(|_| narrow)?.into();
    let next = at + 16;
    Some(Descriptor {
        packed,
        size,
        crc,
        next,
    })
}

/// Behind it, at byte `at`, the next header starts.
fn unsigned(bytes: &[u8], p: usize, at: u64, data_at: u64) -> Option<Descriptor> {
    let of = |bytes_of: usize| {
        let start = p.checked_sub(bytes_of)?;
        let packed = at.checked_sub(bytes_of as u64)?.checked_sub(data_at)?;
        Some((start, packed))
    };
    if let Some((start, packed)) = of(12)
        && u32_at(bytes, start + 4).map(u64::from) == Some(packed)
    {
        let (crc, size) = (u32_at(bytes, start)?, u32_at(bytes, start + 8)?.into());
        return Some(Descriptor {
            packed,
            size,
            crc,
            next: at,
        });
    }
    let (start, packed) = of(20)?;
    (u64_at(bytes, start + 4)? == packed).then_some(())?;
    let (crc, size) = (u32_at(bytes, start)?, u64_at(bytes, start + 12)?);
    Some(Descriptor {
        packed,
        size,
        crc,
        next: at,
    })
}

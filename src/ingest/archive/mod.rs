//! Archives: which files lie in a zip or a tar, and where. Nothing is unpacked anywhere; a member is read as a
//! file of its own, from its stretch of the archive.
//!
//! Specs: zip is PKWARE's APPNOTE 6.3.10 (4.3.7 local header, 4.3.12 central directory, 4.3.14 and 4.3.16 its end);
//! tar is POSIX ustar and pax (IEEE 1003.1, `pax`), with GNU's long names (`L`).
//!
//! A member of a zip is raw deflate, and so is the body of a gzip member: with a gzip header in front and its CRC
//! and length behind ([`Parts`]), it *is* a gzip file, and [`Inflater`](super::Inflater), its checkpoints and its
//! defects serve as they are. One that is stored gets a header of our own that the inflater knows. What the member
//! holds may be gzip, too, whatever it is called: the inflater reads both.
//! That, and because a page loads every KB, is why no zip library is here.
//!
//! Does no I/O: [`ZipListing`] says which bytes it wants, [`Tar`] is fed the text as it comes, also what comes out of
//! an inflater. Names are for people and for telling files apart: they are never a place on a disk. `..`, `.` and
//! roots are dropped from them. What an archive claims is checked against its own length, and at most
//! [`MAX_MEMBERS`] are listed.
//!
//! Not read: encryption, archives in several volumes, methods other than stored and deflate, sparse files. Such members
//! are listed with the reason, and so are links that lead to no file of the archive ([`Link`]).

mod tar;
mod walk;
mod zip;

use std::borrow::Cow;
use std::ops::Range;

use thiserror::Error;

pub use tar::Tar;
pub use zip::ZipListing;

use super::inflate::{DEFLATED_HEADER, stored_header};

/// More members are counted and not listed. A name may take 4 KB, so they are bounded together, too.
pub const MAX_MEMBERS: usize = 100_000;
/// Extra fields of a local header that are expected, bytes: times, owners and sizes of zip64 take less.
const EXTRA_ROOM: u64 = 256;
/// A longer name is cut in its middle: how it ends says what the file is.
const MAX_NAME_BYTES: usize = 4096;

/// What kind of archive a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Zip,
    Tar,
}

/// By the first bytes of the file, or of its text if it is gzip: 512 will do, and of a tar whose first header is
/// damaged more tell more.
pub fn kind(head: &[u8]) -> Option<Kind> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        Some(Kind::Zip)
    } else if tar::is_header(head) || !is_json(head) && tar::is_damaged_header(head) {
        Some(Kind::Tar)
    } else {
        None
    }
}

fn is_json(head: &[u8]) -> bool {
    matches!(head.trim_ascii_start(), [b'{' | b'[', ..])
}

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// With `/` between folders, without root and `..`.
    pub path: String,
    /// Bytes, as the archive states them; of one that the archive breaks off in perhaps fewer.
    pub size: u64,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Bytes of the tar, which may itself come out of an inflater.
    Tar {
        at: u64,
    },
    Zip {
        /// Byte of its local header.
        header_at: u64,
        /// Bytes it takes in the archive.
        packed: u64,
        deflated: bool,
        crc: u32,
        /// The archive does not break off in it.
        is_whole: bool,
    },
    Unreadable(String),
}

/// What, laid end to end, is a member as a file: gzip, if it is compressed in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    pub before: Vec<u8>,
    /// Bytes of the archive.
    pub middle: Range<u64>,
    pub after: Vec<u8>,
}

impl Parts {
    /// Bytes of it all.
    pub fn len(&self) -> u64 {
        (self.before.len() + self.after.len()) as u64 + (self.middle.end - self.middle.start)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Member {
    /// Bytes of the archive that hold the local header of a zip's member, and `len` bytes behind it, as far as the
    /// list of the archive lets one guess: the extra field of the header may be longer than the list's.
    pub fn head(&self, len: u64) -> Range<u64> {
        match self.place {
            Place::Zip {
                header_at, packed, ..
            } => {
                header_at
                    ..header_at + zip::LOCAL_HEADER + self.path.len() as u64 + EXTRA_ROOM + packed.min(len)
            }
            _ => 0..0,
        }
    }

    /// Bytes of the archive that [`Member::parts`] wants to see; empty for a tar.
    pub fn wants(&self) -> Range<u64> {
        match self.place {
            Place::Zip { header_at, .. } => header_at..header_at + zip::LOCAL_HEADER,
            _ => 0..0,
        }
    }

    /// How the member is read; `header` is what [`Member::wants`].
    pub fn parts(&self, header: &[u8]) -> Result<Parts, ArchiveError> {
        match &self.place {
            &Place::Tar { at } => Ok(Parts {
                before: Vec::new(),
                middle: at..at.saturating_add(self.size),
                after: Vec::new(),
            }),
            &Place::Zip {
                header_at,
                packed,
                deflated,
                crc,
                is_whole,
            } => {
                let data_at = header_at
                    + zip::data_after(header).ok_or(ArchiveError::NoMember {
                        path: self.path.clone(),
                        at: header_at,
                    })?;
                let middle = data_at..data_at.saturating_add(packed);
                let (mut before, mut after) = (Vec::new(), Vec::new());
                before.extend(match deflated {
                    true => DEFLATED_HEADER,
                    false => stored_header(packed),
                });
                if is_whole {
                    after.extend(crc.to_le_bytes());
                    // gzip states the length modulo 2^32.
                    after.extend(&self.size.to_le_bytes()[..4]);
                }
                Ok(Parts {
                    before,
                    middle,
                    after,
                })
            }
            Place::Unreadable(why) => Err(ArchiveError::Unreadable {
                path: self.path.clone(),
                why: why.clone(),
            }),
        }
    }

    /// Whether it is the same bytes of one archive.
    pub fn is_at(&self, other: &Member) -> bool {
        self.place == other.place
    }

    /// The name without its folders.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// What an archive holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Files only, in the order of the archive's list.
    pub list: Vec<Member>,
    /// Links, apart from those that lead to a file of the list: these are files of the list themselves.
    pub links: Vec<Link>,
    /// Files that are not listed: there are too many.
    pub n_not_listed: u64,
    /// Files of `list` that a zip's own list does not name: they were found by their own headers.
    pub n_unlisted: u64,
    /// Stretches of a zip between the files that it names which were not searched for others.
    pub n_not_searched: u64,
    /// Files of `list` behind the end mark of a tar.
    pub n_behind_end: u64,
    /// The archive breaks off, or its list does; what is listed stands.
    pub ends_early: bool,
    /// A tar ends behind a file, without the blocks of zeros that end one: it may be cut there.
    pub has_no_end: bool,
    /// A header of a tar is damaged: its file, and perhaps others, are not listed.
    pub has_damage: bool,
    /// A zip's list is missing: these were found by their own headers.
    pub has_no_list: bool,
    /// The member that the archive breaks off in.
    pub cut: Option<String>,
}

/// A link that is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub path: String,
    /// As the archive states it; empty where it was not read.
    pub to: String,
    /// It leads to a folder of the archive, whose files are listed under their own names.
    pub is_folder_here: bool,
    /// It leads to itself, through other links or at once.
    pub is_round: bool,
}

impl Members {
    /// Whether nothing at all was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.links.is_empty() && self.n_not_listed == 0
    }

    fn has_room(&mut self) -> bool {
        let has_room = self.list.len() + self.links.len() < MAX_MEMBERS;
        self.n_not_listed += u64::from(!has_room);
        has_room
    }

    /// Whether there was room for it.
    fn add(&mut self, member: Member) -> bool {
        let has_room = self.has_room();
        if has_room {
            self.list.push(member);
        }
        has_room
    }

    fn add_link(&mut self, link: Link) {
        if self.has_room() {
            self.links.push(link);
        }
    }
}

/// Why an archive, or a file in it, cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ArchiveError {
    #[error(
        "the zip archive has no list of files at its end ({bytes} bytes long): it is cut off, or still written to"
    )]
    NoDirectory { bytes: u64 },

    #[error("the zip archive's list of files should lie at byte {at} and is not there")]
    WrongDirectory { at: u64 },

    #[error("{path} should lie at byte {at} of the archive and is not there")]
    NoMember { path: String, at: u64 },

    #[error("{path} cannot be read from the archive: {why}")]
    Unreadable { path: String, why: String },
}

/// A name as it is shown: `/` between folders, nothing that leads out of them.
fn clean(name: &[u8]) -> String {
    let name = short(name);
    let text = String::from_utf8_lossy(&name);
    let folders = text.split(['/', '\\']);
    let kept: Vec<&str> = folders.filter(|f| !matches!(*f, "" | "." | "..")).collect();
    kept.join("/").replace(|c: char| c.is_control(), "·")
}

/// A name of at most [`MAX_NAME_BYTES`].
fn short(name: &[u8]) -> Cow<'_, [u8]> {
    if name.len() <= MAX_NAME_BYTES {
        return Cow::Borrowed(name);
    }
    let half = MAX_NAME_BYTES / 2 - 2;
    Cow::Owned([&name[..half], b"...", &name[name.len() - half..]].concat())
}

#[cfg(test)]
mod tests;

//! The list of files at the end of a zip; where there is none, see [`Walk`].

use std::collections::VecDeque;
use std::ops::Range;

use super::walk::{self, Walk};
use super::{ArchiveError, Link, Member, Members, Place, clean};

/// Fixed part of a local header; name and extra field follow.
pub(super) const LOCAL_HEADER: u64 = 30;
/// Fixed part of the end record; a comment of up to 65 535 bytes follows.
const END: usize = 22;
const END64: u64 = 56;
const LOCATOR64: usize = 20;
/// Fixed part of an entry of the list.
const ENTRY: usize = 46;
const ENTRY_SIGNATURE: &[u8] = b"PK\x01\x02";
/// A longer list is read to here: 100 000 entries with names of 200 bytes.
const MAX_LIST_BYTES: u64 = 32 << 20;

/// End records that are tried: a comment may hold what looks like one.
const MAX_ENDS: usize = 16;
/// Between two listed files lie the local header's own extra field and a descriptor, and no file is that short.
const MIN_GAP: u64 = 64;
/// So much of a gap is searched for a file at once: more than twice the longest header.
const GAP_BYTES: u64 = 256 << 10;
/// Bytes that gaps are searched with, together: so many times those of the archive, and so many more. What looks like
/// a file every few bytes would be read thousands of times over.
const MAX_SEARCHED_TIMES: u64 = 8;
const MIN_SEARCHED_BYTES: u64 = 4 << 20;

/// Where the list lies: its first byte, its length, the offset that the archive itself states.
#[derive(Clone, Copy)]
struct List {
    /// Byte after the list.
    end: u64,
    bytes: u64,
    stated_at: u64,
}

impl List {
    /// Bytes from where it should lie to where it lies.
    fn shift(&self) -> i64 {
        let at = self.end - self.bytes;
        at.wrapping_sub(self.stated_at).cast_signed()
    }
}

enum State {
    Tail,
    /// The end record of zip64, and where it lies.
    End64(u64),
    List(List),
    /// The list, and whether its members lie where it says, if its own place is not the stated one: so many bytes
    /// further, or just there.
    Place {
        list: List,
        bytes: Vec<u8>,
        is_shifted: bool,
    },
    /// There is no list, or not where the error says.
    Walk(Walk, ArchiveError),
    /// The list was read: files that it does not name may lie between those that it names.
    Gaps(Gaps),
}

/// What lies between the listed files; of the first gap a file is looked for, or files are found by their headers.
struct Gaps {
    members: Members,
    left: VecDeque<Range<u64>>,
    walk: Option<Walk>,
    /// Bytes that may still be read.
    room: u64,
}

impl Gaps {
    fn wants(&self) -> Range<u64> {
        match (&self.walk, self.left.front()) {
            (Some(walk), _) => walk.wants(),
            (None, Some(gap)) => gap.start..gap.end.min(gap.start + GAP_BYTES),
            (None, None) => 0..0,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let wanted = self.wants();
        let room = self.room.checked_sub(wanted.end - wanted.start);
        self.room = room.unwrap_or(0);
        if let Some(walk) = &mut self.walk {
            let found = walk.feed(bytes);
            let end = walk.at();
            let Some(found) = found else {
                return;
            };
            self.walk = None;
            for member in found.list {
                self.members.n_unlisted += u64::from(self.members.add(member));
            }
            self.members.n_not_listed += found.n_not_listed;
            // Behind its files an archive has its own list, and perhaps the next archive.
            if let Some(gap) = self.left.front_mut() {
                gap.start = end.max(gap.start + 1).min(gap.end);
            }
            self.skip_what_is_short();
        } else if let Some(gap) = self.left.front_mut() {
            let is_end = bytes.len() as u64 >= gap.end - gap.start || (bytes.len() as u64) < GAP_BYTES;
            match walk::header_in(bytes, is_end) {
                Ok(place) => {
                    gap.start += place as u64;
                    self.walk = Some(Walk::within(gap.clone()));
                }
                Err(Some(place)) => gap.start += place as u64,
                Err(None) => {
                    self.left.pop_front();
                }
            }
        }
        if room.is_none() {
            self.walk = None;
            self.members.n_not_searched = self.left.len() as u64;
            self.left.clear();
        }
    }

    /// What is left of a gap, and is too short to hold a file, is not read.
    fn skip_what_is_short(&mut self) {
        if self
            .left
            .front()
            .is_some_and(|gap| gap.end - gap.start < LOCAL_HEADER)
        {
            self.left.pop_front();
        }
    }
}

/// Finds a zip's list of files; asks for bytes, knows no file.
pub struct ZipListing {
    file_bytes: u64,
    state: State,
    /// Where else the list may be.
    ends: VecDeque<State>,
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl ZipListing {
    pub fn new(file_bytes: u64) -> ZipListing {
        ZipListing {
            file_bytes,
            state: State::Tail,
            ends: VecDeque::new(),
        }
    }

    /// Bytes of the file that [`ZipListing::feed`] wants next.
    pub fn wants(&self) -> Range<u64> {
        match &self.state {
            State::Tail => {
                let tail = (END + LOCATOR64 + usize::from(u16::MAX)) as u64;
                self.file_bytes.saturating_sub(tail)..self.file_bytes
            }
            &State::End64(at) => at..at.saturating_add(END64).min(self.file_bytes),
            State::List(list) => {
                let at = list.end - list.bytes;
                at..at + list.bytes.min(MAX_LIST_BYTES)
            }
            State::Place {
                list,
                bytes,
                is_shifted,
            } => {
                let shift = if *is_shifted { list.shift() } else { 0 };
                let at = header_at(bytes, shift).unwrap_or(0).min(self.file_bytes);
                at..at.saturating_add(4).min(self.file_bytes)
            }
            State::Walk(walk, _) => walk.wants(),
            State::Gaps(gaps) => gaps.wants(),
        }
    }

    /// Takes the bytes that were wanted. `None`: more are wanted.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<Members>, ArchiveError> {
        let wanted_at = self.wants().start;
        match &mut self.state {
            State::Gaps(gaps) => {
                gaps.feed(bytes);
                let is_all = gaps.left.is_empty() && gaps.walk.is_none();
                Ok(is_all.then(|| std::mem::take(&mut gaps.members)))
            }
            State::Tail => {
                let found = self.tail(bytes, wanted_at);
                self.or_walk(found)
            }
            State::Walk(walk, error) => match walk.feed(bytes) {
                Some(members) if members.list.is_empty() => Err(error.clone()),
                members => Ok(members),
            },
            &mut State::End64(at) => {
                let read = || {
                    bytes.starts_with(b"PK\x06\x06").then_some(())?;
                    Some((u64_at(bytes, 40)?, u64_at(bytes, 48)?))
                };
                let found = read().ok_or(ArchiveError::WrongDirectory { at });
                let found = found.and_then(|(size, stated_at)| list_before(at, size, stated_at));
                let found = found.map(|list| self.state = State::List(list));
                self.or_walk(found)
            }
            // An end record without a list in a comment, say.
            State::List(list) if list.bytes == 0 && !self.ends.is_empty() => {
                let at = list.stated_at;
                self.or_walk(Err(ArchiveError::WrongDirectory { at }))
            }
            State::List(list) if !bytes.is_empty() && !bytes.starts_with(ENTRY_SIGNATURE) => {
                let at = list.stated_at;
                self.or_walk(Err(ArchiveError::WrongDirectory { at }))
            }
            State::List(list) if list.shift() == 0 || bytes.is_empty() => {
                let listed = members(list, list.shift(), self.file_bytes, bytes);
                Ok(self.listed(listed))
            }
            State::List(list) => {
                let at = header_at(bytes, list.shift());
                self.state = State::Place {
                    list: *list,
                    bytes: bytes.to_vec(),
                    is_shifted: at.is_some_and(|at| at < self.file_bytes),
                };
                Ok(None)
            }
            State::Place {
                list,
                bytes: entries,
                is_shifted,
            } => {
                if bytes.starts_with(b"PK\x03\x04") {
                    let shift = if *is_shifted { list.shift() } else { 0 };
                    let listed = members(list, shift, self.file_bytes, entries);
                    return Ok(self.listed(listed));
                }
                if std::mem::take(is_shifted) {
                    return Ok(None);
                }
                let at = list.stated_at;
                self.or_walk(Err(ArchiveError::WrongDirectory { at }))
            }
        }
    }

    /// Without the list the members are found by their own headers.
    fn or_walk(&mut self, found: Result<(), ArchiveError>) -> Result<Option<Members>, ArchiveError> {
        if let Err(error) = found {
            let walk = || State::Walk(Walk::new(self.file_bytes), error);
            self.state = self.ends.pop_front().unwrap_or_else(walk);
        }
        Ok(None)
    }

    /// What the list names; then what lies between is looked at.
    fn listed(&mut self, (members, gaps): (Members, VecDeque<Range<u64>>)) -> Option<Members> {
        if gaps.is_empty() {
            return Some(members);
        }
        self.state = State::Gaps(Gaps {
            members,
            left: gaps,
            walk: None,
            room: self
                .file_bytes
                .saturating_mul(MAX_SEARCHED_TIMES)
                .saturating_add(MIN_SEARCHED_BYTES),
        });
        None
    }

    /// The last end record whose comment reaches the end of the file, then those before it; else the last there is.
    fn tail(&mut self, bytes: &[u8], wanted_at: u64) -> Result<(), ArchiveError> {
        let found = |at: &usize| bytes[*at..].starts_with(b"PK\x05\x06") && bytes.len() - at >= END;
        let whole = |at: &usize| {
            let comment = u16_at(bytes, at + 20).map(usize::from);
            comment.is_some_and(|n| at + END + n == bytes.len())
        };
        let last = || (0..bytes.len()).rev().filter(|at| found(at));
        let others = last().filter(|at| !whole(at));
        let ends = last().filter(|at| whole(at)).chain(others).take(MAX_ENDS);
        let mut first = Err(ArchiveError::NoDirectory {
            bytes: self.file_bytes,
        });
        for at in ends {
            match (self.end_at(bytes, at, wanted_at), &first) {
                (Ok(state), _) => self.ends.push_back(state),
                (Err(error), Err(ArchiveError::NoDirectory { .. })) => first = Err(error),
                (Err(_), _) => {}
            }
        }
        if let Some(state) = self.ends.pop_front() {
            self.state = state;
            return Ok(());
        }
        first
    }

    /// What the end record at this place of the last bytes leads to.
    fn end_at(&self, bytes: &[u8], at: usize, wanted_at: u64) -> Result<State, ArchiveError> {
        let locator = at.checked_sub(LOCATOR64).map(|from| &bytes[from..at]);
        if let Some(locator) = locator.filter(|l| l.starts_with(b"PK\x06\x07"))
            && let Some(end64) = u64_at(locator, 8)
        {
            if end64.checked_add(END64).is_none_or(|end| end > self.file_bytes) {
                return Err(ArchiveError::WrongDirectory { at: end64 });
            }
            return Ok(State::End64(end64));
        }
        let (Some(size), Some(stated_at)) = (u32_at(bytes, at + 12), u32_at(bytes, at + 16)) else {
            return Err(ArchiveError::NoDirectory {
                bytes: self.file_bytes,
            });
        };
        list_before(wanted_at + at as u64, size.into(), stated_at.into()).map(State::List)
    }
}

/// The list ends where its end record starts; bytes in front of the archive shift all offsets alike.
fn list_before(end: u64, bytes: u64, stated_at: u64) -> Result<List, ArchiveError> {
    if bytes > end {
        return Err(ArchiveError::WrongDirectory { at: stated_at });
    }
    Ok(List {
        end,
        bytes,
        stated_at,
    })
}

/// Byte of the local header of a list's first entry. (That of an archive beyond 4 GiB is at its start, so in 32 bits.)
fn header_at(entries: &[u8], shift: i64) -> Option<u64> {
    u64::from(u32_at(entries, 42)?).checked_add_signed(shift)
}

/// What the list names, and the stretches of the archive in front of it that are none of these files.
fn members(list: &List, shift: i64, file_bytes: u64, mut bytes: &[u8]) -> (Members, VecDeque<Range<u64>>) {
    let mut taken: Vec<Range<u64>> = Vec::new();
    let mut members = Members {
        ends_early: bytes.len() as u64 != list.bytes,
        ..Members::default()
    };
    while !bytes.is_empty() {
        match entry(bytes, shift, file_bytes) {
            Some((member, len, place)) => {
                taken.extend(place);
                match member {
                    Entry::File(member) => {
                        members.add(member);
                    }
                    Entry::Link(path) => members.add_link(Link {
                        path,
                        to: String::new(),
                        is_folder_here: false,
                        is_round: false,
                    }),
                    Entry::Folder => {}
                }
                bytes = &bytes[len..];
            }
            None => {
                members.ends_early = true;
                break;
            }
        }
    }
    // Of a list that was not read whole, what lies between is not known.
    let gaps = match members.ends_early {
        true => VecDeque::new(),
        false => gaps(taken, list.end - list.bytes),
    };
    (members, gaps)
}

fn gaps(mut taken: Vec<Range<u64>>, end: u64) -> VecDeque<Range<u64>> {
    taken.push(end..end);
    taken.sort_unstable_by_key(|place| place.start);
    let mut gaps = VecDeque::new();
    let mut at = 0_u64;
    for place in taken {
        if place.start > at.saturating_add(MIN_GAP) {
            gaps.push_back(at..place.start);
        }
        at = at.max(place.end);
    }
    gaps
}

enum Entry {
    File(Member),
    /// A symbolic link, whose target is its content.
    Link(String),
    Folder,
}

/// One entry of the list, its length, and the bytes of its file, without the extra field of the local header.
fn entry(bytes: &[u8], shift: i64, file_bytes: u64) -> Option<(Entry, usize, Option<Range<u64>>)> {
    if !bytes.starts_with(ENTRY_SIGNATURE) {
        return None;
    }
    let flags = u16_at(bytes, 8)?;
    let method = u16_at(bytes, 10)?;
    let crc = u32_at(bytes, 16)?;
    let [packed, size] = [u32_at(bytes, 20)?, u32_at(bytes, 24)?];
    let [name, extra, comment] = [28, 30, 32].map(|at| u16_at(bytes, at).map(usize::from));
    let (name, extra, comment) = (name?, extra?, comment?);
    let header_at = u32_at(bytes, 42)?;
    let len = ENTRY + name + extra + comment;
    let name_bytes = bytes.get(ENTRY..ENTRY + name)?;
    let mut extra = zip64(bytes.get(ENTRY + name..ENTRY + name + extra)?);
    bytes.get(..len)?;
    // In the order of the extra field, only what does not fit 32 bits.
    let mut wide = |narrow: u32| {
        if narrow == u32::MAX {
            let value = u64_at(extra, 0);
            extra = extra.get(8..).unwrap_or_default();
            value
        } else {
            Some(u64::from(narrow))
        }
    };
    let (size, packed, header_at) = (wide(size), wide(packed), wide(header_at));
    let header_at = header_at.and_then(|at| at.checked_add_signed(shift));
    let taken = header_at.zip(packed).map(|(at, packed)| {
        let end = at.saturating_add(LOCAL_HEADER + name as u64);
        at..end.saturating_add(packed)
    });
    if name_bytes.ends_with(b"/") {
        return Some((Entry::Folder, len, taken));
    }
    // Made on Unix (or on macOS: 19), whose mode of the file is in the upper half: S_IFLNK.
    let mode = u16_at(bytes, 40)?;
    if matches!(bytes[5], 3 | 19) && mode & 0o170_000 == 0o120_000 {
        return Some((Entry::Link(clean(name_bytes)), len, taken));
    }
    let why = unreadable(flags, method);
    let place = match (size, packed, header_at) {
        _ if why.is_some() => Place::Unreadable(why.unwrap_or_default()),
        (Some(_), Some(packed), Some(header_at))
            if header_at
                .checked_add(LOCAL_HEADER)
                .and_then(|at| at.checked_add(packed))
                .is_some_and(|end| end <= file_bytes) =>
        {
            Place::Zip {
                header_at,
                packed,
                deflated: method == 8,
                crc,
                is_whole: true,
            }
        }
        _ => Place::Unreadable("it should lie beyond the end of the archive".to_owned()),
    };
    let member = Member {
        path: clean(name_bytes),
        size: size.unwrap_or(0),
        place,
    };
    Some((Entry::File(member), len, taken))
}

/// Why a member of these flags and this method is not read.
pub(super) fn unreadable(flags: u16, method: u16) -> Option<String> {
    match method {
        _ if flags & 1 != 0 => Some("it is encrypted".to_owned()),
        0 | 8 => None,
        _ => Some(format!(
            "it is compressed by method {method}; only deflate is read"
        )),
    }
}

/// The zip64 part of an extra field.
pub(super) fn zip64(mut extra: &[u8]) -> &[u8] {
    while let (Some(id), Some(len)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let body = extra.get(4..4 + usize::from(len)).unwrap_or_default();
        if id == 1 {
            return body;
        }
        extra = extra.get(4 + usize::from(len)..).unwrap_or_default();
    }
    &[]
}

/// Bytes from a local header's start to the data behind it.
pub(super) fn data_after(header: &[u8]) -> Option<u64> {
    if !header.starts_with(b"PK\x03\x04") {
        return None;
    }
    Some(LOCAL_HEADER + u64::from(u16_at(header, 26)?) + u64::from(u16_at(header, 28)?))
}

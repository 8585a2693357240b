//! tar, as it streams by.

use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Link, MAX_MEMBERS, Member, Members, Place, clean, short};

const BLOCK: usize = 512;
/// Links that are followed one after the other, as Linux does.
const MAX_HOPS: usize = 40;
/// A longer pax header or long name is skipped, and so is the file whose name it holds.
const MAX_EXTENSION_BYTES: u64 = 64 << 10;

const MAGIC: Range<usize> = 257..262;
/// Mode, user, group, size, time, checksum.
const NUMBERS: [Range<usize>; 6] = [100..108, 108..116, 116..124, 124..136, 136..148, 148..156];

/// Whether these are the first bytes of a tar: magic, or a header whose checksum is right (before POSIX there was no
/// magic).
pub(super) fn is_header(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else {
        return head.get(MAGIC) == Some(b"ustar");
    };
    block[0] != 0 && sum_is_right(block)
}

/// Whether these are the first bytes of a tar whose first header is damaged.
pub(super) fn is_damaged_header(head: &[u8]) -> bool {
    let Some((first, rest)) = head.split_first_chunk::<BLOCK>() else {
        return false;
    };
    let is_next = |block: &[u8]| &block[MAGIC] == b"ustar" && is_header(block);
    is_nearly_header(first) || rest.chunks_exact(BLOCK).any(is_next)
}

/// Whether most of what a header has is here, and zeros, which text has none of.
fn is_nearly_header(block: &[u8; BLOCK]) -> bool {
    let is_number = |field: &&Range<usize>| {
        let field = &block[(*field).clone()];
        field.iter().any(u8::is_ascii_digit) && number(field).is_some()
    };
    let n_numbers = NUMBERS.iter().filter(is_number).count();
    let n_enough = if &block[MAGIC] == b"ustar" { 3 } else { 5 };
    n_numbers >= n_enough && block.contains(&0)
}

fn sum_is_right(block: &[u8; BLOCK]) -> bool {
    let sum = |byte: usize| -> u64 {
        let blank = (148..156).contains(&byte);
        u64::from(if blank { b' ' } else { block[byte] })
    };
    number(&block[148..156]).is_some_and(|stated| stated == (0..BLOCK).map(sum).sum::<u64>())
}

/// Octal digits, or GNU's and star's base 256.
fn number(field: &[u8]) -> Option<u64> {
    if let [0x80, rest @ ..] = field {
        let high = rest.len().checked_sub(8)?;
        if rest[..high].iter().any(|&b| b != 0) {
            return None;
        }
        return Some(u64::from_be_bytes(*rest[high..].first_chunk()?));
    }
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches(|c: char| c == ' ' || c == '\0');
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}

fn until_zero(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    &field[..end]
}

enum Body {
    /// A listed file.
    Member(usize),
    /// GNU's long name (`L`) or long link (`K`) of the next member, or pax records for it (`x`).
    Extension {
        kind: u8,
        bytes: Vec<u8>,
    },
    Skipped,
}

enum State {
    /// Bytes of a header so far.
    Header(Vec<u8>),
    Body {
        body: Body,
        /// Bytes to come.
        left: u64,
        /// Zeros behind it, up to a whole block.
        padding: u64,
    },
}

/// Reads a tar from its text, piece by piece; where pieces end changes nothing.
pub struct Tar {
    at: u64,
    state: State,
    /// For the next member.
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    /// What was said of it was too long to be kept.
    is_unnamed: bool,
    closed: bool,
    /// The end mark was seen. Another archive may follow on it: whatever is no header there is passed over.
    is_behind_end: bool,
    has_header: bool,
    /// Blocks of zeros in front of what comes next.
    n_zero_blocks: u64,
    /// Behind the end mark lies what is no header: if one follows, a file may have lost its own.
    has_text_behind_end: bool,
    /// A block that should be a header is none: the next one is looked for, block by block.
    is_lost: bool,
    members: Members,
    /// Links: path, where it leads, whether it is a hard one.
    links: Vec<(String, Vec<u8>, bool)>,
}

impl Default for Tar {
    fn default() -> Self {
        Tar {
            at: 0,
            state: State::Header(Vec::new()),
            name: None,
            link: None,
            size: None,
            is_unnamed: false,
            closed: false,
            is_behind_end: false,
            has_header: false,
            n_zero_blocks: 0,
            has_text_behind_end: false,
            is_lost: false,
            members: Members::default(),
            links: Vec::new(),
        }
    }
}

impl Tar {
    /// The next bytes. `sink` is given the bytes of each listed file: its place in the list, what it is, and a piece.
    pub fn feed(&mut self, mut text: &[u8], sink: &mut dyn FnMut(usize, &Member, &[u8])) {
        while !text.is_empty() {
            let taken = match &mut self.state {
                State::Header(header) => {
                    let taken = text.len().min(BLOCK - header.len());
                    header.extend_from_slice(&text[..taken]);
                    if header.len() == BLOCK {
                        let header = std::mem::take(header);
                        self.at += taken as u64;
                        text = &text[taken..];
                        self.header(header.first_chunk().expect("a whole block"));
                        continue;
                    }
                    taken
                }
                State::Body { body, left, padding } => {
                    let rest = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(text.len());
                    if *left > 0 {
                        let taken = rest(*left);
                        match body {
                            Body::Member(i) => sink(*i, &self.members.list[*i], &text[..taken]),
                            Body::Extension { bytes, .. } => bytes.extend_from_slice(&text[..taken]),
                            Body::Skipped => {}
                        }
                        *left -= taken as u64;
                        taken
                    } else {
                        let taken = rest(*padding);
                        *padding -= taken as u64;
                        taken
                    }
                }
            };
            self.at += taken as u64;
            text = &text[taken..];
            if matches!(
                self.state,
                State::Body {
                    left: 0,
                    padding: 0,
                    ..
                }
            ) {
                self.body_ends();
            }
        }
    }

    fn header(&mut self, block: &[u8; BLOCK]) {
        let is_zero = block.iter().all(|&b| b == 0);
        let n_zero_blocks = std::mem::take(&mut self.n_zero_blocks);
        if is_zero && !self.is_lost && self.has_header {
            // Two such blocks end a tar; one is enough for us.
            (self.closed, self.is_behind_end) = (true, true);
            self.n_zero_blocks = n_zero_blocks + 1;
            return;
        }
        let stated = number(&block[124..136]).filter(|_| !is_zero && sum_is_right(block));
        let Some(stated) = stated else {
            let is_behind_end = self.closed && self.is_behind_end && !self.is_lost;
            // No end mark is that short, and a header of zeros is.
            if is_behind_end && n_zero_blocks == 1 && !self.has_text_behind_end {
                self.is_behind_end = false;
            } else if is_behind_end {
                self.has_text_behind_end = true;
                return;
            }
            // What was said of the file whose header this should be.
            (self.name, self.link, self.size) = (None, None, None);
            self.is_unnamed = false;
            self.members.has_damage |= !is_zero || !self.has_header;
            self.is_lost = true;
            // As behind the last file of a whole tar.
            self.closed = is_zero;
            return;
        };
        (self.is_lost, self.closed, self.has_header) = (false, false, true);
        self.members.has_damage |= std::mem::take(&mut self.has_text_behind_end);
        let kind = block[156];
        let is_extension = matches!(kind, b'x' | b'L' | b'K');
        // A pax size is the member's, not that of a header on the way to it.
        let size = if is_extension {
            stated
        } else {
            self.size.take().unwrap_or(stated)
        };
        let body = match kind {
            _ if is_extension && size <= MAX_EXTENSION_BYTES => Body::Extension {
                kind,
                bytes: Vec::new(),
            },
            _ if is_extension => {
                self.is_unnamed = true;
                Body::Skipped
            }
            b'g' => Body::Skipped,
            _ if std::mem::take(&mut self.is_unnamed) => {
                (self.name, self.link) = (None, None);
                self.members.n_not_listed += 1;
                Body::Skipped
            }
            _ => {
                let (name, link) = (self.name.take(), self.link.take());
                let name = name.unwrap_or_else(|| short_name(block));
                let path = clean(&name);
                let i = self.members.list.len();
                match kind {
                    b'0' | 0 | b'7' if !name.ends_with(b"/") => {
                        self.members.add(Member {
                            path,
                            size,
                            place: Place::Tar { at: self.at },
                        });
                    }
                    b'1' | b'2' if i + self.links.len() < MAX_MEMBERS => {
                        let to = link.unwrap_or_else(|| until_zero(&block[157..257]).to_vec());
                        self.links.push((path, to, kind == b'1'));
                    }
                    b'1' | b'2' => self.members.n_not_listed += 1,
                    b'S' | b'M' | b'3' | b'4' | b'6' => {
                        let why = match kind {
                            b'S' => "it is stored as a sparse file",
                            b'M' => "it began in another volume of the archive",
                            _ => "it is a pipe or a device, and no file",
                        };
                        self.members.add(Member {
                            path,
                            size,
                            place: Place::Unreadable(why.to_owned()),
                        });
                    }
                    // Folders.
                    _ => {}
                }
                let n_added = (self.members.list.len() - i) as u64;
                self.members.n_behind_end += if self.is_behind_end { n_added } else { 0 };
                match self.members.list.len() > i {
                    true => Body::Member(i),
                    false => Body::Skipped,
                }
            }
        };
        self.state = State::Body {
            body,
            left: size,
            padding: size.wrapping_neg() % BLOCK as u64,
        };
        if size == 0 {
            self.body_ends();
        }
    }

    fn body_ends(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Header(Vec::new()));
        let State::Body {
            body: Body::Extension { kind, bytes },
            ..
        } = state
        else {
            return;
        };
        let cut = |name: &[u8]| Some(short(name).into_owned());
        match kind {
            b'L' => self.name = cut(until_zero(&bytes)),
            b'K' => self.link = cut(until_zero(&bytes)),
            _ => {
                for (key, value) in pax(&bytes) {
                    match key {
                        b"path" => self.name = cut(value),
                        b"linkpath" => self.link = cut(value),
                        b"size" => {
                            self.size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// No more will come.
    pub fn finish(self) -> Members {
        let between = matches!(&self.state, State::Header(header) if header.is_empty());
        let has_no_end = between && !self.closed;
        let cut = match &self.state {
            State::Body {
                body: Body::Member(i),
                left: 1..,
                ..
            } => self.members.list.get(*i).map(|member| member.path.clone()),
            _ => None,
        };
        let mut members = Members {
            ends_early: !self.closed && !between,
            has_no_end,
            cut,
            ..self.members
        };
        follow(&self.links, &mut members);
        members
    }
}

/// The name in a header without a longer one before it.
fn short_name(block: &[u8; BLOCK]) -> Vec<u8> {
    let prefix = match &block[257..263] {
        b"ustar\0" => until_zero(&block[345..500]),
        _ => &[],
    };
    [prefix, b"/", until_zero(&block[..100])].concat()
}

/// Where a link leads that leads to no file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leads {
    ToFolder,
    Round,
    Out,
}

/// Lists links that lead to a file of the archive as that file, and the others as links.
fn follow(links: &[(String, Vec<u8>, bool)], members: &mut Members) {
    if links.is_empty() {
        return;
    }
    let resolved: Vec<Result<usize, Leads>> = {
        // Of several files of one name the last is what unpacking leaves.
        let named = members.list.iter().enumerate();
        let files: FxHashMap<&str, usize> = named.map(|(i, member)| (&*member.path, i)).collect();
        let mut folders: FxHashSet<&str> = FxHashSet::default();
        for path in files.keys() {
            let above = path.rmatch_indices('/').map(|(at, _)| &path[..at]);
            // What is above a folder that was seen was seen, too.
            above.take_while(|folder| folders.insert(folder)).for_each(drop);
        }
        let lead = links
            .iter()
            .map(|(path, to, is_hard)| (&**path, target(path, to, *is_hard)));
        let leads: FxHashMap<&str, Option<String>> = lead.collect();
        let resolve = |(path, ..): &(String, Vec<u8>, bool)| {
            let mut at: Option<&str> = Some(path);
            for _ in 0..MAX_HOPS {
                match at.and_then(|at| leads.get(at)) {
                    Some(next) => at = next.as_deref(),
                    None => break,
                }
            }
            let file = at.and_then(|at| files.get(at)).copied();
            file.ok_or_else(|| match at {
                Some(at) if at.is_empty() || folders.contains(at) => Leads::ToFolder,
                Some(at) if leads.contains_key(at) => Leads::Round,
                _ => Leads::Out,
            })
        };
        links.iter().map(resolve).collect()
    };
    for ((path, to, _), resolved) in links.iter().zip(resolved) {
        match resolved {
            Ok(i) => members.list.push(Member {
                path: path.clone(),
                ..members.list[i].clone()
            }),
            Err(leads) => members.links.push(Link {
                path: path.clone(),
                to: String::from_utf8_lossy(to).replace(|c: char| c.is_control(), "·"),
                is_folder_here: leads == Leads::ToFolder,
                is_round: leads == Leads::Round,
            }),
        }
    }
}

/// Path in the archive that a link leads to: a hard link states it, a symbolic one is relative to its own folder.
/// `None`: it leads out of the archive.
fn target(path: &str, to: &[u8], is_hard: bool) -> Option<String> {
    let text = String::from_utf8_lossy(to);
    if is_hard {
        return Some(clean(to));
    }
    if text.starts_with('/') {
        return None;
    }
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                folders.pop()?;
            }
            part => folders.push(part),
        }
    }
    Some(folders.join("/"))
}

/// `LENGTH KEY=VALUE\n`, the length with itself.
fn pax(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let blank = bytes.iter().position(|&b| b == b' ')?;
        let len: usize = std::str::from_utf8(&bytes[..blank]).ok()?.parse().ok()?;
        let record = bytes.get(blank + 1..len)?.strip_suffix(b"\n")?;
        bytes = &bytes[len..];
        let equals = record.iter().position(|&b| b == b'=')?;
        Some((&record[..equals], &record[equals + 1..]))
    })
}

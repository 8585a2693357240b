//! tar, as it streams by.

use super::{MAX_NAME_BYTES, Member, Members, Place, clean};

const BLOCK: usize = 512;
/// A longer pax header or long name is skipped: the member keeps its short name.
const MAX_EXTENSION_BYTES: u64 = 64 << 10;

/// Whether these are the first bytes of a tar: magic, or a header whose checksum is right (before POSIX there was no
/// magic).
pub(super) fn is_header(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else {
        return head.get(257..262) == Some(b"ustar");
    };
    block[0] != 0 && sum_is_right(block)
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
    /// GNU's long name of the next member, or pax records for it.
    Extension {
        is_pax: bool,
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
    End,
}

/// Reads a tar from its text, piece by piece; where pieces end changes nothing.
pub struct Tar {
    at: u64,
    state: State,
    /// For the next member.
    name: Option<Vec<u8>>,
    size: Option<u64>,
    closed: bool,
    members: Members,
}

impl Default for Tar {
    fn default() -> Self {
        Tar {
            at: 0,
            state: State::Header(Vec::new()),
            name: None,
            size: None,
            closed: false,
            members: Members::default(),
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
                State::End => text.len(),
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
        if block.iter().all(|&b| b == 0) {
            // Two such blocks end a tar; one is enough for us.
            self.closed = true;
            self.state = State::End;
            return;
        }
        let stated = number(&block[124..136]).filter(|_| sum_is_right(block));
        let Some(stated) = stated else {
            self.state = State::End;
            return;
        };
        let kind = block[156];
        let is_extension = matches!(kind, b'x' | b'L');
        // A pax size is the member's, not that of a header on the way to it.
        let size = if is_extension {
            stated
        } else {
            self.size.take().unwrap_or(stated)
        };
        let body = match kind {
            b'0' | 0 | b'7' => {
                let long = self.name.take();
                let short = || {
                    let prefix = match &block[257..263] {
                        b"ustar\0" => until_zero(&block[345..500]),
                        _ => &[],
                    };
                    [prefix, b"/", until_zero(&block[..100])].concat()
                };
                let name = long.unwrap_or_else(short);
                let is_folder = name.ends_with(b"/");
                let i = self.members.list.len();
                if !is_folder {
                    self.members.add(Member {
                        path: clean(&name),
                        size,
                        place: Place::Tar { at: self.at },
                    });
                }
                if self.members.list.len() > i {
                    Body::Member(i)
                } else {
                    Body::Skipped
                }
            }
            _ if is_extension && size <= MAX_EXTENSION_BYTES => Body::Extension {
                is_pax: kind == b'x',
                bytes: Vec::new(),
            },
            // Folders, links, devices, global headers.
            _ => {
                if !is_extension && kind != b'g' {
                    self.name = None;
                }
                Body::Skipped
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
            body: Body::Extension { is_pax, bytes },
            ..
        } = state
        else {
            return;
        };
        if !is_pax {
            self.name = Some(until_zero(&bytes).to_vec());
            return;
        }
        for (key, value) in pax(&bytes) {
            match key {
                b"path" => self.name = Some(value[..value.len().min(MAX_NAME_BYTES)].to_vec()),
                b"size" => self.size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
                _ => {}
            }
        }
    }

    /// No more will come.
    pub fn finish(self) -> Members {
        let between = matches!(&self.state, State::Header(header) if header.is_empty());
        Members {
            ends_early: !self.closed && !between,
            ..self.members
        }
    }
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

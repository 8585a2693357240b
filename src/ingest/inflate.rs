//! gzip (RFC 1952) and plain bytes, to plain bytes.
//!
//! The deflate engine is miniz_oxide's; the gzip header, trailer, CRC-32 and members are read here. Any number
//! of members may follow one another (bgzip writes a member every 64 KiB). Truncation and damage end the
//! stream and are counted; what came before them stands.
//!
//! A member of a zip that is stored there, not compressed, is read as a gzip member of a method of our own
//! ([`stored_header`]), so that its checksum is checked like all others. What a member of a zip holds is gzip or plain
//! as any file is: both layers are read at once, and the checksums of both are checked.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use serde::{Deserialize, Serialize};

use crate::base::{DefectKind, Defects};

use super::detect::GZIP_MAGIC;

/// Output window: a power of two, at least deflate's 32 KiB of history. 256 KiB stays in the second-level
/// cache and keeps the number of hand-overs small.
const WINDOW: usize = 256 * 1024;
/// What deflate can refer back to.
const HISTORY: usize = 32 * 1024;
/// A checkpoint every so many bytes of output at first; doubled whenever there are [`MAX_CHECKPOINTS`].
const FIRST_SPACING: u64 = 4 << 20;
/// About 45 KB each, so 12 MB at most.
const MAX_CHECKPOINTS: usize = 256;

enum State {
    /// Nothing seen yet, or one byte that may start the magic.
    Start,
    Plain,
    Header(Header),
    Body,
    /// Bytes of a stored member that are still to come.
    Stored(u64),
    /// Bytes of a member's trailer so far.
    Trailer(Vec<u8>),
    /// After a member: another one, padding, or garbage.
    Between(Vec<u8>),
    /// The end was reached, or damage; all further input is ignored.
    End,
}

/// Streaming gzip reader; passes plain input through.
pub struct Inflater {
    state: State,
    engine: Box<DecompressorOxide>,
    window: Box<[u8]>,
    window_at: usize,
    crc: crc32fast::Hasher,
    /// Output of the current member.
    member_out: u64,
    read: u64,
    written: u64,
    members: u32,
    /// It is a member of a zip.
    is_of_zip: bool,
    defects: Defects,
    damage: Option<(u64, &'static str)>,
    /// Reads what a zip's member holds, where that may be gzip.
    content: Option<Box<Inflater>>,
    hidden: HiddenMember,
    checkpoints: Checkpoints,
}

/// Bytes of [`stored_header`].
const STORED_HEADER: u64 = 10;
/// What only our own headers have: a flag that gzip reserves, of a stored member with method 0, which it reserves, too.
const STORED_FLAG: u8 = 0x80;

/// The header of a gzip member of `len` bytes that are not compressed: the length stands in place of time, extra flags
/// and system. The trailer is gzip's.
pub fn stored_header(len: u64) -> [u8; 10] {
    let [a, b, c, d, e, f, ..] = len.to_le_bytes();
    [GZIP_MAGIC[0], GZIP_MAGIC[1], 0, STORED_FLAG, a, b, c, d, e, f]
}

/// The header of a gzip member that is a zip's: deflate, with the flag that gzip reserves.
pub const DEFLATED_HEADER: [u8; 10] = [GZIP_MAGIC[0], GZIP_MAGIC[1], 8, STORED_FLAG, 0, 0, 0, 0, 0, 255];

impl Default for Inflater {
    fn default() -> Self {
        Inflater {
            state: State::Start,
            engine: Box::default(),
            window: vec![0; WINDOW].into_boxed_slice(),
            window_at: 0,
            crc: crc32fast::Hasher::new(),
            member_out: 0,
            read: 0,
            written: 0,
            members: 0,
            is_of_zip: false,
            defects: Defects::default(),
            damage: None,
            content: None,
            hidden: HiddenMember::default(),
            checkpoints: Checkpoints {
                list: Vec::new(),
                spacing: FIRST_SPACING,
                stored: None,
            },
        }
    }
}

impl Inflater {
    /// Reads `input` and hands the output to `sink`, piece by piece.
    pub fn feed(&mut self, mut input: &[u8], sink: &mut dyn FnMut(&[u8])) {
        while !input.is_empty() {
            let before = input.len();
            match &mut self.state {
                State::Start => {
                    if self.read == 0 && input[0] != GZIP_MAGIC[0] {
                        self.state = State::Plain;
                        self.checkpoints.stored = Some(Stored::PLAIN);
                    } else {
                        self.state = State::Header(Header {
                            may_be_stored: self.read == 0,
                            ..Header::default()
                        });
                    }
                    continue;
                }
                State::Plain => {
                    self.written += input.len() as u64;
                    sink(input);
                    input = &[];
                }
                State::Header(header) => {
                    let byte = input[0];
                    input = &input[1..];
                    match header.push(byte) {
                        HeaderEnd::More => {}
                        HeaderEnd::Here => {
                            let stored = header.stored_len();
                            self.is_of_zip |= header.may_be_stored && header.flags & STORED_FLAG != 0;
                            self.state = stored.map_or(State::Body, State::Stored);
                            self.engine.init();
                            self.window_at = 0;
                            self.crc = crc32fast::Hasher::new();
                            self.member_out = 0;
                            self.members += 1;
                            self.hidden = HiddenMember::default();
                            match stored {
                                Some(len) if self.members == 1 => {
                                    self.checkpoints.stored = Some(Stored {
                                        from: STORED_HEADER,
                                        len,
                                    });
                                }
                                Some(_) => {}
                                // Small members are inflated in one go: see `body`.
                                None if self.checkpoints.due(self.written) => {
                                    self.checkpoint(before - input.len());
                                }
                                None => {}
                            }
                        }
                        HeaderEnd::NotGzip if self.members == 0 && self.read <= 1 => {
                            // A plain file may start with byte 0x1f; let the reader of JSON say what it found.
                            self.state = State::Plain;
                            self.checkpoints.stored = Some(Stored::PLAIN);
                            self.written += 2;
                            sink(&[GZIP_MAGIC[0], byte]);
                        }
                        HeaderEnd::NotGzip => self.damaged("not a gzip header", before - input.len()),
                    }
                }
                State::Body => {
                    let rest = self.body(input, sink);
                    self.hidden.look(&input[..before - rest.len()]);
                    input = rest;
                }
                State::Stored(0) => self.state = State::Trailer(Vec::new()),
                State::Stored(left) => {
                    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    let (text, rest) = input.split_at(n);
                    *left -= n as u64;
                    self.crc.update(text);
                    let content = content_of(&mut self.content, self.is_of_zip && self.member_out == 0, text);
                    self.member_out += n as u64;
                    hand_on(content, text, &mut self.written, sink);
                    input = rest;
                }
                State::Trailer(tail) => {
                    tail.push(input[0]);
                    self.hidden.look(&input[..1]);
                    input = &input[1..];
                    if let [a, b, c, d, e, f, g, h] = tail[..] {
                        let crc = std::mem::take(&mut self.crc).finalize();
                        let wrong_crc = u32::from_le_bytes([a, b, c, d]) != crc;
                        let length = u64::from(u32::from_le_bytes([e, f, g, h]));
                        self.state = State::Between(Vec::new());
                        if !wrong_crc && length == self.member_out & 0xffff_ffff {
                            self.hidden = HiddenMember::default();
                        } else if let Some(next) =
                            Header::within_trailer([a, b, c, d, e, f, g, h]).filter(|_| !self.is_of_zip)
                        {
                            // The member is cut in its trailer, and the next one follows.
                            self.defects.add(DefectKind::TruncatedGzip, None);
                            self.state = State::Header(next);
                        } else {
                            let kind = match self.is_of_zip {
                                true => DefectKind::MemberChecksum,
                                false => DefectKind::GzipChecksum,
                            };
                            self.defects.add(kind, None);
                        }
                    }
                }
                State::Between(seen) => {
                    seen.push(input[0]);
                    self.hidden.look(&input[..1]);
                    input = &input[1..];
                    if seen.as_slice() == GZIP_MAGIC {
                        self.state = State::Header(Header::behind_magic());
                    } else if !GZIP_MAGIC.starts_with(seen) {
                        // Padding with zeros is allowed by custom (tar, dd); anything else is said.
                        if seen.iter().any(|&b| b != 0) {
                            self.defects.add(DefectKind::TrailingGarbage, None);
                            self.state = State::End;
                        } else {
                            seen.clear();
                        }
                    }
                }
                State::End => {
                    self.hidden.look(input);
                    input = &[];
                }
            }
            self.read += (before - input.len()) as u64;
        }
    }

    /// Inflates until `input` is used up or the member ends; gives what is left of `input`.
    fn body<'a>(&mut self, input: &'a [u8], sink: &mut dyn FnMut(&[u8])) -> &'a [u8] {
        let mut used = 0;
        loop {
            let (status, n_in, n_out) = decompress(
                &mut self.engine,
                &input[used..],
                &mut self.window,
                self.window_at,
                inflate_flags::TINFL_FLAG_HAS_MORE_INPUT,
            );
            let out = &self.window[self.window_at..self.window_at + n_out];
            self.crc.update(out);
            let content = content_of(&mut self.content, self.is_of_zip && self.member_out == 0, out);
            hand_on(content, out, &mut self.written, sink);
            used += n_in;
            self.member_out += n_out as u64;
            self.window_at = (self.window_at + n_out) & (WINDOW - 1);
            match status {
                TINFLStatus::HasMoreOutput => {
                    if self.checkpoints.due(self.written) {
                        self.checkpoint(used);
                    }
                }
                TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => return &input[used..],
                TINFLStatus::Done => {
                    self.state = State::Trailer(Vec::new());
                    return &input[used..];
                }
                _ => {
                    self.damaged("the deflate data is invalid", used);
                    return &[];
                }
            }
        }
    }

    fn checkpoint(&mut self, further: usize) {
        let content = match &self.content {
            Some(content) if !matches!(content.state, State::Body) => return,
            content => content.as_ref().map(|content| Box::new(content.place(0))),
        };
        let checkpoint = Checkpoint {
            content,
            ..self.place(further)
        };
        self.checkpoints.add(checkpoint);
    }

    fn place(&self, further: usize) -> Checkpoint {
        Checkpoint {
            read: self.read + further as u64,
            written: self.written,
            engine: self.engine.clone(),
            history: self.history(),
            content: None,
        }
    }

    fn damaged(&mut self, why: &'static str, further: usize) {
        self.damage = Some((self.read + further as u64, why));
        let kind = match self.is_of_zip {
            true => DefectKind::CorruptMember,
            false => DefectKind::CorruptGzip,
        };
        self.defects.add(kind, None);
        self.state = State::End;
    }

    /// The last 32 KiB of output, oldest first.
    fn history(&self) -> Box<[u8]> {
        (0..HISTORY)
            .map(|i| self.window[(self.window_at + WINDOW - HISTORY + i) & (WINDOW - 1)])
            .collect()
    }

    /// No more input will come. Gives what was found, and what makes any byte of the output reachable again.
    pub fn finish(mut self) -> (Inflated, Checkpoints) {
        // What follows on a zip's member is the next one, and was not given.
        if self.hidden.is_found && !self.is_of_zip {
            self.defects.add(DefectKind::HiddenGzipMember, None);
        }
        match &self.state {
            State::Header(_) | State::Body | State::Stored(_) | State::Trailer(_) if self.is_of_zip => {
                self.defects.add(DefectKind::TruncatedMember, None);
            }
            State::Header(_) | State::Body | State::Stored(_) | State::Trailer(_) => {
                self.defects.add(DefectKind::TruncatedGzip, None)
            }
            State::Between(seen) if !seen.is_empty() => self.defects.add(DefectKind::TrailingGarbage, None),
            _ => {}
        }
        let mut inflated = Inflated {
            read: self.read,
            written: self.written,
            is_gzip: self.is_gzip(),
            damage: self.damage.map(|(at, why)| (at, why.to_owned())),
            defects: self.defects,
        };
        let Some(content) = self.content else {
            return (inflated, self.checkpoints);
        };
        let (mut within, checkpoints) = content.finish();
        // It ends there because the member does.
        if inflated.defects.has(DefectKind::ends_early) {
            within.defects.forget(|kind| kind == DefectKind::TruncatedGzip);
        }
        inflated.defects.merge(&within.defects);
        inflated.damage = inflated.damage.or(within.damage);
        let checkpoints = match self.checkpoints.stored {
            Some(Stored { from, .. }) => checkpoints.further(from),
            None => self.checkpoints,
        };
        (inflated, checkpoints)
    }

    /// Bytes of input so far.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Bytes of output so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Where the input is damaged, and how.
    pub fn damage(&self) -> Option<(u64, &'static str)> {
        self.damage
    }

    /// Whether the input is gzip, also within a zip; `false` while nothing was read.
    pub fn is_gzip(&self) -> bool {
        if let Some(content) = &self.content {
            return content.is_gzip();
        }
        self.checkpoints.stored.is_none() && !self.is_of_zip && !matches!(self.state, State::Start)
    }

    /// Whether the end of the input says whether all before it is right.
    pub fn has_checksum(&self) -> bool {
        self.is_of_zip || self.is_gzip()
    }
}

/// Who reads what a zip's member holds: `text` is the next of it, and the first where `is_first`.
fn content_of<'a>(
    content: &'a mut Option<Box<Inflater>>,
    is_first: bool,
    text: &[u8],
) -> Option<&'a mut Inflater> {
    // No text starts so.
    if is_first && text.first() == Some(&GZIP_MAGIC[0]) {
        *content = Some(Box::new(Inflater {
            state: State::Header(Header::default()),
            ..Inflater::default()
        }));
    }
    content.as_deref_mut()
}

fn hand_on(content: Option<&mut Inflater>, text: &[u8], written: &mut u64, sink: &mut dyn FnMut(&[u8])) {
    match content {
        Some(content) => {
            content.feed(text, sink);
            *written = content.written;
        }
        None => {
            *written += text.len() as u64;
            sink(text);
        }
    }
}

/// What a finished [`Inflater`] has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inflated {
    /// Bytes of input.
    pub read: u64,
    /// Bytes of output.
    pub written: u64,
    pub is_gzip: bool,
    /// Where the stream is damaged (byte of the input), and how.
    pub damage: Option<(u64, String)>,
    pub defects: Defects,
}

enum HeaderEnd {
    More,
    Here,
    NotGzip,
}

/// Looks for the header of a member in what seems to belong to the one before, or to none.
#[derive(Default)]
struct HiddenMember {
    is_found: bool,
    /// The last bytes that were looked at, fewer than a header has.
    last: Vec<u8>,
}

/// Bytes of a header without its optional parts.
const HEADER: usize = 10;

impl HiddenMember {
    fn look(&mut self, input: &[u8]) {
        if self.is_found {
            return;
        }
        let held = self.last.len();
        self.last.extend_from_slice(&input[..input.len().min(HEADER - 1)]);
        let is_here = |b: &[u8]| {
            memchr::memmem::find_iter(b, &[GZIP_MAGIC[0], GZIP_MAGIC[1], 8]).any(|at| is_header(&b[at..]))
        };
        self.is_found = is_here(&self.last) || is_here(input);
        if input.len() < HEADER {
            let from = (held + input.len()).saturating_sub(HEADER - 1);
            self.last.drain(..from);
        } else {
            self.last.clear();
            self.last.extend_from_slice(&input[input.len() - (HEADER - 1)..]);
        }
    }
}

/// Whether `b`, behind the magic and the method, goes on as writers of gzip do: no flag that is reserved, extra flags
/// of deflate (0, 2 or 4), a system that RFC 1952 lists.
fn is_header(b: &[u8]) -> bool {
    matches!(b, [_, _, _, 0..=31, _, _, _, _, 0 | 2 | 4, 0..=13 | 255, ..])
}

/// A gzip header (RFC 1952, section 2.3) as it comes; its name, comment and extra field may be of any length, and
/// nothing of them is kept.
#[derive(Default)]
struct Header {
    part: HeaderPart,
    /// Bytes of this part so far.
    seen: u16,
    flags: u8,
    extra_len: u16,
    /// Whether it is the first of the file: only there our own one stands.
    may_be_stored: bool,
    is_stored: bool,
    /// Bytes 4 to 9.
    fixed: [u8; 6],
}

/// In the order that they have in the file.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum HeaderPart {
    #[default]
    Fixed,
    ExtraLen,
    Extra,
    Name,
    Comment,
    Crc,
}

impl Header {
    fn behind_magic() -> Header {
        Header {
            seen: 2,
            ..Header::default()
        }
    }

    /// The header that starts in place of the trailer of a member that was cut.
    fn within_trailer(tail: [u8; 8]) -> Option<Header> {
        let at = memchr::memmem::find(&tail, &[GZIP_MAGIC[0], GZIP_MAGIC[1], 8])?;
        let mut header = Header::default();
        let is_one = tail[at..]
            .iter()
            .all(|&byte| matches!(header.push(byte), HeaderEnd::More));
        is_one.then_some(header)
    }

    fn push(&mut self, byte: u8) -> HeaderEnd {
        let at = self.seen;
        self.seen = self.seen.wrapping_add(1);
        let is_whole = match self.part {
            HeaderPart::Fixed => {
                match at {
                    0 | 1 if byte != GZIP_MAGIC[usize::from(at)] => return HeaderEnd::NotGzip,
                    // The only method there is, and our own.
                    2 if byte != 8 && (byte != 0 || !self.may_be_stored) => return HeaderEnd::NotGzip,
                    2 => self.is_stored = byte == 0,
                    3 if self.is_stored && byte != STORED_FLAG => return HeaderEnd::NotGzip,
                    3 => self.flags = byte,
                    4.. => {
                        if let Some(fixed) = self.fixed.get_mut(usize::from(at) - 4) {
                            *fixed = byte;
                        }
                    }
                    _ => {}
                }
                self.seen == 10
            }
            HeaderPart::ExtraLen => {
                self.extra_len |= u16::from(byte) << (8 * at);
                self.seen == 2
            }
            HeaderPart::Extra => self.seen == self.extra_len,
            HeaderPart::Name | HeaderPart::Comment => byte == 0,
            HeaderPart::Crc => self.seen == 2,
        };
        if is_whole { self.next() } else { HeaderEnd::More }
    }

    /// Bytes of a stored member; see [`stored_header`].
    fn stored_len(&self) -> Option<u64> {
        let [a, b, c, d, e, f] = self.fixed;
        self.is_stored
            .then(|| u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    /// Goes on with the next part that there is.
    fn next(&mut self) -> HeaderEnd {
        let has = |flag: u8| self.flags & flag != 0;
        let parts = [
            (HeaderPart::ExtraLen, has(4)),
            (HeaderPart::Extra, has(4) && self.extra_len > 0),
            (HeaderPart::Name, has(8)),
            (HeaderPart::Comment, has(16)),
            (HeaderPart::Crc, has(2)),
        ];
        let next = parts
            .into_iter()
            .find(|&(part, is_there)| part > self.part && is_there);
        let Some((part, _)) = next else {
            return HeaderEnd::Here;
        };
        (self.part, self.seen) = (part, 0);
        HeaderEnd::More
    }
}

/// A place from which inflating can be taken up again.
struct Checkpoint {
    /// Input used up to here.
    read: u64,
    /// Output given up to here.
    written: u64,
    engine: Box<DecompressorOxide>,
    history: Box<[u8]>,
    /// Of gzip within a zip's member: where that is read on, too.
    content: Option<Box<Checkpoint>>,
}

impl Checkpoint {
    fn inflater(&self) -> Inflater {
        let mut inflater = Inflater {
            state: State::Body,
            engine: self.engine.clone(),
            read: self.read,
            written: self.written,
            members: 1,
            content: self.content.as_ref().map(|content| Box::new(content.inflater())),
            ..Inflater::default()
        };
        inflater.window[WINDOW - HISTORY..].copy_from_slice(&self.history);
        inflater
    }
}

/// Places from which any byte of the output is reachable without starting over.
pub struct Checkpoints {
    list: Vec<Checkpoint>,
    spacing: u64,
    /// Where output and input are the same, if they are.
    stored: Option<Stored>,
}

/// The first `len` bytes of the output are the input from byte `from` on.
#[derive(Clone, Copy)]
struct Stored {
    from: u64,
    len: u64,
}

impl Stored {
    const PLAIN: Stored = Stored {
        from: 0,
        len: u64::MAX,
    };
}

impl Checkpoints {
    /// The same of an input that starts `bytes` further on.
    fn further(mut self, bytes: u64) -> Checkpoints {
        self.list
            .iter_mut()
            .for_each(|checkpoint| checkpoint.read += bytes);
        self.stored = self.stored.map(|stored| Stored {
            from: stored.from + bytes,
            ..stored
        });
        self
    }

    fn due(&self, written: u64) -> bool {
        written >= self.list.last().map_or(0, |c| c.written) + self.spacing
    }

    fn add(&mut self, checkpoint: Checkpoint) {
        self.list.push(checkpoint);
        if self.list.len() > MAX_CHECKPOINTS {
            self.spacing *= 2;
            let mut keep = false;
            self.list.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// Starts reading at byte `at` of the output.
    pub fn reader(&self, at: u64) -> RangeReader {
        let inflater = self.inflater(at);
        RangeReader { inflater, at }
    }

    /// One that goes on somewhere at or before byte `at` of the output, and wants input from [`Inflater::read`] on.
    pub fn inflater(&self, at: u64) -> Inflater {
        if let Some(Stored { from, len }) = self.stored.filter(|stored| at < stored.len) {
            return Inflater {
                state: match from {
                    0 => State::Plain,
                    _ => State::Stored(len - at),
                },
                read: from + at,
                written: at,
                member_out: at,
                members: 1,
                ..Inflater::default()
            };
        }
        let before = self.list.partition_point(|c| c.written <= at);
        let checkpoint = before.checked_sub(1).map(|i| &self.list[i]);
        let mut inflater = checkpoint.map_or_else(Inflater::default, Checkpoint::inflater);
        // A range reader needs no checkpoints of its own.
        inflater.checkpoints.spacing = u64::MAX / 2;
        inflater
    }
}

impl Checkpoints {
    /// Up to `len` bytes of the output from byte `at` on, where the whole input is at hand.
    pub fn read(&self, input: &[u8], at: u64, len: usize) -> Vec<u8> {
        let mut reader = self.reader(at);
        let from = usize::try_from(reader.wants()).unwrap_or(usize::MAX);
        let mut out = Vec::new();
        for piece in input.get(from..).unwrap_or_default().chunks(64 << 10) {
            if out.len() >= len {
                break;
            }
            reader.feed(piece, &mut out);
        }
        out.truncate(len);
        out
    }
}

/// Reads the output from some byte on; asks for input, knows no file.
pub struct RangeReader {
    inflater: Inflater,
    at: u64,
}

impl RangeReader {
    /// Byte of the file from which the next input is wanted.
    pub fn wants(&self) -> u64 {
        self.inflater.read
    }

    /// Takes the input at [`RangeReader::wants`], gives what of the output lies at or after the wanted byte.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut written = self.inflater.written;
        let at = self.at;
        self.inflater.feed(input, &mut |piece| {
            let skip = usize::try_from(at.saturating_sub(written)).unwrap_or(usize::MAX);
            written += piece.len() as u64;
            out.extend_from_slice(piece.get(skip..).unwrap_or_default());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;

    pub fn gz(data: &[u8]) -> Vec<u8> {
        let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        out.extend(compress_to_vec(data, 6));
        out.extend(crc32fast::hash(data).to_le_bytes());
        out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        out
    }

    fn inflate<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Defects, Checkpoints) {
        let mut inflater = Inflater::default();
        let mut out = Vec::new();
        for chunk in chunks {
            inflater.feed(chunk, &mut |piece| out.extend_from_slice(piece));
        }
        let (inflated, checkpoints) = inflater.finish();
        (out, inflated.defects, checkpoints)
    }

    fn lines(n: usize) -> Vec<u8> {
        (0..n)
            .flat_map(|i| format!("{{\"line\": {i}, \"x\": {}}},\n", i * 7919 % 1000).into_bytes())
            .collect()
    }

    #[test]
    fn a_header_has_all_its_parts_at_any_length() {
        let data = lines(20);
        let body = gz(&data)[10..].to_vec();
        let long = vec![b'n'; 3 << 20];
        // FHCRC, FEXTRA, FNAME and FCOMMENT are 2, 4, 8 and 16; an extra field of 0 bytes has a length all the same.
        for flags in 0..32u8 {
            let mut file = vec![0x1f, 0x8b, 8, flags & !1, 0, 0, 0, 0, 0, 255];
            if flags & 4 != 0 {
                let extra: &[u8] = if flags & 8 != 0 { &[] } else { &[0; 300] };
                file.extend(u16::try_from(extra.len()).unwrap().to_le_bytes());
                file.extend(extra);
            }
            for flag in [8, 16] {
                if flags & flag != 0 {
                    file.extend(&long);
                    file.push(0);
                }
            }
            if flags & 2 != 0 {
                file.extend([1, 2]);
            }
            file.extend(&body);
            let (out, defects, _) = inflate([&file[..]]);
            assert!(out == data && defects.is_empty(), "{flags}");
        }
    }

    fn stored(data: &[u8], crc: u32) -> Vec<u8> {
        let len = u32::try_from(data.len()).unwrap().to_le_bytes();
        [
            &stored_header(data.len() as u64)[..],
            data,
            &crc.to_le_bytes(),
            &len,
        ]
        .concat()
    }

    #[test]
    fn a_stored_member_is_checked_and_read_again_anywhere() {
        let data = lines(50_000);
        let crc = crc32fast::hash(&data);
        let file = stored(&data, crc);
        for piece in [1_000, file.len()] {
            let (out, defects, checkpoints) = inflate(file.chunks(piece));
            assert!(out == data && defects.is_empty(), "{piece}");
            for at in [0, 1, 70_000, data.len() - 1, data.len(), data.len() + 5] {
                let wanted = &data[at.min(data.len())..(at + 100).min(data.len()).max(at.min(data.len()))];
                assert_eq!(checkpoints.read(&file, at as u64, 100), wanted, "{at}");
            }
        }
        let only = |file: &[u8], kind| {
            let (out, defects, _) = inflate([file]);
            assert!(
                data.starts_with(&out) && defects.iter().eq([(kind, 1, None)]),
                "{defects:?}"
            );
        };
        only(&stored(&data, crc ^ 1), DefectKind::MemberChecksum);
        only(&file[..100_000], DefectKind::TruncatedMember);
        only(&file[..file.len() - 3], DefectKind::TruncatedMember);
        assert_eq!(inflate([&stored(b"", 0)[..]]).1, Defects::default());
        // Our own header stands nowhere but at the start of a file.
        let nested = stored(&stored(&data, crc), 0);
        let (out, defects, checkpoints) = inflate([&nested[..]]);
        assert_eq!(defects.count(DefectKind::CorruptGzip), 1, "{defects:?}");
        assert!(checkpoints.read(&nested, 0, 100) == out);
    }

    fn deflated(data: &[u8]) -> Vec<u8> {
        let mut file = gz(data);
        file[..10].copy_from_slice(&DEFLATED_HEADER);
        file
    }

    #[test]
    fn gzip_in_a_member_of_a_zip_is_read_and_both_checksums_are_checked() {
        let data = lines(200_000);
        let packed = gz(&data);
        let mut wrong_within = packed.clone();
        let n = wrong_within.len();
        wrong_within[n - 8] ^= 1;
        let with_wrong_sum = |mut file: Vec<u8>| {
            let n = file.len();
            file[n - 8] ^= 1;
            file
        };
        type Packs = fn(&[u8]) -> Vec<u8>;
        let in_zip: [Packs; 2] = [|b| stored(b, crc32fast::hash(b)), deflated];
        for in_zip in in_zip {
            let file = in_zip(&packed);
            for piece in [1, 1_000, file.len()] {
                let (out, defects, checkpoints) = inflate(file.chunks(piece));
                assert!(out == data && defects.is_empty(), "{defects:?}");
                for at in [0, 1, 70_000, 5_000_000, data.len() - 100] {
                    let read = checkpoints.read(&file, at as u64, 100);
                    assert_eq!(read, data[at..at + 100], "{at}");
                }
            }
            for (file, kind) in [
                (with_wrong_sum(in_zip(&packed)), DefectKind::MemberChecksum),
                (in_zip(&wrong_within), DefectKind::GzipChecksum),
                (file[..file.len() / 2].to_vec(), DefectKind::TruncatedMember),
                (file[..file.len() - 9].to_vec(), DefectKind::TruncatedMember),
                (in_zip(&packed[..n / 2]), DefectKind::TruncatedGzip),
            ] {
                let (out, defects, _) = inflate([&file[..]]);
                assert!(out.len() > 1_000 && data.starts_with(&out), "{kind:?}");
                assert!(defects.iter().eq([(kind, 1, None)]), "{kind:?}: {defects:?}");
            }
            let thrice = in_zip(&gz(&packed));
            let (out, defects, _) = inflate([&thrice[..]]);
            assert!(out == packed && defects.is_empty(), "one layer in a zip");
        }
    }

    #[test]
    fn gzip_of_any_size_in_a_deflated_member_is_read_again_from_a_checkpoint() {
        // Hardly compressed, so that the member itself has many windows.
        let mut state = 1u32;
        let data: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(12 << 20)
        .collect();
        let file = deflated(&gz(&data));
        let (out, defects, checkpoints) = inflate(file.chunks(1 << 20));
        assert!(out == data && defects.is_empty(), "{defects:?}");
        assert!(checkpoints.list.len() >= 2, "{}", checkpoints.list.len());
        for at in [0, 4 << 20, (9 << 20) + 7, data.len() - 100] {
            assert_eq!(
                checkpoints.read(&file, at as u64, 100),
                data[at..at + 100],
                "{at}"
            );
            assert!(
                checkpoints.reader(at as u64).wants() + (6 << 20) > at as u64,
                "{at}"
            );
        }
    }

    #[test]
    fn members_follow_one_another() {
        let mut file = gz(b"one ");
        file.extend(gz(b""));
        file.extend(gz(b"two"));
        let (out, defects, _) = inflate([&file[..]]);
        assert_eq!(out, b"one two");
        assert!(defects.is_empty());
    }

    #[test]
    fn a_member_behind_one_that_was_cut_is_read_or_said_to_be_lost() {
        let (one, two) = (lines(40), lines(30));
        let (first, second) = (gz(&one), gz(&two));
        let both = [&one[..], &two].concat();
        for cut in 11..first.len() {
            let file = [&first[..cut], &second].concat();
            let (out, defects, _) = inflate([&file[..]]);
            let in_pieces = inflate(file.chunks(3));
            assert_eq!((&in_pieces.0, &in_pieces.1), (&out, &defects), "{cut}");
            let is_lost = defects.count(DefectKind::HiddenGzipMember) == 1;
            assert!(is_lost != (out == both), "{cut} {defects:?}");
            assert!(!defects.is_empty());
        }
        let junk = [&first[..], b"junk", &second].concat();
        assert_eq!(inflate([&junk[..]]).1.count(DefectKind::HiddenGzipMember), 1);
        // Cut, and nothing behind it.
        for cut in 11..first.len() {
            let defects = inflate([&first[..cut]]).1;
            assert!(defects.iter().eq([(DefectKind::TruncatedGzip, 1, None)]), "{cut}");
        }
    }

    #[test]
    fn damage_is_counted_and_what_came_before_stands() {
        let data = lines(5000);
        let good = gz(&data);
        let (out, defects, _) = inflate([&good[..good.len() / 2]]);
        assert!(data.starts_with(&out) && out.len() > 1000);
        assert_eq!(defects.count(DefectKind::TruncatedGzip), 1);

        let mut wrong_crc = good.clone();
        let n = wrong_crc.len();
        wrong_crc[n - 8] ^= 1;
        let (out, defects, _) = inflate([&wrong_crc[..]]);
        assert_eq!(out, data);
        assert_eq!(
            defects.iter().collect::<Vec<_>>(),
            vec![(DefectKind::GzipChecksum, 1, None)]
        );

        let mut garbage = good.clone();
        garbage.extend(b"junk");
        let (out, defects, _) = inflate([&garbage[..]]);
        assert_eq!(out, data);
        assert_eq!(
            defects.iter().collect::<Vec<_>>(),
            vec![(DefectKind::TrailingGarbage, 1, None)]
        );

        let mut padded = good;
        padded.extend([0; 512]);
        assert!(inflate([&padded[..]]).1.is_empty());
    }

    #[test]
    fn any_byte_is_reachable_from_a_checkpoint() {
        let data = lines(900_000);
        let file = gz(&data);
        let (out, _, checkpoints) = inflate(file.chunks(1 << 20));
        assert!(out == data);
        assert!(checkpoints.list.len() >= 4, "{}", checkpoints.list.len());
        for at in [0, 1, 5_000_000, 12_345_678, data.len() - 10] {
            let mut reader = checkpoints.reader(at as u64);
            let mut got = Vec::new();
            while got.len() < 10 {
                let from = usize::try_from(reader.wants()).unwrap();
                reader.feed(&file[from..(from + 4096).min(file.len())], &mut got);
            }
            assert_eq!(&got[..10], &data[at..at + 10], "at {at}");
        }
        let (_, _, plain) = inflate([&data[..100]]);
        let mut got = Vec::new();
        let mut reader = plain.reader(40);
        assert_eq!(reader.wants(), 40);
        reader.feed(&data[40..60], &mut got);
        assert_eq!(got, &data[40..60]);
    }

    proptest::proptest! {
        #[test]
        fn chunking_changes_nothing(
            cut in 1usize..40,
            at in 0usize..3000,
            flip in proptest::option::of(0usize..3000),
            extra in "[a-z\\x00]{0,6}",
        ) {
            let mut file = gz(&lines(120));
            file.extend(gz(&lines(40)));
            file.extend(extra.as_bytes());
            if let Some(flip) = flip {
                let n = file.len();
                file[flip % n] ^= 0x10;
            }
            let file = &file[..file.len().min(at + 5)];
            let (whole, whole_defects, _) = inflate([file]);
            let (cut, cut_defects, _) = inflate(file.chunks(cut));
            proptest::prop_assert_eq!(whole, cut);
            proptest::prop_assert_eq!(whole_defects, cut_defects);
        }
    }
}

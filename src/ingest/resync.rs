//! Where a document starts behind damage, or inside an event that was never finished: a writer was killed, and another
//! one appended to its file.
//!
//! JSON that is whole is never asked: only what could not be read, or does not end. Text in a string is no document:
//! its quotes are escaped, or the string's own quote stands behind it.

use super::event::Phase;
use super::event_fields::{Field, Fields, Wanted};
use super::json_walk::{self, Stop};
use super::scan::looks_like_event;

/// With which keys writers start a document: torch (schemaVersion), Chrome and those that write like it.
const FIRST_KEYS: [&[u8]; 11] = [
    b"traceEvents",
    b"schemaVersion",
    b"displayTimeUnit",
    b"otherData",
    b"metadata",
    b"deviceProperties",
    b"distributedInfo",
    b"baseTimeNanoseconds",
    b"record_shapes",
    b"with_stack",
    b"trace_id",
];
/// What they write behind the list of events.
const LAST_KEYS: [&[u8]; 4] = [b"traceName", b"stackFrames", b"samples", b"systemTraceEvents"];
/// Keys that torch alone writes: it writes a trace whole, when recording is over.
pub(super) const TORCH_KEYS: [&[u8]; 5] = [
    b"schemaVersion",
    b"deviceProperties",
    b"distributedInfo",
    b"baseTimeNanoseconds",
    b"record_shapes",
];
/// So far its header and first event are looked for; a torch header of 8 devices takes 6 KB.
pub(super) const WINDOW: usize = 64 << 10;
/// So far the first event of a list without a header is looked for.
const LIST_WINDOW: usize = 8 << 10;
/// So many bytes before a place say what it is.
pub(super) const BEFORE: usize = 16;

/// Whether a document starts at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Yes,
    /// It does not, and so many bytes were looked at for it.
    No(usize),
    /// So many bytes read as one, and belong to a string whose quotes are not escaped.
    Text(usize),
    /// The bytes at hand do not decide.
    Undecided,
}

/// What the place is inside of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// A list: what stands there is one of its elements.
    List,
    /// An event or a header value that is broken: one that ends, and behind which that goes on, is a part of it.
    Value,
    /// A header that is broken.
    Header,
    /// Nothing: the document before is over.
    Nothing,
}

/// Whether a document starts at the brace or bracket `b[at]`; `last`: `b` ends where the text does.
pub(super) fn document_at(b: &[u8], at: usize, inside: Inside, last: bool) -> Start {
    // A list of events behind its own key, or inside another list.
    let before = b[at.saturating_sub(BEFORE)..at].trim_ascii_end();
    let is_part = match inside {
        Inside::Value => {
            let key = before.strip_suffix(b":").map(<[u8]>::trim_ascii_end);
            key.is_some_and(|key| key.ends_with(b"traceEvents\""))
        }
        _ => matches!(before.last(), Some(b':' | b'[')),
    };
    if b[at] == b'[' && is_part {
        return Start::No(0);
    }
    let text = &b[at..b.len().min(at + WINDOW)];
    let is_all = last || text.len() == WINDOW;
    let mut seen = 0;
    let head = match text[0] {
        b'{' => header(text, &mut seen),
        _ => list(&text[..text.len().min(LIST_WINDOW)], &mut seen),
    };
    let is_all = is_all || text[0] == b'[' && text.len() >= LIST_WINDOW;
    match head {
        Ok(()) => {}
        Err(Stop::More) if !is_all => return Start::Undecided,
        Err(Stop::More) => return Start::No(text.len()),
        Err(Stop::Bad) => return Start::No(seen),
    }
    if inside == Inside::List {
        return Start::Yes;
    }
    match json_walk::container(text, 0) {
        Err(_) if !is_all => Start::Undecided,
        // It goes on for long, or to the end of the file.
        Err(_) => Start::Yes,
        Ok(end) => {
            let next = json_walk::blanks(b, at + end);
            match (b.get(at + end), b.get(next)) {
                (Some(b'"'), _) => Start::Text(end),
                (_, None) if !last && next - at < WINDOW => Start::Undecided,
                (_, Some(&c)) if inside != Inside::Nothing && goes_on_as_text(&b[at + end..next], c) => {
                    Start::Text(end)
                }
                (_, Some(b'}')) if inside == Inside::Value => Start::No(end),
                (_, Some(b',' | b']')) if inside == Inside::Value => element_at(b, at, next, last),
                _ => Start::Yes,
            }
        }
    }
}

/// Whether what stands behind a document, in the same line, is the rest of a string: `blanks` and a character that
/// writers do not put between documents; or a quote, which ends the string.
fn goes_on_as_text(blanks: &[u8], next: u8) -> bool {
    let is_between = b"{[}],;-.\0\x1e\xef".contains(&next);
    next == b'"' || !is_between && !blanks.contains(&b'\n')
}

/// Whether the document `b[at..]`, which ends before the comma or bracket `b[comma]`, is an element of a list of
/// documents: another one follows, or that bracket ends the text or is followed by what is no part of JSON.
fn element_at(b: &[u8], at: usize, comma: usize, last: bool) -> Start {
    let next = json_walk::blanks(b, comma + 1);
    let is_all = last || next - at >= WINDOW;
    let no = Start::No(comma - at);
    match (b[comma], b.get(next)) {
        (_, None) if !is_all => Start::Undecided,
        (b']', None) => Start::Yes,
        (b']', Some(b',' | b'}' | b']' | b'"')) => no,
        (b']', Some(_)) => Start::Yes,
        (_, Some(&first @ (b'{' | b'['))) => {
            let window = if first == b'{' { WINDOW } else { LIST_WINDOW };
            let text = &b[next..b.len().min(next + window)];
            let mut seen = 0;
            let head = match first {
                b'{' => header(text, &mut seen),
                _ => list(text, &mut seen),
            };
            match head {
                Ok(()) => Start::Yes,
                Err(Stop::More) if !last && text.len() < window => Start::Undecided,
                Err(_) => Start::No(comma - at + seen),
            }
        }
        _ => no,
    }
}

/// Whether the object at the start of `b` may be a document, by the first letter of its first key: asked of each event.
#[inline]
pub(super) fn may_start(b: &[u8]) -> bool {
    let quote = json_walk::blanks(b, 1);
    let letter = b.get(quote + 1);
    b[0] == b'{' && letter.is_none_or(|letter| b"tsdombrw".contains(letter))
}

/// Whether the object at the start of `b` has a header's key first.
pub(super) fn has_header_key(b: &[u8]) -> bool {
    let from = json_walk::blanks(b, 1) + 1;
    may_start(b)
        && b.get(from..)
            .is_some_and(|b| FIRST_KEYS.iter().any(|key| b.len() > key.len() && may_be(b, key)))
}

/// Where the list of events ends in `text`, which starts with an element of it that cannot be read, and ends where the
/// file does, where another document starts, or where what may be the next event does (`is_all` is not set): at the
/// first bracket that closes what was not opened (or, where quotes do not match, stands behind a brace), if what
/// follows it fits.
pub(super) fn list_end(text: &[u8], is_bare: bool, is_all: bool) -> Option<usize> {
    let (mut open, mut in_string, mut i) = (Vec::new(), false, 0);
    while let Some(&c) = text.get(i) {
        match c {
            b'\\' => i += 1,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => open.push(c),
            b'}' if !in_string && open.last() == Some(&b'{') => {
                open.pop();
            }
            b']' => {
                let is_closing = !in_string && open.last() != Some(&b'[');
                if !in_string && !is_closing {
                    open.pop();
                }
                let is_behind_brace = text[..i].trim_ascii_end().last() == Some(&b'}');
                let is_end = match is_closing {
                    true => ends_list(text, i + 1, is_bare, is_all),
                    false => in_string && is_behind_brace && ends_text(text, i + 1, is_bare, is_all),
                };
                if is_end {
                    return Some(i);
                }
            }
            _ => {}
        }
        i += 1;
    }
    None
}

/// Whether what stands at `text[i..]` follows on a list of events: the end, or a key of the header.
fn ends_list(text: &[u8], i: usize, is_bare: bool, is_all: bool) -> bool {
    let i = json_walk::blanks(text, i);
    match text.get(i) {
        Some(b',') if !is_bare => {
            let key = text.get(json_walk::blanks(text, i + 1)..).unwrap_or_default();
            let key = key.strip_prefix(b"\"").unwrap_or_default();
            let is = |known: &&[u8]| key.len() > known.len() && may_be(key, known);
            FIRST_KEYS.iter().chain(&LAST_KEYS).any(is)
        }
        _ => ends_text(text, i, is_bare, is_all),
    }
}

/// Whether nothing but the document's last brace stands at `text[i..]`.
fn ends_text(text: &[u8], i: usize, is_bare: bool, is_all: bool) -> bool {
    let i = json_walk::blanks(text, i);
    match text.get(i) {
        None => is_all && is_bare,
        Some(b'}') => is_all && !is_bare && json_walk::blanks(text, i + 1) == text.len(),
        Some(_) => false,
    }
}

/// An event in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    At(usize),
    /// One may start there.
    Undecided(usize),
    None,
}

/// Reading candidates for events in vain may take so many times the bytes walked over, beside [`WINDOW`].
const MAX_TIMES: usize = 8;
/// So far before the first closing brace a phase says that an event starts, even one that cannot be read.
const PHASE_WITHIN: usize = 512;

/// Looks for events in a text from its start on; what that costs is told by the text alone.
#[derive(Default)]
pub(super) struct Candidates {
    spent: usize,
}

impl Candidates {
    /// Whether an event with a phase and a time starts at the brace `b[at]`, whatever stands before it.
    pub(super) fn event_at(&mut self, b: &[u8], at: usize, last: bool) -> Found {
        self.event_behind(at, b, at, last)
    }

    /// The same of a text that started `walked` bytes before `b[at]`, of which `b` is not all.
    pub(super) fn event_behind(&mut self, walked: usize, b: &[u8], at: usize, last: bool) -> Found {
        let text = &b[at..b.len().min(at + LIST_WINDOW)];
        let is_all = last || text.len() == LIST_WINDOW;
        match looks_like_event(text, 0) {
            Ok(true) => {}
            Err(()) if !is_all => return Found::Undecided(at),
            _ => return Found::None,
        }
        if self.spent > MAX_TIMES.saturating_mul(walked).saturating_add(WINDOW) {
            return Found::None;
        }
        let mut fields = Fields::default();
        match fields.read::<false>(text, &Wanted::new(&[])) {
            Err(Stop::More) if !is_all => return Found::Undecided(at),
            Ok(_) | Err(Stop::More) if has_phase_and_time(text, &fields).is_ok() => return Found::At(at),
            Ok(end) => self.spent += end,
            Err(_) => self.spent += LIST_WINDOW,
        }
        Found::None
    }

    /// The same of an event that may be damaged itself.
    pub(super) fn damaged_event_at(&mut self, b: &[u8], at: usize, last: bool) -> Found {
        let text = &b[at..b.len().min(at + PHASE_WITHIN)];
        let brace = memchr::memchr(b'}', text);
        let head = &text[..brace.unwrap_or(text.len())];
        if memchr::memmem::find(head, b"\"ph\"").is_some() {
            return Found::At(at);
        }
        if brace.is_none() && text.len() < PHASE_WITHIN && !last {
            return Found::Undecided(at);
        }
        self.event_at(b, at, last)
    }

    /// The first event inside the value at the start of `b`: it stands behind a comma or bracket, as in a list.
    pub(super) fn event_in(&mut self, b: &[u8], last: bool) -> Found {
        for at in memchr::memchr_iter(b'{', b) {
            if !matches!(b[..at].trim_ascii_end().last(), Some(b',' | b'[')) {
                continue;
            }
            match self.event_at(b, at, last) {
                Found::None => {}
                found => return found,
            }
        }
        Found::None
    }
}

/// Whether an event stands at `b[at]`, with its phase and time; how much was looked at for it.
pub(super) fn is_event(b: &[u8], at: usize) -> (Result<(), Stop>, usize) {
    let text = &b[at..b.len().min(at + LIST_WINDOW)];
    let mut fields = Fields::default();
    let read = fields.read::<false>(text, &Wanted::new(&[]));
    let found = read.and_then(|_| has_phase_and_time(text, &fields));
    // What is longer than that is taken for one.
    let is_long = found == Err(Stop::More) && text.len() == LIST_WINDOW;
    (if is_long { Ok(()) } else { found }, text.len())
}

fn has_phase_and_time(text: &[u8], fields: &Fields) -> Result<(), Stop> {
    let of = |field| !text[fields.range(field)].is_empty();
    let is_metadata = Phase::from_raw(&text[fields.range(Field::Phase)]) == Phase::Metadata;
    (of(Field::Phase) && (is_metadata || of(Field::Ts)))
        .then_some(())
        .ok_or(Stop::Bad)
}

/// The header of an object up to the first event of its list; `seen`: how much of it was walked over.
fn header(b: &[u8], seen: &mut usize) -> Result<(), Stop> {
    let (mut i, mut is_first) = (1, true);
    loop {
        i = json_walk::blanks(b, i);
        *seen = i;
        if json_walk::byte(b, i)? != b'"' {
            return Err(Stop::Bad);
        }
        let from = i + 1;
        if std::mem::take(&mut is_first) && !FIRST_KEYS.iter().any(|key| may_be(&b[from..], key)) {
            return Err(Stop::Bad);
        }
        let end = json_walk::string_end(b, from)?;
        i = json_walk::blanks(b, end + 1);
        if json_walk::byte(b, i)? != b':' {
            return Err(Stop::Bad);
        }
        i = json_walk::blanks(b, i + 1);
        let first = json_walk::byte(b, i)?;
        if &b[from..end] == b"traceEvents" {
            let event = json_walk::blanks(b, i + 1);
            if first != b'[' || json_walk::byte(b, event)? != b'{' {
                return Err(Stop::Bad);
            }
            return match looks_like_event(b, event) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Stop::Bad),
                Err(()) => Err(Stop::More),
            };
        }
        i = json_walk::blanks(b, json_walk::value(b, i)?);
        *seen = i;
        if json_walk::byte(b, i)? != b',' {
            return Err(Stop::Bad);
        }
        i += 1;
    }
}

/// Whether `b` starts with this key and its quote, as far as it goes.
fn may_be(b: &[u8], key: &[u8]) -> bool {
    let n = b.len().min(key.len());
    b[..n] == key[..n] && b.get(key.len()).is_none_or(|&quote| quote == b'"')
}

/// A list whose first element is an event, to its end.
fn list(b: &[u8], seen: &mut usize) -> Result<(), Stop> {
    let at = json_walk::blanks(b, 1);
    *seen = at;
    if json_walk::byte(b, at)? != b'{' {
        return Err(Stop::Bad);
    }
    match looks_like_event(b, at) {
        Ok(true) => {}
        Ok(false) => return Err(Stop::Bad),
        Err(()) => return Err(Stop::More),
    }
    *seen = b.len();
    let mut fields = Fields::default();
    fields.read::<false>(&b[at..], &Wanted::new(&[]))?;
    has_phase_and_time(&b[at..], &fields)
}

#[cfg(test)]
mod tests {
    use crate::base::DefectKind;
    use crate::ingest::scan::Scanned;
    use crate::ingest::{Event, Scalar, Scanner, Sink};

    /// Names of the events of each document, and what was said of those that are over.
    #[derive(Default)]
    struct Documents {
        names: Vec<Vec<String>>,
        headers: Vec<String>,
        ended: Vec<Scanned>,
    }

    impl Sink for Documents {
        fn event(&mut self, event: &Event<'_>) {
            let name = match event.name() {
                Scalar::Text(raw) => String::from_utf8_lossy(raw.raw).into_owned(),
                other => format!("{other:?}"),
            };
            self.names.resize(self.ended.len() + 1, Vec::new());
            self.names[self.ended.len()].push(name);
        }

        fn header(&mut self, key: &[u8], _: &[u8]) {
            self.headers
                .push(format!("{} {}", self.ended.len(), String::from_utf8_lossy(key)));
        }

        fn next_document(&mut self, before: Scanned) -> bool {
            self.ended.push(before);
            true
        }
    }

    fn read(text: &str) -> Documents {
        let in_pieces = |len: usize| {
            let (mut scanner, mut found) = (Scanner::new(&[]), Documents::default());
            text.as_bytes()
                .chunks(len)
                .for_each(|piece| scanner.feed(piece, &mut found));
            let last = scanner.finish(&mut found);
            found.ended.extend(last);
            found
        };
        let whole = in_pieces(text.len());
        let cut = in_pieces(7);
        assert_eq!(
            (&whole.names, &whole.headers),
            (&cut.names, &cut.headers),
            "{text}"
        );
        assert_eq!(whole.ended, cut.ended, "{text}");
        whole
    }

    fn event(name: &str, args: &str) -> String {
        format!(
            r#"{{"ph": "X", "cat": "cpu_op", "name": "{name}", "pid": 1, "tid": 2, "ts": 3.5, "dur": 1, "args": {args}}}"#
        )
    }

    const ARGS: &str = r#"{"External id": 7, "shapes": [[1, 2], []], "a\\b": "c\"d", "e": {"f": "g"}}"#;
    const HEADER: &str = r#""schemaVersion": 1, "deviceProperties": [{"id": 0, "name": "NVIDIA"}]"#;

    fn documents(prefix: &str) -> Vec<(String, usize)> {
        let events: Vec<String> = (0..2).map(|i| event(&format!("{prefix}{i}"), ARGS)).collect();
        let list = events.join(",\n");
        vec![
            (
                format!("{{{HEADER}, \"traceEvents\": [{list}], \"traceName\": \"x.json\"}}"),
                2,
            ),
            (format!("{{\n  {HEADER},\n  \"traceEvents\": [\n{list}\n]}}\n"), 2),
            (format!("{{\"traceEvents\":[{list}]}}"), 2),
            (format!("{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[{list}"), 2),
            (format!("[{list}]"), 2),
            (format!("[\n{list},\n"), 2),
        ]
    }

    #[test]
    fn a_document_behind_one_that_was_cut_anywhere_is_one_of_its_own() {
        let mut wrong = Vec::new();
        for (first, n) in documents("a").into_iter().step_by(2) {
            let from = first.find(ARGS).expect("its first event") + ARGS.len() + 1;
            for (second, m) in documents("b") {
                for (between, cut) in ["", "\n"]
                    .into_iter()
                    .flat_map(|b| (from..first.len()).map(move |c| (b, c)))
                {
                    let text = format!("{}{between}{second}", &first[..cut]);
                    let found = read(&text);
                    let names: Vec<Vec<&str>> = found
                        .names
                        .iter()
                        .map(|n| n.iter().map(|n| &**n).collect())
                        .collect();
                    let is_right = names.len() == 2
                        && names[1].len() == m
                        && names[1].iter().all(|n| n.starts_with('b'))
                        && names[0].iter().all(|n| n.starts_with('a'))
                        && !names[0].is_empty()
                        && names[0].len() <= n
                        && !found.ended[0].defects.is_empty();
                    if !is_right {
                        wrong.push(format!(
                            "{names:?} | {between}{} | {}",
                            &first[..cut].len(),
                            &text[cut.saturating_sub(60)..cut + 60]
                        ));
                    }
                }
            }
        }
        let n = wrong.len();
        wrong.truncate(12);
        assert!(n == 0, "{n}\n{}", wrong.join("\n"));
    }

    #[test]
    fn what_a_cut_document_holds_is_counted() {
        let all = [event("a", "{}"), event("b", "{}")].join(",");
        let text =
            format!("{{\"traceEvents\":[{all},{{\"ph\":\"X\",\"name\":\"lo{{\"traceEvents\":[{all}]}}");
        let found = read(&text);
        assert_eq!(found.names, [["a", "b"], ["a", "b"]]);
        assert_eq!(found.ended[0].defects.count(DefectKind::TruncatedJson), 1);
        assert_eq!(found.ended[0].defects.count(DefectKind::BadEvent), 0);
        assert!(found.ended[1].defects.is_empty());
    }

    #[test]
    fn a_list_that_its_writer_closes_and_that_is_open_is_cut() {
        let all = [event("a", "{}"), event("b", "{}")].join(",");
        let kind = |text: &str| {
            let found = read(text);
            let kinds: Vec<DefectKind> = found.ended[0].defects.iter().map(|d| d.0).collect();
            kinds
        };
        for tail in ["", ",", ",\n", " \n"] {
            let torch = format!("{{{HEADER}, \"traceEvents\": [{all}{tail}");
            assert_eq!(kind(&torch), [DefectKind::CutArray], "{tail:?}");
            // Chrome's format lets writers leave the list open.
            let other = format!("{{\"displayTimeUnit\": \"ms\", \"traceEvents\": [{all}{tail}");
            assert_eq!(kind(&other), [DefectKind::UnclosedArray], "{tail:?}");
            assert_eq!(
                kind(&format!("[{all}{tail}")),
                [DefectKind::UnclosedArray],
                "{tail:?}"
            );
        }
        // Closed, but for the last brace.
        assert_eq!(
            kind(&format!("{{{HEADER}, \"traceEvents\": [{all}]")),
            [DefectKind::UnclosedObject]
        );
    }

    #[test]
    fn a_second_list_of_a_document_is_said_and_counted_once_if_it_is_the_first() {
        let list = |prefix: &str, n: usize| -> String {
            let events: Vec<String> = (0..n).map(|i| event(&format!("{prefix}{i}"), ARGS)).collect();
            events.join(", ")
        };
        let of = |first: &str, second: &str| {
            let found = read(&format!(
                "{{{HEADER}, \"traceEvents\": [{first}], \"a\": 1, \"traceEvents\": [{second}]}}"
            ));
            let defects = &found.ended[0].defects;
            let kinds: Vec<_> = defects.iter().map(|d| (d.0, d.1)).collect();
            assert_eq!(found.ended[0].n_events, found.names[0].len() as u64);
            (found.names[0].len(), kinds)
        };
        let repeated = vec![(DefectKind::RepeatedList, 1)];
        let second = vec![(DefectKind::SecondList, 1)];
        for n in [1, 5, 200] {
            assert_eq!(of(&list("a", n), &list("a", n)), (n, repeated.clone()), "{n}");
            assert_eq!(
                of(&list("a", n), &list("a", n + 3)),
                (n + 3, repeated.clone()),
                "{n}"
            );
            assert_eq!(of(&list("a", n), &list("b", n)), (2 * n, second.clone()), "{n}");
        }
        assert_eq!(of(&list("a", 5), &list("a", 2)), (5, repeated));
        // Alike at first.
        let mixed = [list("a", 2), list("b", 2)].join(",");
        assert_eq!(of(&list("a", 5), &mixed), (9, second.clone()));
        assert_eq!(of(&list("a", 5), ""), (5, second));
        // An empty one before it is none.
        assert_eq!(of("", &list("a", 5)), (5, Vec::new()));
    }

    #[test]
    fn a_list_ends_behind_an_event_that_cannot_be_read() {
        let all = [event("a", "{}"), event("b", "{}")].join(",");
        for bad in [
            "{'ph':'X','name':'c','ts':5,'args':{'shapes':[[1,2],[]]}}",
            "/* last */ {\"ph\":\"X\",\"name\":\"c\",\"ts\":5,\"dur\":1}",
            "{\"ph\":\"X\",\"name\":\"c,\"ts\":5,\"dur\":1}",
            "{\"ph\":\"X\" \"name\":\"c\",\"ts\":5,\"dur\":1}",
            "{\"ph\":\"X\",\"name\":\"c\",\"ts\":5 \"dur\":1",
        ] {
            for (text, headers) in [
                (format!("{{{HEADER}, \"traceEvents\": [{all},{bad}]}}"), 2),
                (format!("{{\"traceEvents\": [{all},{bad}],{HEADER}}}\n"), 2),
                (
                    format!("{{\"traceEvents\": [{all},{bad}\n],\n\"traceName\": \"x\"}}"),
                    1,
                ),
                (format!("[{all},{bad}]"), 0),
            ] {
                // What stands behind a quote that is never closed may be a part of its text.
                if bad.contains("\"c,") && (text.contains("],\"") || text.contains("],\n")) {
                    continue;
                }
                let found = read(&text);
                assert_eq!(found.names, [["a", "b"]], "{text}");
                assert_eq!(found.headers.len(), headers, "{text}");
                let defects = &found.ended[0].defects;
                let all: Vec<_> = defects.iter().map(|d| (d.0, d.1)).collect();
                assert_eq!(all, [(DefectKind::BadEvent, 1)], "{text}");
            }
            if bad.contains("\"c,") {
                continue;
            }
            // Of two documents the first.
            let one = format!("{{{HEADER}, \"traceEvents\": [{all},{bad}]}}");
            let found = read(&format!("{one}\n{one}"));
            assert_eq!(found.names, [["a", "b"], ["a", "b"]], "{bad}");
            for ended in &found.ended {
                assert!(
                    ended
                        .defects
                        .iter()
                        .map(|d| (d.0, d.1))
                        .eq([(DefectKind::BadEvent, 1)]),
                    "{bad} {:?}",
                    ended.defects
                );
            }
            // A list in its args ends nothing.
            let text = format!("[{all},{{'args':{{'a':[{{}}],'b':[1]}}}},{}]", event("c", "{}"));
            assert_eq!(read(&text).names, [["a", "b", "c"]]);
        }
    }

    #[test]
    fn text_that_looks_like_a_document_is_none() {
        let inner = format!("{{{HEADER}, \"traceEvents\": [{}]}}", event("inner", "{}"));
        let escaped = inner.replace('"', "\\\"");
        let list = format!("[{}]", event("inner", "{}")).replace('"', "\\\"");
        for args in [
            format!("{{\"cmd\": \"{escaped}\"}}"),
            format!("{{\"cmd\": \"\\n{escaped}\"}}"),
            format!("{{\"cmd\": \"x{list}\"}}"),
            format!("{{\"cmd\": {inner}}}"),
            // Quotes that are not escaped.
            format!("{{\"cmd\": \"{}\"}}", "{\"traceEvents\":[{\"ph\":1}]}"),
        ] {
            let text = format!(
                "[{}, {}, {}]",
                event("a", "{}"),
                event("b", &args),
                event("c", "{}")
            );
            let found = read(&text);
            assert_eq!(found.names, [["a", "b", "c"]], "{args}");
        }
        // As a value of the header, in a broken event, and behind the document.
        let first = format!(
            "{{\"traceEvents\":[{}],\"x\":{inner},\"y\":\"{escaped}\"}}",
            event("a", "{}")
        );
        assert_eq!(read(&first).names, [["a"]]);
        let bad = format!(
            "[{},{{\"ph\":\"X\",\"x\":!\"{escaped}\"}},{}]",
            event("a", "{}"),
            event("b", "{}")
        );
        assert_eq!(read(&bad).names, [["a", "b"]]);
        assert_eq!(read(&format!("{first}\nlog \"{escaped}\"")).names, [["a"]]);
    }

    #[test]
    fn a_document_in_a_text_whose_quotes_are_not_escaped_is_none() {
        let events = [event("inner0", ARGS), event("inner1", "{}")].join(", ");
        for inner in [
            format!("{{{HEADER}, \"traceEvents\": [{events}]}}"),
            format!("{{\"traceEvents\": [{events}], \"displayTimeUnit\": \"ms\"}}"),
            format!("[{events}]"),
        ] {
            for (before, after) in [
                ("", ""),
                ("curl -d '", "' http://x"),
                ("x ", " y"),
                ("", "\\n"),
                ("a: ", "\n"),
            ] {
                let text = format!("\"{before}{inner}{after}\"");
                // As an arg of an event, with others around it.
                for args in [
                    format!("{{\"cmd\": {text}}}"),
                    format!("{{\"n\": 1, \"cmd\": {text}, \"m\": 2}}"),
                ] {
                    let all = [
                        event("a", "{}"),
                        event("b", &args),
                        event("c", "{}"),
                        event("d", "{}"),
                    ];
                    for text in [
                        format!("[{}]", all.join(",\n")),
                        format!("{{{HEADER}, \"traceEvents\": [{}]}}", all.join(", ")),
                    ] {
                        let found = read(&text);
                        assert_eq!(found.names.len(), 1, "{args}");
                        let names = found.names[0].iter().filter(|name| *name != "b");
                        assert!(names.eq(["a", "c", "d"]), "{args} {:?}", found.names);
                        assert!(!found.ended[0].defects.is_empty(), "{args}");
                    }
                }
                // In the header, before and behind the list.
                let list = format!("\"traceEvents\": [{}]", event("a", "{}"));
                for text in [
                    format!("{{\"x\": {text}, {list}}}"),
                    format!("{{{list}, \"x\": {text}, \"y\": 1}}"),
                ] {
                    let found = read(&text);
                    assert_eq!(found.names, [["a"]], "{text}");
                    assert!(!found.ended[0].defects.is_empty(), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_list_of_documents_is_several() {
        let one = |name: &str| format!("{{{HEADER}, \"traceEvents\": [{}]}}", event(name, "{}"));
        for text in [
            format!("[{},{}]", one("a"), one("b")),
            format!("[\n{}\n,\n{}\n]\n", one("a"), one("b")),
        ] {
            let found = read(&text);
            assert_eq!(found.names, [["a"], ["b"]]);
            assert_eq!(
                found.headers,
                [
                    "0 schemaVersion",
                    "0 deviceProperties",
                    "1 schemaVersion",
                    "1 deviceProperties"
                ]
            );
            assert!(
                found.ended.iter().all(|ended| ended.defects.is_empty()),
                "{:?}",
                found.ended
            );
        }
    }

    #[test]
    fn an_element_of_a_list_of_documents_that_was_cut_anywhere_gives_way_to_the_next() {
        let of = |prefix: &str, forms: &[usize]| -> Vec<String> {
            let all = documents(prefix);
            forms.iter().map(|&i| all[i].0.clone()).collect()
        };
        let ways = [
            (of("a", &[0, 1, 2]), of("b", &[0, 2]), &of("c", &[0])[0]),
            (of("a", &[4]), of("b", &[4]), &of("c", &[4])[0]),
        ];
        let mut wrong = Vec::new();
        for (firsts, seconds, third) in &ways {
            let tails = ["]".to_owned(), format!(",\n{third}]"), String::new()];
            for (first, second) in firsts.iter().flat_map(|f| seconds.iter().map(move |s| (f, s))) {
                let list = first.find("{\"ph\"").expect("its first event");
                for (tail, between) in tails.iter().flat_map(|tail| ["", ",\n"].map(|b| (tail, b))) {
                    // A list is one by its first event.
                    let from = if list == 1 {
                        first.find("}}}").unwrap_or(0) + 3
                    } else {
                        2
                    };
                    for cut in from..first.trim_ascii_end().len() {
                        let text = format!("[{}{between}{second}{tail}", &first[..cut]);
                        let found = read(&text);
                        // An event ends with that, and nothing else does.
                        let n = first[list.min(cut)..cut].matches("}}}").count();
                        let mut wanted = vec![vec!["b0", "b1"]];
                        wanted.extend(tail.contains("c0").then_some(vec!["c0", "c1"]));
                        if n > 0 {
                            wanted.insert(0, ["a0", "a1"][..n].to_vec());
                        }
                        let is_said = found.ended.first().is_some_and(|ended| !ended.defects.is_empty());
                        if found.names != wanted || !is_said {
                            wrong.push(format!(
                                "{:?} {cut} | {}",
                                found.names,
                                &text[(cut + 1).saturating_sub(60)..cut + 40]
                            ));
                        }
                    }
                }
            }
        }
        let n = wrong.len();
        let shown: Vec<String> = wrong.into_iter().step_by(n / 20 + 1).collect();
        assert!(n == 0, "{n}\n{}", shown.join("\n"));
    }

    #[test]
    fn a_list_of_documents_may_start_with_what_is_none() {
        let one = |name: &str| format!("{{{HEADER}, \"traceEvents\": [{}]}}", event(name, "{}"));
        for first in [
            "null",
            "7, null",
            &format!("{{{HEADER}}}"),
            "{\"displayTimeUnit\": \"ms\"}",
        ] {
            let found = read(&format!("[{first},\n{},\n{}]", one("a"), one("b")));
            assert_eq!(found.names, [["a"], ["b"]], "{first}");
            assert!(
                found.ended[0].defects.count(DefectKind::NotAnEvent) > 0,
                "{first}"
            );
            assert!(found.ended[1].defects.is_empty(), "{first}");
        }
        // No header: an event, whatever its first key is called.
        let with_key = event("a", "{}").replace("{\"ph\"", "{\"trace_id\": \"7\", \"ph\"");
        let found = read(&format!("[{with_key}, {}]", event("b", "{}")));
        assert_eq!(found.names, [["a", "b"]]);
    }

    #[test]
    fn a_document_may_be_the_value_of_a_key() {
        let all: Vec<String> = (0..3).map(|i| event(&format!("a{i}"), ARGS)).collect();
        let document = format!("{{{HEADER}, \"traceEvents\": [{}]}}", all.join(","));
        let long = vec![event("a", ARGS); (2 << 20) / ARGS.len()].join(",");
        for (text, n) in [
            (format!("{{\"trace\": {document}, \"ok\": true}}"), 3),
            (format!("{{\"a\": {{\"b\": {{\"c\": {document}}}}}}}"), 3),
            (format!("{{\"traces\": [{document}], \"ok\": true}}"), 3),
            (
                format!("{{\"trace\": {{{HEADER}, \"traceEvents\": [{long}]}}, \"ok\": true}}"),
                long.matches("\"ph\"").count(),
            ),
        ] {
            let (mut scanner, mut found) = (Scanner::new(&[]), Documents::default());
            text.as_bytes()
                .chunks(100_000)
                .for_each(|piece| scanner.feed(piece, &mut found));
            let ended = scanner.finish(&mut found).expect("a trace");
            let shown = &text[..60];
            assert_eq!(found.names.concat().len(), n, "{shown}");
            assert!(ended.defects.is_empty(), "{shown} {:?}", ended.defects);
            assert_eq!(ended.bytes, text.len() as u64, "{shown}");
            assert!(
                found.headers.contains(&"0 deviceProperties".to_owned()),
                "{shown}"
            );
        }
        // Of two lists, the one that is not inside a value is read.
        let both = format!("{{\"x\": {document}, \"traceEvents\": [{}]}}", event("b", "{}"));
        assert_eq!(read(&both).names, [["b"]]);
        // Cut.
        let found = read(&format!("{{\"trace\": {}", &document[..document.len() - 20]));
        assert_eq!(found.names, [["a0", "a1"]]);
        assert!(
            found.ended[0]
                .defects
                .iter()
                .map(|d| d.0)
                .eq([DefectKind::TruncatedJson])
        );
    }

    #[test]
    fn a_header_that_was_cut_gives_way_to_the_next() {
        let one = format!("{{{HEADER}, \"traceEvents\": [{}]}}", event("a", "{}"));
        for cut in 2..HEADER.len() {
            let found = read(&format!("{}{one}", &one[..cut]));
            assert_eq!(found.names, [["a"]], "{}", &one[..cut]);
            let n = found
                .headers
                .iter()
                .filter(|header| header.ends_with("deviceProperties"))
                .count();
            assert!(n > 0, "{}: {:?}", &one[..cut], found.headers);
        }
    }

    #[test]
    fn looking_for_a_document_costs_as_the_text_grows() {
        // Were it to walk on from each of them, this would take hours.
        for unit in [
            "{\"metadata\":",
            "{\"traceEvents\":[{\"ph\":",
            "{\"metadata\":[",
            "[{\"ph\":\"X\",\"ts\":",
        ] {
            let text = format!("[{},!{}", event("a", "{}"), unit.repeat((4 << 20) / unit.len()));
            let (mut scanner, mut found) = (Scanner::new(&[]), Documents::default());
            text.as_bytes()
                .chunks(1 << 20)
                .for_each(|piece| scanner.feed(piece, &mut found));
            let last = scanner.finish(&mut found);
            found.ended.extend(last);
            assert_eq!(found.names, [["a"]], "{unit}");
            assert!(
                found.ended.iter().any(|ended| !ended.defects.is_empty()),
                "{unit}"
            );
        }
    }

    #[test]
    fn a_key_far_before_its_list_is_found_wherever_the_text_is_cut() {
        let text = format!(r#"{{""traceEvents":{}[{{"ph":"X","":{{""}}}}"#, "\t".repeat(40));
        let found = read(&text);
        assert_eq!(found.names.len(), 1, "{:?}", found.names);
    }

    /// Who wants the first document alone gets no event of another, whatever is damaged in it.
    #[test]
    fn a_document_that_is_not_wanted_is_left_with_its_events() {
        struct First(u64);
        impl Sink for First {
            fn event(&mut self, _: &Event<'_>) {
                self.0 += 1;
            }
            fn header(&mut self, _: &[u8], _: &[u8]) {}
        }
        let event = |name: &str| format!(r#"{{"ph":"X","name":"{name}","ts":1,"dur":2}}"#);
        for second in [
            format!(r#"{{"tra cks":[{},{}"#, event("b"), event("c")),
            format!(r#"{{"traceEvents":[{{"x"n":1}},{},{}]}}"#, event("b"), event("c")),
        ] {
            let text = format!(r#"[{{"traceEvents":[{}]}},{second}"#, event("a"));
            let mut first = First(0);
            let mut scanner = Scanner::new(&[]);
            scanner.feed(text.as_bytes(), &mut first);
            drop(scanner.finish(&mut first));
            assert_eq!(first.0, 1, "{text}");
        }
    }

    /// Names of those of five events that are read, and what is said, where the third stands in the text as `damaged`.
    #[expect(clippy::type_complexity, reason = "of tests alone")]
    fn read_with(damaged: &str) -> (Vec<String>, Vec<(DefectKind, u64, Option<u64>)>) {
        let whole = |name: &str| event(name, r#"{"n": 1, "m": {"q": [[1, 2], []]}}"#);
        let head = r#"{"schemaVersion": 1, "traceEvents": ["#;
        let before = format!("{head}{},\n{},\n", whole("a"), whole("b"));
        let text = format!("{before}{damaged},\n{},\n{}]}}", whole("d"), whole("e"));
        let found = read(&text);
        assert_eq!(found.ended.len(), 1, "{damaged}");
        let at = before.len() as u64;
        let defects = found.ended[0].defects.iter();
        // Places are counted from the damaged event.
        let defects =
            defects.map(|(kind, n, first)| (kind, n, first.and_then(|first| first.checked_sub(at))));
        let defects = defects.collect();
        (found.names[0].clone(), defects)
    }

    #[test]
    fn damage_costs_its_own_event_whatever_it_is_nested_in() {
        for args in [
            r#"{"d": [["#,
            r#"{"d": [[1, 2], [3, [4"#,
            r#"{"m": {"q": {"z": "v"#,
            r#"{"m": {"q": {"z": "v\"}}}"#,
            r#"{"m": {"q": {"z": "v}}}"#,
            r#"{"m": {"q": {"z": "v""#,
            r#"{"m": {"q": {"z": "#,
            r#"{"m": [{"name": "x", "id": 1}, {"name": "y"#,
            "[1, 2",
            "[[1, {",
        ] {
            let (names, defects) = read_with(&event("c", args));
            assert_eq!(names, ["a", "b", "d", "e"], "{args}");
            assert_eq!(defects, [(DefectKind::BadEvent, 1, Some(0))], "{args}");
        }
        for damaged in [
            r#"{"ph": "X", "cat": "cpu_op", "name": "c", "args": [1, 2"#,
            r#"[{{"ph": "X", "ts": 1}"#,
        ] {
            let (names, defects) = read_with(damaged);
            assert_eq!(names, ["a", "b", "d", "e"], "{damaged}");
            assert_eq!(defects, [(DefectKind::BadEvent, 1, Some(0))], "{damaged}");
        }
    }

    #[test]
    fn quotes_that_are_not_escaped_are_repaired_whatever_they_are_nested_in() {
        for args in [
            r#"{"m": {"q": {"z": "v"w"}}}"#,
            r#"{"Concrete Inputs": ["", "a"b", ""]}"#,
            r#"{"z": "v"w"}"#,
        ] {
            let (names, defects) = read_with(&event("c", args));
            assert_eq!(names, ["a", "b", "c", "d", "e"], "{args}");
            assert_eq!(defects, [(DefectKind::UnescapedQuote, 1, Some(0))], "{args}");
        }
    }

    #[test]
    fn events_in_the_args_of_an_event_that_is_whole_are_a_part_of_it() {
        let inner = [event("x", ARGS), event("y", "{}")].join(", ");
        for args in [
            format!("{{\"of\": [{inner}]}}"),
            format!("[{inner}]"),
            format!("{{\"of\": {{\"n\": [{inner}]}}}}"),
        ] {
            let (names, defects) = read_with(&event("c", &args));
            assert_eq!(names, ["a", "b", "c", "d", "e"], "{args}");
            assert_eq!(defects, [], "{args}");
        }
    }

    #[test]
    fn a_bracket_too_many_costs_no_event() {
        let whole = event("c", ARGS);
        let place = Some(whole.len() as u64);
        for more in ["]", "]}", "]},", "]}}", "]\n}\n"] {
            let (names, defects) = read_with(&format!("{whole}{more}"));
            assert_eq!(names, ["a", "b", "c", "d", "e"], "{more}");
            assert_eq!(defects, [(DefectKind::StrayBracket, 1, place)], "{more}");
        }
        let (names, defects) = read_with(&format!("{whole}]]"));
        assert_eq!(names, ["a", "b", "c", "d", "e"]);
        assert_eq!(defects[0], (DefectKind::StrayBracket, 1, place));
        let (names, defects) = read_with(&format!("[{whole}"));
        assert_eq!(names, ["a", "b", "c", "d", "e"]);
        assert_eq!(defects, [(DefectKind::StrayBracket, 1, Some(0))]);
    }

    #[test]
    fn two_events_that_a_hole_joins_are_lost_and_counted() {
        let one = event("c", r#"{"a text": "which is long enough", "b": 1}"#);
        let two = event("c2", r#"{"a text": "which is long enough", "b": 1}"#);
        let joined = format!("{one},\n{two}");
        let at = |part: &str, in_second: bool| {
            let from = if in_second { one.len() } else { 0 };
            from + joined[from..].find(part).unwrap() + 2
        };
        for byte in [0, 0xff] {
            for (from, to) in [
                (at("name", false), at("name", true)),
                (at("cpu_op", false), at("cpu_op", true)),
                (at("which", false), at("which", true)),
                (at("text", false), at("cat", true)),
            ] {
                let mut text = joined.clone().into_bytes();
                text[from..to].fill(byte);
                let mut all = b"{\"traceEvents\": [".to_vec();
                (0..8).for_each(|_| all.extend_from_slice(format!("{one},\n").as_bytes()));
                let place = all.len() as u64;
                all.extend_from_slice(&text);
                all.extend_from_slice(format!(",\n{}]}}", event("d", "{}")).as_bytes());
                for len in [all.len(), 7] {
                    let (mut scanner, mut found) = (Scanner::new(&[]), Documents::default());
                    all.chunks(len).for_each(|piece| scanner.feed(piece, &mut found));
                    let scanned = scanner.finish(&mut found).unwrap();
                    assert_eq!(found.names[0].len(), 9, "{byte} {from} {to}");
                    assert_eq!(found.names[0][8], "d", "{byte} {from} {to}");
                    let defects: Vec<_> = scanned.defects.iter().collect();
                    assert_eq!(
                        defects,
                        [(DefectKind::BadEvent, 2, Some(place))],
                        "{byte} {from} {to}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_cut_that_joins_two_events_is_counted() {
        let (names, defects) =
            read_with(r#"{"ph": "X", "name": "c", "pid"{"ph": "X", "name": "c2", "pid": 1, "ts": 2}"#);
        assert_eq!(names, ["a", "b", "d", "e"]);
        assert_eq!(defects, [(DefectKind::BadEvent, 2, Some(0))]);
        let (names, defects) =
            read_with(r#"{"ph": "X", "name": "c", "pid": 1, "ph": "X", "name": "c2", "pid": 1, "ts": 2}"#);
        assert_eq!(names, ["a", "b", "d", "e"]);
        assert_eq!(defects, [(DefectKind::BadEvent, 2, Some(0))]);
        // Of a writer that writes a key twice.
        let (names, defects) =
            read_with(r#"{"ph": "B", "ph": "X", "name": "c", "pid": 1, "ts": 2, "dur": 1}"#);
        assert_eq!(names, ["a", "b", "c", "d", "e"]);
        assert_eq!(defects, [(DefectKind::DuplicateKey, 1, Some(0))]);
    }

    #[test]
    fn a_last_event_that_is_damaged_does_not_end_the_text() {
        let list = format!("{{\"traceEvents\": [{},\n", event("a", "{}"));
        let says = |last: &str| {
            let found = read(&format!("{list}{last}"));
            found.ended[0].defects.iter().map(|d| d.0).collect::<Vec<_>>()
        };
        let damaged = event("b", r#"{"m": {"z": "v\"}}"#);
        assert_eq!(says(&format!("{damaged}]}}")), [DefectKind::BadEvent]);
        let quote = event("b", r#"{"m": {"z": "v"w"}}"#);
        assert_eq!(says(&format!("{quote}]}}")), [DefectKind::UnescapedQuote]);
        assert_eq!(says(&quote[..quote.len() - 4]), [DefectKind::TruncatedJson]);
    }

    #[test]
    fn what_stands_beside_the_events_and_is_not_read_is_said() {
        let list = format!("\"traceEvents\": [{}]", event("a", "{}"));
        for (more, kind, n) in [
            (r#""samples": [{}, {}]"#, Some(DefectKind::SamplesNotRead), 2),
            (r#""samples": {"1": {}}"#, Some(DefectKind::SamplesNotRead), 1),
            (
                r#""systemTraceEvents": "sched""#,
                Some(DefectKind::SystemTraceNotRead),
                1,
            ),
            (
                r#""powerTraceAsString": "0.1""#,
                Some(DefectKind::SystemTraceNotRead),
                1,
            ),
            (r#""systemTraceEvents": """#, None, 0),
            (r#""samples": []"#, None, 0),
        ] {
            let found = read(&format!("{{{list}, {more}}}"));
            let defects = &found.ended[0].defects;
            assert_eq!(
                defects.iter().next().map(|(kind, n, _)| (kind, n)),
                kind.map(|kind| (kind, n)),
                "{more}"
            );
        }
    }

    #[test]
    fn looking_for_events_costs_as_the_text_grows() {
        // Were each of them read on to the end, this would take hours.
        for unit in ["[{\"name\":", "{\"a\":[[", "{\"ph\":\"X\",\"args\":[{\"id\":"] {
            let text = format!(
                "{{\"traceEvents\":[{},{}",
                event("a", "{}"),
                unit.repeat((1 << 20) / unit.len())
            );
            let (mut scanner, mut found) = (Scanner::new(&[]), Documents::default());
            text.as_bytes()
                .chunks(1 << 16)
                .for_each(|piece| scanner.feed(piece, &mut found));
            let last = scanner.finish(&mut found);
            assert!(last.is_ok_and(|last| !last.defects.is_empty()), "{unit}");
        }
    }
}

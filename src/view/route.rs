//! Where the reader is: the part of the page's state that stands in the URL hash, so that it can be shared.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::base::Span;
use crate::view::model::{Bucket, GapFilter, GapKind, Period, Phase, StepFilter};

/// Which of the views that few traces fill a trace does fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fills {
    /// Device work carries the number of its launch.
    pub device: bool,
    /// Several workers were given.
    pub workers: bool,
    /// It is compared with another.
    pub compared: bool,
    /// The profiler wrote tables, or divides the device's time in lanes.
    pub tables: bool,
    /// There are calls inside calls: operators, or python frames.
    pub stacks: bool,
    /// Allocations are recorded, or the profiler could have been told to.
    pub memory: bool,
}

/// A view of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    #[default]
    Overview,
    Steps,
    Gaps,
    Device,
    Recompiles,
    Operators,
    Timeline,
    Stacks,
    Memory,
    /// With another trace.
    Compare,
    /// Workers of one run, side by side.
    Workers,
    /// The profiler's own tables.
    Tables,
}

impl View {
    /// All views, in the order of their tabs.
    pub const ALL: [View; 12] = [
        View::Overview,
        View::Steps,
        View::Gaps,
        View::Device,
        View::Recompiles,
        View::Operators,
        View::Timeline,
        View::Stacks,
        View::Memory,
        View::Compare,
        View::Workers,
        View::Tables,
    ];

    /// The views that a trace can fill, in the order of their tabs.
    pub fn of_trace(fills: Fills) -> impl Iterator<Item = View> {
        View::ALL.into_iter().filter(move |view| match view {
            View::Device => fills.device,
            View::Workers => fills.workers,
            View::Compare => fills.compared,
            View::Stacks => fills.stacks,
            View::Memory => fills.memory,
            View::Tables => fills.tables,
            _ => true,
        })
    }

    /// Its name in the hash.
    pub fn id(self) -> &'static str {
        match self {
            View::Overview => "overview",
            View::Steps => "steps",
            View::Gaps => "gaps",
            View::Device => "device",
            View::Recompiles => "recompiles",
            View::Operators => "operators",
            View::Timeline => "timeline",
            View::Stacks => "stacks",
            View::Memory => "memory",
            View::Workers => "workers",
            View::Compare => "compare",
            View::Tables => "tables",
        }
    }

    /// The view of that name. Findings call the operators view `python`, too.
    pub fn of_id(id: &str) -> Option<View> {
        if id == "python" {
            return Some(View::Operators);
        }
        View::ALL.into_iter().find(|view| view.id() == id)
    }
}

/// Light or dark, where the reader chose; else the system decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

/// How much of the page stands around the views.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Chrome {
    #[default]
    Full,
    /// A host brings its own: nothing about opening files. `hideSidebar=true`, as Perfetto calls it.
    Compact,
    /// In a frame of a host: files are the host's business, dropped ones as well. `mode=embedded`.
    Embedded,
}

/// A stretch that the reader has marked, and what they noted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub span: Span,
    pub text: String,
}

/// Notes that a link holds.
pub const MAX_NOTES: usize = 50;
/// Characters of a note, or of what is searched for.
pub const MAX_NOTE_CHARS: usize = 200;

/// See the module. Times are ns on the trace's own clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    pub view: View,
    /// The timeline's window.
    pub window: Option<Span>,
    /// A stretch that is pointed out in the timeline.
    pub mark: Option<Span>,
    pub step: Option<u32>,
    pub slice: Option<u32>,
    /// Stretches that the reader has marked, at most [`MAX_NOTES`].
    pub notes: Vec<Note>,
    /// What is searched for in the timeline.
    pub find: Option<String>,
    pub gaps: Option<GapKind>,
    /// The steps that the Steps view shows; `None`: those it shows at first.
    pub steps: Option<StepFilter>,
    /// The gaps that the Gaps view lists.
    pub gap: GapFilter,
    pub theme: Option<Theme>,
    /// Memory that a trace may take, MB (1 000 000 bytes); see [`MemoryRule`](super::MemoryRule).
    pub memory_mb: Option<u32>,
    pub chrome: Chrome,
}

impl Route {
    /// As a hash, without the `#`: `view=steps&step=12`.
    pub fn to_hash(&self) -> String {
        let mut parts = Vec::new();
        if self.view != View::default() {
            parts.push(format!("view={}", self.view.id()));
        }
        for (key, span) in [("t", self.window), ("mark", self.mark)] {
            if let Some(span) = span {
                parts.push(format!("{key}={},{}", span.start, span.end));
            }
        }
        for (key, row) in [("step", self.step), ("slice", self.slice)] {
            if let Some(row) = row {
                parts.push(format!("{key}={row}"));
            }
        }
        for note in self.notes.iter().take(MAX_NOTES) {
            let Note { span, text } = note;
            parts.push(format!("note={},{},{}", span.start, span.end, encoded(text)));
        }
        if let Some(text) = &self.find {
            parts.push(format!("find={}", encoded(text)));
        }
        if let Some(kind) = self.gaps {
            parts.push(format!("gaps={}", kind.key()));
        }
        if let Some(steps) = &self.steps {
            parts.extend(steps_parts(steps));
        }
        parts.extend(gap_parts(&self.gap));
        if let Some(theme) = self.theme {
            parts.push(format!(
                "theme={}",
                if theme == Theme::Dark { "dark" } else { "light" }
            ));
        }
        if let Some(mb) = self.memory_mb {
            parts.push(format!("memory={mb}"));
        }
        match self.chrome {
            Chrome::Full => {}
            Chrome::Compact => parts.push("hideSidebar=true".to_owned()),
            Chrome::Embedded => parts.push("mode=embedded".to_owned()),
        }
        parts.join("&")
    }

    /// Reads a hash. What is not understood is left out: a link from another version still opens.
    ///
    /// Perfetto's way of writing one is understood, too: `#!/?visStart=…&visEnd=…`, `ts=…&dur=…`, all ns. With
    /// either, and without `view`, the reader comes to the timeline.
    pub fn from_hash(hash: &str) -> Route {
        let mut place = Route::default();
        let mut named = false;
        let (mut vis_start, mut vis_end, mut ts, mut dur) = (None, None, None, None);
        let hash = hash.trim_start_matches('#');
        let hash = ["!/", "/"]
            .iter()
            .find_map(|start| hash.strip_prefix(start))
            .unwrap_or(hash);
        for part in hash.trim_start_matches('?').split('&') {
            let Some((key, value)) = part.split_once('=') else {
                continue;
            };
            match key {
                "view" => {
                    named = true;
                    place.view = View::of_id(value).unwrap_or_default();
                }
                "t" => place.window = span(value),
                "mark" => place.mark = span(value),
                "step" => place.step = value.parse().ok(),
                "slice" => place.slice = value.parse().ok(),
                "note" if place.notes.len() < MAX_NOTES => place.notes.extend(note(value)),
                "find" => place.find = Some(decoded(value)).filter(|text| !text.trim().is_empty()),
                "gaps" => {
                    place.gaps = GapKind::from_key(value);
                }
                "phase" | "period" | "bucket" | "class" | "at" | "length" | "slowest" => {
                    steps_part(&mut place.steps, key, value);
                }
                "gap_phase" => place.gap.phase = Phase::from_key(value),
                "gap_bucket" => place.gap.bucket = bucket(value),
                "gap_length" => place.gap.length = span(value),
                "gap_inside" => {
                    place.gap.inside = match value {
                        "yes" => Some(true),
                        "no" => Some(false),
                        _ => None,
                    }
                }
                "theme" => {
                    place.theme = match value {
                        "dark" => Some(Theme::Dark),
                        "light" => Some(Theme::Light),
                        _ => None,
                    }
                }
                "memory" => place.memory_mb = value.parse().ok(),
                "mode" if value == "embedded" => place.chrome = Chrome::Embedded,
                "hideSidebar" if value == "true" && place.chrome == Chrome::Full => {
                    place.chrome = Chrome::Compact;
                }
                "visStart" => vis_start = value.parse().ok(),
                "visEnd" => vis_end = value.parse().ok(),
                "ts" => ts = value.parse::<i64>().ok(),
                "dur" => dur = value.parse::<i64>().ok(),
                _ => {}
            }
        }
        let seen = vis_start.zip(vis_end).and_then(stretch);
        let marked = ts
            .zip(dur.map_or(Some(0), |dur| (dur >= 0).then_some(dur)))
            .and_then(|(ts, dur)| stretch((ts, ts.saturating_add(dur.max(LEAST_MARK_NS)))));
        if !named && (seen.is_some() || marked.is_some()) {
            place.view = View::Timeline;
        }
        place.window = place.window.or(seen);
        place.mark = place.mark.or(marked);
        place
    }

    /// A place with nothing but what belongs to the page, whatever is open.
    pub fn of_page(&self) -> Route {
        Route {
            theme: self.theme,
            memory_mb: self.memory_mb,
            chrome: self.chrome,
            ..Route::default()
        }
    }
}

/// What stands in a hash as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

fn encoded(text: &str) -> String {
    let cut: String = text.chars().take(MAX_NOTE_CHARS).collect();
    utf8_percent_encode(&cut, PLAIN).to_string()
}

fn decoded(text: &str) -> String {
    let text = percent_decode_str(text).decode_utf8_lossy();
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_NOTE_CHARS)
        .collect()
}

fn note(text: &str) -> Option<Note> {
    let mut parts = text.splitn(3, ',');
    let (start, end) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(Note {
        span: stretch((start, end))?,
        text: parts.next().map(decoded).unwrap_or_default(),
    })
}

/// `4.1.128`, with nothing where a part is unknown.
fn bucket_word(bucket: Bucket) -> String {
    let part = |n: Option<u32>| n.map_or_else(String::new, |n| n.to_string());
    format!("{}.{}.{}", bucket.batch, part(bucket.seq), part(bucket.ctx))
}

fn bucket(text: &str) -> Option<Bucket> {
    let mut parts = text.split('.');
    let batch = parts.next()?.parse().ok()?;
    let mut part = || match parts.next()? {
        "" => Some(None),
        n => n.parse().ok().map(Some),
    };
    Some(Bucket {
        batch,
        seq: part()?,
        ctx: part()?,
    })
}

/// The filter of steps, its period always: it may be all of them.
fn steps_parts(steps: &StepFilter) -> Vec<String> {
    let mut parts = vec![format!("period={}", steps.period.map_or("all", Period::key))];
    parts.extend(steps.phase.map(|phase| format!("phase={}", phase.key())));
    parts.extend(
        steps
            .bucket
            .map(|bucket| format!("bucket={}", bucket_word(bucket))),
    );
    parts.extend(steps.class.as_ref().map(|class| format!("class={class}")));
    for (key, span) in [("at", steps.window), ("length", steps.length)] {
        parts.extend(span.map(|span| format!("{key}={},{}", span.start, span.end)));
    }
    parts.extend(steps.slowest.then(|| "slowest=yes".to_owned()));
    parts
}

fn steps_part(steps: &mut Option<StepFilter>, key: &str, value: &str) {
    let mut next = steps.clone().unwrap_or_default();
    let is_class = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_known = match key {
        "period" => {
            next.period = Period::from_key(value);
            next.period.is_some() || value == "all"
        }
        "phase" => {
            next.phase = Phase::from_key(value);
            next.phase.is_some()
        }
        "bucket" => {
            next.bucket = bucket(value);
            next.bucket.is_some()
        }
        "class" => {
            next.class = is_class(value).then(|| value.to_owned());
            next.class.is_some()
        }
        "at" => {
            next.window = span(value);
            next.window.is_some()
        }
        "length" => {
            next.length = span(value);
            next.length.is_some()
        }
        _ => {
            next.slowest = value == "yes";
            next.slowest
        }
    };
    if is_known {
        *steps = Some(next);
    }
}

fn gap_parts(gap: &GapFilter) -> Vec<String> {
    let mut parts = Vec::new();
    parts.extend(gap.phase.map(|phase| format!("gap_phase={}", phase.key())));
    parts.extend(
        gap.bucket
            .map(|bucket| format!("gap_bucket={}", bucket_word(bucket))),
    );
    parts.extend(
        gap.inside
            .map(|inside| format!("gap_inside={}", if inside { "yes" } else { "no" })),
    );
    parts.extend(
        gap.length
            .map(|span| format!("gap_length={},{}", span.start, span.end)),
    );
    parts
}

fn span(text: &str) -> Option<Span> {
    let (start, end) = text.split_once(',').or_else(|| text.split_once("%2C"))?;
    stretch((start.parse().ok()?, end.parse().ok()?))
}

/// A mark is so long at least, or there would be nothing to see.
const LEAST_MARK_NS: i64 = 1;

fn stretch((start, end): (i64, i64)) -> Option<Span> {
    (start < end).then_some(Span { start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_its_hash() {
        let place = Route {
            view: View::Timeline,
            window: Some(Span::new(1_795_316_000_005_283_000, 1_795_316_000_005_283_900)),
            mark: Some(Span::new(-3, 7)),
            step: Some(12),
            slice: Some(99),
            notes: Vec::new(),
            find: None,
            gaps: Some(GapKind::Launch),
            steps: None,
            gap: GapFilter::default(),
            theme: Some(Theme::Dark),
            memory_mb: Some(1200),
            chrome: Chrome::Embedded,
        };
        let hash = place.to_hash();
        assert_eq!(
            hash,
            "view=timeline&t=1795316000005283000,1795316000005283900&mark=-3,7&step=12&slice=99&gaps=launch&theme=dark&memory=1200&mode=embedded"
        );
        assert_eq!(Route::from_hash(&format!("#{hash}")), place);
        assert_eq!(Route::from_hash(""), Route::default());
        assert_eq!(Route::default().to_hash(), "");
    }

    #[test]
    fn notes_and_a_search_come_back_from_a_hash() {
        let note = |start, end, text: &str| Note {
            span: Span::new(start, end),
            text: text.to_owned(),
        };
        let place = Route {
            notes: vec![
                note(3, 9, "slow, 50 % & <b>?"),
                note(-5, 2, ""),
                note(7, 8, "Größe #1 = 2"),
            ],
            find: Some("\"aten::add\"".to_owned()),
            ..Route::default()
        };
        let hash = place.to_hash();
        let expected = "note=3,9,slow%2C%2050%20%25%20%26%20%3Cb%3E%3F&note=-5,2,\
                        &note=7,8,Gr%C3%B6%C3%9Fe%20%231%20%3D%202&find=%22aten%3A%3Aadd%22";
        assert_eq!(hash, expected);
        assert_eq!(Route::from_hash(&format!("#{hash}")), place);
    }

    #[test]
    fn notes_are_bounded_and_wrong_ones_left_out() {
        let long = "x".repeat(MAX_NOTE_CHARS + 9);
        let hash = format!("#note=9,3,back&note=1,2,{long}&note=a,2,b&note=4&find=%20&note=5,6,a%0Ab");
        let place = Route::from_hash(&hash);
        let notes: Vec<_> = place.notes.iter().map(|n| (n.span.start, n.text.len())).collect();
        assert_eq!(notes, [(1, MAX_NOTE_CHARS), (5, 2)], "a note is one line");
        assert_eq!(place.find, None);
        let many = "note=1,2,a&".repeat(MAX_NOTES + 9);
        assert_eq!(Route::from_hash(&many).notes.len(), MAX_NOTES);
    }

    #[test]
    fn filters_of_steps_and_gaps_come_back_from_a_hash() {
        let padded = Bucket {
            batch: 4,
            seq: Some(1),
            ctx: None,
        };
        let place = Route {
            view: View::Steps,
            steps: Some(StepFilter {
                phase: Some(Phase::Decode),
                period: None,
                bucket: Some(padded),
                class: Some("s3k12".to_owned()),
                window: Some(Span::new(-5, 7)),
                length: Some(Span::new(1_000, 2_000)),
                slowest: true,
            }),
            gap: GapFilter {
                phase: Some(Phase::Prefill),
                bucket: Some(padded),
                inside: Some(false),
                length: Some(Span::new(10, i64::MAX)),
            },
            ..Route::default()
        };
        let hash = place.to_hash();
        assert_eq!(
            hash,
            "view=steps&period=all&phase=decode&bucket=4.1.&class=s3k12&at=-5,7&length=1000,2000&slowest=yes\
             &gap_phase=prefill&gap_bucket=4.1.&gap_inside=no&gap_length=10,9223372036854775807"
        );
        assert_eq!(Route::from_hash(&hash), place);
        let all = Route::from_hash("#view=steps&period=all");
        assert_eq!(
            all.steps,
            Some(StepFilter::default()),
            "all periods are no lack of a filter"
        );
        for wrong in [
            "bucket=4",
            "bucket=x.1.",
            "at=9,3",
            "phase=x",
            "class=%3Cb",
            "slowest=1",
            "period=",
        ] {
            assert_eq!(Route::from_hash(wrong), Route::default(), "{wrong}");
        }
    }

    #[test]
    fn what_a_hash_says_wrongly_is_left_out() {
        let place = Route::from_hash("#view=nowhere&t=9,3&step=x&slice=4&gaps=&theme=blue&memory=-1&more");
        assert_eq!(
            place,
            Route {
                slice: Some(4),
                ..Route::default()
            }
        );
    }

    #[test]
    fn perfettos_way_of_writing_a_hash_is_understood() {
        let seen = Route {
            view: View::Timeline,
            window: Some(Span::new(5, 9)),
            ..Route::default()
        };
        for hash in [
            "#!/?visStart=5&visEnd=9",
            "#/?visStart=5&visEnd=9",
            "#visEnd=9&visStart=5",
        ] {
            assert_eq!(Route::from_hash(hash), seen, "{hash}");
        }
        let place =
            Route::from_hash("#!/?mode=embedded&hideSidebar=true&theme=system&ts=100&dur=20&view=steps");
        assert_eq!(
            place,
            Route {
                view: View::Steps,
                mark: Some(Span::new(100, 120)),
                chrome: Chrome::Embedded,
                ..Route::default()
            }
        );
        assert_eq!(Route::from_hash("#!/?hideSidebar=true").chrome, Chrome::Compact);
        assert_eq!(Route::from_hash("#/?ts=7").mark, Some(Span::new(7, 8)));
    }

    #[test]
    fn each_wrong_value_is_left_out_alone() {
        for wrong in [
            "visStart=9&visEnd=5",
            "visStart=1e3&visEnd=NaN",
            "visStart=5",
            "ts=x&dur=3",
            "ts=5&dur=-1",
            "ts=99999999999999999999",
            "mode=full&hideSidebar=maybe",
            "dur=3",
        ] {
            let place = Route::from_hash(&format!("#!/?{wrong}&slice=4&theme=dark"));
            let rest = Route {
                slice: Some(4),
                theme: Some(Theme::Dark),
                ..Route::default()
            };
            assert_eq!(place, rest, "{wrong}");
        }
    }
}

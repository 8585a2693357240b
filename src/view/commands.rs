//! All that the page does at a key's press: one list, which the keyboard, the help and the palette read.

use crate::base::closed_set::closed_set;
use crate::base::order;

/// Where a command works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Everywhere.
    Page,
    /// Everywhere, once a trace is open.
    Trace,
    Timeline,
    /// In the Steps view, which hears its keys itself.
    Steps,
}

impl Place {
    /// What stands before the words of a command in a list of all.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Place::Page | Place::Trace => None,
            Place::Timeline => Some("timeline"),
            Place::Steps => Some("steps"),
        }
    }
}

closed_set! {
    /// Something that the reader can have done. Keys are what the browser calls them, after `Ctrl+` (or the command
    /// key) and `Shift+`.
    pub enum Command {
        place: Place,
        word: &'static str,
        keys: &'static [&'static str],
    }
    Palette "palette" { place: Place::Page, word: "list all commands", keys: &["Ctrl+K"] }
    Search "search" { place: Place::Trace, word: "search names of events", keys: &["/"] }
    Help "help" { place: Place::Page, word: "help: keys and words", keys: &["?"] }
    Theme "theme" { place: Place::Page, word: "switch between light and dark", keys: &[] }
    CutOut "cut_out" { place: Place::Trace, word: "download a cut-out", keys: &[] }
    ReportHtml "report_html" { place: Place::Trace, word: "download the report as HTML", keys: &[] }
    ReportJson "report_json" { place: Place::Trace, word: "download the report as JSON", keys: &[] }
    ReportMarkdown "report_markdown" { place: Place::Trace, word: "download the report as Markdown", keys: &[] }
    ReportText "report_text" { place: Place::Trace, word: "download the report as text", keys: &[] }
    CloseFile "close_file" { place: Place::Trace, word: "close this file", keys: &[] }
    ZoomIn "zoom_in" { place: Place::Timeline, word: "zoom in at the pointer", keys: &["W"] }
    ZoomOut "zoom_out" { place: Place::Timeline, word: "zoom out at the pointer", keys: &["S"] }
    Left "left" { place: Place::Timeline, word: "move left", keys: &["A", "ArrowLeft"] }
    Right "right" { place: Place::Timeline, word: "move right", keys: &["D", "ArrowRight"] }
    Up "up" { place: Place::Timeline, word: "scroll up", keys: &["ArrowUp", "PageUp"] }
    Down "down" { place: Place::Timeline, word: "scroll down", keys: &["ArrowDown", "PageDown"] }
    Whole "whole" { place: Place::Timeline, word: "show the whole trace", keys: &["0", "Home"] }
    Fit "fit" { place: Place::Timeline, word: "fit the selection", keys: &["F"] }
    Next "next" { place: Place::Timeline, word: "next slice of the same row", keys: &["."] }
    Previous "previous" { place: Place::Timeline, word: "previous slice of the same row", keys: &[","] }
    NextAlike "next_alike" { place: Place::Timeline, word: "next slice of the same name", keys: &[">"] }
    PreviousAlike "previous_alike" { place: Place::Timeline, word: "previous slice of the same name", keys: &["<"] }
    Parent "parent" { place: Place::Timeline, word: "the slice that holds the selected one", keys: &["P"] }
    FollowOn "follow_on" { place: Place::Timeline, word: "follow the arrow from the slice", keys: &["]"] }
    FollowBack "follow_back" { place: Place::Timeline, word: "follow the arrow to the slice", keys: &["["] }
    FindSame "find_same" { place: Place::Timeline, word: "find slices of the same name", keys: &["="] }
    NextHit "next_hit" { place: Place::Timeline, word: "next hit of the search", keys: &["N"] }
    PreviousHit "previous_hit" { place: Place::Timeline, word: "previous hit of the search", keys: &["Shift+N"] }
    Mark "mark" { place: Place::Timeline, word: "mark the selection, with a note", keys: &["M"] }
    Menu "menu" { place: Place::Timeline, word: "menu of the selected slice", keys: &["Shift+F10", "ContextMenu"] }
    FilterTracks "filter_tracks" { place: Place::Timeline, word: "filter tracks by name", keys: &["T"] }
    FoldAll "fold_all" { place: Place::Timeline, word: "fold all groups of tracks", keys: &["-"] }
    UnfoldAll "unfold_all" { place: Place::Timeline, word: "open all groups of tracks", keys: &["+"] }
    Clear "clear" { place: Place::Timeline, word: "clear the selection", keys: &["Escape"] }
    PreviousStep "previous_step" { place: Place::Steps, word: "previous step", keys: &["["] }
    NextStep "next_step" { place: Place::Steps, word: "next step", keys: &["]"] }
}

/// What is done otherwise than by a command.
pub const GESTURES: [(&str, &str); 9] = [
    ("1 2 3 …", "go to a view"),
    ("Esc", "close what is open over a view"),
    ("Ctrl or ⌘ + wheel", "timeline: zoom at the pointer"),
    ("Shift + wheel, drag", "timeline: move"),
    ("click", "timeline: select; a name at the left folds it"),
    ("double click", "timeline: zoom to a slice"),
    ("right click", "timeline: menu of a slice or a track"),
    ("Shift + drag", "timeline: statistics of an area"),
    ("↑  ↓  Enter", "search, commands: choose and do"),
];

/// A key that is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressed<'a> {
    /// As the browser calls it: `"w"`, `"W"`, `"ArrowLeft"`.
    pub key: &'a str,
    /// Or the command key.
    pub ctrl: bool,
    pub alt: bool,
    pub shift: bool,
}

impl Pressed<'_> {
    fn is(self, binding: &str) -> bool {
        let (needs_ctrl, rest) = stripped(binding, "Ctrl+");
        let (needs_shift, key) = stripped(rest, "Shift+");
        let key_is_letter = key.len() == 1 && key.as_bytes()[0].is_ascii_alphabetic();
        let is_key = if key_is_letter {
            self.key.eq_ignore_ascii_case(key)
        } else {
            self.key == key
        };
        // Which other keys need Shift depends on the keyboard.
        let shift = !needs_shift || self.shift;
        is_key && self.ctrl == needs_ctrl && !self.alt && shift
    }
}

fn stripped<'a>(text: &'a str, prefix: &str) -> (bool, &'a str) {
    text.strip_prefix(prefix)
        .map_or((false, text), |rest| (true, rest))
}

impl Command {
    /// The command of a key at a place; one that needs Shift comes before one of the same key that does not.
    pub fn of_key(pressed: Pressed<'_>, at: impl Fn(Place) -> bool) -> Option<Command> {
        let bindings = Command::ALL.into_iter().filter(|command| at(command.place()));
        let bindings = bindings.flat_map(|command| command.keys().iter().map(move |&key| (command, key)));
        let fits = bindings.filter(|(_, key)| pressed.is(key));
        fits.max_by_key(|(_, key)| key.contains("Shift+"))
            .map(|(command, _)| command)
    }

    /// Its keys for people: `W`, `Ctrl+K or ⌘K`.
    pub fn shown_keys(self) -> String {
        let keys = self.keys().iter().map(|&key| shown_key(key));
        keys.collect::<Vec<String>>().join("  or  ")
    }

    /// What it does, after where it works: `timeline: zoom in`.
    pub fn says(self) -> String {
        match self.place().word() {
            Some(place) => format!("{place}: {}", self.word()),
            None => self.word().to_owned(),
        }
    }
}

fn shown_key(key: &str) -> String {
    if let Some(key) = key.strip_prefix("Ctrl+") {
        return format!("Ctrl+{key}  or  ⌘{key}");
    }
    let (_, name) = stripped(key, "Shift+");
    let shown = match name {
        "ArrowLeft" => "←",
        "ArrowRight" => "→",
        "ArrowUp" => "↑",
        "ArrowDown" => "↓",
        "Escape" => "Esc",
        "ContextMenu" => "Menu",
        other => other,
    };
    key.replace(name, shown)
        .replace('+', if name == "+" { "+" } else { " + " })
}

/// Of several texts those that `typed` is meant to be, the likeliest first: as it stands at the start of the text, at
/// the start of a word, within a word; then letter by letter in order. Of equal ones the shorter, then the first.
pub fn matching(texts: &[String], typed: &str) -> Vec<usize> {
    let typed = typed.trim().to_lowercase();
    let mut found: Vec<(u8, usize, usize)> = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let text = text.to_lowercase();
        let rank = if typed.is_empty() {
            Some((0, 0))
        } else {
            rank(&text, &typed).map(|rank| (rank, text.chars().count()))
        };
        if let Some((rank, length)) = rank {
            found.push((rank, length, i));
        }
    }
    order::sort(&mut found);
    found.into_iter().map(|(_, _, i)| i).collect()
}

fn rank(text: &str, typed: &str) -> Option<u8> {
    if text.starts_with(typed) {
        return Some(0);
    }
    let mut places = text.match_indices(typed).map(|(at, _)| at).peekable();
    if places.peek().is_some() {
        let begins_word = |at: usize| !text[..at].ends_with(char::is_alphanumeric);
        return Some(if places.any(begins_word) { 1 } else { 2 });
    }
    let mut letters = text.chars();
    let in_order = typed
        .chars()
        .filter(|c| !c.is_whitespace())
        .all(|c| letters.any(|l| l == c));
    in_order.then_some(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(key: &str, shift: bool) -> Pressed<'_> {
        Pressed {
            key,
            ctrl: false,
            alt: false,
            shift,
        }
    }

    fn on_timeline(pressed: Pressed<'_>) -> Option<Command> {
        Command::of_key(pressed, |place| place != Place::Steps)
    }

    #[test]
    fn keys_find_their_commands() {
        assert_eq!(on_timeline(press("w", false)), Some(Command::ZoomIn));
        assert_eq!(on_timeline(press("W", false)), Some(Command::ZoomIn), "caps lock");
        assert_eq!(on_timeline(press("n", false)), Some(Command::NextHit));
        assert_eq!(on_timeline(press("N", true)), Some(Command::PreviousHit));
        assert_eq!(on_timeline(press(">", true)), Some(Command::NextAlike));
        assert_eq!(on_timeline(press("F10", true)), Some(Command::Menu));
        assert_eq!(on_timeline(press("F10", false)), None);
        assert_eq!(on_timeline(press("]", false)), Some(Command::FollowOn));
        assert_eq!(
            Command::of_key(press("]", false), |p| p == Place::Steps),
            Some(Command::NextStep)
        );
        let ctrl = |key| Pressed {
            ctrl: true,
            ..press(key, false)
        };
        assert_eq!(on_timeline(ctrl("k")), Some(Command::Palette));
        assert_eq!(on_timeline(ctrl("w")), None, "the browser's own");
        assert_eq!(on_timeline(press("k", false)), None);
    }

    #[test]
    fn no_two_commands_of_one_place_share_a_key() {
        for (i, a) in Command::ALL.iter().enumerate() {
            for b in &Command::ALL[i + 1..] {
                let meet = a.place() == b.place() || a.place() == Place::Page || b.place() == Place::Page;
                let share = a.keys().iter().any(|key| b.keys().contains(key));
                assert!(!(meet && share), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn keys_are_shown_as_people_know_them() {
        assert_eq!(Command::Palette.shown_keys(), "Ctrl+K  or  ⌘K");
        assert_eq!(Command::Left.shown_keys(), "A  or  ←");
        assert_eq!(Command::Menu.shown_keys(), "Shift + F10  or  Menu");
        assert_eq!(Command::UnfoldAll.shown_keys(), "+");
        assert_eq!(Command::ZoomIn.says(), "timeline: zoom in at the pointer");
    }

    #[test]
    fn what_is_typed_finds_the_likeliest_first() {
        let texts = [
            "zoom in",
            "fit the selection",
            "go to Timeline",
            "hit of the search",
            "timeline: go",
        ];
        let texts = texts.map(str::to_owned);
        let found = |typed: &str| {
            matching(&texts, typed)
                .into_iter()
                .map(|i| texts[i].as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(found("TIME"), ["timeline: go", "go to Timeline"]);
        assert_eq!(found("it"), ["fit the selection", "hit of the search"]);
        assert_eq!(found("sel"), ["fit the selection"]);
        assert_eq!(found("zi"), ["zoom in"], "letters in order");
        assert_eq!(found("").len(), 5);
        assert_eq!(found("xyz"), [""; 0]);
    }
}

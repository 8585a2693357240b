//! What an event says in words, as ids: names, categories, keys, and the args that become columns.

use rustc_hash::FxHashMap;

use super::{Builder, PYTHON};
use crate::base::{DefectKind, NameId, Names};
use crate::index::direct_cache::DirectCache;
use crate::index::trace_columns::Key;
use crate::ingest::{ArgKind, Event, Field, Scalar, Word};

/// What the categories past the first 65 535 are called together.
const OTHER_CATEGORIES: &str = "(other)";
/// See [`Builder::bound_category`].
const BOUND: &str = "bind_id";

/// All categories so far, in the order in which they came.
#[derive(Clone, Default)]
pub struct Categories {
    pub names: Vec<NameId>,
    by_name: FxHashMap<NameId, u16>,
    /// The category [`PYTHON`].
    pub python: Option<u16>,
    recent: DirectCache<Word, u16>,
}

impl Builder {
    pub(super) fn name(&mut self, scalar: Scalar<'_>, at: u64) -> NameId {
        let bytes = match scalar {
            Scalar::Text(raw) => {
                let (bytes, bad_escape) = raw.text(&mut self.scratch);
                if bad_escape {
                    self.defects.add(DefectKind::BadEscape, Some(at));
                }
                bytes
            }
            Scalar::Bare(text) => text,
            Scalar::Missing => return Names::EMPTY,
            Scalar::Null | Scalar::Nested(_) => {
                self.defects.add(DefectKind::UnreadableName, Some(at));
                return Names::EMPTY;
            }
        };
        let known = self.names.len();
        let (id, repaired) = self.names.intern_bytes(bytes);
        if repaired {
            self.defects.add(DefectKind::InvalidUtf8, Some(at));
        }
        // Looked at once a distinct name: an escaped line break is legal, a raw one is not.
        if self.names.len() > known
            && let Scalar::Text(raw) = scalar
            && raw.raw.iter().any(|&b| b < 0x20)
        {
            self.defects.add(DefectKind::ControlCharacter, Some(at));
        }
        id
    }

    /// The category of arrows that slices say themselves: they go from any category to any other.
    pub(super) fn bound_category(&mut self) -> u16 {
        let name = self.names.intern(BOUND);
        self.category_named(name, None)
    }

    pub(super) fn category(&mut self, event: &Event<'_>) -> u16 {
        let word = event.word(Field::Category);
        if let Some(word) = word
            && let Some(id) = self.categories.recent.get(word.hash(), word)
        {
            return id;
        }
        let id = self.category_id(event);
        if let Some(word) = word {
            self.categories.recent.set(word.hash(), word, id);
        }
        id
    }

    fn category_id(&mut self, event: &Event<'_>) -> u16 {
        let name = self.name(event.category(), event.at);
        self.category_named(name, Some(event.at))
    }

    fn category_named(&mut self, name: NameId, at: Option<u64>) -> u16 {
        if let Some(&id) = self.categories.by_name.get(&name) {
            return id;
        }
        // A trace has a few dozen.
        let id = u16::try_from(self.categories.names.len()).unwrap_or(u16::MAX);
        if id == u16::MAX {
            if self.categories.names.len() == usize::from(id) {
                let rest = self.names.intern(OTHER_CATEGORIES);
                self.categories.names.push(rest);
            }
            self.defects.add(DefectKind::TooManyCategories, at);
        } else {
            if self.names.get(name) == PYTHON {
                self.categories.python = Some(id);
            }
            self.categories.names.push(name);
        }
        self.categories.by_name.insert(name, id);
        id
    }

    pub(super) fn key(&mut self, scalar: Scalar<'_>, at: u64) -> Key {
        match scalar.key_number() {
            Some(n) => Key::Int(n),
            None => Key::Text(self.name(scalar, at)),
        }
    }

    /// Takes the wanted args of an event to `values`.
    pub(super) fn read_args(&mut self, event: &Event<'_>) {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        for (spec, value) in event.wanted_args() {
            let number = match self.specs[spec].kind {
                ArgKind::Int => {
                    let number = value.id();
                    if number.is_none() && matches!(value, Scalar::Bare(_)) {
                        self.defects.add(DefectKind::UnreadableNumber, Some(event.at));
                    }
                    number
                }
                ArgKind::Text => match value {
                    Scalar::Text(_) | Scalar::Bare(_) => Some(i64::from(self.name(value, event.at).0)),
                    _ => None,
                },
                ArgKind::Written => match value {
                    Scalar::Text(_) | Scalar::Bare(_) => Some(i64::from(self.name(value, event.at).0)),
                    Scalar::Nested(text) => Some(i64::from(self.names.intern_bytes(text).0.0)),
                    _ => None,
                },
                ArgKind::Json => match value {
                    Scalar::Nested(text) => Some(i64::from(self.names.intern_bytes(text).0.0)),
                    _ => None,
                },
            };
            if let (Some(number), Ok(spec)) = (number, u16::try_from(spec)) {
                values.push((spec, number));
            }
        }
        self.values = values;
    }
}

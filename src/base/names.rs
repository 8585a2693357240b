//! Texts, each held once.
//!
//! A trace has millions of events and a few thousand distinct names, so an event holds a 4-byte [`NameId`]
//! and the text lives here.

use hashbrown::HashTable;

use super::{NameId, bytes};

/// An interner that keeps no second copy of a text.
///
/// Invariants:
/// - `ends` never decreases, and its last value is `text.len()`;
/// - no two ids have the same text, so comparing ids compares names;
/// - id 0 is the empty text.
///
/// The hash is quick but not made for hostile keys; a trace is the reader's own file, so the worst a crafted one
/// can do is slow down the tab that opened it.
#[derive(Clone)]
pub struct Names {
    text: String,
    ends: Vec<u32>,
    by_text: HashTable<NameId>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Names {
            text: String::new(),
            ends: Vec::new(),
            by_text: HashTable::new(),
        };
        names.intern("");
        names
    }
}

impl Names {
    /// The empty text.
    pub const EMPTY: NameId = NameId(0);

    /// The id of `text`, new or old.
    ///
    /// When 4 GiB of distinct text are held, further texts all become [`Names::EMPTY`].
    pub fn intern(&mut self, text: &str) -> NameId {
        let hash = bytes::hash(text.as_bytes());
        if let Some(&id) = self.find(hash, text.as_bytes()) {
            return id;
        }
        let Ok(end) = u32::try_from(self.text.len() + text.len()) else {
            return Names::EMPTY;
        };
        let id = NameId::from_index(self.ends.len());
        self.text.push_str(text);
        self.ends.push(end);
        let (all, ends) = (&self.text, &self.ends);
        self.by_text
            .insert_unique(hash, id, |&id| bytes::hash(get(all, ends, id).as_bytes()));
        id
    }

    /// The id of `raw` bytes; what is not UTF-8 is replaced by U+FFFD. The flag says whether that happened.
    pub fn intern_bytes(&mut self, raw: &[u8]) -> (NameId, bool) {
        if let Some(&id) = self.find(bytes::hash(raw), raw) {
            return (id, false);
        }
        match std::str::from_utf8(raw) {
            Ok(text) => (self.intern(text), false),
            Err(_) => (self.intern(&String::from_utf8_lossy(raw)), true),
        }
    }

    #[inline]
    fn find(&self, hash: u64, text: &[u8]) -> Option<&NameId> {
        let (all, ends) = (self.text.as_bytes(), &self.ends);
        self.by_text
            .find(hash, |&id| bytes::same(&all[range(ends, id)], text))
    }

    /// The id of `text`, if the trace has it.
    pub fn lookup(&self, text: &str) -> Option<NameId> {
        self.find(bytes::hash(text.as_bytes()), text.as_bytes()).copied()
    }

    /// The text of `id`.
    pub fn get(&self, id: NameId) -> &str {
        get(&self.text, &self.ends, id)
    }

    /// Number of distinct texts, the empty one included.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Never true: the empty text is always there.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Every id with its text, in order of first appearance.
    pub fn iter(&self) -> impl Iterator<Item = (NameId, &str)> {
        (0..self.ends.len()).map(|i| (NameId::from_index(i), self.get(NameId::from_index(i))))
    }

    /// Bytes held: texts, ends and the hash table.
    pub fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * 4 + self.by_text.capacity() * 5
    }
}

fn get<'a>(text: &'a str, ends: &[u32], id: NameId) -> &'a str {
    &text[range(ends, id)]
}

#[inline]
fn range(ends: &[u32], id: NameId) -> std::ops::Range<usize> {
    let i = id.index();
    let from = if i == 0 { 0 } else { ends[i - 1] as usize };
    from..ends[i] as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_held_once() {
        let mut names = Names::default();
        let a = names.intern("aten::mm");
        let b = names.intern("aten::add");
        assert_eq!(names.intern("aten::mm"), a);
        assert_ne!(a, b);
        assert_eq!(names.get(a), "aten::mm");
        assert_eq!(names.get(Names::EMPTY), "");
        assert_eq!(names.lookup("aten::add"), Some(b));
        assert_eq!(names.lookup("nowhere"), None);
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn invalid_utf8_is_repaired_and_said() {
        let mut names = Names::default();
        let (id, repaired) = names.intern_bytes(b"bad\xff(");
        assert!(repaired);
        assert_eq!(names.get(id), "bad\u{fffd}(");
        assert_eq!(names.intern_bytes(b"bad\xff(").0, id);
    }

    #[test]
    fn ten_thousand_texts_come_back() {
        let mut names = Names::default();
        let ids: Vec<_> = (0..10_000).map(|i| names.intern(&format!("n{i}"))).collect();
        for (i, id) in ids.iter().enumerate() {
            assert_eq!(names.get(*id), format!("n{i}"));
        }
    }
}

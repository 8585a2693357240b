//! How much of a trace each category is.

/// The events of one category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub events: u64,
    /// Bytes of their text.
    pub text_bytes: u64,
    /// Bytes that their rows take, the room that ordering them takes included.
    pub held_bytes: u64,
}

impl Share {
    fn add(&mut self, text_bytes: usize, held_bytes: u64) {
        self.events += 1;
        self.text_bytes += text_bytes as u64;
        self.held_bytes += held_bytes;
    }
}

/// Shares by category; the events that were left out on request are in none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    by_category: Vec<Share>,
    /// Counters, metadata, and what was skipped.
    pub other: Share,
}

impl Tally {
    #[inline]
    pub(super) fn add(&mut self, category: u16, text_bytes: usize, held_bytes: u64) {
        let category = usize::from(category);
        if category >= self.by_category.len() {
            self.by_category.resize(category + 1, Share::default());
        }
        self.by_category[category].add(text_bytes, held_bytes);
    }

    pub(super) fn add_other(&mut self, text_bytes: usize, held_bytes: u64) {
        self.other.add(text_bytes, held_bytes);
    }

    /// In the order of the categories; the last ones may be missing, which have none.
    pub fn by_category(&self) -> &[Share] {
        &self.by_category
    }
}

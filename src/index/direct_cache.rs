//! What was looked up a moment ago: events of a thread and of a category come in crowds.

/// Slots; a trace of eight devices has about as many threads that take turns.
const SLOTS: usize = 256;

/// The last answer of each slot.
#[derive(Clone)]
pub struct DirectCache<K, V> {
    slots: Vec<Option<(K, V)>>,
}

impl<K: Copy + PartialEq, V: Copy> Default for DirectCache<K, V> {
    fn default() -> Self {
        DirectCache {
            slots: vec![None; SLOTS],
        }
    }
}

impl<K: Copy + PartialEq, V: Copy> DirectCache<K, V> {
    /// The answer for `key`, if it is remembered. The upper bits of `hash` choose the slot.
    #[inline]
    pub fn get(&self, hash: u64, key: K) -> Option<V> {
        match self.slots[slot(hash)] {
            Some((known, value)) if known == key => Some(value),
            _ => None,
        }
    }

    pub fn set(&mut self, hash: u64, key: K, value: V) {
        self.slots[slot(hash)] = Some((key, value));
    }
}

fn slot(hash: u64) -> usize {
    (hash >> 56) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_knows_its_last_key_only() {
        let mut recent = DirectCache::default();
        recent.set(7 << 56, 'a', 1);
        assert_eq!(recent.get(7 << 56, 'a'), Some(1));
        assert_eq!(recent.get(7 << 56, 'b'), None);
        recent.set(7 << 56, 'b', 2);
        assert_eq!(recent.get(7 << 56, 'a'), None);
        assert_eq!(recent.get(8 << 56, 'b'), None);
    }
}

//! All slices of a name, counted once: what the details of a slice and a search say of its like.

use crate::base::{NameId, SliceId};
use crate::index::Index;

/// All slices of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alike {
    pub count: u32,
    /// First in order of rows.
    pub row: SliceId,
    /// First to start.
    pub first: SliceId,
    /// Longest; of equal ones the first row.
    pub longest: SliceId,
    pub total_ns: i64,
    pub min_ns: i64,
    pub max_ns: i64,
}

impl Alike {
    fn add(&mut self, index: &Index, id: SliceId) {
        let dur = index.slices.dur(id).as_ns();
        if self.count == 0 {
            *self = Alike {
                row: id,
                first: id,
                longest: id,
                min_ns: dur,
                max_ns: dur,
                ..Alike::default()
            };
        }
        self.count += 1;
        self.total_ns = self.total_ns.saturating_add(dur);
        self.min_ns = self.min_ns.min(dur);
        if dur > self.max_ns {
            (self.max_ns, self.longest) = (dur, id);
        }
        if index.slices.start(id) < index.slices.start(self.first) {
            self.first = id;
        }
    }
}

/// Every name's slices. Empty where most slices have names of their own: 40 bytes a name would then be more
/// than the columns, and counting when asked is one walk over the slices.
#[derive(Default)]
pub struct ByName(Vec<Alike>);

/// At least this many slices a name, or few names, and all are counted beforehand.
const SLICES_A_NAME: usize = 10;
const FEW_NAMES: usize = 50_000;

impl ByName {
    /// Walks over all slices once.
    pub fn of(index: &Index) -> ByName {
        let n = index.names.len();
        if n > FEW_NAMES && n > index.slices.len() / SLICES_A_NAME {
            return ByName::default();
        }
        let mut all = vec![Alike::default(); n];
        for id in index.slices.ids() {
            all[index.slices.name(id).index()].add(index, id);
        }
        ByName(all)
    }

    /// The slices of one name.
    pub fn get(&self, index: &Index, name: NameId) -> Alike {
        if let Some(alike) = self.0.get(name.index()) {
            return *alike;
        }
        let mut alike = Alike::default();
        for id in index.slices.ids().filter(|&id| index.slices.name(id) == name) {
            alike.add(index, id);
        }
        alike
    }

    /// The slices of every name that is `wanted` and has any, name by name.
    pub fn wanted(&self, index: &Index, wanted: impl Fn(&str) -> bool) -> Vec<(NameId, Alike)> {
        let names = index.names.iter().filter(|(_, text)| wanted(text));
        if !self.0.is_empty() {
            let all = names.map(|(name, _)| (name, self.0[name.index()]));
            return all.filter(|(_, alike)| alike.count > 0).collect();
        }
        let mut found: Vec<(NameId, Alike)> = names.map(|(name, _)| (name, Alike::default())).collect();
        if found.is_empty() {
            return found;
        }
        let mut place_of = vec![u32::MAX; index.names.len()];
        for ((name, _), place) in found.iter().zip(0..) {
            place_of[name.index()] = place;
        }
        for id in index.slices.ids() {
            let place = place_of[index.slices.name(id).index()];
            if let Some((_, alike)) = found.get_mut(place as usize) {
                alike.add(index, id);
            }
        }
        found.retain(|(_, alike)| alike.count > 0);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::open_bytes;

    #[test]
    fn counted_before_or_when_asked_is_the_same() {
        let event = |i: u32| {
            let (tid, ts, dur) = (i % 3, i * 17 % 101, i * 7 % 13);
            format!(
                r#"{{"ph":"X","name":"n{}","pid":1,"tid":{tid},"ts":{ts},"dur":{dur}}}"#,
                i % 5
            )
        };
        let events: Vec<String> = (0..80).map(event).collect();
        let trace = open_bytes("t", format!("[{}]", events.join(",")).as_bytes()).unwrap();
        let index = &trace.index;
        let (before, asked) = (ByName::of(index), ByName::default());
        let all = before.wanted(index, |_| true);
        assert_eq!(all.iter().map(|(_, a)| a.count).sum::<u32>(), 80);
        assert_eq!(all, asked.wanted(index, |_| true));
        for (name, alike) in all {
            assert_eq!(before.get(index, name), alike);
            assert_eq!(asked.get(index, name), alike);
            let mine = || index.slices.ids().filter(|&id| index.slices.name(id) == name);
            assert_eq!(
                mine().map(|id| index.slices.dur(id).as_ns()).max(),
                Some(alike.max_ns)
            );
            assert_eq!(
                mine().map(|id| index.slices.dur(id).as_ns()).min(),
                Some(alike.min_ns)
            );
            assert_eq!(index.slices.dur(alike.longest).as_ns(), alike.max_ns);
            assert_eq!(
                mine().map(|id| index.slices.start(id)).min(),
                Some(index.slices.start(alike.first))
            );
        }
        assert!(before.wanted(index, |text| text == "n9").is_empty());
    }
}

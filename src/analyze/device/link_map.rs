//! Values by link number. Tracers count links up, so most tables are a plain list.

use rustc_hash::FxHashMap;

/// What is known of each link number; `T::default()` is "nothing".
pub enum LinkMap<T> {
    /// From the first number on.
    Dense {
        first: i64,
        slots: Vec<T>,
    },
    Sparse(FxHashMap<i64, T>),
}

impl<T: Copy + Default> LinkMap<T> {
    /// An empty table for these numbers. Dense where at least every fourth number of their range is used: a
    /// hash table takes more than four times the room of its values.
    pub fn for_links(links: impl Iterator<Item = i64>) -> LinkMap<T> {
        let (mut n, mut low, mut high) = (0u64, i64::MAX, i64::MIN);
        for link in links {
            n += 1;
            low = low.min(link);
            high = high.max(link);
        }
        if n == 0 {
            return LinkMap::Sparse(FxHashMap::default());
        }
        match usize::try_from(high.abs_diff(low)) {
            Ok(range) if high.abs_diff(low) / 4 <= n => LinkMap::Dense {
                first: low,
                slots: vec![T::default(); range + 1],
            },
            _ => LinkMap::Sparse(FxHashMap::default()),
        }
    }

    /// What is known of a number.
    pub fn get(&self, link: i64) -> T {
        match self {
            LinkMap::Dense { first, slots } => place(*first, link)
                .and_then(|i| slots.get(i).copied())
                .unwrap_or_default(),
            LinkMap::Sparse(map) => map.get(&link).copied().unwrap_or_default(),
        }
    }

    /// The place of a number that the table was made for.
    pub fn at(&mut self, link: i64) -> Option<&mut T> {
        match self {
            LinkMap::Dense { first, slots } => place(*first, link).and_then(|i| slots.get_mut(i)),
            LinkMap::Sparse(map) => Some(map.entry(link).or_default()),
        }
    }
}

fn place(first: i64, link: i64) -> Option<usize> {
    usize::try_from(i128::from(link) - i128::from(first)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_and_sparse_tables_answer_alike() {
        for links in [vec![7, 9, 12], vec![i64::MIN, 3, i64::MAX], vec![]] {
            let mut table: LinkMap<u32> = LinkMap::for_links(links.iter().copied());
            for (&link, i) in links.iter().zip(1..) {
                *table.at(link).unwrap() += i;
            }
            for (&link, i) in links.iter().zip(1..) {
                assert_eq!(table.get(link), i);
            }
            assert_eq!(
                [table.get(8), table.get(6), table.get(13), table.get(i64::MAX - 1)],
                [0; 4]
            );
        }
        let dense: LinkMap<bool> = LinkMap::for_links([7, 9, 12].into_iter());
        assert!(matches!(dense, LinkMap::Dense { .. }));
        let sparse: LinkMap<bool> = LinkMap::for_links([7, 1_000].into_iter());
        assert!(matches!(sparse, LinkMap::Sparse(_)));
    }
}

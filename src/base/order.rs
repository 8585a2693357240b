//! Sorting of lists that are not long: one sorting routine for all of them.
//!
//! The standard library's sorts are compiled anew for each type and each key, 5 to 8 KB of WebAssembly each
//! time; sixty of them were a quarter of the worker. Here only the comparing is. A comparison costs a call, so
//! what may have a row for each event sorts by itself.

use std::cmp::Ordering;

/// As `slice::sort_by`: stable.
pub fn sort_by<T>(list: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    // More rows than u32 has do not fit into wasm32; natively the standard library does it.
    let Ok(n) = u32::try_from(list.len()) else {
        return list.sort_by(compare);
    };
    let mut order: Vec<u32> = (0..n).collect();
    sort_rows(&mut order, &mut |a, b| {
        compare(&list[a as usize], &list[b as usize])
    });
    arrange(list, &mut order);
}

/// As `slice::sort`: stable.
pub fn sort<T: Ord>(list: &mut [T]) {
    sort_by(list, T::cmp);
}

/// As `slice::sort_by_key`: stable.
pub fn sort_by_key<T, K: Ord>(list: &mut [T], mut key: impl FnMut(&T) -> K) {
    sort_by(list, |a, b| key(a).cmp(&key(b)));
}

/// Collects into a map or a set that is kept in order, and is not large: the standard library's way sorts a list of
/// the items first, with a sort of their own; here they are inserted.
pub fn inserted<C: Default + Extend<T>, T>(items: impl IntoIterator<Item = T>) -> C {
    let mut all = C::default();
    for item in items {
        all.extend(std::iter::once(item));
    }
    all
}

/// The one that is compiled once.
#[inline(never)]
fn sort_rows(order: &mut [u32], compare: &mut dyn FnMut(u32, u32) -> Ordering) {
    order.sort_by(|&a, &b| compare(a, b));
}

/// Puts `list[order[i]]` at `i`, cycle by cycle; leaves `order` in order.
fn arrange<T>(list: &mut [T], order: &mut [u32]) {
    for start in 0..order.len() {
        let mut at = start;
        loop {
            let next = order[at] as usize;
            #[expect(clippy::cast_possible_truncation, reason = "as many as there are u32")]
            let here = at as u32;
            order[at] = here;
            if next == start {
                break;
            }
            list.swap(at, next);
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts_as_the_standard_library_does(list in proptest::collection::vec((0_u8..9, any::<u16>()), 0..80)) {
            let (mut ours, mut theirs) = (list.clone(), list);
            sort_by_key(&mut ours, |pair| pair.0);
            theirs.sort_by_key(|pair| pair.0);
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn what_cannot_be_copied_is_moved() {
        let mut words: Vec<String> = ["pear", "fig", "apple", "fig"].map(String::from).to_vec();
        sort_by(&mut words, |a, b| b.cmp(a));
        assert_eq!(words, ["pear", "fig", "fig", "apple"]);
    }
}

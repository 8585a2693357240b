//! Short texts compared, searched and hashed in words. WebAssembly has no fast `memcmp`, and names are looked
//! up once an event.

use wide::u8x16;

/// Whether `a` and `b` are equal.
#[inline]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    let n = a.len();
    if n != b.len() {
        return false;
    }
    if n < 16 {
        return short(a) == short(b);
    }
    let word = |bytes: &[u8], at: usize| bytes[at..].first_chunk::<16>().copied();
    let mut at = 0;
    while at + 16 <= n {
        if word(a, at) != word(b, at) {
            return false;
        }
        at += 16;
    }
    a.last_chunk::<16>() == b.last_chunk::<16>()
}

/// Up to 15 bytes as two words; texts of different lengths may be equal here.
#[inline]
fn short(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (
            u64::from(u32::from_le_bytes(*first)),
            u64::from(u32::from_le_bytes(*last)),
        );
    }
    match text {
        [] => (0, 0),
        [a] => (u64::from(*a), 0),
        [a, b] => (u64::from(*a), u64::from(*b)),
        [a, b, c, ..] => (u64::from(*a) << 8 | u64::from(*b), u64::from(*c)),
    }
}

/// Whether `text` has the byte `wanted`.
#[inline]
pub fn has(text: &[u8], wanted: u8) -> bool {
    let Some(last) = text.last_chunk::<16>() else {
        return text.contains(&wanted);
    };
    let wanted = u8x16::splat(wanted);
    let (lanes, _) = text.as_chunks::<16>();
    lanes
        .iter()
        .chain([last])
        .any(|lane| u8x16::new(*lane).simd_eq(wanted).any())
}

/// A hash of `text`. Quick, and not made for hostile keys.
#[inline]
pub fn hash(text: &[u8]) -> u64 {
    // Odd, its bits those of the golden ratio: consecutive products differ in their upper half.
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(29) ^ word).wrapping_mul(MULTIPLIER);
    let mut hash = (text.len() as u64).wrapping_mul(MULTIPLIER);
    if text.len() < 16 {
        let (a, b) = short(text);
        hash = mix(mix(hash, a), b);
    } else {
        for word in text.as_chunks::<8>().0 {
            hash = mix(hash, u64::from_le_bytes(*word));
        }
        let last = text.last_chunk().expect("16 bytes or more");
        hash = mix(hash, u64::from_le_bytes(*last));
    }
    // Tables take the lowest and the highest bits.
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn they_agree_with_the_plain_ways(
            a in proptest::collection::vec(0u8..3, 0..40),
            b in proptest::collection::vec(0u8..3, 0..40),
            flip in 0usize..40,
        ) {
            proptest::prop_assert_eq!(same(&a, &b), a == b);
            proptest::prop_assert!(same(&a, &a.clone()));
            proptest::prop_assert_eq!(hash(&a), hash(&a.clone()));
            for wanted in 0..4 {
                proptest::prop_assert_eq!(has(&a, wanted), a.contains(&wanted));
            }
            let mut other = a.clone();
            if let Some(byte) = other.get_mut(flip) {
                *byte ^= 0x80;
                proptest::prop_assert!(!same(&a, &other));
                proptest::prop_assert_ne!(hash(&a), hash(&other));
            }
        }
    }

    #[test]
    fn counted_names_spread() {
        let hashes: std::collections::HashSet<u64> = (0..100_000)
            .map(|i| hash(format!("kernel_{i}").as_bytes()) >> 40)
            .collect();
        assert!(
            hashes.len() > 95_000,
            "{} of 100 000 upper halves differ",
            hashes.len()
        );
    }
}

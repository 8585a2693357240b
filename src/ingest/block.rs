//! 64 bytes at a time: which of them are quotes, braces, colons, as bits of a word.
//!
//! The method is simdjson's (Langdale, Lemire: Parsing Gigabytes of JSON per Second, 2019): a backslash escapes
//! what follows it, every other quote opens or closes a string, and the prefix sum of the quotes' bits modulo 2 is
//! a string's inside.

use wide::u8x16;

/// Bytes a block.
pub const BLOCK: usize = 64;

/// Bit `i` of each word is about byte `i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    pub quotes: u64,
    pub colons: u64,
    /// `{`, `}` and `\`: what a flat object has one of, or none.
    pub special: u64,
    /// What may follow a closing quote: `, : ] }`, blanks and other control characters.
    pub after_string: u64,
}

impl Block {
    #[inline(always)]
    pub fn of(bytes: &[u8; BLOCK]) -> Block {
        let mut block = Block::default();
        let case = u8x16::splat(0x20);
        for (n, lane) in bytes.as_chunks::<16>().0.iter().enumerate() {
            let v = u8x16::new(*lane);
            let bits = |mask: u8x16| u64::from(mask.to_bitmask()) << (n * 16);
            let is = |byte: u8| v.simd_eq(u8x16::splat(byte));
            let colon = is(b':');
            // `]` and `}` differ in this bit only.
            let closes = (v | case).simd_eq(u8x16::splat(b'}'));
            let blank = v.simd_eq(v.min(case));
            block.quotes |= bits(is(b'"'));
            block.colons |= bits(colon);
            block.special |= bits(is(b'{') | is(b'}') | is(b'\\'));
            block.after_string |= bits(closes | colon | is(b',') | blank);
        }
        block
    }
}

/// Whether a byte may follow a closing quote; the same as [`Block::after_string`].
pub fn is_after_string(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b',' | b':' | b']' | b'}')
}

/// Bits of bytes that equal `byte`.
pub fn equal(bytes: &[u8; BLOCK], byte: u8) -> u64 {
    let mut bits = 0;
    for (n, lane) in bytes.as_chunks::<16>().0.iter().enumerate() {
        let mask = u8x16::new(*lane).simd_eq(u8x16::splat(byte));
        bits |= u64::from(mask.to_bitmask()) << (n * 16);
    }
    bits
}

/// From just after an opening quote to the first quote or backslash within 16 bytes.
#[inline(always)]
pub fn quote_or_backslash(bytes: &[u8; 16]) -> Option<usize> {
    let v = u8x16::new(*bytes);
    let found = (v.simd_eq(u8x16::splat(b'"')) | v.simd_eq(u8x16::splat(b'\\'))).to_bitmask();
    (found != 0).then(|| found.trailing_zeros() as usize)
}

/// How many of 16 bytes belong to a number or a word (`true`, `NaN`, `-1.5e+3`), counted from the first.
#[inline(always)]
pub fn token_len(bytes: &[u8; 16]) -> usize {
    let v = u8x16::new(*bytes);
    // x - low <= high - low, in wrapping bytes, is low <= x <= high.
    let within = |v: u8x16, low: u8, high: u8| {
        let off = v - u8x16::splat(low);
        off.simd_eq(off.min(u8x16::splat(high - low)))
    };
    let letter = within(v | u8x16::splat(0x20), b'a', b'z');
    // `+` to `9` without `,` and `/`.
    let other = v.simd_eq(u8x16::splat(b',')) | v.simd_eq(u8x16::splat(b'/'));
    let number = within(v, b'+', b'9');
    let inside = (letter | number).to_bitmask() & !other.to_bitmask();
    (!inside).trailing_zeros() as usize
}

/// Follows backslashes from block to block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Escapes {
    /// Bit 0: the next block's first byte is escaped.
    carry: u64,
}

impl Escapes {
    /// Whether the next block's first byte is escaped.
    pub fn pending(self) -> bool {
        self.carry != 0
    }

    /// The bytes that a backslash before them escapes.
    #[inline(always)]
    pub fn escaped(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.carry);
        }
        // In a run of backslashes every second one is escaped, counted from the run's start: subtracting the
        // runs' starts from the odd bits carries each run to its end with the right parity.
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        let starts = backslashes & !self.carry;
        let even_ends = ((starts << 1) | ODD).wrapping_sub(starts);
        let escapes_and_ends = even_ends ^ ODD;
        let escaped = escapes_and_ends ^ (backslashes | self.carry);
        self.carry = (escapes_and_ends & backslashes) >> 63;
        escaped
    }
}

/// Follows strings from block to block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strings {
    /// All ones inside a string.
    carry: u64,
}

impl Strings {
    /// The bytes inside strings, opening quotes included, closing ones not.
    #[inline(always)]
    pub fn inside(&mut self, quotes: u64) -> u64 {
        let mut bits = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits ^= self.carry;
        self.carry = (bits.cast_signed() >> 63).cast_unsigned();
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Escaped and inside, one byte after the other.
    fn slowly(text: &[u8]) -> (Vec<bool>, Vec<bool>) {
        let (mut escaped, mut inside) = (Vec::new(), Vec::new());
        let (mut after_backslash, mut in_string) = (false, false);
        for &b in text {
            escaped.push(after_backslash);
            if b == b'"' && !after_backslash {
                in_string = !in_string;
            }
            inside.push(in_string);
            after_backslash = b == b'\\' && !after_backslash;
        }
        (escaped, inside)
    }

    proptest::proptest! {
        #[test]
        fn blocks_agree_with_single_bytes(text in proptest::collection::vec(
            proptest::sample::select(&b"\"\"\\\\{}:,[] a9\n\x7f\xff+-./;"[..]),
            64 * 3,
        )) {
            let (want_escaped, want_inside) = slowly(&text);
            let (mut escapes, mut strings) = (Escapes::default(), Strings::default());
            for (n, bytes) in text.as_chunks::<BLOCK>().0.iter().enumerate() {
                let block = Block::of(bytes);
                let escaped = escapes.escaped(equal(bytes, b'\\'));
                let inside = strings.inside(block.quotes & !escaped);
                for (i, &b) in bytes.iter().enumerate() {
                    let bit = |word: u64| word >> i & 1 == 1;
                    proptest::prop_assert_eq!(bit(block.quotes), b == b'"');
                    proptest::prop_assert_eq!(bit(block.colons), b == b':');
                    proptest::prop_assert_eq!(bit(block.special), matches!(b, b'{' | b'}' | b'\\'));
                    proptest::prop_assert_eq!(bit(block.after_string), is_after_string(b));
                    proptest::prop_assert_eq!(bit(escaped), want_escaped[n * 64 + i], "escaped {}", i);
                    proptest::prop_assert_eq!(bit(inside), want_inside[n * 64 + i], "inside {}", i);
                }
            }
        }

        #[test]
        fn tokens_and_strings_agree_with_single_bytes(bytes: [u8; 16]) {
            let is_token = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
            let want = bytes.iter().position(|b| !is_token(b)).unwrap_or(16);
            proptest::prop_assert_eq!(token_len(&bytes), want);
            let want = bytes.iter().position(|b| matches!(b, b'"' | b'\\'));
            proptest::prop_assert_eq!(quote_or_backslash(&bytes), want);
        }
    }
}

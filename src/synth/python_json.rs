//! JSON as Python's `json.dumps` writes it (`", "` and `": "`), which is how vLLM's merge leaves a trace.

use crate::base::time::{push_digits, push_micros};

/// A buffer that events are written to.
#[derive(Debug, Default)]
pub struct Text {
    pub out: Vec<u8>,
    pub events: u64,
    /// Whether an event has been written to the list that is open.
    pub any: bool,
    /// Each event is followed by a comma, not parted by one: vLLM's high-level file.
    pub trailing_comma: bool,
}

impl Text {
    pub fn raw(&mut self, text: &str) -> &mut Text {
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    /// An integer.
    pub fn int(&mut self, n: i64) -> &mut Text {
        if n < 0 {
            self.out.push(b'-');
        }
        push_digits(&mut self.out, n.unsigned_abs(), 1);
        self
    }

    /// A value in thousandths with the fewest digits that say it, at least one after the point: 134912 is
    /// `134.912`, 2316000 is `2316.0`. So nanoseconds become microseconds.
    pub fn thousandths(&mut self, n: i64) -> &mut Text {
        push_micros(&mut self.out, n);
        self
    }

    /// `part` of `whole` as a float in the fewest digits that say it, as Python writes it.
    pub fn ratio(&mut self, part: i64, whole: i64) -> &mut Text {
        let value = part as f64 / whole as f64;
        self.raw(&format!("{value:?}"))
    }

    /// `0x` and hexadecimal digits.
    pub fn hex(&mut self, n: u64) -> &mut Text {
        self.raw("0x");
        let mut digits = [b'0'; 16];
        let mut from = digits.len();
        let mut left = n;
        loop {
            from -= 1;
            digits[from] = b"0123456789abcdef"[usize::try_from(left & 15).unwrap_or(0)];
            left >>= 4;
            if left == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[from..]);
        self
    }

    /// Starts an event. Its own text follows, then [`Text::end`].
    pub fn begin(&mut self) -> &mut Text {
        if self.any && !self.trailing_comma {
            self.raw(", ");
        }
        self.any = true;
        self.events += 1;
        self
    }

    /// Ends an event.
    pub fn end(&mut self) {
        self.out.push(b'}');
        if self.trailing_comma {
            self.out.push(b',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_fewest_digits() {
        let micros = |ns| {
            let mut text = Text::default();
            text.thousandths(ns);
            String::from_utf8(text.out).unwrap()
        };
        assert_eq!(micros(134_912), "134.912");
        assert_eq!(micros(2_316_000), "2316.0");
        assert_eq!(micros(257_750), "257.75");
        assert_eq!(micros(5), "0.005");
        assert_eq!(micros(-1_500), "-1.5");
        let mut text = Text::default();
        text.int(-30).hex(0x54f0).int(0);
        assert_eq!(text.out, b"-300x54f00");
        let mut text = Text::default();
        text.ratio(2, 1).raw(" ").ratio(1, 3);
        assert_eq!(text.out, b"2.0 0.3333333333333333");
    }
}

//! Columns by name, rows, and numbers as the tables write them.
//!
//! - Times in fields end in a tab; files saved again by a spreadsheet hold `1.69512E+15`.
//! - Fields may be `N/A` or empty, and quoted fields hold line ends.
//! - Headers are compared without regard to case; newer CANN puts `Device_id` in front.
//! - Durations are rounded to what the table writes, half up; binary noise (`8873.756000000001`) goes with it.

use std::cell::Cell;

use csv::ByteRecord;
use rustc_hash::FxHashMap;

use crate::dialect::tables_beside::Tables;

/// Decimal digits times 10^`places`, rounded half up; exponents are honoured. `None`: no number, or out of range.
pub fn scaled(text: &str, places: i32) -> Option<i64> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // The digit after the last that counts decides the rounding.
    let counts = i32::try_from(whole.len())
        .ok()?
        .checked_add(exponent)?
        .checked_add(places)?;
    let mut value: i64 = 0;
    let mut all = whole.bytes().chain(fraction.bytes());
    for _ in 0..counts.clamp(-1, 40) {
        let digit = all.next().unwrap_or(b'0');
        value = value.checked_mul(10)?.checked_add(i64::from(digit_of(digit)?))?;
    }
    if counts >= 0 {
        value = value.checked_add(i64::from(digit_of(all.next().unwrap_or(b'0'))? >= 5))?;
    }
    all.all(|b| b.is_ascii_digit())
        .then_some(if negative { -value } else { value })
}

fn digit_of(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

/// The columns of a table by name.
pub struct Header(FxHashMap<String, usize>);

impl Header {
    pub fn of(record: &ByteRecord) -> Header {
        let names = record.iter().enumerate().map(|(i, name)| {
            let name = String::from_utf8_lossy(name);
            (name.trim().to_ascii_lowercase(), i)
        });
        // Of two columns with one name, the first.
        let mut columns = FxHashMap::default();
        for (name, i) in names {
            columns.entry(name).or_insert(i);
        }
        Header(columns)
    }

    /// The first of these names that is there.
    pub fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.0.get(*name).copied())
    }
}

/// A time as the table writes it; one that is negative is none.
pub fn time(text: &str, places: i32) -> Option<i64> {
    scaled(text, places).filter(|ns| *ns >= 0)
}

/// One row; `N/A` and nothing are nothing.
pub struct Row<'a> {
    pub fields: &'a ByteRecord,
    /// How many of the times that were asked for are something, and no time.
    unread: &'a Cell<u64>,
}

impl<'a> Row<'a> {
    pub fn new(fields: &'a ByteRecord, unread: &'a Cell<u64>) -> Row<'a> {
        Row { fields, unread }
    }

    pub fn text(&self, column: Option<usize>) -> Option<&'a str> {
        let text = std::str::from_utf8(self.fields.get(column?)?).ok()?.trim();
        (!text.is_empty() && text != "N/A").then_some(text)
    }

    /// A time of the row.
    pub fn micros(&self, column: Option<usize>) -> Option<i64> {
        let time = time(self.text(column)?, 3);
        self.unread.set(self.unread.get() + u64::from(time.is_none()));
        time
    }

    pub fn int(&self, column: Option<usize>) -> Option<i64> {
        self.text(column)?.parse().ok()
    }
}

/// Takes the rows of one table. `None`: a row that cannot be read, or for which there is no room.
pub type Rows = Box<dyn FnMut(Row<'_>, &mut Tables) -> Option<()>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_as_the_table_writes_them() {
        for (text, places, expected) in [
            ("1736408883704643.212\t", 3, Some(1_736_408_883_704_643_212)),
            ("8873.756000000001", 3, Some(8_873_756)),
            ("231290.09999999995", 3, Some(231_290_100)),
            ("106003.5380312500000000159872", 3, Some(106_003_538)),
            ("1.69512E+15", 3, Some(1_695_120_000_000_000_000)),
            ("105.99187771875", 6, Some(105_991_878)),
            ("6.54", 3, Some(6_540)),
            ("0.0004", 3, Some(0)),
            ("0.0005", 3, Some(1)),
            ("9.9999", 3, Some(10_000)),
            ("-2.5", 3, Some(-2_500)),
            ("0", 3, Some(0)),
            ("1695115378713661", 3, Some(1_695_115_378_713_661_000)),
            ("N/A", 3, None),
            ("", 3, None),
            ("1x", 3, None),
            ("99999999999999999999", 3, None),
        ] {
            assert_eq!(scaled(text, places), expected, "{text:?}");
        }
    }
}

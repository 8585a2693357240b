//! A column that grows without moving: a growing `Vec` holds up to three times its content while it moves to
//! a larger place, and wasm memory never shrinks again.

use std::ops::{Index, Range};

/// Rows a piece.
const PIECE: usize = 1 << 16;
/// A piece of 8-byte rows is so much longer that, once it is freed, two pieces of 4-byte rows or four of 2-byte
/// rows find room in its place, each with the allocator's own 16 bytes.
const SLACK_BYTES: usize = 128;

/// A push-only column of `T`, in pieces of 65 536 rows.
#[derive(Clone, Debug)]
pub struct Column<T> {
    pieces: Vec<Vec<T>>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Column { pieces: Vec::new() }
    }
}

impl<T: Copy> Column<T> {
    #[inline]
    pub fn push(&mut self, value: T) {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(value),
            _ => self.pieces.push(self.piece(value)),
        }
    }

    /// The next piece, with its first row.
    #[cold]
    fn piece(&self, value: T) -> Vec<T> {
        // The first piece grows as needed: most columns of most traces are short.
        let rows = match (self.pieces.is_empty(), size_of::<T>()) {
            (true, _) => 0,
            (false, 8) => PIECE + SLACK_BYTES / 8,
            (false, _) => PIECE,
        };
        let mut piece = Vec::with_capacity(rows);
        piece.push(value);
        piece
    }

    pub fn len(&self) -> usize {
        self.pieces
            .last()
            .map_or(0, |last| (self.pieces.len() - 1) * PIECE + last.len())
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    #[inline]
    pub fn get(&self, i: usize) -> T {
        self.pieces[i / PIECE][i % PIECE]
    }

    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.pieces.iter().flatten().copied()
    }

    /// The values of some rows.
    pub fn range(&self, rows: Range<usize>) -> impl Iterator<Item = T> + '_ {
        let pieces = rows.start / PIECE..rows.end.div_ceil(PIECE);
        pieces.flat_map(move |n| {
            let at = n * PIECE;
            let from = rows.start.max(at) - at;
            let to = rows.end.min(at + PIECE) - at;
            self.pieces[n][from..to].iter().copied()
        })
    }

    /// The first of some rows for which `before` does not hold; it holds for the first ones only.
    pub fn partition_point(&self, rows: Range<usize>, before: impl Fn(T) -> bool) -> usize {
        let (mut from, mut to) = (rows.start, rows.end);
        while from < to {
            let middle = from + (to - from) / 2;
            if before(self.get(middle)) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }

    /// The values in the order of `rows`; the column is gone afterwards. Its pieces are what the next column that
    /// is gathered finds free, so putting a table in order takes the room of one column.
    pub fn gather(self, rows: &[u32]) -> Column<T> {
        rows.iter().map(|&row| self.get(row as usize)).collect()
    }
}

impl<T: Copy> FromIterator<T> for Column<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut column = Column::default();
        values.into_iter().for_each(|value| column.push(value));
        column
    }
}

impl<T: Copy> Extend<T> for Column<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(value));
    }
}

impl<T> Index<usize> for Column<T> {
    type Output = T;

    #[inline]
    fn index(&self, i: usize) -> &T {
        &self.pieces[i / PIECE][i % PIECE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_across_pieces() {
        let mut column = Column::default();
        for i in 0..200_000u32 {
            column.push(i * 3);
        }
        assert_eq!(column.len(), 200_000);
        assert_eq!(column.get(65_536), 65_536 * 3);
        assert!(column.range(65_530..131_080).eq((65_530..131_080).map(|i| i * 3)));
        assert_eq!(column.range(7..7).count(), 0);
        assert_eq!(column.partition_point(10..150_000, |v| v < 300_000), 100_000);
        let gathered = column.gather(&[199_999, 0, 65_535]);
        assert!(gathered.iter().eq([599_997, 0, 196_605]));
    }
}

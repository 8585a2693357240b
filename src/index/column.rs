//! A column that grows without moving: a growing `Vec` holds up to three times its content while it moves to
//! a larger place, and wasm memory never shrinks again.

/// Rows a piece.
const PIECE: usize = 1 << 16;

/// A push-only column of `T`, in pieces of 65 536 rows.
#[derive(Clone)]
pub struct Column<T> {
    pieces: Vec<Vec<T>>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Column { pieces: Vec::new() }
    }
}

impl<T: Copy> Column<T> {
    pub fn push(&mut self, value: T) {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(value),
            _ => {
                // The first piece grows as needed: most columns of most traces are short.
                let mut piece = Vec::with_capacity(if self.pieces.is_empty() { 0 } else { PIECE });
                piece.push(value);
                self.pieces.push(piece);
            }
        }
    }

    pub fn len(&self) -> usize {
        self.pieces
            .last()
            .map_or(0, |last| (self.pieces.len() - 1) * PIECE + last.len())
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub fn get(&self, i: usize) -> T {
        self.pieces[i / PIECE][i % PIECE]
    }

    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.pieces.iter().flatten().copied()
    }

    /// The values in the order of `rows`; the column is gone afterwards.
    pub fn gather(self, rows: &[u32]) -> Vec<T> {
        rows.iter().map(|&row| self.get(row as usize)).collect()
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
        assert_eq!(column.gather(&[199_999, 0, 65_535]), vec![599_997, 0, 196_605]);
    }
}

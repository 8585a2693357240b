//! Rows by (track, depth), and what is longest in any stretch of them.

/// See the module.
#[derive(Default)]
pub struct Lanes {
    pub(super) order: Vec<u32>,
}

impl Lanes {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.order.len() * 4
    }
}

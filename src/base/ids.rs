//! Typed row numbers: a [`SliceId`] cannot be used where a [`NameId`] is meant.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($repr:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $repr);

        impl $name {
            /// The row, as an index into a column.
            pub fn index(self) -> usize {
                self.0 as usize
            }

            /// The id of row `index`.
            ///
            /// # Panics
            /// If the table outgrew its id type; tables refuse rows before that.
            pub fn from_index(index: usize) -> Self {
                Self(<$repr>::try_from(index).expect("tables refuse rows that their id cannot number"))
            }
        }
    };
}

id! {
    /// A text in [`Names`](super::Names).
    NameId(u32)
}
id! {
    /// An event category (`cat`); a trace has a few dozen at most.
    CategoryId(u16)
}
id! {
    /// A row of the slices table.
    SliceId(u32)
}
id! {
    /// A track: the slices of one (pid, tid), python frames apart.
    TrackId(u32)
}

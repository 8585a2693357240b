//! Closed sets, spelled once: causes, phases, engines, colours. One declaration gives the variants, the name that each
//! has in a report, and whatever else is said of them; nothing else maps a variant to a word.

/// Declares an enum whose every variant has a key and the same columns.
///
/// The order of the declaration is the order of precedence and that of `ALL`; `variant as usize` is a place in an array
/// of `COUNT`. The key is the name in JSON, too. Two variants with one key do not compile, nor does one that lacks a
/// column.
#[macro_export]
macro_rules! closed_set {
    (
        $(#[$meta:meta])*
        pub enum $Set:ident { $($(#[$column_meta:meta])* $column:ident: $type:ty),* $(,)? }
        $($(#[$variant_meta:meta])* $Variant:ident $key:literal { $($field:ident: $value:expr),* $(,)? })+
    ) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub enum $Set {
            $($(#[$variant_meta])* #[serde(rename = $key)] $Variant),+
        }

        impl $Set {
            /// How many there are.
            pub const COUNT: usize = [$($key),+].len();

            /// All of them, in the order of the declaration.
            pub const ALL: [$Set; $Set::COUNT] = [$($Set::$Variant),+];

            const KEYS: &'static [&'static str; $Set::COUNT] = &[$($key),+];

            /// Its fixed name in reports.
            pub const fn key(self) -> &'static str {
                Self::KEYS[self as usize]
            }

            /// The one with this key.
            pub fn from_key(key: &str) -> Option<$Set> {
                let at = Self::KEYS.iter().position(|known| *known == key)?;
                Some(Self::ALL[at])
            }
        }

        const _: () = {
            #[allow(dead_code, reason = "a set may have no columns")]
            struct Row {
                $($column: $type),*
            }

            impl $Set {
                #[allow(dead_code, reason = "a set may have no columns")]
                const ROWS: &'static [Row; $Set::COUNT] = &[$(Row { $($field: $value),* }),+];

                $(
                    $(#[$column_meta])*
                    pub const fn $column(self) -> $type {
                        Self::ROWS[self as usize].$column
                    }
                )*
            }

            assert!($crate::base::closed_set::are_unique(<$Set>::KEYS), "two variants have one key");
        };
    };
}

pub use closed_set;

/// Whether no text stands twice in a list.
pub const fn are_unique(keys: &[&str]) -> bool {
    let mut i = 0;
    while i < keys.len() {
        let mut other = i + 1;
        while other < keys.len() {
            if are_equal(keys[i].as_bytes(), keys[other].as_bytes()) {
                return false;
            }
            other += 1;
        }
        i += 1;
    }
    true
}

const fn are_equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    closed_set! {
        /// Two of them.
        pub enum Side {
            /// For people.
            title: &'static str,
            weight: u8,
        }
        /// The first.
        Left "left" { title: "on the left", weight: 3 }
        FarRight "far_right" { title: "far right", weight: 5 }
    }

    #[test]
    fn a_declaration_gives_order_keys_and_columns() {
        assert_eq!(Side::ALL, [Side::Left, Side::FarRight]);
        assert_eq!(Side::ALL.map(Side::key), ["left", "far_right"]);
        assert_eq!(
            (Side::FarRight.title(), Side::FarRight.weight()),
            ("far right", 5)
        );
        assert_eq!(Side::from_key("far_right"), Some(Side::FarRight));
        assert_eq!(Side::from_key("FarRight"), None);
        assert_eq!(
            serde_json::to_string(&Side::ALL).unwrap(),
            r#"["left","far_right"]"#
        );
    }

    #[test]
    fn a_key_that_stands_twice_is_found() {
        assert!(are_unique(&["a", "ab", "b"]) && !are_unique(&["a", "b", "a"]));
    }
}

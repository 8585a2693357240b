//! Damage, headers and wrong files.

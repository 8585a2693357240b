//! What views are made of.

pub mod ask;
pub mod confirm;
pub mod data_table;
pub mod dialog;
pub mod menu;
pub mod parts;
pub mod plot;
pub mod same_rc;

//! A reply as bytes, for the way from the worker to the page.
//!
//! The format is postcard's: values one after the other, without names. Reading by name costs the page a table of names
//! and a search for each of a hundred structs (30 KB of 360 KB, compressed), and the browser an object for each value.
//! A value that JSON leaves out is one zero byte here, as postcard writes none, an empty list or text, `false` and the
//! whole number 0; a member of another kind cannot be left out.

use super::clip::Clip;
use super::engine::Reply;

/// # Errors
///
/// If a value has no form in these bytes: a list of unknown length.
pub fn bytes_of(reply: &Reply) -> Result<Vec<u8>, String> {
    postcard::to_allocvec(&Clip(reply)).map_err(|why| why.to_string())
}

/// # Errors
///
/// If these are not the bytes of a reply: the worker is of another version than the page.
pub fn reply_of(bytes: &[u8]) -> Result<Reply, String> {
    postcard::from_bytes(bytes).map_err(|why| why.to_string())
}

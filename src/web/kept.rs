//! What a page keeps for its reader, on this machine: in a sandbox there is no storage, and asking for it throws.

use crate::web::opened_last;

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

pub fn get(key: &str) -> Option<String> {
    storage()?.get_item(key).ok().flatten()
}

/// Keeps it if the browser lets us.
pub fn set(key: &str, value: &str) {
    if let Some(storage) = storage() {
        drop(storage.set_item(key, value));
    }
}

/// What is kept as long as this tab lives.
fn storage_of_tab() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok().flatten()
}

pub fn of_tab(key: &str) -> Option<String> {
    storage_of_tab()?.get_item(key).ok().flatten()
}

pub fn set_of_tab(key: &str, value: &str) {
    if let Some(storage) = storage_of_tab() {
        drop(storage.set_item(key, value));
    }
}

pub fn remove_of_tab(key: &str) {
    if let Some(storage) = storage_of_tab() {
        drop(storage.remove_item(key));
    }
}

/// Forgets all of it.
pub fn forget() {
    opened_last::forget();
    let Some(storage) = storage() else { return };
    let n = storage.length().unwrap_or(0);
    // Taken first: removing one moves the others.
    let keys: Vec<String> = (0..n).filter_map(|i| storage.key(i).ok().flatten()).collect();
    for key in keys.iter().filter(|key| key.starts_with("stepscope.")) {
        drop(storage.remove_item(key));
    }
}

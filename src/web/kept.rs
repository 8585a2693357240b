//! What a page keeps for its reader, on this machine: in a sandbox there is no storage, and asking for it throws.

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

/// Forgets all of it.
pub fn forget() {
    let Some(storage) = storage() else { return };
    let n = storage.length().unwrap_or(0);
    // Taken first: removing one moves the others.
    let keys: Vec<String> = (0..n).filter_map(|i| storage.key(i).ok().flatten()).collect();
    for key in keys.iter().filter(|key| key.starts_with("stepscope.")) {
        drop(storage.remove_item(key));
    }
}

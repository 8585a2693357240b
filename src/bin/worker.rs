//! The worker: owns a session, pumps messages.

#[cfg(not(target_arch = "wasm32"))]
fn main() {}

/// Sets `onmessage` before it returns: what the page posts is delivered right after (see `web::boot`).
#[cfg(target_arch = "wasm32")]
fn main() {
    stepscope::web::worker::run();
}

//! Which of the files that were given is the trace.

use js_sys::Uint8Array;
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

use super::{read, size, unreadable};
use crate::protocol::engine::FileHead;
use crate::session;

/// Of the files that were given: the first trace, and the first metrics file, read whole.
pub struct Chosen {
    pub trace: Option<(FileHead, File)>,
    pub is_gzip: bool,
    pub metrics: Option<(String, Vec<u8>)>,
    pub left_out: Vec<String>,
}

pub async fn bytes_of(file: &File, len: u64) -> Result<Vec<u8>, String> {
    let Some(promise) = read(file, 0, len)? else {
        return Ok(Vec::new());
    };
    let got = JsFuture::from(promise)
        .await
        .map_err(|why| unreadable(file, why))?;
    Ok(Uint8Array::new(&got).to_vec())
}

pub async fn choose(files: Vec<(FileHead, File)>) -> Result<Chosen, String> {
    let mut chosen = Chosen {
        trace: None,
        is_gzip: false,
        metrics: None,
        left_out: Vec::new(),
    };
    for (head, file) in files {
        let start = bytes_of(&file, 512).await?;
        let is_metrics = session::is_metrics(&start);
        if is_metrics && chosen.metrics.is_none() && size(&file) <= session::MAX_METRICS_BYTES {
            chosen.metrics = Some((head.name, bytes_of(&file, u64::MAX).await?));
        } else if !is_metrics && chosen.trace.is_none() {
            chosen.trace = Some((head, file));
            chosen.is_gzip = session::is_gzip(&start);
        } else {
            chosen.left_out.push(head.name);
        }
    }
    Ok(chosen)
}

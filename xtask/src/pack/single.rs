//! The page as one file, which opens from a disk by a double click.
//!
//! A page from file:// can neither fetch nor import. So scripts and the style sheet stand in the document, known to its
//! policy by their hashes, and the parts of www/boot.js as base64 of zlib, which is a third of the bytes that base64
//! alone would be. What it may do once it runs is what the other page may do: nothing that needs a network.

use std::path::Path;

use anyhow::{Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use miniz_oxide::deflate::compress_to_vec_zlib;

use super::{html, integrity, read, text};

/// Of zlib's levels, the smallest result.
const LEVEL: u8 = 10;

pub fn single(dir: &Path, index: &str, parts: &[&str]) -> Result<String> {
    let mut inside = String::new();
    for name in parts {
        let packed = BASE64_STANDARD.encode(compress_to_vec_zlib(&read(dir, name)?, LEVEL));
        inside += &format!("<script type=\"text/plain\" data-part=\"{name}\">{packed}</script>\n");
    }
    let (mut scripts, mut styles) = (String::new(), String::new());
    let mut trouble = None;
    let page = html::with_tags(index, |tag| {
        let name = html::file_of(tag)?;
        let text = text(dir, &name).map_err(|why| trouble = Some(why)).ok()?;
        // Between "<!--" and "<script" the end of a script is another one.
        if ["</script", "</style", "<!--"]
            .iter()
            .any(|end| text.contains(end))
        {
            trouble = Some(anyhow::anyhow!("{name} cannot stand in a document as it is"));
        }
        let hash = integrity(text.as_bytes());
        Some(if tag.starts_with("<link") {
            styles += &format!(" '{hash}'");
            format!("<style>{text}</style>")
        } else {
            scripts += &format!(" '{hash}'");
            let kind = if html::attribute(tag, "type") == Some("module") {
                " type=\"module\""
            } else {
                ""
            };
            // The closing tag follows, as it did.
            format!("<script{kind}>{text}")
        })
    });
    if let Some(why) = trouble {
        return Err(why);
    }
    let policy = format!(
        "default-src 'none'; script-src 'wasm-unsafe-eval'{scripts}; style-src{styles}; style-src-attr 'unsafe-inline'; \
         img-src data: blob:; connect-src 'none'; worker-src blob:; form-action 'none'; base-uri 'none'"
    );
    let mut policies = 0;
    let page = html::with_tags(&page, |tag| {
        let is_policy = html::attribute(tag, "http-equiv") == Some("Content-Security-Policy");
        is_policy.then(|| {
            policies += 1;
            format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">")
        })
    });
    if policies != 1 || !page.contains("</body>") {
        bail!("index.html has {policies} policies, where there is to be one, or no body");
    }
    Ok(page.replacen("</body>", &format!("{inside}</body>"), 1))
}

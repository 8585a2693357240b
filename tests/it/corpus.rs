//! Where the real traces are. They are not part of the project (licences differ), so tests that need them
//! say loudly that they skip when they are absent.

use std::path::PathBuf;

use crate::skipped::skipped;

/// The corpus: `STEPSCOPE_CORPUS`, else `../shared/traces` beside the project.
pub fn root() -> Option<PathBuf> {
    let root = std::env::var_os("STEPSCOPE_CORPUS")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/traces"));
    if root.is_dir() {
        return Some(root);
    }
    skipped(&format!(
        "no corpus of real traces at {} (set STEPSCOPE_CORPUS)",
        root.display()
    ));
    None
}

/// One file of the corpus.
pub fn read(path: &str) -> Option<Vec<u8>> {
    let file = root()?.join(path);
    Some(std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display())))
}

/// Every file below a folder of the corpus, sorted.
pub fn files(under: &str) -> Vec<PathBuf> {
    fn walk(dir: &std::path::Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out)
            } else {
                out.push(path)
            }
        }
    }
    let mut out = Vec::new();
    if let Some(root) = root() {
        walk(&root.join(under), &mut out);
    }
    out.sort();
    out
}

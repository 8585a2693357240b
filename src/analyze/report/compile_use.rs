//! Which use of its bucket a compile was for.

use crate::base::closed_set::closed_set;

closed_set! {
    /// Which use of its bucket, or of its frame, a compile was for.
    #[derive(Default)]
    pub enum CompileUse {
        word: &'static str,
        means: &'static str,
        advice: &'static str,
    }
    First "first" {
        word: "first use",
        means: "In the first recorded step of its bucket, and the file holds the warm-up: warm-up left the bucket out.",
        advice: "Let warm-up run these buckets.",
    }
    Again "again" {
        word: "again",
        means: "The bucket, or the frame, had run before in this recording.",
        advice: "What had run before was compiled again: see whether the cache of compiled graphs is full or its \
                 entries are evicted, and whether a shape or a flag changes inside the bucket.",
    }
    #[default]
    Unknown "unknown" {
        word: "unknown",
        means: "The file does not hold the warm-up, or the compile belongs to no bucket.",
        advice: "Whether warm-up had run this before is not recorded: record from before the warm-up to know.",
    }
}

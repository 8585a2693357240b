//! How many iterations give a trace of the size that is asked for.

use super::Chunks;
use crate::synth::{Options, Target};

/// Iterations that the target asks for.
pub fn iterations(options: &Options) -> u32 {
    match options.target {
        Target::Steps(n) => n,
        Target::Bytes(wanted) => {
            // Two whole numbers of load waves tell the fixed part from the part an iteration.
            let size = |iterations| {
                let mut chunks = Chunks::new(&Options {
                    target: Target::Steps(iterations),
                    ..options.clone()
                });
                let mut buffer = Vec::new();
                let mut bytes = 0;
                while chunks.fill(&mut buffer) {
                    bytes += buffer.len() as u64;
                }
                bytes
            };
            let (few, many) = (144, 432);
            let (small, large) = (size(few), size(many));
            let an_iteration = (large.saturating_sub(small) / u64::from(many - few)).max(1);
            let fixed = small.saturating_sub(an_iteration * u64::from(few));
            let mut iterations = u32::try_from(wanted.saturating_sub(fixed) / an_iteration)
                .unwrap_or(u32::MAX)
                .max(1);
            // In a short trace load is not yet what it is on average.
            for _ in 0..3 {
                if iterations > 2 * many {
                    break;
                }
                let now = size(iterations);
                let off =
                    u32::try_from((now.abs_diff(wanted) + an_iteration / 2) / an_iteration).unwrap_or(0);
                iterations = if now < wanted {
                    iterations + off
                } else {
                    iterations.saturating_sub(off).max(1)
                };
            }
            iterations
        }
    }
}

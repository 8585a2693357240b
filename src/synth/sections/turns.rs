//! How many turns give a trace of the size that is asked for.

use super::Chunks;
use crate::synth::{Options, Target};

/// Turns that the target asks for.
pub fn turns(options: &Options) -> u32 {
    match options.target {
        Target::Steps(n) => n,
        Target::Bytes(wanted) => {
            // Two whole numbers of load waves tell the fixed part from the part a turn.
            let size = |turns| {
                let mut chunks = Chunks::new(&Options {
                    target: Target::Steps(turns),
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
            let a_turn = (large.saturating_sub(small) / u64::from(many - few)).max(1);
            let fixed = small.saturating_sub(a_turn * u64::from(few));
            let mut turns = u32::try_from(wanted.saturating_sub(fixed) / a_turn)
                .unwrap_or(u32::MAX)
                .max(1);
            // In a short trace load is not yet what it is on average.
            for _ in 0..3 {
                if turns > 2 * many {
                    break;
                }
                let now = size(turns);
                let off = u32::try_from((now.abs_diff(wanted) + a_turn / 2) / a_turn).unwrap_or(0);
                turns = if now < wanted {
                    turns + off
                } else {
                    turns.saturating_sub(off).max(1)
                };
            }
            turns
        }
    }
}

//! Native tests that need more than one module, or the corpus.

#![allow(clippy::unwrap_used, reason = "a test may end here")]

mod analyze;
mod architecture;
mod ascend;
mod ascend_tables;
mod bounded;
mod chosen;
mod cli;
mod closed_sets;
mod compare;
mod corpus;
mod corpus_counts;
mod cut;
mod data;
mod dialects;
mod findings;
mod gaudi;
mod handed_on;
mod hltv;
mod hostile;
mod ingest;
mod injection;
mod invented;
mod key_averages;
mod lost_in_tables;
mod malformed;
mod meaning;
mod messages;
mod nodes;
mod open;
mod output;
mod parquet;
mod record;
mod run_ranks;
mod select;
mod several_ranks;
#[path = "../skipped.rs"]
mod skipped;
mod small_trace;
mod stacks;
mod suites;
mod synth;
mod tables;
mod torch_device;
mod torch_host;
mod torch_hta;
mod torch_made;
mod torch_ranks;
mod worker_folders;

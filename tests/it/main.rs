//! Native tests that need more than one module, or the corpus.

mod analyze;
mod corpus;
mod ingest;
mod synth;

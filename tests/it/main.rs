//! Native tests that need more than one module, or the corpus.

mod cli;
mod corpus;
mod ingest;
mod synth;

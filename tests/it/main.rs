//! Native tests that need more than one module, or the corpus.

mod architecture;
mod corpus;
mod ingest;
mod synth;

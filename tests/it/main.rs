//! Native tests that need more than one module, or the corpus.

mod corpus;
mod gaudi;
mod ingest;

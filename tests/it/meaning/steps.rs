//! What is a step, and of which phase.

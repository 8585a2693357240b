//! Causes of gaps and of idle time.

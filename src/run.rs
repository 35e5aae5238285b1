//! (run)

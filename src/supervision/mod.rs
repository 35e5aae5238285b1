//! (supervision)

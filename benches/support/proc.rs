//! What the process itself used, as the kernel counts it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of all threads, in user space and in the kernel.
pub(crate) fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

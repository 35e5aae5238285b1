//! Gives the memory that parked connections no longer need back to the system.
//!
//! The allocator (mimalloc 3) hands back pages that have been free for a second, but looks for such
//! only when it takes or frees one. Connections that are parked together and then say nothing would
//! leave all of it waiting, some 17 KiB each.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::shared::ListenerShared;

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often it is made to look after connections were parked: more than the second it waits.
const LOOKS: u32 = 8;

/// More than it cuts from a page with others, so that it takes a page and frees it.
const LARGE: usize = 1 << 20;

/// Makes the allocator look after connections were parked, until it is dropped.
pub(super) async fn give_back(listeners: Vec<Arc<ListenerShared>>) {
    let (mut before, mut left) = (0, 0_u32);
    loop {
        sleep(LOOK_EVERY).await;
        let parked: u32 = listeners.iter().map(|listener| listener.parked()).sum();
        if parked > before {
            left = LOOKS;
        }
        before = parked;
        if let Some(less) = left.checked_sub(1) {
            left = less;
            drop(black_box(Vec::<u8>::with_capacity(LARGE)));
        }
    }
}

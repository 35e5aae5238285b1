//! What the tests share: a city to call, records to read, tools to drive.

pub mod ca;
pub mod caller;
pub mod city;
pub mod node;
pub mod pages;
pub mod records;
pub mod serving;
pub mod stand_in;
pub mod tools;
pub mod wire;

use std::net::TcpListener;
use std::time::{Duration, Instant};

/// A port nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Twenty ports in a row nobody listens on now.
pub fn free_ports() -> u16 {
    // Below the range that the kernel gives out by itself, so that nobody takes one meanwhile.
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let mine = u16::try_from(std::process::id() % 500).unwrap() * 20;
    loop {
        let step = NEXT.fetch_add(20, std::sync::atomic::Ordering::Relaxed);
        let base = 11_000 + (mine + step) % 20_000;
        let held: Vec<_> =
            (base..base + 20).map(|port| TcpListener::bind(("127.0.0.1", port))).collect();
        if held.iter().all(Result::is_ok) {
            return base;
        }
    }
}

/// Waits until something holds, or fails with what was waited for.
pub fn eventually<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < within, "{what} did not happen within {within:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

//! What a connection is doing, noted without a clock: timers are armed only where it waits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::framing::Framing;
use super::raw_head::Writing;

/// The state of one connection, shared by its socket, its calls and the timer that watches it.
#[derive(Debug)]
pub(super) struct Pulse {
    http1: bool,
    calls: Cell<u64>,
    in_flight: Cell<u32>,
    any_read: Cell<bool>,
    blocked: Cell<bool>,
    written: Cell<u64>,
    shutting: Cell<bool>,
    broken: Cell<bool>,
    framing: RefCell<Framing>,
}

/// What a connection waits for. The number tells one wait from the next of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nobody but us: calls are under way.
    Us,
    /// The rest of a request's head.
    Head(u64),
    /// The caller to read what was written.
    Reader(u64),
    /// The next request.
    Request(u64),
    /// The other side to hang up.
    HangUp,
}

impl Pulse {
    pub(super) fn new(http1: bool) -> Rc<Self> {
        Rc::new(Self {
            http1,
            calls: Cell::new(0),
            in_flight: Cell::new(0),
            any_read: Cell::new(false),
            blocked: Cell::new(false),
            written: Cell::new(0),
            shutting: Cell::new(false),
            broken: Cell::new(false),
            framing: RefCell::default(),
        })
    }

    /// Bytes came; those of HTTP/1 are looked at.
    pub(super) fn read(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.any_read.set(true);
            if self.http1 {
                self.framing.borrow_mut().read(bytes);
            }
        }
    }

    pub(super) fn bytes(&self) {
        self.any_read.set(true);
    }

    pub(super) fn wrote(&self) {
        self.blocked.set(false);
        self.written.set(self.written.get().wrapping_add(1));
    }

    pub(super) fn cannot_write(&self) {
        self.blocked.set(true);
    }

    /// Whether all that was written has left.
    pub(super) fn flushed(&self, all: bool) {
        match all {
            true if self.blocked.get() => self.wrote(),
            true => {}
            false => self.cannot_write(),
        }
    }

    pub(super) fn shutting(&self) {
        self.shutting.set(true);
    }

    pub(super) fn is_shutting(&self) -> bool {
        self.shutting.get()
    }

    /// A call begins; says how its head was written.
    pub(super) fn call(self: &Rc<Self>) -> (Call, Writing) {
        self.calls.set(self.calls.get().wrapping_add(1));
        self.in_flight.set(self.in_flight.get().saturating_add(1));
        let writing = if self.http1 { self.framing.borrow_mut().take() } else { Writing::Plain };
        (Call(Rc::clone(self)), writing)
    }

    /// How many calls began.
    pub(super) fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// What was written must not be taken for whole.
    pub(super) fn break_off(&self) {
        self.broken.set(true);
    }

    /// Whether an HTTP/1 connection that ends now ends within an answer.
    pub(super) fn is_broken(&self) -> bool {
        self.http1 && self.broken.get()
    }

    /// Whether part of a request's head lies about.
    pub(super) fn in_head(&self) -> bool {
        self.http1 && self.in_flight.get() == 0 && self.framing.borrow().in_head()
    }

    /// Whether the first HTTP/1 request is still to come.
    pub(super) fn awaits_first(&self) -> bool {
        self.http1 && self.calls.get() == 0
    }

    pub(super) fn is_http2(&self) -> bool {
        !self.http1
    }

    pub(super) fn wait(&self) -> Wait {
        if self.shutting.get() {
            Wait::HangUp
        } else if self.blocked.get() {
            Wait::Reader(self.written.get())
        } else if self.in_flight.get() > 0 {
            Wait::Us
        } else if self.in_head() || !self.any_read.get() {
            Wait::Head(self.calls.get())
        } else {
            Wait::Request(self.calls.get())
        }
    }
}

/// A call under way; it is over when dropped.
#[derive(Debug)]
pub(super) struct Call(Rc<Pulse>);

impl Call {
    /// Whether a part of its answer is out and a part is not. Noted as it changes and not when the
    /// answer is dropped: hyper drops the socket before the body.
    pub(super) fn answer_is_open(&self, open: bool) {
        self.0.broken.set(open);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_took_what_was_held_back_is_not_waited_for() {
        for http1 in [true, false] {
            let pulse = Pulse::new(http1);
            pulse.bytes();
            let (call, _) = pulse.call();
            pulse.wrote();
            pulse.flushed(false);
            assert!(matches!(pulse.wait(), Wait::Reader(_)));
            pulse.flushed(true);
            assert_eq!(pulse.wait(), Wait::Us);
            drop(call);
        }
    }
}

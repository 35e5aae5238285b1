//! One part of an answer on its way: what is read of it, and what of that is written.

use crate::shape::mask::MaskKey;
use crate::shape::plan::Plan;
use crate::shape::text;

/// A row held back until it is known whether it may leave.
#[derive(Debug, Default)]
pub(super) struct Held {
    row: Vec<u8>,
    open: bool,
}

/// A part being read. Pieces that stand side by side in it are copied at once.
pub(super) struct Pass<'a> {
    pub(super) plan: &'a Plan,
    pub(super) key: Option<&'a MaskKey>,
    pub(super) input: &'a [u8],
    out: &'a mut Vec<u8>,
    held: Held,
    from: usize,
    to: usize,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        key: Option<&'a MaskKey>,
        input: &'a [u8],
        out: &'a mut Vec<u8>,
        held: Held,
    ) -> Self {
        Self { plan, key, input, out, held, from: 0, to: 0 }
    }

    /// Writes a piece of the input.
    #[inline]
    pub(super) fn piece(&mut self, from: usize, to: usize) {
        if from != self.to {
            self.flush();
            self.from = from;
        }
        self.to = to;
    }

    /// Writes other bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.flush();
        self.sink().extend_from_slice(bytes);
    }

    /// Writes a string of JSON.
    pub(super) fn text(&mut self, text: &str) {
        self.flush();
        text::quote(text, self.sink());
    }

    /// Holds back what follows.
    pub(super) fn hold(&mut self) {
        self.flush();
        self.held.open = true;
    }

    /// Lets out what was held back, behind a comma if there must be one.
    pub(super) fn release(&mut self, comma: bool) {
        self.flush();
        self.held.open = false;
        if comma {
            self.out.push(b',');
        }
        self.out.append(&mut self.held.row);
    }

    /// Forgets what was held back.
    pub(super) fn discard(&mut self) {
        self.flush();
        self.held.open = false;
        self.held.row.clear();
    }

    /// Bytes held back.
    pub(super) fn held(&mut self) -> usize {
        self.flush();
        self.held.row.len()
    }

    /// Ends the part.
    pub(super) fn end(mut self) -> Held {
        self.flush();
        self.held
    }

    fn sink(&mut self) -> &mut Vec<u8> {
        if self.held.open { &mut self.held.row } else { self.out }
    }

    fn flush(&mut self) {
        let piece = self.input.get(self.from..self.to).unwrap_or_default();
        let sink = if self.held.open { &mut self.held.row } else { &mut *self.out };
        sink.extend_from_slice(piece);
        self.from = self.to;
    }
}

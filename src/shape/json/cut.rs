//! A token that parts may cut: a place in the part if it is whole there, a bounded copy if not.

/// A name or value being read.
#[derive(Debug)]
pub(super) struct Cut {
    copy: Vec<u8>,
    /// Whether it began in an earlier part.
    continued: bool,
    from: usize,
    to: Option<usize>,
    /// Whether anybody still needs it.
    pub(super) wanted: bool,
    /// Bytes at most.
    bound: usize,
}

impl Cut {
    pub(super) fn new(bound: usize) -> Self {
        Self { copy: Vec::new(), continued: false, from: 0, to: None, wanted: false, bound }
    }

    /// It begins here.
    #[inline]
    pub(super) fn begin(&mut self, at: usize) {
        self.continued = false;
        self.from = at;
        self.to = None;
        self.wanted = true;
    }

    /// It ends before this place.
    #[inline]
    pub(super) fn finish(&mut self, input: &[u8], to: usize) {
        self.to = Some(to);
        if self.continued {
            self.keep(input.get(..to).unwrap_or_default());
        }
    }

    /// The part ends.
    pub(super) fn suspend(&mut self, input: &[u8]) {
        if !self.wanted || (self.continued && self.to.is_some()) {
            return;
        }
        if !self.continued {
            self.copy.clear();
        }
        let from = if self.continued { 0 } else { self.from };
        let piece = input.get(from..self.to.unwrap_or(input.len()));
        self.keep(piece.unwrap_or_default());
        self.continued = true;
    }

    /// Where it stands in this part, if it is whole there.
    #[inline]
    pub(super) fn place(&self) -> Option<(usize, usize)> {
        if self.continued { None } else { self.to.map(|to| (self.from, to)) }
    }

    /// Its bytes; none if there are too many.
    #[inline]
    pub(super) fn bytes<'a>(&'a self, input: &'a [u8]) -> Option<&'a [u8]> {
        let bytes = match self.place() {
            Some((from, to)) => input.get(from..to)?,
            None => &self.copy,
        };
        (bytes.len() <= self.bound).then_some(bytes)
    }

    /// Keeps one byte more than the bound, to know that it is passed.
    fn keep(&mut self, piece: &[u8]) {
        let room = (self.bound + 1).saturating_sub(self.copy.len());
        self.copy.extend_from_slice(piece.get(..room).unwrap_or(piece));
    }
}

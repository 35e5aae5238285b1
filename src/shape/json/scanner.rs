//! The grammar: which token may come next, and what a finished one means.

use super::cut::Cut;
use super::number::Number;
use super::pass::{Held, Pass};
use super::state::{ELSEWHERE, Frame, NAME, OUTSIDE, Plain, ROW, Shape, Slot, State, VALUE};
use crate::shape::Shaper;
use crate::shape::error::{Fault, ShapeError};
use crate::shape::mask::MaskKey;
use crate::shape::plan::Plan;
use crate::shape::rows::Rows;
use crate::shape::text::Quoted;
use crate::shape::tree::ROOT;

/// A text, or lines of texts, being read.
pub(crate) struct Scanner {
    lines: bool,
    depth: usize,
    pub(super) state: State,
    /// What is open, from the outside in, but for the innermost.
    stack: Vec<Frame>,
    pub(super) top: Frame,
    /// What the plan says of the value to come, or at hand.
    pub(super) slot: Slot,
    pub(super) plain: Plain,
    pub(super) quoted: Quoted,
    pub(super) number: Number,
    pub(super) literal: &'static [u8],
    /// Where in this part begins what is kept as it comes.
    pub(super) mark: usize,
    pub(super) comma: usize,
    pub(super) colon: usize,
    pub(super) name: Cut,
    pub(super) value: Cut,
    pub(super) scratch: Vec<u8>,
    pub(super) masked: String,
    held: Held,
    pub(super) rows: Rows,
    /// Bytes of earlier parts.
    before: u64,
}

impl std::fmt::Debug for Scanner {
    /// Without values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Scanner {
    /// Of one text.
    pub(crate) fn text(plan: &Plan) -> Self {
        Self {
            lines: false,
            depth: Shaper::DEPTH,
            state: State::Start,
            stack: Vec::with_capacity(8),
            top: OUTSIDE,
            slot: Slot::Node(ROOT),
            plain: Plain::Skip,
            quoted: Quoted::default(),
            number: Number::Zero,
            literal: &[],
            mark: 0,
            comma: ELSEWHERE,
            colon: ELSEWHERE,
            name: Cut::new(NAME),
            value: Cut::new(VALUE),
            scratch: Vec::new(),
            masked: String::with_capacity(64),
            held: Held::default(),
            rows: Rows::new(plan),
            before: 0,
        }
    }

    /// Of a text a line.
    pub(crate) fn lines(plan: &Plan) -> Self {
        Self { lines: true, ..Self::text(plan) }
    }

    /// Bounds the nesting.
    pub(crate) fn bound(&mut self, depth: usize) {
        self.depth = depth;
    }

    /// Counts bytes before the text.
    pub(crate) fn skip(&mut self, bytes: u64) {
        self.before += bytes;
    }

    /// Whether the answer may end here.
    pub(crate) fn is_complete(&self) -> bool {
        match self.state {
            State::Done => true,
            State::Start => self.lines,
            State::InNumber => self.stack.is_empty() && self.number.is_whole(),
            State::Value
            | State::FirstValue
            | State::FirstName
            | State::Name
            | State::InName
            | State::Colon
            | State::InString
            | State::InLiteral
            | State::Next => false,
        }
    }

    /// What was counted.
    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Reads a part.
    pub(crate) fn read(
        &mut self,
        plan: &Plan,
        key: Option<&MaskKey>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), ShapeError> {
        (self.mark, self.comma, self.colon) = (0, ELSEWHERE, ELSEWHERE);
        let mut pass = Pass::new(plan, key, input, out, std::mem::take(&mut self.held));
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            at = match self.state {
                State::InName => self.in_name(&pass, at)?,
                State::InString => self.in_string(&mut pass, at)?,
                State::InNumber => self.in_number(&mut pass, at)?,
                State::InLiteral => self.in_literal(&mut pass, byte, at)?,
                State::Start
                | State::Value
                | State::FirstValue
                | State::FirstName
                | State::Name
                | State::Colon
                | State::Next
                | State::Done
                    if byte <= b' ' =>
                {
                    self.blank(byte, at)?
                }
                State::FirstValue if byte == b']' => self.close(&mut pass, at)?,
                State::FirstName if byte == b'}' => self.close(&mut pass, at)?,
                State::Start | State::Value | State::FirstValue => {
                    self.begin(&mut pass, byte, at)?
                }
                State::FirstName | State::Name if byte == b'"' => self.members(&mut pass, at)?,
                State::Colon if byte == b':' => self.after_colon(at),
                State::Next => self.next(&mut pass, byte, at)?,
                State::Done => return Err(self.malformed(at, Fault::Trailing)),
                State::FirstName | State::Name | State::Colon => {
                    return Err(self.malformed(at, Fault::Unexpected));
                }
            };
        }
        self.suspend(&mut pass)?;
        self.held = pass.end();
        self.before += input.len() as u64;
        Ok(())
    }

    pub(super) fn malformed(&self, at: usize, fault: Fault) -> ShapeError {
        ShapeError::Malformed { at: self.before + at as u64, fault }
    }

    /// Whether the value at hand is a text of its own.
    pub(super) fn is_outside(&self) -> bool {
        self.top.shape == Shape::Root
    }

    /// Whether each line is a text.
    pub(super) fn is_lines(&self) -> bool {
        self.lines
    }

    fn blank(&mut self, byte: u8, at: usize) -> Result<usize, ShapeError> {
        match byte {
            b'\n' if self.lines => {
                if !matches!(self.state, State::Start | State::Done) {
                    return Err(self.malformed(at, Fault::Line));
                }
                self.state = State::Start;
                self.slot = Slot::Node(ROOT);
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => return Err(self.malformed(at, Fault::Unexpected)),
        }
        Ok(at + 1)
    }

    /// An object or array begins.
    pub(super) fn open(
        &mut self,
        pass: &mut Pass<'_>,
        shape: Shape,
        at: usize,
    ) -> Result<usize, ShapeError> {
        if self.stack.len() >= self.depth {
            return Err(ShapeError::TooDeep { at: self.before + at as u64, bound: self.depth });
        }
        let frame = self.enter(pass, shape, at)?;
        self.stack.push(std::mem::replace(&mut self.top, frame));
        self.slot = frame.inner;
        self.state = match shape {
            Shape::Object => State::FirstName,
            Shape::Array | Shape::Root => State::FirstValue,
        };
        Ok(at + 1)
    }

    /// An object or array ends.
    pub(super) fn close(&mut self, pass: &mut Pass<'_>, at: usize) -> Result<usize, ShapeError> {
        let closed = std::mem::replace(&mut self.top, self.stack.pop().unwrap_or(OUTSIDE));
        if closed.live {
            pass.piece(at, at + 1);
        } else if closed.inner == Slot::Raw && self.top.inner != Slot::Raw {
            pass.piece(self.mark, at + 1);
        }
        if closed.row {
            self.end_row(pass)?;
        }
        self.after(pass);
        Ok(at + 1)
    }

    fn end_row(&mut self, pass: &mut Pass<'_>) -> Result<(), ShapeError> {
        if !self.rows.are_filtered() {
            self.rows.end();
            return Ok(());
        }
        check_held(pass)?;
        if self.rows.end() {
            pass.release(self.top.wrote);
            self.top.wrote = true;
        } else if self.is_outside() && !self.lines {
            return Err(ShapeError::OutOfScope);
        } else {
            pass.discard();
        }
        Ok(())
    }

    /// A value has ended.
    #[inline]
    pub(super) fn after(&mut self, pass: &mut Pass<'_>) {
        if !self.is_outside() {
            self.state = State::Next;
            return;
        }
        self.state = State::Done;
        if self.lines && self.top.wrote {
            pass.bytes(b"\n");
            self.top.wrote = false;
        }
    }

    #[inline]
    fn next(&mut self, pass: &mut Pass<'_>, byte: u8, at: usize) -> Result<usize, ShapeError> {
        match (byte, self.top.shape) {
            (b',', Shape::Object) => {
                self.comma = at;
                self.state = State::Name;
                Ok(at + 1)
            }
            (b',', Shape::Array) => {
                self.comma = at;
                self.slot = self.top.inner;
                self.state = State::Value;
                Ok(at + 1)
            }
            (b'}', Shape::Object) | (b']', Shape::Array) => self.close(pass, at),
            (_, Shape::Object | Shape::Array | Shape::Root) => {
                Err(self.malformed(at, Fault::Unexpected))
            }
        }
    }

    /// The part ends: whatever is at hand is written or kept for the next.
    fn suspend(&mut self, pass: &mut Pass<'_>) -> Result<(), ShapeError> {
        let within = matches!(self.state, State::InString | State::InNumber | State::InLiteral);
        if self.top.inner == Slot::Raw || (within && self.plain == Plain::Keep) {
            pass.piece(self.mark, pass.input.len());
        } else if within && self.plain == Plain::Held {
            self.value.suspend(pass.input);
        }
        self.name.suspend(pass.input);
        check_held(pass)
    }
}

fn check_held(pass: &mut Pass<'_>) -> Result<(), ShapeError> {
    if pass.held() > ROW { Err(ShapeError::RowTooLarge { bound: ROW }) } else { Ok(()) }
}

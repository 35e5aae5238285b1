//! Tokens: names, strings, numbers and literals, each of which parts may cut.

use super::number::Number;
use super::pass::Pass;
use super::scanner::Scanner;
use super::state::{Plain, Shape, Slot, State};
use crate::shape::error::{Fault, ShapeError};
use crate::shape::text::Quoted;

impl Scanner {
    #[inline]
    pub(super) fn in_name(&mut self, pass: &Pass<'_>, at: usize) -> Result<usize, ShapeError> {
        let end = self.quoted.end(pass.input, at);
        let Some(end) = end.map_err(|(at, fault)| self.malformed(at, fault))? else {
            return Ok(pass.input.len());
        };
        self.slot = match self.top.inner {
            Slot::Node(node) => {
                self.name.finish(pass.input, end);
                self.named(pass, node, self.quoted.escaped)
            }
            slot @ (Slot::Skip | Slot::Raw) => slot,
        };
        if pass.input.get(end) == Some(&b':') {
            return Ok(self.after_colon(end));
        }
        self.state = State::Colon;
        Ok(end)
    }

    #[inline]
    pub(super) fn after_colon(&mut self, at: usize) -> usize {
        self.colon = at;
        self.state = State::Value;
        at + 1
    }

    /// A value begins.
    #[inline]
    pub(super) fn begin(
        &mut self,
        pass: &mut Pass<'_>,
        byte: u8,
        at: usize,
    ) -> Result<usize, ShapeError> {
        let literal: &[u8] = match byte {
            b'{' => return self.open(pass, Shape::Object, at),
            b'[' => return self.open(pass, Shape::Array, at),
            b'"' => {
                self.plain(pass, byte, at)?;
                self.quoted = Quoted::default();
                self.state = State::InString;
                return self.in_string(pass, at + 1);
            }
            b'-' | b'0'..=b'9' => {
                self.plain(pass, byte, at)?;
                self.number = Number::begin(byte);
                self.state = State::InNumber;
                return self.in_number(pass, at + 1);
            }
            b't' => b"rue",
            b'f' => b"alse",
            b'n' => b"ull",
            _ => return Err(self.malformed(at, Fault::Unexpected)),
        };
        self.plain(pass, byte, at)?;
        self.literal = literal;
        self.state = State::InLiteral;
        Ok(at + 1)
    }

    #[inline]
    pub(super) fn in_string(
        &mut self,
        pass: &mut Pass<'_>,
        at: usize,
    ) -> Result<usize, ShapeError> {
        let end = self.quoted.end(pass.input, at);
        match end.map_err(|(at, fault)| self.malformed(at, fault))? {
            Some(end) => {
                self.end_plain(pass, end);
                Ok(end)
            }
            None => Ok(pass.input.len()),
        }
    }

    pub(super) fn in_number(
        &mut self,
        pass: &mut Pass<'_>,
        at: usize,
    ) -> Result<usize, ShapeError> {
        let end = self.number.read(pass.input, at);
        if end < pass.input.len() {
            if !self.number.is_whole() {
                return Err(self.malformed(end, Fault::Number));
            }
            self.end_plain(pass, end);
        }
        Ok(end)
    }

    pub(super) fn in_literal(
        &mut self,
        pass: &mut Pass<'_>,
        byte: u8,
        at: usize,
    ) -> Result<usize, ShapeError> {
        match self.literal.split_first() {
            Some((&expected, rest)) if expected == byte => {
                self.literal = rest;
                if rest.is_empty() {
                    self.end_plain(pass, at + 1);
                }
                Ok(at + 1)
            }
            Some(_) | None => Err(self.malformed(at, Fault::Unexpected)),
        }
    }

    #[inline]
    pub(super) fn end_plain(&mut self, pass: &mut Pass<'_>, end: usize) {
        match self.plain {
            Plain::Skip => {}
            Plain::Keep => pass.piece(self.mark, end),
            Plain::Held => self.let_out(pass, end, self.quoted.escaped),
        }
        self.after(pass);
    }
}

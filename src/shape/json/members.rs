//! The short way through an object: members that stand whole in the part, without a blank or an escape,
//! and whose value is a string or a number. Most do, and what the grammar keeps from step to step of
//! such a member need not be kept: that saves 30 % of the instructions for a small answer.

use super::number::Number;
use super::pass::Pass;
use super::scanner::Scanner;
use super::state::{Slot, State};
use super::value::punctuate;
use crate::shape::error::{Fault, ShapeError};
use crate::shape::text::{self, Quoted};
use crate::shape::tree::{Fate, Kind, Leaf};

/// A member whose name is read.
#[derive(Clone, Copy)]
struct Member {
    slot: Slot,
    /// The quote it begins with.
    at: usize,
    colon: usize,
}

impl Scanner {
    /// Reads members on from the quote of a name. Whatever is otherwise is left to the steps of the
    /// grammar, at the place where it is.
    pub(super) fn members(
        &mut self,
        pass: &mut Pass<'_>,
        mut at: usize,
    ) -> Result<usize, ShapeError> {
        let input = pass.input;
        loop {
            let end = text::plain(input, at + 1);
            if input.get(end) != Some(&b'"') {
                return Ok(self.stop_in_name(at, end));
            }
            let slot = self.find(pass, input.get(at + 1..end).unwrap_or_default());
            let member = Member { slot, at, colon: end + 1 };
            let value = end + 2;
            let end = match input.get(end + 1..end + 3) {
                Some(&[b':', b'"']) => match text::plain(input, value + 1) {
                    end if input.get(end) == Some(&b'"') => end + 1,
                    end => {
                        self.stop_at_value(pass, member, State::InString);
                        self.quoted = Quoted::default();
                        self.plain(pass, b'"', value)?;
                        return Ok(end);
                    }
                },
                Some(&[b':', byte @ (b'-' | b'0'..=b'9')]) => {
                    let mut number = Number::begin(byte);
                    let end = number.read(input, value + 1);
                    if input.get(end).is_none() {
                        self.stop_at_value(pass, member, State::InNumber);
                        self.number = number;
                        self.plain(pass, byte, value)?;
                        return Ok(end);
                    }
                    if !number.is_whole() {
                        return Err(self.malformed(end, Fault::Number));
                    }
                    end
                }
                Some([b':', _]) => {
                    self.stop_at_value(pass, member, State::Value);
                    return Ok(value);
                }
                Some(_) | None => {
                    self.stop_at_value(pass, member, State::Colon);
                    return Ok(member.colon);
                }
            };
            self.value_of(pass, member, value, end)?;
            if input.get(end..end + 2) != Some(b",\"") {
                self.state = State::Next;
                return Ok(end);
            }
            self.comma = end;
            at = end + 1;
        }
    }

    /// What the plan says of a member of this name.
    fn find(&mut self, pass: &Pass<'_>, name: &[u8]) -> Slot {
        let Slot::Node(node) = self.top.inner else { return self.top.inner };
        match pass.plan.tree.member(node, name) {
            Some(node) => Slot::Node(node),
            None => {
                self.rows.unknown += 1;
                Slot::Skip
            }
        }
    }

    /// A name that the part cuts or that holds an escape.
    fn stop_in_name(&mut self, at: usize, end: usize) -> usize {
        if matches!(self.top.inner, Slot::Node(_)) {
            self.name.begin(at);
        }
        self.quoted = Quoted::default();
        self.state = State::InName;
        end
    }

    /// The name has been read, and what follows is not for the short way.
    fn stop_at_value(&mut self, pass: &Pass<'_>, member: Member, state: State) {
        if matches!(member.slot, Slot::Node(_)) {
            self.name.begin(member.at);
            self.name.finish(pass.input, member.colon);
        }
        self.slot = member.slot;
        self.colon = member.colon;
        self.state = state;
    }

    /// A member has been read: does what the plan says.
    fn value_of(
        &mut self,
        pass: &mut Pass<'_>,
        member: Member,
        value: usize,
        end: usize,
    ) -> Result<(), ShapeError> {
        let Slot::Node(id) = member.slot else { return Ok(()) };
        let plan = pass.plan;
        match plan.tree.node(id).map(|node| &node.kind) {
            Some(Kind::Leaf(leaf)) if !leaf.is_held() => self.pass_by(pass, leaf, member, end),
            _ => {
                self.stop_at_value(pass, member, State::Next);
                self.quoted = Quoted::default();
                self.plain(pass, b'"', value)?;
                self.end_plain(pass, end);
            }
        }
        Ok(())
    }

    /// A member that is not looked at leaves as it stands, or does not.
    fn pass_by(&mut self, pass: &mut Pass<'_>, leaf: &Leaf, member: Member, end: usize) {
        match leaf.fate {
            Fate::Scalar | Fate::Whole => {
                self.rows.saw(leaf.item);
                let from = self.led(pass, member.at);
                pass.piece(from, end);
            }
            Fate::Drop | Fate::Mask(_) => self.rows.dropped += 1,
        }
    }

    /// Where a member begins that leaves: with the comma before it, if something left before it.
    fn led(&mut self, pass: &mut Pass<'_>, at: usize) -> usize {
        if !std::mem::replace(&mut self.top.wrote, true) {
            return at;
        }
        if at.checked_sub(1) == Some(self.comma) {
            return self.comma;
        }
        punctuate(pass, self.comma, b",");
        at
    }
}

//! What the plan says of a value: it leaves, it leaves masked, it is walked through, or it is dropped.

use super::pass::Pass;
use super::scanner::Scanner;
use super::state::{ELSEWHERE, Frame, Plain, Shape, Slot};
use crate::shape::error::ShapeError;
use crate::shape::mask::{self, Outcome, Value};
use crate::shape::text;
use crate::shape::tree::{Fate, Kind, Leaf, Node, NodeId};

impl Scanner {
    /// Looks a finished name up among the members of this node.
    #[inline]
    pub(super) fn named(&mut self, pass: &Pass<'_>, node: NodeId, escaped: bool) -> Slot {
        let raw = self.name.bytes(pass.input).and_then(inside);
        let found = match raw {
            Some(raw) if escaped => {
                self.scratch.clear();
                text::unescape(raw, &mut self.scratch)
                    .and_then(|()| pass.plan.tree.member(node, &self.scratch))
            }
            Some(raw) => pass.plan.tree.member(node, raw),
            None => None,
        };
        if let Some(node) = found {
            return Slot::Node(node);
        }
        self.rows.unknown += 1;
        self.name.wanted = false;
        Slot::Skip
    }

    /// A plain value begins: decides what becomes of it.
    #[inline]
    pub(super) fn plain(
        &mut self,
        pass: &mut Pass<'_>,
        byte: u8,
        at: usize,
    ) -> Result<(), ShapeError> {
        self.plain = Plain::Skip;
        let Slot::Node(id) = self.slot else { return Ok(()) };
        let Some(node) = pass.plan.tree.node(id) else { return Ok(()) };
        let Kind::Leaf(leaf) = &node.kind else { return self.plain_for_open(pass, node, byte, at) };
        if leaf.is_held() {
            self.value.begin(at);
            self.plain = Plain::Held;
            return Ok(());
        }
        match leaf.fate {
            Fate::Scalar | Fate::Whole => self.keep(pass, leaf.item, at),
            Fate::Drop | Fate::Mask(_) => {
                self.rows.dropped += 1;
                self.name.wanted = false;
            }
        }
        Ok(())
    }

    /// A plain value where an object or array was described. Null says only that there is none, and
    /// may stay; anything else could hold what nobody granted.
    fn plain_for_open(
        &mut self,
        pass: &mut Pass<'_>,
        node: &Node,
        byte: u8,
        at: usize,
    ) -> Result<(), ShapeError> {
        if byte == b'n' && node.live && !node.row && !self.is_outside() {
            self.keep(pass, None, at);
            return Ok(());
        }
        self.mismatch(node)
    }

    fn keep(&mut self, pass: &mut Pass<'_>, item: Option<usize>, at: usize) {
        self.rows.saw(item);
        self.lead(pass);
        self.mark = at;
        self.plain = Plain::Keep;
    }

    /// Counts a value of another kind than described; as a whole answer it is an error.
    fn mismatch(&mut self, node: &Node) -> Result<(), ShapeError> {
        if self.is_outside() && !self.is_lines() {
            return Err(ShapeError::NotDescribed);
        }
        self.rows.mistyped += 1;
        self.rows.came += u64::from(node.row);
        self.name.wanted = false;
        Ok(())
    }

    /// An object or array begins: what it means to the plan.
    pub(super) fn enter(
        &mut self,
        pass: &mut Pass<'_>,
        shape: Shape,
        at: usize,
    ) -> Result<Frame, ShapeError> {
        let closed = |inner| Frame { shape, inner, live: false, row: false, wrote: false };
        let Slot::Node(id) = self.slot else { return Ok(closed(self.slot)) };
        let Some(node) = pass.plan.tree.node(id) else { return Ok(closed(Slot::Skip)) };
        let inner = match (&node.kind, shape) {
            (Kind::Object(_), Shape::Object) => Slot::Node(id),
            (Kind::Array(element), Shape::Array) => Slot::Node(*element),
            (Kind::Leaf(leaf), _) => return Ok(closed(self.open_for_leaf(pass, leaf, at))),
            (Kind::Open | Kind::Object(_) | Kind::Array(_), _) => {
                self.mismatch(node)?;
                return Ok(closed(Slot::Skip));
            }
        };
        if node.row {
            self.rows.begin();
        }
        if node.row && self.rows.are_filtered() {
            pass.hold();
        } else if node.live {
            self.lead(pass);
        }
        if node.live {
            pass.piece(at, at + 1);
        }
        self.name.wanted = false;
        Ok(Frame { live: node.live, row: node.row, ..closed(inner) })
    }

    /// An object or array begins where an item stands: only an item of any type may hold one.
    fn open_for_leaf(&mut self, pass: &mut Pass<'_>, leaf: &Leaf, at: usize) -> Slot {
        if leaf.is_held() {
            self.rows.read(pass.plan, leaf, None);
        }
        match leaf.fate {
            Fate::Whole => {
                self.rows.saw(leaf.item);
                self.lead(pass);
                self.mark = at;
                return Slot::Raw;
            }
            Fate::Scalar => self.rows.mistyped += 1,
            Fate::Drop => self.rows.dropped += 1,
            Fate::Mask(_) => self.rows.mask_failed(),
        }
        self.name.wanted = false;
        Slot::Skip
    }

    /// Writes what stands before a value that leaves: a comma if something left before it, and its
    /// name. A value that is not the first to leave has a comma before it in the input too, which is
    /// copied with its neighbors where it is in this part.
    #[inline]
    fn lead(&mut self, pass: &mut Pass<'_>) {
        if self.top.wrote {
            punctuate(pass, self.comma, b",");
        }
        self.top.wrote = true;
        if self.top.shape == Shape::Object {
            match self.name.place() {
                Some((from, to)) => pass.piece(from, to),
                None => pass.bytes(self.name.bytes(pass.input).unwrap_or_default()),
            }
            punctuate(pass, self.colon, b":");
            self.name.wanted = false;
        }
    }

    /// A value that was read whole has ended: reads it, and writes what may leave.
    pub(super) fn let_out(&mut self, pass: &mut Pass<'_>, end: usize, escaped: bool) {
        self.value.finish(pass.input, end);
        self.value.wanted = false;
        let Slot::Node(id) = self.slot else { return };
        let Some(Kind::Leaf(leaf)) = pass.plan.tree.node(id).map(|node| &node.kind) else { return };

        let raw = self.value.bytes(pass.input);
        let value = raw.and_then(|raw| read(raw, escaped, &mut self.scratch));
        self.rows.read(pass.plan, leaf, value.and_then(said));
        let outcome = match (&leaf.fate, value) {
            (Fate::Mask(mask), Some(value)) => {
                Some(mask::apply(mask, value, pass.key, &mut self.masked))
            }
            (Fate::Mask(_), None) => Some(Outcome::Failed),
            (Fate::Drop | Fate::Scalar | Fate::Whole, _) => None,
        };
        match outcome {
            Some(outcome) => self.let_out_masked(pass, leaf, outcome),
            None if matches!(leaf.fate, Fate::Drop) => self.rows.dropped += 1,
            None if raw.is_none() => self.rows.mistyped += 1,
            None => {
                self.rows.saw(leaf.item);
                self.lead(pass);
                match self.value.place() {
                    Some((from, to)) => pass.piece(from, to),
                    None => pass.bytes(self.value.bytes(pass.input).unwrap_or_default()),
                }
            }
        }
        self.name.wanted = false;
    }

    fn let_out_masked(&mut self, pass: &mut Pass<'_>, leaf: &Leaf, outcome: Outcome) {
        match outcome {
            Outcome::Failed => return self.rows.mask_failed(),
            Outcome::Gone => return self.rows.masked(),
            Outcome::Text | Outcome::Number => self.rows.masked(),
            Outcome::Null => {}
        }
        self.rows.saw(leaf.item);
        self.lead(pass);
        match outcome {
            Outcome::Text => pass.text(&self.masked),
            Outcome::Number => pass.bytes(self.masked.as_bytes()),
            Outcome::Null | Outcome::Gone | Outcome::Failed => pass.bytes(b"null"),
        }
    }
}

#[inline]
pub(super) fn punctuate(pass: &mut Pass<'_>, at: usize, mark: &[u8]) {
    if at == ELSEWHERE { pass.bytes(mark) } else { pass.piece(at, at + 1) }
}

/// A string without its quotes.
#[inline]
fn inside(raw: &[u8]) -> Option<&[u8]> {
    raw.get(1..raw.len().checked_sub(1)?)
}

/// Reads a plain value; none if it holds half of a surrogate pair.
fn read<'a>(raw: &'a [u8], escaped: bool, scratch: &'a mut Vec<u8>) -> Option<Value<'a>> {
    let string = raw.first() == Some(&b'"');
    let bytes = match inside(raw) {
        Some(inside) if string && escaped => {
            scratch.clear();
            text::unescape(inside, scratch)?;
            scratch.as_slice()
        }
        Some(inside) if string => inside,
        Some(_) | None => raw,
    };
    let text = std::str::from_utf8(bytes).ok()?;
    Some(match text {
        _ if string => Value::Text(text),
        "null" => Value::Null,
        "true" | "false" => Value::Boolean(text),
        _ => Value::Number(text),
    })
}

/// A value as text; none if it is null.
fn said(value: Value<'_>) -> Option<&str> {
    match value {
        Value::Null => None,
        Value::Boolean(text) | Value::Number(text) | Value::Text(text) => Some(text),
    }
}

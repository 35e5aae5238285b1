//! CSV by its header row (RFC 4180). Fields are read and written anew, so that what a careless writer
//! quoted wrongly reads the same to everybody behind the gate.

use csv_core::{ReadFieldResult, Reader};

use super::error::ShapeError;
use super::mask::{self, MaskKey, Outcome, Value};
use super::plan::Plan;
use super::rows::Rows;
use super::tree::{Fate, Kind, Leaf, NodeId, ROOT};

/// Longest row held until it is whole, in bytes.
const ROW: usize = 256 * 1024;

/// How far a table has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Nothing,
    Header,
    Rows,
}

/// A table being read.
pub(super) struct Table {
    reader: Reader,
    rows: Rows,
    /// The item of each column, once the header is read.
    columns: Vec<Option<NodeId>>,
    stage: Stage,
    /// Which column the field at hand is in.
    column: usize,
    field: Vec<u8>,
    /// What leaves of the row at hand.
    row: Vec<u8>,
    /// Whether the row at hand holds a cell already.
    wrote: bool,
    buffer: Box<[u8; 4096]>,
    masked: String,
}

impl std::fmt::Debug for Table {
    /// Without values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Table {
    /// A table of which nothing is read.
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            reader: Reader::new(),
            rows: Rows::new(plan),
            columns: Vec::new(),
            stage: Stage::Nothing,
            column: 0,
            field: Vec::new(),
            row: Vec::new(),
            wrote: false,
            buffer: Box::new([0; 4096]),
            masked: String::new(),
        }
    }

    /// Reads a part.
    pub(super) fn read(
        &mut self,
        plan: &Plan,
        key: Option<&MaskKey>,
        mut input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), ShapeError> {
        if let Some((first, rest)) = input.split_at_checked(1)
            && self.stage == Stage::Nothing
        {
            // Alone, so that the reader takes no second byte order mark away, as it would or would
            // not depending on where the parts are cut.
            self.stage = Stage::Header;
            self.step(plan, key, first, out)?;
            input = rest;
        }
        while !input.is_empty() {
            input = self.step(plan, key, input, out)?.unwrap_or_default();
        }
        Ok(())
    }

    /// Reads the end: what was counted, or none if a field is still open or there is no header.
    pub(super) fn finish(
        &mut self,
        plan: &Plan,
        key: Option<&MaskKey>,
        out: &mut Vec<u8>,
    ) -> Result<Option<&Rows>, ShapeError> {
        // The end of a line ends what is open, or is nothing; only within quotes it is part of a field.
        // The reader tells what counting quotes does not: one within a bare field opens nothing.
        let (result, _, written) = self.reader.read_field(b"\n", self.buffer.as_mut_slice());
        if written > 0 {
            return Ok(None);
        }
        self.took(plan, key, &result, out)?;
        while self.step(plan, key, &[], out)?.is_some() {}
        Ok((self.stage == Stage::Rows).then_some(&self.rows))
    }

    /// The counts.
    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Reads up to the end of a field; none when there is no more to read.
    fn step<'a>(
        &mut self,
        plan: &Plan,
        key: Option<&MaskKey>,
        input: &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, ShapeError> {
        let (result, taken, written) = self.reader.read_field(input, self.buffer.as_mut_slice());
        if self.is_wanted(plan) {
            self.field.extend_from_slice(self.buffer.get(..written).unwrap_or_default());
        }
        if self.row.len() + self.field.len() > ROW || self.columns.len() > ROW {
            return Err(ShapeError::RowTooLarge { bound: ROW });
        }
        let rest = input.get(taken..).unwrap_or_default();
        let is_over = matches!(result, ReadFieldResult::End)
            || (input.is_empty() && matches!(result, ReadFieldResult::InputEmpty));
        self.took(plan, key, &result, out)?;
        Ok((!is_over).then_some(rest))
    }

    /// Carries on after the reader took something.
    fn took(
        &mut self,
        plan: &Plan,
        key: Option<&MaskKey>,
        result: &ReadFieldResult,
        out: &mut Vec<u8>,
    ) -> Result<(), ShapeError> {
        let ReadFieldResult::Field { record_end } = *result else { return Ok(()) };
        if self.stage == Stage::Rows {
            self.cell(plan, key)?;
        } else {
            self.name(plan)?;
        }
        self.field.clear();
        self.column += 1;
        if record_end { self.end(out) } else { Ok(()) }
    }

    /// Whether the field at hand is looked at at all.
    fn is_wanted(&self, plan: &Plan) -> bool {
        self.stage != Stage::Rows
            || self
                .leaf(plan)
                .is_some_and(|leaf| leaf.is_held() || !matches!(leaf.fate, Fate::Drop))
    }

    fn leaf<'a>(&self, plan: &'a Plan) -> Option<&'a Leaf> {
        let node = self.columns.get(self.column).copied().flatten()?;
        match &plan.tree.node(node)?.kind {
            Kind::Leaf(leaf) => Some(leaf),
            Kind::Open | Kind::Object(_) | Kind::Array(_) => None,
        }
    }

    /// Reads a name of the header.
    fn name(&mut self, plan: &Plan) -> Result<(), ShapeError> {
        let node = plan.tree.member(ROOT, &self.field);
        let twice = node.is_some() && self.columns.contains(&node);
        self.columns.push(node);
        let Some(leaf) = self.leaf(plan) else {
            self.rows.unknown += 1;
            return Ok(());
        };
        if twice && let Some(name) = leaf.item.and_then(|item| plan.items.get(item)) {
            return Err(ShapeError::TwoColumns(name.clone()));
        }
        match leaf.fate {
            // Twice a column that rows are picked by: each row then has two values and is dropped.
            Fate::Drop => self.rows.dropped += 1,
            Fate::Scalar | Fate::Whole | Fate::Mask(_) => {
                let name = std::mem::take(&mut self.field);
                self.write(&name);
                self.field = name;
            }
        }
        Ok(())
    }

    /// Reads a field of a row.
    fn cell(&mut self, plan: &Plan, key: Option<&MaskKey>) -> Result<(), ShapeError> {
        if self.column == 0 {
            self.rows.begin();
        }
        if self.column >= self.columns.len() {
            return Err(ShapeError::Ragged { row: self.rows.came });
        }
        let Some(leaf) = self.leaf(plan) else { return Ok(()) };
        let field = std::mem::take(&mut self.field);
        // Cut characters were refused before; a field is cut only at ASCII.
        let text = std::str::from_utf8(&field).unwrap_or_default();
        if leaf.is_held() {
            self.rows.read(plan, leaf, Some(text).filter(|text| !text.is_empty()));
        }
        match &leaf.fate {
            Fate::Drop => {}
            Fate::Scalar | Fate::Whole => {
                self.rows.saw(leaf.item);
                self.write(&field);
            }
            Fate::Mask(mask) => {
                let value = if text.is_empty() { Value::Null } else { Value::Text(text) };
                let outcome = mask::apply(mask, value, key, &mut self.masked);
                match outcome {
                    Outcome::Text | Outcome::Number => {
                        self.rows.masked();
                        self.rows.saw(leaf.item);
                    }
                    Outcome::Failed => self.rows.mask_failed(),
                    Outcome::Null | Outcome::Gone => {}
                }
                let masked = std::mem::take(&mut self.masked);
                self.write(masked.as_bytes());
                self.masked = masked;
            }
        }
        self.field = field;
        Ok(())
    }

    /// Writes a cell, in quotes if it needs them.
    fn write(&mut self, field: &[u8]) {
        if self.wrote {
            self.row.push(b',');
        }
        self.wrote = true;
        if !field.iter().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
            self.row.extend_from_slice(field);
            return;
        }
        self.row.push(b'"');
        for byte in field {
            if *byte == b'"' {
                self.row.push(b'"');
            }
            self.row.push(*byte);
        }
        self.row.push(b'"');
    }

    /// Ends a row, or the header.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ShapeError> {
        if self.row.len() > ROW {
            return Err(ShapeError::RowTooLarge { bound: ROW });
        }
        if self.column != self.columns.len() {
            return Err(ShapeError::Ragged { row: self.rows.came });
        }
        if !self.wrote {
            // None of the columns is granted: not the table that the entry describes.
            return Err(ShapeError::NotDescribed);
        }
        if self.stage != Stage::Rows || self.rows.end() {
            if self.row.is_empty() {
                // An empty line would be no row to those who read it.
                self.row.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(&self.row);
            out.extend_from_slice(b"\r\n");
        }
        self.stage = Stage::Rows;
        self.column = 0;
        self.row.clear();
        self.wrote = false;
        Ok(())
    }
}

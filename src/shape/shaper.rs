//! One answer on its way out, part by part.

use std::sync::Arc;

use super::csv::Table;
use super::error::ShapeError;
use super::json::Scanner;
use super::mask::MaskKey;
use super::plan::Plan;
use super::rows::Report;
use super::text::Utf8;
use crate::domain::Format;

/// The byte order mark some writers put first; it is no part of the text.
const BOM: &[u8; 3] = b"\xef\xbb\xbf";

/// Shapes one answer as its plan says.
#[derive(Debug)]
pub struct Shaper {
    plan: Arc<Plan>,
    key: Option<Arc<MaskKey>>,
    reader: Reader,
    utf8: Utf8,
    /// How much of a byte order mark has been seen, while nothing else has.
    bom: Option<usize>,
    /// Bytes read.
    read: u64,
    /// What went wrong; from then on nothing passes.
    failed: Option<ShapeError>,
}

#[derive(Debug)]
enum Reader {
    Json(Box<Scanner>),
    Csv(Box<Table>),
}

impl Shaper {
    /// Deepest nesting of JSON, unless [`Self::with_depth`] says otherwise.
    pub const DEPTH: usize = 64;

    /// Begins an answer. Without a key, values under a keyed hash are dropped.
    pub fn new(plan: Arc<Plan>, key: Option<Arc<MaskKey>>) -> Self {
        let reader = match plan.format {
            Format::Csv => Reader::Csv(Box::new(Table::new(&plan))),
            Format::Ndjson => Reader::Json(Box::new(Scanner::lines(&plan))),
            // No plan is compiled for files.
            Format::Json | Format::File => Reader::Json(Box::new(Scanner::text(&plan))),
        };
        Self { plan, key, reader, utf8: Utf8::default(), bom: Some(0), read: 0, failed: None }
    }

    /// Bounds the nesting of JSON.
    #[must_use]
    pub fn with_depth(mut self, depth: usize) -> Self {
        match &mut self.reader {
            Reader::Json(scanner) => scanner.bound(depth),
            Reader::Csv(_) => {}
        }
        self
    }

    /// Reads the next part and appends what may leave. After an error nothing more may leave; what
    /// was appended before it must not be taken for a whole answer.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), ShapeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = self.unmark(input, out);
        self.failed = result.clone().err();
        result
    }

    /// Ends the answer: what was counted, or that it was cut short.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<Report, ShapeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = self.end(out);
        self.failed = result.as_ref().err().cloned();
        result
    }

    /// What was counted so far, for an answer that breaks off. A row under way counts as come, not as
    /// left; what left is at most this, for some of it may still be on its way to the caller.
    pub fn so_far(&self) -> Report {
        let rows = match &self.reader {
            Reader::Json(scanner) => scanner.rows(),
            Reader::Csv(table) => table.rows(),
        };
        rows.report(&self.plan)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<Report, ShapeError> {
        let unread = self.utf8.pending() + self.bom.unwrap_or_default();
        let incomplete = ShapeError::Incomplete { after: self.read + unread as u64 };
        if unread > 0 {
            return Err(incomplete);
        }
        let rows = match &mut self.reader {
            Reader::Json(scanner) => scanner.is_complete().then(|| scanner.rows()),
            Reader::Csv(table) => table.finish(&self.plan, self.key.as_deref(), out)?,
        };
        rows.map(|rows| rows.report(&self.plan)).ok_or(incomplete)
    }

    /// Takes away a byte order mark.
    fn unmark(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), ShapeError> {
        while let Some(seen) = self.bom {
            let Some((byte, rest)) = input.split_first() else { return Ok(()) };
            if BOM.get(seen) == Some(byte) {
                input = rest;
                self.bom = Some(seen + 1).filter(|seen| *seen < BOM.len());
                if self.bom.is_none() {
                    self.skip(BOM.len() as u64);
                }
            } else {
                self.bom = None;
                if seen > 0 {
                    self.feed(BOM.get(..seen).unwrap_or_default(), out)?;
                }
            }
        }
        self.feed(input, out)
    }

    /// Counts bytes that no reader sees.
    fn skip(&mut self, bytes: u64) {
        self.read += bytes;
        match &mut self.reader {
            Reader::Json(scanner) => scanner.skip(bytes),
            Reader::Csv(_) => {}
        }
    }

    /// Passes on whole characters, so that no reader ever sees a part of one.
    fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), ShapeError> {
        let broken = |at, fault| ShapeError::Malformed { at, fault };
        if let Some(character) =
            self.utf8.complete(&mut input).map_err(|fault| broken(self.read, fault))?
        {
            self.scan(&character, out)?;
        }
        if self.utf8.pending() > 0 {
            return Ok(());
        }
        let (good, rest) = self.utf8.whole(input);
        self.scan(good, out)?;
        rest.map_err(|fault| broken(self.read, fault))
    }

    fn scan(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), ShapeError> {
        let key = self.key.as_deref();
        match &mut self.reader {
            Reader::Json(scanner) => scanner.read(&self.plan, key, text, out)?,
            Reader::Csv(table) => table.read(&self.plan, key, text, out)?,
        }
        self.read += text.len() as u64;
        Ok(())
    }
}

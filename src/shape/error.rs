//! Every way a plan cannot be made and an answer cannot be shaped. No text ever holds a value.

use crate::domain::ItemName;

/// Why no plan can be compiled for what is granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The entry has no interface.
    #[error("the entry has no interface: nothing can be fetched, so nothing can be shaped")]
    NoInterface,
    /// The entry's answers are not looked into.
    #[error("format `file` has no items to pick from: pass the bytes when every item is granted")]
    File,
    /// The grant names no item.
    #[error("no item is granted: name at least one item of the entry")]
    Nothing,
    /// An item that the entry does not have.
    #[error("item `{0}` is none of the entry's items")]
    Unknown(ItemName),
    /// An item named twice.
    #[error("item `{0}` is named twice: one action an item")]
    Twice(ItemName),
    /// A path that cannot be read.
    #[error(
        "`{0}` is no path: join member names by `.`, write `[]` after an array, such as `data.rows[].name`"
    )]
    Path(String),
    /// A path that ends in or runs through another one, or takes the same value for two things.
    #[error("path `{0}` overlaps another path: each value belongs to one item or envelope path")]
    Overlap(String),
    /// `rows` is no array.
    #[error("`rows: {0}` must be the path to the array of rows: write `{0}[]`")]
    Rows(String),
    /// `rows` or `envelope` where the format has none.
    #[error("`rows` and `envelope` mean nothing in CSV: every line after the header is a row")]
    NoRows,
    /// A row filter on an item that may occur more than once in a row.
    #[error(
        "rows cannot be picked by `{0}`, which stands in an array within the row: scope needs one value a row"
    )]
    Scope(ItemName),
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Bytes that are not UTF-8.
    Encoding,
    /// A character that cannot stand there.
    Unexpected,
    /// A control character inside a string.
    Control,
    /// An escape that JSON does not have.
    Escape,
    /// A number that JSON does not have.
    Number,
    /// Something after the end of the text.
    Trailing,
    /// A line break inside a text of NDJSON.
    Line,
}

impl Fault {
    /// What is wrong, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encoding => "bytes that are not UTF-8",
            Self::Unexpected => "a character that cannot stand there",
            Self::Control => "a control character inside a string",
            Self::Escape => "an escape that JSON does not have",
            Self::Number => "a number that JSON does not have",
            Self::Trailing => "something after the end of the text",
            Self::Line => "a line break inside a text",
        }
    }
}

/// Why an answer cannot be shaped. After it, nothing more may leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Not the format that the entry's interface declares.
    #[error("the answer is malformed at byte {at}: {}", fault.as_str())]
    Malformed {
        /// Bytes before it.
        at: u64,
        /// What is wrong.
        fault: Fault,
    },
    /// Nested deeper than the bound.
    #[error("the answer nests deeper than {bound} at byte {at}")]
    TooDeep {
        /// Bytes before it.
        at: u64,
        /// Levels allowed.
        bound: usize,
    },
    /// It ends in the middle.
    #[error("the answer ends in the middle, after {after} bytes")]
    Incomplete {
        /// Bytes read.
        after: u64,
    },
    /// The whole answer is of another kind than the item paths say, or has no granted column.
    #[error(
        "the answer as a whole is not the object, array or table that the item paths describe: compare the entry's `rows` and item paths with what the interface sends"
    )]
    NotDescribed,
    /// A row larger than may be held back.
    #[error("a row is larger than {bound} bytes and cannot be held until its scope is known")]
    RowTooLarge {
        /// Bytes allowed.
        bound: usize,
    },
    /// The whole answer is one row, and the grant's scope does not hold it.
    #[error("the answer is outside the scope of the grant")]
    OutOfScope,
    /// A row of CSV with another number of fields than the header.
    #[error("row {row} has another number of fields than the header")]
    Ragged {
        /// Which row, the first after the header being 1.
        row: u64,
    },
    /// A header that names an item twice.
    #[error("the header names item `{0}` twice, so that its column is not certain")]
    TwoColumns(ItemName),
    /// A compressed body that is damaged or cut.
    #[error("the answer's gzip coding is damaged or cut short")]
    Gzip,
    /// Larger than allowed when decoded.
    #[error("the answer decodes to more than {bound} bytes")]
    TooLarge {
        /// Bytes allowed.
        bound: u64,
    },
    /// Decodes to so much more than was sent that it looks like a trap.
    #[error("the answer decodes to more than {bound} times what was sent")]
    Ratio {
        /// Bytes out for a byte in.
        bound: u64,
    },
}

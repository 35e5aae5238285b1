//! Rows gathered by column and written in groups, so that memory stays bounded.

use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::columns::{COLUMNS, Cell, Column, Kind, Row};

/// Rows of one group.
const GROUP: usize = 16_384;

/// A file being written.
pub(super) struct Sheet {
    writer: SerializedFileWriter<BufWriter<File>>,
    columns: Vec<Gathered>,
    rows: usize,
}

/// The cells of one column that are not yet written. The levels are what Parquet keeps of absence and
/// repetition: 0 defined nothing, 0 repeated begins a row.
#[derive(Default)]
struct Gathered {
    texts: Vec<ByteArray>,
    numbers: Vec<i64>,
    defined: Vec<i16>,
    repeated: Vec<i16>,
}

impl Sheet {
    pub(super) fn new(file: BufWriter<File>) -> io::Result<Self> {
        let columns: Vec<_> = COLUMNS.iter().map(declared).collect();
        let schema = format!("message records {{ {} }}", columns.join(" "));
        let schema = parse_message_type(&schema).map_err(refused)?;
        let level = ZstdLevel::try_new(3).map_err(refused)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by(concat!("helan ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
            .map_err(refused)?;
        let columns = COLUMNS.iter().map(|_| Gathered::default()).collect();
        Ok(Self { writer, columns, rows: 0 })
    }

    /// Adds a row; writes when there are enough.
    pub(super) fn add(&mut self, row: &Row<'_>) -> io::Result<()> {
        for (column, gathered) in COLUMNS.iter().zip(&mut self.columns) {
            gathered.add((column.of)(row));
        }
        self.rows = self.rows.saturating_add(1);
        if self.rows < GROUP { Ok(()) } else { self.write() }
    }

    /// Writes what is left and the end of the file.
    pub(super) fn finish(mut self) -> io::Result<File> {
        if self.rows > 0 {
            self.write()?;
        }
        self.writer.finish().map_err(refused)?;
        self.writer.into_inner().map_err(refused)?.into_inner().map_err(io::Error::other)
    }

    fn write(&mut self) -> io::Result<()> {
        self.rows = 0;
        let mut group = self.writer.next_row_group().map_err(refused)?;
        for (column, gathered) in COLUMNS.iter().zip(&mut self.columns) {
            let Some(writer) = group.next_column().map_err(refused)? else { break };
            gathered.write(column.kind, writer).map_err(refused)?;
        }
        group.close().map_err(refused)?;
        Ok(())
    }
}

impl Gathered {
    fn add(&mut self, cell: Cell) {
        match cell {
            Cell::Empty => self.level(0, 0),
            Cell::Text(text) => {
                self.texts.push(text.into_bytes().into());
                self.level(1, 0);
            }
            Cell::Number(number) => {
                self.numbers.push(number);
                self.level(1, 0);
            }
            Cell::List(list) if list.is_empty() => self.level(0, 0),
            Cell::List(list) => {
                for (index, text) in list.into_iter().enumerate() {
                    self.texts.push(text.into_bytes().into());
                    self.level(1, i16::from(index > 0));
                }
            }
        }
    }

    fn level(&mut self, defined: i16, repeated: i16) {
        self.defined.push(defined);
        self.repeated.push(repeated);
    }

    fn write(
        &mut self,
        kind: Kind,
        writer: SerializedColumnWriter<'_>,
    ) -> Result<(), ParquetError> {
        let (defined, repeated) = (&*self.defined, &*self.repeated);
        match kind {
            Kind::Text => put::<ByteArrayType>(writer, &self.texts, (defined, None))?,
            Kind::List => put::<ByteArrayType>(writer, &self.texts, (defined, Some(repeated)))?,
            Kind::Number | Kind::Moment => {
                put::<Int64Type>(writer, &self.numbers, (defined, None))?;
            }
        }
        self.texts.clear();
        self.numbers.clear();
        self.defined.clear();
        self.repeated.clear();
        Ok(())
    }
}

fn put<T: DataType>(
    mut writer: SerializedColumnWriter<'_>,
    values: &[T::T],
    (defined, repeated): (&[i16], Option<&[i16]>),
) -> Result<(), ParquetError> {
    writer.typed::<T>().write_batch(values, Some(defined), repeated)?;
    writer.close()
}

/// A column as schemas are written.
fn declared(Column { name, kind, .. }: &Column) -> String {
    match kind {
        Kind::Text => format!("optional binary {name} (STRING);"),
        Kind::Number => format!("optional int64 {name};"),
        Kind::Moment => format!("optional int64 {name} (TIMESTAMP(MILLIS,true));"),
        Kind::List => format!(
            "required group {name} (LIST) {{ repeated group list {{ required binary element (STRING); }} }}"
        ),
    }
}

fn refused(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

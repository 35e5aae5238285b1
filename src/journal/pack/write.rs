//! Packs one segment, so that at every moment one good copy of it is on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use super::read::Packed;
use super::table::Table;
use super::{FRAME, FRAME_BYTES, LARGEST, PART, length_of};
use crate::journal::segment::{packed_name, sync_folder};

/// How hard to pack; benches/README.md has the sizes and times of each level.
const LEVEL: i32 = 3;

/// Packs a closed segment and removes the original; nothing happens if `stop` says so in between.
///
/// The packed segment is written beside, made durable, read back and compared byte for byte before it
/// gets its name; only then the original goes. If both are there, the original counts.
pub(in crate::journal) fn pack(path: &Path, stop: &dyn Fn() -> bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let part = folder.join(PART);
    let packed = write(path, &part, stop).and_then(|is_done| {
        if is_done && is_same(path, &part, stop)? {
            fs::rename(&part, packed_name(path))?;
            sync_folder(folder)?;
            fs::remove_file(path)?;
            sync_folder(folder)?;
        }
        Ok(())
    });
    // It has its name, or it is of no use and takes room.
    drop(fs::remove_file(&part));
    packed
}

fn write(from: &Path, to: &Path, stop: &dyn Fn() -> bool) -> io::Result<bool> {
    let mut from = File::open(from)?;
    let mut open = OpenOptions::new();
    let mut to = open.write(true).create(true).truncate(true).mode(0o600).open(to)?;
    let mut packer = Compressor::new(LEVEL)?;
    packer.set_parameter(CParameter::ChecksumFlag(true))?;
    let (mut plain, mut packed) = (Vec::with_capacity(FRAME), Vec::with_capacity(LARGEST));
    let mut table = Table::default();
    loop {
        plain.clear();
        io::Read::by_ref(&mut from).take(FRAME_BYTES).read_to_end(&mut plain)?;
        if plain.is_empty() {
            break;
        }
        if stop() {
            return Ok(false);
        }
        packed.clear();
        packer.compress_to_buffer(&plain, &mut packed)?;
        to.write_all(&packed)?;
        table.push(length_of(&packed), length_of(&plain));
    }
    to.write_all(&table.bytes())?;
    to.sync_all()?;
    Ok(!table.frames.is_empty())
}

/// Whether the packed segment holds the very bytes of the original; an error if it does not.
fn is_same(original: &Path, part: &Path, stop: &dyn Fn() -> bool) -> io::Result<bool> {
    let mut original = BufReader::with_capacity(FRAME, File::open(original)?);
    let mut packed = Packed::open(part)?;
    loop {
        let (left, right) = (original.fill_buf()?, packed.fill_buf()?);
        let length = left.len().min(right.len());
        if left.get(..length) != right.get(..length) || left.is_empty() != right.is_empty() {
            return Err(io::Error::other("what was packed does not read back as it was"));
        }
        if length == 0 {
            break;
        }
        original.consume(length);
        packed.consume(length);
        if stop() {
            return Ok(false);
        }
    }
    if packed.is_sound {
        return Ok(true);
    }
    Err(io::Error::other("what was packed cannot be read back"))
}

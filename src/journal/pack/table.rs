//! Where the frames of a packed segment are.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use memchr::memmem;
use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};

use super::{FRAME_BYTES, LARGEST};

/// What a frame begins with that is to be skipped.
const SKIPPED: [u8; 4] = 0x184D_2A5E_u32.to_le_bytes();
/// What a frame of content begins with.
const CONTENT: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// What a file with a table ends with.
const SEEKABLE: [u8; 4] = 0x8F92_EAB1_u32.to_le_bytes();
/// Bytes before the entries of a table: what it begins with, and its size.
const LEAD: usize = 8;
/// Bytes of an entry: packed and unpacked size.
const ENTRY: usize = 8;
/// Bytes behind the entries: their number, flags, what the file ends with.
const FOOT: usize = 9;

/// Places and packed sizes of the frames, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) frames: Vec<(u64, u64)>,
    /// Bytes of the last frame when it is unpacked.
    pub(super) last: u64,
}

impl Table {
    /// Counts a frame in that was written behind the others.
    pub(super) fn push(&mut self, packed: u64, unpacked: u64) {
        let place = self.frames.last().map_or(0, |(place, size)| place.saturating_add(*size));
        self.frames.push((place, packed));
        self.last = unpacked;
    }

    /// Bytes of the segment.
    pub(super) fn length(&self) -> u64 {
        let full = u64::try_from(self.frames.len()).unwrap_or(u64::MAX).saturating_sub(1);
        full.saturating_mul(FRAME_BYTES).saturating_add(self.last)
    }

    /// The table as it stands at the end of the file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let short = |size: u64| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
        let count = u64::try_from(self.frames.len()).unwrap_or(u64::MAX);
        let size = self.frames.len().saturating_mul(ENTRY).saturating_add(FOOT);
        let mut bytes = SKIPPED.to_vec();
        bytes.extend(short(u64::try_from(size).unwrap_or(u64::MAX)));
        for (index, (_, packed)) in self.frames.iter().enumerate() {
            let is_last = index.saturating_add(1) == self.frames.len();
            bytes.extend(short(*packed));
            bytes.extend(short(if is_last { self.last } else { FRAME_BYTES }));
        }
        bytes.extend(short(count));
        bytes.push(0);
        bytes.extend(SEEKABLE);
        bytes
    }

    /// Reads the table of a file; nothing if it is not sound.
    pub(super) fn read(file: &File) -> io::Result<Option<Self>> {
        let size = file.metadata()?.len();
        let mut foot = [0; FOOT];
        let Some(start) = size.checked_sub(at(FOOT)) else { return Ok(None) };
        file.read_exact_at(&mut foot, start)?;
        let Some((count, [0, end @ ..])) = foot.split_first_chunk() else { return Ok(None) };
        let entries = at(ENTRY).saturating_mul(u32::from_le_bytes(*count).into());
        let Some(start) = start.checked_sub(entries.saturating_add(at(LEAD))) else {
            return Ok(None);
        };
        let mut bytes = vec![0; usize::try_from(size.saturating_sub(start)).unwrap_or(0)];
        file.read_exact_at(&mut bytes, start)?;
        let mut table = Self::default();
        let inner = bytes.get(LEAD..bytes.len().saturating_sub(FOOT)).unwrap_or_default();
        for entry in inner.as_chunks::<ENTRY>().0 {
            let Some((packed, unpacked)) = entry.split_first_chunk() else { break };
            let unpacked = unpacked.first_chunk().copied().unwrap_or_default();
            if !table.frames.is_empty() && table.last != FRAME_BYTES {
                return Ok(None);
            }
            table.push(u32::from_le_bytes(*packed).into(), u32::from_le_bytes(unpacked).into());
        }
        let ends = table.frames.last().map_or(0, |(place, packed)| place.saturating_add(*packed));
        let is_sound = *end == SEEKABLE
            && ends == start
            && (1..=FRAME_BYTES).contains(&table.last)
            && table.bytes() == bytes;
        Ok(is_sound.then_some(table))
    }

    /// Finds the frames of a file whose table is lost, by what frames begin with.
    pub(super) fn walk(file: &File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut table = Self::default();
        let mut seen = vec![0; LARGEST];
        let mut place = 0_u64;
        while place < size {
            let length =
                usize::try_from(size.saturating_sub(place)).unwrap_or(LARGEST).min(LARGEST);
            let Some(here) = seen.get_mut(..length) else { break };
            file.read_exact_at(here, place)?;
            let here = &*here;
            if here.starts_with(&SKIPPED) {
                break;
            }
            let whole = Some(here).filter(|here| here.starts_with(&CONTENT));
            let whole = whole.and_then(|here| find_frame_compressed_size(here).ok());
            let packed = whole.unwrap_or_else(|| {
                // Broken: it ends where another frame, or the table, begins.
                let behind = here.get(1..).unwrap_or_default();
                let next = [CONTENT, SKIPPED].iter().filter_map(|mark| memmem::find(behind, mark));
                next.min().map_or(length, |found| found.saturating_add(1))
            });
            let unpacked = whole.and_then(|_| get_frame_content_size(here).ok().flatten());
            let unpacked = unpacked.filter(|size| *size <= FRAME_BYTES);
            table.push(at(packed), unpacked.unwrap_or(FRAME_BYTES));
            if table.last < FRAME_BYTES {
                // The last one: what follows is what is left of the table.
                break;
            }
            place = place.saturating_add(at(packed));
        }
        Ok(table)
    }
}

fn at(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

//! Segments that are closed, packed: a tenth of their size, and any place in them found at once.
//!
//! The form is that of zstd's seekable format: independent frames of one mebibyte, each with a checksum
//! of its own, and at the end a table of their sizes in a frame that other programs skip. So `zstd -d`
//! gives back the segment byte for byte, and a reader unpacks no more than it looks at.

mod read;
mod table;
mod write;

pub(super) use self::read::Packed;
pub(super) use self::write::pack;

/// Bytes of a segment in one frame; only the last may have fewer.
const FRAME: usize = 1 << 20;

/// The same, for places in a segment.
const FRAME_BYTES: u64 = 1 << 20;

/// Bytes that a frame takes at most, if nothing in it can be packed.
const LARGEST: usize = FRAME + (FRAME >> 7) + 1024;

/// The name of a packed segment that is not yet whole.
pub(super) const PART: &str = "packing.part";

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

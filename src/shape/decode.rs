//! `Content-Encoding: gzip` taken away, within bounds. Other codings are refused before it comes here.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::error::ShapeError;

/// Output up to which nobody asks how little was sent for it.
const UNASKED: u64 = 1 << 20;

/// What an answer may grow to.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes in all.
    pub largest: u64,
    /// Bytes out for a byte in, beyond the first mebibyte.
    pub ratio: u64,
}

/// A body being decoded, one or several members (RFC 1952).
#[derive(Debug)]
pub struct Gunzip {
    decoder: MultiGzDecoder<Bounded>,
    read: u64,
    bounds: Bounds,
    failed: Option<ShapeError>,
}

/// Takes what is decoded until a bound is reached.
#[derive(Debug, Default)]
struct Bounded {
    out: Vec<u8>,
    written: u64,
    bound: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len() as u64;
        if self.written > self.bound {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Gunzip {
    /// Begins a body.
    pub fn new(bounds: Bounds) -> Self {
        let decoder = MultiGzDecoder::new(Bounded::default());
        Self { decoder, read: 0, bounds, failed: None }
    }

    /// Decodes the next part and appends what it holds.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), ShapeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.read += input.len() as u64;
        let grown = self.read.saturating_mul(self.bounds.ratio).max(UNASKED);
        self.decoder.get_mut().bound = grown.min(self.bounds.largest);
        let result = self.decoder.write_all(input).and_then(|()| self.decoder.flush());
        self.settle(&result, out)
    }

    /// Ends the body: every member must be whole and its checksum right.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), ShapeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = self.decoder.try_finish();
        self.settle(&result, out)?;
        // The decoder cannot be written to behind its end.
        self.failed = Some(ShapeError::Gzip);
        Ok(())
    }

    fn settle(&mut self, result: &io::Result<()>, out: &mut Vec<u8>) -> Result<(), ShapeError> {
        let sink = self.decoder.get_mut();
        out.append(&mut sink.out);
        let result = match result {
            Ok(()) => Ok(()),
            Err(_) if sink.written <= sink.bound => Err(ShapeError::Gzip),
            Err(_) if sink.bound < self.bounds.largest => {
                Err(ShapeError::Ratio { bound: self.bounds.ratio })
            }
            Err(_) => Err(ShapeError::TooLarge { bound: self.bounds.largest }),
        };
        self.failed = result.clone().err();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    const WIDE: Bounds = Bounds { largest: 1 << 30, ratio: 2000 };

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn gunzip(bounds: Bounds, body: &[u8], cut: usize) -> Result<Vec<u8>, ShapeError> {
        let (mut gunzip, mut out) = (Gunzip::new(bounds), Vec::new());
        for part in body.chunks(cut) {
            gunzip.push(part, &mut out)?;
        }
        gunzip.finish(&mut out)?;
        Ok(out)
    }

    #[test]
    fn members_are_joined_wherever_they_are_cut() {
        let text = "一二三".repeat(1000).into_bytes();
        let body = [gzip(&text), gzip(b""), gzip(b"end")].concat();

        for cut in [1, 2, 7, 18, body.len()] {
            assert_eq!(gunzip(WIDE, &body, cut).unwrap(), [&text[..], b"end"].concat());
        }
    }

    #[test]
    fn what_is_cut_short_or_damaged_is_an_error() {
        let body = gzip(b"some text that is long enough to be cut");
        for length in 0..body.len() {
            for cut in [1, 64] {
                assert_eq!(gunzip(WIDE, &body[..length], cut), Err(ShapeError::Gzip), "{length}");
            }
        }
        for at in [0, 1, 2, 15, body.len() - 8, body.len() - 1] {
            let mut damaged = body.clone();
            damaged[at] ^= 0xff;
            assert_eq!(gunzip(WIDE, &damaged, 64), Err(ShapeError::Gzip), "{at}");
        }
        let trailing = [&body[..], b"x"].concat();
        assert_eq!(gunzip(WIDE, &trailing, 64), Err(ShapeError::Gzip));
    }

    #[test]
    fn a_body_that_grows_beyond_its_bounds_is_stopped() {
        let bomb = gzip(&vec![0; 8 << 20]);

        let small = Bounds { largest: 1000, ratio: 2000 };
        assert_eq!(gunzip(small, &bomb, 64), Err(ShapeError::TooLarge { bound: 1000 }));
        let ratio = Bounds { largest: 1 << 30, ratio: 100 };
        assert_eq!(gunzip(ratio, &bomb, 4096), Err(ShapeError::Ratio { bound: 100 }));
        assert_eq!(gunzip(WIDE, &bomb, 4096).unwrap().len(), 8 << 20);
    }

    #[test]
    fn after_an_error_nothing_passes() {
        let (mut gunzip, mut out) = (Gunzip::new(WIDE), Vec::new());
        assert!(gunzip.push(b"no gzip at all", &mut out).is_err());

        assert_eq!(gunzip.push(&gzip(b"text"), &mut out), Err(ShapeError::Gzip));
        assert_eq!(gunzip.finish(&mut out), Err(ShapeError::Gzip));
        assert!(out.is_empty());
    }
}

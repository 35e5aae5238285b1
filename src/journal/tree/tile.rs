//! Tiles on disk, laid out as C2SP tlog-tiles says: `tile/{level}/{index}`, 256 hashes each, and
//! `tile/{level}/{index}.p/{width}` while there are fewer.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::hash::{Hash, LENGTH, root_of};

/// Hashes of a full tile; its height is eight.
pub(super) const WIDTH: usize = 256;

/// The same, to count leaves with.
pub(super) const WIDTH_LEAVES: u64 = 256;

/// Some of the hashes of one level, from a place that is a multiple of their greatest number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    /// 0 for hashes of leaves; each of level n + 1 is the root of a full tile of level n.
    pub(super) level: u8,
    pub(super) index: u64,
    pub(super) hashes: Vec<Hash>,
}

/// The folder of tiles.
#[derive(Clone, Debug)]
pub(super) struct Tiles {
    folder: PathBuf,
    /// Parts of tiles that are whole by now.
    parts: Vec<PathBuf>,
}

impl Tiles {
    /// The tiles below `{folder}/tile`.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.join("tile"), parts: Vec::new() }
    }

    /// Writes a tile, full or not, and lets others go first. It stands under its name whole or not at all.
    pub(super) fn write(&mut self, tile: &Tile) -> io::Result<()> {
        let full = self.folder.join(place(tile.level, tile.index));
        let partial = full.with_extension("p");
        let is_full = tile.hashes.len() == WIDTH;
        let path = if is_full { full } else { partial.join(tile.hashes.len().to_string()) };
        let bytes = bytes(&tile.hashes);
        if let (None, Some(folder)) = (unless_absent(put(&path, &bytes, 0o600))?, path.parent()) {
            fs::create_dir_all(folder)?;
            put(&path, &bytes, 0o600)?;
        }
        if is_full && partial.exists() {
            self.parts.push(partial);
        }
        // Forty are due at once with ten thousand events: calls waited 2.4 ms for all of them (`perf sched`).
        std::thread::yield_now();
        Ok(())
    }

    /// Removes the parts of tiles that became whole: what was readable from them is readable from these.
    /// Once in a while, because ext4 looks long for a place for a new file while many were just removed
    /// (a microsecond of each call at saturation, when it was done tile by tile).
    pub(super) fn clean(&mut self) -> io::Result<()> {
        while let Some(partial) = self.parts.pop() {
            unless_absent(fs::remove_dir_all(partial))?;
        }
        Ok(())
    }

    /// The first `width` hashes of a tile; none if no file holds so many.
    pub(super) fn read(
        &self,
        level: u8,
        index: u64,
        width: usize,
    ) -> io::Result<Option<Vec<Hash>>> {
        let full = self.folder.join(place(level, index));
        if let Some(hashes) = read(&full, WIDTH)? {
            return Ok(Some(hashes.into_iter().take(width).collect()));
        }
        let partial = full.with_extension("p");
        let found = widths(&partial)?.into_iter().filter(|found| *found >= width).min();
        let Some(found) = found else { return Ok(None) };
        let hashes = read(&partial.join(found.to_string()), found)?;
        Ok(hashes.map(|hashes| hashes.into_iter().take(width).collect()))
    }

    /// As many hashes of a tile as any file holds.
    pub(super) fn longest(&self, level: u8, index: u64) -> io::Result<Vec<Hash>> {
        let full = self.folder.join(place(level, index));
        if let Some(hashes) = read(&full, WIDTH)? {
            return Ok(hashes);
        }
        let partial = full.with_extension("p");
        let widest = widths(&partial)?.into_iter().max();
        let hashes = widest.map(|widest| read(&partial.join(widest.to_string()), widest));
        Ok(hashes.transpose()?.flatten().unwrap_or_default())
    }

    /// The hash of the leaf at this place, counted from 0, if a tile holds it.
    pub(super) fn leaf(&self, index: u64) -> io::Result<Option<Hash>> {
        let place = usize::try_from(index % WIDTH_LEAVES).unwrap_or(0);
        let hashes = self.read(0, index / WIDTH_LEAVES, place.saturating_add(1))?;
        Ok(hashes.and_then(|hashes| hashes.get(place).copied()))
    }

    /// The root of a perfect tree of `2^height` leaves, the one that so many like it precede.
    pub(super) fn perfect(&self, height: u32, index: u64) -> io::Result<Option<Hash>> {
        let (level, above) = (height / 8, height % 8);
        let Ok(level) = u8::try_from(level) else { return Ok(None) };
        let count = 1_u64 << above;
        let first = index.saturating_mul(count);
        let begin = usize::try_from(first % WIDTH_LEAVES).unwrap_or(0);
        let end = begin.saturating_add(1 << above);
        let hashes = self.read(level, first / WIDTH_LEAVES, end)?;
        Ok(hashes.and_then(|hashes| Some(root_of(hashes.get(begin..end)?))))
    }

    /// The right edge of a tree of so many leaves, a multiple of a tile's: by level, the hashes of the
    /// tile that is not full. Read from the full tiles below, so that it agrees with them.
    pub(super) fn edges(&self, leaves: u64) -> io::Result<Option<Vec<Vec<Hash>>>> {
        let mut edges = vec![Vec::new()];
        let mut tiles = leaves / WIDTH_LEAVES;
        for level in 0_u8.. {
            if tiles == 0 {
                break;
            }
            let mut edge = Vec::with_capacity(WIDTH);
            for index in tiles - tiles % WIDTH_LEAVES..tiles {
                let Some(hashes) = self.read(level, index, WIDTH)? else { return Ok(None) };
                edge.push(root_of(&hashes));
            }
            edges.push(edge);
            tiles /= WIDTH_LEAVES;
        }
        Ok(Some(edges))
    }
}

/// `{level}/{index}`, the index in groups of three digits, all but the last with an `x`.
fn place(level: u8, index: u64) -> PathBuf {
    let mut groups = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    let mut path = PathBuf::from(level.to_string());
    path.extend(groups.iter().rev());
    path
}

/// Puts a small file under its name, whole or not at all.
pub(super) fn put(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    fs::rename(write_beside(path, bytes, mode)?, path)
}

/// The same for a name that stands for another file many times a minute. What stood there stays beside it and is
/// written over the next time: to remove a file and make one costs 100 µs where ext4 has no journal, and slows
/// down every file that is made in the minutes after (6 µs this way).
pub(super) fn put_again(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = write_beside(path, bytes, mode)?;
    // Nothing may stand there yet, and not every file system exchanges.
    renameat_with(CWD, &beside, CWD, path, RenameFlags::EXCHANGE)
        .or_else(|_| fs::rename(&beside, path))
}

fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    let beside = path.with_extension("new");
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(true).mode(mode);
    open.open(&beside)?.write_all(bytes)?;
    Ok(beside)
}

/// The widths of a tile that is not full.
fn widths(partial: &Path) -> io::Result<Vec<usize>> {
    let Some(names) = unless_absent(fs::read_dir(partial))? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for name in names {
        let width = name?.file_name().to_string_lossy().parse::<usize>().ok();
        found.extend(width.filter(|width| *width < WIDTH));
    }
    Ok(found)
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(hashes.len().saturating_mul(LENGTH));
    for Hash(hash) in hashes {
        bytes.extend_from_slice(hash);
    }
    bytes
}

/// The hashes of a file that should hold so many; none if it does not.
fn read(path: &Path, count: usize) -> io::Result<Option<Vec<Hash>>> {
    let Some(bytes) = unless_absent(fs::read(path))? else { return Ok(None) };
    let hashes: Vec<_> = bytes.chunks(LENGTH).filter_map(Hash::from_bytes).collect();
    Ok((bytes.len() == count.saturating_mul(LENGTH)).then_some(hashes))
}

fn unless_absent<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::growing::{Growing, defined};
    use super::*;

    #[test]
    fn tiles_lie_where_tlog_tiles_says() {
        let said = |level, index| place(level, index).display().to_string();
        assert_eq!(said(0, 0), "0/000");
        assert_eq!(said(1, 67), "1/067");
        assert_eq!(said(0, 1_234_067), "0/x001/x234/067");
        assert_eq!(said(3, 1_000), "3/x001/000");
    }

    #[test]
    fn a_file_that_is_put_again_stands_whole_and_takes_the_same_two_inodes() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let mut inodes = Vec::new();
        for text in ["one", "a longer two", "3", "four"] {
            put_again(&path, text.as_bytes(), 0o600).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            inodes.push(fs::metadata(&path).unwrap().ino());
        }
        assert_eq!(inodes[..2], inodes[2..]);
        assert_eq!(fs::read_to_string(path.with_extension("new")).unwrap(), "3");
    }

    #[test]
    fn every_perfect_tree_and_edge_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut tiles = Tiles::new(folder.path());
        let leaves: Vec<_> = (0..66_000_u32).map(|n| Hash::leaf(&n.to_be_bytes())).collect();
        let mut tree = Growing::default();
        for leaf in &leaves[..300] {
            tree.push(*leaf);
        }
        for tile in tree.edges().collect::<Vec<_>>() {
            tiles.write(&tile).unwrap();
        }
        assert!(folder.path().join("tile/0/001.p/44").is_file());
        assert_eq!(tiles.leaf(299).unwrap(), Some(leaves[299]));
        assert_eq!(tiles.leaf(300).unwrap(), None);
        for leaf in &leaves[300..] {
            tree.push(*leaf);
        }
        for tile in tree.take_full().into_iter().chain(tree.edges().collect::<Vec<_>>()) {
            tiles.write(&tile).unwrap();
        }
        tiles.clean().unwrap();
        assert!(folder.path().join("tile/0/001").is_file());
        assert!(!folder.path().join("tile/0/001.p").exists());

        assert_eq!(tiles.leaf(65_999).unwrap(), Some(leaves[65_999]));
        assert_eq!(tiles.leaf(66_000).unwrap(), None);
        for height in [0, 3, 7, 8, 9, 15, 16] {
            let size = 1_usize << height;
            let last = leaves.len() / size - 1;
            let expected = defined(&leaves[last * size..][..size]);
            let index = u64::try_from(last).unwrap();
            assert_eq!(tiles.perfect(height, index).unwrap(), Some(expected), "{height}");
            assert_eq!(tiles.perfect(height, index + 1).unwrap(), None, "{height}");
        }
        let edges = tiles.edges(65_792).unwrap().unwrap();
        assert_eq!(Growing::from_edges(65_792, edges).root(), defined(&leaves[..65_792]));
    }
}

//! Lines on their way from the thread that wrote them to one that follows it.
//!
//! Whoever follows is not woken for every write: it looks again after a nap while lines come, and sleeps
//! until one comes while none do. What it has no time for is dropped here and read from the segments
//! later, so a slow follower costs the journal nothing.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::settled::lock;

/// Bytes that may wait for a follower.
const ROOM: usize = 8 << 20;

/// Bytes that a stock keeps: what waits for a follower at the highest rate, and no more.
const STOCK: usize = 1 << 20;

/// No larger room is kept: the heads of segments, which can be long, would keep out all others in time.
const LARGEST: usize = STOCK / 8;

/// Emptied room for lines. It is written to again and again while lines come: new memory would cost a page
/// fault with every write, and the time to zero it.
#[derive(Debug, Default)]
pub(super) struct Stock(Mutex<Rooms>);

#[derive(Debug, Default)]
struct Rooms {
    rooms: Vec<Vec<u8>>,
    bytes: usize,
}

impl Stock {
    /// The room that was emptied last, or new room for so many bytes.
    pub(super) fn take(&self, bytes: usize) -> Vec<u8> {
        let Self(kept) = self;
        let mut kept = lock(kept);
        let Some(room) = kept.rooms.pop() else { return Vec::with_capacity(bytes) };
        kept.bytes = kept.bytes.saturating_sub(room.capacity());
        room
    }

    fn give(&self, mut room: Vec<u8>) {
        room.clear();
        let Self(kept) = self;
        let mut kept = lock(kept);
        let bytes = kept.bytes.saturating_add(room.capacity());
        if room.capacity() <= LARGEST && bytes <= STOCK {
            kept.bytes = bytes;
            kept.rooms.push(room);
        }
    }

    /// Gives the memory back.
    pub(super) fn clear(&self) {
        let Self(kept) = self;
        let rooms = std::mem::take(&mut *lock(kept));
        drop(rooms);
    }

    /// Bytes that it keeps.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let Self(kept) = self;
        lock(kept).bytes
    }
}

/// Lines of one write, as they stand in the segment. Their room goes back to the stock.
#[derive(Debug)]
pub(super) struct Piece {
    /// The number of the first.
    pub(super) first: u64,
    pub(super) lines: Vec<u8>,
    stock: Arc<Stock>,
}

impl Piece {
    /// Lines of which the first has this number.
    pub(super) fn new(first: u64, lines: Vec<u8>, stock: &Arc<Stock>) -> Self {
        Self { first, lines, stock: Arc::clone(stock) }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.stock.give(std::mem::take(&mut self.lines));
    }
}

#[derive(Debug, Default)]
struct Waiting {
    pieces: Vec<Piece>,
    bytes: usize,
    /// Whether the follower sleeps until something comes.
    is_idle: bool,
    came: Came,
}

/// What there is to know beside the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Came {
    /// Lines were dropped since the last time; perhaps nothing that comes later will show it.
    pub(super) is_short: bool,
    /// Nothing comes any more.
    pub(super) is_over: bool,
}

#[derive(Debug, Default)]
struct Handed {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

/// Where lines are handed over. The follower is told of the end when this is dropped.
#[derive(Debug)]
pub(super) struct Giver(Arc<Handed>);

/// Where they are taken.
#[derive(Debug)]
pub(super) struct Taker(Arc<Handed>);

/// Two ends of one way.
pub(super) fn handed() -> (Giver, Taker) {
    let handed = Arc::<Handed>::default();
    (Giver(Arc::clone(&handed)), Taker(handed))
}

/// Where one who comes later can ask to be handed what others have taken in.
#[derive(Debug, Default)]
pub(super) struct Onward(Mutex<(Option<Giver>, bool)>);

impl Onward {
    /// Takes the place of whoever asked before.
    pub(super) fn ask(&self) -> Taker {
        let Self(place) = self;
        let (giver, taker) = handed();
        let (asked, is_over) = &mut *lock(place);
        *asked = (!*is_over).then_some(giver);
        taker
    }

    /// Tells whoever asked.
    pub(super) fn tell(&self, tell: impl FnOnce(&Giver)) {
        let Self(place) = self;
        let (asked, _) = &mut *lock(place);
        match asked {
            Some(giver) if giver.is_heard() => tell(giver),
            Some(_) | None => *asked = None,
        }
    }

    /// Nothing comes any more.
    pub(super) fn end(&self) {
        let Self(place) = self;
        *lock(place) = (None, true);
    }
}

impl Giver {
    /// Hands lines over, or drops them if too many wait.
    pub(super) fn give(&self, piece: Piece) {
        let Self(handed) = self;
        let mut waiting = lock(&handed.waiting);
        let bytes = waiting.bytes.saturating_add(piece.lines.len());
        if bytes > ROOM && !waiting.pieces.is_empty() {
            waiting.came.is_short = true;
            return;
        }
        waiting.bytes = bytes;
        waiting.pieces.push(piece);
        let wakes = std::mem::take(&mut waiting.is_idle);
        drop(waiting);
        if wakes {
            handed.wake.notify_one();
        }
    }

    /// Says that lines were dropped before they came here.
    pub(super) fn fall_short(&self) {
        let Self(handed) = self;
        let mut waiting = lock(&handed.waiting);
        waiting.came.is_short = true;
        waiting.is_idle = false;
        drop(waiting);
        handed.wake.notify_one();
    }

    /// Whether anybody is there to take them.
    pub(super) fn is_heard(&self) -> bool {
        let Self(handed) = self;
        Arc::strong_count(handed) > 1
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        let Self(handed) = self;
        lock(&handed.waiting).came.is_over = true;
        handed.wake.notify_one();
    }
}

impl Taker {
    /// Takes all that waits, after a nap; sleeps `longest` for it if there is nothing.
    pub(super) fn take(&self, into: &mut Vec<Piece>, (nap, longest): (Duration, Duration)) -> Came {
        let Self(handed) = self;
        into.clear();
        let mut waiting = lock(&handed.waiting);
        for (span, is_idle) in [(nap, false), (longest, true)] {
            let has_news = waiting.came.is_short || !waiting.pieces.is_empty();
            if waiting.came.is_over || (is_idle && has_news) {
                break;
            }
            waiting.is_idle = is_idle;
            // Woken for nothing it only looks sooner.
            (waiting, _) =
                handed.wake.wait_timeout(waiting, span).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.is_idle = false;
        waiting.bytes = 0;
        std::mem::swap(&mut waiting.pieces, into);
        let came = waiting.came;
        waiting.came.is_short = false;
        came
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Longer than any test waits.
    const LONG: Duration = Duration::from_secs(600);

    fn piece(first: u64, bytes: usize) -> Piece {
        Piece::new(first, vec![b'x'; bytes], &Arc::default())
    }

    fn taken(taker: &Taker, longest: Duration) -> (Vec<u64>, Came) {
        let mut pieces = Vec::new();
        let came = taker.take(&mut pieces, (Duration::ZERO, longest));
        (pieces.iter().map(|piece| piece.first).collect(), came)
    }

    const ON: Came = Came { is_short: false, is_over: false };

    #[test]
    fn who_sleeps_is_woken_by_what_comes_and_by_the_end() {
        let (giver, taker) = handed();
        let follower = thread::spawn(move || [taken(&taker, LONG), taken(&taker, LONG)]);
        giver.give(piece(7, 10));
        thread::sleep(Duration::from_millis(20));
        drop(giver);

        let over = Came { is_over: true, ..ON };
        assert_eq!(follower.join().unwrap(), [(vec![7], ON), (vec![], over)]);
    }

    #[test]
    fn what_there_is_no_room_for_is_dropped_and_told_once_and_what_is_large_is_not() {
        let (giver, taker) = handed();
        giver.give(piece(1, ROOM + 1));
        assert_eq!(taken(&taker, Duration::ZERO), (vec![1], ON));

        giver.give(piece(3, ROOM));
        giver.give(piece(4, 1));
        giver.give(piece(5, 1));
        let short = Came { is_short: true, ..ON };
        assert_eq!(taken(&taker, Duration::ZERO), (vec![3], short));
        assert_eq!(taken(&taker, Duration::ZERO), (vec![], ON));

        let follower = thread::spawn(move || {
            let came = taken(&taker, LONG);
            (came, taker)
        });
        thread::sleep(Duration::from_millis(20));
        giver.fall_short();
        let (came, _taker) = follower.join().unwrap();
        assert_eq!(came, (vec![], short));
    }

    #[test]
    fn room_is_used_again_within_its_bound_until_it_is_given_back() {
        let stock = Arc::<Stock>::default();
        let lines = |bytes: usize| Piece::new(1, Vec::with_capacity(bytes), &stock);
        drop([lines(100), lines(LARGEST + 1), lines(200)]);
        assert_eq!([1, 1, 1].map(|bytes| stock.take(bytes).capacity()), [200, 100, 1]);

        drop([(); 9].map(|()| lines(LARGEST)));
        assert_eq!(stock.bytes(), STOCK);
        stock.clear();
        drop(lines(100));
        assert_eq!([1, 1].map(|bytes| stock.take(bytes).capacity()), [100, 1]);
    }

    #[test]
    fn who_asks_last_is_told_and_nobody_after_the_end() {
        let onward = Onward::default();
        let (first, last) = (onward.ask(), onward.ask());
        onward.tell(|giver| giver.give(piece(1, 1)));
        assert_eq!(taken(&first, LONG), (vec![], Came { is_over: true, ..ON }));
        assert_eq!(taken(&last, LONG), (vec![1], ON));
        drop(last);
        onward.tell(|_| panic!("nobody is there"));

        onward.end();
        assert_eq!(taken(&onward.ask(), LONG), (vec![], Came { is_over: true, ..ON }));
    }
}

//! Events behind the last checkpoint: a few are there while a node runs, many are not.

use super::super::read::Record;
use super::report::Fault;
use crate::domain::Timestamp;

/// Events that a node leaves behind its last checkpoint at most. One is due every 10,000; the rest is for
/// those that come while one is made durable: two seconds of the busiest node that was measured.
const MOST: u64 = 100_000;

/// How long a run goes on, by its own events, without a checkpoint. One is due every second; the rest is
/// for a disk that stalls and a machine that stands still.
const LONGEST_MS: i64 = 60_000;

/// What no checkpoint covers of the records that were there when reading began.
#[derive(Debug)]
pub(super) struct Uncovered {
    /// Events that the last checkpoint covers.
    signed: u64,
    /// The last event that was there: a live folder goes on, and its checkpoints are read only so far.
    there: u64,
    /// Whether somebody signs these records. Older ones name nobody.
    pub(super) has_signer: bool,
    range: Option<(u64, u64)>,
    count: u64,
    /// When the run that is being read wrote the first of them.
    since: Option<Timestamp>,
    longest_ms: i64,
    stopped: Option<u64>,
}

impl Uncovered {
    /// Behind `signed`, up to `there`.
    pub(super) fn new(signed: u64, there: u64, has_signer: bool) -> Self {
        Self {
            signed,
            there,
            has_signer: has_signer || signed > 0,
            range: None,
            count: 0,
            since: None,
            longest_ms: 0,
            stopped: None,
        }
    }

    /// Takes the next event in.
    pub(super) fn take(&mut self, record: &Record) {
        if !self.has_signer || record.seq <= self.signed || record.seq > self.there {
            return;
        }
        let (first, _) = self.range.unwrap_or((record.seq, record.seq));
        self.range = Some((first, record.seq));
        self.count = self.count.saturating_add(1);
        let Some(time) = record.time() else { return };
        match record.name() {
            // The head that a run begins with comes before it says that it does.
            "segment" => {}
            // A node that was down signed nothing, nor could it while the disk refused everything.
            "started" | "recovered" => self.since = Some(time),
            name => {
                let since = *self.since.get_or_insert(time);
                let age = time.millis().saturating_sub(since.millis());
                self.longest_ms = self.longest_ms.max(age);
                if name == "stopped" {
                    self.stopped = Some(record.seq);
                }
            }
        }
    }

    /// What is wrong with that; `has_history` is whether there is a folder of checkpoints, which a node
    /// makes before its first event.
    pub(super) fn fault(&self, has_history: bool) -> Option<Fault> {
        let (first, last) = self.range?;
        let is_too_much = self.count > MOST || self.longest_ms > LONGEST_MS;
        (is_too_much || self.stopped.is_some() || !has_history).then(|| Fault::Uncovered {
            first,
            last,
            seconds: u64::try_from(self.longest_ms / 1_000).unwrap_or(0),
            stopped: self.stopped,
            has_history,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: [(&str, i64); 3] = [("segment", 0), ("started", 0), ("decided", 0)];

    /// What is found of events with these names, at these milliseconds, numbered from 1.
    fn found(signed: u64, events: &[(&str, i64)]) -> Option<Fault> {
        let mut uncovered = Uncovered::new(signed, 1 << 40, true);
        for (seq, (name, at)) in (1..).zip(events) {
            let time = Timestamp::from_millis(1_700_000_000_000 + at);
            let json = format!(r#"{{"seq":{seq},"event":"{name}","time":"{time}"}}"#);
            uncovered.take(&Record { seq, json: json.into_bytes() });
        }
        uncovered.fault(true)
    }

    #[test]
    fn what_a_node_leaves_behind_that_was_killed_is_no_fault() {
        let day = 86_400_000;
        let kept = [("recovered", day), ("finished", 500), ("decided", day + 900)];
        let again =
            [("segment", day), ("recovered", day), ("started", day), ("decided", day + 900)];
        for rest in [&[][..], &[("finished", 900)], &[("finished", 59_999)], &kept, &again] {
            assert_eq!(found(0, &[&LIFE, rest].concat()), None, "{rest:?}");
        }
        // It ran for days, and signed until a second before the end.
        let long = [("finished", 5 * day), ("decided", 5 * day + 900)];
        assert_eq!(found(3, &[&LIFE[..], &long].concat()), None);
    }

    #[test]
    fn more_than_a_node_leaves_behind_is_a_fault_with_its_reason() {
        let fault = |seconds, stopped, last| {
            Some(Fault::Uncovered { first: 1, last, seconds, stopped, has_history: true })
        };
        assert_eq!(found(0, &[&LIFE[..], &[("finished", 61_000)]].concat()), fault(61, None, 4));
        assert_eq!(found(0, &[&LIFE[..], &[("stopped", 900)]].concat()), fault(0, Some(4), 4));
        let many = vec![("decided", 0); 100_001];
        assert_eq!(found(0, &many), fault(0, None, 100_001));
        assert_eq!(found(1, &many), None);
    }

    #[test]
    fn records_that_name_nobody_and_what_comes_while_they_are_read_are_passed_over() {
        for (there, has_signer) in [(1, false), (0, true)] {
            let mut uncovered = Uncovered::new(0, there, has_signer);
            uncovered.take(&Record { seq: 1, json: br#"{"seq":1,"event":"stopped"}"#.to_vec() });
            assert_eq!(uncovered.fault(false), None);
        }
    }
}

//! Sessions of the console: who is logged in, since when, and the word that proves a form is ours.
//!
//! They live in memory and are bounded: a restart ends them all, and so does a new admin key. What is kept
//! of a session's id is a digest, so that neither the memory nor the time of a look-up yields one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use crate::control::access::{Who, is_same};
use crate::domain::{Role, Timestamp};
use crate::net::hex;

/// How long a session may rest.
const IDLE_MS: i64 = 30 * 60 * 1_000;

/// How long one lasts.
pub(super) const WHOLE_MS: i64 = 8 * 60 * 60 * 1_000;

/// Sessions at once; the one that rested longest makes room.
const MOST: usize = 256;

/// The sessions that are open.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<BTreeMap<[u8; 32], Session>>);

#[derive(Debug)]
struct Session {
    signed: Signed,
    begun: Timestamp,
    seen: Timestamp,
    /// The admin key that its token was made of.
    key: Arc<str>,
}

/// Who is logged in.
#[derive(Clone)]
pub(super) struct Signed {
    pub(super) name: String,
    pub(super) role: Role,
    /// Stands in every form, so that no other page can send one.
    pub(super) word: String,
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signed({}, {})", self.name, self.role)
    }
}

impl Signed {
    /// The same as the writer of an admin call.
    pub(super) fn who(&self) -> Who {
        Who { name: self.name.clone(), role: Some(self.role) }
    }

    /// Whether a form bears the word of this session.
    pub(super) fn wrote(&self, word: Option<&str>) -> bool {
        word.is_some_and(|word| is_same(&self.word, word))
    }
}

impl Sessions {
    /// Opens a session; its id, which only the browser keeps. None if the system gave no random bytes.
    pub(super) fn open(
        &self,
        name: String,
        role: Role,
        key: Arc<str>,
        now: Timestamp,
    ) -> Option<String> {
        let (id, word) = (random()?, random()?);
        let mut open = self.lock();
        open.retain(|_, session| session.is_open(now, &key));
        while open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, session)| session.seen).map(|(id, _)| *id);
            let Some(oldest) = oldest else { break };
            open.remove(&oldest);
        }
        let signed = Signed { name, role, word };
        open.insert(kept(&id), Session { signed, begun: now, seen: now, key });
        Some(id)
    }

    /// Whose session this is, if it is open; it has been seen now.
    pub(super) fn find(&self, id: &str, key: &str, now: Timestamp) -> Option<Signed> {
        let mut open = self.lock();
        let session = open.get_mut(&kept(id))?;
        if !session.is_open(now, key) {
            open.remove(&kept(id));
            return None;
        }
        session.seen = session.seen.max(now);
        Some(session.signed.clone())
    }

    /// Ends a session.
    pub(super) fn end(&self, id: &str) {
        self.lock().remove(&kept(id));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is_open(&self, now: Timestamp, key: &str) -> bool {
        *self.key == *key
            && now < self.seen.plus_millis(IDLE_MS)
            && now < self.begun.plus_millis(WHOLE_MS)
    }
}

fn kept(id: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
    bytes
}

fn random() -> Option<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(minutes * MINUTE)
    }

    fn open(sessions: &Sessions, name: &str, minutes: i64) -> String {
        sessions.open(name.to_owned(), Role::Audit, "key-1".into(), at(minutes)).unwrap()
    }

    #[test]
    fn a_session_ends_by_rest_by_age_by_a_new_key_and_by_logging_out() {
        let sessions = Sessions::default();
        let is_open = |id: &str, minutes| sessions.find(id, "key-1", at(minutes)).is_some();

        let rested = open(&sessions, "li", 0);
        assert!(is_open(&rested, 29) && is_open(&rested, 58) && !is_open(&rested, 88));
        assert!(!is_open(&rested, 58), "it came back");

        let old = open(&sessions, "li", 0);
        assert!((1..24).all(|step| is_open(&old, step * 20)));
        assert!(!is_open(&old, 480));

        let keyed = open(&sessions, "li", 0);
        assert!(sessions.find(&keyed, "key-2", at(1)).is_none());

        let left = open(&sessions, "li", 0);
        sessions.end(&left);
        assert!(!is_open(&left, 1));
        assert!(!is_open("", 0));
    }

    #[test]
    fn forms_bear_the_word_of_their_own_session() {
        let sessions = Sessions::default();
        let [one, two] = ["li", "wang"].map(|name| {
            let id = open(&sessions, name, 0);
            sessions.find(&id, "key-1", at(1)).unwrap()
        });
        assert!(one.wrote(Some(&one.word)) && !one.wrote(Some(&two.word)) && !one.wrote(None));
        assert!(!format!("{one:?}").contains(&one.word));
    }

    #[test]
    fn there_are_only_so_many_and_the_longest_at_rest_makes_room() {
        let sessions = Sessions::default();
        let first = open(&sessions, "first", 0);
        let second = open(&sessions, "second", 1);
        for _ in 2..MOST {
            open(&sessions, "more", 2);
        }
        assert!(sessions.find(&first, "key-1", at(3)).is_some());
        open(&sessions, "one-more", 4);

        assert_eq!(sessions.lock().len(), MOST);
        assert!(sessions.find(&second, "key-1", at(4)).is_none());
        assert!(sessions.find(&first, "key-1", at(4)).is_some());
    }
}

//! Signed notes: a text, and who signs it (C2SP signed-note, Ed25519).

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The algorithm, in key ids and verifier keys.
const ALGORITHM: u8 = 1;

/// What a signature line begins with.
const DASH: &str = "\u{2014} ";

/// A name under which notes are signed, with the first bytes of a hash over name and key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Who {
    name: String,
    id: [u8; 4],
}

impl Who {
    fn new(name: &str, key: &[u8]) -> Option<Self> {
        if name.is_empty()
            || name.contains(|c: char| c.is_whitespace() || c == '+' || c.is_control())
        {
            return None;
        }
        let named = [name.as_bytes(), b"\n", &[ALGORITHM], key].concat();
        let id = digest(&SHA256, &named).as_ref().first_chunk().copied()?;
        Some(Self { name: name.to_owned(), id })
    }
}

/// Signs notes.
#[derive(Debug)]
pub struct Signer {
    who: Who,
    pair: Ed25519KeyPair,
}

impl Signer {
    /// Signs under a name, with the Ed25519 key of this seed. Nothing if the name is empty or has
    /// blanks or `+` in it.
    pub fn new(name: &str, seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let who = Who::new(name, pair.public_key().as_ref())?;
        Some(Self { who, pair })
    }

    /// Whom to believe what this signs.
    pub fn verifier(&self) -> Verifier {
        Verifier { who: self.who.clone(), key: self.pair.public_key().as_ref().to_vec() }
    }

    /// The name it signs under.
    pub(super) fn name(&self) -> &str {
        &self.who.name
    }

    /// The line that signs a text.
    fn line(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let tagged = [self.who.id.as_slice(), signature.as_ref()].concat();
        format!("{DASH}{} {}\n", self.who.name, STANDARD.encode(tagged))
    }
}

/// A text that ends in a newline, signed by each of these.
pub(super) fn sign(text: &str, signers: &[&Signer]) -> String {
    let lines: String = signers.iter().map(|signer| signer.line(text)).collect();
    format!("{text}\n{lines}")
}

/// The public half of a [`Signer`]: `name+id+key`, as C2SP signed-note writes verifier keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    who: Who,
    key: Vec<u8>,
}

impl Verifier {
    /// Reads `name+id+key`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.trim().split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let key = STANDARD.decode(key).ok()?;
        let (algorithm, key) = key.split_first()?;
        let who = Who::new(name, key).filter(|_| *algorithm == ALGORITHM && key.len() == 32)?;
        (crate::net::hex(&who.id) == id).then(|| Self { who, key: key.to_vec() })
    }

    /// The name it verifies.
    pub fn name(&self) -> &str {
        &self.who.name
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ALGORITHM], self.key.as_slice()].concat();
        write!(f, "{}+{}+{}", self.who.name, crate::net::hex(&self.who.id), STANDARD.encode(key))
    }
}

/// A signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<(Who, Vec<u8>)>,
}

impl Note {
    /// Takes a note apart; what it says is not yet believed.
    pub fn parse(note: &str) -> Option<Self> {
        let (text, lines) = note.rsplit_once("\n\n")?;
        let mut signatures = Vec::new();
        for line in lines.lines() {
            let (name, tagged) = line.strip_prefix(DASH)?.split_once(' ')?;
            let tagged = STANDARD.decode(tagged).ok()?;
            let (id, signature) = tagged.split_first_chunk()?;
            let who = Who { name: name.to_owned(), id: *id };
            signatures.push((who, signature.to_vec()));
        }
        (!signatures.is_empty()).then(|| Self { text: format!("{text}\n"), signatures })
    }

    /// The text, with the newline at its end.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether one of these signed it.
    pub(super) fn is_signed_by(&self, believed: &[Verifier]) -> bool {
        self.signatures.iter().any(|(who, signature)| {
            believed.iter().filter(|verifier| verifier.who == *who).any(|verifier| {
                let key = UnparsedPublicKey::new(&ED25519, &verifier.key);
                key.verify(self.text.as_bytes(), signature).is_ok()
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_believed_from_whoever_signed_it_and_nobody_else() {
        let [ours, other] =
            [1, 2].map(|seed| Signer::new("city.example/gate", &[seed; 32]).unwrap());
        let written = sign("city.example/gate\n7\nabc=\n", &[&ours]);

        let note = Note::parse(&written).unwrap();

        assert_eq!(note.text(), "city.example/gate\n7\nabc=\n");
        assert!(note.is_signed_by(&[other.verifier(), ours.verifier()]));
        assert!(!note.is_signed_by(&[other.verifier()]));
        for changed in [written.replacen('7', "8", 1), written.replacen("city", "town", 1)] {
            let note = Note::parse(&changed).unwrap();
            assert!(!note.is_signed_by(&[ours.verifier()]), "{changed}");
        }
        let both = Note::parse(&sign("a\n", &[&ours, &other])).unwrap();
        assert!(both.is_signed_by(&[ours.verifier()]) && both.is_signed_by(&[other.verifier()]));
    }

    #[test]
    fn a_verifier_reads_as_it_is_written() {
        let verifier = Signer::new("gate", &[7; 32]).unwrap().verifier();
        let text = verifier.to_string();
        assert_eq!(Verifier::parse(&text), Some(verifier));
        for wrong in ["", "gate", &text.replacen("gate", "gath", 1), &format!("{text}AAAA")] {
            assert_eq!(Verifier::parse(wrong), None, "{wrong}");
        }
        for name in ["", "a b", "a+b", "a\n"] {
            assert!(Signer::new(name, &[7; 32]).is_none(), "{name:?}");
        }
    }

    #[test]
    fn what_is_no_note_is_none() {
        for wrong in
            ["", "a\n", "a\n\n", "a\n\n- b AAAA\n", "a\n\n\u{2014} b !\n", "a\n\n\u{2014} b AA==\n"]
        {
            assert_eq!(Note::parse(wrong), None, "{wrong:?}");
        }
    }
}

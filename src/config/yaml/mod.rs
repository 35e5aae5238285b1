//! YAML as people write it, with the place of every key and value.
//!
//! A small part of YAML 1.2: block and flow collections, plain and quoted scalars of the core
//! schema, several documents. Anchors, aliases and tags are refused, because a reader must see what
//! a file says without running it in the head. Nothing a file holds makes this panic, and what it may
//! use of memory is bounded.

mod deserialize;
mod scalar;
mod tree;

use std::fmt;

pub use self::deserialize::Error;
pub use self::tree::parse;

/// Largest file, in bytes.
pub const LARGEST: usize = 1 << 20;

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The character within the line, from 1.
    pub column: u32,
}

impl Position {
    /// Where a file begins.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Something wrong at a place of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Position,
    /// What is wrong.
    pub message: String,
    /// What to write instead, if that is known.
    pub mend: Option<String>,
}

impl Fault {
    /// Something wrong, and what to write instead.
    pub fn new(at: Position, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { at, message: message.into(), mend: Some(mend.into()) }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its first character.
    pub at: Position,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole or broken number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order written, every key once.
    Map(Vec<Member>),
}

/// A key of a mapping with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The key; what is no text is taken as it is written.
    pub key: String,
    /// Where the key stands.
    pub at: Position,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The member of a mapping with this key.
    pub fn member(&self, key: &str) -> Option<&Member> {
        match &self.kind {
            Kind::Map(members) => members.iter().find(|member| member.key == key),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => None,
        }
    }

    /// The value of a mapping under this key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.member(key).map(|member| &member.value)
    }

    /// The members of a mapping; none if it is something else.
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Map(members) => members,
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => &[],
        }
    }

    /// The elements of a sequence; none if it is something else.
    pub fn elements(&self) -> &[Self] {
        match &self.kind {
            Kind::List(elements) => elements,
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Map(_) => &[],
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// The value a JSON pointer (RFC 6901) leads to.
    pub fn find(&self, pointer: &str) -> Option<&Self> {
        steps(pointer).try_fold(self, |node, step| match &node.kind {
            Kind::List(elements) => elements.get(step.parse::<usize>().ok()?),
            Kind::Map(_) => node.get(&step),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => None,
        })
    }

    /// The place of the value a JSON pointer leads to, or of the nearest value around it.
    pub fn place(&self, pointer: &str) -> Position {
        let mut rest = pointer;
        loop {
            if let Some(node) = self.find(rest) {
                return node.at;
            }
            rest = rest.rsplit_once('/').map_or("", |(before, _)| before);
        }
    }

    /// The place of the last key of a JSON pointer; of the value if it is an element of a list.
    pub fn key_place(&self, pointer: &str) -> Position {
        let key = pointer.rsplit_once('/').and_then(|(before, last)| {
            self.find(before)?.member(&unescape(last)).map(|member| member.at)
        });
        key.unwrap_or_else(|| self.place(pointer))
    }

    /// The same as JSON, without the places.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(elements) => Value::Array(elements.iter().map(Self::to_json).collect()),
            Kind::Map(members) => Value::Object(
                members.iter().map(|member| (member.key.clone(), member.value.to_json())).collect(),
            ),
        }
    }
}

/// The steps of a JSON pointer.
fn steps(pointer: &str) -> impl Iterator<Item = String> + '_ {
    pointer.split('/').skip(1).map(unescape)
}

fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// A name as a step of a JSON pointer.
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

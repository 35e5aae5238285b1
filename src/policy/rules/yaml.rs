//! Reads a YAML file into a typed value, with the place of whatever does not fit.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct YamlError {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// Deepest nesting read.
const DEEPEST: usize = 32;

/// Reads one document.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    let mut reader = Reader { parser: Parser::new_from_str(text), keys: Vec::new() };
    let value = reader.document()?;
    let keys = reader.keys;
    serde_json::from_value(value).map_err(|error| {
        let message = error.to_string();
        let (line, column) = place_of(&keys, &message);
        YamlError { line, column, message }
    })
}

/// Where a complaint that names a key in backquotes belongs; the start if it names none.
fn place_of(keys: &[(String, usize, usize)], message: &str) -> (usize, usize) {
    let named = message.split('`').nth(1).unwrap_or("");
    keys.iter().find(|(key, ..)| key == named).map_or((1, 1), |(_, line, column)| (*line, *column))
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// Every key and text value with its line and column.
    keys: Vec<(String, usize, usize)>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Value, YamlError> {
        loop {
            let (event, span) = self.next()?;
            let before =
                matches!(event, Event::Nothing | Event::StreamStart | Event::DocumentStart(_));
            if !before {
                return self.value(event, span, 0);
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(YamlError {
                line: error.marker().line(),
                column: error.marker().col() + 1,
                message: error.info().to_owned(),
            }),
            None => Err(YamlError { line: 1, column: 1, message: "the file is empty".to_owned() }),
        }
    }

    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, YamlError> {
        if depth > DEEPEST {
            return Err(wrong(span, "nested too deeply"));
        }
        match event {
            Event::Scalar(text, style, 0, None) => Ok(self.scalar(text, style, span)),
            Event::SequenceStart(0, None) => self.sequence(depth),
            Event::MappingStart(0, None) => self.mapping(depth),
            Event::StreamEnd | Event::DocumentEnd => Err(wrong(span, "the file is empty")),
            Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::MappingStart(..) => Err(wrong(span, "anchors, aliases and tags are not read")),
            Event::Nothing
            | Event::StreamStart
            | Event::DocumentStart(_)
            | Event::SequenceEnd
            | Event::MappingEnd => Err(wrong(span, "a value is missing")),
        }
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, YamlError> {
        let mut list = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(list));
            }
            list.push(self.value(event, span, depth + 1)?);
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, YamlError> {
        let mut map = Map::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Object(map));
            }
            let Event::Scalar(key, _, 0, None) = event else {
                return Err(wrong(span, "a key must be a plain word"));
            };
            self.note(&key, span);
            let (event, at) = self.next()?;
            let value = self.value(event, at, depth + 1)?;
            if map.insert(key.to_string(), value).is_some() {
                return Err(wrong(span, &format!("`{key}` is written twice")));
            }
        }
    }

    fn scalar(&mut self, text: Cow<'a, str>, style: ScalarStyle, span: Span) -> Value {
        self.note(&text, span);
        if style != ScalarStyle::Plain {
            return Value::String(text.into_owned());
        }
        match text.as_ref() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "" | "null" | "~" => Value::Null,
            plain => plain.parse::<i64>().map_or_else(|_| Value::from(plain), Value::from),
        }
    }

    fn note(&mut self, text: &str, span: Span) {
        self.keys.push((text.to_owned(), span.start.line(), span.start.col() + 1));
    }
}

fn wrong(span: Span, message: &str) -> YamlError {
    YamlError { line: span.start.line(), column: span.start.col() + 1, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: String,
        list: Vec<u8>,
        open: bool,
    }

    #[test]
    fn a_plain_file_is_read() {
        let sample: Sample = read("# why\nname: 甲\nlist: [1, 2]\nopen: true\n").unwrap();

        assert_eq!((sample.name.as_str(), sample.list, sample.open), ("甲", vec![1, 2], true));
    }

    #[test]
    fn an_unknown_key_is_refused_where_it_stands() {
        let error = read::<Sample>("name: a\nlist: []\n  \nopem: true\n").unwrap_err();

        assert_eq!((error.line, error.column), (4, 1), "{}", error.message);
    }

    #[test]
    fn a_broken_file_is_refused_and_never_panics() {
        let deep = "[".repeat(100);
        for bad in ["", "name: [", "name: &a b", "- 1\n -", "name: a\nname: b", deep.as_str()] {
            assert!(read::<Sample>(bad).is_err(), "{bad}");
        }
    }
}

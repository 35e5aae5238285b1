//! From the parser's events to nodes, within bounds.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};
use std::borrow::Cow;
use std::collections::HashSet;

use super::{Fault, Kind, LARGEST, Member, Node, Position, scalar};

/// Deepest nesting.
const DEEPEST: usize = 64;

/// Most values in a file.
const MOST: usize = 200_000;

/// Reads every document of a file, or says all that is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Node>, Vec<Fault>> {
    if text.len() > LARGEST {
        return Err(vec![Fault::new(
            Position::START,
            format!("the file has {} bytes, and {LARGEST} are read at most", text.len()),
            "split it into several files",
        )]);
    }
    let mut builder = Builder { faults: Vec::new(), count: 0 };
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut documents = Vec::new();
    loop {
        let next = match parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => break,
            Some(Err(error)) => {
                builder.faults.push(syntax(error.info(), *error.marker()));
                break;
            }
            Some(Ok((
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd,
                _,
            ))) => continue,
            Some(Ok(event)) => event,
        };
        match builder.value(&mut parser, next, 0) {
            Ok(document) => documents.push(document),
            Err(Stop(fault)) => {
                builder.faults.push(fault);
                break;
            }
        }
    }
    builder.faults.sort_by_key(|fault| fault.at);
    if builder.faults.is_empty() { Ok(documents) } else { Err(builder.faults) }
}

/// Reading cannot go on.
struct Stop(Fault);

struct Builder {
    faults: Vec<Fault>,
    count: usize,
}

type Source<'a> = Parser<'a, StrInput<'a>>;

impl Builder {
    /// The value that begins with this event.
    fn value<'a>(
        &mut self,
        parser: &mut Source<'a>,
        (event, span): (Event<'a>, Span),
        depth: usize,
    ) -> Result<Node, Stop> {
        let at = position(span.start);
        self.count += 1;
        if self.count > MOST || depth > DEEPEST {
            return Err(Stop(Fault::new(
                at,
                format!("more than {MOST} values in the file, or nested deeper than {DEEPEST}"),
                "split the file, or write it flatter",
            )));
        }
        let kind = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(at, anchor, tag.as_ref());
                self.scalar(at, &text, style)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(at, anchor, tag.as_ref());
                self.list(parser, depth)?
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(at, anchor, tag.as_ref());
                self.map(parser, depth)?
            }
            Event::Alias(_) => {
                self.faults.push(Fault::new(at, "aliases are not understood", "write it out"));
                Kind::Null
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                return Err(Stop(syntax("a value is missing here", span.start)));
            }
        };
        Ok(Node { at, kind })
    }

    fn list(&mut self, parser: &mut Source<'_>, depth: usize) -> Result<Kind, Stop> {
        let mut elements = Vec::new();
        loop {
            let (event, span) = next(parser)?;
            if event == Event::SequenceEnd {
                return Ok(Kind::List(elements));
            }
            elements.push(self.value(parser, (event, span), depth + 1)?);
        }
    }

    fn map(&mut self, parser: &mut Source<'_>, depth: usize) -> Result<Kind, Stop> {
        let mut members: Vec<Member> = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let (event, span) = next(parser)?;
            if event == Event::MappingEnd {
                return Ok(Kind::Map(members));
            }
            let at = position(span.start);
            let key = self.key(parser, (event, span), depth)?;
            let value = next(parser)?;
            let value = self.value(parser, value, depth + 1)?;
            if seen.insert(key.clone()) {
                members.push(Member { key, at, value });
            } else {
                let first = members.iter().find(|member| member.key == key).map(|m| m.at);
                let first = first.unwrap_or(at);
                self.faults.push(Fault::new(
                    at,
                    format!("the key `{key}` is written twice, first in {first}"),
                    "keep one of the two",
                ));
            }
        }
    }

    /// A key: a scalar, taken as it is written.
    fn key<'a>(
        &mut self,
        parser: &mut Source<'a>,
        (event, span): (Event<'a>, Span),
        depth: usize,
    ) -> Result<String, Stop> {
        let at = position(span.start);
        if let Event::Scalar(text, style, anchor, tag) = &event {
            self.refuse_extras(at, *anchor, tag.as_ref());
            if text.is_empty() && *style == ScalarStyle::Plain {
                self.faults.push(Fault::new(at, "a key is missing", "write a key before the `:`"));
            }
            return Ok(text.clone().into_owned());
        }
        self.value(parser, (event, span), depth + 1)?;
        self.faults.push(Fault::new(at, "a key must be a plain text", "write a text as the key"));
        Ok(format!("({at})"))
    }

    fn scalar(&mut self, at: Position, text: &str, style: ScalarStyle) -> Kind {
        if style != ScalarStyle::Plain {
            return Kind::Text(text.to_owned());
        }
        scalar::plain(text).unwrap_or_else(|why| {
            self.faults.push(Fault::new(at, why, format!("if it is a text, write \"{text}\"")));
            Kind::Null
        })
    }

    fn refuse_extras(&mut self, at: Position, anchor: usize, tag: Option<&Cow<'_, Tag>>) {
        if anchor != 0 {
            self.faults.push(Fault::new(
                at,
                "anchors are not understood",
                "remove the `&…` and write out what refers to it",
            ));
        }
        if let Some(tag) = tag {
            self.faults.push(Fault::new(
                at,
                format!("tags are not understood, and `{tag}` is one"),
                "remove it, or put quotes around a text that begins with `!`",
            ));
        }
    }
}

fn next<'a>(parser: &mut Source<'a>) -> Result<(Event<'a>, Span), Stop> {
    match parser.next_event() {
        Some(Ok(event)) => Ok(event),
        Some(Err(error)) => Err(Stop(syntax(error.info(), *error.marker()))),
        None => Err(Stop(syntax("the file ends too early", Marker::default()))),
    }
}

fn syntax(info: &str, marker: Marker) -> Fault {
    let mend = "close what is open before it – a bracket, a brace, a quote – or line up its spaces";
    Fault::new(position(marker), format!("this is no YAML: {info}"), mend)
}

fn position(marker: Marker) -> Position {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Position { line: number(marker.line()).max(1), column: number(marker.col()).saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let faults = parse(text).unwrap_err();
        faults.into_iter().map(|fault| format!("{}: {}", fault.at, fault.message)).collect()
    }

    #[test]
    fn every_key_and_value_knows_its_place() {
        let text = "a: 1\nb:\n  - x: 甲\n    y: [ 1, two ]\n---\nc: '3'\n";
        let documents = parse(text).unwrap();

        let first = &documents[0];
        assert_eq!(first.place("/b/0/y/1").to_string(), "4:13");
        assert_eq!(first.key_place("/b/0/y").to_string(), "4:5");
        assert_eq!(first.place("/b/0").to_string(), "3:5");
        assert_eq!(first.place("/b/0/missing").to_string(), "3:5");
        assert_eq!(documents[1].place("/c").to_string(), "6:4");
        assert_eq!(
            first.to_json(),
            serde_json::json!({"a": 1, "b": [{"x": "甲", "y": [1, "two"]}]})
        );
        assert_eq!(documents[1].to_json(), serde_json::json!({"c": "3"}));
    }

    #[test]
    fn what_a_reader_would_have_to_run_is_refused_where_it_stands() {
        assert_eq!(
            faults("a: &x 1\nb: *x\nc: !!str 3\na: 2\n"),
            [
                "1:4: anchors are not understood",
                "2:4: aliases are not understood",
                "3:4: tags are not understood, and `tag:yaml.org,2002:!str` is one",
                "4:1: the key `a` is written twice, first in 1:1",
            ]
        );
    }

    #[test]
    fn a_file_that_would_need_too_much_is_refused() {
        let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
        assert!(faults(&deep)[0].contains("nested deeper"));
        assert!(parse(&"[".repeat(LARGEST)).is_err());
        assert!(faults(&format!("[{}]", "1,".repeat(MOST)))[0].contains("values in the file"));
        assert!(faults(&"#".repeat(LARGEST + 1))[0].contains("bytes"));
    }

    #[test]
    fn a_broken_file_says_where() {
        let broken = faults("a: 1\nb: [1, 2\nc: 3\n");

        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(broken[0].contains("this is no YAML"), "{broken:?}");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(?s).{0,200}") {
            drop(parse(&text));
        }

        #[test]
        fn no_text_made_of_yaml_signs_makes_the_reader_panic(
            text in "[-:?,\\[\\]{}#&*!|>'\"%@` \\n\\t\\r\\u{feff}\\u{85}a1~.+\\\\]{0,80}",
        ) {
            drop(parse(&text));
        }
    }
}

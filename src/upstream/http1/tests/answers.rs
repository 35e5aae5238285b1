//! Answers read in pieces, and answers that are none.

use std::fmt::Write as _;

use bytes::BytesMut;
use http::{Method, Version};
use proptest::prelude::*;

use crate::upstream::http1::error::Http1Error;
use crate::upstream::http1::head::{Head, HeadReader};

/// A whole answer, or what is wrong with it.
type Answer = Result<(Head, String), Http1Error>;

/// Reads an answer that comes in these pieces, before the connection ends.
fn read(method: &Method, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Answer {
    let (mut buffer, mut reader) = (BytesMut::new(), HeadReader::default());
    let (mut head, mut whole) = (None, Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece.as_ref());
        if head.is_none() {
            head = reader.take(&mut buffer, method)?;
        }
        if let Some(head) = &mut head {
            let Head { body, .. } = head;
            while let Some(part) = body.take(&mut buffer)? {
                whole.extend_from_slice(&part);
            }
        }
    }
    let mut head = head.ok_or(Http1Error::NoHead)?;
    head.body.ended()?;
    assert!(buffer.is_empty(), "something is left over");
    Ok((head, String::from_utf8(whole).unwrap()))
}

fn get(answer: &str) -> Answer {
    read(&Method::GET, [answer.as_bytes()])
}

const VALID: [&str; 8] = [
    "HTTP/1.1 200 OK\r\nA: b\r\na: c\r\nContent-Length: 4\r\n\r\nfine",
    "HTTP/1.1 204 没有\r\nx: 银川\r\n\r\n",
    "HTTP/1.1 304\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nx: y\r\n\r\n\
     HTTP/1.1 200 OK\r\nx: z\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n\
     4\r\nfine\r\n00B;a=\"b\";c\r\n and dandy.\r\n0;d\r\ntrailer: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1  \r\nx\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\ncontent-length: 4\n\nfine",
];

#[test]
fn an_answer_in_two_pieces_or_byte_by_byte_is_the_same_answer() {
    for answer in VALID {
        let (head, body) = get(answer).unwrap();
        let same = |other: Answer| {
            let (other, text) = other.unwrap();
            assert_eq!(other.parts.headers, head.parts.headers, "{answer}");
            assert_eq!(
                (other.parts.status, text, other.keep),
                (head.parts.status, body.clone(), head.keep)
            );
        };
        for cut in 0..=answer.len() {
            let (first, second) = answer.as_bytes().split_at(cut);
            same(read(&Method::GET, [first, second]));
        }
        same(read(&Method::GET, answer.as_bytes().chunks(1)));
    }
}

#[test]
fn an_answer_cut_short_is_never_whole() {
    for answer in VALID.iter().filter(|answer| !answer.starts_with("HTTP/1.0")) {
        for cut in 0..answer.len() {
            let failed = read(&Method::GET, [&answer.as_bytes()[..cut]]);
            let failed = failed.map(|(_, body)| body).unwrap_err();

            assert!(
                matches!(failed, Http1Error::NoHead | Http1Error::Cut),
                "{cut} of {answer}: {failed:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_cuts_of_any_answer_give_the_same_head_and_body(
        fields in prop::collection::vec(("[a-z][a-z0-9-]{0,12}", "[!-~]{0,20}"), 0..8),
        chunks in prop::collection::vec("[ -~]{1,40}", 0..6),
        chunked in any::<bool>(),
        mut cuts in prop::collection::vec(0_usize..2000, 0..12),
    ) {
        let mut text = "HTTP/1.1 200 OK\r\n".to_owned();
        for (name, value) in &fields {
            write!(text, "x-{name}: {value}\r\n").unwrap();
        }
        let whole = chunks.concat();
        if chunked {
            text += "transfer-encoding: chunked\r\n\r\n";
            for chunk in &chunks {
                write!(text, "{:X};x={}\r\n{chunk}\r\n", chunk.len(), chunk.len()).unwrap();
            }
            text += "0\r\nx-trailer: y\r\n\r\n";
        } else {
            write!(text, "content-length: {}\r\n\r\n{whole}", whole.len()).unwrap();
        }
        cuts.retain(|cut| *cut <= text.len());
        cuts.push(text.len());
        cuts.sort_unstable();
        let mut from = 0;
        let pieces = cuts.iter().map(|to| &text.as_bytes()[std::mem::replace(&mut from, *to)..*to]);

        let (head, body) = read(&Method::GET, pieces).unwrap();

        prop_assert_eq!(body, whole);
        // The coding was the connection's, and is gone with it.
        prop_assert_eq!(head.parts.headers.len(), fields.len() + usize::from(!chunked));
        for (name, value) in &fields {
            let mut values = head.parts.headers.get_all(format!("x-{name}")).iter();
            prop_assert!(values.any(|found| found == value.as_str()));
        }
    }

    #[test]
    fn nothing_that_comes_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        drop(read(&Method::GET, bytes.chunks(7)));
        let chunks = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &*bytes];
        if let Err(error) = read(&Method::GET, chunks) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn a_head_that_two_readers_could_take_differently_is_refused() {
    for (head, wrong) in [
        ("content-length: 4\r\ncontent-length: 5", "two Content-Lengths"),
        ("content-length: 4, 4", "no number"),
        ("content-length: +4", "no number"),
        ("content-length: ", "no number"),
        ("content-length: 0x4", "no number"),
        ("content-length: 99999999999999999999", "no number"),
        ("content-length: 4\r\ntransfer-encoding: chunked", "both"),
        ("transfer-encoding: chunked\r\ncontent-length: 0", "both"),
        ("transfer-encoding: gzip, chunked", "chunked alone"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked", "chunked alone"),
        ("transfer-encoding: chunked, identity", "chunked alone"),
        ("transfer-encoding: identity", "chunked alone"),
        ("transfer-encoding: \u{b}chunked", "cannot be read"),
        ("a: b\r\n folded", "cannot be read"),
        ("a: b\r\n\tfolded", "cannot be read"),
        (" a: b", "cannot be read"),
        ("a : b", "cannot be read"),
        ("a", "cannot be read"),
        (": b", "cannot be read"),
        ("a: b\rc: d", "cannot be read"),
        ("a: b\0", "cannot be read"),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\nfine");
            let failed = read(&method, [answer.as_bytes()]).map(|(_, body)| body).unwrap_err();

            assert!(failed.to_string().contains(wrong), "{head:?}: {failed}");
        }
    }
}

#[test]
fn a_status_line_that_is_none_is_refused() {
    for line in [
        "SSH-2.0-OpenSSH_9.2",
        "HTTP/2.0 200 OK",
        "HTTP/1.2 200 OK",
        "http/1.1 200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 101 Switching Protocols",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked",
        "\r\n",
    ] {
        assert!(get(&format!("{line}\r\ncontent-length: 0\r\n\r\n")).is_err(), "{line}");
    }
}

#[test]
fn what_has_no_end_is_bounded() {
    let field = "a: b\r\n".repeat(101);
    let long = "x".repeat(65 * 1024);
    for head in [format!("{field}\r\n"), format!("a: {long}\r\n\r\n"), format!("a: {long}")] {
        let failed = get(&format!("HTTP/1.1 200 OK\r\n{head}")).map(|(_, body)| body);
        assert!(matches!(failed, Err(Http1Error::HeadTooLarge)), "{failed:?}");
    }
    assert!(
        get(&format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "a: b\r\n".repeat(99)))
            .is_ok()
    );
    let interim = "HTTP/1.1 103 Hints\r\n\r\n";
    assert!(get(&(interim.repeat(16) + VALID[0])).is_ok());
    assert!(get(&(interim.repeat(17) + VALID[0])).is_err());
}

#[test]
fn chunks_are_read_to_the_letter() {
    let extensions = format!("1;{}\r\nx\r\n", "e".repeat(1024)).repeat(17);
    let trailers = format!("0\r\n{}\r\n", format!("t: {}\r\n", "e".repeat(1024)).repeat(17));
    for (chunks, wrong) in [
        ("zz\r\n", "no size"),
        ("\r\nx\r\n", "no size"),
        ("-1\r\nx\r\n", "no size"),
        ("0x1\r\nx\r\n", "no number"),
        ("1 1\r\nx\r\n", "no number"),
        ("10000000000000000\r\n", "no size"),
        ("1\nx\r\n0\r\n\r\n", "stray controls"),
        ("1\rx\r\n", "stray controls"),
        ("1;a\rb\r\nx\r\n", "stray controls"),
        ("1;a\0\r\nx\r\n", "stray controls"),
        ("1\r\nxy\r\n", "longer than its size"),
        ("1\r\nx\n0\r\n\r\n", "longer than its size"),
        ("1\r\nx0\r\n\r\n", "longer than its size"),
        ("0\r\n\n", "stray controls"),
        ("0\r\nno field\r\n\r\n", "no field"),
        ("0\r\nx : y\r\n\r\n", "no field"),
        (&*extensions, "without end"),
        (&*trailers, "without end"),
        (&*"1".repeat(9000), "too long"),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        let failed = get(&answer).map(|(_, body)| body).unwrap_err();

        assert!(
            failed.to_string().contains(wrong),
            "{}: {failed}",
            chunks.get(..30).unwrap_or(chunks)
        );
    }
}

#[test]
fn whether_a_body_follows_is_told_by_method_and_status_first() {
    for (method, status, follows) in [
        (Method::GET, "200", true),
        (Method::HEAD, "200", false),
        (Method::GET, "204", false),
        (Method::GET, "304", false),
        (Method::GET, "404", true),
    ] {
        for framing in ["content-length: 4", "transfer-encoding: chunked", "a: b"] {
            let mut buffer = BytesMut::from(&*format!("HTTP/1.1 {status} X\r\n{framing}\r\n\r\n"));
            let head = HeadReader::default().take(&mut buffer, &method).unwrap().unwrap();

            assert_eq!(!head.body.is_over(), follows, "{method} {status} {framing}");
        }
    }
}

#[test]
fn a_connection_goes_on_only_if_both_say_so() {
    for (version, connection, keep) in [
        ("1.1", "a: b", true),
        ("1.1", "connection: keep-alive", true),
        ("1.1", "connection: Close", false),
        ("1.1", "connection: keep-alive, close", false),
        ("1.1", "connection: close\r\nconnection: keep-alive", false),
        ("1.0", "a: b", false),
        ("1.0", "connection: x , Keep-Alive", true),
        ("1.0", "connection: keep-alive\r\nconnection: close", false),
    ] {
        let answer = format!("HTTP/{version} 200 OK\r\n{connection}\r\ncontent-length: 0\r\n\r\n");
        let (head, _) = get(&answer).unwrap();

        assert_eq!(head.keep, keep, "{version} {connection}");
        assert_eq!(head.parts.version == Version::HTTP_10, version == "1.0");
    }
}

/// RFC 9110 §7.6.1.
#[test]
fn what_speaks_of_the_connection_ends_with_it() {
    let answer = "HTTP/1.1 200 OK\r\nX-Named: a\r\nx-named: b\r\nKeep-Alive: timeout=5\r\n\
        Connection: keep-alive, X-Named\r\nconnection: last-modified , not a name\r\n\
        Last-Modified: x\r\nx-other: c\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let (head, _) = get(answer).unwrap();

    let left: Vec<_> = head.parts.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(left, ["x-other"]);
    assert!(head.keep);
}

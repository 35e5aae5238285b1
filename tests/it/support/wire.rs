//! HTTP/1.1 as plain sockets speak it: enough to read whole messages and to know when they began.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::time::Instant;

/// One message off a socket.
#[derive(Clone, Debug)]
pub struct Message {
    /// When its first byte was there.
    pub began: Instant,
    /// Request line or status line.
    pub start: String,
    /// Fields by their lower-case name; of one that stands twice, a list.
    pub fields: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Message {
    /// A field, or nothing at all.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The part of the start line at this position.
    pub fn word(&self, at: usize) -> &str {
        self.start.split(' ').nth(at).unwrap_or("")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Reads a message; none if the other side ended instead of beginning one.
pub fn read(input: &mut impl BufRead, has_body: bool) -> io::Result<Option<Message>> {
    if input.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let began = Instant::now();
    let start = line(input)?;
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let line = line(input)?;
        let Some((name, value)) = line.split_once(':') else { break };
        let field = fields.entry(name.to_ascii_lowercase()).or_default();
        if !field.is_empty() {
            field.push_str(", ");
        }
        field.push_str(value.trim());
    }
    let mut message = Message { began, start, fields, body: Vec::new() };
    if has_body {
        message.body = body(input, &message)?;
    }
    Ok(Some(message))
}

fn body(input: &mut impl BufRead, message: &Message) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if message.field("transfer-encoding") == "chunked" {
        loop {
            let size = line(input)?;
            let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
            bytes.extend_from_slice(&exactly(input, size)?);
            line(input)?;
            if size == 0 {
                return Ok(bytes);
            }
        }
    }
    let length = message.field("content-length").parse().unwrap_or(0);
    bytes.extend_from_slice(&exactly(input, length)?);
    Ok(bytes)
}

fn exactly(input: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

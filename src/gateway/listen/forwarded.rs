//! Whose address a call is counted under (RFC 7239).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use http::header::FORWARDED;
use ipnet::IpNet;

/// The address of the consumer: the peer, or, where the peer is a trusted proxy, the nearest
/// address in `Forwarded` that is none.
///
/// Read from the right, because only what a trusted proxy wrote is believed: whatever stands left of
/// the first address that is not trusted may be invented by the caller.
pub fn consumer(peer: IpAddr, trusted: &[IpNet], headers: &HeaderMap) -> IpAddr {
    let mut nearest = peer.to_canonical();
    if trusted.is_empty() {
        return nearest;
    }
    for line in headers.get_all(FORWARDED).iter().rev() {
        let Ok(line) = line.to_str() else { return nearest };
        for element in split(line, b',').into_iter().rev() {
            if !trusted.iter().any(|network| network.contains(&nearest)) {
                return nearest;
            }
            match address(element) {
                Some(next) => nearest = next.to_canonical(),
                None => return nearest,
            }
        }
    }
    nearest
}

/// The address in the `for=` of one element; none if it is missing, hidden or malformed.
fn address(element: &str) -> Option<IpAddr> {
    let mut found = split(element, b';').into_iter().filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    });
    let value = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let node = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    if let Some(bare) = node.strip_prefix('[').and_then(|v| v.strip_suffix(']')) {
        return bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    match node.parse::<SocketAddr>() {
        Ok(with_port) => Some(with_port.ip()),
        Err(_) => node.parse().ok().filter(IpAddr::is_ipv4),
    }
}

/// Splits at a mark, but not within quotes.
fn split(text: &str, mark: u8) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if quoted && !escaped && byte == b'\\' {
            escaped = true;
            continue;
        }
        if byte == b'"' && !escaped {
            quoted = !quoted;
        } else if byte == mark && !quoted {
            parts.extend(text.get(from..at));
            from = at.saturating_add(1);
        }
        escaped = false;
    }
    parts.extend(text.get(from..));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED, line.parse().unwrap());
        }
        consumer(peer.parse().unwrap(), &trusted, &headers).to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        assert_eq!(seen("203.0.113.9", &["for=198.51.100.1"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["for=192.0.2.7, for=198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["for=192.0.2.7", "for=198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn trusted_proxies_are_passed_through_to_the_nearest_stranger() {
        for (lines, expected) in [
            (vec!["for=198.51.100.1, for=10.2.3.4"], "198.51.100.1"),
            (vec!["for=198.51.100.1;proto=https;by=10.0.0.1"], "198.51.100.1"),
            (vec!["proto=http ; For=\"198.51.100.1:4711\""], "198.51.100.1"),
            (vec!["for=\"[2001:db8::17]:4711\""], "2001:db8::17"),
            (vec!["for=\"[2001:db8::17]\""], "2001:db8::17"),
            (vec!["host=\"a,for=1.2.3.4\";for=198.51.100.1"], "198.51.100.1"),
            (vec!["for=\"[::ffff:198.51.100.1]\""], "198.51.100.1"),
        ] {
            assert_eq!(seen("10.0.0.1", &lines), expected, "{lines:?}");
        }
        assert_eq!(seen("::ffff:10.0.0.1", &["for=198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn what_is_hidden_or_malformed_leaves_the_proxy_answerable() {
        for line in [
            "for=198.51.100.1, for=unknown",
            "for=198.51.100.1, for=_hidden",
            "for=198.51.100.1, proto=http",
            "for=198.51.100.1, for=1.2.3.4;for=5.6.7.8",
            "for=\"[2001:db8::17\"",
            "for=\"unterminated",
            "",
        ] {
            assert_eq!(seen("10.0.0.1", &[line]), "10.0.0.1", "{line}");
        }
    }
}

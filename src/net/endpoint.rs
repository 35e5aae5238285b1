//! Where to connect to, as a URL says it.

use http::Uri;
use http::header::HeaderValue;
use http::uri::{Authority, Scheme};

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    tls: bool,
    authority: Authority,
    host_header: HeaderValue,
    port: u16,
}

/// Why a URL is no endpoint.
#[derive(Debug, thiserror::Error)]
#[error("`{url}` is no address to connect to: write http://host:port or https://host:port")]
pub struct EndpointError {
    url: String,
}

impl Endpoint {
    /// Reads `http://host[:port]` or `https://host[:port]`. A path other than `/`, a query, or a
    /// user is refused.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        Self::of(url).ok_or_else(|| EndpointError { url: url.to_owned() })
    }

    /// The endpoint of a full URL, whose path and query are somebody else's business.
    pub fn of_uri(uri: &Uri) -> Result<Self, EndpointError> {
        Self::of_parts(uri).ok_or_else(|| EndpointError { url: uri.to_string() })
    }

    fn of(url: &str) -> Option<Self> {
        // `Uri` drops a fragment without a word.
        let uri: Uri = url.parse().ok().filter(|_| !url.contains('#'))?;
        if uri.path_and_query().is_some_and(|rest| rest != "/") {
            return None;
        }
        Self::of_parts(&uri)
    }

    fn of_parts(uri: &Uri) -> Option<Self> {
        let authority = uri.authority()?;
        let (tls, default_port) = match uri.scheme_str()? {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return None,
        };
        // `Authority` takes a port it cannot read for no port at all.
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" => default_port,
            port => port.strip_prefix(':')?.parse().ok().filter(|&port| port != 0)?,
        };
        let named = !authority.host().is_empty();
        let host_header = HeaderValue::try_from(authority.as_str()).ok()?;
        named.then(|| Self { tls, authority: authority.clone(), host_header, port })
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// What `Host` says: host and port as written.
    pub fn host_header(&self) -> &HeaderValue {
        &self.host_header
    }

    /// What `:authority` says: host and port as written.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> Scheme {
        if self.tls { Scheme::HTTPS } else { Scheme::HTTP }
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_scheme_a_host_and_a_port() {
        for (url, host, port, tls) in [
            ("http://data.yc.example:8080", "data.yc.example", 8080, false),
            ("https://data.yc.example", "data.yc.example", 443, true),
            ("https://[::1]:8443/", "::1", 8443, true),
            ("http://10.1.2.3", "10.1.2.3", 80, false),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();

            assert_eq!((endpoint.host(), endpoint.port(), endpoint.is_tls()), (host, port, tls));
        }
    }

    #[test]
    fn what_is_more_or_less_than_that_is_refused() {
        for url in [
            "",
            "data.yc.example:8080",
            "ftp://data.yc.example",
            "http://",
            "http://:80",
            "http://user@host",
            "http://host:0",
            "http://host:99999",
            "http://host:",
            "http://host/path",
            "http://host?x=1",
            "http://host#x",
        ] {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
    }
}

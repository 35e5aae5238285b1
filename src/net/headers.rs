//! Header fields that no policy may pass on: they speak of one connection, of who asks, of conditions
//! and ranges that are answered at the gate, or of what the gate itself says.

/// Of a request, whether the field ends at the gate, whatever an interface description names.
///
/// `_` counts as `-`, since CGI-like interfaces cannot tell them apart.
pub fn goes_no_further(name: &str) -> bool {
    const NAMES: [&str; 36] = [
        // Who asks, and through what: proved at the gate and said anew.
        "authorization",
        "cookie",
        "cookie2",
        "forwarded",
        "host",
        "via",
        "x-real-ip",
        "client-ip",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "traceparent",
        "tracestate",
        "baggage",
        // Another method or path than the one that was compared.
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
        // Conditions, ranges and caching: what they mean for a shaped answer is ours to say.
        "range",
        "if",
        "expect",
        "max-forwards",
        "cache-control",
        "pragma",
        // Framing, codings and the connection.
        "accept-encoding",
        "content-encoding",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "connection",
        "keep-alive",
        "upgrade",
        "http2-settings",
        "origin",
    ];
    const BEGINNINGS: [&str; 4] = ["helan-", "if-", "proxy-", "x-forwarded-"];
    is_one_of(name, &NAMES, &BEGINNINGS)
}

/// Of a department's answer, whether the field ends at the gate, whatever an entry asks for.
pub fn never_leaves(name: &str) -> bool {
    const NAMES: [&str; 47] = [
        // The connection and the framing.
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "alt-svc",
        "strict-transport-security",
        // The bytes as they were before shaping.
        "content-length",
        "content-encoding",
        "content-type",
        "content-range",
        "content-md5",
        "content-digest",
        "repr-digest",
        "digest",
        "signature",
        "signature-input",
        "accept-ranges",
        "etag",
        // Caching, which is decided here.
        "age",
        "cache-control",
        "date",
        "expires",
        "pragma",
        "vary",
        "warning",
        "cache-status",
        "proxy-status",
        // Places inside the department, and ways around the gate.
        "content-location",
        "location",
        "link",
        "refresh",
        // Sessions and browsers.
        "www-authenticate",
        "authentication-info",
        "clear-site-data",
        "x-content-type-options",
        // Limits and traces, which are ours.
        "retry-after",
        "traceparent",
        "tracestate",
        "traceresponse",
        "server-timing",
        // The department's software.
        "server",
        "via",
        "x-powered-by",
        "x-aspnet-version",
        "x-generator",
    ];
    const BEGINNINGS: [&str; 8] = [
        "access-control-",
        "cdn-cache-",
        "helan-",
        "proxy-",
        "ratelimit",
        "set-cookie",
        "x-accel-",
        "x-ratelimit",
    ];
    is_one_of(name, &NAMES, &BEGINNINGS)
}

fn is_one_of(name: &str, names: &[&str], beginnings: &[&str]) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    names.contains(&name.as_str()) || beginnings.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_who_asks_or_how_ends_at_the_gate_however_it_is_spelled() {
        for name in [
            "Cookie",
            "AUTHORIZATION",
            "Proxy-Authorization",
            "If-None-Match",
            "if_match",
            "X-Forwarded-For",
            "X_Forwarded_Proto",
            "Helan-Purpose",
            "X-HTTP-Method-Override",
            "Transfer-Encoding",
            "Range",
            "traceparent",
        ] {
            assert!(goes_no_further(name), "{name}");
        }
        for name in ["X-Region", "Accept", "Accept-Language", "Ifs", "X-Trace"] {
            assert!(!goes_no_further(name), "{name}");
        }
    }

    #[test]
    fn what_speaks_of_unshaped_bytes_or_of_the_departments_inside_never_leaves() {
        for name in [
            "Set-Cookie",
            "set-cookie2",
            "ETag",
            "Content-Range",
            "Access-Control-Allow-Origin",
            "RateLimit-Policy",
            "X-RateLimit-Remaining",
            "Helan-Transaction",
            "Link",
            "Proxy-Authenticate",
            "X_Powered_By",
        ] {
            assert!(never_leaves(name), "{name}");
        }
        for name in ["Last-Modified", "Content-Language", "X-Total-Count", "Content-Disposition"] {
            assert!(!never_leaves(name), "{name}");
        }
    }
}

//! The head of a request with the fields that the path asks for, found in one pass over its lines.
//!
//! Most of them are not there, and asking a map for each takes a hash: 2,000 of the 92,000 instructions
//! of a call.

use http::HeaderValue;
use http::request::Parts;

/// One field of a head.
#[derive(Clone, Copy, Debug, Default)]
pub struct Field<'a> {
    /// The value of its first line; none if it is not there.
    pub first: Option<&'a HeaderValue>,
    /// Whether it has more than one line.
    pub repeated: bool,
}

impl Field<'_> {
    /// Whether it is there.
    pub fn is_there(&self) -> bool {
        self.first.is_some()
    }
}

/// A head and its fields.
#[derive(Debug)]
pub struct Fields<'a> {
    /// The whole head.
    pub head: &'a Parts,
    /// `Accept`.
    pub accept: Field<'a>,
    /// `Accept-Language`.
    pub accept_language: Field<'a>,
    /// `Authorization`.
    pub authorization: Field<'a>,
    /// `Cache-Control`.
    pub cache_control: Field<'a>,
    /// `Content-Length`.
    pub content_length: Field<'a>,
    /// `Content-Type`.
    pub content_type: Field<'a>,
    /// `Expect`.
    pub expect: Field<'a>,
    /// `Helan-Grant`.
    pub grant: Field<'a>,
    /// `Helan-Key`.
    pub key: Field<'a>,
    /// `Helan-Matter`.
    pub matter: Field<'a>,
    /// `Helan-Operator`.
    pub operator: Field<'a>,
    /// `Helan-Purpose`.
    pub purpose: Field<'a>,
    /// `Host`.
    pub host: Field<'a>,
    /// `If-Match`.
    pub if_match: Field<'a>,
    /// `If-None-Match`.
    pub if_none_match: Field<'a>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Field<'a>,
    /// `Transfer-Encoding`.
    pub transfer_encoding: Field<'a>,
    /// Whether there is a field of Helan's that only a gateway may write.
    pub forged: bool,
}

impl<'a> Fields<'a> {
    /// Looks at every line once.
    pub fn read(head: &'a Parts) -> Self {
        let mut fields = Self::none(head);
        for (name, value) in &head.headers {
            let field = match name.as_str() {
                "accept" => &mut fields.accept,
                "accept-language" => &mut fields.accept_language,
                "authorization" => &mut fields.authorization,
                "cache-control" => &mut fields.cache_control,
                "content-length" => &mut fields.content_length,
                "content-type" => &mut fields.content_type,
                "expect" => &mut fields.expect,
                "helan-grant" => &mut fields.grant,
                "helan-key" => &mut fields.key,
                "helan-matter" => &mut fields.matter,
                "helan-operator" => &mut fields.operator,
                "helan-purpose" => &mut fields.purpose,
                "host" => &mut fields.host,
                "if-match" => &mut fields.if_match,
                "if-none-match" => &mut fields.if_none_match,
                "if-unmodified-since" => &mut fields.if_unmodified_since,
                "transfer-encoding" => &mut fields.transfer_encoding,
                other => {
                    // `_` counts as `-`: CGI-like interfaces cannot tell them apart.
                    let rest = other.strip_prefix("helan");
                    fields.forged |= rest.is_some_and(|rest| rest.starts_with(['-', '_']));
                    continue;
                }
            };
            field.repeated = field.is_there();
            field.first = field.first.or(Some(value));
        }
        fields
    }

    fn none(head: &'a Parts) -> Self {
        let none = Field::default();
        Self {
            head,
            accept: none,
            accept_language: none,
            authorization: none,
            cache_control: none,
            content_length: none,
            content_type: none,
            expect: none,
            grant: none,
            key: none,
            matter: none,
            operator: none,
            purpose: none,
            host: none,
            if_match: none,
            if_none_match: none,
            if_unmodified_since: none,
            transfer_encoding: none,
            forged: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder();
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_field_is_its_first_line_and_whether_there_are_more() {
        let head = head(&[("Accept", "a"), ("X", "y"), ("accept", "b"), ("ACCEPT", "c")]);
        let fields = Fields::read(&head);
        assert_eq!(fields.accept.first.unwrap(), "a");
        assert!(fields.accept.repeated && !fields.host.repeated);
        assert!(!fields.host.is_there() && !fields.forged);
    }

    /// Each is told from all others: what is asked for is what was sent.
    #[test]
    fn every_field_is_found_under_its_name() {
        type Pick = for<'a> fn(&Fields<'a>) -> Field<'a>;
        let all: [(&str, Pick); 17] = [
            ("accept", |fields| fields.accept),
            ("accept-language", |fields| fields.accept_language),
            ("authorization", |fields| fields.authorization),
            ("cache-control", |fields| fields.cache_control),
            ("content-length", |fields| fields.content_length),
            ("content-type", |fields| fields.content_type),
            ("expect", |fields| fields.expect),
            ("helan-grant", |fields| fields.grant),
            ("helan-key", |fields| fields.key),
            ("helan-matter", |fields| fields.matter),
            ("helan-operator", |fields| fields.operator),
            ("helan-purpose", |fields| fields.purpose),
            ("host", |fields| fields.host),
            ("if-match", |fields| fields.if_match),
            ("if-none-match", |fields| fields.if_none_match),
            ("if-unmodified-since", |fields| fields.if_unmodified_since),
            ("transfer-encoding", |fields| fields.transfer_encoding),
        ];
        for (sent, _) in all {
            let head = head(&[(sent, "x")]);
            let fields = Fields::read(&head);
            for (name, pick) in all {
                assert_eq!(pick(&fields).is_there(), name == sent, "{name} where {sent} was sent");
            }
            assert!(!fields.forged, "{sent}");
        }
    }

    #[test]
    fn what_only_a_gateway_may_write_is_forged() {
        for (name, forged) in [
            ("helan-transaction", true),
            ("Helan-Purposes", true),
            ("helan_purpose", true),
            ("helan-", true),
            ("helan", false),
            ("helans-own", false),
            ("x-helan-purpose", false),
        ] {
            assert_eq!(Fields::read(&head(&[(name, "x")])).forged, forged, "{name}");
        }
    }
}

//! What a browser sent: the pairs of a query or a form, and cookies.

use http::{HeaderMap, header};

/// Pairs of a query or form, the first of a name counting.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs(Vec<(String, String)>);

/// Characters of one value that are looked at.
const LONGEST: usize = 2_048;

impl Pairs {
    /// Reads `name=value&…`.
    pub(super) fn read(text: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(text);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// A value with anything in it but blanks.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        let value = value.trim();
        (!value.is_empty() && value.len() <= LONGEST).then_some(value)
    }

    /// All of it but for some names, written again.
    pub(super) fn without(&self, names: &[&str]) -> String {
        let kept = self.0.iter().filter(|(name, value)| {
            !names.contains(&name.as_str()) && !value.trim().is_empty() && value.len() <= LONGEST
        });
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    }
}

/// One pair, written.
pub(super) fn pair(name: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

/// The value of a cookie.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_and_written_again_without_what_is_not_wanted() {
        let pairs =
            Pairs::read(b"entry=police%2Fhukou&lang=zh&empty=+&%E4%B8%AD=%E6%96%87&entry=x");

        assert_eq!(pairs.get("entry"), Some("police/hukou"));
        assert_eq!(pairs.get("中"), Some("文"));
        assert_eq!((pairs.get("empty"), pairs.get("absent")), (None, None));
        assert_eq!(pairs.without(&["lang", "entry"]), "%E4%B8%AD=%E6%96%87");
        assert_eq!(pair("next", "/console/?a=b&c"), "next=%2Fconsole%2F%3Fa%3Db%26c");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; helan-lang=en".parse().unwrap());
        headers.append(header::COOKIE, "b=x=y".parse().unwrap());
        assert_eq!(cookie(&headers, "helan-lang"), Some("en"));
        assert_eq!(cookie(&headers, "b"), Some("x=y"));
        assert_eq!(cookie(&headers, "lang"), None);
    }
}

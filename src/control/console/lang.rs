//! The two languages of the console.

use super::texts::Texts;

/// A language of the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lang {
    /// 简体中文.
    #[default]
    Chinese,
    /// English.
    English,
}

impl Lang {
    /// The language of this name in `?lang=` and in the cookie.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "zh" => Some(Self::Chinese),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// Its name there.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }

    /// Its name in HTML (BCP 47).
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// Of a text in Chinese and English, the one in this language.
    pub(super) fn of<T>(self, chinese: T, english: T) -> T {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    /// All texts in this language.
    pub(super) fn texts(self) -> &'static Texts {
        Texts::of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_named_as_it_is_remembered() {
        for lang in [Lang::Chinese, Lang::English] {
            assert_eq!(Lang::parse(lang.as_str()), Some(lang));
        }
        assert_eq!(Lang::parse("fr"), None);
    }
}

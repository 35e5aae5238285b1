//! Every reason not to keep an answer.

/// Why an answer is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unkept {
    /// The entry does not say `shared: true`.
    #[error("the entry does not declare that its answers are the same for every consumer")]
    NotDeclared,
    /// `no-store`, or a `Cache-Control` whose quotes do not pair and may hide it.
    #[error("the department forbids to store it")]
    NoStore,
    /// `private`.
    #[error("the department says that it is for one user only")]
    Private,
    /// `Set-Cookie`: it was made for one session.
    #[error("it sets a cookie")]
    SetCookie,
    /// `Vary: *`, or by what says who asks.
    #[error("it varies by more than the request, or by who asks")]
    VaryAny,
    /// A status that is not kept by default, and nothing says for how long it holds.
    #[error("its status is not kept unless the department says for how long")]
    Status,
    /// A part of an answer.
    #[error("it is a part only")]
    Partial,
    /// It is stale at once and cannot be validated.
    #[error("it is stale at once and has no validator")]
    NeverFresh,
    /// Larger than the entry allows.
    #[error("it is larger than the entry allows to keep")]
    TooLarge,
    /// The body is not as long as `Content-Length` says.
    #[error("its length is not what it says")]
    Length,
    /// A 304 about another answer than the one that was to be validated.
    #[error("the department validated another answer")]
    OtherAnswer,
}

impl Unkept {
    /// Whether the next answer will most likely not be kept either.
    pub(super) fn lasts(self) -> bool {
        match self {
            Self::NotDeclared
            | Self::NoStore
            | Self::Private
            | Self::SetCookie
            | Self::VaryAny
            | Self::NeverFresh
            | Self::TooLarge => true,
            Self::Status | Self::Partial | Self::Length | Self::OtherAnswer => false,
        }
    }
}

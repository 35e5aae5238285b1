//! The articles that are cited; what they ask for stands in each profile's `profile.yaml`.

use crate::config::problem::Article;
use crate::domain::ProfileId;

/// An article of the Measures (2018).
pub(super) const fn measures(article: &'static str) -> Article {
    Article { profile: ProfileId::Yc2018, article }
}

/// An article of Order 809.
pub(super) const fn order(article: &'static str) -> Article {
    Article { profile: ProfileId::Sc809, article }
}

/// The article that asks for a basis to withhold.
pub(super) fn withholding(profile: ProfileId) -> Article {
    match profile {
        ProfileId::Yc2018 => measures("§16"),
        ProfileId::Sc809 => order("§15"),
    }
}

/// The article that asks for approvals.
pub(super) fn approval(profile: ProfileId) -> Article {
    match profile {
        ProfileId::Yc2018 => measures("§15"),
        ProfileId::Sc809 => order("§21"),
    }
}

/// The article that asks for a basis of use.
pub(super) fn basis(profile: ProfileId) -> Article {
    match profile {
        ProfileId::Yc2018 => measures("§16"),
        ProfileId::Sc809 => order("§20"),
    }
}

/// The article by which withheld data is granted after negotiation or coordination.
pub(super) fn negotiation(profile: ProfileId) -> Article {
    match profile {
        ProfileId::Yc2018 => measures("§16"),
        ProfileId::Sc809 => order("§28"),
    }
}

//! The articles that are cited, and what a profile accepts.

use crate::config::problem::Article;
use crate::domain::{ProfileId, Rank};

/// An article of the Measures (2018).
pub(super) const fn measures(article: &'static str) -> Article {
    Article { profile: ProfileId::Yc2018, article }
}

/// An article of Order 809.
pub(super) const fn order(article: &'static str) -> Article {
    Article { profile: ProfileId::Sc809, article }
}

/// Whether an entry may be withheld on the ground of a rule of this rank.
pub(super) fn withholds(profile: ProfileId, rank: Rank) -> bool {
    match (profile, rank) {
        (_, Rank::Law | Rank::AdministrativeRegulation)
        | (ProfileId::Sc809, Rank::StateCouncilDecision)
        // 法律、法规、规章
        | (ProfileId::Yc2018, Rank::LocalRegulation | Rank::DepartmentRule | Rank::LocalRule) => true,
        (_, Rank::NormativeDocument)
        | (ProfileId::Yc2018, Rank::StateCouncilDecision)
        | (ProfileId::Sc809, Rank::LocalRegulation | Rank::DepartmentRule | Rank::LocalRule) => {
            false
        }
    }
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

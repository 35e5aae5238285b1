//! How long an answer holds by itself.

use jiff::civil::Date;

use super::case::{Case, Claim};
use crate::domain::{Term, Timestamp};

/// The next moment at which the same question could be answered differently although nobody changed
/// anything: a term begins or ends, or the day of a signature comes.
pub(super) fn next_change(case: &Case<'_>) -> Option<Timestamp> {
    let review = case.entry.opening.review.iter().map(|review| day(review.date));
    let claimed = match case.claim {
        Claim::Written { grant, agreement } => {
            let mut moments = edges(&grant.term).to_vec();
            moments.extend(agreement.iter().flat_map(|agreement| edges(&agreement.term)));
            moments.extend(grant.approvals.iter().map(|approval| day(approval.date)));
            moments.extend(grant.negotiation.iter().map(|held| day(held.date)));
            moments
        }
        Claim::Standing | Claim::None => Vec::new(),
    };
    review.chain(claimed).filter(|edge| *edge > case.now).min()
}

fn edges(term: &Term) -> [Timestamp; 2] {
    [term.from, term.until]
}

fn day(date: Date) -> Timestamp {
    Timestamp::start_of(date)
}

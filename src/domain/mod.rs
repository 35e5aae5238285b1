//! The words of the trade and their rules: no I/O, no async, no clock.
//!
//! One word a thing; a synonym is a bug. What is read from `policies/` is deserialized straight into
//! these types, so that a value that exists is a value that was checked.

mod agreement;
mod budget;
mod count;
mod credential;
mod denial;
mod entry;
mod grant;
mod id;
mod interface;
mod legal;
mod mask;
mod organization;
mod personal;
mod role;
mod standing;
mod thresholds;
mod time;
mod uscc;
mod zone;

pub use self::agreement::{Agreement, AgreementState};
pub use self::budget::Budget;
pub use self::count::counted;
pub use self::credential::{check_credentials, check_doubles, is_key_id};
pub use self::denial::Denial;
pub use self::entry::{
    Entry, EntryState, Item, ItemType, Mode, Opening, OpeningClass, OpeningReview, Sensitivity,
    Sharing, SharingClass, UpdateCycle,
};
pub use self::grant::{
    Approval, Authority, Authorization, Grant, GrantState, Limits, Negotiation, Rate, Scope,
};
pub use self::id::{
    AgreementId, ApplicationId, EntryId, GrantId, IdError, IssuerId, ItemName, MaskId, MatterCode,
    NetworkId, OrganizationId, PersonId, PurposeId, UpstreamId,
};
pub use self::interface::{Body, Cache, Format, Interface, Parameter, ParameterUse};
pub use self::legal::{LegalBasis, Rank};
pub use self::mask::Mask;
pub use self::organization::{
    Application, ApplicationState, Credential, Organization, OrganizationKind, OrganizationState,
    Secret, Steward, Upstream, UpstreamCredential, UpstreamProtocol,
};
pub use self::personal::Personal;
pub use self::role::Role;
pub use self::thresholds::Thresholds;
pub use self::time::{Term, Timestamp};
pub use self::uscc::Uscc;
pub use self::zone::{ProfileId, Zone};

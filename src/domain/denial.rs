//! Why the rules say no: one closed set, named as in rules, answers and records.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! denials {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $remedy:literal;)*) => {
        /// A reason for which the law, the catalog or a grant bars a call.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            JsonSchema,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Denial {
            $($(#[$doc])* $name,)*
        }

        impl Denial {
            /// Every denial.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in rules, answers and records; never renamed.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// What whoever was refused should do next.
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$name => $remedy,)*
                }
            }
        }
    };
}

denials! {
    /// The zone does not serve this kind of caller or claim.
    ZoneClosed, "zone-closed",
        "Call through the zone (共享平台 or 开放平台) that serves you, with credentials it knows.";
    /// The entry holds a state or work secret.
    SecretEntry, "secret-entry",
        "State and work secrets (国家秘密、工作秘密) never pass here; ask the provider for the lawful channel.";
    /// The consumer or the provider does not take part at present.
    OrganizationNotLive, "organization-not-live",
        "Ask the bureau when the organization (单位) takes part again.";
    /// The entry is not served.
    EntryOffline, "entry-offline",
        "The entry (目录条目) was taken off; ask its provider what replaces it.";
    /// The entry is not open to the public.
    NotOpen, "not-open",
        "File an opening request (开放申请) with the provider; departments apply in the sharing zone.";
    /// No confidentiality review let the entry be opened.
    ReviewMissing, "review-missing",
        "The provider must record the confidentiality review (保密审查) before the entry is opened.";
    /// An item that would leave is not fit for the public.
    ItemNotOpen, "item-not-open",
        "Ask for items that are not sensitive, or ask the provider to generalize or aggregate them (脱敏).";
    /// An institution or enterprise consumes without a cited authorization.
    AuthorizationMissing, "authorization-missing",
        "Only departments consume by right; have the law, regulation or contract that authorizes you cited in a grant.";
    /// The grant was ended for good.
    GrantTerminated, "grant-terminated",
        "The grant (授权) was terminated; dispose of the data as told and apply anew.";
    /// The grant is stopped for now.
    GrantSuspended, "grant-suspended",
        "The grant is suspended; finish the rectification (整改) it was suspended for.";
    /// The grant is over.
    GrantLapsed, "grant-lapsed",
        "The grant is over; apply for a new one. It is not renewed by itself.";
    /// The grant's term has not begun.
    GrantNotStarted, "grant-not-started",
        "Wait for the first day of the grant's term.";
    /// The grant is not yet decided.
    GrantPending, "grant-pending",
        "The application (共享申请) is not finished; see which approval or agreement it waits for.";
    /// The application that calls is not among those granted.
    ApplicationNotGranted, "application-not-granted",
        "Call from an application (应用系统) named in the grant, or have this one added.";
    /// The entry is withheld.
    Withheld, "withheld",
        "Negotiate with the provider (协商); if that fails, ask the bureau to coordinate (协调).";
    /// An item that would leave is withheld.
    ItemWithheld, "item-withheld",
        "Leave the withheld item out, or negotiate about it with the provider.";
    /// A withheld entry is granted without a record of negotiation.
    NegotiationMissing, "negotiation-missing",
        "Have the record of the negotiation or coordination (协商、协调) entered in the grant.";
    /// A withheld entry is granted without the bureau's coordination.
    CoordinationMissing, "coordination-missing",
        "Have the bureau coordinate (协调处理) and its record entered in the grant.";
    /// Whoever consented is the one who asked.
    ApprovalOwn, "approval-own",
        "Nobody approves an own application; have another competent organization and person decide.";
    /// Whoever consented or reviewed was not a filed steward on that day.
    StewardNotFiled, "steward-not-filed",
        "Have a filed steward (数据资源管理员) of the deciding organization sign, or file the one who did.";
    /// The provider did not consent.
    ApprovalMissingProvider, "approval-missing-provider",
        "Ask the provider to decide on the application.";
    /// The bureau did not consent.
    ApprovalMissingBureau, "approval-missing-bureau",
        "Ask the bureau to decide on the application.";
    /// What withholding or use rests on has a rank that the profile does not accept.
    BasisInvalid, "basis-invalid",
        "Name a rule of law of a rank that the profile accepts.";
    /// Sensitive items are granted without an agreement.
    AgreementMissing, "agreement-missing",
        "Sign the confidentiality agreement (安全保密协议) and name it in the grant.";
    /// The agreement is about other parties, another entry or other items.
    AgreementNotCovering, "agreement-not-covering",
        "Have the agreement extended to every sensitive item granted, between the parties of the grant.";
    /// The agreement does not hold at this moment.
    AgreementNotInForce, "agreement-not-in-force",
        "Renew the agreement; it must hold at the moment of the call.";
    /// The grant's term is not within the agreement's.
    TermBeyondAgreement, "term-beyond-agreement",
        "Shorten the grant's term to the agreement's, or renew the agreement.";
    /// The rules or the entry do not offer this mode.
    ModeNotOffered, "mode-not-offered",
        "Use a mode (共享模式) that the catalog entry offers.";
    /// The grant does not name this mode.
    ModeNotGranted, "mode-not-granted",
        "Use a mode that the grant names, or apply for this one.";
    /// Data of this sort must be exchanged by interface.
    ModeApiRequired, "mode-api-required",
        "The provider must offer an interface (接口交换) for data of this sort.";
    /// The grant wants a declared purpose.
    PurposeMissing, "purpose-missing",
        "Send Helan-Purpose with a purpose (使用用途) that the grant names.";
    /// Several purposes are granted and none was declared.
    PurposeAmbiguous, "purpose-ambiguous",
        "Several purposes are granted; say in Helan-Purpose which one this call serves.";
    /// The purpose declared is not granted.
    PurposeNotGranted, "purpose-not-granted",
        "Use the data for a granted purpose only, or apply for this one.";
    /// The grant wants a declared matter.
    MatterMissing, "matter-missing",
        "Send Helan-Matter with the matter (事项) this call serves.";
    /// The matter declared is not granted.
    MatterNotGranted, "matter-not-granted",
        "Use the data for a granted matter only, or apply for this one.";
    /// An item that would leave is not granted.
    ItemNotGranted, "item-not-granted",
        "Ask for granted items only; a file passes whole, so every item of it must be granted.";
    /// An item has its own class or is sensitive, and no grant names it.
    ItemConditional, "item-conditional",
        "Leave the item out, or apply for a grant that names it.";
    /// No grant covers the call.
    NoGrant, "no-grant",
        "Apply to the provider (共享申请), naming items, purpose, mode and term.";
    /// A rule could not be evaluated; the answer is no, and the fault is ours.
    RulesFailed, "rules-failed",
        "Tell the operator: a rule could not be evaluated.";
}

impl Denial {
    /// The denial of this name.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|denial| denial.code() == code)
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_a_short_word_and_written_the_same_everywhere() {
        for denial in Denial::ALL {
            assert!(crate::domain::GrantId::parse(denial.code()).is_ok(), "{denial}");
            assert_eq!(Denial::parse(denial.code()), Some(*denial));
            assert_eq!(
                serde_json::to_value(denial).unwrap(),
                serde_json::Value::from(denial.code()),
            );
        }
        assert_eq!(Denial::parse("because"), None);
    }

    #[test]
    fn no_two_denials_share_a_code() {
        let codes: std::collections::BTreeSet<_> =
            Denial::ALL.iter().map(|denial| denial.code()).collect();

        assert_eq!(codes.len(), Denial::ALL.len());
    }
}

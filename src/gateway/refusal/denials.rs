//! What each denial of the rules says to a caller.

use crate::domain::Denial;

/// The sentence in English and Chinese, and the remedy in Chinese; the English remedy is the
/// denial's own.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn text_of(denial: Denial) -> ([&'static str; 2], &'static str) {
    match denial {
        Denial::ZoneClosed => (
            ["This zone does not serve this kind of caller.", "本区不向此类调用方提供服务。"],
            "请通过适合您的平台（共享平台或开放平台）调用。",
        ),
        Denial::SecretEntry => (
            ["State and work secrets never pass here.", "国家秘密、工作秘密不在此提供。"],
            "请向数据提供方了解合法渠道。",
        ),
        Denial::OrganizationNotLive => (
            [
                "An organization of this call does not take part at present.",
                "相关单位目前未参与共享。",
            ],
            "请向市大数据管理服务局了解恢复时间。",
        ),
        Denial::EntryOffline => (
            ["The entry is not served any more.", "该目录条目已下线。"],
            "请向数据提供方了解替代条目。",
        ),
        Denial::NotOpen => (
            ["The entry is not open to the public.", "该条目不向社会开放。"],
            "公众可提出开放申请；政务部门请在共享平台申请。",
        ),
        Denial::ReviewMissing => (
            ["The entry was not reviewed for opening.", "该条目尚未完成开放前的保密审查。"],
            "请由数据提供方登记保密审查。",
        ),
        Denial::ItemNotOpen => (
            ["An item that would leave is not fit for the public.", "所涉信息项不适合向社会开放。"],
            "请只请求非敏感信息项，或请提供方脱敏后开放。",
        ),
        Denial::AuthorizationMissing => (
            [
                "An institution or enterprise needs a cited authorization to consume.",
                "事业单位、企业使用共享数据须有明确授权。",
            ],
            "请在授权中载明法律、法规或合同依据。",
        ),
        Denial::GrantTerminated => {
            (["The grant was terminated.", "该授权已终止。"], "请按要求处置数据，并重新申请。")
        }
        Denial::GrantSuspended => {
            (["The grant is suspended.", "该授权已暂停。"], "请完成整改后申请恢复。")
        }
        Denial::GrantLapsed => {
            (["The grant is over.", "该授权已到期。"], "请重新申请；授权不会自动续期。")
        }
        Denial::GrantNotStarted => {
            (["The grant has not begun.", "该授权尚未生效。"], "请在授权起始日之后调用。")
        }
        Denial::GrantPending => {
            (["The grant is not decided yet.", "该授权尚在办理。"], "请查看所缺的审批或协议。")
        }
        Denial::ApplicationNotGranted => (
            ["This application is not named in the grant.", "该应用系统不在授权范围内。"],
            "请使用授权所列的应用系统，或申请增列。",
        ),
        Denial::Withheld => (
            ["The entry is withheld.", "该条目不予共享。"],
            "请与提供方协商；协商不成的，请市大数据管理服务局协调。",
        ),
        Denial::ItemWithheld => (
            ["An item that would leave is withheld.", "所涉信息项不予共享。"],
            "请去掉该信息项，或与提供方协商。",
        ),
        Denial::NegotiationMissing => (
            ["A withheld entry needs a recorded negotiation.", "不予共享的条目缺少协商记录。"],
            "请在授权中登记协商或协调记录。",
        ),
        Denial::CoordinationMissing => (
            [
                "A withheld entry needs the bureau's coordination.",
                "不予共享的条目缺少主管部门协调。",
            ],
            "请由主管部门协调并登记。",
        ),
        Denial::ApprovalOwn => (
            ["Whoever consented is the one who asked.", "审批人与申请人为同一方。"],
            "请由其他有权单位和人员审批。",
        ),
        Denial::StewardNotFiled => (
            ["Whoever consented was not a filed steward.", "审批人不是已备案的数据资源管理员。"],
            "请由已备案的管理员签署，或补办备案。",
        ),
        Denial::ApprovalMissingProvider => (
            ["The provider has not consented.", "数据提供方尚未同意。"],
            "请提供方对申请作出答复。",
        ),
        Denial::ApprovalMissingBureau => (
            ["The bureau has not consented.", "市大数据管理服务局尚未授权。"],
            "请主管部门对申请作出决定。",
        ),
        Denial::BasisInvalid => (
            ["The rule of law cited has no sufficient rank.", "所引依据的位阶不足。"],
            "请引用规则认可位阶的依据。",
        ),
        Denial::AgreementMissing => (
            ["Sensitive items need a confidentiality agreement.", "敏感信息项须签订安全保密协议。"],
            "请签订协议并在授权中载明。",
        ),
        Denial::AgreementNotCovering => (
            [
                "The agreement does not cover every sensitive item granted.",
                "安全保密协议未涵盖全部敏感信息项。",
            ],
            "请将协议扩展到授权的全部敏感信息项。",
        ),
        Denial::AgreementNotInForce => (
            ["The agreement is not in force.", "安全保密协议当前无效。"],
            "请续签协议；调用时协议须有效。",
        ),
        Denial::TermBeyondAgreement => (
            ["The grant's term goes beyond the agreement's.", "授权期限超出协议期限。"],
            "请缩短授权期限或续签协议。",
        ),
        Denial::ModeNotOffered => (
            ["The entry does not offer this mode.", "该条目不提供此共享模式。"],
            "请使用目录所列的共享模式。",
        ),
        Denial::ModeNotGranted => (
            ["The grant does not name this mode.", "授权未包含此共享模式。"],
            "请使用授权的共享模式，或申请增列。",
        ),
        Denial::ModeApiRequired => (
            ["Data of this sort must be exchanged by interface.", "此类数据必须以接口方式提供。"],
            "请提供方提供接口。",
        ),
        Denial::PurposeMissing => (
            ["The grant wants the purpose declared.", "该授权要求声明使用用途。"],
            "请在 Helan-Purpose 中声明授权的用途。",
        ),
        Denial::PurposeAmbiguous => (
            [
                "Several purposes are granted, and none was declared.",
                "授权包含多种用途，未声明本次用途。",
            ],
            "请在 Helan-Purpose 中说明本次用途。",
        ),
        Denial::PurposeNotGranted => (
            ["The declared purpose is not granted.", "所声明的用途未获授权。"],
            "请仅按授权用途使用，或申请该用途。",
        ),
        Denial::MatterMissing => (
            ["The grant wants the matter declared.", "该授权要求声明办理事项。"],
            "请在 Helan-Matter 中声明事项。",
        ),
        Denial::MatterNotGranted => (
            ["The declared matter is not granted.", "所声明的事项未获授权。"],
            "请仅为授权事项使用，或申请该事项。",
        ),
        Denial::ItemNotGranted => (
            ["An item that the call needs is not granted.", "所涉信息项未获授权。"],
            "请只请求已授权的信息项；文件须全部信息项均获授权。",
        ),
        Denial::ItemConditional => (
            ["An item that would leave needs a grant of its own.", "所涉信息项须单独授权。"],
            "请去掉该信息项，或申请授权。",
        ),
        Denial::NoGrant => (
            ["No grant covers this call.", "没有涵盖本次调用的授权。"],
            "请向提供方提出共享申请，说明信息项、用途、模式和期限。",
        ),
        Denial::RulesFailed => {
            (["A rule could not be evaluated.", "规则无法执行。"], "请告知平台运维人员。")
        }
    }
}

//! Guesses from names. A guess is marked, and errs on the side of more protection.

use super::items::Item;
use crate::domain::{ParameterUse, Sensitivity};

/// Parts of names that point at sensitive personal information (PIPL §28).
const SENSITIVE: [&str; 16] = [
    "bank",
    "account_no",
    "card_no",
    "diagnos",
    "disease",
    "illness",
    "health",
    "marriage",
    "marital",
    "religion",
    "biometric",
    "银行",
    "病",
    "婚姻",
    "宗教",
    "残疾",
];

/// Parts of names that point at personal information (PIPL §4).
const PERSONAL: [&str; 26] = [
    "id_no",
    "idno",
    "id_card",
    "idcard",
    "id_number",
    "identity",
    "cert_num",
    "certno",
    "sfz",
    "gmsfhm",
    "passport",
    "phone",
    "mobile",
    "telephone",
    "email",
    "address",
    "birth",
    "plate",
    "身份",
    "证件号",
    "姓名",
    "电话",
    "手机",
    "住址",
    "出生",
    "邮箱",
];

/// How telling an item is by its name and title; nothing if neither says.
pub(super) fn sensitivity(item: &Item) -> Sensitivity {
    let path = item.path.to_ascii_lowercase();
    let said = format!("{path} {}", item.title);
    let last = path.rsplit('.').next().unwrap_or("");
    let person = ["name", "xm", "sjh", "lxdh", "contact", "tel"].contains(&last)
        || ["person_name", "owner_name", "user_name", "real_name"].iter().any(|n| path.contains(n));
    if SENSITIVE.iter().any(|part| said.contains(part)) {
        Sensitivity::Sensitive
    } else if person || PERSONAL.iter().any(|part| said.contains(part)) {
        Sensitivity::Personal
    } else {
        Sensitivity::None
    }
}

/// What a parameter does by its name, and the item it works on.
pub(super) fn usage<'i>(name: &str, items: &'i [Item]) -> (ParameterUse, Option<&'i Item>) {
    let last = name.rsplit('.').next().unwrap_or(name);
    let plain = last.trim_start_matches(['_', '$']).to_ascii_lowercase();
    let item = items.iter().find(|item| {
        item.name.as_str().eq_ignore_ascii_case(last)
            || item.path.rsplit('.').next().is_some_and(|path| path.eq_ignore_ascii_case(last))
    });
    if item.is_some() {
        return (ParameterUse::Filter, item);
    }
    let usage = match plain.as_str() {
        "page" | "pageno" | "page_no" | "pagenum" | "page_num" | "pageindex" | "current"
        | "size" | "pagesize" | "page_size" | "per_page" | "limit" | "offset" | "skip" | "top"
        | "cursor" | "next" => ParameterUse::Page,
        "sort" | "order" | "orderby" | "order_by" | "sort_by" | "sortby" => ParameterUse::Sort,
        "fields" | "select" | "columns" | "col" | "include" => ParameterUse::Select,
        "format" | "indent" | "pretty" | "accept-language" | "x-request-id"
        | "x-correlation-id" => ParameterUse::Format,
        _ => ParameterUse::Filter,
    };
    (usage, None)
}

//! Where things lie in the policy folder, and which files are passed over.

use std::path::{Component, Path};

use crate::domain::OrganizationId;

/// What a file is for, by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// `organizations/{organization}.yaml`.
    Organization,
    /// A YAML file of `catalog/{organization}/`: an entry, or a description if it says so.
    Catalog,
    /// Another file: a description or a key set, if something names it.
    Beside,
    /// `grants/*.yaml`.
    Grants,
    /// `agreements/*.yaml`.
    Agreements,
    /// `masks.yaml`.
    Masks,
    /// `issuers.yaml`.
    Issuers,
    /// `networks.yaml`.
    Networks,
    /// `matters.yaml`.
    Matters,
    /// Passed over in silence: dot files, rules, notes for people, remains of editors.
    Ignored,
    /// Passed over, and said.
    Stray(&'static str),
}

/// Whether a folder is looked into.
pub(super) fn is_entered(relative: &Path) -> bool {
    let mut parts = relative.components();
    let first = parts.next().and_then(name).unwrap_or("");
    let second = parts.next().map(|part| name(part).unwrap_or(""));
    let deeper = parts.next().is_some();
    match (first, second) {
        (name, _) if name.starts_with('.') => false,
        ("rules", _) => false,
        ("catalog", Some(organization)) => !organization.starts_with('.') && !deeper,
        _ => true,
    }
}

/// What a file is for.
pub(super) fn role(relative: &Path) -> Role {
    let Some(parts) = relative.components().map(name).collect::<Option<Vec<&str>>>() else {
        return Role::Stray("its name is not UTF-8");
    };
    let last = parts.last().copied().unwrap_or("");
    let remains = last.ends_with('~') || (last.starts_with('#') && last.ends_with('#'));
    let notes = Path::new(last).extension().is_some_and(|extension| extension == "md");
    if remains || notes || parts.iter().any(|part| part.starts_with('.')) {
        return Role::Ignored;
    }
    let yaml = last.ends_with(".yaml");
    match parts.as_slice() {
        ["rules", ..] => Role::Ignored,
        ["masks.yaml"] => Role::Masks,
        ["issuers.yaml"] => Role::Issuers,
        ["networks.yaml"] => Role::Networks,
        ["matters.yaml"] => Role::Matters,
        ["organizations", _] if yaml => Role::Organization,
        ["grants", _] if yaml => Role::Grants,
        ["agreements", _] if yaml => Role::Agreements,
        ["catalog", organization, _] if OrganizationId::parse(organization).is_err() => {
            Role::Stray("its folder is not named like an organization")
        }
        ["catalog", _, _] if yaml => Role::Catalog,
        ["catalog", _, _] => Role::Beside,
        ["organizations" | "grants" | "agreements", _] if last.ends_with(".yml") => {
            Role::Stray("its name ends in `.yml`; only `.yaml` is read")
        }
        [_] if !yaml => Role::Beside,
        _ => Role::Stray("nothing is read from this place"),
    }
}

fn name(part: Component<'_>) -> Option<&str> {
    part.as_os_str().to_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_place() {
        for (path, expected) in [
            ("organizations/tax.yaml", Role::Organization),
            ("catalog/tax/payers.yaml", Role::Catalog),
            ("catalog/tax/payers.openapi.json", Role::Beside),
            ("grants/g.yaml", Role::Grants),
            ("grants/.g.yaml.swp", Role::Ignored),
            ("grants/g.yaml~", Role::Ignored),
            ("rules/yc-2018/profile.yaml", Role::Ignored),
            ("README.md", Role::Ignored),
            ("masks.yaml", Role::Masks),
            ("jwks.json", Role::Beside),
        ] {
            assert_eq!(role(Path::new(path)), expected, "{path}");
        }
        for path in
            ["mask.yaml", "grants/g.yml", "catalog/Tax/a.yaml", "other/x.yaml", "grants/a/b.yaml"]
        {
            assert!(matches!(role(Path::new(path)), Role::Stray(_)), "{path}");
        }
    }
}

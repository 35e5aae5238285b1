//! Reads and checks one profile's folder, and says everything that is wrong with it at once.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::digest;
use cedar_policy::{
    ActionConstraint, Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};

use super::case::Citation;
use super::facts::{Flow, SCHEMA};
use super::problem;
use super::profile::Profile;
use crate::config;
use crate::config::problem::Problem;
use crate::domain::{Denial, ProfileId};

/// What to do where Cedar finds a file that is none of its own and has no advice.
const SYNTAX: &str = "write `permit (principal, action == Action::\"…\", resource) when { … };` or `forbid` \
                      likewise, as the files beside it do";

/// What to do where Cedar finds a rule that could not be judged and has no advice.
const FACTS: &str =
    "use only the facts, and their types, that `policies/rules/facts.cedarschema` names";

/// A folder that was read without a problem.
pub(super) struct Loaded {
    pub(super) profile: Profile,
    pub(super) version: String,
    /// SHA-256 of each file, by its path under the policy folder.
    pub(super) files: BTreeMap<PathBuf, String>,
    pub(super) schema: Schema,
    pub(super) slices: BTreeMap<Flow, PolicySet>,
    pub(super) citations: HashMap<PolicyId, Arc<Citation>>,
}

/// A file as it was read.
struct SourceFile {
    path: PathBuf,
    text: String,
}

/// A policy and where it stands.
struct Rule<'a> {
    file: &'a SourceFile,
    start: usize,
    policy: Policy,
    citation: Arc<Citation>,
}

/// Reads `folder`, which must hold the rules of `id`.
pub(super) fn load(id: ProfileId, folder: &Path) -> Result<Loaded, Vec<Problem>> {
    if !folder.is_dir() {
        let gone = std::io::Error::other("there is no such folder");
        return Err(vec![problem::unread(folder, &gone)]);
    }
    let mut problems = Vec::new();
    let (profile, written) = read_profile(id, &folder.join("profile.yaml"), &mut problems);
    let files = read_files(folder, &mut problems);
    let mut rules: Vec<Rule<'_>> = Vec::new();
    for file in &files {
        parse(file, &mut rules, &mut problems);
    }
    if problems.is_empty() && rules.is_empty() {
        let mend =
            "add the files ending in `.cedar`, as `policies/rules/` of this project has them";
        problems.push(Problem::of_file(folder, "the folder holds no rules", mend));
    }
    let schema = read_schema(&mut problems);
    let all = gather(&rules, &mut problems);
    if let Some(schema) = schema.clone().filter(|_| problems.is_empty()) {
        check(&all, schema, &rules, &mut problems);
    }
    match (profile, schema) {
        (Some(profile), Some(schema)) if problems.is_empty() => Ok(Loaded {
            profile,
            schema,
            version: version(&written, &files),
            files: hashes(id, &written, &files),
            slices: Flow::ALL.into_iter().map(|flow| (flow, slice(&rules, flow))).collect(),
            citations: rules
                .iter()
                .map(|rule| (rule.policy.id().clone(), Arc::clone(&rule.citation)))
                .collect(),
        }),
        _ => Err(problems),
    }
}

/// The schema is part of the program; only a mistake in building it could make it unreadable.
fn read_schema(problems: &mut Vec<Problem>) -> Option<Schema> {
    match Schema::from_cedarschema_str(SCHEMA) {
        Ok((schema, _)) => Some(schema),
        Err(error) => {
            let file = Path::new("facts.cedarschema");
            problems.push(problem::cedar(file, SCHEMA, (0, "report this fault"), &error));
            None
        }
    }
}

fn read_profile(
    id: ProfileId,
    path: &Path,
    problems: &mut Vec<Problem>,
) -> (Option<Profile>, String) {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) => {
            problems.push(problem::unread(path, &cause));
            return (None, String::new());
        }
    };
    match config::parse::<Profile>(path, &text) {
        Ok(profile) if profile.id == id => (Some(profile), text),
        Ok(profile) => {
            let at = text.find("\nid:").map_or(0, |before| before + 1);
            let message = format!("`{}` is not the profile this folder is for", profile.id);
            let mend = format!("write `id: {id}`");
            problems.push(problem::at(path, &text, at, message, &mend));
            (None, text)
        }
        Err(found) => {
            problems.extend(found);
            (None, text)
        }
    }
}

/// The `.cedar` files of the folder by name.
fn read_files(folder: &Path, problems: &mut Vec<Problem>) -> Vec<SourceFile> {
    let names = match fs::read_dir(folder) {
        Ok(names) => names,
        Err(cause) => {
            problems.push(problem::unread(folder, &cause));
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = names
        .filter_map(|name| Some(name.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "cedar"))
        .collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        match fs::read_to_string(&path) {
            Ok(text) => files.push(SourceFile { path, text }),
            Err(cause) => problems.push(problem::unread(&path, &cause)),
        }
    }
    files
}

fn parse<'a>(file: &'a SourceFile, rules: &mut Vec<Rule<'a>>, problems: &mut Vec<Problem>) {
    let set = match PolicySet::from_str(&file.text) {
        Ok(set) => set,
        Err(errors) => {
            let said = errors.iter();
            problems.extend(
                said.map(|error| problem::cedar(&file.path, &file.text, (0, SYNTAX), error)),
            );
            return;
        }
    };
    for template in set.templates() {
        let message = format!("policy `{}` has slots", template.id());
        let mend = "write principal and resource out; rules are no templates";
        problems.push(problem::at(&file.path, &file.text, 0, message, mend));
    }
    for policy in set.policies() {
        let start = policy.as_ref().loc().map_or(0, |place| place.span.offset());
        match cite(policy) {
            Ok(citation) => rules.push(Rule {
                file,
                start,
                policy: policy.new_id(PolicyId::new(&citation.rule)),
                citation: Arc::new(citation),
            }),
            Err(found) => {
                problems.extend(found.into_iter().map(|(message, mend)| {
                    problem::at(&file.path, &file.text, start, message, mend)
                }));
            }
        }
    }
    rules.sort_by_key(|rule| (rule.citation.order, rule.start));
}

/// What a policy says it carries out, or what is missing and how to mend it.
fn cite(policy: &Policy) -> Result<Citation, Vec<(String, &'static str)>> {
    let mut missing = Vec::new();
    let mut note = |key: &str, mend: &'static str| match policy.annotation(key) {
        Some(value) if !value.trim().is_empty() => value.to_owned(),
        Some(_) | None => {
            missing.push((format!("the rule has no @{key}"), mend));
            String::new()
        }
    };
    let rule = note("id", "name it, such as @id(\"s16-agreement\")");
    let law = note("law", "name the law, such as @law(\"政务数据共享条例\")");
    let article = note("article", "name the article, such as @article(\"第二十条\")");
    let text = note("text", "say what the article says in @text; mark a paraphrase with 〔意〕");
    let (mut denial, mut order) = (None, 0);
    match policy.effect() {
        Effect::Forbid => {
            let code = note("code", "say which refusal it gives in @code");
            denial = Denial::parse(&code);
            let number = note("order", "say in @order which reason is told first, lowest first");
            order = number.parse().unwrap_or(u32::MAX);
            if denial.is_none() && !code.is_empty() {
                missing.push((format!("`{code}` is no refusal code"), "use a code of the list"));
            }
            if order == u32::MAX && !number.is_empty() {
                missing.push((format!("`{number}` is no order"), "write a whole number"));
            }
        }
        Effect::Permit => {
            if policy.action_constraint() == ActionConstraint::Any {
                let message = "the rule permits whatever is asked".to_owned();
                missing.push((message, "name the action that it permits"));
            }
        }
    }
    if missing.is_empty() {
        let cited = Citation::citing(&law, &article);
        Ok(Citation { rule, law, article, cited, text, denial, order })
    } else {
        Err(missing)
    }
}

/// All rules as one set; names must be unique.
fn gather(rules: &[Rule<'_>], problems: &mut Vec<Problem>) -> PolicySet {
    let mut all = PolicySet::new();
    for rule in rules {
        if all.add(rule.policy.clone()).is_err() {
            let message = format!("`{}` names two rules", rule.citation.rule);
            let mend = "give one of them another @id";
            let SourceFile { path, text } = rule.file;
            problems.push(problem::at(path, text, rule.start, message, mend));
        }
    }
    all
}

/// Whether every rule asks only for facts that exist, and could ever decide anything.
fn check(all: &PolicySet, schema: Schema, rules: &[Rule<'_>], problems: &mut Vec<Problem>) {
    let result = Validator::new(schema).validate(all, ValidationMode::Strict);
    let errors = result.validation_errors().map(|error| (error.policy_id(), error as _));
    let warnings = result.validation_warnings().map(|said| (said.policy_id(), said as _));
    let said: Vec<(&PolicyId, &dyn miette::Diagnostic)> = errors.chain(warnings).collect();
    for (id, said) in said {
        if let Some(rule) = rules.iter().find(|rule| rule.policy.id() == id) {
            let SourceFile { path, text } = rule.file;
            problems.push(problem::cedar(path, text, (rule.start, FACTS), said));
        }
    }
}

/// The rules that can have a say in one flow.
fn slice(rules: &[Rule<'_>], flow: Flow) -> PolicySet {
    let speaks = |rule: &&Rule<'_>| match rule.policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(action) => action.id().unescaped() == flow.name(),
        ActionConstraint::In(actions) => {
            actions.iter().any(|action| action.id().unescaped() == flow.name())
        }
    };
    let policies = rules.iter().filter(speaks).map(|rule| rule.policy.clone());
    // The names were found unique before, so no policy is lost here.
    PolicySet::from_policies(policies).unwrap_or_default()
}

/// What was read, as the archive knows it.
fn hashes(id: ProfileId, profile: &str, files: &[SourceFile]) -> BTreeMap<PathBuf, String> {
    let folder = Path::new("rules").join(id.as_str());
    let named = |name: &Path, text: &str| {
        (folder.join(name), crate::policy::folder::hash(text.as_bytes()).to_string())
    };
    files
        .iter()
        .filter_map(|file| Some(named(Path::new(file.path.file_name()?), &file.text)))
        .chain([named(Path::new("profile.yaml"), profile)])
        .collect()
}

/// A digest of everything the answers depend on, 16 hexadecimal digits.
fn version(profile: &str, files: &[SourceFile]) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    let parts = [SCHEMA, profile].into_iter().chain(files.iter().map(|file| file.text.as_str()));
    for part in parts {
        hash.update(&part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finish();
    let first = digest.as_ref().iter().take(8);
    let number = first.fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("{number:016x}")
}

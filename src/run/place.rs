//! Where it stands in the policies that a View cannot be made ready, and what to write instead.

use crate::config::problem::Problem;
use crate::domain::{
    ApplicationId, Entry, EntryId, OpeningClass, Secret, Upstream, UpstreamId, Zone,
};
use crate::gateway::PrepareError;
use crate::policy::Sources;
use crate::policy::folder::{Finding, Origins, Subject};
use crate::upstream::UpstreamProblem;

/// What is wrong, each at its place.
pub(crate) fn located(
    (sources, origins): (&Sources, &Origins),
    zone: Zone,
    error: &PrepareError,
) -> Vec<Problem> {
    let findings = match error {
        PrepareError::Upstream { entry, cause } => {
            vec![upstream(sources, zone, entry, cause)]
        }
        PrepareError::Shape { entry, cause } => {
            let message = format!("the items cannot be shaped: {cause}");
            let mend = "give each item a path of its own, none within another";
            vec![Finding::error(Subject::Entry(entry.clone()), "/items", message, mend)]
        }
        PrepareError::Method { entry, method } => {
            let message = format!("`{method}` is no method");
            let mend = "describe `get`, `post` or another method of HTTP";
            vec![Finding::error(Subject::Description(entry.clone()), "/paths", message, mend)]
        }
        PrepareError::Credentials { cause } => {
            cause.problems.iter().map(|p| credential(p)).collect()
        }
    };
    origins.locate(findings)
}

/// The upstream an entry is fetched from in a zone; none where it is not served.
pub(crate) fn upstream_of<'s>(
    sources: &'s Sources,
    zone: Zone,
    entry: &Entry,
) -> Option<(usize, &'s Upstream)> {
    let interface = entry.interface.as_ref()?;
    let id: &UpstreamId = match zone {
        Zone::Opening if entry.opening.class == OpeningClass::Closed => return None,
        Zone::Opening => entry.opening.upstream.as_ref().unwrap_or(&interface.upstream),
        Zone::Sharing | Zone::Peering => &interface.upstream,
    };
    let organization = sources.organizations.get(&entry.id.organization())?;
    organization.upstreams.iter().enumerate().find(|(_, upstream)| upstream.id == *id)
}

fn upstream(sources: &Sources, zone: Zone, entry: &EntryId, cause: &UpstreamProblem) -> Finding {
    let subject = Subject::Organization(entry.organization());
    let known = sources.entries.get(entry);
    let Some((at, upstream)) = known.and_then(|s| upstream_of(sources, zone, &s.entry)) else {
        return Finding::error(subject, "/upstreams", cause.to_string(), "correct the upstream");
    };
    let (within, mend) = within(upstream, zone, cause);
    let message = format!("the upstream `{}` cannot be used: {}", upstream.id, chain(cause));
    Finding::error(subject, format!("/upstreams/{at}{within}"), message, mend)
}

/// Where in an upstream it is, and what to do.
fn within(upstream: &Upstream, zone: Zone, cause: &UpstreamProblem) -> (String, &'static str) {
    let credential = |fits: &dyn Fn(&Secret) -> bool| {
        let credentials = upstream.credentials.iter();
        let at = credentials.clone().position(|c| c.zone() == zone && fits(c.secret()));
        at.map_or("/credentials".to_owned(), |at| format!("/credentials/{at}"))
    };
    match cause {
        UpstreamProblem::Url(_) => {
            ("/url".to_owned(), "write `http://host:port` or `https://host:port`, without a path")
        }
        UpstreamProblem::Trust(_) | UpstreamProblem::AuthoritiesWithoutTls => (
            "/authorities".to_owned(),
            "name a PEM file of authorities, relative to the policy folder, for an `https` address",
        ),
        UpstreamProblem::SecretRead { path, .. } | UpstreamProblem::SecretExposed { path, .. } => (
            credential(&|secret| matches!(secret, Secret::File(file) if path.ends_with(file))),
            "put it there, readable for its owner only: chmod 600",
        ),
        UpstreamProblem::SecretUnset { name } => (
            credential(&|secret| matches!(secret, Secret::Environment(known) if known == name)),
            "set the variable for the node that serves this entry",
        ),
        UpstreamProblem::SecretText => {
            ("/credentials".to_owned(), "write the secret as one line of plain text into its file")
        }
        UpstreamProblem::HeaderName { .. } => {
            ("/credentials".to_owned(), "name the header that the department expects the secret in")
        }
        UpstreamProblem::HeaderTwice { .. } => {
            ("/credentials".to_owned(), "keep one credential a header and zone")
        }
        UpstreamProblem::User => {
            ("/credentials".to_owned(), "write the user without a colon or control characters")
        }
    }
}

/// A complaint about a credential, which names the application or issuer it is about.
fn credential(problem: &str) -> Finding {
    let named = problem.split('`').nth(1).unwrap_or("");
    let (subject, pointer) = match ApplicationId::parse(named) {
        Ok(id) => (Subject::Organization(id.organization()), "/applications"),
        Err(_) => (Subject::Issuers, ""),
    };
    Finding::error(subject, pointer, problem, "let each credential name one application")
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}

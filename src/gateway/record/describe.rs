//! What the trail notes of each step: names, codes and keyed hashes, never values.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;

use super::{Hidden, Recorder, Trail};
use crate::domain::{Denial, ItemName, Personal};
use crate::gateway::decide::{Asker, Permit, STANDING, names_grant};
use crate::gateway::identify::{self, Identity};
use crate::gateway::limit::Slot;
use crate::gateway::prepare::PreparedView;
use crate::gateway::refusal::Refusal;
use crate::gateway::request::Declared;
use crate::gateway::route::Target;
use crate::journal::{Decided, Proved, QuotaUse};
use crate::policy::Written;
use crate::shape::Report;

impl Trail {
    /// Notes who asks.
    pub fn caller(&mut self, identity: &Identity) {
        if let Identity::Caller(caller) = identity {
            self.decided.organization = Some(caller.organization.clone());
            self.decided.application = Some(caller.application.clone());
        }
        self.decided.proved = proofs(identity);
    }

    /// Notes what is asked for.
    pub fn target(&mut self, view: &PreparedView, target: &Target) {
        let entry = &target.entry.source;
        self.decided.entry = Some(entry.entry.id.clone());
        self.decided.entry_version = Some(Arc::clone(&entry.version));
        self.decided.profile = Some(view.view.rules.profile().id);
        self.decided.rules = Some(Arc::clone(view.view.rules.version()));
        self.decided.view = Some(Arc::clone(&view.view.hash));
        self.decided.path = target.template().map(Arc::clone);
        self.decided.mode = Some(target.entry.mode);
        self.entry = Some(Arc::clone(&target.entry));
        self.names(target);
    }

    /// Notes the names of parameters and body members.
    pub fn names(&mut self, target: &Target) {
        self.decided.parameters.clone_from(&target.names);
        let mut used: Vec<_> = target.uses.iter().map(|used| used.item.clone()).collect();
        used.sort_unstable();
        used.dedup();
        self.decided.used = used;
        self.subject(target);
    }

    fn subject(&mut self, target: &Target) {
        let hash = |subject: &String| self.recorder.hash(Hidden::Subject, subject);
        self.decided.subjects = target.subjects.iter().map(hash).collect();
    }

    /// Notes what was declared; what is not registered is the caller's text, and stays a keyed hash.
    pub fn declared(
        &mut self,
        view: &PreparedView,
        asker: &Asker,
        target: &Target,
        declared: &Declared,
    ) {
        let recorder: &Recorder = &self.recorder;
        let hash =
            |text: &Option<String>, what| text.as_ref().map(|text| recorder.hash(what, text));
        self.decided.matter_hash = hash(&declared.unregistered, Hidden::Matter);
        self.decided.case_hash = hash(&declared.case, Hidden::Case);
        self.decided.operator_hash = hash(&declared.operator, Hidden::Operator);
        self.decided.purpose.clone_from(&declared.purpose);
        self.decided.purpose_hash = hash(&declared.unregistered_purpose, Hidden::Purpose);
        if let Some(choice) = &declared.grant {
            let known = choice == STANDING || names_grant(view, asker, &target.entry, choice);
            self.decided.choice = known.then(|| choice.clone());
            self.checked("choice", known);
        }
        self.decided.matter.clone_from(&declared.matter);
        if let Some(fits) = declared.case_fits {
            self.checked("case", fits);
        }
    }

    /// Notes what allowed it.
    pub fn permitted(&mut self, permit: &Permit, target: &Target) {
        if let Some(written) = permit.grant() {
            self.decided.grant = Some(written.grant.id.clone());
            self.decided.grant_version = Some(Arc::clone(&written.version));
        }
        if self.decided.purpose_hash.is_none() {
            self.decided.purpose = permit.purpose().cloned();
        }
        // Both were put together once, with the decision.
        self.decided.items = Arc::clone(permit.items());
        self.decided.articles = Arc::clone(permit.cited());
        if !target.uses.is_empty() {
            self.checked("items-used", true);
        }
        if permit.grant().is_some_and(|written| !written.grant.scope.is_empty()) {
            self.checked("scope", true);
        }
    }

    /// Notes the grant that was looked at last, where the answer is no.
    pub fn refused_under(&mut self, written: &Written) {
        self.decided.grant = Some(written.grant.id.clone());
        self.decided.grant_version = Some(Arc::clone(&written.version));
    }

    /// Notes the verdict of a check outside the memo.
    pub fn checked(&mut self, name: &'static str, passed: bool) {
        self.decided.checks.insert(Cow::Borrowed(name), passed);
    }

    /// Notes what the department answered.
    pub fn upstream(&mut self, status: u16, last_modified: Option<crate::domain::Timestamp>) {
        self.finished.upstream_status = Some(status);
        self.finished.last_modified = last_modified;
    }

    /// Notes what the cache did.
    pub fn cache(&mut self, what: &'static str) {
        self.finished.cache = Some(Cow::Borrowed(what));
    }

    /// Notes the status that is sent.
    pub fn status(&mut self, status: http::StatusCode) {
        self.finished.status = Some(status.as_u16());
    }

    /// Notes what shaping let through.
    pub fn shaped(&mut self, report: Report) {
        self.finished.items = report.items;
        self.finished.masked = report.masked_items;
        self.finished.rows = Some(report.rows_out);
        self.finished.drift = report.unknown.saturating_add(report.mistyped);
        self.finished.mistyped = report.mistyped;
        self.finished.mask_failures = report.mask_failed;
        self.finished.newest = report.newest;
    }

    /// Notes how much of what left looks personal.
    pub fn personal(&mut self, counts: Personal) {
        self.finished.personal = counts.seen();
    }

    /// Notes a file that passes whole, with all its items; nobody counts its rows.
    pub fn passed(&mut self, items: &Arc<[ItemName]>) {
        self.finished.items = Arc::clone(items);
    }

    /// Notes that the caller holds the answer already: nothing of it leaves.
    pub fn kept_back(&mut self) {
        self.finished.items = Arc::default();
        self.finished.masked = Arc::default();
        self.finished.rows = None;
        self.finished.personal = None;
    }
}

/// A method that is no common one is not written down: it is the caller's text.
pub(super) fn method(method: &Method) -> Cow<'static, str> {
    const KNOWN: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    let known = KNOWN.iter().find(|known| **known == method.as_str());
    Cow::Borrowed(known.copied().unwrap_or("OTHER"))
}

/// The quota uses of a call, as its record holds them.
pub(super) fn quota(slot: &Slot) -> Vec<QuotaUse> {
    slot.quota().uses().map(|(key, number)| QuotaUse { key: Arc::clone(key), number }).collect()
}

/// Notes a refusal in `decided`.
pub(super) fn refused(decided: &mut Decided, code: &'static str, refusal: &Refusal) {
    decided.outcome = Cow::Borrowed(code);
    if let Refusal::Denied { articles, .. } = refusal {
        decided.articles = articles.iter().map(|c| Arc::clone(&c.cited)).collect();
    }
    if matches!(refusal, Refusal::OutOfScope { .. }) {
        decided.checks.insert(Cow::Borrowed("scope"), false);
    }
    if matches!(refusal, Refusal::Denied { denial: Denial::ItemNotGranted, .. })
        && !decided.used.is_empty()
    {
        decided.checks.insert(Cow::Borrowed("items-used"), false);
    }
}

/// How a caller was proved, as records say it.
fn proofs(identity: &Identity) -> Vec<Proved> {
    match identity {
        Identity::Anonymous => vec![Proved::Anonymous],
        Identity::Caller(caller) => caller.proofs.iter().map(|proved| proof(*proved)).collect(),
    }
}

fn proof(proved: identify::Proved) -> Proved {
    match proved {
        identify::Proved::Certificate | identify::Proved::Name => Proved::Certificate,
        identify::Proved::Token => Proved::Token,
        identify::Proved::Key => Proved::Key,
    }
}

//! What a worker answers requests with: the node, one side of the gate, and its own memory.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use crate::cache::Cache;
use crate::config::keys::Keys;
use crate::domain::{MatterCode, ProfileId, Rate, Timestamp, Zone};
use crate::gateway::Refusal;
use crate::gateway::decide::{self, Ask, Asker, Memo, Permit};
use crate::gateway::fetch::{Origin, Via};
use crate::gateway::identify::{
    self, CertificateFacts, Evidence, IdentifyError, Identity, KeySets, TokenFault,
};
use crate::gateway::limit::{Bounds, Limiters, Quota, RateKey, Slot, prefix_of};
use crate::gateway::listen::{Conn, Fields};
use crate::gateway::prepare::{Prepared, PreparedView};
use crate::gateway::record::{Recorder, Trail};
use crate::gateway::request::Declared;
use crate::gateway::route::{Target, Use};
use crate::journal::Clock;
use crate::net::jwks::Algorithm;
use crate::policy::Overlay;
use crate::shape::MaskKey;
use crate::upstream::Upstreams;

/// What all zones and workers of this node share. It outlives every View.
#[derive(Debug)]
pub struct Node {
    /// Its name in records.
    pub name: String,
    /// The same as departments are told it, in `Via`.
    pub via: Via,
    /// Where the time comes from.
    pub clock: Clock,
    /// Keys by purpose.
    pub keys: Arc<Keys>,
    /// The key of masks that hash.
    pub mask_key: Option<Arc<MaskKey>>,
    /// Rates and quotas.
    pub limiters: Limiters,
    /// What was withdrawn or frozen since the View in force was built.
    pub overlay: OnceLock<Arc<ArcSwap<Overlay>>>,
}

impl Node {
    /// What stands against grants now.
    pub fn overlay(&self) -> Arc<Overlay> {
        self.overlay.get().map(|overlay| overlay.load_full()).unwrap_or_default()
    }
}

/// One side of the gate.
#[derive(Debug)]
pub struct Side {
    /// Which.
    pub zone: Zone,
    /// The rules it follows.
    pub profile: ProfileId,
    /// The View in force.
    pub view: ArcSwap<PreparedView>,
    /// Its cache.
    pub cache: Cache,
    /// Its records.
    pub recorder: Arc<Recorder>,
    /// Keys of token issuers.
    pub key_sets: Arc<KeySets>,
    /// Calls per address of the public.
    pub address_rate: Option<Rate>,
    /// Origins that pages may call from.
    pub origins: Vec<String>,
}

impl Side {
    /// The View in force.
    pub fn view(&self) -> Arc<PreparedView> {
        self.view.load_full()
    }
}

/// An allowed call and what it rests on, to be asked about until its last byte has left.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// Who was proved to be calling, and by what.
    pub identity: &'a Identity,
    /// What allowed it.
    pub permit: &'a Permit,
    /// The entry, as it was found.
    pub entry: &'a Arc<Prepared>,
    /// What its parameters work on.
    pub uses: &'a [Use],
    /// The kind of matter declared.
    pub matter: Option<&'a MatterCode>,
}

/// One worker on one side: shared parts, connections and memory of its own.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The node.
    pub node: Arc<Node>,
    /// The side.
    pub side: Arc<Side>,
    /// Connections to departments.
    pub upstreams: Rc<Upstreams>,
    /// What the rules said.
    pub memo: Rc<RefCell<Memo>>,
    /// Which signatures were valid.
    pub proofs: Rc<RefCell<identify::Memo>>,
}

impl Worker {
    /// Proves who is calling; a key that is not known yet is fetched once.
    pub async fn identify(
        &self,
        view: &PreparedView,
        conn: &Conn,
        fields: &Fields<'_>,
        trail: &mut Trail,
    ) -> Result<Identity, Refusal> {
        if !conn.trusted() {
            return Err(Refusal::NotProved { cause: IdentifyError::CertificateRevoked });
        }
        let certificate = conn.certificate().map(|certificate| CertificateFacts {
            thumbprint: &certificate.thumbprint,
            dns_names: &certificate.dns_names,
            not_after: certificate.not_after,
        });
        let evidence = Evidence {
            authorization: fields.authorization,
            helan_key: fields.key,
            certificate,
            zone: self.side.zone,
            now: trail.now(),
        };
        let identity = identify::identify_or_ask(
            &evidence,
            &view.credentials,
            &self.side.key_sets,
            &self.proofs,
        )
        .await
        .map_err(|cause| Refusal::NotProved { cause })?;
        trail.caller(&identity);
        self.check_withdrawn(&self.node.overlay(), &identity, trail.now())?;
        Self::check_network(view, &identity, trail)?;
        Ok(identity)
    }

    /// Whether a call that was allowed may go on at this moment: what it rests on has not ended, was
    /// not withdrawn or frozen, and the View in force would allow it again.
    pub fn still(&self, held: &Held<'_>) -> Result<(), Refusal> {
        let now = self.side.recorder.journal.clamp(self.node.clock.now());
        // In this order: the overlay is emptied only after the View that took it in was stored.
        let overlay = self.node.overlay();
        let view = self.side.view();
        if let Identity::Caller(caller) = held.identity {
            let known = view.view.generation == held.permit.generation()
                || view.credentials.hold(caller, now);
            if !known || caller.expires <= now {
                return Err(Refusal::NotProved { cause: IdentifyError::CredentialLapsed });
            }
            // The same overlay: one read again could have been emptied for a View not looked at.
            self.check_withdrawn(&overlay, held.identity, now)?;
        }
        let asker = Asker::of(held.identity);
        let ask = Ask {
            asker: &asker,
            entry: held.entry,
            uses: held.uses,
            purpose: held.permit.purpose(),
            matter: held.matter,
            grant: None,
            now,
        };
        decide::still(&view, &overlay, &mut self.memo.borrow_mut(), (held.permit, &ask))
    }

    /// A credential that was withdrawn a moment ago proves nothing, whatever the View still holds.
    fn check_withdrawn(
        &self,
        overlay: &Overlay,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Identity::Caller(caller) = identity else { return Ok(()) };
        if overlay.is_empty() {
            return Ok(());
        }
        if caller.credentials.iter().any(|name| overlay.denies_credential(name, now)) {
            return Err(Refusal::NotProved { cause: IdentifyError::CredentialLapsed });
        }
        let algorithm = caller.signed.map_or("", Algorithm::as_str);
        let distrusted = caller.credentials.iter().any(|name| {
            let issuer = name.strip_prefix("token:").and_then(|name| name.split_once(':'));
            issuer.is_some_and(|(id, _)| overlay.denies_token(id, self.side.zone, algorithm))
        });
        if distrusted {
            let cause = IdentifyError::TokenNotValid(TokenFault::Issuer);
            return Err(Refusal::NotProved { cause });
        }
        Ok(())
    }

    /// An application that has registered networks calls from them only.
    fn check_network(
        view: &PreparedView,
        identity: &Identity,
        trail: &mut Trail,
    ) -> Result<(), Refusal> {
        let Identity::Caller(caller) = identity else { return Ok(()) };
        let Some(registered) = view.view.application(&caller.application) else { return Ok(()) };
        if registered.networks.is_empty() {
            return Ok(());
        }
        let address = trail.address();
        let allowed = registered.networks.iter().any(|network| network.contains(&address));
        trail.checked("network", allowed);
        if allowed { Ok(()) } else { Err(Refusal::NetworkNotAllowed) }
    }

    /// Who asks and through what, as the department is told.
    pub fn origin<'a>(&'a self, asker: &'a Asker, trail: &Trail) -> Origin<'a> {
        Origin {
            asker,
            transaction: trail.transaction(),
            via: &self.node.via,
            secure: trail.conn().tls().is_some(),
        }
    }

    /// Asks the rules, or the memory of what they said.
    #[expect(clippy::too_many_arguments, reason = "each step hands over its own product")]
    pub fn decide(
        &self,
        view: &PreparedView,
        asker: &Asker,
        target: &Target,
        declared: &Declared,
        trail: &mut Trail,
    ) -> Result<Permit, Refusal> {
        let purpose = declared.judged_purpose();
        let ask = Ask {
            asker,
            entry: &target.entry,
            uses: &target.uses,
            purpose: purpose.as_ref(),
            matter: declared.matter.as_ref(),
            grant: declared.grant.as_deref(),
            now: trail.now(),
        };
        if declared.case_fits == Some(false) {
            return Err(Refusal::HeaderNotValid { name: "Helan-Matter" });
        }
        let overlay = self.node.overlay();
        decide::judge(view, &overlay, &mut self.memo.borrow_mut(), &ask).map_err(|refused| {
            if let Some(written) = &refused.grant {
                trail.refused_under(written);
            }
            refused.refusal
        })
    }

    /// What each claim of a caller to an entry would give it now.
    pub fn preview(
        &self,
        view: &PreparedView,
        asker: &Asker,
        entry: &Arc<Prepared>,
        now: Timestamp,
    ) -> Vec<decide::Preview> {
        let overlay = self.node.overlay();
        decide::preview(view, &overlay, &mut self.memo.borrow_mut(), (asker, entry, now))
    }

    /// Takes a place under every per-call limit.
    #[expect(clippy::too_many_arguments, reason = "each step hands over its own product")]
    pub fn limit(
        &self,
        view: &PreparedView,
        asker: &Asker,
        permit: &Permit,
        target: &Target,
        trail: &Trail,
    ) -> Result<Slot, Refusal> {
        let mut bounds = Bounds::default();
        // The narrowest first: what it refuses takes nothing of what others share.
        if let Some(written) = permit.grant() {
            let limits = &written.grant.limits;
            let id = &written.grant.id;
            bounds.rates.extend(limits.rate.map(|rate| (RateKey::Grant(id.clone()), rate)));
            bounds.quota =
                Some(Quota { grant: id, per_day: limits.per_day, per_month: limits.per_month });
        }
        self.limits_of_asker(view, Some(asker), Some(&target.entry), trail, &mut bounds.rates);
        self.node.limiters.take(&bounds, trail.now())
    }

    /// Takes a place for a look that is no call of an entry: at the catalog, or of a browser that asks
    /// ahead and has not said who it is.
    pub fn limit_look(
        &self,
        view: &PreparedView,
        asker: Option<&Asker>,
        trail: &Trail,
    ) -> Result<(), Refusal> {
        let mut bounds = Bounds::default();
        self.limits_of_asker(view, asker, None, trail, &mut bounds.rates);
        self.node.limiters.take(&bounds, trail.now()).map(drop)
    }

    /// The rates of an application, and in the opening zone those of the address, whoever calls.
    #[expect(clippy::too_many_arguments, reason = "each step hands over its own product")]
    fn limits_of_asker(
        &self,
        view: &PreparedView,
        asker: Option<&Asker>,
        entry: Option<&Prepared>,
        trail: &Trail,
        rates: &mut Vec<(RateKey, Rate)>,
    ) {
        if let Some((_, application)) = asker.and_then(|asker| asker.known.as_ref()) {
            let rate = view.view.application(application).and_then(|a| a.application.rate);
            rates.extend(rate.map(|rate| (RateKey::Application(application.clone()), rate)));
        }
        let zone = self.side.zone;
        if zone != Zone::Opening {
            return;
        }
        let address = prefix_of(trail.address());
        if let Some(entry) = entry.map(|entry| &entry.source.entry) {
            let (id, one) = (Some(entry.id.clone()), entry.opening.rate);
            rates.extend(one.map(|rate| (RateKey::Address(zone, id, address), rate)));
        }
        let whole = self.side.address_rate;
        rates.extend(whole.map(|rate| (RateKey::Address(zone, None, address), rate)));
    }
}

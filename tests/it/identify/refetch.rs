//! Keys that are fetched: in time, once, and never because strangers want it so.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use helan::domain::IssuerId;
use helan::gateway::identify::{IdentifyError, Identity, KeySets, Memo, identify, identify_or_ask};
use helan::policy::{Issuer, KeySet};
use jsonwebtoken::Algorithm;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::city::{City, Shown, claims, public_keys, sign};

/// Serves a key set and counts how often.
struct Publisher {
    url: String,
    fetched: Arc<AtomicUsize>,
    text: Arc<Mutex<String>>,
}

impl Publisher {
    async fn start(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let (fetched, text) =
            (Arc::<AtomicUsize>::default(), Arc::new(Mutex::new(text.to_owned())));
        let (count, body) = (Arc::clone(&fetched), Arc::clone(&text));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let mut asked = [0; 1024];
                let _ = stream.read(&mut asked).await.unwrap();
                let body = body.lock().unwrap().clone();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        });
        Self { url, fetched, text }
    }

    fn publish(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

struct Fixture {
    city: City,
    key_sets: Arc<KeySets>,
    memo: RefCell<Memo>,
}

impl Fixture {
    fn new(url: &str) -> Self {
        let city = City::new();
        let key_sets = Arc::<KeySets>::default();
        let mut issuers: BTreeMap<IssuerId, Issuer> = city.issuers.clone();
        issuers.retain(|id, _| id.as_str() == "idp");
        for issuer in issuers.values_mut() {
            issuer.keys = KeySet::Url(url.to_owned());
        }
        key_sets.configure(&issuers, ".".as_ref(), &Handle::current()).unwrap();
        Self { city, key_sets, memo: RefCell::new(Memo::new(100)) }
    }

    async fn call(&self, kid: &str, by: &str) -> Result<Identity, IdentifyError> {
        let header = json!({"alg": "ES256", "kid": kid});
        let token = sign(&header, &json!(claims("tax-app").0), by, Algorithm::ES256);
        let shown = Shown::token(&token);
        let head = shown.head();
        let evidence = shown.evidence(&head);
        identify_or_ask(&evidence, &self.city.credentials, &self.key_sets, &self.memo).await
    }
}

fn code(result: &Result<Identity, IdentifyError>) -> &'static str {
    result.as_ref().map_or_else(IdentifyError::code, |_| "fine")
}

impl Fixture {
    /// Waits for the first fetch without wishing for another.
    async fn settle(&self) {
        for _ in 0..500 {
            let header = json!({"alg": "ES256", "kid": "p256"});
            let token = sign(&header, &json!(claims("tax-app").0), "p256", Algorithm::ES256);
            let shown = Shown::token(&token);
            let head = shown.head();
            let identity = identify(
                &shown.evidence(&head),
                &self.city.credentials,
                &self.key_sets,
                &mut self.memo.borrow_mut(),
            );
            if identity.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the keys were never fetched");
    }

    async fn flood(&self, kid: &str, by: &str) -> Vec<&'static str> {
        join_all((0..200).map(|_| self.call(kid, by))).await.iter().map(code).collect()
    }
}

#[tokio::test]
async fn an_unknown_key_is_fetched_once_however_many_ask_for_it() {
    let publisher = Publisher::start(&public_keys(&["p256"])).await;
    let fixture = Fixture::new(&publisher.url);
    fixture.settle().await;
    assert_eq!(publisher.fetched(), 1);
    publisher.publish(&public_keys(&["p256", "stranger"]));

    assert_eq!(fixture.flood("stranger", "stranger").await, ["fine"; 200]);
    assert_eq!(publisher.fetched(), 2);

    // Kids that nobody publishes cause no more fetches, however many there are.
    assert_eq!(fixture.flood("nobody", "stranger").await, ["token-key-unknown"; 200]);
    assert_eq!(fixture.flood("no-one", "stranger").await, ["token-key-unknown"; 200]);
    assert_eq!(publisher.fetched(), 2);

    // Half a minute later one more is allowed.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    assert_eq!(fixture.flood("nobody", "stranger").await, ["token-key-unknown"; 200]);
    assert_eq!(publisher.fetched(), 3);
}

#[tokio::test]
async fn keys_are_fetched_again_by_and_by_and_the_last_good_ones_stay() {
    let publisher = Publisher::start(&public_keys(&["p256", "stranger"])).await;
    let fixture = Fixture::new(&publisher.url);
    fixture.settle().await;
    publisher.publish("<html>out of order</html>");

    assert_eq!(code(&fixture.call("nobody", "stranger").await), "token-key-unknown");
    assert_eq!(publisher.fetched(), 2);
    assert_eq!(code(&fixture.call("stranger", "stranger").await), "fine");

    // A key that is published no more counts no more, remembered or not.
    publisher.publish(&public_keys(&["p256"]));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(301)).await;
    tokio::time::resume();
    for _ in 0..500 {
        if code(&fixture.call("stranger", "stranger").await) != "fine" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(code(&fixture.call("stranger", "stranger").await), "token-key-unknown");
    assert_eq!(code(&fixture.call("p256", "p256").await), "fine");
}

#[tokio::test]
async fn an_issuer_that_never_answers_costs_a_bounded_wait() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fixture = Fixture::new(&format!("http://{}/", silent.local_addr().unwrap()));

    let all = tokio::time::timeout(Duration::from_secs(5), fixture.flood("p256", "p256")).await;

    assert_eq!(all.unwrap(), ["token-keys-unavailable"; 200]);
}

//! How long a decision takes: from a worker's memory of what the rules said, and when the rules
//! must be asked. The city has 10,000 entries and 100,000 written grants.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop")]

mod support;

use std::hint::black_box;
use std::sync::{Arc, LazyLock};

use criterion::{Criterion, criterion_group, criterion_main};
use helan::domain::{ApplicationId, ItemName, MatterCode, OrganizationId, ProfileId, PurposeId};
use helan::gateway::{Ask, Asker, Memo, Permit, Prepared, PreparedView, Refusal, Use, decide};
use helan::policy::Overlay;

use self::support::{City, consumer_id, noon, register_id};

const ENTRIES: usize = 10_000;
const SAMPLE: usize = 27;
const CONSUMERS: usize = 10;

/// What every call declares, and what its parameter works on.
struct Call {
    purpose: PurposeId,
    matter: MatterCode,
    uses: [Use; 1],
}

impl Call {
    fn new() -> Self {
        let item = ItemName::parse("cert_num_man").unwrap();
        Self {
            purpose: PurposeId::parse("data-verification").unwrap(),
            matter: MatterCode::parse("estate-transfer").unwrap(),
            uses: [Use { item, value: Some("640106198507150024".to_owned()) }],
        }
    }

    fn ask<'a>(&'a self, asker: &'a Asker, entry: &'a Arc<Prepared>) -> Ask<'a> {
        Ask {
            asker,
            entry,
            uses: &self.uses,
            purpose: Some(&self.purpose),
            matter: Some(&self.matter),
            grant: None,
            now: noon(),
        }
    }
}

fn asker(consumer: usize) -> Asker {
    let organization = consumer_id(consumer);
    let application = ApplicationId::parse(&format!("{organization}/main")).unwrap();
    Asker { known: Some((OrganizationId::parse(&organization).unwrap(), application)) }
}

fn answer(view: &PreparedView, memo: &mut Memo, ask: &Ask<'_>) -> Result<Permit, Refusal> {
    // Nothing is withdrawn, as nearly always.
    static OVERLAY: LazyLock<Overlay> = LazyLock::new(Overlay::default);
    decide(view, &OVERLAY, memo, black_box(ask))
}

fn deciding(criterion: &mut Criterion) {
    let city = City::new(ENTRIES, CONSUMERS, CONSUMERS);
    let call = Call::new();
    let askers: Vec<Asker> = (0..CONSUMERS).map(asker).collect();
    let mut group = criterion.benchmark_group("decide");
    for profile in ProfileId::ALL {
        let view = city.sharing(profile);
        let entries: Vec<_> = (SAMPLE..ENTRIES)
            .map(|number| Arc::clone(view.entry(&register_id(number)).unwrap()))
            .collect();
        let ask = call.ask(&askers[0], &entries[0]);
        let permit = answer(&view, &mut Memo::default(), &ask).unwrap();
        assert_eq!(permit.grant().unwrap().grant.id.as_str(), "copy-27-0");
        assert_eq!(permit.items().len(), 3);
        group.bench_function(format!("asking the rules of {profile}"), |bencher| {
            bencher.iter(|| answer(&view, &mut Memo::default(), &ask).unwrap());
        });
        if profile == ProfileId::Yc2018 {
            remembering(&mut group, &view, &call, (&askers, &entries));
        }
    }
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn remembering(
    group: &mut Group<'_>,
    view: &PreparedView,
    call: &Call,
    (askers, entries): (&[Asker], &[Arc<Prepared>]),
) {
    let mut memo = Memo::default();
    let ask = call.ask(&askers[0], &entries[0]);
    group.bench_function("from the memo, one call again and again", |bencher| {
        bencher.iter(|| answer(view, &mut memo, &ask).unwrap());
    });

    let refused = Ask { purpose: None, ..ask };
    assert!(matches!(answer(view, &mut memo, &refused), Err(Refusal::Denied { .. })));
    group.bench_function("from the memo, a refusal", |bencher| {
        bencher.iter(|| answer(view, &mut memo, &refused).unwrap_err());
    });

    let asks: Vec<Ask<'_>> = entries
        .iter()
        .flat_map(|entry| askers.iter().map(|asker| call.ask(asker, entry)))
        .collect();
    for ask in &asks {
        let permit = answer(view, &mut memo, ask).unwrap();
        assert_eq!(permit.grant().unwrap().grant.entry, ask.entry.source.entry.id);
    }
    // A step without a common divisor visits all of them, and never one beside the last.
    let mut at = 0;
    group.bench_function(format!("from the memo, {} calls mixed", asks.len()), |bencher| {
        bencher.iter(|| {
            at = (at + 35_617) % asks.len();
            answer(view, &mut memo, &asks[at]).unwrap()
        });
    });
}

criterion_group!(benches, deciding);
criterion_main!(benches);

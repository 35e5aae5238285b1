//! How long it takes to find what a request is for: its path taken apart, its entry and operation
//! found, its parameters read and written anew. The number of entries must not matter.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop")]

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use helan::domain::ProfileId;
use helan::gateway::listen::Fields;
use helan::gateway::{PreparedView, Target, normalize, route};
use http::Request;
use http::request::Parts;

use self::support::{City, REGISTER, register_id};

const QUERY: &str = "cert_num=640106198507150024&page=1&size=20";

/// Entries of the sample as it stands.
const SAMPLE: usize = 27;

fn head(entry: &str) -> Parts {
    Request::get(format!("/{entry}?{QUERY}")).body(()).unwrap().into_parts().0
}

fn find(view: &PreparedView, head: &Parts) -> Target {
    let path = normalize(head.uri.path()).unwrap();
    route(view, &Fields::read(head), &path).unwrap()
}

fn routing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route");
    for entries in [SAMPLE, 1_000, 10_000] {
        let view = City::new(entries, 0, 0).sharing(ProfileId::Yc2018);
        assert_eq!(view.entries().count(), entries);
        let one = head(REGISTER);
        let target = find(&view, &one);
        assert_eq!(target.entry.source.entry.id.as_str(), REGISTER);
        assert_eq!(target.forward, format!("/marriage?{QUERY}"));
        assert_eq!(target.uses.len(), 1);
        group.bench_function(format!("one of {entries} entries"), |bencher| {
            bencher.iter(|| find(&view, black_box(&one)));
        });

        let every: Vec<Parts> =
            (SAMPLE..entries).map(|number| head(&register_id(number))).collect();
        if every.is_empty() {
            continue;
        }
        // A step without a common divisor visits all of them, and never one beside the last.
        let mut at = 0;
        group.bench_function(format!("each of {entries} entries, mixed"), |bencher| {
            bencher.iter(|| {
                at = (at + 3_571) % every.len();
                find(&view, black_box(&every[at]))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, routing);
criterion_main!(benches);

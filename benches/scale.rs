//! What a province costs: how long a View takes to build, what it holds of memory, and whether looking
//! up what it holds stays as quick. Each size has a process of its own.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop")]
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::disallowed_methods, reason = "spans that are measured, never recorded time")]

mod support;

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use helan::domain::{ApplicationId, ItemName, MatterCode, OrganizationId, ProfileId, PurposeId};
use helan::gateway::{Ask, Asker, Memo, PreparedView, Use, decide};
use helan::policy::Overlay;

use self::support::{City, consumer_id, noon, register_id};

/// Entries, applications, and grants of each entry.
const SIZES: [(usize, usize, usize); 4] =
    [(1_000, 1_000, 10), (10_000, 10_000, 10), (10_000, 10_000, 30), (10_000, 10_000, 100)];

/// Entries of the sample as it stands; the registers follow.
const SAMPLE: usize = 27;

/// Calls whose look-up is timed.
const CALLS: u32 = 100_000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    if let (Some(entries), Some(applications), Some(each)) =
        (arguments.next(), arguments.next(), arguments.next())
    {
        return measure(entries, applications, each);
    }
    println!("| entries | applications | grants | View built | memory | decision from memory |");
    println!("|---|---|---|---|---|---|");
    for (entries, applications, each) in SIZES {
        let sizes = [entries, applications, each].map(|size| size.to_string());
        let program = std::env::current_exe().unwrap();
        assert!(Command::new(program).args(sizes).status().unwrap().success());
    }
}

fn measure(entries: usize, applications: usize, each: usize) {
    let city = City::new(entries, applications, each);
    let before = resident();
    let begun = Instant::now();
    let view = city.sharing(ProfileId::Yc2018);
    let built = begun.elapsed();
    let mebibytes = resident().saturating_sub(before) / 1024;
    assert_eq!(view.entries().count(), entries);
    println!(
        "| {entries} | {applications} | {} | {:.2} s | {mebibytes} MiB | {} ns |",
        city.sources.grants.len(),
        built.as_secs_f64(),
        looking_up(&view, entries, applications, each),
    );
}

/// Nanoseconds of a decision that was made before, one application after the other.
fn looking_up(view: &PreparedView, entries: usize, applications: usize, each: usize) -> u128 {
    let asked: Vec<_> = (SAMPLE..entries)
        .step_by((entries / 1_000).max(1))
        .map(|number| {
            let consumer = consumer_id(number * each % applications);
            let application = ApplicationId::parse(&format!("{consumer}/main")).unwrap();
            let known = Some((OrganizationId::parse(&consumer).unwrap(), application));
            (Asker { known }, Arc::clone(view.entry(&register_id(number)).unwrap()))
        })
        .collect();
    let purpose = PurposeId::parse("data-verification").unwrap();
    let matter = MatterCode::parse("estate-transfer").unwrap();
    let item = ItemName::parse("cert_num_man").unwrap();
    let uses = [Use { item, value: Some("640106198507150024".to_owned()) }];
    let overlay = Overlay::default();
    let mut memo = Memo::default();
    let mut ask = |asker: &Asker, entry| {
        let (purpose, matter) = (Some(&purpose), Some(&matter));
        let ask = Ask { asker, entry, uses: &uses, purpose, matter, grant: None, now: noon() };
        let permit = decide(view, &overlay, &mut memo, black_box(&ask)).unwrap();
        assert_eq!(permit.items().len(), 3);
    };
    for (asker, entry) in &asked {
        ask(asker, entry);
    }
    let begun = Instant::now();
    for (asker, entry) in asked.iter().cycle().take(CALLS.try_into().unwrap()) {
        ask(asker, entry);
    }
    begun.elapsed().as_nanos() / u128::from(CALLS)
}

/// Memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

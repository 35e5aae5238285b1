//! The city grown to the size of a province: ten thousand entries and applications, and a hundred
//! thousand grants, each in a file of its own.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::city::{City, ITEMS, fill, term};
use crate::process::output;

const ENTRIES: u32 = 10_000;
const APPLICATIONS: u32 = 10_000;
const GRANTS_OF_EACH: u32 = 10;

/// Government departments of the sample, among which the applications are dealt out.
const DEPARTMENTS: [&str; 8] = [
    "ecology",
    "health",
    "human-resources",
    "market",
    "natural-resources",
    "police",
    "transport",
    "xingqing",
];

/// Makes it beside the city, which must have been made before; it must pass `helan check`.
pub(crate) fn make(helan: &Path, work: &Path, city: &City) -> anyhow::Result<City> {
    let folder = work.join("province");
    output(Command::new("cp").arg("-a").arg(&city.folder).arg(&folder))?;
    let policies = folder.join("policies");
    applications(&policies)?;
    let (today, until) = term()?;
    let entry = include_str!("city/small.yaml").replace("id: civil-affairs/small", "id: @ID@");
    for number in 0..ENTRIES {
        let id = format!("civil-affairs/{}", name(number));
        let code = format!("/{:06}", 200_000 + number);
        let values = [("ID", id.as_str()), ("TODAY", &today), ("ITEMS", ITEMS)];
        let text = fill(&entry, &values).replace("/000101", &code);
        fs::write(policies.join(format!("catalog/{id}.yaml")), text)?;
    }
    for number in 0..ENTRIES * GRANTS_OF_EACH {
        let (department, application) = application(number % APPLICATIONS);
        let values = [
            ("ID", format!("g-province-{number}")),
            ("CONSUMER", department.to_owned()),
            ("APPLICATION", application),
            ("ENTRY", name(number / GRANTS_OF_EACH)),
            ("TODAY", today.clone()),
            ("UNTIL", until.clone()),
        ];
        write_grant(&policies, &values)?;
    }
    output(Command::new(helan).args(["check", "--policies"]).arg(&policies))?;
    Ok(City { folder, token: city.token.clone() })
}

/// Grants another entry to the city's caller, and says which.
pub(crate) fn grant_one_more(province: &City) -> anyhow::Result<String> {
    let policies = province.folder.join("policies");
    let granted = |number: &u32| policies.join(format!("grants/g-more-{number}.yaml")).exists();
    let number = (0..ENTRIES).find(|number| !granted(number)).unwrap_or_default();
    let (today, until) = term()?;
    let values = [
        ("ID", format!("g-more-{number}")),
        ("CONSUMER", "natural-resources".to_owned()),
        ("APPLICATION", "registration".to_owned()),
        ("ENTRY", name(number)),
        ("TODAY", today),
        ("UNTIL", until),
    ];
    write_grant(&policies, &values)?;
    Ok(name(number))
}

fn name(entry: u32) -> String {
    format!("province-{entry}")
}

/// Its department, and its name there.
fn application(number: u32) -> (&'static str, String) {
    let departments = DEPARTMENTS.iter().cycle().skip(number as usize % DEPARTMENTS.len());
    (departments.copied().next().unwrap_or_default(), format!("province-{number}"))
}

fn applications(policies: &Path) -> anyhow::Result<()> {
    for department in DEPARTMENTS {
        let mut list = "\napplications:\n".to_owned();
        let theirs = (0..APPLICATIONS).map(application).filter(|(of, _)| *of == department);
        for (_, name) in theirs {
            writeln!(list, "  - id: {department}/{name}")?;
            writeln!(list, "    name: 规模测试")?;
            writeln!(list, "    credentials:")?;
            let subject = format!("{department}/{name}");
            writeln!(list, "      - {{kind: token, issuer: city, subject: {subject}}}")?;
        }
        let file = policies.join(format!("organizations/{department}.yaml"));
        let text = fs::read_to_string(&file)?.replace("\napplications:\n", &list);
        fs::write(&file, text)?;
    }
    Ok(())
}

fn write_grant(policies: &Path, values: &[(&str, String)]) -> anyhow::Result<()> {
    let values: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let id = values.first().map(|(_, id)| *id).unwrap_or_default();
    let text = fill(include_str!("city/province-grant.yaml"), &values);
    fs::write(policies.join(format!("grants/{id}.yaml")), text)?;
    Ok(())
}

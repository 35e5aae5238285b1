//! Reads `--config`, or says all that is wrong with it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::form::Form;
use super::problem::{self, Problem, Severity};
use super::yaml::{self, Fault, Node, Position};
use super::{Config, Listener};
use crate::domain::Zone;

/// Reads a configuration. Relative paths in it count from the folder it lies in.
pub fn load(path: &Path) -> Result<Config, Vec<Problem>> {
    read(path).map(|(config, _)| config)
}

/// Reads a configuration to find what it names, without a look at the files of listeners: an auditor
/// may have no access to them.
pub fn places(path: &Path) -> Result<Config, Vec<Problem>> {
    let mut config: Config = read_yaml(path)?;
    resolve(&mut config, path.parent().unwrap_or(Path::new("")));
    Ok(config)
}

/// The same with its warnings; if anything is an error, all problems come instead.
pub fn read(path: &Path) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let text = text_of(path)?;
    let at = |fault| Problem::at(path, &text, fault);
    let all = |faults: Vec<Fault>| faults.into_iter().map(at).collect::<Vec<Problem>>();
    let nodes = yaml::parse(&text).map_err(all)?;
    let [node] = nodes.as_slice() else {
        let at = nodes.get(1).map_or(Position::START, |node| node.at);
        return Err(all(vec![Fault::new(at, "one document is needed here", "keep one of them")]));
    };
    let form = Form::<Config>::new()
        .map_err(|error| vec![Problem::of_file(path, error.to_string(), "report this fault")])?;
    let mut config = form.read(node).map_err(all)?;
    resolve(&mut config, path.parent().unwrap_or(Path::new("")));
    let mut problems = check(&config, node, &at);
    problem::sort(&mut problems);
    if problems.iter().any(Problem::is_error) { Err(problems) } else { Ok((config, problems)) }
}

/// Reads a file of one document; everything wrong with it at once.
pub fn read_yaml<T: DeserializeOwned + JsonSchema>(path: &Path) -> Result<T, Vec<Problem>> {
    parse(path, &text_of(path)?)
}

/// The same of a text that is at hand; problems name the file at `path`.
pub fn parse<T: DeserializeOwned + JsonSchema>(path: &Path, text: &str) -> Result<T, Vec<Problem>> {
    let all = |faults: Vec<Fault>| -> Vec<Problem> {
        faults.into_iter().map(|fault| Problem::at(path, text, fault)).collect()
    };
    let nodes = yaml::parse(text).map_err(all)?;
    let [node] = nodes.as_slice() else {
        let at = nodes.get(1).map_or(Position::START, |node| node.at);
        return Err(all(vec![Fault::new(at, "one document is needed here", "keep one of them")]));
    };
    let form = Form::<T>::new()
        .map_err(|error| vec![Problem::of_file(path, error.to_string(), "report this fault")])?;
    form.read(node).map_err(all)
}

/// Something wrong at a JSON pointer of a configuration that was found otherwise good.
pub fn problem_at(path: &Path, pointer: &str, message: String, mend: &str) -> Problem {
    let text = text_of(path).unwrap_or_default();
    let nodes = yaml::parse(&text).unwrap_or_default();
    let at = nodes.first().map_or(Position::START, |node| node.place(pointer));
    Problem::at(path, &text, Fault::new(at, message, mend))
}

fn text_of(path: &Path) -> Result<String, Vec<Problem>> {
    let mut text = String::new();
    let bound = u64::try_from(yaml::LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    let result = fs::File::open(path).and_then(|file| file.take(bound).read_to_string(&mut text));
    match result {
        Ok(_) => Ok(text),
        Err(error) => Err(vec![Problem::of_file(
            path,
            format!("the file cannot be read: {error}"),
            "check the path and its permissions",
        )]),
    }
}

/// Makes paths count from where the process runs.
fn resolve(config: &mut Config, folder: &Path) {
    let resolve = |path: &mut PathBuf| *path = folder.join(&path);
    resolve(&mut config.policies);
    resolve(&mut config.records);
    resolve(&mut config.state);
    resolve(&mut config.keys);
    config.admin.socket.iter_mut().for_each(resolve);
    config.journal.checkpoints.iter_mut().for_each(resolve);
    let listeners = config.zones.values_mut().flat_map(|zone| &mut zone.listeners);
    for tls in listeners.filter_map(|listener| listener.tls.as_mut()) {
        resolve(&mut tls.certificate);
        resolve(&mut tls.key);
        if let Some(clients) = &mut tls.clients {
            resolve(&mut clients.authorities);
            clients.revoked.iter_mut().for_each(resolve);
        }
    }
}

fn check(config: &Config, node: &Node, at: &impl Fn(Fault) -> Problem) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |pointer: &str, severity, message: String, mend: &str| {
        let fault = Fault::new(node.place(pointer), message, mend);
        problems.push(Problem { severity, ..at(fault) });
    };
    if config.zones.is_empty() {
        say(
            "/zones",
            Severity::Error,
            "no zone is served".to_owned(),
            "add `sharing:` or `opening:`",
        );
    }
    if config.zones.len() > 1 && config.zones_together.is_none() {
        let mend = "run one process a zone, or write `zones_together: yes-in-one-process`";
        say("/zones", Severity::Error, "several zones share this process".to_owned(), mend);
    }
    if !config.admin.address.ip().is_loopback() {
        let message = format!("`{}` can be reached from other machines", config.admin.address);
        say("/admin/address", Severity::Warning, message, "listen on 127.0.0.1, and forward to it");
    }
    let mut taken = BTreeMap::from([(config.admin.address, "admin".to_owned())]);
    for (zone, served) in &config.zones {
        if !served.origins.is_empty() && *zone != Zone::Opening {
            let mend = "remove it; only the opening zone answers pages in browsers";
            let message = "origins count in the opening zone only".to_owned();
            say(&format!("/zones/{zone}/origins"), Severity::Error, message, mend);
        }
        for (index, listener) in served.listeners.iter().enumerate() {
            let pointer = format!("/zones/{zone}/listeners/{index}");
            let fixed = listener.address.port() != 0;
            let other = taken.insert(listener.address, format!("{zone}")).filter(|_| fixed);
            if let Some(other) = other {
                let message = format!("`{}` is taken by {other}", listener.address);
                say(&format!("{pointer}/address"), Severity::Error, message, "choose another port");
            }
            if *zone != Zone::Opening
                && listener.tls.is_none()
                && !listener.address.ip().is_loopback()
            {
                let message = format!("the {zone} zone is served without TLS");
                say(&pointer, Severity::Warning, message, "add `tls:`");
            }
            for (key, message, mend) in files(listener) {
                say(&format!("{pointer}/tls/{key}"), Severity::Error, message, mend);
            }
        }
    }
    problems
}

/// Files of a listener that are missing, or keys that others may read.
fn files(listener: &Listener) -> Vec<(&'static str, String, &'static str)> {
    let Some(tls) = &listener.tls else { return Vec::new() };
    let mut named = vec![("certificate", &tls.certificate), ("key", &tls.key)];
    if let Some(clients) = &tls.clients {
        named.push(("clients/authorities", &clients.authorities));
        named.extend(clients.revoked.as_ref().map(|revoked| ("clients/revoked", revoked)));
    }
    let mut found = Vec::new();
    for (key, path) in named {
        match fs::metadata(path) {
            Ok(meta) if key == "key" && meta.permissions().mode() & 0o077 != 0 => {
                let message = format!("the key `{}` can be read by others", path.display());
                found.push((key, message, "make it readable for its owner only: chmod 600"));
            }
            Ok(_) => {}
            Err(error) => {
                let message = format!("`{}` cannot be read: {error}", path.display());
                found.push((key, message, "put the file there, or correct the path"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "zones:\n  opening:\n    profile: yc-2018\n    listeners:\n    - address: 127.0.0.1:0\n\
                        admin: {address: 127.0.0.1:9000}\npolicies: p\nrecords: r\nstate: s\nkeys: k\n";

    fn problems(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("helan.yaml");
        fs::write(&path, text).unwrap();
        match read(&path) {
            Ok((_, warnings)) => warnings,
            Err(problems) => problems,
        }
        .into_iter()
        .map(|p| format!("{}:{} {:?} {}", p.line, p.column, p.severity, p.message))
        .collect()
    }

    #[test]
    fn paths_count_from_the_folder_of_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("helan.yaml");
        fs::write(&path, GOOD).unwrap();

        let (config, warnings) = read(&path).unwrap();

        assert_eq!(config.policies, folder.path().join("p"));
        assert!(warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn everything_wrong_is_said_at_once_with_its_place() {
        let key = tempfile::NamedTempFile::new().unwrap();
        fs::set_permissions(key.path(), fs::Permissions::from_mode(0o644)).unwrap();
        let key = key.path().display();
        let text = format!(
            "zones:\n  opening:\n    profile: yc-2018\n    listeners:\n    - address: 127.0.0.1:9000\n  \
             sharing:\n    profile: yc-2018\n    origins: ['*']\n    listeners:\n    - address: 0.0.0.0:1\n    \
             - address: 127.0.0.1:2\n      tls: {{certificate: nowhere, key: '{key}'}}\n\
             admin: {{address: 127.0.0.1:9000}}\npolicies: p\nrecords: r\nstate: s\nkeys: k\n"
        );

        let found = problems(&text).join("\n");

        for part in [
            "2:3 Error several zones",
            "5:16 Error `127.0.0.1:9000` is taken by admin",
            "8:14 Error origins",
            "10:7 Warning the sharing zone is served without TLS",
            "12:26 Error `",
            "can be read by others",
        ] {
            assert!(found.contains(part), "{part} is not in\n{found}");
        }
    }

    #[test]
    fn unknown_keys_and_wrong_values_have_their_place() {
        let found = problems(
            &GOOD.replace("profile: yc-2018", "profil: yc-2018").replace("127.0.0.1:0", "here"),
        );

        assert!(
            found.iter().any(|p| p.starts_with("3:5 Error the key `profil` is not known")),
            "{found:?}"
        );
        assert!(
            found.iter().any(|p| p.starts_with("3:5 Error the key `profile` is missing")),
            "{found:?}"
        );
    }
}

//! `helan keys`: makes and lists the node's keys, and keys for applications.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::config::keys::{self, KeyPurpose, Keys};
use crate::domain::{PersonId, Role, Timestamp};
use crate::net::jws::SigningKey;

/// Make and list keys: the node's own, applications', operators'.
///
/// The folder holds one file per purpose and id, mode 0600, owned by the user the node runs as (or
/// root); keep it out of the policies and the records, and back it up. The newest key of a purpose
/// makes new values, older ones still verify: never delete one while values made with it count.
#[derive(Debug, Args)]
#[command(after_help = "\
Purposes:
  signing     signs checkpoints of the records; a new one is taken up by a restart only
  subject     hides data subjects, case numbers and matters in records
  operator    hides operators in records
  etag        makes entity tags of shaped answers
  credential  hides the secrets of `Helan-Key`s at rest
  mask        makes the values of hash masks; a new one is taken up by a restart only
  admin       makes admin tokens; a new one ends all old tokens

A running node takes new keys up on SIGHUP or `POST /reload`.

Examples:
  helan keys make --folder keys
  helan keys make --folder keys --purpose admin    # ends all admin tokens
  helan keys make --folder keys --purpose subject --id 2027    # a new epoch
  helan keys admin --folder keys --name wang-li --role security")]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make the node's keys: one for every purpose that has none, or another one for a purpose.
    Make {
        /// Folder of keys, as in the configuration.
        #[arg(long)]
        folder: PathBuf,
        /// Make a new key for this purpose even if it has one: new values are made with it, as soon as
        /// the node reads its keys again.
        #[arg(long, value_parser = PossibleValuesParser::new(KeyPurpose::ALL.map(KeyPurpose::as_str)))]
        purpose: Option<String>,
        /// Id of the new key instead of the time, such as `2027`. The greatest id of a purpose makes new
        /// values, so it must be greater than all there are.
        #[arg(long, requires = "purpose")]
        id: Option<String>,
    },
    /// Say that a key is lost for good. A node that has used it does not start without it until then;
    /// what it hides in records can be searched no more.
    Lost {
        /// Folder of keys, as in the configuration.
        #[arg(long)]
        folder: PathBuf,
        /// What the key was for.
        #[arg(value_parser = PossibleValuesParser::new(KeyPurpose::ALL.map(KeyPurpose::as_str)))]
        purpose: String,
        /// Its id.
        id: String,
    },
    /// List purposes and ids, never the keys.
    List {
        /// Folder of keys, as in the configuration.
        #[arg(long)]
        folder: PathBuf,
    },
    /// Make a `Helan-Key` for an application; it is shown this once.
    Credential {
        /// Folder of keys, as in the configuration.
        #[arg(long)]
        folder: PathBuf,
    },
    /// Print the admin token of an operator in one role; whoever may read the node's keys can.
    ///
    /// The roles are kept apart (三员分立): system reloads and purges; security freezes, thaws and judges
    /// findings; audit reads everything and changes nothing. Give one person the token of one role.
    Admin {
        /// Folder of keys, as in the configuration.
        #[arg(long)]
        folder: PathBuf,
        /// The operator's code, lower-case words joined by hyphens.
        #[arg(long, value_parser = |text: &str| PersonId::parse(text))]
        name: PersonId,
        /// The role.
        #[arg(long, value_parser = PossibleValuesParser::new(Role::ALL.map(Role::as_str)).try_map(|name| Role::parse(&name).ok_or("no role")))]
        role: Role,
    },
    /// Print the keys that verify checkpoints of a node's records, the newest first: give them to
    /// whoever is to check records without trusting the node.
    Verifier {
        /// Configuration of the node: it names keys and records.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print the public key set (JWKS) of PEM files with private keys, for `issuers.yaml`.
    Jwks {
        /// PEM file with a private key (P-256, P-384 or Ed25519).
        #[arg(long = "key", required = true)]
        keys: Vec<PathBuf>,
    },
}

/// Does what was asked and writes the answer to `out`.
pub fn run(args: &KeysArgs, now: Timestamp, out: &mut dyn Write) -> anyhow::Result<()> {
    match &args.command {
        KeysCommand::Make { folder, purpose, id } => {
            let wanted = match purpose.as_deref().and_then(KeyPurpose::parse) {
                Some(purpose) => vec![purpose],
                None => missing(folder)?,
            };
            let id = id.clone().unwrap_or_else(|| id_of(now));
            greatest(folder, &wanted, &id)?;
            for purpose in wanted {
                let path = keys::make(folder, purpose, &id)?;
                writeln!(out, "made {}", path.display())?;
            }
        }
        KeysCommand::List { folder } => {
            for (purpose, id) in keys::list(folder)? {
                writeln!(out, "{purpose}\t{id}")?;
            }
            for (purpose, id) in keys::lost(folder)? {
                writeln!(out, "{purpose}\t{id}\tlost")?;
            }
        }
        KeysCommand::Lost { folder, purpose, id } => {
            let purpose = KeyPurpose::parse(purpose).context("this is no purpose of a key")?;
            let path = keys::lose(folder, purpose, id)?;
            writeln!(out, "made {}; the next start puts it on record", path.display())?;
        }
        KeysCommand::Credential { folder } => {
            let made = keys::make_credential(&Keys::load(folder)?)?;
            writeln!(out, "# Give this to the application. It is not shown again.")?;
            writeln!(out, "Helan-Key: {}", made.key)?;
            writeln!(out, "# Write this under `credentials` of the application.")?;
            writeln!(out, "- kind: key\n  id: {:?}\n  hash: {:?}", made.id, made.hash)?;
        }
        KeysCommand::Admin { folder, name, role } => {
            let keys = Keys::load(folder)?;
            writeln!(out, "{}", crate::control::admin_token(&keys, name.as_str(), *role))?;
        }
        KeysCommand::Verifier { config } => {
            for verifier in super::records::proof::verifiers(config)? {
                writeln!(out, "{verifier}")?;
            }
        }
        KeysCommand::Jwks { keys } => {
            let mut set = Vec::new();
            for path in keys {
                set.push(read_signing_key(path)?.public().clone());
            }
            writeln!(out, "{:#}", json!({"keys": set}))?;
        }
    }
    Ok(())
}

/// Reads a private key that signs tokens.
pub(super) fn read_signing_key(path: &Path) -> anyhow::Result<SigningKey> {
    let pem = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    SigningKey::from_pem(&pem).with_context(|| format!("{} cannot be used", path.display()))
}

fn missing(folder: &Path) -> anyhow::Result<Vec<KeyPurpose>> {
    let has = if folder.exists() { keys::list(folder)? } else { Vec::new() };
    let lacks = |purpose: &KeyPurpose| has.iter().all(|(has, _)| has != purpose);
    Ok(KeyPurpose::ALL.into_iter().filter(lacks).collect())
}

/// A key that is not the greatest of its purpose would never be used.
fn greatest(folder: &Path, purposes: &[KeyPurpose], id: &str) -> anyhow::Result<()> {
    let has = if folder.exists() { keys::list(folder)? } else { Vec::new() };
    let greater = has.iter().find(|(purpose, other)| purposes.contains(purpose) && **other > *id);
    if let Some((purpose, other)) = greater {
        bail!("{purpose}-{other} would go on making new values: choose an id that sorts behind it");
    }
    Ok(())
}

/// Ids sort as the moments they were made at, to the second.
fn id_of(now: Timestamp) -> String {
    let written = now.to_string();
    let digits = |c: char| c.is_ascii_digit() || c == 'T';
    let id: String = written.chars().filter(|&c| digits(c)).take(15).collect();
    id.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: KeysArgs,
    }

    fn keys(words: &[&str], at: &str) -> anyhow::Result<String> {
        let command = Command::try_parse_from([&["keys"], words].concat())?;
        let mut out = Vec::new();
        run(&command.args, Timestamp::parse(at).unwrap(), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn make_makes_what_is_missing_and_another_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("keys");
        let folder = folder.to_str().unwrap();

        let made = keys(&["make", "--folder", folder], "2026-11-22T08:15:00Z").unwrap();
        assert_eq!(made.lines().count(), KeyPurpose::ALL.len());
        assert!(made.contains("etag-20261122t081500.key"), "{made}");
        let again = keys(&["make", "--folder", folder], "2026-11-22T08:15:01Z").unwrap();
        assert_eq!(again, "");
        let more = ["make", "--folder", folder, "--purpose", "subject"];
        keys(&more, "2026-12-22T08:15:00Z").unwrap();

        let listed = keys(&["list", "--folder", folder], "2026-12-22T08:15:00Z").unwrap();
        assert_eq!(listed.lines().count(), KeyPurpose::ALL.len() + 1);
        assert!(listed.contains("subject\t20261222t081500\n"), "{listed}");
        assert!(keys(&["make", "--folder", folder, "--purpose", "x"], "2026-12-22").is_err());
    }

    #[test]
    fn a_token_is_printed_for_a_name_in_one_of_three_roles() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        keys(&["make", "--folder", folder], "2026-11-22T08:15:00Z").unwrap();
        let admin = ["admin", "--folder", folder, "--name", "wang-li"];
        let token =
            |role: &str| keys(&[&admin[..], &["--role", role]].concat(), "2026-11-22T08:15:00Z");

        let printed = ["system", "security", "audit"].map(|role| token(role).unwrap());

        assert!(printed[1].starts_with("wang-li.security."), "{printed:?}");
        let macs: std::collections::BTreeSet<_> =
            printed.iter().map(|token| token.rsplit_once('.').unwrap().1).collect();
        assert_eq!(macs.len(), 3);
        assert!(token("all").is_err());
        assert!(keys(&admin, "2026-11-22T08:15:00Z").is_err(), "a token without a role");
    }

    #[test]
    fn a_credential_is_printed_with_the_lines_that_let_it_in() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        keys(&["make", "--folder", folder], "2026-11-22T08:15:00Z").unwrap();

        let printed = keys(&["credential", "--folder", folder], "2026-11-22T08:15:00Z").unwrap();

        let key = printed.lines().find_map(|line| line.strip_prefix("Helan-Key: ")).unwrap();
        let hash = printed.lines().find_map(|line| line.strip_prefix("  hash: ")).unwrap();
        let loaded = Keys::load(folder.as_ref()).unwrap();
        let (id, digest) = loaded.hmac(KeyPurpose::Credential, key.as_bytes());
        assert_eq!(hash, format!("\"{id}:{}\"", crate::net::hex(&digest)));
    }
}

//! `helan demo`: a working city on this machine, to try things out.

mod calls;

mod certificates;

mod city;

mod departments;

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal as _, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::Serialize;

use self::calls::Call;
use self::certificates::Authority;
use crate::cli::private;
use crate::config::keys::{self, KeyPurpose, Keys};
use crate::domain::{Credential, Organization, Role};
use crate::journal::Clock;
use crate::net::jws::SigningKey;

/// How long tokens of the demonstration hold, in seconds.
const DAY: i64 = 86_400;

/// A working city: departments' interfaces, the gateway in front, calls ready to paste.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  helan demo --dir demo --port-base 18080\nThe calls it prints are also in demo/demo.json; what the gateway logs is in demo/log."
)]
pub struct Demo {
    /// Folder to work in; made if it is not there, and emptied if it holds an earlier demonstration.
    #[arg(long, default_value = "demo")]
    dir: PathBuf,
    /// First of twenty ports on 127.0.0.1.
    #[arg(long, default_value_t = 18_080, value_parser = clap::value_parser!(u16).range(1024..=65_000))]
    port_base: u16,
    /// The sample city.
    #[arg(long, default_value = "policies")]
    city: PathBuf,
}

/// Which part listens where.
#[derive(Clone, Copy, Debug)]
struct Ports(u16);

impl Ports {
    const UPSTREAMS: [(&str, u16); 4] = [("rest", 10), ("files", 11), ("slow", 12), ("drift", 13)];

    /// The port that the city is written with for the first of them; the others follow.
    const WRITTEN: u16 = 18_100;

    fn address(self, offset: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.0.saturating_add(offset)).into()
    }

    fn upstream(self, name: &str) -> Option<SocketAddr> {
        let (_, offset) = Self::UPSTREAMS.iter().find(|(known, _)| *known == name)?;
        Some(self.address(*offset))
    }

    /// Puts this demonstration's addresses in place of those that the city is written with, in one
    /// pass: an address that was put in place may look like one that is written.
    fn place(self, text: &str) -> String {
        const HOST: &str = "127.0.0.1:";
        let mut pieces = text.split(HOST);
        let mut out = pieces.next().unwrap_or("").to_owned();
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (port, rest) = piece.split_at_checked(digits).unwrap_or((piece, ""));
            let known = port.parse::<u16>().ok().and_then(|port| port.checked_sub(Self::WRITTEN));
            let known = known.and_then(|at| Self::UPSTREAMS.get(usize::from(at)));
            match known {
                Some((_, offset)) => out.push_str(&self.address(*offset).to_string()),
                None => out.extend([HOST, port]),
            }
            out.push_str(rest);
        }
        out
    }
}

/// What `demo.json` holds.
#[derive(Debug, Serialize)]
struct Shown {
    opening: String,
    sharing: String,
    admin: String,
    ca: PathBuf,
    policies: PathBuf,
    records: PathBuf,
    applications: BTreeMap<String, Application>,
    upstreams: BTreeMap<String, String>,
    calls: Vec<Call>,
    console: String,
    /// One of each role.
    admin_tokens: BTreeMap<Role, String>,
}

/// The credentials of one application.
#[derive(Debug, Serialize)]
struct Application {
    organization: String,
    certificate: PathBuf,
    key: PathBuf,
    token: String,
}

/// Runs the demonstration until it is interrupted.
pub fn run(demo: &Demo, out: &mut dyn Write) -> anyhow::Result<()> {
    let (dir, held) = prepare_folder(&demo.dir)?;
    // The terminal is for the calls; what the gateway has to say goes where `serve` would say it.
    super::log_to(fs::File::create(dir.join("log"))?);
    let ports = Ports(demo.port_base);
    let clock = Clock::system();
    let policies = dir.join("policies");
    let today = clock.now().day();
    city::copy(&demo.city, &policies, today, ports)?;

    let authority = Authority::make(&dir.join("certs"), today)?;
    let server = authority.server()?;
    for purpose in KeyPurpose::ALL {
        keys::make(&dir.join("keys"), purpose, "1")?;
    }
    let loaded = Keys::load(&dir.join("keys"))?;
    let applications = credentials(&policies, &authority, &dir)?;
    let mut shown = Shown {
        opening: format!("http://{}", ports.address(0)),
        sharing: format!("https://{}", ports.address(1)),
        admin: format!("http://{}", ports.address(2)),
        ca: authority.file(),
        policies,
        records: dir.join("records"),
        applications,
        upstreams: Ports::UPSTREAMS
            .iter()
            .filter_map(|(name, _)| {
                Some(((*name).to_owned(), format!("http://{}", ports.upstream(name)?)))
            })
            .collect(),
        calls: Vec::new(),
        console: format!("http://{}/console/", ports.address(2)),
        admin_tokens: Role::ALL
            .into_iter()
            .map(|role| (role, crate::control::admin_token(&loaded, "demo", role)))
            .collect(),
    };
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    shown.calls = calls::all(&shown, &program);
    let config = dir.join("helan.yaml");
    fs::write(&config, configuration(&dir, ports, &server))?;

    let interfaces = stand_ins(ports)?;
    let running = crate::run::start(&config, &crate::run::Options { clock, last_good: false })?;
    let json = serde_json::to_string_pretty(&shown)?;
    private(&dir.join("demo.json"), &json)?;
    print(&shown, &dir, out)?;
    running.until_stopped();
    interfaces.shutdown_background();
    drop(held);
    Ok(())
}

/// The folder, empty but for what this program puts there, and the file that holds it for this process.
fn prepare_folder(dir: &Path) -> anyhow::Result<(PathBuf, fs::File)> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let dir = dir.canonicalize()?;
    let marker = dir.join(".helan-demo");
    let is_empty = fs::read_dir(&dir)?.next().is_none();
    if !is_empty && !marker.exists() {
        bail!("{} holds something else: name an empty folder with --dir", dir.display());
    }
    let mut held = hold(&marker, &dir)?;
    // `helan serve` with its configuration holds the records only.
    let records = dir.join("records/lock");
    if records.exists() {
        drop(hold(&records, &dir)?);
    }
    for old in ["policies", "records", "state", "keys", "certs"] {
        let old = dir.join(old);
        if old.exists() {
            fs::remove_dir_all(&old)?;
        }
    }
    for stale in ["demo.json", "log"].map(|name| dir.join(name)) {
        if stale.exists() {
            fs::remove_file(stale)?;
        }
    }
    held.write_all(b"This folder is made anew by each `helan demo`.\n")?;
    Ok((dir, held))
}

/// Holds the folder by this file of it as long as that is open, so that nobody empties it meanwhile.
fn hold(lock: &Path, dir: &Path) -> anyhow::Result<fs::File> {
    let mut open = fs::OpenOptions::new();
    let held = open.write(true).create(true).truncate(false).open(lock)?;
    match flock(&held, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(held),
        Err(Errno::WOULDBLOCK) => bail!(
            "another `helan demo` or node runs in {}: end it with Ctrl-C, or name another folder with --dir and other ports with --port-base",
            dir.display()
        ),
        Err(error) => Err(error)
            .with_context(|| format!("cannot hold {} for this demonstration", dir.display())),
    }
}

/// A certificate and a token for every application of the city.
fn credentials(
    policies: &Path,
    authority: &Authority,
    dir: &Path,
) -> anyhow::Result<BTreeMap<String, Application>> {
    let pem = rcgen::KeyPair::generate()?.serialize_pem();
    private(&dir.join("certs").join("issuer.key"), &pem)?;
    let issuer = SigningKey::from_pem(pem.as_bytes())?;
    let keys = serde_json::json!({"keys": [issuer.public()]});
    fs::write(policies.join("city.jwks"), keys.to_string())?;
    let issued = Clock::system().now().millis().div_euclid(1000);
    let mut applications = BTreeMap::new();
    for file in fs::read_dir(policies.join("organizations"))? {
        let path = file?.path();
        let organization: Organization = crate::config::read_yaml(&path).map_err(|problems| {
            anyhow::anyhow!("{}", problems.iter().map(|p| p.render(false)).collect::<String>())
        })?;
        for application in &organization.applications {
            let id = application.id.as_str();
            let dns = application.credentials.iter().find_map(|credential| match credential {
                Credential::Name { dns, .. } => Some(dns.as_str()),
                Credential::Certificate { .. }
                | Credential::Token { .. }
                | Credential::Key { .. } => None,
            });
            let client =
                authority.client(&id.replace('/', "."), dns.unwrap_or("nobody.invalid"))?;
            applications.insert(
                id.to_owned(),
                Application {
                    organization: organization.id.to_string(),
                    certificate: client.certificate,
                    key: client.key,
                    token: issuer.token(&serde_json::json!({
                        "iss": "https://identity.city.example",
                        "sub": id,
                        "aud": "helan",
                        "iat": issued,
                        "exp": issued.saturating_add(DAY),
                    }))?,
                },
            );
        }
    }
    Ok(applications)
}

fn configuration(dir: &Path, ports: Ports, server: &certificates::Issued) -> String {
    // A path may hold what YAML would read as its own; a JSON text is a YAML text.
    let quoted = |path: &Path| serde_json::Value::from(path.display().to_string()).to_string();
    let inside = |name: &str| quoted(&dir.join(name));
    format!(
        "# Written by `helan demo`.\n\
         node: demo\n\
         zones_together: yes-in-one-process\n\
         unready_ms: 0\n\
         zones:\n  \
           opening:\n    \
             profile: yc-2018\n    \
             origins: ['*']\n    \
             listeners:\n      \
               - {{address: '{opening}'}}\n  \
           sharing:\n    \
             profile: yc-2018\n    \
             listeners:\n      \
               - address: '{sharing}'\n        \
                 tls:\n          \
                   certificate: {certificate}\n          \
                   key: {key}\n          \
                   clients: {{authorities: {authorities}, revoked: {revoked}}}\n\
         admin: {{address: '{admin}'}}\n\
         policies: {policies}\n\
         records: {records}\n\
         state: {state}\n\
         keys: {keys}\n",
        opening = ports.address(0),
        sharing = ports.address(1),
        admin = ports.address(2),
        certificate = quoted(&server.certificate),
        key = quoted(&server.key),
        authorities = inside("certs/ca.pem"),
        revoked = inside("certs/ca.crl"),
        policies = inside("policies"),
        records = inside("records"),
        state = inside("state"),
        keys = inside("keys"),
    )
}

/// The departments' interfaces, on a runtime of their own.
fn stand_ins(ports: Ports) -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    for (name, offset) in Ports::UPSTREAMS {
        let address = ports.address(offset);
        runtime
            .block_on(departments::start(address, name == "slow"))
            .with_context(|| format!("cannot listen on {address}; try another --port-base"))?;
    }
    Ok(runtime)
}

/// What a role is called in Chinese.
fn called(role: Role) -> &'static str {
    match role {
        Role::System => "系统管理员",
        Role::Security => "安全管理员",
        Role::Audit => "审计管理员",
    }
}

fn print(shown: &Shown, dir: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let paint = |code: &str, text: &str| {
        if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    };
    writeln!(out, "{}", paint("1", "A working city · 示例城市已就绪"))?;
    writeln!(out, "  opening zone 开放平台  {}", shown.opening)?;
    writeln!(out, "  sharing zone 共享平台  {}", shown.sharing)?;
    writeln!(out, "  admin        管理接口  {}", shown.admin)?;
    writeln!(out, "  settings     节点配置  {}", dir.join("helan.yaml").display())?;
    writeln!(out, "  log          运行日志  {}", dir.join("log").display())?;
    writeln!(out, "  console      监管页面  {}", shown.console)?;
    for (role, token) in &shown.admin_tokens {
        writeln!(out, "    {:<10} {}  {token}", role.as_str(), called(*role))?;
    }
    let mut chapter = None;
    for call in &shown.calls {
        if chapter != Some(call.chapter) {
            chapter = Some(call.chapter);
            writeln!(out, "\n{}", paint("1;36", &format!("== {}", call.chapter.title())))?;
        }
        let ends = match (call.status, call.code) {
            (Some(status), Some(code)) => format!("{status} {code}"),
            (Some(status), None) => status.to_string(),
            (None, _) => "local".to_owned(),
        };
        writeln!(out, "\n{} ({ends})", paint("1", &format!("# {}", call.name)))?;
        let (english, chinese) = call.shows;
        writeln!(out, "{}", paint("2", &format!("# {english}\n# {chinese}")))?;
        writeln!(out, "{}", call.command)?;
    }
    writeln!(out, "\nCtrl-C ends it. 按 Ctrl-C 结束。")?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_was_put_in_place_is_not_taken_for_one_that_is_written() {
        // Base 18091 puts `rest` at 18101, which is where `files` is written.
        let text =
            "a: http://127.0.0.1:18100\nb: http://127.0.0.1:18101/x, 127.0.0.1:181001, 127.0.0.1:";

        let placed = Ports(18_091).place(text);

        assert_eq!(
            placed,
            "a: http://127.0.0.1:18101\nb: http://127.0.0.1:18102/x, 127.0.0.1:181001, 127.0.0.1:"
        );
    }

    #[test]
    fn a_folder_of_any_name_is_named_in_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("a: #b 'c' \"d\" 城");
        fs::create_dir(&dir).unwrap();
        let issued = Authority::make(&dir.join("certs"), jiff::civil::date(2026, 6, 1)).unwrap();
        let issued = issued.server().unwrap();
        let file = dir.join("helan.yaml");
        fs::write(&file, configuration(&dir, Ports(18_080), &issued)).unwrap();

        let config = crate::config::load(&file).unwrap();

        assert_eq!(config.policies, dir.join("policies"));
    }
}

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
use serde::Serialize;

use self::calls::Call;
use self::certificates::Authority;
use crate::cli::private;
use crate::config::keys::{self, KeyPurpose, Keys};
use crate::domain::{Credential, Organization};
use crate::journal::Clock;
use crate::net::jws::SigningKey;

/// How long tokens of the demonstration hold, in seconds.
const DAY: i64 = 86_400;

/// A working city: departments' interfaces, the gateway in front, calls ready to paste.
#[derive(Debug, clap::Args)]
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

    fn address(self, offset: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.0.saturating_add(offset)).into()
    }

    fn upstream(self, name: &str) -> Option<SocketAddr> {
        let (_, offset) = Self::UPSTREAMS.iter().find(|(known, _)| *known == name)?;
        Some(self.address(*offset))
    }

    /// Puts this demonstration's addresses in place of those that the city is written with.
    fn place(self, text: &str) -> String {
        let written = 18_100;
        Self::UPSTREAMS.iter().zip(written..).fold(text.to_owned(), |text, ((_, offset), port)| {
            text.replace(&format!("127.0.0.1:{port}"), &self.address(*offset).to_string())
        })
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
    #[serde(skip)]
    admin_token: String,
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
    let dir = prepare_folder(&demo.dir)?;
    let ports = Ports(demo.port_base);
    let clock = Clock::system();
    let policies = dir.join("policies");
    city::copy(&demo.city, &policies, clock.now().day(), ports)?;

    let authority = Authority::make(&dir.join("certs"))?;
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
        admin_token: crate::control::admin_token(&loaded, "demo"),
    };
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    shown.calls = calls::all(&shown, &program);
    let config = dir.join("helan.yaml");
    fs::write(&config, configuration(&dir, ports, &server))?;

    let interfaces = stand_ins(ports)?;
    let running = crate::run::start(&config, &crate::run::Options { clock, last_good: false })?;
    let json = serde_json::to_string_pretty(&shown)?;
    private(&dir.join("demo.json"), &json)?;
    print(&shown, &config, out)?;
    running.until_stopped();
    interfaces.shutdown_background();
    Ok(())
}

/// The folder, empty but for what this program puts there.
fn prepare_folder(dir: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let dir = dir.canonicalize()?;
    let marker = dir.join(".helan-demo");
    let is_empty = fs::read_dir(&dir)?.next().is_none();
    if !is_empty && !marker.exists() {
        bail!("{} holds something else: name an empty folder with --dir", dir.display());
    }
    for old in ["policies", "records", "state", "keys", "certs"] {
        let old = dir.join(old);
        if old.exists() {
            fs::remove_dir_all(&old)?;
        }
    }
    let stale = dir.join("demo.json");
    if stale.exists() {
        fs::remove_file(stale)?;
    }
    fs::write(marker, "This folder is made anew by each `helan demo`.\n")?;
    Ok(dir)
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
    let dir = dir.display();
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
                   clients: {{authorities: {dir}/certs/ca.pem, revoked: {dir}/certs/ca.crl}}\n\
         admin: {{address: '{admin}'}}\n\
         policies: {dir}/policies\n\
         records: {dir}/records\n\
         state: {dir}/state\n\
         keys: {dir}/keys\n",
        opening = ports.address(0),
        sharing = ports.address(1),
        admin = ports.address(2),
        certificate = server.certificate.display(),
        key = server.key.display(),
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

fn print(shown: &Shown, config: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let color = std::io::stdout().is_terminal();
    let (bold, dim, plain) = if color { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    writeln!(out, "{bold}A working city 贺兰示例城市{plain}")?;
    writeln!(out, "  opening zone 开放平台  {}", shown.opening)?;
    writeln!(out, "  sharing zone 共享平台  {}", shown.sharing)?;
    writeln!(out, "  admin        管理接口  {}", shown.admin)?;
    writeln!(out, "  configuration         {}\n", config.display())?;
    for call in &shown.calls {
        let ends = match (call.status, call.code) {
            (Some(status), Some(code)) => format!("{status} {code}"),
            (Some(status), None) => status.to_string(),
            (None, _) => "local".to_owned(),
        };
        writeln!(out, "{bold}# {}{plain} ({ends}) {dim}{}{plain}", call.name, call.shows)?;
        writeln!(out, "{}\n", call.command)?;
    }
    writeln!(out, "Ctrl-C ends it. 按 Ctrl-C 结束。")?;
    out.flush()?;
    Ok(())
}

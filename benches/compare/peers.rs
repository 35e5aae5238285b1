//! The programs that are measured, and how each is started.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::ClientConfig;

use crate::city::{City, fill};
use crate::load::Target;
use crate::process::{Running, find, free_ports, start};
use crate::province;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Helan,
    Nginx,
    Haproxy,
    Envoy,
}

impl Peer {
    pub(crate) const ALL: [Self; 4] = [Self::Helan, Self::Nginx, Self::Haproxy, Self::Envoy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Helan => "Helan",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy",
        }
    }
}

/// By which of its ports a program is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Plain,
    Tls,
    /// TLS and the policies that a peer has. Helan has all of them at every door.
    Guarded,
}

/// A program that is ready for calls.
#[derive(Debug)]
pub(crate) struct Proxy {
    running: Running,
    ports: u16,
    peer: Peer,
}

/// What every program is started with.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) programs: BTreeMap<Peer, PathBuf>,
    pub(crate) city: City,
    pub(crate) origin: u16,
    pub(crate) work: PathBuf,
    pub(crate) seconds: u32,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) province: OnceCell<City>,
}

impl Bench {
    /// The city grown to a province; made when it is first asked for.
    pub(crate) fn province(&self) -> anyhow::Result<&City> {
        if self.province.get().is_none() {
            let helan = self.programs.get(&Peer::Helan).cloned().unwrap_or_default();
            let made = province::make(&helan, &self.work, &self.city)?;
            drop(self.province.set(made));
        }
        self.province.get().context("no province")
    }
}

/// Where each program is; one that is missing is not among them, and only Helan if it is to be alone.
pub(crate) fn installed(helan: &Path, alone: bool) -> BTreeMap<Peer, PathBuf> {
    let others = [(Peer::Nginx, "nginx"), (Peer::Haproxy, "haproxy"), (Peer::Envoy, "envoy")];
    let mut programs = BTreeMap::from([(Peer::Helan, helan.to_owned())]);
    let others = others.into_iter().filter(|_| !alone);
    programs.extend(others.filter_map(|(peer, name)| Some((peer, find(name)?))));
    programs
}

/// Starts one with an empty folder of its own, by the program that is to keep it to its cores or to
/// watch it, and waits until it answers.
pub(crate) fn launch(
    bench: &Bench,
    peer: Peer,
    by: &[&str],
    workers: u32,
) -> anyhow::Result<Proxy> {
    launch_in(bench, &bench.city, peer, by, workers)
}

/// The same for another city than the usual one.
pub(crate) fn launch_in(
    bench: &Bench,
    city: &City,
    peer: Peer,
    by: &[&str],
    workers: u32,
) -> anyhow::Result<Proxy> {
    let ports = free_ports(4)?;
    let folder = bench.work.join(format!("{}-{ports}", peer.name()));
    fs::create_dir_all(folder.join("tmp"))?;
    let certificates = city.folder.join("certs");
    let (certificate, key) = (certificates.join("gateway.pem"), certificates.join("gateway.key"));
    let both = folder.join("both.pem");
    fs::write(&both, fs::read_to_string(&certificate)? + &fs::read_to_string(&key)?)?;
    let text = |path: &Path| path.display().to_string();
    let values = [
        ("PLAIN", ports.to_string()),
        ("TLS", (ports + 1).to_string()),
        ("GUARDED", (ports + 2).to_string()),
        ("ADMIN", (ports + 3).to_string()),
        ("ORIGIN", bench.origin.to_string()),
        ("WORKERS", workers.to_string()),
        ("CITY", text(&city.folder)),
        ("CERT", text(&certificate)),
        ("KEY", text(&key)),
        ("PEM", text(&both)),
        ("JWKS", text(&city.folder.join("policies/city.jwks"))),
        ("TOKEN", city.token.clone()),
    ];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (config, template) = match peer {
        Peer::Helan => ("helan.yaml", include_str!("city/helan.yaml")),
        Peer::Nginx => ("nginx.conf", include_str!("peers/nginx.conf")),
        Peer::Haproxy => ("haproxy.cfg", include_str!("peers/haproxy.cfg")),
        Peer::Envoy => ("envoy.yaml", include_str!("peers/envoy.yaml")),
    };
    fs::write(folder.join(config), fill(template, &values))?;
    let arguments: Vec<String> = match peer {
        Peer::Helan => ["serve", "--config", config].map(str::to_owned).into(),
        Peer::Nginx => nginx_arguments(&folder).into(),
        Peer::Haproxy => ["-db", "-f", config].map(str::to_owned).into(),
        Peer::Envoy => {
            ["-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]
                .map(str::to_owned)
                .into()
        }
    };
    let program = bench.programs.get(&peer).cloned().unwrap_or_default();
    let running = start(by, &program, &folder, &arguments)?;
    let mut proxy = Proxy { running, ports, peer };
    let plain = proxy.target(bench, Door::Plain, "public");
    proxy.running.until(|| answers(&plain.url).then_some(()))?;
    Ok(proxy)
}

/// How an nginx is told to keep to its folder.
pub(crate) fn nginx_arguments(folder: &Path) -> [String; 6] {
    ["-p", &folder.display().to_string(), "-c", "nginx.conf", "-e", "error.log"].map(str::to_owned)
}

fn answers(url: &str) -> bool {
    Command::new("curl")
        .args(["-s", "-f", "-o", "/dev/null", url])
        .status()
        .is_ok_and(|status| status.success())
}

impl Proxy {
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// An entry as it is called here: the same bytes whoever is in front.
    pub(crate) fn target(&self, bench: &Bench, door: Door, entry: &str) -> Target {
        let (scheme, port) = match door {
            Door::Plain => ("http", self.ports),
            Door::Guarded if self.peer != Peer::Helan => ("https", self.ports + 2),
            Door::Tls | Door::Guarded => ("https", self.ports + 1),
        };
        let url = format!("{scheme}://127.0.0.1:{port}/civil-affairs/{entry}");
        let tls = Arc::clone(&bench.tls);
        if door == Door::Plain {
            return Target { url, headers: Vec::new(), tls };
        }
        let token = format!("Authorization: Bearer {}", bench.city.token);
        let headers = vec![token, "Helan-Purpose: data-verification".to_owned()];
        Target { url, headers, tls }
    }
}

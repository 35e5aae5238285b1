//! What is compared, and the goals.

use crate::load::Load;
use crate::peers::{Door, Peer};

/// One case: how it is measured, and the rows it gives to the table.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) peers: &'static [Peer],
    pub(crate) rows: &'static [Row],
}

/// How a case is measured.
#[derive(Debug)]
pub(crate) enum Kind {
    /// CPU of an answered call.
    Cost(Door, &'static str, Load),
    /// Bytes of JSON shaped in a second of CPU.
    Input,
    /// Memory of an idle connection.
    Idle(Door),
    /// Latency at so many calls a second.
    Rate(u32),
    /// Latency while policies are read again.
    Reload,
    /// CPU of a call with one worker and with two.
    Workers,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) chinese: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
}

/// What Helan is to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    None,
    /// At most so many times a peer's figure.
    Ratio(Peer, f64),
    /// At most so much more than a peer's figure.
    Above(Peer, f64),
    Most(f64),
    Least(f64),
}

const ALL: &[Peer] = &Peer::ALL;
const HELAN: &[Peer] = &[Peer::Helan];
const CACHES: &[Peer] = &[Peer::Helan, Peer::Nginx, Peer::Haproxy];
const TWO: &[Peer] = &[Peer::Helan, Peer::Nginx];

const MICROS: &str = "µs CPU";

const fn row(name: &'static str, chinese: &'static str, unit: &'static str, goal: Goal) -> Row {
    Row { name, chinese, unit, goal }
}

/// All of them, in the order in which they run.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "tls-h1",
        kind: Kind::Cost(Door::Tls, "small", Load::Kept(64)),
        peers: ALL,
        rows: &[row("tls-h1", "TLS 长连接", MICROS, Goal::Ratio(Peer::Nginx, 1.15))],
    },
    Case {
        name: "tls-h2",
        kind: Kind::Cost(Door::Tls, "small", Load::Streams),
        peers: ALL,
        rows: &[row("tls-h2", "HTTP/2", MICROS, Goal::Ratio(Peer::Nginx, 1.2))],
    },
    Case {
        name: "plain-h1",
        kind: Kind::Cost(Door::Plain, "public", Load::Kept(64)),
        peers: ALL,
        rows: &[row("plain-h1", "开放平台明文", MICROS, Goal::Ratio(Peer::Nginx, 1.4))],
    },
    Case {
        name: "same-policies",
        kind: Kind::Cost(Door::Guarded, "small", Load::Kept(64)),
        peers: ALL,
        rows: &[row("same-policies", "同等策略", MICROS, Goal::Ratio(Peer::Envoy, 0.4))],
    },
    Case {
        name: "tls-new",
        kind: Kind::Cost(Door::Tls, "small", Load::New),
        peers: ALL,
        rows: &[row("tls-new", "每次新建 TLS", MICROS, Goal::Ratio(Peer::Nginx, 0.65))],
    },
    Case {
        name: "cache-hit",
        kind: Kind::Cost(Door::Tls, "kept", Load::Kept(64)),
        peers: CACHES,
        rows: &[row("cache-hit", "命中缓存", MICROS, Goal::Ratio(Peer::Nginx, 1.5))],
    },
    Case {
        name: "file-1m",
        kind: Kind::Cost(Door::Tls, "whole", Load::Kept(8)),
        peers: ALL,
        rows: &[row("file-1m", "1 MiB 文件", MICROS, Goal::Ratio(Peer::Nginx, 1.0))],
    },
    Case {
        name: "json-1m",
        kind: Kind::Input,
        peers: HELAN,
        rows: &[row("json-1m", "1 MiB JSON 裁剪", "MB/s a core", Goal::Least(700.0))],
    },
    Case {
        name: "idle-plain",
        kind: Kind::Idle(Door::Plain),
        peers: ALL,
        rows: &[row("idle-plain", "明文空闲连接", "KiB", Goal::Most(5.0))],
    },
    Case {
        name: "idle-tls",
        kind: Kind::Idle(Door::Tls),
        peers: ALL,
        rows: &[row("idle-tls", "TLS 空闲连接", "KiB", Goal::Most(12.0))],
    },
    Case {
        name: "rate-2000",
        kind: Kind::Rate(2_000),
        peers: TWO,
        rows: &[
            row("rate-2000 p50", "每秒 2000 次 p50", "µs", Goal::Above(Peer::Nginx, 200.0)),
            row("rate-2000 p99", "每秒 2000 次 p99", "µs", Goal::Ratio(Peer::Nginx, 2.0)),
        ],
    },
    Case {
        name: "rate-10000",
        kind: Kind::Rate(10_000),
        peers: TWO,
        rows: &[
            row("rate-10000 p50", "每秒 10000 次 p50", "µs", Goal::Above(Peer::Nginx, 300.0)),
            row("rate-10000 p99", "每秒 10000 次 p99", "µs", Goal::Ratio(Peer::Nginx, 2.5)),
        ],
    },
    Case {
        name: "reload",
        kind: Kind::Reload,
        peers: HELAN,
        rows: &[
            row("reload before p99", "重载前 p99", "µs", Goal::None),
            row("reload p99", "重载时 p99", "µs", Goal::Most(5000.0)),
            row("reload time", "重载用时", "s", Goal::None),
            row("reload memory", "重载后内存", "MiB", Goal::None),
        ],
    },
    Case {
        name: "workers",
        kind: Kind::Workers,
        peers: HELAN,
        rows: &[
            row("workers 1", "1 个工作线程", MICROS, Goal::None),
            row("workers 2", "2 个工作线程", MICROS, Goal::None),
            row("workers 2/1", "2 与 1 之比", "×", Goal::Most(1.1)),
        ],
    },
];

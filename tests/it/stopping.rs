//! How a node ends: `/readyz` fails first, then connections are turned away, then what is under way
//! finishes.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::caller::Caller;
use crate::support::city::{City, program};
use crate::support::eventually;
use crate::support::stand_in::{StandIn, json};

/// A node of its own on a city's folders.
struct Node(Child);

impl Node {
    fn start(config: &Path, address: &str) -> Self {
        let child = Command::new(program())
            .args(["serve", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the node's start", Duration::from_secs(30), || {
            TcpStream::connect(address.rsplit('/').next().unwrap()).ok()?;
            (Caller::public(address).get("/readyz", &[]).status == 200).then_some(())
        });
        Self(child)
    }

    fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_node_says_that_it_is_not_ready_before_it_turns_anybody_away_and_finishes_what_it_began() {
    let mut city = City::start();
    city.interrupt();
    let rest = city.shown.upstreams["rest"].rsplit('/').next().unwrap().to_owned();
    let _slow = StandIn::on(std::net::TcpListener::bind(rest).unwrap(), |_| {
        std::thread::sleep(Duration::from_millis(2_500));
        json(r#"{"total":1,"rows":[{"site":"YC01","aqi":52}]}"#)
    });
    let config = city.work().join("helan.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("unready_ms: 0", "unready_ms: 1500")).unwrap();
    let (opening, admin) = (city.shown.opening.clone(), city.shown.admin.clone());
    let node = wait_for(&config, &admin);

    let (under_way, ended) = std::thread::scope(|scope| {
        let call = scope.spawn(|| Caller::public(&opening).get("/ecology/air-quality", &[]));
        std::thread::sleep(Duration::from_millis(500));
        node.terminate();
        let told = Instant::now();
        eventually("/readyz to fail", Duration::from_secs(1), || {
            (Caller::public(&admin).get("/readyz", &[]).status == 503).then_some(())
        });
        let welcome = Caller::public(&opening).get("/catalog", &[]).status;
        assert!(told.elapsed() < Duration::from_millis(1_400), "too slow to show anything");
        assert_eq!(welcome, 200, "turned away though a balancer could not know yet");
        let answer = call.join().unwrap();
        eventually("the listener's end", Duration::from_secs(5), || {
            TcpStream::connect(opening.rsplit('/').next().unwrap()).is_err().then_some(())
        });
        (answer, told.elapsed())
    });

    assert_eq!(under_way.status, 200, "what was under way was cut");
    assert!(ended < Duration::from_secs(10), "{ended:?}");
}

fn wait_for(config: &Path, admin: &str) -> Node {
    eventually("the ports to be free", Duration::from_secs(10), || {
        TcpStream::connect(admin.rsplit('/').next().unwrap()).is_err().then_some(())
    });
    Node::start(config, admin)
}

//! How a node ends.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::node::{Client, node, read_all};

#[tokio::test]
async fn a_drain_finishes_what_is_under_way_and_lets_the_idle_go() {
    let node = node(|_| ());
    let mut busy = [
        Client::new(node.connect().await, false).await,
        Client::new(node.connect().await, true).await,
    ];
    let mut idle = Client::new(node.connect().await, false).await;
    assert_eq!(idle.get("/x").await.unwrap().0, 200);
    let [one, two] = &mut busy;
    let address = node.address;

    let drained = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let left = node.listening.drain(Duration::from_secs(4)).await;
        assert!(TcpStream::connect(address).await.is_err(), "still listening");
        left
    };
    let (one, two, left) = tokio::join!(one.get("/slow"), two.get("/slow"), drained);

    assert_eq!(one.unwrap(), (200, "slow".to_owned()));
    assert_eq!(two.unwrap(), (200, "slow".to_owned()));
    assert_eq!(left, 0);
    assert!(idle.get("/x").await.is_err());
}

#[tokio::test]
async fn who_just_connected_may_still_ask_once() {
    let mut node = node(|_| ());
    let mut socket = node.connect().await;
    node.listening.stop_accepting().await;
    let asked = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        socket.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        read_all(&mut socket).await.0
    };

    let (answer, left) = tokio::join!(asked, node.listening.drain(Duration::from_secs(4)));

    assert!(answer.ends_with("slow"), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn at_the_deadline_what_is_left_is_cut_and_does_not_look_whole() {
    let node = node(|_| ());
    let mut socket = node.connect().await;
    socket.write_all(b"GET /endless HTTP/1.0\r\n\r\n").await.unwrap();
    node.open(1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;

    let left = node.listening.drain(Duration::from_millis(200)).await;

    assert_eq!(left, 1);
    assert!(read_all(&mut socket).await.1.is_err());
}

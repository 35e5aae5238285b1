//! One worker: a thread, its runtime, and the connections it serves.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use futures_util::future::BoxFuture;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, watch};

use super::accept::Arrival;
use super::calls::Answer;
use super::io::scratch;
use super::serve::{Tools, serve};
use super::start::Workers;

/// Starts worker `number`; it serves until told to end, and then cuts what is left. What is to be done
/// beside serving is done on its thread, too.
pub(super) fn spawn<B: Answer>(
    number: usize,
    workers: &Workers<B>,
    (arrivals, beside): (mpsc::Receiver<Arrival>, Option<BoxFuture<'static, ()>>),
    end: watch::Receiver<bool>,
) -> io::Result<JoinHandle<()>> {
    let make = Arc::clone(&workers.make);
    thread::Builder::new().name(format!("helan-worker-{number}")).spawn(move || {
        let runtime =
            Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        match runtime {
            Ok(runtime) => runtime.block_on(async move {
                drop(beside.map(tokio::spawn));
                let tools = Tools { handler: make(number), scratch: scratch() };
                work(arrivals, end, Rc::new(tools)).await;
            }),
            Err(error) => tracing::error!(%error, number, "a worker cannot start"),
        }
    })
}

async fn work<B: Answer>(
    mut arrivals: mpsc::Receiver<Arrival>,
    mut end: watch::Receiver<bool>,
    tools: Rc<Tools<B>>,
) {
    loop {
        let arrival = tokio::select! {
            biased;
            _ = end.wait_for(|end| *end) => return,
            arrival = arrivals.recv() => arrival,
        };
        let Some(arrival) = arrival else { break };
        // Nobody joins it: its place and its load go with it.
        drop(tokio::task::spawn_local(serve(arrival, Rc::clone(&tools))));
    }
    // Nobody accepts any more; what is open goes on until it ends or the end is told.
    drop(end.wait_for(|end| *end).await);
}

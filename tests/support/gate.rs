//! A gate between node and broker: it can be shut, and it can go silent as a dead link does.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the gate does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// They go through.
    Open,
    /// They are closed, those that stand as well.
    Shut,
    /// Those that stand take what they are given, hand nothing on and answer nothing.
    Silent,
}

/// A gate on a port of its own.
pub struct Gate {
    pub address: SocketAddr,
    flow: watch::Sender<Flow>,
    _task: JoinSet<()>,
}

impl Gate {
    /// A gate that is shut.
    pub async fn to(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let address = listener.local_addr().expect("a port");
        let flow = watch::Sender::new(Flow::Shut);
        let mut task = JoinSet::new();
        task.spawn(guard(listener, broker, flow.clone()));
        Self {
            address,
            flow,
            _task: task,
        }
    }

    pub fn open(&self) {
        self.flow.send_replace(Flow::Open);
    }

    pub fn shut(&self) {
        self.flow.send_replace(Flow::Shut);
    }

    pub fn silence(&self) {
        self.flow.send_replace(Flow::Silent);
    }
}

async fn guard(listener: TcpListener, broker: SocketAddr, flow: watch::Sender<Flow>) {
    let mut connections = JoinSet::new();
    while let Ok((node, _)) = listener.accept().await {
        // What is accepted while the gate is not open is closed at once.
        if *flow.borrow() == Flow::Open {
            connections.spawn(pass(node, broker, flow.subscribe()));
        }
    }
}

async fn pass(mut node: TcpStream, broker: SocketAddr, mut flow: watch::Receiver<Flow>) {
    let Ok(mut broker) = TcpStream::connect(broker).await else {
        return;
    };
    for stream in [&node, &broker] {
        stream.set_nodelay(true).expect("the socket works");
    }
    let changed = flow.wait_for(|flow| *flow != Flow::Open);
    let now = tokio::select! {
        _ = copy_bidirectional(&mut node, &mut broker) => return,
        now = changed => now.map_or(Flow::Shut, |flow| *flow),
    };
    if now == Flow::Shut {
        // A reset may overtake what was handed on before: the broker reads it first.
        drop(broker.shutdown().await);
        return;
    }
    let mut swallowed = [0; 4096];
    let swallow =
        async { while matches!(node.read(&mut swallowed).await, Ok(count) if count > 0) {} };
    tokio::select! {
        () = swallow => {}
        // What was swallowed is missing: this connection can't go on.
        _ = flow.wait_for(|flow| *flow != Flow::Silent) => {}
    }
}

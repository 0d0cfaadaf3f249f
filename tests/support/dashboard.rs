//! A dashboard in the test's own process, and as much of HTTP as it takes to look at it.

use std::net::SocketAddr;

use piglow_node::fleet::Fleet;
use piglow_node::supervisor::Fault;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{config, within};

/// A dashboard that runs inside the test.
pub struct Dashboard {
    pub address: SocketAddr,
    stop: CancellationToken,
    task: JoinSet<Result<(), Fault>>,
}

/// The settings of a dashboard of the test's: at a free port, without a file.
pub const OWN: [(&str, &str); 2] = [("fleet.listen", "127.0.0.1:0"), ("fleet.history_file", "")];

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(of, _)| of.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value)
    }
}

impl Dashboard {
    /// Starts one for the nodes of a broker.
    pub async fn start(broker: SocketAddr, settings: &[(&str, &str)]) -> Self {
        let all: Vec<(&str, &str)> = OWN.iter().chain(settings).copied().collect();
        let config = config("dashboard", &format!("mqtt://{broker}"), &all);
        let fleet = Fleet::start(&config).await.expect("the dashboard starts");
        let address = fleet.address();
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(fleet.run(stop.clone()));
        Self {
            address,
            stop,
            task,
        }
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let ended = within("the dashboard's end", self.task.join_next()).await;
        ended
            .expect("it runs")
            .expect("it does not panic")
            .expect("no task ended by itself");
    }

    /// Sends a request with these lines in its head.
    pub async fn ask(&self, method: &str, path: &str, head: &[&str], body: &str) -> Answer {
        let stream = self.send(method, path, head, body).await;
        within("an answer", answer(stream)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[], &body.to_string()).await
    }

    async fn send(&self, method: &str, path: &str, head: &[&str], body: &str) -> TcpStream {
        send(self.address, method, path, head, body).await
    }

    /// The row of a node, as soon as it is as wanted.
    pub async fn row(&self, node: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        within(&format!("the row of {node}"), async {
            loop {
                let fleet = self.get("/api/v1/fleet").await.json();
                let rows = fleet["nodes"].as_array().cloned().unwrap_or_default();
                if let Some(row) = rows
                    .into_iter()
                    .find(|row| row["id"] == node && wanted(row))
                {
                    return row;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// Follows its events.
    pub async fn follow(&self, path: &str, head: &[&str]) -> Events {
        let stream = self.send("GET", path, head, "").await;
        Events {
            lines: BufReader::new(stream),
        }
    }
}

/// What a dashboard at an address answers.
pub async fn get(address: SocketAddr, path: &str) -> Answer {
    let stream = send(address, "GET", path, &[], "").await;
    within("an answer", answer(stream)).await
}

async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    head: &[&str],
    body: &str,
) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !head.iter().any(|line| line.starts_with("Host:")) {
        text.push_str(&format!("Host: {address}\r\n"));
    }
    for line in head {
        text.push_str(&format!("{line}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(text.as_bytes()).await.expect("it reads");
    stream
}

async fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an answer");
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no HTTP: {}", bytes.escape_ascii()));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split_whitespace().nth(1).expect("a status");
    Answer {
        status: status.parse().expect("a number"),
        body: bytes[end + 4..].to_vec(),
        head,
    }
}

/// Events as they come.
pub struct Events {
    lines: BufReader<TcpStream>,
}

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
}

impl Events {
    /// The next event; `None` when the stream has ended.
    pub async fn any(&mut self) -> Option<Event> {
        let (mut name, mut id) = (None, None);
        loop {
            let mut line = String::new();
            let read = within("an event", self.lines.read_line(&mut line)).await;
            if read.expect("a stream") == 0 {
                return None;
            }
            // Between them stand the lengths of the pieces in which it comes; no event is cut in two.
            let field = line.trim_end().split_once(": ");
            match field {
                Some(("event", value)) => name = Some(value.to_owned()),
                Some(("id", value)) => id = Some(value.to_owned()),
                Some(("data", value)) => {
                    return Some(Event {
                        name: name.expect("an event has a name"),
                        id,
                        data: serde_json::from_str(value).expect("data is JSON"),
                    });
                }
                _ => {}
            }
        }
    }

    /// The next event of a name that is as wanted; others are passed over.
    pub async fn next(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Event {
        within(&format!("an event {name}"), async {
            loop {
                let event = self.any().await.expect("the stream goes on");
                if event.name == name && wanted(&event.data) {
                    return event;
                }
            }
        })
        .await
    }
}

//! What somebody next to the broker hears of every node, and what has to be true of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rumqttc::{
    AsyncClient, Event, EventLoop, Incoming, IncomingPacketSizeLimit, MqttOptions, PublishOptions,
    QoS, SubscribeFilterInput,
};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::Heard;
use crate::support::ledger::Ledger;

/// Longer than a node may take for anything: after many failures it pauses for up to half a minute before it connects.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until a watched value is as wanted; a violation when it never is.
pub async fn until<T: Clone>(
    what: &str,
    watch: &mut watch::Receiver<T>,
    wanted: impl FnMut(&T) -> bool,
) {
    let waited = tokio::time::timeout(PATIENCE, watch.wait_for(wanted)).await;
    let found = waited.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"));
    drop(found.expect("the node runs"));
}

/// What was heard of one node.
#[derive(Debug, Default)]
pub struct Account {
    pub samples: Ledger,
    /// The numbers of the answers, by the command's `id`.
    pub answers: HashMap<String, BTreeSet<u64>>,
    /// What became of a command last, by its number.
    pub statuses: BTreeMap<u64, String>,
    pub availability: Option<bool>,
    /// How often it was said to be offline.
    pub departures: u64,
    pub health: Value,
}

/// The books of all nodes.
#[derive(Default)]
pub struct Books {
    accounts: Mutex<HashMap<String, Account>>,
    /// Messages noted.
    noted: watch::Sender<u64>,
}

impl Books {
    /// Looks at a node's account.
    pub fn of<T>(&self, node: &str, look: impl FnOnce(&mut Account) -> T) -> T {
        look(self.accounts().entry(node.to_owned()).or_default())
    }

    /// Waits until a node's account is as wanted; a violation when it never is.
    pub async fn until(&self, node: &str, what: &str, wanted: impl Fn(&Account) -> bool) {
        let mut noted = self.noted.subscribe();
        let waiting = async {
            loop {
                noted.mark_unchanged();
                if self.of(node, |account| wanted(account)) {
                    return;
                }
                noted.changed().await.expect("the books are open");
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            let account = self.of(node, |account| format!("{account:#?}"));
            panic!("{node}: waited {PATIENCE:?} in vain for {what}\n{account}");
        }
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, heard: &Heard) {
        let mut levels = heard.topic.splitn(3, '/').skip(1);
        let (Some(node), Some(leaf)) = (levels.next(), levels.next()) else {
            return;
        };
        self.of(node, |account| match leaf {
            "availability" => {
                let online = heard.payload == b"online";
                account.availability = Some(online);
                account.departures += u64::from(!online && !heard.retained);
            }
            "health" => account.health = heard.json(),
            "telemetry" => account.samples.note_live(&heard.json()),
            "telemetry/history" => account.samples.note_batch(&heard.json()),
            "light/result" => {
                let answer = heard.json();
                let number = answer["sequence"].as_u64().expect("an answer has a number");
                if let Some(id) = answer["id"].as_str() {
                    account
                        .answers
                        .entry(id.to_owned())
                        .or_default()
                        .insert(number);
                }
                let status = answer["status"].as_str().expect("an answer has a status");
                account.statuses.insert(number, status.to_owned());
            }
            _ => {}
        });
        self.noted.send_modify(|noted| *noted += 1);
    }
}

/// A client beside the broker, that comes back when the broker does.
pub struct Observer {
    requests: AsyncClient,
    subscribed: watch::Receiver<u64>,
    _task: JoinSet<()>,
}

impl Observer {
    /// Listens to everything below the root, and writes it into the books.
    pub async fn start(broker: SocketAddr, books: Arc<Books>) -> Self {
        let mut options =
            MqttOptions::new("chaos-observer", (broker.ip().to_string(), broker.port()));
        options.set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(1024 * 1024));
        let (requests, events) = AsyncClient::builder(options).capacity(4096).build();
        let (subscriptions, subscribed) = watch::channel(0);
        let mut task = JoinSet::new();
        task.spawn(listen(events, requests.clone(), books, subscriptions));
        let observer = Self {
            requests,
            subscribed,
            _task: task,
        };
        observer.is_back(1).await;
        observer
    }

    /// How often it has subscribed.
    pub fn subscriptions(&self) -> u64 {
        *self.subscribed.borrow()
    }

    /// Waits until it has subscribed so often.
    pub async fn is_back(&self, times: u64) {
        let mut subscribed = self.subscribed.clone();
        let back = subscribed.wait_for(|count| *count >= times);
        let back = tokio::time::timeout(PATIENCE, back).await;
        drop(
            back.expect("the observer comes back")
                .expect("the observer runs"),
        );
    }

    /// Sends a command, to arrive at least once.
    pub async fn command(&self, node: &str, payload: String) {
        self.requests
            .publish(
                format!("piglow/{node}/light/set"),
                payload,
                PublishOptions::at_least_once(),
            )
            .await
            .expect("the observer runs");
    }
}

async fn listen(
    mut events: EventLoop,
    requests: AsyncClient,
    books: Arc<Books>,
    subscriptions: watch::Sender<u64>,
) {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                // QoS 0: in order, without a queue that has an end, and nothing to be repeated.
                let everything = SubscribeFilterInput::new("piglow/+/#", QoS::AtMostOnce);
                if requests.try_subscribe_many(vec![everything]).is_err() {
                    return;
                }
            }
            Ok(Event::Incoming(Incoming::SubAck(_))) => {
                subscriptions.send_modify(|count| *count += 1)
            }
            Ok(Event::Incoming(Incoming::Publish(publish))) => books.note(&Heard {
                topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                payload: publish.payload.to_vec(),
                retained: publish.retain,
                correlation: None,
            }),
            Ok(Event::Incoming(_) | Event::Outgoing(_) | Event::Auth(_)) => {}
            // The broker is being restarted.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

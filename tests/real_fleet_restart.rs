//! Dashboard, broker and half of the nodes are restarted in every order: the picture is right again soon, and nothing is shown as
//! live that is not. `tests/run` runs them.

#![cfg(feature = "fleet")]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use support::free_port;
use support::http::exchange;
use support::mosquitto::Mosquitto;
use support::program::Program;

const HALF: usize = 20;

/// The goal is 10 s; this is what a busy machine gets.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sample a second; three intervals and a second of grace until a node is stale, as much again for a busy machine.
const LIVE_MILLIS: i64 = 8_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Dashboard,
    Broker,
    Nodes,
}

const ORDERS: [[Part; 3]; 6] = [
    [Part::Dashboard, Part::Broker, Part::Nodes],
    [Part::Dashboard, Part::Nodes, Part::Broker],
    [Part::Broker, Part::Dashboard, Part::Nodes],
    [Part::Broker, Part::Nodes, Part::Dashboard],
    [Part::Nodes, Part::Dashboard, Part::Broker],
    [Part::Nodes, Part::Broker, Part::Dashboard],
];

struct House {
    broker: Mosquitto,
    address: SocketAddr,
    dashboard: Program,
    /// The nodes that stay, and those that are restarted.
    _steady: Program,
    restarted: Program,
}

impl House {
    async fn open() -> Self {
        // All that it keeps of 40 nodes at once.
        let broker = Mosquitto::start("allow_anonymous true\nmax_queued_messages 0\n").await;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        Self {
            dashboard: dashboard(&broker, address),
            _steady: nodes(&broker, "steady"),
            restarted: nodes(&broker, "restarted"),
            broker,
            address,
        }
    }

    async fn restart(&mut self, part: Part) {
        match part {
            Part::Dashboard => {
                self.dashboard.signal("KILL");
                self.dashboard.ends().await;
                self.dashboard = dashboard(&self.broker, self.address);
            }
            Part::Broker => self.broker.restart().await,
            Part::Nodes => {
                self.restarted.signal("KILL");
                self.restarted.ends().await;
                self.restarted = nodes(&self.broker, "restarted");
            }
        }
    }

    /// What the dashboard shows; `None` while it does not answer. Whatever is shown as live has to be.
    fn picture(&self) -> Option<Picture> {
        let (status, picture) = exchange(self.address, "GET /api/v1/fleet", None).ok()?;
        assert_eq!(status, 200);
        let picture = Picture(picture);
        picture.tells_no_lie();
        Some(picture)
    }

    /// Waits until the picture is as wanted; how long that took.
    async fn shows(&self, what: &str, wanted: impl Fn(&Picture) -> bool) -> Duration {
        let begun = Instant::now();
        while !self.picture().is_some_and(|picture| wanted(&picture)) {
            assert!(
                begun.elapsed() < PATIENCE,
                "waited in vain for {what}: {:?}",
                self.picture()
            );
            tokio::task::yield_now().await;
        }
        begun.elapsed()
    }
}

fn nodes(broker: &Mosquitto, prefix: &str) -> Program {
    let url = format!("mqtt://{}", broker.address());
    let half = HALF.to_string();
    Program::start(&[
        "--url",
        &url,
        "simulate",
        "--prefix",
        prefix,
        "--nodes",
        &half,
        "--interval-secs",
        "1",
    ])
}

fn dashboard(broker: &Mosquitto, address: SocketAddr) -> Program {
    let url = format!("mqtt://{}", broker.address());
    let listen = format!("fleet.listen={address}");
    Program::start(&[
        "--url",
        &url,
        "--set",
        &listen,
        "--set",
        "fleet.history_file=",
        "fleet",
    ])
}

#[derive(Debug)]
struct Picture(Value);

impl Picture {
    fn rows(&self) -> impl Iterator<Item = &Value> {
        self.0["nodes"].as_array().into_iter().flatten()
    }

    fn is_live(row: &Value) -> bool {
        row["online"] == true && row["stale"] == false
    }

    /// All are there and live, with a sample that came after this, and all that a node says of itself.
    fn is_whole_since(&self, unix_millis: i64) -> bool {
        let is_right = |row: &Value| {
            Self::is_live(row)
                && row["at"].as_i64().is_some_and(|at| at >= unix_millis)
                && row["panel"] == "ok"
                && row["light"].is_object()
                && row["groups"]
                    .as_array()
                    .is_some_and(|groups| groups.len() == 1)
        };
        self.0["broker"]["connected"] == true
            && self.rows().count() == 2 * HALF
            && self.rows().all(is_right)
    }

    /// No node is shown as live that has been silent for long.
    fn tells_no_lie(&self) {
        let now = self.0["now"].as_i64().expect("a time");
        for row in self.rows().filter(|row| Self::is_live(row)) {
            if let Some(at) = row["at"].as_i64() {
                assert!(now - at < LIVE_MILLIS, "{row} is shown as live at {now}");
            }
        }
    }
}

fn unix_millis() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock");
    i64::try_from(since.as_millis()).expect("a time")
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn the_picture_is_right_again_after_restarts_in_every_order() {
    let mut longest = Duration::ZERO;
    for order in ORDERS {
        // A house of its own: nodes grow careful with a broker that is gone again and again.
        let mut house = House::open().await;
        house
            .shows("all nodes", |picture| picture.is_whole_since(0))
            .await;
        for part in order {
            house.restart(part).await;
        }
        let restarted = unix_millis();
        let taken = house
            .shows("all nodes", |picture| picture.is_whole_since(restarted))
            .await;
        println!(
            "{order:?}: right again after {:.1} s (goal: 10 s)",
            taken.as_secs_f64()
        );
        longest = longest.max(taken);
    }
    println!("the longest: {:.1} s", longest.as_secs_f64());
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn what_is_gone_is_not_shown_as_live() {
    let mut house = House::open().await;
    house
        .shows("all nodes", |picture| picture.is_whole_since(0))
        .await;
    let live = |prefix: &'static str| {
        move |picture: &Picture| {
            let of = |row: &&Value| row["id"].as_str().is_some_and(|id| id.starts_with(prefix));
            picture
                .rows()
                .filter(of)
                .filter(|row| Picture::is_live(row))
                .count()
        }
    };
    // Half of them die: their wills say so.
    house.restarted.signal("KILL");
    house.restarted.ends().await;
    house
        .shows("the dead to be offline and the others live", |picture| {
            live("restarted")(picture) == 0 && live("steady")(picture) == HALF
        })
        .await;
    // The dashboard comes anew, and hears of the dead only what the broker keeps.
    house.restart(Part::Dashboard).await;
    house
        .shows("the same by a new dashboard", |picture| {
            picture.rows().count() == 2 * HALF
                && live("restarted")(picture) == 0
                && live("steady")(picture) == HALF
        })
        .await;
    // Without a broker nothing is live for long.
    house.broker.kill();
    house
        .shows("nobody to be live without a broker", |picture| {
            picture.0["broker"]["connected"] == false
                && picture.rows().all(|row| !Picture::is_live(row))
        })
        .await;
    house.broker.restart().await;
    house
        .shows("the living to be live again", |picture| {
            live("steady")(picture) == HALF
        })
        .await;
}

//! A node in a process of its own, whose memory is looked at.

use std::time::Duration;

use fastrand::Rng;

use crate::World;
use crate::support::program::Program;
use crate::support::proxy::{Proxy, Strike};

/// Its id.
pub const NAME: &str = "witness";

/// By how much it may grow after it has been looked at first, in KiB: an allocator's slack, and 24 bytes a second at most.
const SLACK_KIB: u64 = 1024;

/// A running program, its link and its memory.
pub struct Witness {
    program: Program,
    proxy: Proxy,
    rng: Rng,
    /// Its private memory at each look, in KiB.
    looks: Vec<u64>,
}

impl Witness {
    pub async fn start(world: &World, rng: Rng) -> Self {
        let proxy = Proxy::start(world.broker).await;
        let url = format!("mqtt://{}", proxy.address());
        let program = Program::start_with(
            &["--url", &url, "--id", NAME],
            &[
                ("PIGLOW_PANEL__BACKEND", "simulated"),
                ("PIGLOW_LIGHT__STATE_FILE", ""),
                ("PIGLOW_TELEMETRY__INTERVAL_SECS", "1"),
                ("PIGLOW_MQTT__KEEP_ALIVE_SECS", "5"),
            ],
        );
        world
            .books
            .until(NAME, "online", |account| account.availability == Some(true))
            .await;
        Self {
            program,
            proxy,
            rng,
            looks: Vec::new(),
        }
    }

    /// Its link breaks.
    pub async fn suffer(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.rng.u64(500..8000))).await;
        self.proxy.strike(if self.rng.bool() {
            Strike::Cut
        } else {
            Strike::Reset
        });
    }

    /// Looks at its memory.
    pub fn look(&mut self) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.program.id()));
        let status = status.expect("it still runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        self.looks.push(kib.expect("its memory"));
    }

    /// Its memory has not grown since it was first looked at, when everything had happened to it once.
    pub fn close(mut self) -> String {
        self.look();
        let (first, last) = (self.looks[0], self.looks[self.looks.len() - 1]);
        let told = format!("its own memory at each look, in KiB: {:?}", self.looks);
        assert!(
            last <= first + SLACK_KIB,
            "{told}; expected at most {SLACK_KIB} more"
        );
        told
    }
}

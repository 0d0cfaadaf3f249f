//! The way back to the first broker.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{ConnectionError, Event, Packet};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::files::Access;
use super::options::{self, CONNECT_TIMEOUT, Start};
use super::outbox::Traffic;
use super::{Link, OpenError, Settings, refusal};

/// How long the look at the first broker may take in all.
const LOOK: Duration = CONNECT_TIMEOUT.saturating_add(Duration::from_secs(5));

/// Looks from time to time whether the first broker would take the node, while the node is with another one, and ends the
/// session there when it would.
///
/// A working connection is given up only after the first broker has accepted one with the same credentials: a port that is
/// open says nothing.
pub struct Homing {
    settings: Settings,
    link: watch::Receiver<Link>,
    traffic: Arc<Traffic>,
}

impl Homing {
    pub(super) fn new(
        settings: &Settings,
        link: watch::Receiver<Link>,
        traffic: Arc<Traffic>,
    ) -> Self {
        // A client id of its own: brokers that share their sessions would end the working one.
        let settings = Settings {
            client_id: format!("{}-probe", settings.client_id),
            will: None,
            session_expiry: Duration::ZERO,
            ..settings.clone()
        };
        Self {
            settings,
            link,
            traffic,
        }
    }

    /// Looks until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.look() => {}
        }
    }

    async fn look(&mut self) {
        loop {
            // The session lives longer than this task.
            if self
                .link
                .wait_for(|link| *link != Link::Down)
                .await
                .is_err()
            {
                return std::future::pending().await;
            }
            // Nodes that lost their broker together do not come to look together.
            sleep(
                self.settings
                    .homing_interval
                    .mul_f64(0.75 + fastrand::f64() / 2.0),
            )
            .await;
            if *self.link.borrow() == Link::Down || self.traffic.broker() == 0 {
                continue;
            }
            match timeout(LOOK, self.try_first()).await {
                Ok(Ok(())) => self.leave(),
                Ok(Err(trouble)) => debug!(trouble, "the first broker is not back"),
                Err(_) => debug!("the first broker is not back: it does not answer"),
            }
        }
    }

    fn leave(&self) {
        if *self.link.borrow() != Link::Down && self.traffic.broker() != 0 {
            if let Some(first) = self.settings.brokers.first() {
                info!(broker = %first.url, "the first broker is back; returning to it");
            }
            self.traffic.leave();
        }
    }

    /// Connects to the first broker and takes leave again.
    async fn try_first(&self) -> Result<(), String> {
        let Some(first) = self.settings.brokers.first() else {
            return Ok(());
        };
        let words = |error: OpenError| error.to_string();
        let access = Access::load_aside(first, &self.settings.tls)
            .await
            .map_err(words)?;
        let options =
            options::build(&self.settings, first, &access, Start::Clean).map_err(words)?;
        let (client, mut events) = options::client(options).map_err(words)?;
        let mut accepted = false;
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    accepted = true;
                    client.try_disconnect().map_err(|error| error.to_string())?;
                }
                Ok(_) => {}
                Err(ConnectionError::RequestsDone) if accepted => return Ok(()),
                Err(error) => {
                    return Err(refusal::of_connection(
                        &error,
                        &first.url,
                        &self.settings.tls,
                        accepted,
                    ));
                }
            }
        }
    }
}

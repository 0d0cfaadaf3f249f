//! Tasks with names, one token and somebody who joins them.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::pulse::Pulses;

/// A task that ended though nobody told it to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It returned.
    #[error("the task {0} ended by itself")]
    Ended(&'static str),
    /// It panicked.
    #[error("the task {0} panicked")]
    Panicked(&'static str),
}

/// The tasks of a node.
#[derive(Default)]
pub struct Supervisor {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    stop: CancellationToken,
    pulses: Pulses,
}

impl Supervisor {
    /// Makes a supervisor that adds the pulses of its tasks to these.
    #[must_use]
    pub fn new(pulses: Pulses) -> Self {
        Self {
            pulses,
            ..Self::default()
        }
    }

    /// The token that stops the tasks.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task, with a pulse of that name.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        // One kind of task for the runtime, whose machinery would be there once for each; and on the stack it is handed on as a
        // pointer.
        let task: Pin<Box<dyn Future<Output = ()> + Send>> =
            Box::pin(self.pulses.watched(name, task));
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits until a task ends, which none should.
    pub async fn fault(&mut self) -> Fault {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.name(&ended),
            None => std::future::pending().await,
        }
    }

    /// Tells the tasks to stop and waits for them; what is not done by then is aborted.
    pub async fn stop(&mut self, grace: Duration) {
        self.stop.cancel();
        let joined = tokio::time::timeout(grace, async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                match self.name(&ended) {
                    Fault::Ended(name) => debug!(name, "task stopped"),
                    fault @ Fault::Panicked(_) => warn!(%fault, "while stopping"),
                }
            }
        });
        if joined.await.is_err() {
            warn!(
                tasks = self.tasks.len(),
                ?grace,
                "tasks did not stop in time and are aborted"
            );
            self.tasks.shutdown().await;
        }
    }

    fn name(&self, ended: &Result<(Id, ()), JoinError>) -> Fault {
        let (id, panicked) = match ended {
            Ok((id, ())) => (*id, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let name = self.names.get(&id).copied().unwrap_or("unknown");
        if panicked {
            Fault::Panicked(name)
        } else {
            Fault::Ended(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_or_panics_is_a_fault_with_its_name() {
        let mut supervisor = Supervisor::default();
        let token = supervisor.token();
        supervisor.spawn("steady", async move { token.cancelled().await });
        supervisor.spawn("quitter", async {});
        assert_eq!(supervisor.fault().await, Fault::Ended("quitter"));
        supervisor.spawn("broken", async { panic!("as the test wants it") });
        assert_eq!(supervisor.fault().await, Fault::Panicked("broken"));
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_joins_the_willing_and_aborts_the_rest() {
        let mut supervisor = Supervisor::default();
        let token = supervisor.token();
        supervisor.spawn("willing", async move { token.cancelled().await });
        supervisor.spawn("stubborn", std::future::pending());
        supervisor.stop(Duration::from_secs(1)).await;
        assert!(supervisor.tasks.is_empty());
    }
}

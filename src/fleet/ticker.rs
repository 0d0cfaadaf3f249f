//! The loops that need a clock: batches of changes, what has become stale, and the frames of what is in view.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::hub::Shared;
use super::store::Store;
use super::streams::WATCH_SECS;
use crate::mqtt::{Handover, Link, Outbox};
use crate::protocol::{self, Topics};
use crate::pulse;
use crate::units::NodeId;

/// Between two batches: four a second.
const BATCH: Duration = Duration::from_millis(250);

/// Between two looks at what has become stale, and at what is to be mirrored.
const LOOK: Duration = Duration::from_secs(1);

/// Between two writes of the history: flash memory wears out by them, and a power cut costs what came since the last.
const SAVE: Duration = Duration::from_secs(300);

/// Tells what has changed: at once after a pause, and then at most four times a second.
pub(super) async fn tell(hub: Shared, stop: CancellationToken) {
    loop {
        let news = stop.run_until_cancelled(hub.news.notified());
        if pulse::rest(news).await.is_none() {
            return;
        }
        hub.flush();
        let pause = stop.run_until_cancelled(tokio::time::sleep(BATCH));
        if pulse::rest(pause).await.is_none() {
            return;
        }
        // What came in the pause.
        if hub.registry().has_news() {
            hub.news.notify_one();
        }
    }
}

/// Follows the link to the broker, and looks around once a second.
pub(super) async fn look(hub: Shared, outbox: Outbox, stop: CancellationToken) {
    let mut link = outbox.link();
    let mut next = Instant::now();
    loop {
        let changed = async {
            tokio::select! {
                () = stop.cancelled() => None,
                changed = link.changed() => changed.ok(),
                () = sleep_until(next) => Some(()),
            }
        };
        if pulse::rest(changed).await.is_none() {
            return;
        }
        let seen = *link.borrow_and_update();
        hub.set_link(seen, outbox.broker());
        if next <= Instant::now() {
            hub.look();
            next = Instant::now() + LOOK;
        }
    }
}

/// Asks the nodes that somebody has in view to mirror their frames.
pub(super) async fn mirror(hub: Shared, outbox: Outbox, topics: Topics, stop: CancellationToken) {
    let mut link = outbox.link();
    loop {
        let due = async {
            tokio::select! {
                () = stop.cancelled() => None,
                () = hub.views.notified() => Some(false),
                () = tokio::time::sleep(LOOK) => Some(false),
                changed = link.changed() => changed.ok().map(|()| true),
            }
        };
        let Some(is_new_link) = pulse::rest(due).await else {
            return;
        };
        if is_new_link {
            hub.streams().ask_all_again();
        }
        if *link.borrow_and_update() == Link::Down {
            continue;
        }
        let (wanted, unseen) = hub.streams().watch(hub.now());
        let seconds = wanted.iter().map(|node| (node, WATCH_SECS));
        for (node, secs) in seconds.chain(unseen.iter().map(|node| (node, 0))) {
            let Ok(id) = node.parse::<NodeId>() else {
                continue;
            };
            let sent = outbox.publish(protocol::frame_watch(&topics, &id, secs));
            if sent == Handover::QueueFull {
                hub.streams().ask_again(node);
            }
        }
    }
}

/// Saves the history every five minutes, and at the end.
pub(super) async fn keep(hub: Shared, store: Store, stop: CancellationToken) {
    loop {
        let pause = stop.run_until_cancelled(tokio::time::sleep(SAVE));
        let is_over = pulse::rest(pause).await.is_none();
        hub.registry().keep_unsaved(store.owed());
        let batch = hub.registry().unsaved();
        if is_over {
            // Beside the loops: a disk may take its time.
            let closed = tokio::task::spawn_blocking(move || store.close(batch)).await;
            if closed.is_err() {
                warn!("the history was not saved");
            }
            return;
        }
        let spans: BTreeSet<i64> = batch.iter().map(|page| page.span).collect();
        if !store.save(batch) {
            hub.registry().keep_unsaved(spans);
        }
    }
}

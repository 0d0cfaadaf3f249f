//! `piglow-node forget`: clears what the broker keeps of a node that is gone.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use tokio::sync::mpsc;

use super::client::{self, Listening};
use super::settings::Flags;
use super::{DONE, FAILED, OneNode, UNAVAILABLE, logging, runtime};
use crate::config::Config;
use crate::mqtt::{Delivered, Link};
use crate::protocol::{self, Address, Leaf, Topics};
use crate::units::NodeId;

/// How long the broker may take to let this program in, and to acknowledge.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is retained comes at once after the subscription; after this long without a message there is no more.
const QUIET: Duration = Duration::from_millis(700);

/// Messages that may wait to be looked at: a node has about 40.
const MESSAGES: usize = 1024;

#[derive(Args)]
#[command(after_help = NOTES)]
pub(super) struct Forget {
    #[command(flatten)]
    which: OneNode,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Also when the node is online: it publishes everything again at its next connection
    #[arg(long)]
    force: bool,
}

const NOTES: &str = "\
Clears the node's availability, info, health and states, and the message by which Home Assistant knows it: it vanishes there.
The user needs to be allowed to write these topics: one of the role `steward` of mosquitto/credentials is, or one with all
rights; the node's own is as well, but can't see what there is.";

impl Forget {
    pub(super) fn run(&self, flags: &Flags) -> anyhow::Result<u8> {
        let config = flags.load()?.config;
        let node = self.which.node.clone();
        let node = node.unwrap_or_else(|| config.node.id.clone());
        logging::to_stderr(&config.log);
        runtime()?.block_on(self.forget(&config, &node))
    }

    async fn forget(&self, config: &Config, node: &NodeId) -> anyhow::Result<u8> {
        let topics = Topics::new(config.mqtt.root.clone());
        let Some((kept, session)) = look(config, &topics, node).await? else {
            eprintln!(
                "piglow-node: the broker at {} does not answer",
                config.mqtt.broker_names()
            );
            return Ok(UNAVAILABLE);
        };
        let availability = topics.build(&Address::Node(node.clone()), Leaf::Availability);
        let online = kept
            .get(&availability)
            .is_some_and(|word| word == b"online");
        if online && !self.force {
            session.close().await;
            bail!("{node} is online; stop it first, or use --force");
        }
        for (topic, payload) in &kept {
            println!("{topic}  ({} bytes)", payload.len());
        }
        if kept.is_empty() {
            println!(
                "nothing of {node} can be seen: there is nothing, or this user may not read it"
            );
        }
        if !self.yes && !confirmed(node)? {
            session.close().await;
            println!("nothing was changed");
            return Ok(FAILED);
        }
        // What can't be seen may be there all the same.
        let mut all = topics.retained(node);
        all.push(protocol::discovery_topic(&config.discovery.prefix, node));
        all.extend(kept.keys().cloned());
        all.sort_unstable();
        all.dedup();
        let mut refused = Vec::new();
        for topic in all {
            if !clear(&session, &topic).await? {
                refused.push(topic);
            }
        }
        session.close().await;
        let Some((left, session)) = look(config, &topics, node).await? else {
            eprintln!("piglow-node: the broker went away; what it keeps is not known");
            return Ok(UNAVAILABLE);
        };
        session.close().await;
        let is_cleared = |topic: &&String| !left.contains_key(*topic) && !refused.contains(topic);
        for topic in kept.keys().filter(is_cleared) {
            println!("cleared {topic}");
        }
        refused.retain(|topic| !left.contains_key(topic));
        if left.is_empty() && refused.is_empty() {
            if kept.is_empty() {
                println!("cleared what a node has, unseen");
            }
            return Ok(DONE);
        }
        for topic in left.keys() {
            eprintln!("piglow-node: {topic} is still there");
        }
        if !refused.is_empty() {
            eprintln!(
                "piglow-node: {}: refused, and whether something is there can't be seen",
                some(&refused)
            );
        }
        eprintln!("piglow-node: {NEXT}");
        Ok(FAILED)
    }
}

/// What to do when something is left.
const NEXT: &str = "this user may not write these topics, or the node has published them again; stop the node, and use a \
                    user of the role `steward` (mosquitto/credentials), or one with all rights";

/// Clears a topic; false when the broker refuses.
async fn clear(session: &Listening, topic: &str) -> anyhow::Result<bool> {
    let gone = || format!("failed to clear {topic}: the broker went away; run this again");
    let handed = session
        .outbox
        .publish_tracked(protocol::cleared(topic.to_owned()));
    let Ok(delivery) = handed else {
        bail!(gone());
    };
    let Ok(delivered) = tokio::time::timeout(PATIENCE, delivery.wait()).await else {
        bail!("failed to clear {topic}: the broker did not answer within {PATIENCE:?}");
    };
    match delivered {
        Delivered::Acknowledged => Ok(true),
        Delivered::Refused => Ok(false),
        Delivered::Unknown => bail!(gone()),
    }
}

/// The first few of a list, and how many there are besides.
fn some(topics: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = topics[..topics.len().min(SHOWN)].join(", ");
    match topics.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn confirmed(node: &NodeId) -> anyhow::Result<bool> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        bail!("nobody can be asked here; use --yes to clear this without asking");
    }
    print!("Clear what the broker keeps of {node}? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// What the broker keeps of a node, as far as this user may read it, by topic; `None` when the broker is not there.
async fn look(
    config: &Config,
    topics: &Topics,
    node: &NodeId,
) -> anyhow::Result<Option<(BTreeMap<String, Vec<u8>>, Listening)>> {
    let filters = vec![
        topics.everything_of(node),
        protocol::discovery_topic(&config.discovery.prefix, node),
    ];
    let (sender, mut heard) = mpsc::channel(MESSAGES);
    let session = client::listen(config, "forget", filters, move |message| {
        if message.retained && !message.payload.is_empty() {
            // Full: far more than any node has.
            drop(sender.try_send((message.topic.to_owned(), message.payload.to_vec())));
        }
    })?;
    let mut link = session.outbox.link();
    let up = link.wait_for(|link| *link != Link::Down);
    if tokio::time::timeout(PATIENCE, up).await.is_err() {
        return Ok(None);
    }
    let mut kept = BTreeMap::new();
    while let Ok(Some((topic, payload))) = tokio::time::timeout(QUIET, heard.recv()).await {
        kept.insert(topic, payload);
    }
    Ok(Some((kept, session)))
}

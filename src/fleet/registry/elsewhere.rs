//! What other brokers keep of the nodes, where the brokers of a cluster keep each their own, as those of RabbitMQ do.

use std::collections::HashSet;

use super::Registry;
use super::gaps::Came;
use crate::protocol::{KEPT, Leaf};

impl Registry {
    /// The topics, about so many, that this broker has not and another one of a cluster may have whose brokers keep each their own;
    /// once in a connection, and only of nodes that are heard.
    pub fn missing_elsewhere(&mut self, count: usize) -> Vec<String> {
        let mut topics = Vec::new();
        if !std::mem::take(&mut self.search.elsewhere) {
            return topics;
        }
        let generation = self.link.generation;
        for node in self.nodes.values_mut() {
            let missing = Came::ALL.without(node.came).with(Came::AVAILABILITY);
            let is_missed = node.generation == generation && missing != Came::AVAILABILITY;
            if !is_missed || !node.may_be_elsewhere() {
                continue;
            }
            if topics.len() + missing.count() > count {
                self.search.elsewhere = true;
                break;
            }
            node.came = node.came.with(Came::ELSEWHERE);
            topics.extend(missing.topics(&self.rules.topics, &node.id));
        }
        self.tally.asked += topics.len() as u64;
        topics
    }

    /// Takes what another broker keeps: of nodes that by its word are there, which comes first, and only what was not known yet.
    /// A broker that a node has left keeps its last word that it went.
    pub fn take_elsewhere(
        &mut self,
        now: i64,
        living: &mut HashSet<String>,
        topic: &str,
        payload: &[u8],
    ) {
        self.tally.messages += 1;
        let topics = &self.rules.topics;
        let Some((id, leaf)) = topics.of_node(topic) else {
            return;
        };
        let generation = self.link.generation;
        let node = self.nodes.get(id);
        let is_wanted = node.is_some_and(|node| {
            node.generation == generation
                && node.came.has(Came::ELSEWHERE)
                && KEPT.contains(&leaf)
                && !node.came.has(Came::of(leaf))
        });
        if leaf == Leaf::Availability {
            if payload == b"online" {
                living.insert(id.to_owned());
            }
        } else if is_wanted && living.contains(id) {
            self.hear(now, id, leaf, payload, true);
        }
    }
}

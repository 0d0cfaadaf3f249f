//! What other brokers keep of the nodes, where the brokers of a cluster keep each their own, as those of RabbitMQ do.

use super::Registry;
use super::gaps::Came;
use crate::protocol::{KEPT, Leaf};

impl Registry {
    /// The topics, at most so many, by which other brokers tell whether nodes are there that are heard, and of which the broker in
    /// use has no word; once in a connection.
    pub fn missing_elsewhere(&mut self, count: usize) -> Vec<String> {
        let mut topics = Vec::new();
        if !std::mem::take(&mut self.search.elsewhere) {
            return topics;
        }
        let generation = self.link.generation;
        for node in self.nodes.values_mut() {
            if node.generation != generation || !node.may_be_elsewhere() || node.came.has_rest() {
                continue;
            }
            if topics.len() == count {
                self.search.elsewhere = true;
                break;
            }
            node.came = node.came.with(Came::ELSEWHERE);
            topics.extend(Came::AVAILABILITY.topics(&self.rules.topics, &node.id));
        }
        self.tally.asked += topics.len() as u64;
        topics
    }

    /// The topics of the nodes that are there by the word of the broker that was asked for that.
    pub fn missing_there(&mut self) -> Vec<String> {
        let nodes = self.nodes.values();
        let there = nodes.filter(|node| node.came.has(Came::THERE));
        let topics: Vec<String> = there
            .flat_map(|node| {
                Came::REST
                    .without(node.came)
                    .topics(&self.rules.topics, &node.id)
            })
            .collect();
        self.tally.asked += topics.len() as u64;
        topics
    }

    /// Nothing more is taken of the broker that was asked.
    pub fn leave_elsewhere(&mut self) {
        for node in self.nodes.values_mut() {
            node.came = node.came.without(Came::THERE);
        }
    }

    /// Takes what another broker keeps: of nodes that by its word are there, and only what is not known yet. A broker that a node has
    /// left keeps its last word that it went.
    pub fn take_elsewhere(&mut self, now: i64, topic: &str, payload: &[u8]) {
        self.tally.messages += 1;
        let topics = &self.rules.topics;
        let Some((id, leaf)) = topics.of_node(topic) else {
            return;
        };
        let generation = self.link.generation;
        let Some(node) = self.nodes.get_mut(id) else {
            return;
        };
        if node.generation != generation || !node.came.has(Came::ELSEWHERE) {
            return;
        }
        if leaf == Leaf::Availability {
            if payload == b"online" {
                node.came = node.came.with(Came::THERE);
            }
        } else if node.came.has(Came::THERE)
            && KEPT.contains(&leaf)
            && !node.came.has(Came::of(leaf))
        {
            self.hear(now, id, leaf, payload, true);
        }
    }
}

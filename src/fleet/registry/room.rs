//! The places for nodes.

use std::sync::Arc;

use super::Registry;

/// Where all places are taken, some are made: after this time, in milliseconds, and a sixteenth of all.
const PAUSE: u64 = 1_000;
const SHARE: usize = 16;

impl Registry {
    /// Whether there is room for another node. Where there is none, looks once a second for nodes that can be done without: first
    /// those that are not shown, then those that never said whether they are there, the longest silent ones first.
    pub(super) fn has_room(&mut self, now: i64) -> bool {
        let nodes_max = self.rules.nodes_max;
        if self.nodes.len() >= nodes_max && self.room_sought_at.abs_diff(now) >= PAUSE {
            self.room_sought_at = now;
            let nodes = self.nodes.values();
            let mut dispensable: Vec<(bool, i64, Arc<str>)> = nodes
                .filter(|node| !node.is_listed || !node.is_introduced)
                .map(|node| (node.is_listed, node.heard, Arc::clone(&node.id)))
                .collect();
            dispensable.sort_unstable();
            dispensable.truncate(nodes_max / SHARE + 1);
            dispensable.iter().for_each(|(_, _, id)| self.remove(id));
        }
        self.nodes.len() < nodes_max
    }
}

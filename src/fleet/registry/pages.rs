//! The history of all nodes as it is stored: a page for each span of five minutes.

use std::collections::BTreeSet;

use super::history::{SLOTS, SLOTS_OF_SPAN, SpanSteps};
use super::{Registry, SPAN_SECS};

/// Spans whose slots are known: an hour, and the one it began in.
pub const SLOT_SPANS: i64 = (SLOTS / SLOTS_OF_SPAN) as i64 + 1;

/// What is stored of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The span, counted from 1970.
    pub span: i64,
    /// Of each node the length of its id, the id, and six bytes: see `History::span`.
    pub means: Vec<u8>,
    /// Of each node the length of its id, the id, and its slots; empty when they are older than an hour.
    pub slots: Vec<u8>,
}

/// The bytes of a node's slots.
const SLOT_BYTES: usize = 3 * SLOTS_OF_SPAN;

impl Registry {
    /// The pages that have changed since the last time.
    pub fn unsaved(&mut self) -> Vec<Page> {
        let spans = std::mem::take(&mut self.unsaved);
        spans.into_iter().map(|span| self.page(span)).collect()
    }

    /// The pages are not saved after all.
    pub fn keep_unsaved(&mut self, spans: BTreeSet<i64>) {
        self.unsaved.extend(spans);
    }

    fn page(&self, span: i64) -> Page {
        let mut page = Page {
            span,
            means: Vec::new(),
            slots: Vec::new(),
        };
        for node in self.nodes.values() {
            let Some((steps, slots)) = node.history.span(span) else {
                continue;
            };
            // At most 64 bytes.
            let name = std::iter::once(node.id.len() as u8).chain(node.id.bytes());
            page.means.extend(name.clone().chain(steps));
            if let Some(slots) = slots {
                page.slots.extend(name.chain(slots));
            }
        }
        page
    }

    /// Puts back what was stored, before anything is heard of the nodes; they are not shown before that.
    pub fn restore(&mut self, now: i64, pages: &[Page]) {
        let now_secs = now.div_euclid(1000);
        let newest = now_secs.div_euclid(SPAN_SECS);
        for page in pages.iter().filter(|page| page.span <= newest) {
            for (id, slots) in entries::<SLOT_BYTES>(&page.slots) {
                if let Some(node) = self.node(now, id) {
                    node.history.restore_slots_of(now_secs, page.span, slots);
                }
            }
            for (id, steps) in entries::<{ size_of::<SpanSteps>() }>(&page.means) {
                if let Some(node) = self.node(now, id) {
                    node.history.restore_span(now_secs, page.span, *steps);
                }
            }
        }
    }
}

/// What a page holds of each node: its id and so many bytes; ends at the first that is not of that shape.
fn entries<const BYTES: usize>(page: &[u8]) -> impl Iterator<Item = (&str, &[u8; BYTES])> {
    let mut rest = page;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first()?;
        let (id, after) = after.split_at_checked(usize::from(*length))?;
        let (bytes, after) = after.split_first_chunk::<BYTES>()?;
        rest = after;
        Some((std::str::from_utf8(id).ok()?, bytes))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(page: Vec<u8>) {
            let _count = entries::<6>(&page).count();
        }
    }
}

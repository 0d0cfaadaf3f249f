//! Texts that many nodes have in common, each kept once.

use std::collections::HashSet;
use std::sync::Arc;

/// Texts in use, and some that were.
#[derive(Debug)]
pub(super) struct Words {
    known: HashSet<Arc<str>>,
    bytes: usize,
    bytes_max: usize,
    /// How many there may be before those that nobody uses are looked for.
    patience: usize,
}

impl Words {
    /// Keeps at most this many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            known: HashSet::new(),
            bytes: 0,
            bytes_max,
            patience: 1024,
        }
    }

    /// The text that is kept once; `None` when there is no room for another one.
    pub(super) fn keep(&mut self, text: &str) -> Option<Arc<str>> {
        if let Some(known) = self.known.get(text) {
            return Some(Arc::clone(known));
        }
        if self.known.len() >= self.patience || self.bytes + text.len() > self.bytes_max {
            self.forget_unused();
        }
        if self.bytes + text.len() > self.bytes_max {
            return None;
        }
        let word: Arc<str> = text.into();
        self.bytes += word.len();
        self.known.insert(Arc::clone(&word));
        Some(word)
    }

    fn forget_unused(&mut self) {
        self.known.retain(|word| Arc::strong_count(word) > 1);
        self.bytes = self.known.iter().map(|word| word.len()).sum();
        self.patience = self.known.len() * 2 + 1024;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_forgotten_when_nobody_uses_it_and_room_is_short() {
        let mut words = Words::new(10);
        let first = words.keep("12345678").unwrap();
        assert!(Arc::ptr_eq(&first, &words.keep("12345678").unwrap()));
        assert_eq!(words.keep("abcdefgh"), None);
        drop(first);
        assert_eq!(words.keep("abcdefgh").as_deref(), Some("abcdefgh"));
    }
}

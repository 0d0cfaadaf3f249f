//! Commands whose frame has not been latched yet.

use std::collections::VecDeque;
use std::time::Instant;

use crate::light::board::Segment;
use crate::light::{Command, Setting, Target};
use crate::protocol::{Outcome, Reply};

/// The most commands that wait for their frame.
///
/// Two layers of 28 segments and a blink make 57 that no other one supersedes, so that a full list always has one that can be
/// answered as superseded.
const WAITING: usize = 64;

/// What a command acts on: only a later one for the same supersedes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// A part of the board, or its switch and master level.
    Light(Target, Segment),
    /// The board with a picture of the command's own.
    Picture(Target),
    Identify,
    Setting(Setting),
}

impl Scope {
    pub(super) fn of(command: &Command) -> Self {
        if command.segment == Segment::Board && command.has_picture() {
            Self::Picture(command.target)
        } else {
            Self::Light(command.target, command.segment)
        }
    }

    /// Whether a later command for this supersedes one for the other.
    fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Picture(target), Self::Picture(earlier) | Self::Light(earlier, _))
            | (Self::Light(target, Segment::Board), Self::Picture(earlier)) => target == earlier,
            (this, other) => this == other,
        }
    }
}

/// A command that has been carried out on the stage.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) reply: Reply,
    pub(super) scope: Scope,
    pub(super) arrived: Instant,
    /// The first frame with its effect.
    frame: u64,
    superseded: Option<Successor>,
}

#[derive(Debug)]
struct Successor {
    id: Option<String>,
    frame: u64,
}

/// The commands that wait for their frame, oldest first.
#[derive(Debug, Default)]
pub(super) struct WaitingList {
    commands: VecDeque<Waiting>,
}

impl WaitingList {
    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Adds a command; when there are too many, gives one that can be answered as superseded.
    pub(super) fn push(
        &mut self,
        reply: Reply,
        scope: Scope,
        arrived: Instant,
        frame: u64,
    ) -> Option<(Reply, Outcome)> {
        for earlier in &mut self.commands {
            if scope.covers(earlier.scope) && earlier.superseded.is_none() {
                earlier.superseded = Some(Successor {
                    id: reply.id.clone(),
                    frame,
                });
            }
        }
        self.commands.push_back(Waiting {
            reply,
            scope,
            arrived,
            frame,
            superseded: None,
        });
        if self.commands.len() <= WAITING {
            return None;
        }
        let index = self
            .commands
            .iter()
            .position(|command| command.superseded.is_some())?;
        let command = self.commands.remove(index)?;
        let by = command.superseded.and_then(|successor| successor.id);
        Some((command.reply, Outcome::Superseded { by }))
    }

    /// Nothing after this frame is on its way: what waits for a later one is shown by it.
    pub(super) fn settle(&mut self, frame: u64) {
        for command in &mut self.commands {
            command.frame = command.frame.min(frame);
            if let Some(successor) = &mut command.superseded {
                successor.frame = successor.frame.min(frame);
            }
        }
    }

    /// Takes out the commands that a latched frame answers.
    pub(super) fn latched(&mut self, frame: u64, at: Instant) -> Vec<(Reply, Outcome)> {
        let mut answers = Vec::new();
        self.commands.retain_mut(|command| {
            if command.frame > frame {
                return true;
            }
            let outcome = match command.superseded.take() {
                // Its frame was replaced before the bus was free.
                Some(successor) if successor.frame <= frame => {
                    Outcome::Superseded { by: successor.id }
                }
                Some(_) | None => Outcome::Shown {
                    frame,
                    latency: at.saturating_duration_since(command.arrived),
                },
            };
            answers.push((std::mem::take(&mut command.reply), outcome));
            false
        });
        answers
    }

    /// Takes out everything, because the panel is away.
    pub(super) fn accept_all(&mut self, panel: &str) -> Vec<(Reply, Outcome)> {
        let accepted = |command: Waiting| {
            let outcome = Outcome::Accepted {
                panel: panel.to_owned(),
            };
            (command.reply, outcome)
        };
        self.commands.drain(..).map(accepted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const BOARD: Scope = Scope::Light(Target::Remote, Segment::Board);

    fn reply(id: &str) -> Reply {
        Reply {
            id: Some(id.to_owned()),
            ..Reply::default()
        }
    }

    fn ids(answers: &[(Reply, Outcome)]) -> Vec<(&str, &str)> {
        answers
            .iter()
            .map(|(reply, outcome)| {
                let status = match outcome {
                    Outcome::Shown { .. } => "shown",
                    Outcome::Accepted { .. } => "accepted",
                    Outcome::Superseded { .. } => "superseded",
                    Outcome::Rejected(_) => "rejected",
                };
                (reply.id.as_deref().unwrap_or_default(), status)
            })
            .collect()
    }

    #[test]
    fn a_frame_that_was_skipped_supersedes_its_command() {
        let now = Instant::now();
        let mut list = WaitingList::default();
        assert!(list.push(reply("a"), BOARD, now, 1).is_none());
        assert!(list.push(reply("b"), BOARD, now, 2).is_none());
        let answers = list.latched(2, now + Duration::from_millis(3));
        assert_eq!(ids(&answers), [("a", "superseded"), ("b", "shown")]);
        assert_eq!(
            answers[0].1,
            Outcome::Superseded {
                by: Some("b".into())
            }
        );
        assert_eq!(
            answers[1].1,
            Outcome::Shown {
                frame: 2,
                latency: Duration::from_millis(3)
            }
        );
    }

    #[test]
    fn a_frame_that_was_latched_first_shows_its_command() {
        let now = Instant::now();
        let mut list = WaitingList::default();
        assert!(list.push(reply("a"), BOARD, now, 1).is_none());
        assert!(list.push(reply("b"), BOARD, now, 2).is_none());
        assert_eq!(ids(&list.latched(1, now)), [("a", "shown")]);
        assert_eq!(ids(&list.latched(2, now)), [("b", "shown")]);
    }

    #[test]
    fn other_segments_do_not_supersede() {
        let now = Instant::now();
        let arm = Scope::Light(Target::Remote, "arm/top".parse().unwrap());
        let mut list = WaitingList::default();
        assert!(list.push(reply("a"), BOARD, now, 1).is_none());
        assert!(list.push(reply("b"), arm, now, 2).is_none());
        assert_eq!(ids(&list.latched(2, now)), [("a", "shown"), ("b", "shown")]);
    }

    #[test]
    fn a_picture_supersedes_segments_and_a_master_level_does_not() {
        let now = Instant::now();
        let arm = Scope::Light(Target::Remote, "arm/top".parse().unwrap());
        let picture = Scope::Picture(Target::Remote);
        let mut list = WaitingList::default();
        for (id, scope) in [("a", arm), ("b", picture), ("c", arm), ("d", BOARD)] {
            assert!(list.push(reply(id), scope, now, 1).is_none());
        }
        let answers = list.latched(1, now);
        let expected = [
            ("a", "superseded"),
            ("b", "superseded"),
            ("c", "shown"),
            ("d", "shown"),
        ];
        assert_eq!(ids(&answers), expected);
    }

    #[test]
    fn the_list_is_bounded_and_forgets_nobody() {
        let now = Instant::now();
        let mut list = WaitingList::default();
        let mut answered = 0;
        for number in 0..1000_u64 {
            answered += usize::from(list.push(reply("x"), BOARD, now, number).is_some());
            assert!(list.commands.len() <= WAITING);
        }
        assert_eq!(answered + list.accept_all("missing").len(), 1000);
    }

    #[test]
    fn a_settled_picture_answers_what_waited_for_the_next_frame() {
        let now = Instant::now();
        let mut list = WaitingList::default();
        assert!(list.push(reply("a"), BOARD, now, 8).is_none());
        list.settle(7);
        assert_eq!(ids(&list.latched(7, now)), [("a", "shown")]);
    }
}

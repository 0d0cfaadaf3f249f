//! What a node does again and again: a frame, a command, a sample. Shared by what counts it.

use std::hint::black_box;
use std::time::Duration;

use piglow_node::host::Host;
use piglow_node::light::board::Segment;
use piglow_node::light::{Inputs, Scenes, Settings, Stage};
use piglow_node::panel::{SimBus, Sn3218};
use piglow_node::protocol::{self, Delivery, Qos, Topics};
use piglow_node::telemetry::{Reading, Run, Sample, Stamp};
use piglow_node::units::NodeId;

/// Between two frames: 50 a second.
const FRAME: Duration = Duration::from_millis(20);

/// A node's parts without its tasks.
pub(crate) struct Work {
    stage: Stage,
    scenes: Scenes,
    chip: Sn3218<SimBus>,
    host: Host,
    topics: Topics,
    node: NodeId,
    earlier: Option<Reading>,
    now: Duration,
    done: u64,
}

impl Work {
    /// Sets the parts up, with a moving effect.
    pub(crate) fn new() -> Self {
        let mut work = Self {
            stage: Stage::new(&Settings::default()),
            scenes: Scenes::default(),
            chip: Sn3218::new(SimBus::new()),
            host: Host::open(),
            topics: Topics::new("piglow".parse().expect("a root")),
            node: "attic".parse().expect("an id"),
            earlier: None,
            now: Duration::ZERO,
            done: 0,
        };
        work.order(br#"{"effect":"rainbow"}"#);
        work
    }

    /// A frame of a moving picture, from the engine to the chip.
    pub(crate) fn frame(&mut self) {
        self.now += FRAME;
        let frame = self.stage.frame(self.now, &Inputs::default());
        self.chip.show(black_box(&frame)).expect("a bus");
    }

    /// A command, from its bytes to the frame that shows it.
    pub(crate) fn command(&mut self) {
        // Another than before.
        self.done += 1;
        let command: &[u8] = if self.done.is_multiple_of(2) {
            br#"{"color":"blue","brightness":128}"#
        } else {
            br#"{"color":"green","brightness":64}"#
        };
        self.order(black_box(command));
        self.frame();
    }

    /// A sample, from the kernel's files to the message; its length.
    pub(crate) fn sample(&mut self) -> usize {
        self.done += 1;
        let reading = self.host.sample();
        let stamp = Stamp {
            run: Run(7),
            sequence: self.done,
            unix_ms: 1_769_860_800_000,
            since_boot: Some(self.now),
        };
        let sample = Sample::of(self.earlier.as_ref(), &reading, stamp);
        self.earlier = Some(reading);
        let message = protocol::telemetry(&self.topics, &self.node, &sample, Qos::AtMostOnce);
        black_box(message.payload.len())
    }

    fn order(&mut self, payload: &[u8]) {
        let order =
            protocol::decode_set(Segment::Board, payload, Delivery::default(), &self.scenes);
        let order = order.expect("a command");
        let applied = self
            .stage
            .apply(self.now, &Inputs::default(), &order.command);
        applied.expect("no conflict");
    }
}

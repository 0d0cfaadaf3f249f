//! The renderer: owns the stage, answers commands, and hands frames to the panel.
//!
//! It owes nothing to the network: with no broker it goes on with what it has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::Responder;
use super::controls::{Adjustment, Controls};
use super::schedule::Schedule;
use super::solitude::Solitude;
use super::waiting::{Scope, WaitingList};
use crate::clock::{Alarm, Clock};
use crate::light::{Command, Conflict, Frame, Inputs, LightState, Readings, Stage};
use crate::mqtt::Link;
use crate::panel::{FrameSlot, PanelHealth, Receipt};
use crate::protocol::{Outcome, Reason, Rejection, Reply};
use crate::pulse;

/// Orders that may wait for the renderer; when the queue is full, the sender is told that the node is busy.
pub const ORDERS: usize = 256;

/// 2 ms: a timer may come a millisecond late, which is too much for frames that follow one another closer than this. They
/// follow the writer: while it writes one, the next is made.
const CLOSE: Duration = Duration::from_millis(2);

/// How long a frame may wait for the writer before the next takes its place: longer than two transfers on the slowest bus.
const TAKEN_WITHIN: Duration = Duration::from_millis(100);

/// What somebody asks of the LEDs.
#[derive(Debug)]
pub enum Order {
    /// A command.
    Set {
        /// What to show.
        command: Box<Command>,
        /// When it begins on the wall clock, in milliseconds since 1970; `None`: at once.
        start_unix_millis: Option<i64>,
        /// Where the answer goes.
        reply: Reply,
        /// When it arrived.
        arrived: Instant,
    },
    /// A blink by which a person finds this machine.
    Identify {
        /// For how long; zero ends it.
        duration: Duration,
        /// Where the answer goes.
        reply: Reply,
        /// When it arrived.
        arrived: Instant,
    },
    /// A change of the siren or a setting.
    Adjust {
        /// Which change.
        adjustment: Adjustment,
        /// Where the answer goes.
        reply: Reply,
        /// When it arrived.
        arrived: Instant,
    },
}

impl Order {
    /// Where the answer goes.
    pub(super) fn into_reply(self) -> Reply {
        match self {
            Self::Set { reply, .. } | Self::Identify { reply, .. } | Self::Adjust { reply, .. } => {
                reply
            }
        }
    }
}

/// Everything the renderer can hear.
enum Heard {
    Orders,
    Inputs,
    Receipt,
    PanelHealth,
    Link,
    ClockStep,
    WakeUp,
    Stop,
}

/// Turns orders, inputs and time into frames.
pub struct Renderer {
    stage: Stage,
    clock: Clock,
    orders: mpsc::Receiver<Order>,
    inputs: watch::Receiver<Inputs>,
    panel: FrameSlot,
    receipts: watch::Receiver<Option<Receipt>>,
    panel_health: watch::Receiver<PanelHealth>,
    responder: Arc<Responder>,
    /// The target, not each step of an animation.
    state: watch::Sender<LightState>,
    /// What a restart should bring back.
    lasting: watch::Sender<Option<LightState>>,
    controls: watch::Sender<Controls>,
    /// What of the host that which is seen depends on; the sampler reads no more for it.
    readings: watch::Sender<Readings>,
    batch: Vec<Order>,
    link: watch::Receiver<Link>,
    clock_steps: watch::Receiver<u64>,
    solitude: Solitude,
    schedule: Schedule,
    waiting: WaitingList,
    frame: Frame,
    /// When it was last looked at what is to be seen.
    painted: Duration,
    /// The number of `frame`; 0 before the first.
    number: u64,
}

impl Renderer {
    /// Makes a renderer for a stage.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a wire of its own, named where the node is put together"
    )]
    pub fn new(
        stage: Stage,
        clock: Clock,
        orders: mpsc::Receiver<Order>,
        inputs: watch::Receiver<Inputs>,
        panel: FrameSlot,
        receipts: watch::Receiver<Option<Receipt>>,
        panel_health: watch::Receiver<PanelHealth>,
        responder: Arc<Responder>,
        link: watch::Receiver<Link>,
        offline_after: Option<Duration>,
    ) -> Self {
        let state = watch::Sender::new(stage.state());
        let lasting = watch::Sender::new(stage.lasting());
        let controls = watch::Sender::new(Controls::of(&stage));
        let readings = watch::Sender::new(stage.readings());
        Self {
            stage,
            clock,
            orders,
            inputs,
            panel,
            receipts,
            panel_health,
            responder,
            state,
            lasting,
            controls,
            readings,
            batch: Vec::new(),
            link,
            clock_steps: watch::Sender::new(0).subscribe(),
            solitude: Solitude::new(offline_after, clock.now()),
            schedule: Schedule::default(),
            waiting: WaitingList::default(),
            frame: Frame::DARK,
            painted: Duration::ZERO,
            number: 0,
        }
    }

    /// What the LEDs are set to.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LightState> {
        self.state.subscribe()
    }

    /// What a restart should bring back: the remote layer, if it has no end.
    #[must_use]
    pub fn lasting(&self) -> watch::Receiver<Option<LightState>> {
        self.lasting.subscribe()
    }

    /// The siren and the settings.
    #[must_use]
    pub fn controls(&self) -> watch::Receiver<Controls> {
        self.controls.subscribe()
    }

    /// What of the host that which is seen depends on.
    #[must_use]
    pub fn readings(&self) -> watch::Receiver<Readings> {
        self.readings.subscribe()
    }

    /// Looks at the wall clock again at each of these.
    #[must_use]
    pub fn with_clock_steps(mut self, clock_steps: watch::Receiver<u64>) -> Self {
        self.clock_steps = clock_steps;
        self
    }

    /// Renders until it is told to stop.
    pub async fn run(&mut self, stop: CancellationToken) {
        let mut alarm = self.clock.alarm();
        self.paint();
        loop {
            match pulse::rest(self.hear(&stop, &mut alarm)).await {
                Heard::Stop => return,
                Heard::Orders => self.obey(),
                Heard::Inputs => {
                    self.paint();
                }
                Heard::Link => self.mind_the_link(),
                Heard::ClockStep => {
                    // What begins at a time of day begins when the clock, as it is set, reads that.
                    self.schedule.set(|start| self.clock.at_unix_millis(start));
                    self.wake_up();
                }
                Heard::WakeUp => self.wake_up(),
                Heard::Receipt => self.answer_latched(),
                Heard::PanelHealth => {
                    self.answer_if_panel_is_away();
                }
            }
        }
    }

    async fn hear(&mut self, stop: &CancellationToken, alarm: &mut Alarm) -> Heard {
        let inputs = self.inputs();
        let now = self.clock.now();
        let wake = [
            // Since the last look: what was to change meanwhile is due.
            self.stage.next_wake(self.painted, &inputs),
            self.schedule.next(),
            self.solitude.next(now),
        ];
        let wake = wake.into_iter().flatten().min();
        let (clock, panel) = (self.clock, &self.panel);
        let wake_up = async {
            let Some(at) = wake else {
                return std::future::pending().await;
            };
            if at.saturating_sub(now) < CLOSE {
                // Not taken for so long: the bus hangs, and the stage has its own times.
                drop(tokio::time::timeout(TAKEN_WITHIN, panel.taken()).await);
            }
            alarm.until(clock.instant(at)).await;
        };
        // A sender that is gone is a task that has ended, which the supervisor notices; here it is only silence.
        tokio::select! {
            biased;
            () = stop.cancelled() => Heard::Stop,
            count = self.orders.recv_many(&mut self.batch, ORDERS) => if count > 0 { Heard::Orders } else { Heard::Stop },
            // Nobody is woken for a frame that nobody asks about.
            Ok(()) = self.receipts.changed(), if !self.waiting.is_empty() => Heard::Receipt,
            Ok(()) = self.panel_health.changed() => Heard::PanelHealth,
            Ok(()) = self.link.changed() => Heard::Link,
            Ok(()) = self.clock_steps.changed() => Heard::ClockStep,
            Ok(()) = self.inputs.changed() => Heard::Inputs,
            () = wake_up => Heard::WakeUp,
        }
    }

    /// Obeys all orders that have arrived; those that begin later are kept.
    fn obey(&mut self) {
        let mut orders = std::mem::take(&mut self.batch);
        let due = orders
            .drain(..)
            .filter_map(|order| self.keep_if_later(order))
            .collect();
        self.batch = orders;
        self.carry_out(due);
    }

    fn mind_the_link(&mut self) {
        let is_up = *self.link.borrow_and_update() != Link::Down;
        self.solitude.hear(is_up, self.clock.now());
        self.paint();
    }

    fn wake_up(&mut self) {
        let due = self.schedule.take_due(self.clock.now());
        if due.is_empty() {
            self.paint();
        } else {
            self.carry_out(due);
        }
    }

    /// Gives back an order that is due, with the instant at which it begins on this node's clock.
    fn keep_if_later(&mut self, mut order: Order) -> Option<Order> {
        let Order::Set {
            command,
            start_unix_millis: Some(start),
            reply,
            arrived,
        } = &mut order
        else {
            return Some(order);
        };
        let begins = self.clock.at_unix_millis(*start);
        let ahead = begins.saturating_sub(self.clock.now());
        command.begins = Some(begins);
        // Its latency counts from when it should be seen.
        *arrived += ahead;
        if ahead.is_zero() {
            return Some(order);
        }
        let reply = reply.clone();
        if self.schedule.push(begins, order).is_err() {
            let busy = Rejection::new(Reason::Busy, "fewer commands that begin later; send again");
            self.responder.answer(&reply, Outcome::Rejected(busy));
        }
        None
    }

    /// Carries out orders, and shows what they add up to in one frame.
    fn carry_out(&mut self, orders: Vec<Order>) {
        let now = self.clock.now();
        let inputs = self.inputs();
        let mut carried_out = Vec::with_capacity(orders.len());
        for order in orders {
            match order {
                Order::Set {
                    command,
                    reply,
                    arrived,
                    ..
                } => match self.stage.apply(now, &inputs, &command) {
                    Ok(()) => carried_out.push((reply, Scope::of(&command), arrived)),
                    Err(conflict) => self
                        .responder
                        .answer(&reply, Outcome::Rejected(of_conflict(conflict))),
                },
                Order::Identify {
                    duration,
                    reply,
                    arrived,
                } => {
                    self.stage.identify(now, &inputs, duration);
                    carried_out.push((reply, Scope::Identify, arrived));
                }
                Order::Adjust {
                    adjustment,
                    reply,
                    arrived,
                } => {
                    adjustment.carry_out(&mut self.stage, now, &inputs);
                    carried_out.push((reply, adjustment.scope(), arrived));
                }
            }
        }
        self.tell_state();
        let changed = self.paint();
        let first = if !changed && self.stage.is_fading(self.clock.now()) {
            self.number + 1
        } else {
            self.number
        };
        for (reply, scope, arrived) in carried_out {
            if let Some((reply, outcome)) = self.waiting.push(reply, scope, arrived, first) {
                self.responder.answer(&reply, outcome);
            }
        }
        if !self.answer_if_panel_is_away() {
            self.answer_latched();
        }
    }

    /// The newest readings, with the local time where the picture needs it.
    fn inputs(&mut self) -> Inputs {
        let inputs = *self.inputs.borrow_and_update();
        Inputs {
            local_time: self
                .stage
                .needs_local_time()
                .then(|| self.clock.local_time()),
            ..inputs
        }
    }

    /// Hands the picture to the panel if it differs from the last one; true when it does.
    fn paint(&mut self) -> bool {
        let now = self.clock.now();
        let inputs = self.inputs();
        let is_alone = self.solitude.is_alone(now);
        let left = self.stage.leave_alone(now, &inputs, is_alone);
        if self.stage.drop_ended(now, &inputs) || left {
            self.tell_state();
        }
        let frame = self.stage.frame(now, &inputs);
        self.painted = now;
        let changed = frame != self.frame || self.number == 0;
        if changed {
            self.frame = frame;
            self.number += 1;
            self.panel.show(self.number, frame);
        } else if !self.stage.is_fading(now) {
            self.waiting.settle(self.number);
        }
        changed
    }

    fn tell_state(&self) {
        tell(&self.state, self.stage.state());
        tell(&self.lasting, self.stage.lasting());
        tell(&self.controls, Controls::of(&self.stage));
        tell(&self.readings, self.stage.readings());
    }

    fn answer_latched(&mut self) {
        let latched = self
            .receipts
            .borrow_and_update()
            .as_ref()
            .map(|receipt| (receipt.number, receipt.at));
        let Some((number, at)) = latched else { return };
        for (reply, outcome) in self.waiting.latched(number, at) {
            self.responder.answer(&reply, outcome);
        }
    }

    /// With the panel away, nothing that waits will be shown soon: true when that was said. One that has not been tried yet is
    /// not away.
    fn answer_if_panel_is_away(&mut self) -> bool {
        let health = self.panel_health.borrow_and_update();
        if !health.state.is_fault() {
            return false;
        }
        for (reply, outcome) in self.waiting.accept_all(&health.to_string()) {
            self.responder.answer(&reply, outcome);
        }
        true
    }
}

/// Wakes those who look only when there is something new to see.
fn tell<T: PartialEq>(sender: &watch::Sender<T>, value: T) {
    sender.send_if_modified(|told| {
        let differs = *told != value;
        *told = value;
        differs
    });
}

fn of_conflict(conflict: Conflict) -> Rejection {
    Rejection::new(Reason::Conflict, conflict.to_string())
}

//! A node in bad company: its link and its panel fail as its seed says, and after each spell it has to be right again.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use piglow_node::light::Frame;
use piglow_node::mqtt::Link;
use piglow_node::panel::SimFault;

use crate::World;
use crate::books::{Books, until};
use crate::support::proxy::{Proxy, Strike, Weather};
use crate::support::{LIMIT, TestNode};

/// Short, so that a link that is half open is noticed while the test lasts.
const KEEP_ALIVE_SECS: &str = "5";

/// What was done to a node, and what it did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deeds {
    pub spells: u64,
    pub panel_faults: u64,
    pub half_open: u64,
    pub commands: u64,
    pub delivered_twice: u64,
}

/// A node, the proxy before it, and its place in the books.
pub struct Subject {
    pub name: String,
    pub proxy: Proxy,
    pub deeds: Deeds,
    node: TestNode,
    rng: Rng,
    books: Arc<Books>,
    world: Arc<World>,
    /// Commands of this spell, to be answered.
    open: Vec<String>,
}

impl Subject {
    pub async fn start(name: String, rng: Rng, world: Arc<World>) -> Self {
        let proxy = Proxy::start(world.broker).await;
        let settings = [
            ("mqtt.keep_alive_secs", KEEP_ALIVE_SECS),
            ("health.socket", ""),
            ("light.state_file", ""),
        ];
        let node = TestNode::start(&name, proxy.address(), &settings);
        let books = Arc::clone(&world.books);
        books
            .until(&name, "online", |account| {
                account.availability == Some(true)
            })
            .await;
        Self {
            name,
            proxy,
            deeds: Deeds::default(),
            node,
            rng,
            books,
            world,
            open: Vec::new(),
        }
    }

    /// Some faults, one after another or at once, and then none: everything is right again.
    pub async fn spell(&mut self) {
        let troubles = self.rng.u32(1..=4);
        for _ in 0..troubles {
            if self.rng.u8(..10) < 6 {
                self.harm_panel();
            }
            self.harm_link().await;
        }
        self.proxy.set(Weather::Fair);
        self.mend_panel();
        self.check(troubles).await;
        self.deeds.spells += 1;
    }

    /// Waits a part of a longest time.
    async fn a_while(&mut self, longest: Duration) {
        tokio::time::sleep(longest.mul_f64(self.rng.f64())).await;
    }

    async fn harm_link(&mut self) {
        const LONGEST: Duration = Duration::from_millis(1500);
        match self.rng.u8(..16) {
            0..4 => {
                self.command().await;
                self.proxy.strike(Strike::Cut);
            }
            4..8 => {
                self.command().await;
                self.proxy.strike(Strike::Reset);
            }
            8..10 => {
                // It strikes what comes next: the command, or an acknowledgement.
                self.proxy.strike(Strike::Truncate(self.rng.usize(..40)));
                self.command().await;
            }
            10 => {
                let by = Duration::from_millis(self.rng.u64(5..200));
                self.spell_of(Weather::Delayed(by), LONGEST).await;
            }
            11 => {
                let pause = Duration::from_micros(self.rng.u64(50..500));
                self.spell_of(Weather::Throttled(pause), LONGEST).await;
            }
            12 => self.spell_of(Weather::Stalled, LONGEST).await,
            13 => {
                self.spell_of(Weather::Mute, LONGEST).await;
                // Else the node waits there for its time-out.
                self.proxy.strike(Strike::Cut);
            }
            14 => self.spell_of(Weather::Refusing, LONGEST).await,
            _ if self.rng.u8(..3) == 0 => self.half_open().await,
            _ => {
                self.command().await;
            }
        }
        self.a_while(Duration::from_millis(300)).await;
    }

    async fn spell_of(&mut self, weather: Weather, longest: Duration) {
        self.proxy.set(weather);
        self.command().await;
        self.a_while(longest).await;
        self.proxy.set(Weather::Fair);
    }

    /// Nothing passes, and nobody is told: the node has to find out by itself.
    async fn half_open(&mut self) {
        self.proxy.set(Weather::Stalled);
        self.command().await;
        let what = format!("{} to notice a half-open link", self.name);
        until(&what, &mut self.node.view.link, |link| *link == Link::Down).await;
        self.deeds.half_open += 1;
        self.proxy.strike(Strike::Reset);
        self.proxy.set(Weather::Fair);
    }

    fn harm_panel(&mut self) {
        let bus = &self.node.bus;
        self.deeds.panel_faults += 1;
        match self.rng.u8(..8) {
            0 => bus.unplug(),
            1 => bus.brown_out(),
            2 => bus.cut_after(self.rng.usize(..24)),
            3 => bus.unplug_after(self.rng.usize(..24)),
            4 => bus.set_bus_hz(Some(self.rng.u32(5_000..100_000))),
            _ => bus.fail_with(SimFault::ALL[self.rng.usize(..SimFault::ALL.len())]),
        }
    }

    fn mend_panel(&self) {
        let bus = &self.node.bus;
        bus.clear_fault();
        bus.replug();
        bus.set_bus_hz(None);
    }

    /// Commands a picture, to arrive at least once; what the board shows then.
    async fn command(&mut self) -> Frame {
        let lit: [bool; 18] = std::array::from_fn(|_| self.rng.bool());
        let levels = lit.map(|lit| if lit { 255 } else { 0 });
        self.deeds.commands += 1;
        let id = format!("{}-{}", self.name, self.deeds.commands);
        let payload = serde_json::json!({ "leds": levels, "id": id }).to_string();
        self.world.observer.command(&self.name, payload).await;
        self.open.push(id);
        Frame(lit.map(|lit| if lit { LIMIT } else { 0 }))
    }

    /// Every invariant, once nothing is wrong any more.
    async fn check(&mut self, troubles: u32) {
        let name = self.name.clone();
        let what = format!("{name} to be connected");
        until(&what, &mut self.node.view.link, |link| *link != Link::Down).await;
        let wanted = self.command().await;
        let open = std::mem::take(&mut self.open);
        self.books
            .until(&name, "an answer to each command", |account| {
                open.iter().all(|id| account.answers.contains_key(id))
            })
            .await;
        let what = format!("{name}'s last command, {wanted:?}");
        until(&what, &mut self.node.bus.subscribe(), |board| {
            board.frame == wanted
        })
        .await;
        // An unacknowledged command is delivered again after each break, and answered again.
        let most = open
            .iter()
            .map(|id| self.books.of(&name, |account| account.answers[id].len()))
            .max()
            .unwrap_or_default();
        assert!(
            most <= 1 + troubles as usize,
            "{name}: {most} answers to one command"
        );
        self.deeds.delivered_twice += u64::from(most > 1);
        self.books
            .until(&name, "each sample, and to be online", |account| {
                account.availability == Some(true) && account.samples.is_complete()
            })
            .await;
        self.books.of(&name, |account| account.samples.check());
    }

    /// The books close: every answer was heard, and there is one for each command that was received.
    pub async fn close(mut self) -> Deeds {
        self.command().await;
        let name = self.name.clone();
        let last = std::mem::take(&mut self.open).remove(0);
        self.books
            .until(&name, "the last answer", |account| {
                account.answers.contains_key(&last)
            })
            .await;
        // A change of the panel's state is told at once, and all counters with it.
        let before = self.books.of(&name, |account| account.health.clone());
        self.node.bus.unplug();
        self.node.bus.fail_with(SimFault::NoAcknowledge);
        self.command().await;
        self.books
            .until(&name, "health with a missing panel", |account| {
                account.health != before && account.health["panel"]["state"] == "missing"
            })
            .await;
        let (received, dropped, answered, highest) = self.books.of(&name, |account| {
            let count = |counter: &str| account.health["counters"][counter].as_u64();
            (
                count("commands_received").expect("a counter"),
                count("messages_dropped").expect("a counter"),
                account.statuses.len() as u64,
                account.statuses.keys().last().copied().unwrap_or_default(),
            )
        });
        // The command that brought the panel's state about may have been received after that was told.
        assert!(
            answered + dropped >= highest && received + 1 >= highest,
            "{name}: {received} commands, {answered} answers up to number {highest}, {dropped} dropped"
        );
        self.node.stop().await.expect("the node stops as it should");
        let deeds = self.deeds;
        self.books
            .until(&name, "offline", |account| {
                account.availability == Some(false)
            })
            .await;
        deeds
    }
}

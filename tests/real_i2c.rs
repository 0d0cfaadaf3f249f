//! The unmodified program at a mocked `/dev/i2c-1`: every byte that it writes, and every fault that the bus can have.
//! `tests/run` runs them; they need umockdev and mosquitto.

mod support;

use support::Client;
use support::i2c::{MockedBus, Transfer};
use support::mosquitto::Mosquitto;
use support::program::Program;

/// The chip's address (data sheet, "slave address").
const CHIP: u8 = 0x54;

/// A pointer without data: is anybody there?
const PROBE: [u8; 1] = [0x16];

/// Shut down, and every current at zero.
const DARK: [u8; 24] = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3F, 0x3F, 0x3F, 0,
];

/// A fault of the bus: the call that fails, its error number, and what the node says of it.
struct Trouble {
    call: &'static str,
    errno: u8,
    state: &'static str,
    says: &'static str,
}

const TRANSFER_TROUBLES: [Trouble; 4] = [
    Trouble {
        call: "RDWR",
        errno: 121,
        state: "missing",
        says: "no device answers at 0x54 on /dev/i2c-1: is the PiGlow seated",
    },
    Trouble {
        call: "RDWR",
        errno: 110,
        state: "stuck",
        says: "/dev/i2c-1 timed out: a line stays low; reseat the PiGlow",
    },
    Trouble {
        call: "RDWR",
        errno: 5,
        state: "stuck",
        says: "transfer failed on /dev/i2c-1: noise or a clock too fast",
    },
    Trouble {
        call: "RDWR",
        errno: 16,
        state: "busy",
        says: "address 0x54 on /dev/i2c-1 belongs to a kernel driver",
    },
];

/// A node on a mocked bus, at a broker of its own.
struct World {
    bus: MockedBus,
    client: Client,
    node: Program,
    _broker: Mosquitto,
}

impl World {
    /// Starts a node whose levels are the chip's: no gamma, no limit.
    async fn start(bus: MockedBus) -> Self {
        let broker = Mosquitto::open().await;
        let mut client = Client::connect(broker.address(), &["piglow/pi/#"]).await;
        let url = format!("mqtt://{}", broker.address());
        let mut arguments = vec!["--url".to_owned(), url];
        for setting in [
            "node.id=pi",
            "light.gamma=1",
            "light.brightness_limit=255",
            "light.state_file=",
            "health.socket=",
        ] {
            arguments.extend(["--set".to_owned(), setting.to_owned()]);
        }
        let environment = bus.environment();
        let environment = environment
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let node = Program::start_with(&arguments, &environment);
        client.online("pi").await;
        Self {
            bus,
            client,
            node,
            _broker: broker,
        }
    }

    /// Waits until the node says that its panel is so; why, for people.
    async fn panel(&mut self, state: &str) -> String {
        let health = self
            .client
            .hear(&format!("a panel that is {state}"), |heard| {
                heard.topic == "piglow/pi/health" && heard.json()["panel"]["state"] == state
            })
            .await;
        let detail = health.json()["panel"]["detail"].clone();
        detail.as_str().unwrap_or_default().to_owned()
    }

    /// Sends a raw picture, and waits until it has been answered; the answer.
    async fn picture(&mut self, id: &str, levels: [u8; 18]) -> serde_json::Value {
        let command = serde_json::json!({ "leds": levels, "transition": 0 });
        self.client.ask("pi", id, &command.to_string()).await
    }

    /// Stops the node, which ends in order.
    async fn stop(&mut self) {
        self.node.signal("TERM");
        assert_eq!(self.node.ends().await, Some(0), "{:#?}", self.node.said());
    }
}

/// The transfer that shows levels 1 to 18 on LEDs 1 to 18, each plus this.
fn counted(plus: u8) -> [u8; 24] {
    let mut bytes = [
        0, 1, 13, 14, 15, 16, 5, 4, 1, 2, 3, 6, 12, 11, 18, 10, 17, 9, 8, 7, 0x3F, 0x3F, 0x3F, 0,
    ];
    for current in &mut bytes[2..20] {
        *current += plus;
    }
    bytes
}

/// The levels 1 to 18, each plus this.
fn levels(plus: u8) -> [u8; 18] {
    std::array::from_fn(|index| index as u8 + 1 + plus)
}

/// The transfer that lights these outputs of the chip, 1 to 18.
fn lit(level: u8, outputs: &[usize]) -> [u8; 24] {
    let mut bytes = DARK;
    bytes[1] = 1;
    for output in outputs {
        bytes[1 + output] = level;
    }
    bytes
}

/// Whether a transfer is one that the node makes: the probe, or a whole picture that ends before the reset register.
fn is_ours(transfer: &Transfer) -> bool {
    let bytes = transfer.bytes.as_slice();
    let picture =
        bytes.len() == 24 && bytes[0] == 0 && bytes[1] <= 1 && bytes[20..] == [0x3F, 0x3F, 0x3F, 0];
    transfer.address == CHIP && (bytes == PROBE || picture)
}

#[tokio::test]
#[ignore = "needs umockdev and mosquitto; tests/run runs it"]
async fn what_is_commanded_is_on_the_bus_byte_for_byte() {
    let mut world = World::start(MockedBus::plugged().await).await;
    assert_eq!(world.panel("ok").await, "");
    assert_eq!(world.bus.told().transfers[0].bytes, PROBE);

    let shown = world.picture("picture", levels(0)).await;
    assert_eq!(shown["status"], "shown");
    world.bus.carries("each LED", &counted(0)).await;

    let red = r##"{"color":"#ff0000","brightness":255,"transition":0}"##;
    assert_eq!(world.client.ask("pi", "red", red).await["status"], "shown");
    world.bus.carries("a ring", &lit(255, &[7, 18, 1])).await;

    let topic = "piglow/pi/light/arm/right/set";
    let arm = r#"{"id":"arm","brightness":90,"transition":0}"#;
    world.client.publish(topic, arm, false).await;
    assert_eq!(world.client.result("pi", "arm").await["status"], "shown");
    let outputs = [18, 17, 16, 14, 12, 11];
    world.bus.carries("an arm", &lit(90, &outputs)).await;

    world.client.command("pi", "off").await;
    world.bus.carries("off", &lit(0, &[])).await;

    let breathe = r#"{"effect":"breathe","params":{"breaths_per_minute":60}}"#;
    world.client.ask("pi", "breathe", breathe).await;
    let before = world.bus.told().transfers.len();
    world
        .bus
        .tells("50 frames", |told| told.transfers.len() >= before + 50)
        .await;

    world.stop().await;
    world.bus.carries("darkness", &DARK).await;
    let told = world.bus.told();
    assert_eq!(told.strange, Vec::<String>::new());
    let others: Vec<_> = told.transfers.iter().filter(|t| !is_ours(t)).collect();
    assert!(others.is_empty(), "{others:02x?}");
}

#[tokio::test]
#[ignore = "needs umockdev and mosquitto; tests/run runs it"]
async fn each_fault_is_told_and_the_commanded_picture_comes_after_it() {
    let mut world = World::start(MockedBus::plugged().await).await;
    world.panel("ok").await;
    for (number, trouble) in TRANSFER_TROUBLES.iter().enumerate() {
        let Trouble {
            call,
            errno,
            state,
            says,
        } = trouble;
        let plus = number as u8 * 20;
        world.bus.order(&format!("fail {errno} {call}")).await;

        let accepted = world
            .picture(&format!("meanwhile-{errno}"), levels(plus))
            .await;
        assert_eq!(accepted["status"], "accepted", "{errno}: {accepted}");
        let panel = accepted["panel"].as_str().expect("why");
        assert!(panel.starts_with(&format!("{state}: {says}")), "{panel}");
        let detail = world.panel(state).await;
        assert!(detail.starts_with(says), "{errno}: {detail}");

        world.bus.order("mend").await;
        world
            .bus
            .carries("the picture of the command", &counted(plus))
            .await;
        world.panel("ok").await;
        let shown = world
            .picture(&format!("after-{errno}"), levels(plus + 1))
            .await;
        assert_eq!(shown["status"], "shown", "{errno}: {shown}");
    }
    world.stop().await;
    assert!(world.bus.told().transfers.iter().all(is_ours));
}

#[tokio::test]
#[ignore = "needs umockdev and mosquitto; tests/run runs it"]
async fn an_address_that_a_kernel_driver_holds_is_waited_for() {
    let mut bus = MockedBus::plugged().await;
    // The kernel refuses the address, not the transfer.
    bus.order("fail 16 SLAVE").await;
    let mut world = World::start(bus).await;
    let detail = world.panel("busy").await;
    assert!(
        detail.starts_with("address 0x54 on /dev/i2c-1 belongs to a kernel driver"),
        "{detail}"
    );
    let accepted = world.picture("meanwhile", levels(0)).await;
    assert_eq!(accepted["status"], "accepted", "{accepted}");
    assert_eq!(
        world.bus.told().transfers,
        [],
        "nothing was written past it"
    );

    world.bus.order("mend").await;
    world
        .bus
        .carries("the picture of the command", &counted(0))
        .await;
    world.panel("ok").await;
}

#[tokio::test]
#[ignore = "needs umockdev and mosquitto; tests/run runs it"]
async fn a_bus_that_comes_and_goes_is_followed() {
    let mut world = World::start(MockedBus::start().await).await;
    let missing =
        "/dev/i2c-1 does not exist: turn I2C on with \"sudo raspi-config nonint do_i2c 0\"";
    let detail = world.panel("missing").await;
    assert!(detail.starts_with(missing), "{detail}");

    world.bus.order("plug").await;
    world.panel("ok").await;
    let shown = world.picture("plugged", levels(0)).await;
    assert_eq!(shown["status"], "shown", "{shown}");

    // ENODEV is what a transfer ends with when the adapter behind an open file is gone.
    world.bus.order("fail 19 RDWR").await;
    world.picture("pulled", levels(1)).await;
    let detail = world.panel("missing").await;
    assert!(
        detail.starts_with("/dev/i2c-1 has no adapter behind it"),
        "{detail}"
    );

    world.bus.order("mend").await;
    world
        .bus
        .carries("the picture of the command", &counted(1))
        .await;
}

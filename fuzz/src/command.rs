//! Commands, from their bytes to the frames they add up to.
//!
//! An input is a byte of settings, then commands: a byte for the segment, one for the delivery, the payload.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use piglow_node::light::board::{LEDS, Segment};
use piglow_node::light::scene::{Easing, KeyframeDraft, SceneDraft, Shows};
use piglow_node::light::{Frame, Inputs, Night, Scenes, Settings, Stage};
use piglow_node::protocol::{
    self, Delivery, Leaf, Outcome, PAYLOAD_MAX, Reason, Refused, Rejection, Reply, Report, Request,
    Topics,
};
use piglow_node::units::{NodeId, Percent};

use super::BETWEEN;

/// The wall clock when the stage's clock began.
const EPOCH_MILLIS: i64 = 1_769_860_800_000;

/// The stage's clock at the first command: what begins in the past has to have a past.
const FIRST: Duration = Duration::from_secs(100);

/// How much time may pass before a command.
const STEPS: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_millis(1),
    Duration::from_millis(20),
    Duration::from_millis(333),
    Duration::from_secs(7),
    Duration::from_secs(3601),
    Duration::from_secs(86_400),
    Duration::from_secs(50 * 86_400),
];

/// The longest answer, in bytes: the catalogue of effects and a few names, whatever was sent.
const ANSWER_MAX: usize = 1536;

/// The longest state, in bytes.
const STATE_MAX: usize = 1024;

/// Commands that are carried out of one input: more teach nothing, and take their time.
const COMMANDS_MAX: usize = 8;

/// Decodes, applies and paints.
pub fn run(data: &[u8]) {
    let Some((settings, commands)) = data.split_first() else {
        return;
    };
    let house = house(*settings);
    let mut show = Show {
        house,
        stage: house.stage.clone(),
        now: FIRST,
        is_alone: false,
    };
    for command in commands.split(|byte| *byte == BETWEEN).take(COMMANDS_MAX) {
        if let [segment, delivery, payload @ ..] = command {
            show.take(*segment, *delivery, payload);
        }
    }
}

/// A stage with its settings, made once: its tables take longer than all else.
struct House {
    settings: Settings,
    scenes: Arc<Scenes>,
    stage: Stage,
    topics: Topics,
    node: NodeId,
}

fn house(settings: u8) -> &'static House {
    static HOUSES: [OnceLock<House>; 16] = [const { OnceLock::new() }; 16];
    let settings = settings & 15;
    HOUSES[usize::from(settings)].get_or_init(|| House::new(settings))
}

impl House {
    fn new(bits: u8) -> Self {
        let has = |bit: u8| bits >> bit & 1 == 1;
        let settings = Settings {
            allow_fast_flashes: has(0),
            current_limit_milliamps: has(1).then_some(40.0),
            night: has(2).then(|| Night {
                hours: "22:30-07:00".parse().expect("hours"),
                brightness_limit: 8,
            }),
            ..Settings::default()
        };
        let scenes = Arc::new(scenes(settings.allow_fast_flashes));
        let default = if has(3) { scenes.find("dawn") } else { None };
        Self {
            settings,
            stage: Stage::new(&settings).with_scenes(Arc::clone(&scenes), default),
            scenes,
            topics: Topics::new("piglow".parse().expect("a root")),
            node: "pi".parse().expect("a node"),
        }
    }
}

/// Three scenes: of pictures that blend, of effects, and of a scene within a scene.
fn scenes(allow_fast_flashes: bool) -> Scenes {
    let keyframe = |shows, secs, easing| KeyframeDraft {
        shows,
        duration: Duration::from_secs(secs),
        easing,
    };
    let named = |name: &str| Shows::Named(name.to_owned());
    let scene = |name: &str, repeat, keyframes| SceneDraft {
        name: name.parse().expect("a name"),
        summary: String::new(),
        repeat,
        keyframes,
    };
    let drafts = [
        scene(
            "dawn",
            1,
            vec![
                keyframe(Shows::Levels([1; LEDS]), 3, Easing::Smooth),
                keyframe(Shows::Levels([255; LEDS]), 1, Easing::Linear),
            ],
        ),
        scene(
            "parade",
            0,
            vec![
                keyframe(named("cpu_load"), 2, Easing::Step),
                keyframe(named("clock"), 5, Easing::Linear),
            ],
        ),
        scene(
            "day",
            3,
            vec![
                keyframe(named("dawn"), 9, Easing::Smooth),
                keyframe(named("parade"), 9, Easing::Step),
            ],
        ),
    ];
    Scenes::build(&drafts, allow_fast_flashes).expect("the scenes are sound")
}

/// A stage and its time.
struct Show {
    house: &'static House,
    stage: Stage,
    now: Duration,
    is_alone: bool,
}

impl Show {
    fn take(&mut self, segment: u8, delivery: u8, payload: &[u8]) {
        self.now += STEPS[usize::from(delivery & 7)];
        self.wake_up();
        if delivery & 16 != 0 {
            self.is_alone = !self.is_alone;
            self.stage
                .leave_alone(self.now, &self.inputs(), self.is_alone);
        }
        let segment = segment_of(segment);
        let delivery = Delivery {
            retained: delivery & 8 != 0,
            unix_millis: EPOCH_MILLIS
                + i64::try_from(self.now.as_millis()).expect("it is no million years"),
            allow_fast_flashes: self.house.settings.allow_fast_flashes,
        };
        match protocol::decode_set(segment, payload, delivery, &self.house.scenes) {
            Ok(request) => {
                assert!(!delivery.retained, "a retained command was obeyed");
                assert!(
                    payload.len() <= PAYLOAD_MAX,
                    "a command of any size was obeyed"
                );
                self.obey(request);
            }
            Err(Refused { id, rejection }) => self.answer(id, rejection),
        }
        self.look();
    }

    /// As the renderer does, which waits for a start that lies ahead.
    fn obey(&mut self, request: Request) {
        let mut command = request.command;
        if let Some(start) = request.start_unix_millis {
            let begins = Duration::from_millis(u64::try_from(start - EPOCH_MILLIS).unwrap_or(0));
            command.begins = Some(begins);
            self.now = self.now.max(begins);
            self.wake_up();
        }
        let before = self.stage.state();
        match self.stage.apply(self.now, &self.inputs(), &command) {
            Ok(()) => self.restart(),
            Err(conflict) => {
                assert_eq!(
                    self.stage.state(),
                    before,
                    "a refused command changed something"
                );
                self.answer(
                    request.id,
                    Rejection::new(Reason::Conflict, conflict.to_string()),
                );
            }
        }
    }

    fn answer(&self, id: Option<String>, rejection: Rejection) {
        let House { topics, node, .. } = self.house;
        let reply = Reply {
            id,
            ..Reply::default()
        };
        check_answer(topics, node, &reply, &Outcome::Rejected(rejection));
    }

    /// What is kept across a restart brings the same picture back.
    fn restart(&self) {
        let Some(lasting) = self.stage.lasting() else {
            return;
        };
        let kept = protocol::recreate(&lasting);
        assert!(kept.len() <= PAYLOAD_MAX, "{} bytes are kept", kept.len());
        let widest = Delivery {
            allow_fast_flashes: true,
            ..Delivery::default()
        };
        let text = String::from_utf8_lossy(&kept);
        let request = protocol::decode_set(Segment::Board, &kept, widest, &self.house.scenes)
            .unwrap_or_else(|refused| panic!("{text} is kept and then refused: {refused:?}"));
        let mut stage = self.house.stage.clone();
        stage
            .apply(self.now, &self.inputs(), &request.command)
            .expect("a command to the board");
        let restored = stage.lasting().as_ref().map(protocol::recreate);
        assert_eq!(
            restored.as_deref().map(String::from_utf8_lossy),
            Some(text),
            "after a restart"
        );
    }

    fn inputs(&self) -> Inputs {
        let percent = |value: f32| Percent::saturating(value);
        let noon = Duration::from_secs(43_200);
        let local_time = Duration::from_millis(((noon + self.now).as_millis() % 86_400_000) as u64);
        Inputs {
            cpu_load: percent(37.5),
            memory: percent(100.0),
            disk: None,
            network: percent(0.0),
            temperature_celsius: Some(61.5),
            load_average_1: Some(2.5),
            local_time: Some(local_time),
            ..Inputs::default()
        }
        .with_cores(&[Percent::ZERO; 4])
    }

    /// Drops what has ended, as the renderer does before it paints.
    fn wake_up(&mut self) {
        self.stage.drop_ended(self.now, &self.inputs());
    }

    /// Paints, and wakes up when the stage wants to.
    fn look(&mut self) {
        self.check_state();
        for _ in 0..3 {
            self.wake_up();
            let inputs = self.inputs();
            self.check_frame(&self.stage.frame(self.now, &inputs), &inputs);
            let Some(next) = self.stage.next_wake(self.now, &inputs) else {
                return;
            };
            assert!(
                next > self.now,
                "wakes at {next:?}, which is not after {:?}",
                self.now
            );
            self.now = next;
        }
    }

    fn check_frame(&self, Frame(levels): &Frame, inputs: &Inputs) {
        let settings = &self.house.settings;
        let limit = match (&settings.night, inputs.local_time) {
            (Some(night), Some(time)) if night.hours.contains(time) => night.brightness_limit,
            _ => settings.brightness_limit,
        };
        assert!(
            levels.iter().all(|level| *level <= limit),
            "{levels:?} passes {limit}"
        );
        if let Some(limit) = settings.current_limit_milliamps {
            let drawn = Frame(*levels).milliamps();
            assert!(
                drawn <= limit,
                "{levels:?} draws {drawn} mA, more than {limit}"
            );
        }
    }

    fn check_state(&self) {
        let House { topics, node, .. } = self.house;
        let state = self.stage.state();
        let board = protocol::light_state(topics, node, Segment::Board, &state, Some(EPOCH_MILLIS));
        assert!(
            board.payload.len() <= STATE_MAX,
            "a state of {} bytes",
            board.payload.len()
        );
        let report = protocol::observe(Leaf::LightState(Segment::Board), &board.payload);
        assert!(
            matches!(report, Some(Report::Light(_))),
            "{:?}",
            String::from_utf8_lossy(&board.payload)
        );
    }
}

/// The board or one of its parts.
fn segment_of(byte: u8) -> Segment {
    let parts: Vec<Segment> = std::iter::once(Segment::Board)
        .chain(Segment::parts())
        .collect();
    parts[usize::from(byte & 31) % parts.len()]
}

/// An answer is a JSON object of bounded size that says what is wrong and what would be right.
pub(super) fn check_answer(topics: &Topics, node: &NodeId, reply: &Reply, outcome: &Outcome) {
    for message in protocol::result(topics, node, reply, 1, outcome) {
        let text = String::from_utf8_lossy(&message.payload);
        assert!(text.len() <= ANSWER_MAX, "{} bytes: {text}", text.len());
        let answer: serde_json::Value = serde_json::from_str(&text).expect("an answer is JSON");
        assert_eq!(answer["id"].as_str(), reply.id.as_deref(), "{text}");
        assert!(answer["status"].is_string(), "{text}");
        if let Outcome::Rejected(rejection) = outcome {
            assert!(answer["reason"].is_string(), "{text}");
            assert!(
                answer["expected"]
                    .as_str()
                    .is_some_and(|expected| !expected.is_empty()),
                "{text}"
            );
            assert_eq!(
                answer["field"].as_str(),
                rejection.field.as_deref(),
                "{text}"
            );
            assert!(
                rejection.field.is_some() || rejection.value.is_none(),
                "a value of no field: {text}"
            );
        }
    }
    let report = protocol::observe_outcome(reply.id.as_deref(), outcome);
    assert!(report.is_some(), "{outcome:?} can't be read back");
}

//! What does not depend on time: allocations in the steady state, wake-ups over a simulated minute, bytes of a sample.

mod support;

#[path = "../benches/lean/work.rs"]
mod work;

use std::time::Duration;

use piglow_node::node::Node;
use piglow_node::panel::SimBus;
use support::config;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use work::Work;

/// Allocations of the second hundred times, each.
fn allocations(mut act: impl FnMut()) -> f64 {
    const TIMES: u32 = 100;
    (0..TIMES).for_each(|_| act());
    let counted = allocation_counter::measure(|| (0..TIMES).for_each(|_| act()));
    counted.count_total as f64 / f64::from(TIMES)
}

#[test]
fn a_frame_allocates_nothing() {
    let mut work = Work::new();
    assert!(allocations(|| work.frame()) <= 0.0);
}

#[test]
fn a_command_and_a_sample_allocate_no_more_than_they_have_to() {
    let mut work = Work::new();
    let command = allocations(|| work.command());
    let sample = allocations(|| {
        work.sample();
    });
    println!("allocations: {command} a command, {sample} a sample");
    assert!(command <= COMMAND_ALLOCATIONS, "{command} a command");
    assert!(sample <= SAMPLE_ALLOCATIONS, "{sample} a sample");
}

/// Measured: 4, for the names and values of the JSON object.
const COMMAND_ALLOCATIONS: f64 = 5.0;

/// Measured: 14, for the texts that sysinfo reads its files into, the cores' loads twice, the topic, the payload as it grows, times as
/// text. The CPU is due every 200 ms, and hardly ever here.
const SAMPLE_ALLOCATIONS: f64 = 17.0;

/// Still LEDs, telemetry each second, nobody who answers: how often the node's thread looks for something to do
/// in a minute of the runtime's own clock.
#[test]
fn a_node_at_rest_is_woken_for_its_samples_and_little_else() {
    const MINUTE: Duration = Duration::from_secs(60);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let woken = runtime.block_on(async {
        let still = [("light.default_effect", "solid")];
        let config = config("lean", "mqtt://127.0.0.1:1", &still);
        let node = Node::start(&config, SimBus::new()).expect("a node");
        let mut sample = node.view().measured.sample;
        let stop = CancellationToken::new();
        let watched = async {
            let metrics = Handle::current().metrics();
            tokio::time::sleep(Duration::from_secs(5)).await;
            sample.mark_unchanged();
            let (before, begin) = (metrics.worker_park_count(0), Instant::now());
            tokio::time::sleep(MINUTE).await;
            assert!(begin.elapsed() >= MINUTE);
            assert!(sample.has_changed().expect("the sampler runs"));
            metrics.worker_park_count(0) - before
        };
        tokio::select! {
            ended = node.run(stop) => panic!("{ended:?}"),
            woken = watched => woken,
        }
    });
    println!("wake-ups in a minute: {woken}");
    // Measured: 207. The runtime's timer wheel turns twice for a second, and the broker that is not there is looked for.
    assert!(woken <= 230, "{woken}");
    assert!(woken >= 60, "{woken}: it takes samples");
}

/// The documented sample of a Raspberry Pi, beside the same readings each in a topic of its own.
#[test]
fn a_sample_is_smaller_than_its_readings_in_topics_of_their_own() {
    const SAMPLE: &str = include_str!("golden/telemetry.json");
    const TOPIC: &str = "piglow/attic/telemetry";
    // A PUBLISH of QoS 0 without properties (MQTT 5, section 3.3).
    let packet = |topic: &str, payload: &str| {
        let rest = 2 + topic.len() + 1 + payload.len();
        1 + if rest < 128 { 1 } else { 2 } + rest
    };
    let sample: serde_json::Value = serde_json::from_str(SAMPLE).expect("JSON");
    let mut apart = 0;
    let mut rest = vec![(TOPIC.to_owned(), sample.clone())];
    while let Some((topic, value)) = rest.pop() {
        let below = |key: &dyn std::fmt::Display| format!("{topic}/{key}");
        match value {
            serde_json::Value::Object(fields) => {
                rest.extend(fields.into_iter().map(|(key, value)| (below(&key), value)));
            }
            serde_json::Value::Array(items) => {
                let items = items.into_iter().enumerate();
                rest.extend(items.map(|(index, value)| (below(&index), value)));
            }
            value @ (serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_)) => apart += packet(&topic, &value.to_string()),
        }
    }
    let together = packet(TOPIC, &sample.to_string());
    println!("bytes of a sample: {together}, in topics of their own {apart}");
    assert!(together * 100 <= apart * 60, "{together} of {apart}");
}

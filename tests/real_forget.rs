//! `piglow-node forget` at the broker as it is shipped: who can clear what a node that is gone has left, and what the others are
//! told. `tests/run` runs them; they need mosquitto and openssl.

#![cfg(feature = "demo")]

mod support;

use std::collections::BTreeSet;

use rumqttc::QoS;
use support::guarded::{Guarded, PEOPLE};
use support::guest::Guest;
use support::program::{Program, output};

const DISCOVERY: &str = "homeassistant/device/piglow-kitchen/config";

/// The command line of one of the users, for what follows it.
fn as_user(broker: &Guarded, user: &str, command: &[&str]) -> Vec<String> {
    let file = |file| broker.file_of(user, file).display().to_string();
    let url = format!("mqtts://localhost:{}", broker.tls);
    let mut arguments = vec!["--url".to_owned(), url];
    for setting in [
        format!("mqtt.username={user}"),
        format!("mqtt.password_file={}", file("password")),
        format!("mqtt.ca_file={}", file("ca.pem")),
    ] {
        arguments.extend(["--set".to_owned(), setting]);
    }
    arguments.extend(command.iter().map(|&word| word.to_owned()));
    arguments
}

/// The exit code, and what was said on standard output and on standard error.
async fn forget(broker: &Guarded, user: &str) -> (Option<i32>, String, String) {
    let command = ["forget", "--node", "kitchen", "--yes"];
    let done = output(&as_user(broker, user, &command), &[]).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

/// A node of this id that has said all it has to say, and is gone.
async fn came_and_went(broker: &Guarded) {
    let mut home = Guest::enter(broker, "hass").await;
    home.subscribe(DISCOVERY, QoS::AtLeastOnce).await;
    let own = [
        "node.id=kitchen",
        "panel.backend=simulated",
        "light.state_file=",
    ];
    let mut settings = Vec::new();
    for setting in own {
        settings.extend(["--set", setting]);
    }
    let mut node = Program::start(&as_user(broker, "kitchen", &settings));
    while home.hear(DISCOVERY).await.payload.is_empty() {}
    node.signal("TERM");
    assert_eq!(node.ends().await, Some(0), "{:#?}", node.said());
}

/// What is retained of all nodes, as far as the steward may read it: everything.
async fn retained(broker: &Guarded) -> BTreeSet<String> {
    let mut steward = Guest::enter(broker, "tidy").await;
    for filter in ["piglow/#", "homeassistant/device/+/config"] {
        steward.subscribe(filter, QoS::AtLeastOnce).await;
    }
    steward.catch_up().await;
    let topics = steward.inbox.iter().map(|heard| heard.topic.clone());
    topics.collect()
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_steward_clears_what_a_node_has_left_and_nothing_else() {
    let broker = Guarded::start(&PEOPLE).await;
    let mut hall = Guest::enter(&broker, "hall").await;
    let others = [
        "piglow/hall/info",
        "homeassistant/device/piglow-hall/config",
    ];
    for topic in others {
        assert!(hall.may_publish(topic, "kept", true).await, "{topic}");
    }
    came_and_went(&broker).await;
    // Somebody's mistake, which every new connection of a node of this name would hear.
    let mut operator = Guest::enter(&broker, "me").await;
    let mistake = "piglow/kitchen/light/set";
    assert!(operator.may_publish(mistake, "ON", true).await);
    let before = retained(&broker).await;
    assert!(before.len() > 30 && before.contains(mistake), "{before:?}");
    let mut home = Guest::enter(&broker, "hass").await;
    home.subscribe("homeassistant/#", QoS::AtLeastOnce).await;
    assert!(!home.hear(DISCOVERY).await.payload.is_empty());

    let (code, printed, errors) = forget(&broker, "tidy").await;
    assert_eq!(code, Some(0), "{printed}{errors}");
    for topic in before.difference(&others.map(str::to_owned).into()) {
        assert!(printed.contains(&format!("cleared {topic}\n")), "{printed}");
    }
    assert!(
        home.hear(DISCOVERY).await.payload.is_empty(),
        "it vanishes there"
    );
    assert_eq!(retained(&broker).await, others.map(str::to_owned).into());
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn who_may_not_is_told_what_is_still_there() {
    let broker = Guarded::start(&PEOPLE).await;
    came_and_went(&broker).await;
    let before = retained(&broker).await;
    let next = "use a user of the role `steward`";

    // They see the states, and may clear none.
    for user in ["me", "wall"] {
        let (code, printed, errors) = forget(&broker, user).await;
        assert_eq!(code, Some(1), "{user}: {printed}{errors}");
        assert!(!printed.contains("cleared"), "{user}: {printed}");
        for topic in before.iter().filter(|topic| *topic != DISCOVERY) {
            let line = format!("{topic} is still there\n");
            assert!(errors.contains(&line), "{user}: {errors}");
        }
        let unseen =
            format!("{DISCOVERY}: refused, and whether something is there can't be seen\n");
        assert!(errors.contains(&unseen), "{user}: {errors}");
        assert!(errors.contains(next), "{user}: {errors}");
    }
    // They see nothing, and are not told that all is well.
    for user in ["eye", "hall"] {
        let (code, printed, errors) = forget(&broker, user).await;
        assert_eq!(code, Some(1), "{user}: {printed}{errors}");
        assert!(
            printed.contains("nothing of kitchen can be seen"),
            "{user}: {printed}"
        );
        assert!(!printed.contains("cleared"), "{user}: {printed}");
        assert!(
            errors.contains(" more: refused, and ") && errors.contains(next),
            "{user}: {errors}"
        );
    }
    assert_eq!(retained(&broker).await, before);

    // Home Assistant may take the device away, and leaves the rest.
    let (code, printed, errors) = forget(&broker, "hass").await;
    assert_eq!(code, Some(1), "{printed}{errors}");
    assert!(
        printed.contains(&format!("cleared {DISCOVERY}\n")),
        "{printed}"
    );
    let mut rest = before;
    assert!(rest.remove(DISCOVERY));
    assert_eq!(retained(&broker).await, rest);

    // The node's own user sees nothing and clears it all.
    let (code, printed, errors) = forget(&broker, "kitchen").await;
    assert_eq!(code, Some(0), "{printed}{errors}");
    assert!(
        printed.contains("cleared what a node has, unseen"),
        "{printed}"
    );
    assert_eq!(retained(&broker).await, BTreeSet::new());
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn what_a_removed_user_had_retained_does_not_come_back_with_its_name() {
    let mut broker = Guarded::start(&PEOPLE).await;
    came_and_went(&broker).await;
    let before = retained(&broker).await;
    for is_forgotten in [false, true] {
        broker.credentials(&["remove", "kitchen"]);
        broker.reload().await;
        assert_eq!(retained(&broker).await, BTreeSet::new(), "withheld");
        if is_forgotten {
            let (code, printed, errors) = forget(&broker, "tidy").await;
            assert_eq!(code, Some(0), "{printed}{errors}");
            assert!(
                printed.contains("cleared what a node has, unseen"),
                "{printed}"
            );
        }
        broker.credentials(&["node", "kitchen"]);
        broker.stop();
        broker.restart().await;
        let there = retained(&broker).await;
        assert_eq!(there.is_empty(), is_forgotten, "{there:?}");
        assert!(is_forgotten || there == before, "{there:?}");
    }
}

//! The broker as it is shipped: what each user may do and, one by one, what is refused. `tests/run` runs them; they need
//! mosquitto, its clients and openssl.

#![cfg(feature = "demo")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rumqttc::QoS;
use support::guarded::{Guarded, PEOPLE};
use support::guest::{Guest, NOT_AUTHORIZED, Pass, Refusal, outcome};
use support::mosquitto::{program, run};

/// The table's columns, in the order of the people above.
const COLUMNS: [(&str, &str); 7] = [
    ("the node `<id>`", "kitchen"),
    ("another node", "hall"),
    ("dashboard", "wall"),
    ("operator", "me"),
    ("homeassistant", "hass"),
    ("steward", "tidy"),
    ("monitor", "eye"),
];

/// What the table's placeholders stand for.
const PLACEHOLDERS: [(&str, &str); 6] = [
    ("<id>", "kitchen"),
    ("<segment>", "ring/red"),
    ("<name>", "effect_speed"),
    ("<its group>", "attic"),
    ("<other group>", "cellar"),
    ("<anything>", "me/7"),
];

/// A row of the table in mosquitto/README.md.
struct Row {
    topic: String,
    readers: BTreeSet<&'static str>,
    writers: BTreeSet<&'static str>,
}

fn table() -> Vec<Row> {
    let text = include_str!("../mosquitto/README.md");
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with("| topic |"))
        .take_while(|line| line.starts_with('|'));
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim_matches('|');
        inner
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let head = cells(lines.next().expect("the table"));
    let titles: Vec<&str> = head[1..].iter().map(String::as_str).collect();
    assert_eq!(titles, COLUMNS.map(|(title, _)| title));
    lines.skip(1).map(|line| row(&cells(line))).collect()
}

fn row(cells: &[String]) -> Row {
    assert_eq!(cells.len(), 1 + COLUMNS.len(), "{cells:?}");
    let topic = PLACEHOLDERS
        .iter()
        .fold(cells[0].replace('`', ""), |topic, (from, to)| {
            topic.replace(from, to)
        });
    assert!(!topic.contains(['<', '>']), "{topic}");
    let mut row = Row {
        topic,
        readers: BTreeSet::new(),
        writers: BTreeSet::new(),
    };
    for (cell, (_, user)) in cells[1..].iter().zip(COLUMNS) {
        for right in cell.split_whitespace() {
            match right {
                "read" => row.readers.insert(user),
                "write" => row.writers.insert(user),
                other => panic!("{}: {other:?} is no right", row.topic),
            };
        }
    }
    row
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn each_may_do_what_the_table_says_and_nothing_else() {
    let rows = table();
    assert!(rows.len() > 30, "{} rows", rows.len());
    let broker = Guarded::start(&PEOPLE).await;
    let mut guests = BTreeMap::new();
    for (_, user) in COLUMNS {
        let mut guest = Guest::enter(&broker, user).await;
        for filter in ["#", "$SYS/#", "$CONTROL/#"] {
            guest.subscribe(filter, QoS::AtMostOnce).await;
        }
        guests.insert(user, guest);
    }

    for row in &rows {
        for (user, guest) in &mut guests {
            let taken = guest.may_publish(&row.topic, user, false).await;
            assert_eq!(
                taken,
                row.writers.contains(user),
                "{user} writes {}",
                row.topic
            );
        }
    }

    for (user, guest) in &mut guests {
        guest.catch_up().await;
        let heard: BTreeSet<(&str, String)> = guest
            .inbox
            .iter()
            .map(|heard| match heard.topic.as_str() {
                // The broker's own figures change while the test runs.
                topic if topic.starts_with("$SYS/") => (topic, String::new()),
                topic => (topic, heard.text()),
            })
            .collect();
        let (of_the_broker, of_users): (Vec<_>, Vec<_>) = heard
            .into_iter()
            .partition(|(topic, _)| topic.starts_with("$SYS/"));
        let readable = rows.iter().filter(|row| row.readers.contains(user));
        let allowed: Vec<(&str, String)> = readable
            .flat_map(|row| {
                row.writers
                    .iter()
                    .map(|writer| (row.topic.as_str(), (*writer).to_owned()))
            })
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        assert_eq!(of_users, allowed, "what {user} hears");
        let uptime = ("$SYS/broker/uptime", String::new());
        if *user == "eye" {
            assert!(of_the_broker.contains(&uptime), "{of_the_broker:?}");
        } else {
            assert_eq!(of_the_broker, [], "what {user} hears");
        }
    }
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_will_is_a_message_like_any_other() {
    let broker = Guarded::start(&PEOPLE).await;
    let mut operator = Guest::enter(&broker, "me").await;
    operator.subscribe("piglow/#", QoS::AtMostOnce).await;
    let mut home = Guest::enter(&broker, "hass").await;
    home.subscribe("homeassistant/#", QoS::AtMostOnce).await;
    for topic in [
        "piglow/hall/availability",
        "piglow/kitchen/light/set",
        "piglow/all/light/set",
        "homeassistant/status",
        "piglow/kitchen/availability",
    ] {
        Guest::dies_with_will(&broker, "kitchen", topic).await;
    }
    operator.catch_up().await;
    home.catch_up().await;
    let heard = |guest: &Guest| -> Vec<String> {
        guest
            .inbox
            .iter()
            .map(|heard| heard.topic.clone())
            .collect()
    };
    assert_eq!(heard(&operator), ["piglow/kitchen/availability"]);
    assert_eq!(heard(&home), [""; 0]);
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn what_is_retained_or_shared_is_no_way_around() {
    let broker = Guarded::start(&PEOPLE).await;
    let mut kitchen = Guest::enter(&broker, "kitchen").await;
    let discovery = "homeassistant/device/piglow-kitchen/config";
    for topic in ["piglow/kitchen/info", discovery] {
        assert!(kitchen.may_publish(topic, "kept", true).await, "{topic}");
    }
    let filters = [
        "#",
        "piglow/#",
        "piglow/kitchen/info",
        "+/kitchen/+",
        "$share/all/#",
        "$share/all/piglow/kitchen/#",
    ];
    for (user, heard) in [
        ("hall", vec![]),
        ("eye", vec![]),
        ("wall", vec!["piglow/kitchen/info"]),
        ("hass", vec![discovery, "piglow/kitchen/info"]),
    ] {
        let mut guest = Guest::enter(&broker, user).await;
        for filter in filters {
            guest.subscribe(filter, QoS::AtLeastOnce).await;
        }
        assert!(
            kitchen
                .may_publish("piglow/kitchen/info", "kept", true)
                .await
        );
        guest.catch_up().await;
        let topics: BTreeSet<&str> = guest
            .inbox
            .iter()
            .map(|heard| heard.topic.as_str())
            .collect();
        assert_eq!(topics, heard.into_iter().collect(), "{user}");
    }
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn taking_a_client_id_gives_nothing_of_what_waits_for_its_owner() {
    let broker = Guarded::start(&PEOPLE).await;
    let mut operator = Guest::enter(&broker, "me").await;
    let folder = broker.dir();
    let ca = folder.join("config/ca.pem").display().to_string();
    let resume = |user: &str, more: &'static [&str]| {
        let (user, port) = (user.to_owned(), broker.tls.to_string());
        let (password, ca, folder) = (broker.password_of(&user), ca.clone(), folder.clone());
        tokio::task::spawn_blocking(move || {
            let session = [
                "-V",
                "5",
                "-q",
                "1",
                "-i",
                "kitchens-own",
                "-c",
                "-x",
                "3600",
            ];
            let to = [
                "-h",
                "localhost",
                "-p",
                &port,
                "--cafile",
                &ca,
                "-u",
                &user,
                "-P",
                &password,
            ];
            let both = [
                "-t",
                "piglow/kitchen/light/set",
                "-t",
                "piglow/all/identify",
            ];
            run(
                "mosquitto_sub",
                &[&session[..], &to, &both, more].concat(),
                &folder,
            )
        })
    };
    resume("kitchen", &["-E"]).await.expect("mosquitto_sub");
    for (user, what, heard) in [
        ("kitchen", "its owner", "secret\n"),
        ("hall", "another", "fence\n"),
    ] {
        assert!(
            operator
                .may_publish("piglow/kitchen/light/set", "secret", false)
                .await
        );
        let session = resume(user, &["-C", "1"]);
        // What waits comes first; this ends the session of whom nothing waits for.
        while !session.is_finished() {
            assert!(
                operator
                    .may_publish("piglow/all/identify", "fence", false)
                    .await
            );
        }
        assert_eq!(session.await.expect("mosquitto_sub"), heard, "{what}");
    }
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_packet_over_the_limit_is_not_taken() {
    let broker = Guarded::start(&PEOPLE).await;
    let mut wall = Guest::enter(&broker, "wall").await;
    assert_eq!(wall.packet_limit, Some(65_536), "MQTT 5 is told");
    wall.subscribe("piglow/kitchen/info", QoS::AtMostOnce).await;
    let password = broker.password_of("kitchen");
    let (port, ca) = (broker.tls.to_string(), broker.dir().join("config/ca.pem"));
    // Of MQTT 3.1.1, where nobody is told.
    for (size, is_taken) in [(60_000, true), (66_000, false)] {
        let file = broker.dir().join("payload");
        fs::write(&file, "x".repeat(size)).expect("a file");
        let sent = std::process::Command::new(program("mosquitto_pub"))
            .args([
                "-V",
                "mqttv311",
                "-q",
                "1",
                "-h",
                "localhost",
                "-p",
                &port,
                "--cafile",
            ])
            .arg(&ca)
            .args([
                "-u",
                "kitchen",
                "-P",
                &password,
                "-t",
                "piglow/kitchen/info",
                "-f",
            ])
            .arg(&file)
            .output()
            .expect("mosquitto_pub starts");
        assert_eq!(
            sent.status.success(),
            is_taken,
            "{size}: {}",
            String::from_utf8_lossy(&sent.stderr)
        );
    }
    wall.catch_up().await;
    let sizes: Vec<usize> = wall.inbox.iter().map(|heard| heard.payload.len()).collect();
    assert_eq!(sizes, [60_000]);
    assert!(broker.log().contains("oversize"), "{}", broker.log());
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn who_is_removed_is_cut_off_and_what_they_retained_is_withheld() {
    let mut broker =
        Guarded::start(&[&PEOPLE[..], &["node porch --login certificate"]].concat()).await;
    let mut kitchen = Guest::enter(&broker, "kitchen").await;
    assert!(
        kitchen
            .may_publish("piglow/kitchen/info", "kept", true)
            .await
    );
    let porch = Pass::certificate_of(&broker, "porch");
    let mut connected = Guest::connect(&broker, &porch)
        .await
        .expect("it may come in");
    assert!(
        connected
            .may_publish("piglow/porch/info", "kept", true)
            .await
    );
    let mut hall = Guest::enter(&broker, "hall").await;
    let (old, wall) = (Pass::of(&broker, "kitchen"), Pass::of(&broker, "wall"));

    broker.credentials(&["remove", "kitchen", "porch"]);
    broker.credentials(&["renew", "wall"]);
    broker.reload().await;

    kitchen.loses_connection().await;
    assert!(
        !connected
            .may_publish("piglow/porch/info", "late", true)
            .await
    );
    for (what, pass) in [("kitchen", old), ("wall's old password", wall)] {
        let entered = outcome(Guest::connect(&broker, &pass).await);
        assert_eq!(entered, Err(NOT_AUTHORIZED), "{what}");
    }
    assert_eq!(
        outcome(Guest::connect(&broker, &porch).await),
        Err(Refusal::Hangup)
    );
    // Whoever was not meant stays, and the new password is good.
    assert!(hall.may_publish("piglow/hall/info", "kept", true).await);
    for is_restarted in [false, true] {
        if is_restarted {
            broker.stop();
            broker.restart().await;
        }
        let mut wall = Guest::enter(&broker, "wall").await;
        wall.subscribe("piglow/#", QoS::AtLeastOnce).await;
        wall.catch_up().await;
        let topics: Vec<&str> = wall
            .inbox
            .iter()
            .map(|heard| heard.topic.as_str())
            .collect();
        assert_eq!(topics, ["piglow/hall/info"], "restarted: {is_restarted}");
    }
}

//! `piglow-node doctor` as a person uses it, where nothing is there: no bus, no broker, or one that is none.

mod support;

use serde_json::Value;
use support::peer::{CONNECT, Peer, listener};
use support::program::output;
use support::{free_port, within};

/// The doctor's findings and its exit code.
struct Diagnosis {
    code: Option<i32>,
    report: Value,
}

impl Diagnosis {
    async fn of(arguments: &[&str]) -> Self {
        let mut all = vec!["--bus", "/dev/i2c-of-no-test"];
        all.extend(arguments);
        all.extend(["doctor", "--json"]);
        let output = output(&all, &[]).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(complaints, "", "{text}");
        Self {
            code: output.status.code(),
            report: serde_json::from_str(&text).expect("JSON"),
        }
    }

    /// The steps of the finding of a check that has this level and these words.
    fn says(&self, check: &str, level: &str, words: &str) -> Vec<&str> {
        let findings = self.report["findings"].as_array().expect("findings");
        let found = findings.iter().find(|finding| {
            finding["check"] == check
                && finding["level"] == level
                && finding["text"]
                    .as_str()
                    .is_some_and(|text| text.contains(words))
        });
        let found =
            found.unwrap_or_else(|| panic!("no {check} {level} {words:?}: {:#}", self.report));
        let steps = found["fix"].as_array().expect("steps").iter();
        steps
            .map(|step| {
                step["run"]
                    .as_str()
                    .or(step["do"].as_str())
                    .expect("a step")
            })
            .collect()
    }
}

#[tokio::test]
async fn a_port_where_nothing_listens_and_a_name_that_is_not_there_are_told_apart() {
    let url = format!("mqtt://127.0.0.1:{}", free_port());
    let closed = Diagnosis::of(&["--panel", "simulated", "--url", &url]).await;
    assert_eq!(closed.code, Some(1));
    closed.says("name", "ok", "an address");
    let steps = closed.says("tcp", "fail", "nothing listens at 127.0.0.1");
    assert!(!steps.is_empty());
    for check in ["login", "limits", "subscriptions", "publishing", "retained"] {
        closed.says(check, "skip", "not checked");
    }
    assert_eq!(closed.report["next"]["check"], "tcp");
    assert_eq!(closed.report["result"], "fail");

    let url = "mqtt://no-such-broker.invalid";
    let nameless = Diagnosis::of(&["--panel", "simulated", "--url", url]).await;
    let steps = nameless.says("name", "fail", "");
    assert!(
        steps.contains(&"getent hosts no-such-broker.invalid"),
        "{steps:?}"
    );
}

#[tokio::test]
async fn each_of_several_brokers_is_examined_and_named() {
    let (first, second) = (free_port(), free_port());
    let url = format!("mqtt://127.0.0.1:{first},mqtt://127.0.0.1:{second}");
    let diagnosis = Diagnosis::of(&["--panel", "simulated", "--url", &url]).await;
    let findings = diagnosis.report["findings"].as_array().expect("findings");
    let failed: Vec<&str> = findings
        .iter()
        .filter(|finding| finding["check"] == "tcp" && finding["level"] == "fail")
        .filter_map(|finding| finding["subject"].as_str())
        .collect();
    let expected = [first, second].map(|port| format!("mqtt://127.0.0.1:{port}"));
    assert_eq!(failed, expected);
}

#[tokio::test]
async fn a_broker_of_mqtt_3_1_1_is_recognised_as_one() {
    let listener = listener().await;
    let port = listener.local_addr().expect("a port").port();
    let url = format!("mqtt://127.0.0.1:{port}");
    let old_broker = async {
        loop {
            let mut peer = Peer::accept(&listener).await;
            let Ok(hello) = peer.try_read().await else {
                continue;
            };
            assert_eq!(hello.kind(), CONNECT);
            // Behind the name of the protocol is its version; Mosquitto 1.5 answers so to each.
            let is_known = hello.body[6] == 4;
            peer.write(&[0x20, 2, 0, u8::from(!is_known)]).await;
            if is_known {
                break;
            }
        }
    };
    let arguments = ["--panel", "simulated", "--url", &url];
    let (diagnosis, ()) = tokio::join!(Diagnosis::of(&arguments), within("MQTT 3.1.1", old_broker));
    let steps = diagnosis.says("login", "fail", "answers in MQTT 3.1.1 and not in MQTT 5");
    assert!(
        steps.iter().any(|step| step.contains("Mosquitto from 1.6")),
        "{steps:?}"
    );
    diagnosis.says("publishing", "skip", "not checked");
}

#[tokio::test]
async fn something_that_speaks_no_mqtt_at_all_is_not_waited_for() {
    let listener = listener().await;
    let port = listener.local_addr().expect("a port").port();
    let url = format!("mqtt://127.0.0.1:{port}");
    let web_server = async {
        loop {
            let mut peer = Peer::accept(&listener).await;
            if peer.try_read().await.is_ok() {
                peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        }
    };
    let arguments = ["--panel", "simulated", "--url", &url];
    let diagnosis = tokio::select! {
        diagnosis = Diagnosis::of(&arguments) => diagnosis,
        () = web_server => unreachable!("it accepts for ever"),
    };
    assert_eq!(diagnosis.code, Some(1));
    diagnosis.says("login", "fail", "is that a broker");
}

#[tokio::test]
async fn without_a_bus_the_panel_fails_and_everything_else_is_checked_all_the_same() {
    let url = format!("mqtt://127.0.0.1:{}", free_port());
    let diagnosis = Diagnosis::of(&["--url", &url]).await;
    assert_eq!(diagnosis.code, Some(1));
    let findings = diagnosis.report["findings"].as_array().expect("findings");
    let of_panel = |finding: &&Value| finding["section"] == "panel" && finding["level"] == "fail";
    let failure = findings
        .iter()
        .find(of_panel)
        .expect("a failure of the panel");
    assert_ne!(
        failure["fix"].as_array().map(Vec::len),
        Some(0),
        "{failure:#}"
    );
    diagnosis.says("tcp", "fail", "nothing listens");
    diagnosis.says("time", "ok", "");
    let count = |level: &str| {
        let alike = |finding: &&Value| finding["level"] == level;
        findings.iter().filter(alike).count()
    };
    for level in ["ok", "info", "skip", "warn", "fail"] {
        assert_eq!(diagnosis.report["counts"][level], count(level), "{level}");
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_told_first_and_host_and_panel_are_checked_all_the_same() {
    let diagnosis = Diagnosis::of(&["--set", "mqtt.hots=x", "--set", "light.gamma=9"]).await;
    assert_eq!(diagnosis.code, Some(78));
    assert_eq!(diagnosis.report["next"]["section"], "configuration");
    assert_eq!(diagnosis.report["node"], Value::Null);
    diagnosis.says("options", "fail", "mqtt.hots");
    diagnosis.says("options", "fail", "light.gamma");
    let findings = diagnosis.report["findings"].as_array().expect("findings");
    for section in ["host", "panel", "clock"] {
        let is_checked = |finding: &Value| finding["section"] == section;
        assert!(findings.iter().any(is_checked), "{section}");
    }
    diagnosis.says("login", "skip", "the configuration can't be used");
}

#[tokio::test]
async fn a_file_that_is_missing_is_named_with_its_key() {
    let diagnosis = Diagnosis::of(&[
        "--panel",
        "simulated",
        "--url",
        "mqtts://127.0.0.1:1",
        "--set",
        "mqtt.ca_file=/nowhere/ca.pem",
    ])
    .await;
    diagnosis.says(
        "url",
        "fail",
        "`mqtt.ca_file` is /nowhere/ca.pem, which can't be read",
    );
}

#[tokio::test]
async fn people_get_one_line_a_finding_without_colours_and_the_next_step_last() {
    let url = format!("mqtt://127.0.0.1:{}", free_port());
    let output = output(&["--panel", "simulated", "--url", &url, "doctor"], &[]).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains('\x1b'), "{text}");
    let sections: Vec<&str> = text
        .lines()
        .filter(|line| ["host", "panel", "configuration", "broker", "clock"].contains(line))
        .collect();
    assert_eq!(
        sections,
        ["host", "panel", "configuration", "broker", "clock"]
    );
    let end = text.split("First").nth(1).expect("what to do first");
    assert!(end.contains("broker, tcp: nothing listens"), "{text}");
    assert!(end.contains("$ ") || end.contains("→ "), "{text}");
}

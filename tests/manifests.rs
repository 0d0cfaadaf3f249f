//! What `integrations/` has for Kubernetes and Swarm, as far as it can be told without either: the configuration is one that the
//! node takes, and a container gets one device and nothing else. `tests/run manifests` checks the files against Kubernetes' schemas.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use piglow_node::config::{self, Sources};
use piglow_node::light::effect::EFFECTS;
use serde::Deserialize;
use yaml_serde::{Deserializer, Value};

const KUBERNETES: [&str; 3] = [
    include_str!("../integrations/kubernetes/device-plugin.yaml"),
    include_str!("../integrations/kubernetes/piglow-node.yaml"),
    include_str!("../integrations/containers-move/kubernetes.yaml"),
];
const SWARM: [&str; 2] = [
    include_str!("../integrations/swarm/stack.yaml"),
    include_str!("../integrations/containers-move/swarm.yaml"),
];

fn documents(text: &str) -> Vec<Value> {
    Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).expect("YAML"))
        .collect()
}

/// The one object of this kind.
fn object(text: &str, kind: &str) -> Value {
    let all = documents(text);
    let found = all.into_iter().find(|object| object["kind"] == kind);
    found.unwrap_or_else(|| panic!("there is no {kind}"))
}

fn items(list: &Value) -> &[Value] {
    list.as_sequence().map_or(&[], Vec::as_slice)
}

fn environment(container: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let variable = |entry: &Value| (text(&entry["name"]), text(&entry["value"]));
    items(&container["env"]).iter().map(variable).collect()
}

#[test]
fn every_pod_is_without_privileges_and_without_a_token() {
    let mut containers = 0;
    for text in KUBERNETES {
        for object in documents(text) {
            let pod = &object["spec"]["template"]["spec"];
            if pod.is_null() {
                continue;
            }
            assert_eq!(pod["automountServiceAccountToken"], false);
            for shared in ["hostNetwork", "hostPID", "hostIPC"] {
                assert!(pod[shared].is_null(), "{shared}");
            }
            for container in items(&pod["containers"]) {
                containers += 1;
                let rights = &container["securityContext"];
                assert!(rights["privileged"].is_null());
                assert_eq!(rights["allowPrivilegeEscalation"], false);
                assert_eq!(rights["readOnlyRootFilesystem"], true);
                assert_eq!(items(&rights["capabilities"]["drop"]), ["ALL"]);
                assert!(rights["capabilities"]["add"].is_null());
                let profiles = [rights, &pod["securityContext"]]
                    .map(|context| context["seccompProfile"]["type"].clone());
                assert!(profiles.contains(&Value::from("RuntimeDefault")));
            }
        }
    }
    assert_eq!(containers, 4);
}

#[test]
fn the_node_s_pod_gets_the_bus_from_the_plugin_and_nothing_of_the_host() {
    let pod = &object(KUBERNETES[1], "DaemonSet")["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    for volume in items(&pod["volumes"]) {
        assert!(volume["hostPath"].is_null(), "{volume:?}");
    }
    let container = &pod["containers"][0];
    assert_eq!(container["resources"]["limits"]["squat.ai/piglow"], 1);

    // What the plugin offers under that name, in the form of its `--device`.
    let plugin = &object(KUBERNETES[0], "DaemonSet")["spec"]["template"]["spec"];
    let arguments = items(&plugin["containers"][0]["args"]);
    assert_eq!(arguments[0], "--device");
    let offered: Value = yaml_serde::from_str(arguments[1].as_str().expect("text")).expect("YAML");
    assert_eq!(offered["name"], "piglow");
    let bus = &offered["groups"][0]["paths"][0];
    assert_eq!(bus["path"], "/dev/i2c-1");
    assert_eq!(bus["permissions"], "rw");
    assert_eq!(
        pod["nodeSelector"], plugin["nodeSelector"],
        "they run on the same machines"
    );
}

#[test]
fn the_pod_s_configuration_is_one_that_the_node_takes() {
    let map = object(KUBERNETES[1], "ConfigMap");
    let pod = &object(KUBERNETES[1], "DaemonSet")["spec"]["template"]["spec"];
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("piglow-node.toml");
    let text = map["data"]["piglow-node.toml"].as_str().expect("text");
    fs::write(&file, text).expect("a file");

    // What the kubelet fills in.
    let mut variables = environment(&pod["containers"][0]);
    for (name, value) in &mut variables {
        if name == "PIGLOW_NODE__ID" {
            "pi-1".clone_into(value);
        }
        *value = value.replace("$(PIGLOW_NODE__ID)", "pi-1");
    }
    let at = |name: &str| variables.iter().find(|(known, _)| known == name);
    assert_eq!(
        at("PIGLOW_CONFIG").expect("it is set").1,
        "/etc/piglow/piglow-node.toml"
    );
    let effects: Vec<&str> = EFFECTS.iter().map(|effect| effect.name).collect();
    let loaded = config::load(&Sources {
        file: Some(file),
        environment: variables,
        host_name: "piglow-node-x7k2p",
        effects: &effects,
        ..Sources::default()
    });
    let loaded = loaded.unwrap_or_else(|problems| {
        panic!("{:?}", problems.lines().collect::<Vec<_>>());
    });
    assert_eq!(loaded.config.node.id.as_str(), "pi-1");
    assert_eq!(
        loaded.config.mqtt.broker_names(),
        "mqtts://broker.local:8883"
    );

    // What it names is mounted.
    let mounts = items(&pod["containers"][0]["volumeMounts"]);
    for path in ["/etc/piglow", "/run/secrets/mqtt_password", "/state"] {
        assert!(mounts.iter().any(|mount| mount["mountPath"] == path));
    }
}

/// What `docker stack deploy` says it ignores, of Docker's own list, and keys that it does not know at all.
const IGNORED: [&str; 19] = [
    "build",
    "cgroup_parent",
    "container_name",
    "device_cgroup_rules",
    "devices",
    "domainname",
    "external_links",
    "group_add",
    "ipc",
    "links",
    "mac_address",
    "mem_limit",
    "network_mode",
    "pid",
    "pids_limit",
    "privileged",
    "restart",
    "security_opt",
    "userns_mode",
];

#[test]
fn the_stacks_have_nothing_that_swarm_ignores() {
    for text in SWARM {
        let stack = &documents(text)[0];
        let services = stack["services"].as_mapping().expect("services");
        for (name, service) in services {
            for key in IGNORED {
                assert!(service[key].is_null(), "{name:?} has {key}");
            }
            assert_eq!(service["read_only"], true);
            let where_to = &service["deploy"]["placement"]["constraints"][0];
            assert_eq!(*where_to, "node.labels.piglow == true");
        }
    }
}

#[test]
fn the_starter_asks_docker_for_one_device_and_nothing_else() {
    let node = &documents(SWARM[0])[0]["services"]["node"];
    assert_eq!(items(&node["entrypoint"]), ["sh", "-euc"]);
    let script = node["command"][0].as_str().expect("a script");
    // As Docker's client has it, which takes a single `$` for a variable of its own.
    let script = script.replace("$$", "$");

    let folder = tempfile::tempdir().expect("a folder");
    let said = folder.path().join("said");
    let program = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
    };
    program("docker", "printf '%s\\n' \"$*\" >>\"$SAID\"");
    program(
        "stat",
        "case $3 in /dev/i2c-1) echo 994 ;; *) echo 990 ;; esac",
    );
    let path = format!(
        "{}:{}",
        folder.path().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let status = Command::new("sh")
        .args(["-euc", &script])
        .env("PATH", path)
        .env("HOST", "pi-1")
        .env("SAID", &said)
        .status()
        .expect("a shell");
    assert!(status.success());
    assert_eq!(
        lines(&said),
        [
            "rm --force piglow-node",
            "run --rm --name piglow-node --hostname pi-1 --device /dev/i2c-1 --user 65532:65532 --group-add 994 --group-add 990 \
             --read-only --cap-drop ALL --security-opt no-new-privileges --memory 64m --pids-limit 32 \
             --env PIGLOW_CONFIG=/etc/piglow/piglow-node.toml --volume /etc/piglow:/etc/piglow:ro piglow-node:latest",
        ]
    );
}

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("what docker was told");
    text.lines().map(str::to_owned).collect()
}

//! What Prometheus is told of the nodes, in its text format: names and units by its conventions, shares as ratios, absent what is
//! not of this moment.

use std::fmt::{Display, Write};

use super::Registry;
use super::node::Node;
use crate::protocol::{self, HealthReading};

/// A metric: its name, its type, and what it means.
pub(crate) struct Metric(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

impl Metric {
    /// Writes what stands before its values.
    pub(crate) fn open(&self, text: &mut String) {
        let Self(name, kind, help) = self;
        write_to(
            text,
            format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"),
        );
    }

    /// Writes the metric with its only value.
    pub(crate) fn single(&self, text: &mut String, value: impl Display) {
        self.open(text);
        write_to(text, format_args!("{} {value}\n", self.0));
    }
}

/// A gauge of each node, and its value where that is known.
type Gauge = (&'static str, &'static str, fn(&Node) -> Option<f64>);

/// The gauges of a node; load, memory and heat only while its samples come.
const GAUGES: [Gauge; 9] = [
    (
        "piglow_node_online",
        "Whether the node says that it is there.",
        |node| Some(node.is_online.into()),
    ),
    (
        "piglow_node_stale",
        "Whether it says so and sends no samples.",
        |node| Some(node.is_stale.into()),
    ),
    (
        "piglow_node_cpu_load_ratio",
        "CPU load of the whole machine, 0 to 1.",
        |node| ratio(live(node, 0)),
    ),
    (
        "piglow_node_temperature_celsius",
        "Temperature of the processor.",
        |node| live(node, 1),
    ),
    (
        "piglow_node_memory_used_ratio",
        "Memory in use, 0 to 1.",
        |node| ratio(live(node, 2)),
    ),
    (
        "piglow_node_throttled",
        "Whether heat or power hold the processor back.",
        |node| node.throttled.filter(|_| node.is_live()).map(f64::from),
    ),
    (
        "piglow_node_last_sample_timestamp_seconds",
        "When the newest sample came, by the dashboard's clock.",
        |node| node.at.map(|at| at as f64 / 1000.0),
    ),
    (
        "piglow_node_panel_ok",
        "Whether the panel works, by the node's last word.",
        |node| {
            let panel = node.panel.as_ref().filter(|_| node.is_online)?;
            Some(f64::from(&**panel == "ok"))
        },
    ),
    (
        "piglow_node_alert",
        "Whether the board shows an alert.",
        |node| node.is_online.then(|| node.is_alert().into()),
    ),
];

fn live(node: &Node, value: usize) -> Option<f64> {
    // Single precision ends after seven digits; 41.3 is not 41.29999923706055.
    let value = node.values[value].filter(|_| node.is_live())?;
    Some((f64::from(value) * 1000.0).round() / 1000.0)
}

fn ratio(percent: Option<f64>) -> Option<f64> {
    percent.map(|percent| (percent * 1000.0).round() / 100_000.0)
}

impl Registry {
    /// Writes what Prometheus is told of the nodes.
    pub fn metrics(&self, text: &mut String) {
        let mut nodes: Vec<&Node> = self.nodes.values().map(|node| &**node).collect();
        nodes.retain(|node| node.is_listed);
        Metric(
            "piglow_node_info",
            "gauge",
            "What the node is; one for each of its groups.",
        )
        .open(text);
        for node in &nodes {
            let Some(card) = &node.card else { continue };
            let groups: Vec<&str> = card.groups.iter().map(|group| &**group).collect();
            let none = [""];
            let groups = if groups.is_empty() {
                &none[..]
            } else {
                &groups
            };
            for group in groups {
                write_to(
                    text,
                    format_args!(
                        "piglow_node_info{{node=\"{}\",group=\"{group}\",model=\"{}\",version=\"{}\"}} 1\n",
                        node.id,
                        escaped(card.model.as_deref().unwrap_or_default()),
                        escaped(&card.version),
                    ),
                );
            }
        }
        for (name, help, value) in GAUGES {
            Metric(name, "gauge", help).open(text);
            for node in &nodes {
                if let Some(value) = value(node) {
                    write_to(
                        text,
                        format_args!("{name}{{node=\"{}\"}} {value}\n", node.id),
                    );
                }
            }
        }
        write_health(text, nodes.iter().copied().filter(|node| node.is_live()));
        let name = "piglow_fleet_nodes";
        Metric(
            name,
            "gauge",
            "Nodes by state: online are those whose samples come.",
        )
        .open(text);
        for (state, count) in ["online", "stale", "offline"].iter().zip(self.census()) {
            write_to(text, format_args!("{name}{{state=\"{state}\"}} {count}\n"));
        }
    }
}

/// A metric that nodes tell in their health, and its value.
type Told = (Metric, fn(&HealthReading) -> Option<f64>);

/// What nodes tell in their health.
const TOLD: [Told; 9] = [
    (
        Metric(
            "piglow_node_commands_received_total",
            "counter",
            "Commands that arrived at the node.",
        ),
        |health| Some(health.counters.commands_received as f64),
    ),
    (
        Metric(
            "piglow_node_commands_rejected_total",
            "counter",
            "Commands that the node refused.",
        ),
        |health| Some(health.counters.commands_rejected as f64),
    ),
    (
        Metric(
            "piglow_node_messages_dropped_total",
            "counter",
            "Messages that the node could not hand to its broker.",
        ),
        |health| Some(health.counters.messages_dropped as f64),
    ),
    (
        Metric(
            "piglow_node_broker_connections_total",
            "counter",
            "Connections of the node to its broker.",
        ),
        |health| Some(health.counters.connections as f64),
    ),
    (
        Metric(
            "piglow_node_frames_written_total",
            "counter",
            "Frames that the board latched.",
        ),
        |health| Some(health.counters.frames_written as f64),
    ),
    (
        Metric(
            "piglow_node_frames_skipped_total",
            "counter",
            "Frames replaced by a newer one before the bus was free.",
        ),
        |health| Some(health.counters.frames_skipped as f64),
    ),
    (
        Metric(
            "piglow_node_panel_faults_total",
            "counter",
            "Times the board went from good to a fault.",
        ),
        |health| Some(health.counters.panel_faults as f64),
    ),
    (
        Metric(
            "piglow_node_command_latency_seconds",
            "gauge",
            "From the arrival of the last command to its latch.",
        ),
        |health| Some(health.command_latency_ms.last? / 1000.0),
    ),
    (
        Metric(
            "piglow_node_estimated_current_amperes",
            "gauge",
            "What the LEDs draw, estimated.",
        ),
        |health| Some(health.estimated_current.milliamps / 1000.0),
    ),
];

fn write_health<'a>(text: &mut String, nodes: impl Iterator<Item = &'a Node>) {
    let told: Vec<(&str, HealthReading)> = nodes
        .filter_map(|node| Some((&*node.id, protocol::read_health(&node.health)?)))
        .collect();
    for (metric, value) in TOLD {
        metric.open(text);
        for (node, health) in &told {
            if let Some(value) = value(health) {
                write_to(
                    text,
                    format_args!("{}{{node=\"{node}\"}} {value}\n", metric.0),
                );
            }
        }
    }
}

/// A text as it stands in a label (Prometheus documentation, "Text-based format").
pub(crate) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

pub(crate) fn write_to(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // A string takes everything.
    text.write_fmt(arguments).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::super::Rules;
    use super::*;
    use crate::protocol::Topics;

    fn registry() -> Registry {
        Registry::new(Rules {
            topics: Topics::new("piglow".parse().unwrap()),
            nodes_max: 10,
            is_shared: false,
            hot_celsius: 80.0,
            cool_celsius: 75.0,
            own_commands: "test".to_owned(),
        })
    }

    #[test]
    fn numbers_that_are_not_of_this_moment_are_absent() {
        let mut registry = registry();
        registry.take(1_000, "piglow/attic/availability", b"online", true);
        let sample = br#"{"time":null,"run":"00000001","sequence":1,"cpu":{"load_percent":12.5},"memory":{"used_percent":41.3},"temperature_celsius":48.3,"throttled":{"now":false,"under_voltage":false}}"#;
        registry.take(2_000, "piglow/attic/telemetry", sample, false);
        let told = |registry: &Registry| {
            let mut text = String::new();
            registry.metrics(&mut text);
            text
        };
        let live = told(&registry);
        for line in [
            "piglow_node_online{node=\"attic\"} 1",
            "piglow_node_cpu_load_ratio{node=\"attic\"} 0.125",
            "piglow_node_memory_used_ratio{node=\"attic\"} 0.413",
            "piglow_node_temperature_celsius{node=\"attic\"} 48.3",
            "piglow_node_last_sample_timestamp_seconds{node=\"attic\"} 2",
            "piglow_fleet_nodes{state=\"online\"} 1",
        ] {
            assert!(live.lines().any(|found| found == line), "{line}\n{live}");
        }
        registry.look(100_000);
        let stale = told(&registry);
        assert!(
            stale.contains("piglow_node_stale{node=\"attic\"} 1\n"),
            "{stale}"
        );
        assert!(!stale.contains("piglow_node_cpu_load_ratio{"), "{stale}");
        assert!(
            !stale.contains("piglow_node_temperature_celsius{"),
            "{stale}"
        );
    }

    #[test]
    fn what_a_node_says_of_itself_ends_no_label() {
        assert_eq!(escaped("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
    }
}

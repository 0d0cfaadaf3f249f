//! `GET /metrics`: the fleet, and the dashboard itself, as Prometheus reads them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::App;
use super::answers::{Refusal, aside, text_of};
use crate::fleet::process;
use crate::fleet::registry::metrics::{Metric, escaped, write_to};

/// The text format's own type (Prometheus documentation, "Text-based format").
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a line of a node takes, and how many there are, generously: the text is put together in one piece.
const NODE_BYTES: usize = 800;

/// `GET /metrics`.
pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    aside(move || {
        let mut text = String::new();
        let registry = app.hub.registry();
        text.reserve(registry.census().iter().sum::<usize>() * NODE_BYTES);
        registry.metrics(&mut text);
        let (tally, (is_connected, _)) = (registry.tally(), registry.broker());
        let is_connected = u8::from(is_connected);
        drop(registry);

        let build = "piglow_fleet_build_info";
        Metric(build, "gauge", "The dashboard's version.").open(&mut text);
        write_to(
            &mut text,
            format_args!("{build}{{version=\"{}\"}} 1\n", escaped(crate::VERSION)),
        );
        let streams = app.hub.streams().count();
        for (name, help, value) in [
            (
                "piglow_fleet_broker_connected",
                "Whether the broker is there.",
                is_connected.into(),
            ),
            (
                "piglow_fleet_streams",
                "Browsers and programs that follow.",
                streams,
            ),
        ] {
            Metric(name, "gauge", help).single(&mut text, value);
        }
        for (name, help, value) in [
            (
                "piglow_fleet_messages_received_total",
                "Messages that came from the broker.",
                tally.messages,
            ),
            (
                "piglow_fleet_samples_total",
                "Samples among them.",
                tally.samples,
            ),
            (
                "piglow_fleet_samples_late_total",
                "Samples that came later, with what nodes sent after an outage.",
                tally.late_samples,
            ),
            (
                "piglow_fleet_samples_missed_total",
                "Samples that by the nodes' own counts should have come and did not.",
                tally.missed_samples,
            ),
            (
                "piglow_fleet_states_asked_again_total",
                "States that the broker keeps and had not sent, asked for by topic.",
                tally.asked,
            ),
            (
                "piglow_fleet_messages_unreadable_total",
                "Messages that were not of the contract's shape.",
                tally.unreadable,
            ),
            (
                "piglow_fleet_messages_refused_total",
                "Messages of nodes for which there was no room (fleet.nodes_max).",
                tally.refused,
            ),
            (
                "piglow_fleet_messages_dropped_total",
                "Messages to nodes that could not be handed to the broker.",
                app.outbox.dropped(),
            ),
            (
                "piglow_fleet_broker_connections_total",
                "Connections to the broker.",
                tally.connections,
            ),
            (
                "piglow_fleet_stream_resets_total",
                "Times a reader was too far behind and began again.",
                app.hub.resets.load(Ordering::Relaxed),
            ),
            (
                "piglow_fleet_commands_total",
                "Commands that were taken.",
                app.commands.count(),
            ),
        ] {
            Metric(name, "counter", help).single(&mut text, value);
        }
        history(&mut text, &app);
        answers(&mut text, &app);
        process(&mut text, app.started_secs);
        text_of(&headers, TEXT, text.into_bytes())
    })
    .await
}

/// Whether the history is written; absent where it is not kept.
fn history(text: &mut String, app: &App) {
    let Some(ledger) = &app.history else { return };
    Metric(
        "piglow_fleet_history_ok",
        "gauge",
        "Whether the last batch of the history was written.",
    )
    .single(text, u8::from(!ledger.is_failing()));
    Metric(
        "piglow_fleet_history_failures_total",
        "counter",
        "Batches of the history that were not written.",
    )
    .single(text, ledger.failures());
}

/// What Prometheus expects of every process; what the system does not tell is absent.
fn process(text: &mut String, started_secs: f64) {
    let usage = process::usage();
    for (metric, value) in [
        (
            Metric("process_cpu_seconds_total", "counter", "CPU time used."),
            usage.cpu_secs,
        ),
        (
            Metric(
                "process_resident_memory_bytes",
                "gauge",
                "Memory that is resident.",
            ),
            usage.resident_bytes,
        ),
        (
            Metric("process_open_fds", "gauge", "Open files."),
            usage.open_files,
        ),
        (
            Metric("process_start_time_seconds", "gauge", "When it started."),
            Some(started_secs),
        ),
    ] {
        if let Some(value) = value {
            metric.single(text, value);
        }
    }
}

/// What was answered, by the class of the status.
fn answers(text: &mut String, app: &App) {
    let name = "piglow_fleet_http_responses_total";
    Metric(name, "counter", "Answers, by class of status.").open(text);
    for (class, count) in app.answers.iter().enumerate().skip(1) {
        let count = count.load(Ordering::Relaxed);
        write_to(text, format_args!("{name}{{code=\"{class}xx\"}} {count}\n"));
    }
}

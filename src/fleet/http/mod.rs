//! What browsers and programs are answered.

mod answers;
mod commands;
mod events;
mod listener;
mod nodes;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::hub::Shared;
use crate::config::Config;
use crate::mqtt::Outbox;
use crate::protocol::Topics;

/// What the `id` of each command of a run of the dashboard begins with.
pub(super) fn command_prefix(epoch: u64) -> String {
    format!("fleet-{epoch:x}-")
}

/// What every answer may need.
pub(super) struct App {
    hub: Shared,
    outbox: Outbox,
    topics: Topics,
    commands: commands::Commands,
    streams_max: usize,
    page: page::Page,
    stop: CancellationToken,
}

/// The web server.
pub(super) struct Server {
    app: App,
}

impl Server {
    pub(super) fn new(
        config: &Config,
        hub: Shared,
        outbox: Outbox,
        topics: Topics,
        epoch: u64,
    ) -> Self {
        Self {
            app: App {
                hub,
                outbox,
                topics,
                commands: commands::Commands::new(command_prefix(epoch)),
                streams_max: config.fleet.streams_max,
                page: page::Page::load(),
                stop: CancellationToken::new(),
            },
        }
    }

    /// Answers until it is told to stop.
    pub(super) async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let app = App {
            stop: stop.clone(),
            ..self.app
        };
        listener::serve(listener, router(Arc::new(app)), stop).await;
    }
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/assets/{name}", get(page::asset))
        .route("/healthz", get(nodes::healthz))
        .route("/api/v1/session", get(nodes::session))
        .route("/api/v1/fleet", get(nodes::fleet))
        .route("/api/v1/events", get(events::events))
        .route("/api/v1/streams/{stream}/view", put(events::view))
        .route("/api/v1/sparklines", get(nodes::sparklines))
        .route("/api/v1/nodes/{node}", get(nodes::node))
        .route("/api/v1/nodes/{node}/history", get(nodes::history))
        .route("/api/v1/commands", post(commands::send))
        .fallback(answers::not_found)
        .method_not_allowed_fallback(answers::method_not_allowed)
        .layer(axum::middleware::from_fn(answers::with_headers))
        .with_state(app)
}

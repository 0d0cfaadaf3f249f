//! What browsers and programs are answered.

mod answers;
mod commands;
mod events;
mod gate;
mod listener;
mod metrics;
mod nodes;
mod page;
mod session;
mod tls;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::HeaderMap;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post, put};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use tls::TlsError;

use super::access::Access;
use super::hub::Shared;
use super::limit::Limit;
use super::store::Ledger;
use crate::config;
use crate::mqtt::Outbox;
use crate::protocol::Topics;
use tls::Identity;

/// Tokens that are not known, from one address: so many at once,
const ATTEMPTS_BURST: u32 = 5;
/// and then one in ten seconds.
const ATTEMPTS_PER_SEC: f64 = 0.1;

/// What the `id` of each command of a run of the dashboard begins with.
pub(super) fn command_prefix(epoch: u64) -> String {
    format!("fleet-{epoch:x}-")
}

/// Reads the certificate, if there is to be one.
pub(super) fn identity(config: &config::Fleet) -> Result<Option<Identity>, TlsError> {
    config.tls.as_ref().map(Identity::load).transpose()
}

/// What the server is made from.
pub(super) struct Parts {
    pub(super) hub: Shared,
    pub(super) outbox: Outbox,
    pub(super) topics: Topics,
    pub(super) access: Access,
    pub(super) identity: Option<Identity>,
    /// What becomes of the history; `None`: it is not kept.
    pub(super) history: Option<Arc<Ledger>>,
    /// Which run of the dashboard it is.
    pub(super) epoch: u64,
}

/// What every answer may need.
struct App {
    hub: Shared,
    outbox: Outbox,
    topics: Topics,
    access: Access,
    history: Option<Arc<Ledger>>,
    gate: gate::Gate,
    /// Tokens that were not known.
    attempts: Mutex<Limit>,
    /// Commands.
    orders: Mutex<Limit>,
    commands: commands::Commands,
    /// Answers, by the first digit of their status.
    answers: [AtomicU64; 6],
    streams_max: usize,
    page: page::Page,
    started_secs: f64,
    stop: CancellationToken,
}

/// The web server.
pub(super) struct Server {
    app: App,
    identity: Option<Identity>,
}

impl Server {
    pub(super) fn new(config: &config::Fleet, parts: Parts) -> Self {
        let app = App {
            started_secs: parts.hub.now() as f64 / 1000.0,
            hub: parts.hub,
            outbox: parts.outbox,
            topics: parts.topics,
            access: parts.access,
            history: parts.history,
            gate: gate::Gate::new(config),
            attempts: Mutex::new(Limit::new(ATTEMPTS_BURST, ATTEMPTS_PER_SEC)),
            orders: Mutex::new(Limit::new(commands::ORDERS_BURST, commands::ORDERS_PER_SEC)),
            commands: commands::Commands::new(command_prefix(parts.epoch)),
            answers: Default::default(),
            streams_max: config.streams_max,
            page: page::Page::load(),
            stop: CancellationToken::new(),
        };
        Self {
            app,
            identity: parts.identity,
        }
    }

    /// Answers until it is told to stop.
    pub(super) async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let app = App {
            stop: stop.clone(),
            ..self.app
        };
        listener::serve(listener, router(Arc::new(app)), self.identity, stop).await;
    }
}

/// What can be asked for, in OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`
async fn openapi(headers: HeaderMap) -> Response {
    answers::text_of(&headers, "application/json", OPENAPI.as_bytes().to_vec())
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/assets/{name}", get(page::asset))
        .route("/healthz", get(nodes::healthz))
        .route("/metrics", get(metrics::metrics))
        .route(
            "/api/v1/session",
            get(session::show)
                .post(session::open)
                .delete(session::close),
        )
        .route("/api/v1/fleet", get(nodes::fleet))
        .route("/api/v1/events", get(events::events))
        .route("/api/v1/streams/{stream}/view", put(events::view))
        .route("/api/v1/sparklines", get(nodes::sparklines))
        .route("/api/v1/nodes/{node}", get(nodes::node))
        .route("/api/v1/nodes/{node}/history", get(nodes::history))
        .route("/api/v1/commands", post(commands::send))
        .route("/api/v1/openapi.json", get(openapi))
        .fallback(answers::not_found)
        .method_not_allowed_fallback(answers::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), gate::pass))
        .layer(from_fn(answers::with_headers))
        .with_state(app)
}

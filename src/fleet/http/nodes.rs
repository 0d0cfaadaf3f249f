//! The nodes: all of them, and one.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::App;
use super::answers::{Refusal, aside, text_of};
use crate::fleet::registry::Window;
use crate::fleet::streams::VIEW_MAX;

/// JSON.
const JSON: &str = "application/json";

/// `GET /healthz`: whether the broker is there; a history that is not written is told as well, and no restart helps with it.
pub(super) async fn healthz(State(app): State<Arc<App>>) -> Response {
    let registry = app.hub.registry();
    let (status, mut text) = match registry.broker() {
        (true, _) => (StatusCode::OK, "ok\n".to_owned()),
        (false, place) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not connected to the broker {place}\n"),
        ),
    };
    if app
        .history
        .as_ref()
        .is_some_and(|ledger| ledger.is_failing())
    {
        text.push_str("the history is not written: the log says why\n");
    }
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// `GET /api/v1/fleet`: all nodes.
pub(super) async fn fleet(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    aside(move || text_of(&headers, JSON, app.hub.picture())).await
}

/// `GET /api/v1/nodes/ID`: one node.
pub(super) async fn node(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let text = app.hub.registry().node_json(&id);
    Ok(text_of(&headers, JSON, text.ok_or_else(unknown_node)?))
}

/// `GET /api/v1/nodes/ID/history`: its past.
pub(super) async fn history(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let window = match query.get("window").map_or("1h", String::as_str) {
        "1h" => Window::Hour,
        "24h" => Window::Day,
        other => {
            let value = Value::from(other);
            return Err(Refusal::field(
                "out_of_range",
                "window",
                Some(&value),
                "1h or 24h",
            ));
        }
    };
    let text = app.hub.registry().history_json(&id, app.hub.now(), window);
    Ok(text_of(&headers, JSON, text.ok_or_else(unknown_node)?))
}

/// `GET /api/v1/sparklines`: the last hour of several nodes.
pub(super) async fn sparklines(
    State(app): State<Arc<App>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let expected = || format!("at most {VIEW_MAX} ids of nodes, separated by commas");
    let list = query.get("nodes").map_or("", String::as_str);
    if list.is_empty() {
        return Err(Refusal::field("missing_field", "nodes", None, expected()));
    }
    let count = list.split(',').count();
    if count > VIEW_MAX {
        return Err(Refusal::field(
            "out_of_range",
            "nodes",
            Some(&count.into()),
            expected(),
        ));
    }
    let registry = app.hub.registry();
    let text = registry.sparklines_json(list.split(','), app.hub.now());
    drop(registry);
    Ok(text_of(&headers, JSON, text))
}

fn unknown_node() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "unknown_node",
        "a node of /api/v1/fleet",
    )
}

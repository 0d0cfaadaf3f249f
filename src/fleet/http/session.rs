//! Signing in and out.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use super::answers::{Refusal, body_of, json_of};
use super::gate::{COOKIE_NAME, Visitor};
use crate::fleet::access::SESSION_SECS;

/// `GET /api/v1/session`: who asks, and what they may do.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    json_of(
        StatusCode::OK,
        &json!({
            "role": visitor.caller.map(|caller| caller.role.name()),
            "login": app.access.is_guarded(),
            "version": crate::VERSION,
            "root": app.topics.root(),
            "now": app.hub.now(),
        }),
    )
}

/// `POST /api/v1/session`: a token for a session.
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    body: Body,
) -> Result<Response, Refusal> {
    let document = body_of(body).await?;
    let token = document.get("token").and_then(Value::as_str);
    let token = token.ok_or_else(|| Refusal::field("missing_field", "token", None, "a token"))?;
    let now_secs = app.hub.now().div_euclid(1000);
    let (caller, session) = app.check(visitor.address, || app.access.session(token, now_secs))?;
    let role = json!({"role": caller.role.name()});
    let mut response = json_of(StatusCode::OK, &role);
    set_cookie(&mut response, &session, SESSION_SECS, visitor.is_secure);
    Ok(response)
}

/// `DELETE /api/v1/session`: the browser forgets it.
pub(super) async fn close(Extension(visitor): Extension<Visitor>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, "", 0, visitor.is_secure);
    response
}

fn set_cookie(response: &mut Response, session: &str, secs: i64, is_secure: bool) {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE_NAME}={session}; Path=/; Max-Age={secs}; HttpOnly; SameSite=Strict{secure}"
    );
    // Letters, digits and points only.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
}

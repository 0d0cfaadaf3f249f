//! The form of answers: headers, compression, refusals.

use std::io::Write;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use crate::protocol::{Reason, Rejection};

/// The longest body of a request, in bytes: a view of 256 nodes with names of 64 letters, or a command to as many.
const BODY_MAX: usize = 64 * 1024;

/// How long a body may take to come.
const BODY_PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Answers shorter than this are not worth compressing, in bytes.
const COMPRESS_FROM: usize = 1024;

/// What each answer says to browsers: nothing from elsewhere, nothing in line, in no frame, remembered by nobody.
const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Adds the headers that every answer has.
pub(super) async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A request that is refused: what was wrong, and what is allowed.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    reason: &'static str,
    field: Option<String>,
    value: Option<Value>,
    expected: String,
    retry_secs: Option<u64>,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        reason: &'static str,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            status,
            reason,
            field: None,
            value: None,
            expected: expected.into(),
            retry_secs: None,
        }
    }

    /// A field of the request that is not as it has to be.
    pub(super) fn field(
        reason: &'static str,
        field: &str,
        value: Option<&Value>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            field: Some(field.to_owned()),
            value: value.cloned(),
            ..Self::new(StatusCode::BAD_REQUEST, reason, expected)
        }
    }

    /// Nobody has shown who it is, or shown something else.
    pub(super) fn unknown_caller() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "a token: `Authorization: Bearer TOKEN`, or POST /api/v1/session",
        )
    }

    /// It came through a proxy to a dashboard without tokens.
    pub(super) fn passed_on() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "passed_on",
            "no proxy where nobody needs a token; set `fleet.control_token_file` or `fleet.view_token_file`",
        )
    }

    /// The same with another status.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same, with when to try again.
    pub(super) fn retry_after(self, secs: u64) -> Self {
        Self {
            retry_secs: Some(secs),
            ..self
        }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let status = match rejection.reason {
            Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::Malformed
            | Reason::UnknownField
            | Reason::UnknownEffect
            | Reason::OutOfRange
            | Reason::MissingField
            | Reason::Conflict
            | Reason::Stale
            | Reason::Busy
            | Reason::UnknownSegment => StatusCode::BAD_REQUEST,
        };
        Self {
            field: rejection.field,
            value: rejection.value,
            ..Self::new(status, rejection.reason.name(), rejection.expected)
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut error = Map::new();
        error.insert("reason".to_owned(), self.reason.into());
        if let Some(field) = self.field {
            error.insert("field".to_owned(), field.into());
        }
        if let Some(value) = self.value {
            error.insert("value".to_owned(), value);
        }
        error.insert("expected".to_owned(), self.expected.into());
        let mut response = json_of(self.status, &json!({ "error": error }));
        if self.status == StatusCode::UNAUTHORIZED {
            let how = HeaderValue::from_static("Bearer realm=\"piglow fleet\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, how);
        }
        if let Some(secs) = self.retry_secs {
            response.headers_mut().insert(RETRY_AFTER, secs.into());
        }
        response
    }
}

pub(super) async fn not_found() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "a path of /api/v1/openapi.json",
    )
}

pub(super) async fn method_not_allowed() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "a method that /api/v1/openapi.json has for this path",
    )
}

/// A document.
pub(super) fn json_of(status: StatusCode, document: &Value) -> Response {
    let body = Body::from(document.to_string());
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// A text of some type, compressed when it is long and that was asked for.
pub(super) fn text_of(asked: &HeaderMap, kind: &'static str, text: Vec<u8>) -> Response {
    let wants = |headers: &HeaderMap| {
        let accepted = headers
            .get(ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok());
        accepted.is_some_and(|list| {
            list.split(',').any(|part| {
                let mut parts = part.split(';').map(str::trim);
                parts.next() == Some("gzip") && parts.next() != Some("q=0")
            })
        })
    };
    let kind = [(CONTENT_TYPE, kind), (VARY, "accept-encoding")];
    if text.len() < COMPRESS_FROM || !wants(asked) {
        return (kind, text).into_response();
    }
    match compressed(&text) {
        Ok(packed) => (kind, [(CONTENT_ENCODING, "gzip")], packed).into_response(),
        Err(_) => (kind, text).into_response(),
    }
}

fn compressed(text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text)?;
    encoder.finish()
}

/// Makes a long answer beside the loops, which go on meanwhile.
pub(super) async fn aside(
    make: impl FnOnce() -> Response + Send + 'static,
) -> Result<Response, Refusal> {
    tokio::task::spawn_blocking(make).await.map_err(|_| {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "fault",
            "the dashboard's log to say why",
        )
    })
}

/// The body of a request as JSON.
pub(super) async fn body_of(body: Body) -> Result<Value, Refusal> {
    let read = tokio::time::timeout(BODY_PATIENCE, axum::body::to_bytes(body, BODY_MAX));
    let bytes: Bytes = match read.await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("a body of at most {BODY_MAX} bytes"),
            ));
        }
        Err(_) => {
            return Err(Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                format!("a body within {BODY_PATIENCE:?}"),
            ));
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "malformed",
            format!("JSON: {error}"),
        )
    })
}

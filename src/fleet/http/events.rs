//! Server-sent events: each reader follows the journal at its own pace.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::App;
use super::answers::{Refusal, body_of};
use crate::fleet::hub::Shared;
use crate::fleet::journal::{Cursor, Next};
use crate::fleet::streams::{Stream, VIEW_MAX};
use crate::light::Frame;

/// Between two batches of frames: ten a second.
const FRAMES: Duration = Duration::from_millis(100);
/// After this long without an event one tells that the connection lives, so that a page notices one that does not.
const TICK: Duration = Duration::from_secs(2);
/// How long a name of a stream may be.
const NAME: std::ops::RangeInclusive<usize> = 8..=64;

/// `GET /api/v1/events`: what changes, from a cursor on.
pub(super) async fn events(
    State(app): State<Arc<App>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let name = stream_name(query.get("stream").map_or("", String::as_str))?;
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let asked = resumed.or(query.get("cursor").map(String::as_str));
    let cursor = match asked {
        // One that is none is of another program: what it has seen is not known.
        Some(text) => text.parse().unwrap_or(Cursor {
            epoch: 0,
            number: 0,
        }),
        None => app.hub.journal().newest(),
    };
    let opened = app.hub.streams().open(name, app.streams_max);
    let stream = opened.ok_or_else(|| {
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            format!("at most {} streams (`fleet.streams_max`)", app.streams_max),
        )
        .retry_after(10)
    })?;
    let reader = Reader {
        newest: app.hub.newest(),
        hub: Arc::clone(&app.hub),
        name: name.to_owned(),
        stream,
        cursor,
        has_greeted: false,
        frames_due: None,
        frames_told: Instant::now(),
        stop: app.stop.clone(),
    };
    let events = futures_util::stream::unfold(reader, |mut reader| async {
        let event = reader.next().await?;
        Some((Ok::<_, std::convert::Infallible>(event), reader))
    });
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // For nginx, which would keep them back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

fn stream_name(text: &str) -> Result<&str, Refusal> {
    let is_name = NAME.contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    is_name.then_some(text).ok_or_else(|| {
        Refusal::field(
            "out_of_range",
            "stream",
            None,
            "8 to 64 letters, digits, `-` or `_`",
        )
    })
}

/// `PUT /api/v1/streams/ID/view`: the nodes whose frames are wanted.
pub(super) async fn view(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let document = body_of(body).await?;
    let expected = || format!("a list of at most {VIEW_MAX} ids of nodes");
    let list = document.get("nodes").and_then(Value::as_array);
    let list = list.ok_or_else(|| Refusal::field("missing_field", "nodes", None, expected()))?;
    if list.len() > VIEW_MAX {
        let count = Value::from(list.len());
        return Err(Refusal::field(
            "out_of_range",
            "nodes",
            Some(&count),
            expected(),
        ));
    }
    let ids = list.iter().filter_map(Value::as_str);
    let nodes: HashSet<Arc<str>> = {
        let registry = app.hub.registry();
        ids.filter_map(|id| registry.id(id)).collect()
    };
    if !app.hub.streams().look_at(&name, app.hub.now(), nodes) {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "unknown_stream",
            "a stream that is open: GET /api/v1/events?stream=ID",
        ));
    }
    app.hub.views.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody who follows.
struct Reader {
    hub: Shared,
    newest: watch::Receiver<u64>,
    name: String,
    stream: Arc<Stream>,
    cursor: Cursor,
    has_greeted: bool,
    /// When frames that have come are to be told.
    frames_due: Option<Instant>,
    frames_told: Instant,
    stop: CancellationToken,
}

impl Reader {
    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let silent_until = Instant::now() + TICK;
        loop {
            if self.stream.is_closed() || self.stop.is_cancelled() {
                return None;
            }
            if !self.has_greeted {
                self.has_greeted = true;
                return Some(self.greeting());
            }
            self.newest.borrow_and_update();
            if let Some(batch) = self.batch() {
                return Some(batch);
            }
            if self.frames_due.is_some_and(|due| due <= Instant::now()) {
                self.frames_due = None;
                self.frames_told = Instant::now();
                let frames = self.stream.take_frames();
                if !frames.is_empty() {
                    return Some(frames_event(&frames));
                }
            }
            let wake = self.frames_due.unwrap_or(silent_until);
            tokio::select! {
                () = self.stop.cancelled() => return None,
                changed = self.newest.changed() => changed.ok()?,
                () = self.stream.news.notified() => {
                    self.frames_due = Some(self.frames_told + FRAMES);
                }
                () = sleep_until(wake) => {
                    if Instant::now() >= silent_until {
                        let now = self.hub.now();
                        return Some(format!("event: tick\ndata: {{\"now\":{now}}}\n\n").into());
                    }
                }
            }
        }
    }

    fn greeting(&self) -> Bytes {
        let hello = json!({
            "stream": self.name,
            "cursor": self.cursor.to_string(),
            "now": self.hub.now(),
        });
        format!("retry: 2000\nevent: hello\ndata: {hello}\n\n").into()
    }

    fn batch(&mut self) -> Option<Bytes> {
        let journal = self.hub.journal();
        match journal.after(self.cursor) {
            Next::Batch(batch) => {
                self.cursor.number += 1;
                Some(Bytes::from_owner(batch))
            }
            Next::Nothing => None,
            Next::Lost => {
                self.cursor = journal.newest();
                self.hub.resets.fetch_add(1, Ordering::Relaxed);
                Some(format!("id: {}\nevent: reset\ndata: {{}}\n\n", self.cursor).into())
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.streams().close(&self.name, &self.stream);
        self.hub.views.notify_one();
    }
}

fn frames_event(frames: &[(Arc<str>, Frame)]) -> Bytes {
    let mut text = String::from("event: frames\ndata: {");
    for (number, (node, frame)) in frames.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        // Ids need no escapes: letters, digits, `-` and `_`. Writing to a `String` cannot fail.
        write!(text, "\"{node}\":\"").unwrap_or_default();
        for level in frame.0 {
            write!(text, "{level:02x}").unwrap_or_default();
        }
        text.push('"');
    }
    text.push_str("}\n\n");
    text.into()
}

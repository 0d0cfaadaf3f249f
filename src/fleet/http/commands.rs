//! Commands: who sent what to whom is logged, and what becomes of it comes back as results.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use tracing::info;

use super::App;
use super::answers::{Refusal, body_of, json_of};
use super::gate::Visitor;
use crate::light::Setting;
use crate::light::board::{Segment, UnknownSegment};
use crate::mqtt::Handover;
use crate::protocol::{self, Address, OrderKind};
use crate::units::GroupName;

/// The most nodes that one command names; more are a group, or all.
const NODES_MAX: usize = 1000;

/// How long a command waits for room on the way to the broker, before it is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// Commands from one address: so many at once,
pub(super) const ORDERS_BURST: u32 = 40;
/// and then so many a second: a finger on a slider.
pub(super) const ORDERS_PER_SEC: f64 = 10.0;

/// The fields of a request.
const FIELDS: [&str; 5] = ["to", "kind", "segment", "setting", "payload"];

/// The numbers of the commands of this run.
#[derive(Debug)]
pub(super) struct Commands {
    prefix: String,
    next: AtomicU64,
}

impl Commands {
    pub(super) fn new(prefix: String) -> Self {
        Self {
            prefix,
            next: AtomicU64::new(1),
        }
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.next.load(Ordering::Relaxed) - 1
    }

    fn next_id(&self) -> String {
        format!(
            "{}{}",
            self.prefix,
            self.next.fetch_add(1, Ordering::Relaxed)
        )
    }
}

/// `POST /api/v1/commands`
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    body: Body,
) -> Result<Response, Refusal> {
    let who = visitor
        .caller
        .map_or_else(String::new, |caller| caller.name);
    let now = app.hub.now();
    let allowed = app.orders.lock().unwrap_or_else(PoisonError::into_inner);
    let allowed = { allowed }.take(visitor.address, now);
    allowed.map_err(|secs| {
        let expected = format!("at most {ORDERS_PER_SEC} commands a second");
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_commands", expected).retry_after(secs)
    })?;
    let document = body_of(body).await?;
    let Value::Object(fields) = &document else {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "malformed",
            "a JSON object",
        ));
    };
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        let value = fields.get(unknown);
        return Err(Refusal::field(
            "unknown_field",
            unknown,
            value,
            FIELDS.join(", "),
        ));
    }
    let kind = kind(fields)?;
    let addresses = addresses(&app, kind, fields.get("to"))?;
    let id = app.commands.next_id();
    let payload = fields.get("payload").unwrap_or(&Value::Null);
    let payload = protocol::order_payload(kind, payload, &id, &format!("dashboard/{who}"))?;
    let (connected, place) = {
        let registry = app.hub.registry();
        let (connected, place) = registry.broker();
        (connected, place.to_owned())
    };
    if !connected {
        return Err(away(&place));
    }
    let to = fields.get("to").map(Value::to_string).unwrap_or_default();
    info!(
        target: "audit",
        who,
        from = %visitor.address,
        command = %id,
        to,
        ?kind,
        payload = %String::from_utf8_lossy(&payload),
        "command"
    );
    let messages = addresses.len();
    for address in addresses {
        hand_over(&app, &address, kind, &payload)
            .await
            .map_err(|handover| match handover {
                Handover::LinkDown => away(&place),
                Handover::QueueFull | Handover::Queued | Handover::Undeliverable => Refusal::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "busy",
                    "a broker that keeps up",
                )
                .retry_after(5),
            })?;
    }
    let accepted = json!({"id": id, "messages": messages});
    Ok(json_of(StatusCode::ACCEPTED, &accepted))
}

fn away(place: &str) -> Refusal {
    let expected = format!("the broker {place} to be there");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "broker_away", expected).retry_after(5)
}

async fn hand_over(
    app: &App,
    address: &Address,
    kind: OrderKind,
    payload: &[u8],
) -> Result<(), Handover> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let message = protocol::order(&app.topics, address, kind, payload.to_vec());
        match app.outbox.publish(message) {
            Handover::Queued => return Ok(()),
            Handover::QueueFull if tokio::time::Instant::now() < until => {
                tokio::time::sleep(PAUSE).await;
            }
            trouble @ (Handover::QueueFull | Handover::Undeliverable | Handover::LinkDown) => {
                return Err(trouble);
            }
        }
    }
}

fn kind(fields: &Map<String, Value>) -> Result<OrderKind, Refusal> {
    const KINDS: &str = "light, siren, identify or setting";
    let kind = fields
        .get("kind")
        .ok_or_else(|| Refusal::field("missing_field", "kind", None, KINDS))?;
    let unknown = |name: &str, value, expected: String| {
        Err(Refusal::field("out_of_range", name, Some(value), expected))
    };
    let found = match kind.as_str() {
        Some("light") => match fields.get("segment") {
            None | Some(Value::Null) => OrderKind::Light(Segment::Board),
            Some(value) => match value.as_str().and_then(|text| text.parse().ok()) {
                Some(segment) => OrderKind::Light(segment),
                None => return unknown("segment", value, UnknownSegment.to_string()),
            },
        },
        Some("siren") => OrderKind::Siren,
        Some("identify") => OrderKind::Identify,
        Some("setting") => {
            let names = Setting::ALL.map(Setting::name).join(" or ");
            match fields.get("setting") {
                None => return Err(Refusal::field("missing_field", "setting", None, names)),
                Some(value) => match value.as_str().and_then(Setting::from_name) {
                    Some(setting) => OrderKind::Setting(setting),
                    None => return unknown("setting", value, names),
                },
            }
        }
        _ => return unknown("kind", kind, KINDS.to_owned()),
    };
    for (name, belongs) in [
        ("segment", matches!(found, OrderKind::Light(_))),
        ("setting", matches!(found, OrderKind::Setting(_))),
    ] {
        if let Some(value) = fields.get(name)
            && !belongs
            && !value.is_null()
        {
            let expected = format!("no `{name}` for this kind");
            return Err(Refusal::field("conflict", name, Some(value), expected));
        }
    }
    Ok(found)
}

/// To whom it goes: one topic for many where there is one, else each node's.
fn addresses(app: &App, kind: OrderKind, to: Option<&Value>) -> Result<Vec<Address>, Refusal> {
    const TO: &str = r#"{"nodes":["…"]}, {"group":"…"} or {"all":true}"#;
    let to = to.ok_or_else(|| Refusal::field("missing_field", "to", None, TO))?;
    let odd = || Refusal::field("malformed", "to", Some(to), TO);
    let mut parts = to.as_object().ok_or_else(odd)?.iter();
    let (Some((name, value)), None) = (parts.next(), parts.next()) else {
        return Err(odd());
    };
    let registry = app.hub.registry();
    let each = |ids: Vec<Arc<str>>| -> Vec<Address> {
        let ids = ids.iter().filter_map(|id| id.parse().ok());
        ids.map(Address::Node).collect()
    };
    match (name.as_str(), value) {
        ("nodes", Value::Array(list)) if (1..=NODES_MAX).contains(&list.len()) => {
            let known = |value: &Value| {
                let id = value.as_str().and_then(|id| registry.id(id));
                id.ok_or_else(|| {
                    Refusal::field(
                        "unknown_node",
                        "to.nodes",
                        Some(value),
                        "a node of /api/v1/fleet",
                    )
                })
            };
            Ok(each(list.iter().map(known).collect::<Result<_, _>>()?))
        }
        ("nodes", Value::Array(list)) => {
            let count = Value::from(list.len());
            let expected = format!("1 to {NODES_MAX} nodes; more are a group, or all");
            Err(Refusal::field(
                "out_of_range",
                "to.nodes",
                Some(&count),
                expected,
            ))
        }
        ("group", Value::String(name)) => {
            let members = registry.ids(Some(name));
            let group = name
                .parse::<GroupName>()
                .ok()
                .filter(|_| !members.is_empty());
            let group = group.ok_or_else(|| {
                Refusal::field(
                    "unknown_group",
                    "to.group",
                    Some(value),
                    "a group of a node's",
                )
            })?;
            Ok(if kind.is_for_many() {
                vec![Address::Group(group)]
            } else {
                each(members)
            })
        }
        ("all", Value::Bool(true)) if kind.is_for_many() => Ok(vec![Address::All]),
        ("all", Value::Bool(true)) => Ok(each(registry.ids(None))),
        _ => Err(odd()),
    }
}

//! A broker examined step by step, once, beside a node that may run: name, TCP, TLS, login, what it grants.
//!
//! The session leaves all this to the library, which does not say how far it came. Here each step is taken by itself, with the
//! session's own ways of dialing and its own words, and nothing is left behind: a client id of its own, no will, no session.

mod exchange;
mod websocket;

use std::net::SocketAddr;
use std::time::Duration;

use rumqttc::mqttbytes::v5::{ConnAck, ConnectReturnCode};
use rumqttc::{ConnectionError, StateError};
use tokio::time::Instant;
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{CertificateError, Error as TlsError, ProtocolVersion};

use super::dial::{self, DialError, Dialer};
use super::files::Access;
use super::{OpenError, Settings, options, refusal, tls};
use crate::config::Broker;
use exchange::Exchange;

/// A certificate that ends earlier than this should be renewed.
const RENEWAL: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is asked of the broker once it lets the doctor in.
#[derive(Debug, Clone, Default)]
pub struct Errand {
    /// What the node listens to.
    pub filters: Vec<String>,
    /// Filters for everything that the broker may keep of the node.
    pub kept: Vec<String>,
    /// Topics that the node writes to.
    pub topics: Vec<String>,
}

/// What became of a step; `None`: it was not reached, or there is no such step.
pub type Outcome<T> = Option<Result<T, Trouble>>;

/// What became of each step.
#[derive(Debug, Default)]
pub struct Exam {
    /// The files that a connection needs.
    pub files: Outcome<()>,
    /// The addresses of the name.
    pub name: Outcome<Vec<SocketAddr>>,
    /// How long the TCP connection took.
    pub tcp: Outcome<Duration>,
    /// The handshake.
    pub tls: Outcome<Secured>,
    /// What the broker says to who comes in.
    pub login: Outcome<Greeting>,
    /// Whether it answers in MQTT 3.1.1 where it did not in MQTT 5.
    pub speaks_3_1_1: bool,
    /// For each of the node's filters, why it was refused if it was.
    pub subscriptions: Outcome<Vec<Option<String>>>,
    /// What the broker keeps of the node, as far as this user may read it.
    pub kept: Outcome<Vec<Kept>>,
    /// Each of the node's topics, and whether the broker would take a message there.
    pub publishing: Outcome<Vec<(String, Verdict)>>,
}

/// A message that the broker keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its topic.
    pub topic: String,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// What kept a step from succeeding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its kind.
    pub cause: Cause,
    /// What happened, in words.
    pub text: String,
}

/// The kinds of trouble, each with a remedy of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A file can't be used.
    Files,
    /// The name can't be resolved.
    Name,
    /// Nothing listens there.
    Closed,
    /// Nothing answers.
    Silent,
    /// It speaks no TLS.
    NoTls,
    /// Nobody whom the node trusts vouches for its certificate.
    UnknownIssuer,
    /// Its certificate is not good at this time.
    CertificateTime,
    /// Its certificate is for another name.
    CertificateName,
    /// It wants a certificate of the node, or another one.
    ClientCertificate,
    /// It does not let this user in.
    Credentials,
    /// It does not take this client id.
    ClientId,
    /// It does not speak MQTT 5.
    Protocol,
    /// Anything else.
    Other,
}

/// A handshake that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secured {
    /// The version of TLS, for people.
    pub version: &'static str,
    /// Whether the certificate was checked, and is good for 30 days more; `None`: it was not checked.
    pub is_lasting: Option<bool>,
}

/// What the broker says of itself (MQTT 5, section 3.2.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// How long it took.
    pub took: Duration,
    /// The surest delivery that it knows, 0 to 2.
    pub qos: u8,
    /// Whether it keeps messages.
    pub retains: bool,
    /// Whether filters may have wildcards.
    pub has_wildcards: bool,
    /// The largest packet that it takes, in bytes.
    pub packet_max: Option<u32>,
    /// How many messages may be on their way to it.
    pub receive_max: u16,
}

/// Whether the broker would take a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It would.
    Taken,
    /// It would not, and says why.
    Refused(String),
    /// It did not say.
    Unknown,
}

/// Examines a broker.
pub async fn examine(settings: &Settings, broker: &Broker, errand: &Errand) -> Exam {
    let mut exam = Exam::default();
    let visit = Visit { settings, broker };
    if let Some((way, addresses)) = visit.prepare(&mut exam).await {
        visit.speak(&mut exam, &way, &addresses, errand).await;
    }
    exam
}

/// A visit to one broker.
struct Visit<'a> {
    settings: &'a Settings,
    broker: &'a Broker,
}

/// What every connection of a visit needs.
struct Way {
    access: Access,
    dialer: Dialer,
}

impl Visit<'_> {
    /// Everything before the first word of MQTT; `None` when it failed.
    async fn prepare(&self, exam: &mut Exam) -> Option<(Way, Vec<SocketAddr>)> {
        let access = Access::load_aside(self.broker, &self.settings.tls).await;
        let way = access.and_then(|access| {
            let dialer = options::dialer(
                &self.settings.tls,
                self.settings.keep_alive,
                &self.broker.url,
                &access,
            )?;
            Ok(Way { access, dialer })
        });
        let way = note(&mut exam.files, way.map_err(of_files), |_| ())?;
        let found = way
            .dialer
            .look_up()
            .await
            .map_err(|error| self.dialing(error));
        let addresses = note(&mut exam.name, found, Vec::clone)?;
        let begun = Instant::now();
        let reached = dial::reach(&addresses)
            .await
            .map_err(|error| self.dialing(error));
        let stream = note(&mut exam.tcp, reached, |_| begun.elapsed())?;
        if way.dialer.tls.is_some() {
            let secured = way.dialer.clone().secure(stream).await;
            let secured = secured.map_err(|error| self.dialing(error));
            let facts = |secured: &dial::Secured| self.facts(&way.dialer, secured);
            note(&mut exam.tls, secured, facts)?;
        }
        Some((way, addresses))
    }

    fn facts(&self, dialer: &Dialer, secured: &dial::Secured) -> Secured {
        let dial::Secured::Tls(stream) = secured else {
            return Secured {
                version: "none",
                is_lasting: None,
            };
        };
        let (_, connection) = stream.get_ref();
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        };
        let chain = connection.peer_certificates().unwrap_or_default();
        let name = dialer.tls.as_ref().map(|(name, _)| name);
        let is_checked = !self.settings.tls.accept_any_certificate;
        let then = UnixTime::since_unix_epoch(
            Duration::from_secs(UnixTime::now().as_secs()).saturating_add(RENEWAL),
        );
        Secured {
            version,
            is_lasting: name
                .filter(|_| is_checked)
                .and_then(|name| tls::will_be_trusted(&self.settings.tls, name, chain, then).ok()),
        }
    }

    async fn speak(&self, exam: &mut Exam, way: &Way, addresses: &[SocketAddr], errand: &Errand) {
        let begun = Instant::now();
        let entered = self.enter(way, addresses).await;
        let entered = entered.map_err(|error| self.trouble(&error, false));
        let facts = |(_, connack): &(Exchange, ConnAck)| greeting(connack, begun.elapsed());
        let Some((mut exchange, connack)) = note(&mut exam.login, entered, facts) else {
            if matches!(&exam.login, Some(Err(trouble)) if trouble.cause == Cause::Protocol) {
                exam.speaks_3_1_1 = self.answers_3_1_1(way, addresses).await;
            }
            return;
        };
        let granted = exchange.subscribe(&errand.filters).await;
        exam.subscriptions = Some(granted.map_err(|error| self.trouble(&error, true)));
        let kept = exchange.kept(&errand.kept).await;
        exam.kept = Some(kept.map_err(|error| self.trouble(&error, true)));
        let greeting = greeting(&connack, Duration::ZERO);
        if greeting.qos == 2 {
            let verdicts = self
                .ask(way, addresses, exchange, &greeting, &errand.topics)
                .await;
            exam.publishing = Some(Ok(verdicts));
        } else {
            exchange.leave().await;
        }
    }

    /// Asks for each topic whether the broker would take a message there.
    ///
    /// What it would take stays on its way: the second half of the handshake of QoS 2 is never sent, so that a broker which
    /// follows the specification's first method delivers nothing (MQTT 5, section 4.3.3). As many as may be on their way are
    /// asked for on one connection.
    async fn ask(
        &self,
        way: &Way,
        addresses: &[SocketAddr],
        exchange: Exchange,
        greeting: &Greeting,
        topics: &[String],
    ) -> Vec<(String, Verdict)> {
        /// Connections that this may take.
        const CONNECTIONS: u32 = 6;
        let room = greeting.receive_max.max(1);
        let (mut current, mut on_the_way, mut connections) = (Some(exchange), 0, 1);
        let mut verdicts = Vec::with_capacity(topics.len());
        for topic in topics {
            if on_the_way >= room
                && let Some(full) = current.take()
            {
                full.leave().await;
            }
            if current.is_none() && connections < CONNECTIONS {
                current = self
                    .enter(way, addresses)
                    .await
                    .ok()
                    .map(|(exchange, _)| exchange);
                on_the_way = 0;
                connections += 1;
            }
            let Some(exchange) = &mut current else {
                verdicts.push((topic.clone(), Verdict::Unknown));
                continue;
            };
            let verdict = match exchange.ask(topic, on_the_way + 1).await {
                Ok(verdict) => verdict,
                Err(error) => {
                    current = None;
                    Verdict::Refused(self.trouble(&error, true).text)
                }
            };
            on_the_way += u16::from(verdict == Verdict::Taken);
            verdicts.push((topic.clone(), verdict));
        }
        if let Some(exchange) = current {
            exchange.leave().await;
        }
        verdicts
    }

    /// Dials again and says hello in MQTT 5.
    async fn enter(
        &self,
        way: &Way,
        addresses: &[SocketAddr],
    ) -> Result<(Exchange, ConnAck), ConnectionError> {
        let socket = self.socket(way, addresses).await?;
        Exchange::begin(socket, self.settings, self.broker, &way.access).await
    }

    async fn answers_3_1_1(&self, way: &Way, addresses: &[SocketAddr]) -> bool {
        let Ok(socket) = self.socket(way, addresses).await else {
            return false;
        };
        exchange::answers_3_1_1(socket, &self.settings.client_id).await
    }

    async fn socket(
        &self,
        way: &Way,
        addresses: &[SocketAddr],
    ) -> Result<Box<dyn dial::Socket>, ConnectionError> {
        let dialed = async {
            way.dialer
                .clone()
                .secure(dial::reach(addresses).await?)
                .await
        };
        let socket = dialed.await.map_err(std::io::Error::other)?.into_socket();
        if self.broker.url.scheme().is_websocket() {
            websocket::open(socket, &self.broker.url).await
        } else {
            Ok(socket)
        }
    }

    fn dialing(&self, error: DialError) -> Trouble {
        self.trouble(&ConnectionError::Io(std::io::Error::other(error)), false)
    }

    fn trouble(&self, error: &ConnectionError, was_in: bool) -> Trouble {
        Trouble {
            cause: cause(error, was_in),
            text: refusal::of_connection(error, &self.broker.url, &self.settings.tls, was_in),
        }
    }
}

/// Keeps what is to be told of a step, and hands on what the next one needs.
fn note<T, F>(
    place: &mut Outcome<F>,
    outcome: Result<T, Trouble>,
    facts: impl FnOnce(&T) -> F,
) -> Option<T> {
    match outcome {
        Ok(value) => {
            *place = Some(Ok(facts(&value)));
            Some(value)
        }
        Err(trouble) => {
            *place = Some(Err(trouble));
            None
        }
    }
}

fn of_files(error: OpenError) -> Trouble {
    use std::error::Error;
    Trouble {
        cause: Cause::Files,
        text: match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

fn greeting(connack: &ConnAck, took: Duration) -> Greeting {
    let properties = connack.properties.as_ref();
    Greeting {
        took,
        qos: properties.and_then(|p| p.max_qos).unwrap_or(2),
        retains: properties.and_then(|p| p.retain_available) != Some(0),
        has_wildcards: properties.and_then(|p| p.wildcard_subscription_available) != Some(0),
        packet_max: properties.and_then(|p| p.max_packet_size),
        receive_max: properties.and_then(|p| p.receive_max).unwrap_or(u16::MAX),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the libraries' enums may grow, and what comes new is something else"
)]
fn cause(error: &ConnectionError, was_in: bool) -> Cause {
    let innermost: &(dyn std::error::Error + 'static) = match error {
        ConnectionError::MqttState(StateError::Deserialization(error)) => error,
        other => other,
    };
    if let Some(error) = refusal::cause::<TlsError>(innermost) {
        return match error {
            TlsError::InvalidCertificate(certificate) => match certificate {
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Cause::CertificateTime,
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Cause::CertificateName,
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    Cause::UnknownIssuer
                }
                _ => Cause::Other,
            },
            TlsError::AlertReceived(_) => Cause::ClientCertificate,
            TlsError::InvalidMessage(_) => Cause::NoTls,
            _ => Cause::Other,
        };
    }
    if let Some(error) = refusal::cause::<DialError>(innermost) {
        return match error {
            DialError::Lookup(_) | DialError::NoAddress => Cause::Name,
            DialError::Connect(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Cause::Closed
            }
            DialError::Connect(_) | DialError::NoAnswer => Cause::Silent,
            DialError::SilentHandshake | DialError::Tls(_) => Cause::NoTls,
        };
    }
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::BadAuthenticationMethod
            | ConnectReturnCode::Banned => Cause::Credentials,
            ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => {
                Cause::ClientId
            }
            ConnectReturnCode::RefusedProtocolVersion
            | ConnectReturnCode::UnsupportedProtocolVersion => Cause::Protocol,
            _ => Cause::Other,
        },
        _ if was_in => Cause::Other,
        ConnectionError::Timeout(_)
        | ConnectionError::NotConnAck(_)
        | ConnectionError::MqttState(
            StateError::ConnectionAborted
            | StateError::Deserialization(_)
            | StateError::ProtocolViolation(_),
        ) => Cause::Protocol,
        _ => Cause::Other,
    }
}

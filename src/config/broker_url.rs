//! The broker's address.

mod list;
mod mask;

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

pub(super) use list::split;
pub(super) use mask::masked;

use super::secret::Secret;

/// The path of a websocket whose URL has none, as Mosquitto, EMQX and HiveMQ expect it.
const DEFAULT_PATH: &str = "/mqtt";

/// How to talk to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// MQTT over TCP, port 1883.
    Mqtt,
    /// MQTT over TLS, port 8883.
    Mqtts,
    /// MQTT over a websocket, port 80.
    Ws,
    /// MQTT over a websocket over TLS, port 443.
    Wss,
}

impl Scheme {
    const ALL: [Self; 4] = [Self::Mqtt, Self::Mqtts, Self::Ws, Self::Wss];

    /// The scheme as it is spelled in a URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The port when the URL has none.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }

    /// Whether MQTT is carried in a websocket.
    #[must_use]
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}

/// Why a broker's URL is not valid; never quotes what might be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerUrlError {
    /// There is no `://`.
    #[error("has no scheme; expected mqtt://, mqtts://, ws:// or wss:// and a host")]
    NoScheme,
    /// The scheme is another one.
    #[error("scheme is {0:?}; expected mqtt, mqtts, ws or wss")]
    Scheme(String),
    /// There is nothing where the host belongs.
    #[error("has no host; expected a name or an address after `://`")]
    NoHost,
    /// The host has a character that no host has.
    #[error("host contains {0:?}; expected a name, an IPv4 address or an IPv6 address in brackets")]
    Host(char),
    /// What is in brackets is no IPv6 address, or the brackets are missing.
    #[error("host is no IPv6 address in brackets; expected one such as [fd00::1]")]
    Ipv6,
    /// The port is no number, or none that exists.
    #[error("port is not valid; expected 1 to 65535 (a `/` in a password is written %2F)")]
    Port,
    /// There is an `@` without a user name before it.
    #[error("user name is empty; expected one before `@`")]
    NoUser,
    /// A `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8.
    #[error("user name or password has a broken %XX; expected `%` itself as %25")]
    Escape,
    /// An MQTT URL has a path.
    #[error("has a path; only ws and wss have one")]
    Path,
    /// The path has a character that stands for something else.
    #[error("path contains {0:?}; expected one such as /mqtt (a `/` in a password is written %2F)")]
    PathCharacter(char),
}

/// A broker's address: scheme, host, port, and perhaps a user and a websocket's path.
///
/// `Display` writes it as a URL, the password masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    scheme: Scheme,
    username: Option<String>,
    password: Option<Secret>,
    host: String,
    port: u16,
    path: Option<String>,
}

impl BrokerUrl {
    /// How to talk to the broker.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The name or address, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port, 1 to 65535.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user name, with escapes resolved.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// The password, with escapes resolved.
    #[must_use]
    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// The path of a websocket, with its leading `/`; `None` for plain MQTT.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Where the broker is, without who connects: scheme, host, port and path.
    #[must_use]
    pub fn place(&self) -> String {
        format!(
            "{}://{}{}",
            self.scheme.as_str(),
            self.authority(),
            self.path().unwrap_or("")
        )
    }

    /// The host and port as one text, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for BrokerUrl {
    type Err = BrokerUrlError;

    fn from_str(text: &str) -> Result<Self, BrokerUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(BrokerUrlError::NoScheme)?;
        let scheme = parse_scheme(scheme)?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let path = parse_path(scheme, path)?;
        let (username, password) = parse_user(user)?;
        let (host, port) = parse_address(address)?;
        Ok(Self {
            scheme,
            username,
            password,
            host,
            port: port.unwrap_or(scheme.default_port()),
            path,
        })
    }
}

fn parse_scheme(text: &str) -> Result<Scheme, BrokerUrlError> {
    Scheme::ALL
        .into_iter()
        .find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| {
            // Anything longer, or with other characters, is no scheme but perhaps a misplaced password.
            if text.len() <= 8 && text.chars().all(|c| c.is_ascii_alphabetic()) {
                BrokerUrlError::Scheme(text.to_owned())
            } else {
                BrokerUrlError::NoScheme
            }
        })
}

fn parse_path(scheme: Scheme, text: &str) -> Result<Option<String>, BrokerUrlError> {
    if !scheme.is_websocket() {
        return match text {
            "" | "/" => Ok(None),
            _ => Err(BrokerUrlError::Path),
        };
    }
    let stray = |c: &char| matches!(c, '@' | '?' | '#') || c.is_whitespace() || c.is_control();
    match text.chars().find(stray) {
        Some(c) => Err(BrokerUrlError::PathCharacter(c)),
        None if text.is_empty() => Ok(Some(DEFAULT_PATH.to_owned())),
        None => Ok(Some(text.to_owned())),
    }
}

fn parse_user(text: Option<&str>) -> Result<(Option<String>, Option<Secret>), BrokerUrlError> {
    let Some(text) = text else {
        return Ok((None, None));
    };
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    if user.is_empty() {
        return Err(BrokerUrlError::NoUser);
    }
    let password = password.filter(|password| !password.is_empty());
    Ok((
        Some(unescape(user)?),
        password.map(unescape).transpose()?.map(Secret::new),
    ))
}

fn parse_address(text: &str) -> Result<(String, Option<u16>), BrokerUrlError> {
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']').ok_or(BrokerUrlError::Ipv6)?;
        let address: Ipv6Addr = host.parse().map_err(|_| BrokerUrlError::Ipv6)?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port),
            None if after.is_empty() => None,
            None => return Err(BrokerUrlError::Port),
        };
        (address.to_string(), port)
    } else if text.matches(':').nth(1).is_some() {
        return Err(BrokerUrlError::Ipv6);
    } else {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        if host.is_empty() {
            return Err(BrokerUrlError::NoHost);
        }
        let stray = |c: &char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if let Some(c) = host.chars().find(stray) {
            return Err(BrokerUrlError::Host(c));
        }
        (host.to_owned(), port)
    };
    Ok((host, port.map(parse_port).transpose()?))
}

/// Whether this is a name or an address, an IPv6 address without brackets.
pub(super) fn is_host(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok() || parse_address(text).is_ok_and(|(_, port)| port.is_none())
}

fn parse_port(text: &str) -> Result<u16, BrokerUrlError> {
    // `parse` alone would take a `+`.
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BrokerUrlError::Port);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(BrokerUrlError::Port),
        Ok(port) => Ok(port),
    }
}

fn unescape(text: &str) -> Result<String, BrokerUrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(BrokerUrlError::Escape)?;
        rest = after;
        let digit = |b: u8| {
            char::from(b)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        match (digit(digits[0]), digit(digits[1])) {
            (Some(high), Some(low)) => bytes.push(high << 4 | low),
            _ => return Err(BrokerUrlError::Escape),
        }
    }
    String::from_utf8(bytes).map_err(|_| BrokerUrlError::Escape)
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(b).to_string()
            }
            _ => format!("%{b:02X}"),
        })
        .collect()
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.as_str())?;
        if let Some(username) = &self.username {
            f.write_str(&escape(username))?;
            if self.password.is_some() {
                f.write_str(":***")?;
            }
            f.write_str("@")?;
        }
        write!(f, "{}{}", self.authority(), self.path().unwrap_or(""))
    }
}

#[cfg(test)]
mod tests;

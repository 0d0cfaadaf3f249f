//! Who is let in: under which name this is called, from which page, by whom, and how often.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::warn;

use super::App;
use super::answers::Refusal;
use super::listener::Peer;
use crate::config;
use crate::fleet::access::{Caller, Role};

/// The cookie that holds a session.
pub(super) const COOKIE_NAME: &str = "piglow_session";

/// Under which names this is called, and whose word about who asks is taken.
pub(super) struct Gate {
    names: Vec<String>,
    proxies: Vec<IpAddr>,
    speaks_tls: bool,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    /// Who it is, if that is known.
    pub(super) caller: Option<Caller>,
    /// Where they are.
    pub(super) address: IpAddr,
    /// Whether nobody on the way can read along.
    pub(super) is_secure: bool,
}

impl Gate {
    pub(super) fn new(config: &config::Fleet) -> Self {
        let mut names = config.host_names.clone();
        names.push("localhost".to_owned());
        if let Some(own) = crate::host::host_name() {
            let own = own.to_ascii_lowercase();
            names.push(format!("{own}.local"));
            names.push(own);
        }
        Self {
            names,
            proxies: config.trusted_proxies.clone(),
            speaks_tls: config.tls.is_some(),
        }
    }

    /// Whether a browser may call this by that name. An address is nobody's to point elsewhere; a name may be, which is how a
    /// page of somebody else's would reach what listens on this machine only.
    fn knows(&self, host: &str) -> bool {
        let name = without_port(host)
            .trim_end_matches('.')
            .to_ascii_lowercase();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok() || self.names.contains(&name)
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies
            .iter()
            .any(|proxy| proxy.to_canonical() == address)
    }

    /// Who is behind a proxy: the last address in the list that is none of ours.
    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.is_proxy(peer) {
            return peer;
        }
        let lists = headers.get_all("x-forwarded-for").iter();
        let listed: Vec<&str> = lists
            .filter_map(|list| list.to_str().ok())
            .flat_map(|list| list.split(','))
            .collect();
        let addresses = listed
            .iter()
            .rev()
            .map_while(|text| text.trim().parse().ok());
        let mut beyond = addresses.skip_while(|address| self.is_proxy(*address));
        beyond.next().unwrap_or(peer)
    }

    fn is_secure(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let said = headers
            .get("x-forwarded-proto")
            .and_then(|proto| proto.to_str().ok());
        self.speaks_tls || (self.is_proxy(peer) && said == Some("https"))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a proxy has passed it on: whoever asks need not be on this machine then, though the connection comes from there.
fn is_passed_on(headers: &HeaderMap) -> bool {
    /// What proxies add (RFC 7239; RFC 9110, section 7.6.3; and what was usual before).
    const MARKS: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];
    MARKS.iter().any(|mark| headers.contains_key(*mark))
}

/// What is needed for a request; `None`: nothing.
fn needed(method: &Method, path: &str) -> Option<Role> {
    match path {
        "/" | "/healthz" | "/api/v1/session" | "/api/v1/openapi.json" => None,
        _ if path.starts_with("/assets/") => None,
        _ if method == Method::POST => Some(Role::Control),
        _ => Some(Role::View),
    }
}

/// Lets in who may come in, and counts.
pub(super) async fn pass(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let response = match look(&app, &request) {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    };
    let class = usize::from(response.status().as_u16() / 100);
    if let Some(count) = app.answers.get(class) {
        count.fetch_add(1, Ordering::Relaxed);
    }
    response
}

fn look(app: &App, request: &Request) -> Result<Visitor, Refusal> {
    let headers = request.headers();
    let gate = &app.gate;
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    if !gate.knows(host) {
        return Err(Refusal::field(
            "unknown_host",
            "Host",
            Some(&host.into()),
            "an address, `localhost`, this host's name, or one of `fleet.host_names`",
        )
        .with_status(StatusCode::MISDIRECTED_REQUEST));
    }
    refuse_other_pages(host, request)?;
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let peer = peer.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    let visitor = Visitor {
        address: gate.address(peer, headers),
        is_secure: gate.is_secure(peer, headers),
        caller: None,
    };
    let caller = match app.access.anybody() {
        Some(_) if is_passed_on(headers) => return Err(Refusal::passed_on()),
        Some(anybody) => Some(anybody),
        None => identify(app, headers, visitor.address)?,
    };
    match (needed(request.method(), request.uri().path()), &caller) {
        (None, _) => {}
        (Some(needed), Some(caller)) if caller.role >= needed => {}
        (Some(needed), Some(_)) => {
            let expected = format!("a token for the role {}", needed.name());
            return Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", expected));
        }
        (Some(_), None) => return Err(Refusal::unknown_caller()),
    }
    Ok(Visitor { caller, ..visitor })
}

/// Another page must neither command nor read along, whatever a browser would let it do.
fn refuse_other_pages(host: &str, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &axum::http::HeaderValue| value.to_str().ok())
    };
    let refused = |name, value: &str| {
        Err(Refusal::field(
            "foreign_origin",
            name,
            Some(&value.into()),
            "a page of this dashboard",
        )
        .with_status(StatusCode::FORBIDDEN))
    };
    if let Some(origin) = headers.get(ORIGIN) {
        let origin = origin.to_str().unwrap_or("null");
        let of = origin.split_once("://").map(|(_, authority)| authority);
        if !of.is_some_and(|of| of.eq_ignore_ascii_case(host)) {
            return refused("Origin", origin);
        }
    }
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    match text("sec-fetch-site") {
        Some(site @ ("cross-site" | "same-site")) if !is_safe => refused("Sec-Fetch-Site", site),
        _ => Ok(()),
    }
}

/// Whose token or session it is; who shows wrong ones too often has to wait.
fn identify(app: &App, headers: &HeaderMap, address: IpAddr) -> Result<Option<Caller>, Refusal> {
    let now = app.hub.now();
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if let Some(token) = bearer {
        return app
            .check(address, || app.access.by_token(token.trim()))
            .map(Some);
    }
    let Some(session) = session_of(headers) else {
        return Ok(None);
    };
    // A session that has ended is no attempt at anything.
    Ok(app.access.by_session(session, now.div_euclid(1000)))
}

fn session_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|list| list.to_str().ok());
    cookies
        .flat_map(|list| list.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value)
}

impl App {
    /// Checks what somebody shows, unless wrong things came from there too often.
    pub(super) fn check<T>(
        &self,
        address: IpAddr,
        check: impl FnOnce() -> Option<T>,
    ) -> Result<T, Refusal> {
        let now = self.hub.now();
        let too_often = |secs| {
            Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "fewer attempts with tokens that are not known",
            )
            .retry_after(secs)
        };
        let attempts = || {
            self.attempts
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        attempts().allows(address, now).map_err(too_often)?;
        check().ok_or_else(|| {
            let left = attempts().take(address, now).is_ok();
            warn!(target: "audit", %address, left, "a token that is not known");
            Refusal::unknown_caller()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate {
            names: vec!["localhost".to_owned(), "wall.example.org".to_owned()],
            proxies: vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([10, 0, 0, 9])],
            speaks_tls: false,
        }
    }

    #[test]
    fn addresses_and_known_names_are_let_in_and_names_of_others_are_not() {
        for host in [
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "192.168.1.5",
            "LOCALHOST:1",
            "wall.example.org.",
            "wall.example.org:443",
        ] {
            assert!(gate().knows(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "x@localhost",
        ] {
            assert!(!gate().knows(host), "{host}");
        }
    }

    #[test]
    fn only_a_proxy_that_is_trusted_is_believed() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "6.6.6.6, 192.0.2.7".parse().unwrap());
        headers.append("x-forwarded-for", "10.0.0.9".parse().unwrap());
        headers.append("x-forwarded-proto", "https".parse().unwrap());
        let proxy = IpAddr::from([127, 0, 0, 1]);
        let stranger = IpAddr::from([198, 51, 100, 1]);
        assert_eq!(
            gate().address(proxy, &headers),
            IpAddr::from([192, 0, 2, 7])
        );
        assert_eq!(gate().address(stranger, &headers), stranger);
        assert!(gate().is_secure(proxy, &headers));
        assert!(!gate().is_secure(stranger, &headers));
        assert_eq!(gate().address(proxy, &HeaderMap::new()), proxy);
    }

    #[test]
    fn whatever_is_not_listed_needs_a_role() {
        assert_eq!(needed(&Method::GET, "/assets/main.js"), None);
        assert_eq!(needed(&Method::GET, "/metrics"), Some(Role::View));
        assert_eq!(needed(&Method::GET, "/api/v1/anything"), Some(Role::View));
        assert_eq!(
            needed(&Method::POST, "/api/v1/commands"),
            Some(Role::Control)
        );
        assert_eq!(
            needed(&Method::POST, "/api/v1/anything"),
            Some(Role::Control)
        );
    }
}

//! Who may see the dashboard, and who may command.
#![cfg(feature = "demo")]

mod support;

use std::io::Write;

use piglow_node::demo::{BrokerOptions, EmbeddedBroker};
use piglow_node::fleet::Fleet;
use serde_json::json;
use support::config;
use support::dashboard::Dashboard;
use tempfile::NamedTempFile;

const CONTROL: &str = "correct-horse-battery";
const WATCH: &str = "staple-of-the-wall-01";
const ORDER: &str = r#"{"to":{"all":true},"kind":"identify"}"#;

struct Scene {
    _broker: EmbeddedBroker,
    dashboard: Dashboard,
    control: NamedTempFile,
    _view: NamedTempFile,
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    writeln!(file, "{text}").expect("it can be written");
    file
}

async fn guarded(settings: &[(&str, &str)]) -> Scene {
    let broker = EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .expect("the broker starts");
    let (control, view) = (file(&format!("ada {CONTROL}")), file(WATCH));
    let mut all = vec![
        (
            "fleet.control_token_file",
            control.path().to_str().expect("UTF-8"),
        ),
        (
            "fleet.view_token_file",
            view.path().to_str().expect("UTF-8"),
        ),
    ];
    all.extend(settings);
    let dashboard = Dashboard::start(broker.address(), &all).await;
    Scene {
        _broker: broker,
        dashboard,
        control,
        _view: view,
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// The cookie that a sign-in gives, as a browser sends it.
async fn sign_in(dashboard: &Dashboard, token: &str) -> Option<String> {
    let answer = dashboard
        .post("/api/v1/session", &json!({"token": token}))
        .await;
    let cookie = answer.header("set-cookie")?;
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict"), "{cookie}");
    Some(format!("Cookie: {}", cookie.split(';').next()?))
}

#[tokio::test]
async fn without_a_token_nothing_is_seen_but_the_page_that_asks_for_one() {
    let scene = guarded(&[]).await;
    let dashboard = &scene.dashboard;
    for open in [
        "/",
        "/assets/main.js",
        "/api/v1/session",
        "/api/v1/openapi.json",
    ] {
        assert_eq!(dashboard.get(open).await.status, 200, "{open}");
    }
    assert_eq!(
        dashboard.get("/api/v1/session").await.json()["role"],
        json!(null)
    );
    assert_eq!(dashboard.get("/api/v1/session").await.json()["login"], true);
    for closed in [
        "/metrics",
        "/api/v1/fleet",
        "/api/v1/events?stream=abcdefgh",
        "/api/v1/nodes/x",
        "/api/v1/none",
    ] {
        let refused = dashboard.get(closed).await;
        assert_eq!(refused.status, 401, "{closed}");
        assert!(refused.header("www-authenticate").is_some());
    }
    assert_eq!(
        dashboard
            .ask("POST", "/api/v1/commands", &[], ORDER)
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn who_may_view_sees_and_does_not_command() {
    let scene = guarded(&[]).await;
    let dashboard = &scene.dashboard;
    let cookie = sign_in(dashboard, WATCH).await.unwrap();
    for how in [cookie, bearer(WATCH)] {
        assert_eq!(
            dashboard
                .ask("GET", "/api/v1/fleet", &[&how], "")
                .await
                .status,
            200
        );
        assert_eq!(
            dashboard.ask("GET", "/metrics", &[&how], "").await.status,
            200
        );
        let refused = dashboard
            .ask("POST", "/api/v1/commands", &[&how], ORDER)
            .await;
        assert_eq!(refused.status, 403);
        assert_eq!(
            refused.json()["error"]["expected"],
            "a token for the role control"
        );
    }
}

#[tokio::test]
async fn who_may_control_commands_until_the_token_is_changed() {
    let scene = guarded(&[]).await;
    let dashboard = &scene.dashboard;
    let cookie = sign_in(dashboard, CONTROL).await.unwrap();
    let sent = dashboard
        .ask("POST", "/api/v1/commands", &[&cookie], ORDER)
        .await;
    // The broker may not be there yet; whoever gets that far was let in.
    assert!([202, 503].contains(&sent.status), "{}", sent.text());
    std::fs::write(scene.control.path(), "ada another-horse-battery-2").unwrap();
    assert_eq!(
        dashboard
            .ask("GET", "/api/v1/fleet", &[&cookie], "")
            .await
            .status,
        401
    );
    assert_eq!(
        dashboard
            .ask(
                "GET",
                "/api/v1/fleet",
                &[&bearer("another-horse-battery-2")],
                ""
            )
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn guessing_is_slowed_down_for_tokens_of_every_way() {
    let scene = guarded(&[]).await;
    let dashboard = &scene.dashboard;
    for guess in 0..5 {
        let answer = dashboard
            .ask(
                "GET",
                "/api/v1/fleet",
                &[&bearer(&format!("guess-number-{guess}"))],
                "",
            )
            .await;
        assert_eq!(answer.status, 401);
    }
    let right = dashboard
        .post("/api/v1/session", &json!({"token": CONTROL}))
        .await;
    assert_eq!(right.status, 429);
    let wait: u64 = right.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait));
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_visitor_has_their_own_limit_and_a_secure_cookie() {
    let scene = guarded(&[("fleet.trusted_proxies", "127.0.0.1")]).await;
    let dashboard = &scene.dashboard;
    let from = |last: u8| format!("X-Forwarded-For: 192.0.2.{last}");
    for guess in 0..6 {
        let answer = dashboard
            .ask(
                "GET",
                "/api/v1/fleet",
                &[&bearer("guess-number-one"), &from(1)],
                "",
            )
            .await;
        assert_eq!(answer.status, if guess < 5 { 401 } else { 429 });
    }
    let head = [from(2), "X-Forwarded-Proto: https".to_owned()];
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let token = json!({"token": WATCH}).to_string();
    let answer = dashboard
        .ask("POST", "/api/v1/session", &head, &token)
        .await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("set-cookie").unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn names_and_pages_of_others_are_refused_also_where_no_token_is_needed() {
    let broker = EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .unwrap();
    let dashboard = Dashboard::start(
        broker.address(),
        &[("fleet.host_names", "wall.example.org")],
    )
    .await;
    let host = format!("Host: {}", dashboard.address);
    let own = format!("Origin: http://{}", dashboard.address);
    for (head, status) in [
        (vec!["Host: wall.example.org"], 200),
        (vec!["Host: rebound.example"], 421),
        (vec![host.as_str(), own.as_str()], 200),
        (vec![host.as_str(), "Origin: http://evil.example"], 403),
        (vec![host.as_str(), "Origin: null"], 403),
    ] {
        let answer = dashboard.ask("GET", "/api/v1/fleet", &head, "").await;
        assert_eq!(answer.status, status, "{head:?}: {}", answer.text());
    }
    let cross = ["Sec-Fetch-Site: cross-site", "Content-Type: text/plain"];
    let refused = dashboard
        .ask("POST", "/api/v1/commands", &cross, ORDER)
        .await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn without_tokens_nothing_is_passed_on_by_a_proxy() {
    let broker = EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .unwrap();
    let dashboard = Dashboard::start(broker.address(), &[]).await;
    for mark in [
        "X-Forwarded-For: 192.0.2.7",
        "Forwarded: for=192.0.2.7",
        "X-Real-IP: 192.0.2.7",
        "Via: 1.1 proxy",
    ] {
        for path in ["/", "/api/v1/fleet"] {
            let refused = dashboard.ask("GET", path, &[mark], "").await;
            assert_eq!(refused.status, 403, "{mark} {path}");
            assert_eq!(refused.json()["error"]["reason"], "passed_on");
        }
    }
    assert_eq!(dashboard.get("/api/v1/fleet").await.status, 200);
}

#[tokio::test]
async fn commands_have_a_limit() {
    let broker = EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .unwrap();
    let dashboard = Dashboard::start(broker.address(), &[]).await;
    let mut last = 0;
    for _ in 0..200 {
        last = dashboard
            .ask("POST", "/api/v1/commands", &[], "{}")
            .await
            .status;
        if last == 429 {
            break;
        }
        assert_eq!(last, 400);
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn an_address_that_others_reach_is_not_listened_at_without_a_token() {
    let start = async |settings: &[(&str, &str)]| {
        let mut all = vec![("fleet.history_file", "")];
        all.extend(settings);
        Fleet::start(&config("dashboard", "mqtt://127.0.0.1:1", &all))
            .await
            .err()
            .map(|error| error.to_string())
    };
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refused = start(&[("fleet.listen", address)]).await.unwrap();
        assert!(
            refused.starts_with(&format!(
                "`fleet.listen` is {address}, which others can reach"
            )),
            "{refused}"
        );
        assert!(refused.contains("`fleet.control_token_file`"), "{refused}");
    }
    let tokens = file(CONTROL);
    let path = tokens.path().to_str().unwrap();
    assert_eq!(
        start(&[
            ("fleet.listen", "0.0.0.0:0"),
            ("fleet.control_token_file", path)
        ])
        .await,
        None
    );
    let short = file("secret");
    let path = short.path().to_str().unwrap();
    let refused = start(&[
        ("fleet.listen", "127.0.0.1:0"),
        ("fleet.control_token_file", path),
    ])
    .await
    .unwrap();
    assert!(
        refused.contains("a token of 6 characters in line 1; expected 16 to 256"),
        "{refused}"
    );
    assert!(!refused.contains("secret"), "{refused}");
}

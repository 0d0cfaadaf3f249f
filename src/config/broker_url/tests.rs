use super::*;
use proptest::prelude::*;

fn url(text: &str) -> BrokerUrl {
    text.parse().expect(text)
}

fn error(text: &str) -> String {
    text.parse::<BrokerUrl>().expect_err(text).to_string()
}

#[test]
fn each_scheme_has_its_port_and_path() {
    for (text, port, path) in [
        ("mqtt://pi", 1883, None),
        ("mqtts://pi/", 8883, None),
        ("ws://pi", 80, Some("/mqtt")),
        ("wss://pi/a/b", 443, Some("/a/b")),
        ("WS://pi:9001", 9001, Some("/mqtt")),
    ] {
        let url = url(text);
        assert_eq!((url.port(), url.path()), (port, path), "{text}");
        assert_eq!(url.host(), "pi");
    }
}

#[test]
fn ipv6_addresses_stand_in_brackets() {
    assert_eq!(url("mqtt://[::1]").host(), "::1");
    assert_eq!(url("mqtt://[fd00::1]:1884").authority(), "[fd00::1]:1884");
    assert_eq!(url("mqtt://u@[::1]:5").to_string(), "mqtt://u@[::1]:5");
}

#[test]
fn user_and_password_are_unescaped_and_the_password_masked() {
    let url = url("mqtts://al%40ice:p%2Fw%25@pi");
    assert_eq!(url.username(), Some("al@ice"));
    assert_eq!(url.password().map(Secret::expose), Some("p/w%"));
    assert_eq!(url.to_string(), "mqtts://al%40ice:***@pi:8883");
    assert!(!format!("{url:?}").contains("p/w"));
}

#[test]
fn errors_say_what_is_allowed() {
    for (text, expected) in [
        ("pi", "has no scheme; expected mqtt://"),
        (
            "http://pi",
            "scheme is \"http\"; expected mqtt, mqtts, ws or wss",
        ),
        ("mqtt://", "has no host"),
        ("mqtt://:1883", "has no host"),
        ("mqtt://a b", "host contains ' '"),
        ("mqtt://[::g]", "no IPv6 address in brackets"),
        ("mqtt://[::1", "no IPv6 address in brackets"),
        ("mqtt://::1", "no IPv6 address in brackets"),
        ("mqtt://pi:0", "port is not valid; expected 1 to 65535"),
        ("mqtt://pi:65536", "port is not valid"),
        ("mqtt://pi:+1", "port is not valid"),
        ("mqtt://pi:", "port is not valid"),
        ("mqtt://@pi", "user name is empty"),
        ("mqtt://:x@pi", "user name is empty"),
        ("mqtt://a%4@pi", "broken %XX"),
        ("mqtt://a%zz@pi", "broken %XX"),
        ("mqtt://pi/topic", "has a path; only ws and wss"),
        ("ws://pi/a?b", "path contains '?'"),
    ] {
        let message = error(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
}

fn hosts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9]{1,8}(\\.[a-z0-9-]{1,8}){0,2}",
        any::<Ipv6Addr>().prop_map(|address| format!("[{address}]")),
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
    ]
}

proptest! {
    #[test]
    fn parsing_never_panics(text in ".*", after in ".*") {
        for text in [text, format!("ws://{after}")] {
            text.parse::<BrokerUrl>().ok();
        }
    }

    #[test]
    fn what_is_written_reads_the_same(
        scheme in prop::sample::select(Scheme::ALL.to_vec()),
        user in prop::option::of("\\PC{1,12}"),
        host in hosts(),
        port in prop::option::of(1u16..),
    ) {
        let user = user.map_or_else(String::new, |user| format!("{}@", escape(&user)));
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let first = url(&format!("{}://{user}{host}{port}", scheme.as_str()));
        prop_assert_eq!(url(&first.to_string()), first);
    }

    #[test]
    fn escaped_passwords_read_as_written(user in "\\PC{1,12}", password in "\\PC{1,12}") {
        let url = url(&format!("mqtt://{}:{}@pi", escape(&user), escape(&password)));
        prop_assert_eq!(url.username(), Some(user.as_str()));
        prop_assert_eq!(url.password().map(Secret::expose), Some(password.as_str()));
    }

    #[test]
    fn a_password_is_never_shown(
        scheme in "(mqtt|mqtts|ws|wss|http)://|",
        before in "[a-z0-9/:@%?#. ]{0,6}",
        after in "[a-z0-9/:@%?#. ]{0,6}",
        host in prop_oneof![Just("@pi"), Just("@pi:1883/x"), Just("@pi:99999"), Just("@")],
    ) {
        let text = format!("{scheme}user:{before}HUNTER{after}{host}");
        prop_assert!(!masked(&text).contains("HUNTER"), "{}", masked(&text));
        let said = match text.parse::<BrokerUrl>() {
            Ok(url) => format!("{url} {url:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!said.contains("HUNTER"), "{}", said);
    }
}

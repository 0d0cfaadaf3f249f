//! How a URL that is not valid is shown.

use super::Scheme;

/// A text that should have been a broker's URL, with whatever might be a password masked.
pub(in crate::config) fn masked(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.chars().all(|c| c.is_ascii_alphabetic()) => (scheme, rest),
        _ => return mask_rest("", text),
    };
    match rest.rsplit_once('@') {
        // `user://password@host` may be a URL without a scheme.
        Some((_, address)) if !is_known(scheme) => format!("{scheme}://***@{address}"),
        _ => mask_rest(&format!("{scheme}://"), rest),
    }
}

fn is_known(scheme: &str) -> bool {
    Scheme::ALL
        .into_iter()
        .any(|known| known.as_str().eq_ignore_ascii_case(scheme))
}

fn mask_rest(scheme: &str, rest: &str) -> String {
    if let Some((user, address)) = rest.rsplit_once('@') {
        return match user.split_once(':') {
            Some((user, _)) => format!("{scheme}{user}:***@{address}"),
            None => format!("{scheme}{user}@{address}"),
        };
    }
    // `mqtt://user:password` without a host: what stands for the port is no number.
    match rest.split_once(':') {
        Some((host, port)) if !rest.starts_with('[') && !is_port(port) => {
            format!("{scheme}{host}:***")
        }
        _ => format!("{scheme}{rest}"),
    }
}

fn is_port(text: &str) -> bool {
    let digits = text.split('/').next().unwrap_or_default();
    digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_password_is_masked() {
        for (text, shown) in [
            ("mqtt://user:hunter2", "mqtt://user:***"),
            ("mqtt://user:a@b/hunter2@pi", "mqtt://user:***@pi"),
            ("user:hunter2@pi", "user:***@pi"),
            ("user://hunter2@pi", "user://***@pi"),
            ("http://user:hunter2@pi", "http://***@pi"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn what_cannot_be_a_password_is_shown() {
        for text in [
            "mqtt://pi:1883/x",
            "http://pi",
            "mqtt://user@pi",
            "mqtt://[::1",
            "pi",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}

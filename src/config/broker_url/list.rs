//! Several URLs in one text.

use super::Scheme;

/// The URLs of a text in which commas separate them.
///
/// A comma counts only where a URL begins behind it: a password may have one too.
pub(in crate::config) fn split(text: &str) -> Vec<&str> {
    let mut urls = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(',') {
        if begins_a_url(&text[at + 1..]) {
            urls.push(text[start..at].trim());
            start = at + 1;
        }
    }
    urls.push(text[start..].trim());
    urls
}

fn begins_a_url(text: &str) -> bool {
    text.trim_start()
        .split_once("://")
        .is_some_and(|(name, _)| {
            Scheme::ALL
                .into_iter()
                .any(|scheme| scheme.as_str().eq_ignore_ascii_case(name))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_separates_only_in_front_of_a_url() {
        for (text, urls) in [
            ("mqtt://a", &["mqtt://a"][..]),
            (
                "mqtt://a, MQTTS://b:1,wss://c/x",
                &["mqtt://a", "MQTTS://b:1", "wss://c/x"],
            ),
            ("mqtt://al:p,w@a,mqtt://b", &["mqtt://al:p,w@a", "mqtt://b"]),
            ("mqtt://a,http://b", &["mqtt://a,http://b"]),
            ("", &[""]),
        ] {
            assert_eq!(split(text), urls, "{text}");
        }
    }
}

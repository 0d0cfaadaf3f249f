//! Who may see, and who may command: tokens in files, and sessions that hold for as long as their token does.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use std::{fs, io};

use ring::hmac::{self, HMAC_SHA256, Key, Tag};
use ring::rand::SystemRandom;
use tracing::{info, warn};

use crate::config;

/// Characters of a token: 16 random ones are more than anybody guesses.
const TOKEN: std::ops::RangeInclusive<usize> = 16..=256;
/// The most tokens in a file.
const TOKENS_MAX: usize = 256;
/// The longest name of a token.
const NAME_MAX: usize = 64;
/// How long a session holds, in seconds: a wall that is not switched off need not be signed in every week.
pub(super) const SESSION_SECS: i64 = 30 * 86_400;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// See everything.
    View,
    /// Command as well.
    Control,
}

impl Role {
    /// The role's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Control => "control",
        }
    }
}

/// Somebody who has shown who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// The token's name, for the log.
    pub(super) name: String,
    /// What they may do.
    pub(super) role: Role,
}

/// Why nobody could be let in.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Others could see and command without a token.
    #[error(
        "`fleet.listen` is {0}, which others can reach, and there is no token; expected `fleet.control_token_file` or \
         `fleet.view_token_file` as well (a token: openssl rand -hex 16), or an address of this machine alone such as 127.0.0.1:8080"
    )]
    Exposed(SocketAddr),
    /// A file of tokens can't be read.
    #[error("`{key}` is {path}, which can't be read")]
    Read {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of tokens has a line that is none, or no token at all.
    #[error("`{key}` is {path}, which has {what}")]
    Content {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong and what is expected; never a token.
        what: String,
    },
}

/// The tokens of both roles.
pub(super) struct Access {
    files: Vec<TokenFile>,
}

impl Access {
    /// Reads the files; without any, whoever reaches this machine's own address may do everything.
    pub(super) fn load(config: &config::Fleet) -> Result<Self, AccessError> {
        let files = [
            (
                "fleet.control_token_file",
                Role::Control,
                &config.control_token_file,
            ),
            ("fleet.view_token_file", Role::View, &config.view_token_file),
        ];
        let files: Vec<TokenFile> = files
            .into_iter()
            .filter_map(|(key, role, path)| Some(TokenFile::load(key, role, path.clone()?)))
            .collect::<Result<_, _>>()?;
        if files.is_empty() && !config.listen.ip().to_canonical().is_loopback() {
            return Err(AccessError::Exposed(config.listen));
        }
        Ok(Self { files })
    }

    /// Whether anybody has to show a token.
    pub(super) fn is_guarded(&self) -> bool {
        !self.files.is_empty()
    }

    /// Whoever it is, when nobody has to show a token.
    pub(super) fn anybody(&self) -> Option<Caller> {
        (!self.is_guarded()).then(|| Caller {
            name: "local".to_owned(),
            role: Role::Control,
        })
    }

    /// Whose token it is.
    pub(super) fn by_token(&self, token: &str) -> Option<Caller> {
        self.with_tokens(|role, known| (known.is(token)).then(|| known.caller(role)))
    }

    /// Whose session it is, at this time in seconds since 1970.
    pub(super) fn by_session(&self, session: &str, now_secs: i64) -> Option<Caller> {
        let (said, seal) = session.rsplit_once('.')?;
        let mut parts = said.split('.');
        let (role, name, until) = (parts.next()?, parts.next()?, parts.next()?);
        let until: i64 = until.parse().ok()?;
        if parts.next().is_some() || until <= now_secs || until > now_secs + SESSION_SECS {
            return None;
        }
        let seal = from_hex(seal)?;
        self.with_tokens(|of, known| {
            let is_its = of.name() == role
                && known.name == name
                && hmac::verify(&known.seals, said.as_bytes(), &seal).is_ok();
            is_its.then(|| known.caller(of))
        })
    }

    /// A session for a token: role, name and end, sealed with the token itself, so that it ends with it.
    pub(super) fn session(&self, token: &str, now_secs: i64) -> Option<(Caller, String)> {
        self.with_tokens(|role, known| {
            known.is(token).then(|| {
                let said = format!("{}.{}.{}", role.name(), known.name, now_secs + SESSION_SECS);
                let seal = hmac::sign(&known.seals, said.as_bytes());
                let session = format!("{said}.{}", to_hex(seal.as_ref()));
                (known.caller(role), session)
            })
        })
    }

    /// Looks at every token, also after one has fitted: how long it takes tells nothing.
    fn with_tokens<T>(&self, look: impl Fn(Role, &Token) -> Option<T>) -> Option<T> {
        let mut found = None;
        for file in &self.files {
            file.refresh();
            let known = file.known.lock().unwrap_or_else(PoisonError::into_inner);
            for token in &known.tokens {
                let fits = look(file.role, token);
                // The role that comes first may more.
                found = found.or(fits);
            }
        }
        found
    }
}

/// A file of tokens, read again when it changes.
struct TokenFile {
    key: &'static str,
    role: Role,
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// When it was changed, and its length.
    stamp: Option<(SystemTime, u64)>,
    tokens: Vec<Token>,
}

impl TokenFile {
    fn load(key: &'static str, role: Role, path: PathBuf) -> Result<Self, AccessError> {
        let stamp = stamp(&path);
        let tokens = read(key, role, &path)?;
        Ok(Self {
            key,
            role,
            path,
            known: Mutex::new(Known { stamp, tokens }),
        })
    }

    /// Reads the file again when it has changed; one that can't be read any more lets nobody in.
    fn refresh(&self) {
        let stamp = stamp(&self.path);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.stamp == stamp {
            return;
        }
        known.stamp = stamp;
        known.tokens = match read(self.key, self.role, &self.path) {
            Ok(tokens) => {
                info!(path = %self.path.display(), tokens = tokens.len(), "tokens read again");
                tokens
            }
            Err(error) => {
                warn!(%error, "its tokens let nobody in until it is repaired");
                Vec::new()
            }
        };
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// A token, as it is compared.
struct Token {
    name: String,
    /// Compares: a token that is shown has the same tag under this process's own key.
    own: Key,
    tag: Tag,
    /// Seals sessions.
    seals: Key,
}

impl Token {
    fn is(&self, shown: &str) -> bool {
        hmac::verify(&self.own, shown.as_bytes(), self.tag.as_ref()).is_ok()
    }

    fn caller(&self, role: Role) -> Caller {
        Caller {
            name: self.name.clone(),
            role,
        }
    }
}

fn read(key: &'static str, role: Role, path: &Path) -> Result<Vec<Token>, AccessError> {
    let text = fs::read_to_string(path).map_err(|source| AccessError::Read {
        key,
        path: path.to_owned(),
        source,
    })?;
    parse(role, &text).map_err(|what| AccessError::Content {
        key,
        path: path.to_owned(),
        what,
    })
}

fn parse(role: Role, text: &str) -> Result<Vec<Token>, String> {
    let random = SystemRandom::new();
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, token) = match words.as_slice() {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            [token] => (role.name(), *token),
            [name, token] => (*name, *token),
            [..] => {
                return Err(format!(
                    "{} words in line {number}; expected a token, or a name and a token",
                    words.len()
                ));
            }
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.len() > NAME_MAX || !name.chars().all(is_name) {
            return Err(format!(
                "a name in line {number} that is none; expected at most {NAME_MAX} letters, digits, `-` or `_`"
            ));
        }
        if !TOKEN.contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!(
                "a token of {} characters in line {number}; expected {} to {}, such as openssl rand -hex 16 makes",
                token.chars().count(),
                TOKEN.start(),
                TOKEN.end()
            ));
        }
        let own = Key::generate(HMAC_SHA256, &random)
            .map_err(|_| "a token, but this system has no random numbers".to_owned())?;
        tokens.push(Token {
            name: name.to_owned(),
            tag: hmac::sign(&own, token.as_bytes()),
            own,
            seals: Key::new(HMAC_SHA256, token.as_bytes()),
        });
    }
    if tokens.is_empty() || tokens.len() > TOKENS_MAX {
        return Err(format!(
            "{} tokens; expected 1 to {TOKENS_MAX}",
            tokens.len()
        ));
    }
    Ok(tokens)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const NOW: i64 = 1_800_000_000;
    const CONTROL: &str = "0123456789abcdef0123";
    const VIEW: &str = "fedcba9876543210fedc";

    struct Files {
        control: tempfile::NamedTempFile,
        view: tempfile::NamedTempFile,
    }

    fn files(control: &str, view: &str) -> Files {
        let file = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        };
        Files {
            control: file(control),
            view: file(view),
        }
    }

    fn access(files: &Files) -> Access {
        let load = |key, role, file: &tempfile::NamedTempFile| {
            TokenFile::load(key, role, file.path().to_owned()).unwrap()
        };
        Access {
            files: vec![
                load("fleet.control_token_file", Role::Control, &files.control),
                load("fleet.view_token_file", Role::View, &files.view),
            ],
        }
    }

    fn refusal(text: &str) -> String {
        match parse(Role::View, text) {
            Ok(_) => panic!("it was taken"),
            Err(what) => what,
        }
    }

    #[test]
    fn a_token_has_the_role_of_its_file_and_its_own_name() {
        let files = files(
            &format!("# who commands\nada {CONTROL}\n"),
            &format!("{VIEW}\n"),
        );
        let access = access(&files);
        let ada = access.by_token(CONTROL).unwrap();
        assert_eq!((ada.name.as_str(), ada.role), ("ada", Role::Control));
        let wall = access.by_token(VIEW).unwrap();
        assert_eq!((wall.name.as_str(), wall.role), ("view", Role::View));
        for wrong in ["", "0123456789abcdef012", "0123456789abcdef01234", "ada"] {
            assert_eq!(access.by_token(wrong), None);
        }
        assert_eq!(access.anybody(), None);
    }

    #[test]
    fn a_session_holds_until_its_end_and_for_as_long_as_its_token() {
        let mut files = files(&format!("ada {CONTROL}"), VIEW);
        let access = access(&files);
        let (caller, session) = access.session(CONTROL, NOW).unwrap();
        assert_eq!(caller.role, Role::Control);
        assert_eq!(access.by_session(&session, NOW), Some(caller.clone()));
        assert_eq!(
            access.by_session(&session, NOW + SESSION_SECS - 1),
            Some(caller)
        );
        assert_eq!(access.by_session(&session, NOW + SESSION_SECS), None);
        files.control.as_file_mut().set_len(0).unwrap();
        writeln!(files.control, "ada another-token-of-hers").unwrap();
        assert_eq!(access.by_session(&session, NOW), None);
        assert_eq!(access.by_token(CONTROL), None);
    }

    #[test]
    fn a_session_that_was_tampered_with_is_none() {
        let files = files(CONTROL, VIEW);
        let access = access(&files);
        let (_, session) = access.session(VIEW, NOW).unwrap();
        assert!(access.by_session(&session, NOW).is_some());
        let as_control = session.replacen("view", "control", 1);
        for odd in [
            as_control.as_str(),
            "",
            ".",
            "view.view.9.ab",
            &session[1..],
            &format!("{session}00"),
        ] {
            assert_eq!(access.by_session(odd, NOW), None, "{odd}");
        }
    }

    #[test]
    fn a_file_that_has_no_good_token_says_what_is_expected_and_no_token() {
        assert_eq!(refusal("# none"), "0 tokens; expected 1 to 256");
        assert!(
            refusal("short-secret")
                .starts_with("a token of 12 characters in line 1; expected 16 to 256")
        );
        assert!(!refusal("short-secret").contains("short-secret"));
        assert!(refusal("a b c").starts_with("3 words in line 1"));
        assert!(refusal("a.b 0123456789abcdef").starts_with("a name in line 1"));
    }
}

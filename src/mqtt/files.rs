//! What a connection needs from files: read before each attempt, so that a changed one needs no restart.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rumqttc::mqttbytes::v5::ConnectAuth;
use tokio_rustls::rustls::ClientConfig;
use tracing::warn;

use super::{OpenError, tls};
use crate::config::{Broker, Password, Secret, Tls};

/// The folder in which systemd puts a service's credentials (systemd.exec, `LoadCredential=`).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The bit of a file's mode that lets everybody read it.
const OTHERS_READ: u32 = 0o004;

/// A key and the file it names.
pub(super) struct File<'a> {
    pub(super) key: &'static str,
    pub(super) path: &'a Path,
}

impl File<'_> {
    /// All of it.
    pub(super) fn read(&self) -> Result<Vec<u8>, OpenError> {
        let path = self.resolved(|name| std::env::var_os(name))?;
        std::fs::read(&path).map_err(|source| OpenError::File {
            key: self.key,
            path,
            source,
        })
    }

    /// Where it is, with the folder of systemd's credentials put in its place.
    fn resolved(&self, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, OpenError> {
        let Ok(rest) = self.path.strip_prefix(format!("${CREDENTIALS}")) else {
            return Ok(self.path.to_owned());
        };
        match variable(CREDENTIALS).filter(|folder| !folder.is_empty()) {
            Some(folder) => Ok(PathBuf::from(folder).join(rest)),
            None => Err(OpenError::NoCredentials {
                key: self.key,
                path: self.path.to_owned(),
            }),
        }
    }

    /// The mode, when it lets everybody on this machine read it.
    fn open_mode(&self) -> Option<u32> {
        let path = self.resolved(|name| std::env::var_os(name)).ok()?;
        let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o7777;
        (mode & OTHERS_READ != 0).then_some(mode)
    }

    /// Warns when everybody on this machine can read it.
    fn check_mode(&self) {
        if let Some(mode) = self.open_mode() {
            let mode = format!("{mode:04o}");
            warn!(
                option = self.key,
                file = %self.path.display(),
                mode,
                "everybody on this machine can read the key; expected mode 0600"
            );
        }
    }
}

/// A file with a secret that everybody on this machine can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// The key that names it.
    pub key: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Its mode.
    pub mode: u32,
}

/// The files with secrets that everybody on this machine can read.
#[must_use]
pub fn exposed(brokers: &[Broker], tls: &Tls) -> Vec<Exposed> {
    let passwords = brokers.iter().filter_map(|broker| {
        let user = broker.credentials.as_ref()?;
        match &user.password {
            Password::File(path) => Some(("mqtt.password_file", path)),
            Password::None | Password::Text(_) => None,
        }
    });
    let key = tls
        .client
        .iter()
        .map(|client| ("mqtt.client_key_file", &client.key));
    let mut found: Vec<Exposed> = passwords
        .chain(key)
        .filter_map(|(key, path)| {
            let mode = File { key, path }.open_mode()?;
            let path = path.clone();
            Some(Exposed { key, path, mode })
        })
        .collect();
    found.dedup();
    found
}

/// What the files say.
#[derive(Default)]
pub(super) struct Access {
    pub(super) password: Option<Secret>,
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Access {
    /// Reads what a connection to this broker needs.
    pub(super) fn load(broker: &Broker, tls: &Tls) -> Result<Self, OpenError> {
        Ok(Self {
            password: password(broker)?,
            tls: broker
                .url
                .scheme()
                .is_tls()
                .then(|| tls::client_config(tls).map(Arc::new))
                .transpose()?,
        })
    }

    /// Who the node says it is.
    pub(super) fn login(&self, broker: &Broker) -> ConnectAuth {
        let Some(user) = &broker.credentials else {
            return ConnectAuth::None;
        };
        let username = user.username.clone();
        match &self.password {
            Some(password) => ConnectAuth::UsernamePassword {
                username,
                password: password.expose().to_owned().into(),
            },
            None => ConnectAuth::Username { username },
        }
    }

    /// Reads it away from the tasks, which a slow file system must not hold up.
    pub(super) async fn load_aside(broker: &Broker, tls: &Tls) -> Result<Self, OpenError> {
        let reads_files = broker.url.scheme().is_tls()
            || broker
                .credentials
                .as_ref()
                .is_some_and(|user| matches!(user.password, Password::File(_)));
        if !reads_files {
            return Self::load(broker, tls);
        }
        let (broker, tls) = (broker.clone(), tls.clone());
        tokio::task::spawn_blocking(move || Self::load(&broker, &tls))
            .await
            .map_err(|error| OpenError::Options(error.to_string()))?
    }
}

fn password(broker: &Broker) -> Result<Option<Secret>, OpenError> {
    match broker.credentials.as_ref().map(|user| &user.password) {
        None | Some(Password::None) => Ok(None),
        Some(Password::Text(secret)) => Ok(Some(secret.clone())),
        Some(Password::File(path)) => {
            let key = "mqtt.password_file";
            let bytes = File { key, path }.read()?;
            let text = String::from_utf8(bytes).map_err(|_| OpenError::NotText {
                key,
                path: path.clone(),
            })?;
            Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
        }
    }
}

/// Says once, at the start, what is dangerous about the settings.
pub(super) fn warn_of_dangers(brokers: &[Broker], tls: &Tls) {
    if let Some(client) = &tls.client {
        File {
            key: "mqtt.client_key_file",
            path: &client.key,
        }
        .check_mode();
    }
    if tls.accept_any_certificate && brokers.iter().any(|broker| broker.url.scheme().is_tls()) {
        warn!(
            "`mqtt.insecure_accept_any_certificate` is true: whoever is on the way can be the broker, read everything and \
             command this node"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(path: &str, folder: Option<&str>) -> Result<PathBuf, String> {
        let file = File {
            key: "mqtt.password_file",
            path: Path::new(path),
        };
        file.resolved(|_| folder.map(OsString::from))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_credential_of_systemd_is_found_in_its_folder() {
        let folder = Some("/run/credentials/piglow-node.service");
        assert_eq!(
            resolved("$CREDENTIALS_DIRECTORY/mqtt_password", folder),
            Ok("/run/credentials/piglow-node.service/mqtt_password".into())
        );
        assert_eq!(
            resolved("/run/secrets/$CREDENTIALS_DIRECTORY", folder),
            Ok("/run/secrets/$CREDENTIALS_DIRECTORY".into())
        );
    }

    #[test]
    fn without_credentials_of_systemd_the_error_says_where_they_come_from() {
        for folder in [None, Some("")] {
            let error = resolved("$CREDENTIALS_DIRECTORY/x", folder).unwrap_err();
            assert!(error.contains("`mqtt.password_file`"), "{error}");
            assert!(error.contains("LoadCredential="), "{error}");
        }
    }

    #[test]
    fn a_password_loses_only_the_line_break_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, " pass word \r\n").unwrap();
        let broker = Broker {
            url: "mqtt://al@pi".parse().unwrap(),
            credentials: Some(crate::config::Credentials {
                username: "al".to_owned(),
                password: Password::File(path.clone()),
            }),
        };
        let access = Access::load(&broker, &Tls::default()).unwrap();
        assert_eq!(access.password.unwrap().expose(), " pass word ");
        std::fs::write(&path, "HUNTER\u{fe}".as_bytes().split_last().unwrap().1).unwrap();
        let error = Access::load(&broker, &Tls::default()).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("HUNTER"), "{error}");
    }
}

//! The certificate that is shown, read again when it changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto, version};
use tracing::{info, warn};

use crate::config::ServerFiles;

/// What is wrong with the certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("`{key}` is {path}, which can't be read")]
    Read {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file has nothing of what it should have.
    #[error("`{key}` is {path}, which has no {what} in PEM")]
    Empty {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is expected.
        what: &'static str,
    },
    /// The two do not belong together.
    #[error("`fleet.certificate_file` and `fleet.key_file` can't be used together: {0}")]
    Pair(String),
}

/// A certificate and its key.
pub(in crate::fleet) struct Identity {
    files: ServerFiles,
    shown: Mutex<Shown>,
}

struct Shown {
    stamp: Stamp,
    config: Arc<ServerConfig>,
}

type Stamp = [Option<SystemTime>; 2];

impl Identity {
    pub(super) fn load(files: &ServerFiles) -> Result<Self, TlsError> {
        let shown = Shown {
            stamp: stamp(files),
            config: config(files)?,
        };
        Ok(Self {
            files: files.clone(),
            shown: Mutex::new(shown),
        })
    }

    /// What the next connection is shown. A pair that can't be used is not taken: the one before stays.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.files);
        if shown.stamp != stamp {
            shown.stamp = stamp;
            match config(&self.files) {
                Ok(config) => {
                    info!("the certificate was read again");
                    shown.config = config;
                }
                Err(error) => warn!(%error, "the certificate that was read before stays"),
            }
        }
        TlsAcceptor::from(Arc::clone(&shown.config))
    }
}

fn stamp(files: &ServerFiles) -> Stamp {
    [&files.certificate, &files.key].map(|path| {
        std::fs::metadata(path)
            .and_then(|data| data.modified())
            .ok()
    })
}

fn config(files: &ServerFiles) -> Result<Arc<ServerConfig>, TlsError> {
    const CERTIFICATE: &str = "fleet.certificate_file";
    const KEY: &str = "fleet.key_file";
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&read(CERTIFICATE, &files.certificate)?)
            .filter_map(Result::ok)
            .collect();
    if certificates.is_empty() {
        return Err(empty(CERTIFICATE, &files.certificate, "certificate"));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(KEY, &files.key)?)
        .map_err(|_| empty(KEY, &files.key, "private key without a passphrase"))?;
    let pair = |error: tokio_rustls::rustls::Error| TlsError::Pair(error.to_string());
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(pair)?;
    Ok(Arc::new(config))
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read {
        key,
        path: path.to_owned(),
        source,
    })
}

fn empty(key: &'static str, path: &Path, what: &'static str) -> TlsError {
    TlsError::Empty {
        key,
        path: path.to_owned(),
        what,
    }
}

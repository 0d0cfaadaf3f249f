//! TLS: whom the node trusts, and what it shows.

use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    self, CryptoProvider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, version,
};

use super::OpenError;
use super::files::File;
use crate::config::Tls;

/// Reads the files and brings together what a handshake needs; nothing before TLS 1.2 is offered.
pub(crate) fn client_config(tls: &Tls) -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| OpenError::Options(error.to_string()))?;
    let builder = if tls.accept_any_certificate {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
    } else {
        builder.with_root_certificates(roots(tls)?)
    };
    let Some(files) = &tls.client else {
        return Ok(builder.with_no_client_auth());
    };
    let certificate = File {
        key: "mqtt.client_certificate_file",
        path: &files.certificate,
    };
    let key = File {
        key: "mqtt.client_key_file",
        path: &files.key,
    };
    builder
        .with_client_auth_cert(certificates(&certificate)?, private_key(&key)?)
        .map_err(|error| OpenError::ClientCertificate {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            reason: error.to_string(),
        })
}

/// Whether these certificates of the broker's will be good at a time.
pub(super) fn will_be_trusted(
    tls: &Tls,
    name: &ServerName<'_>,
    chain: &[CertificateDer<'_>],
    at: UnixTime,
) -> Result<bool, OpenError> {
    let Some((own, others)) = chain.split_first() else {
        return Ok(false);
    };
    let provider = Arc::new(crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(tls)?), provider)
        .build()
        .map_err(|error| OpenError::Options(error.to_string()))?;
    Ok(verifier
        .verify_server_cert(own, others, name, &[], at)
        .is_ok())
}

fn roots(tls: &Tls) -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    match &tls.ca_file {
        Some(path) => {
            let key = "mqtt.ca_file";
            roots.add_parsable_certificates(certificates(&File { key, path })?);
            if roots.is_empty() {
                return Err(OpenError::NoCertificate {
                    key,
                    path: path.clone(),
                });
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let reasons: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
                return Err(OpenError::NoRoots {
                    reason: reasons.join("; "),
                });
            }
        }
    }
    Ok(roots)
}

fn certificates(file: &File<'_>) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file.read()?).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| OpenError::NoCertificate {
            key: file.key,
            path: file.path.to_owned(),
        })
}

fn private_key(file: &File<'_>) -> Result<PrivateKeyDer<'static>, OpenError> {
    // The parser's own words could repeat what stands in the file.
    PrivateKeyDer::from_pem_slice(&file.read()?).map_err(|_| OpenError::NoKey {
        path: file.path.to_owned(),
    })
}

/// Takes anybody for the broker: `mqtt.insecure_accept_any_certificate`.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

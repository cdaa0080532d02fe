//! Connections over TLS, by rustls.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, Error, InvalidMessage, RootCertStore,
    SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::TlsFiles;

/// A TLS client with its certificates loaded.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
}

impl Tls {
    /// Loads the certificates. Later changes to the files have no effect on this client.
    pub(super) fn load(files: &TlsFiles) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let builder = if files.verify {
            builder.with_root_certificates(authorities(files.authorities.as_deref())?)
        } else {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Unverified(provider)))
        };
        let config = match &files.identity {
            Some((certificate, key)) => {
                let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
                builder
                    .with_client_auth_cert(certificates(certificate)?, secret)
                    .map_err(|error| unusable(certificate, error))?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
        })
    }

    pub(super) async fn connect(&self, stream: TcpStream, host: &str) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connected = self.connector.connect(name, stream).await;
        connected.map_err(|error| explained(&error).unwrap_or(error))
    }
}

fn authorities(file: Option<&Path>) -> io::Result<RootCertStore> {
    let mut trusted = RootCertStore::empty();
    match file {
        Some(file) => {
            for certificate in certificates(file)? {
                trusted.add(certificate).map_err(|error| unusable(file, error))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            let (added, _) = trusted.add_parsable_certificates(found.certs);
            if added == 0 {
                return Err(io::Error::other(
                    "this system has no certificates of authorities; set DOCKER_CERT_PATH to a directory with ca.pem",
                ));
            }
        }
    }
    Ok(trusted)
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(file, error))?;
    match found.is_empty() {
        true => Err(unusable(file, "it contains no certificate in PEM format")),
        false => Ok(found),
    }
}

fn unusable(file: &Path, problem: impl std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{} cannot be used: {problem}", file.display()),
    )
}

/// Adds advice to a TLS error. Returns `None` if no advice is known for the error. Callers also pass errors of
/// responses, because an engine often refuses a client certificate only with the first response.
pub(super) fn explained(error: &io::Error) -> Option<io::Error> {
    let tls = error.get_ref()?.downcast_ref::<Error>()?;
    let advice = match tls {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the port does not speak TLS; for a port in plain text use `tcp://` and unset DOCKER_TLS_VERIFY, DOCKER_TLS \
             and DOCKER_CERT_PATH"
        }
        Error::InvalidCertificate(_) => {
            "check that ca.pem in DOCKER_CERT_PATH is the engine's authority and that its certificate is valid for \
             this host name and date"
        }
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied,
        ) => {
            "the engine refused the client's certificate; check cert.pem and key.pem in DOCKER_CERT_PATH, and that \
             they have not expired"
        }
        _ => return None,
    };
    Some(io::Error::new(error.kind(), format!("{tls}; {advice}")))
}

/// A verifier that accepts every certificate. It is used if the settings disable verification, for example if
/// `DOCKER_TLS` is set without `DOCKER_TLS_VERIFY`.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
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
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

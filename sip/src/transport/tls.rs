//! TLS (RFC 3261, 26.2; RFC 5922): our certificate, that of the other end, and whom it names.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

use crate::uri::Uri;

/// A certificate with its chain, and its key: two files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The certificate first, then those that lead to the root.
    pub certificate: PathBuf,
    /// Its private key, PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

impl OwnCertificate {
    /// From when until when the certificate and all that leads to its root hold, Unix seconds.
    ///
    /// # Errors
    /// The file cannot be read, or what is in it is no certificate.
    pub fn validity(&self) -> Result<(i64, i64), TlsError> {
        let unfit = unfit(&self.certificate);
        let (mut from, mut until) = (i64::MIN, i64::MAX);
        for one in chain("the certificate", &self.certificate)? {
            let (_, one) = X509Certificate::from_der(&one).map_err(|error| unfit(error.to_string()))?;
            from = from.max(one.validity().not_before.timestamp());
            until = until.min(one.validity().not_after.timestamp());
        }
        Ok((from, until))
    }
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// What we show.
    pub identity: OwnCertificate,
    /// Who must have signed the certificate of whoever connects, in PEM; without it none is
    /// asked for.
    pub client_roots: Option<PathBuf>,
}

impl ServerTls {
    /// Reads its files as a listener does, and opens none.
    ///
    /// # Errors
    /// The first file that cannot be read, or that does not fit the others.
    pub fn check(&self) -> Result<(), TlsError> {
        server(self).map(drop)
    }
}

/// TLS of the connections that we open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// Who must have signed the carrier's certificate, in PEM; without it whoever the system
    /// trusts.
    pub roots: Option<PathBuf>,
    /// What we show when we are asked.
    pub identity: Option<OwnCertificate>,
}

impl ClientTls {
    /// Reads its files as a connection does, and opens none.
    ///
    /// # Errors
    /// The first file that cannot be read, or that does not fit the others.
    pub fn check(&self) -> Result<(), TlsError> {
        client(self).map(drop)
    }
}

/// A file of TLS is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// It cannot be read, or holds nothing of the kind.
    #[error("cannot read {what} in {path}: {error}")]
    File {
        /// Certificate, key or roots.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// The parts do not fit together.
    #[error("the certificate in {path} cannot be used: {error}")]
    Unfit {
        /// Path of the certificate or of the roots.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// The system trusts nobody.
    #[error("the system has no root certificates: name a file of them")]
    NoRoots,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn chain(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error: String| TlsError::File { what, path: path.to_owned(), error };
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = all.map_err(|error| failed(error.to_string()))?;
    if all.is_empty() { Err(failed("there is none".into())) } else { Ok(all) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let failed = |error: rustls::pki_types::pem::Error| TlsError::File {
        what: "the private key",
        path: path.to_owned(),
        error: error.to_string(),
    };
    PrivateKeyDer::from_pem_file(path).map_err(failed)
}

fn roots(path: Option<&Path>) -> Result<Arc<RootCertStore>, TlsError> {
    let mut store = RootCertStore::empty();
    let all = match path {
        Some(path) => chain("the root certificates", path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    store.add_parsable_certificates(all);
    match path {
        _ if !store.is_empty() => Ok(Arc::new(store)),
        Some(path) => Err(unfit(path)("none in it is a certificate that can be trusted".into())),
        None => Err(TlsError::NoRoots),
    }
}

fn unfit(path: &Path) -> impl Fn(String) -> TlsError + use<> {
    let path = path.to_owned();
    move |error| TlsError::Unfit { path: path.clone(), error }
}

/// For a listener.
pub(super) fn server(tls: &ServerTls) -> Result<Arc<ServerConfig>, TlsError> {
    let unfit = unfit(&tls.identity.certificate);
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(error.to_string()))?;
    let builder = match &tls.client_roots {
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots(Some(path))?, provider()).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| unfit(error.to_string()))?)
        }
        None => builder.with_no_client_auth(),
    };
    let (chain, key) = (chain("the certificate", &tls.identity.certificate)?, key(&tls.identity.key)?);
    let config = builder.with_single_cert(chain, key).map_err(|error| unfit(error.to_string()))?;
    Ok(Arc::new(config))
}

/// For the connections that we open.
pub(super) fn client(tls: &ClientTls) -> Result<Arc<ClientConfig>, TlsError> {
    let path = tls.roots.as_deref().or(tls.identity.as_ref().map(|own| own.certificate.as_path()));
    let unfit = unfit(path.unwrap_or(Path::new("")));
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(tls.roots.as_deref())?, provider())
        .build()
        .map_err(|error| unfit(error.to_string()))?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(DomainVerifier(verifier)));
    let config = match &tls.identity {
        Some(identity) => builder
            .with_client_auth_cert(chain("the certificate", &identity.certificate)?, key(&identity.key)?)
            .map_err(|error| TlsError::Unfit { path: identity.certificate.clone(), error: error.to_string() })?,
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// Checks a certificate as the web does, and takes `sip:domain` among the URIs of its subject
/// for the domain itself (RFC 5922, 7.1 and 7.2).
#[derive(Debug)]
struct DomainVerifier(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for DomainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.0.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        // The name is looked at last: everything else is right.
        match (&verified, name) {
            (
                Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )),
                ServerName::DnsName(domain),
            ) if names(end_entity, domain.as_ref()) => Ok(ServerCertVerified::assertion()),
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Whether a URI of the subject is that of the domain: scheme `sip`, no user, no wildcard.
fn names(certificate: &CertificateDer<'_>, domain: &str) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return false };
    alternatives.value.general_names.iter().any(|name| match name {
        GeneralName::URI(uri) => Uri::parse(uri).is_some_and(|uri| {
            uri.scheme == "sip" && uri.user.is_empty() && uri.host.eq_ignore_ascii_case(domain.trim_end_matches('.'))
        }),
        _ => false,
    })
}

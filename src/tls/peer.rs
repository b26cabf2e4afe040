//! How peers are spoken to: what is shown to them, and what they have to prove.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::Certificate;
use super::files::{self, Unusable};
use super::link::Broken;
use super::server::check_signature;
use super::trust::{Issuers, Trust, Trusted};
use super::{distrust, provider};
use crate::limits::TLS_PEER_NAME_COUNT_MAX;
use crate::model::TlsPeer;

/// The TLS of connections to peers.
#[derive(Debug)]
pub struct Peer {
    pub config: Arc<ClientConfig>,
    /// Whether peers have to prove their name.
    pub verify: bool,
}

impl Peer {
    /// Reads the files.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn load(settings: &TlsPeer) -> Result<Self, Unusable> {
        let provider = provider::of(&settings.terms);
        let verifier: Arc<dyn ServerCertVerifier> = match &settings.trusted_certificate {
            Some(path) if settings.verify => {
                let mut issuers = Issuers::new(settings.verify_depth);
                issuers.add(Some(path))?;
                issuers.call_back(settings.crl.as_deref())?;
                let Issuers { roots, called_back, trust } = issuers;
                let checks = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
                let unusable = |error| Unusable(format!("certificates of peers cannot be checked: {error}"));
                let checks = checks.with_crls(called_back).build().map_err(unusable)?;
                Arc::new(Checking { checks, provider: Arc::clone(&provider), trust })
            }
            Some(_) | None => Arc::new(Unchecked(Arc::clone(&provider))),
        };
        let unusable = |error: Error| Unusable(format!("TLS towards peers cannot be set up: {error}"));
        let config =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(&provider::versions(&settings.terms));
        let config = config.map_err(unusable)?.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match &settings.certificate {
            Some(files) => {
                let own: CertifiedKey = files::certified(files, settings.password_file.as_deref())?;
                config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)))
            }
            None => config.with_no_client_auth(),
        };
        config.enable_sni = settings.server_name;
        config.alpn_protocols = settings.alpn_protocols.iter().map(|name| name.to_vec()).collect();
        config.resumption = match settings.session_reuse {
            true => Resumption::in_memory_sessions(TLS_PEER_NAME_COUNT_MAX),
            false => Resumption::disabled(),
        };
        Ok(Self { config: Arc::new(config), verify: settings.verify })
    }
}

/// What the log says when a peer is not trusted; `None` for other ends of a handshake.
#[must_use]
pub fn distrusted(broken: &Broken, name: &str) -> Option<String> {
    let Error::InvalidCertificate(error) = &broken.0 else { return None };
    Some(match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("upstream SSL certificate does not match \"{name}\"")
        }
        CertificateError::Other(told) => format!("upstream SSL certificate verify error: {told}"),
        _ => {
            let distrust = distrust::of(&broken.0, &CertificateDer::from(Vec::new()));
            format!("upstream SSL certificate verify error: {distrust}")
        }
    })
}

/// The name that a peer is known by. One that no certificate can hold stands for nothing but the connection.
#[must_use]
pub fn name_of(name: &str) -> Option<ServerName<'static>> {
    let without_port = match name.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            if port.bytes().all(|digit| digit.is_ascii_digit()) { host } else { name }
        }
        _ => name,
    };
    let bare = without_port.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(without_port);
    ServerName::try_from(bare.to_owned()).ok()
}

/// `proxy_ssl_verify off`: nothing is checked, as in nginx.
struct Unchecked(Arc<CryptoProvider>);

impl fmt::Debug for Unchecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unchecked")
    }
}

impl ServerCertVerifier for Unchecked {
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

    /// Whoever may show any certificate may show one of its own: a signature would prove nothing.
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// `proxy_ssl_verify on`.
struct Checking {
    checks: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
    trust: Trust,
}

impl fmt::Debug for Checking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checking")
    }
}

/// Whether a certificate holds a name. One of version 1 has but the common name of its subject, which counts for OpenSSL
/// where there are no others.
fn check_name(shown: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    match Certificate::read(shown).filter(|known| known.is_old) {
        Some(old) => {
            let is_named = old.common_name().is_some_and(|own| own.eq_ignore_ascii_case(&name.to_str()));
            if is_named { Ok(()) } else { Err(Error::InvalidCertificate(CertificateError::NotValidForName)) }
        }
        None => verify_server_name(&ParsedCertificate::try_from(shown)?, name),
    }
}

impl ServerCertVerifier for Checking {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let check = |between: &[CertificateDer<'_>]| self.checks.verify_server_cert(shown, between, name, ocsp, now);
        match self.trust.judge(shown, others, now, check) {
            Ok(Trusted::Vouched) => {}
            Ok(Trusted::Itself) => check_name(shown, name)?,
            Err(distrust) if distrust.is_of_other_name() => {
                return Err(Error::InvalidCertificate(CertificateError::NotValidForName));
            }
            Err(distrust) => {
                // The words need the certificate, which nobody has later.
                let told = rustls::OtherError(Arc::new(Told(distrust.to_string())));
                return Err(Error::InvalidCertificate(CertificateError::Other(told)));
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checks.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(message, certificate, signature, &self.provider)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.checks.supported_verify_schemes()
    }
}

/// What was found, in words.
#[derive(Debug)]
struct Told(String);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Told {}

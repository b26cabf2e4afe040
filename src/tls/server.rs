//! What a virtual server proves to clients, and what it wants proved.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};

use super::certificate::Certificate;
use super::distrust::{self, Distrust};
use super::files::{self, Unusable};
use super::tickets::Tickets;
use super::trust::{Issuers, Trust};
use super::{provider, remembered};
use crate::model::{TlsServer, VerifyClient};

/// Behind the plain bytes of a record: type, tag and header, by which rustls counts a record's length.
const RECORD_HEADER_BYTES: usize = 5;

/// The TLS of a virtual server.
#[derive(Debug)]
pub struct Server {
    /// `None` where all handshakes are refused.
    pub config: Option<Arc<ServerConfig>>,
    pub verify_client: VerifyClient,
    /// Who vouches for clients; `None` where nobody is asked, or nobody does.
    clients: Option<Clients>,
}

impl Server {
    /// Reads the files of a server.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn load(settings: &TlsServer) -> Result<Self, Unusable> {
        let verify_client = settings.verify_client;
        if settings.reject_handshake {
            return Ok(Self { config: None, verify_client, clients: None });
        }
        let provider = provider::of(&settings.terms);
        let passwords = settings.password_file.as_deref();
        let keys = settings.certificates.iter().map(|files| files::certified(files, passwords).map(Arc::new));
        let keys = Keys(keys.collect::<Result<_, _>>()?);
        let (clients, named) = clients(settings, &provider)?;
        let asking: Arc<dyn ClientCertVerifier> = match verify_client {
            VerifyClient::Off => WebPkiClientVerifier::no_client_auth(),
            VerifyClient::On | VerifyClient::Optional | VerifyClient::OptionalNoCa => {
                Arc::new(Asking { named, provider: Arc::clone(&provider) })
            }
        };
        let unusable = |error: Error| Unusable(format!("TLS of a server cannot be set up: {error}"));
        let config =
            ServerConfig::builder_with_provider(provider).with_protocol_versions(&provider::versions(&settings.terms));
        let mut config = config.map_err(unusable)?.with_client_cert_verifier(asking).with_cert_resolver(Arc::new(keys));
        config.alpn_protocols = settings.alpn_protocols.iter().map(|name| name.to_vec()).collect();
        config.ignore_client_order = settings.prefer_server_ciphers;
        config.max_fragment_size = Some(settings.record_bytes + RECORD_HEADER_BYTES);
        config.session_storage = remembered::handshakes(settings.session_count_max, settings.session_timeout);
        // nginx's number: the second is for a client that opens two connections at once.
        config.send_tls13_tickets = 2;
        if settings.session_tickets {
            config.ticketer = Arc::new(Tickets::new(&settings.session_ticket_keys, settings.session_timeout)?);
        } else if settings.session_count_max == 0 {
            config.send_tls13_tickets = 0;
        }
        Ok(Self { config: Some(Arc::new(config)), verify_client, clients })
    }

    /// Checks who vouches for a client.
    ///
    /// # Errors
    /// Why it is not to be trusted.
    pub fn judge(&self, chain: &[CertificateDer<'_>]) -> Result<(), Distrust> {
        let Some((first, rest)) = chain.split_first() else { return Ok(()) };
        let Some(Clients { trust, checks }) = &self.clients else {
            return Err(distrust::of(&Error::InvalidCertificate(CertificateError::UnknownIssuer), first));
        };
        let now = UnixTime::now();
        trust.judge(first, rest, now, |between| checks.verify_client_cert(first, between, now)).map(drop)
    }
}

/// Who vouches for clients.
#[derive(Debug)]
struct Clients {
    trust: Trust,
    checks: Arc<dyn ClientCertVerifier>,
}

/// Who vouches for clients, and the names that they are told.
fn clients(
    settings: &TlsServer,
    provider: &Arc<CryptoProvider>,
) -> Result<(Option<Clients>, Vec<DistinguishedName>), Unusable> {
    let mut issuers = Issuers::new(settings.verify_depth);
    // As in nginx the other files are read in any case.
    if settings.verify_client != VerifyClient::Off {
        issuers.add(settings.client_certificate.as_deref())?;
    }
    let named = issuers.roots.subjects();
    issuers.add(settings.trusted_certificate.as_deref())?;
    issuers.call_back(settings.crl.as_deref())?;
    let Issuers { roots, called_back, trust } = issuers;
    if settings.verify_client == VerifyClient::Off || roots.is_empty() {
        return Ok((None, named));
    }
    let checks = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let checks = checks.with_crls(called_back).build();
    let checks = checks.map_err(|error| Unusable(format!("certificates of clients cannot be checked: {error}")))?;
    Ok((Some(Clients { trust, checks }), named))
}

/// The certificates of a server: the first whose key a client can check.
#[derive(Debug)]
struct Keys(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let suits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        self.0.iter().find(suits).or(self.0.first()).cloned()
    }
}

/// Asks clients for a certificate and checks that they have its key. Who vouches for it is asked later, since the answer
/// is a page and not the end of the handshake.
struct Asking {
    named: Vec<DistinguishedName>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asking")
    }
}

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.named
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
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
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks that whoever shows a certificate has its key, for certificates of version 1 too.
///
/// # Errors
/// It has not, or the certificate is none.
pub fn check_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    provider: &CryptoProvider,
) -> Result<HandshakeSignatureValid, Error> {
    let algorithms = &provider.signature_verification_algorithms;
    match Certificate::read(certificate).filter(|known| known.is_old) {
        Some(old) => {
            let key = SubjectPublicKeyInfoDer::from(old.key);
            verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
        }
        None => verify_tls13_signature(message, certificate, signature, algorithms),
    }
}

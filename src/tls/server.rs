//! What a virtual server proves to clients, and what it wants proved.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerSessionMemoryCache, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme,
};

use super::certificate::Certificate;
use super::files::{self, Unusable};
use super::tickets::Tickets;
use super::{distrust, provider};
use crate::model::{TlsServer, VerifyClient};

/// Behind the plain bytes of a record: type, tag and header, by which rustls counts a record's length.
const RECORD_HEADER_BYTES: usize = 5;

/// The TLS of a virtual server.
#[derive(Debug)]
pub struct Server {
    /// `None` where all handshakes are refused.
    pub config: Option<Arc<ServerConfig>>,
    pub verify_client: VerifyClient,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    /// Those of the files: a client may show one of them itself.
    trusted: Vec<CertificateDer<'static>>,
}

impl Server {
    /// Reads the files of a server.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn load(settings: &TlsServer) -> Result<Self, Unusable> {
        let verify_client = settings.verify_client;
        if settings.reject_handshake {
            return Ok(Self { config: None, verify_client, clients: None, trusted: Vec::new() });
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
        config.alpn_protocols = [&b"http/1.1"[..], b"http/1.0", b"http/0.9"].map(<[u8]>::to_vec).to_vec();
        config.ignore_client_order = settings.prefer_server_ciphers;
        config.max_fragment_size = Some(settings.record_bytes + RECORD_HEADER_BYTES);
        config.session_storage = match settings.session_count_max {
            0 => Arc::new(NoServerSessionStorage {}),
            count => ServerSessionMemoryCache::new(count),
        };
        // nginx's number: the second is for a client that opens two connections at once.
        config.send_tls13_tickets = 2;
        if settings.session_tickets {
            config.ticketer = Arc::new(Tickets::new(&settings.session_ticket_keys, settings.session_timeout)?);
        } else if settings.session_count_max == 0 {
            config.send_tls13_tickets = 0;
        }
        Ok(Self { config: Some(Arc::new(config)), verify_client, clients, trusted: trusted(settings)? })
    }

    /// Checks who vouches for a client.
    ///
    /// # Errors
    /// Why it is not to be trusted.
    pub fn judge(&self, chain: &[CertificateDer<'_>]) -> Result<(), Distrust> {
        let Some((first, rest)) = chain.split_first() else { return Ok(()) };
        let judged = match &self.clients {
            Some(clients) => clients.verify_client_cert(first, rest, UnixTime::now()).map(drop),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        };
        let now = UnixTime::now().as_secs();
        if judged.is_err() && self.trusted.iter().any(|known| known == first) && is_good_at(first, now) {
            return Ok(());
        }
        judged.map_err(|error| {
            let (number, words) = distrust::words(&error, first);
            Distrust { is_unknown: UNKNOWN.contains(&number), number, words }
        })
    }
}

/// Whether the time is between those of a certificate.
#[must_use]
pub fn is_good_at(certificate: &CertificateDer<'_>, seconds: u64) -> bool {
    let now = i64::try_from(seconds).unwrap_or(i64::MAX);
    Certificate::read(certificate).is_some_and(|known| {
        known.not_before.seconds().is_some_and(|begin| begin <= now)
            && known.not_after.seconds().is_some_and(|end| now <= end)
    })
}

/// The certificates of those who may vouch for clients. OpenSSL takes one of them from a client as well.
fn trusted(settings: &TlsServer) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let files = [&settings.client_certificate, &settings.trusted_certificate].into_iter().flatten();
    let read = files.map(|path| files::certificates(path, "cannot load certificate", ""));
    Ok(read.collect::<Result<Vec<_>, _>>()?.concat())
}

/// What nobody known vouches for, by OpenSSL's numbers: a certificate or a chain that ends in itself, or nowhere.
const UNKNOWN: [u32; 4] = [18, 19, 20, 21];

/// Why a client's certificate is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distrust {
    /// Nobody known vouches for it, which may be somebody else's to check.
    pub is_unknown: bool,
    /// OpenSSL's.
    pub number: u32,
    pub words: String,
}

type Clients = (Option<Arc<dyn ClientCertVerifier>>, Vec<DistinguishedName>);

/// Who vouches for clients, and the names that they are told.
fn clients(settings: &TlsServer, provider: &Arc<CryptoProvider>) -> Result<Clients, Unusable> {
    if settings.verify_client == VerifyClient::Off {
        return Ok((None, Vec::new()));
    }
    let named =
        settings.client_certificate.as_deref().map(files::roots).transpose()?.unwrap_or_else(RootCertStore::empty);
    let trusted = settings.trusted_certificate.as_deref().map(files::roots).transpose()?;
    let subjects = named.subjects();
    let mut roots = named;
    roots.extend(trusted.into_iter().flat_map(|trusted| trusted.roots));
    if roots.is_empty() {
        return Ok((None, subjects));
    }
    let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if let Some(path) = &settings.crl {
        verifier = verifier.with_crls(files::called_back(path)?);
    }
    let verifier =
        verifier.build().map_err(|error| Unusable(format!("certificates of clients cannot be checked: {error}")))?;
    Ok((Some(verifier), subjects))
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

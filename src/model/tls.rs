//! `ssl_*` and `proxy_ssl_*`: what a listener proves and wants proved, and how peers are spoken to.

use std::path::PathBuf;
use std::time::Duration;

/// Index into [`super::Serving::tls_servers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TlsServerId(pub u16);

/// Index into [`super::Serving::tls_peers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TlsPeerId(pub u16);

/// A certificate, with those that vouch for it, and its key: files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Where the certificate is named, as it stands at the end of a message.
    pub place: Box<str>,
}

/// What both sides may negotiate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsTerms {
    /// Of TLS 1.2 and 1.3, oldest first.
    pub versions: Vec<TlsVersion>,
    /// Those of TLS 1.2, best first; TLS 1.3 has its own.
    pub ciphers: Vec<TlsCipher>,
    /// Best first.
    pub curves: Vec<TlsCurve>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    V12,
    V13,
}

/// A cipher suite of TLS 1.2, by its name in OpenSSL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsCipher {
    EcdheEcdsaAes256GcmSha384,
    EcdheRsaAes256GcmSha384,
    EcdheEcdsaChacha20Poly1305,
    EcdheRsaChacha20Poly1305,
    EcdheEcdsaAes128GcmSha256,
    EcdheRsaAes128GcmSha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsCurve {
    X25519,
    P256,
    P384,
}

/// The TLS of a virtual server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsServer {
    pub certificates: Vec<CertificateFiles>,
    /// `ssl_password_file`: passwords of keys, one a line.
    pub password_file: Option<PathBuf>,
    pub terms: TlsTerms,
    /// `ssl_prefer_server_ciphers`.
    pub prefer_server_ciphers: bool,
    pub verify_client: VerifyClient,
    /// `ssl_client_certificate`: who may vouch for clients, and is named to them.
    pub client_certificate: Option<PathBuf>,
    /// `ssl_trusted_certificate`: who may as well, unnamed.
    pub trusted_certificate: Option<PathBuf>,
    pub crl: Option<PathBuf>,
    /// `ssl_verify_depth`.
    pub verify_depth: usize,
    /// `ssl_session_tickets`.
    pub session_tickets: bool,
    /// `ssl_session_ticket_key`: the first seals, all open.
    pub session_ticket_keys: Vec<PathBuf>,
    /// `ssl_session_cache`: how many handshakes can be remembered where clients keep no tickets; 0 for none.
    pub session_count_max: usize,
    pub session_timeout: Duration,
    /// `ssl_reject_handshake`.
    pub reject_handshake: bool,
    /// Application protocols, best first; where there are none, none is negotiated.
    pub alpn_protocols: Vec<Box<[u8]>>,
    /// `ssl_buffer_size`: plain bytes of one record.
    pub record_bytes: usize,
}

/// `ssl_verify_client`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VerifyClient {
    #[default]
    Off,
    On,
    /// A certificate is checked if there is one.
    Optional,
    /// A certificate is asked for, and somebody else checks who vouches for it.
    OptionalNoCa,
}

/// The TLS of connections to peers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsPeer {
    /// `proxy_ssl_certificate` and its key.
    pub certificate: Option<CertificateFiles>,
    /// `proxy_ssl_password_file`.
    pub password_file: Option<PathBuf>,
    pub terms: TlsTerms,
    /// `proxy_ssl_verify`.
    pub verify: bool,
    pub trusted_certificate: Option<PathBuf>,
    pub crl: Option<PathBuf>,
    /// `proxy_ssl_verify_depth`.
    pub verify_depth: usize,
    /// `proxy_ssl_session_reuse`.
    pub session_reuse: bool,
    /// `proxy_ssl_server_name`: peers are told which name is wanted.
    pub server_name: bool,
    /// Application protocols that peers are offered, best first.
    pub alpn_protocols: Vec<Box<[u8]>>,
}

//! What the user wrote of TLS, towards clients and towards peers.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::lexer::Word;
use crate::config::source::Span;
use crate::model::{TlsCipher, TlsCurve, TlsVersion, VerifyClient};

/// Files, with the place that names them.
#[derive(Debug)]
pub struct RawFile {
    pub path: PathBuf,
    pub span: Span,
}

/// `ssl_protocols` and kin, of either side.
#[derive(Debug, Default)]
pub struct RawTlsTerms {
    pub versions: Option<Vec<TlsVersion>>,
    pub ciphers: Option<Vec<TlsCipher>>,
    pub curves: Option<Vec<TlsCurve>>,
}

impl RawTlsTerms {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.versions.is_none() && self.ciphers.is_none() && self.curves.is_none()
    }
}

/// `ssl_*`.
#[derive(Debug, Default)]
pub struct RawTls {
    pub terms: RawTlsTerms,
    pub certificates: Vec<RawFile>,
    pub certificate_keys: Vec<RawFile>,
    pub password_file: Option<PathBuf>,
    pub session_ticket_keys: Vec<PathBuf>,
    pub prefer_server_ciphers: Option<bool>,
    pub verify_client: Option<VerifyClient>,
    pub client_certificate: Option<PathBuf>,
    pub trusted_certificate: Option<PathBuf>,
    pub crl: Option<PathBuf>,
    pub verify_depth: Option<usize>,
    pub session_tickets: Option<bool>,
    pub session_count_max: Option<usize>,
    pub session_timeout: Option<Duration>,
    pub reject_handshake: Option<bool>,
    pub alpn_protocols: Option<Vec<Box<[u8]>>>,
    pub buffer_size: Option<usize>,
}

impl RawTls {
    /// Whether the level says nothing of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            terms,
            certificates,
            certificate_keys,
            password_file,
            session_ticket_keys,
            prefer_server_ciphers,
            verify_client,
            client_certificate,
            trusted_certificate,
            crl,
            verify_depth,
            session_tickets,
            session_count_max,
            session_timeout,
            reject_handshake,
            alpn_protocols,
            buffer_size,
        } = self;
        terms.is_empty()
            && certificates.is_empty()
            && certificate_keys.is_empty()
            && password_file.is_none()
            && session_ticket_keys.is_empty()
            && prefer_server_ciphers.is_none()
            && verify_client.is_none()
            && client_certificate.is_none()
            && trusted_certificate.is_none()
            && crl.is_none()
            && verify_depth.is_none()
            && session_tickets.is_none()
            && session_count_max.is_none()
            && session_timeout.is_none()
            && reject_handshake.is_none()
            && alpn_protocols.is_none()
            && buffer_size.is_none()
    }
}

/// `proxy_ssl_*`. An empty file name takes back what a level around it says.
#[derive(Debug, Default)]
pub struct RawProxyTls {
    pub terms: RawTlsTerms,
    pub certificate: Option<Option<RawFile>>,
    pub certificate_key: Option<Option<RawFile>>,
    pub password_file: Option<PathBuf>,
    pub verify: Option<bool>,
    pub trusted_certificate: Option<PathBuf>,
    pub crl: Option<PathBuf>,
    pub verify_depth: Option<usize>,
    pub session_reuse: Option<bool>,
    pub server_name: Option<bool>,
    pub name: Option<Word>,
    pub alpn_protocols: Option<Vec<Box<[u8]>>>,
}

impl RawProxyTls {
    /// Whether the level says nothing of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            terms,
            certificate,
            certificate_key,
            password_file,
            verify,
            trusted_certificate,
            crl,
            verify_depth,
            session_reuse,
            server_name,
            name,
            alpn_protocols,
        } = self;
        terms.is_empty()
            && certificate.is_none()
            && certificate_key.is_none()
            && password_file.is_none()
            && verify.is_none()
            && trusted_certificate.is_none()
            && crl.is_none()
            && verify_depth.is_none()
            && session_reuse.is_none()
            && server_name.is_none()
            && name.is_none()
            && alpn_protocols.is_none()
    }
}

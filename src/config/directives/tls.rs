//! `ssl_*`: the TLS of listeners.

use std::sync::Arc;
use std::time::Duration;

use super::tls_names;
use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawFile, RawLevel, RawTls, RawTlsTerms};
use crate::config::scope::Scope;
use crate::config::source::Span;
use crate::config::table::*;
use crate::config::value;
use crate::limits::{TLS_ALPN_NAME_BYTES_MAX, TLS_CHAIN_BETWEEN_MAX, TLS_RECORD_BYTES_MAX, TLS_RECORD_BYTES_MIN};
use crate::model::{CertificateFiles, Protocol, TlsServer, TlsServerId, TlsTerms, TlsVersion, VerifyClient};

/// Servers of either kind, and what is around them.
const WHERE: Contexts = HTTP | SERVER | STREAM_LEVELS;

const fn of_server(
    name: &'static str,
    arity: Arity,
    set: fn(&mut RawLevel, &Line) -> Recorded,
    doc: &'static str,
) -> Directive {
    supported(name, WHERE, arity, Setter::Level(set), doc)
}

const fn flag(name: &'static str, field: fn(&mut RawLevel) -> &mut Option<bool>, doc: &'static str) -> Directive {
    supported(name, WHERE, FLAG, Setter::Flag(field), doc)
}

pub const TABLE: &[Directive] = &[
    of_server(
        "ssl_certificate",
        ONE,
        certificate,
        "Certificate of a server in PEM, then those that vouch for it; several lines for keys of several kinds.",
    ),
    of_server("ssl_certificate_key", ONE, certificate_key, "Its key in PEM."),
    of_server(
        "ssl_password_file",
        ONE,
        |level, line| line.once(&mut level.tls.password_file, |line| file(line).map(|file| file.path)),
        "Passwords of keys, one a line.",
    ),
    of_server(
        "ssl_protocols",
        ONE_OR_MORE,
        |level, line| line.once(&mut level.tls.terms.versions, tls_names::versions),
        "`TLSv1.2` and `TLSv1.3`, which is the default; older ones are not spoken.",
    ),
    of_server(
        "ssl_ciphers",
        ONE,
        |level, line| line.once(&mut level.tls.terms.ciphers, tls_names::ciphers),
        "A list in OpenSSL's syntax for TLS 1.2, of which ECDHE with AES-GCM and CHACHA20-POLY1305 are spoken.",
    ),
    of_server(
        "ssl_ecdh_curve",
        ONE,
        |level, line| line.once(&mut level.tls.terms.curves, tls_names::curves),
        "Curves, best first: `X25519`, `prime256v1`, `secp384r1` (`auto`).",
    ),
    flag(
        "ssl_prefer_server_ciphers",
        |level| &mut level.tls.prefer_server_ciphers,
        "The server's order of ciphers and not the client's (off).",
    ),
    of_server(
        "ssl_session_cache",
        ONE_OR_TWO,
        session_cache,
        "`none`, `off`, `builtin` or `shared:NAME:SIZE`: handshakes that are remembered for clients without tickets (none).",
    ),
    flag(
        "ssl_session_tickets",
        |level| &mut level.tls.session_tickets,
        "Clients keep what shortens their next handshake (on).",
    ),
    supported(
        "ssl_session_timeout",
        WHERE,
        ONE,
        Setter::Time(|level| &mut level.tls.session_timeout),
        "How long that shortens it (5m).",
    ),
    of_server(
        "ssl_session_ticket_key",
        ONE,
        session_ticket_key,
        "A file of 48 or 80 bytes, whose key seals tickets for all servers that share it; further lines open those of before.",
    ),
    of_server(
        "ssl_verify_client",
        ONE,
        verify_client,
        "Certificates of clients: `on`, `optional`, or `optional_no_ca`, which checks only that they have the key (off).",
    ),
    of_server(
        "ssl_client_certificate",
        ONE,
        |level, line| line.once(&mut level.tls.client_certificate, |line| file(line).map(|file| file.path)),
        "Who may vouch for clients, in PEM; clients are told the names.",
    ),
    of_server(
        "ssl_trusted_certificate",
        ONE,
        |level, line| line.once(&mut level.tls.trusted_certificate, |line| file(line).map(|file| file.path)),
        "Who may as well, without being named.",
    ),
    of_server(
        "ssl_crl",
        ONE,
        |level, line| line.once(&mut level.tls.crl, |line| file(line).map(|file| file.path)),
        "Certificates of clients that were called back, in PEM.",
    ),
    of_server(
        "ssl_verify_depth",
        ONE,
        |level, line| line.once(&mut level.tls.verify_depth, verify_depth),
        "How many certificates may stand between a client's and one that may vouch for it (1).",
    ),
    flag(
        "ssl_reject_handshake",
        |level| &mut level.tls.reject_handshake,
        "Clients that name this server are refused before they see a certificate (off).",
    ),
    supported("ssl_buffer_size", HTTP | SERVER, ONE, Setter::Level(buffer_size), "Plain bytes of one record (16k)."),
    supported(
        "ssl_alpn",
        STREAM_LEVELS,
        ONE_OR_MORE,
        Setter::Level(alpn),
        "Application protocols, best first, of which a client that names some has to name one; `http` has its own.",
    ),
    supported(
        "ssl_handshake_timeout",
        STREAM_LEVELS,
        ONE,
        Setter::Time(|level| &mut level.stream.handshake_timeout),
        "How long the handshake of a client may take (60s).",
    ),
];

/// The file that a line names.
///
/// # Errors
/// The name has variables.
pub fn file(line: &Line) -> Result<RawFile, Fault> {
    file_of(line, line.arg(0))
}

fn file_of(line: &Line, word: &Word) -> Result<RawFile, Fault> {
    if word.text.contains('$') {
        let fault = Fault::new(word.span, format!("\"{}\" with variables is not supported yet", line.name()));
        return Err(fault.help("name the file: it is read when the configuration is loaded"));
    }
    for prefix in ["data:", "engine:", "store:"] {
        if word.text.starts_with(prefix) {
            let fault = Fault::new(word.span, format!("\"{prefix}\" in \"{}\" is not supported", line.name()));
            return Err(fault.help("write it into a file in PEM and name that"));
        }
    }
    Ok(RawFile { path: line.env.path(&word.text), span: word.span })
}

fn certificate(level: &mut RawLevel, line: &Line) -> Recorded {
    level.tls.certificates.push(file(line)?);
    Ok(())
}

fn certificate_key(level: &mut RawLevel, line: &Line) -> Recorded {
    level.tls.certificate_keys.push(file(line)?);
    Ok(())
}

fn session_ticket_key(level: &mut RawLevel, line: &Line) -> Recorded {
    level.tls.session_ticket_keys.push(file(line)?.path);
    Ok(())
}

/// nginx's measure: a megabyte holds about four thousand.
const SESSION_BYTES: usize = 256;

fn session_cache(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.tls.session_count_max, |line| {
        let mut count = 0;
        for word in line.args() {
            let invalid = || Fault::new(word.span, format!("invalid session cache \"{}\"", word.text));
            let bytes = match word.text.split(':').collect::<Vec<_>>().as_slice() {
                ["off" | "none"] => 0,
                ["builtin"] => SESSION_BYTES * 20_480,
                ["builtin", number] => {
                    let number = value::number(number).and_then(|number| usize::try_from(number).ok());
                    number.ok_or_else(invalid)?.saturating_mul(SESSION_BYTES)
                }
                ["shared", name, size] if !name.is_empty() => {
                    let size = value::size(size).and_then(|size| usize::try_from(size).ok());
                    size.ok_or_else(|| invalid().help("`shared:NAME:SIZE`, as in `shared:SSL:10m`"))?
                }
                _ => return Err(invalid().help("`off`, `none`, `builtin` or `shared:NAME:SIZE`")),
            };
            count = count.max(bytes / SESSION_BYTES);
        }
        Ok(count)
    })
}

fn verify_client(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.tls.verify_client, |line| match line.arg(0).text.as_str() {
        "off" => Ok(VerifyClient::Off),
        "on" => Ok(VerifyClient::On),
        "optional" => Ok(VerifyClient::Optional),
        "optional_no_ca" => Ok(VerifyClient::OptionalNoCa),
        _ => Err(line.unknown_value(line.arg(0)).help("`on`, `off`, `optional` or `optional_no_ca`")),
    })
}

/// `ssl_verify_depth` and `proxy_ssl_verify_depth`.
///
/// # Errors
/// It is no number.
pub fn verify_depth(line: &Line) -> Result<usize, Fault> {
    let word = line.arg(0);
    let depth = usize::try_from(line.as_number(word)?).unwrap_or(usize::MAX);
    if depth > TLS_CHAIN_BETWEEN_MAX {
        let message =
            format!("\"{}\" acts as {TLS_CHAIN_BETWEEN_MAX}: longer chains are refused in any case", line.name());
        line.env.warn(Fault::new(word.span, message));
    }
    Ok(depth.min(TLS_CHAIN_BETWEEN_MAX))
}

fn alpn(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.tls.alpn_protocols, alpn_protocols)
}

/// `ssl_alpn` and `proxy_ssl_alpn`.
///
/// # Errors
/// A name is empty or too long.
pub fn alpn_protocols(line: &Line) -> Result<Vec<Box<[u8]>>, Fault> {
    let one = |word: &Word| match word.text.len() {
        0 => Err(line.invalid_value(word).help("a name, as in `mqtt`")),
        1..=TLS_ALPN_NAME_BYTES_MAX => Ok(word.text.as_bytes().into()),
        _ => Err(Fault::new(word.span, format!("\"{}\" protocol too long", line.name())).help("255 bytes at most")),
    };
    line.args().iter().map(one).collect()
}

fn buffer_size(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.tls.buffer_size, |line| match line.size_at(0)? {
        0 => Err(line.invalid_value(line.arg(0)).help(value::SIZE_HELP)),
        bytes => Ok(bytes.clamp(TLS_RECORD_BYTES_MIN, TLS_RECORD_BYTES_MAX)),
    })
}

/// nginx's.
pub const TLS_VERIFY_DEPTH: usize = 1;

/// What is spoken where nothing is said.
#[must_use]
pub fn default_terms() -> TlsTerms {
    TlsTerms {
        versions: vec![TlsVersion::V12, TlsVersion::V13],
        ciphers: tls_names::all_ciphers(),
        curves: tls_names::all_curves(),
    }
}

/// Those of a level over those around it.
#[must_use]
pub fn resolve_terms(raw: &RawTlsTerms, around: &TlsTerms) -> TlsTerms {
    TlsTerms {
        versions: raw.versions.clone().unwrap_or_else(|| around.versions.clone()),
        ciphers: raw.ciphers.clone().unwrap_or_else(|| around.ciphers.clone()),
        curves: raw.curves.clone().unwrap_or_else(|| around.curves.clone()),
    }
}

/// Settings of a level, with what levels inside it need to know.
#[derive(Debug, Clone)]
pub struct TlsParts {
    settings: Arc<TlsServer>,
    /// As written: keys may stand at another level than certificates.
    certificates: Arc<[(std::path::PathBuf, Span)]>,
    keys: Arc<[std::path::PathBuf]>,
}

/// The protocols that clients of `http` may name.
const HTTP_ALPN: &[&str] = &["http/1.1", "http/1.0", "http/0.9"];

impl TlsParts {
    #[must_use]
    pub fn defaults(protocol: Protocol) -> Self {
        let alpn_protocols = match protocol {
            Protocol::Http => HTTP_ALPN.iter().map(|name| name.as_bytes().into()).collect(),
            Protocol::Stream => Vec::new(),
        };
        let settings = TlsServer {
            certificates: Vec::new(),
            password_file: None,
            terms: default_terms(),
            prefer_server_ciphers: false,
            verify_client: VerifyClient::Off,
            client_certificate: None,
            trusted_certificate: None,
            crl: None,
            verify_depth: TLS_VERIFY_DEPTH,
            session_tickets: true,
            session_ticket_keys: Vec::new(),
            session_count_max: 0,
            session_timeout: Duration::from_secs(300),
            reject_handshake: false,
            alpn_protocols,
            record_bytes: TLS_RECORD_BYTES_MAX,
        };
        Self { settings: Arc::new(settings), certificates: Arc::default(), keys: Arc::default() }
    }

    #[must_use]
    pub fn verify_client(&self) -> VerifyClient {
        self.settings.verify_client
    }
}

/// A level's settings over those around it.
#[must_use]
pub fn resolve(raw: &RawTls, around: &TlsParts) -> TlsParts {
    if raw.is_empty() {
        return around.clone();
    }
    let outer = &around.settings;
    let settings = TlsServer {
        certificates: Vec::new(),
        password_file: raw.password_file.clone().or_else(|| outer.password_file.clone()),
        terms: resolve_terms(&raw.terms, &outer.terms),
        prefer_server_ciphers: raw.prefer_server_ciphers.unwrap_or(outer.prefer_server_ciphers),
        verify_client: raw.verify_client.unwrap_or(outer.verify_client),
        client_certificate: raw.client_certificate.clone().or_else(|| outer.client_certificate.clone()),
        trusted_certificate: raw.trusted_certificate.clone().or_else(|| outer.trusted_certificate.clone()),
        crl: raw.crl.clone().or_else(|| outer.crl.clone()),
        verify_depth: raw.verify_depth.unwrap_or(outer.verify_depth),
        session_tickets: raw.session_tickets.unwrap_or(outer.session_tickets),
        session_ticket_keys: match raw.session_ticket_keys.as_slice() {
            [] => outer.session_ticket_keys.clone(),
            own => own.to_vec(),
        },
        session_count_max: raw.session_count_max.unwrap_or(outer.session_count_max),
        session_timeout: raw.session_timeout.unwrap_or(outer.session_timeout),
        reject_handshake: raw.reject_handshake.unwrap_or(outer.reject_handshake),
        alpn_protocols: raw.alpn_protocols.clone().unwrap_or_else(|| outer.alpn_protocols.clone()),
        record_bytes: raw.buffer_size.unwrap_or(outer.record_bytes),
    };
    let certificates = raw.certificates.iter().map(|file| (file.path.clone(), file.span)).collect::<Arc<[_]>>();
    let keys = raw.certificate_keys.iter().map(|file| file.path.clone()).collect::<Arc<[_]>>();
    TlsParts {
        settings: Arc::new(settings),
        certificates: if certificates.is_empty() { Arc::clone(&around.certificates) } else { certificates },
        keys: if keys.is_empty() { Arc::clone(&around.keys) } else { keys },
    }
}

/// The TLS of a server; `None` where it has none of its own.
pub fn of_virtual_server(parts: &TlsParts, scope: &mut Scope<'_>) -> Option<TlsServerId> {
    let TlsParts { settings, certificates, keys } = parts;
    if certificates.is_empty() && !settings.reject_handshake {
        return None;
    }
    if let Some((path, span)) = certificates.get(keys.len()) {
        let message = format!("no \"ssl_certificate_key\" is defined for certificate \"{}\"", path.display());
        scope.env.fault(Fault::new(*span, message).help("name the key of each certificate, in the same order"));
        return None;
    }
    let asks = matches!(settings.verify_client, VerifyClient::On | VerifyClient::Optional);
    if asks && settings.client_certificate.is_none() && settings.trusted_certificate.is_none() {
        let message = "no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client";
        let fault =
            certificates.first().map_or_else(|| Fault::without_place(message), |(_, span)| Fault::new(*span, message));
        scope.env.fault(fault.help("name the file with those who may vouch for clients"));
        return None;
    }
    let files = certificates.iter().zip(keys.iter()).map(|((certificate, span), key)| CertificateFiles {
        certificate: certificate.clone(),
        key: key.clone(),
        place: scope.sources.place(*span).into(),
    });
    let settings = TlsServer { certificates: files.collect(), ..TlsServer::clone(settings) };
    let at = scope.tls_servers.iter().position(|known| **known == settings).unwrap_or_else(|| {
        scope.tls_servers.push(Arc::new(settings));
        scope.tls_servers.len() - 1
    });
    u16::try_from(at).ok().map(TlsServerId)
}

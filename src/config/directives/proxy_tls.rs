//! `proxy_ssl_*`: the TLS of connections to peers.

use std::path::PathBuf;
use std::sync::Arc;

use super::{tls, tls_names};
use crate::config::diagnostic::Fault;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawFile, RawLevel, RawProxyTls};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::model::{CertificateFiles, Proxy, TlsPeer, TlsPeerId};

/// Servers and locations of `http`, and what passes connections on in `stream`.
const WHERE: Contexts = HTTP_LEVELS | STREAM_LEVELS;

const fn to_peers(
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
    flag(
        "proxy_ssl_server_name",
        |level| &mut level.proxy.ssl.server_name,
        "Peers are told which name is wanted (off).",
    ),
    to_peers(
        "proxy_ssl_name",
        ONE,
        name,
        "The name that is wanted, and that a peer's certificate has to hold (`$proxy_host`; in `stream` the host of `proxy_pass`).",
    ),
    flag(
        "proxy_ssl_verify",
        |level| &mut level.proxy.ssl.verify,
        "A peer has to prove its name by a certificate. Without it, as in nginx, connections are encrypted but whom they \
         reach is not known (off).",
    ),
    to_peers(
        "proxy_ssl_trusted_certificate",
        ONE,
        trusted,
        "Who may vouch for peers, in PEM; `proxy_ssl_verify` needs it.",
    ),
    to_peers("proxy_ssl_crl", ONE, crl, "Certificates of peers that were called back, in PEM."),
    to_peers(
        "proxy_ssl_verify_depth",
        ONE,
        |level, line| line.once(&mut level.proxy.ssl.verify_depth, tls::verify_depth),
        "How many certificates may stand between a peer's and one that may vouch for it (1).",
    ),
    to_peers("proxy_ssl_certificate", ONE, certificate, "What is shown to peers that ask for a certificate, in PEM."),
    to_peers("proxy_ssl_certificate_key", ONE, certificate_key, "Its key in PEM."),
    to_peers(
        "proxy_ssl_password_file",
        ONE,
        |level, line| line.once(&mut level.proxy.ssl.password_file, |line| tls::file(line).map(|file| file.path)),
        "Passwords of that key, one a line.",
    ),
    to_peers(
        "proxy_ssl_protocols",
        ONE_OR_MORE,
        |level, line| line.once(&mut level.proxy.ssl.terms.versions, tls_names::versions),
        "`TLSv1.2` and `TLSv1.3`, which is the default.",
    ),
    to_peers(
        "proxy_ssl_ciphers",
        ONE,
        |level, line| line.once(&mut level.proxy.ssl.terms.ciphers, tls_names::ciphers),
        "As `ssl_ciphers`.",
    ),
    flag(
        "proxy_ssl_session_reuse",
        |level| &mut level.proxy.ssl.session_reuse,
        "What a peer gave shortens the next handshake with it (on).",
    ),
    supported(
        "proxy_ssl",
        STREAM_LEVELS,
        FLAG,
        Setter::Flag(|level| &mut level.stream.ssl),
        "Peers are spoken to with TLS, behind the header of the PROXY protocol if they get one (off).",
    ),
    supported(
        "proxy_ssl_alpn",
        STREAM_LEVELS,
        ONE_OR_MORE,
        Setter::Level(|level, line| line.once(&mut level.proxy.ssl.alpn_protocols, tls::alpn_protocols)),
        "Application protocols that peers are offered, best first.",
    ),
];

fn name(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.proxy.ssl.name, |line| Ok(line.arg(0).clone()))
}

fn trusted(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.proxy.ssl.trusted_certificate, |line| tls::file(line).map(|file| file.path))
}

fn crl(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.proxy.ssl.crl, |line| tls::file(line).map(|file| file.path))
}

fn certificate(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.proxy.ssl.certificate, file_or_none)
}

fn certificate_key(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.proxy.ssl.certificate_key, file_or_none)
}

fn file_or_none(line: &Line) -> Result<Option<RawFile>, Fault> {
    if line.arg(0).text.is_empty() { Ok(None) } else { tls::file(line).map(Some) }
}

/// What holds where nothing is said.
#[must_use]
pub fn defaults() -> Arc<TlsPeer> {
    Arc::new(TlsPeer {
        certificate: None,
        password_file: None,
        terms: tls::default_terms(),
        verify: false,
        trusted_certificate: None,
        crl: None,
        verify_depth: tls::TLS_VERIFY_DEPTH,
        session_reuse: true,
        server_name: false,
        alpn_protocols: Vec::new(),
    })
}

/// A level's settings over those around it.
pub fn resolve(raw: &RawProxyTls, around: &Arc<TlsPeer>, scope: &Scope<'_>) -> Arc<TlsPeer> {
    if raw.is_empty() {
        return Arc::clone(around);
    }
    let outer = around.certificate.as_ref();
    let certificate = match &raw.certificate {
        Some(own) => own.as_ref().map(|file| (file.path.clone(), scope.sources.place(file.span).into())),
        None => outer.map(|files| (files.certificate.clone(), files.place.clone())),
    };
    let key: Option<PathBuf> = match &raw.certificate_key {
        Some(own) => own.as_ref().map(|file| file.path.clone()),
        None => outer.map(|files| files.key.clone()).filter(|key| !key.as_os_str().is_empty()),
    };
    Arc::new(TlsPeer {
        // A key may stand at a level inside: whoever speaks TLS is asked for it.
        certificate: certificate.map(|(certificate, place)| CertificateFiles {
            certificate,
            key: key.unwrap_or_default(),
            place,
        }),
        password_file: raw.password_file.clone().or_else(|| around.password_file.clone()),
        terms: tls::resolve_terms(&raw.terms, &around.terms),
        verify: raw.verify.unwrap_or(around.verify),
        trusted_certificate: raw.trusted_certificate.clone().or_else(|| around.trusted_certificate.clone()),
        crl: raw.crl.clone().or_else(|| around.crl.clone()),
        verify_depth: raw.verify_depth.unwrap_or(around.verify_depth),
        session_reuse: raw.session_reuse.unwrap_or(around.session_reuse),
        server_name: raw.server_name.unwrap_or(around.server_name),
        alpn_protocols: raw.alpn_protocols.clone().unwrap_or_else(|| around.alpn_protocols.clone()),
    })
}

/// The TLS of a location that passes requests on, or of a server of `stream`.
pub fn of_location(proxy: &Proxy, scope: &mut Scope<'_>) -> Option<TlsPeerId> {
    let settings = &proxy.ssl;
    if settings.verify && settings.trusted_certificate.is_none() {
        let fault = Fault::without_place("no proxy_ssl_trusted_certificate for proxy_ssl_verify");
        scope.env.fault(
            fault.help("name the file with those who may vouch for peers, as in /etc/ssl/certs/ca-certificates.crt"),
        );
        return None;
    }
    if let Some(files) = settings.certificate.as_ref().filter(|files| files.key.as_os_str().is_empty()) {
        let path = files.certificate.display();
        let message = format!("no \"proxy_ssl_certificate_key\" is defined for certificate \"{path}\"{}", files.place);
        scope.env.fault(Fault::without_place(message));
        return None;
    }
    let at = scope.tls_peers.iter().position(|known| known == settings).unwrap_or_else(|| {
        scope.tls_peers.push(Arc::clone(settings));
        scope.tls_peers.len() - 1
    });
    u16::try_from(at).ok().map(TlsPeerId)
}

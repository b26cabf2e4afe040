//! `$ssl_*`: what is known of the encryption of a client's connection, and of the certificate that it showed.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

use super::exchange::Exchange;
use super::security::{ClientTls, Security};
use crate::http::encode;
use crate::model::{TlsFact, VerifyClient};
use crate::tls::certificate::{self, Certificate};
use crate::tls::{HandshakeKind, Link, names};

/// Characters of a line in PEM.
const PEM_LINE: usize = 64;
const DAY_SECONDS: i64 = 24 * 60 * 60;

impl Exchange<'_> {
    /// Appends the value of such a variable; without TLS none is there, and none is there empty.
    pub(super) fn append_tls(&self, fact: TlsFact, out: &mut Vec<u8>) -> bool {
        let (Security::Tls(known), Some(secured)) = (&self.client.security, self.client.stream.secured()) else {
            return false;
        };
        let value = secured.look(|link| of_connection(fact, known, link).or_else(|| of_certificate(fact, known, link)));
        let value = value.flatten().unwrap_or_default();
        out.extend_from_slice(value.as_bytes());
        !value.is_empty()
    }
}

/// What was negotiated; `None` if the variable is another.
fn of_connection(fact: TlsFact, known: &ClientTls, link: &Link) -> Option<String> {
    let state = link.state();
    let text = |name: &str| Some(name.to_owned());
    match fact {
        TlsFact::Protocol => text(state.protocol_version().map_or("", names::protocol)),
        TlsFact::Cipher => text(state.negotiated_cipher_suite().map_or("", names::cipher)),
        TlsFact::Ciphers => Some(names::ciphers(&known.hello.ciphers)),
        TlsFact::Curve => {
            Some(state.negotiated_key_exchange_group().map(|g| names::curve(g.name())).unwrap_or_default())
        }
        TlsFact::Curves => Some(names::curves(&known.hello.curves)),
        TlsFact::AlpnProtocol => Some(String::from_utf8_lossy(state.alpn_protocol().unwrap_or_default()).into_owned()),
        TlsFact::ServerName => text(known.hello.server_name.as_deref().unwrap_or_default()),
        TlsFact::Resumed => text(if state.handshake_kind() == Some(HandshakeKind::Resumed) { "r" } else { "." }),
        TlsFact::ResumptionId => Some(known.id().to_owned()),
        // It is never taken.
        TlsFact::EarlyData => text(""),
        _ => None,
    }
}

/// What the client's certificate says.
fn of_certificate(fact: TlsFact, known: &ClientTls, link: &Link) -> Option<String> {
    let shown = link.state().peer_certificates().and_then(|chain| chain.first());
    if fact == TlsFact::ClientVerify {
        return Some(match (shown, known.judged(link)) {
            (None, _) => "NONE".to_owned(),
            (Some(_), Ok(())) if known.tls.verify_client == VerifyClient::Off => "NONE".to_owned(),
            (Some(_), Ok(())) => "SUCCESS".to_owned(),
            (Some(_), Err(distrust)) => format!("FAILED:{}", distrust.words),
        });
    }
    let der = shown?;
    let read = || Certificate::read(der);
    match fact {
        TlsFact::ClientRawCert => Some(pem(der)),
        TlsFact::ClientCert => Some(pem(der).trim_end().replace('\n', "\n\t")),
        TlsFact::ClientEscapedCert => Some(escaped(&pem(der))),
        TlsFact::ClientFingerprint => Some(certificate::hex(&Sha1::digest(der), false)),
        TlsFact::ClientSerial => Some(read()?.serial_text()),
        TlsFact::ClientSDn => certificate::rfc2253(read()?.subject),
        TlsFact::ClientSDnLegacy => certificate::one_line(read()?.subject),
        TlsFact::ClientIDn => certificate::rfc2253(read()?.issuer),
        TlsFact::ClientIDnLegacy => certificate::one_line(read()?.issuer),
        TlsFact::ClientVStart => read()?.not_before.text(),
        TlsFact::ClientVEnd => read()?.not_after.text(),
        TlsFact::ClientVRemain => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
            let left = read()?.not_after.seconds()? - i64::try_from(now).ok()?;
            Some((left / DAY_SECONDS).max(0).to_string())
        }
        _ => None,
    }
}

/// Percent-encoded but for what RFC 3986 calls unreserved.
fn escaped(text: &str) -> String {
    let mut out = Vec::new();
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(byte),
            _ if byte.is_ascii_alphanumeric() => out.push(byte),
            _ => encode::percent_encoded(&mut out, byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn pem(der: &[u8]) -> String {
    let mut out = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let text = BASE64_STANDARD.encode(der);
    for at in (0..text.len()).step_by(PEM_LINE) {
        out.push_str(&text[at..text.len().min(at + PEM_LINE)]);
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

//! OpenSSL's names of protocols, ciphers and curves, as nginx's files have them. What is not spoken here is told.

use crate::config::diagnostic::Fault;
use crate::config::line::Line;
use crate::model::{TlsCipher, TlsCurve, TlsVersion};

/// All ciphers of TLS 1.2 that are spoken, best first, each with the words by which OpenSSL's lists select it.
const CIPHERS: &[(TlsCipher, &str, &[&str])] = &[
    (
        TlsCipher::EcdheEcdsaAes256GcmSha384,
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        &["AECDSA", "ECDSA", "AES", "AES256", "AESGCM", "SHA384"],
    ),
    (TlsCipher::EcdheRsaAes256GcmSha384, "ECDHE-RSA-AES256-GCM-SHA384", &["ARSA", "AES", "AES256", "AESGCM", "SHA384"]),
    (TlsCipher::EcdheEcdsaChacha20Poly1305, "ECDHE-ECDSA-CHACHA20-POLY1305", &["AECDSA", "ECDSA", "CHACHA20"]),
    (TlsCipher::EcdheRsaChacha20Poly1305, "ECDHE-RSA-CHACHA20-POLY1305", &["ARSA", "CHACHA20"]),
    (
        TlsCipher::EcdheEcdsaAes128GcmSha256,
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        &["AECDSA", "ECDSA", "AES", "AES128", "AESGCM", "SHA256"],
    ),
    (TlsCipher::EcdheRsaAes128GcmSha256, "ECDHE-RSA-AES128-GCM-SHA256", &["ARSA", "AES", "AES128", "AESGCM", "SHA256"]),
];

/// Words that select every one of them.
const ALL: &[&str] =
    &["ALL", "DEFAULT", "COMPLEMENTOFDEFAULT", "HIGH", "ECDHE", "EECDH", "KECDHE", "KEECDH", "TLSV1.2"];

#[must_use]
pub fn all_ciphers() -> Vec<TlsCipher> {
    CIPHERS.iter().map(|(cipher, ..)| *cipher).collect()
}

#[must_use]
pub fn all_curves() -> Vec<TlsCurve> {
    vec![TlsCurve::X25519, TlsCurve::P256, TlsCurve::P384]
}

/// `ssl_protocols`. Versions before 1.2 are not spoken.
///
/// # Errors
/// A word is none of nginx's, or nothing is left.
pub fn versions(line: &Line) -> Result<Vec<TlsVersion>, Fault> {
    let mut versions = Vec::new();
    for word in line.args() {
        let version = match word.text.as_str() {
            "TLSv1.2" => TlsVersion::V12,
            "TLSv1.3" => TlsVersion::V13,
            "SSLv2" | "SSLv3" | "TLSv1" | "TLSv1.1" => {
                let text =
                    format!("\"{}\" is not spoken: it is broken, and clients have left it (RFC 8996)", word.text);
                line.env.warn(Fault::new(word.span, text));
                continue;
            }
            _ => return Err(line.invalid_value(word).help("`TLSv1.2` or `TLSv1.3`")),
        };
        if versions.contains(&version) {
            line.env.warn(Fault::new(word.span, format!("duplicate value \"{}\"", word.text)));
        } else {
            versions.push(version);
        }
    }
    if versions.is_empty() {
        return Err(line.fault("names no protocol that is spoken here").help("add `TLSv1.2 TLSv1.3`"));
    }
    versions.sort_by_key(|version| *version == TlsVersion::V13);
    Ok(versions)
}

/// `ssl_ciphers`: a list in OpenSSL's syntax, of which those that are spoken remain.
///
/// # Errors
/// Nothing remains.
pub fn ciphers(line: &Line) -> Result<Vec<TlsCipher>, Fault> {
    let word = line.arg(0);
    let mut chosen: Vec<TlsCipher> = Vec::new();
    let mut banned: Vec<TlsCipher> = Vec::new();
    let mut missing = Vec::new();
    // `@SECLEVEL=` and kin set what is not to be set here.
    let tokens = word.text.split([':', ',', ' ', ';']).map(|token| token.split('@').next().unwrap_or_default());
    for token in tokens.filter(|token| !token.is_empty()) {
        let (sign, name) = match token.split_at_checked(1) {
            Some((sign @ ("!" | "-" | "+"), name)) => (sign, name),
            _ => ("", token),
        };
        let found = selected(name);
        match sign {
            "!" => banned.extend(&found),
            "-" => chosen.retain(|cipher| !found.contains(cipher)),
            "+" => {
                let (moved, kept) = chosen.iter().partition::<Vec<_>, _>(|cipher| found.contains(cipher));
                chosen = kept;
                chosen.extend(moved);
            }
            _ => {
                // A name with a dash is a suite; words select groups, which may well be empty.
                if found.is_empty() && name.contains('-') {
                    missing.push(name);
                }
                let new: Vec<_> = found.into_iter().filter(|cipher| !chosen.contains(cipher)).collect();
                chosen.extend(new);
            }
        }
        chosen.retain(|cipher| !banned.contains(cipher));
    }
    let help = "spoken are ECDHE with AES-GCM or CHACHA20-POLY1305, as in `ECDHE-RSA-AES128-GCM-SHA256`";
    if chosen.is_empty() {
        return Err(Fault::new(word.span, "no cipher match").help(help));
    }
    if !missing.is_empty() {
        let text = format!("ciphers that are not spoken are left out: {}", missing.join(" "));
        line.env.warn(Fault::new(word.span, text).help(help));
    }
    Ok(chosen)
}

/// The ciphers of a name, or of words joined by `+`, all of which have to fit.
fn selected(name: &str) -> Vec<TlsCipher> {
    let fits = |full: &str, words: &[&str], part: &str| {
        full.eq_ignore_ascii_case(part) || words.iter().chain(ALL).any(|word| word.eq_ignore_ascii_case(part))
    };
    let chosen = CIPHERS.iter().filter(|(_, full, words)| name.split('+').all(|part| fits(full, words, part)));
    chosen.map(|(cipher, ..)| *cipher).collect()
}

/// `ssl_ecdh_curve`.
///
/// # Errors
/// None of them is spoken.
pub fn curves(line: &Line) -> Result<Vec<TlsCurve>, Fault> {
    let word = line.arg(0);
    let mut chosen = Vec::new();
    let mut missing = Vec::new();
    for name in word.text.split(':').map(|name| name.trim_start_matches('?')) {
        let curve = match name.to_ascii_lowercase().as_str() {
            "auto" => {
                chosen.extend(all_curves());
                continue;
            }
            "x25519" => TlsCurve::X25519,
            "prime256v1" | "secp256r1" | "p-256" => TlsCurve::P256,
            "secp384r1" | "p-384" => TlsCurve::P384,
            _ => {
                missing.push(name);
                continue;
            }
        };
        if !chosen.contains(&curve) {
            chosen.push(curve);
        }
    }
    let help = "spoken are X25519, prime256v1 and secp384r1";
    if chosen.is_empty() {
        return Err(Fault::new(word.span, format!("Unknown curve name (\"{}\")", word.text)).help(help));
    }
    if !missing.is_empty() {
        let text = format!("curves that are not spoken are left out: {}", missing.join(" "));
        line.env.warn(Fault::new(word.span, text).help(help));
    }
    Ok(chosen)
}

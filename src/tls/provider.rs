//! The library of ciphers, with what the configuration allows of it.

use std::sync::Arc;

use rustls::crypto::ring::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use crate::model::{TlsCipher, TlsCurve, TlsTerms, TlsVersion};

/// All that it can.
#[must_use]
pub fn default() -> CryptoProvider {
    ring::default_provider()
}

/// What some terms allow.
#[must_use]
pub fn of(terms: &TlsTerms) -> Arc<CryptoProvider> {
    // Those of TLS 1.3, which no list of the dialect changes, in OpenSSL's order.
    let mut cipher_suites = vec![
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS13_AES_128_GCM_SHA256,
    ];
    cipher_suites.extend(terms.ciphers.iter().map(|cipher| suite(*cipher)));
    let kx_groups = terms.curves.iter().map(|curve| group(*curve)).collect();
    Arc::new(CryptoProvider { cipher_suites, kx_groups, ..default() })
}

/// The versions of some terms.
#[must_use]
pub fn versions(terms: &TlsTerms) -> Vec<&'static SupportedProtocolVersion> {
    let version = |version: &TlsVersion| match version {
        TlsVersion::V12 => &TLS12,
        TlsVersion::V13 => &TLS13,
    };
    terms.versions.iter().map(version).collect()
}

fn suite(cipher: TlsCipher) -> SupportedCipherSuite {
    match cipher {
        TlsCipher::EcdheEcdsaAes256GcmSha384 => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TlsCipher::EcdheRsaAes256GcmSha384 => cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        TlsCipher::EcdheEcdsaChacha20Poly1305 => cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        TlsCipher::EcdheRsaChacha20Poly1305 => cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        TlsCipher::EcdheEcdsaAes128GcmSha256 => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        TlsCipher::EcdheRsaAes128GcmSha256 => cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    }
}

fn group(curve: TlsCurve) -> &'static dyn SupportedKxGroup {
    match curve {
        TlsCurve::X25519 => kx_group::X25519,
        TlsCurve::P256 => kx_group::SECP256R1,
        TlsCurve::P384 => kx_group::SECP384R1,
    }
}

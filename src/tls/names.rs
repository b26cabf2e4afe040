//! OpenSSL's names for what was negotiated.

use rustls::{CipherSuite, NamedGroup, ProtocolVersion, SupportedCipherSuite};

/// `$ssl_protocol`.
#[must_use]
pub fn protocol(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2",
        ProtocolVersion::TLSv1_3 => "TLSv1.3",
        _ => "UNKNOWN",
    }
}

/// `$ssl_cipher`.
#[must_use]
pub fn cipher(suite: SupportedCipherSuite) -> &'static str {
    cipher_suite(suite.suite()).unwrap_or("UNKNOWN")
}

/// The name of a suite that is spoken here.
#[must_use]
pub fn cipher_suite(suite: CipherSuite) -> Option<&'static str> {
    Some(match suite {
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        _ => return None,
    })
}

/// `$ssl_ciphers`: by number where a name is not known.
#[must_use]
pub fn ciphers(numbers: &[u16]) -> String {
    let name = |number: &u16| {
        cipher_suite(CipherSuite::from(*number)).map_or_else(|| format!("0x{number:04x}"), str::to_owned)
    };
    numbers.iter().map(name).collect::<Vec<_>>().join(":")
}

/// `$ssl_curves`.
#[must_use]
pub fn curves(numbers: &[u16]) -> String {
    numbers.iter().map(|number| curve(NamedGroup::from(*number))).collect::<Vec<_>>().join(":")
}

/// `$ssl_curve`.
#[must_use]
pub fn curve(group: NamedGroup) -> String {
    match group {
        NamedGroup::X25519 => "X25519".to_owned(),
        NamedGroup::X448 => "X448".to_owned(),
        NamedGroup::secp256r1 => "prime256v1".to_owned(),
        NamedGroup::secp384r1 => "secp384r1".to_owned(),
        NamedGroup::secp521r1 => "secp521r1".to_owned(),
        NamedGroup::X25519MLKEM768 => "X25519MLKEM768".to_owned(),
        other => format!("0x{:04x}", u16::from(other)),
    }
}

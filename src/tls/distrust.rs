//! Why a certificate is not trusted, in OpenSSL's numbers and words, which logs and variables of nginx show.

use std::fmt;

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error};

use super::certificate::Certificate;

/// Why a certificate is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distrust {
    pub number: u32,
    pub words: String,
}

/// What nobody known vouches for: a certificate or a chain that ends in itself, or nowhere.
const UNKNOWN: [u32; 4] = [18, 19, 20, 21];
const NAME_MISMATCH: u32 = 62;

impl Distrust {
    /// There are more certificates between than are allowed.
    pub fn too_long() -> Self {
        Self { number: 22, words: "certificate chain too long".to_owned() }
    }

    /// Nobody known vouches for it, which may be somebody else's to check.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        UNKNOWN.contains(&self.number)
    }

    /// It is somebody's, but not of that name.
    pub fn is_of_other_name(&self) -> bool {
        self.number == NAME_MISMATCH
    }
}

/// As logs show it.
impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}:{})", self.number, self.words)
    }
}

/// What an error says of a certificate.
#[must_use]
pub fn of(error: &Error, certificate: &CertificateDer<'_>) -> Distrust {
    let (number, words) = words(error, certificate);
    Distrust { number, words }
}

fn words(error: &Error, certificate: &CertificateDer<'_>) -> (u32, String) {
    let Error::InvalidCertificate(error) = error else { return (1, error.to_string()) };
    let (number, text) = match error {
        CertificateError::UnknownIssuer => {
            if is_own(certificate) {
                (18, "self-signed certificate")
            } else {
                (20, "unable to get local issuer certificate")
            }
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (10, "certificate has expired"),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (9, "certificate is not yet valid")
        }
        CertificateError::Revoked => (23, "certificate revoked"),
        CertificateError::UnknownRevocationStatus => (3, "unable to get certificate CRL"),
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            (12, "CRL has expired")
        }
        CertificateError::BadSignature => (7, "certificate signature failure"),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            (NAME_MISMATCH, "hostname mismatch")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            (26, "unsupported certificate purpose")
        }
        // A certificate that may sign others, and signs itself.
        CertificateError::Other(_) if is_own(certificate) => (18, "self-signed certificate"),
        // One of version 1 can be nobody's.
        CertificateError::Other(_) if Certificate::read(certificate).is_some_and(|known| known.is_old) => {
            (20, "unable to get local issuer certificate")
        }
        other => return (1, other.to_string()),
    };
    (number, text.to_owned())
}

fn is_own(certificate: &CertificateDer<'_>) -> bool {
    Certificate::read(certificate).is_some_and(|known| known.subject == known.issuer)
}

//! Why a certificate is not trusted, in OpenSSL's numbers and words, which logs and variables of nginx show.

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error};

use super::certificate::Certificate;

/// The number and the words of an error.
#[must_use]
pub fn words(error: &Error, certificate: &CertificateDer<'_>) -> (u32, String) {
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
            (62, "hostname mismatch")
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

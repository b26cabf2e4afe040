//! Files in PEM, as the configuration names them, and what is wrong with them in nginx's words.

use std::io;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;
use super::passwords::Guarded;
use super::provider;
use crate::model::CertificateFiles;
use crate::sys::errno::Errno;

/// A file that cannot be used: one line that names it, what is wrong, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable(pub String);

/// A certificate and its key.
///
/// # Errors
/// A file cannot be read, holds something else, or the two do not belong together.
pub fn certified(files: &CertificateFiles, passwords: Option<&Path>) -> Result<CertifiedKey, Unusable> {
    let place = &files.place;
    let chain = certificates(&files.certificate, "cannot load certificate", place)?;
    let key = key(&files.key, place, passwords)?;
    let (certificate, path) = (files.certificate.display(), files.key.display());
    let key = provider::default().key_provider.load_private_key(key).map_err(|error| {
        Unusable(format!("cannot load certificate key \"{path}\": {error}{place}: RSA, ECDSA and Ed25519 are known"))
    })?;
    let read = chain.first().and_then(|first| Certificate::read(first));
    let Some(read) = read else {
        return Err(Unusable(format!("cannot load certificate \"{certificate}\": it is no X.509 certificate{place}")));
    };
    // Whether a certificate is worth anything is for those to judge who are shown it.
    if key.public_key().is_some_and(|own| *own != *read.key) {
        return Err(Unusable(format!(
            "SSL_CTX_use_PrivateKey(\"{path}\") failed (SSL: key values mismatch){place}: the key is not that of the first \
             certificate in \"{certificate}\""
        )));
    }
    Ok(CertifiedKey::new(chain, key))
}

/// All certificates of a file.
///
/// # Errors
/// There are none, or one is broken.
pub fn certificates(path: &Path, what: &str, place: &str) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let text = read(path, what, place)?;
    let broken = |why: String| Unusable(format!("{what} \"{}\": {why}{place}", path.display()));
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| broken(format!("PEM_read_bio_X509() failed ({error})")))?;
    if found.is_empty() {
        let why = "PEM_read_bio_X509_AUX() failed (no start line: Expecting: TRUSTED CERTIFICATE)";
        return Err(broken(why.to_owned()));
    }
    Ok(found)
}

/// Those who may vouch for others.
///
/// # Errors
/// As [`certificates`].
pub fn issuers(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let text = std::fs::read(path).map_err(|error| no_issuer(path, &unread(&error)))?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(no_issuer(path, "no certificate found: it has to be in PEM")),
        Ok(found) => Ok(found),
        Err(error) => Err(no_issuer(path, &error.to_string())),
    }
}

/// A file does not hold those who may vouch for others.
pub fn no_issuer(path: &Path, why: &str) -> Unusable {
    Unusable(format!("SSL_CTX_load_verify_locations(\"{}\") failed ({why})", path.display()))
}

/// Lists of certificates that were called back.
///
/// # Errors
/// There are none, or one is broken.
pub fn called_back(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, Unusable> {
    let broken = |why: String| Unusable(format!("X509_LOOKUP_load_file(\"{}\") failed ({why})", path.display()));
    let text = std::fs::read(path).map_err(|error| broken(unread(&error)))?;
    let found: Result<Vec<_>, pem::Error> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(broken("no CRL found: it has to be in PEM".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(broken(error.to_string())),
    }
}

fn key(path: &Path, place: &str, passwords: Option<&Path>) -> Result<PrivateKeyDer<'static>, Unusable> {
    let what = "cannot load certificate key";
    let text = read(path, what, place)?;
    let unusable = |why: &str| Unusable(format!("{what} \"{}\": {why}{place}", path.display()));
    if let Some(guarded) = std::str::from_utf8(&text).ok().and_then(Guarded::find) {
        let Some(passwords) = passwords else {
            return Err(unusable("it has a password: name the file that holds it by `ssl_password_file`"));
        };
        let known = read(passwords, "cannot read passwords", place)?;
        let mut known = known.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        return known.find_map(|password| guarded.open(password)).ok_or_else(|| {
            unusable("bad decrypt: no line of the password file opens it, or it is not encrypted by AES-CBC")
        });
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            unusable("PEM_read_bio_PrivateKey() failed (no start line: Expecting: ANY PRIVATE KEY)")
        }
        error => unusable(&format!("PEM_read_bio_PrivateKey() failed ({error})")),
    })
}

fn read(path: &Path, what: &str, place: &str) -> Result<Vec<u8>, Unusable> {
    std::fs::read(path).map_err(|error| {
        let (path, error) = (path.display(), Errno(&error));
        Unusable(format!("{what} \"{path}\": BIO_new_file() failed ({error}){place}: {READABLE}"))
    })
}

const READABLE: &str = "check the path, and that this user may read it";

fn unread(error: &io::Error) -> String {
    format!("{}: {READABLE}", Errno(error))
}

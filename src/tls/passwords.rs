//! Keys that a password guards, in the two forms that OpenSSL writes: PKCS#8 with PBES2 (RFC 8018), and the older one whose
//! head says how it is encrypted.

use std::num::NonZeroU32;

use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use aes::{Aes128, Aes192, Aes256};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};
use ring::pbkdf2;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::certificate::{OBJECT, SEQUENCE, expect};
use crate::limits::TLS_KEY_ROUNDS_MAX;

const PKCS8: &str = "ENCRYPTED PRIVATE KEY";
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const BLOCK_BYTES: usize = 16;

const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
const HMAC_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 7];
const HMAC_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9];
const HMAC_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 11];
/// Of `aes-128-cbc`, `aes-192-cbc` and `aes-256-cbc`, less the last byte.
const AES: &[u8] = &[0x60, 0x86, 0x48, 1, 101, 3, 4, 1];

/// An encrypted key.
pub struct Guarded<'t> {
    label: &'t str,
    /// How it is encrypted, where the head says so.
    method: Option<&'t str>,
    bytes: Vec<u8>,
}

impl<'t> Guarded<'t> {
    /// The first encrypted key of a file; `None` if there is none.
    #[must_use]
    pub fn find(text: &'t str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            let Some(label) = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")) else {
                continue;
            };
            let mut method = None;
            let mut body = String::new();
            for line in lines.by_ref().take_while(|line| !line.starts_with("-----END ")) {
                match line.split_once(':') {
                    Some(("DEK-Info", value)) => method = Some(value.trim()),
                    Some(_) => {}
                    None => body.push_str(line),
                }
            }
            if label == PKCS8 || (method.is_some() && label.ends_with(" PRIVATE KEY")) {
                return Some(Self { label, method, bytes: BASE64_STANDARD.decode(body).ok()? });
            }
        }
        None
    }

    /// The key; `None` if the password is another, or the way it is encrypted is not known.
    #[must_use]
    pub fn open(&self, password: &[u8]) -> Option<PrivateKeyDer<'static>> {
        let Some(method) = self.method else { return self.open_pkcs8(password) };
        let (cipher, vector) = method.split_once(',')?;
        let key_bytes = match cipher {
            "AES-128-CBC" => 16,
            "AES-192-CBC" => 24,
            "AES-256-CBC" => 32,
            _ => return None,
        };
        let vector: Vec<u8> = vector.as_bytes().chunks(2).map(byte).collect::<Option<_>>()?;
        let plain = decrypt(&digested(password, vector.get(..8)?, key_bytes), &vector, &self.bytes)?;
        // A wrong password may by chance give an end that fits: a key is a sequence.
        expect(&plain, SEQUENCE)?;
        match self.label {
            "RSA PRIVATE KEY" => Some(PrivatePkcs1KeyDer::from(plain).into()),
            "EC PRIVATE KEY" => Some(PrivateSec1KeyDer::from(plain).into()),
            _ => None,
        }
    }

    fn open_pkcs8(&self, password: &[u8]) -> Option<PrivateKeyDer<'static>> {
        let (whole, _) = expect(&self.bytes, SEQUENCE)?;
        let (method, rest) = expect(whole, SEQUENCE)?;
        let (sealed, _) = expect(rest, OCTETS)?;
        let (kind, rest) = expect(method, OBJECT)?;
        let (parameters, _) = expect(rest, SEQUENCE).filter(|_| kind == PBES2)?;
        let (derivation, rest) = expect(parameters, SEQUENCE)?;
        let (cipher, _) = expect(rest, SEQUENCE)?;
        let (kind, rest) = expect(cipher, OBJECT)?;
        let (vector, _) = expect(rest, OCTETS)?;
        let key_bytes = match kind.split_last().filter(|(_, begin)| *begin == AES)?.0 {
            2 => 16,
            22 => 24,
            42 => 32,
            _ => return None,
        };
        let plain = decrypt(&derived(derivation, password, key_bytes)?, vector, sealed)?;
        expect(&plain, SEQUENCE)?;
        Some(PrivatePkcs8KeyDer::from(plain).into())
    }
}

fn byte(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// PBKDF2 with the parameters of a key.
fn derived(method: &[u8], password: &[u8], key_bytes: usize) -> Option<Vec<u8>> {
    let (kind, rest) = expect(method, OBJECT)?;
    let (parameters, _) = expect(rest, SEQUENCE).filter(|_| kind == PBKDF2)?;
    let (salt, rest) = expect(parameters, OCTETS)?;
    let (rounds, mut rest) = expect(rest, INTEGER)?;
    let rounds = rounds.iter().try_fold(0u32, |sum, digit| sum.checked_mul(256)?.checked_add(u32::from(*digit)))?;
    let rounds = NonZeroU32::new(rounds).filter(|rounds| rounds.get() <= TLS_KEY_ROUNDS_MAX)?;
    if let Some((_, after)) = expect(rest, INTEGER) {
        rest = after;
    }
    let algorithm = match expect(rest, SEQUENCE).and_then(|(function, _)| expect(function, OBJECT)) {
        None => pbkdf2::PBKDF2_HMAC_SHA1,
        Some((HMAC_SHA1, _)) => pbkdf2::PBKDF2_HMAC_SHA1,
        Some((HMAC_SHA256, _)) => pbkdf2::PBKDF2_HMAC_SHA256,
        Some((HMAC_SHA512, _)) => pbkdf2::PBKDF2_HMAC_SHA512,
        Some(_) => return None,
    };
    let mut key = vec![0; key_bytes];
    pbkdf2::derive(algorithm, rounds, salt, password, &mut key);
    Some(key)
}

/// OpenSSL's older way from a password to a key: MD5, once for each 16 bytes.
fn digested(password: &[u8], salt: &[u8], key_bytes: usize) -> Vec<u8> {
    let mut key: Vec<u8> = Vec::new();
    let mut last: Vec<u8> = Vec::new();
    while key.len() < key_bytes {
        last = Md5::digest([&last, password, salt].concat()).to_vec();
        key.extend_from_slice(&last);
    }
    key.truncate(key_bytes);
    key
}

fn decrypt(key: &[u8], vector: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    // What goes before is the form of a block, not the password.
    if vector.len() != BLOCK_BYTES || sealed.is_empty() {
        return None;
    }
    match key.len() {
        16 => cbc::Decryptor::<Aes128>::new_from_slices(key, vector).ok()?.decrypt_padded_vec::<Pkcs7>(sealed).ok(),
        24 => cbc::Decryptor::<Aes192>::new_from_slices(key, vector).ok()?.decrypt_padded_vec::<Pkcs7>(sealed).ok(),
        _ => cbc::Decryptor::<Aes256>::new_from_slices(key, vector).ok()?.decrypt_padded_vec::<Pkcs7>(sealed).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `openssl genrsa -aes128` and `openssl genrsa -aes256 -traditional`, both with `secret`.
    const NEW: &str = include_str!("testdata/pkcs8.key");
    const OLD: &str = include_str!("testdata/traditional.key");

    #[test]
    fn keys_of_both_forms_open_by_their_password_alone() {
        for text in [NEW, OLD] {
            let guarded = Guarded::find(text).unwrap();
            assert!(guarded.open(b"other").is_none() && guarded.open(b"").is_none());
            let key = guarded.open(b"secret").unwrap();
            super::super::provider::default().key_provider.load_private_key(key).unwrap();
        }
    }

    #[test]
    fn what_is_no_encrypted_key_is_none() {
        for text in
            ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN X", "-----BEGIN "]
        {
            assert!(Guarded::find(text).is_none(), "{text}");
        }
        // Cut anywhere it opens nothing, and harms nobody.
        let bytes = Guarded::find(NEW).unwrap().bytes;
        for end in (0..bytes.len()).step_by(11) {
            let cut = Guarded { label: PKCS8, method: None, bytes: bytes[..end].to_vec() };
            assert!(cut.open(b"secret").is_none());
        }
    }
}

//! MD5-crypt, which `htpasswd` writes as `$apr1$` and old systems as `$1$`: the same steps with another word in them.
//!
//! Weak by today's measure; read because password files of that age are still in use.

use md5::{Digest, Md5};

/// Salt of the scheme: what stands behind it is not read.
const SALT_BYTES_MAX: usize = 8;

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The 22 characters behind the salt. `magic` is `$apr1$` or `$1$`.
#[must_use]
pub fn hash(magic: &str, salt: &[u8], password: &[u8]) -> String {
    let salt = &salt[..salt.len().min(SALT_BYTES_MAX)];
    let mut digest = first(magic, salt, password);
    for round in 0..1000 {
        let mut md5 = Md5::new();
        let is_odd = round % 2 == 1;
        md5.update(if is_odd { password } else { &digest });
        if round % 3 != 0 {
            md5.update(salt);
        }
        if round % 7 != 0 {
            md5.update(password);
        }
        md5.update(if is_odd { &digest } else { password });
        digest = md5.finalize().into();
    }
    encode(&digest)
}

fn first(magic: &str, salt: &[u8], password: &[u8]) -> [u8; 16] {
    let mut twice = Md5::new();
    twice.update(password);
    twice.update(salt);
    twice.update(password);
    let twice: [u8; 16] = twice.finalize().into();
    let mut md5 = Md5::new();
    md5.update(password);
    md5.update(magic.as_bytes());
    md5.update(salt);
    for piece in password.chunks(twice.len()) {
        md5.update(&twice[..piece.len()]);
    }
    let mut bits = password.len();
    while bits > 0 {
        // An oddity of the original that every implementation repeats.
        md5.update(if bits & 1 == 1 { &[0] } else { &password[..1] });
        bits >>= 1;
    }
    md5.finalize().into()
}

fn encode(digest: &[u8; 16]) -> String {
    let mut out = String::with_capacity(22);
    let mut put = |value: u32, count: u32| {
        out.extend((0..count).map(|at| char::from(ALPHABET[(value >> (6 * at) & 63) as usize])));
    };
    for at in 0..5 {
        let last = if at == 4 { 5 } else { at + 12 };
        let bytes = [0, digest[at], digest[at + 6], digest[last]];
        put(u32::from_be_bytes(bytes), 4);
    }
    put(u32::from(digest[11]), 2);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_openssl() {
        // openssl passwd -apr1 -salt ABCDEFGH myPassword, and so on.
        assert_eq!(hash("$apr1$", b"ABCDEFGH", b"myPassword"), "FZX46StBkyF.iGMsjNtLB0");
        assert_eq!(hash("$apr1$", b"12345678", b"a password longer than sixteen"), "PGnhyIGJHV.Ta4w4XZQw30");
        assert_eq!(hash("$1$", b"salt", b"password"), "qJH7.N4xYta3aEG/dfqo/0");
    }
}

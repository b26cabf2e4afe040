//! Files of names and passwords as `htpasswd` writes them. Pure: bytes in, a verdict out.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha_crypt::password_hash::PasswordVerifier;
use sha_crypt::{PasswordHashRef, ShaCrypt};
use sha1::{Digest, Sha1};

use super::md5_crypt;

/// What a password is compared with says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Right,
    Wrong,
    /// What stands in the file is of no known form.
    Unreadable,
}

/// What stands behind a name in a file: `name:password` or `name:password:comment`, a line each, `#` before remarks.
#[must_use]
pub fn stored<'f>(file: &'f [u8], name: &[u8]) -> Option<&'f [u8]> {
    file.split(|byte| *byte == b'\n').find_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"#") {
            return None;
        }
        let rest = line.strip_prefix(name)?.strip_prefix(b":")?;
        rest.split(|byte| *byte == b':').next()
    })
}

/// Whether comparing takes so long that a shard's other connections would notice.
#[must_use]
pub fn is_slow(stored: &[u8]) -> bool {
    stored.starts_with(b"$")
}

/// Compares a password with what is stored.
#[must_use]
pub fn verify(stored: &[u8], password: &[u8]) -> Verdict {
    let Ok(stored) = std::str::from_utf8(stored) else { return Verdict::Unreadable };
    if let Some(plain) = stored.strip_prefix("{PLAIN}") {
        return verdict(is_same(plain.as_bytes(), password));
    }
    if let Some(encoded) = stored.strip_prefix("{SHA}") {
        return salted_sha1(encoded, password, false);
    }
    if let Some(encoded) = stored.strip_prefix("{SSHA}") {
        return salted_sha1(encoded, password, true);
    }
    for magic in ["$apr1$", "$1$"] {
        if let Some(rest) = stored.strip_prefix(magic) {
            let Some((salt, expected)) = rest.split_once('$') else { return Verdict::Unreadable };
            let found = md5_crypt::hash(magic, salt.as_bytes(), password);
            return verdict(is_same(expected.as_bytes(), found.as_bytes()));
        }
    }
    match stored.get(..3) {
        Some("$5$" | "$6$") => match PasswordHashRef::new(stored) {
            Ok(hash) => verdict(ShaCrypt::default().verify_password(password, hash).is_ok()),
            Err(_) => Verdict::Unreadable,
        },
        Some("$2a" | "$2b" | "$2x" | "$2y") => bcrypt::verify(password, stored).map_or(Verdict::Unreadable, verdict),
        _ => Verdict::Unreadable,
    }
}

fn verdict(is_right: bool) -> Verdict {
    if is_right { Verdict::Right } else { Verdict::Wrong }
}

/// The digest, in base64, and with a salt what it was made with behind it.
fn salted_sha1(encoded: &str, password: &[u8], has_salt: bool) -> Verdict {
    let Ok(bytes) = BASE64_STANDARD.decode(encoded) else { return Verdict::Unreadable };
    let Some((digest, salt)) = bytes.split_at_checked(20) else { return Verdict::Unreadable };
    if !has_salt && !salt.is_empty() {
        return Verdict::Unreadable;
    }
    let mut sha1 = Sha1::new();
    sha1.update(password);
    sha1.update(salt);
    verdict(is_same(digest, &sha1.finalize()))
}

/// Compares without telling by its time where the first difference is.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_its_whole_line() {
        let file = b"# anna:no\nanna:one\r\nan:two:a comment\n:empty\nbert:\nlast:three";
        let of = |name: &str| stored(file, name.as_bytes()).map(|found| String::from_utf8(found.to_vec()).unwrap());
        assert_eq!(of("anna").as_deref(), Some("one"));
        assert_eq!(of("an").as_deref(), Some("two"));
        assert_eq!(of("bert").as_deref(), Some(""));
        assert_eq!(of("last").as_deref(), Some("three"));
        assert_eq!(of("ann"), None);
        assert_eq!(of("# anna"), None);
    }

    #[test]
    fn every_form_tells_right_from_wrong() {
        // Made with openssl passwd, crypt(3) and slappasswd's recipe.
        let forms = [
            ("{PLAIN}Hello", "Hello"),
            ("{SHA}9/+ei3uy4Jtwk1pdeF4MxdnQq/A=", "Hello"),
            ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", "password"),
            ("$apr1$ABCDEFGH$FZX46StBkyF.iGMsjNtLB0", "myPassword"),
            ("$5$saltstring$jfZe1.O5rA9aUKHLYLEqMjNCNYEqmZMJ.KAMmcgZPz5", "Hello"),
            (
                "$6$saltstring$aQzKv7HhksN4CNT5HySRdxOEHxZvlWWP2je/lOgbrHx5iLYj3NJfVnC287n/dwkODYWL1.LZUdO9vX84fkCna/",
                "Hello",
            ),
            ("$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", "secret"),
        ];
        for (stored, password) in forms {
            assert_eq!(verify(stored.as_bytes(), password.as_bytes()), Verdict::Right, "{stored}");
            assert_eq!(verify(stored.as_bytes(), b"other"), Verdict::Wrong, "{stored}");
            assert_eq!(verify(stored.as_bytes(), b""), Verdict::Wrong, "{stored}");
        }
    }

    #[test]
    fn a_salted_digest_uses_what_stands_behind_it() {
        let mut sha1 = Sha1::new();
        sha1.update(b"secretsalt");
        let mut bytes = sha1.finalize().to_vec();
        bytes.extend_from_slice(b"salt");
        let stored = format!("{{SSHA}}{}", BASE64_STANDARD.encode(bytes));
        assert_eq!(verify(stored.as_bytes(), b"secret"), Verdict::Right);
        assert_eq!(verify(stored.as_bytes(), b"secrets"), Verdict::Wrong);
    }

    #[test]
    fn other_forms_let_nobody_in() {
        for stored in ["", "plain", "{SHA}", "{SSHA}AAAA", "$5$", "$2y$99$x", "$apr1$x", "$y$j9T$x", "rqXexS6ZhobKA"] {
            assert_ne!(verify(stored.as_bytes(), stored.as_bytes()), Verdict::Right, "{stored}");
            assert_eq!(verify(stored.as_bytes(), b""), Verdict::Unreadable, "{stored}");
        }
    }
}

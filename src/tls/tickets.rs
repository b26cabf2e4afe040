//! Tickets: what a client keeps to shorten its next handshake, sealed so that it can neither read nor change it. All
//! that has to be remembered of a handshake is in there, so the process keeps a key and no list.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;

use super::files::Unusable;
use crate::sys::errno::Errno;

const NAME_BYTES: usize = 16;
/// What is sealed is a multiple of this: its length tells nothing of the name in it.
const PADDED_BYTES: usize = 128;

/// One key, with the name by which a ticket finds it.
struct Key {
    name: [u8; NAME_BYTES],
    key: LessSafeKey,
}

impl Key {
    fn new(name: [u8; NAME_BYTES], secret: &[u8]) -> Result<Self, Unusable> {
        let key = UnboundKey::new(&AES_256_GCM, digest(&SHA256, secret).as_ref());
        let key = key.map_err(|_| Unusable("a key for tickets cannot be made".to_owned()))?;
        Ok(Self { name, key: LessSafeKey::new(key) })
    }

    fn random() -> Result<Self, Unusable> {
        let (mut name, mut secret) = ([0; NAME_BYTES], [0; 32]);
        let random = SystemRandom::new();
        let filled = random.fill(&mut name).and_then(|()| random.fill(&mut secret));
        filled.map_err(|_| Unusable("getrandom() failed: no key for tickets can be made".to_owned()))?;
        Self::new(name, &secret)
    }

    /// A file of `ssl_session_ticket_key`: a name, then a secret.
    fn read(path: &Path) -> Result<Self, Unusable> {
        let shown = path.display();
        let bytes = std::fs::read(path)
            .map_err(|error| Unusable(format!("open() \"{shown}\" failed ({}): check the path", Errno(&error))))?;
        let name = bytes.first_chunk().copied().filter(|_| matches!(bytes.len(), 48 | 80));
        match name {
            Some(name) => Self::new(name, &bytes[NAME_BYTES..]),
            None => {
                let text = format!("\"{shown}\" must be 48 or 80 bytes: make one by `openssl rand 80 > FILE`");
                Err(Unusable(text))
            }
        }
    }

    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(self.name), &mut sealed)
            .ok()?;
        Some([&self.name[..], &nonce, &sealed].concat())
    }

    fn open(&self, nonce: [u8; NONCE_LEN], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = self.key.open_in_place(nonce, Aad::from(self.name), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

/// The keys of a server, the one that seals first.
struct Keys {
    keys: Vec<Key>,
    /// When the first was made, where keys are replaced.
    since: Option<u64>,
}

/// The tickets of a server. They are good for `ssl_session_timeout`; keys that no file gives are replaced as often, and one
/// before is kept to open what it has sealed.
pub struct Tickets {
    keys: Mutex<Keys>,
    timeout_seconds: u64,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("timeout_seconds", &self.timeout_seconds).finish()
    }
}

impl Tickets {
    /// With the keys of files, or keys of its own.
    ///
    /// # Errors
    /// A file cannot be used.
    pub fn new(files: &[std::path::PathBuf], timeout: Duration) -> Result<Self, Unusable> {
        let keys = files.iter().map(|path| Key::read(path)).collect::<Result<Vec<_>, _>>()?;
        let keys = match keys.is_empty() {
            true => Keys { keys: vec![Key::random()?], since: Some(now()) },
            false => Keys { keys, since: None },
        };
        Ok(Self { keys: Mutex::new(keys), timeout_seconds: timeout.as_secs() })
    }

    fn seal(&self, plain: &[u8], now: u64) -> Option<Vec<u8>> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.since.is_some_and(|since| now.saturating_sub(since) > self.timeout_seconds)
            && let Ok(key) = Key::random()
        {
            keys.keys.insert(0, key);
            keys.keys.truncate(2);
            keys.since = Some(now);
        }
        let length = u16::try_from(plain.len()).ok()?;
        let mut padded = [&now.to_be_bytes()[..], &length.to_be_bytes(), plain].concat();
        padded.resize(padded.len().next_multiple_of(PADDED_BYTES), 0);
        keys.keys.first()?.seal(&padded)
    }

    fn open(&self, ticket: &[u8], now: u64) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let padded = keys.keys.iter().find(|key| key.name == *name)?.open(*nonce, sealed)?;
        let (made, rest) = padded.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let plain = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        (now.saturating_sub(u64::from_be_bytes(*made)) <= self.timeout_seconds).then(|| plain.to_vec())
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(self.timeout_seconds).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain, now())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(ticket, now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_for_its_time_and_its_key_for_one_time_more() {
        let tickets = Tickets::new(&[], Duration::from_secs(100)).unwrap();
        let begin = now();
        let ticket = tickets.seal(b"secret", begin).unwrap();
        assert!(!ticket.windows(6).any(|bytes| bytes == b"secret"));
        assert_eq!(tickets.open(&ticket, begin + 100).as_deref(), Some(&b"secret"[..]));
        assert_eq!(tickets.open(&ticket, begin + 101), None);
        let later = tickets.seal(b"other", begin + 150).unwrap();
        assert_ne!(ticket[..NAME_BYTES], later[..NAME_BYTES], "the key is another");
        // Of the key before, but its time is not over.
        let other = tickets.seal(b"third", begin + 300).unwrap();
        assert_eq!(tickets.open(&later, begin + 250).as_deref(), Some(&b"other"[..]));
        assert_eq!(tickets.open(&other, begin + 300).as_deref(), Some(&b"third"[..]));
        let mut changed = other.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(tickets.open(&changed, begin + 300), None);
        assert_eq!(tickets.open(&other[..20], begin + 300), None);
    }

    #[test]
    fn servers_with_the_same_file_open_each_other_s_tickets() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let (old, new) = (file("old", &[1; 48]), file("new", &[2; 80]));
        let of = |files: &[std::path::PathBuf]| Tickets::new(files, Duration::from_secs(100)).unwrap();
        let ticket = of(std::slice::from_ref(&old)).encrypt(b"x").unwrap();
        assert_eq!(of(&[new.clone(), old]).decrypt(&ticket).as_deref(), Some(&b"x"[..]));
        assert_eq!(of(&[new]).decrypt(&ticket), None);
        let told = Tickets::new(&[file("short", &[0; 47])], Duration::ZERO).unwrap_err();
        assert!(told.0.contains("must be 48 or 80 bytes"), "{}", told.0);
        assert!(Tickets::new(&[folder.path().join("none")], Duration::ZERO).unwrap_err().0.contains("No such file"));
    }
}

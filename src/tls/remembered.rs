//! Handshakes that are remembered here, for clients that keep no tickets: `ssl_session_cache`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, StoresServerSessions};

use super::tickets::now;
use crate::limits::TLS_REMEMBERED_BYTES_MAX;

/// Up to so many of them, each for `ssl_session_timeout`.
#[must_use]
pub fn handshakes(count_max: usize, timeout: Duration) -> Arc<dyn StoresServerSessions> {
    match count_max {
        0 => Arc::new(NoServerSessionStorage {}),
        count => {
            Arc::new(Remembered { known: ServerSessionMemoryCache::new(count), timeout_seconds: timeout.as_secs() })
        }
    }
}

struct Remembered {
    /// Each begins with the second in which it was made.
    known: Arc<ServerSessionMemoryCache>,
    timeout_seconds: u64,
}

impl Remembered {
    fn put_at(&self, key: Vec<u8>, value: &[u8], now: u64) -> bool {
        // What a client shows is in there, whether anybody trusts it or not.
        value.len() <= TLS_REMEMBERED_BYTES_MAX && self.known.put(key, [&now.to_be_bytes()[..], value].concat())
    }

    fn good_at(&self, known: &[u8], now: u64) -> Option<Vec<u8>> {
        let (made, value) = known.split_first_chunk()?;
        (now.saturating_sub(u64::from_be_bytes(*made)) <= self.timeout_seconds).then(|| value.to_vec())
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").field("timeout_seconds", &self.timeout_seconds).finish()
    }
}

impl StoresServerSessions for Remembered {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.put_at(key, &value, now())
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.good_at(&self.known.get(key)?, now())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.good_at(&self.known.take(key)?, now())
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered() -> Remembered {
        Remembered { known: ServerSessionMemoryCache::new(8), timeout_seconds: 100 }
    }

    #[test]
    fn a_handshake_is_remembered_for_its_time() {
        let remembered = remembered();
        assert!(remembered.put_at(b"key".to_vec(), b"value", 1000));
        let known = remembered.known.get(b"key").unwrap();
        assert_eq!(remembered.good_at(&known, 1100).as_deref(), Some(&b"value"[..]));
        assert_eq!(remembered.good_at(&known, 1101), None);
        assert_eq!(remembered.get(b"key"), None, "long ago");
        assert!(remembered.put(b"key".to_vec(), b"new".to_vec()));
        assert_eq!(remembered.get(b"key").as_deref(), Some(&b"new"[..]));
        assert_eq!(remembered.take(b"key").as_deref(), Some(&b"new"[..]));
        assert_eq!(remembered.take(b"key"), None);
    }

    #[test]
    fn a_large_one_is_not() {
        let remembered = remembered();
        assert!(remembered.put(b"a".to_vec(), vec![0; TLS_REMEMBERED_BYTES_MAX]));
        assert!(!remembered.put(b"b".to_vec(), vec![0; TLS_REMEMBERED_BYTES_MAX + 1]));
        assert_eq!(remembered.get(b"b"), None);
    }
}

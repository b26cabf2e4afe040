//! Keys with what is known of them, in the order of their last use: where memory ends, the oldest goes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::limits::ZONE_ENTRY_BYTES;

/// No place in the list.
const NONE: u32 = u32::MAX;

/// At most so many bytes of keys.
pub struct Lru<T> {
    places: HashMap<Arc<[u8]>, u32>,
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    bytes: usize,
    bytes_max: usize,
}

struct Entry<T> {
    key: Arc<[u8]>,
    value: T,
    newer: u32,
    older: u32,
}

impl<T> Lru<T> {
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let (newest, oldest) = (NONE, NONE);
        Self { places: HashMap::new(), entries: Vec::new(), free: Vec::new(), newest, oldest, bytes: 0, bytes_max }
    }

    /// What is known of a key; its use is not counted.
    #[must_use]
    pub fn peek(&self, key: &[u8]) -> Option<&T> {
        self.places.get(key).map(|at| &self.entries[*at as usize].value)
    }

    /// What is known of a key, or `value` if that is nothing; the key is the newest now. `None` when it is larger than
    /// all memory.
    pub fn touch(&mut self, key: &[u8], value: impl FnOnce() -> T) -> Option<&mut T> {
        let at = match self.places.get(key) {
            Some(at) => {
                let at = *at;
                self.unlink(at);
                at
            }
            None => self.add(key, value())?,
        };
        self.link_newest(at);
        Some(&mut self.entries[at as usize].value)
    }

    fn add(&mut self, key: &[u8], value: T) -> Option<u32> {
        let cost = cost(key);
        if cost > self.bytes_max {
            return None;
        }
        while self.bytes + cost > self.bytes_max {
            self.remove_oldest();
        }
        let key: Arc<[u8]> = key.into();
        let entry = Entry { key: Arc::clone(&key), value, newer: NONE, older: NONE };
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = entry;
                at
            }
            None => {
                let at = u32::try_from(self.entries.len()).ok().filter(|at| *at != NONE)?;
                self.entries.push(entry);
                at
            }
        };
        self.bytes += cost;
        self.places.insert(key, at);
        Some(at)
    }

    fn remove_oldest(&mut self) {
        let at = self.oldest;
        self.unlink(at);
        let key = Arc::clone(&self.entries[at as usize].key);
        self.places.remove(&key);
        self.bytes -= cost(&key);
        self.free.push(at);
    }

    fn unlink(&mut self, at: u32) {
        let Entry { newer, older, .. } = self.entries[at as usize];
        match newer {
            NONE => self.newest = older,
            newer => self.entries[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
    }

    fn link_newest(&mut self, at: u32) {
        let older = self.newest;
        let entry = &mut self.entries[at as usize];
        (entry.newer, entry.older) = (NONE, older);
        match older {
            NONE => self.oldest = at,
            older => self.entries[older as usize].newer = at,
        }
        self.newest = at;
    }
}

fn cost(key: &[u8]) -> usize {
    ZONE_ENTRY_BYTES + key.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// It knows the last keys used, and no more than fit.
        #[test]
        fn agrees_with_a_list(keys in proptest::collection::vec(0u8..12, 0..200)) {
            let room = 5;
            let mut lru = Lru::new(room * (ZONE_ENTRY_BYTES + 1));
            let mut list: Vec<(u8, u32)> = Vec::new();
            for key in keys {
                let count = list.iter().position(|(known, _)| *known == key).map_or(0, |at| list.remove(at).1);
                list.push((key, count + 1));
                if list.len() > room {
                    list.remove(0);
                }
                *lru.touch(&[key], || 0).unwrap() += 1;
                for key in 0..12 {
                    let expected = list.iter().find(|(known, _)| *known == key).map(|(_, count)| *count);
                    prop_assert_eq!(lru.peek(&[key]).copied(), expected);
                }
            }
        }
    }

    #[test]
    fn a_key_larger_than_all_memory_is_not_kept() {
        let mut lru = Lru::new(ZONE_ENTRY_BYTES + 1);
        assert!(lru.touch(b"ab", || 0).is_none());
        assert!(lru.touch(b"a", || 0).is_some());
    }
}

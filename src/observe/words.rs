//! Texts that many tunnels have in common, each kept once: `User-Agent` is half of an access log line and has a few
//! hundred values among a million clients.
//!
//! Of one shard, counted by hand: a number of four bytes is all that a tunnel keeps.

use std::collections::HashMap;
use std::rc::Rc;

use crate::limits::{SHARED_WORD_BYTES_MIN, SHARED_WORDS_MAX};
use crate::model::Variable;

/// The texts in use.
#[derive(Debug, Default)]
pub struct Words {
    numbers: HashMap<Rc<[u8]>, u32>,
    entries: Vec<Entry>,
    /// Numbers of entries without users.
    free: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    text: Rc<[u8]>,
    user_count: u32,
}

/// Whether values of a variable are the same for many clients.
#[must_use]
pub fn is_shared(variable: &Variable) -> bool {
    const FIELDS: [&[u8]; 8] = [
        b"accept_language",
        b"host",
        b"origin",
        b"referer",
        b"sec_websocket_extensions",
        b"sec_websocket_protocol",
        b"user_agent",
        b"via",
    ];
    match variable {
        Variable::Http(name) => FIELDS.contains(&&**name),
        Variable::Host | Variable::ServerName | Variable::UpstreamAddr | Variable::ProxyHost => true,
        // All others are of one client or one request, or too short to be worth it.
        _ => false,
    }
}

impl Words {
    /// One more user of a text; `None` if it is too short, or there are too many others.
    pub fn keep(&mut self, text: &[u8]) -> Option<u32> {
        if text.len() < SHARED_WORD_BYTES_MIN {
            return None;
        }
        if let Some(number) = self.numbers.get(text).copied() {
            self.entries[number as usize].user_count += 1;
            return Some(number);
        }
        if self.numbers.len() >= SHARED_WORDS_MAX {
            return None;
        }
        let text: Rc<[u8]> = text.into();
        let entry = Entry { text: Rc::clone(&text), user_count: 1 };
        let number = match self.free.pop() {
            Some(number) => {
                self.entries[number as usize] = entry;
                number
            }
            None => {
                self.entries.push(entry);
                // Bounded by SHARED_WORDS_MAX.
                self.entries.len() as u32 - 1
            }
        };
        self.numbers.insert(text, number);
        Some(number)
    }

    /// One user less. The text, as long as it is wanted.
    pub fn give_back(&mut self, number: u32) -> Option<Rc<[u8]>> {
        let entry = self.entries.get_mut(number as usize)?;
        let text = Rc::clone(&entry.text);
        entry.user_count = entry.user_count.saturating_sub(1);
        if entry.user_count == 0 && self.numbers.remove(&text).is_some() {
            entry.text = Rc::default();
            self.free.push(number);
        }
        Some(text)
    }

    /// Texts in use.
    #[must_use]
    pub fn count(&self) -> usize {
        self.numbers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: &[u8] = b"Mozilla/5.0 (X11; Linux x86_64)";

    #[test]
    fn a_text_is_kept_once_and_for_as_long_as_somebody_uses_it() {
        let mut words = Words::default();
        let number = words.keep(AGENT).unwrap();
        assert_eq!((words.keep(AGENT), words.count()), (Some(number), 1));
        assert_eq!(words.give_back(number).as_deref(), Some(AGENT));
        assert_eq!(words.give_back(number).as_deref(), Some(AGENT));
        assert_eq!(words.count(), 0);
        assert_eq!(words.keep(b"another text of some length"), Some(number));
        assert_eq!(words.give_back(7), None);
    }

    #[test]
    fn short_texts_and_too_many_are_not_kept() {
        let mut words = Words::default();
        assert_eq!(words.keep(b"curl/8.0"), None);
        let kept = (0..SHARED_WORDS_MAX + 5).filter_map(|n| words.keep(format!("text number {n:>20}").as_bytes()));
        assert_eq!(kept.count(), SHARED_WORDS_MAX);
    }
}

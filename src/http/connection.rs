//! What the `Connection` fields of a message say (RFC 9110 7.6.1), read once.

use super::token;

/// The options that are known, and whether there are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    pub close: bool,
    pub keep_alive: bool,
    pub upgrade: bool,
    /// Names of fields that are for the next hop alone.
    pub has_names: bool,
}

impl Options {
    /// Adds what one more field says.
    pub fn add(&mut self, list: &[u8]) {
        if let Some(option) = self.option(list) {
            *option = true;
            return;
        }
        for element in token::elements(list) {
            match self.option(element) {
                Some(option) => *option = true,
                None => self.has_names = true,
            }
        }
    }

    fn option(&mut self, element: &[u8]) -> Option<&mut bool> {
        let (known, option): (&[u8], _) = match element.len() {
            5 => (b"close", &mut self.close),
            7 => (b"upgrade", &mut self.upgrade),
            10 => (b"keep-alive", &mut self.keep_alive),
            _ => return None,
        };
        token::is_same(known, element).then_some(option)
    }
}

/// Whether an element names a known option, and thereby no field.
#[must_use]
pub fn is_option(element: &[u8]) -> bool {
    Options::default().option(element).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lists: &[&str]) -> Options {
        let mut options = Options::default();
        for list in lists {
            options.add(list.as_bytes());
        }
        options
    }

    #[test]
    fn options_are_whole_elements_of_any_field() {
        assert_eq!(of(&[""]), Options::default());
        assert_eq!(of(&["Close"]), Options { close: true, ..Options::default() });
        let both = Options { keep_alive: true, upgrade: true, ..Options::default() };
        assert_eq!(of(&["keep-alive, Upgrade"]), both);
        assert_eq!(of(&["KEEP-ALIVE", " ,upgrade,"]), both);
        assert_eq!(of(&["clos", "\"close\""]), Options { has_names: true, ..Options::default() });
        assert_eq!(of(&["X-Mine , close"]), Options { close: true, has_names: true, ..Options::default() });
    }
}

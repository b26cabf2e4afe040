//! System errors in the form that nginx writes them.

use std::fmt;
use std::io;

/// `98: Address already in use`.
pub struct Errno<'e>(pub &'e io::Error);

impl fmt::Display for Errno<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.raw_os_error() {
            Some(number) => {
                let text = self.0.to_string();
                write!(f, "{number}: {}", text.split(" (os error").next().unwrap_or_default())
            }
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_before_the_words() {
        assert_eq!(Errno(&io::Error::from_raw_os_error(98)).to_string(), "98: Address already in use");
        assert_eq!(Errno(&io::Error::other("closed")).to_string(), "closed");
    }
}

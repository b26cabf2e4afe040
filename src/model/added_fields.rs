//! Fields that the configuration adds to answers: `add_header`, `add_trailer` and `expires`.

use std::sync::Arc;

use super::{Template, quantity};

/// What is added in one location.
#[derive(Debug, Clone, Default)]
pub struct AddedFields {
    /// `add_header` lines in order.
    pub headers: Arc<[AddHeader]>,
    /// `add_trailer` lines in order.
    pub trailers: Arc<[AddHeader]>,
    pub expires: Expires,
}

/// `add_header` and `add_trailer`.
#[derive(Debug, Clone)]
pub struct AddHeader {
    pub name: Box<[u8]>,
    pub value: Template,
    /// Also on answers other than 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308.
    pub always: bool,
}

/// `expires`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Expires {
    #[default]
    Off,
    At(Expiry),
    /// With variables: [`Expiry::parse`] reads what they make.
    Evaluated {
        after_change: bool,
        value: Template,
    },
}

/// When an answer grows old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// `epoch`: it is old already.
    Epoch,
    /// `max`: never, as far as caches believe it.
    Max,
    /// Seconds after the request; negative ones forbid caching.
    AfterAccess(i64),
    /// `modified`: seconds after the last change of the content.
    AfterChange(i64),
    /// `@TIME`: the next time the clock of the place shows so many seconds since midnight.
    Daily(u32),
}

/// Why a value of `expires` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryError {
    Value,
    DailyAfterChange,
    DailyTooLong,
}

impl ExpiryError {
    /// nginx's words.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Value => "invalid value",
            Self::DailyAfterChange => "daily time cannot be used with \"modified\" parameter",
            Self::DailyTooLong => "daily time value must be less than 24 hours",
        }
    }
}

impl Expiry {
    /// Reads a value; `None` is `off`. `after_change` is the parameter `modified`, which goes with times alone.
    ///
    /// # Errors
    /// It is neither a word nor a time.
    pub fn parse(text: &str, after_change: bool) -> Result<Option<Self>, ExpiryError> {
        match text {
            "epoch" if !after_change => return Ok(Some(Self::Epoch)),
            "max" if !after_change => return Ok(Some(Self::Max)),
            "off" if !after_change => return Ok(None),
            _ => {}
        }
        if let Some(time) = text.strip_prefix('@') {
            if after_change {
                return Err(ExpiryError::DailyAfterChange);
            }
            let seconds = u32::try_from(seconds(time)?).map_err(|_| ExpiryError::DailyTooLong)?;
            return if seconds > 86_400 { Err(ExpiryError::DailyTooLong) } else { Ok(Some(Self::Daily(seconds))) };
        }
        let seconds = match text.strip_prefix('-') {
            Some(time) => -seconds(time)?,
            None => seconds(text.strip_prefix('+').unwrap_or(text))?,
        };
        Ok(Some(if after_change { Self::AfterChange(seconds) } else { Self::AfterAccess(seconds) }))
    }
}

fn seconds(text: &str) -> Result<i64, ExpiryError> {
    let time = quantity::time_seconds(text).ok_or(ExpiryError::Value)?;
    i64::try_from(time.as_secs()).map_err(|_| ExpiryError::Value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_times_are_read() {
        for (text, expiry) in [
            ("epoch", Some(Expiry::Epoch)),
            ("max", Some(Expiry::Max)),
            ("off", None),
            ("1h30m", Some(Expiry::AfterAccess(5400))),
            ("+1d", Some(Expiry::AfterAccess(86_400))),
            ("-1", Some(Expiry::AfterAccess(-1))),
            ("0", Some(Expiry::AfterAccess(0))),
            ("@15h30m", Some(Expiry::Daily(55_800))),
            ("@24h", Some(Expiry::Daily(86_400))),
        ] {
            assert_eq!(Expiry::parse(text, false), Ok(expiry), "{text}");
        }
        assert_eq!(Expiry::parse("10m", true), Ok(Some(Expiry::AfterChange(600))));
        assert_eq!(Expiry::parse("-10m", true), Ok(Some(Expiry::AfterChange(-600))));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", "never", "-", "+-1", "10ms", "@", "--1"] {
            assert_eq!(Expiry::parse(text, false), Err(ExpiryError::Value), "{text}");
        }
        assert_eq!(Expiry::parse("@25h", false), Err(ExpiryError::DailyTooLong));
        assert_eq!(Expiry::parse("@1h", true), Err(ExpiryError::DailyAfterChange));
        assert_eq!(Expiry::parse("epoch", true), Err(ExpiryError::Value));
    }
}

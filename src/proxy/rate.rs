//! At which rate an answer leaves: `limit_rate`, or what the configuration or a peer set in its place.

use super::exchange::Exchange;
use super::pace::Pace;
use crate::model::{LogLevel, Template, quantity};

impl Exchange<'_> {
    /// The rate that the answer leaves with, if it is limited. From here on it is `$limit_rate`.
    pub(super) fn client_pace(&self) -> Option<Pace> {
        let location = &self.location;
        if self.rate.get().is_none() && location.limit_rate.is_empty() {
            return None;
        }
        let rate = self.rate.get().unwrap_or_else(|| self.size(&location.limit_rate));
        self.rate.set(Some(rate));
        Pace::new(rate, self.size(&location.limit_rate_after), self.started)
    }

    /// The value of a template as a number of bytes; 0 for what is none.
    pub(super) fn size(&self, template: &Template) -> u64 {
        if template.is_empty() {
            return 0;
        }
        let value = self.evaluate(template);
        let size = std::str::from_utf8(&value).ok().and_then(quantity::size);
        size.unwrap_or_else(|| {
            self.report(LogLevel::Error, format_args!("invalid size \"{}\"", value.escape_ascii()));
            0
        })
    }

    /// `set $limit_rate`.
    pub(super) fn set_rate(&self, value: &[u8]) {
        match std::str::from_utf8(value).ok().and_then(quantity::size) {
            Some(rate) => self.rate.set(Some(rate)),
            None => {
                self.report(LogLevel::Error, format_args!("invalid $limit_rate \"{}\"", value.escape_ascii()));
            }
        }
    }

    /// `X-Accel-Limit-Rate` of a peer: digits, or nothing happens.
    pub(super) fn obey_rate(&self, value: &[u8]) {
        if let Some(rate) = std::str::from_utf8(value).ok().and_then(quantity::number) {
            self.rate.set(Some(rate));
        }
    }
}

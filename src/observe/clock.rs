//! The present as text, in each form that logs and messages want it.
//!
//! Formatted once a second on each thread; in between a call costs one reading of the clock.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sys;

/// Text of a known length, on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

/// All forms of one second.
#[derive(Clone, Copy)]
struct Second {
    unix: u64,
    local: Text<26>,
    iso8601: Text<25>,
    error: Text<19>,
    syslog: Text<15>,
    http: Text<29>,
}

thread_local! {
    static LAST: Cell<Option<Second>> = const { Cell::new(None) };
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The first day of 1970 was a Thursday.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// `$time_local`: `21/Nov/2026:05:18:00 +0100`.
#[must_use]
pub fn time_local() -> Text<26> {
    this_second().local
}

/// `$time_iso8601`: `2026-11-21T05:18:00+01:00`.
#[must_use]
pub fn time_iso8601() -> Text<25> {
    this_second().iso8601
}

/// `2026/11/21 05:18:00`, local time, as error lines begin.
#[must_use]
pub fn error_time() -> Text<19> {
    this_second().error
}

/// `Nov 21 05:18:00`, local time, as syslog wants it (RFC 3164 4.1.2).
#[must_use]
pub fn syslog_time() -> Text<15> {
    this_second().syslog
}

/// `Sat, 21 Nov 2026 04:18:00 GMT`: the `Date` field (RFC 9110 5.6.7).
#[must_use]
pub fn http_date() -> Text<29> {
    this_second().http
}

/// `$msec`: seconds since 1970 with milliseconds.
#[must_use]
pub fn msec() -> Text<24> {
    let now = since_epoch();
    Text::of(format_args!("{}.{:03}", now.as_secs(), now.subsec_millis()))
}

/// Seconds since 1970.
#[must_use]
pub fn unix_seconds() -> u64 {
    since_epoch().as_secs()
}

/// The next moment, after that one, at which the clock of this place shows so many seconds since midnight.
#[must_use]
pub fn next_local(unix: i64, seconds_of_day: u32) -> i64 {
    let seconds_of_day = i64::from(seconds_of_day);
    let offset = |unix: i64| i64::from(sys::time::local_offset_seconds(unix));
    let midnight = (unix + offset(unix)).div_euclid(86_400) * 86_400;
    // The zone may change its offset in between: that of the moment itself counts.
    let at = |midnight: i64| {
        let local = midnight + seconds_of_day;
        local - offset(local - offset(unix))
    };
    let today = at(midnight);
    if today > unix { today } else { at(midnight + 86_400) }
}

fn since_epoch() -> Duration {
    // A clock before 1970 is a clock that is not set.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn this_second() -> Second {
    let unix = since_epoch().as_secs();
    match LAST.get() {
        Some(last) if last.unix == unix => last,
        _ => {
            let offset = sys::time::local_offset_seconds(i64::try_from(unix).unwrap_or(i64::MAX));
            let second = Second::new(unix, offset);
            LAST.set(Some(second));
            second
        }
    }
}

impl Second {
    fn new(unix: u64, offset_seconds: i32) -> Self {
        let utc = Civil::of(i64::try_from(unix).unwrap_or(i64::MAX));
        let local = Civil::of(i64::try_from(unix).unwrap_or(i64::MAX).saturating_add(i64::from(offset_seconds)));
        let sign = if offset_seconds < 0 { '-' } else { '+' };
        let minutes = offset_seconds.unsigned_abs() / 60;
        let (ahead_hours, ahead_minutes) = (minutes / 60, minutes % 60);
        let Civil { year, month, day, hour, minute, second, .. } = local;
        let name = local.month_name();
        Self {
            unix,
            local: Text::of(format_args!(
                "{day:02}/{name}/{year}:{hour:02}:{minute:02}:{second:02} {sign}{ahead_hours:02}{ahead_minutes:02}"
            )),
            iso8601: Text::of(format_args!(
                "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{sign}{ahead_hours:02}:{ahead_minutes:02}"
            )),
            error: Text::of(format_args!("{year}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}")),
            syslog: Text::of(format_args!("{name} {day:>2} {hour:02}:{minute:02}:{second:02}")),
            http: Text::of(format_args!(
                "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                utc.day_name(),
                utc.day,
                utc.month_name(),
                utc.year,
                utc.hour,
                utc.minute,
                utc.second
            )),
        }
    }
}

/// A moment as the Gregorian calendar names it.
struct Civil {
    days: i64,
    year: i64,
    month: usize,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Civil {
    fn of(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Years from March on: the leap day is the last of its year, and 400 years are always 146,097 days.
        let from_march = days + 719_468;
        let (era, day_of_era) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // March to July and August to December each have 153 days in five months.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            days,
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month: usize::try_from(month).unwrap_or_default(),
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }

    fn month_name(&self) -> &'static str {
        MONTHS.get(self.month.wrapping_sub(1)).copied().unwrap_or_default()
    }

    fn day_name(&self) -> &'static str {
        DAYS[usize::try_from(self.days.rem_euclid(7)).unwrap_or_default()]
    }
}

impl<const N: usize> Text<N> {
    /// What does not fit is left out.
    fn of(text: fmt::Arguments<'_>) -> Self {
        let mut own = Self { bytes: [0; N], used: 0 };
        // The writer below never fails.
        let _ = own.write_fmt(text);
        own
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII is written.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.len().min(N - self.used);
        self.bytes[self.used..self.used + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.used += fits;
        Ok(())
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_in_every_form() {
        let second = Second::new(1_795_234_680, 3600);
        assert_eq!(second.local.as_str(), "21/Nov/2026:05:18:00 +0100");
        assert_eq!(second.iso8601.as_str(), "2026-11-21T05:18:00+01:00");
        assert_eq!(second.error.as_str(), "2026/11/21 05:18:00");
        assert_eq!(second.http.as_str(), "Sat, 21 Nov 2026 04:18:00 GMT");
        assert_eq!(second.syslog.as_str(), "Nov 21 05:18:00");
        assert_eq!(Second::new(0, 3600).syslog.as_str(), "Jan  1 01:00:00");
    }

    #[test]
    fn zones_behind_utc_and_with_half_hours() {
        let second = Second::new(0, -(3 * 3600 + 1800));
        assert_eq!(second.local.as_str(), "31/Dec/1969:20:30:00 -0330");
        assert_eq!(second.iso8601.as_str(), "1969-12-31T20:30:00-03:30");
        assert_eq!(second.http.as_str(), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn dates_agree_with_another_implementation() {
        for unix in (0..5_000_000_000).step_by(86_399 * 13) {
            let at = UNIX_EPOCH + Duration::from_secs(unix);
            assert_eq!(Second::new(unix, 0).http.as_str(), httpdate::fmt_http_date(at));
        }
    }

    #[test]
    fn the_present_has_its_form() {
        assert_eq!(time_local().as_bytes().len(), 26);
        assert_eq!(error_time().as_bytes().len(), 19);
        let text = msec();
        let (seconds, milliseconds) = text.as_str().split_once('.').unwrap();
        assert!(seconds.len() >= 10 && milliseconds.len() == 3, "{text}");
        assert!(unix_seconds() > 1_700_000_000);
    }
}

//! Times, sizes and numbers as nginx reads them, in a file or in the value of a variable. Pure; says nothing but whether
//! a text is one.

use std::time::Duration;

/// Units from the largest, in milliseconds.
const UNITS: &[(&str, u64)] = &[
    ("y", 365 * 86_400_000),
    ("M", 30 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Most milliseconds of a time, as on nginx's 64-bit builds, and far from overflow of a clock.
const TIME_MS_MAX: u64 = i64::MAX as u64 / 1_000_000;

/// A time. Without a unit it is seconds; units go from large to small, each once.
#[must_use]
pub fn time(text: &str) -> Option<Duration> {
    let mut total_ms: u64 = 0;
    let mut units = UNITS;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let value = number(&rest[..digits])?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match &rest[..letters] {
            // A number without a unit is seconds and ends the text.
            "" if rest.is_empty() => "s",
            unit => unit,
        };
        let at = units.iter().position(|(name, _)| *name == unit)?;
        total_ms = total_ms.checked_add(value.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        rest = rest[letters..].trim_start_matches(' ');
    }
    (total_ms <= TIME_MS_MAX).then(|| Duration::from_millis(total_ms))
}

/// A time in whole seconds: `ms` is not allowed.
#[must_use]
pub fn time_seconds(text: &str) -> Option<Duration> {
    time(text).filter(|_| !text.contains("ms"))
}

/// A number of bytes with `k` or `m`.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    scaled(text, &[('k', 10), ('m', 20)])
}

/// A number of bytes with `k`, `m` or `g`.
#[must_use]
pub fn offset(text: &str) -> Option<u64> {
    scaled(text, &[('k', 10), ('m', 20), ('g', 30)])
}

fn scaled(text: &str, units: &[(char, u32)]) -> Option<u64> {
    let unit = text.chars().next_back()?.to_ascii_lowercase();
    let Some((_, shift)) = units.iter().find(|(name, _)| *name == unit) else { return number(text) };
    let value = number(&text[..text.len() - 1])?;
    value.checked_mul(1 << shift).filter(|bytes| i64::try_from(*bytes).is_ok())
}

/// Digits alone.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| i64::try_from(*value).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_from_large_to_small() {
        let of = |text| time(text).map(|time| time.as_millis());
        assert_eq!(of("60"), Some(60_000));
        assert_eq!(of("1h 30m"), Some(5_400_000));
        assert_eq!(of("1m30s500ms"), Some(90_500));
        assert_eq!(of("1M"), Some(30 * 86_400_000));
        assert_eq!(of("0"), Some(0));
        for bad in ["", "s", "1x", "30s1m", "1s1s", "-1", "1.5s", "99999999999999999999", "9999999y", "1m30", " 1"] {
            assert_eq!(of(bad), (bad == "1m30").then_some(90_000), "{bad}");
        }
        assert_eq!(time_seconds("10ms"), None);
    }

    #[test]
    fn sizes_have_units_of_1024() {
        assert_eq!(size("16k"), Some(16_384));
        assert_eq!(size("1M"), Some(1 << 20));
        assert_eq!(offset("2g"), Some(2 << 30));
        assert_eq!(
            (size("1g"), size("k"), size(""), size("1kk"), offset("9999999999g")),
            (None, None, None, None, None)
        );
    }
}

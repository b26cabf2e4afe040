//! The local time zone.

/// Seconds that local time is ahead of UTC at that moment, by the system's zone data and `TZ`; 0 if it cannot be told.
#[must_use]
pub fn local_offset_seconds(unix_seconds: i64) -> i32 {
    let mut broken_down = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call and point to values of the types that localtime_r takes; it writes
    // only to the second. Its zone data is guarded by a lock of the C library; nothing here changes the environment.
    let done = unsafe { libc::localtime_r(&raw const unix_seconds, broken_down.as_mut_ptr()) };
    if done.is_null() {
        return 0;
    }
    // SAFETY: all fields are integers or a pointer that is not followed, and the value was zeroed before it was filled.
    let broken_down = unsafe { broken_down.assume_init() };
    // Offsets of all zones are below a day.
    i32::try_from(broken_down.tm_gmtoff).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn offsets_are_whole_minutes_below_a_day() {
        for at in [0, 1_000_000_000, 1_800_000_000] {
            let offset = super::local_offset_seconds(at);
            assert!(offset.abs() < 86_400, "{offset}");
        }
    }
}

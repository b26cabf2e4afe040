//! The local time zone, and times in a form that somebody else chose.

use std::ffi::CStr;

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

/// The moment as `strftime` writes it in so many bytes at most, in local time or in UTC; `None` when it is longer, or
/// empty, or the moment cannot be told.
#[must_use]
pub fn formatted(unix_seconds: i64, form: &CStr, is_local: bool, bytes_max: usize) -> Option<Vec<u8>> {
    let mut broken_down = std::mem::MaybeUninit::<libc::tm>::zeroed();
    let call = if is_local { libc::localtime_r } else { libc::gmtime_r };
    // SAFETY: both pointers are valid for the call and point to values of the types that either function takes; they
    // write only to the second. Zone data is guarded by a lock of the C library.
    let done = unsafe { call(&raw const unix_seconds, broken_down.as_mut_ptr()) };
    if done.is_null() {
        return None;
    }
    let mut out = vec![0u8; bytes_max];
    // SAFETY: `out` has room for as many bytes as are named; the form ends with a zero byte; the call before has filled
    // all fields of the moment, and its zone name is one of the C library's, which outlives this call.
    let length = unsafe { libc::strftime(out.as_mut_ptr().cast(), out.len(), form.as_ptr(), broken_down.as_ptr()) };
    out.truncate(length);
    Some(out).filter(|out| !out.is_empty())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_moment_in_the_form_that_is_asked_for() {
        let of = |form, bytes_max| super::formatted(1_000_000_000, form, false, bytes_max);
        let long = c"%A, %d-%b-%Y %H:%M:%S %Z";
        assert_eq!(of(long, 64).as_deref(), Some(b"Sunday, 09-Sep-2001 01:46:40 GMT".as_slice()));
        assert_eq!(of(c"%%", 64).as_deref(), Some(b"%".as_slice()));
        assert_eq!((of(long, 20), of(c"", 64)), (None, None));
        assert!(super::formatted(1_000_000_000, c"%z", true, 64).is_some_and(|zone| zone.len() == 5));
    }

    #[test]
    fn offsets_are_whole_minutes_below_a_day() {
        for at in [0, 1_000_000_000, 1_800_000_000] {
            let offset = super::local_offset_seconds(at);
            assert!(offset.abs() < 86_400, "{offset}");
        }
    }
}

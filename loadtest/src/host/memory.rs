//! User memory of processes by proportional set size: a page that several share counts in parts.

use std::fs;

/// Sum over all processes.
pub fn proportional_bytes(pids: &[u32]) -> Result<u64, String> {
    let of_one = |pid: &u32| {
        let file = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
        kilobytes(&text, "Pss").map(|kb| kb * 1024).ok_or_else(|| format!("{file}: no Pss in it"))
    };
    pids.iter().map(of_one).sum()
}

/// The number of a line `Name:   123 kB`.
pub fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_by_its_whole_name() {
        let text = "Rss: 9 kB\nPss_Anon:  1 kB\nPss:      42 kB\n";
        assert_eq!(kilobytes(text, "Pss"), Some(42));
        assert_eq!(kilobytes(text, "Swap"), None);
    }

    #[test]
    fn this_process_has_some() {
        assert!(proportional_bytes(&[std::process::id()]).is_ok_and(|bytes| bytes > 100_000));
        assert!(proportional_bytes(&[u32::MAX]).is_err());
    }
}

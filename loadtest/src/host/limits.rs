//! What a process may open.

use std::fs;

/// The soft limit of open descriptors of a process.
pub fn descriptors_max(pid: u32) -> Result<u64, String> {
    let file = format!("/proc/{pid}/limits");
    let text = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    soft(&text, "Max open files").ok_or_else(|| format!("{file}: no open files in it"))
}

fn soft(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// Raises the soft limit of this process, and of what it starts, to the hard one. Gives what is in force then.
pub fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Without it the run meets the lower limit, and says so there.
    let _ = setrlimit(Resource::Nofile, wanted);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_one_is_read() {
        let text = "Limit    Soft Limit  Hard Limit  Units\nMax open files            1024      20000      files\n";
        assert_eq!(soft(text, "Max open files"), Some(1024));
        assert_eq!(soft("Max open files   unlimited   unlimited", "Max open files"), Some(u64::MAX));
        assert!(descriptors_max(std::process::id()).is_ok_and(|limit| limit > 0));
    }
}

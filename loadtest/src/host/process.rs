//! Process trees: a proxy is what was started and all that it started in turn.

use std::fs;

/// The process and its descendants, parents first.
pub fn tree(root: u32) -> Vec<u32> {
    let mut parents: Vec<(u32, u32)> = Vec::new();
    if let Ok(entries) = fs::read_dir("/proc") {
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        parents.extend(pids.filter_map(|pid| Some((pid, parent(&stat(pid)?)?))));
    }
    let mut tree = vec![root];
    let mut at = 0;
    while at < tree.len() {
        let current = tree[at];
        tree.extend(parents.iter().filter(|(_, parent)| *parent == current).map(|(pid, _)| *pid));
        at += 1;
    }
    tree
}

pub fn stat(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()
}

/// The fields behind the name, which may hold blanks and brackets itself.
pub fn fields(stat: &str) -> Option<Vec<&str>> {
    Some(stat.rsplit_once(')')?.1.split_whitespace().collect())
}

fn parent(stat: &str) -> Option<u32> {
    fields(stat)?.get(1)?.parse().ok()
}

/// Open descriptors of all processes together.
pub fn descriptors(pids: &[u32]) -> Result<usize, String> {
    let count = |pid: &u32| {
        let folder = format!("/proc/{pid}/fd");
        fs::read_dir(&folder).map(Iterator::count).map_err(|error| format!("{folder}: {error}"))
    };
    pids.iter().map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse() {
        let text = "12 (a) b) S 7 12 12 0 -1";
        assert_eq!(parent(text), Some(7));
        assert_eq!(parent("12 nothing"), None);
    }

    #[test]
    fn this_process_is_its_own_tree() {
        let own = std::process::id();
        assert_eq!(tree(own)[0], own);
        assert!(descriptors(&[own]).is_ok_and(|count| count > 2));
        assert!(descriptors(&[u32::MAX]).is_err_and(|error| error.contains("/proc/4294967295/fd")));
    }
}

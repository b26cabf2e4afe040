//! Limits of the control groups that a process is in, version 1 and 2: the one of them with the least left.

use super::figures::Share;
use super::reader::Reader;

/// Version 1 says "no limit" with the largest number of pages.
const UNLIMITED_MIN: u64 = 1 << 62;

/// Where a group's numbers are, by version.
struct Names {
    /// Controller in `/proc/PID/cgroup`; empty is version 2.
    controller: &'static str,
    root: &'static str,
    max: &'static str,
    used: &'static str,
}

const MEMORY: [Names; 2] = [
    Names { controller: "", root: "sys/fs/cgroup", max: "memory.max", used: "memory.current" },
    Names {
        controller: "memory",
        root: "sys/fs/cgroup/memory",
        max: "memory.limit_in_bytes",
        used: "memory.usage_in_bytes",
    },
];

const TASKS: [Names; 2] = [
    Names { controller: "", root: "sys/fs/cgroup", max: "pids.max", used: "pids.current" },
    Names { controller: "pids", root: "sys/fs/cgroup/pids", max: "pids.max", used: "pids.current" },
];

/// Bytes.
pub fn memory(reader: &mut Reader<'_>, groups: &str) -> Option<Share> {
    least(reader, groups, &MEMORY)
}

/// Processes and threads.
pub fn tasks(reader: &mut Reader<'_>, groups: &str) -> Option<Share> {
    least(reader, groups, &TASKS)
}

fn least(reader: &mut Reader<'_>, groups: &str, versions: &[Names]) -> Option<Share> {
    let mut found: Vec<Share> = Vec::new();
    for names in versions {
        let Some(path) = path_of(groups, names.controller) else { continue };
        for folder in upwards(path) {
            let base = format!("{}{folder}", names.root);
            // Groups without the controller, and those outside of a container, have no such file.
            let max = reader.optional(&format!("{base}/{}", names.max));
            let Some(max) = max.and_then(|max| max.parse().ok()).filter(|max| *max < UNLIMITED_MIN) else { continue };
            let used = reader.optional_number(&format!("{base}/{}", names.used)).unwrap_or(0);
            found.push(Share { max, used });
        }
    }
    found.into_iter().min_by_key(|share| share.left())
}

/// `4:memory:/a/b`, in version 2 `0::/a/b`.
fn path_of<'g>(groups: &'g str, controller: &str) -> Option<&'g str> {
    groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let is_it = controllers.split(',').any(|name| name == controller);
        (is_it && !path.contains("..")).then_some(path)
    })
}

/// The group and those around it; the outermost is the empty path.
fn upwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path.trim_end_matches('/')), |path| path.rfind('/').map(|at| &path[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_group_on_the_way_up_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("sys/fs/cgroup/a/b/memory.max", "max\n");
        write("sys/fs/cgroup/a/memory.max", "1000\n");
        write("sys/fs/cgroup/a/memory.current", "400\n");
        write("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "900\n");
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        let mut reader = Reader::new(root.path());
        assert_eq!(memory(&mut reader, "0::/a/b\n"), Some(Share { max: 1000, used: 400 }));
        assert_eq!(memory(&mut reader, "4:memory:/x\n0::/a/b\n"), Some(Share { max: 1000, used: 400 }));
        assert_eq!(memory(&mut reader, "4:cpu,memory:/x\n"), Some(Share { max: 900, used: 0 }));
        assert_eq!(memory(&mut reader, "0::/\n"), None);
        assert_eq!(tasks(&mut reader, "0::/../elsewhere\n"), None);
        assert_eq!(reader.into_unread(), []);
    }

    #[test]
    fn the_way_up_ends_at_the_root() {
        assert_eq!(upwards("/a/b").collect::<Vec<_>>(), ["/a/b", "/a", ""]);
        assert_eq!(upwards("/").collect::<Vec<_>>(), [""]);
    }
}

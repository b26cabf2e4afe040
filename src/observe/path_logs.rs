//! Access logs with variables in their path: opened for each line, or kept open by `open_log_file_cache`.
//!
//! Of one shard, as nginx's are of one worker. Time is an argument.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use super::file::Appending;
use crate::model::{LogCache, LogCacheId};
use crate::sys::errno::Errno;

/// Those of one generation on one shard.
#[derive(Debug)]
pub struct PathLogs {
    caches: Box<[Cache]>,
}

/// One `open_log_file_cache`.
#[derive(Debug)]
struct Cache {
    settings: LogCache,
    entries: HashMap<Rc<[u8]>, Entry>,
    /// The same by their last use, the longest unused first.
    by_use: BTreeMap<u64, Rc<[u8]>>,
    uses: u64,
    /// [`super::access_log::AccessLogs::openings`] when it was filled.
    openings: u64,
}

#[derive(Debug)]
struct Entry {
    /// Not before `min_uses`.
    file: Option<Appending>,
    uses: u32,
    /// Place in `by_use`.
    used: u64,
    used_at: Instant,
    /// When the file was last known to be the one of that name.
    checked_at: Instant,
}

/// A line that is lost.
#[derive(Debug)]
pub struct Failed {
    call: &'static str,
    path: Box<[u8]>,
    cause: io::Error,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, path, cause } = self;
        write!(f, "{call} \"{}\" failed ({})", String::from_utf8_lossy(path), Errno(cause))
    }
}

impl PathLogs {
    /// `caches` by [`LogCacheId`].
    #[must_use]
    pub fn new(caches: &[LogCache]) -> Self {
        let cache = |settings: &LogCache| Cache {
            settings: settings.clone(),
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            openings: 0,
        };
        Self { caches: caches.iter().map(cache).collect() }
    }

    /// Writes a line, which ends in a line feed. A cache filled before that number of `openings` is emptied.
    ///
    /// # Errors
    /// When the file cannot be opened or written.
    pub fn write(
        &mut self,
        cache: Option<LogCacheId>,
        path: &[u8],
        line: &[u8],
        openings: u64,
        now: Instant,
    ) -> Result<(), Failed> {
        match cache.and_then(|id| self.caches.get_mut(usize::from(id.0))) {
            None => append(&open(path)?, path, line),
            Some(cache) => cache.write(path, line, openings, now),
        }
    }

    /// Files open now.
    #[must_use]
    pub fn open_count(&self) -> usize {
        let files = self.caches.iter().flat_map(|cache| cache.entries.values());
        files.filter(|entry| entry.file.is_some()).count()
    }
}

impl Cache {
    fn write(&mut self, path: &[u8], line: &[u8], openings: u64, now: Instant) -> Result<(), Failed> {
        if self.openings != openings {
            self.entries.clear();
            self.by_use.clear();
            self.openings = openings;
        }
        self.close_inactive(now);
        if self.entries.contains_key(path) {
            return self.write_known(path, line, now);
        }
        let file = open(path)?;
        let result = append(&file, path, line);
        if self.entries.len() >= self.settings.max
            && let Some((_, longest_unused)) = self.by_use.pop_first()
        {
            self.entries.remove(&longest_unused);
        }
        self.uses += 1;
        let path: Rc<[u8]> = path.into();
        self.by_use.insert(self.uses, Rc::clone(&path));
        let file = (self.settings.min_uses <= 1).then_some(file);
        self.entries.insert(path, Entry { file, uses: 1, used: self.uses, used_at: now, checked_at: now });
        result
    }

    fn write_known(&mut self, path: &[u8], line: &[u8], now: Instant) -> Result<(), Failed> {
        let Some(entry) = self.entries.get_mut(path) else { return Ok(()) };
        self.uses += 1;
        if let Some(key) = self.by_use.remove(&entry.used) {
            self.by_use.insert(self.uses, key);
        }
        (entry.used, entry.used_at, entry.uses) = (self.uses, now, entry.uses.saturating_add(1));
        if now.duration_since(entry.checked_at) >= self.settings.valid {
            entry.checked_at = now;
            if entry.file.as_ref().is_some_and(|file| !is_of_path(file, path)) {
                entry.file = None;
            }
        }
        let opened;
        let file = match &entry.file {
            Some(file) => file,
            None => {
                opened = match open(path) {
                    Ok(opened) => opened,
                    Err(failed) => {
                        self.by_use.remove(&entry.used);
                        self.entries.remove(path);
                        return Err(failed);
                    }
                };
                if entry.uses >= self.settings.min_uses { entry.file.insert(opened) } else { &opened }
            }
        };
        append(file, path, line)
    }

    fn close_inactive(&mut self, now: Instant) {
        while let Some(first) = self.by_use.first_entry() {
            let used_at = self.entries.get(first.get()).map(|entry| entry.used_at);
            if used_at.is_some_and(|used_at| now.duration_since(used_at) <= self.settings.inactive) {
                return;
            }
            self.entries.remove(&first.remove());
        }
    }
}

fn open(path: &[u8]) -> Result<Appending, Failed> {
    let opened = Appending::open(Path::new(std::ffi::OsStr::from_bytes(path)));
    opened.map_err(|cause| Failed { call: "open()", path: path.into(), cause })
}

fn append(file: &Appending, path: &[u8], line: &[u8]) -> Result<(), Failed> {
    file.append(line).map_err(|(_, cause)| Failed { call: "write() to", path: path.into(), cause })
}

/// Whether the name still stands for the open file.
fn is_of_path(file: &Appending, path: &[u8]) -> bool {
    let named = std::fs::metadata(Path::new(std::ffi::OsStr::from_bytes(path)));
    let open = file.file().metadata();
    matches!((named, open), (Ok(named), Ok(open)) if (named.dev(), named.ino()) == (open.dev(), open.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::time::Duration;

    struct Folder {
        folder: tempfile::TempDir,
        logs: PathLogs,
        now: Instant,
        openings: u64,
    }

    fn folder(max: usize, min_uses: u32) -> Folder {
        let second = Duration::from_secs(1);
        let cache = LogCache { max, inactive: 20 * second, min_uses, valid: 5 * second };
        let folder = tempfile::tempdir().unwrap();
        Folder { folder, logs: PathLogs::new(&[cache]), now: Instant::now(), openings: 0 }
    }

    impl Folder {
        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn write(&mut self, name: &str) -> Result<(), String> {
            let path = self.path(name);
            let path = path.as_os_str().as_bytes();
            let written = self.logs.write(Some(LogCacheId(0)), path, b"line\n", self.openings, self.now);
            written.map_err(|failed| failed.to_string())
        }

        fn lines(&self, name: &str) -> usize {
            std::fs::read_to_string(self.path(name)).unwrap_or_default().lines().count()
        }
    }

    #[test]
    fn a_file_stays_open_from_min_uses_on() {
        let mut at = folder(3, 2);
        at.write("a").unwrap();
        assert_eq!(at.logs.open_count(), 0);
        at.write("a").unwrap();
        assert_eq!(at.logs.open_count(), 1);
        std::fs::rename(at.path("a"), at.path("moved")).unwrap();
        at.write("a").unwrap();
        assert_eq!((at.lines("moved"), at.path("a").exists()), (3, false));
    }

    #[test]
    fn the_longest_unused_is_closed_for_a_new_one() {
        let mut at = folder(2, 1);
        ["a", "b", "a", "c"].into_iter().for_each(|name| at.write(name).unwrap());
        assert_eq!(at.logs.open_count(), 2);
        ["a", "b"].into_iter().for_each(|name| std::fs::remove_file(at.path(name)).unwrap());
        ["a", "b"].into_iter().for_each(|name| at.write(name).unwrap());
        assert_eq!((at.lines("a"), at.lines("b")), (0, 1), "b had been closed, a had not");
    }

    #[test]
    fn a_file_is_checked_after_valid_and_closed_after_inactive() {
        let mut at = folder(2, 1);
        at.write("a").unwrap();
        std::fs::rename(at.path("a"), at.path("moved")).unwrap();
        at.now += Duration::from_secs(4);
        at.write("a").unwrap();
        assert_eq!(at.lines("moved"), 2);
        at.now += Duration::from_secs(1);
        at.write("a").unwrap();
        assert_eq!((at.lines("moved"), at.lines("a")), (2, 1));
        at.now += Duration::from_secs(21);
        at.write("b").unwrap();
        assert_eq!(at.logs.open_count(), 1);
    }

    #[test]
    fn a_reopening_closes_all() {
        let mut at = folder(2, 1);
        at.write("a").unwrap();
        std::fs::rename(at.path("a"), at.path("moved")).unwrap();
        at.openings += 1;
        at.write("a").unwrap();
        assert_eq!((at.lines("moved"), at.lines("a")), (1, 1));
    }

    #[test]
    fn what_cannot_be_opened_is_named_and_pushes_nothing_out() {
        let mut at = folder(1, 1);
        at.write("a").unwrap();
        let words = at.write("none/b").unwrap_err();
        assert!(words.starts_with("open() \"/") && words.ends_with("none/b\" failed (2: No such file or directory)"));
        assert_eq!(at.logs.open_count(), 1);
        let path = at.path("c");
        at.logs.write(None, path.as_os_str().as_bytes(), b"line\n", 0, at.now).unwrap();
        assert_eq!((at.lines("c"), at.logs.open_count()), (1, 1));
    }
}

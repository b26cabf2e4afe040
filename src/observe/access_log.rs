//! Access logs of one generation: each file open once, shared by all shards.
//!
//! Without `buffer=` a line is one write. With it, lines wait in lanes, one for each of a few threads, so that shards
//! do not meet at a lock; `flush` empties them. A line is never split over two writes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use super::escape::append as escape;

use super::error_log;
use super::file::{LogFile, OpenError};
use crate::limits::ACCESS_LOG_LANES;
use crate::model::{AccessLogTarget, Generation, Location, LogLevel};

/// The access logs of a generation. Dropped logs are flushed.
#[derive(Debug, Default)]
pub struct AccessLogs {
    logs: HashMap<PathBuf, Log>,
}

#[derive(Debug)]
struct Log {
    file: Arc<LogFile>,
    /// Largest `buffer=` that names the file; 0 has no lanes.
    buffer_bytes: usize,
    lanes: Box<[Mutex<Vec<u8>>]>,
}

static NEXT_LANE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LANE: usize = NEXT_LANE.fetch_add(1, Ordering::Relaxed) % ACCESS_LOG_LANES;
}

impl AccessLogs {
    /// Opens all files that locations of the generation log to. Files that `reuse` has open stay open.
    ///
    /// # Errors
    /// The first file that cannot be opened; nothing has changed then.
    pub fn open(generation: &Generation, reuse: Option<&Self>) -> Result<Arc<Self>, OpenError> {
        let wanted = wanted_by(generation);
        Ok(Arc::new(Self::open_files(wanted.into_iter().map(|(path, bytes)| (path.to_owned(), bytes)), reuse)?))
    }

    /// Files with the bytes that each may hold back.
    fn open_files(files: impl IntoIterator<Item = (PathBuf, usize)>, reuse: Option<&Self>) -> Result<Self, OpenError> {
        let known = |path: &Path| reuse.and_then(|logs| logs.logs.get(path)).map(|log| Arc::clone(&log.file));
        let mut logs = HashMap::new();
        for (path, buffer_bytes) in files {
            let file = match known(&path) {
                Some(file) => file,
                None => Arc::new(LogFile::open(&path)?),
            };
            logs.insert(path, Log::new(file, buffer_bytes));
        }
        Ok(Self { logs })
    }

    /// For tests that have no generation.
    #[cfg(test)]
    pub(super) fn of_files(files: impl IntoIterator<Item = (PathBuf, usize)>) -> Result<Self, OpenError> {
        Self::open_files(files, None)
    }

    /// Writes a line, which ends in a line feed.
    pub fn write(&self, target: &AccessLogTarget, line: &[u8]) {
        let AccessLogTarget::File(path) = target;
        if let Some(log) = self.logs.get(path) {
            log.add(line);
        }
    }

    /// Writes all lines that wait.
    pub fn flush(&self) {
        for log in self.logs.values() {
            log.flush();
        }
    }

    /// Flushes, then opens each file anew. Those that cannot be opened go on with the old file.
    #[must_use]
    pub fn reopen(&self) -> Vec<OpenError> {
        self.flush();
        self.logs.values().filter_map(|log| log.file.reopen().err()).collect()
    }

    /// Paths of the files that a generation logs to.
    pub fn paths_of(generation: &Generation) -> impl Iterator<Item = &Path> {
        wanted_by(generation).into_keys()
    }

    /// Paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.logs.keys().map(PathBuf::as_path)
    }

    /// Bytes that could not be written since each file was opened.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.logs.values().map(|log| log.file.lost_bytes()).sum()
    }
}

impl Drop for AccessLogs {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Paths with the largest `buffer=` of each.
fn wanted_by(generation: &Generation) -> HashMap<&Path, usize> {
    let mut wanted = HashMap::new();
    for server in generation.http.listeners.iter().flat_map(|listener| &listener.servers) {
        collect(&server.root, &mut wanted);
    }
    wanted
}

/// The same over a location and those nested in it.
fn collect<'g>(location: &'g Location, wanted: &mut HashMap<&'g Path, usize>) {
    for log in location.access_logs.iter() {
        let AccessLogTarget::File(path) = &log.target;
        let buffer_bytes = wanted.entry(path).or_default();
        *buffer_bytes = log.buffer_bytes.max(*buffer_bytes);
    }
    for inner in location.inner() {
        collect(inner, wanted);
    }
}

impl Log {
    fn new(file: Arc<LogFile>, buffer_bytes: usize) -> Self {
        let lane_count = if buffer_bytes == 0 { 0 } else { ACCESS_LOG_LANES };
        Self { file, buffer_bytes, lanes: (0..lane_count).map(|_| Mutex::default()).collect() }
    }

    fn add(&self, line: &[u8]) {
        let Some(lane) = self.lanes.get(LANE.with(|lane| *lane)) else { return self.write(line) };
        let mut waiting = lane.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + line.len() > self.buffer_bytes {
            self.write(&waiting);
            waiting.clear();
        }
        if line.len() > self.buffer_bytes {
            self.write(line);
        } else {
            waiting.extend_from_slice(line);
        }
    }

    fn flush(&self) {
        for lane in &self.lanes {
            let mut waiting = lane.lock().unwrap_or_else(PoisonError::into_inner);
            self.write(&waiting);
            waiting.clear();
        }
    }

    fn write(&self, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        if let Err(error) = self.file.write(lines) {
            let (path, errno) = (self.file.path().display(), crate::sys::errno::Errno(&error));
            let lost = self.file.lost_bytes();
            let text = format_args!("write() to \"{path}\" failed ({errno}), {lost} bytes lost so far");
            error_log::write(LogLevel::Crit, None, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &Path) -> AccessLogTarget {
        AccessLogTarget::File(path.to_owned())
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_line_without_buffer_is_written_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let logs = AccessLogs::of_files([(path.clone(), 0)]).unwrap();
        logs.write(&target(&path), b"one\n");
        logs.write(&target(&folder.path().join("unknown.log")), b"nowhere\n");
        assert_eq!(read(&path), "one\n");
    }

    #[test]
    fn buffered_lines_wait_for_a_full_buffer_a_flush_or_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let logs = AccessLogs::of_files([(path.clone(), 10)]).unwrap();
        let to = target(&path);
        logs.write(&to, b"1234\n");
        logs.write(&to, b"5678\n");
        assert_eq!(read(&path), "");
        logs.write(&to, b"9\n");
        assert_eq!(read(&path), "1234\n5678\n");
        logs.write(&to, b"longer than the buffer\n");
        assert_eq!(read(&path), "1234\n5678\n9\nlonger than the buffer\n");
        logs.write(&to, b"a\n");
        logs.flush();
        logs.write(&to, b"b\n");
        drop(logs);
        assert!(read(&path).ends_with("\na\nb\n"));
    }

    #[test]
    fn a_reopening_flushes_to_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
        let logs = AccessLogs::of_files([(path.clone(), 100)]).unwrap();
        logs.write(&target(&path), b"old\n");
        std::fs::rename(&path, &moved).unwrap();
        assert!(logs.reopen().is_empty());
        logs.write(&target(&path), b"new\n");
        logs.flush();
        assert_eq!((read(&moved), read(&path)), ("old\n".to_owned(), "new\n".to_owned()));
    }

    #[test]
    fn a_new_generation_keeps_files_open() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
        let old = AccessLogs::of_files([(path.clone(), 0)]).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        let new = AccessLogs::open_files([(path.clone(), 0)], Some(&old)).unwrap();
        new.write(&target(&path), b"line\n");
        assert_eq!(read(&moved), "line\n");
        assert!(!path.exists());
    }

    #[test]
    fn lines_of_many_threads_stay_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let logs = AccessLogs::of_files([(path.clone(), 64)]).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                let (logs, to) = (&logs, target(&path));
                let line = [[b'a' + thread; 30].as_slice(), b"\n"].concat();
                scope.spawn(move || (0..200).for_each(|_| logs.write(&to, &line)));
            }
        });
        logs.flush();
        let text = read(&path);
        assert_eq!(text.lines().count(), 800);
        assert!(text.lines().all(|line| line.len() == 30 && line.bytes().all(|b| b == line.as_bytes()[0])));
    }
}

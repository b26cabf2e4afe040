//! Access logs of one generation: each file open once, each syslog server with one socket, shared by all shards.
//!
//! Without `buffer=` a line is one write. With it, lines wait in lanes, one for each of a few threads, so that shards
//! do not meet at a lock; a full lane is one write, compressed with `gzip`, and so is one whose `flush=` is over. A line
//! is never split over two writes.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::error_log;
use super::file::{LogFile, OpenError};
use super::syslog::Sender;
use crate::limits::ACCESS_LOG_LANES;
use crate::model::{AccessFile, AccessFileId, AccessLogTarget, Generation, Location, LogLevel, Syslog, SyslogId};

/// The access logs of a generation. Dropped logs are flushed.
#[derive(Debug, Default)]
pub struct AccessLogs {
    /// By [`AccessFileId`]; `None` is the default one where no location uses it.
    files: Vec<Option<Log>>,
    /// By [`SyslogId`].
    syslogs: Vec<Option<Sender>>,
    /// Counts reopenings: files with variables in their path are closed at the next.
    openings: AtomicU64,
}

#[derive(Debug)]
struct Log {
    file: Arc<LogFile>,
    /// `buffer=`; 0 has no lanes.
    buffer_bytes: usize,
    flush: Option<Duration>,
    gzip: Option<u8>,
    lanes: Box<[Mutex<Lane>]>,
}

/// Lines that wait.
#[derive(Debug, Default)]
struct Lane {
    lines: Vec<u8>,
    /// Of the first of them.
    since: Option<Instant>,
}

/// What a generation opens.
#[derive(Default)]
struct Used {
    files: Vec<bool>,
    syslogs: Vec<bool>,
}

static NEXT_LANE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LANE: usize = NEXT_LANE.fetch_add(1, Ordering::Relaxed) % ACCESS_LOG_LANES;
}

impl AccessLogs {
    /// Opens all that locations of the generation log to. A file that cannot be opened and is open in `before` stays.
    ///
    /// # Errors
    /// The first file that cannot be opened; nothing has changed then.
    pub fn open(generation: &Generation, before: Option<&Self>) -> Result<Self, OpenError> {
        let used = Used::by(generation);
        let http = &generation.serving;
        let files = http.access_files.iter().zip(used.files).map(|(file, is_used)| is_used.then_some(file));
        let syslogs = http.syslogs.iter().zip(used.syslogs).map(|(syslog, is_used)| is_used.then_some(syslog));
        Self::of(files, syslogs, before)
    }

    fn of<'g>(
        files: impl Iterator<Item = Option<&'g AccessFile>>,
        syslogs: impl Iterator<Item = Option<&'g Syslog>>,
        before: Option<&Self>,
    ) -> Result<Self, OpenError> {
        let open: HashMap<&Path, &Arc<LogFile>> =
            before.iter().flat_map(|logs| logs.all()).map(|log| (log.file.path(), &log.file)).collect();
        let files = files.map(|file| {
            let Some(settings) = file else { return Ok(None) };
            let path = settings.path.as_path();
            let (file, failed) = LogFile::open_or(path, open.get(path).copied())?;
            if let Some(error) = failed {
                error_log::write(LogLevel::Error, None, format_args!("{error}: its lines go on to the file as it was"));
            }
            Ok(Some(Log::new(file, settings)))
        });
        let files = files.collect::<Result<_, _>>()?;
        let syslogs = syslogs.map(|settings| settings.map(Sender::new)).collect();
        Ok(Self { files, syslogs, openings: AtomicU64::new(0) })
    }

    /// For tests that have no generation.
    #[cfg(test)]
    pub(super) fn of_files(files: &[AccessFile]) -> Result<Self, OpenError> {
        Self::of(files.iter().map(Some), std::iter::empty(), None)
    }

    fn all(&self) -> impl Iterator<Item = &Log> {
        self.files.iter().flatten()
    }

    /// Writes a line, which ends in a line feed.
    pub fn write(&self, file: AccessFileId, line: &[u8]) {
        if let Some(Some(log)) = self.files.get(usize::from(file.0)) {
            log.add(line);
        }
    }

    /// Sends a line, which has no line feed.
    pub fn send(&self, syslog: SyslogId, line: &[u8]) {
        if let Some(Some(sender)) = self.syslogs.get(usize::from(syslog.0))
            && let Err(error) = sender.send(None, line)
        {
            error_log::write(LogLevel::Error, None, format_args!("{error}"));
        }
    }

    /// Writes all lines that wait.
    pub fn flush(&self) {
        self.all().for_each(|log| log.flush(|_| true));
    }

    /// Writes the lines that have waited for their `flush=`. When the next might have, `None` if none ever will.
    pub fn flush_due(&self, now: Instant) -> Option<Instant> {
        self.all().filter_map(|log| log.flush_due(now)).min()
    }

    /// Flushes, then opens each file anew. Those that cannot be opened go on with the old file.
    #[must_use]
    pub fn reopen(&self) -> Vec<OpenError> {
        self.flush();
        self.openings.fetch_add(1, Ordering::Relaxed);
        self.all().filter_map(|log| log.file.reopen().err()).collect()
    }

    /// Counts how often files were opened anew.
    #[must_use]
    pub fn openings(&self) -> u64 {
        self.openings.load(Ordering::Relaxed)
    }

    /// Paths of the files that a generation logs to.
    pub fn paths_of(generation: &Generation) -> impl Iterator<Item = &Path> {
        let files = generation.serving.access_files.iter().zip(Used::by(generation).files);
        files.filter(|(_, is_used)| *is_used).map(|(file, _)| file.path.as_path())
    }

    /// Paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.all().map(|log| log.file.path().to_owned())
    }
}

impl Drop for AccessLogs {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Used {
    fn by(generation: &Generation) -> Self {
        let http = &generation.serving;
        let files = http.access_files.iter().map(|file| file.is_named).collect();
        let mut used = Self { files, syslogs: vec![false; http.syslogs.len()] };
        for server in http.listeners.iter().flat_map(|listener| &listener.servers) {
            used.collect(&server.root);
        }
        used
    }

    fn collect(&mut self, location: &Location) {
        for log in location.access_logs.iter() {
            match &log.target {
                AccessLogTarget::File(id) => self.files[usize::from(id.0)] = true,
                AccessLogTarget::Syslog(id) => self.syslogs[usize::from(id.0)] = true,
                AccessLogTarget::Path(_) => {}
            }
        }
        for inner in location.inner() {
            self.collect(inner);
        }
    }
}

impl Log {
    fn new(file: Arc<LogFile>, settings: &AccessFile) -> Self {
        let AccessFile { buffer_bytes, flush, gzip, .. } = *settings;
        let lane_count = if buffer_bytes == 0 { 0 } else { ACCESS_LOG_LANES };
        Self { file, buffer_bytes, flush, gzip, lanes: (0..lane_count).map(|_| Mutex::default()).collect() }
    }

    fn add(&self, line: &[u8]) {
        let Some(lane) = self.lanes.get(LANE.with(|lane| *lane)) else { return self.write(line) };
        let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
        if lane.lines.len() + line.len() > self.buffer_bytes {
            lane.empty(self);
        }
        if line.len() > self.buffer_bytes {
            return self.write(line);
        }
        if lane.lines.is_empty() && self.flush.is_some() {
            lane.since = Some(Instant::now());
        }
        lane.lines.extend_from_slice(line);
    }

    fn flush(&self, is_wanted: impl Fn(&Lane) -> bool) {
        for lane in &self.lanes {
            let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
            if is_wanted(&lane) {
                lane.empty(self);
            }
        }
    }

    fn flush_due(&self, now: Instant) -> Option<Instant> {
        let flush = self.flush?;
        let is_due = |lane: &Lane| lane.since.is_some_and(|since| now.duration_since(since) >= flush);
        self.flush(is_due);
        let waiting = self.lanes.iter().filter_map(|lane| lane.lock().unwrap_or_else(PoisonError::into_inner).since);
        // A line that comes after this look is due that long after it at the earliest.
        Some(waiting.min().unwrap_or(now) + flush)
    }

    fn write(&self, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        let result = match self.gzip {
            None => self.file.write(lines),
            // One member a write: members behind each other are a gzip file too.
            Some(level) => compressed(lines, level).and_then(|member| self.file.write(&member)),
        };
        if let Err(error) = result {
            let (path, errno) = (self.file.path().display(), crate::sys::errno::Errno(&error));
            let lost = self.file.lost_bytes();
            let text = format_args!("write() to \"{path}\" failed ({errno}), {lost} bytes lost so far");
            error_log::write(LogLevel::Crit, None, text);
        }
    }
}

impl Lane {
    fn empty(&mut self, log: &Log) {
        log.write(&self.lines);
        self.lines.clear();
        self.since = None;
    }
}

fn compressed(lines: &[u8], level: u8) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 4), Compression::new(u32::from(level)));
    encoder.write_all(lines)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: AccessFileId = AccessFileId(0);

    fn file(path: &Path, buffer_bytes: usize) -> AccessFile {
        AccessFile { path: path.to_owned(), buffer_bytes, flush: None, gzip: None, is_named: true }
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_line_without_buffer_is_written_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let logs = AccessLogs::of_files(&[file(&path, 0)]).unwrap();
        logs.write(FIRST, b"one\n");
        logs.write(AccessFileId(9), b"nowhere\n");
        assert_eq!(read(&path), "one\n");
    }

    #[test]
    fn buffered_lines_wait_for_a_full_buffer_a_flush_or_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let logs = AccessLogs::of_files(&[file(&path, 10)]).unwrap();
        logs.write(FIRST, b"1234\n");
        logs.write(FIRST, b"5678\n");
        assert_eq!(read(&path), "");
        logs.write(FIRST, b"9\n");
        assert_eq!(read(&path), "1234\n5678\n");
        logs.write(FIRST, b"longer than the buffer\n");
        assert_eq!(read(&path), "1234\n5678\n9\nlonger than the buffer\n");
        logs.write(FIRST, b"a\n");
        logs.flush();
        logs.write(FIRST, b"b\n");
        drop(logs);
        assert!(read(&path).ends_with("\na\nb\n"));
    }

    #[test]
    fn a_reopening_flushes_to_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
        let logs = AccessLogs::of_files(&[file(&path, 100)]).unwrap();
        logs.write(FIRST, b"old\n");
        std::fs::rename(&path, &moved).unwrap();
        assert!(logs.reopen().is_empty());
        logs.write(FIRST, b"new\n");
        logs.flush();
        assert_eq!((read(&moved), read(&path)), ("old\n".to_owned(), "new\n".to_owned()));
    }

    #[test]
    fn a_new_generation_opens_files_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
        let settings = file(&path, 0);
        let old = AccessLogs::of_files(std::slice::from_ref(&settings)).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        let new = AccessLogs::of([Some(&settings)].into_iter(), std::iter::empty(), Some(&old)).unwrap();
        new.write(FIRST, b"new\n");
        old.write(FIRST, b"old\n");
        assert_eq!((read(&moved), read(&path)), ("old\n".to_owned(), "new\n".to_owned()));
    }

    #[test]
    fn a_flush_writes_what_has_waited_long_enough() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let flush = Duration::from_secs(5);
        let logs = AccessLogs::of_files(&[AccessFile { flush: Some(flush), ..file(&path, 1000) }]).unwrap();
        let start = Instant::now();
        assert_eq!(logs.flush_due(start), Some(start + flush));
        logs.write(FIRST, b"line\n");
        let due = logs.flush_due(start).unwrap();
        assert!(due >= start + flush && due <= Instant::now() + flush);
        assert_eq!(read(&path), "");
        assert_eq!(logs.flush_due(due), Some(due + flush));
        assert_eq!(read(&path), "line\n");
        let without = AccessLogs::of_files(&[file(&path, 1000)]).unwrap();
        without.write(FIRST, b"waits\n");
        assert_eq!(without.flush_due(due + flush), None);
        assert_eq!(read(&path), "line\n");
    }

    #[test]
    fn compressed_writes_are_members_of_one_gzip_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gz");
        let logs = AccessLogs::of_files(&[AccessFile { gzip: Some(9), ..file(&path, 10) }]).unwrap();
        let lines = [b"one\n".as_slice(), b"two\n", b"longer than the buffer\n", b"end\n"];
        lines.iter().for_each(|line| logs.write(FIRST, line));
        logs.flush();
        let mut text = String::new();
        let mut decoder = flate2::read::MultiGzDecoder::new(std::fs::File::open(&path).unwrap());
        std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
        assert_eq!(text.as_bytes(), lines.concat());
    }

    #[test]
    fn lines_of_many_threads_stay_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let logs = AccessLogs::of_files(&[file(&path, 64)]).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                let logs = &logs;
                let line = [[b'a' + thread; 30].as_slice(), b"\n"].concat();
                scope.spawn(move || (0..200).for_each(|_| logs.write(FIRST, &line)));
            }
        });
        logs.flush();
        let text = read(&path);
        assert_eq!(text.lines().count(), 800);
        assert!(text.lines().all(|line| line.len() == 30 && line.bytes().all(|b| b == line.as_bytes()[0])));
    }
}

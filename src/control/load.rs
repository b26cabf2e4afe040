//! From what was asked for to a generation, through `config`. Nothing else in the program imports it.

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::options::{Configuration, Start};
use super::report::{Fatal, emerg};
use super::{logs, privileges};
use crate::config::{self, Diagnostic, DiskFiles, Request, Resolve, Text};
use crate::model::{ErrorLogTarget, Generation, LogLevel};
use crate::observe::access_log::AccessLogs;
use crate::observe::error_log;
use crate::tls::Tls;

pub use crate::config::configure_arguments;

/// Version of nginx whose dialect is spoken.
pub const DIALECT_VERSION: &str = "1.31.5";

/// Read when `-c` names no other file.
const DEFAULT_FILE: &str = "/etc/longhaul/nginx.conf";

/// A configuration that can be used.
pub(super) struct Loaded {
    pub(super) generation: Arc<Generation>,
    /// All files that were read.
    files: Vec<(PathBuf, String)>,
}

/// The system's resolver: blocking, so on the main thread only.
struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }
}

/// The name of the configuration, for messages.
pub(super) fn name(start: &Start) -> String {
    match &start.configuration {
        Configuration::File(file) => {
            let file = file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
            prefix(start).map_or_else(|| absolute(file), |prefix| prefix.join(file)).display().to_string()
        }
        Configuration::Generated { name, .. } => name.clone(),
    }
}

fn absolute(path: &Path) -> PathBuf {
    // Fails only where there is no current folder; the path then stays as it was given.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn prefix(start: &Start) -> Option<PathBuf> {
    start.prefix.as_deref().map(absolute)
}

/// What relative names of log files are relative to.
fn folder(start: &Start) -> PathBuf {
    let of_file = || Path::new(&name(start)).parent().map(Path::to_owned);
    prefix(start).or_else(of_file).unwrap_or_default()
}

/// Makes the folder `logs` under the prefix if the configuration, by nginx's defaults, has files in it. Whoever runs a
/// file of a few lines has no such folder; where it cannot be made, opening the files says so.
fn make_default_folder(start: &Start, generation: &Generation) {
    let logs = folder(start).join("logs");
    let process = &generation.process;
    let of_levels = generation.serving.error_logs.iter().flat_map(|logs| logs.iter());
    let mut error_logs = process.error_logs.iter().chain(of_levels).filter_map(|log| match &log.target {
        ErrorLogTarget::File(path) => Some(path.as_path()),
        ErrorLogTarget::Stderr | ErrorLogTarget::Syslog(_) => None,
    });
    let is_inside = |path: &Path| path.parent() == Some(&logs);
    let is_needed =
        is_inside(&process.pid) || error_logs.any(is_inside) || AccessLogs::paths_of(generation).any(is_inside);
    if is_needed && matches!(start.configuration, Configuration::File(_)) {
        let _ = std::fs::create_dir(&logs);
    }
}

/// Loads the configuration of a start. What is wrong with it goes to the terminal, and to the log that `-e` names.
pub(super) fn load_or_say(start: &Start) -> Option<Loaded> {
    if let Some(path) = start.error_log.as_deref().filter(|path| path.as_os_str() != "stderr")
        && let Err(error) = logs::begin(folder(start).join(path))
    {
        // As in nginx this alone does not end the start: the configuration may name another log.
        error_log::write(LogLevel::Alert, None, format_args!("{error}"));
    }
    if matches!(start.configuration, Configuration::File(None)) && !Path::new(&name(start)).exists() {
        emerg(&Fatal(format!(
            "there is no configuration file {}: start with `longhaul -c FILE`, with `longhaul demo`, or with \
             `longhaul proxy --listen ADDR --to ADDR`",
            name(start)
        )));
        return None;
    }
    match read(start, 1) {
        Ok(config::Loaded { generation, warnings, files }) => {
            warnings.iter().for_each(|warning| tell(LogLevel::Warn, warning));
            make_default_folder(start, &generation);
            Some(Loaded { generation: Arc::new(generation), files })
        }
        Err(errors) => {
            errors.iter().for_each(|error| tell(LogLevel::Emerg, error));
            None
        }
    }
}

/// A diagnostic as a log line, with the quoted text below it on the terminal.
fn tell(level: LogLevel, diagnostic: &Diagnostic) {
    error_log::write(level, None, format_args!("{}", diagnostic.message));
    if !diagnostic.detail.is_empty() {
        eprintln!("{}", diagnostic.detail);
    }
}

/// Loads the configuration anew for a running process: warnings go to its log.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn load(start: &Start, number: u64) -> Result<Arc<Generation>, Vec<Fatal>> {
    match read(start, number) {
        Ok(config::Loaded { generation, warnings, .. }) => {
            let lines = warnings.iter().map(|warning| &warning.message);
            lines.for_each(|line| error_log::write(LogLevel::Warn, None, format_args!("{line}")));
            Ok(Arc::new(generation))
        }
        Err(errors) => Err(errors.into_iter().map(|error| Fatal(error.message)).collect()),
    }
}

/// Reads the certificates and keys of a configuration.
///
/// # Errors
/// All that cannot be used.
pub(super) fn tls(generation: &Generation) -> Result<Tls, Vec<Fatal>> {
    Tls::load(&generation.serving).map_err(|unusable| unusable.into_iter().map(|file| Fatal(file.0)).collect())
}

fn read(start: &Start, number: u64) -> Result<config::Loaded, Vec<Diagnostic>> {
    let text = match &start.configuration {
        Configuration::File(_) => Text::File(name(start).into()),
        Configuration::Generated { name, text } => Text::Generated { name: name.clone(), text: text.clone() },
    };
    config::load(&Request {
        text,
        prefix: prefix(start),
        global_directives: start.globals.clone(),
        error_log: start.error_log.clone(),
        hostname: rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase(),
        is_privileged: privileges::is_root(),
        number,
        files: &DiskFiles,
        resolver: &SystemResolver,
    })
}

impl Loaded {
    /// `-T`: all files on stdout, each under its name.
    pub(super) fn dump(&self) {
        let mut out = io::stdout().lock();
        for (path, text) in &self.files {
            // Whoever closed stdout does not want to read on.
            let _ = writeln!(out, "# configuration file {}:\n{text}", path.display());
        }
    }
}

//! A proxy as processes: started fresh in a folder of its own, on its core, in its cgroup; ended in any case.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::certificate::Certificate;
use super::known::Proxy;
use super::launch;
use super::template::{ACCESS_LOG_FILE, TLS, Values, has_access_log};
use crate::crew::is_free_soon;
use crate::host::kernel_memory::Group;
use crate::host::process;
use crate::{host, interrupt};

const START_TIME_MAX: Duration = Duration::from_secs(10);
const END_TIME_MAX: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Of what a proxy says when it fails.
const REASON_LINES_MAX: usize = 3;
/// Of its output that a run keeps: one that logs there says a line for each request.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// Where a proxy is to run and what it leads to.
#[derive(Debug, Clone)]
pub struct Place {
    pub address: SocketAddr,
    pub peers: Vec<String>,
    pub core: usize,
    pub folder: PathBuf,
    pub access_log: bool,
    pub tls: Option<Certificate>,
}

#[derive(Debug)]
pub struct Running {
    child: Child,
    pub address: SocketAddr,
    /// `Err` with the reason when the kernel's memory cannot be told apart.
    pub group: Result<Group, String>,
    said: PathBuf,
    folder: PathBuf,
}

/// Starts it and waits until it takes connections.
pub fn start(proxy: &Proxy, place: &Place) -> Result<Running, String> {
    let Place { address, folder, .. } = place;
    if !is_free_soon(address.port()) {
        return Err(format!("somebody listens on {address} already"));
    }
    let in_place = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder.join("tmp")).map_err(in_place)?;
    let folder = folder.canonicalize().map_err(in_place)?;
    let descriptors = host::limits::raise_descriptors();
    let values = Values {
        listen: *address,
        peers: place.peers.clone(),
        folder: &folder,
        core: place.core,
        descriptors,
        access_log: place.access_log,
        tls: place.tls.as_ref(),
    };
    if place.access_log && !has_access_log(&proxy.configuration) {
        return Err("its configuration here has no access log".to_owned());
    }
    if place.tls.is_some() && !proxy.configuration.contains(TLS) {
        return Err("its configuration here has no TLS".to_owned());
    }
    fs::write(folder.join("proxy.conf"), values.fill(&proxy.configuration)?).map_err(in_place)?;
    let arguments = proxy.arguments.iter().map(|argument| values.fill_line(argument));
    let arguments = arguments.collect::<Result<Vec<String>, String>>()?;
    let name = proxy.program.file_name().unwrap_or_default().to_string_lossy();
    fs::write(folder.join("command.txt"), format!("{name} {}\n", arguments.join(" "))).map_err(in_place)?;
    let said = folder.join("output.txt");
    let output = File::create(&said).map_err(in_place)?;
    let group = Group::new(&proxy.name);
    let file = group.as_ref().ok().map(Group::processes);
    let mut command = Command::new(std::env::current_exe().map_err(in_place)?);
    command.args(launch::arguments(place.core, file)).arg(&proxy.program).args(arguments);
    command.current_dir(&folder).stdin(Stdio::null()).process_group(0);
    command.stdout(output.try_clone().map_err(in_place)?).stderr(output);
    let child = command.spawn().map_err(in_place)?;
    let mut running = Running { child, address: *address, group, said, folder };
    running.wait_until_it_listens()?;
    Ok(running)
}

impl Running {
    /// Its first process, which starts the others.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_it_listens(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START_TIME_MAX;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("ended at its start with {status}: {}", last_lines(&self.said)));
            }
            if TcpStream::connect_timeout(&self.address, Duration::from_millis(200)).is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "takes no connection on {} within {} s: {}",
                    self.address,
                    START_TIME_MAX.as_secs(),
                    last_lines(&self.said)
                ));
            }
            interrupt::sleep(LOOK_EVERY)?;
        }
    }

    /// Whether it ended by itself, and what it said then.
    pub fn has_ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("ended with {status}: {}", last_lines(&self.said)))
    }
}

/// What it said, on one line: what it calls an error, or else its last words.
fn last_lines(file: &Path) -> String {
    reason(&without_folder(file))
}

/// What it wrote into its folder, without the way there: that tells of the machine and not of the proxy.
fn without_folder(file: &Path) -> String {
    let text = fs::read(file).unwrap_or_default();
    let folder = file.parent().map(|folder| format!("{}/", folder.display())).unwrap_or_default();
    String::from_utf8_lossy(&text).replace(&folder, "")
}

fn reason(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let is_error = |line: &&&str| ["[emerg]", "[alert]", "[ALERT]"].iter().any(|level| line.contains(level));
    let errors: Vec<&str> = lines.iter().filter(is_error).take(REASON_LINES_MAX).copied().collect();
    match (errors.as_slice(), lines.as_slice()) {
        ([], []) => "it said nothing".to_owned(),
        ([], lines) => lines[lines.len().saturating_sub(REASON_LINES_MAX)..].join(" | "),
        (errors, _) => errors.join(" | "),
    }
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // One that is gone already needs no signal.
    let _ = pid.map(|pid| kill_process(pid, signal));
}

impl Drop for Running {
    fn drop(&mut self) {
        let pids = process::tree(self.child.id());
        signal(self.child.id(), Signal::TERM);
        let deadline = Instant::now() + END_TIME_MAX;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(LOOK_EVERY);
        }
        let is_ours = |pid: &u32| process::stat(*pid).is_some();
        for pid in pids.into_iter().filter(|pid| *pid != self.child.id()).filter(is_ours) {
            signal(pid, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        tidy(&self.folder, &self.said);
    }
}

/// Leaves what tells how the proxy ran: not its keys, its log of every request, its scratch files.
fn tidy(folder: &Path, said: &Path) {
    // What cannot be removed is only in the way.
    let _ = fs::remove_dir_all(folder.join("tmp"));
    for name in [ACCESS_LOG_FILE, "proxy.pid", "certificate.pem", "key.pem", "both.pem"] {
        let _ = fs::remove_file(folder.join(name));
    }
    for file in [said, &folder.join("error.log")].into_iter().filter(|file| file.is_file()) {
        let text = without_folder(file);
        let _ = match text.as_str() {
            "" => fs::remove_file(file),
            text => fs::write(file, &text.as_bytes()[..text.len().min(OUTPUT_BYTES_MAX)]),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_has_neither_keys_nor_requests() {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("output.txt");
        fs::create_dir_all(folder.path().join("tmp/0")).unwrap();
        for name in ["proxy.conf", "key.pem", "access.log"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        fs::write(folder.path().join("error.log"), "").unwrap();
        let from = format!("in {}/proxy.conf:3\n", folder.path().display());
        fs::write(&said, from + &"x".repeat(100_000)).unwrap();
        tidy(folder.path(), &said);
        let left = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name());
        let mut left: Vec<String> = left.map(|name| name.to_string_lossy().into_owned()).collect();
        left.sort();
        assert_eq!(left, ["output.txt", "proxy.conf"]);
        let text = fs::read_to_string(&said).unwrap();
        assert!(text.starts_with("in proxy.conf:3\nxxx") && text.len() == OUTPUT_BYTES_MAX);
    }

    #[test]
    fn the_reason_is_what_it_calls_an_error() {
        assert_eq!(reason("p: [warn] a\n\np: [emerg] b in f:3\n  |\n3 | c\n"), "p: [emerg] b in f:3");
        assert_eq!(reason("one\ntwo\nthree\nfour\n"), "two | three | four");
        assert_eq!(reason(""), "it said nothing");
    }
}

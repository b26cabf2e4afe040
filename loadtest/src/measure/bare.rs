//! What two bare sockets take of kernel memory here, in a cgroup like a proxy's.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::host::kernel_memory::Group;
use crate::host::limits;
use crate::interrupt;

const PAIRS_MAX: u64 = 4000;
const DESCRIPTORS_SPARE: u64 = 50;
/// Until the kernel's books are in order.
const SETTLE: Duration = Duration::from_millis(200);

/// Bytes for a pair, by holding many in a process of this program.
pub fn bytes_per_pair() -> Result<f64, String> {
    let group = Group::new("bare")?;
    let pairs = (limits::raise_descriptors().saturating_sub(DESCRIPTORS_SPARE) / 2).clamp(1, PAIRS_MAX);
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(["bare-sockets", "--count", &pairs.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("bare sockets: {error}"))?;
    let bytes = measure(&mut child, &group, pairs as f64);
    drop(child.stdin.take());
    let ended = child.wait().map_err(|error| format!("bare sockets: {error}"));
    ended.and(bytes)
}

fn measure(child: &mut Child, group: &Group, pairs: f64) -> Result<f64, String> {
    group.adopt(child.id())?;
    let (Some(stdin), Some(stdout)) = (child.stdin.as_mut(), child.stdout.take()) else {
        return Err("bare sockets: no pipes to their process".to_owned());
    };
    interrupt::sleep(SETTLE)?;
    let before = group.bytes()?;
    stdin.write_all(b"\n").map_err(|error| format!("bare sockets: {error}"))?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).map_err(|error| format!("bare sockets: {error}"))?;
    if line.trim() != "held" {
        return Err("bare sockets: not all could be opened".to_owned());
    }
    interrupt::sleep(SETTLE)?;
    Ok((group.bytes()? as f64 - before as f64) / pairs)
}

//! One process of load: takes orders as lines on its standard input, a socket, and answers each with one line.
//!
//! Ends when that socket ends, so that nothing outlives the process that measures.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::UnixStream;
use monoio::time::TimeDriver;
use monoio::{IoUringDriver, Runtime, RuntimeBuilder};
use rustix::io::Errno;

use super::open::Target;
use super::peers;
use super::tls::Tls;
use super::tunnels::{Opened, Tunnels};
use crate::orders::Line;

/// More completions than both ends of 9,000 tunnels can cause between two looks: each overflow costs a call.
const COMPLETIONS: u32 = 65_536;
/// The fewest that do. The kernel wants a ring's memory in one piece, two megabytes for the above, and on a machine that
/// has been busy for long there often is none (axboe/liburing#1614).
const COMPLETIONS_MIN: u32 = 4096;
/// Of so many completions one is a submission that waits for an entry into the kernel.
const COMPLETIONS_PER_SUBMISSION: u32 = 16;

#[derive(Debug, Clone)]
pub struct Options {
    pub target: SocketAddr,
    pub host: String,
    pub core: Option<usize>,
    /// Tells the processes of one run apart.
    pub process: u8,
    /// Whether connections of plain requests are held in place of tunnels.
    pub keeps: bool,
    /// The certificate that is trusted, for a target that speaks TLS.
    pub certificate: Option<PathBuf>,
}

pub fn run(options: &Options) -> Result<(), String> {
    if let Some(core) = options.core {
        crate::host::pin(core)?;
    }
    let orders = io::stdin().as_fd().try_clone_to_owned().map_err(|error| format!("standard input: {error}"))?;
    let mut runtime = runtime().map_err(|error| match is(&error, Errno::NOMEM) {
        true => format!("io_uring: {error}: no room for a ring in one piece, or `ulimit -l` is too low"),
        false => format!("io_uring: {error}; is it disabled by kernel.io_uring_disabled?"),
    })?;
    let tls = options.certificate.as_ref().map(|certificate| Tls::new(certificate, &options.host)).transpose()?;
    let target = Target::new(options.target, &options.host, options.process, options.keeps, tls);
    let tunnels = Tunnels::new(target, options.process);
    runtime.block_on(obey(StdUnixStream::from(orders), tunnels)).map_err(|error| format!("orders: {error}"))
}

fn runtime() -> io::Result<Runtime<TimeDriver<IoUringDriver>>> {
    let build = |with_flags: bool, completions: u32| {
        let mut ring = io_uring::IoUring::builder();
        ring.setup_cqsize(completions);
        if with_flags {
            ring.setup_coop_taskrun().setup_single_issuer();
        }
        let entries = completions / COMPLETIONS_PER_SUBMISSION;
        RuntimeBuilder::<IoUringDriver>::new().with_entries(entries).uring_builder(ring).enable_timer().build()
    };
    match with_room(|completions| build(true, completions)) {
        // Kernels before 6.0 know no single issuer.
        Err(error) if is(&error, Errno::INVAL) => with_room(|completions| build(false, completions)),
        made => made,
    }
}

/// What `make` makes with as many completions as there is memory for.
fn with_room<T>(mut make: impl FnMut(u32) -> io::Result<T>) -> io::Result<T> {
    let mut completions = COMPLETIONS;
    loop {
        match make(completions) {
            Err(error) if is(&error, Errno::NOMEM) && completions > COMPLETIONS_MIN => completions /= 2,
            made => return made,
        }
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

async fn obey(orders: StdUnixStream, mut tunnels: Tunnels) -> io::Result<()> {
    let mut stream = UnixStream::from_std(orders)?;
    let mut text = Vec::new();
    let mut buffer = Vec::with_capacity(4096);
    loop {
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let order = Line::from(String::from_utf8_lossy(&line).as_ref());
            let answer =
                obey_one(&order, &mut tunnels).await.unwrap_or_else(|error| Line::new("error").with("why", error));
            stream.write_all(format!("{answer}\n").into_bytes()).await.0?;
        }
        let (result, filled) = stream.read(buffer).await;
        buffer = filled;
        match result? {
            0 => return Ok(()),
            count => text.extend_from_slice(&buffer[..count]),
        }
    }
}

async fn obey_one(order: &Line, tunnels: &mut Tunnels) -> Result<Line, String> {
    match order.word.as_str() {
        "peers" => {
            let ports = order.text("ports").unwrap_or_default();
            for port in ports.split(',') {
                let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
                peers::listen(port).map_err(|error| error.to_string())?;
            }
            Ok(Line::new("done"))
        }
        "open" => {
            let opened = tunnels.open(order.number("count")?).await;
            Ok(report(&opened, tunnels))
        }
        "run" => {
            begin(order, tunnels)?;
            Ok(Line::new("done"))
        }
        "mark" => Ok(tunnels.counts.borrow_mut().take()),
        "stop" => {
            tunnels.stop().await;
            Ok(tunnels.counts.borrow_mut().take())
        }
        "check" => {
            let (ok, failed) = tunnels.check().await;
            Ok(Line::new("done").with("ok", ok).with("failed", failed))
        }
        "storm" => {
            let opened = tunnels.storm().await;
            Ok(report(&opened, tunnels))
        }
        word => Err(format!("`{word}` is no order")),
    }
}

fn report(opened: &Opened, tunnels: &Tunnels) -> Line {
    let error = tunnels.counts.borrow().first_error.clone().unwrap_or_default();
    let line = Line::new("done").with("ok", opened.ok).with("failed", opened.failed).with("held", tunnels.held());
    line.with("seconds", opened.seconds).with("error", error)
}

fn begin(order: &Line, tunnels: &mut Tunnels) -> Result<(), String> {
    let (busy, bytes) = (order.number("busy")?, order.number("bytes")?);
    match order.text("what").as_deref() {
        Some("echo") => tunnels.run_in_turn(busy, bytes),
        Some("pace") => tunnels.run_at_rate(busy, bytes, order.number("rate")?),
        Some("bulk") => tunnels.run_bulk(busy, bytes, order.number("rate")?),
        Some("churn") => tunnels.run_churn(busy),
        Some("http") => tunnels.run_http(busy, bytes),
        what => return Err(format!("`run` of {what:?}, which is nothing")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_smaller_where_memory_lies_in_pieces() {
        let short = || io::Error::from_raw_os_error(Errno::NOMEM.raw_os_error());
        let room = |max| with_room(|completions| if completions > max { Err(short()) } else { Ok(completions) });
        assert_eq!([COMPLETIONS, 20_000, COMPLETIONS_MIN].map(|max| room(max).ok()), [65_536, 16_384, 4096].map(Some));
        assert!(is(&room(COMPLETIONS_MIN - 1).unwrap_err(), Errno::NOMEM));
        let mut tried = 0;
        let other = with_room(|_| {
            tried += 1;
            Err::<(), _>(io::Error::from_raw_os_error(Errno::PERM.raw_os_error()))
        });
        assert!(is(&other.unwrap_err(), Errno::PERM) && tried == 1);
    }
}

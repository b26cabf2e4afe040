//! Opening a tunnel: connect from a chosen address, shake hands, verify.
//!
//! A client address has some 28,000 ports. To a loopback target the addresses of 127.0.0.0/8 are used in turn, so that
//! neither many tunnels nor ports that wait after a close run out.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use monoio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::counts::Shared;
use super::link::{Link, Reader, Writer};
use super::tls::Tls;
use super::{echo, kept};
use crate::wire::handshake::{HEAD_BYTES_MAX, Offer};

/// Nobody waits longer for a tunnel; a proxy that needs more has failed at it.
const OPEN_TIME_MAX: Duration = Duration::from_secs(10);
/// Opens from one source address before the next one's turn.
const OPENS_PER_SOURCE: u64 = 64;
const SOURCES: u64 = 240;

pub struct Tunnel {
    pub number: u32,
    pub reader: Reader,
    pub writer: Writer,
}

/// Where tunnels lead, and from which addresses.
pub struct Target {
    pub address: SocketAddr,
    /// The value of `Host`.
    pub host: String,
    opened: Cell<u64>,
    /// Tells processes apart: each takes source addresses of its own.
    process: u8,
    /// Whether what is opened is a connection that is kept after a plain request.
    keeps: bool,
    tls: Option<Tls>,
}

impl Target {
    pub fn new(address: SocketAddr, host: &str, process: u8, keeps: bool, tls: Option<Tls>) -> Self {
        Self { address, host: host.to_owned(), opened: Cell::new(0), process, keeps, tls }
    }

    fn source(&self) -> Option<SocketAddr> {
        if !self.address.ip().is_loopback() || self.address.is_ipv6() {
            return None;
        }
        let turn = self.opened.get() / OPENS_PER_SOURCE % SOURCES;
        let address = Ipv4Addr::new(127, self.process, 1, 1 + turn as u8);
        Some(SocketAddr::new(address.into(), 0))
    }

    pub async fn connect(&self) -> Result<Link, String> {
        let stream = self.connect_plain().await.map_err(|error| format!("connect to {}: {error}", self.address))?;
        match &self.tls {
            Some(tls) => tls.wrap(stream).await,
            None => Ok(Link::Plain(stream)),
        }
    }

    async fn connect_plain(&self) -> io::Result<TcpStream> {
        let source = self.source();
        self.opened.set(self.opened.get() + 1);
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(source) = source {
            socket.set_reuse_address(true)?;
            socket.bind(&source.into())?;
        }
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&self.address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        // The ring waits by itself, and only on sockets that block.
        let checked = socket.try_clone()?;
        let stream = TcpStream::from_std(socket.into())?;
        stream.writable(false).await?;
        if let Some(error) = checked.take_error()? {
            return Err(error);
        }
        checked.set_nonblocking(false)?;
        Ok(stream)
    }

    pub async fn open(&self, number: u32) -> Result<Tunnel, String> {
        let opened = monoio::time::timeout(OPEN_TIME_MAX, async {
            if self.keeps { self.open_kept(number).await } else { self.open_at_leisure(number).await }
        });
        opened.await.unwrap_or_else(|_| Err(format!("no answer within {} s", OPEN_TIME_MAX.as_secs())))
    }

    async fn open_kept(&self, number: u32) -> Result<Tunnel, String> {
        let (reader, writer) = self.connect().await?.split();
        let mut tunnel = Tunnel { number, reader, writer };
        kept::exchange(&mut tunnel, &self.host).await?;
        Ok(tunnel)
    }

    /// One message there and back, to show that what is held still carries bytes. Nothing comes back when it broke.
    pub async fn check(&self, mut tunnel: Tunnel, counts: Shared) -> Option<Tunnel> {
        if !self.keeps {
            return echo::once(tunnel, counts).await;
        }
        match kept::exchange(&mut tunnel, &self.host).await {
            Ok(()) => Some(tunnel),
            Err(reason) => {
                counts.borrow_mut().fail(&format!("connection {}: {reason}", tunnel.number));
                None
            }
        }
    }

    async fn open_at_leisure(&self, number: u32) -> Result<Tunnel, String> {
        let (mut reader, mut writer) = self.connect().await?.split();
        let mut offer = Offer::new(&self.host, u64::from(number));
        let (result, _) = writer.write_all(std::mem::take(&mut offer.request)).await;
        result.map_err(|error| format!("handshake: {error}"))?;
        let mut answer = Vec::new();
        let mut buffer = Vec::with_capacity(1024);
        loop {
            let (result, filled) = reader.read(buffer).await;
            buffer = filled;
            match result {
                Ok(0) => return Err("closed during the handshake".to_owned()),
                Ok(count) => answer.extend_from_slice(&buffer[..count]),
                Err(error) => return Err(format!("handshake: {error}")),
            }
            match offer.verify(&answer)? {
                None if answer.len() < HEAD_BYTES_MAX => {}
                None => return Err("the answer's head has no end".to_owned()),
                Some(taken) if taken == answer.len() => return Ok(Tunnel { number, reader, writer }),
                Some(_) => return Err("bytes after the 101 that no peer sent".to_owned()),
            }
        }
    }
}

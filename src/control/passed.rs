//! Listening sockets that the process was started with (`LISTEN_FDS`, sd_listen_fds(3)).

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

use crate::model::ListenAddress;

/// Sockets with the addresses that they listen on.
#[derive(Debug, Default)]
pub struct Passed {
    sockets: Vec<(ListenAddress, OwnedFd)>,
}

impl Passed {
    /// Takes them out of the environment, once and before threads run. Descriptors that are no listening sockets are
    /// left alone, with a warning for each.
    pub fn take() -> (Self, Vec<String>) {
        let mut found = ListenFd::from_env();
        let mut sockets = Vec::new();
        let mut warnings = Vec::new();
        for number in 0..found.len() {
            match one(&mut found, number) {
                Some(socket) => sockets.push(socket),
                None => warnings.push(format!(
                    "socket {} of {} in LISTEN_FDS is no stream socket with an address: it is not used",
                    number + 1,
                    found.len()
                )),
            }
        }
        (Self { sockets }, warnings)
    }

    /// The socket that listens on exactly this address.
    #[must_use]
    pub fn of(&self, address: &ListenAddress) -> Option<&OwnedFd> {
        self.sockets.iter().find(|(known, _)| known == address).map(|(_, socket)| socket)
    }

    pub fn addresses(&self) -> impl Iterator<Item = &ListenAddress> {
        self.sockets.iter().map(|(address, _)| address)
    }
}

fn one(found: &mut ListenFd, number: usize) -> Option<(ListenAddress, OwnedFd)> {
    if let Ok(Some(socket)) = found.take_tcp_listener(number) {
        return with_address_of_tcp(socket);
    }
    let socket = found.take_unix_listener(number).ok()??;
    with_address_of_unix(socket)
}

fn with_address_of_tcp(socket: TcpListener) -> Option<(ListenAddress, OwnedFd)> {
    Some((ListenAddress::Ip(socket.local_addr().ok()?), socket.into()))
}

fn with_address_of_unix(socket: UnixListener) -> Option<(ListenAddress, OwnedFd)> {
    let path = socket.local_addr().ok()?.as_pathname()?.to_owned();
    Some((ListenAddress::Unix(path), socket.into()))
}

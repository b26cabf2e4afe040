//! One task for each listening socket: wait, take a batch, hand it on.

use std::io;
use std::pin::pin;
use std::rc::Rc;

use super::contain::contain;
use super::gate::Gate;
use crate::limits::ACCEPT_PAUSE;
use crate::model::{ListenAddress, LogLevel};
use crate::net::accept::{Accepted, Acceptor, Refused, Reserve};
use crate::net::listener::Listening;
use crate::net::spare;
use crate::observe::error_log;
use crate::sys::errno::Errno;

/// The shard behind its listening sockets.
pub(super) trait Taker: 'static {
    /// Takes a connection over.
    fn serve(self: &Rc<Self>, address: &ListenAddress, accepted: Accepted);

    /// Logs, but not more often than an operator reads.
    fn warn(&self, level: LogLevel, text: std::fmt::Arguments<'_>);

    fn reserve(&self) -> &Reserve;
}

/// A listening socket of this shard.
pub(super) struct Door {
    pub(super) address: ListenAddress,
    /// Shut to close the socket.
    pub(super) closing: Gate,
    /// Shut when nothing more is accepted.
    pub(super) closed: Gate,
}

/// Starts to accept on a socket.
pub(super) fn open<T: Taker>(taker: &Rc<T>, address: ListenAddress, socket: Listening) -> io::Result<Rc<Door>> {
    let acceptor = Acceptor::new(socket)?;
    let door = Rc::new(Door { address, closing: Gate::default(), closed: Gate::default() });
    let (taker, opened) = (Rc::clone(taker), Rc::clone(&door));
    monoio::spawn(async move {
        if let Err(panicked) = contain(pin!(Some(run(&taker, &door, &acceptor)))).await {
            let text = format_args!("listener {} ended by a panic: {}", door.address, panicked.0);
            error_log::write(LogLevel::Alert, None, text);
        }
        acceptor.close();
        door.closed.shut();
    });
    Ok(opened)
}

async fn run<T: Taker>(taker: &Rc<T>, door: &Door, acceptor: &Acceptor) {
    // Whether the last attempt found no descriptor either.
    let mut is_starved = false;
    let mut closing = pin!(door.closing.shutting());
    loop {
        monoio::select! {
            biased;
            () = &mut closing => break,
            ready = acceptor.readable() => if let Err(error) = ready {
                return log(door, LogLevel::Alert, &error, "poll");
            }
        }
        let (served, taken) = take(taker, door, acceptor);
        match taken {
            Ok(_) => is_starved = false,
            Err(Refused::Exhausted(error)) => {
                let text = format_args!("accept4() failed ({}) on {}", Errno(&error), door.address);
                taker.warn(LogLevel::Crit, text);
                // Descriptors without a connection.
                spare::release();
                if is_starved && served == 0 {
                    acceptor.shed(taker.reserve());
                }
                // Those that were served may be over soon: only when none was is there no place to hope for.
                is_starved = served == 0;
                monoio::time::sleep(ACCEPT_PAUSE).await;
            }
            Err(Refused::Broken(error)) => return log(door, LogLevel::Alert, &error, "accept4"),
        }
    }
    // What the kernel has completed is ours: closing the socket would reset it.
    while take(taker, door, acceptor).1.is_ok_and(|has_more| has_more) {}
}

/// Serves what waits. Returns how many that were, and what [`Acceptor::take`] says.
fn take<T: Taker>(taker: &Rc<T>, door: &Door, acceptor: &Acceptor) -> (usize, Result<bool, Refused>) {
    let mut served = 0;
    let result = acceptor.take(|accepted| {
        taker.serve(&door.address, accepted);
        served += 1;
    });
    (served, result)
}

fn log(door: &Door, level: LogLevel, error: &io::Error, call: &str) {
    let text = format_args!("{call}() failed ({}) on {}: it is closed", Errno(error), door.address);
    error_log::write(level, None, text);
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::limits::ACCEPT_BATCH_COUNT;
    use crate::sys::socket::waiting_count;

    struct Keeping {
        taken: RefCell<Vec<Accepted>>,
        reserve: Reserve,
    }

    impl Taker for Keeping {
        fn serve(self: &Rc<Self>, _: &ListenAddress, accepted: Accepted) {
            self.taken.borrow_mut().push(accepted);
        }

        fn warn(&self, _: LogLevel, text: std::fmt::Arguments<'_>) {
            panic!("{text}");
        }

        fn reserve(&self) -> &Reserve {
            &self.reserve
        }
    }

    #[test]
    fn who_has_connected_when_a_listener_is_closed_is_served() {
        let count = ACCEPT_BATCH_COUNT + 1;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let taker = Rc::new(Keeping { taken: RefCell::default(), reserve: Reserve::new().unwrap() });
        let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().enable_timer().build().unwrap();
        runtime.block_on(async {
            let socket = Listening { fd: listener.try_clone().unwrap().into(), is_passed: false };
            let door = open(&taker, ListenAddress::Ip(address), socket).unwrap();
            let _clients: Vec<TcpStream> = (0..count).map(|_| TcpStream::connect(address).unwrap()).collect();
            let deadline = Instant::now() + Duration::from_secs(30);
            while waiting_count(listener.as_fd()) != Some(count) {
                assert!(Instant::now() < deadline, "not all connections came");
                std::thread::yield_now();
            }
            door.closing.shut();
            door.closed.shutting().await;
            assert_eq!(taker.taken.borrow().len(), count);
            assert!(TcpStream::connect(address).is_err(), "it listens no more");
        });
    }
}

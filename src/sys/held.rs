//! The descriptor of a socket, which an operation of the runtime's ring may hold for a while.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{self, Poll, Waker};

use monoio::net::UnixStream;
use rustix::fs::CWD;

use super::fd::of_owned_stream;

/// A socket that is closed when this is dropped; while the ring waits for it, once the ring has given it back.
pub struct Held {
    /// `CWD`, which no call on a socket takes, once nobody has the socket any more.
    number: Cell<RawFd>,
    holder: RefCell<Holder>,
}

/// Gives the descriptor back when it ends, with what came of the wait; or has closed it.
type Wait = Pin<Box<dyn Future<Output = io::Result<(OwnedFd, io::Result<()>)>>>>;

enum Holder {
    /// Nobody has waited yet.
    Ahead(OwnedFd),
    /// The first wait. It outlives who waits: whoever comes next finds it.
    Armed(Wait),
    Over(OwnedFd),
    Nobody,
}

impl Held {
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { number: Cell::new(fd.as_raw_fd()), holder: RefCell::new(Holder::Ahead(fd)) }
    }

    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor of this number is in `holder`, or in the future there, which alone moves it, or it is
        // `CWD`. Both live as long as `self`, and `poll_first` sets the number back only where one of them has it still.
        unsafe { BorrowedFd::borrow_raw(self.number.get()) }
    }

    /// Whether there has been a first wait.
    #[must_use]
    pub fn is_past_first(&self) -> bool {
        matches!(*self.holder.borrow(), Holder::Over(_))
    }

    /// Whether the ring has the descriptor, as far as is known: who gives the socket up then gets a duplicate.
    #[must_use]
    pub fn is_lent(&self) -> bool {
        !matches!(*self.holder.borrow(), Holder::Ahead(_) | Holder::Over(_))
    }

    /// Waits on the ring until something can be read: once, later calls are answered at once. So are those on a socket that
    /// a failed wait has closed: whatever is tried on it then is answered by EBADF.
    ///
    /// # Errors
    /// When the runtime or the kernel refuses the wait.
    pub fn poll_first(&self, waker: &Waker) -> Poll<io::Result<()>> {
        let mut holder = self.holder.borrow_mut();
        let mut waiting = match std::mem::replace(&mut *holder, Holder::Nobody) {
            Holder::Ahead(fd) => Box::pin(wait(fd)) as Wait,
            Holder::Armed(waiting) => waiting,
            past @ (Holder::Over(_) | Holder::Nobody) => {
                *holder = past;
                return Poll::Ready(Ok(()));
            }
        };
        // A panic in there closes the socket, as an error does.
        let number = self.number.replace(CWD.as_raw_fd());
        let (polled, later) = match waiting.as_mut().poll(&mut task::Context::from_waker(waker)) {
            Poll::Pending => (Poll::Pending, Holder::Armed(waiting)),
            Poll::Ready(Ok((fd, result))) => (Poll::Ready(result), Holder::Over(fd)),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
        };
        self.number.set(number);
        *holder = later;
        polled
    }

    /// Gives the socket up. If nobody has seen the end of the first wait this is a duplicate: the old descriptor closes by
    /// itself.
    ///
    /// # Errors
    /// `EMFILE` when no descriptor is left for a duplicate, `EBADF` when a failed wait has closed the socket.
    pub fn into_fd(self) -> io::Result<OwnedFd> {
        let Self { number, holder } = self;
        match holder.into_inner() {
            Holder::Ahead(fd) | Holder::Over(fd) => Ok(fd),
            other => Self { number, holder: RefCell::new(other) }.duplicate(),
        }
    }

    /// The same connection by another descriptor.
    ///
    /// # Errors
    /// `EMFILE` when none is left, `EBADF` as [`Held::into_fd`].
    pub fn duplicate(&self) -> io::Result<OwnedFd> {
        Ok(rustix::io::fcntl_dupfd_cloexec(self.fd(), 0)?)
    }
}

async fn wait(fd: OwnedFd) -> io::Result<(OwnedFd, io::Result<()>)> {
    // The runtime's type for unix sockets carries any stream socket: only its readiness is used.
    let socket = UnixStream::from_std(fd.into())?;
    let result = socket.readable(true).await;
    Ok((of_owned_stream(socket), result))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream as Far;

    use super::*;

    fn pair() -> (Held, Far) {
        let (near, far) = Far::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        (Held::new(near.into()), far)
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().build().unwrap().block_on(test)
    }

    /// The end of a wait that began before.
    async fn wait(held: &Held) {
        poll_fn(|cx| held.poll_first(cx.waker())).await.unwrap();
    }

    fn arm(held: &Held) {
        assert!(!held.is_lent());
        assert!(held.poll_first(Waker::noop()).is_pending() && !held.is_past_first() && held.is_lent());
    }

    #[test]
    fn the_first_wait_ends_once_and_the_descriptor_stays_the_same() {
        run(async {
            let (held, mut far) = pair();
            let number = held.fd().as_raw_fd();
            arm(&held);
            assert_eq!(held.fd().as_raw_fd(), number);
            far.write_all(b"x").unwrap();
            wait(&held).await;
            assert!(held.is_past_first() && !held.is_lent() && held.poll_first(Waker::noop()).is_ready());
            assert_eq!(held.into_fd().unwrap().as_raw_fd(), number);
            let (unused, _far) = pair();
            let number = unused.fd().as_raw_fd();
            assert_eq!(unused.into_fd().unwrap().as_raw_fd(), number);
        });
    }

    #[test]
    fn a_socket_that_the_ring_waits_for_goes_on_by_another_descriptor() {
        run(async {
            let (held, mut far) = pair();
            let number = held.fd().as_raw_fd();
            arm(&held);
            let other = held.into_fd().unwrap();
            assert_ne!(other.as_raw_fd(), number);
            let mut near = Far::from(other);
            near.write_all(b"y").unwrap();
            far.read_exact(&mut [0]).unwrap();
        });
    }

    /// Without a runtime there is nothing to wait with, which is a panic. The number may be another's by then.
    #[test]
    fn a_socket_that_a_failed_wait_has_closed_is_named_no_more() {
        let (held, mut far) = pair();
        let wait = || held.poll_first(Waker::noop());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(wait)).is_err());
        assert_eq!(far.read(&mut [0]).unwrap(), 0);
        assert_eq!(held.fd().as_raw_fd(), CWD.as_raw_fd());
        assert!(held.poll_first(Waker::noop()).is_ready() && !held.is_past_first());
        assert_eq!(rustix::io::read(held.fd(), &mut [0; 1][..]).unwrap_err(), rustix::io::Errno::BADF);
        assert_eq!(held.duplicate().unwrap_err().raw_os_error(), Some(libc::EBADF));
        assert_eq!(held.into_fd().unwrap_err().raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn a_socket_is_closed_when_it_is_dropped_be_it_waited_for_or_not() {
        let mut far = run(async {
            let ((ahead, far_of_ahead), (armed, far_of_armed), (over, mut far_of_over)) = (pair(), pair(), pair());
            arm(&armed);
            far_of_over.write_all(b"x").unwrap();
            wait(&over).await;
            // What is not read would be told by a reset.
            rustix::net::recv(over.fd(), &mut [0; 1][..], rustix::net::RecvFlags::empty()).unwrap();
            drop((ahead, armed, over));
            // The first turn of the ring ends the wait, the next one closes the descriptor.
            for _ in 0..2 {
                let (after, mut far_of_after) = pair();
                far_of_after.write_all(b"x").unwrap();
                wait(&after).await;
            }
            [far_of_ahead, far_of_armed, far_of_over]
        });
        for far in &mut far {
            assert_eq!(far.read(&mut [0]).unwrap(), 0);
        }
    }
}

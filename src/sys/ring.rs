//! One io_uring of our own: submission of the few operations the tunnels need, and all of its completions.
//!
//! The runtime's ring is another one and is not touched here. The ring belongs to the thread that made it
//! (`IORING_SETUP_SINGLE_ISSUER`). Not DEFER_TASKRUN: such a ring, watched through another ring, never signals. Not
//! SQPOLL: it burns a core.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use io_uring::{IoUring, cqueue, opcode, squeue, types};

use super::buffers::{Buffers, Lent};

/// What a socket is polled for while nothing is expected of it but an end or something to read. ERR and HUP come unasked.
const POLLED: u32 = (libc::POLLIN | libc::POLLRDHUP) as u32;

/// The same where room to write is waited for.
const POLLED_FOR_ROOM: u32 = POLLED | libc::POLLOUT as u32;

/// Kernel threads for operations that block: none of ours does, so one of each kind is already too many.
const WORKERS_MAX: [u32; 2] = [1, 1];

/// Tokens that end in this byte are the ring's own: they name a buffer.
const OWN: u64 = 0xff;

/// Why a ring could not be made; the text names the call and its errno.
#[derive(Debug)]
pub struct SetupError {
    call: &'static str,
    cause: io::Error,
}

impl SetupError {
    /// The errno, for the remedy printed beside it.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.cause.raw_os_error()
    }
}

impl std::fmt::Display for SetupError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} for the tunnel ring: {}", self.call, self.cause)
    }
}

impl std::error::Error for SetupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl From<SetupError> for io::Error {
    fn from(error: SetupError) -> Self {
        io::Error::new(error.cause.kind(), error)
    }
}

/// One completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// The value given with the operation.
    pub token: u64,
    /// Zero or more, or a negated errno.
    pub result: i32,
    /// The same operation posts again.
    pub more: bool,
}

/// What a poll reported, out of [`Completion::result`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    pub readable: bool,
    pub writable: bool,
    /// The other end will send nothing more.
    pub read_closed: bool,
    /// Both ways are closed: by an error, or because each end has finished.
    pub closed: bool,
    /// An error is pending.
    pub failed: bool,
}

impl Readiness {
    pub fn of(result: i32) -> Readiness {
        let has = |flag: i16| result & i32::from(flag) != 0;
        Readiness {
            readable: has(libc::POLLIN),
            writable: has(libc::POLLOUT),
            read_closed: has(libc::POLLRDHUP),
            closed: has(libc::POLLHUP),
            failed: has(libc::POLLERR),
        }
    }
}

/// Buffers for [`Ring::recv`] and [`Ring::send`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferSizes {
    pub count: u16,
    pub bytes: usize,
}

/// A ring is made with less room for completions, down to this, where the kernel has no memory in one piece for more
/// (axboe/liburing#1614): overflow costs a call, a start that fails costs everything.
const COMPLETIONS_MIN: u32 = 4096;

/// Makes a ring with room for so many completions, or for fewer where there is no memory for them.
///
/// # Errors
/// What `make` says in the end.
pub fn with_room<T>(completions: u32, mut make: impl FnMut(u32) -> io::Result<T>) -> io::Result<T> {
    let mut room = completions;
    loop {
        match make(room) {
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) && room / 2 >= COMPLETIONS_MIN => room /= 2,
            made => return made,
        }
    }
}

/// The ring. Dropping it cancels what is armed.
pub struct Ring {
    ring: IoUring,
    buffers: Buffers,
    /// Entries that found the submission queue full and the kernel unwilling. They keep their order.
    backlog: VecDeque<squeue::Entry>,
    overflow_count: u64,
}

impl Ring {
    /// A ring for the calling thread.
    pub fn new(submissions: u32, completions: u32, buffers: BufferSizes) -> Result<Ring, SetupError> {
        let make =
            |room| IoUring::builder().setup_coop_taskrun().setup_single_issuer().setup_cqsize(room).build(submissions);
        let ring = with_room(completions, make).map_err(|cause| SetupError { call: "io_uring_setup", cause })?;
        ring.submitter()
            .register_iowq_max_workers(&mut WORKERS_MAX.clone())
            .map_err(|cause| SetupError { call: "io_uring_register(IOWQ_MAX_WORKERS)", cause })?;
        let buffers = Buffers::new(buffers.count, buffers.bytes).map_err(|cause| SetupError { call: "mmap", cause })?;
        Ok(Ring { ring, buffers, backlog: VecDeque::new(), overflow_count: 0 })
    }

    /// A descriptor that is readable while completions wait.
    pub fn watched(&self) -> io::Result<OwnedFd> {
        // SAFETY: the descriptor belongs to `self.ring`, which outlives this borrow.
        let ring = unsafe { BorrowedFd::borrow_raw(self.ring.as_raw_fd()) };
        ring.try_clone_to_owned()
    }

    /// Watches a socket until [`Ring::unwatch`]. Edge-triggered: a completion for the state now, then one for each
    /// wake-up of the socket; so read or write until a call falls short. The armed poll holds the socket open.
    ///
    /// Room to write is told of only where it is asked for: mostly there is room, and a watch that has something to tell
    /// at once costs a turn.
    pub fn watch(&mut self, socket: BorrowedFd<'_>, for_room: bool, token: u64) {
        let events = if for_room { POLLED_FOR_ROOM } else { POLLED };
        let entry = opcode::PollAdd::new(types::Fd(socket.as_raw_fd()), events).multi(true).build().user_data(token);
        // SAFETY: a poll carries no memory of ours; a wrong descriptor number is answered by EBADF.
        unsafe { self.push(entry) }
    }

    /// Completes once, when the socket has something to read, an end or an error, be it now or later. The armed poll holds
    /// the socket open.
    pub fn watch_once(&mut self, socket: BorrowedFd<'_>, token: u64) {
        let entry = opcode::PollAdd::new(types::Fd(socket.as_raw_fd()), POLLED).build().user_data(token);
        // SAFETY: as for `watch`.
        unsafe { self.push(entry) }
    }

    /// Ends the watch with token `watch`: its last completion says ECANCELED and no `more`. This call itself completes
    /// under `token` only if it fails: EALREADY asks for a repetition, ENOENT says that the watch has already ended.
    pub fn unwatch(&mut self, watch: u64, token: u64) {
        let entry = opcode::PollRemove::new(watch).build().user_data(token).flags(squeue::Flags::SKIP_SUCCESS);
        // SAFETY: the operation carries no memory of ours.
        unsafe { self.push(entry) }
    }

    /// Completes at once: makes [`Ring::watched`] readable, so that the rest of a long turn is resumed by the runtime.
    pub fn wake(&mut self, token: u64) {
        // SAFETY: the operation carries no memory of ours.
        unsafe { self.push(opcode::Nop::new().build().user_data(token)) }
    }

    /// Begins to read what the socket has now, into a buffer. [`Ring::settle`] completes it. `None` if all buffers are lent.
    pub fn recv(&mut self, socket: BorrowedFd<'_>) -> Option<Lent> {
        let lent = self.buffers.lend()?;
        let (memory, length) = self.buffers.begin(&lent)?;
        let entry = opcode::Recv::new(types::Fd(socket.as_raw_fd()), memory.as_ptr(), length as u32)
            .flags(libc::MSG_DONTWAIT)
            .build()
            .user_data((lent.index() as u64) << 8 | OWN);
        // SAFETY: the memory belongs to `self.buffers`, which marks it as the kernel's until the completion is seen, and
        // does not free it before.
        unsafe { self.push(entry) };
        Some(lent)
    }

    /// Begins to write the first `count` bytes of a buffer, as many as the socket takes now. [`Ring::settle`] completes it.
    pub fn send(&mut self, socket: BorrowedFd<'_>, lent: &Lent, count: usize) {
        let Some((memory, length)) = self.buffers.begin(lent) else { return };
        let entry = opcode::Send::new(types::Fd(socket.as_raw_fd()), memory.as_ptr(), count.min(length) as u32)
            .flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
            .build()
            .user_data((lent.index() as u64) << 8 | OWN);
        // SAFETY: as for `recv`.
        unsafe { self.push(entry) };
    }

    /// Completes every receive and send; `each` gets the other completions that come up meanwhile.
    pub fn settle(&mut self, mut each: impl FnMut(Completion)) -> io::Result<()> {
        self.submit()?;
        self.complete(&mut each)?;
        // The operations do not wait, so they have completed when they are submitted. Should the kernel ever see that
        // otherwise, their memory is still its own.
        while self.buffers.in_kernel() > 0 {
            lasting(self.ring.submit_and_wait(1))?;
            self.complete(&mut each)?;
            self.submit()?;
        }
        Ok(())
    }

    /// How the last operation on a buffer went, as from the system call of its name.
    pub fn result(&self, lent: &Lent) -> Option<Result<usize, i32>> {
        self.buffers.result(lent).map(|result| usize::try_from(result).map_err(|_| -result))
    }

    /// The first `count` bytes of a buffer.
    pub fn bytes(&self, lent: &Lent, count: usize) -> &[u8] {
        self.buffers.bytes(lent, count)
    }

    pub fn give_back(&mut self, lent: Lent) {
        self.buffers.give_back(lent);
    }

    /// The most buffers that were lent at once since [`Ring::release_buffers`].
    #[cfg(test)]
    pub fn buffers_lent_max(&self) -> u16 {
        self.buffers.lent_max()
    }

    /// Gives the buffers' pages back to the kernel if for all since the last call `kept` of them were enough.
    pub fn release_buffers(&mut self, kept: u16) {
        self.buffers.release(kept);
    }

    /// # Safety
    /// Memory that `entry` names stays valid and unaliased until its last completion has been seen.
    unsafe fn push(&mut self, entry: squeue::Entry) {
        if self.backlog.is_empty() {
            // SAFETY: the caller's promise is handed on.
            if unsafe { self.ring.submission().push(&entry) }.is_ok() {
                return;
            }
            // A full queue empties by submission. Where the kernel refuses for now, the backlog keeps the entry.
            let submitted = self.ring.submit();
            // SAFETY: as above.
            if submitted.is_ok() && unsafe { self.ring.submission().push(&entry) }.is_ok() {
                return;
            }
        }
        self.backlog.push_back(entry);
    }

    /// Hands everything pushed to the kernel.
    pub fn submit(&mut self) -> io::Result<()> {
        loop {
            self.refill();
            if self.ring.submission().is_empty() {
                return Ok(());
            }
            match self.ring.submit() {
                Ok(_) if self.backlog.is_empty() => return Ok(()),
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                // What is pushed stays and goes with the next call.
                refused => return lasting(refused),
            }
        }
    }

    fn refill(&mut self) {
        while let Some(entry) = self.backlog.front() {
            // SAFETY: the promise was given to `push`, whose entry this is.
            if unsafe { self.ring.submission().push(entry) }.is_err() {
                return;
            }
            self.backlog.pop_front();
        }
    }

    /// How often completions did not fit into the queue.
    pub fn overflow_count(&self) -> u64 {
        self.overflow_count
    }

    /// Takes every completion, those too that did not fit into the queue.
    pub fn complete(&mut self, mut each: impl FnMut(Completion)) -> io::Result<()> {
        loop {
            for entry in self.ring.completion() {
                if entry.user_data() & OWN == OWN {
                    self.buffers.note_done((entry.user_data() >> 8) as usize, entry.result());
                    continue;
                }
                each(Completion {
                    token: entry.user_data(),
                    result: entry.result(),
                    more: cqueue::more(entry.flags()),
                });
            }
            if !self.ring.submission().cq_overflow() {
                return Ok(());
            }
            self.overflow_count += 1;
            // Entering with GETEVENTS moves what the kernel had put aside into the queue: `submit` adds the flag.
            lasting(self.ring.submit())?;
        }
    }
}

/// The error of an entry into the kernel, if it lasts: a signal, completions to be taken first and a want of memory pass.
fn lasting(entered: io::Result<usize>) -> io::Result<()> {
    match entered {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EBUSY | libc::EAGAIN)) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    use rustix::io::Errno;
    use rustix::net::{RecvFlags, SendFlags};

    fn taken(ring: &mut Ring) -> Vec<Completion> {
        ring.submit().unwrap();
        let mut all = Vec::new();
        ring.complete(|completion| all.push(completion)).unwrap();
        all
    }

    fn ring() -> Ring {
        Ring::new(8, 16, BufferSizes { count: 4, bytes: 8 }).unwrap()
    }

    #[test]
    fn a_ring_is_smaller_where_memory_is_short() {
        let short = || io::Error::from_raw_os_error(libc::ENOMEM);
        assert_eq!(with_room(16_384, |room| if room > 8_192 { Err(short()) } else { Ok(room) }).unwrap(), 8_192);
        let mut tried = Vec::new();
        let refused: io::Result<()> = with_room(16_384, |room| {
            tried.push(room);
            Err(short())
        });
        assert_eq!((refused.is_err(), tried), (true, vec![16_384, 8_192, COMPLETIONS_MIN]));
        assert!(with_room(16_384, |_| Err::<(), _>(io::Error::from_raw_os_error(libc::EPERM))).is_err());
    }

    #[test]
    fn what_the_kernel_refuses_for_now_ends_no_ring() {
        for (errno, passes) in
            [(libc::EINTR, true), (libc::EBUSY, true), (libc::EAGAIN, true), (libc::EBADF, false), (libc::ENXIO, false)]
        {
            assert_eq!(lasting(Err(io::Error::from_raw_os_error(errno))).is_ok(), passes, "{errno}");
        }
    }

    #[test]
    fn a_watch_posts_the_state_now_and_then_each_edge() {
        let mut ring = ring();
        let (mut near, mut far) = UnixStream::pair().unwrap();
        ring.watch(near.as_fd(), true, 7);
        let first = taken(&mut ring);
        assert_eq!(first.len(), 1);
        assert!(first[0].more && first[0].token == 7);
        assert!(Readiness::of(first[0].result).writable && !Readiness::of(first[0].result).readable);
        assert_eq!(taken(&mut ring), [], "nothing new: edge-triggered");
        far.write_all(b"x").unwrap();
        let second = taken(&mut ring);
        assert!(second.iter().any(|each| Readiness::of(each.result).readable));
        assert_eq!(taken(&mut ring), [], "unread bytes alone are no edge");
        let mut byte = [0];
        near.read_exact(&mut byte).unwrap();
        drop(far);
        assert!(taken(&mut ring).iter().any(|each| Readiness::of(each.result).read_closed));
    }

    /// Of a send that falls short, by a call or in the ring, no other has to find the socket full.
    #[test]
    fn room_is_told_of_after_a_short_send() {
        const LENGTH: usize = 16 << 20;
        let (unix_near, unix_far) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp_near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let tcp_far = listener.accept().unwrap().0;
        let pairs: [(OwnedFd, OwnedFd); 2] = [(unix_near.into(), unix_far.into()), (tcp_near.into(), tcp_far.into())];
        for (near, far) in pairs {
            let mut ring = Ring::new(8, 16, BufferSizes { count: 1, bytes: LENGTH }).unwrap();
            let lent = ring.recv(near.as_fd()).unwrap();
            ring.settle(|_| {}).unwrap();
            ring.watch(near.as_fd(), true, 7);
            taken(&mut ring);
            let mut buffer = vec![0; 1 << 20];
            for is_in_ring in [false, true, false, true] {
                let mut is_told = false;
                let sent = if is_in_ring {
                    ring.send(near.as_fd(), &lent, LENGTH);
                    ring.settle(|each| is_told |= Readiness::of(each.result).writable).unwrap();
                    ring.result(&lent).unwrap().unwrap()
                } else {
                    rustix::net::send(&near, &vec![7; LENGTH], SendFlags::DONTWAIT | SendFlags::NOSIGNAL).unwrap()
                };
                assert!(sent < LENGTH);
                let (mut came, deadline) = (0, Instant::now() + Duration::from_secs(30));
                while came < sent || !is_told {
                    assert!(Instant::now() < deadline, "{came} of {sent} came, told of room: {is_told}");
                    match rustix::net::recv(&far, &mut buffer[..], RecvFlags::DONTWAIT) {
                        Ok((count, _)) => came += count,
                        Err(errno) => assert_eq!(errno, Errno::AGAIN),
                    }
                    is_told |= taken(&mut ring).iter().any(|each| Readiness::of(each.result).writable);
                }
            }
            ring.give_back(lent);
        }
    }

    #[test]
    fn a_watch_that_does_not_ask_for_room_is_silent_until_there_is_something_to_read() {
        let mut ring = ring();
        let (near, mut far) = UnixStream::pair().unwrap();
        ring.watch(near.as_fd(), false, 7);
        assert_eq!(taken(&mut ring), []);
        far.write_all(b"x").unwrap();
        let told = taken(&mut ring);
        assert!(told.iter().any(|each| Readiness::of(each.result).readable));
        assert!(told.iter().all(|each| !Readiness::of(each.result).writable));
    }

    #[test]
    fn the_end_of_a_watch_posts_once_and_lets_the_socket_close() {
        let mut ring = ring();
        let (near, mut far) = UnixStream::pair().unwrap();
        ring.watch(near.as_fd(), true, 7);
        taken(&mut ring);
        ring.unwatch(7, 8);
        assert_eq!(taken(&mut ring), [Completion { token: 7, result: -libc::ECANCELED, more: false }]);
        drop(near);
        assert_eq!(far.read(&mut [0]).unwrap(), 0);
        ring.unwatch(7, 9);
        assert_eq!(taken(&mut ring), [Completion { token: 9, result: -libc::ENOENT, more: false }]);
    }

    #[test]
    fn receives_and_sends_never_wait() {
        let mut ring = ring();
        let (near, mut far) = UnixStream::pair().unwrap();
        let empty = ring.recv(near.as_fd()).unwrap();
        ring.settle(|_| {}).unwrap();
        assert_eq!(ring.result(&empty), Some(Err(libc::EAGAIN)));
        ring.give_back(empty);
        far.write_all(b"hello there").unwrap();
        let lent = ring.recv(near.as_fd()).unwrap();
        assert_eq!((ring.bytes(&lent, 8), ring.result(&lent)), (&[][..], None), "the kernel's until it has settled");
        ring.settle(|_| {}).unwrap();
        assert_eq!((ring.bytes(&lent, 8), ring.result(&lent)), (&b"hello th"[..], Some(Ok(8))));
        ring.send(near.as_fd(), &lent, 5);
        ring.settle(|_| {}).unwrap();
        assert_eq!(ring.result(&lent), Some(Ok(5)));
        let mut bytes = [0; 5];
        far.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"hello");
        drop(far);
        ring.send(near.as_fd(), &lent, 5);
        ring.settle(|_| {}).unwrap();
        assert_eq!(ring.result(&lent), Some(Err(libc::EPIPE)));
        ring.give_back(lent);
        let lent: Vec<Lent> = std::iter::from_fn(|| ring.recv(near.as_fd())).collect();
        assert_eq!(lent.len(), 4);
        ring.settle(|_| {}).unwrap();
        lent.into_iter().for_each(|lent| ring.give_back(lent));
    }

    #[test]
    fn kernel_threads_are_few() {
        let ring = ring();
        // Zero asks for what is set.
        let mut set = [0, 0];
        ring.ring.submitter().register_iowq_max_workers(&mut set).unwrap();
        assert_eq!(set, WORKERS_MAX);
    }

    #[test]
    fn completions_beyond_the_queue_are_not_lost() {
        let mut ring = ring();
        for token in 0..500 {
            ring.wake(token << 8);
        }
        let mut tokens: Vec<u64> = taken(&mut ring).iter().map(|each| each.token >> 8).collect();
        tokens.sort_unstable();
        assert_eq!(tokens, (0..500).collect::<Vec<u64>>());
        assert!(ring.overflow_count() > 0);
    }

    #[test]
    fn the_watched_descriptor_is_readable_while_completions_wait() {
        let mut ring = ring();
        let watched = ring.watched().unwrap();
        let readable = || {
            let mut polled = [rustix::event::PollFd::new(&watched, rustix::event::PollFlags::IN)];
            rustix::event::poll(&mut polled, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
        };
        assert!(!readable());
        ring.wake(1);
        ring.submit().unwrap();
        assert!(readable());
        taken(&mut ring);
        assert!(!readable());
    }
}

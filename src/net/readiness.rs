//! When a shard's sockets can be read and written.
//!
//! A socket is registered once, at its second wait, with the shard's epoll instance, and edge-triggered. From then on a wait
//! reads a flag, or leaves a waker in a slot: no operation of the ring, nothing on the heap. The flag is set by an edge
//! and cleared by whoever finds the socket drained or full, which is what the next edge presupposes. One task for each
//! shard waits, on the ring, for the instance itself, and takes all edges there are in one call.
//!
//! An instance holds no socket: a descriptor that is closed leaves by itself, one that is given away has to be taken out.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::task::{Poll, Waker};

use monoio::net::UnixListener;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use super::deadline::{Deadline, Seen};
use crate::limits::{READY_ANSWERS_MAX, READY_BATCH_COUNT};
use crate::sys;

/// No slot.
const NONE: u32 = u32::MAX;

/// What is asked of every socket. Room to write is asked for when there was none: mostly there is.
const READS: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::ET);

/// Reading goes on, be it to an end or an error.
const CAN_READ: EventFlags =
    EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::HUP).union(EventFlags::ERR).union(EventFlags::PRI);
const CAN_WRITE: EventFlags = EventFlags::OUT.union(EventFlags::HUP).union(EventFlags::ERR);
/// The other side sends no more.
const IS_CLOSING: EventFlags = EventFlags::RDHUP.union(EventFlags::HUP).union(EventFlags::ERR);

const NO_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Read,
    Write,
}

/// A socket's registration, made when it is first needed. To be dropped before the socket is closed.
#[derive(Debug)]
pub(super) struct Registration(Cell<u32>);

impl Registration {
    pub(super) const fn new() -> Self {
        Self(Cell::new(NONE))
    }

    /// Whether the socket is, as far as is known, worth a try; else `waker` is woken when it is.
    ///
    /// # Errors
    /// When the kernel refuses the registration.
    pub(super) fn poll(&self, socket: BorrowedFd<'_>, side: Side, waker: &Waker) -> Poll<io::Result<()>> {
        // A waker that goes is dropped when the table is free again: it may be a task's last, and that task's sockets go too.
        match TABLE.with_borrow_mut(|table| table.poll(&self.0, socket, side, waker)) {
            Ok(Asked::Ready) => Poll::Ready(Ok(())),
            Ok(Asked::Waits(_before)) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Forgets what is known of room to write, and has the kernel say it anew: the next wait for it passes through the ring.
    ///
    /// # Errors
    /// When the kernel refuses the registration.
    pub(super) fn ask_again(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        TABLE.with_borrow_mut(|table| table.ask_again(&self.0, socket))
    }

    /// The last read took all there was: what comes after it is an edge. Not so the end of the stream, which may have come
    /// together with the last bytes.
    pub(super) fn note_short_read(&self) {
        self.change(|slot| slot.can_read &= slot.is_closing);
    }

    /// There was nothing to read.
    pub(super) fn note_drained(&self) {
        self.change(|slot| slot.can_read = false);
    }

    /// Not all was taken that should be written.
    pub(super) fn note_full(&self) {
        self.change(|slot| slot.can_write = false);
    }

    /// Whether something to read, or an end, has been noticed; `None` for a socket that nobody has waited on yet.
    pub(super) fn can_read(&self) -> Option<bool> {
        let at = self.0.get();
        (at != NONE).then(|| TABLE.with_borrow(|table| table.slots[at as usize].can_read))
    }

    /// Ends the registration of a socket that lives on elsewhere.
    pub(super) fn end(&self, socket: BorrowedFd<'_>) {
        let at = self.0.replace(NONE);
        if at != NONE {
            // At the end of the thread there may be no table any more.
            let wakers = TABLE.try_with(|table| {
                let mut table = table.borrow_mut();
                if let Some(instance) = &table.instance {
                    // ENOENT would say that it is as it should be.
                    let _ = epoll::delete(sys::fd::of_watched(instance), socket);
                }
                table.free(at)
            });
            drop(wakers);
        }
    }

    /// Bounds the wait for something to read that has just been begun. The slot, if its deadline has to be looked at then.
    /// Only for a socket that is registered.
    pub(super) fn bound(&self, due_ms: u64) -> Option<u32> {
        let at = self.0.get();
        TABLE.with_borrow_mut(|table| table.slots[at as usize].deadline.begin(due_ms)).then_some(at)
    }

    pub(super) fn is_made(&self) -> bool {
        self.0.get() != NONE
    }

    #[cfg(test)]
    pub(super) fn slot(&self) -> u32 {
        self.0.get()
    }

    fn change(&self, change: impl FnOnce(&mut Slot)) {
        let at = self.0.get();
        if at != NONE {
            TABLE.with_borrow_mut(|table| change(&mut table.slots[at as usize]));
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.0.get() != NONE {
            // The last reference to a task may go with its waker, and with the task another socket.
            let wakers = TABLE.try_with(|table| table.borrow_mut().free(self.0.get()));
            drop(wakers);
        }
    }
}

/// Looks at the deadline of a slot, as was arranged for `look_ms`; and whom to wake if it is due.
pub(super) fn look(at: u32, look_ms: u64, now_ms: u64) -> (Seen, Option<Waker>) {
    TABLE.with_borrow_mut(|table| match table.slots.get_mut(at as usize) {
        None => (Seen::Nothing, None),
        Some(slot) => match slot.deadline.look(look_ms, now_ms) {
            Seen::Due => (Seen::Due, slot.reader.take()),
            seen => (seen, None),
        },
    })
}

/// Whether a look that was arranged is of any use.
pub(super) fn needs_look(at: u32, look_ms: u64) -> bool {
    TABLE.with_borrow_mut(|table| table.slots.get_mut(at as usize).is_some_and(|slot| slot.deadline.needs(look_ms)))
}

/// Makes the shard's instance, and the task that listens to it. Otherwise the first wait does.
///
/// # Errors
/// `EMFILE` and the like.
pub fn begin() -> io::Result<()> {
    TABLE.with_borrow_mut(|table| table.begin().map(drop))
}

/// Gives back what many sockets took that are no more.
pub fn release() {
    TABLE.with_borrow_mut(Table::release);
}

thread_local! {
    static TABLE: RefCell<Table> = const { RefCell::new(Table::new()) };
}

/// All registrations of a shard.
struct Table {
    /// The type stands for any descriptor that can be polled: nothing is accepted from it.
    instance: Option<Rc<UnixListener>>,
    slots: Vec<Slot>,
    /// The first free slot; the others follow by `next`.
    first_free: u32,
    events: Vec<Event>,
    /// Registrations so far.
    generation: u32,
    /// Why there are no more edges.
    failed: Option<Errno>,
}

/// What asking came to.
enum Asked {
    Ready,
    /// The waker that was there before.
    Waits(Option<Waker>),
}

#[derive(Debug, Default)]
struct Slot {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Of the wait for something to read. The look that was arranged stays when the slot is another socket's.
    deadline: Deadline,
    /// Of the socket that has the slot: an edge of an earlier one is nobody's.
    generation: u32,
    next: u32,
    /// Answers without a wait since the last one.
    answers: u8,
    is_taken: bool,
    can_read: bool,
    can_write: bool,
    is_closing: bool,
    /// Whether room to write is asked for.
    has_asked: bool,
}

impl Slot {
    fn note(&mut self, edge: EventFlags, woken: &mut Vec<Waker>) {
        self.is_closing |= edge.intersects(IS_CLOSING);
        if edge.intersects(CAN_READ) {
            self.can_read = true;
            woken.extend(self.reader.take());
        }
        if edge.intersects(CAN_WRITE) {
            self.can_write = true;
            woken.extend(self.writer.take());
        }
    }

    /// Whether the kernel has to be asked before this can say anything.
    fn asks_anew(&self, side: Side) -> bool {
        match side {
            Side::Read => self.can_read && self.answers >= READY_ANSWERS_MAX,
            Side::Write => !self.has_asked || self.can_write && self.answers >= READY_ANSWERS_MAX,
        }
    }

    /// What the kernel gives back with each edge.
    fn data(&self, at: u32) -> EventData {
        EventData::new_u64(u64::from(self.generation) << 32 | u64::from(at))
    }

    fn events(&self) -> EventFlags {
        if self.has_asked { READS.union(EventFlags::OUT) } else { READS }
    }
}

impl Table {
    const fn new() -> Self {
        Self { instance: None, slots: Vec::new(), first_free: NONE, events: Vec::new(), generation: 0, failed: None }
    }

    fn begin(&mut self) -> io::Result<Rc<UnixListener>> {
        if let Some(instance) = &self.instance {
            return Ok(Rc::clone(instance));
        }
        let instance = epoll::create(CreateFlags::CLOEXEC)?;
        let instance = Rc::new(UnixListener::from_std(instance.into())?);
        self.instance = Some(Rc::clone(&instance));
        self.events.reserve_exact(READY_BATCH_COUNT);
        monoio::spawn(listen(Rc::clone(&instance)));
        Ok(instance)
    }

    fn poll(&mut self, at: &Cell<u32>, socket: BorrowedFd<'_>, side: Side, waker: &Waker) -> io::Result<Asked> {
        let is_known = |slot: &Slot| !slot.asks_anew(side) && self.failed.is_none();
        if !self.slots.get(at.get() as usize).is_some_and(is_known) {
            self.prepare(at, socket, side)?;
        }
        let slot = &mut self.slots[at.get() as usize];
        let (is_ready, waiting) = match side {
            Side::Read => (slot.can_read, &mut slot.reader),
            Side::Write => (slot.can_write, &mut slot.writer),
        };
        if is_ready {
            slot.answers += 1;
            if side == Side::Read {
                slot.deadline.end();
            }
            return Ok(Asked::Ready);
        }
        slot.answers = 0;
        if waiting.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return Ok(Asked::Waits(None));
        }
        Ok(Asked::Waits(waiting.replace(waker.clone())))
    }

    /// What comes before the first answer, or before one more.
    #[cold]
    fn prepare(&mut self, at: &Cell<u32>, socket: BorrowedFd<'_>, side: Side) -> io::Result<()> {
        if let Some(errno) = self.failed {
            return Err(errno.into());
        }
        if at.get() == NONE {
            self.register(at, socket, side)?;
        }
        match self.slots[at.get() as usize].asks_anew(side) {
            true => self.ask(at.get(), socket, side),
            false => Ok(()),
        }
    }

    fn register(&mut self, at: &Cell<u32>, socket: BorrowedFd<'_>, side: Side) -> io::Result<()> {
        let instance = self.begin()?;
        let taken = self.take();
        let slot = &mut self.slots[taken as usize];
        slot.has_asked = side == Side::Write;
        if let Err(errno) = epoll::add(sys::fd::of_watched(&instance), socket, slot.data(taken), slot.events()) {
            // It was never waited on.
            drop(self.free(taken));
            return Err(errno.into());
        }
        at.set(taken);
        Ok(())
    }

    fn ask_again(&mut self, at: &Cell<u32>, socket: BorrowedFd<'_>) -> io::Result<()> {
        if at.get() == NONE {
            return self.register(at, socket, Side::Write);
        }
        self.ask(at.get(), socket, Side::Write)
    }

    /// The kernel tells all that is so now, as if it were news.
    fn ask(&mut self, at: u32, socket: BorrowedFd<'_>, side: Side) -> io::Result<()> {
        let instance = self.begin()?;
        let slot = &mut self.slots[at as usize];
        slot.answers = 0;
        match side {
            Side::Read => slot.can_read = false,
            Side::Write => (slot.can_write, slot.has_asked) = (false, true),
        }
        Ok(epoll::modify(sys::fd::of_watched(&instance), socket, slot.data(at), slot.events())?)
    }

    fn take(&mut self) -> u32 {
        if self.first_free == NONE {
            self.first_free = u32::try_from(self.slots.len()).unwrap_or(NONE);
            self.slots.push(Slot { next: NONE, ..Slot::default() });
        }
        let taken = self.first_free;
        self.generation = self.generation.wrapping_add(1);
        let slot = &mut self.slots[taken as usize];
        self.first_free = std::mem::replace(&mut slot.next, NONE);
        (slot.is_taken, slot.generation) = (true, self.generation);
        taken
    }

    /// Frees a slot. Its wakers are to be dropped when the table is not in use.
    fn free(&mut self, at: u32) -> Slot {
        let slot = &mut self.slots[at as usize];
        slot.deadline.end();
        let free = Slot { next: self.first_free, deadline: slot.deadline.clone(), ..Slot::default() };
        self.first_free = at;
        std::mem::replace(slot, free)
    }

    /// Takes the edges there are, and the wakers of those who wait for them.
    fn collect(&mut self, woken: &mut Vec<Waker>) -> Result<(), Errno> {
        let Some(instance) = &self.instance else { return Ok(()) };
        self.events.clear();
        match epoll::wait(sys::fd::of_watched(instance), spare_capacity(&mut self.events), Some(&NO_WAIT)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        for event in &self.events {
            let Event { flags, data, .. } = *event;
            let data = data.u64();
            let at = (data & u64::from(u32::MAX)) as usize;
            if let Some(slot) = self.slots.get_mut(at)
                && slot.is_taken
                && u64::from(slot.generation) == data >> 32
            {
                slot.note(flags, woken);
            }
        }
        Ok(())
    }

    /// Nobody can be told anything any more.
    fn fail(&mut self, errno: Errno, woken: &mut Vec<Waker>) {
        self.failed = Some(errno);
        for slot in &mut self.slots {
            woken.extend(slot.reader.take());
            woken.extend(slot.writer.take());
        }
    }

    fn release(&mut self) {
        let used = self.slots.iter().rposition(|slot| slot.is_taken).map_or(0, |last| last + 1);
        self.slots.truncate(used);
        self.slots.shrink_to_fit();
        self.first_free = NONE;
        // The lowest come first again, so that the others can go next time.
        for (at, slot) in self.slots.iter_mut().enumerate().rev().filter(|(_, slot)| !slot.is_taken) {
            slot.next = std::mem::replace(&mut self.first_free, u32::try_from(at).unwrap_or(NONE));
        }
    }
}

/// Wakes those whose sockets have edges, for as long as the ring lives.
async fn listen(instance: Rc<UnixListener>) {
    let mut woken = Vec::with_capacity(READY_BATCH_COUNT);
    loop {
        let waited = instance.readable(true).await.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO));
        let failed = TABLE.with_borrow_mut(|table| {
            let collected = waited.and_then(|()| table.collect(&mut woken));
            collected.inspect_err(|errno| table.fail(*errno, &mut woken)).is_err()
        });
        woken.drain(..).for_each(Waker::wake);
        if failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests;

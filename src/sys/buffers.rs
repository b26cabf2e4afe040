//! The buffers of a ring's own receives and sends. The kernel reads and writes them while an operation is under way, so
//! they belong to the ring, are handed out by number, and are looked at only when no operation is.

use std::io;
use std::num::NonZeroU16;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use super::kept;

/// The right to use one buffer. Not `Clone`: who holds it is alone.
#[derive(Debug)]
pub struct Lent {
    index: usize,
}

impl Lent {
    pub(super) fn index(&self) -> usize {
        self.index
    }
}

/// What happened last to a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ours,
    InKernel,
    /// The operation's result.
    Done(i32),
}

/// One buffer.
struct Place {
    state: State,
    /// Of a free one: the free one behind it.
    next: Option<NonZeroU16>,
}

/// How much further into its page each buffer begins than the one before it. Short messages lie at the beginnings, and
/// beginnings that are whole pages apart share few places of the cache.
const SKEW: usize = 64;

/// All buffers of a ring, in pages of their own, which cost nothing before they are touched.
pub(super) struct Buffers {
    memory: NonNull<u8>,
    memory_length: usize,
    length: usize,
    /// With room for so many that it lies apart from what connections take of the heap: a page with one of their blocks and
    /// this one would stay after all of theirs are gone.
    places: Vec<Place>,
    /// One more than the index of the first free buffer. The one that was used last comes first: its pages are touched.
    free: Option<NonZeroU16>,
    in_kernel: usize,
    lent: u16,
    /// The most that were lent at once since [`Buffers::release`] looked last.
    lent_max: u16,
    /// How many may have been touched since their pages were given back.
    touched: u16,
}

impl Buffers {
    /// With at least one buffer.
    pub(super) fn new(count: u16, length: usize) -> io::Result<Buffers> {
        let memory_length = usize::from(count) * (length + SKEW);
        let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new mapping, where the kernel finds room for it.
        let memory = unsafe { mmap_anonymous(null_mut(), memory_length, access, kind) }?;
        let mut places = Vec::with_capacity(usize::from(count).max(kept::COARSE_MAX / size_of::<Place>() + 1));
        places.extend((1..=count).map(|index| {
            let next = NonZeroU16::new(index + 1).filter(|_| index < count);
            Place { state: State::Ours, next }
        }));
        Ok(Buffers {
            memory: NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?,
            memory_length,
            length,
            places,
            free: NonZeroU16::new(count.min(1)),
            in_kernel: 0,
            lent: 0,
            lent_max: 0,
            touched: 0,
        })
    }

    pub(super) fn lend(&mut self) -> Option<Lent> {
        let index = usize::from(self.free?.get() - 1);
        self.free = self.places[index].next;
        self.lent += 1;
        self.lent_max = self.lent_max.max(self.lent);
        Some(Lent { index })
    }

    /// The most that were lent at once since [`Buffers::release`] looked last.
    #[cfg(test)]
    pub(super) fn lent_max(&self) -> u16 {
        self.lent_max
    }

    pub(super) fn give_back(&mut self, lent: Lent) {
        let place = &mut self.places[lent.index];
        // What the kernel still uses is not lent again.
        if place.state != State::InKernel {
            self.lent -= 1;
            *place = Place { state: State::Ours, next: self.free };
            self.free = u16::try_from(lent.index + 1).ok().and_then(NonZeroU16::new);
        }
    }

    /// Operations under way.
    pub(super) fn in_kernel(&self) -> usize {
        self.in_kernel
    }

    /// Hands the buffer to the kernel, until [`Buffers::note_done`]. `None` if it already is there.
    pub(super) fn begin(&mut self, lent: &Lent) -> Option<(NonNull<u8>, usize)> {
        let state = &mut self.places[lent.index].state;
        if *state == State::InKernel {
            return None;
        }
        *state = State::InKernel;
        self.in_kernel += 1;
        Some((self.start(lent.index), self.length))
    }

    fn start(&self, index: usize) -> NonNull<u8> {
        // SAFETY: every index is below the count, so the offset stays within the allocation.
        unsafe { self.memory.add(index * (self.length + SKEW)) }
    }

    /// The operation on a buffer has completed.
    pub(super) fn note_done(&mut self, index: usize, result: i32) {
        if let Some(Place { state: state @ State::InKernel, .. }) = self.places.get_mut(index) {
            *state = State::Done(result);
            self.in_kernel -= 1;
        }
    }

    /// The result of the last operation; `None` before its completion.
    pub(super) fn result(&self, lent: &Lent) -> Option<i32> {
        match self.places[lent.index].state {
            State::Done(result) => Some(result),
            State::Ours | State::InKernel => None,
        }
    }

    /// The first `count` bytes; nothing while the kernel has the buffer.
    pub(super) fn bytes(&self, lent: &Lent, count: usize) -> &[u8] {
        if self.places[lent.index].state == State::InKernel {
            return &[];
        }
        // SAFETY: the range is within the buffer and is zero until it is written; the kernel does not write to it,
        // since no operation is under way; nobody of ours writes to it at all, and `begin` needs `&mut self`, which
        // this borrow rules out.
        unsafe { std::slice::from_raw_parts(self.start(lent.index).as_ptr(), count.min(self.length)) }
    }

    /// Gives the pages of all buffers back to the kernel if more than `kept` were touched, and so many were enough since the
    /// last call. While a buffer is lent nothing is done.
    pub(super) fn release(&mut self, kept: u16) {
        let lent_max = std::mem::replace(&mut self.lent_max, self.lent);
        self.touched = self.touched.max(lent_max);
        if self.touched > kept && lent_max <= kept && self.lent == 0 {
            self.touched = 0;
            self.discard();
        }
    }

    /// What is in them is lost.
    fn discard(&mut self) {
        // SAFETY: the mapping is this value's alone; no buffer is lent, so neither the kernel nor anybody who read one looks
        // at it. What is read next is zero. A refusal leaves the pages as they are.
        let _ = unsafe { madvise(self.memory.as_ptr().cast(), self.memory_length, Advice::LinuxDontNeed) };
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // Memory that the kernel may still write to is never freed.
        if self.in_kernel == 0 {
            // SAFETY: the mapping was made by `new`, with this length, and is not used after this. If it stays, it is lost.
            let _ = unsafe { munmap(self.memory.as_ptr().cast(), self.memory_length) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_in_the_kernel_is_neither_seen_nor_lent_again() {
        let mut buffers = Buffers::new(2, 4).unwrap();
        let lent = buffers.lend().unwrap();
        let index = lent.index();
        assert_eq!(buffers.bytes(&lent, 9), [0; 4]);
        assert!(buffers.begin(&lent).is_some() && buffers.begin(&lent).is_none());
        assert_eq!((buffers.bytes(&lent, 4), buffers.result(&lent)), (&[][..], None));
        buffers.give_back(lent);
        let other = buffers.lend().unwrap();
        assert_ne!(other.index(), index);
        assert!(buffers.lend().is_none());
        buffers.note_done(index, 3);
        assert_eq!(buffers.in_kernel(), 0);
    }

    /// Lends so many at once and writes to each, as the kernel does.
    fn touch(buffers: &mut Buffers, count: usize) {
        let lent: Vec<Lent> = (0..count).map(|_| buffers.lend().unwrap()).collect();
        for each in &lent {
            let (start, length) = buffers.begin(each).unwrap();
            // SAFETY: `begin` has handed so many bytes over, up to `note_done`.
            unsafe { start.as_ptr().write_bytes(7, length) };
            buffers.note_done(each.index(), 0);
        }
        lent.into_iter().for_each(|each| buffers.give_back(each));
    }

    fn is_empty(buffers: &mut Buffers) -> bool {
        let lent = buffers.lend().unwrap();
        let is_empty = buffers.bytes(&lent, usize::MAX).contains(&0);
        buffers.give_back(lent);
        is_empty
    }

    #[test]
    fn pages_are_given_back_once_few_buffers_are_enough() {
        let mut buffers = Buffers::new(8, 16 << 10).unwrap();
        touch(&mut buffers, 3);
        buffers.release(3);
        buffers.release(3);
        assert!(!is_empty(&mut buffers), "as many as are kept");
        touch(&mut buffers, 8);
        buffers.release(3);
        assert!(!is_empty(&mut buffers), "they were in use a moment ago");
        let lent = buffers.lend().unwrap();
        buffers.release(3);
        buffers.give_back(lent);
        assert!(!is_empty(&mut buffers), "one is in use");
        buffers.release(3);
        assert!(is_empty(&mut buffers));
        touch(&mut buffers, 3);
        buffers.release(3);
        buffers.release(3);
        assert!(!is_empty(&mut buffers), "what is given back is counted anew");
    }
}

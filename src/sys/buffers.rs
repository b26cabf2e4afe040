//! The buffers of a ring's own receives and sends. The kernel reads and writes them while an operation is under way, so
//! they belong to the ring, are handed out by number, and are looked at only when no operation is.

use std::num::NonZeroU16;
use std::ptr::NonNull;

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

/// All buffers of a ring, in one allocation whose pages cost nothing before they are touched.
pub(super) struct Buffers {
    memory: NonNull<[u8]>,
    length: usize,
    places: Vec<Place>,
    /// One more than the index of the first free buffer. The one that was used last comes first: its pages are touched.
    free: Option<NonZeroU16>,
    in_kernel: usize,
}

impl Buffers {
    pub(super) fn new(count: u16, length: usize) -> Buffers {
        let memory = Box::leak(vec![0; usize::from(count) * length].into_boxed_slice());
        Buffers {
            memory: NonNull::from(memory),
            length,
            places: (1..=count)
                .map(|index| NonZeroU16::new(index + 1).filter(|_| index < count))
                .map(|next| Place { state: State::Ours, next })
                .collect(),
            free: NonZeroU16::new(count.min(1)),
            in_kernel: 0,
        }
    }

    pub(super) fn lend(&mut self) -> Option<Lent> {
        let index = usize::from(self.free?.get() - 1);
        self.free = self.places[index].next;
        Some(Lent { index })
    }

    pub(super) fn give_back(&mut self, lent: Lent) {
        let place = &mut self.places[lent.index];
        // What the kernel still uses is not lent again.
        if place.state != State::InKernel {
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
        unsafe { self.memory.cast::<u8>().add(index * self.length) }
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
        // SAFETY: the range is within the buffer and was initialized by the allocation; the kernel does not write to it,
        // since no operation is under way; nobody of ours writes to it at all, and `begin` needs `&mut self`, which
        // this borrow rules out.
        unsafe { std::slice::from_raw_parts(self.start(lent.index).as_ptr(), count.min(self.length)) }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // Memory that the kernel may still write to is never freed.
        if self.in_kernel == 0 {
            // SAFETY: the pointer came from a leaked box of this very slice type, and is not used after this.
            drop(unsafe { Box::from_raw(self.memory.as_ptr()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_in_the_kernel_is_neither_seen_nor_lent_again() {
        let mut buffers = Buffers::new(2, 4);
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
}

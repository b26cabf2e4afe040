//! Freed blocks of the heap that a shard's thread uses again, the last one first.
//!
//! mimalloc hands the blocks of a page out in turn, so that each allocation of an exchange meets memory that was last
//! touched a page ago. What was freed a moment ago is still in the cache. Lists are bounded and are given back when the
//! shard comes to rest. Blocks are as empty as those of any heap: who takes one writes it before it is read.

use std::cell::Cell;
use std::ptr;

/// Sizes up to this one have lists for each [`FINE_STEP`] bytes, larger ones for each [`COARSE_STEP`]. Both steps end
/// where classes of mimalloc end: rounding up to them takes no more memory than it would.
const FINE_MAX: usize = 1024;
const FINE_STEP: usize = 16;
const COARSE_STEP: usize = 256;
/// The state of an exchange and the buffers of heads are below; what is larger has pools of its own or is rare.
pub(super) const COARSE_MAX: usize = 8192;
const FINE_COUNT: usize = FINE_MAX / FINE_STEP;
const CLASS_COUNT: usize = FINE_COUNT + (COARSE_MAX - FINE_MAX) / COARSE_STEP;

/// The blocks of one class, each with the address of the next in its first bytes.
struct Class {
    first: Cell<*mut u8>,
    /// How many more may be kept.
    room: Cell<u32>,
}

thread_local! {
    /// Without a destructor, and made at compile time: so that an allocation may look at it at any time.
    static CLASSES: [Class; CLASS_COUNT] =
        const { [const { Class { first: Cell::new(ptr::null_mut()), room: Cell::new(0) } }; CLASS_COUNT] };
}

/// The list for blocks of a size, and the bytes that each of them has. `None` for sizes that are not kept.
#[inline]
pub(super) fn class_of(bytes: usize) -> Option<(usize, usize)> {
    if bytes <= FINE_MAX {
        let steps = bytes.div_ceil(FINE_STEP).max(1);
        Some((steps - 1, steps * FINE_STEP))
    } else if bytes <= COARSE_MAX {
        let steps = bytes.div_ceil(COARSE_STEP);
        Some((FINE_COUNT + steps - FINE_MAX / COARSE_STEP - 1, steps * COARSE_STEP))
    } else {
        None
    }
}

/// The block of a class that was put last.
#[inline]
pub(super) fn take(class: usize) -> Option<*mut u8> {
    CLASSES.with(|classes| {
        let Class { first, room } = &classes[class];
        let block = first.get();
        if block.is_null() {
            return None;
        }
        // SAFETY: the block was put here by `put`, whose caller gave it up, with at least the size of a pointer; `put`
        // wrote the next one's address there.
        first.set(unsafe { block.cast::<*mut u8>().read() });
        room.set(room.get() + 1);
        Some(block)
    })
}

/// Keeps a block; whether there was room for it.
///
/// # Safety
/// The block is one of the heap with at least the bytes of its class, aligned to 16, and nobody uses it any more.
#[inline]
pub(super) unsafe fn put(class: usize, block: *mut u8) -> bool {
    CLASSES.with(|classes| {
        let Class { first, room } = &classes[class];
        let Some(left) = room.get().checked_sub(1) else { return false };
        // SAFETY: the caller vouches for size, alignment and that it is free to be written.
        unsafe { block.cast::<*mut u8>().write(first.get()) };
        first.set(block);
        room.set(left);
        true
    })
}

/// From now on the calling thread keeps what it frees, of each class so many bytes and blocks at most. Only the first call
/// counts.
pub(super) fn begin(bytes_max: usize, count_max: u32) {
    CLASSES.with(|classes| {
        for (number, Class { first, room }) in classes.iter().enumerate() {
            if first.get().is_null() && room.get() == 0 {
                room.set(u32::try_from(bytes_max / bytes_of(number)).unwrap_or(u32::MAX).min(count_max));
            }
        }
    });
}

/// Empties all lists of the calling thread.
pub(super) fn take_all(mut free: impl FnMut(*mut u8)) {
    for class in 0..CLASS_COUNT {
        while let Some(block) = take(class) {
            free(block);
        }
    }
}

fn bytes_of(class: usize) -> usize {
    match class.checked_sub(FINE_COUNT) {
        None => (class + 1) * FINE_STEP,
        Some(coarse) => FINE_MAX + (coarse + 1) * COARSE_STEP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_a_class_that_holds_it() {
        let mut last = None;
        for bytes in 0..=COARSE_MAX {
            let (class, room) = class_of(bytes).unwrap();
            assert!(class < CLASS_COUNT && room >= bytes && room >= size_of::<*mut u8>(), "{bytes}");
            assert!(room - bytes <= if bytes <= FINE_MAX { FINE_STEP } else { COARSE_STEP }, "{bytes}");
            assert_eq!((class_of(room), bytes_of(class)), (Some((class, room)), room));
            // No class is left out, and larger sizes have later ones.
            assert!(last.is_none_or(|last: usize| class == last || class == last + 1), "{bytes}");
            last = Some(class);
        }
        assert_eq!((last, class_of(COARSE_MAX + 1)), (Some(CLASS_COUNT - 1), None));
    }

    #[test]
    fn the_last_block_comes_first_and_room_is_bounded() {
        const COUNT: usize = 7;
        #[derive(Clone, Copy)]
        #[repr(align(16))]
        struct Block {
            _bytes: [u8; 16],
        }
        let mut blocks = [Block { _bytes: [0; 16] }; COUNT + 1];
        let (class, _) = class_of(16).unwrap();
        let mut puts = |count: usize| {
            // SAFETY: each is 16 bytes long, and is only looked at by address while it is kept.
            blocks[..count]
                .iter_mut()
                .map(|block| unsafe { put(class, ptr::from_mut(block).cast()) })
                .collect::<Vec<_>>()
        };
        assert_eq!(puts(1), [false], "nothing is kept by a thread that did not begin");
        begin(COUNT * 16, u32::MAX);
        let kept = puts(COUNT + 1);
        assert_eq!(kept.iter().filter(|kept| **kept).count(), COUNT);
        let mut taken = Vec::new();
        taken.extend(take(class));
        take_all(|block| taken.push(block));
        let put: Vec<*mut u8> = blocks.iter_mut().map(|block| ptr::from_mut(block).cast()).collect();
        assert!(taken.iter().eq(put[..COUNT].iter().rev()));
        assert_eq!(take(class), None);
    }
}

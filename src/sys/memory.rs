//! What the process takes from the kernel's memory: the heap, and pages of plain size that are given back after use.

use std::alloc::{GlobalAlloc, Layout};

use super::kept;

/// Has the kernel give this process plain pages only. A huge page is 2 MiB for a heap of a few hundred kilobytes, and
/// stays whole for as long as one byte of it is in use.
extern "C" fn use_plain_pages() {
    let (yes, no) = (1 as libc::c_ulong, 0 as libc::c_ulong);
    // SAFETY: this operation takes numbers only. Where it is refused, huge pages stay as the system has them.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, yes, no, no, no) };
}

/// Before `main`, since the heap's first pages are taken on the way there.
// SAFETY: the loader calls each entry of this section once, with C's convention; the function needs nothing of Rust's
// runtime.
#[used]
#[unsafe(link_section = ".init_array.00101")]
static AT_LOAD: extern "C" fn() = use_plain_pages;

/// The heap, which is mimalloc's.
#[derive(Debug)]
pub struct Heap;

/// mimalloc's `MI_MAX_ALIGN_SIZE`: each of its blocks of as many bytes is aligned so. To ask for an alignment that a block
/// has anyway costs a search, and more than a kilobyte then takes a longer way than it has to.
const GIVEN_ALIGNMENT: usize = 16;

/// Bytes of a line of the cache.
#[cfg(target_arch = "x86_64")]
const LINE_BYTES: usize = 64;

/// The list for blocks of a layout, and their bytes. `None` for layouts that have none.
#[inline]
fn class_of(layout: Layout) -> Option<(usize, usize)> {
    if layout.align() <= GIVEN_ALIGNMENT { kept::class_of(layout.size()) } else { None }
}

/// A block that no list has.
#[inline]
fn fresh(bytes: usize, alignment: usize) -> *mut u8 {
    // SAFETY: both functions take any size, and any power of two as alignment.
    unsafe {
        match alignment <= GIVEN_ALIGNMENT {
            true => libmimalloc_sys::mi_malloc(bytes).cast(),
            false => libmimalloc_sys::mi_malloc_aligned(bytes, alignment).cast(),
        }
    }
}

/// A block of a class: the one that was put last, or a fresh one.
///
/// One copy for all who allocate, as with [`put`]: what an exchange runs through would else hold the same few lines some
/// sixty times, and its code has to be fetched anew for each.
#[inline(never)]
fn take(class: usize, bytes: usize) -> *mut u8 {
    kept::take(class).unwrap_or_else(|| fresh(bytes, GIVEN_ALIGNMENT))
}

/// Keeps a block of a class, or frees it.
///
/// # Safety
/// As [`kept::put`].
#[inline(never)]
unsafe fn put(class: usize, block: *mut u8) {
    // SAFETY: the caller's, and a block of a class is one of the heap.
    unsafe {
        if !kept::put(class, block) {
            libmimalloc_sys::mi_free(block.cast());
        }
    }
}

// SAFETY: mimalloc's blocks are as long and as aligned as they are asked for, or to `GIVEN_ALIGNMENT` if they have as many
// bytes, which those of all classes and those beyond them have; it returns null when there is no memory, and none of its
// functions unwinds. A block whose layout has a class has the bytes of that class, whoever asks for it or frees it.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class_of(layout) {
            Some((class, bytes)) => take(class, bytes),
            None => fresh(layout.size(), layout.align()),
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (bytes, alignment) = (layout.size(), layout.align());
        match class_of(layout).map(|(class, room)| (kept::take(class), room)) {
            Some((Some(block), _)) => {
                // SAFETY: the block has at least so many bytes, and is nobody else's.
                unsafe { block.write_bytes(0, bytes) };
                block
            }
            // SAFETY: as in `fresh`.
            Some((None, room)) => unsafe { libmimalloc_sys::mi_zalloc(room).cast() },
            // SAFETY: as in `fresh`.
            None => unsafe { libmimalloc_sys::mi_zalloc_aligned(bytes, alignment).cast() },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller vouches that the block is one of this heap by that layout, and used no more.
        unsafe {
            match class_of(layout) {
                Some((class, _)) => put(class, block),
                None => libmimalloc_sys::mi_free(block.cast()),
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        let alignment = layout.align();
        // SAFETY: the caller vouches that `bytes` makes a layout with this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(bytes, alignment) };
        match (class_of(layout), class_of(new)) {
            (Some((known, _)), Some((class, _))) if known == class => block,
            // SAFETY: `alloc` gives a block of its own with the bytes of the new layout, and both have so many as the
            // shorter; the caller vouches for the old one, which is used no more.
            (Some(_), Some(_)) => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(block, bytes.min(layout.size()));
                    self.dealloc(block, layout);
                }
                moved
            },
            // SAFETY: as in `dealloc`; a block that stays where it is keeps its alignment.
            (_, class) => unsafe {
                let bytes = class.map_or(bytes, |(_, room)| room);
                match alignment <= GIVEN_ALIGNMENT {
                    true => libmimalloc_sys::mi_realloc(block.cast(), bytes).cast(),
                    false => libmimalloc_sys::mi_realloc_aligned(block.cast(), bytes, alignment).cast(),
                }
            },
        }
    }
}

/// From now on the calling thread keeps small blocks that it frees, to use them again: of each size so many bytes and
/// blocks at most. For threads that live as long as the process.
pub fn keep_freed(bytes_max: usize, count_max: u32) {
    kept::begin(bytes_max, count_max);
}

/// Has the processor load a value into its cache, all lines at once. What goes on with a value that was left for a while
/// would else wait for one line after the other.
#[inline]
pub fn fetch<T>(value: &T) {
    fetch_lines(std::ptr::from_ref(value).cast(), size_of::<T>());
}

/// A loop in one place: unrolled for a type it is as long as the type.
#[inline(never)]
fn fetch_lines(first: *const i8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..bytes).step_by(LINE_BYTES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint reads nothing and is good for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(at)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (first, bytes);
}

/// Gives the heap pages back that the calling thread has freed and not used again. Takes 0.1 ms after few
/// connections, a millisecond after thousands.
pub fn give_back() {
    // SAFETY: what is kept was given up as blocks of this heap, and nobody else has them.
    kept::take_all(|block| unsafe { libmimalloc_sys::mi_free(block.cast()) });
    // SAFETY: may be called at any time on any thread; where mimalloc is not the allocator it finds nothing.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_as_asked_and_keep_what_they_hold() {
        use_blocks();
        keep_freed(64 << 10, 64);
        // What the first of these frees the second one is given.
        use_blocks();
        use_blocks();
        give_back();
        use_blocks();
    }

    fn use_blocks() {
        let sizes = || (1..200).chain((200..9000).step_by(61));
        for alignment in [1, 2, 4, 8, 16, 32, 64, 128, 4096] {
            let mut blocks = Vec::new();
            for bytes in sizes() {
                let layout = Layout::from_size_align(bytes, alignment).unwrap();
                // SAFETY: the size is not 0; each block is written within its size, and freed once by its last layout.
                unsafe {
                    let block = if bytes % 2 == 0 { Heap.alloc(layout) } else { Heap.alloc_zeroed(layout) };
                    assert!(!block.is_null() && block.addr() % alignment == 0, "{bytes} bytes, aligned to {alignment}");
                    assert!(bytes % 2 == 0 || std::slice::from_raw_parts(block, bytes).iter().all(|byte| *byte == 0));
                    block.write_bytes(7, bytes);
                    let grown = Heap.realloc(block, layout, bytes * 2 + 1);
                    assert!(!grown.is_null() && grown.addr() % alignment == 0, "{bytes} bytes, aligned to {alignment}");
                    assert!(std::slice::from_raw_parts(grown, bytes).iter().all(|byte| *byte == 7));
                    blocks.push((grown, Layout::from_size_align(bytes * 2 + 1, alignment).unwrap()));
                }
            }
            for (block, layout) in blocks {
                // SAFETY: see above.
                unsafe { Heap.dealloc(block, layout) };
            }
        }
    }
}

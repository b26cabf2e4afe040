//! What the process takes from the kernel's memory: the heap, and pages of plain size that are given back after use.

use std::alloc::{GlobalAlloc, Layout};

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

/// mimalloc's `MI_MAX_ALIGN_SIZE`: each of its blocks is aligned so, or to its size if that is less. To ask for an
/// alignment that a block has anyway costs a search, and more than a kilobyte then takes a longer way than it has to.
const GIVEN_ALIGNMENT: usize = 16;

fn is_given(alignment: usize, bytes: usize) -> bool {
    alignment <= GIVEN_ALIGNMENT && alignment <= bytes
}

// SAFETY: mimalloc's blocks are as long and as aligned as they are asked for, or as `is_given` says; it returns null
// when there is no memory, and none of its functions unwinds.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (bytes, alignment) = (layout.size(), layout.align());
        // SAFETY: both functions take any size, and any power of two as alignment.
        unsafe {
            match is_given(alignment, bytes) {
                true => libmimalloc_sys::mi_malloc(bytes).cast(),
                false => libmimalloc_sys::mi_malloc_aligned(bytes, alignment).cast(),
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (bytes, alignment) = (layout.size(), layout.align());
        // SAFETY: as in `alloc`.
        unsafe {
            match is_given(alignment, bytes) {
                true => libmimalloc_sys::mi_zalloc(bytes).cast(),
                false => libmimalloc_sys::mi_zalloc_aligned(bytes, alignment).cast(),
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: the caller vouches that the block is one of this heap, and in use.
        unsafe { libmimalloc_sys::mi_free(block.cast()) };
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        let alignment = layout.align();
        // SAFETY: as in `dealloc`; a block that stays where it is keeps its alignment.
        unsafe {
            match is_given(alignment, bytes) {
                true => libmimalloc_sys::mi_realloc(block.cast(), bytes).cast(),
                false => libmimalloc_sys::mi_realloc_aligned(block.cast(), bytes, alignment).cast(),
            }
        }
    }
}

/// Gives the heap pages back that the calling thread has freed and not used again. Costs about a millisecond.
pub fn give_back() {
    // SAFETY: may be called at any time on any thread; where mimalloc is not the allocator it finds nothing.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_as_asked_and_keep_what_they_hold() {
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

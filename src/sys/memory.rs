//! What the process takes from the kernel's memory: pages of plain size, given back after use.

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

/// Gives the heap pages back that the calling thread has freed and not used again. Costs about a millisecond.
pub fn give_back() {
    // SAFETY: may be called at any time on any thread; where mimalloc is not the allocator it finds nothing.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

//! Receiving into the spare room of a buffer.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::net::RecvFlags;

/// Appends at most `max` bytes that the socket has now. `max` must not exceed the buffer's spare room; more is cut.
///
/// # Errors
/// `AGAIN` when nothing is there, otherwise the socket's error.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut Vec<u8>, max: usize) -> Result<usize, Errno> {
    let filled = buffer.len();
    let room = buffer.spare_capacity_mut();
    let max = max.min(room.len());
    let ((taken, _), _) = rustix::net::recv(socket, &mut room[..max], RecvFlags::DONTWAIT)?;
    let n = taken.len();
    // SAFETY: the call initialized the first `n` bytes of the spare room, and `n` is at most its length.
    unsafe { buffer.set_len(filled + n) };
    Ok(n)
}

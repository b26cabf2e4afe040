//! The exit code. Everything else is in the library.

use std::process::ExitCode;

/// Sizes do not share pages, so the few bytes that a tunnel keeps do not pin what its handshake has given back.
#[global_allocator]
static ALLOCATOR: longhaul::sys::memory::Heap = longhaul::sys::memory::Heap;

fn main() -> ExitCode {
    longhaul::cli::run(std::env::args_os())
}

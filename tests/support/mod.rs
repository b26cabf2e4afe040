//! What the tests that run the real binary share: the process under test, scripted peers, raw sockets, exact texts.
//!
//! Independent of the library: nothing here links it, so a wrong parser cannot agree with itself. No sleeps: every wait
//! is for a condition and ends at [`DEADLINE`].

// Each test binary is compiled with all of this and none uses everything.
#![allow(dead_code, unused_imports)]
// A test says no by a panic, and so do the functions it calls.
#![allow(clippy::panic)]

mod descriptors;
mod dns;
mod memory;
mod peer;
mod process;
mod socket;
mod text;
pub mod tls;

use std::time::{Duration, Instant};

pub use descriptors::keepalive_time;
pub use dns::{A, AAAA, NameServer, Question, Reply};
pub use peer::{Connections, Peer};
pub use process::{Longhaul, Setup, binary};
pub use socket::Socket;
pub use text::{ACCEPT, KEY, head, http, masked, message, plain, show, stable, upgrade};

/// Any single wait. Long, since the machine may be busy with other tests; reached only when something is wrong.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until the condition gives a value.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "waited {DEADLINE:?} in vain for {what}");
        // A look every two milliseconds costs nothing and is no wait for a fixed time.
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

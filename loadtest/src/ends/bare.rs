//! Bare sockets as a measure: connected and accepted as a proxy's two are, and nothing else.
//!
//! Waits for a line before it opens them, so that it can be put into a cgroup first.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

/// Opens `count` pairs when told to, says so, and holds them until its input ends.
pub fn hold(count: usize) -> Result<(), String> {
    let in_place = |error: io::Error| format!("bare sockets: {error}");
    crate::host::limits::raise_descriptors();
    let mut input = io::stdin();
    input.read_exact(&mut [0]).map_err(in_place)?;
    let listener = TcpListener::bind("127.0.0.1:0").map_err(in_place)?;
    let address = listener.local_addr().map_err(in_place)?;
    let mut held = Vec::with_capacity(2 * count);
    for _ in 0..count {
        held.push(TcpStream::connect(address).map_err(in_place)?);
        held.push(listener.accept().map_err(in_place)?.0);
    }
    let mut output = io::stdout();
    output.write_all(b"held\n").and_then(|()| output.flush()).map_err(in_place)?;
    input.read_to_end(&mut Vec::new()).map_err(in_place)?;
    drop(held);
    Ok(())
}

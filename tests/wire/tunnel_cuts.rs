//! A dialogue from the handshake on, cut at each of its bytes by either side, by FIN or by RST: nothing hangs, nothing is
//! added, and the next one works.

use super::support::{Longhaul, Peer, Setup, Socket, head, masked, plain, upgrade, wait_for};
use super::tunnel::{PLAIN_LOCATION, SWITCHED};

fn cut(socket: Socket, by_reset: bool) {
    if by_reset {
        socket.reset();
    } else {
        drop(socket);
    }
}

fn asked() -> Vec<u8> {
    [masked(1, b"question"), masked(8, &1000_u16.to_be_bytes())].concat()
}

fn answered() -> Vec<u8> {
    [plain(1, b"answer"), plain(8, &1000_u16.to_be_bytes())].concat()
}

#[track_caller]
fn nothing_is_open(longhaul: &Longhaul) {
    wait_for("every connection to be closed", || {
        let open = longhaul.open_now();
        (open.from_clients + open.to_peers == 0).then_some(())
    });
}

#[test]
fn the_client_may_go_at_any_byte() {
    for by_reset in [false, true] {
        let handshake = upgrade("/", "");
        let dialogue = [handshake.clone(), asked()].concat();
        let peer = Peer::start(move |connections| {
            // Before its head is complete no peer hears of a client.
            for _ in 0..=asked().len() {
                let mut socket = connections.accept();
                socket.read_head();
                socket.send([head(SWITCHED), answered()].concat());
                let bytes = socket.read_until_gone();
                assert!(asked().starts_with(&bytes), "other bytes than the client's");
            }
        });
        let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
        for count in 0..=dialogue.len() {
            let mut client = longhaul.connect();
            client.send(&dialogue[..count]);
            if count >= handshake.len() {
                // The peer is asked for sure only while the client is there.
                client.read_head();
            }
            cut(client, by_reset);
        }
        nothing_is_open(&longhaul);
        peer.join();
        longhaul.stop();
    }
}

#[test]
fn the_peer_may_go_at_any_byte() {
    for by_reset in [false, true] {
        let switched = head(SWITCHED);
        let dialogue = [switched.clone(), answered()].concat();
        let length = dialogue.len();
        let peer = Peer::start(move |connections| {
            for count in 0..=length {
                let mut socket = connections.accept();
                socket.read_head();
                socket.send(&dialogue[..count]);
                if count >= head(SWITCHED).len() && !by_reset {
                    // A socket that is closed with bytes unread resets.
                    socket.expect(asked());
                }
                cut(socket, by_reset);
            }
        });
        let longhaul = Setup::new().peer(&peer).allow_in_log("while reading response header").start(PLAIN_LOCATION);
        for count in 0..=length {
            let mut client = longhaul.connect();
            client.send([upgrade("/", ""), asked()].concat());
            let answer = client.read_head();
            if count < switched.len() {
                assert!(answer.starts_with("HTTP/1.1 502 "), "cut at {count}: {answer}");
                client.read_until_gone();
                continue;
            }
            // A reset may overtake its bytes.
            if answer.starts_with("HTTP/1.1 502 ") && by_reset {
                continue;
            }
            assert!(answer.starts_with("HTTP/1.1 101 "), "cut at {count}: {answer}");
            if !by_reset {
                client.half_close();
            }
            let frames = &answered()[..count - switched.len()];
            let bytes = client.read_until_gone();
            assert!(bytes == frames || by_reset && frames.starts_with(&bytes), "cut at {count}: {bytes:?}");
        }
        nothing_is_open(&longhaul);
        peer.join();
        longhaul.stop();
    }
}

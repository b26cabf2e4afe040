//! WebSocket frames (RFC 6455 5) for the two ends: whole client messages, and an echo that works on any split.
//!
//! The echo answers each data frame with one of the same length, begun as soon as its head is in, so that a message of
//! 1 MB never has to be held. It checks masks and lengths only as far as an honest client needs.

/// First byte of a whole binary message: FIN and opcode 2.
const BINARY: u8 = 0x82;
const OPCODE: u8 = 0x0f;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const MASKED: u8 = 0x80;
/// Opcode, length in its longest form and key.
const HEAD_BYTES_MAX: usize = 14;

/// The mask of our clients: not zero, so that a proxy that masks wrongly is seen.
pub const KEY: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];

/// Bytes that a message takes on the way to the client.
pub fn server_bytes(payload_bytes: usize) -> usize {
    length_bytes(payload_bytes) + payload_bytes
}

fn length_bytes(payload_bytes: usize) -> usize {
    match payload_bytes {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    }
}

fn push_head(first: u8, payload_bytes: u64, masked: u8, out: &mut Vec<u8>) {
    out.push(first);
    match payload_bytes {
        0..126 => out.push(masked | payload_bytes as u8),
        126..65_536 => {
            out.push(masked | 126);
            out.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&payload_bytes.to_be_bytes());
        }
    }
}

/// A whole message from a client with what its echo looks like. Built once; each send changes only the number in it.
#[derive(Debug)]
pub struct Message {
    pub sent: Vec<u8>,
    pub expected: Vec<u8>,
    payload_bytes: usize,
}

impl Message {
    /// The payload names its tunnel, so that bytes that reach another tunnel are seen.
    pub fn new(tunnel: u32, payload_bytes: usize) -> Self {
        let mut payload: Vec<u8> = (0..payload_bytes).map(|at| (at.wrapping_mul(31) >> 3) as u8).collect();
        for (slot, byte) in payload.iter_mut().zip(tunnel.to_be_bytes()) {
            *slot = byte;
        }
        let mut expected = Vec::with_capacity(server_bytes(payload_bytes));
        push_head(BINARY, payload_bytes as u64, 0, &mut expected);
        expected.extend_from_slice(&payload);
        let mut sent = Vec::with_capacity(expected.len() + KEY.len());
        push_head(BINARY, payload_bytes as u64, MASKED, &mut sent);
        sent.extend_from_slice(&KEY);
        unmask(&mut payload, KEY, 0);
        sent.extend_from_slice(&payload);
        Self { sent, expected, payload_bytes }
    }

    /// Puts a number behind the tunnel's, where the payload has room for it.
    pub fn number(&mut self, number: u32) {
        if self.payload_bytes < 8 {
            return;
        }
        let digits = number.to_be_bytes();
        let at = length_bytes(self.payload_bytes) + 4;
        self.expected[at..at + 4].copy_from_slice(&digits);
        let at = at + KEY.len();
        for (index, digit) in digits.into_iter().enumerate() {
            self.sent[at + index] = digit ^ KEY[index];
        }
    }
}

/// Masks and unmasks are the same. `offset` is the place of the first byte within its payload.
fn unmask(bytes: &mut [u8], key: [u8; 4], offset: u64) {
    let mut turned = key;
    turned.rotate_left((offset % 4) as usize);
    let wide =
        u64::from_ne_bytes([turned[0], turned[1], turned[2], turned[3], turned[0], turned[1], turned[2], turned[3]]);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
    }
    for (index, byte) in chunks.into_remainder().iter_mut().enumerate() {
        *byte ^= turned[index % 4];
    }
}

/// What a peer has to do after some bytes.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Next {
    Continue,
    /// The Close frame is answered: send what is there and end.
    End,
    /// Not what a client may send.
    Broken,
}

/// The state of one peer's stream.
#[derive(Debug, Default)]
pub struct Echo {
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: usize,
    /// Of the frame in the works; `done_bytes` of `payload_bytes` are answered.
    payload_bytes: u64,
    done_bytes: u64,
    key: [u8; 4],
    in_payload: bool,
    closing: bool,
}

impl Echo {
    /// Takes what arrived and appends what goes back.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Next {
        while !bytes.is_empty() || self.in_payload {
            if !self.in_payload {
                self.head[self.head_bytes] = bytes[0];
                self.head_bytes += 1;
                bytes = &bytes[1..];
                match self.begin(out) {
                    Next::Continue => {}
                    broken => return broken,
                }
                continue;
            }
            let wanted = usize::try_from(self.payload_bytes - self.done_bytes).unwrap_or(usize::MAX);
            let taken = bytes.len().min(wanted);
            let from = out.len();
            out.extend_from_slice(&bytes[..taken]);
            unmask(&mut out[from..], self.key, self.done_bytes);
            self.done_bytes += taken as u64;
            bytes = &bytes[taken..];
            if self.done_bytes < self.payload_bytes {
                return Next::Continue;
            }
            self.in_payload = false;
            if self.closing {
                return Next::End;
            }
        }
        Next::Continue
    }

    /// Answers the head once it is whole.
    fn begin(&mut self, out: &mut Vec<u8>) -> Next {
        let head = &self.head[..self.head_bytes];
        if head.len() < 2 {
            return Next::Continue;
        }
        if head[1] & MASKED == 0 {
            return Next::Broken;
        }
        let (length_end, payload_bytes) = match (head[1] & !MASKED, head.len()) {
            (126, 4..) => (4, u64::from(u16::from_be_bytes([head[2], head[3]]))),
            (127, 10..) => {
                let mut length = [0; 8];
                length.copy_from_slice(&head[2..10]);
                (10, u64::from_be_bytes(length))
            }
            (126 | 127, _) => return Next::Continue,
            (length, _) => (2, u64::from(length)),
        };
        let Some(key) = head.get(length_end..length_end + 4) else { return Next::Continue };
        self.key.copy_from_slice(key);
        self.closing = head[0] & OPCODE == CLOSE;
        let first = if head[0] & OPCODE == PING { head[0] & !OPCODE | PONG } else { head[0] };
        push_head(first, payload_bytes, 0, out);
        (self.payload_bytes, self.done_bytes) = (payload_bytes, 0);
        self.head_bytes = 0;
        self.in_payload = true;
        Next::Continue
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_echo_is_what_its_message_expects() {
        for payload_bytes in [0, 1, 7, 8, 64, 125, 126, 1000, 65_535, 65_536, 100_000] {
            let mut message = Message::new(7, payload_bytes);
            message.number(99);
            let (mut echo, mut out) = (Echo::default(), Vec::new());
            assert_eq!(echo.feed(&message.sent, &mut out), Next::Continue);
            assert!(out == message.expected, "{payload_bytes}");
            assert_eq!(out.len(), server_bytes(payload_bytes));
        }
    }

    #[test]
    fn number_and_tunnel_tell_messages_apart() {
        let mut one = Message::new(1, 64);
        let first = one.expected.clone();
        one.number(2);
        assert_ne!(one.expected, first);
        assert_ne!(Message::new(2, 64).expected, first);
        assert_eq!(one.sent.len(), one.expected.len() + 4);
    }

    #[test]
    fn a_ping_becomes_a_pong_and_a_close_ends() {
        let (mut echo, mut out) = (Echo::default(), Vec::new());
        assert_eq!(echo.feed(&[0x89, 0x81, 0, 0, 0, 0, b'x'], &mut out), Next::Continue);
        assert_eq!(out, [0x8a, 1, b'x']);
        out.clear();
        assert_eq!(echo.feed(&[0x88, 0x82, 0, 0, 0, 0, 3, 232], &mut out), Next::End);
        assert_eq!(out, [0x88, 2, 3, 232]);
    }

    #[test]
    fn a_frame_without_a_mask_is_refused() {
        assert_eq!(Echo::default().feed(&[0x82, 1, 0], &mut Vec::new()), Next::Broken);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_split_gives_the_same_echo(sizes in proptest::collection::vec(0usize..70_000, 1..6), step in 1usize..5000) {
            let messages: Vec<Message> = sizes.iter().enumerate().map(|(n, size)| Message::new(n as u32, *size)).collect();
            let sent: Vec<u8> = messages.iter().flat_map(|message| message.sent.clone()).collect();
            let expected: Vec<u8> = messages.iter().flat_map(|message| message.expected.clone()).collect();
            let (mut echo, mut out) = (Echo::default(), Vec::new());
            for part in sent.chunks(step) {
                prop_assert_eq!(echo.feed(part, &mut out), Next::Continue);
            }
            prop_assert!(out == expected);
        }
    }
}

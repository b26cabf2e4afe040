//! The few WebSocket bytes that both ends need: a handshake that always has the same key, and binary frames.
//!
//! Pure. Masks are zero, which RFC 6455 allows and which makes masking free: it is the proxy that is measured.

/// The key of every handshake and the answer to it (RFC 6455 1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const BINARY: u8 = 0x82;
const MASKED: u8 = 0x80;

/// The client's handshake.
#[must_use]
pub fn request(host: &str) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
    .into_bytes()
}

/// The peer's answer.
#[must_use]
pub fn response() -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    )
    .into_bytes()
}

/// The length of a head with its empty line, once it is complete.
#[must_use]
pub fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// A binary frame; the client's are masked.
#[must_use]
pub fn frame(payload: &[u8], is_client: bool) -> Vec<u8> {
    let mask_bit = if is_client { MASKED } else { 0 };
    let length = payload.len();
    let mut bytes = Vec::with_capacity(length + 14);
    bytes.push(BINARY);
    if length < 126 {
        bytes.push(mask_bit | length as u8);
    } else if let Ok(short) = u16::try_from(length) {
        bytes.push(mask_bit | 126);
        bytes.extend_from_slice(&short.to_be_bytes());
    } else {
        bytes.push(mask_bit | 127);
        bytes.extend_from_slice(&(length as u64).to_be_bytes());
    }
    if is_client {
        bytes.extend_from_slice(&[0; 4]);
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame's head: how long it is, and how long the payload after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    pub head_bytes: usize,
    pub payload_bytes: u64,
}

/// Reads a frame's head; `None` while bytes are missing.
#[must_use]
pub fn frame_head(bytes: &[u8]) -> Option<FrameHead> {
    let second = *bytes.get(1)?;
    let mask_bytes = if second & MASKED == 0 { 0 } else { 4 };
    let (length_bytes, payload_bytes) = match second & 0x7f {
        126 => (2, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (8, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (0, u64::from(short)),
    };
    let head_bytes = 2 + length_bytes + mask_bytes;
    (bytes.len() >= head_bytes).then_some(FrameHead { head_bytes, payload_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_s_head_tells_its_length_back() {
        for size in [0, 1, 125, 126, 65535, 65536, 1 << 20] {
            for is_client in [false, true] {
                let bytes = frame(&vec![1; size], is_client);
                let head = frame_head(&bytes).unwrap();
                assert_eq!(head.payload_bytes, size as u64);
                assert_eq!(head.head_bytes + size, bytes.len());
                assert_eq!(frame_head(&bytes[..head.head_bytes - 1]), None);
            }
        }
    }
}

//! Frames of RFC 6455 over blocking streams, for the demo's two ends. Knows neither the proxy nor its parser: a proof
//! that used them would prove nothing.

use std::io::{self, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Longest payload the demo takes, over all frames of a message.
pub(super) const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Longest head of a request or an answer.
const HEAD_BYTES_MAX: usize = 16 << 10;

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// One frame, unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) is_last: bool,
    pub(super) opcode: u8,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    pub(super) fn whole(opcode: u8, payload: &[u8]) -> Self {
        Self { is_last: true, opcode, payload: payload.to_vec() }
    }

    /// Writes the frame; `mask` is for the client's side (RFC 6455 5.3).
    pub(super) fn write(&self, stream: &mut impl Write, mask: Option<[u8; 4]>) -> io::Result<()> {
        let mut bytes = vec![u8::from(self.is_last) << 7 | self.opcode];
        let masked = u8::from(mask.is_some()) << 7;
        match self.payload.len() {
            short @ 0..=125 => bytes.push(masked | short as u8),
            medium @ 126..=0xffff => {
                bytes.push(masked | 126);
                bytes.extend_from_slice(&(medium as u16).to_be_bytes());
            }
            long => {
                bytes.push(masked | 127);
                bytes.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        let mask = mask.inspect(|mask| bytes.extend_from_slice(mask)).unwrap_or_default();
        bytes.extend(self.payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        stream.write_all(&bytes)
    }

    /// Reads the next frame. `masked` is what the other side must do: all clients mask, no server does.
    pub(super) fn read(stream: &mut impl Read, masked: bool) -> io::Result<Self> {
        let mut head = [0u8; 2];
        stream.read_exact(&mut head)?;
        let [first, second] = head;
        let opcode = first & 0x0f;
        let is_last = first & 0x80 != 0;
        if first & 0x70 != 0 || !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
            return Err(broken("reserved bits"));
        }
        if (second & 0x80 != 0) != masked {
            return Err(broken("masked by the wrong side"));
        }
        let bytes = match second & 0x7f {
            126 => usize::from(u16::from_be_bytes(read_array(stream)?)),
            127 => usize::try_from(u64::from_be_bytes(read_array(stream)?)).unwrap_or(usize::MAX),
            short => usize::from(short),
        };
        if bytes > MESSAGE_BYTES_MAX || (opcode >= CLOSE && (bytes > 125 || !is_last)) {
            return Err(broken("length"));
        }
        let mask: [u8; 4] = if masked { read_array(stream)? } else { [0; 4] };
        let mut payload = vec![0u8; bytes];
        stream.read_exact(&mut payload)?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        Ok(Self { is_last, opcode, payload })
    }
}

fn read_array<const N: usize>(stream: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0u8; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a WebSocket frame: {what}"))
}

/// `Sec-WebSocket-Accept` of a key (RFC 6455 4.2.2).
pub(super) fn accept_value(key: &str) -> String {
    STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

/// Reads a head up to its empty line. `None` when the stream ends before it begins.
pub(super) fn read_head(stream: &mut impl Read) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    // Byte by byte, so that no byte of a frame behind the head is taken with it.
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0u8];
        match stream.read(&mut byte)? {
            0 if head.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ if head.len() == HEAD_BYTES_MAX => return Err(broken("head too long")),
            _ => head.push(byte[0]),
        }
    }
    String::from_utf8(head).map(Some).map_err(|_| broken("head is not text"))
}

/// Value of a field in a head.
pub(super) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_gives_its_answer() {
        assert_eq!(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn frames_of_every_length_form_come_back() {
        for bytes in [0, 1, 125, 126, 65535, 65536] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let frame = Frame::whole(BINARY, &vec![7u8; bytes]);
                let mut wire = Vec::new();
                frame.write(&mut wire, mask).unwrap();
                assert_eq!(Frame::read(&mut &*wire, mask.is_some()).unwrap(), frame);
                assert!(Frame::read(&mut &*wire, mask.is_none()).is_err());
            }
        }
    }
}

//! Where in its frames a WebSocket stream is (RFC 6455 5.2), for one direction. Pure, incremental, any split gives the
//! same result.
//!
//! The payload of a data frame may pass in pieces of any size; a header, and a control frame with its payload, are taken
//! only whole: the caller keeps an incomplete one, at most [`HELD_BYTES_MAX`] bytes, and gives it again with what follows.
//! So whatever was taken ends between two frames or in the payload of a data frame. Nothing is validated that the
//! ends check anyway: a broken stream is carried as it is.

use super::u48::U48;

/// The longest header with the longest payload of a control frame, less the byte that would make it complete.
pub const HELD_BYTES_MAX: usize = HEADER_BYTES_MAX + CONTROL_PAYLOAD_MAX - 1;

/// Two bytes, a length of eight, a mask.
pub const HEADER_BYTES_MAX: usize = 14;
const CONTROL_PAYLOAD_MAX: usize = 125;

const FIN: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
/// Opcodes from here on are control frames.
const CONTROL: u8 = 0x8;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// A Close frame without a code (RFC 6455 7.1.5).
pub const NO_CODE: u16 = 1005;

/// A Close frame of the proxy's own. With a mask toward an upstream, without one toward a client (RFC 6455 5.1).
pub fn close_frame(code: u16, mask: Option<[u8; 4]>) -> Vec<u8> {
    control_frame(CLOSE, &code.to_be_bytes(), mask)
}

/// A ping to a client.
pub fn ping_frame(payload: [u8; PING_BYTES]) -> Vec<u8> {
    control_frame(PING, &payload, None)
}

fn control_frame(opcode: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if mask.is_some() { MASKED } else { 0 };
    let mut frame = vec![FIN | opcode, masked | payload.len() as u8];
    frame.extend(mask.iter().flatten());
    frame.extend(payload.iter().zip(mask.unwrap_or_default().iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// What the tracker stops for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Payload bytes of one message, all of its frames together.
    pub message_bytes_max: Option<u32>,
    /// Stop as soon as the stream is between two frames.
    pub stop_between: bool,
    /// Stop before a pong that carries this.
    pub awaited_pong: Option<[u8; PING_BYTES]>,
}

/// Payload of the proxy's own pings.
pub const PING_BYTES: usize = 8;

/// Why the tracker stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// All is taken, but for an incomplete header or control frame: give that again with what follows.
    Starved,
    /// Between two frames, as asked.
    Between,
    /// The next frame makes its message longer than allowed.
    TooLong,
    /// The next frame, of this many bytes, is the awaited pong.
    Pong(usize),
}

/// The state of one direction. Small, since every tunnel has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tracker {
    /// Payload still to come of the data frame the stream is in.
    left: U48,
    /// The data frame the stream is in, or was in last, does not end its message.
    is_within_message: bool,
    passing: Passing,
    messages: u32,
}

const _: () = assert!(size_of::<Tracker>() <= 12);

/// What may still come of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Passing {
    #[default]
    Frames,
    /// A Close frame has passed: no frame may follow it.
    Closed,
    /// What is fed does not go on; `closed` as above.
    Nothing { closed: bool },
}

/// A header as it was found.
struct Header {
    length: usize,
    first: u8,
    mask: [u8; 4],
    payload: u64,
}

impl Header {
    /// `None` if it is incomplete.
    fn parse(bytes: &[u8]) -> Option<Header> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (payload, mut length) = match second & LENGTH {
            126 => (u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?), 10),
            short => (u64::from(short), 2),
        };
        let mut mask = [0; 4];
        if second & MASKED != 0 {
            mask = *bytes.get(length..)?.first_chunk()?;
            length += mask.len();
        }
        Some(Header { length, first, mask, payload })
    }

    /// The length of a control frame. A longer one is an error of its sender; it passes like data.
    fn control_bytes(&self) -> Option<usize> {
        let payload = usize::try_from(self.payload).ok().filter(|payload| *payload <= CONTROL_PAYLOAD_MAX)?;
        (self.first & OPCODE >= CONTROL).then_some(self.length + payload)
    }
}

fn unmasked<const N: usize>(payload: &[u8], mask: [u8; 4]) -> Option<[u8; N]> {
    let mut bytes = *payload.first_chunk::<N>()?;
    bytes.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some(bytes)
}

impl Tracker {
    /// Payload of the present data frame still to come: so much may pass unseen, if [`Tracker::skip`] is told.
    pub fn payload_left(&self) -> u64 {
        self.left.value()
    }

    /// The stream is between two frames: one of the proxy's own may be inserted.
    pub fn is_between_frames(&self) -> bool {
        self.left.is_zero()
    }

    /// A Close frame has passed: no frame may follow it.
    pub fn has_closed(&self) -> bool {
        matches!(self.passing, Passing::Closed | Passing::Nothing { closed: true })
    }

    /// The stream is in a message of several frames, or was so when its last frame ended.
    pub fn is_within_message(&self) -> bool {
        self.is_within_message
    }

    /// From here on nothing of the stream passes: messages are not counted any more.
    pub fn only_listen(&mut self) {
        self.passing = Passing::Nothing { closed: self.has_closed() };
    }

    /// Messages that have passed completely.
    pub fn messages(&self) -> u32 {
        self.messages
    }

    /// Notes that `count` bytes of payload have passed.
    pub fn skip(&mut self, count: u64) {
        let left = self.payload_left();
        if left == 0 {
            return;
        }
        self.left = U48::saturating(left.saturating_sub(count));
        if left <= count {
            self.end_frame();
        }
    }

    fn end_frame(&mut self) {
        let passes = !matches!(self.passing, Passing::Nothing { .. });
        if passes && !self.is_within_message {
            self.messages = self.messages.saturating_add(1);
        }
    }

    /// Takes what is complete of `bytes`; returns how much that was and why it was no more. `on_close` hears the code of
    /// a Close frame. Under a limit, `message_bytes` is the payload of the message so far, this frame's announced one
    /// included; it is kept outside since few messages have several frames, and has no meaning between two messages.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        rules: &Rules,
        message_bytes: &mut u32,
        mut on_close: impl FnMut(u16),
    ) -> (usize, Stop) {
        let mut at = 0;
        loop {
            let left = self.payload_left();
            if left > 0 {
                let here = (bytes.len() - at).min(usize::try_from(left).unwrap_or(usize::MAX));
                self.skip(here as u64);
                at += here;
                if !self.is_between_frames() {
                    return (at, Stop::Starved);
                }
            }
            if rules.stop_between {
                return (at, Stop::Between);
            }
            let rest = &bytes[at..];
            let Some(header) = Header::parse(rest) else { return (at, Stop::Starved) };
            if let Some(length) = header.control_bytes() {
                if rest.len() < length {
                    return (at, Stop::Starved);
                }
                let payload = &rest[header.length..length];
                match header.first & OPCODE {
                    CLOSE => {
                        self.passing = match self.passing {
                            Passing::Frames | Passing::Closed => Passing::Closed,
                            Passing::Nothing { .. } => Passing::Nothing { closed: true },
                        };
                        on_close(unmasked(payload, header.mask).map_or(NO_CODE, u16::from_be_bytes));
                    }
                    PONG if payload.len() == PING_BYTES
                        && rules.awaited_pong.is_some()
                        && rules.awaited_pong == unmasked(payload, header.mask) =>
                    {
                        return (at, Stop::Pong(length));
                    }
                    _ => {}
                }
                at += length;
                continue;
            }
            if !self.fits(&header, rules, message_bytes) {
                return (at, Stop::TooLong);
            }
            self.is_within_message = header.first & FIN == 0;
            self.left = U48::saturating(header.payload);
            at += header.length;
            if header.payload == 0 {
                self.end_frame();
            }
        }
    }

    /// The message is within the rules with this frame, and then has this many bytes.
    fn fits(&self, header: &Header, rules: &Rules, message_bytes: &mut u32) -> bool {
        let Some(max) = rules.message_bytes_max else { return true };
        let before = if self.is_within_message { *message_bytes } else { 0 };
        match u32::try_from(u64::from(before).saturating_add(header.payload)) {
            Ok(total) if total <= max => {
                *message_bytes = total;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    struct Frame {
        fin: bool,
        opcode: u8,
        mask: Option<[u8; 4]>,
        payload: Vec<u8>,
        /// Write the length in more bytes than it needs.
        is_long: bool,
    }

    impl Frame {
        fn encode(&self) -> Vec<u8> {
            let masked = if self.mask.is_some() { MASKED } else { 0 };
            let mut bytes = vec![self.opcode | if self.fin { FIN } else { 0 }];
            match self.payload.len() {
                length if self.is_long || length > 0xffff => {
                    bytes.push(masked | 127);
                    bytes.extend((length as u64).to_be_bytes());
                }
                length @ 126.. => {
                    bytes.push(masked | 126);
                    bytes.extend((length as u16).to_be_bytes());
                }
                length => bytes.push(masked | length as u8),
            }
            let mask = self.mask.unwrap_or_default();
            bytes.extend(self.mask.iter().flatten());
            bytes.extend(self.payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
            bytes
        }
    }

    fn frame() -> impl Strategy<Value = Frame> {
        let payload = prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..20),
            1 => prop::collection::vec(any::<u8>(), 120..300),
            1 => (65_530_usize..65_540).prop_map(|length| vec![7; length]),
        ];
        let opcode = prop_oneof![0_u8..3, 8_u8..11];
        (any::<bool>(), opcode, any::<Option<[u8; 4]>>(), payload, any::<bool>())
            .prop_map(|(fin, opcode, mask, payload, is_long)| Frame { fin, opcode, mask, payload, is_long })
    }

    /// What a tracker is to say about whole frames.
    #[derive(Debug, Default, PartialEq)]
    struct Said {
        messages: u32,
        closes: Vec<u16>,
        taken: usize,
        stop: Option<Stop>,
    }

    /// Over decoded frames, one after the other, with no state of bytes.
    fn naive(frames: &[Frame], rules: &Rules) -> Said {
        let mut said = Said::default();
        let mut message = 0;
        for frame in frames {
            let bytes = frame.encode();
            if frame.opcode >= 8 && frame.payload.len() <= 125 {
                let pong = rules.awaited_pong.is_some_and(|ping| ping[..] == frame.payload[..]);
                if frame.opcode == 10 && pong {
                    said.stop = Some(Stop::Pong(bytes.len()));
                    return said;
                }
                if frame.opcode == 8 {
                    said.closes.push(match frame.payload[..] {
                        [high, low, ..] => u16::from(high) << 8 | u16::from(low),
                        _ => 1005,
                    });
                }
            } else {
                message += frame.payload.len();
                if rules.message_bytes_max.is_some_and(|max| message > max as usize) {
                    said.stop = Some(Stop::TooLong);
                    return said;
                }
                if frame.fin {
                    (said.messages, message) = (said.messages + 1, 0);
                }
            }
            said.taken += bytes.len();
        }
        said
    }

    /// Feeds a stream in pieces of the given lengths, over and over, as a pump does.
    fn in_pieces(stream: &[u8], pieces: &[usize], rules: &Rules, skips: bool) -> Said {
        let mut tracker = Tracker::default();
        let (mut said, mut message_bytes) = (Said::default(), 0);
        let (mut held, mut at): (Vec<u8>, usize) = (Vec::new(), 0);
        for piece in pieces.iter().cycle() {
            if at == stream.len() {
                break;
            }
            let end = (at + piece).min(stream.len());
            if skips && tracker.payload_left() > 0 {
                assert!(held.is_empty());
                let count = tracker.payload_left().min((end - at) as u64);
                tracker.skip(count);
                at += count as usize;
                said.taken += count as usize;
                continue;
            }
            held.extend(&stream[at..end]);
            at = end;
            let (taken, stop) = tracker.feed(&held, rules, &mut message_bytes, |code| said.closes.push(code));
            said.taken += taken;
            held.drain(..taken);
            if stop != Stop::Starved {
                said.stop = Some(stop);
                break;
            }
            assert!(held.len() <= HELD_BYTES_MAX);
        }
        said.messages = tracker.messages();
        said
    }

    const PAYLOAD: [u8; PING_BYTES] = *b"longhaul";

    proptest! {
        #[test]
        fn any_split_says_what_the_naive_one_says(
            mut frames in prop::collection::vec(frame(), 0..12),
            pieces in prop::collection::vec(prop_oneof![1_usize..20, 1_usize..70_000], 1..8),
            max in prop::option::of(0_u32..200_000),
            pong in prop::option::of((0_usize..12, any::<Option<[u8; 4]>>())),
            awaits in any::<bool>(),
            skips in any::<bool>(),
        ) {
            if let Some((at, mask)) = pong {
                let frame = Frame { fin: true, opcode: 10, mask, payload: PAYLOAD.to_vec(), is_long: false };
                frames.insert(at.min(frames.len()), frame);
            }
            let rules = Rules { message_bytes_max: max, stop_between: false, awaited_pong: awaits.then_some(PAYLOAD) };
            let stream: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
            prop_assert_eq!(in_pieces(&stream, &pieces, &rules, skips), naive(&frames, &rules));
        }

        #[test]
        fn no_stream_is_refused_or_stuck(bytes in prop::collection::vec(any::<u8>(), 0..400), piece in 1_usize..50) {
            let said = in_pieces(&bytes, &[piece], &Rules::default(), false);
            prop_assert!(said.taken + HELD_BYTES_MAX >= bytes.len() && said.stop.is_none());
        }

        #[test]
        fn a_stop_between_frames_is_at_the_next_boundary(
            frames in prop::collection::vec(frame(), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let stream: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
            let mut tracker = Tracker::default();
            let (taken, _) = tracker.feed(&stream[..cut.index(stream.len())], &Rules::default(), &mut 0, |_| {});
            let rules = Rules { stop_between: true, ..Rules::default() };
            let (more, stop) = tracker.feed(&stream[taken..], &rules, &mut 0, |_| {});
            prop_assert_eq!(stop, Stop::Between);
            prop_assert!(tracker.is_between_frames());
            let ends = frames.iter().scan(0, |at, frame| { *at += frame.encode().len(); Some(*at) });
            let boundary = std::iter::once(0).chain(ends).find(|end| *end >= taken);
            prop_assert_eq!(Some(taken + more), boundary);
        }
    }

    #[test]
    fn own_frames_are_frames() {
        for mask in [None, Some([1, 2, 3, 4])] {
            let frame = Frame { fin: true, opcode: 8, mask, payload: vec![3, 241], is_long: false };
            assert_eq!(close_frame(1009, mask), frame.encode());
            let mut tracker = Tracker::default();
            let mut codes = Vec::new();
            tracker.feed(&close_frame(1009, mask), &Rules::default(), &mut 0, |code| codes.push(code));
            assert!(tracker.has_closed() && codes == [1009]);
        }
        let frame = Frame { fin: true, opcode: 9, mask: None, payload: PAYLOAD.to_vec(), is_long: false };
        assert_eq!(ping_frame(PAYLOAD), frame.encode());
    }

    #[test]
    fn a_length_beyond_memory_is_only_counted() {
        let mut tracker = Tracker::default();
        let header = [0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3];
        assert_eq!(tracker.feed(&header, &Rules::default(), &mut 0, |_| {}), (13, Stop::Starved));
        assert_eq!(tracker.payload_left(), U48::MAX - 3);
        let rules = Rules { message_bytes_max: Some(u32::MAX), ..Rules::default() };
        assert_eq!(Tracker::default().feed(&header, &rules, &mut 0, |_| {}), (0, Stop::TooLong));
    }
}

//! WebSocket frames of one direction, followed. The first bytes say how the stream is cut and what it is stopped for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longhaul::tunnel::frames::{HELD_BYTES_MAX, PING_BYTES, Rules, Stop, Tracker};

const AWAITED: [u8; PING_BYTES] = *b"longhaul";

/// What is to be said about a stream.
#[derive(Debug, Default, PartialEq)]
struct Said {
    taken: usize,
    stop: Option<Stop>,
    messages: u32,
    closes: Vec<u16>,
}

fuzz_target!(|data: &[u8]| {
    let Some((&[cut, flags, max_high, max_low], stream)) = data.split_first_chunk::<4>() else { return };
    let max = u32::from(max_high) << 8 | u32::from(max_low);
    let rules = Rules {
        message_bytes_max: (flags & 1 != 0).then_some(max),
        stop_between: flags & 2 != 0,
        awaited_pong: (flags & 4 != 0).then_some(AWAITED),
    };
    let expected = naive(stream, &rules);
    assert_eq!(in_pieces(stream, stream.len().max(1), false, &rules), expected);
    assert_eq!(in_pieces(stream, usize::from(cut) + 1, flags & 8 != 0, &rules), expected);
});

/// Over the whole stream at once, a frame at a time.
fn naive(stream: &[u8], rules: &Rules) -> Said {
    let mut said = Said::default();
    let mut message: u128 = 0;
    loop {
        let rest = &stream[said.taken..];
        if rules.stop_between {
            said.stop = Some(Stop::Between);
            return said;
        }
        let Some((header, mask, payload)) = header_of(rest) else { return said };
        let (is_final, opcode) = (rest[0] >= 128, rest[0] % 16);
        let whole = header as u128 + u128::from(payload);
        if opcode >= 8 && payload <= 125 {
            let whole = whole as usize;
            if rest.len() < whole {
                return said;
            }
            let content: Vec<u8> = (header..whole).map(|at| rest[at] ^ mask[(at - header) % 4]).collect();
            if opcode == 10 && rules.awaited_pong.is_some_and(|awaited| awaited[..] == content[..]) {
                said.stop = Some(Stop::Pong(whole));
                return said;
            }
            if opcode == 8 {
                let code = content.get(..2).map_or(1005, |code| u16::from(code[0]) * 256 + u16::from(code[1]));
                said.closes.push(code);
            }
            said.taken += whole;
            continue;
        }
        message += u128::from(payload);
        if rules.message_bytes_max.is_some_and(|max| message > u128::from(max)) {
            said.stop = Some(Stop::TooLong);
            return said;
        }
        if whole > rest.len() as u128 {
            said.taken = stream.len();
            return said;
        }
        said.taken += whole as usize;
        if is_final {
            (said.messages, message) = (said.messages + 1, 0);
        }
    }
}

/// Length of the header, mask and length of the payload.
fn header_of(bytes: &[u8]) -> Option<(usize, [u8; 4], u64)> {
    let number = |from: usize, to: usize| {
        bytes.get(from..to).map(|digits| digits.iter().fold(0, |sum, digit| sum * 256 + u64::from(*digit)))
    };
    let second = *bytes.get(1)?;
    let (mut header, payload) = match second % 128 {
        127 => (10, number(2, 10)?),
        126 => (4, number(2, 4)?),
        short => (2, u64::from(short)),
    };
    let mut mask = [0; 4];
    if second >= 128 {
        mask.copy_from_slice(bytes.get(header..header + 4)?);
        header += 4;
    }
    Some((header, mask, payload))
}

/// As a pump feeds it: what was not taken comes again with what follows, and payload may pass unseen.
fn in_pieces(stream: &[u8], step: usize, skips: bool, rules: &Rules) -> Said {
    let mut said = Said::default();
    let mut tracker = Tracker::default();
    let mut message_bytes = 0;
    let mut held: Vec<u8> = Vec::new();
    let mut pieces = stream.chunks(step).peekable();
    loop {
        let piece = pieces.next().unwrap_or_default();
        let mut seen = piece;
        if skips && tracker.payload_left() > 0 {
            assert!(held.is_empty(), "in a payload nothing is held");
            let count = piece.len().min(usize::try_from(tracker.payload_left()).unwrap_or(usize::MAX));
            tracker.skip(count as u64);
            said.taken += count;
            seen = &piece[count..];
        }
        held.extend_from_slice(seen);
        let (taken, stop) = tracker.feed(&held, rules, &mut message_bytes, |code| said.closes.push(code));
        said.taken += taken;
        held.drain(..taken);
        assert!(stop != Stop::Starved || held.len() <= HELD_BYTES_MAX);
        if stop != Stop::Starved {
            said.stop = Some(stop);
        }
        if said.stop.is_some() || pieces.peek().is_none() {
            said.messages = tracker.messages();
            return said;
        }
    }
}

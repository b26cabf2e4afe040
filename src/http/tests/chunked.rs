//! Chunked bodies: good ones under any split, and every way to break one.

use proptest::prelude::*;

use super::*;

fn decode(raw: &[u8]) -> Result<(Vec<u8>, usize, bool), ChunkedError> {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    let (used, done) = decoder.decode(raw, &mut out)?;
    Ok((out, used, done))
}

fn decode_split(raw: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, usize, bool), ChunkedError> {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (raw.len() + 1)).chain([raw.len()]).collect();
    ends.sort_unstable();
    let mut at = 0;
    for end in ends {
        let (used, done) = decoder.decode(&raw[at..end], &mut out)?;
        at += used;
        if done {
            break;
        }
        assert_eq!(at, end);
    }
    Ok((out, at, decoder.is_done()))
}

fn encoded(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        chunk_head(piece.len(), &mut out);
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(LAST_CHUNK);
    out
}

#[test]
fn good_bodies() {
    let cases: [(&[u8], &[u8]); 9] = [
        (b"0\r\n\r\n", b""),
        (b"000\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"01234567890123456789"),
        (b"0003;x=y;z=\"q\"\r\nabc\r\n0;last\r\n\r\n", b"abc"),
        (b"3 \t\r\nabc\r\n0 ;x\r\n\r\n", b"abc"),
        (b"3\r\nabc\r\n0\r\nX: y\r\n\r\n", b"abc"),
        (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
        (b"1\r\n0\r\n0\r\n\r\n", b"0"),
    ];
    for (raw, expected) in cases {
        assert_eq!(decode(raw), Ok((expected.to_vec(), raw.len(), true)), "{}", raw.escape_ascii());
        for cut in 0..raw.len() {
            assert_eq!(decode_split(raw, &[cut]), Ok((expected.to_vec(), raw.len(), true)));
        }
    }
}

#[test]
fn what_follows_the_body_is_left() {
    assert_eq!(decode(b"0\r\n\r\nGET /"), Ok((Vec::new(), 5, true)));
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    assert_eq!(decoder.decode(b"0\r\n\r\n", &mut out), Ok((5, true)));
    assert_eq!(decoder.decode(b"more", &mut out), Ok((0, true)));
}

#[test]
fn broken_bodies() {
    let cases: [(&[u8], ChunkedError); 28] = [
        (b"\r\n", ChunkedError::Size),
        (b"\n", ChunkedError::Size),
        (b" 3\r\n", ChunkedError::Size),
        (b"-3\r\n", ChunkedError::Size),
        (b"+3\r\n", ChunkedError::Size),
        (b"0x3\r\n", ChunkedError::Size),
        (b"g\r\n", ChunkedError::Size),
        (b"3_0\r\n", ChunkedError::Size),
        (b"3 3\r\n", ChunkedError::Size),
        (b"3,\r\n", ChunkedError::Size),
        (b";x\r\n", ChunkedError::Size),
        (b"3\nabc", ChunkedError::LineEnd),
        (b"3\r\r\nabc", ChunkedError::LineEnd),
        (b"3\rabc", ChunkedError::LineEnd),
        (b"3;x\nabc", ChunkedError::LineEnd),
        (b"3;x\ry\nabc", ChunkedError::LineEnd),
        (b"3;\0\r\nabc", ChunkedError::Extension),
        (b"3;\x7f\r\nabc", ChunkedError::Extension),
        (b"3\r\nabcd", ChunkedError::LineEnd),
        (b"3\r\nabc\n", ChunkedError::LineEnd),
        (b"3\r\nabc\r0", ChunkedError::LineEnd),
        (b"3\r\nabc0\r\n", ChunkedError::LineEnd),
        (b"0\n\n", ChunkedError::LineEnd),
        (b"0\r\n\n", ChunkedError::LineEnd),
        (b"0\r\n\rX", ChunkedError::LineEnd),
        (b"0\r\nA: b\n\r\n", ChunkedError::LineEnd),
        (b"0\r\nA : b\r\n\r\n", ChunkedError::Trailer),
        (b"0\r\nA: b\r\n c\r\n\r\n", ChunkedError::Trailer),
    ];
    for (raw, expected) in cases {
        assert_eq!(decode(raw), Err(expected), "{}", raw.escape_ascii());
        assert_eq!(decode_split(raw, &[1, 2, 3]), Err(expected), "{}", raw.escape_ascii());
    }
}

#[test]
fn sizes_do_not_wrap() {
    for size in ["8000000000000000", "ffffffffffffffff", "10000000000000003", "100000000000000000000000000000003"] {
        assert_eq!(decode(format!("{size}\r\nabc").as_bytes()), Err(ChunkedError::SizeTooLarge), "{size}");
    }
    assert_eq!(decode(b"7fffffffffffffff\r\nabc"), Ok((b"abc".to_vec(), 21, false)));
}

#[test]
fn overhead_is_bounded_and_data_pays_for_it() {
    let long = format!("1;{}\r\n", "x".repeat(CHUNK_OVERHEAD_BYTES_MAX));
    assert_eq!(decode(long.as_bytes()), Err(ChunkedError::TooMuchOverhead));
    assert_eq!(decode(&b"0".repeat(CHUNK_OVERHEAD_BYTES_MAX + 2)), Err(ChunkedError::TooMuchOverhead));
    let tiny = b"1;0123456789\r\nx\r\n".repeat(CHUNK_OVERHEAD_BYTES_MAX);
    assert_eq!(decode(&tiny), Err(ChunkedError::TooMuchOverhead));
    let fair = format!("40;0123456789\r\n{}\r\n", "x".repeat(64)).repeat(CHUNK_OVERHEAD_BYTES_MAX / 16);
    assert!(decode(fair.as_bytes()).is_ok());
}

#[test]
fn one_byte_chunks_without_extensions_are_no_attack() {
    let body = b"1\r\nx\r\n".repeat(100_000);
    assert!(decode(&body).is_ok());
}

#[test]
fn trailers_are_kept_where_they_may_stand() {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    let raw = b"0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: evil\r\nTransfer-Encoding: chunked\r\nB@d: x\r\n\r\n";
    assert_eq!(decoder.decode(raw, &mut out), Ok((raw.len(), true)));
    let mut lines = Vec::new();
    last_chunk_with(decoder.trailers(), &mut lines);
    assert_eq!(lines, b"0\r\nX-Sum: 1\r\n\r\n");
    let large = [b"0\r\nA: ".to_vec(), vec![b'x'; TRAILER_BYTES_MAX]].concat();
    assert_eq!(decode(&large), Err(ChunkedError::TrailerTooLarge));
}

#[test]
fn chunk_heads() {
    let head = |bytes| {
        let mut out = Vec::new();
        chunk_head(bytes, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(head(1), "1\r\n");
    assert_eq!(head(15), "f\r\n");
    assert_eq!(head(16), "10\r\n");
    assert_eq!(head(0x1234_abcd), "1234abcd\r\n");
    assert_eq!(head(usize::MAX), "ffffffffffffffff\r\n");
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(pieces: Vec<Vec<u8>>, cuts: [usize; 6], tail: Vec<u8>) {
        let body = encoded(&pieces);
        let raw = [body.as_slice(), &tail].concat();
        let expected: Vec<u8> = pieces.concat();
        prop_assert_eq!(decode_split(&raw, &cuts), Ok((expected, body.len(), true)));
    }

    #[test]
    fn any_split_of_anything_ends_the_same(raw in "[0-3a;\r\n x:]{0,40}", cuts: [usize; 4]) {
        let raw = raw.as_bytes();
        prop_assert_eq!(decode(raw), decode_split(raw, &cuts));
    }

    #[test]
    fn no_bytes_make_it_panic(raw: Vec<u8>) {
        let _ = decode(&raw);
    }
}

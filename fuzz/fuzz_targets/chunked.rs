//! Chunked bodies. The first byte cuts the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longhaul::http::chunked::{self, Decoder};

fuzz_target!(|data: &[u8]| {
    let Some((cut, raw)) = data.split_first() else { return };
    let step = usize::from(*cut % 61) + 1;
    let mut whole = Vec::new();
    let result = Decoder::new().decode(raw, &mut whole);
    let mut pieces = Vec::new();
    let split = in_pieces(raw, step, &mut pieces);
    assert_eq!(result, split);
    if let Ok((used, done)) = result {
        assert_eq!(whole, pieces);
        assert!(done || used == raw.len());
        encode_again(&whole, step);
    }
});

fn in_pieces(raw: &[u8], step: usize, out: &mut Vec<u8>) -> Result<(usize, bool), chunked::ChunkedError> {
    let mut decoder = Decoder::new();
    let mut used = 0;
    for piece in raw.chunks(step) {
        let (taken, done) = decoder.decode(piece, out)?;
        used += taken;
        if done {
            return Ok((used, true));
        }
        assert_eq!(taken, piece.len());
    }
    Ok((used, false))
}

fn encode_again(data: &[u8], step: usize) {
    let mut body = Vec::new();
    for piece in data.chunks(step) {
        chunked::chunk_head(piece.len(), &mut body);
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(chunked::LAST_CHUNK);
    let mut decoded = Vec::new();
    assert_eq!(Decoder::new().decode(&body, &mut decoded), Ok((body.len(), true)));
    assert_eq!(decoded, data);
}

//! Compressed bodies against an independent reader.

use std::io::Read as _;

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;

/// All that steps over one input give, with outputs of so many bytes.
fn stepped(encoder: &mut Encoder, mut input: &[u8], then: Then, out_bytes: usize) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let mut out = vec![0; out_bytes];
        let step = encoder.step(input, then, &mut out).unwrap();
        all.extend_from_slice(&out[..step.made]);
        input = &input[step.taken..];
        if step.is_done {
            assert!(input.is_empty());
            return all;
        }
        assert!(step.made == out_bytes, "a step that is not done has filled its output");
    }
}

fn plain(compressed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut decoder = GzDecoder::new(compressed);
    decoder.read_to_end(&mut plain).unwrap();
    assert!(decoder.into_inner().is_empty(), "bytes behind the end");
    plain
}

/// Text that compresses, and bytes that do not.
fn sample(length: usize) -> Vec<u8> {
    let mut noise = 1u32;
    let mut next = move || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    };
    (0..length).map(|at| if at / 1000 % 2 == 0 { b'a' + (at % 17) as u8 } else { next() }).collect()
}

#[test]
fn a_body_has_its_head_and_tail() {
    for (level, extra) in [(1, 4), (6, 0), (9, 2)] {
        let mut encoder = Encoder::new(level);
        let all = stepped(&mut encoder, b"abcabcabcabc", Then::End, 100);
        assert_eq!(all[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, extra, 3]);
        assert_eq!(plain(&all), b"abcabcabcabc");
        assert_eq!((encoder.plain_bytes(), encoder.compressed_bytes()), (12, all.len() as u64));
    }
}

#[test]
fn an_empty_body_is_one_too() {
    let all = stepped(&mut Encoder::new(1), b"", Then::End, 100);
    assert_eq!((plain(&all).len(), all.len()), (0, 20));
}

#[test]
fn the_head_leaves_with_the_first_bytes() {
    let mut encoder = Encoder::new(1);
    assert_eq!(stepped(&mut encoder, b"a few bytes", Then::More, 100), b"");
    assert_eq!(plain(&stepped(&mut encoder, b"", Then::End, 100)), b"a few bytes");
}

#[test]
fn after_a_pause_a_reader_has_all() {
    let mut encoder = Encoder::new(6);
    let mut all = Vec::new();
    let mut decoder = flate2::Decompress::new(false);
    let mut read = Vec::with_capacity(1000);
    for piece in ["one ", "two ", "three "] {
        let came = stepped(&mut encoder, piece.as_bytes(), Then::Pause, 16);
        let body = if all.is_empty() { &came[10..] } else { &came[..] };
        decoder.decompress_vec(body, &mut read, flate2::FlushDecompress::Sync).unwrap();
        assert!(read.ends_with(piece.as_bytes()));
        all.extend(came);
    }
    all.extend(stepped(&mut encoder, b"", Then::End, 16));
    assert_eq!(plain(&all), b"one two three ");
}

#[test]
fn large_bodies_are_exact_at_all_levels() {
    let input = sample(150_000);
    for level in 1..=9 {
        let mut encoder = Encoder::new(level);
        let mut all = Vec::new();
        for piece in input.chunks(32 << 10) {
            all.extend(stepped(&mut encoder, piece, Then::More, 32 << 10));
        }
        all.extend(stepped(&mut encoder, b"", Then::End, 32 << 10));
        assert!(plain(&all) == input, "level {level}");
        assert!(all.len() < 100_000, "level {level}: {}", all.len());
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_bytes_back(
        pieces in proptest::collection::vec((0usize..5000, any::<bool>(), 16usize..400), 0..20),
        last in (0usize..3000, 16usize..100),
        level in 1u8..=9,
    ) {
        let length = pieces.iter().map(|piece| piece.0).sum::<usize>() + last.0;
        let input = sample(length);
        let (mut encoder, mut all, mut at) = (Encoder::new(level), Vec::new(), 0);
        for (bytes, pauses, out_bytes) in pieces {
            let then = if pauses { Then::Pause } else { Then::More };
            all.extend(stepped(&mut encoder, &input[at..at + bytes], then, out_bytes));
            at += bytes;
        }
        all.extend(stepped(&mut encoder, &input[at..], Then::End, last.1));
        prop_assert_eq!(encoder.compressed_bytes(), all.len() as u64);
        prop_assert!(plain(&all) == input);
    }
}

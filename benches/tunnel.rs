//! What following the frames of a tunnel costs. `cargo bench --bench tunnel` measures, `cargo test --benches` only runs
//! each case once.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use longhaul::tunnel::frames::{Rules, Tracker, close_frame};

const BINARY_FINAL: u8 = 0x82;
const MASKED: u8 = 0x80;

/// A stream of masked messages, as a client sends them.
fn stream(payload_bytes: usize, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        bytes.push(BINARY_FINAL);
        match payload_bytes {
            short @ ..=125 => bytes.push(MASKED | short as u8),
            middle @ 126..=0xffff => {
                bytes.push(MASKED | 126);
                bytes.extend_from_slice(&(middle as u16).to_be_bytes());
            }
            long => {
                bytes.push(MASKED | 127);
                bytes.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&[1, 2, 3, 4]);
        bytes.resize(bytes.len() + payload_bytes, b'x');
    }
    bytes
}

/// Feeds all in pieces, as reads give them, and keeps what the tracker does not take yet.
fn follow(bytes: &[u8], piece_bytes: usize, rules: &Rules) -> u32 {
    let mut tracker = Tracker::default();
    let (mut at, mut end) = (0, 0);
    while end < bytes.len() {
        end = (end + piece_bytes).min(bytes.len());
        at += tracker.feed(&bytes[at..end], rules, &mut 0, |_| ()).0;
    }
    tracker.messages()
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frames");
    let rules = Rules { message_bytes_max: Some(1 << 20), ..Rules::default() };
    for (name, payload_bytes, count, piece_bytes) in [
        ("one of 64 bytes", 64, 1, usize::MAX),
        ("256 of 64 bytes", 64, 256, usize::MAX),
        ("256 of 64 bytes, byte by byte", 64, 256, 1),
        ("16 of 4 KB in pieces of 1,460", 4096, 16, 1460),
        ("one of 1 MB in pieces of 64 KB", 1 << 20, 1, 64 << 10),
    ] {
        let bytes = stream(payload_bytes, count);
        assert_eq!(follow(&bytes, piece_bytes.min(bytes.len()), &rules), count as u32);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(name, |b| b.iter(|| follow(black_box(&bytes), piece_bytes.min(bytes.len()), &rules)));
    }
    group.bench_function("skip spliced payload", |b| {
        let mut head = stream(1 << 20, 1);
        head.truncate(14);
        b.iter(|| {
            let mut tracker = Tracker::default();
            tracker.feed(black_box(&head), &rules, &mut 0, |_| ());
            tracker.skip(tracker.payload_left());
            tracker.is_between_frames()
        });
    });
    group.bench_function("close frame", |b| b.iter(|| close_frame(black_box(1001), Some([1, 2, 3, 4]))));
    group.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);

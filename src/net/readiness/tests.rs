//! Streams against edges that come at any time, through a runtime as a shard has it.

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::*;
use crate::net::stream::Stream;

/// Far more than any of these waits takes.
const BOUND: Duration = Duration::from_secs(30);

fn run<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().enable_timer().build().unwrap();
    runtime.block_on(async { monoio::time::timeout(BOUND, test).await.expect("in time") })
}

fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    far.set_nodelay(true).unwrap();
    let near = listener.accept().unwrap().0;
    near.set_nonblocking(true).unwrap();
    (Stream::from_fd(OwnedFd::from(near)), far)
}

async fn come(near: &Stream, max: usize) -> Option<Vec<u8>> {
    near.readable().await.unwrap();
    let mut bytes = Vec::with_capacity(64);
    near.read_now(&mut bytes, max).unwrap().map(|_| bytes)
}

/// Passes through the ring so often.
async fn turns(count: usize) {
    let (near, _far) = pair();
    for _ in 0..count {
        near.writable_in_turn().await.unwrap();
    }
}

async fn is_pending(wait: impl Future) -> bool {
    let mut wait = pin!(wait);
    poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_pending())).await
}

/// As [`pair`], after the first wait, which is the ring's.
async fn known_pair() -> (Stream, TcpStream) {
    let (near, mut far) = pair();
    far.write_all(b"f").unwrap();
    assert_eq!(come(&near, 64).await.unwrap(), b"f");
    (near, far)
}

/// Either: before the first wait or after it.
async fn pair_after(is_known: bool) -> (Stream, TcpStream) {
    if is_known { known_pair().await } else { pair() }
}

async fn known_pairs(count: usize) -> Vec<(Stream, TcpStream)> {
    let mut pairs = Vec::new();
    for _ in 0..count {
        pairs.push(known_pair().await);
    }
    pairs
}

/// Sockets that the kernel has registered.
fn registered_count() -> usize {
    TABLE.with_borrow(|table| {
        let Some(instance) = &table.instance else { return 0 };
        let path = format!("/proc/self/fdinfo/{}", std::os::fd::AsRawFd::as_raw_fd(&**instance));
        std::fs::read_to_string(path).unwrap().lines().filter(|line| line.starts_with("tfd:")).count()
    })
}

fn taken_count() -> usize {
    TABLE.with_borrow(|table| table.slots.iter().filter(|slot| slot.is_taken).count())
}

#[test]
fn bytes_from_before_the_registration_and_from_after_a_try_are_found() {
    run(async {
        for is_known in [false, true] {
            let (near, mut far) = pair_after(is_known).await;
            far.write_all(b"a").unwrap();
            assert_eq!(come(&near, 64).await.unwrap(), b"a");
            let mut none = Vec::with_capacity(1);
            for _ in 0..100 {
                assert_eq!(near.read_now(&mut none, 1).unwrap(), None);
                far.write_all(b"b").unwrap();
                assert_eq!(come(&near, 64).await.unwrap(), b"b");
            }
            // Nobody has tried since the last bytes.
            far.write_all(b"c").unwrap();
            assert_eq!(come(&near, 64).await.unwrap(), b"c");
            assert!(is_pending(near.readable()).await);
        }
    });
}

#[test]
fn a_read_that_took_all_it_asked_for_leaves_the_rest_to_the_next() {
    run(async {
        for is_known in [false, true] {
            let (near, mut far) = pair_after(is_known).await;
            far.write_all(b"abc").unwrap();
            assert_eq!(come(&near, 1).await.unwrap(), b"a");
            assert_eq!(come(&near, 2).await.unwrap(), b"bc");
            assert_eq!(come(&near, 1).await, None, "it was exactly all there was");
            far.write_all(b"d").unwrap();
            assert_eq!(come(&near, 1).await.unwrap(), b"d");
        }
    });
}

#[test]
fn an_end_that_comes_with_the_last_bytes_is_found_behind_them() {
    run(async {
        for is_known in [false, true] {
            let (near, mut far) = pair_after(is_known).await;
            turns(1).await;
            assert!(is_pending(near.readable()).await);
            far.write_all(b"a").unwrap();
            far.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(come(&near, 64).await.unwrap(), b"a");
            assert_eq!(come(&near, 64).await.unwrap(), b"");
            assert_eq!(come(&near, 64).await.unwrap(), b"", "an end stays");
            // And one that comes in between.
            let (near, mut far) = pair_after(is_known).await;
            far.write_all(b"a").unwrap();
            near.readable().await.unwrap();
            far.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(come(&near, 64).await.unwrap(), b"a");
            assert_eq!(come(&near, 64).await.unwrap(), b"");
        }
    });
}

#[test]
fn a_full_socket_whose_other_side_has_shut_down_is_left_alone_until_there_is_room() {
    run(async {
        for is_known in [false, true] {
            let (near, mut far) = pair_after(is_known).await;
            let mut sent = 0;
            loop {
                match near.write_now(&[7; 65536]).unwrap() {
                    0 => break,
                    n => sent += n,
                }
            }
            far.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(come(&near, 1).await.unwrap(), b"");
            let mut polls = 0;
            let mut room = pin!(near.writable());
            let mut others = pin!(turns(200));
            poll_fn(|cx| {
                polls += 1;
                assert!(room.as_mut().poll(cx).is_pending(), "there is no room");
                others.as_mut().poll(cx)
            })
            .await;
            // Each turn of the others wakes this task; the full socket does not.
            assert!(polls <= 2 * 200 + 4, "{polls} polls");
            let reader = std::thread::spawn(move || {
                far.set_read_timeout(Some(BOUND)).unwrap();
                let mut bytes = vec![0; sent];
                far.read_exact(&mut bytes).unwrap();
                far
            });
            room.await.unwrap();
            assert!(near.write_now(b"more").unwrap() > 0);
            drop(reader.join().unwrap());
        }
    });
}

/// Also where it took a part: room that was told of before is no more.
#[test]
fn each_way_of_writing_notes_that_a_socket_is_full() {
    let bytes = vec![7; 16 << 20];
    let whole = |near: &Stream| near.write_now(&bytes).unwrap();
    let in_parts = |near: &Stream| near.write_parts_now(&[&bytes[..1], &bytes]).unwrap();
    let ways: [&dyn Fn(&Stream) -> usize; 2] = [&whole, &in_parts];
    run(async {
        for write in ways {
            let (near, mut far) = pair();
            for _ in 0..3 {
                let sent = write(&near);
                assert!(sent < bytes.len() && is_pending(near.writable()).await);
                let reader = std::thread::spawn(move || {
                    far.set_read_timeout(Some(BOUND)).unwrap();
                    far.read_exact(&mut vec![0; sent]).unwrap();
                    far
                });
                near.writable().await.unwrap();
                far = reader.join().unwrap();
            }
        }
    });
}

#[test]
fn a_socket_is_not_told_the_edges_of_an_earlier_one_in_its_slot() {
    run(async {
        let (old, mut far_of_old) = known_pair().await;
        assert!(is_pending(old.readable()).await);
        // By this descriptor the registration outlives the stream.
        let other = old.fd().try_clone_to_owned().unwrap();
        let at = old.slot();
        far_of_old.write_all(b"x").unwrap();
        drop(old);
        let (new, mut far) = known_pair().await;
        assert!(is_pending(new.readable()).await);
        assert_eq!(new.slot(), at);
        for _ in 0..20 {
            far_of_old.write_all(b"x").unwrap();
            turns(1).await;
            assert!(is_pending(new.readable()).await, "nothing came for this one");
        }
        far.write_all(b"y").unwrap();
        assert_eq!(come(&new, 64).await.unwrap(), b"y");
        drop(other);
    });
}

#[test]
fn nothing_stays_registered_of_sockets_that_are_gone_or_given_away() {
    run(async {
        let pairs = known_pairs(100).await;
        for (near, _) in &pairs {
            assert!(is_pending(near.readable()).await);
        }
        assert_eq!((registered_count(), taken_count()), (100, 100));
        let mut away = Vec::new();
        for (at, (near, far)) in pairs.into_iter().enumerate() {
            match at % 3 {
                0 => drop(near),
                1 => away.push((near.detach().unwrap().fd, far)),
                _ => away.push((near.duplicate().unwrap(), far)),
            }
        }
        assert_eq!((registered_count(), taken_count()), (0, 0));
        release();
        assert_eq!(TABLE.with_borrow(|table| table.slots.capacity()), 0);
        // And back again.
        let (socket, mut far) = away.remove(0);
        let near = Stream::from_fd(socket);
        far.write_all(b"z").unwrap();
        assert_eq!(come(&near, 64).await.unwrap(), b"z");
        far.write_all(b"z").unwrap();
        assert_eq!(come(&near, 64).await.unwrap(), b"z");
        assert_eq!((registered_count(), taken_count()), (1, 1));
    });
}

#[test]
fn slots_are_given_back_from_the_end_and_the_lowest_come_first() {
    run(async {
        let mut streams = known_pairs(10).await;
        for (near, _) in &streams {
            assert!(is_pending(near.readable()).await);
        }
        let slots = |streams: &[(Stream, TcpStream)]| streams.iter().map(|(near, _)| near.slot()).collect::<Vec<_>>();
        assert_eq!(slots(&streams), (0..10).collect::<Vec<_>>());
        streams.truncate(5);
        drop(streams.remove(3));
        drop(streams.remove(1));
        release();
        assert_eq!(TABLE.with_borrow(|table| table.slots.len()), 5);
        for _ in 0..3 {
            streams.push(known_pair().await);
            assert!(is_pending(streams[streams.len() - 1].0.readable()).await);
        }
        assert_eq!(slots(&streams), [0, 2, 4, 1, 3, 5]);
    });
}

#[test]
fn one_that_is_always_ready_lets_the_others_have_their_turn() {
    run(async {
        let (busy, mut far_of_busy) = known_pair().await;
        let (other, mut far) = known_pair().await;
        far_of_busy.write_all(&[1; 4096]).unwrap();
        far.write_all(b"x").unwrap();
        let answered = async {
            assert_eq!(come(&other, 64).await.unwrap(), b"x");
        };
        let mut answered = pin!(answered);
        let mut rounds = 0;
        let mut reading = pin!(async {
            loop {
                assert!(come(&busy, 1).await.is_some());
                rounds += 1;
                assert!(rounds < 100, "it does not let go");
            }
        });
        poll_fn(|cx| {
            let is_over = answered.as_mut().poll(cx);
            if is_over.is_pending() {
                assert!(reading.as_mut().poll(cx).is_pending());
            }
            is_over
        })
        .await;
    });
}

#[test]
fn a_turn_is_never_had_at_once() {
    run(async {
        let (near, _far) = pair();
        for _ in 0..3 {
            assert!(is_pending(near.writable_in_turn()).await);
            near.writable_in_turn().await.unwrap();
            assert!(!is_pending(near.writable()).await);
        }
    });
}

async fn times_out(near: &Stream, length: Duration) {
    let began = Instant::now();
    let error = near.readable_within(length).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(began.elapsed() >= length);
}

#[test]
fn a_bounded_wait_ends_when_it_is_over_and_the_next_begins_anew() {
    const SHORT: Duration = Duration::from_millis(20);
    run(async {
        for is_known in [false, true] {
            let (near, mut far) = pair_after(is_known).await;
            times_out(&near, SHORT).await;
            times_out(&near, 2 * SHORT).await;
            times_out(&near, SHORT / 2).await;
            far.write_all(b"x").unwrap();
            near.readable_within(BOUND).await.unwrap();
            assert_eq!(come(&near, 64).await.unwrap(), b"x");
            times_out(&near, SHORT).await;
            assert!(is_pending(near.readable_within(Duration::ZERO)).await);
        }
    });
}

#[test]
fn a_look_that_was_arranged_for_an_earlier_socket_in_the_slot_ends_no_wait_of_the_next() {
    const SHORT: Duration = Duration::from_millis(20);
    run(async {
        let (near, far) = known_pair().await;
        assert!(is_pending(near.readable_within(SHORT)).await);
        let slot = near.slot();
        drop((near, far));
        let (near, _far) = known_pair().await;
        times_out(&near, 4 * SHORT).await;
        assert_eq!(near.slot(), slot);
    });
}

//! What a resolver keeps and what it asks for, without a network.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::book::{Book, Entry};
use super::unresolved::Unresolved;
use crate::limits::{NAMES_ASKED_MAX, NAMES_KNOWN_MAX};

const LONG: Duration = Duration::from_secs(60);

fn addresses(last: &[u8]) -> Arc<[IpAddr]> {
    last.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect()
}

fn learn(book: &mut Book, name: &str, last: &[u8], until: Instant, now: Instant) {
    let Entry::New(question) = book.look_up(name, now) else { panic!("{name} is known or asked for") };
    book.answer(name, Some((addresses(last), until)), now);
    question.tell(Ok(addresses(last)));
}

fn known(book: &mut Book, name: &str, now: Instant) -> Option<Arc<[IpAddr]>> {
    match book.look_up(name, now) {
        Entry::Known(addresses) => Some(addresses),
        Entry::New(_) | Entry::Asked(_) | Entry::Full => None,
    }
}

#[test]
fn an_answer_is_known_until_it_is_not_valid() {
    let (mut book, now) = (Book::default(), Instant::now());
    learn(&mut book, "a", &[1], now + LONG, now);
    assert_eq!(known(&mut book, "a", now + LONG - Duration::from_millis(1)), Some(addresses(&[1])));
    assert_eq!(known(&mut book, "a", now + LONG), None);
    assert_eq!(book.sizes(), (0, 1));
}

#[test]
fn addresses_take_turns_at_the_first_place() {
    let (mut book, now) = (Book::default(), Instant::now());
    learn(&mut book, "a", &[1, 2, 3], now + LONG, now);
    let first = |book: &mut Book| known(book, "a", now).unwrap()[0];
    let seen: Vec<IpAddr> = (0..4).map(|_| first(&mut book)).collect();
    assert_eq!(seen, [[192, 0, 2, 2], [192, 0, 2, 3], [192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from));
}

#[test]
fn what_is_not_valid_for_a_moment_is_told_and_not_kept() {
    let (mut book, now) = (Book::default(), Instant::now());
    learn(&mut book, "a", &[1], now, now);
    assert_eq!(book.sizes(), (0, 0));
}

#[test]
fn a_name_is_asked_for_once_by_all_who_want_it() {
    let (mut book, now) = (Book::default(), Instant::now());
    let Entry::New(question) = book.look_up("a", now) else { panic!("known") };
    let Entry::Asked(again) = book.look_up("a", now) else { panic!("asked again") };
    assert!(again.poll(Waker::noop()).is_none());
    book.answer("a", None, now);
    question.tell(Err(Unresolved::NotFound));
    assert_eq!(again.poll(Waker::noop()), Some(Err(Unresolved::NotFound)));
    // What was told stays, and what failed is asked again.
    question.tell(Err(Unresolved::ServerFailure));
    assert_eq!(again.poll(Waker::noop()), Some(Err(Unresolved::NotFound)));
    assert!(matches!(book.look_up("a", now), Entry::New(_)));
}

#[test]
fn a_flood_of_names_stays_within_its_bounds() {
    let (mut book, now) = (Book::default(), Instant::now());
    for n in 0..NAMES_KNOWN_MAX + 100 {
        learn(&mut book, &format!("known{n}"), &[1], now + LONG, now);
    }
    assert_eq!(book.sizes(), (NAMES_KNOWN_MAX, 0));
    for n in 0..NAMES_ASKED_MAX {
        assert!(matches!(book.look_up(&format!("asked{n}"), now), Entry::New(_)));
    }
    assert!(matches!(book.look_up("one more", now), Entry::Full));
    assert_eq!(book.sizes(), (NAMES_KNOWN_MAX, NAMES_ASKED_MAX));
    // What is not valid makes room first.
    learn_later(&mut book, now + LONG);
    assert_eq!(book.sizes(), (1, NAMES_ASKED_MAX - 1));
}

fn learn_later(book: &mut Book, now: Instant) {
    book.answer("asked0", Some((addresses(&[1]), now + LONG)), now);
}

#[test]
fn a_question_that_nobody_wants_any_more_is_given_up() {
    let (mut book, now) = (Book::default(), Instant::now());
    let Entry::New(question) = book.look_up("a", now) else { panic!("known") };
    assert!(matches!(book.look_up("a", now), Entry::Asked(_)));
    book.leave("a", &question);
    assert_eq!(book.sizes(), (0, 1));
    book.leave("a", &question);
    assert_eq!(book.sizes(), (0, 0));
}

#[test]
fn a_question_that_was_given_up_does_not_take_a_later_one_with_it() {
    let (mut book, now) = (Book::default(), Instant::now());
    let Entry::New(first) = book.look_up("a", now) else { panic!("known") };
    book.forget("a", &first);
    let Entry::New(second) = book.look_up("a", now) else { panic!("known") };
    book.forget("a", &first);
    assert!(matches!(book.look_up("a", now), Entry::Asked(_)));
    book.forget("a", &second);
    assert_eq!(book.sizes(), (0, 0));
}

//! Server side includes. The first byte cuts the rest, the second bounds values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longhaul::http::ssi::condition;
use longhaul::http::ssi::text::{expand, target};
use longhaul::http::ssi::{Event, Parser};

fuzz_target!(|data: &[u8]| {
    let [cut, max, document @ ..] = data else { return };
    let (step, max) = (usize::from(*cut % 61) + 1, usize::from(*max) + 1);
    let whole = told([document].into_iter(), max);
    assert_eq!(whole, told(document.chunks(step), max));
    if !document.windows(5).any(|window| window == b"<!--#") {
        assert_eq!(whole, if document.is_empty() { Vec::new() } else { vec![Told::Text(document.to_vec())] });
    }
});

#[derive(Debug, PartialEq)]
enum Told {
    Text(Vec<u8>),
    Command(Vec<u8>),
    Fault(String),
    Broken,
}

fn told<'d>(pieces: impl Iterator<Item = &'d [u8]>, max: usize) -> Vec<Told> {
    let mut parser = Parser::new(max);
    let mut told = Vec::new();
    for piece in pieces {
        let mut rest = piece;
        while let Some(event) = parser.next(&mut rest) {
            note(&mut told, event, max);
        }
        assert!(rest.is_empty());
    }
    match parser.end() {
        b"" => {}
        end => note(&mut told, Event::Text(end), max),
    }
    told
}

fn note(told: &mut Vec<Told>, event: Event<'_>, max: usize) {
    match (told.last_mut(), event) {
        (Some(Told::Text(known)), Event::Text(text)) => known.extend_from_slice(text),
        (_, Event::Text(text)) => told.push(Told::Text(text.to_vec())),
        (_, Event::Command(command)) => {
            assert!(command.name.len() <= 32 && command.parameters.len() <= 17);
            for parameter in &command.parameters {
                assert!(parameter.name.len() <= 32 && parameter.value.len() <= max);
                value(&parameter.value);
            }
            let mut text = Vec::new();
            command.append_to(&mut text);
            told.push(Told::Command(text));
        }
        (_, Event::Fault(words)) => told.push(Told::Fault(words)),
        (_, Event::Broken) => told.push(Told::Broken),
    }
}

fn value(text: &[u8]) {
    if let Ok(plain) = expand(text, |_, _| {}) {
        assert!(plain.len() <= text.len());
    }
    if let Ok((path, _)) = target(text) {
        assert!(!path.contains(&0) && path.split(|byte| *byte == b'/').all(|segment| segment != b".."));
    }
    if let Some(condition) = condition::parse(text) {
        assert!(condition.left.len() + condition.test.map_or(0, |test| test.right.len()) <= text.len());
    }
}

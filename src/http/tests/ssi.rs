//! Documents with commands, whole and in pieces, and beside a reader that sees all of a document at once.

use proptest::collection::vec;
use proptest::prelude::*;

use super::command::{Command, Known, Parameter};
use super::{Event, Parser};

/// What was told of a document, neighbouring text joined.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Text(Vec<u8>),
    Command(String),
    Fault(String),
    Broken,
}

fn note(told: &mut Vec<Told>, event: Event<'_>) {
    match (told.last_mut(), event) {
        (Some(Told::Text(known)), Event::Text(text)) => known.extend_from_slice(text),
        (_, Event::Text(text)) => told.push(Told::Text(text.to_vec())),
        (_, Event::Command(command)) => told.push(Told::Command(written(&command))),
        (_, Event::Fault(words)) => told.push(Told::Fault(words)),
        (_, Event::Broken) => told.push(Told::Broken),
    }
}

fn written(command: &Command) -> String {
    let mut out = Vec::new();
    command.append_to(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn read<'d>(pieces: impl Iterator<Item = &'d [u8]>, value_bytes_max: usize) -> Vec<Told> {
    let mut parser = Parser::new(value_bytes_max);
    let mut told = Vec::new();
    for piece in pieces {
        let mut rest = piece;
        while let Some(event) = parser.next(&mut rest) {
            assert!(event != Event::Text(b""), "empty text");
            note(&mut told, event);
        }
        assert!(rest.is_empty());
    }
    let end = parser.end();
    if !end.is_empty() {
        note(&mut told, Event::Text(end));
    }
    told
}

fn whole(document: &str) -> Vec<Told> {
    read([document.as_bytes()].into_iter(), 255)
}

fn text(text: &str) -> Told {
    Told::Text(text.as_bytes().to_vec())
}

fn command(text: &str) -> Told {
    Told::Command(text.to_owned())
}

fn fault(words: &str) -> Told {
    Told::Fault(words.to_owned())
}

#[test]
fn commands_stand_between_text() {
    let expected =
        [text("a"), command("<!--#echo var=\"x\" default=\"y z\" -->"), text("b"), command("<!--#endif -->")];
    assert_eq!(whole("a<!--#echo var=\"x\"\n\tdefault = 'y z'-->b<!--#  endif-->"), expected);
}

#[test]
fn what_only_begins_like_a_command_is_text() {
    for document in ["<", "<!", "<!-", "<!--", "<!-- a -->", "<<!-<!--<!-- #", "a<!--b", "<!--<"] {
        assert_eq!(whole(document), [text(document)], "{document}");
    }
    assert_eq!(whole("<!--<<!--#a-->"), [text("<!--<"), command("<!--#a -->")]);
    assert_eq!(whole("a<!--#echo var=\"b\""), [text("a")]);
    assert_eq!(whole(""), []);
}

#[test]
fn backslashes_stay_in_values_and_hide_quotes() {
    let expected = [command("<!--#set var=\"a\\\"b\" value=\"c'\\\\\" -->")];
    assert_eq!(whole("<!--#set var=\"a\\\"b\" value=\"c'\\\\\" -->"), expected);
}

#[test]
fn faults_have_words_and_the_end_of_the_command_follows() {
    let in_command = |place: &str| format!("unexpected {place} parameter in \"a\" SSI command");
    for (document, words) in [
        ("<!--#a-b-->", "unexpected \"b\" symbol in \"a\" SSI command".to_owned()),
        ("<!--#a--->-->", "unexpected \"-\" symbol in \"a\" SSI command".to_owned()),
        ("<!--#a b-->", in_command("\"-\" symbol after \"b\"")),
        ("<!--#a b -->", in_command("\"-\" symbol after \"b\"")),
        ("<!--#a b c=\"\" -->", in_command("\"c\" symbol after \"b\"")),
        ("<!--#a b=c -->", in_command("\"c\" symbol before value of \"b\"")),
        ("<!--#a b=-->", in_command("\"-\" symbol before value of \"b\"")),
        (
            "<!--#a b=\"c\"d-->",
            "unexpected \"d\" symbol after \"c\" value of \"b\" parameter in \"a\" SSI command".to_owned(),
        ),
    ] {
        assert_eq!(whole(&format!("{document}x")), [fault(&words), Told::Broken, text("x")], "{document}");
    }
    // As in nginx a third dash hides the end.
    assert_eq!(whole("<!--#a b=--->x"), [fault(&in_command("\"-\" symbol before value of \"b\""))]);
}

#[test]
fn names_and_values_have_bounds() {
    let long = "n".repeat(32);
    assert_eq!(whole(&format!("<!--#{long}-->")), [command(&format!("<!--#{long} -->"))]);
    let words = format!("the \"{long}x...\" SSI command is too long");
    assert_eq!(whole(&format!("<!--#{long}xyz-->")), [fault(&words), Told::Broken]);
    let words = format!("too long \"{long}x...\" parameter in \"a\" SSI command");
    assert_eq!(whole(&format!("<!--#a {long}xy='1' -->")), [fault(&words), Told::Broken]);
    let document = |value: &str| format!("<!--#a b='{value}' -->");
    let read = |value| read([document(value).as_bytes()].into_iter(), 4);
    assert_eq!(read("1234"), [command("<!--#a b=\"1234\" -->")]);
    let too_long = |value: &str| [fault(&format!("too long {value} value of \"b\" parameter in \"a\" SSI command"))];
    assert_eq!(read("12345")[..1], too_long("\"12345...\""));
    assert_eq!(read("123\\\\")[..1], too_long("\"123\\\\\\\\...\""));
}

#[test]
fn more_parameters_than_a_command_may_have_are_not_kept() {
    let document = format!("<!--#echo {}-->", "a='b' ".repeat(40));
    let mut rest = document.as_bytes();
    let Some(Event::Command(command)) = Parser::new(255).next(&mut rest) else { panic!("no command") };
    assert_eq!(command.parameters.len(), 17);
    assert_eq!(command.check(Known::Echo), Err("too many SSI command parameters: \"echo\"".into()));
}

#[test]
fn parameters_are_those_of_the_command() {
    let made = |name: &str, parameters: &[&str]| Command {
        name: name.into(),
        parameters: parameters
            .iter()
            .map(|name| Parameter { name: (*name).into(), value: name.to_uppercase().into() })
            .collect(),
    };
    let check = |name, parameters: &[&str]| {
        let command = made(name, parameters);
        command.known().map(|known| command.check(known))
    };
    assert_eq!(check("echo", &["default", "var", "encoding"]), Some(Ok(())));
    assert_eq!(made("echo", &["default", "var"]).value("var"), Some(b"VAR".as_slice()));
    assert_eq!(check("Echo", &[]), None);
    for (name, parameters, words) in [
        ("echo", &["var", "x"][..], "invalid parameter name: \"x\" in \"echo\" SSI command"),
        ("echo", &["var", "var"], "duplicate \"var\" parameter in \"echo\" SSI command"),
        ("set", &["var"], "mandatory \"value\" parameter is absent in \"set\" SSI command"),
        ("endif", &["expr"], "invalid parameter name: \"expr\" in \"endif\" SSI command"),
    ] {
        assert_eq!(check(name, parameters), Some(Err(words.into())));
    }
}

/// The same by a reader that looks at all that follows: it knows no state between two bytes.
fn naive(document: &[u8], value_bytes_max: usize) -> Vec<Told> {
    let mut told = Vec::new();
    let mut rest = document;
    while let Some(at) = rest.windows(5).position(|window| window == b"<!--#") {
        if at > 0 {
            told.push(Told::Text(rest[..at].to_vec()));
        }
        rest = &rest[at + 5..];
        match naive_command(&mut rest, value_bytes_max) {
            Some(found) => told.push(found),
            None => {
                let mut skipped = rest;
                loop {
                    // A dash opens the end, and what follows it closes it or not.
                    let Some(dash) = skipped.iter().position(|byte| *byte == b'-') else { return told };
                    skipped = &skipped[dash..];
                    match skipped {
                        [b'-', b'-', b'>', after @ ..] => {
                            rest = after;
                            break;
                        }
                        [b'-', b'-', _, after @ ..] | [b'-', _, after @ ..] => skipped = after,
                        _ => return told,
                    }
                }
                told.push(Told::Broken);
            }
        }
    }
    if !rest.is_empty() {
        told.push(Told::Text(rest.to_vec()));
    }
    told
}

fn blanks(rest: &mut &[u8]) {
    let count = rest.iter().take_while(|byte| b" \r\n\t".contains(byte)).count();
    *rest = &rest[count..];
}

/// A command, or `None` at the byte where it breaks. The documents of the test below are complete.
fn naive_command(rest: &mut &[u8], value_bytes_max: usize) -> Option<Told> {
    blanks(rest);
    let length = 1 + rest[1..].iter().position(|byte| b" \r\n\t-".contains(byte))?;
    let mut out = [b"<!--#", &rest[..length.min(32)]].concat();
    if length > 32 {
        *rest = &rest[33..];
        return None;
    }
    *rest = &rest[length..];
    loop {
        blanks(rest);
        if rest[0] == b'-' {
            return naive_end(rest, out);
        }
        let length = 1 + rest[1..].iter().position(|byte| b" \r\n\t=-".contains(byte))?;
        if length > 32 {
            *rest = &rest[33..];
            return None;
        }
        out.push(b' ');
        out.extend_from_slice(&rest[..length]);
        *rest = &rest[length..];
        // At a dash, which may begin the end, the reader of what is broken starts over.
        blanks(rest);
        if !naive_byte(rest, b"=") {
            return None;
        }
        blanks(rest);
        let quote = rest[0];
        if !naive_byte(rest, b"\"'") {
            return None;
        }
        let mut value = Vec::new();
        while rest[0] != quote {
            let bytes = if rest[0] == b'\\' { 2 } else { 1 };
            for _ in 0..bytes {
                if value.len() == value_bytes_max {
                    *rest = &rest[1..];
                    return None;
                }
                value.push(rest[0]);
                *rest = &rest[1..];
            }
        }
        *rest = &rest[1..];
        out.extend_from_slice(&[b"=\"".as_slice(), &value, b"\""].concat());
        if !b" \r\n\t-".contains(&rest[0]) {
            *rest = &rest[1..];
            return None;
        }
    }
}

fn naive_byte(rest: &mut &[u8], one_of: &[u8]) -> bool {
    let is_one = one_of.contains(&rest[0]);
    if is_one || rest[0] != b'-' {
        *rest = &rest[1..];
    }
    is_one
}

fn naive_end(rest: &mut &[u8], mut out: Vec<u8>) -> Option<Told> {
    if rest.starts_with(b"-->") {
        *rest = &rest[3..];
        out.extend_from_slice(b" -->");
        return Some(Told::Command(String::from_utf8_lossy(&out).into_owned()));
    }
    let dashes = if rest[1] == b'-' { 2 } else { 1 };
    *rest = &rest[dashes + 1..];
    None
}

/// Parts that documents are made of: those that commands have, and what does not belong there.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&[u8]> = vec![
        b"<!--#",
        b"-->",
        b"<!--",
        b"<",
        b"!",
        b"-",
        b"#",
        b"echo",
        b" ",
        b"\n",
        b"var",
        b"=",
        b"\"",
        b"'",
        b"\\",
        b"$x",
        b" var=\"a\"",
        b" -->",
        b"x",
        b"<!--#include virtual=\"/a\" -->",
    ];
    prop_oneof![4 => prop::sample::select(known).prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 1..40)]
}

proptest! {
    #[test]
    fn any_split_tells_the_same(parts in vec(part(), 0..40), sizes in vec(1usize..20, 1..30), max in 1usize..30) {
        let document = parts.concat();
        let expected = read([document.as_slice()].into_iter(), max);
        let mut rest = document.as_slice();
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(read(pieces.into_iter(), max), expected);
    }

    #[test]
    fn a_naive_reader_agrees(parts in vec(part(), 0..40), max in 1usize..30) {
        // What ends every command, whatever quotes are open, and then nothing.
        let document = [parts.concat().as_slice(), b"\"-->'-->\"x-->'x-->"].concat();
        let mut told = read([document.as_slice()].into_iter(), max);
        told.retain(|one| !matches!(one, Told::Fault(_)));
        prop_assert_eq!(told, naive(&document, max));
    }
}

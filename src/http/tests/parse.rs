//! Heads as they arrive: whole, in pieces, too long, and from those who speak something else.

use proptest::prelude::*;

use super::*;
use crate::http::encode;

const RULES: RequestRules = RequestRules {
    buffer_bytes: 1024,
    large_buffer_bytes: 8192,
    large_buffer_count: 4,
    underscores: false,
    ignore_invalid: true,
};

fn head(text: &[u8]) -> Box<RequestHead> {
    request(text, &RULES).unwrap().unwrap().0
}

fn error(text: &[u8]) -> RequestError {
    request(text, &RULES).unwrap_err()
}

#[test]
fn a_plain_request() {
    let text = b"GET /a?b HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\nrest";
    let (head, bytes) = request(text, &RULES).unwrap().unwrap();
    assert_eq!(bytes, text.len() - 4);
    assert_eq!((&head.method, head.target(), head.version), (&Method::Get, b"/a?b".as_slice(), Version::Http11));
    assert_eq!(&*head.line, b"GET /a?b HTTP/1.1");
    assert_eq!(head.fields.all_named(b"Accept").next(), Some(b"*/*".as_slice()));
}

#[test]
fn bare_line_feeds_end_lines() {
    let lf = head(b"GET / HTTP/1.0\nHost: h\n\n");
    assert_eq!(lf, head(b"GET / HTTP/1.0\r\nHost: h\r\n\r\n"));
    assert_eq!(lf, head(b"GET / HTTP/1.0\r\nHost: h\n\r\n"));
}

#[test]
fn empty_lines_before_a_request_are_skipped() {
    let text = b"\r\n\n\r\nGET / HTTP/1.0\n\n";
    let (head, bytes) = request(text, &RULES).unwrap().unwrap();
    assert_eq!((&*head.line, bytes), (b"GET / HTTP/1.0".as_slice(), text.len()));
    assert_eq!(error(b"\r\r\n"), RequestError::Method);
    assert_eq!(error(b"\rGET / HTTP/1.0\n\n"), RequestError::Method);
    assert_eq!(error(&b"\n".repeat(100_000)), RequestError::Line);
    assert_eq!(error(&b"\r\n".repeat(100_000)), RequestError::Line);
}

#[test]
fn http_0_9_has_no_fields() {
    let (head, bytes) = request(b"GET /x\nHost: h\n\n", &RULES).unwrap().unwrap();
    assert_eq!((head.version, head.target(), bytes), (Version::Http09, b"/x".as_slice(), 7));
    assert!(head.fields.is_empty());
}

#[test]
fn garbage_is_refused_before_a_line_ends() {
    assert_eq!(error(b"\x16\x03\x01\x02\x00"), RequestError::Method);
    assert_eq!(error(b"g"), RequestError::Method);
    assert_eq!(error(b"GET /\0"), RequestError::Line);
    assert_eq!(error(b"GET /\rx"), RequestError::Line);
    assert_eq!(request(b"GET /\r", &RULES), Ok(None));
    assert_eq!(request(b"", &RULES), Ok(None));
    assert_eq!(request(b"\r", &RULES), Ok(None));
    assert_eq!(error(b"GET / HTTP/2.0\r\n"), RequestError::Version);
}

#[test]
fn the_reason_does_not_depend_on_how_bytes_arrive() {
    let long = [b"GET /\x01".as_slice(), &[b'x'; 9000], b" HTTP/1.1\r\n"].concat();
    let texts: [&[u8]; 7] = [
        b"GET / HTTP/3\0\r\n",
        b"GET\t/\tHTTP/1.1\r\n",
        b"GET\r/\r\n",
        b"\rGET /\r\n",
        b"G1\x01T /\n",
        b"GET /\x01 HTTP/1.1\n",
        &long,
    ];
    for text in texts {
        let by_bytes: Vec<usize> = (0..text.len()).collect();
        assert_eq!(in_pieces(text, &by_bytes), request(text, &RULES), "{:.40}", text.escape_ascii().to_string());
        assert!(request(text, &RULES).is_err());
    }
}

#[test]
fn a_line_longer_than_a_large_buffer_is_too_long() {
    let line = |bytes: usize| format!("GET /{} HTTP/1.0\n", "x".repeat(bytes - 15)).into_bytes();
    assert_eq!(line(8192).len(), 8192);
    assert_eq!(request(&line(8192), &RULES), Ok(None));
    assert_eq!(error(&line(8193)), RequestError::LineTooLong);
    assert_eq!(error(&line(8193)[..8192]), RequestError::LineTooLong);
    assert_eq!(error(&line(8193)).status(), 414);
    let field = |bytes: usize| format!("GET / HTTP/1.0\nA: {}\n\n", "x".repeat(bytes - 4)).into_bytes();
    assert!(request(&field(8192), &RULES).unwrap().is_some());
    assert_eq!(error(&field(8193)), RequestError::HeadTooLarge);
    assert_eq!(error(&field(8193)).status(), 494);
}

#[test]
fn the_whole_head_is_bounded() {
    let field = format!("A: {}\n", "x".repeat(8000));
    let text = |count: usize| format!("GET / HTTP/1.0\n{}\n", field.repeat(count)).into_bytes();
    assert!(request(&text(4), &RULES).unwrap().is_some());
    assert_eq!(error(&text(5)), RequestError::HeadTooLarge);
    let many = format!("GET / HTTP/1.0\n{}", "A: b\n".repeat(HEAD_FIELD_COUNT_MAX + 1));
    assert_eq!(error(many.as_bytes()), RequestError::Field(FieldError::TooMany));
    assert_eq!(error(many.as_bytes()).status(), 494);
}

#[test]
fn responses() {
    let parsed = |text: &[u8]| response(text, 4096).map(|found| found.map(|(head, bytes)| (head.status, bytes)));
    assert_eq!(parsed(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody"), Ok(Some((200, 25))));
    assert_eq!(parsed(b"HTTP/1.1 200\n\n"), Ok(Some((200, 14))));
    assert_eq!(parsed(b"HTTP/1.1 200 OK\r\n"), Ok(None));
    assert_eq!(parsed(b"HT"), Ok(None));
    assert_eq!(parsed(b""), Ok(None));
    assert_eq!(parsed(b"hello"), Err(ResponseError::NoStatusLine));
    assert_eq!(parsed(b"\r\nHTTP/1.1 200 OK\r\n\r\n"), Err(ResponseError::NoStatusLine));
    assert_eq!(parsed(b"HTTP/1.1 abc\r\n"), Err(ResponseError::StatusLine));
    assert_eq!(parsed(b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n"), Err(ResponseError::Field(FieldError::Name)));
    assert_eq!(
        parsed(&[b"HTTP/1.1 200 OK\r\nA: ", vec![b'x'; 4096].as_slice()].concat()),
        Err(ResponseError::HeadTooLarge)
    );
}

fn in_pieces(text: &[u8], cuts: &[usize]) -> Result<Option<(Box<RequestHead>, usize)>, RequestError> {
    let mut scanner = RequestScanner::new(&RULES);
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    ends.sort_unstable();
    for end in ends {
        if let Some(found) = scanner.push(&text[..end])? {
            return Ok(Some(found));
        }
    }
    scanner.push(text)
}

fn re_encoded(head: &RequestHead) -> Vec<u8> {
    let mut out = Vec::new();
    encode::request_line(&mut out, &head.method, head.target(), head.version == Version::Http11);
    head.fields.encode_into(&mut out);
    out.extend_from_slice(b"\r\n");
    out
}

fn request_text() -> impl Strategy<Value = Vec<u8>> {
    let line_end = prop_oneof![Just("\r\n"), Just("\n")];
    let field =
        ("[A-Za-z_.@ -]{1,12}", prop_oneof![Just(":"), Just(": "), Just("")], "[ -~\t]{0,20}", line_end.clone());
    let line = ("[A-Z]{1,7}", "/[!-~]{0,20}", prop_oneof![Just(" HTTP/1.1"), Just(" HTTP/1.0"), Just("")], line_end);
    (line, prop::collection::vec(field, 0..8)).prop_map(|((method, target, version, end), fields)| {
        let mut text = format!("{method} {target}{version}{end}");
        for (name, colon, value, end) in fields {
            text.push_str(&format!("{name}{colon}{value}{end}"));
        }
        text.push_str(end);
        text.into_bytes()
    })
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_head(text in request_text(), cuts: [usize; 5]) {
        prop_assert_eq!(in_pieces(&text, &cuts), request(&text, &RULES));
    }

    #[test]
    fn a_rewritten_head_reads_the_same(text in request_text()) {
        if let Ok(Some((head, _))) = request(&text, &RULES)
            && head.version != Version::Http09
        {
            let again = re_encoded(&head);
            let (second, bytes) = request(&again, &RULES).unwrap().unwrap();
            prop_assert_eq!(bytes, again.len());
            prop_assert_eq!(&second.fields, &head.fields);
            prop_assert_eq!((&second.method, second.target(), second.version), (&head.method, head.target(), head.version));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text: Vec<u8>, cuts: [usize; 3]) {
        let _ = in_pieces(&text, &cuts);
        let _ = response(&text, 100);
        let _ = request(&[b"GET / HTTP/1.1\r\n", text.as_slice(), b"\r\n\r\n"].concat(), &RULES);
        let _ = response(&[b"HTTP/1.1 200 OK\r\n", text.as_slice(), b"\r\n\r\n"].concat(), 4096);
    }

    #[test]
    fn what_is_accepted_holds_no_line_breaks(text: Vec<u8>) {
        let text = [b"GET / HTTP/1.1\r\n", text.as_slice(), b"\r\n\r\n"].concat();
        if let Ok(Some((head, _))) = request(&text, &RULES) {
            for (name, value) in head.fields.iter() {
                prop_assert!(crate::http::token::is_token(name));
                prop_assert!(!value.iter().any(|byte| crate::http::token::is_control(*byte)));
            }
        }
    }
}

//! Heads of requests and responses. The first byte cuts the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longhaul::http::parse::{self, RequestRules, RequestScanner, ResponseScanner};
use longhaul::http::upgrade::Request;
use longhaul::http::{Fields, Method, Name, Version, encode, framing, hop_by_hop, host, target, token};

fuzz_target!(|data: &[u8]| {
    let Some((cut, text)) = data.split_first() else { return };
    let step = usize::from(*cut % 61) + 1;
    request(text, step);
    response(text, step);
});

fn request(text: &[u8], step: usize) {
    for (underscores, ignore_invalid) in [(false, true), (true, true), (false, false)] {
        let rules = RequestRules { underscores, ignore_invalid, ..RequestRules::default() };
        let whole = parse::request(text, &rules);
        let mut scanner = RequestScanner::new(&rules);
        assert_eq!(whole, in_pieces(text, step, |start| scanner.push(start)));
        let Ok(Some((head, bytes))) = whole else { continue };
        assert!(bytes <= text.len());
        check_fields(&head.fields);
        let _ = Request::of(&head);
        let _ = framing::request(&head);
        if let Ok(target) = target::parse(&head, true) {
            let _ = host::of(&head, &target);
        }
        if head.version != Version::Http09 {
            let mut again = Vec::new();
            encode::request_line(&mut again, &head.method, head.target(), head.version == Version::Http11);
            head.fields.encode_into(&mut again);
            again.extend_from_slice(b"\r\n");
            if again.len() <= rules.large_buffer_bytes {
                let (second, _) = parse::request(&again, &rules).expect("valid").expect("whole");
                assert_eq!((&second.method, second.target()), (&head.method, head.target()));
                assert_eq!((second.version, second.fields), (head.version, head.fields));
            }
        }
    }
}

fn response(text: &[u8], step: usize) {
    let whole = parse::response(text, 4096);
    let mut scanner = ResponseScanner::new(4096);
    assert_eq!(whole, in_pieces(text, step, |start| scanner.push(start)));
    let Ok(Some((head, _))) = whole else { return };
    check_fields(&head.fields);
    assert!((100..1000).contains(&head.status));
    let _ = framing::response(&Method::Get, &head);
    let _ = hop_by_hop::of_response(&head.fields);
}

/// What a scanner says of a text that comes in steps.
fn in_pieces<H, E>(
    text: &[u8],
    step: usize,
    mut push: impl FnMut(&[u8]) -> Result<Option<H>, E>,
) -> Result<Option<H>, E> {
    let mut result = Ok(None);
    for end in (0..text.len()).step_by(step).chain([text.len()]) {
        result = push(&text[..end]);
        if !matches!(result, Ok(None)) {
            break;
        }
    }
    result
}

fn check_fields(fields: &Fields) {
    let dropped = hop_by_hop::of_request(fields);
    for (known, name, value) in fields.iter_known() {
        assert_eq!(known, Name::of(name));
        assert!(token::is_token(name));
        assert!(!value.iter().any(|byte| token::is_control(*byte)));
        assert_eq!(token::trim(value), value);
        assert!(!(dropped.contains(known, name) && name.eq_ignore_ascii_case(b"content-length")));
    }
}

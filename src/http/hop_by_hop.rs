//! Which fields of a message are for the next hop alone and must not be passed on (RFC 9110 7.6.1).
//!
//! Those known by name, and those the `Connection` field names. A sender must not be able to strip what frames,
//! routes or authenticates its message by naming it there: such names in the list are passed over.

use super::fields::Fields;
use super::token;

/// The answer for one message.
#[derive(Debug, Clone)]
pub struct Dropped<'f> {
    fixed: &'static [&'static [u8]],
    named: Vec<&'f [u8]>,
}

const OF_REQUEST: [&[u8]; 7] =
    [b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade", b"http2-settings"];

const OF_RESPONSE: [&[u8]; 5] = [b"connection", b"keep-alive", b"proxy-connection", b"trailer", b"upgrade"];

/// Names in a `Connection` list that are passed over.
const KEPT: [&[u8]; 8] = [
    b"host",
    b"content-length",
    b"content-type",
    b"transfer-encoding",
    b"cookie",
    b"set-cookie",
    b"authorization",
    b"proxy-authorization",
];

/// The fields of a request that end here.
#[must_use]
pub fn of_request(fields: &Fields) -> Dropped<'_> {
    Dropped { fixed: &OF_REQUEST, named: named(fields) }
}

/// The fields of a response that end here.
#[must_use]
pub fn of_response(fields: &Fields) -> Dropped<'_> {
    Dropped { fixed: &OF_RESPONSE, named: named(fields) }
}

impl Dropped<'_> {
    /// Whether a field of that name ends here.
    #[must_use]
    pub fn contains(&self, name: &[u8]) -> bool {
        let is_name = |other: &&[u8]| other.eq_ignore_ascii_case(name);
        self.fixed.iter().any(is_name) || self.named.iter().any(is_name)
    }
}

fn named(fields: &Fields) -> Vec<&[u8]> {
    let mut names = Vec::new();
    for list in fields.all(b"connection") {
        names.extend(token::elements(list).filter(|name| !is_option(name) && !is_kept(name)));
    }
    names
}

/// Options that name no field, or one that ends here anyway.
fn is_option(name: &[u8]) -> bool {
    let options: [&[u8]; 3] = [b"close", b"keep-alive", b"upgrade"];
    options.iter().any(|option| option.eq_ignore_ascii_case(name))
}

fn is_kept(name: &[u8]) -> bool {
    KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(name)) || begins_with(name, b"sec-websocket-")
}

fn begins_with(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether a field may stand in a trailer section: not if it frames, routes, authenticates or controls
/// (RFC 9110 6.5.1).
#[must_use]
pub fn may_trail(name: &[u8]) -> bool {
    const NOT: [&[u8]; 25] = [
        b"age",
        b"cache-control",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"date",
        b"expect",
        b"expires",
        b"host",
        b"keep-alive",
        b"location",
        b"max-forwards",
        b"pragma",
        b"range",
        b"retry-after",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"vary",
        b"authorization",
        b"cookie",
        b"set-cookie",
    ];
    let is_kind = begins_with(name, b"proxy-")
        || begins_with(name, b"if-")
        || begins_with(name, b"www-")
        || begins_with(name, b"sec-")
        || begins_with(name, b"x-forwarded-");
    !is_kind && !NOT.iter().any(|other| other.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(list: &str) -> Fields {
        let mut fields = Fields::new();
        fields.push(b"Connection", list.as_bytes());
        fields
    }

    #[test]
    fn named_fields_end_here() {
        let fields = connection("close, X-Secret , \"quoted\"");
        let dropped = of_request(&fields);
        assert!(dropped.contains(b"x-secret") && dropped.contains(b"X-SECRET"));
        assert!(dropped.contains(b"TE") && dropped.contains(b"Keep-Alive") && dropped.contains(b"HTTP2-Settings"));
        assert!(!dropped.contains(b"x-other") && !dropped.contains(b"close"));
    }

    #[test]
    fn what_frames_or_authenticates_cannot_be_stripped() {
        let list = "Host, Content-Length, Transfer-Encoding, Cookie, Set-Cookie, Authorization, Sec-WebSocket-Key, \
                    Sec-WebSocket-Protocol, Sec-WebSocket-Accept";
        let fields = connection(list);
        for name in list.split(", ") {
            assert!(!of_request(&fields).contains(name.as_bytes()), "{name}");
            assert!(!of_response(&fields).contains(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn several_connection_fields_are_one_list() {
        let mut fields = connection("a");
        fields.push(b"connection", b"b");
        assert!(of_response(&fields).contains(b"a") && of_response(&fields).contains(b"b"));
    }

    #[test]
    fn trailers() {
        assert!(may_trail(b"X-Checksum") && may_trail(b"Server-Timing") && may_trail(b"grpc-status"));
        for name in ["Host", "content-length", "If-Match", "Proxy-Authenticate", "Set-Cookie", "X-Forwarded-For"] {
            assert!(!may_trail(name.as_bytes()), "{name}");
        }
    }
}

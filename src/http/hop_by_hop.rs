//! Which fields of a message are for the next hop alone and must not be passed on (RFC 9110 7.6.1).
//!
//! Those known by name, and those the `Connection` field names. A sender must not be able to strip what frames,
//! routes or authenticates its message by naming it there: such names in the list are passed over.

use super::connection;
use super::fields::Fields;
use super::name::{Name, Names};
use super::token;

/// The answer for one message.
#[derive(Debug, Clone)]
pub struct Dropped<'f> {
    fixed: Names,
    named: Vec<&'f [u8]>,
}

const OF_REQUEST: Names = Names::of(&[
    Name::Connection,
    Name::KeepAlive,
    Name::ProxyConnection,
    Name::Te,
    Name::Trailer,
    Name::Upgrade,
    Name::Http2Settings,
]);

const OF_RESPONSE: Names =
    Names::of(&[Name::Connection, Name::KeepAlive, Name::ProxyConnection, Name::Trailer, Name::Upgrade]);

/// Names in a `Connection` list that are passed over, as are all of WebSocket.
const KEPT: Names = Names::of(&[
    Name::Host,
    Name::ContentLength,
    Name::ContentType,
    Name::TransferEncoding,
    Name::Cookie,
    Name::SetCookie,
    Name::Authorization,
    Name::ProxyAuthorization,
]);

/// The fields of a request that end here.
#[must_use]
pub fn of_request(fields: &Fields) -> Dropped<'_> {
    Dropped { fixed: OF_REQUEST, named: named(fields) }
}

/// The fields of a response that end here.
#[must_use]
pub fn of_response(fields: &Fields) -> Dropped<'_> {
    Dropped { fixed: OF_RESPONSE, named: named(fields) }
}

impl Dropped<'_> {
    /// Whether a field of that name ends here.
    #[must_use]
    pub fn contains(&self, known: Name, name: &[u8]) -> bool {
        self.fixed.has(known) || self.named.iter().any(|other| token::is_same(other, name))
    }
}

fn named(fields: &Fields) -> Vec<&[u8]> {
    if fields.connection().has_names { named_in_lists(fields) } else { Vec::new() }
}

#[cold]
#[inline(never)]
fn named_in_lists(fields: &Fields) -> Vec<&[u8]> {
    let lists = fields.all(Name::Connection);
    lists.flat_map(token::elements).filter(|name| !connection::is_option(name) && !is_kept(name)).collect()
}

fn is_kept(name: &[u8]) -> bool {
    KEPT.has(Name::of(name)) || begins_with(name, b"sec-websocket-")
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

    fn drops(dropped: &Dropped<'_>, name: &str) -> bool {
        dropped.contains(Name::of(name.as_bytes()), name.as_bytes())
    }

    #[test]
    fn named_fields_end_here() {
        let fields = connection("close, X-Secret , \"quoted\"");
        let dropped = of_request(&fields);
        assert!(drops(&dropped, "x-secret") && drops(&dropped, "X-SECRET"));
        assert!(drops(&dropped, "TE") && drops(&dropped, "Keep-Alive") && drops(&dropped, "HTTP2-Settings"));
        assert!(!drops(&dropped, "x-other") && !drops(&dropped, "close"));
    }

    #[test]
    fn what_frames_or_authenticates_cannot_be_stripped() {
        let list = "Host, Content-Length, Transfer-Encoding, Cookie, Set-Cookie, Authorization, Sec-WebSocket-Key, \
                    Sec-WebSocket-Protocol, Sec-WebSocket-Accept";
        let fields = connection(list);
        for name in list.split(", ") {
            assert!(!drops(&of_request(&fields), name), "{name}");
            assert!(!drops(&of_response(&fields), name), "{name}");
        }
    }

    #[test]
    fn several_connection_fields_are_one_list() {
        let mut fields = connection("a");
        fields.push(b"connection", b"b");
        assert!(drops(&of_response(&fields), "a") && drops(&of_response(&fields), "b"));
    }

    #[test]
    fn trailers() {
        assert!(may_trail(b"X-Checksum") && may_trail(b"Server-Timing") && may_trail(b"grpc-status"));
        for name in ["Host", "content-length", "If-Match", "Proxy-Authenticate", "Set-Cookie", "X-Forwarded-For"] {
            assert!(!may_trail(name.as_bytes()), "{name}");
        }
    }
}

//! Names of fields that mean something here. A name is looked at once, when its field is read or made; from then on it is
//! a number, and a set of names a word.

use super::token;

macro_rules! names {
    ($($name:ident $text:literal)*) => {
        /// A name that something here asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Name {
            /// Any other.
            Other,
            $(#[doc = $text] $name,)*
        }

        /// Each name with its number less one as its place.
        const KNOWN: &[Name] = &[$(Name::$name),*];

        /// The names as they are usually spelled, one behind the other.
        static TEXTS: &str = concat!($($text),*);

        /// Where each of them ends.
        static ENDS: [u16; KNOWN.len()] = {
            let (lengths, mut end) = ([$($text.len()),*], 0);
            let (mut ends, mut at) = ([0; KNOWN.len()], 0);
            while at < lengths.len() {
                end += lengths[at];
                ends[at] = end as u16;
                at += 1;
            }
            ends
        };
    };
}

// Those of most messages first: their texts lie together, and what looks names up touches little memory.
names! {
    Host "Host"
    Connection "Connection"
    Upgrade "Upgrade"
    SecWebsocketKey "Sec-WebSocket-Key"
    SecWebsocketVersion "Sec-WebSocket-Version"
    SecWebsocketAccept "Sec-WebSocket-Accept"
    SecWebsocketExtensions "Sec-WebSocket-Extensions"
    SecWebsocketProtocol "Sec-WebSocket-Protocol"
    Origin "Origin"
    UserAgent "User-Agent"
    ContentLength "Content-Length"
    ContentType "Content-Type"
    Date "Date"
    Server "Server"
    AcceptEncoding "Accept-Encoding"
    Cookie "Cookie"
    AcceptRanges "Accept-Ranges"
    Authorization "Authorization"
    CacheControl "Cache-Control"
    ContentDisposition "Content-Disposition"
    ContentEncoding "Content-Encoding"
    ContentRange "Content-Range"
    Etag "ETag"
    Expect "Expect"
    Expires "Expires"
    Http2Settings "HTTP2-Settings"
    IfMatch "If-Match"
    IfModifiedSince "If-Modified-Since"
    IfNoneMatch "If-None-Match"
    IfRange "If-Range"
    IfUnmodifiedSince "If-Unmodified-Since"
    KeepAlive "Keep-Alive"
    LastModified "Last-Modified"
    Location "Location"
    ProxyAuthorization "Proxy-Authorization"
    ProxyConnection "Proxy-Connection"
    Range "Range"
    Referer "Referer"
    Refresh "Refresh"
    SetCookie "Set-Cookie"
    Te "TE"
    Trailer "Trailer"
    TransferEncoding "Transfer-Encoding"
    Via "Via"
    WwwAuthenticate "WWW-Authenticate"
    XAccelBuffering "X-Accel-Buffering"
    XAccelCharset "X-Accel-Charset"
    XAccelLimitRate "X-Accel-Limit-Rate"
    XAccelRedirect "X-Accel-Redirect"
    XForwardedFor "X-Forwarded-For"
}

const _: () = assert!(KNOWN.len() < 64, "a set of names is a word");

impl Name {
    /// The number of a name, however it is spelled.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let number = usize::from(PLACES[place(text)]);
        match KNOWN.get(number) {
            Some(name) if token::is_same(spelling(number), text) => *name,
            Some(_) | None => Self::Other,
        }
    }

    /// The usual spelling; empty for others.
    #[must_use]
    pub fn as_bytes(self) -> &'static [u8] {
        (self as usize).checked_sub(1).map_or(b"", spelling)
    }
}

/// The text of a name by its place among [`KNOWN`].
const fn spelling(number: usize) -> &'static [u8] {
    let start = if number == 0 { 0 } else { ENDS[number - 1] as usize };
    let (_, from_start) = TEXTS.as_bytes().split_at(start);
    from_start.split_at(ENDS[number] as usize - start).0
}

const PLACE_COUNT: usize = 128;

/// Where a name stands among [`PLACES`], if it is known: the numbers are such that no two known ones stand at one place.
const fn place(text: &[u8]) -> usize {
    let length = text.len();
    if length == 0 {
        return 0;
    }
    let [first, middle, last] = [text[0] | 0x20, text[length / 2] | 0x20, text[length - 1] | 0x20];
    (length * 94 + first as usize * 9 + middle as usize * 44 + last as usize * 63) % PLACE_COUNT
}

/// Which of [`KNOWN`] stands at a place.
static PLACES: [u8; PLACE_COUNT] = {
    const NONE: u8 = u8::MAX;
    let mut places = [NONE; PLACE_COUNT];
    let mut number = 0;
    while number < KNOWN.len() {
        let at = place(spelling(number));
        assert!(places[at] == NONE, "two names at one place");
        places[at] = number as u8;
        number += 1;
    }
    places
};

/// Some of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Names(u64);

impl Names {
    #[must_use]
    pub const fn of(names: &[Name]) -> Self {
        let mut set = Self(0);
        let mut at = 0;
        while at < names.len() {
            set.0 |= 1 << names[at] as u32;
            at += 1;
        }
        set
    }

    #[must_use]
    pub const fn has(self, name: Name) -> bool {
        self.0 >> (name as u32) & 1 == 1
    }

    /// Whether a name is in both.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub const fn add(&mut self, name: Name) {
        self.0 |= 1 << name as u32;
    }

    pub const fn remove(&mut self, name: Name) {
        self.0 &= !(1 << name as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_however_it_is_spelled() {
        for name in KNOWN {
            let text = name.as_bytes();
            for spelling in [text.to_vec(), text.to_ascii_lowercase(), text.to_ascii_uppercase()] {
                assert_eq!(Name::of(&spelling), *name);
            }
        }
        assert_eq!(Name::Host.as_bytes(), b"Host");
        assert_eq!(Name::SecWebsocketProtocol.as_bytes(), b"Sec-WebSocket-Protocol");
    }

    #[test]
    fn what_is_like_a_name_is_another() {
        for text in
            ["", "x", "Hose", "Hos", "Hostt", "Content_Length", "Content-Lengtg", "Content-\u{c}ength", "\u{8}ost"]
        {
            assert_eq!(Name::of(text.as_bytes()), Name::Other, "{text}");
        }
        assert_eq!(Name::Other.as_bytes(), b"");
    }

    #[test]
    fn sets_hold_what_they_were_given() {
        let mut names = Names::of(&[Name::Host, Name::XForwardedFor]);
        assert!(names.has(Name::Host) && names.has(Name::XForwardedFor) && !names.has(Name::Te));
        assert!(names.meets(Names::of(&[Name::Te, Name::Host])) && !names.meets(Names::of(&[Name::Te])));
        names.remove(Name::Host);
        names.add(Name::Te);
        assert!(!names.has(Name::Host) && names.has(Name::Te));
    }
}

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

        /// Each name as it is usually spelled, with its number.
        const KNOWN: &[(Name, &str)] = &[$((Name::$name, $text)),*];
    };
}

names! {
    AcceptEncoding "Accept-Encoding"
    AcceptRanges "Accept-Ranges"
    Authorization "Authorization"
    CacheControl "Cache-Control"
    Connection "Connection"
    ContentDisposition "Content-Disposition"
    ContentEncoding "Content-Encoding"
    ContentLength "Content-Length"
    ContentRange "Content-Range"
    ContentType "Content-Type"
    Cookie "Cookie"
    Date "Date"
    Etag "ETag"
    Expect "Expect"
    Expires "Expires"
    Host "Host"
    Http2Settings "HTTP2-Settings"
    IfMatch "If-Match"
    IfModifiedSince "If-Modified-Since"
    IfNoneMatch "If-None-Match"
    IfRange "If-Range"
    IfUnmodifiedSince "If-Unmodified-Since"
    KeepAlive "Keep-Alive"
    LastModified "Last-Modified"
    Location "Location"
    Origin "Origin"
    ProxyAuthorization "Proxy-Authorization"
    ProxyConnection "Proxy-Connection"
    Range "Range"
    Referer "Referer"
    Refresh "Refresh"
    SecWebsocketAccept "Sec-WebSocket-Accept"
    SecWebsocketExtensions "Sec-WebSocket-Extensions"
    SecWebsocketKey "Sec-WebSocket-Key"
    SecWebsocketProtocol "Sec-WebSocket-Protocol"
    SecWebsocketVersion "Sec-WebSocket-Version"
    Server "Server"
    SetCookie "Set-Cookie"
    Te "TE"
    Trailer "Trailer"
    TransferEncoding "Transfer-Encoding"
    Upgrade "Upgrade"
    UserAgent "User-Agent"
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
            Some((name, known)) if token::is_same(known.as_bytes(), text) => *name,
            Some(_) | None => Self::Other,
        }
    }

    /// The usual spelling; empty for others.
    #[must_use]
    pub fn as_bytes(self) -> &'static [u8] {
        match (self as usize).checked_sub(1) {
            Some(number) => KNOWN[number].1.as_bytes(),
            None => b"",
        }
    }
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
const PLACES: [u8; PLACE_COUNT] = {
    const NONE: u8 = u8::MAX;
    let mut places = [NONE; PLACE_COUNT];
    let mut number = 0;
    while number < KNOWN.len() {
        let at = place(KNOWN[number].1.as_bytes());
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
        for (name, text) in KNOWN {
            assert_eq!(name.as_bytes(), text.as_bytes());
            for spelling in [text.to_string(), text.to_ascii_lowercase(), text.to_ascii_uppercase()] {
                assert_eq!(Name::of(spelling.as_bytes()), *name);
            }
        }
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

//! The fields of a certificate that logs and variables show, and the moments between which it is good. What proves
//! anything is checked elsewhere.

use std::fmt::Write;

/// A certificate's fields, as they lie in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate<'c> {
    /// Big-endian.
    pub serial: &'c [u8],
    /// Names: what their sequence holds.
    pub issuer: &'c [u8],
    pub subject: &'c [u8],
    pub not_before: Moment<'c>,
    pub not_after: Moment<'c>,
    /// The key with its algorithm, as an element of its own.
    pub key: &'c [u8],
    /// Of version 1, which has no extensions and so no other names than its subject.
    pub is_old: bool,
}

/// A moment in a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment<'c> {
    /// Two digits of a year and not four.
    is_short: bool,
    text: &'c [u8],
}

pub(super) const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
pub(super) const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Of the version, which stands first where there is one.
const EXPLICIT_0: u8 = 0xa0;
const BMP_STRING: u8 = 0x1e;

/// Takes one element: its tag, what it holds, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..=0x7f => (short, rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(long - 0x80)?;
            (digits.iter().fold(0usize, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// The same, if it has that tag.
pub(super) fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

impl<'c> Certificate<'c> {
    /// Reads a certificate; `None` if it is none.
    #[must_use]
    pub fn read(der: &'c [u8]) -> Option<Self> {
        let (certificate, _) = expect(der, SEQUENCE)?;
        let (fields, _) = expect(certificate, SEQUENCE)?;
        let version = expect(fields, EXPLICIT_0);
        let rest = version.map_or(fields, |(_, after)| after);
        let (serial, rest) = expect(rest, INTEGER)?;
        let (_algorithm, rest) = expect(rest, SEQUENCE)?;
        let (issuer, rest) = expect(rest, SEQUENCE)?;
        let (validity, rest) = expect(rest, SEQUENCE)?;
        let (subject, rest) = expect(rest, SEQUENCE)?;
        let (_, behind_key) = expect(rest, SEQUENCE)?;
        let key = &rest[..rest.len() - behind_key.len()];
        let moment = |bytes: &'c [u8]| match element(bytes)? {
            (UTC_TIME, text, rest) => Some((Moment { is_short: true, text }, rest)),
            (GENERALIZED_TIME, text, rest) => Some((Moment { is_short: false, text }, rest)),
            _ => None,
        };
        let (not_before, after) = moment(validity)?;
        let (not_after, _) = moment(after)?;
        Some(Self { serial, issuer, subject, not_before, not_after, key, is_old: version.is_none() })
    }

    /// The last common name of the subject.
    #[must_use]
    pub fn common_name(&self) -> Option<String> {
        let named = parts(self.subject)?.into_iter().flatten().rfind(|attribute| attribute.name() == Some("CN"))?;
        String::from_utf8(named.text()).ok()
    }

    /// The serial number as OpenSSL shows it.
    #[must_use]
    pub fn serial_text(&self) -> String {
        let digits = match self.serial {
            [0, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        hex(digits, true)
    }
}

impl Moment<'_> {
    /// Year, month, day, hour, minute and second; `None` if the text is none.
    fn parts(&self) -> Option<[i64; 6]> {
        let number = |digits: &[u8]| {
            std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
        };
        let (year, rest) = self.text.split_at_checked(if self.is_short { 2 } else { 4 })?;
        let year: i64 = number(year)?;
        // RFC 5280 4.1.2.5.1.
        let year = if self.is_short { year + if year < 50 { 2000 } else { 1900 } } else { year };
        let mut parts = [year, 0, 0, 0, 0, 0];
        for (at, digits) in rest.get(..10)?.chunks(2).enumerate() {
            parts[at + 1] = number(digits)?;
        }
        ((1..=12).contains(&parts[1]) && (1..=31).contains(&parts[2])).then_some(parts)
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn seconds(&self) -> Option<i64> {
        let [year, month, day, hour, minute, second] = self.parts()?;
        // Days since 1970 of a date of the Gregorian calendar, with years that begin in March.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days =
            year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
                - 1
                - 719_468;
        Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
    }

    /// As OpenSSL shows it: `Nov 21 18:00:00 2026 GMT`.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let [year, month, day, hour, minute, second] = self.parts()?;
        let month = MONTHS.get(usize::try_from(month - 1).ok()?)?;
        Some(format!("{month} {day:2} {hour:02}:{minute:02}:{second:02} {year} GMT"))
    }
}

/// Names of the parts of a name, as OpenSSL writes them.
const KINDS: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 42], "GN"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
];

/// One attribute: what kind, the tag of its value, and the value.
struct Attribute<'n> {
    kind: &'n [u8],
    tag: u8,
    value: &'n [u8],
    /// The value with tag and length.
    whole: &'n [u8],
}

/// The parts of a name in their order; each may have several attributes.
fn parts(mut name: &[u8]) -> Option<Vec<Vec<Attribute<'_>>>> {
    let mut parts = Vec::new();
    while !name.is_empty() {
        let (mut set, rest) = expect(name, SET)?;
        let mut attributes = Vec::new();
        while !set.is_empty() {
            let (attribute, after) = expect(set, SEQUENCE)?;
            let (kind, whole) = expect(attribute, OBJECT)?;
            let (tag, value, _) = element(whole)?;
            attributes.push(Attribute { kind, tag, value, whole });
            set = after;
        }
        parts.push(attributes);
        name = rest;
    }
    Some(parts)
}

impl Attribute<'_> {
    fn name(&self) -> Option<&'static str> {
        KINDS.iter().find(|(kind, _)| *kind == self.kind).map(|(_, name)| *name)
    }

    /// The value as UTF-8.
    fn text(&self) -> Vec<u8> {
        match self.tag {
            BMP_STRING => {
                let units = self.value.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
                char::decode_utf16(units).map(|found| found.unwrap_or('\u{fffd}')).collect::<String>().into_bytes()
            }
            _ => self.value.to_vec(),
        }
    }

    /// `CN=example.com`, with what RFC 2253 escapes.
    fn rfc2253(&self) -> String {
        let Some(name) = self.name() else { return format!("{}=#{}", dotted(self.kind), hex(self.whole, true)) };
        let text = self.text();
        let mut out = format!("{name}=");
        for (at, byte) in text.iter().enumerate() {
            let is_edge = at == 0 || at + 1 == text.len();
            match byte {
                b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => out.extend(['\\', char::from(*byte)]),
                b' ' if is_edge => out.push_str("\\ "),
                b'#' if at == 0 => out.push_str("\\#"),
                0x20..=0x7e => out.push(char::from(*byte)),
                // Writing to a string cannot fail.
                _ => drop(write!(out, "\\{byte:02X}")),
            }
        }
        out
    }

    /// `/CN=example.com`.
    fn one_line(&self) -> String {
        let name = self.name().map_or_else(|| dotted(self.kind), str::to_owned);
        let mut out = format!("/{name}=");
        for byte in self.value {
            match byte {
                0x20..=0x7e => out.push(char::from(*byte)),
                // As above.
                _ => drop(write!(out, "\\x{byte:02X}")),
            }
        }
        out
    }
}

/// A name by RFC 2253: last part first.
#[must_use]
pub fn rfc2253(name: &[u8]) -> Option<String> {
    let parts = parts(name)?;
    let part = |part: &Vec<Attribute<'_>>| part.iter().rev().map(Attribute::rfc2253).collect::<Vec<_>>().join("+");
    Some(parts.iter().rev().map(part).collect::<Vec<_>>().join(","))
}

/// A name as older versions of OpenSSL show it.
#[must_use]
pub fn one_line(name: &[u8]) -> Option<String> {
    Some(parts(name)?.iter().flatten().map(Attribute::one_line).collect())
}

/// `2.5.4.3`.
fn dotted(object: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut number = 0u64;
    for byte in object {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(number);
            number = 0;
        }
    }
    let Some(first) = numbers.first_mut() else { return String::new() };
    let top = (*first / 40).min(2);
    *first -= top * 40;
    numbers.insert(0, top);
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8], is_upper: bool) -> String {
    let digits = bytes.iter().map(|byte| if is_upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
    digits.collect()
}

//! Values of variables and templates for one exchange.
//!
//! A variable is either there, perhaps empty, or not: logs write `-` for one that is not, everything else takes it as
//! empty.

use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::exchange::{Attempt, Exchange};
use super::facts::Computed;
use crate::http::framing::BodyLength;
use crate::http::{Name, target};
use crate::limits::MAP_DEPTH_MAX;
use crate::model::{LogLevel, MapId, Part, SlotId, Template, Variable};
use crate::net::accept::ClientAddress;
use crate::observe::clock;
use crate::route;

impl Exchange<'_> {
    /// The value of a template.
    #[must_use]
    pub fn evaluate(&self, template: &Template) -> Vec<u8> {
        if let Some(text) = template.as_text() {
            return text.to_vec();
        }
        let mut out = Vec::new();
        self.append_value(template, &mut out);
        out
    }

    /// Appends the value of a template.
    pub fn append_value(&self, template: &Template, out: &mut Vec<u8>) {
        for part in &template.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Variable(variable) => {
                    self.append(variable, out);
                }
            }
        }
    }

    /// Whether a value counts as true: neither empty nor `0`.
    #[must_use]
    pub fn is_true(&self, template: &Template) -> bool {
        let value = self.evaluate(template);
        !value.is_empty() && value != b"0"
    }

    /// Appends a variable's value and returns whether it is there.
    pub fn append(&self, variable: &Variable, out: &mut Vec<u8>) -> bool {
        match variable {
            Variable::Map(id) => self.append_map(*id, out),
            Variable::Geo(id) => self.append_geo(*id, out),
            Variable::Split(id) => self.append_split(*id, out),
            Variable::Capture(group) => put_some(out, self.facts.borrow().capture(usize::from(*group))),
            Variable::Slot(slot) => self.append_slot(*slot, out),
            _ => self
                .append_of_request(variable, out)
                .or_else(|| self.append_of_client(variable, out))
                .or_else(|| self.append_of_answer(variable, out))
                .or_else(|| self.append_of_upstream(variable, out))
                .or_else(|| self.count(variable).map(|count| print(out, format_args!("{count}"))))
                .unwrap_or(false),
        }
    }

    /// The length of a body that came in chunks, once it is here.
    fn gathered_length(&self) -> Option<u64> {
        let is_chunked = self.head.fields.first(Name::TransferEncoding).is_some();
        match self.request_body.as_ref().filter(|_| is_chunked)?.length {
            BodyLength::Length(length) => Some(length),
            BodyLength::None | BodyLength::Chunked | BodyLength::UntilClose => None,
        }
    }

    /// Variables of the request; `None` if the variable is none of them.
    fn append_of_request(&self, variable: &Variable, out: &mut Vec<u8>) -> Option<bool> {
        let there = match variable {
            Variable::Arg(name) => put_some(out, self.args.as_deref().and_then(|args| argument(args, name))),
            Variable::Args => put_some(out, self.args.as_deref()),
            Variable::IsArgs => put(out, if self.args.as_deref().is_none_or(<[u8]>::is_empty) { b"" } else { b"?" }),
            Variable::ContentLength => match (self.head.fields.first(Name::ContentLength), self.gathered_length()) {
                (Some(length), _) => put(out, length),
                (None, Some(length)) => print(out, format_args!("{length}")),
                (None, None) => false,
            },
            Variable::ContentType => append_field(&self.head.fields, b"content_type", out),
            Variable::Cookie(name) => put_some(out, cookie(self.head.fields.all(Name::Cookie), name)),
            Variable::Http(name) => append_field(&self.head.fields, name, out),
            Variable::Host => match &self.host {
                Some(host) => put(out, &host.name),
                None => put(out, self.server.name.as_bytes()),
            },
            Variable::RequestPort => match self.host.as_ref().and_then(|host| host.port) {
                Some(port) => print(out, format_args!("{port}")),
                None => put(out, b""),
            },
            Variable::IsRequestPort => {
                put(out, if self.host.as_ref().is_some_and(|host| host.port.is_some()) { b":" } else { b"" })
            }
            Variable::Request => put_some(out, Some(&*self.head.line).filter(|line| !line.is_empty())),
            Variable::RequestMethod => {
                let method = self.main_method.as_deref().unwrap_or(&self.head.method);
                put_some(out, Some(method.as_bytes()).filter(|m| !m.is_empty()))
            }
            Variable::RequestUri => put_some(out, Some(target::unparsed(self.head.target())).filter(|t| !t.is_empty())),
            // Of a request line that is none there is no path at all; one that breaks a rule is empty.
            Variable::Uri => !self.head.method.as_bytes().is_empty() && put(out, &self.path),
            Variable::ServerProtocol => put(out, self.head.version.as_str().as_bytes()),
            Variable::RequestLength | Variable::BytesReceived => {
                print(out, format_args!("{}", self.request_bytes.get()))
            }
            Variable::RequestTime => print_seconds(out, self.started.elapsed()),
            Variable::RequestBody => {
                let body = self.request_body.as_ref().filter(|body| body.file.is_none());
                put_some(out, body.map(|body| &*body.first).filter(|body| !body.is_empty()))
            }
            Variable::RequestBodyFile => {
                use std::os::unix::ffi::OsStrExt;
                let file = self.request_body.as_ref().and_then(|body| body.file.as_ref());
                put_some(out, file.map(|file| file.path().as_os_str().as_bytes()))
            }
            Variable::RequestId => put(out, self.request_id().as_bytes()),
            Variable::RequestFilename => put(out, &super::files::name_of(self, &self.path)),
            Variable::DocumentRoot => put(out, &self.evaluate(&self.location.root)),
            Variable::RealpathRoot => {
                use std::os::unix::ffi::{OsStrExt, OsStringExt};
                let root = std::ffi::OsString::from_vec(self.evaluate(&self.location.root));
                match std::fs::canonicalize(&root) {
                    Ok(path) => put(out, path.as_os_str().as_bytes()),
                    Err(_) => false,
                }
            }
            Variable::RemoteUser => put_some(out, self.credentials().as_ref().map(|(name, _)| name.as_slice())),
            Variable::ServerName => put(out, self.server.name.as_bytes()),
            _ => return None,
        };
        Some(there)
    }

    /// Variables of the connection and the process.
    fn append_of_client(&self, variable: &Variable, out: &mut Vec<u8>) -> Option<bool> {
        let client = self.client;
        let there = match variable {
            Variable::RemoteAddr => print(out, format_args!("{}", self.remote)),
            Variable::RemotePort => match self.remote {
                ClientAddress::Ip(ip) => print(out, format_args!("{}", ip.port())),
                ClientAddress::Unix => put(out, b""),
            },
            Variable::BinaryRemoteAddr => match self.remote {
                ClientAddress::Ip(ip) => match ip.ip() {
                    IpAddr::V4(v4) => put(out, &v4.octets()),
                    IpAddr::V6(v6) => put(out, &v6.octets()),
                },
                ClientAddress::Unix => put(out, b"unix:"),
            },
            Variable::ServerAddr => match client.local() {
                Some(ip) => print(out, format_args!("{}", ip.ip())),
                None => print(out, format_args!("unix:{}", client.local_path().unwrap_or_default().display())),
            },
            Variable::ServerPort => match client.local() {
                Some(ip) => print(out, format_args!("{}", ip.port())),
                None => put(out, b""),
            },
            Variable::RealipRemoteAddr => print(out, format_args!("{}", client.remote)),
            Variable::RealipRemotePort => match client.remote {
                ClientAddress::Ip(ip) => print(out, format_args!("{}", ip.port())),
                ClientAddress::Unix => put(out, b""),
            },
            Variable::ProxyProtocolAddr
            | Variable::ProxyProtocolPort
            | Variable::ProxyProtocolServerAddr
            | Variable::ProxyProtocolServerPort
            | Variable::ProxyProtocolTlv(_) => self.append_of_proxy_header(variable, out),
            Variable::Connection => print(out, format_args!("{}", client.number)),
            Variable::ConnectionRequests => print(out, format_args!("{}", client.requests.get())),
            Variable::ConnectionTime => print_seconds(out, client.accepted_at.elapsed()),
            Variable::TcpInfo(figure) => self.append_tcp_figure(*figure, out),
            Variable::Ssl(fact) => self.append_tls(*fact, out),
            Variable::Scheme => put(out, if client.is_secure() { b"https" } else { b"http" }),
            Variable::Protocol => put(out, b"TCP"),
            Variable::Https => put(out, if client.is_secure() { b"on" } else { b"" }),
            Variable::Pipe => put(out, if self.pipelined { b"p" } else { b"." }),
            Variable::Pid => print(out, format_args!("{}", std::process::id())),
            Variable::Hostname => put(out, self.shard.hostname.as_bytes()),
            Variable::NginxVersion => put(out, crate::http::status::DIALECT_VERSION.as_bytes()),
            Variable::Msec => put(out, clock::msec().as_bytes()),
            Variable::DateGmt => self.append_date(false, out),
            Variable::DateLocal => self.append_date(true, out),
            Variable::TimeIso8601 => put(out, clock::time_iso8601().as_bytes()),
            Variable::TimeLocal => put(out, clock::time_local().as_bytes()),
            Variable::Shard => print(out, format_args!("{}", self.shard.number)),
            _ => return None,
        };
        Some(there)
    }

    /// Counters of all shards.
    fn count(&self, variable: &Variable) -> Option<u64> {
        let totals = || self.shard.metrics.totals();
        match variable {
            Variable::ConnectionsActive => Some(totals().active),
            Variable::ConnectionsParked => Some(totals().parked),
            Variable::ConnectionsReading => Some(totals().reading),
            Variable::ConnectionsWaiting => Some(totals().waiting),
            Variable::ConnectionsWriting => Some(totals().writing + totals().tunnels),
            Variable::TunnelsActive => Some(totals().tunnels),
            Variable::TunnelsPendingBytes => Some(totals().tunnels_pending_bytes),
            Variable::TunnelsPendingRefused => Some(totals().tunnels_pending_refused),
            Variable::TunnelsPipesRefused => Some(totals().tunnels_pipes_refused),
            Variable::TunnelsRingOverflows => Some(totals().tunnels_ring_overflows),
            _ => None,
        }
    }

    /// Variables of the peers that were asked.
    fn append_of_upstream(&self, variable: &Variable, out: &mut Vec<u8>) -> Option<bool> {
        let attempts = &self.attempts;
        let there = match variable {
            Variable::ProxyHost => put_some(out, self.proxy_host.as_deref().map(str::as_bytes)),
            Variable::ProxyPort => put_some(out, self.proxy_port.as_deref().map(str::as_bytes)),
            Variable::ProxyAddXForwardedFor => {
                let before = out.len();
                append_field(&self.head.fields, b"x_forwarded_for", out);
                if out.len() > before {
                    out.extend_from_slice(b", ");
                }
                print(out, format_args!("{}", self.remote))
            }
            Variable::UpstreamAddr => list(out, attempts, |a, out| print(out, format_args!("{}", a.at))),
            Variable::UpstreamStatus => {
                list(out, attempts, |a, out| a.status.is_some_and(|status| print(out, format_args!("{status}"))))
            }
            Variable::UpstreamCacheStatus => false,
            Variable::UpstreamConnectTime => list(out, attempts, |a, out| seconds(a.connect_time, out)),
            Variable::UpstreamHeaderTime | Variable::UpstreamFirstByteTime => {
                list(out, attempts, |a, out| seconds(a.header_time, out))
            }
            Variable::UpstreamResponseTime => list(out, attempts, |a, out| seconds(a.response_time, out)),
            Variable::UpstreamResponseLength => {
                list(out, attempts, |a, out| print(out, format_args!("{}", a.response_bytes)))
            }
            Variable::UpstreamBytesReceived => {
                list(out, attempts, |a, out| print(out, format_args!("{}", a.bytes_received)))
            }
            Variable::UpstreamBytesSent => list(out, attempts, |a, out| print(out, format_args!("{}", a.bytes_sent))),
            Variable::UpstreamHttp(name) => {
                self.answered.as_ref().is_some_and(|head| append_field(&head.fields, name, out))
            }
            Variable::UpstreamTrailer(name) => {
                self.upstream_trailers.as_deref().is_some_and(|fields| append_field(fields, name, out))
            }
            Variable::UpstreamCookie(name) => {
                let cookies = self.answered.iter().flat_map(|head| head.fields.all(Name::SetCookie));
                put_some(out, set_cookie(cookies, name))
            }
            _ => return None,
        };
        Some(there)
    }

    /// 16 random bytes in hexadecimal, the same for the whole request.
    fn request_id(&self) -> &str {
        self.request_id.get_or_init(|| {
            let mut bytes = [0u8; 16];
            // The system's generator does not fail once it is seeded; a request id is no secret.
            let _ = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty());
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        })
    }

    /// Name and password of `Authorization: Basic` (RFC 7617).
    #[must_use]
    pub fn credentials(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let value = self.head.fields.first(Name::Authorization)?;
        let (scheme, rest) = value.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let mut name = BASE64_STANDARD.decode(rest.trim_ascii()).ok()?;
        let at = name.iter().position(|byte| *byte == b':')?;
        let password = name.split_off(at + 1);
        name.truncate(at);
        Some((name, password))
    }

    /// A variable that `set` names somewhere and that has no value yet is empty, which is told once.
    fn append_slot(&self, slot: SlotId, out: &mut Vec<u8>) -> bool {
        if let Some(value) = self.facts.borrow().slot(slot) {
            return put(out, value);
        }
        let Some(known) = self.shard.generation.serving.slots.get(usize::from(slot.0)).filter(|known| known.is_set)
        else {
            return false;
        };
        if self.location.uninitialized_variable_warn {
            self.report(LogLevel::Warn, format_args!("using uninitialized \"{}\" variable", known.name));
        }
        self.facts.borrow_mut().set(slot, b"");
        true
    }

    fn append_map(&self, id: MapId, out: &mut Vec<u8>) -> bool {
        let maps = &self.shard.generation.serving.maps;
        let Some(map) = maps.get(usize::from(id.0)) else { return false };
        if let Some(value) = self.facts.borrow().computed(Computed::Map(id)) {
            return put(out, &value);
        }
        let depth = self.map_depth.get();
        if depth >= MAP_DEPTH_MAX {
            self.report(LogLevel::Error, format_args!("cycle while evaluating variable \"{}\"", map.name));
            return false;
        }
        self.map_depth.set(depth + 1);
        let source = self.evaluate(&map.source);
        let (template, captures) = route::map::lookup(map, &source);
        if let Some(captures) = captures {
            self.facts.borrow_mut().captured(captures);
        }
        let value: Arc<[u8]> = self.evaluate(template).into();
        self.map_depth.set(depth);
        if !map.volatile {
            self.facts.borrow_mut().remember(Computed::Map(id), Arc::clone(&value));
        }
        put(out, &value)
    }
}

pub(super) fn put(out: &mut Vec<u8>, value: &[u8]) -> bool {
    out.extend_from_slice(value);
    true
}

pub(super) fn put_some(out: &mut Vec<u8>, value: Option<&[u8]>) -> bool {
    value.is_some_and(|value| put(out, value))
}

pub(super) fn print(out: &mut Vec<u8>, value: std::fmt::Arguments<'_>) -> bool {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(value);
    true
}

/// Seconds with milliseconds, as all times of nginx's logs.
fn print_seconds(out: &mut Vec<u8>, time: Duration) -> bool {
    print(out, format_args!("{}.{:03}", time.as_secs(), time.subsec_millis()))
}

fn seconds(time: Option<Duration>, out: &mut Vec<u8>) -> bool {
    time.is_some_and(|time| print_seconds(out, time))
}

/// One value for each attempt, separated as nginx does; `-` for an attempt without one.
fn list(out: &mut Vec<u8>, attempts: &[Attempt], value: impl Fn(&Attempt, &mut Vec<u8>) -> bool) -> bool {
    for (i, attempt) in attempts.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        if !value(attempt, out) {
            out.push(b'-');
        }
    }
    !attempts.is_empty()
}

/// All values of a field whose name is given as in a variable: lower case, `_` for `-`. Several are joined by `, `
/// (`; ` for cookies).
pub(super) fn append_field(fields: &crate::http::Fields, name: &[u8], out: &mut Vec<u8>) -> bool {
    let matches = |field: &[u8]| {
        field.len() == name.len()
            && field.iter().zip(name).all(|(f, n)| f.to_ascii_lowercase() == *n || (*n == b'_' && *f == b'-'))
    };
    let mut found = false;
    for (_, value) in fields.iter().filter(|(field, _)| matches(field)) {
        if found {
            out.extend_from_slice(if name == b"cookie" { b"; " } else { b", " });
        }
        found = true;
        out.extend_from_slice(value);
    }
    found
}

/// Value of an argument of a query string; names are compared without case, and none is empty.
fn argument<'a>(args: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if name.is_empty() {
        return None;
    }
    args.split(|b| *b == b'&').find_map(|pair| {
        let at = pair.iter().position(|b| *b == b'=')?;
        pair[..at].eq_ignore_ascii_case(name).then(|| &pair[at + 1..])
    })
}

/// Value of a cookie of a request. As in nginx blanks may stand around the `=`, and behind the value they are its own.
fn cookie<'a>(values: impl Iterator<Item = &'a [u8]>, name: &[u8]) -> Option<&'a [u8]> {
    values.flat_map(|value| value.split(|b| *b == b';')).find_map(|pair| {
        let at = pair.iter().position(|b| *b == b'=')?;
        pair[..at].trim_ascii().eq_ignore_ascii_case(name).then(|| pair[at + 1..].trim_ascii_start())
    })
}

/// Value of a cookie that an answer sets.
fn set_cookie<'a>(values: impl Iterator<Item = &'a [u8]>, name: &[u8]) -> Option<&'a [u8]> {
    values.filter_map(|value| value.split(|b| *b == b';').next()).find_map(|pair| {
        let at = pair.iter().position(|b| *b == b'=')?;
        pair[..at].trim_ascii().eq_ignore_ascii_case(name).then(|| &pair[at + 1..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Fields;
    use crate::model::PeerAddress;

    #[test]
    fn an_argument_is_found_by_its_name_alone() {
        let args = b"a=1&bb=2&A=3&c&d==&=x";
        assert_eq!(argument(args, b"a"), Some(b"1".as_slice()));
        assert_eq!(argument(args, b"bb"), Some(b"2".as_slice()));
        assert_eq!(argument(args, b"b"), None);
        assert_eq!(argument(args, b"c"), None);
        assert_eq!(argument(args, b"d"), Some(b"=".as_slice()));
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let values = [b"a=1; sid=x=y".as_slice(), b"b=2"];
        assert_eq!(cookie(values.into_iter(), b"sid"), Some(b"x=y".as_slice()));
        assert_eq!(cookie(values.into_iter(), b"b"), Some(b"2".as_slice()));
        assert_eq!(cookie(values.into_iter(), b"id"), None);
    }

    #[test]
    fn a_cookie_that_is_set_has_its_value_without_attributes() {
        let values = [b"a=1; Path=/".as_slice(), b"sid=7; HttpOnly"];
        assert_eq!(set_cookie(values.into_iter(), b"sid"), Some(b"7".as_slice()));
        assert_eq!(set_cookie(values.into_iter(), b"path"), None);
    }

    #[test]
    fn a_field_is_named_with_underscores_and_its_values_are_joined() {
        let mut fields = Fields::new();
        fields.push(b"X-Forwarded-For", b"1.1.1.1");
        fields.push(b"x-forwarded-for", b"2.2.2.2");
        fields.push(b"Cookie", b"a=1");
        fields.push(b"Cookie", b"b=2");
        let value = |name: &[u8]| {
            let mut out = Vec::new();
            append_field(&fields, name, &mut out).then_some(out)
        };
        assert_eq!(value(b"x_forwarded_for").as_deref(), Some(b"1.1.1.1, 2.2.2.2".as_slice()));
        assert_eq!(value(b"cookie").as_deref(), Some(b"a=1; b=2".as_slice()));
        assert_eq!(value(b"x_forwarded"), None);
    }

    #[test]
    fn attempts_are_listed_with_a_dash_for_what_is_missing() {
        let attempt = || Attempt::at("127.0.0.1:1".parse().map(PeerAddress::Ip).unwrap());
        let attempts =
            [Attempt { status: Some(502), ..attempt() }, attempt(), Attempt { status: Some(200), ..attempt() }];
        let mut out = Vec::new();
        let there = list(&mut out, &attempts, |a, out| a.status.is_some_and(|s| print(out, format_args!("{s}"))));
        assert!(there);
        assert_eq!(out, b"502, -, 200");
        assert!(!list(&mut out, &[], |_, _| true));
    }
}

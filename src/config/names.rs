//! What names in values stand for: variables and the named groups of expressions.
//!
//! Groups are registered when their expression is recorded, maps when their block is; templates are made only after
//! that, so that a variable may be used before the line that defines it.

use std::collections::{HashMap, HashSet};

use super::diagnostic::{Fault, nearest};
use super::lexer::Word;
use super::source::Span;
use crate::limits;
use crate::model::{
    MapId, NamedCapture, OfRest, Part, Pattern, Protocol, SetTarget, Slot, SlotId, TcpFigure, Template, TlsFact,
    Variable, VariableNames,
};

/// All variables of one configuration that are not nginx's own.
#[derive(Debug, Default)]
pub struct Names {
    protocol: Protocol,
    /// The number of its first slot: those of all blocks are numbered together.
    first_slot: usize,
    slots: HashMap<String, SlotId>,
    /// Of `map` and kin.
    computed: HashMap<String, Variable>,
    /// Names that a `set` stands for.
    set: HashSet<String>,
}

/// Variables with a fixed name, sorted.
const FIXED: &[(&str, Variable)] = &[
    ("args", Variable::Args),
    ("binary_remote_addr", Variable::BinaryRemoteAddr),
    ("body_bytes_sent", Variable::BodyBytesSent),
    ("bytes_sent", Variable::BytesSent),
    ("connection", Variable::Connection),
    ("connection_requests", Variable::ConnectionRequests),
    ("connection_time", Variable::ConnectionTime),
    ("connections_active", Variable::ConnectionsActive),
    ("connections_parked", Variable::ConnectionsParked),
    ("connections_reading", Variable::ConnectionsReading),
    ("connections_waiting", Variable::ConnectionsWaiting),
    ("connections_writing", Variable::ConnectionsWriting),
    ("content_length", Variable::ContentLength),
    ("content_type", Variable::ContentType),
    ("date_gmt", Variable::DateGmt),
    ("date_local", Variable::DateLocal),
    ("document_root", Variable::DocumentRoot),
    ("document_uri", Variable::Uri),
    ("gzip_ratio", Variable::GzipRatio),
    ("host", Variable::Host),
    ("hostname", Variable::Hostname),
    ("https", Variable::Https),
    ("is_args", Variable::IsArgs),
    ("is_request_port", Variable::IsRequestPort),
    ("limit_conn_status", Variable::LimitConnStatus),
    ("limit_rate", Variable::LimitRate),
    ("limit_req_status", Variable::LimitReqStatus),
    ("msec", Variable::Msec),
    ("nginx_version", Variable::NginxVersion),
    ("pid", Variable::Pid),
    ("pipe", Variable::Pipe),
    ("proxy_add_x_forwarded_for", Variable::ProxyAddXForwardedFor),
    ("proxy_host", Variable::ProxyHost),
    ("proxy_port", Variable::ProxyPort),
    ("proxy_protocol_addr", Variable::ProxyProtocolAddr),
    ("proxy_protocol_port", Variable::ProxyProtocolPort),
    ("proxy_protocol_server_addr", Variable::ProxyProtocolServerAddr),
    ("proxy_protocol_server_port", Variable::ProxyProtocolServerPort),
    ("query_string", Variable::Args),
    ("realip_remote_addr", Variable::RealipRemoteAddr),
    ("realip_remote_port", Variable::RealipRemotePort),
    ("realpath_root", Variable::RealpathRoot),
    ("remote_addr", Variable::RemoteAddr),
    ("remote_port", Variable::RemotePort),
    ("remote_user", Variable::RemoteUser),
    ("request", Variable::Request),
    ("request_body", Variable::RequestBody),
    ("request_body_file", Variable::RequestBodyFile),
    ("request_completion", Variable::RequestCompletion),
    ("request_filename", Variable::RequestFilename),
    ("request_id", Variable::RequestId),
    ("request_length", Variable::RequestLength),
    ("request_method", Variable::RequestMethod),
    ("request_port", Variable::RequestPort),
    ("request_time", Variable::RequestTime),
    ("request_uri", Variable::RequestUri),
    ("scheme", Variable::Scheme),
    ("server_addr", Variable::ServerAddr),
    ("server_name", Variable::ServerName),
    ("server_port", Variable::ServerPort),
    ("server_protocol", Variable::ServerProtocol),
    ("shard", Variable::Shard),
    ("ssl_alpn_protocol", Variable::Ssl(TlsFact::AlpnProtocol)),
    ("ssl_cipher", Variable::Ssl(TlsFact::Cipher)),
    ("ssl_ciphers", Variable::Ssl(TlsFact::Ciphers)),
    ("ssl_client_cert", Variable::Ssl(TlsFact::ClientCert)),
    ("ssl_client_escaped_cert", Variable::Ssl(TlsFact::ClientEscapedCert)),
    ("ssl_client_fingerprint", Variable::Ssl(TlsFact::ClientFingerprint)),
    ("ssl_client_i_dn", Variable::Ssl(TlsFact::ClientIDn)),
    ("ssl_client_i_dn_legacy", Variable::Ssl(TlsFact::ClientIDnLegacy)),
    ("ssl_client_raw_cert", Variable::Ssl(TlsFact::ClientRawCert)),
    ("ssl_client_s_dn", Variable::Ssl(TlsFact::ClientSDn)),
    ("ssl_client_s_dn_legacy", Variable::Ssl(TlsFact::ClientSDnLegacy)),
    ("ssl_client_serial", Variable::Ssl(TlsFact::ClientSerial)),
    ("ssl_client_v_end", Variable::Ssl(TlsFact::ClientVEnd)),
    ("ssl_client_v_remain", Variable::Ssl(TlsFact::ClientVRemain)),
    ("ssl_client_v_start", Variable::Ssl(TlsFact::ClientVStart)),
    ("ssl_client_verify", Variable::Ssl(TlsFact::ClientVerify)),
    ("ssl_curve", Variable::Ssl(TlsFact::Curve)),
    ("ssl_curves", Variable::Ssl(TlsFact::Curves)),
    ("ssl_early_data", Variable::Ssl(TlsFact::EarlyData)),
    ("ssl_protocol", Variable::Ssl(TlsFact::Protocol)),
    ("ssl_server_name", Variable::Ssl(TlsFact::ServerName)),
    ("ssl_session_id", Variable::Ssl(TlsFact::ResumptionId)),
    ("ssl_session_reused", Variable::Ssl(TlsFact::Resumed)),
    ("status", Variable::Status),
    ("tcpinfo_rcv_space", Variable::TcpInfo(TcpFigure::ReceiveSpace)),
    ("tcpinfo_rtt", Variable::TcpInfo(TcpFigure::RoundTripTime)),
    ("tcpinfo_rttvar", Variable::TcpInfo(TcpFigure::RoundTripVariance)),
    ("tcpinfo_snd_cwnd", Variable::TcpInfo(TcpFigure::CongestionWindow)),
    ("time_iso8601", Variable::TimeIso8601),
    ("time_local", Variable::TimeLocal),
    ("tunnel_bytes_to_client", Variable::TunnelBytesToClient),
    ("tunnel_bytes_to_upstream", Variable::TunnelBytesToUpstream),
    ("tunnel_close_by", Variable::TunnelCloseBy),
    ("tunnel_close_code", Variable::TunnelCloseCode),
    ("tunnel_end", Variable::TunnelEnd),
    ("tunnel_messages_to_client", Variable::TunnelMessagesToClient),
    ("tunnel_messages_to_upstream", Variable::TunnelMessagesToUpstream),
    ("tunnel_time", Variable::TunnelTime),
    ("tunnels_active", Variable::TunnelsActive),
    ("tunnels_pending_bytes", Variable::TunnelsPendingBytes),
    ("tunnels_pending_refused", Variable::TunnelsPendingRefused),
    ("tunnels_pipes_refused", Variable::TunnelsPipesRefused),
    ("tunnels_ring_overflows", Variable::TunnelsRingOverflows),
    ("upstream_addr", Variable::UpstreamAddr),
    ("upstream_bytes_received", Variable::UpstreamBytesReceived),
    ("upstream_bytes_sent", Variable::UpstreamBytesSent),
    ("upstream_cache_status", Variable::UpstreamCacheStatus),
    ("upstream_connect_time", Variable::UpstreamConnectTime),
    ("upstream_header_time", Variable::UpstreamHeaderTime),
    ("upstream_response_length", Variable::UpstreamResponseLength),
    ("upstream_response_time", Variable::UpstreamResponseTime),
    ("upstream_status", Variable::UpstreamStatus),
    ("uri", Variable::Uri),
];

/// The same for `stream`.
const FIXED_IN_STREAM: &[(&str, Variable)] = &[
    ("binary_remote_addr", Variable::BinaryRemoteAddr),
    ("bytes_received", Variable::BytesReceived),
    ("bytes_sent", Variable::BytesSent),
    ("connection", Variable::Connection),
    ("hostname", Variable::Hostname),
    ("limit_conn_status", Variable::LimitConnStatus),
    ("msec", Variable::Msec),
    ("nginx_version", Variable::NginxVersion),
    ("pid", Variable::Pid),
    ("protocol", Variable::Protocol),
    ("proxy_protocol_addr", Variable::ProxyProtocolAddr),
    ("proxy_protocol_port", Variable::ProxyProtocolPort),
    ("proxy_protocol_server_addr", Variable::ProxyProtocolServerAddr),
    ("proxy_protocol_server_port", Variable::ProxyProtocolServerPort),
    ("realip_remote_addr", Variable::RealipRemoteAddr),
    ("realip_remote_port", Variable::RealipRemotePort),
    ("remote_addr", Variable::RemoteAddr),
    ("remote_port", Variable::RemotePort),
    ("server_addr", Variable::ServerAddr),
    ("server_name", Variable::ServerName),
    ("server_port", Variable::ServerPort),
    ("session_time", Variable::ConnectionTime),
    ("shard", Variable::Shard),
    ("ssl_alpn_protocol", Variable::Ssl(TlsFact::AlpnProtocol)),
    ("ssl_cipher", Variable::Ssl(TlsFact::Cipher)),
    ("ssl_ciphers", Variable::Ssl(TlsFact::Ciphers)),
    ("ssl_client_cert", Variable::Ssl(TlsFact::ClientCert)),
    ("ssl_client_escaped_cert", Variable::Ssl(TlsFact::ClientEscapedCert)),
    ("ssl_client_fingerprint", Variable::Ssl(TlsFact::ClientFingerprint)),
    ("ssl_client_i_dn", Variable::Ssl(TlsFact::ClientIDn)),
    ("ssl_client_raw_cert", Variable::Ssl(TlsFact::ClientRawCert)),
    ("ssl_client_s_dn", Variable::Ssl(TlsFact::ClientSDn)),
    ("ssl_client_serial", Variable::Ssl(TlsFact::ClientSerial)),
    ("ssl_client_v_end", Variable::Ssl(TlsFact::ClientVEnd)),
    ("ssl_client_v_remain", Variable::Ssl(TlsFact::ClientVRemain)),
    ("ssl_client_v_start", Variable::Ssl(TlsFact::ClientVStart)),
    ("ssl_client_verify", Variable::Ssl(TlsFact::ClientVerify)),
    ("ssl_curve", Variable::Ssl(TlsFact::Curve)),
    ("ssl_curves", Variable::Ssl(TlsFact::Curves)),
    ("ssl_protocol", Variable::Ssl(TlsFact::Protocol)),
    ("ssl_server_name", Variable::Ssl(TlsFact::ServerName)),
    ("ssl_session_id", Variable::Ssl(TlsFact::ResumptionId)),
    ("ssl_session_reused", Variable::Ssl(TlsFact::Resumed)),
    ("status", Variable::Status),
    ("time_iso8601", Variable::TimeIso8601),
    ("time_local", Variable::TimeLocal),
    ("tunnel_end", Variable::TunnelEnd),
    ("upstream_addr", Variable::UpstreamAddr),
    ("upstream_bytes_received", Variable::UpstreamBytesReceived),
    ("upstream_bytes_sent", Variable::UpstreamBytesSent),
    ("upstream_connect_time", Variable::UpstreamConnectTime),
    ("upstream_first_byte_time", Variable::UpstreamFirstByteTime),
    ("upstream_session_time", Variable::UpstreamResponseTime),
];

/// Variables that carry a name of the message in theirs.
const PREFIXED: &[(&str, OfRest)] = &[
    ("arg_", Variable::Arg),
    ("cookie_", Variable::Cookie),
    ("http_", Variable::Http),
    ("proxy_protocol_tlv_", Variable::ProxyProtocolTlv),
    ("sent_http_", Variable::SentHttp),
    ("sent_trailer_", Variable::SentTrailer),
    ("upstream_cookie_", Variable::UpstreamCookie),
    ("upstream_http_", Variable::UpstreamHttp),
    ("upstream_trailer_", Variable::UpstreamTrailer),
];

/// The same for `stream`.
const PREFIXED_IN_STREAM: &[(&str, OfRest)] = &[("proxy_protocol_tlv_", Variable::ProxyProtocolTlv)];

/// The names of all variables that have a meaning of their own, without `$`; `NAME` stands for a name of the message.
pub fn variable_names(protocol: Protocol) -> impl Iterator<Item = String> {
    let fixed = fixed(protocol).iter().map(|(name, _)| (*name).to_owned());
    fixed.chain(prefixed(protocol).iter().map(|(prefix, _)| format!("{prefix}NAME")))
}

fn fixed(protocol: Protocol) -> &'static [(&'static str, Variable)] {
    match protocol {
        Protocol::Http => FIXED,
        Protocol::Stream => FIXED_IN_STREAM,
    }
}

fn prefixed(protocol: Protocol) -> &'static [(&'static str, OfRest)] {
    match protocol {
        Protocol::Http => PREFIXED,
        Protocol::Stream => PREFIXED_IN_STREAM,
    }
}

fn built_in(protocol: Protocol, name: &str) -> Option<Variable> {
    let fixed = fixed(protocol);
    if let Ok(at) = fixed.binary_search_by_key(&name, |(known, _)| known) {
        return Some(fixed[at].1.clone());
    }
    prefixed(protocol).iter().find_map(|(prefix, variable)| {
        let rest = name.strip_prefix(prefix)?;
        // Cookies alone have names in which case counts.
        let folded = if prefix.ends_with("cookie_") { rest.to_owned() } else { rest.to_ascii_lowercase() };
        Some(variable(folded.into_bytes().into()))
    })
}

impl Names {
    /// Those of a block, whose slots come behind so many others.
    #[must_use]
    pub fn new(protocol: Protocol, first_slot: usize) -> Self {
        Self { protocol, first_slot, ..Self::default() }
    }

    /// How many slots there are with those of the blocks before.
    #[must_use]
    pub fn slots_end(&self) -> usize {
        self.first_slot + self.slots.len()
    }

    fn built_in(&self, name: &str) -> Option<Variable> {
        built_in(self.protocol, name)
    }

    /// Variables of nginx's own that `set` may change.
    fn own_target(&self, name: &str) -> Option<SetTarget> {
        match (self.protocol, name) {
            (Protocol::Http, "args") => Some(SetTarget::Args),
            (Protocol::Http, "limit_rate") => Some(SetTarget::LimitRate),
            (Protocol::Http | Protocol::Stream, _) => None,
        }
    }

    /// The variables that requests give a value, by their numbers.
    #[must_use]
    pub fn slots(&self) -> Vec<Slot> {
        let mut by_number: Vec<(&String, &SlotId)> = self.slots.iter().collect();
        by_number.sort_unstable_by_key(|(_, id)| id.0);
        let one = |(name, _): (&String, &SlotId)| Slot { name: name.as_str().into(), is_set: self.set.contains(name) };
        by_number.into_iter().map(one).collect()
    }

    /// All variables by their names.
    #[must_use]
    pub fn all(&self) -> VariableNames {
        let fixed = fixed(self.protocol).iter().map(|(name, variable)| ((*name).to_owned(), variable.clone()));
        let slots = self.slots.iter().map(|(name, id)| (name.to_ascii_lowercase(), Variable::Slot(*id)));
        let computed = self.computed.iter().map(|(name, variable)| (name.to_ascii_lowercase(), variable.clone()));
        let whole = slots.chain(computed).chain(fixed);
        VariableNames {
            whole: whole.map(|(name, variable)| (name.into_bytes().into(), variable)).collect(),
            prefixed: prefixed(self.protocol).into(),
        }
    }

    /// Registers the variable of a `set`.
    ///
    /// # Errors
    /// The name is one of nginx's own that cannot be changed, or there are too many.
    pub fn add_set(&mut self, name: &str, span: Span) -> Result<(), Fault> {
        if self.own_target(name).is_some() {
            return Ok(());
        }
        self.check_free(name, span)?;
        self.set.insert(name.to_owned());
        self.slot(name, span).map(drop)
    }

    /// Registers a variable that something other than a `set` gives a value: until then it is not there, and nobody is
    /// warned of that.
    ///
    /// # Errors
    /// As [`Names::add_set`].
    pub fn add_filled(&mut self, name: &str, span: Span) -> Result<(), Fault> {
        if name == "args" {
            return Ok(());
        }
        self.check_free(name, span)?;
        self.slot(name, span).map(drop)
    }

    /// What a `set` of that name gives a value.
    #[must_use]
    pub fn set_target(&self, name: &str) -> Option<SetTarget> {
        if let Some(target) = self.own_target(name) {
            return Some(target);
        }
        match self.computed.get(name) {
            Some(Variable::Map(id)) => Some(SetTarget::Map(*id)),
            Some(_) => None,
            None => self.slots.get(name).map(|id| SetTarget::Slot(*id)),
        }
    }

    fn slot(&mut self, name: &str, span: Span) -> Result<SlotId, Fault> {
        if let Some(slot) = self.slots.get(name) {
            return Ok(*slot);
        }
        let id = u16::try_from(self.slots_end());
        let id = SlotId(id.map_err(|_| Fault::new(span, "more than 65536 variables"))?);
        self.slots.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Registers the variable of a `map`. The last block for a name counts.
    ///
    /// # Errors
    /// The name is one of nginx's own, or there are too many.
    pub fn add_map(&mut self, name: &str, index: usize, span: Span) -> Result<(), Fault> {
        self.check_free(name, span)?;
        let id = u16::try_from(index).map_err(|_| Fault::new(span, "more than 65536 \"map\" blocks"))?;
        self.computed.insert(name.to_owned(), Variable::Map(MapId(id)));
        Ok(())
    }

    /// Registers a variable that the configuration computes. The last block for a name counts.
    ///
    /// # Errors
    /// The name is one of nginx's own.
    pub fn add_computed(&mut self, name: &str, variable: Variable, span: Span) -> Result<(), Fault> {
        self.check_free(name, span)?;
        self.computed.insert(name.to_owned(), variable);
        Ok(())
    }

    fn check_free(&self, name: &str, span: Span) -> Result<(), Fault> {
        match self.built_in(name) {
            Some(_) => {
                let fault = Fault::new(span, format!("the duplicate \"{name}\" variable"));
                Err(fault.help(format!("`${name}` has a meaning of its own: choose another name")))
            }
            None => Ok(()),
        }
    }

    /// Compiles an expression and registers its named groups.
    ///
    /// # Errors
    /// The expression cannot be compiled, or a group has the name of a variable of nginx's own.
    pub fn pattern(&mut self, text: &str, ignores_case: bool, span: Span) -> Result<Pattern, Fault> {
        let failed = |why: &str| {
            Fault::new(span, format!("pcre2_compile() failed: {why} in \"{text}\""))
                .help("quote an expression that holds `{`, `}`, `;` or spaces")
        };
        if text.len() > limits::CONFIG_EXPRESSION_BYTES_MAX {
            return Err(failed("regular expression is too large"));
        }
        let regex = Pattern::compile(text, ignores_case).map_err(|error| failed(&error.to_string()))?;
        let mut named = Vec::new();
        let groups: Vec<(usize, String)> =
            regex.capture_names().enumerate().filter_map(|(group, name)| Some((group, name?.to_owned()))).collect();
        for (group, name) in groups {
            self.check_free(&name, span)?;
            let slot = self.slot(&name, span)?;
            named.push(NamedCapture { group, slot });
        }
        Ok(Pattern { text: text.into(), regex, named: named.into() })
    }

    /// Splits a value at its variables.
    ///
    /// # Errors
    /// A `$` without a name, a brace that is not closed, a name that nothing defines.
    pub fn template(&self, text: &str, span: Span, unbuilt: Unbuilt) -> Result<Template, Fault> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            if dollar > 0 {
                parts.push(Part::Text(rest.as_bytes()[..dollar].into()));
            }
            let (name, after) = variable_name(&rest[dollar + 1..], span)?;
            parts.push(Part::Variable(self.variable(name, span, unbuilt)?));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.as_bytes().into()));
        }
        Ok(Template { parts: parts.into() })
    }

    fn variable(&self, name: &str, span: Span, unbuilt: Unbuilt) -> Result<Variable, Fault> {
        if let [digit @ b'1'..=b'9'] = name.as_bytes() {
            return Ok(Variable::Capture(digit - b'0'));
        }
        // Names are compared as they are; nginx lowers them, and no real file relies on it.
        if let Some(variable) = self.built_in(name) {
            return Ok(variable);
        }
        if let Some(variable) = self.computed.get(name) {
            return Ok(variable.clone());
        }
        if let Some(slot) = self.slots.get(name) {
            return Ok(Variable::Slot(*slot));
        }
        let fault = Fault::new(span, format!("unknown \"{name}\" variable"));
        if self.protocol == Protocol::Stream && built_in(Protocol::Http, name).is_some() {
            return Err(fault.help(format!("`${name}` is a part of requests, and exists in `http` alone")));
        }
        if let Some(why) = unbuilt(name) {
            return Err(fault.help(format!("`${name}` cannot be used: {why}")));
        }
        let own = self.computed.keys().chain(self.slots.keys()).map(String::as_str);
        match nearest(name, fixed(self.protocol).iter().map(|(known, _)| *known).chain(own)) {
            Some(known) => Err(fault.help(format!("did you mean `${known}`?"))),
            None => Err(fault.help(format!("define it, as in `map $http_upgrade ${name} {{ … }}`"))),
        }
    }
}

/// Says why a variable of nginx is not built.
pub type Unbuilt = fn(&str) -> Option<&'static str>;

/// The name behind a `$` and what follows it.
fn variable_name(text: &str, span: Span) -> Result<(&str, &str), Fault> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let invalid = || Fault::new(span, "invalid variable name").help("a `$` stands only before a name");
    if matches!(text.as_bytes(), [b'1'..=b'9', ..]) {
        return Ok(text.split_at(1));
    }
    if let Some(inner) = text.strip_prefix('{') {
        let length = inner.bytes().take_while(|byte| is_name(*byte)).count();
        let (name, after) = inner.split_at(length);
        let Some(after) = after.strip_prefix('}') else {
            let message = format!("the closing bracket in \"{name}\" variable is missing");
            return Err(Fault::new(span, message));
        };
        return if name.is_empty() { Err(invalid()) } else { Ok((name, after)) };
    }
    let length = text.bytes().take_while(|byte| is_name(*byte)).count();
    if length == 0 { Err(invalid()) } else { Ok(text.split_at(length)) }
}

/// Whether a value holds variables.
#[must_use]
pub fn has_variables(word: &Word) -> bool {
    word.text.contains('$')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::{Origin, Sources};

    fn span() -> Span {
        Span { file: Sources::default().add(Origin::CommandLine, Vec::new()), start: 0, end: 0 }
    }

    fn template(names: &Names, text: &str) -> Result<Template, String> {
        names.template(text, span(), |_| None).map_err(|fault| fault.message)
    }

    #[test]
    fn fixed_names_are_sorted() {
        assert!(FIXED.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(FIXED_IN_STREAM.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn values_are_split_at_variables() {
        let parts = template(&Names::default(), "a${host}b$1$arg_X$http_upgrade").unwrap().parts;
        assert_eq!(
            &*parts,
            [
                Part::Text(b"a".as_slice().into()),
                Part::Variable(Variable::Host),
                Part::Text(b"b".as_slice().into()),
                Part::Variable(Variable::Capture(1)),
                Part::Variable(Variable::Arg(b"x".as_slice().into())),
                Part::Variable(Variable::Http(b"upgrade".as_slice().into())),
            ]
        );
    }

    #[test]
    fn names_are_checked() {
        let names = Names::default();
        assert_eq!(template(&names, "$").unwrap_err(), "invalid variable name");
        assert_eq!(template(&names, "${}").unwrap_err(), "invalid variable name");
        assert_eq!(template(&names, "${host").unwrap_err(), "the closing bracket in \"host\" variable is missing");
        assert_eq!(template(&names, "$hots").unwrap_err(), "unknown \"hots\" variable");
    }

    #[test]
    fn named_groups_become_variables() {
        let mut names = Names::default();
        let pattern = names.pattern("^(?<user>.+)/(?P<room>.+)(x)?", false, span()).unwrap();
        assert_eq!(
            &*pattern.named,
            [NamedCapture { group: 1, slot: SlotId(0) }, NamedCapture { group: 2, slot: SlotId(1) },]
        );
        assert_eq!(&*template(&names, "$room").unwrap().parts, [Part::Variable(Variable::Slot(SlotId(1)))]);
        let again = names.pattern("(?<user>a)", true, span()).unwrap();
        assert_eq!(again.named[0].slot, SlotId(0));
        assert!(names.pattern("(?<host>a)", false, span()).unwrap_err().message.contains("the duplicate \"host\""));
        assert!(names.pattern("(", false, span()).unwrap_err().message.starts_with("pcre2_compile() failed: "));
    }

    #[test]
    fn deep_and_long_expressions_are_faults() {
        let mut names = Names::default();
        assert!(names.pattern(&"(".repeat(20_000), false, span()).is_err());
        assert!(names.pattern(&"a".repeat(100_000), false, span()).is_err());
        assert!(names.pattern("((a{100}){100}){1000}", false, span()).is_err());
    }
}

//! `syslog:` as the target of `access_log` and `error_log`.

use std::io;

use crate::config::address::{self, Address};
use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::Env;
use crate::config::raw::RawSyslog;
use crate::config::scope::{Resolve, host_addresses};
use crate::model::{PeerAddress, Syslog};

const PORT: u16 = 514;
/// RFC 3164 4.1.3.
const TAG_BYTES_MAX: usize = 32;
const TAG: &str = "nginx";
/// `local7`.
const FACILITY: u8 = 23;
/// `info`.
const SEVERITY: u8 = 6;

/// By number.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv", "ftp", "ntp",
    "audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];

/// The parameters behind `syslog:`; `None` if the target is another.
///
/// # Errors
/// nginx's words.
pub fn read(word: &Word) -> Result<Option<RawSyslog>, Fault> {
    let Some(parameters) = word.text.strip_prefix("syslog:") else { return Ok(None) };
    let fault = |message: String| Fault::new(word.span, message);
    let duplicate = |name: &str| Err(fault(format!("duplicate syslog \"{name}\"")));
    let (mut server, mut facility, mut severity, mut tag) = (None, None, None, None);
    let mut has_hostname = true;
    for parameter in parameters.split(',') {
        match parameter.split_once('=') {
            Some(("server", text)) => {
                if server.replace(text).is_some() {
                    return duplicate("server");
                }
            }
            Some(("facility", text)) => {
                if facility.replace(number(&FACILITIES, "facility", text, word)?).is_some() {
                    return duplicate("facility");
                }
            }
            Some(("severity", text)) => {
                if severity.replace(number(&SEVERITIES, "severity", text, word)?).is_some() {
                    return duplicate("severity");
                }
            }
            Some(("tag", text)) => {
                if text.len() > TAG_BYTES_MAX {
                    return Err(fault(format!("syslog tag length exceeds {TAG_BYTES_MAX}")));
                }
                if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    return Err(fault("syslog \"tag\" only allows alphanumeric characters and underscore".to_owned()));
                }
                if tag.replace(text.to_owned()).is_some() {
                    return duplicate("tag");
                }
            }
            None if parameter == "nohostname" => has_hostname = false,
            _ => {
                let unknown = fault(format!("unknown syslog parameter \"{parameter}\""));
                return Err(unknown.help("`server=`, `facility=`, `severity=`, `tag=` or `nohostname`"));
            }
        }
    }
    let Some(server) = server else {
        return Err(fault("no syslog server specified".to_owned()).help("as in `syslog:server=127.0.0.1:514`"));
    };
    let address = address::peer(server).map_err(|words| fault(format!("{words} in syslog server \"{server}\"")))?;
    let server = server.to_owned();
    Ok(Some(RawSyslog { span: word.span, server, address, facility, severity, tag, has_hostname }))
}

fn number(names: &[&str], what: &str, name: &str, word: &Word) -> Result<u8, Fault> {
    let found = names.iter().position(|known| *known == name).and_then(|at| u8::try_from(at).ok());
    found.ok_or_else(|| {
        Fault::new(word.span, format!("unknown syslog {what} \"{name}\"")).help(format!("one of {}", names.join(", ")))
    })
}

/// With its name resolved: to the first address, as in nginx.
pub fn resolve(raw: &RawSyslog, env: &Env, resolver: &dyn Resolve) -> Option<Syslog> {
    let address = match &raw.address {
        Address::Unix(path) => PeerAddress::Unix(env.path(&path.to_string_lossy())),
        Address::Inet(host) => {
            let found = host_addresses(resolver, host, PORT).and_then(|found| {
                found.into_iter().next().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).to_string())
            });
            match found {
                Ok(address) => PeerAddress::Ip(address),
                Err(why) => {
                    let message = format!("host not found in syslog server \"{}\"", raw.server);
                    env.fault(Fault::new(raw.span, message).label(why));
                    return None;
                }
            }
        }
    };
    Some(Syslog {
        address,
        facility: raw.facility.unwrap_or(FACILITY),
        severity: raw.severity.unwrap_or(SEVERITY),
        tag: raw.tag.as_deref().unwrap_or(TAG).into(),
        has_hostname: raw.has_hostname,
    })
}

//! `auth_basic`: whether a request names somebody of the file and knows the password (RFC 7617).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::passwords::{self, Verdict};
use super::said::Said;
use super::verifier;
use crate::limits::USER_FILE_BYTES_MAX;
use crate::model::{AuthBasic, LogLevel};
use crate::observe::escape::Quoted;
use crate::proxy::exchange::Exchange;
use crate::proxy::failure::{Cause, Failure, Phase};
use crate::sys::errno::Errno;

/// Asks for a password and checks it. Whoever has none is told what for by the challenge of the 401.
pub async fn check(exchange: &mut Exchange<'_>, auth: &AuthBasic) -> Said {
    let realm = exchange.evaluate(&auth.realm);
    if realm == b"off" {
        return Said::Nothing;
    }
    let Some((name, password)) = exchange.credentials() else {
        let words = "no user/password was provided for basic authentication".to_owned();
        return ask(exchange, &realm, LogLevel::Info, words);
    };
    let file = PathBuf::from(OsString::from_vec(exchange.evaluate(&auth.user_file)));
    let text = match read(&file) {
        Ok(text) => text,
        Err((status, level, words)) => return Said::No(denied(status, level, words)),
    };
    let shown = Quoted(&name);
    let Some(stored) = passwords::stored(&text, &name) else {
        let words = format!("user \"{shown}\" was not found in \"{}\"", file.display());
        return ask(exchange, &realm, LogLevel::Error, words);
    };
    match verifier::verify(stored, &password).await {
        Some(Verdict::Right) => Said::Yes,
        Some(Verdict::Wrong) => {
            let words = format!("user \"{shown}\": password mismatch");
            ask(exchange, &realm, LogLevel::Error, words)
        }
        Some(Verdict::Unreadable) => {
            let words = format!("the password of user \"{shown}\" in \"{}\" has an unknown form", file.display());
            ask(exchange, &realm, LogLevel::Error, words)
        }
        None => Said::No(denied(503, LogLevel::Error, "too many passwords wait to be checked".to_owned())),
    }
}

/// The file as it is now: a change needs no reload.
fn read(path: &std::path::Path) -> Result<Vec<u8>, (u16, LogLevel, String)> {
    let failed = |error: std::io::Error| {
        let (status, level) = match error.kind() {
            std::io::ErrorKind::NotFound => (403, LogLevel::Error),
            _ => (500, LogLevel::Crit),
        };
        (status, level, format!("open() \"{}\" failed ({})", path.display(), Errno(&error)))
    };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > USER_FILE_BYTES_MAX {
        return Err((500, LogLevel::Crit, format!("\"{}\" is too large for a user file", path.display())));
    }
    std::fs::read(path).map_err(failed)
}

fn ask(exchange: &mut Exchange<'_>, realm: &[u8], level: LogLevel, words: String) -> Said {
    let mut challenge = b"Basic realm=\"".to_vec();
    challenge.extend(realm.iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)));
    challenge.push(b'"');
    exchange.challenge(vec![challenge.into()]);
    Said::No(denied(401, level, words))
}

fn denied(status: u16, level: LogLevel, words: String) -> Failure {
    Failure::new(Phase::ProcessingRequest, Cause::Denied { status, level, words })
}

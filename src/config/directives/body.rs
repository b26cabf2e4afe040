//! Where a request's body is kept, and what becomes of bytes that nobody waits for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawClient, RawLevel};
use crate::config::table::*;
use crate::model::{BodyFile, Client, Lingering};

/// What has no `client_body_temp_path` of its own, below the prefix.
const TEMP_PATH: &str = "client_body_temp";

pub const TABLE: &[Directive] = &[
    level(
        "client_body_temp_path",
        ONE_TO_FOUR,
        |level, line| temp_path(&mut level.client.body_temp_path, line),
        "Folder of bodies longer than `client_body_buffer_size`, with up to three levels (`client_body_temp`).",
    ),
    level(
        "client_body_in_file_only",
        ONE,
        in_file_only,
        "Whether each body lies in a file: `on` keeps it, `clean` removes it with the request (off).",
    ),
    level(
        "lingering_close",
        ONE,
        lingering_close,
        "Whether bytes still under way are read when a connection is closed: `off`, `on` if some may be, `always` (on).",
    ),
    level_time("lingering_time", |level| &mut level.client.lingering_time, "How long they are read at most (30s)."),
    level_time(
        "lingering_timeout",
        |level| &mut level.client.lingering_timeout,
        "Longest pause while they are read (5s).",
    ),
];

/// A folder for files, and the lengths of the names of folders in it.
pub fn temp_path(field: &mut Option<(PathBuf, Vec<usize>)>, line: &Line) -> Recorded {
    line.once(field, |line| {
        let mut levels = Vec::new();
        for word in &line.args()[1..] {
            match word.text.as_str() {
                digits @ ("1" | "2" | "3") => levels.push(usize::from(digits.as_bytes()[0] - b'0')),
                _ => return Err(line.invalid_value(word).help("a level is 1, 2 or 3: the length of a folder's name")),
            }
        }
        Ok((line.env.path(&line.arg(0).text), levels))
    })
}

fn in_file_only(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.client.body_in_file_only, |line| match line.arg(0).text.as_str() {
        "off" => Ok(BodyFile::Off),
        "on" => Ok(BodyFile::On),
        "clean" => Ok(BodyFile::Clean),
        _ => Err(line.unknown_value(line.arg(0)).help("`off`, `on` or `clean`")),
    })
}

fn lingering_close(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.client.lingering_close, |line| match line.arg(0).text.as_str() {
        "off" => Ok(None),
        "on" => Ok(Some(false)),
        "always" => Ok(Some(true)),
        _ => Err(line.unknown_value(line.arg(0)).help("`off`, `on` or `always`")),
    })
}

/// Puts nginx's defaults in.
pub fn set_defaults(client: &mut Client, prefix: &Path) {
    client.body_temp_path = Arc::new((prefix.join(TEMP_PATH), Box::default()));
    client.body_in_file_only = BodyFile::Off;
    client.lingering = Lingering { close: Some(false), time: Duration::from_secs(30), timeout: Duration::from_secs(5) };
}

/// Puts a level's settings in the place of those around it.
pub fn resolve(raw: &RawClient, client: &mut Client) {
    if let Some((path, levels)) = &raw.body_temp_path {
        client.body_temp_path = Arc::new((path.clone(), levels.as_slice().into()));
    }
    let lingering = &mut client.lingering;
    client.body_in_file_only = raw.body_in_file_only.unwrap_or(client.body_in_file_only);
    lingering.close = raw.lingering_close.unwrap_or(lingering.close);
    lingering.time = raw.lingering_time.unwrap_or(lingering.time);
    lingering.timeout = raw.lingering_timeout.unwrap_or(lingering.timeout);
}

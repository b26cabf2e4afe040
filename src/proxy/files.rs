//! Static files under `root`.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::exchange::{ClientSide, Exchange, Next};
use super::failure::{Cause, Failure, Phase};
use super::respond;
use super::responder::Answer;
use crate::http::Method;
use crate::http::framing::BodyLength;
use crate::net::buffer;
use crate::sys::errno::Errno;

/// What became of a request for a file.
pub enum Served {
    Answered(Next),
    /// A folder whose index is at this path, to be routed again.
    Index(Vec<u8>),
}

/// Serves the file of the exchange's path.
///
/// # Errors
/// The status that says why there is none, or that the client does not take it.
pub async fn run(exchange: &Exchange<'_>, side: &mut ClientSide<'_>) -> Result<Served, Failure> {
    if !matches!(exchange.head.method, Method::Get | Method::Head) {
        return Err(exchange.failure(Cause::Refused(405, "method is not allowed for a file")));
    }
    if exchange.path.ends_with(b"/") {
        return index(exchange).map(Served::Index);
    }
    let path = file_path(exchange, &exchange.path);
    let opened = File::open(&path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
    let (file, metadata) = opened.map_err(|error| refused(exchange, &path, &error))?;
    if metadata.is_dir() {
        return respond::slash_added(exchange, side).await.map(Served::Answered);
    }
    if !metadata.is_file() {
        return Err(exchange.failure(Cause::File(404, format!("\"{}\" is not a regular file", path.display()))));
    }
    send(exchange, side, file, &metadata).await.map(Served::Answered)
}

fn file_path(exchange: &Exchange<'_>, path: &[u8]) -> PathBuf {
    let mut name = exchange.evaluate(&exchange.location.root);
    name.extend_from_slice(path);
    PathBuf::from(OsString::from_vec(name))
}

/// The first `index` that exists. Whether it can be read shows when it is served.
fn index(exchange: &Exchange<'_>) -> Result<Vec<u8>, Failure> {
    for name in exchange.location.index.iter() {
        let mut path = exchange.path.clone();
        path.extend_from_slice(name.as_bytes());
        if file_path(exchange, &path).exists() {
            return Ok(path);
        }
    }
    let folder = file_path(exchange, &exchange.path);
    match std::fs::metadata(&folder) {
        Ok(_) => {
            let text = format!("directory index of \"{}\" is forbidden", folder.display());
            Err(exchange.failure(Cause::File(403, text)))
        }
        Err(error) => Err(refused(exchange, &folder, &error)),
    }
}

fn refused(exchange: &Exchange<'_>, path: &Path, error: &io::Error) -> Failure {
    let status = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => 404,
        io::ErrorKind::PermissionDenied => 403,
        _ => 500,
    };
    let text = format!("open() \"{}\" failed ({})", path.display(), Errno(error));
    exchange.failure(Cause::File(status, text))
}

async fn send(
    exchange: &Exchange<'_>,
    side: &mut ClientSide<'_>,
    mut file: File,
    metadata: &Metadata,
) -> Result<Next, Failure> {
    let mut fields = respond::standard_fields(exchange);
    fields.push(b"Content-Type", respond::content_type(exchange, &exchange.path));
    if let Ok(modified) = metadata.modified() {
        fields.push(b"Last-Modified", httpdate::fmt_http_date(modified).as_bytes());
        if exchange.location.client.etag {
            let seconds = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
            fields.push(b"ETag", format!("\"{seconds:x}-{:x}\"", metadata.len()).as_bytes());
        }
    }
    respond::add_headers(exchange, 200, &mut fields);
    let length = BodyLength::Length(metadata.len());
    let responder = &mut side.responder;
    exchange.begin(responder, Answer { status: 200, reason: None, fields, length });
    let lost = |error| Failure::client(Phase::SendingToClient, "send()", error);
    let mut left = if exchange.head.method == Method::Head { 0 } else { metadata.len() };
    let mut piece = buffer::take();
    while left > 0 {
        piece.clear();
        let max = left.min(crate::limits::BODY_BUFFER_BYTES as u64);
        let n = file.by_ref().take(max).read_to_end(&mut piece);
        match n {
            Ok(n) if n > 0 => left -= n as u64,
            Ok(_) => return Err(exchange.failure(Cause::Own("read()", io::ErrorKind::UnexpectedEof.into()))),
            Err(error) => return Err(exchange.failure(Cause::Own("read()", error))),
        }
        responder.data(&piece).await.map_err(lost)?;
    }
    responder.finish().await.map_err(lost)?;
    Ok(respond::after(side))
}

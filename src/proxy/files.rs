//! Static files under `root` or `alias`.
//!
//! What of a file is sent is decided in [`conditions`]; here it is found, opened and sent. Opening and reading a file
//! may wait for a disk: that is bounded by sending in steps.

mod conditions;
mod ranges;

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use self::conditions::{Verdict, Version};
use self::ranges::Multipart;
use super::exchange::{ClientSide, Exchange, Next};
use super::failure::{Cause, Failure, Phase};
use super::responder::Answer;
use super::{charset, gzip, respond, ssi};
use crate::http::framing::BodyLength;
use crate::http::{Method, Name};
use crate::model::Alias;
use crate::net::buffer;
use crate::sys::errno::Errno;

const OK: u16 = 200;

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
pub async fn run(exchange: &mut Exchange<'_>, side: &mut ClientSide<'_>) -> Result<Served, Failure> {
    if !matches!(exchange.head.method, Method::Get | Method::Head | Method::Post) {
        return Err(exchange.failure(Cause::Refused(405, "method is not allowed for a file")));
    }
    if exchange.path.ends_with(b"/") {
        return index(exchange).map(Served::Index);
    }
    let path = path_of(name_of(exchange, &exchange.path));
    let opened = File::open(&path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
    let (file, metadata) = opened.map_err(|error| refused(exchange, &path, &error))?;
    if metadata.is_dir() {
        return Err(respond::slash_added(exchange));
    }
    if !metadata.is_file() {
        return Err(exchange.failure(Cause::File(404, format!("\"{}\" is not a regular file", path.display()))));
    }
    if exchange.head.method == Method::Post {
        return Err(exchange.failure(Cause::Refused(405, "method is not allowed for a file")));
    }
    send(exchange, side, file, &metadata).await.map(Served::Answered)
}

/// The name of the file that a path stands for: `$request_filename`.
#[must_use]
pub fn name_of(exchange: &Exchange<'_>, path: &[u8]) -> Vec<u8> {
    let mut name = exchange.evaluate(&exchange.location.root);
    match exchange.location.alias {
        Alias::No => name.extend_from_slice(path),
        Alias::Path(length) => name.extend_from_slice(path.get(length..).unwrap_or_default()),
        Alias::Whole => {}
    }
    name
}

/// The file of a name that the configuration gives below the folder of files, and the path that stands for it.
#[must_use]
pub fn below(exchange: &Exchange<'_>, name: &[u8]) -> (PathBuf, Vec<u8>) {
    let mut file = exchange.evaluate(&exchange.location.root);
    match exchange.location.alias {
        Alias::No | Alias::Whole => {
            file.extend_from_slice(name);
            (path_of(file), name.to_vec())
        }
        Alias::Path(length) => {
            let prefix = exchange.path.get(..length).unwrap_or_default();
            let rest = name.strip_prefix(prefix).unwrap_or(name);
            file.extend_from_slice(rest);
            (path_of(file), [prefix, rest].concat())
        }
    }
}

/// Bytes as a path.
#[must_use]
pub fn path_of(name: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(name))
}

/// The first `index` that exists. Whether it can be read shows when it is served.
fn index(exchange: &Exchange<'_>) -> Result<Vec<u8>, Failure> {
    for name in exchange.location.index.iter() {
        let name = exchange.evaluate(name);
        match name.first() {
            Some(b'/') => return Ok(name),
            Some(_) => {}
            None => continue,
        }
        let mut file = name_of(exchange, &exchange.path);
        file.extend_from_slice(&name);
        if path_of(file).exists() {
            return Ok([exchange.path.as_slice(), &name].concat());
        }
    }
    let folder = path_of(name_of(exchange, &exchange.path));
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
    exchange: &mut Exchange<'_>,
    side: &mut ClientSide<'_>,
    file: File,
    metadata: &Metadata,
) -> Result<Next, Failure> {
    if exchange.shown_status == Some(OK) {
        // A page that takes an error's place with this status is an answer like any other.
        exchange.show_status(side, None);
    }
    let modified = metadata.modified().unwrap_or(std::time::UNIX_EPOCH);
    let settings = &exchange.location.client;
    let version = Version::new(modified, metadata.len(), settings.etag);
    let content_type = respond::content_type(exchange, &exchange.path);
    let verdict = verdict(exchange, &version, content_type);
    let mut multipart = None;
    let (status, parts) = match verdict {
        Verdict::Whole => (OK, vec![(0, version.length)]),
        Verdict::Parts(parts) => {
            multipart = (parts.len() > 1).then(|| {
                let labelled = charset::labelled(exchange, content_type);
                Multipart::new(&parts, version.length, labelled.as_deref().unwrap_or(content_type), boundary())
            });
            (206, parts)
        }
        Verdict::NotModified => (304, Vec::new()),
        Verdict::Failed => return Err(exchange.failure(Cause::Status(412))),
        Verdict::NotSatisfiable => {
            let range = format!("bytes */{}", version.length);
            exchange.carried_on().fields.push(b"Content-Range", range.as_bytes());
            return Err(exchange.failure(Cause::Status(416)));
        }
    };
    let takes_ranges = status == OK && exchange.shown_status.is_none() && settings.max_ranges != Some(0);
    let mut fields = respond::standard_fields(exchange);
    if status != 304 {
        let parted = multipart.as_ref().map(|multipart| multipart.content_type.as_bytes());
        fields.push(b"Content-Type", parted.unwrap_or(content_type));
    }
    if matches!(exchange.shown_status.unwrap_or(status), OK | 204 | 206 | 304) {
        fields.push(b"Last-Modified", httpdate::fmt_http_date(version.modified).as_bytes());
    }
    if let Some(etag) = &version.etag {
        fields.push(b"ETag", etag.as_bytes());
    }
    let is_told = exchange.carried.as_ref().is_some_and(|carried| carried.fields.first(Name::AcceptRanges).is_some());
    if takes_ranges && !is_told {
        fields.push(b"Accept-Ranges", b"bytes");
    }
    if let (206, None, [(offset, length)]) = (status, &multipart, parts.as_slice()) {
        let range = ranges::content_range(*offset, *length, version.length);
        fields.push(b"Content-Range", range.as_bytes());
    }
    let length = multipart.as_ref().map_or_else(|| parts.iter().map(|part| part.1).sum(), |multipart| multipart.length);
    let framing = if status == 304 { BodyLength::None } else { BodyLength::Length(length) };
    exchange.begin(&mut side.responder, Answer { status, reason: None, fields, length: framing });
    exchange.add_trailers(&mut side.responder);
    let is_head = exchange.head.method == Method::Head;
    match (multipart, parts.as_slice()) {
        _ if is_head => side.responder.finish().await.map_err(lost)?,
        (Some(multipart), parts) => body_of_parts(exchange, side, &file, parts, &multipart).await?,
        (None, [(offset, length)]) => body(exchange, side, &file, *offset, *length).await?,
        (None, _) => side.responder.finish().await.map_err(lost)?,
    }
    Ok(respond::after(side))
}

/// What of the file is sent.
fn verdict(exchange: &Exchange<'_>, version: &Version, content_type: &[u8]) -> Verdict {
    // The page of an error has the error's status: no condition of the request is about it, nor about what is made inside.
    if exchange.shown_status.is_some() || exchange.is_subrequest() {
        return Verdict::Whole;
    }
    let verdict = conditions::judge(&exchange.head.fields, version, &exchange.location.client);
    match verdict {
        Verdict::Parts(_) | Verdict::NotSatisfiable
            if gzip::is_chosen_for_file(exchange, content_type, version.length)
                || ssi::is_chosen_for_file(exchange, content_type, version.length) =>
        {
            Verdict::Whole
        }
        Verdict::Whole | Verdict::Parts(_) | Verdict::NotSatisfiable | Verdict::NotModified | Verdict::Failed => {
            verdict
        }
    }
}

fn lost(error: io::Error) -> Failure {
    Failure::client(Phase::SendingToClient, "send()", error)
}

/// What parts the parts of an answer. Nobody who writes a file can know it.
fn boundary() -> u64 {
    let mut bytes = [0u8; 8];
    // The system's generator does not fail once it is seeded; without it the boundary is merely a known one.
    let _ = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty());
    u64::from_ne_bytes(bytes)
}

async fn body(
    exchange: &mut Exchange<'_>,
    side: &mut ClientSide<'_>,
    file: &File,
    offset: u64,
    length: u64,
) -> Result<(), Failure> {
    if exchange.has_page() {
        return Box::pin(page(exchange, side, file, offset, length)).await;
    }
    let responder = &mut side.responder;
    if length > crate::limits::BODY_BUFFER_BYTES as u64 {
        part(exchange, side, file, offset, length).await?;
        return side.responder.finish().await.map_err(lost);
    }
    // What fits one buffer leaves in one call with its head.
    let mut piece = buffer::take();
    read(exchange, file, offset, length, &mut piece)?;
    responder.whole(&piece).await.map_err(lost)
}

/// Sends a file that is read for commands.
async fn page(
    exchange: &mut Exchange<'_>,
    side: &mut ClientSide<'_>,
    file: &File,
    mut offset: u64,
    mut length: u64,
) -> Result<(), Failure> {
    while length > 0 {
        let step = length.min(crate::limits::BODY_BUFFER_BYTES as u64);
        let mut piece = buffer::take();
        read(exchange, file, offset, step, &mut piece)?;
        exchange.take_piece(&mut side.responder, &piece).await?;
        (offset, length) = (offset + step, length - step);
    }
    exchange.take_end(&mut side.responder).await
}

async fn body_of_parts(
    exchange: &Exchange<'_>,
    side: &mut ClientSide<'_>,
    file: &File,
    parts: &[(u64, u64)],
    multipart: &Multipart,
) -> Result<(), Failure> {
    for (head, (offset, length)) in multipart.heads.iter().zip(parts) {
        side.responder.data(head).await.map_err(lost)?;
        part(exchange, side, file, *offset, *length).await?;
    }
    side.responder.whole(&multipart.end).await.map_err(lost)
}

/// Sends a part of a file, and not the end of the body.
async fn part(
    exchange: &Exchange<'_>,
    side: &mut ClientSide<'_>,
    file: &File,
    mut offset: u64,
    mut length: u64,
) -> Result<(), Failure> {
    let responder = &mut side.responder;
    if responder.is_plain() {
        return responder.file(file, offset, length).await.map_err(lost);
    }
    // Fields follow the body, or it is compressed: it cannot leave as one run of the file's bytes.
    while length > 0 {
        let step = length.min(crate::limits::BODY_BUFFER_BYTES as u64);
        let mut piece = buffer::take();
        read(exchange, file, offset, step, &mut piece)?;
        responder.data(&piece).await.map_err(lost)?;
        (offset, length) = (offset + step, length - step);
    }
    Ok(())
}

/// Reads so many bytes at a place.
fn read(exchange: &Exchange<'_>, file: &File, offset: u64, length: u64, piece: &mut Vec<u8>) -> Result<(), Failure> {
    if length == 0 {
        return Ok(());
    }
    let failed = |error| exchange.failure(Cause::Own("pread()", error));
    piece.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
    file.read_exact_at(piece, offset).map_err(failed)
}

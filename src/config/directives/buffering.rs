//! How much of a peer's answer is held for a client that takes its time.

use std::path::Path;
use std::sync::Arc;

use super::body;
use crate::config::diagnostic::Fault;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawBuffering, RawLevel};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::config::value;
use crate::model::Buffering;

/// What has no `proxy_temp_path` of its own, below the prefix.
const TEMP_PATH: &str = "proxy_temp";

pub const TABLE: &[Directive] = &[
    level_flag(
        "proxy_buffering",
        |level| &mut level.proxy.buffering.is_on,
        "Whether a peer is read on while the client takes its time, into memory and then a file (on).",
    ),
    level("proxy_buffers", TWO, buffers, "Number and size of the buffers that memory holds for one answer (8 4k)."),
    level(
        "proxy_busy_buffers_size",
        ONE,
        |level, line| line.once(&mut level.proxy.buffering.busy_size, |line| Ok((line.size_at(0)?, line.span()))),
        "Bytes of an answer's file that are read back at once (two of `proxy_buffers`).",
    ),
    level(
        "proxy_max_temp_file_size",
        ONE,
        max_temp_file_size,
        "Longest file that holds what memory does not; 0 is none (1024m).",
    ),
    level(
        "proxy_temp_path",
        ONE_TO_FOUR,
        |level, line| body::temp_path(&mut level.proxy.buffering.temp_path, line),
        "Folder of such files, with up to three levels (`proxy_temp`).",
    ),
];

fn buffers(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.proxy.buffering.buffers, |line| {
        let count = value::number(&line.arg(0).text).and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| *count > 0);
        let count = count.ok_or_else(|| line.invalid_value(line.arg(0)).help(value::NUMBER_HELP))?;
        let bytes = line.size_at(1)?;
        if count < 2 {
            let fault = Fault::new(line.arg(0).span, "there must be at least 2 \"proxy_buffers\"");
            return Err(fault.help("as in `proxy_buffers 8 4k;`"));
        }
        if bytes == 0 || count.checked_mul(bytes).is_none() {
            return Err(line.invalid_value(line.arg(1)).help(value::SIZE_HELP));
        }
        Ok((count, bytes))
    })
}

fn max_temp_file_size(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.proxy.buffering.max_temp_file_size, |line| {
        let size = value::size(&line.arg(0).text);
        Ok((size.ok_or_else(|| line.invalid_value(line.arg(0)).help(value::SIZE_HELP))?, line.span()))
    })
}

/// nginx's defaults.
#[must_use]
pub fn defaults(prefix: &Path) -> Arc<Buffering> {
    Arc::new(Buffering {
        is_on: true,
        buffer_count: 8,
        buffer_bytes: 4 << 10,
        busy_bytes: None,
        file_bytes_max: 1 << 30,
        temp_path: Arc::new((prefix.join(TEMP_PATH), Box::default())),
    })
}

/// A level's settings over those around it. `head_bytes` is `proxy_buffer_size`.
#[must_use]
pub fn resolve(raw: &RawBuffering, around: &Arc<Buffering>, head_bytes: usize, scope: &Scope<'_>) -> Arc<Buffering> {
    if raw.is_empty() {
        return Arc::clone(around);
    }
    let (buffer_count, buffer_bytes) = raw.buffers.unwrap_or((around.buffer_count, around.buffer_bytes));
    let buffering = Buffering {
        is_on: raw.is_on.unwrap_or(around.is_on),
        buffer_count,
        buffer_bytes,
        busy_bytes: raw.busy_size.map(|(bytes, _)| bytes).or(around.busy_bytes),
        file_bytes_max: raw.max_temp_file_size.map_or(around.file_bytes_max, |(bytes, _)| bytes),
        temp_path: match &raw.temp_path {
            Some((path, levels)) => Arc::new((path.clone(), levels.as_slice().into())),
            None => Arc::clone(&around.temp_path),
        },
    };
    check(raw, &buffering, head_bytes, scope);
    Arc::new(buffering)
}

/// nginx's rules for the sizes: a configuration that it refuses is refused here too.
fn check(raw: &RawBuffering, sizes: &Buffering, head_bytes: usize, scope: &Scope<'_>) {
    let least = head_bytes.max(sizes.buffer_bytes);
    if let Some((bytes, span)) = raw.busy_size {
        if bytes < least {
            let message = "\"proxy_busy_buffers_size\" must be equal to or greater than the maximum of the value of \
                           \"proxy_buffer_size\" and one of the \"proxy_buffers\"";
            scope.env.fault(Fault::new(span, message).help(format!("at least {least} bytes")));
        } else if bytes > sizes.memory_bytes() - sizes.buffer_bytes {
            let message =
                "\"proxy_busy_buffers_size\" must be less than the size of all \"proxy_buffers\" minus one buffer";
            let most = sizes.memory_bytes() - sizes.buffer_bytes;
            scope.env.fault(Fault::new(span, message).help(format!("at most {most} bytes")));
        }
    }
    if let Some((bytes @ 1.., span)) = raw.max_temp_file_size
        && bytes < least as u64
    {
        let message = "\"proxy_max_temp_file_size\" must be equal to zero to disable temporary files usage or must be \
                       equal to or greater than the maximum of the value of \"proxy_buffer_size\" and one of the \
                       \"proxy_buffers\"";
        scope.env.fault(Fault::new(span, message).help(format!("0, or at least {least} bytes")));
    }
}

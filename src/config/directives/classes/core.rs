//! Directives of nginx's http core module: memory, files, connections and limits.

use crate::config::table::{
    Directive, FLAG, HTTP, HTTP_LEVELS, IF_IN_LOCATION, ONE, ONE_OR_MORE, ONE_OR_TWO, SERVER, TWO, accepted, by_value,
    refused,
};

const HASH: &str = "it sizes a table inside nginx; lookups here have no such limit";
const FILES: &str = "it tunes how nginx reads files; clients get the same bytes";
const OPEN_FILES: &str = "files are opened for each request, so what is sent is never out of date";

pub const TABLE: &[Directive] = &[
    accepted("variables_hash_max_size", HTTP, ONE, HASH),
    accepted("variables_hash_bucket_size", HTTP, ONE, HASH),
    accepted("server_names_hash_max_size", HTTP, ONE, HASH),
    accepted("server_names_hash_bucket_size", HTTP, ONE, HASH),
    accepted("types_hash_max_size", HTTP_LEVELS, ONE, HASH),
    accepted("types_hash_bucket_size", HTTP_LEVELS, ONE, HASH),
    accepted("map_hash_max_size", HTTP, ONE, HASH),
    accepted("map_hash_bucket_size", HTTP, ONE, HASH),
    accepted("connection_pool_size", HTTP | SERVER, ONE, "it sizes memory pools inside nginx"),
    accepted("request_pool_size", HTTP | SERVER, ONE, "it sizes memory pools inside nginx"),
    accepted("client_body_in_single_buffer", HTTP_LEVELS, FLAG, "a body that memory holds is in one buffer anyway"),
    refused(
        "client_body_early_read",
        HTTP | SERVER,
        ONE_OR_MORE,
        "a body is read when its location is known, and not earlier",
        "Remove the line.",
    ),
    accepted("sendfile", HTTP_LEVELS | IF_IN_LOCATION, FLAG, FILES),
    accepted("sendfile_max_chunk", HTTP_LEVELS, ONE, FILES),
    accepted("aio", HTTP_LEVELS, ONE, FILES),
    accepted("aio_write", HTTP_LEVELS, FLAG, FILES),
    accepted("read_ahead", HTTP_LEVELS, ONE, FILES),
    accepted("directio", HTTP_LEVELS, ONE, FILES),
    accepted("directio_alignment", HTTP_LEVELS, ONE, FILES),
    accepted("output_buffers", HTTP_LEVELS, TWO, FILES),
    accepted("open_file_cache", HTTP_LEVELS, ONE_OR_TWO, OPEN_FILES),
    accepted("open_file_cache_valid", HTTP_LEVELS, ONE, OPEN_FILES),
    accepted("open_file_cache_min_uses", HTTP_LEVELS, ONE, OPEN_FILES),
    accepted("open_file_cache_errors", HTTP_LEVELS, FLAG, OPEN_FILES),
    accepted("open_file_cache_events", HTTP_LEVELS, FLAG, OPEN_FILES),
    accepted("tcp_nopush", HTTP_LEVELS, FLAG, "it chooses how bytes are gathered into packets; the bytes are the same"),
    accepted("send_lowat", HTTP_LEVELS, ONE, "it tunes when nginx hands bytes to the kernel; the bytes are the same"),
    accepted(
        "postpone_output",
        HTTP_LEVELS,
        ONE,
        "it tunes when nginx hands bytes to the kernel; the bytes are the same",
    ),
    accepted(
        "reset_timedout_connection",
        HTTP_LEVELS,
        FLAG,
        "a connection that timed out is closed either way; only how the kernel says so differs",
    ),
    by_value(
        "keepalive_min_timeout",
        HTTP_LEVELS,
        ONE,
        &["0"],
        "connections that wait for a request are closed at once on a graceful stop",
        "holding waiting connections open during a graceful stop is not built yet",
        "Remove the line: a client sends its next request on a new connection.",
    ),
    accepted(
        "keepalive_disable",
        HTTP_LEVELS,
        ONE_OR_TWO,
        "it concerns faults of Internet Explorer 6 and old Safari; keep-alive stays on, as browsers now expect",
    ),
    accepted("msie_padding", HTTP_LEVELS, FLAG, "it concerns faults of old Internet Explorers"),
    accepted("msie_refresh", HTTP_LEVELS, FLAG, "it concerns faults of old Internet Explorers"),
    refused(
        "post_action",
        HTTP_LEVELS | IF_IN_LOCATION,
        ONE,
        "requests that follow a finished one are not built",
        "Remove the line; let the service act on its own, or read the access log.",
    ),
    by_value(
        "disable_symlinks",
        HTTP_LEVELS,
        ONE_OR_TWO,
        &["off"],
        "it is the default",
        "refusing symbolic links under `root` is not built yet, and without it files outside could be read",
        "Keep links out of the folder, or let another server send these files.",
    ),
    accepted("error_log_tag", HTTP_LEVELS, TWO, "it adds words to lines of the error log and changes no answer"),
];

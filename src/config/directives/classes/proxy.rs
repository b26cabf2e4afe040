//! Directives of nginx's proxy module that are not built, which are those of its cache, or change nothing. What only tunes
//! a refused directive is accepted, so that one error stands for all.

use crate::config::table::{
    Directive, FLAG, HTTP, HTTP_LEVELS, ONE, ONE_OR_MORE, ONE_TO_THREE, STREAM_LEVELS, TWO, TWO_OR_MORE, accepted,
    by_value, refused,
};

const PIECES: &str = "what goes into a file goes there as it comes, at most 32k at a time";
const ONLY_CACHE: &str = "it acts only together with `proxy_cache`, which is refused unless it is off";
const CACHE: &str = "answers are not cached, and without a cache the peers get every request and stale answers end";
const CACHE_INSTEAD: &str =
    "Write `proxy_cache off;` if the peers can take every request, or put a cache behind longhaul.";
const STORE_INSTEAD: &str = "Let the service behind write its files, then remove the line.";
const DEFAULT: &str = "it is the default";

pub const TABLE: &[Directive] = &[
    accepted("proxy_temp_file_write_size", HTTP_LEVELS, ONE, PIECES),
    accepted(
        "proxy_headers_hash_max_size",
        HTTP_LEVELS,
        ONE,
        "it sizes a table inside nginx; lookups here have no such limit",
    ),
    accepted(
        "proxy_headers_hash_bucket_size",
        HTTP_LEVELS,
        ONE,
        "it sizes a table inside nginx; lookups here have no such limit",
    ),
    accepted("proxy_send_lowat", HTTP_LEVELS, ONE, "it has no effect on Linux in nginx either"),
    accepted(
        "proxy_socket_rcvbuf",
        HTTP_LEVELS,
        ONE,
        "the kernel sizes the buffers of each connection by itself; the bytes are the same",
    ),
    accepted(
        "proxy_socket_sndbuf",
        HTTP_LEVELS,
        ONE,
        "the kernel sizes the buffers of each connection by itself; the bytes are the same",
    ),
    by_value(
        "proxy_ignore_client_abort",
        HTTP_LEVELS,
        FLAG,
        &["off"],
        DEFAULT,
        "finishing a request whose client is gone is not built",
        "Let the service behind finish its work by itself, then remove the line.",
    ),
    by_value(
        "proxy_force_ranges",
        HTTP_LEVELS,
        FLAG,
        &["off"],
        DEFAULT,
        "cutting ranges out of a peer's answers is not built",
        "Let the peer answer ranges, then remove the line.",
    ),
    by_value(
        "proxy_request_dynamic",
        HTTP_LEVELS,
        FLAG,
        &["off"],
        DEFAULT,
        "it belongs to the commercial nginx and is not built",
        "Remove the line: the request is the same for each peer that is tried.",
    ),
    refused(
        "proxy_allow_upstream",
        HTTP_LEVELS,
        ONE_OR_MORE,
        "it belongs to the commercial nginx and is not built, and dropping it would let requests reach any peer",
        "List the allowed peers in an `upstream`, then remove the line.",
    ),
    // The cache.
    by_value("proxy_cache", HTTP_LEVELS, ONE, &["off"], "nothing is cached", CACHE, CACHE_INSTEAD),
    accepted("proxy_cache_path", HTTP, TWO_OR_MORE, ONLY_CACHE),
    accepted("proxy_cache_key", HTTP_LEVELS, ONE, ONLY_CACHE),
    accepted("proxy_cache_bypass", HTTP_LEVELS, ONE_OR_MORE, ONLY_CACHE),
    accepted("proxy_no_cache", HTTP_LEVELS, ONE_OR_MORE, ONLY_CACHE),
    accepted("proxy_cache_valid", HTTP_LEVELS, ONE_OR_MORE, ONLY_CACHE),
    accepted("proxy_cache_min_uses", HTTP_LEVELS, ONE, ONLY_CACHE),
    accepted("proxy_cache_max_range_offset", HTTP_LEVELS, ONE, ONLY_CACHE),
    accepted("proxy_cache_use_stale", HTTP_LEVELS, ONE_OR_MORE, ONLY_CACHE),
    accepted("proxy_cache_methods", HTTP_LEVELS, ONE_OR_MORE, ONLY_CACHE),
    accepted("proxy_cache_lock", HTTP_LEVELS, FLAG, ONLY_CACHE),
    accepted("proxy_cache_lock_timeout", HTTP_LEVELS, ONE, ONLY_CACHE),
    accepted("proxy_cache_lock_age", HTTP_LEVELS, ONE, ONLY_CACHE),
    accepted("proxy_cache_revalidate", HTTP_LEVELS, FLAG, ONLY_CACHE),
    accepted("proxy_cache_convert_head", HTTP_LEVELS, FLAG, ONLY_CACHE),
    accepted("proxy_cache_background_update", HTTP_LEVELS, FLAG, ONLY_CACHE),
    accepted("proxy_cache_purge", HTTP_LEVELS, ONE_OR_MORE, ONLY_CACHE),
    by_value(
        "proxy_store",
        HTTP_LEVELS,
        ONE,
        &["off"],
        DEFAULT,
        "keeping a peer's answers as files is not built",
        STORE_INSTEAD,
    ),
    accepted(
        "proxy_store_access",
        HTTP_LEVELS,
        ONE_TO_THREE,
        "it acts only together with `proxy_store`, which is refused unless it is off",
    ),
    // TLS to peers.
    accepted(
        "proxy_ssl_certificate_cache",
        HTTP_LEVELS | STREAM_LEVELS,
        ONE_TO_THREE,
        "certificates are read when the configuration is loaded, and never while requests are served",
    ),
    refused(
        "proxy_ssl_conf_command",
        HTTP_LEVELS | STREAM_LEVELS,
        TWO,
        "it speaks to OpenSSL, which is not what speaks TLS here",
        "Look for a directive of its own, or remove the line.",
    ),
    refused(
        "proxy_ssl_key_log",
        HTTP_LEVELS | STREAM_LEVELS,
        ONE,
        "it is not built, and a file that stays empty helps nobody",
        "Remove the line, or look into the traffic on the peer's side.",
    ),
];

//! Compression. Answers go out as the peer or the file has them, which every client can read, so what merely asks for
//! compression is accepted; what asks for the opposite, or for files that only exist compressed, is not.

use crate::config::table::{Directive, FLAG, HTTP_LEVELS, IF_IN_LOCATION, ONE, ONE_OR_MORE, TWO, accepted, by_value};

const PLAIN: &str =
    "longhaul compresses nothing for now; answers go out as the peer or the file has them, which every client can read";
const TUNING: &str = "it tunes compression, and longhaul compresses nothing for now";
const STATIC: &str =
    "the plain file is sent and not its compressed neighbour; a file that exists only compressed is not found";

pub const TABLE: &[Directive] = &[
    accepted("gzip", HTTP_LEVELS | IF_IN_LOCATION, FLAG, PLAIN),
    accepted("brotli", HTTP_LEVELS | IF_IN_LOCATION, FLAG, PLAIN),
    accepted("zstd", HTTP_LEVELS | IF_IN_LOCATION, FLAG, PLAIN),
    accepted("gzip_vary", HTTP_LEVELS, FLAG, TUNING),
    accepted("gzip_http_version", HTTP_LEVELS, ONE, TUNING),
    accepted("gzip_proxied", HTTP_LEVELS, ONE_OR_MORE, TUNING),
    accepted("gzip_disable", HTTP_LEVELS, ONE_OR_MORE, TUNING),
    accepted("gzip_buffers", HTTP_LEVELS, TWO, TUNING),
    accepted("gzip_types", HTTP_LEVELS, ONE_OR_MORE, TUNING),
    accepted("gzip_comp_level", HTTP_LEVELS, ONE, TUNING),
    accepted("gzip_window", HTTP_LEVELS, ONE, TUNING),
    accepted("gzip_hash", HTTP_LEVELS, ONE, TUNING),
    accepted("postpone_gzipping", HTTP_LEVELS, ONE, TUNING),
    accepted("gzip_no_buffer", HTTP_LEVELS, FLAG, TUNING),
    accepted("gzip_min_length", HTTP_LEVELS, ONE, TUNING),
    accepted("brotli_types", HTTP_LEVELS, ONE_OR_MORE, TUNING),
    accepted("brotli_comp_level", HTTP_LEVELS, ONE, TUNING),
    accepted("brotli_min_length", HTTP_LEVELS, ONE, TUNING),
    accepted("brotli_buffers", HTTP_LEVELS, TWO, TUNING),
    accepted("brotli_window", HTTP_LEVELS, ONE, TUNING),
    accepted("zstd_types", HTTP_LEVELS, ONE_OR_MORE, TUNING),
    accepted("zstd_comp_level", HTTP_LEVELS, ONE, TUNING),
    accepted("zstd_min_length", HTTP_LEVELS, ONE, TUNING),
    accepted("zstd_buffers", HTTP_LEVELS, TWO, TUNING),
    by_value(
        "gzip_static",
        HTTP_LEVELS,
        ONE,
        &["on", "off"],
        STATIC,
        "sending compressed files to all clients is not built",
        "Keep the plain files beside the compressed ones and write `on`.",
    ),
    by_value(
        "brotli_static",
        HTTP_LEVELS,
        ONE,
        &["on", "off"],
        STATIC,
        "sending compressed files to all clients is not built",
        "Keep the plain files beside the compressed ones and write `on`.",
    ),
    by_value(
        "zstd_static",
        HTTP_LEVELS,
        ONE,
        &["on", "off"],
        STATIC,
        "sending compressed files to all clients is not built",
        "Keep the plain files beside the compressed ones and write `on`.",
    ),
    by_value(
        "gunzip",
        HTTP_LEVELS,
        FLAG,
        &["off"],
        "it is the default",
        "uncompressing answers for clients that cannot is not built",
        "Keep the peer from compressing: `proxy_set_header Accept-Encoding \"\";`.",
    ),
    accepted("gunzip_buffers", HTTP_LEVELS, TWO, "it acts only together with `gunzip on`, which is refused"),
];

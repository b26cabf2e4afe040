//! Compression beside `gzip`. What merely asks for another coding is accepted, since every client can read an answer
//! without it; what asks for the opposite, or for files that only exist compressed, is not.

use crate::config::table::{Directive, FLAG, HTTP_LEVELS, IF_IN_LOCATION, ONE, ONE_OR_MORE, TWO, accepted, by_value};

const PLAIN: &str =
    "`gzip` is the one coding that is built; answers go out without this one, which every client can read";
const TUNING: &str = "it tunes a coding that is not built, and acts on nothing";
const WINDOW: &str = "the memory of the compressor is of one size, and given back with each answer";
const HELD: &str = "compressed bytes leave as soon as they are made";
const STATIC: &str =
    "the plain file is sent and not its compressed neighbour; a file that exists only compressed is not found";

pub const TABLE: &[Directive] = &[
    accepted("brotli", HTTP_LEVELS | IF_IN_LOCATION, FLAG, PLAIN),
    accepted("zstd", HTTP_LEVELS | IF_IN_LOCATION, FLAG, PLAIN),
    accepted("gzip_window", HTTP_LEVELS, ONE, WINDOW),
    accepted("gzip_hash", HTTP_LEVELS, ONE, WINDOW),
    accepted("postpone_gzipping", HTTP_LEVELS, ONE, HELD),
    accepted("gzip_no_buffer", HTTP_LEVELS, FLAG, HELD),
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

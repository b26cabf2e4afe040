//! nginx's memcached module: values of a memcached server. `memcached_pass` is refused. All else acts only together
//! with it and is accepted, so that files which include shared parameters load.

use crate::config::table::{
    Directive, FLAG, HTTP_LEVELS, IF_IN_LOCATION, LOCATION, ONE, ONE_OR_MORE, ONE_OR_TWO, accepted, refused,
};

const WHY: &str = "it acts only together with `memcached_pass`, which is refused";

pub const TABLE: &[Directive] = &[
    refused(
        "memcached_pass",
        LOCATION | IF_IN_LOCATION,
        ONE,
        "the memcached protocol is not built",
        "Let the service behind read memcached, and `proxy_pass` to it.",
    ),
    accepted("memcached_bind", HTTP_LEVELS, ONE_OR_TWO, WHY),
    accepted("memcached_socket_keepalive", HTTP_LEVELS, FLAG, WHY),
    accepted("memcached_connect_timeout", HTTP_LEVELS, ONE, WHY),
    accepted("memcached_send_timeout", HTTP_LEVELS, ONE, WHY),
    accepted("memcached_buffer_size", HTTP_LEVELS, ONE, WHY),
    accepted("memcached_read_timeout", HTTP_LEVELS, ONE, WHY),
    accepted("memcached_next_upstream", HTTP_LEVELS, ONE_OR_MORE, WHY),
    accepted("memcached_next_upstream_tries", HTTP_LEVELS, ONE, WHY),
    accepted("memcached_next_upstream_timeout", HTTP_LEVELS, ONE, WHY),
    accepted("memcached_gzip_flag", HTTP_LEVELS, ONE, WHY),
    accepted("memcached_allow_upstream", HTTP_LEVELS, ONE_OR_MORE, WHY),
    accepted("memcached_bind_dynamic", HTTP_LEVELS, FLAG, WHY),
];

//! HTTP/2, HTTP/3 and nginx's tunnel module, and longhaul's own directives that later releases bring.

use crate::config::table::{
    Directive, FLAG, HTTP, HTTP_LEVELS, IF_IN_LOCATION, LOCATION, NONE_OR_ONE, ONE, ONE_OR_MORE, ONE_OR_TWO, SERVER,
    accepted, by_value, refused,
};

const ONLY_HTTP2: &str = "it acts only on HTTP/2, which is refused wherever it is switched on";
const ONLY_HTTP3: &str = "it acts only on HTTP/3, which is refused wherever it is switched on";
const OBSOLETE: &str = "it is obsolete, and nginx ignores it as well";
const FORWARD: &str = "CONNECT is refused: longhaul is a reverse proxy";
const FORWARD_INSTEAD: &str =
    "Remove the line; WebSocket tunnels need only `proxy_pass`, and `proxy_read_timeout` acts on them.";

pub const TABLE: &[Directive] = &[
    by_value(
        "http2",
        HTTP | SERVER,
        FLAG,
        &["off"],
        "it is the default",
        "HTTP/2 is not built yet",
        "Remove the line: clients then speak HTTP/1.1, over which WebSockets run as well.",
    ),
    accepted("http2_recv_buffer_size", HTTP, ONE, ONLY_HTTP2),
    accepted("http2_pool_size", HTTP | SERVER, ONE, ONLY_HTTP2),
    accepted("http2_max_concurrent_streams", HTTP | SERVER, ONE, ONLY_HTTP2),
    accepted("http2_body_preread_size", HTTP | SERVER, ONE, ONLY_HTTP2),
    accepted("http2_streams_index_size", HTTP | SERVER, ONE, ONLY_HTTP2),
    accepted("http2_chunk_size", HTTP_LEVELS, ONE, ONLY_HTTP2),
    accepted("http2_max_concurrent_pushes", HTTP | SERVER, ONE, OBSOLETE),
    accepted("http2_max_requests", HTTP | SERVER, ONE, OBSOLETE),
    accepted("http2_max_field_size", HTTP | SERVER, ONE, OBSOLETE),
    accepted("http2_max_header_size", HTTP | SERVER, ONE, OBSOLETE),
    accepted("http2_recv_timeout", HTTP | SERVER, ONE, OBSOLETE),
    accepted("http2_idle_timeout", HTTP | SERVER, ONE, OBSOLETE),
    accepted("http2_push_preload", HTTP_LEVELS, FLAG, OBSOLETE),
    accepted("http2_push", HTTP_LEVELS, ONE, OBSOLETE),
    by_value(
        "http3",
        HTTP | SERVER,
        FLAG,
        &["off"],
        "HTTP/3 is not spoken",
        "HTTP/3 is not built",
        "Remove the line, and the `Alt-Svc` field that offers it: clients then speak HTTP/1.1.",
    ),
    by_value(
        "http3_hq",
        HTTP | SERVER,
        FLAG,
        &["off"],
        "HTTP/3 is not spoken",
        "HTTP/3 is not built",
        "Remove the line, and the `Alt-Svc` field that offers it: clients then speak HTTP/1.1.",
    ),
    accepted("http3_max_concurrent_streams", HTTP | SERVER, ONE, ONLY_HTTP3),
    accepted("http3_stream_buffer_size", HTTP | SERVER, ONE, ONLY_HTTP3),
    accepted("quic_retry", HTTP | SERVER, FLAG, ONLY_HTTP3),
    accepted("quic_gso", HTTP | SERVER, FLAG, ONLY_HTTP3),
    accepted("quic_host_key", HTTP | SERVER, ONE, ONLY_HTTP3),
    accepted("quic_active_connection_id_limit", HTTP | SERVER, ONE, ONLY_HTTP3),
    refused("tunnel_pass", SERVER | LOCATION | IF_IN_LOCATION, NONE_OR_ONE, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_bind", HTTP_LEVELS, ONE_OR_TWO, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_bind_dynamic", HTTP_LEVELS, FLAG, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_allow_upstream", HTTP_LEVELS, ONE_OR_MORE, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_socket_keepalive", HTTP_LEVELS, FLAG, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_socket_rcvbuf", HTTP_LEVELS, ONE, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_socket_sndbuf", HTTP_LEVELS, ONE, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_connect_timeout", HTTP_LEVELS, ONE, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_send_timeout", HTTP_LEVELS, ONE, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_send_lowat", HTTP_LEVELS, ONE, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_buffer_size", HTTP_LEVELS, ONE, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_read_timeout", HTTP_LEVELS, ONE, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_next_upstream", HTTP_LEVELS, ONE_OR_MORE, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_next_upstream_tries", HTTP_LEVELS, ONE, FORWARD, FORWARD_INSTEAD),
    refused("tunnel_next_upstream_timeout", HTTP_LEVELS, ONE, FORWARD, FORWARD_INSTEAD),
    // longhaul's own.
];

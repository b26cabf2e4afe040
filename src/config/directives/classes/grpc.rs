//! nginx's grpc module: gRPC services. `grpc_pass` is refused. All else acts only together with it and is accepted,
//! so that files which include shared parameters load.

use crate::config::table::{
    Directive, FLAG, HTTP_LEVELS, IF_IN_LOCATION, LOCATION, ONE, ONE_OR_MORE, ONE_OR_TWO, ONE_TO_THREE, TWO, accepted,
    refused,
};

const WHY: &str = "it acts only together with `grpc_pass`, which is refused";

pub const TABLE: &[Directive] = &[
    refused(
        "grpc_pass",
        LOCATION | IF_IN_LOCATION,
        ONE,
        "HTTP/2 to peers, which gRPC needs, is not built",
        "Let clients reach the gRPC service by another port, or use gRPC-Web through `proxy_pass`.",
    ),
    accepted("grpc_bind", HTTP_LEVELS, ONE_OR_TWO, WHY),
    accepted("grpc_socket_keepalive", HTTP_LEVELS, FLAG, WHY),
    accepted("grpc_socket_rcvbuf", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_socket_sndbuf", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_connect_timeout", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_send_timeout", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_intercept_errors", HTTP_LEVELS, FLAG, WHY),
    accepted("grpc_buffer_size", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_read_timeout", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_next_upstream", HTTP_LEVELS, ONE_OR_MORE, WHY),
    accepted("grpc_next_upstream_tries", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_next_upstream_timeout", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_set_header", HTTP_LEVELS, TWO, WHY),
    accepted("grpc_pass_header", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_hide_header", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_ignore_headers", HTTP_LEVELS, ONE_OR_MORE, WHY),
    accepted("grpc_ssl_session_reuse", HTTP_LEVELS, FLAG, WHY),
    accepted("grpc_ssl_protocols", HTTP_LEVELS, ONE_OR_MORE, WHY),
    accepted("grpc_ssl_ciphers", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_ssl_name", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_ssl_server_name", HTTP_LEVELS, FLAG, WHY),
    accepted("grpc_ssl_verify", HTTP_LEVELS, FLAG, WHY),
    accepted("grpc_ssl_verify_depth", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_ssl_trusted_certificate", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_ssl_crl", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_ssl_certificate", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_ssl_certificate_key", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_ssl_certificate_cache", HTTP_LEVELS, ONE_TO_THREE, WHY),
    accepted("grpc_ssl_password_file", HTTP_LEVELS, ONE, WHY),
    accepted("grpc_ssl_conf_command", HTTP_LEVELS, TWO, WHY),
    accepted("grpc_allow_upstream", HTTP_LEVELS, ONE_OR_MORE, WHY),
    accepted("grpc_bind_dynamic", HTTP_LEVELS, FLAG, WHY),
    accepted("grpc_request_dynamic", HTTP_LEVELS, FLAG, WHY),
    accepted("grpc_ssl_key_log", HTTP_LEVELS, ONE, WHY),
];

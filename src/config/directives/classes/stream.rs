//! Directives of `stream` that are not built, or change nothing.

use crate::config::table::{
    ANY, Directive, FLAG, NO_ARGS, ONE, ONE_OR_MORE, ONE_OR_THREE, ONE_OR_TWO, STREAM, STREAM_LEVELS, STREAM_SERVER,
    STREAM_UPSTREAM, THREE, TWO, TWO_OR_THREE, accepted, between, block, by_value, refused,
};

const DEFAULT: &str = "it is the default";
const HASH: &str = "it sizes a table inside nginx; lookups here have no such limit";
const PREREAD: &str = "nothing is read from a client before its peer is connected";
const BUFFER: &str = "connections share buffers, and a quiet one has none";
const SOCKET_BUFFER: &str = "the kernel sizes the buffers of a socket by what it carries";
const UDP: &str = "it acts on UDP alone, which is refused";
const PREREAD_TLS: &str = "choosing a peer by the name in a TLS handshake is not built";
const PREREAD_TLS_INSTEAD: &str = "Give each name an address of its own.";
const BALANCE: &str = "round robin and `least_conn` are the only ways of choosing a peer yet";
const BALANCE_INSTEAD: &str = "Remove the line to choose by round robin, with `weight=` where peers differ.";
const CHECKS: &str = "asking peers whether they are well is not built yet";
const CHECKS_INSTEAD: &str = "Remove it; `max_fails=` of a `server` leaves a peer alone that cannot be connected.";
const SCRIPTS: &str = "scripts are not run";
const SCRIPTS_INSTEAD: &str = "Use `map`, `set` and `split_clients` where they can say the same.";
const COMMERCIAL: &str = "it belongs to the commercial nginx and is not built";
const REMOVE: &str = "Remove the line.";

pub const TABLE: &[Directive] = &[
    accepted("variables_hash_max_size", STREAM, ONE, HASH),
    accepted("variables_hash_bucket_size", STREAM, ONE, HASH),
    accepted("server_names_hash_max_size", STREAM, ONE, HASH),
    accepted("server_names_hash_bucket_size", STREAM, ONE, HASH),
    accepted("preread_buffer_size", STREAM_LEVELS, ONE, PREREAD),
    accepted("preread_timeout", STREAM_LEVELS, ONE, PREREAD),
    refused(
        "geoip_country",
        STREAM,
        ONE_OR_TWO,
        "GeoIP databases are not read",
        "Use `geo`, whose networks stand in the file.",
    ),
    refused(
        "geoip_org",
        STREAM,
        ONE_OR_TWO,
        "GeoIP databases are not read",
        "Use `geo`, whose networks stand in the file.",
    ),
    refused(
        "geoip_city",
        STREAM,
        ONE_OR_TWO,
        "GeoIP databases are not read",
        "Use `geo`, whose networks stand in the file.",
    ),
    accepted("map_hash_max_size", STREAM, ONE, HASH),
    accepted("map_hash_bucket_size", STREAM, ONE, HASH),
    refused(
        "pass",
        STREAM_SERVER,
        ONE,
        "handing a connection to another server of the file is not built",
        "Use `proxy_pass` with the address that server listens on.",
    ),
    accepted("proxy_socket_rcvbuf", STREAM_LEVELS, ONE, SOCKET_BUFFER),
    accepted("proxy_socket_sndbuf", STREAM_LEVELS, ONE, SOCKET_BUFFER),
    accepted("proxy_buffer_size", STREAM_LEVELS, ONE, BUFFER),
    accepted("proxy_downstream_buffer", STREAM_LEVELS, ONE, BUFFER),
    accepted("proxy_upstream_buffer", STREAM_LEVELS, ONE, BUFFER),
    accepted("proxy_requests", STREAM_LEVELS, ONE, UDP),
    accepted("proxy_responses", STREAM_LEVELS, ONE, UDP),
    by_value("ssl_preread", STREAM_LEVELS, FLAG, &["off"], DEFAULT, PREREAD_TLS, PREREAD_TLS_INSTEAD),
    refused("hash", STREAM_UPSTREAM, ONE_OR_TWO, BALANCE, BALANCE_INSTEAD),
    refused("least_time", STREAM_UPSTREAM, ONE_OR_TWO, BALANCE, BALANCE_INSTEAD),
    refused("random", STREAM_UPSTREAM, between(0, 2), BALANCE, BALANCE_INSTEAD),
    refused("js_access", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_context_reuse", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_engine", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_buffer_size", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_ciphers", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_max_response_buffer_size", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_protocols", STREAM_LEVELS, ONE_OR_MORE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_timeout", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_trusted_certificate", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_verify", STREAM_LEVELS, FLAG, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_verify_depth", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_proxy", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_keepalive", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_keepalive_requests", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_keepalive_time", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_fetch_keepalive_timeout", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_filter", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_import", STREAM_LEVELS, ONE_OR_THREE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_include", STREAM, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_path", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_periodic", STREAM_SERVER, ANY, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_preload_object", STREAM_LEVELS, ONE_OR_THREE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_preread", STREAM_LEVELS, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_set", STREAM_LEVELS, TWO_OR_THREE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_shared_dict_zone", STREAM, ONE_OR_MORE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_var", STREAM_LEVELS, ONE_OR_TWO, SCRIPTS, SCRIPTS_INSTEAD),
    refused("keyval", STREAM, THREE, COMMERCIAL, REMOVE),
    refused("keyval_zone", STREAM, ONE_OR_MORE, COMMERCIAL, REMOVE),
    by_value("mqtt", STREAM_LEVELS, FLAG, &["off"], DEFAULT, COMMERCIAL, REMOVE),
    refused("mqtt_buffers", STREAM_LEVELS, TWO, COMMERCIAL, REMOVE),
    refused("mqtt_rewrite_buffer_size", STREAM_SERVER, ONE, COMMERCIAL, REMOVE),
    refused("mqtt_set_connect", STREAM_SERVER, TWO, COMMERCIAL, REMOVE),
    by_value("mqtt_preread", STREAM_LEVELS, FLAG, &["off"], DEFAULT, COMMERCIAL, REMOVE),
    refused("num_map", STREAM, block(ONE_OR_TWO), COMMERCIAL, REMOVE),
    by_value("proxy_bind_dynamic", STREAM_LEVELS, FLAG, &["off"], DEFAULT, COMMERCIAL, REMOVE),
    by_value("proxy_session_drop", STREAM_LEVELS, FLAG, &["off"], DEFAULT, COMMERCIAL, REMOVE),
    refused("health_check", STREAM_SERVER, ANY, CHECKS, CHECKS_INSTEAD),
    refused("health_check_timeout", STREAM_LEVELS, ONE, CHECKS, CHECKS_INSTEAD),
    refused("match", STREAM, block(ONE), CHECKS, CHECKS_INSTEAD),
    refused("state", STREAM_UPSTREAM, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync", STREAM_SERVER, NO_ARGS, COMMERCIAL, REMOVE),
    refused("zone_sync_buffers", STREAM_LEVELS, TWO, COMMERCIAL, REMOVE),
    refused("zone_sync_connect_retry_interval", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_connect_timeout", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_interval", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_recv_buffer_size", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_server", STREAM_SERVER, ONE_OR_TWO, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl", STREAM_LEVELS, FLAG, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_certificate", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_certificate_key", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_ciphers", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_conf_command", STREAM_LEVELS, TWO, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_crl", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_name", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_password_file", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_protocols", STREAM_LEVELS, ONE_OR_MORE, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_server_name", STREAM_LEVELS, FLAG, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_trusted_certificate", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_verify", STREAM_LEVELS, FLAG, COMMERCIAL, REMOVE),
    refused("zone_sync_ssl_verify_depth", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
    refused("zone_sync_timeout", STREAM_LEVELS, ONE, COMMERCIAL, REMOVE),
];

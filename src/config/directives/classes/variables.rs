//! Variables of nginx that longhaul does not have: so that one of them is not taken for a misspelling.
//!
//! Knows nothing of those that are supported: they are the model's.

const TLS: &str = "what it tells is not known of TLS here";
const COMMERCIAL: &str = "it belongs to the commercial nginx and is not built";
const GEOIP: &str = "GeoIP databases are not read";
const STREAM: &str = "it exists in `stream` alone";
const SCRIPT: &str = "the FastCGI protocol is not built";
const CACHE: &str = "answers are not cached";
const BROWSER: &str = "telling browsers apart is not built; use `map $http_user_agent`";
const USERID: &str = "`userid` is not built";
const TRACES: &str = "traces are not built";
const INTERNAL: &str = "it exists for use inside nginx alone";
const TOKENS: &str = "tokens are not read";
const ACME: &str = "certificates are not asked for";

/// Names without `$`, in order, and why there is no such variable. One that ends in `_` stands for all that begin so.
pub const UNBUILT_VARIABLES: &[(&str, &str)] = &[
    ("acme_certificate", ACME),
    ("acme_certificate_key", ACME),
    ("ancient_browser", BROWSER),
    ("bytes_received", STREAM),
    ("fastcgi_path_info", SCRIPT),
    ("fastcgi_script_name", SCRIPT),
    ("geoip_area_code", GEOIP),
    ("geoip_city", GEOIP),
    ("geoip_city_continent_code", GEOIP),
    ("geoip_city_country_code", GEOIP),
    ("geoip_city_country_code3", GEOIP),
    ("geoip_city_country_name", GEOIP),
    ("geoip_country_code", GEOIP),
    ("geoip_country_code3", GEOIP),
    ("geoip_country_name", GEOIP),
    ("geoip_dma_code", GEOIP),
    ("geoip_latitude", GEOIP),
    ("geoip_longitude", GEOIP),
    ("geoip_org", GEOIP),
    ("geoip_postal_code", GEOIP),
    ("geoip_region", GEOIP),
    ("geoip_region_name", GEOIP),
    ("grpc_internal_trailers", INTERNAL),
    ("hls_uri", COMMERCIAL),
    ("http2", "HTTP/2 is not built yet"),
    ("http3", "HTTP/3 is not built"),
    ("invalid_referer", "`valid_referers` is not built yet; use `map $http_referer`"),
    ("jwt_claim_", TOKENS),
    ("jwt_header_", TOKENS),
    ("jwt_payload", TOKENS),
    ("memcached_key", "the memcached protocol is not built"),
    ("modern_browser", BROWSER),
    ("msie", BROWSER),
    ("oidc_access_token", COMMERCIAL),
    ("oidc_claim_", COMMERCIAL),
    ("oidc_id_token", COMMERCIAL),
    ("oidc_userinfo", COMMERCIAL),
    ("otel_parent_id", TRACES),
    ("otel_parent_sampled", TRACES),
    ("otel_span_id", TRACES),
    ("otel_trace_id", TRACES),
    ("protocol", STREAM),
    ("proxy_add_via", "`Via` is not written; build it with `proxy_set_header Via`"),
    ("proxy_internal_body_length", INTERNAL),
    ("proxy_internal_chunked", INTERNAL),
    ("secure_link", "checking signed links is not built"),
    ("secure_link_expires", "checking signed links is not built"),
    ("session_log_binary_id", COMMERCIAL),
    ("session_log_id", COMMERCIAL),
    ("session_time", STREAM),
    ("slice_range", "asking a peer for slices of an answer is not built"),
    ("ssl_client_sigalg", TLS),
    ("ssl_ech_outer_server_name", TLS),
    ("ssl_ech_status", TLS),
    ("ssl_preread_alpn_protocols", STREAM),
    ("ssl_preread_protocol", STREAM),
    ("ssl_preread_server_name", STREAM),
    ("ssl_sigalg", TLS),
    ("ssl_sigalgs", TLS),
    ("time_iso8601_ms", "times of day with milliseconds are not built; use `$msec`"),
    ("uid_got", USERID),
    ("uid_reset", USERID),
    ("uid_set", USERID),
    ("upstream_cache_etag", CACHE),
    ("upstream_cache_last_modified", CACHE),
    ("upstream_cache_status", CACHE),
    ("upstream_first_byte_time", STREAM),
    ("upstream_last_addr", COMMERCIAL),
    ("upstream_last_server_name", COMMERCIAL),
    ("upstream_queue_time", COMMERCIAL),
    ("upstream_session_time", STREAM),
];

/// Why a variable of nginx is not built; `None` for names that nginx does not know either, and for supported ones.
#[must_use]
pub fn unbuilt_variable(name: &str) -> Option<&'static str> {
    let is_it =
        |known: &str| name == known || known.ends_with('_') && name.len() > known.len() && name.starts_with(known);
    UNBUILT_VARIABLES.iter().find(|(known, _)| is_it(known)).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_stand_once() {
        assert!(UNBUILT_VARIABLES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn exact_names_and_prefixes_are_found() {
        assert_eq!(unbuilt_variable("ssl_sigalg"), Some(TLS));
        assert_eq!(unbuilt_variable("jwt_claim_sub"), Some(TOKENS));
        assert_eq!(unbuilt_variable("jwt_claim_"), Some(TOKENS));
    }

    #[test]
    fn supported_and_unknown_names_are_not_found() {
        for name in ["host", "http_upgrade", "remote_addr", "request_bodi", "upstream_http_x", "ssl_", ""] {
            assert_eq!(unbuilt_variable(name), None, "{name}");
        }
    }
}

//! Which modules of nginx are here: the `configure arguments` of `-V`, from which test suites and scripts learn what a
//! binary can.
//!
//! Derived from the table of directives, so that a module appears when its directives become supported. A module that
//! nginx builds by itself is named `--without-…` when it is not here, one that nginx builds on request is named
//! `--with-…` when it is. The latter are not named at all when they are not here: a search for the bare name, which is
//! how some are looked for, would find them.

use super::directives;
use super::table::{Class, Contexts, HTTP, HTTP_LEVELS, LOCATION, MAIL, MAIN, SERVER, STREAM, STREAM_SERVER};
use super::table::{STREAM_UPSTREAM, UPSTREAM};

/// One module of nginx.
struct Module {
    /// The flag's name behind `--with-` or `--without-`.
    flag: &'static str,
    /// nginx builds it unless told not to.
    is_default: bool,
    /// Where its directives stand; tells those of `http` from their namesakes in `stream`.
    contexts: Contexts,
    /// It is here when all of these are supported: what the module is for, and not each of its settings.
    directives: &'static [&'static str],
}

const fn default(flag: &'static str, contexts: Contexts, directives: &'static [&'static str]) -> Module {
    Module { flag, is_default: true, contexts, directives }
}

const fn on_request(flag: &'static str, contexts: Contexts, directives: &'static [&'static str]) -> Module {
    Module { flag, is_default: false, contexts, directives }
}

const MODULES: &[Module] = &[
    on_request("http_ssl_module", SERVER, &["ssl_certificate", "ssl_certificate_key"]),
    on_request("http_v2_module", SERVER, &["http2"]),
    on_request("http_v3_module", SERVER, &["http3"]),
    on_request("http_realip_module", SERVER, &["set_real_ip_from", "real_ip_header", "real_ip_recursive"]),
    on_request("http_addition_module", LOCATION, &["add_before_body", "add_after_body"]),
    on_request("http_xslt_module", LOCATION, &["xslt_stylesheet"]),
    on_request("http_image_filter_module", LOCATION, &["image_filter"]),
    on_request("http_geoip_module", HTTP, &["geoip_country", "geoip_city"]),
    on_request("http_sub_module", LOCATION, &["sub_filter"]),
    on_request("http_dav_module", LOCATION, &["dav_methods"]),
    on_request("http_flv_module", LOCATION, &["flv"]),
    on_request("http_mp4_module", LOCATION, &["mp4"]),
    on_request("http_gunzip_module", LOCATION, &["gunzip"]),
    on_request("http_gzip_static_module", LOCATION, &["gzip_static"]),
    on_request("http_auth_request_module", LOCATION, &["auth_request", "auth_request_set"]),
    on_request("http_random_index_module", LOCATION, &["random_index"]),
    on_request("http_secure_link_module", LOCATION, &["secure_link", "secure_link_md5"]),
    on_request("http_degradation_module", LOCATION, &["degrade"]),
    on_request("http_slice_module", LOCATION, &["slice"]),
    on_request("http_stub_status_module", LOCATION, &["stub_status"]),
    on_request("http_perl_module", LOCATION, &["perl"]),
    default("http-cache", LOCATION, &["proxy_cache", "proxy_cache_key", "proxy_cache_valid"]),
    default("http_charset_module", LOCATION, &["charset", "charset_types"]),
    default("http_gzip_module", LOCATION, &["gzip", "gzip_types"]),
    default("http_ssi_module", LOCATION, &["ssi"]),
    default("http_userid_module", LOCATION, &["userid"]),
    default("http_access_module", LOCATION, &["allow", "deny"]),
    default("http_auth_basic_module", LOCATION, &["auth_basic", "auth_basic_user_file"]),
    default("http_mirror_module", LOCATION, &["mirror"]),
    default("http_autoindex_module", LOCATION, &["autoindex"]),
    default("http_geo_module", HTTP, &["geo"]),
    default("http_map_module", HTTP, &["map"]),
    default("http_split_clients_module", HTTP, &["split_clients"]),
    default("http_referer_module", LOCATION, &["valid_referers"]),
    // Named for its half `return`: nearly everything that asks for the module needs no more. The other half, `rewrite`,
    // `if` and `set`, is an error that says so and never ignored.
    default("http_rewrite_module", LOCATION, &["return"]),
    default("http_proxy_module", LOCATION, &["proxy_pass", "proxy_set_header", "proxy_http_version"]),
    default("http_fastcgi_module", LOCATION, &["fastcgi_pass"]),
    default("http_uwsgi_module", LOCATION, &["uwsgi_pass"]),
    default("http_scgi_module", LOCATION, &["scgi_pass"]),
    default("http_grpc_module", LOCATION, &["grpc_pass"]),
    default("http_tunnel_module", LOCATION, &["tunnel_pass"]),
    default("http_memcached_module", LOCATION, &["memcached_pass"]),
    default("http_limit_conn_module", HTTP_LEVELS, &["limit_conn", "limit_conn_zone"]),
    default("http_limit_req_module", HTTP_LEVELS, &["limit_req", "limit_req_zone"]),
    default("http_empty_gif_module", LOCATION, &["empty_gif"]),
    default("http_browser_module", LOCATION, &["modern_browser", "ancient_browser"]),
    default("http_upstream_hash_module", UPSTREAM, &["hash"]),
    default("http_upstream_ip_hash_module", UPSTREAM, &["ip_hash"]),
    default("http_upstream_least_conn_module", UPSTREAM, &["least_conn"]),
    default("http_upstream_least_time_module", UPSTREAM, &["least_time"]),
    default("http_upstream_random_module", UPSTREAM, &["random"]),
    default("http_upstream_sticky_module", UPSTREAM, &["sticky"]),
    default("http_upstream_keepalive_module", UPSTREAM, &["keepalive"]),
    default("http_upstream_zone_module", UPSTREAM, &["zone"]),
    on_request("mail", MAIN, &["mail"]),
    default("mail_pop3_module", MAIL, &["pop3_auth"]),
    default("mail_imap_module", MAIL, &["imap_auth"]),
    default("mail_smtp_module", MAIL, &["smtp_auth"]),
    on_request("mail_ssl_module", MAIL, &["ssl_certificate"]),
    on_request("stream", MAIN, &["stream"]),
    on_request("stream_ssl_module", STREAM_SERVER, &["ssl_certificate", "ssl_certificate_key"]),
    on_request("stream_realip_module", STREAM_SERVER, &["set_real_ip_from"]),
    on_request("stream_geoip_module", STREAM, &["geoip_country", "geoip_city"]),
    on_request("stream_ssl_preread_module", STREAM_SERVER, &["ssl_preread"]),
    default("stream_limit_conn_module", STREAM_SERVER, &["limit_conn"]),
    default("stream_access_module", STREAM_SERVER, &["allow", "deny"]),
    default("stream_geo_module", STREAM, &["geo"]),
    default("stream_map_module", STREAM, &["map"]),
    default("stream_split_clients_module", STREAM, &["split_clients"]),
    default("stream_return_module", STREAM_SERVER, &["return"]),
    default("stream_pass_module", STREAM_SERVER, &["pass"]),
    default("stream_set_module", STREAM_SERVER, &["set"]),
    default("stream_upstream_hash_module", STREAM_UPSTREAM, &["hash"]),
    default("stream_upstream_least_conn_module", STREAM_UPSTREAM, &["least_conn"]),
    default("stream_upstream_least_time_module", STREAM_UPSTREAM, &["least_time"]),
    default("stream_upstream_random_module", STREAM_UPSTREAM, &["random"]),
    default("stream_upstream_zone_module", STREAM_UPSTREAM, &["zone"]),
];

/// What stands behind `configure arguments:` in `-V`: flags as nginx's own `configure` takes them.
#[must_use]
pub fn configure_arguments() -> String {
    arguments(is_supported)
}

fn is_supported(name: &str, contexts: Contexts) -> bool {
    directives::all()
        .any(|entry| entry.name == name && entry.contexts & contexts != 0 && matches!(entry.class, Class::Supported(_)))
}

fn arguments(is_supported: impl Fn(&str, Contexts) -> bool) -> String {
    let mut flags = Vec::new();
    for module in MODULES {
        let is_here = module.directives.iter().all(|name| is_supported(name, module.contexts));
        match (is_here, module.is_default) {
            (true, false) => flags.push(format!("--with-{}", module.flag)),
            (false, true) => flags.push(format!("--without-{}", module.flag)),
            // As nginx would build it anyway: nothing to say.
            (true, true) | (false, false) => {}
        }
    }
    flags.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(arguments: &str, flag: &str) -> bool {
        arguments.split(' ').any(|one| one == flag)
    }

    #[test]
    fn without_any_directive_only_default_modules_are_named() {
        let found = arguments(|_, _| false);
        assert!(has(&found, "--without-http_gzip_module"));
        assert!(has(&found, "--without-http_upstream_zone_module"));
        assert!(!found.contains("--with-"), "{found}");
        assert!(!found.contains("http_slice"), "{found}");
    }

    #[test]
    fn with_every_directive_nothing_is_missing() {
        let found = arguments(|_, _| true);
        assert!(has(&found, "--with-http_ssl_module"));
        assert!(has(&found, "--with-stream"));
        assert!(!found.contains("--without-"), "{found}");
    }

    #[test]
    fn a_module_needs_all_its_directives_in_its_own_contexts() {
        let found = arguments(|name, contexts| name == "allow" || name == "map" && contexts == HTTP);
        assert!(has(&found, "--without-http_access_module"));
        assert!(!has(&found, "--without-http_map_module"));
        assert!(has(&found, "--without-stream_map_module"));
    }

    #[test]
    fn http_itself_is_never_denied() {
        assert!(!has(&arguments(|_, _| false), "--without-http"));
    }
}

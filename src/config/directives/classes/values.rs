//! What gives variables a value, and scripts: keyval, GeoIP, Perl, njs.

use crate::config::table::{
    ANY, Directive, FLAG, HTTP, HTTP_LEVELS, IF_IN_LOCATION, LIMIT_EXCEPT, LOCATION, MAIN, ONE, ONE_OR_MORE,
    ONE_OR_THREE, ONE_OR_TWO, THREE, TWO, TWO_OR_THREE, accepted, block, refused,
};

const SCRIPTS: &str = "scripts are not run inside longhaul";
const SCRIPTS_INSTEAD: &str = "Let the service behind do it, or use `map` and `return`, and remove the line.";
const ONLY_JS: &str = "it acts only on scripts, which are refused wherever they are run";
const ONLY_PERL: &str = "it acts only on Perl code, which is refused wherever it is run";
const GEOIP: &str = "it acts only through the `$geoip_…` variables, which are refused where they are used";
const KEYVAL: &str = "it belongs to the commercial nginx and is not built";

pub const TABLE: &[Directive] = &[
    refused(
        "num_map",
        HTTP,
        block(ONE_OR_TWO),
        "it belongs to the commercial nginx and is not built",
        "Use `map` with expressions.",
    ),
    refused(
        "keyval",
        HTTP,
        THREE,
        KEYVAL,
        "Use `map`, with an `include` for the values and a reload when they change.",
    ),
    accepted("keyval_zone", HTTP, ONE_OR_MORE, "it acts only together with `keyval`, which is refused"),
    accepted("geoip_country", HTTP, ONE_OR_TWO, GEOIP),
    accepted("geoip_org", HTTP, ONE_OR_TWO, GEOIP),
    accepted("geoip_city", HTTP, ONE_OR_TWO, GEOIP),
    accepted("geoip_proxy", HTTP, ONE, GEOIP),
    accepted("geoip_proxy_recursive", HTTP, FLAG, GEOIP),
    refused("perl", LOCATION | LIMIT_EXCEPT, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("perl_set", HTTP, TWO, SCRIPTS, SCRIPTS_INSTEAD),
    accepted("perl_modules", HTTP, ONE, ONLY_PERL),
    accepted("perl_require", HTTP, ONE, ONLY_PERL),
    refused("js_set", HTTP_LEVELS, TWO_OR_THREE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_var", HTTP_LEVELS, ONE_OR_TWO, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_content", LOCATION | IF_IN_LOCATION | LIMIT_EXCEPT, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_access", LOCATION | IF_IN_LOCATION | LIMIT_EXCEPT, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_body_filter", LOCATION | IF_IN_LOCATION | LIMIT_EXCEPT, ONE_OR_TWO, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_header_filter", LOCATION | IF_IN_LOCATION | LIMIT_EXCEPT, ONE, SCRIPTS, SCRIPTS_INSTEAD),
    refused("js_periodic", LOCATION, ANY, SCRIPTS, SCRIPTS_INSTEAD),
    accepted("js_import", HTTP_LEVELS, ONE_OR_THREE, ONLY_JS),
    accepted("js_include", HTTP, ONE, ONLY_JS),
    accepted("js_path", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_engine", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_context_reuse", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_preload_object", HTTP_LEVELS, ONE_OR_THREE, ONLY_JS),
    accepted("js_shared_dict_zone", HTTP, ONE_OR_MORE, ONLY_JS),
    accepted("js_load_http_native_module", MAIN, ONE_OR_THREE, ONLY_JS),
    accepted("js_load_stream_native_module", MAIN, ONE_OR_THREE, ONLY_JS),
    accepted("js_fetch_buffer_size", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_fetch_ciphers", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_fetch_max_response_buffer_size", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_fetch_protocols", HTTP_LEVELS, ONE_OR_MORE, ONLY_JS),
    accepted("js_fetch_timeout", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_fetch_trusted_certificate", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_fetch_verify", HTTP_LEVELS, FLAG, ONLY_JS),
    accepted("js_fetch_verify_depth", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_fetch_proxy", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_fetch_keepalive", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_fetch_keepalive_requests", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_fetch_keepalive_time", HTTP_LEVELS, ONE, ONLY_JS),
    accepted("js_fetch_keepalive_timeout", HTTP_LEVELS, ONE, ONLY_JS),
];

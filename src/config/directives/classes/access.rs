//! Who may ask and how often: access, authentication, limits, real addresses. Refused until built: a rule that is
//! dropped in silence opens what it guarded. What only tunes a refused directive is accepted, so that one error
//! stands for all.

use crate::config::table::{
    Directive, FLAG, HTTP, HTTP_LEVELS, LIMIT_EXCEPT, LOCATION, ONE, ONE_OR_MORE, ONE_OR_TWO, SERVER, THREE,
    TWO_OR_MORE, accepted, block, by_value, refused,
};

const ASK_SERVICE: &str =
    "Let the service behind check the request, then remove the line; WebSocket handshakes reach it with all fields.";
const TOKENS: &str = "checking tokens is not built, and dropping the check would let everybody in";
const COMMERCIAL_AUTH: &str =
    "it belongs to the commercial nginx and is not built, and dropping it would let everybody in";
const ONLY_JWT: &str = "it acts only together with `auth_jwt`, which is refused";
const ONLY_REFERERS: &str = "it acts only together with `valid_referers`, which is refused";

pub const TABLE: &[Directive] = &[
    by_value(
        "auth_jwt",
        HTTP_LEVELS | LIMIT_EXCEPT,
        ONE_OR_TWO,
        &["off"],
        "no token is asked for unless `auth_jwt` says so, and that is refused",
        TOKENS,
        ASK_SERVICE,
    ),
    refused("auth_jwt_require", HTTP_LEVELS | LIMIT_EXCEPT, ONE_OR_MORE, TOKENS, ASK_SERVICE),
    refused(
        "auth_jwt_claim_set",
        HTTP,
        TWO_OR_MORE,
        "it fills a variable from a token, and tokens are not read",
        "Remove it together with `auth_jwt`.",
    ),
    refused(
        "auth_jwt_header_set",
        HTTP,
        TWO_OR_MORE,
        "it fills a variable from a token, and tokens are not read",
        "Remove it together with `auth_jwt`.",
    ),
    accepted("auth_jwt_key_cache", HTTP_LEVELS, ONE, ONLY_JWT),
    accepted("auth_jwt_key_file", HTTP_LEVELS | LIMIT_EXCEPT, ONE, ONLY_JWT),
    accepted("auth_jwt_key_request", HTTP_LEVELS | LIMIT_EXCEPT, ONE, ONLY_JWT),
    accepted("auth_jwt_leeway", HTTP_LEVELS, ONE, ONLY_JWT),
    accepted("auth_jwt_type", HTTP_LEVELS | LIMIT_EXCEPT, ONE, ONLY_JWT),
    refused("auth_require", HTTP_LEVELS | LIMIT_EXCEPT, ONE_OR_MORE, COMMERCIAL_AUTH, ASK_SERVICE),
    by_value(
        "auth_oidc",
        HTTP_LEVELS,
        ONE,
        &["off"],
        "nobody is asked to log in unless `auth_oidc` says so, and that is refused",
        COMMERCIAL_AUTH,
        ASK_SERVICE,
    ),
    refused("oidc_provider", HTTP, block(ONE), COMMERCIAL_AUTH, ASK_SERVICE),
    refused(
        "limit_zone",
        HTTP,
        THREE,
        "nginx has given it up, and without it the limit would be lost",
        "Write `limit_conn_zone KEY zone=NAME:SIZE;`.",
    ),
    refused(
        "valid_referers",
        SERVER | LOCATION,
        ONE_OR_MORE,
        "the check of `Referer` is not built yet, and `$invalid_referer` would let everybody in",
        ASK_SERVICE,
    ),
    accepted("referer_hash_max_size", SERVER | LOCATION, ONE, ONLY_REFERERS),
    accepted("referer_hash_bucket_size", SERVER | LOCATION, ONE, ONLY_REFERERS),
    refused(
        "secure_link",
        HTTP_LEVELS,
        ONE,
        "checking signed links is not built, and dropping the check would let everybody in",
        ASK_SERVICE,
    ),
    refused(
        "secure_link_md5",
        HTTP_LEVELS,
        ONE,
        "checking signed links is not built, and dropping the check would let everybody in",
        ASK_SERVICE,
    ),
    refused(
        "secure_link_secret",
        HTTP_LEVELS,
        ONE,
        "checking signed links is not built, and dropping the check would let everybody in",
        ASK_SERVICE,
    ),
    refused(
        "modsecurity",
        HTTP_LEVELS,
        FLAG,
        "the ModSecurity module is not part of nginx and not built, and dropping its rules would let attacks through",
        "Run the rules in a proxy in front of longhaul, then remove the line.",
    ),
    refused(
        "modsecurity_rules",
        HTTP_LEVELS,
        ONE,
        "the ModSecurity module is not part of nginx and not built, and dropping its rules would let attacks through",
        "Run the rules in a proxy in front of longhaul, then remove the line.",
    ),
    refused(
        "modsecurity_rules_file",
        HTTP_LEVELS,
        ONE,
        "the ModSecurity module is not part of nginx and not built, and dropping its rules would let attacks through",
        "Run the rules in a proxy in front of longhaul, then remove the line.",
    ),
];

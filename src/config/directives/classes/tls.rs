//! TLS of listeners: what nginx has besides and is not built. What only tunes is accepted.

use crate::config::table::{
    Contexts, Directive, FLAG, HTTP, ONE, ONE_OR_MORE, ONE_TO_THREE, SERVER, STREAM_LEVELS, TWO, accepted, block,
    by_value, refused,
};

/// Servers of either kind, and what is around them.
const WHERE: Contexts = HTTP | SERVER | STREAM_LEVELS;

const DEFAULT: &str = "it is the default";
const AT_LOAD: &str = "certificates are read when the configuration is loaded, and never while requests are served";
const STAPLING: &str = "clients are not told what the issuer says of the certificate; they ask for it or do without";
const OPENSSL: &str = "it speaks to OpenSSL, which is not what speaks TLS here";
const OPENSSL_INSTEAD: &str = "Look for a directive of its own, or remove the line.";
const ISSUER: &str = "asking for certificates is not built";
const ISSUER_INSTEAD: &str = "Let a tool such as certbot fetch the files, and name them by `ssl_certificate`.";

pub const TABLE: &[Directive] = &[
    by_value(
        "ssl",
        HTTP | SERVER,
        FLAG,
        &["off"],
        DEFAULT,
        "it was replaced by a parameter of `listen`, in nginx too",
        "Write `listen 443 ssl;`.",
    ),
    refused(
        "ssl_ech_file",
        WHERE,
        ONE,
        "encrypted greetings are not built",
        "Remove the line: names are sent in the clear.",
    ),
    by_value(
        "ssl_ocsp",
        WHERE,
        ONE,
        &["off"],
        DEFAULT,
        "asking issuers about certificates of clients is not built, and dropping it would let in who was called back",
        "Name the list of those called back by `ssl_crl`.",
    ),
    by_value(
        "ssl_early_data",
        HTTP | SERVER,
        FLAG,
        &["off"],
        DEFAULT,
        "requests before the end of a handshake can be sent again by whoever saw them, and are not taken",
        "Remove the line: clients send their request after the handshake.",
    ),
    accepted("ssl_ocsp_responder", WHERE, ONE, "it acts only together with `ssl_ocsp`"),
    accepted("ssl_ocsp_cache", WHERE, ONE, "it acts only together with `ssl_ocsp`"),
    accepted("ssl_certificate_cache", WHERE, ONE_TO_THREE, AT_LOAD),
    accepted("ssl_certificate_compression", WHERE, FLAG, "certificates are sent as they are"),
    accepted("ssl_dhparam", WHERE, ONE, "ciphers that need it are not spoken"),
    accepted("ssl_stapling", WHERE, FLAG, STAPLING),
    accepted("ssl_stapling_file", WHERE, ONE, STAPLING),
    accepted("ssl_stapling_responder", WHERE, ONE, STAPLING),
    accepted("ssl_stapling_verify", WHERE, FLAG, STAPLING),
    refused("ssl_conf_command", WHERE, TWO, OPENSSL, OPENSSL_INSTEAD),
    refused(
        "ssl_key_log",
        WHERE,
        ONE,
        "it is not built, and a file that stays empty helps nobody",
        "Remove the line, or look into the traffic on the client's side.",
    ),
    refused("acme_issuer", HTTP, block(ONE), ISSUER, ISSUER_INSTEAD),
    refused("acme_certificate", SERVER, ONE_OR_MORE, ISSUER, ISSUER_INSTEAD),
    accepted("acme_shared_zone", HTTP, ONE, "it acts only together with `acme_issuer`, which is refused"),
];

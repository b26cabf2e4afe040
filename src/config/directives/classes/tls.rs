//! TLS of listeners. `ssl` in `listen` switches TLS on and is refused for now; so is what names keys and trust. What
//! only tunes it is accepted: files often carry it at http level, where it means nothing without a TLS listener.

use crate::config::table::{
    Directive, FLAG, HTTP, ONE, ONE_OR_MORE, ONE_OR_TWO, ONE_TO_THREE, SERVER, TWO, accepted, block, by_value, refused,
};

const WITHOUT_TLS: &str = "it acts only on a listener with `ssl`, which is refused for now";
const TLS: &str = "TLS is not built yet, and serving in the clear what was meant to be encrypted is no way out";
const INSTEAD: &str =
    "Let a TLS proxy in front (nginx, HAProxy, stunnel) pass the plain connection on, and `listen` on a loopback port.";
const CLIENTS: &str = "TLS is not built yet, and dropping the check of client certificates would let everybody in";

pub const TABLE: &[Directive] = &[
    by_value("ssl", HTTP | SERVER, FLAG, &["off"], "it is the default", TLS, INSTEAD),
    refused("ssl_certificate", HTTP | SERVER, ONE, TLS, INSTEAD),
    refused("ssl_certificate_key", HTTP | SERVER, ONE, TLS, INSTEAD),
    refused("ssl_password_file", HTTP | SERVER, ONE, TLS, INSTEAD),
    refused("ssl_ech_file", HTTP | SERVER, ONE, TLS, INSTEAD),
    by_value("ssl_verify_client", HTTP | SERVER, ONE, &["off"], "it is the default", CLIENTS, INSTEAD),
    refused("ssl_client_certificate", HTTP | SERVER, ONE, CLIENTS, INSTEAD),
    refused("ssl_crl", HTTP | SERVER, ONE, CLIENTS, INSTEAD),
    by_value("ssl_ocsp", HTTP | SERVER, ONE, &["off"], "it is the default", CLIENTS, INSTEAD),
    by_value("ssl_reject_handshake", HTTP | SERVER, FLAG, &["off"], "it is the default", TLS, INSTEAD),
    accepted("ssl_verify_depth", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_trusted_certificate", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_ocsp_responder", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_ocsp_cache", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_certificate_cache", HTTP | SERVER, ONE_TO_THREE, WITHOUT_TLS),
    accepted("ssl_certificate_compression", HTTP | SERVER, FLAG, WITHOUT_TLS),
    accepted("ssl_dhparam", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_ecdh_curve", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_protocols", HTTP | SERVER, ONE_OR_MORE, WITHOUT_TLS),
    accepted("ssl_ciphers", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_buffer_size", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_prefer_server_ciphers", HTTP | SERVER, FLAG, WITHOUT_TLS),
    accepted("ssl_session_cache", HTTP | SERVER, ONE_OR_TWO, WITHOUT_TLS),
    accepted("ssl_session_tickets", HTTP | SERVER, FLAG, WITHOUT_TLS),
    accepted("ssl_session_ticket_key", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_session_timeout", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_stapling", HTTP | SERVER, FLAG, WITHOUT_TLS),
    accepted("ssl_stapling_file", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_stapling_responder", HTTP | SERVER, ONE, WITHOUT_TLS),
    accepted("ssl_stapling_verify", HTTP | SERVER, FLAG, WITHOUT_TLS),
    accepted("ssl_early_data", HTTP | SERVER, FLAG, WITHOUT_TLS),
    accepted("ssl_conf_command", HTTP | SERVER, TWO, WITHOUT_TLS),
    accepted("ssl_key_log", HTTP | SERVER, ONE, WITHOUT_TLS),
    refused("acme_issuer", HTTP, block(ONE), "TLS is not built yet, and so is asking for certificates", INSTEAD),
    refused(
        "acme_certificate",
        SERVER,
        ONE_OR_MORE,
        "TLS is not built yet, and so is asking for certificates",
        INSTEAD,
    ),
    accepted("acme_shared_zone", HTTP, ONE, "it acts only together with `acme_issuer`, which is refused"),
];

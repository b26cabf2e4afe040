//! Directives of `upstream` that are not built: other ways to choose a peer, health checks.

use crate::config::table::{
    ANY, Directive, HTTP, LOCATION, NO_ARGS, ONE, ONE_OR_MORE, ONE_OR_TWO, SERVER, TWO, TWO_OR_MORE, UPSTREAM,
    accepted, between, block, refused,
};

const BALANCE: &str = "round robin and `least_conn` are the only ways of choosing a peer yet";
const STICKY: &str =
    "choosing the peer by the client is not built yet, and socket.io polling would reach peers that do not know it";
const STICKY_INSTEAD: &str =
    "Use `transports: [\"websocket\"]` in the clients, or a group with one peer, and remove the line.";
const CHECKS: &str = "asking peers whether they are well is not built yet";
const CHECKS_INSTEAD: &str = "Remove the line; `max_fails=` of a `server` leaves a peer alone that fails requests.";
const ONLY_CHECK: &str = "it acts only together with `check`, which is refused";
const COMMERCIAL: &str = "it belongs to the commercial nginx and is not built";

pub const TABLE: &[Directive] = &[
    refused("ip_hash", UPSTREAM, NO_ARGS, STICKY, STICKY_INSTEAD),
    refused("hash", UPSTREAM, ONE_OR_TWO, STICKY, STICKY_INSTEAD),
    refused("sticky", UPSTREAM, TWO_OR_MORE, STICKY, STICKY_INSTEAD),
    refused(
        "least_time",
        UPSTREAM,
        ONE_OR_TWO,
        BALANCE,
        "Remove the line to choose by round robin, with `weight=` where peers differ.",
    ),
    refused(
        "random",
        UPSTREAM,
        between(0, 2),
        BALANCE,
        "Remove the line to choose by round robin, with `weight=` where peers differ.",
    ),
    refused(
        "fair",
        UPSTREAM,
        ANY,
        BALANCE,
        "Remove the line to choose by round robin, with `weight=` where peers differ.",
    ),
    refused(
        "queue",
        UPSTREAM,
        ONE_OR_TWO,
        COMMERCIAL,
        "Remove the line: when no peer can be used the answer is 502 at once.",
    ),
    refused(
        "ntlm",
        UPSTREAM,
        NO_ARGS,
        "connections to peers that belong to one client are not built",
        "Let the peers use another authentication than NTLM.",
    ),
    refused("state", UPSTREAM, ONE, COMMERCIAL, "List the peers by `server` lines."),
    refused("check", UPSTREAM, ANY, CHECKS, CHECKS_INSTEAD),
    refused("health_check", LOCATION, ANY, CHECKS, CHECKS_INSTEAD),
    accepted("check_http_send", UPSTREAM, ONE, ONLY_CHECK),
    accepted("check_http_expect_alive", UPSTREAM, ONE_OR_MORE, ONLY_CHECK),
    accepted("check_keepalive_requests", UPSTREAM, ONE, ONLY_CHECK),
    accepted("check_fastcgi_param", UPSTREAM, TWO, ONLY_CHECK),
    accepted("check_shm_size", HTTP, ONE, ONLY_CHECK),
    refused(
        "check_status",
        SERVER | LOCATION,
        ANY,
        "the page about checks of peers is not built yet",
        "Remove the `location` of the page.",
    ),
    refused(
        "match",
        HTTP,
        block(ONE),
        "it belongs to `health_check`, which is not built yet",
        "Remove the block together with `health_check`.",
    ),
];

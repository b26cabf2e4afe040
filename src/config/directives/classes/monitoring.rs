//! Status pages, counters, traces, and pages of the commercial nginx.

use crate::config::table::{
    Directive, HTTP, HTTP_LEVELS, IF_IN_LOCATION, LOCATION, NO_ARGS, NONE_OR_ONE, ONE, ONE_OR_TWO, SERVER, TWO,
    TWO_OR_MORE, accepted, block, by_value, refused,
};

const PAGE_INSTEAD: &str = "Remove the `location` of the page; the access log has each request.";
const PAID: &str = "it belongs to the commercial nginx and is not built";
const TRACES: &str = "traces are not built";
const TRACES_INSTEAD: &str = "Let the service behind trace; `traceparent` reaches it as the client sends it.";
const ONLY_TRACES: &str = "it acts only together with `otel_trace`, which is refused unless it is off";

pub const TABLE: &[Directive] = &[
    refused("status", LOCATION, NO_ARGS, "it belongs to the commercial nginx and is not built", PAGE_INSTEAD),
    refused("api", LOCATION, NONE_OR_ONE, "it belongs to the commercial nginx and is not built", PAGE_INSTEAD),
    refused("upstream_conf", LOCATION, NO_ARGS, "it belongs to the commercial nginx and is not built", PAGE_INSTEAD),
    accepted(
        "status_zone",
        SERVER | LOCATION | IF_IN_LOCATION,
        ONE,
        "it acts only on the status pages of the commercial nginx, which are refused",
    ),
    accepted(
        "status_format",
        HTTP_LEVELS,
        ONE_OR_TWO,
        "it acts only on the status pages of the commercial nginx, which are refused",
    ),
    by_value(
        "session_log",
        HTTP_LEVELS,
        ONE,
        &["off"],
        "it is the default",
        PAID,
        "Use `access_log`: a tunnel is one line in it.",
    ),
    accepted(
        "session_log_format",
        HTTP,
        TWO_OR_MORE,
        "it acts only together with `session_log`, which is refused unless it is off",
    ),
    accepted(
        "session_log_zone",
        HTTP,
        TWO_OR_MORE,
        "it acts only together with `session_log`, which is refused unless it is off",
    ),
    refused("otel_exporter", HTTP, block(NO_ARGS), TRACES, TRACES_INSTEAD),
    by_value("otel_trace", HTTP_LEVELS, ONE, &["off"], "it is the default", TRACES, TRACES_INSTEAD),
    by_value("otel_trace_context", HTTP_LEVELS, ONE, &["ignore"], "it is the default", TRACES, TRACES_INSTEAD),
    accepted("otel_service_name", HTTP, ONE, ONLY_TRACES),
    accepted("otel_resource_attr", HTTP, TWO, ONLY_TRACES),
    accepted("otel_span_name", HTTP_LEVELS, ONE, ONLY_TRACES),
    accepted("otel_span_attr", HTTP_LEVELS, TWO, ONLY_TRACES),
    refused(
        "degradation",
        HTTP,
        ONE,
        "closing connections when memory is short is an experiment of nginx's and not built",
        "Bound connections by `worker_connections`.",
    ),
    refused(
        "degrade",
        HTTP_LEVELS,
        ONE,
        "closing connections when memory is short is an experiment of nginx's and not built",
        "Bound connections by `worker_connections`.",
    ),
];

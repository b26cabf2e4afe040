//! `ssi` and what goes with it.

use super::*;
use crate::model::{MediaTypes, Variable};

#[test]
fn levels_take_what_they_do_not_say_from_around() {
    assert!(location("ssi_types *; ssi_silent_errors on;", "", "").ssi.is_none());
    assert!(location("ssi on;", "", "ssi off;").ssi.is_none());
    let plain = location("", "", "ssi on;").ssi.clone().expect("on");
    assert_eq!((plain.types.clone(), plain.value_bytes), (MediaTypes::default(), 255));
    assert!(!plain.silent_errors && !plain.last_modified);
    let (http, server) = ("ssi on; ssi_types text/XML; ssi_value_length 1k;", "ssi_silent_errors on;");
    let inner = location(http, server, "ssi_last_modified on;").ssi.clone().expect("on");
    assert!(inner.silent_errors && inner.last_modified && inner.types.list(Some(b"text/xml; charset=utf-8")));
    assert!(inner.types.list(Some(b"text/html")) && !inner.types.list(Some(b"text/css")));
    assert_eq!(inner.value_bytes, 1024);
    assert_eq!(location(http, "", "ssi_types *;").ssi.clone().expect("on").types, MediaTypes(None));
}

#[test]
fn answers_that_are_kept_have_a_bound() {
    assert_eq!(location("", "", "").subrequest_buffer_bytes, 4096);
    assert_eq!(location("subrequest_output_buffer_size 8k;", "", "").subrequest_buffer_bytes, 8192);
    assert_eq!(
        location_fault("subrequest_output_buffer_size x;"),
        "\"subrequest_output_buffer_size\" directive invalid value"
    );
    assert_eq!(location_fault("ssi on; ssi on;"), "\"ssi\" directive is duplicate");
}

#[test]
fn commands_may_name_every_variable() {
    let http = generation("http { map $uri $Mapped { default a; } server { set $Own b; } }").serving;
    let find = |name: &str| http.variable_names.find(name.as_bytes());
    assert_eq!(find("uri"), Some(Variable::Uri));
    assert_eq!(find("date_gmt"), Some(Variable::DateGmt));
    assert_eq!(find("cookie_a"), Some(Variable::Cookie((*b"a").into())));
    assert!(matches!(find("mapped"), Some(Variable::Map(_))) && matches!(find("own"), Some(Variable::Slot(_))));
    assert_eq!(find("none"), None);
}

//! `longhaul proxy`: the main job without a file. Writes the configuration that a file would hold, and runs it.

use std::fmt::Write;
use std::fs::OpenOptions;
use std::process::ExitCode;

use crate::control::{self, Start};

/// Serves in the foreground, with logs on stderr, until a signal.
pub(super) fn run(listen: &str, to: &[String]) -> ExitCode {
    let words = to.iter().map(String::as_str).chain([listen]);
    for word in words {
        if let Some(bad) = word.chars().find(|c| c.is_whitespace() || matches!(c, ';' | '{' | '}' | '"' | '\'' | '$')) {
            eprintln!(
                "longhaul: [emerg] invalid address \"{word}\": it has a {bad:?} in it; write for example 127.0.0.1:9000"
            );
            return ExitCode::FAILURE;
        }
    }
    // A stderr that is a socket cannot be opened by its name.
    let with_access_log = OpenOptions::new().append(true).open("/dev/stderr").is_ok();
    let text = configuration(listen, to, with_access_log);
    eprint!("{text}");
    control::serve(Start::generated("longhaul proxy", text), None)
}

fn configuration(listen: &str, to: &[String], with_access_log: bool) -> String {
    let access_log = if with_access_log { "/dev/stderr" } else { "off" };
    let connections = control::affordable_connections();
    let mut peers = String::new();
    for peer in to {
        // Writing to a string cannot fail.
        let _ = writeln!(peers, "        server {peer};");
    }
    format!(
        "\
worker_processes auto;
daemon off;
error_log stderr notice;
events {{
    worker_connections {connections};
}}
http {{
    access_log {access_log};
    upstream peers {{
{peers}    }}
    server {{
        listen {listen};
        location / {{
            proxy_pass http://peers;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"
    )
}

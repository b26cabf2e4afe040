//! Whole configurations: what is loaded from them, and what is said of those that cannot be.

mod access;
mod compressing;
mod computing;
mod faults;
mod inheritance;
mod limiting;
mod listening;
mod loading;
mod logging;
mod messages;
mod proxying;
mod real_addresses;
mod resolving;
mod ssi;
mod steps;
mod streams;
mod tls;
mod tunnels;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::model::{Generation, Location};

/// Knows `localhost` and `two.example`, and no other name.
struct Names;

impl Resolve for Names {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let addresses: &[&str] = match host {
            "localhost" => &["127.0.0.1"],
            "two.example" => &["10.0.0.1", "10.0.0.2"],
            _ => return Err(io::Error::other("no such host")),
        };
        Ok(addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), port)).collect())
    }
}

fn load_with(files: &MemoryFiles, global_directives: Option<&str>) -> Result<Loaded, Vec<Diagnostic>> {
    load(&Request {
        text: Text::File("/etc/l/l.conf".into()),
        prefix: None,
        global_directives: global_directives.map(str::to_owned),
        error_log: None,
        hostname: "Edge1".to_owned(),
        is_privileged: true,
        number: 7,
        files,
        resolver: &Names,
    })
}

fn try_load(text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    load_with(&MemoryFiles::default().with("/etc/l/l.conf", text), None)
}

fn loaded(text: &str) -> Loaded {
    try_load(text).unwrap_or_else(|faults| {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{}", told.join("\n"))
    })
}

fn generation(text: &str) -> Generation {
    loaded(text).generation
}

/// First lines of all faults, without the file's name.
fn faults(text: &str) -> Vec<String> {
    match try_load(text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| fault.message.replace(" in /etc/l/l.conf:", " at ")).collect(),
    }
}

/// The one fault of a text, without its place.
fn fault(text: &str) -> String {
    let found = faults(text);
    assert_eq!(found.len(), 1, "{found:?} for {text}");
    found[0].rsplit_once(" at ").map_or(found[0].clone(), |(words, _)| words.to_owned())
}

/// The same for lines of a `location /`.
fn location_fault(lines: &str) -> String {
    fault(&format!("http {{ server {{ location / {{ {lines} }} }} }}"))
}

fn warnings(text: &str) -> Vec<String> {
    loaded(text).warnings.into_iter().map(|warning| warning.message.replace(" in /etc/l/l.conf:", " at ")).collect()
}

/// The locations of the first server.
fn locations(text: &str) -> Vec<Arc<Location>> {
    generation(text).serving.listeners[0].servers[0].root.children.clone()
}

/// The only location of a server with these lines around it.
fn location(http: &str, server: &str, lines: &str) -> Arc<Location> {
    let text = format!("http {{ {http} server {{ {server} location / {{ {lines} }} }} }}");
    Arc::clone(&locations(&text)[0])
}

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}
